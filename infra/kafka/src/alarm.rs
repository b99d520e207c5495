//! What somebody must look at while the log goes on, or waits to go on. Who is called, and how, is not decided here.

use crate::follower::Following;
use tokio::sync::watch;

/// What an alarm is about. A node raises each once, and takes it back when it is over.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum AlarmKind {
    /// A transaction of somebody else does not end: nothing behind it can be read.
    HangingTransaction,
    /// The same in the public topic: nobody who reads that sees what comes after it.
    HangingPublicTransaction,
    /// A topic is not as it must be, and may lose history: nothing is written to it.
    TopicSettings,
    /// A topic has more partitions than one, or fewer copies than the brokers could hold.
    TopicShape,
    /// This node may not read a topic.
    TopicUnreadable,
    /// This node's clock differs from another that must agree with it.
    ClockDiffers,
    /// Two nodes of one name stand for election.
    NodeNameTaken,
    /// Somebody who does not hold the cluster's secret wrote a control record.
    ForeignControl,
}

impl AlarmKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::HangingTransaction,
        Self::HangingPublicTransaction,
        Self::TopicSettings,
        Self::TopicShape,
        Self::TopicUnreadable,
        Self::ClockDiffers,
        Self::NodeNameTaken,
        Self::ForeignControl,
    ];

    /// Its name, which stays.
    pub const fn code(self) -> &'static str {
        match self {
            Self::HangingTransaction => "hanging-transaction",
            Self::HangingPublicTransaction => "hanging-public-transaction",
            Self::TopicSettings => "topic-settings",
            Self::TopicShape => "topic-shape",
            Self::TopicUnreadable => "topic-unreadable",
            Self::ClockDiffers => "clock-differs",
            Self::NodeNameTaken => "node-name-taken",
            Self::ForeignControl => "foreign-control",
        }
    }

    /// Whether the node must not write while it lasts: what it wrote would not be seen, would be lost, or would be wrong.
    pub const fn forbids_writing(self) -> bool {
        match self {
            Self::HangingTransaction | Self::TopicSettings | Self::TopicUnreadable | Self::ClockDiffers => true,
            Self::HangingPublicTransaction | Self::TopicShape | Self::NodeNameTaken | Self::ForeignControl => false,
        }
    }
}

/// Something that somebody must look at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alarm {
    /// What it is about.
    pub kind: AlarmKind,
    /// What is wrong and what to do, in words for an operator.
    pub detail: String,
}

/// Raises an alarm, or takes it back where there is no detail.
pub(crate) fn set(told: &watch::Sender<Following>, kind: AlarmKind, detail: Option<String>) {
    told.send_if_modified(|told| {
        let before = told.alarms.iter().position(|alarm| alarm.kind == kind);
        match (before, detail) {
            (Some(at), Some(detail)) if told.alarms[at].detail == detail => return false,
            (Some(at), Some(detail)) => told.alarms[at].detail = detail,
            (Some(at), None) => {
                let over = told.alarms.remove(at);
                tracing::info!(alarm = kind.code(), was = over.detail, "an alarm is over");
            }
            (None, Some(detail)) => {
                tracing::error!(alarm = kind.code(), detail, "the log needs somebody");
                told.alarms.push(Alarm { kind, detail });
            }
            (None, None) => return false,
        }
        true
    });
}
