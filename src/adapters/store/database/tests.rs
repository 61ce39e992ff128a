use super::*;
use std::os::unix::fs::PermissionsExt as _;

#[tokio::test]
async fn opens_odd_paths_privately_and_migrates_twice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odd name#%41 ü.db");
    let database = Database::open(&format!("sqlite:{}", path.display())).await.unwrap();
    database.migrate().await.unwrap();
    database.migrate().await.unwrap();
    assert!(database.answers().await);
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
    }
    assert!(path.exists());
    database.close().await;
}

#[tokio::test]
async fn connections_are_as_hard_as_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("a.db").display());
    let database = Database::open(&url).await.unwrap();
    database.migrate().await.unwrap();
    for (durability, synchronous) in [(Durability::Durable, 2_i64), (Durability::Quick, 1)] {
        let mut write = database.begin_write(Seen::Nothing, durability).await.unwrap();
        for (pragma, value) in
            [("PRAGMA synchronous", synchronous), ("PRAGMA foreign_keys", 1), ("PRAGMA busy_timeout", 10_000)]
        {
            let found: i64 = sqlx::query_scalar(pragma).fetch_one(&mut *write).await.unwrap();
            assert_eq!(found, value, "{pragma} {durability:?}");
        }
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut *write).await.unwrap();
        assert_eq!(mode, "wal");
    }
    let refused = sqlx::query("UPDATE generations SET value = 2")
        .execute(&mut *database.begin_read(Seen::Nothing).await.unwrap())
        .await;
    assert!(refused.is_err(), "readers cannot write");
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("a.db").display());
    let database = Database::open(&url).await.unwrap();
    database.migrate().await.unwrap();
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 VALUES (9999, 'later', TRUE, x'00', 0)";
    database.execute_for(Seen::Nothing, Durability::Durable, sqlx::query(newer)).await.unwrap();
    let error = database.migrate().await.unwrap_err();
    assert!(error.to_string().contains("a newer sentra wrote this database"), "{error}");
}

#[tokio::test]
async fn a_dropped_transaction_changes_nothing_and_the_next_writer_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("a.db").display());
    let database = Database::open(&url).await.unwrap();
    database.migrate().await.unwrap();
    let set = "UPDATE generations SET value = 77 WHERE name = 'config'";
    let mut write = database.begin().await.unwrap();
    sqlx::query(set).execute(&mut *write).await.unwrap();
    drop(write);
    let value = "SELECT value FROM generations WHERE name = 'config'";
    let mut write = database.begin_write(Seen::Nothing, Durability::Quick).await.unwrap();
    assert_eq!(sqlx::query_scalar::<_, i64>(value).fetch_one(&mut *write).await.unwrap(), 1);
    sqlx::query(set).execute(&mut *write).await.unwrap();
    write.commit().await.unwrap();
    assert_eq!(
        sqlx::query_scalar::<_, i64>(value)
            .fetch_one(&mut *database.begin_read(Seen::Nothing).await.unwrap())
            .await
            .unwrap(),
        77
    );
}

/// A message's deadline can end while its transaction waits for another process's lock. The lock comes later, to a
/// connection that nobody waits for any more: it must not stay inside a transaction for ever.
#[tokio::test]
async fn a_transaction_given_up_while_it_begins_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("a.db").display());
    let (database, other) = (Database::open(&url).await.unwrap(), Database::open(&url).await.unwrap());
    database.migrate().await.unwrap();
    for durability in [Durability::Durable, Durability::Quick] {
        let lock = other.begin().await.unwrap();
        let given_up = tokio::time::timeout(
            std::time::Duration::from_millis(200),
            database.begin_write(Seen::Nothing, durability),
        );
        assert!(given_up.await.is_err(), "the other process holds the lock");
        drop(lock);
        let touch = "UPDATE generations SET value = value + 1 WHERE name = 'config'";
        for _ in 0..3 {
            let mut write = database.begin_write(Seen::Nothing, durability).await.unwrap();
            sqlx::query(touch).execute(&mut *write).await.unwrap();
            write.commit().await.unwrap();
        }
        let elsewhere = other.execute_for(Seen::Nothing, Durability::Quick, sqlx::query(touch)).await;
        assert_eq!(elsewhere.unwrap(), 1, "the write lock was given back");
    }
}

#[tokio::test]
async fn what_cannot_be_opened_is_named_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing/a.db");
    let error = Database::open(&format!("sqlite:{}", missing.display())).await.unwrap_err();
    assert!(error.to_string().contains("create its folder"), "{error}");
    let other = folder.path().join("other.db");
    std::fs::write(
        &other,
        "this is no database, but long enough to be looked at as if it were one".repeat(20),
    )
    .unwrap();
    let error = Database::open(&format!("sqlite:{}", other.display())).await.unwrap_err();
    assert!(error.to_string().contains("is a database of sentra"), "{error}");
}
