//! Mail that must not be touched, through the real binary: no form of it is a way around the warning. What the banner
//! cannot say a notice says, or the message is held, and neither is lost by a crash.

use crate::support::sink::{AfterData, Behaviour, Received, Sink};
use crate::support::world::{Setup, World};
use base64::Engine as _;
use sqlx::Row as _;

const SENDER: &str = "office@northgate.example";
const ACCOUNTS: &str = "accounts@contoso.example";
const CLAIM: &str = "Invoice 118\r\nAmount due: £1,960.00\r\nIBAN: GB39 LOYD 3096 3418 2736 45\r\n";

fn message(id: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    let top = format!(
        "From: Northgate <{SENDER}>\r\nTo: {ACCOUNTS}\r\nSubject: Invoice 118\r\nMessage-ID: <{id}@t>\r\n\
         Date: Mon, 23 Nov 2026 09:00:00 +0000\r\nMIME-Version: 1.0\r\n{fields}\r\n"
    );
    [top.as_bytes(), body].concat()
}

fn signed(id: &str) -> Vec<u8> {
    let body = format!(
        "--s\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{CLAIM}\r\n--s\r\n\
         Content-Type: application/pkcs7-signature; name=smime.p7s\r\nContent-Transfer-Encoding: base64\r\n\r\nMIAG\r\n--s--\r\n"
    );
    let fields = "Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; boundary=s\r\n";
    message(id, fields, body.as_bytes())
}

/// Rows of the outbox.
async fn outbox(world: &World) -> Vec<(String, i64)> {
    let rows = sqlx::query("SELECT state, next_attempt_at FROM outbox ORDER BY id");
    let rows = rows.fetch_all(&mut world.sql().await).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

fn is_notice(received: &Received) -> bool {
    String::from_utf8_lossy(&received.octets).contains("\r\nX-Sentra-Notice: ")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_message_passes_untouched_with_one_notice_beside_it() {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()));
    let mut client = world.hello().await;
    let octets = signed("signed");
    // The second time the sender had lost our 250: the message goes on again, its notice does not.
    for _ in 0..2 {
        assert_eq!(client.send(SENDER, &[ACCOUNTS], &octets).await.unwrap().code, 250);
    }
    let notice = sink.wait_for_matching(is_notice).await;
    assert!(notice.mail.contains("<>"), "nothing answers it: {}", notice.mail);
    assert_eq!(notice.recipients.len(), 1);
    assert!(notice.recipients[0].contains(ACCOUNTS), "never to the sender");
    let originals: Vec<Received> = sink.messages().into_iter().filter(|m| !is_notice(m)).collect();
    assert_eq!(originals.len(), 2);
    assert!(originals.iter().all(|m| m.octets.ends_with(&octets)), "only prepended to");
    assert_eq!(outbox(&world).await.len(), 1);
    // Should the notice come back to us, nobody is told of it.
    assert_eq!(client.send("", &[ACCOUNTS], &notice.octets).await.unwrap().code, 250);
    assert_eq!(outbox(&world).await.len(), 1);
}

/// Each of these would be a cheap way to send payment mail without a warning in it.
#[tokio::test(flavor = "multi_thread")]
async fn no_form_of_mail_is_a_way_around_the_warning() {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()));
    let mut client = world.hello().await;
    let plain = "Content-Type: text/plain; charset=utf-8\r\n";
    let wide: Vec<u8> = CLAIM.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let wide = base64::engine::general_purpose::STANDARD.encode(wide) + "\r\n";
    let frames = format!("<html><frameset rows=\"*\"><noframes>{CLAIM}</noframes></frameset></html>\r\n");
    let amp = format!(
        "--a\r\n{plain}\r\n{CLAIM}\r\n--a\r\nContent-Type: text/x-amp-html; charset=utf-8\r\n\r\n<p>{CLAIM}</p>\r\n--a--\r\n"
    );
    let calendar =
        format!("BEGIN:VCALENDAR\r\nDESCRIPTION:{}\r\nEND:VCALENDAR\r\n", CLAIM.replace("\r\n", "\\n"));
    let armour = format!("-----BEGIN PGP SIGNED MESSAGE-----\r\n\r\n{CLAIM}");
    let utf_16 =
        "Content-Type: text/plain; charset=utf-16\r\nContent-Transfer-Encoding: base64\r\n".to_owned();
    let rows: Vec<(&str, &str, String, Vec<u8>)> = vec![
        ("auto-reply", SENDER, format!("Auto-Submitted: auto-replied\r\n{plain}"), CLAIM.into()),
        ("null-sender", "", plain.to_owned(), CLAIM.into()),
        ("utf-16", SENDER, utf_16, wide.into()),
        ("frameset", SENDER, "Content-Type: text/html; charset=utf-8\r\n".to_owned(), frames.into()),
        ("amp", SENDER, "Content-Type: multipart/alternative; boundary=a\r\n".to_owned(), amp.into()),
        ("pgp", SENDER, plain.to_owned(), armour.into()),
        (
            "calendar",
            SENDER,
            "Content-Type: text/calendar; method=REQUEST; charset=utf-8\r\n".to_owned(),
            calendar.into(),
        ),
        ("encoding", SENDER, format!("{plain}Content-Transfer-Encoding: x-own\r\n"), CLAIM.into()),
        (
            "two-types",
            SENDER,
            format!("{plain}Content-Type: multipart/mixed; boundary=a\r\n"),
            format!("--a\r\n\r\n{CLAIM}\r\n--a--\r\n").into(),
        ),
    ];
    let mut expected = 0;
    for (name, sender, fields, body) in rows {
        let octets = message(name, &fields, &body);
        assert_eq!(client.send(sender, &[ACCOUNTS], &octets).await.unwrap().code, 250, "{name}");
        expected += 1;
        assert_eq!(outbox(&world).await.len(), expected, "{name}: passes without any warning");
    }
    sink.wait_for(2 * expected).await;
    // Plain mail, by comparison, carries its banner and needs no notice.
    client.send(SENDER, &[ACCOUNTS], &message("plain", plain, CLAIM.as_bytes())).await.unwrap();
    assert_eq!(outbox(&world).await.len(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_organisation_chooses_headers_or_a_hold() {
    let sink = Sink::start(Behaviour::default()).await;
    for (policy, mode, held, notices) in
        [("headers", "enforce", 0, 0), ("hold", "enforce", 1, 1), ("hold", "tag", 0, 1)]
    {
        let mut world = World::prepare(Setup::new(sink.address()).arg("--mode").arg(mode));
        world.run(&["org", "set", &format!("untouchable={policy}")]);
        world.serve();
        let mut client = world.hello().await;
        let id = format!("{policy}-{mode}");
        assert_eq!(client.send(SENDER, &[ACCOUNTS], &signed(&id)).await.unwrap().code, 250);
        let rows = world.quarantine();
        assert_eq!(rows.len(), held, "{policy} {mode}");
        // Held: the administrators' notice. Else the recipients'.
        assert_eq!(outbox(&world).await.len(), notices, "{policy} {mode}");
        assert_eq!(sink.copies(&format!("{id}@t")), 1 - held, "{policy} {mode}");
        if let Some(row) = rows.first() {
            assert!(row["codes"].to_string().contains("WARNING_NOT_POSSIBLE"), "{row}");
        }
    }
    let world = World::prepare(Setup::new(sink.address()));
    let wrong = world.command(&["org", "set", "untouchable=maybe"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("headers, notice, hold"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_message_takes_its_notice_back() {
    let sink = Sink::start(Behaviour {
        after_data: AfterData::Say("554 5.7.1 no\r\n".to_owned()),
        ..Behaviour::default()
    })
    .await;
    let world = World::start(Setup::new(sink.address()));
    let mut client = world.hello().await;
    assert_eq!(client.send(SENDER, &[ACCOUNTS], &signed("refused")).await.unwrap().code, 554);
    assert!(outbox(&world).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_behind_the_data_loses_no_notice() {
    let sink = Sink::start(Behaviour { after_data: AfterData::TakeAndHang, ..Behaviour::default() }).await;
    let mut world = World::start(Setup::new(sink.address()));
    let mut client = world.hello().await;
    let sending = tokio::spawn(async move { client.send(SENDER, &[ACCOUNTS], &signed("crash")).await });
    // The next hop has the whole message and has not answered: its notice is on disk, and not yet due.
    sink.wait_for_matching(|m| m.octets.windows(9).any(|w| w == b"<crash@t>")).await;
    let rows = outbox(&world).await;
    world.kill();
    assert!(sending.await.unwrap().map_or(true, |reply| reply.code != 250));
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].0, "pending");
    sink.set(|behaviour| behaviour.after_data = AfterData::Accept);
    world.outbox_is_due().await;
    world.serve();
    sink.wait_for_matching(is_notice).await;
}
