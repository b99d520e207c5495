//! What a record can be filtered and counted by: field and value, interned as small numbers. It reads documents, never events.

use crate::{
    Circle,
    document::{Body, Document, REVIEWER, Verification},
};
use chrono::NaiveDate;
use convenio_events::{
    Id, OrganisationId, Subject, code_list, codes::Attestation, language_map::canonical_tag,
    types::organisation::Standing, values::Theme,
};
use std::collections::BTreeSet;

/// A field by which records are filtered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Field {
    /// Offer, demand, ...
    Kind,
    State,
    /// What kind within the collection.
    Type,
    Country,
    Theme,
    /// The SDG goal or the DAC category of a theme, for filters on a whole one.
    Goal,
    Mechanism,
    Modality,
    Language,
    Attestation,
    Role,
    Organisation,
    /// `<organisation>:<role>`.
    OrganisationRole,
    Level,
    Verification,
    /// [`through`] the last day of a verification that has one: what it is depends on the day on which it is asked for.
    VerifiedThrough,
    Commitment,
    /// A record that it came from.
    Origin,
}

impl Field {
    pub(crate) const ALL: [Self; 18] = [
        Self::Kind,
        Self::State,
        Self::Type,
        Self::Country,
        Self::Theme,
        Self::Goal,
        Self::Mechanism,
        Self::Modality,
        Self::Language,
        Self::Attestation,
        Self::Role,
        Self::Organisation,
        Self::OrganisationRole,
        Self::Level,
        Self::Verification,
        Self::VerifiedThrough,
        Self::Commitment,
        Self::Origin,
    ];

    /// The word in the file and in facets.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::State => "state",
            Self::Type => "type",
            Self::Country => "country",
            Self::Theme => "theme",
            Self::Goal => "goal",
            Self::Mechanism => "mechanism",
            Self::Modality => "modality",
            Self::Language => "language",
            Self::Attestation => "attestation",
            Self::Role => "role",
            Self::Organisation => "organisation",
            Self::OrganisationRole => "organisation-role",
            Self::Level => "level",
            Self::Verification => "verification",
            Self::VerifiedThrough => "verified-through",
            Self::Commitment => "commitment_level",
            Self::Origin => "origin",
        }
    }

    /// Whether facets count it; the others have as many values as there are organisations, or help filters only.
    pub(crate) const fn is_facet(self) -> bool {
        {
            !matches!(
                self,
                Self::Goal | Self::Organisation | Self::OrganisationRole | Self::Origin | Self::VerifiedThrough
            )
        }
    }
}

/// The value of [`Field::VerifiedThrough`]. In the order of values as texts, days follow each other, with nothing else between them.
pub(crate) fn through(last_day: NaiveDate) -> String {
    format!("through:{last_day}")
}

/// A field and a value.
pub(crate) type Tag = (Field, String);

/// The organisations by which a record is found. That somebody reviewed it is found by those alone who see its review.
pub(crate) fn found_by(document: &Document) -> Vec<OrganisationId> {
    let head = &document.head;
    if is_for_everybody(document) { head.standing.openly_named() } else { head.organisations.clone() }
}

fn is_for_everybody(document: &Document) -> bool {
    matches!(document.head.circle(), Some(Circle::Public | Circle::Members))
}

/// The tags of a record, sorted, each once, but those of the organisations by which it is found.
pub(crate) fn tags_of(document: &Document) -> BTreeSet<Tag> {
    let mut tags = Tags(BTreeSet::new());
    let head = &document.head;
    tags.add(Field::Kind, head.kind.word());
    tags.add(Field::State, head.state.word());
    // That somebody reviewed a record is found by those alone who see its review.
    let everybody = is_for_everybody(document);
    for role in document.roles().into_iter().filter(|role| !everybody || role.role != REVIEWER) {
        tags.add(Field::Role, role.role);
        tags.add(Field::OrganisationRole, format!("{}:{}", role.organisation, role.role));
        if let Some(attestation) = role.attestation.filter(|_| !matches!(document.body, Body::Listing(_))) {
            tags.add(Field::Attestation, attestation.word());
        }
    }
    tags.add_body(document);
    tags.0
}

struct Tags(BTreeSet<Tag>);

impl Tags {
    fn add(&mut self, field: Field, value: impl Into<String>) {
        self.0.insert((field, value.into()));
    }

    fn words<T: Copy>(&mut self, field: Field, values: &[T], word: impl Fn(T) -> &'static str) {
        values.iter().for_each(|value| self.add(field, word(*value)));
    }

    fn themes(&mut self, themes: &[Theme]) {
        for theme in themes {
            self.add(Field::Theme, theme.as_str());
            match theme.parts() {
                ("sdg", target) => {
                    let goal = target.split('.').next().unwrap_or(target);
                    self.add(Field::Goal, format!("sdg:{goal}"));
                }
                ("dac", purpose) => {
                    let category = code_list::dac_purposes().get(purpose).and_then(|code| code.group.as_deref());
                    category.iter().for_each(|category| self.add(Field::Goal, format!("dac:{category}")));
                }
                (_, _) => {}
            }
        }
    }

    fn places<'a>(&mut self, places: impl IntoIterator<Item = &'a convenio_events::values::Place>) {
        places.into_iter().for_each(|place| self.add(Field::Country, place.country()));
    }

    fn languages<'a>(&mut self, languages: impl IntoIterator<Item = &'a convenio_events::language_map::LanguageTag>) {
        for tag in languages {
            // What was recorded before tags had one spelling is found by that all the same.
            let tag = canonical_tag(tag.as_str()).unwrap_or_else(|_| tag.to_string());
            self.add(Field::Language, tag.split('-').next().unwrap_or_default());
        }
    }

    fn origins<'a>(&mut self, subjects: impl IntoIterator<Item = &'a Subject>) {
        subjects.into_iter().for_each(|subject| self.add(Field::Origin, subject.to_string()));
    }

    fn add_body(&mut self, document: &Document) {
        match &document.body {
            Body::Listing(listing) => {
                self.themes(&listing.terms.themes);
                self.words(Field::Mechanism, &listing.terms.mechanisms, |code| code.word());
                self.words(Field::Modality, &listing.terms.modalities, |code| code.word());
                self.places(&listing.terms.places);
                self.languages(&listing.terms.languages);
                let level = serde_json::to_value(listing.commitment_level);
                level.iter().filter_map(|level| level.as_str()).for_each(|level| self.add(Field::Commitment, level));
            }
            Body::Agreement(agreement) => {
                let terms = &agreement.terms;
                self.add(Field::Type, terms.instrument.word());
                self.themes(&terms.themes);
                self.words(Field::Mechanism, &terms.mechanisms, |code| code.word());
                self.add(Field::Modality, terms.modality.word());
                self.places(&terms.places);
                self.places(terms.parties.iter().filter_map(|party| party.represents.as_ref()));
                self.languages(&terms.languages);
                let links = &agreement.links;
                let above = [links.convening.map(Subject::from), links.parent.map(Subject::from)];
                self.origins(above.iter().flatten().chain(&links.listings));
            }
            Body::Learning(learning) => {
                self.add(Field::Type, learning.content.kind.word());
                self.themes(&learning.content.themes);
                self.places(&learning.content.places);
                self.languages(&learning.content.languages);
                self.origins(&learning.content.links);
                learning.level.iter().for_each(|level| self.add(Field::Level, level.word()));
            }
            Body::Convening(convening) => {
                self.add(Field::Type, convening.plan.format.word());
                self.themes(&convening.plan.themes);
                self.places(&convening.plan.place);
                self.languages(&convening.plan.languages);
            }
            Body::Organisation(organisation) => {
                self.add(Field::Type, organisation.profile.kind.word());
                self.places(&organisation.profile.place);
                self.places(organisation.sites.iter().filter(|site| !site.closed).map(|site| &site.place));
                self.languages(&organisation.profile.languages);
                let id = Id::new(document.head.id);
                self.add(Field::Organisation, Id::<convenio_events::ids::OrganisationKindMarker>::to_string(&id));
                let last_day = match &organisation.verification {
                    Verification::Verified(vouched) | Verification::Expired(vouched) => vouched.valid_through,
                    Verification::Unverified | Verification::Revoked { .. } => None,
                };
                match last_day {
                    Some(last_day) => self.add(Field::VerifiedThrough, through(last_day.0)),
                    None => self.add(Field::Verification, organisation.verification.word()),
                }
                // What others say of it, and what it says itself.
                self.add(
                    Field::Attestation,
                    match organisation.standing {
                        Standing::Holder => Attestation::Confirmed.word(),
                        Standing::Profile => Attestation::Claimed.word(),
                    },
                );
            }
        }
    }
}
