//! Every limit of the portal, by name, with what happens at it. The limits of texts and lists are with the types that
//! have them.

use std::time::Duration;

/// The most bytes of one command's body; beyond it 413 `body-too-large`.
pub const BODY_BYTES_LIMIT: usize = 1 << 20;
/// How long one command waits for its outcome; then 503 `outcome-unknown`: the same id may be sent again.
pub const COMMAND_TIMEOUT: Duration = Duration::from_secs(25);
/// A body that is too large is read and dropped up to so many bytes, so that its sender gets the answer; beyond it the
/// connection is closed.
pub const BODY_BYTES_DROPPED: usize = 32 << 20;
/// The most bytes of a batch; beyond it the batch ends with a last line `batch-too-large`.
pub const BATCH_BYTES_LIMIT: usize = 64 << 20;
/// The most bytes of one line of a batch; a longer one is refused with `line-too-long`, and the batch goes on.
pub const BATCH_LINE_BYTES_LIMIT: usize = 1 << 20;
/// The most lines of a batch; the first one beyond is refused with `batch-too-large` and ends it. It bounds the
/// answers that
/// wait for a client that does not read them.
pub const BATCH_LINES_LIMIT: u64 = 250_000;
/// The most commands of one batch that wait for the sequencer; beyond it the next line waits.
pub const BATCH_IN_FLIGHT_LIMIT: usize = 1_000;
/// The most batches at a time; beyond it 503 `overloaded`.
pub const BATCHES_LIMIT: usize = 16;
/// A client that takes no answer of its batch for so long has its connection closed; what was accepted stays accepted.
pub const BATCH_WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// A batch from which no byte comes for so long ends.
pub const BATCH_READ_TIMEOUT: Duration = Duration::from_secs(60);
/// The most events of one page.
pub const EVENT_PAGE_LIMIT: usize = 1_000;
/// The events of a page when nothing is said.
pub const EVENT_PAGE_DEFAULT: usize = 100;
/// The most events that one filtered page looks at; the page then says where to go on.
pub const EVENT_SCAN_LIMIT: usize = 10_000;
/// The most event streams at a time; beyond it 503 `overloaded`.
pub const STREAMS_LIMIT: usize = 1_000;
/// How long an event stream lives; the client then comes again with its last id.
pub const STREAM_LIFETIME: Duration = Duration::from_secs(3_600);
/// How often an event stream says how far it has looked.
pub const STREAM_POSITION_INTERVAL: Duration = Duration::from_secs(15);
/// Events that an event stream reads at a time; a slow reader holds at most so many.
pub const STREAM_PAGE_EVENTS: usize = 256;
/// How long a read waits for the sequence that it was asked to wait for; then 504 `not-yet-visible`.
pub const WAIT_FOR_LIMIT: Duration = Duration::from_secs(5);
/// How long a request may take until its answer begins; then 503 `too-slow`. Batches, streams and exports begin at
/// once.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// The most characters of a query string; beyond it 400 `query-too-long`.
pub const QUERY_CHARACTERS_LIMIT: usize = 8_192;
/// The most callers whose rate is remembered; beyond it those that have used nothing of their allowance are forgotten.
pub const RATE_CALLERS_LIMIT: usize = 100_000;

/// A node that has not seen the end of its log for so long answers whoever has a token with 503 `not-ready`: a grant may have
/// been revoked since. What is public is shown all the same.
pub const LOG_UNCONFIRMED_LIMIT: Duration = Duration::from_secs(60);

/// What an operator may set.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// How often one token or address may ask; no limit without.
    pub rate: Option<RateLimit>,
}

/// A token bucket for each token, or for each address where there is no token. A batch counts as one request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateLimit {
    /// Requests per second in the long run.
    pub per_second: f64,
    /// Requests at once.
    pub burst: f64,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self { per_second: 200.0, burst: 2_000.0 }
    }
}
/// Events of one record that are looked at in one go while a page of those that the reader may read is filled.
pub(crate) const HISTORY_SCAN_EVENTS: usize = 500;
