//! ARC: our seal over the mail that we change, judged by dkimpy, and what a sender may write in our name.

use crate::support::dns::NameServer;
use crate::support::sink::{Behaviour, Sink};
use crate::support::world::{Setup, World, changed_invoice, clean_invoice};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

const ACME: &str = "accounts@acme-supplies.example";
const ACCOUNTS: &str = "accounts@contoso.example";

/// Runs tests/arc/chain.py.
fn dkimpy(asked: &Value) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/arc/chain.py");
    let mut child = Command::new("/usr/bin/python3")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("apt-get install python3 python3-dkim python3-authres");
    child.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success(), "dkimpy failed (apt-get install python3-dkim python3-authres)");
    serde_json::from_slice(&done.stdout).unwrap()
}

/// A key made by openssl, with its record published.
pub struct Signer {
    pub pem: String,
    pub domain: &'static str,
}

impl Signer {
    pub fn new(dns: &NameServer, domain: &'static str) -> Self {
        let openssl = |arguments: &[&str], input: &str| {
            let mut child = Command::new("openssl")
                .args(arguments)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .expect("apt-get install openssl");
            child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
            String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
        };
        let pem = openssl(&["genrsa", "-traditional", "2048"], "");
        let public = openssl(&["rsa", "-pubout"], &pem);
        let public: String = public.lines().filter(|line| !line.starts_with('-')).collect();
        dns.publish(&format!("s1._domainkey.{domain}"), &format!("v=DKIM1; k=rsa; p={public}"));
        Self { pem, domain }
    }

    fn ask(&self, dns: &NameServer, what: &str, octets: &[u8]) -> Vec<u8> {
        let answer = dkimpy(&json!({
            "do": what, "message": STANDARD.encode(octets), "records": dns.records(), "key": self.pem,
            "domain": self.domain, "selector": "s1", "authserv": format!("mx.{}", self.domain),
        }));
        STANDARD.decode(answer["message"].as_str().unwrap()).unwrap()
    }

    pub fn dkim(&self, dns: &NameServer, octets: &[u8]) -> Vec<u8> {
        self.ask(dns, "dkim_sign", octets)
    }

    fn seal(&self, dns: &NameServer, octets: &[u8]) -> Vec<u8> {
        self.ask(dns, "arc_sign", octets)
    }
}

fn verify(dns: &NameServer, what: &str, octets: &[u8]) -> Value {
    dkimpy(&json!({ "do": what, "message": STANDARD.encode(octets), "records": dns.records() }))
}

/// A gateway in mode `tag` with its own name server, and a key that seals.
struct Sealing {
    world: World,
    sink: Sink,
    dns: NameServer,
    /// The record of the key that seals.
    record: String,
}

impl Sealing {
    async fn start() -> Self {
        let mut sealing = Self::without_key().await;
        let made = sealing.world.json(&[
            "keys",
            "arc",
            "generate",
            "--domain",
            "gateway.sentra.test",
            "--selector",
            "one",
        ]);
        sealing.record = made[0]["record"].as_str().unwrap().to_owned();
        sealing.dns.publish(made[0]["name"].as_str().unwrap(), &sealing.record);
        sealing.world.run(&["keys", "arc", "rotate"]);
        sealing.world.serve();
        sealing
    }

    async fn without_key() -> Self {
        let (sink, dns) = (Sink::start(Behaviour::default()).await, NameServer::start().await);
        let servers = dns.address().to_string();
        let setup =
            Setup::new(sink.address()).arg("--mode").arg("tag").env("SENTRA_NEXT_HOP__DNS_SERVERS", &servers);
        Self { world: World::prepare(setup), sink, dns, record: String::new() }
    }

    /// Sends a message and returns it as it went on.
    async fn pass(&self, octets: &[u8]) -> Vec<u8> {
        let before = self.sink.messages().len();
        let mut client = self.world.hello().await;
        assert_eq!(client.send(ACME, &[ACCOUNTS], octets).await.unwrap().code, 250);
        self.sink.wait_for(before + 1).await.pop().unwrap().octets.to_vec()
    }
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// The unfolded values of a field, top down.
pub fn values(octets: &[u8], name: &str) -> Vec<String> {
    let head = text(octets).split("\r\n\r\n").next().unwrap().replace("\r\n ", " ").replace("\r\n\t", " ");
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    lines
        .filter(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn chains_of_one_two_and_three_hops_hold_over_what_we_changed() {
    let sealing = Sealing::start().await;
    let dns = &sealing.dns;
    let supplier = Signer::new(dns, "acme-supplies.example");
    let (exchange, relay) = (Signer::new(dns, "exchange.test"), Signer::new(dns, "relay.test"));
    let signed = supplier.dkim(dns, &changed_invoice("signed@arc.test"));
    assert_eq!(verify(dns, "dkim_verify", &signed)["valid"], json!([true]), "before we change it");
    let one = exchange.seal(dns, &signed);
    let two = relay.seal(dns, &one);
    assert_eq!(verify(dns, "arc_verify", &two)["cv"], "pass", "the sealers before us");
    for (sets, octets) in [(1, &signed), (2, &one), (3, &two)] {
        let delivered = sealing.pass(octets).await;
        assert!(text(&delivered).contains("**** Sentra: "), "{sets}: it was changed");
        assert_eq!(
            verify(dns, "dkim_verify", &delivered)["valid"],
            json!([false]),
            "{sets}: the banner broke it"
        );
        let judged = verify(dns, "arc_verify", &delivered);
        assert_eq!(
            (&judged["cv"], &judged["sets"]),
            (&json!("pass"), &json!(sets)),
            "{judged}\n{}",
            text(&delivered)
        );
        let seal = values(&delivered, "ARC-Seal").remove(0);
        let cv = if sets == 1 { "cv=none" } else { "cv=pass" };
        assert!(seal.contains(cv) && seal.contains("d=gateway.sentra.test; s=one"), "{seal}");
        let results = values(&delivered, "ARC-Authentication-Results").remove(0);
        assert!(results.starts_with(&format!("i={sets}; gateway.sentra.test;")), "{results}");
        // And somebody after us goes on.
        let onward = relay.seal(dns, &delivered);
        let judged = verify(dns, "arc_verify", &onward);
        assert_eq!((&judged["cv"], &judged["sets"]), (&json!("pass"), &json!(sets + 1)), "{judged}");
        // One octet of the body is enough to end it.
        let forged = text(&delivered).replace("Amount due", "Amount DUE");
        assert_eq!(verify(dns, "arc_verify", forged.as_bytes())["cv"], "fail");
    }
}

/// RFC 8617 section 5.1.2: the seal over a broken chain covers our own set alone, and nothing follows it.
#[tokio::test(flavor = "multi_thread")]
async fn a_broken_chain_is_sealed_as_such_and_ends() {
    let sealing = Sealing::start().await;
    let exchange = Signer::new(&sealing.dns, "exchange.test");
    let sealed = exchange.seal(&sealing.dns, &changed_invoice("broken@arc.test"));
    let broken = text(&sealed).replace("Amount due", "Amount DUE");
    let delivered = sealing.pass(broken.as_bytes()).await;
    let seal = values(&delivered, "ARC-Seal").remove(0);
    assert!(seal.starts_with("i=2;") && seal.contains("cv=fail"), "{seal}");
    assert!(values(&delivered, "ARC-Authentication-Results")[0].contains("arc=fail header.d=exchange.test"));
    let alone = dkimpy(&json!({
        "do": "seal_alone", "message": STANDARD.encode(&delivered), "instance": "2", "record": sealing.record,
    }));
    assert_eq!(alone["valid"], true, "{}", text(&delivered));
    let again = sealing.pass(&delivered).await;
    assert_eq!(values(&again, "ARC-Seal").len(), 2, "nothing is added to a chain that has ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sealed_is_the_organisations_choice() {
    let sealing = Sealing::start().await;
    let (world, dns) = (&sealing.world, &sealing.dns);
    let clean = sealing.pass(&clean_invoice("clean@arc.test")).await;
    assert!(values(&clean, "ARC-Seal").is_empty(), "clean mail is not changed and not sealed");
    let seals = |wanted: bool, id: &'static str| {
        let sealing = &sealing;
        async move {
            let mut number = 0;
            loop {
                // The server reads the choice within its next second.
                let delivered = sealing.pass(&clean_invoice(&format!("{id}-{number}@arc.test"))).await;
                if values(&delivered, "ARC-Seal").is_empty() != wanted {
                    return delivered;
                }
                number += 1;
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    };
    let patience = crate::support::client::PATIENCE;
    world.run(&["org", "set", "arc.seal=all"]);
    let sealed = tokio::time::timeout(patience, seals(true, "all")).await.expect("sealed in time");
    assert_eq!(verify(dns, "arc_verify", &sealed)["cv"], "pass");
    world.run(&["org", "set", "dkim.sign=all"]);
    let signed = async {
        loop {
            let delivered = sealing.pass(&clean_invoice("dkim@arc.test")).await;
            if !values(&delivered, "DKIM-Signature").is_empty() {
                return delivered;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    let signed = tokio::time::timeout(patience, signed).await.expect("signed in time");
    assert_eq!(verify(dns, "dkim_verify", &signed)["valid"], json!([true]), "{}", text(&signed));
    assert_eq!(verify(dns, "arc_verify", &signed)["cv"], "pass");
    world.run(&["org", "set", "dkim.sign=off"]);
    world.run(&["org", "set", "arc.seal=off"]);
    tokio::time::timeout(patience, seals(false, "off")).await.expect("not sealed in time");
    let tagged = sealing.pass(&changed_invoice("tagged@arc.test")).await;
    assert!(text(&tagged).contains("**** Sentra: ") && values(&tagged, "ARC-Seal").is_empty());
}

/// A failure to look is never a "no" for ever: without DNS nothing is said about the chain, and the mail goes on.
#[tokio::test(flavor = "multi_thread")]
async fn without_dns_the_mail_goes_on_unsealed() {
    let sealing = Sealing::start().await;
    let exchange = Signer::new(&sealing.dns, "exchange.test");
    let sealed = exchange.seal(&sealing.dns, &changed_invoice("away@arc.test"));
    sealing.dns.stop();
    let delivered = sealing.pass(&sealed).await;
    assert!(text(&delivered).contains("**** Sentra: "));
    assert_eq!(values(&delivered, "ARC-Seal").len(), 1, "only the one that it brought");
    let first = sealing.pass(&changed_invoice("first@arc.test")).await;
    assert_eq!(values(&first, "ARC-Seal").len(), 1, "where there is no chain, nobody has to be asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_published_before_they_seal_and_stay_after() {
    let sealing = Sealing::start().await;
    let (world, dns) = (&sealing.world, &sealing.dns);
    let before = sealing.pass(&changed_invoice("before@arc.test")).await;
    let made =
        world.json(&["keys", "arc", "generate", "--domain", "gateway.sentra.test", "--selector", "two"]);
    let refused = world.command(&["keys", "arc", "rotate"]).output().unwrap();
    let error = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{error}");
    assert!(
        error.contains("two._domainkey.gateway.sentra.test") && error.contains("help: publish"),
        "{error}"
    );
    let checked = world.command(&["keys", "arc", "show", "--check"]).output().unwrap();
    assert_eq!(checked.status.code(), Some(1), "one record is missing");
    dns.publish(made[0]["name"].as_str().unwrap(), made[0]["record"].as_str().unwrap());
    world.run(&["keys", "arc", "rotate"]);
    let shown = world.json(&["keys", "arc", "show", "--check"]);
    let found: Vec<(&str, &str, &str)> = shown
        .iter()
        .map(|key| {
            let word = |name: &str| key[name].as_str().unwrap();
            (word("selector"), word("state"), word("published"))
        })
        .collect();
    assert_eq!(found, [("two", "active", "yes"), ("one", "old", "yes")]);
    let patient = async {
        loop {
            let delivered = sealing.pass(&changed_invoice("after@arc.test")).await;
            if values(&delivered, "ARC-Seal")[0].contains("s=two") {
                return delivered;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    let after = tokio::time::timeout(crate::support::client::PATIENCE, patient).await.expect("in time");
    for octets in [before, after] {
        assert_eq!(verify(dns, "arc_verify", &octets)["cv"], "pass");
    }
    let active = world.command(&["keys", "arc", "remove", "--selector", "two"]).output().unwrap();
    assert_eq!(active.status.code(), Some(1));
    world.run(&["keys", "arc", "remove", "--selector", "one"]);
    assert_eq!(world.json(&["keys", "arc", "show"]).len(), 1);
}

/// RFC 8601 section 5: what speaks in our name and is not ours is removed; everybody else's word stays.
#[tokio::test(flavor = "multi_thread")]
async fn results_in_our_name_are_ours() {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()));
    let forged = "Authentication-Results: gateway.sentra.test; dkim=pass header.d=acme-supplies.example\r\n\
                  authentication-results : (x) GATEWAY.sentra.TEST 1;\r\n dmarc=pass\r\n\
                  Authentication-Results: \"gateway.sentra.test\"; spf=pass\r\n\
                  Authentication-Results:\r\n gateway.sentra.test.; spf=pass\r\n";
    let others = "Authentication-Results: spf=pass (sender IP is 203.0.113.7) smtp.mailfrom=acme-supplies.example\r\n\
                  Authentication-Results: gateway.sentra.test.evil.example; spf=pass\r\n\
                  Authentication-Results: mx.example; dkim=pass header.d=gateway.sentra.test\r\n";
    let clean = text(&clean_invoice("results@arc.test"));
    let mut client = world.hello().await;
    let sent = format!("{forged}{others}{clean}");
    assert_eq!(client.send(ACME, &[ACCOUNTS], sent.as_bytes()).await.unwrap().code, 250);
    let delivered = sink.wait_for(1).await.remove(0).octets;
    let found = values(&delivered, "Authentication-Results");
    assert_eq!(found.len(), 4, "{found:?}");
    assert_eq!(found[0], "gateway.sentra.test; none");
    assert!(text(&delivered).ends_with(&format!("{others}{clean}")), "what stays is untouched");
}
