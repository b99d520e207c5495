//! When a node writes: derived stores that fail, clocks that nobody may set, what waits. What it writes is said elsewhere.

use crate::{
    cast::{By, SOCIOS, UNIVERSITY, listing, uuid},
    node::{Call, Node, Setup, TestClock, opening},
};
use async_trait::async_trait;
use convenio_events::{
    Actor, CommandId, Event, EventId, RecordedEvent, Sequence, StreamVersion, Subject, Timestamp,
    codes::Purpose,
    log::{EventLog, OpenError, OpenedWriter, PAGE_EVENTS_LIMIT, ReadError},
    memory_log::MemoryLog,
};
use convenio_ledger::{
    authorise::Credential,
    memory_stores::{MemoryIndex, MemoryState},
    rejection::{Refusal, Unavailable},
    sequencer::{SequencerError, SnapshotCursor},
    snapshotter,
    stores::{EventIndex, IndexedEvent, StateChange, StateStore, StoreError},
    submission::{Body, QUEUE_BYTES_LIMIT, Role, Standing, Submission},
    world::World,
};
use serde_json::json;
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};
use tokio::sync::watch;
use uuid::Uuid;

/// A log that counts how often it was opened for writing.
#[derive(Default)]
struct CountingLog {
    log: MemoryLog,
    opened: AtomicU32,
}

#[async_trait]
impl EventLog for CountingLog {
    async fn open_writer(&self) -> Result<OpenedWriter, OpenError> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        self.log.open_writer().await
    }
    async fn read(&self, from: Sequence, limit: usize) -> Result<Vec<RecordedEvent>, ReadError> {
        self.log.read(from, limit).await
    }
    fn head(&self) -> watch::Receiver<Sequence> {
        self.log.head()
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_elected_for_good_opens_the_log_once() {
    let log = Arc::new(CountingLog::default());
    let mut node = Setup { log: log.clone(), ..Setup::new() }.start();
    // Nobody will ever elect anew.
    node.elected = watch::channel(1).0;
    node.register_cast().await;
    node.idle().await;
    assert_eq!(node.ledger.standing().role, Role::Writer);
    assert_eq!(log.opened.load(Ordering::Relaxed), 1);
}

fn failed<T>(store: &'static str) -> Result<T, StoreError> {
    Err(StoreError { store, source: "a disk error".into() })
}

/// Counts down; true at zero, and never again.
fn is_its_turn(countdown: &AtomicU32) -> bool {
    countdown.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.wrapping_sub(1))) == Ok(0)
}

/// A snapshot that was written on after the node looked how far it is, and that can fail once.
struct OtherState {
    at_first: MemoryState,
    later: MemoryState,
    looked: AtomicU32,
    loads_until_failure: AtomicU32,
}

impl StateStore for OtherState {
    fn folded(&self, code_version: u32) -> Result<Sequence, StoreError> {
        self.at_first.folded(code_version)
    }
    fn load(&self, subject: Subject) -> Result<Option<Vec<u8>>, StoreError> {
        if is_its_turn(&self.loads_until_failure) { failed("state.db") } else { self.later.load(subject) }
    }
    fn holder(&self, name: &str) -> Result<Option<Uuid>, StoreError> {
        // The last thing that a world reads before it folds.
        let looked = self.looked.fetch_add(1, Ordering::Relaxed);
        if looked == 0 { self.at_first.holder(name) } else { self.later.holder(name) }
    }
    fn timers(&self) -> Result<Vec<(Timestamp, Subject)>, StoreError> {
        self.at_first.timers()
    }
    fn write(&self, _: Vec<StateChange>, _: Sequence) -> Result<(), StoreError> {
        Ok(())
    }
}

/// The snapshot of everything in a log.
pub(crate) async fn snapshot_of(log: &dyn EventLog) -> MemoryState {
    let mut world = World::load(Arc::new(MemoryState::default())).expect("an empty snapshot loads");
    for recorded in log.read(Sequence::ZERO, PAGE_EVENTS_LIMIT).await.expect("reads") {
        world.fold((&Event::decode(&recorded).expect("decodes")).into());
    }
    let snapshot = MemoryState::default();
    snapshot.write(world.take_changes(), world.next()).expect("memory takes it");
    snapshot
}

/// A ledger with an offer, stopped.
pub(crate) async fn with_an_offer() -> Setup {
    let node = Node::with_cast().await;
    node.accept(By::Socios, "publish-offer", listing(0x0f)).await;
    node.stop().await.expect("stops in peace")
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_is_written_on_while_the_node_starts_loses_no_timer() {
    let setup = with_an_offer().await;
    let state = OtherState {
        at_first: MemoryState::default(),
        later: snapshot_of(&*setup.log).await,
        looked: AtomicU32::new(0),
        loads_until_failure: AtomicU32::new(u32::MAX),
    };
    let node = Setup { state: Arc::new(state), index: Arc::new(MemoryIndex::default()), ..setup }.start();
    node.accept(By::Socios, "pause-offer", json!({"id": uuid(0x0f)})).await;
    let head = node.head();
    node.setup.clock.advance_to("2026-04-01T05:00:00Z");
    node.idle().await;
    assert_eq!(node.since(head).await, "offer.expired");
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_is_written_on_while_the_node_starts_frees_no_name() {
    let setup = with_an_offer().await;
    let at_first = snapshot_of(&*setup.log).await;
    let node = setup.start();
    let named = |id| json!({"id": uuid(id), "identifier": "XM-DAC-99999"});
    node.accept(By::Socios, "add-identifier", named(SOCIOS)).await;
    node.accept(By::Socios, "withdraw-identifier", named(SOCIOS)).await;
    node.accept(By::University, "add-identifier", named(UNIVERSITY)).await;
    let setup = node.stop().await.expect("stops in peace");
    // The one that let the name go was loaded from the older snapshot, the one that has it now from the newer one.
    let state = MixedState { at_first, later: snapshot_of(&*setup.log).await };
    let node = Setup { state: Arc::new(state), index: Arc::new(MemoryIndex::default()), ..setup }.start();
    assert_eq!(node.tell(By::Socios, "add-identifier", named(SOCIOS)).await, "identifier-in-use@identifier");
}

/// A snapshot that is written on between two loads.
struct MixedState {
    at_first: MemoryState,
    later: MemoryState,
}

impl StateStore for MixedState {
    fn folded(&self, code_version: u32) -> Result<Sequence, StoreError> {
        self.at_first.folded(code_version)
    }
    fn load(&self, subject: Subject) -> Result<Option<Vec<u8>>, StoreError> {
        let first = subject.id == Uuid::from_u128(SOCIOS);
        if first { self.at_first.load(subject) } else { self.later.load(subject) }
    }
    fn holder(&self, name: &str) -> Result<Option<Uuid>, StoreError> {
        self.later.holder(name)
    }
    fn timers(&self) -> Result<Vec<(Timestamp, Subject)>, StoreError> {
        self.at_first.timers()
    }
    fn write(&self, _: Vec<StateChange>, _: Sequence) -> Result<(), StoreError> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_fails_leads_to_no_wrong_answer() {
    let setup = with_an_offer().await;
    for loads_until_failure in 0..6 {
        let state = OtherState {
            at_first: snapshot_of(&*setup.log).await,
            later: snapshot_of(&*setup.log).await,
            looked: AtomicU32::new(0),
            loads_until_failure: AtomicU32::new(loads_until_failure),
        };
        let node = Setup { state: Arc::new(state), ..setup.clone() }.start();
        let refused = node.tell(By::Ministry, "pause-offer", json!({"id": uuid(0x0f)})).await;
        assert!(["outcome-unknown", "not-owner"].contains(&&*refused), "{loads_until_failure}: {refused}");
        assert_eq!(node.tell(By::Ministry, "pause-offer", json!({"id": uuid(0x0f)})).await, "not-owner");
    }
}

/// A snapshot with a record as it was on an earlier day, until it is made anew.
struct StaleState {
    earlier: MemoryState,
    later: MemoryState,
    distrusted: AtomicBool,
}

impl StateStore for StaleState {
    fn folded(&self, code_version: u32) -> Result<Sequence, StoreError> {
        self.later.folded(code_version)
    }
    fn load(&self, subject: Subject) -> Result<Option<Vec<u8>>, StoreError> {
        let stale = subject.id == Uuid::from_u128(0x0f) && !self.distrusted.load(Ordering::Relaxed);
        if stale { self.earlier.load(subject) } else { self.later.load(subject) }
    }
    fn holder(&self, name: &str) -> Result<Option<Uuid>, StoreError> {
        self.later.holder(name)
    }
    fn timers(&self) -> Result<Vec<(Timestamp, Subject)>, StoreError> {
        self.later.timers()
    }
    fn write(&self, _: Vec<StateChange>, _: Sequence) -> Result<(), StoreError> {
        Ok(())
    }
    fn distrust(&self, _: &str) {
        self.distrusted.store(true, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_recorded_on_a_record_of_an_earlier_day() {
    let setup = with_an_offer().await;
    let earlier = snapshot_of(&*setup.log).await;
    let node = setup.start();
    node.accept(By::Socios, "withdraw-offer", json!({"id": uuid(0x0f)})).await;
    let setup = node.stop().await.expect("stops in peace");
    for earlier in [earlier, MemoryState::default()] {
        let later = snapshot_of(&*setup.log).await;
        let state = Arc::new(StaleState { earlier, later, distrusted: AtomicBool::new(false) });
        let node = Setup { state: state.clone(), ..setup.clone() }.start();
        let head = setup.log.head();
        let before = *head.borrow();
        let told = [
            node.tell(By::Socios, "pause-offer", json!({"id": uuid(0x0f)})).await,
            node.tell(By::Socios, "publish-offer", listing(0x0f)).await,
        ];
        assert!(told.iter().any(|told| told == "outcome-unknown"), "{told:?}");
        assert_eq!(*head.borrow(), before, "{told:?}");
        assert!(state.distrusted.load(Ordering::Relaxed), "the snapshot is made anew");
        let told = node.tell(By::Socios, "pause-offer", json!({"id": uuid(0x0f)})).await;
        assert!(!["outcome-unknown", "offer.paused"].contains(&&*told), "{told}");
        assert_eq!(*head.borrow(), before);
    }
}

/// An index that can fail once.
struct OtherIndex {
    index: MemoryIndex,
    commands_until_failure: AtomicU32,
    pushes_until_failure: AtomicU32,
}

impl EventIndex for OtherIndex {
    fn indexed(&self) -> Sequence {
        self.index.indexed()
    }
    fn push(&self, events: &[IndexedEvent]) -> Result<(), StoreError> {
        if is_its_turn(&self.pushes_until_failure) { failed("index.db") } else { self.index.push(events) }
    }
    fn command(&self, actor: Actor, command_id: CommandId) -> Result<Option<Sequence>, StoreError> {
        let failure = is_its_turn(&self.commands_until_failure);
        if failure { failed("index.db") } else { self.index.command(actor, command_id) }
    }
    fn event(&self, id: EventId) -> Result<Option<Sequence>, StoreError> {
        self.index.event(id)
    }
    fn subject(&self, subject: Subject, from: StreamVersion, limit: usize) -> Result<Vec<Sequence>, StoreError> {
        self.index.subject(subject, from, limit)
    }
    fn as_of(&self, time: Timestamp) -> Result<Sequence, StoreError> {
        self.index.as_of(time)
    }
}

#[tokio::test(start_paused = true)]
async fn an_index_that_fails_forgets_no_command() {
    for (commands, pushes) in [(0, u32::MAX), (u32::MAX, 1), (u32::MAX, 2), (1, 1)] {
        let setup = with_an_offer().await;
        let index = OtherIndex {
            index: MemoryIndex::default(),
            commands_until_failure: AtomicU32::new(commands),
            pushes_until_failure: AtomicU32::new(pushes),
        };
        let node = Setup { index: Arc::new(index), ..setup }.start();
        let call = Call::new(By::Socios.credential(), "pause-offer", &json!({"id": uuid(0x0f)}));
        assert_eq!(insist(&node, &call).await, "offer.paused", "{commands} {pushes}");
        let resume = Call::new(By::Socios.credential(), "resume-offer", &json!({"id": uuid(0x0f)}));
        assert_eq!(insist(&node, &resume).await, "offer.resumed", "{commands} {pushes}");
        assert!(node.answer(&call).await.expect("is known").replay, "{commands} {pushes}");
    }
}

/// Sends a command again, under the same id, until its outcome is known.
async fn insist(node: &Node, call: &Call) -> String {
    loop {
        match node.send(call.clone()).await {
            said if said == "outcome-unknown" => {}
            said => return said,
        }
    }
}

async fn fails_to_start(setup: Setup) -> SequencerError {
    let node = setup.start();
    let mut standing = node.ledger.watch();
    let ends = |standing: &Standing| matches!(standing.role, Role::Stopped | Role::Writer);
    let role = standing.wait_for(ends).await.map(|standing| standing.role);
    assert_eq!(role.ok(), Some(Role::Stopped), "it must not write");
    node.stop().await.map(|_| ()).expect_err("does not start")
}

#[tokio::test(start_paused = true)]
async fn only_a_test_ledger_has_a_clock_that_is_set() {
    let production = || Setup { opening: Some(opening(Purpose::Production, false)), ..Setup::new() };
    assert!(matches!(fails_to_start(production()).await, SequencerError::ClockIsSet));
    let clock = TestClock::at(crate::node::NOON).real(true);
    let node = Setup { clock, ..production() }.start();
    node.register_cast().await;
    let setup = node.stop().await.expect("stops in peace");
    // It is refused later as well, when the ledger is there already.
    let clock = TestClock::at("2026-01-15T13:00:00Z");
    assert!(matches!(fails_to_start(Setup { clock, ..setup }).await, SequencerError::ClockIsSet));
}

#[tokio::test(start_paused = true)]
async fn an_empty_log_is_opened_only_when_that_was_asked_for() {
    let setup = Setup { opening: None, ..Setup::new() };
    assert!(matches!(fails_to_start(setup.clone()).await, SequencerError::NotOpened));
    assert_eq!(setup.log.head().borrow().0, 0);
}

#[tokio::test(start_paused = true)]
async fn derived_files_of_another_log_are_refused() {
    let setup = with_an_offer().await;
    let log: Arc<dyn EventLog> = Arc::new(MemoryLog::default());
    let ahead = Arc::new(snapshot_of(&*setup.log).await);
    let other_state =
        Setup { log: log.clone(), state: ahead, index: Arc::new(MemoryIndex::default()), ..setup.clone() };
    assert!(matches!(fails_to_start(other_state).await, SequencerError::Read(ReadError::Damaged { .. })));
    let other_index = Setup { log, state: Arc::new(MemoryState::default()), ..setup };
    assert!(matches!(fails_to_start(other_index).await, SequencerError::Read(ReadError::Damaged { .. })));
}

#[tokio::test(start_paused = true)]
async fn the_snapshot_is_written_while_events_keep_coming() {
    let node = Node::with_cast().await;
    let state = Arc::new(MemoryState::default());
    let (log, store) = (node.setup.log.clone(), state.clone());
    let snapshots = snapshotter::run(log, store, SnapshotCursor::default(), std::future::pending());
    let snapshots = tokio::spawn(snapshots);
    node.accept(By::Socios, "publish-offer", listing(0x0f)).await;
    for verb in ["pause-offer", "resume-offer"].into_iter().cycle().take(20) {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        node.accept(By::Socios, verb, json!({"id": uuid(0x0f)})).await;
    }
    // The last second may be missing, and no more.
    let folded = state.folded(0).expect("memory answers").0;
    assert!(folded + 10 >= node.head(), "{folded} of {}", node.head());
    snapshots.abort();
}

#[tokio::test(start_paused = true)]
async fn commands_that_wait_are_bounded_by_their_bytes_too() {
    let node = Setup::new().start();
    node.idle().await;
    let large = |n: u128| {
        let mut body = Body::parse("confirm-clock", b"{}", None).expect("a command");
        body.canonical = "x".repeat(1 << 20).into();
        let (id, credential) = (CommandId::new(Uuid::from_u128(n)), Credential::Operator);
        Submission { credential, acting_for: None, id, correlation_id: None, expected_version: None, body: Ok(body) }
    };
    // The sequencer shares this thread: it decides nothing until somebody waits.
    let (mut answers, mut refused) = (Vec::new(), None);
    for n in 0..100 {
        match node.ledger.enqueue(large(n)) {
            Ok(answer) => answers.push(answer),
            Err(refusal) => refused = refused.or(Some(refusal)),
        }
    }
    assert_eq!(answers.len(), (QUEUE_BYTES_LIMIT >> 20) - 1, "each takes a little more than its megabyte");
    assert!(matches!(refused, Some(Refusal::Unavailable(Unavailable::Overloaded))), "{refused:?}");
    for answer in answers {
        // Whatever the rules say of it, it was decided and waits no more.
        let _ = answer.await.expect("an answer");
    }
    let later = node.ledger.enqueue(large(200)).expect("there is room again");
    drop(later);
}
