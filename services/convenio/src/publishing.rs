//! A publisher of events for integrators, for as long as this node writes. What it publishes, and where, is not known here.

use convenio_kafka::{KafkaLog, PublishedForm, Publisher, Publishing};
use convenio_ledger::submission::{Ledger, Role};
use convenio_portal::PublisherStanding;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
};

/// Where the publisher stands, while there is one.
type Standing = Arc<Mutex<Option<watch::Receiver<Publishing>>>>;

/// Starts a publisher whenever the node begins to write, and ends it when it does no more.
pub(crate) struct PublishingWhileWriting {
    standing: Standing,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl PublishingWhileWriting {
    pub(crate) fn start(kafka: &KafkaLog, form: PublishedForm, ledger: &Ledger) -> Self {
        let standing = Standing::default();
        let (stop, mut stopped) = oneshot::channel();
        // It holds no handle of the ledger, whose end it must not put off.
        let (mut role, kafka, told) = (ledger.watch(), kafka.clone(), standing.clone());
        let task = tokio::spawn(async move {
            let mut publisher = None;
            loop {
                let writes = publisher.is_some();
                tokio::select! {
                    _ = &mut stopped => break,
                    changed = role.wait_for(|now| (now.role == Role::Writer) != writes) => if changed.is_err() { break },
                }
                if writes {
                    end(publisher.take(), &told).await;
                } else {
                    let started = Publisher::start(&kafka, form.clone());
                    *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(started.publishing());
                    publisher = Some(started);
                }
            }
            end(publisher, &told).await;
        });
        Self { standing, stop, task }
    }

    /// Says where the publisher stands; nothing where this node does not write.
    pub(crate) fn watch(&self) -> impl Fn() -> Option<PublisherStanding> + Send + Sync + 'static {
        let standing = self.standing.clone();
        move || {
            let publishing = standing.lock().unwrap_or_else(PoisonError::into_inner).clone()?.borrow().clone();
            let Publishing { next, oldest_waiting, error, halted } = publishing;
            Some(PublisherStanding { next, oldest_waiting, error, halted })
        }
    }

    /// Ends it, and what it has under way.
    pub(crate) async fn stop(self) {
        // It may have ended with the ledger.
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

/// Waits for the transaction under way, which may block.
async fn end(publisher: Option<Publisher>, told: &Standing) {
    *told.lock().unwrap_or_else(PoisonError::into_inner) = None;
    // A panic over there has been reported by its hook.
    let _ = tokio::task::spawn_blocking(move || drop(publisher)).await;
}
