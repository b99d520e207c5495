//! An auditor of a data directory: reads `journal.db` with SQL, opens every commitment, counts every version, hashes the tree,
//! and folds the views anew. It shares no code with what wrote them but SHA-256 and the views' own fold.

use convenio_events::log::EventLog;
use convenio_journal::{Access, Journal};
use convenio_projections::{Settings, ViewName, Views};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

/// How long views may take to fold a journal of a test.
const FOLD_DEADLINE: Duration = Duration::from_secs(120);

/// One event, as it was stored.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its sequence.
    pub sequence: u64,
    /// Its entry.
    pub entry: Value,
    /// Its record.
    pub record: Value,
    /// Its text; `None` where it has none, or it was not opened.
    pub text: Option<Value>,
}

/// A journal that was read and found whole.
#[derive(Debug)]
pub struct Audit {
    /// Every event in order.
    pub events: Vec<Stored>,
    /// The root of the tree over all of them, in standard base64.
    pub root: String,
}

/// What was read of one event.
pub(crate) struct Row {
    pub(crate) sequence: u64,
    pub(crate) entry: String,
    pub(crate) record: String,
    pub(crate) record_salt: Vec<u8>,
    /// The text and its salt; where it is sealed, nothing.
    pub(crate) text: Option<(String, Vec<u8>)>,
}

impl Audit {
    /// Reads a data directory and checks everything that holds for any ledger.
    ///
    /// # Panics
    /// When something does not hold.
    pub fn of(data: &Path) -> Self {
        let rows = rows(&data.join("journal.db"));
        assert!(rows.iter().all(|row| row.text.is_some()), "nothing was erased");
        Self::of_rows(&rows)
    }

    /// The same of events that were read elsewhere.
    ///
    /// # Panics
    /// When something does not hold.
    pub(crate) fn of_rows(rows: &[Row]) -> Self {
        let mut leaves = Vec::new();
        let mut events = Vec::new();
        let mut versions: BTreeMap<String, u64> = BTreeMap::new();
        let mut last_time = String::new();
        for (row, expected) in rows.iter().zip(0..) {
            assert_eq!(row.sequence, expected, "sequences are dense");
            let entry: Value = serde_json::from_str(&row.entry).expect("an entry is JSON");
            let record: Value = serde_json::from_str(&row.record).expect("a record is JSON");
            assert_eq!(entry["sequence"], row.sequence.to_string());
            let time = entry["time"].as_str().expect("a time").to_owned();
            assert!(time >= last_time, "time does not go back at {expected}");
            last_time = time;
            assert_eq!(entry["record"], committed("convenio-record/v1\n", &row.record_salt, &row.record), "{expected}");
            if let Some((text, salt)) = &row.text {
                assert_eq!(entry["text"], committed("convenio-text/v1\n", salt, text), "{expected}");
            }
            let next = versions.entry(record["subject"].as_str().expect("a subject").to_owned()).or_default();
            assert_eq!(record["streamversion"], *next, "versions of a subject are dense");
            *next += 1;
            leaves.push(hash(&[&[0], row.entry.as_bytes()]));
            let text = row.text.as_ref().filter(|(text, _)| !text.is_empty());
            let text = text.map(|(text, _)| serde_json::from_str(text).expect("a text is JSON"));
            events.push(Stored { sequence: row.sequence, entry, record, text });
        }
        let audit = Self { events, root: base64(&root(&leaves)) };
        audit.commands_are_contiguous();
        audit
    }

    /// The events of each command, by its id, in the order of the log.
    ///
    /// # Panics
    /// When a record names no command.
    pub fn commands(&self) -> BTreeMap<String, Vec<&Stored>> {
        let mut commands: BTreeMap<String, Vec<&Stored>> = BTreeMap::new();
        for event in &self.events {
            let id = event.record["commandid"].as_str().expect("every event has a command");
            commands.entry(id.to_owned()).or_default().push(event);
        }
        commands
    }

    fn commands_are_contiguous(&self) {
        for (id, events) in self.commands() {
            let dense = events.windows(2).all(|pair| pair[1].sequence == pair[0].sequence + 1);
            assert!(dense, "the events of command {id} stand together");
            let firsts = events.iter().filter(|event| !event.record["commanddigest"].is_null()).count();
            let clock = events[0].record["actor"] == "system/clock" || events[0].record["type"] == OPENED;
            assert!(firsts == 1 || clock, "command {id} has one first event");
            assert!(clock || !events[0].record["commanddigest"].is_null(), "and it comes first");
        }
    }
}

const OPENED: &str = "org.convenio.ledger.opened.v1";

/// Folds the views in a data directory to the end, folds them anew elsewhere, and compares row for row.
///
/// # Panics
/// When they differ, or do not get there.
pub async fn views_agree_with_a_fresh_rebuild(data: &Path) {
    let journal = Journal::open(data, Access::ReadOnly).expect("the journal opens");
    let log: Arc<dyn EventLog> = Arc::new(journal);
    let fresh_folder = crate::folder();
    let live = folded(Settings::new(data.join("views")), log.clone()).await;
    let fresh = folded(Settings::new(fresh_folder.path()), log).await;
    for view in ViewName::ALL {
        let (live, fresh) = (live.dump(view).expect("rows"), fresh.dump(view).expect("rows"));
        assert_eq!(live.len(), fresh.len(), "{view} has as many rows");
        for (live, fresh) in live.iter().zip(&fresh) {
            assert_eq!(live, fresh, "a row of {view}");
        }
    }
    live.shutdown().await;
    fresh.shutdown().await;
}

async fn folded(settings: Settings, log: Arc<dyn EventLog>) -> Views {
    let head = *log.head().borrow();
    let views = Views::start(settings, log).await.expect("views start");
    views.wait_for(&ViewName::ALL, head, FOLD_DEADLINE).await.expect("views get to the head");
    views
}

fn rows(journal: &Path) -> Vec<Row> {
    let connection =
        Connection::open_with_flags(journal, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("anyone can open the journal");
    let query = "SELECT sequence, entry, record, record_salt, text, text_salt FROM log ORDER BY sequence";
    let mut statement = connection.prepare(query).expect("the table is there");
    let rows = statement.query_map([], |row| {
        Ok(Row {
            sequence: row.get::<_, i64>(0)?.cast_unsigned(),
            entry: row.get(1)?,
            record: row.get(2)?,
            record_salt: row.get(3)?,
            text: match row.get::<_, Option<Vec<u8>>>(5)? {
                Some(salt) => Some((row.get::<_, Option<String>>(4)?.unwrap_or_default(), salt)),
                None => None,
            },
        })
    });
    rows.expect("it can be read").collect::<Result<_, _>>().expect("every row has the form")
}

fn committed(domain: &str, salt: &[u8], bytes: &str) -> String {
    base64(&hash(&[domain.as_bytes(), salt, bytes.as_bytes()]))
}

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

/// The root of RFC 6962, section 2.1, as it is written there.
fn root(leaves: &[[u8; 32]]) -> [u8; 32] {
    match leaves {
        [] => hash(&[]),
        [leaf] => *leaf,
        _ => {
            let split = leaves.len().next_power_of_two() / 2;
            let (left, right) = leaves.split_at(split);
            hash(&[&[1], &root(left), &root(right)])
        }
    }
}

/// Standard base64 with padding (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let three = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..4 {
            let digit = ALPHABET[(three >> (18 - 6 * at) & 63) as usize];
            out.push(if at <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    out
}
