//! What a QR code asks for: the formats in which payments are written into codes → lines of label and value.
//!
//! The lines are read by the same finders as every other text, so that an account out of a code is checked and compared
//! as one that is printed. EPC069-12 (SEPA credit transfer, `GiroCode`), Swiss QR-bill (SIX, implementation guidelines
//! 2.2 and 2.3), `payto:` (RFC 8905), `BezahlCode`, SPAYD (Czechia, Slovakia), UPNQR (Slovenia), UPI (India), BIP 21. A code of
//! another kind keeps its text as it is.

use super::codes::Found;
use crate::extract::percent;
use std::fmt::Write as _;

/// Parameters of one address that are looked at.
const MAX_PARAMETERS: usize = 40;

/// A code that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::extract) struct Code {
    /// Lines of label and value; the code's own text where it is no payment.
    pub(in crate::extract) text: String,
    /// Where it leads, if it is an address.
    pub(in crate::extract) link: Option<String>,
}

/// A payment as the formats tell it. Empty: not told.
#[derive(Default)]
struct Payment {
    payee: String,
    /// Label and number of the account.
    account: Vec<(&'static str, String)>,
    bic: String,
    amount: String,
    currency: String,
    reference: String,
    message: String,
}

impl Payment {
    fn iban(iban: &str) -> Self {
        Self { account: vec![("IBAN", iban.to_owned())], ..Self::default() }
    }

    fn lines(&self) -> String {
        let mut lines = String::new();
        let amount = format!("{} {}", self.currency, self.amount);
        let amount = if self.amount.is_empty() { "" } else { amount.trim() };
        let account = self.account.iter().map(|(label, number)| (*label, number.as_str()));
        let around = [("BIC", self.bic.as_str()), ("Amount", amount), ("Reference", &self.reference)];
        let all = std::iter::once(("Beneficiary", self.payee.as_str())).chain(account).chain(around);
        for (label, value) in all.filter(|(_, value)| !value.trim().is_empty()) {
            // Nothing of the code may pass for a line with a label of its own.
            let value: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            // Writing to a text cannot fail.
            writeln!(lines, "{label}: {}", value.trim()).ok();
        }
        if !self.message.trim().is_empty() {
            lines.push('\n');
            lines.push_str(self.message.trim());
        }
        lines
    }
}

/// Reads a code.
pub(in crate::extract) fn read(found: &Found) -> Code {
    let text = found.text.trim();
    let lines = || found.lines();
    let head = text.get(..text.floor_char_boundary(12)).unwrap_or_default().to_ascii_lowercase();
    let payment = if head.starts_with("bcd") {
        epc(&lines())
    } else if head.starts_with("spc") {
        swiss(&lines())
    } else if head.starts_with("upnqr") {
        slovenian(&lines())
    } else if head.starts_with("spd*") {
        Some(czech(text))
    } else if head.starts_with("payto:") {
        payto(text)
    } else if head.starts_with("bank:") || head.starts_with("bank.") {
        Some(bezahlcode(text))
    } else if head.starts_with("upi:") {
        Some(upi(text))
    } else {
        currency_of(&head).map(|currency| coin(text, currency))
    };
    let is_link = head.starts_with("http://") || head.starts_with("https://") || head.starts_with("www.");
    Code {
        link: is_link.then(|| text.to_owned()),
        text: payment.map_or_else(|| text.to_owned(), |payment| payment.lines()),
    }
}

/// EPC069-12, versions 001 and 002; the elements are lines, those at the end may be left out.
fn epc(lines: &[String]) -> Option<Payment> {
    let at = |index: usize| lines.get(index).map(|line| line.trim()).unwrap_or_default();
    if at(0) != "BCD" || !at(3).eq_ignore_ascii_case("SCT") && !at(3).eq_ignore_ascii_case("INST") {
        return None;
    }
    let amount = at(7);
    let (currency, amount) = amount.split_at_checked(3).unwrap_or(("", amount));
    Some(Payment {
        payee: at(5).to_owned(),
        bic: at(4).to_owned(),
        amount: amount.to_owned(),
        currency: currency.to_owned(),
        reference: at(9).to_owned(),
        message: [at(10), at(11)].join("\n"),
        ..Payment::iban(at(6))
    })
}

/// Swiss QR-bill: `SPC`, version, coding, IBAN or QR-IBAN, creditor (7), final creditor (7), amount, currency, debtor (7),
/// kind of reference, reference, message, `EPD`.
fn swiss(lines: &[String]) -> Option<Payment> {
    let at = |index: usize| lines.get(index).map(|line| line.trim().to_owned()).unwrap_or_default();
    if at(0) != "SPC" {
        return None;
    }
    Some(Payment {
        payee: at(5),
        amount: at(18),
        currency: at(19),
        reference: at(28),
        message: at(29),
        ..Payment::iban(&at(3))
    })
}

/// UPNQR of the Slovenian banks: the fifteenth line is the payee's account, the ninth the amount in cents.
fn slovenian(lines: &[String]) -> Option<Payment> {
    let at = |index: usize| lines.get(index).map(|line| line.trim().to_owned()).unwrap_or_default();
    let cents: u64 = at(8).parse().ok()?;
    Some(Payment {
        payee: at(16),
        amount: format!("{}.{:02}", cents / 100, cents % 100),
        currency: "EUR".to_owned(),
        reference: at(15),
        message: at(12),
        ..Payment::iban(&at(14))
    })
}

/// Short Payment Descriptor: `SPD*1.0*ACC:CZ5855000000001265098001+RZBCCZPP*AM:480.50*CC:CZK*RN:NAME*MSG:TEXT`.
fn czech(text: &str) -> Payment {
    let mut payment = Payment::default();
    for part in text.split('*').skip(2).take(MAX_PARAMETERS) {
        let (key, value) = part.split_once(':').unwrap_or((part, ""));
        let value = percent::text(value);
        match key {
            "ACC" | "ALT-ACC" => {
                for account in value.split(',').take(MAX_PARAMETERS) {
                    let (iban, bic) = account.split_once('+').unwrap_or((account, ""));
                    payment.account.push(("IBAN", iban.to_owned()));
                    bic.clone_into(&mut payment.bic);
                }
            }
            "AM" => payment.amount = value,
            "CC" => payment.currency = value,
            "RN" => payment.payee = value,
            "RF" | "X-VS" => payment.reference = value,
            "MSG" => payment.message = value,
            _ => {}
        }
    }
    payment
}

/// `payto://METHOD/…?amount=EUR:10&receiver-name=…&message=…` (RFC 8905).
fn payto(text: &str) -> Option<Payment> {
    let (path, query) = parts(text);
    let path = path.trim_start_matches(|c: char| c != '/').trim_start_matches('/');
    let mut steps = path.split('/').map(percent::text);
    let method = steps.next()?.to_ascii_lowercase();
    let steps: Vec<String> = steps.filter(|step| !step.is_empty()).collect();
    let [.., last] = steps.as_slice() else { return None };
    let account = match (method.as_str(), steps.as_slice()) {
        ("iban" | "sepa", _) => vec![("IBAN", last.clone())],
        ("ach", [routing, number]) => {
            vec![("Routing number", routing.clone()), ("Account number", number.clone())]
        }
        ("upi", _) => vec![("UPI ID", last.clone())],
        ("bitcoin", _) => vec![("Bitcoin", last.clone())],
        _ => return None,
    };
    let mut payment = Payment { account, ..Payment::default() };
    if let ("iban", [bic, _]) = (method.as_str(), steps.as_slice()) {
        payment.bic.clone_from(bic);
    }
    for (key, value) in query {
        match key.as_str() {
            "amount" => {
                let (currency, amount) = value.split_once(':').unwrap_or(("", &value));
                (payment.currency, payment.amount) = (currency.to_owned(), amount.to_owned());
            }
            "receiver-name" => payment.payee = value,
            "message" | "instruction" => payment.message = value,
            _ => {}
        }
    }
    Some(payment)
}

/// `bank://singlepaymentsepa?name=…&iban=…&bic=…&amount=…&currency=…&reason=…`, and the older form with account and BLZ.
fn bezahlcode(text: &str) -> Payment {
    let mut payment = Payment::default();
    for (key, value) in parts(text).1 {
        match key.as_str() {
            "name" => payment.payee = value,
            "iban" => payment.account.push(("IBAN", value)),
            "account" => payment.account.push(("Kontonummer", value)),
            "bnc" => payment.account.push(("BLZ", value)),
            "bic" => payment.bic = value,
            "amount" => payment.amount = value.replace(',', "."),
            "currency" => payment.currency = value,
            "reason" => payment.message = value,
            _ => {}
        }
    }
    payment
}

/// `upi://pay?pa=name@bank&pn=NAME&am=10.00&cu=INR&tn=TEXT` (NPCI).
fn upi(text: &str) -> Payment {
    let mut payment = Payment::default();
    for (key, value) in parts(text).1 {
        match key.as_str() {
            "pa" => payment.account.push(("UPI ID", value)),
            "pn" => payment.payee = value,
            "am" => payment.amount = value,
            "cu" => payment.currency = value,
            "tr" => payment.reference = value,
            "tn" => payment.message = value,
            _ => {}
        }
    }
    payment
}

fn currency_of(head: &str) -> Option<&'static str> {
    [("bitcoin:", "Bitcoin"), ("ethereum:", "Ethereum"), ("litecoin:", "Litecoin")]
        .iter()
        .find(|(scheme, _)| head.starts_with(scheme))
        .map(|(_, name)| *name)
}

/// `bitcoin:ADDRESS?amount=0.1&label=NAME` (BIP 21) and those after it.
fn coin(text: &str, currency: &'static str) -> Payment {
    let (path, query) = parts(text);
    let address = path.split_once(':').map_or(path, |(_, address)| address);
    let address = address.split('@').next().unwrap_or_default().trim_start_matches("pay-");
    let mut payment = Payment { account: vec![(currency, address.to_owned())], ..Payment::default() };
    for (key, value) in query {
        match key.as_str() {
            "label" => payment.payee = value,
            "message" => payment.message = value,
            _ => {}
        }
    }
    payment
}

/// What stands before the question mark, and the pairs after it.
fn parts(text: &str) -> (&str, Vec<(String, String)>) {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    let pairs = query.split('&').take(MAX_PARAMETERS).filter_map(|pair| pair.split_once('='));
    let pairs = pairs.map(|(key, value)| (key.to_ascii_lowercase(), percent::text(&value.replace('+', " "))));
    (path, pairs.collect())
}
