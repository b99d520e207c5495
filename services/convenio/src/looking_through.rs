//! Every now and then all that is on the disk is read and compared with what is known of it: damage that no read comes upon lasts no
//! longer than that. What is found is told elsewhere.

use crate::{damage::Damage, tree};
use convenio_events::log::{EventLog, ReadError};
use convenio_journal::{Index, StateFile};
use convenio_notary::TreeHead;
use convenio_projections::priority;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// The least time from the end of one pass to the beginning of the next.
const REST: Duration = Duration::from_secs(600);
/// A pass that takes long is followed by a rest of so many times as long.
const REST_FACTOR: u32 = 20;

/// What is looked through.
pub(crate) struct Kept {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) index: Arc<Index>,
    pub(crate) state: StateFile,
    /// The tree over the log, as it was read when it was new.
    pub(crate) root: watch::Receiver<TreeHead>,
    pub(crate) damage: Damage,
}

impl Kept {
    /// Looks through everything again and again, until it is told to stop.
    pub(crate) async fn keep_looking_through(self, stop: watch::Receiver<bool>) -> anyhow::Result<()> {
        priority::behind_commands();
        let mut rest = REST;
        loop {
            let mut stopped = stop.clone();
            tokio::select! {
                // The sender is gone only when the node is.
                _ = stopped.wait_for(|stop| *stop) => return Ok(()),
                () = tokio::time::sleep(rest) => {}
            }
            let began = Instant::now();
            self.look_through(&stop).await;
            rest = REST.max(began.elapsed() * REST_FACTOR);
        }
    }

    async fn look_through(&self, stop: &watch::Receiver<bool>) {
        // What cannot be read now is told by whoever needs it; what is damaged is made anew.
        let derived = [self.index.look_through(), self.state.look_through()];
        for error in derived.into_iter().filter_map(Result::err) {
            tracing::warn!(error = &error as &dyn std::error::Error, "a derived file could not be looked through");
        }
        // What cannot be read because it is damaged tells of itself.
        if let Ok(Some(found)) = self.compare_log(stop).await {
            self.damage.tell(&found);
        }
    }

    /// What is wrong where the entries make another tree than they did, in words.
    async fn compare_log(&self, stop: &watch::Receiver<bool>) -> Result<Option<String>, ReadError> {
        let known = *self.root.borrow();
        let now = tree::read_again(&*self.log, known.size(), || !*stop.borrow()).await?;
        let same = now.head() == known || *stop.borrow();
        Ok((!same).then(|| {
            format!(
                "the root over the first {} entries was {} when they were recorded; now there are {}, and it is {}",
                known.size(),
                known.root().to_base64(),
                now.size(),
                now.root().to_base64()
            )
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use convenio_events::{conformance::sample_event, memory_log::MemoryLog};
    use convenio_journal::{Access, Journal};

    async fn log(events: std::ops::Range<u64>, bytes: usize) -> Arc<dyn EventLog> {
        let log = MemoryLog::default();
        let mut writer = log.open_writer().await.expect("opens").writer;
        writer.append(Arc::new(events.map(|at| sample_event(at, bytes)).collect())).await.expect("appends");
        Arc::new(log)
    }

    #[tokio::test]
    async fn entries_that_make_another_tree_halt_the_node() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = Journal::open(folder.path(), Access::ReadWrite).expect("opens");
        let index = Arc::new(Index::open(&journal).expect("opens"));
        let state = StateFile::open(&journal).expect("opens");
        let (known, (_going, stop)) = (log(0..9, 100).await, watch::channel(false));
        let tree = tree::read_again(&*known, 9, || true).await.expect("reads").head();
        for (found, halts) in [(known, false), (log(0..9, 101).await, true), (log(0..8, 100).await, true)] {
            let damage = Damage::new(|_| {});
            let kept = Kept {
                log: found,
                index: index.clone(),
                state: state.shared(),
                root: watch::channel(tree).1,
                damage: damage.clone(),
            };
            kept.look_through(&stop).await;
            assert_eq!(damage.found().is_some(), halts, "{:?}", damage.found());
        }
    }
}
