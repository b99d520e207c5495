//! Folds events into the rows of a collection: a version for each event, and one current row, its tags and its words for each
//! record. What a record shows is the document's business.

use super::{
    index::{self, Changed, FoundBy},
    names::Names,
    parts, renumber,
    rows::{Kept, Place, latest, load, make_latest, span, write_latest, write_row},
    versions::{self, Version, version},
    words::words_of,
};
use crate::{
    ApplyError, ViewName,
    document::{
        Document,
        tags::{Field, found_by, tags_of},
    },
    store::codec::tags_from,
    view::View,
};
use convenio_events::{
    AccessId, Event, StreamVersion, Subject,
    types::{
        Facts,
        access::{Facts as Access, Scope},
    },
};
use rusqlite::Connection;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Records that are kept in memory between pages; beyond it the least recently changed half is read again when it is needed.
const RECORDS_KEPT: usize = 8_000;
/// The most bytes, about, that they take; beyond it as for [`RECORDS_KEPT`].
const KEPT_BYTES: usize = 16 << 20;
/// The most bytes, about, that wait to be written; beyond it they are written before the page is over.
const WAITING_BYTES: usize = 8 << 20;

/// The fold of one collection.
pub(crate) struct Collection {
    view: ViewName,
    names: Option<Names>,
    samples: Option<HashSet<AccessId>>,
    records: HashMap<Subject, Kept>,
    versions: Vec<Version>,
    /// About how many bytes `records` and what waits take.
    kept_bytes: usize,
    waiting_bytes: usize,
    superseded: Vec<(i64, i64)>,
    no_longer_shown: Vec<(i64, i64)>,
    touched: Vec<Subject>,
    tags_gone: Vec<(u32, i64)>,
    tags_new: Vec<(u32, i64)>,
    words: Vec<Changed>,
    bulk: bool,
    /// In bulk, the numbers that records will have, by those that they have until the end.
    renumbered: BTreeMap<i64, i64>,
}

impl Collection {
    pub(super) fn new(view: ViewName) -> Self {
        Self {
            view,
            names: None,
            samples: None,
            records: HashMap::new(),
            versions: Vec::new(),
            kept_bytes: 0,
            waiting_bytes: 0,
            superseded: Vec::new(),
            no_longer_shown: Vec::new(),
            touched: Vec::new(),
            tags_gone: Vec::new(),
            tags_new: Vec::new(),
            words: Vec::new(),
            bulk: false,
            renumbered: BTreeMap::new(),
        }
    }

    fn fold(&mut self, file: &Connection, event: &Event) -> Result<(), ApplyError> {
        let subject = event.subject;
        let mut kept = match self.records.remove(&subject) {
            Some(kept) => Some(kept),
            // A record's first event needs no look at the file.
            None if event.stream_version == StreamVersion(0) => None,
            None => load(file, subject)?,
        };
        let mut opened = false;
        match &mut kept {
            Some(kept) => {
                let before = kept.document.head.standing.widest();
                kept.document.apply(event)?;
                opened = kept.document.head.standing.widest() < before;
                kept.words_changed |= event.text.is_some() || event.erased;
            }
            None => kept = Some(self.begin(file, event)?),
        }
        let mut kept = kept.expect("found or begun");
        parts::write(file, &kept, event)?;
        kept.document.leave_out_words_beyond_pages();
        self.kept_bytes = self.kept_bytes.saturating_sub(kept.bytes);
        let before = self.retag(file, &mut kept)?;
        let made = version(file, &mut kept, &before)?;
        self.supersede(&kept, &made);
        kept.waiting = Some(self.versions.len());
        if !made.aside {
            kept.waiting_shown = kept.waiting;
        }
        // The version waits as what changed, and until it is written also whole, for others to differ from.
        self.waiting_bytes += made.bytes() + kept.bytes;
        self.versions.push(made);
        if !kept.touched {
            kept.touched = true;
            self.touched.push(subject);
        }
        self.kept_bytes += kept.bytes;
        self.records.insert(subject, kept);
        if opened {
            self.give_new_number(file, subject, number_of(event))?;
        }
        if self.waiting_bytes > WAITING_BYTES { self.flush(file) } else { Ok(()) }
    }

    /// A record that more may see than ever before stands among those that are new now: its old place would tell them when it
    /// was recorded.
    fn give_new_number(&mut self, file: &Connection, subject: Subject, new: i64) -> Result<(), ApplyError> {
        if self.bulk {
            // No row is looked for by the new number before the end.
            let old = self.records.get(&subject).map(|kept| kept.number);
            self.renumbered.extend(old.map(|old| (old, new)));
            return Ok(());
        }
        // What waits has the old number.
        self.flush(file)?;
        // It may be too large to be kept.
        let kept = match self.records.remove(&subject) {
            Some(kept) => Some(kept),
            None => load(file, subject)?,
        };
        if let Some(mut kept) = kept {
            renumber::rows(file, kept.number, new)?;
            renumber::index(file, &kept, new)?;
            kept.number = new;
            self.records.insert(subject, kept);
        }
        Ok(())
    }

    fn begin(&mut self, file: &Connection, event: &Event) -> Result<Kept, ApplyError> {
        let mut document = Document::begin(event)?;
        document.head.sample = match event.grant {
            Some(grant) => self.samples(file)?.contains(&grant),
            None => false,
        };
        Ok(Kept {
            number: number_of(event),
            document,
            path: Vec::new(),
            bytes: 0,
            tags: Vec::new(),
            named: Default::default(),
            stored_tags: Vec::new(),
            waiting: None,
            waiting_shown: None,
            stored_latest: Vec::new(),
            stored_shown: None,
            touched: false,
            new: true,
            words_changed: true,
            spans: false,
            found_by: FoundBy::Few,
            place: Place::default(),
        })
    }

    /// Gives the record its tags, and says which it had. A record names ever more organisations: only the new ones are looked up.
    fn retag(&mut self, file: &Connection, kept: &mut Kept) -> rusqlite::Result<Vec<u32>> {
        let names = match &mut self.names {
            Some(names) => names,
            empty @ None => empty.insert(Names::load(file)?),
        };
        let organisations = found_by(&kept.document);
        let (known, named) = &mut kept.named;
        if !organisations.starts_with(known) {
            known.clear();
            named.clear();
        }
        for organisation in &organisations[known.len()..] {
            named.push(names.intern(file, (Field::Organisation, organisation.to_string()))?);
        }
        known.extend_from_slice(&organisations[known.len()..]);
        let mut tags = named.clone();
        for tag in tags_of(&kept.document) {
            tags.push(names.intern(file, tag)?);
        }
        tags.sort_unstable();
        tags.dedup();
        Ok(std::mem::replace(&mut kept.tags, tags))
    }

    /// The version that was current ends where this event stands.
    fn supersede(&mut self, kept: &Kept, by: &Version) {
        match (kept.waiting, kept.new) {
            (Some(waiting), _) => self.versions[waiting].to = Some(by.from),
            (None, true) => {}
            (None, false) => self.superseded.push((kept.number, by.from)),
        }
        match (kept.waiting_shown, kept.stored_shown) {
            _ if by.aside => {}
            (Some(waiting), _) => self.versions[waiting].shown_to = Some(by.from),
            (None, Some(stored)) => self.no_longer_shown.push((stored, by.from)),
            (None, None) => {}
        }
    }

    fn samples(&mut self, file: &Connection) -> rusqlite::Result<&mut HashSet<AccessId>> {
        match &mut self.samples {
            Some(samples) => Ok(samples),
            empty @ None => {
                let mut statement = file.prepare_cached("SELECT grant_id FROM sample_grant")?;
                let rows = statement.query_map([], |row| row.get::<_, uuid::Uuid>(0).map(AccessId::new))?;
                Ok(empty.insert(rows.collect::<Result<_, _>>()?))
            }
        }
    }

    fn write_versions(&mut self, file: &Connection) -> rusqlite::Result<()> {
        let mut end =
            file.prepare_cached("UPDATE version SET to_sequence = ?2 WHERE number = ?1 AND from_sequence = ?3")?;
        let mut find = file.prepare_cached("SELECT updated_sequence FROM record WHERE number = ?1")?;
        for (number, to) in self.superseded.drain(..) {
            let from: i64 = find.query_row([number], |row| row.get(0))?;
            end.execute([number, to, from])?;
        }
        let mut end = file.prepare_cached("UPDATE version SET shown_to_sequence = ?2 WHERE from_sequence = ?1")?;
        self.no_longer_shown.drain(..).try_for_each(|row| end.execute(row).map(|_| ()))?;
        versions::write(file, &mut self.versions)
    }

    fn write_record(&mut self, file: &Connection, subject: Subject) -> rusqlite::Result<()> {
        let kept = self.records.get_mut(&subject).expect("touched records are kept until they are written");
        let names = self.names.as_mut().expect("loaded with the first record");
        let (starts_on, ends_on) = span(&kept.document);
        let mut place = Place { starts_on, ends_on, title: std::mem::take(&mut kept.place.title) };
        let mut moved = (&place.starts_on, &place.ends_on) != (&kept.place.starts_on, &kept.place.ends_on);
        let found_by = FoundBy::of(kept.document.head.circle());
        if kept.words_changed || kept.found_by != found_by {
            let words = words_of(&kept.document);
            kept.found_by = found_by;
            self.words.push(Changed { number: kept.number, new: kept.new, words: words.indexed, found_by });
            moved |= place.title != words.sort_key;
            place.title = words.sort_key;
        }
        kept.place = place;
        write_row(file, subject, kept, moved)?;
        let latest = latest(&kept.document);
        if latest != kept.stored_latest {
            if !self.bulk {
                write_latest(file, kept, &latest)?;
            }
            kept.stored_latest = latest;
        }
        kept.stored_shown = Some(kept.document.head.shown_sequence().0.cast_signed());
        versions::write_current(file, kept)?;
        kept.path = Vec::new();
        for tag in kept.stored_tags.iter().filter(|tag| kept.tags.binary_search(tag).is_err()) {
            self.tags_gone.push((*tag, kept.number));
            names.count(*tag, -1);
        }
        for tag in kept.tags.iter().filter(|tag| kept.stored_tags.binary_search(tag).is_err()) {
            self.tags_new.push((*tag, kept.number));
            names.count(*tag, 1);
        }
        kept.stored_tags.clone_from(&kept.tags);
        (kept.waiting, kept.waiting_shown) = (None, None);
        (kept.touched, kept.new, kept.words_changed) = (false, false, false);
        Ok(())
    }

    /// In the table's own order, so that each of its pages is touched once.
    fn write_tags(&mut self, file: &Connection) -> rusqlite::Result<()> {
        if !self.bulk {
            self.tags_gone.sort_unstable();
            self.tags_new.sort_unstable();
            let mut delete = file.prepare_cached("DELETE FROM tag WHERE tag = ?1 AND number = ?2")?;
            self.tags_gone.iter().try_for_each(|row| delete.execute(*row).map(|_| ()))?;
            let mut insert = file.prepare_cached("INSERT INTO tag VALUES (?1, ?2)")?;
            self.tags_new.iter().try_for_each(|row| insert.execute(*row).map(|_| ()))?;
        }
        self.tags_gone.clear();
        self.tags_new.clear();
        Ok(())
    }

    fn evict(&mut self) {
        self.waiting_bytes = 0;
        if self.records.len() <= RECORDS_KEPT && self.kept_bytes <= KEPT_BYTES {
            return;
        }
        let sequence = |kept: &Kept| kept.document.head.updated.sequence;
        let mut ages: Vec<_> = self.records.values().map(|kept| (sequence(kept), kept.bytes)).collect();
        ages.sort_unstable_by_key(|(sequence, _)| std::cmp::Reverse(*sequence));
        let mut bytes = 0;
        let newest = ages.iter().take(RECORDS_KEPT / 2).take_while(|(_, size)| {
            bytes += size;
            bytes <= KEPT_BYTES / 2
        });
        let threshold = newest.last().map(|(sequence, _)| *sequence);
        self.records.retain(|_, kept| threshold.is_some_and(|threshold| sequence(kept) >= threshold));
        self.kept_bytes = self.records.values().map(|kept| kept.bytes).sum();
    }
}

/// The number that a record gets by an event, which happens to one record.
fn number_of(event: &Event) -> i64 {
    event.sequence.0.cast_signed()
}

impl View for Collection {
    fn apply(&mut self, file: &Connection, event: &Event) -> Result<(), ApplyError> {
        match &event.facts {
            Facts::Access(Access::Granted(granted)) => {
                if granted.scope == Scope::Sample {
                    let grant = AccessId::new(event.subject.id);
                    self.samples(file)?.insert(grant);
                    file.prepare_cached("INSERT OR IGNORE INTO sample_grant VALUES (?1)")?.execute([grant.uuid()])?;
                }
                Ok(())
            }
            // Nobody's record changes.
            Facts::Ledger(_) | Facts::Access(Access::Revoked(_)) => Ok(()),
            Facts::Organisation(_)
            | Facts::Listing(_)
            | Facts::Agreement(_)
            | Facts::Learning(_)
            | Facts::Convening(_)
            | Facts::Record(_) => {
                if ViewName::of_kind(event.subject.kind) == Some(self.view) {
                    self.fold(file, event)
                } else {
                    Ok(())
                }
            }
        }
    }

    fn flush(&mut self, file: &Connection) -> Result<(), ApplyError> {
        self.write_versions(file)?;
        for subject in std::mem::take(&mut self.touched) {
            self.write_record(file, subject)?;
        }
        self.write_tags(file)?;
        index::write(file, &mut self.words, self.bulk)?;
        if let Some(names) = &mut self.names {
            names.flush(file)?;
        }
        self.evict();
        Ok(())
    }

    fn forget(&mut self) {
        *self = Self::new(self.view);
    }

    fn begin_bulk(&mut self) {
        self.bulk = true;
    }

    /// The rows of `tag` all at once and in their own order, from what the records have, and the index of their words.
    fn finish_bulk(&mut self, file: &Connection) -> Result<(), ApplyError> {
        self.bulk = false;
        renumber::all(file, &std::mem::take(&mut self.renumbered))?;
        // They have the numbers of before.
        self.records.clear();
        self.kept_bytes = 0;
        let mut select = file.prepare("SELECT number, tags FROM record ORDER BY number")?;
        let mut rows = select.query([])?;
        let mut numbers: Vec<Vec<i64>> = Vec::new();
        while let Some(row) = rows.next()? {
            let number = row.get(0)?;
            for tag in tags_from(row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?) {
                let tag = tag as usize;
                if numbers.len() <= tag {
                    numbers.resize_with(tag + 1, Vec::new);
                }
                numbers[tag].push(number);
            }
        }
        let mut insert = file.prepare("INSERT INTO tag VALUES (?1, ?2)")?;
        for (tag, numbers) in (0_u32..).zip(&numbers) {
            numbers.iter().try_for_each(|number| insert.execute((tag, number)).map(|_| ()))?;
        }
        make_latest(file)?;
        Ok(index::make(file)?)
    }
}
