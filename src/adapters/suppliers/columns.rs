//! Which column is which: the canonical names and those that ledgers export.
//!
//! Headers are compared without case, spaces, underscores, stars and punctuation, so `*ContactName`, `contact_name`
//! and `Contact Name` are one. To recognise another ledger, add its header to [`ALIASES`].

use super::csv::RowError;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Column {
    SupplierId,
    Name,
    Aliases,
    Domains,
    Website,
    Emails,
    Phones,
    VatNumber,
    CompanyNumber,
    Country,
    Iban,
    Bic,
    SortCode,
    AccountNumber,
    RoutingNumber,
    Bsb,
    TransitNumber,
    InstitutionNumber,
    Ifsc,
    /// A bank code of whatever kind the country has.
    BankCode,
    AccountName,
    Status,
}

/// The header row of an export, in this order.
pub(super) const CANONICAL: [&str; 20] = [
    "supplier_id",
    "name",
    "aliases",
    "domains",
    "emails",
    "phones",
    "vat_number",
    "company_number",
    "country",
    "iban",
    "bic",
    "sort_code",
    "account_number",
    "routing_number",
    "bsb",
    "transit_number",
    "institution_number",
    "ifsc",
    "account_name",
    "status",
];

/// Folded headers by column, the preferred first: where a file has several of a single-valued column, the earliest
/// alias wins; addresses, phones and aliases are gathered from all.
const ALIASES: &[(Column, &[&str])] = &[
    (
        Column::SupplierId,
        &[
            "supplierid",
            "vendorid",
            "suppliercode",
            "vendorcode",
            "supplierno",
            "vendorno",
            "suppliernumber",
            "vendornumber",
            "creditorid",
            "payeeid",
            // Business Central, MYOB, Sage, Xero, NetSuite.
            "no",
            "number",
            "cardid",
            "displayid",
            "ac",
            "accountreference",
            "accountref",
            "reference",
            "contactnumber",
            "contactid",
            "entityid",
            "id",
        ],
    ),
    (
        Column::Name,
        &[
            "suppliername",
            "vendorname",
            "name",
            "contactname",
            "displayname",
            "vendor",
            "supplier",
            "payee",
            "payeename",
            "creditor",
            "creditorname",
            "company",
            "companyname",
            "colastname",
            "searchname",
            "legalname",
        ],
    ),
    (
        Column::Aliases,
        &[
            "aliases",
            "alias",
            "tradingas",
            "tradingname",
            "tradingnames",
            "legalname",
            "companyname",
            "name2",
            "printoncheckname",
            "printoncheckas",
        ],
    ),
    (Column::Domains, &["domains", "domain", "emaildomain", "emaildomains"]),
    (Column::Website, &["website", "web", "www", "homepage", "url", "webaddress", "websiteaddress"]),
    (
        Column::Emails,
        &[
            "emails",
            "email",
            "emailaddress",
            "emailaddresses",
            "remittanceemail",
            "accountsemail",
            "email1",
            "mainemail",
            "primaryemailaddr",
            "ccemail",
            "person1email",
            "person2email",
        ],
    ),
    (
        Column::Phones,
        &[
            "phones",
            "phone",
            "phoneno",
            "phonenumber",
            "phonenumbers",
            "telephone",
            "telephone1",
            "phone1",
            "mainphone",
            "primaryphone",
            "ddinumber",
            "mobile",
            "mobilenumber",
            "mobilephoneno",
            "altphone",
            "alternatephone",
        ],
    ),
    (
        Column::VatNumber,
        &[
            "vatnumber",
            "vat",
            "vatno",
            "vatregistrationno",
            "vatregistrationnumber",
            "vatregno",
            "vatregnumber",
            "taxnumber",
            "taxregistrationnumber",
            "taxidentifier",
            "taxid",
            "taxidno",
            "abn",
            "gst",
            "gstnumber",
            "gstin",
            "nzbn",
            "ein",
            "utr",
        ],
    ),
    (
        Column::CompanyNumber,
        &[
            "companynumber",
            "companyno",
            "companyregno",
            "companyregistrationnumber",
            "registrationnumber",
            "registrationno",
            "registerednumber",
            "businessnumber",
            "acn",
            "crn",
        ],
    ),
    (Column::Country, &["country", "countrycode", "countryregioncode", "bankcountry", "countryregion"]),
    (Column::Iban, &["iban", "ibannumber", "bankiban"]),
    (Column::Bic, &["bic", "swift", "swiftcode", "bicswift", "swiftbic", "biccode", "bankswift"]),
    (Column::SortCode, &["sortcode", "banksortcode", "bacssortcode"]),
    (
        Column::AccountNumber,
        &[
            "bankaccountnumber",
            "bankaccountno",
            "bankaccount",
            "bankacctno",
            "accountnumber",
            "accountno",
            "acctno",
            "bankaccountdetails",
            "batchpaymentsbankaccountnumber",
        ],
    ),
    (
        Column::RoutingNumber,
        &[
            "routingnumber",
            "routingno",
            "routing",
            "aba",
            "abanumber",
            "abaroutingnumber",
            "routingtransitnumber",
            "rtn",
        ],
    ),
    (Column::Bsb, &["bsb", "bsbnumber", "bsbno", "bankbsb"]),
    (Column::TransitNumber, &["transitnumber", "transitno", "banktransitno", "branchtransitnumber"]),
    (Column::InstitutionNumber, &["institutionnumber", "institutionno", "bankinstitutionnumber"]),
    (Column::Ifsc, &["ifsc", "ifsccode"]),
    (
        Column::BankCode,
        &["bankbranchno", "bankbranchidentifier", "bankcode", "bankclearingcode", "branchcode"],
    ),
    (
        Column::AccountName,
        &[
            "accountname",
            "bankaccountname",
            "bankaccountholder",
            "accountholder",
            "batchpaymentsbankaccountname",
        ],
    ),
    (Column::Status, &["status", "accountstatus"]),
];

/// Columns that make an account number a bank account.
const BANK_CODES: &[Column] = &[
    Column::SortCode,
    Column::RoutingNumber,
    Column::Bsb,
    Column::TransitNumber,
    Column::Ifsc,
    Column::BankCode,
    Column::Bic,
];

/// Columns of a Sage 50 supplier record, which has a fixed order and often no header row: A account code, B name,
/// I phone, O tax number, AA mail, AB web, AL account name, AM sort code, AN account number.
const SAGE_50: &[(usize, Column, &str)] = &[
    (0, Column::SupplierId, "A (A/C)"),
    (1, Column::Name, "B (name)"),
    (8, Column::Phones, "I (telephone)"),
    (14, Column::VatNumber, "O (VAT number)"),
    (26, Column::Emails, "AA (e-mail)"),
    (27, Column::Website, "AB (web)"),
    (37, Column::AccountName, "AL (account name)"),
    (38, Column::SortCode, "AM (sort code)"),
    (39, Column::AccountNumber, "AN (account number)"),
];
/// Cells that a Sage 50 record has at least.
const SAGE_50_CELLS: usize = 40;
/// Characters of a Sage 50 account code.
const SAGE_50_CODE: usize = 8;

/// The columns that were found: position, meaning, header as written; by meaning, the preferred first.
pub(super) struct Columns {
    found: Vec<(usize, Column, String)>,
    pub(super) count: usize,
}

impl Columns {
    /// From a header row. `Ok(None)` when the row is no header at all; notes duplicate headers as warnings.
    pub(super) fn from_header(
        header: &::csv::StringRecord,
        line: u64,
        warnings: &mut Vec<RowError>,
    ) -> Option<Self> {
        let folded: Vec<String> = header.iter().map(fold_header).collect();
        // In Xero's export `AccountNumber` is the ledger's code of the contact, the bank's is `BankAccountNumber`.
        let xero =
            folded.iter().any(|h| h == "bankaccountnumber") && folded.iter().any(|h| h == "contactname");
        let is_bank_code = |c: Column| BANK_CODES.contains(&c);
        let mut codes = ALIASES.iter().filter(|(c, _)| is_bank_code(*c)).flat_map(|(_, names)| *names);
        let bank_codes = codes.any(|name| folded.iter().any(|h| h == name));
        let mut found = Vec::new();
        for (column, aliases) in ALIASES {
            for alias in *aliases {
                // QuickBooks' `Account No.` is our number at the vendor, unless a bank code stands beside it.
                let ours = !bank_codes && matches!(*alias, "accountno" | "acctno");
                if ours || xero && *alias == "accountnumber" {
                    continue;
                }
                let mut at = folded.iter().enumerate().filter(|(_, h)| h == alias).map(|(i, _)| i);
                if let Some(first) = at.next() {
                    let written = label(header.get(first).unwrap_or(alias));
                    if at.next().is_some() {
                        let reason =
                            "stands several times in the header row; only the first is read".to_owned();
                        warnings.push(RowError { line, column: written.clone(), reason });
                    }
                    found.push((first, *column, written));
                }
            }
        }
        if xero && let Some(at) = folded.iter().position(|h| h == "accountnumber") {
            found.push((at, Column::SupplierId, label(header.get(at).unwrap_or(""))));
        }
        (!found.is_empty()).then_some(Self { found, count: header.len() })
    }

    /// A Sage 50 supplier file without a header row, told by its width and the shape of its first cells.
    pub(super) fn sage_50(first: &::csv::StringRecord) -> Option<Self> {
        let code = first.get(0).unwrap_or("").trim();
        let fits = first.len() >= SAGE_50_CELLS
            && (1..=SAGE_50_CODE).contains(&code.chars().count())
            && first.get(1).is_some_and(|name| name.chars().any(char::is_alphabetic));
        let found = || SAGE_50.iter().map(|(at, column, name)| (*at, *column, (*name).to_owned())).collect();
        fits.then(|| Self { found: found(), count: first.len() })
    }

    /// Whether the file has this column.
    pub(super) fn has(&self, column: Column) -> bool {
        self.found.iter().any(|(_, c, _)| *c == column)
    }

    /// The first non-empty cell of a single-valued column: header as written and trimmed text.
    pub(super) fn cell<'r>(
        &'r self,
        row: &'r ::csv::StringRecord,
        column: Column,
    ) -> Option<(&'r str, &'r str)> {
        self.cells(row, column).next()
    }

    /// Every non-empty cell of a column, preferred header first.
    pub(super) fn cells<'r>(
        &'r self,
        row: &'r ::csv::StringRecord,
        column: Column,
    ) -> impl Iterator<Item = (&'r str, &'r str)> {
        self.found.iter().filter(move |(_, c, _)| *c == column).filter_map(|(at, _, written)| {
            let text = row.get(*at)?.trim();
            (!text.is_empty()).then_some((written.as_str(), text))
        })
    }
}

/// Lower-case letters and digits of a header: `*Contact_Name ` gives `contactname`.
fn fold_header(header: &str) -> String {
    header.chars().filter(|c| c.is_alphanumeric()).take(64).flat_map(char::to_lowercase).collect()
}

fn label(header: &str) -> String {
    header.trim().chars().filter(|c| !c.is_control()).take(64).collect()
}
