//! The narrow row of a record, and the filters that decide over it in memory. Which rows are looked at is said in `list`.

use super::query::{FILTER_VALUES_LIMIT, Filters, ListQuery, too_many_values};
use crate::document::tags::{Field, through};
use crate::{
    QueryError, ReaderIdentity, ViewName,
    document::State,
    store::{
        Reader,
        codec::{circle_from, organisations_from, tags_from},
    },
};
use chrono::NaiveDate;
use convenio_events::{RecordKind, code_list, codes::Attestation};
use rusqlite::{OptionalExtension as _, Row};

/// The columns of a [`PassedRow`], in its order.
pub(super) const COLUMNS: &str =
    "number, visibility, organisations, tags, updated_sequence, starts_on, ends_on, shown_sequence";

/// One record's [`COLUMNS`].
pub(super) const BY_NUMBER: &str = "SELECT number, visibility, organisations, tags, updated_sequence, starts_on, ends_on, \
    shown_sequence FROM record WHERE number = ?1";

/// All records' [`COLUMNS`].
pub(super) const ALL: &str =
    "SELECT number, visibility, organisations, tags, updated_sequence, starts_on, ends_on, shown_sequence FROM record";

/// A record that passed.
pub(super) struct PassedRow {
    pub(super) number: i64,
    /// The last event of which the reader may know when it happened.
    pub(super) updated: i64,
    pub(super) starts_on: Option<String>,
    pub(super) ends_on: Option<String>,
}

impl PassedRow {
    pub(super) fn read(row: &Row<'_>, identity: &ReaderIdentity) -> rusqlite::Result<Self> {
        let updated = updated(row, identity)?;
        Ok(Self { number: row.get(0)?, updated, starts_on: row.get(5)?, ends_on: row.get(6)? })
    }
}

/// Whether the reader may see the record of a row.
fn is_seen(row: &Row<'_>, identity: &ReaderIdentity) -> rusqlite::Result<bool> {
    let visibility = circle_from(row.get(1)?);
    // Most records are public, and most readers nobody: their lists of organisations need not be read.
    Ok(identity.may_see(visibility, &[]) || is_whole(row, identity)?)
}

/// Whether the reader sees all of the record of a row.
pub(super) fn is_whole(row: &Row<'_>, identity: &ReaderIdentity) -> rusqlite::Result<bool> {
    Ok(identity.admin_or_auditor
        || !identity.organisations.is_empty() && identity.is_one_of(&organisations_from(row.get_ref(2)?.as_blob()?)))
}

/// The last event of the record of a row of which the reader may know when it happened.
pub(super) fn updated(row: &Row<'_>, identity: &ReaderIdentity) -> rusqlite::Result<i64> {
    let (updated, shown): (i64, i64) = (row.get(4)?, row.get(7)?);
    Ok(if updated == shown || !is_whole(row, identity)? { shown } else { updated })
}

/// A question's filters with the numbers of their tags.
pub(super) struct RowFilter {
    /// Of each group, a record needs one.
    groups: Vec<Group>,
    from: Option<String>,
    to: Option<String>,
    pub(super) since: Option<i64>,
    /// Tags of what was taken back: it is shown to those alone who ask for it.
    taken_back: Vec<u32>,
}

struct Group {
    tags: Vec<u32>,
    /// About how many records have one of them, visible or not.
    records: i64,
}

impl RowFilter {
    /// Looks the filters' values up.
    pub(super) fn new(reader: &Reader, query: &ListQuery) -> Result<Self, QueryError> {
        let filters = &query.filters;
        let mut filter = Self {
            groups: Vec::new(),
            taken_back: Vec::new(),
            from: filters.from.map(|day| day.to_string()),
            to: filters.to.map(|day| day.to_string()),
            since: filters.updated_since_sequence.map(|sequence| i64::try_from(sequence.0).unwrap_or(i64::MAX)),
        };
        if ViewName::of_kind(query.kind) != Some(reader.view()) {
            return Err(QueryError::refused("wrong-view", "the records of this kind are in another view"));
        }
        if !query.whole_view && matches!(query.kind, RecordKind::Offer | RecordKind::Demand) {
            filter.add(reader, Field::Kind, &[query.kind.word().to_owned()])?;
        }
        let Filters { countries, themes, mechanisms, modalities, states, attestations, types, languages, .. } = filters;
        let Filters { kinds, levels, verifications, commitment_levels, .. } = filters;
        let (goals, targets): (Vec<_>, Vec<_>) = themes.iter().cloned().partition(|theme| is_whole_theme(theme));
        filter.add_themes(reader, &targets, &goals)?;
        filter.add(reader, Field::Country, countries)?;
        filter.add(reader, Field::Mechanism, mechanisms)?;
        filter.add(reader, Field::Modality, modalities)?;
        filter.add(reader, Field::State, states)?;
        filter.add(reader, Field::Attestation, attestations)?;
        filter.add(reader, Field::Type, types)?;
        filter.add(reader, Field::Language, languages)?;
        filter.add(reader, Field::Kind, kinds)?;
        filter.add(reader, Field::Level, levels)?;
        filter.add_verifications(reader, verifications, query.today)?;
        filter.add(reader, Field::Commitment, commitment_levels)?;
        filter.leave_out(reader, query)?;
        let origins: Vec<String> = filters.origins.iter().map(ToString::to_string).collect();
        filter.add(reader, Field::Origin, &origins)?;
        filter.add_organisations(reader, filters)?;
        Ok(filter)
    }

    /// What was retracted or denied is in no list, count or search that does not ask for it. Whoever follows what changes is told.
    fn leave_out(&mut self, reader: &Reader, query: &ListQuery) -> Result<(), QueryError> {
        let Filters { states, attestations, taken_back, updated_since_sequence, .. } = &query.filters;
        if *taken_back || query.as_of.is_some() || updated_since_sequence.is_some() {
            return Ok(());
        }
        let mut taken_back = Group { tags: Vec::new(), records: 0 };
        let retracted = State::Retracted.word().to_owned();
        if !states.contains(&retracted) {
            taken_back.look_up(reader, Field::State, &[retracted])?;
        }
        let denied = Attestation::Denied.word().to_owned();
        if !attestations.contains(&denied) && query.kind == RecordKind::Agreement {
            taken_back.look_up(reader, Field::Attestation, &[denied])?;
        }
        self.taken_back = taken_back.tags;
        Ok(())
    }

    fn add_themes(&mut self, reader: &Reader, targets: &[String], goals: &[String]) -> Result<(), QueryError> {
        if targets.is_empty() && goals.is_empty() {
            return Ok(());
        }
        let mut group = Group { tags: Vec::new(), records: 0 };
        group.look_up(reader, Field::Theme, targets)?;
        group.look_up(reader, Field::Goal, goals)?;
        self.groups.push(group);
        Ok(())
    }

    /// Whether a verification has expired depends on the day on which that is asked.
    fn add_verifications(
        &mut self,
        reader: &Reader,
        states: &[String],
        today: Option<NaiveDate>,
    ) -> Result<(), QueryError> {
        if states.is_empty() {
            return Ok(());
        }
        let mut group = Group { tags: Vec::new(), records: 0 };
        group.look_up(reader, Field::Verification, states)?;
        let (first, end) = ("through:".to_owned(), "through;".to_owned());
        let over = today.map_or_else(|| first.clone(), through);
        for (state, from, to) in [("expired", &first, &over), ("verified", &over, &end)] {
            if states.iter().any(|asked| asked == state) {
                group.look_up_range(reader, Field::VerifiedThrough, from, to)?;
            }
        }
        self.groups.push(group);
        Ok(())
    }

    fn add_organisations(&mut self, reader: &Reader, filters: &Filters) -> Result<(), QueryError> {
        let organisations: Vec<String> = filters.organisations.iter().map(ToString::to_string).collect();
        if organisations.is_empty() || filters.roles.is_empty() {
            self.add(reader, Field::Organisation, &organisations)?;
            return self.add(reader, Field::Role, &filters.roles);
        }
        let pairs = organisations.iter().flat_map(|who| filters.roles.iter().map(move |role| format!("{who}:{role}")));
        self.add(reader, Field::OrganisationRole, &pairs.take(FILTER_VALUES_LIMIT + 1).collect::<Vec<_>>())
    }

    fn add(&mut self, reader: &Reader, field: Field, values: &[String]) -> Result<(), QueryError> {
        if values.is_empty() {
            return Ok(());
        }
        let mut group = Group { tags: Vec::new(), records: 0 };
        group.look_up(reader, field, values)?;
        self.groups.push(group);
        Ok(())
    }

    /// Whether no record can pass.
    pub(super) fn is_empty(&self) -> bool {
        self.groups.iter().any(|group| group.tags.is_empty())
    }

    /// The tags of the narrowest group, and about how many records have one.
    pub(super) fn narrowest(&self) -> Option<(&[u32], i64)> {
        self.groups.iter().min_by_key(|group| group.records).map(|group| (&*group.tags, group.records))
    }

    /// Whether a reader may see the record of a row and finds it among those asked for. Nothing is copied: most rows are passed over.
    pub(super) fn passes(&self, row: &Row<'_>, identity: &ReaderIdentity) -> rusqlite::Result<bool> {
        Ok(self.passes_tags(row.get_ref(3)?.as_blob()?) && self.passes_but_tags(row, identity)?)
    }

    /// The same for a row of the past: the tags of a version may be in `tag_span`.
    pub(super) fn passed(&self, reader: &Reader, row: &Row<'_>, identity: &ReaderIdentity) -> Result<bool, QueryError> {
        if let Some(tags) = row.get_ref(3)?.as_blob_or_null().map_err(rusqlite::Error::from)? {
            return Ok(self.passes_tags(tags) && self.passes_but_tags(row, identity)?);
        }
        let (number, from): (i64, i64) = (row.get(0)?, row.get(4)?);
        let mut had = reader.statement(
            "SELECT 1 FROM tag_span WHERE number = ?1 AND tag = ?2 AND from_sequence <= ?3 \
             AND (to_sequence IS NULL OR to_sequence > ?3)",
        )?;
        for group in &self.groups {
            let mut any = false;
            for tag in &group.tags {
                any = any || had.exists((number, tag, from))?;
            }
            if !any {
                return Ok(false);
            }
        }
        Ok(self.passes_but_tags(row, identity)?)
    }

    fn passes_but_tags(&self, row: &Row<'_>, identity: &ReaderIdentity) -> rusqlite::Result<bool> {
        Ok(is_seen(row, identity)?
            && self.passes_dates(row.get_ref(5)?.as_str_or_null()?, row.get_ref(6)?.as_str_or_null()?)
            && match self.since {
                Some(since) => updated(row, identity)? >= since,
                None => true,
            })
    }

    fn passes_tags(&self, tags: &[u8]) -> bool {
        let taken_back = !self.taken_back.is_empty() && tags_from(tags).any(|tag| self.taken_back.contains(&tag));
        !taken_back && self.groups.iter().all(|group| tags_from(tags).any(|tag| group.tags.contains(&tag)))
    }

    /// Dates are compared as far as they are known: what ended in 2024 still went on in May of it.
    fn passes_dates(&self, starts_on: Option<&str>, ends_on: Option<&str>) -> bool {
        let ended_before = |from: &str| ends_on.is_some_and(|ends_on| ends_on < &from[..ends_on.len().min(from.len())]);
        let starts_after =
            |to: &str| starts_on.is_some_and(|starts_on| starts_on > &to[..starts_on.len().min(to.len())]);
        !self.from.as_deref().is_some_and(ended_before) && !self.to.as_deref().is_some_and(starts_after)
    }
}

/// Whether a theme is a whole goal or category, which has themes.
fn is_whole_theme(theme: &str) -> bool {
    match theme.split_once(':') {
        Some(("sdg", target)) => !target.contains('.'),
        Some(("dac", code)) => code_list::list("dac-categories").is_some_and(|list| list.get(code).is_some()),
        Some(_) | None => false,
    }
}

impl Group {
    /// The values from one on and before another, in their order as texts.
    fn look_up_range(&mut self, reader: &Reader, field: Field, from: &str, to: &str) -> Result<(), QueryError> {
        let sql = "SELECT tag, records FROM tag_name WHERE value >= ?1 AND value < ?2 AND field = ?3";
        let mut find = reader.statement(sql)?;
        let mut rows = find.query([from, to, field.word()])?;
        while let Some(row) = rows.next()? {
            self.tags.push(row.get(0)?);
            self.records += row.get::<_, i64>(1)?;
        }
        Ok(())
    }

    fn look_up(&mut self, reader: &Reader, field: Field, values: &[String]) -> Result<(), QueryError> {
        if values.len() > FILTER_VALUES_LIMIT {
            return Err(too_many_values());
        }
        let mut find = reader.statement("SELECT tag, records FROM tag_name WHERE value = ?1 AND field = ?2")?;
        for value in values {
            let found =
                find.query_row([value, field.word()], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?))).optional()?;
            if let Some((tag, records)) = found {
                self.tags.push(tag);
                self.records += records;
            }
        }
        Ok(())
    }
}
