//! Supplier records: where they come from and where they are kept.
//!
//! A file becomes rows ([`format`] tells CSV, workbook and JSON apart), rows become typed values ([`row`]), and
//! [`reading`] folds them into suppliers and a list of what is wrong, without touching anything (the `check` command
//! needs no more). [`feed`] is the seam to [`import`], which brings them into the database; [`records`] reads them there
//! and [`export`] writes the file that is read again. An import never makes money move: what it brings is `pending`
//! unless the importing person says `verified`, and says so in the audit log.

mod accounts;
mod aliases;
mod columns;
pub mod csv;
mod delimited;
pub mod export;
pub mod feed;
mod findings;
mod fold;
mod format;
pub mod import;
mod lifecycle;
mod lists;
pub mod map;
mod plan;
mod raw;
pub mod reading;
pub mod records;
pub mod rejects;
mod row;
mod spool;
pub mod template;
mod text;
mod workbook;
mod xero;
mod xero_dump;
