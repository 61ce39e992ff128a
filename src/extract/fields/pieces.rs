//! Bank details in pieces: codes and numbers that a label announces and that no account of the message holds.
//!
//! The finders read one text at a time. People see a sort code in the subject and the number in the attachment, an IBAN
//! "in two halves", a number alone ("same sort code as always"). What labels announce is collected over all texts of a
//! message. At the end, what no account holds is put together where it makes one, and counts as announced and not
//! compared where it does not.

use super::numbers::{account_at, chunks};
use super::uk::Whose;
use super::whose::{is_about_payment, is_held_at_bank, is_ordered, is_sure, is_theirs};
use super::{Hit, Label, View, add_account, national, table, uk, unread};
use crate::limits::{MAX_CLAIMED_VALUES, MAX_PIECES};
use crate::model::account_check::{aba_holds, has_own_form};
use crate::model::{Means, PaymentClaims, Place, Scheme, is_country};

/// Labels of one text that are followed.
const MAX_LABELS: usize = 2_000;
/// Octets behind a label in which its value begins.
const REACH: usize = 24;
/// Octets around a label in which its number may be hidden in part, or an account be spoken of.
const MASK_REACH: usize = 100;
/// Digits of an account number at least.
const MIN_DIGITS: usize = 6;
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
    /// A code that cannot be read.
    Unread,
}

/// One of them. Without `Debug`: a number may be whole.
struct Piece {
    kind: Kind,
    value: String,
    place: Place,
    /// Words about a bank or a payee stand around it: it is no customer's number.
    pays: bool,
    /// The sentence asks to pay to it.
    ordered: bool,
    /// Somebody only mentions it: it is hidden in part, or another's.
    mentioned: bool,
}

/// What labels of one message announce, each once.
#[derive(Default)]
pub(in crate::extract) struct Pieces {
    pieces: Vec<Piece>,
    /// Pairs that are an account only where the message has no other.
    doubtful: Vec<(uk::Doubtful, Place)>,
    /// There were more than are kept.
    more: bool,
}

impl Pieces {
    /// Takes up what the labels of one text announce.
    pub(in crate::extract) fn collect(&mut self, view: &View) {
        if view.place.means == Some(Means::Payer) {
            return;
        }
        for pair in &uk::found(view).doubtful {
            if self.doubtful.len() < MAX_PIECES {
                self.doubtful.push((pair.clone(), view.place.clone()));
            } else {
                self.more = true;
            }
        }
        for hit in view.labels.iter().take(MAX_LABELS) {
            let Some((kind, value)) = announced(view, hit) else { continue };
            let number = kind == Kind::Number;
            // A number behind the label of a code is one beside "sort code as usual".
            let ordered = number && (hit.label == Label::SortCode || is_ordered(view, hit));
            let pays = ordered || number && (is_about_payment(view, hit) || is_held_at_bank(view, hit));
            // "Pay your invoice to account number …" speaks of the payee's for all its "your".
            let mentioned = match kind {
                Kind::Number => !ordered && is_theirs(view, hit),
                _ => is_masked(view, hit),
            };
            if let Some(known) =
                self.pieces.iter_mut().find(|known| known.kind == kind && known.value == value)
            {
                known.pays |= pays;
                known.ordered |= ordered;
                known.mentioned &= mentioned;
            } else if self.pieces.len() < MAX_PIECES {
                let place = view.place.clone();
                self.pieces.push(Piece { kind, value, place, pays, ordered, mentioned });
            } else {
                self.more = true;
                return;
            }
        }
    }

    /// Puts together what no account of the message holds, and notes what stays.
    pub(in crate::extract) fn settle(mut self, claims: &mut PaymentClaims) {
        self.settle_doubtful(claims);
        self.drop_known(claims);
        self.join_codes(claims);
        self.join_bics(claims);
        self.drop_known(claims);
        let alone = claims.accounts.is_empty();
        let changes = speaks_of_change(claims);
        for piece in self.pieces {
            // A lone number is a customer's, unless nothing else can be meant.
            let number = piece.kind == Kind::Number;
            let meant = !piece.mentioned && (!number || changes || piece.ordered || alone && piece.pays);
            if meant {
                announce(claims, piece.place);
            }
        }
        if self.more {
            super::note_limit(claims);
        }
    }

    /// A branch's code and a customer's number say nothing unless the message changes bank details; with another number
    /// they are not compared. Without a label they are the account where there is no other.
    fn settle_doubtful(&mut self, claims: &mut PaymentClaims) {
        let whole = has_whole(claims);
        let changes = speaks_of_change(claims);
        for (pair, place) in self.doubtful.drain(..) {
            let known = claims.accounts.iter().any(|claim| claim.account.reveal() == pair.canonical);
            match pair.whose {
                _ if known => {}
                // An invoice names some account to pay to.
                Whose::Customers if !changes && (whole || claims.invoice_numbers.is_empty()) => {}
                Whose::Unlabelled if !whole => {
                    add_account(claims, &place, Scheme::Uk, *b"GB", &pair.canonical, None);
                }
                _ => announce(claims, place),
            }
        }
    }

    /// Leaves out what an account of the message holds, and numbers that are something else.
    fn drop_known(&mut self, claims: &PaymentClaims) {
        let accounts: Vec<String> =
            claims.accounts.iter().map(|claim| claim.account.reveal().replace('-', "")).collect();
        let others =
            [&claims.tax_numbers, &claims.company_numbers, &claims.invoice_numbers, &claims.references];
        self.pieces.retain(|piece| {
            let whole = piece.value.replace('-', "");
            let short = Some(whole.trim_start_matches('0')).filter(|short| short.len() >= MIN_DIGITS);
            let value = short.unwrap_or(&whole);
            let named = |number: &String| {
                piece.kind == Kind::Number
                    && number.chars().filter(char::is_ascii_digit).eq(piece.value.chars())
            };
            !accounts.iter().any(|account| account.contains(value))
                && !others.iter().any(|list| list.iter().any(named))
                && !claims.phones.iter().any(named)
        });
    }

    /// Account numbers of a length within `lengths`: those among words about payment, else the only one. Of several, none
    /// is the payee's for sure.
    fn numbers(&self, lengths: &std::ops::RangeInclusive<usize>) -> Vec<&Piece> {
        let fits = |piece: &&Piece| piece.kind == Kind::Number && lengths.contains(&piece.value.len());
        let paying: Vec<&Piece> = self.pieces.iter().filter(fits).filter(|piece| piece.pays).collect();
        if !paying.is_empty() {
            return paying;
        }
        let all: Vec<&Piece> = self.pieces.iter().filter(fits).filter(|piece| !piece.mentioned).collect();
        if all.len() == 1 { all } else { Vec::new() }
    }

    /// A bank's code and an account number from different places. Beside a whole account they are as likely a customer's
    /// number and something else: then they are only announced.
    fn join_codes(&self, claims: &mut PaymentClaims) {
        if !claims.accounts.is_empty() {
            return;
        }
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
                let canonical = match scheme {
                    Scheme::Uk => uk::canonical(&code.value, &number.value),
                    _ => format!("{}-{}", code.value, number.value),
                };
                let valid = (scheme == Scheme::UsAba).then(|| aba_holds(&code.value));
                if valid == Some(false) {
                    continue;
                }
                add_account(claims, &number.place, scheme, country, &canonical, valid);
            }
        }
    }

    /// A BIC and an account number, in countries that have nothing else.
    fn join_bics(&self, claims: &mut PaymentClaims) {
        let whole = has_whole(claims);
        for bic in claims.bics.clone() {
            let (Some(bank), Some(country)) = (bic.value.get(..8), bic.value.get(4..6)) else { continue };
            let Some(letters) = country.as_bytes().first_chunk::<2>() else { continue };
            if has_own_form(country) || claims.accounts.iter().any(|claim| claim.account.country() == country)
            {
                continue;
            }
            for number in self.numbers(&(MIN_DIGITS..=18)) {
                // A correspondent's BIC and a customer's number somewhere in an invoice that has its account.
                if whole && !number.pays {
                    announce(claims, number.place.clone());
                    continue;
                }
                let canonical = format!("{bank}-{}", number.value);
                add_account(claims, &number.place, Scheme::Bic, *letters, &canonical, None);
            }
        }
    }
}

/// Whether the message names an account that people see, and that is not only the payer's.
fn has_whole(claims: &PaymentClaims) -> bool {
    claims.accounts.iter().any(|claim| !claim.place.hidden && claim.place.means != Some(Means::Payer))
}

/// Whether the message speaks of other bank details. "New account number" is said of customers' accounts too: that
/// counts only where there is something to pay.
fn speaks_of_change(claims: &PaymentClaims) -> bool {
    let speaks_of = |family: &str| claims.phrases.iter().any(|phrase| phrase.value.0 == family);
    let something_to_pay =
        !claims.accounts.is_empty() || !claims.invoice_numbers.is_empty() || !claims.amounts.is_empty();
    speaks_of("bank_change") || something_to_pay && speaks_of("account_change")
}

/// Notes where a message announces an account that nothing is compared with.
fn announce(claims: &mut PaymentClaims, place: Place) {
    if claims.announced.len() < MAX_CLAIMED_VALUES && !claims.announced.contains(&place) {
        claims.announced.push(place);
    }
}

/// What stands behind a label: its kind and its digits or letters.
fn announced(view: &View, hit: &Hit) -> Option<(Kind, String)> {
    let found = match hit.label {
        Label::SortCode => match uk::code_behind(view, hit, REACH) {
            Some(code) => (Kind::Code(Scheme::Uk), code),
            None => match unread::number_with_known_code(view, hit) {
                Some(number) => (Kind::Number, number),
                None => (Kind::Unread, unread::mixed_code(view, hit)?),
            },
        },
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
    // Words that mean a bank's code only among others about payment: "branch code" is said of shops too.
    let sure = match found.0 {
        // "Routing" by itself is said of cables too, but not beside an account.
        Kind::Code(Scheme::UsAba) if aba_holds(&found.1) && names_account_near(view, hit) => true,
        Kind::Code(_) => is_sure(view, hit) || is_about_payment(view, hit),
        _ => true,
    };
    sure.then_some(found)
}

/// Whether an account is spoken of near a label.
fn names_account_near(view: &View, hit: &Hit) -> bool {
    let around = hit.start.saturating_sub(MASK_REACH)..hit.start + MASK_REACH + 1;
    view.labels_in(around).iter().any(|other| other.label == Label::Account)
}

/// The first number behind a label, if no other label stands between.
fn number(view: &View, hit: &Hit) -> Option<String> {
    let fits = |digits: &String| (MIN_DIGITS..=18).contains(&digits.len());
    if let Some(cell) = view.cell_below(hit) {
        return hyphened(cell.trim()).filter(fits);
    }
    let list = chunks(view, hit.end, hit.end + REACH * 2);
    let first = list.first().filter(|first| first.start <= hit.end + REACH)?;
    view.label_before(first.start, REACH).filter(|last| last.start == hit.start)?;
    let digits = match account_at(view, &list, 0, (0, 0)) {
        Some((number, _)) => number.digits,
        None => hyphened(first.raw)?,
    };
    Some(digits).filter(fits)
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
    let below = view.cell_below(hit);
    let window = below.unwrap_or_else(|| view.after(hit.end, REACH + 40));
    let next = view.labels.partition_point(|other| other.start < hit.end);
    let next = view.labels.get(next).filter(|_| below.is_none());
    let until = next.map_or(window.len(), |other| other.start - hit.end);
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

/// Whether the details around a label are hidden in part: `20-00-00 ••••1234`, "ending 4821". People who mention an account
/// so do not ask to pay to it.
fn is_masked(view: &View, hit: &Hit) -> bool {
    const WORDS: [&str; 2] = ["ending", "endet"];
    let before = view.line_before(hit.start, MASK_REACH);
    let behind = view.after(hit.end, MASK_REACH).split('\n').next().unwrap_or_default();
    let shown = |text: &str, mask: &str| {
        let Some(at) = text.find(mask) else { return false };
        let rest = text.get(at..).unwrap_or_default();
        let rest = rest.trim_start_matches(|c: char| !c.is_ascii_digit());
        (2..=4).contains(&rest.bytes().take_while(u8::is_ascii_digit).count())
    };
    let below = table::first_row(view, hit).unwrap_or_default();
    table::MASKS.iter().chain(&WORDS).any(|mask| [before, behind, below].iter().any(|text| shown(text, mask)))
}
