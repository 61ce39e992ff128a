//! Compressed RTF, as Outlook keeps bodies ([MS-OXRTFCP]): LZ77 over a ring of 4,096 octets that starts with usual text.

use super::octets::Octets;

/// What the ring begins with ([MS-OXRTFCP] 2.1.2.1).
const START: &[u8] = b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";
/// Octets of the ring.
const RING: usize = 4_096;

/// Unpacks at most `most` octets; `None` when it is not compressed RTF.
pub(super) fn unpack(packed: &[u8], most: usize) -> Option<Vec<u8>> {
    let mut input = Octets(packed);
    let (_size, raw, kind, _sum) = (input.u32()?, input.length()?, input.take(4)?, input.u32()?);
    match kind {
        b"MELA" => Some(input.take(raw.min(input.0.len()).min(most))?.to_vec()),
        b"LZFu" => Some(inflate(input, raw.min(most))),
        _ => None,
    }
}

fn inflate(mut input: Octets<'_>, most: usize) -> Vec<u8> {
    let mut ring = vec![0_u8; RING];
    if let Some(start) = ring.get_mut(..START.len()) {
        start.copy_from_slice(START);
    }
    let (mut at, mut out) = (START.len(), Vec::new());
    let mut put = |octet: u8, out: &mut Vec<u8>, ring: &mut Vec<u8>| {
        out.push(octet);
        if let Some(place) = ring.get_mut(at) {
            *place = octet;
        }
        at = (at + 1) % RING;
        at
    };
    let mut place = START.len();
    while out.len() < most {
        let Some(control) = input.u8() else { break };
        for bit in 0..8 {
            if control & (1 << bit) == 0 {
                let Some(octet) = input.u8() else { return out };
                place = put(octet, &mut out, &mut ring);
                continue;
            }
            let (Some(high), Some(low)) = (input.u8(), input.u8()) else { return out };
            let pair = u16::from_be_bytes([high, low]);
            let (from, length) = (usize::from(pair >> 4), usize::from(pair & 15) + 2);
            if from == place {
                return out;
            }
            for step in 0..length {
                let octet = ring.get((from + step) % RING).copied().unwrap_or(0);
                place = put(octet, &mut out, &mut ring);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_specification() {
        // [MS-OXRTFCP] 3.1.1 and 3.1.2.
        let simple = b"\x2d\0\0\0\x2b\0\0\0LZFu\xf1\xc5\xc7\xa7\x03\0\x0a\0rcpg125\x42\x32\x0a\xf3 hel\x09\0\x20bw\x05\xb0ld}\x0a\x80\x0f\xa0";
        assert_eq!(unpack(simple, 1_000).unwrap(), b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n");
        let crossing = b"\x1a\0\0\0\x1c\0\0\0LZFu\xe2\xd4\x4b\x51\x41\0\x04\x20WXYZ\x0d\x6e\x7d\x01\x0e\xb0";
        assert_eq!(unpack(crossing, 1_000).unwrap(), b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}");
        assert_eq!(unpack(b"x", 10), None);
        assert!(unpack(simple, 5).unwrap().len() < 40);
    }
}
