//! Attacks on the mail path through the real binary: what must not leak, hang, or go where it does not belong.

use crate::support::sink::{AfterData, Behaviour, Sink};
use crate::support::world::{Setup, World, changed_invoice, clean_invoice, mail};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

const ACME: &str = "accounts@acme-supplies.example";
const ACCOUNTS: &str = "accounts@contoso.example";
const FABRIKAM: &str = "pay@fabrikam.example";

/// Contoso's next hop and Fabrikam's, and a running server that knows both.
async fn two_organisations(contoso: &Sink, fabrikam: &Sink) -> World {
    let mut world = World::prepare(Setup::new(contoso.address()));
    let next_hop = fabrikam.address().to_string();
    let csv = world.folder.path().join("suppliers.csv");
    world.run(&[
        "org",
        "create",
        "Fabrikam",
        "--mailbox",
        FABRIKAM,
        "--next-hop",
        &next_hop,
        "--next-hop-tls",
        "none",
        "--admin-email",
        "it@fabrikam.example",
    ]);
    world.run(&["suppliers", "import", csv.to_str().unwrap(), "--verified", "--org", "Fabrikam"]);
    world.serve();
    world
}

/// A next hop that takes everything and never answers these verbs.
async fn mute_at(verbs: &'static [&'static str]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(mute_session(stream, verbs));
        }
    });
    address
}

async fn mute_session(stream: TcpStream, verbs: &[&str]) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 mute\r\n").await?;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        if let Some(octets) = line.strip_prefix("BDAT ").and_then(|rest| rest.split(' ').next()) {
            let mut content = vec![0; octets.parse().unwrap()];
            stream.read_exact(&mut content).await?;
        }
        if verbs.iter().any(|verb| line.starts_with(verb)) {
            continue;
        }
        let answer = if line.starts_with("EHLO") { "250-mute\r\n250 CHUNKING\r\n" } else { "250 ok\r\n" };
        stream.write_all(answer.as_bytes()).await?;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipient_never_rides_on_another_organisations_connection() {
    let contoso = Sink::start(Behaviour::default()).await;
    let fabrikam = Sink::start(Behaviour::default()).await;
    let world = two_organisations(&contoso, &fabrikam).await;
    contoso.set(|sink| sink.rcpt = Some("550 5.1.1 no such mailbox\r\n".to_owned()));
    let mut client = world.hello().await;
    assert_eq!(client.say(&format!("MAIL FROM:<{ACME}>")).await.unwrap().code, 250);
    assert_eq!(client.say(&format!("RCPT TO:<{ACCOUNTS}>")).await.unwrap().code, 550);
    // Contoso's transaction is open although it has no recipient: what comes now must not end up in it.
    contoso.set(|sink| sink.rcpt = None);
    let other = client.say(&format!("RCPT TO:<{FABRIKAM}>")).await.unwrap();
    assert_eq!(other.code, 452, "{other:?}");
    assert_eq!(client.say("RSET").await.unwrap().code, 250);
    let reply = client.send(ACME, &[FABRIKAM], &clean_invoice("own@t")).await.unwrap();
    assert_eq!(reply.code, 250, "{reply:?}");
    fabrikam.wait_for(1).await;
    let named = contoso.commands().into_iter().any(|line| line.contains("fabrikam"));
    assert!(!named, "another organisation's recipient was named to Contoso's next hop");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_never_carries_a_route() {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()));
    let mut client = world.hello().await;
    client.say(&format!("MAIL FROM:<{ACME}>")).await.unwrap();
    for (address, code) in [
        ("accounts+invoices@contoso.example", 250),
        ("accounts+in.voices_2026-11@contoso.example", 250),
        ("accounts+bob%evil.example@contoso.example", 451),
        ("accounts+evil.example!bob@contoso.example", 451),
        ("\"accounts+bob@evil.example\"@contoso.example", 451),
        ("\"accounts+@evil.example:bob\"@contoso.example", 451),
    ] {
        let reply = client.say(&format!("RCPT TO:<{address}>")).await.unwrap();
        assert_eq!(reply.code, code, "{address}: {reply:?}");
    }
    assert!(!sink.commands().iter().any(|line| line.contains("evil")), "{:?}", sink.commands());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_next_hop_that_hangs_holds_up_its_own_outbox_only_and_never_the_end() {
    let contoso = Sink::start(Behaviour::default()).await;
    let fabrikam = Sink::start(Behaviour::default()).await;
    let mut world = two_organisations(&contoso, &fabrikam).await;
    contoso.set(|sink| sink.after_data = AfterData::Hang);
    let mut client = world.hello().await;
    for id in ["one@t", "two@t", "three@t"] {
        let reply = client.send(ACME, &[ACCOUNTS], &changed_invoice(id)).await.unwrap();
        assert_eq!(reply.code, 250, "{reply:?}");
    }
    // The first notice is under way, and nobody answers.
    let begun = |sink: &Sink| sink.commands().iter().filter(|line| line.contains("it@contoso")).count();
    world.wait_until(|_| begun(&contoso) > 0, "a notice for Contoso").await;
    let reply = client.send(ACME, &[FABRIKAM], &changed_invoice("four@t")).await.unwrap();
    assert_eq!(reply.code, 250, "{reply:?}");
    let notice = fabrikam.wait_for(1).await.remove(0);
    assert!(notice.recipients[0].contains("it@fabrikam.example"), "{:?}", notice.recipients);
    // Well above the drain time, far below what one hanging transaction may take.
    let ended = tokio::task::spawn_blocking(move || world.stop());
    let status = tokio::time::timeout(Duration::from_secs(50), ended).await.expect("ends in time").unwrap();
    assert_eq!(status, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_next_hop_that_does_not_answer_rset_delays_no_hold() {
    let world = World::start(Setup::new(mute_at(&["RSET"]).await));
    let mut client = world.hello().await;
    let octets = changed_invoice("mute@t");
    let held = client.send(ACME, &[ACCOUNTS], &octets);
    // Far below what any command may take.
    let reply = tokio::time::timeout(Duration::from_secs(30), held).await.expect("held in time").unwrap();
    assert_eq!(reply.code, 250, "{reply:?}");
    assert_eq!(world.quarantine().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_of_a_message_names_nobody_in_the_clear() {
    let sink = Sink::start(Behaviour::default()).await;
    let mut world = World::start(Setup::new(sink.address()));
    let octets = mail(
        "Zebedee Quillfeather <zquill@unheard-of.example>",
        "Invoice",
        "clear@t",
        "Please pay to IBAN: GB94 BARC 1020 1530 0934 59\n",
    );
    let mut client = world.hello().await;
    assert_eq!(client.send("zquill@unheard-of.example", &[ACCOUNTS], &octets).await.unwrap().code, 250);
    world.stop();
    for file in world.data_files() {
        let stored = std::fs::read(&file).unwrap();
        for secret in [&b"Zebedee"[..], b"Quillfeather", b"zquill", b"unheard-of"] {
            let found = memchr::memmem::find(&stored, secret).is_some();
            assert!(!found, "{:?} in {}", String::from_utf8_lossy(secret), file.display());
        }
    }
}
