//! From a route to an established session: addresses, TCP, greeting, EHLO and STARTTLS, by `mail-send`.

use super::Options;
use super::connection::{Connection, Route, Stream};
use super::tls::TlsConfigs;
use crate::adapters::dns::Dns;
use crate::limits;
use crate::model::{NextHopTls, OrgId};
use crate::ports::NextHopCapabilities;
use mail_send::SmtpClient;
use mail_send::smtp::AssertReply;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

const EXT_8BIT_MIME: u32 = 1 << 0;
const EXT_CHUNKING: u32 = 1 << 6;
const EXT_DSN: u32 = 1 << 10;
const EXT_PIPELINING: u32 = 1 << 19;
const EXT_SIZE: u32 = 1 << 22;
const EXT_SMTP_UTF8: u32 = 1 << 23;
const EXT_START_TLS: u32 = 1 << 24;

/// Tries the next hop's addresses in order until one gives a session.
///
/// # Errors
/// What happened at the last address tried, in words for the log.
pub(super) async fn dial(
    options: &Options,
    dns: &Dns,
    tls: &Arc<TlsConfigs>,
    org: OrgId,
    route: &Route,
) -> Result<Connection, String> {
    let trying = async {
        let connector = match route.tls {
            NextHopTls::None => None,
            NextHopTls::Required | NextHopTls::Opportunistic => {
                let (tls, route) = (Arc::clone(tls), route.clone());
                // Reads the certificate's files.
                let made = tokio::task::spawn_blocking(move || tls.connector(org, &route)).await;
                Some(made.map_err(|_| "TLS could not be prepared".to_owned())?.map_err(|e| e.to_string())?)
            }
        };
        let addresses = dns.addresses(&route.host).await.map_err(|error| error.to_string())?;
        let mut failure = "has no address".to_owned();
        for address in addresses.into_iter().take(limits::MAX_NEXT_HOP_ADDRESSES) {
            let address = SocketAddr::new(address, route.port);
            match session(options, address, connector.as_ref(), route).await {
                Ok(connection) => return Ok(connection),
                Err(error) => failure = format!("{error} ({})", address.ip()),
            }
        }
        Err(failure)
    };
    timeout(limits::NEXT_HOP_DIAL_TIMEOUT, trying)
        .await
        .unwrap_or_else(|_| Err("no address gave a session in time".to_owned()))
}

async fn session(
    options: &Options,
    address: SocketAddr,
    connector: Option<&TlsConnector>,
    route: &Route,
) -> Result<Connection, String> {
    let mut client = SmtpClient::connect(address, options.connect_timeout).await.map_err(words)?;
    client.stream.set_nodelay(true).map_err(|error| error.to_string())?;
    client.timeout = options.setup_timeout;
    timeout(options.setup_timeout, set_up(options, client, connector, route))
        .await
        .unwrap_or_else(|_| Err("did not complete greeting, EHLO and TLS in time".to_owned()))
}

async fn set_up(
    options: &Options,
    mut client: SmtpClient<TcpStream>,
    connector: Option<&TlsConnector>,
    route: &Route,
) -> Result<Connection, String> {
    client.read().await.and_then(AssertReply::into_positive_completion).map_err(words)?;
    let hello = client.ehlo(&options.hostname).await.map_err(words)?;
    let offered = hello.has_capability(EXT_START_TLS);
    if route.tls == NextHopTls::Required && !offered {
        return Err("offers no STARTTLS, and this organisation requires TLS".to_owned());
    }
    let (stream, hello) = match connector.filter(|_| offered) {
        None => (Stream::Plain(client.stream), hello),
        Some(connector) => {
            let name = route.host.trim_matches(['.', '[', ']']);
            let mut client = client.start_tls(connector, name).await.map_err(words)?;
            // RFC 3207 section 4.2: what was said before TLS is forgotten.
            let hello = client.ehlo(&options.hostname).await.map_err(words)?;
            (Stream::Tls(Box::new(client.stream)), hello)
        }
    };
    let has = |capability| hello.has_capability(capability);
    let capabilities = NextHopCapabilities {
        pipelining: has(EXT_PIPELINING),
        chunking: has(EXT_CHUNKING),
        eight_bit_mime: has(EXT_8BIT_MIME),
        smtputf8: has(EXT_SMTP_UTF8),
        dsn: has(EXT_DSN),
        size: has(EXT_SIZE).then(|| u64::try_from(hello.size).unwrap_or(0)),
    };
    Ok(Connection::new(stream, capabilities, route.clone()))
}

/// Words for the log: code, never the reply's text.
fn words(error: mail_send::Error) -> String {
    match error {
        mail_send::Error::UnexpectedReply(reply) => {
            format!("answered {} at greeting, EHLO or STARTTLS", reply.code)
        }
        mail_send::Error::UnparseableReply => {
            "closed the connection or answered what is no SMTP reply".to_owned()
        }
        mail_send::Error::Timeout => "did not answer in time".to_owned(),
        mail_send::Error::Io(error) => format!("connection failed: {error}"),
        mail_send::Error::Tls(error) => format!("TLS failed: {error}"),
        mail_send::Error::InvalidTLSName => "the host is no name that a certificate could prove".to_owned(),
        _ => "the session could not be set up".to_owned(),
    }
}
