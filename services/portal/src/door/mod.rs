//! The door: sockets and what they may cost, whoever holds them. It knows nothing of what is asked.
//!
//! * `listen`: takes connections in, and sees that none stays longer than it may;
//! * `places`: who holds how many, and who gives way;
//! * `connection`: HTTP/1.1 on one of them;
//! * `socket`: its bytes, and how fast the other side takes them.

mod connection;
mod listen;
mod places;
mod socket;

pub use listen::{serve, serve_uncounted};
pub(crate) use places::Line;

use ipnet::IpNet;
use std::time::Duration;

/// The most connections at a time. Where no place is left, the one gives way that has waited longest for a request, of the
/// address that holds most; where all are busy, the newcomer is told `overloaded`.
pub const CONNECTIONS_LIMIT: usize = 4_096;
/// The most connections of one address, except of a trusted proxy; beyond it one of its own gives way, or the newcomer is told
/// `overloaded`.
pub const CONNECTIONS_EACH_LIMIT: usize = 256;
/// Open files that are kept for what is no connection: the log, the views, and other nodes.
pub const FILES_KEPT: usize = 400;
/// From the first byte of a request's head, the whole of it must have come in this time; else the connection is closed.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a connection waits for its next request; then it is closed. Longer than what proxies keep theirs open for, so that
/// none sends a request into one that is just being closed.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// Who takes fewer bytes than this of what waits to be sent, in [`WRITE_WINDOW`] of waiting, is cut off.
pub const WRITE_LEAST_BYTES: usize = 32 << 10;
/// See [`WRITE_LEAST_BYTES`].
pub const WRITE_WINDOW: Duration = Duration::from_secs(20);
/// The most bytes of an answer that wait in the system's own buffer, beyond what is under way.
const UNSENT_BYTES_LIMIT: u32 = 64 << 10;
/// The most bytes that HTTP buffers of a connection, in each direction: also the most of a request's head.
const BUFFER_BYTES_LIMIT: usize = 64 << 10;
/// How long a connection that ends is read on, so that an answer reaches whoever is still sending.
const LINGER_TIMEOUT: Duration = Duration::from_secs(2);
/// The most bytes that are read and dropped meanwhile.
const LINGER_BYTES_LIMIT: usize = 1 << 20;

/// What a door allows; [`Default`] is what the constants here say.
#[derive(Clone, Debug)]
pub struct DoorLimits {
    /// [`CONNECTIONS_LIMIT`], or fewer where the system allows few open files.
    pub connections: usize,
    /// [`CONNECTIONS_EACH_LIMIT`].
    pub connections_each: usize,
    /// [`HEAD_TIMEOUT`].
    pub head_timeout: Duration,
    /// [`IDLE_TIMEOUT`].
    pub idle_timeout: Duration,
    /// [`WRITE_WINDOW`].
    pub write_window: Duration,
    /// Whose connections are counted in sum only.
    pub trusted_proxies: Vec<IpNet>,
}

impl Default for DoorLimits {
    fn default() -> Self {
        Self {
            connections: CONNECTIONS_LIMIT,
            connections_each: CONNECTIONS_EACH_LIMIT,
            head_timeout: HEAD_TIMEOUT,
            idle_timeout: IDLE_TIMEOUT,
            write_window: WRITE_WINDOW,
            trusted_proxies: Vec::new(),
        }
    }
}

impl DoorLimits {
    /// As many connections as fit beside other files, of so many that the process may open.
    #[must_use]
    pub fn within_open_files(mut self, files: usize) -> Self {
        let fit = if files > 2 * FILES_KEPT { files - FILES_KEPT } else { files / 2 };
        self.connections = self.connections.min(fit);
        self
    }
}
