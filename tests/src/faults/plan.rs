//! Which faults a run has, and in which order. The same seed gives the same order.

use rand::{rngs::StdRng, seq::SliceRandom as _};
use std::str::FromStr;

/// Something that breaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// kill -9 of the writer.
    KillWriter,
    /// The writer is stopped until its successor works, and then wakes up.
    StopWriter,
    /// The writer is told to end.
    HandOver,
    /// The network between the writer and all brokers holds everything back, until its successor works.
    NetworkCut,
    /// kill -9 of the broker that leads the log's partition.
    KillLeader,
    /// All brokers are restarted, one after the other.
    RollingRestart,
    /// kill -9 of all brokers, which stay down for a while.
    BrokersDown,
    /// The disk of the broker that leads the log's partition is full.
    FullDisk,
    /// kill -9 of all nodes at once.
    KillAll,
    /// kill -9 of a node that follows.
    KillFollower,
    /// A node that follows is stopped for a while, and wakes up.
    StopFollower,
    /// A stranger begins a transaction in the log and does not end it for a while.
    HangTransaction,
    /// A stranger says in the log that he writes, and that the ledger was moved out.
    ForgeControl,
    /// Somebody lets the log forget, and takes it back when the nodes say so.
    ChangeSettings,
    /// The clock of a node that follows is wrong, and the writer is killed.
    WrongClock,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::KillWriter,
        Self::StopWriter,
        Self::HandOver,
        Self::NetworkCut,
        Self::KillLeader,
        Self::RollingRestart,
        Self::BrokersDown,
        Self::FullDisk,
        Self::KillAll,
        Self::KillFollower,
        Self::StopFollower,
        Self::HangTransaction,
        Self::ForgeControl,
        Self::ChangeSettings,
        Self::WrongClock,
    ];

    /// Its name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::KillWriter => "kill-writer",
            Self::StopWriter => "stop-writer",
            Self::HandOver => "hand-over",
            Self::NetworkCut => "network-cut",
            Self::KillLeader => "kill-leader",
            Self::RollingRestart => "rolling-restart",
            Self::BrokersDown => "brokers-down",
            Self::FullDisk => "full-disk",
            Self::KillAll => "kill-all",
            Self::KillFollower => "kill-follower",
            Self::StopFollower => "stop-follower",
            Self::HangTransaction => "hang-transaction",
            Self::ForgeControl => "forge-control",
            Self::ChangeSettings => "change-settings",
            Self::WrongClock => "wrong-clock",
        }
    }
}

impl FromStr for Fault {
    type Err = String;
    fn from_str(word: &str) -> Result<Self, String> {
        let known = Self::ALL.map(Self::word).join(", ");
        Self::ALL.into_iter().find(|fault| fault.word() == word).ok_or_else(|| format!("not one of: {known}"))
    }
}

/// Faults in the order in which they happen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan(pub Vec<Fault>);

impl Plan {
    /// Each fault so often, in an order that is drawn.
    pub fn draw(counts: &[(Fault, usize)], random: &mut StdRng) -> Self {
        let mut faults: Vec<_> = counts.iter().flat_map(|(fault, count)| std::iter::repeat_n(*fault, *count)).collect();
        faults.shuffle(random);
        Self(faults)
    }
}
