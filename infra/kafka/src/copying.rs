//! The second half of a follower: writes what was read into the node's journal, on a thread of its own, so that the next events
//! are opened meanwhile. It reads nothing from Kafka, and tells how far the copy is only when it is written.

use crate::{
    announcement::Announced,
    authority::Authentic,
    closing::Closed,
    error::KafkaLogError,
    follower::{Cursor, Following},
    reading::RETRY,
};
use convenio_events::{RecordedEvent, causes::with_causes};
use convenio_journal::Mirror;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::{Instant, SystemTime},
};
use tokio::sync::watch;

/// Pieces that wait to be written.
const PIECES_AHEAD: usize = 4;

/// Events as they go into the journal, and what can be told once they are there.
pub(crate) struct Piece {
    /// None, where there is only something to tell.
    pub(crate) events: Vec<RecordedEvent>,
    pub(crate) cursor: Cursor,
    pub(crate) told: Told,
}

/// How far everything has been read.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) offset: i64,
    /// When the end was seen, if it was.
    pub(crate) confirmed: Option<Instant>,
    pub(crate) closed: Option<Closed>,
    pub(crate) writer: Option<Announced>,
    pub(crate) authentic: Option<Authentic>,
    pub(crate) unchecked: bool,
    pub(crate) last_time: Option<SystemTime>,
}

/// The thread that writes; dropping it waits until what it was handed is written.
pub(crate) struct Copying {
    pieces: Option<SyncSender<Piece>>,
    thread: Option<JoinHandle<()>>,
}

impl Copying {
    /// `stop` is set when the journal cannot be written for good.
    pub(crate) fn start(mirror: Mirror, told: watch::Sender<Following>, stop: Arc<AtomicBool>) -> Self {
        let (pieces, waiting) = sync_channel(PIECES_AHEAD);
        let work = move || {
            if let Err(error) = copy(mirror, &waiting, &told, &stop) {
                halt(&told, &error);
                stop.store(true, Ordering::Relaxed);
            }
        };
        let thread = std::thread::Builder::new().name("kafka-copy".to_owned()).spawn(work);
        Self { pieces: Some(pieces), thread: Some(thread.expect("the system can start a thread")) }
    }

    /// Hands a piece on, after waiting for room.
    pub(crate) fn take(&self, piece: Piece) {
        if let Some(pieces) = &self.pieces {
            // The thread has ended by itself: `stop` says so.
            let _ = pieces.send(piece);
        }
    }
}

impl Drop for Copying {
    fn drop(&mut self) {
        drop(self.pieces.take());
        if let Some(thread) = self.thread.take() {
            // A panic over there has been reported by its hook.
            let _ = thread.join();
        }
    }
}

fn copy(
    mut mirror: Mirror,
    pieces: &Receiver<Piece>,
    told: &watch::Sender<Following>,
    stop: &AtomicBool,
) -> Result<(), KafkaLogError> {
    for Piece { events, cursor, told: now } in pieces {
        if !events.is_empty() {
            let (events, cursor) = (Arc::new(events), cursor.to_text());
            while let Err(error) = mirror.append(events.clone(), &cursor).map_err(KafkaLogError::from) {
                if !error.may_pass() {
                    return Err(error);
                }
                tracing::error!(error = &error as &dyn std::error::Error, "the copy of the log: trying again");
                if stop.load(Ordering::Relaxed) {
                    return Ok(());
                }
                std::thread::sleep(RETRY);
            }
        }
        told.send_if_modified(|told| {
            let said = (&told.closed, &told.writer) != (&now.closed, &now.writer);
            let changed = now.offset > told.offset || now.confirmed.is_some() || said;
            told.offset = told.offset.max(now.offset);
            told.confirmed = now.confirmed.or(told.confirmed);
            told.closed = now.closed;
            told.writer = now.writer;
            told.authentic = now.authentic;
            told.unchecked = now.unchecked;
            told.last_time = now.last_time;
            changed
        });
    }
    Ok(())
}

/// Says that the copy stands still for good.
pub(crate) fn halt(told: &watch::Sender<Following>, error: &KafkaLogError) {
    tracing::error!(error = error as &dyn std::error::Error, "this node follows the log no more");
    // What was found first is why.
    told.send_modify(|told| {
        told.halted.get_or_insert_with(|| with_causes(error));
    });
}
