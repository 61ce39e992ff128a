//! The configuration in words: effective values with their origin, the sample file, the reference page.

use super::read::Sourced;
use super::settings::{KEYS, Key, Kind, SECTIONS, Settings};
use std::fmt::Write;

/// What stands for a secret.
const MASK: &str = "********";

/// A secret as it may be shown: of a URL the scheme, host and path stay, credentials and query go; anything else is
/// wholly masked.
#[must_use]
pub fn mask(secret: &str) -> String {
    if secret.is_empty() {
        return String::new();
    }
    if let Some(path) = secret.strip_prefix("sqlite:") {
        return format!("sqlite:{}", path.split('?').next().unwrap_or_default());
    }
    let Some((scheme, rest)) = secret.split_once("://") else {
        return MASK.to_owned();
    };
    if scheme.is_empty() || !scheme.chars().all(|c| c.is_ascii_lowercase() || c == '+') {
        return MASK.to_owned();
    }
    // A password may hold `/`, `?` or `@` unescaped: everything before the last `@` goes.
    let (credentials, rest) = match rest.rsplit_once('@') {
        Some((_, rest)) => (format!("{MASK}@"), rest),
        None => (String::new(), rest),
    };
    let (rest, query) = match rest.split_once(['?', '#']) {
        Some((rest, _)) => (rest, format!("?{MASK}")),
        None => (rest, String::new()),
    };
    format!("{scheme}://{credentials}{rest}{query}")
}

/// Every key with its effective value (secrets masked), in the order of the file.
#[must_use]
pub fn entries(sourced: &Sourced) -> Vec<(&'static Key, toml::Value, super::Origin)> {
    let table = table_of(&sourced.settings);
    KEYS.iter().map(|key| (key, value_of(&table, key), sourced.origin(&key.path()))).collect()
}

/// The sample file: every key with its default and its documentation.
#[must_use]
pub fn sample() -> String {
    let mut out = String::from(
        "# Sentra's configuration: every key with its default. Leave out what you do not change.\n\
         # Relative paths start at this file's folder. SENTRA_SECTION__KEY in the environment overrides a key;\n\
         # lists are comma-separated there. A secret's KEY_file names a file that holds it.\n\
         # Check with `sentra config check`; this file is written by the program's own key list.\n",
    );
    let table = table_of(&Settings::default());
    for (section, about) in SECTIONS {
        out.push('\n');
        for line in *about {
            push(&mut out, format_args!("#{line}\n"));
        }
        push(&mut out, format_args!("[{section}]\n"));
        for key in KEYS.iter().filter(|key| key.section == *section) {
            for line in key.doc {
                push(&mut out, format_args!("#{line}\n"));
            }
            push(&mut out, format_args!("{} = {}\n", key.name, value_of(&table, key)));
        }
    }
    out
}

/// The reference page in Markdown.
#[must_use]
pub fn reference() -> String {
    let mut out = String::from(include_str!("reference_head.md"));
    let table = table_of(&Settings::default());
    for (section, about) in SECTIONS {
        push(&mut out, format_args!("\n## `[{section}]`\n\n{}\n\n", joined(about)));
        out.push_str("| Key | Kind | Default | Meaning |\n|---|---|---|---|\n");
        for key in KEYS.iter().filter(|key| key.section == *section) {
            let (name, kind) = (key.name, key.kind.as_str());
            let default = value_of(&table, key);
            push(&mut out, format_args!("| `{name}` | {kind} | `{default}` | {} |\n", joined(key.doc)));
        }
    }
    out
}

fn joined(doc: &[&str]) -> String {
    doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    out.write_fmt(text).unwrap_or_default();
}

fn table_of(settings: &Settings) -> toml::Table {
    toml::Table::try_from(settings).unwrap_or_default()
}

fn value_of(table: &toml::Table, key: &Key) -> toml::Value {
    let found = table.get(key.section).and_then(|section| section.get(key.name)).cloned();
    found.unwrap_or_else(|| match key.kind {
        Kind::List => toml::Value::Array(Vec::new()),
        _ => toml::Value::String(String::new()),
    })
}
