use super::*;
use crate::model::test_support::{address, domain, mail, mailbox, message, organisation};
use crate::model::{
    Account, AccountClaim, AccountHit, AccountState, AccountStatus, AuthResults, DirectoryKey,
    DocumentReport, Gap, MatchedBy, Means, Message, PartKind, PaymentClaims, Place, Scheme, SupplierHit,
    SupplierId, fold_name,
};
use std::sync::Arc;

const ACME: &str = "60161300000001";
const ACME_OLD: &str = "60161300000002";
const ACME_NEW: &str = "60161300000003";
const BOLT: &str = "60161300000004";
const FRAUD: &str = "60161300000005";
const OURS: &str = "60161300000006";
const NOBODYS: &str = "60161300000009";

fn account(canonical: &str) -> Account {
    Account::from_canonical(Scheme::Uk, *b"GB", canonical).expect(canonical)
}

fn place(part: PartKind, hidden: bool) -> Place {
    Place { hidden, ..Place::of(part, 0) }
}

fn claim(canonical: &str, part: PartKind, hidden: bool) -> AccountClaim {
    AccountClaim {
        account: account(canonical),
        valid: Some(true),
        place: place(part, hidden),
        also_at: vec![],
        disguised: false,
    }
}

/// Acme has a domain, a gmail address, a tax number and three accounts; Bolt a domain and an account; Empty has none.
fn directory() -> DirectoryAnswer {
    let mut answer = DirectoryAnswer::default();
    let hit = |id: &str, name: &str, has_accounts| SupplierHit {
        id: SupplierId(id.into()),
        name: name.into(),
        has_accounts,
        country: if id == "A" { "GB".into() } else { String::new() },
        has_phone: id == "A",
        matched_by: MatchedBy::Domain,
    };
    let (acme, bolt, empty) = (
        hit("A", "Acme Building Supplies", true),
        hit("B", "Bolt Ltd", true),
        hit("E", "Empty Works", false),
    );
    for (key, hit) in [
        (DirectoryKey::Domain(domain("acmebuilding.co.uk")), &acme),
        (DirectoryKey::Address(address("acme.supplies@gmail.com")), &acme),
        (DirectoryKey::TaxNumber("GB980780684".into()), &acme),
        (DirectoryKey::Name(fold_name("Acme Building Supplies")), &acme),
        (DirectoryKey::Phone("442079460018".into()), &acme),
        (DirectoryKey::Domain(domain("boltfixings.example")), &bolt),
        (DirectoryKey::Name(fold_name("Bolt Ltd")), &bolt),
        (DirectoryKey::Domain(domain("emptyworks.example")), &empty),
    ] {
        answer.suppliers.insert(key, vec![hit.clone()]);
    }
    for (canonical, supplier, state) in [
        (ACME, Some("A"), AccountState::Verified),
        (ACME_OLD, Some("A"), AccountState::Retired),
        (ACME_NEW, Some("A"), AccountState::Pending),
        (BOLT, Some("B"), AccountState::Verified),
        (FRAUD, Some("A"), AccountState::Verified),
        (FRAUD, None, AccountState::Blocked),
        (OURS, None, AccountState::Own),
    ] {
        let supplier = supplier.map(|id| SupplierId(id.into()));
        let hit = AccountHit { supplier, supplier_name: String::new(), state };
        answer.accounts.entry(account(canonical).comparison_key()).or_default().push(hit);
    }
    let known = [("acmebuilding.co.uk", "A"), ("boltfixings.example", "B"), ("emptyworks.example", "E")];
    answer.known_domains =
        Arc::new(known.iter().map(|(name, id)| (domain(name), SupplierId((*id).into()))).collect());
    answer
}

fn evidence(message: Message, claims: PaymentClaims) -> Evidence {
    let mail = mail(None);
    Evidence {
        id: mail.id,
        organisation: Arc::new(organisation()),
        reverse_path: mail.envelope.reverse_path.clone(),
        recipients: mail.envelope.recipients.clone(),
        received_at_ms: 0,
        message: Arc::new(message),
        claims,
        auth: AuthResults { known: true, authenticated: true, ..AuthResults::default() },
        directory: Lookup::Found(directory()),
        history: Lookup::NotFound,
    }
}

/// Mail of a stranger that says nothing.
pub(super) fn plain_evidence() -> Evidence {
    evidence(message("a@stranger.example", None), PaymentClaims::default())
}

fn from(sender: &str) -> Facts {
    establish(&evidence(message(sender, None), PaymentClaims::default()))
}

#[test]
fn accounts_compare_with_the_identified_suppliers_record() {
    use AccountStatus::{Blocked, First, Match, Mismatch, OtherSupplier, Own, Pending, Retired, Unknown};
    for (name, sender, number, status, new_payee) in [
        ("verified", "a@acmebuilding.co.uk", ACME, Match, false),
        ("sub-domain", "a@mail.acmebuilding.co.uk", ACME, Match, false),
        ("by address at a free provider", "Acme.Supplies@gmail.com", ACME, Match, false),
        ("retired", "a@acmebuilding.co.uk", ACME_OLD, Retired, false),
        ("pending", "a@acmebuilding.co.uk", ACME_NEW, Pending, false),
        ("not theirs", "a@acmebuilding.co.uk", NOBODYS, Mismatch, true),
        ("another's", "a@acmebuilding.co.uk", BOLT, OtherSupplier, false),
        ("blocked wins over the record", "a@acmebuilding.co.uk", FRAUD, Blocked, false),
        ("own wins", "a@acmebuilding.co.uk", OURS, Own, false),
        ("no account on record", "a@emptyworks.example", NOBODYS, First, true),
        ("empty record, another's account", "a@emptyworks.example", BOLT, OtherSupplier, false),
        ("unknown sender", "a@stranger.example", NOBODYS, Unknown, true),
        ("unknown sender, account on a record", "a@stranger.example", ACME, Unknown, false),
        ("only the name claims", "Acme Building Supplies Ltd <a@stranger.example>", NOBODYS, Unknown, true),
        (
            "claims Acme, pays Bolt",
            "Acme Building Supplies Ltd <a@stranger.example>",
            BOLT,
            OtherSupplier,
            false,
        ),
        ("blocked from anybody", "a@stranger.example", FRAUD, Blocked, false),
        ("another mailbox of a free provider", "somebody@gmail.com", NOBODYS, Unknown, true),
    ] {
        let claims =
            PaymentClaims { accounts: vec![claim(number, PartKind::Body, false)], ..Default::default() };
        let facts = establish(&evidence(message(sender, None), claims));
        assert_eq!((facts.accounts[0].status, facts.accounts[0].new_payee), (status, new_payee), "{name}");
    }
}

#[test]
fn a_match_with_any_identified_supplier_is_a_match() {
    let claims = PaymentClaims {
        accounts: vec![claim(ACME, PartKind::Body, false)],
        tax_numbers: vec!["GB980780684".into()],
        ..Default::default()
    };
    let facts = establish(&evidence(message("a@boltfixings.example", None), claims));
    assert_eq!(facts.accounts[0].status, AccountStatus::Match);
    assert!(facts.supplier.ambiguous);
    assert_eq!((facts.supplier.id.as_str(), facts.supplier.matched_by.as_str()), ("B", "domain"));
}

#[test]
fn check_digits_play_no_part_on_record() {
    let mut wrong = claim(ACME, PartKind::Body, false);
    wrong.valid = Some(false);
    let mut unknown = claim(NOBODYS, PartKind::Body, false);
    unknown.valid = Some(false);
    let claims = PaymentClaims { accounts: vec![wrong, unknown], ..Default::default() };
    let facts = establish(&evidence(message("a@acmebuilding.co.uk", None), claims));
    assert_eq!(facts.accounts[0].status, AccountStatus::Match);
    assert_eq!([facts.accounts[0].invalid, facts.accounts[1].invalid], [false, true]);
}

#[test]
fn a_silent_directory_is_a_fact() {
    let claims = PaymentClaims { accounts: vec![claim(ACME, PartKind::Body, false)], ..Default::default() };
    let mut evidence = evidence(message("a@acmebuilding.co.uk", None), claims);
    evidence.directory = Lookup::Unavailable("deadline");
    let facts = establish(&evidence);
    assert!(!facts.directory.available && !facts.supplier.identified && !facts.accounts[0].new_payee);
    assert_eq!(facts.accounts[0].status, AccountStatus::Unavailable);
}

#[test]
fn lookalikes_are_told_from_honest_neighbours() {
    for (sender, kind) in [
        ("a@acmebuilding.co.uk", ""),
        ("a@mail.acmebuilding.co.uk", ""),
        ("a@acmebui1ding.co.uk", "homoglyph"),
        ("a@acrnebuilding.co.uk", "homoglyph"),
        ("a@аcmebuilding.co.uk", "homoglyph"),
        ("a@acmebuildng.co.uk", "edit"),
        ("a@acmebuildings.co.uk", "edit"),
        ("a@acmebiulding.co.uk", "edit"),
        ("a@acmebuilding.com", "tld"),
        ("a@acme-building.co.uk", "hyphen"),
        ("a@acmebuilding-ltd.co.uk", "affix"),
        ("a@acmebuildingpayments.com", "affix"),
        ("a@accounts-acmebuilding.com", "affix"),
        ("a@acmebuilding.co.uk.evil.example", "subdomain"),
        ("a@mail.acmebuilding.co.uk.evil.example", "subdomain"),
        ("a@acmebakery.co.uk", ""),
        ("a@building.co.uk", ""),
        ("a@gmail.com", ""),
        ("a@contoso.example", ""),
        ("a@c0ntoso.example", "homoglyph"),
        ("a@contosso.example", "edit"),
        ("a@[192.0.2.1]", ""),
    ] {
        let facts = from(sender);
        assert_eq!(facts.lookalike.kind, kind, "{sender}: {:?}", facts.lookalike);
        assert_eq!(facts.lookalike.found, !kind.is_empty(), "{sender}");
        assert_eq!(facts.lookalike.of_own, sender.contains("ntos") && !kind.is_empty(), "{sender}");
    }
}

#[test]
fn a_domain_on_a_record_is_nobodys_lookalike() {
    let mut answer = directory();
    let hit = answer.suppliers.values().next().cloned().unwrap();
    answer.suppliers.insert(DirectoryKey::Domain(domain("acmebuilding.com")), hit);
    let mut evidence = evidence(message("a@acmebuilding.com", None), PaymentClaims::default());
    evidence.directory = Lookup::Found(answer);
    assert!(!establish(&evidence).lookalike.found);
}

#[test]
fn a_hundred_thousand_known_domains_are_searched() {
    let mut answer = directory();
    let many = (0..99_999)
        .map(|number| (domain(&format!("supplier{number:05}works.example")), SupplierId("S".into())));
    answer.known_domains =
        Arc::new(many.chain([(domain("acmebuilding.co.uk"), SupplierId("A".into()))]).collect());
    answer.suppliers.clear();
    let mut evidence = evidence(message("a@acmebui1ding.co.uk", None), PaymentClaims::default());
    evidence.directory = Lookup::Found(answer);
    assert!(establish(&evidence).lookalike.of_supplier);
}

#[test]
fn display_names_are_compared_with_suppliers_and_executives() {
    for (sender, spoofs) in [
        ("Acme Building Supplies Ltd <a@acmebuilding.co.uk>", ""),
        ("Acme Building Supplies <acme.supplies@gmail.com>", ""),
        ("ACME  Building-Supplies <acme@gmail.com>", "supplier"),
        ("Аcme Ｂuild\u{200b}ing Supplies <acme@gmail.com>", "supplier"),
        ("Jane Doe <ceo@evil.example>", "executive"),
        ("Doe, Jane <ceo@evil.example>", "executive"),
        ("Jane Doe <jane.private@gmail.com>", ""),
        ("Jane Doe <jane.doe@contoso.example>", ""),
        ("John Roe <john@evil.example>", ""),
    ] {
        assert_eq!(from(sender).display_name.spoofs, spoofs, "{sender}");
    }
    assert!(from("accounts@acmebuilding.co.uk <x@evil.example>").display_name.holds_other_address);
    assert!(!from("x@evil.example <x@mail.evil.example>").display_name.holds_other_address);
    for local in ["accounts@acmebuilding.co.uk", "accounts%acmebuilding.co.uk"] {
        assert!(from(&format!("{local}@evil.example")).display_name.holds_other_address, "{local}");
    }
}

#[test]
fn a_tax_number_in_the_mail_does_not_make_the_name_theirs() {
    let claims = PaymentClaims { tax_numbers: vec!["GB980780684".into()], ..Default::default() };
    let facts = establish(&evidence(message("Acme Building Supplies <x@stranger.example>", None), claims));
    assert!(facts.supplier.identified);
    assert_eq!(facts.display_name.spoofs, "supplier");
}

#[test]
fn answers_that_go_elsewhere_are_seen() {
    for (sender, reply_to, differs, free_mail, on_record) in [
        ("a@acmebuilding.co.uk", "b@mail.acmebuilding.co.uk", false, false, true),
        ("a@acmebuilding.co.uk", "acme@gmail.com", true, true, false),
        ("a@acmebuilding.co.uk", "acme.supplies@gmail.com", true, true, true),
        ("a@gmail.com", "b@gmail.com", true, true, false),
        ("a@gmail.com", "A@gmail.com", false, true, false),
        ("a@acmebuilding.co.uk", "b@tickets.example", true, false, false),
        ("a@acmebuilding.co.uk", "b@boltfixings.example", true, false, true),
        ("a@acmebuilding.co.uk", "accounts@contoso.example", true, false, true),
    ] {
        let facts = establish(&evidence(message(sender, Some(reply_to)), PaymentClaims::default())).reply_to;
        assert_eq!(
            (facts.differs, facts.free_mail, facts.on_record),
            (differs, free_mail, on_record),
            "{sender} {reply_to}"
        );
    }
    let mut two = message("a@acmebuilding.co.uk", Some("a@acmebuilding.co.uk"));
    two.reply_to.push(mailbox("thief@gmail.com"));
    assert!(
        establish(&evidence(two, PaymentClaims::default())).reply_to.differs,
        "the second address counts"
    );
}

#[test]
fn body_and_document_conflict_only_when_neither_holds_the_other() {
    let both = |number| {
        let mut both = claim(number, PartKind::Body, false);
        both.also_at.push(place(PartKind::Attachment, false));
        both
    };
    let (body, html, document) = (PartKind::Body, PartKind::Html, PartKind::Attachment);
    for (name, accounts, conflict) in [
        ("body alone", vec![claim(ACME, body, false), claim(BOLT, html, false)], false),
        ("different", vec![claim(ACME, body, false), claim(BOLT, document, false)], true),
        ("body repeats one of two", vec![both(ACME), claim(BOLT, document, false)], false),
        ("own account quoted", vec![claim(OURS, body, false), claim(ACME, document, false)], false),
    ] {
        let claims = PaymentClaims { accounts, ..Default::default() };
        let facts = establish(&evidence(message("a@acmebuilding.co.uk", None), claims));
        assert_eq!(facts.claims.body_document_conflict, conflict, "{name}");
    }
    let coded = |number, means| {
        let mut coded = claim(number, document, false);
        coded.place.means = Some(means);
        coded
    };
    for (name, accounts, conflict) in [
        ("XML differs", vec![claim(ACME, document, false), coded(BOLT, Means::Machine)], true),
        ("QR code differs", vec![claim(ACME, body, false), coded(BOLT, Means::Qr)], true),
        ("recognised text is print", vec![claim(ACME, document, false), coded(BOLT, Means::Ocr)], false),
        ("QR code differs from an image", vec![coded(ACME, Means::Ocr), coded(BOLT, Means::Qr)], true),
        ("XML alone", vec![coded(ACME, Means::Machine), coded(BOLT, Means::Machine)], false),
    ] {
        let claims = PaymentClaims { accounts, ..Default::default() };
        let facts = establish(&evidence(message("a@acmebuilding.co.uk", None), claims));
        assert_eq!(facts.claims.printed_conflict, conflict, "{name}");
    }
    let on = |number, page, means, valid| {
        let mut claim = claim(number, document, false);
        claim.place.page = Some(page);
        claim.place.means = means;
        claim.valid = valid;
        claim
    };
    let seen = |number, page, valid| on(number, page, Some(Means::Ocr), valid);
    let sure = Some(true);
    for (name, accounts, conflict) in [
        ("seen differs", vec![on(ACME, 1, None, sure), seen(BOLT, 1, sure)], true),
        ("no check digits", vec![on(ACME, 1, None, sure), seen(BOLT, 1, None)], false),
        ("another page", vec![on(ACME, 1, None, sure), seen(BOLT, 2, sure)], false),
        ("in the body", vec![claim(ACME, body, false), seen(BOLT, 1, sure)], false),
        ("only seen", vec![seen(ACME, 1, sure), seen(BOLT, 1, sure)], false),
    ] {
        let claims = PaymentClaims { accounts, ..Default::default() };
        let facts = establish(&evidence(message("a@acmebuilding.co.uk", None), claims));
        assert_eq!(facts.claims.seen_conflict, conflict, "{name}");
    }
    // The payer's account of an electronic invoice is no place to pay to, unless it is blocked or also printed.
    let mut printed = coded(NOBODYS, Means::Payer);
    printed.also_at.push(place(document, false));
    for (claim, status) in [
        (coded(NOBODYS, Means::Payer), AccountStatus::Own),
        (coded(FRAUD, Means::Payer), AccountStatus::Blocked),
        (printed, AccountStatus::Mismatch),
    ] {
        let claims = PaymentClaims { accounts: vec![claim], ..Default::default() };
        let facts = establish(&evidence(message("a@acmebuilding.co.uk", None), claims));
        assert_eq!(facts.accounts[0].status, status);
    }
    let accounts = vec![claim(ACME, body, false), claim(NOBODYS, html, true)];
    let claims = PaymentClaims { accounts, ..Default::default() };
    let facts = establish(&evidence(message("a@acmebuilding.co.uk", None), claims));
    assert!(facts.claims.hidden_conflict && facts.accounts[1].hidden && !facts.accounts[0].hidden);
}

#[test]
fn unread_things_are_counted_once_and_by_reason() {
    let gap = |what: &str, why: &str| Gap { what: what.into(), why: why.into() };
    let claims = PaymentClaims {
        unchecked: vec![
            gap("a.pdf", "unsupported"),
            gap("a.pdf", "password"),
            gap("part-1", "unsupported"),
            gap("message", "limit"),
        ],
        documents: vec![DocumentReport {
            name: "a.pdf".into(),
            media_type: "application/pdf".into(),
            read: false,
            error: Some("unsupported".into()),
            make: None,
        }],
        ..Default::default()
    };
    let facts = establish(&evidence(message("a@acmebuilding.co.uk", None), claims)).documents;
    assert_eq!((facts.unread, facts.encrypted, facts.unsupported, facts.limited), (4, 1, 2, 1));
    assert_eq!(facts.in_text, 1, "the text; neither the attachment nor what may be one");
}

#[test]
fn a_message_without_a_readable_author_still_has_facts() {
    for sender in ["", "not an address", "<>"] {
        let facts = from(sender);
        assert!(!facts.supplier.identified && facts.sender.address.is_empty(), "{sender}");
    }
    assert_eq!(establish(&evidence(Message::default(), PaymentClaims::default())).mail.authors, 0);
}
