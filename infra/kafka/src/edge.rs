//! When everything of a topic has been read that was there at a moment. A reader of what is committed is told of an end before a
//! transaction that hangs as well; such an end is none here.

use crate::complaints::Complaints;
use rdkafka::{
    Offset,
    consumer::{BaseConsumer, Consumer as _},
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long the end may not be told of until it is asked for again.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// Where a topic ended at a moment, once all before that is decided: no transaction that began before it is open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decided {
    /// When the end was asked for.
    pub(crate) asked: Instant,
    /// The high watermark then.
    pub(crate) end: i64,
}

/// Carries the latest [`Decided`] from who asks to who reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct DecidedEnd(Arc<Mutex<Option<Decided>>>);

impl DecidedEnd {
    pub(crate) fn put(&self, decided: Decided) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(decided);
    }

    fn take(&self) -> Option<Decided> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The end of a topic, as its reader comes to it.
pub(crate) struct Edge {
    topic: String,
    decided: DecidedEnd,
    goal: Option<Decided>,
    /// When the reader was sent to its place again, so that what it is told next is newer than the goal.
    sought: Option<Instant>,
    /// Since when nothing has come after an end.
    quiet: Option<Instant>,
    /// All that was there then has been read.
    seen: Option<Instant>,
    /// Kafka has given this reader something: it may read.
    readable: bool,
}

impl Edge {
    pub(crate) fn new(topic: String, decided: DecidedEnd) -> Self {
        Self { topic, decided, goal: None, sought: None, quiet: None, seen: None, readable: false }
    }

    pub(crate) fn topic(&self) -> &str {
        &self.topic
    }

    /// Everything that was there at this moment has been read.
    pub(crate) const fn seen(&self) -> Option<Instant> {
        self.seen
    }

    /// A message has come.
    pub(crate) fn message(&mut self) {
        self.readable = true;
        self.quiet = None;
    }

    /// librdkafka says that there is no more.
    pub(crate) fn end(&mut self) {
        self.readable = true;
        self.quiet = Some(Instant::now());
        if self.sought.take().is_some()
            && let Some(goal) = self.goal.take()
        {
            self.seen = Some(goal.asked);
        }
    }

    /// Kafka did not let it be read: what was seen before counts no more.
    pub(crate) fn lost(&mut self) {
        (self.seen, self.goal, self.sought, self.readable) = (None, None, None, false);
        // It is asked for at once when there is something to ask for.
        self.quiet = Some(Instant::now());
    }

    /// Goes on to find the end out, where everything up to `next` has been read.
    pub(crate) fn look(&mut self, consumer: &BaseConsumer<Complaints>, next: i64) {
        let Some(goal) = self.goal.or_else(|| self.decided.take()) else { return };
        self.goal = Some(goal);
        // Behind the last message is Kafka's own marker. A log to which something is added all the time shows no end.
        if self.readable && next > 0 && next + 1 >= goal.end {
            self.seen = Some(goal.asked);
            (self.goal, self.sought) = (None, None);
            return;
        }
        if self.quiet.is_some() && self.sought.is_none_or(|since| since.elapsed() > ASK_AGAIN) {
            self.look_again(consumer, next);
        }
    }

    /// librdkafka tells of an end once. Reading on from the same place makes it tell again, if Kafka says so.
    fn look_again(&mut self, consumer: &BaseConsumer<Complaints>, next: i64) {
        match consumer.seek(&self.topic, 0, Offset::Offset(next), Duration::ZERO) {
            Ok(()) => self.sought = Some(Instant::now()),
            Err(error) => tracing::debug!(%error, topic = self.topic, "the end was not looked for"),
        }
    }

    /// Asks again whether there is more, where nothing has come for so long.
    pub(crate) fn look_after(&mut self, consumer: &BaseConsumer<Complaints>, next: i64, idle: Duration) {
        if self.quiet.is_some_and(|since| since.elapsed() >= idle) {
            self.quiet = None;
            self.look_again(consumer, next);
            // What it tells then is no end of a goal.
            self.sought = None;
        }
    }
}
