//! Commands and replies, row by row.

use super::script::Event;
use super::world::{World, trusting};
use sentra::model::{BodyType, DsnReturn, PeerStanding};
use sentra::smtp::{BindError, Options, Server};
use std::sync::Arc;

/// `(what we send, how the reply begins)`; an empty reply: say nothing yet.
type Dialog = &'static [(&'static str, &'static str)];

const HELLO: (&str, &str) = ("EHLO c.example\r\n", "250-mx.example");
const MAIL: (&str, &str) = ("MAIL FROM:<a@s.example>\r\n", "250 2.1.0");
const RCPT: (&str, &str) = ("RCPT TO:<x@acme.example>\r\n", "250 2.1.5");

#[tokio::test]
async fn replies_follow_the_rfc() {
    let dialogs: &[(&str, Dialog)] = &[
        ("HELO", &[("HELO c\r\n", "250 mx.example\r\n"), MAIL, RCPT]),
        ("order", &[("MAIL FROM:<>\r\n", "503 5.5.1"), HELLO, ("RCPT TO:<x@y.example>\r\n", "503 5.5.1")]),
        ("DATA too early", &[HELLO, ("DATA\r\n", "503 5.5.1"), MAIL, ("DATA\r\n", "503 5.5.1")]),
        ("nested MAIL", &[HELLO, MAIL, ("MAIL FROM:<>\r\n", "503 5.5.1"), RCPT]),
        ("EHLO resets", &[HELLO, MAIL, HELLO, ("RCPT TO:<x@y.example>\r\n", "503 5.5.1")]),
        ("RSET resets", &[HELLO, MAIL, RCPT, ("RSET\r\n", "250 2.0.0"), ("DATA\r\n", "503 5.5.1"), MAIL]),
        ("null reverse-path", &[HELLO, ("MAIL FROM:<>\r\n", "250 2.1.0"), RCPT]),
        ("address literals", &[HELLO, MAIL, ("RCPT TO:<x@[192.0.2.1]>\r\n", "250 2.1.5")]),
        ("postmaster", &[HELLO, MAIL, ("RCPT TO:<postmaster>\r\n", "250 2.1.5")]),
        (
            "refused by the next hop",
            &[
                HELLO,
                MAIL,
                ("RCPT TO:<refused@y.example>\r\n", "550 5.1.10 no such mailbox\r\n"),
                ("DATA\r\n", "554 5.5.1"),
                RCPT,
                ("DATA\r\n", "354 "),
                (".\r\n", "250 2.6.0"),
            ],
        ),
        ("another organisation", &[HELLO, MAIL, ("RCPT TO:<other@y.example>\r\n", "452 4.5.3"), RCPT]),
        (
            "held",
            &[
                HELLO,
                MAIL,
                ("RCPT TO:<held@y.example>\r\n", "250"),
                ("DATA\r\n", "354"),
                ("x\r\n.\r\n", "250 2.6.0 Message accepted"),
            ],
        ),
        (
            "refused content",
            &[
                HELLO,
                MAIL,
                ("RCPT TO:<bounced@y.example>\r\n", "250"),
                ("DATA\r\n", "354"),
                ("x\r\n.\r\n", "554 5.6.0 content refused\r\n"),
                MAIL,
            ],
        ),
        (
            "panic in RCPT",
            &[HELLO, MAIL, ("RCPT TO:<panic-rcpt@y.example>\r\n", "451 4.3.0"), ("DATA\r\n", "503"), MAIL],
        ),
        ("panic in MAIL", &[HELLO, ("MAIL FROM:<panic-open@y.example>\r\n", "451 4.3.0"), MAIL]),
        (
            "panic after data",
            &[
                HELLO,
                MAIL,
                ("RCPT TO:<panic@y.example>\r\n", "250"),
                ("DATA\r\n", "354"),
                ("x\r\n.\r\n", "451 4.3.0"),
                MAIL,
                RCPT,
                ("DATA\r\n", "354"),
                ("x\r\n.\r\n", "250 2.6.0"),
            ],
        ),
        (
            "what we don't do",
            &[
                HELLO,
                ("AUTH PLAIN AAAA\r\n", "502 5.5.1"),
                ("ETRN x\r\n", "502 5.5.1"),
                ("EXPN l\r\n", "502 5.5.1"),
                ("VRFY a\r\n", "252 2.5.0"),
                ("HELP\r\n", "214 2.0.0"),
                ("NOOP x\r\n", "250 2.0.0"),
                ("FOO\r\n", "500 5.5.1"),
            ],
        ),
        (
            "parameters",
            &[
                HELLO,
                ("MAIL FROM:<a@s.example> XOORG=x\r\n", "555 5.5.4"),
                ("MAIL FROM:<a@s.example> BODY=BINARYMIME\r\n", "555 5.5.4"),
                ("MAIL FROM:<a@s.example> SIZE=157286401\r\n", "552 5.3.4"),
                ("MAIL FROM:<a@s.example> SIZE=157286400\r\n", "250 2.1.0"),
                ("RCPT TO:<x@y.example> FOO\r\n", "555 5.5.4"),
            ],
        ),
        (
            "SMTPUTF8",
            &[
                HELLO,
                MAIL,
                ("RCPT TO:<ü@y.example>\r\n", "553 5.6.7"),
                ("RSET\r\n", "250"),
                ("MAIL FROM:<ü@s.example> SMTPUTF8\r\n", "250"),
                ("RCPT TO:<ü@y.example>\r\n", "250 2.1.5"),
            ],
        ),
        ("bare LF ends no command", &[("NOOP\n", "500 5.5.2"), ("NOOP\r\n", "250")]),
        ("QUIT", &[("QUIT\r\n", "221 2.0.0")]),
    ];
    let world = World::trusted().await;
    for (name, dialog) in dialogs {
        let mut client = world.connect().await;
        for (sent, expected) in *dialog {
            client.send(sent.as_bytes()).await;
            let reply = client.reply().await;
            assert!(reply.starts_with(expected), "{name}: {sent:?} gave {reply:?}, not {expected:?}");
        }
    }
}

#[tokio::test]
async fn ehlo_offers_what_we_keep() {
    let world = World::trusted().await;
    let mut client = world.connect().await;
    let offer = client.say("EHLO c.example\r\n", "250-").await;
    let words: Vec<&str> = offer.lines().skip(1).map(|line| &line[4..]).collect();
    assert_eq!(
        words,
        [
            "PIPELINING",
            "SIZE 157286400",
            "8BITMIME",
            "SMTPUTF8",
            "CHUNKING",
            "DSN",
            "ENHANCEDSTATUSCODES",
            "STARTTLS"
        ]
    );
}

#[tokio::test]
async fn the_handler_sees_the_envelope_as_it_was_given() {
    let world = World::trusted().await;
    let mut client = world.greeted().await;
    client.say("MAIL FROM:<a@s.example> SIZE=5 BODY=8BITMIME SMTPUTF8 RET=FULL ENVID=x+2By\r\n", "250").await;
    client.say("RCPT TO:<\"a b\"@acme.example> NOTIFY=FAILURE ORCPT=rfc822;o+40x\r\n", "250").await;
    let Event::Opened(peer, reverse_path, parameters) = world.event().await else { panic!("no MAIL") };
    assert_eq!(peer.helo, "client.example");
    assert_eq!((peer.esmtp, peer.tls, peer.standing), (true, None, PeerStanding::Trusted));
    assert_eq!(reverse_path.to_string(), "a@s.example");
    assert_eq!((parameters.size, parameters.smtputf8), (Some(5), true));
    assert_eq!((parameters.body, parameters.ret), (Some(BodyType::EightBitMime), Some(DsnReturn::Full)));
    assert_eq!(parameters.envid.as_deref(), Some("x+2By"));
    let Event::Offered(recipient) = world.event().await else { panic!("no RCPT") };
    assert_eq!(recipient.address.to_string(), "\"a b\"@acme.example");
    assert_eq!(recipient.orcpt.as_deref(), Some("rfc822;o+40x"));
    assert!(recipient.notify.unwrap().failure);
    client.say("QUIT\r\n", "221").await;
    assert_eq!(world.event().await, Event::Aborted);
}

#[tokio::test]
async fn pipelined_commands_are_answered_in_order() {
    let world = World::trusted().await;
    let mut client = world.connect().await;
    client
        .send(
            b"EHLO c\r\nMAIL FROM:<a@s.example>\r\nRCPT TO:<refused@y.example>\r\nRCPT TO:<x@y.example>\r\nDATA\r\n",
        )
        .await;
    for expected in ["250-", "250 2.1.0", "550 5.1.10", "250 2.1.5", "354"] {
        client.expect(expected).await;
    }
    client.send(b"hi\r\n.\r\nMAIL FROM:<>\r\nNOOP\r\nQUIT\r\n").await;
    for expected in ["250 2.6.0", "250 2.1.0", "250 2.0.0", "221"] {
        client.expect(expected).await;
    }
    client.expect_end().await;
    assert_eq!(world.finished().await, ("hi\r\n".into(), false));
}

#[tokio::test]
async fn commands_may_arrive_octet_by_octet() {
    let world = World::trusted().await;
    let mut client = world.connect().await;
    for octet in b"EHLO c\r\nNOOP\r\n" {
        client.send(&[*octet]).await;
    }
    client.expect("250-").await;
    client.expect("250 2.0.0").await;
}

#[tokio::test]
async fn unusable_options_are_refused_with_the_reason() {
    let world = World::trusted().await;
    let handler = || Arc::new(Nobody);
    let wide = Options { trust: vec!["10.0.0.0/8".parse().unwrap()], ..Options::default() };
    let error = Server::bind(wide, world.tls.clone(), handler()).await.unwrap_err();
    assert!(matches!(error, BindError::TrustTooWide(_)) && error.to_string().contains("10.0.0.0/8"));
    let taken = Options { smtp: vec![world.smtp], ..trusting() };
    let error = Server::bind(taken, world.tls.clone(), handler()).await.unwrap_err();
    assert!(error.to_string().contains(&world.smtp.to_string()), "{error}");
    let tight = Options { bytes_in_flight: 1, ..trusting() };
    let error = Server::bind(tight, world.tls.clone(), handler()).await.unwrap_err();
    assert!(matches!(error, BindError::NoRoomForOneMessage { .. }));
    let name = Options { hostname: "a b".to_owned(), ..trusting() };
    let error = Server::bind(name, world.tls.clone(), handler()).await.unwrap_err();
    assert!(matches!(error, BindError::Hostname(_)));
}

/// A handler that is never asked.
struct Nobody;

#[async_trait::async_trait]
impl sentra::ports::MailHandler for Nobody {
    async fn open(
        &self,
        _: &sentra::model::Peer,
        _: sentra::model::ReversePath,
        _: sentra::model::MailParameters,
    ) -> Result<Box<dyn sentra::ports::MailTransaction>, sentra::model::RefusalReason> {
        Err(sentra::model::RefusalReason::LocalTrouble)
    }
}
