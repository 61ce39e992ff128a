//! The record of every message: no intent is lost, and every outcome is there in the end.

#![deny(dead_code)]

use super::*;

fn record(kit: &Kit, org: OrgId) -> MessageRecord {
    MessageRecord {
        id: MailId(kit.store.ids().ulid()),
        org,
        received_at_ms: kit.clock.now_ms(),
        action: "deliver",
        severity: "none",
        score: 0,
        category: "invoice",
        codes: String::new(),
        ruleset: "0123456789abcdef".to_owned(),
        size: 40_000,
        facts: vec![b'f'; 600],
    }
}

async fn every_intent_is_there_when_it_is_answered_and_every_outcome_at_the_end(on: Backend) {
    let kit = Arc::new(kit(on).await);
    let (journal, writing) = JournalWriter::start(kit.store.database().clone(), CancellationToken::new());
    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let (journal, kit) = (journal.clone(), Arc::clone(&kit));
            tokio::spawn(async move {
                let record = record(&kit, kit.org);
                let id = record.id;
                journal.intend(record.clone(), number % 10 == 0).await.unwrap();
                let sql = "SELECT COUNT(*) FROM messages WHERE id = $1 AND outcome IS NULL";
                let there: i64 = sqlx::query_scalar(sql)
                    .bind(id.to_string())
                    .fetch_one(&mut *kit.store.database().scope(kit.org).read().await.unwrap())
                    .await
                    .unwrap();
                assert_eq!(there, 1);
                journal.intend(record, false).await.unwrap();
                if number != 7 {
                    journal.outcome(kit.org, id, 250, "relayed");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    drop(journal);
    writing.await.unwrap();
    let row = sqlx::query("SELECT COUNT(*), COUNT(outcome), MIN(reply_code) FROM messages");
    let row = row.fetch_one(&mut kit.place.peek().await).await.unwrap();
    assert_eq!((row.get::<i64, _>(0), row.get::<i64, _>(1), row.get::<i64, _>(2)), (200, 199, 250));
    let later = kit.clock.now_ms() + 1;
    let (open, count) = kit.store.database().open_intents(later).await.unwrap();
    assert_eq!((open.len(), count, open[0].org), (1, 1, kit.org));
    assert_eq!(kit.store.database().settle_intents(later).await.unwrap(), 1);
    assert_eq!(kit.store.database().open_intents(later).await.unwrap().1, 0);
}

async fn a_journal_without_a_database_refuses_the_intent(on: Backend) {
    let kit = kit(on).await;
    let stop = CancellationToken::new();
    let (journal, writing) = JournalWriter::start(kit.store.database().clone(), stop.clone());
    kit.store.database().close().await;
    let error = journal.intend(record(&kit, kit.org), true).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    stop.cancel();
    writing.await.unwrap();
    assert!(journal.intend(record(&kit, kit.org), false).await.unwrap_err().to_string().contains("closed"));
}

on_each_database! {
    every_intent_is_there_when_it_is_answered_and_every_outcome_at_the_end,
    a_journal_without_a_database_refuses_the_intent,
}
