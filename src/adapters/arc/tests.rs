use super::canonical::{Outgoing, fields, relaxed};
use super::*;
use aws_lc_rs::digest::{SHA256, digest};
use proptest::prelude::*;

fn split(octets: &[u8], cuts: &[usize]) -> Vec<Bytes> {
    let whole = Bytes::copy_from_slice(octets);
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (octets.len() + 1)).collect();
    cuts.extend([0, octets.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|pair| whole.slice(pair[0]..pair[1])).collect()
}

/// RFC 6376 section 3.4.5.
#[test]
fn the_canonical_form_of_the_rfc() {
    let head = b"A: X\r\nB : Y\t\r\n\tZ  \r\n\r\n C \r\nD \t E\r\n\r\n\r\n";
    let outgoing = Outgoing::of(&split(head, &[])).unwrap();
    let canonical: Vec<String> =
        fields(&outgoing.head).iter().map(|field| String::from_utf8(field.relaxed()).unwrap()).collect();
    assert_eq!(canonical, ["a:X", "b:Y Z"]);
    assert_eq!(outgoing.body_hash(), digest(&SHA256, b" C\r\nD E\r\n").as_ref());
    assert_eq!(relaxed(b"From ", b" \r\n a"), b"from:a");
}

#[test]
fn a_message_without_a_body_has_the_hash_of_nothing() {
    let outgoing = Outgoing::of(&split(b"A: X\r\n\r\n", &[])).unwrap();
    assert_eq!(outgoing.body_hash(), digest(&SHA256, b"").as_ref());
    assert!(Outgoing::of(&split(b"A: X\r\n", &[])).is_none(), "the header section has no end");
}

proptest! {
    /// Wherever a message is cut into segments, its hash and its fields are the same.
    #[test]
    fn segments_do_not_matter(
        body in "[ \ta-c\r\n]{0,80}",
        cuts in proptest::collection::vec(any::<usize>(), 0..6),
    ) {
        let octets = format!("From: a@b.example\r\nSubject: x\r\n y\r\n\r\n{body}");
        let whole = Outgoing::of(&split(octets.as_bytes(), &[])).unwrap();
        let parts = Outgoing::of(&split(octets.as_bytes(), &cuts)).unwrap();
        prop_assert_eq!(&whole.head, &parts.head);
        prop_assert_eq!(whole.body_hash(), parts.body_hash());
    }

    #[test]
    fn noise_never_panics(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
        fields(&octets);
        Outgoing::of(&split(&octets, &[7, 50, 100]));
    }
}
