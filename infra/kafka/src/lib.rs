//! The log on Apache Kafka: a topic of one partition is the truth, each node's journal a copy of it. It knows bytes, not the domain.
//!
//! Kafka cannot append on a condition, so there is one writer at a time, fenced by its transactional id: whoever opens ends
//! what its predecessor had under way, writes a barrier, and reads up to it before it writes anything else.
//!
//! * [`Settings`]: where Kafka is, and what is passed through to librdkafka;
//! * [`topics`]: the topics of a ledger, and what must be true of them;
//! * `frame` and `seal`: an event as a message; texts are sealed with a key of their own;
//! * `follower`: reads the topic into the journal, in two halves: `reading` and `copying`; `writer`: one transaction for each batch;
//! * `watching`: looks after the topics meanwhile; [`Alarm`]: what somebody must look at; `edge`: when all was read;
//! * [`measuring`]: how the log is measured, and against what;
//! * [`KafkaLog`]: both together, as the log contract asks;
//! * [`Election`]: which node may write; [`Announced`]: what it says of itself;
//! * [`Mover`]: a ledger's way into a topic and out of it; [`Closed`]: a topic that takes no events;
//! * [`Publisher`]: what the public may read, for integrators, in a topic of its own.

mod alarm;
mod announcement;
mod authority;
mod closing;
mod complaints;
mod copying;
mod edge;
mod election;
mod error;
mod examining;
mod follower;
mod frame;
mod keys;
mod log;
pub mod measuring;
mod moving;
mod publisher;
mod reading;
mod seal;
mod settings;
pub mod topics;
mod transactions;
mod watching;
mod writer;

pub use alarm::{Alarm, AlarmKind};
pub use announcement::{Announced, Announcement, RootAt, WallClock, clock_difference};
pub use authority::{Authentic, Authority, ControlOrder};
pub use closing::Closed;
pub use election::Election;
pub use error::KafkaLogError;
pub use examining::{Examined, Fault, examine};
pub use follower::Following;
pub use log::KafkaLog;
pub use moving::{Mover, running_nodes};
pub use publisher::{PublishedForm, Publisher, Publishing, Texts};
pub use settings::{Address, AddressError, Opening, Periods, Settings, SettingsError};
