//! A real Redis that dies and comes back under traffic: slower at worst, never wrong, never a failed message.

use super::{ACCOUNTS, ACME, hand_in};
use crate::support::redis::RedisServer;
use crate::support::sink::{Behaviour, Sink};
use crate::support::world::{Setup, World, changed_invoice, clean_invoice, mail};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Clean mail is delivered, a changed account is held.
async fn verdicts_are_right(world: &World, sink: &Sink, phase: &str) {
    for number in 0..3 {
        let (clean, changed) = (format!("{phase}-{number}-clean@t"), format!("{phase}-{number}-changed@t"));
        assert_eq!(hand_in(world, &clean_invoice(&clean)).await.code, 250, "{phase}");
        assert_eq!(sink.copies(&clean), 1, "{phase}: delivered");
        assert_eq!(hand_in(world, &changed_invoice(&changed)).await.code, 250, "{phase}");
        let codes = codes_of(world, &changed);
        assert!(codes.contains("BANK_DETAILS_CHANGED") && !codes.contains("UNAVAILABLE"), "{phase}: {codes}");
        assert_eq!(sink.copies(&changed), 0, "{phase}: held");
    }
}

fn codes_of(world: &World, message_id: &str) -> String {
    world.entry(message_id).map(|entry| entry["codes"].to_string()).unwrap_or_default()
}

/// No key and no value tells what it is about.
fn assert_tells_nothing(redis: &RedisServer) {
    let dump = redis.dump();
    assert!(dump.len() > 2, "something is cached: {:?}", dump.iter().map(|(key, _)| key).collect::<Vec<_>>());
    let secrets: [&[u8]; 8] = [
        b"60161331926819",
        b"31926819",
        b"10201530093459",
        b"30093459",
        b"acme-supplies",
        b"inv-1042",
        b"contoso",
        b"subject",
    ];
    for (key, value) in dump {
        for secret in secrets {
            let found = |octets: &[u8]| memchr::memmem::find(&octets.to_ascii_lowercase(), secret).is_some();
            let secret = String::from_utf8_lossy(secret);
            assert!(!found(key.as_bytes()) && !found(&value), "{secret} in {key}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_dies_under_traffic_and_comes_back_and_no_message_suffers() {
    let mut redis = RedisServer::start();
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()).arg("--redis").arg(&redis.url()));
    // Traffic throughout.
    let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let traffic = {
        let (stop, sent, address) = (Arc::clone(&stop), Arc::clone(&sent), world.smtp);
        tokio::spawn(async move {
            let mut client = crate::support::client::Client::hello(address).await.unwrap();
            while !stop.load(Ordering::Relaxed) {
                let id = format!("traffic-{}@t", sent.load(Ordering::Relaxed));
                let reply = client.send(ACME, &[ACCOUNTS], &clean_invoice(&id)).await.unwrap();
                assert_eq!(reply.code, 250, "{id}: {reply:?}");
                sent.fetch_add(1, Ordering::Relaxed);
                // Sessions end after a number of transactions; a new one goes on.
                if sent.load(Ordering::Relaxed).is_multiple_of(500) {
                    client = crate::support::client::Client::hello(address).await.unwrap();
                }
            }
        })
    };
    world.wait_until(|_| redis.calls("mget") > 0, "Redis is asked").await;
    verdicts_are_right(&world, &sink, "up").await;
    world.wait_until(|_| redis.dump().len() > 2, "Redis is filled").await;
    assert_tells_nothing(&redis);

    redis.kill();
    verdicts_are_right(&world, &sink, "down").await;
    // An account is blocked meanwhile; nobody could announce it.
    let blocked =
        "supplier_id,name,domains,iban,status\nS9,Fraud Ltd,fraud.example,GB39LOYD30963418273645,blocked\n";
    world.import(blocked, &[]);
    blocked_within_seconds(&world, "outage").await;

    assert!(redis.restart(), "Redis comes back on its port");
    world.wait_until(|_| redis.calls("mget") > 0, "Redis is asked again").await;
    verdicts_are_right(&world, &sink, "back").await;
    blocked_within_seconds(&world, "back").await;
    world.wait_until(|_| redis.dump().len() > 2, "Redis is filled again").await;
    assert_tells_nothing(&redis);

    stop.store(true, Ordering::Relaxed);
    traffic.await.unwrap();
    let sent = sent.load(Ordering::Relaxed);
    assert!(sent > 10, "traffic went on: {sent}");
    let arrived = sink
        .messages()
        .iter()
        .filter(|got| String::from_utf8_lossy(&got.octets).contains("<traffic-"))
        .count();
    assert_eq!(arrived, sent, "each message once");
}

/// Mail with the blocked account is held as such once the server has noticed the import.
async fn blocked_within_seconds(world: &World, phase: &str) {
    let mut codes = String::new();
    for number in 0..100 {
        let id = format!("blocked-{phase}-{number}@t");
        let body = "Invoice 118\nAmount due: £1,960.00\nIBAN: GB39 LOYD 3096 3418 2736 45\n";
        let octets = mail("Northgate <office@northgate.example>", "Invoice 118", &id, body);
        assert_eq!(hand_in(world, &octets).await.code, 250);
        codes = codes_of(world, &id);
        if codes.contains("ACCOUNT_BLOCKED") {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{phase}: the blocked account was not recognised: {codes}");
}
