//! Batches that the log was given and that do not count yet, in their order. It knows neither commands nor answers.

use super::writing::Batch;
use convenio_events::{
    RecordedEvent,
    log::{Acknowledgement, AppendError, LogWriter, Submitted},
};
use std::{collections::VecDeque, future::Future, pin::Pin, sync::Arc, time::Duration};
use tokio::time::Instant;

/// The most batches that were handed over and do not count yet. One more is decided meanwhile.
const SUBMITTED_LIMIT: usize = 4;
/// How long batches that were handed over may still take to count once a later one has failed, or the term is over.
pub(super) const LAST_WAIT: Duration = Duration::from_secs(2);

/// A batch on its way.
pub(super) struct Sent {
    pub(super) events: Arc<Vec<RecordedEvent>>,
    pub(super) batch: Batch,
    pub(super) began: Instant,
}

type Handing = Pin<Box<dyn Future<Output = (Box<dyn LogWriter>, Result<Submitted, AppendError>)> + Send>>;

/// The writer, and everything that was given to it.
pub(super) struct UnderWay {
    /// `None` while it takes a batch, and once it has failed.
    writer: Option<Box<dyn LogWriter>>,
    handing: Option<(Handing, Sent)>,
    submitted: VecDeque<(Acknowledgement, Sent)>,
    /// Why there is no writer any more, and until when earlier batches are waited for.
    failed: Option<(AppendError, Instant)>,
}

impl UnderWay {
    pub(super) fn new(writer: Box<dyn LogWriter>) -> Self {
        Self { writer: Some(writer), handing: None, submitted: VecDeque::new(), failed: None }
    }

    /// Whether there is nothing to wait for.
    pub(super) fn is_empty(&self) -> bool {
        self.handing.is_none() && self.submitted.is_empty() && self.failed.is_none()
    }

    /// The writer, where it would take a batch now.
    pub(super) fn ready(&mut self) -> Option<&mut Box<dyn LogWriter>> {
        if self.submitted.len() < SUBMITTED_LIMIT { self.writer.as_mut() } else { None }
    }

    /// Hands over what has been decided, where there is something and the writer takes it; else it stays where it is.
    pub(super) fn start(&mut self, decided: &mut Batch) {
        if decided.events.is_empty() || self.ready().is_none() {
            return;
        }
        let Some(mut writer) = self.writer.take() else { return };
        let mut batch = std::mem::take(decided);
        let events = Arc::new(std::mem::take(&mut batch.events));
        let given = events.clone();
        let handing: Handing = Box::pin(async move {
            let result = writer.submit(given).await;
            (writer, result)
        });
        self.handing = Some((handing, Sent { events, batch, began: Instant::now() }));
    }

    /// The events of all of them, in order.
    pub(super) fn events(&self) -> impl Iterator<Item = &RecordedEvent> {
        let sent = self.submitted.iter().map(|(_, sent)| sent).chain(self.handing.iter().map(|(_, sent)| sent));
        sent.flat_map(|sent| sent.events.iter())
    }

    /// Goes on until the writer takes the next batch, or the first one counts: then that one. Never completes when there is
    /// none. It may be dropped and called again.
    pub(super) async fn next(&mut self) -> Result<Option<Sent>, AppendError> {
        let some_may_count = !self.submitted.is_empty();
        tokio::select! {
            biased;
            (writer, result) = handed(&mut self.handing) => self.taken(writer, result),
            result = counts(&mut self.submitted) => {
                let first = self.submitted.pop_front().map(|(_, sent)| sent);
                result.map(|()| first)
            }
            error = given_up(&mut self.failed, some_may_count) => Err(error),
        }
    }

    fn taken(
        &mut self,
        writer: Box<dyn LogWriter>,
        result: Result<Submitted, AppendError>,
    ) -> Result<Option<Sent>, AppendError> {
        let Some((_, sent)) = self.handing.take() else { return Ok(None) };
        match result {
            Ok(Submitted::Counts) if self.submitted.is_empty() => {
                self.writer = Some(writer);
                Ok(Some(sent))
            }
            Ok(submitted) => {
                self.writer = Some(writer);
                self.submitted.push_back((submitted.acknowledgement(), sent));
                Ok(None)
            }
            Err(error) => {
                self.failed = Some((error, Instant::now() + LAST_WAIT));
                Ok(None)
            }
        }
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

/// Completes when the writer has failed and earlier batches are waited for no more; never while it works.
async fn given_up(failed: &mut Option<(AppendError, Instant)>, some_may_count: bool) -> AppendError {
    if let (Some((_, deadline)), true) = (&*failed, some_may_count) {
        tokio::time::sleep_until(*deadline).await;
    }
    match failed.take() {
        Some((error, _)) => error,
        None => std::future::pending().await,
    }
}
