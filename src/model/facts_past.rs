//! Facts about what came before a message: the mail delivered earlier, and the exchange that it claims to belong to.

use serde::{Deserialize, Serialize};

/// What is new or unusual against the mail that was delivered before. Mail that was held teaches nothing unless a
/// person released it. "Supplier" means the identified one; without one, the sender's registrable domain or, at a free
/// mail provider, the address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HistoryFacts {
    /// There is a history and it answered. When false, all else here is false or 0, so that nothing follows from it;
    /// `sentra check` keeps none.
    pub available: bool,
    /// Days since the organisation's first delivered message: how old the history is.
    pub since_days: i64,
    /// Nothing was ever delivered from this address.
    pub first_contact: bool,
    /// Nor from its registrable domain. At a free mail provider the same as `first_contact`.
    pub new_domain: bool,
    /// Messages delivered from this address.
    pub messages: i64,
    /// Days since the first message of the address or its domain.
    pub known_days: i64,
    /// Days since the last one; 0 when there was none.
    pub dormant_days: i64,
    /// Messages delivered of this supplier.
    pub supplier_messages: i64,
    /// The supplier has written at least five times, never from this address.
    pub sender_new_to_supplier: bool,
    /// Answers would go elsewhere, and no delivered message ever sent them there.
    pub reply_to_new: bool,
    /// The supplier has written at least five times, never through the system that made this Message-ID.
    pub platform_new: bool,
    /// A PDF that names an account was made in another way than this supplier's: other programs, other paper, or a page
    /// changed after it was written. At least five of its messages came with PDFs of one make, never one of this, and of
    /// at most three makes in all. Versions of programs do not count.
    pub document_make_new: bool,
    /// How that PDF was made, by its own words; empty when nothing is new.
    pub document_make: String,
    /// The message names accounts of others than the organisation, and all were seen with this supplier before.
    pub accounts_seen_before: bool,
    /// Different accounts seen with this supplier.
    pub known_accounts: i64,
    /// An amount is far above what the supplier asks for: over four times its median, and outside its usual spread.
    /// Needs five earlier amounts in the same currency.
    pub amount_unusual: bool,
    /// The largest amount as a multiple of the supplier's median, rounded down to a power of two; 0 when unknown.
    pub amount_times_usual: i64,
    /// The supplier has written at least twelve times, never within three days of this day of the month.
    pub day_unusual: bool,
    /// It took far longer from its Date field to here than the supplier's messages do.
    pub delay_unusual: bool,
    /// It answers a message that passed here.
    pub thread_known: bool,
    /// An invoice number of this supplier came before.
    pub invoice_resent: bool,
    /// An invoice number came before with other accounts and with none of those that this message names.
    pub invoice_resent_with_other_account: bool,
}

/// The exchange of messages that it claims to belong to, as told by its subject and by what it quotes.
///
/// Needs no history: what is compared stands in the message itself and in the supplier directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConversationFacts {
    /// Its subject begins like an answer (`Re:`, `AW:` …; `Fwd:` and its like do not count).
    pub claims_reply: bool,
    /// It quotes an earlier message together with at least one address.
    pub quoted: bool,
    /// From, Reply-To, To or Cc uses a domain on no record that looks like one among the quoted addresses: somebody of
    /// the quoted exchange was silently replaced.
    pub replaced: bool,
    /// The quoted domain that was replaced.
    pub replaced_domain: String,
    /// It claims to answer and quotes a supplier on record, but the sender's domain is on no record, is not the
    /// organisation's and is not among the quoted ones.
    pub stranger_answers: bool,
    /// The quoted header is written as no mail program writes it (`From :` with a space, labels of several languages).
    pub odd_quote: bool,
}
