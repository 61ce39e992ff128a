//! Organisations with a database and an object store of their own: their rows are there and nowhere else, and its outage
//! is theirs alone.

mod copies;
mod ends;

use crate::isolation::keeps_organisations_apart;
use crate::support::backend::Backend;
use crate::support::client::{PATIENCE, Reply};
use crate::support::postgres::{PostgresServer, TestDatabase};
use crate::support::sink::{Behaviour, Sink};
use crate::support::world::{SUPPLIERS, Setup, World, changed_invoice, clean_invoice};
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;

const ACME: &str = "accounts@acme-supplies.example";
const CONTOSO: &str = "accounts@contoso.example";
const FABRIKAM: &str = "accounts@fabrikam.example";
/// A role of its own for the pinned database: nothing of its password may be seen anywhere.
const ROLE: &str = "fabrikam_server";
const PASSWORD: &str = "Zx81-never-shown";

/// Where the pinned organisation is.
enum Own {
    Server(TestDatabase, String),
    File(PathBuf),
}

impl Own {
    fn server(server: &Arc<PostgresServer>) -> Self {
        let database = server.empty();
        let role = format!(
            "DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '{ROLE}') THEN \
             CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'; END IF; END $$"
        );
        server.admin("postgres", &role);
        let url = server.url(ROLE, PASSWORD, database.name());
        Self::Server(database, url)
    }

    fn url(&self) -> String {
        match self {
            Self::Server(_, url) => url.clone(),
            Self::File(path) => format!("sqlite:{}", path.display()),
        }
    }

    async fn sql(&self) -> AnyConnection {
        sqlx::any::install_default_drivers();
        let url = match self {
            Self::Server(database, _) => database.admin_url(),
            Self::File(_) => self.url(),
        };
        AnyConnection::connect(&url).await.unwrap()
    }
}

/// Takes the pinned database away, until it is given back: a server stops, the volume of a file is not there.
async fn away(own: &Own, world: &mut World) {
    match own {
        Own::Server(database, _) => tokio::task::block_in_place(|| database.server().stop()),
        Own::File(path) => {
            world.kill();
            std::fs::rename(path.parent().unwrap(), aside(path)).unwrap();
            world.serve();
        }
    }
}

async fn back(own: &Own) {
    match own {
        Own::Server(database, _) => tokio::task::block_in_place(|| database.server().resume()),
        Own::File(path) => std::fs::rename(aside(path), path.parent().unwrap()).unwrap(),
    }
}

fn aside(path: &Path) -> PathBuf {
    path.parent().unwrap().with_extension("aside")
}

/// The arguments that make an organisation of this name in its own places.
fn creating(name: &str, mailbox: &str, own: &Own, objects: &Path, next_hop: &str) -> Vec<String> {
    let mut arguments = vec!["org", "create", name, "--mailbox", mailbox, "--next-hop", next_hop];
    arguments.extend(["--next-hop-tls", "none", "--admin-email", "it@fabrikam.example"]);
    let mut arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
    arguments.extend(["--database".to_owned(), own.url()]);
    arguments.extend(["--objects".to_owned(), format!("file:{}", objects.display())]);
    if let Own::Server(database, _) = own {
        arguments.extend(["--database-owner".to_owned(), database.owner_url()]);
    }
    arguments
}

fn run(world: &World, arguments: &[String]) -> Output {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    world.command(&arguments).output().unwrap()
}

fn said(done: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr))
}

async fn hand_in(world: &World, to: &str, octets: &[u8]) -> Reply {
    world.hello().await.send(ACME, &[to], octets).await.unwrap()
}

/// Hands the message in again and again, as its sender would, until it is taken.
async fn hand_in_until_taken(world: &World, to: &str, octets: &[u8]) {
    let trying = async {
        while hand_in(world, to, octets).await.code != 250 {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, trying).await.is_ok(), "it is never taken: {}", world.log());
}

/// Table → rows of this organisation, of those tables that have any.
async fn rows_of(sql: &mut AnyConnection, postgres: bool, org: &str) -> Vec<(String, i64)> {
    let tables = match postgres {
        true => {
            "SELECT table_name::text FROM information_schema.columns \
             WHERE table_schema = 'public' AND column_name = 'org_id' ORDER BY 1"
        }
        false => {
            "SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c ON c.name = 'org_id' \
             WHERE m.type = 'table' ORDER BY 1"
        }
    };
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut *sql).await.unwrap();
    assert!(tables.len() > 20, "{tables:?}");
    let mut found = Vec::new();
    for table in tables {
        let count = format!("SELECT COUNT(*) FROM {table} WHERE org_id = $1");
        let count: i64 =
            sqlx::query_scalar(AssertSqlSafe(count)).bind(org).fetch_one(&mut *sql).await.unwrap();
        if count > 0 {
            found.push((table, count));
        }
    }
    found
}

fn id_of(world: &World, name: &str) -> String {
    let all = world.json(&["org", "list"]);
    let found = all.iter().find(|org| org["name"] == name);
    found.unwrap_or_else(|| panic!("{name} is not in {all:?}"))["id"].as_str().unwrap().to_owned()
}

fn page(world: &World, path: &str) -> String {
    let url = format!("http://{}{path}", world.web.unwrap());
    let done = std::process::Command::new("curl").args(["-s", "-i", &url]).output();
    let done = done.expect("this test needs curl: apt-get install -y curl");
    String::from_utf8(done.stdout).unwrap()
}

fn suppliers(world: &World) {
    let file = world.folder.path().join("suppliers-fabrikam.csv");
    std::fs::write(&file, SUPPLIERS).unwrap();
    world.run(&["suppliers", "import", file.to_str().unwrap(), "--verified", "--org", "Fabrikam"]);
}

async fn lives_in_its_own_database_alone(backend: Backend, own: Own) {
    let sink = Sink::start(Behaviour::default()).await;
    let next_hop = sink.address().to_string();
    let mut world = World::start(Setup::new(sink.address()).on(backend));
    let objects = world.folder.path().join("own-objects");
    let created = run(&world, &creating("Fabrikam", FABRIKAM, &own, &objects, &next_hop));
    assert!(created.status.success(), "{}", said(&created));
    let org = id_of(&world, "Fabrikam");
    suppliers(&world);

    // It is served without a restart: held, released, audited.
    hand_in_until_taken(&world, FABRIKAM, &changed_invoice("held@t")).await;
    let held = world.json(&["quarantine", "list", "--org", "Fabrikam"]);
    assert_eq!(held.len(), 1, "{held:?}");
    let id = held[0]["id"].as_str().unwrap();
    assert!(world.json(&["quarantine", "list", "--org", "Contoso"]).is_empty());
    assert!(objects.join(&org).join(id).exists(), "the body lies in the store of its own");
    world.run(&["quarantine", "release", id, "--reason", "called back", "--org", "Fabrikam"]);
    world.wait_until(|_| sink.copies("held@t") == 1, "the released mail is sent").await;
    hand_in_until_taken(&world, FABRIKAM, &clean_invoice("clean@t")).await;
    hand_in_until_taken(&world, CONTOSO, &clean_invoice("others@t")).await;
    assert_eq!((sink.copies("clean@t"), sink.copies("others@t")), (1, 1));
    let audit = world.json(&["audit", "list", "--org", "Fabrikam"]);
    for action in ["org.create", "quarantine.release", "suppliers.import"] {
        assert!(audit.iter().any(|entry| entry["action"] == action), "{action}: {audit:?}");
    }
    let noted = audit.iter().find(|entry| entry["action"] == "org.create").unwrap();
    let kind = if matches!(own, Own::Server(..)) { "postgresql" } else { "sqlite" };
    assert_eq!(noted["detail"]["database"]["kind"], kind, "{noted}");
    assert_eq!(noted["detail"]["objects"]["kind"], "folder", "{noted}");
    assert!(!format!("{audit:?}").contains(PASSWORD), "{audit:?}");
    world.run(&["audit", "verify", "--org", "Fabrikam"]);
    world.run(&["keys", "rotate", "--purpose", "data", "--org", "Fabrikam"]);

    // Its rows are there, and of them the main database has what routes its mail.
    let mut own_sql = own.sql().await;
    let there = rows_of(&mut own_sql, matches!(own, Own::Server(..)), &org).await;
    for table in ["messages", "quarantine", "suppliers", "supplier_accounts", "audit", "outbox", "org_keys"] {
        assert!(there.iter().any(|(name, _)| name == table), "{table} is not in {there:?}");
    }
    assert!(!there.iter().any(|(name, _)| name == "org_pins"), "{there:?}");
    let mut main_sql = world.sql().await;
    let here = rows_of(&mut main_sql, backend != Backend::Sqlite, &org).await;
    let names: Vec<&str> = here.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["mailbox_addresses", "org_domains", "org_pins"], "{here:?}");

    // Its outage is its own: others' mail flows, and a new process knows whose mail it is.
    drop(own_sql);
    away(&own, &mut world).await;
    let deferred = hand_in(&world, FABRIKAM, &clean_invoice("later@t")).await;
    assert!(format!("{} {}", deferred.code, deferred.text).starts_with("451 4.3.0"), "{deferred:?}");
    assert_eq!(hand_in(&world, CONTOSO, &clean_invoice("meanwhile@t")).await.code, 250);
    world.wait_until(|world| page(world, "/readyz").contains(&format!("{org}\":\"degraded")), "named").await;
    assert!(page(&world, "/readyz").starts_with("HTTP/1.1 200"));
    world.kill();
    world.serve();
    let deferred = hand_in(&world, FABRIKAM, &clean_invoice("later@t")).await;
    assert!(format!("{} {}", deferred.code, deferred.text).starts_with("451 4.3.0"), "{deferred:?}");
    assert_eq!(hand_in(&world, CONTOSO, &changed_invoice("meanwhile-held@t")).await.code, 250);
    let listed = world.json(&["org", "list"]);
    assert!(listed.iter().any(|org| org["name"] == "Fabrikam" && org["away"].is_string()), "{listed:?}");
    back(&own).await;
    hand_in_until_taken(&world, FABRIKAM, &clean_invoice("later@t")).await;
    assert_eq!(sink.copies("later@t"), 1);
    world.wait_until(|world| page(world, "/readyz").contains(&format!("{org}\":\"ok")), "back").await;

    for text in [world.log(), said(&created), page(&world, "/readyz")] {
        assert!(!text.contains(PASSWORD), "the password is shown: {text}");
    }
    for file in world.data_files() {
        let octets = std::fs::read(&file).unwrap_or_default();
        let found = octets.windows(PASSWORD.len()).any(|part| part == PASSWORD.as_bytes());
        assert!(!found, "the password lies in {}", file.display());
    }
    world.stop();
    if let Own::Server(database, url) = &own {
        keeps_organisations_apart(&database.admin_url(), url).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_another_server_beside_a_file() {
    let own = tokio::task::block_in_place(|| Own::server(&Arc::new(PostgresServer::start())));
    lives_in_its_own_database_alone(Backend::Sqlite, own).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_another_server_beside_a_server() {
    let own = tokio::task::block_in_place(|| Own::server(&Arc::new(PostgresServer::start())));
    lives_in_its_own_database_alone(Backend::Postgres, own).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_file_beside_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let volume = folder.path().join("volume");
    std::fs::create_dir(&volume).unwrap();
    lives_in_its_own_database_alone(Backend::Postgres, Own::File(volume.join("own.db"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_that_cannot_be_are_refused_and_reserve_nothing() {
    let sink = Sink::start(Behaviour::default()).await;
    let next_hop = sink.address().to_string();
    let world = World::prepare(Setup::new(sink.address()));
    let objects = world.folder.path().join("own-objects");
    let own = Own::File(world.folder.path().join("own.db"));
    let create = |name: &str, mailbox: &str, own: &Own| {
        run(&world, &creating(name, mailbox, own, &objects, &next_hop))
    };
    let main = Own::File(world.dir().join("data/sentra.db"));
    for (own, expected) in [
        (&main, "the main database"),
        (&Own::File("own.db".into()), "absolute path"),
        (&Own::File(world.folder.path().join("missing/own.db")), "create its folder"),
    ] {
        let done = create("Fabrikam", FABRIKAM, own);
        assert_eq!(done.status.code(), Some(1), "{}", said(&done));
        assert!(said(&done).contains(expected), "{expected}: {}", said(&done));
    }
    // An address is one organisation's, wherever its rows are.
    let taken = create("Fabrikam", CONTOSO, &own);
    assert!(said(&taken).contains("belongs to another protected mailbox"), "{}", said(&taken));
    let done = create("Fabrikam", FABRIKAM, &own);
    assert!(done.status.success(), "{}", said(&done));
    let taken = world.command(&["org", "mailbox", "add", FABRIKAM, "--org", "Contoso"]).output().unwrap();
    assert!(said(&taken).contains("belongs to another protected mailbox"), "{}", said(&taken));
    let taken = world.command(&["org", "mailbox", "add", CONTOSO, "--org", "Fabrikam"]).output().unwrap();
    assert!(said(&taken).contains("belongs to another protected mailbox"), "{}", said(&taken));
    let taken = create("Fabrikam", "other@fabrikam.example", &own);
    assert!(said(&taken).contains("an organisation of that name exists"), "{}", said(&taken));
    // What was given back can be taken.
    world.run(&["org", "mailbox", "add", "second@fabrikam.example", "--org", "Fabrikam"]);
    world.run(&["org", "mailbox", "remove", "second@fabrikam.example", "--org", "Fabrikam"]);
    world.run(&["org", "mailbox", "add", "second@fabrikam.example", "--org", "Contoso"]);
    world.run(&["org", "set", "name=Fabrikam Ltd", "--org", "Fabrikam"]);
    let taken = world.command(&["org", "set", "name=Fabrikam Ltd", "--org", "Contoso"]).output().unwrap();
    assert!(said(&taken).contains("an organisation of that name exists"), "{}", said(&taken));
    // Two may share a database; that of another installation is nobody's to share.
    let done = create("Litware", "accounts@litware.example", &own);
    assert!(done.status.success(), "{}", said(&done));
    let other = World::prepare(Setup::new(sink.address()));
    let done = run(&other, &creating("Fabrikam", FABRIKAM, &own, &objects, &next_hop));
    assert!(said(&done).contains("not pinned to it here"), "{}", said(&done));
    let moved = world.command(&["org", "set", "database=sqlite:/x", "--org", "Litware"]).output().unwrap();
    assert_eq!(moved.status.code(), Some(2), "{}", said(&moved));
    assert!(said(&moved).contains("when an organisation is created"), "{}", said(&moved));
    let shown = world.json(&["org", "show", "--org", "Litware"]).remove(0);
    assert!(shown["own_database"].as_str().unwrap().ends_with("own.db"), "{shown}");
}

/// Both gaps of a creation, each held open by a lock while the command is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_creation_killed_half_way_is_undone_or_finished() {
    let sink = Sink::start(Behaviour::default()).await;
    let next_hop = sink.address().to_string();
    let world = World::prepare(Setup::new(sink.address()));
    let objects = world.folder.path().join("own-objects");
    let own = Own::File(world.folder.path().join("own.db"));
    // Makes the file, so that it can be locked.
    let first = run(&world, &creating("Litware", "accounts@litware.example", &own, &objects, &next_hop));
    assert!(first.status.success(), "{}", said(&first));
    let mut main = world.sql().await;
    let mut there = own.sql().await;
    for connection in [&mut main, &mut there] {
        sqlx::query("PRAGMA busy_timeout = 60000").execute(&mut *connection).await.unwrap();
    }
    let fabrikam = creating("Fabrikam", FABRIKAM, &own, &objects, &next_hop);
    let begun = "SELECT COUNT(*) FROM org_pins WHERE state = 'creating'";
    let whole = "SELECT COUNT(*) FROM organisations WHERE name = 'Fabrikam'";
    for finished in [false, true] {
        sqlx::query("BEGIN IMMEDIATE").execute(&mut there).await.unwrap();
        let arguments: Vec<&str> = fabrikam.iter().map(String::as_str).collect();
        let mut command = world.command(&arguments);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        until(&mut main, begun, 1).await;
        if finished {
            sqlx::query("BEGIN IMMEDIATE").execute(&mut main).await.unwrap();
            sqlx::query("ROLLBACK").execute(&mut there).await.unwrap();
            until(&mut there, whole, 1).await;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        sqlx::query("ROLLBACK").execute(if finished { &mut main } else { &mut there }).await.unwrap();
        // Nothing of it counts; its name is kept for a moment.
        let names: Vec<_> = world.json(&["org", "list"]).iter().map(|org| org["name"].clone()).collect();
        assert_eq!(names, ["Contoso", "Litware"]);
        let again = run(&world, &fabrikam);
        assert!(!again.status.success(), "{}", said(&again));
        let aged = "UPDATE org_pins SET created_at = 0 WHERE state = 'creating'";
        sqlx::query(aged).execute(&mut main).await.unwrap();
        world.run(&["migrate"]);
        let listed = world.json(&["org", "list"]).iter().any(|org| org["name"] == "Fabrikam");
        assert_eq!(listed, finished);
        until(&mut main, begun, 0).await;
        until(&mut main, whole, i64::from(finished)).await;
        until(&mut there, whole, i64::from(finished)).await;
    }
    world.run(&["org", "token", "rotate", "--org", "Fabrikam"]);
    world.run(&["audit", "verify", "--org", "Fabrikam"]);
}

async fn until(sql: &mut AnyConnection, count: &'static str, expected: i64) {
    let waiting = async {
        while sqlx::query_scalar::<_, i64>(count).fetch_one(&mut *sql).await.unwrap() != expected {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "never {expected}: {count}");
}
