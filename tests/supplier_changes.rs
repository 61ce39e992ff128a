//! The directory's changes: imports whole or not at all, undo, merge, edit, search, and what the store keeps readable.

mod edits;

use crate::suppliers::{FILE, World, account, ask, state};
use crate::support::backend::{Backend, on_each_database};
use sentra::adapters::store::{Durability, Membership, StoreError};
use sentra::adapters::suppliers::csv::{ParseOptions, parse};
use sentra::adapters::suppliers::edit::EditStep;
use sentra::adapters::suppliers::feed::{FeedError, Incoming, Lifecycle, ListFeed, SupplierFeed};
use sentra::adapters::suppliers::import::{ImportOptions, ImportReport};
use sentra::adapters::suppliers::records::Stored;
use sentra::adapters::suppliers::rows::ValueKind;
use sentra::adapters::suppliers::undo::Undo;
use sentra::cli::suppliers::{EditArgs, SuppliersCommand};
use sentra::model::{
    AccountState, DirectoryKey, DirectoryQuery, Domain, SupplierAccount, SupplierId, account_check, fold_name,
};

const CHANGE: &str = "supplier_id,name,aliases,phones,vat_number,iban,status\n\
    S1,Acme Limited UK,Acme Old,+44 20 2,GB111111111,NL91ABNA0417164300,\n\
    S2,Beta GmbH,,,,DE89370400440532013000,retired\n\
    S9,Newcomer,,,,FR1420041010050500013M02606,\n";

fn id(text: &str) -> SupplierId {
    SupplierId(text.to_owned())
}

/// Everything on record, with provenance and history.
async fn everything(world: &World) -> Vec<Stored> {
    let mut out = Vec::new();
    for name in ["S1", "S2", "S3", "S9"] {
        out.extend(world.records.detail(world.org, &id(name), true).await.unwrap());
    }
    out
}

async fn states(world: &World, supplier: &str) -> Vec<AccountState> {
    let found = world.records.get(world.org, &id(supplier)).await.unwrap().unwrap();
    found.accounts.iter().map(|account| account.state).collect()
}

async fn undo(world: &World, report: &ImportReport) -> Undo {
    world.records.undo(world.org, report.batch.as_ref().unwrap(), "operator").await.unwrap()
}

fn conflict<T: std::fmt::Debug>(result: Result<T, StoreError>) -> String {
    match result {
        Err(StoreError::Conflict(what)) => what,
        other => panic!("{other:?}"),
    }
}

// ── batches ────────────────────────────────────────────────────────────────────────────────────────────────────────

async fn an_undone_import_leaves_all_as_before(on: Backend) {
    let world = World::on(on).await;
    let first = world.import(FILE, false, false).await;
    let before = everything(&world).await;
    let generation = world.organisation().await.directory_generation;
    let change = world.import(CHANGE, false, false).await;
    assert_eq!((change.created, change.updated, change.cases_opened), (1, 2, 1));
    assert_ne!(everything(&world).await, before);
    assert_eq!(world.records.cases(world.org, &["open"], None, 10).await.unwrap().len(), 1);
    assert_eq!(undo(&world, &change).await, Undo::Done(generation + 2));
    assert_eq!(everything(&world).await, before, "names, values, states and provenance");
    assert_eq!(world.records.cases(world.org, &["open"], None, 10).await.unwrap(), []);
    let again = world.records.undo(world.org, change.batch.as_ref().unwrap(), "operator").await;
    assert_eq!(conflict(again), "this batch is undone already");
    assert!(matches!(undo(&world, &first).await, Undo::Done(_)));
    assert!(world.all().await.is_empty());
    let listed = world.records.batches(world.org, 10).await.unwrap();
    assert_eq!(listed.iter().map(|b| b.state.as_str()).collect::<Vec<_>>(), ["undone", "undone"]);
    assert!(matches!(
        world.records.undo(world.org, "01JD3ZV8M2T5Y7Q9W1E3R5T7Y9", "operator").await,
        Err(StoreError::NotFound(_))
    ));
    let audit = world.store.audit(world.org, 0).await.unwrap();
    assert_eq!(audit.iter().filter(|entry| entry.action == "suppliers.undo").count(), 2);
    // What was taken back can come again.
    assert_eq!(world.import(FILE, false, false).await.created, 3);
}

async fn an_undo_is_refused_where_something_came_in_between(on: Backend) {
    let world = World::on(on).await;
    let first = world.import(FILE, false, false).await;
    let step = EditStep::Add(ValueKind::Domain, "acme.com".to_owned());
    let edit = world.records.edit(world.org, &id("S1"), &[step], "operator").await.unwrap();
    let block = "supplier_id,name,iban,status\nS2,Beta GmbH,DE89370400440532013000,blocked\n";
    let second = world.import(block, false, false).await;
    let before = everything(&world).await;
    let Undo::Refused(conflicts) = undo(&world, &first).await else { panic!("refused") };
    let named: Vec<_> =
        conflicts.iter().map(|c| (c.supplier.as_str(), c.entity.as_str(), c.kind.as_str())).collect();
    assert_eq!(named, [("S1", "value", "edit"), ("S2", "account", "import")]);
    assert_eq!(everything(&world).await, before, "a refused undo changes nothing");
    assert!(matches!(undo(&world, &second).await, Undo::Done(_)));
    let edit = edit.batch.unwrap();
    assert!(matches!(world.records.undo(world.org, &edit, "operator").await.unwrap(), Undo::Done(_)));
    assert!(matches!(undo(&world, &first).await, Undo::Done(_)));
    assert!(world.all().await.is_empty());
}

/// A feed that fails after some batches.
struct Torn(ListFeed, usize);

impl SupplierFeed for Torn {
    fn next_batch(&mut self, most: usize) -> Result<Vec<Incoming>, FeedError> {
        if self.1 == 0 {
            return Err(FeedError::from(std::io::Error::other("torn")));
        }
        self.1 -= 1;
        self.0.next_batch(most)
    }
    fn rewind(&mut self) {
        self.0.rewind();
    }
}

async fn a_feed_that_breaks_off_leaves_nothing(on: Backend) {
    let world = World::on(on).await;
    let before = world.organisation().await.directory_generation;
    let mut feed = Torn(ListFeed::new(many(600)), 2);
    let options = ImportOptions { actor: "operator", source: "torn.csv", ..ImportOptions::default() };
    assert!(world.records.import(world.org, &mut feed, &options).await.is_err());
    assert!(world.all().await.is_empty());
    assert_eq!(world.organisation().await.directory_generation, before);
    assert_eq!(world.records.batches(world.org, 10).await.unwrap(), []);
    assert_eq!(count(&world, "supplier_values").await, 0, "nothing lies about");
}

async fn count(world: &World, table: &str) -> i64 {
    let mut read = world.store.database().scope(world.org).read().await.unwrap();
    let sql = format!("SELECT COUNT(*) FROM {table} WHERE org_id = $1");
    let query = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).bind(world.org.to_string());
    query.fetch_one(&mut *read).await.unwrap()
}

fn many(count: usize) -> Vec<sentra::model::SupplierRecord> {
    let mut text = String::from("supplier_id,name,domains,phones,sort_code,account_number\n");
    for n in 0..count {
        text += &format!("M{n:05},Maker {n},maker{n}.example,+44 20 {n:06},601613,{:08}\n", 10_000_000 + n);
    }
    parse(text.as_bytes(), ParseOptions::default()).suppliers
}

/// A feed that never gets on: what a killed process leaves behind when its task is dropped.
struct Stuck(ListFeed, std::sync::mpsc::Receiver<()>);

impl SupplierFeed for Stuck {
    fn next_batch(&mut self, most: usize) -> Result<Vec<Incoming>, FeedError> {
        self.1.recv().map_err(|_| FeedError::from(std::io::Error::other("gone")))?;
        self.0.next_batch(most)
    }
    fn rewind(&mut self) {
        self.0.rewind();
    }
}

async fn a_running_import_is_not_seen_and_keeps_others_out(on: Backend) {
    let world = World::on(on).await;
    world.import(FILE, false, false).await;
    let before = (world.all().await, everything(&world).await);
    let (go, wait) = std::sync::mpsc::channel();
    let (records, org) = (world.records.clone(), world.org);
    let running = tokio::task::spawn_blocking(move || {
        let mut feed = Stuck(ListFeed::new(many(600)), wait);
        let options = ImportOptions { actor: "operator", source: "slow.csv", ..ImportOptions::default() };
        tokio::runtime::Handle::current().block_on(records.import(org, &mut feed, &options))
    });
    go.send(()).unwrap();
    go.send(()).unwrap();
    for tries in 0.. {
        if count(&world, "suppliers").await >= 3 + i64::try_from(sentra::limits::IMPORT_BATCH).unwrap() {
            break;
        }
        assert!(tries < 2_000, "the import never staged anything");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!((world.all().await, everything(&world).await), before, "nothing of it is seen");
    let directory = world.directory(None);
    let key = DirectoryKey::Domain(Domain::parse("maker1.example").unwrap());
    let answer =
        ask(&directory, &world.organisation().await, DirectoryQuery { keys: vec![key.clone()] }).await;
    assert!(answer.suppliers.is_empty() && answer.known_domains.len() == 3);
    assert!(world.records.search(world.org, "Maker", &[]).await.unwrap().hits.is_empty());
    // The mail path's writes go on meanwhile.
    let query = "UPDATE generations SET value = value + 1 WHERE name = 'journal'";
    let scope = world.store.database().scope(world.org);
    assert_eq!(scope.execute(Durability::Durable, sqlx::query(query)).await.unwrap(), 1);
    for _ in 0..600 / sentra::limits::IMPORT_BATCH + 2 {
        go.send(()).unwrap();
    }
    let ended = running.await.unwrap();
    match ended {
        Ok(report) => assert_eq!(report.created, 600),
        Err(error) => panic!("{error}"),
    }
    let answer =
        ask(&world.directory(None), &world.organisation().await, DirectoryQuery { keys: vec![key] }).await;
    assert_eq!((answer.suppliers.len(), answer.known_domains.len()), (1, 603));
}

async fn what_a_killed_import_left_is_cleared_away(on: Backend) {
    let world = World::on(on).await;
    let report = world.import(FILE, false, false).await;
    // A killed import is a batch that still stages and was silent for long: here the finished one, made such.
    let sql = "UPDATE supplier_batches SET state = 'staging', committed_at = NULL, touched_at = 0 WHERE org_id = $1";
    let query = sqlx::query(sql).bind(world.org.to_string());
    world.store.database().scope(world.org).execute(Durability::Durable, query).await.unwrap();
    assert!(world.all().await.is_empty(), "nobody sees it");
    let second = world.import(FILE, false, false).await;
    assert_eq!((second.created, second.accounts_added), (3, 3), "the same file again completes the work");
    let listed = world.records.batches(world.org, 10).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_ne!(listed[0].id, report.batch.unwrap());
}

async fn the_same_file_from_two_sides_comes_in_once(on: Backend) {
    let world = World::on(on).await;
    let (a, b) = tokio::join!(world.import(FILE, false, false), world.import(FILE, false, false));
    let mut created = [a.created, b.created];
    created.sort_unstable();
    assert_eq!(created, [0, 3]);
    assert_eq!(world.records.batches(world.org, 10).await.unwrap().len(), 1);
}

// ── what an import may not do ──────────────────────────────────────────────────────────────────────────────────────

async fn shared_and_own_accounts_are_named(on: Backend) {
    let world = World::on(on).await;
    world.import(FILE, false, false).await;
    let own = account_check::iban("NL91ABNA0417164300").unwrap();
    world.store.add_member(world.org, &Membership::OwnAccount(own), "operator").await.unwrap();
    let text = "supplier_id,name,iban,sort_code,account_number\n\
        T1,Shared,,601613,31926819\nT2,Own,NL91ABNA0417164300,,\n";
    let report = world.import(text, true, false).await;
    let shared: Vec<_> = report
        .shared
        .iter()
        .map(|s| (s.supplier.0.as_str(), s.account.as_str(), s.other.as_ref().map(|o| o.0.as_str())))
        .collect();
    assert_eq!(shared, [("T1", "••••6819", Some("S1")), ("T2", "••••4300", None)]);
    assert_eq!(states(&world, "T1").await, [AccountState::Verified], "taken, and named");
    assert_eq!(states(&world, "T2").await, [], "the organisation's own is nobody's");
    let account = SupplierAccount {
        account: account_check::iban("NL91ABNA0417164300").unwrap(),
        bic: None,
        account_name: None,
        state: AccountState::Pending,
    };
    let edit = world.records.edit(world.org, &id("S1"), &[EditStep::Account(account)], "operator").await;
    assert_eq!(conflict(edit), "this account is the organisation's own");
}

async fn the_ledger_archives_but_never_betters(on: Backend) {
    let world = World::on(on).await;
    world.import(FILE, false, false).await;
    let archived = |record: sentra::model::SupplierRecord| Incoming {
        lifecycle: Lifecycle::Archived,
        ..Incoming::of(record)
    };
    let text = "supplier_id,name,iban,status\nS1,[erased],GB29NWBK60161331926819,verified\n\
                S3,Gamma,NO9386011117947,\nX9,Unknown,DE89370400440532013000,verified\n";
    let mut feed = ArchivedFeed(
        parse(text.as_bytes(), ParseOptions::default()).suppliers.into_iter().map(archived).collect(),
    );
    let options = ImportOptions {
        actor: "system",
        source: "xero",
        sync: true,
        verified: true,
        ..ImportOptions::default()
    };
    let report = world.records.import(world.org, &mut feed, &options).await.unwrap();
    assert_eq!((report.archived, report.created, report.accounts_changed), (3, 0, 1));
    assert_eq!(states(&world, "S1").await, [AccountState::Retired]);
    assert_eq!(states(&world, "S3").await, [AccountState::Blocked]);
    let kept = world.records.get(world.org, &id("S1")).await.unwrap().unwrap();
    assert_eq!(kept.name, "Acme Ltd");
}

struct ArchivedFeed(Vec<Incoming>);

impl SupplierFeed for ArchivedFeed {
    fn next_batch(&mut self, _most: usize) -> Result<Vec<Incoming>, FeedError> {
        Ok(std::mem::take(&mut self.0))
    }
    fn rewind(&mut self) {}
}

async fn derived_domains_are_taken_only_where_none_is_known(on: Backend) {
    let world = World::on(on).await;
    world.import(FILE, false, false).await;
    let text = "supplier_id,name\nS1,Acme Ltd\nN1,Fresh\n";
    let incoming = |record: sentra::model::SupplierRecord| Incoming {
        derived: vec![Domain::parse("forged.example").unwrap()],
        ..Incoming::of(record)
    };
    let mut feed = ArchivedFeed(
        parse(text.as_bytes(), ParseOptions::default()).suppliers.into_iter().map(incoming).collect(),
    );
    let options = ImportOptions { actor: "operator", source: "x.csv", ..ImportOptions::default() };
    let report = world.records.import(world.org, &mut feed, &options).await.unwrap();
    let proposed: Vec<_> =
        report.proposed.iter().map(|p| (p.supplier.0.as_str(), p.domain.as_str())).collect();
    assert_eq!(proposed, [("S1", "forged.example")]);
    let fresh = world.records.get(world.org, &id("N1")).await.unwrap().unwrap();
    assert_eq!(fresh.domains, [Domain::parse("forged.example").unwrap()]);
}

on_each_database! {
    an_undone_import_leaves_all_as_before,
    an_undo_is_refused_where_something_came_in_between,
    a_feed_that_breaks_off_leaves_nothing,
    a_running_import_is_not_seen_and_keeps_others_out,
    what_a_killed_import_left_is_cleared_away,
    the_same_file_from_two_sides_comes_in_once,
    shared_and_own_accounts_are_named,
    the_ledger_archives_but_never_betters,
    derived_domains_are_taken_only_where_none_is_known,
}
