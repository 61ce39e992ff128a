//! Telephone numbers that a message offers for calling back, against those on the supplier's record.

use super::supplier::Suppliers;
use crate::limits::CALL_BACK_NUMBERS;
use crate::model::{DirectoryAnswer, DirectoryKey, PaymentClaims, phone_forms};

/// Whether words offer a number for verifying, and one of the message's numbers is not on the record of the identified
/// supplier, which has one.
pub(super) fn off_record(claims: &PaymentClaims, suppliers: &Suppliers, answer: &DirectoryAnswer) -> bool {
    let offered = claims.phrases.iter().any(|phrase| phrase.value.0 == "call_here");
    let on_record = |form: String| {
        let hits = answer.suppliers.get(&DirectoryKey::Phone(form));
        hits.into_iter().flatten().any(|hit| suppliers.is_identified(&hit.id))
    };
    offered
        && suppliers.identified.iter().any(|hit| hit.has_phone)
        && claims
            .phones
            .iter()
            .take(CALL_BACK_NUMBERS)
            .any(|phone| !phone_forms(phone).into_iter().any(on_record))
}

#[cfg(test)]
mod tests {
    use crate::facts::establish;
    use crate::facts::tests::plain_evidence;
    use crate::model::test_support::message;
    use crate::model::{PartKind, Place, Sourced};
    use std::sync::Arc;

    #[test]
    fn numbers_offered_for_verifying_are_compared() {
        for (name, sender, phones, words, expected) in [
            ("the number on record", "a@acmebuilding.co.uk", &["+442079460018"][..], true, false),
            ("written as at home", "a@acmebuilding.co.uk", &["02079460018"], true, false),
            ("another number", "a@acmebuilding.co.uk", &["+447700900123"], true, true),
            ("one of two", "a@acmebuilding.co.uk", &["+442079460018", "+447700900123"], true, true),
            ("nobody speaks of verifying", "a@acmebuilding.co.uk", &["+447700900123"], false, false),
            ("no number", "a@acmebuilding.co.uk", &[], true, false),
            ("no number on record", "a@boltfixings.example", &["+447700900123"], true, false),
            ("a stranger", "a@stranger.example", &["+447700900123"], true, false),
        ] {
            let mut evidence = plain_evidence();
            evidence.message = Arc::new(message(sender, None));
            evidence.claims.phones = phones.iter().map(|phone| (*phone).to_owned()).collect();
            if words {
                let value = ("call_here".to_owned(), "call this number to verify".to_owned());
                evidence.claims.phrases = vec![Sourced { value, place: Place::of(PartKind::Body, 0) }];
            }
            let facts = establish(&evidence);
            assert_eq!(facts.claims.call_back_off_record, expected, "{name}");
            assert_eq!(facts.phrases.call_here, words, "{name}");
        }
    }
}
