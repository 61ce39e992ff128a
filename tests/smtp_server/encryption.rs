//! STARTTLS, implicit TLS, client certificates, reload.

use super::certificates::{Authority, Leaf};
use super::world::{Client, World, client_builder, trusting};
use rcgen::ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};
use sentra::model::{Peer, PeerStanding};
use sentra::smtp::Options;
use std::sync::Arc;
use tokio::net::TcpStream;

const EXCHANGE: &str = "mail.protection.outlook.com";

async fn peer_seen(world: &World, config: ClientConfig) -> Peer {
    let mut client = world.encrypted(config).await.expect("a handshake");
    client.say("MAIL FROM:<a@s.example>\r\n", "250").await;
    world.opened().await
}

#[tokio::test]
async fn strangers_must_encrypt_before_mail() {
    let world = World::start(Options::default()).await;
    let mut client = world.greeted().await;
    client.say("MAIL FROM:<a@s.example>\r\n", "530 5.7.0").await;
    let peer = peer_seen(&world, world.client_config()).await;
    assert_eq!(peer.standing, PeerStanding::Unknown);
    let tls = peer.tls.expect("TLS");
    assert_eq!((tls.version, tls.cipher.starts_with("TLS_AES_")), ("TLSv1.3", true), "{}", tls.cipher);
    assert_eq!(tls.client_names, []);
}

#[tokio::test]
async fn client_certificates_prove_names_only_when_verified() {
    let world = World::start(Options::default()).await;
    let stranger = Authority::new("Some other CA");
    let ours = &world.authority;
    let certificate = PeerStanding::ExchangeByCertificate;
    let cases = [
        ("client purpose", ours.leaf(EXCHANGE, ClientAuth), 1, certificate),
        ("server purpose only", ours.leaf(EXCHANGE, ServerAuth), 1, certificate),
        ("other name", ours.leaf("mail.evil.example", ClientAuth), 1, PeerStanding::Unknown),
        ("wildcard", ours.leaf("*.protection.outlook.com", ClientAuth), 0, PeerStanding::Unknown),
        ("expired", ours.expired_leaf(EXCHANGE), 0, PeerStanding::Unknown),
        ("other authority", stranger.leaf(EXCHANGE, ClientAuth), 0, PeerStanding::Unknown),
        ("self-signed", Leaf::self_signed(EXCHANGE), 0, PeerStanding::Unknown),
    ];
    for (name, leaf, names, standing) in &cases {
        for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
            let config = client_builder(ours, &[version])
                .with_client_auth_cert(vec![leaf.certificate.clone()], leaf.private_key())
                .unwrap();
            let peer = peer_seen(&world, config).await;
            assert_eq!(peer.tls.unwrap().client_names.len(), *names, "{name}");
            assert_eq!(peer.standing, *standing, "{name}");
        }
    }
}

/// Shows a certificate without holding its key.
#[derive(Debug)]
struct Impostor(Arc<CertifiedKey>);

impl ResolvesClientCert for Impostor {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
    fn has_certs(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn a_certificate_without_its_key_fails_the_handshake() {
    let world = World::start(Options::default()).await;
    let stolen = world.authority.leaf(EXCHANGE, ClientAuth);
    let own = Leaf::self_signed(EXCHANGE);
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&own.private_key()).unwrap();
    let shown = Arc::new(CertifiedKey::new(vec![stolen.certificate.clone()], key));
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = client_builder(&world.authority, &[version])
            .with_client_cert_resolver(Arc::new(Impostor(Arc::clone(&shown))));
        assert!(world.encrypted(config).await.is_err());
    }
}

#[tokio::test]
async fn exchange_ranges_count_only_inside_tls() {
    let options = Options { exchange_ranges: vec!["127.0.0.0/8".parse().unwrap()], ..Options::default() };
    let world = World::start(options).await;
    let mut client = world.greeted().await;
    client.say("MAIL FROM:<a@s.example>\r\n", "530 5.7.0").await;
    assert_eq!(peer_seen(&world, world.client_config()).await.standing, PeerStanding::ExchangeByRange);
}

#[tokio::test]
async fn nothing_crosses_the_upgrade() {
    let world = World::start(trusting()).await;
    let mut client = world.greeted().await;
    client.envelope("x").await;
    // Injected by somebody on the way, in the same segment as STARTTLS.
    client.send(b"STARTTLS\r\nRSET\r\nMAIL FROM:<evil@x.example>\r\nNOOP\r\n").await;
    client.expect("220 2.0.0").await;
    let mut client = client.start_tls(world.client_config()).await.unwrap();
    client.say("DATA\r\n", "503 5.5.1").await;
    client.say("MAIL FROM:<a@s.example>\r\n", "503 5.5.1 Send EHLO").await;
    let offer = client.say("EHLO c.example\r\n", "250-").await;
    assert!(!offer.contains("STARTTLS"));
    client.say("STARTTLS\r\n", "503 5.5.1").await;
    client.envelope("x").await;
    client.say("DATA\r\n", "354").await;
    client.send(b"through TLS\r\n.\r\nQUIT\r\n").await;
    client.expect("250 2.6.0").await;
    client.expect("221").await;
    client.expect_end().await;
    assert_eq!(world.finished().await.0, "through TLS\r\n");
}

#[tokio::test]
async fn implicit_tls_greets_inside() {
    let world = World::start(Options::default()).await;
    let leaf = world.authority.leaf(EXCHANGE, ClientAuth);
    let client = Client::new(TcpStream::connect(world.smtps).await.unwrap());
    let mut client = client.start_tls(world.client_config_with(&leaf)).await.unwrap();
    client.expect("220 mx.example").await;
    client.say("EHLO c.example\r\n", "250").await;
    client.envelope("x").await;
    assert_eq!(world.opened().await.standing, PeerStanding::ExchangeByCertificate);
}

#[tokio::test]
async fn plain_text_on_the_tls_port_and_rubbish_after_starttls_end_the_session() {
    let world = World::start(Options::default()).await;
    let mut client = Client::new(TcpStream::connect(world.smtps).await.unwrap());
    client.send(b"EHLO c.example\r\n").await;
    assert_eq!(client.try_reply().await, None);
    let mut client = world.greeted().await;
    client.say("STARTTLS\r\n", "220").await;
    client.send(b"EHLO c.example\r\n").await;
    assert_eq!(client.try_reply().await, None);
    // Others are not troubled.
    peer_seen(&world, world.client_config()).await;
}

#[tokio::test]
async fn certificates_are_reloaded_and_bad_ones_refused() {
    let world = World::start(Options::default()).await;
    let new_authority = Authority::new("New CA");
    let new_config = || client_builder(&new_authority, rustls::ALL_VERSIONS).with_no_client_auth();
    assert!(world.encrypted(new_config()).await.is_err(), "not yet");
    new_authority.leaf("mx.example", ServerAuth).write(&world.certificate, &world.key);
    world.tls.reload().unwrap();
    assert!(world.encrypted(new_config()).await.is_ok());
    assert!(world.encrypted(world.client_config()).await.is_err(), "no longer");

    std::fs::write(&world.certificate, "no PEM").unwrap();
    let error = world.tls.reload().unwrap_err().to_string();
    assert!(error.contains("server.pem"), "{error}");
    let other = new_authority.leaf("mx.example", ServerAuth);
    other.write(&world.certificate, &world.certificate.with_extension("unused"));
    assert!(world.tls.reload().is_err(), "certificate and key do not fit");
    assert!(world.encrypted(new_config()).await.is_ok(), "what was in use stays in use");
}
