//! The tables of a collection's file. Which records are in it is said in `writer`.

use super::writer::Collection;
use crate::{ViewName, view::Spec};

/// Raised with every change of what the fold writes.
const VERSION: u32 = 13;

/// `record` has a narrow row for each record as it stands, by its `number`: the sequence of the event that let most readers
/// learn of it, so one that was for fewer gets another when it is opened, `version` one for each event that made it so, `document` what changed in
/// their JSON (`document.full`, from the version `base` to this one; `document.shown`, only where some readers see less, from `full` to
/// what they see). `current` has the JSON of each record that has more than one version. `part` has the items of its lists that
/// grow with its life, in the order `position`; a record's JSON has the first page of each. `tag_span` says which tags versions had
/// whose record has too many for their rows. `shown_...` is what readers are told who are not named in the record: not
/// when something happened that is not for them. `aside` marks the versions that such events made, `shown_to_sequence` the end of
/// the others for those readers. `latest` has, for each record, the events that are the last one for somebody, by which lists are
/// sorted. `standing` is who may see what. A subject is the byte of its kind and its UUID. `tag` finds current records by what they are filtered by.
/// `words` has the folded words of each current record, `word` how many records have each, by which a search knows the rarest one,
/// and both that and the index keep apart who may find them.
/// `search` finds records by whole words; its tokenizer has only to split them, and it keeps no copy of them. What was erased
/// leaves it when the view is rebuilt, which erasing does, because a file keeps traces of more than its index.
const TABLES: &str = "
CREATE TABLE record (
    number INTEGER PRIMARY KEY,
    subject BLOB NOT NULL,
    visibility INTEGER,
    organisations BLOB NOT NULL,
    tags BLOB NOT NULL,
    stream_version INTEGER NOT NULL,
    updated_sequence INTEGER NOT NULL,
    starts_on TEXT,
    ends_on TEXT,
    title TEXT NOT NULL,
    shown_sequence INTEGER NOT NULL,
    shown_version INTEGER NOT NULL,
    has_past INTEGER NOT NULL,
    standing TEXT NOT NULL
);
CREATE UNIQUE INDEX record_subject ON record (subject);
CREATE TABLE version (
    from_sequence INTEGER PRIMARY KEY,
    number INTEGER NOT NULL,
    to_sequence INTEGER,
    stream_version INTEGER NOT NULL,
    starts_on TEXT,
    ends_on TEXT,
    tags BLOB,
    aside INTEGER NOT NULL,
    shown_to_sequence INTEGER
);
CREATE TABLE latest (sequence INTEGER PRIMARY KEY, number INTEGER NOT NULL);
CREATE TABLE document (
    from_sequence INTEGER PRIMARY KEY,
    version INTEGER NOT NULL,
    base INTEGER,
    full TEXT NOT NULL,
    shown TEXT
);
CREATE TABLE current (number INTEGER PRIMARY KEY, shown TEXT NOT NULL, full TEXT);
CREATE TABLE part (
    row INTEGER PRIMARY KEY,
    number INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    position INTEGER NOT NULL,
    from_sequence INTEGER NOT NULL,
    to_sequence INTEGER,
    key BLOB NOT NULL,
    restricted INTEGER NOT NULL,
    json TEXT NOT NULL
);
CREATE INDEX part_key ON part (number, kind, key) WHERE to_sequence IS NULL;
CREATE INDEX part_position ON part (number, kind, position);
CREATE TABLE tag_span (
    number INTEGER NOT NULL,
    tag INTEGER NOT NULL,
    from_sequence INTEGER NOT NULL,
    to_sequence INTEGER,
    PRIMARY KEY (number, tag, from_sequence)
) WITHOUT ROWID;
CREATE TABLE tag_name (tag INTEGER PRIMARY KEY, field TEXT NOT NULL, value TEXT NOT NULL, records INTEGER NOT NULL);
CREATE TABLE tag (tag INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (tag, number)) WITHOUT ROWID;
CREATE TABLE sample_grant (grant_id BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE words (number INTEGER PRIMARY KEY, found_by INTEGER NOT NULL, words BLOB NOT NULL);
CREATE TABLE word (word TEXT PRIMARY KEY, records INTEGER NOT NULL) WITHOUT ROWID;
CREATE VIRTUAL TABLE search USING fts5 (words, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii');
INSERT INTO search (search, rank) VALUES ('hashsize', 16777216);
CREATE VIRTUAL TABLE search_words USING fts5vocab (search, instance);
CREATE VIRTUAL TABLE search_counts USING fts5vocab (search, row);
";

pub(super) const INDEXES: &str = "
CREATE INDEX IF NOT EXISTS record_review ON record (number) WHERE visibility = 3;
CREATE INDEX IF NOT EXISTS record_title ON record (title, number);
CREATE INDEX IF NOT EXISTS record_ends ON record (ends_on, number);
CREATE INDEX IF NOT EXISTS record_starts ON record (starts_on, number);
CREATE INDEX IF NOT EXISTS version_number ON version (number, from_sequence);
CREATE UNIQUE INDEX IF NOT EXISTS tag_name_value ON tag_name (value, field);
";

const DUMP: &[(&str, &str)] = &[
    ("record", "SELECT * FROM record ORDER BY number"),
    ("version", "SELECT * FROM version ORDER BY from_sequence"),
    ("latest", "SELECT * FROM latest ORDER BY sequence"),
    ("document", "SELECT * FROM document ORDER BY from_sequence"),
    ("current", "SELECT * FROM current ORDER BY number"),
    ("part", "SELECT * FROM part ORDER BY row"),
    ("tag_span", "SELECT * FROM tag_span ORDER BY number, tag, from_sequence"),
    ("tag_name", "SELECT * FROM tag_name ORDER BY tag"),
    ("tag", "SELECT * FROM tag ORDER BY tag, number"),
    ("sample_grant", "SELECT * FROM sample_grant ORDER BY grant_id"),
    ("words", "SELECT * FROM words ORDER BY number"),
    ("word", "SELECT * FROM word ORDER BY word"),
    ("search", "SELECT doc, term FROM search_words ORDER BY doc, term"),
];

/// The view of a collection.
pub(crate) fn spec(name: ViewName) -> Spec {
    let make: fn() -> Box<dyn crate::view::View> = match name {
        ViewName::Organisations => || Box::new(Collection::new(ViewName::Organisations)),
        ViewName::Agreements => || Box::new(Collection::new(ViewName::Agreements)),
        ViewName::Learnings => || Box::new(Collection::new(ViewName::Learnings)),
        ViewName::Convenings => || Box::new(Collection::new(ViewName::Convenings)),
        ViewName::Board | ViewName::History | ViewName::Activity | ViewName::Access => {
            || Box::new(Collection::new(ViewName::Board))
        }
    };
    Spec { name, version: VERSION, tables: &[TABLES], indexes: INDEXES, make, dump: DUMP }
}
