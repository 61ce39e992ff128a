use super::*;
use crate::adapters::dns;
use crate::model::{HeaderField, Mailbox};
use base64::Engine as _;
use mail_auth::AuthenticationResults;
use mail_auth::arc::ArcSealer;
use mail_auth::common::crypto::Ed25519Key;
use mail_auth::common::headers::HeaderWriter as _;
use mail_auth::dkim::DkimSigner;
use std::net::SocketAddr;
use std::time::Duration;

const MAIL: &str = "From: Billing <billing@supplier.example>\r\nSubject: Invoice\r\n\r\nPlease pay.\r\n";

fn signature(result: &str, domain: &str) -> PolicyResult {
    PolicyResult { result: result.to_owned(), domain: Domain::parse(domain).ok() }
}

fn microsoft() -> Vec<Domain> {
    vec![Domain::parse("microsoft.com").expect("valid")]
}

#[test]
fn conclusions() {
    let author = Domain::parse("supplier.example").expect("valid");
    let sealers = microsoft();
    let none = || signature("none", "");
    for (name, signatures, arc, vouches, known, method) in [
        (
            "aligned pass",
            vec![signature("pass", "mail.supplier.example")],
            none(),
            false,
            true,
            AuthMethod::Dkim,
        ),
        ("foreign pass", vec![signature("pass", "esp.example")], none(), false, true, AuthMethod::None),
        ("unsigned", vec![], none(), false, true, AuthMethod::None),
        (
            "no answer",
            vec![signature("temperror", "supplier.example")],
            none(),
            false,
            false,
            AuthMethod::None,
        ),
        (
            "no answer for one, pass by another",
            vec![signature("temperror", "esp.example"), signature("pass", "supplier.example")],
            none(),
            false,
            true,
            AuthMethod::Dkim,
        ),
        ("trusted chain", vec![], signature("pass", "microsoft.com"), true, true, AuthMethod::Arc),
        ("untrusted chain", vec![], signature("pass", "evil.example"), true, true, AuthMethod::None),
        (
            "trusted chain, author failed",
            vec![],
            signature("pass", "microsoft.com"),
            false,
            true,
            AuthMethod::None,
        ),
    ] {
        let seen = Seen { signatures, arc, chain_vouches: vouches, spf: PolicyResult::default() };
        let got = conclude(seen, &Published::Nothing, Some(&author), &sealers);
        assert_eq!(
            (got.known, got.method, got.authenticated),
            (known, method, method != AuthMethod::None),
            "{name}"
        );
    }
}

#[test]
fn dmarc_fails_only_where_everything_was_answered() {
    let author = Domain::parse("supplier.example").expect("valid");
    let sealers = microsoft();
    let reject = |strict| {
        let policy = "reject";
        Published::Record(dmarc::Wanted { policy, strict_dkim: strict, strict_spf: strict })
    };
    let key = |result| vec![signature(result, "mail.supplier.example")];
    let spf = |result, domain| signature(result, domain);
    let unknown = PolicyResult::default;
    let theirs = "supplier.example";
    type Row<'a> = (&'a str, Published, Vec<PolicyResult>, PolicyResult, &'a str, AuthMethod, bool, bool);
    let rows: [Row<'_>; 16] = [
        ("aligned key", reject(false), key("pass"), unknown(), "pass", AuthMethod::Dmarc, true, false),
        (
            "aligned key, strict",
            reject(true),
            key("pass"),
            spf("none", theirs),
            "fail",
            AuthMethod::None,
            true,
            true,
        ),
        (
            "aligned SPF",
            reject(false),
            vec![],
            spf("pass", "bounce.supplier.example"),
            "pass",
            AuthMethod::Dmarc,
            true,
            false,
        ),
        (
            "aligned SPF, strict",
            reject(true),
            vec![],
            spf("pass", "bounce.supplier.example"),
            "fail",
            AuthMethod::None,
            true,
            true,
        ),
        (
            "foreign SPF",
            reject(false),
            vec![],
            spf("pass", "esp.example"),
            "fail",
            AuthMethod::None,
            true,
            true,
        ),
        (
            "foreign key",
            reject(false),
            vec![signature("pass", "esp.example")],
            spf("fail", theirs),
            "fail",
            AuthMethod::None,
            true,
            true,
        ),
        (
            "nothing passes",
            reject(false),
            key("fail"),
            spf("softfail", theirs),
            "fail",
            AuthMethod::None,
            true,
            true,
        ),
        (
            "whence it came is not known",
            reject(false),
            key("fail"),
            unknown(),
            "",
            AuthMethod::None,
            true,
            false,
        ),
        (
            "a key without an answer",
            reject(false),
            key("temperror"),
            spf("fail", theirs),
            "temperror",
            AuthMethod::None,
            false,
            false,
        ),
        (
            "a stranger's key without an answer",
            reject(false),
            vec![signature("temperror", ""), signature("temperror", "slow.example")],
            spf("fail", theirs),
            "fail",
            AuthMethod::None,
            true,
            true,
        ),
        (
            "a stranger's SPF without an answer",
            reject(false),
            vec![],
            spf("temperror", "slow.example"),
            "fail",
            AuthMethod::None,
            true,
            true,
        ),
        (
            "SPF without an answer",
            reject(false),
            vec![],
            spf("temperror", theirs),
            "temperror",
            AuthMethod::None,
            false,
            false,
        ),
        (
            "no policy published",
            Published::Nothing,
            key("fail"),
            spf("fail", theirs),
            "none",
            AuthMethod::None,
            true,
            false,
        ),
        (
            "no policy, SPF passes",
            Published::Nothing,
            vec![],
            spf("pass", theirs),
            "none",
            AuthMethod::Spf,
            true,
            false,
        ),
        (
            "the policy without an answer",
            Published::Unknown,
            key("fail"),
            spf("fail", theirs),
            "temperror",
            AuthMethod::None,
            false,
            false,
        ),
        (
            "the policy without an answer, a key",
            Published::Unknown,
            key("pass"),
            unknown(),
            "temperror",
            AuthMethod::Dkim,
            true,
            false,
        ),
    ];
    for (name, published, signatures, spf, dmarc, method, known, failed) in rows {
        let seen = Seen { signatures, spf, arc: signature("none", ""), chain_vouches: false };
        let got = conclude(seen, &published, Some(&author), &sealers);
        let found = (got.dmarc.result.as_str(), got.method, got.known, got.failed, got.unavailable);
        assert_eq!(found, (dmarc, method, known, failed, !known), "{name}");
    }
    // A trusted chain explains the failure (a list, a forwarder).
    let seen = Seen {
        arc: signature("pass", "microsoft.com"),
        chain_vouches: true,
        spf: spf("fail", theirs),
        ..Seen::default()
    };
    let got = conclude(seen, &reject(false), Some(&author), &sealers);
    assert_eq!((got.dmarc.result.as_str(), got.failed, got.method), ("fail", false, AuthMethod::Arc));
}

#[test]
fn what_a_sealer_says_is_read_past_its_name() {
    let author = Domain::parse("supplier.example").expect("valid");
    let value = b" i=1; mx.microsoft.com 1; spf=pass (sender ip is 203.0.113.7)\r\n smtp.rcpttodomain=contoso.com \
        smtp.mailfrom=supplier.example; dmarc=pass (p=none)\r\n action=none header.from=supplier.example; arc=none";
    let got = sealed_results(value, Some(&author));
    assert_eq!((got.authenticated, got.method), (true, AuthMethod::Dmarc), "{got:?}");
}

fn message_with(fields: &[&str]) -> Message {
    let headers = fields
        .iter()
        .map(|name| HeaderField { name: (*name).to_owned(), range: 0..0, value: 0..0 })
        .collect();
    let from = vec![Mailbox { name: None, address: "billing@supplier.example".to_owned() }];
    Message { headers, from, ..Message::default() }
}

/// Answers every question with the one TXT record.
async fn name_server(record: String) -> Arc<Dns> {
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.expect("bind");
    let address = socket.local_addr().expect("address");
    tokio::spawn(async move {
        let mut query = [0; 1_024];
        while let Ok((length, peer)) = socket.recv_from(&mut query).await {
            let end = 12 + query[12..length].iter().position(|octet| *octet == 0).expect("a name") + 5;
            let mut answer = vec![query[0], query[1], 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
            answer.extend(&query[12..end]);
            answer.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0]);
            answer.push(u8::try_from(record.len() + 1).expect("short"));
            answer.push(u8::try_from(record.len()).expect("short"));
            answer.extend(record.bytes());
            socket.send_to(&answer, peer).await.ok();
        }
    });
    Arc::new(Dns::new(dns::Options { servers: vec![address], ..dns::Options::default() }))
}

fn key() -> (Vec<u8>, String) {
    let der = Ed25519Key::generate_pkcs8().expect("key");
    let public = Ed25519Key::from_pkcs8_der(&der).expect("key").public_key();
    (der, format!("v=DKIM1; k=ed25519; p={}", base64::engine::general_purpose::STANDARD.encode(public)))
}

fn signed(der: &[u8], domain: &str, headers: &[&str]) -> String {
    let key = Ed25519Key::from_pkcs8_der(der).expect("key");
    let signer = DkimSigner::from_key(key).domain(domain).selector("s").headers(headers.to_vec());
    format!("{}{MAIL}", signer.sign(MAIL.as_bytes()).expect("signed").to_header())
}

async fn verified(dns: &Arc<Dns>, text: &str) -> AuthResults {
    let message = message_with(&["DKIM-Signature", "From", "Subject"]);
    let verifier = Verifier::new(Arc::clone(dns), microsoft());
    let deadline = Instant::now() + Duration::from_secs(20);
    verifier.verify(Bytes::from(text.to_owned()), &message, None, None, deadline).await
}

#[tokio::test]
async fn signatures_are_checked_against_dns() {
    let (der, record) = key();
    let dns = name_server(record).await;
    let good = signed(&der, "supplier.example", &["From", "Subject"]);
    for (name, text, method, result) in [
        ("aligned", good.clone(), AuthMethod::Dkim, "pass"),
        ("altered", good.replace("Please pay", "Please pay elsewhere"), AuthMethod::None, "neutral"),
        ("header altered", good.replace("Invoice", "Refund"), AuthMethod::None, "fail"),
        ("foreign", signed(&der, "esp.example", &["From", "Subject"]), AuthMethod::None, "pass"),
        ("unsigned", MAIL.to_owned(), AuthMethod::None, "none"),
        ("From not covered", signed(&der, "supplier.example", &["Subject"]), AuthMethod::None, "permerror"),
    ] {
        let got = verified(&dns, &text).await;
        assert!(got.known, "{name}: {got:?}");
        assert_eq!((got.method, got.dkim.result.as_str()), (method, result), "{name}");
    }
}

#[tokio::test]
async fn a_trusted_sealer_vouches_for_what_it_saw() {
    let (der, record) = key();
    let dns = name_server(record).await;
    let authenticator = MessageAuthenticator(dns.resolver().await.expect("resolver").clone());
    let original = signed(&der, "supplier.example", &["From", "Subject"]);
    let seen = AuthenticatedMessage::parse(original.as_bytes()).expect("parsed");
    let outputs = authenticator.verify_dkim(&seen).await;
    let results = AuthenticationResults::new("mx.microsoft.com")
        .with_dkim_results(&outputs, "billing@supplier.example");
    // Passed on without its signature, as by a relay that alters the message.
    let passed_on = AuthenticatedMessage::parse(MAIL.as_bytes()).expect("parsed");
    let chain = authenticator.verify_arc(&passed_on).await;
    for (sealer, method) in [("microsoft.com", AuthMethod::Arc), ("evil.example", AuthMethod::None)] {
        let key = Ed25519Key::from_pkcs8_der(&der).expect("key");
        let sealer = ArcSealer::from_key(key).domain(sealer).selector("s").headers(["From", "Subject"]);
        let set = sealer.seal(&passed_on, &results, &chain).expect("sealed");
        let got = verified(&dns, &format!("{}{MAIL}", set.to_header())).await;
        assert_eq!((got.arc.result.as_str(), got.method), ("pass", method), "{got:?}");
    }
}

#[tokio::test]
async fn without_an_answer_nothing_is_known() {
    let servers = vec![SocketAddr::from(([127, 0, 0, 1], 1))];
    let dns = Arc::new(Dns::new(dns::Options { servers, ..dns::Options::default() }));
    let text = signed(&key().0, "supplier.example", &["From"]);
    let verifier = Verifier::new(dns, Vec::new());
    let deadline = Instant::now() + Duration::from_millis(300);
    let got = verifier
        .verify(Bytes::from(text), &message_with(&["From", "DKIM-Signature"]), None, None, deadline)
        .await;
    assert_eq!((got.known, got.authenticated, got.unavailable), (false, false, true), "{got:?}");
    let many = message_with(&["DKIM-Signature"; limits::MAX_SIGNATURES + 1]);
    let got = verifier.verify(Bytes::from_static(b"From: x\r\n\r\n"), &many, None, None, deadline).await;
    assert_eq!((got.authenticated, got.dkim.result.as_str()), (false, "permerror"));
}
