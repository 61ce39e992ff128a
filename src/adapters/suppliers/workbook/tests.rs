//! Workbooks as Excel writes them, and as an attacker does.

use crate::adapters::suppliers::csv::{ParseOptions, ParsedSuppliers, parse};
use crate::adapters::suppliers::reading::{ReadOptions, Reading};
use std::io::{Cursor, Write};
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

const RELATIONS: &str = r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/>
<Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="/xl/worksheets/sheet2.xml"/>
<Relationship Id="rId3" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/>
<Relationship Id="rId4" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings" Target="sharedStrings.xml"/>
</Relationships>"#;
const BOOK: &str = r#"<workbook xmlns:r="x"><sheets><sheet name="Hidden" state="hidden" sheetId="9" r:id="rId9"/>
<sheet name="First" sheetId="1" r:id="rId1"/><sheet name="Vendors &amp; Co" sheetId="2" r:id="rId2"/></sheets></workbook>"#;
const STYLES: &str = r#"<styleSheet><numFmts><numFmt numFmtId="164" formatCode="00-00-00"/></numFmts>
<cellXfs><xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="14"/></cellXfs></styleSheet>"#;
const TEXTS: &str = "<sst><si><t>name</t></si><si><t>sort_code</t></si><si><t>account_number</t></si>\
                     <si><r><t>Ac</t></r><r><t xml:space=\"preserve\">me &amp; S&#246;hne</t></r><rPh><t>aloud</t></rPh></si></sst>";

/// A workbook whose first sheet has this content.
fn book(sheet: &str) -> Vec<u8> {
    let other = "<worksheet><sheetData><row><c t=\"inlineStr\"><is><t>name</t></is></c></row>\
                 <row><c t=\"inlineStr\"><is><t>Other</t></is></c></row></sheetData></worksheet>";
    archive(&[
        ("xl/_rels/workbook.xml.rels", RELATIONS.as_bytes()),
        ("xl/workbook.xml", BOOK.as_bytes()),
        ("xl/styles.xml", STYLES.as_bytes()),
        ("xl/sharedStrings.xml", TEXTS.as_bytes()),
        ("xl/worksheets/sheet1.xml", sheet.as_bytes()),
        ("xl/worksheets/sheet2.xml", other.as_bytes()),
    ])
}

fn archive(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        zip.start_file(*name, options).expect("starts");
        zip.write_all(content).expect("writes");
    }
    zip.finish().expect("finishes").into_inner()
}

/// Cells of a sheet: `A1` to its attributes and content.
fn sheet(cells: &[(&str, &str)]) -> String {
    let mut out = String::from("<worksheet><sheetData>");
    let mut last = String::new();
    for (reference, cell) in cells {
        let row: String = reference.chars().filter(char::is_ascii_digit).collect();
        if row != last {
            out.push_str(if last.is_empty() { "" } else { "</row>" });
            out.push_str(&format!("<row r=\"{row}\">"));
            last = row;
        }
        out.push_str(&format!("<c r=\"{reference}\" {cell}</c>"));
    }
    out.push_str("</row></sheetData></worksheet>");
    out
}

const HEAD: [(&str, &str); 3] =
    [("A1", "t=\"s\"><v>0</v>"), ("B1", "t=\"s\"><v>1</v>"), ("C1", "t=\"s\"><v>2</v>")];

fn read(sheet: &str) -> ParsedSuppliers {
    parse(&book(sheet), ParseOptions::default())
}

fn with(cells: &[(&str, &str)]) -> ParsedSuppliers {
    read(&sheet(&[&HEAD[..], cells].concat()))
}

#[test]
fn texts_numbers_and_formats() {
    let parsed = with(&[
        ("A2", "t=\"s\"><v>3</v>"),
        ("B2", "s=\"1\"><v>70093</v>"),
        ("C2", "><v>12345678</v>"),
        // A gap of rows, a formula's text.
        ("A90", "t=\"str\"><f>1+1</f><v>Beta</v>"),
        ("B90", "t=\"inlineStr\"><is><t>20-00-00</t></is>"),
        ("C90", "><v>5.5779911E7</v>"),
    ]);
    assert_eq!(parsed.errors, []);
    let seen: Vec<(&str, &str)> =
        parsed.suppliers.iter().map(|s| (s.name.as_str(), s.accounts[0].account.reveal())).collect();
    assert_eq!(seen, [("Acme & Söhne", "07009312345678"), ("Beta", "20000055779911")]);
}

#[test]
fn what_a_spreadsheet_did_to_a_number_is_refused_with_its_row() {
    for (cell, column, want) in [
        ("B2\u{0}><v>70093</v>", "sort_code", "may have dropped leading zeros"),
        ("B2\u{0}s=\"2\"><v>37655</v>", "sort_code", "is a date"),
        ("C2\u{0}><v>1234567890123456789</v>", "account_number", "more digits than a spreadsheet keeps"),
        ("C2\u{0}t=\"e\"><v>#REF!</v>", "account_number", "error of the spreadsheet"),
        ("C2\u{0}t=\"s\"><v>77</v>", "account_number", "error of the spreadsheet"),
    ] {
        let (place, cell) = cell.split_once('\u{0}').unwrap();
        let mut cells = vec![
            ("A2", "t=\"s\"><v>3</v>"),
            ("B2", "t=\"str\"><v>200000</v>"),
            ("C2", "t=\"str\"><v>12345678</v>"),
        ];
        for known in &mut cells {
            if known.0 == place {
                known.1 = cell;
            }
        }
        let parsed = with(&cells);
        let errors: Vec<_> =
            parsed.errors.iter().map(|e| (e.line, e.column.as_str(), e.reason.as_str())).collect();
        assert!(
            matches!(errors.as_slice(), [(2, c, reason)] if *c == column && reason.contains(want)),
            "{errors:?}"
        );
    }
}

#[test]
fn the_sheet_that_is_asked_for() {
    let content = book(&sheet(&HEAD));
    let named = |sheet: &str| {
        let options = ReadOptions { sheet: Some(sheet.to_owned()), ..ReadOptions::default() };
        Reading::of_file(Box::new(Cursor::new(content.clone())), options).found
    };
    let found = named("vendors & co");
    assert_eq!((found.format.as_str(), found.suppliers), ("Excel sheet `Vendors & Co`", 1));
    for missing in ["None", "Hidden"] {
        let found = named(missing);
        assert!(
            found.stopped && found.errors[0].reason.contains("there are: First, Vendors & Co"),
            "{found:?}"
        );
    }
}

#[test]
fn a_sheet_of_two_far_corners_costs_nothing() {
    let parsed = with(&[("A2", "t=\"s\"><v>3</v>"), ("XFD1048576", "t=\"str\"><v>x</v>")]);
    assert_eq!((parsed.suppliers.len(), parsed.errors.len()), (1, 1));
    assert_eq!(parsed.errors[0].line, 1_048_576);
    let alone = read(&sheet(&[HEAD[0], ("XFD1048576", "t=\"str\"><v>x</v>")]));
    assert_eq!((alone.suppliers.len(), alone.errors[0].line), (0, 1_048_576));
}

#[test]
fn hostile_workbooks_are_refused_whole() {
    let deep = format!("<worksheet>{}", "<a>".repeat(100_000));
    let huge = format!("<worksheet><sheetData><row><c t=\"str\"><v>{}</v></c></row>", "x".repeat(3_000_000));
    let cut = sheet(&HEAD).replace("</row></sheetData></worksheet>", "");
    for (name, content) in
        [("deep", deep), ("huge", huge), ("cut", cut), ("no XML", "\u{0}\u{1}<<<>".to_owned())]
    {
        let parsed = read(&content);
        assert_eq!((parsed.suppliers.len(), parsed.errors.len()), (0, 1), "{name}: {:?}", parsed.errors);
    }
    let mut flipped = book(&sheet(&[&HEAD[..], &[("A2", "t=\"s\"><v>3</v>")]].concat()));
    // The checksum of the first sheet in the central directory.
    let at =
        flipped.windows(24).rposition(|w| w == b"xl/worksheets/sheet1.xml").expect("the directory") - 46 + 16;
    flipped[at] ^= 1;
    let parsed = parse(&flipped, ParseOptions::default());
    assert!(
        parsed.suppliers.is_empty() && parsed.errors[0].reason.contains("checksum"),
        "{:?}",
        parsed.errors
    );
    for (name, bytes) in
        [("empty archive", archive(&[])), ("an archive without a book", archive(&[("a", b"b")]))]
    {
        assert!(
            parse(&bytes, ParseOptions::default()).errors[0].reason.contains("workbook is damaged"),
            "{name}"
        );
    }
    let old = [&[0xd0, 0xcf, 0x11, 0xe0][..], &[0; 600]].concat();
    assert!(parse(&old, ParseOptions::default()).errors[0].reason.contains("save it as .xlsx"));
}

#[test]
fn a_bomb_of_shared_texts_costs_time_and_no_memory() {
    // Unpacks to 150 MB from some hundred kB.
    let texts = format!("<sst>{}</sst>", format!("<si><t>{}</t></si>", "x".repeat(30_000)).repeat(5_000));
    let bomb = archive(&[
        ("xl/_rels/workbook.xml.rels", RELATIONS.as_bytes()),
        ("xl/workbook.xml", BOOK.as_bytes()),
        ("xl/styles.xml", STYLES.as_bytes()),
        ("xl/sharedStrings.xml", texts.as_bytes()),
        ("xl/worksheets/sheet1.xml", sheet(&HEAD).as_bytes()),
    ]);
    assert!(bomb.len() < 1_500_000, "{}", bomb.len());
    let parsed = parse(&bomb, ParseOptions::default());
    assert!(parsed.errors[0].reason.contains("more text than is read"), "{:?}", parsed.errors);
}
