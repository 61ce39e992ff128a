//! Message content by DATA and BDAT.

use super::script::Event;
use super::world::{World, trusting};
use sentra::smtp::Options;

#[tokio::test]
async fn data_content_arrives_without_its_framing() {
    let cases: &[(&[u8], &[u8])] = &[
        (b".\r\n", b""),
        (b"a\r\n.\r\n", b"a\r\n"),
        (b"..\r\n..b\r\n.\r\n", b".\r\n.b\r\n"),
        (b"\0\xff\r\n.\r\n", b"\0\xff\r\n"),
    ];
    let world = World::trusted().await;
    let mut client = world.greeted().await;
    for (wire, content) in cases {
        client.envelope("x").await;
        client.say("DATA\r\n", "354").await;
        client.send(wire).await;
        client.expect("250 2.6.0").await;
        assert_eq!(world.finished().await, (bytes::Bytes::from_static(content), false));
    }
}

#[tokio::test]
async fn smuggling_sequences_split_no_message() {
    let world = World::trusted().await;
    for sequence in ["\n.\n", "\r.\r", "\r\n.\n", "\n.\r\n", "\r\n.\r", "\r.\r\n", "\r\n.\r\r\n"] {
        let mut client = world.greeted().await;
        client.envelope("x").await;
        client.say("DATA\r\n", "354").await;
        let wire = format!("a{sequence}MAIL FROM:<evil@x.example>\r\nRCPT TO:<x@y.example>\r\n.\r\nNOOP\r\n");
        client.send(wire.as_bytes()).await;
        client.expect("550 5.6.11").await;
        client.expect("250 2.0.0 OK").await;
        client.say("QUIT\r\n", "221").await;
        client.expect_end().await;
        assert_eq!(
            world.event_that(|event| !matches!(event, Event::Offered(_) | Event::Opened(..))).await,
            Event::Aborted
        );
    }
}

#[tokio::test]
async fn over_size_is_read_to_the_end_and_then_refused() {
    let world = World::start(Options { max_message_size: 100_000, ..trusting() }).await;
    let mut client = world.greeted().await;
    client.envelope("x").await;
    client.say("DATA\r\n", "354").await;
    client.send(&b"0123456789abcdef0123456789abcd\r\n".repeat(4_000)).await;
    client.send(b".\r\nNOOP\r\n").await;
    client.expect("552 5.3.4").await;
    client.expect("250 2.0.0").await;
    client.envelope("x").await;
    client.say("DATA\r\n", "354").await;
    client.send(&b"0123456789abcdef0123456789abcd\r\n".repeat(3_125)).await;
    client.send(b".\r\n").await;
    client.expect("250 2.6.0").await;
    assert_eq!(world.finished().await.0.len(), 100_000);
}

#[tokio::test]
async fn endless_content_ends_the_session() {
    let world = World::start(Options { max_message_size: 100_000, ..trusting() }).await;
    let mut client = world.greeted().await;
    client.envelope("x").await;
    client.say("DATA\r\n", "354").await;
    client.send_anyway(&b"0123456789abcdef0123456789abcd\r\n".repeat(10_000)).await;
    client.expect("421 4.7.0").await;
    let mut client = world.greeted().await;
    client.envelope("x").await;
    client.say("BDAT 999999999\r\n", "421 4.7.0").await;
    client.expect_end().await;
}

#[tokio::test]
async fn chunks_are_verbatim_and_answered_once() {
    let world = World::trusted().await;
    let mut client = world.greeted().await;
    client.envelope("x").await;
    client.send(b"BDAT 5\r\n.\r\na\nBDAT 0\r\nBDAT 7 LAST\r\n\r\n.\r\nb\rNOOP\r\n").await;
    for expected in ["250 2.0.0 5 octets", "250 2.0.0 0 octets", "250 2.6.0", "250 2.0.0 OK"] {
        client.expect(expected).await;
    }
    assert_eq!(
        world.finished().await,
        (
            "\
.\r\na\n\r\n.\r\nb\r"
                .into(),
            true
        )
    );
    client.envelope("x").await;
    client.send(b"BDAT 3\r\na\r\nBDAT 0 LAST\r\n").await;
    client.expect("250 2.0.0 3 octets").await;
    client.expect("250 2.6.0").await;
    assert_eq!(world.finished().await, ("a\r\n".into(), false));
    // CR and LF in different chunks are one line end.
    client.envelope("x").await;
    client.send(b"BDAT 2\r\na\rBDAT 1 LAST\r\n\n").await;
    client.expect("250").await;
    client.expect("250 2.6.0").await;
    assert_eq!(world.finished().await, ("a\r\n".into(), false));
}

#[tokio::test]
async fn refused_chunks_are_consumed_not_obeyed() {
    let world = World::trusted().await;
    let mut client = world.greeted().await;
    client.send(b"BDAT 6\r\nQUIT\r\nNOOP\r\n").await;
    client.expect("503 5.5.1").await;
    client.expect("250 2.0.0 OK").await;
    client.say("MAIL FROM:<a@s.example>\r\n", "250").await;
    client.send(b"BDAT 6 LAST\r\nQUIT\r\n").await;
    client.expect("503 5.5.1").await;
    client.say("RCPT TO:<refused@y.example>\r\n", "550").await;
    client.send(b"BDAT 6 LAST\r\nQUIT\r\nRSET\r\n").await;
    client.expect("554 5.5.1").await;
    client.expect("250 2.0.0").await;
}

#[tokio::test]
async fn chunks_keep_their_order_in_the_transaction() {
    let world = World::trusted().await;
    let mut client = world.greeted().await;
    client.envelope("x").await;
    client.say("BDAT 1\r\na", "250").await;
    client.say("DATA\r\n", "503 5.5.1").await;
    client.say("RCPT TO:<y@y.example>\r\n", "503 5.5.1").await;
    client.say("MAIL FROM:<>\r\n", "503 5.5.1").await;
    client.say("RSET\r\n", "250").await;
    client.send(b"BDAT 4 LAST\r\nQUITNOOP\r\n").await;
    client.expect("503 5.5.1").await;
    client.expect("250 2.0.0 OK").await;
}

#[tokio::test]
async fn over_size_chunks_are_refused_and_the_rest_skipped() {
    let world = World::start(Options { max_message_size: 10, ..trusting() }).await;
    let mut client = world.greeted().await;
    client.envelope("x").await;
    client.send(b"BDAT 6\r\n123456BDAT 6\r\n123456BDAT 6 LAST\r\n123456NOOP\r\n").await;
    for expected in ["250 2.0.0 6", "552 5.3.4", "503 5.5.1", "250 2.0.0 OK"] {
        client.expect(expected).await;
    }
}

#[tokio::test]
async fn an_unreadable_chunk_size_ends_the_session() {
    let world = World::trusted().await;
    let mut client = world.greeted().await;
    client.envelope("x").await;
    client.send(b"BDAT 18446744073709551620 LAST\r\nQUIT\r\n").await;
    client.expect("501 5.5.4").await;
    client.expect_end().await;
}

#[tokio::test]
async fn large_messages_arrive_whole() {
    let world = World::trusted().await;
    let mut client = world.greeted().await;
    let line = b".line of a large message with a dot at its start\r\n";
    let content = line.repeat(100_000);
    let mut stuffed: Vec<u8> =
        content.split_inclusive(|octet| *octet == b'\n').flat_map(|l| [b".", l].concat()).collect();
    stuffed.extend_from_slice(b".\r\n");
    client.envelope("x").await;
    client.say("DATA\r\n", "354").await;
    client.send(&stuffed).await;
    client.expect("250 2.6.0").await;
    assert!(world.finished().await.0 == content);
    client.envelope("x").await;
    client.send(format!("BDAT {} LAST\r\n", content.len()).as_bytes()).await;
    client.send(&content).await;
    client.expect("250 2.6.0").await;
    assert!(world.finished().await.0 == content);
}
