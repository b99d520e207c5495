//! What librdkafka complains of, told to operators in moderation: a broker that is away is complained of at every attempt to
//! reach it, by every client of a node. It decides nothing.

use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    consumer::ConsumerContext,
    error::{KafkaError, RDKafkaErrorCode},
};
use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// One complaint of a client in so long is told as a warning; the others are there for who asks for details.
const QUIET_FOR: Duration = Duration::from_secs(30);

/// The complaints of one client.
#[derive(Debug, Default)]
pub(crate) struct Complaints {
    told: Mutex<Option<Instant>>,
}

impl Complaints {
    fn tell(&self, complaint: &str) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_some_and(|told| told.elapsed() < QUIET_FOR) {
            tracing::debug!(complaint, "Kafka");
            return;
        }
        *told = Some(Instant::now());
        drop(told);
        tracing::warn!(complaint, "Kafka; more of the like for {} s is told at level debug only", QUIET_FOR.as_secs());
    }
}

impl ClientContext for Complaints {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                tracing::debug!(facility, message, "librdkafka");
            }
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning => self.tell(message),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // That a topic has come to its end is nothing wrong.
        if !matches!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::PartitionEOF)) {
            self.tell(&format!("{error}: {reason}"));
        }
    }
}

impl ConsumerContext for Complaints {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_complaint_in_a_while_is_told() {
        let complaints = Complaints::default();
        complaints.tell("a broker is away");
        let first = *complaints.told.lock().expect("no panic");
        complaints.tell("a broker is away");
        assert!(first.is_some() && *complaints.told.lock().expect("no panic") == first, "the second one is not");
    }
}
