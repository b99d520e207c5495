//! The keys of texts, as a follower reads them beside the log. A key is gone only where an event says that its text was erased;
//! nothing else that the topic of keys says, or lacks, destroys one.

use crate::{
    complaints::Complaints, edge::Edge, error::KafkaLogError, follower::KEYS_BARRIER, frame::Frame, seal::TextKey,
};
use convenio_events::{Sequence, entry::Entry};
use rdkafka::{
    consumer::BaseConsumer,
    error::KafkaError,
    message::{BorrowedMessage, Message as _},
};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Keys that are read beyond the events that wait for theirs.
const AHEAD: usize = 10_000;
/// The most keys that are read and not used while an earlier one has not come: then that one is missing.
const AHEAD_LIMIT: usize = 1_000_000;

/// Keys of events that were not handed on.
pub(crate) struct Keys {
    /// The end of the topic.
    edge: Edge,
    /// The offset of each, and the key, where its message holds one.
    keys: BTreeMap<Sequence, (i64, Option<TextKey>)>,
    /// The first event that was not handed on.
    next: Sequence,
    /// The offset that is read next.
    offset: i64,
    /// How long the end must have been seen after an event whose key it lacks.
    missing_after: Duration,
}

impl Keys {
    pub(crate) const fn new(edge: Edge, next: Sequence, offset: i64, missing_after: Duration) -> Self {
        Self { edge, keys: BTreeMap::new(), next, offset, missing_after }
    }

    pub(crate) fn topic(&self) -> &str {
        self.edge.topic()
    }

    /// All that was there at this moment has been read.
    pub(crate) const fn seen(&self) -> Option<Instant> {
        self.edge.seen()
    }

    /// Goes on to find out where the topic ends.
    pub(crate) fn look(&mut self, source: &BaseConsumer<Complaints>) {
        self.edge.look(source, self.offset);
    }

    /// From where a later start reads on: keys of events that are not written yet are read again.
    pub(crate) fn next_offset(&self) -> i64 {
        self.keys.values().map(|(offset, _)| *offset).min().unwrap_or(self.offset)
    }

    /// Every event before this one was handed on.
    pub(crate) fn handed_on(&mut self, next: Sequence) {
        self.next = next;
        self.keys = self.keys.split_off(&next);
    }

    /// Takes what has arrived; waits for it where the event `last` has come and its key has not. Within is what librdkafka
    /// complains of.
    pub(crate) fn read(
        &mut self,
        source: &BaseConsumer<Complaints>,
        last: Option<Sequence>,
        patience: Duration,
    ) -> Result<Result<(), (String, KafkaError)>, KafkaLogError> {
        let lacks = |this: &Self| last.is_some_and(|last| !this.keys.contains_key(&last));
        let mut wait = if lacks(self) { patience } else { Duration::ZERO };
        while let Some(polled) = source.poll(wait) {
            match polled {
                Ok(message) => {
                    self.edge.message();
                    self.offset = message.offset() + 1;
                    self.take(&message)?;
                }
                Err(KafkaError::PartitionEOF(_)) => self.edge.end(),
                Err(error) => {
                    self.edge.lost();
                    return Ok(Err((self.topic().to_owned(), error)));
                }
            }
            wait = Duration::ZERO;
            if self.keys.len() >= AHEAD_LIMIT || (self.keys.len() >= AHEAD && !lacks(self)) {
                break;
            }
        }
        Ok(Ok(()))
    }

    fn take(&mut self, message: &BorrowedMessage<'_>) -> Result<(), KafkaLogError> {
        let offset = message.offset();
        let wrong = |why: &str| KafkaLogError::KeyMessage { offset, why: why.to_owned() };
        let key = message.key().ok_or_else(|| wrong("it has no key"))?;
        if key == KEYS_BARRIER {
            return Ok(());
        }
        let number = |bytes: &[u8]| std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()).map(Sequence);
        let sequence = number(key).ok_or_else(|| wrong("its key is no sequence"))?;
        let text_key = match message.payload() {
            Some(payload) => Some(TextKey(payload.try_into().map_err(|_| wrong("it is no key of 32 bytes"))?)),
            None => None,
        };
        let how = if text_key.is_some() { "was written again" } else { "was destroyed" };
        let is_second = sequence < self.next || self.keys.insert(sequence, (offset, text_key)).is_some();
        if is_second { Err(self.gone(sequence, how)) } else { Ok(()) }
    }

    /// The key of an event that was not handed on; `None` within where nothing was sealed, for its text was erased before it came
    /// here; `None` while it is on its way.
    ///
    /// # Errors
    /// [`KafkaLogError::Key`] where there is none for a text that is sealed.
    pub(crate) fn of(
        &self,
        entry: &Entry,
        frame: &Frame,
        since: Instant,
    ) -> Result<Option<Option<TextKey>>, KafkaLogError> {
        let is_sealed = !frame.sealed.0.is_empty();
        match self.keys.get(&entry.sequence) {
            Some((_, None)) if is_sealed => Err(self.gone(entry.sequence, "was destroyed")),
            Some((_, key)) => Ok(Some(*key)),
            None => {
                let read_since = self.edge.seen().is_some_and(|seen| seen >= since + self.missing_after);
                let is_missing = read_since || self.keys.len() >= AHEAD_LIMIT;
                match (is_missing, is_sealed) {
                    (false, _) => Ok(None),
                    (true, false) => Ok(Some(None)),
                    (true, true) => Err(self.gone(entry.sequence, "is missing")),
                }
            }
        }
    }

    fn gone(&self, sequence: Sequence, how: &'static str) -> KafkaLogError {
        KafkaLogError::Key { topic: self.topic().to_owned(), sequence, how }
    }
}
