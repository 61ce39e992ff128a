//! A message: its structure, its text, and what we make of it.

use super::ignore;
use bytes::Bytes;
use sentra::act::{BannerOutcome, Outgoing, Stamp, VerifyOutcome, compose, passes, verify_header};
use sentra::extract::documents::Effort;
use sentra::extract::{Documents, documents, payment_claims, wanted};
use sentra::limits;
use sentra::model::{
    Account, AccountKey, Action, AuthResults, Domain, EmailAddress, Envelope, FailPolicy, Fingerprint,
    MailId, MailParameters, Message, Mode, OrgId, Organisation, Peer, PeerStanding, ReceivedMail, Recipient,
    ReversePath, Severity, Verdict,
};
use sentra::ports::{Keyring, PortError};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher as _};
use std::ops::Range;

/// MIME and header fields: every range lies in the octets, parents stand before their children, limits hold.
pub fn message(octets: &[u8]) {
    sound(&sentra::message::parse(octets), octets);
}

fn sound(message: &Message, octets: &[u8]) {
    let inside = |range: &Range<usize>| octets.get(range.clone()).is_some();
    assert!(message.headers.len() <= limits::MAX_HEADER_FIELDS, "too many fields");
    assert!(message.body_start <= octets.len(), "the body begins behind the end");
    let mut end = 0;
    for field in &message.headers {
        assert!(inside(&field.range) && inside(&field.value), "a field lies outside");
        assert!(field.range.start >= end, "fields overlap");
        assert!(
            field.value.start >= field.range.start && field.value.end <= field.range.end,
            "a value lies elsewhere"
        );
        end = field.range.end;
    }
    assert!(message.parts.len() <= limits::MAX_PARTS, "too many parts");
    for (index, part) in message.parts.iter().enumerate() {
        assert!(inside(&part.body), "a part lies outside");
        let parent = part.parent.map(|at| (at, message.parts[at].depth));
        assert!(parent.is_none_or(|(at, _)| at < index), "a part stands before its parent");
        assert_eq!(part.depth, parent.map_or(0, |(_, depth)| depth + 1), "a part's depth");
    }
}

/// Domains and addresses: what was understood is understood the same when it is read again.
pub fn address(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    if let Ok(domain) = Domain::parse(&text) {
        assert_eq!(Domain::parse(domain.as_str()).ok().as_ref(), Some(&domain), "a domain changes");
        assert!(domain.as_str().ends_with(domain.registrable()), "the registrable domain is another");
    }
    if let Ok(address) = EmailAddress::parse(&text) {
        assert_eq!(
            EmailAddress::parse(&address.to_string()).ok().as_ref(),
            Some(&address),
            "an address changes"
        );
        let folded = address.folded();
        let again = EmailAddress::parse(&folded).map(|address| address.folded());
        assert_eq!(again.ok(), Some(folded), "folding twice is not folding once");
    }
}

/// A page of HTML.
pub fn html(octets: &[u8]) {
    let [visible, rest, links] = sentra::extract::texts_of_html(&String::from_utf8_lossy(octets));
    assert!(links.len() <= limits::MAX_LINK_TEXT, "more links than are to be kept");
    ignore((visible, rest));
}

/// A whole message up to what it says about a payment; octets without a header section are its text.
pub fn claims(octets: &[u8]) {
    let message = sentra::message::parse(octets);
    claimed(&message);
    let text =
        [b"Content-Type: text/plain; charset=utf-8\r\nSubject: Invoice\r\n\r\n".as_slice(), octets].concat();
    claimed(&sentra::message::parse(&text));
}

fn claimed(message: &Message) {
    let mut read = Documents::new();
    for part in wanted(message) {
        let (name, inline) = (part.name.as_str(), part.inline);
        let file = documents::File { name, media_type: &part.media_type, octets: &part.octets, inline };
        read.insert(part.index, documents::read(file, Effort::Text, sentra::message::parse));
    }
    let claims = payment_claims(message, &read);
    assert!(claims.accounts.len() <= limits::MAX_ACCOUNTS, "more accounts than are to be kept");
    for claim in &claims.accounts {
        let account = &claim.account;
        let country = account.country().as_bytes().first_chunk::<2>().copied().unwrap_or_default();
        let again = Account::from_canonical(account.scheme(), country, account.reveal());
        assert_eq!(again.ok().as_ref(), Some(account), "an account changes");
    }
}

/// A tagged message: nothing of the sender's is lost or moved, our header verifies, and tagging the result again leaves
/// its body as it is.
pub fn annotate(octets: &[u8]) {
    let mail = received(Bytes::copy_from_slice(octets));
    let Some(outgoing) = tagged(&mail) else { return };
    let once = outgoing.segments.concat();
    sound(&sentra::message::parse(&once), &once);
    let own = mail.octets.as_ptr_range();
    let mut rest = mail.octets.iter();
    for piece in outgoing.segments.iter().filter(|piece| own.contains(&piece.as_ptr())) {
        assert!(
            piece.iter().all(|octet| rest.any(|other| other == octet)),
            "the sender's octets are out of order"
        );
    }
    // Lines that only we may write go wherever a reader might take them for header fields.
    let lower = octets.to_ascii_lowercase();
    let ours = [b"x-sentra-".as_slice(), b"authentication-results"];
    let forged = ours.iter().any(|name| lower.windows(name.len()).any(|window| window == *name));
    if matches!(outgoing.banner, BannerOutcome::LeftAlone(_)) && !forged {
        let start = sentra::message::parse(&mail.octets).body_start.min(mail.octets.len());
        assert!(once.ends_with(&mail.octets[start..]), "what was left alone is not as it came");
    }
    let recipients = [known("accounts@contoso.example")];
    let verified = verify_header(&once, &organisation(), &recipients, &Keys);
    assert!(matches!(verified, VerifyOutcome::Valid { .. }), "our own header does not verify: {verified:?}");
}

/// What claims to be our own header on arriving mail.
pub fn stamped(octets: &[u8]) {
    let organisation = organisation();
    let recipients = received(Bytes::new()).envelope.recipients;
    ignore(passes(octets, &organisation, &recipients, &Keys));
    let verified = verify_header(octets, &organisation, &[], &Keys);
    assert!(!matches!(verified, VerifyOutcome::Valid { .. }), "a forged header verifies");
}

fn tagged(mail: &ReceivedMail) -> Option<Outgoing> {
    let (organisation, auth) = (organisation(), AuthResults::default());
    let stamp = Stamp {
        hostname: "mx.sentra.example",
        now_ms: 1_795_424_400_000,
        organisation: &organisation,
        keyring: &Keys,
        auth: &auth,
        passes: passes(&mail.octets, &organisation, &mail.envelope.recipients, &Keys),
        include_return_token: false,
        voice: &sentra::act::Voice::default(),
    };
    let verdict = Verdict {
        action: Action::Tag,
        would_be: Action::Tag,
        severity: Severity::Danger,
        score: 90,
        findings: Vec::new(),
        broken: Vec::new(),
        ruleset: "0123456789abcdef".to_owned(),
        headline: "Bank details differ from your records.".to_owned(),
        advice: "Do not reply to confirm.".to_owned(),
        spoken: None,
    };
    compose(mail, &sentra::message::parse(&mail.octets), &verdict, &stamp).ok()
}

fn known(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap_or_else(|_| panic!("{text} is an address"))
}

fn received(octets: Bytes) -> ReceivedMail {
    ReceivedMail {
        id: MailId(42_u128.into()),
        envelope: Envelope {
            reverse_path: ReversePath(Some(known("billing@supplier.example"))),
            parameters: MailParameters::default(),
            recipients: vec![Recipient {
                address: known("accounts@contoso.example"),
                notify: None,
                orcpt: None,
            }],
        },
        peer: Peer {
            ip: [192, 0, 2, 1].into(),
            helo: "mail-1.outbound.protection.outlook.com".to_owned(),
            esmtp: true,
            tls: None,
            standing: PeerStanding::ExchangeByRange,
        },
        received_at_ms: 1_795_424_400_000,
        octets,
        bare_newlines: false,
    }
}

fn organisation() -> Organisation {
    Organisation {
        id: OrgId(1_u128.into()),
        name: "Contoso".to_owned(),
        mode: Mode::Enforce,
        tenant_id: None,
        domains: Domain::parse("contoso.example").into_iter().collect(),
        mailboxes: Vec::new(),
        executives: Vec::new(),
        admin_emails: Vec::new(),
        next_hop: None,
        ingress_tokens: Vec::new(),
        return_token: None,
        client_certificate: None,
        fail_policy: FailPolicy::Defer,
        subject_prefix: None,
        preferences: Default::default(),
        mailbox_languages: BTreeMap::new(),
        wording: None,
        own_rules: None,
        directory_generation: 0,
    }
}

/// Keys whose signatures are hashes: quick, and nobody guesses them by mutation.
struct Keys;

fn hashed<const N: usize>(octets: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    for (index, piece) in (0_u64..).zip(out.chunks_mut(8)) {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(index);
        hasher.write(octets);
        piece.copy_from_slice(&hasher.finish().to_le_bytes()[..piece.len()]);
    }
    out
}

impl Keyring for Keys {
    fn fingerprint(&self, org: OrgId, key: &AccountKey) -> Result<Fingerprint, PortError> {
        self.fingerprint_text(org, "account", key.reveal())
    }
    fn fingerprint_text(&self, _: OrgId, kind: &str, text: &str) -> Result<Fingerprint, PortError> {
        Ok(Fingerprint(hashed(format!("{kind}|{text}").as_bytes())))
    }
    fn sign(&self, _: OrgId, message: &[u8]) -> Result<Vec<u8>, PortError> {
        Ok(hashed::<64>(message).to_vec())
    }
    fn verify(&self, _: OrgId, message: &[u8], signature: &[u8]) -> bool {
        signature == hashed::<64>(message)
    }
    fn seal(&self, _: OrgId, _: &str, _: &[u8]) -> Result<Vec<u8>, PortError> {
        Err(PortError::Permanent { what: "keys", detail: String::new() })
    }
    fn open(&self, _: OrgId, _: &str, _: &[u8]) -> Result<Vec<u8>, PortError> {
        Err(PortError::Permanent { what: "keys", detail: String::new() })
    }
}
