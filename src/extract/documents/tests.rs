//! Every format over files that are written here, and rubbish made of them.

use super::*;
use crate::model::SpanKind;
use std::io::{Cursor, Write as _};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

mod containers;
mod damage;
mod invoices;

fn no_mail(_octets: &[u8]) -> Message {
    Message::default()
}

/// A ZIP archive of these files.
fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, octets) in files {
        writer.start_file(*name, options).unwrap();
        writer.write_all(octets).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// An Office package whose parts have these content types.
fn office(parts: &[(&str, &str, &str)]) -> Vec<u8> {
    let overrides: String = parts
        .iter()
        .filter(|(_, kind, _)| !kind.is_empty())
        .map(|(name, kind, _)| format!("<Override PartName=\"/{name}\" ContentType=\"application/vnd.openxmlformats-officedocument.{kind}+xml\"/>"))
        .collect();
    let types = format!(
        "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"xml\" ContentType=\"application/xml\"/>{overrides}</Types>"
    );
    let mut files: Vec<(&str, &[u8])> = vec![("[Content_Types].xml", types.as_bytes())];
    files.extend(parts.iter().map(|(name, _, text)| (*name, text.as_bytes())));
    zipped(&files)
}

fn document(body: &str) -> Vec<u8> {
    office(&[("word/document.xml", "wordprocessingml.document.main", &word(body))])
}

fn word(body: &str) -> String {
    format!("<w:document xmlns:w=\"w\"><w:body>{body}</w:body></w:document>")
}

fn para(text: &str) -> String {
    format!("<w:p><w:r><w:t xml:space=\"preserve\">{text}</w:t></w:r></w:p>")
}

fn open(name: &str, octets: &[u8]) -> Document {
    read(File { name, media_type: "", octets, inline: false }, Effort::Text, no_mail)
}

/// `path|kind|page|text` a span, then `path|gap|why` a gap.
fn told(document: &Document) -> Vec<String> {
    let mut out = Vec::new();
    for file in &document.files {
        for span in &file.spans {
            let page = span.page.map(|page| page.to_string()).unwrap_or_default();
            out.push(format!("{}|{:?}|{page}|{}", file.path, span.kind, span.text.trim()));
        }
        out.extend(file.gaps.iter().map(|why| format!("{}|gap|{}", file.path, why.as_str())));
    }
    out
}

fn texts(document: &Document, kind: SpanKind) -> String {
    document
        .files
        .iter()
        .flat_map(|file| &file.spans)
        .filter(|span| span.kind == kind)
        .map(|span| span.text.as_str())
        .collect()
}

#[test]
fn word_documents() {
    for (body, want) in [
        (para("IBAN: DE89 3704"), vec!["|Visible||IBAN: DE89 3704"]),
        // Runs join, cells are apart.
        ("<w:p><w:r><w:t>DE</w:t></w:r><w:r><w:t>89</w:t></w:r></w:p>".to_owned(), vec!["|Visible||DE89"]),
        (
            format!("<w:tbl><w:tr><w:tc>{}</w:tc><w:tc>{}</w:tc></w:tr></w:tbl>", para("Sort code"), para("20-00-00")),
            vec!["|Visible||Sort code\t20-00-00"],
        ),
        (
            "<w:p><w:r><w:t>12</w:t></w:r><w:r><w:rPr><w:vanish/></w:rPr><w:t>99</w:t></w:r><w:r><w:t>34</w:t></w:r></w:p>".to_owned(),
            vec!["|Visible||1234", "|Hidden||99"],
        ),
        ("<w:p><w:r><w:rPr><w:vanish w:val=\"0\"/></w:rPr><w:t>x</w:t></w:r></w:p>".to_owned(), vec!["|Visible||x"]),
        ("<w:p><w:pPr><w:rPr><w:vanish/></w:rPr></w:pPr><w:r><w:t>x</w:t></w:r></w:p>".to_owned(), vec!["|Visible||x"]),
        (
            "<w:p><w:r><w:t>12</w:t></w:r><w:r><w:rPr><w:color w:val=\"FFFFFF\"/></w:rPr><w:t>99</w:t></w:r><w:r><w:t>34</w:t></w:r></w:p>".to_owned(),
            vec!["|Visible||129934", "|Visible||1234"],
        ),
        (
            "<w:p><w:del><w:r><w:delText>old</w:delText></w:r></w:del><w:ins><w:r><w:t>new</w:t></w:r></w:ins></w:p>".to_owned(),
            vec!["|Visible||new", "|Hidden||old"],
        ),
        (
            "<w:p><w:r><w:instrText> HYPERLINK \"https://a.example\" </w:instrText></w:r><w:r><w:t>a</w:t></w:r></w:p>".to_owned(),
            vec!["|Visible||a", "|Machine||HYPERLINK \"https://a.example\""],
        ),
        // One text box, as new and as old Word read it, inside a paragraph.
        (
            format!(
                "<w:p><w:r><w:t>be</w:t></w:r><w:r><mc:AlternateContent><mc:Choice><w:txbxContent>{box}</w:txbxContent></mc:Choice>\
                 <mc:Fallback><w:txbxContent>{box}</w:txbxContent></mc:Fallback></mc:AlternateContent></w:r><w:r><w:t>fore</w:t></w:r></w:p>",
                box = para("in the box")
            ),
            vec!["|Visible||before\n\nin the box"],
        ),
    ] {
        assert_eq!(told(&open("a.docx", &document(&body))), want, "{body}");
    }
}

#[test]
fn all_parts_of_a_word_document() {
    let octets = office(&[
        ("odd/place.xml", "wordprocessingml.document.main", &word(&para("body"))),
        ("word/header1.xml", "wordprocessingml.header", &word(&para("header"))),
        ("word/footnotes.xml", "wordprocessingml.footnotes", &word(&para("note"))),
        ("word/comments.xml", "wordprocessingml.comments", &word(&para("comment"))),
        (
            "word/styles.xml",
            "wordprocessingml.styles",
            "<w:styles><w:style w:styleId=\"Gone\"><w:rPr><w:vanish/></w:rPr></w:style></w:styles>",
        ),
        ("customXml/item1.xml", "", "<data><iban>DE00</iban></data>"),
        (
            "word/_rels/document.xml.rels",
            "",
            "<Relationships><Relationship Id=\"r1\" Target=\"https://pay.example/x\" TargetMode=\"External\"/></Relationships>",
        ),
        ("docProps/app.xml", "", "<Properties><Application>Writer 1</Application></Properties>"),
        ("word/embeddings/inner.txt", "", "embedded text"),
    ]);
    let document = open("a.docx", &octets);
    let visible = texts(&document, SpanKind::Visible);
    for text in ["body", "header", "note", "embedded text"] {
        assert!(visible.contains(text), "{text}");
    }
    assert!(texts(&document, SpanKind::Hidden).contains("comment"));
    assert_eq!(texts(&document, SpanKind::Machine).trim(), "DE00");
    assert_eq!(document.files[0].links, ["https://pay.example/x"]);
    assert_eq!(document.files[0].producer.as_deref(), Some("Writer 1"));
    assert_eq!(document.files[1].path, "inner.txt");
}

#[test]
fn workbooks() {
    let relations = "<Relationships><Relationship Id=\"r1\" Type=\"x/worksheet\" Target=\"worksheets/a.xml\"/>\
        <Relationship Id=\"r2\" Type=\"x/worksheet\" Target=\"/xl/worksheets/b.xml\"/>\
        <Relationship Id=\"r3\" Type=\"x/styles\" Target=\"styles.xml\"/>\
        <Relationship Id=\"r4\" Type=\"x/sharedStrings\" Target=\"shared.xml\"/></Relationships>";
    let octets = office(&[
        (
            "xl/workbook.xml",
            "spreadsheetml.sheet.main",
            "<workbook><sheets><sheet name=\"One\" r:id=\"r1\"/><sheet name=\"Two\" state=\"veryHidden\" r:id=\"r2\"/></sheets></workbook>",
        ),
        ("xl/_rels/workbook.xml.rels", "", relations),
        (
            "xl/styles.xml",
            "spreadsheetml.styles",
            "<styleSheet><numFmts><numFmt numFmtId=\"164\" formatCode=\"00-00-00\"/></numFmts><cellStyleXfs><xf numFmtId=\"14\"/></cellStyleXfs>\
             <cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"164\"/><xf numFmtId=\"14\"/></cellXfs></styleSheet>",
        ),
        (
            "xl/shared.xml",
            "spreadsheetml.sharedStrings",
            "<sst><si><r><t>Sort </t></r><r><t>code</t></r><rPh><t>x</t></rPh></si></sst>",
        ),
        (
            "xl/worksheets/a.xml",
            "spreadsheetml.worksheet",
            "<worksheet><cols><col min=\"4\" max=\"5\" hidden=\"1\"/></cols><sheetData>\
             <row><c t=\"s\"><v>0</v></c><c s=\"1\"><v>70093</v></c><c s=\"2\"><v>46357</v></c><c><v>5</v></c></row>\
             <row hidden=\"1\"><c t=\"inlineStr\"><is><t>secret</t></is></c></row>\
             <row><c r=\"XFD1048576\" t=\"str\"><v>far</v></c></row>\
             </sheetData><headerFooter><oddFooter>&amp;LIBAN: X</oddFooter></headerFooter></worksheet>",
        ),
        (
            "xl/worksheets/b.xml",
            "spreadsheetml.worksheet",
            "<worksheet><sheetData><row><c><v>7</v></c></row></sheetData></worksheet>",
        ),
        (
            "xl/comments1.xml",
            "spreadsheetml.comments",
            "<comments><comment><text><r><t>aside</t></r></text></comment></comments>",
        ),
    ]);
    let document = open("a.xlsx", &octets);
    let want = [
        "|Visible|1|Sort code\t07-00-93\t2026-12-01\t\nfar\t\n\nIBAN: X",
        "|Hidden|1|5\t\nsecret",
        "|Hidden|2|7",
        "|Hidden||aside",
    ];
    assert_eq!(told(&document), want);
    assert_eq!(document.files[0].pages, Some(2));
}

#[test]
fn presentations() {
    let slide = |show: &str, text: &str| {
        format!("<p:sld show=\"{show}\"><a:p><a:r><a:rPr sz=\"1800\"/><a:t>{text}</a:t></a:r></a:p></p:sld>")
    };
    let octets = office(&[
        ("ppt/presentation.xml", "presentationml.presentation.main", "<p/>"),
        ("ppt/slides/slide2.xml", "presentationml.slide", &slide("1", "seen")),
        ("ppt/slides/slide3.xml", "presentationml.slide", &slide("0", "unseen")),
        ("ppt/notesSlides/notesSlide1.xml", "presentationml.notesSlide", &slide("1", "note")),
    ]);
    assert_eq!(told(&open("a.pptx", &octets)), ["|Visible|2|seen", "|Hidden|3|unseen", "|Hidden||note"]);
}

#[test]
fn open_documents() {
    let content = "<office:document-content><office:automatic-styles><style:style style:name=\"T1\"><style:text-properties text:display=\"none\"/></style:style>\
        <style:style style:name=\"ta2\"><style:table-properties table:display=\"false\"/></style:style></office:automatic-styles><office:body>\
        <text:p>IBAN:<text:s text:c=\"2\"/>DE<text:span text:style-name=\"T1\">99</text:span>89</text:p>\
        <text:tracked-changes><text:deletion><text:p>gone</text:p></text:deletion></text:tracked-changes>\
        <table:table><table:table-row><table:table-cell office:value=\"1\" table:number-columns-repeated=\"1000000\"><text:p>07-00-93</text:p></table:table-cell>\
        <table:table-cell office:value=\"42\"/></table:table-row></table:table>\
        <table:table table:style-name=\"ta2\"><table:table-row><table:table-cell><text:p>unseen</text:p></table:table-cell></table:table-row></table:table>\
        <text:p><text:a xlink:href=\"https://a.example\">a</text:a></text:p></office:body></office:document-content>";
    let manifest = "<manifest:manifest/>";
    let octets = zipped(&[
        ("mimetype", b"application/vnd.oasis.opendocument.text"),
        ("META-INF/manifest.xml", manifest.as_bytes()),
        ("content.xml", content.as_bytes()),
    ]);
    let document = open("a.odt", &octets);
    assert_eq!(texts(&document, SpanKind::Visible), "IBAN:  DE89\n07-00-93\t42\t\na\n");
    assert_eq!(
        texts(&document, SpanKind::Hidden).split_whitespace().collect::<Vec<_>>(),
        ["99gone", "unseen"]
    );
    assert_eq!(document.files[0].media_type, "application/vnd.oasis.opendocument.text");
    assert_eq!(document.files[0].links, ["https://a.example"]);
    let mended = zipped(&[("mimetype", b"x"), ("content.xml", content.as_bytes())]);
    assert_eq!(texts(&open("a.odt", &mended), SpanKind::Visible), "IBAN:  DE89\n07-00-93\t42\t\na\n");
    let locked = zipped(&[
        ("META-INF/manifest.xml", b"<manifest:manifest><manifest:encryption-data/></manifest:manifest>"),
        ("content.xml", b"\x01\x02"),
    ]);
    assert_eq!(told(&open("a.odt", &locked)), ["|gap|password"]);
}

#[test]
fn rich_text() {
    for (text, want) in [
        ("{\\rtf1 a\\par b}", vec!["|Visible||a\nb"]),
        ("{\\rtf1{\\fonttbl{\\f0 Arial;}}{\\*\\unknown no}x\\cell y\\row}", vec!["|Visible||x\ty"]),
        ("{\\rtf1 DE{\\v 99}89}", vec!["|Visible||DE89", "|Hidden||99"]),
        ("{\\rtf1 DE\\v 99\\v0 89{\\deleted x}}", vec!["|Visible||DE89", "|Hidden||99x"]),
        ("{\\rtf1\\ansicpg1251 \\'cf\\'ee}", vec!["|Visible||По"]),
        ("{\\rtf1\\ansicpg932 \\'93\\'fa}", vec!["|Visible||日"]),
        ("{\\rtf1\\uc1 \\u8364?5 \\u-10179?\\u-8704?}", vec!["|Visible||€5 😀"]),
        (
            "{\\rtf1{\\field{\\*\\fldinst HYPERLINK \"https://a.example\"}{\\fldrslt here}}}",
            vec!["|Visible||here", "|Machine||HYPERLINK \"https://a.example\""],
        ),
        ("{\\rtf1\\bin5 }}}}}x}", vec!["|Visible||x"]),
        ("{\\rtf1{\\object{\\*\\objdata 0105}}x}", vec!["|Visible||x", "|gap|unsupported"]),
        ("{\\rtf1{\\shp{\\*\\shpinst{\\sp{\\sn no}{\\sv v}}{\\shptxt boxed}}}}", vec!["|Visible||vboxed"]),
        ("{\\rtf1 cut", vec!["|Visible||cut", "|gap|damaged"]),
    ] {
        assert_eq!(told(&open("a.doc", text.as_bytes())), want, "{text}");
    }
    let deep = "{\\rtf1".to_owned() + &"{".repeat(100_000);
    assert_eq!(told(&open("a.rtf", deep.as_bytes())), ["|gap|limit"]);
}
