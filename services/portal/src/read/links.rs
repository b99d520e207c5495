//! What a record points to is told to those who may see that too.

use crate::{asking::Reading, problem::Problem};
use convenio_events::{RecordKind, Subject};
use convenio_projections::{
    QueryError, Reader, ReaderIdentity, ViewName, access, collection::Item, document::Document,
};
use serde_json::value::RawValue;
use std::collections::HashMap;

/// Leaves links out of what one reader is told, and remembers what it has looked up.
pub(crate) struct Links {
    access: Reader,
    reader: ReaderIdentity,
    seen: HashMap<Subject, bool>,
}

impl Links {
    /// # Errors
    /// What the view of grants, which knows who may see what, cannot answer.
    pub(crate) fn begin(reading: &mut Reading) -> Result<Self, Problem> {
        let access = reading.view(ViewName::Access)?;
        Ok(Self { access, reader: reading.identity.clone(), seen: HashMap::new() })
    }

    /// A record without its links to what the reader may not see.
    ///
    /// # Errors
    /// What the view of grants cannot answer.
    pub(crate) fn tell(&mut self, document: &mut Document) -> Result<bool, Problem> {
        let mut read = Ok(());
        let cut = document.retain_links(&mut |subject| {
            self.sees(subject).unwrap_or_else(|error| {
                read = Err(error);
                false
            })
        });
        read?;
        Ok(cut)
    }

    /// The same for one of a list.
    ///
    /// # Errors
    /// What the view of grants cannot answer.
    pub(crate) fn tell_item(&mut self, item: &mut Item) -> Result<(), Problem> {
        if self.reader.admin_or_auditor || item.gone || !may_link(item) {
            return Ok(());
        }
        let read = Document::from_json(item.kind, item.document.get());
        let mut document = read.map_err(|error| crate::problem::internal(&error))?;
        if self.tell(&mut document)? {
            item.document = RawValue::from_string(document.to_json()).expect("it was just written");
        }
        Ok(())
    }

    fn sees(&mut self, subject: Subject) -> Result<bool, QueryError> {
        if let Some(seen) = self.seen.get(&subject) {
            return Ok(*seen);
        }
        let standing = access::standing(&self.access, subject)?;
        let seen = standing.is_some_and(|standing| standing.lets(&self.reader));
        self.seen.insert(subject, seen);
        Ok(seen)
    }
}

/// Whether it is worth reading for links: most records have none.
fn may_link(item: &Item) -> bool {
    let says = |name: &str| item.document.get().contains(name);
    match item.kind {
        RecordKind::Offer | RecordKind::Demand => says("\"evidence\":") || says("\"fulfilled_by\":"),
        RecordKind::Agreement => !says("\"links\":{}") || says("\"source\":"),
        RecordKind::Learning => says("\"links\":"),
        RecordKind::Organisation | RecordKind::Convening | RecordKind::Ledger | RecordKind::Access => false,
    }
}
