//! The database: one set of SQL with `$1` placeholders, one file a subject.
//!
//! [`Database`] opens the file and gives out transactions; [`Store`] adds the keys, the clock and the folder of bodies
//! and carries the operations on organisations, quarantine, outbox and audit. Whatever tells of a message's content is
//! sealed under the organisation's data key before it becomes a column. Every statement names the organisation.

mod database;
mod error;

pub use database::{Database, Durability, WriteTransaction};
pub use error::StoreError;
