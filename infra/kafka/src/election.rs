//! Which node may write: the member of a consumer group that owns the log's first partition. It is never trusted alone; the fence
//! is the producer's.

use crate::{complaints::Complaints, error::KafkaLogError, settings::Settings, topics::Topic};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// How long one wait for the group takes at most: how late a change is seen.
const POLL: Duration = Duration::from_millis(50);
/// How long who gave the seat up stays away: until every other has heard of it with its next heartbeat. The group would
/// give it the seat again otherwise.
const ASIDE: Duration = Duration::from_secs(2);

/// The seat of a node in the election; leaving it is dropping it.
#[derive(Debug)]
pub struct Election {
    stop: Arc<AtomicBool>,
    again: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Election {
    /// Stands for election. `elected` is set to a new number, 1 and up, each time that this node may write, and to 0 when it
    /// may no more.
    ///
    /// # Errors
    /// [`KafkaLogError`] where no consumer can be made.
    pub fn stand(settings: &Settings, elected: watch::Sender<u64>) -> Result<Self, KafkaLogError> {
        let config = settings.client(
            &[("session.timeout.ms", "6000"), ("heartbeat.interval.ms", "500"), ("max.poll.interval.ms", "20000")],
            &[
                ("group.id", &settings.name("writers")),
                ("partition.assignment.strategy", "cooperative-sticky"),
                ("enable.auto.commit", "false"),
                ("enable.auto.offset.store", "false"),
                ("isolation.level", "read_committed"),
                ("auto.offset.reset", "latest"),
            ],
        );
        let consumer: BaseConsumer<Complaints> = config
            .create_with_context(Complaints::default())
            .map_err(KafkaLogError::kafka("a consumer could not be made"))?;
        let topic = Topic::Log.name(settings);
        let (stop, again) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let seat = Seat { consumer, topic, elected, stop: stop.clone(), again: again.clone(), term: 0 };
        let thread = std::thread::Builder::new()
            .name("kafka-election".to_owned())
            .spawn(move || seat.run())
            .expect("the system can start a thread");
        Ok(Self { stop, again, thread: Some(thread) })
    }

    /// Gives the seat up and stands anew two seconds later, so that another has it if there is one: for a node that was
    /// fenced, or cannot commit.
    pub fn stand_anew(&self) {
        self.again.store(true, Ordering::Relaxed);
    }
}

impl Drop for Election {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic has been reported by its hook.
            let _ = thread.join();
        }
    }
}

struct Seat {
    consumer: BaseConsumer<Complaints>,
    topic: String,
    elected: watch::Sender<u64>,
    stop: Arc<AtomicBool>,
    again: Arc<AtomicBool>,
    term: u64,
}

impl Seat {
    fn run(mut self) {
        let (mut standing, mut aside_until) = (false, Instant::now());
        while !self.stop.load(Ordering::Relaxed) {
            if !standing && Instant::now() >= aside_until {
                match self.consumer.subscribe(&[&self.topic]) {
                    Ok(()) => standing = true,
                    Err(error) => tracing::warn!(%error, "this node cannot stand for election"),
                }
            }
            if let Some(Err(error)) = self.consumer.poll(POLL) {
                tracing::debug!(%error, "the group of writers");
            }
            // Who stands aside may still be told of the seat that it gave up.
            if standing {
                self.look();
            }
            if self.again.swap(false, Ordering::Relaxed) {
                self.step_down();
                self.consumer.unsubscribe();
                (standing, aside_until) = (false, Instant::now() + ASIDE);
            }
        }
        // Told to the coordinator at once, so that another takes over without waiting for the session to end.
        self.step_down();
        self.consumer.unsubscribe();
    }

    /// Whether the partition is ours.
    fn look(&mut self) {
        let assigned = match self.consumer.assignment() {
            Ok(assigned) if !self.consumer.assignment_lost() => assigned,
            _ => return self.step_down(),
        };
        // Another partition is nobody's business: whoever has the first one may write.
        let ours = assigned.find_partition(&self.topic, 0).is_some();
        if ours && *self.elected.borrow() == 0 {
            // It is the seat that is wanted, not the messages.
            if let Err(error) = self.consumer.pause(&assigned) {
                tracing::debug!(%error, "the partition could not be paused");
            }
            self.term += 1;
            tracing::info!(term = self.term, "this node is elected");
            self.elected.send_replace(self.term);
        } else if !ours {
            self.step_down();
        }
    }

    fn step_down(&self) {
        self.elected.send_if_modified(|term| {
            let was = *term != 0;
            *term = 0;
            was
        });
    }
}
