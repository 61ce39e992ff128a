//! One open transaction with the next hop (RFC 5321 section 3.3).

use super::Options;
use super::connection::{Connection, ConnectionError};
use super::pool::OrgPool;
use super::trouble::{code_text, configuration_trouble, is_too_large};
use super::verbs;
use crate::model::{MailParameters, NextHopReply, OrgId, Recipient, RefusalReason, ReversePath};
use crate::ports::{NextHopCapabilities, OnwardError, OnwardTransaction};
use crate::wire::data_out::{self, DataContent};
use async_trait::async_trait;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

/// After a failed write the next hop may have said why; it is given this long.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// RSET only saves the next message a connection: a next hop that is slower than this is left.
const RESET_WAIT: Duration = Duration::from_secs(5);

/// Who a transaction belongs to: for pooling, errors and alarms.
#[derive(Clone, Debug)]
pub(super) struct Owner {
    /// The organisation.
    pub org: OrgId,
    /// Host and port, for errors.
    pub host: String,
    /// Its connections.
    pub pool: Arc<OrgPool>,
    /// Settings.
    pub options: Arc<Options>,
}

impl Owner {
    /// Trouble that a person may have to repair: an alarm and 451 for the sender.
    pub(super) fn unavailable(&self, detail: impl Into<String>) -> OnwardError {
        let detail = detail.into();
        if self.pool.may_alarm() {
            tracing::error!(org.id = %self.org, next_hop.host = %self.host, detail, "next hop unavailable");
        } else {
            tracing::debug!(org.id = %self.org, next_hop.host = %self.host, detail, "next hop unavailable");
        }
        OnwardError::Unavailable { host: self.host.clone(), detail }
    }

    fn uncertain(&self, detail: impl Into<String>) -> OnwardError {
        let detail = detail.into();
        tracing::warn!(org.id = %self.org, next_hop.host = %self.host, detail, "fate of a message is unknown");
        OnwardError::Uncertain { host: self.host.clone(), detail }
    }

    /// Passes a reply on unless it speaks of configuration.
    fn mirror(&self, verb: &str, reply: NextHopReply) -> Result<NextHopReply, OnwardError> {
        match configuration_trouble(&reply) {
            Some(remedy) => {
                Err(self.unavailable(format!("answered {} to {verb}: {remedy}", code_text(&reply))))
            }
            None if reply.code / 100 == 3 => {
                Err(self.unavailable(format!("answered {} to {verb}, which is no answer to it", reply.code)))
            }
            None => Ok(reply),
        }
    }
}

/// Why a transaction did not begin.
#[derive(Debug)]
pub(super) enum BeginError {
    /// The connection is dead; nothing was said about the transaction. A fresh one may do.
    Dead(String),
    /// Said about the transaction.
    Refused(OnwardError),
}

impl From<ConnectionError> for BeginError {
    fn from(error: ConnectionError) -> Self {
        Self::Dead(error.to_string())
    }
}

/// The transaction; dropping it closes the connection.
pub(super) struct Transaction {
    owner: Owner,
    /// Gone after a failure: nothing more can be said.
    connection: Option<Connection>,
    capabilities: NextHopCapabilities,
    utf8: bool,
    /// MAIL was refused for the message's size: every recipient gets this answer.
    too_large: Option<NextHopReply>,
    _permit: OwnedSemaphorePermit,
}

/// What `MAIL` and the first `RCPT` are made of.
#[derive(Clone, Copy)]
pub(super) struct Opening<'a> {
    /// Reverse-path.
    pub reverse_path: &'a ReversePath,
    /// Parameters of MAIL.
    pub parameters: &'a MailParameters,
    /// First recipient.
    pub first: &'a Recipient,
}

impl Opening<'_> {
    /// `MAIL`, `RCPT` and whether the transaction is an SMTPUTF8 one.
    fn commands(&self, next_hop: NextHopCapabilities) -> Result<(String, String, bool), RefusalReason> {
        let mail = verbs::mail(self.reverse_path, self.parameters, next_hop)?;
        let utf8 = mail.contains(" SMTPUTF8");
        let rcpt = verbs::rcpt(self.first, utf8, next_hop)?;
        Ok((mail, rcpt, utf8))
    }
}

impl Transaction {
    /// Says MAIL and the first RCPT, in one write where the next hop takes it.
    ///
    /// # Errors
    /// [`BeginError`]; the permit is given back with a refusal and by `permit` staying with the caller otherwise.
    pub(super) async fn begin(
        owner: &Owner,
        mut connection: Connection,
        opening: Opening<'_>,
    ) -> Result<(Begun, NextHopReply), BeginError> {
        let capabilities = connection.capabilities();
        let (mut commands, rcpt, utf8) = match opening.commands(capabilities) {
            Ok(commands) => commands,
            Err(reason) => {
                // Nothing was said over it.
                owner.pool.put(connection, &owner.options);
                return Err(BeginError::Refused(OnwardError::NotExpressible(reason)));
            }
        };
        let wait = owner.options.command_timeout;
        if capabilities.pipelining {
            commands.push_str(&rcpt);
        }
        connection.write(commands.as_bytes(), wait).await?;
        let mail = connection.reply(wait).await?;
        if mail.code == 421 {
            return Err(BeginError::Dead(format!("answered {} to MAIL", code_text(&mail))));
        }
        if !mail.is_positive() {
            return refused_at_mail(owner, connection, mail).await;
        }
        if !capabilities.pipelining {
            connection.write(rcpt.as_bytes(), wait).await?;
        }
        let reply = connection.reply(wait).await?;
        if reply.code == 421 {
            return Err(BeginError::Dead(format!("answered {} to RCPT", code_text(&reply))));
        }
        let reply = owner.mirror("RCPT", reply).map_err(BeginError::Refused)?;
        Ok((Begun { connection, utf8, too_large: None }, reply))
    }

    /// Makes the transaction of what has begun.
    #[must_use]
    pub(super) fn new(owner: Owner, begun: Begun, permit: OwnedSemaphorePermit) -> Self {
        let capabilities = begun.connection.capabilities();
        Self {
            owner,
            connection: Some(begun.connection),
            capabilities,
            utf8: begun.utf8,
            too_large: begun.too_large,
            _permit: permit,
        }
    }

    fn gone(&self) -> OnwardError {
        self.owner.unavailable("the connection of this transaction was lost before")
    }

    /// Whether the content can go over this connection as it is.
    fn is_expressible(&self, segments: &[Bytes], bare_newlines: bool) -> Result<(), OnwardError> {
        if !self.capabilities.eight_bit_mime && data_out::is_eight_bit(segments) {
            return Err(OnwardError::NotExpressible(RefusalReason::EightBitUndeliverable));
        }
        if !self.capabilities.chunking && (bare_newlines || DataContent::new(segments).is_err()) {
            return Err(OnwardError::NotExpressible(RefusalReason::BareNewlineUndeliverable));
        }
        Ok(())
    }

    /// RSET, and to rest if it was understood.
    async fn reset(&mut self) {
        if let Some(mut connection) = self.connection.take() {
            let wait = RESET_WAIT.min(self.owner.options.command_timeout);
            let answer = connection.command(b"RSET\r\n", wait).await;
            if answer.is_ok_and(|reply| reply.is_positive()) {
                self.owner.pool.put(connection, &self.owner.options);
            }
        }
    }

    /// The data phase, on a task of its own: whoever waits for it may give up, the exchange itself never stops
    /// half-way.
    async fn deliver(mut self, segments: Vec<Bytes>) -> Result<NextHopReply, OnwardError> {
        let Some(mut connection) = self.connection.take() else { return Err(self.gone()) };
        let options = &self.owner.options;
        // The sender waits: one budget for the whole phase, not one for each step of it.
        let deadline = Instant::now() + options.data_timeout;
        let left = || deadline.saturating_duration_since(Instant::now());
        let written = if self.capabilities.chunking {
            let command = data_out::bdat_command(&segments);
            let pieces = data_out::bdat(&command, &segments);
            connection.write_content(pieces, options.command_timeout, left()).await
        } else {
            let answer = connection.command(b"DATA\r\n", options.command_timeout.min(left())).await;
            let answer = answer.map_err(|error| self.owner.unavailable(format!("{error} at DATA")))?;
            if answer.code != 354 {
                self.connection = Some(connection);
                return self.refused_data(answer).await;
            }
            let content = DataContent::new(&segments)
                .map_err(|_| OnwardError::NotExpressible(RefusalReason::BareNewlineUndeliverable))?;
            connection.write_content(content.wire(), options.command_timeout, left()).await
        };
        if let Err(error) = written {
            return self.cut_short(connection, &error).await;
        }
        let reply =
            connection.reply(left()).await.map_err(|error| self.owner.uncertain(error.to_string()))?;
        if reply.code / 100 == 3 {
            return Err(self.owner.uncertain(format!("answered {} to the end of data", reply.code)));
        }
        connection.count_message();
        self.connection = Some(connection);
        if reply.is_positive() {
            if let Some(connection) = self.connection.take() {
                self.owner.pool.put(connection, &self.owner.options);
            }
            return Ok(reply);
        }
        self.refused_data(reply).await
    }

    /// The message was refused: nothing of it stays there, and the connection is cleaned.
    async fn refused_data(mut self, reply: NextHopReply) -> Result<NextHopReply, OnwardError> {
        if reply.is_positive() {
            // 2xx to DATA: whoever says so believes to have got a message, or none; both are wrong.
            return Err(self.owner.unavailable(format!("answered {} to DATA", reply.code)));
        }
        if reply.code != 421 {
            self.reset().await;
        }
        self.owner.mirror("the data", reply)
    }

    /// The content could not be written to its end, so the next hop can't have taken it. It may have said why.
    async fn cut_short(
        self,
        mut connection: Connection,
        error: &ConnectionError,
    ) -> Result<NextHopReply, OnwardError> {
        match connection.reply(LAST_WORDS).await {
            Ok(reply) if !reply.is_positive() => self.owner.mirror("the data", reply),
            _ => Err(self.owner.unavailable(format!("{error} while the data was sent"))),
        }
    }
}

/// What [`Transaction::begin`] leaves.
pub(super) struct Begun {
    connection: Connection,
    utf8: bool,
    too_large: Option<NextHopReply>,
}

async fn refused_at_mail(
    owner: &Owner,
    mut connection: Connection,
    mail: NextHopReply,
) -> Result<(Begun, NextHopReply), BeginError> {
    if !is_too_large(&mail) {
        let remedy = configuration_trouble(&mail).unwrap_or("the next hop does not take mail from us");
        let detail = format!("answered {} to MAIL: {remedy}", code_text(&mail));
        return Err(BeginError::Refused(owner.unavailable(detail)));
    }
    if connection.capabilities().pipelining {
        // The answer to the RCPT that was sent along.
        connection.reply(owner.options.command_timeout).await?;
    }
    Ok((Begun { connection, utf8: false, too_large: Some(mail.clone()) }, mail))
}

#[async_trait]
impl OnwardTransaction for Transaction {
    fn capabilities(&self) -> NextHopCapabilities {
        self.capabilities
    }

    async fn recipient(&mut self, recipient: &Recipient) -> Result<NextHopReply, OnwardError> {
        if let Some(reply) = &self.too_large {
            return Ok(reply.clone());
        }
        let line =
            verbs::rcpt(recipient, self.utf8, self.capabilities).map_err(OnwardError::NotExpressible)?;
        // Taken out: if this future is dropped half-way, the connection goes with it.
        let Some(mut connection) = self.connection.take() else { return Err(self.gone()) };
        let wait = self.owner.options.command_timeout;
        let reply = connection
            .command(line.as_bytes(), wait)
            .await
            .map_err(|error| self.owner.unavailable(format!("{error} at RCPT")))?;
        if reply.code != 421 {
            self.connection = Some(connection);
        }
        self.owner.mirror("RCPT", reply)
    }

    async fn send(
        self: Box<Self>,
        segments: &[Bytes],
        bare_newlines: bool,
    ) -> Result<NextHopReply, OnwardError> {
        if let Some(reply) = &self.too_large {
            return Ok(reply.clone());
        }
        if let Err(error) = self.is_expressible(segments, bare_newlines) {
            self.abandon().await;
            return Err(error);
        }
        let owner = self.owner.clone();
        let segments = segments.to_vec();
        match tokio::spawn(self.deliver(segments)).await {
            Ok(result) => result,
            Err(_) => Err(owner.uncertain("the sending task ended early")),
        }
    }

    async fn abandon(mut self: Box<Self>) {
        self.reset().await;
    }
}
