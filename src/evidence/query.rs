//! The questions of one message to the supplier directory.

use crate::limits::{CALL_BACK_NUMBERS, MAX_DIRECTORY_KEYS};
use crate::model::{
    DirectoryKey, DirectoryQuery, Domain, EmailAddress, Mailbox, Message, PaymentClaims, ReceivedMail,
    fold_name, is_free_mail, phone_forms,
};
use std::collections::HashSet;

/// Characters of a display name that are folded and looked up: no supplier's name is longer, an attacker's may be.
const NAME_CHARS: usize = 200;
/// Mailboxes looked at in each of From and Reply-To: a hostile message may list thousands.
const MAILBOXES_PER_FIELD: usize = 4;

/// Everything that could lead to a record: accounts first, because they decide, then the author, then the others.
/// At most [`MAX_DIRECTORY_KEYS`], without duplicates.
#[must_use]
pub fn directory_query(mail: &ReceivedMail, message: &Message, claims: &PaymentClaims) -> DirectoryQuery {
    let mut query = Keys::default();
    for claim in &claims.accounts {
        query.add(DirectoryKey::Account(claim.account.comparison_key()));
    }
    for mailbox in message.from.iter().take(MAILBOXES_PER_FIELD) {
        query.add_mailbox(mailbox);
        if let Some(name) = &mailbox.name {
            query.add_name(name);
        }
    }
    for mailbox in message.sender.iter().chain(message.reply_to.iter().take(MAILBOXES_PER_FIELD)) {
        query.add_mailbox(mailbox);
    }
    if let Some(address) = &mail.envelope.reverse_path.0 {
        query.add_address(address);
    }
    for name in &claims.names {
        query.add_name(&name.value);
    }
    for number in &claims.tax_numbers {
        query.add(DirectoryKey::TaxNumber(number.clone()));
    }
    for number in &claims.company_numbers {
        query.add(DirectoryKey::CompanyNumber(number.clone()));
    }
    if claims.phrases.iter().any(|phrase| phrase.value.0 == "call_here") {
        let phones = claims.phones.iter().take(CALL_BACK_NUMBERS).flat_map(|phone| phone_forms(phone));
        phones.for_each(|phone| query.add(DirectoryKey::Phone(phone)));
    }
    DirectoryQuery { keys: query.keys }
}

#[derive(Default)]
struct Keys {
    keys: Vec<DirectoryKey>,
    seen: HashSet<DirectoryKey>,
}

impl Keys {
    fn add(&mut self, key: DirectoryKey) {
        if self.keys.len() < MAX_DIRECTORY_KEYS && self.seen.insert(key.clone()) {
            self.keys.push(key);
        }
    }

    fn add_mailbox(&mut self, mailbox: &Mailbox) {
        if let Ok(address) = EmailAddress::parse(&mailbox.address) {
            self.add_address(&address);
        }
    }

    /// The address; and its domain with the registrable one above it, unless everybody can write from there.
    fn add_address(&mut self, address: &EmailAddress) {
        self.add(DirectoryKey::Address(address.clone()));
        let domain = address.domain();
        if is_free_mail(domain) {
            return;
        }
        self.add(DirectoryKey::Domain(domain.clone()));
        if let Ok(registrable) = Domain::parse(domain.registrable()) {
            self.add(DirectoryKey::Domain(registrable));
        }
    }

    fn add_name(&mut self, name: &str) {
        let short: String = name.chars().take(NAME_CHARS).collect();
        let folded = fold_name(&short);
        if !folded.is_empty() {
            self.add(DirectoryKey::Name(folded));
        }
    }
}
