//! Notices that tell an organisation's administrators what was decided from the command line.

use super::Installation;
use crate::model::{
    EmailAddress, Envelope, MailParameters, Organisation, QuarantineId, Recipient, ReversePath,
};
use crate::ports::OutboxMail;
use bytes::Bytes;
use mail_builder::MessageBuilder;
use mail_builder::headers::raw::Raw;
use secrecy::ExposeSecret;

/// One mail per administrator: which entry, by whom, why. Nothing of the held message is quoted.
pub(super) fn released(
    at: &Installation,
    org: &Organisation,
    id: QuarantineId,
    reason: &str,
) -> Vec<OutboxMail> {
    let text = format!(
        "The held message {id} of {} is being released from the server's command line,\r\n\
         without a second person's approval.\r\n\r\nReason given: {}\r\n\r\n\
         If you do not know of this, treat the message as fraud: do not pay, and ask who operates the server.\r\n",
        org.name,
        reason.trim(),
    );
    notices(at, org, "A held message was released from the command line", &text)
}

/// One mail per administrator: which case, what was done, in whose name. No account is quoted.
pub(super) fn case(
    at: &Installation,
    org: &Organisation,
    id: &str,
    what: &str,
    who: &str,
) -> Vec<OutboxMail> {
    let text = format!(
        "On the server's command line, in the name of {who}, {what}\r\nfor {} (case {id}).\r\n\r\n\
         Whoever has that command line can name anybody. If {who} does not know of this, treat the\r\n\
         account as fraud: do not pay, and ask who operates the server.\r\n",
        org.name,
    );
    notices(at, org, "A verification case was decided from the command line", &text)
}

fn notices(at: &Installation, org: &Organisation, subject: &str, text: &str) -> Vec<OutboxMail> {
    let hostname = at.config.hostname.as_str();
    let now = at.store.clock().now_ms().div_euclid(1_000);
    let from = format!("sentra@{hostname}");
    let notice = |email: &EmailAddress| {
        let message = MessageBuilder::new()
            .message_id(format!("{}@{hostname}", at.store.ids().ulid()))
            .date(now)
            .from(("Sentra", from.as_str()))
            .to(email.to_string())
            .subject(subject)
            .header("Auto-Submitted", Raw::new("auto-generated"))
            .text_body(text.to_owned());
        // Without it the tenant's routing rule would send the notice round again.
        let message = match &org.return_token {
            Some(token) => message.header("X-Sentra-Return", Raw::new(token.expose_secret())),
            None => message,
        };
        // Writing into a Vec cannot fail.
        let octets = Bytes::from(message.write_to_vec().unwrap_or_default());
        let recipient = Recipient { address: email.clone(), notify: None, orcpt: None };
        let parameters = MailParameters::default();
        // The null reverse-path: a bounce of a notice goes nowhere (RFC 5321 4.5.5).
        let envelope = Envelope { reverse_path: ReversePath(None), parameters, recipients: vec![recipient] };
        OutboxMail { org: org.id, envelope, octets, kind: "notice" }
    };
    org.admin_emails.iter().map(notice).collect()
}
