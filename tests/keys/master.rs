//! Where the master key comes from, and how one hands over to the next.

#![deny(dead_code)]

use super::*;

#[tokio::test]
async fn master_keys_hand_over_while_the_server_runs() {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()));
    let keys = world.dir().join("keys");
    std::fs::copy(keys.join("master.key"), keys.join("previous.key")).unwrap();
    let config = std::fs::read_to_string(world.config_file()).unwrap();
    let both = config.replace(
        "master_key_file = \"keys/master.key\"",
        "master_key_file = \"keys/master.key\"\nprevious_master_key_file = \"keys/previous.key\"",
    );
    assert_ne!(config, both);
    std::fs::write(keys.join("master.key"), "ab".repeat(32)).unwrap();
    std::fs::write(world.config_file(), both).unwrap();
    world.signal("HUP");
    world.wait_until(|world| world.logged(&["master keys were read again"]) == 1, "the reload").await;
    let done = world.run(&["keys", "rotate", "--purpose", "master"]);
    assert!(done.contains("3 keys wrapped by the current master key"), "{done}");
    let again = world.run(&["keys", "rotate", "--purpose", "master"]);
    assert!(again.contains("0 keys wrapped"), "{again}");
    // The server goes on and takes up what was wrapped by the new key alone.
    std::fs::write(world.config_file(), config).unwrap();
    std::fs::remove_file(keys.join("previous.key")).unwrap();
    world.run(&["keys", "rotate", "--purpose", "signing", "--settle", "3"]);
    let mut client = world.hello().await;
    let octets = changed_invoice("after@keys.test");
    let reply = client.send("accounts@acme-supplies.example", &["accounts@contoso.example"], &octets).await;
    assert_eq!(reply.unwrap().code, 250);
    assert_eq!(world.quarantine().len(), 1);
    let status = world.run(&["keys", "status"]);
    assert!(!status.contains("previous"), "{status}");
}

fn script(path: &Path, text: &str) {
    std::fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).unwrap();
}

#[tokio::test]
async fn the_master_key_may_come_from_a_program() {
    let sink = Sink::start(Behaviour::default()).await;
    let mut world = World::prepare(Setup::new(sink.address()));
    let key = std::fs::read_to_string(world.dir().join("keys/master.key")).unwrap();
    let program = world.folder.path().join("kms");
    let config = std::fs::read_to_string(world.config_file()).unwrap();
    let asked = format!("master_key_command = [\"{}\", \"payments\"]", program.display());
    let config = config.replace("master_key_file = \"keys/master.key\"", &asked);
    assert!(config.contains("master_key_command"));
    std::fs::write(world.config_file(), config).unwrap();
    std::fs::remove_file(world.dir().join("keys/master.key")).unwrap();
    script(&program, &format!("[ \"$1\" = payments ] && [ -z \"$SENTRA_CONFIG\" ] && echo {}", key.trim()));
    world.serve();
    assert_eq!(world.stop(), 0);
    for (name, text, expected) in [
        ("fails", "echo hunter2 >&2; exit 7", "exit status: 7"),
        ("other output", "echo hunter2", "did not print a master key"),
        ("another key", "printf %064d 1", "master key does not open"),
    ] {
        script(&program, text);
        let done = world.command(&["keys", "status"]).output().unwrap();
        let error = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(1), "{name}: {error}");
        assert!(
            error.contains(expected) && error.contains("help:") && !error.contains("hunter2"),
            "{name}: {error}"
        );
    }
}
