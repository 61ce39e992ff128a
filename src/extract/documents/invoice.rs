//! Electronic invoices: UBL 2 (Peppol, XRechnung), UN/CEFACT CII (XRechnung, Factur-X, ZUGFeRD), FatturaPA.
//!
//! What the payee claims comes out as lines with labels (`IBAN: …`), which the finders of plain text read; all other text
//! follows without its labels, except the payer's own data, of which only the account is told, as the payer's. Files inside the invoice are handed on.

use super::reading::Reading;
use super::xml::{self, Tag, Visitor};
use super::{File, Format};
use crate::limits::{DOCUMENT_PART, INVOICE_DEPTH};
use crate::model::SpanKind;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;

/// Octets in which the root element stands.
const HEAD: usize = 8_192;
/// What only the roots of these formats say.
const ROOTS: &[&str] = &[
    "CrossIndustryInvoice",
    "CrossIndustryDocument",
    "ubl:schema:xsd:Invoice-2",
    "ubl:schema:xsd:CreditNote-2",
    "FatturaElettronica",
];
/// Elements that speak of the payer.
const PAYER: &[&str] = &[
    "PayerFinancialAccount",
    "PayerPartyDebtorFinancialAccount",
    "PayerSpecifiedDebtorFinancialInstitution",
    "AccountingCustomerParty",
    "BuyerTradeParty",
    "CessionarioCommittente",
];
/// The payer's accounts among them.
const PAYER_ACCOUNTS: &[&str] = &["PayerFinancialAccount", "PayerPartyDebtorFinancialAccount"];
/// Elements that hold a file in base64.
const FILES: &[&str] = &["EmbeddedDocumentBinaryObject", "AttachmentBinaryObject", "Attachment"];
/// Elements at whose end an account is complete.
const ACCOUNTS: &[&str] =
    &["PayeeFinancialAccount", "SpecifiedTradeSettlementPaymentMeans", "DettaglioPagamento"];

/// Electronic invoices.
pub(super) struct Invoice;

impl Format for Invoice {
    fn media_type(&self) -> &'static str {
        "application/xml"
    }

    fn accepts(&self, file: &File<'_>) -> bool {
        is_invoice(file.octets)
    }

    fn read(&self, file: &File<'_>, reading: &mut Reading<'_>) {
        let octets = reading.unpack_part(file.octets);
        let mut invoice = Fields::default();
        if let Some(why) = xml::walk(&xml::decode(&octets), INVOICE_DEPTH, &mut invoice) {
            reading.gap(why);
        }
        reading.say(SpanKind::Machine, None, &invoice.labelled);
        reading.say(SpanKind::Machine, None, &invoice.rest);
        reading.say(SpanKind::Payer, None, &invoice.payer);
        for (name, media_type, text) in invoice.files {
            let octets: Vec<u8> =
                text.into_bytes().into_iter().filter(|octet| !octet.is_ascii_whitespace()).collect();
            match STANDARD.decode(octets) {
                Ok(content) => reading.embed(&name, &media_type, content),
                Err(_) => reading.gap(crate::model::Unread::Damaged),
            }
        }
    }
}

/// Whether octets begin as an electronic invoice.
pub(in crate::extract) fn is_invoice(octets: &[u8]) -> bool {
    let head = xml::decode(octets.get(..HEAD).unwrap_or(octets));
    let head = head.trim_start_matches(['\u{FEFF}', ' ', '\r', '\n', '\t']);
    head.starts_with('<') && ROOTS.iter().any(|root| head.contains(root))
}

#[derive(Default)]
struct Fields {
    labelled: String,
    rest: String,
    /// Accounts that the payer is said to pay from.
    payer: String,
    files: Vec<(String, String, String)>,
    path: Vec<String>,
    text: String,
    /// Attributes of the current element that matter.
    attributes: BTreeMap<&'static str, String>,
    /// Currency of the whole invoice.
    currency: String,
    /// Country of the seller.
    country: String,
    /// Country part of an Italian tax number.
    tax_country: String,
    /// Name of the Italian attachment that follows.
    file_name: String,
    account: Account,
}

/// An account being put together.
#[derive(Default)]
struct Account {
    id: String,
    branch: String,
    bic: String,
    name: String,
}

impl Visitor for Fields {
    fn open(&mut self, tag: &Tag<'_>) {
        self.text.clear();
        self.path.push(tag.name().to_owned());
        self.attributes.clear();
        for name in ["currencyID", "filename", "mimeCode", "schemeID"] {
            if let Some(value) = tag.get(name) {
                self.attributes.insert(name, value);
            }
        }
    }

    fn close(&mut self, name: &str) {
        let text = std::mem::take(&mut self.text);
        if !text.trim().is_empty() {
            self.leaf(text.trim());
        }
        self.path.pop();
        if ACCOUNTS.contains(&name) {
            self.end_account();
        }
    }

    fn text(&mut self, text: &str) {
        if self.text.len() < DOCUMENT_PART {
            self.text.push_str(text);
        }
    }
}

impl Fields {
    /// Whether an element is open.
    fn inside(&self, name: &str) -> bool {
        self.path.iter().any(|open| open == name)
    }

    /// The element that is `up` above the current one.
    fn parent(&self, up: usize) -> &str {
        self.path.iter().rev().nth(up).map_or("", String::as_str)
    }

    fn attribute(&self, name: &str) -> String {
        self.attributes.get(name).cloned().unwrap_or_default()
    }

    fn label(&mut self, label: &str, value: &str) {
        if !value.is_empty() {
            self.labelled.push_str(label);
            self.labelled.push_str(": ");
            self.labelled.push_str(value);
            self.labelled.push('\n');
        }
    }

    fn leaf(&mut self, text: &str) {
        let name = self.parent(0).to_owned();
        if FILES.contains(&name.as_str()) {
            let called = Some(self.attribute("filename")).filter(|name| !name.is_empty());
            let called = called.unwrap_or_else(|| std::mem::take(&mut self.file_name));
            self.files.push((called, self.attribute("mimeCode"), text.to_owned()));
            return;
        }
        if name == "NomeAttachment" {
            text.clone_into(&mut self.file_name);
        }
        if PAYER.iter().any(|payer| self.inside(payer)) {
            if PAYER_ACCOUNTS.contains(&self.parent(1)) && matches!(name.as_str(), "ID" | "IBANID") {
                self.payer.push_str("IBAN: ");
                self.payer.push_str(text);
                self.payer.push('\n');
            }
            return;
        }
        self.rest.push_str(text);
        self.rest.push('\n');
        if !self.account_leaf(&name, text) && !self.party_leaf(&name, text) {
            self.invoice_leaf(&name, text);
        }
    }

    fn account_leaf(&mut self, name: &str, text: &str) -> bool {
        let parent = self.parent(1).to_owned();
        let field = match (parent.as_str(), name) {
            ("PayeeFinancialAccount", "ID")
            | ("PayeePartyCreditorFinancialAccount", "IBANID" | "ProprietaryID")
            | ("DettaglioPagamento", "IBAN") => {
                if !self.account.id.is_empty() {
                    // IBAN and a national number of one account, or a second one: both count.
                    self.end_account();
                }
                &mut self.account.id
            }
            ("FinancialInstitutionBranch", "ID")
            | ("PayeeSpecifiedCreditorFinancialInstitution", "GermanBankleitzahlID") => {
                &mut self.account.branch
            }
            ("FinancialInstitution", "ID")
            | ("PayeeSpecifiedCreditorFinancialInstitution", "BICID")
            | ("DettaglioPagamento", "BIC") => &mut self.account.bic,
            ("PayeeFinancialAccount", "Name")
            | ("PayeePartyCreditorFinancialAccount", "AccountName")
            | ("DettaglioPagamento", "Beneficiario") => &mut self.account.name,
            _ => return false,
        };
        text.clone_into(field);
        true
    }

    fn party_leaf(&mut self, name: &str, text: &str) -> bool {
        let seller = ["AccountingSupplierParty", "SellerTradeParty", "CedentePrestatore"]
            .iter()
            .any(|party| self.inside(party));
        let payee = ["PayeeParty", "PayeeTradeParty"].iter().any(|party| self.inside(party));
        if !seller && !payee {
            return false;
        }
        let parent = self.parent(1).to_owned();
        match (parent.as_str(), name) {
            ("PartyTaxScheme", "CompanyID") => self.label("VAT number", text),
            ("SpecifiedTaxRegistration", "ID") if self.attribute("schemeID") != "FC" => {
                self.label("VAT number", text)
            }
            ("IdFiscaleIVA", "IdPaese") => text.clone_into(&mut self.tax_country),
            ("IdFiscaleIVA", "IdCodice") => {
                let number = format!("{}{text}", self.tax_country);
                self.label("VAT number", &number);
            }
            ("PartyLegalEntity", "CompanyID") | ("SpecifiedLegalOrganization", "ID") => {
                self.label("Company number", text)
            }
            ("Country", "IdentificationCode") | (_, "CountryID") => text.clone_into(&mut self.country),
            ("PartyName" | "PayeeTradeParty" | "SellerTradeParty", "Name")
            | ("PartyLegalEntity", "RegistrationName")
            | (_, "Denominazione") => {
                self.label(if payee { "Beneficiary" } else { "Supplier" }, text);
            }
            _ => return false,
        }
        true
    }

    fn invoice_leaf(&mut self, name: &str, text: &str) {
        let (parent, depth) = (self.parent(1).to_owned(), self.path.len());
        match (parent.as_str(), name) {
            (_, "DocumentCurrencyCode" | "InvoiceCurrencyCode" | "Divisa") => {
                text.clone_into(&mut self.currency)
            }
            ("ExchangedDocument" | "HeaderExchangedDocument", "ID") | ("DatiGeneraliDocumento", "Numero") => {
                self.label("Invoice number", text);
            }
            (_, "ID") if depth == 2 => self.label("Invoice number", text),
            (_, "DueDate" | "PaymentDueDate" | "DataScadenzaPagamento") => self.label("Due date", text),
            ("DueDateDateTime", "DateTimeString") => self.label("Due date", &basic_date(text)),
            ("IssueDateTime", "DateTimeString") if !self.inside("IncludedSupplyChainTradeLineItem") => {
                self.label("Invoice date", &basic_date(text));
            }
            (_, "IssueDate") if depth == 2 => self.label("Invoice date", text),
            (_, "PayableAmount" | "DuePayableAmount" | "ImportoPagamento") => {
                let own = self.attribute("currencyID");
                let currency = if own.is_empty() { self.currency.clone() } else { own };
                self.label("Amount due", format!("{currency} {text}").trim());
            }
            ("PaymentMeans", "PaymentID") | (_, "PaymentReference") => self.label("Reference", text),
            _ => {}
        }
    }

    /// Writes an account with the label of its form.
    fn end_account(&mut self) {
        let Account { id, branch, bic, name } = std::mem::take(&mut self.account);
        let compact: String = id.chars().filter(char::is_ascii_alphanumeric).collect();
        let is_iban = compact.len() >= 15
            && compact.bytes().take(2).all(|b| b.is_ascii_alphabetic())
            && compact.bytes().skip(2).take(2).all(|b| b.is_ascii_digit());
        let digits = branch.chars().filter(char::is_ascii_digit).count();
        let plain = !branch.is_empty() && branch.chars().all(|c| c.is_ascii_digit() || c == '-' || c == ' ');
        self.label("Account name", &name);
        if is_iban {
            self.label("IBAN", &id);
        } else if !id.is_empty() {
            match digits {
                6 if plain && self.country == "AU" => self.label("BSB", &branch),
                6 if plain => self.label("Sort code", &branch),
                9 if plain => self.label("Routing number", &branch),
                _ => self.label("Bank", &branch),
            }
            self.label("Account number", &id);
        }
        let bic = if bic.is_empty() && !plain && is_iban { branch } else { bic };
        self.label("BIC", &bic);
    }
}

/// `20261201` (format 102) as `2026-12-01`.
fn basic_date(text: &str) -> String {
    match (text.get(..4), text.get(4..6), text.get(6..8)) {
        (Some(year), Some(month), Some(day)) if text.len() == 8 => format!("{year}-{month}-{day}"),
        _ => text.to_owned(),
    }
}
