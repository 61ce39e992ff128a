//! The SMTP envelope (RFC 5321), who handed it in, and the received octets.

use super::{Domain, EmailAddress, MailId};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;

/// RFC 5321 reverse-path; `None` is the null reverse-path `<>` of bounces and auto-replies.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReversePath(pub Option<EmailAddress>);

impl fmt::Display for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(address) => address.fmt(f),
            None => Ok(()),
        }
    }
}

/// `BODY=` of RFC 6152.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BodyType {
    /// `BODY=7BIT`
    SevenBit,
    /// `BODY=8BITMIME`
    EightBitMime,
}

/// `RET=` of RFC 3461.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DsnReturn {
    /// Whole message.
    Full,
    /// Headers only.
    Hdrs,
}

/// `NOTIFY=` of RFC 3461.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DsnNotify {
    /// `NEVER` (excludes the others).
    pub never: bool,
    /// `SUCCESS`
    pub success: bool,
    /// `FAILURE`
    pub failure: bool,
    /// `DELAY`
    pub delay: bool,
}

/// Parameters of MAIL FROM that we understand and pass on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailParameters {
    /// `SIZE=` in octets (RFC 1870), as declared.
    pub size: Option<u64>,
    /// `BODY=`
    pub body: Option<BodyType>,
    /// `SMTPUTF8` (RFC 6531)
    pub smtputf8: bool,
    /// `RET=`
    pub ret: Option<DsnReturn>,
    /// `ENVID=` as received (xtext, RFC 3461).
    pub envid: Option<String>,
}

/// One accepted or offered forward-path with its parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// The address as the sender wrote it: that is what goes onward.
    pub address: EmailAddress,
    /// `NOTIFY=`
    #[serde(default)]
    pub notify: Option<DsnNotify>,
    /// `ORCPT=` as received (`rfc822;…`, xtext).
    #[serde(default)]
    pub orcpt: Option<String>,
}

/// Reverse-path, parameters and forward-paths of one transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// Who a bounce would go to.
    pub reverse_path: ReversePath,
    /// Parameters of MAIL FROM.
    pub parameters: MailParameters,
    /// Recipients that were accepted, in order; never empty once a message is finished.
    pub recipients: Vec<Recipient>,
}

/// What TLS told us about a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsInfo {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: &'static str,
    /// IANA cipher suite name.
    pub cipher: String,
    /// Names of the client certificate, only if its chain verified against the trusted roots.
    pub client_names: Vec<Domain>,
}

/// How far the connection itself proves who the peer is (the tenant is proven later, by headers).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerStanding {
    /// Inside a configured `trust` range: no certificate, token or TLS asked for.
    Trusted,
    /// Exchange Online, by client certificate name and chain.
    ExchangeByCertificate,
    /// Exchange Online, by address range.
    ExchangeByRange,
    /// Nobody we know.
    Unknown,
}

/// The sending side of one SMTP session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub ip: IpAddr,
    /// The EHLO or HELO argument, as given (at most 255 octets, printable ASCII).
    pub helo: String,
    /// `ESMTP` after EHLO, `SMTP` after HELO.
    pub esmtp: bool,
    /// Present when the session is encrypted.
    pub tls: Option<TlsInfo>,
    /// What the connection proves.
    pub standing: PeerStanding,
}

/// A message as it was handed in: exact octets after SMTP framing was undone, nothing else changed.
#[derive(Clone)]
pub struct ReceivedMail {
    /// Our id of this transaction.
    pub id: MailId,
    /// The envelope with the accepted recipients.
    pub envelope: Envelope,
    /// Who handed it in.
    pub peer: Peer,
    /// Unix time in milliseconds at MAIL FROM.
    pub received_at_ms: i64,
    /// The octets: dot-unstuffed for DATA, verbatim for BDAT.
    pub octets: Bytes,
    /// Arrived by BDAT and holds a CR or LF outside CRLF: may go onward by BDAT only.
    pub bare_newlines: bool,
}

impl fmt::Debug for ReceivedMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReceivedMail({}, {} octets)", self.id, self.octets.len())
    }
}
