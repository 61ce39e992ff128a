//! Xero's contacts (accounting API 2.0) as rows: a saved answer of `GET /Contacts` and the live source share this.
//!
//! Xero keeps bank details twice, as `BankAccountDetails` and inside `BatchPayments`, and the two can disagree: then both
//! come in, each to be verified, and the disagreement is reported.

use super::csv::RowError;
use super::raw::RawRow;
use crate::model::account_check;
use serde::Deserialize;

/// One contact; fields that are not listed are ignored.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Contact {
    #[serde(rename = "ContactID")]
    pub(super) contact_id: String,
    pub(super) name: String,
    contact_status: String,
    email_address: String,
    website: String,
    tax_number: String,
    company_number: String,
    bank_account_details: String,
    batch_payments: Option<BatchPayments>,
    contact_persons: Vec<Person>,
    phones: Vec<Phone>,
    addresses: Vec<Address>,
    #[serde(deserialize_with = "flag")]
    is_supplier: bool,
    #[serde(rename = "MergedToContactID")]
    merged_to: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct BatchPayments {
    bank_account_number: String,
    bank_account_name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Person {
    email_address: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Phone {
    phone_type: String,
    phone_number: String,
    phone_area_code: String,
    phone_country_code: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Address {
    country: String,
}

/// Saved answers write `true`, some tools `"true"`.
fn flag<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(value.as_bool().unwrap_or_else(|| value.as_str() == Some("true")))
}

/// The columns of `rows`, as headers that are recognised.
const HEADER: [&str; 12] = [
    "supplier_id",
    "name",
    "emails",
    "phones",
    "website",
    "vat_number",
    "company_number",
    "country",
    "account_number",
    "iban",
    "account_name",
    "contact_status",
];

/// The header row.
pub(super) fn header() -> RawRow {
    RawRow { cells: HEADER.as_slice().into(), ..RawRow::default() }
}

impl Contact {
    /// Whether anybody pays it: Xero marks a contact as supplier only after its first bill.
    pub(super) fn is_supplier(&self) -> bool {
        self.is_supplier
            || !self.bank_account_details.trim().is_empty()
            || self.batch_payments.as_ref().is_some_and(|batch| !batch.bank_account_number.trim().is_empty())
            || !self.merged_to.is_empty()
    }

    /// Its rows: one, or two where it has two accounts. `line` counts contacts.
    pub(super) fn rows(&self, line: u64, notes: &mut Vec<RowError>) -> Vec<RawRow> {
        let batch = self.batch_payments.clone().unwrap_or_default();
        let (details, batch_number) = (self.bank_account_details.trim(), batch.bank_account_number.trim());
        let compact = |text: &str| account_check::compact(text).unwrap_or_else(|| text.to_owned());
        if details.is_empty() || batch_number.is_empty() || compact(details) == compact(batch_number) {
            let number = if details.is_empty() { batch_number } else { details };
            return vec![self.row(line, number, &batch.bank_account_name)];
        }
        let reason =
            "BankAccountDetails and BatchPayments name different accounts; both were taken, to be verified";
        notes.push(RowError { line, column: "BankAccountDetails".to_owned(), reason: reason.to_owned() });
        vec![self.row(line, details, ""), self.row(line, batch_number, &batch.bank_account_name)]
    }

    fn row(&self, line: u64, number: &str, holder: &str) -> RawRow {
        let persons = self.contact_persons.iter().map(|person| person.email_address.as_str());
        let emails: Vec<&str> = std::iter::once(self.email_address.as_str())
            .chain(persons)
            .filter(|mail| !mail.is_empty())
            .collect();
        let phones: Vec<String> = self.phones.iter().filter_map(Phone::written).collect();
        let country =
            self.addresses.iter().map(|address| address.country.trim()).find(|country| !country.is_empty());
        let is_iban = account_check::iban(number).is_ok();
        let merged = if self.merged_to.is_empty() { self.contact_status.as_str() } else { "ARCHIVED" };
        let (number, iban) = if is_iban { ("", number) } else { (number, "") };
        let cells = [
            self.contact_id.as_str(),
            &self.name,
            &emails.join("|"),
            &phones.join("|"),
            &self.website,
            &self.tax_number,
            &self.company_number,
            country.unwrap_or(""),
            number,
            iban,
            holder,
            merged,
        ];
        RawRow { line, cells: cells.as_slice().into(), ..RawRow::default() }
    }
}

impl Phone {
    /// As people write it; a fax is nobody's call-back.
    fn written(&self) -> Option<String> {
        if self.phone_number.trim().is_empty() || self.phone_type == "FAX" {
            return None;
        }
        let country = self.phone_country_code.trim().trim_start_matches('+');
        let country = if country.is_empty() { String::new() } else { format!("+{country}") };
        let parts = [country.as_str(), self.phone_area_code.trim(), self.phone_number.trim()];
        Some(parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact(text: &str) -> Contact {
        serde_json::from_str(text).expect("a contact")
    }

    #[test]
    fn two_places_for_one_account() {
        let mut notes = Vec::new();
        let same = contact(
            r#"{"ContactID":"a","Name":"Acme","BankAccountDetails":"082-082 12345678",
                "BatchPayments":{"BankAccountNumber":"08208212345678","BankAccountName":"Acme"}}"#,
        );
        assert_eq!((same.rows(1, &mut notes).len(), notes.len()), (1, 0));
        let differs = contact(
            r#"{"ContactID":"a","Name":"Acme","BankAccountDetails":"082-082 12345678",
                "BatchPayments":{"BankAccountNumber":"08208287654321"}}"#,
        );
        assert_eq!((differs.rows(1, &mut notes).len(), notes.len()), (2, 1));
    }

    #[test]
    fn customers_are_no_suppliers_and_a_fax_is_no_phone() {
        assert!(!contact(r#"{"ContactID":"a","Name":"Customer"}"#).is_supplier());
        assert!(contact(r#"{"ContactID":"a","Name":"S","IsSupplier":"true"}"#).is_supplier());
        let phones = contact(
            r#"{"Name":"S","Phones":[{"PhoneType":"FAX","PhoneNumber":"1"},
                {"PhoneType":"DEFAULT","PhoneNumber":"9999 1111","PhoneAreaCode":"2","PhoneCountryCode":"61"}]}"#,
        );
        let rows = phones.rows(1, &mut Vec::new());
        assert_eq!(rows[0].cells.get(3), Some("+61 2 9999 1111"));
    }
}
