//! What happened before: question and answer between a message and the history of delivered mail, and what a message
//! adds to it.
//!
//! History is about habits, never about trust: it says that something is new or unusual, and no entry of it makes an
//! account right. Only mail that reached a mailbox teaches, and of mail that was held only what a person released.

use super::{AccountKey, Domain, EmailAddress, Money, OrgId, SupplierId};
use std::collections::BTreeMap;

/// Shortest invoice number that is registered: shorter ones are used again each year.
const LEAST_INVOICE_NUMBER: usize = 4;
/// Longest one, in characters.
const MOST_INVOICE_NUMBER: usize = 40;

/// Whose invoices and habits these are: a supplier on record, or else whoever writes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party {
    /// A supplier on record.
    Supplier(SupplierId),
    /// The registrable domain of the author.
    Domain(Domain),
    /// The author, at a free mail provider.
    Address(EmailAddress),
}

impl Party {
    /// The party that an author is when no record says more. `free_mail`: the domain says nothing about who writes.
    #[must_use]
    pub fn of_author(author: &EmailAddress, free_mail: bool) -> Self {
        let registrable = Domain::parse(author.domain().registrable());
        match registrable {
            Ok(domain) if !free_mail => Self::Domain(domain),
            _ => Self::Address(author.clone()),
        }
    }
}

/// All questions of one message, answered in one round trip.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryQuery {
    /// The author, if the From field can be read.
    pub author: Option<EmailAddress>,
    /// The author's registrable domain; none at a free mail provider.
    pub domain: Option<Domain>,
    /// Where answers would go, if elsewhere.
    pub reply_to: Option<EmailAddress>,
    /// What the message was sent with (see [`Lesson::platform`]).
    pub platform: Option<String>,
    /// How the documents were made that name an account (see [`Lesson::makes`]).
    pub makes: Vec<String>,
    /// Suppliers that anything in the message leads to, and the author's own party.
    pub parties: Vec<Party>,
    /// Accounts that it names.
    pub accounts: Vec<AccountKey>,
    /// Folded invoice numbers (see [`fold_invoice_number`]).
    pub invoices: Vec<String>,
    /// Ids of the messages that it answers.
    pub references: Vec<String>,
}

/// When and how often something was seen in delivered mail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Unix milliseconds; 0 for never.
    pub first_ms: i64,
    /// Unix milliseconds; 0 for never.
    pub last_ms: i64,
    /// Messages.
    pub times: i64,
}

impl Seen {
    /// Whether it was seen at all.
    #[must_use]
    pub fn ever(self) -> bool {
        self.times > 0
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if !self.ever() || !other.ever() {
            return if self.ever() { self } else { other };
        }
        Self {
            first_ms: self.first_ms.min(other.first_ms),
            last_ms: self.last_ms.max(other.last_ms),
            times: self.times.saturating_add(other.times),
        }
    }
}

/// How often each value of a small scale was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram(pub BTreeMap<i64, i64>);

impl Histogram {
    /// How many values.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.0.values().fold(0, |sum, times| sum.saturating_add(*times))
    }

    /// The value below or at which so many per cent lie; `None` while it is empty.
    #[must_use]
    pub fn percentile(&self, percent: i64) -> Option<i64> {
        let wanted = self.total().saturating_mul(percent).saturating_add(99) / 100;
        let mut below = 0_i64;
        for (value, times) in &self.0 {
            below = below.saturating_add(*times);
            if below >= wanted.max(1) {
                return Some(*value);
            }
        }
        None
    }
}

/// Where a size stands on a scale of quarter octaves: four steps for each doubling, so that 100 and 118 fall together
/// and 100 and 1,000 lie 13 steps apart. Zero and less is 0.
#[must_use]
pub fn log_step(size: i64) -> i64 {
    let Ok(size) = u64::try_from(size) else { return 0 };
    let Some(octave) = size.checked_ilog2() else { return 0 };
    // The two bits below the leading one.
    let quarter = (if octave >= 2 { size >> (octave - 2) } else { size << (2 - octave) }) & 3;
    i64::from(octave) * 4 + i64::try_from(quarter).unwrap_or_default() + 1
}

/// The history of one party.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartyHistory {
    /// Its messages.
    pub seen: Seen,
    /// Those of this message's author.
    pub author: Seen,
    /// Those whose answers went where this message's go.
    pub reply_to: Seen,
    /// Those sent with what this message was sent with.
    pub platform: Seen,
    /// Makes of documents seen with this party: those of this message as they are, others under a name that says nothing.
    pub makes: BTreeMap<String, Seen>,
    /// Each account that this message names, as far as it was seen with this party.
    pub accounts: BTreeMap<AccountKey, Seen>,
    /// Different accounts seen with this party.
    pub known_accounts: i64,
    /// Per currency (ISO 4217): the largest amount of each message in minor units, by [`log_step`].
    pub amounts: BTreeMap<String, Histogram>,
    /// Days of the month (1 to 31, UTC).
    pub days: Histogram,
    /// Days of the week (1 Monday to 7 Sunday, UTC).
    pub weekdays: Histogram,
    /// Seconds from the Date field to arrival, by [`log_step`].
    pub delays: Histogram,
    /// The folded invoice numbers of this message that were seen before.
    pub invoices: BTreeMap<String, InvoiceHistory>,
}

/// What is registered about one invoice number of one party.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InvoiceHistory {
    /// Messages that named it.
    pub seen: Seen,
    /// It came with an account.
    pub with_accounts: bool,
    /// An account of this message came with it before.
    pub with_this_account: bool,
}

/// Answers to a [`HistoryQuery`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryAnswer {
    /// All delivered messages of the organisation.
    pub all: Seen,
    /// Messages of the author.
    pub author: Seen,
    /// Messages of the author's registrable domain.
    pub domain: Seen,
    /// Messages whose answers went to the same address.
    pub reply_to: Seen,
    /// Of the messages that it answers, how many passed here.
    pub known_references: i64,
    /// Per party of the query.
    pub parties: BTreeMap<Party, PartyHistory>,
    /// Per account of the query: parties besides those of the query whose delivered mail named it.
    pub elsewhere: BTreeMap<AccountKey, Holders>,
}

/// How many parties named an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holders {
    /// Suppliers on record.
    pub suppliers: i64,
    /// Senders of no record: domains and free mailboxes.
    pub others: i64,
}

/// What one delivered message adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lesson {
    /// Whose history.
    pub org: OrgId,
    /// Unix milliseconds: when it came.
    pub at_ms: i64,
    /// The author.
    pub author: Option<EmailAddress>,
    /// The author's registrable domain; none at a free mail provider.
    pub domain: Option<Domain>,
    /// Where answers go, if elsewhere.
    pub reply_to: Option<EmailAddress>,
    /// The message's own id and the first one of its thread, without brackets.
    pub thread: Vec<String>,
    /// Whose habits it belongs to. None when nobody may be credited: the sender is forged, or the message was judged
    /// dangerous.
    pub party: Option<Party>,
    /// What it was sent with: the registrable domain that made its Message-ID.
    pub platform: Option<String>,
    /// How the documents were made that name an account (see [`super::DocumentFile::make`]).
    pub makes: Vec<String>,
    /// Accounts that it names, the organisation's own left out.
    pub accounts: Vec<AccountKey>,
    /// The largest amount of each currency.
    pub amounts: Vec<Money>,
    /// Folded invoice numbers.
    pub invoices: Vec<String>,
    /// Seconds from the Date field to arrival.
    pub delay_s: Option<i64>,
}

/// An invoice number for comparing: letters in upper case and digits. None when it is too short or too long to tell
/// one invoice from another, or holds no digit.
#[must_use]
pub fn fold_invoice_number(number: &str) -> Option<String> {
    let folded: String = number
        .chars()
        .filter(|c| c.is_alphanumeric())
        .take(MOST_INVOICE_NUMBER + 1)
        .flat_map(char::to_uppercase)
        .collect();
    let fits = (LEAST_INVOICE_NUMBER..=MOST_INVOICE_NUMBER).contains(&folded.chars().count());
    (fits && folded.chars().any(|c| c.is_ascii_digit())).then_some(folded)
}

/// The registrable domain in a Message-ID (with or without brackets): it tells the system that sent.
#[must_use]
pub fn platform_of(message_id: &str) -> Option<String> {
    let (_, host) = message_id.trim().trim_end_matches('>').rsplit_once('@')?;
    Some(Domain::parse(host).ok()?.registrable().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invoice_numbers_fold() {
        for (number, folded) in [
            ("INV-1042", Some("INV1042")),
            ("inv 1042", Some("INV1042")),
            ("2026/117", Some("2026117")),
            ("118", None),
            ("invoice", None),
            ("", None),
        ] {
            assert_eq!(fold_invoice_number(number).as_deref(), folded, "{number}");
        }
        assert_eq!(fold_invoice_number(&"1".repeat(41)), None);
    }

    #[test]
    fn the_scale_has_four_steps_an_octave_and_no_gaps() {
        let steps: Vec<i64> = (0..=9).map(log_step).collect();
        assert_eq!(steps, [0, 1, 5, 7, 9, 10, 11, 12, 13, 13]);
        assert_eq!(log_step(-5), 0);
        assert_eq!(log_step(2_000) - log_step(1_000), 4);
        assert!(log_step(i64::MAX) < 256);
        assert!((1..100_000).all(|size| log_step(size + 1) >= log_step(size)));
    }

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let histogram = Histogram(BTreeMap::from([(3, 1), (5, 8), (90, 1)]));
        let at = |percent| histogram.percentile(percent);
        assert_eq!([at(1), at(50), at(90), at(91), at(100)], [Some(3), Some(5), Some(5), Some(90), Some(90)]);
        assert_eq!(Histogram::default().percentile(50), None);
    }

    #[test]
    fn platforms_are_registrable_domains() {
        assert_eq!(platform_of("<a.b@mail-7.xero.com>").as_deref(), Some("xero.com"));
        assert_eq!(platform_of("<no-host>"), None);
    }
}
