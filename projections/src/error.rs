//! What can go wrong when a view is read. A record that is not there, or not the reader's to see, is no error: it is `None`.

use crate::name::ViewName;

/// Why a view could not answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The view is being made for the first time, or was closed. Try again later.
    #[error("the view {0} is not there yet")]
    NotReady(ViewName),
    /// The view is being made and lacks something, or stands still and would show what was hidden since. Others may still be read.
    #[error("the view {0} is being made, or stands still while a record was hidden")]
    Outdated(ViewName),
    /// All its connections are in use.
    #[error("all connections of the view {0} are in use")]
    Overloaded(ViewName),
    /// The question cannot be asked like this; `code` is stable.
    #[error("{code}: {rule}")]
    Refused {
        /// Stable, kebab-case.
        code: &'static str,
        /// What is asked for.
        rule: String,
    },
    /// SQLite could not answer.
    #[error("the view cannot be read")]
    Store(#[from] rusqlite::Error),
    /// A stored row has another form than this version writes.
    #[error("the view holds a row that cannot be read")]
    Row(#[from] serde_json::Error),
    /// Stored rows contradict each other.
    #[error("the view's file is damaged: {0}")]
    Damaged(&'static str),
}

impl QueryError {
    /// Whether what was read cannot have been written so: the view's file may be damaged.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Store(error) => crate::store::is_corruption(error) || crate::store::is_of_another_form(error),
            Self::Row(_) | Self::Damaged(_) => true,
            Self::NotReady(_) | Self::Outdated(_) | Self::Overloaded(_) | Self::Refused { .. } => false,
        }
    }

    pub(crate) fn refused(code: &'static str, rule: impl Into<String>) -> Self {
        Self::Refused { code, rule: rule.into() }
    }
}

/// Why an event could not be folded into a view.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The event contradicts what was folded before it.
    #[error("the event does not follow from what came before: {0}")]
    Contradiction(String),
    /// SQLite refused.
    #[error("the view's file cannot be written")]
    Store(#[from] rusqlite::Error),
    /// A stored document has another form than this version writes.
    #[error("a stored document cannot be read")]
    Document(#[from] serde_json::Error),
    /// Stored rows contradict each other.
    #[error("the view's file is damaged: {0}")]
    Damaged(&'static str),
    /// A page of the file is not what was written.
    #[error("the view's file is damaged")]
    Checksum(#[from] convenio_pages::Damage),
}

impl ApplyError {
    /// Whether the same may succeed later: a full disk, or somebody else's lock.
    pub fn is_passing(&self) -> bool {
        use rusqlite::ErrorCode::{
            CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, OutOfMemory, PermissionDenied, ReadOnly,
            SystemIoFailure,
        };
        let error = match self {
            Self::Store(error) => error,
            Self::Checksum(damage) => return matches!(damage, convenio_pages::Damage::Io(_)),
            Self::Contradiction(_) | Self::Document(_) | Self::Damaged(_) => return false,
        };
        matches!(
            error.sqlite_error_code(),
            Some(
                CannotOpen
                    | DatabaseBusy
                    | DatabaseLocked
                    | DiskFull
                    | OutOfMemory
                    | PermissionDenied
                    | ReadOnly
                    | SystemIoFailure
            )
        )
    }

    /// Whether the file itself is damaged, so that only a new one helps.
    pub fn is_corruption(&self) -> bool {
        match self {
            Self::Store(error) => crate::store::is_corruption(error),
            Self::Document(_) | Self::Damaged(_) => true,
            Self::Checksum(_) => !self.is_passing(),
            Self::Contradiction(_) => false,
        }
    }
}
