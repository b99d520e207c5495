//! Faults that hit all nodes or none of them alone: all are killed, one that follows is stopped, or somebody who is no node changes
//! the ledger's topics under them. What must be true meanwhile is told by the nodes themselves.

use super::{
    figures::Until,
    nodes::{LEDGER, World},
    plan::Fault,
};
use crate::{clock, server::DEADLINE};
use rdkafka::{
    ClientConfig,
    message::{Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use std::time::{Duration, Instant};
use tokio::task::block_in_place;

/// How long a node that follows is stopped: longer than its session lasts.
const STOPPED: Duration = Duration::from_secs(8);
/// How far a wrong clock is ahead, in seconds: more than clocks may differ.
const CLOCK_AHEAD_S: i64 = 7_200;
/// How long a stranger's producer waits for brokers.
const ANSWER: Duration = Duration::from_secs(60);
/// Who was moved, if one believes it.
const MOVED_OUT: &[u8] = br#"{"moved-out":{"ledger":"00000000-0000-0000-0000-000000000001","events":1,"ticket":"t"}}"#;

fn topic(what: &str) -> String {
    format!("convenio.{LEDGER}.{what}")
}

impl World {
    pub(super) async fn kill_all(&mut self) {
        let (from, dying) = (Instant::now(), (0..self.nodes.len()).map(|number| self.take(number)).collect::<Vec<_>>());
        block_in_place(|| dying.into_iter().for_each(crate::Server::kill));
        for number in 0..self.nodes.len() {
            self.run_node(number);
        }
        self.accepted_after(Instant::now()).await;
        self.note(Fault::KillAll, from, Until::LongestPause(Instant::now()));
    }

    pub(super) async fn kill_follower(&mut self) {
        let (from, writer) = (Instant::now(), self.writer().await);
        let follower = (writer + 1) % self.nodes.len();
        let dying = self.take(follower);
        block_in_place(|| dying.kill());
        self.accepted_after(Instant::now()).await;
        self.run_node(follower);
        self.comes_after(follower, writer).await;
        self.note(Fault::KillFollower, from, Until::LongestPause(Instant::now()));
    }

    pub(super) async fn stop_follower(&mut self) {
        let (from, writer) = (Instant::now(), self.writer().await);
        let follower = (writer + 1) % self.nodes.len();
        self.signal(follower, "STOP");
        self.load.shun(Some(follower));
        tokio::time::sleep(STOPPED).await;
        self.accepted_after(Instant::now()).await;
        self.signal(follower, "CONT");
        self.load.shun(None);
        self.comes_after(follower, writer).await;
        self.note(Fault::StopFollower, from, Until::LongestPause(Instant::now()));
    }

    /// Waits until a node has nearly everything that another has.
    async fn comes_after(&self, node: usize, other: usize) {
        self.until("the one that was away has what happened meanwhile", DEADLINE, async |world| {
            let heads = world.head(node).await.zip(world.head(other).await);
            heads.is_some_and(|(ours, theirs)| theirs.abs_diff(ours) < 200)
        })
        .await;
    }

    async fn head(&self, node: usize) -> Option<u64> {
        self.nodes[node].status(DEADLINE).await?["head_sequence"].as_u64()
    }

    fn stranger(&self, options: &[(&str, &str)]) -> BaseProducer {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers.bootstrap);
        options.iter().for_each(|(name, value)| {
            config.set(*name, *value);
        });
        config.create().expect("a producer")
    }

    /// Waits until every node raises an alarm, or none does.
    async fn alarms(&self, code: &str, raised: bool) {
        self.until(code, DEADLINE, async |world| {
            let mut all = true;
            for node in &world.nodes {
                all &= node.raises(code).await == raised;
            }
            all
        })
        .await;
    }

    pub(super) async fn wrong_clock(&mut self) {
        let (from, writer) = (Instant::now(), self.writer().await);
        let wrong = (writer + 1) % self.nodes.len();
        // No other node takes from it what it signed at another time.
        self.load.shun(Some(wrong));
        self.end_node(wrong);
        let folder = self.folder().to_owned();
        self.run_node_as(wrong, |start| clock::ahead(start.clone(), &folder, CLOCK_AHEAD_S));
        self.until("it says that its clock is wrong", DEADLINE, async |world| {
            world.nodes[wrong].raises("clock-differs").await
        })
        .await;
        // With two nodes nobody else could take over.
        if self.nodes.len() > 2 {
            let dying = self.take(writer);
            block_in_place(|| dying.kill());
            self.accepted_after(Instant::now()).await;
            assert_ne!(self.roles().await[wrong], "writer", "it records wrong times");
            self.run_node(writer);
        }
        self.end_node(wrong);
        self.run_node(wrong);
        self.load.shun(None);
        self.alarms("clock-differs", false).await;
        self.note(Fault::WrongClock, from, Until::LongestPause(Instant::now()));
    }

    /// Tells a node to end, as an operator does.
    fn end_node(&mut self, number: usize) {
        let mut leaving = self.take(number);
        leaving.signal("TERM");
        assert!(block_in_place(|| leaving.wait()).success(), "it stops as it should");
    }

    pub(super) async fn hang_transaction(&mut self) {
        let from = Instant::now();
        let stranger = self.stranger(&[("transactional.id", "a-stranger"), ("transaction.timeout.ms", "300000")]);
        let log = topic("log");
        block_in_place(|| {
            stranger.init_transactions(ANSWER).expect("brokers let anybody in here");
            stranger.begin_transaction().expect("it begins");
            let record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(&log).partition(0).payload(b"never committed");
            stranger.send(record).map_err(|(error, _)| error).expect("it is sent");
            stranger.flush(ANSWER).expect("it is delivered");
        });
        self.alarms("hanging-transaction", true).await;
        self.until("nobody says to write", DEADLINE, async |world| {
            let roles = world.roles().await;
            roles.iter().all(|role| role != "writer")
        })
        .await;
        for node in &self.nodes {
            node.can_be_read().await;
        }
        block_in_place(|| stranger.abort_transaction(ANSWER)).expect("it is ended");
        self.alarms("hanging-transaction", false).await;
        self.accepted_after(Instant::now()).await;
        self.note(Fault::HangTransaction, from, Until::LongestPause(Instant::now()));
    }

    pub(super) async fn forge_control(&mut self) {
        let (from, stranger, log) = (Instant::now(), self.stranger(&[]), topic("log"));
        for (kind, value) in [("writer-started", &b"{}"[..]), ("moved-out", MOVED_OUT), ("writer-ready", b"no JSON")] {
            let headers = OwnedHeaders::new().insert(Header { key: "convenio-control", value: Some(kind) });
            let record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(&log).partition(0).payload(value).headers(headers);
            stranger.send(record).map_err(|(error, _)| error).expect("it is sent");
        }
        block_in_place(|| stranger.flush(ANSWER)).expect("it is delivered");
        self.alarms("foreign-control", true).await;
        self.accepted_after(Instant::now()).await;
        self.note(Fault::ForgeControl, from, Until::LongestPause(Instant::now()));
    }

    pub(super) async fn change_settings(&mut self) {
        let (from, log) = (Instant::now(), topic("log"));
        let set = |setting: &str| {
            let arguments =
                ["configs", "--alter", "--entity-type", "topics", "--entity-name", &log, "--add-config", setting];
            self.kafka("tool", &arguments);
        };
        set("retention.ms=604800000");
        self.alarms("topic-settings", true).await;
        set("retention.ms=-1");
        self.alarms("topic-settings", false).await;
        self.accepted_after(Instant::now()).await;
        self.note(Fault::ChangeSettings, from, Until::LongestPause(Instant::now()));
    }
}
