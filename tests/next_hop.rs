//! The way on against a strict receiving server: exact octets, exact answers, pooled connections, TLS, and what the
//! sender is told when the next hop fails at each step.

use crate::support::sink::{AfterData, Behaviour, Greeting, Received, Sink};
use bytes::Bytes;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use sentra::adapters::dns::{self, Dns};
use sentra::adapters::next_hop::{Options, SmtpNextHop};
use sentra::model::{
    BodyType, DsnNotify, DsnReturn, EmailAddress, FailPolicy, MailParameters, Mode, NextHopAddress,
    NextHopReply, NextHopTls, OrgId, Organisation, Recipient, RefusalReason, ReversePath,
};
use sentra::ports::{NextHop, OnwardError, OnwardTransaction};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const MAIL: &[u8] = b"Subject: hello\r\n\r\n.\r\n..dots\r\nbody\r\n";

fn options() -> Options {
    Options { hostname: "gateway.example".to_owned(), ..Options::default() }
}

/// For tests in which the next hop is to be waited for in vain.
fn impatient() -> Options {
    let short = Duration::from_millis(1_500);
    Options {
        setup_timeout: short,
        command_timeout: short,
        data_timeout: short,
        connection_wait: short / 5,
        ..options()
    }
}

fn next_hop(options: Options) -> SmtpNextHop {
    SmtpNextHop::new(options, Arc::new(Dns::new(dns::Options::default())))
        .expect("no extra roots, or readable ones")
}

fn organisation(host: &str, port: u16, tls: NextHopTls) -> Arc<Organisation> {
    Arc::new(Organisation {
        id: OrgId(ulid::Ulid::r#gen()),
        name: "contoso".to_owned(),
        mode: Mode::Enforce,
        tenant_id: None,
        domains: vec![],
        mailboxes: vec![],
        executives: vec![],
        admin_emails: vec![],
        next_hop: Some(NextHopAddress { host: host.to_owned(), port, tls }),
        ingress_tokens: vec![],
        return_token: None,
        client_certificate: None,
        fail_policy: FailPolicy::Defer,
        subject_prefix: None,
        preferences: Default::default(),
        mailbox_languages: std::collections::BTreeMap::new(),
        wording: None,
        own_rules: None,
        directory_generation: 0,
    })
}

fn plain(sink: &Sink) -> Arc<Organisation> {
    organisation("127.0.0.1", sink.port(), NextHopTls::None)
}

fn to(address: &str) -> Recipient {
    Recipient { address: EmailAddress::parse(address).expect("valid"), notify: None, orcpt: None }
}

fn sender() -> ReversePath {
    ReversePath(EmailAddress::parse("billing@supplier.example").ok())
}

type Opened = (Box<dyn OnwardTransaction>, NextHopReply);

async fn open_to(hop: &SmtpNextHop, org: &Arc<Organisation>, address: &str) -> Result<Opened, OnwardError> {
    hop.open(org, &sender(), &MailParameters::default(), &to(address)).await
}

async fn deliver(
    hop: &SmtpNextHop,
    org: &Arc<Organisation>,
    octets: &[u8],
) -> Result<NextHopReply, OnwardError> {
    let (transaction, reply) = open_to(hop, org, "accounts@contoso.com").await?;
    assert!(reply.is_positive(), "{reply:?}");
    transaction.send(&[Bytes::copy_from_slice(octets)], false).await
}

fn unavailable<T>(result: Result<T, OnwardError>) -> String {
    match result {
        Err(OnwardError::Unavailable { detail, .. }) => detail,
        Err(other) => panic!("expected unavailable, got {other:?}"),
        Ok(_) => panic!("expected unavailable, got success"),
    }
}

#[tokio::test]
async fn parameters_pass_through_where_advertised() {
    let all = MailParameters {
        size: Some(1_000),
        body: Some(BodyType::EightBitMime),
        smtputf8: true,
        ret: Some(DsnReturn::Full),
        envid: Some("abc".to_owned()),
    };
    let first = Recipient {
        notify: Some(DsnNotify { never: true, ..DsnNotify::default() }),
        orcpt: Some("rfc822;accounts@contoso.com".to_owned()),
        ..to("Accounts@contoso.com")
    };
    let everything = Behaviour::default();
    let little =
        Behaviour { dsn: false, size: None, eight_bit_mime: false, pipelining: false, ..everything.clone() };
    for (behaviour, mail, rcpt) in [
        (
            everything,
            "MAIL FROM:<billing@supplier.example> SIZE=66536 BODY=8BITMIME SMTPUTF8 RET=FULL ENVID=abc",
            "RCPT TO:<Accounts@contoso.com> NOTIFY=NEVER ORCPT=rfc822;accounts@contoso.com",
        ),
        (little, "MAIL FROM:<billing@supplier.example> SMTPUTF8", "RCPT TO:<Accounts@contoso.com>"),
    ] {
        let sink = Sink::start(behaviour).await;
        let hop = next_hop(options());
        let (transaction, reply) = hop.open(&plain(&sink), &sender(), &all, &first).await.expect("open");
        assert_eq!((reply.code, reply.enhanced), (250, Some((2, 1, 5))));
        transaction.send(&[Bytes::from_static(MAIL)], false).await.expect("sent");
        let got = sink.wait_for(1).await;
        assert_eq!((got[0].mail.as_str(), got[0].recipients.as_slice()), (mail, &[rcpt.to_owned()][..]));
        assert_eq!(got[0].helo, "gateway.example");
        sink.assert_clean();
    }
}

#[tokio::test]
async fn octets_arrive_exactly_by_bdat_and_by_data() {
    let large = [b"Subject: large\r\n\r\n".to_vec(), b".dots and text\r\n".repeat(100_000)].concat();
    for chunking in [true, false] {
        let sink = Sink::start(Behaviour { chunking, ..Behaviour::default() }).await;
        let (hop, org) = (next_hop(options()), plain(&sink));
        for (n, octets) in [MAIL, b".", b"", b"\r\n", &large].into_iter().enumerate() {
            let reply = deliver(&hop, &org, octets).await.expect("sent");
            assert_eq!((reply.code, reply.lines), (250, vec!["<id@sink.example> queued".to_owned()]));
            let got = sink.wait_for(n + 1).await;
            assert_eq!(got[n].bdat, chunking);
            let end: &[u8] =
                if chunking || octets.is_empty() || octets.ends_with(b"\r\n") { b"" } else { b"\r\n" };
            assert!(got[n].octets == [octets, end].concat(), "message {n}, chunking {chunking}");
        }
        sink.assert_clean();
        assert_eq!(sink.connections(), 1, "one connection serves all");
    }
}

#[tokio::test]
async fn what_cannot_be_expressed_is_refused_before_anything_is_sent() {
    let sink = Sink::start(Behaviour {
        chunking: false,
        eight_bit_mime: false,
        smtputf8: false,
        ..Behaviour::default()
    })
    .await;
    let (hop, org) = (next_hop(options()), plain(&sink));
    for (octets, bare, reason) in [
        ("caf\u{e9}\r\n", false, RefusalReason::EightBitUndeliverable),
        ("a\nb\r\n", true, RefusalReason::BareNewlineUndeliverable),
        ("a\n.\r\nMAIL FROM:<x@y.example>\r\n", false, RefusalReason::BareNewlineUndeliverable),
    ] {
        let (transaction, _) = open_to(&hop, &org, "a@contoso.com").await.expect("open");
        let result = transaction.send(&[Bytes::copy_from_slice(octets.as_bytes())], bare).await;
        assert_eq!(result, Err(OnwardError::NotExpressible(reason)), "{octets:?}");
    }
    let utf8 = MailParameters { smtputf8: true, ..MailParameters::default() };
    let opened = hop.open(&org, &sender(), &utf8, &to("a@contoso.com")).await.map(|_| ());
    assert_eq!(opened, Err(OnwardError::NotExpressible(RefusalReason::Utf8Undeliverable)));
    assert!(sink.messages().is_empty());
    sink.set(|b| b.chunking = true);
    let fresh = next_hop(options());
    deliver(&fresh, &org, b"bare\nnewline\r.\r\n").await.expect("by BDAT");
    assert_eq!(sink.wait_for(1).await[0].octets, b"bare\nnewline\r.\r\n");
    sink.assert_clean();
}

#[tokio::test]
async fn each_recipient_gets_its_own_answer() {
    let sink = Sink::start(Behaviour::default()).await;
    let (hop, org) = (next_hop(options()), plain(&sink));
    let (mut transaction, first) = open_to(&hop, &org, "permfail@contoso.com").await.expect("open");
    assert_eq!(
        (first.code, first.enhanced, first.lines),
        (550, Some((5, 1, 1)), vec!["no such user".to_owned()])
    );
    let second = transaction.recipient(&to("tempfail@contoso.com")).await.expect("answer");
    assert_eq!((second.code, second.enhanced), (451, Some((4, 2, 1))));
    let third = transaction.recipient(&to("accounts@contoso.com")).await.expect("answer");
    assert!(third.is_positive());
    let broken = transaction.recipient(&to("jürgen@contoso.com")).await;
    assert_eq!(broken, Err(OnwardError::NotExpressible(RefusalReason::Utf8Undeliverable)));
    transaction.send(&[Bytes::from_static(MAIL)], false).await.expect("sent");
    assert_eq!(sink.wait_for(1).await[0].recipients, ["RCPT TO:<accounts@contoso.com>"]);
    sink.assert_clean();
}

#[tokio::test]
async fn answers_about_configuration_become_unavailable_wherever_they_stand() {
    let sink = Sink::start(Behaviour::default()).await;
    let (hop, org) = (next_hop(options()), plain(&sink));
    assert!(unavailable(open_to(&hop, &org, "configfail@contoso.com").await).contains("5.7.64"));
    let (mut transaction, _) = open_to(&hop, &org, "a@contoso.com").await.expect("open");
    unavailable(transaction.recipient(&to("configfail@contoso.com")).await);
    transaction.abandon().await;
    for (answer, passed_on) in [
        ("550 5.7.606 Access denied, banned sending IP\r\n", false),
        ("550-5.7.750 Service unavailable.\r\n550 5.7.750 Client blocked\r\n", false),
        ("550 5.7.68 Direct send not allowed\r\n", false),
        ("550 5.4.1 Relay Access Denied\r\n", false),
        ("451 4.4.62 wrong region\r\n", false),
        ("421 4.3.2 closing\r\n", false),
        ("550 5.4.1 Recipient address rejected: Access denied\r\n", true),
        ("550 5.7.509 does not pass DMARC\r\n", true),
        ("451 4.7.500 Server busy\r\n", true),
        ("554 5.6.0 bad content\r\n", true),
    ] {
        let code: u16 = answer[..3].parse().expect("digits");
        sink.set(|b| b.after_data = AfterData::Say(answer.to_owned()));
        let after = deliver(&hop, &org, MAIL).await;
        sink.set(|b| b.rcpt = Some(answer.to_owned()));
        let rcpt = open_to(&hop, &org, "a@contoso.com").await.map(|(_, reply)| reply);
        sink.set(|b| b.rcpt = None);
        for result in [after, rcpt] {
            match result {
                Ok(reply) => assert!(passed_on && reply.code == code, "{answer:?}: {reply:?}"),
                Err(OnwardError::Unavailable { .. }) => assert!(!passed_on, "{answer:?}"),
                Err(other) => panic!("{answer:?}: {other:?}"),
            }
        }
    }
    sink.assert_clean();
}

#[tokio::test]
async fn refusals_at_mail_are_configuration_except_for_size() {
    let sink = Sink::start(Behaviour { size: Some(50_000), ..Behaviour::default() }).await;
    let (hop, org) = (next_hop(options()), plain(&sink));
    for answer in ["550 5.7.1 go away\r\n", "451 4.7.500 busy\r\n", "421 4.3.2 closing\r\n", "rubbish\r\n"] {
        sink.set(|b| b.mail = Some(answer.to_owned()));
        unavailable(open_to(&hop, &org, "a@contoso.com").await);
    }
    sink.set(|b| b.mail = None);
    let large = MailParameters { size: Some(60_000), ..MailParameters::default() };
    let (mut transaction, first) =
        hop.open(&org, &sender(), &large, &to("a@contoso.com")).await.expect("open");
    assert_eq!((first.code, first.enhanced), (552, Some((5, 3, 4))));
    assert_eq!(transaction.recipient(&to("b@contoso.com")).await.expect("the same").code, 552);
    transaction.abandon().await;
    deliver(&hop, &org, MAIL).await.expect("the connection is fit for more");
    let fits = MailParameters { size: Some(49_000), ..MailParameters::default() };
    let (_transaction, reply) = hop.open(&org, &sender(), &fits, &to("a@contoso.com")).await.expect("open");
    assert!(reply.is_positive(), "the margin stays below the limit");
}

#[tokio::test]
async fn after_the_end_of_data() {
    let sink = Sink::start(Behaviour::default()).await;
    let (hop, org) = (next_hop(impatient()), plain(&sink));
    for chunking in [true, false] {
        for (after, uncertain) in [
            (AfterData::Hang, true),
            (AfterData::Close, true),
            (AfterData::TakeAndClose, true),
            (AfterData::TakeAndHang, true),
            (AfterData::Say("what?\r\n".to_owned()), true),
            (AfterData::Say("354 more\r\n".to_owned()), true),
            (AfterData::Say("550 5.6.0 no\r\n".to_owned()), false),
            (AfterData::Say("450 4.2.0 later\r\n".to_owned()), false),
        ] {
            sink.set(|b| {
                b.chunking = chunking;
                b.after_data = after.clone();
            });
            sink.kick().await;
            let result = deliver(&hop, &org, MAIL).await;
            assert_eq!(
                matches!(result, Err(OnwardError::Uncertain { .. })),
                uncertain,
                "{after:?}: {result:?}"
            );
            assert_eq!(result.is_ok(), !uncertain, "{after:?}: {result:?}");
        }
    }
    sink.set(|b| b.after_data = AfterData::Accept);
    deliver(&hop, &org, MAIL).await.expect("and then all is well");
    sink.assert_clean();
}

#[tokio::test]
async fn data_itself_refused() {
    let sink = Sink::start(Behaviour { chunking: false, ..Behaviour::default() }).await;
    let (hop, org) = (next_hop(options()), plain(&sink));
    for (answer, passed_on) in [
        ("451 4.3.0 later\r\n", true),
        ("554 5.5.1 no\r\n", true),
        ("421 4.3.2 bye\r\n", false),
        ("250 what\r\n", false),
    ] {
        sink.set(|b| b.data = Some(answer.to_owned()));
        let result = deliver(&hop, &org, MAIL).await;
        match result {
            Ok(reply) => assert!(passed_on && answer.starts_with(&reply.code.to_string()), "{answer}"),
            error => assert!(!unavailable(error).is_empty() && !passed_on, "{answer}"),
        }
    }
    sink.set(|b| b.data = None);
    deliver(&hop, &org, MAIL).await.expect("a refused DATA leaves nothing behind");
    assert_eq!(sink.wait_for(1).await[0].octets, MAIL);
}

#[tokio::test]
async fn a_sender_who_gives_up_does_not_cut_the_data() {
    let sink = Sink::start(Behaviour { after_data: AfterData::Hang, ..Behaviour::default() }).await;
    let (hop, org) = (next_hop(Options { data_timeout: Duration::from_secs(30), ..options() }), plain(&sink));
    let (transaction, _) = open_to(&hop, &org, "a@contoso.com").await.expect("open");
    let octets = [Bytes::from(vec![b'x'; 8_000_000])];
    sink.set(|b| b.after_data = AfterData::Accept);
    let sending = transaction.send(&octets, false);
    tokio::time::timeout(Duration::from_millis(1), sending).await.ok();
    assert_eq!(sink.wait_for(1).await[0].octets.len(), 8_000_000);
}

#[tokio::test]
async fn connections_are_reused_but_never_across_organisations() {
    let sink = Sink::start(Behaviour::default()).await;
    let hop = next_hop(Options { messages_per_connection: 3, ..options() });
    let (one, other) = (plain(&sink), plain(&sink));
    for org in [&one, &one, &other, &one, &other, &one] {
        deliver(&hop, org, MAIL).await.expect("sent");
    }
    let ordinals: Vec<usize> = sink.wait_for(6).await.iter().map(|message| message.connection).collect();
    assert_eq!(ordinals, [1, 1, 2, 1, 2, 3], "three messages a connection, two organisations apart");
    sink.assert_clean();
}

#[tokio::test]
async fn a_changed_next_hop_takes_effect_at_once() {
    let (old, new) = (Sink::start(Behaviour::default()).await, Sink::start(Behaviour::default()).await);
    let hop = next_hop(options());
    let mut org = plain(&old);
    deliver(&hop, &org, MAIL).await.expect("to the old one");
    Arc::make_mut(&mut org).next_hop.as_mut().expect("set").port = new.port();
    deliver(&hop, &org, MAIL).await.expect("to the new one");
    assert_eq!((old.messages().len(), new.messages().len()), (1, 1));
    old.wait_open(0).await;
}

#[tokio::test]
async fn a_connection_that_died_at_rest_is_replaced_unnoticed() {
    let sink = Sink::start(Behaviour::default()).await;
    let (hop, org) = (next_hop(options()), plain(&sink));
    deliver(&hop, &org, MAIL).await.expect("first");
    sink.kick().await;
    deliver(&hop, &org, MAIL).await.expect("on a fresh connection");
    // Alive to the eye, but it answers 421 to the next MAIL.
    sink.set(|b| b.mail = Some("421 4.4.2 idle\r\n".to_owned()));
    let detail = unavailable(open_to(&hop, &org, "a@contoso.com").await);
    assert!(detail.contains("421"), "{detail}");
    assert_eq!(sink.connections(), 3, "one fresh try, not more");
    sink.set(|b| {
        b.mail = None;
        b.close_after = Some(1);
    });
    for _ in 0..3 {
        deliver(&hop, &org, MAIL).await.expect("closed after each message");
    }
    sink.assert_clean();
}

#[tokio::test]
async fn dropped_closes_and_abandoned_is_reset_and_reused() {
    let sink = Sink::start(Behaviour::default()).await;
    let (hop, org) = (next_hop(options()), plain(&sink));
    let (transaction, _) = open_to(&hop, &org, "a@contoso.com").await.expect("open");
    drop(transaction);
    sink.wait_open(0).await;
    let (transaction, _) = open_to(&hop, &org, "a@contoso.com").await.expect("open");
    transaction.abandon().await;
    deliver(&hop, &org, MAIL).await.expect("sent");
    assert_eq!(sink.wait_for(1).await[0].connection, 2);
    assert!(sink.commands().contains(&"2 RSET".to_owned()));
    sink.assert_clean();
}

#[tokio::test]
async fn connections_rest_for_a_while_and_are_then_closed() {
    let sink = Sink::start(Behaviour::default()).await;
    let (hop, org) = (next_hop(Options { idle: Duration::from_millis(120), ..options() }), plain(&sink));
    deliver(&hop, &org, MAIL).await.expect("sent");
    sink.wait_open(0).await;
    assert!(sink.commands().contains(&"1 QUIT".to_owned()), "with a farewell");
}

#[tokio::test]
async fn connections_of_an_organisation_are_bounded_and_handed_over() {
    let sink = Sink::start(Behaviour::default()).await;
    let hop = next_hop(Options { connections_per_organisation: 2, ..impatient() });
    let org = plain(&sink);
    let first = open_to(&hop, &org, "a@contoso.com").await.expect("open").0;
    let _second = open_to(&hop, &org, "b@contoso.com").await.expect("open").0;
    let detail = unavailable(open_to(&hop, &org, "c@contoso.com").await);
    assert!(detail.contains("busy"), "{detail}");
    let (waiting, ()) = tokio::join!(open_to(&hop, &org, "c@contoso.com"), async {
        first.abandon().await;
    });
    waiting.expect("the one that became free");
    assert_eq!(sink.connections(), 2);
    deliver(&hop, &plain(&sink), MAIL).await.expect("another organisation has its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_shares_few_connections_and_nothing_is_lost_or_doubled() {
    let sink = Sink::start(Behaviour { close_after: Some(7), ..Behaviour::default() }).await;
    let hop = Arc::new(next_hop(Options { connections_per_organisation: 3, ..options() }));
    let org = plain(&sink);
    let tasks = (0..30).map(|task| {
        let (hop, org) = (Arc::clone(&hop), Arc::clone(&org));
        tokio::spawn(async move {
            for n in 0..10 {
                let text = format!("Subject: {task}-{n}\r\n\r\n.\r\n");
                deliver(&hop, &org, text.as_bytes()).await.expect("sent");
            }
        })
    });
    for task in futures_util::future::join_all(tasks).await {
        task.expect("no panic");
    }
    let got = sink.wait_for(300).await;
    let distinct: std::collections::HashSet<Vec<u8>> =
        got.into_iter().map(|message| message.octets).collect();
    assert_eq!((distinct.len(), sink.messages().len()), (300, 300));
    assert!(sink.most_open() <= 2 * 3, "{} at once; each may still be closing its last", sink.most_open());
    sink.assert_clean();
}

#[tokio::test]
async fn failures_before_mail_are_unavailable() {
    let sink = Sink::start(Behaviour::default()).await;
    let org = plain(&sink);
    for greeting in [
        Greeting::Hang,
        Greeting::Close,
        Greeting::Say("421 4.3.2 busy\r\n".to_owned()),
        Greeting::Say("554 no\r\n".to_owned()),
        Greeting::Say("hello\r\n".to_owned()),
        Greeting::Say("220-without end\r\n".repeat(10_000)),
    ] {
        sink.set(|b| b.greeting = greeting.clone());
        let hop = next_hop(impatient());
        let detail = unavailable(open_to(&hop, &org, "a@contoso.com").await);
        assert!(!detail.is_empty(), "{greeting:?}");
    }
    sink.set(|b| b.greeting = Greeting::Welcome);
    for ehlo in ["550 5.7.1 no\r\n", "rubbish\r\n", "500 what\r\n"] {
        sink.set(|b| b.ehlo = Some(ehlo.to_owned()));
        unavailable(open_to(&next_hop(impatient()), &org, "a@contoso.com").await);
    }
    sink.set(|b| b.ehlo = None);
    for address in ["closefail@contoso.com", "hangfail@contoso.com"] {
        unavailable(open_to(&next_hop(impatient()), &org, address).await);
    }
    let port = sink.port();
    drop(sink);
    unavailable(
        open_to(&next_hop(impatient()), &organisation("127.0.0.1", port, NextHopTls::None), "a@b.example")
            .await,
    );
    let mut nowhere = organisation("127.0.0.1", 1, NextHopTls::None);
    Arc::make_mut(&mut nowhere).next_hop = None;
    assert!(
        unavailable(open_to(&next_hop(impatient()), &nowhere, "a@b.example").await).contains("no next hop")
    );
}

#[tokio::test]
async fn an_endless_reply_is_cut() {
    let sink =
        Sink::start(Behaviour { rcpt: Some("250-more\r\n".repeat(100_000)), ..Behaviour::default() }).await;
    let detail = unavailable(open_to(&next_hop(options()), &plain(&sink), "a@contoso.com").await);
    assert!(detail.contains("without end"), "{detail}");
}

// ── TLS ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// A private authority with what servers and clients need of it, as files.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: tempfile::TempDir,
    root: CertificateDer<'static>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).expect("params");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("key");
        let certificate = params.self_signed(&key).expect("root");
        let folder = tempfile::tempdir().expect("folder");
        std::fs::write(folder.path().join("root.pem"), certificate.pem()).expect("write");
        let root = certificate.der().clone();
        Self { issuer: Issuer::new(params, key), folder, root }
    }

    fn root_file(&self) -> std::path::PathBuf {
        self.folder.path().join("root.pem")
    }

    /// Chain and key as files.
    fn issue(&self, file: &str, name: &str) -> (String, String) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("params");
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().expect("key");
        let certificate = params.signed_by(&key, &self.issuer).expect("leaf");
        let path = |end: &str| self.folder.path().join(format!("{file}.{end}")).display().to_string();
        std::fs::write(path("pem"), certificate.pem()).expect("write");
        std::fs::write(path("key"), key.serialize_pem()).expect("write");
        (path("pem"), path("key"))
    }

    fn server(&self, name: &str) -> Arc<ServerConfig> {
        let (chain, key) = self.issue(name, name);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).expect("root");
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let clients = clients.allow_unauthenticated().build().expect("verifier");
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_client_cert_verifier(clients)
            .with_single_cert(
                CertificateDer::pem_file_iter(chain)
                    .expect("chain")
                    .collect::<Result<_, _>>()
                    .expect("chain"),
                PrivateKeyDer::from_pem_file(key).expect("key"),
            );
        Arc::new(config.expect("server configuration"))
    }
}

fn with_certificate(org: Arc<Organisation>, files: (String, String)) -> Arc<Organisation> {
    let mut org = org;
    Arc::make_mut(&mut org).client_certificate = Some(files);
    org
}

fn leaf(path: &str) -> Vec<u8> {
    CertificateDer::from_pem_file(Path::new(path)).expect("certificate").as_ref().to_vec()
}

#[tokio::test]
async fn tls_policies() {
    let authority = Authority::new();
    let rooted = Options { roots: Some(authority.root_file()), ..options() };
    let good = Some(authority.server("localhost"));
    let other_name = Some(authority.server("elsewhere.example"));
    for (name, offered, tls, options, encrypted) in [
        ("required, certificate fits", good.clone(), NextHopTls::Required, rooted.clone(), Some(true)),
        ("required, other name", other_name.clone(), NextHopTls::Required, rooted.clone(), None),
        ("required, unknown root", good.clone(), NextHopTls::Required, options(), None),
        ("required, not offered", None, NextHopTls::Required, rooted.clone(), None),
        ("opportunistic, any certificate", other_name, NextHopTls::Opportunistic, options(), Some(true)),
        ("opportunistic, not offered", None, NextHopTls::Opportunistic, options(), Some(false)),
        ("none, though offered", good, NextHopTls::None, options(), Some(false)),
    ] {
        let sink = Sink::start(Behaviour { tls: offered, ..Behaviour::default() }).await;
        let result = deliver(&next_hop(options), &organisation("localhost", sink.port(), tls), MAIL).await;
        match encrypted {
            None => {
                unavailable(result);
                assert!(sink.messages().is_empty(), "{name}");
            }
            Some(encrypted) => {
                assert!(result.is_ok(), "{name}: {result:?}");
                let got: &Received = &sink.wait_for(1).await[0];
                assert_eq!((got.tls, got.octets.as_slice()), (encrypted, MAIL), "{name}");
            }
        }
        sink.assert_clean();
    }
}

#[tokio::test]
async fn each_organisation_shows_its_own_certificate_and_renewals_take_effect() {
    let authority = Authority::new();
    let sink =
        Sink::start(Behaviour { tls: Some(authority.server("localhost")), ..Behaviour::default() }).await;
    let options = Options { roots: Some(authority.root_file()), messages_per_connection: 1, ..options() };
    let hop = next_hop(options);
    let org = |files| with_certificate(organisation("localhost", sink.port(), NextHopTls::Required), files);
    let a_files = authority.issue("a", "a.out.example");
    let b_files = authority.issue("b", "b.out.example");
    let (a, b) = (org(a_files.clone()), org(b_files.clone()));
    let bare = organisation("localhost", sink.port(), NextHopTls::Required);
    for org in [&a, &b, &bare, &a] {
        deliver(&hop, org, MAIL).await.expect("sent");
    }
    let shown: Vec<_> =
        sink.wait_for(4).await.into_iter().map(|message| message.client_certificate).collect();
    let (a_leaf, b_leaf) = (leaf(&a_files.0), leaf(&b_files.0));
    assert_eq!(shown, [Some(a_leaf.clone()), Some(b_leaf), None, Some(a_leaf.clone())]);

    authority.issue("a", "a.out.example");
    let later = std::time::SystemTime::now() + Duration::from_secs(5);
    std::fs::File::options()
        .append(true)
        .open(&a_files.0)
        .and_then(|f| f.set_modified(later))
        .expect("touch");
    deliver(&hop, &a, MAIL).await.expect("sent");
    let renewed = sink.wait_for(5).await[4].client_certificate.clone().expect("shown");
    assert!(renewed != a_leaf && renewed == leaf(&a_files.0));

    std::fs::remove_file(&a_files.1).expect("remove");
    let detail = unavailable(deliver(&hop, &a, MAIL).await);
    assert!(detail.contains("private key"), "never without the certificate: {detail}");
    sink.assert_clean();
}

// ── names ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/// A name server of three names: `both` (A and AAAA), `six` (AAAA only) and `set` (MX only: `dead` 10, `both` 20).
async fn name_server(addresses: &'static [[u8; 4]]) -> SocketAddr {
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.expect("bind");
    let address = socket.local_addr().expect("address");
    tokio::spawn(async move {
        let mut query = [0; 1_024];
        while let Ok((length, peer)) = socket.recv_from(&mut query).await {
            socket.send_to(&dns_answer(&query[..length], addresses), peer).await.ok();
        }
    });
    address
}

fn dns_answer(query: &[u8], addresses: &[[u8; 4]]) -> Vec<u8> {
    let mut end = 12;
    let mut labels = Vec::new();
    while query[end] != 0 {
        let length = usize::from(query[end]);
        labels.push(String::from_utf8_lossy(&query[end + 1..=end + length]).to_lowercase());
        end += length + 1;
    }
    let kind = u16::from_be_bytes([query[end + 1], query[end + 2]]);
    let mut records: Vec<(u16, Vec<u8>)> = Vec::new();
    match (labels[0].as_str(), kind) {
        ("both", 1) => records.extend(addresses.iter().map(|address| (1, address.to_vec()))),
        ("both" | "six", 28) => records.push((28, [vec![0; 15], vec![1]].concat())),
        ("set", 15) => {
            for (preference, host) in [(20_u8, "both"), (10, "dead")] {
                let mut data = vec![0, preference, u8::try_from(host.len()).expect("short")];
                data.extend(host.bytes());
                data.extend(b"\x04test\x00");
                records.push((15, data));
            }
        }
        _ => {}
    }
    let code = if records.is_empty() && labels[0] == "dead" { 3 } else { 0 };
    let mut out = vec![
        query[0],
        query[1],
        0x81,
        0x80 | code,
        0,
        1,
        0,
        u8::try_from(records.len()).expect("few"),
        0,
        0,
        0,
        0,
    ];
    out.extend(&query[12..end + 5]);
    for (kind, data) in records {
        out.extend([0xc0, 12]);
        out.extend(kind.to_be_bytes());
        out.extend([0, 1, 0, 0, 0, 60]);
        out.extend(u16::try_from(data.len()).expect("short").to_be_bytes());
        out.extend(data);
    }
    out
}

#[tokio::test]
async fn names_lead_to_addresses_and_the_first_that_answers_is_taken() {
    let server = name_server(&[[127, 0, 0, 9], [127, 0, 0, 1]]).await;
    let resolver = Arc::new(Dns::new(dns::Options { servers: vec![server], ..dns::Options::default() }));
    let found = |host: &'static str| {
        let resolver = Arc::clone(&resolver);
        async move {
            resolver.addresses(host).await.map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>())
        }
    };
    let mut both = found("both.test").await.expect("A");
    both.sort();
    assert_eq!(both, ["127.0.0.1", "127.0.0.9"], "AAAA is not asked for where there is A");
    assert_eq!(found("six.test").await.expect("AAAA"), ["::1"]);
    assert_eq!(found("set.test").await.expect("MX").len(), 2);
    assert_eq!(found("dead.test").await, Err(dns::DnsError::NoAddress));

    let sink = Sink::start(Behaviour::default()).await;
    let hop = SmtpNextHop::new(options(), resolver).expect("no roots");
    for host in ["both.test", "set.test"] {
        let org = organisation(host, sink.port(), NextHopTls::None);
        deliver(&hop, &org, MAIL).await.expect("nothing listens on the other address");
    }
    unavailable(deliver(&hop, &organisation("dead.test", sink.port(), NextHopTls::None), MAIL).await);
    assert_eq!(sink.messages().len(), 2);
}
