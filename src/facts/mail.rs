//! The message as a whole, and the families of phrases in it.

use super::identity::Senders;
use super::supplier::Suppliers;
use crate::limits;
use crate::model::{Category, EmailAddress, Evidence, MailFacts, Message, PaymentClaims, PhraseFacts};

/// What programs and languages put before the subject of an answer.
const REPLY_PREFIXES: &[&str] = &[
    "re", "aw", "antw", "antwort", "sv", "vs", "rif", "res", "odp", "fw", "fwd", "wg", "tr", "rv", "doorst",
];

pub(super) fn mail(evidence: &Evidence, senders: &Senders) -> MailFacts {
    let message = &evidence.message;
    let has_field = |names: &[&str]| {
        message.headers.iter().any(|field| names.iter().any(|name| field.name.eq_ignore_ascii_case(name)))
    };
    let (signed, encrypted) = protection(message);
    let to = message.to.iter().take(limits::QUOTED_ADDRESSES);
    let named: Vec<EmailAddress> = to.filter_map(|to| EmailAddress::parse(&to.address).ok()).collect();
    MailFacts {
        category: evidence.claims.category,
        category_because: evidence.claims.category_because.clone(),
        has_payment_content: has_payment_content(&evidence.claims),
        null_sender: evidence.reverse_path.0.is_none(),
        list: has_field(&["List-Id", "List-Unsubscribe", "List-Post"]),
        auto_submitted: has_field(&["Auto-Submitted"]),
        signed,
        encrypted,
        thread_reply: !message.references.is_empty(),
        subject_is_reply: is_reply(&message.subject),
        recipients: i64::try_from(evidence.recipients.len()).unwrap_or(i64::MAX),
        authors: i64::try_from(message.from.len()).unwrap_or(i64::MAX),
        hidden_recipients: hidden_recipients(evidence, &named),
        to_sender: !named.is_empty() && named.iter().all(|to| senders.author() == Some(to)),
    }
}

/// Whether no accepted recipient, under any of its addresses, is among those that the fields name.
fn hidden_recipients(evidence: &Evidence, named: &[EmailAddress]) -> bool {
    let organisation = &evidence.organisation;
    let addresses = |accepted: &EmailAddress| {
        let mailbox = organisation.mailboxes.iter().find(|mailbox| mailbox.goes_by(accepted));
        mailbox.map_or_else(
            || vec![accepted.clone()],
            |mailbox| std::iter::once(&mailbox.address).chain(&mailbox.aliases).cloned().collect(),
        )
    };
    let accepted: Vec<EmailAddress> =
        evidence.recipients.iter().flat_map(|recipient| addresses(&recipient.address)).collect();
    !accepted.is_empty() && !named.iter().any(|to| accepted.contains(to))
}

fn has_payment_content(claims: &PaymentClaims) -> bool {
    let by_category = !matches!(
        claims.category,
        Category::Other | Category::Quote | Category::PurchaseOrder | Category::Receipt
    );
    let by_phrase = |family: &str| claims.phrases.iter().any(|phrase| phrase.value.0 == family);
    by_category
        || !claims.accounts.is_empty()
        || !claims.announced.is_empty()
        || !claims.methods.is_empty()
        || !claims.invoice_numbers.is_empty()
        || by_phrase("bank_change")
        || by_phrase("payment_request")
}

/// Whether the message as a whole is signed or encrypted (RFC 1847, RFC 8551).
fn protection(message: &Message) -> (bool, bool) {
    let Some(root) = message.parts.first() else { return (false, false) };
    match root.media_type.as_str() {
        "multipart/signed" => (true, false),
        "multipart/encrypted" => (false, true),
        "application/pkcs7-mime" | "application/x-pkcs7-mime" => {
            let signed =
                root.parameter("smime-type").is_some_and(|kind| kind.eq_ignore_ascii_case("signed-data"));
            (signed, !signed)
        }
        _ => (false, false),
    }
}

/// `Re:`, `AW:`, `Re[2]:` …
fn is_reply(subject: &str) -> bool {
    let Some((prefix, _)) = subject.trim_start().split_once(':') else { return false };
    let word = prefix.split(['[', '(']).next().unwrap_or(prefix).trim().to_lowercase();
    REPLY_PREFIXES.contains(&word.as_str())
}

pub(super) fn phrases(claims: &PaymentClaims, suppliers: &Suppliers) -> PhraseFacts {
    let by_phrase = |family: &str| claims.phrases.iter().any(|phrase| phrase.value.0 == family);
    let about_money = has_payment_content(claims)
        || ["invoice", "statement", "remittance"].into_iter().any(by_phrase)
        || !suppliers.identified.is_empty()
        || !suppliers.claimed.is_empty();
    let mut facts = PhraseFacts::default();
    for phrase in &claims.phrases {
        let seen = match phrase.value.0.as_str() {
            "bank_change" => &mut facts.bank_change,
            "account_change" if about_money => &mut facts.bank_change,
            "urgency" => &mut facts.urgency,
            "secrecy" => &mut facts.secrecy,
            "invoice" => &mut facts.invoice,
            "credit_note" => &mut facts.credit_note,
            "statement" => &mut facts.statement,
            "remittance" => &mut facts.remittance,
            "payment_request" => &mut facts.payment_request,
            "quote" => &mut facts.quote,
            "purchase_order" => &mut facts.purchase_order,
            "receipt" => &mut facts.receipt,
            "payment" => &mut facts.payment,
            "untraceable" => &mut facts.untraceable,
            "reconnaissance" => &mut facts.reconnaissance,
            "call_here" => &mut facts.call_here,
            "no_call" => &mut facts.no_call,
            _ => continue,
        };
        *seen = true;
    }
    facts
}
