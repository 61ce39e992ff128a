//! `winmail.dat` ([MS-OXTNEF]): Outlook's wrapping of a message and its attachments.

use super::mapi::Item;
use super::octets::{Octets, ansi};
use super::reading::Reading;
use super::{File, Format};
use crate::limits::MAPI_PROPERTIES;
use crate::model::{SpanKind, Unread};

/// TNEF.
pub(super) struct Tnef;

impl Format for Tnef {
    fn media_type(&self) -> &'static str {
        "application/vnd.ms-tnef"
    }

    fn accepts(&self, file: &File<'_>) -> bool {
        file.octets.starts_with(b"\x78\x9F\x3E\x22")
    }

    fn read(&self, file: &File<'_>, reading: &mut Reading<'_>) {
        let mut stream = Octets(file.octets);
        // Signature and key.
        stream.take(6);
        let (mut message, mut attached) = (Item::default(), None);
        while let Some(level) = stream.u8() {
            let Some((id, value)) = attribute(&mut stream) else {
                reading.gap(Unread::Damaged);
                break;
            };
            match id {
                0x0001_8004 => reading.say(SpanKind::Visible, None, &ansi(value)),
                0x0002_800C => reading.say(SpanKind::Visible, None, &ansi(value)),
                0x0006_9003 => properties(value, &mut message, reading),
                0x0006_9002 => finish(attached.replace(Item::default()), reading),
                0x0001_8010 => attached.get_or_insert_default().name(ansi(value)),
                0x0006_800F => attached.get_or_insert_default().property(0x3701, 0x0102, value),
                0x0006_9005 => properties(value, attached.get_or_insert_default(), reading),
                _ => {}
            }
            if level > 2 {
                reading.gap(Unread::Damaged);
                break;
            }
        }
        finish(attached, reading);
        message.finish(reading);
    }
}

fn finish(item: Option<Item>, reading: &mut Reading<'_>) {
    if let Some(item) = item {
        item.finish(reading);
    }
}

/// Id, length, value, checksum.
fn attribute<'a>(stream: &mut Octets<'a>) -> Option<(u32, &'a [u8])> {
    let id = stream.u32()?;
    let length = stream.length()?;
    let value = stream.take(length)?;
    stream.take(2)?;
    Some((id, value))
}

/// A block of MAPI properties.
fn properties(block: &[u8], item: &mut Item, reading: &mut Reading<'_>) {
    let mut block = Octets(block);
    let count = block.length().unwrap_or(0);
    if count > MAPI_PROPERTIES {
        reading.gap(Unread::Limit);
    }
    for _ in 0..count.min(MAPI_PROPERTIES) {
        if property(&mut block, item).is_none() {
            reading.gap(Unread::Damaged);
            return;
        }
    }
}

fn property(block: &mut Octets<'_>, item: &mut Item) -> Option<()> {
    let (kind, id) = (block.u16()?, block.u16()?);
    if id >= 0x8000 {
        // A named property: set, then number or name.
        block.take(16)?;
        match block.u32()? {
            0 => drop(block.u32()?),
            _ => {
                let length = block.length()?;
                padded(block, length)?;
            }
        }
    }
    let single = kind & !0x1000;
    let variable = matches!(single, 0x001E | 0x001F | 0x0102 | 0x000D);
    let values = if variable || kind != single { block.length()?.min(MAPI_PROPERTIES) } else { 1 };
    for _ in 0..values {
        let length = match single {
            0x0002 | 0x0003 | 0x0004 | 0x000A | 0x000B => 4,
            0x0005 | 0x0006 | 0x0007 | 0x0014 | 0x0040 => 8,
            0x0048 => 16,
            _ if variable => block.length()?,
            _ => return None,
        };
        let value = padded(block, length)?;
        // An object is preceded by what it is: another message is TNEF again.
        let value = if single == 0x000D { value.get(16..).unwrap_or_default() } else { value };
        item.property(id, single, value);
    }
    Some(())
}

/// A value and what fills it up to four octets.
fn padded<'a>(block: &mut Octets<'a>, length: usize) -> Option<&'a [u8]> {
    let value = block.take(length)?;
    block.take((4 - length % 4) % 4)?;
    Some(value)
}
