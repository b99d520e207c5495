//! Agreements concluded elsewhere, registered by anybody with a source. What each party says of them itself is decided elsewhere.

use super::{
    dates::{check_course, check_past},
    digest_of_terms,
    terms::{Concluded, check, check_links},
};
use crate::{
    commands::{CommandData, Flag, Right},
    context::{Context, Decision},
    rejection::Rejection,
};
use convenio_events::{
    AgreementId, NewEvent, RecordKind,
    codes::Visibility,
    language_map::Line,
    time::PartialDate,
    types::agreement::{Links, Registered, SaltedTermsText, Terms, TermsText},
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Registers an agreement that was concluded elsewhere. Who registers it is no party by that. What a party alone says is claimed, its
/// own registration included: it is confirmed once another party says so too.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct RegisterAgreement {
    /// Its id; without it one is derived from the command id.
    #[serde(default)]
    pub id: Option<AgreementId>,
    /// What it says, as far as known.
    pub terms: Terms,
    /// What it says, in words.
    pub text: TermsText,
    /// Where that is known from.
    #[serde(default)]
    pub citation: Option<Line>,
    /// When it was concluded.
    #[serde(default)]
    pub concluded_on: Option<PartialDate>,
    /// When it ended, if it did.
    #[serde(default)]
    pub ended_on: Option<PartialDate>,
    /// What it hangs together with.
    #[serde(default)]
    pub links: Links,
    /// Who may see it; the parties unless said.
    #[serde(default)]
    pub visibility: Option<Visibility>,
}

impl CommandData for RegisterAgreement {
    const NAME: &'static str = "register-agreement";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Agreement;
    const FLAGS: &'static [Flag] = &[Flag::Creates];
    const EXAMPLE: &'static str = r#"{
  "id": "c2a43ab5-b0a9-5a8e-82ec-d2ce48dd3338",
  "terms": {
    "instrument": "letter",
    "parties": [
      {
        "organisation": "69750eff-68ff-5a59-8f50-3a7db6627b65",
        "roles": ["offering"],
        "represents": "JM",
        "side": "JM"
      },
      {
        "organisation": "e98dea9e-5509-5803-bfae-eed2bb501e98",
        "roles": ["requesting"],
        "represents": "GY",
        "side": "GY"
      }
    ],
    "modality": "bilateral",
    "direction": "south-south",
    "mechanisms": ["peer-exchange"],
    "themes": ["sdg:3.8", "dac:12281"],
    "places": ["GY", "JM"]
  },
  "text": {
    "title": {
      "original": "en",
      "texts": {
        "en": "Twinning of district nursing teams",
        "es": "Hermanamiento de equipos de enfermería de distrito"
      },
      "translations": {"es": "machine"}
    }
  },
  "concluded_on": "2021",
  "ended_on": "2023-12",
  "visibility": "public"
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let by = context.organisation()?;
        let id = self.id.unwrap_or_else(|| AgreementId::new(context.new_id));
        context.require_new(id.into())?;
        check(&self.terms, &self.text, Concluded::Elsewhere, None, context)?;
        check_links(&self.links, context)?;
        check_past(self.concluded_on, self.ended_on, context.today(self.terms.time_zone))?;
        check_course(&self.terms, self.concluded_on, self.ended_on)?;
        let visibility = self.visibility.unwrap_or(Visibility::Parties);
        let terms_digest = digest_of_terms(&context.salt, &self.terms, &self.text);
        let party = self.terms.parties.iter().any(|party| party.organisation == by);
        let facts = Registered {
            by,
            terms: self.terms,
            terms_digest,
            concluded_on: self.concluded_on,
            ended_on: self.ended_on,
            links: self.links,
            says_so: party && context.require_verified(by).is_ok(),
            visibility,
        };
        let text = SaltedTermsText { terms: self.text, terms_salt: context.salt, citation: self.citation };
        Ok(Decision::one(NewEvent::new(id, facts, Some(text))))
    }
}
