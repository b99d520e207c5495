//! What came of a record: agreements and learnings that name it as where they come from. Who says so stands beside each; nobody
//! is asked whether it is true.

use super::presenter::Presenter;
use crate::pages::{
    parts::{Cell, Mark, Section},
    snapshot::document,
};
use convenio_events::{OrganisationId, RecordKind, Subject};
use convenio_projections::{
    QueryError, ViewName,
    collection::{self, ListQuery, Sort},
    document::{Body, Document},
};

/// The most agreements, and the most learnings, that a page lists: the newest.
const OUTPUTS_LIMIT: usize = 50;

/// The section, where there is anything in it that the reader may see.
pub(super) fn section(presenter: &Presenter<'_>, subject: Subject) -> Result<Option<Section>, QueryError> {
    let mut rows = Vec::new();
    for (kind, view) in [(RecordKind::Agreement, ViewName::Agreements), (RecordKind::Learning, ViewName::Learnings)] {
        let mut query = ListQuery::new(kind);
        query.filters.origins = vec![subject];
        // What was taken back since is marked where it is cited, not passed over.
        query.filters.taken_back = true;
        (query.sort, query.limit) = (Sort::Created, OUTPUTS_LIMIT);
        let snapshot = presenter.snapshot;
        for item in collection::list(snapshot.reader(view)?, snapshot.identity(), &query)?.items {
            rows.extend(row(presenter, &document(&item)?)?);
        }
    }
    let columns = ["column-what", "column-kind", "column-state", "column-organisations"];
    Ok(presenter.table("outputs", "section-outputs", &columns, rows))
}

fn row(presenter: &Presenter<'_>, output: &Document) -> Result<Option<Vec<Vec<Cell>>>, QueryError> {
    let (list, code, organisations) = match &output.body {
        Body::Agreement(agreement) => {
            let mut parties: Vec<OrganisationId> = Vec::new();
            for party in &agreement.terms.parties {
                if !parties.contains(&party.organisation) {
                    parties.push(party.organisation);
                }
            }
            ("instruments", agreement.terms.instrument.word(), parties)
        }
        Body::Learning(learning) => ("learning-kinds", learning.content.kind.word(), learning.content.authors.clone()),
        Body::Organisation(_) | Body::Listing(_) | Body::Convening(_) => return Ok(None),
    };
    let (head, subject) = (&output.head, Subject::new(output.head.kind, output.head.id));
    Ok(Some(vec![
        presenter.links([subject])?,
        vec![presenter.label(list, code)],
        vec![Cell::Mark(Mark::state(presenter.language, head.kind.states(), head.state.word()))],
        presenter.organisations(&organisations)?,
    ]))
}
