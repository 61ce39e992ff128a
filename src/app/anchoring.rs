//! The audit's anchors: written every hour, mailed where an organisation wants them, alarmed where they contradict.

use crate::adapters::audit::{Anchor, AnchorStore};
use crate::adapters::store::{Anchoring, Store, StoreError};
use crate::model::{EmailAddress, Envelope, MailParameters, Organisation, Recipient, ReversePath};
use crate::ports::{AnchorAudit, OutboxMail, PortError};
use crate::telemetry::{self, Alarm};
use async_trait::async_trait;
use bytes::Bytes;
use mail_builder::MessageBuilder;
use mail_builder::headers::raw::Raw;
use secrecy::ExposeSecret as _;
use std::sync::Arc;

/// Store and anchor store, as the job sees them.
pub(super) struct Anchors {
    pub(super) store: Arc<Store>,
    pub(super) anchors: Arc<dyn AnchorStore>,
    pub(super) hostname: String,
}

#[async_trait]
impl AnchorAudit for Anchors {
    async fn anchor_all(&self) -> Result<usize, PortError> {
        let mut anchored = 0_usize;
        for organisation in self.store.organisations().await? {
            // One organisation whose database is away must not keep the others from being anchored.
            match self.anchor(&organisation).await {
                Ok(true) => anchored = anchored.saturating_add(1),
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(org = %organisation.id, %error, "the audit could not be anchored; trying again")
                }
            }
        }
        Ok(anchored)
    }
}

impl Anchors {
    async fn anchor(&self, organisation: &Organisation) -> Result<bool, StoreError> {
        let anchor = match self.store.anchor_audit(organisation.id, self.anchors.as_ref()).await? {
            Anchoring::Anchored(anchor) => anchor,
            Anchoring::Contradicted { number, theirs } => {
                let detail = format!(
                    "the anchor store has another anchor {number} of the audit and knows of entry {theirs}: the database was \
                     set back or replaced; `sentra audit verify` tells more"
                );
                telemetry::alarm(Alarm::AuditContradicted, Some(organisation.id), &detail);
                return Ok(false);
            }
        };
        if organisation.preferences.get("audit.anchor_mail") == "on" {
            let mails = self.mails(organisation, &anchor);
            self.store.mail_anchor(&anchor, organisation.id, &mails).await?;
        }
        Ok(true)
    }

    fn mails(&self, organisation: &Organisation, anchor: &Anchor) -> Vec<OutboxMail> {
        let text = format!(
            "This is anchor {} of the audit of {}: proof of its first {} entries.\r\n\
             Keep this mail. If the audit is ever in doubt, save the line below as a file {:012}.json in a folder\r\n\
             and run: sentra audit verify EXPORT --anchors FOLDER\r\n\r\n{}\r\n\r\n\
             Made by Sentra; nobody reads replies. `sentra org set audit.anchor_mail=off` ends these mails.\r\n",
            anchor.number,
            organisation.name,
            anchor.seq,
            anchor.number,
            serde_json::to_string(anchor).unwrap_or_default(),
        );
        let mail = |email: &EmailAddress| self.mail(organisation, email, anchor.number, &text);
        organisation.admin_emails.iter().map(mail).collect()
    }

    fn mail(&self, organisation: &Organisation, to: &EmailAddress, number: i64, text: &str) -> OutboxMail {
        let (hostname, now) = (&self.hostname, self.store.clock().now_ms().div_euclid(1_000));
        let from = format!("sentra@{hostname}");
        let message = MessageBuilder::new()
            .message_id(format!("{}@{hostname}", self.store.ids().ulid()))
            .date(now)
            .from(("Sentra", from.as_str()))
            .to(to.to_string())
            .subject(format!("Anchor {number} of the audit: please keep"))
            .header("Auto-Submitted", Raw::new("auto-generated"))
            .text_body(text);
        // Without it the tenant's routing rule would send the mail round again.
        let message = match &organisation.return_token {
            Some(token) => message.header("X-Sentra-Return", Raw::new(token.expose_secret())),
            None => message,
        };
        // Writing into a Vec cannot fail.
        let octets = Bytes::from(message.write_to_vec().unwrap_or_default());
        let recipient = Recipient { address: to.clone(), notify: None, orcpt: None };
        let parameters = MailParameters { smtputf8: !to.local().is_ascii(), ..MailParameters::default() };
        let envelope = Envelope { reverse_path: ReversePath(None), parameters, recipients: vec![recipient] };
        OutboxMail { org: organisation.id, envelope, octets, kind: "notice" }
    }
}
