//! The log on Kafka keeps every promise of the log contract, against a real broker that `infra/deploy/kafka` starts.

mod support;

use convenio_kafka::KafkaLog;
use std::sync::Arc;
use support::Broker;

#[tokio::test(flavor = "multi_thread")]
async fn the_log_on_kafka_keeps_the_contract() {
    let broker = Broker::shared();
    let data = tempfile::tempdir().expect("a folder for the test");
    let log = KafkaLog::open(broker.settings("one"), support::journal(data.path())).await.expect("an empty ledger");
    convenio_events::conformance::run(Arc::new(log)).await;
}
