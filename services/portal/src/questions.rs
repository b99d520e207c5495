//! How many questions the views are asked at a time and on which threads, and how many have events of the log in memory, so that
//! those of strangers leave room for members'. What is asked is said elsewhere.

use crate::{
    limits::{QUESTION_WAIT, QUESTIONS_OF_MEMBERS_LIMIT},
    problem::{Code, Problem},
};
use convenio_projections::priority;
use std::{sync::Arc, thread::available_parallelism};
use tokio::{
    runtime::Runtime,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinError,
};

/// The fewest questions of strangers at a time, on a machine with one processor.
const STRANGERS_LEAST: usize = 2;

/// A place that somebody has, until this is dropped.
pub(crate) type Turn = OwnedSemaphorePermit;

/// Places for members and for strangers; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Turns {
    members: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
}

impl Turns {
    /// As many for strangers as there are processors.
    pub(crate) fn of_processors() -> Self {
        Self::new(processors())
    }

    fn new(strangers: usize) -> Self {
        Self {
            members: Arc::new(Semaphore::new(QUESTIONS_OF_MEMBERS_LIMIT)),
            strangers: Arc::new(Semaphore::new(strangers)),
        }
    }

    /// Waits for its turn.
    ///
    /// # Errors
    /// 503 `overloaded` where it does not come in time.
    pub(crate) async fn turn(&self, member: bool) -> Result<Turn, Problem> {
        let places = if member { &self.members } else { &self.strangers };
        let turn = tokio::time::timeout(QUESTION_WAIT, places.clone().acquire_owned()).await;
        turn.ok().and_then(Result::ok).ok_or_else(|| Code::Overloaded.into())
    }
}

/// Where the views are asked; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Questions {
    turns: Turns,
    strangers: Arc<StrangersThreads>,
}

/// Why a question has no answer.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// Its turn did not come in time, or the node stops.
    Overloaded,
    /// It panicked.
    Panicked(JoinError),
}

impl Default for Questions {
    fn default() -> Self {
        // As many wait at the threads as they answer at a time: a thread that is done finds the next one there.
        Self { turns: Turns::new(2 * processors()), strangers: Arc::new(StrangersThreads::start()) }
    }
}

impl Questions {
    /// Answers a question on a thread that may block, when its turn comes.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub(crate) async fn answer<T: Send + 'static>(
        &self,
        member: bool,
        question: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Unanswered> {
        let turn = self.turns.turn(member).await.map_err(|_| Unanswered::Overloaded)?;
        let work = move || {
            let answer = question();
            drop(turn);
            answer
        };
        let answered = if member { tokio::task::spawn_blocking(work) } else { self.strangers.spawn(work) };
        answered.await.map_err(|error| match error.is_panic() {
            true => Unanswered::Panicked(error),
            false => Unanswered::Overloaded,
        })
    }
}

/// The threads that answer strangers: as many as there are processors, for more would not answer sooner, and behind those that answer
/// members.
#[derive(Debug)]
struct StrangersThreads {
    /// There until it is dropped. It runs no tasks.
    runtime: Option<Runtime>,
}

impl StrangersThreads {
    fn start() -> Self {
        let mut threads = tokio::runtime::Builder::new_current_thread();
        threads.max_blocking_threads(processors()).thread_name("strangers").on_thread_start(priority::behind_members);
        Self { runtime: Some(threads.build().expect("what opens no file can be made")) }
    }

    fn spawn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> tokio::task::JoinHandle<T> {
        self.runtime.as_ref().expect("it is there until it is dropped").spawn_blocking(work)
    }
}

impl Drop for StrangersThreads {
    fn drop(&mut self) {
        // Whoever drops it must not block.
        self.runtime.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

fn processors() -> usize {
    available_parallelism().map_or(STRANGERS_LEAST, |count| count.get().max(STRANGERS_LEAST))
}
