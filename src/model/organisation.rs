//! An organisation as the mail path needs it: read from the database, cached whole, swapped on change.

use super::{Domain, EmailAddress, OrgId, OwnRules, Preferences, Wording};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How an organisation runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Records what it would have done, delivers untouched but for headers.
    Monitor,
    /// Never quarantines: what would be held is tagged.
    Tag,
    /// Does what the verdict says.
    Enforce,
}

impl Mode {
    /// The name in configuration, SQL and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Monitor => "monitor",
            Self::Tag => "tag",
            Self::Enforce => "enforce",
        }
    }
}

/// What to do when the decision can't be made for want of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailPolicy {
    /// 451: the sender keeps the mail and retries.
    Defer,
    /// From cached configuration, always bannered, alarmed and counted.
    DeliverUnverified,
}

/// TLS towards the next hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NextHopTls {
    /// STARTTLS with a verified certificate, or nothing is sent.
    Required,
    /// STARTTLS when offered, certificate not verified.
    Opportunistic,
    /// Plain text (tests, local relays).
    None,
}

/// Where an organisation's mail goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextHopAddress {
    /// Host name or IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// TLS policy.
    pub tls: NextHopTls,
}

/// One protected mailbox and every address that reaches it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProtectedMailbox {
    /// Primary address.
    pub address: EmailAddress,
    /// Aliases.
    #[serde(default)]
    pub aliases: Vec<EmailAddress>,
}

impl ProtectedMailbox {
    /// Whether that is one of its addresses.
    #[must_use]
    pub fn goes_by(&self, address: &EmailAddress) -> bool {
        self.address == *address || self.aliases.contains(address)
    }
}

/// Somebody whose name is worth impersonating.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Executive {
    /// Full name.
    pub name: String,
    /// Their own addresses.
    #[serde(default)]
    pub addresses: Vec<EmailAddress>,
}

/// Everything about an organisation that a message's journey needs.
///
/// Tokens are secrets: `Debug` redacts them.
#[derive(Clone, Debug)]
pub struct Organisation {
    /// Identifier.
    pub id: OrgId,
    /// Name, unique.
    pub name: String,
    /// Mode.
    pub mode: Mode,
    /// Microsoft 365 tenant id (GUID, lower case), if set.
    pub tenant_id: Option<String>,
    /// Registered domains: those of the mailboxes and any added (`X-OriginatorOrg` must be one of them).
    pub domains: Vec<Domain>,
    /// Protected mailboxes.
    pub mailboxes: Vec<ProtectedMailbox>,
    /// Executives.
    pub executives: Vec<Executive>,
    /// Where notices go.
    pub admin_emails: Vec<EmailAddress>,
    /// Next hop.
    pub next_hop: Option<NextHopAddress>,
    /// Ingress tokens that are valid now (two during rotation).
    pub ingress_tokens: Vec<SecretString>,
    /// Token stamped on what goes back; the tenant's return rule removes it.
    pub return_token: Option<SecretString>,
    /// File names of this organisation's own client certificate chain and key (PEM), if any.
    pub client_certificate: Option<(String, String)>,
    /// What to do without a store.
    pub fail_policy: FailPolicy,
    /// Subject prefix for tagged mail, only where the organisation asks for it.
    pub subject_prefix: Option<String>,
    /// What it has chosen beyond that.
    pub preferences: Preferences,
    /// Languages of mailboxes that have one of their own, by folded primary address.
    pub mailbox_languages: BTreeMap<String, String>,
    /// Its own banner texts and colours.
    pub wording: Option<Arc<Wording>>,
    /// What it changes about the rules, if anything.
    pub own_rules: Option<Arc<OwnRules>>,
    /// Increases with every change to the organisation's suppliers, accounts or own accounts.
    pub directory_generation: i64,
}

impl Organisation {
    /// The language in which whoever reads this mailbox is addressed: the mailbox's own, else the organisation's.
    #[must_use]
    pub fn language_for(&self, address: Option<&EmailAddress>) -> &str {
        let mailbox = address.and_then(|address| self.mailbox_for(address));
        let own = mailbox.and_then(|mailbox| self.mailbox_languages.get(&mailbox.address.folded()));
        own.map_or_else(|| self.preferences.get("banner.language"), String::as_str)
    }

    /// The protected mailbox that an address reaches: exact, alias, or either with a `+tag`; case folded.
    #[must_use]
    pub fn mailbox_for(&self, address: &EmailAddress) -> Option<&ProtectedMailbox> {
        let plain = address.without_tag();
        let reaches = |own: &EmailAddress| own == address || *own == plain;
        self.mailboxes.iter().find(|mailbox| reaches(&mailbox.address) || mailbox.aliases.iter().any(reaches))
    }
}
