//! The form of an organisation's history: what it took part in, with whom, claimed apart from confirmed.

use convenio_events::{OrganisationId, RecordKind, Sequence, codes::Attestation};
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use uuid::Uuid;

/// The most involvements, partners and affiliates that one passport lists; the counts go on.
pub const LIST_LIMIT: usize = 500;
/// The most bytes of titles and names that each of these lists takes; it then ends earlier.
pub const LIST_BYTES_LIMIT: usize = 1 << 20;

/// One organisation's history.
#[derive(Clone, Debug, Serialize)]
pub struct Passport {
    /// How many events had been folded when it was true.
    #[serde(skip)]
    pub position: Sequence,
    /// Whose.
    pub organisation: OrganisationId,
    /// Its name, as a language map.
    pub name: Option<Box<RawValue>>,
    /// How many records of each kind, by how far they are attested.
    pub counts: BTreeMap<&'static str, AttestedCount>,
    /// What it took part in, the latest first.
    pub timeline: Vec<Involvement>,
    /// With whom, the most frequent first.
    pub partners: Vec<Partner>,
    /// What it belongs to, and what belongs to it.
    pub affiliates: Vec<Affiliate>,
}

/// Claimed apart from confirmed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AttestedCount {
    /// What others say of the organisation, or what it alone says.
    pub claimed: u32,
    /// What the organisation published itself, or says and another party says too.
    pub confirmed: u32,
    /// What the organisation denies.
    pub denied: u32,
}

/// One record in which the organisation is named.
#[derive(Clone, Debug, Serialize)]
pub struct Involvement {
    /// Offer, demand, agreement, ...
    pub kind: RecordKind,
    /// Which one.
    pub id: Uuid,
    /// Its title, as a language map.
    pub title: Option<Box<RawValue>>,
    /// Its state.
    pub state: String,
    /// What the organisation does in it.
    pub roles: Vec<String>,
    /// How far that is vouched for.
    pub attestation: Attestation,
    /// When it began, as exactly as known.
    pub starts_on: Option<String>,
    /// When it ended or ends.
    pub ends_on: Option<String>,
    /// The event that changed it last.
    pub updated_sequence: Sequence,
    /// Whether it came from the sample.
    pub sample: bool,
}

/// Another organisation that is named in the same records.
#[derive(Clone, Debug, Serialize)]
pub struct Partner {
    /// Who.
    pub organisation: OrganisationId,
    /// Its name, as a language map.
    pub name: Option<Box<RawValue>>,
    /// Records both are named in: confirmed means that both confirmed.
    pub records: AttestedCount,
}

/// An organisation that belongs with this one.
#[derive(Clone, Debug, Serialize)]
pub struct Affiliate {
    /// The other one.
    pub organisation: OrganisationId,
    /// Its name, as a language map.
    pub name: Option<Box<RawValue>>,
    /// `part-of`, `member` or `sister`.
    pub kind: String,
    /// True where the other one said to belong to this one; false where this one belongs to the other.
    pub inward: bool,
    /// Claimed until both confirmed.
    pub attestation: Attestation,
}
