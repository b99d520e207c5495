//! Every command by name: its data, who may send it, and the decision it leads to. Parsing is here; rules are with their records.

pub mod access;
pub mod agreement;
pub mod convening;
pub mod learning;
pub mod ledger;
pub mod listing;
pub mod organisation;
pub mod record;

pub(crate) use access::revocation;

use crate::{
    context::{Context, Decision},
    parser_words::{not_json, plain, without_place},
    rejection::{Reason, Rejection},
    unknown,
};
use access::{GrantAccess, RevokeAccess};
use agreement::{
    CancelAgreement, CompleteAgreement, ConfirmAgreement, DenyAgreement, DraftAgreement, LeaveAgreement,
    ProposeAgreement, RefuseAgreement, RegisterAgreement, ResumeAgreement, ReviseAgreement, SignAgreement,
    SuspendAgreement, TerminateAgreement, WithdrawProposal,
};
use convening::{
    CancelConvening, ConfirmParticipation, Convene, HoldConvening, PostponeConvening, RecordSession, RecordVisit, Told,
};
use convenio_events::{RecordKind, Subject, codes::AccessRole, objects::Objects};
use learning::{
    AcceptAuthorship, PublishLearning, RegisterLearning, RetractLearning, ReviseLearning, ScreenLearning,
    SubmitLearning,
};
use ledger::{ChangeSettings, ConfirmClock};
use listing::{Fulfil, Pause, Publish, Resume, Revise, Withdraw};
use organisation::{
    AddIdentifier, AddSite, AffiliateOrganisation, CloseSite, ConfirmAffiliation, EndAffiliation, RegisterOrganisation,
    ReinstateOrganisation, ReviseOrganisation, RevokeVerification, SuspendOrganisation, VerifyOrganisation,
    WithdrawIdentifier,
};
use record::SetVisibility;
use schemars::{Schema, SchemaGenerator};
use serde::de::DeserializeOwned;

/// Who may send a command, by the role of the grant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Right {
    /// An admin of the ledger, or its operator.
    Administer,
    /// An admin, or an organisation's admin within its own organisation.
    AdministerOrganisation,
    /// Whoever records for an organisation.
    Record,
    /// A signatory, or whoever else may sign.
    Sign,
    /// A reviewer.
    Review,
}

impl Right {
    /// Whether a role has it.
    pub const fn belongs_to(self, role: AccessRole) -> bool {
        use AccessRole::{Admin, Auditor, Facilitator, Integrator, OrganisationAdmin, Recorder, Reviewer, Signatory};
        match (self, role) {
            (Self::Administer, Admin) | (Self::Review, Admin | Reviewer) => true,
            (Self::AdministerOrganisation, Admin | OrganisationAdmin) => true,
            (Self::Record | Self::Sign, Admin | OrganisationAdmin | Recorder | Signatory) => true,
            (Self::Record, Facilitator) => true,
            (
                Self::Administer,
                OrganisationAdmin | Recorder | Signatory | Facilitator | Reviewer | Auditor | Integrator,
            )
            | (Self::AdministerOrganisation, Recorder | Signatory | Facilitator | Reviewer | Auditor | Integrator)
            | (Self::Record, Reviewer | Auditor | Integrator)
            | (Self::Sign, Facilitator | Reviewer | Auditor | Integrator)
            | (Self::Review, OrganisationAdmin | Recorder | Signatory | Facilitator | Auditor | Integrator) => false,
        }
    }
}

macro_rules! commands {
    ($($name:literal $variant:ident($data:ty) $right:ident $kind:ident $($flag:ident)* => $method:ident($($argument:expr)?);)*) => {
        /// A command, parsed.
        #[derive(Clone, PartialEq, Debug)]
        pub enum Command { $(#[doc = concat!("`", $name, "`")] $variant(Box<$data>),)* }

        impl Command {
            /// Every command's name.
            pub const NAMES: &'static [&'static str] = &[$($name),*];

            /// Reads the data of a command.
            ///
            /// # Errors
            /// `unknown-command`, `malformed-json`, `unknown-field`, or the code of the rule that a field breaks.
            pub fn parse(name: &str, data: &[u8]) -> Result<Self, Rejection> {
                match name {
                    $($name => parse::<$data>($name, data).map(|data| Self::$variant(Box::new(data))),)*
                    _ => Err(unknown::command(name)),
                }
            }
            /// The command's name.
            pub const fn name(&self) -> &'static str { match self { $(Self::$variant(_) => $name,)* } }
            /// Who may send it.
            pub const fn right(&self) -> Right { match self { $(Self::$variant(_) => Right::$right,)* } }
            /// The kind of record that it is about.
            pub const fn kind(&self) -> RecordKind { match self { $(Self::$variant(_) => RecordKind::$kind,)* } }
            fn has(&self, flag: Flag) -> bool { match self { $(Self::$variant(_) => [$(Flag::$flag),*].contains(&flag),)* } }
            pub(crate) fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
                match self { $(Self::$variant(data) => data.$method($($argument,)? context),)* }
            }
            /// Name, JSON Schema of the data, right and kind of every command.
            pub fn schemas(generator: &mut SchemaGenerator) -> Vec<(&'static str, Schema, Right, RecordKind)> {
                vec![$(($name, generator.subschema_for::<$data>(), Right::$right, RecordKind::$kind),)*]
            }
        }
    };
}

/// What holds for some commands only.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flag {
    /// It confirms or accepts what was shown, and must carry the version that was.
    Confirms,
    /// A suspended organisation may send it: its partners are never blocked.
    WhileSuspended,
    /// The operator may send it without acting for an organisation.
    Operator,
    /// The id in its data is of something new.
    Creates,
}

commands! {
    "change-settings" ChangeSettings(ChangeSettings) Administer Ledger Operator => decide();
    "confirm-clock" ConfirmClock(ConfirmClock) Administer Ledger Operator => decide();
    "grant-access" GrantAccess(GrantAccess) AdministerOrganisation Access Operator Creates => decide();
    "revoke-access" RevokeAccess(RevokeAccess) AdministerOrganisation Access Operator => decide();
    "register-organisation" RegisterOrganisation(RegisterOrganisation) Record Organisation Operator Creates => decide();
    "revise-organisation" ReviseOrganisation(ReviseOrganisation) Record Organisation Operator => decide();
    "add-identifier" AddIdentifier(AddIdentifier) Record Organisation Operator => decide();
    "withdraw-identifier" WithdrawIdentifier(WithdrawIdentifier) Record Organisation Operator => decide();
    "add-site" AddSite(AddSite) Record Organisation Operator => decide();
    "close-site" CloseSite(CloseSite) Record Organisation Operator => decide();
    "affiliate-organisation" AffiliateOrganisation(AffiliateOrganisation) Record Organisation Operator => decide();
    "confirm-affiliation" ConfirmAffiliation(ConfirmAffiliation) Record Organisation Confirms => decide();
    "end-affiliation" EndAffiliation(EndAffiliation) Record Organisation Operator => decide();
    "verify-organisation" VerifyOrganisation(VerifyOrganisation) Administer Organisation Operator => decide();
    "revoke-verification" RevokeVerification(RevokeVerification) Administer Organisation Operator => decide();
    "suspend-organisation" SuspendOrganisation(SuspendOrganisation) Administer Organisation Operator => decide();
    "reinstate-organisation" ReinstateOrganisation(ReinstateOrganisation) Administer Organisation Operator => decide();
    "publish-offer" PublishOffer(Publish) Record Offer Creates => decide(RecordKind::Offer);
    "revise-offer" ReviseOffer(Revise) Record Offer => decide(RecordKind::Offer);
    "pause-offer" PauseOffer(Pause) Record Offer => decide(RecordKind::Offer);
    "resume-offer" ResumeOffer(Resume) Record Offer => decide(RecordKind::Offer);
    "withdraw-offer" WithdrawOffer(Withdraw) Record Offer => decide(RecordKind::Offer);
    "fulfil-offer" FulfilOffer(Fulfil) Record Offer => decide(RecordKind::Offer);
    "publish-demand" PublishDemand(Publish) Record Demand Creates => decide(RecordKind::Demand);
    "revise-demand" ReviseDemand(Revise) Record Demand => decide(RecordKind::Demand);
    "pause-demand" PauseDemand(Pause) Record Demand => decide(RecordKind::Demand);
    "resume-demand" ResumeDemand(Resume) Record Demand => decide(RecordKind::Demand);
    "withdraw-demand" WithdrawDemand(Withdraw) Record Demand => decide(RecordKind::Demand);
    "fulfil-demand" FulfilDemand(Fulfil) Record Demand => decide(RecordKind::Demand);
    "draft-agreement" DraftAgreement(DraftAgreement) Record Agreement Creates => decide();
    "revise-agreement" ReviseAgreement(ReviseAgreement) Record Agreement => decide();
    "propose-agreement" ProposeAgreement(ProposeAgreement) Record Agreement => decide();
    "withdraw-proposal" WithdrawProposal(WithdrawProposal) Record Agreement => decide();
    "sign-agreement" SignAgreement(SignAgreement) Sign Agreement => decide();
    "refuse-agreement" RefuseAgreement(RefuseAgreement) Sign Agreement WhileSuspended => decide();
    "suspend-agreement" SuspendAgreement(SuspendAgreement) Sign Agreement => decide();
    "resume-agreement" ResumeAgreement(ResumeAgreement) Sign Agreement => decide();
    "complete-agreement" CompleteAgreement(CompleteAgreement) Sign Agreement => decide();
    "terminate-agreement" TerminateAgreement(TerminateAgreement) Sign Agreement WhileSuspended => decide();
    "cancel-agreement" CancelAgreement(CancelAgreement) Record Agreement => decide();
    "register-agreement" RegisterAgreement(RegisterAgreement) Record Agreement Creates => decide();
    "confirm-agreement" ConfirmAgreement(ConfirmAgreement) Sign Agreement Confirms => decide();
    "leave-agreement" LeaveAgreement(LeaveAgreement) Sign Agreement WhileSuspended => decide();
    "deny-agreement" DenyAgreement(DenyAgreement) Sign Agreement WhileSuspended => decide();
    "register-learning" RegisterLearning(RegisterLearning) Record Learning Creates => decide();
    "submit-learning" SubmitLearning(SubmitLearning) Record Learning Creates => decide();
    "revise-learning" ReviseLearning(ReviseLearning) Record Learning => decide();
    "screen-learning" ScreenLearning(ScreenLearning) Review Learning => decide();
    "publish-learning" PublishLearning(PublishLearning) Record Learning => decide();
    "accept-authorship" AcceptAuthorship(AcceptAuthorship) Record Learning Confirms => decide();
    "retract-learning" RetractLearning(RetractLearning) Record Learning => decide();
    "announce-convening" AnnounceConvening(Convene) Record Convening Creates => decide(Told::Before);
    "register-convening" RegisterConvening(Convene) Record Convening Creates => decide(Told::After);
    "confirm-participation" ConfirmParticipation(ConfirmParticipation) Record Convening Confirms => decide();
    "record-session" RecordSession(RecordSession) Record Convening => decide();
    "record-visit" RecordVisit(RecordVisit) Record Convening => decide();
    "postpone-convening" PostponeConvening(PostponeConvening) Record Convening => decide();
    "hold-convening" HoldConvening(HoldConvening) Record Convening => decide();
    "cancel-convening" CancelConvening(CancelConvening) Record Convening => decide();
    "set-visibility" SetVisibility(SetVisibility) Record Ledger Operator => decide();
}

impl Command {
    /// Whether it must carry the version that was shown.
    pub fn confirms(&self) -> bool {
        self.has(Flag::Confirms)
    }
    /// Whether a suspended organisation may send it.
    pub fn is_open_to_suspended(&self) -> bool {
        self.has(Flag::WhileSuspended)
    }
    /// Whether the operator may send it without acting for an organisation.
    pub fn is_open_to_operator(&self) -> bool {
        self.has(Flag::Operator)
    }
    /// Whether it makes a record.
    pub fn creates(&self) -> bool {
        self.has(Flag::Creates)
    }

    /// The record that the expected version is about; `None` for commands that make one.
    pub fn target(&self, data: &[u8]) -> Option<Subject> {
        #[derive(serde::Deserialize)]
        struct Target {
            id: Option<uuid::Uuid>,
            subject: Option<Subject>,
        }
        if self.creates() {
            return None;
        }
        let target: Target = serde_json::from_slice(data).ok()?;
        target.subject.or_else(|| target.id.map(|id| Subject::new(self.kind(), id)))
    }
}

/// Reads JSON into a command's data, and says which field breaks which rule.
fn parse<T: DeserializeOwned>(name: &str, data: &[u8]) -> Result<T, Rejection> {
    // Nearly every command can be read; only of those that cannot is it asked where and why, which costs as much again.
    read(data).map_or_else(|| explain(name, data), Ok)
}

/// Reads JSON into a command's data.
fn read<T: DeserializeOwned>(data: &[u8]) -> Option<T> {
    let text = std::str::from_utf8(data).ok()?;
    let mut json = serde_json::Deserializer::from_str(text);
    let mut known = true;
    let value = serde_ignored::deserialize(Objects(&mut json), |_| known = false).ok()?;
    json.end().ok()?;
    known.then_some(value)
}

fn is_object(data: &[u8]) -> bool {
    data.trim_ascii_start().first() == Some(&b'{')
}

/// The same as [`read`], with the field and the rule where it fails.
fn explain<T: DeserializeOwned>(name: &str, data: &[u8]) -> Result<T, Rejection> {
    let mut unknown = None;
    let mut json = serde_json::Deserializer::from_slice(data);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(Objects(&mut json), &mut track);
    let value = serde_ignored::deserialize(tracked, |path| {
        unknown.get_or_insert_with(|| path.to_string());
    });
    let value = match (value, &unknown) {
        (Ok(value), _) => value,
        // A member that is not known may well be the one that is missing, misspelt: it is told first.
        (Err(error), Some(field)) if error.is_data() => return Err(unknown::field(name, field)),
        (Err(error), _) if error.is_data() && !is_object(data) => {
            return Err(Rejection::from(Reason::InvalidField).detail("the data of a command is an object"));
        }
        (Err(error), _) => return Err(malformed(&error, &track.path().to_string())),
    };
    json.end().map_err(|error| malformed(&error, "."))?;
    match unknown {
        None => Ok(value),
        Some(field) => Err(unknown::field(name, &field)),
    }
}

/// Our own value types begin their messages with a stable code and a colon.
fn malformed(error: &serde_json::Error, path: &str) -> Rejection {
    if !error.is_data() {
        return Rejection::from(Reason::MalformedJson).detail(not_json(error));
    }
    let message = error.to_string();
    let message = without_place(&message);
    if let Some(name) = message.strip_prefix("missing field `").and_then(|rest| rest.split_once('`')) {
        return missing(name.0, path);
    }
    let mut rejection = Rejection::from(Reason::InvalidField);
    if path != "." {
        rejection.field = Some(path.to_owned());
    }
    match message.split_once(": ") {
        Some((code, rule)) if is_code(code) => {
            rejection.code = code.to_owned().into();
            rejection.detail(rule)
        }
        _ => rejection.detail(plain(message)),
    }
}

/// A member that the type demands; the rules of the domain that demand one have reasons of their own.
fn missing(name: &str, path: &str) -> Rejection {
    let reason = match name {
        "title" => Reason::TitleRequired,
        "lessons" => Reason::LessonsRequired,
        _ => Reason::InvalidField,
    };
    let field = if path == "." { name.to_owned() } else { format!("{path}.{name}") };
    let rejection = Rejection::from(reason).field(field);
    if reason == Reason::InvalidField { rejection.detail("the field is required") } else { rejection }
}

fn is_code(text: &str) -> bool {
    text.contains('-') && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
}
