use super::*;
use crate::model::{Account, Scheme};
use proptest::prelude::*;
use ulid::Ulid;

fn ring() -> (LocalKeyring, OrgId, OrgId) {
    let ring = LocalKeyring::new(&MasterKey::from_bytes([7; 32])).unwrap();
    let (a, b) = (OrgId(Ulid::from_bytes([1; 16])), OrgId(Ulid::from_bytes([2; 16])));
    for org in [a, b] {
        ring.load(org, &ring.generate(org).unwrap()).unwrap();
    }
    (ring, a, b)
}

#[test]
fn a_sealed_value_opens_only_where_it_belongs() {
    let (ring, a, b) = ring();
    let sealed = ring.seal(a, "quarantine.row", b"subject").unwrap();
    assert_eq!(ring.open(a, "quarantine.row", &sealed).unwrap(), b"subject");
    assert!(ring.open(a, "quarantine.detail", &sealed).is_err(), "another column");
    assert!(ring.open(b, "quarantine.row", &sealed).is_err(), "another organisation");
    for index in 0..sealed.len() {
        let mut altered = sealed.clone();
        altered[index] ^= 1;
        assert!(ring.open(a, "quarantine.row", &altered).is_err(), "octet {index} altered");
    }
    assert_ne!(sealed, ring.seal(a, "quarantine.row", b"subject").unwrap(), "nonces are fresh");
}

#[test]
fn the_wrong_master_key_is_named() {
    let (ring, a, _) = ring();
    let wrapped = ring.generate(a).unwrap();
    let other = LocalKeyring::new(&MasterKey::generate().unwrap()).unwrap();
    let error = other.load(a, &wrapped).unwrap_err();
    assert!(error.to_string().contains("master key does not open"), "{error}");
    assert!(!error.is_transient());
    let missing = other.seal(a, "x", b"y").unwrap_err();
    assert!(missing.to_string().contains("not loaded"), "{missing}");
}

#[test]
fn a_newer_data_key_seals_and_the_older_still_opens() {
    let (ring, a, _) = ring();
    let mut wrapped = ring.generate(a).unwrap();
    ring.load(a, &wrapped).unwrap();
    let old = ring.seal(a, "c", b"old").unwrap();
    let context = wrapping_context(a, KeyPurpose::Data, 2);
    let second = seal(&ring.master, 0, &context, &[9; 32]).unwrap();
    wrapped.push(WrappedKey { purpose: KeyPurpose::Data, key_id: 2, wrapped: second });
    ring.load(a, &wrapped).unwrap();
    assert_eq!(ring.open(a, "c", &old).unwrap(), b"old");
    let new = ring.seal(a, "c", b"new").unwrap();
    assert_eq!(parse(&new).unwrap().key_id, 2);
    assert_eq!(ring.open(a, "c", &new).unwrap(), b"new");
}

#[test]
fn taking_up_adds_and_never_takes_away() {
    let (ring, a, b) = ring();
    let sealed = ring.seal(a, "c", b"kept").unwrap();
    let third = OrgId(Ulid::from_bytes([3; 16]));
    let stale = BTreeMap::from([(a, ring.generate(a).unwrap()), (third, ring.generate(third).unwrap())]);
    ring.take_up(&stale).unwrap();
    assert_eq!(ring.open(a, "c", &sealed).unwrap(), b"kept", "known keys stand");
    assert!(ring.seal(b, "c", b"x").is_ok() && ring.seal(third, "c", b"x").is_ok());
    ring.forget(third);
    assert!(ring.seal(third, "c", b"x").is_err());
}

#[test]
fn fingerprints_are_the_organisations_own() {
    let (ring, a, b) = ring();
    let key = Account::from_canonical(Scheme::Uk, *b"GB", "60161331926819").unwrap().comparison_key();
    assert_eq!(ring.fingerprint(a, &key).unwrap(), ring.fingerprint(a, &key).unwrap());
    assert_ne!(ring.fingerprint(a, &key).unwrap(), ring.fingerprint(b, &key).unwrap());
    let name = ring.fingerprint_text(a, "name", "acme").unwrap();
    assert_ne!(name, ring.fingerprint_text(a, "domain", "acme").unwrap());
}

#[test]
fn signatures_verify_under_the_same_organisation_only() {
    let (ring, a, b) = ring();
    let signature = ring.sign(a, b"message").unwrap();
    assert!(ring.verify(a, b"message", &signature));
    assert!(!ring.verify(a, b"massage", &signature));
    assert!(!ring.verify(b, b"message", &signature));
    assert_eq!(ring.public_key(a).unwrap().len(), 32);
}

#[test]
fn master_keys_are_read_from_hex_only() {
    let key = MasterKey::generate().unwrap();
    assert_eq!(MasterKey::from_hex(&format!(" {}\n", *key.to_hex())).unwrap().0.as_slice(), key.0.as_slice());
    for (name, text) in [("empty", String::new()), ("short", "ab".repeat(31)), ("sign", "+1".repeat(32))] {
        assert!(MasterKey::from_hex(&text).is_err(), "{name}");
    }
}

proptest! {
    #[test]
    fn whatever_is_sealed_opens_and_noise_never_panics(
        plain in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let (ring, a, _) = ring();
        let sealed = ring.seal(a, "c", &plain).unwrap();
        prop_assert_eq!(ring.open(a, "c", &sealed).unwrap(), plain.clone());
        prop_assert!(ring.open(a, "c", &plain).is_err());
    }
}
