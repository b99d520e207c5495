//! Learnings: registered from elsewhere or submitted here, screened by others, accepted by their authors, published.

use crate::{
    commands::{CommandData, Flag, Right},
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

impl CommandData for RegisterLearning {
    const NAME: &'static str = "register-learning";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Learning;
    const FLAGS: &'static [Flag] = &[Flag::Creates];
    const EXAMPLE: &'static str = r#"{
  "id": "a1993216-5bfd-5da1-9ec0-db3298e61042",
  "content": {
    "kind": "guideline",
    "authors": ["2f2096da-33e6-5743-945f-bd26863cd991", "224335b1-d5c1-5036-8204-766533c52a8f"],
    "themes": ["sdg:3.d", "dac:12250"],
    "places": ["CL", "MX"],
    "languages": ["es"],
    "licence": "CC-BY-4.0",
    "occurred_on": "2023",
    "links": ["convening/1d6c0969-4ce3-57ee-b79f-53c6e8880d8c"]
  },
  "text": {
    "title": {
      "original": "es",
      "texts": {
        "es": "Guía para leer los resultados de un panel de evaluación externa",
        "en": "Guide to reading the results of an external assessment panel",
        "pt": "Guia para ler os resultados de um painel de avaliação externa"
      },
      "translations": {"en": "author-approved", "pt": "author-approved"}
    },
    "lessons": {
      "original": "es",
      "texts": {
        "es": "Un error en el panel es una oportunidad: lo grave es no saber de dónde viene.",
        "en": "An error in the panel is an opportunity: what matters is to know where it comes from.",
        "pt": "Um erro no painel é uma oportunidade: grave é não saber de onde vem."
      },
      "translations": {"en": "author-approved", "pt": "author-approved"}
    },
    "citation": "Publicación ficticia de esta muestra, https://example.org/guias/paneles"
  }
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let by = context.organisation()?;
        let id = self.id.unwrap_or_else(|| LearningId::new(context.new_id));
        context.require_new(id.into())?;
        check(&self.content, None, context)?;
        let visibility = self.visibility.unwrap_or(Visibility::Public);
        let facts = Registered { by, content: self.content, visibility };
        Ok(Decision::one(NewEvent::new(id, facts, Some(self.text))))
    }
}

impl CommandData for SubmitLearning {
    const NAME: &'static str = "submit-learning";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Learning;
    const FLAGS: &'static [Flag] = &[Flag::Creates];
    const EXAMPLE: &'static str = r#"{
  "id": "5feb4ef1-3d8f-571a-af60-f9f24a52a772",
  "content": {
    "kind": "tool",
    "authors": ["a05b68af-d7c2-566c-a9af-c5b3bba236c4"],
    "themes": ["sdg:3.b", "sdg:3.8", "dac:12110"],
    "places": ["CO"],
    "languages": ["es"],
    "licence": "CC-BY-4.0",
    "occurred_on": "2022"
  },
  "text": {
    "title": {
      "original": "es",
      "texts": {
        "es": "Planilla para calcular el costo de cada dosis aplicada",
        "en": "A sheet to work out the cost of each dose given"
      },
      "translations": {"en": "author-approved"}
    },
    "lessons": {
      "original": "es",
      "texts": {
        "es": "Sin el transporte, el costo parece la mitad de lo que es.",
        "en": "Without transport the cost looks half of what it is."
      },
      "translations": {"en": "author-approved"}
    }
  }
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
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

impl CommandData for ReviseLearning {
    const NAME: &'static str = "revise-learning";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Learning;
    const EXAMPLE: &'static str = r#"{
  "id": "5feb4ef1-3d8f-571a-af60-f9f24a52a772",
  "content": {
    "kind": "tool",
    "authors": ["a05b68af-d7c2-566c-a9af-c5b3bba236c4"],
    "themes": ["sdg:3.b", "sdg:3.8", "dac:12110"],
    "places": ["CO"],
    "languages": ["es"],
    "licence": "CC-BY-4.0",
    "occurred_on": "2022"
  },
  "text": {
    "title": {
      "original": "es",
      "texts": {
        "es": "Planilla para calcular el costo de cada dosis aplicada",
        "en": "A sheet to work out the cost of each dose given"
      },
      "translations": {"en": "author-approved"}
    },
    "lessons": {
      "original": "es",
      "texts": {
        "es": "Sin el transporte, el costo parece la mitad de lo que es.",
        "en": "Without transport the cost looks half of what it is."
      },
      "translations": {"en": "author-approved"}
    },
    "limits": {
      "original": "es",
      "texts": {
        "es": "Vale para las vacunas del esquema nacional.",
        "en": "It holds for the vaccines of the national schedule."
      },
      "translations": {"en": "author-approved"}
    }
  }
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
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

impl CommandData for ScreenLearning {
    const NAME: &'static str = "screen-learning";
    const RIGHT: Right = Right::Review;
    const KIND: RecordKind = RecordKind::Learning;
    const EXAMPLE: &'static str = r#"{"id": "5db642d2-5b0f-58f5-b9e5-8e857448be54", "outcome": "passed"}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
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

impl CommandData for PublishLearning {
    const NAME: &'static str = "publish-learning";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Learning;
    const EXAMPLE: &'static str = r#"{"id": "bded7b9d-e164-56db-b674-74dcaae59a47"}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
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

impl CommandData for AcceptAuthorship {
    const NAME: &'static str = "accept-authorship";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Learning;
    const FLAGS: &'static [Flag] = &[Flag::Confirms];
    const EXAMPLE: &'static str = r#"{"id": "2fd7dba0-e54c-5fcd-ada2-a80bfcb9ac56"}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let learning = existing(self.id, context)?;
        let by = context.organisation()?;
        require(learning.authors.contains(&by), Reason::NotParty)?;
        require(!learning.accepted.contains(&by), Reason::AlreadyConfirmed)?;
        Ok(Decision::one(NewEvent::new(self.id, AuthorshipAccepted { by }, None)))
    }
}

impl CommandData for RetractLearning {
    const NAME: &'static str = "retract-learning";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Learning;
    const EXAMPLE: &'static str = r#"{
  "id": "5feb4ef1-3d8f-571a-af60-f9f24a52a772",
  "reason": "La planilla sumaba dos veces las jeringas. Publicaremos una corregida."
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let learning = existing(self.id, context)?;
        let by = context.organisation()?;
        require(learning.authors.contains(&by) || learning.by == by, Reason::NotOwner)?;
        let text = Some(ReasonText { reason: self.reason });
        Ok(Decision::one(NewEvent::new(self.id, Retracted { by }, text)))
    }
}
