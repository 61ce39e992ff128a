//! After a run of the whole product nothing of what is sensitive can be read from what it leaves behind: the database
//! with its log, the bodies, Redis. The list of what stays readable is here, each with its reason.

use crate::support::backend::{Backend, Place, on_each_backend};
use crate::support::redis::{Redises, Topology, eventually};
use crate::support::sink::{Behaviour, Sink};
use crate::support::world::{Setup, World, changed_invoice, clean_invoice, mail};

/// What the run handles and nobody may read afterwards: a name for the failure, and the text.
const SENSITIVE: &[(&str, &str)] = &[
    ("account of a supplier", "GB29NWBK60161331926819"),
    ("account of a supplier, national form", "60161331926819"),
    ("account number alone", "31926819"),
    ("sort code and account of a supplier", "20000055779911"),
    ("foreign account of a supplier", "DE89370400440532013000"),
    ("account in a fraud", "GB94BARC10201530093459"),
    ("account in a fraud, as written", "GB94 BARC 1020 1530 0934 59"),
    ("account in a fraud, national form", "10201530093459"),
    ("own account", "GB33BUKB20201555555555"),
    ("own account, national form", "20201555555555"),
    ("subject", "Invoice INV-1042"),
    ("subject of a strange mail", "Quarterly crayfish reminder"),
    ("invoice number", "INV-1042"),
    ("message id", "plaintext.test"),
    ("sender of a held mail", "stranger@fraud-sender.example"),
    ("its domain", "fraud-sender.example"),
    ("reason of a decision", "called their bookkeeper Hermione"),
    ("recipient beyond the mailbox", "accounts+crayfish@contoso.example"),
    ("words of a mail", "Our bank details have changed"),
    ("holder of an account", "Bramble Holdings Nominee"),
    ("name of a supplier", "Acme Building Supplies Ltd"),
    ("domain of a supplier", "acme-supplies.example"),
    ("address of a supplier", "accounts@acme-supplies.example"),
    ("phone of a supplier", "+44 20 7946 0018"),
    ("phone of a supplier, digits", "442079460018"),
];

/// What stays readable, and why.
const READABLE: &[(&str, &str, &str)] = &[
    ("protected mailbox", "accounts@contoso.example", "every RCPT is matched before any key is chosen"),
    ("administrator", "it@contoso.example", "notices go there without opening anything"),
];

/// Everything under the data folder, the dump of a database that lies elsewhere, and Redis, as octets.
fn left_behind(world: &World, redis: &Redises) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<(String, Vec<u8>)> = world
        .data_files()
        .into_iter()
        .map(|file| (file.display().to_string(), std::fs::read(&file).unwrap()))
        .collect();
    if let Place::Postgres(database) = world.database() {
        all.push(("the dump".to_owned(), database.dump()));
    }
    for (key, value) in redis.dump() {
        let mut octets = key.clone().into_bytes();
        octets.push(b'\n');
        octets.extend(value);
        all.push((format!("redis {key}"), octets));
    }
    all
}

/// Where a text stands, in any case of its letters, as UTF-8 or UTF-16; and as written, in base64 or in hexadecimal, as
/// a dump shows octets.
fn places(all: &[(String, Vec<u8>)], text: &str) -> Vec<String> {
    let lower = text.to_ascii_lowercase();
    let wide: Vec<u8> = lower.bytes().flat_map(|octet| [octet, 0]).collect();
    let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text);
    let hexadecimal: String = text.bytes().map(|octet| format!("{octet:02x}")).collect();
    let holds = |octets: &[u8], needle: &[u8]| memchr::memmem::find(octets, needle).is_some();
    all.iter()
        .filter(|(_, octets)| {
            let lowered = octets.to_ascii_lowercase();
            holds(&lowered, lower.as_bytes())
                || holds(&lowered, &wide)
                || holds(&lowered, hexadecimal.as_bytes())
                || holds(octets, encoded.as_bytes())
        })
        .map(|(name, _)| name.clone())
        .collect()
}

/// Mails delivered, tagged, held, released, rejected and deleted; suppliers, own accounts, notices, audit.
async fn whole_product(world: &mut World, sink: &Sink) {
    let suppliers = "\
supplier_id,name,domains,emails,phones,iban,sort_code,account_number,account_name
S1,Acme Building Supplies Ltd,acme-supplies.example,accounts@acme-supplies.example,+44 20 7946 0018,GB29NWBK60161331926819,,,
S2,Bramble Timber,bramble-timber.example,,+44 20 7946 0020,,20-00-00,55779911,Bramble Holdings Nominee
S3,Müller Stahl GmbH,mueller-stahl.example,,,DE89370400440532013000,,,
";
    world.import(suppliers, &["--verified"]);
    world.run(&["org", "account", "add", "GB33 BUKB 2020 1555 5555 55"]);
    let strange = mail(
        "Stranger <stranger@fraud-sender.example>",
        "Quarterly crayfish reminder",
        "strange@plaintext.test",
        "Please pay to IBAN GB94 BARC 1020 1530 0934 59 for Acme Building Supplies Ltd today.\n",
    );
    let mut client = world.hello().await;
    let mails = [
        ("accounts@acme-supplies.example", "accounts@contoso.example", clean_invoice("clean@plaintext.test")),
        (
            "accounts@acme-supplies.example",
            "accounts+crayfish@contoso.example",
            changed_invoice("one@plaintext.test"),
        ),
        ("accounts@acme-supplies.example", "accounts@contoso.example", changed_invoice("two@plaintext.test")),
        ("stranger@fraud-sender.example", "accounts@contoso.example", strange),
    ];
    for (from, to, octets) in &mails {
        assert_eq!(client.send(from, &[to], octets).await.unwrap().code, 250);
    }
    let held = world.quarantine();
    assert!(held.len() >= 2, "{held:?}");
    let id = |message: &str| {
        let row = held.iter().find(|row| row["message_id"].as_str().unwrap().contains(message)).unwrap();
        row["id"].as_str().unwrap().to_owned()
    };
    world.run(&["quarantine", "release", &id("one@"), "--reason", "called their bookkeeper Hermione"]);
    world.wait_for_state(&id("one@"), "released").await;
    world.run(&["quarantine", "reject", &id("two@"), "--reason", "called their bookkeeper Hermione"]);
    assert!(sink.messages().len() >= 2);
    world.run(&["keys", "rotate", "--purpose", "data", "--settle", "3"]);
}

async fn nothing_sensitive_can_be_read_from_what_is_left_behind(on: Backend) {
    let sink = Sink::start(Behaviour::default()).await;
    let single = (on != Backend::PostgresAndRedisCluster).then(|| Redises::start(Topology::Single));
    let mut setup = Setup::new(sink.address()).on(on);
    if let Some(redis) = &single {
        setup = setup.arg("--redis").arg(&redis.url());
    }
    let mut world = World::start(setup);
    whole_product(&mut world, &sink).await;
    let cluster = world.redis.take();
    let redis = single.or(cluster).unwrap();
    eventually("Redis holds answers", || !redis.dump().is_empty());
    // Once with the log beside the file, once folded into it.
    for _ in 0..2 {
        let all = left_behind(&world, &redis);
        assert!(all.len() > 4, "database, bodies and Redis are there");
        let mut found = Vec::new();
        for (name, text) in SENSITIVE {
            found.extend(places(&all, text).into_iter().map(|place| format!("{name} in {place}")));
        }
        assert!(found.is_empty(), "readable:\n{}", found.join("\n"));
        for (name, text, reason) in READABLE {
            assert!(
                !places(&all, text).is_empty(),
                "{name} is sealed by now ({reason}): move it to SENSITIVE"
            );
        }
        if world.process_runs() {
            assert_eq!(world.stop(), 0);
        }
    }
}

on_each_backend! { nothing_sensitive_can_be_read_from_what_is_left_behind }
