//! Ways to be paid other than by a bank account, and the names and codes that stand beside an account.

use super::identity::Senders;
use super::supplier::Suppliers;
use crate::model::{
    Domain, MatchedBy, MethodClaim, MethodFact, MethodKind, PaymentClaims, Scheme, fold_name, is_free_mail,
};

/// Letters of a word that can tie a name in a link to a supplier: shorter ones fit by accident.
const MIN_WORD: usize = 4;

/// One fact per way to be paid.
pub(super) fn methods(claims: &PaymentClaims, suppliers: &Suppliers, senders: &Senders) -> Vec<MethodFact> {
    claims.methods.iter().map(|claim| fact(claim, suppliers, senders)).collect()
}

fn fact(claim: &MethodClaim, suppliers: &Suppliers, senders: &Senders) -> MethodFact {
    let domain = mail_domain(claim);
    // A sole trader's own mailbox, if the record has that very address.
    let on_record = || {
        let by_address = suppliers.identified.iter().any(|hit| hit.matched_by == MatchedBy::Address);
        by_address && senders.author().is_some_and(|author| author.folded() == claim.value)
    };
    let theirs = domain.is_some() && on_record();
    let free_mail = !theirs && domain.as_ref().is_some_and(is_free_mail);
    let author = senders.author().map(crate::model::EmailAddress::domain);
    let of_sender = theirs
        || domain.as_ref().is_some_and(|domain| {
            !free_mail && author.is_some_and(|author| author.registrable() == domain.registrable())
        });
    MethodFact {
        kind: claim.kind.as_str().to_owned(),
        provider: claim.provider.to_owned(),
        personal: claim.personal,
        // The name in a mail address is chosen as freely as that in a link.
        of_supplier: of_sender || !is_address_kind(claim.kind) && named_like(&claim.value, suppliers),
        free_mail,
        hidden: claim.place.hidden,
    }
}

/// Kinds whose names may be mail addresses.
fn is_address_kind(kind: MethodKind) -> bool {
    matches!(kind, MethodKind::PayId | MethodKind::Wallet)
}

/// The domain of a `PayID` or of a name at a payment service that is a mail address.
fn mail_domain(claim: &MethodClaim) -> Option<Domain> {
    let (_, domain) =
        claim.value.rsplit_once('@').filter(|(local, _)| is_address_kind(claim.kind) && !local.is_empty())?;
    Domain::parse(domain).ok()
}

/// Whether the name in a link holds the first long word of the identified supplier's name. A hint for reviewers and a
/// reason to be calmer, never a proof: anybody may choose such a name.
fn named_like(value: &str, suppliers: &Suppliers) -> bool {
    let value: String = value.chars().filter(char::is_ascii_alphanumeric).collect();
    suppliers.identified.iter().any(|hit| {
        let name = fold_name(&hit.name);
        let words = name.split(' ').filter(|word| word.len() >= MIN_WORD);
        words.take(1).any(|word| value.contains(word))
    })
}

/// A BIC whose country is none of the IBANs' (ISO 9362: letters five and six).
pub(super) fn bic_conflict(claims: &PaymentClaims) -> bool {
    let ibans: Vec<&str> = claims
        .accounts
        .iter()
        .filter(|claim| claim.account.scheme() == Scheme::Iban)
        .map(|claim| claim.account.country())
        .collect();
    // A BIC without an IBAN belongs to an account of another scheme.
    !ibans.is_empty()
        && claims.bics.iter().any(|bic| {
            let country = bic.value.get(4..6).unwrap_or_default();
            !ibans.iter().any(|iban| *iban == country || same_payments(iban, country))
        })
}

/// Territories whose accounts are held with banks of their country.
pub(super) fn same_payments(iban: &str, bic: &str) -> bool {
    const TOGETHER: &[(&str, &[&str])] = &[
        ("FR", &["MC", "GP", "MQ", "GF", "RE", "YT", "NC", "PF", "PM", "BL", "MF", "WF"]),
        ("GB", &["JE", "GG", "IM", "GI"]),
        ("IT", &["SM", "VA"]),
        ("CH", &["LI"]),
        ("FI", &["AX"]),
    ];
    TOGETHER.iter().any(|(country, territories)| {
        let either = |code: &str| code == *country || territories.contains(&code);
        either(iban) && either(bic)
    })
}

/// Whether an account is said to be held in a name that shares no word with the supplier's.
pub(super) fn payee_differs(claims: &PaymentClaims, suppliers: &Suppliers) -> bool {
    if suppliers.identified.is_empty() || claims.payees.is_empty() {
        return false;
    }
    let names: Vec<String> = suppliers.identified.iter().map(|hit| fold_name(&hit.name)).collect();
    !claims.payees.iter().any(|payee| names.iter().any(|name| share_a_word(&fold_name(payee), name)))
}

fn share_a_word(payee: &str, name: &str) -> bool {
    let joined = |text: &str| text.split(' ').collect::<String>();
    let (payee_joined, name_joined) = (joined(payee), joined(name));
    // "Acme-Bau" and "Acmebau", initials and short names.
    payee_joined.contains(&name_joined)
        || name_joined.contains(&payee_joined)
        || payee
            .split(' ')
            .any(|word| word.chars().count() >= 3 && name.split(' ').any(|other| other == word))
}
