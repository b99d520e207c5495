//! What can be wrong with a journal, and how that reads in the log contract. It decides nothing about retrying.

use convenio_events::{
    DecodeError, LedgerId, Sequence,
    log::{OpenError, ReadError},
};
use std::path::PathBuf;

/// Why a journal could not be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// There is none, and it was opened for reading only.
    #[error("there is no journal at {}", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A program that knows more wrote it.
    #[error(
        "the journal {} has format {found} and this program knows formats up to {known}: use a newer program",
        path.display()
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// The format in the file.
        found: i64,
        /// The newest format this program knows.
        known: i64,
    },
    /// A file of this name is there, but no journal.
    #[error("{} is not a journal", path.display())]
    NotAJournal {
        /// Which file.
        path: PathBuf,
    },
    /// It copies another log, which alone is written to.
    #[error(
        "the journal {} is a copy of another log: start the node with the --log that it copies, or move the \
         ledger out of there with `convenio migrate`",
        path.display()
    )]
    Copy {
        /// Which file.
        path: PathBuf,
    },
    /// It has events that came from nowhere else.
    #[error(
        "the journal {} is a log of its own, and no copy of another: name another data directory, or move the ledger to where \
         it shall be with `convenio migrate`",
        path.display()
    )]
    NoCopy {
        /// Which file.
        path: PathBuf,
    },
    /// Another writer is at work.
    #[error("another process is writing the journal {}: stop the node that runs on it", path.display())]
    InUse {
        /// Which file.
        path: PathBuf,
    },
    /// What is in the file contradicts itself.
    #[error("the journal {} is damaged", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: Defect,
    },
    /// It may work later, or with other rights.
    #[error("the journal {} cannot be used now", path.display())]
    Unavailable {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What is wrong with the rows of a journal or with the pages below them.
#[derive(Debug, thiserror::Error)]
pub enum Defect {
    /// SQLite found pages that contradict each other, or a value of another form than the table allows.
    #[error(transparent)]
    Page(rusqlite::Error),
    /// Sequences are dense; this one is not there.
    #[error("event {expected} is missing, event {found} follows")]
    Gap {
        /// The sequence that should be there.
        expected: Sequence,
        /// The one that is.
        found: Sequence,
    },
    /// A salt that is not 32 bytes.
    #[error("a salt of event {0} is not 32 bytes")]
    Salt(Sequence),
    /// An entry of another form, or a record or text that does not open it.
    #[error(transparent)]
    Event(DecodeError),
    /// The entry names another ledger than the ones before it.
    #[error("event {sequence} is of the ledger {found}, and those before it are of {expected}")]
    Ledger {
        /// Which event.
        sequence: Sequence,
        /// The ledger in the events before.
        expected: LedgerId,
        /// The one in its entry.
        found: LedgerId,
    },
    /// Time never goes back along the log.
    #[error("event {0} was recorded before the one before it")]
    Time(Sequence),
    /// A file is not the one that is open.
    #[error("{} {what}, and an event that is recorded now would not be found by the next start", file.display())]
    Files {
        /// Which file.
        file: PathBuf,
        /// What became of it.
        what: &'static str,
    },
    /// An index or page check reported this.
    #[error("{0}")]
    Check(String),
}

/// What went wrong at one row: told apart because only a defect is for ever.
#[derive(Debug)]
pub(crate) enum RowError {
    Busy(rusqlite::Error),
    Defect(Defect),
}

impl From<rusqlite::Error> for RowError {
    fn from(error: rusqlite::Error) -> Self {
        if is_damage(&error) { Self::Defect(Defect::Page(error)) } else { Self::Busy(error) }
    }
}
impl From<Defect> for RowError {
    fn from(defect: Defect) -> Self {
        Self::Defect(defect)
    }
}

impl RowError {
    pub(crate) fn at(self, path: &std::path::Path) -> JournalError {
        let path = path.to_owned();
        match self {
            Self::Busy(error) => JournalError::Unavailable { path, source: error.into() },
            Self::Defect(source) => JournalError::Damaged { path, source },
        }
    }

    pub(crate) fn reading(self, sequence: Sequence) -> ReadError {
        match self {
            Self::Busy(error) => ReadError::Unavailable(error.into()),
            Self::Defect(defect) => ReadError::Damaged { sequence, source: defect.into() },
        }
    }
}

impl From<JournalError> for OpenError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::InUse { .. } => Self::InUse,
            JournalError::Missing { .. } | JournalError::Unavailable { .. } => Self::Unavailable(error.into()),
            JournalError::Newer { .. }
            | JournalError::NotAJournal { .. }
            | JournalError::Copy { .. }
            | JournalError::NoCopy { .. }
            | JournalError::Damaged { .. } => Self::Damaged(error.into()),
        }
    }
}

/// Whether SQLite says that the file is wrong, not that the moment is.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::{Error, ErrorCode};
    if let Error::SqliteFailure(failure, _) = error {
        return matches!(failure.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase);
    }
    matches!(
        error,
        Error::Utf8Error(..)
            | Error::FromSqlConversionFailure(..)
            | Error::InvalidColumnType(..)
            | Error::IntegralValueOutOfRange(..)
    )
}
