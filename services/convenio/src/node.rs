//! A node: log, stores, sequencer, views, tree and portal, started in order and stopped in the reverse. It listens nowhere itself.

use crate::{
    backend::{Backend, keep_index},
    clock, cluster,
    config::Config,
    damage::{self, Damage, WatchedLog},
    looking_through::Kept,
    loss, mark,
    membership::{Legible, Membership, Seat, Way},
    publishing::PublishingWhileWriting,
    starting::Stage,
    tree,
};
use anyhow::{Context as _, bail, ensure};
use convenio_events::{
    Event, LedgerId, Sequence,
    causes::with_causes,
    log::EventLog,
    types::{Facts, ledger},
};
use convenio_journal::{Index, IndexedLog, StateFile};
use convenio_ledger::{
    clock::Clock,
    entropy::Entropy,
    genesis::Opening,
    sequencer::{Parts, Sequencer, SnapshotCursor},
    snapshotter::{self, SnapshotError},
    stores::{EventIndex, StateStore},
    submission::{Ledger, Role},
};
use convenio_notary::{Identity, KeyName, NewIdentity, TreeHead, identity::OpenIdentityError};
use convenio_portal::{Limits, LogStanding, Portal, PortalParts, PortalState, RateLimit, Token};
use convenio_projections::priority;
use convenio_projections::{Settings, ViewName, Views};
use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};
use tokio::sync::watch;

/// A node that runs.
pub(crate) struct Node {
    pub(crate) ledger: Ledger,
    pub(crate) log: Arc<dyn EventLog>,
    /// The same as far as it is indexed: what is shown.
    shown: Arc<dyn EventLog>,
    pub(crate) index: Arc<dyn EventIndex>,
    pub(crate) views: Views,
    pub(crate) ledger_id: LedgerId,
    pub(crate) root: watch::Receiver<TreeHead>,
    /// True where the first start made the first admin token.
    pub(crate) new: bool,
    clock: Arc<Mutex<Box<dyn Clock>>>,
    shutdown: watch::Sender<bool>,
    threads: Vec<JoinHandle<anyhow::Result<()>>>,
    /// Told when nothing more is recorded.
    settle: watch::Sender<bool>,
    /// Who then looks at the end of the log.
    last_threads: Vec<JoinHandle<anyhow::Result<()>>>,
    damage: Damage,
    name: String,
    /// Where other nodes may write too.
    membership: Option<Membership>,
    seat: Option<Seat>,
    /// Events for integrators, where there is a topic for them.
    publishing: Option<PublishingWhileWriting>,
}

impl Node {
    /// Starts everything that needs no address; returns when commands are accepted.
    pub(crate) async fn start(config: &Config, stage: &Stage) -> anyhow::Result<Self> {
        loss::refuse_missing(config)?;
        let backend = Backend::open(config, stage).await?;
        // 1. The identity comes before the first event: a crash after it leaves an empty journal, and it is taken up again.
        let empty = backend.is_empty();
        if empty && let Ok(identity) = Identity::open(&config.identity) {
            // One whose first start crashed cannot be opened, and has lost nothing.
            loss::refuse(&backend.journal, config, &identity)?;
        }
        let (mut identity, opening) =
            if empty { first_start(config)? } else { (open_identity(&config.identity)?, None) };
        // Before any file is derived from the log: those that are there may know more than it.
        loss::refuse(&backend.journal, config, &identity)?;
        let (journal, look) = (backend.journal.clone(), "looking at the journal before it is written");
        tokio::task::spawn_blocking(move || journal.check_quickly()).await?.context(look)?;
        // A copy is not refused: its node tells in its status that it has halted, and the others go on.
        if backend.kafka.is_none() && backend.journal.is_small() {
            tree::check_marked(&*backend.log, identity.opened().map(|opened| *opened.reach())).await?;
        }
        let files = Arc::new(Index::open(&backend.journal)?);
        let index: Arc<dyn EventIndex> = files.clone();
        let state = StateFile::open(&backend.journal)?;
        // Each finds out for itself that a damaged one was begun anew.
        let snapshot_file: Arc<dyn StateStore> = Arc::new(state.shared());
        let looked_through = state.shared();
        let state: Arc<dyn StateStore> = Arc::new(state);
        // Where nobody else can write, this node is elected for good, unless its log turns out to be damaged.
        let (elect, elected) = watch::channel(u64::from(backend.kafka.is_none()));
        let damage = Damage::new(damage::halt(backend.kafka.clone(), elect.clone()));
        let log: Arc<dyn EventLog> = Arc::new(WatchedLog::new(backend.log.clone(), damage.clone()));
        let (shutdown, stop) = watch::channel(false);
        let looking =
            damage::keep_looking(backend.journal.clone(), files.clone(), damage.clone(), stopped(stop.clone()));
        let mut threads = vec![on_thread("damage", looking)?];
        // 2. The tree comes before the sequencer: a writer announces the root of what it begins with.
        let (root, heads) = watch::channel(TreeHead::empty());
        let (settle, settled) = watch::channel(false);
        let marked = identity.opened().map(|opened| *opened.reach());
        let comparing = tree::Comparing { marked, kafka: backend.kafka.clone() };
        let followed = tree::run(log.clone(), root, comparing, stopped(settled));
        let told = damage.clone();
        let mut last_threads =
            vec![on_thread("tree", async move { followed.await.inspect_err(|error| told.tell_of_tree(error)) })?];
        let snapshot = SnapshotCursor::default();
        let (illegible, until) = watch::channel(None);
        let shown: Arc<dyn EventLog> = Arc::new(IndexedLog::new(log.clone(), &files));
        let kept = Kept {
            log: log.clone(),
            index: files.clone(),
            state: looked_through,
            root: heads.clone(),
            damage: damage.clone(),
        };
        threads.push(on_thread("looking-through", kept.keep_looking_through(stop.clone()))?);
        let legible = Legible { snapshot: snapshot.clone(), until, index: files.clone() };
        let (membership, way) = match &backend.kafka {
            Some(kafka) => {
                // Views that were made before must not be ahead of it.
                let (first, index) = (files.clone(), "indexing this node's copy");
                tokio::task::spawn_blocking(move || first.catch_up()).await?.context(index)?;
                threads.push(on_thread("index", keep_index(files, log.head(), stopped(stop.clone())))?);
                let (membership, way) =
                    Membership::new(kafka, config, heads.clone(), legible, shown.head(), clock::compared()?)?;
                (Some(membership), way)
            }
            None => (None, None),
        };
        let elsewhere = way.as_ref().map(|way| way.elsewhere.clone());
        if let Some(Way { forwarder, queue, .. }) = way {
            threads.push(on_thread("forward", forwarder.run(queue))?);
        }
        // 3. The sequencer opens the ledger if it is new, else folds what the snapshot lacks.
        let (sequencer, ledger) = Sequencer::new(Parts {
            log: log.clone(),
            state,
            snapshot: snapshot.clone(),
            index: index.clone(),
            clock: clock::from_environment()?,
            entropy: Entropy::from_system(),
            opening,
            attempts: backend.attempts(),
            elected,
            counts: Arc::default(),
            elsewhere,
        });
        let sequencer = on_thread("sequencer", async move { Ok(sequencer.run().await?) })?;
        let known = *log.head().borrow();
        let seat = membership.clone().map(|membership| membership.stand(known, elect.clone(), &ledger));
        stage.enter("the node waits until it may decide commands, or another node of the ledger does");
        if let Err(error) = ready(&ledger, &*log).await {
            // The sequencer's own error says why.
            return Err(join(sequencer).err().unwrap_or(error));
        }
        threads.push(sequencer);
        // Nobody was answered yet.
        mark::open(&mut identity)?;
        let ledger_id = opened(&*log).await?.ledger;
        anyhow::ensure!(
            identity.ledger() == ledger_id.uuid(),
            "the identity in {} is of the ledger {}, and the log is of {ledger_id}: copy the identity of a node of this ledger",
            config.identity.display(),
            identity.ledger()
        );
        mark::sign_first(&mut identity, &*log).await?;
        last_threads.push(on_thread("mark", mark::keep(identity, heads.clone()))?);
        // 4. Everything else is derived and follows.
        let snapshots = keep_snapshot(log.clone(), snapshot_file, snapshot, illegible, stop.clone());
        threads.push(on_thread("snapshot", snapshots)?);
        let clock = Arc::new(Mutex::new(clock::from_environment()?));
        let views = Views::start(Settings::new(config.data.join("views")), shown.clone()).await?;
        stage.enter("the views read what was recorded since they were written");
        // What is not read by then answers 503 by itself, and the rest need not wait for it.
        // Read beforehand: within the call, its lock would be held while waiting, and the index could never move the head.
        let head = *shown.head().borrow();
        let _ = views.wait_for(&ViewName::ALL, head, FIRST_VIEWS).await;
        let publish = |kafka| PublishingWhileWriting::start(kafka, config.published_form(), &ledger);
        let publishing = backend.kafka.as_ref().map(publish);
        Ok(Self {
            ledger,
            log,
            shown,
            index,
            views,
            ledger_id,
            root: heads,
            new: empty,
            clock,
            shutdown,
            threads,
            settle,
            last_threads,
            damage,
            name: config.name.clone(),
            membership,
            seat,
            publishing,
        })
    }

    /// The portal's state, for a node that is reached at `public_url` by so many connections.
    pub(crate) fn portal(&self, config: &Config, public_url: &str, connections: usize) -> PortalState {
        let per_minute = f64::from(config.rate);
        let rate = (config.rate > 0).then(|| RateLimit { per_second: per_minute / 60.0, burst: per_minute });
        Portal::new(PortalParts {
            ledger: self.ledger.clone(),
            log: self.shown.clone(),
            log_standing: self.log_standing(),
            index: self.index.clone(),
            views: self.views.clone(),
            root: self.root.clone(),
            ledger_id: self.ledger_id,
            node: self.name.clone(),
            public_url: public_url.to_owned(),
            schemas: config.schema_location(),
            limits: Limits { rate, trusted_proxies: config.trusted_proxies.clone(), connections: Some(connections) },
            clock: self.time(),
            shutdown: self.shutdown.subscribe(),
        })
    }

    /// How the log stands, as the portal tells it.
    fn log_standing(&self) -> convenio_portal::LogWatch {
        let damage = self.damage.clone();
        let Some(membership) = self.membership.clone() else {
            // No handle: it must not put off the ledger's end.
            let standing = self.ledger.watch();
            return Arc::new(move || {
                let cannot_write = standing.borrow().cannot_write;
                let alarm = cannot_write
                    .then_some("the log takes nothing now: see the node's log, and whether the disk is full");
                let in_doubt = damage.is_of_all();
                LogStanding {
                    halted: damage.found(),
                    in_doubt,
                    alarm: alarm.map(str::to_owned),
                    ..LogStanding::EMBEDDED
                }
            });
        };
        let publisher = self.publishing.as_ref().map(PublishingWhileWriting::watch);
        let publisher = move || publisher.as_ref().and_then(|publisher| publisher());
        Arc::new(move || {
            let standing = membership.log_standing();
            let halted = standing.halted.or_else(|| damage.found());
            LogStanding { publisher: publisher(), halted, in_doubt: damage.is_of_all(), ..standing }
        })
    }

    /// The way in for commands of other nodes, where there may be any.
    pub(crate) fn cluster(&self) -> Option<axum::Router> {
        let membership = self.membership.as_ref()?;
        Some(cluster::router(self.ledger.clone(), self.views.clone(), membership.secret.clone()))
    }

    /// The switch by which streams and batches are told to end.
    pub(crate) fn shutdown_handle(&self) -> watch::Sender<bool> {
        self.shutdown.clone()
    }

    /// The time by which grants are judged on reads.
    fn time(&self) -> convenio_portal::Clock {
        let clock = self.clock.clone();
        Arc::new(move || clock.lock().unwrap_or_else(PoisonError::into_inner).read().wall)
    }

    /// Tells streams and batches to end.
    pub(crate) fn announce_shutdown(&self) {
        self.shutdown.send_replace(true);
    }

    /// Stops everything and waits for it: what was acknowledged is durable, what was not is answered.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        let Self {
            ledger,
            log,
            shown,
            index,
            views,
            shutdown,
            threads,
            settle,
            last_threads,
            membership,
            seat,
            publishing,
            ..
        } = self;
        shutdown.send_replace(true);
        // Another node takes over while this one tidies up.
        if let Some(seat) = seat {
            seat.leave().await;
        }
        if let Some(publishing) = publishing {
            publishing.stop().await;
        }
        views.shutdown().await;
        drop((ledger, log, shown, membership, index, views));
        let join_all = move || {
            let joined: Vec<_> = threads.into_iter().map(join).collect();
            settle.send_replace(true);
            joined.into_iter().chain(last_threads.into_iter().map(join)).collect()
        };
        tokio::task::spawn_blocking(join_all).await?
    }
}

/// A task on a thread of its own: none of them may wait behind requests.
fn on_thread(
    name: &str,
    task: impl Future<Output = anyhow::Result<()>> + Send + 'static,
) -> anyhow::Result<JoinHandle<anyhow::Result<()>>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let label = name.to_owned();
    let run = move || {
        let result = runtime.block_on(task);
        if let Err(error) = &result {
            tracing::error!(error = format!("{error:#}"), "{label} stopped");
        }
        result
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(run).with_context(|| format!("starting the thread {name}"))
}

fn join(thread: JoinHandle<anyhow::Result<()>>) -> anyhow::Result<()> {
    let name = thread.thread().name().unwrap_or("a thread").to_owned();
    thread.join().unwrap_or_else(|_| bail!("{name} panicked")).with_context(|| format!("{name} stopped"))
}

/// How long a start waits for views that have something to read.
const FIRST_VIEWS: Duration = Duration::from_secs(10);
/// How long a snapshot that could not be written waits before it is tried again.
const SNAPSHOT_RETRY: Duration = Duration::from_secs(5);

/// Writes the snapshot until the node stops. A failure (a full disk) is said and tried again: the ledger goes on meanwhile.
/// What this program cannot read, it cannot read tomorrow: it is told, so that the node does not come to decide on it.
async fn keep_snapshot(
    log: Arc<dyn EventLog>,
    state: Arc<dyn StateStore>,
    cursor: SnapshotCursor,
    illegible: watch::Sender<Option<String>>,
    stop: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    priority::behind_commands();
    while let Err(error) = snapshotter::run(log.clone(), state.clone(), cursor.clone(), stopped(stop.clone())).await {
        if let SnapshotError::Decode(error) = &error {
            tracing::error!(
                error = error as &dyn std::error::Error,
                "the log is beyond this program: start a newer one"
            );
            illegible.send_replace(Some(with_causes(error)));
            stopped(stop.clone()).await;
            break;
        }
        tracing::error!(error = &error as &dyn std::error::Error, "the snapshot could not be written: trying again");
        tokio::select! {
            () = tokio::time::sleep(SNAPSHOT_RETRY) => {}
            () = stopped(stop.clone()) => break,
        }
    }
    Ok(())
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // The sender is gone only when the node is.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Waits until the sequencer writes, or another node's has opened the ledger.
async fn ready(ledger: &Ledger, log: &dyn EventLog) -> anyhow::Result<()> {
    let (mut standing, mut head) = (ledger.watch(), log.head());
    loop {
        let role = standing.borrow_and_update().role;
        match role {
            Role::Writer => return Ok(()),
            Role::Stopped => bail!("the sequencer could not start"),
            Role::Follower if *head.borrow_and_update() > Sequence::ZERO => return Ok(()),
            Role::Follower | Role::Starting => {}
        }
        tokio::select! {
            changed = standing.changed() => changed?,
            changed = head.changed() => changed?,
        }
    }
}

/// The event that opened the ledger.
pub(crate) async fn opened(log: &dyn EventLog) -> anyhow::Result<Event> {
    let first = log.read(Sequence::ZERO, 1).await?;
    let first = Event::decode(first.first().context("the ledger has no first event")?)?;
    let opens = matches!(&first.facts, Facts::Ledger(ledger::Facts::Opened(_)));
    ensure!(opens, "the first event does not open a ledger");
    Ok(first)
}

fn open_identity(directory: &Path) -> anyhow::Result<Identity> {
    let opened = Identity::open(directory);
    if let Err(error @ OpenIdentityError::InUse { .. }) = opened {
        return Err(error)
            .context("another process is writing this ledger: stop the node that runs on it, or name another --data");
    }
    opened.with_context(|| {
        format!(
            "the journal has events, but the identity that signed for them cannot be used: {}. Bring that directory back, or \
             name it with --identity",
            directory.display()
        )
    })
}

/// Makes the keys and the first admin token, or takes up a first start that crashed.
fn first_start(config: &Config) -> anyhow::Result<(Identity, Option<Opening>)> {
    let origin = config.public_url.as_deref().map(origin).transpose()?;
    let new = NewIdentity { ledger: None, origin, admin_token: Token::random().reveal() };
    let first = Identity::create_or_resume(&config.identity, &new)
        .with_context(|| format!("making the identity in {}", config.identity.display()))?;
    let token: Token = first.admin_token.trim().parse().context("the file admin-token does not hold a token")?;
    let identity = first.identity;
    let opening = Opening {
        ledger: LedgerId::new(identity.ledger()),
        origin: identity.origin().as_str().to_owned(),
        key: identity.verifier_key().to_string(),
        time_zone: config.time_zone,
        purpose: config.purpose,
        admin_token: token.digest(),
        sample: config.sample,
    };
    Ok((identity, Some(opening)))
}

/// `host[:port]/log` of the public URL.
fn origin(public_url: &str) -> anyhow::Result<KeyName> {
    let host = public_url.split_once("://").map_or(public_url, |(_, host)| host).trim_end_matches('/');
    Ok(format!("{host}/log").parse()?)
}
