//! The audit proves itself: whatever is done to it behind the program's back is found, in the database and in an export.

mod attacks;
mod exports;
mod noted;

use crate::support::backend::{Backend, Place};
use crate::support::postgres::TestDatabase;
use crate::support::world::{Setup, World};
use sentra::adapters::audit::AuditAction;
use serde_json::Value;
use sqlx::Connection as _;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Output;

/// An installation that never sends: its next hop is the discard port.
fn world(on: Backend) -> World {
    World::prepare(Setup::new(([127, 0, 0, 1], 9).into()).on(on))
}

/// A file's lines as JSON.
fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn write_lines(path: &Path, lines: &[Value]) {
    let text = lines.iter().fold(String::new(), |mut text, line| {
        writeln!(text, "{line}").unwrap();
        text
    });
    std::fs::write(path, text).unwrap();
}

/// Kinds of what a report found.
fn kinds(report: &Value) -> Vec<String> {
    let findings = report["report"]["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["kind"].as_str().unwrap().to_owned()).collect()
}

/// What `verify` says, whatever its exit status, which is checked against it.
fn verify(world: &World, arguments: &[&str]) -> Value {
    let mut all = vec!["audit", "verify", "--json"];
    all.extend(arguments);
    let Output { status, stdout, stderr } = world.command(&all).output().unwrap();
    let report: Value = serde_json::from_slice(&stdout)
        .unwrap_or_else(|_| panic!("{arguments:?}: {}", String::from_utf8_lossy(&stderr)));
    assert_eq!(status.code(), Some(if report["good"] == true { 0 } else { 1 }), "{report}");
    report
}

/// A database to go back to.
enum Saved {
    Files(tempfile::TempDir),
    Template(TestDatabase),
}

fn copy_database(from: &Path, to: &Path) {
    for name in ["sentra.db", "sentra.db-wal", "sentra.db-shm"] {
        let (here, there) = (from.join(name), to.join(name));
        std::fs::remove_file(&there).ok();
        if here.exists() {
            std::fs::copy(here, there).unwrap();
        }
    }
}

/// A chain of a dozen entries in two organisations, anchored in the middle and at the end.
struct Chain {
    world: World,
    key: String,
}

const CONTOSO: [&str; 2] = ["--org", "Contoso"];

impl Chain {
    fn new(on: Backend) -> Self {
        let world = world(on);
        world.run(&["org", "create", "Fabrikam", "--mailbox", "pay@fabrikam.example"]);
        for mode in ["tag", "monitor", "enforce"] {
            for org in ["Contoso", "Fabrikam"] {
                world.run(&["org", "set", &format!("mode={mode}"), "--org", org]);
            }
        }
        world.run(&[
            "org",
            "executive",
            "add",
            "Ada Lovelace",
            "--address",
            "ada@contoso.example",
            "--org",
            "Contoso",
        ]);
        world.run(&["audit", "anchor"]);
        for mode in ["tag", "enforce"] {
            world.run(&["org", "set", &format!("mode={mode}"), "--org", "Contoso"]);
        }
        world.run(&["audit", "anchor"]);
        let key = world.json(&["audit", "keys", "--org", "Contoso"]).remove(0);
        Self { world, key: key["public_key"].as_str().unwrap().to_owned() }
    }

    /// The database as it is, to be put back before each attack.
    fn save(&self) -> Saved {
        match self.world.database() {
            Place::Postgres(database) => Saved::Template(database.copy()),
            Place::Sqlite(_) => {
                let folder = tempfile::tempdir().unwrap();
                copy_database(&self.world.dir().join("data"), folder.path());
                Saved::Files(folder)
            }
        }
    }

    fn put_back(&self, saved: &Saved) {
        match saved {
            Saved::Template(copy) => self.world.postgres().become_as(copy),
            Saved::Files(folder) => copy_database(folder.path(), &self.world.dir().join("data")),
        }
    }

    /// Does something to the database that no program of ours would: the triggers go first.
    async fn attack(&self, sql: &[&str]) {
        let mut database = self.world.sql().await;
        let triggers = match self.world.database() {
            Place::Postgres(_) => {
                "SELECT 'DROP TRIGGER ' || t.tgname || ' ON ' || c.relname FROM pg_trigger t JOIN pg_class c \
                 ON c.oid = t.tgrelid WHERE c.relname LIKE 'audit%' AND NOT t.tgisinternal"
            }
            Place::Sqlite(_) => {
                "SELECT 'DROP TRIGGER ' || name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'audit%'"
            }
        };
        let triggers: Vec<String> = sqlx::query_scalar(triggers).fetch_all(&mut database).await.unwrap();
        assert!(triggers.len() >= 3, "{triggers:?}");
        for sql in triggers.iter().map(String::as_str).chain(sql.iter().copied()) {
            let done = sqlx::query(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut database).await;
            done.unwrap_or_else(|error| panic!("{sql}: {error}"));
        }
        database.close().await.unwrap();
    }

    fn anchors(&self) -> PathBuf {
        self.world.dir().join("data/objects/anchors")
    }

    fn export(&self, name: &str, arguments: &[&str]) -> PathBuf {
        let path = self.world.folder.path().join(name);
        let mut all = vec!["audit", "export", path.to_str().unwrap(), "--org", "Contoso"];
        all.extend(arguments);
        self.world.run(&all);
        path
    }
}

/// Integrity, completeness, and a kind of finding that must be among what is found.
type Expected = (&'static str, &'static str, Option<&'static str>);

/// The table in docs/audit.md is made from the registry; `SENTRA_BLESS=1` writes it.
#[test]
fn documented() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/audit.md");
    let doc = std::fs::read_to_string(&path).unwrap();
    let mut table =
        String::from("| action | what happened | subject | detail | private |\n|---|---|---|---|---|\n");
    for action in AuditAction::ALL {
        let about = action.doc();
        writeln!(
            table,
            "| `{}` | {} | {} | {} | {} |",
            action.as_str(),
            about.what.trim(),
            about.subject,
            about.detail,
            about.private
        )
        .unwrap();
    }
    let (open, close) = ("<!-- actions -->\n", "<!-- /actions -->");
    let (head, rest) = doc.split_once(open).unwrap();
    let (now, tail) = rest.split_once(close).unwrap();
    if std::env::var_os("SENTRA_BLESS").is_some() {
        std::fs::write(&path, format!("{head}{open}{table}{close}{tail}")).unwrap();
        return;
    }
    assert!(
        now == table,
        "docs/audit.md is not up to date: SENTRA_BLESS=1 cargo test --test main audit::documented"
    );
}
