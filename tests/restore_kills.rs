//! Restores that are killed: kill -9 at many moments leaves the old state or all of the new one, and a later restore goes
//! through.

use crate::backup::Kit;
use crate::support::postgres::PostgresServer;
use crate::support::world::{changed_invoice, clean_invoice};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

fn spawn(kit: &Kit, arguments: &[&str]) -> Child {
    let mut command = kit.world.command(arguments);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_place_of_a_file_it_leaves_the_old_state() {
    let mut kit = Kit::with_mail().await;
    let id = kit.create()["id"].as_str().unwrap().to_owned();
    assert_eq!(kit.send(&changed_invoice("later@t")).await, 250);
    assert_eq!(kit.world.stop(), 0);
    let (before, data) = (kit.held(), kit.world.dir().join("data"));
    let kept = data.join(format!("sentra.db.before-{id}"));
    let mut killed = 0;
    for delay in 0..40 {
        let mut child = spawn(&kit, &["backup", "restore", &id, "--force"]);
        // From the first sign of work on, a little later each time.
        let (new, end) = (data.join("sentra.db.restoring"), Instant::now() + Duration::from_secs(60));
        while !new.exists() && child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < end);
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(delay * 10));
        child.kill().unwrap();
        let ended = child.wait().unwrap().success();
        if ended || kept.exists() {
            break;
        }
        killed += 1;
        assert_eq!(kit.held(), before, "killed after {} ms", delay * 10);
    }
    assert!(killed > 2, "{killed} kills hit before the end");
    kit.world.run(&["backup", "restore", &id, "--force"]);
    assert_eq!(kit.held().len(), before.len() - 1, "the state of the backup");
    assert!(!data.join("sentra.db.restoring").exists());
    kit.world.serve();
    assert_eq!(kit.send(&clean_invoice("after@t")).await, 250);
}

/// Into PostgreSQL: the rows of a backup are all there or none is; until they were compared, nobody is served from them;
/// and a database without rows can be restored into again.
#[tokio::test(flavor = "multi_thread")]
async fn into_a_server_it_leaves_nothing_or_all() {
    const MOMENTS: u32 = 20;
    const ROWS: &str = "SELECT CASE WHEN to_regclass('audit') IS NULL THEN '0' ELSE (xpath('/row/n/text()', \
                        query_to_xml('SELECT (SELECT COUNT(*) FROM organisations) + (SELECT COUNT(*) FROM audit) \
                        + (SELECT COUNT(*) FROM quarantine) AS n', true, true, '')))[1]::text END";
    const UNFINISHED: &str = "SELECT to_regclass('restore_unfinished') IS NOT NULL";
    let mut kit = Kit::with_mail().await;
    kit.create();
    assert_eq!(kit.world.stop(), 0);
    let before = kit.held();
    let postgres = tokio::task::block_in_place(PostgresServer::shared);
    let empty = || tokio::task::block_in_place(|| postgres.empty());
    let mut into = empty();
    kit.point_at(&into);
    // How long one takes that nobody kills, and how many rows it brings; its own audit entry comes last.
    let began = Instant::now();
    kit.world.run(&["backup", "restore"]);
    let (whole, took) = (into.admin(ROWS).parse::<i64>().unwrap() - 1, began.elapsed());
    assert_eq!(into.admin(UNFINISHED), "f");
    let (mut nothing, mut marked, mut all) = (0, 0, 0);
    into = empty();
    kit.point_at(&into);
    for moment in 1..=MOMENTS {
        let mut child = spawn(&kit, &["backup", "restore"]);
        std::thread::sleep(took * moment / MOMENTS);
        child.kill().unwrap();
        let ended = child.wait().unwrap().success();
        match into.admin(ROWS).parse::<i64>().unwrap() {
            0 => {
                assert!(!ended, "a restore that ended well restored");
                nothing += 1;
            }
            rows => {
                assert!(rows == whole || rows == whole + 1, "{rows} rows of {whole} at moment {moment}");
                if into.admin(UNFINISHED) == "t" {
                    assert!(!ended, "a restore that ended well counts");
                    refused(&kit);
                    marked += 1;
                } else {
                    assert_eq!(kit.held(), before);
                    kit.world.run(&["audit", "verify"]);
                    all += 1;
                }
                into = empty();
                kit.point_at(&into);
            }
        }
    }
    println!(
        "killed {nothing} times before the rows were there, {marked} before they counted, {all} after it or never"
    );
    assert!(nothing > 2, "{nothing} kills hit before the end");
    kit.world.run(&["backup", "restore"]);
    // The moment between, whether a kill hit it or not.
    into.admin("CREATE TABLE restore_unfinished ()");
    refused(&kit);
    into.admin("DROP TABLE restore_unfinished");
    assert_eq!(kit.held(), before);
    kit.world.serve();
    assert_eq!(kit.send(&clean_invoice("after@t")).await, 250);
}

/// Nothing is said of the rows of a restore that did not come to its end, nor is anybody served from them.
fn refused(kit: &Kit) {
    for arguments in [&["quarantine", "list"][..], &["serve"]] {
        let output = kit.world.command(arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success());
        assert!(said.contains("did not come to its end") && said.contains("restore again"), "{said}");
    }
}
