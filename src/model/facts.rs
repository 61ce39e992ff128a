//! The facts: everything that a rule may speak of, and nothing else.
//!
//! `facts::establish` fills one [`Facts`] per message, rules read it under the same names (`sender.domain`,
//! `account.status`). The doc comment of a field is the rule author's reference. Every field always has a value, so a
//! rule never has to ask whether it exists; numbers are signed because CEL's integers are. Facts are recorded with
//! the message, so that a changed rule set can be replayed over past traffic.

use super::facts_claimed::{ClaimedFacts, LinkFacts};
use super::facts_past::{ConversationFacts, HistoryFacts};
use super::facts_payment::{AccountFact, ClaimFacts, MethodFact};
use super::{AuthMethod, Category, MatchedBy, PaymentClaims, Place};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// All facts of one message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Facts {
    /// The message as a whole.
    pub mail: MailFacts,
    /// Who wrote it (the From field).
    pub sender: SenderFacts,
    /// Where an answer would go.
    pub reply_to: ReplyToFacts,
    /// A domain made to look like a known one.
    pub lookalike: LookalikeFacts,
    /// The name shown beside the sender's address.
    pub display_name: DisplayNameFacts,
    /// Whom it claims to come from by other means than its address.
    pub claimed: ClaimedFacts,
    /// Links that show another address than theirs, and pages on which to pay.
    pub links: LinkFacts,
    /// The supplier that the message belongs to.
    pub supplier: SupplierFacts,
    /// One entry per account that the message names; `account` in a rule with `each = "accounts"`.
    pub accounts: Vec<AccountFact>,
    /// One entry per way to be paid other than by a bank account.
    pub payment_methods: Vec<MethodFact>,
    /// What became of the attachments.
    pub documents: DocumentFacts,
    /// Which families of phrases were seen.
    pub phrases: PhraseFacts,
    /// How the statements about payment fit together.
    pub claims: ClaimFacts,
    /// The supplier directory itself.
    pub directory: DirectoryFacts,
    /// What is new or unusual against the mail delivered before.
    pub history: HistoryFacts,
    /// The exchange of messages that it claims to belong to.
    pub conversation: ConversationFacts,
}

/// The message as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MailFacts {
    /// What kind of business mail it is: `"invoice"`, `"credit_note"`, `"statement"`, `"remittance"`,
    /// `"payment_request"`, `"bank_details_change"`, `"quote"`, `"purchase_order"`, `"receipt"`, `"other"`.
    pub category: Category,
    /// What decided that, strongest first: where a phrase or structure stood, and its points. For reading.
    pub category_because: Vec<String>,
    /// It names an account or an invoice number, asks for payment, or speaks of changed bank details.
    pub has_payment_content: bool,
    /// The envelope sender is `<>`: a bounce or an automatic answer.
    pub null_sender: bool,
    /// It came through a mailing list or a bulk sender (List-Id, List-Unsubscribe, Precedence).
    pub list: bool,
    /// It says of itself that a program wrote it (Auto-Submitted, RFC 3834).
    pub auto_submitted: bool,
    /// It is signed (multipart/signed or S/MIME).
    pub signed: bool,
    /// It is encrypted (multipart/encrypted or S/MIME): its text could not be read.
    pub encrypted: bool,
    /// It names earlier messages (In-Reply-To or References).
    pub thread_reply: bool,
    /// Its subject begins like an answer (`Re:`, `AW:`, `Fwd:` …).
    pub subject_is_reply: bool,
    /// How many protected recipients it has.
    pub recipients: i64,
    /// How many mailboxes its From field holds: more than one is legal and very rare.
    pub authors: i64,
    /// None of its protected recipients stands in To or Cc: it came by Bcc or through a list.
    pub hidden_recipients: bool,
    /// To names nobody but the sender: everybody else got it by Bcc.
    pub to_sender: bool,
}

/// Who wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SenderFacts {
    /// The From address in lower case; empty when there is none or it can't be read.
    pub address: String,
    /// Its domain with A-labels (`xn--…`).
    pub domain: String,
    /// Its registrable domain (`mail.acme.co.uk` gives `acme.co.uk`).
    pub registrable: String,
    /// The name beside the address, at most 100 characters.
    pub display_name: String,
    /// The From domain is vouched for (DMARC, aligned DKIM or SPF, trusted ARC, Exchange's combined result).
    pub authenticated: bool,
    /// Somebody who may be believed judged the sender. When false, nothing follows from a missing pass.
    pub auth_known: bool,
    /// Somebody who may be believed says that the From domain is forged.
    pub auth_failed: bool,
    /// It was to be found out who sent it, and DNS did not answer in time. Then `auth_known` is false.
    pub auth_unavailable: bool,
    /// SPF in a word of RFC 8601: `"pass"`, `"fail"`, `"softfail"`, `"none"`, `"temperror"` …; empty when nobody looked.
    pub spf: String,
    /// DKIM: the signature of the sender's domain, else the first.
    pub dkim: String,
    /// DMARC; `"bestguesspass"` is Exchange's word for no record published.
    pub dmarc: String,
    /// The ARC chain.
    pub arc: String,
    /// What the owner of the domain wants done with mail that fails DMARC: `"none"`, `"quarantine"`, `"reject"`; empty when
    /// not known.
    pub policy: String,
    /// By which mechanism: `"dmarc"`, `"dkim"`, `"spf"`, `"arc"`, `"upstream"`, `"none"`.
    pub method: AuthMethod,
    /// The domain belongs to a free mail provider: it says nothing about who writes.
    pub free_mail: bool,
    /// The domain is one of the organisation's own.
    pub own_domain: bool,
    /// The domain belongs to a service that sends invoices in its customers' names (PayPal, QuickBooks, Xero, Stripe …):
    /// it says nothing about whose invoice it is.
    pub invoicing_service: bool,
}

/// Where an answer would go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReplyToFacts {
    /// There is a Reply-To field with a readable address.
    pub present: bool,
    /// Its first address that differs from the sender, else its first, in lower case.
    pub address: String,
    /// That address's domain.
    pub domain: String,
    /// Answers go elsewhere: to another registrable domain or, within a free mail provider, to another mailbox.
    pub differs: bool,
    /// It is a mailbox of a free mail provider.
    pub free_mail: bool,
    /// Its address or domain stands on a supplier's record, or it is the organisation's own.
    pub on_record: bool,
    /// Its domain looks like a known one.
    pub lookalike: bool,
}

/// A domain made to look like a known one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LookalikeFacts {
    /// From, Sender, Reply-To or the envelope sender uses a domain that looks like a known one and is not.
    pub found: bool,
    /// The domain used.
    pub domain: String,
    /// The domain it imitates.
    pub of_domain: String,
    /// Where it stood: `"from"`, `"sender"`, `"reply_to"`, `"envelope"`, or empty.
    pub field: String,
    /// It imitates a supplier's domain.
    pub of_supplier: bool,
    /// It imitates one of the organisation's own domains.
    pub of_own: bool,
    /// How: `"homoglyph"`, `"subdomain"`, `"hyphen"`, `"keyboard"`, `"edit"`, `"affix"`, `"tld"`, or empty.
    pub kind: String,
}

/// The name shown beside the sender's address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DisplayNameFacts {
    /// The name is that of a `"supplier"` or an `"executive"`, and the address is not theirs; else empty.
    pub spoofs: String,
    /// Whose name it is, as the record has it.
    pub of: String,
    /// The name itself holds a mail address of another domain than the real one.
    pub holds_other_address: bool,
}

/// The supplier that the message belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SupplierFacts {
    /// Known by sender address, sender domain, tax number or company number.
    pub identified: bool,
    /// Known by name alone: somebody says so.
    pub claimed: bool,
    /// Its id, of the identified one, else of the claimed one; empty when neither.
    pub id: String,
    /// Its name in the ledger.
    pub name: String,
    /// What led to it: `"address"`, `"domain"`, `"vat_number"`, `"company_number"`, `"name"`, or empty.
    pub matched_by: String,
    /// At least one account is on its record.
    pub has_accounts: bool,
    /// More than one supplier fits (a shared domain).
    pub ambiguous: bool,
}

/// What became of the attachments and of the message itself. Each counts things that could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DocumentFacts {
    /// Attachments in all.
    pub total: i64,
    /// Whatever could not be read, for any reason: the sum of the last five.
    pub unread: i64,
    /// Of those, texts of the message itself and no attachments, locked ones left out.
    pub in_text: i64,
    /// Locked with a password or encrypted.
    pub encrypted: i64,
    /// A kind of document that this version does not read yet.
    pub unsupported: i64,
    /// Damaged, in an unknown character set or in a broken format.
    pub unreadable: i64,
    /// Beyond a limit of size, depth or number.
    pub limited: i64,
    /// Reading took too long.
    pub timed_out: i64,
}

/// Which families of phrases were seen, in text that the reader sees or not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PhraseFacts {
    /// "our bank details have changed", "the last four digits are now …"; in a mail about money or from a supplier on record
    /// also words that may mean a customer's account elsewhere ("new account number …").
    pub bank_change: bool,
    /// "today", "final notice", "immediately"
    pub urgency: bool,
    /// "keep this between us"
    pub secrecy: bool,
    /// "invoice"
    pub invoice: bool,
    /// "credit note"
    pub credit_note: bool,
    /// "statement of account"
    pub statement: bool,
    /// "remittance advice"
    pub remittance: bool,
    /// "please pay", "make a transfer"
    pub payment_request: bool,
    /// "quotation"
    pub quote: bool,
    /// "purchase order"
    pub purchase_order: bool,
    /// "receipt"
    pub receipt: bool,
    /// Other words of payment.
    pub payment: bool,
    /// "by Western Union", "buy gift cards", "pay in USDT": money that cannot be called back.
    pub untraceable: bool,
    /// "send me the ageing report", "who approves payments"
    pub reconnaissance: bool,
    /// "call this number to verify", "our phone number has changed"
    pub call_here: bool,
    /// "do not call", "our phones are down", "by e-mail only"
    pub no_call: bool,
}

/// The supplier directory itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DirectoryFacts {
    /// It answered. When false, no account could be compared and no supplier recognised.
    pub available: bool,
}

impl Default for DirectoryFacts {
    fn default() -> Self {
        Self { available: true }
    }
}

impl Facts {
    /// Facts in which every list has an entry and every text a value: what rules are checked against when loaded.
    #[must_use]
    pub fn sample() -> Self {
        let text = |value: &str| value.to_owned();
        Self {
            accounts: vec![AccountFact {
                country: text("GB"),
                valid: true,
                part: text("attachment"),
                name: text("invoice.pdf"),
                masked: text("••••6819"),
                ..AccountFact::default()
            }],
            payment_methods: vec![MethodFact {
                kind: text("link"),
                provider: text("paypal"),
                personal: true,
                ..MethodFact::default()
            }],
            sender: SenderFacts {
                address: text("accounts@acme.example"),
                domain: text("acme.example"),
                registrable: text("acme.example"),
                display_name: text("Acme"),
                ..SenderFacts::default()
            },
            supplier: SupplierFacts {
                id: text("SUP-1"),
                name: text("Acme"),
                matched_by: MatchedBy::Domain.as_str().to_owned(),
                ..SupplierFacts::default()
            },
            ..Self::default()
        }
    }
}

impl Facts {
    /// The facts as they are recorded: what names a person or shows digits of an account is replaced by what `blind`
    /// makes of it (a keyed fingerprint), so that equal values stay equal and a replay still judges. Domains stay.
    #[must_use]
    pub fn for_record(&self, blind: impl Fn(&'static str, &str) -> String) -> Self {
        let blinded = |kind, text: &str| if text.is_empty() { String::new() } else { blind(kind, text) };
        let mut facts = self.clone();
        facts.sender.address = blinded("address", &self.sender.address);
        facts.sender.display_name = blinded("name", &self.sender.display_name);
        facts.reply_to.address = blinded("address", &self.reply_to.address);
        facts.display_name.of = blinded("name", &self.display_name.of);
        for account in &mut facts.accounts {
            account.name = blinded("file", &account.name);
            account.masked = blinded("masked", &account.masked);
        }
        facts
    }
}

/// Where the things stood that facts only count: for showing a finding's source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Place of each entry of [`Facts::accounts`].
    pub accounts: Vec<Place>,
    /// First place of each family of phrases.
    pub phrases: BTreeMap<String, Place>,
}

impl Places {
    /// Takes the places out of the claims that the facts were established from.
    #[must_use]
    pub fn of(claims: &PaymentClaims) -> Self {
        let mut phrases = BTreeMap::new();
        for phrase in &claims.phrases {
            phrases.entry(phrase.value.0.clone()).or_insert_with(|| phrase.place.clone());
        }
        // What counts as the other family in context stands where it stands.
        if let Some(place) = phrases.get("account_change").cloned() {
            phrases.entry("bank_change".to_owned()).or_insert(place);
        }
        Self { accounts: claims.accounts.iter().map(|claim| claim.place.clone()).collect(), phrases }
    }
}
