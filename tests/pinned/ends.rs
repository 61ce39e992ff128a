//! What else happens to an organisation with places of its own: it leaves in a file, it is erased, its places cannot be
//! opened.

use super::*;
use serde_json::Value;
use std::time::Duration;

/// An installation beside which Fabrikam has a database and objects of its own, and a message that is held there.
async fn with_fabrikam(own: &Own) -> (World, Sink, PathBuf, String) {
    let sink = Sink::start(Behaviour::default()).await;
    let next_hop = sink.address().to_string();
    let mut world = World::prepare(Setup::new(sink.address()));
    let objects = world.folder.path().join("own-objects");
    let done = run(&world, &creating("Fabrikam", FABRIKAM, own, &objects, &next_hop));
    assert!(done.status.success(), "{}", said(&done));
    let org = id_of(&world, "Fabrikam");
    suppliers(&world);
    world.serve();
    hand_in_until_taken(&world, FABRIKAM, &changed_invoice("held@t")).await;
    (world, sink, objects, org)
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

fn own_file(folder: &tempfile::TempDir) -> Own {
    Own::File(folder.path().join("own.db"))
}

async fn answers_with(world: &World, to: &str, class: u16) {
    let trying = async {
        while hand_in(world, to, &clean_invoice("who@t")).await.code / 100 != class {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, trying).await.is_ok(), "never {class}xx: {}", world.log());
}

async fn no_row_is_left(own: &Own, world: &World, org: &str) {
    let on_server = matches!(own, Own::Server(..));
    let there = rows_of(&mut own.sql().await, on_server, org).await;
    assert!(there.is_empty(), "{there:?}");
    let mut main = world.sql().await;
    let here = rows_of(&mut main, false, org).await;
    assert!(here.is_empty(), "{here:?}");
    let stub: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM organisations WHERE id = $1")
        .bind(org)
        .fetch_one(&mut main)
        .await
        .unwrap();
    assert_eq!(stub, 0);
}

fn erasing(certificate: &Path) -> Vec<String> {
    let mut command =
        vec!["org", "erase", "Fabrikam", "--yes", "--confirm", "Fabrikam", "--force", "--certificate"];
    command.push(certificate.to_str().unwrap());
    command.into_iter().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_leaves_in_a_file_and_is_erased_on_a_server() {
    let own = tokio::task::block_in_place(|| Own::server(&Arc::new(PostgresServer::start())));
    let (world, sink, objects, org) = with_fabrikam(&own).await;
    let secret = world.folder.path().join("secret");
    std::fs::write(&secret, "seventeen letters and more\n").unwrap();
    let file = world.folder.path().join("fabrikam.sentra");
    let (file, secret) = (file.to_str().unwrap(), secret.to_str().unwrap());
    let done = world.json(&["org", "export", "Fabrikam", "--out", file, "--passphrase-file", secret]);
    assert_eq!(done[0]["bodies"], 1, "{done:?}");
    // It is here: nobody brings in a second one of it.
    let again = world.command(&["org", "import", file, "--passphrase-file", secret]).output().unwrap();
    assert!(said(&again).contains("is here"), "{}", said(&again));
    let other_sink = Sink::start(Behaviour::default()).await;
    let other = World::prepare(Setup::new(other_sink.address()));
    other.run(&["org", "import", file, "--passphrase-file", secret]);
    assert_eq!(other.json(&["quarantine", "list", "--org", "Fabrikam"]).len(), 1);
    other.run(&["audit", "verify", "--org", "Fabrikam"]);
    let shown = other.json(&["org", "show", "--org", "Fabrikam"]).remove(0);
    assert!(shown.get("own_database").is_none() && shown.get("own_objects").is_none(), "{shown}");

    let plan = world.json(&["org", "erase", "Fabrikam"]).remove(0);
    assert_eq!(plan["would_erase"]["rows"]["quarantine"], 1, "{plan}");
    let certificate = world.folder.path().join("gone.json");
    let done = run(&world, &erasing(&certificate));
    assert!(done.status.success(), "{}", said(&done));
    no_row_is_left(&own, &world, &org).await;
    assert_eq!(files_below(&objects), Vec::<PathBuf>::new());
    let text = std::fs::read_to_string(&certificate).unwrap();
    let signed: Value = serde_json::from_str(&text).unwrap();
    let Own::Server(database, _) = &own else { unreachable!() };
    let place = signed["certificate"]["database"].as_str().unwrap();
    assert!(place.contains(database.name()) && !text.contains(PASSWORD), "{text}");
    answers_with(&world, FABRIKAM, 5).await;
    assert_eq!(hand_in(&world, CONTOSO, &clean_invoice("others@t")).await.code, 250);
    // Its database, its name and its address are free again.
    let next_hop = sink.address().to_string();
    let done = run(&world, &creating("Fabrikam", FABRIKAM, &own, &objects, &next_hop));
    assert!(done.status.success(), "{}", said(&done));
    hand_in_until_taken(&world, FABRIKAM, &clean_invoice("anew@t")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_that_was_killed_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let own = own_file(&folder);
    let (world, _sink, objects, org) = with_fabrikam(&own).await;
    let (mut main, mut there) = (world.sql().await, own.sql().await);
    let many = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000) \
         INSERT INTO history (org_id, subject, kind, detail, first_seen, last_seen, times) \
         SELECT '{org}', 'subject ' || i, 'seen', '', 1, 1, 1 FROM n"
    );
    sqlx::query(AssertSqlSafe(many)).execute(&mut there).await.unwrap();
    let sealed: Vec<u8> =
        sqlx::query_scalar("SELECT sealed_database FROM org_pins").fetch_one(&mut main).await.unwrap();
    let certificate = world.folder.path().join("gone.json");
    let command = erasing(&certificate);
    let arguments: Vec<&str> = command.iter().map(String::as_str).collect();
    let mut command_ = world.command(&arguments);
    let mut child = command_.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until(&mut there, "SELECT COUNT(*) FROM organisations WHERE name LIKE 'erased%'", 1).await;
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success(), "killed behind the point of no return");

    // It is none any more, for running servers either; only its rows are still going.
    answers_with(&world, FABRIKAM, 5).await;
    let listed = world.json(&["org", "list"]);
    assert_eq!(listed.len(), 1, "{listed:?}");
    let done = run(&world, &command);
    assert!(done.status.success(), "{}", said(&done));
    let signed: Value = serde_json::from_str(&std::fs::read_to_string(&certificate).unwrap()).unwrap();
    assert_eq!(signed["certificate"]["resumed"], true);
    drop(there);
    no_row_is_left(&own, &world, &org).await;
    assert_eq!(files_below(&objects), Vec::<PathBuf>::new());

    // Killed between the last of its own rows and what the main database has of it.
    for sql in [
        "INSERT INTO organisations (id, name, mode, fail_policy, created_at, updated_at) \
         VALUES ($1, 'erased', 'enforce', 'defer', 0, 0)",
        "INSERT INTO org_pins (org_id, sealed_database, state, created_at) VALUES ($1, $2, 'erasing', 0)",
    ] {
        let query = sqlx::query(sql).bind(&org);
        let query = if sql.contains("$2") { query.bind(sealed.clone()) } else { query };
        query.execute(&mut main).await.unwrap();
    }
    assert_eq!(world.json(&["org", "list"]).len(), 1);
    world.run(&["migrate"]);
    no_row_is_left(&own, &world, &org).await;
}

/// Damage to one organisation's URLs is that organisation's outage.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn urls_that_do_not_open_keep_nobody_else_from_being_served() {
    let folder = tempfile::tempdir().unwrap();
    let own = own_file(&folder);
    let (mut world, _sink, objects, org) = with_fabrikam(&own).await;
    let mut main = world.sql().await;
    let before = files_below(&objects).len();
    for column in ["sealed_objects", "sealed_database"] {
        let read = format!("SELECT {column} FROM org_pins");
        let sealed: Vec<u8> = sqlx::query_scalar(AssertSqlSafe(read)).fetch_one(&mut main).await.unwrap();
        let set = format!("UPDATE org_pins SET {column} = $1");
        let set_to = |octets: Vec<u8>| sqlx::query(AssertSqlSafe(set.clone())).bind(octets);
        let mut damaged = sealed.clone();
        *damaged.last_mut().unwrap() ^= 1;
        set_to(damaged).execute(&mut main).await.unwrap();
        world.kill();
        world.serve();
        let deferred = hand_in(&world, FABRIKAM, &changed_invoice("later@t")).await;
        assert!(format!("{} {}", deferred.code, deferred.text).starts_with("451 4.3.0"), "{deferred:?}");
        assert_eq!(hand_in(&world, CONTOSO, &changed_invoice(&format!("{column}@t"))).await.code, 250);
        let listed = world.json(&["org", "list"]);
        assert_eq!(listed.len(), 2, "{listed:?}");
        assert!(listed.iter().any(|org| org["name"] == "Fabrikam" && org["away"].is_string()), "{listed:?}");
        assert!(
            !world.dir().join("data/objects").join(&org).exists(),
            "nothing of it lies in the common store"
        );
        set_to(sealed).execute(&mut main).await.unwrap();
    }
    assert_eq!(files_below(&objects).len(), before);
    world.kill();
    world.serve();
    hand_in_until_taken(&world, FABRIKAM, &clean_invoice("again@t")).await;
}
