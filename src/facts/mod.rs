//! Establishes facts: pure, one file per family.
//!
//! [`establish`] turns [`Evidence`] into [`Facts`], the vocabulary of the rules. It states what is so and never what
//! it means: that an account stands on no record is a fact, that such a mail is held is a rule. A new detector is one
//! file here, one struct in `model::facts` and one rule.

mod accounts;
mod call_back;
mod claimed;
mod conversation;
mod documents;
mod history;
mod identity;
mod links;
mod lookalike;
mod mail;
mod methods;
mod supplier;

pub use history::lesson;

use crate::model::{ClaimFacts, DirectoryAnswer, DirectoryFacts, Evidence, Facts, Lookup};

/// Establishes all facts of one message.
#[must_use]
pub fn establish(evidence: &Evidence) -> Facts {
    let nothing = DirectoryAnswer::default();
    let (answer, available) = match &evidence.directory {
        Lookup::Found(answer) => (answer, true),
        Lookup::NotFound => (&nothing, true),
        Lookup::Unavailable(_) => (&nothing, false),
    };
    let senders = identity::Senders::of(evidence);
    let suppliers = supplier::Suppliers::recognise(evidence, &senders, answer);
    let lookalike = lookalike::find(evidence, &senders, answer);
    let mut accounts = accounts::compare(&evidence.claims, &suppliers, answer, available);
    let reply_to = identity::reply_to(evidence, &senders, answer);
    let display_name = identity::display_name(evidence, &senders, &suppliers, answer);
    let history = history::history(evidence, &senders, &suppliers, &mut accounts);
    Facts {
        history,
        conversation: conversation::conversation(evidence, &senders, answer),
        claims: ClaimFacts {
            call_back_off_record: call_back::off_record(&evidence.claims, &suppliers, answer),
            ..accounts::claims(&evidence.claims, &accounts, &suppliers)
        },
        payment_methods: methods::methods(&evidence.claims, &suppliers, &senders),
        claimed: claimed::claimed(evidence, &senders, &suppliers, answer),
        links: links::links(evidence, &senders, answer),
        mail: mail::mail(evidence, &senders),
        phrases: mail::phrases(&evidence.claims, &suppliers),
        sender: identity::sender(evidence, &senders),
        documents: documents::documents(evidence),
        directory: DirectoryFacts { available },
        supplier: suppliers.facts(),
        reply_to,
        lookalike,
        display_name,
        accounts,
    }
}

#[cfg(test)]
mod tests;
