//! The views as one page reads them: each at one position for as long as the page is put together. It writes no HTML.

use super::{
    locale::Language,
    parts::{Link, Mark, Moment},
    request::{PageError, PageRequest},
    words::Words,
};
use chrono::NaiveDate;
use convenio_events::{OrganisationId, Sequence, Subject, codes::Attestation};
use convenio_projections::{
    QueryError, Reader, ReaderIdentity, ViewName, activity,
    collection::{self, Item},
    document::{Body, Document, Organisation, State, Verification},
};
use std::{cell::RefCell, collections::HashMap};

/// The views that a page reads.
pub(super) struct Snapshot {
    readers: Vec<Reader>,
    identity: ReaderIdentity,
    language: Language,
    today: NaiveDate,
    /// A page names the same records again and again.
    links: RefCell<HashMap<Subject, Link>>,
}

impl Snapshot {
    /// Opens these views. Always in the same order, so that pages which wait for each other's connections cannot lock up.
    pub(super) fn open(request: &PageRequest, views: &[ViewName]) -> Result<Self, PageError> {
        let mut wanted = views.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        let readers = wanted.into_iter().map(|view| request.state.views.read(view)).collect::<Result<_, _>>()?;
        let (language, today) = (request.language, request.today);
        Ok(Self { readers, identity: request.identity.clone(), language, today, links: RefCell::default() })
    }

    /// One of the views that were opened.
    pub(super) fn reader(&self, view: ViewName) -> Result<&Reader, QueryError> {
        self.readers.iter().find(|reader| reader.view() == view).ok_or(QueryError::NotReady(view))
    }

    /// Who is reading.
    pub(super) fn identity(&self) -> &ReaderIdentity {
        &self.identity
    }

    /// In which language.
    pub(super) fn language(&self) -> Language {
        self.language
    }

    /// The last event that all of the views have folded.
    pub(super) fn sequence(&self) -> Option<Sequence> {
        let position = self.readers.iter().map(Reader::position).min()?;
        position.0.checked_sub(1).map(Sequence)
    }

    /// When that event was recorded; the activity view must be open.
    pub(super) fn as_of(&self) -> Result<Option<Moment>, QueryError> {
        let Some(sequence) = self.sequence() else { return Ok(None) };
        let time = activity::time_of(self.reader(ViewName::Activity)?, sequence)?;
        Ok(time.map(|time| Moment::new(self.language, time)))
    }

    /// A record as it is; `None` when there is none, or it is not the reader's, or its view was not opened.
    pub(super) fn record(&self, subject: Subject) -> Result<Option<Item>, QueryError> {
        let Some(view) = ViewName::of_kind(subject.kind) else { return Ok(None) };
        match self.reader(view) {
            Ok(reader) => collection::record(reader, &self.identity, subject),
            Err(_) => Ok(None),
        }
    }

    /// A link to an organisation with its name, marked where it is verified.
    pub(super) fn organisation(&self, id: OrganisationId) -> Result<Link, QueryError> {
        self.link(Subject::from(id))
    }

    /// A link to a record with its title; `None` where it is not the reader's to see.
    pub(super) fn link_if_seen(&self, subject: Subject) -> Result<Option<Link>, QueryError> {
        Ok(Some(self.link(subject)?).filter(|link| link.href.is_some()))
    }

    /// The same, and its kind alone where it is not the reader's to see.
    pub(super) fn link(&self, subject: Subject) -> Result<Link, QueryError> {
        if let Some(known) = self.links.borrow().get(&subject) {
            return Ok(known.clone());
        }
        let link = match self.record(subject)? {
            None => self.unnamed(subject),
            Some(item) => {
                let document = document(&item)?;
                let words = Words::of_title(self.language, document.title());
                let mark = match &document.body {
                    Body::Organisation(organisation) => self.verified(organisation),
                    // What was taken back is marked wherever it is cited.
                    Body::Learning(_) if document.head.state == State::Retracted => {
                        Some(Mark::state(self.language, "learning-states", State::Retracted.word()))
                    }
                    Body::Agreement(agreement) if agreement.attestation == Attestation::Denied => {
                        Some(Mark::attestation(self.language, Attestation::Denied))
                    }
                    Body::Listing(_) | Body::Agreement(_) | Body::Learning(_) | Body::Convening(_) => None,
                };
                Link { href: Some(self.path_of(subject)), words, mark }
            }
        };
        self.links.borrow_mut().insert(subject, link.clone());
        Ok(link)
    }

    /// The badge of an organisation that is verified today.
    pub(super) fn verified(&self, organisation: &Organisation) -> Option<Mark> {
        match self.verification(organisation) {
            state @ Verification::Verified(_) => {
                let label = self.language.label("verification-states", state.word());
                Some(Mark { class: "verified", sign: "\u{2713}", label })
            }
            Verification::Unverified | Verification::Expired(_) | Verification::Revoked { .. } => None,
        }
    }

    /// Whether somebody vouches for an organisation today.
    pub(super) fn verification(&self, organisation: &Organisation) -> Verification {
        organisation.verification.clone().on(self.today)
    }

    fn path_of(&self, subject: Subject) -> String {
        format!("/{}/{}/{}", self.language.code(), subject.kind.plural(), subject.id)
    }

    fn unnamed(&self, subject: Subject) -> Link {
        let kind = self.language.label("record-kinds", subject.kind.word());
        let id = subject.id.to_string();
        let short = id.get(..8).unwrap_or_default();
        Link { href: None, words: Words::plain(format!("{kind} {short}")), mark: None }
    }
}

/// What a view's row says.
pub(super) fn document(item: &Item) -> Result<Document, QueryError> {
    Ok(Document::from_json(item.kind, item.document.get())?)
}
