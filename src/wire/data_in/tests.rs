//! Framing at every split, and everything that must not end a message.

use super::*;
use proptest::prelude::*;

const BIG: usize = 1 << 20;

/// Dot-stuffs content (which ends with CRLF or is empty) as RFC 5321 4.5.2 asks a client to.
fn stuff(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut line_start = true;
    for (index, &octet) in content.iter().enumerate() {
        if line_start && octet == b'.' {
            out.push(b'.');
        }
        out.push(octet);
        line_start = octet == b'\n' && index > 0 && content[index - 1] == b'\r';
    }
    out.extend_from_slice(b".\r\n");
    out
}

/// Reads pieces until the end; returns what was left and the result.
fn read_pieces(pieces: &[&[u8]], limit: usize) -> (bool, Vec<u8>, Result<Bytes, Fault>) {
    let mut reader = DataReader::new(Content::new(limit));
    let mut rest = Vec::new();
    let mut ended = false;
    for piece in pieces {
        if ended {
            rest.extend_from_slice(piece);
            continue;
        }
        let (taken, done) = reader.read(piece);
        ended = done;
        rest.extend_from_slice(&piece[taken..]);
    }
    (ended, rest, reader.finish())
}

#[test]
fn framing_is_undone() {
    /// Name, what comes, the content, what is left as commands.
    type Row = (&'static str, &'static [u8], &'static [u8], &'static [u8]);
    let cases: &[Row] = &[
        ("empty message", b".\r\n", b"", b""),
        ("one line", b"a\r\n.\r\n", b"a\r\n", b""),
        ("first line stuffed", b"..\r\n.\r\n", b".\r\n", b""),
        ("first line stuffed with text", b"..a\r\n.\r\n", b".a\r\n", b""),
        ("single dot is removed", b"a\r\n.b\r\n.\r\n", b"a\r\nb\r\n", b""),
        ("two dots", b"...\r\n.\r\n", b"..\r\n", b""),
        ("empty lines", b"\r\n\r\n.\r\n", b"\r\n\r\n", b""),
        ("commands follow", b"a\r\n.\r\nQUIT\r\n", b"a\r\n", b"QUIT\r\n"),
        ("NUL is content", b"\0\r\n.\0\r\n.\r\n", b"\0\r\n\0\r\n", b""),
        ("8-bit", b"\xff\xfe\r\n.\r\n", b"\xff\xfe\r\n", b""),
    ];
    for (name, input, content, left) in cases {
        for cut in 0..=input.len() {
            let (head, tail) = input.split_at(cut);
            let (ended, rest, result) = read_pieces(&[head, tail], BIG);
            assert!(ended, "{name} cut at {cut}");
            assert_eq!(result.as_deref(), Ok(*content), "{name} cut at {cut}");
            assert_eq!(rest, *left, "{name} cut at {cut}");
        }
    }
}

#[test]
fn nothing_but_crlf_dot_crlf_ends_the_data() {
    let cases: &[&[u8]] = &[
        b"\n.\n",
        b"\r.\r",
        b"\r\n.\n",
        b"\n.\r\n",
        b"\r\n.\r",
        b"\r.\r\n",
        b"\r\r\n.\n",
        b"\r\n.\r\r\n",
        b"\n\n.\n\n",
        b"\r\n.\n.\n",
        b"\r\n.\r\n\r"[..3].as_ref(),
        b"\r\n.\0\r\n"[..4].as_ref(),
        b"\0.\0\r",
    ];
    for smuggled in cases {
        let mut input = b"a".to_vec();
        input.extend_from_slice(smuggled);
        let end_of_attack = input.len();
        input.extend_from_slice(b"MAIL FROM:<evil@x.example>\r\n.\r\n");
        for cut in 0..=input.len() {
            let (head, tail) = input.split_at(cut);
            let mut reader = DataReader::new(Content::new(BIG));
            let (taken, done) = reader.read(head);
            let total = if done { taken } else { taken + reader.read(tail).0 };
            assert_eq!(total, input.len(), "{smuggled:?} cut at {cut}");
            assert!(total > end_of_attack);
        }
    }
}

#[test]
fn bare_newlines_are_refused_after_the_end() {
    let cases: &[&[u8]] = &[
        b"a\nb\r\n.\r\n",
        b"a\rb\r\n.\r\n",
        b"\n.\r\n\r\n.\r\n",
        b"a\r\n.\rb\r\n.\r\n",
        b"a\r\r\n.\r\n",
        b"a\r\n.\nb\r\n.\r\n",
        b".\n\r\n.\r\n",
    ];
    for input in cases {
        for cut in 0..=input.len() {
            let (head, tail) = input.split_at(cut);
            let (ended, rest, result) = read_pieces(&[head, tail], BIG);
            assert!(ended && rest.is_empty(), "{input:?} cut at {cut}");
            assert_eq!(result, Err(Fault::BareNewline), "{input:?} cut at {cut}");
        }
    }
}

#[test]
fn size_is_counted_after_unstuffing_and_over_size_is_read_to_the_end() {
    let (ended, rest, result) = read_pieces(&[b"..345678\r\n.\r\nNOOP\r\n"], 9);
    assert!(ended);
    assert_eq!((rest.as_slice(), result.as_deref()), (&b"NOOP\r\n"[..], Ok(&b".345678\r\n"[..])));
    let (ended, rest, result) = read_pieces(&[b"123456789\r\n.\r\nNOOP\r\n"], 10);
    assert!(ended);
    assert_eq!((rest.as_slice(), result), (&b"NOOP\r\n"[..], Err(Fault::TooBig)));
}

#[test]
fn given_up_content_frees_its_memory_and_keeps_the_fault_that_lasts() {
    let mut content = Content::new(BIG);
    content.push(&[b'x'; 1_000]);
    content.give_up(Fault::NoRoom);
    content.push(b"more");
    content.give_up(Fault::TooBig);
    assert!(content.is_empty());
    assert_eq!(content.fault(), Some(Fault::NoRoom));
    content.give_up(Fault::BareNewline);
    content.give_up(Fault::NoRoom);
    assert_eq!(content.finish(), Err(Fault::BareNewline));
}

#[test]
fn a_bare_newline_behind_the_limit_is_told_however_the_octets_are_cut() {
    let sent: &[u8] = b"12345678901234567890\r\nab\nc\r\n.\r\n";
    for size in 1..=sent.len() {
        let pieces: Vec<&[u8]> = sent.chunks(size).collect();
        let (ended, _, result) = read_pieces(&pieces, 10);
        assert_eq!((ended, result), (true, Err(Fault::BareNewline)), "{size}");
    }
}

#[test]
fn bdat_octets_are_verbatim_and_bare_newlines_noted() {
    let cases: &[(&[u8], bool)] = &[
        (b"", false),
        (b"a\r\n.\r\n..\r\n", false),
        (b"a\nb", true),
        (b"a\rb", true),
        (b"a\r", true),
        (b"\n", true),
        (b"\r\r\n", true),
        (b"\r\n\n", true),
        (b"no line end", false),
    ];
    for (input, bare) in cases {
        for cut in 0..=input.len() {
            let mut reader = ChunkReader::new(Content::new(BIG));
            let (head, tail) = input.split_at(cut);
            reader.read(head);
            reader.read(tail);
            let (octets, found) = reader.finish().unwrap();
            assert_eq!((octets.as_ref(), found), (*input, *bare), "{input:?} cut at {cut}");
        }
    }
}

/// Lines made of the octets that matter, ended by CRLF.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let octet = prop_oneof![3 => Just(b'.'), 2 => Just(b'a'), 1 => Just(0_u8), 1 => Just(0xE9_u8)];
    prop::collection::vec(prop::collection::vec(octet, 0..6), 0..8)
        .prop_map(|lines| lines.into_iter().flat_map(|line| [line, b"\r\n".to_vec()].concat()).collect())
}

proptest! {
    #[test]
    fn reading_reverses_stuffing_at_every_split(message in content(), a: usize, b: usize) {
        let wire = stuff(&message);
        let (first, second) = (a % (wire.len() + 1), b % (wire.len() + 1));
        let (first, second) = (first.min(second), first.max(second));
        let (ended, rest, result) =
            read_pieces(&[&wire[..first], &wire[first..second], &wire[second..], b"QUIT\r\n"], BIG);
        prop_assert!(ended);
        prop_assert_eq!(rest, b"QUIT\r\n".to_vec());
        prop_assert_eq!(result.unwrap(), message);
    }

    #[test]
    fn any_octets_end_where_the_plain_search_says(
        input in prop::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'.'), Just(b'a')], 0..40),
        cut: usize,
    ) {
        // The definition: at the start, or after CRLF, a line of one dot.
        let end = if input.starts_with(b".\r\n") {
            Some(3)
        } else {
            input.windows(5).position(|window| window == b"\r\n.\r\n").map(|at| at + 5)
        };
        let (head, tail) = input.split_at(cut % (input.len() + 1));
        let (ended, rest, _) = read_pieces(&[head, tail], BIG);
        prop_assert_eq!(ended, end.is_some());
        prop_assert_eq!(rest.len(), end.map_or(0, |end| input.len() - end));
    }
}
