//! The way on: one transaction with the organisation's next hop for each one with the sender.
//!
//! Read [`SmtpNextHop::open`] first, then `transaction`. Sessions are set up by `mail-send` (`dial`); commands,
//! replies and message content are ours (`connection`, `reply`, `wire::data_out`), because a relay must pass on
//! exact octets and exact codes. Connections rest in a pool of their organisation (`pool`) and are never shared.
//! `trouble` is the table of answers that mean "repair the configuration" instead of "refuse the message".

mod connection;
mod dial;
mod pool;
mod reply;
mod tls;
mod transaction;
mod trouble;
mod verbs;

use self::connection::{Connection, Route};
use self::pool::{OrgPool, Pools};
use self::tls::TlsConfigs;
pub use self::tls::TlsError;
use self::transaction::{BeginError, Opening, Owner, Transaction};
use super::dns::Dns;
use crate::limits;
use crate::model::{MailParameters, NextHopReply, Organisation, Recipient, ReversePath};
use crate::ports::{NextHop, OnwardError, OnwardTransaction};
use async_trait::async_trait;
use bytes::BytesMut;
use std::path::PathBuf;
use std::sync::{Arc, Once};
use std::time::Duration;

/// Reads replies out of octets that arrive in two pieces, until one is none: what `tests/fuzz` calls.
#[doc(hidden)]
#[must_use]
pub fn replies(octets: &[u8], cut: usize) -> Vec<NextHopReply> {
    let (first, second) = octets.split_at(cut.min(octets.len()));
    let (mut reader, mut buffer, mut found) = (reply::ReplyReader::default(), BytesMut::new(), Vec::new());
    for piece in [first, second] {
        buffer.extend_from_slice(piece);
        loop {
            match reader.advance(&mut buffer) {
                Ok(Some(reply)) => found.push(reply),
                Ok(None) => break,
                Err(_) => return found,
            }
        }
    }
    found
}

/// Settings of the way on; the defaults are those of [`limits`].
#[derive(Clone, Debug)]
pub struct Options {
    /// The name we give at EHLO: our own, with a matching PTR record.
    pub hostname: String,
    /// PEM file of roots trusted beside the public ones, for next hops with a private CA.
    pub roots: Option<PathBuf>,
    /// Transactions open at once towards one organisation's next hop.
    pub connections_per_organisation: usize,
    /// Waiting for one of them to become free.
    pub connection_wait: Duration,
    /// Messages over one connection.
    pub messages_per_connection: usize,
    /// Age of a connection.
    pub lifetime: Duration,
    /// Rest of a connection.
    pub idle: Duration,
    /// TCP connect to one address.
    pub connect_timeout: Duration,
    /// Greeting, EHLO and TLS with one address.
    pub setup_timeout: Duration,
    /// Answer to one command.
    pub command_timeout: Duration,
    /// The whole data phase: DATA, the content and the answer to its end.
    pub data_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            hostname: "localhost".to_owned(),
            roots: None,
            connections_per_organisation: limits::CONNECTIONS_PER_ORGANISATION,
            connection_wait: limits::CONNECTION_WAIT,
            messages_per_connection: limits::MESSAGES_PER_CONNECTION,
            lifetime: limits::CONNECTION_LIFETIME,
            idle: limits::CONNECTION_IDLE,
            connect_timeout: limits::CONNECT_TIMEOUT,
            setup_timeout: limits::NEXT_HOP_SETUP_TIMEOUT,
            command_timeout: limits::NEXT_HOP_COMMAND_TIMEOUT,
            data_timeout: limits::NEXT_HOP_DATA_TIMEOUT,
        }
    }
}

/// The next hops of all organisations over SMTP.
#[derive(Debug)]
pub struct SmtpNextHop {
    options: Arc<Options>,
    dns: Arc<Dns>,
    tls: Arc<TlsConfigs>,
    pools: Arc<Pools>,
    reaper: Once,
}

impl SmtpNextHop {
    /// Reads the extra roots; connects to nobody yet.
    ///
    /// # Errors
    /// [`TlsError`] when the extra roots can't be read.
    pub fn new(options: Options, dns: Arc<Dns>) -> Result<Self, TlsError> {
        let tls = Arc::new(TlsConfigs::new(options.roots.as_deref())?);
        Ok(Self { options: Arc::new(options), dns, tls, pools: Arc::default(), reaper: Once::new() })
    }

    /// The pool needs a runtime to be tidied on, which a constructor may not have.
    fn pool_of(&self, organisation: &Organisation) -> Arc<OrgPool> {
        self.reaper.call_once(|| {
            tokio::spawn(Pools::reap(Arc::downgrade(&self.pools), Arc::clone(&self.options)));
        });
        self.pools.of(organisation.id, self.options.connections_per_organisation)
    }

    async fn dial(&self, owner: &Owner, route: &Route) -> Result<Connection, OnwardError> {
        dial::dial(&self.options, &self.dns, &self.tls, owner.org, route)
            .await
            .map_err(|detail| owner.unavailable(detail))
    }
}

#[async_trait]
impl NextHop for SmtpNextHop {
    async fn open(
        &self,
        organisation: &Arc<Organisation>,
        reverse_path: &ReversePath,
        parameters: &MailParameters,
        first: &Recipient,
    ) -> Result<(Box<dyn OnwardTransaction>, NextHopReply), OnwardError> {
        let pool = self.pool_of(organisation);
        let host = organisation
            .next_hop
            .as_ref()
            .map_or_else(String::new, |hop| format!("{}:{}", hop.host, hop.port));
        let owner = Owner { org: organisation.id, host, pool, options: Arc::clone(&self.options) };
        let Some(hop) = &organisation.next_hop else {
            return Err(owner.unavailable("the organisation has no next hop; set one with `sentra org set`"));
        };
        let route = Route {
            host: hop.host.clone(),
            port: hop.port,
            tls: hop.tls,
            certificate: organisation.client_certificate.clone(),
        };
        let Some(permit) = owner.pool.permit(self.options.connection_wait).await else {
            return Err(owner.unavailable("all connections of this organisation are busy"));
        };
        let opening = Opening { reverse_path, parameters, first };
        if let Some(rested) = owner.pool.take(&route, &self.options) {
            match Transaction::begin(&owner, rested, opening).await {
                Ok((begun, reply)) => return Ok((Box::new(Transaction::new(owner, begun, permit)), reply)),
                Err(BeginError::Refused(error)) => return Err(error),
                // It died at rest and nothing was handed over: a fresh one takes its place.
                Err(BeginError::Dead(_)) => {}
            }
        }
        let fresh = self.dial(&owner, &route).await?;
        match Transaction::begin(&owner, fresh, opening).await {
            Ok((begun, reply)) => Ok((Box::new(Transaction::new(owner, begun, permit)), reply)),
            Err(BeginError::Refused(error)) => Err(error),
            Err(BeginError::Dead(detail)) => Err(owner.unavailable(detail)),
        }
    }
}
