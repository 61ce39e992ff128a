//! Who wrote it, where an answer would go, and whose name is shown.

use crate::model::{
    DirectoryAnswer, DirectoryKey, DisplayNameFacts, Domain, EmailAddress, Evidence, Mailbox, Organisation,
    PolicyResult, ReplyToFacts, SenderFacts, fold_name, is_free_mail,
};

use super::supplier::Suppliers;

/// Characters of a display name that are kept and compared.
const NAME_CHARS: usize = 100;
/// Services that send invoices in their customers' names, by registrable domain.
const INVOICING_SERVICES: &[&str] = &[
    "paypal.com",
    "paypal.co.uk",
    "intuit.com",
    "quickbooks.com",
    "xero.com",
    "stripe.com",
    "squareup.com",
    "freshbooks.com",
    "bill.com",
    "zoho.com",
    "zohobooks.com",
    "waveapps.com",
    "invoicely.com",
    "invoice2go.com",
    "sage.com",
    "myob.com",
    "wise.com",
    "docusign.net",
    "docusign.com",
];
/// Mailboxes looked at in each of From and Reply-To.
const MAILBOXES_PER_FIELD: usize = 32;

/// Every address that speaks for the message, parsed once.
#[derive(Debug, Default)]
pub(super) struct Senders {
    pub(super) from: Vec<EmailAddress>,
    pub(super) sender: Option<EmailAddress>,
    pub(super) reply_to: Vec<EmailAddress>,
    pub(super) envelope: Option<EmailAddress>,
}

impl Senders {
    pub(super) fn of(evidence: &Evidence) -> Self {
        let message = &evidence.message;
        Self {
            from: addresses(&message.from),
            sender: message.sender.as_ref().and_then(|mailbox| EmailAddress::parse(&mailbox.address).ok()),
            reply_to: addresses(&message.reply_to),
            envelope: evidence.reverse_path.0.clone(),
        }
    }

    /// The author: the first readable From address.
    pub(super) fn author(&self) -> Option<&EmailAddress> {
        self.from.first()
    }
}

fn addresses(mailboxes: &[Mailbox]) -> Vec<EmailAddress> {
    let parsed = mailboxes.iter().take(MAILBOXES_PER_FIELD);
    parsed.filter_map(|mailbox| EmailAddress::parse(&mailbox.address).ok()).collect()
}

/// Whether a domain is the organisation's own: registered, of a protected mailbox, or below one of those.
pub(super) fn is_own(organisation: &Organisation, domain: &Domain) -> bool {
    own_domains(organisation).any(|own| own == domain || is_below(domain.as_str(), own.as_str()))
}

/// The organisation's registered domains and those of its mailboxes, without free mail providers.
pub(super) fn own_domains(organisation: &Organisation) -> impl Iterator<Item = &Domain> {
    let of_mailboxes = organisation.mailboxes.iter().map(|mailbox| mailbox.address.domain());
    organisation.domains.iter().chain(of_mailboxes).filter(|domain| !is_free_mail(domain))
}

/// `mail.acme.example` is below `acme.example`.
pub(super) fn is_below(domain: &str, above: &str) -> bool {
    domain.strip_suffix(above).is_some_and(|rest| rest.ends_with('.'))
}

/// Whether the address, its domain or its registrable domain stands on any supplier's record.
pub(super) fn on_record(answer: &DirectoryAnswer, address: &EmailAddress) -> bool {
    if answer.suppliers.contains_key(&DirectoryKey::Address(address.clone())) {
        return true;
    }
    !is_free_mail(address.domain()) && domain_on_record(answer, address.domain())
}

/// Whether the domain or its registrable domain stands on any supplier's record.
pub(super) fn domain_on_record(answer: &DirectoryAnswer, domain: &Domain) -> bool {
    let hit = |domain: Domain| answer.suppliers.contains_key(&DirectoryKey::Domain(domain));
    hit(domain.clone()) || Domain::parse(domain.registrable()).is_ok_and(hit)
}

pub(super) fn sender(evidence: &Evidence, senders: &Senders) -> SenderFacts {
    let auth = &evidence.auth;
    let mut facts = SenderFacts {
        authenticated: auth.known && auth.authenticated,
        auth_known: auth.known,
        auth_failed: auth.known && auth.failed && !auth.authenticated,
        auth_unavailable: auth.unavailable && !auth.known,
        spf: result(&auth.spf),
        dkim: result(&auth.dkim),
        dmarc: result(&auth.dmarc),
        arc: result(&auth.arc),
        policy: auth.policy.clone(),
        method: auth.method,
        display_name: shown_name(evidence).map(bounded).unwrap_or_default(),
        ..SenderFacts::default()
    };
    if let Some(author) = senders.author() {
        facts.address = author.folded();
        author.domain().as_str().clone_into(&mut facts.domain);
        author.domain().registrable().clone_into(&mut facts.registrable);
        facts.free_mail = is_free_mail(author.domain());
        facts.invoicing_service = INVOICING_SERVICES.contains(&author.domain().registrable());
        facts.own_domain = is_own(&evidence.organisation, author.domain());
    }
    facts
}

/// A result's word, which an upstream wrote: letters only, a few.
fn result(policy: &PolicyResult) -> String {
    policy.result.chars().filter(char::is_ascii_alphabetic).take(16).collect()
}

fn shown_name(evidence: &Evidence) -> Option<&str> {
    evidence.message.from.first().and_then(|mailbox| mailbox.name.as_deref())
}

fn bounded(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(NAME_CHARS).collect()
}

/// Answers that stay inside the sender's registrable domain do not differ, except within a free mail provider, where
/// another mailbox is another person.
fn goes_elsewhere(author: &EmailAddress, answer_to: &EmailAddress) -> bool {
    if is_free_mail(answer_to.domain()) {
        return author != answer_to;
    }
    author.domain().registrable() != answer_to.domain().registrable()
}

pub(super) fn reply_to(evidence: &Evidence, senders: &Senders, answer: &DirectoryAnswer) -> ReplyToFacts {
    let elsewhere =
        |address: &&EmailAddress| senders.author().is_some_and(|author| goes_elsewhere(author, address));
    let differing = senders.reply_to.iter().find(elsewhere);
    let Some(address) = differing.or_else(|| senders.reply_to.first()) else {
        return ReplyToFacts::default();
    };
    ReplyToFacts {
        present: true,
        address: address.folded(),
        domain: address.domain().to_string(),
        differs: differing.is_some(),
        free_mail: is_free_mail(address.domain()),
        on_record: on_record(answer, address) || is_own(&evidence.organisation, address.domain()),
        lookalike: super::lookalike::imitates(
            evidence,
            &super::lookalike::own(evidence),
            address.domain(),
            answer,
        )
        .is_some(),
    }
}

pub(super) fn display_name(
    evidence: &Evidence,
    senders: &Senders,
    suppliers: &Suppliers,
    answer: &DirectoryAnswer,
) -> DisplayNameFacts {
    let Some(author) = senders.author() else {
        return DisplayNameFacts::default();
    };
    let name = shown_name(evidence).map(bounded).unwrap_or_default();
    // `<accounts@acme.example@evil.example>` shows the other address before its own domain.
    let local = bounded(&author.local().replace('%', "@"));
    let mut facts = DisplayNameFacts {
        holds_other_address: [&name, &local].iter().any(|text| holds_other_address(text, author)),
        ..Default::default()
    };
    let own = is_own(&evidence.organisation, author.domain()) && !evidence.auth.failed;
    if let Some(executive) = executive_named(&evidence.organisation, &name)
        && !own
        && !executive.addresses.contains(author)
    {
        "executive".clone_into(&mut facts.spoofs);
        facts.of.clone_from(&executive.name);
        return facts;
    }
    let key = DirectoryKey::Name(fold_name(&name));
    let named = answer.suppliers.get(&key).map(Vec::as_slice).unwrap_or_default();
    let theirs = named.iter().any(|hit| suppliers.vouched_by_address(&hit.id));
    if let Some(hit) = named.first()
        && !theirs
        && !own
    {
        "supplier".clone_into(&mut facts.spoofs);
        facts.of.clone_from(&hit.name);
    }
    facts
}

/// Compares folded names, the words in any order: `Doe, Jane` is `Jane Doe`.
fn executive_named<'a>(organisation: &'a Organisation, name: &str) -> Option<&'a crate::model::Executive> {
    let sorted = |name: &str| {
        let folded = fold_name(name);
        let mut words: Vec<String> = folded.split(' ').map(str::to_owned).collect();
        words.sort_unstable();
        words
    };
    let shown = sorted(name);
    organisation.executives.iter().find(|executive| {
        let words = sorted(&executive.name);
        words == shown && words.iter().any(|word| !word.is_empty())
    })
}

/// `"accounts@acme.example" <x@evil.example>`: most programs show only the name.
fn holds_other_address(name: &str, author: &EmailAddress) -> bool {
    let words = name.split(|c: char| c.is_whitespace() || "<>()[],;:\"'".contains(c));
    words
        .filter_map(|word| EmailAddress::parse(word).ok())
        .filter(|shown| shown.domain().as_str().contains('.'))
        .any(|shown| shown.domain().registrable() != author.domain().registrable())
}
