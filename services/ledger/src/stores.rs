//! What the ledger derives from the log and keeps beside it. Both stores may be deleted at any time: the log fills them again.

use convenio_events::{Actor, CommandId, EventId, Sequence, StreamVersion, Subject, Timestamp};
use uuid::Uuid;

/// Something that a derived store could not do.
#[derive(Debug, thiserror::Error)]
#[error("the derived store {store} failed")]
pub struct StoreError {
    /// Which: `state.db` or `index.db`.
    pub store: &'static str,
    /// Why.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// A change of one row of the snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StateChange {
    /// The subject's state is now this; `due` is when the clock must look at it again.
    Subject {
        /// Which.
        subject: Subject,
        /// Its state, in the ledger's own encoding.
        state: Vec<u8>,
        /// When a timer of it is due, if one is.
        due: Option<Timestamp>,
    },
    /// A name that must be unique (`identifier:XM-DAC-47083`, `token:<digest>`) now belongs to this record, or to nobody.
    Name {
        /// Which name.
        name: String,
        /// Whose.
        holder: Option<Uuid>,
    },
}

/// The write model's snapshot (`state.db`): a row per subject, built from committed events only.
pub trait StateStore: Send + Sync + 'static {
    /// How many events it has folded, if it was written by this `code_version`; else it is emptied and zero.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    fn folded(&self, code_version: u32) -> Result<Sequence, StoreError>;
    /// The state of a subject.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    fn load(&self, subject: Subject) -> Result<Option<Vec<u8>>, StoreError>;
    /// Who holds a unique name.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    fn holder(&self, name: &str) -> Result<Option<Uuid>, StoreError>;
    /// Every timer, earliest first.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    fn timers(&self) -> Result<Vec<(Timestamp, Subject)>, StoreError>;
    /// Writes changes and the new cursor in one transaction.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was changed.
    fn write(&self, changes: Vec<StateChange>, folded: Sequence) -> Result<(), StoreError>;
    /// Takes in that what it holds is not what was written, which somebody found who knows it from elsewhere: it is emptied
    /// before it is next asked how much it has folded. One that cannot be other than what was written takes it for nothing.
    fn distrust(&self, _why: &str) {}
}

/// What the index keeps of one event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IndexedEvent {
    /// Its position.
    pub sequence: Sequence,
    /// Its id.
    pub id: EventId,
    /// The record it happened to.
    pub subject: Subject,
    /// The subject's version.
    pub stream_version: StreamVersion,
    /// Whose command ids scope its command.
    pub actor: Actor,
    /// Its command.
    pub command_id: CommandId,
    /// True for the first event of its command: it follows from no other event.
    pub first_of_command: bool,
    /// When it was recorded.
    pub time: Timestamp,
}

/// Look-ups by everything but sequence (`index.db`), written in sorted batches behind the log, with the tail in memory.
///
/// Command ids are scoped to the actor and remembered for ever.
pub trait EventIndex: Send + Sync + 'static {
    /// How many events it knows, file and tail together.
    fn indexed(&self) -> Sequence;
    /// Takes the next events, in order and without gaps; they are found from now on. It decides itself when to write them down.
    ///
    /// # Errors
    /// [`StoreError`] when a batch that was due could not be written.
    fn push(&self, events: &[IndexedEvent]) -> Result<(), StoreError>;
    /// The first event of a command.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    fn command(&self, actor: Actor, command_id: CommandId) -> Result<Option<Sequence>, StoreError>;
    /// An event by its id.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    fn event(&self, id: EventId) -> Result<Option<Sequence>, StoreError>;
    /// The sequences of a subject's events from `from` on, at most `limit`, in order.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    fn subject(&self, subject: Subject, from: StreamVersion, limit: usize) -> Result<Vec<Sequence>, StoreError>;
    /// The number of events recorded at or before `time`.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    fn as_of(&self, time: Timestamp) -> Result<Sequence, StoreError>;
}
