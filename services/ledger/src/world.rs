//! The write model: every aggregate as of the last decided event. It folds and remembers; it never judges.
//!
//! What it does not hold in memory it loads from the snapshot. A load that fails cannot be told to the fold or the
//! decision that asked: it is kept as a fault, and whoever owns the world looks at it before believing a decision.

mod rows;
mod sight;
mod ties;

pub use crate::state::{Aggregate, Folded};
pub use sight::Sight;

use crate::{
    state::{
        Identified, Kept as _,
        access::{Access, token_name},
        agreement::Agreement,
        convening::Convening,
        learning::Learning,
        ledger::Ledger,
        listing::Listing,
        organisation::{Organisation, identifier_names, site_name},
    },
    stores::{StateChange, StateStore, StoreError},
};
use convenio_events::{
    AccessId, AgreementId, ConveningId, LearningId, LedgerId, OrganisationId, RecordKind, Sequence, StreamVersion,
    Subject, Timestamp,
    sight::Openness,
    time::TimeZone,
    types::{Facts, about::Happened, access, ledger::Settings, organisation},
    values::Identifier,
};
use serde::{Deserialize, Serialize};
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};
use uuid::Uuid;

/// Raise it whenever the encoding of any aggregate changes: snapshots of other versions are folded anew.
pub const CODE_VERSION: u32 = 9;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Slot {
    version: StreamVersion,
    #[serde(skip)]
    last: Sequence,
    /// How often it was changed who may see it: each time is remembered wherever it is judged what a reader may see.
    #[serde(default)]
    visibility_changes: u32,
    /// Who may see it beside those whom it names; nobody, where it is no record.
    #[serde(default)]
    openness: Openness,
    aggregate: Aggregate,
}

impl Slot {
    const fn new(version: StreamVersion, last: Sequence, aggregate: Aggregate) -> Self {
        Self { version, last, visibility_changes: 0, openness: Openness { circle: None, later: None }, aggregate }
    }
}

/// The write model.
pub struct World {
    store: Arc<dyn StateStore>,
    slots: RefCell<HashMap<Subject, Slot>>,
    names: RefCell<HashMap<String, (Option<Uuid>, Sequence)>>,
    timers: BTreeSet<(Timestamp, Subject)>,
    due_of: HashMap<Subject, Timestamp>,
    dirty: HashSet<Subject>,
    dirty_names: HashSet<String>,
    fault: Cell<Option<StoreError>>,
    ledger: Option<Subject>,
    next: Sequence,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("next", &self.next)
            .field("slots", &self.slots.borrow().len())
            .finish_non_exhaustive()
    }
}

/// The name under which the snapshot keeps which subject is the ledger.
const LEDGER_NAME: &str = "ledger";
/// The name under which the snapshot keeps the operator's bootstrap grant.
const BOOTSTRAP_NAME: &str = "bootstrap";
/// The name under which the snapshot keeps that some organisation was verified.
const VERIFIED_NAME: &str = "verified";

impl World {
    /// The world as the snapshot has it.
    ///
    /// # Errors
    /// [`StoreError`] when the snapshot cannot be read.
    pub fn load(store: Arc<dyn StateStore>) -> Result<Self, StoreError> {
        let next = store.folded(CODE_VERSION)?;
        let timers: BTreeSet<_> = store.timers()?.into_iter().collect();
        let due_of = timers.iter().map(|(due, subject)| (*subject, *due)).collect();
        let ledger = store.holder(LEDGER_NAME)?.map(|id| Subject::new(RecordKind::Ledger, id));
        Ok(Self {
            store,
            slots: RefCell::default(),
            names: RefCell::default(),
            timers,
            due_of,
            dirty: HashSet::new(),
            dirty_names: HashSet::new(),
            fault: Cell::new(None),
            ledger,
            next,
        })
    }

    /// The sequence of the next event to fold.
    pub const fn next(&self) -> Sequence {
        self.next
    }

    /// Takes the fault of a load that failed since the last call.
    pub fn take_fault(&self) -> Option<StoreError> {
        self.fault.take()
    }

    fn note<T>(&self, loaded: Result<Option<T>, StoreError>) -> Option<T> {
        loaded.unwrap_or_else(|error| {
            self.fault.set(Some(error));
            None
        })
    }

    fn slot<T>(&self, subject: Subject, read: impl FnOnce(&Slot) -> Option<T>) -> Option<T> {
        if let Some(slot) = self.slots.borrow().get(&subject) {
            return read(slot);
        }
        let bytes = self.note(self.store.load(subject))?;
        let slot = serde_json::from_slice::<Slot>(&bytes).map(Some);
        let slot = self.note(slot.map_err(|error| StoreError { store: "state.db", source: Box::new(error) }))?;
        let value = read(&slot);
        self.slots.borrow_mut().insert(subject, slot);
        value
    }

    /// The aggregate of a subject.
    pub fn aggregate(&self, subject: Subject) -> Option<Aggregate> {
        self.slot(subject, |slot| Some(slot.aggregate.clone()))
    }

    /// The version of a subject's last event; `None` when it has none.
    pub fn version(&self, subject: Subject) -> Option<StreamVersion> {
        self.slot(subject, |slot| Some(slot.version))
    }

    /// How often it was changed who may see a record.
    pub fn visibility_changes(&self, subject: Subject) -> u32 {
        self.slot(subject, |slot| Some(slot.visibility_changes)).unwrap_or_default()
    }

    /// The state of a record of the kind that its id says.
    pub fn state<T: Identified>(&self, id: T::Id) -> Option<Arc<T>> {
        T::of(self.aggregate(id.into())?)
    }
    /// A grant.
    pub fn access(&self, id: AccessId) -> Option<Arc<Access>> {
        self.state(id)
    }
    /// An organisation.
    pub fn organisation(&self, id: OrganisationId) -> Option<Arc<Organisation>> {
        self.state(id)
    }
    /// An offer or a demand.
    pub fn listing(&self, subject: Subject) -> Option<Arc<Listing>> {
        Listing::of(self.aggregate(subject)?)
    }
    /// An agreement.
    pub fn agreement(&self, id: AgreementId) -> Option<Arc<Agreement>> {
        self.state(id)
    }
    /// A learning.
    pub fn learning(&self, id: LearningId) -> Option<Arc<Learning>> {
        self.state(id)
    }
    /// A convening.
    pub fn convening(&self, id: ConveningId) -> Option<Arc<Convening>> {
        self.state(id)
    }
    /// The ledger itself; `None` before it is opened.
    pub fn ledger(&self) -> Option<Arc<Ledger>> {
        Ledger::of(self.aggregate(self.ledger?)?)
    }
    /// Which ledger this is.
    ///
    /// # Panics
    /// Before the ledger is opened: nothing is decided before that.
    pub fn ledger_id(&self) -> LedgerId {
        LedgerId::new(self.ledger.expect("nothing is decided before the ledger is opened").id)
    }
    /// Where civil dates end unless a record says otherwise.
    pub fn time_zone(&self) -> TimeZone {
        self.ledger().map_or(TimeZone::UTC, |ledger| ledger.time_zone)
    }
    /// What an admin set.
    pub fn settings(&self) -> Settings {
        self.ledger().map(|ledger| ledger.settings.clone()).unwrap_or_default()
    }
    /// Who holds a unique name.
    pub fn holder(&self, name: &str) -> Option<Uuid> {
        if let Some((holder, _)) = self.names.borrow().get(name) {
            return *holder;
        }
        self.note(self.store.holder(name))
    }
    /// Whether any organisation was ever verified.
    pub fn anybody_verified(&self) -> bool {
        self.holder(VERIFIED_NAME).is_some()
    }
    /// The operator's bootstrap grant, while it is in force.
    pub fn bootstrap(&self) -> Option<AccessId> {
        self.holder(BOOTSTRAP_NAME).map(AccessId::new)
    }

    /// Timers that are due at `now`, earliest first, at most `limit`.
    pub fn due(&self, now: Timestamp, limit: usize) -> Vec<(Timestamp, Subject)> {
        self.timers.iter().take_while(|(due, _)| *due <= now).take(limit).copied().collect()
    }
    /// When the next timer is due.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.timers.first().map(|(due, _)| *due)
    }

    /// Folds the next event and returns the subject's version after it.
    pub fn fold(&mut self, event: Folded<'_>) -> StreamVersion {
        let Folded { sequence, subject, facts, .. } = event;
        self.load_with_its_hold(&event);
        // Brings the slot into memory, if there is one.
        let known = self.version(subject);
        if let (Some(version), Some(known)) = (event.stream_version, known)
            && version <= known
        {
            // The snapshot was written on while this world caught up: the slot holds this event already. What the
            // world noted of the snapshot when it was loaded is older, and is made up for here.
            // A name that another subject let go before may be in memory as nobody's.
            self.fold_names(&event);
            self.set_timer(subject);
            self.next = sequence.next();
            return known;
        }
        let version = known.map_or(StreamVersion(0), |version| StreamVersion(version.0 + 1));
        self.fold_named(&event);
        self.fold_names(&event);
        let opening = facts.about(Happened { subject, actor: event.actor }).opening;
        let slots = self.slots.get_mut();
        match slots.get_mut(&subject) {
            Some(slot) => {
                slot.openness.learn(opening);
                slot.aggregate.evolve(facts);
                slot.version = version;
                slot.last = sequence;
                slot.visibility_changes += u32::from(matches!(facts, Facts::Record(_)));
            }
            None => {
                if let Some(aggregate) = Aggregate::begin(&event) {
                    let mut slot = Slot::new(version, sequence, aggregate);
                    slot.openness.learn(opening);
                    slots.insert(subject, slot);
                }
            }
        }
        self.fold_hold(&event, version);
        self.set_timer(subject);
        self.dirty.insert(subject);
        self.next = sequence.next();
        version
    }

    fn set_name(&mut self, name: String, holder: Option<Uuid>, sequence: Sequence) {
        self.names.get_mut().insert(name.clone(), (holder, sequence));
        self.dirty_names.insert(name);
    }

    fn fold_names(&mut self, event: &Folded<'_>) {
        let (sequence, id) = (event.sequence, event.subject.id);
        match event.facts {
            Facts::Ledger(convenio_events::types::ledger::Facts::Opened(_)) => {
                self.ledger = Some(event.subject);
                self.set_name(LEDGER_NAME.to_owned(), Some(id), sequence);
            }
            Facts::Organisation(facts) => match facts {
                organisation::Facts::Registered(facts) => {
                    facts.identifiers.iter().for_each(|identifier| self.give_identifier(identifier, id, sequence));
                }
                organisation::Facts::IdentifierAdded(facts) => self.give_identifier(&facts.identifier, id, sequence),
                organisation::Facts::IdentifierWithdrawn(facts) => {
                    self.take_identifier(&facts.identifier, id, sequence);
                }
                organisation::Facts::SiteAdded(facts) => {
                    self.set_name(site_name(id, facts.site), Some(id), sequence);
                }
                organisation::Facts::Verified(_) => self.set_name(VERIFIED_NAME.to_owned(), Some(id), sequence),
                organisation::Facts::AffiliationClaimed(_)
                | organisation::Facts::AffiliationConfirmed(_)
                | organisation::Facts::AffiliationEnded(_) => self.fold_ties(event, facts),
                organisation::Facts::Revised(_)
                | organisation::Facts::SiteClosed(_)
                | organisation::Facts::VerificationRevoked(_)
                | organisation::Facts::Suspended(_)
                | organisation::Facts::Reinstated(_) => {}
            },
            Facts::Convening(facts) => self.fold_participation(id, facts, sequence),
            Facts::Access(access::Facts::Granted(granted)) => {
                if let Some(digest) = &granted.token_digest {
                    self.set_name(token_name(digest), Some(id), sequence);
                }
                if granted.scope == access::Scope::Operator {
                    self.set_name(BOOTSTRAP_NAME.to_owned(), Some(id), sequence);
                }
            }
            Facts::Access(access::Facts::Revoked(_)) if self.bootstrap().is_some_and(|grant| grant.uuid() == id) => {
                self.set_name(BOOTSTRAP_NAME.to_owned(), None, sequence);
            }
            Facts::Ledger(_)
            | Facts::Access(_)
            | Facts::Listing(_)
            | Facts::Agreement(_)
            | Facts::Learning(_)
            | Facts::Record(_) => {}
        }
    }

    /// Identifiers are unique without regard to case. Older ledgers may hold two that differ in case alone: each then keeps its
    /// own spelling to itself as well.
    fn give_identifier(&mut self, identifier: &Identifier, to: Uuid, sequence: Sequence) {
        for name in identifier_names(identifier) {
            self.set_name(name, Some(to), sequence);
        }
    }

    fn take_identifier(&mut self, identifier: &Identifier, from: Uuid, sequence: Sequence) {
        for name in identifier_names(identifier) {
            if self.holder(&name) == Some(from) {
                self.set_name(name, None, sequence);
            }
        }
    }

    fn set_timer(&mut self, subject: Subject) {
        let zone = self.time_zone();
        let due = self.slots.get_mut().get(&subject).and_then(|slot| slot.aggregate.due(zone));
        let before = match due {
            Some(due) => self.due_of.insert(subject, due),
            None => self.due_of.remove(&subject),
        };
        if before != due {
            if let Some(before) = before {
                self.timers.remove(&(before, subject));
            }
            if let Some(due) = due {
                self.timers.insert((due, subject));
            }
        }
    }

    /// What changed since the last call, for the snapshot.
    pub fn take_changes(&mut self) -> Vec<StateChange> {
        let slots = self.slots.get_mut();
        let subjects = self.dirty.drain().filter_map(|subject| {
            let state = serde_json::to_vec(slots.get(&subject)?).expect("aggregates have string keys");
            Some(StateChange::Subject { subject, state, due: self.due_of.get(&subject).copied() })
        });
        let names = self.names.get_mut();
        let names = self.dirty_names.drain().filter_map(|name| {
            let (holder, _) = *names.get(&name)?;
            Some(StateChange::Name { name, holder })
        });
        subjects.chain(names).collect()
    }

    /// Forgets that anything changed: the sequencer's world is not the one that is written down.
    pub fn forget_changes(&mut self) {
        self.dirty.clear();
        self.dirty_names.clear();
    }

    /// Frees what the snapshot holds (events below `folded`), once more than `keep` subjects are in memory.
    pub fn evict(&mut self, folded: Sequence, keep: usize) {
        let slots = self.slots.get_mut();
        if slots.len() > keep {
            let ledger = self.ledger;
            slots.retain(|subject, slot| slot.last >= folded || Some(*subject) == ledger);
            self.names.get_mut().retain(|_, (_, last)| *last >= folded);
        }
    }

    /// How many subjects are in memory.
    pub fn held(&self) -> usize {
        self.slots.borrow().len()
    }
}
