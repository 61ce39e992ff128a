//! Archives, compound files, winmail.dat, signed mail: what lies in them.

use super::*;

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
pub(super) fn attribute(level: u8, id: u32, value: &[u8]) -> Vec<u8> {
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
pub(super) fn compound(streams: &[(&str, &[u8])]) -> Vec<u8> {
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
pub(super) fn word_97(narrow: &str, wide: &str, encrypted: bool) -> Vec<u8> {
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
