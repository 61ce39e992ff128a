//! kill -9 at named steps of one message, seen from the next hop: nothing acknowledged is lost, and what was under
//! way is reported at the next start.

use super::{ACCOUNTS, ACME, Change, hand_in};
use crate::support::sink::{AfterData, Behaviour, END_OF_DATA, Sink};
use crate::support::world::{Setup, World, changed_invoice, clean_invoice};

/// Where the next hop falls silent, what it heard last, whether the intent was written by then, and what it kept.
struct Step {
    name: &'static str,
    set: Change,
    heard: &'static str,
    intended: bool,
    kept: usize,
}

const STEPS: &[Step] = &[
    Step { name: "at EHLO", set: |b| b.hang_at = Some("EHLO"), heard: "EHLO", intended: false, kept: 0 },
    Step { name: "at MAIL", set: |b| b.hang_at = Some("MAIL"), heard: "MAIL", intended: false, kept: 0 },
    Step { name: "at RCPT", set: |b| b.hang_at = Some("RCPT"), heard: "RCPT", intended: false, kept: 0 },
    Step { name: "at BDAT", set: |b| b.hang_at = Some("BDAT"), heard: "BDAT", intended: true, kept: 0 },
    Step {
        name: "at DATA",
        set: |b| (b.chunking, b.hang_at) = (false, Some("DATA")),
        heard: "DATA",
        intended: true,
        kept: 0,
    },
    Step {
        name: "after the content",
        set: |b| b.after_data = AfterData::Hang,
        heard: END_OF_DATA,
        intended: true,
        kept: 0,
    },
    Step {
        name: "after the content by DATA, taken",
        set: |b| (b.chunking, b.after_data) = (false, AfterData::TakeAndHang),
        heard: END_OF_DATA,
        intended: true,
        kept: 1,
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_step_of_clean_mail_loses_nothing_and_is_reported() {
    let sink = Sink::start(Behaviour::default()).await;
    let mut world = World::start(Setup::new(sink.address()));
    for (number, step) in STEPS.iter().enumerate() {
        let name = step.name;
        let message_id = format!("step-{number}@t");
        sink.set(step.set);
        sink.kick().await;
        let (heard, alarms) = (sink.count_commands(step.heard), open_intents(&world));
        let mut client = world.hello().await;
        let octets = clean_invoice(&message_id);
        let sending = tokio::spawn(async move { client.send(ACME, &[ACCOUNTS], &octets).await });
        sink.wait_for_commands(step.heard, heard + 1).await;
        world.kill();
        let reply = sending.await.unwrap();
        assert!(reply.is_err(), "{name}: nobody said {reply:?}");

        sink.set(|behaviour| *behaviour = Behaviour::default());
        world.serve();
        assert_eq!(open_intents(&world), alarms + usize::from(step.intended), "{name}: reported at start");
        assert_eq!(sink.copies(&message_id), step.kept, "{name}");
        assert_eq!(hand_in(&world, &clean_invoice(&message_id)).await.code, 250, "{name}: the retry");
        assert_eq!(sink.copies(&message_id), step.kept + 1, "{name}: after the retry");
        outcomes_are_written(&world).await;
    }
    assert!(world.quarantine().is_empty());
    // What was reported once is settled.
    let alarms = open_intents(&world);
    assert_eq!(world.stop(), 0);
    world.serve();
    assert_eq!(open_intents(&world), alarms);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_when_the_notice_is_under_way_keeps_the_held_message_and_tells_about_it() {
    let sink = Sink::start(Behaviour::default()).await;
    let mut world = World::start(Setup::new(sink.address()));
    let faults: [(&str, Change, usize); 2] = [
        ("as it begins", |b| b.hang_at = Some("BDAT"), 0),
        ("as it was taken", |b| b.after_data = AfterData::TakeAndHang, 1),
    ];
    for (number, (name, set, taken)) in faults.into_iter().enumerate() {
        let message_id = format!("notice-{number}@t");
        sink.set(set);
        let (heard, before) = (sink.count_commands("BDAT"), sink.messages().len());
        let reply = hand_in(&world, &changed_invoice(&message_id)).await;
        assert_eq!(reply.code, 250, "{name}");
        sink.wait_for_commands("BDAT", heard + 1).await;
        sink.wait_for(before + taken).await;
        world.kill();
        sink.set(|behaviour| *behaviour = Behaviour::default());
        assert_eq!(world.entry(&message_id).expect("held")["state"], "held", "{name}");
        world.outbox_is_due().await;
        world.serve();
        let notices = sink.wait_for(before + taken + 1).await;
        assert!(
            notices.iter().skip(before).all(|got| got.recipients[0].contains("it@contoso.example")),
            "{name}"
        );
        assert_eq!(
            hand_in(&world, &changed_invoice(&message_id)).await.code,
            250,
            "{name}: the sender's retry"
        );
        assert_eq!(world.quarantine().len(), number + 1, "{name}: one entry");
        assert_eq!(sink.copies(&message_id), 0, "{name}");
    }
}

/// Outcomes are written a moment after the reply; a kill in between would show as one open intent more.
async fn outcomes_are_written(world: &World) {
    let mut sql = world.sql().await;
    loop {
        let open = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM messages WHERE outcome IS NULL");
        if open.fetch_one(&mut sql).await.unwrap() == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

fn open_intents(world: &World) -> usize {
    world.logged(&["\"alarm\":\"open_intents\""])
}
