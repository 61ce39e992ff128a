//! What can go wrong with an export or import, in words for the operator.

use crate::adapters::store::StoreError;
use crate::ports::PortError;
use std::io;

/// Why an organisation did not leave or arrive. Nothing here holds content or a secret.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The database failed, or refuses the organisation.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Keys or objects failed.
    #[error(transparent)]
    Port(#[from] PortError),
    /// A file failed.
    #[error("{0}: {1}")]
    File(String, io::Error),
    /// No export.
    #[error("this is no export of an organisation")]
    NoExport,
    /// Of a later program.
    #[error("this export was written by a newer version ({0})")]
    Newer(String),
    /// Another secret, or an altered head.
    #[error("this secret does not open the export, or its head was altered")]
    WrongSecret,
    /// The wrong kind of secret.
    #[error("this export was made with {0}")]
    OtherSecret(&'static str),
    /// The file ends too early.
    #[error("the export is cut off: its end is missing")]
    Cut,
    /// Something was altered.
    #[error("the export is damaged: {0}")]
    Damaged(&'static str),
    /// The audit chain does not hold.
    #[error("the audit of the organisation in this export does not hold: entry {0}")]
    Chain(i64),
    /// A body is under a key that came after the export began.
    #[error("the keys of the organisation are being rotated")]
    Rotating,
}

impl TransferError {
    /// What to do.
    #[must_use]
    pub const fn help(&self) -> &'static str {
        match self {
            Self::Store(StoreError::Taken(_)) => {
                "import it into another installation, or erase what is here with `sentra org erase`"
            }
            Self::Store(_) | Self::Port(_) => "check database and objects; `/readyz` and the log tell more",
            Self::File(..) => "check path, permissions and space",
            Self::NoExport => "name a file that `sentra org export` wrote",
            Self::Newer(_) => "import it with that version of sentra or a later one",
            Self::WrongSecret => {
                "use the passphrase or key file of the export; if it is the right one, copy the file anew"
            }
            Self::OtherSecret(_) => "give --passphrase-file or --key-file as the export had it",
            Self::Cut => "copy the file anew and compare its size; nothing was imported",
            Self::Damaged(_) => "copy the file anew, or export again; nothing was imported",
            Self::Chain(_) => {
                "check the audit where it was exported with `sentra audit verify`; nothing was imported"
            }
            Self::Rotating => "export again when `sentra keys status` says that the rotation is done",
        }
    }
}
