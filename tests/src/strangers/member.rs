//! A member who works: it records, waits until it sees what it recorded, and reads a list. It judges nothing.

use crate::{User, server::DEADLINE, users::listing};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinHandle;
use uuid::Uuid;

/// A member at work, until it is told to stop.
#[derive(Debug)]
pub struct Member {
    stop: Arc<AtomicBool>,
    working: JoinHandle<Work>,
}

/// What a member did.
#[derive(Clone, Debug, Default)]
pub struct Work {
    /// How long each request took that was answered well, shortest first.
    pub took: Vec<Duration>,
    /// What went wrong.
    pub failed: Vec<String>,
}

impl Work {
    /// The time within which so many in a hundred were answered.
    pub fn within(&self, percent: usize) -> Duration {
        let last = self.took.len().saturating_sub(1);
        self.took.get((self.took.len() * percent / 100).min(last)).copied().unwrap_or_default()
    }
}

impl Member {
    /// Begins to work. Every few requests it comes through a connection of its own, as a browser does that was away.
    pub fn works(user: &User, fresh: impl Fn() -> User + Send + 'static) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let (told, mut user) = (stop.clone(), user.clone());
        let working = tokio::spawn(async move {
            let (mut work, mut rounds) = (Work::default(), 0);
            while !told.load(Relaxed) {
                rounds += 1;
                if rounds % 5 == 0 {
                    user = fresh();
                }
                round(&user, &mut work).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            work.took.sort_unstable();
            work
        });
        Self { stop, working }
    }

    /// What it did until now.
    ///
    /// # Panics
    /// Never: working does not panic.
    pub async fn stop(self) -> Work {
        self.stop.store(true, Relaxed);
        self.working.await.expect("working does not panic")
    }
}

async fn round(user: &User, work: &mut Work) {
    let id = Uuid::new_v4();
    let recorded =
        ask(user, work, 201, |user| user.command(Uuid::new_v4(), "publish-offer").json(&listing(id, "Oferta"))).await;
    let Some(sequence) = recorded.and_then(|recorded| recorded["sequence"].as_u64()) else { return };
    for path in [format!("/api/v1/offers/{id}?wait_for={sequence}"), "/api/v1/offers?limit=5".to_owned()] {
        ask(user, work, 200, |user| user.request(reqwest::Method::GET, &path)).await;
    }
}

async fn ask(
    user: &User,
    work: &mut Work,
    expected: u16,
    request: impl Fn(&User) -> reqwest::RequestBuilder,
) -> Option<serde_json::Value> {
    let began = Instant::now();
    let mut answer = user.try_ask(request(user)).await;
    // A view that is behind on a busy machine is asked again: that time counts, too.
    while answer.as_ref().is_ok_and(|reply| reply.body["code"] == "not-yet-visible") && began.elapsed() < DEADLINE {
        answer = user.try_ask(request(user)).await;
    }
    match answer {
        Ok(reply) if reply.status == expected => {
            work.took.push(began.elapsed());
            Some(reply.body)
        }
        Ok(reply) => {
            work.failed.push(format!("{}: {}", reply.status, reply.text));
            None
        }
        Err(error) => {
            work.failed.push(format!("{error:?}"));
            None
        }
    }
}
