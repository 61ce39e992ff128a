//! Compares every account in the message with the records.
//!
//! A blocked or own account is that whatever else holds; so is, as an own one, what an electronic invoice names only as
//! the payer's. Then the identified suppliers' records decide: an account on
//! one of them is `match` (verified), `retired` or `pending`. An account that none of them has but somebody else has is
//! `other_supplier`; on nobody's record it is `mismatch`, or `first` when the record is still empty. Without an
//! identified supplier there is no record to compare with: `unknown`, except that an account of supplier A in a mail
//! that claims to be B is `other_supplier`. Check digits play no part: equal to the record is equal.

use super::methods;
use super::supplier::Suppliers;
use crate::model::{
    AccountClaim, AccountFact, AccountHit, AccountState, AccountStatus, ClaimFacts, DirectoryAnswer, Means,
    PartKind, PaymentClaims, Place, SupplierHit,
};

pub(super) fn compare(
    claims: &PaymentClaims,
    suppliers: &Suppliers,
    answer: &DirectoryAnswer,
    available: bool,
) -> Vec<AccountFact> {
    let homes = homes(claims, suppliers);
    let facts = claims.accounts.iter().map(|claim| {
        let mut fact = fact(claim, suppliers, answer, available);
        let country = claim.account.country();
        let judged = !matches!(fact.status, AccountStatus::Match | AccountStatus::Own);
        let at_home = |home: &String| home == country || methods::same_payments(home, country);
        fact.country_differs = judged && !homes.is_empty() && !homes.iter().any(at_home);
        fact
    });
    facts.collect()
}

/// Where accounts are to be expected: the countries on the suppliers' records, else those of the tax numbers.
fn homes(claims: &PaymentClaims, suppliers: &Suppliers) -> Vec<String> {
    let known = if suppliers.identified.is_empty() { &suppliers.claimed } else { &suppliers.identified };
    let on_record: Vec<String> =
        known.iter().map(|hit| hit.country.clone()).filter(|country| !country.is_empty()).collect();
    if !on_record.is_empty() {
        return on_record;
    }
    claims.tax_numbers.iter().filter_map(|number| country_of_tax_number(number)).collect()
}

/// The country whose prefix a tax number bears: Greece and Northern Ireland have one of their own.
fn country_of_tax_number(number: &str) -> Option<String> {
    let (prefix, rest) = number.split_at_checked(2)?;
    let letters = prefix.bytes().all(|b| b.is_ascii_uppercase()) && rest.bytes().any(|b| b.is_ascii_digit());
    let country = match prefix {
        "EL" => "GR",
        "XI" => "GB",
        // One-stop-shop numbers name no country.
        "EU" | "IM" => return None,
        other => other,
    };
    letters.then(|| country.to_owned())
}

fn fact(
    claim: &AccountClaim,
    suppliers: &Suppliers,
    answer: &DirectoryAnswer,
    available: bool,
) -> AccountFact {
    let hits = answer.accounts.get(&claim.account.comparison_key()).map(Vec::as_slice).unwrap_or_default();
    let status = if available { status(claim, hits, suppliers) } else { AccountStatus::Unavailable };
    let on_record = !hits.is_empty();
    AccountFact {
        status,
        scheme: claim.account.scheme(),
        country: claim.account.country().to_owned(),
        valid: claim.valid == Some(true) || on_record,
        invalid: claim.valid == Some(false) && !on_record,
        country_differs: false,
        new_payee: available && !on_record,
        seen_before: false,
        elsewhere_suppliers: 0,
        elsewhere_senders: 0,
        hidden: places(claim).all(|place| place.hidden),
        disguised: claim.disguised,
        part: part_name(claim.place.part).to_owned(),
        name: claim.place.name.clone().unwrap_or_default(),
        masked: claim.account.masked(),
    }
}

fn status(claim: &AccountClaim, hits: &[AccountHit], suppliers: &Suppliers) -> AccountStatus {
    let any = |state: AccountState| hits.iter().any(|hit| hit.state == state);
    if any(AccountState::Blocked) {
        return AccountStatus::Blocked;
    }
    // Nobody is asked to pay to an account that stands only where an electronic invoice names the payer's.
    let payers = || places(claim).all(|place| place.means == Some(Means::Payer));
    if any(AccountState::Own) || payers() {
        return AccountStatus::Own;
    }
    let held_by = |hit: &AccountHit, of: &dyn Fn(&crate::model::SupplierId) -> bool| {
        hit.supplier.as_ref().is_some_and(of)
    };
    if suppliers.identified.is_empty() {
        let elsewhere = hits.iter().any(|hit| !held_by(hit, &|id| suppliers.is_claimed(id)));
        let theirs = hits.iter().any(|hit| held_by(hit, &|id| suppliers.is_claimed(id)));
        let of_another = !suppliers.claimed.is_empty() && elsewhere && !theirs;
        return if of_another { AccountStatus::OtherSupplier } else { AccountStatus::Unknown };
    }
    let theirs = |state: AccountState| {
        hits.iter().any(|hit| hit.state == state && held_by(hit, &|id| suppliers.is_identified(id)))
    };
    if theirs(AccountState::Verified) {
        AccountStatus::Match
    } else if theirs(AccountState::Retired) {
        AccountStatus::Retired
    } else if theirs(AccountState::Pending) {
        AccountStatus::Pending
    } else if !hits.is_empty() {
        AccountStatus::OtherSupplier
    } else if suppliers.identified.iter().any(|hit: &SupplierHit| hit.has_accounts) {
        AccountStatus::Mismatch
    } else {
        AccountStatus::First
    }
}

fn places(claim: &AccountClaim) -> impl Iterator<Item = &Place> {
    std::iter::once(&claim.place).chain(&claim.also_at)
}

fn part_name(part: PartKind) -> &'static str {
    match part {
        PartKind::Body => "body",
        PartKind::Html => "html",
        PartKind::Attachment => "attachment",
    }
}

/// How the accounts of one message fit together. Own accounts are left out: a mail may well quote the payer's.
pub(super) fn claims(claims: &PaymentClaims, facts: &[AccountFact], suppliers: &Suppliers) -> ClaimFacts {
    let foreign: Vec<&AccountClaim> = claims
        .accounts
        .iter()
        .zip(facts)
        .filter(|(_, fact)| fact.status != AccountStatus::Own)
        .map(|(claim, _)| claim)
        .collect();
    let hidden = |claim: &&AccountClaim| places(claim).all(|place| place.hidden);
    ClaimFacts {
        body_document_conflict: body_document_conflict(&foreign),
        printed_conflict: printed_conflict(&foreign),
        seen_conflict: seen_conflict(&foreign),
        hidden_conflict: foreign.iter().any(hidden) && !foreign.iter().all(hidden),
        bic_conflict: methods::bic_conflict(claims),
        payee_differs: methods::payee_differs(claims, suppliers),
        call_back_off_record: false,
        tax_number_invalid: claims.tax_number_invalid,
        announced: count(claims.announced.len()),
        accounts: count(claims.accounts.len()),
        amounts: count(claims.amounts.len()),
        invoice_numbers: count(claims.invoice_numbers.len()),
    }
}

/// A body account that stands in no document, beside a document's account of the same scheme and country that stands
/// in no body. A body that repeats one of a document's several accounts agrees with it.
fn body_document_conflict(claims: &[&AccountClaim]) -> bool {
    let in_document = |claim: &AccountClaim| places(claim).any(|place| place.part == PartKind::Attachment);
    let in_body = |claim: &AccountClaim| places(claim).any(|place| place.part != PartKind::Attachment);
    conflict(claims, in_body, in_document)
}

/// An account that only programs read (electronic invoice, QR code), beside another of its kind that only people read.
fn printed_conflict(claims: &[&AccountClaim]) -> bool {
    let printed = |claim: &AccountClaim| places(claim).any(|place| place.is_print() || is_seen(place));
    let coded = |claim: &AccountClaim| {
        places(claim).any(|place| matches!(place.means, Some(Means::Machine | Means::Qr)))
    };
    conflict(claims, printed, coded)
}

/// Recognised in an image: people read it there too.
fn is_seen(place: &Place) -> bool {
    place.means == Some(Means::Ocr)
}

/// A page whose text names one account while recognition, with check digits that hold, sees only another.
fn seen_conflict(claims: &[&AccountClaim]) -> bool {
    let written = |claim: &AccountClaim| places(claim).any(|place| place.is_print() && place.page.is_some());
    let seen = |claim: &AccountClaim| places(claim).any(is_seen);
    let one_page = |one: &AccountClaim, other: &AccountClaim| {
        let same = |a: &Place, b: &Place| {
            (a.index, a.page, &a.name) == (b.index, b.page, &b.name) && a.page.is_some()
        };
        places(one).filter(|place| place.is_print()).any(|a| places(other).any(|b| is_seen(b) && same(a, b)))
    };
    let only_written = claims.iter().filter(|claim| written(claim) && !seen(claim));
    let only_seen: Vec<_> =
        claims.iter().filter(|claim| seen(claim) && !written(claim) && claim.valid == Some(true)).collect();
    only_written
        .flat_map(|one| only_seen.iter().map(move |other| (one, other)))
        .any(|(one, other)| kind(one) == kind(other) && one_page(one, other))
}

/// Scheme and country. A sort code and the GB IBAN of another account are two forms of one kind: the key's own prefix
/// tells kinds apart.
fn kind(claim: &AccountClaim) -> (String, String) {
    let key = claim.account.comparison_key();
    let scheme = key.reveal().split('|').next().unwrap_or_default().to_owned();
    (scheme, claim.account.country().to_owned())
}

/// Whether an account stands only in the first kind of places, and another of the same scheme and country only in the
/// second.
fn conflict(
    claims: &[&AccountClaim],
    in_first: impl Fn(&AccountClaim) -> bool,
    in_second: impl Fn(&AccountClaim) -> bool,
) -> bool {
    let only_first: Vec<_> = claims.iter().filter(|claim| in_first(claim) && !in_second(claim)).collect();
    let only_second: Vec<_> = claims.iter().filter(|claim| in_second(claim) && !in_first(claim)).collect();
    only_first.iter().any(|one| only_second.iter().any(|other| kind(one) == kind(other)))
}

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
