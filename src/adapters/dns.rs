//! Name resolution: from the next hop's host name to addresses, and the resolver that sender authentication shares.
//!
//! Address literals and `localhost` never touch the resolver, and the resolver is made on first use: a machine
//! without DNS, or with a broken `resolv.conf`, still relays to a literal or a name of the hosts file. Answers are
//! cached by the resolver for their time to live. IPv4 is preferred because Exchange Online asks more of IPv6
//! senders; AAAA counts only where there is no A.

use crate::limits;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::RData;
use hickory_resolver::system_conf::read_system_conf;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::time::timeout;

/// Settings of name resolution.
#[derive(Clone, Debug)]
pub struct Options {
    /// Name servers; empty: those of the system's configuration.
    pub servers: Vec<SocketAddr>,
    /// One question to one server.
    pub query_timeout: Duration,
    /// A whole lookup: all servers, retries and, for an MX set, all exchanges.
    pub lookup_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            query_timeout: limits::DNS_QUERY_TIMEOUT,
            lookup_timeout: limits::DNS_LOOKUP_TIMEOUT,
        }
    }
}

/// Why a name gave no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DnsError {
    /// The name exists nowhere, or has neither addresses nor mail exchangers.
    #[error("the name has no address and no mail exchanger")]
    NoAddress,
    /// No server answered in time.
    #[error("no name server answered in time")]
    Timeout,
    /// The system's configuration can't be used, or the servers failed.
    #[error("name resolution failed ({0}); check the name servers")]
    Failed(String),
}

impl From<NetError> for DnsError {
    fn from(error: NetError) -> Self {
        match error {
            NetError::Timeout => Self::Timeout,
            error if error.is_no_records_found() => Self::NoAddress,
            error => Self::Failed(error.to_string()),
        }
    }
}

/// The resolver, made on first use.
#[derive(Debug, Default)]
pub struct Dns {
    options: Options,
    resolver: OnceCell<TokioResolver>,
}

impl Dns {
    /// Reads and opens nothing yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options, resolver: OnceCell::new() }
    }

    /// The shared resolver.
    ///
    /// # Errors
    /// [`DnsError::Failed`] when the system's configuration can't be read; the next call tries again.
    pub async fn resolver(&self) -> Result<&TokioResolver, DnsError> {
        self.resolver
            .get_or_try_init(|| async {
                let options = self.options.clone();
                // Reads resolv.conf and the hosts file.
                tokio::task::spawn_blocking(move || build(&options))
                    .await
                    .map_err(|_| DnsError::Failed("the resolver could not be started".to_owned()))?
            })
            .await
    }

    /// Addresses of a next hop in the order in which they are to be tried, at most
    /// [`limits::MAX_NEXT_HOP_ADDRESSES`]: of a literal itself, of a name its A records (else AAAA), of a name with
    /// neither the addresses of its mail exchangers by preference (RFC 5321 section 5.1).
    ///
    /// # Errors
    /// [`DnsError`]; the result is never empty.
    pub async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, DnsError> {
        let plain = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(literal) = plain.trim_start_matches("IPv6:").parse::<IpAddr>() {
            return Ok(vec![literal]);
        }
        if plain.trim_end_matches('.').eq_ignore_ascii_case("localhost") {
            return Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]);
        }
        let lookup = async {
            match self.resolver().await {
                Ok(resolver) => lookup_host(resolver, plain).await,
                // Nothing to ask, but the hosts file may know the name.
                Err(reason) => match serverless() {
                    Ok(hosts_only) => hosts_only_lookup(&hosts_only, plain).await.ok_or(reason),
                    Err(_) => Err(reason),
                },
            }
        };
        timeout(self.options.lookup_timeout, lookup).await.unwrap_or(Err(DnsError::Timeout))
    }
}

impl Dns {
    /// The TXT records of a name, each with its strings joined; at most [`limits::MAX_TXT_OCTETS`] in all.
    ///
    /// # Errors
    /// [`DnsError::NoAddress`] when there are none; the others as for addresses.
    pub async fn texts(&self, name: &str) -> Result<Vec<String>, DnsError> {
        let lookup = async {
            let answer =
                self.resolver().await?.txt_lookup(format!("{}.", name.trim_end_matches('.'))).await?;
            let mut left = limits::MAX_TXT_OCTETS;
            let mut texts = Vec::new();
            for record in answer.answers() {
                let RData::TXT(text) = &record.data else { continue };
                let octets: Vec<u8> = text.txt_data.iter().flat_map(|piece| piece.iter().copied()).collect();
                left = left.saturating_sub(octets.len());
                if left == 0 {
                    break;
                }
                texts.push(String::from_utf8_lossy(&octets).into_owned());
            }
            Ok(texts)
        };
        timeout(self.options.lookup_timeout, lookup).await.unwrap_or(Err(DnsError::Timeout))
    }
}

fn build(options: &Options) -> Result<TokioResolver, DnsError> {
    let (config, mut settings) = if options.servers.is_empty() {
        read_system_conf().map_err(DnsError::from)?
    } else {
        let servers = options.servers.iter().map(|address| {
            let mut server = NameServerConfig::udp_and_tcp(address.ip());
            for connection in &mut server.connections {
                connection.port = address.port();
            }
            server
        });
        (ResolverConfig::from_name_servers(servers.collect()), ResolverOpts::default())
    };
    settings.timeout = options.query_timeout;
    settings.ip_strategy = LookupIpStrategy::Ipv4thenIpv6;
    settings.try_tcp_on_error = true;
    settings.cache_size = limits::DNS_CACHE_ENTRIES;
    settings.positive_max_ttl = Some(limits::DNS_CACHE_TTL);
    settings.negative_max_ttl = Some(limits::DNS_CACHE_NEGATIVE_TTL);
    TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        .with_options(settings)
        .with_tls_config(without_roots()?)
        .build()
        .map_err(DnsError::from)
}

/// A resolver that can ask nobody: it knows the hosts file.
fn serverless() -> Result<TokioResolver, DnsError> {
    let mut settings = ResolverOpts::default();
    settings.ip_strategy = LookupIpStrategy::Ipv4thenIpv6;
    TokioResolver::builder_with_config(ResolverConfig::default(), TokioRuntimeProvider::default())
        .with_options(settings)
        .with_tls_config(without_roots()?)
        .build()
        .map_err(DnsError::from)
}

/// The resolver wants a TLS configuration although it asks over UDP and TCP only; its own default would need the
/// machine's certificate store, which a small container lacks.
fn without_roots() -> Result<rustls::ClientConfig, DnsError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| DnsError::Failed(error.to_string()))?;
    Ok(builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth())
}

async fn hosts_only_lookup(resolver: &TokioResolver, host: &str) -> Option<Vec<IpAddr>> {
    let found = resolver.lookup_ip(host).await.ok()?;
    let addresses: Vec<IpAddr> = found.iter().take(limits::MAX_NEXT_HOP_ADDRESSES).collect();
    (!addresses.is_empty()).then_some(addresses)
}

async fn lookup_host(resolver: &TokioResolver, host: &str) -> Result<Vec<IpAddr>, DnsError> {
    match addresses_of(resolver, host).await {
        Err(DnsError::NoAddress) => {}
        answer => return answer,
    }
    let answer = resolver.mx_lookup(host).await?;
    let mut exchanges: Vec<(u16, String)> = answer
        .answers()
        .iter()
        .filter_map(|record| match &record.data {
            RData::MX(mx) => Some((mx.preference, mx.exchange.to_ascii())),
            _ => None,
        })
        .collect();
    exchanges.sort();
    let mut addresses = Vec::new();
    let mut failure = DnsError::NoAddress;
    for (_, exchange) in exchanges.into_iter().take(limits::MAX_NEXT_HOP_ADDRESSES) {
        match addresses_of(resolver, &exchange).await {
            Ok(more) => addresses.extend(more),
            Err(error) => failure = error,
        }
        if addresses.len() >= limits::MAX_NEXT_HOP_ADDRESSES {
            break;
        }
    }
    addresses.truncate(limits::MAX_NEXT_HOP_ADDRESSES);
    if addresses.is_empty() { Err(failure) } else { Ok(addresses) }
}

async fn addresses_of(resolver: &TokioResolver, host: &str) -> Result<Vec<IpAddr>, DnsError> {
    let found = resolver.lookup_ip(host).await?;
    let addresses: Vec<IpAddr> = found.iter().take(limits::MAX_NEXT_HOP_ADDRESSES).collect();
    if addresses.is_empty() { Err(DnsError::NoAddress) } else { Ok(addresses) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn literals_and_localhost_need_no_resolver() {
        let dns =
            Dns::new(Options { servers: vec![SocketAddr::from(([127, 0, 0, 1], 1))], ..Options::default() });
        for (host, expected) in [
            ("192.0.2.7", "192.0.2.7"),
            ("[192.0.2.7]", "192.0.2.7"),
            ("2001:db8::7", "2001:db8::7"),
            ("[IPv6:2001:db8::7]", "2001:db8::7"),
            ("localhost", "127.0.0.1"),
            ("LOCALHOST.", "127.0.0.1"),
        ] {
            let expected: IpAddr = expected.parse().expect("an address");
            assert_eq!(dns.addresses(host).await, Ok(vec![expected]), "{host}");
        }
        assert!(!dns.resolver.initialized(), "nobody was asked");
    }

    #[tokio::test]
    async fn without_servers_the_hosts_file_still_answers() {
        let resolver = serverless().expect("needs neither servers nor certificates");
        assert_eq!(hosts_only_lookup(&resolver, "name.invalid").await, None);
        let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
        let line = hosts.lines().find(|line| line.starts_with("127.0.0.1"));
        if let Some(name) = line.and_then(|line| line.split_ascii_whitespace().nth(1)) {
            let found = hosts_only_lookup(&resolver, name).await.expect("the file knows it");
            assert!(found.contains(&IpAddr::V4(Ipv4Addr::LOCALHOST)), "{found:?}");
        }
    }

    #[tokio::test]
    async fn a_dead_name_server_is_an_error_within_the_deadline() {
        let dns = Dns::new(Options {
            servers: vec![SocketAddr::from(([127, 0, 0, 1], 1))],
            query_timeout: Duration::from_millis(200),
            lookup_timeout: Duration::from_secs(2),
        });
        let answer = dns.addresses("mail.sentra.example").await;
        assert!(
            matches!(answer, Err(DnsError::Timeout | DnsError::Failed(_) | DnsError::NoAddress)),
            "{answer:?}"
        );
    }
}
