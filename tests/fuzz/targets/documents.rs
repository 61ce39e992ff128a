//! Attachments, one function a family of formats: what the document workers read.

use super::archive::packed;
use sentra::extract::documents::{Effort, File, read};
use sentra::limits;
use sentra::message::parse;
use std::panic;
use std::sync::Once;

fn opened(name: &str, media_type: &str, octets: &[u8]) {
    checked(File { name, media_type, octets, inline: false }, Effort::Text);
}

fn checked(file: File<'_>, effort: Effort) {
    let document = read(file, effort, parse);
    assert!(!document.files.is_empty(), "nothing is said of the file");
    assert!(document.files.len() <= limits::DOCUMENT_ENTRIES + 1, "more files than are to be opened");
    assert!(document.text_octets() <= limits::DOCUMENT_TEXT + 4, "more text than is to be kept");
    for file in &document.files {
        assert!(file.links.len() <= limits::DOCUMENT_LINKS, "more links than are to be kept");
        assert!(file.misleading.len() <= limits::MAX_MISLEADING_LINKS, "more misleading links than are kept");
        let make = file.make.as_deref().unwrap_or_default();
        assert!(make.len() <= limits::PDF_PROGRAM * 4, "a make that grew");
        assert!(!file.path.chars().any(char::is_control), "a path that breaks a line");
        for span in &file.spans {
            let bad = span.text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t'));
            assert_eq!(bad, None, "a control character in a text");
        }
    }
}

/// PDF.
pub fn pdf(octets: &[u8]) {
    opened("invoice.pdf", "application/pdf", octets);
}

/// DOCX, XLSX, PPTX, ODT, ODS and archives, from a list of their parts ([`packed`]).
pub fn office(octets: &[u8]) {
    opened("invoice", "application/octet-stream", &packed(octets));
}

/// ZIP and GZ as octets.
pub fn zip(octets: &[u8]) {
    opened("invoices.zip", "application/zip", octets);
}

/// Compound files: DOC, XLS, MSG.
pub fn compound(octets: &[u8]) {
    calamine_may_panic();
    opened("invoice", "application/octet-stream", octets);
}

/// The reader of old workbooks panics over false lengths, and ours makes a gap of it: libFuzzer, which ends at every
/// panic, must not hear of those.
fn calamine_may_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !info.location().is_some_and(|at| at.file().contains("/calamine-")) {
                hook(info);
            }
        }));
    });
}

/// RTF.
pub fn rtf(octets: &[u8]) {
    opened("invoice.rtf", "application/rtf", octets);
}

/// TNEF (`winmail.dat`).
pub fn tnef(octets: &[u8]) {
    opened("winmail.dat", "application/ms-tnef", octets);
}

/// Electronic invoices: UBL, CII and their relatives.
pub fn invoice(octets: &[u8]) {
    opened("invoice.xml", "application/xml", octets);
}

/// Anything else: text, HTML, attached mail, S/MIME. The first octet chooses the name.
pub fn any(octets: &[u8]) {
    const NAMES: [(&str, &str); 6] = [
        ("letter.txt", "text/plain"),
        ("letter.html", "text/html"),
        ("forwarded.eml", "message/rfc822"),
        ("smime.p7m", "application/pkcs7-mime"),
        ("rows.csv", "text/csv"),
        ("", ""),
    ];
    let Some((choice, octets)) = octets.split_first() else { return };
    let (name, media_type) = NAMES[usize::from(*choice) % NAMES.len()];
    opened(name, media_type, octets);
}

/// Pictures, decoded and searched for QR codes.
pub fn picture(octets: &[u8]) {
    let file = File { name: "scan", media_type: "application/octet-stream", octets, inline: false };
    checked(file, Effort::Sight { recognise: false });
}

/// PDF, whose pages are drawn and searched for QR codes. JPEG 2000 of a large grid takes as much memory as there is: in
/// production the limit of the worker ends that, and here such pictures are passed over.
pub fn drawn(octets: &[u8]) {
    if !grids_are_small(octets) {
        return;
    }
    let file = File { name: "scan.pdf", media_type: "application/pdf", octets, inline: false };
    checked(file, Effort::Sight { recognise: true });
}

/// Samples of all components of one JPEG 2000 picture.
const JPX_SAMPLES: u64 = 200_000;
/// Tiles of all its components.
const JPX_TILES: u64 = 4_096;

/// Whether every SIZ segment of JPEG 2000 (ITU-T T.800, A.5.1) states a small picture of few tiles.
fn grids_are_small(octets: &[u8]) -> bool {
    octets.windows(44).filter(|window| window.starts_with(&[0xFF, 0x4F, 0xFF, 0x51])).all(|head| {
        // Behind both markers, the length and the capabilities: sides, and where image, tiles and their grid begin.
        let field =
            |at: usize| head[8 + 4 * at..].first_chunk().map_or(0, |b| u64::from(u32::from_be_bytes(*b)));
        let components = u64::from(u16::from_be_bytes([head[40], head[41]]));
        let tiles =
            |side: usize| field(side).saturating_sub(field(side + 6)).div_ceil(field(side + 4).max(1));
        let samples = field(0).saturating_mul(field(1)).saturating_mul(components);
        samples <= JPX_SAMPLES && tiles(0).saturating_mul(tiles(1)).saturating_mul(components) <= JPX_TILES
    })
}
