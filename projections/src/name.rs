//! The names of the views. What a view holds is said in its own module.

use convenio_events::ids::RecordKind;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A read model.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ViewName {
    /// Offers and demands, with search and facets.
    Board,
    /// Organisations, with search and facets.
    Organisations,
    /// Agreements, with every version.
    Agreements,
    /// The learning library.
    Learnings,
    /// Convenings.
    Convenings,
    /// What each organisation took part in: the partnership passport.
    History,
    /// The activity feed and the audit trail: a row for every event.
    Activity,
    /// Grants, tokens, and who may see which record.
    Access,
}

/// A text that names no view.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "no view of that name; there are board, organisations, agreements, learnings, convenings, history, activity, access"
)]
pub struct UnknownView;

impl ViewName {
    /// Every view, in the order in which status lists them.
    pub const ALL: [Self; 8] = [
        Self::Board,
        Self::Organisations,
        Self::Agreements,
        Self::Learnings,
        Self::Convenings,
        Self::History,
        Self::Activity,
        Self::Access,
    ];

    /// The word in file names, status and commands.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Board => "board",
            Self::Organisations => "organisations",
            Self::Agreements => "agreements",
            Self::Learnings => "learnings",
            Self::Convenings => "convenings",
            Self::History => "history",
            Self::Activity => "activity",
            Self::Access => "access",
        }
    }

    /// The collection view that holds the records of a kind; `None` for the ledger itself and for grants.
    pub const fn of_kind(kind: RecordKind) -> Option<Self> {
        match kind {
            RecordKind::Ledger | RecordKind::Access => None,
            RecordKind::Organisation => Some(Self::Organisations),
            RecordKind::Offer | RecordKind::Demand => Some(Self::Board),
            RecordKind::Agreement => Some(Self::Agreements),
            RecordKind::Learning => Some(Self::Learnings),
            RecordKind::Convening => Some(Self::Convenings),
        }
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for ViewName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for ViewName {
    type Err = UnknownView;
    fn from_str(text: &str) -> Result<Self, UnknownView> {
        Self::ALL.into_iter().find(|view| view.word() == text).ok_or(UnknownView)
    }
}
