//! Files of every kind, damaged anyhow.

use super::containers::{attribute, compound, word_97};
use super::invoices::{CII, FATTURA, UBL};
use super::*;
use proptest::prelude::*;

/// How many files each property makes: `SENTRA_FUZZ=100000` for a night.
#[expect(clippy::disallowed_methods, reason = "a count for long runs")]
fn cases() -> u32 {
    std::env::var("SENTRA_FUZZ").ok().and_then(|count| count.parse().ok()).unwrap_or(40)
}

/// One file of each kind.
fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let table = format!("<w:tbl><w:tr><w:tc>{}</w:tc></w:tr></w:tbl>", para("IBAN"));
    let sheet = office(&[
        (
            "xl/workbook.xml",
            "spreadsheetml.sheet.main",
            "<workbook><sheets><sheet name=\"One\" r:id=\"r1\"/></sheets></workbook>",
        ),
        (
            "xl/_rels/workbook.xml.rels",
            "",
            "<Relationships><Relationship Id=\"r1\" Type=\"x/worksheet\" Target=\"a.xml\"/></Relationships>",
        ),
        (
            "xl/a.xml",
            "spreadsheetml.worksheet",
            "<worksheet><sheetData><row><c r=\"A1\"><v>1</v></c></row></sheetData></worksheet>",
        ),
    ]);
    let mut tnef = b"\x78\x9F\x3E\x22\x01\x00".to_vec();
    tnef.extend(attribute(
        1,
        0x0006_9003,
        &[1, 0, 0, 0, 0x1E, 0, 0, 0x10, 1, 0, 0, 0, 4, 0, 0, 0, b'b', b'o', b'd', b'y'],
    ));
    vec![
        ("a.docx", document(&table)),
        ("a.xlsx", sheet),
        ("a.odt", zipped(&[("META-INF/manifest.xml", b"<m/>"), ("content.xml", b"<a><text:p>x</text:p></a>")])),
        ("a.zip", zipped(&[("a.rtf", b"{\\rtf1 x}"), ("b.xml", UBL.as_bytes())])),
        ("a.rtf", b"{\\rtf1\\ansi{\\fonttbl x}\\u8364?\\'e9{\\v y}\\bin3 abc}".to_vec()),
        ("winmail.dat", tnef),
        ("a.doc", word_97("narrow text", "wide text", false)),
        ("a.msg", compound(&[("__properties_version1.0", b""), ("__substg1.0_10090102", b"\x2d\0\0\0\x2b\0\0\0LZFu\xf1\xc5\xc7\xa7\x03\0\x0a\0rcpg")])),
        ("a.p7m", b"\x30\x80\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x02\xA0\x80\x30\x80\x02\x01\x01\x31\x00\x30\x80".to_vec()),
        ("ubl.xml", UBL.as_bytes().to_vec()),
        ("cii.xml", CII.as_bytes().to_vec()),
        ("fattura.xml", FATTURA.as_bytes().to_vec()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is changed in a file of any kind, reading it ends, within its bounds.
    #[test]
    fn damage_is_survived(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 1..12),
    ) {
        for (name, seed) in seeds() {
            let mut octets = seed;
            for (at, value, how) in &edits {
                if octets.is_empty() {
                    break;
                }
                let at = at.index(octets.len());
                match how {
                    0 => octets[at] = *value,
                    1 => octets.insert(at, *value),
                    2 => drop(octets.remove(at)),
                    _ => octets.truncate(octets.len().max(at + 1)),
                }
            }
            let document = open(name, &octets);
            prop_assert!(document.text_octets() <= crate::limits::DOCUMENT_TEXT * 2);
            prop_assert!(document.files.len() <= crate::limits::DOCUMENT_ENTRIES + 1);
        }
    }
}
