//! The directory's commands as the program runs them: a killed import, and a case from file to verified account.

#![deny(dead_code)]

use crate::support::backend::{Backend, on_each_backend};
use crate::support::world::{Setup, World};
use sqlx::Row as _;
use std::process::Stdio;
use std::time::Duration;

fn prepared(on: Backend) -> World {
    World::prepare(Setup::new(([127, 0, 0, 1], 9).into()).on(on))
}

fn many(count: usize) -> String {
    let mut text = String::from("supplier_id,name,domains,phones,sort_code,account_number\n");
    for n in 0..count {
        text += &format!("M{n:05},Maker {n},maker{n}.example,+44 20 {n:06},601613,{:08}\n", 10_000_000 + n);
    }
    text
}

async fn an_import_killed_in_the_middle_leaves_nothing(on: Backend) {
    let world = prepared(on);
    let file = world.folder.path().join("many.csv");
    std::fs::write(&file, many(3_000)).unwrap();
    let arguments = ["suppliers", "import", file.to_str().unwrap()];
    let mut child = world.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut sql = world.sql().await;
    for tries in 0.. {
        let staged = sqlx::query("SELECT COUNT(*) FROM suppliers").fetch_one(&mut sql).await.unwrap();
        if staged.get::<i64, _>(0) > 3 {
            break;
        }
        assert!(child.try_wait().unwrap().is_none(), "it ended before anything was staged");
        assert!(tries < 60_000, "nothing was ever staged");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success(), "it was killed on the way");
    assert_eq!(world.json(&["suppliers", "list"]).len(), 3, "nothing of it is seen");
    // As if it had been silent for long.
    sqlx::query("UPDATE supplier_batches SET touched_at = 0").execute(&mut sql).await.unwrap();
    world.run(&arguments);
    assert_eq!(world.json(&["suppliers", "list"]).len(), 3_003);
    let batches = world.json(&["suppliers", "batches"]);
    assert_eq!(batches.iter().map(|b| b["state"].as_str().unwrap()).collect::<Vec<_>>(), ["committed"; 2]);
    let sum = std::process::Command::new("sha256sum").arg(&file).output().unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap();
    assert_eq!(batches[0]["hash"].as_str(), sum.split(' ').next(), "the batch names the file's content");
    world.run(&["suppliers", "undo", batches[0]["id"].as_str().unwrap()]);
    assert_eq!(world.json(&["suppliers", "list"]).len(), 3);
    let left = sqlx::query("SELECT COUNT(*) FROM suppliers").fetch_one(&mut sql).await.unwrap();
    assert_eq!(left.get::<i64, _>(0), 3, "nor does anything lie about");
}

async fn a_case_from_the_command_line(on: Backend) {
    let world = prepared(on);
    let mut sql = world.sql().await;
    let add = "INSERT INTO users (org_id, folded, id, email, role, created_at) SELECT id, 'clerk@contoso.example', \
               '01JD3ZV8M2T5Y7Q9W1E3R5T7Y9', 'clerk@contoso.example', 'reviewer', 0 FROM organisations";
    sqlx::query(add).execute(&mut sql).await.unwrap();
    world.import("supplier_id,name,iban\nS1,Acme Building Supplies Ltd,NL91ABNA0417164300\n", &[]);
    let cases = world.json(&["cases", "list"]);
    assert_eq!(
        (cases.len(), cases[0]["state"].as_str(), cases[0]["kind"].as_str()),
        (1, Some("open"), Some("changed"))
    );
    let id = cases[0]["id"].as_str().unwrap();
    let refused = |arguments: &[&str]| {
        let done = world.command(arguments).output().unwrap();
        assert_eq!(done.status.code(), Some(1), "{arguments:?}");
        String::from_utf8(done.stderr).unwrap()
    };
    let text = refused(&["cases", "approve", id]);
    assert!(
        text.starts_with("error: the operator alone decides no case") && text.contains("\nhelp: "),
        "{text}"
    );
    let text = refused(&["cases", "approve", id, "--as", "nobody@contoso.example"]);
    assert!(text.contains("there is no user"), "{text}");
    // The suppliers of a vouched first file have numbers that may be called at once.
    let clerk = ["--as", "clerk@contoso.example"];
    let call = ["cases", "call-back", id, "--outcome", "confirmed", "--note", "Ms Raman"];
    world.run(&[&call[..], &clerk].concat());
    let text = refused(&[&["cases", "approve", id][..], &clerk].concat());
    assert!(text.contains("a second person must"), "{text}");
    let shown = world.run(&["cases", "show", id]);
    for part in [
        "(called)",
        "••••4300",
        "••••6819",
        "clerk@contoso.example",
        "Ms Raman",
        "Never call a number from a message",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    let done = world.json(&["cases", "approve", id, "--as", "it@contoso.example", "--retire-replaced"]);
    assert_eq!(
        (done[0]["state"].as_str(), done[0]["account_state"].as_str()),
        (Some("approved"), Some("verified"))
    );
    let shown = world.json(&["suppliers", "show", "S1"]);
    let accounts = shown[0]["accounts"].as_array().unwrap();
    let states: Vec<_> = accounts.iter().map(|account| account["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["retired", "verified"]);
    let told =
        sqlx::query("SELECT COUNT(*) FROM outbox WHERE kind = 'notice'").fetch_one(&mut sql).await.unwrap();
    assert!(told.get::<i64, _>(0) >= 2, "the administrators are told of call and approval");
}

on_each_backend! { an_import_killed_in_the_middle_leaves_nothing, a_case_from_the_command_line }
