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
    settings::{Periods, Settings},
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
        let [log, keys] = ends;
        // What others read of the public topic is no business of this node's reader.
        let ends = [(Topic::Log, log), (Topic::Keys, keys), (Topic::Events, DecidedEnd::default())];
        let look = Look {
            settings: settings.clone(),
            runtime: runtime.clone(),
            all: reader("read_uncommitted")?,
            decided: reader("read_committed")?,
            ends: ends.map(|(topic, decided)| End { topic, decided, open: None, hanging: None }),
            told,
            following,
            settings_due: Instant::now() + settings.periods.topics_checked,
            names_due: Instant::now() + settings.periods.names_asked,
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

/// Where a topic ends, as far as it is known.
struct End {
    topic: Topic,
    /// Who reads it is told here.
    decided: DecidedEnd,
    /// What was asked for, and is not decided yet.
    open: Option<Decided>,
    /// What hangs in it.
    hanging: Option<String>,
}

impl End {
    /// What a transaction that hangs in it raises: what is published is made from the log, and hides nothing of that.
    const fn alarm(&self) -> AlarmKind {
        match self.topic {
            Topic::Log | Topic::Keys => AlarmKind::HangingTransaction,
            Topic::Events => AlarmKind::HangingPublicTransaction,
        }
    }
}

struct Look {
    settings: Settings,
    runtime: Handle,
    /// Sees everything.
    all: BaseConsumer<Complaints>,
    /// Sees what is decided.
    decided: BaseConsumer<Complaints>,
    ends: [End; 3],
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
                self.names_due = Instant::now() + self.settings.periods.names_asked;
                self.look_at_names();
            }
            while began.elapsed() < ENDS_EVERY && !stop.load(Ordering::Relaxed) {
                std::thread::sleep(TICK);
            }
        }
    }

    /// Asks where a topic ends and begins; waits a little until what is open before that end is decided, where somebody reads on
    /// then.
    fn look_at_end(&mut self, number: usize, stop: &AtomicBool) -> Result<(), KafkaLogError> {
        let topic = self.ends[number].topic;
        let (name, is_truth) = (topic.name(&self.settings), Topic::TRUTH.contains(&topic));
        let asked = Instant::now();
        let goal = match self.ends[number].open {
            Some(open) => open,
            None => {
                let Ok((begin, end)) = self.all.fetch_watermarks(&name, 0, ASK) else { return Ok(()) };
                if begin > 0 && is_truth {
                    return Err(KafkaLogError::Truncated { topic: name, begin });
                }
                Decided { asked, end }
            }
        };
        self.ends[number].open = Some(goal);
        loop {
            let Ok((_, stable)) = self.decided.fetch_watermarks(&name, 0, ASK) else { return Ok(()) };
            if stable >= goal.end {
                self.ends[number].open = None;
                self.ends[number].decided.put(goal);
                self.hangs(number, None);
                return Ok(());
            }
            if goal.asked.elapsed() > self.settings.periods.transaction_hangs {
                let hanging = KafkaLogError::Undecided { topic: name.clone(), offset: stable };
                self.hangs(number, Some(hanging.to_string()));
            }
            if !is_truth || asked.elapsed() > ENDS_EVERY || stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            std::thread::sleep(DECIDED_SOON);
        }
    }

    fn hangs(&mut self, number: usize, detail: Option<String>) {
        if self.ends[number].hanging == detail {
            return;
        }
        self.ends[number].hanging = detail;
        let kind = self.ends[number].alarm();
        let of_kind = self.ends.iter().filter(|end| end.alarm() == kind);
        let all: Vec<_> = of_kind.filter_map(|end| end.hanging.clone()).collect();
        alarm::set(&self.told, kind, (!all.is_empty()).then(|| all.join("; ")));
    }

    /// Whether topics still are as a start would have them. What is not told in time is asked again.
    fn look_at_settings(&mut self) {
        let Periods { topics_checked, topics_checked_while_wrong, .. } = self.settings.periods;
        let found = self.runtime.block_on(topics::faults(&self.settings, ASK));
        let faults = match found {
            Ok(faults) => faults,
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "the topics' settings were not told");
                self.settings_due = Instant::now() + topics_checked_while_wrong;
                return;
            }
        };
        let again = if faults.is_empty() { topics_checked } else { topics_checked_while_wrong };
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
