//! What is done with agreements: drafted and revised, proposed, signed, put on hold, ended, registered from elsewhere.

mod attesting;
mod dates;
mod holding;
mod leaving;
mod registered;
mod signing;
mod terms;
mod working;

pub use attesting::{ConfirmAgreement, DenyAgreement};
pub use leaving::LeaveAgreement;
pub use registered::RegisterAgreement;
pub use signing::{RefuseAgreement, SignAgreement};
pub use terms::digest_of_terms;
pub use working::{
    CancelAgreement, CompleteAgreement, DraftAgreement, ProposeAgreement, ResumeAgreement, ReviseAgreement,
    SuspendAgreement, TerminateAgreement, WithdrawProposal,
};

pub(crate) use signing::follow_ups;
