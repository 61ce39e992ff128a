//! Syncs of supplier sources: those that are due, and what is told when a ledger differs from the record.

use crate::adapters::directory::redis::Redis;
use crate::adapters::store::{Store, StoreError};
use crate::adapters::suppliers::records::SupplierRecords;
use crate::adapters::suppliers::sources::{SourceError, Sources, SyncHow, SyncReport, Syncs};
use crate::model::{EmailAddress, Envelope, MailParameters, Organisation, Recipient, ReversePath};
use crate::ports::{DueSource, OutboxMail, PortError, SyncSuppliers};
use crate::telemetry::{self, Alarm, metrics};
use async_trait::async_trait;
use bytes::Bytes;
use mail_builder::MessageBuilder;
use mail_builder::headers::raw::Raw;
use secrecy::ExposeSecret as _;
use std::sync::Arc;

/// Syncs with everything that they touch.
pub(crate) struct Syncing {
    store: Arc<Store>,
    redis: Option<Redis>,
    hostname: String,
    syncs: Syncs,
}

impl Syncing {
    pub(crate) fn new(store: Arc<Store>, redis: Option<Redis>, hostname: String) -> Self {
        let (database, keyring) = (store.database().clone(), Arc::clone(store.keyring()));
        let (clock, ids) = (Arc::clone(store.clock()), Arc::clone(store.ids()));
        let records =
            SupplierRecords::new(database.clone(), Arc::clone(&keyring) as _, Arc::clone(&clock), ids);
        let syncs = Syncs::new(Sources::new(database, keyring as _, clock), records);
        Self { store, redis, hostname, syncs }
    }

    /// The sources.
    pub(crate) fn sources(&self) -> &Sources {
        self.syncs.sources()
    }

    /// Asks one source, announces the change to the other nodes, and tells people of drift.
    ///
    /// # Errors
    /// [`SourceError`]: nothing was taken in.
    pub(crate) async fn sync(
        &self,
        org: &Organisation,
        name: &str,
        how: SyncHow<'_>,
    ) -> Result<SyncReport, SourceError> {
        let outcome = self.syncs.sync(org.id, name, how).await;
        metrics::supplier_sync(outcome.is_ok());
        let report = outcome?;
        if let (Some(redis), Some(generation)) = (&self.redis, report.report.generation)
            && let Err(error) = redis.announce(org.id, generation).await
        {
            tracing::warn!(%error, "the change of the directory was not announced; others see it from the database");
        }
        if !report.drift.is_empty() && !how.dry_run {
            self.tell(org, &report).await?;
        }
        Ok(report)
    }

    /// Alarm, metric, and a mail to each administrator.
    async fn tell(&self, org: &Organisation, report: &SyncReport) -> Result<(), StoreError> {
        let count = report.drift.len();
        metrics::supplier_drift(u64::try_from(count).unwrap_or(u64::MAX));
        let detail = format!(
            "{count} accounts of source {} are not the verified ones on record; `sentra cases list` tells which",
            report.source
        );
        telemetry::alarm(Alarm::SupplierDrift, Some(org.id), &detail);
        for mail in self.notices(org, report) {
            self.store.enqueue(&mail).await?;
        }
        Ok(())
    }

    fn notices(&self, org: &Organisation, report: &SyncReport) -> Vec<OutboxMail> {
        let mut text = format!(
            "The ledger behind the source \"{}\" of {} has bank accounts that are not the verified ones on record:\r\n\r\n",
            report.source, org.name
        );
        for change in report.drift.iter().take(MAX_LISTED) {
            let name: String = change.name.chars().filter(|c| !c.is_control()).take(80).collect();
            text.push_str(&format!(
                "  {name} ({}): {} in the ledger, {} on record\r\n",
                change.supplier.0,
                change.account,
                change.beside.join(", ")
            ));
        }
        if let Some(more) = report.drift.len().checked_sub(MAX_LISTED).filter(|more| *more > 0) {
            text.push_str(&format!("  and {more} more\r\n"));
        }
        text.push_str(
            "\r\nNothing was changed: mail that names these accounts is held until somebody has called the supplier on a\r\n\
             number that was on record before, and somebody else has approved.\r\n\r\n\
             If nobody of yours changed them, somebody else did: look at who can edit suppliers in the ledger.\r\n\r\n\
             `sentra cases list` shows what is open.\r\n",
        );
        org.admin_emails.iter().map(|email| self.notice(org, email, &text)).collect()
    }

    fn notice(&self, org: &Organisation, email: &EmailAddress, text: &str) -> OutboxMail {
        let (hostname, from) = (&self.hostname, format!("sentra@{}", self.hostname));
        let message = MessageBuilder::new()
            .message_id(format!("{}@{hostname}", self.store.ids().ulid()))
            .date(self.store.clock().now_ms().div_euclid(1_000))
            .from(("Sentra", from.as_str()))
            .to(email.to_string())
            .subject("Bank details in your ledger differ from the verified record")
            .header("Auto-Submitted", Raw::new("auto-generated"))
            .text_body(text.to_owned());
        // Without it the tenant's routing rule would send the notice round again.
        let message = match &org.return_token {
            Some(token) => message.header("X-Sentra-Return", Raw::new(token.expose_secret())),
            None => message,
        };
        let recipient = Recipient { address: email.clone(), notify: None, orcpt: None };
        let parameters = MailParameters::default();
        // The null reverse-path: a bounce of a notice goes nowhere (RFC 5321 4.5.5).
        let envelope = Envelope { reverse_path: ReversePath(None), parameters, recipients: vec![recipient] };
        // Writing into a Vec cannot fail.
        let octets = Bytes::from(message.write_to_vec().unwrap_or_default());
        OutboxMail { org: org.id, envelope, octets, kind: "notice" }
    }
}

/// Accounts that a notice lists.
const MAX_LISTED: usize = 20;

#[async_trait]
impl SyncSuppliers for Syncing {
    async fn due_sources(&self) -> Result<Vec<DueSource>, PortError> {
        let mut due = Vec::new();
        for org in self.store.organisations().await? {
            match self.sources().due(org.id).await {
                Ok(sources) => due.extend(sources),
                // Its own database may have gone away; the others' sources are due all the same.
                Err(error) => {
                    tracing::warn!(org.id = %org.id, %error, "supplier sources were not looked for")
                }
            }
        }
        Ok(due)
    }

    async fn sync_source(&self, source: &DueSource) {
        let how = SyncHow { dry_run: false, full: false, actor: "system" };
        let DueSource { org, name, .. } = source;
        let synced = match self.store.organisation(*org).await {
            Ok(Some(org)) => self.sync(&org, name, how).await,
            // Both went since they were due: the next look finds what is there.
            Ok(None) => return,
            Err(error) => Err(error.into()),
        };
        let Err(error) = synced else { return };
        // Another node was faster.
        if matches!(error, SourceError::Store(StoreError::Taken(_))) {
            return;
        }
        let failures = self.sources().get(*org, name).await.map_or(1, |source| source.failures);
        // An outage is said once, not at each attempt.
        if failures == 1 {
            let detail = format!("the supplier source {name} could not be read: {error}");
            telemetry::alarm(Alarm::SupplierSync, Some(*org), &detail);
        }
    }
}
