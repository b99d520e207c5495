//! A seeded story: organisations, offers, demands, agreements, learnings, convenings, in the mix of a busy ledger.

use super::{By, Ledger, by, id};
use convenio_events::{
    Actor, AgreementId, LanguageMap, OrganisationId, RecordKind, Subject,
    codes::*,
    commitment::{Digest, Salt},
    entry::Audience,
    ids::{AffiliationId, CommitmentId},
    types::{access, agreement, convening, learning, listing, organisation, record},
    values::Quantity,
};
use std::collections::BTreeMap;

/// A small random number generator (xorshift64*): the same seed tells the same story.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

const TITLES: [(&str, &str); 8] = [
    ("es", "Formación de trabajadores comunitarios de salud en vacunación"),
    ("pt", "Formações em saúde da família e vigilância de hospitais"),
    ("fr", "Réseaux de laboratoires régionaux pour la tuberculose"),
    ("en", "Accompaniment of ministries in community health programmes"),
    ("es", "Intercambio de experiencias sobre cáncer de cuello uterino"),
    ("en", "Study visits to primary care facilities and pharmacies"),
    ("pt", "Apoio técnico para sistemas de informação em saúde"),
    ("fr", "Formation des infirmières en santé maternelle"),
];
const SUMMARY: &str = "Equipos de dos países trabajan juntos durante doce meses: visitas, asesoría remota y una guía compartida \
    que cada ministerio adapta a sus comunidades, con informes trimestrales sobre lo aprendido.";

pub fn text(language: &str, words: &str) -> LanguageMap {
    LanguageMap::new(language.parse().expect("tag"), words).expect("text")
}

fn title(dice: &mut Dice, number: usize) -> LanguageMap {
    let (language, words) = dice.pick(&TITLES);
    text(language, &format!("{words} {number}"))
}

pub fn listing_terms(dice: &mut Dice) -> listing::Terms {
    let themes = ["sdg:3.8", "sdg:3.3", "sdg:17.9", "dac:12220", "dac:12250", "mesh:D014611"];
    let places = ["PE", "HT", "MX", "US-AZ", "BR", "ES", "CO", "RW"];
    listing::Terms {
        site: None,
        themes: vec![dice.pick(&themes).parse().expect("theme")],
        mechanisms: vec![*dice.pick(Mechanism::ALL)],
        modalities: vec![*dice.pick(Modality::ALL)],
        places: vec![dice.pick(&places).parse().expect("place"), "CL".parse().expect("place")],
        languages: vec![dice.pick(&["es", "en", "pt-BR", "fr"]).parse().expect("tag")],
        quantity: (dice.below(2) == 0)
            .then(|| Quantity { amount: "20".parse().expect("amount"), unit: "expert-days".parse().expect("unit") }),
        costs: Vec::new(),
        urgency: None,
        valid_from: None,
        valid_through: (dice.below(2) == 0).then(|| format!("2027-0{}-15", 1 + dice.below(9)).parse().expect("date")),
        time_zone: None,
        evidence: Vec::new(),
    }
}

pub fn listing_text(title: LanguageMap) -> listing::ListingText {
    let summary = Some(text("es", SUMMARY));
    listing::ListingText { title, summary, conditions: None, keywords: Vec::new(), place_names: BTreeMap::new() }
}

pub fn organisation_facts(
    kind: OrganisationKind,
    standing: organisation::Standing,
    visibility: Visibility,
) -> organisation::Registered {
    let profile = organisation::Profile {
        kind,
        place: Some("PE".parse().expect("place")),
        languages: vec!["es".parse().expect("tag")],
    };
    organisation::Registered { standing, profile, identifiers: Vec::new(), visibility }
}

pub fn organisation_text(name: LanguageMap) -> organisation::ProfileText {
    organisation::ProfileText {
        name,
        description: None,
        office: None,
        mailbox: None,
        website: None,
        citation: None,
        place_names: BTreeMap::new(),
    }
}

pub fn agreement_terms(parties: &[(OrganisationId, PartyRole)], source: Option<Subject>) -> agreement::Terms {
    let commitment = agreement::Commitment {
        id: CommitmentId::new(uuid::Uuid::from_u128(9)),
        provider: parties[0].0,
        receiver: parties[1].0,
        quantity: None,
        due: None,
        source,
    };
    let party = |(organisation, role): &(OrganisationId, PartyRole)| agreement::Party {
        organisation: *organisation,
        site: None,
        roles: vec![*role],
        represents: Some("PE".parse().expect("place")),
        side: None,
        signs: true,
    };
    agreement::Terms {
        instrument: Instrument::Mou,
        parties: parties.iter().map(party).collect(),
        modality: Modality::Bilateral,
        direction: Direction::SouthSouth,
        mechanisms: vec![Mechanism::Training],
        themes: vec!["sdg:3.8".parse().expect("theme")],
        places: vec!["PE".parse().expect("place")],
        effective_on: None,
        ends_on: Some("2027-12-31".parse().expect("date")),
        review_on: None,
        renewal: None,
        notice_days: None,
        commitments: vec![commitment],
        milestones: Vec::new(),
        languages: Vec::new(),
        prevailing_language: None,
        documents: Vec::new(),
        time_zone: None,
    }
}

pub fn agreement_text(title: LanguageMap) -> agreement::SaltedTermsText {
    let terms = agreement::TermsText {
        title,
        objectives: Some(text("en", "Both learn from each other, and say what they learnt.")),
        commitments: BTreeMap::new(),
        milestones: BTreeMap::new(),
        place_names: BTreeMap::new(),
    };
    agreement::SaltedTermsText { terms, terms_salt: Salt([7; 32]), citation: None }
}

pub fn learning_content(authors: Vec<OrganisationId>) -> learning::Content {
    learning::Content {
        kind: LearningKind::Lesson,
        authors,
        themes: vec!["sdg:3.8".parse().expect("theme")],
        places: vec!["HT".parse().expect("place")],
        languages: vec!["es".parse().expect("tag")],
        licence: "CC-BY-4.0".to_owned().try_into().expect("licence"),
        occurred_on: Some("2024-01".parse().expect("date")),
        links: Vec::new(),
        documents: Vec::new(),
    }
}

pub fn learning_text(title: LanguageMap) -> learning::ContentText {
    learning::ContentText {
        title,
        context: Some(text("es", SUMMARY)),
        done: None,
        results: None,
        lessons: text("es", "Acompañar es quedarse."),
        recommendations: None,
        enabling_factors: None,
        limits: None,
        population: None,
        citation: None,
        keywords: Vec::new(),
        place_names: BTreeMap::new(),
    }
}

pub fn convening_plan(organisers: Vec<OrganisationId>, participants: Vec<OrganisationId>) -> convening::Plan {
    convening::Plan {
        organisers,
        participants,
        format: ConveningFormat::InPerson,
        place: Some("PE".parse().expect("place")),
        starts_on: "2024-01-22".parse().expect("date"),
        ends_on: Some("2024-01-26".parse().expect("date")),
        themes: vec!["sdg:17.16".parse().expect("theme")],
        languages: vec!["es".parse().expect("tag")],
    }
}

pub fn convening_text(title: LanguageMap) -> convening::PlanText {
    convening::PlanText { title, summary: None, venue: None, citation: None, place_names: BTreeMap::new() }
}

/// What a story has told so far.
pub struct Story {
    pub dice: Dice,
    pub organisations: Vec<OrganisationId>,
    listings: Vec<(Subject, OrganisationId)>,
    agreements: Vec<(AgreementId, OrganisationId, OrganisationId, Option<Subject>)>,
    next: u128,
}

impl Story {
    pub fn new(seed: u64) -> Self {
        Self { dice: Dice(seed | 1), organisations: Vec::new(), listings: Vec::new(), agreements: Vec::new(), next: 1 }
    }

    fn fresh(&mut self) -> u128 {
        self.next += 1;
        // Spread like UUIDv7: ascending, with noise behind.
        self.next << 80 | self.dice.below(1 << 30) as u128
    }

    fn visibility(&mut self) -> Visibility {
        match self.dice.below(10) {
            0 => Visibility::Members,
            1 => Visibility::Parties,
            _ => Visibility::Public,
        }
    }

    /// Tells on until the ledger has `until` events.
    pub fn tell(&mut self, ledger: &mut Ledger, until: u64) {
        while ledger.head().0 < until {
            match self.dice.below(100) {
                _ if self.organisations.len() < 4 => self.register(ledger),
                0..=3 => self.register(ledger),
                4..=44 => self.publish(ledger),
                45..=64 => self.change_listing(ledger),
                65..=89 => self.agree(ledger),
                90..=95 => self.learn(ledger),
                _ => self.convene(ledger),
            }
        }
    }

    fn register(&mut self, ledger: &mut Ledger) {
        let new: OrganisationId = id(self.fresh());
        let visibility = self.visibility();
        let facts =
            organisation_facts(*self.dice.pick(OrganisationKind::ALL), organisation::Standing::Holder, visibility);
        let name = title(&mut self.dice, self.organisations.len());
        ledger.put(new, by(new), audience(visibility), facts, Some(organisation_text(name)));
        if let Some(other) = self.organisations.last().copied() {
            let affiliation = AffiliationId::new(uuid::Uuid::from_u128(self.fresh()));
            let claimed = organisation::AffiliationClaimed { affiliation, with: other, kind: AffiliationKind::Sister };
            ledger.put(new, by(new), audience(visibility), claimed, None);
            if self.dice.below(2) == 0 {
                let confirmed = organisation::AffiliationConfirmed { affiliation, by: other };
                ledger.put(new, by(other), audience(visibility), confirmed, None);
            }
        }
        self.organisations.push(new);
    }

    fn publish(&mut self, ledger: &mut Ledger) {
        let owner = *self.dice.pick(&self.organisations);
        let kind = if self.dice.below(2) == 0 { RecordKind::Offer } else { RecordKind::Demand };
        let subject = Subject::new(kind, id::<()>(self.fresh()).uuid());
        let visibility = self.visibility();
        let facts = listing::Published { organisation: owner, terms: listing_terms(&mut self.dice), visibility };
        let title = title(&mut self.dice, self.listings.len());
        ledger.put(subject, by(owner), audience(visibility), facts, Some(listing_text(title)));
        self.listings.push((subject, owner));
    }

    fn change_listing(&mut self, ledger: &mut Ledger) {
        let at = self.recent(self.listings.len());
        let Some((subject, owner)) = self.listings.get(at).copied() else { return };
        let (who, everybody) = (by(owner), Audience::Public);
        match self.dice.below(6) {
            0 => drop(ledger.put(subject, who, everybody, listing::Paused {}, None)),
            1 => drop(ledger.put(subject, who, everybody, listing::Resumed {}, None)),
            2 => drop(ledger.put(subject, who, everybody, listing::Withdrawn {}, None)),
            3 => {
                let facts = listing::Revised { terms: listing_terms(&mut self.dice) };
                let title = title(&mut self.dice, 1_000_000);
                ledger.put(subject, who, everybody, facts, Some(listing_text(title)));
            }
            4 => {
                let to = self.visibility();
                let changed = record::VisibilityChanged { from: Visibility::Public, to };
                ledger.put(subject, who, audience(to), changed, None);
            }
            _ => {
                let facts = listing::Fulfilled { agreement: None };
                ledger.put(subject, By { actor: Actor::Clock, grant: None }, everybody, facts, None);
            }
        }
    }

    /// Mostly something recent: old records are rarely touched.
    fn recent(&mut self, length: usize) -> usize {
        if length == 0 {
            return 0;
        }
        let back = if self.dice.below(10) == 0 { length } else { length.min(200) };
        length - 1 - self.dice.below(back)
    }

    fn agree(&mut self, ledger: &mut Ledger) {
        if self.agreements.is_empty() || self.dice.below(3) == 0 {
            return self.draft(ledger);
        }
        let at = self.recent(self.agreements.len());
        let (agreement, first, second, source) = self.agreements[at];
        let restricted = Audience::Restricted;
        let (terms_digest, on) = (Digest([3; 32]), "2026-11-21".parse().expect("date"));
        let signed = |by| agreement::Signed { by, method: SignatureMethod::Platform, terms_digest, mandate: None, on };
        ledger.put(agreement, by(first), restricted, agreement::Proposed { terms_digest }, None);
        let quantity =
            Some(Quantity { amount: "2".parse().expect("amount"), unit: "expert-days".parse().expect("unit") });
        if let Some(source) = source {
            let reserved = listing::Reserved { agreement, quantity, further: Vec::new() };
            ledger.put(source, by(first), restricted, reserved, None);
        }
        ledger.put(agreement, by(first), restricted, signed(first), None);
        if self.dice.below(4) > 0 {
            ledger.put(agreement, by(second), restricted, signed(second), None);
            ledger.put(agreement, by(second), restricted, agreement::Activated { effective_on: on }, None);
            if let Some(source) = source {
                ledger.put(source, by(second), restricted, listing::Allocated { agreement }, None);
            }
        }
    }

    fn draft(&mut self, ledger: &mut Ledger) {
        let agreement: AgreementId = id(self.fresh());
        let (first, second) = (*self.dice.pick(&self.organisations), *self.dice.pick(&self.organisations));
        let source = self.listings.last().map(|(subject, _)| *subject);
        let visibility = if self.dice.below(3) == 0 { Visibility::Public } else { Visibility::Parties };
        let facts = agreement::Drafted {
            by: first,
            terms: agreement_terms(&[(first, PartyRole::Offering), (second, PartyRole::Requesting)], source),
            terms_digest: Digest([3; 32]),
            links: agreement::Links::default(),
            visibility,
        };
        let title = title(&mut self.dice, self.agreements.len());
        ledger.put(agreement, by(first), audience(visibility), facts, Some(agreement_text(title)));
        self.agreements.push((agreement, first, second, source));
    }

    fn learn(&mut self, ledger: &mut Ledger) {
        let subject = id::<convenio_events::ids::LearningKindMarker>(self.fresh());
        let (author, reviewer) = (*self.dice.pick(&self.organisations), *self.dice.pick(&self.organisations));
        let visibility = self.visibility();
        let content = learning_content(vec![author]);
        let title = title(&mut self.dice, 7);
        let facts = learning::Submitted { by: author, content, visibility };
        ledger.put(subject, by(author), Audience::Restricted, facts, Some(learning_text(title)));
        let outcome = ScreeningOutcome::Passed;
        let screened = learning::Screened { by: reviewer, outcome, affiliations: Vec::new() };
        ledger.put(subject, by(reviewer), Audience::Restricted, screened, None);
        if self.dice.below(3) > 0 {
            let published = learning::Published { level: LearningLevel::Screened };
            ledger.put(subject, by(author), audience(visibility), published, None);
        }
    }

    fn convene(&mut self, ledger: &mut Ledger) {
        let subject = id::<convenio_events::ids::ConveningKindMarker>(self.fresh());
        let (organiser, guest) = (*self.dice.pick(&self.organisations), *self.dice.pick(&self.organisations));
        let plan = convening_plan(vec![organiser], vec![guest]);
        let facts = convening::Registered { by: organiser, plan, visibility: Visibility::Public };
        let title = title(&mut self.dice, 8);
        ledger.put(subject, by(organiser), Audience::Public, facts, Some(convening_text(title)));
        let confirmed = convening::ParticipationConfirmed { by: guest };
        ledger.put(subject, by(guest), Audience::Public, confirmed, None);
    }
}

pub fn audience(visibility: Visibility) -> Audience {
    if visibility == Visibility::Public { Audience::Public } else { Audience::Restricted }
}

/// A grant for organisations, or a sample's.
pub fn granted(scope: access::Scope, role: AccessRole, token: Option<Digest>) -> access::Granted {
    access::Granted {
        scope,
        role,
        may_sign: false,
        on_behalf: false,
        mandate: None,
        valid_from: convenio_events::Timestamp::from_micros(0),
        valid_through: None,
        token_digest: token,
    }
}
