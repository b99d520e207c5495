//! Read models: catching up from nothing, one rebuilt beside live traffic, beside a bare scan of the journal.

use super::{Bench, Served, config, report::Figure, runtime};
use convenio_events::{Sequence, log::EventLog as _};
use convenio_journal::{Access, Journal};
use convenio_projections::{Settings, ViewName, Views};
use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

/// How long a view may take to catch up before the bench gives up.
const CATCH_UP_LIMIT: Duration = Duration::from_secs(900);

/// Waits until every view has folded what is recorded now, and says how long that took.
pub(super) fn caught_up(served: &Served) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let head = *served.node.log.head().borrow();
    served.runtime.block_on(served.node.views.wait_for(&ViewName::ALL, head, CATCH_UP_LIMIT))?;
    Ok(began.elapsed())
}

/// A bare scan: every row read, nothing folded. Events per second.
fn scan(journal: &Journal) -> anyhow::Result<f64> {
    let (began, mut next) = (Instant::now(), Sequence::ZERO);
    loop {
        let page = journal.read_sync(next, 10_000)?;
        let Some(last) = page.last() else { break };
        next = last.sequence.next();
    }
    Ok(next.0 as f64 / began.elapsed().as_secs_f64())
}

/// All views from nothing.
pub(super) fn catch_up(bench: &mut Bench<'_>, folder: &Path) -> anyhow::Result<()> {
    let runtime = runtime()?;
    let journal = Journal::open(&config(folder).data, Access::ReadOnly)?;
    let floor = scan(&journal)?;
    let head = *journal.head().borrow();
    let began = Instant::now();
    let views = runtime.block_on(Views::start(Settings::new(folder.join("views-anew")), Arc::new(journal)))?;
    runtime.block_on(views.wait_for(&ViewName::ALL, head, CATCH_UP_LIMIT))?;
    let rate = head.0 as f64 / began.elapsed().as_secs_f64();
    bench.add(Figure::new("all views catching up (floor: bare scan)", rate, "events/s").beside(floor));
    runtime.block_on(views.shutdown());
    Ok(())
}

/// One view rebuilt in bulk beside the live one.
pub(super) fn rebuild(bench: &mut Bench<'_>, served: &Served) -> anyhow::Result<()> {
    let head = served.node.log.head().borrow().0 as f64;
    for view in ViewName::ALL {
        let began = Instant::now();
        let rebuild = served.node.views.rebuild(view)?;
        let end = served.runtime.block_on(rebuild.finished());
        let rate = head / began.elapsed().as_secs_f64();
        bench.add(Figure::new(
            format!("view {view} rebuilt in bulk ({end:?})").chars().take(57).collect::<String>(),
            rate,
            "events/s",
        ));
    }
    Ok(())
}
