//! Who waits when processors are short: what follows the log steps behind those who record, and strangers step behind members. It
//! starves nobody.

/// How much nicer a follower is than a thread that serves commands (nice(2), Linux: of the calling thread).
const NICENESS_OF_FOLLOWERS: i32 = 10;
/// The same of a thread that answers strangers: a follower is nicer still, for what it makes is what they read.
const NICENESS_TO_MEMBERS: i32 = 5;

/// Puts the calling thread behind those that serve commands. Where the system refuses it stays as it was.
pub fn behind_commands() {
    be_nicer(NICENESS_OF_FOLLOWERS);
}

/// Puts the calling thread behind those that answer members. Where the system refuses it stays as it was.
pub fn behind_members() {
    be_nicer(NICENESS_TO_MEMBERS);
}

fn be_nicer(by: i32) {
    if let Err(error) = rustix::process::nice(by) {
        tracing::debug!(%error, "a thread keeps its priority");
    }
}
