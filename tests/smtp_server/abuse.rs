//! Limits, slow and hostile peers, shutdown.

use super::script::Event;
use super::world::{World, trusting};
use sentra::smtp::Options;
use std::time::Duration;

#[tokio::test]
async fn long_lines_are_skipped_and_endless_ones_end_the_session() {
    let world = World::trusted().await;
    let mut client = world.greeted().await;
    let long = "x".repeat(10_000);
    client.say(&format!("NOOP {long}\r\n"), "500 5.5.6").await;
    client.say("NOOP\r\n", "250").await;
    client.send_anyway(&vec![b'x'; 200_000]).await;
    client.expect("421 4.7.0").await;
    client.expect_end().await;
}

#[tokio::test]
async fn sessions_are_limited_per_peer_and_in_all() {
    let options = Options { max_sessions: 3, max_sessions_per_peer: 2, ..Options::default() };
    let world = World::start(options).await;
    let (mut one, _two) = (world.connect().await, world.connect().await);
    let mut refused = world.knock().await;
    refused.expect("421 4.7.0").await;
    refused.expect_end().await;
    // A place is given back.
    one.say("QUIT\r\n", "221").await;
    one.expect_end().await;
    drop(one);
    loop {
        // The server notices our close a moment after we do it.
        if world.knock().await.try_reply().await.is_some_and(|reply| reply.starts_with("220")) {
            break;
        }
    }
    let trusted = World::start(Options { max_sessions: 3, max_sessions_per_peer: 1, ..trusting() }).await;
    let _held = (trusted.connect().await, trusted.connect().await, trusted.connect().await);
    trusted.knock().await.expect("421 4.7.0").await;
}

#[tokio::test]
async fn errors_commands_and_transactions_run_out() {
    let options = Options { max_errors: 3, max_commands: 12, max_transactions: 2, ..trusting() };
    let world = World::start(options).await;
    let mut client = world.connect().await;
    for _ in 0..3 {
        client.say("FOO\r\n", "500").await;
    }
    client.send(b"FOO\r\n").await;
    client.expect("500").await;
    client.expect("421 4.7.0").await;
    client.expect_end().await;

    let mut client = world.connect().await;
    for _ in 0..12 {
        client.say("NOOP\r\n", "250").await;
    }
    client.say("NOOP\r\n", "421 4.7.0").await;

    let mut client = world.greeted().await;
    for _ in 0..2 {
        client.say("MAIL FROM:<>\r\n", "250").await;
        client.say("RSET\r\n", "250").await;
    }
    client.say("MAIL FROM:<>\r\n", "421 4.7.0").await;
}

#[tokio::test]
async fn strangers_who_try_addresses_run_out_of_errors() {
    let world = World::start(Options { max_errors: 2, ..Options::default() }).await;
    let mut client = world.encrypted(world.client_config()).await.unwrap();
    client.say("MAIL FROM:<>\r\n", "250").await;
    for _ in 0..5 {
        client.say("RCPT TO:<refused@y.example>\r\n", "550 5.1.10").await;
    }
    // A refusal that the organisation may repair counts as well: probing its addresses is no better.
    client.say("RCPT TO:<unproven@y.example>\r\n", "451 4.7.1").await;
    client.say("RCPT TO:<stranger@y.example>\r\n", "550 5.7.1").await;
    client.send(b"RCPT TO:<stranger@y.example>\r\n").await;
    client.expect("550 5.7.1").await;
    client.expect("421 4.7.0").await;
}

#[tokio::test]
async fn recipients_are_limited() {
    let world = World::start(Options { max_recipients: 2, ..trusting() }).await;
    let mut client = world.greeted().await;
    client.envelope("x").await;
    client.say("RCPT TO:<y@y.example>\r\n", "250").await;
    client.say("RCPT TO:<z@y.example>\r\n", "452 4.5.3").await;
    client.say("DATA\r\n", "354").await;
}

#[tokio::test]
async fn memory_for_messages_is_limited_and_returned_after_the_verdict() {
    let options = Options { max_message_size: 65_536, bytes_in_flight: 65_536, ..trusting() };
    let world = World::start(options).await;
    let mut first = world.greeted().await;
    first.envelope("slow").await;
    first.say("DATA\r\n", "354").await;
    first.send(b"x\r\n.\r\n").await;
    world.event_that(|event| *event == Event::Finishing).await;

    let mut second = world.greeted().await;
    second.say("MAIL FROM:<a@s.example> SIZE=60000\r\n", "452 4.3.1").await;
    second.envelope("x").await;
    second.say("DATA\r\n", "451 4.3.1").await;
    second.envelope("x").await;
    second.say("BDAT 3 LAST\r\na\r\n", "452 4.3.1").await;

    world.permits.add_permits(1);
    first.expect("250 2.6.0").await;
    second.envelope("x").await;
    second.say("DATA\r\n", "354").await;
    second.say("x\r\n.\r\n", "250 2.6.0").await;
}

#[tokio::test]
async fn content_that_outgrows_the_memory_is_read_to_the_end_and_deferred() {
    let options = Options { max_message_size: 196_608, bytes_in_flight: 196_608, ..trusting() };
    let world = World::start(options).await;
    let large = b"0123456789abcdef0123456789abcd\r\n".repeat(5_000);
    let mut alone = world.greeted().await;
    alone.envelope("x").await;
    alone.say("DATA\r\n", "354").await;
    alone.send(&[large.as_slice(), b".\r\n"].concat()).await;
    alone.expect("250 2.6.0").await;

    let mut slow = world.greeted().await;
    slow.envelope("slow").await;
    slow.say("DATA\r\n", "354").await;
    slow.send(b"x\r\n.\r\n").await;
    world.event_that(|event| *event == Event::Finishing).await;
    let mut squeezed = world.greeted().await;
    squeezed.envelope("x").await;
    squeezed.say("DATA\r\n", "354").await;
    squeezed.send(&[large.as_slice(), b".\r\nNOOP\r\n"].concat()).await;
    squeezed.expect("452 4.3.1").await;
    squeezed.expect("250 2.0.0 OK").await;
    world.permits.add_permits(1);
    slow.expect("250 2.6.0").await;
}

#[tokio::test]
async fn silent_peers_are_let_go() {
    let short = Duration::from_millis(50);
    let world = World::start(Options { command_timeout: short, ..trusting() }).await;
    let mut client = world.connect().await;
    client.expect("421 4.4.2").await;
    client.expect_end().await;

    let world = World::start(Options { data_timeout: short, ..trusting() }).await;
    let mut client = world.greeted().await;
    client.envelope("x").await;
    client.say("DATA\r\n", "354").await;
    client.send(b"begun").await;
    client.expect("421 4.4.2").await;
    world.event_that(|event| *event == Event::Aborted).await;

    let world = World::start(Options { message_timeout: short, ..trusting() }).await;
    let mut client = world.greeted().await;
    client.envelope("x").await;
    client.say("BDAT 1\r\na", "250").await;
    client.expect("421 4.4.2").await;
    world.event_that(|event| *event == Event::Aborted).await;

    let world = World::start(Options { session_lifetime: short, ..trusting() }).await;
    world.connect().await.expect("421 4.4.2").await;

    let world = World::start(Options { handshake_timeout: short, ..trusting() }).await;
    let mut client = world.greeted().await;
    client.say("STARTTLS\r\n", "220").await;
    client.expect_end().await;
}

#[tokio::test]
async fn peers_that_leave_abort_what_is_not_whole_and_nothing_else() {
    let world = World::trusted().await;
    let mut client = world.greeted().await;
    client.envelope("x").await;
    client.say("DATA\r\n", "354").await;
    client.send(b"half a mess").await;
    drop(client);
    world.event_that(|event| *event == Event::Aborted).await;

    let mut client = world.greeted().await;
    client.envelope("slow").await;
    client.say("DATA\r\n", "354").await;
    client.send(b"whole\r\n.\r\n").await;
    world.event_that(|event| *event == Event::Finishing).await;
    drop(client);
    world.permits.add_permits(1);
    assert_eq!(world.event().await, Event::Finished("whole\r\n".into(), false));
}

#[tokio::test]
async fn shutdown_drains() {
    let world = World::trusted().await;
    let mut idle = world.greeted().await;
    let mut sending = world.greeted().await;
    sending.envelope("x").await;
    sending.say("DATA\r\n", "354").await;
    sending.send(b"first half, ").await;
    let mut judged = world.greeted().await;
    judged.envelope("slow").await;
    judged.say("DATA\r\n", "354").await;
    judged.send(b"x\r\n.\r\n").await;
    world.event_that(|event| *event == Event::Finishing).await;

    world.shutdown.cancel();
    idle.expect("421 4.3.2").await;
    idle.expect_end().await;
    // The listener closes.
    while tokio::net::TcpStream::connect(world.smtp).await.is_ok() {}
    sending.send(b"second half\r\n.\r\n").await;
    sending.expect("250 2.6.0").await;
    sending.expect("421 4.3.2").await;
    assert_eq!(world.finished().await.0, "first half, second half\r\n");
    world.permits.add_permits(1);
    judged.expect("250 2.6.0").await;
    judged.expect("421 4.3.2").await;
    drop((idle, sending, judged));
    world.running.await.unwrap();
}

#[tokio::test]
async fn shutdown_does_not_wait_for_endless_content() {
    let world = World::start(Options { drain: Duration::from_millis(100), ..trusting() }).await;
    let mut sending = world.greeted().await;
    sending.envelope("x").await;
    sending.say("DATA\r\n", "354").await;
    sending.send(b"never ending").await;
    world.shutdown.cancel();
    sending.expect("421 4.3.2").await;
    world.event_that(|event| *event == Event::Aborted).await;
    drop(sending);
    world.running.await.unwrap();
}
