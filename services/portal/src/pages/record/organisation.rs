//! An organisation's page: who it is, who vouches for it, where it works, and its history.

use super::{
    Shown, passport,
    presenter::{Presenter, read},
};
use crate::pages::{
    cards::Filling,
    kinds::RecordPage,
    parts::{Cell, Fact, Facts, Link, Mark, Part, Section},
    snapshot::Snapshot,
    trail,
    words::Words,
};
use convenio_events::types::organisation::{ProfileText, SiteText, Standing};
use convenio_projections::{
    QueryError,
    document::{Affiliation, Document, Head, Organisation, Site, Verification, Vouched},
};

impl RecordPage for Organisation {
    fn fill(&self, card: Filling<'_>, _: &Document) -> Result<(), QueryError> {
        let mut facts = Facts::default();
        let sites = self.sites.iter().filter(|site| !site.closed).map(|site| &site.place);
        let places: Vec<_> = self.profile.place.iter().chain(sites).cloned().collect();
        facts.add(card.language.say("fact-places"), card.places(&places));
        card.card.facts = facts.done();
        card.card.kind_label = card.language.label("organisation-kinds", self.profile.kind.word());
        Ok(())
    }

    /// Whether the organisation itself is here, and who vouches for it.
    fn marks(&self, snapshot: &Snapshot) -> Vec<Mark> {
        let language = snapshot.language();
        let mut marks = Vec::new();
        if self.standing == Standing::Profile {
            marks.push(Mark { class: "claimed", sign: "\u{25cb}", label: language.say("mark-profile").into_owned() });
        }
        if let Some(mark) = snapshot.verified(self) {
            marks.push(mark);
        } else if self.standing == Standing::Holder {
            let label = language.label("verification-states", snapshot.verification(self).word());
            marks.push(Mark { class: "unverified", sign: "", label });
        }
        marks
    }

    fn show(&self, presenter: &Presenter<'_>, head: &Head) -> Result<Shown, QueryError> {
        let text: Option<ProfileText> = read(self.text.as_deref());
        let text = text.as_ref();
        let profile = &self.profile;
        let mut facts = presenter.facts();
        let standing = match self.standing {
            Standing::Holder => "organisation-holder",
            Standing::Profile => "organisation-profile",
        };
        facts.add(presenter.say("fact-standing"), [Cell::Plain(presenter.say(standing))]);
        facts.add(
            presenter.say("fact-places"),
            presenter.places(profile.place.as_slice(), text.map(|text| &text.place_names)),
        );
        facts.add(presenter.say("fact-languages"), presenter.languages(&profile.languages));
        facts.add(presenter.say("fact-identifiers"), self.identifiers.iter().map(|one| Cell::Code(one.to_string())));
        facts.add(presenter.say("fact-office"), presenter.line(text.and_then(|text| text.office.as_ref())));
        // A mailbox is shown as text: what stands there is not ours to open.
        let mailbox =
            text.and_then(|text| text.mailbox.as_ref()).map(|mailbox| Cell::Words(Words::plain(mailbox.as_str())));
        facts.add(presenter.say("fact-mailbox"), mailbox);
        facts.add(presenter.say("fact-website"), presenter.line(text.and_then(|text| text.website.as_ref())));
        facts.add(presenter.say("fact-citation"), presenter.line(text.and_then(|text| text.citation.as_ref())));
        let mut facts = facts.done();
        facts.extend(verification(presenter, self)?);
        let mut sections = vec![own_lists(presenter, head)];
        sections.extend(sites(presenter, &self.sites));
        sections.extend(affiliations(presenter, &self.affiliations)?);
        sections.extend(passport::sections(presenter, head)?);
        Ok(Shown {
            kind_label: Some(presenter.language.label("organisation-kinds", profile.kind.word())),
            intro: text.and_then(|text| text.description.as_ref()).map(|description| presenter.words(description)),
            facts,
            sections,
        })
    }
}

fn verification(presenter: &Presenter<'_>, organisation: &Organisation) -> Result<Vec<Fact>, QueryError> {
    let mut facts = presenter.facts();
    let verification = presenter.snapshot.verification(organisation);
    let word = verification.word();
    match &verification {
        Verification::Unverified => {
            facts.add(presenter.say("fact-verification"), [presenter.label("verification-states", word)]);
        }
        Verification::Revoked { since } => {
            let day = Cell::Plain(presenter.language.day(since.time.to_utc().date_naive()));
            facts.add(presenter.say("fact-verification"), [presenter.label("verification-states", word), day]);
        }
        Verification::Verified(vouched) | Verification::Expired(vouched) => {
            let Vouched { method, valid_through, by_itself, by, since, .. } = vouched;
            let day = presenter.language.day(since.time.to_utc().date_naive());
            let verified = [presenter.label("verification-states", word), Cell::Plain(format!("({day})"))];
            facts.add(presenter.say("fact-verification"), verified);
            facts.add(presenter.say("fact-verified-how"), [presenter.label("verification-methods", method.word())]);
            let who = if *by_itself {
                Cell::Plain(presenter.say("verified-by-itself"))
            } else {
                trail::actor(presenter.snapshot, *by)?
            };
            facts.add(presenter.say("fact-verified-by"), [who]);
            facts.add(
                presenter.say("fact-valid-through"),
                valid_through.map(|last| Cell::Plain(presenter.language.day(last.0))),
            );
        }
    }
    Ok(facts.done())
}

/// Where the lists show only what this organisation takes part in.
fn own_lists(presenter: &Presenter<'_>, head: &Head) -> Section {
    let link = |(path, key): (&str, &'static str)| {
        let href = format!("/{}/{path}?organisation={}", presenter.language.code(), head.id);
        vec![Cell::Link(Link { href: Some(href), words: Words::plain(presenter.say(key)), mark: None })]
    };
    let lists = [
        ("offers", "heading-offers"),
        ("demands", "heading-demands"),
        ("agreements", "nav-agreements"),
        ("learnings", "nav-learnings"),
        ("convenings", "nav-convenings"),
    ];
    Section { id: "lists", heading: presenter.say("section-lists"), parts: vec![Part::List(lists.map(link).into())] }
}

fn sites(presenter: &Presenter<'_>, all: &[Site]) -> Option<Section> {
    let row = |one: &Site| {
        let text: Option<SiteText> = read(one.text.as_deref());
        let name = text.as_ref().map(|text| Cell::Words(presenter.words(&text.name)));
        let closed =
            one.closed.then(|| Cell::Mark(Mark { class: "state over", sign: "", label: presenter.say("site-closed") }));
        let place = Cell::Plain(presenter.place(&one.place, text.as_ref().map(|text| &text.place_names)));
        vec![name.into_iter().chain(closed).collect(), vec![place]]
    };
    let rows = all.iter().map(row).collect();
    presenter.table("sites", "section-sites", &["column-name", "column-place"], rows)
}

fn affiliations(presenter: &Presenter<'_>, all: &[Affiliation]) -> Result<Option<Section>, QueryError> {
    let row = |one: &Affiliation| {
        Ok(vec![
            vec![presenter.label("affiliation-kinds", one.kind.word())],
            vec![presenter.organisation(one.with)?],
            vec![Cell::Mark(Mark::attestation(presenter.language, one.attestation))],
        ])
    };
    let rows = all.iter().map(row).collect::<Result<_, QueryError>>()?;
    Ok(presenter.table(
        "affiliations",
        "section-affiliations",
        &["column-kind", "column-organisation", "column-vouches"],
        rows,
    ))
}
