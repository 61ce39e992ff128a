//! Sender history with the real program: what delivered mail teaches, what held mail does not, and what rules then know.

use crate::support::backend::{Backend, on_each_database};
use crate::support::sink::{Behaviour, Sink};
use crate::support::world::{Setup, World, changed_invoice, clean_invoice, mail};

const ACCOUNTS: &str = "accounts@contoso.example";
const ONE: &str = "GB39 LOYD 3096 3418 2736 45";
const OTHER: &str = "GB94 BARC 1020 1530 0934 59";

async fn hand_in(world: &World, octets: &[u8]) {
    let mut client = world.hello().await;
    let reply = client.send("bounce@sender.example", &[ACCOUNTS], octets).await.unwrap();
    assert_eq!(reply.code, 250, "{reply:?}");
}

/// The codes that a delivered message carries, or under which it is held.
fn codes(world: &World, sink: &Sink, message_id: &str) -> String {
    let id = format!("<{message_id}>");
    for got in sink.messages() {
        let text = String::from_utf8_lossy(&got.octets).into_owned();
        if text.contains(&id)
            && let Some(field) = text.split("X-Sentra-Verdict:").nth(1)
        {
            let unfolded = field.replace("\r\n ", "").replace("\r\n\t", "");
            let codes = unfolded.split("codes=").nth(1).unwrap_or_default();
            return codes.split(';').next().unwrap_or_default().trim().to_owned();
        }
    }
    world.entry(message_id).map(|entry| format!("held {}", entry["codes"])).unwrap_or_default()
}

/// Waits until so many messages have taught: the organisation's own mark counts them.
async fn learned(world: &World, messages: i64) {
    let mut sql = world.sql().await;
    let count = async {
        loop {
            let seen = "SELECT COALESCE(MAX(times), 0) FROM history WHERE kind = 'seen'";
            let seen: i64 = sqlx::query_scalar(seen).fetch_one(&mut sql).await.unwrap();
            assert!(seen <= messages, "{seen} taught, {messages} were delivered");
            if seen == messages {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(crate::support::client::PATIENCE, count).await.expect("learned in time");
}

fn invoice(number: &str, iban: &str, message_id: &str) -> Vec<u8> {
    let body = format!(
        "Please find invoice {number}.\nInvoice number: {number}\nAmount due: £1,960.00\nIBAN: {iban}\n"
    );
    mail("Northgate <office@northgate.example>", &format!("Invoice {number}"), message_id, &body)
}

/// Mail of the supplier Acme from an address that is not on its record.
fn of_acme(iban: &str, message_id: &str) -> Vec<u8> {
    let body = format!("Please find our invoice INV-1042.\nAmount due: £1,234.50\n\nIBAN: {iban}\n");
    mail("Sam <sam@acme-supplies.example>", "Invoice INV-1042", message_id, &body)
}

const ACMES: &str = "GB29 NWBK 6016 1331 9268 19";

async fn a_first_contact_is_one_until_something_of_it_was_delivered(on: Backend) {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()).on(on));
    // Fraud in a supplier's name is held: it teaches nothing.
    hand_in(&world, &of_acme(OTHER, "fraud@t")).await;
    let fraud = codes(&world, &sink, "fraud@t");
    assert!(fraud.starts_with("held") && fraud.contains("FIRST_CONTACT"), "{fraud}");
    hand_in(&world, &of_acme(ACMES, "first@t")).await;
    assert_eq!(codes(&world, &sink, "first@t"), "FIRST_CONTACT,ACCOUNT_VERIFIED");
    learned(&world, 1).await;
    hand_in(&world, &of_acme(ACMES, "second@t")).await;
    assert_eq!(codes(&world, &sink, "second@t"), "ACCOUNT_VERIFIED");
    learned(&world, 2).await;
    // An address on the record is no first contact.
    hand_in(&world, &clean_invoice("record@t")).await;
    assert_eq!(codes(&world, &sink, "record@t"), "ACCOUNT_VERIFIED");
    learned(&world, 3).await;
    // Released, it teaches.
    let id = world.entry("fraud@t").unwrap()["id"].as_str().unwrap().to_owned();
    world.run(&["quarantine", "release", &id, "--reason", "confirmed by phone"]);
    world.wait_for_state(&id, "released").await;
    learned(&world, 4).await;
    let mut sql = world.sql().await;
    let aside: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM history_held").fetch_one(&mut sql).await.unwrap();
    assert_eq!(aside, 0, "what was put aside was taken up");
}

async fn an_invoice_sent_again_with_another_account_is_held(on: Backend) {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()).on(on));
    hand_in(&world, &invoice("NG-2026-118", ONE, "genuine@t")).await;
    learned(&world, 1).await;
    hand_in(&world, &invoice("NG 2026 118", ONE, "reminder@t")).await;
    assert!(!codes(&world, &sink, "reminder@t").contains("INVOICE_RESENT"), "the same account");
    learned(&world, 2).await;
    hand_in(&world, &invoice("NG-2026-119", OTHER, "next@t")).await;
    assert!(!codes(&world, &sink, "next@t").contains("INVOICE_RESENT"), "another invoice");
    hand_in(&world, &invoice("ng-2026-118", OTHER, "copy@t")).await;
    let copy = codes(&world, &sink, "copy@t");
    assert!(copy.starts_with("held") && copy.contains("INVOICE_RESENT_OTHER_ACCOUNT"), "{copy}");
    assert_eq!(sink.copies("copy@t"), 0);
}

async fn one_unknown_account_in_several_names_is_seen(on: Backend) {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()).on(on));
    let of = |who: &str, id: &str| {
        let body = format!("Please find our invoice.\nAmount due: £960.00\nIBAN: {ONE}\n");
        mail(&format!("Office <office@{who}>"), "Invoice", id, &body)
    };
    hand_in(&world, &of("northgate.example", "one@t")).await;
    assert!(!codes(&world, &sink, "one@t").contains("ELSEWHERE"));
    learned(&world, 1).await;
    hand_in(&world, &of("northgate.example", "again@t")).await;
    assert!(!codes(&world, &sink, "again@t").contains("ELSEWHERE"), "the same sender");
    learned(&world, 2).await;
    hand_in(&world, &of("southgate.example", "two@t")).await;
    let two = codes(&world, &sink, "two@t");
    assert!(two.contains("ACCOUNT_SEEN_ELSEWHERE") && !two.contains("ACCOUNT_SPREADS"), "{two}");
}

async fn the_history_names_nobody(on: Backend) {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()).on(on));
    hand_in(&world, &invoice("NG-2026-118", ONE, "one@t")).await;
    hand_in(&world, &changed_invoice("held@t")).await;
    learned(&world, 1).await;
    let mut sql = world.sql().await;
    let held = async {
        while sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM history_held")
            .fetch_one(&mut sql)
            .await
            .unwrap()
            == 0
        {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(crate::support::client::PATIENCE, held).await.expect("put aside in time");
    let rows = "SELECT subject || ' ' || kind || ' ' || detail FROM history UNION ALL SELECT marks FROM history_held";
    let rows: Vec<String> = sqlx::query_scalar(rows).fetch_all(&mut sql).await.unwrap();
    assert!(rows.len() > 15, "{rows:?}");
    let all = rows.join("\n").to_lowercase();
    for secret in [
        "northgate",
        "acme",
        "office",
        "2026118",
        "ng-2026",
        "30963418273645",
        "10201530093459",
        "196000",
        "one@t",
    ] {
        assert!(!all.contains(secret), "{secret} in\n{all}");
    }
}

async fn a_killed_server_leaves_whole_lessons(on: Backend) {
    let sink = Sink::start(Behaviour::default()).await;
    let mut world = World::start(Setup::new(sink.address()).on(on));
    for number in 0..40 {
        hand_in(&world, &clean_invoice(&format!("kill-{number}@t"))).await;
    }
    world.kill();
    // Each message has an id of its own: as many ids as messages, or a lesson was cut in two.
    let count = "SELECT COALESCE((SELECT MAX(times) FROM history WHERE kind = 'seen'), 0), (SELECT COUNT(*) FROM history WHERE kind = 'thread')";
    let (messages, ids): (i64, i64) = sqlx::query_as(count).fetch_one(&mut world.sql().await).await.unwrap();
    assert_eq!(messages, ids);
    assert!(messages <= 40);
    world.serve();
    hand_in(&world, &clean_invoice("after@t")).await;
    learned(&world, messages + 1).await;
    // A server that is told to stop writes what waits.
    hand_in(&world, &clean_invoice("last@t")).await;
    assert_eq!(world.stop(), 0);
    let (now, _): (i64, i64) = sqlx::query_as(count).fetch_one(&mut world.sql().await).await.unwrap();
    assert_eq!(now, messages + 2);
}

async fn without_a_history_mail_flows_and_nothing_is_concluded(on: Backend) {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()).on(on));
    sqlx::query("DROP TABLE history").execute(&mut world.sql().await).await.unwrap();
    hand_in(&world, &of_acme(ACMES, "broken@t")).await;
    assert_eq!(codes(&world, &sink, "broken@t"), "ACCOUNT_VERIFIED");
    let off = World::start(Setup::new(sink.address()).on(on).env("SENTRA_HISTORY__ENABLED", "false"));
    hand_in(&off, &of_acme(ACMES, "off@t")).await;
    assert_eq!(codes(&off, &sink, "off@t"), "ACCOUNT_VERIFIED");
    let rows: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM history").fetch_one(&mut off.sql().await).await.unwrap();
    assert_eq!(rows, 0);
}

on_each_database! {
    a_first_contact_is_one_until_something_of_it_was_delivered,
    an_invoice_sent_again_with_another_account_is_held,
    one_unknown_account_in_several_names_is_seen,
    the_history_names_nobody,
    a_killed_server_leaves_whole_lessons,
    without_a_history_mail_flows_and_nothing_is_concluded,
}
