//! What can be recorded in a ledger of cooperation, and what a log must promise. No I/O, no clock, no rules of the domain.
//!
//! An event has three parts: the **record** (ids, codes, states, dates, quantities, digests: what rules read), the
//! **text** (everything in free words: what can be erased), and the **entry** (what the Merkle tree hashes: salted
//! commitments to the other two, and nobody's name).

pub mod canonical;
pub mod causes;
pub mod characters;
pub mod cloud_event;
pub mod code_list;
pub mod codes;
pub mod commitment;
pub mod conformance;
pub mod entry;
pub mod event;
pub mod ids;
pub mod kinds;
pub mod language_map;
pub mod limits;
pub mod log;
pub mod memory_log;
pub mod objects;
pub mod record;
pub mod recorded;
pub mod registers;
pub mod schemas;
pub mod sight;
pub mod sums;
pub mod time;
pub mod types;
pub mod values;

pub use event::{DecodeError, Event, NewEvent};
pub use ids::{
    AccessId, Actor, AgreementId, CommandId, ConveningId, EventId, Id, LearningId, LedgerId, ListingId, OrganisationId,
    RecordKind, Sequence, SiteId, StreamVersion, Subject,
};
pub use language_map::LanguageMap;
pub use recorded::RecordedEvent;
pub use time::Timestamp;
