//! A node among the other nodes of its ledger: it announces itself, stands for election while it may, and sends on what it
//! does not decide. It decides nothing.

use crate::{
    cluster::{Clocks, Forwarder, Forwarding, NodeUrl, Secret},
    config::Config,
    tree,
};
use convenio_events::Sequence;
use convenio_journal::Index;
use convenio_kafka::{Alarm, AlarmKind, Announcement, Election, Following, KafkaLog, WallClock, clock_difference};
use convenio_ledger::{
    sequencer::SnapshotCursor,
    submission::{Ledger, QUEUE_LIMIT, Role, Waiting},
};
use convenio_notary::TreeHead;
use convenio_portal::{LogAlarm, LogStanding};
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime},
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

/// How often a node looks whether it may stand, and an elected one whether it writes.
const LOOK: Duration = Duration::from_millis(200);
/// An elected node that does not even begin to write was fenced: so soon it gives the seat up.
const FENCED_LIMIT: Duration = Duration::from_secs(1);
/// An elected node that does not come to write in so long leaves the seat to another.
const STRUGGLE_LIMIT: Duration = Duration::from_secs(10);

/// How long it counts what the clock of a writer said that is gone.
const CLOCK_REMEMBERED: Duration = Duration::from_secs(600);

/// The way of commands to other nodes, before it is used.
pub(crate) struct Way {
    pub(crate) forwarder: Forwarder,
    pub(crate) queue: mpsc::Receiver<Waiting>,
    /// Where commands go in.
    pub(crate) elsewhere: mpsc::Sender<Waiting>,
}

/// How this node stands with the others.
#[derive(Clone)]
pub(crate) struct Membership {
    kafka: KafkaLog,
    forwarding: watch::Receiver<Forwarding>,
    legible: Legible,
    pub(crate) secret: Secret,
    /// The clock by which it would record, where nobody sets that.
    wall_clock: Option<WallClock>,
    /// What those of the other nodes say.
    clocks: watch::Receiver<Clocks>,
}

/// How far the node has read the log as one that might have to decide on it.
#[derive(Clone)]
pub(crate) struct Legible {
    /// How far its snapshot is.
    pub(crate) snapshot: SnapshotCursor,
    /// Why it cannot read on.
    pub(crate) until: watch::Receiver<Option<String>>,
    /// What it looks up in.
    pub(crate) index: Arc<Index>,
}

impl Legible {
    /// Why the node could not decide, if it could not.
    fn trouble(&self) -> Option<String> {
        let illegible = self.until.borrow().clone();
        illegible.or_else(|| self.index.trouble())
    }
}

impl Membership {
    /// Prepares what a node announces, and its way to the others where it has peers.
    pub(crate) fn new(
        kafka: &KafkaLog,
        config: &Config,
        root: watch::Receiver<TreeHead>,
        legible: Legible,
        shown: watch::Receiver<Sequence>,
        wall_clock: Option<WallClock>,
    ) -> anyhow::Result<(Self, Option<Way>)> {
        let secret = Secret::open(config.cluster_secret.as_deref(), &config.identity)?;
        kafka.settings().authority.hold(secret.bytes());
        kafka.announce(Announcement {
            url: config.advertise.as_ref().map(|url| url.as_str().to_owned()),
            root_at: Some(Arc::new(move |size| tree::root_at(&root, size))),
            wall_clock: wall_clock.clone(),
        });
        let (told, forwarding) = watch::channel(Forwarding::default());
        let (clocks_told, clocks) = watch::channel(Clocks::default());
        let way = (!config.peers.is_empty()).then(|| {
            let (elsewhere, queue) = mpsc::channel(QUEUE_LIMIT);
            let forwarder = Forwarder {
                name: config.name.clone(),
                peers: config.peers.clone(),
                secret: secret.clone(),
                following: kafka.following(),
                shown,
                told,
                clocks: clocks_told,
                own: config.advertise.clone(),
                trusted: Mutex::default(),
            };
            Way { forwarder, queue, elsewhere }
        });
        Ok((Self { kafka: kafka.clone(), forwarding, legible, secret, wall_clock, clocks }, way))
    }

    /// How the log stands, seen from this node; of what it publishes, others know.
    pub(crate) fn log_standing(&self) -> LogStanding {
        let following = self.kafka.following().borrow().clone();
        let forwarding = self.forwarding.borrow().clone();
        let Following { confirmed, halted, closed, writer, alarms, .. } = following;
        let alarms = alarms.into_iter().map(|Alarm { kind, detail }| LogAlarm {
            code: kind.code(),
            detail,
            forbids_writing: kind.forbids_writing(),
        });
        LogStanding {
            kind: "kafka",
            confirmed_age: confirmed.map(|seen| seen.elapsed()),
            halted: halted.or_else(|| closed.map(|closed| closed.to_string())),
            in_doubt: false,
            illegible: self.legible.trouble(),
            writer: writer.map(|writer| writer.node),
            forwards: forwarding.reaches,
            alarm: forwarding.alarm,
            alarms: alarms.collect(),
            publisher: None,
        }
    }

    /// Whether the node may be elected: it has seen the end of the log, and could read all that was there at its start.
    fn may_stand(&self, known: Sequence) -> bool {
        let following = self.kafka.following();
        let following = following.borrow();
        let is_whole = following.confirmed.is_some() && following.halted.is_none() && following.closed.is_none();
        let is_allowed = following.forbidden().is_none();
        is_whole && is_allowed && self.legible.trouble().is_none() && self.legible.snapshot.get() >= known
    }

    /// How this node's clock differs by more than it may from that of the last event, of the writer, or of most other nodes.
    fn clock_trouble(&self) -> Option<String> {
        let now = self.wall_clock.as_ref()?();
        let last = self.kafka.following().borrow().last_time.filter(|last| *last > now);
        let last = last.and_then(|last| clock_difference(now, last, "the time of the last event"));
        last.or_else(|| {
            let (told, asked) = self.forwarding.borrow().clock?;
            let writer =
                || clock_difference(now, told + asked.elapsed(), "that of the node that writes, or wrote last");
            (asked.elapsed() < CLOCK_REMEMBERED).then(writer).flatten()
        })
        .or_else(|| most_differ(now, self.clocks.borrow().now()))
    }

    /// With the first `known` events read, stands for election whenever the node may, and gives the seat up whenever it is
    /// elected but does not come to write.
    pub(crate) fn stand(self, known: Sequence, elected: watch::Sender<u64>, ledger: &Ledger) -> Seat {
        let (leave, left) = watch::channel(false);
        // It holds no handle of the ledger, whose end it must not put off.
        let watching = tokio::spawn(keep_seat(self, known, elected, ledger.watch(), left));
        Seat { leave, watching }
    }
}

/// How a clock differs from most of those of the other nodes. One other node alone says nothing: either of the two may be right.
fn most_differ(now: SystemTime, others: impl Iterator<Item = SystemTime>) -> Option<String> {
    let differences: Vec<_> = others.map(|other| clock_difference(now, other, "that of most other nodes")).collect();
    let count = differences.iter().flatten().count();
    let most = differences.len() > 1 && 2 * count > differences.len();
    if most { differences.into_iter().flatten().next() } else { None }
}

/// This node's seat in the election.
pub(crate) struct Seat {
    leave: watch::Sender<bool>,
    watching: JoinHandle<()>,
}

impl Seat {
    /// Leaves it, so that another node takes over at once.
    pub(crate) async fn leave(self) {
        self.leave.send_replace(true);
        // A panic over there has been reported by its hook.
        let _ = self.watching.await;
    }
}

async fn keep_seat(
    membership: Membership,
    known: Sequence,
    elected: watch::Sender<u64>,
    standing: watch::Receiver<convenio_ledger::submission::Standing>,
    mut left: watch::Receiver<bool>,
) {
    let mut election: Option<Election> = None;
    let mut writing = Instant::now();
    let mut differs = None;
    loop {
        let trouble = membership.clock_trouble();
        if trouble.is_some() != differs.is_some() {
            membership.kafka.alarm(AlarmKind::ClockDiffers, trouble.clone());
        }
        differs = trouble;
        let role = standing.borrow().role;
        match &election {
            _ if role == Role::Stopped => break,
            None if membership.may_stand(known) => {
                match Election::stand(membership.kafka.settings(), elected.clone()) {
                    Ok(stood) => election = Some(stood),
                    Err(error) => {
                        tracing::error!(
                            error = &error as &dyn std::error::Error,
                            "this node cannot stand for election"
                        );
                    }
                }
                writing = Instant::now();
            }
            Some(_) if !membership.may_stand(known) => {
                tracing::error!("this node stands for election no more");
                give_up(election.take()).await;
            }
            Some(seat) => {
                let elected = *elected.borrow() != 0;
                if !elected || role == Role::Writer {
                    writing = Instant::now();
                } else if writing.elapsed() > STRUGGLE_LIMIT
                    || (role == Role::Follower && writing.elapsed() > FENCED_LIMIT)
                {
                    tracing::warn!(?role, "elected, but not writing: the seat is given up");
                    seat.stand_anew();
                    writing = Instant::now();
                }
            }
            None => {}
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            // Its sender lives as long as the node.
            _ = left.wait_for(|left| *left) => break,
        }
    }
    give_up(election).await;
}

/// Leaving waits for the coordinator.
async fn give_up(election: Option<Election>) {
    // A panic over there has been reported by its hook.
    let _ = tokio::task::spawn_blocking(move || drop(election)).await;
}

/// Where other nodes reach this one when nothing is said: only where it listens on this machine.
pub(crate) fn default_url(listen: std::net::SocketAddr) -> Option<NodeUrl> {
    NodeUrl::parse(&format!("http://{listen}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_wrong_where_most_other_nodes_say_so() {
        let at = |hour: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(hour * 3_600);
        for (others, is_wrong) in [
            (&[][..], false),
            (&[8], false),
            (&[8, 8], true),
            (&[10, 8], false),
            (&[10, 8, 8], true),
            (&[10, 10, 8], false),
            (&[10, 10, 8, 8], false),
        ] {
            let told = most_differ(at(10), others.iter().map(|hour| at(*hour)));
            assert_eq!(told.is_some(), is_wrong, "{others:?}: {told:?}");
        }
        let told = most_differ(at(10), [at(8), at(8)].into_iter()).expect("it differs");
        assert!(told.contains("7200 s ahead of that of most other nodes"), "{told}");
    }
}
