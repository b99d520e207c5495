//! Every command by name: its data, who may send it, and the decision it leads to. Parsing is here; rules are with their records.

pub mod access;
pub mod agreement;
pub mod convening;
#[cfg(test)]
mod given;
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
use convenio_events::{RecordKind, Subject, codes::AccessRole, objects::Objects};
use schemars::{JsonSchema, Schema, SchemaGenerator};
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

/// What holds for some commands only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flag {
    /// It confirms or accepts what was shown, and must carry the version that was.
    Confirms,
    /// A suspended organisation may send it: its partners are never blocked.
    WhileSuspended,
    /// The operator may send it without acting for an organisation.
    Operator,
    /// The id in its data is of something new.
    Creates,
}

/// A command: its data, who may send it, and what it leads to. What it is for is said by the data's documentation.
pub(crate) trait CommandData: DeserializeOwned + JsonSchema {
    /// Its name in the API.
    const NAME: &'static str;
    /// Who may send it.
    const RIGHT: Right;
    /// The kind of record that it is about.
    const KIND: RecordKind;
    /// What else holds for it.
    const FLAGS: &'static [Flag] = &[];
    /// Data that it takes.
    const EXAMPLE: &'static str;

    /// Judges it against the present.
    ///
    /// # Errors
    /// [`Rejection`], when a rule is against it.
    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection>;
}

/// What the contract says of a command.
#[derive(Debug)]
pub struct CommandSchema {
    /// Its name.
    pub name: &'static str,
    /// JSON Schema of its data.
    pub data: Schema,
    /// Who may send it.
    pub right: Right,
    /// The kind of record that it is about.
    pub kind: RecordKind,
    /// Data that it takes, as JSON.
    pub example: &'static str,
}

macro_rules! commands {
    ($($module:ident::$command:ident;)*) => {
        /// A command, parsed.
        #[derive(Clone, PartialEq, Debug)]
        pub enum Command { $(
            #[doc = concat!("[`", stringify!($module), "::", stringify!($command), "`]")]
            $command(Box<$module::$command>),
        )* }

        impl Command {
            /// Every command's name.
            pub const NAMES: &'static [&'static str] = &[$(<$module::$command as CommandData>::NAME),*];

            /// Reads the data of a command.
            ///
            /// # Errors
            /// `unknown-command`, `malformed-json`, `unknown-field`, or the code of the rule that a field breaks.
            pub fn parse(name: &str, data: &[u8]) -> Result<Self, Rejection> {
                match name {
                    $(<$module::$command as CommandData>::NAME => {
                        parse::<$module::$command>(data).map(|data| Self::$command(Box::new(data)))
                    })*
                    _ => Err(unknown::command(name)),
                }
            }
            /// The command's name.
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$command(_) => <$module::$command as CommandData>::NAME,)* }
            }
            /// Who may send it.
            pub const fn right(&self) -> Right {
                match self { $(Self::$command(_) => <$module::$command as CommandData>::RIGHT,)* }
            }
            /// The kind of record that it is about.
            pub const fn kind(&self) -> RecordKind {
                match self { $(Self::$command(_) => <$module::$command as CommandData>::KIND,)* }
            }
            fn has(&self, flag: Flag) -> bool {
                let flags = match self { $(Self::$command(_) => <$module::$command as CommandData>::FLAGS,)* };
                flags.contains(&flag)
            }
            pub(crate) fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
                match self { $(Self::$command(data) => data.decide(context),)* }
            }
            /// What the contract says of every command.
            pub fn schemas(generator: &mut SchemaGenerator) -> Vec<CommandSchema> {
                vec![$(CommandSchema {
                    name: <$module::$command as CommandData>::NAME,
                    data: generator.subschema_for::<$module::$command>(),
                    right: <$module::$command as CommandData>::RIGHT,
                    kind: <$module::$command as CommandData>::KIND,
                    example: <$module::$command as CommandData>::EXAMPLE,
                },)*]
            }
        }
    };
}

// To add a command: a line here, and its data with what is decided on it in the file of its record.
commands! {
    ledger::ChangeSettings;
    ledger::ConfirmClock;
    access::GrantAccess;
    access::RevokeAccess;
    organisation::RegisterOrganisation;
    organisation::ReviseOrganisation;
    organisation::AddIdentifier;
    organisation::WithdrawIdentifier;
    organisation::AddSite;
    organisation::CloseSite;
    organisation::AffiliateOrganisation;
    organisation::ConfirmAffiliation;
    organisation::EndAffiliation;
    organisation::VerifyOrganisation;
    organisation::RevokeVerification;
    organisation::SuspendOrganisation;
    organisation::ReinstateOrganisation;
    listing::PublishOffer;
    listing::ReviseOffer;
    listing::PauseOffer;
    listing::ResumeOffer;
    listing::WithdrawOffer;
    listing::FulfilOffer;
    listing::PublishDemand;
    listing::ReviseDemand;
    listing::PauseDemand;
    listing::ResumeDemand;
    listing::WithdrawDemand;
    listing::FulfilDemand;
    agreement::DraftAgreement;
    agreement::ReviseAgreement;
    agreement::ProposeAgreement;
    agreement::WithdrawProposal;
    agreement::SignAgreement;
    agreement::RefuseAgreement;
    agreement::SuspendAgreement;
    agreement::ResumeAgreement;
    agreement::CompleteAgreement;
    agreement::TerminateAgreement;
    agreement::CancelAgreement;
    agreement::RegisterAgreement;
    agreement::ConfirmAgreement;
    agreement::LeaveAgreement;
    agreement::DenyAgreement;
    learning::RegisterLearning;
    learning::SubmitLearning;
    learning::ReviseLearning;
    learning::ScreenLearning;
    learning::PublishLearning;
    learning::AcceptAuthorship;
    learning::RetractLearning;
    convening::AnnounceConvening;
    convening::RegisterConvening;
    convening::ConfirmParticipation;
    convening::RecordSession;
    convening::RecordVisit;
    convening::PostponeConvening;
    convening::HoldConvening;
    convening::CancelConvening;
    record::SetVisibility;
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
fn parse<T: CommandData>(data: &[u8]) -> Result<T, Rejection> {
    // Nearly every command can be read; only of those that cannot is it asked where and why, which costs as much again.
    read(data).map_or_else(|| explain(T::NAME, data), Ok)
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
