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

/// The rows with one key of a purpose more.
fn with(ring: &LocalKeyring, org: OrgId, mut rows: Vec<WrappedKey>, purpose: KeyPurpose) -> Vec<WrappedKey> {
    rows.push(ring.generate_one(org, purpose, 2, KeyState::Staged).unwrap());
    rows
}

/// The staged key becomes active, the active one old.
fn activated(mut rows: Vec<WrappedKey>, purpose: KeyPurpose) -> Vec<WrappedKey> {
    for row in rows.iter_mut().filter(|row| row.purpose == purpose) {
        row.state = if row.state == KeyState::Staged { KeyState::Active } else { KeyState::Old };
    }
    rows
}

#[test]
fn a_data_key_is_known_before_it_seals_and_opens_after_it() {
    let (ring, a, _) = ring();
    let first = ring.generate(a).unwrap();
    ring.load(a, &first).unwrap();
    let old = ring.seal(a, "c", b"old").unwrap();
    let staged = with(&ring, a, first, KeyPurpose::Data);
    ring.load(a, &staged).unwrap();
    assert_eq!(sealed_under(&ring.seal(a, "c", b"still the first").unwrap()), Some(1));
    // Another node that has the new key in use already.
    let ahead = LocalKeyring::new(&MasterKey::from_bytes([7; 32])).unwrap();
    ahead.load(a, &activated(staged.clone(), KeyPurpose::Data)).unwrap();
    let new = ahead.seal(a, "c", b"new").unwrap();
    assert_eq!(sealed_under(&new), Some(2));
    assert_eq!(ring.open(a, "c", &new).unwrap(), b"new", "known before it is used");
    assert_eq!(ahead.open(a, "c", &old).unwrap(), b"old");
    let anew = ahead.reseal(a, "c", &old).unwrap().unwrap();
    assert_eq!((sealed_under(&anew), ahead.reseal(a, "c", &anew).unwrap()), (Some(2), None));
    assert!(
        ahead.reseal(a, "another", &old).is_err(),
        "a value that does not belong there is not sealed anew"
    );
}

#[test]
fn a_key_that_is_not_known_yet_is_a_passing_error() {
    let (ring, a, _) = ring();
    let first = ring.generate(a).unwrap();
    ring.load(a, &first).unwrap();
    let ahead = LocalKeyring::new(&MasterKey::from_bytes([7; 32])).unwrap();
    ahead.load(a, &activated(with(&ring, a, first, KeyPurpose::Data), KeyPurpose::Data)).unwrap();
    let error = ring.open(a, "c", &ahead.seal(a, "c", b"new").unwrap()).unwrap_err();
    assert!(error.is_transient(), "{error}");
}

#[test]
fn old_signatures_verify_even_when_only_the_public_half_is_left() {
    let (ring, a, _) = ring();
    let first = ring.generate(a).unwrap();
    ring.load(a, &first).unwrap();
    let signature = ring.sign(a, b"verdict").unwrap();
    let mut rows = activated(with(&ring, a, first, KeyPurpose::Signing), KeyPurpose::Signing);
    ring.load(a, &rows).unwrap();
    assert_eq!(ring.verified_by(a, b"verdict", &signature), Some(1));
    assert_eq!(ring.verified_by(a, b"verdict", &ring.sign(a, b"verdict").unwrap()), Some(2));
    let at = rows.iter().position(|row| row.purpose == KeyPurpose::Signing && row.key_id == 1).unwrap();
    rows[at] = ring.without_private_half(a, &rows[at]).unwrap();
    ring.load(a, &rows).unwrap();
    assert_eq!(ring.verified_by(a, b"verdict", &signature), Some(1));
    assert_eq!(ring.public_keys(a).unwrap().len(), 2);
    rows[at].state = KeyState::Old;
    assert!(ring.load(a, &rows).is_err(), "a public half is never taken for a seed");
}

#[test]
fn fingerprints_are_asked_for_under_every_key() {
    let (ring, a, _) = ring();
    let first = ring.generate(a).unwrap();
    ring.load(a, &first).unwrap();
    let before = ring.fingerprint_text(a, "name", "acme").unwrap();
    assert_eq!(ring.fingerprints_text(a, "name", "acme").unwrap(), [before]);
    ring.load(a, &activated(with(&ring, a, first, KeyPurpose::Fingerprint), KeyPurpose::Fingerprint))
        .unwrap();
    let after = ring.fingerprint_text(a, "name", "acme").unwrap();
    assert_ne!(before, after);
    assert_eq!(ring.fingerprints_text(a, "name", "acme").unwrap(), [after, before]);
}

#[test]
fn master_keys_hand_over() {
    let (first, second) = (MasterKey::from_bytes([7; 32]), MasterKey::from_bytes([8; 32]));
    let (ring, a, _) = ring();
    let rows = ring.generate(a).unwrap();
    ring.load(a, &rows).unwrap();
    let sealed = ring.seal(a, "c", b"kept").unwrap();
    let both = LocalKeyring::with(&second, std::slice::from_ref(&first)).unwrap();
    both.load(a, &rows).unwrap();
    assert_eq!(both.open(a, "c", &sealed).unwrap(), b"kept");
    let rewrap = |row: &WrappedKey| WrappedKey {
        wrapped: both.rewrap(a, row).unwrap().expect("under the first"),
        ..row.clone()
    };
    let anew: Vec<WrappedKey> = rows.iter().map(rewrap).collect();
    assert!(anew.iter().all(|row| both.rewrap(a, row).unwrap().is_none()), "once is enough");
    let after = LocalKeyring::new(&second).unwrap();
    after.load(a, &anew).unwrap();
    assert_eq!(after.open(a, "c", &sealed).unwrap(), b"kept");
    assert!(after.load(a, &rows).is_err() && ring.load(a, &anew).is_err());
    ring.change_masters(&second, &[]).unwrap();
    ring.load(a, &anew).unwrap();
}

#[test]
fn taking_up_adds_and_drops_what_is_gone() {
    let (ring, a, b) = ring();
    let third = OrgId(Ulid::from_bytes([3; 16]));
    let first = ring.generate(a).unwrap();
    let newer = activated(with(&ring, a, first.clone(), KeyPurpose::Data), KeyPurpose::Data);
    ring.take_up(5, &BTreeMap::from([(a, newer), (third, ring.generate(third).unwrap())])).unwrap();
    let sealed = ring.seal(a, "c", b"kept").unwrap();
    ring.take_up(4, &BTreeMap::from([(a, first)])).unwrap();
    assert_eq!(ring.open(a, "c", &sealed).unwrap(), b"kept", "an older view changes nothing");
    assert!(ring.seal(b, "c", b"x").is_ok(), "being created: the database has not named it yet");
    assert!(ring.seal(third, "c", b"x").is_ok());
    let both = |third_too: bool| {
        let all = [a, b].into_iter().chain(third_too.then_some(third));
        all.map(|org| (org, ring.generate(org).unwrap())).collect::<BTreeMap<_, _>>()
    };
    ring.take_up(6, &both(true)).unwrap();
    assert!(ring.seal(b, "c", b"x").is_ok() && ring.seal(third, "c", b"x").is_ok());
    ring.take_up(7, &both(false)).unwrap();
    assert!(ring.seal(third, "c", b"x").is_err(), "erased elsewhere");
    assert!(ring.open(third, "c", &sealed).is_err());
    ring.take_up(8, &BTreeMap::new()).unwrap();
    assert!(ring.seal(b, "c", b"x").is_err(), "it was named once");
    let fourth = OrgId(Ulid::from_bytes([4; 16]));
    ring.load(fourth, &ring.generate(fourth).unwrap()).unwrap();
    ring.forget(fourth);
    assert!(ring.seal(fourth, "c", b"x").is_err());
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
    let again = MasterKey::from_hex(&format!(" {}\n", *key.to_hex())).unwrap();
    assert_eq!((again.to_hex(), again.id()), (key.to_hex(), key.id()));
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

#[test]
fn one_that_moved_into_the_main_database_is_confirmed_by_it() {
    let (ring, a, b) = ring();
    let all = |org| BTreeMap::from([(org, ring.generate(org).unwrap())]);
    let (keys, others) = (all(a), all(b));
    ring.take_up_from(1, 1, &keys).unwrap();
    let long_ago = Instant::now().checked_sub(limits::KEY_VIEW).unwrap();
    ring.pinned.store(Arc::new(BTreeMap::from([(a, long_ago)])));
    ring.confirm();
    assert!(ring.seal(a, "x", b"y").unwrap_err().is_transient(), "its own database is silent");
    // Exported, erased there, imported into the main database.
    ring.take_up_from(1, 2, &BTreeMap::new()).unwrap();
    ring.take_up_from(0, 1, &keys.into_iter().chain(others).collect()).unwrap();
    assert!(ring.seal(a, "x", b"y").is_ok());
}
