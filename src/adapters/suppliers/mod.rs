//! Supplier records: where they come from and where they are kept.
//!
//! A file becomes rows (`format` tells CSV, workbook and JSON apart; `sources` asks live ledgers), rows become typed
//! values (`row`), and `reading` folds them into suppliers and a list of what is wrong, without touching anything (the
//! `check` command needs no more). A [`feed`] hands them to [`import`]; [`records`] reads what is on record, [`search`]
//! finds it; [`edit`] and [`merge`] change it; [`export`] writes the file that is read again. Every change is a batch that
//! is seen whole or not at all and can be undone ([`batches`]). An import never makes money move: what it brings is
//! `pending` unless the importing person says `verified`, and a bank change becomes a verification case ([`cases`]) that
//! two people decide.

mod accounts;
mod aliases;
pub mod batches;
pub mod cases;
mod columns;
pub mod csv;
mod delimited;
mod draft;
pub mod edit;
pub mod export;
pub mod feed;
mod findings;
mod fold;
mod format;
pub mod import;
mod lifecycle;
mod lists;
pub mod map;
pub mod merge;
mod plan;
mod raw;
pub mod reading;
pub mod records;
pub mod rejects;
mod report;
mod row;
pub mod rows;
pub mod search;
pub mod sources;
mod spool;
pub mod template;
mod text;
pub mod undo;
mod workbook;
mod xero;
mod xero_dump;
