//! Sender authentication: who vouches for the author's domain.
//!
//! Sentra stands behind Exchange Online, so the sender's own address is out of sight: SPF can't be checked here, and
//! Exchange has checked everything already. [`Mode::Upstream`] therefore believes the results that Exchange stamped,
//! found by their position (`upstream`); [`Mode::Verify`] checks DKIM signatures and the ARC chain itself over DNS
//! (`verify`). Whatever can't be found out is `known: false`, never an error and never a "no".

mod upstream;
mod verify;

pub use self::upstream::{parse_results, upstream_results};
pub use self::verify::Verifier;

use crate::model::{AuthResults, Domain, EmailAddress, Message, PeerStanding, ReceivedMail};
use crate::ports::SenderAuth;
use async_trait::async_trait;
use std::sync::Arc;
use tokio::time::Instant;

use super::dns::Dns;

/// Whom to believe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The Authentication-Results that Exchange Online stamped.
    #[default]
    Upstream,
    /// Our own check of DKIM and ARC over DNS.
    Verify,
    /// Nobody: always unknown.
    None,
}

/// Settings of sender authentication.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whom to believe.
    pub mode: Mode,
    /// Believe Exchange's Authentication-Results also from peers inside the configured `trust` ranges. Their place in
    /// the message decides all the same: a relay that puts its own `Received` above them hides them.
    pub trust_auth_results: bool,
    /// Domains whose ARC seal is believed about what they saw ([`Mode::Verify`]).
    pub trusted_sealers: Vec<Domain>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            trust_auth_results: false,
            trusted_sealers: Domain::parse("microsoft.com").into_iter().collect(),
        }
    }
}

/// The port's implementation.
#[derive(Debug)]
pub struct SenderAuthentication {
    mode: Mode,
    trust_auth_results: bool,
    verifier: Verifier,
}

impl SenderAuthentication {
    /// Asks nobody yet.
    #[must_use]
    pub fn new(options: Options, dns: Arc<Dns>) -> Self {
        Self {
            mode: options.mode,
            trust_auth_results: options.trust_auth_results,
            verifier: Verifier::new(dns, options.trusted_sealers),
        }
    }

    /// Only Exchange itself, or a peer whose word the operator vouches for, may hand in results.
    fn believes(&self, standing: PeerStanding) -> bool {
        match standing {
            PeerStanding::ExchangeByCertificate | PeerStanding::ExchangeByRange => true,
            PeerStanding::Trusted => self.trust_auth_results,
            PeerStanding::Unknown => false,
        }
    }
}

#[async_trait]
impl SenderAuth for SenderAuthentication {
    async fn authenticate(&self, mail: &ReceivedMail, message: &Message, deadline: Instant) -> AuthResults {
        match self.mode {
            Mode::Upstream if self.believes(mail.peer.standing) => upstream_results(message, &mail.octets),
            Mode::Verify => self.verifier.verify(mail.octets.clone(), message, deadline).await,
            Mode::Upstream | Mode::None => AuthResults::default(),
        }
    }
}

/// The author's domain, if there is exactly one author: with two From fields or addresses nobody can say which one
/// a mail program shows, so nothing is vouched for.
fn author_domain(message: &Message) -> Option<Domain> {
    let fields =
        message.headers.iter().filter(|field| field.name.trim().eq_ignore_ascii_case("from")).count();
    match message.from.as_slice() {
        [author] if fields == 1 => EmailAddress::parse(&author.address).ok().map(|a| a.domain().clone()),
        _ => None,
    }
}

/// RFC 7489 section 3.1: relaxed alignment, the same registrable domain.
fn is_aligned(author: &Domain, other: &Domain) -> bool {
    author == other || author.registrable() == other.registrable()
}
