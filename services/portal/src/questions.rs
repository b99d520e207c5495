//! How many questions the views are asked at a time, and how many have events of the log in memory, so that those of strangers
//! leave room for members'. What is asked is said elsewhere.

use crate::{
    limits::{QUESTION_WAIT, QUESTIONS_OF_MEMBERS_LIMIT},
    problem::{Code, Problem},
};
use std::{sync::Arc, thread::available_parallelism};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The fewest questions of strangers at a time, on a machine with one processor.
const STRANGERS_LEAST: usize = 2;

/// A place that somebody has, until this is dropped.
pub(crate) type Turn = OwnedSemaphorePermit;

/// Places for questions; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Questions {
    members: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
}

impl Default for Questions {
    fn default() -> Self {
        // More of them at a time would not be answered sooner: they keep processors busy, and members wait.
        let strangers = available_parallelism().map_or(STRANGERS_LEAST, |count| count.get().max(STRANGERS_LEAST));
        Self {
            members: Arc::new(Semaphore::new(QUESTIONS_OF_MEMBERS_LIMIT)),
            strangers: Arc::new(Semaphore::new(strangers)),
        }
    }
}

impl Questions {
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
