//! The words that stand before, above or after a value and say what it is, found in one Aho-Corasick pass.
//!
//! The words are data (`rules/labels.toml`).

use aho_corasick::{AhoCorasick, AhoCorasickKind, Match};
use serde::Deserialize;
use std::sync::LazyLock;

/// Labels of one message that are looked at; one with more is reported as not read in full.
pub(in crate::extract) const MAX_LABELS: usize = 50_000;

/// What a label announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::extract) enum Label {
    /// An IBAN.
    Iban,
    /// A UK sort code.
    SortCode,
    /// An account number of any country.
    Account,
    /// A customer's account with the sender.
    Customers,
    /// A US routing number.
    Routing,
    /// An Australian BSB.
    Bsb,
    /// A Canadian transit number.
    Transit,
    /// A Canadian institution number.
    Institution,
    /// An Indian IFSC.
    Ifsc,
    /// A Mexican CLABE.
    Clabe,
    /// A German bank code, the bank part of a French RIB.
    BankCode,
    /// A BIC (ISO 9362).
    Bic,
    /// Who holds the account.
    Payee,
    /// A BPAY biller code.
    Biller,
    /// An Australian `PayID`.
    PayId,
    /// An Indian UPI address.
    Upi,
    /// What the payer is to write beside the payment.
    Reference,
    /// An invoice number.
    InvoiceNumber,
    /// The date by which to pay.
    DueDate,
    /// A tax number.
    Vat,
    /// An Australian business number.
    Abn,
    /// An Australian company number.
    Acn,
    /// A company registration number.
    Company,
    /// Bank details in general: a pair of numbers without labels of its own may follow.
    Bank,
    /// A SEPA creditor identifier or reference: never an account.
    Creditor,
    /// A phone number: never an account.
    Phone,
    /// An order number, date …: never an account.
    Other,
}

impl Label {
    /// Whether a number that follows may be an account number.
    pub(in crate::extract) fn is_payment(self) -> bool {
        use Label::{Account, Bsb, Clabe, Iban, Ifsc, Institution, Routing, SortCode, Transit};
        matches!(self, Account | Bsb | Clabe | Iban | Ifsc | Institution | Routing | SortCode | Transit)
    }
}

/// A label and where it stands.
#[derive(Clone, Copy, Debug)]
pub(in crate::extract) struct Hit {
    /// What it announces.
    pub(in crate::extract) label: Label,
    /// Offset of its first octet.
    pub(in crate::extract) start: usize,
    /// Offset after its last octet.
    pub(in crate::extract) end: usize,
}

/// The file of words.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LabelFile {
    labels: std::collections::BTreeMap<Label, Vec<String>>,
}

/// Octets of a label that is taken for one even when it is glued to the number before it.
const PLAIN_LABEL: usize = 8;

struct Table {
    automaton: AhoCorasick,
    labels: Vec<Label>,
}

#[expect(clippy::expect_used, reason = "the words are constants; a test builds the table")]
static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let file: LabelFile = toml::from_str(include_str!("../../../rules/labels.toml")).expect("constant words");
    let mut words = Vec::new();
    let mut labels = Vec::new();
    for (label, list) in file.labels {
        for word in list {
            // The automaton folds ASCII only: give it capitals of accented words.
            if !word.is_ascii() {
                words.push(word.to_uppercase());
                labels.push(label);
                let mut first = word.chars();
                let head = first.next().map(|c| c.to_uppercase().collect::<String>()).unwrap_or_default();
                words.push(head + first.as_str());
                labels.push(label);
            }
            words.push(word);
            labels.push(label);
        }
    }
    let automaton = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .kind(Some(AhoCorasickKind::DFA))
        .build(&words)
        .expect("constant words");
    Table { automaton, labels }
});

/// Builds the table now, so that the first message does not wait for it.
pub(in crate::extract) fn prepare() {
    LazyLock::force(&TABLE);
}

/// All labels of a normalised text at word boundaries: the leftmost, and of those that begin together the longest.
/// The flag says that there were `most` words or more.
pub(super) fn find(text: &str, most: usize) -> (Vec<Hit>, bool) {
    let bytes = text.as_bytes();
    let joins = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphabetic() || *b >= 0x80);
    let at = |i: usize| bytes.get(i);
    // "sort_code" in forms and data; the offsets stay.
    let text = text.replace('_', " ");
    let words = TABLE.automaton.find_overlapping_iter(&text).filter(|m| {
        let before = m.start().checked_sub(1).and_then(at);
        // A digit directly before makes it no word ("12acc", but "200000Account", "20-00-00account number"), one directly
        // after does not.
        let begins = at(m.start()).is_some_and(u8::is_ascii_uppercase) || m.len() >= PLAIN_LABEL;
        !joins(before) && (begins || !before.is_some_and(u8::is_ascii_digit)) && !joins(at(m.end()))
            || glued_iban(bytes, m.start(), m.end())
    });
    let hit = |m: Match| {
        let label = *TABLE.labels.get(m.pattern().as_usize())?;
        // "Account NO93 8601 …": the country is no abbreviation of "number".
        let end = if begins_norwegian(bytes, m.end()) { m.end() - 3 } else { m.end() };
        Some(Hit { label, start: m.start(), end })
    };
    let mut found: Vec<Hit> = words.take(most).filter_map(hit).collect();
    let truncated = found.len() >= most;
    found.sort_by(|left, right| left.start.cmp(&right.start).then(right.end.cmp(&left.end)));
    let mut free_from = 0;
    found.retain(|hit| {
        let free = hit.start >= free_from;
        free_from = if free { hit.end } else { free_from };
        free
    });
    (found, truncated)
}

/// Whether ` NO` and thirteen digits in groups stand around `end`: a Norwegian IBAN behind a label.
fn begins_norwegian(bytes: &[u8], end: usize) -> bool {
    let country = end.checked_sub(3).and_then(|from| bytes.get(from..end)) == Some(b" NO");
    let rest = bytes.get(end..).unwrap_or_default();
    let group = |b: &&u8| b.is_ascii_digit() || matches!(b, b' ' | b'.' | b'-');
    let digits = rest.iter().take(20).take_while(group).filter(|b| b.is_ascii_digit()).count();
    country && rest.first().is_some_and(u8::is_ascii_digit) && digits == 13
}

/// `IBANGB29…`, as copied out of forms.
fn glued_iban(bytes: &[u8], start: usize, end: usize) -> bool {
    bytes.get(start..end).is_some_and(|w| w.eq_ignore_ascii_case(b"iban"))
        && matches!(bytes.get(end..end + 4), Some([a, b, c, d])
            if a.is_ascii_uppercase() && b.is_ascii_uppercase() && c.is_ascii_digit() && d.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_one_meaning() {
        let file: LabelFile = toml::from_str(include_str!("../../../rules/labels.toml")).expect("words");
        let mut seen = std::collections::BTreeMap::new();
        for (label, words) in &file.labels {
            for word in words {
                assert_eq!(word.to_lowercase(), *word, "words are written small");
                assert_eq!(seen.insert(word, label), None, "{word} stands twice");
            }
        }
    }

    #[test]
    fn labels_are_whole_words() {
        for (text, expected) in [
            ("Sort Code: 1", vec![Label::SortCode]),
            ("resort codex", vec![]),
            ("IBANGB29", vec![Label::Iban]),
            ("FÄLLIG AM", vec![Label::DueDate]),
            ("account manager", vec![Label::Other]),
            ("Kto.-Nr. 1", vec![Label::Account]),
            ("Numéro de compte", vec![Label::Account]),
            ("TÉLÉPHONE", vec![Label::Phone]),
            ("accounts", vec![]),
            ("12acc", vec![]),
            ("20-00-00account number:1", vec![Label::Account]),
            ("Acc No. 1", vec![Label::Account]),
        ] {
            assert_eq!(
                find(text, MAX_LABELS).0.iter().map(|h| h.label).collect::<Vec<_>>(),
                expected,
                "{text}"
            );
        }
    }
}
