//! The few events that operators and tools rely on, each with its fields.

use super::log::{EVENTS, personal_data};
use super::metrics::{self, Stage};
use crate::model::{Action, Category, MailId, OrgId, Severity, StageTimings};
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

/// Who and what a message was about: written only when the operator switched personal data on.
#[derive(Clone, Copy, Debug)]
pub struct Personal<'a> {
    /// Reverse-path, empty for `<>`.
    pub mail_from: &'a str,
    /// Envelope recipients, comma-separated.
    pub recipients: &'a str,
    /// Decoded subject.
    pub subject: &'a str,
}

/// The end of one message's journey.
#[derive(Clone, Copy, Debug)]
pub struct MailEvent<'a> {
    /// Its id.
    pub mail_id: MailId,
    /// Whose mail it is, once known.
    pub org: Option<OrgId>,
    /// Who handed it in.
    pub peer_ip: Option<IpAddr>,
    /// Octets received.
    pub size: u64,
    /// What was done; `None`: refused or deferred before a verdict.
    pub action: Option<Action>,
    /// What `enforce` would have done.
    pub would_be: Option<Action>,
    /// The loudest finding.
    pub severity: Severity,
    /// 0 to 100.
    pub score: u8,
    /// Finding codes, comma-separated.
    pub codes: &'a str,
    /// Kind of business mail.
    pub category: Category,
    /// What is known of the sender: `pass`, `fail`, `none`, `unavailable`, `unknown`.
    pub sender_auth: &'static str,
    /// By which mechanism it passed.
    pub sender_auth_method: &'static str,
    /// `relayed`, `held`, `refused`, `deferred` …: the word of the journal.
    pub outcome: &'static str,
    /// Our reply.
    pub reply_code: u16,
    /// The next hop's reply.
    pub next_hop_code: Option<u16>,
    /// Microseconds per stage.
    pub timings: StageTimings,
    /// Who and what.
    pub personal: Option<Personal<'a>>,
}

/// Writes the line that ends a message and counts it.
pub fn mail_event(mail: &MailEvent<'_>) {
    let timings = &mail.timings;
    if let Some(action) = mail.action {
        metrics::message(action, mail.severity, timings.total);
        for (stage, micros) in [
            (Stage::Parse, timings.parse),
            (Stage::Extract, timings.extract),
            (Stage::Gather, timings.gather),
            (Stage::Judge, timings.judge),
            (Stage::Act, timings.act),
        ] {
            metrics::stage(stage, micros);
        }
    }
    let personal = mail.personal.filter(|_| personal_data());
    tracing::info!(
        target: EVENTS,
        event = "mail",
        mail_id = %mail.mail_id,
        org = mail.org.map(tracing::field::display),
        peer_ip = mail.peer_ip.map(tracing::field::display),
        size_bytes = mail.size,
        action = mail.action.map(Action::as_str),
        would_be = mail.would_be.map(Action::as_str),
        severity = mail.severity.as_str(),
        score = mail.score,
        codes = mail.codes,
        category = mail.category.as_str(),
        sender_auth = mail.sender_auth,
        sender_auth_method = mail.sender_auth_method,
        outcome = mail.outcome,
        reply_code = mail.reply_code,
        next_hop_code = mail.next_hop_code,
        duration_ms = timings.total / 1_000,
        parse_us = timings.parse,
        extract_us = timings.extract,
        gather_us = timings.gather,
        judge_us = timings.judge,
        act_us = timings.act,
        mail_from = personal.map(|who| who.mail_from),
        recipients = personal.map(|who| who.recipients),
        subject = personal.map(|who| who.subject),
    );
}

/// The addresses that were really bound.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ready<'a> {
    /// SMTP with STARTTLS.
    pub smtp: &'a [SocketAddr],
    /// SMTP with TLS at once.
    pub smtps: &'a [SocketAddr],
    /// Health pages and web interface.
    pub web: Option<SocketAddr>,
    /// Prometheus.
    pub metrics: Option<SocketAddr>,
}

/// Says that everything listens. Several addresses of one kind are comma-separated.
pub fn ready(bound: &Ready<'_>) {
    tracing::info!(
        target: EVENTS,
        event = "ready",
        version = env!("CARGO_PKG_VERSION"),
        pid = std::process::id(),
        smtp = joined(bound.smtp),
        smtps = joined(bound.smtps),
        web = bound.web.map(tracing::field::display),
        metrics = bound.metrics.map(tracing::field::display),
        "ready"
    );
}

fn joined(addresses: &[SocketAddr]) -> Option<String> {
    let mut out = String::new();
    for address in addresses {
        let comma = if out.is_empty() { "" } else { "," };
        // Writing to a String cannot fail.
        write!(out, "{comma}{address}").unwrap_or_default();
    }
    (!out.is_empty()).then_some(out)
}

/// What a person should look at; each kind is one label of `sentra_alarms_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// Mail for an organisation's own domain, but for no protected address.
    OwnDomainNotProtected,
    /// A known organisation's peer failed its proof.
    ProofFailed,
    /// The next hop refuses what is configuration: connection, EHLO, STARTTLS, MAIL.
    NextHop,
    /// The database does not answer.
    Database,
    /// Mail passed unverified because the organisation wants it so when the store is away.
    DeliveredUnverified,
    /// A mail in the outbox was given up.
    OutboxFailed,
    /// Messages without outcome were found at start.
    OpenIntents,
    /// A message came a third time.
    Loop,
    /// A changed configuration, certificate or rule set was refused; the running one stays.
    ReloadRefused,
    /// A ledger has accounts that are not the verified ones on record.
    SupplierDrift,
    /// A ledger that is asked for suppliers cannot be read.
    SupplierSync,
    /// A backup failed, or the newest is older than it may be.
    Backup,
    /// The audit's anchors contradict the database.
    AuditContradicted,
    /// A purge of old data failed.
    Retention,
    /// What an organisation changes about the rules no longer fits and is left out.
    OwnRules,
}

impl Alarm {
    /// All kinds.
    pub const ALL: [Self; 15] = [
        Self::OwnDomainNotProtected,
        Self::ProofFailed,
        Self::NextHop,
        Self::Database,
        Self::DeliveredUnverified,
        Self::OutboxFailed,
        Self::OpenIntents,
        Self::Loop,
        Self::ReloadRefused,
        Self::SupplierDrift,
        Self::SupplierSync,
        Self::Backup,
        Self::AuditContradicted,
        Self::Retention,
        Self::OwnRules,
    ];
    /// The name in log and metric.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OwnDomainNotProtected => "own_domain_not_protected",
            Self::ProofFailed => "proof_failed",
            Self::NextHop => "next_hop",
            Self::Database => "database",
            Self::DeliveredUnverified => "delivered_unverified",
            Self::OutboxFailed => "outbox_failed",
            Self::OpenIntents => "open_intents",
            Self::Loop => "loop",
            Self::ReloadRefused => "reload_refused",
            Self::SupplierDrift => "supplier_drift",
            Self::SupplierSync => "supplier_sync",
            Self::Backup => "backup",
            Self::AuditContradicted => "audit_contradicted",
            Self::Retention => "retention",
            Self::OwnRules => "own_rules",
        }
    }
}

/// Writes an alarm at `error` (a person should act) and counts it. `detail` names the remedy and holds no address.
pub fn alarm(kind: Alarm, org: Option<OrgId>, detail: &str) {
    metrics::alarm(kind);
    let org = org.map(tracing::field::display);
    tracing::error!(target: EVENTS, event = "alarm", alarm = kind.as_str(), org, "{detail}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::fmt::MakeWriter;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Write for Captured {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(octets);
            Ok(octets.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    impl<'a> MakeWriter<'a> for Captured {
        type Writer = Self;
        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    fn captured(event: impl FnOnce()) -> serde_json::Value {
        let lines = Captured::default();
        let subscriber = super::super::log::json_layer(lines.clone());
        tracing::subscriber::with_default(subscriber, event);
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_message_is_one_line_without_personal_data() {
        let (mail_id, org) = (MailId(ulid::Ulid::from_parts(1, 2)), OrgId(ulid::Ulid::from_parts(3, 4)));
        let mail = MailEvent {
            mail_id,
            org: Some(org),
            peer_ip: Some(IpAddr::from([192, 0, 2, 1])),
            size: 4_096,
            action: Some(Action::Tag),
            would_be: Some(Action::Quarantine),
            severity: Severity::Caution,
            score: 55,
            codes: "FIRST_CONTACT,SUPPLIER_UNKNOWN",
            sender_auth: "pass",
            sender_auth_method: "dmarc",
            category: Category::Invoice,
            outcome: "relayed",
            reply_code: 250,
            next_hop_code: Some(250),
            timings: StageTimings { parse: 100, judge: 70, total: 12_345, ..StageTimings::default() },
            personal: Some(Personal {
                mail_from: "eve@evil.example",
                recipients: "ap@x.example",
                subject: "Pay",
            }),
        };
        let line = captured(|| mail_event(&mail));
        for (field, value) in [
            ("event", serde_json::json!("mail")),
            ("mail_id", mail_id.to_string().into()),
            ("org", org.to_string().into()),
            ("peer_ip", "192.0.2.1".into()),
            ("action", "tag".into()),
            ("would_be", "quarantine".into()),
            ("reply_code", 250.into()),
            ("duration_ms", 12.into()),
            ("judge_us", 70.into()),
        ] {
            assert_eq!(line[field], value, "{field} in {line}");
        }
        let text = line.to_string();
        assert!(!text.contains("evil.example") && !text.contains("Pay") && !text.contains("ap@"), "{text}");
    }

    #[test]
    fn ready_names_what_was_bound() {
        let smtp = ["127.0.0.1:2525".parse().unwrap(), "[::1]:2525".parse().unwrap()];
        let line = captured(|| ready(&Ready { smtp: &smtp, web: Some(smtp[0]), ..Ready::default() }));
        assert_eq!(line["event"], "ready");
        assert_eq!(line["smtp"], "127.0.0.1:2525,[::1]:2525");
        assert_eq!(line["web"], "127.0.0.1:2525");
        assert!(line.get("smtps").is_none(), "{line}");
    }
}
