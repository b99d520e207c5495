//! However the log was paged, interrupted or rebuilt, a view holds the same rows.

mod support;

use convenio_projections::{RebuildProgress, ViewName};
use support::{Ledger, dump_all, settle, start, story::Story};

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuilt_view_equals_the_incremental_one_row_for_row() {
    let mut ledger = Ledger::open(1).await;
    let mut story = Story::new(42);
    // More than a rebuild takes as they come: the rest goes in bulk.
    story.tell(&mut ledger, 5_000);
    ledger.commit().await;
    let (live, fresh) = (tempfile::tempdir().expect("folder"), tempfile::tempdir().expect("folder"));
    let views = start(live.path(), &ledger.log, 37).await;
    settle(&views, ledger.head()).await;
    let incremental = dump_all(&views);
    for view in ViewName::ALL {
        let end = views.rebuild(view).expect("nothing is under way").finished().await;
        assert!(matches!(end, RebuildProgress::Done { .. }), "{view}: {end:?}");
    }
    assert_eq!(dump_all(&views), incremental, "rebuilt in bulk");
    story.tell(&mut ledger, 5_300);
    ledger.commit().await;
    settle(&views, ledger.head()).await;
    let incremental = dump_all(&views);
    views.shutdown().await;
    let views = start(fresh.path(), &ledger.log, 10_000).await;
    settle(&views, ledger.head()).await;
    assert_eq!(dump_all(&views), incremental, "folded in one page");
    views.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_anywhere_neither_loses_nor_doubles_an_event() {
    let mut ledger = Ledger::open(1).await;
    let mut story = Story::new(7);
    let (often, once) = (tempfile::tempdir().expect("folder"), tempfile::tempdir().expect("folder"));
    for round in 0..12 {
        story.tell(&mut ledger, 100 * (round + 1));
        ledger.commit().await;
        let views = start(often.path(), &ledger.log, 11).await;
        // Some rounds stop in the middle of catching up, some after a while, one after all.
        if round % 3 == 1 {
            let some = convenio_events::Sequence(100 * round + 30);
            let _ = views.wait_for(&[ViewName::Board], some, std::time::Duration::from_secs(10)).await;
        } else if round == 11 {
            settle(&views, ledger.head()).await;
        }
        if round % 2 == 0 {
            views.shutdown().await;
        }
        if round == 11 {
            let interrupted = dump_all(&views);
            let whole = start(once.path(), &ledger.log, 5_000).await;
            settle(&whole, ledger.head()).await;
            assert_eq!(dump_all(&whole), interrupted);
        }
        views.shutdown().await;
    }
}
