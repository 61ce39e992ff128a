//! kill -9 at every step: each message the sender got 250 for is at the next hop or in quarantine, none is held twice.

use crate::support::backend::{Backend, on_each_database};
use crate::support::client::Client;
use crate::support::sink::{Behaviour, Sink};
use crate::support::world::{Setup, World, changed_invoice, clean_invoice};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// The embedded engine gets most: there the killed process wrote the files itself.
fn kills(on: Backend) -> usize {
    if on == Backend::Sqlite { 200 } else { 60 }
}
const SENDERS: usize = 6;

/// Deterministic chance (xorshift64), so that a failing run can be repeated.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// What the senders share.
struct Load {
    address: SocketAddr,
    next: AtomicU64,
    /// Message ids with a 250.
    acknowledged: Mutex<BTreeSet<String>>,
    /// Counts steps of all dialogs, so that the killer can aim at one.
    steps: watch::Sender<u64>,
    stop: AtomicBool,
}

impl Load {
    fn step(&self) {
        self.steps.send_modify(|count| *count += 1);
    }

    /// Sends one message, each dialog step counted; true when it was acknowledged.
    async fn attempt(&self, id: &str, octets: &[u8]) -> std::io::Result<bool> {
        let mut client = Client::connect(self.address).await?;
        self.step();
        for line in [
            "EHLO load.test",
            "MAIL FROM:<accounts@acme-supplies.example>",
            "RCPT TO:<accounts@contoso.example>",
        ] {
            if client.say(line).await?.code != 250 {
                return Ok(false);
            }
            self.step();
        }
        // Half of the messages come by BDAT.
        if id.len().is_multiple_of(2) {
            client.write(format!("BDAT {} LAST\r\n", octets.len()).as_bytes()).await?;
            client.write(octets).await?;
        } else {
            if client.say("DATA").await?.code != 354 {
                return Ok(false);
            }
            self.step();
            client.write(octets).await?;
            self.step();
            client.write(b".\r\n").await?;
        }
        self.step();
        let reply = client.reply().await?;
        if reply.code == 250 {
            self.acknowledged.lock().unwrap().insert(id.to_owned());
        }
        self.step();
        Ok(reply.code == 250)
    }

    /// Sends messages one after the other, each until it is acknowledged, as Exchange's queue does.
    async fn run(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let (id, octets) = message(number);
            while !self.attempt(&id, &octets).await.unwrap_or(false) {
                tokio::task::yield_now().await;
            }
        }
    }
}

/// Every third message is one to be held.
fn message(number: u64) -> (String, Vec<u8>) {
    if number.is_multiple_of(3) {
        let id = format!("held-{number}@kill.test");
        let octets = changed_invoice(&id);
        (id, octets)
    } else {
        let id = format!("clean-{number}@kill.test");
        let octets = clean_invoice(&id);
        (id, octets)
    }
}

async fn kills_under_load_lose_nothing_and_hold_nothing_twice(on: Backend) {
    let kills = kills(on);
    let sink = Sink::start(Behaviour::default()).await;
    let mut world = World::start(Setup::new(sink.address()).on(on));
    let load = Arc::new(Load {
        address: world.smtp,
        next: AtomicU64::new(0),
        acknowledged: Mutex::default(),
        steps: watch::Sender::new(0),
        stop: AtomicBool::new(false),
    });
    let senders: Vec<_> = (0..SENDERS)
        .map(|_| {
            let load = Arc::clone(&load);
            tokio::spawn(async move { load.run().await })
        })
        .collect();

    let mut chance = Chance(0x5eed_0001);
    let mut steps = load.steps.subscribe();
    for _ in 0..kills {
        let aim = *steps.borrow_and_update() + 1 + chance.below(90);
        steps.wait_for(|count| *count >= aim).await.unwrap();
        world.kill();
        world.serve();
    }
    load.stop.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.await.unwrap();
    }

    let acknowledged = load.acknowledged.lock().unwrap().clone();
    let at_sink: BTreeSet<String> =
        sink.messages().iter().filter_map(|received| message_id(&received.octets)).collect();
    let mut held: BTreeMap<String, usize> = BTreeMap::new();
    for row in world.quarantine() {
        *held.entry(row["message_id"].as_str().unwrap().trim_matches(['<', '>']).to_owned()).or_default() +=
            1;
    }
    let lost: Vec<_> =
        acknowledged.iter().filter(|id| !at_sink.contains(*id) && !held.contains_key(*id)).collect();
    let twice: Vec<_> = held.iter().filter(|(_, count)| **count > 1).collect();
    println!(
        "{kills} kills, {} acknowledged ({} held), {} at the next hop",
        acknowledged.len(),
        acknowledged.iter().filter(|id| id.starts_with("held")).count(),
        at_sink.len()
    );
    // Every hold and every start appended to the audit when it was killed: the chain is whole all the same.
    let audit = world.json(&["audit", "verify"]).remove(0);
    assert_eq!(audit["good"], true, "{audit}");
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    assert!(twice.is_empty(), "held twice: {twice:?}");
    assert!(acknowledged.iter().any(|id| id.starts_with("held")), "the load held something");
    assert!(acknowledged.len() > kills, "the load made progress between kills");
}

/// The Message-ID without brackets.
fn message_id(octets: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(octets);
    let line = text.lines().find(|line| line.to_ascii_lowercase().starts_with("message-id:"))?;
    Some(line[11..].trim().trim_matches(['<', '>']).to_owned())
}

on_each_database! {
    kills_under_load_lose_nothing_and_hold_nothing_twice,
}
