//! What goes on beside the messages: keeping the connection, listening to news, writing answers back.

use super::link::{Link, Subscription};
use super::{CHANNEL, Put, Shared, Write, generation_key};
use crate::limits;
use crate::model::OrgId;
use futures_util::StreamExt as _;
use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

/// Connects whenever there is no connection that answers, and asks for the organisations whose node failed.
pub(super) async fn keep_connected(shared: Arc<Shared>) {
    let mut pause = limits::REDIS_RETRY_FIRST;
    loop {
        if !shared.breaker.is_connected() {
            connect(&shared, &mut pause).await;
        }
        let connected = Instant::now();
        shared.breaker.failure().await;
        if shared.breaker.is_connected() {
            resume(&shared).await;
        }
        if connected.elapsed() > limits::REDIS_RETRY_MAX {
            pause = limits::REDIS_RETRY_FIRST;
        }
        // One that accepts connections and refuses commands must not be connected to in a circle.
        sleep(pause).await;
    }
}

async fn connect(shared: &Shared, pause: &mut Duration) {
    let mut told = false;
    loop {
        let limit = limits::REDIS_CONNECT_TIMEOUT.saturating_mul(2);
        let why = match timeout(limit, shared.places.connect()).await {
            Ok(Ok(link)) => {
                shared.link.send_replace(Some(link));
                shared.breaker.close();
                tracing::info!("redis answers");
                *pause = longer(*pause);
                return;
            }
            Ok(Err(error)) => error.category().to_owned(),
            Err(_) => "no answer in time".to_owned(),
        };
        if !told {
            tracing::warn!(why, "redis cannot be connected to; the database is asked meanwhile");
            told = true;
        }
        sleep(*pause).await;
        *pause = longer(*pause);
    }
}

fn longer(pause: Duration) -> Duration {
    pause.saturating_mul(2).min(limits::REDIS_RETRY_MAX)
}

/// Asks on behalf of suspended organisations until all are answered, or nobody in the cluster answers.
async fn resume(shared: &Shared) {
    let mut pause = limits::REDIS_RETRY_FIRST;
    loop {
        let waiting = shared.breaker.all_suspended();
        let Some(link) = shared.link().filter(|_| !waiting.is_empty() && shared.breaker.is_connected())
        else {
            return;
        };
        let asking = futures_util::stream::iter(waiting).map(|org| {
            let link = link.clone();
            async move { answers_for(link, org).await.then_some(org) }
        });
        let answered: Vec<Option<OrgId>> = asking.buffer_unordered(limits::REDIS_PROBES).collect().await;
        for org in answered.iter().flatten() {
            shared.breaker.resume(*org);
        }
        if answered.iter().all(Option::is_none) {
            // Either the cluster is gone, or this connection knows it as it was before a fail-over.
            let limit = limits::REDIS_CONNECT_TIMEOUT.saturating_mul(2);
            let Ok(Ok(link)) = timeout(limit, shared.places.connect()).await else {
                shared.breaker.open();
                return;
            };
            shared.link.send_replace(Some(link));
        }
        sleep(pause).await;
        pause = longer(pause);
    }
}

async fn answers_for(mut link: Link, org: OrgId) -> bool {
    let mut question = ::redis::cmd("EXISTS");
    question.arg(generation_key(org));
    matches!(timeout(limits::REDIS_CONNECT_TIMEOUT, question.exec_async(&mut link)).await, Ok(Ok(())))
}

/// Keeps a subscription for as long as the process wants one: connects, listens, and starts again when it ends.
pub(super) async fn listen(shared: Arc<Shared>) {
    let (mut number, mut pause, mut attempt) = (0_u64, limits::REDIS_RETRY_FIRST, 0_usize);
    loop {
        let limit = limits::REDIS_CONNECT_TIMEOUT.saturating_mul(2);
        if let Ok(Ok(mut subscription)) = timeout(limit, shared.places.subscribe(attempt, CHANNEL)).await
            // Else this process would fill its own memory from the database, and Redis would stay empty.
            && timeout(limit, shared.breaker.connected()).await.is_ok()
        {
            number = number.wrapping_add(1).max(1);
            shared.epoch.store(number, Ordering::Release);
            pause = limits::REDIS_RETRY_FIRST;
            hear_until_lost(&shared, &mut subscription).await;
            shared.epoch.store(0, Ordering::Release);
            tracing::warn!("redis: the subscription to changes was lost; connecting again");
        }
        attempt = attempt.wrapping_add(1);
        sleep(pause).await;
        pause = longer(pause);
    }
}

/// Takes announcements in until the connection ends or stays silent when probed.
async fn hear_until_lost(shared: &Shared, subscription: &mut Subscription) {
    loop {
        match timeout(limits::REDIS_PROBE, subscription.news.next()).await {
            Ok(Some(message)) => {
                let text = std::str::from_utf8(message.get_payload_bytes()).unwrap_or_default();
                let parsed = text.split_once(' ').and_then(|(org, generation)| {
                    Some((OrgId::from_str(org).ok()?, generation.parse::<i64>().ok()?))
                });
                if let Some((org, generation)) = parsed {
                    shared.hear(org, generation);
                }
            }
            Ok(None) => return,
            Err(_) => {
                let ping = subscription.control.ping::<::redis::Value>();
                if !matches!(timeout(limits::REDIS_CONNECT_TIMEOUT, ping).await, Ok(Ok(_))) {
                    return;
                }
            }
        }
    }
}

/// Writes queued answers, one pipeline each.
pub(super) async fn write_back(shared: Arc<Shared>, mut queue: mpsc::Receiver<Write>) {
    while let Some(write) = queue.recv().await {
        let Some(mut link) = shared.link().filter(|_| shared.breaker.allows(write.org)) else { continue };
        let mut pipeline = ::redis::pipe();
        for (key, value) in &write.entries {
            pipeline.cmd("SET").arg(key).arg(value.as_slice()).arg("EX").arg(lifetime(value)).ignore();
        }
        if let Some((key, generation, put)) = &write.generation {
            let command = pipeline.cmd("SET").arg(key).arg(*generation);
            if *put == Put::IfAbsent {
                command.arg("NX");
            }
            command.ignore();
        }
        match timeout(limits::REDIS_CONNECT_TIMEOUT, pipeline.exec_async(&mut link)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => shared.failed(write.org, error.category()),
            Err(_) => shared.failed(write.org, "no answer in time"),
        }
    }
}

/// Seconds that an answer stays: a little longer than in this process, so that a restarted node finds a warm cache,
/// and up to a quarter more, so that what was written together does not end together on all nodes.
fn lifetime(sealed: &[u8]) -> u64 {
    let least = limits::CACHE_TTL.saturating_add(Duration::from_secs(60)).as_secs();
    // The last octets are the seal's tag: as good as chance.
    let chance = sealed.last().copied().map_or(0, u64::from);
    least.saturating_add(least.saturating_mul(chance) / 1_024)
}
