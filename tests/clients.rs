//! Real clients hand mail in: swaks, smtp-source, Python smtplib, curl and openssl, with and without certificates.

use crate::support::sink::{Behaviour, Sink};
use crate::support::world::{Setup, World, clean_invoice};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// A client program, or a failed test that says what to install.
fn program(name: &str, package: &str) -> Command {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let found = path.split(':').map(|folder| PathBuf::from(folder).join(name)).find(|file| file.exists());
    Command::new(found.unwrap_or_else(|| panic!("{name} is missing: apt-get install {package}")))
}

fn finish(mut command: Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A private authority and a client certificate that names Exchange, with the given extended key usage.
struct Authority {
    folder: tempfile::TempDir,
}

impl Authority {
    fn new(usage: ExtendedKeyUsagePurpose) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ca_key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::new(vec![]).unwrap();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_certificate = ca.self_signed(&ca_key).unwrap();
        let issuer = Issuer::new(ca, ca_key);
        let key = KeyPair::generate().unwrap();
        let mut leaf = CertificateParams::new(vec!["mail.protection.outlook.com".to_owned()]).unwrap();
        leaf.extended_key_usages = vec![usage];
        let certificate = leaf.signed_by(&key, &issuer).unwrap();
        std::fs::write(folder.path().join("ca.pem"), ca_certificate.pem()).unwrap();
        std::fs::write(folder.path().join("client.pem"), certificate.pem()).unwrap();
        std::fs::write(folder.path().join("client.key"), key.serialize_pem()).unwrap();
        Self { folder }
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }
}

const TENANT: &str = "11111111-2222-3333-4444-555555555555";

/// A world in which loopback is *not* trusted: a peer needs certificate, tenant id and token.
async fn strict_world(sink: &Sink, authority: &Authority) -> World {
    let setup = Setup::new(sink.address())
        .arg("--tenant-id")
        .arg(TENANT)
        .env("SENTRA_SMTP__TRUST", "192.0.2.0/24")
        .env("SENTRA_SMTP__CLIENT_CA", &authority.file("ca.pem"));
    World::start(setup)
}

fn ingress_token(world: &World) -> String {
    let line = world
        .init_output
        .lines()
        .find(|line| line.to_lowercase().contains("ingress"))
        .expect("init prints the ingress token");
    line.split_whitespace()
        .last()
        .unwrap()
        .trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_')
        .to_owned()
}

/// The mail as the tenant's Exchange would hand it over.
fn from_exchange(world: &World, id: &str) -> Vec<u8> {
    let mut octets = format!(
        "X-MS-Exchange-CrossTenant-Id: {TENANT}\r\nX-OriginatorOrg: contoso.example\r\nX-Sentra-Ingress: {}\r\n",
        ingress_token(world)
    )
    .into_bytes();
    octets.extend_from_slice(&clean_invoice(id));
    octets
}

#[tokio::test(flavor = "multi_thread")]
async fn swaks_delivers_with_starttls() {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()));
    let mut swaks = program("swaks", "swaks libnet-ssleay-perl");
    swaks.args(["--server", &world.smtp.to_string(), "--tls", "--from", "accounts@acme-supplies.example"]);
    swaks.args([
        "--to",
        "accounts@contoso.example",
        "--header",
        "Subject: hello",
        "--body",
        "see you on site",
    ]);
    let done = finish(swaks);
    assert!(done.status.success(), "{}", text(&done));
    assert!(text(&done).contains("TLS started"), "{}", text(&done));
    let received = sink.wait_for(1).await;
    assert!(String::from_utf8_lossy(&received[0].octets).contains("see you on site"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_outside_the_trusted_ranges_needs_certificate_tenant_and_token() {
    let sink = Sink::start(Behaviour::default()).await;
    let authority = Authority::new(ExtendedKeyUsagePurpose::ClientAuth);
    let world = strict_world(&sink, &authority).await;
    let send = |id: &str, certificate: bool, octets: Vec<u8>| {
        let file = world.folder.path().join(format!("{id}.eml"));
        std::fs::write(&file, octets).unwrap();
        let mut swaks = program("swaks", "swaks libnet-ssleay-perl");
        swaks.args(["--server", &world.smtp.to_string(), "--tls", "--from", "a@acme-supplies.example"]);
        swaks.args(["--to", "accounts@contoso.example", "--data", &format!("@{}", file.display())]);
        if certificate {
            swaks.args([
                "--tls-cert",
                &authority.file("client.pem"),
                "--tls-key",
                &authority.file("client.key"),
            ]);
        }
        text(&finish(swaks))
    };
    let proven = send("proven@t", true, from_exchange(&world, "proven@t"));
    assert!(proven.contains("<~  250") && !proven.contains("<~* "), "{proven}");
    sink.wait_for(1).await;

    let no_certificate = send("nocert@t", false, from_exchange(&world, "nocert@t"));
    assert!(no_certificate.contains("451"), "{no_certificate}");
    let no_token = send("notoken@t", true, clean_invoice("notoken@t"));
    assert!(no_token.contains("451"), "{no_token}");
    let mut twice = format!("X-MS-Exchange-CrossTenant-Id: {TENANT}\r\n").into_bytes();
    twice.extend(from_exchange(&world, "twice@t"));
    let twice = send("twice@t", true, twice);
    assert!(twice.contains("451"), "{twice}");
    assert_eq!(sink.messages().len(), 1, "only the proven one passed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_with_server_usage_only_is_tolerated() {
    let sink = Sink::start(Behaviour::default()).await;
    let authority = Authority::new(ExtendedKeyUsagePurpose::ServerAuth);
    let world = strict_world(&sink, &authority).await;
    let file = world.folder.path().join("mail.eml");
    std::fs::write(&file, from_exchange(&world, "serverauth@t")).unwrap();
    let mut swaks = program("swaks", "swaks libnet-ssleay-perl");
    swaks.args(["--server", &world.smtp.to_string(), "--tls", "--from", "a@acme-supplies.example"]);
    swaks.args(["--to", "accounts@contoso.example", "--data", &format!("@{}", file.display())]);
    swaks.args(["--tls-cert", &authority.file("client.pem"), "--tls-key", &authority.file("client.key")]);
    let done = finish(swaks);
    assert!(done.status.success(), "{}", text(&done));
    sink.wait_for(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn smtp_source_of_postfix_loses_nothing() {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()));
    let mut source = program("smtp-source", "postfix");
    source.args(["-m", "200", "-s", "10", "-l", "5000", "-f", "a@acme-supplies.example"]);
    source.args(["-t", "accounts@contoso.example", &world.smtp.to_string()]);
    let done = finish(source);
    assert!(done.status.success(), "{}", text(&done));
    assert_eq!(sink.wait_for(200).await.len(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn python_smtplib_hands_over_utf8_and_dsn_through_starttls() {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()));
    let script = format!(
        r#"
import smtplib, ssl
context = ssl._create_unverified_context()
with smtplib.SMTP("127.0.0.1", {port}) as server:
    server.starttls(context=context)
    server.ehlo()
    assert server.has_extn("chunking") and server.has_extn("smtputf8") and server.has_extn("dsn")
    message = "From: a@acme-supplies.example\r\nSubject: caf\u00e9\r\nMessage-ID: <py@t>\r\n\r\n.a line with a dot\r\n..\r\n".encode()
    server.sendmail("a@acme-supplies.example", ["accounts@contoso.example"], message,
                    mail_options=["BODY=8BITMIME", "RET=HDRS", "ENVID=QQ314159"], rcpt_options=["NOTIFY=SUCCESS,FAILURE"])
    try:
        server.sendmail("a@acme-supplies.example", ["nobody@elsewhere.example"], message)
        raise SystemExit("an unprotected recipient was accepted")
    except smtplib.SMTPRecipientsRefused as refused:
        code, text = refused.recipients["nobody@elsewhere.example"]
        assert code == 550 and text.startswith(b"5.7.1"), (code, text)
"#,
        port = world.smtp.port()
    );
    let mut python = program("python3", "python3");
    python.args(["-c", &script]);
    let done = finish(python);
    assert!(done.status.success(), "{}", text(&done));
    let received = sink.wait_for(1).await;
    assert!(received[0].octets.ends_with(b"\r\n\r\n.a line with a dot\r\n..\r\n"));
    assert!(
        received[0].mail.contains("RET=HDRS") && received[0].mail.contains("ENVID=QQ314159"),
        "{}",
        received[0].mail
    );
    assert!(received[0].recipients[0].contains("NOTIFY=SUCCESS,FAILURE"), "{:?}", received[0].recipients);
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_uploads_a_message() {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()));
    let file = world.folder.path().join("mail.eml");
    std::fs::write(&file, clean_invoice("curl@t")).unwrap();
    let mut curl = program("curl", "curl");
    curl.args(["-sS", "-k", "--ssl-reqd", "--url", &format!("smtp://{}/client.test", world.smtp)]);
    curl.args(["--mail-from", "accounts@acme-supplies.example", "--mail-rcpt", "accounts@contoso.example"]);
    curl.args(["--upload-file", file.to_str().unwrap()]);
    let done = finish(curl);
    assert!(done.status.success(), "{}", text(&done));
    let received = sink.wait_for(1).await;
    assert!(
        received[0].octets.ends_with(&clean_invoice("curl@t")),
        "the message is unchanged below our fields"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_sees_tls_1_2_and_1_3_with_forward_secrecy_only() {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()).arg("--smtps").arg("127.0.0.1:0"));
    let smtps = world.smtps.expect("implicit TLS listens");
    let try_with = |arguments: &[&str], starttls: bool| {
        let mut openssl = program("openssl", "openssl");
        let address = if starttls { world.smtp } else { smtps };
        openssl.args(["s_client", "-connect", &address.to_string()]);
        if starttls {
            openssl.args(["-starttls", "smtp"]);
        }
        openssl.args(arguments);
        text(&finish(openssl))
    };
    for starttls in [true, false] {
        let modern = try_with(&["-tls1_3"], starttls);
        assert!(modern.contains("TLSv1.3") && modern.contains("TLS_AES_256_GCM_SHA384"), "{modern}");
        let older = try_with(&["-tls1_2"], starttls);
        assert!(older.contains("TLSv1.2") && older.contains("ECDHE"), "{older}");
        for arguments in [
            &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"][..],
            &["-tls1_2", "-cipher", "AES256-GCM-SHA384:AES128-SHA"][..],
            &["-tls1_2", "-cipher", "ECDHE-RSA-AES256-SHA:ECDHE-ECDSA-AES256-SHA"][..],
        ] {
            let refused = try_with(arguments, starttls);
            assert!(
                refused.contains("Cipher is (NONE)") || refused.contains("alert"),
                "{arguments:?}: {refused}"
            );
        }
    }
}
