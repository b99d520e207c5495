//! Other organisations of the same name, told to whoever registers or renames one: it may be the same one. Nothing is refused
//! for it, and nobody is told of an organisation that is not theirs to see.

use crate::state::PortalState;
use convenio_events::{RecordKind, Sequence, Subject, commitment::Digest};
use convenio_ledger::{authorise::Credential, commands::Command, rejection::Accepted, submission::Body};
use convenio_projections::{
    ViewName,
    collection::{self, ListQuery},
};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// The most organisations of the same name that an answer names; more are not named.
const NAMESAKES_LIMIT: usize = 10;
/// The most organisations that are looked at for one name; those that fit the words of it best come first.
const SEARCHED_LIMIT: usize = 50;
/// The most languages of a name that are looked for; the names in others are not.
const LANGUAGES_LIMIT: usize = 4;
/// How long an answer waits for the view to know what was recorded before; then it names those that are known.
const WAIT_LIMIT: Duration = Duration::from_millis(500);

/// The names that a command gives an organisation, as one looks for them.
#[derive(Debug, Default)]
pub(super) struct Names {
    token: Option<Digest>,
    names: BTreeSet<String>,
}

impl Names {
    /// Those of a command; none where it names no organisation.
    pub(super) fn of(body: Option<&Body>, credential: Credential) -> Self {
        let name = match body.map(|body| &body.command) {
            Some(Command::RegisterOrganisation(data)) => &data.text.name,
            Some(Command::ReviseOrganisation(data)) => &data.text.name,
            _ => return Self::default(),
        };
        let token = match credential {
            Credential::Token(digest) => Some(digest),
            Credential::Grant(_) | Credential::Operator => None,
        };
        Self { token, names: name.texts().take(LANGUAGES_LIMIT).map(|(_, name)| folded(name)).collect() }
    }

    /// The others that have one of these names and that the caller may see. Where that cannot be found out, nobody is named.
    pub(super) async fn others(self, state: &PortalState, accepted: &Accepted, wait: bool) -> Vec<Subject> {
        if self.names.is_empty() {
            return Vec::new();
        }
        if wait {
            let before = Sequence(accepted.sequence.0);
            // What is not known by then is not named.
            let _ = state.views().wait_for(&[ViewName::Organisations], before, WAIT_LIMIT).await;
        }
        let Self { token, names } = self;
        let itself = accepted.subject;
        let found = state.ask(token, move |reading| {
            let mut others = BTreeSet::new();
            for name in &names {
                let q = Some(name.clone());
                let query = ListQuery { q, limit: SEARCHED_LIMIT, ..ListQuery::new(RecordKind::Organisation) };
                let page = collection::list(&reading.view(ViewName::Organisations)?, &reading.identity, &query)?;
                let same = page.items.iter().filter(|item| names_of(item.document.get()).any(|other| other == *name));
                others.extend(same.map(|item| Subject::new(item.kind, item.id)).filter(|other| *other != itself));
            }
            Ok(others)
        });
        found.await.map(|others| others.into_iter().take(NAMESAKES_LIMIT).collect()).unwrap_or_default()
    }
}

#[derive(Deserialize)]
struct Document {
    text: Option<Text>,
}
#[derive(Deserialize)]
struct Text {
    name: Name,
}
#[derive(Deserialize)]
struct Name {
    texts: BTreeMap<String, String>,
}

fn names_of(document: &str) -> impl Iterator<Item = String> {
    let text = serde_json::from_str::<Document>(document).ok().and_then(|document| document.text);
    text.into_iter().flat_map(|text| text.name.texts.into_values()).map(|name| folded(&name))
}

/// A name without regard to case, accents and spaces, as a search compares its words.
fn folded(name: &str) -> String {
    name.split_whitespace().map(collection::fold).collect::<Vec<_>>().join(" ")
}
