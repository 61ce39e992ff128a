//! Every format over files that are written here, and rubbish made of them.

use super::*;
use crate::model::SpanKind;
use proptest::prelude::*;
use std::io::{Cursor, Write as _};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

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

#[test]
fn archives_and_their_limits() {
    let inner = zipped(&[("deep/b.txt", b"inner text")]);
    let outer = zipped(&[("a.txt", b"outer text"), ("inner.zip", &inner), ("__MACOSX/._a.txt", b"\0\0")]);
    assert_eq!(
        told(&open("a.zip", &outer)),
        ["a.txt|Visible||outer text", "inner.zip/b.txt|Visible||inner text"]
    );
    // Too deep.
    let mut nested = zipped(&[("x.txt", b"x")]);
    for _ in 0..5 {
        nested = zipped(&[("n.zip", &nested)]);
    }
    assert_eq!(told(&open("a.zip", &nested)), ["n.zip/n.zip/n.zip|gap|limit"]);
    // Too much.
    let zeros = vec![0; 40 * 1_024 * 1_024];
    let bomb = zipped(&[("a.txt", &zeros), ("b.txt", b"after")]);
    let document = open("a.zip", &bomb);
    assert!(document.files[0].gaps.contains(&Unread::Limit), "{:?}", told(&document));
    // Too many.
    let names: Vec<String> = (0..300).map(|n| format!("{n}.txt")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b"x".as_slice())).collect();
    let many = open("a.zip", &zipped(&files));
    assert_eq!((many.files.len(), many.files[0].gaps.as_slice()), (201, [Unread::Limit].as_slice()));
    // Locked: bit 0 of the flags in both headers.
    let mut locked = zipped(&[("a.txt", b"x")]);
    locked[6] |= 1;
    let central = memchr::memmem::find(&locked, b"PK\x01\x02").unwrap();
    locked[central + 8] |= 1;
    assert_eq!(told(&open("a.zip", &locked)), ["|gap|password"]);
    assert_eq!(told(&open("a.zip", b"PK\x03\x04rubbish")), ["|gap|damaged"]);
}

#[test]
fn gzip_and_disguises() {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(b"packed text").unwrap();
    assert_eq!(told(&open("a.txt.gz", &packer.finish().unwrap())), ["a.txt|Visible||packed text"]);
    for (name, octets, want) in [
        ("a.pdf", b"plain text".as_slice(), vec!["|Visible||plain text", "|gap|damaged"]),
        ("a.xls", b"<html><table><tr><td>IBAN<td>X</table>", vec!["|Visible||IBAN\tX"]),
        ("a.bin", b"\0\x01\x02\x03\x04\x05\x06\x07", vec!["|gap|unsupported"]),
        ("a.pdf", b"%PDF-1.7 trailer <</Encrypt 5 0 R>>", vec!["|gap|password"]),
        ("a.png", b"\x89PNG\r\n\x1A\nx", vec![]),
        ("a.docx", b"{\\rtf1 really rtf}", vec!["|Visible||really rtf"]),
    ] {
        assert_eq!(told(&open(name, octets)), want, "{name}");
    }
}

/// A TNEF attribute.
fn attribute(level: u8, id: u32, value: &[u8]) -> Vec<u8> {
    let mut out = vec![level];
    out.extend(id.to_le_bytes());
    out.extend(u32::try_from(value.len()).unwrap().to_le_bytes());
    out.extend(value);
    out.extend([0, 0]);
    out
}

#[test]
fn winmail() {
    let mut octets = b"\x78\x9F\x3E\x22\x01\x00".to_vec();
    octets.extend(attribute(1, 0x0002_800C, b"body text\0"));
    octets.extend(attribute(2, 0x0006_9002, b"\0\0"));
    octets.extend(attribute(2, 0x0001_8010, b"a.txt\0"));
    octets.extend(attribute(2, 0x0006_800F, b"attached text"));
    // One property: PR_ATTACH_LONG_FILENAME_W.
    let name: Vec<u8> = "long name.txt\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut block = 1_u32.to_le_bytes().to_vec();
    block.extend([0x1F, 0x00, 0x07, 0x37, 1, 0, 0, 0]);
    block.extend(u32::try_from(name.len()).unwrap().to_le_bytes());
    block.extend(&name);
    octets.extend(attribute(2, 0x0006_9005, &block));
    assert_eq!(
        told(&open("winmail.dat", &octets)),
        ["|Visible||body text", "long name.txt|Visible||attached text"]
    );
    octets.truncate(octets.len() - 5);
    assert!(open("winmail.dat", &octets).files[0].gaps.contains(&Unread::Damaged));
}

/// A compound file with these streams; storages are made as needed.
fn compound(streams: &[(&str, &[u8])]) -> Vec<u8> {
    let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
    for (path, octets) in streams {
        if let Some((folder, _)) = path.rsplit_once('/') {
            file.create_storage_all(format!("/{folder}")).unwrap();
        }
        file.create_stream(format!("/{path}")).unwrap().write_all(octets).unwrap();
    }
    file.into_inner().into_inner()
}

#[test]
fn compound_files() {
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let message = compound(&[
        ("__properties_version1.0", b""),
        ("__substg1.0_0037001F", &wide("Invoice 17")),
        ("__substg1.0_1000001F", &wide("IBAN below")),
        ("__attach_version1.0_#00000000/__substg1.0_3707001F", &wide("a.txt")),
        ("__attach_version1.0_#00000000/__substg1.0_37010102", b"attached text"),
    ]);
    assert_eq!(
        told(&open("a.msg", &message)),
        ["|Visible||Invoice 17", "|Visible||IBAN below", "a.txt|Visible||attached text"]
    );
    let locked = compound(&[("EncryptionInfo", b"x"), ("EncryptedPackage", b"x")]);
    assert_eq!(told(&open("a.docx", &locked)), ["|gap|password"]);
    let mut native = vec![0; 6];
    native.extend(b"a.txt\0C:\\a.txt\0\0\0\x03\0\x02\0\0\0x\0\x0D\0\0\0embedded text");
    assert_eq!(
        told(&open("object.bin", &compound(&[("\u{1}Ole10Native", &native)]))),
        ["a.txt|Visible||embedded text"]
    );
    assert_eq!(told(&open("a.bin", &compound(&[("other", b"x")]))), ["|gap|unsupported"]);
}

/// A Word 97 document of two pieces, one of each width.
fn word_97(narrow: &str, wide: &str, encrypted: bool) -> Vec<u8> {
    let mut main = vec![0; 0x400];
    main[0x0B] = u8::from(encrypted);
    let narrow_at = main.len();
    main.extend(narrow.bytes());
    let wide_at = main.len();
    main.extend(wide.encode_utf16().flat_map(u16::to_le_bytes));
    let word = |value: usize| u32::try_from(value).unwrap().to_le_bytes();
    let mut pieces = Vec::new();
    for position in [0, narrow.len(), narrow.len() + wide.len()] {
        pieces.extend(word(position));
    }
    for offset in [(narrow_at * 2) | 0x4000_0000, wide_at] {
        pieces.extend([0, 0]);
        pieces.extend(word(offset));
        pieces.extend([0, 0]);
    }
    let mut table = vec![1, 2, 0, 9, 9, 2];
    table.extend(word(pieces.len()));
    table.extend(pieces);
    main[0x1A2..0x1A6].copy_from_slice(&word(0));
    main[0x1A6..0x1AA].copy_from_slice(&word(table.len()));
    compound(&[("WordDocument", &main), ("0Table", &table)])
}

#[test]
fn old_word_documents() {
    let octets = word_97("Sort code\u{7}", "20-00-00\u{13} PAGE \u{14}1\u{15}", false);
    assert_eq!(told(&open("a.doc", &octets)), ["|Visible||Sort code\t20-00-001", "|Machine||PAGE"]);
    assert_eq!(told(&open("a.doc", &word_97("x", "y", true))), ["|gap|password"]);
    let broken = compound(&[("WordDocument", b"\0\0\0some text here\0\0"), ("0Table", b"")]);
    assert_eq!(told(&open("a.doc", &broken)), ["|Visible||some text here", "|gap|damaged"]);
}

#[test]
fn signed_content() {
    let element = |tag: u8, content: &[u8]| {
        let mut out = vec![tag, 0x82];
        out.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
        out.extend(content);
        out
    };
    let id = |last: u8| element(6, &[b"\x2A\x86\x48\x86\xF7\x0D\x01\x07".as_slice(), &[last]].concat());
    let text = element(0x04, b"signed text");
    let inner = element(0x30, &[id(1), element(0xA0, &text)].concat());
    let body = element(0x30, &[element(2, &[1]), element(0x31, &[]), inner].concat());
    let signed = element(0x30, &[id(2), element(0xA0, &body)].concat());
    assert_eq!(told(&open("a.txt.p7m", &signed)), ["a.txt|Visible||signed text"]);
    let pem = {
        use base64::Engine as _;
        format!(
            "-----BEGIN PKCS7-----\n{}\n-----END PKCS7-----\n",
            base64::engine::general_purpose::STANDARD.encode(&signed)
        )
    };
    assert_eq!(told(&open("a.txt.p7m", pem.as_bytes())), ["a.txt|Visible||signed text"]);
    let enveloped = element(0x30, &[id(3), element(0xA0, &body)].concat());
    assert_eq!(told(&open("smime.p7m", &enveloped)), ["|gap|encrypted"]);
    // BER: indefinite lengths, the content in pieces.
    let pieces = [&[0x24, 0x80][..], &element(4, b"signed "), &element(4, b"text"), &[0, 0]].concat();
    let inner = [&[0x30, 0x80][..], &id(1), &[0xA0, 0x80], &pieces, &[0, 0, 0, 0]].concat();
    let body = [&[0x30, 0x80][..], &element(2, &[1]), &[0x31, 0x80, 0, 0], &inner, &[0, 0]].concat();
    let signed = [&[0x30, 0x80][..], &id(2), &[0xA0, 0x80], &body, &[0, 0, 0, 0]].concat();
    assert_eq!(told(&open("a.txt.p7m", &signed)), ["a.txt|Visible||signed text"]);
}

const UBL: &str = "<?xml version=\"1.0\"?><Invoice xmlns=\"urn:oasis:names:specification:ubl:schema:xsd:Invoice-2\" xmlns:cac=\"a\" xmlns:cbc=\"b\">\
    <cbc:ID>R-17</cbc:ID><cbc:DueDate>2026-12-01</cbc:DueDate><cbc:DocumentCurrencyCode>GBP</cbc:DocumentCurrencyCode>\
    <cac:AdditionalDocumentReference><cac:Attachment><cbc:EmbeddedDocumentBinaryObject mimeCode=\"text/plain\" filename=\"note.txt\">YXR0YWNo\nZWQ=</cbc:EmbeddedDocumentBinaryObject></cac:Attachment></cac:AdditionalDocumentReference>\
    <cac:AccountingSupplierParty><cac:Party><cac:PartyName><cbc:Name>Acme</cbc:Name></cac:PartyName><cac:PartyTaxScheme><cbc:CompanyID>GB980780684</cbc:CompanyID></cac:PartyTaxScheme></cac:Party></cac:AccountingSupplierParty>\
    <cac:AccountingCustomerParty><cac:Party><cac:PartyTaxScheme><cbc:CompanyID>BUYER-VAT</cbc:CompanyID></cac:PartyTaxScheme></cac:Party></cac:AccountingCustomerParty>\
    <cac:PaymentMeans><cac:PayerFinancialAccount><cbc:ID>PAYER-IBAN</cbc:ID></cac:PayerFinancialAccount>\
    <cac:PayeeFinancialAccount><cbc:ID>31926819</cbc:ID><cbc:Name>Acme Ltd</cbc:Name><cac:FinancialInstitutionBranch><cbc:ID>60-16-13</cbc:ID></cac:FinancialInstitutionBranch></cac:PayeeFinancialAccount></cac:PaymentMeans>\
    <cac:PaymentMeans><cac:PayeeFinancialAccount><cbc:ID>GB29NWBK60161331926819</cbc:ID><cac:FinancialInstitutionBranch><cbc:ID>NWBKGB2L</cbc:ID></cac:FinancialInstitutionBranch></cac:PayeeFinancialAccount></cac:PaymentMeans>\
    <cac:LegalMonetaryTotal><cbc:PayableAmount currencyID=\"GBP\">1234.50</cbc:PayableAmount></cac:LegalMonetaryTotal></Invoice>";

const CII: &str = "<rsm:CrossIndustryInvoice><rsm:ExchangedDocument><ram:ID>R-18</ram:ID></rsm:ExchangedDocument><ram:ApplicableHeaderTradeSettlement>\
    <ram:InvoiceCurrencyCode>EUR</ram:InvoiceCurrencyCode><ram:SpecifiedTradeSettlementPaymentMeans>\
    <ram:PayerPartyDebtorFinancialAccount><ram:IBANID>PAYER</ram:IBANID></ram:PayerPartyDebtorFinancialAccount>\
    <ram:PayeePartyCreditorFinancialAccount><ram:IBANID>DE89370400440532013000</ram:IBANID><ram:ProprietaryID>532013000</ram:ProprietaryID></ram:PayeePartyCreditorFinancialAccount>\
    <ram:PayeeSpecifiedCreditorFinancialInstitution><ram:BICID>COBADEFF</ram:BICID></ram:PayeeSpecifiedCreditorFinancialInstitution></ram:SpecifiedTradeSettlementPaymentMeans>\
    <ram:SpecifiedTradePaymentTerms><ram:DueDateDateTime><udt:DateTimeString format=\"102\">20261201</udt:DateTimeString></ram:DueDateDateTime></ram:SpecifiedTradePaymentTerms>\
    <ram:SpecifiedTradeSettlementHeaderMonetarySummation><ram:DuePayableAmount>10.00</ram:DuePayableAmount></ram:SpecifiedTradeSettlementHeaderMonetarySummation>\
    </ram:ApplicableHeaderTradeSettlement></rsm:CrossIndustryInvoice>";

const FATTURA: &str = "<p:FatturaElettronica><FatturaElettronicaHeader><CedentePrestatore><DatiAnagrafici><IdFiscaleIVA><IdPaese>IT</IdPaese><IdCodice>01234567890</IdCodice></IdFiscaleIVA>\
    <Anagrafica><Denominazione>Edil Srl</Denominazione></Anagrafica></DatiAnagrafici></CedentePrestatore></FatturaElettronicaHeader><FatturaElettronicaBody>\
    <DatiGenerali><DatiGeneraliDocumento><Divisa>EUR</Divisa><Numero>19/A</Numero></DatiGeneraliDocumento></DatiGenerali>\
    <DatiPagamento><DettaglioPagamento><DataScadenzaPagamento>2026-12-01</DataScadenzaPagamento><ImportoPagamento>5.00</ImportoPagamento><IBAN>IT60X0542811101000000123456</IBAN></DettaglioPagamento></DatiPagamento>\
    <Allegati><NomeAttachment>a.txt</NomeAttachment><Attachment>YXR0YWNoZWQ=</Attachment></Allegati></FatturaElettronicaBody></p:FatturaElettronica>";

#[test]
fn electronic_invoices() {
    for (text, want, file) in [
        (
            UBL,
            "Invoice number: R-17\nDue date: 2026-12-01\nSupplier: Acme\nVAT number: GB980780684\nAccount name: Acme Ltd\nSort code: 60-16-13\n\
             Account number: 31926819\nIBAN: GB29NWBK60161331926819\nBIC: NWBKGB2L\nAmount due: GBP 1234.50",
            Some("note.txt"),
        ),
        (
            CII,
            "Invoice number: R-18\nIBAN: DE89370400440532013000\nAccount number: 532013000\nBIC: COBADEFF\nDue date: 2026-12-01\nAmount due: EUR 10.00",
            None,
        ),
        (
            FATTURA,
            "VAT number: IT01234567890\nSupplier: Edil Srl\nInvoice number: 19/A\nDue date: 2026-12-01\nAmount due: EUR 5.00\nIBAN: IT60X0542811101000000123456",
            Some("a.txt"),
        ),
    ] {
        let document = open("invoice.xml", text.as_bytes());
        assert_eq!(document.files[0].spans[0].text.trim(), want);
        assert_eq!(document.files.get(1).map(|file| file.path.as_str()), file);
        assert!(
            texts(&document, SpanKind::Visible).trim() == file.map_or("", |_| "attached"),
            "{:?}",
            told(&document)
        );
        let machine = texts(&document, SpanKind::Machine);
        assert!(!machine.contains("PAYER") && !machine.contains("BUYER"), "{machine}");
        assert_eq!(texts(&document, SpanKind::Payer).contains("IBAN: PAYER"), text.contains("PAYER"));
    }
    let with_type = format!("<!DOCTYPE x [<!ENTITY e \"DE89\">]>{CII}");
    assert!(open("a.xml", with_type.as_bytes()).files[0].gaps.contains(&Unread::Damaged));
}

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

/// By hand, over a folder of real files: `SENTRA_DOCUMENTS=FOLDER cargo test --lib documents::tests::a_folder -- --ignored
/// --nocapture` prints one line of JSON a file.
#[test]
#[ignore = "needs a folder of files"]
#[expect(clippy::disallowed_methods, clippy::print_stdout, reason = "run by hand")]
fn a_folder() {
    let folder = std::env::var("SENTRA_DOCUMENTS").expect("SENTRA_DOCUMENTS names a folder");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths.iter().filter(|path| path.is_file()) {
        let octets = std::fs::read(path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let began = std::time::Instant::now();
        let read = std::panic::catch_unwind(|| {
            super::read(
                File { name: &name, media_type: "", octets: &octets, inline: false },
                Effort::Sight { recognise: true },
                no_mail,
            )
        });
        let document = read.as_ref().ok();
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let peak =
            status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default().trim().to_owned();
        println!(
            "{}",
            serde_json::json!({
                "file": name, "octets": octets.len(), "ms": u64::try_from(began.elapsed().as_millis()).unwrap(),
                "panic": read.is_err(), "peak": peak, "type": document.map(|d| d.files[0].media_type.clone()),
                "files": document.map(|d| d.files.len()), "text": document.map(Document::text_octets),
                "gaps": document.map(|d| d.files.iter().flat_map(|f| f.gaps.iter().map(|g| g.as_str())).collect::<Vec<_>>()),
                "spans": std::env::var("SENTRA_TEXT").is_ok().then(|| document.map(told)),
            })
        );
    }
}
