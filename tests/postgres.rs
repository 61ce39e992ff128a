//! PostgreSQL as a server that people run: schema, roles, restarts.

use crate::support::backend::Backend;
use crate::support::client::PATIENCE;
use crate::support::postgres::{OWNER, PostgresServer, ROLE, TestDatabase};
use crate::support::sink::{Behaviour, Sink};
use crate::support::world::{Setup, World, changed_invoice, clean_invoice};
use sentra::adapters::store::{self, Database};
use std::sync::Arc;

fn server() -> Arc<PostgresServer> {
    tokio::task::block_in_place(PostgresServer::shared)
}

/// What opening it for service says.
async fn refusal(url: &str) -> String {
    let database = Database::open(url).await.unwrap();
    let refused = database.migrate().await;
    database.close().await;
    refused.map_or_else(|error| error.to_string(), |()| "served".to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_schema_is_migrated_by_the_owner_alone() {
    let empty = tokio::task::block_in_place(|| server().empty());
    let says = refusal(&empty.url()).await;
    assert!(says.contains("has no schema of sentra") && says.contains("sentra migrate"), "{says}");
    for _ in 0..2 {
        store::migrate(&empty.url(), Some(&empty.owner_url())).await.unwrap();
        assert_eq!(refusal(&empty.url()).await, "served");
    }
    // In a hurry: two at once.
    let (one, two) = (empty.url(), empty.owner_url());
    let (first, second) = tokio::join!(store::migrate(&one, Some(&two)), store::migrate(&one, Some(&two)));
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
    for (name, sql, expected) in [
        ("older", "DELETE FROM _sqlx_migrations WHERE version = 2", "older schema"),
        (
            "other",
            "UPDATE _sqlx_migrations SET checksum = '\\x00' WHERE version = 1",
            "made by other migrations",
        ),
        (
            "newer",
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES (9999, 'later', TRUE, '\\x00', 0)",
            "a newer sentra wrote",
        ),
    ] {
        let database = tokio::task::block_in_place(|| server().database());
        database.admin(sql);
        let says = refusal(&database.url()).await;
        assert!(says.contains(expected), "{name}: {says}");
    }
    let missing = store::migrate(&empty.url(), None).await.unwrap_err().to_string();
    assert!(missing.contains("database.owner_url") && missing.contains("--database-owner"), "{missing}");
    let same = store::migrate(&empty.owner_url(), Some(&empty.owner_url())).await.unwrap_err().to_string();
    assert!(same.contains("are the same"), "{same}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_may_make_roles_makes_the_servers() {
    let server = server();
    let empty = tokio::task::block_in_place(|| server.empty());
    let url = server.url("made_by_migrate", "p%40ss%20word", empty.name());
    let error = store::migrate(&url, Some(&empty.owner_url())).await.unwrap_err().to_string();
    assert!(error.contains("may not make roles") && error.contains("CREATE ROLE"), "{error}");
    assert!(!error.contains("p%40ss") && !error.contains("p@ss"), "{error}");
    server.admin("postgres", "CREATE ROLE maker LOGIN CREATEROLE PASSWORD 'maker'");
    let made = TestOwner::of(&server, "maker");
    let owner = server.url("maker", "maker", &made.0);
    let url = server.url("made_by_migrate", "p%40ss%20word", &made.0);
    store::migrate(&url, Some(&owner)).await.unwrap();
    assert_eq!(refusal(&url).await, "served");
}

/// A database owned by somebody else than [`OWNER`].
struct TestOwner(String, Arc<PostgresServer>);

impl TestOwner {
    fn of(server: &Arc<PostgresServer>, owner: &str) -> Self {
        server.admin("postgres", &format!("CREATE DATABASE of_{owner} OWNER {owner}"));
        Self(format!("of_{owner}"), Arc::clone(server))
    }
}

impl Drop for TestOwner {
    fn drop(&mut self) {
        self.1.admin("postgres", &format!("DROP DATABASE {} WITH (FORCE)", self.0));
    }
}

/// Each way in which a role gets around row-level security is found, named, and has its remedy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_could_get_around_the_policies_is_not_served() {
    let server = server();
    let database = tokio::task::block_in_place(|| server.database());
    let role = |number: usize| format!("unfit_{number}");
    let cases: [(&str, &str, &str); 9] = [
        ("superuser", "ALTER ROLE ROLE SUPERUSER", "is superuser"),
        ("bypassrls", "ALTER ROLE ROLE BYPASSRLS", "has BYPASSRLS"),
        ("createrole", "ALTER ROLE ROLE CREATEROLE", "has CREATEROLE"),
        ("member of the owner", "GRANT sentra_owner TO ROLE", "owns"),
        ("member of a superuser", "GRANT admin TO ROLE", "can SET ROLE to admin"),
        ("reads files", "GRANT pg_read_server_files TO ROLE", "can SET ROLE to pg_read_server_files"),
        ("creates", "GRANT CREATE ON SCHEMA public TO ROLE", "may create objects"),
        ("truncates", "GRANT TRUNCATE ON quarantine TO ROLE", "TRUNCATE"),
        ("changes audit", "GRANT UPDATE ON audit TO ROLE", "may change audit entries"),
    ];
    for (number, (name, sql, expected)) in cases.into_iter().enumerate() {
        let role = role(number);
        database.admin(&format!("CREATE ROLE {role} LOGIN PASSWORD 'x'"));
        database.admin(&format!("SELECT sentra_grant('{role}')"));
        let url = server.url(&role, "x", database.name());
        assert_eq!(refusal(&url).await, "served", "{name}: before");
        database.admin(
            &sql.replace("ROLE ROLE", &format!("ROLE {role}")).replace("TO ROLE", &format!("TO {role}")),
        );
        let says = refusal(&url).await;
        assert!(says.contains("is not served") && says.contains(expected), "{name}: {says}");
        assert!(says.contains("help: "), "{name}: {says}");
    }
    let owned = refusal(&database.owner_url()).await;
    assert!(owned.contains("the role owns"), "{owned}");
    for (name, sql, expected) in [
        ("unforced", "ALTER TABLE users NO FORCE ROW LEVEL SECURITY", "not forced on the table users"),
        ("disabled", "ALTER TABLE users DISABLE ROW LEVEL SECURITY", "not forced on the table users"),
        (
            "a stranger",
            "CREATE TABLE notes (org_id TEXT, note TEXT); GRANT SELECT ON notes TO sentra_server",
            "not forced on the table notes",
        ),
        (
            "a view",
            "CREATE VIEW everything AS SELECT * FROM users; GRANT SELECT ON everything TO sentra_server",
            "everything shows rows past",
        ),
        (
            "another read",
            "SELECT sentra_read_across('users', 'organisations,somebody')",
            "lets other reads cross organisations",
        ),
    ] {
        let database = tokio::task::block_in_place(|| server.database());
        database.admin(sql);
        let says = refusal(&database.url()).await;
        assert!(says.contains(expected), "{name}: {says}");
    }
}

/// The commands say it as the operator reads it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_name_the_remedy_and_never_the_password() {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::prepare(Setup::new(sink.address()).on(Backend::Postgres));
    world.run(&["migrate"]);
    world.postgres().admin("DELETE FROM _sqlx_migrations WHERE version = 2");
    for command in [vec!["serve"], vec!["org", "list"]] {
        let done = world.command(&command).output().unwrap();
        let says = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(1), "{says}");
        assert!(says.contains("older schema") && says.contains("sentra migrate"), "{says}");
        assert!(!says.contains("server:server") && !says.contains(":server@"), "{says}");
    }
    let shown = world.run(&["config", "show"]);
    assert!(!shown.contains("owner:owner") && !shown.contains(":server@"), "{shown}");
}

/// The server is restarted in the middle of the traffic: deferred while it is away, then as before; nothing is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_restarted_server_defers_and_loses_nothing() {
    let server = Arc::new(tokio::task::block_in_place(PostgresServer::start));
    let database: TestDatabase = tokio::task::block_in_place(|| server.database());
    let sink = Sink::start(Behaviour::default()).await;
    let setup = Setup::new(sink.address());
    let (url, owner) = (database.url(), database.owner_url());
    let world = World::start(setup.arg("--database").arg(&url).arg("--database-owner").arg(&owner));
    let send = async |id: String, held: bool| {
        let octets = if held { changed_invoice(&id) } else { clean_invoice(&id) };
        let mut client = world.hello().await;
        let to = ["accounts@contoso.example"];
        let reply = client.send("accounts@acme-supplies.example", &to, &octets).await.unwrap();
        (id, held, reply.code)
    };
    let mut accepted = Vec::new();
    for round in 0..3 {
        for number in 0..4 {
            let (id, held, code) = send(format!("before-{round}-{number}@t"), number % 2 == 0).await;
            assert_eq!(code, 250, "{id}");
            accepted.push((id, held));
        }
        tokio::task::block_in_place(|| server.stop());
        let (one, two) =
            tokio::join!(send(format!("away-{round}-a@t"), false), send(format!("away-{round}-b@t"), true));
        assert_eq!((one.2, two.2), (451, 451), "round {round}: nothing is taken without its record");
        tokio::task::block_in_place(|| server.resume());
        // The first ones may still meet a pool that is just finding out.
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let mut number = 0;
        loop {
            number += 1;
            let (id, held, code) = send(format!("after-{round}-{number}@t"), true).await;
            assert!(code == 250 || tokio::time::Instant::now() < deadline, "not back in time");
            if code == 250 {
                accepted.push((id, held));
                break;
            }
        }
    }
    let quarantine = world.quarantine();
    for (id, held) in &accepted {
        let bracketed = format!("<{id}>");
        let rows = quarantine.iter().filter(|row| row["message_id"] == *bracketed).count();
        assert_eq!((rows, sink.copies(id)), if *held { (1, 0) } else { (0, 1) }, "{id}");
    }
    assert_eq!((OWNER, ROLE), ("sentra_owner", "sentra_server"), "the names that the SQL above uses");
}

/// One message finds out that the server is away; those after it are deferred without waiting, be it stopped or hung.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_outage_is_waited_for_once() {
    let server = Arc::new(tokio::task::block_in_place(PostgresServer::start));
    let database: TestDatabase = tokio::task::block_in_place(|| server.database());
    let sink = Sink::start(Behaviour::default()).await;
    let setup = Setup::new(sink.address());
    let (url, owner) = (database.url(), database.owner_url());
    let world = World::start(setup.arg("--database").arg(&url).arg("--database-owner").arg(&owner));
    let send = async |id: String| {
        let mut client = world.hello().await;
        let to = ["accounts@contoso.example"];
        client.send("accounts@acme-supplies.example", &to, &clean_invoice(&id)).await.unwrap().code
    };
    for how in ["stopped", "hung"] {
        assert_eq!(send(format!("before-{how}@t")).await, 250);
        let frozen = tokio::task::block_in_place(|| match how {
            "stopped" => {
                server.stop();
                None
            }
            _ => Some(server.freeze()),
        });
        // Waited for one by one, as a pool waits for a connection, they would take minutes.
        let all = async {
            for number in 0..24 {
                assert_eq!(send(format!("away-{how}-{number}@t")).await, 451, "{how} {number}");
            }
        };
        tokio::time::timeout(PATIENCE, all).await.expect("each message waits for the server");
        match frozen {
            Some(frozen) => drop(frozen),
            None => tokio::task::block_in_place(|| server.resume()),
        }
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while send(format!("after-{how}@t")).await != 250 {
            assert!(tokio::time::Instant::now() < deadline, "{how}: not back in time");
        }
    }
    assert!(world.logged(&["the database does not answer; mail is deferred"]) >= 2);
}
