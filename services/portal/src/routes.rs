//! Every route of the JSON API in one list, with the right it needs. Which function answers is in `router`; pages list
//! their own.

use convenio_events::RecordKind;
use convenio_projections::{ViewName, document::PartKind};

/// Something that a caller can ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// One command.
    SendCommand,
    /// Many commands.
    SendCommands,
    /// A page of the log, or the live stream of it.
    Events,
    /// One event.
    Event,
    /// One event's data.
    EventData,
    /// A list of records.
    List(Collection),
    /// One record.
    Record(Collection),
    /// One record's events.
    History(Collection),
    /// The items of one list of a record.
    Parts(Collection),
    /// All records of a kind.
    Export(Collection),
    /// What an organisation took part in.
    Partnerships,
    /// What happened lately.
    Activity,
    /// Who recorded what, when, under which grant.
    Audit,
    /// Who may act for whom.
    Grants,
    /// Which code lists there are.
    CodeLists,
    /// One code list.
    CodeList,
    /// How the node is doing.
    Status,
    /// Begins to make a view anew.
    Rebuild,
    /// How far that is.
    RebuildProgress,
    /// Gives that up.
    CancelRebuild,
    /// The schema of one event type.
    Schema,
    /// The event stream's contract.
    AsyncApi,
    /// This API's contract.
    OpenApi,
    /// This API's contract, for people.
    Docs,
    /// Whether the process answers.
    Health,
    /// Whether it can do its work.
    Ready,
    /// What it counts.
    Metrics,
}

/// A kind of record with a view of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Collection {
    /// Which kind.
    pub kind: RecordKind,
    /// The view that holds it.
    pub view: ViewName,
}

/// Every collection, in the order of the contract.
pub fn collections() -> impl Iterator<Item = Collection> {
    let of = |kind: &RecordKind| Some(Collection { kind: *kind, view: ViewName::of_kind(*kind)? });
    RecordKind::ALL.iter().filter_map(of)
}

/// What a caller must be allowed to do. Commands are judged by the ledger, records by their visibility.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Right {
    /// Anybody: it shows nothing of any record.
    Anybody,
    /// Anybody sees what is public; a token shows what its organisation may see.
    Reader,
    /// A valid token; what it shows is what its organisation may see.
    Token,
    /// A valid token whose grant has the right that the command needs.
    Command,
    /// The token of an admin of the ledger.
    Admin,
}

/// The methods that routes take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verb {
    /// GET, and HEAD with it.
    Get,
    /// POST.
    Post,
    /// DELETE.
    Delete,
}

/// Where an operation is, and who may ask for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    /// Its method.
    pub verb: Verb,
    /// Its path, with `{names}` of what varies.
    pub path: String,
    /// Who may ask for it.
    pub right: Right,
}

impl Operation {
    /// Every operation, in the order of the contract.
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::SendCommand, Self::SendCommands, Self::Events, Self::Event, Self::EventData];
        for collection in collections() {
            all.extend([Self::List, Self::Record, Self::History, Self::Export].map(|operation| operation(collection)));
            if !PartKind::of(collection.kind).is_empty() {
                all.push(Self::Parts(collection));
            }
        }
        all.extend([Self::Partnerships, Self::Activity, Self::Audit, Self::Grants]);
        all.extend([Self::CodeLists, Self::CodeList, Self::Status]);
        all.extend([Self::Rebuild, Self::RebuildProgress, Self::CancelRebuild]);
        all.extend([Self::Schema, Self::AsyncApi, Self::OpenApi, Self::Docs, Self::Health, Self::Ready, Self::Metrics]);
        all
    }

    /// Its one line in the list.
    pub fn route(self) -> Route {
        use Right::{Admin, Anybody, Reader, Token};
        let plural = |collection: Collection| collection.kind.plural();
        let get = |path: &str, right| Route { verb: Verb::Get, path: path.to_owned(), right };
        let rebuild = |verb, right| Route { verb, path: "/api/v1/views/{view}/rebuild".to_owned(), right };
        let post = |path: &str| Route { verb: Verb::Post, path: path.to_owned(), right: Right::Command };
        match self {
            Self::SendCommand => post("/api/v1/commands/{name}"),
            Self::SendCommands => post("/api/v1/commands"),
            Self::Events => get("/api/v1/events", Reader),
            Self::Event => get("/api/v1/events/{event}", Reader),
            Self::EventData => get("/api/v1/events/{event}/data", Reader),
            Self::List(collection) => get(&format!("/api/v1/{}", plural(collection)), Reader),
            Self::Record(collection) => get(&format!("/api/v1/{}/{{id}}", plural(collection)), Reader),
            Self::History(collection) => get(&format!("/api/v1/{}/{{id}}/history", plural(collection)), Reader),
            Self::Parts(collection) => get(&format!("/api/v1/{}/{{id}}/parts", plural(collection)), Reader),
            Self::Export(collection) => get(&format!("/api/v1/export/{}", plural(collection)), Reader),
            Self::Partnerships => get("/api/v1/partnerships", Reader),
            Self::Activity => get("/api/v1/activity", Reader),
            Self::Audit => get("/api/v1/audit", Reader),
            Self::Grants => get("/api/v1/grants", Token),
            Self::CodeLists => get("/api/v1/codes", Anybody),
            Self::CodeList => get("/api/v1/codes/{list}", Anybody),
            Self::Status => get("/api/v1/status", Reader),
            Self::Rebuild => rebuild(Verb::Post, Admin),
            Self::RebuildProgress => rebuild(Verb::Get, Admin),
            Self::CancelRebuild => rebuild(Verb::Delete, Admin),
            Self::Schema => get("/schemas/{file}", Anybody),
            Self::AsyncApi => get("/asyncapi.json", Anybody),
            Self::OpenApi => get("/openapi.json", Anybody),
            Self::Docs => get("/docs", Anybody),
            Self::Health => get("/healthz", Anybody),
            Self::Ready => get("/readyz", Anybody),
            Self::Metrics => get("/metrics", Anybody),
        }
    }
}
