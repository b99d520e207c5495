//! How far organisations vouch for their part in a record. What a party alone says is claimed; who may say what is decided by the ledger.

use super::head::Moment;
use convenio_events::{Event, OrganisationId, codes::Attestation};
use serde::{Deserialize, Serialize};

/// How far one organisation's part is vouched for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attested {
    /// Who.
    pub organisation: OrganisationId,
    /// Claimed, confirmed, or denied by itself.
    pub attestation: Attestation,
    /// Whether it says so itself: in an agreement and a convening, that is confirmed once another party says so too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub says_so: bool,
    /// The event that made it so.
    pub since: Moment,
}

impl Attested {
    fn become_now(&mut self, attestation: Attestation, event: &Event) {
        if self.attestation != attestation {
            (self.attestation, self.since) = (attestation, event.into());
        }
    }
}

/// Every organisation once, claimed.
pub(super) fn claimed(organisations: impl Iterator<Item = OrganisationId>, event: &Event) -> Vec<Attested> {
    let mut list: Vec<Attested> = Vec::new();
    for organisation in organisations {
        if list.iter().all(|one| one.organisation != organisation) {
            let attestation = Attestation::Claimed;
            list.push(Attested { organisation, attestation, says_so: false, since: event.into() });
        }
    }
    list
}

/// An organisation says so of what is its own alone, such as what it wrote; one that is not in the list stays out of it.
pub(super) fn attest_alone(list: &mut [Attested], organisation: OrganisationId, event: &Event) {
    for one in list.iter_mut().filter(|one| one.organisation == organisation) {
        one.says_so = true;
        one.become_now(Attestation::Confirmed, event);
    }
}

/// An organisation says so, or denies it, of what several do together: those who say so are confirmed once there are two of them.
pub(super) fn attest_together(list: &mut [Attested], organisation: OrganisationId, says: Attestation, event: &Event) {
    let mut denied = Vec::new();
    for one in list.iter_mut() {
        if one.organisation == organisation {
            one.says_so = says == Attestation::Confirmed;
            denied.push(says == Attestation::Denied);
        } else {
            denied.push(one.attestation == Attestation::Denied);
        }
    }
    let agreed = list.iter().filter(|one| one.says_so).count() > 1;
    for (one, denied) in list.iter_mut().zip(denied) {
        let attestation = match (denied, one.says_so && agreed) {
            (true, _) => Attestation::Denied,
            (false, true) => Attestation::Confirmed,
            (false, false) => Attestation::Claimed,
        };
        one.become_now(attestation, event);
    }
}
