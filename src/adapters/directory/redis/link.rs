//! The connections to Redis: one for commands, one for the subscription, whatever the topology.
//!
//! Nothing here retries for the caller: a failed command is told to the breaker, and the background connects anew. With
//! sentinels each connecting asks them which server is the master now, so that a fail-over is a lost connection like
//! any other.

use super::target::{Target, Topology};
use crate::limits;
use crate::ports::PortError;
use ::redis::aio::{ConnectionLike, MultiplexedConnection, PubSubSink, PubSubStream};
use ::redis::cluster::ClusterClient;
use ::redis::cluster_async::ClusterConnection;
use ::redis::cluster_routing::{RoutingInfo, SingleNodeRoutingInfo};
use ::redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionInfo, ErrorKind, FromRedisValue as _, Pipeline, RedisError,
    RedisFuture, RedisResult, Value,
};
use std::sync::{Mutex, PoisonError};
use tokio::time::timeout;

/// Where to connect, and what was learned since.
pub(super) struct Places {
    target: Target,
    /// Nodes of the cluster that the URL does not name.
    learned: Mutex<Vec<ConnectionInfo>>,
}

impl Places {
    pub(super) fn new(target: Target) -> Self {
        Self { target, learned: Mutex::default() }
    }

    pub(super) fn is_cluster(&self) -> bool {
        self.target.topology == Topology::Cluster
    }

    /// Connects for commands; has an answer to PING when it returns.
    pub(super) async fn connect(&self) -> RedisResult<Link> {
        let mut link = if self.is_cluster() {
            Link::Cluster(self.cluster()?.get_async_connection().await?)
        } else {
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(limits::REDIS_CONNECT_TIMEOUT))
                .set_response_timeout(Some(limits::REDIS_CONNECT_TIMEOUT));
            Link::One(self.client(0).await?.get_multiplexed_async_connection_with_config(&config).await?)
        };
        if let Link::Cluster(cluster) = &mut link {
            self.learn(cluster).await;
        } else {
            ::redis::cmd("PING").exec_async(&mut link).await?;
        }
        Ok(link)
    }

    /// Subscribes; a cluster passes announcements to all its nodes, so any will do: another at each attempt.
    pub(super) async fn subscribe(&self, attempt: usize, channel: &str) -> RedisResult<Subscription> {
        let mut subscription = self.client(attempt).await?.get_async_pubsub().await?;
        subscription.subscribe(channel).await?;
        let (control, news) = subscription.split();
        Ok(Subscription { control, news })
    }

    fn cluster(&self) -> RedisResult<ClusterClient> {
        let mut builder = ClusterClient::builder(self.nodes())
            .connection_timeout(limits::REDIS_CONNECT_TIMEOUT)
            .response_timeout(limits::REDIS_CONNECT_TIMEOUT)
            .retries(limits::REDIS_REDIRECTIONS)
            // Milliseconds: a message waits at most `limits::REDIS_TIMEOUT` in all.
            .min_retry_wait(10)
            .max_retry_wait(100);
        if let Some(certificates) = &self.target.certificates {
            builder = builder.certs(certificates.clone());
        }
        builder.build()
    }

    /// The server to talk to: the one of the URL, a node of the cluster, the sentinels' master.
    async fn client(&self, attempt: usize) -> RedisResult<Client> {
        if let Topology::Sentinel(master) = &self.target.topology {
            return self.master(master).await;
        }
        let nodes = self.nodes();
        let at = attempt.checked_rem(nodes.len()).unwrap_or(0);
        self.target.client(nodes.get(at).ok_or_else(|| nobody("there is no node"))?)
    }

    /// Asks the sentinels in turn; what they name counts only if it calls itself master.
    async fn master(&self, name: &str) -> RedisResult<Client> {
        let mut last = nobody("no sentinel answers");
        for sentinel in &self.target.nodes {
            let asked = timeout(limits::REDIS_SENTINEL_TIMEOUT, self.ask_sentinel(sentinel, name)).await;
            match asked.unwrap_or_else(|_| Err(nobody("a sentinel does not answer in time"))) {
                Ok(client) => return Ok(client),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn ask_sentinel(&self, sentinel: &ConnectionInfo, name: &str) -> RedisResult<Client> {
        let mut sentinel = self.target.client(sentinel)?.get_multiplexed_async_connection().await?;
        let mut question = ::redis::cmd("SENTINEL");
        question.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
        let answer: Option<(String, u16)> = question.query_async(&mut sentinel).await?;
        let (host, port) = answer.ok_or_else(|| nobody("the sentinels know no master of that name"))?;
        let client = self.target.client(&self.target.server(&host, port)?)?;
        let mut server = client.get_multiplexed_async_connection().await?;
        let role: Value = ::redis::cmd("ROLE").query_async(&mut server).await?;
        let role = match role {
            Value::Array(words) => words.into_iter().next().map(String::from_redis_value),
            _ => None,
        };
        match role {
            Some(Ok(role)) if role == "master" => Ok(client),
            _ => Err(nobody("the sentinels' master is none: a fail-over is under way")),
        }
    }

    fn nodes(&self) -> Vec<ConnectionInfo> {
        let learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        self.target.nodes.iter().chain(learned.iter()).cloned().collect()
    }

    /// Remembers the cluster's nodes, so that the ones of the URL may go. What can't be learned stays as it is.
    async fn learn(&self, cluster: &mut ClusterConnection) {
        let mut question = ::redis::cmd("CLUSTER");
        question.arg("SLOTS");
        let random = RoutingInfo::SingleNode(SingleNodeRoutingInfo::Random);
        let Ok(answer) = cluster.route_command(question, random).await else { return };
        let mut found: Vec<ConnectionInfo> = Vec::new();
        for (host, port) in addresses(answer) {
            let Ok(node) = self.target.server(&host, port) else { continue };
            let mut known = self.target.nodes.iter().chain(&found);
            if !known.any(|known| known.addr() == node.addr()) && found.len() < limits::MAX_REDIS_NODES {
                found.push(node);
            }
        }
        *self.learned.lock().unwrap_or_else(PoisonError::into_inner) = found;
    }
}

/// Every host and port in an answer to CLUSTER SLOTS: `[from, to, [host, port, …]…]…`.
fn addresses(slots: Value) -> Vec<(String, u16)> {
    let items = |value| match value {
        Value::Array(items) => items,
        _ => Vec::new(),
    };
    let nodes = items(slots).into_iter().flat_map(|range| items(range).into_iter().skip(2));
    let address = |node| {
        let mut words = items(node).into_iter();
        let host = String::from_redis_value(words.next()?).ok().filter(|host| !host.is_empty())?;
        Some((host, u16::from_redis_value(words.next()?).ok()?))
    };
    nodes.filter_map(address).collect()
}

fn nobody(detail: &'static str) -> RedisError {
    RedisError::from((ErrorKind::Io, detail))
}

/// A live subscription.
pub(super) struct Subscription {
    pub(super) control: PubSubSink,
    pub(super) news: PubSubStream,
}

/// The connection for commands; cheap to clone. Many tasks share it.
#[derive(Clone)]
pub(super) enum Link {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl ConnectionLike for Link {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::One(one) => one.req_packed_command(command),
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
            Self::One(one) => one.req_packed_commands(commands, offset, count),
            Self::Cluster(many) => many.req_packed_commands(commands, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::One(one) => one.get_db(),
            Self::Cluster(many) => many.get_db(),
        }
    }
}

/// A failure without the server's address, which may stand beside a password in the URL.
pub(super) fn away(error: &RedisError) -> PortError {
    PortError::Transient { what: "redis", detail: error.category().to_owned() }
}
