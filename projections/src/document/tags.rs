//! What a record can be filtered and counted by: field and value, interned as small numbers. It reads documents, never events.

use super::{Body, Document, involvement::REVIEWER};
use crate::Circle;
use chrono::NaiveDate;
use convenio_events::{OrganisationId, Subject, code_list, language_map::canonical_tag, values::Theme};
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
    document.body.shown().add_tags(head, &mut tags);
    tags.0
}

/// The tags of one record.
pub(crate) struct Tags(BTreeSet<Tag>);

impl Tags {
    pub(super) fn add(&mut self, field: Field, value: impl Into<String>) {
        self.0.insert((field, value.into()));
    }

    pub(super) fn words<T: Copy>(&mut self, field: Field, values: &[T], word: impl Fn(T) -> &'static str) {
        values.iter().for_each(|value| self.add(field, word(*value)));
    }

    pub(super) fn themes(&mut self, themes: &[Theme]) {
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

    pub(super) fn places<'a>(&mut self, places: impl IntoIterator<Item = &'a convenio_events::values::Place>) {
        places.into_iter().for_each(|place| self.add(Field::Country, place.country()));
    }

    pub(super) fn languages<'a>(
        &mut self,
        languages: impl IntoIterator<Item = &'a convenio_events::language_map::LanguageTag>,
    ) {
        for tag in languages {
            // What was recorded before tags had one spelling is found by that all the same.
            let tag = canonical_tag(tag.as_str()).unwrap_or_else(|_| tag.to_string());
            self.add(Field::Language, tag.split('-').next().unwrap_or_default());
        }
    }

    pub(super) fn origins<'a>(&mut self, subjects: impl IntoIterator<Item = &'a Subject>) {
        subjects.into_iter().for_each(|subject| self.add(Field::Origin, subject.to_string()));
    }
}
