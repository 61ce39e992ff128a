//! What the notice beside an untouchable message says, to whom, and that none is made about a notice of ours.

use super::{Keys, NOW_MS, address, fixture, organisation, received, recipient, verdict};
use mail_parser::MessageParser;
use sentra::act::{Companion, LeaveReason, companions};
use sentra::model::{Action, ProtectedMailbox, ReceivedMail};
use sentra::ports::CompanionNotice;

fn made(mail: &ReceivedMail) -> Vec<CompanionNotice> {
    let (keys, mut org) = (Keys::new(), organisation(1));
    org.mailboxes.push(ProtectedMailbox { address: address("pay@contoso.example"), aliases: Vec::new() });
    let about = Companion {
        organisation: &org,
        reason: LeaveReason::Signed,
        hostname: "mx.sentra.example",
        now_ms: NOW_MS,
        keyring: &keys,
    };
    companions(mail, &verdict(Action::Tag), &about).expect("notices")
}

#[test]
fn a_notice_says_the_warning_first_and_quotes_the_message_safely() {
    let octets = String::from_utf8(fixture("signed").octets.to_vec())
        .unwrap()
        .replace("Subject: Invoice 4711", "Subject: Pay 60-16-13 31926819 at https://evil.example/x");
    let notices = made(&received(octets));
    assert_eq!(notices.len(), 1);
    let mail = &notices[0].mail;
    assert!(mail.envelope.reverse_path.0.is_none() && mail.kind == "notice");
    assert_eq!(mail.envelope.recipients[0].address, address("accounts@contoso.example"));
    let raw = String::from_utf8(mail.octets.to_vec()).unwrap();
    for expected in [
        "\r\nFrom: Sentra <sentra@mx.sentra.example>\r\n",
        "\r\nAuto-Submitted: auto-generated\r\n",
        "\r\nX-Sentra-Return: RETURN-TOKEN-1\r\n",
        "\r\nSubject: Warning: billing@supplier.example\r\n",
        "\r\nIn-Reply-To: <4711@supplier.example>\r\n",
    ] {
        assert!(raw.contains(expected), "{expected}: {raw}");
    }
    assert!(!raw.contains("X-MS-Exchange"));
    let parsed = MessageParser::default().parse(mail.octets.as_ref()).unwrap();
    let text = parsed.body_text(0).unwrap().into_owned();
    assert!(
        text.starts_with("Bank details differ from your records for “Northwind”.\r\nDo not reply"),
        "{text}"
    );
    for expected in [
        "because it carries a digital signature",
        "  From:      Northwind Traders <billing@supplier.example>",
        "••••6819",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert!(
        !text.contains("31926819") && !text.contains("https://") && !text.contains("evil.example"),
        "{text}"
    );
}

#[test]
fn each_mailbox_gets_one_however_it_is_written() {
    let mut mail = fixture("signed");
    mail.envelope.recipients = [
        "accounts+a@contoso.example",
        "Accounts+b@contoso.example",
        "accounts@contoso.example",
        "pay@contoso.example",
    ]
    .map(recipient)
    .to_vec();
    let notices = made(&mail);
    let to: Vec<String> = notices.iter().map(|n| n.mail.envelope.recipients[0].address.to_string()).collect();
    assert_eq!(to, ["accounts+a@contoso.example", "pay@contoso.example"]);
    assert_ne!(notices[0].dedupe_key, notices[1].dedupe_key);
    // The same message again has the same keys, another message others.
    let keys = |mail: &ReceivedMail| made(mail).into_iter().map(|n| n.dedupe_key).collect::<Vec<_>>();
    assert_eq!(keys(&mail), keys(&mail));
    assert_ne!(keys(&mail), keys(&fixture("plain")));
}

#[test]
fn no_notice_about_a_notice() {
    let notice = made(&fixture("signed")).remove(0).mail.octets;
    assert!(made(&received(notice.clone())).is_empty());
    // A copied field on another message suppresses nothing.
    let text = String::from_utf8(notice.to_vec()).unwrap();
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    assert_eq!(made(&received(format!("{head}\r\n\r\nanother text\r\n"))).len(), 1);
    let renamed = text.replace("Message-ID: <companion.", "Message-ID: <other.");
    assert_eq!(made(&received(renamed)).len(), 1);
}
