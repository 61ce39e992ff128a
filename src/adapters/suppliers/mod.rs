//! Supplier records: where they come from and where they are kept.
//!
//! [`csv`] turns a file into records and a list of what is wrong with it, without touching anything (the `check`
//! command needs no more); [`records`] brings records into the database and out of it; [`export`] writes the file
//! that [`csv`] reads. An import never makes money move: what it brings is `pending` unless the importing person
//! says `verified`, and says so in the audit log.

mod accounts;
mod columns;
pub mod csv;
pub mod export;
pub mod feed;
mod fold;
pub mod import;
mod plan;
pub mod records;
mod row;
mod text;
