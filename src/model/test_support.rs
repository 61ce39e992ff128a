//! Organisations, mails and messages for tests.

use super::{
    Domain, EmailAddress, Envelope, Executive, FailPolicy, MailId, MailParameters, Mailbox, Message, Mode,
    OrgId, Organisation, Peer, PeerStanding, ProtectedMailbox, ReceivedMail, Recipient, ReversePath,
};
use ulid::Ulid;

pub(crate) fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).expect(text)
}

pub(crate) fn domain(text: &str) -> Domain {
    Domain::parse(text).expect(text)
}

/// `"Name" <address>` or a bare address.
pub(crate) fn mailbox(text: &str) -> Mailbox {
    match text.split_once(" <") {
        Some((name, address)) => {
            Mailbox { name: Some(name.to_owned()), address: address.trim_end_matches('>').to_owned() }
        }
        None => Mailbox { name: None, address: text.to_owned() },
    }
}

pub(crate) fn organisation() -> Organisation {
    Organisation {
        id: OrgId(Ulid::from_parts(1, 1)),
        name: "Contoso".into(),
        mode: Mode::Enforce,
        tenant_id: None,
        domains: vec![domain("contoso.example")],
        mailboxes: vec![ProtectedMailbox { address: address("accounts@contoso.example"), aliases: vec![] }],
        executives: vec![Executive {
            name: "Jane Doe".into(),
            addresses: vec![address("jane.private@gmail.com")],
        }],
        admin_emails: vec![],
        next_hop: None,
        ingress_tokens: vec![],
        return_token: None,
        client_certificate: None,
        fail_policy: FailPolicy::Defer,
        subject_prefix: None,
        preferences: crate::model::Preferences::default(),
        mailbox_languages: std::collections::BTreeMap::new(),
        wording: None,
        own_rules: None,
        directory_generation: 0,
    }
}

pub(crate) fn message(from: &str, reply_to: Option<&str>) -> Message {
    Message {
        from: vec![mailbox(from)],
        reply_to: reply_to.map(mailbox).into_iter().collect(),
        ..Message::default()
    }
}

pub(crate) fn mail(reverse_path: Option<&str>) -> ReceivedMail {
    ReceivedMail {
        id: MailId(Ulid::from_parts(1, 2)),
        envelope: Envelope {
            reverse_path: ReversePath(reverse_path.map(address)),
            parameters: MailParameters::default(),
            recipients: vec![Recipient {
                address: address("accounts@contoso.example"),
                notify: None,
                orcpt: None,
            }],
        },
        peer: Peer {
            ip: [127, 0, 0, 1].into(),
            helo: "test".into(),
            esmtp: true,
            tls: None,
            standing: PeerStanding::Trusted,
        },
        received_at_ms: 0,
        octets: bytes::Bytes::new(),
        bare_newlines: false,
    }
}
