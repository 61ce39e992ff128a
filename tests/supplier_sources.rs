//! Live ledgers by the real program: consent, tokens, pages, outages, drift, a query on PostgreSQL.

use crate::support::ledger::Ledger;
use crate::support::world::{Setup, World};
use crate::support::xero::Xero;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;
use std::time::Duration;

const NEXT_HOP: &str = "127.0.0.1:9";
const GOOD: &str = "GB29NWBK60161331926819";
const OTHER: &str = "DE89370400440532013000";

fn contact(id: &str, name: &str, account: &str) -> Value {
    json!({
        "ContactID": id, "Name": name, "ContactStatus": "ACTIVE", "IsSupplier": true,
        "EmailAddress": format!("billing@{id}.example"), "BankAccountDetails": account,
        "Phones": [{ "PhoneType": "DEFAULT", "PhoneNumber": "7946 0018", "PhoneCountryCode": "44" }],
    })
}

fn world() -> World {
    World::prepare(Setup { suppliers: None, ..Setup::new(NEXT_HOP.parse().unwrap()) })
}

/// Runs a command that may fail: status, standard output, standard error.
fn outcome(world: &World, arguments: &[&str]) -> (i32, String, String) {
    let done = world.command(arguments).output().unwrap();
    let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
    (done.status.code().unwrap(), text(done.stdout), text(done.stderr))
}

/// Runs a sync and reads its report.
fn sync(world: &World, flags: &[&str]) -> Value {
    let (_, out, err) = outcome(world, &[&["suppliers", "sync", "--json"], flags].concat());
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"))
}

fn add(world: &World, xero: &Xero) {
    let options = xero.options();
    let mut arguments = vec!["suppliers", "source", "add", "books", "xero"];
    arguments.extend(options.iter().map(String::as_str));
    world.run(&arguments);
}

/// Gives consent as a person's browser does: follows the page's way back to the waiting program.
async fn connect(world: &World) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let redirect = format!("http://localhost:{port}/callback");
    let mut command = world.command(&["suppliers", "connect", "books", "--redirect", &redirect]);
    let mut program = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(program.stdout.take().unwrap());
    let mut lines = String::new();
    while !lines.contains("/authorize?") {
        assert!(out.read_line(&mut lines).unwrap() > 0, "{lines}");
    }
    let page = lines.lines().find(|line| line.contains("/authorize?")).unwrap();
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let back = browser.get(page).send().await.unwrap();
    let back = back.headers()["location"].to_str().unwrap().replace("localhost", "127.0.0.1");
    // A page of somebody else first: it is told so, and the program waits on.
    let foreign = format!("http://127.0.0.1:{port}/callback?code=stolen&state=guessed");
    assert_eq!(browser.get(foreign).send().await.unwrap().status(), 404);
    assert_eq!(browser.get(back).send().await.unwrap().status(), 200);
    let status = program.wait().unwrap();
    let mut err = String::new();
    program.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert!(status.success(), "{err}");
}

fn listed(world: &World) -> Vec<String> {
    let rows = world.json(&["suppliers", "list"]);
    rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

fn states(world: &World, id: &str) -> Vec<String> {
    let shown = world.json(&["suppliers", "show", id]);
    let accounts = shown[0]["accounts"].as_array().unwrap();
    accounts.iter().map(|account| account["state"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consent_pages_and_what_changed_since() {
    let mut archived = contact("c3", "Gone", "NO9386011117947");
    archived["ContactStatus"] = "ARCHIVED".into();
    let mut erased = contact("c4", "Erased", "");
    erased["ContactStatus"] = "GDPRREQUEST".into();
    let customer = json!({ "ContactID": "c5", "Name": "Customer", "IsCustomer": true });
    let contacts =
        vec![contact("c1", "Acme Ltd", GOOD), contact("c2", "Beta GmbH", OTHER), archived, erased, customer];
    let xero = Xero::start(contacts).await;
    let world = world();
    add(&world, &xero);
    let (code, _, err) = outcome(&world, &["suppliers", "sync", "books"]);
    assert!(
        code == 1 && err.contains("the source is not connected") && err.contains("suppliers connect"),
        "{err}"
    );
    connect(&world).await;

    let dry = sync(&world, &["books", "--dry-run"]);
    assert_eq!((&dry["created"], listed(&world).len()), (&json!(2), 0), "{dry}");
    xero.ledger.lock().unwrap().busy = 2;
    let report = sync(&world, &["books"]);
    assert_eq!(
        (&report["created"], &report["records"], &report["rejected"]),
        (&json!(2), &json!(4), &json!(0)),
        "{report}"
    );
    assert_eq!(listed(&world), ["c1", "c2"], "neither archived nor erased ones, nor customers");
    assert_eq!(states(&world, "c1"), ["pending"], "never verified by a ledger");
    let pages = std::mem::take(&mut xero.ledger.lock().unwrap().pages);
    assert_eq!(pages.iter().map(|(page, _)| *page).collect::<Vec<_>>(), [1, 2, 3, 1, 2, 3]);

    xero.ledger.lock().unwrap().unchanged = true;
    xero.expire();
    let report = sync(&world, &["books"]);
    assert_eq!((&report["records"], &report["updated"]), (&json!(0), &json!(0)), "{report}");
    let pages = std::mem::take(&mut xero.ledger.lock().unwrap().pages);
    assert!(matches!(pages.as_slice(), [(1, Some(since))] if since.starts_with("20")), "{pages:?}");
    assert_eq!(xero.ledger.lock().unwrap().spent.len(), 2, "the void token was refreshed once");
    assert_eq!(sync(&world, &["books", "--full"])["unchanged"], 2);

    // The tokens are nowhere in the clear.
    for file in world.data_files() {
        let octets = std::fs::read(&file).unwrap();
        for token in xero.tokens() {
            assert!(!octets.windows(token.len()).any(|w| w == token.as_bytes()), "{}", file.display());
        }
    }
    let [_, refresh] = xero.tokens();
    world.run(&["suppliers", "disconnect", "books"]);
    assert_eq!(xero.ledger.lock().unwrap().revoked, [refresh]);
    let (code, _, err) = outcome(&world, &["suppliers", "sync", "books"]);
    assert!(code == 1 && err.contains("not connected"), "{err}");
    let mut rows = world.sql().await;
    let audited: Vec<String> =
        sqlx::query_scalar("SELECT action FROM audit").fetch_all(&mut rows).await.unwrap();
    for action in ["source.add", "source.connect", "source.disconnect", "suppliers.sync"] {
        assert!(audited.iter().any(|entry| entry == action), "{action}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_half_a_page_and_a_vanished_record_change_nothing() {
    let contacts =
        vec![contact("c1", "Acme Ltd", GOOD), contact("c2", "Beta GmbH", OTHER), contact("c3", "Gamma", "")];
    let xero = Xero::start(contacts).await;
    let world = world();
    add(&world, &xero);
    connect(&world).await;
    xero.ledger.lock().unwrap().torn = true;
    let (code, _, err) = outcome(&world, &["suppliers", "sync", "books"]);
    assert!(code == 1 && err.contains("not the JSON that is documented"), "{err}");
    assert_eq!(listed(&world), Vec::<String>::new(), "the first page alone counts nothing");
    xero.ledger.lock().unwrap().torn = false;
    sync(&world, &["books"]);
    assert_eq!(listed(&world), ["c1", "c2", "c3"]);

    xero.ledger.lock().unwrap().contacts.remove(1);
    let report = sync(&world, &["books", "--full"]);
    assert_eq!(report["updated"], 0, "{report}");
    assert_eq!(
        (listed(&world).len(), states(&world, "c2")),
        (3, vec!["pending".to_owned()]),
        "nobody asked for its end"
    );

    // A record that cannot be read is named, the others are taken, and the next sync asks for it again.
    xero.ledger.lock().unwrap().contacts[0]["BankAccountDetails"] = "GB29NWBK60161331926818".into();
    xero.ledger.lock().unwrap().pages.clear();
    let report = sync(&world, &["books"]);
    assert_eq!((&report["rejected"], &report["errors"][0]["line"]), (&json!(1), &json!(1)), "{report}");
    sync(&world, &["books"]);
    let pages = std::mem::take(&mut xero.ledger.lock().unwrap().pages);
    let since: Vec<_> = pages.iter().map(|(_, since)| since.clone()).collect();
    assert!(since.windows(2).all(|two| two[0] == two[1]), "the cursor stays: {pages:?}");

    xero.forget_consent();
    let (code, _, err) = outcome(&world, &["suppliers", "sync", "books"]);
    assert!(code == 1 && err.contains("not connected"), "{err}");
    let sources = world.json(&["suppliers", "source", "list"]);
    assert_eq!(sources[0]["last_error"], "the source is not connected");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_that_differs_from_the_verified_record_raises_the_alarm() {
    let xero = Xero::start(vec![contact("c1", "Acme Ltd", GOOD)]).await;
    let mut world = world();
    world.import(&format!("supplier_id,name,iban\nc1,Acme Ltd,{GOOD}\n"), &["--verified"]);
    add(&world, &xero);
    connect(&world).await;
    assert_eq!(sync(&world, &["books"])["drift"], json!([]));
    xero.ledger.lock().unwrap().contacts[0]["BankAccountDetails"] = OTHER.into();
    let report = sync(&world, &["books", "--dry-run"]);
    assert_eq!((report["drift"].as_array().unwrap().len(), states(&world, "c1").len()), (1, 1), "{report}");
    let report = sync(&world, &["books"]);
    let drift = &report["drift"][0];
    assert_eq!(
        (&drift["account"], &drift["beside"][0]),
        (&json!("••••3000"), &json!("••••6819")),
        "{report}"
    );
    assert_eq!(states(&world, "c1"), ["verified", "pending"], "the record stands, the other waits");
    let cases = world.json(&["cases", "list"]);
    assert_eq!((cases.len(), &cases[0]["kind"]), (1, &json!("drift")), "{cases:?}");
    assert_eq!(sync(&world, &["books", "--full"])["drift"], json!([]), "said once");
    let mut rows = world.sql().await;
    let notices: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM outbox").fetch_one(&mut rows).await.unwrap();
    assert!(notices >= 1, "the administrators are told");
    drop(rows);

    // The server asks by itself.
    world.run(&["suppliers", "source", "remove", "books"]);
    let options = xero.options();
    let mut arguments = vec!["suppliers", "source", "add", "books", "xero", "--every", "60"];
    arguments.extend(options.iter().map(String::as_str));
    world.run(&arguments);
    connect(&world).await;
    xero.ledger.lock().unwrap().pages.clear();
    world.serve();
    world.wait_until(|_| !xero.ledger.lock().unwrap().pages.is_empty(), "a sync by itself").await;
    let synced = |world: &World| !world.json(&["suppliers", "source", "list"])[0]["last_ok_at"].is_null();
    world.wait_until(synced, "its end").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_on_postgresql() {
    let database = tokio::task::block_in_place(Ledger::start);
    database.admin(
        "CREATE TABLE vendors (no BIGINT, title TEXT, iban TEXT, acct NUMERIC(30), sort TEXT, n INT);
         INSERT INTO vendors VALUES (1, 'Acme', 'GB29NWBK60161331926819', NULL, NULL, 1),
                                    (2, 'Beta', NULL, 12345678, '200000', 2), (3, 'Bad', 'GB00', NULL, NULL, 3);
         CREATE SEQUENCE s; GRANT ALL ON vendors, s TO PUBLIC",
    );
    let world = world();
    let secret = world.dir().join("ledger.url");
    std::fs::write(&secret, database.url()).unwrap();
    let file = format!("url_file={}", secret.display());
    let add = |name: &str, query: &str| {
        let query = format!("query={query}");
        world.run(&["suppliers", "source", "add", name, "postgres", &file, &query, "tls=off"]);
    };
    add(
        "ledger",
        "SELECT no AS supplier_id, title AS name, iban, acct AS account_number, sort AS sort_code FROM vendors ORDER BY n;",
    );
    let report = sync(&world, &["ledger"]);
    assert_eq!(
        (&report["created"], &report["rejected"], &report["errors"][0]["line"]),
        (&json!(2), &json!(1), &json!(3)),
        "{report}"
    );
    assert_eq!(listed(&world), ["1", "2"]);
    database.admin("DELETE FROM vendors WHERE no = 3");
    assert_eq!(sync(&world, &["ledger"])["unchanged"], 2);

    for (name, query, want) in [
        ("writes", "DELETE FROM vendors RETURNING title AS name", "SQLSTATE 42601"),
        ("two", "SELECT 1 AS name; DROP TABLE vendors", "SQLSTATE 42601"),
        ("function", "SELECT setval('s', 1)::text AS name", "SQLSTATE 25006"),
        ("missing", "SELECT * FROM nowhere", "SQLSTATE 42P01"),
        ("nameless", "SELECT 1 AS one", "there is no column `name`"),
    ] {
        add(name, query);
        let (code, _, err) = outcome(&world, &["suppliers", "sync", name]);
        assert!(code == 1 && err.contains(want), "{name}: {err}");
        assert!(!err.contains("ledger-password") && !err.contains("postgres://"), "{err}");
    }
    assert_eq!(database.admin("SELECT COUNT(*) FROM vendors"), "2");
    let listed = outcome(&world, &["suppliers", "source", "list", "--json"]).1;
    assert!(!listed.contains("postgres://") && listed.contains("\"query\""), "{listed}");

    // A server that is away leaves everything as it is.
    std::fs::write(&secret, "postgres://u:hunter2@127.0.0.1:9/x").unwrap();
    add("away", "SELECT 1 AS name");
    let (code, _, err) = outcome(&world, &["suppliers", "sync", "away"]);
    assert!(code == 1 && err.contains("the ledger is not available") && !err.contains("hunter2"), "{err}");
}

/// Two ledgers that take their time over every query: the other organisation's is asked beside them, and the third of
/// their own organisation waits, so that one organisation cannot take every place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_that_hangs_holds_up_nobody_else() {
    let ledger = tokio::task::block_in_place(Ledger::start);
    let mut world = world();
    world.run(&["org", "create", "Fabrikam", "--mailbox", "pay@fabrikam.example", "--next-hop-tls", "none"]);
    let secret = world.dir().join("ledger.url");
    std::fs::write(&secret, ledger.url()).unwrap();
    let file = format!("url_file={}", secret.display());
    let add = |org: &str, name: &str, from: &str| {
        let query = format!("query=SELECT 'V1' AS supplier_id, 'Acme' AS name {from}");
        let arguments = ["suppliers", "source", "add", name, "postgres", &file, &query, "tls=off"];
        world.run(&[&arguments[..], &["--every", "60", "--org", org]].concat());
    };
    add("Contoso", "hangs-one", "FROM pg_sleep(600)");
    add("Contoso", "hangs-two", "FROM pg_sleep(600)");
    add("Contoso", "third", "");
    add("Fabrikam", "books", "");
    world.serve();
    let source = |world: &World, org: &str, name: &str| {
        let all = world.json(&["suppliers", "source", "list", "--org", org]);
        all.into_iter().find(|source| source["name"] == name).unwrap()
    };
    let synced = |world: &World| !source(world, "Fabrikam", "books")["last_ok_at"].is_null();
    world.wait_until(synced, "the other organisation's sync").await;
    for name in ["hangs-one", "hangs-two"] {
        let hung = source(&world, "Contoso", name);
        assert!(!hung["last_at"].is_null() && hung["last_error"].is_null(), "it is being asked: {hung}");
    }
    let third = source(&world, "Contoso", "third");
    assert!(third["last_at"].is_null(), "it waits for a place of its organisation: {third}");
    // Both places are free again.
    world.kill();
    for name in ["hangs-one", "hangs-two"] {
        world.run(&["suppliers", "source", "remove", name, "--org", "Contoso"]);
    }
    world.serve();
    let synced = |world: &World| !source(world, "Contoso", "third")["last_ok_at"].is_null();
    world.wait_until(synced, "the third one's sync").await;
    assert_eq!(world.json(&["suppliers", "list", "--org", "Contoso"]).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sources_are_checked_before_they_are_kept() {
    let world = world();
    for (arguments, want) in [
        (vec!["books", "oracle"], "there is no such kind of source"),
        (vec!["Books!", "xero", "client_id=1"], "lower-case letters"),
        (vec!["books", "xero"], "option `client_id` is missing"),
        (vec!["books", "xero", "client_id=1", "colour=red"], "has no option `colour`"),
        (vec!["books", "xero", "client_id=1", "api_url=http://api.example"], "must begin with https://"),
        (vec!["books", "xero", "client_id=1", "client_secret=x"], "is a secret"),
        (vec!["books", "xero", "client_id=1", "page_size=0"], "`page_size` is a number"),
        (vec!["l", "postgres", "url_file=/nonexistent", "query=SELECT 1"], "cannot be read"),
        (vec!["books", "xero", "client_id=1", "--every", "1"], "at least 60 seconds"),
    ] {
        let (code, _, err) =
            outcome(&world, &[&["suppliers", "source", "add"], arguments.as_slice()].concat());
        assert!(code != 0 && err.contains(want) && err.contains("help: "), "{arguments:?}: {err}");
    }
    let kinds = world.run(&["suppliers", "source", "kinds"]);
    assert!(
        kinds.contains("postgres:") && kinds.contains("client_secret_file") && kinds.contains("xero:"),
        "{kinds}"
    );
    let deadline = Duration::from_secs(60);
    assert!(tokio::time::timeout(deadline, async { outcome(&world, &["suppliers", "sync"]) }).await.is_ok());
}
