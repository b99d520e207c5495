//! The embedded log in SQLite, and the two files derived from it. It stores bytes and never judges what they say.
//!
//! `<data>/journal.db` is the truth: a table `log` whose only key is `sequence`, readable by anybody with `sqlite3`.
//! `index.db` (look-ups by anything else) and `state.db` (the write model's snapshot) are derived from it and may be
//! deleted at any time: they are filled again, and one that is damaged, newer, or of another journal is thrown away.

mod chain;
mod derived;
mod index;
mod indexed_log;
mod journal;
mod reach;
mod state;

pub use index::{CatchUpError, INDEX_FILE, Index};
pub use indexed_log::IndexedLog;
pub use journal::{Access, Defect, Held, JOURNAL_FILE, Journal, JournalError, LOCK_FILE, Mirror, Options, StoredEvent};
pub use reach::{Reach, reach};
pub use state::{STATE_FILE, StateFile};
