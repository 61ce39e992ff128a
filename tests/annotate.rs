//! Annotating: what is delivered is what came in plus what we say, in every encoding and structure.

mod companions;
mod corpus;
mod generate;
mod independent;
mod random;
mod torture;

use base64::Engine as _;
use bytes::Bytes;
use mail_parser::{MessageParser, MimeHeaders, PartType};
use sentra::act::{
    BannerOutcome, LeaveReason, Outgoing, Release, Stamp, VerifyOutcome, compose, compose_release, held_mail,
    notices, passes, verify_header,
};
use sentra::model::{
    AccountKey, Action, AuthMethod, AuthResults, Class, ContentDisposition, Domain, EmailAddress, Envelope,
    FailPolicy, Family, Finding, FindingCode, Fingerprint, MailId, MailParameters, Message, Mode, OrgId,
    Organisation, Part, PartContent, Peer, PeerStanding, PolicyResult, ProtectedMailbox, QuarantineId,
    ReceivedMail, Recipient, ReversePath, Severity, TlsInfo, TransferEncoding, Verdict,
};
use sentra::ports::{Keyring, PortError};
use std::path::{Path, PathBuf};

const BEGIN: &str = "<!-- sentra:banner -->";
const END: &str = "<!-- /sentra:banner -->";
const NOW_MS: i64 = 1_795_424_400_000;

// ── the surroundings ───────────────────────────────────────────────────────────────────────────────────────────────

/// Fixed keys, real algorithms.
struct Keys(aws_lc_rs::signature::Ed25519KeyPair);

impl Keys {
    fn new() -> Self {
        Self(aws_lc_rs::signature::Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("seed"))
    }
}

impl Keyring for Keys {
    fn fingerprint(&self, org: OrgId, key: &AccountKey) -> Result<Fingerprint, PortError> {
        self.fingerprint_text(org, "account", key.reveal())
    }
    fn fingerprint_text(&self, org: OrgId, kind: &str, text: &str) -> Result<Fingerprint, PortError> {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, org.to_string().as_bytes());
        let tag = aws_lc_rs::hmac::sign(&key, format!("{kind}|{text}").as_bytes());
        Ok(Fingerprint(tag.as_ref().try_into().expect("32 octets")))
    }
    fn sign(&self, org: OrgId, message: &[u8]) -> Result<Vec<u8>, PortError> {
        Ok(self.0.sign(&[org.to_string().as_bytes(), message].concat()).as_ref().to_vec())
    }
    fn verify(&self, org: OrgId, message: &[u8], signature: &[u8]) -> bool {
        use aws_lc_rs::signature::{ED25519, KeyPair as _, UnparsedPublicKey};
        let public = UnparsedPublicKey::new(&ED25519, self.0.public_key().as_ref());
        public.verify(&[org.to_string().as_bytes(), message].concat(), signature).is_ok()
    }
    fn seal(&self, _: OrgId, _: &str, _: &[u8]) -> Result<Vec<u8>, PortError> {
        unimplemented_port()
    }
    fn open(&self, _: OrgId, _: &str, _: &[u8]) -> Result<Vec<u8>, PortError> {
        unimplemented_port()
    }
}

fn unimplemented_port() -> Result<Vec<u8>, PortError> {
    Err(PortError::Permanent { what: "keys", detail: "not used here".to_owned() })
}

fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).expect(text)
}

fn recipient(text: &str) -> Recipient {
    Recipient { address: address(text), notify: None, orcpt: None }
}

fn organisation(id: u128) -> Organisation {
    Organisation {
        id: OrgId(ulid::Ulid(id)),
        name: "Contoso".to_owned(),
        mode: Mode::Enforce,
        tenant_id: None,
        domains: vec![Domain::parse("contoso.example").expect("domain")],
        mailboxes: vec![ProtectedMailbox {
            address: address("accounts@contoso.example"),
            aliases: Vec::new(),
        }],
        executives: Vec::new(),
        admin_emails: vec![address("admin@contoso.example"), address("it@contoso.example")],
        next_hop: None,
        ingress_tokens: Vec::new(),
        return_token: Some("RETURN-TOKEN-1".to_owned().into()),
        client_certificate: None,
        fail_policy: FailPolicy::Defer,
        subject_prefix: None,
        preferences: Default::default(),
        mailbox_languages: std::collections::BTreeMap::new(),
        wording: None,
        own_rules: None,
        directory_generation: 0,
    }
}

fn received(octets: impl Into<Bytes>) -> ReceivedMail {
    let tls = TlsInfo {
        version: "TLSv1.3",
        cipher: "TLS13_AES_256_GCM_SHA384".to_owned(),
        client_names: Vec::new(),
    };
    ReceivedMail {
        id: MailId(ulid::Ulid(42)),
        envelope: Envelope {
            reverse_path: ReversePath(Some(address("billing@supplier.example"))),
            parameters: MailParameters::default(),
            recipients: vec![recipient("Accounts@Contoso.example")],
        },
        peer: Peer {
            ip: "192.0.2.1".parse().expect("address"),
            helo: "mail-1.outbound.protection.outlook.com".to_owned(),
            esmtp: true,
            tls: Some(tls),
            standing: PeerStanding::ExchangeByRange,
        },
        received_at_ms: NOW_MS,
        octets: octets.into(),
        bare_newlines: false,
    }
}

fn finding(code: &str, severity: Severity, text: &str) -> Finding {
    Finding {
        code: FindingCode(code.to_owned()),
        severity,
        class: Class::Decisive,
        family: Family::Payment,
        text: text.to_owned(),
        source: None,
    }
}

fn verdict(action: Action) -> Verdict {
    Verdict {
        action,
        would_be: Action::Quarantine,
        severity: Severity::Danger,
        score: 90,
        findings: vec![
            finding("BANK_DETAILS_CHANGED", Severity::Danger, "The account ••••6819 is not on record."),
            finding("URGENCY_LANGUAGE", Severity::Caution, "It presses for a quick payment."),
            finding("URGENCY_LANGUAGE", Severity::Caution, "Twice."),
        ],
        broken: Vec::new(),
        ruleset: "0123456789abcdef".to_owned(),
        headline: "Bank details differ from your records for “Northwind”.".to_owned(),
        advice: "Do not reply to confirm. Call the number in your records.".to_owned(),
        spoken: None,
    }
}

fn auth() -> AuthResults {
    let pass = |domain: &str| PolicyResult { result: "pass".to_owned(), domain: Domain::parse(domain).ok() };
    AuthResults {
        known: true,
        spf: pass("supplier.example"),
        dkim: pass("supplier.example"),
        dmarc: pass("supplier.example"),
        authenticated: true,
        method: AuthMethod::Dmarc,
        ..AuthResults::default()
    }
}

fn composed(mail: &ReceivedMail, action: Action, org: &Organisation) -> Outgoing {
    let (keys, auth) = (Keys::new(), auth());
    let stamp = Stamp {
        hostname: "mx.sentra.example",
        now_ms: NOW_MS,
        organisation: org,
        keyring: &keys,
        auth: &auth,
        passes: passes(&mail.octets, org, &mail.envelope.recipients, &keys),
        include_return_token: true,
        voice: &sentra::act::Voice::default(),
    };
    compose(mail, &sentra::message::parse(&mail.octets), &verdict(action), &stamp).expect("composes")
}

fn delivered(mail: &ReceivedMail, action: Action) -> (Vec<u8>, Outgoing) {
    let outgoing = composed(mail, action, &organisation(1));
    (outgoing.segments.concat(), outgoing)
}

// ── an independent reading by mail-parser ──────────────────────────────────────────────────────────────────────────

/// The parts of a message, read by mail-parser alone.
fn parsed(octets: &[u8]) -> Message {
    let Some(mail) = MessageParser::default().parse(octets) else { return Message::default() };
    let mut message = Message {
        subject: mail.subject().unwrap_or_default().to_owned(),
        message_id: mail.message_id().map(|id| format!("<{id}>")).unwrap_or_default(),
        ..Message::default()
    };
    let mut parents = vec![None; mail.parts.len()];
    for (index, part) in mail.parts.iter().enumerate() {
        if let PartType::Multipart(children) = &part.body {
            children.iter().for_each(|child| parents[*child as usize] = Some(index));
        }
    }
    for (index, part) in mail.parts.iter().enumerate() {
        let kind = part.content_type();
        let media_type = kind.map_or("text/plain".to_owned(), |kind| {
            format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or("plain")).to_lowercase()
        });
        let depth = std::iter::successors(parents[index], |parent| parents[*parent]).count();
        let disposition = part.content_disposition();
        message.parts.push(Part {
            parent: parents[index],
            depth,
            in_attached_message: false,
            media_type,
            charset: kind.and_then(|kind| kind.attribute("charset")).map(str::to_owned),
            parameters: kind
                .and_then(|kind| kind.attributes())
                .map(|all| all.iter().map(|a| (a.name.to_string(), a.value.to_string())).collect())
                .unwrap_or_default(),
            encoding: match part.content_transfer_encoding().map(str::to_lowercase).as_deref() {
                Some("quoted-printable") => TransferEncoding::QuotedPrintable,
                Some("base64") => TransferEncoding::Base64,
                Some("7bit" | "8bit" | "binary") | None => TransferEncoding::Identity,
                Some(_) => TransferEncoding::Unknown,
            },
            disposition: match disposition {
                Some(d) if d.is_attachment() => ContentDisposition::Attachment,
                Some(_) => ContentDisposition::Inline,
                None => ContentDisposition::None,
            },
            name: part.attachment_name().map(str::to_owned),
            content_id: part.content_id().map(str::to_owned),
            body: part.offset_body as usize..(part.offset_end as usize).max(part.offset_body as usize),
            content: match &part.body {
                PartType::Text(text) => PartContent::Text(text.to_string()),
                PartType::Html(html) => PartContent::Html(html.to_string()),
                PartType::Binary(octets) | PartType::InlineBinary(octets) => {
                    PartContent::Binary(octets.to_vec())
                }
                PartType::Message(_) => PartContent::AttachedMessage,
                PartType::Multipart(_) => PartContent::Multipart,
            },
        });
    }
    message
}

/// Structure and decoded contents, banners taken out.
fn outline(octets: &[u8]) -> Vec<(String, Option<usize>, String)> {
    let without_banner = |part: &Part| match &part.content {
        PartContent::Text(text) => strip_text(text),
        PartContent::Html(html) => strip_html(html),
        PartContent::Binary(octets) => format!("{octets:?}"),
        _ => String::new(),
    };
    let parts = parsed(octets).parts;
    parts.iter().map(|part| (part.media_type.clone(), part.parent, without_banner(part))).collect()
}

/// The same for mail with older banners in it: without any banner, white space and quoting.
fn outline_loosely(octets: &[u8]) -> Vec<(String, Option<usize>, String)> {
    let mut all = outline(octets);
    for (_, _, text) in &mut all {
        while let Some((before, rest)) = text.split_once(BEGIN).map(|(b, r)| (b.to_owned(), r.to_owned())) {
            let Some((_, after)) = rest.split_once(END) else { break };
            *text = before + after;
        }
        while let Some(begin) = text.find("**** Sentra: ") {
            let Some(end) = text[begin..].find("**** Sentra *") else { break };
            *text = format!(
                "{}{}",
                &text[..begin],
                text[begin + end + "**** Sentra *".len()..].trim_start_matches('*')
            );
        }
        text.retain(|c| !c.is_whitespace() && c != '>');
    }
    all
}

fn strip_html(html: &str) -> String {
    let Some((before, rest)) = html.split_once(BEGIN) else { return html.to_owned() };
    let Some((_, after)) = rest.split_once(END) else { return html.to_owned() };
    let after = after.strip_prefix("\r\n").or_else(|| after.strip_prefix('\n')).unwrap_or(after);
    // The line break before the banner is ours where something stands before it.
    let before = before.strip_suffix("\r\n").or_else(|| before.strip_suffix('\n')).unwrap_or(before);
    format!("{before}{after}")
}

fn strip_text(text: &str) -> String {
    if !text.trim_start_matches('\u{feff}').starts_with("**** Sentra: ") {
        return text.to_owned();
    }
    let (_, rest) = text.split_once("**** Sentra *").expect("closed");
    let rest = rest.trim_start_matches('*');
    // In an empty part the last line end belongs to the delimiter that follows.
    let ends = ["\r\n\r\n", "\n\n", "\r\n", "\n"];
    ends.iter().find_map(|end| rest.strip_prefix(end)).unwrap_or(rest).to_owned()
}

/// The octets that are slices of the received ones, in order.
fn of_the_original(mail: &ReceivedMail, outgoing: &Outgoing) -> Vec<u8> {
    let range = mail.octets.as_ptr_range();
    let pieces = outgoing.segments.iter().filter(|piece| range.contains(&piece.as_ptr()));
    pieces.flat_map(|piece| piece.iter().copied()).collect()
}

fn fixtures() -> Vec<(String, PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mails/annotate");
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .expect("folder")
        .map(|entry| entry.expect("entry").path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "eml"))
        .map(|path| {
            let name = path.file_stem().expect("name").to_string_lossy().into_owned();
            let octets = std::fs::read(&path).expect("fixture");
            (name, path, octets)
        })
        .collect();
    all.sort();
    all
}

fn fixture(name: &str) -> ReceivedMail {
    let (_, _, octets) = fixtures().into_iter().find(|(n, ..)| n == name).expect(name);
    received(octets)
}

// ── tests ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/// `SENTRA_BLESS=1` writes the golden files anew.
#[test]
fn tagged_mail_is_as_the_golden_files_say() {
    let bless = std::env::var_os("SENTRA_BLESS").is_some();
    for (name, path, octets) in fixtures() {
        let (found, _) = delivered(&received(octets), Action::Tag);
        let golden = path.with_extension("golden");
        if bless {
            std::fs::write(&golden, &found).expect("written");
        }
        let expected = std::fs::read(&golden).unwrap_or_default();
        assert!(found == expected, "{name} differs:\n{}", String::from_utf8_lossy(&found));
    }
}

#[test]
fn each_kind_of_mail_gets_the_banner_it_can_carry() {
    let one = BannerOutcome::Inserted { parts: 1, missed: None };
    let two = BannerOutcome::Inserted { parts: 2, missed: None };
    let left = BannerOutcome::LeftAlone;
    let rows = [
        ("alternative-qp", two),
        ("attached-message", one),
        ("auto-reply", left(LeaveReason::AutoReply)),
        ("blank-first", two),
        ("enveloped", left(LeaveReason::Encrypted)),
        ("flowed", one),
        ("forged-headers", one),
        ("frameset", left(LeaveReason::Frameset)),
        ("header-only", left(LeaveReason::NoText)),
        ("iso-2022-jp", one),
        ("late-body-tag", one),
        ("line-feeds", one),
        ("meeting", BannerOutcome::Inserted { parts: 1, missed: Some(LeaveReason::Calendar) }),
        ("mixed-base64", two),
        ("no-body-tag", one),
        ("old-banner", one),
        ("only-document", BannerOutcome::Added),
        ("pgp-inline", left(LeaveReason::PgpInline)),
        ("plain", one),
        ("quoted-banner", one),
        ("related", one),
        ("report", left(LeaveReason::Report)),
        ("rights-protected", left(LeaveReason::RightsProtected)),
        ("signed", left(LeaveReason::Signed)),
        ("tnef", left(LeaveReason::Tnef)),
        ("utf-16", one),
    ];
    for (name, expected) in rows {
        assert_eq!(delivered(&fixture(name), Action::Tag).1.banner, expected, "{name}");
    }
    let mut bounce = fixture("plain");
    bounce.envelope.reverse_path = ReversePath(None);
    assert_eq!(delivered(&bounce, Action::Tag).1.banner, left(LeaveReason::NullReversePath));
}

#[test]
fn what_is_not_bannered_is_byte_identical_below_our_block() {
    for (name, _, octets) in fixtures() {
        for action in [Action::Deliver, Action::Tag] {
            let mail = received(octets.clone());
            let (found, outgoing) = delivered(&mail, action);
            let edited = outgoing.banner != BannerOutcome::NotWanted
                && !matches!(outgoing.banner, BannerOutcome::LeftAlone(_));
            if name == "forged-headers" || edited {
                continue;
            }
            assert_eq!(outgoing.segments.len(), if name == "header-only" { 2 } else { 3 }, "{name}");
            assert!(found.ends_with(&octets), "{name} {action:?}");
        }
    }
}

#[test]
fn a_banner_adds_and_takes_nothing_away() {
    for (name, _, octets) in fixtures() {
        let mail = received(octets.clone());
        let (found, outgoing) = delivered(&mail, Action::Tag);
        if name == "old-banner" || outgoing.banner == BannerOutcome::Added {
            continue;
        }
        if name != "quoted-banner" {
            assert_eq!(outline(&found), outline(&octets), "{name}");
        }
        if !["mixed-base64", "utf-16", "forged-headers", "quoted-banner"].contains(&name.as_str()) {
            assert_eq!(of_the_original(&mail, &outgoing), octets, "{name}");
        }
    }
}

#[test]
fn every_header_of_ours_that_arrives_is_removed() {
    let mail = fixture("forged-headers");
    let (found, outgoing) = delivered(&mail, Action::Deliver);
    let text = String::from_utf8(found).expect("ascii");
    let (header, body) = text.split_once("\r\n\r\n").expect("header");
    for (name, expected) in
        [("x-sentra-verdict", 1), ("x-sentra-id", 1), ("x-sentra-trace", 1), ("x-sentra-ingress", 0)]
    {
        assert_eq!(header.to_lowercase().matches(name).count(), expected, "{name}");
    }
    assert_eq!(body, "X-Sentra-Id: stays, this is the body\r\n");
    let kept = String::from_utf8(of_the_original(&mail, &outgoing)).expect("ascii");
    assert!(kept.starts_with("From: a@supplier.example\r\nSubject:\r\n folded"), "{kept}");
}

#[test]
fn forged_fields_after_a_bare_carriage_return_leave_no_empty_line() {
    // BDAT may carry a bare CR: two removed fields that share a line end must not leave it as the end of the section.
    for (forged, left) in [
        ("X-Sentra-Ingress: a\rX-Sentra-Id: b\r\n", ""),
        ("A: 1\rX-Sentra-Ingress: a\rX-Sentra-Id: b\r\n", "A: 1\r\r\n"),
        ("X-Sentra-Ingress: a\rA: 1\r\n", "A: 1\r\n"),
        ("\rX-Sentra-Ingress: a\nA: 1\r\n", "A: 1\r\n"),
        ("\rX-Sentra-Ingress: a\rX-Sentra-Id: b\r\nA: 1\r\n", "A: 1\r\n"),
        ("X-Sentra-Ingress: a\r\r X\rX-Sentra-Id: b\r\n", "\r X\r\r\n"),
        ("X-Sentra-Ingress: a\r\rX-Sentra-Id: b\r\n", ""),
    ] {
        let rest = "Subject: x\r\nMessage-ID: <1@a.example>\r\n\r\ntext\r\n";
        let mail = received(format!("{forged}{rest}").into_bytes());
        let (found, _) = delivered(&mail, Action::Deliver);
        let found = String::from_utf8_lossy(&found);
        assert!(found.ends_with(&format!("\n{left}{rest}")), "{forged:?}: {found:?}");
        assert_eq!(found.matches("\r\n\r\n").count(), 1, "{forged:?}: {found:?}");
    }
}

#[test]
fn older_banners_go_from_the_top_and_from_the_thread() {
    let found = |name: &str| String::from_utf8(delivered(&fixture(name), Action::Tag).0).expect("ascii");
    let replaced = found("old-banner");
    assert!(!replaced.contains("says somebody") && replaced.matches(BEGIN).count() == 1);
    let quoted = found("quoted-banner");
    assert!(!quoted.contains("<td>old</td>") && quoted.matches(BEGIN).count() == 1);
    // A message that passes twice carries one banner.
    let twice = received(delivered(&fixture("alternative-qp"), Action::Tag).0);
    let (again, _) = delivered(&twice, Action::Tag);
    assert_eq!(String::from_utf8_lossy(&again).matches(BEGIN).count(), 1);
    assert_eq!(String::from_utf8_lossy(&again).matches("**** Sentra: Bank details").count(), 1);
}

#[test]
fn the_verdict_header_verifies_and_any_change_breaks_it() {
    let (keys, org) = (Keys::new(), organisation(1));
    for (name, _, octets) in fixtures() {
        let (found, _) = delivered(&received(octets), Action::Tag);
        let VerifyOutcome::Valid { stated, recipients, .. } = verify_header(&found, &org, &[], &keys) else {
            panic!("{name} does not verify");
        };
        assert_eq!(stated.codes, "BANK_DETAILS_CHANGED,URGENCY_LANGUAGE");
        assert_eq!(recipients, ["accounts@contoso.example"]);
    }
    let text = String::from_utf8(delivered(&fixture("plain"), Action::Tag).0).expect("ascii");
    for (name, from, to) in [
        ("action", "action=tag", "action=deliver"),
        ("body", "new bank", "old bank"),
        ("message id", "Message-ID: <4711", "Message-ID: <4712"),
        ("banner", "Do not reply", "Do reply"),
    ] {
        let changed = text.replace(from, to);
        assert_ne!(changed, text, "{name}");
        let outcome = verify_header(changed.as_bytes(), &org, &[], &keys);
        assert!(matches!(outcome, VerifyOutcome::Mismatch { .. }), "{name}: {outcome:?}");
    }
    let other = verify_header(text.as_bytes(), &organisation(2), &[], &keys);
    assert!(matches!(other, VerifyOutcome::OtherOrganisation(_)));
    assert_eq!(verify_header(b"A: 1\r\n\r\n", &org, &[], &keys), VerifyOutcome::Absent);
    let doubled = format!("X-Sentra-Verdict: v=1\r\n{text}");
    assert_eq!(verify_header(doubled.as_bytes(), &org, &[], &keys), VerifyOutcome::Ambiguous);
}

#[test]
fn the_signed_lines_are_those_of_the_contract() {
    use aws_lc_rs::digest::{SHA256, digest};
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let mut mail = fixture("plain");
    mail.envelope.recipients = vec![recipient("B@contoso.example"), recipient("accounts@contoso.example")];
    let (found, _) = delivered(&mail, Action::Deliver);
    let text = String::from_utf8(found).expect("ascii");
    let unfolded = text.replace("\r\n ", " ");
    let line = unfolded.lines().find(|line| line.starts_with("X-Sentra-Verdict: ")).expect("field");
    let org = organisation(1).id;
    let prefix = format!(
        "X-Sentra-Verdict: v=1; org={org}; action=deliver; severity=danger; score=90; \
         codes=BANK_DETAILS_CHANGED,URGENCY_LANGUAGE; t=1795424400; s="
    );
    let signature =
        URL_SAFE_NO_PAD.decode(line.strip_prefix(prefix.as_str()).expect(line)).expect("base64url");
    let (_, body) = text.split_once("\r\n\r\n").expect("body");
    let lines = format!(
        "sentra-verdict-v1\n{}\n{org}\ndeliver\ndanger\n90\nBANK_DETAILS_CHANGED,URGENCY_LANGUAGE\n1795424400\n\
         <4711@supplier.example>\naccounts@contoso.example,b@contoso.example\n{}\n",
        mail.id,
        URL_SAFE_NO_PAD.encode(digest(&SHA256, body.as_bytes()))
    );
    assert!(Keys::new().verify(org, lines.as_bytes(), &signature));
    assert!(unfolded.contains("\r\nX-Sentra-Return: RETURN-TOKEN-1\r\n"));
    assert!(text.starts_with("Received: from mail-1.outbound.protection.outlook.com"));
    assert!(!text.contains("for <"));
    assert!(text.lines().all(|line| line.len() <= 160), "folded");
}

#[test]
fn passes_are_counted_by_signed_traces_only() {
    let (keys, org) = (Keys::new(), organisation(1));
    let count = |octets: &[u8], org: &Organisation, to: &str| passes(octets, org, &[recipient(to)], &keys);
    let first = fixture("plain");
    assert_eq!(count(&first.octets, &org, "accounts@contoso.example"), 0);
    let once = delivered(&first, Action::Deliver).0;
    assert_eq!(count(&once, &org, "ACCOUNTS@contoso.example"), 1);
    assert_eq!(count(&once, &org, "other@contoso.example"), 0);
    assert_eq!(count(&once, &organisation(2), "accounts@contoso.example"), 0);
    let twice = delivered(&received(once.clone()), Action::Deliver).0;
    assert_eq!(count(&twice, &org, "accounts@contoso.example"), 2);

    // Copied to another message, or with a higher number, it counts nothing.
    let text = String::from_utf8(once.clone()).expect("ascii");
    let copied = text.replace("Message-ID: <4711@", "Message-ID: <4712@");
    assert_eq!(count(copied.as_bytes(), &org, "accounts@contoso.example"), 0);
    let raised = text.replace(" n=1;", " n=9;");
    assert_ne!(raised, text);
    assert_eq!(count(raised.as_bytes(), &org, "accounts@contoso.example"), 0);

    // A message that wanders between two of our mailboxes keeps both counts.
    let mut forwarded = received(once);
    forwarded.envelope.recipients = vec![recipient("other@contoso.example")];
    let wandered = delivered(&forwarded, Action::Deliver).0;
    assert_eq!(count(&wandered, &org, "accounts@contoso.example"), 1);
    assert_eq!(count(&wandered, &org, "other@contoso.example"), 1);
}

#[test]
fn the_subject_gets_the_prefix_only_where_asked_and_once() {
    let mut org = organisation(1);
    org.subject_prefix = Some("[Check]\r\nX: y".to_owned());
    let subject = |name: &str, action: Action, org: &Organisation| {
        let octets = composed(&fixture(name), action, org).segments.concat();
        String::from_utf8_lossy(&octets)
            .lines()
            .find(|l| l.starts_with("Subject:"))
            .expect("subject")
            .to_owned()
    };
    assert_eq!(subject("plain", Action::Tag, &org), "Subject: [Check]X: y Invoice 4711");
    assert_eq!(subject("forged-headers", Action::Tag, &org), "Subject: [Check]X: y");
    assert_eq!(subject("signed", Action::Tag, &org), "Subject: [Check]X: y Invoice 4711");
    assert_eq!(subject("report", Action::Tag, &org), "Subject: Invoice 4711");
    assert_eq!(subject("plain", Action::Deliver, &org), "Subject: Invoice 4711");
    assert_eq!(subject("plain", Action::Tag, &organisation(1)), "Subject: Invoice 4711");
}

#[test]
fn a_header_section_that_starts_with_a_continuation_does_not_continue_ours() {
    let mail = received(&b" X-Sentra-Return: stolen\r\nFrom: a@b.example\r\n\r\nx"[..]);
    let text = String::from_utf8(delivered(&mail, Action::Deliver).0).expect("ascii");
    assert!(
        text.contains("\r\nX-Sentra-Orphan: the received message starts with this continuation\r\n X-Sentra")
    );
}

#[test]
fn thousands_of_removable_fields_cost_one_copy() {
    let octets = format!("{}\r\nbody", "A: 1\r\nX-Sentra-A: 2\r\n".repeat(5_000));
    let outgoing = delivered(&received(octets), Action::Deliver).1;
    assert!(outgoing.segments.len() < 300, "{}", outgoing.segments.len());
    assert!(outgoing.segments.concat().ends_with(format!("{}\r\nbody", "A: 1\r\n".repeat(5_000)).as_bytes()));
}

#[test]
fn the_dedupe_key_is_of_what_makes_a_message_the_same() {
    let org = organisation(1);
    let key = |mail: &ReceivedMail, org: &Organisation| {
        held_mail(mail, org, &parsed(&mail.octets), &verdict(Action::Quarantine), None).dedupe_key
    };
    let base = fixture("plain");
    let text = String::from_utf8(base.octets.to_vec()).expect("ascii");
    let with = |from: &str, to: &str| received(text.replacen(from, to, 1));
    let same = |mail: &ReceivedMail| key(mail, &org) == key(&base, &org);
    assert_eq!(key(&base, &org).len(), 64);
    assert!(same(&with("Received: from", "Received: again from")));
    assert!(!same(&with("new bank", "old bank")));
    assert!(!same(&with("Invoice 4711", "Invoice 4712")));
    assert!(!same(&with("<4711@", "<4712@")));
    assert_ne!(key(&base, &organisation(2)), key(&base, &org));
    // Exchange's own id counts from Exchange only.
    let mut stamped = with("From:", "X-MS-Exchange-CrossTenant-Network-Message-Id: g\r\nFrom:");
    assert!(!same(&stamped));
    stamped.peer.standing = PeerStanding::Unknown;
    let mut unproven = fixture("plain");
    unproven.peer.standing = PeerStanding::Unknown;
    assert_eq!(key(&stamped, &org), key(&unproven, &org));
    // Order and case of recipients do not matter, which ones does.
    let mut two = fixture("plain");
    two.envelope.recipients = vec![recipient("b@contoso.example"), recipient("a@contoso.example")];
    let mut swapped = two.clone();
    swapped.envelope.recipients = vec![recipient("A@contoso.example"), recipient("b@contoso.example")];
    assert_eq!(key(&two, &org), key(&swapped, &org));
    assert!(!same(&two));
}

#[test]
fn notices_tell_who_what_why_and_how_and_no_account() {
    let org = organisation(1);
    let octets = String::from_utf8(fixture("plain").octets.to_vec())
        .expect("ascii")
        .replace("Subject: Invoice 4711", "Subject: Pay to 60-16-13 31926819 =?utf-8?Q?M=C3=BC?=");
    let mail = received(octets);
    let held = held_mail(&mail, &org, &parsed(&mail.octets), &verdict(Action::Quarantine), None);
    let mails = notices(&held, &org, "mx.sentra.example", NOW_MS).expect("notices");
    assert_eq!(mails.len(), 2);
    let notice = &mails[0];
    assert!(notice.envelope.reverse_path.0.is_none() && notice.kind == "notice");
    assert_eq!(notice.envelope.recipients[0].address, address("admin@contoso.example"));
    let parsed = MessageParser::default().parse(notice.octets.as_ref()).expect("parses");
    let text = parsed.body_text(0).expect("text").into_owned();
    for expected in [
        "From:      Northwind Traders <billing@supplier.example>",
        "••-••-•• ••••6819",
        "The account ••••6819 is not on record. [BANK_DETAILS_CHANGED]",
        &format!("sentra quarantine show {}", held.summary.id),
        "accounts@Contoso.example",
    ] {
        assert!(text.to_lowercase().contains(&expected.to_lowercase()), "{expected}: {text}");
    }
    assert!(!text.contains("31926819"));
    let raw = String::from_utf8(notice.octets.to_vec()).expect("ascii");
    for expected in ["X-Sentra-Return: RETURN-TOKEN-1\r\n", "Auto-Submitted: auto-generated\r\n"] {
        assert!(raw.contains(expected), "{expected}");
    }
    assert!(!raw.contains("CrossPremises") && !raw.contains("X-MS-Exchange"));
    assert!(raw.lines().all(|line| line.len() <= 78), "{raw}");
}

#[test]
fn a_released_message_is_the_stored_one_with_an_information_on_top() {
    let (keys, auth, org) = (Keys::new(), auth(), organisation(1));
    let mail = fixture("alternative-qp");
    let message = parsed(&mail.octets);
    let findings = verdict(Action::Quarantine).findings;
    let stamp = Stamp {
        hostname: "mx.sentra.example",
        now_ms: NOW_MS,
        organisation: &org,
        keyring: &keys,
        auth: &auth,
        passes: 0,
        include_return_token: true,
        voice: &sentra::act::Voice::default(),
    };
    let release = |recipients: &[Recipient]| {
        let release = Release {
            id: QuarantineId(mail.id.0),
            octets: &mail.octets,
            message: &message,
            envelope: &mail.envelope,
            recipients,
            score: 90,
            findings: &findings,
            note: "",
        };
        compose_release(&release, &stamp)
    };
    let out = release(&mail.envelope.recipients).expect("released");
    assert_eq!(outline(&out.octets), outline(&mail.octets));
    let text = String::from_utf8_lossy(&out.octets);
    for expected in
        ["Released after review.", "action=deliver;", "severity=info;", "Message-ID: <4711@supplier.example>"]
    {
        assert!(text.contains(expected), "{expected}");
    }
    assert!(text.replace("\r\n ", " ").starts_with("Received: by mx.sentra.example (Sentra quarantine) id "));
    assert!(matches!(verify_header(&out.octets, &org, &[], &keys), VerifyOutcome::Valid { .. }));
    assert!(release(&[recipient("stranger@contoso.example")]).is_err());
    assert!(release(&[]).is_err());
}
