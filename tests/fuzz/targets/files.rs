//! What operators bring, from ledgers, banks and older installations: files that were made elsewhere.

use super::archive::packed;
use super::ignore;
use sentra::adapters::audit::bundle::{Evidence, verify};
use sentra::adapters::suppliers::csv::{ParseOptions, parse};
use sentra::adapters::suppliers::map::Map;
use sentra::adapters::suppliers::reading::{ReadOptions, Reading};
use sentra::model::Wording;
use sentra::model::uk_modulus::ModulusTable;
use std::io::Cursor;

/// A supplier file: CSV in any charset, a saved answer of Xero, a workbook.
pub fn suppliers_file(octets: &[u8]) {
    ignore(parse(octets, ParseOptions::default()));
}

/// A workbook of suppliers, from a list of its parts ([`packed`]).
pub fn suppliers_workbook(octets: &[u8]) {
    ignore(Reading::of_file(Box::new(Cursor::new(packed(octets))), ReadOptions::default()));
}

/// A map of columns, tried on a small file where it is one.
pub fn suppliers_map(octets: &[u8]) {
    let Ok(map) = Map::parse(&String::from_utf8_lossy(octets)) else { return };
    let rows = "Lieferant;Name;Konto\n1;Northwind;GB33BUKB20201555555555\n2;Contoso;12345678\n";
    let options = ReadOptions { map: Some(map), ..ReadOptions::default() };
    ignore(Reading::of_file(Box::new(Cursor::new(rows)), options));
}

/// A file of rules.
pub fn rules(octets: &[u8]) {
    ignore(sentra::rules::check_text(&String::from_utf8_lossy(octets)));
}

/// An organisation's own banner texts.
pub fn wording(octets: &[u8]) {
    ignore(Wording::parse(&String::from_utf8_lossy(octets)));
}

/// Tables of UK modulus checks (`valacdos.txt`, then an empty line, then `scsubtab.txt`), asked for one account.
pub fn modulus(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    let (weights, substitutes) = text.split_once("\n\n").unwrap_or((&text, ""));
    if let Ok(table) = ModulusTable::parse(weights, substitutes) {
        ignore(table.check("089999", "66374958"));
        ignore(table.check("938611", "07806039"));
    }
}

/// An audit export that somebody hands in for verification.
pub fn audit_export(octets: &[u8]) {
    ignore(verify(&mut &*octets, &Evidence { anchors: None, keys: &[] }));
}

/// What lies in a store of backups, as it is once opened: chunks, manifests, rows; and names of its objects.
pub fn backup(octets: &[u8]) {
    ignore(sentra::adapters::backup::opened(octets));
    ignore(sentra::adapters::store::row_values(octets));
    ignore(sentra::adapters::objects::Key::parse(&String::from_utf8_lossy(octets)));
}
