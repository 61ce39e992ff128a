//! Whose a number is, and whether a code is a bank's: what the words around a label say.
//!
//! Shops have branch codes and customers have account numbers. An attacker knows that, too: words of paying outweigh
//! those that speak of a customer, wherever both stand.

use super::{Hit, Label, View};
use crate::extract::floor;

/// Octets around a label in which other labels say that it is about a payment.
const AROUND: usize = 120;
/// Octets before a label in which somebody may ask to pay.
const PAY_REACH: usize = 200;

/// The text before a label in its own line, at most `reach` octets, in small letters.
pub(super) fn line_before(view: &View, hit: &Hit, reach: usize) -> String {
    view.line_before(hit.start, reach).to_lowercase()
}

/// Whether a label's own words mean a bank's code and nothing else.
pub(super) fn is_sure(view: &View, hit: &Hit) -> bool {
    const SURE: [&str; 9] =
        ["sort code", "sortcode", "sort-code", "sort_code", "ifs", "bsb", "aba", "routing n", "transit n"];
    let label = view.text.get(hit.start..hit.end).unwrap_or_default().to_lowercase();
    // "From our sort code": whoever says so has paid. "From 1 May" and "from now" are no such words.
    let before = line_before(view, hit, 16);
    let paid = ["from our", "from your", "from my"].iter().any(|paid| before.trim_end().ends_with(paid));
    SURE.iter().any(|sure| label.contains(sure)) && !paid
}

/// Whether a number is said to be the reader's own: a customer's.
pub(super) fn is_theirs(view: &View, hit: &Hit) -> bool {
    const THEIRS: [&str; 7] = ["your", "customer", "quote", "quoting", "ihre", "kunden", "client"];
    let before = line_before(view, hit, 80);
    THEIRS.iter().any(|word| before.contains(word)) || view.after(hit.end, 40).contains("(your")
}

/// Whether the sentence asks to pay to the number: "please settle this one to account number …".
pub(super) fn is_ordered(view: &View, hit: &Hit) -> bool {
    is_order_to(&line_before(view, hit, 80))
}

/// Whether a line, in small letters, asks to pay to what follows it.
pub(super) fn is_order_to(line: &str) -> bool {
    const VERBS: [&str; 19] = [
        "pay",
        "settle",
        "transfer",
        "remit",
        "überweis",
        "vire",
        "vers",
        "règl",
        "régl",
        "paga",
        "pagu",
        "transfi",
        "ingres",
        "betaal",
        "betal",
        "overma",
        "stort",
        "przel",
        "zapła",
    ];
    const TOWARDS: [&str; 26] = [
        "to",
        "into",
        "to our",
        "to the",
        "to this",
        "auf",
        "an",
        "auf das",
        "auf unser",
        "sur le",
        "sur notre",
        "sul",
        "sul nostro",
        "al",
        "a la",
        "en la",
        "a nuestra",
        "op",
        "naar",
        "op onze",
        "na",
        "na nasz",
        "para a",
        "para o",
        "para a nossa",
        "à",
    ];
    let before = line.trim_end();
    let towards = |word: &&str| before.strip_suffix(*word).is_some_and(|rest| rest.ends_with(' '));
    TOWARDS.iter().any(towards) && VERBS.iter().any(|verb| before.contains(verb))
}

/// Whether words about a bank or a payee stand around a label: the payee's or a BIC on either side, the bank's in front.
pub(super) fn is_about_payment(view: &View, hit: &Hit) -> bool {
    near(view, hit).iter().any(|other| speaks_of_payee(view, other, hit))
}

/// The same, where no code of a bank or IBAN stands between those words and the label: they are about that one.
pub(super) fn is_paid_to(view: &View, hit: &Hit) -> bool {
    let near = near(view, hit);
    near.iter().filter(|other| speaks_of_payee(view, other, hit)).any(|other| {
        let between = other.end.min(hit.end)..other.start.max(hit.start);
        !near.iter().any(|one| one.start != hit.start && is_others(view, one) && between.contains(&one.start))
    })
}

/// The labels around a label.
fn near<'v>(view: &'v View, hit: &Hit) -> &'v [Hit] {
    let first = view.labels.partition_point(|other| other.end + AROUND < hit.start);
    let after = view.labels.partition_point(|other| other.start <= hit.end + AROUND);
    view.labels.get(first..after).unwrap_or_default()
}

fn speaks_of_payee(view: &View, other: &Hit, hit: &Hit) -> bool {
    match other.label {
        Label::Payee | Label::Bic => true,
        Label::Bank => names_bank(view, other, hit),
        _ => false,
    }
}

/// Whether a word about banks introduces details, within two lines: "Bank: Barclays", "payment details", and not "by bank
/// transfer", "bank holiday", "the bank details on file".
fn names_bank(view: &View, bank: &Hit, hit: &Hit) -> bool {
    let Some(between) = view.text.get(bank.end..hit.start) else { return false };
    let word = view.text.get(bank.start..bank.end).unwrap_or_default();
    let introduces = word.contains(' ') || word.len() > 8 || between.trim_start().starts_with(':');
    let held = ["on file", "you hold", "you have"].iter().any(|held| between.contains(held));
    let transfer = word.to_lowercase().ends_with("transfer");
    introduces && !held && !transfer && between.len() <= 80 && between.matches('\n').count() <= 2
}

/// Whether a label's own words are said of shops and packs as well: "branch code", `S/C 24`.
pub(super) fn is_doubtful(view: &View, hit: &Hit) -> bool {
    is_branch(view, hit) || matches!(words(view, hit).as_str(), "s/c" | "sc" | "s.c" | "s code" | "s. code")
}

/// Whether the words before `S/C` say what it is short for: "service charge (S/C) 204711".
pub(super) fn is_other_word(view: &View, hit: &Hit) -> bool {
    const OTHERS: [&str; 4] = ["service charge", "subcontract", "sub-contract", "subcontractor"];
    let before = line_before(view, hit, 24);
    let said = before.trim_end_matches([' ', '(']);
    is_doubtful(view, hit) && OTHERS.iter().any(|other| said.ends_with(other))
}

/// Whether a label means a branch, which shops have as well as banks; "bank branch code" and "our bank's branch code" are no
/// shop's.
pub(super) fn is_branch(view: &View, hit: &Hit) -> bool {
    let before = line_before(view, hit, 16);
    let last = before.trim_end().rsplit(' ').next().unwrap_or_default();
    words(view, hit) == "branch code" && !matches!(last, "bank" | "bank's" | "bank’s" | "banks")
}

/// A label as it is compared.
fn words(view: &View, hit: &Hit) -> String {
    view.text.get(hit.start..hit.end).unwrap_or_default().to_lowercase().replace('_', " ")
}

/// Whether the words directly before the label of an account say that it is a customer's: "customer account number",
/// "your account no", "ledger account".
pub(super) fn is_customers(view: &View, hit: &Hit) -> bool {
    // Not "client" and "trading": into a solicitor's client account and a firm's trading account people pay.
    const CUSTOMERS: [&str; 9] =
        ["your", "customer", "customer's", "customers", "ledger", "trade", "member", "buyer", "buyer's"];
    let before = line_before(view, hit, 40);
    let last = before.trim_end().rsplit(|c: char| !c.is_alphabetic() && c != '\'').next().unwrap_or_default();
    CUSTOMERS.contains(&last)
}

/// Whether the text around asks to pay: "pay to the account below", "please remit". Behind "quoting", and in another
/// sentence without a direction, paying is another matter.
pub(super) fn asks_to_pay(view: &View, start: usize, end: usize) -> bool {
    let from = floor(&view.text, start.saturating_sub(PAY_REACH));
    let before = view.text.get(from..start).unwrap_or_default().to_lowercase();
    let mut sentences = before.split_inclusive(ENDS).rev().filter(|sentence| !sentence.trim().is_empty());
    let own = if before.ends_with(ENDS) { "" } else { sentences.next().unwrap_or_default() };
    let behind = behind(view, end);
    let mut next = behind.split_inclusive(ENDS);
    let rest = next.next().unwrap_or_default();
    (has_verb(own) || is_directed(own) || has_verb(rest)) && !own.contains("quot")
        || sentences.chain(next).any(is_directed)
}

/// Words of the ways by which banks pay, and of banks.
const BANKING: [&str; 12] = [
    "bank",
    "bacs",
    "chaps",
    "clearing",
    "faster",
    "transfer",
    "lodge",
    "settlement",
    "remit",
    "überweis",
    "virement",
    "przelew",
];

/// Banks by name.
const BANKS: [&str; 13] = [
    "barclays",
    "hsbc",
    "lloyds",
    "natwest",
    "santander",
    "monzo",
    "starling",
    "tide",
    "revolut",
    "nationwide",
    "halifax",
    "tsb",
    "rbs",
];

fn has_beginning(text: &str, words: &[&str]) -> bool {
    text.split(|c: char| !c.is_alphabetic()).any(|word| words.iter().any(|known| word.starts_with(known)))
}

/// Whether a text names a bank or a way by which banks pay.
pub(super) fn names_banks(text: &str) -> bool {
    has_beginning(text, &BANKING) || has_beginning(text, &BANKS)
}

/// Whether a bank's own name stands directly before a label: "pay at Barclays, a/c 55779911".
pub(super) fn is_held_at_bank(view: &View, hit: &Hit) -> bool {
    let before = line_before(view, hit, 24);
    let mut words =
        before.trim_end_matches(|c: char| !c.is_alphabetic()).rsplit(|c: char| !c.is_alphabetic());
    let last = words.next().unwrap_or_default();
    let at = words.find(|word| !word.is_empty()).is_some_and(|word| matches!(word, "at" | "with" | "to"));
    at && BANKS.contains(&last)
}

/// Whether the lines of a code and a number, the one before and what follows speak of banks or their ways to pay; what
/// belongs to another bank's code or to an IBAN does not count.
pub(super) fn speaks_of_banks(view: &View, start: usize, end: usize) -> bool {
    let from = floor(&view.text, start.saturating_sub(PAY_REACH));
    let line = |until: usize| {
        view.text.get(from..until).and_then(|text| text.rfind('\n')).map_or(from, |at| from + at)
    };
    let own = line(start);
    let before = line(own);
    let first = view.labels.partition_point(|hit| hit.end <= before);
    let mut above = view.labels.get(first..).unwrap_or_default().iter().take_while(|hit| hit.start < own);
    let taken = above.any(|hit| is_others(view, hit));
    let said = view.text.get(if taken { own } else { before }..end).unwrap_or_default().to_lowercase();
    names_banks(&said) || names_banks(&behind(view, end))
}

/// Whether a label announces an IBAN or what is a bank's code for certain: words near it may be about that one.
fn is_others(view: &View, hit: &Hit) -> bool {
    hit.label == Label::Iban || hit.label == Label::SortCode && is_sure(view, hit)
}

/// What ends a sentence, or a line of an address or a table.
const ENDS: [char; 3] = ['.', '\n', ';'];

/// The text behind, in small letters, without the sentence that introduces the next bank's code or IBAN.
fn behind(view: &View, end: usize) -> String {
    let text = view.after(end, AROUND);
    let first = view.labels.partition_point(|hit| hit.start < end);
    let near = view.labels.get(first..).unwrap_or_default().iter();
    let code = near.take_while(|hit| hit.start < end + AROUND).find(|hit| is_others(view, hit));
    let until = code.map(|code| code.start - end).filter(|until| *until < text.len());
    let Some(text) = until.and_then(|until| text.get(..until)) else { return text.to_lowercase() };
    let text = text.trim_end();
    let sentence = if text.ends_with('.') { text.len() } else { text.rfind(ENDS).map_or(0, |at| at + 1) };
    text.get(..sentence).unwrap_or_default().to_lowercase()
}

fn has_word(sentence: &str, words: &[&str]) -> bool {
    sentence.split(|c: char| !c.is_alphabetic()).any(|word| words.contains(&word))
}

fn has_verb(sentence: &str) -> bool {
    const VERBS: [&str; 14] = [
        "pay",
        "lodge",
        "lodged",
        "paying",
        "payable",
        "settle",
        "transfer",
        "transfers",
        "remit",
        "remittance",
        "send",
        "deposit",
        "credit",
        "wire",
    ];
    has_word(sentence, &VERBS)
}

/// Whether a sentence says where to pay to.
fn is_directed(sentence: &str) -> bool {
    const TOWARDS: [&str; 20] = [
        "to",
        "into",
        "using",
        "via",
        "below",
        "following",
        "these",
        "this",
        "here",
        "details",
        "our",
        "us",
        "new",
        "instead",
        "should",
        "must",
        "now",
        "there",
        "it",
        "direct",
    ];
    (has_verb(sentence) || sentence.contains("payment")) && has_word(sentence, &TOWARDS)
}
