//! What an erasure of one person's data leaves behind on purpose: a signed certificate for whoever asked for it
//! (`certificate`), and a record beside the backups with which a restored database is brought to forget the person
//! again (`records`).

mod certificate;
mod records;

pub use certificate::{BackupNote, Certificate, Remaining, Signed, public_key_pem};
pub use records::{Erasures, Replayed};
