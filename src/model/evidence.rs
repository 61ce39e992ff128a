//! All that is known before judging.

use super::{
    DirectoryAnswer, HistoryAnswer, Lookup, MailId, Message, Organisation, PaymentClaims, ReceivedMail,
    ReversePath,
};
use super::{Domain, Recipient};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Which mechanism vouched for the author's domain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthMethod {
    /// DMARC passed (aligned SPF or DKIM).
    Dmarc,
    /// An aligned DKIM signature.
    Dkim,
    /// Aligned SPF.
    Spf,
    /// A trusted ARC chain.
    Arc,
    /// The upstream's combined result (Exchange's `compauth`).
    Upstream,
    /// Nothing did.
    #[default]
    None,
}

impl AuthMethod {
    /// The name in JSON and rules.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dmarc => "dmarc",
            Self::Dkim => "dkim",
            Self::Spf => "spf",
            Self::Arc => "arc",
            Self::Upstream => "upstream",
            Self::None => "none",
        }
    }
}

/// One mechanism's result (RFC 8601 section 2.7), in its own word.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyResult {
    /// `pass`, `fail`, `softfail`, `none`, `temperror` …; empty when not reported.
    pub result: String,
    /// The domain it speaks of (smtp.mailfrom, header.d, header.from), if given.
    pub domain: Option<Domain>,
}

/// Who vouched for the sender.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthResults {
    /// False when nobody could be asked or believed: then no rule may conclude from a missing pass.
    pub known: bool,
    /// SPF.
    pub spf: PolicyResult,
    /// DKIM (the aligned signature if any, else the first).
    pub dkim: PolicyResult,
    /// DMARC.
    pub dmarc: PolicyResult,
    /// ARC.
    pub arc: PolicyResult,
    /// Exchange's `compauth` word, empty when absent.
    pub compauth: String,
    /// Exchange's `compauth` reason code.
    pub compauth_reason: Option<u16>,
    /// Whether the author's domain is vouched for.
    pub authenticated: bool,
    /// By which mechanism.
    pub method: AuthMethod,
    /// An explicit failure for the author's domain (DMARC fail, compauth fail).
    pub failed: bool,
    /// What the owner of the author's domain wants done with mail that fails DMARC: `none`, `quarantine`, `reject`; empty
    /// when it is not known or nothing is published.
    #[serde(default)]
    pub policy: String,
    /// It was to be found out and could not be: DNS did not answer in time. Nothing follows from a missing pass then.
    #[serde(default)]
    pub unavailable: bool,
}

impl AuthResults {
    /// One word for counting and logging.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        match (self.failed, self.authenticated, self.unavailable, self.known) {
            (true, ..) => "fail",
            (_, true, ..) => "pass",
            (_, _, true, _) => "unavailable",
            (.., true) => "none",
            _ => "unknown",
        }
    }
}

/// Input of the pure stages: the message, its claims and the answers from outside.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// Our id.
    pub id: MailId,
    /// The organisation it is for.
    pub organisation: Arc<Organisation>,
    /// Envelope sender.
    pub reverse_path: ReversePath,
    /// Accepted recipients.
    pub recipients: Vec<Recipient>,
    /// Unix milliseconds at arrival: the "now" of every judgement, so that a replay repeats.
    pub received_at_ms: i64,
    /// Parsed message.
    pub message: Arc<Message>,
    /// What it says about money.
    pub claims: PaymentClaims,
    /// Sender authentication.
    pub auth: AuthResults,
    /// Answer of the supplier directory.
    pub directory: Lookup<DirectoryAnswer>,
    /// What was delivered before.
    pub history: Lookup<HistoryAnswer>,
}

impl Evidence {
    /// Convenience for building evidence from a received mail.
    #[must_use]
    pub fn envelope_of(mail: &ReceivedMail) -> (ReversePath, Vec<Recipient>) {
        (mail.envelope.reverse_path.clone(), mail.envelope.recipients.clone())
    }
}
