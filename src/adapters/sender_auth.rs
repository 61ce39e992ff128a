//! Sender authentication: who vouches for the author's domain.
//!
//! Sentra stands behind Exchange Online, which has checked everything already. [`Mode::Exchange`] therefore believes the
//! results that Exchange stamped, found by their position (`upstream`); [`Mode::Verify`] checks SPF, DKIM, ARC and DMARC
//! itself over DNS (`verify`), SPF for the address from which the message entered as Exchange's own trace has it
//! (`origin`); [`Mode::Both`] takes Exchange's word where there is one and asks DNS besides. Whatever can't be found out is
//! `known: false`, never an error and never a "no".

mod budget;
mod dmarc;
mod origin;
mod upstream;
mod verify;

pub use self::upstream::{parse_results, upstream_results};
pub use self::verify::Verifier;

use crate::limits;
use crate::model::{AuthResults, Domain, EmailAddress, Message, PeerStanding, PolicyResult, ReceivedMail};
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
    Exchange,
    /// Our own check of SPF, DKIM, ARC and DMARC over DNS.
    Verify,
    /// Exchange's word, and our own check beside it.
    Both,
    /// Nobody: always unknown.
    None,
}

/// Settings of sender authentication.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whom to believe.
    pub mode: Mode,
    /// Believe Exchange's Authentication-Results, and the trace that tells where a message entered, also from peers inside the configured `trust` ranges. Their place in
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

impl SenderAuthentication {
    fn stamped(&self, mail: &ReceivedMail, message: &Message) -> AuthResults {
        if self.believes(mail.peer.standing) {
            upstream_results(message, &mail.octets)
        } else {
            AuthResults::default()
        }
    }

    async fn checked(&self, mail: &ReceivedMail, message: &Message, deadline: Instant) -> AuthResults {
        let origin = origin::origin(mail, message, self.trust_auth_results);
        let deadline = deadline.min(Instant::now() + limits::SENDER_AUTH_DEADLINE);
        let envelope = mail.envelope.reverse_path.0.as_ref();
        self.verifier.verify(mail.octets.clone(), message, envelope, origin, deadline).await
    }
}

#[async_trait]
impl SenderAuth for SenderAuthentication {
    async fn authenticate(&self, mail: &ReceivedMail, message: &Message, deadline: Instant) -> AuthResults {
        let results = match self.mode {
            Mode::Exchange => self.stamped(mail, message),
            Mode::Verify => self.checked(mail, message, deadline).await,
            Mode::Both => match self.stamped(mail, message) {
                // Decided: asking would cost time, and tell the sender's name servers when the message was read.
                stamped if stamped.authenticated || stamped.failed => stamped,
                stamped => together(stamped, self.checked(mail, message, deadline).await),
            },
            Mode::None => return AuthResults::default(),
        };
        metrics::counter!("sentra_sender_auth_total", "result" => results.outcome()).increment(1);
        results
    }
}

/// Exchange saw the message before any rule of the organisation changed it, and knows whence it came: its word stands
/// where it has one. Our own check fills in what it did not say, and what we find counts where Exchange neither vouches nor
/// refuses.
fn together(stamped: AuthResults, checked: AuthResults) -> AuthResults {
    if !stamped.known {
        return checked;
    }
    let fill = |said: &PolicyResult, own: PolicyResult| {
        if said.result.is_empty() { own } else { said.clone() }
    };
    let mut results = AuthResults {
        spf: fill(&stamped.spf, checked.spf),
        dkim: fill(&stamped.dkim, checked.dkim),
        dmarc: fill(&stamped.dmarc, checked.dmarc),
        arc: fill(&stamped.arc, checked.arc),
        ..stamped
    };
    if results.policy.is_empty() {
        results.policy = checked.policy;
    }
    if !results.authenticated && !results.failed {
        results.authenticated = checked.authenticated;
        results.method = checked.method;
        results.failed = checked.failed;
    }
    results
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::AuthMethod;

    #[test]
    fn exchange_is_believed_where_it_says_something() {
        let nothing = AuthResults::default;
        let passed =
            |method| AuthResults { known: true, authenticated: true, method, ..AuthResults::default() };
        let failed = || AuthResults { known: true, failed: true, ..AuthResults::default() };
        let silent = || AuthResults { known: true, ..AuthResults::default() };
        let dkim = || passed(AuthMethod::Dkim);
        let dmarc = || passed(AuthMethod::Dmarc);
        for (name, stamped, checked, method, is_failed) in [
            ("Exchange alone", dmarc(), nothing(), AuthMethod::Dmarc, false),
            ("both", dmarc(), dkim(), AuthMethod::Dmarc, false),
            ("what Exchange passed fails here", dmarc(), failed(), AuthMethod::Dmarc, false),
            ("what Exchange failed passes here", failed(), dkim(), AuthMethod::None, true),
            ("Exchange vouches for nothing", silent(), dkim(), AuthMethod::Dkim, false),
            ("Exchange vouches for nothing, and it fails", silent(), failed(), AuthMethod::None, true),
            ("nobody to believe", nothing(), dkim(), AuthMethod::Dkim, false),
        ] {
            let got = together(stamped, checked);
            assert_eq!((got.method, got.failed), (method, is_failed), "{name}");
        }
        let counted = [failed(), dkim(), silent(), nothing()].map(|results| results.outcome());
        assert_eq!(counted, ["fail", "pass", "none", "unknown"]);
    }
}
