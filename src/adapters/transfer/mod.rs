//! An organisation as a file: everything it has, out of one installation and into another, whatever their engines.
//!
//! The file is a stream of records (`record`) in chunks that are sealed one by one (`file`) under a key derived from a
//! passphrase or a key file (`key`). The organisation's keys are in it, wrapped anew by a part of that key, so that what
//! they seal goes as it is and still opens: rows, bodies, the audit. `export` writes it; `import` reads it whole into a
//! scratch database first, checks it there, and only then lets it arrive. `certificate` is what an erasure leaves.

mod certificate;
mod error;
mod export;
mod file;
mod import;
mod key;
mod record;

pub use certificate::{Certificate, Remains, Signed};
pub use error::TransferError;
pub use export::{Exported, export};
pub use import::{Imported, import};
pub use key::Secret;
