//! A map file: which column of a foreign file is which of ours, for files whose headers nobody recognises.
//!
//! TOML, our column = their header, their position from 1, a constant, or a list of these. With a map only what it
//! names is read: nothing is recognised beside it. [`TEMPLATE`] is the documented example.

use super::columns::{Column, MAPPABLE};
use super::text::Decoding;
use crate::limits;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The map file that `sentra suppliers template --map` prints.
pub const TEMPLATE: &str = include_str!("map_template.toml");

/// Where one of our columns comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A header, compared without case, spaces and punctuation.
    Header(String),
    /// A position, from 0.
    Position(usize),
    /// The same text in every row.
    Constant(String),
}

/// A map, checked.
#[derive(Clone, Debug, Default)]
pub struct Map {
    columns: Vec<(Column, String, Source)>,
    /// Whether the file begins with a header row.
    pub(super) has_header: bool,
    /// The sheet of a workbook.
    pub(super) sheet: Option<String>,
    pub(super) delimiter: Option<u8>,
    pub(super) decoding: Option<Decoding>,
}

/// What is wrong with a map file.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct MapError(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    file: WrittenFile,
    columns: BTreeMap<String, Sources>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFile {
    header: Option<bool>,
    sheet: Option<String>,
    delimiter: Option<String>,
    encoding: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Sources {
    One(WrittenSource),
    Several(Vec<WrittenSource>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenSource {
    Header(String),
    Position(usize),
    Constant(Constant),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Constant {
    constant: String,
}

impl Map {
    /// Reads a map file.
    ///
    /// # Errors
    /// [`MapError`] names the key and what would be right.
    pub fn parse(text: &str) -> Result<Self, MapError> {
        let written: Written = toml::from_str(text).map_err(|error| MapError(error.to_string()))?;
        let mut columns = Vec::new();
        for (ours, sources) in written.columns {
            let column = Column::named(&ours).ok_or_else(|| unknown(&ours))?;
            let sources = match sources {
                Sources::One(source) => vec![source],
                Sources::Several(sources) => sources,
            };
            for source in sources {
                columns.push((column, ours.clone(), checked(&ours, source)?));
            }
        }
        if !columns.iter().any(|(column, ..)| *column == Column::Name) {
            return Err(MapError("`name` is missing under [columns]: every supplier has one".to_owned()));
        }
        let has_header = written.file.header.unwrap_or(true);
        let by_header = columns.iter().find(|(_, _, source)| matches!(source, Source::Header(_)));
        if let Some((_, ours, _)) = by_header.filter(|_| !has_header) {
            return Err(MapError(format!(
                "`{ours}` names a header, but the file has none: give its position"
            )));
        }
        let delimiter = written.file.delimiter.as_deref().map(delimiter).transpose()?;
        let decoding = written.file.encoding.as_deref().map(encoding).transpose()?;
        Ok(Self { columns, has_header, sheet: written.file.sheet, delimiter, decoding })
    }

    pub(super) fn columns(&self) -> impl Iterator<Item = (Column, &str, &Source)> {
        self.columns.iter().map(|(column, ours, source)| (*column, ours.as_str(), source))
    }
}

fn unknown(ours: &str) -> MapError {
    let known: Vec<&str> = MAPPABLE.iter().map(|(name, _)| *name).collect();
    let shown: String = ours.chars().take(64).collect();
    MapError(format!("`{shown}` is no column of ours; there are: {}", known.join(", ")))
}

fn checked(ours: &str, source: WrittenSource) -> Result<Source, MapError> {
    match source {
        WrittenSource::Header(name) if name.trim().is_empty() => {
            Err(MapError(format!("`{ours}` names an empty header")))
        }
        WrittenSource::Header(name) => Ok(Source::Header(name)),
        WrittenSource::Constant(Constant { constant }) => Ok(Source::Constant(constant.trim().to_owned())),
        WrittenSource::Position(from_one) => match from_one.checked_sub(1) {
            Some(at) if at < limits::MAX_IMPORT_COLUMNS => Ok(Source::Position(at)),
            _ => Err(MapError(format!(
                "`{ours}` names column {from_one}; positions go from 1 to {}",
                limits::MAX_IMPORT_COLUMNS
            ))),
        },
    }
}

fn delimiter(text: &str) -> Result<u8, MapError> {
    match text.as_bytes() {
        [one] if !matches!(one, b'"' | b'\n' | b'\r') && one.is_ascii() => Ok(*one),
        _ => Err(MapError("`delimiter` is one character, such as \",\", \";\", \"\\t\" or \"|\"".to_owned())),
    }
}

fn encoding(text: &str) -> Result<Decoding, MapError> {
    Decoding::named(text).ok_or_else(|| {
        MapError(
            "`encoding` is none that is known, such as \"utf-8\", \"windows-1252\" or \"utf-16le\""
                .to_owned(),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_a_map() {
        let map = Map::parse(TEMPLATE).expect("the template parses");
        assert!(map.has_header && map.columns().count() >= 8);
        for (name, _) in MAPPABLE {
            assert!(TEMPLATE.contains(name), "{name} is not explained");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, want) in [
            ("[columns]\nname = \"A\"\nibann = \"B\"\n", "`ibann` is no column of ours"),
            ("[columns]\niban = \"B\"\n", "`name` is missing"),
            ("[columns]\nname = 0\n", "positions go from 1"),
            ("[columns]\nname = 9999\n", "positions go from 1"),
            ("[file]\nheader = false\n[columns]\nname = \"A\"\n", "names a header, but the file has none"),
            ("[file]\ndelimiter = \",,\"\n[columns]\nname = 1\n", "`delimiter` is one character"),
            ("[file]\nencoding = \"klingon\"\n[columns]\nname = 1\n", "`encoding` is none"),
            ("[columns]\nname = \" \"\n", "empty header"),
            ("[colums]\nname = 1\n", "unknown field"),
        ] {
            let error = Map::parse(text).expect_err(text).to_string();
            assert!(error.contains(want), "{text}: {error}");
        }
    }
}
