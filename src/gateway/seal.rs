//! The last thing that happens to a message before it goes on: its ARC set. A message that cannot be sealed goes on
//! without.

use super::{Inspection, Transaction};
use crate::act::{BannerOutcome, Outgoing};
use crate::model::{Action, Organisation};
use crate::ports::{SealOutcome, SealRequest};
use crate::telemetry::metrics;
use bytes::Bytes;

impl Transaction {
    /// The segments to send, sealed where the organisation wants it and has a key.
    pub(super) async fn sealed(
        &self,
        organisation: &Organisation,
        inspection: &Inspection,
        outgoing: Outgoing,
    ) -> Vec<Bytes> {
        let bannered = matches!(outgoing.banner, BannerOutcome::Inserted { .. } | BannerOutcome::Added);
        let modified = bannered || inspection.verdict.action == Action::Tag;
        let Some(request) = SealRequest::wanted(organisation, modified) else { return outgoing.segments };
        // A line end that is none has no canonical form.
        if self.mail.bare_newlines {
            metrics::arc("bare_newline");
            return outgoing.segments;
        }
        let request = SealRequest {
            received: self.mail.octets.clone(),
            outgoing: outgoing.segments.clone(),
            results: crate::act::sealed_results(&inspection.evidence.auth),
            now_ms: self.gateway.clock.now_ms(),
            ..request
        };
        match self.gateway.sealer.seal(request).await {
            SealOutcome::Sealed { fields, cv } => {
                metrics::arc(cv);
                let mut segments = outgoing.segments;
                segments.insert(0, fields);
                segments
            }
            SealOutcome::NotSealed(why) => {
                metrics::arc(why);
                if why != "no_key" {
                    tracing::warn!(mail.id = %self.mail.id, org.id = %organisation.id, why, "a message goes on without ARC");
                }
                outgoing.segments
            }
        }
    }
}
