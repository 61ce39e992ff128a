//! Documents as a supplier usually makes them, links in documents and pictures inside a body, with the real program: what
//! is told, and what is not although it looks alike.

use crate::support::backend::{Backend, on_each_database};
use crate::support::client::PATIENCE;
use crate::support::office::mail_with;
use crate::support::pictures::{epc, file, linked_pdf, made_pdf, qr};
use crate::support::sink::{Behaviour, Sink};
use crate::support::world::{Setup, World};
use base64::Engine as _;
use image::ImageFormat;

const ACME: &str = "Acme Building Supplies <accounts@acme-supplies.example>";
const STRANGER: &str = "Sam <sam@stranger.example>";
const ON_RECORD: &str = "GB29NWBK60161331926819";
const ELSEWHERE: &str = "GB94BARC10201530093459";
const PLAIN: &str = "Please find our invoice INV-17 attached.";
const CHANGE: &str = "Please find our invoice INV-17 attached. Our bank details have changed.";

struct Inbox {
    world: World,
    sink: Sink,
}

impl Inbox {
    /// With limits that a loaded machine keeps.
    async fn start(on: Backend) -> Self {
        let sink = Sink::start(Behaviour::default()).await;
        let setup = Setup::new(sink.address()).on(on);
        let setup = setup.env("SENTRA_DOCUMENTS__TIMEOUT_SECONDS", "20");
        let world = World::start(setup.env("SENTRA_DOCUMENTS__CPU_SECONDS", "15"));
        Self { world, sink }
    }

    /// Hands a message in and says what was found: `held CODES`, or `ACTION CODES` as delivered.
    async fn send(&self, id: &str, octets: &[u8]) -> String {
        let mut client = self.world.hello().await;
        let reply =
            client.send("bounce@sender.example", &["accounts@contoso.example"], octets).await.unwrap();
        assert_eq!(reply.code, 250, "{reply:?}");
        if let Some(entry) = self.world.entry(id) {
            return format!("held {}", entry["codes"]);
        }
        let all = self.sink.messages();
        let texts = all.iter().map(|got| String::from_utf8_lossy(&got.octets).into_owned());
        let text = texts.into_iter().find(|text| text.contains(&format!("<{id}>"))).expect("delivered");
        let field = text.split("X-Sentra-Verdict:").nth(1).expect("a verdict");
        let field = field.replace("\r\n ", " ").replace("\r\n\t", " ");
        let of = |name: &str| {
            let value = field.lines().next().unwrap_or_default().split(name).nth(1).unwrap_or_default();
            value.split([';', ' ']).next().unwrap_or_default().to_owned()
        };
        format!("{} {}", of("action="), of("codes="))
    }

    async fn invoice(&self, id: &str, body: &str, made: (&str, &str), account: &str) -> String {
        let printed = format!("IBAN: {account}");
        let pdf = made_pdf(&["Invoice INV-17", "Acme Building Supplies", &printed], made.0, made.1);
        self.send(id, &mail_with(ACME, id, body, &[("invoice.pdf", "application/pdf", &pdf)])).await
    }

    /// Waits until so many messages have taught.
    async fn learned(&self, messages: i64) {
        let mut sql = self.world.sql().await;
        let count = async {
            let seen = "SELECT COALESCE(MAX(times), 0) FROM history WHERE kind = 'seen'";
            while sqlx::query_scalar::<_, i64>(seen).fetch_one(&mut sql).await.unwrap() < messages {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, count).await.expect("learned in time");
    }
}

async fn documents_are_measured_by_how_the_supplier_makes_them(on: Backend) {
    let inbox = Inbox::start(on).await;
    const NEW: &str = "DOCUMENT_MAKE_NEW";
    // Each month another version of the same program. Nothing is new while there is no habit.
    for number in 0..5 {
        let (id, creator) = (format!("usual-{number}@t"), format!("Acme Ledger 4.{number}"));
        let producer = format!("iText 2.{number} by 1T3XT");
        let found = inbox.invoice(&id, PLAIN, (&creator, &producer), ON_RECORD).await;
        assert!(found.starts_with("deliver") && !found.contains(NEW), "{number}: {found}");
        inbox.learned(number + 1).await;
    }
    let usual = ("Acme Ledger 5 (build 9)", "iText 7.1");
    // A PDF without an account is no invoice of anybody's program.
    let leaflet = made_pdf(&["Our new catalogue"], "Designer", "Printer");
    let mail = mail_with(ACME, "leaflet@t", PLAIN, &[("leaflet.pdf", "application/pdf", &leaflet)]);
    let found = inbox.send("leaflet@t", &mail).await;
    assert!(found.starts_with("deliver") && !found.contains(NEW), "a leaflet: {found}");
    inbox.learned(6).await;
    // Another program is weak by itself …
    let writer = ("Writer", "LibreOffice 7.3");
    let found = inbox.invoice("writer@t", PLAIN, writer, ON_RECORD).await;
    assert!(found.starts_with("deliver") && found.contains(NEW), "another program: {found}");
    inbox.learned(7).await;
    // … and from now on one of two.
    let found = inbox.invoice("writer-again@t", PLAIN, writer, ON_RECORD).await;
    assert!(found.starts_with("deliver") && !found.contains(NEW), "the second program again: {found}");
    inbox.learned(8).await;
    // Words of a change: a warning as ever, and held where the document is made in another way as well.
    let found = inbox.invoice("words@t", CHANGE, usual, ON_RECORD).await;
    assert!(found.starts_with("tag") && !found.contains(NEW), "words alone: {found}");
    let found = inbox.invoice("forged@t", CHANGE, ("PDF Editor", "PDF Editor 12"), ON_RECORD).await;
    assert!(found.starts_with("held") && found.contains(NEW), "words and another program: {found}");
    let found = inbox.invoice("changed@t", PLAIN, ("PDF Editor", "PDF Editor 12"), ELSEWHERE).await;
    assert!(found.contains(NEW) && found.contains("BANK_DETAILS_CHANGED"), "another account: {found}");
    // What was held taught nothing, and no row names a program.
    let marks = "SELECT subject || detail FROM history WHERE kind = 'make'";
    let marks: Vec<String> = sqlx::query_scalar(marks).fetch_all(&mut inbox.world.sql().await).await.unwrap();
    assert_eq!(marks.len(), 2, "{marks:?}");
    assert!(marks.iter().all(|mark| mark.chars().all(|c| c.is_ascii_hexdigit())), "{marks:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn links_of_documents_show_where_they_lead_or_are_told() {
    let inbox = Inbox::start(Backend::Sqlite).await;
    let printed = format!("IBAN: {ON_RECORD}");
    for (id, from, shown, target, told) in [
        ("evil@t", STRANGER, "www.acme-supplies.example/pay", "https://evil.example/pay", true),
        ("evil-mail@t", STRANGER, "accounts@acme-supplies.example", "mailto:accounts@evil.example", true),
        ("same@t", STRANGER, "www.acme-supplies.example", "https://pay.acme-supplies.example/1", false),
        ("words@t", STRANGER, "Pay here", "https://evil.example/pay", false),
        ("file@t", STRANGER, "invoice-17.pdf", "https://evil.example/pay", false),
        ("unknown@t", STRANGER, "www.unknown.example", "https://click.tracker.example/1", false),
        ("own-tracker@t", STRANGER, "www.acme-supplies.example", "https://click.stranger.example/1", false),
        ("supplier@t", ACME, "www.acme-supplies.example", "https://click.tracker.example/1", false),
    ] {
        let pdf = linked_pdf(&["Invoice INV-17", "Amount due: 960.00 GBP", &printed], shown, target);
        let mail = mail_with(from, id, PLAIN, &[("invoice.pdf", "application/pdf", &pdf)]);
        let found = inbox.send(id, &mail).await;
        assert_eq!(found.contains("LINK_MISLEADS"), told, "{id}: {found}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_in_a_picture_that_stands_in_the_body_itself_is_compared() {
    let inbox = Inbox::start(Backend::Sqlite).await;
    for (id, account, held) in [("known@t", ON_RECORD, false), ("changed@t", ELSEWHERE, true)] {
        let picture = file(&qr(&epc(account), 4), ImageFormat::Png);
        let picture = base64::engine::general_purpose::STANDARD.encode(picture);
        let lines: Vec<&str> =
            picture.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let mail = format!(
            "From: {ACME}\r\nTo: accounts@contoso.example\r\nSubject: Invoice INV-17\r\nMessage-ID: <{id}>\r\n\
             MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n\
             <p>Please find our invoice INV-17. Scan to pay:</p>\r\n<img src=\"data:image/png;base64,{}\">\r\n",
            lines.join("\r\n")
        );
        let found = inbox.send(id, mail.as_bytes()).await;
        let (code, start) =
            if held { ("BANK_DETAILS_CHANGED", "held") } else { ("ACCOUNT_VERIFIED", "deliver") };
        assert!(found.starts_with(start) && found.contains(code), "{id}: {found}");
    }
}

on_each_database! {
    documents_are_measured_by_how_the_supplier_makes_them,
}
