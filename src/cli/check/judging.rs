//! One file through the stages.

use super::{CheckArgs, Trouble, seams};
use crate::adapters::clock::{SystemClock, UlidSource};
use crate::adapters::directory::memory::MemoryDirectory;
use crate::evidence::Sources;
use crate::gateway::{Inspection, Inspector};
use crate::limits::{MAX_MESSAGE_SIZE, MAX_RECIPIENTS};
use crate::message;
use crate::model::{
    Account, EmailAddress, Envelope, Evidence, Facts, FailPolicy, MailId, MailParameters, Message, OrgId,
    Organisation, Peer, PeerStanding, ProtectedMailbox, ReceivedMail, Recipient, ReversePath, StageTimings,
    Verdict, is_free_mail,
};
use crate::ports::{Clock, IdSource};
use crate::rules::RuleSet;
use arc_swap::ArcSwap;
use bytes::Bytes;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::Semaphore;

/// What all files of a run share.
pub(super) struct Setup {
    inspector: Inspector,
    organisation: Arc<Organisation>,
    ids: UlidSource,
    clock: SystemClock,
}

/// A judged message.
pub(super) struct Judged {
    pub(super) mail: ReceivedMail,
    pub(super) evidence: Evidence,
    pub(super) facts: Facts,
    pub(super) verdict: Verdict,
    pub(super) timings: StageTimings,
}

impl Setup {
    pub(super) async fn new(
        args: &CheckArgs,
        own: &[Account],
        mailboxes: Vec<EmailAddress>,
        err: &mut dyn Write,
    ) -> Result<Self, Trouble> {
        let rules = RuleSet::load(args.rules.as_deref()).map_err(|error| {
            Trouble::failed(error.to_string(), "correct the rule file, or leave --rules out")
        })?;
        let ids = UlidSource::new();
        let name = args.org.clone().unwrap_or_else(|| "check".to_owned());
        let records = match &args.suppliers {
            Some(path) => read_suppliers(path, err).await?,
            None => Vec::new(),
        };
        let directory = MemoryDirectory::new(&records, own, &name);
        let sources = Sources { auth: seams::sender_auth(args.auth), directory: Arc::new(directory) };
        let organisation = Arc::new(organisation(OrgId(ids.ulid()), name, args, mailboxes));
        let inspector = Inspector {
            sources,
            rules: Arc::new(ArcSwap::from_pointee(rules)),
            blocking: Arc::new(Semaphore::new(1)),
        };
        Ok(Self { inspector, organisation, ids, clock: SystemClock })
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

    async fn judge(&self, octets: Bytes) -> Judged {
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

fn organisation(id: OrgId, name: String, args: &CheckArgs, mailboxes: Vec<EmailAddress>) -> Organisation {
    let mut domains: Vec<_> = mailboxes.iter().map(|address| address.domain().clone()).collect();
    domains.retain(|domain| !is_free_mail(domain));
    domains.sort_unstable();
    domains.dedup();
    Organisation {
        id,
        name,
        mode: args.mode.into(),
        tenant_id: None,
        domains,
        mailboxes: mailboxes
            .into_iter()
            .map(|address| ProtectedMailbox { address, aliases: Vec::new() })
            .collect(),
        executives: Vec::new(),
        admin_emails: Vec::new(),
        next_hop: None,
        ingress_tokens: Vec::new(),
        return_token: None,
        client_certificate: None,
        fail_policy: FailPolicy::Defer,
        subject_prefix: None,
        directory_generation: 0,
    }
}

async fn read_suppliers(
    path: &Path,
    err: &mut dyn Write,
) -> Result<Vec<crate::model::SupplierRecord>, Trouble> {
    let help = "give a supplier file as `sentra suppliers export` writes it";
    let bytes = tokio::fs::read(path)
        .await
        .map_err(|error| Trouble::failed(format!("{}: {error}", path.display()), help))?;
    let (records, complaints) = seams::load_directory(&bytes);
    for complaint in &complaints {
        // Rows that are wrong are left out; who closed standard error does not want to know.
        writeln!(err, "warning: {}: {complaint}", path.display()).ok();
    }
    if records.is_empty() && !complaints.is_empty() {
        return Err(Trouble::failed(format!("{}: no row could be read", path.display()), help));
    }
    Ok(records)
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
