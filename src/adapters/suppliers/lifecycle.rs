//! Whether the ledger still uses a supplier: each ledger says it in its own column and its own words.

use super::accounts::CellError;
use super::columns::{Column, Columns, fold_header};
use super::feed::Lifecycle;

/// What the columns of a row say, the strongest word counting. A word that nobody knows is a warning and means "in use":
/// to retire an account by mistake costs a call, but so does every mail then; the person decides.
pub(super) fn of(
    columns: &Columns,
    record: &::csv::StringRecord,
    warnings: &mut Vec<CellError>,
) -> Lifecycle {
    let mut found = Lifecycle::Active;
    for (header, text) in columns.cells(record, Column::Lifecycle) {
        match meaning(&fold_header(header), &text.to_ascii_lowercase()) {
            Some(lifecycle) => found = found.max(lifecycle),
            None => {
                warnings.push((header.to_owned(), "has a word that is not known and was ignored".to_owned()))
            }
        }
    }
    found
}

fn meaning(header: &str, text: &str) -> Option<Lifecycle> {
    let flag = match text {
        "true" | "yes" | "y" | "t" | "1" => Some(true),
        "false" | "no" | "n" | "f" | "0" => Some(false),
        _ => None,
    };
    let archived = |archived| if archived { Lifecycle::Archived } else { Lifecycle::Active };
    match (header, text) {
        // Xero (ContactStatus).
        (_, "gdprrequest" | "erased") => Some(Lifecycle::Erased),
        (_, "archived" | "inactive") => Some(Lifecycle::Archived),
        (_, "active") => Some(Lifecycle::Active),
        // MYOB (Card Status): `I` inactive, else `N` or empty.
        ("cardstatus", "i") => Some(Lifecycle::Archived),
        ("cardstatus", _) => Some(Lifecycle::Active),
        // Business Central (Blocked): empty, Payment or All; an empty choice is exported as `_x0020_`.
        ("blocked", "payment" | "all") => Some(Lifecycle::Archived),
        ("blocked", "_x0020_") => Some(Lifecycle::Active),
        // Sage Accounting.
        ("gdprobfuscated", _) => {
            flag.map(|erased| if erased { Lifecycle::Erased } else { Lifecycle::Active })
        }
        ("active" | "isactive", _) => flag.map(|active| archived(!active)),
        ("archived" | "isarchived" | "inactive" | "isinactive" | "blocked", _) => flag.map(archived),
        // Under another header a bare yes may mean either.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ledgers_words() {
        use Lifecycle::{Active, Archived, Erased};
        for (header, text, want) in [
            ("contactstatus", "active", Some(Active)),
            ("contactstatus", "archived", Some(Archived)),
            ("contactstatus", "gdprrequest", Some(Erased)),
            ("cardstatus", "i", Some(Archived)),
            ("cardstatus", "n", Some(Active)),
            ("isactive", "false", Some(Archived)),
            ("active", "yes", Some(Active)),
            ("isinactive", "t", Some(Archived)),
            ("blocked", "all", Some(Archived)),
            ("blocked", "payment", Some(Archived)),
            ("blocked", "_x0020_", Some(Active)),
            ("gdprobfuscated", "true", Some(Erased)),
            ("archived", "maybe", None),
            ("in use", "yes", None),
        ] {
            assert_eq!(meaning(header, text), want, "{header} {text}");
        }
    }
}
