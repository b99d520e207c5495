//! One large ledger: filled once, then restarted, rebuilt and read. Memory is the process's own, as the kernel counts it.

use super::{Bench, Served, config, live, reading, report::Figure, runtime, views, workload};
use crate::node::Node;
use std::time::Instant;

/// Fills the ledger and hands it to every bench that needs a large one.
pub(super) fn large_ledger(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let folder = bench.folder.join("large");
    std::fs::create_dir(&folder)?;
    let events = bench.events;
    let served = Served::start(&folder)?;
    let recorder = served.runtime.block_on(workload::recorder(&served.node))?;
    let began = Instant::now();
    served.runtime.block_on(workload::fill(&served.node, &recorder, 0, events))?;
    bench.add(Figure::new(
        "filled from within, views following",
        events as f64 / began.elapsed().as_secs_f64(),
        "events/s",
    ));
    bench.add(Figure::new("  until every view had caught up", views::caught_up(&served)?.as_secs_f64(), "s"));
    bench.add(Figure::new(format!("memory at {events} events, {} open records", events / 5), resident_mib(), "MiB"));
    served.stop()?;
    restart(bench, &folder, &recorder)?;
    let served = Served::start(&folder)?;
    views::caught_up(&served)?;
    reading::reads(bench, &served)?;
    // What the kernel still has to write of the filling would be waited for by whoever writes next.
    rustix::fs::sync();
    live::visibility(bench, &served, &recorder)?;
    views::rebuild(bench, &served)?;
    live::rebuild(bench, &served, &recorder)?;
    served.stop()?;
    views::catch_up(bench, &folder)?;
    reading::tree(bench, &folder)?;
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// From nothing to the first command that is durable.
fn restart(bench: &mut Bench<'_>, folder: &std::path::Path, recorder: &workload::Recorder) -> anyhow::Result<()> {
    let runtime = runtime()?;
    let began = Instant::now();
    let node = runtime.block_on(Node::start(&config(folder), &crate::starting::Stage::default()))?;
    let data = workload::publish(u64::MAX);
    let answer = runtime.block_on(node.ledger.submit(recorder.submission(
        workload::command_id(u64::MAX),
        "publish-offer",
        &data,
    )));
    answer.map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
    bench.add(Figure::new(
        format!("restart at {} events, to the first durable command", bench.events),
        began.elapsed().as_secs_f64(),
        "s",
    ));
    runtime.block_on(node.stop())
}

/// The resident set of this process (Linux), in MiB.
fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}
