//! What is done with organisations: registered and described, affiliated, vouched for, suspended.

mod affiliations;
mod profile;
mod standing;

pub use affiliations::{
    AffiliateOrganisation, ConfirmAffiliation, EndAffiliation, OPEN_CLAIMS_LIMIT, OWN_CLAIMS_LIMIT,
};
pub use profile::{
    AddIdentifier, AddSite, CloseSite, RegisterOrganisation, ReviseOrganisation, SITES_LIMIT, WithdrawIdentifier,
};
pub use standing::{ReinstateOrganisation, RevokeVerification, SuspendOrganisation, VerifyOrganisation};
