//! Counts that were just counted, for the next who asks the same at the same position. It never answers for another position or
//! another reader.

use super::query::{Count, FacetCount, Filters, ListQuery};
use crate::ReaderIdentity;
use chrono::NaiveDate;
use convenio_events::{RecordKind, Sequence};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Questions that are remembered; at one more, all are forgotten.
const QUESTIONS_KEPT: usize = 256;

/// Everything that a count depends on besides the position.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Question {
    kind: RecordKind,
    whole_view: bool,
    q: Option<String>,
    filters: Filters,
    facets: bool,
    today: Option<NaiveDate>,
    reader: ReaderIdentity,
}

impl Question {
    pub(super) fn new(query: &ListQuery, reader: &ReaderIdentity) -> Self {
        Self {
            kind: query.kind,
            whole_view: query.whole_view,
            q: query.q.clone(),
            filters: query.filters.clone(),
            facets: query.facets,
            today: query.today,
            reader: reader.clone(),
        }
    }
}

/// What was counted.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    pub(super) total: Count,
    pub(super) facets: Option<BTreeMap<String, Vec<FacetCount>>>,
}

/// The counts of one file.
#[derive(Debug, Default)]
pub(crate) struct Counted(Mutex<(Sequence, HashMap<Question, Counts>)>);

impl Counted {
    fn lock(&self) -> MutexGuard<'_, (Sequence, HashMap<Question, Counts>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, position: Sequence, question: &Question) -> Option<Counts> {
        let known = self.lock();
        if known.0 == position { known.1.get(question).cloned() } else { None }
    }

    pub(super) fn put(&self, position: Sequence, question: Question, counts: Counts) {
        let mut known = self.lock();
        if known.0 > position {
            return;
        }
        if known.0 < position || known.1.len() >= QUESTIONS_KEPT {
            known.1.clear();
            known.0 = position;
        }
        known.1.insert(question, counts);
    }
}
