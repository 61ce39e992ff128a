//! Who really sent it: SPF, DKIM, DMARC over a real name server, through the real program.

use crate::arc::{Signer, values};
use crate::support::dns::NameServer;
use crate::support::sink::{Behaviour, Sink};
use crate::support::world::{Setup, World, changed_invoice, clean_invoice, mail};
use sentra::limits;
use std::process::Command;

/// A gateway that asks DNS itself, behind a relay that it believes.
struct Asking {
    world: World,
    sink: Sink,
    dns: NameServer,
}

impl Asking {
    async fn start(authentication: &str) -> Self {
        let (sink, dns) = (Sink::start(Behaviour::default()).await, NameServer::start().await);
        let setup = Setup::new(sink.address())
            .env("SENTRA_NEXT_HOP__DNS_SERVERS", &dns.address().to_string())
            .env("SENTRA_IDENTITY__AUTHENTICATION", authentication)
            .env("SENTRA_SMTP__TRUST_AUTH_RESULTS", "true");
        Self { world: World::start(setup), sink, dns }
    }

    /// Hands a message in that is to be held; gives the codes that hold it.
    async fn hold(&self, octets: &[u8]) -> String {
        let (delivered, held) = (self.sink.messages().len(), self.held().len());
        let mut client = self.world.hello().await;
        let sent = client.send("accounts@acme-supplies.example", &["accounts@contoso.example"], octets).await;
        assert_eq!(sent.unwrap().code, 250);
        assert_eq!((self.sink.messages().len(), self.held().len()), (delivered, held + 1));
        self.held().iter().map(|entry| entry["codes"].to_string()).collect()
    }

    fn held(&self) -> Vec<serde_json::Value> {
        self.world.json(&["quarantine", "list"])
    }

    /// Hands a message in as the relay would that took it from `address`; gives our results, and whether AUTH_FAILED
    /// was found.
    async fn judge(&self, envelope: &str, address: &str, octets: &[u8]) -> (String, bool) {
        let before = self.sink.messages().len();
        let trace = format!(
            "Received: from mx.sender.test (unknown [{address}])\r\n\tby relay.contoso.example with ESMTP; Mon, 23 Nov 2026 09:00:00 +0000\r\n"
        );
        let octets = [trace.as_bytes(), octets].concat();
        let mut client = self.world.hello().await;
        let reply = client.send(envelope, &["accounts@contoso.example"], &octets).await.unwrap();
        assert_eq!(reply.code, 250, "{reply:?}");
        let delivered = self.sink.wait_for(before + 1).await.pop().unwrap().octets.to_vec();
        let results = values(&delivered, "Authentication-Results").remove(0);
        (results, values(&delivered, "X-Sentra-Verdict").concat().contains("AUTH_FAILED"))
    }
}

fn from(domain: &str) -> Vec<u8> {
    mail(&format!("Ann <ann@{domain}>"), "Meeting", &format!("m@{domain}"), "See you on Monday.\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn senders_are_checked_over_dns() {
    let asking = Asking::start("verify").await;
    let dns = &asking.dns;
    const HERE: &str = "203.0.113.9";
    for (domain, spf) in [
        ("signed.test", "v=spf1 -all"),
        ("path.test", "v=spf1 a:out.path.test mx -all"),
        ("forged.test", "v=spf1 ip4:198.51.100.0/24 -all"),
        ("esp.test", "v=spf1 ip4:203.0.113.0/24 -all"),
        ("loop.test", "v=spf1 include:loop.test -all"),
    ] {
        dns.publish(domain, spf);
    }
    for domain in
        ["signed.test", "path.test", "forged.test", "misaligned.test", "loop.test", "flood.test", "lost.test"]
    {
        dns.publish(&format!("_dmarc.{domain}"), "v=DMARC1; p=reject; sp=quarantine");
    }
    dns.publish_address("out.path.test", [203, 0, 113, 9]);
    let giant: String = (0..2_500).map(|n| format!(" ip4:10.{}.{}.0/24", n / 250, n % 250)).collect();
    dns.publish("giant.test", &format!("v=spf1{giant} ip4:{HERE} -all"));
    dns.publish("_dmarc.giant.test", "v=DMARC1; p=none");
    dns.publish_alias("_dmarc.cname.test", "_dmarc.cname2.test");
    dns.publish_alias("_dmarc.cname2.test", "_dmarc.cname.test");
    dns.silence("silent.test");
    dns.fail("failing.test");
    let supplier = Signer::new(dns, "signed.test");
    let esp = Signer::new(dns, "esp.test");
    let slow = Signer::new(dns, "keys.silent.test");
    let lost = Signer { pem: supplier.pem.clone(), domain: "lost.test" };
    let signed = supplier.dkim(dns, &from("signed.test"));
    let altered = String::from_utf8(signed.clone()).unwrap().replace("on Monday", "on Friday").into_bytes();
    let line = |n: usize| {
        format!(
            "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=k{n}.flood.test; s=s; h=from; bh=AAAA; b=AAAA\r\n"
        )
    };
    let flood: String = (0..limits::MAX_SIGNATURES + 30).map(line).collect();
    let flood = [flood.as_bytes(), &from("flood.test")].concat();
    for (name, envelope, octets, expected, failed) in [
        ("signed", "signed.test", signed, "dkim=pass header.d=signed.test; dmarc=pass", false),
        ("altered", "signed.test", altered, "dkim=neutral header.d=signed.test; dmarc=fail", true),
        (
            "by its path",
            "path.test",
            from("path.test"),
            "spf=pass smtp.mailfrom=path.test; dkim=none; dmarc=pass",
            false,
        ),
        ("below its path", "path.test", from("sub.path.test"), "dmarc=pass header.from=sub.path.test", false),
        (
            "forged",
            "forged.test",
            from("forged.test"),
            "spf=fail smtp.mailfrom=forged.test; dkim=none; dmarc=fail",
            true,
        ),
        (
            "forged, another envelope",
            "esp.test",
            from("forged.test"),
            "spf=pass smtp.mailfrom=esp.test; dkim=none; dmarc=fail",
            true,
        ),
        (
            "signed by another",
            "esp.test",
            esp.dkim(dns, &from("misaligned.test")),
            "dkim=pass header.d=esp.test; dmarc=fail",
            true,
        ),
        (
            "nothing published",
            "plain.test",
            from("plain.test"),
            "spf=none smtp.mailfrom=plain.test; dkim=none; dmarc=none",
            false,
        ),
        (
            "a key that does not exist",
            "lost.test",
            {
                let signed = lost.dkim(dns, &from("lost.test"));
                String::from_utf8(signed).unwrap().replace("s=s1", "s=s2").into_bytes()
            },
            "dkim=permerror header.d=lost.test; dmarc=fail",
            true,
        ),
        (
            "forged, with a signature whose key never comes",
            "esp.test",
            slow.dkim(dns, &from("forged.test")),
            "spf=pass smtp.mailfrom=esp.test; dkim=temperror; dmarc=fail",
            true,
        ),
        (
            "forged, by an envelope whose record never comes",
            "silent.test",
            from("forged.test"),
            "spf=temperror smtp.mailfrom=silent.test; dkim=none; dmarc=fail",
            true,
        ),
        ("no answer", "silent.test", from("silent.test"), "; none", false),
        ("the server fails", "failing.test", from("failing.test"), "; none", false),
        ("aliases in a circle", "cname.test", from("cname.test"), "dmarc=none", false),
        (
            "a record of 40 KB",
            "giant.test",
            from("giant.test"),
            "spf=pass smtp.mailfrom=giant.test; dkim=none; dmarc=pass",
            false,
        ),
        (
            "a record that includes itself",
            "loop.test",
            from("loop.test"),
            "spf=permerror smtp.mailfrom=loop.test; dkim=none; dmarc=fail",
            true,
        ),
        ("a flood of signatures", "flood.test", flood, "dkim=permerror; dmarc=fail", true),
    ] {
        let found = asking.judge(&format!("ann@{envelope}"), HERE, &octets).await;
        assert!(found.0.contains(expected) && found.1 == failed, "{name}: {found:?}");
    }
    assert_eq!(dns.asked(".flood.test"), 1, "the policy, and no key");
    let spf = dns.asked("loop.test");
    assert!(spf <= limits::SPF_LOOKUPS, "{spf} questions");
    let metrics = Command::new("curl")
        .args(["-s", &format!("http://{}/metrics", asking.world.metrics.unwrap())])
        .output()
        .expect("apt-get install curl");
    let metrics = String::from_utf8(metrics.stdout).unwrap();
    for line in [
        r#"sentra_sender_auth_total{result="pass"} 4"#,
        r#"sentra_sender_auth_total{result="fail"} 9"#,
        r#"sentra_sender_auth_total{result="none"} 2"#,
        r#"sentra_sender_auth_total{result="unavailable"} 2"#,
        "sentra_sender_auth_lookups_total",
    ] {
        assert!(metrics.contains(line), "{line} is missing in\n{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exchanges_word_comes_first_and_a_forged_one_never_counts() {
    let asking = Asking::start("both").await;
    let dns = &asking.dns;
    dns.publish("acme.test", "v=spf1 ip4:198.51.100.0/24 -all");
    dns.publish("_dmarc.acme.test", "v=DMARC1; p=reject");
    let stamped = "Authentication-Results: spf=pass (sender IP is 203.0.113.9)\r\n smtp.mailfrom=acme.test; dkim=none (message not signed)\r\n header.d=none;dmarc=pass action=none\r\n header.from=acme.test;compauth=pass reason=100\r\n";
    let border = "Received: from mx.acme.test (203.0.113.9) by\r\n BN8NAM11FT066.mail.protection.outlook.com (10.13.177.138) with Microsoft SMTP Server via\r\n Frontend Transport; Mon, 23 Nov 2026 09:00:00 +0000\r\n";
    let plain = from("acme.test");
    let genuine = [stamped.as_bytes(), border.as_bytes(), &plain].concat();
    let mut client = asking.world.hello().await;
    client.send("ann@acme.test", &["accounts@contoso.example"], &genuine).await.unwrap();
    let delivered = asking.sink.wait_for(1).await.pop().unwrap().octets.to_vec();
    assert!(values(&delivered, "Authentication-Results")[0].contains("dmarc=pass header.from=acme.test"));
    assert!(!values(&delivered, "X-Sentra-Verdict").concat().contains("AUTH_FAILED"));
    // The same field below a hop that is not Microsoft's was written by the sender: our own check speaks.
    let forged = [stamped.as_bytes(), &plain].concat();
    let (results, failed) = asking.judge("ann@acme.test", "203.0.113.9", &forged).await;
    assert!(results.contains("spf=fail") && results.contains("dmarc=fail") && failed, "{results}");
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_a_pass_nor_silence_lets_a_changed_account_through() {
    let asking = Asking::start("verify").await;
    let dns = &asking.dns;
    let supplier = Signer::new(dns, "acme-supplies.example");
    dns.publish("acme-supplies.example", "v=spf1 ip4:203.0.113.0/24 -all");
    dns.publish("_dmarc.acme-supplies.example", "v=DMARC1; p=reject");
    let genuine = supplier.dkim(dns, &clean_invoice("1@t"));
    let (results, _) = asking.judge("accounts@acme-supplies.example", "203.0.113.9", &genuine).await;
    assert!(results.contains("spf=pass") && results.contains("dmarc=pass"), "{results}");
    let taken_over = supplier.dkim(dns, &changed_invoice("2@t"));
    assert!(asking.hold(&taken_over).await.contains("BANK_DETAILS_CHANGED"));
    // No answer: mail is neither refused nor deferred, and what the account says stands.
    dns.silence("");
    let (results, failed) = asking.judge("ann@new.test", "203.0.113.9", &from("new.test")).await;
    assert!(results.contains("; none") && !failed, "{results}");
    assert!(asking.hold(&changed_invoice("3@t")).await.contains("BANK_DETAILS_CHANGED"));
    dns.stop();
    let (results, failed) = asking.judge("ann@newer.test", "203.0.113.9", &from("newer.test")).await;
    assert!(results.contains("; none") && !failed, "{results}");
    assert!(asking.hold(&changed_invoice("4@t")).await.contains("BANK_DETAILS_CHANGED"));
}
