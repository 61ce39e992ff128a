//! The history of merged records: what was learned of the one that went counts for the one that remains, until undone.

use crate::suppliers::World as Records;
use crate::support::backend::{Backend, on_each_database};
use crate::support::client::PATIENCE;
use crate::support::sink::{Behaviour, Sink};
use crate::support::world::{Setup, World, mail};
use sentra::adapters::clock::SystemClock;
use sentra::adapters::history::DatabaseHistory;
use sentra::adapters::suppliers::undo::Undo;
use sentra::model::{
    Account, AccountKey, Domain, HistoryAnswer, HistoryQuery, Lesson, Lookup, Money, Party, PartyHistory,
    Scheme, SupplierId,
};
use sentra::ports::History as _;
use std::sync::Arc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const TWO: &str = "supplier_id,name,domains,emails,iban\n\
    S1,Acme Building Supplies Ltd,acme-supplies.example,accounts@acme-supplies.example,GB29NWBK60161331926819\n\
    S4,Acme Haulage,acme-haulage.example,office@acme-haulage.example,GB39LOYD30963418273645\n";

fn supplier(id: &str) -> Party {
    Party::Supplier(SupplierId(id.to_owned()))
}

fn key(number: &str) -> AccountKey {
    Account::from_canonical(Scheme::Uk, *b"GB", number).unwrap().comparison_key()
}

/// One message of a supplier with one invoice and one account.
fn lesson(records: &Records, id: &str, day: i64, account: &str, invoice: &str) -> Lesson {
    Lesson {
        org: records.org,
        at_ms: day * 86_400_000,
        author: None,
        domain: Domain::parse("acme-haulage.example").ok(),
        reply_to: None,
        thread: Vec::new(),
        party: Some(supplier(id)),
        platform: Some("mailer.example".to_owned()),
        makes: vec!["acme invoices, A4".to_owned(), format!("{id}, A4")],
        accounts: vec![key(account)],
        amounts: vec![Money { minor: 10_000, currency: "GBP".into() }],
        invoices: vec![invoice.to_owned()],
        delay_s: None,
    }
}

struct Taught {
    records: Records,
    history: DatabaseHistory,
}

impl Taught {
    /// Learned and written.
    async fn of(records: Records, lessons: Vec<Lesson>) -> Self {
        let start = |stop: CancellationToken| {
            let (database, keyring) = (records.store.database().clone(), records.keyring.clone());
            DatabaseHistory::start(database, keyring, Arc::new(SystemClock), stop)
        };
        let stop = CancellationToken::new();
        let (history, writer) = start(stop.clone());
        lessons.into_iter().for_each(|lesson| history.learn(lesson));
        stop.cancel();
        writer.await.unwrap();
        let (history, _) = start(CancellationToken::new());
        Self { records, history }
    }

    async fn of_supplier(&self, id: &str) -> PartyHistory {
        let query = HistoryQuery {
            parties: vec![supplier(id)],
            platform: Some("mailer.example".to_owned()),
            makes: vec!["acme invoices, A4".to_owned()],
            accounts: vec![key("60161331926819"), key("30963418273645")],
            invoices: vec!["INV1".to_owned(), "INV4".to_owned()],
            ..HistoryQuery::default()
        };
        let Lookup::Found(answer) =
            self.history.look_up(self.records.org, query, Instant::now() + PATIENCE).await
        else {
            panic!("the history answers");
        };
        let HistoryAnswer { mut parties, .. } = answer;
        parties.remove(&supplier(id)).unwrap()
    }
}

async fn marks_of_both_count_as_one_and_apart_again_when_undone(on: Backend) {
    let records = Records::on(on).await;
    records.import(TWO, false, false).await;
    let (ours, theirs) = ("60161331926819", "30963418273645");
    let lessons = vec![
        lesson(&records, "S1", 10, ours, "INV1"),
        lesson(&records, "S4", 5, theirs, "INV4"),
        lesson(&records, "S4", 20, theirs, "INV4"),
        lesson(&records, "S4", 21, ours, "INV1"),
    ];
    let taught = Taught::of(records, lessons).await;
    let before = taught.of_supplier("S1").await;
    assert_eq!((before.seen.times, before.known_accounts, before.accounts.len()), (1, 1, 1), "{before:?}");
    let (org, id) = (taught.records.org, |id: &str| SupplierId(id.to_owned()));
    let merged = taught.records.records.merge(org, &id("S4"), &id("S1"), "operator").await.unwrap();

    let both = taught.of_supplier("S1").await;
    let day = 86_400_000;
    assert_eq!((both.seen.first_ms, both.seen.last_ms, both.seen.times), (5 * day, 21 * day, 4), "{both:?}");
    assert_eq!(both.known_accounts, 2, "one that both knew is one");
    assert_eq!((both.accounts[&key(ours)].times, both.accounts[&key(theirs)].times), (2, 2));
    assert_eq!((both.platform.times, both.days.total(), both.amounts["GBP"].total()), (4, 4, 4));
    assert_eq!((both.invoices["INV1"].seen.times, both.invoices["INV4"].seen.times), (2, 2));
    assert!(both.invoices["INV4"].with_accounts);
    assert_eq!(
        (both.makes.len(), both.makes["acme invoices, A4"].times),
        (3, 4),
        "one that both used is one"
    );
    // A merge of the remaining record takes both along.
    let chain = taught.records.records.merge(org, &id("S1"), &id("S9"), "operator").await;
    assert!(chain.is_err(), "there is no S9 yet");
    taught.records.import("supplier_id,name\nS9,Acme Group\n", false, false).await;
    let chain = taught.records.records.merge(org, &id("S1"), &id("S9"), "operator").await.unwrap();
    assert_eq!(taught.of_supplier("S9").await, both);

    for batch in [chain.batch, merged.batch] {
        let undone = taught.records.records.undo(org, &batch, "operator").await.unwrap();
        assert!(matches!(undone, Undo::Done(_)), "{undone:?}");
    }
    assert_eq!(taught.of_supplier("S1").await, before, "exactly as before");
    assert_eq!(taught.of_supplier("S9").await, PartyHistory::default());
}

async fn hand_in(world: &World, octets: &[u8]) {
    let mut client = world.hello().await;
    let reply = client.send("bounce@sender.example", &["accounts@contoso.example"], octets).await.unwrap();
    assert_eq!(reply.code, 250, "{reply:?}");
}

/// By the real program: the invoice came under the record that went, its copy with another account under the one that
/// remains.
async fn an_invoice_of_a_merged_record_sent_again_is_held(on: Backend) {
    let sink = Sink::start(Behaviour::default()).await;
    let setup = Setup { suppliers: Some(TWO.to_owned()), ..Setup::new(sink.address()).on(on) };
    let mut world = World::start(setup);
    let invoice = |iban: &str, message_id: &str| {
        let number = "AH-2026-118";
        let body = format!(
            "Please find invoice {number}.\nInvoice number: {number}\nAmount due: £1,960.00\nIBAN: {iban}\n"
        );
        mail("Acme Haulage <office@acme-haulage.example>", &format!("Invoice {number}"), message_id, &body)
    };
    hand_in(&world, &invoice("GB39 LOYD 3096 3418 2736 45", "genuine@t")).await;
    assert_eq!(sink.copies("genuine@t"), 1);
    // A server that is told to stop writes what it learned; the next one reads the merged directory.
    assert_eq!(world.stop(), 0);
    world.run(&["suppliers", "merge", "S4", "S1"]);
    world.serve();
    hand_in(&world, &invoice("GB94 BARC 1020 1530 0934 59", "copy@t")).await;
    let entry = world.entry("copy@t").expect("it is held");
    let codes = entry["codes"].to_string();
    assert!(codes.contains("INVOICE_RESENT_OTHER_ACCOUNT"), "{entry}");
    assert_eq!(sink.copies("copy@t"), 0);
}

on_each_database! {
    marks_of_both_count_as_one_and_apart_again_when_undone,
    an_invoice_of_a_merged_record_sent_again_is_held,
}
