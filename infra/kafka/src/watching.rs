//! Looks at the topics of a ledger for as long as a node follows it: where they end and begin, whether a transaction hangs in one,
//! whether they still are as they must be, and who else goes by this node's name. It reads no message and changes nothing.

use crate::{
    alarm::{self, AlarmKind},
    complaints::Complaints,
    copying::halt,
    edge::{Decided, DecidedEnd},
    error::KafkaLogError,
    follower::Following,
    moving::members_of_writers,
    settings::Settings,
    topics::{self, Topic},
};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};
use tokio::{runtime::Handle, sync::watch};

/// How often the ends of topics are asked for.
const ENDS_EVERY: Duration = Duration::from_secs(1);
/// How long one such question may take; it is asked again then.
const ASK: Duration = Duration::from_secs(2);
/// How soon it is asked again whether what was open at an end is decided.
const DECIDED_SOON: Duration = Duration::from_millis(20);
/// How long a transaction may be open until it counts as hanging: the coordinator has ended that of a node that died by then
/// (`transaction.timeout.ms` of 10 s, for which it looks every 10 s).
const HANGS_AFTER: Duration = Duration::from_secs(25);
/// How often settings, partitions and copies are looked at while something is wrong with them, so that it is soon seen that it
/// was mended.
const SETTINGS_EVERY_WHILE_WRONG: Duration = Duration::from_secs(5);
/// How often it is asked who stands for election.
const NAMES_EVERY: Duration = Duration::from_secs(10);
/// How often in a row a name must be there twice: a node that was killed counts until its session ends.
const NAMES_LIMIT: u32 = 3;
/// How late the thread sees that it shall end.
const TICK: Duration = Duration::from_millis(20);

/// The thread that looks; dropping it waits for its last question.
pub(crate) struct Watching {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watching {
    /// Begins to look. `ends` are told of the log and of the keys.
    pub(crate) fn start(
        runtime: &Handle,
        settings: &Settings,
        (told, following): (watch::Sender<Following>, Arc<AtomicBool>),
        ends: [DecidedEnd; 2],
    ) -> Result<Self, KafkaLogError> {
        let reader = |isolation| {
            let config = settings.client(&[], &[("isolation.level", isolation), ("enable.auto.commit", "false")]);
            let made = config.create_with_context(Complaints::default());
            made.map_err(KafkaLogError::kafka("a client could not be made"))
        };
        let [log, keys] = Topic::TRUTH;
        let [log_end, keys_end] = ends;
        let look = Look {
            settings: settings.clone(),
            runtime: runtime.clone(),
            all: reader("read_uncommitted")?,
            decided: reader("read_committed")?,
            ends: [(log, log_end, None), (keys, keys_end, None)],
            hanging: [None, None],
            told,
            following,
            settings_due: Instant::now() + settings.topics_checked_every,
            names_due: Instant::now() + NAMES_EVERY,
            names_twice: 0,
        };
        let stop = Arc::<AtomicBool>::default();
        let stopped = stop.clone();
        let thread = std::thread::Builder::new().name("kafka-watch".to_owned()).spawn(move || look.run(&stopped));
        Ok(Self { stop, thread: Some(thread.expect("the system can start a thread")) })
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic over there has been reported by its hook.
            let _ = thread.join();
        }
    }
}

/// An end that was asked for, and is not decided yet.
type Open = Option<Decided>;

struct Look {
    settings: Settings,
    runtime: Handle,
    /// Sees everything.
    all: BaseConsumer<Complaints>,
    /// Sees what is decided.
    decided: BaseConsumer<Complaints>,
    ends: [(Topic, DecidedEnd, Open); 2],
    /// What hangs in each of them.
    hanging: [Option<String>; 2],
    told: watch::Sender<Following>,
    /// Ends whoever reads.
    following: Arc<AtomicBool>,
    settings_due: Instant,
    names_due: Instant,
    names_twice: u32,
}

impl Look {
    fn run(mut self, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            let began = Instant::now();
            for number in 0..self.ends.len() {
                if let Err(error) = self.look_at_end(number, stop) {
                    halt(&self.told, &error);
                    return self.following.store(true, Ordering::Relaxed);
                }
            }
            if began >= self.settings_due {
                self.look_at_settings();
            }
            if began >= self.names_due {
                self.names_due = Instant::now() + NAMES_EVERY;
                self.look_at_names();
            }
            while began.elapsed() < ENDS_EVERY && !stop.load(Ordering::Relaxed) {
                std::thread::sleep(TICK);
            }
        }
    }

    /// Asks where a topic ends and begins; waits a little until what is open before that end is decided.
    fn look_at_end(&mut self, number: usize, stop: &AtomicBool) -> Result<(), KafkaLogError> {
        let name = self.ends[number].0.name(&self.settings);
        let asked = Instant::now();
        let goal = match self.ends[number].2 {
            Some(open) => open,
            None => {
                let Ok((begin, end)) = self.all.fetch_watermarks(&name, 0, ASK) else { return Ok(()) };
                if begin > 0 {
                    return Err(KafkaLogError::Truncated { topic: name, begin });
                }
                Decided { asked, end }
            }
        };
        self.ends[number].2 = Some(goal);
        loop {
            let Ok((_, stable)) = self.decided.fetch_watermarks(&name, 0, ASK) else { return Ok(()) };
            if stable >= goal.end {
                self.ends[number].2 = None;
                self.ends[number].1.put(goal);
                self.hangs(number, None);
                return Ok(());
            }
            if goal.asked.elapsed() > HANGS_AFTER {
                let hanging = format!(
                    "a transaction of somebody else is open in {name} at offset {stable}, and hides what comes after it: find \
                     who began it, or end it with kafka-transactions (docs/operating-kafka.md, \"A transaction hangs\")"
                );
                self.hangs(number, Some(hanging));
            }
            if asked.elapsed() > ENDS_EVERY || stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            std::thread::sleep(DECIDED_SOON);
        }
    }

    fn hangs(&mut self, number: usize, detail: Option<String>) {
        if self.hanging[number] == detail {
            return;
        }
        self.hanging[number] = detail;
        let all: Vec<_> = self.hanging.iter().flatten().cloned().collect();
        alarm::set(&self.told, AlarmKind::HangingTransaction, (!all.is_empty()).then(|| all.join("; ")));
    }

    /// Whether topics still are as a start would have them. What is not told in time is asked again.
    fn look_at_settings(&mut self) {
        let found = self.runtime.block_on(topics::faults(&self.settings, ASK));
        let faults = match found {
            Ok(faults) => faults,
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "the topics' settings were not told");
                self.settings_due = Instant::now() + SETTINGS_EVERY_WHILE_WRONG;
                return;
            }
        };
        let again = if faults.is_empty() { self.settings.topics_checked_every } else { SETTINGS_EVERY_WHILE_WRONG };
        self.settings_due = Instant::now() + again;
        for kind in [AlarmKind::TopicSettings, AlarmKind::TopicShape] {
            let of_kind: Vec<_> =
                faults.iter().filter(|fault| fault.kind == kind).map(|fault| &*fault.detail).collect();
            alarm::set(&self.told, kind, (!of_kind.is_empty()).then(|| of_kind.join("; ")));
        }
    }

    /// Whether somebody else stands for election under this node's name.
    fn look_at_names(&mut self) {
        let Ok(names) = members_of_writers(&self.all, &self.settings, ASK) else { return };
        let same = names.iter().filter(|name| **name == self.settings.node).count();
        self.names_twice = if same > 1 { self.names_twice + 1 } else { 0 };
        let detail = (self.names_twice >= NAMES_LIMIT).then(|| {
            format!(
                "{same} nodes of this ledger go by the name {:?}: none of them sends a command to another of its name. Give each \
                 its own --name",
                self.settings.node
            )
        });
        alarm::set(&self.told, AlarmKind::NodeNameTaken, detail);
    }
}
