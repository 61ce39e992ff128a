//! `docs/data.md`, as it is made from the inventory.

use super::{ELSEWHERE, Field, tables};
use std::fmt::Write as _;

const HEAD: &str = "\
<!-- Generated from src/adapters/store/inventory. Change that, then: SENTRA_BLESS=1 cargo test --lib inventory -->
# What is stored

Every column of the database, every kind of key in Redis, every object and every file: what for, in which form, for how
long. A test compares this list with the catalogue of SQLite and PostgreSQL; a column that is not here fails it.

Forms: **sealed** is AES-256-GCM under the organisation's data key, **fingerprint** HMAC-SHA-256 under its fingerprint key,
**wrapped** a key or a URL under the master key ([keys.md](keys.md)), **hash** a hash, a signature or a public key, **plain** as it is.
*Person*: it is, or tells something of, a person. Lifetimes name a class of [retention.md](retention.md) where there is
one; a legal hold keeps what it covers beyond it. Whatever belongs to an organisation goes with it
([organisations.md](organisations.md)), and with the keys goes what is sealed in copies and backups. What was delivered is
never stored.
";

/// The whole page.
#[must_use]
pub fn page() -> String {
    let mut out = HEAD.to_owned();
    out.push_str("\n## Database\n");
    for table in tables() {
        // Writing into a String cannot fail.
        write!(
            out,
            "\n### {}\n{}. Kept: {}.\n\n| column | what for | form | person |\n|---|---|---|---|\n",
            table.name,
            capital(table.purpose),
            table.lifetime.described()
        )
        .ok();
        for field in table.fields {
            out.push_str(&row(field));
        }
    }
    out.push_str(
        "\n## Outside the database\n\n| where | what | form | person | kept |\n|---|---|---|---|---|\n",
    );
    for thing in ELSEWHERE {
        let person = if thing.personal { "yes" } else { "" };
        writeln!(
            out,
            "| {} `{}` | {} | {} | {person} | {} |",
            thing.place.as_str(),
            thing.name,
            thing.purpose,
            thing.form,
            thing.lifetime.described()
        )
        .ok();
    }
    out
}

fn row(field: &Field) -> String {
    let person = if field.personal { "yes" } else { "" };
    format!("| {} | {} | {} | {person} |\n", field.name, field.purpose, field.form.as_str())
}

/// With a capital first letter.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
