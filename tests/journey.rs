//! The journey through the real binary: deliver, tag, hold, release, and what never happens on the way.

use crate::support::backend::{Backend, on_each_backend};
use crate::support::client::Client;
use crate::support::sink::{Behaviour, Sink};
use crate::support::world::{Setup, World, changed_invoice, clean_invoice, mail};
use std::process::Command;

const ACME: &str = "accounts@acme-supplies.example";
const ACCOUNTS: &str = "accounts@contoso.example";

/// Splits what arrived into the fields we prepended and the rest.
fn below_our_fields<'a>(received: &'a [u8], original: &[u8]) -> &'a [u8] {
    assert!(received.len() > original.len(), "something was prepended");
    let (ours, rest) = received.split_at(received.len() - original.len());
    for line in String::from_utf8_lossy(ours).lines() {
        let ours = ["Received: ", "X-Sentra-", "Authentication-Results: ", " ", "\t"];
        assert!(ours.iter().any(|start| line.starts_with(start)), "not one of our fields: {line:?}");
    }
    rest
}

fn field<'a>(octets: &'a str, name: &str) -> Option<&'a str> {
    octets
        .lines()
        .take_while(|line| !line.is_empty())
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

async fn clean_mail_is_delivered_byte_identical_below_our_fields(on: Backend) {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()).on(on));
    let mut odd = clean_invoice("odd@t");
    odd.extend_from_slice(b"\r\n.\r\n..leading dots\r\n\0 NUL and \xff\xfe eight bits\r\n\r\n\r\n");
    for octets in [clean_invoice("clean@t"), odd] {
        let mut client = world.hello().await;
        let before = sink.messages().len();
        assert_eq!(client.send(ACME, &[ACCOUNTS], &octets).await.unwrap().code, 250);
        let received = sink.wait_for(before + 1).await;
        assert_eq!(below_our_fields(&received[before].octets, &octets), octets);
        let text = String::from_utf8_lossy(&received[before].octets).into_owned();
        assert!(text.starts_with("Received: from "), "the trace line stands on top");
        let verdict = field(&text, "X-Sentra-Verdict").expect("a verdict");
        assert!(verdict.starts_with("v=1; org="), "{verdict}");
    }
}

async fn a_changed_account_is_held_and_the_administrator_told(on: Backend) {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()).on(on));
    let mut client = world.hello().await;
    let reply = client.send(ACME, &[ACCOUNTS], &changed_invoice("held@t")).await.unwrap();
    assert_eq!(reply.code, 250, "{reply:?}");

    let notice = sink.wait_for(1).await.remove(0);
    let text = String::from_utf8_lossy(&notice.octets).into_owned();
    assert!(notice.recipients[0].contains("it@contoso.example"), "only the notice went out: {text}");
    assert!(!text.contains("BARC"), "the notice shows no account number");

    let rows = world.quarantine();
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!(row["state"], "held");
    assert_eq!(row["message_id"], "<held@t>");
    assert_eq!(row["recipients"][0], ACCOUNTS);
    assert_eq!(row["supplier"]["id"], "S1");
    assert!(row["codes"].as_array().unwrap().iter().any(|code| code == "BANK_DETAILS_CHANGED"), "{row}");

    // The same message again (the sender lost our 250): acknowledged, but no second entry.
    assert_eq!(client.send(ACME, &[ACCOUNTS], &changed_invoice("held@t")).await.unwrap().code, 250);
    assert_eq!(world.quarantine().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_leaves_no_plain_text_on_disk() {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()));
    let mut client = world.hello().await;
    client.send(ACME, &[ACCOUNTS], &changed_invoice("sealed@t")).await.unwrap();
    sink.wait_for(1).await;
    let secrets: [&[u8]; 6] = [
        b"BARC10201530093459",
        b"10201530093459",
        b"NWBK60161331926819",
        b"GB94 BARC",
        b"Invoice INV-1042",
        b"accounts@acme-supplies",
    ];
    for file in world.data_files() {
        let octets = std::fs::read(&file).unwrap();
        for secret in secrets {
            // The directory holds supplier addresses in the clear; mail content and numbers never.
            let directory = secret == b"accounts@acme-supplies"
                && file.extension().is_some_and(|e| e == "db" || e == "db-wal");
            assert!(
                directory || memchr::memmem::find(&octets, secret).is_none(),
                "{:?} in {}",
                String::from_utf8_lossy(secret),
                file.display()
            );
        }
    }
    let log = world.log();
    for secret in ["BARC", "acme-supplies", "INV-1042", "contoso.example"] {
        assert!(!log.contains(secret), "the log names {secret}");
    }
}

async fn a_released_message_arrives_once_with_its_own_bytes_and_only_for_the_chosen(on: Backend) {
    let sink = Sink::start(Behaviour::default()).await;
    let world =
        World::start(Setup::new(sink.address()).on(on).arg("--mailbox").arg("invoices@contoso.example"));
    let mut client = world.hello().await;
    let octets = changed_invoice("release@t");
    client.send(ACME, &[ACCOUNTS, "invoices@contoso.example"], &octets).await.unwrap();
    sink.wait_for(1).await;
    let id = world.quarantine()[0]["id"].as_str().unwrap().to_owned();

    let refused = world.command(&["quarantine", "release", &id]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2), "a release needs its reason");
    let outside = world
        .command(&["quarantine", "release", &id, "--reason", "x", "--to", "someone@else.example"])
        .output()
        .unwrap();
    assert_eq!(outside.status.code(), Some(1), "never to another address");

    world.run(&[
        "quarantine",
        "release",
        &id,
        "--reason",
        "called Dana on the number on record",
        "--to",
        ACCOUNTS,
    ]);
    let released = sink
        .wait_for_matching(|received| {
            received.octets.ends_with(b"\r\n")
                && String::from_utf8_lossy(&received.octets).contains("release@t")
                && received.recipients.iter().any(|to| to.contains(ACCOUNTS))
        })
        .await;
    assert_eq!(released.recipients.len(), 1);
    let text = String::from_utf8_lossy(&released.octets).into_owned();
    assert!(
        text.contains("Subject: Invoice INV-1042\r\n") && text.contains("Date: Mon, 23 Nov 2026"),
        "the original's own fields"
    );
    world.wait_for_state(&id, "released").await;
    let copies = sink
        .messages()
        .iter()
        .filter(|received| {
            String::from_utf8_lossy(&received.octets).contains("<release@t>") && received.mail.contains(ACME)
        })
        .count();
    assert_eq!(copies, 1, "released once");
}

async fn an_unknown_supplier_is_tagged_in_words_a_clerk_understands(on: Backend) {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()).on(on));
    let octets = mail(
        "Northgate <office@northgate.example>",
        "Invoice 118",
        "tag@t",
        "Invoice 118\nAmount due: £1,960.00\nIBAN: GB39 LOYD 3096 3418 2736 45\n",
    );
    let mut client = world.hello().await;
    assert_eq!(client.send("office@northgate.example", &[ACCOUNTS], &octets).await.unwrap().code, 250);
    let received = sink.wait_for(1).await.remove(0);
    let text = String::from_utf8_lossy(&received.octets).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(field(head, "X-Sentra-Verdict").unwrap().contains("action=tag"), "{head}");
    let original = String::from_utf8(octets).unwrap();
    let (original_head, original_body) = original.split_once("\r\n\r\n").unwrap();
    assert!(head.ends_with(original_head), "the sender's header section is untouched");
    assert!(
        body.ends_with(original_body) && body.len() > original_body.len(),
        "banner above, text untouched"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn monitor_delivers_untouched_and_says_what_it_would_have_done() {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()).arg("--mode").arg("monitor"));
    let octets = changed_invoice("monitor@t");
    let mut client = world.hello().await;
    assert_eq!(client.send(ACME, &[ACCOUNTS], &octets).await.unwrap().code, 250);
    let received = sink.wait_for(1).await.remove(0);
    assert_eq!(below_our_fields(&received.octets, &octets), octets);
    assert!(String::from_utf8_lossy(&received.octets).contains("BANK_DETAILS_CHANGED"));
    assert!(world.quarantine().is_empty());
    assert!(world.log().contains(r#""would_be":"quarantine""#));
}

#[tokio::test(flavor = "multi_thread")]
async fn tag_mode_never_holds() {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()).arg("--mode").arg("tag"));
    let mut client = world.hello().await;
    client.send(ACME, &[ACCOUNTS], &changed_invoice("tagmode@t")).await.unwrap();
    let received = sink.wait_for(1).await.remove(0);
    let text = String::from_utf8_lossy(&received.octets).into_owned();
    assert!(text.replace("\r\n ", " ").contains("action=tag; severity=danger"), "{text}");
    assert!(world.quarantine().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_fields_of_ours_never_pass() {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()));
    let forged =
        "X-Sentra-Verdict: v=1; action=deliver\r\nx-sentra-return : guess\r\nX-SENTRA-Id: one\r\n folded\r\n";
    let clean = clean_invoice("forged@t");
    let mut octets = forged.as_bytes().to_vec();
    octets.extend_from_slice(&clean);
    let mut client = world.hello().await;
    client.send(ACME, &[ACCOUNTS], &octets).await.unwrap();
    let received = sink.wait_for(1).await.remove(0);
    assert_eq!(below_our_fields(&received.octets, &clean), clean);
    let text = String::from_utf8_lossy(&received.octets).into_owned();
    assert!(!text.contains("guess") && !text.contains("folded"));
}

#[tokio::test(flavor = "multi_thread")]
async fn recipients_are_checked_folded_and_kept_to_one_organisation() {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()));
    world.run(&[
        "org",
        "create",
        "Fabrikam",
        "--mailbox",
        "pay@fabrikam.example",
        "--next-hop",
        &sink.address().to_string(),
        "--next-hop-tls",
        "none",
    ]);
    world.run(&[
        "org",
        "mailbox",
        "add",
        "accounts@contoso.example",
        "--alias",
        "rechnung@contoso.example",
        "--org",
        "Contoso",
    ]);
    // The running server notices what the commands changed within a second or two.
    let mut known = false;
    let mut client = world.hello().await;
    for _ in 0..500 {
        client.say("MAIL FROM:<a@b.example>").await.unwrap();
        known = client.say("RCPT TO:<rechnung@contoso.example>").await.unwrap().code == 250
            && client.say("RCPT TO:<pay@fabrikam.example>").await.unwrap().code == 452;
        client.say("RSET").await.unwrap();
        if known {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(known, "the server knows the new organisation and alias");
    let mut client = world.hello().await;
    let rows = [
        ("plain", "accounts@contoso.example", 250),
        ("case", "ACCOUNTS@Contoso.Example", 250),
        ("plus", "accounts+site7@contoso.example", 250),
        ("alias", "rechnung@contoso.example", 250),
        ("own domain, not protected", "bob@contoso.example", 451),
        ("nobody's", "bob@elsewhere.example", 550),
        ("another organisation's", "pay@fabrikam.example", 452),
    ];
    assert_eq!(client.say("MAIL FROM:<>").await.unwrap().code, 250, "the null reverse-path");
    for (name, address, code) in rows {
        assert_eq!(client.say(&format!("RCPT TO:<{address}>")).await.unwrap().code, code, "{name}");
    }
    client.say("RSET").await.unwrap();
    client.say("MAIL FROM:<a@b.example>").await.unwrap();
    assert_eq!(client.say("RCPT TO:<pay@fabrikam.example>").await.unwrap().code, 250, "alone it is taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bounce_passes_unbannered_with_its_null_sender() {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()));
    let octets = mail(
        "Mail Delivery <postmaster@northgate.example>",
        "Undeliverable",
        "dsn@t",
        "IBAN: GB39 LOYD 3096 3418 2736 45\nAmount due: £10.00 invoice\n",
    );
    let mut client = world.hello().await;
    assert_eq!(client.send("", &[ACCOUNTS], &octets).await.unwrap().code, 250);
    let received = sink.wait_for(1).await.remove(0);
    assert!(received.mail.contains("<>"), "{}", received.mail);
    assert_eq!(below_our_fields(&received.octets, &octets), octets);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_framing_trick_yields_a_second_message() {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()));
    let second = "MAIL FROM:<evil@x.example>\r\nRCPT TO:<accounts@contoso.example>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n";
    for end in [
        "\n.\n",
        "\n.\r\n",
        "\r.\r",
        "\r\n.\n",
        "\r\n.\r",
        "\r.\r\n",
        "\n.\r",
        "\0\r\n.\0\r\n",
        "\r\n\0.\r\n",
    ] {
        let smuggling = format!("Subject: outer\r\n\r\nbody{end}{second}");
        // By DATA.
        let mut client = world.hello().await;
        for line in ["MAIL FROM:<a@b.example>", "RCPT TO:<accounts@contoso.example>", "DATA"] {
            client.say(line).await.unwrap();
        }
        client.write(smuggling.as_bytes()).await.unwrap();
        client.reply().await.unwrap();
        // By BDAT.
        let mut client = world.hello().await;
        for line in ["MAIL FROM:<a@b.example>", "RCPT TO:<accounts@contoso.example>"] {
            client.say(line).await.unwrap();
        }
        client.write(format!("BDAT {} LAST\r\n{smuggling}", smuggling.len()).as_bytes()).await.unwrap();
        client.reply().await.unwrap();
    }
    // A last honest message: whatever was smuggled before it would have arrived before it.
    let mut client = world.hello().await;
    client.send(ACME, &[ACCOUNTS], &clean_invoice("last@t")).await.unwrap();
    sink.wait_for_matching(|received| String::from_utf8_lossy(&received.octets).contains("last@t")).await;
    for received in sink.messages() {
        assert!(!received.mail.contains("evil@x.example"), "a smuggled envelope reached the next hop");
        let text = String::from_utf8_lossy(&received.octets).into_owned();
        assert!(field(&text, "Subject") != Some("smuggled"), "a smuggled message reached the next hop");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dkim_signature_still_verifies_after_delivery() {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()));
    // Debian's Python carries dkimpy, an implementation that shares nothing with ours.
    let python = |script: &str, input: &[u8]| {
        use std::io::Write as _;
        let mut child = Command::new("/usr/bin/python3")
            .args(["-c", script, world.folder.path().to_str().unwrap()])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("apt-get install python3 python3-dkim");
        child.stdin.take().unwrap().write_all(input).unwrap();
        let done = child.wait_with_output().unwrap();
        assert!(done.status.success(), "dkimpy failed (apt-get install python3-dkim)");
        done.stdout
    };
    let key = world.folder.path().join("dkim.pem");
    let made = Command::new("openssl")
        .args(["genrsa", "-traditional", "-out", key.to_str().unwrap(), "2048"])
        .output()
        .unwrap();
    assert!(made.status.success());
    let sign = r#"
import sys, dkim
octets = sys.stdin.buffer.read()
key = open(sys.argv[1] + "/dkim.pem", "rb").read()
sys.stdout.buffer.write(dkim.sign(octets, b"s1", b"acme-supplies.example", key, canonicalize=(b"simple", b"simple")) + octets)
"#;
    let verify = r#"
import sys, dkim, subprocess
public = subprocess.run(["openssl", "rsa", "-in", sys.argv[1] + "/dkim.pem", "-pubout"], capture_output=True, check=True).stdout
record = b"v=DKIM1; k=rsa; p=" + b"".join(public.split(b"\n")[1:-2])
sys.stdout.write("pass" if dkim.verify(sys.stdin.buffer.read(), dnsfunc=lambda name, timeout=5: record) else "fail")
"#;
    let signed = python(sign, &clean_invoice("dkim@t"));
    assert_eq!(python(verify, &signed), b"pass");
    let mut client = world.hello().await;
    assert_eq!(client.send(ACME, &[ACCOUNTS], &signed).await.unwrap().code, 250);
    let received = sink.wait_for(1).await.remove(0);
    assert_eq!(python(verify, &received.octets), b"pass", "after delivery");
    let digest =
        |octets: &[u8]| aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, octets).as_ref().to_vec();
    assert_eq!(digest(below_our_fields(&received.octets, &signed)), digest(&signed));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_third_pass_of_a_message_is_a_loop() {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()));
    let mut octets = clean_invoice("loop@t");
    let mut codes = Vec::new();
    for pass in 1..=3 {
        let mut client = Client::hello(world.smtp).await.unwrap();
        let reply = client.send(ACME, &[ACCOUNTS], &octets).await.unwrap();
        codes.push(reply.code);
        if reply.code == 250 {
            octets = sink.wait_for(pass).await.pop().unwrap().octets.to_vec();
        } else {
            assert!(reply.text.starts_with("5.4.6"), "{reply:?}");
        }
    }
    assert_eq!(codes, [250, 250, 554]);
}

async fn health_and_metrics_tell_the_truth(on: Backend) {
    let sink = Sink::start(Behaviour::default()).await;
    let mut world = World::start(Setup::new(sink.address()).on(on));
    let mut client = world.hello().await;
    client.send(ACME, &[ACCOUNTS], &clean_invoice("metrics@t")).await.unwrap();
    client.send(ACME, &[ACCOUNTS], &changed_invoice("metrics-held@t")).await.unwrap();
    let get = |address: std::net::SocketAddr, path: &str| {
        let done = Command::new("curl")
            .args(["-s", "-w", "\n%{http_code}", &format!("http://{address}{path}")])
            .output()
            .expect("apt-get install curl");
        String::from_utf8(done.stdout).unwrap()
    };
    assert!(get(world.web.unwrap(), "/healthz").ends_with("200"));
    let ready = get(world.web.unwrap(), "/readyz");
    assert!(ready.ends_with("200"), "{ready}");
    let metrics = get(world.metrics.unwrap(), "/metrics");
    for line in [
        r#"sentra_messages_total{action="deliver",severity="#,
        r#"sentra_messages_total{action="quarantine",severity="danger"} 1"#,
        "sentra_message_seconds_bucket",
        r#"sentra_stage_seconds_bucket{stage="parse""#,
        "sentra_smtp_sessions 1",
        r#"sentra_next_hop_replies_total{code="250"}"#,
        r#"sentra_cache_requests_total{layer="memory""#,
        "sentra_outbox_pending",
        "sentra_quarantine_held",
    ] {
        assert!(metrics.contains(line), "{line} is missing in\n{metrics}");
    }
    drop(client);
    assert_eq!(world.stop(), 0, "SIGTERM drains and exits 0");
}

on_each_backend! {
    clean_mail_is_delivered_byte_identical_below_our_fields,
    a_changed_account_is_held_and_the_administrator_told,
    a_released_message_arrives_once_with_its_own_bytes_and_only_for_the_chosen,
    an_unknown_supplier_is_tagged_in_words_a_clerk_understands,
    health_and_metrics_tell_the_truth,
}
