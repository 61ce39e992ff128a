//! What can go wrong with a backup, in words for the operator.

use crate::adapters::store::StoreError;
use crate::ports::PortError;

/// Why a backup was not made, does not verify or was not restored. Nothing here holds content or a secret.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// An object store failed.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is none, or none of that id.
    #[error("there is no backup {0} in {1}")]
    NoBackup(String, String),
    /// The key of the backups is sealed by another master key.
    #[error("the master key does not open backup key {0}")]
    WrongKey(String),
    /// A part is not there.
    #[error("{0} is missing in the backup store")]
    Missing(String),
    /// A part does not open: altered, cut or exchanged for another.
    #[error("{0} is damaged: it is not what was written")]
    Damaged(String),
    /// A stream ends too early or holds another number of rows than the manifest says.
    #[error("{table} holds {found} rows, the manifest says {expected}")]
    Rows {
        /// Which table.
        table: String,
        /// Rows in the manifest.
        expected: u64,
        /// Rows found.
        found: u64,
    },
    /// An audit chain does not end where the manifest says, or does not hold.
    #[error("the audit chain of organisation {0} does not hold after restoring")]
    Chain(String),
    /// Written by a newer program.
    #[error("backup {0} was written by a newer version: it has schema {1}")]
    Newer(String, i64),
    /// Somebody else makes, prunes or checks backups.
    #[error("another backup is under way")]
    Busy,
    /// The lease ran out while the work went on: somebody else may have pruned what it counted on.
    #[error("the backup took so long that its lease was lost")]
    LeaseLost,
    /// The target of a restore has organisations in it.
    #[error("the database {0} is not empty")]
    NotEmpty(String),
    /// The server's database that a restore should fill has organisations in it.
    #[error("the database {0} is not empty")]
    Occupied(String),
    /// Bodies that rows of the installation name are nowhere.
    #[error("{count} bodies of held mail are not in {place}, though the quarantine names them")]
    Bodies {
        /// How many.
        count: u64,
        /// The object store.
        place: String,
    },
    /// The target of a restore is in use.
    #[error("the database {0} is in use")]
    InUse(String),
    /// Local files failed.
    #[error("{0}: {1}")]
    File(String, std::io::Error),
    /// Programming or panics.
    #[error("{0}")]
    Internal(String),
}

impl BackupError {
    /// What to do.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::Port(_) => {
                "check [backup] and that the store answers; `sentra config check` reads the configuration"
            }
            Self::Store(_) => "check the database; `/readyz` and the log tell more",
            Self::NoBackup(..) => "`sentra backup list` shows what there is",
            Self::WrongKey(_) => {
                "keys.master_key_file must name the master key that was in use when the backups were made"
            }
            Self::Missing(_) | Self::Damaged(_) => {
                "restore another one (`sentra backup list`), and make a new one with `sentra backup create --full`"
            }
            Self::Rows { .. } | Self::Chain(_) => "restore another one (`sentra backup list`)",
            Self::Newer(..) => "use that version of sentra, or a later one",
            Self::Busy => "wait for it; `sentra backup list` shows when it is done",
            Self::LeaseLost => "run it again; if it stays so, the store is too slow for the amount of data",
            Self::NotEmpty(_) => {
                "restore into an empty database, or add --force: the old one is kept beside it"
            }
            Self::Occupied(_) => {
                "restore into an empty database of PostgreSQL, beside the old one, and name it in database.url and database.owner_url"
            }
            Self::Bodies { .. } => {
                "bring them back from the object store's versions or replica; `sentra quarantine list` names the entries"
            }
            Self::InUse(_) => "stop `sentra serve` and every other command on it first",
            Self::File(..) => "check space and permissions",
            Self::Internal(_) => "report this",
        }
    }
}
