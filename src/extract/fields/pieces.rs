//! Bank details in pieces: codes and numbers that a label announces and that no account of the message holds.
//!
//! The finders read one text at a time. People see a sort code in the subject and the number in the attachment, an IBAN
//! "in two halves", a number alone ("same sort code as always"). What labels announce is collected over all texts of a
//! message. At the end, what no account holds is put together where it makes one, and counts as announced and not
//! compared where it does not.

use super::numbers::{account_at, chunks};
use super::{Hit, Label, View, add_account, national, uk};
use crate::limits::{MAX_CLAIMED_VALUES, MAX_PIECES};
use crate::model::account_check::has_own_form;
use crate::model::{Means, PaymentClaims, Place, Scheme, is_country};

/// Labels of one text that are followed.
const MAX_LABELS: usize = 2_000;
/// Octets behind a label in which its value begins.
const REACH: usize = 24;
/// Octets around a label in which other labels say that it is about a payment.
const AROUND: usize = 120;
/// Symbols behind country and check digits that make the beginning of an IBAN.
const HEAD: std::ops::RangeInclusive<usize> = 4..=8;

/// What a label announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The bank's part of an account.
    Code(Scheme),
    /// The beginning of an IBAN.
    IbanHead,
    /// An account number.
    Number,
}

/// One of them.
#[derive(Debug)]
struct Piece {
    kind: Kind,
    value: String,
    place: Place,
    /// Words about a bank or a payee stand around it: it is no customer's number.
    pays: bool,
}

/// What labels of one message announce, each once.
#[derive(Debug, Default)]
pub(in crate::extract) struct Pieces {
    pieces: Vec<Piece>,
    /// There were more than are kept.
    more: bool,
}

impl Pieces {
    /// Takes up what the labels of one text announce.
    pub(in crate::extract) fn collect(&mut self, view: &View) {
        if view.place.means == Some(Means::Payer) {
            return;
        }
        for hit in view.labels.iter().take(MAX_LABELS) {
            let Some((kind, value)) = announced(view, hit) else { continue };
            let pays = kind == Kind::Number && is_about_payment(view, hit);
            if let Some(known) =
                self.pieces.iter_mut().find(|known| known.kind == kind && known.value == value)
            {
                known.pays |= pays;
            } else if self.pieces.len() < MAX_PIECES {
                self.pieces.push(Piece { kind, value, place: view.place.clone(), pays });
            } else {
                self.more = true;
                return;
            }
        }
    }

    /// Puts together what no account of the message holds, and notes what stays.
    pub(in crate::extract) fn settle(mut self, claims: &mut PaymentClaims) {
        self.drop_known(claims);
        self.join_codes(claims);
        self.join_bics(claims);
        self.drop_known(claims);
        let alone = claims.accounts.is_empty();
        let speaks_of = |family: &str| claims.phrases.iter().any(|phrase| phrase.value.0 == family);
        // "New account number" is said of customers' accounts too: only where there is something to pay.
        let something_to_pay = !alone || !claims.invoice_numbers.is_empty() || !claims.amounts.is_empty();
        let changes = speaks_of("bank_change") || something_to_pay && speaks_of("account_change");
        for piece in self.pieces {
            // A lone number is a customer's, unless nothing else can be meant.
            let meant = piece.kind != Kind::Number || changes || alone && piece.pays;
            if meant
                && claims.announced.len() < MAX_CLAIMED_VALUES
                && !claims.announced.contains(&piece.place)
            {
                claims.announced.push(piece.place);
            }
        }
        if self.more {
            super::note_limit(claims);
        }
    }

    /// Leaves out what an account of the message holds, and numbers that are something else.
    fn drop_known(&mut self, claims: &PaymentClaims) {
        let accounts: Vec<String> =
            claims.accounts.iter().map(|claim| claim.account.reveal().replace('-', "")).collect();
        let others =
            [&claims.tax_numbers, &claims.company_numbers, &claims.invoice_numbers, &claims.references];
        self.pieces.retain(|piece| {
            let value = piece.value.replace('-', "");
            let value = value.trim_start_matches('0');
            let named = |number: &String| {
                piece.kind == Kind::Number
                    && number.chars().filter(char::is_ascii_digit).eq(piece.value.chars())
            };
            !accounts.iter().any(|account| account.contains(value))
                && !others.iter().any(|list| list.iter().any(named))
                && !claims.phones.iter().any(named)
        });
    }

    /// Account numbers of a length within `lengths`: those among words about payment, if there are any.
    fn numbers(&self, lengths: &std::ops::RangeInclusive<usize>) -> Vec<&Piece> {
        let fits = |piece: &&Piece| piece.kind == Kind::Number && lengths.contains(&piece.value.len());
        let paying: Vec<&Piece> = self.pieces.iter().filter(fits).filter(|piece| piece.pays).collect();
        if paying.is_empty() { self.pieces.iter().filter(fits).collect() } else { paying }
    }

    /// A bank's code and an account number from different places.
    fn join_codes(&self, claims: &mut PaymentClaims) {
        for code in &self.pieces {
            let Kind::Code(scheme) = code.kind else { continue };
            let (country, lengths) = match scheme {
                Scheme::Uk => (*b"GB", 6..=10),
                Scheme::UsAba => (*b"US", 6..=17),
                Scheme::AuBsb => (*b"AU", 6..=10),
                Scheme::Ca => (*b"CA", 6..=12),
                _ => (*b"IN", 9..=18),
            };
            for number in self.numbers(&lengths) {
                let digits: String = number.value.clone();
                let canonical = match scheme {
                    Scheme::Uk => uk::canonical(&code.value, &digits),
                    _ => format!("{}-{digits}", code.value),
                };
                let valid = (scheme == Scheme::UsAba).then(|| national::aba_checks(&code.value));
                add_account(claims, &number.place, scheme, country, &canonical, valid);
            }
        }
    }

    /// A BIC and an account number, in countries that have nothing else.
    fn join_bics(&self, claims: &mut PaymentClaims) {
        for bic in claims.bics.clone() {
            let (Some(bank), Some(country)) = (bic.value.get(..8), bic.value.get(4..6)) else { continue };
            let [Some(a), Some(b)] = [0, 1].map(|at| country.as_bytes().get(at).copied()) else { continue };
            if has_own_form(country) || claims.accounts.iter().any(|claim| claim.account.country() == country)
            {
                continue;
            }
            for number in self.numbers(&(6..=18)) {
                let canonical = format!("{bank}-{}", number.value);
                add_account(claims, &number.place, Scheme::Bic, [a, b], &canonical, None);
            }
        }
    }
}

/// What stands behind a label: its kind and its digits or letters.
fn announced(view: &View, hit: &Hit) -> Option<(Kind, String)> {
    let found = match hit.label {
        Label::SortCode => (Kind::Code(Scheme::Uk), uk::code_behind(view, hit, REACH)?),
        Label::Routing => {
            (Kind::Code(Scheme::UsAba), national::code_behind(view, hit, REACH, &[&[9], &[3, 3, 3]])?)
        }
        Label::Bsb => (Kind::Code(Scheme::AuBsb), national::code_behind(view, hit, REACH, &[&[3, 3]])?),
        Label::Transit => (Kind::Code(Scheme::Ca), national::transit_behind(view, hit)?.digits),
        Label::Ifsc => (Kind::Code(Scheme::InIfsc), national::ifsc_behind(view, hit)?.digits),
        Label::Iban => (Kind::IbanHead, iban_head(view, hit)?),
        Label::Account => match iban_head(view, hit) {
            Some(head) => (Kind::IbanHead, head),
            None => (Kind::Number, number(view, hit)?),
        },
        _ => return None,
    };
    (found.0 == Kind::Number || !is_masked(view, hit)).then_some(found)
}

/// The first number behind a label, if no other label stands between.
fn number(view: &View, hit: &Hit) -> Option<String> {
    if let Some(cell) = view.cell_below(hit) {
        return hyphened(cell.trim());
    }
    let list = chunks(view, hit.end, hit.end + REACH * 2);
    let first = list.first().filter(|first| first.start <= hit.end + REACH)?;
    view.label_before(first.start, REACH).filter(|last| last.start == hit.start)?;
    let digits = match account_at(view, &list, 0, (0, 0)) {
        Some((number, _)) => number.digits,
        None => hyphened(first.raw)?,
    };
    (6..=18).contains(&digits.len()).then_some(digits)
}

/// `123-456789-838`, as banks outside Europe write; no date.
fn hyphened(raw: &str) -> Option<String> {
    let groups: Vec<&str> = raw.split(['-', ' ']).collect();
    let digits: String = groups.concat();
    let date = digits.len() == 8 && groups.len() == 3
        || groups.iter().any(|group| group.len() == 4 && digits.len() < 8);
    (!date && digits.len() >= 7 && digits.bytes().all(|b| b.is_ascii_digit())).then_some(digits)
}

/// The beginning of an IBAN behind a label: a country, two digits and what follows in capitals and digits.
fn iban_head(view: &View, hit: &Hit) -> Option<String> {
    let window = view.after(hit.end, REACH + 40);
    let next = view.labels.partition_point(|other| other.start < hit.end);
    let until = view.labels.get(next).map_or(window.len(), |other| other.start - hit.end);
    let start = window.char_indices().take_while(|(at, _)| *at <= REACH.min(until)).find_map(|(at, _)| {
        let before = window.get(..at)?.chars().next_back();
        let head = window.get(at..at + 4)?.as_bytes();
        let shaped = matches!(head, [a, b, c, d] if a.is_ascii_uppercase() && b.is_ascii_uppercase()
            && c.is_ascii_digit() && d.is_ascii_digit());
        (shaped && !before.is_some_and(char::is_alphanumeric)).then_some(at)
    })?;
    let text = window.get(start..)?;
    let mut head: String = text.get(..4)?.to_owned();
    if !text.get(..2).is_some_and(is_country) {
        return None;
    }
    for c in text.get(4..)?.chars() {
        match c {
            'A'..='Z' | '0'..='9' if head.len() < 4 + HEAD.end() => head.push(c),
            ' ' | '-' | '.' | '/' | '\t' | '\n' if head.len() < 4 + HEAD.end() => {}
            _ => break,
        }
    }
    (head.len() >= 4 + HEAD.start() && !head.contains("XXX")).then_some(head)
}

/// Whether the digits behind a label are hidden: `20-00-00 ••••1234`, "ending 4821". People who mention an account so do
/// not ask to pay to it.
fn is_masked(view: &View, hit: &Hit) -> bool {
    const MASKS: [&str; 7] = ["**", "••", "xx", "XX", "ending", "endet", "##"];
    let behind = view.after(hit.end, 100);
    let tail = |at: usize| {
        let rest = behind.get(at..).unwrap_or_default();
        let rest = rest.trim_start_matches(|c: char| !c.is_ascii_digit() && c != '\n');
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        (2..=4).contains(&digits)
    };
    MASKS.iter().any(|mask| behind.find(mask).is_some_and(tail))
}

/// Whether words about a bank or a payee stand around a label.
fn is_about_payment(view: &View, hit: &Hit) -> bool {
    let first = view.labels.partition_point(|other| other.end + AROUND < hit.start);
    let near = view.labels.get(first..).unwrap_or_default().iter();
    near.take_while(|other| other.start <= hit.end + AROUND)
        .any(|other| matches!(other.label, Label::Payee | Label::Bank | Label::Bic))
}
