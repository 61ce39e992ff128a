//! Which column is which: the canonical names and those that ledgers export.
//!
//! Headers are compared without case, spaces, underscores, stars and punctuation, so `*ContactName`, `contact_name`
//! and `Contact Name` are one. To recognise another ledger, add its header to [`super::aliases`].

use super::aliases::ALIASES;
use super::csv::RowError;
use super::map::{Map, Source};
use super::raw::{Mark, RawRow};

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
    /// MYOB splits the name of a person.
    FirstName,
    /// Whether the ledger still uses the supplier; what a value means depends on the header.
    Lifecycle,
}

impl Column {
    /// By the name that a map gives it: a canonical one, or `website`, `bank_code`, `lifecycle`.
    pub(super) fn named(name: &str) -> Option<Self> {
        MAPPABLE.iter().find(|(known, _)| *known == name).map(|(_, column)| *column)
    }

    /// Whether leading zeros mean something and a rounded number is another one.
    pub(super) fn is_identifier(self) -> bool {
        !matches!(
            self,
            Self::Name
                | Self::FirstName
                | Self::Aliases
                | Self::Domains
                | Self::Website
                | Self::Emails
                | Self::Country
                | Self::AccountName
                | Self::Status
                | Self::Lifecycle
        )
    }
}

/// What a map may name.
pub(super) const MAPPABLE: [(&str, Column); 23] = [
    ("supplier_id", Column::SupplierId),
    ("name", Column::Name),
    ("aliases", Column::Aliases),
    ("domains", Column::Domains),
    ("website", Column::Website),
    ("emails", Column::Emails),
    ("phones", Column::Phones),
    ("vat_number", Column::VatNumber),
    ("company_number", Column::CompanyNumber),
    ("country", Column::Country),
    ("iban", Column::Iban),
    ("bic", Column::Bic),
    ("sort_code", Column::SortCode),
    ("account_number", Column::AccountNumber),
    ("routing_number", Column::RoutingNumber),
    ("bsb", Column::Bsb),
    ("transit_number", Column::TransitNumber),
    ("institution_number", Column::InstitutionNumber),
    ("ifsc", Column::Ifsc),
    ("bank_code", Column::BankCode),
    ("account_name", Column::AccountName),
    ("status", Column::Status),
    ("lifecycle", Column::Lifecycle),
];

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

/// Where the text of a column comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Cell(usize),
    Constant(String),
}

/// One column of the file.
#[derive(Clone, Debug)]
struct Found {
    place: Place,
    column: Column,
    /// Its header as written.
    header: String,
}

/// The columns that were found; by meaning, the preferred first.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    found: Vec<Found>,
    /// Cells of the header row.
    pub(super) count: usize,
    /// Country (ISO 3166 alpha-2) of bank details in rows that name none.
    pub(super) country: Option<String>,
}

impl Columns {
    /// From a header row. `None` when the row is no header at all; notes duplicate headers as warnings.
    pub(super) fn from_header(
        header: &::csv::StringRecord,
        line: u64,
        warnings: &mut Vec<RowError>,
    ) -> Option<Self> {
        let folded: Vec<String> = header.iter().map(fold_header).collect();
        let layout = Layout::of(&folded);
        let mut found = Vec::new();
        for (column, aliases) in ALIASES {
            for alias in aliases.iter().filter(|alias| layout.means(*column, alias)) {
                let places: Vec<usize> =
                    folded.iter().enumerate().filter(|(_, h)| h == alias).map(|(i, _)| i).collect();
                let Some(first) = places.first() else { continue };
                let written = label(header.get(*first).unwrap_or(alias));
                if places.len() > 1 {
                    warnings.push(several(line, &written, &places));
                }
                found.push(Found { place: Place::Cell(*first), column: *column, header: written });
            }
        }
        if layout.xero
            && let Some(at) = folded.iter().position(|h| h == "accountnumber")
        {
            let header = label(header.get(at).unwrap_or(""));
            found.push(Found { place: Place::Cell(at), column: Column::SupplierId, header });
        }
        (!found.is_empty()).then_some(Self { found, count: header.len(), country: None })
    }

    /// As a map says. `header` is the file's first row where the map names headers.
    ///
    /// # Errors
    /// What the map names and the file does not have.
    pub(super) fn from_map(map: &Map, header: Option<&::csv::StringRecord>) -> Result<Self, String> {
        let mut found = Vec::new();
        for (column, ours, source) in map.columns() {
            let (place, header) = match source {
                Source::Constant(text) => (Place::Constant(text.clone()), format!("{ours} (constant)")),
                Source::Position(at) => {
                    let written = header.and_then(|header| header.get(*at)).map(label);
                    let written = written.filter(|written| !written.is_empty());
                    (
                        Place::Cell(*at),
                        written.unwrap_or_else(|| format!("{ours} (column {})", at.saturating_add(1))),
                    )
                }
                Source::Header(name) => {
                    let wanted = fold_header(name);
                    let at = header.and_then(|h| h.iter().position(|text| fold_header(text) == wanted));
                    let at = at.ok_or_else(|| {
                        format!(
                            "the map takes `{ours}` from a column `{}`, which the header row does not have",
                            label(name)
                        )
                    })?;
                    (Place::Cell(at), label(name))
                }
            };
            found.push(Found { place, column, header });
        }
        // Without a header row any width is right.
        let count = header.map_or(usize::MAX, ::csv::StringRecord::len);
        Ok(Self { found, count, country: None })
    }

    /// A Sage 50 supplier file without a header row, told by its width and the shape of its first cells.
    pub(super) fn sage_50(first: &::csv::StringRecord) -> Option<Self> {
        let code = first.get(0).unwrap_or("").trim();
        let fits = first.len() >= SAGE_50_CELLS
            && (1..=SAGE_50_CODE).contains(&code.chars().count())
            && first.get(1).is_some_and(|name| name.chars().any(char::is_alphabetic));
        let found = || {
            let found = |(at, column, name): &(usize, Column, &str)| Found {
                place: Place::Cell(*at),
                column: *column,
                header: (*name).to_owned(),
            };
            SAGE_50.iter().map(found).collect()
        };
        fits.then(|| Self { found: found(), count: first.len(), country: Some("GB".to_owned()) })
    }

    /// Whether the file has this column.
    pub(super) fn has(&self, column: Column) -> bool {
        self.found.iter().any(|found| found.column == column)
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
        self.found.iter().filter(move |found| found.column == column).filter_map(|found| {
            let text = match &found.place {
                Place::Cell(at) => unquoted_formula(row.get(*at)?.trim()),
                Place::Constant(text) => text,
            };
            (!text.is_empty()).then_some((found.header.as_str(), text))
        })
    }

    /// Headers and meanings of the marked cells of a row that are read at all.
    pub(super) fn marked<'r>(&'r self, row: &'r RawRow) -> impl Iterator<Item = (&'r str, Column, Mark)> {
        row.marks.iter().flat_map(move |(at, mark)| {
            let used = self.found.iter().filter(move |found| found.place == Place::Cell(*at));
            used.map(move |found| (found.header.as_str(), found.column, *mark))
        })
    }

    /// Whether a row says again what the header row says: files that were put one behind the other.
    pub(super) fn repeats_header(&self, row: &::csv::StringRecord) -> bool {
        let mut cells = self.found.iter().filter_map(|found| match &found.place {
            Place::Cell(at) => row.get(*at).map(|text| fold_header(text) == fold_header(&found.header)),
            Place::Constant(_) => None,
        });
        cells.next().is_some_and(|same| same) && cells.all(|same| same)
    }
}

/// What the header row as a whole says about the meaning of single headers.
struct Layout {
    /// In Xero's export `AccountNumber` is the ledger's code of the contact, the bank's is `BankAccountNumber`.
    xero: bool,
    /// A bank code stands beside the account number.
    bank_codes: bool,
    /// Business Central's vendor bank accounts: `Name` is the bank's.
    bank_list: bool,
    /// MYOB's cards: only there a first name belongs to the name.
    cards: bool,
}

impl Layout {
    fn of(folded: &[String]) -> Self {
        let has = |name: &str| folded.iter().any(|h| h == name);
        let mut codes = ALIASES.iter().filter(|(c, _)| BANK_CODES.contains(c)).flat_map(|(_, names)| *names);
        Self {
            xero: has("bankaccountnumber") && has("contactname"),
            bank_codes: codes.any(|name| has(name)),
            bank_list: has("vendorno") && has("code") && has("bankaccountno"),
            cards: has("colastname"),
        }
    }

    /// Whether a header has this meaning here.
    fn means(&self, column: Column, alias: &str) -> bool {
        match (column, alias) {
            (Column::AccountNumber, "accountnumber") => !self.xero,
            // QuickBooks' `Account No.` is our number at the vendor, unless a bank code stands beside it.
            (Column::AccountNumber, "accountno" | "acctno") => self.bank_codes,
            (Column::Name, "name") | (Column::SupplierId, "code") => !self.bank_list,
            (Column::FirstName, _) => self.cards,
            _ => true,
        }
    }
}

/// The warning for a header that stands several times.
fn several(line: u64, header: &str, places: &[usize]) -> RowError {
    let columns: Vec<String> = places.iter().map(|at| at.saturating_add(1).to_string()).collect();
    let reason = format!(
        "stands several times in the header row (columns {}); only the first is read; a --map file can name another \
         by its position",
        columns.join(", ")
    );
    RowError { line, column: header.to_owned(), reason }
}

/// The apostrophe that an export puts before a text that a spreadsheet would run as a formula is not part of it: one is
/// taken off where nothing but apostrophes stands before such a sign.
fn unquoted_formula(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if rest.trim_start_matches('\'').starts_with(['=', '+', '-', '@']) => rest,
        _ => text,
    }
}

/// Lower-case letters and digits of a header: `*Contact_Name ` gives `contactname`.
pub(super) fn fold_header(header: &str) -> String {
    header.chars().filter(|c| c.is_alphanumeric()).take(64).flat_map(char::to_lowercase).collect()
}

/// A header fit for a message.
pub(super) fn label(header: &str) -> String {
    header.trim().chars().filter(|c| !c.is_control()).take(64).collect()
}
