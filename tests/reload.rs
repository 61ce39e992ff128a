//! What changes while the server runs: certificates, configuration and rules at SIGHUP, organisations at any time,
//! and the orderly end at SIGTERM.

use crate::support::client::stuffed;
use crate::support::sink::{Behaviour, Sink};
use crate::support::world::{Setup, World, changed_invoice, clean_invoice};
use rcgen::{CertificateParams, KeyPair};
use std::process::{Command, Stdio};

const ACME: &str = "accounts@acme-supplies.example";
const ACCOUNTS: &str = "accounts@contoso.example";

/// The certificate that the server shows, as PEM.
fn shown_certificate(world: &World) -> String {
    let mut openssl = Command::new("openssl");
    openssl.args(["s_client", "-connect", &world.smtp.to_string(), "-starttls", "smtp"]);
    let done = openssl.stdin(Stdio::null()).output().expect("openssl is missing: apt-get install openssl");
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let from = said.find("-----BEGIN CERTIFICATE-----").unwrap_or_else(|| panic!("no certificate: {said}"));
    let to = said.find("-----END CERTIFICATE-----").unwrap();
    said[from..to].replace(['\r', '\n'], "")
}

fn pem(text: &str) -> String {
    let to = text.find("-----END CERTIFICATE-----").unwrap();
    text[..to].replace(['\r', '\n'], "")
}

/// Certificate and key in place of those that `init` made.
fn write_certificate(world: &World) -> String {
    let key = KeyPair::generate().unwrap();
    let names = vec!["gateway.sentra.test".to_owned()];
    let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
    std::fs::write(world.dir().join("certs/server.crt"), certificate.pem()).unwrap();
    std::fs::write(world.dir().join("certs/server.key"), key.serialize_pem()).unwrap();
    pem(&certificate.pem())
}

const READ_AGAIN: &[&str] = &["were read again"];
const REFUSED: &[&str] = &["\"alarm\":\"reload_refused\""];

/// SIGHUP, and waits for what the server says to it.
async fn reload(world: &World, expected: &[&str]) {
    let before = world.logged(expected);
    world.signal("HUP");
    world.wait_until(|world| world.logged(expected) > before, expected[0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_shown_after_sighup_and_sessions_go_on() {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()));
    let first = shown_certificate(&world);
    let mut client = world.hello().await;
    for line in [format!("MAIL FROM:<{ACME}>"), format!("RCPT TO:<{ACCOUNTS}>"), "DATA".to_owned()] {
        client.say(&line).await.unwrap();
    }
    let octets = stuffed(&clean_invoice("across@t"));
    let (head, tail) = octets.split_at(octets.len() / 2);
    client.write(head).await.unwrap();

    let second = write_certificate(&world);
    assert_eq!(shown_certificate(&world), first, "nothing changes before SIGHUP");
    reload(&world, READ_AGAIN).await;
    assert_eq!(shown_certificate(&world), second);
    assert_ne!(first, second);

    client.write(tail).await.unwrap();
    assert_eq!(client.reply().await.unwrap().code, 250, "the message under way passes");
    assert_eq!(sink.copies("across@t"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_broken_at_sighup_the_old_stays() {
    let sink = Sink::start(Behaviour::default()).await;
    let rules = tempfile::tempdir().unwrap();
    let folder = rules.path().to_str().unwrap().to_owned();
    let world = World::start(Setup::new(sink.address()).env("SENTRA_RULES__FOLDER", &folder));
    let shown = shown_certificate(&world);
    let (config, key) = (world.config_file(), world.dir().join("certs/server.key"));
    let rule = rules.path().join("own.toml");
    let good_rule = rule_file("SEEN_ON_RELOAD");
    let cases = [
        ("configuration", config.clone(), format!("{}\n[smtp\n", read(&config))),
        ("unknown key", config.clone(), read(&config).replacen("[smtp]", "[smtp]\nfrobnicate = 1", 1)),
        ("rule file", rule.clone(), good_rule.replace("documents.total", "documents.no_such_fact")),
        ("not a rule file", rule.clone(), "[[rule]]\ncode = 7\n".to_owned()),
        ("key of another certificate", key.clone(), KeyPair::generate().unwrap().serialize_pem()),
    ];
    for (number, (name, file, broken)) in cases.into_iter().enumerate() {
        let whole = std::fs::read(&file).ok();
        std::fs::write(&file, broken).unwrap();
        reload(&world, REFUSED).await;
        assert_eq!(shown_certificate(&world), shown, "{name}");
        let (clean, changed) = (format!("clean-{number}@t"), format!("changed-{number}@t"));
        let mut client = world.hello().await;
        assert_eq!(client.send(ACME, &[ACCOUNTS], &clean_invoice(&clean)).await.unwrap().code, 250, "{name}");
        assert_eq!(
            client.send(ACME, &[ACCOUNTS], &changed_invoice(&changed)).await.unwrap().code,
            250,
            "{name}"
        );
        assert_eq!(sink.copies(&clean), 1, "{name}: passes");
        match whole {
            Some(octets) => std::fs::write(&file, octets).unwrap(),
            None => std::fs::remove_file(&file).unwrap(),
        }
        assert_eq!(world.entry(&changed).expect(name)["state"], "held", "{name}: held");
    }
    // A good rule is taken up.
    std::fs::write(&rule, good_rule).unwrap();
    reload(&world, READ_AGAIN).await;
    let mut client = world.hello().await;
    client.send(ACME, &[ACCOUNTS], &clean_invoice("ruled@t")).await.unwrap();
    let received =
        sink.wait_for_matching(|got| String::from_utf8_lossy(&got.octets).contains("<ruled@t>")).await;
    assert!(String::from_utf8_lossy(&received.octets).contains("SEEN_ON_RELOAD"), "the new rule judges");
}

fn read(file: &std::path::Path) -> String {
    std::fs::read_to_string(file).unwrap()
}

/// A rule that every message meets.
fn rule_file(code: &str) -> String {
    format!(
        "[[rule]]\ncode = \"{code}\"\ntitle = \"Seen\"\nseverity = \"info\"\nclass = \"weak\"\nfamily = \"form\"\n\
         when = 'documents.total >= 0'\ntext = \"Seen.\"\nadvice = \"None.\"\n[rule.help]\ntrigger = \"Always.\"\n\
         action = \"None.\"\nfalse_alarm = \"None.\"\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_lets_a_message_under_way_finish_and_ends_with_0() {
    let sink = Sink::start(Behaviour::default()).await;
    let mut world = World::start(Setup::new(sink.address()));
    let mut idle = world.hello().await;
    let mut client = world.hello().await;
    for line in [format!("MAIL FROM:<{ACME}>"), format!("RCPT TO:<{ACCOUNTS}>"), "DATA".to_owned()] {
        client.say(&line).await.unwrap();
    }
    let octets = stuffed(&clean_invoice("last@t"));
    let (head, tail) = octets.split_at(octets.len() / 2);
    client.write(head).await.unwrap();
    world.signal("TERM");
    assert_eq!(idle.reply().await.unwrap().code, 421, "who waits is told to go");
    client.write(tail).await.unwrap();
    assert_eq!(client.reply().await.unwrap().code, 250, "who sends may finish");
    drop((idle, client));
    assert_eq!(world.wait_for_exit().await, 0);
    assert_eq!(sink.copies("last@t"), 1);
    world.serve();
    assert_eq!(world.logged(&["\"alarm\":\"open_intents\""]), 0, "its outcome was written");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_created_meanwhile_gets_its_own_mail_by_its_own_next_hop() {
    let (sink, other) = (Sink::start(Behaviour::default()).await, Sink::start(Behaviour::default()).await);
    let world = World::start(Setup::new(sink.address()));
    let hop = other.address().to_string();
    let fabrikam =
        ["org", "create", "Fabrikam", "--mailbox", "pay@fabrikam.example", "--next-hop-tls", "none"];
    world.run(&[&fabrikam[..], &["--next-hop", &hop]].concat());
    let mut client = world.hello().await;
    let mut tries = 0;
    loop {
        let reply = client.send(ACME, &["pay@fabrikam.example"], &clean_invoice("new@t")).await.unwrap();
        if reply.code == 250 {
            break;
        }
        assert_eq!(reply.code, 550, "not yet known: {reply:?}");
        tries += 1;
        assert!(tries < 500, "the new organisation was not noticed");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(client.send(ACME, &[ACCOUNTS], &clean_invoice("old@t")).await.unwrap().code, 250);
    assert_eq!((other.copies("new@t"), other.messages().len()), (1, 1));
    assert_eq!((sink.copies("old@t"), sink.messages().len()), (1, 1));
}
