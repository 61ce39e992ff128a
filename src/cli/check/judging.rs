//! One file through the stages.

use super::installed::{Installed, WithOwn};
use super::{AuthSource, CheckArgs};
use crate::adapters::clock::{SystemClock, UlidSource};
use crate::adapters::directory::memory::MemoryDirectory;
use crate::adapters::dns::{self, Dns};
use crate::adapters::history::NoHistory;
use crate::adapters::sender_auth::{self, SenderAuthentication};
use crate::adapters::suppliers::csv;
use crate::adapters::workers::{self, Workers};
use crate::cli::Failure;
use crate::evidence::Sources;
use crate::gateway::{Inspection, Inspector};
use crate::limits::{MAX_MESSAGE_SIZE, MAX_RECIPIENTS};
use crate::message;
use crate::model::{
    Account, EmailAddress, Envelope, Evidence, Facts, FailPolicy, MailId, MailParameters, Message, Mode,
    OrgId, Organisation, Peer, PeerStanding, ProtectedMailbox, ReceivedMail, Recipient, ReversePath,
    StageTimings, SupplierRecord, Verdict, is_free_mail,
};
use crate::ports::{Clock, IdSource, SenderAuth, SupplierDirectory};
use crate::rules::{RuleSet, RunningRules};
use bytes::Bytes;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::Semaphore;

/// What all files of a run share.
pub(in crate::cli) struct Setup {
    inspector: Inspector,
    organisation: Arc<Organisation>,
    ids: UlidSource,
    clock: SystemClock,
}

/// A judged message.
pub(in crate::cli) struct Judged {
    pub(super) mail: ReceivedMail,
    pub(in crate::cli) evidence: Evidence,
    pub(in crate::cli) facts: Facts,
    pub(in crate::cli) verdict: Verdict,
    pub(in crate::cli) timings: StageTimings,
}

impl Setup {
    pub(super) async fn new(
        args: &CheckArgs,
        installed: Option<Installed>,
        own: Vec<Account>,
        mailboxes: Vec<EmailAddress>,
        err: &mut dyn Write,
    ) -> Result<Self, Failure> {
        let own_rules = installed.as_ref().and_then(|installed| installed.rules.as_deref());
        let rules = RuleSet::load(args.rules.as_deref().or(own_rules))?;
        // A file that a person checks by hand is read even where the kernel can't shut the reader in.
        let workers = installed.as_ref().map(|installed| installed.documents.clone());
        let workers =
            workers.unwrap_or(workers::Options { sandbox_required: false, ..workers::Options::default() });
        let dns = installed.as_ref().map(|installed| installed.dns.clone()).unwrap_or_default();
        let ids = UlidSource::new();
        let (mut organisation, directory) = match installed {
            Some(Installed { organisation, directory, .. }) if own.is_empty() => (organisation, directory),
            Some(Installed { organisation, directory, .. }) => {
                let own = MemoryDirectory::new(&[], &own, &organisation.name);
                (organisation, Arc::new(WithOwn { directory, own }) as Arc<dyn SupplierDirectory>)
            }
            None => {
                let name = args.org.clone().unwrap_or_else(|| "check".to_owned());
                let records = match &args.suppliers {
                    Some(path) => read_suppliers(path, err).await?,
                    None => Vec::new(),
                };
                let directory = MemoryDirectory::new(&records, &own, &name);
                (organisation(OrgId(ids.ulid()), name), Arc::new(directory) as _)
            }
        };
        organisation.mode = args.mode.into();
        protect(&mut organisation, mailboxes);
        let inspector = Inspector {
            sources: Sources { auth: sender_auth(args.auth, dns), directory, history: Arc::new(NoHistory) },
            documents: Arc::new(Workers::new(workers)),
            rules: Arc::new(RunningRules::new(rules)),
            blocking: Arc::new(Semaphore::new(1)),
        };
        Ok(Self { inspector, organisation: Arc::new(organisation), ids, clock: SystemClock })
    }

    /// Reads and judges one file.
    pub(super) async fn judge_file(&self, file: &Path) -> io::Result<Judged> {
        let octets = if file == Path::new("-") {
            read_bounded(tokio::io::stdin()).await?
        } else {
            read_bounded(tokio::fs::File::open(file).await?).await?
        };
        Ok(self.judge(octets).await)
    }

    /// Judges one message.
    pub(in crate::cli) async fn judge(&self, octets: Bytes) -> Judged {
        // A file has no envelope: its header section stands for it.
        let message = message::parse(&octets);
        let mail = self.receive(octets, &message);
        let Inspection { evidence, facts, verdict, timings } =
            self.inspector.inspect(&self.organisation, &mail).await;
        Judged { mail, evidence, facts, verdict, timings }
    }

    /// The message as if it had just come in: a file has no envelope, so Return-Path and the mailboxes stand for it.
    fn receive(&self, octets: Bytes, message: &Message) -> ReceivedMail {
        let reverse_path = reverse_path(&octets, message);
        let protected = self.organisation.mailboxes.iter().map(|mailbox| mailbox.address.clone());
        let mut addresses: Vec<EmailAddress> = protected.collect();
        if addresses.is_empty() {
            let to = message.to.iter().take(MAX_RECIPIENTS);
            addresses.extend(to.filter_map(|mailbox| EmailAddress::parse(&mailbox.address).ok()));
        }
        let recipients =
            addresses.into_iter().map(|address| Recipient { address, notify: None, orcpt: None }).collect();
        ReceivedMail {
            id: MailId(self.ids.ulid()),
            envelope: Envelope { reverse_path, parameters: MailParameters::default(), recipients },
            peer: Peer {
                ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
                helo: "localhost".to_owned(),
                esmtp: true,
                tls: None,
                standing: PeerStanding::Trusted,
            },
            received_at_ms: self.clock.now_ms(),
            octets,
            bare_newlines: false,
        }
    }
}

/// Return-Path where the file has one (RFC 5321 4.4), else the author.
fn reverse_path(octets: &[u8], message: &Message) -> ReversePath {
    if let Some(value) = message.header_values(octets, "Return-Path").next() {
        let value = String::from_utf8_lossy(value);
        let path = value.trim().trim_start_matches('<').trim_end_matches('>');
        return ReversePath(EmailAddress::parse(path).ok());
    }
    ReversePath(message.from.first().and_then(|mailbox| EmailAddress::parse(&mailbox.address).ok()))
}

/// Who vouches for senders. Whoever hands a file to the command vouches for what is stamped on it.
fn sender_auth(source: AuthSource, dns: dns::Options) -> Arc<dyn SenderAuth> {
    let mode = match source {
        AuthSource::Exchange => sender_auth::Mode::Exchange,
        AuthSource::Verify => sender_auth::Mode::Verify,
        AuthSource::Both => sender_auth::Mode::Both,
        AuthSource::None => sender_auth::Mode::None,
    };
    let options = sender_auth::Options { mode, trust_auth_results: true, ..sender_auth::Options::default() };
    Arc::new(SenderAuthentication::new(options, Arc::new(Dns::new(dns))))
}

/// Makes mailboxes protected ones; their domains count as the organisation's own.
fn protect(organisation: &mut Organisation, mailboxes: Vec<EmailAddress>) {
    for address in mailboxes {
        if !is_free_mail(address.domain()) && !organisation.domains.contains(address.domain()) {
            organisation.domains.push(address.domain().clone());
        }
        if !organisation.mailboxes.iter().any(|mailbox| mailbox.address == address) {
            organisation.mailboxes.push(ProtectedMailbox { address, aliases: Vec::new() });
        }
    }
    organisation.domains.sort_unstable();
}

/// An organisation that nobody set up.
fn organisation(id: OrgId, name: String) -> Organisation {
    Organisation {
        id,
        name,
        mode: Mode::Enforce,
        tenant_id: None,
        domains: Vec::new(),
        mailboxes: Vec::new(),
        executives: Vec::new(),
        admin_emails: Vec::new(),
        next_hop: None,
        ingress_tokens: Vec::new(),
        return_token: None,
        client_certificate: None,
        fail_policy: FailPolicy::Defer,
        subject_prefix: None,
        preferences: crate::model::Preferences::default(),
        mailbox_languages: std::collections::BTreeMap::new(),
        wording: None,
        own_rules: None,
        directory_generation: 0,
    }
}

/// The supplier file as records. Rows that are wrong are named and left out.
async fn read_suppliers(path: &Path, err: &mut dyn Write) -> Result<Vec<SupplierRecord>, Failure> {
    let help =
        "give a supplier file as docs/suppliers.md describes it, or as `sentra suppliers export` writes it";
    let failed = |what: String| Failure::new(what).at(path.display()).help(help);
    let bytes = tokio::fs::read(path)
        .await
        .map_err(|error| failed(format!("the supplier file cannot be read: {error}")))?;
    let parsed = csv::parse(&bytes, csv::ParseOptions { verified: true });
    for row in &parsed.errors {
        // Who closed standard error does not want to know.
        writeln!(err, "warning: {}: line {}: {}: {}", path.display(), row.line, row.column, row.reason).ok();
    }
    if parsed.suppliers.is_empty() && !parsed.errors.is_empty() {
        return Err(failed("no row could be read".to_owned()));
    }
    Ok(parsed.suppliers)
}

/// Reads to the end, but no more than the largest message.
async fn read_bounded(reader: impl AsyncRead + Unpin) -> io::Result<Bytes> {
    let mut octets = Vec::new();
    reader.take(MAX_MESSAGE_SIZE + 1).read_to_end(&mut octets).await?;
    if u64::try_from(octets.len()).is_ok_and(|length| length > MAX_MESSAGE_SIZE) {
        return Err(io::Error::other(format!("is larger than {MAX_MESSAGE_SIZE} octets")));
    }
    Ok(octets.into())
}
