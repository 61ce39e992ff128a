//! The command line, by the real program: settings, `init`, organisations, quarantine, exit statuses, help.

use assert_cmd::Command;
use sentra::adapters::clock::{SystemClock, UlidSource};
use sentra::adapters::keyring::{LocalKeyring, MasterKey};
use sentra::adapters::objects::Bodies;
use sentra::adapters::store::{Database, Store};
use sentra::model::{
    EmailAddress, Envelope, Finding, FindingCode, HeldMail, HeldState, HeldSummary, MailParameters, OrgId,
    QuarantineId, Recipient, ReversePath, Severity,
};
use sentra::ports::{Clock, IdSource, QuarantineStore};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Every run has its own empty environment.
fn sentra(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sentra"));
    command.env_clear().args(arguments).timeout(std::time::Duration::from_secs(60));
    command
}

struct Ran {
    status: i32,
    out: String,
    err: String,
}

fn run(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        status: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Ran {
    fn done(self) -> Self {
        assert_eq!(self.status, 0, "{}{}", self.out, self.err);
        self
    }
    fn json(self) -> Value {
        let done = self.done();
        serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{error}: {}", done.out))
    }
    fn lines(self) -> Vec<Value> {
        self.done().out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

struct Installed {
    _folder: tempfile::TempDir,
    dir: PathBuf,
    told: Value,
}

impl Installed {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("sentra");
        let mut command = sentra(&["init", "--json", "--yes", "--org", "Contoso", "--smtp", "127.0.0.1:0"]);
        command.arg("--dir").arg(&dir).args([
            "--mailbox",
            "accounts@contoso.example",
            "--trust",
            "127.0.0.0/24",
        ]);
        command.args(["--next-hop", "127.0.0.1:2525", "--next-hop-tls", "none", "--web", "127.0.0.1:0"]);
        command.args([
            "--metrics",
            "127.0.0.1:0",
            "--admin-email",
            "ada@contoso.example",
            "--admin-password-stdin",
        ]);
        command.args(["--redis", "redis://:hunter2-redis@127.0.0.1:6379"]);
        let told = run(command.write_stdin("correct horse battery staple\n")).json();
        Self { _folder: folder, dir, told }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = sentra(arguments);
        command.env("SENTRA_CONFIG", self.dir.join("sentra.toml"));
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        run(&mut self.command(arguments))
    }

    fn org(&self) -> OrgId {
        self.told["organisation"]["id"].as_str().unwrap().parse().unwrap()
    }

    async fn store(&self) -> Store {
        let key = fs::read_to_string(self.dir.join("keys/master.key")).unwrap();
        let database =
            Database::open(&format!("sqlite:{}/data/sentra.db", self.dir.display())).await.unwrap();
        let keyring = Arc::new(LocalKeyring::new(&MasterKey::from_hex(&key).unwrap()).unwrap());
        let bodies = Bodies::new(&self.dir.join("data"));
        let store = Store::new(database, keyring, Arc::new(SystemClock), Arc::new(UlidSource::new()), bodies);
        store.organisations().await.unwrap();
        store
    }
}

const EML: &[u8] = b"From: a@supplier.example\r\nSubject: New bank details\r\n\r\nPay here.\r\n";

/// Holds one message as the mail path does.
async fn hold(store: &Store, org: OrgId, recipients: &[&str], key: &str) -> QuarantineId {
    let address = |text: &str| EmailAddress::parse(text).unwrap();
    let recipient = |text: &&str| Recipient { address: address(text), notify: None, orcpt: None };
    let id = QuarantineId(UlidSource::new().ulid());
    let received = time::OffsetDateTime::from_unix_timestamp(SystemClock.now_ms() / 1_000).unwrap();
    let summary = HeldSummary {
        id,
        state: HeldState::Held,
        received_at: received.format(&time::format_description::well_known::Rfc3339).unwrap(),
        mail_from: "a@supplier.example".into(),
        recipients: recipients.iter().map(ToString::to_string).collect(),
        subject: "New bank details \x1b[31m".into(),
        message_id: "<1@supplier.example>".into(),
        severity: Severity::Danger,
        score: 93,
        codes: vec!["BANK_DETAILS_CHANGED".into()],
        supplier: None,
        expires_at: None,
        size: EML.len() as u64,
    };
    let finding = Finding {
        code: FindingCode("BANK_DETAILS_CHANGED".into()),
        severity: Severity::Danger,
        class: sentra::model::Class::Decisive,
        family: sentra::model::Family::Payment,
        text: "The account is not the one on record.".into(),
        source: None,
    };
    let envelope = Envelope {
        reverse_path: ReversePath(Some(address("a@supplier.example"))),
        parameters: MailParameters::default(),
        recipients: recipients.iter().map(recipient).collect(),
    };
    let mail = HeldMail {
        org,
        summary,
        findings: vec![finding],
        envelope,
        dedupe_key: key.to_owned(),
        ruleset: "0123456789abcdef".into(),
        octets: EML.into(),
    };
    store.hold(mail, Vec::new()).await.unwrap().id()
}

#[test]
fn init_makes_a_whole_installation_and_never_overwrites() {
    let at = Installed::new();
    let mode = |path: &str| fs::metadata(at.dir.join(path)).unwrap().permissions().mode() & 0o777;
    for file in ["sentra.toml", "keys/master.key", "certs/server.crt", "certs/server.key", "data/sentra.db"] {
        assert_eq!(mode(file), 0o600, "{file}");
    }
    for folder in ["", "keys", "certs", "data"] {
        assert_eq!(mode(folder), 0o700, "{folder}");
    }
    let org = &at.told["organisation"];
    assert_eq!(org["mode"], "enforce");
    assert_eq!(org["next_hop"]["port"], 2525);
    assert_eq!(org["admin_emails"][0], "ada@contoso.example");
    assert!(at.told["ingress_token"].as_str().unwrap().len() >= 32);
    assert_ne!(at.told["ingress_token"], at.told["return_token"]);
    assert_eq!(at.run(&["config", "check"]).done().err, "", "nothing to warn of");

    let before = fs::read(at.dir.join("keys/master.key")).unwrap();
    let again = run(sentra(&["init", "--yes", "--mailbox", "a@b.example", "--dir"]).arg(&at.dir));
    assert_eq!(again.status, 1);
    assert!(again.err.contains("sentra.toml exists, and init never overwrites"), "{}", again.err);
    assert!(again.err.contains("help: choose another --dir"), "{}", again.err);
    assert_eq!(fs::read(at.dir.join("keys/master.key")).unwrap(), before);
    // One file of an older installation is enough, and it is named.
    fs::remove_file(at.dir.join("sentra.toml")).unwrap();
    let again = run(sentra(&["init", "--yes", "--dir"]).arg(&at.dir));
    assert!(again.err.contains("keys/master.key exists"), "{}", again.err);
    assert!(!at.dir.join("sentra.toml").exists());
}

#[test]
fn init_that_fails_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("a/b");
    let rows: [(&str, &[&str], i32, &str); 6] = [
        ("wide range", &["--trust", "10.0.0.0/8"], 2, "wider than /16"),
        ("no tenant id", &["--tenant-id", "contoso"], 1, "a tenant id is a GUID"),
        ("no next hop", &["--next-hop", "a b"], 2, "is no next hop"),
        ("no mailbox", &["--mailbox", "contoso"], 2, "not a mail address"),
        ("no certificate", &["--certificate", "/nowhere", "--key", "/nowhere"], 1, "/nowhere cannot be read"),
        ("other database", &["--database", "mysql://h/d"], 3, "no database URL that Sentra knows"),
    ];
    for (name, arguments, status, said) in rows {
        let ran = run(sentra(&["init", "--yes", "--dir"]).arg(&dir).args(arguments));
        assert_eq!(ran.status, status, "{name}: {}", ran.err);
        assert!(ran.err.contains(said), "{name}: {}", ran.err);
        assert!(!folder.path().join("a").exists(), "{name}");
    }
    let ran =
        run(sentra(&["init", "--yes", "--admin-email", "a@b.example", "--admin-password-stdin", "--dir"])
            .arg(&dir)
            .write_stdin("short\n"));
    assert_eq!(ran.status, 1, "{}", ran.err);
    assert!(!folder.path().join("a").exists());
}

#[test]
fn init_tells_what_to_do_next() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run(sentra(&["init", "--yes", "--dir"]).arg(folder.path().join("x"))).done();
    for word in [
        "X-Sentra-Ingress",
        "X-Sentra-Return",
        "org mailbox add",
        "next-hop=HOST:PORT",
        "tenant-id=GUID",
        "serve",
    ] {
        assert!(ran.out.contains(word), "{word}: {}", ran.out);
    }
    let config = fs::read_to_string(folder.path().join("x/sentra.toml")).unwrap();
    assert!(config.contains("listen = [\"0.0.0.0:25\"]") && config.contains("# Keep a copy"), "{config}");
}

#[test]
fn a_wrong_configuration_is_explained_with_status_3() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.toml");
    fs::write(&file, "[smtp]\nlisten = [\"127.0.0.1:0\"]\nmax_mesage_size = 1\n\n[log]\nlevel = 7\n")
        .unwrap();
    let ran = run(sentra(&["config", "check", "--config"]).arg(&file));
    assert_eq!((ran.status, ran.out.as_str()), (3, ""));
    let name = file.display();
    assert!(
        ran.err.contains(&format!("error: unknown key `max_mesage_size` in [smtp] ({name}:3)\n")),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("help: did you mean `max_message_size`?"), "{}", ran.err);
    assert!(
        ran.err.contains(&format!("error: log.level must be a text, not a number ({name}:6)\n")),
        "{}",
        ran.err
    );

    let ran = run(sentra(&["org", "list"]).current_dir(folder.path()));
    assert_eq!(ran.status, 3);
    assert!(ran.err.contains("(sentra.toml)") && ran.err.contains("`sentra init --dir DIR`"), "{}", ran.err);
}

#[test]
fn show_tells_values_and_origins_and_no_secret() {
    let at = Installed::new();
    let key = fs::read_to_string(at.dir.join("keys/master.key")).unwrap();
    let secrets = ["hunter2-redis", "hunter2-owner", key.trim()];
    for arguments in [&["config", "show"][..], &["config", "show", "--json"], &["config", "check"]] {
        let ran = run(at
            .command(arguments)
            .env("SENTRA_DATABASE__OWNER_URL", "postgres://owner:hunter2-owner@db/sentra")
            .env("SENTRA_KEYS__MASTER_KEY", key.trim())
            .env("SENTRA_LOG__LEVEL", "debug"))
        .done();
        for secret in secrets {
            assert!(!ran.out.contains(secret) && !ran.err.contains(secret), "{arguments:?}: {}", ran.out);
        }
        if arguments == ["config", "show"] {
            assert!(ran.out.contains("level = \"debug\"  # SENTRA_LOG__LEVEL\n"), "{}", ran.out);
            assert!(ran.out.contains("max_sessions = 2000  # default\n"), "{}", ran.out);
            assert!(ran.out.contains("listen = [\"127.0.0.1:0\"]  # file, line "), "{}", ran.out);
            assert!(ran.out.contains("owner_url = \"postgres://********@db/sentra\""), "{}", ran.out);
        }
    }
    let shown = run(at.command(&["config", "show", "--json"]).env("SENTRA_SMTP__MAX_SESSIONS", "5")).json();
    assert_eq!(shown["smtp"]["max_sessions"]["value"], 5);
    assert_eq!(shown["smtp"]["max_sessions"]["origin"], "SENTRA_SMTP__MAX_SESSIONS");
}

#[test]
fn secrets_come_from_files_too() {
    let at = Installed::new();
    let moved = at.dir.join("elsewhere");
    fs::rename(at.dir.join("keys/master.key"), &moved).unwrap();
    assert_eq!(at.run(&["org", "list"]).status, 3);
    assert_eq!(
        at.command(&["org", "list"])
            .env("SENTRA_KEYS__MASTER_KEY_FILE", &moved)
            .output()
            .unwrap()
            .status
            .code(),
        Some(0)
    );
    // A key that is one, but not this installation's, is refused by what it cannot open.
    let ran = run(at.command(&["org", "list"]).env("SENTRA_KEYS__MASTER_KEY", "00".repeat(32)));
    assert_eq!(ran.status, 1, "{}", ran.err);
    assert!(ran.err.contains("master key"), "{}", ran.err);
}

#[test]
fn organisations_are_kept_by_command() {
    let at = Installed::new();
    at.run(&["org", "mailbox", "add", "ap@contoso.example", "--alias", "invoices@contoso.example"]).done();
    at.run(&["org", "domain", "add", "contoso.onmicrosoft.example"]).done();
    at.run(&["org", "executive", "add", "Ada Lovelace", "--address", "ada@contoso.example"]).done();
    at.run(&["org", "account", "add", "GB29 NWBK 6016 1331 9268 19"]).done();
    at.run(&["org", "set", "mode=tag", "next-hop=mail.contoso.example:25", "subject-prefix=[check]"]).done();
    let org = at.run(&["org", "show", "--json"]).json();
    assert_eq!(org["mode"], "tag");
    assert_eq!(org["mailboxes"][1]["aliases"][0], "invoices@contoso.example");
    assert_eq!(org["executives"][0]["name"], "Ada Lovelace");
    assert_eq!(org["next_hop"]["host"], "mail.contoso.example");
    assert_eq!(org["next_hop"]["tls"], "none", "kept from before");
    assert_eq!(org["subject_prefix"], "[check]");
    assert_eq!(org["accepts_proven_peers"], false, "no tenant id yet");
    let text = at.run(&["org", "show"]).done().out;
    for token in ["ingress_token", "return_token"] {
        assert!(!text.contains(at.told[token].as_str().unwrap()), "{text}");
    }
    assert!(text.contains("ap@contoso.example (also invoices@contoso.example)"), "{text}");
    let accounts = at.run(&["org", "account", "list", "--json"]).lines();
    assert_eq!(accounts[0]["masked"], "••••6819");
    assert!(at.run(&["org", "account", "list"]).done().out.contains("iban"));
    at.run(&["org", "account", "remove", "GB29NWBK60161331926819"]).done();
    at.run(&["org", "mailbox", "remove", "ap@contoso.example"]).done();
    at.run(&["org", "executive", "remove", "Ada Lovelace"]).done();
    let org = at.run(&["org", "show", "--json"]).json();
    assert_eq!(org["mailboxes"].as_array().unwrap().len(), 1);
    assert_eq!(org["executives"].as_array().unwrap().len(), 0);

    let rotated = at.run(&["org", "token", "rotate", "--json"]).json();
    assert_ne!(rotated["token"], at.told["ingress_token"]);
    assert_eq!(at.run(&["org", "show", "--json"]).json()["ingress_tokens"], 2, "the old one overlaps");
}

#[test]
fn mistakes_about_organisations_are_explained() {
    let at = Installed::new();
    let rows: [(&[&str], i32, &str); 8] = [
        (&["org", "set", "mod=tag"], 2, "did you mean mode?"),
        (&["org", "set", "mode=loud"], 2, "monitor, tag, enforce"),
        (&["org", "set", "mode"], 2, "is not KEY=VALUE"),
        (&["org", "account", "add", "GB28NWBK60161331926819"], 2, "check digits are wrong"),
        (&["org", "mailbox", "remove", "nobody@contoso.example"], 1, "help: `list` shows"),
        (&["org", "create", "Contoso"], 1, "an organisation of that name exists"),
        (&["org", "show", "--org", "Fabrikam"], 1, "there are: Contoso"),
        (&["org", "mailbox", "add", "nobody"], 2, "not a mail address"),
    ];
    for (arguments, status, said) in rows {
        let ran = at.run(arguments);
        assert_eq!(ran.status, status, "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains(said), "{arguments:?}: {}", ran.err);
        assert!(!ran.err.contains("GB28NWBK"), "{arguments:?}: an account number in {}", ran.err);
    }
    let created = at.run(&["org", "create", "Fabrikam", "--mailbox", "ap@fabrikam.example", "--json"]).json();
    assert!(created["return_token"].is_string());
    let ran = at.run(&["quarantine", "list"]);
    assert_eq!(ran.status, 2);
    assert!(ran.err.contains("name one with --org: Contoso, Fabrikam"), "{}", ran.err);
    assert_eq!(at.run(&["org", "list", "--json"]).lines().len(), 2);
    at.run(&["quarantine", "list", "--org", created["id"].as_str().unwrap()]).done();
}

#[tokio::test]
async fn held_mail_is_listed_shown_exported_and_decided() {
    let at = Installed::new();
    let store = at.store().await;
    let both = ["accounts@contoso.example", "invoices@contoso.example"];
    let mut ids = Vec::new();
    for key in ["a", "b", "c", "d"] {
        ids.push(hold(&store, at.org(), &both, key).await);
    }
    let id: Vec<String> = ids.iter().map(ToString::to_string).collect();

    let listed = at.run(&["quarantine", "list", "--json"]).lines();
    assert_eq!(listed.len(), 4);
    let keys: Vec<&String> = listed[0].as_object().unwrap().keys().collect();
    for field in [
        "id",
        "state",
        "received_at",
        "mail_from",
        "recipients",
        "subject",
        "message_id",
        "severity",
        "score",
        "codes",
        "supplier",
        "expires_at",
        "size",
    ] {
        assert!(keys.iter().any(|key| *key == field), "{field} not in {keys:?}");
    }
    let table = at.run(&["quarantine", "list", "--limit", "2"]).done();
    assert_eq!(table.out.lines().count(), 3, "{}", table.out);
    assert!(table.err.contains("there are more"), "{}", table.err);
    assert!(!table.out.contains('\x1b'), "{}", table.out);
    assert!(at.run(&["quarantine", "show", &id[0]]).done().out.contains("not the one on record"));
    assert_eq!(at.run(&["quarantine", "show", &id[0], "--json"]).json()["findings"][0]["class"], "decisive");

    let exported = at.command(&["quarantine", "export", &id[0]]).output().unwrap().stdout;
    assert_eq!(exported, EML);
    let path = at.dir.join("held.eml");
    run(at.command(&["quarantine", "export", &id[0], "--output"]).arg(&path)).done();
    assert_eq!(fs::read(&path).unwrap(), EML);
    assert_eq!(run(at.command(&["quarantine", "export", &id[0], "--output"]).arg(&path)).status, 1);

    let no_reason = at.run(&["quarantine", "release", &id[0]]);
    assert_eq!(no_reason.status, 2);
    let stranger = at.run(&["quarantine", "release", &id[0], "--reason", "x", "--to", "eve@evil.example"]);
    assert_eq!(stranger.status, 1, "{}", stranger.err);
    let to = [
        "quarantine",
        "release",
        &id[0],
        "--reason",
        "called them",
        "--to",
        "Accounts@contoso.example",
        "--json",
    ];
    let released = at.run(&to).json();
    assert_eq!(released["state"], "releasing");
    assert_eq!(released["recipients"], serde_json::json!(["accounts@contoso.example"]));
    at.run(&["quarantine", "reject", &id[1]]).done();
    at.run(&["quarantine", "delete", &id[2], "--reason", "asked"]).done();
    let again = at.run(&["quarantine", "release", &id[1], "--reason", "changed my mind"]);
    assert_eq!(again.status, 1);
    assert!(again.err.contains("rejected"), "{}", again.err);
    assert_eq!(at.run(&["quarantine", "export", &id[2]]).status, 1);
    let missing = at.run(&["quarantine", "show", "01JD3ZV8M2T5Y7Q9W1E3R5T7Y9"]);
    assert_eq!(missing.status, 1);
    assert!(missing.err.contains("help: `sentra quarantine list`"), "{}", missing.err);
    assert_eq!(at.run(&["quarantine", "show", "42"]).status, 2);
    assert_eq!(at.run(&["quarantine", "list", "--state", "lost"]).status, 2);
    assert_eq!(at.run(&["quarantine", "list", "--state", "rejected", "--json"]).lines().len(), 1);
    assert_eq!(at.run(&["quarantine", "list", "--json"]).lines().len(), 2, "one held, one releasing");

    let audit = store.audit(at.org(), 0).await.unwrap();
    let actions: Vec<&str> = audit.iter().map(|entry| entry.action.as_str()).collect();
    for action in ["org.create", "quarantine.export", "quarantine.release"] {
        assert!(actions.contains(&action), "{action} not in {actions:?}");
    }
    assert!(audit.iter().all(|entry| entry.actor == "operator" || entry.actor == "system"), "{audit:?}");
}

#[tokio::test]
async fn verdict_headers_are_verified() {
    use sentra::model::{Action, AuthResults, MailId, Message, Peer, PeerStanding, ReceivedMail, Verdict};
    let at = Installed::new();
    let store = at.store().await;
    let organisation = store.organisation(at.org()).await.unwrap().unwrap();
    let address = EmailAddress::parse("accounts@contoso.example").unwrap();
    let mail = ReceivedMail {
        id: MailId(UlidSource::new().ulid()),
        envelope: Envelope {
            reverse_path: ReversePath(None),
            parameters: MailParameters::default(),
            recipients: vec![Recipient { address, notify: None, orcpt: None }],
        },
        peer: Peer {
            ip: "127.0.0.1".parse().unwrap(),
            helo: "x".into(),
            esmtp: true,
            tls: None,
            standing: PeerStanding::Trusted,
        },
        received_at_ms: SystemClock.now_ms(),
        octets: EML.into(),
        bare_newlines: false,
    };
    let verdict = Verdict { action: Action::Deliver, score: 7, ..Verdict::default() };
    let stamp = sentra::act::Stamp {
        hostname: "gw.contoso.example",
        now_ms: SystemClock.now_ms(),
        organisation: &organisation,
        keyring: store.keyring().as_ref(),
        auth: &AuthResults::default(),
        passes: 0,
        include_return_token: false,
    };
    let outgoing = sentra::act::compose(&mail, &Message::default(), &verdict, &stamp).unwrap();
    let delivered = outgoing.segments.concat();
    let verify = |octets: &[u8]| {
        run(at.command(&["m365", "verify-header", "-", "--json"]).write_stdin(octets.to_vec()))
    };
    let stated = verify(&delivered).json();
    assert_eq!((&stated["result"], &stated["score"]), (&"valid".into(), &7.into()));
    assert_eq!(stated["recipients"], serde_json::json!(["accounts@contoso.example"]));
    let file = at.dir.join("delivered.eml");
    fs::write(&file, &delivered).unwrap();
    assert!(
        run(at.command(&["m365", "verify-header"]).arg(&file)).done().out.contains("message is unchanged")
    );
    let altered = [&delivered[..], b"One more line.\r\n"].concat();
    for (name, octets, result) in [("altered", &altered[..], "mismatch"), ("never passed", EML, "absent")] {
        let ran = verify(octets);
        assert_eq!(ran.status, 1, "{name}: {}{}", ran.out, ran.err);
        assert!(ran.out.contains(&format!("\"result\":\"{result}\"")), "{name}: {}", ran.out);
    }
    let ran = at.run(&["m365", "verify-header", "/nowhere.eml"]);
    assert!(ran.status == 1 && ran.err.contains("(/nowhere.eml)"), "{}", ran.err);
}

#[test]
fn migrate_makes_a_database_where_there_is_none() {
    let at = Installed::new();
    fs::remove_dir_all(at.dir.join("data")).unwrap();
    let ran = at.run(&["org", "list"]);
    assert_eq!(ran.status, 1);
    assert!(ran.err.contains("there is no database at") && ran.err.contains("sentra migrate"), "{}", ran.err);
    assert!(!at.dir.join("data").exists(), "asking makes nothing");
    assert_eq!(at.run(&["migrate", "--json"]).json()["migrated"], true);
    let ran = at.run(&["quarantine", "list"]);
    assert!(ran.err.contains("there is no organisation yet"), "{}", ran.err);
}

#[test]
fn every_command_has_help_and_every_leaf_an_example_or_a_plain_form() {
    fn walk(command: &clap::Command, path: &[String], seen: &mut Vec<String>) {
        let mut arguments: Vec<&str> = path.iter().map(String::as_str).collect();
        arguments.push("--help");
        let ran = run(&mut sentra(&arguments));
        assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{path:?}");
        assert!(ran.out.contains("Usage: sentra"), "{path:?}: {}", ran.out);
        assert!(command.get_about().is_some(), "{path:?} says not what it does");
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{path:?} {} has no help", argument.get_id());
        }
        seen.push(path.join(" "));
        for sub in command.get_subcommands() {
            let path: Vec<String> = path.iter().cloned().chain([sub.get_name().to_owned()]).collect();
            walk(sub, &path, seen);
        }
    }
    let mut seen = Vec::new();
    walk(&sentra::cli::command(), &[], &mut seen);
    for command in [
        "init",
        "migrate",
        "config check",
        "config show",
        "org list",
        "org token rotate",
        "quarantine release",
    ] {
        assert!(seen.iter().any(|path| path == command), "{command} not in {seen:?}");
    }
}

#[test]
fn wrong_usage_ends_with_2_and_names_the_remedy() {
    for arguments in [&["frobnicate"][..], &["config"], &["init"], &["quarantine", "delete", "x"], &[]] {
        let ran = run(&mut sentra(arguments));
        assert_eq!(ran.status, 2, "{arguments:?}");
        let explained = ran.err.contains("Usage:") || ran.err.contains("help: the same command with --help");
        assert!(explained, "{arguments:?}: {}", ran.err);
        assert!(!ran.err.contains('\x1b'), "no colours into a pipe");
    }
    assert!(run(&mut sentra(&["--version"])).done().out.starts_with("sentra "));
}

#[test]
fn the_service_file_names_what_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let unit = fs::read_to_string(root.join("deploy/sentra.service")).unwrap();
    for line in [
        "RestartPreventExitStatus=3",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "ExecReload=/bin/kill -HUP",
    ] {
        assert!(unit.contains(line), "{line}");
    }
    let readme = fs::read_to_string(root.join("certs/README.md")).unwrap();
    for key in sentra::config::KEYS.iter().map(sentra::config::Key::path) {
        let named =
            ["tls.certificate", "tls.key", "smtp.client_ca", "next_hop.roots", "keys.master_key_file"];
        assert!(!named.contains(&key.as_str()) || readme.contains(&key), "{key}");
    }
    let others = fs::read_dir(root.join("certs")).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(others.collect::<Vec<_>>(), ["README.md"], "no key and no certificate belongs here");
}
