//! Batches that the log was given and that do not count yet, in their order. It knows neither commands nor answers.

use super::writing::Batch;
use crate::stores::IndexedEvent;
use convenio_events::{
    RecordedEvent,
    log::{Acknowledgement, AppendError, LogWriter, Submitted},
};
use std::{collections::VecDeque, future::Future, pin::Pin, sync::Arc};
use tokio::time::Instant;

/// The most batches that were handed over and do not count yet. One more is decided meanwhile.
const SUBMITTED_LIMIT: usize = 4;

/// A batch on its way.
pub(super) struct Sent {
    pub(super) events: Arc<Vec<RecordedEvent>>,
    pub(super) indexed: Vec<IndexedEvent>,
    pub(super) bytes: usize,
    pub(super) began: Instant,
    /// Which time of asking the log it was whether this writer is the one.
    pub(super) asked: u64,
}

type Handing = Pin<Box<dyn Future<Output = (Box<dyn LogWriter>, Result<Submitted, AppendError>)> + Send>>;

/// The writer, and everything that was given to it.
pub(super) struct UnderWay {
    /// `None` while it takes a batch, and once it has failed.
    writer: Option<Box<dyn LogWriter>>,
    handing: Option<(Handing, Sent)>,
    submitted: VecDeque<(Acknowledgement, Sent)>,
}

impl UnderWay {
    pub(super) fn new(writer: Box<dyn LogWriter>) -> Self {
        Self { writer: Some(writer), handing: None, submitted: VecDeque::new() }
    }

    /// Whether there is nothing to wait for.
    pub(super) fn is_empty(&self) -> bool {
        self.handing.is_none() && self.submitted.is_empty()
    }

    /// The last time of asking the log among them.
    pub(super) fn asked(&self) -> Option<u64> {
        let last = self.handing.as_ref().map(|(_, sent)| sent);
        last.or(self.submitted.back().map(|(_, sent)| sent)).map(|sent| sent.asked)
    }

    /// The writer, where it would take a batch now.
    pub(super) fn ready(&mut self) -> Option<&mut Box<dyn LogWriter>> {
        if self.submitted.len() < SUBMITTED_LIMIT { self.writer.as_mut() } else { None }
    }

    /// Hands over what has been decided, where there is something and the writer takes it; else it stays where it is. Returns
    /// whether it did.
    pub(super) fn start(&mut self, decided: &mut Batch, asked: u64) -> bool {
        if decided.events.is_empty() || self.ready().is_none() {
            return false;
        }
        let Some(mut writer) = self.writer.take() else { return false };
        let Batch { events, indexed, bytes } = std::mem::take(decided);
        let events = Arc::new(events);
        let given = events.clone();
        let handing: Handing = Box::pin(async move {
            let result = writer.submit(given).await;
            (writer, result)
        });
        self.handing = Some((handing, Sent { events, indexed, bytes, began: Instant::now(), asked }));
        true
    }

    /// The events of all of them, in order.
    pub(super) fn events(&self) -> impl Iterator<Item = &RecordedEvent> {
        let sent = self.submitted.iter().map(|(_, sent)| sent).chain(self.handing.iter().map(|(_, sent)| sent));
        sent.flat_map(|sent| sent.events.iter())
    }

    /// Goes on until the writer takes the next batch, or the first one counts: then that one. Never completes when there is
    /// none. It may be dropped and called again; after an error, for those that were handed over before the one that failed.
    pub(super) async fn next(&mut self) -> Result<Option<Sent>, AppendError> {
        tokio::select! {
            biased;
            (writer, result) = handed(&mut self.handing) => self.taken(writer, result),
            result = counts(&mut self.submitted) => {
                let first = self.submitted.pop_front().map(|(_, sent)| sent);
                if result.is_err() {
                    // Nothing is known of those behind it either.
                    self.submitted.clear();
                    self.handing = None;
                }
                result.map(|()| first)
            }
        }
    }

    fn taken(
        &mut self,
        writer: Box<dyn LogWriter>,
        result: Result<Submitted, AppendError>,
    ) -> Result<Option<Sent>, AppendError> {
        let Some((_, sent)) = self.handing.take() else { return Ok(None) };
        let submitted = result?;
        self.writer = Some(writer);
        if matches!(submitted, Submitted::Counts) && self.submitted.is_empty() {
            return Ok(Some(sent));
        }
        self.submitted.push_back((submitted.acknowledgement(), sent));
        Ok(None)
    }
}

/// Completes when the log takes the next batch; never when none is being handed over.
async fn handed(handing: &mut Option<(Handing, Sent)>) -> (Box<dyn LogWriter>, Result<Submitted, AppendError>) {
    match handing {
        Some((handing, _)) => handing.await,
        None => std::future::pending().await,
    }
}

/// Completes when the first batch counts; never when there is none.
async fn counts(submitted: &mut VecDeque<(Acknowledgement, Sent)>) -> Result<(), AppendError> {
    match submitted.front_mut() {
        Some((acknowledgement, _)) => acknowledgement.await,
        None => std::future::pending().await,
    }
}
