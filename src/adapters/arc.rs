//! ARC (RFC 8617): what we saw of a sender, sealed, so that whoever comes after us can believe it although our banner
//! broke the sender's own signature.
//!
//! The chain that a message brought is verified over the octets as they came, before anything was changed; the seal is
//! made over the octets as they go. Both happen in one call, [`ArcSealing::seal`], after the message is composed, so that
//! mail which is not sealed costs no DNS. Verifying is `mail-auth`'s; sealing is our own, for three reasons: its sealer
//! wants the message in one piece, where ours is in segments of which the body alone may be many megabytes; under a failed
//! chain it signs the whole chain, where section 5.1.2 wants our set alone; and it dates by the machine's clock.
//!
//! `canonical` is the relaxed form of RFC 6376, `chain` what a message brings, `seal` the three fields, `key` the keys.

mod canonical;
mod chain;
mod key;
mod seal;

pub use key::{ArcKeys, SealingKey, generate, record};

use crate::adapters::dns::Dns;
use crate::limits;
use crate::model::OrgId;
use crate::ports::{ChainSealer, SealOutcome, SealRequest};
use async_trait::async_trait;
use bytes::Bytes;
use canonical::Outgoing;
use chain::{Chain, Standing};
use seal::Signer;
use std::sync::Arc;
use tokio::time::{Instant, timeout_at};

/// What the chain on a message looks like before any key is asked for (its highest instance, whether it is whole), and
/// how many fields of DKIM and ARC its library finds: what `tests/fuzz` calls.
#[doc(hidden)]
#[must_use]
pub fn shape(octets: &[u8]) -> (u32, bool, usize) {
    chain::shape(octets)
}

/// Seals with the organisation's key, or the gateway's where it has none.
pub struct ArcSealing {
    dns: Arc<Dns>,
    keys: Arc<ArcKeys>,
    gateway: Option<Arc<SealingKey>>,
    hostname: String,
}

impl ArcSealing {
    /// Asks nobody yet. `gateway` is the key for organisations without one of their own.
    #[must_use]
    pub fn new(
        dns: Arc<Dns>,
        keys: Arc<ArcKeys>,
        gateway: Option<Arc<SealingKey>>,
        hostname: String,
    ) -> Self {
        Self { dns, keys, gateway, hostname }
    }

    fn key(&self, org: OrgId) -> Option<Arc<SealingKey>> {
        self.keys.active(org).or_else(|| self.gateway.clone())
    }
}

#[async_trait]
impl ChainSealer for ArcSealing {
    async fn seal(&self, request: SealRequest) -> SealOutcome {
        let Some(key) = self.key(request.org) else { return SealOutcome::NotSealed("no_key") };
        let deadline = Instant::now() + limits::ARC_DEADLINE;
        let chain = match request.arc {
            true => {
                match timeout_at(deadline, Chain::read(&self.dns, request.received.clone(), deadline)).await {
                    Ok(chain) => Some(chain),
                    Err(_) => return SealOutcome::NotSealed("timeout"),
                }
            }
            false => None,
        };
        let hostname = self.hostname.clone();
        // Hashing megabytes and two RSA signatures are work for a processor.
        let work = tokio::task::spawn_blocking(move || sealed(&key, &hostname, chain, &request));
        match timeout_at(deadline, work).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => SealOutcome::NotSealed("panic"),
            Err(_) => SealOutcome::NotSealed("timeout"),
        }
    }
}

/// The fields to stand above the message: ours for DKIM if asked for, and the set over it.
fn sealed(key: &SealingKey, hostname: &str, chain: Option<Chain>, request: &SealRequest) -> SealOutcome {
    let Some(outgoing) = Outgoing::of(&request.outgoing) else { return SealOutcome::NotSealed("no_body") };
    let signer = Signer { key, hostname, seconds: request.now_ms.div_euclid(1_000), outgoing: &outgoing };
    let mut fields = Vec::new();
    let mut signature = None;
    if request.dkim {
        match signer.dkim() {
            Ok(field) => signature = Some(field),
            Err(why) => return SealOutcome::NotSealed(why),
        }
    }
    let mut cv = "off";
    if let Some(chain) = chain {
        match chain.standing {
            Standing::Unknown => return SealOutcome::NotSealed("dns"),
            Standing::Over => return SealOutcome::NotSealed("chain_over"),
            Standing::None | Standing::Pass | Standing::Fail => {}
        }
        cv = chain.standing.as_str();
        match signer.set(&chain, &request.results, signature.as_deref()) {
            Ok(set) => fields.extend_from_slice(set.as_bytes()),
            Err(why) => return SealOutcome::NotSealed(why),
        }
    }
    fields.extend_from_slice(signature.unwrap_or_default().as_bytes());
    SealOutcome::Sealed { fields: Bytes::from(fields), cv }
}

#[cfg(test)]
mod tests;
