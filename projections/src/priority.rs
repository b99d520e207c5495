//! Who waits when processors are short: what follows the log steps behind those who record. It starves nobody.

/// How much nicer a follower is than a thread that serves commands (nice(2), Linux: of the calling thread).
const NICENESS: i32 = 10;

/// Puts the calling thread behind those that serve commands. Where the system refuses it stays as it was.
pub fn behind_commands() {
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!(%error, "a follower keeps its priority");
    }
}
