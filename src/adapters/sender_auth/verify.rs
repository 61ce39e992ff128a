//! Our own check of SPF (RFC 7208), DKIM (RFC 6376), ARC (RFC 8617) and DMARC (RFC 7489) over DNS, with `mail-auth`.
//!
//! A passing signature or envelope sender aligned with the author's domain vouches for it. So does a valid ARC chain whose
//! last seal is of a trusted sealer who says that the author passed. A missing or broken signature alone says nothing bad.
//! Only DMARC can fail, and only where everything that it asks was answered: the policy, every signature's key, and SPF for
//! the address from which the message entered. The checks run side by side, each with questions of its own, so that one
//! that hangs takes nothing from the others; what is not done at the deadline is a `temperror`. What strangers publish never
//! keeps a failure from being found: only what may speak for the author counts as missing.

use super::budget::{Budget, within};
use super::dmarc::{self, Published};
use super::origin::Origin;
use super::upstream::parse_results;
use super::{author_domain, is_aligned};
use crate::adapters::dns::Dns;
use crate::limits;
use crate::model::{AuthMethod, AuthResults, Domain, EmailAddress, Message, PolicyResult};
use bytes::Bytes;
use mail_auth::spf::verify::SpfParameters;
use mail_auth::{AuthenticatedMessage, DkimOutput, DkimResult, MessageAuthenticator, SpfResult};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

/// Checks senders; usable without the port, as `sentra check --auth verify` does.
#[derive(Debug)]
pub struct Verifier {
    dns: Arc<Dns>,
    trusted_sealers: Arc<[Domain]>,
}

/// What one message gives to check.
struct Subject {
    octets: Bytes,
    author: Option<Domain>,
    /// The envelope sender; none for `<>`.
    envelope: Option<EmailAddress>,
    origin: Option<Origin>,
    /// Too many signatures stand on it.
    flooded: bool,
    sealers: Arc<[Domain]>,
    deadline: Instant,
}

/// What was found, before anything is concluded from it.
#[derive(Debug, Default)]
struct Seen {
    signatures: Vec<PolicyResult>,
    arc: PolicyResult,
    /// The last sealer says that the author passed.
    chain_vouches: bool,
    /// Empty where no address is known to check.
    spf: PolicyResult,
}

impl Verifier {
    /// Asks nobody yet.
    #[must_use]
    pub fn new(dns: Arc<Dns>, trusted_sealers: Vec<Domain>) -> Self {
        Self { dns, trusted_sealers: trusted_sealers.into() }
    }

    /// Checks the message until the deadline. `unavailable` when DNS did not answer.
    pub(super) async fn verify(
        &self,
        octets: Bytes,
        message: &Message,
        envelope: Option<&EmailAddress>,
        origin: Option<Origin>,
        deadline: Instant,
    ) -> AuthResults {
        let unavailable = || AuthResults { unavailable: true, ..AuthResults::default() };
        let signatures = message.headers.iter().filter(|field| is_signature(&field.name)).count();
        let Ok(Ok(resolver)) = timeout_at(deadline, self.dns.resolver()).await else {
            return unavailable();
        };
        let authenticator = MessageAuthenticator(resolver.clone());
        let subject = Subject {
            octets,
            author: author_domain(message),
            envelope: envelope.cloned(),
            origin,
            flooded: signatures > limits::MAX_SIGNATURES,
            sealers: Arc::clone(&self.trusted_sealers),
            deadline,
        };
        let handle = Handle::current();
        // Hashing and checking signatures is work for a processor, and a panic there is a failure to look.
        let work = tokio::task::spawn_blocking(move || handle.block_on(check(&authenticator, &subject)));
        match work.await {
            Ok(results) => results,
            Err(_) => unavailable(),
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

async fn check(authenticator: &MessageAuthenticator, subject: &Subject) -> AuthResults {
    let Some(message) = AuthenticatedMessage::parse(&subject.octets) else { return AuthResults::default() };
    let budgets = [
        Budget::new(limits::SIGNATURE_LOOKUPS),
        Budget::new(limits::SIGNATURE_LOOKUPS),
        Budget::new(limits::SIGNATURE_LOOKUPS),
        Budget::new(limits::SPF_LOOKUPS),
        Budget::new(limits::DMARC_LOOKUPS),
    ];
    let [own_keys, other_keys, seals, terms, policies] = &budgets;
    let author = subject.author.as_ref();
    let (own, others) = divided(&message, author);
    let ((own, others), (arc, chain_vouches), spf, published) = tokio::join!(
        async {
            if subject.flooded {
                return (vec![word("permerror")], Vec::new());
            }
            tokio::join!(
                signatures(authenticator, &own, subject, author, own_keys),
                signatures(authenticator, &others, subject, None, other_keys),
            )
        },
        chain(authenticator, &message, subject, seals),
        spf(authenticator, subject, terms),
        policy(authenticator, subject, policies),
    );
    let signatures = [own, others].concat();
    let used = budgets.iter().fold(0, |sum: usize, budget| sum.saturating_add(budget.used()));
    metrics::counter!("sentra_sender_auth_lookups_total").increment(u64::try_from(used).unwrap_or_default());
    let seen = Seen { signatures, arc, chain_vouches, spf };
    conclude(seen, &published, subject.author.as_ref(), &subject.sealers)
}

/// The signatures of a message, those of the author's domain apart from the others: keys are asked for one after the
/// other, and a stranger's name server that answers slowly must not keep the author's from being asked.
fn divided<'m>(
    message: &AuthenticatedMessage<'m>,
    author: Option<&Domain>,
) -> (AuthenticatedMessage<'m>, AuthenticatedMessage<'m>) {
    let is_own = |domain: &str| {
        Domain::parse(domain).ok().zip(author).is_some_and(|(domain, author)| is_aligned(author, &domain))
    };
    let (mut own, mut others) = (message.clone(), message.clone());
    own.dkim_headers.retain(|signature| is_own(&signature.header.d));
    others.dkim_headers.retain(|signature| !is_own(&signature.header.d));
    // Broken ones are told once.
    own.errors.clear();
    (own, others)
}

/// The result of each DKIM signature; `domain`: whose they are, if they are somebody's.
async fn signatures(
    authenticator: &MessageAuthenticator,
    message: &AuthenticatedMessage<'_>,
    subject: &Subject,
    domain: Option<&Domain>,
    budget: &Budget,
) -> Vec<PolicyResult> {
    let asked = authenticator.verify_dkim(within(budget, message));
    match timeout_at(subject.deadline, asked).await {
        Ok(outputs) => outputs.iter().map(signature).collect(),
        Err(_) => vec![PolicyResult { domain: domain.cloned(), ..word("temperror") }],
    }
}

fn signature(output: &DkimOutput<'_>) -> PolicyResult {
    let result = match output.signature() {
        // RFC 6376 section 5.4: what does not cover From says nothing about the author.
        Some(signature) if !covers_from(&signature.h) => "permerror",
        _ => result_word(output.result()),
    };
    let domain = output.signature().and_then(|signature| Domain::parse(&signature.d).ok());
    PolicyResult { result: result.to_owned(), domain }
}

/// The state of the ARC chain with its last sealer, and whether that sealer says that the author passed.
async fn chain(
    authenticator: &MessageAuthenticator,
    message: &AuthenticatedMessage<'_>,
    subject: &Subject,
    budget: &Budget,
) -> (PolicyResult, bool) {
    if subject.flooded {
        return (PolicyResult::default(), false);
    }
    let asked = authenticator.verify_arc(within(budget, message));
    let newest = message.as_headers.iter().max_by_key(|seal| seal.header.i);
    let claimed = newest.and_then(|seal| Domain::parse(&seal.header.d).ok());
    let Ok(chain) = timeout_at(subject.deadline, asked).await else {
        return (PolicyResult { domain: claimed, ..word("temperror") }, false);
    };
    let last = chain.sets().last();
    let arc = PolicyResult {
        result: result_word(chain.result()).to_owned(),
        domain: last.map_or(claimed, |set| Domain::parse(&set.seal.header.d).ok()),
    };
    let vouched = last
        .filter(|set| arc.result == "pass" && covers_from(&set.signature.header.h))
        .map(|set| sealed_results(set.results.value, subject.author.as_ref()))
        .is_some_and(|sealed| sealed.authenticated && !sealed.failed);
    (arc, vouched)
}

/// What the sealer says in its ARC-Authentication-Results (`i=1; authserv-id; spf=…`).
fn sealed_results(value: &[u8], author: Option<&Domain>) -> AuthResults {
    let text = String::from_utf8_lossy(value).replace(['\r', '\n'], "");
    parse_results(&text, author)
}

/// SPF of the envelope sender, or of the HELO name where there is none (RFC 7208 section 2.4).
async fn spf(authenticator: &MessageAuthenticator, subject: &Subject, budget: &Budget) -> PolicyResult {
    let Some(origin) = &subject.origin else { return PolicyResult::default() };
    let helo = Domain::parse(&origin.helo).ok();
    let helo_name = helo.as_ref().map_or("unknown", Domain::as_str);
    let domain = subject.envelope.as_ref().map(EmailAddress::domain).or(helo.as_ref());
    let Some(domain) = domain.filter(|domain| domain.as_str().contains('.')) else { return word("none") };
    let sender = subject.envelope.as_ref().map(ToString::to_string);
    let params = match &sender {
        Some(sender) => SpfParameters::verify_mail_from(origin.ip, helo_name, "unknown", sender),
        None => SpfParameters::verify_ehlo(origin.ip, helo_name, "unknown"),
    };
    let asked = authenticator.verify_spf(within(budget, params));
    let result = match timeout_at(subject.deadline, asked).await {
        // RFC 7208 section 4.6.4: more look-ups than allowed are an error of the domain's owner.
        Ok(_) if budget.is_over() => "permerror",
        Ok(output) => spf_word(output.result()),
        Err(_) => "temperror",
    };
    PolicyResult { result: result.to_owned(), domain: Some(domain.clone()) }
}

async fn policy(authenticator: &MessageAuthenticator, subject: &Subject, budget: &Budget) -> Published {
    let Some(author) = &subject.author else { return Published::Nothing };
    let asked = dmarc::published(authenticator, author, budget);
    timeout_at(subject.deadline, asked).await.unwrap_or(Published::Unknown)
}

/// The DMARC result: a word of RFC 8601 section 2.7.7, or empty where it can neither pass nor fail because nobody knows
/// whence the message came.
fn dmarc_word(seen: &Seen, published: &Published, author: Option<&Domain>) -> &'static str {
    let wanted = match published {
        Published::Nothing => return "none",
        Published::Unknown => return "temperror",
        Published::Record(wanted) => wanted,
    };
    let aligned = |result: &PolicyResult, strict: bool| {
        let both = result.domain.as_ref().zip(author);
        both.is_some_and(|(domain, author)| domain == author || (!strict && is_aligned(author, domain)))
    };
    let says = |result: &str| {
        let by_key =
            seen.signatures.iter().any(|one| one.result == result && aligned(one, wanted.strict_dkim));
        by_key || (seen.spf.result == result && aligned(&seen.spf, wanted.strict_spf))
    };
    match (says("pass"), says("temperror"), seen.spf.result.is_empty()) {
        (true, ..) => "pass",
        (_, true, _) => "temperror",
        (_, _, true) => "",
        _ => "fail",
    }
}

fn conclude(seen: Seen, published: &Published, author: Option<&Domain>, sealers: &[Domain]) -> AuthResults {
    let aligned = |result: &&PolicyResult| {
        result.domain.as_ref().zip(author).is_some_and(|(domain, author)| is_aligned(author, domain))
    };
    let pass = |result: &&PolicyResult| result.result == "pass";
    let dmarc = dmarc_word(&seen, published, author);
    let sealed_by_trusted = seen.arc.domain.as_ref().is_some_and(|domain| sealers.contains(domain));
    let method = if dmarc == "pass" {
        AuthMethod::Dmarc
    } else if dmarc != "fail" && seen.signatures.iter().filter(aligned).any(|s| pass(&s)) {
        AuthMethod::Dkim
    } else if dmarc != "fail" && Some(&seen.spf).filter(aligned).is_some_and(|spf| pass(&spf)) {
        AuthMethod::Spf
    } else if seen.chain_vouches && sealed_by_trusted {
        AuthMethod::Arc
    } else {
        AuthMethod::None
    };
    // Only questions that could have spoken for the author: a stranger's silence says nothing.
    let silent = |result: &&PolicyResult| result.result == "temperror";
    let unanswered = dmarc == "temperror"
        || seen.signatures.iter().chain([&seen.spf]).filter(aligned).any(|result| silent(&result))
        || (silent(&&seen.arc) && sealed_by_trusted);
    let shown = seen.signatures.iter().filter(aligned).find(pass);
    let shown = shown.or_else(|| seen.signatures.iter().find(aligned)).or_else(|| seen.signatures.first());
    let dkim = shown.cloned().unwrap_or_else(|| word("none"));
    let authenticated = method != AuthMethod::None;
    AuthResults {
        // No pass, and a question without an answer: nothing may be concluded from that.
        known: authenticated || dmarc == "fail" || !unanswered,
        unavailable: unanswered && !authenticated && dmarc != "fail",
        dkim,
        arc: seen.arc,
        spf: seen.spf,
        dmarc: PolicyResult {
            result: dmarc.to_owned(),
            domain: author.cloned().filter(|_| !dmarc.is_empty()),
        },
        policy: match published {
            Published::Record(wanted) => wanted.policy.to_owned(),
            Published::Nothing | Published::Unknown => String::new(),
        },
        authenticated,
        method,
        failed: dmarc == "fail" && !authenticated,
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

fn spf_word(result: SpfResult) -> &'static str {
    match result {
        SpfResult::Pass => "pass",
        SpfResult::Fail => "fail",
        SpfResult::SoftFail => "softfail",
        SpfResult::Neutral => "neutral",
        SpfResult::TempError => "temperror",
        SpfResult::PermError => "permerror",
        SpfResult::None => "none",
    }
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
