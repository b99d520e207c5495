//! The faults themselves, and what must be true while each lasts and after it. What is in the log at the end is not asked here.

use super::{
    figures::{Happened, Until},
    load::ask,
    nodes::{LEDGER, World},
    outside,
    plan::Fault,
};
use crate::{server::DEADLINE, users::listing};
use rand::RngExt as _;
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::task::{JoinHandle, block_in_place};
use uuid::Uuid;

/// Commands that are accepted before something breaks, at most.
const COMMANDS_BEFORE: usize = 60;
/// How long all brokers are down.
const DOWN: Duration = Duration::from_secs(30);
/// How long a request takes at most to reach a node that is stopped.
const ON_ITS_WAY: Duration = Duration::from_millis(200);
/// After so long without a command a writer looks whether it is one, before it refuses anything.
const IDLE: Duration = Duration::from_millis(1_500);
/// How long a node that was replaced is watched: it does not fight.
const WATCHED: Duration = Duration::from_secs(3);
/// How long a node may take to answer a command, or to know that it writes no more, while it cannot reach a broker.
const CUT_OFF: Duration = Duration::from_secs(60);

/// A command that asks for an offer with these terms, and its id.
type Command = (Uuid, Value);

fn command(offer: Uuid) -> Command {
    (Uuid::new_v4(), listing(offer, "Oferta revisada"))
}

impl World {
    /// Breaks something, sees that everything that must go on does, mends it, and waits until commands are accepted again.
    ///
    /// # Panics
    /// When something is not as it must be.
    pub async fn strike(&mut self, fault: Fault) {
        self.random_moment().await;
        match fault {
            Fault::KillWriter => self.kill_writer().await,
            Fault::StopWriter => self.stop_writer().await,
            Fault::HandOver => self.hand_over().await,
            Fault::NetworkCut => self.network_cut().await,
            Fault::KillLeader => self.kill_leader().await,
            Fault::RollingRestart => self.rolling_restart().await,
            Fault::BrokersDown => self.brokers_down().await,
            Fault::FullDisk => self.full_disk().await,
            Fault::KillAll => self.kill_all().await,
            Fault::KillFollower => self.kill_follower().await,
            Fault::StopFollower => self.stop_follower().await,
            Fault::HangTransaction => self.hang_transaction().await,
            Fault::ForgeControl => self.forge_control().await,
            Fault::ChangeSettings => self.change_settings().await,
            Fault::WrongClock => self.wrong_clock().await,
        }
        self.accepted_after(Instant::now()).await;
        self.nobody_has_halted().await;
    }

    /// Waits for a moment that is drawn: none, one or many commands after the last fault, and anywhere between two.
    async fn random_moment(&mut self) {
        let commands = self.random.random_range(0..=COMMANDS_BEFORE);
        let enough = self.load.count() + if self.random.random_bool(0.25) { 0 } else { commands };
        let deadline = Instant::now() + DEADLINE;
        while self.load.count() < enough {
            self.load.all_is_well();
            assert!(Instant::now() < deadline, "commands are not accepted");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // The moment is what is drawn: there is nothing to wait for.
        tokio::time::sleep(Duration::from_millis(self.random.random_range(0..100))).await;
    }

    pub(super) fn note(&mut self, fault: Fault, from: Instant, until: Until) {
        self.happened.push(Happened { fault, from, until });
    }

    async fn kill_writer(&mut self) {
        let writer = self.writer().await;
        let (from, dying) = (Instant::now(), self.take(writer));
        block_in_place(|| dying.kill());
        self.note(Fault::KillWriter, from, Until::Successor);
        for node in self.nodes.iter().filter(|node| node.server.is_some()) {
            node.can_be_read().await;
        }
        self.accepted_after(Instant::now()).await;
        self.run_node(writer);
    }

    async fn hand_over(&mut self) {
        // What it may take is settled for nodes that stand by, and not for one that has just come back.
        self.until("every node stands for election", DEADLINE, async |world| {
            block_in_place(|| outside::members_of_writers(&world.brokers.bootstrap, LEDGER)) == world.nodes.len()
        })
        .await;
        let writer = self.writer().await;
        let (from, mut leaving) = (Instant::now(), self.take(writer));
        leaving.signal("TERM");
        self.note(Fault::HandOver, from, Until::Successor);
        assert!(block_in_place(|| leaving.wait()).success(), "it stops as it should");
        self.accepted_after(Instant::now()).await;
        self.run_node(writer);
    }

    async fn stop_writer(&mut self) {
        let (withdrawn, published) = (Uuid::new_v4(), Uuid::new_v4());
        self.settles("publish-offer", &listing(withdrawn, "Oferta")).await;
        // One that has nothing under way finds out by nothing that fails: it has to ask before it refuses.
        let idle = self.random.random_bool(0.5);
        if idle {
            self.load.pause(true);
            tokio::time::sleep(IDLE).await;
        }
        let writer = self.writer().await;
        let from = Instant::now();
        self.signal(writer, "STOP");
        self.load.shun(idle.then_some(writer));
        self.load.pause(false);
        self.note(Fault::StopWriter, from, Until::Successor);
        self.accepted_after(Instant::now()).await;
        // What its successor knows and it does not.
        self.settles("withdraw-offer", &json!({"id": withdrawn})).await;
        self.settles("publish-offer", &listing(published, "Oferta")).await;
        // It finds this first when it wakes up: what it would refuse, or what it would accept.
        let command = command(if idle { published } else { withdrawn });
        let asked = self.asks(writer, "revise-offer", &command);
        tokio::time::sleep(ON_ITS_WAY).await;
        self.signal(writer, "CONT");
        let status = asked.await.expect("no panic");
        let wrong = |status: StatusCode| if idle { status.is_client_error() } else { status.is_success() };
        assert!(!status.is_some_and(wrong), "{} does not know what its successor did: {status:?}", self.name(writer));
        self.load.shun(None);
        self.follows(writer).await;
        let (status, told) = self.probe.settle(command.0, "revise-offer", &command.1).await;
        assert_eq!(status.is_success(), idle, "the offer was published, or withdrawn: {told}");
    }

    async fn network_cut(&mut self) {
        let writer = self.writer().await;
        let (from, client) = (Instant::now(), self.nodes[writer].client_id());
        self.cuts.set(&client, true);
        self.note(Fault::NetworkCut, from, Until::Successor);
        self.accepted_after(Instant::now()).await;
        self.nodes[writer].can_be_read().await;
        let command = command(Uuid::new_v4());
        let status = self.asks(writer, "publish-offer", &command).await.expect("no panic");
        assert!(status.is_some_and(|status| status == 503 || status.is_success()), "it does not know: {status:?}");
        self.until("it knows that it writes no more", CUT_OFF, async |world| world.roles().await[writer] != "writer")
            .await;
        self.cuts.set(&client, false);
        self.follows(writer).await;
        self.is_published(&command).await;
    }

    async fn kill_leader(&mut self) {
        let leader = self.leader().await;
        let from = Instant::now();
        self.kafka("kill", &[&leader]);
        self.note(Fault::KillLeader, from, Until::Accepted);
        if self.brokers.bootstrap.contains(',') {
            self.accepted_after(Instant::now()).await;
        }
        self.kafka("start", &[]);
        self.replicated().await;
    }

    async fn rolling_restart(&mut self) {
        let from = Instant::now();
        self.kafka("restart", &["all"]);
        self.accepted_after(Instant::now()).await;
        self.note(Fault::RollingRestart, from, Until::LongestPause(Instant::now()));
    }

    async fn brokers_down(&mut self) {
        let down = Instant::now();
        self.kafka("kill", &["all"]);
        let commands: Vec<_> = self.nodes.iter().map(|_| command(Uuid::new_v4())).collect();
        for (number, command) in commands.iter().enumerate() {
            let status = self.asks(number, "publish-offer", command).await.expect("no panic");
            assert_eq!(status, Some(StatusCode::SERVICE_UNAVAILABLE), "{} says so", self.nodes[number].name);
        }
        for number in 0..self.nodes.len() {
            let refuses = async |world: &Self| {
                let ready = world.nodes[number].get("/readyz?for=commands", CUT_OFF).await;
                ready.is_some_and(|(status, _)| status == 503)
            };
            self.until("it takes no commands", DOWN, refuses).await;
        }
        while down.elapsed() < DOWN {
            for node in &self.nodes {
                node.can_be_read().await;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        self.kafka("start", &[]);
        let up = Instant::now();
        self.accepted_after(up).await;
        self.note(Fault::BrokersDown, up, Until::Accepted);
        for command in &commands {
            self.is_published(command).await;
        }
        self.replicated().await;
    }

    async fn full_disk(&mut self) {
        let leader = self.leader().await;
        let number: usize = leader.parse().expect("a broker's number");
        let from = Instant::now();
        let mut open = None;
        self.disks[number - 1].fill();
        if self.brokers.bootstrap.contains(',') {
            self.until("the broker gives up", DEADLINE, async |world| world.leader().await != leader).await;
            self.accepted_after(Instant::now()).await;
        } else {
            let command = command(Uuid::new_v4());
            self.until("commands are refused", DEADLINE, async |world| {
                let status = world.asks(0, "publish-offer", &command).await.expect("no panic");
                status == Some(StatusCode::SERVICE_UNAVAILABLE)
            })
            .await;
            open = Some(command);
        }
        for node in &self.nodes {
            node.can_be_read().await;
        }
        self.disks[number - 1].empty();
        self.kafka("restart", &[&leader]);
        self.accepted_after(Instant::now()).await;
        // What fits into the last pages is still accepted: it counts from then on.
        self.note(Fault::FullDisk, from, Until::LongestPause(Instant::now()));
        if let Some(command) = open {
            self.is_published(&command).await;
        }
        self.replicated().await;
    }

    /// A command that is to be recorded, by whichever node.
    async fn settles(&mut self, command: &str, data: &Value) {
        let (status, told) = self.probe.settle(Uuid::new_v4(), command, data).await;
        assert!(status.is_success(), "refused: {told}");
    }

    /// Asks one node, and waits long for what it says.
    fn asks(&self, node: usize, command: &'static str, (id, data): &Command) -> JoinHandle<Option<StatusCode>> {
        let (url, user, id, data) = (self.nodes[node].url(), self.probing.clone(), *id, data.clone());
        tokio::spawn(async move {
            let answer = ask(&reqwest::Client::new(), &url, &user, (id, command, &data), CUT_OFF).await;
            answer.map(|(status, _)| status)
        })
    }

    /// What was asked of one node is recorded in the end, once, whatever that node made of it.
    async fn is_published(&mut self, (id, data): &Command) {
        let (status, told) = self.probe.settle(*id, "publish-offer", data).await;
        assert!(status.is_success(), "refused: {told}");
    }

    fn name(&self, node: usize) -> &str {
        &self.nodes[node].name
    }

    pub(super) fn signal(&self, node: usize, name: &str) {
        self.nodes[node].server.as_ref().expect("it runs").signal(name);
    }

    /// A node that was replaced follows, and does not fight for the seat.
    async fn follows(&self, node: usize) {
        self.until("the one that was replaced follows", DEADLINE, async |world| {
            world.roles().await[node] == "follower"
        })
        .await;
        let until = Instant::now() + WATCHED;
        while Instant::now() < until {
            // One that says nothing in time is busy.
            let roles = self.roles().await;
            assert_ne!(roles[node], "writer", "{} fights: {roles:?}", self.name(node));
            assert!(roles.iter().filter(|role| *role == "writer").count() <= 1, "{roles:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(super) async fn until(&self, what: &str, within: Duration, so: impl AsyncFn(&Self) -> bool) {
        let deadline = Instant::now() + within;
        while !so(self).await {
            self.load.all_is_well();
            assert!(Instant::now() < deadline, "never: {what}; {:?}", self.roles().await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The number of the broker that leads the log's partition.
    async fn leader(&self) -> String {
        self.kafka("leader", &[&format!("convenio.{}.log", LEDGER)])
    }

    /// Waits until every partition has its replicas: what the next fault begins with.
    async fn replicated(&self) {
        self.until("every partition has its replicas", DEADLINE, async |world| {
            world.kafka("tool", &["topics", "--describe", "--under-replicated-partitions"]).is_empty()
        })
        .await;
    }

    async fn nobody_has_halted(&self) {
        for node in &self.nodes {
            let status = node.status(DEADLINE).await.expect("it answers");
            assert!(status["log"]["halted"].is_null(), "{} has halted: {status}", node.name);
        }
    }
}
