//! What the banner costs: microseconds to compose a message with it, beside the same message without, for three sizes
//! and each transfer encoding. Run: `cargo bench --bench annotate`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement may fail loudly"
)]

use base64::Engine as _;
use sentra::act::{Stamp, compose};
use sentra::adapters::keyring::{LocalKeyring, MasterKey};
use sentra::model::{
    Action, AuthResults, EmailAddress, Envelope, FailPolicy, MailId, MailParameters, Message, Mode, OrgId,
    Organisation, Peer, PeerStanding, ReceivedMail, Recipient, ReversePath, Severity, Verdict,
};
use std::hint::black_box;
use std::time::{Duration, Instant};

const PARAGRAPH: &str =
    "<p style=\"margin:0\">Please find attached our invoice 4711 for the delivery of March.</p>\r\n";

fn organisation() -> Organisation {
    Organisation {
        id: OrgId(ulid::Ulid(1)),
        name: "Contoso".to_owned(),
        mode: Mode::Enforce,
        tenant_id: None,
        domains: Vec::new(),
        mailboxes: Vec::new(),
        executives: Vec::new(),
        admin_emails: Vec::new(),
        next_hop: None,
        ingress_tokens: Vec::new(),
        return_token: None,
        client_certificate: None,
        fail_policy: FailPolicy::Defer,
        subject_prefix: None,
        preferences: Default::default(),
        mailbox_languages: Default::default(),
        wording: None,
        own_rules: None,
        directory_generation: 0,
    }
}

/// HTML mail of about `size` octets whose body stands under a transfer encoding.
fn octets(size: usize, encoding: &str) -> Vec<u8> {
    let mut html =
        "<html><head><meta charset=\"utf-8\"><style>p{color:#000}</style></head><body>\r\n".to_owned();
    while html.len() < size {
        html.push_str(PARAGRAPH);
    }
    html.push_str("</body></html>\r\n");
    let body = match encoding {
        "base64" => {
            let encoded = base64::engine::general_purpose::STANDARD.encode(&html);
            let lines: Vec<&str> =
                encoded.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
            lines.join("\r\n")
        }
        "quoted-printable" => html.replace('=', "=3D"),
        _ => html,
    };
    format!(
        "From: a@supplier.example\r\nTo: accounts@contoso.example\r\nSubject: s\r\nMessage-ID: <1@supplier.example>\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{body}\r\n"
    )
    .into_bytes()
}

fn received(octets: Vec<u8>) -> ReceivedMail {
    let address = |text: &str| EmailAddress::parse(text).unwrap();
    let to = Recipient { address: address("accounts@contoso.example"), notify: None, orcpt: None };
    ReceivedMail {
        id: MailId(ulid::Ulid(2)),
        envelope: Envelope {
            reverse_path: ReversePath(Some(address("a@supplier.example"))),
            parameters: MailParameters::default(),
            recipients: vec![to],
        },
        peer: Peer {
            ip: [192, 0, 2, 1].into(),
            helo: "x".to_owned(),
            esmtp: true,
            tls: None,
            standing: PeerStanding::Trusted,
        },
        received_at_ms: 1_795_424_400_000,
        octets: octets.into(),
        bare_newlines: false,
    }
}

fn verdict(action: Action) -> Verdict {
    Verdict {
        action,
        severity: Severity::Danger,
        headline: "Bank details differ from your records.".to_owned(),
        advice: "Call the number in your records.".to_owned(),
        ..Verdict::default()
    }
}

/// Median of at least 30 runs within about a second.
fn median(mut run: impl FnMut()) -> Duration {
    let started = Instant::now();
    let mut times = Vec::new();
    while times.len() < 30 || (started.elapsed() < Duration::from_secs(1) && times.len() < 2_000) {
        let begun = Instant::now();
        run();
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn main() {
    let org = organisation();
    let keyring = LocalKeyring::new(&MasterKey::generate().unwrap()).unwrap();
    keyring.load(org.id, &keyring.generate(org.id).unwrap()).unwrap();
    let auth = AuthResults::default();
    println!("| HTML | encoding | parse µs | without banner µs | with banner µs | banner µs |");
    println!("|---|---|---|---|---|---|");
    for (name, size) in [("5 KB", 5_000), ("60 KB", 60_000), ("5 MB", 5_000_000)] {
        for encoding in ["8bit", "quoted-printable", "base64"] {
            let mail = received(octets(size, encoding));
            let message: Message = sentra::message::parse(&mail.octets);
            let parse = median(|| drop(black_box(sentra::message::parse(&mail.octets))));
            let time = |action: Action| {
                let verdict = verdict(action);
                let stamp = Stamp {
                    hostname: "mx.sentra.example",
                    now_ms: 1_795_424_400_000,
                    organisation: &org,
                    keyring: &keyring,
                    auth: &auth,
                    passes: 0,
                    include_return_token: false,
                    voice: &sentra::act::Voice::default(),
                };
                median(|| drop(black_box(compose(&mail, &message, &verdict, &stamp).unwrap())))
            };
            let (without, with) = (time(Action::Deliver), time(Action::Tag));
            let micros = |time: Duration| time.as_nanos() as f64 / 1_000.0;
            println!(
                "| {name} | {encoding} | {:.1} | {:.1} | {:.1} | {:.1} |",
                micros(parse),
                micros(without),
                micros(with),
                micros(with) - micros(without)
            );
        }
    }
}
