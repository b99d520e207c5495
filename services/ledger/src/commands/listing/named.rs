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

/// A whole offer or demand as a command may give it.
macro_rules! listed {
    ($id:literal) => {
        concat!(
            r#"{
  "id": ""#,
            $id,
            r#"",
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
}"#
        )
    };
}

macro_rules! named {
    ($($(#[$about:meta])* $command:ident($decided:ident): $name:literal, $kind:ident, $flags:tt, $example:expr;)+) => {$(
        $(#[$about])*
        #[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $command($decided);

        impl CommandData for $command {
            const NAME: &'static str = $name;
            const RIGHT: Right = Right::Record;
            const KIND: RecordKind = RecordKind::$kind;
            const FLAGS: &'static [Flag] = &$flags;
            const EXAMPLE: &'static str = $example;

            fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
                self.0.decide(RecordKind::$kind, context)
            }
        }
    )+};
}

named! {
    /// Publishes an offer: others find it, and may propose to take it up.
    PublishOffer(Publish): "publish-offer", Offer, [Flag::Creates], listed!("0190a1b2-0000-7000-8000-000000000003");
    /// Publishes a demand: others find it, and may propose to take it up.
    PublishDemand(Publish): "publish-demand", Demand, [Flag::Creates], listed!("0190a1b2-0000-7000-8000-000000000004");
    /// Changes an offer that is open or paused; what agreements hold of it stays held.
    ReviseOffer(Revise): "revise-offer", Offer, [], listed!("0190a1b2-0000-7000-8000-000000000003");
    /// Changes a demand that is open or paused; what agreements hold of it stays held.
    ReviseDemand(Revise): "revise-demand", Demand, [], listed!("0190a1b2-0000-7000-8000-000000000004");
    /// Closes an offer for now.
    PauseOffer(Pause): "pause-offer", Offer, [], r#"{
  "id": "0190a1b2-0000-7000-8000-000000000003",
  "reason": "The laboratory is moving; we come back in March."
}"#;
    /// Closes a demand for now.
    PauseDemand(Pause): "pause-demand", Demand, [], r#"{
  "id": "36a47ae2-0aaf-5d50-bdb4-e9c96b26810b",
  "reason": "El programa de maestría empieza un semestre más tarde."
}"#;
    /// Opens an offer again.
    ResumeOffer(Resume): "resume-offer", Offer, [], r#"{"id": "0190a1b2-0000-7000-8000-000000000003"}"#;
    /// Opens a demand again.
    ResumeDemand(Resume): "resume-demand", Demand, [], r#"{"id": "0190a1b2-0000-7000-8000-000000000004"}"#;
    /// Takes an offer back for good; what agreements hold of it stays held.
    WithdrawOffer(Withdraw): "withdraw-offer", Offer, [], r#"{
  "id": "95b590b7-9198-5e38-935b-9c41736039fa",
  "reason": "Se entregaron a laboratorios del propio país."
}"#;
    /// Takes a demand back for good; what agreements hold of it stays held.
    WithdrawDemand(Withdraw): "withdraw-demand", Demand, [], r#"{
  "id": "97dd3d2c-58ff-5adb-a8ca-78d21393ee27",
  "reason": "Otro laboratorio ya compartió sus guías."
}"#;
    /// Says that an offer was met, and by which agreement.
    FulfilOffer(Fulfil): "fulfil-offer", Offer, [], r#"{
  "id": "0190a1b2-0000-7000-8000-000000000003",
  "agreement": "0190a1b2-0000-7000-8000-000000000005"
}"#;
    /// Says that a demand was met, and by which agreement.
    FulfilDemand(Fulfil): "fulfil-demand", Demand, [], r#"{
  "id": "aa2c97b2-5d3b-5354-ba26-67ef7b2f15ba",
  "agreement": "4642dc20-83cd-5187-bfb7-b576d3d7b852"
}"#;
}
