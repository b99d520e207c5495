//! Every now and then all that is on the disk is read and compared with what is known of it: damage that no read comes upon lasts no
//! longer than that. What is found is told elsewhere.

use crate::damage::Damage;
use convenio_events::{
    Sequence,
    log::{EventLog, PAGE_EVENTS_LIMIT, ReadError},
};
use convenio_journal::{Index, StateFile};
use convenio_notary::{CompactRange, TreeHead, leaf_hash};
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
        let mut now = CompactRange::new();
        while now.size() < known.size() && !*stop.borrow() {
            let left = usize::try_from(known.size() - now.size()).unwrap_or(usize::MAX);
            let page = self.log.read(Sequence(now.size()), left.min(PAGE_EVENTS_LIMIT)).await?;
            if page.is_empty() {
                return Ok(Some(format!("the log ends at event {}, and had {}", now.size(), known.size())));
            }
            page.iter().for_each(|event| now.append(leaf_hash(event.entry.as_bytes())));
        }
        let same = now.size() < known.size() || now.head() == known;
        Ok((!same).then(|| {
            format!(
                "the root over the first {} entries is {} now, and was {} when they were recorded",
                known.size(),
                now.root().to_base64(),
                known.root().to_base64()
            )
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use convenio_journal::{Access, Journal};
    use std::sync::Mutex;

    /// Another log than the one whose tree is known.
    #[tokio::test]
    async fn entries_that_make_another_tree_halt_the_node() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = Journal::open(folder.path(), Access::ReadWrite).expect("opens");
        let (index, state) = (Index::open(&journal).expect("opens"), StateFile::open(&journal).expect("opens"));
        let halted = Arc::new(Mutex::new(Vec::new()));
        let told = halted.clone();
        let damage = Damage::new(move |what| told.lock().expect("whole").push(what.to_owned()));
        let (root, heads) = watch::channel(TreeHead::empty());
        let log: Arc<dyn EventLog> = Arc::new(journal);
        let kept = Kept { log, index: Arc::new(index), state, root: heads, damage: damage.clone() };
        let (_going, stop) = watch::channel(false);
        kept.look_through(&stop).await;
        assert_eq!(damage.found(), None);
        let mut other = CompactRange::new();
        other.append(leaf_hash(b"an entry that is gone"));
        root.send_replace(other.head());
        kept.look_through(&stop).await;
        assert_eq!(damage.found().as_deref(), Some("the log ends at event 0, and had 1"));
        assert_eq!(halted.lock().expect("whole").len(), 1, "nothing is recorded on it");
    }
}
