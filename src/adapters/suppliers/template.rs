//! The file to start from when a ledger has no export: canonical columns and two rows that show how they are filled.

use super::columns::CANONICAL;
use std::io::{self, Write};

/// Rows of the template, by column.
const ROWS: [&[(&str, &str)]; 2] = [
    &[
        ("supplier_id", "EXAMPLE-1"),
        ("name", "Example Building Supplies Ltd"),
        ("aliases", "Example Supplies|EBS"),
        ("domains", "building.example"),
        ("emails", "accounts@building.example|credit@building.example"),
        ("phones", "+44 20 7946 0018"),
        ("vat_number", "GB980780684"),
        ("company_number", "01234567"),
        ("country", "GB"),
        ("sort_code", "60-16-13"),
        ("account_number", "31926819"),
        ("account_name", "Example Building Supplies Ltd"),
        ("status", "pending"),
    ],
    &[
        ("supplier_id", "EXAMPLE-2"),
        ("name", "Beispiel GmbH"),
        ("domains", "beispiel.example"),
        ("emails", "rechnung@beispiel.example"),
        ("phones", "+49 30 901820"),
        ("vat_number", "DE123456789"),
        ("country", "DE"),
        ("iban", "DE89 3704 0044 0532 0130 00"),
        ("bic", "COBADEFFXXX"),
        ("account_name", "Beispiel GmbH"),
        ("status", "pending"),
    ],
];

/// Writes the template.
///
/// # Errors
/// What `out` reports.
pub fn write(out: &mut dyn Write) -> io::Result<()> {
    let mut writer = ::csv::WriterBuilder::new().terminator(::csv::Terminator::CRLF).from_writer(out);
    writer.write_record(CANONICAL).map_err(io::Error::from)?;
    for row in ROWS {
        let cell = |column| row.iter().find(|(name, _)| *name == column).map_or("", |(_, text)| *text);
        writer.write_record(CANONICAL.map(cell)).map_err(io::Error::from)?;
    }
    writer.flush()
}

#[cfg(test)]
mod tests {
    use crate::adapters::suppliers::csv::{ParseOptions, parse};

    #[test]
    fn the_template_can_be_imported() {
        let mut out = Vec::new();
        super::write(&mut out).expect("writes");
        let parsed = parse(&out, ParseOptions::default());
        assert_eq!((parsed.errors.as_slice(), parsed.suppliers.len(), parsed.accounts), (&[][..], 2, 2));
    }
}
