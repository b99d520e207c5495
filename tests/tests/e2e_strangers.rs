//! Strangers and slow peers at a real node with few open files, from one address and from many, while a member works: nobody keeps
//! it from working, no connection stays longer than it may, and the memory comes back. The long form, which measures, is
//! `cargo run --release -p convenio-tests --bin strangers`.

use convenio_tests::{
    Ledger, User, folder,
    server::Start,
    strangers::{Kind, Member, Stranger, Strangers, addresses, memory_back, memory_mib, record_large_learnings},
};
use std::{net::SocketAddr, time::Duration};

/// How long what must end may take on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(90);
/// How much memory strangers may cost in all, in MiB: answers, streams, connections, and what views keep warm.
const COST_LIMIT_MIB: u64 = 256;
/// How much of it may be left when they are gone.
const LEFT_LIMIT_MIB: u64 = 128;

#[tokio::test(flavor = "multi_thread")]
async fn strangers_keep_no_member_from_working_and_leave_no_memory_behind() {
    let folder = folder();
    // A shell's usual limit, also as the most that may be asked for.
    let few_files = ["sh", "-c", "ulimit -n 1024; exec \"$@\"", "sh"];
    let ledger = Ledger::new(Start::on(&folder.path().join("data")).through(&few_files).run().expect("it starts"));
    let member = ledger.organisation("Instituto", "PE").await;
    record_large_learnings(&member, 20).await;
    let node: SocketAddr = ledger.server.url.trim_start_matches("http://").parse().expect("an address");
    let anybody = User::anonymous(&ledger.server);
    let before = memory_mib(&anybody).await;

    let one = addresses(1)[0];
    let each = |kind, connections| Stranger { kind, from: one, connections };
    let mut all = vec![
        each(Kind::HalfHead, 20),
        each(Kind::SlowBody, 20),
        each(Kind::SlowReader, 30),
        each(Kind::Stream, 120),
        each(Kind::MadeUpTokens, 2),
    ];
    for from in addresses(9).into_iter().skip(1) {
        let each = |kind, connections| Stranger { kind, from, connections };
        all.extend([each(Kind::Idle, 30), each(Kind::HalfHead, 5), each(Kind::SlowBody, 5)]);
        all.extend([each(Kind::SlowReader, 5), each(Kind::Stream, 20)]);
    }
    let of =
        |kind| all.iter().filter(|stranger| stranger.kind == kind).map(|stranger| stranger.connections).sum::<usize>();
    // Idle ones may stay for more than a minute, where nobody needs their places; so may those who were told to come again.
    let must_end = [(Kind::HalfHead, of(Kind::HalfHead)), (Kind::SlowBody, of(Kind::SlowBody)), (Kind::SlowReader, 3)];
    let (fresh_of, server) = (member.clone(), ledger.server.url.clone());
    let work = Member::works(&member, move || fresh_of.anew(&server));
    let strangers = Strangers::at(node, &all);
    let mut most = before;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while must_end.iter().any(|(kind, count)| strangers.ended(*kind) < *count) {
        most = most.max(memory_mib(&anybody).await);
        let ended = must_end.map(|(kind, count)| (kind, strangers.ended(kind), count));
        assert!(tokio::time::Instant::now() < deadline, "of these, so many were ended: {ended:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let work = work.stop().await;
    assert!(work.failed.is_empty(), "{} requests went well, and these did not: {:?}", work.took.len(), work.failed);
    assert!(work.took.len() > 20, "the member could work: {}", work.took.len());
    assert!(most <= before + COST_LIMIT_MIB, "{before} MiB before, {most} MiB with strangers");
    strangers.stop().await;
    let after = memory_back(&anybody, before + LEFT_LIMIT_MIB, PATIENCE).await;
    assert!(after <= before + LEFT_LIMIT_MIB, "{before} MiB before, {after} MiB after {most}");
    assert!(ledger.server.stop().success());
}
