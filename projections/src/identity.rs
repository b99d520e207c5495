//! Who is reading, and what that lets them see today. How a caller proved who it is, is not known here.

use convenio_events::{OrganisationId, codes::Visibility};

/// A reader as visibility sees it; the default is an anonymous one, who sees what is public.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct ReaderIdentity {
    /// The organisations that it reads for.
    pub organisations: Vec<OrganisationId>,
    /// Whether it holds any grant at all.
    pub member: bool,
    /// Whether it is an admin of the ledger, or an auditor of all of it.
    pub admin_or_auditor: bool,
}

impl ReaderIdentity {
    /// Whether it may see a record of `visibility` in which `named` organisations appear.
    ///
    /// A visibility that is not known lets nobody but admins and auditors see the record.
    pub fn may_see(&self, visibility: Option<Visibility>, named: &[OrganisationId]) -> bool {
        self.admin_or_auditor
            || match visibility {
                Some(Visibility::Public) => true,
                Some(Visibility::Members) => self.member,
                Some(Visibility::Parties) => self.is_one_of(named),
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
    use convenio_events::Id;
    use uuid::Uuid;

    #[test]
    fn each_reader_sees_what_its_standing_allows() {
        let (ours, theirs) = (Id::new(Uuid::from_u128(1)), Id::new(Uuid::from_u128(2)));
        let anonymous = ReaderIdentity::default();
        let member = ReaderIdentity { organisations: vec![theirs], member: true, ..Default::default() };
        let party = ReaderIdentity { organisations: vec![ours], member: true, ..Default::default() };
        let admin = ReaderIdentity { admin_or_auditor: true, ..Default::default() };
        let table = [
            (Some(Visibility::Public), [true, true, true, true]),
            (Some(Visibility::Members), [false, true, true, true]),
            (Some(Visibility::Parties), [false, false, true, true]),
            (None, [false, false, false, true]),
        ];
        for (visibility, expected) in table {
            let seen = [&anonymous, &member, &party, &admin].map(|reader| reader.may_see(visibility, &[ours]));
            assert_eq!(seen, expected, "{visibility:?}");
        }
    }
}
