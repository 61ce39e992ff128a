//! Where the command touches other modules, each in one small function.

use super::{AuthSource, judging::Judged};
use crate::act::{Stamp, compose};
use crate::adapters::dns::{self, Dns};
use crate::adapters::keyring::{LocalKeyring, MasterKey};
use crate::adapters::sender_auth::{Mode, Options, SenderAuthentication};
use crate::adapters::suppliers::csv;
use crate::model::SupplierRecord;
use crate::ports::{PortError, SenderAuth};
use bytes::Bytes;
use std::sync::Arc;

/// The supplier file as records, and what is wrong with it, one line each.
pub(super) fn load_directory(bytes: &[u8]) -> (Vec<SupplierRecord>, Vec<String>) {
    let parsed = csv::parse(bytes, csv::ParseOptions { verified: true });
    let complaint =
        |error: &csv::RowError| format!("line {}: {}: {}", error.line, error.column, error.reason);
    let complaints = parsed.errors.iter().map(complaint).collect();
    (parsed.suppliers, complaints)
}

/// Who vouches for senders. Whoever hands a file to the command vouches for what is stamped on it.
pub(super) fn sender_auth(source: AuthSource) -> Arc<dyn SenderAuth> {
    let mode = match source {
        AuthSource::Exchange => Mode::Upstream,
        AuthSource::Verify => Mode::Verify,
        AuthSource::None => Mode::None,
    };
    let options = Options { mode, trust_auth_results: true, ..Options::default() };
    Arc::new(SenderAuthentication::new(options, Arc::new(Dns::new(dns::Options::default()))))
}

/// What would be delivered, signed with a key made for this run: nobody else's, so no other gateway believes it.
pub(super) fn annotate(judged: &Judged) -> Result<Vec<Bytes>, PortError> {
    let organisation = &judged.evidence.organisation;
    let keyring = LocalKeyring::new(&MasterKey::generate()?)?;
    keyring.load(organisation.id, &keyring.generate(organisation.id)?)?;
    let stamp = Stamp {
        hostname: "localhost",
        now_ms: judged.mail.received_at_ms,
        organisation,
        keyring: &keyring,
        auth: &judged.evidence.auth,
        passes: 0,
        include_return_token: false,
    };
    Ok(compose(&judged.mail, &judged.evidence.message, &judged.verdict, &stamp)?.segments)
}
