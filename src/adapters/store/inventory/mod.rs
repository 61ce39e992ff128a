//! The inventory: what is stored, what for, in which form and for how long, column by column; and what lies outside the
//! database (Redis, object stores, files).
//!
//! `docs/data.md` is made from it. `tests/inventory.rs` holds it against the catalogue of both engines, so that a new
//! column cannot be stored without its line here; what is sealed or wrapped is held against the lists that rotation
//! walks ([`super::SEALED`], [`super::WRAPPED`]).

mod audit;
mod elsewhere;
mod mail;
mod organisation;
mod page;
mod suppliers;

pub use elsewhere::{ELSEWHERE, Elsewhere};
pub use page::page;

use crate::model::{Preferences, Retained};

/// In which form a value lies there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As it is.
    Plain,
    /// AES-256-GCM under the organisation's data key.
    Sealed,
    /// A key or a URL, under the master key.
    Wrapped,
    /// HMAC-SHA-256 under the organisation's fingerprint key.
    Fingerprint,
    /// A hash or signature without a secret that could turn it back.
    Hash,
}

impl Form {
    /// The word in the generated page.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Sealed => "sealed",
            Self::Wrapped => "wrapped",
            Self::Fingerprint => "fingerprint",
            Self::Hash => "hash",
        }
    }
}

/// How long something stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// As long as the organisation keeps this class: docs/retention.md.
    Class(Retained),
    /// Until somebody removes it, or the organisation is erased.
    Organisation,
    /// Something else, in words.
    Until(&'static str),
}

impl Lifetime {
    /// In words.
    #[must_use]
    pub fn described(self) -> String {
        match self {
            Self::Class(class) => {
                let default = Preferences::default().get(class.setting()).to_owned();
                format!("class `{}` ({default} unless chosen)", class.as_str())
            }
            Self::Organisation => "until it is removed or the organisation is erased".to_owned(),
            Self::Until(words) => words.to_owned(),
        }
    }
}

/// One column.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// In which form.
    pub form: Form,
    /// It is, or tells something of, a person who can be identified with the organisation's keys.
    pub personal: bool,
    /// What for.
    pub purpose: &'static str,
}

impl Field {
    const fn new(name: &'static str, form: Form, purpose: &'static str) -> Self {
        Self { name, form, personal: false, purpose }
    }

    /// It tells of a person.
    const fn personal(self) -> Self {
        Self { personal: true, ..self }
    }
}

const fn plain(name: &'static str, purpose: &'static str) -> Field {
    Field::new(name, Form::Plain, purpose)
}

const fn sealed(name: &'static str, purpose: &'static str) -> Field {
    Field::new(name, Form::Sealed, purpose)
}

const fn fingerprint(name: &'static str, purpose: &'static str) -> Field {
    Field::new(name, Form::Fingerprint, purpose)
}

const fn hash(name: &'static str, purpose: &'static str) -> Field {
    Field::new(name, Form::Hash, purpose)
}

/// The organisation that a row belongs to.
const ORG: Field = plain("org_id", "the organisation that the row belongs to");

/// One table.
#[derive(Clone, Copy, Debug)]
pub struct StoredTable {
    /// Its name.
    pub name: &'static str,
    /// What for.
    pub purpose: &'static str,
    /// How long a row stays.
    pub lifetime: Lifetime,
    /// Its columns.
    pub fields: &'static [Field],
}

/// Every table, by theme.
pub fn tables() -> impl Iterator<Item = &'static StoredTable> {
    [organisation::TABLES, suppliers::TABLES, mail::TABLES, audit::TABLES].into_iter().flatten()
}

/// One table by its name.
#[must_use]
pub fn table(name: &str) -> Option<&'static StoredTable> {
    tables().find(|table| table.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::store::{SEALED, WRAPPED};
    use std::collections::BTreeSet;

    fn of(form: Form) -> BTreeSet<(&'static str, &'static str)> {
        let all = tables().flat_map(|table| table.fields.iter().map(move |field| (table, field)));
        all.filter(|(_, field)| field.form == form).map(|(table, field)| (table.name, field.name)).collect()
    }

    #[test]
    fn what_is_sealed_or_wrapped_is_what_rotation_walks() {
        assert_eq!(of(Form::Sealed), SEALED.iter().map(|column| (column.table, column.column)).collect());
        assert_eq!(of(Form::Wrapped), WRAPPED.iter().map(|(table, column, _)| (*table, *column)).collect());
    }

    #[test]
    fn tables_and_columns_are_named_once_and_say_what_for() {
        let mut names = BTreeSet::new();
        for table in tables() {
            assert!(names.insert(table.name), "{}", table.name);
            assert!(!table.purpose.is_empty() && !table.purpose.ends_with('.'), "{}", table.name);
            let mut fields = BTreeSet::new();
            for field in table.fields {
                assert!(fields.insert(field.name), "{}.{}", table.name, field.name);
                assert!(!field.purpose.is_empty(), "{}.{}", table.name, field.name);
            }
        }
        assert!(table("messages").is_some() && table("message").is_none());
    }

    #[test]
    fn every_retention_class_keeps_something() {
        for class in Retained::ALL {
            // Bodies are objects, facts one column of a record that stays longer.
            let elsewhere = matches!(class, Retained::Body | Retained::Facts);
            assert!(elsewhere || tables().any(|table| table.lifetime == Lifetime::Class(class)), "{class:?}");
        }
    }

    #[test]
    fn the_page_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/data.md");
        if std::env::vars().any(|(name, _)| name == "SENTRA_BLESS") {
            std::fs::write(path, page()).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(written == page(), "docs/data.md is out of step: SENTRA_BLESS=1 cargo test --lib inventory");
    }
}
