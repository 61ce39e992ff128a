//! Released mail under the faults of the next hop, and under a kill between its 250 and our commit.

use super::{Change, hand_in};
use crate::support::backend::{Backend, on_each_database};
use crate::support::sink::{AfterData, Behaviour, Sink};
use crate::support::world::{Setup, World, changed_invoice};
use serde_json::Value;

const REASON: &str = "called the supplier on the number on record";

/// Holds a message and waits for its notice, so that the outbox is empty again.
async fn hold(world: &World, sink: &Sink, message_id: &str) -> String {
    assert_eq!(hand_in(world, &changed_invoice(message_id)).await.code, 250);
    let id = world.entry(message_id).unwrap()["id"].as_str().unwrap().to_owned();
    world.wait_until(|world| rows(world, message_id, "notice", "sent") > 0, "the notice is sent").await;
    assert_eq!(sink.copies(message_id), 0);
    id
}

/// How many mails of a kind the outbox has about a message, in a state.
fn rows(world: &World, message_id: &str, kind: &str, state: &str) -> usize {
    let entry = world.entry(message_id).unwrap();
    let is = |row: &&Value| row["kind"] == kind && row["state"] == state;
    entry["outbox"].as_array().unwrap().iter().filter(is).count()
}

/// The release of a message, as the outbox has it.
fn release_row(world: &World, message_id: &str) -> Value {
    let entry = world.entry(message_id).unwrap();
    let all = entry["outbox"].as_array().unwrap();
    all.iter().rfind(|row| row["kind"] == "release").expect("a release was queued").clone()
}

fn release(world: &World, id: &str) {
    world.run(&["quarantine", "release", id, "--reason", REASON]);
}

/// What the next hop does to the release, and in which state the outbox then waits.
type Trouble = (&'static str, Change, &'static str);

async fn a_release_outlives_every_passing_fault_and_arrives_once(on: Backend) {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()).on(on));
    let troubles: [Trouble; 6] = [
        ("MAIL 550", |b| b.mail = Some("550 5.7.1 no\r\n".into()), "pending"),
        ("RCPT 451", |b| b.rcpt = Some("451 4.2.1 busy\r\n".into()), "pending"),
        ("RCPT configuration", |b| b.rcpt = Some("550 5.7.64 Tenant\r\n".into()), "pending"),
        ("data 451", |b| b.after_data = AfterData::Say("451 4.3.0 later\r\n".into()), "pending"),
        ("data configuration", |b| b.after_data = AfterData::Say("550 5.7.64 x\r\n".into()), "pending"),
        ("no answer", |b| b.after_data = AfterData::Close, "uncertain"),
    ];
    for (number, (name, set, state)) in troubles.into_iter().enumerate() {
        let message_id = format!("trouble-{number}@t");
        let id = hold(&world, &sink, &message_id).await;
        sink.set(set);
        sink.kick().await;
        release(&world, &id);
        world.wait_until(|world| rows(world, &message_id, "release", state) == 1, name).await;
        assert_eq!(world.entry(&message_id).unwrap()["state"], "releasing", "{name}");
        assert_eq!(sink.copies(&message_id), 0, "{name}");

        sink.set(|behaviour| *behaviour = Behaviour::default());
        sink.kick().await;
        let released = |world: &World| world.entry(&message_id).unwrap()["state"] == "released";
        world.push_outbox(released, name).await;
        assert_eq!(sink.copies(&message_id), 1, "{name}");
        assert_eq!(release_row(&world, &message_id)["maybe_twice"], state == "uncertain", "{name}");
    }
    sink.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_while_the_next_hop_is_down_arrives_when_it_is_back() {
    let sink = Sink::start(Behaviour::default()).await;
    let mut world = World::start(Setup::new(sink.address()));
    let id = hold(&world, &sink, "down@t").await;
    let address = sink.stop().await;
    release(&world, &id);
    let tried = |world: &World| release_row(world, "down@t")["attempts"].as_i64() >= Some(1);
    world.wait_until(|world| tried(world) && rows(world, "down@t", "release", "pending") == 1, "a try").await;
    // A restart forgets nothing of it.
    world.kill();
    let sink = Sink::start_on(Behaviour::default(), address).await;
    world.outbox_is_due().await;
    world.serve();
    world.wait_for_state(&id, "released").await;
    assert_eq!(sink.copies("down@t"), 1);
    assert_eq!(release_row(&world, "down@t")["maybe_twice"], false);
}

async fn a_release_that_is_refused_for_good_is_held_again_and_can_be_released_again(on: Backend) {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()).on(on));
    let refusals: [(&str, Change); 2] = [
        ("RCPT 550", |b| b.rcpt = Some("550 5.1.1 no such user\r\n".into())),
        ("data 550", |b| b.after_data = AfterData::Say("550 5.6.0 not this\r\n".into())),
    ];
    for (number, (name, set)) in refusals.into_iter().enumerate() {
        let message_id = format!("refused-{number}@t");
        let id = hold(&world, &sink, &message_id).await;
        sink.set(set);
        sink.kick().await;
        release(&world, &id);
        world.wait_until(|world| rows(world, &message_id, "release", "failed") == 1, name).await;
        assert_eq!(world.entry(&message_id).unwrap()["state"], "held", "{name}");
        assert!(world.logged(&["\"alarm\":\"outbox_failed\""]) > number, "{name}: a person hears of it");
        sink.set(|behaviour| *behaviour = Behaviour::default());
        sink.kick().await;
        release(&world, &id);
        world.wait_for_state(&id, "released").await;
        assert_eq!(sink.copies(&message_id), 1, "{name}");
    }
}

async fn a_kill_between_the_next_hops_250_and_our_commit_sends_again_and_says_so(on: Backend) {
    let sink = Sink::start(Behaviour::default()).await;
    let mut world = World::start(Setup::new(sink.address()).on(on));
    let id = hold(&world, &sink, "twice@t").await;
    sink.set(|behaviour| behaviour.after_data = AfterData::TakeAndHang);
    release(&world, &id);
    sink.wait_for_matching(|got| String::from_utf8_lossy(&got.octets).contains("<twice@t>")).await;
    world.kill();
    sink.set(|behaviour| behaviour.after_data = AfterData::Accept);
    assert_eq!(world.entry("twice@t").unwrap()["state"], "releasing");
    world.outbox_is_due().await;
    world.serve();
    world.wait_for_state(&id, "released").await;
    assert_eq!(sink.copies("twice@t"), 2, "at least once, never lost");
    assert_eq!(release_row(&world, "twice@t")["maybe_twice"], true, "and marked");
    let copies: Vec<_> =
        sink.messages().into_iter().filter(|got| got.mail.contains("acme-supplies")).collect();
    let original = changed_invoice("twice@t");
    let body = original.split(|octet| *octet == b'\n').rev().nth(1).unwrap();
    for copy in &copies {
        assert!(memchr::memmem::find(&copy.octets, body).is_some(), "the same content both times");
    }
}

async fn a_silent_next_hop_holds_up_no_other_organisations_outbox_and_no_shutdown(on: Backend) {
    let sink = Sink::start(Behaviour::default()).await;
    let other = Sink::start(Behaviour::default()).await;
    let mut world =
        World::prepare(Setup::new(sink.address()).on(on).env("SENTRA_LIMITS__DRAIN_SECONDS", "5"));
    let hop = other.address().to_string();
    let fabrikam =
        ["org", "create", "Fabrikam", "--mailbox", "pay@fabrikam.example", "--next-hop-tls", "none"];
    let admin = ["--admin-email", "it@fabrikam.example", "--next-hop", &hop];
    world.run(&[&fabrikam[..], &admin[..]].concat());
    let file = world.folder.path().join("suppliers.csv");
    world.run(&["suppliers", "import", file.to_str().unwrap(), "--verified", "--org", "Fabrikam"]);
    world.serve();
    // Contoso's notice meets silence, after its recipients were accepted.
    sink.set(|behaviour| behaviour.hang_at = Some("BDAT"));
    let mut client = world.hello().await;
    let to = |address: &'static str| [address];
    let reply = client.send(super::ACME, &to(super::ACCOUNTS), &changed_invoice("hung@t")).await.unwrap();
    assert_eq!(reply.code, 250);
    sink.wait_for_commands("BDAT", 1).await;
    // Fabrikam's arrives all the same.
    let reply =
        client.send(super::ACME, &to("pay@fabrikam.example"), &changed_invoice("free@t")).await.unwrap();
    assert_eq!(reply.code, 250);
    let notice = other.wait_for(1).await.remove(0);
    assert!(notice.recipients[0].contains("it@fabrikam.example"));
    assert_eq!(world.stop(), 0, "SIGTERM does not wait for an answer that never comes");
}

on_each_database! {
    a_release_outlives_every_passing_fault_and_arrives_once,
    a_release_that_is_refused_for_good_is_held_again_and_can_be_released_again,
    a_kill_between_the_next_hops_250_and_our_commit_sends_again_and_says_so,
    a_silent_next_hop_holds_up_no_other_organisations_outbox_and_no_shutdown,
}
