//! What can go wrong with the database, in words for the operator.

use crate::model::HeldState;
use crate::ports::PortError;

/// Failure of the store. No variant holds content of mail or a secret.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is away, locked, full or closed: a retry may help.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// A statement was refused or a value has the wrong shape: a bug or a damaged file.
    #[error("the database refused: {0}")]
    Refused(String),
    /// Opening or migrating failed.
    #[error("{what} (help: {help})")]
    Setup {
        /// What failed.
        what: String,
        /// What to do.
        help: &'static str,
    },
    /// Nothing of this name or id in this organisation.
    #[error("there is no {0} of that name or id")]
    NotFound(&'static str),
    /// The name or address is taken.
    #[error("{0}")]
    Taken(String),
    /// The state table forbids the step.
    #[error("the entry is {from}, it cannot become {to}", from = .from.as_str(), to = .to.as_str())]
    Transition {
        /// State it is in.
        from: HeldState,
        /// State asked for.
        to: HeldState,
    },
    /// Something else is at work, or came in between: what, and what to do.
    #[error("{0}")]
    Conflict(String),
    /// The arguments make no sense together.
    #[error("{0}")]
    Invalid(String),
    /// Keys or bodies failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let permanent = match &error {
            sqlx::Error::Database(inner) => {
                inner.is_unique_violation()
                    || inner.is_foreign_key_violation()
                    || inner.is_check_violation()
                    || inner.message().starts_with("audit entries")
            }
            sqlx::Error::RowNotFound
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::Encode(_)
            | sqlx::Error::TypeNotFound { .. } => true,
            _ => false,
        };
        if permanent { Self::Refused(error.to_string()) } else { Self::Unavailable(error.to_string()) }
    }
}

impl From<StoreError> for PortError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Port(port) => port,
            StoreError::Unavailable(detail) => Self::Transient { what: "database", detail },
            other => Self::Permanent { what: "database", detail: other.to_string() },
        }
    }
}

/// A stored value that is not what was written.
pub(super) fn damaged(what: &str) -> StoreError {
    StoreError::Refused(format!("a stored {what} is not readable; restore it from a backup"))
}
