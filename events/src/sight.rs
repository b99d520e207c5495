//! Who may see a record: the one rule, for whoever decides on commands, shows records, or streams events. How a caller proved who it is,
//! is not known here.

mod named;
mod openness;

pub use named::{Left, Named};
pub use openness::Openness;

use crate::{codes::Visibility, ids::OrganisationId};
use serde::{Deserialize, Serialize};

/// Those who may see a record today: its visibility, and beside the parties those who review it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Circle {
    /// Everybody.
    Public,
    /// Any grant holder.
    Members,
    /// The organisations named in it.
    Parties,
    /// The organisations named in it, and whoever reviews: a learning on its way to publication waits for a stranger.
    Review,
}

impl From<Visibility> for Circle {
    fn from(visibility: Visibility) -> Self {
        match visibility {
            Visibility::Public => Self::Public,
            Visibility::Members => Self::Members,
            Visibility::Parties => Self::Parties,
        }
    }
}

impl From<Circle> for Visibility {
    /// What a record shows of itself: that reviewers see it, too, is no visibility that anybody chose.
    fn from(circle: Circle) -> Self {
        match circle {
            Circle::Public => Self::Public,
            Circle::Members => Self::Members,
            Circle::Parties | Circle::Review => Self::Parties,
        }
    }
}

/// A reader as visibility sees it; the default is an anonymous one, who sees what is public.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct ReaderIdentity {
    /// The organisations that it reads for.
    pub organisations: Vec<OrganisationId>,
    /// Whether it holds any grant at all.
    pub member: bool,
    /// Whether it is an admin of the ledger, or an auditor of all of it.
    pub admin_or_auditor: bool,
    /// Whether it reviews learnings.
    pub reviewer: bool,
}

impl ReaderIdentity {
    /// Whether it may see a record that is for `circle` and in which `named` organisations appear.
    ///
    /// A circle that is not known lets nobody but admins and auditors see the record.
    pub fn may_see(&self, circle: Option<Circle>, named: &[OrganisationId]) -> bool {
        self.admin_or_auditor
            || match circle {
                Some(Circle::Public) => true,
                Some(Circle::Members) => self.member,
                Some(Circle::Parties) => self.is_one_of(named),
                Some(Circle::Review) => self.reviewer || self.is_one_of(named),
                None => false,
            }
    }

    /// Whether it reads for one of these organisations.
    pub fn is_one_of(&self, named: &[OrganisationId]) -> bool {
        self.organisations.iter().any(|own| named.contains(own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Id;
    use uuid::Uuid;

    #[test]
    fn each_reader_sees_what_its_standing_allows() {
        let (ours, theirs) = (Id::new(Uuid::from_u128(1)), Id::new(Uuid::from_u128(2)));
        let anonymous = ReaderIdentity::default();
        let member = ReaderIdentity { organisations: vec![theirs], member: true, ..Default::default() };
        let party = ReaderIdentity { organisations: vec![ours], member: true, ..Default::default() };
        let reviewer = ReaderIdentity { reviewer: true, ..member.clone() };
        let admin = ReaderIdentity { admin_or_auditor: true, ..Default::default() };
        let table = [
            (Some(Circle::Public), [true, true, true, true, true]),
            (Some(Circle::Members), [false, true, true, true, true]),
            (Some(Circle::Review), [false, false, true, true, true]),
            (Some(Circle::Parties), [false, false, false, true, true]),
            (None, [false, false, false, false, true]),
        ];
        for (circle, expected) in table {
            let seen = [&anonymous, &member, &reviewer, &party, &admin].map(|reader| reader.may_see(circle, &[ours]));
            assert_eq!(seen, expected, "{circle:?}");
        }
    }
}
