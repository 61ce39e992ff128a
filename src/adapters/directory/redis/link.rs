//! One server or a cluster, behind one command connection and one subscription.

use crate::limits;
use crate::ports::PortError;
use ::redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig, PubSubSink, PubSubStream};
use ::redis::cluster::ClusterClient;
use ::redis::cluster_async::ClusterConnection;
use ::redis::{Client, Cmd, Pipeline, RedisFuture, RedisResult, Value};
use secrecy::{ExposeSecret as _, SecretString};

/// Nodes of a cluster that may be named; the others are found through them.
const MAX_NODES: usize = 64;

/// Where Redis is.
pub(super) struct Urls {
    nodes: Vec<SecretString>,
    cluster: bool,
}

impl Urls {
    /// Splits `redis-cluster://user:password@a:1,b:2` into a URL a node.
    pub(super) fn parse(urls: &[SecretString]) -> Result<Self, PortError> {
        let mut nodes = Vec::new();
        let mut cluster = urls.len() > 1;
        for url in urls {
            let url = url.expose_secret().trim();
            let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
            let Some(plain) = scheme.strip_suffix("-cluster") else {
                nodes.push(SecretString::from(url));
                continue;
            };
            cluster = true;
            let (user, hosts) =
                rest.rsplit_once('@').map_or((None, rest), |(user, hosts)| (Some(user), hosts));
            for host in hosts.trim_end_matches('/').split(',').take(MAX_NODES) {
                let node = match user {
                    Some(user) => format!("{plain}://{user}@{}", host.trim()),
                    None => format!("{plain}://{}", host.trim()),
                };
                nodes.push(SecretString::from(node));
            }
        }
        for node in &nodes {
            Client::open(node.expose_secret()).map_err(|error| unusable(&error))?;
        }
        if nodes.is_empty() {
            return Err(PortError::Permanent { what: "redis", detail: "there is no URL".to_owned() });
        }
        Ok(Self { nodes, cluster })
    }

    /// Subscribes at one of the nodes (a cluster passes announcements to all of them), another at each attempt.
    pub(super) async fn subscribe(&self, attempt: u64, channel: &str) -> RedisResult<Subscription> {
        let count = u64::try_from(self.nodes.len()).unwrap_or(1).max(1);
        let at = usize::try_from(attempt.checked_rem(count).unwrap_or(0)).unwrap_or(0);
        let url = self.nodes.get(at).map_or("", |node| node.expose_secret());
        let mut subscription = Client::open(url)?.get_async_pubsub().await?;
        subscription.subscribe(channel).await?;
        let (control, news) = subscription.split();
        Ok(Subscription { control, news })
    }
}

/// A live subscription.
pub(super) struct Subscription {
    pub(super) control: PubSubSink,
    pub(super) news: PubSubStream,
}

/// The connection for commands; reconnects by itself.
#[derive(Clone)]
pub(super) enum Link {
    Single(ConnectionManager),
    Cluster(ClusterConnection),
}

impl Link {
    /// Prepares the connection without waiting for it.
    pub(super) fn open(urls: &Urls) -> Result<Self, PortError> {
        let nodes = urls.nodes.iter().map(|node| node.expose_secret());
        if urls.cluster {
            let client = ClusterClient::builder(nodes)
                .connection_timeout(limits::REDIS_CONNECT_TIMEOUT)
                .response_timeout(limits::REDIS_CONNECT_TIMEOUT)
                .retries(1)
                .build();
            let client = client.map_err(|error| unusable(&error))?;
            return Ok(Self::Cluster(client.get_pending_async_connection_with_config(Default::default())));
        }
        let url = nodes.into_iter().next().unwrap_or_default();
        let client = Client::open(url).map_err(|error| unusable(&error))?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(limits::REDIS_CONNECT_TIMEOUT))
            .set_response_timeout(Some(limits::REDIS_CONNECT_TIMEOUT))
            .set_number_of_retries(1);
        let manager =
            ConnectionManager::new_lazy_with_config(client, config).map_err(|error| unusable(&error))?;
        Ok(Self::Single(manager))
    }
}

impl ConnectionLike for Link {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Single(one) => one.req_packed_command(command),
            Self::Cluster(many) => many.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        commands: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Single(one) => one.req_packed_commands(commands, offset, count),
            Self::Cluster(many) => many.req_packed_commands(commands, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Single(one) => one.get_db(),
            Self::Cluster(many) => many.get_db(),
        }
    }
}

fn unusable(error: &::redis::RedisError) -> PortError {
    let detail = format!(
        "the URL is not usable ({}): write redis://host:port, rediss://host:port or redis-cluster://a:port,b:port",
        error.category()
    );
    PortError::Permanent { what: "redis", detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        type Row<'a> = (&'a str, &'a [&'a str], Option<(&'a [&'a str], bool)>);
        let rows: [Row<'_>; 6] = [
            ("one", &["redis://a:1"], Some((&["redis://a:1"], false))),
            ("tls", &["rediss://u:p@a:1"], Some((&["rediss://u:p@a:1"], false))),
            (
                "cluster",
                &["redis-cluster://u:p@a:1,b:2/"],
                Some((&["redis://u:p@a:1", "redis://u:p@b:2"], true)),
            ),
            ("several", &["redis://a:1", "redis://b:2"], Some((&["redis://a:1", "redis://b:2"], true))),
            ("wrong", &["http://secret@a"], None),
            ("none", &[], None),
        ];
        for (name, urls, want) in rows {
            let urls: Vec<SecretString> = urls.iter().map(|url| SecretString::from(*url)).collect();
            match (Urls::parse(&urls), want) {
                (Ok(urls), Some((nodes, cluster))) => {
                    assert_eq!(
                        urls.nodes.iter().map(|n| n.expose_secret()).collect::<Vec<_>>(),
                        nodes,
                        "{name}"
                    );
                    assert_eq!(urls.cluster, cluster, "{name}");
                }
                (Err(error), None) => assert!(!error.to_string().contains("secret"), "{name}"),
                (got, _) => panic!("{name}: {}", got.is_ok()),
            }
        }
    }
}
