//! Our own check of DKIM (RFC 6376) and ARC (RFC 8617) over DNS, with `mail-auth`.
//!
//! A passing signature aligned with the author's domain vouches for it. So does a valid ARC chain whose last seal is
//! of a trusted sealer who says that the author passed. A missing or broken signature alone says nothing bad: the
//! sender's address is not known here, so SPF and with it DMARC can't fail.

use super::upstream::parse_results;
use super::{author_domain, is_aligned};
use crate::adapters::dns::Dns;
use crate::limits;
use crate::model::{AuthMethod, AuthResults, Domain, Message, PolicyResult};
use bytes::Bytes;
use mail_auth::{AuthenticatedMessage, DkimResult, MessageAuthenticator};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

/// Verifies signatures; usable without the port, as `sentra check --auth verify` does.
#[derive(Debug)]
pub struct Verifier {
    dns: Arc<Dns>,
    trusted_sealers: Arc<[Domain]>,
}

impl Verifier {
    /// Asks nobody yet.
    #[must_use]
    pub fn new(dns: Arc<Dns>, trusted_sealers: Vec<Domain>) -> Self {
        Self { dns, trusted_sealers: trusted_sealers.into() }
    }

    /// Checks all signatures of the message until the deadline. `known: false` when DNS did not answer.
    pub async fn verify(&self, octets: Bytes, message: &Message, deadline: Instant) -> AuthResults {
        let author = author_domain(message);
        let signatures = message.headers.iter().filter(|field| is_signature(&field.name)).count();
        if signatures > limits::MAX_SIGNATURES {
            return AuthResults { known: true, dkim: word("permerror"), ..AuthResults::default() };
        }
        let Ok(Ok(resolver)) = timeout_at(deadline, self.dns.resolver()).await else {
            return AuthResults::default();
        };
        let authenticator = MessageAuthenticator(resolver.clone());
        let sealers = Arc::clone(&self.trusted_sealers);
        let handle = Handle::current();
        // Hashing and checking signatures is work for a processor, and a panic there is a failure to look.
        let work = tokio::task::spawn_blocking(move || {
            let check = check(&authenticator, &octets, author.as_ref(), &sealers);
            handle.block_on(timeout_at(deadline, check)).unwrap_or_default()
        });
        match timeout_at(deadline, work).await {
            Ok(Ok(results)) => results,
            _ => AuthResults::default(),
        }
    }
}

fn is_signature(name: &str) -> bool {
    let signatures = ["dkim-signature", "dkim2-signature", "arc-message-signature", "arc-seal"];
    signatures.iter().any(|known| name.trim().eq_ignore_ascii_case(known))
}

fn word(result: &str) -> PolicyResult {
    PolicyResult { result: result.to_owned(), domain: None }
}

async fn check(
    authenticator: &MessageAuthenticator,
    octets: &[u8],
    author: Option<&Domain>,
    sealers: &[Domain],
) -> AuthResults {
    let Some(message) = AuthenticatedMessage::parse(octets) else { return AuthResults::default() };
    let outputs = authenticator.verify_dkim(&message).await;
    let signatures: Vec<PolicyResult> = outputs
        .iter()
        .map(|output| PolicyResult {
            result: match output.signature() {
                // RFC 6376 section 5.4: what does not cover From says nothing about the author.
                Some(signature) if !covers_from(&signature.h) => "permerror".to_owned(),
                _ => result_word(output.result()).to_owned(),
            },
            domain: output.signature().and_then(|signature| Domain::parse(&signature.d).ok()),
        })
        .collect();
    let chain = authenticator.verify_arc(&message).await;
    let last = chain.sets().last();
    let arc = PolicyResult {
        result: result_word(chain.result()).to_owned(),
        domain: last.and_then(|set| Domain::parse(&set.seal.header.d).ok()),
    };
    let vouched = (arc.result == "pass")
        .then(|| {
            last.filter(|set| covers_from(&set.signature.header.h))
                .map(|set| sealed_results(set.results.value, author))
        })
        .flatten()
        .filter(|sealed| sealed.authenticated && !sealed.failed);
    conclude(signatures, arc, vouched.is_some(), author, sealers)
}

/// What the sealer says in its ARC-Authentication-Results (`i=1; authserv-id; spf=…`).
fn sealed_results(value: &[u8], author: Option<&Domain>) -> AuthResults {
    let text = String::from_utf8_lossy(value).replace(['\r', '\n'], "");
    parse_results(&text, author)
}

fn conclude(
    signatures: Vec<PolicyResult>,
    arc: PolicyResult,
    chain_vouches: bool,
    author: Option<&Domain>,
    sealers: &[Domain],
) -> AuthResults {
    let aligned = |signature: &&PolicyResult| {
        signature.domain.as_ref().zip(author).is_some_and(|(domain, author)| is_aligned(author, domain))
    };
    let pass = |signature: &&PolicyResult| signature.result == "pass";
    let unanswered = signatures.iter().any(|s| s.result == "temperror") || arc.result == "temperror";
    let by_signature = signatures.iter().filter(aligned).any(|s| pass(&s));
    let sealer_trusted = arc.domain.as_ref().is_some_and(|domain| sealers.contains(domain));
    let method = if by_signature {
        AuthMethod::Dkim
    } else if chain_vouches && sealer_trusted {
        AuthMethod::Arc
    } else {
        AuthMethod::None
    };
    let shown = signatures.iter().filter(aligned).find(pass);
    let shown = shown.or_else(|| signatures.iter().find(aligned)).or_else(|| signatures.first()).cloned();
    AuthResults {
        // No pass, and a question without an answer: nothing may be concluded from that.
        known: method != AuthMethod::None || !unanswered,
        dkim: shown.unwrap_or_else(|| word("none")),
        arc,
        authenticated: method != AuthMethod::None,
        method,
        ..AuthResults::default()
    }
}

fn covers_from(signed: &[String]) -> bool {
    signed.iter().any(|name| name.trim().eq_ignore_ascii_case("from"))
}

fn result_word(result: &DkimResult) -> &'static str {
    match result {
        DkimResult::Pass => "pass",
        DkimResult::Neutral(_) => "neutral",
        DkimResult::Fail(_) => "fail",
        DkimResult::PermError(_) => "permerror",
        DkimResult::TempError(_) => "temperror",
        DkimResult::None => "none",
    }
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
