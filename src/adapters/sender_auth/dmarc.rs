//! The policy that a domain's owner publishes (RFC 7489 section 6.6.3): at the author's domain itself, else at its
//! organisational domain, which the public suffix list tells. So at most two questions, and no record that somebody
//! publishes above the organisational domain counts.

use super::budget::Budget;
use crate::model::Domain;
use mail_auth::dmarc::{Alignment, Dmarc, Policy};
use mail_auth::{DnsError, Error, MessageAuthenticator};

/// What is known of the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Published {
    /// No record: nothing can fail.
    Nothing,
    /// DNS did not answer.
    Unknown,
    /// A record.
    Record(Wanted),
}

/// What the owner wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// `none`, `quarantine` or `reject`.
    pub(super) policy: &'static str,
    /// A signature must be of exactly the author's domain.
    pub(super) strict_dkim: bool,
    /// The envelope sender must be of exactly the author's domain.
    pub(super) strict_spf: bool,
}

/// Asks for the policy of an author's domain.
pub(super) async fn published(
    authenticator: &MessageAuthenticator,
    author: &Domain,
    budget: &Budget,
) -> Published {
    let own = record(authenticator, author.as_str(), budget).await;
    let organisational = author.registrable();
    match own {
        Ok(Some(record)) => wanted(&record, record.p),
        Ok(None) if organisational == author.as_str() => Published::Nothing,
        Ok(None) => match record(authenticator, organisational, budget).await {
            Ok(Some(record)) => wanted(&record, record.sp),
            Ok(None) => Published::Nothing,
            Err(()) => Published::Unknown,
        },
        Err(()) => Published::Unknown,
    }
}

async fn record(
    authenticator: &MessageAuthenticator,
    domain: &str,
    budget: &Budget,
) -> Result<Option<std::sync::Arc<Dmarc>>, ()> {
    match authenticator.txt_lookup::<Dmarc>(format!("_dmarc.{domain}."), Some(budget)).await {
        Ok(record) => Ok(Some(record)),
        Err(Error::Dns(DnsError::Resolver(_))) => Err(()),
        // No record, or one that says nothing that can be understood.
        Err(_) => Ok(None),
    }
}

/// A record without a policy counts as `none` when it wants reports, else it is no record (RFC 7489 section 6.6.3).
fn wanted(record: &Dmarc, policy: Policy) -> Published {
    let policy = match policy {
        Policy::Unspecified if record.rua.is_empty() => return Published::Nothing,
        Policy::Unspecified | Policy::None => "none",
        Policy::Quarantine => "quarantine",
        Policy::Reject => "reject",
    };
    Published::Record(Wanted {
        policy,
        strict_dkim: record.adkim == Alignment::Strict,
        strict_spf: record.aspf == Alignment::Strict,
    })
}
