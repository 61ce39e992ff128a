//! Supplier records: where they come from and where they are kept.
//!
//! [`csv`] turns a file into records and a list of what is wrong with it, without touching anything (the `check`
//! command needs no more); a [`feed`] hands them to [`import`]; [`records`] reads what is on record, [`search`] finds
//! it; [`edit`] and [`merge`] change it; [`export`] writes the file that [`csv`] reads. Every change is a batch that is
//! seen whole or not at all and can be undone ([`batches`]). An import never makes money move: what it brings is
//! `pending` unless the importing person says `verified`, and a bank change becomes a verification case ([`cases`])
//! that two people decide.

mod accounts;
pub mod batches;
pub mod cases;
mod columns;
pub mod csv;
mod draft;
pub mod edit;
pub mod export;
pub mod feed;
mod fold;
pub mod import;
pub mod merge;
mod plan;
pub mod records;
mod report;
mod row;
pub mod rows;
pub mod search;
mod text;
pub mod undo;
