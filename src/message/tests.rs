//! What the parser promises: exact ranges, decoded content, limits, and never a panic.

use super::parse;
use crate::limits::{MAX_ATTACHED_MESSAGES, MAX_INSPECTED_OCTETS, MAX_PARTS};
use crate::model::{ContentDisposition, Message, PartContent, TransferEncoding};
use proptest::prelude::*;

fn shape(message: &Message) -> Vec<(usize, &str, bool)> {
    message.parts.iter().map(|p| (p.depth, p.media_type.as_str(), p.in_attached_message)).collect()
}

fn text(message: &Message, index: usize) -> &str {
    match &message.parts[index].content {
        PartContent::Text(text) | PartContent::Html(text) => text,
        other => panic!("no text: {other:?}"),
    }
}

#[test]
fn addressing_fields() {
    let message = parse(
        b"From: =?utf-8?q?Bj=C3=B6rn?= <b@x.test>, c@y.test\r\nFrom: second@z.test\r\n\
          Sender: s@x.test\r\nReply-To: \"Pay, me\" <r@x.test>\r\nTo: a@x.test\r\nCc: d@x.test\r\n\
          Subject: =?utf-8?b?UmVjaG51bmcg4oKs?=\r\n =?utf-8?q?_1?=\r\nMessage-ID: <id@x.test>\r\n\
          In-Reply-To: <p@x.test>\r\nReferences: <o@x.test> <p@x.test>\r\n\
          Date: Mon, 18 Nov 2024 09:30:00 +0100\r\n\r\nhello\r\n",
    );
    let from: Vec<_> = message.from.iter().map(|m| (m.name.as_deref(), m.address.as_str())).collect();
    assert_eq!(from, [(Some("Björn"), "b@x.test"), (None, "c@y.test"), (None, "second@z.test")]);
    assert_eq!(message.sender.as_ref().map(|m| m.address.as_str()), Some("s@x.test"));
    assert_eq!(message.reply_to[0].name.as_deref(), Some("Pay, me"));
    assert_eq!(message.to.len(), 2);
    assert_eq!(message.subject, "Rechnung € 1");
    assert_eq!(message.message_id, "<id@x.test>");
    assert_eq!(message.references, ["p@x.test", "o@x.test"]);
    assert_eq!(message.date, Some(1_731_918_600));
    assert!(message.gaps.is_empty());
}

#[test]
fn raw_eight_bit_fields_are_read() {
    let message = parse(b"Subject: Geb\xfchr\r\nFrom: M\xc3\xbcller <m@x.test>\r\n\r\n");
    assert_eq!(message.subject, "Gebühr");
    assert_eq!(message.from[0].name.as_deref(), Some("Müller"));
}

const NESTED: &[u8] = b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"A\"\r\n\r\npreamble\r\n\
--A\r\nContent-Type: multipart/alternative; boundary=AB\r\n\r\n\
--AB\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\nplain \xa3\r\n\
--AB\r\nContent-Type: TEXT/HTML\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<b>=C2=A3</b>=\r\n\r\n\
--AB--\r\nepilogue\r\n\
--A\r\nContent-Type: application/pdf; name*=utf-8''r%C3%A9f.pdf\r\nContent-Transfer-Encoding: base64\r\n\
Content-Disposition: attachment; filename=\"=?utf-8?q?r=C3=A9f.pdf?=\"\r\nContent-ID: <x@y>\r\n\r\naGVsbG8=\r\n\
--A\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\nContent-Type: multipart/mixed; boundary=C\r\n\r\n\
--C\r\n\r\ninner text\r\n--C--\r\n\r\n--A--\r\n";

#[test]
fn a_nested_message_in_depth_first_order() {
    let message = parse(NESTED);
    assert_eq!(
        shape(&message),
        [
            (0, "multipart/mixed", false),
            (1, "multipart/alternative", false),
            (2, "text/plain", false),
            (2, "text/html", false),
            (1, "application/pdf", false),
            (1, "message/rfc822", false),
            (2, "multipart/mixed", true),
            (3, "text/plain", true),
        ]
    );
    assert_eq!(
        message.parts.iter().map(|p| p.parent).collect::<Vec<_>>(),
        [None, Some(0), Some(1), Some(1), Some(0), Some(0), Some(5), Some(6)]
    );
    assert_eq!(text(&message, 2), "plain £");
    assert_eq!(text(&message, 3), "<b>£</b>");
    assert_eq!(message.parts[4].content, PartContent::Binary(b"hello".to_vec()));
    assert_eq!(message.parts[4].name.as_deref(), Some("réf.pdf"));
    assert_eq!(message.parts[4].disposition, ContentDisposition::Attachment);
    assert_eq!(message.parts[4].content_id.as_deref(), Some("x@y"));
    assert_eq!(message.parts[4].encoding, TransferEncoding::Base64);
    assert_eq!(&NESTED[message.parts[4].body.clone()], b"aGVsbG8=");
    assert_eq!(text(&message, 7), "inner text");
    assert_eq!(&NESTED[message.parts[7].body.clone()], b"inner text");
    assert!(message.gaps.is_empty(), "{:?}", message.gaps);
}

#[test]
fn odd_messages() {
    let rows: [(&str, &[u8], &[&str]); 8] = [
        ("empty", b"", &["text/plain"]),
        ("header only", b"Subject: x\r\n", &["text/plain"]),
        ("no boundary parameter", b"Content-Type: multipart/mixed\r\n\r\nx", &["multipart/mixed"]),
        ("boundary never used", b"Content-Type: multipart/mixed; boundary=q\r\n\r\nx", &["multipart/mixed"]),
        (
            "never closed",
            b"Content-Type: multipart/mixed; boundary=q\n\n--q\n\none\n--q\n\ntwo",
            &["multipart/mixed", "text/plain", "text/plain"],
        ),
        (
            "similar boundary",
            b"Content-Type: multipart/mixed; boundary=q\n\n--q\n\none\n--qq\ntwo\n--q--\n",
            &["multipart/mixed", "text/plain"],
        ),
        (
            "header section of a part without empty line",
            b"Content-Type: multipart/mixed; boundary=q\n\n--q\nContent-Type: text/html\n--q\n\nx\n--q--",
            &["multipart/mixed", "text/html", "text/plain"],
        ),
        (
            "digest",
            b"Content-Type: multipart/digest; boundary=q\n\n--q\n\nSubject: a\n\nx\n--q--",
            &["multipart/digest", "message/rfc822", "text/plain"],
        ),
    ];
    for (name, octets, types) in rows {
        let message = parse(octets);
        let found: Vec<&str> = message.parts.iter().map(|p| p.media_type.as_str()).collect();
        assert_eq!(found, types, "{name}");
    }
}

#[test]
fn an_encoded_attached_message_stands_where_its_attachment_stands() {
    let message = parse(
        b"Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\nContent-Type: message/rfc822\r\n\
          Content-Transfer-Encoding: base64\r\n\r\nU3ViamVjdDogYQoKYm9keQ==\r\n--q--\r\n",
    );
    assert_eq!(text(&message, 2), "body");
    assert_eq!(message.parts[2].body, message.parts[1].body);
}

#[test]
fn limits_are_gaps() {
    let deep = |n: usize| {
        let mut octets = String::from("Subject: x\r\n");
        for i in 0..n {
            octets += &format!("Content-Type: multipart/mixed; boundary=b{i}x\r\n\r\n--b{i}x\r\n");
        }
        octets + "\r\nx"
    };
    let many = |n: usize| {
        "Content-Type: multipart/mixed; boundary=q\r\n\r\n".to_owned() + &"--q\r\n\r\nx\r\n".repeat(n)
    };
    let attached = |n: usize| "Content-Type: message/rfc822\r\n\r\n".repeat(n) + "Subject: x\r\n\r\nx";
    let fields = |n: usize| "A: b\r\n".repeat(n) + "\r\nx";
    let rows = [
        ("depth ok", deep(10), false),
        ("depth", deep(300_000), true),
        ("parts ok", many(MAX_PARTS - 1), false),
        ("parts", many(500_000), true),
        ("attached ok", attached(MAX_ATTACHED_MESSAGES), false),
        ("attached", attached(MAX_ATTACHED_MESSAGES + 1), true),
        ("fields", fields(1_000_000), true),
        ("size", fields(1) + &"x".repeat(MAX_INSPECTED_OCTETS), true),
    ];
    for (name, octets, limited) in rows {
        let message = parse(octets.as_bytes());
        assert_eq!(message.gaps.iter().any(|g| g.what == "message" && g.why == "limit"), limited, "{name}");
        assert!(message.parts.len() <= MAX_PARTS, "{name}");
        assert!(!message.parts.is_empty(), "{name}");
    }
}

#[test]
fn a_cut_part_is_never_edited() {
    let octets = "A: b\r\n\r\n".to_owned() + &"x".repeat(MAX_INSPECTED_OCTETS);
    assert_eq!(parse(octets.as_bytes()).parts[0].encoding, TransferEncoding::Unknown);
}

/// A tree of parts, written as octets together with the leaves' expected content.
fn tree(depth: u32) -> impl Strategy<Value = (String, Vec<Vec<u8>>)> {
    let leaf = prop_oneof![
        "[ -~\r\n]{0,60}".prop_map(|s| {
            let body = s.replace('\r', "").replace('\n', "\r\n").replace("--", "__");
            (format!("Content-Type: application/x-a\r\n\r\n{body}"), vec![body.into_bytes()])
        }),
        prop::collection::vec(any::<u8>(), 0..90).prop_map(|bytes| {
            use base64::Engine as _;
            let encoded = base64::engine::general_purpose::STANDARD.encode(&bytes);
            let lines: Vec<&str> =
                encoded.as_bytes().chunks(20).map(|c| std::str::from_utf8(c).unwrap()).collect();
            let head = "Content-Type: application/x-b\r\nContent-Transfer-Encoding: base64\r\n\r\n";
            (head.to_owned() + &lines.join("\r\n"), vec![bytes])
        }),
    ];
    leaf.prop_recursive(depth, 24, 4, |inner| {
        (prop::collection::vec(inner, 1..4), "[a-z]{6,12}", any::<bool>()).prop_map(
            |(children, mark, wrap)| {
                let mut octets =
                    if wrap { "Content-Type: message/rfc822\r\n\r\n".to_owned() } else { String::new() };
                // The first letters keep the boundaries of different levels apart.
                let boundary = format!("={mark}{}", children.iter().map(|c| c.0.len()).sum::<usize>());
                octets += &format!("Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\r\n");
                let mut leaves = Vec::new();
                for (child, found) in children {
                    octets += &format!("--{boundary}\r\n{child}\r\n");
                    leaves.extend(found);
                }
                (octets + &format!("--{boundary}--\r\n"), leaves)
            },
        )
    })
}

proptest! {
    #[test]
    fn ranges_point_at_what_was_decoded((octets, leaves) in tree(3)) {
        let octets = format!("Subject: x\r\n{octets}");
        let message = parse(octets.as_bytes());
        let binary: Vec<&crate::model::Part> =
            message.parts.iter().filter(|p| matches!(p.content, PartContent::Binary(_))).collect();
        if message.gaps.is_empty() {
            prop_assert_eq!(binary.len(), leaves.len());
        }
        for (part, expected) in binary.iter().zip(&leaves) {
            let PartContent::Binary(found) = &part.content else { continue };
            prop_assert_eq!(found, expected);
            let raw = &octets.as_bytes()[part.body.clone()];
            match part.encoding {
                TransferEncoding::Identity => prop_assert_eq!(raw, expected.as_slice()),
                _ => prop_assert_eq!(&super::decode::base64(raw).0, expected),
            }
        }
    }

    #[test]
    fn no_octets_panic_and_ranges_stay_inside(octets in prop::collection::vec(any::<u8>(), 0..400)) {
        check_ranges(&octets);
    }

    #[test]
    fn no_mail_like_octets_panic(
        octets in "((From|To|Subject|Date|References|Content-Type|Content-Disposition): |multipart/mixed|; |boundary=a|\
                   name\\*0\\*=|message/rfc822|base64|=\\?utf-8\\?[qb]\\?|\\?=|<|>|\"|--a|--|\r\n|\n| |[ -~]|\\PC){0,80}"
    ) {
        check_ranges(octets.as_bytes());
    }
}

fn check_ranges(octets: &[u8]) {
    let message = parse(octets);
    assert!(!message.parts.is_empty());
    assert!(message.body_start <= octets.len());
    let mut last = 0;
    for field in &message.headers {
        assert!(field.range.start >= last && field.range.end <= message.body_start);
        assert!(field.value.start > field.range.start && field.value.end == field.range.end);
        last = field.range.end;
    }
    for (index, part) in message.parts.iter().enumerate() {
        assert!(part.body.start <= part.body.end && part.body.end <= octets.len());
        assert!(part.parent.is_none_or(|parent| parent < index));
    }
}

fn texts(octets: &str) -> (String, Vec<String>) {
    let message = parse(octets.as_bytes());
    let text = |part: &crate::model::Part| match &part.content {
        PartContent::Text(text) | PartContent::Html(text) => text.as_str().to_owned(),
        _ => String::new(),
    };
    let texts: Vec<String> = message.parts.iter().map(text).collect();
    (texts.join("|"), message.gaps.into_iter().map(|gap| format!("{}: {}", gap.what, gap.why)).collect())
}

/// Whatever some client shows is read, and what can be read in two ways is a gap.
#[test]
fn structures_that_clients_read_differently() {
    let encoded = "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\nSUJBTg==\r\n";
    let plain = "Content-Type: text/plain\r\n\r\nhello\r\n";
    let mixed = "Content-Type: multipart/mixed; boundary=b\r\n";
    let whole = "LS1iDQpDb250ZW50LVR5cGU6IHRleHQvcGxhaW4NCg0KSUJBTg0KLS1iLS0NCg==";
    for (name, octets, read, gaps) in [
        (
            "behind the end",
            format!("{mixed}\r\n--b\r\n{plain}--b--\r\n--b\r\n{encoded}--b--\r\n"),
            "IBAN",
            &[][..],
        ),
        (
            "an end that is none",
            format!("{mixed}\r\n--b\r\n\r\nhello\r\n--b--x\r\nIBAN\r\n--b--\r\n"),
            "IBAN",
            &[],
        ),
        ("wrong boundary", format!("{mixed}\r\n--other\r\n{encoded}--other--\r\n"), "IBAN", &[]),
        (
            "no boundary",
            format!("Content-Type: multipart/mixed\r\n\r\n--b\r\n{encoded}--b--\r\n"),
            "IBAN",
            &[],
        ),
        (
            "encoded as a whole",
            format!("{mixed}Content-Transfer-Encoding: base64\r\n\r\n{whole}"),
            "IBAN",
            &[],
        ),
        ("quoted encoding", encoded.replace("base64", "\"base64\""), "IBAN", &[]),
        ("comment before the encoding", encoded.replace("base64", "(x) base64"), "IBAN", &[]),
        ("two types", format!("Content-Type: text/plain\r\n{mixed}\r\nx"), "x", &["part-1: format"]),
        ("the same type twice", format!("{mixed}{mixed}\r\n--b\r\n{plain}--b--"), "hello", &[]),
        (
            "two encodings",
            format!("Content-Transfer-Encoding: 7bit\r\n{encoded}"),
            "SUJBTg",
            &["part-1: format"],
        ),
        (
            "two boundaries",
            format!("Content-Type: multipart/mixed; boundary=b; boundary=c\r\n\r\n--b\r\n{plain}--b--"),
            "hello",
            &["part-1: format"],
        ),
        (
            "refused charset",
            "Content-Type: text/plain; charset=iso-2022-kr\r\n\r\nIBAN".to_owned(),
            "IBAN",
            &["part-1: charset"],
        ),
        (
            "no UTF-16 at all",
            "Content-Type: text/plain; charset=utf-16\r\n\r\nIBAN".to_owned(),
            "IBAN",
            &["part-1: charset"],
        ),
        (
            "page that says UTF-16",
            "Content-Type: text/html\r\n\r\n<meta charset=utf-16>IBAN".to_owned(),
            "IBAN",
            &[],
        ),
    ] {
        let (found, unread) = texts(&octets);
        assert!(found.contains(read), "{name}: {found:?}");
        assert_eq!(unread, gaps, "{name}");
    }
}

#[test]
fn a_byte_order_mark_against_the_declared_charset_is_a_gap() {
    let octets = b"Content-Type: text/plain; charset=windows-1252\r\n\r\n\xff\xfeIBAN 1";
    let message = parse(octets);
    assert!(matches!(&message.parts[0].content, PartContent::Text(text) if text.contains("IBAN 1")));
    assert_eq!(message.gaps.len(), 1);
}

#[test]
fn attached_messages_and_groups_are_named_as_clients_show_them() {
    let message = parse(
        b"From: Acme Ltd: x@evil.example;\r\nContent-Type: message/rfc822\r\n\r\nSubject: IBAN 1\r\n\r\nx",
    );
    assert_eq!(message.from[0].name.as_deref(), Some("Acme Ltd"));
    assert_eq!(message.parts[0].name.as_deref(), Some("IBAN 1"));
}
