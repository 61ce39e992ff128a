//! The questions of one message to the history.

use crate::limits;
use crate::model::{
    DirectoryAnswer, DirectoryKey, EmailAddress, HistoryQuery, Lookup, Mailbox, Message, Party,
    PaymentClaims, fold_invoice_number, is_free_mail, platform_of,
};
use crate::model::{Domain, SupplierId};
use std::collections::BTreeSet;

/// Everything that the history may know about: who writes, every supplier that the directory found under anything in
/// the message, and the accounts, invoice numbers and earlier messages that it names.
#[must_use]
pub fn history_query(
    message: &Message,
    claims: &PaymentClaims,
    directory: &Lookup<DirectoryAnswer>,
) -> HistoryQuery {
    let parsed = |mailbox: &Mailbox| EmailAddress::parse(&mailbox.address).ok();
    let author = message.from.iter().find_map(parsed);
    let free_mail = author.as_ref().is_some_and(|author| is_free_mail(author.domain()));
    let mut parties: Vec<Party> = author.iter().map(|author| Party::of_author(author, free_mail)).collect();
    if let Lookup::Found(answer) = directory {
        // Whose telephone number somebody writes down says nothing about whose invoice it is.
        let named = answer.suppliers.iter().filter(|(key, _)| !matches!(key, DirectoryKey::Phone(_)));
        let found: BTreeSet<&SupplierId> = named.flat_map(|(_, hits)| hits).map(|hit| &hit.id).collect();
        parties.extend(found.into_iter().cloned().map(Party::Supplier));
    }
    parties.truncate(limits::HISTORY_PARTIES);
    let domain = author.as_ref().filter(|_| !free_mail);
    let invoices: BTreeSet<String> =
        claims.invoice_numbers.iter().filter_map(|number| fold_invoice_number(number)).collect();
    HistoryQuery {
        domain: domain.and_then(|author| Domain::parse(author.domain().registrable()).ok()),
        reply_to: message.reply_to.iter().filter_map(parsed).find(|address| Some(address) != author.as_ref()),
        author,
        makes: claims.makes().into_iter().take(limits::HISTORY_MAKES).map(str::to_owned).collect(),
        platform: platform_of(&message.message_id),
        parties,
        accounts: claims
            .accounts
            .iter()
            .take(limits::HISTORY_ACCOUNTS)
            .map(|claim| claim.account.comparison_key())
            .collect(),
        invoices: invoices.into_iter().take(limits::HISTORY_INVOICES).collect(),
        references: message.references.iter().rev().take(limits::HISTORY_REFERENCES).cloned().collect(),
    }
}
