//! Bounded resources through the real binary: idle sessions, endless input, bytes in flight, the largest message, caps.

use crate::support::client::{Client, Reply, stuffed};
use crate::support::sink::{AfterData, Behaviour, END_OF_DATA, Sink};
use crate::support::world::{Setup, World, clean_invoice, mail};
use std::process::Command;

const ACME: &str = "accounts@acme-supplies.example";
const ACCOUNTS: &str = "accounts@contoso.example";
const MIB: u64 = 1_024 * 1_024;

/// Lets a process have so many open files, as far as the system's hard limit allows.
fn raise_open_files(pid: u32, files: usize) {
    let limit = format!("--nofile={files}:");
    let done = Command::new("prlimit").args(["--pid", &pid.to_string(), &limit]).output();
    assert!(
        done.is_ok_and(|done| done.status.success()),
        "prlimit is missing or the hard limit is below {files}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_idle_sessions_cost_little_and_leave_room_for_more() {
    const SESSIONS: u64 = 1_000;
    const CAP_KIB: u64 = 64;
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()));
    raise_open_files(std::process::id(), 8_192);
    raise_open_files(world.pid(), 8_192);
    // The first ones pay for what all share.
    let mut sessions = Vec::new();
    for _ in 0..20 {
        sessions.push(world.hello().await);
    }
    let before = world.memory("VmRSS");
    for _ in 0..SESSIONS {
        sessions.push(world.hello().await);
    }
    let after = world.memory("VmRSS");
    let each = after.saturating_sub(before) as f64 / SESSIONS as f64;
    println!("{SESSIONS} idle sessions: {before} -> {after} KiB, {each:.1} KiB each");
    assert!(after.saturating_sub(before) < SESSIONS * CAP_KIB, "{each:.1} KiB a session");

    let mut one_more = world.hello().await;
    assert_eq!(one_more.send(ACME, &[ACCOUNTS], &clean_invoice("idle@t")).await.unwrap().code, 250);
    // The idle ones were not forgotten.
    for session in sessions.iter_mut().step_by(97) {
        assert_eq!(session.say("NOOP").await.unwrap().code, 250);
    }
}

/// A world with small limits, so that endless input is met soon.
async fn small(sink: &Sink) -> World {
    let setup = Setup::new(sink.address())
        .env("SENTRA_SMTP__MAX_MESSAGE_SIZE", &MIB.to_string())
        .env("SENTRA_SMTP__BYTES_IN_FLIGHT", &(2 * MIB).to_string());
    World::start(setup)
}

/// Writes the same octets until the server has had enough, and returns its last words.
async fn write_endlessly(client: &mut Client, piece: &[u8]) -> Option<Reply> {
    // Far more than any limit: if the server took all of it, that is the failure.
    for _ in 0..4_096 {
        if client.write(piece).await.is_err() {
            break;
        }
    }
    let mut last = None;
    while let Ok(reply) = client.reply().await {
        last = Some(reply);
    }
    last
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_input_costs_bounded_memory_and_ends() {
    let sink = Sink::start(Behaviour::default()).await;
    let world = small(&sink).await;
    let body = "DATA\r\nSubject: endless\r\n\r\n";
    let piece = vec![b'a'; 65_536];
    let lines = b"and another line of text\r\n".repeat(2_520);
    let bdat = format!("BDAT {}\r\n", MIB / 2 - 1);
    let rows: [(&str, &str, &[u8]); 6] = [
        ("command line", "", &piece),
        ("header line", "DATA\r\nX-Endless: ", &piece),
        ("body line", body, &piece),
        ("body lines", body, &lines),
        ("header fields", "DATA\r\n", b"X-Field: value\r\nY: z\r\n"),
        ("BDAT without end", &bdat, &piece),
    ];
    // What the allocator keeps of a first message is not counted.
    let mut client = world.hello().await;
    let large = mail("a <a@acme-supplies.example>", "large", "warm@t", &"text\n".repeat(150_000));
    assert_eq!(client.send(ACME, &[ACCOUNTS], &large).await.unwrap().code, 250);
    for (name, start, piece) in rows {
        let before = world.memory("VmRSS");
        world.forget_peak();
        let mut client = world.hello().await;
        if !start.is_empty() {
            for line in [format!("MAIL FROM:<{ACME}>"), format!("RCPT TO:<{ACCOUNTS}>")] {
                assert_eq!(client.say(&line).await.unwrap().code, 250, "{name}");
            }
            client.write(start.as_bytes()).await.unwrap();
        }
        let many = piece.repeat((65_536 / piece.len()).max(1));
        let reply = write_endlessly(&mut client, &many).await;
        let grown = world.memory("VmHWM").saturating_sub(before);
        println!("endless {name}: peak +{grown} KiB, {reply:?}");
        // A reset may overtake the last word; nothing positive ever is it.
        let last = reply.map_or(0, |reply| reply.code);
        assert!(matches!(last, 0 | 250 | 354 | 421), "{name}: {last}");
        assert!(grown < 3 * 1_024 + 8 * 1_024, "{name}: {grown} KiB for a limit of 1 MiB");
    }
    let mut client = world.hello().await;
    let refused = client.say("MAIL FROM:<a@b.example> SIZE=1048577").await.unwrap();
    assert_eq!(refused.code, 552, "declared too large");
    assert_eq!(client.send(ACME, &[ACCOUNTS], &clean_invoice("after@t")).await.unwrap().code, 250);
    assert_eq!(sink.messages().len(), 2, "nothing endless went on");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_in_flight_are_capped_and_come_back() {
    const SENDERS: usize = 12;
    // Whoever has room keeps it: the next hop does not answer.
    let sink = Sink::start(Behaviour { after_data: AfterData::Hang, ..Behaviour::default() }).await;
    let world = small(&sink).await;
    let octets = mail("a <a@acme-supplies.example>", "large", "flight@t", &"text\n".repeat(150_000));
    let octets = std::sync::Arc::new(octets);
    let (sender, mut replies) = tokio::sync::mpsc::channel(SENDERS);
    for _ in 0..SENDERS {
        let (mut client, octets, sender) =
            (world.hello().await, std::sync::Arc::clone(&octets), sender.clone());
        tokio::spawn(async move {
            let reply = client.send(ACME, &[ACCOUNTS], &octets).await.unwrap();
            sender.send(reply).await.unwrap();
        });
    }
    // Two of this size fit into 2 MiB, or fewer where their growth collided.
    for _ in 0..SENDERS - 2 {
        let reply = replies.recv().await.unwrap();
        assert!(matches!(reply.code, 451 | 452), "{reply:?}");
    }
    let hung = sink.count_commands(END_OF_DATA);
    println!("{SENDERS} senders of 0.9 MiB, 2 MiB in flight: {hung} held room");
    sink.set(|behaviour| behaviour.after_data = AfterData::Accept);
    sink.kick().await;
    for _ in 0..2 {
        let reply = replies.recv().await.unwrap();
        assert!(matches!(reply.code, 250 | 451 | 452), "{reply:?}");
    }
    // All room came back.
    for number in 0..3 {
        let mut client = world.hello().await;
        let reply = client.send(ACME, &[ACCOUNTS], &octets).await.unwrap();
        assert_eq!(reply.code, 250, "{number}: {reply:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_message_passes_end_to_end() {
    const SIZE: usize = 157_286_400;
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()));
    let mut octets = b"From: a <a@acme-supplies.example>\r\nSubject: large\r\nMessage-ID: <large@t>\r\n\
        MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n\
        The plans are attached.\r\n--b\r\nContent-Type: application/octet-stream; name=plans.bin\r\n\
        Content-Transfer-Encoding: base64\r\n\r\n"
        .to_vec();
    let end = b"\r\n--b--\r\n";
    let line = [&b"QUJD".repeat(19)[..], b"\r\n"].concat();
    let body = SIZE - octets.len() - end.len();
    octets.extend(line.iter().cycle().take(body / line.len() * line.len()));
    let rest = SIZE - octets.len() - end.len();
    octets.extend(std::iter::repeat_n(b'A', rest));
    octets.extend_from_slice(end);
    assert_eq!(octets.len(), SIZE);

    let before = world.memory("VmRSS");
    let mut client = world.hello().await;
    assert_eq!(client.say(&format!("MAIL FROM:<{ACME}> SIZE={SIZE}")).await.unwrap().code, 250);
    assert_eq!(client.say(&format!("RCPT TO:<{ACCOUNTS}>")).await.unwrap().code, 250);
    assert_eq!(client.say("DATA").await.unwrap().code, 354);
    client.write(&octets).await.unwrap();
    client.write(b".\r\n").await.unwrap();
    let reply = client.reply().await.unwrap();
    assert_eq!(reply.code, 250, "{reply:?}");
    let (peak, after) = (world.memory("VmHWM"), world.memory("VmRSS"));
    println!("150 MiB message: RSS {before} KiB before, peak {peak} KiB, {after} KiB after");
    assert_eq!(sink.copies("large@t"), 1);
    // What is beyond the inspection's limit is unread, so the recipient is warned above the text; the attachment, to
    // the last octet, is the sender's.
    let received = sink.wait_for(1).await.remove(0).octets;
    let text = memchr::memmem::find(&octets, b"The plans are attached").unwrap();
    assert!(received.ends_with(&octets[text..]), "byte-identical from the text on");
    assert!(
        memchr::memmem::find(&received[..4_096], b"codes=DOCUMENT_UNREADABLE").is_some(),
        "named as unread"
    );
    let size = SIZE as u64 / 1_024;
    assert!(peak - before < 2 * size, "peak +{} KiB for {size} KiB", peak - before);

    // One octet more is refused, at MAIL or after the data.
    let over = client.say(&format!("MAIL FROM:<{ACME}> SIZE={}", SIZE + 1)).await.unwrap();
    assert_eq!(over.code, 552);
}

#[tokio::test(flavor = "multi_thread")]
async fn recipients_are_capped_and_the_accepted_are_served() {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()).env("SENTRA_SMTP__MAX_RECIPIENTS", "5"));
    let mut client = world.hello().await;
    client.say(&format!("MAIL FROM:<{ACME}>")).await.unwrap();
    for number in 0..7 {
        let reply = client.say(&format!("RCPT TO:<accounts+{number}@contoso.example>")).await.unwrap();
        assert_eq!(reply.code, if number < 5 { 250 } else { 452 }, "{number}");
    }
    assert_eq!(client.say("DATA").await.unwrap().code, 354);
    client.write(&stuffed(&clean_invoice("five@t"))).await.unwrap();
    assert_eq!(client.reply().await.unwrap().code, 250);
    assert_eq!(sink.wait_for(1).await[0].recipients.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_capped_in_all_and_per_stranger() {
    let sink = Sink::start(Behaviour::default()).await;
    let cases = [
        // Loopback is trusted: only the whole process's cap counts.
        ("in all", Setup::new(sink.address()).env("SENTRA_SMTP__MAX_SESSIONS", "3"), 3),
        (
            "per stranger",
            Setup::new(sink.address())
                .env("SENTRA_SMTP__MAX_SESSIONS_PER_PEER", "2")
                .env("SENTRA_SMTP__TRUST", "192.0.2.0/24"),
            2,
        ),
    ];
    for (name, setup, cap) in cases {
        let world = World::start(setup);
        let mut sessions = Vec::new();
        for _ in 0..cap {
            sessions.push(world.hello().await);
        }
        let refused = Client::connect(world.smtp).await.err().expect(name).to_string();
        assert!(refused.contains("421"), "{name}: {refused}");
        let mut last = sessions.pop().unwrap();
        assert_eq!(last.say("QUIT").await.unwrap().code, 221);
        drop(last);
        // The place is free once the server has seen the connection close.
        let mut client = loop {
            if let Ok(client) = Client::hello(world.smtp).await {
                break client;
            }
            tokio::task::yield_now().await;
        };
        // Errors of one session are counted, too.
        let mut replies = Vec::new();
        while let Ok(reply) = client.say("FROB").await {
            replies.push(reply.code);
        }
        assert_eq!(replies.last(), Some(&421), "{name}: {replies:?}");
        assert!(replies.len() < 30, "{name}: {} errors", replies.len());
    }
}
