//! Randomness as data: salts and the random half of event ids. Tests give a seed, the program the operating system's.

use convenio_events::{EventId, Timestamp, commitment::Salt};
use rand::{Rng, SeedableRng, rngs::StdRng};

/// Where salts and ids come from: a cryptographic generator, seeded once.
#[derive(Debug)]
pub struct Entropy(StdRng);

impl Entropy {
    /// Seeded by the operating system.
    pub fn from_system() -> Self {
        Self(rand::make_rng())
    }
    /// Seeded by a test, which prints the seed.
    pub fn from_seed(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }
    /// 32 fresh bytes.
    pub fn salt(&mut self) -> Salt {
        let mut bytes = [0; 32];
        self.0.fill_bytes(&mut bytes);
        Salt(bytes)
    }
    /// A fresh UUIDv7 for an event recorded at `time`.
    pub fn event_id(&mut self, time: Timestamp) -> EventId {
        let mut random = [0; 10];
        self.0.fill_bytes(&mut random);
        let millis = u64::try_from(time.micros() / 1_000).unwrap_or(0);
        EventId::new(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }
}
