//! Every limit of the portal, by name, with what happens at it. The limits of texts and lists are with the types that
//! have them.

use ipnet::IpNet;
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
/// From so many bytes of its answers on that wait to be read, a batch reads no further line. Where the client takes none of them for
/// [`BATCH_ANSWERS_TIMEOUT`] either, it ends with a last line `answers-unread`.
pub const BATCH_ANSWERS_BYTES_LIMIT: usize = 32 << 20;
/// See [`BATCH_ANSWERS_BYTES_LIMIT`]. It is shorter than the time after which a connection is closed that takes no answer, so that the
/// line is there for a client that begins to read.
pub const BATCH_ANSWERS_TIMEOUT: Duration = Duration::from_secs(10);
/// The most lines of a batch; the first one beyond is refused with `batch-too-large` and ends it.
pub const BATCH_LINES_LIMIT: u64 = 250_000;
/// The most commands of one batch that wait for the sequencer; beyond it the next line waits.
pub const BATCH_IN_FLIGHT_LIMIT: usize = 1_000;
/// The most batches at a time; beyond it 503 `overloaded`.
pub const BATCHES_LIMIT: usize = 16;
/// The same of callers of whom a node cannot say whether they have a grant, together: while it reads the view of grants anew, or
/// has not read a new grant yet.
pub const BATCHES_OF_STRANGERS_LIMIT: usize = 4;
/// The same of one organisation or address.
pub const BATCHES_EACH_LIMIT: usize = 4;
/// From a batch must come so many bytes in each [`BATCH_PACE_WINDOW`] in which the node waits for it; else it ends with a last
/// line `body-too-slow`.
pub const BATCH_PACE_BYTES: usize = 16 << 10;
/// See [`BATCH_PACE_BYTES`]. Time in which the ledger is behind does not count.
pub const BATCH_PACE_WINDOW: Duration = Duration::from_secs(30);
/// How long a batch may take in all; then it ends with a last line `body-too-slow`.
pub const BATCH_DEADLINE: Duration = Duration::from_secs(1_800);
/// How long the body of one command may take; then 408 `body-too-slow`.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// A client that takes no answer of its batch for so long has its connection closed; what was accepted stays accepted.
pub const BATCH_WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// A batch from which no byte comes for so long ends.
pub const BATCH_READ_TIMEOUT: Duration = Duration::from_secs(60);
/// The most events of one page.
pub const EVENT_PAGE_LIMIT: usize = 1_000;
/// From so many bytes on a page of events ends, and says where to go on.
pub const EVENT_PAGE_BYTES: usize = 4 << 20;
/// The most bytes of a record's events that are folded for a read of the past; beyond it 422 `history-too-long`.
pub const FOLD_BYTES_LIMIT: usize = 64 << 20;
/// The events of a page when nothing is said.
pub const EVENT_PAGE_DEFAULT: usize = 100;
/// The most events that one filtered page looks at; the page then says where to go on.
pub const EVENT_SCAN_LIMIT: usize = 10_000;
/// The most event streams at a time; beyond it 503 `overloaded`.
pub const STREAMS_LIMIT: usize = 1_000;
/// How long an event stream lives; the client then comes again with its last id.
pub const STREAM_LIFETIME: Duration = Duration::from_secs(3_600);
/// The same of those whose callers have no grant, together: the rest is kept for those who have one.
pub const STREAMS_OF_STRANGERS_LIMIT: usize = 800;
/// The same of one organisation or address.
pub const STREAMS_EACH_LIMIT: usize = 100;
/// After how long a caller whose stream was refused for now shall come again.
pub const STREAM_RETRY: Duration = Duration::from_secs(5);
/// From so many bytes on an event stream sends what it has before it reads on; a slow reader holds at most so many, and one event
/// more.
pub const STREAM_CHUNK_BYTES: usize = 32 << 10;
/// The most event streams that read at a time; the others take their turn.
pub const STREAM_READS_LIMIT: usize = 2;
/// For each open stream, all wait so long for more events before they read those that came: many streams do not wake for each.
pub const STREAM_GATHER: Duration = Duration::from_micros(100);
/// How often an event stream says how far it has looked.
pub const STREAM_POSITION_INTERVAL: Duration = Duration::from_secs(15);
/// Events that an event stream reads at a time.
pub const STREAM_PAGE_EVENTS: usize = 64;
/// How long a read waits for the sequence that it was asked to wait for; then 504 `not-yet-visible`.
pub const WAIT_FOR_LIMIT: Duration = Duration::from_secs(5);
/// How long a request may take until its answer begins; then 503 `too-slow`. Batches, streams and exports begin at
/// once.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the answer to a stranger is held back that says 401 or 429.
pub const REFUSAL_PAUSE: Duration = Duration::from_millis(200);
/// The most questions of members that the views are asked at a time; beyond it they wait.
pub const QUESTIONS_OF_MEMBERS_LIMIT: usize = 24;
/// How long a question waits for its turn; then 503 `overloaded`. Strangers' questions are as many at a time as there are
/// processors.
pub const QUESTION_WAIT: Duration = Duration::from_secs(5);
/// An answer of so many bytes costs no more than its connection does, and is not counted.
pub const ANSWER_BYTES_FREE: usize = 64 << 10;
/// Larger ones are sent in pieces of so many bytes.
pub const ANSWER_PIECE_BYTES: usize = 32 << 10;
/// The most bytes of answers that are held in memory until they are taken; beyond it 503 `overloaded`.
pub const ANSWERS_BYTES_LIMIT: usize = 128 << 20;
/// The same of callers without a grant, together: the rest is kept for those who have one.
pub const ANSWERS_BYTES_OF_STRANGERS_LIMIT: usize = 64 << 20;
/// The same of one organisation or address, which may have one larger answer and then no other.
pub const ANSWERS_BYTES_EACH_LIMIT: usize = 24 << 20;
/// Where there is no room, the stranger is cut off that has held its answer longest, and longer than this.
pub const ANSWER_GRACE: Duration = Duration::from_secs(10);
/// The most exports at a time; beyond it 503 `overloaded`.
pub const EXPORTS_LIMIT: usize = 16;
/// The same of callers without a grant, together.
pub const EXPORTS_OF_STRANGERS_LIMIT: usize = 8;
/// The same of one organisation or address.
pub const EXPORTS_EACH_LIMIT: usize = 2;
/// The most characters of a query string; beyond it 400 `query-too-long`.
pub const QUERY_CHARACTERS_LIMIT: usize = 8_192;
/// The most callers whose rate is remembered; beyond it those that have used nothing of their allowance are forgotten.
pub const RATE_CALLERS_LIMIT: usize = 100_000;

/// A node that has not seen the end of its log for so long answers whoever has a token with 503 `not-ready`: a grant may have
/// been revoked since. What is public is shown all the same.
pub const LOG_UNCONFIRMED_LIMIT: Duration = Duration::from_secs(60);

/// Tokens of grants that a node remembers, to tell callers apart; beyond it all are forgotten and looked up again.
pub const TOKENS_KEPT: usize = 20_000;
/// The most tokens that are looked up at a time; who brings a new one waits, or counts to its address where that has asked too
/// much.
pub const TOKEN_LOOKUPS_LIMIT: usize = 4;

/// What an operator may set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// How often one token or address may ask; no limit without.
    pub rate: Option<RateLimit>,
    /// Where proxies are that name their clients in `Forwarded` or `X-Forwarded-For`.
    pub trusted_proxies: Vec<IpNet>,
    /// The most connections, where the system allows fewer than usual: streams take half of them at most, so that whoever holds
    /// streams open keeps nobody out.
    pub connections: Option<usize>,
}

/// A token bucket for each token that a grant has, and for each address of all others. A batch counts as one request.
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
