//! Gathers what the outside knows: concurrently, under one deadline.
//!
//! Three questions go out for each message: who really sent it ([`SenderAuth`]), what the verified supplier records say
//! about everybody and every account it names ([`SupplierDirectory`]), and then, because it needs to know which
//! suppliers, what was delivered before ([`History`]). This is the only waiting before the verdict. Nothing here can fail: what can't be asked comes back as [`Lookup::Unavailable`] or
//! `AuthResults { known: false, .. }`, and the rules decide what that means.

mod history;
mod query;

use crate::limits::GATHER_DEADLINE;
use crate::model::{AuthResults, Evidence, Lookup, Message, Organisation, PaymentClaims, ReceivedMail};
use crate::ports::{History, SenderAuth, SupplierDirectory};
use std::sync::Arc;
use tokio::time::{Instant, timeout_at};

pub use history::history_query;
pub use query::directory_query;

/// Whom to ask.
#[derive(Clone)]
pub struct Sources {
    /// Who really sent it.
    pub auth: Arc<dyn SenderAuth>,
    /// The verified supplier records.
    pub directory: Arc<dyn SupplierDirectory>,
    /// What was delivered before.
    pub history: Arc<dyn History>,
}

/// Asks all sources and waits at most [`GATHER_DEADLINE`] for all together.
///
/// The sources get the deadline too, so that they can give up tidily; a source that doesn't is cut off here.
pub async fn gather(
    sources: &Sources,
    organisation: Arc<Organisation>,
    mail: &ReceivedMail,
    message: Arc<Message>,
    claims: PaymentClaims,
) -> Evidence {
    gather_until(Instant::now() + GATHER_DEADLINE, sources, organisation, mail, message, claims).await
}

async fn gather_until(
    deadline: Instant,
    sources: &Sources,
    organisation: Arc<Organisation>,
    mail: &ReceivedMail,
    message: Arc<Message>,
    claims: PaymentClaims,
) -> Evidence {
    let query = directory_query(mail, &message, &claims);
    let auth = timeout_at(deadline, sources.auth.authenticate(mail, &message, deadline));
    let known = async {
        let asked = sources.directory.look_up(&organisation, query, deadline);
        let directory = timeout_at(deadline, asked).await.unwrap_or(Lookup::Unavailable("deadline"));
        let query = history_query(&message, &claims, &directory);
        let asked = sources.history.look_up(organisation.id, query, deadline);
        let history = timeout_at(deadline, asked).await.unwrap_or(Lookup::Unavailable("deadline"));
        (directory, history)
    };
    let (auth, (directory, history)) = tokio::join!(auth, known);
    let (reverse_path, recipients) = Evidence::envelope_of(mail);
    Evidence {
        id: mail.id,
        organisation,
        reverse_path,
        recipients,
        received_at_ms: mail.received_at_ms,
        message,
        claims,
        auth: auth.unwrap_or_else(|_| AuthResults { unavailable: true, ..AuthResults::default() }),
        directory,
        history,
    }
}

#[cfg(test)]
mod tests;
