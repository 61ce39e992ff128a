//! Any message at all: random text, charsets, encodings and trees. Nothing outside the banner changes, and doing it
//! twice is doing it once.

use super::generate::{attached, entity, image, message, multipart, pdf};
use super::{Keys, delivered, of_the_original, organisation, outline, outline_loosely, received};
use proptest::prelude::*;
use sentra::act::{BannerOutcome, VerifyOutcome, verify_header};
use sentra::model::Action;

const CHARSETS: &[&str] = &["utf-8", "windows-1252", "utf-16le", "utf-16", "utf-7", "gb18030", "us-ascii"];
const ENCODINGS: &[&str] = &["8bit", "quoted-printable", "base64"];
const HEADS: &[&str] = &[
    "",
    "<html><body>",
    "<!DOCTYPE html><html><head><title>t</title></head><body bgcolor=\"#fff\">\r\n",
    "<html><!-- x --><head></head>",
    "<html>\r\n\r\n <head><style>a{}</style>",
    "<!-- sentra:banner -->\r\n<table role=\"x\"><tr><td>old</td></tr></table>\r\n<!-- /sentra:banner -->\r\n",
];

/// Text that every charset above can hold.
fn words() -> impl Strategy<Value = String> {
    prop::collection::vec("[a-zA-Z0-9 <>/=.+~]{0,40}[a-z]", 0..6).prop_map(|lines| lines.join("\r\n"))
}

fn leaf() -> impl Strategy<Value = Vec<u8>> {
    let pick = |from: &'static [&'static str]| prop::sample::select(from.to_vec());
    let plain = (words(), pick(CHARSETS), pick(ENCODINGS))
        .prop_map(|(text, charset, encoding)| entity("text/plain", charset, encoding, &text));
    let html = (words(), pick(HEADS), pick(CHARSETS), pick(ENCODINGS)).prop_map(
        |(text, head, charset, encoding)| {
            entity("text/html", charset, encoding, &format!("{head}<p>{text}</p>"))
        },
    );
    prop_oneof![4 => plain, 4 => html, 1 => Just(pdf()), 1 => Just(image("i")), 1 => Just(attached())]
}

fn tree() -> impl Strategy<Value = Vec<u8>> {
    leaf().prop_recursive(4, 24, 4, |inner| {
        let kind = prop::sample::select(vec!["mixed", "alternative", "related"]);
        (kind, "[a-z]{8}", prop::collection::vec(inner, 1..4))
            .prop_map(|(kind, boundary, children)| multipart(kind, &boundary, &children))
    })
}

/// What stands below the header section.
fn body(octets: &[u8]) -> &[u8] {
    let at = octets.windows(4).position(|window| window == b"\r\n\r\n").expect("a body");
    &octets[at + 4..]
}

/// Whether `part` is `whole` with octets left out.
fn is_subsequence(part: &[u8], whole: &[u8]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|octet| rest.any(|other| other == octet))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Whatever the tree: the sender's text is the same, twice is once, and the verdict verifies.
    #[test]
    fn any_tree_keeps_its_text(tree in tree()) {
        let mail = received(message(&tree));
        let (once, outgoing) = delivered(&mail, Action::Tag);
        let (twice, _) = delivered(&received(once.clone()), Action::Tag);
        prop_assert_eq!(String::from_utf8_lossy(body(&once)), String::from_utf8_lossy(body(&twice)));
        let verified = verify_header(&once, &organisation(1), &[], &Keys::new());
        let valid = matches!(verified, VerifyOutcome::Valid { .. });
        prop_assert!(valid);
        let kept = of_the_original(&mail, &outgoing);
        prop_assert!(is_subsequence(&kept, &mail.octets));
        if outgoing.banner != BannerOutcome::Added {
            prop_assert_eq!(outline_loosely(&mail.octets), outline_loosely(&once));
        }
        if matches!(outgoing.banner, BannerOutcome::LeftAlone(_)) {
            prop_assert!(once.ends_with(&mail.octets));
        }
    }

    /// The same exactly, where no older banner, empty part or charset blurs the comparison.
    #[test]
    fn any_alternative_keeps_its_text_to_the_octet(
        text in words(), head in prop::sample::select(HEADS[..5].to_vec()),
        encodings in prop::array::uniform2(prop::sample::select(ENCODINGS.to_vec())), nest in 0_usize..3,
    ) {
        let plain = entity("text/plain", "utf-8", encodings[0], &format!("x{text}\r\n"));
        let html = entity("text/html", "utf-8", encodings[1], &format!("{head}<p>{text}</p>\r\n"));
        let mut tree = multipart("alternative", "alt", &[plain, html]);
        for level in 0..nest {
            tree = multipart("mixed", &format!("m{level}"), &[tree, pdf()]);
        }
        let mail = received(message(&tree));
        let (found, outgoing) = delivered(&mail, Action::Tag);
        prop_assert_eq!(outgoing.banner, BannerOutcome::Inserted { parts: 2, missed: None });
        prop_assert_eq!(outline(&found), outline(&mail.octets));
    }

    /// No octets make it panic, and what is not bannered stays whole.
    #[test]
    fn any_octets_compose(
        octets in prop::collection::vec(prop::sample::select(b"\r\n :-=ax<>\x1b\xff\0".to_vec()), 0..200),
        head in prop::sample::select(vec!["Content-Type: text/html\r\n", "Content-Type: multipart/mixed; boundary=a\r\n", "Content-Type: a/x\r\nContent-Transfer-Encoding: base64\r\n", ""]),
    ) {
        let mail = received([head.as_bytes(), &octets].concat());
        let (found, outgoing) = delivered(&mail, Action::Tag);
        let kept = of_the_original(&mail, &outgoing);
        // A message without text may have been wrapped: its Content- fields moved, and none of its other octets.
        if outgoing.banner != BannerOutcome::Added && !head.contains("base64") {
            prop_assert_eq!(kept, mail.octets.to_vec());
        }
        prop_assert!(found.len() > mail.octets.len());
    }
}
