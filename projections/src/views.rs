//! The handle by which everybody else starts, reads, awaits and rebuilds the views. It knows no view's rows.

use crate::{
    error::QueryError,
    name::ViewName,
    runner::Shared,
    status::{RebuildProgress, ViewStatus},
    store::Reader,
};
use convenio_events::{Sequence, log::EventLog};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::sync::watch;

/// Where the views live, and how they are fed.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder `views` of the data directory; made when it is missing. All in it is derived and may be deleted.
    pub folder: PathBuf,
    /// The most events of one page, which is one transaction of each view. Bounds memory and how long a reader's snapshot lags.
    pub page_events: usize,
}

impl Settings {
    /// The usual settings.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), page_events: 4_000 }
    }
}

/// Why the views could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The folder, its manifest or a new file cannot be written.
    #[error("the views' folder {folder} cannot be used")]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A new file cannot be made.
    #[error("a new file of the view {view} cannot be made")]
    File {
        /// Which view.
        view: ViewName,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// The log does not answer.
    #[error("the log cannot be read")]
    Log(#[source] convenio_events::log::ReadError),
}

/// The views did not reach a position in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the view {view} has folded {position} events, {wanted} were asked for")]
pub struct NotYetVisible {
    /// Which view lags.
    pub view: ViewName,
    /// Where it is.
    pub position: Sequence,
    /// Where it should be.
    pub wanted: Sequence,
}

/// Why a rebuild did not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RebuildError {
    /// One is under way.
    #[error("the view {0} is being rebuilt already")]
    UnderWay(ViewName),
    /// The runner was shut down.
    #[error("the views are shut down")]
    Closed,
}

/// A rebuild that is under way; dropping this does not stop it.
#[derive(Clone, Debug)]
pub struct Rebuild {
    pub(crate) progress: watch::Receiver<RebuildProgress>,
    pub(crate) cancel: Arc<std::sync::atomic::AtomicBool>,
}

impl Rebuild {
    /// How far it is, now and as it goes on.
    pub fn progress(&self) -> watch::Receiver<RebuildProgress> {
        self.progress.clone()
    }

    /// Stops it; the live file stays as it is. Too late once the new file is being swapped in.
    pub fn cancel(&self) {
        self.cancel.store(true, std::sync::atomic::Ordering::Relaxed);
    }

    /// Waits until it is over, in whatever way.
    pub async fn finished(mut self) -> RebuildProgress {
        match self.progress.wait_for(RebuildProgress::is_over).await {
            Ok(progress) => progress.clone(),
            Err(_) => RebuildProgress::Failed { message: "the views were shut down".to_owned() },
        }
    }
}

/// All views of one ledger. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Views {
    shared: Arc<Shared>,
}

impl Views {
    /// Opens the views of a log, throws away what does not belong to it, and begins to follow it. Returns at once: views that are
    /// missing are made beside the others, and can be read from their first page on.
    ///
    /// # Errors
    /// [`StartError`] when the folder cannot be used or the log does not answer.
    pub async fn start(settings: Settings, log: Arc<dyn EventLog>) -> Result<Self, StartError> {
        Ok(Self { shared: crate::runner::start(settings, log).await? })
    }

    /// One view at its present position. Blocks while all connections are in use: not for an async thread that must not wait.
    ///
    /// # Errors
    /// [`QueryError::Outdated`] where it may show what was hidden since; [`QueryError::Overloaded`] when no connection becomes free
    /// in time; [`QueryError::Store`].
    pub fn read(&self, view: ViewName) -> Result<Reader, QueryError> {
        self.shared.read(view)
    }

    /// The view of grants also while it is made anew and lacks what was granted and revoked lately: for what mends the views.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_grants_as_they_are(&self) -> Result<Reader, QueryError> {
        self.shared.begin(ViewName::Access)
    }

    /// Somebody read in a view what cannot be ([`QueryError::is_damage`]): its file is made anew within seconds; if that does not
    /// help, ever more seldom again.
    pub fn suspect(&self, view: ViewName) {
        self.shared.suspect(view);
    }

    /// Whether a view has been at the end of the log since its file was made: before, it lacks some of what was recorded.
    pub fn is_whole(&self, view: ViewName) -> bool {
        self.shared.is_whole(view)
    }

    /// Asks a question on a thread of its own.
    ///
    /// # Errors
    /// Those of [`Self::read`] and of the question.
    pub async fn query<T: Send + 'static>(
        &self,
        view: ViewName,
        question: impl FnOnce(&Reader) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, QueryError> {
        let shared = self.shared.clone();
        tokio::task::spawn_blocking(move || question(&shared.read(view)?))
            .await
            .unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
    }

    /// How many events a view has folded, now and as it goes on.
    pub fn position(&self, view: ViewName) -> watch::Receiver<Sequence> {
        self.shared.position(view)
    }

    /// Waits until all of these views have folded `position` events. The event of sequence `n` is in from position `n + 1` on.
    ///
    /// # Errors
    /// [`NotYetVisible`], naming a view that lags, after `timeout`.
    pub async fn wait_for(
        &self,
        views: &[ViewName],
        position: Sequence,
        timeout: Duration,
    ) -> Result<(), NotYetVisible> {
        let deadline = tokio::time::Instant::now() + timeout;
        for &view in views {
            let mut now = self.shared.position(view);
            let reached = tokio::time::timeout_at(deadline, now.wait_for(|now| *now >= position)).await;
            if !matches!(reached, Ok(Ok(_))) {
                let position_now = *self.shared.position(view).borrow();
                return Err(NotYetVisible { view, position: position_now, wanted: position });
            }
        }
        Ok(())
    }

    /// Waits while the views are far behind the log and gain on it, so that what is recorded is seen within seconds. Whoever
    /// sends commands asks here first.
    pub async fn keep_pace(&self) {
        self.shared.keep_pace().await;
    }

    /// How all views are doing.
    pub fn statuses(&self) -> Vec<ViewStatus> {
        self.shared.statuses()
    }

    /// How one view is doing.
    pub fn status(&self, view: ViewName) -> ViewStatus {
        self.shared.status(view)
    }

    /// Makes a new file of a view beside the live one and then swaps it in. Yields while the live views lag.
    ///
    /// # Errors
    /// [`RebuildError`] when one is under way or the views are shut down.
    pub fn rebuild(&self, view: ViewName) -> Result<Rebuild, RebuildError> {
        self.shared.rebuild(view)
    }

    /// All rows of a view, table by table, in an order and without the columns that depend on the run: two files of the same view
    /// at the same position give the same. For tests and `verify`; it reads the whole file.
    ///
    /// # Errors
    /// Those of [`Self::read`].
    pub fn dump(&self, view: ViewName) -> Result<Vec<(String, String)>, QueryError> {
        crate::view::dump(&self.shared.read(view)?)
    }

    /// Stops all threads after the page they are at, and waits for them.
    pub async fn shutdown(&self) {
        let shared = self.shared.clone();
        // A join that panics has logged why; there is nothing left to stop.
        let _ = tokio::task::spawn_blocking(move || shared.shutdown()).await;
    }
}
