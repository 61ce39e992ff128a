//! What goes on the wire for each decision.

use super::*;
use crate::model::QuarantineId;
use ulid::Ulid;

const ID: MailId = MailId(Ulid(7));

fn text(reply: &Reply) -> String {
    let mut out = BytesMut::new();
    reply.write_to(&mut out);
    String::from_utf8(out.to_vec()).unwrap()
}

fn hop(code: u16, enhanced: Option<Enhanced>, lines: &[&str]) -> NextHopReply {
    NextHopReply { code, enhanced, lines: lines.iter().map(|line| (*line).to_owned()).collect() }
}

#[test]
fn every_line_of_a_multi_line_reply_carries_both_codes() {
    let reply = Reply::mirrored(&hop(550, Some((5, 1, 10)), &["first", "second"]), ID);
    assert_eq!(text(&reply), "550-5.1.10 first\r\n550 5.1.10 second\r\n");
    assert_eq!(text(&Reply::send_data()), "354 Start mail input; end with <CRLF>.<CRLF>\r\n");
}

#[test]
fn next_hop_answers_are_mirrored_but_never_trusted() {
    let cases = [
        ("plain", hop(550, Some((5, 1, 1)), &["no such user"]), "550 5.1.1 no such user\r\n"),
        ("no enhanced code", hop(452, None, &["full"]), "452 4.0.0 full\r\n"),
        ("class does not fit", hop(550, Some((4, 1, 1)), &["x"]), "550 5.0.0 x\r\n"),
        ("421 would close us", hop(421, Some((4, 3, 2)), &["bye"]), "451 4.3.2 bye\r\n"),
        ("no text", hop(554, None, &[]), "554 5.0.0 Refused by the next hop\r\n"),
        ("line break", hop(554, None, &["a\r\n250 ok"]), "554 5.0.0 a??250 ok\r\n"),
    ];
    for (name, reply, expected) in cases {
        let outcome = RecipientOutcome::RefusedByNextHop(reply);
        assert_eq!(text(&Reply::for_recipient(&outcome, ID)), expected, "{name}");
    }
}

#[test]
fn what_nobody_accepted_is_never_positive() {
    for code in [0, 100, 250, 299, 354, 421, 450, 550, 600, u16::MAX] {
        let refused = Disposition::RefusedByNextHop(hop(code, None, &["x"]));
        assert!(Reply::for_disposition(&refused, ID).code() >= 400, "refused {code}");
        let relayed = Disposition::Relayed(hop(code, None, &["x"]));
        let positive = Reply::for_disposition(&relayed, ID).code() < 400;
        assert_eq!(positive, (200..300).contains(&code), "relayed {code}");
    }
}

#[test]
fn held_and_relayed_answer_alike() {
    let held = Reply::for_disposition(&Disposition::Held(QuarantineId(Ulid(9))), ID);
    let relayed = Reply::for_disposition(&Disposition::Relayed(hop(250, None, &["queued"])), ID);
    assert_eq!(held, relayed);
}

#[test]
fn mirrored_text_is_bounded() {
    let long = "x".repeat(10_000);
    let lines: Vec<&str> = std::iter::repeat_n(long.as_str(), 100).collect();
    let reply = Reply::mirrored(&hop(550, None, &lines), ID);
    assert!(text(&reply).len() < 2 * limits::MAX_REPLY_OCTETS);
    assert!(text(&reply).lines().all(|line| line.len() <= 510));
}

#[test]
fn refusals_carry_a_matching_class() {
    use RefusalReason as R;
    for reason in [
        R::NotProtected,
        R::OwnDomainNotProtected,
        R::ProofFailed,
        R::UnknownPeer,
        R::OtherOrganisation,
        R::TooManyRecipients,
        R::Loop,
        R::BareNewline,
        R::BareNewlineUndeliverable,
        R::Utf8Undeliverable,
        R::EightBitUndeliverable,
        R::NextHopUnavailable,
        R::LocalTrouble,
        R::Overloaded,
        R::ShuttingDown,
        R::TooManyUnproven,
    ] {
        let reply = Reply::for_refusal(reason, Some(ID));
        assert_eq!(u16::from(reply.enhanced.unwrap().0), reply.code / 100, "{reason:?}");
        assert!(text(&reply).contains(&ID.to_string()));
    }
}
