//! The embedded log keeps every promise of the log contract, on a real disk. Its own faults are tested in `faults.rs`.

use convenio_journal::{Access, Journal};
use std::sync::Arc;

#[tokio::test]
async fn the_embedded_log_keeps_the_contract() {
    let data = tempfile::tempdir().expect("a folder for the test");
    let journal = Journal::open(data.path(), Access::ReadWrite).expect("an empty folder opens");
    convenio_events::conformance::run(Arc::new(journal)).await;
}
