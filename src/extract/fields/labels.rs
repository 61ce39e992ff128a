//! The words that stand before, above or after a number and say what it is, found in one Aho-Corasick pass.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use std::sync::LazyLock;

/// Labels of one text that are looked at; a text with more is reported as not read in full.
pub(in crate::extract) const MAX_LABELS: usize = 50_000;

/// What a label announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::extract) enum Label {
    /// An IBAN.
    Iban,
    /// A UK sort code.
    SortCode,
    /// An account number of any country.
    Account,
    /// A US routing number.
    Routing,
    /// An Australian BSB.
    Bsb,
    /// A Canadian transit number.
    Transit,
    /// A Canadian institution number.
    Institution,
    /// An Indian IFSC.
    Ifsc,
    /// An invoice number.
    InvoiceNumber,
    /// The date by which to pay.
    DueDate,
    /// A tax number.
    Vat,
    /// A company registration number.
    Company,
    /// Bank details in general: a pair of numbers without labels of its own may follow.
    Bank,
    /// A SEPA creditor identifier or reference: never an account.
    Creditor,
    /// A phone number, order number, date …: never an account.
    Other,
}

impl Label {
    /// Whether a number that follows may be an account number.
    pub(in crate::extract) fn is_payment(self) -> bool {
        use Label::{Account, Bsb, Iban, Ifsc, Institution, Routing, SortCode, Transit};
        matches!(self, Account | Bsb | Iban | Ifsc | Institution | Routing | SortCode | Transit)
    }
}

/// A label and where it stands.
#[derive(Clone, Copy, Debug)]
pub(in crate::extract) struct Hit {
    /// What it announces.
    pub(in crate::extract) label: Label,
    /// Offset of its first octet.
    pub(in crate::extract) start: usize,
    /// Offset after its last octet.
    pub(in crate::extract) end: usize,
}

const WORDS: &[(Label, &[&str])] = &[
    (Label::Iban, &["iban", "i.b.a.n"]),
    (
        Label::SortCode,
        &[
            "sort code",
            "sort",
            "sortcode",
            "sort-code",
            "sort code number",
            "sort code no",
            "bank sort code",
            "s/c",
            "sort no",
            "sort/code",
            "sc",
            "bank code",
            "sort-code no",
            "sorting code",
            "branch code",
            "branch sort code",
            "national sort code",
            "nsc",
            "s.c",
            "s. code",
            "s code",
        ],
    ),
    (
        Label::Account,
        &[
            "account number",
            "account no",
            "account num",
            "account nr",
            "account #",
            "account",
            "acct number",
            "acct no",
            "acct",
            "acct #",
            "acc number",
            "acc no",
            "ac",
            "acc. no",
            "acc. number",
            "acc num",
            "acc",
            "a/c number",
            "a/c no",
            "a/c",
            "ac no",
            "ac number",
            "acct. no",
            "bank account",
            "bank a/c",
            "bank acc",
            "account/iban",
            "beneficiary account",
            "konto",
            "kontonummer",
            "konto-nr",
            "compte",
            "cuenta",
            "conto",
            "rekening",
            "rekeningnummer",
            "conta",
            "rachunek",
            "nr rachunku",
            "numer konta",
            "numer rachunku",
        ],
    ),
    (
        Label::Bank,
        &[
            "bank details",
            "bank",
            "bacs",
            "faster payment",
            "faster payments",
            "chaps",
            "pay to",
            "payable to",
            "remit to",
            "transfer to",
        ],
    ),
    (
        Label::Routing,
        &[
            "routing number",
            "routing no",
            "routing #",
            "routing",
            "routing code",
            "aba",
            "aba number",
            "aba no",
            "aba #",
            "aba routing number",
            "rtn",
            "ach routing",
            "wire routing",
            "ach routing number",
            "wire routing number",
            "routing/aba",
            "aba/routing",
            "routing transit number",
            "routing (aba)",
            "aba/rtn",
        ],
    ),
    (Label::Bsb, &["bsb", "bsb number", "bsb no", "bsb code", "bsb #"]),
    (
        Label::Transit,
        &["transit", "transit number", "transit no", "transit #", "branch transit", "branch transit number"],
    ),
    (
        Label::Institution,
        &["institution", "institution number", "institution no", "institution #", "institution code"],
    ),
    (Label::Ifsc, &["ifsc", "ifsc code", "ifs code", "rtgs/ifsc", "neft/ifsc", "ifsc/rtgs"]),
    (
        Label::InvoiceNumber,
        &[
            "invoice number",
            "invoice no",
            "invoice nr",
            "invoice num",
            "invoice #",
            "invoice ref",
            "invoice id",
            "invoice reference",
            "inv no",
            "inv number",
            "inv. no",
            "inv #",
            "invoice",
            "inv",
            "tax invoice",
            "rechnungsnummer",
            "rechnungs-nr",
            "rechnungsnr",
            "rechnung nr",
            "rechnung-nr",
            "rechnung",
            "re-nr",
            "facture n°",
            "facture no",
            "facture",
            "numéro de facture",
            "n° de facture",
            "n° facture",
            "número de factura",
            "factura nº",
            "nº factura",
            "nº de factura",
            "factura n.",
            "factura",
            "fattura n",
            "fattura n.",
            "fattura nr",
            "fattura",
            "numero fattura",
            "factuurnummer",
            "factuur nr",
            "factuurnr",
            "factuur",
            "fatura nº",
            "fatura n.º",
            "fatura",
            "nº da fatura",
            "faktura nr",
            "nr faktury",
            "numer faktury",
            "faktura vat nr",
            "faktura",
        ],
    ),
    (
        Label::DueDate,
        &[
            "due date",
            "payment due",
            "payment due date",
            "due on",
            "due by",
            "due",
            "pay by",
            "payable by",
            "date due",
            "payment date",
            "fällig am",
            "fällig",
            "zahlbar bis",
            "fälligkeitsdatum",
            "fälligkeit",
            "échéance",
            "date d'échéance",
            "date limite de paiement",
            "à payer avant le",
            "fecha de vencimiento",
            "vencimiento",
            "vence el",
            "scadenza",
            "data di scadenza",
            "data scadenza",
            "vervaldatum",
            "vervaldag",
            "te betalen voor",
            "betalen vóór",
            "data de vencimento",
            "vencimento",
            "termin płatności",
            "płatne do",
        ],
    ),
    (
        Label::Vat,
        &[
            "vat",
            "vat no",
            "vat number",
            "vat reg",
            "vat reg no",
            "vat registration",
            "vat registration number",
            "vat registration no",
            "vat id",
            "vat reg. no",
            "vat no.",
            "tax number",
            "tax id",
            "tax no",
            "ust-id",
            "ust-idnr",
            "ust.-idnr",
            "ustidnr",
            "ust-id-nr",
            "umsatzsteuer-id",
            "tva",
            "n° tva",
            "tva intracommunautaire",
            "numéro de tva",
            "nif",
            "cif",
            "nif-iva",
            "p.iva",
            "p. iva",
            "partita iva",
            "p.i",
            "btw",
            "btw-nummer",
            "btw nummer",
            "btw nr",
            "btw-nr",
            "nip",
            "contribuinte",
            "nipc",
            "abn",
            "ein",
        ],
    ),
    (
        Label::Company,
        &[
            "company number",
            "company no",
            "company reg",
            "company reg no",
            "company registration",
            "company reg. no",
            "company registration number",
            "company registration no",
            "registration number",
            "registration no",
            "reg no",
            "reg. no",
            "registered number",
            "registered no",
            "registered company number",
            "companies house",
            "crn",
            "company registered number",
            "registered in england",
            "registered in england and wales",
            "registered in england & wales",
            "registered in scotland",
            "registered in northern ireland",
        ],
    ),
    (
        Label::Creditor,
        &[
            "creditor id",
            "creditor identifier",
            "creditor reference",
            "gläubiger-id",
            "gläubiger-identifikationsnummer",
            "gläubiger-identnummer",
            "identifiant créancier",
            "ics",
            "incassant id",
            "incassant-id",
            "mandate",
            "mandate reference",
            "mandatsreferenz",
            "service user number",
            "sun",
        ],
    ),
    (
        Label::Other,
        &[
            "tel",
            "telephone",
            "phone",
            "fax",
            "mobile",
            "mob",
            "call",
            "order number",
            "order no",
            "order",
            "po number",
            "po no",
            "purchase order",
            "customer number",
            "customer no",
            "customer id",
            "client number",
            "job number",
            "job no",
            "reference",
            "ref",
            "payment reference",
            "date",
            "invoice date",
            "quote no",
            "quote number",
            "serial",
            "serial number",
            "account manager",
            "account name",
            "account holder",
            "account type",
            "account balance",
            "account executive",
            "account team",
            "statement of account",
            "your account",
            "customer account",
            "customer account number",
            "bic",
            "swift",
            "swift code",
            "bic/swift",
            "case number",
            "case",
            "ticket",
            "policy",
            "policy number",
            "meter",
            "meter number",
            "amount",
            "total",
            "balance",
            "postcode",
            "zip",
            "pin",
            "utr",
            "utr number",
            "eori",
            "d-u-n-s",
            "duns",
            "cis",
        ],
    ),
];

struct Table {
    automaton: AhoCorasick,
    labels: Vec<Label>,
}

#[expect(clippy::expect_used, reason = "the words are constants; a test builds the table")]
static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut words = Vec::new();
    let mut labels = Vec::new();
    for (label, list) in WORDS {
        for word in *list {
            words.push((*word).to_owned());
            labels.push(*label);
            // The automaton folds ASCII only: give it capitals of accented words.
            if !word.is_ascii() {
                words.push(word.to_uppercase());
                labels.push(*label);
                let mut first = word.chars();
                let head = first.next().map(|c| c.to_uppercase().collect::<String>()).unwrap_or_default();
                words.push(head + first.as_str());
                labels.push(*label);
            }
        }
    }
    let automaton = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .kind(Some(AhoCorasickKind::DFA))
        .match_kind(MatchKind::LeftmostLongest)
        .build(&words)
        .expect("constant words");
    Table { automaton, labels }
});

/// All labels of a normalised text at word boundaries.
pub(super) fn find(text: &str) -> Vec<Hit> {
    let bytes = text.as_bytes();
    let joins = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphabetic() || *b >= 0x80);
    let at = |i: usize| bytes.get(i);
    // "sort_code" in forms and data; the offsets stay.
    let text = text.replace('_', " ");
    TABLE
        .automaton
        .find_iter(&text)
        .filter(|m| {
            let before = m.start().checked_sub(1).and_then(at);
            // A digit directly before makes it no word ("12acc", but "200000Account"), one directly after does not.
            let capital = at(m.start()).is_some_and(u8::is_ascii_uppercase);
            !joins(before) && (capital || !before.is_some_and(u8::is_ascii_digit)) && !joins(at(m.end()))
                || glued_iban(bytes, m.start(), m.end())
        })
        .filter_map(|m| {
            let label = *TABLE.labels.get(m.pattern().as_usize())?;
            Some(Hit { label, start: m.start(), end: m.end() })
        })
        .take(MAX_LABELS)
        .collect()
}

/// `IBANGB29…`, as copied out of forms.
fn glued_iban(bytes: &[u8], start: usize, end: usize) -> bool {
    bytes.get(start..end).is_some_and(|w| w.eq_ignore_ascii_case(b"iban"))
        && matches!(bytes.get(end..end + 4), Some([a, b, c, d])
            if a.is_ascii_uppercase() && b.is_ascii_uppercase() && c.is_ascii_digit() && d.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_whole_words() {
        for (text, expected) in [
            ("Sort Code: 1", vec![Label::SortCode]),
            ("resort codex", vec![]),
            ("IBANGB29", vec![Label::Iban]),
            ("FÄLLIG AM", vec![Label::DueDate]),
            ("account manager", vec![Label::Other]),
            ("accounts", vec![]),
            ("Acc No. 1", vec![Label::Account]),
        ] {
            assert_eq!(find(text).iter().map(|h| h.label).collect::<Vec<_>>(), expected, "{text}");
        }
    }
}
