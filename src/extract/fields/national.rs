//! Accounts of the United States, Australia, New Zealand, Canada, India and Mexico: each only behind its label, because a
//! checksum of nine digits passes one number in ten and the others have none.

use super::further::{self, Further, Joint};
use super::numbers::{Chunk, Number, Reach, account_at, account_near, chunks, groups, runs_of_digits};
use super::{Finder, Hit, Label, View, add_account, table, whose};
use crate::model::account_check::{aba_holds, clabe_holds};
use crate::model::{PaymentClaims, Scheme};
use std::collections::BTreeSet;

/// Labels that are followed in one text.
const MAX_CODES: usize = 5_000;
/// Octets between a code and the words for a customer's number, and between those and the number.
const BESIDE: usize = 24;
/// Octets of a line before a routing number in which wires are spoken of.
const WIRED_WITHIN: usize = 80;

/// Finds routing number, BSB, transit, IFSC and New Zealand accounts.
pub(super) struct National;

impl Finder for National {
    fn find(&self, view: &View, claims: &mut PaymentClaims) {
        let mut used = BTreeSet::new();
        for hit in view.labels.iter().filter(|hit| hit.label.is_payment()).take(MAX_CODES) {
            match hit.label {
                Label::Routing => united_states(view, hit, &mut used, claims),
                Label::Bsb => australia(view, hit, &mut used, claims),
                Label::Transit => canada(view, hit, &mut used, claims),
                Label::Ifsc => india(view, hit, &mut used, claims),
                _ => {}
            }
        }
        let numbers = chunks(view, 0, view.text.len());
        wired(view, &numbers, claims);
        new_zealand(view, &numbers, claims);
        mexico(view, claims);
    }
}

/// The first number of these groups within `reach` octets after a label, not yet announced by another label.
fn code_after(view: &View, hit: &Hit, reach: usize, shapes: &[&[usize]]) -> Option<Number> {
    let list: Vec<Chunk<'_>> = chunks(view, hit.end, hit.end + reach);
    (0..list.len()).find_map(|at| shapes.iter().find_map(|shape| groups(view, &list, at, shape)).map(|(n, _)| n))
}

/// The digits of such a code.
pub(super) fn code_behind(view: &View, hit: &Hit, reach: usize, shapes: &[&[usize]]) -> Option<String> {
    code_after(view, hit, reach, shapes).map(|number| number.digits)
}

/// The code with the number near it, and what further codes and numbers behind them make.
fn accounts(
    view: &View,
    hit: &Hit,
    code: Number,
    reach: &Reach,
    used: &mut BTreeSet<usize>,
    next: impl Fn(&[Chunk<'_>], usize) -> Option<Number>,
) -> Vec<(String, String)> {
    let span = (hit.start.min(code.start), hit.end.max(code.end));
    let mut codes = further::behind(view, (code.start, code.end), next);
    // The new code behind the old one is no account number, if there is another, and a change is told.
    used.extend(codes.iter().map(|code| code.number.start));
    let mut near = account_near(view, span, (code.start, code.end), reach, used);
    let mut numbers = numbers_behind(view, near.as_ref(), &code, reach);
    let told = numbers.len() == codes.len() || codes.iter().all(|code| code.joint == Joint::Change);
    if near.is_none() || !told {
        for number in codes.drain(..).map(|code| code.number).chain(near.take()) {
            used.remove(&number.start);
        }
        near = account_near(view, span, (code.start, code.end), reach, used);
        numbers = numbers_behind(view, near.as_ref(), &code, reach);
    }
    let Some(number) = near.or_else(|| customers_behind(view, hit, &code, reach)) else { return Vec::new() };
    let mut all = vec![(code.digits.clone(), number.digits.clone())];
    for (code, other, joint) in further::pairs((&code, &number), &codes, &numbers) {
        if joint == Joint::Change {
            used.insert(other.start);
            all.push((code.digits.clone(), other.digits.clone()));
        }
    }
    all
}

/// Further numbers behind the first one.
fn numbers_behind(view: &View, number: Option<&Number>, code: &Number, reach: &Reach) -> Vec<Further> {
    let Some(number) = number else { return Vec::new() };
    further::behind(view, (number.start, number.end), |list, at| {
        let (number, _) = account_at(view, list, at, (code.start, code.end))?;
        reach.adjacent.contains(&number.digits.len()).then_some(number)
    })
}

/// What is said to be a customer's number, directly behind the code, where the text asks to pay. Else it may be the account
/// of the customer.
fn customers_behind(view: &View, label: &Hit, code: &Number, reach: &Reach) -> Option<Number> {
    let at = view.labels.partition_point(|hit| hit.start < code.end);
    let hit = view.labels.get(at).filter(|hit| hit.label == Label::Customers && hit.start <= code.end + BESIDE)?;
    let list = chunks(view, hit.end, hit.end + BESIDE);
    let (number, _) = account_at(view, &list, 0, (code.start, code.end))?;
    let paid = whose::asks_to_pay(view, label.start, number.end);
    (paid && reach.labelled.contains(&number.digits.len())).then_some(number)
}

/// Reads a table whose column of codes the label heads; false where it heads none.
fn below_heads(
    view: &View,
    hit: &Hit,
    reach: &Reach,
    used: &mut BTreeSet<usize>,
    code: impl Fn(&table::Row<'_>) -> Option<String>,
    mut add: impl FnMut(&str, &str),
) -> bool {
    let mut read = false;
    // A further column of accounts may be the customer's.
    for row in table::rows(view, hit).iter().filter(|row| !row.may_be_other) {
        if let Some((code, number)) = code(row).zip(row.number(view, &reach.labelled)) {
            used.insert(number.start);
            add(&code, &number.digits);
            read = true;
        }
    }
    read
}

fn united_states(view: &View, hit: &Hit, used: &mut BTreeSet<usize>, claims: &mut PaymentClaims) {
    const REACH: Reach = Reach { labelled: 4..=17, adjacent: 6..=17, distance: 160 };
    const SHAPES: [&[usize]; 4] = [&[9], &[3, 3, 3], &[4, 4, 1], &[1; 9]];
    let mut add = |code: &str, number: &str| {
        let valid = Some(aba_holds(code));
        add_account(claims, &view.place, Scheme::UsAba, *b"US", &format!("{code}-{number}"), valid);
    };
    let cell = |row: &table::Row<'_>| Some(table::code_in(view, &row.code, &SHAPES)?.digits);
    if below_heads(view, hit, &REACH, used, cell, &mut add) {
        return;
    }
    let Some(code) = code_after(view, hit, 60, &SHAPES) else { return };
    let next = |list: &[Chunk<'_>], at: usize| {
        SHAPES.iter().find_map(|shape| groups(view, list, at, shape)).map(|(code, _)| code).filter(|code| aba_holds(&code.digits))
    };
    for (code, number) in accounts(view, hit, code, &REACH, used, next) {
        add(&code, &number);
    }
}

/// "Wire to Chase, 021000021, 9876543210": a routing number without its label, where the line speaks of wires and the checksum
/// holds.
fn wired(view: &View, list: &[Chunk<'_>], claims: &mut PaymentClaims) {
    const WAYS: [&str; 6] = ["wire", "wires", "wired", "wiring", "ach", "fedwire"];
    for (at, code) in list.iter().enumerate() {
        if !code.is_plain() || !aba_holds(code.raw) {
            continue;
        }
        let before = view.line_before(code.start, WIRED_WITHIN);
        let said = |word: &str| WAYS.iter().any(|way| way.eq_ignore_ascii_case(word));
        if !before.split(|c: char| !c.is_alphabetic()).any(said) {
            continue;
        }
        let Some((number, _)) = account_at(view, list, at + 1, (code.start, code.end)) else { continue };
        let beside = number.start - code.end <= BESIDE && (6..=17).contains(&number.digits.len());
        let own = view.label_before(number.start, BESIDE).is_none_or(|hit| {
            hit.end <= code.start || hit.label.is_payment() || matches!(hit.label, Label::Bank | Label::Customers)
        });
        if beside && own {
            let canonical = format!("{}-{}", code.raw, number.digits);
            add_account(claims, &view.place, Scheme::UsAba, *b"US", &canonical, Some(true));
        }
    }
}

fn australia(view: &View, hit: &Hit, used: &mut BTreeSet<usize>, claims: &mut PaymentClaims) {
    const REACH: Reach = Reach { labelled: 4..=10, adjacent: 6..=10, distance: 160 };
    let mut add = |code: &str, number: &str| {
        add_account(claims, &view.place, Scheme::AuBsb, *b"AU", &format!("{code}-{number}"), None);
    };
    let cell = |row: &table::Row<'_>| Some(table::code_in(view, &row.code, &[&[3, 3]])?.digits);
    if below_heads(view, hit, &REACH, used, cell, &mut add) {
        return;
    }
    let Some(code) = code_after(view, hit, 60, &[&[3, 3]]) else { return };
    let next = |list: &[Chunk<'_>], at: usize| groups(view, list, at, &[3, 3]).map(|(code, _)| code);
    for (code, number) in accounts(view, hit, code, &REACH, used, next) {
        add(&code, &number);
    }
}

/// Transit and institution, in the order of the cheque (`00006-003`) or of the electronic form (`0003 00006`).
fn canada(view: &View, hit: &Hit, used: &mut BTreeSet<usize>, claims: &mut PaymentClaims) {
    const REACH: Reach = Reach { labelled: 5..=12, adjacent: 7..=12, distance: 200 };
    let mut add = |code: &str, number: &str| {
        add_account(claims, &view.place, Scheme::Ca, *b"CA", &format!("{code}-{number}"), None);
    };
    let cell = |row: &table::Row<'_>| {
        let transit = table::code_in(view, &row.code, &[&[5]])?;
        let institution = table::code_in(view, row.institution.as_ref()?, &[&[3], &[4]])?;
        transit_and_institution(&transit, &institution).map(|code| code.digits)
    };
    if below_heads(view, hit, &REACH, used, cell, &mut add) {
        return;
    }
    let Some(code) = transit_behind(view, hit) else { return };
    for (code, number) in accounts(view, hit, code, &REACH, used, |_, _| None) {
        add(&code, &number);
    }
}

/// The transit number behind a label and the institution number near it, as `00006-003`.
pub(super) fn transit_behind(view: &View, hit: &Hit) -> Option<Number> {
    let transit = code_after(view, hit, 60, &[&[5]])?;
    let near = |other: &&Hit| other.label == Label::Institution && other.start.abs_diff(hit.start) <= 120;
    let institution = view.labels.iter().find(near).and_then(|other| {
        code_after(view, other, 60, &[&[3], &[4]]).filter(|n| n.start.abs_diff(transit.start) <= 160)
    })?;
    transit_and_institution(&transit, &institution)
}

fn transit_and_institution(transit: &Number, institution: &Number) -> Option<Number> {
    let digits = institution.digits.trim_start_matches('0');
    (digits.len() <= 3).then(|| Number {
        start: transit.start.min(institution.start),
        end: transit.end.max(institution.end),
        digits: format!("{}-{digits:0>3}", transit.digits),
    })
}

/// IFSC: four letters, a zero, six letters or digits.
fn india(view: &View, hit: &Hit, used: &mut BTreeSet<usize>, claims: &mut PaymentClaims) {
    const REACH: Reach = Reach { labelled: 9..=18, adjacent: 9..=18, distance: 200 };
    let mut add = |code: &str, number: &str| {
        add_account(claims, &view.place, Scheme::InIfsc, *b"IN", &format!("{code}-{number}"), None);
    };
    let cell = |row: &table::Row<'_>| {
        let code = view.text.get(row.code.clone())?.trim();
        is_ifsc(code).then(|| code.to_ascii_uppercase())
    };
    if below_heads(view, hit, &REACH, used, cell, &mut add) {
        return;
    }
    let Some(code) = ifsc_behind(view, hit) else { return };
    for (code, number) in accounts(view, hit, code, &REACH, used, |_, _| None) {
        add(&code, &number);
    }
}

/// The first IFSC behind a label.
pub(super) fn ifsc_behind(view: &View, hit: &Hit) -> Option<Number> {
    let window = view.after(hit.end, 40);
    let code = window.split(|c: char| !c.is_ascii_alphanumeric()).find(|word| is_ifsc(word))?;
    let start = hit.end + window.find(code).unwrap_or(0);
    Some(Number { start, end: start + code.len(), digits: code.to_ascii_uppercase() })
}

fn is_ifsc(word: &str) -> bool {
    word.len() == 11
        && word.bytes().enumerate().all(|(i, b)| match i {
            0..=3 => b.is_ascii_alphabetic(),
            4 => b == b'0',
            _ => b.is_ascii_alphanumeric(),
        })
}

/// `bb-bbbb-aaaaaaa-ss(s)`: with hyphens a shape like no other, else only behind a label of an account.
fn new_zealand(view: &View, list: &[Chunk<'_>], claims: &mut PaymentClaims) {
    for (at, first) in list.iter().enumerate() {
        let found = [3, 2].iter().find_map(|suffix| groups(view, list, at, &[2, 4, 7, *suffix]));
        let Some((number, count)) = found else { continue };
        let hyphens = count == 1 && !first.is_plain();
        let announced = || view.label_before(number.start, 60).is_some_and(|hit| hit.label == Label::Account);
        // Sixteen bare digits are a card number.
        if !hyphens && (count == 1 || !announced()) {
            continue;
        }
        let part = |from: usize, to: usize| number.digits.get(from..to).unwrap_or_default();
        let suffix = part(13, number.digits.len());
        let canonical = format!("{}-{}-{}-{suffix:0>3}", part(0, 2), part(2, 6), part(6, 13));
        let valid = new_zealand_checks(&number.digits);
        add_account(claims, &view.place, Scheme::Nz, *b"NZ", &canonical, valid);
    }
}

/// CLABE: eighteen digits behind their label, or behind that of an account where the check digit holds.
fn mexico(view: &View, claims: &mut PaymentClaims) {
    let labels = view.labels.iter().filter(|hit| matches!(hit.label, Label::Clabe | Label::Account));
    for hit in labels.take(MAX_CODES) {
        for digits in runs_of_digits(view, hit, 40, 18) {
            let valid = clabe_holds(&digits);
            if digits.len() == 18 && (valid || hit.label == Label::Clabe) {
                add_account(claims, &view.place, Scheme::MxClabe, *b"MX", &digits, Some(valid));
            }
        }
    }
}

/// Inland Revenue's algorithms A, B and D by bank; `None` for banks with other ones.
fn new_zealand_checks(digits: &str) -> Option<bool> {
    let bank: u32 = digits.get(..2)?.parse().ok()?;
    let base: u32 = digits.get(6..13)?.parse().ok()?;
    let weights: [u32; 13] = match bank {
        1..=3 | 6 | 10..=24 | 27 | 30 | 35 | 38 if base < 990_000 => [0, 0, 6, 3, 7, 9, 0, 10, 5, 8, 4, 2, 1],
        1..=3 | 6 | 10..=24 | 27 | 30 | 35 | 38 => [0, 0, 0, 0, 0, 0, 0, 10, 5, 8, 4, 2, 1],
        8 => [0, 0, 0, 0, 0, 0, 7, 6, 5, 4, 3, 2, 1],
        _ => return None,
    };
    let sum: u32 = digits.bytes().zip(weights).map(|(b, w)| u32::from(b - b'0') * w).sum();
    Some(sum.is_multiple_of(11))
}
