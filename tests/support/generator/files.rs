//! Files that suppliers send: PDF in three ways of placing text, Word, Excel, OpenDocument, RTF,
//! an archive. Written by hand, so that no reader is measured with its own writer.

use crate::support::office::zipped;
use std::fmt::Write as _;

/// Lines of cells, top to bottom.
pub type Rows = Vec<Vec<String>>;

/// A PDF of one page. The form chooses how text is placed: whole strings; every character moved on its own; values
/// before labels and the page from bottom to top, as some programs write it.
pub fn pdf(rows: &Rows, form: usize) -> Vec<u8> {
    let mut texts = Vec::new();
    for (line, row) in rows.iter().enumerate() {
        for (column, cell) in row.iter().enumerate() {
            let (x, y) = (60 + column * 170, 780 - line * 18);
            texts.push(match form % 3 {
                1 => format!("BT /F1 8 Tf 1 0 0 1 {x} {y} Tm [{}] TJ ET", kerned(cell)),
                _ => format!("BT /F1 8 Tf 1 0 0 1 {x} {y} Tm {} Tj ET", hex(cell)),
            });
        }
    }
    if form % 3 == 2 {
        texts.reverse();
    }
    let content = texts.join("\n");
    let width = rows.iter().map(|row| 60 + row.len() * 170).max().unwrap_or(0).max(595);
    let map = "/CIDInit /ProcSet findresource begin 12 dict begin begincmap 1 begincodespacerange <0000> <FFFF> \
        endcodespacerange 1 beginbfrange <0000> <FFFF> <0000> endbfrange endcmap end end";
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width} 842] /Contents 4 0 R \
             /Resources << /Font << /F1 5 0 R >> >> >>"
        ),
        format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
        "<< /Type /Font /Subtype /Type0 /BaseFont /Arial /Encoding /Identity-H /DescendantFonts [6 0 R] /ToUnicode 7 0 R >>"
            .to_owned(),
        "<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Arial /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) \
         /Supplement 0 >> /DW 500 >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{map}\nendstream", map.len()),
    ];
    let mut out = "%PDF-1.7\n".to_owned();
    let mut offsets = Vec::new();
    for (number, object) in objects.iter().enumerate() {
        offsets.push(out.len());
        write!(out, "{} 0 obj\n{object}\nendobj\n", number + 1).expect("a string");
    }
    let table = out.len();
    write!(out, "xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).expect("a string");
    for offset in offsets {
        writeln!(out, "{offset:010} 00000 n ").expect("a string");
    }
    write!(out, "trailer << /Size {} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n", objects.len() + 1)
        .expect("a string");
    out.into_bytes()
}

/// A string of two-octet codes that are the characters' own numbers.
fn hex(text: &str) -> String {
    let codes: String = text.encode_utf16().map(|unit| format!("{unit:04X}")).collect();
    format!("<{codes}>")
}

/// Each character on its own, pushed together or apart by a little.
fn kerned(text: &str) -> String {
    text.chars().enumerate().map(|(at, c)| format!("{} {} ", hex(&c.to_string()), (at % 3) * 10)).collect()
}

/// A Word document: a table, its cells cut into runs as a spelling check leaves them.
pub fn docx(rows: &Rows) -> Vec<u8> {
    let mut table = String::new();
    for row in rows {
        table.push_str("<w:tr>");
        for cell in row {
            let middle = cell.char_indices().nth(cell.chars().count() / 2).map_or(0, |(at, _)| at);
            let (head, tail) = cell.split_at(middle);
            let run = |text: &str| format!("<w:r><w:t xml:space=\"preserve\">{}</w:t></w:r>", xml(text));
            write!(
                table,
                "<w:tc><w:p>{}<w:proofErr w:type=\"spellStart\"/>{}</w:p></w:tc>",
                run(head),
                run(tail)
            )
            .expect("a string");
        }
        table.push_str("</w:tr>");
    }
    let types = "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"xml\" \
        ContentType=\"application/xml\"/><Override PartName=\"/word/document.xml\" \
        ContentType=\"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml\"/></Types>";
    let document = format!(
        "<w:document xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"><w:body><w:tbl>{table}</w:tbl></w:body></w:document>"
    );
    zipped(&[("[Content_Types].xml", types.as_bytes()), ("word/document.xml", document.as_bytes())])
}

/// An Excel workbook with its texts in the cells or in the shared list.
pub fn xlsx(rows: &Rows, form: usize) -> Vec<u8> {
    let shared = form.is_multiple_of(2);
    let (mut data, mut texts, mut count) = (String::new(), String::new(), 0);
    for (line, row) in rows.iter().enumerate() {
        write!(data, "<row r=\"{}\">", line + 1).expect("a string");
        for (column, cell) in row.iter().enumerate() {
            let place = format!("{}{}", ["A", "B", "C", "D", "E", "F"][column.min(5)], line + 1);
            if shared {
                write!(data, "<c r=\"{place}\" t=\"s\"><v>{count}</v></c>").expect("a string");
                write!(texts, "<si><t>{}</t></si>", xml(cell)).expect("a string");
                count += 1;
            } else {
                write!(data, "<c r=\"{place}\" t=\"inlineStr\"><is><t>{}</t></is></c>", xml(cell))
                    .expect("a string");
            }
        }
        data.push_str("</row>");
    }
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006/relationships";
    let content = "application/vnd.openxmlformats-officedocument.spreadsheetml";
    let files = [
        (
            "[Content_Types].xml",
            format!(
                "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"rels\" \
                 ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Override PartName=\"/xl/workbook.xml\" \
                 ContentType=\"{content}.sheet.main+xml\"/><Override PartName=\"/xl/worksheets/sheet1.xml\" \
                 ContentType=\"{content}.worksheet+xml\"/><Override PartName=\"/xl/sharedStrings.xml\" \
                 ContentType=\"{content}.sharedStrings+xml\"/></Types>"
            ),
        ),
        (
            "_rels/.rels",
            format!(
                "<Relationships xmlns=\"{package}\"><Relationship Id=\"rId1\" Type=\"{relations}/officeDocument\" \
                 Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/workbook.xml",
            format!(
                "<workbook xmlns=\"{main}\" xmlns:r=\"{relations}\"><sheets><sheet name=\"Invoice\" sheetId=\"1\" \
                 r:id=\"rId1\"/></sheets></workbook>"
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                "<Relationships xmlns=\"{package}\"><Relationship Id=\"rId1\" Type=\"{relations}/worksheet\" \
                 Target=\"worksheets/sheet1.xml\"/><Relationship Id=\"rId2\" Type=\"{relations}/sharedStrings\" \
                 Target=\"sharedStrings.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/worksheets/sheet1.xml",
            format!("<worksheet xmlns=\"{main}\"><sheetData>{data}</sheetData></worksheet>"),
        ),
        ("xl/sharedStrings.xml", format!("<sst xmlns=\"{main}\">{texts}</sst>")),
    ];
    let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    zipped(&files)
}

/// An OpenDocument text with a table.
pub fn odt(rows: &Rows) -> Vec<u8> {
    let mut table = String::new();
    for row in rows {
        table.push_str("<table:table-row>");
        for cell in row {
            // Spaces in a row are an element in this format.
            let cell = xml(cell).replace("  ", " <text:s/>");
            write!(table, "<table:table-cell><text:p>{cell}</text:p></table:table-cell>").expect("a string");
        }
        table.push_str("</table:table-row>");
    }
    let content = format!(
        "<office:document-content xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" \
         xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\" \
         xmlns:table=\"urn:oasis:names:tc:opendocument:xmlns:table:1.0\"><office:body><office:text><table:table>{table}</table:table>\
         </office:text></office:body></office:document-content>"
    );
    zipped(&[("mimetype", b"application/vnd.oasis.opendocument.text"), ("content.xml", content.as_bytes())])
}

/// A rich text document; characters outside ASCII as `\uN?`.
pub fn rtf(rows: &Rows) -> Vec<u8> {
    let mut out = "{\\rtf1\\ansi\\ansicpg1252\\deff0{\\fonttbl{\\f0 Arial;}}\\f0\\fs20 ".to_owned();
    for row in rows {
        let line: Vec<String> = row.iter().map(|cell| escaped(cell)).collect();
        write!(out, "{}\\par\r\n", line.join("\\tab ")).expect("a string");
    }
    out.push('}');
    out.into_bytes()
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' | '{' | '}' => {
                out.push('\\');
                out.push(c);
            }
            ' '..='~' => out.push(c),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{}?", i16::from_ne_bytes(unit.to_ne_bytes())).expect("a string");
                }
            }
        }
    }
    out
}

/// A PDF in an archive.
pub fn zip(rows: &Rows, form: usize) -> Vec<u8> {
    zipped(&[("invoice/invoice.pdf", &pdf(rows, form)), ("readme.txt", b"Please see the invoice.")])
}

fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
