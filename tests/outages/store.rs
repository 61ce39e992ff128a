//! The store is locked, or opened with the wrong key.

use super::{ACCOUNTS, ACME, assert_says, hand_in};
use crate::support::sink::{Behaviour, Sink};
use crate::support::world::{Setup, World, changed_invoice, clean_invoice};
use sqlx::AnyConnection;

/// Another process takes the database's one write lock and keeps it.
async fn lock(world: &World) -> AnyConnection {
    let mut connection = world.sql().await;
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut connection).await.unwrap();
    connection
}

async fn unlock(mut connection: AnyConnection) {
    sqlx::query("ROLLBACK").execute(&mut connection).await.unwrap();
}

/// A clean message and one to be held, handed in at once.
async fn hand_in_both(world: &World, name: &str) -> [crate::support::client::Reply; 2] {
    let (mut one, mut two) = (world.hello().await, world.hello().await);
    let (clean, changed) =
        (clean_invoice(&format!("{name}-clean@t")), changed_invoice(&format!("{name}-changed@t")));
    let (clean, changed) =
        tokio::join!(one.send(ACME, &[ACCOUNTS], &clean), two.send(ACME, &[ACCOUNTS], &changed));
    [clean.unwrap(), changed.unwrap()]
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_store_mail_is_deferred_and_passes_again_once_it_is_back() {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()));
    let locked = lock(&world).await;
    for reply in hand_in_both(&world, "locked").await {
        assert_says(&reply, "451 4.3.0", "locked");
    }
    assert!(sink.messages().is_empty(), "nothing went on without its record");
    assert!(world.logged(&["\"alarm\":\"database\""]) > 0, "a person hears of it");
    unlock(locked).await;
    for reply in hand_in_both(&world, "locked").await {
        assert_says(&reply, "250", "unlocked");
    }
    assert_eq!((sink.copies("locked-clean@t"), sink.copies("locked-changed@t")), (1, 0));
    assert_eq!(world.quarantine().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_may_take_mail_unverified_but_never_what_would_be_held() {
    let sink = Sink::start(Behaviour::default()).await;
    let mut world = World::prepare(Setup::new(sink.address()));
    world.run(&["org", "set", "fail-policy=deliver-unverified"]);
    world.serve();
    let locked = lock(&world).await;
    let [clean, changed] = hand_in_both(&world, "unverified").await;
    assert_says(&clean, "250", "clean");
    assert_says(&changed, "451 4.3.0", "changed");
    let received = sink.wait_for(1).await.remove(0);
    let text = String::from_utf8_lossy(&received.octets).replace("\r\n ", " ");
    assert!(text.contains("<unverified-clean@t>") && text.contains("DELIVERED_UNVERIFIED"), "{text}");
    let (_, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(body.contains("could not be checked against your records"), "the banner says so: {body}");
    assert!(world.logged(&["\"alarm\":\"delivered_unverified\""]) > 0);
    unlock(locked).await;
    assert_eq!(hand_in(&world, &changed_invoice("unverified-changed@t")).await.code, 250);
    assert_eq!(world.quarantine().len(), 1);
    assert_eq!(hand_in(&world, &clean_invoice("verified@t")).await.code, 250);
    let verified =
        sink.wait_for_matching(|got| String::from_utf8_lossy(&got.octets).contains("<verified@t>")).await;
    let verified = String::from_utf8_lossy(&verified.octets).into_owned();
    assert!(!verified.contains("DELIVERED_UNVERIFIED"), "{verified}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wrong_master_key_is_named_at_start() {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::prepare(Setup::new(sink.address()));
    let wrong = "5a".repeat(32);
    std::fs::write(world.dir().join("keys/master.key"), format!("{wrong}\n")).unwrap();
    let done = world.command(&["serve"]).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.contains("key") && !said.contains(&wrong) && !said.contains("panicked"), "{said}");
}
