//! Who may see each record today, and what it is called: what views need that show more than one kind. It holds no documents.

use crate::{
    ApplyError, Circle, QueryError, ReaderIdentity,
    store::{
        Reader,
        codec::{circle_from, circle_number, organisations_bytes, organisations_from, subject_bytes},
    },
};
use convenio_events::{
    AgreementId, Event, OrganisationId, RecordKind, StreamVersion, Subject,
    codes::Visibility,
    types::{Facts, access, agreement, convening, learning, listing, organisation, record},
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::{HashMap, hash_map::Entry};

/// Subjects that are kept in memory between pages.
const SUBJECTS_KEPT: usize = 20_000;

/// `number` is the sequence of the subject's first event. Ids come in no order: what is kept by number is written where the last
/// rows were, and only one narrow index takes a page for each id.
pub(crate) const TABLE: &str = "
CREATE TABLE subject (
    number INTEGER PRIMARY KEY,
    subject BLOB NOT NULL UNIQUE,
    visibility INTEGER,
    later_visibility INTEGER,
    organisations BLOB NOT NULL,
    title TEXT
);
";
pub(crate) const DUMP: (&str, &str) = ("subject", "SELECT * FROM subject ORDER BY number");

const WRITE: &str = "INSERT INTO subject (number, subject, visibility, later_visibility, organisations, title) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (number) DO UPDATE SET \
    visibility = ?3, later_visibility = ?4, organisations = ?5, title = ?6";

/// Who may see a record today.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Standing {
    /// Those who may see it; unknown = nobody but admins and auditors.
    pub circle: Option<Circle>,
    /// The organisations named in it.
    pub organisations: Vec<OrganisationId>,
}

impl Standing {
    /// Whether this reader may see the record.
    pub fn lets(&self, reader: &ReaderIdentity) -> bool {
        reader.may_see(self.circle, &self.organisations)
    }
}

/// The standings of one file, as its writer knows them.
#[derive(Default)]
pub(crate) struct Standings {
    kept: HashMap<Subject, Kept>,
    touched: Vec<Subject>,
    /// The events since the last page that hid a record from somebody.
    hidden: Vec<i64>,
}

pub(crate) struct Kept {
    /// The sequence of the subject's first event.
    pub(crate) number: i64,
    pub(crate) standing: Standing,
    /// Of a learning that is not published yet, the visibility that it will have.
    later: Option<Circle>,
    title: Option<Box<str>>,
    touched: bool,
}

impl Standings {
    /// Learns what an event says of its subject, and gives what is known after it.
    pub(crate) fn learn(&mut self, file: &Connection, event: &Event, titles: bool) -> Result<&Kept, ApplyError> {
        let subject = event.subject;
        // A subject's first event needs no look at the file.
        let new = event.stream_version == StreamVersion(0);
        let kept = match self.kept.entry(subject) {
            Entry::Occupied(kept) => kept.into_mut(),
            Entry::Vacant(empty) if new => empty.insert(Kept::new(event)),
            Entry::Vacant(empty) => {
                let missing = || ApplyError::Contradiction(format!("{subject} has no first event"));
                empty.insert(load(file, subject)?.ok_or_else(missing)?)
            }
        };
        let before = kept.standing.circle;
        let mut changed = kept.look(event) || new;
        let circle = kept.standing.circle;
        if before.is_some() && circle != before && circle != Some(Circle::Public) {
            self.hidden.push(event.sequence.0.cast_signed());
        }
        each_named(event, |organisation| {
            if !kept.standing.organisations.contains(&organisation) {
                kept.standing.organisations.push(organisation);
                changed = true;
            }
        });
        if titles && let Some(title) = title(event) {
            kept.title = title;
            changed = true;
        }
        if changed && !kept.touched {
            kept.touched = true;
            self.touched.push(subject);
        }
        Ok(kept)
    }

    /// The events of this page that hid a record, in order.
    pub(crate) fn take_hidden(&mut self) -> Vec<i64> {
        std::mem::take(&mut self.hidden)
    }

    pub(crate) fn flush(&mut self, file: &Connection) -> rusqlite::Result<()> {
        self.hidden.clear();
        let mut write = file.prepare_cached(WRITE)?;
        for subject in self.touched.drain(..) {
            let Some(kept) = self.kept.get_mut(&subject) else { continue };
            kept.touched = false;
            let organisations = organisations_bytes(&kept.standing.organisations);
            write.execute(params![
                kept.number,
                subject_bytes(subject),
                circle_number(kept.standing.circle),
                circle_number(kept.later),
                organisations,
                kept.title
            ])?;
        }
        if self.kept.len() > SUBJECTS_KEPT {
            self.kept.clear();
        }
        Ok(())
    }
}

impl Kept {
    fn new(event: &Event) -> Self {
        let number = event.sequence.0.cast_signed();
        Self { number, standing: Standing::default(), later: None, title: None, touched: false }
    }

    /// Learns who may see the record from now on; true when that changed.
    fn look(&mut self, event: &Event) -> bool {
        let before = (self.standing.circle, self.later);
        match &event.facts {
            Facts::Learning(learning::Facts::Submitted(facts)) => {
                (self.standing.circle, self.later) = (Some(Circle::Review), Some(facts.visibility.into()));
            }
            // What was never published does not appear by being taken back.
            Facts::Learning(learning::Facts::Retracted(_)) => {
                if self.later.take().is_some() {
                    self.standing.circle = Some(Circle::Parties);
                }
            }
            Facts::Learning(learning::Facts::Published(_)) => {
                self.standing.circle = self.later.take().or(self.standing.circle);
            }
            Facts::Record(record::Facts::VisibilityChanged(facts)) if self.later.is_some() => {
                self.later = Some(facts.to.into())
            }
            _ => self.standing.circle = visibility(event).map(Circle::from).or(self.standing.circle),
        }
        before != (self.standing.circle, self.later)
    }
}

fn load(file: &Connection, subject: Subject) -> rusqlite::Result<Option<Kept>> {
    let sql = "SELECT visibility, organisations, title, later_visibility, number FROM subject WHERE subject = ?1";
    let found = file.prepare_cached(sql)?.query_row([subject_bytes(subject)], |row| {
        let title = row.get::<_, Option<String>>(2)?.map(Into::into);
        let later = circle_from(row.get(3)?);
        Ok(Kept { number: row.get(4)?, standing: standing_from(row, 0)?, later, title, touched: false })
    });
    found.optional()
}

/// The standing in a row, from its columns `visibility` and `organisations` on.
pub(crate) fn standing_from(row: &Row<'_>, at: usize) -> rusqlite::Result<Standing> {
    Ok(Standing {
        circle: circle_from(row.get(at)?),
        organisations: organisations_from(row.get_ref(at + 1)?.as_blob()?),
    })
}

/// A subject's standing.
pub(crate) fn read(reader: &Reader, subject: &[u8]) -> Result<Option<Standing>, QueryError> {
    let mut statement = reader.statement("SELECT visibility, organisations FROM subject WHERE subject = ?1")?;
    Ok(statement.query_row([subject], |row| standing_from(row, 0)).optional()?)
}

/// The record because of which something happened to another one: whoever may not see it may not see that either.
pub(crate) fn because_of(event: &Event) -> Option<Subject> {
    let agreement = |id: AgreementId| Some(Subject::from(id));
    match &event.facts {
        Facts::Listing(facts) => match facts {
            listing::Facts::Reserved(facts) => agreement(facts.agreement),
            listing::Facts::Allocated(facts) => agreement(facts.agreement),
            listing::Facts::Released(facts) => agreement(facts.agreement),
            listing::Facts::Fulfilled(facts) => facts.agreement.and_then(agreement),
            listing::Facts::Published(_)
            | listing::Facts::Revised(_)
            | listing::Facts::Paused(_)
            | listing::Facts::Resumed(_)
            | listing::Facts::Withdrawn(_)
            | listing::Facts::Expired(_) => None,
        },
        Facts::Ledger(_)
        | Facts::Access(_)
        | Facts::Organisation(_)
        | Facts::Agreement(_)
        | Facts::Learning(_)
        | Facts::Convening(_)
        | Facts::Record(_) => None,
    }
}

/// The visibility that an event gives its record.
fn visibility(event: &Event) -> Option<Visibility> {
    match &event.facts {
        // Events of the ledger itself are always public; who may act for whom is for those it is about.
        Facts::Ledger(_) => Some(Visibility::Public),
        Facts::Access(_) => Some(Visibility::Parties),
        Facts::Record(record::Facts::VisibilityChanged(facts)) => Some(facts.to),
        Facts::Organisation(organisation::Facts::Registered(facts)) => Some(facts.visibility),
        Facts::Listing(listing::Facts::Published(facts)) => Some(facts.visibility),
        Facts::Agreement(agreement::Facts::Drafted(facts)) => Some(facts.visibility),
        Facts::Agreement(agreement::Facts::Registered(facts)) => Some(facts.visibility),
        Facts::Learning(learning::Facts::Registered(facts)) => Some(facts.visibility),
        Facts::Convening(convening::Facts::Announced(facts)) => Some(facts.visibility),
        Facts::Convening(convening::Facts::Registered(facts)) => Some(facts.visibility),
        Facts::Organisation(_) | Facts::Listing(_) | Facts::Agreement(_) | Facts::Learning(_) | Facts::Convening(_) => {
            None
        }
    }
}

/// The organisations that an event names in its record; the same as [`crate::document::Document`] names.
fn each_named(event: &Event, mut name: impl FnMut(OrganisationId)) {
    let mut all = |organisations: &[OrganisationId]| organisations.iter().for_each(|organisation| name(*organisation));
    let parties = |terms: &agreement::Terms| {
        let parties = terms.parties.iter().map(|party| party.organisation);
        parties.chain(terms.commitments.iter().flat_map(|one| [one.provider, one.receiver])).collect::<Vec<_>>()
    };
    match &event.facts {
        Facts::Ledger(_) | Facts::Record(_) => {}
        Facts::Access(access::Facts::Granted(granted)) => {
            if let access::Scope::Organisations { organisations } = &granted.scope {
                all(organisations);
            }
        }
        Facts::Access(access::Facts::Revoked(_)) => {}
        Facts::Organisation(organisation::Facts::Registered(_)) => {
            debug_assert_eq!(event.subject.kind, RecordKind::Organisation);
            all(&[OrganisationId::new(event.subject.id)]);
            event.actor.organisation().iter().for_each(|actor| all(&[*actor]));
        }
        Facts::Organisation(organisation::Facts::AffiliationClaimed(facts)) => all(&[facts.with]),
        Facts::Organisation(_) => {}
        Facts::Listing(listing::Facts::Published(facts)) => all(&[facts.organisation]),
        Facts::Listing(_) => {}
        Facts::Agreement(agreement::Facts::Drafted(facts)) => {
            all(&[facts.by]);
            all(&parties(&facts.terms));
        }
        Facts::Agreement(agreement::Facts::Registered(facts)) => {
            all(&[facts.by]);
            all(&parties(&facts.terms));
        }
        Facts::Agreement(agreement::Facts::Revised(facts)) => all(&parties(&facts.terms)),
        Facts::Agreement(_) => {}
        Facts::Learning(learning::Facts::Registered(learning::Registered { by, content, .. }))
        | Facts::Learning(learning::Facts::Submitted(learning::Submitted { by, content, .. })) => {
            all(&[*by]);
            all(&content.authors);
        }
        Facts::Learning(learning::Facts::Revised(facts)) => all(&facts.content.authors),
        Facts::Learning(learning::Facts::Screened(facts)) => all(&[facts.by]),
        Facts::Learning(_) => {}
        Facts::Convening(convening::Facts::Announced(convening::Announced { by, plan, .. }))
        | Facts::Convening(convening::Facts::Registered(convening::Registered { by, plan, .. })) => {
            all(&[*by]);
            all(&plan.organisers);
            all(&plan.participants);
        }
        Facts::Convening(convening::Facts::SessionRecorded(facts)) => all(&facts.organisations),
        Facts::Convening(convening::Facts::VisitRecorded(facts)) => all(&[facts.host]),
        Facts::Convening(_) => {}
    }
}

/// The title that an event gives its record: `Some(None)` where it took it away by being erased.
fn title(event: &Event) -> Option<Option<Box<str>>> {
    let gives_title = match &event.facts {
        Facts::Organisation(organisation::Facts::Registered(_) | organisation::Facts::Revised(_))
        | Facts::Listing(listing::Facts::Published(_) | listing::Facts::Revised(_))
        | Facts::Agreement(
            agreement::Facts::Drafted(_) | agreement::Facts::Revised(_) | agreement::Facts::Registered(_),
        )
        | Facts::Learning(
            learning::Facts::Registered(_) | learning::Facts::Submitted(_) | learning::Facts::Revised(_),
        )
        | Facts::Convening(convening::Facts::Announced(_) | convening::Facts::Registered(_)) => true,
        Facts::Ledger(_)
        | Facts::Access(_)
        | Facts::Record(_)
        | Facts::Organisation(_)
        | Facts::Listing(_)
        | Facts::Agreement(_)
        | Facts::Learning(_)
        | Facts::Convening(_) => false,
    };
    gives_title.then(|| event.text.as_deref().and_then(title_in).map(Into::into))
}

fn title_in(text: &str) -> Option<&str> {
    #[derive(Deserialize)]
    struct Titled<'a> {
        #[serde(borrow, default)]
        title: Option<&'a RawValue>,
        #[serde(borrow, default)]
        name: Option<&'a RawValue>,
        #[serde(borrow, default)]
        terms: Option<&'a RawValue>,
    }
    let titled: Titled<'_> = serde_json::from_str(text).ok()?;
    match (titled.title.or(titled.name), titled.terms) {
        (Some(title), _) => Some(title.get()),
        (None, Some(terms)) => title_in(terms.get()),
        (None, None) => None,
    }
}
