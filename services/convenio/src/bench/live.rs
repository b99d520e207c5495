//! Views beside live traffic: how soon what is recorded is visible, and what a rebuild costs those who record.

use super::{
    Bench, Served, commands,
    report::{Figure, quantile},
    spent::Spent,
    workload,
};
use convenio_events::Sequence;
use convenio_projections::ViewName;
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Events a second at which visibility is measured.
const PACE: u32 = 5_000;
/// How often the views' positions are looked at: the resolution of the figure.
const LOOK: Duration = Duration::from_micros(500);

/// From a command's answer to its event in every view, at a steady pace.
pub(super) fn visibility(bench: &mut Bench<'_>, served: &Served, recorder: &workload::Recorder) -> anyhow::Result<()> {
    let spent = Spent::now();
    let until = Instant::now() + bench.how_long;
    let mut seconds = served.runtime.block_on(async {
        let mut pace = tokio::time::interval(LOOK);
        let (mut sent, mut waiting, mut answered) = (0, VecDeque::new(), VecDeque::new());
        let (began, mut seconds) = (Instant::now(), Vec::new());
        while Instant::now() < until || !answered.is_empty() {
            pace.tick().await;
            let owed =
                if Instant::now() < until { (began.elapsed().as_secs_f64() * f64::from(PACE)) as u64 } else { sent };
            while sent < owed {
                let n = (1 << 40) + sent;
                let submission = recorder.submission(workload::command_id(n), "publish-offer", &workload::publish(n));
                waiting.push_back(
                    served.node.ledger.enqueue(submission).map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?,
                );
                sent += 1;
            }
            while let Some(answer) = waiting.front_mut().and_then(|answer| answer.try_recv().ok()) {
                waiting.pop_front();
                answered
                    .push_back((answer.map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?.sequence, Instant::now()));
            }
            let visible = least_position(served);
            while answered.front().is_some_and(|(sequence, _)| *sequence < visible) {
                seconds.extend(answered.pop_front().map(|(_, at): (Sequence, Instant)| at.elapsed().as_secs_f64()));
            }
        }
        anyhow::Ok(seconds)
    })?;
    let spent = spent.until_now();
    for (name, q) in [("p50", 0.5), ("p99", 0.99)] {
        let at = quantile(&mut seconds, q) * 1e3;
        bench.add(Figure::new(format!("recorded -> visible in all views, {name} at {PACE} events/s"), at, "ms"));
    }
    spent.add(bench, seconds.len() as f64, "event");
    Ok(())
}

/// How far the view is that is furthest behind.
pub(super) fn least_position(served: &Served) -> Sequence {
    let positions = ViewName::ALL.into_iter().map(|view| *served.node.views.position(view).borrow());
    positions.min().unwrap_or_default()
}

/// The p99 of commands from 16 clients while the board is rebuilt, beside the same without a rebuild.
pub(super) fn rebuild(bench: &mut Bench<'_>, served: &Served, recorder: &workload::Recorder) -> anyhow::Result<()> {
    let p99 = |from: u64| {
        let mut seen = commands::publish(served, recorder, from, 16, bench.how_long)?;
        anyhow::Ok(quantile(&mut seen.latencies, 0.99) * 1e3)
    };
    let usual = p99(2 << 40)?;
    let rebuild = served.node.views.rebuild(ViewName::Board)?;
    let beside = p99(3 << 40)?;
    rebuild.cancel();
    bench.add(Figure::new("p99 of a command during a rebuild (floor: without)", beside, "ms").beside(usual));
    served.runtime.block_on(rebuild.finished());
    Ok(())
}
