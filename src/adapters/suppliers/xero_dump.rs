//! A saved answer of Xero's `GET /Contacts` (JSON) as rows.

use super::csv::RowError;
use super::raw::{RawRow, Rows, stop};
use super::xero::{self, Contact};
use crate::limits;
use serde::Deserialize;
use std::io::Read;

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Contacts")]
    contacts: Vec<Contact>,
}

/// Whether a file begins like an object whose members are quoted; MYOB's `{}` line does not.
pub(super) fn looks_so(head: &[u8]) -> bool {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    text.strip_prefix(b"{").is_some_and(|rest| rest.trim_ascii_start().starts_with(b"\""))
}

/// Contacts as rows; the line of a row is the number of its contact in the file.
#[derive(Debug)]
pub(super) struct Contacts {
    rows: std::vec::IntoIter<RawRow>,
    notes: Vec<RowError>,
}

/// Reads the whole file.
pub(super) fn read(input: impl Read) -> Result<Contacts, RowError> {
    let mut text = Vec::new();
    let read = input.take(limits::MAX_CONTACTS_JSON.saturating_add(1)).read_to_end(&mut text);
    read.map_err(|error| stop(0, format!("the file cannot be read: {error}")))?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > limits::MAX_CONTACTS_JSON {
        return Err(stop(0, format!("the file is over {} octets; split it", limits::MAX_CONTACTS_JSON)));
    }
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    // Its words name the place and repeat none of the file's values beyond a token.
    let answer: Answer = serde_json::from_slice(text).map_err(|error| {
        let line = u64::try_from(error.line()).unwrap_or(0);
        stop(line, format!("the file is no answer of Xero's contacts (column {})", error.column()))
    })?;
    Ok(Contacts::of(&answer.contacts))
}

impl Contacts {
    /// The rows of those contacts that are suppliers.
    pub(super) fn of(contacts: &[Contact]) -> Self {
        let (mut rows, mut notes) = (vec![xero::header()], Vec::new());
        for (line, contact) in (1_u64..).zip(contacts) {
            if contact.is_supplier() {
                rows.extend(contact.rows(line, &mut notes));
            }
        }
        Self { rows: rows.into_iter(), notes }
    }
}

impl Rows for Contacts {
    fn next(&mut self, row: &mut RawRow) -> Result<bool, RowError> {
        let Some(next) = self.rows.next() else { return Ok(false) };
        *row = next;
        Ok(true)
    }

    fn notes(&self) -> Vec<RowError> {
        self.notes.clone()
    }
}
