//! One session: the dialog of RFC 5321, one method per verb.

use super::Options;
use super::admission::{Admission, BytesInFlight, Place};
use super::command::{self, Command, Refused};
use super::connection::{Connection, Ended, Line};
use super::peer;
use super::receive::Chunks;
use super::tls::TlsReload;
use crate::model::{
    MailId, MailParameters, Peer, PeerStanding, Recipient, RecipientOutcome, RefusalReason, ReversePath,
    TlsInfo,
};
use crate::ports::{MailHandler, MailTransaction};
use crate::wire::reply::Reply;
use futures_util::FutureExt;
use metrics::counter;
use std::future::Future;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error};

/// What all sessions of a server share.
pub(super) struct Shared {
    pub(super) options: Options,
    pub(super) tls: TlsReload,
    pub(super) handler: Arc<dyn MailHandler>,
    pub(super) admission: Arc<Admission>,
    pub(super) bytes: BytesInFlight,
    /// No new commands.
    pub(super) shutdown: CancellationToken,
    /// No more content either.
    pub(super) cut: CancellationToken,
}

/// What a session has used up; it survives STARTTLS, unlike everything else.
struct Usage {
    commands: usize,
    transactions: usize,
    errors: usize,
    /// End of the session's life.
    deadline: Instant,
}

/// An open mail transaction.
pub(super) struct Transaction {
    pub(super) inner: Box<dyn MailTransaction>,
    pub(super) id: MailId,
    /// `SIZE=` of MAIL.
    pub(super) declared: Option<u64>,
    smtputf8: bool,
    /// RCPT commands so far, whatever became of them.
    pub(super) offered: usize,
    /// Present once BDAT began.
    pub(super) chunks: Option<Chunks>,
}

/// What comes after a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The next command.
    Next,
    /// The TLS handshake.
    StartTls,
    /// The end.
    Close,
}

/// One session between two resets by TLS: STARTTLS ends it, and a new one that knows nothing follows (RFC 3207 4.2).
pub(super) struct Session<'s> {
    pub(super) shared: &'s Shared,
    pub(super) connection: Connection,
    peer: Peer,
    /// EHLO or HELO was given.
    greeted: bool,
    pub(super) transaction: Option<Transaction>,
    usage: Usage,
}

/// Serves one connection to its end.
pub(super) async fn serve(
    shared: Arc<Shared>,
    stream: TcpStream,
    ip: IpAddr,
    implicit_tls: bool,
    place: Place,
) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "smtp TCP_NODELAY");
    }
    let mut connection = Connection::plain(stream, shared.options.reply_timeout);
    let mut tls = None;
    let mut usage = Usage {
        commands: 0,
        transactions: 0,
        errors: 0,
        deadline: Instant::now() + shared.options.session_lifetime,
    };
    if implicit_tls {
        let Some((encrypted, info)) = encrypt(&shared, connection, ip).await else { return };
        (connection, tls) = (encrypted, Some(info));
    }
    connection.reply(&Reply::greeting(&shared.options.hostname));
    loop {
        let standing = peer::standing(&shared.options, ip, tls.as_ref());
        let peer = Peer { ip, helo: String::new(), esmtp: false, tls: tls.take(), standing };
        let mut session =
            Session { shared: &shared, connection, peer, greeted: false, transaction: None, usage };
        let step = session.dialog().await;
        Session { connection, usage, .. } = session;
        if step != Step::StartTls {
            break;
        }
        let Some((encrypted, info)) = encrypt(&shared, connection, ip).await else { return };
        (connection, tls) = (encrypted, Some(info));
    }
    connection.close().await;
    drop(place);
}

/// The TLS handshake; a failed one ends the connection (RFC 3207 section 4.1 would let it go on in plain text, which
/// no peer of ours could use).
async fn encrypt(shared: &Shared, connection: Connection, ip: IpAddr) -> Option<(Connection, TlsInfo)> {
    let handshake = connection.start_tls(&shared.tls, shared.options.handshake_timeout);
    let result = tokio::select! {
        biased;
        () = shared.shutdown.cancelled() => return None,
        result = handshake => result,
    };
    result
        .inspect_err(|error| {
            counter!("sentra_smtp_rejected_total", "reason" => "tls_handshake").increment(1);
            debug!(peer.ip = %ip, %error, "smtp TLS handshake failed");
        })
        .ok()
}

/// Runs a call into the handler; a panic there costs that one answer, not the process.
pub(super) async fn guarded<T>(call: impl Future<Output = T>) -> Option<T> {
    AssertUnwindSafe(call)
        .catch_unwind()
        .await
        .inspect_err(|_| {
            counter!("sentra_panics_total", "place" => "smtp").increment(1);
            error!("mail handler panicked; the sender was told to try again");
        })
        .ok()
}

impl Session<'_> {
    /// Commands and replies until the end or STARTTLS.
    async fn dialog(&mut self) -> Step {
        loop {
            let shutdown = &self.shared.shutdown;
            let deadline = self.command_deadline();
            let line = tokio::select! {
                biased;
                () = shutdown.cancelled() => Err(Ended::ShuttingDown),
                line = self.connection.line(deadline) => line,
            };
            let step = match line {
                Ok(line) => self.line(line).await,
                Err(ended) => self.end(ended),
            };
            if step != Step::Next {
                return step;
            }
        }
    }

    /// A message that comes in chunks must be whole in its time, however chatty the peer is between them.
    fn command_deadline(&self) -> Instant {
        let deadline = self.usage.deadline.min(Instant::now() + self.shared.options.command_timeout);
        match self.transaction.as_ref().and_then(|transaction| transaction.chunks.as_ref()) {
            Some(chunks) => deadline.min(chunks.deadline),
            None => deadline,
        }
    }

    async fn line(&mut self, line: Line) -> Step {
        self.usage.commands += 1;
        if self.usage.commands > self.shared.options.max_commands {
            return self.used_up("commands");
        }
        let Line::Whole(line) = line else {
            // RFC 5321 4.5.3.1.4
            return self.refuse(&Reply::line_too_long());
        };
        match command::parse(&line, &self.shared.options.hostname) {
            Ok(command) => self.command(command).await,
            Err(Refused::Reply(reply)) => self.refuse(&reply),
            Err(Refused::ReplyAndClose(reply)) => {
                self.connection.reply(&reply);
                Step::Close
            }
        }
    }

    async fn command(&mut self, command: Command) -> Step {
        match command {
            Command::Hello { esmtp, argument } => self.hello(esmtp, argument),
            Command::StartTls => self.start_tls(),
            Command::Mail { reverse_path, parameters } => self.mail(reverse_path, parameters).await,
            Command::Recipient(recipient) => self.recipient(recipient).await,
            Command::Data => self.data().await,
            Command::Chunk { octets, last } => self.chunk(octets, last).await,
            Command::Reset => self.reset(),
            Command::Noop => self.answer(&Reply::ok()),
            Command::Verify => self.answer(&Reply::cannot_verify()),
            Command::Help => self.answer(&Reply::help()),
            Command::Quit => self.quit(),
        }
    }

    /// EHLO, HELO: RFC 5321 4.1.4, also resets.
    fn hello(&mut self, esmtp: bool, argument: String) -> Step {
        self.transaction = None;
        self.peer.helo = argument;
        self.peer.esmtp = esmtp;
        self.greeted = true;
        let options = &self.shared.options;
        let reply = if esmtp {
            Reply::ehlo(&options.hostname, options.max_message_size, self.peer.tls.is_none())
        } else {
            Reply::helo(&options.hostname)
        };
        self.answer(&reply)
    }

    /// STARTTLS, RFC 3207.
    fn start_tls(&mut self) -> Step {
        // RFC 3207 4.2: not inside TLS.
        if self.peer.tls.is_some() {
            return self.refuse(&Reply::already_tls());
        }
        self.connection.reply(&Reply::start_tls());
        Step::StartTls
    }

    /// MAIL, RFC 5321 4.1.1.2.
    async fn mail(&mut self, reverse_path: ReversePath, parameters: MailParameters) -> Step {
        if let Some(reply) = self.mail_refusal(&parameters) {
            return self.refuse(&reply);
        }
        self.usage.transactions += 1;
        if self.usage.transactions > self.shared.options.max_transactions {
            return self.used_up("transactions");
        }
        let (declared, smtputf8) = (parameters.size, parameters.smtputf8);
        let opened = guarded(self.shared.handler.open(&self.peer, reverse_path, parameters)).await;
        match opened.unwrap_or(Err(RefusalReason::LocalTrouble)) {
            Ok(inner) => {
                let id = inner.id();
                self.transaction =
                    Some(Transaction { inner, id, declared, smtputf8, offered: 0, chunks: None });
                self.answer(&Reply::sender_ok(id))
            }
            Err(reason) => self.refuse(&Reply::for_refusal(reason, None)),
        }
    }

    fn mail_refusal(&self, parameters: &MailParameters) -> Option<Reply> {
        // RFC 5321 4.1.4: a session starts with EHLO or HELO.
        if !self.greeted {
            return Some(Reply::bad_sequence("Send EHLO or HELO first"));
        }
        // RFC 3207 section 4: whoever is not trusted by address has to encrypt.
        if self.peer.standing != PeerStanding::Trusted && self.peer.tls.is_none() {
            return Some(Reply::tls_required());
        }
        // RFC 5321 4.1.4: no MAIL inside a transaction.
        if self.transaction.is_some() {
            return Some(Reply::bad_sequence("Nested MAIL command"));
        }
        let size = parameters.size.unwrap_or(0);
        // RFC 1870 6.1
        if size > self.shared.options.max_message_size {
            return Some(Reply::too_big());
        }
        // RFC 1870 6.1, second case: too big for what is free now. Nothing is reserved before content comes.
        (!self.shared.bytes.has_room_for(size)).then(Reply::no_room)
    }

    /// RCPT, RFC 5321 4.1.1.3.
    async fn recipient(&mut self, recipient: Recipient) -> Step {
        let max_recipients = self.shared.options.max_recipients;
        let refusal = match &self.transaction {
            // RFC 5321 4.1.4
            None => Some(Reply::bad_sequence("Send MAIL first")),
            // RFC 3030 section 2: recipients come before content.
            Some(transaction) if transaction.chunks.is_some() => {
                Some(Reply::bad_sequence("BDAT has begun, send more chunks or RSET"))
            }
            // RFC 5321 4.5.3.1.10
            Some(transaction) if transaction.offered >= max_recipients => {
                Some(Reply::for_refusal(RefusalReason::TooManyRecipients, Some(transaction.id)))
            }
            // RFC 6531 3.5
            Some(transaction) if !transaction.smtputf8 && !recipient.address.local().is_ascii() => {
                Some(Reply::needs_smtputf8())
            }
            Some(_) => None,
        };
        if let Some(reply) = refusal {
            return self.refuse(&reply);
        }
        let Some(transaction) = &mut self.transaction else { return Step::Next };
        transaction.offered += 1;
        let id = transaction.id;
        let Some(outcome) = guarded(transaction.inner.recipient(recipient)).await else {
            // Nobody knows in what state the panic left it.
            self.transaction = None;
            return self.answer(&Reply::for_refusal(RefusalReason::LocalTrouble, Some(id)));
        };
        let reply = Reply::for_recipient(&outcome, id);
        // Strangers who try addresses run out of errors. A next hop's refusals, and the many recipients that Exchange
        // Online brings over one session, are no sign of that.
        let counts = matches!(outcome, RecipientOutcome::Refused(_));
        if counts && self.peer.standing == PeerStanding::Unknown {
            self.connection.reply(&reply);
            self.count_error()
        } else {
            self.answer(&reply)
        }
    }

    /// RSET, RFC 5321 4.1.1.5.
    fn reset(&mut self) -> Step {
        self.transaction = None;
        self.answer(&Reply::ok())
    }

    /// QUIT, RFC 5321 4.1.1.10.
    fn quit(&mut self) -> Step {
        self.transaction = None;
        self.connection.reply(&Reply::bye());
        Step::Close
    }

    /// A reply that is no error of the peer's.
    pub(super) fn answer(&mut self, reply: &Reply) -> Step {
        self.connection.reply(reply);
        Step::Next
    }

    /// A refusal; a permanent one counts as error, and too many end the session (RFC 5321 7.8).
    pub(super) fn refuse(&mut self, reply: &Reply) -> Step {
        self.connection.reply(reply);
        if reply.is_permanent_failure() { self.count_error() } else { Step::Next }
    }

    fn count_error(&mut self) -> Step {
        self.usage.errors += 1;
        if self.usage.errors > self.shared.options.max_errors {
            return self.used_up("errors");
        }
        Step::Next
    }

    /// A message was taken: earlier errors are forgiven.
    pub(super) fn forgive(&mut self) {
        self.usage.errors = 0;
    }

    fn used_up(&mut self, limit: &'static str) -> Step {
        counter!("sentra_smtp_limits_total", "limit" => limit).increment(1);
        debug!(peer.ip = %self.peer.ip, limit, "smtp session used up");
        self.connection.reply(&Reply::session_used_up(&self.shared.options.hostname));
        Step::Close
    }

    /// The end that the peer did not ask for. What was open is given up at once, not after the farewell.
    pub(super) fn end(&mut self, ended: Ended) -> Step {
        self.transaction = None;
        let hostname = &self.shared.options.hostname;
        let (limit, reply) = match ended {
            Ended::Gone => return Step::Close,
            Ended::TimedOut => ("time", Reply::timed_out(hostname)),
            Ended::Endless => ("input", Reply::endless_input(hostname)),
            Ended::ShuttingDown => ("shutdown", Reply::shutting_down(hostname)),
        };
        counter!("sentra_smtp_limits_total", "limit" => limit).increment(1);
        self.connection.reply(&reply);
        Step::Close
    }
}
