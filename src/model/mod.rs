//! The nouns of the house: plain data that every stage shares and nothing that acts.
//!
//! Imports nothing of ours. Value types that can only exist valid have private fields and one constructor
//! ([`Domain`], [`EmailAddress`], [`Account`]); plain records have public fields. `Debug` of types that carry an
//! account number or a secret is redacted, so a stray `{:?}` in a log leaks nothing.

mod account;
pub mod account_check;
mod address;
mod check_digits;
mod claims;
mod directory;
mod disposition;
mod document;
mod envelope;
mod evidence;
mod facts;
mod facts_claimed;
mod facts_past;
mod facts_payment;
mod finding;
mod free_mail;
mod history;
mod ids;
mod known_domains;
mod message;
mod organisation;
mod own_rules;
mod pay_providers;
mod phone;
mod preferences;
mod quarantine;
mod resemblance;
mod retention;
mod script;
mod sentence;
mod skeleton;
mod supplier;
#[cfg(test)]
pub(crate) mod test_support;
pub mod uk_modulus;
mod verdict;
mod wording;
mod wording_check;

pub use account::{Account, AccountError, AccountKey, Fingerprint, Scheme};
pub use address::{AddressError, Domain, EmailAddress};
pub use check_digits::{abn_holds, acn_holds, is_country, luhn_holds, vat_holds, with_check_digits};
pub use claims::{
    AccountClaim, DocumentReport, Means, MethodClaim, MethodKind, MisleadingLink, Money, PartKind,
    PaymentClaims, Place, Sourced, Unchecked,
};
pub use directory::{AccountHit, DirectoryAnswer, DirectoryKey, DirectoryQuery, Lookup, SupplierHit};
pub use disposition::{Disposition, NextHopReply, RecipientOutcome, RefusalReason, StageTimings};
pub use document::{Document, DocumentFile, PageImage, Span, SpanKind, Unread};
pub use envelope::{
    BodyType, DsnNotify, DsnReturn, Envelope, MailParameters, Peer, PeerStanding, ReceivedMail, Recipient,
    ReversePath, TlsInfo,
};
pub use evidence::{AuthMethod, AuthResults, Evidence, PolicyResult};
pub use facts::{
    DirectoryFacts, DisplayNameFacts, DocumentFacts, Facts, LookalikeFacts, MailFacts, PhraseFacts, Places,
    ReplyToFacts, SenderFacts, SupplierFacts,
};
pub use facts_claimed::{ClaimedFacts, LinkFacts};
pub use facts_past::{ConversationFacts, HistoryFacts};
pub use facts_payment::{AccountFact, ClaimFacts, MethodFact};
pub use finding::{Class, Family, Finding, FindingCode, Severity};
pub use free_mail::is_free_mail;
pub use history::{
    Histogram, HistoryAnswer, HistoryQuery, Holders, InvoiceHistory, Lesson, Party, PartyHistory, Seen,
    fold_invoice_number, log_step, platform_of,
};
pub use ids::{MailId, OrgId, QuarantineId, SupplierId};
pub use known_domains::KnownDomains;
pub use message::{
    ContentDisposition, Gap, HeaderField, Mailbox, Message, Part, PartContent, TransferEncoding,
};
pub use organisation::{
    Executive, FailPolicy, Mode, NextHopAddress, NextHopTls, Organisation, ProtectedMailbox,
};
pub use own_rules::{OWN_RULE_PREFIX, OwnRules};
pub use pay_providers::is_pay_provider;
pub use phone::{fold_phone, phone_forms};
pub use preferences::{FOREVER, LANGUAGES, PREFERENCES, Preference, Preferences, Values, preference};
pub use quarantine::{HeldMail, HeldState, HeldSummary, HeldSupplier};
pub use resemblance::Resemblance;
pub use retention::{HoldScope, Retained};
pub use script::{imitated, is_invisible, one_script};
pub use sentence::{MAX_SENTENCE, PLACEHOLDERS, Sentence, Spoken};
pub use supplier::{
    AccountState, AccountStatus, MatchedBy, SupplierAccount, SupplierRecord, fold_company_number, fold_name,
    fold_tax_number,
};
pub use verdict::{Action, Category, Verdict};
pub use wording::{BannerWords, Colours, MAX_WORDING_FILE, Speaker, Wording};
