//! Faults of the next hop while a message passes.

use super::{ACCOUNTS, ACME, Change, assert_says, hand_in, hand_in_by_bdat};
use crate::support::sink::{AfterData, Behaviour, Greeting, Sink};
use crate::support::world::{Setup, World, changed_invoice, clean_invoice, mail};

/// One fault of the next hop.
struct Fault {
    name: &'static str,
    set: Change,
    /// What the sender hears.
    says: &'static str,
    /// The next hop keeps a copy although the sender heard no 250: what at-least-once costs.
    taken: usize,
}

const fn fault(name: &'static str, set: Change, says: &'static str) -> Fault {
    Fault { name, set, says, taken: 0 }
}

fn say(text: &str) -> Option<String> {
    Some(format!("{text}\r\n"))
}

/// Before the content.
const EARLY: &[Fault] = &[
    fault("greeting 421", |b| b.greeting = Greeting::Say("421 4.3.2 busy\r\n".into()), "451 4.4.1"),
    fault("greeting 554", |b| b.greeting = Greeting::Say("554 5.7.1 no\r\n".into()), "451 4.4.1"),
    fault("greeting garbage", |b| b.greeting = Greeting::Say("hello there\r\n".into()), "451 4.4.1"),
    fault(
        "greeting endless",
        |b| b.greeting = Greeting::Say("220-".to_owned() + &"x".repeat(100_000)),
        "451 4.4.1",
    ),
    fault("closes at once", |b| b.greeting = Greeting::Close, "451 4.4.1"),
    fault("EHLO 450", |b| b.ehlo = say("450 4.3.2 later"), "451 4.4.1"),
    fault("EHLO 550", |b| b.ehlo = say("550 5.7.1 no"), "451 4.4.1"),
    fault("EHLO garbage", |b| b.ehlo = say("what?"), "451 4.4.1"),
    fault("MAIL 451", |b| b.mail = say("451 4.3.0 later"), "451 4.4.1"),
    fault("MAIL 550", |b| b.mail = say("550 5.7.1 you may not send"), "451 4.4.1"),
    fault("MAIL 421", |b| b.mail = say("421 4.3.2 closing"), "451 4.4.1"),
    fault("MAIL garbage", |b| b.mail = say("what?"), "451 4.4.1"),
    fault("MAIL too large", |b| b.mail = say("552 5.3.4 too large"), "552 5.3.4"),
    fault("RCPT 451", |b| b.rcpt = say("451 4.2.1 mailbox busy"), "451 4.2.1"),
    fault("RCPT 452", |b| b.rcpt = say("452 4.2.2 mailbox full"), "452 4.2.2"),
    fault("RCPT 550", |b| b.rcpt = say("550 5.1.1 no such user"), "550 5.1.1"),
    fault("RCPT 550, no enhanced code", |b| b.rcpt = say("550 unknown"), "550 5.0.0"),
    fault("RCPT configuration", |b| b.rcpt = say("550 5.7.64 TenantAttribution"), "451 4.4.1"),
    fault("RCPT 421", |b| b.rcpt = say("421 4.3.2 closing"), "451 4.4.1"),
    fault("RCPT 354", |b| b.rcpt = say("354 go on"), "451 4.4.1"),
];

/// Before the content, where the next hop takes DATA only.
const AT_DATA: &[Fault] = &[
    fault("DATA 451", |b| b.data = say("451 4.3.0 later"), "451 4.3.0"),
    fault("DATA 554", |b| b.data = say("554 5.6.0 not this"), "554 5.6.0"),
    fault("DATA configuration", |b| b.data = say("550 5.7.68 Direct Send not allowed"), "451 4.4.1"),
    fault("DATA 250", |b| b.data = say("250 2.0.0 fine"), "451 4.4.1"),
    fault("DATA garbage", |b| b.data = say("what?"), "451 4.4.1"),
];

/// After the content.
const AFTER: &[Fault] = &[
    fault("451", |b| b.after_data = AfterData::Say("451 4.7.500 busy\r\n".into()), "451 4.7.500"),
    fault("452", |b| b.after_data = AfterData::Say("452 4.3.1 full\r\n".into()), "452 4.3.1"),
    fault("550", |b| b.after_data = AfterData::Say("550 5.6.0 not this\r\n".into()), "550 5.6.0"),
    fault(
        "550 in lines",
        |b| b.after_data = AfterData::Say("550-5.7.1 a\r\n550 5.7.1 b\r\n".into()),
        "550 5.7.1",
    ),
    fault("configuration", |b| b.after_data = AfterData::Say("550 5.7.64 Tenant\r\n".into()), "451 4.4.1"),
    fault("421", |b| b.after_data = AfterData::Say("421 4.3.2 closing\r\n".into()), "451 4.4.1"),
    fault("354", |b| b.after_data = AfterData::Say("354 more?\r\n".into()), "451 4.4.1"),
    fault("garbage", |b| b.after_data = AfterData::Say("what?\r\n".into()), "451 4.4.1"),
    fault("199", |b| b.after_data = AfterData::Say("199 odd\r\n".into()), "451 4.4.1"),
    fault("closes", |b| b.after_data = AfterData::Close, "451 4.4.1"),
    Fault {
        name: "takes it and closes",
        set: |b| b.after_data = AfterData::TakeAndClose,
        says: "451 4.4.1",
        taken: 1,
    },
];

/// One fault, then the sender's retry without it.
async fn suffer(world: &World, sink: &Sink, fault: &Fault, healthy: &Behaviour, id: &str) {
    let name = fault.name;
    sink.set(|behaviour| (fault.set)(behaviour));
    // Nothing rests in the pool: greeting and EHLO are said anew.
    sink.kick().await;
    let reply = hand_in(world, &clean_invoice(id)).await;
    assert_says(&reply, fault.says, name);
    assert_eq!(sink.copies(id), fault.taken, "{name}: what the next hop kept");

    sink.set(|behaviour| *behaviour = healthy.clone());
    let reply = hand_in(world, &clean_invoice(id)).await;
    assert_says(&reply, "250 2.6.0", &format!("{name}: the retry"));
    assert_eq!(sink.copies(id), fault.taken + 1, "{name}: after the retry");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_the_next_hop_is_told_and_the_retry_succeeds() {
    let healthy = Behaviour::default();
    let data_only = Behaviour { chunking: false, ..Behaviour::default() };
    let plain = Behaviour { chunking: false, pipelining: false, ..Behaviour::default() };
    let sink = Sink::start(healthy.clone()).await;
    let world = World::start(Setup::new(sink.address()));
    let plan = [
        (EARLY, &healthy),
        (EARLY, &plain),
        (AT_DATA, &data_only),
        (AFTER, &healthy),
        (AFTER, &data_only),
        (AFTER, &plain),
    ];
    for (group, (faults, behaviour)) in plan.into_iter().enumerate() {
        sink.set(|now| *now = behaviour.clone());
        for (row, fault) in faults.iter().enumerate() {
            suffer(&world, &sink, fault, behaviour, &format!("fault-{group}-{row}@t")).await;
        }
    }
    assert!(world.quarantine().is_empty(), "nothing was held");
    assert!(!world.log().contains("contoso.example"), "the log names no address");
    assert!(world.logged(&["\"alarm\":\"next_hop\""]) > 0, "configuration trouble raises an alarm");
    sink.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_connection_is_451_until_the_next_hop_is_back() {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()));
    let address = sink.stop().await;
    for _ in 0..2 {
        assert_says(&hand_in(&world, &clean_invoice("refused@t")).await, "451 4.4.1", "refused");
    }
    let sink = Sink::start_on(Behaviour::default(), address).await;
    assert_eq!(hand_in(&world, &clean_invoice("refused@t")).await.code, 250);
    assert_eq!(sink.copies("refused@t"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_next_hop_blocks_nobody_else() {
    let sink = Sink::start(Behaviour { greeting: Greeting::Hang, ..Behaviour::default() }).await;
    let other = Sink::start(Behaviour::default()).await;
    let mut world = World::prepare(Setup::new(sink.address()));
    let hop = other.address().to_string();
    let fabrikam =
        ["org", "create", "Fabrikam", "--mailbox", "pay@fabrikam.example", "--next-hop-tls", "none"];
    world.run(&[&fabrikam[..], &["--next-hop", &hop]].concat());
    world.serve();

    let mut silent = Vec::new();
    for number in 0..8 {
        let mut client = world.hello().await;
        let octets = clean_invoice(&format!("silent-{number}@t"));
        silent.push(tokio::spawn(async move { client.send(ACME, &[ACCOUNTS], &octets).await.unwrap() }));
    }
    while sink.connections() < silent.len() {
        tokio::task::yield_now().await;
    }
    // Another organisation's mail passes, and so does the same organisation's once the next hop speaks again.
    let mut client = world.hello().await;
    let reply = client.send(ACME, &["pay@fabrikam.example"], &clean_invoice("other@t")).await.unwrap();
    assert_eq!(reply.code, 250);
    sink.set(|behaviour| behaviour.greeting = Greeting::Welcome);
    assert_eq!(hand_in(&world, &clean_invoice("same@t")).await.code, 250);
    assert_eq!((other.copies("other@t"), sink.copies("same@t")), (1, 1));

    sink.kick().await;
    for (number, task) in silent.into_iter().enumerate() {
        assert_says(&task.await.unwrap(), "451 4.4.1", "silent");
        assert_eq!(hand_in(&world, &clean_invoice(&format!("silent-{number}@t"))).await.code, 250);
        assert_eq!(sink.copies(&format!("silent-{number}@t")), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_to_each_recipient_are_mirrored_and_only_the_accepted_get_the_message() {
    let sink = Sink::start(Behaviour::default()).await;
    let mut setup = Setup::new(sink.address());
    for local in ["tempfail", "permfail", "configfail", "closefail", "invoices"] {
        setup = setup.arg("--mailbox").arg(&format!("{local}@contoso.example"));
    }
    let world = World::start(setup);
    for pipelining in [true, false] {
        sink.set(|behaviour| behaviour.pipelining = pipelining);
        sink.kick().await;
        let before = sink.messages().len();
        // The first is a refused one: the transaction still opens.
        let rows = [
            ("permfail", "550 5.1.1"),
            ("accounts", "250"),
            ("tempfail", "451 4.2.1"),
            ("configfail", "451 4.4.1"),
            ("invoices", "250"),
        ];
        let mut client = world.hello().await;
        client.say("MAIL FROM:<accounts@acme-supplies.example>").await.unwrap();
        for (local, says) in rows {
            assert_says(
                &client.say(&format!("RCPT TO:<{local}@contoso.example>")).await.unwrap(),
                says,
                local,
            );
        }
        assert_eq!(client.say("DATA").await.unwrap().code, 354);
        client.write(&crate::support::client::stuffed(&clean_invoice("mixed@t"))).await.unwrap();
        assert_eq!(client.reply().await.unwrap().code, 250);
        let messages = sink.messages();
        assert_eq!(messages.len(), before + 1);
        let to = ["RCPT TO:<accounts@contoso.example>", "RCPT TO:<invoices@contoso.example>"];
        assert_eq!(messages[before].recipients, to);

        // The connection dies at the second recipient: what the first was promised ends in 451, not in silence.
        client.say("MAIL FROM:<accounts@acme-supplies.example>").await.unwrap();
        assert_eq!(client.say("RCPT TO:<accounts@contoso.example>").await.unwrap().code, 250);
        for local in ["closefail", "invoices"] {
            let reply = client.say(&format!("RCPT TO:<{local}@contoso.example>")).await.unwrap();
            assert_says(&reply, "451 4.4.1", local);
        }
        assert_eq!(client.say("DATA").await.unwrap().code, 354);
        client.write(&crate::support::client::stuffed(&clean_invoice("lost@t"))).await.unwrap();
        assert_says(&client.reply().await.unwrap(), "451 4.4.1", "connection lost");
        assert_eq!(sink.copies("lost@t"), 0);
    }
    sink.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_recipient_opens_no_way_to_another_organisations_next_hop() {
    let (sink, other) = (Sink::start(Behaviour::default()).await, Sink::start(Behaviour::default()).await);
    let mut world =
        World::prepare(Setup::new(sink.address()).arg("--mailbox").arg("permfail@contoso.example"));
    let hop = other.address().to_string();
    let fabrikam =
        ["org", "create", "Fabrikam", "--mailbox", "pay@fabrikam.example", "--next-hop-tls", "none"];
    world.run(&[&fabrikam[..], &["--next-hop", &hop]].concat());
    world.serve();
    let mut client = world.hello().await;
    client.say("MAIL FROM:<accounts@acme-supplies.example>").await.unwrap();
    let first = client.say("RCPT TO:<permfail@contoso.example>").await.unwrap();
    assert_says(&first, "550 5.1.1", "refused by its own next hop");
    let second = client.say("RCPT TO:<pay@fabrikam.example>").await.unwrap();
    assert_says(&second, "452", "another organisation in the same transaction");
    assert!(!sink.commands().iter().any(|line| line.contains("fabrikam")), "{:?}", sink.commands());
    client.say("RSET").await.unwrap();
    let reply = client.send(ACME, &["pay@fabrikam.example"], &clean_invoice("pay@t")).await.unwrap();
    assert_eq!((reply.code, other.copies("pay@t")), (250, 1));
}

/// Name, what the next hop lacks, MAIL, content, its Message-ID, what the sender hears.
type Case = (&'static str, Change, &'static str, Vec<u8>, &'static str, &'static str);

#[tokio::test(flavor = "multi_thread")]
async fn what_the_next_hop_cannot_carry_is_refused_in_so_many_words() {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()));
    let plain = "MAIL FROM:<a@acme-supplies.example>";
    let bare = b"Subject: bare\r\nMessage-ID: <bare@t>\r\n\r\none\ntwo\r\n".to_vec();
    let eight = "Subject: eight\r\nMessage-ID: <eight@t>\r\n\r\ncaf\u{e9}\r\n".as_bytes().to_vec();
    let utf8 = b"Subject: utf8\r\nMessage-ID: <utf8@t>\r\n\r\nx\r\n".to_vec();
    let cases: [Case; 3] = [
        ("bare LF", |b| b.chunking = false, plain, bare, "bare@t", "554 5.6.11"),
        ("8-bit", |b| b.eight_bit_mime = false, plain, eight, "eight@t", "554 5.6.3"),
        (
            "SMTPUTF8",
            |b| b.smtputf8 = false,
            "MAIL FROM:<caf\u{e9}@acme-supplies.example> SMTPUTF8",
            utf8,
            "utf8@t",
            "553 5.6.7",
        ),
    ];
    for (name, without, opening, octets, id, says) in cases {
        sink.set(without);
        sink.kick().await;
        let mut client = world.hello().await;
        assert_says(&hand_in_by_bdat(&mut client, opening, &octets).await, says, name);
        assert_eq!(sink.copies(id), 0, "{name}");
        // The session is still good, and so is the connection to the next hop.
        let hello = mail(
            "Acme <accounts@acme-supplies.example>",
            "hello",
            &format!("after-{id}"),
            "See you on site\n",
        );
        assert_eq!(client.send(ACME, &[ACCOUNTS], &hello).await.unwrap().code, 250, "{name}");
        sink.set(|behaviour| *behaviour = Behaviour::default());
        sink.kick().await;
        assert_eq!(hand_in_by_bdat(&mut client, opening, &octets).await.code, 250, "{name}");
        let received =
            sink.wait_for_matching(|r| String::from_utf8_lossy(&r.octets).contains(&format!("<{id}>"))).await;
        assert!(received.octets.ends_with(&octets), "{name}: octets as they came");
    }
    sink.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn starttls_that_is_required_and_not_offered_is_451() {
    let sink = Sink::start(Behaviour::default()).await;
    let mut world = World::prepare(Setup::new(sink.address()));
    world.run(&["org", "set", "next-hop-tls=required"]);
    world.serve();
    assert_says(&hand_in(&world, &clean_invoice("tls@t")).await, "451 4.4.1", "no STARTTLS");
    assert_eq!(sink.count_commands("MAIL"), 0, "not even the envelope went over in the clear");
    // Held mail does not need the next hop's content phase, but its recipients do: nothing is accepted unseen.
    assert_says(&hand_in(&world, &changed_invoice("tls@t")).await, "451 4.4.1", "no STARTTLS");
    assert!(world.quarantine().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_to_be_held_is_held_whatever_the_next_hop_does_after_the_recipients() {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()));
    let faults: [(&str, Change); 4] = [
        ("451", |b| b.after_data = AfterData::Say("451 4.3.0 later\r\n".into())),
        ("550", |b| b.after_data = AfterData::Say("550 5.6.0 no\r\n".into())),
        ("close", |b| b.after_data = AfterData::Close),
        ("DATA 451", |b| (b.chunking, b.data) = (false, say("451 4.3.0 later"))),
    ];
    for (row, (name, set)) in faults.into_iter().enumerate() {
        sink.set(set);
        sink.kick().await;
        let id = format!("held-{row}@t");
        assert_says(&hand_in(&world, &changed_invoice(&id)).await, "250 2.6.0", name);
        assert_eq!(world.entry(&id).expect(name)["state"], "held", "{name}");
        assert_eq!(sink.copies(&id), 0, "{name}: the held message went nowhere");
    }
    sink.set(|behaviour| *behaviour = Behaviour::default());

    // The way on dies between RCPT and the end of the content: held mail needs it no more, clean mail comes again.
    for (octets, id, says) in
        [(changed_invoice("cut-held@t"), "cut-held@t", "250"), (clean_invoice("cut@t"), "cut@t", "451 4.4.1")]
    {
        let mut client = world.hello().await;
        let heard = sink.count_commands("RCPT");
        for line in [format!("MAIL FROM:<{ACME}>"), format!("RCPT TO:<{ACCOUNTS}>"), "DATA".to_owned()] {
            client.say(&line).await.unwrap();
        }
        sink.wait_for_commands("RCPT", heard + 1).await;
        sink.kick().await;
        client.write(&crate::support::client::stuffed(&octets)).await.unwrap();
        assert_says(&client.reply().await.unwrap(), says, id);
        assert_eq!(sink.copies(id), 0);
    }
    assert_eq!(world.quarantine().len(), 5);
    // Every one of the five is told about, also those whose notice the next hop turned down for now.
    for id in ["held-0@t", "held-1@t", "held-2@t", "held-3@t", "cut-held@t"] {
        // A notice that met the 550 is given up, which raises an alarm; all others arrive.
        let settled = |world: &World| match world.entry(id).unwrap()["outbox"][0]["state"].as_str() {
            Some("failed") => world.logged(&["\"alarm\":\"outbox_failed\""]) > 0,
            state => state == Some("sent"),
        };
        world.push_outbox(settled, id).await;
    }
}
