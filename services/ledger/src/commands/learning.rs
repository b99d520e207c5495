//! Learnings: registered from elsewhere or submitted here, screened by others, accepted by their authors, published.

use crate::{
    context::{Context, Decision},
    rejection::{Reason, Rejection, require},
    state::learning::{Learning, Status},
};
use convenio_events::{
    LearningId, NewEvent, OrganisationId, RecordKind,
    codes::{AccessRole, LearningLevel, ScreeningOutcome, Visibility},
    language_map::{LanguageMap, Line},
    limits::ITEMS_LIMIT,
    types::{
        access::ReasonText,
        learning::{
            AuthorshipAccepted, Content, ContentText, Published, Registered, Retracted, Revised, Screened,
            ScreenedText, Submitted,
        },
    },
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

/// Registers a learning that was published elsewhere, with its source.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct RegisterLearning {
    /// Its id; without it one is derived from the command id.
    #[serde(default)]
    pub id: Option<LearningId>,
    /// What it is about.
    pub content: Content,
    /// It, in words; `citation` says where it was published.
    pub text: ContentText,
    /// Who may see it; everybody unless said.
    #[serde(default)]
    pub visibility: Option<Visibility>,
}

/// Submits a learning for publication here, as one of its authors.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct SubmitLearning {
    /// Its id; without it one is derived from the command id.
    #[serde(default)]
    pub id: Option<LearningId>,
    /// What it is about.
    pub content: Content,
    /// It, in words.
    pub text: ContentText,
    /// Who may see it once published; everybody unless said.
    #[serde(default)]
    pub visibility: Option<Visibility>,
}

/// Changes a learning before it is published; every other author accepts it anew, and what a reviewer had looked at is screened again.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct ReviseLearning {
    /// Which learning.
    pub id: LearningId,
    /// What it is about now.
    pub content: Content,
    /// It, in words, as it is now.
    pub text: ContentText,
}

/// Says, as a reviewer, what a look at it showed.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct ScreenLearning {
    /// Which learning.
    pub id: LearningId,
    /// What came of it.
    pub outcome: ScreeningOutcome,
    /// Remarks for the authors.
    #[serde(default)]
    pub remarks: Option<LanguageMap>,
    /// Organisations that the reviewer is affiliated with.
    #[serde(default)]
    #[schemars(length(max = ITEMS_LIMIT))]
    pub affiliations: Vec<OrganisationId>,
}

/// Publishes a learning that every author has accepted.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct PublishLearning {
    /// Which learning.
    pub id: LearningId,
}

/// Says that the acting organisation is an author.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct AcceptAuthorship {
    /// Of which learning.
    pub id: LearningId,
}

/// Takes a published learning back; its tombstone says why.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct RetractLearning {
    /// Which learning.
    pub id: LearningId,
    /// Why.
    pub reason: Line,
}

/// Checks what a learning is about. What it named `before`, its authors know of.
fn check(content: &Content, before: Option<&Learning>, context: &Context<'_>) -> Result<(), Rejection> {
    require(!content.authors.is_empty(), Reason::AuthorRequired).map_err(|r| r.field("content.authors"))?;
    for author in content.authors.iter().filter(|author| !before.is_some_and(|it| it.authors.contains(author))) {
        context.require_organisation(*author, "content.authors")?;
    }
    require(!content.themes.is_empty(), Reason::ThemeRequired).map_err(|r| r.field("content.themes"))?;
    for link in &content.links {
        let linkable =
            matches!(link.kind, RecordKind::Agreement | RecordKind::Offer | RecordKind::Demand | RecordKind::Convening);
        let known = linkable && (before.is_some_and(|it| it.links.contains(link)) || context.sees(*link));
        require(known, Reason::LinkUnknown)
            .map_err(|r| r.field("content.links").detail(format!("there is no {link}")))?;
        if !before.is_some_and(|it| it.links.contains(link)) {
            context.require_citable(*link, "content.links")?;
        }
    }
    let future = content.occurred_on.is_some_and(|date| date.first_day() > context.today(None));
    require(!future, Reason::DateInFuture).map_err(|r| r.field("content.occurred_on"))
}

impl RegisterLearning {
    pub(crate) fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let by = context.organisation()?;
        let id = self.id.unwrap_or_else(|| LearningId::new(context.new_id));
        context.require_new(id.into())?;
        check(&self.content, None, context)?;
        let visibility = self.visibility.unwrap_or(Visibility::Public);
        let facts = Registered { by, content: self.content, visibility };
        Ok(Decision::one(NewEvent::new(id, facts, Some(self.text))))
    }
}

impl SubmitLearning {
    pub(crate) fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let by = context.organisation()?;
        let id = self.id.unwrap_or_else(|| LearningId::new(context.new_id));
        let own = self.content.authors.is_empty() || self.content.authors.contains(&by);
        require(own, Reason::NotOwner).map_err(|r| r.field("content.authors"))?;
        context.require_new(id.into())?;
        check(&self.content, None, context)?;
        let facts = Submitted { by, content: self.content, visibility: self.visibility.unwrap_or(Visibility::Public) };
        let mut decision = Decision::one(NewEvent::new(id, facts, Some(self.text)));
        // Whoever submits it has accepted to be an author thereby.
        decision.events.push(NewEvent::new(id, AuthorshipAccepted { by }, None));
        Ok(decision)
    }
}

impl ReviseLearning {
    pub(crate) fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let learning = existing(self.id, context)?;
        let by = context.organisation()?;
        require(learning.by == by || learning.authors.contains(&by), Reason::NotOwner)?;
        require(learning.is_unpublished(), Reason::AlreadyPublished)?;
        let stays = self.content.authors.is_empty() || self.content.authors.contains(&by);
        require(stays, Reason::NotOwner).map_err(|r| r.field("content.authors"))?;
        check(&self.content, Some(&learning), context)?;
        let facts = Revised { by, content: self.content };
        let mut decision = Decision::one(NewEvent::new(self.id, facts, Some(self.text)));
        // Whoever revises it accepts thereby what it says now.
        decision.events.push(NewEvent::new(self.id, AuthorshipAccepted { by }, None));
        Ok(decision)
    }
}

fn existing(id: LearningId, context: &Context<'_>) -> Result<Arc<Learning>, Rejection> {
    context.require_seen(id.into())?;
    let learning = context.world.learning(id).ok_or(Reason::RecordUnknown)?;
    require(learning.status != Status::Retracted, Reason::AlreadyOver)?;
    Ok(learning)
}

impl ScreenLearning {
    pub(crate) fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let learning = existing(self.id, context)?;
        let by = context.organisation()?;
        let own = context.covers(learning.by) || learning.authors.iter().any(|author| context.covers(*author));
        require(!own, Reason::ReviewOwn)?;
        for organisation in &self.affiliations {
            context.require_organisation(*organisation, "affiliations")?;
        }
        require(!matches!(learning.status, Status::Registered | Status::Published), Reason::AlreadyPublished)?;
        let facts = Screened { by, outcome: self.outcome, affiliations: self.affiliations };
        let text = self.remarks.map(|remarks| ScreenedText { remarks: Some(remarks) });
        Ok(Decision::one(NewEvent::new(self.id, facts, text)))
    }
}

impl PublishLearning {
    pub(crate) fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let learning = existing(self.id, context)?;
        let by = context.organisation()?;
        let may = learning.by == by || learning.authors.contains(&by) || context.acting.role == AccessRole::Admin;
        require(may, Reason::NotOwner)?;
        let level = match learning.status {
            Status::Screened => LearningLevel::Screened,
            Status::Submitted => LearningLevel::SelfPublished,
            Status::RevisionRequested | Status::Revised => return Err(Reason::ScreeningRequired.into()),
            Status::Registered | Status::Published | Status::Retracted => return Err(Reason::AlreadyPublished.into()),
        };
        require(learning.authors.is_subset(&learning.accepted), Reason::AuthorshipOpen)?;
        Ok(Decision::one(NewEvent::new(self.id, Published { level }, None)))
    }
}

impl AcceptAuthorship {
    pub(crate) fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let learning = existing(self.id, context)?;
        let by = context.organisation()?;
        require(learning.authors.contains(&by), Reason::NotParty)?;
        require(!learning.accepted.contains(&by), Reason::AlreadyConfirmed)?;
        Ok(Decision::one(NewEvent::new(self.id, AuthorshipAccepted { by }, None)))
    }
}

impl RetractLearning {
    pub(crate) fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let learning = existing(self.id, context)?;
        let by = context.organisation()?;
        require(learning.authors.contains(&by) || learning.by == by, Reason::NotOwner)?;
        let text = Some(ReasonText { reason: self.reason });
        Ok(Decision::one(NewEvent::new(self.id, Retracted { by }, text)))
    }
}
