//! Whether a row that was read from the file is an event of this ledger: its record and text open its entry, which names its place,
//! the ledger, and no time before the last one. A bit that a disk has changed is told here and served nobody. It does not know what
//! an event says.

use super::{
    Journal, Shared,
    error::{Defect, JournalError, RowError},
};
use convenio_events::{Event, RecordedEvent, Sequence, Timestamp, log::ReadError};

/// A journal up to this size is checked whole before it is opened for commands: some hundredths of a second.
const WHOLE_BYTES_LIMIT: u64 = 16 << 20;
/// So many of the newest events are checked of a larger one. What reads all, like the tree, checks the rest meanwhile.
const TAIL_EVENTS: u64 = 256;

/// The check of rows that follow each other.
pub(super) struct Checking<'a> {
    shared: &'a Shared,
    last: Option<Timestamp>,
}

impl<'a> Checking<'a> {
    pub(super) fn of(shared: &'a Shared) -> Self {
        Self { shared, last: None }
    }

    /// Looks at the next row, where this journal was opened so.
    pub(super) fn look(&mut self, event: &RecordedEvent) -> Result<(), RowError> {
        if !self.shared.options.checked {
            return Ok(());
        }
        let entry = Event::check_commitments(event).map_err(Defect::Event)?;
        let sequence = event.sequence;
        let expected = *self.shared.ledger.get_or_init(|| entry.ledger);
        if entry.ledger != expected {
            return Err(Defect::Ledger { sequence, expected, found: entry.ledger }.into());
        }
        if self.last.is_some_and(|last| entry.time < last) {
            return Err(Defect::Time(sequence).into());
        }
        self.last = Some(entry.time);
        Ok(())
    }
}

impl Journal {
    /// Whether it is read whole before it is opened for commands.
    pub fn is_small(&self) -> bool {
        self.bytes() <= WHOLE_BYTES_LIMIT
    }

    /// What its files take.
    fn bytes(&self) -> u64 {
        let bytes = |suffix: &str| {
            let mut name = self.path().as_os_str().to_owned();
            name.push(suffix);
            std::fs::metadata(name).map_or(0, |data| data.len())
        };
        bytes("") + bytes("-wal")
    }

    /// A quick look before commands are taken: a small journal is checked whole, pages and rows; of a large one the first event and
    /// the newest. It blocks.
    ///
    /// # Errors
    /// [`JournalError`] with the place.
    pub fn check_quickly(&self) -> Result<(), JournalError> {
        let head = self.refresh()?;
        let from = if self.is_small() {
            self.check_pages()?;
            Sequence::ZERO
        } else {
            self.read_sync(Sequence::ZERO, 1).map_err(|error| self.unreadable(error))?;
            Sequence(head.0.saturating_sub(TAIL_EVENTS))
        };
        let seen = self.for_each_event(from, |_| std::ops::ControlFlow::Continue(()));
        seen.map_err(|error| self.unreadable(error)).map(drop)
    }

    fn unreadable(&self, error: ReadError) -> JournalError {
        let path = self.path().to_owned();
        match error {
            ReadError::Unavailable(source) => JournalError::Unavailable { path, source },
            ReadError::Damaged { sequence, source } => {
                let said = convenio_events::causes::with_causes(&*source);
                JournalError::Damaged { path, source: Defect::Check(format!("at event {sequence}: {said}")) }
            }
        }
    }
}
