//! Command lines and what they mean.

use super::*;
use bytes::BytesMut;
use proptest::prelude::*;

fn read(line: &str) -> Result<Command, Refused> {
    parse(format!("{line}\r\n").as_bytes(), "mx.example")
}

fn code(refused: Refused) -> String {
    let (Refused::Reply(reply) | Refused::ReplyAndClose(reply)) = refused;
    let mut out = BytesMut::new();
    reply.write_to(&mut out);
    String::from_utf8_lossy(&out).split(' ').take(2).collect::<Vec<_>>().join(" ")
}

#[test]
fn paths_are_read_as_written() {
    let cases = [
        ("MAIL FROM:<>", ""),
        ("mail from:<a@b.example>", "a@b.example"),
        ("MAIL FROM: <a@b.example>", "a@b.example"),
        ("MAIL FROM:<\"a b\"@c.example>", "\"a b\"@c.example"),
        ("MAIL FROM:<\"a@b\"@c.example>", "\"a@b\"@c.example"),
        ("MAIL FROM:<\"a>b\"@c.example> SIZE=1", "\"a>b\"@c.example"),
        ("MAIL FROM:<\"\\\"x\\\"\"@c.example>", "\"\\\"x\\\"\"@c.example"),
        ("MAIL FROM:<a@[192.0.2.1]>", "a@[192.0.2.1]"),
        ("MAIL FROM:<a@[IPv6:2001:db8::1]>", "a@[ipv6:2001:db8::1]"),
        ("MAIL FROM:<@x.example,@y.example:a@b.example>", "a@b.example"),
        ("MAIL FROM:<prvs=1234=a+tag=x@b.example>", "prvs=1234=a+tag=x@b.example"),
        ("MAIL FROM:<ü@b.example> SMTPUTF8", "ü@b.example"),
    ];
    for (line, expected) in cases {
        match read(line) {
            Ok(Command::Mail { reverse_path, .. }) => {
                assert_eq!(reverse_path.to_string(), expected, "{line}")
            }
            other => panic!("{line}: {other:?}"),
        }
    }
    let Ok(Command::Recipient(recipient)) = read("RCPT TO:<Postmaster>") else { panic!("postmaster") };
    assert_eq!(recipient.address.to_string(), "Postmaster@mx.example");
}

#[test]
fn parameters_are_kept_verbatim() {
    let Ok(Command::Mail { parameters, .. }) =
        read("MAIL FROM:<a@b.example> SIZE=1000 body=8bitmime RET=hdrs ENVID=QQ+2B1 SMTPUTF8")
    else {
        panic!("refused")
    };
    let expected = MailParameters {
        size: Some(1_000),
        body: Some(BodyType::EightBitMime),
        smtputf8: true,
        ret: Some(DsnReturn::Hdrs),
        envid: Some("QQ+2B1".to_owned()),
    };
    assert_eq!(parameters, expected);
    let Ok(Command::Recipient(recipient)) =
        read("RCPT TO:<a@b.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a+2Bx@b.example")
    else {
        panic!("refused")
    };
    assert_eq!(recipient.orcpt.as_deref(), Some("rfc822;a+2Bx@b.example"));
    assert_eq!(recipient.notify, Some(DsnNotify { success: true, delay: true, ..DsnNotify::default() }));
}

#[test]
fn bad_lines_get_the_right_refusal() {
    let cases = [
        ("", "500 5.5.1"),
        (" DATA", "500 5.5.1"),
        ("HELLO", "500 5.5.1"),
        ("EHLO", "501 5.5.4"),
        ("EHLO \u{fc}", "501 5.5.4"),
        ("DATA now", "501 5.5.4"),
        ("STARTTLS x", "501 5.5.4"),
        ("AUTH PLAIN AAAA", "502 5.5.1"),
        ("AUTH", "502 5.5.1"),
        ("ETRN x", "502 5.5.1"),
        ("EXPN list", "502 5.5.1"),
        ("VRFY", "501 5.5.4"),
        ("MAIL", "501 5.5.4"),
        ("MAIL FROM:a@b.example", "501 5.5.4"),
        ("MAIL FROM:<a@b.example", "501 5.5.4"),
        ("MAIL FROM:<a@b.example>SIZE=1", "501 5.5.4"),
        ("MAIL FROM:<postmaster>", "501 5.1.7"),
        ("MAIL FROM:< >", "501 5.1.7"),
        ("MAIL FROM:<a b@c.example>", "501 5.1.7"),
        ("MAIL FROM:<a@b@c.example>", "501 5.1.7"),
        ("MAIL FROM:<\"a\"b@c.example>", "501 5.1.7"),
        ("MAIL FROM:<\"a\\\"@c.example>", "501 5.5.4"),
        ("MAIL FROM:<a@b.example> SIZE=x", "501 5.5.4"),
        ("MAIL FROM:<a@b.example> SIZE=1 SIZE=2", "501 5.5.4"),
        ("MAIL FROM:<a@b.example> ENVID=a+zz", "501 5.5.4"),
        ("MAIL FROM:<a@b.example> BODY=BINARYMIME", "555 5.5.4"),
        ("MAIL FROM:<a@b.example> BODY=9BIT", "501 5.5.4"),
        ("MAIL FROM:<a@b.example> XOORG=x", "555 5.5.4"),
        ("MAIL FROM:<a@b.example> AUTH=<>", "555 5.5.4"),
        ("MAIL FROM:<a@b.example> SMTPUTF8=1", "501 5.5.4"),
        ("MAIL FROM:<ü@b.example>", "553 5.6.7"),
        ("RCPT TO:<>", "501 5.1.3"),
        ("RCPT TO:<a>", "501 5.1.3"),
        ("RCPT TO:<a@b.example> NOTIFY=NEVER,DELAY", "501 5.5.4"),
        ("RCPT TO:<a@b.example> ORCPT=a@b.example", "501 5.5.4"),
        ("RCPT TO:<a@b.example> RRVS=2014-04-03T23:01:00Z", "555 5.5.4"),
    ];
    for (line, expected) in cases {
        assert_eq!(code(read(line).expect_err(line)), expected, "{line}");
    }
}

#[test]
fn only_text_ended_by_crlf_is_a_line() {
    for line in
        [&b"NOOP\n"[..], b"NOOP\r\r\n", b"MAIL FROM:<a\rb@c.example>\r\n", b"NO\0OP\r\n", b"NOOP \xff\r\n"]
    {
        assert_eq!(code(parse(line, "mx.example").unwrap_err()), "500 5.5.2", "{line:?}");
    }
}

#[test]
fn unreadable_chunk_sizes_close() {
    assert_eq!(read("BDAT 10"), Ok(Command::Chunk { octets: 10, last: false }));
    assert_eq!(read("bdat 0 last"), Ok(Command::Chunk { octets: 0, last: true }));
    for line in [
        "BDAT",
        "BDAT x",
        "BDAT -1",
        "BDAT 5 FIRST",
        "BDAT 5 LAST LAST",
        "BDAT 184467440737095516155",
        "BDAT5",
    ] {
        assert!(matches!(read(line), Err(Refused::ReplyAndClose(_))), "{line}");
    }
    assert!(matches!(parse(b"BDAT 5\n", "mx.example"), Err(Refused::ReplyAndClose(_))));
}

#[test]
fn sizes_beyond_all_bounds_stay_big() {
    let Ok(Command::Mail { parameters, .. }) = read("MAIL FROM:<> SIZE=99999999999999999999") else {
        panic!("refused")
    };
    assert_eq!(parameters.size, Some(u64::MAX));
}

proptest! {
    #[test]
    fn no_line_panics(line in prop::collection::vec(any::<u8>(), 0..80)) {
        drop(parse(&[b"MAIL FROM:<", line.as_slice(), b"\r\n"].concat(), "mx.example"));
        drop(parse(&[b"RCPT TO:", line.as_slice(), b"\r\n"].concat(), "mx.example"));
        drop(parse(&[line.as_slice(), b"\r\n"].concat(), "mx.example"));
    }

    #[test]
    fn what_is_accepted_prints_and_reads_back(text in "[ -~]{1,20}@[a-z]{1,5}") {
        if let Ok(Command::Mail { reverse_path, .. }) = read(&format!("MAIL FROM:<{text}>")) {
            prop_assert_eq!(
                read(&format!("MAIL FROM:<{reverse_path}>")),
                Ok(Command::Mail { reverse_path, parameters: MailParameters::default() })
            );
        }
    }
}
