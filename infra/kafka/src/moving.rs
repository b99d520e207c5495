//! Moves a ledger into a topic or out of it, as the one writer that a closed topic takes. What is moved it compares with nothing.
//!
//! It fences like any writer and commits a barrier, so that what it sees is all that anybody ever committed; and whoever fences
//! it in turn makes its next transaction fail. A topic that it has closed stays closed when it ends.

use crate::{
    closing::{Closed, MOVED_IN},
    error::KafkaLogError,
    follower::Following,
    settings::Settings,
    topics::Topic,
    transactions::Transactions,
    writer::wait_until_copied,
};
use convenio_events::{RecordedEvent, Sequence};
use convenio_journal::Journal;
use rdkafka::{
    consumer::{BaseConsumer, Consumer as _, ConsumerContext},
    error::KafkaError,
};
use serde_json::json;
use std::time::Duration;
use tokio::sync::watch;

/// How long the brokers may take to say who stands for election.
const ASK: Duration = Duration::from_secs(20);

/// The writer of a ledger that moves. All that it does blocks.
pub struct Mover {
    transactions: Transactions,
    following: watch::Receiver<Following>,
    journal: Journal,
    node: String,
}

impl Mover {
    /// Fences whoever writes, and waits until the copy shows everything that was committed.
    pub(crate) fn take(
        settings: &Settings,
        following: watch::Receiver<Following>,
        journal: Journal,
    ) -> Result<Self, KafkaLogError> {
        // What this one would say of the ledger, its nodes would not believe.
        if following.borrow().unchecked {
            return Err(KafkaLogError::Unauthorised { topic: Topic::Log.name(settings) });
        }
        let transactions = Transactions::begin(settings, watch::channel(false).1)?;
        let this = Self { transactions, following, journal, node: settings.node.clone() };
        let last = this.following.borrow().authentic.clone();
        let barrier = this.transactions.start(&this.node, last.as_ref());
        let barrier = barrier.map_err(|error| this.failed(error, "the barrier could not be committed"))?;
        wait_until_copied(&this.following, barrier)?;
        Ok(this)
    }

    /// How many events were in the topic when the fence was taken.
    pub fn head(&self) -> Sequence {
        *convenio_events::log::EventLog::head(&self.journal).borrow()
    }

    /// Why the topic was closed then, if it was.
    pub fn closed(&self) -> Option<Closed> {
        self.following.borrow().closed.clone()
    }

    /// Closes the topic: from here on no node writes to it, and none starts on it.
    ///
    /// # Errors
    /// [`KafkaLogError`]; where it may pass, the topic may be closed or not.
    pub fn close(&self, why: &Closed) -> Result<(), KafkaLogError> {
        self.control(why.kind(), &serde_json::to_value(why).expect("text and numbers"), None).map(drop)
    }

    /// Adds events, which continue what is there. Those whose text was erased come without a key.
    ///
    /// # Errors
    /// [`KafkaLogError`]; where it may pass, they may be there or not.
    pub fn append(&self, events: &[RecordedEvent]) -> Result<(), KafkaLogError> {
        let appended = self.transactions.transact(|transactions| transactions.send_events(events));
        appended.map(drop).map_err(|failure| self.failed(failure.into_kafka(), "events could not be written"))
    }

    /// Opens the topic, which holds the whole ledger of so many events. It says so of the keys too: those that are missing were
    /// destroyed.
    ///
    /// # Errors
    /// [`KafkaLogError`]; where it may pass, the topic may be open or not.
    pub fn open(&self, events: Sequence) -> Result<(), KafkaLogError> {
        self.control(MOVED_IN, &json!({ "node": self.node, "events": events }), Some(events)).map(drop)
    }

    fn control(&self, kind: &str, value: &serde_json::Value, keys: Option<Sequence>) -> Result<i64, KafkaLogError> {
        let written = self.transactions.control(kind, value, keys);
        written.map_err(|error| self.failed(error, "a control message could not be committed"))
    }

    fn failed(&self, error: KafkaError, what: &'static str) -> KafkaLogError {
        if self.transactions.is_fenced(&error) { KafkaLogError::Fenced } else { KafkaLogError::kafka(what)(error) }
    }
}

impl std::fmt::Debug for Mover {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mover").field("node", &self.node).finish_non_exhaustive()
    }
}

/// The names of the nodes that stand for election, in order: who runs on the ledger, or ran until some seconds ago. Blocks.
///
/// # Errors
/// [`KafkaLogError`].
pub fn running_nodes(settings: &Settings) -> Result<Vec<String>, KafkaLogError> {
    let client: BaseConsumer =
        settings.client(&[], &[]).create().map_err(KafkaLogError::kafka("a client could not be made"))?;
    members_of_writers(&client, settings, ASK)
}

/// The same, with a client that is there, when the brokers answer in so long.
pub(crate) fn members_of_writers<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    settings: &Settings,
    within: Duration,
) -> Result<Vec<String>, KafkaLogError> {
    let listed = client.fetch_group_list(Some(&settings.name("writers")), within);
    let listed = listed.map_err(KafkaLogError::kafka("it does not say who runs on the ledger"))?;
    let members = listed.groups().iter().flat_map(|group| group.members());
    let name = |id: &str| id.strip_prefix("convenio-").unwrap_or(id).to_owned();
    let mut names: Vec<_> = members.map(|member| name(member.client_id())).collect();
    names.sort();
    Ok(names)
}

/// Refuses a topic that nobody may write to.
pub(crate) fn ensure_open(settings: &Settings, following: &watch::Receiver<Following>) -> Result<(), KafkaLogError> {
    match following.borrow().closed.clone() {
        None => Ok(()),
        Some(closed) => Err(KafkaLogError::Closed { topic: Topic::Log.name(settings), closed }),
    }
}
