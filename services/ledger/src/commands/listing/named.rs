//! The commands on offers and on demands by their names. What they do is decided once for both.

use super::{Fulfil, Pause, Publish, Resume, Revise, Withdraw};
use crate::{
    commands::{CommandData, Flag, Right},
    context::{Context, Decision},
    rejection::Rejection,
};
use convenio_events::RecordKind;
use schemars::JsonSchema;
use serde::Deserialize;

/// Publishes an offer: others find it, and may propose to take it up.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct PublishOffer(Publish);

impl CommandData for PublishOffer {
    const NAME: &'static str = "publish-offer";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Offer;
    const FLAGS: &'static [Flag] = &[Flag::Creates];
    const EXAMPLE: &'static str = r#"{
  "id": "0190a1b2-0000-7000-8000-000000000003",
  "terms": {
    "themes": ["sdg:3.3"],
    "mechanisms": ["training"],
    "places": ["PE"],
    "quantity": {"amount": "10", "unit": "expert-days"},
    "valid_through": "2030-12-31"
  },
  "text": {
    "title": {
      "original": "es",
      "texts": {
        "es": "Capacitación en diagnóstico de tuberculosis",
        "en": "Training in tuberculosis diagnosis"
      },
      "translations": {"en": "author-approved"}
    }
  }
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        self.0.decide(RecordKind::Offer, context)
    }
}

/// Publishes a demand: others find it, and may propose to take it up.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct PublishDemand(Publish);

impl CommandData for PublishDemand {
    const NAME: &'static str = "publish-demand";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Demand;
    const FLAGS: &'static [Flag] = &[Flag::Creates];
    const EXAMPLE: &'static str = r#"{
  "id": "0190a1b2-0000-7000-8000-000000000004",
  "terms": {
    "themes": ["sdg:3.3"],
    "mechanisms": ["training"],
    "places": ["PE"],
    "quantity": {"amount": "10", "unit": "expert-days"},
    "valid_through": "2030-12-31"
  },
  "text": {
    "title": {
      "original": "es",
      "texts": {
        "es": "Capacitación en diagnóstico de tuberculosis",
        "en": "Training in tuberculosis diagnosis"
      },
      "translations": {"en": "author-approved"}
    }
  }
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        self.0.decide(RecordKind::Demand, context)
    }
}

/// Changes an offer that is open or paused; what agreements hold of it stays held.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ReviseOffer(Revise);

impl CommandData for ReviseOffer {
    const NAME: &'static str = "revise-offer";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Offer;
    const EXAMPLE: &'static str = r#"{
  "id": "0190a1b2-0000-7000-8000-000000000003",
  "terms": {
    "themes": ["sdg:3.3"],
    "mechanisms": ["training"],
    "places": ["PE"],
    "quantity": {"amount": "10", "unit": "expert-days"},
    "valid_through": "2030-12-31"
  },
  "text": {
    "title": {
      "original": "es",
      "texts": {
        "es": "Capacitación en diagnóstico de tuberculosis",
        "en": "Training in tuberculosis diagnosis"
      },
      "translations": {"en": "author-approved"}
    }
  }
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        self.0.decide(RecordKind::Offer, context)
    }
}

/// Changes a demand that is open or paused; what agreements hold of it stays held.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ReviseDemand(Revise);

impl CommandData for ReviseDemand {
    const NAME: &'static str = "revise-demand";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Demand;
    const EXAMPLE: &'static str = r#"{
  "id": "0190a1b2-0000-7000-8000-000000000004",
  "terms": {
    "themes": ["sdg:3.3"],
    "mechanisms": ["training"],
    "places": ["PE"],
    "quantity": {"amount": "10", "unit": "expert-days"},
    "valid_through": "2030-12-31"
  },
  "text": {
    "title": {
      "original": "es",
      "texts": {
        "es": "Capacitación en diagnóstico de tuberculosis",
        "en": "Training in tuberculosis diagnosis"
      },
      "translations": {"en": "author-approved"}
    }
  }
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        self.0.decide(RecordKind::Demand, context)
    }
}

/// Closes an offer for now.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct PauseOffer(Pause);

impl CommandData for PauseOffer {
    const NAME: &'static str = "pause-offer";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Offer;
    const EXAMPLE: &'static str = r#"{
  "id": "0190a1b2-0000-7000-8000-000000000003",
  "reason": "The laboratory is moving; we come back in March."
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        self.0.decide(RecordKind::Offer, context)
    }
}

/// Closes a demand for now.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct PauseDemand(Pause);

impl CommandData for PauseDemand {
    const NAME: &'static str = "pause-demand";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Demand;
    const EXAMPLE: &'static str = r#"{
  "id": "36a47ae2-0aaf-5d50-bdb4-e9c96b26810b",
  "reason": "El programa de maestría empieza un semestre más tarde."
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        self.0.decide(RecordKind::Demand, context)
    }
}

/// Opens an offer again.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ResumeOffer(Resume);

impl CommandData for ResumeOffer {
    const NAME: &'static str = "resume-offer";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Offer;
    const EXAMPLE: &'static str = r#"{"id": "0190a1b2-0000-7000-8000-000000000003"}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        self.0.decide(RecordKind::Offer, context)
    }
}

/// Opens a demand again.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ResumeDemand(Resume);

impl CommandData for ResumeDemand {
    const NAME: &'static str = "resume-demand";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Demand;
    const EXAMPLE: &'static str = r#"{"id": "0190a1b2-0000-7000-8000-000000000004"}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        self.0.decide(RecordKind::Demand, context)
    }
}

/// Takes an offer back for good; what agreements hold of it stays held.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct WithdrawOffer(Withdraw);

impl CommandData for WithdrawOffer {
    const NAME: &'static str = "withdraw-offer";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Offer;
    const EXAMPLE: &'static str = r#"{
  "id": "95b590b7-9198-5e38-935b-9c41736039fa",
  "reason": "Se entregaron a laboratorios del propio país."
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        self.0.decide(RecordKind::Offer, context)
    }
}

/// Takes a demand back for good; what agreements hold of it stays held.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct WithdrawDemand(Withdraw);

impl CommandData for WithdrawDemand {
    const NAME: &'static str = "withdraw-demand";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Demand;
    const EXAMPLE: &'static str = r#"{
  "id": "97dd3d2c-58ff-5adb-a8ca-78d21393ee27",
  "reason": "Otro laboratorio ya compartió sus guías."
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        self.0.decide(RecordKind::Demand, context)
    }
}

/// Says that an offer was met, and by which agreement.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct FulfilOffer(Fulfil);

impl CommandData for FulfilOffer {
    const NAME: &'static str = "fulfil-offer";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Offer;
    const EXAMPLE: &'static str = r#"{
  "id": "0190a1b2-0000-7000-8000-000000000003",
  "agreement": "0190a1b2-0000-7000-8000-000000000005"
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        self.0.decide(RecordKind::Offer, context)
    }
}

/// Says that a demand was met, and by which agreement.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct FulfilDemand(Fulfil);

impl CommandData for FulfilDemand {
    const NAME: &'static str = "fulfil-demand";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Demand;
    const EXAMPLE: &'static str = r#"{
  "id": "aa2c97b2-5d3b-5354-ba26-67ef7b2f15ba",
  "agreement": "4642dc20-83cd-5187-bfb7-b576d3d7b852"
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        self.0.decide(RecordKind::Demand, context)
    }
}
