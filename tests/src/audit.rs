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
#[derive(Clone)]
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
        compare(view, &live, &fresh);
    }
    live.shutdown().await;
    fresh.shutdown().await;
}

fn compare<R: PartialEq + std::fmt::Debug>(view: ViewName, live: &[R], fresh: &[R]) {
    assert_eq!(live.len(), fresh.len(), "{view} has as many rows");
    for (live, fresh) in live.iter().zip(fresh) {
        assert_eq!(live, fresh, "a row of {view}");
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// An event of a command, whose commitments are right.
    fn row(sequence: u64, command: &str, digest: Value, version: u64) -> Row {
        let record = json!({
            "actor": "organisation/1", "commandid": command, "commanddigest": digest, "type": "offer",
            "subject": "offer/1", "streamversion": version,
        });
        committing(sequence, format!("2026-11-30T12:00:0{sequence}.000000Z"), record.to_string(), "{\"title\":\"a\"}")
    }

    fn committing(sequence: u64, time: String, record: String, text: &str) -> Row {
        let (record_salt, text_salt) = (vec![1; 32], vec![2; 32]);
        let entry = json!({
            "sequence": sequence.to_string(), "time": time,
            "record": committed("convenio-record/v1\n", &record_salt, &record),
            "text": committed("convenio-text/v1\n", &text_salt, text),
        });
        Row { sequence, entry: entry.to_string(), record, record_salt, text: Some((text.to_owned(), text_salt)) }
    }

    /// Two commands, the first with two events.
    fn whole() -> Vec<Row> {
        vec![row(0, "a", json!("digest"), 0), row(1, "a", Value::Null, 1), row(2, "b", json!("digest"), 2)]
    }

    #[test]
    fn what_is_wrong_with_a_journal_is_found() {
        assert_eq!(Audit::of_rows(&whole()).events.len(), 3);
        type Plant = fn(&mut Vec<Row>);
        let faults: [(&str, Plant); 12] = [
            ("an event is missing", |rows| drop(rows.remove(1))),
            ("an event is there twice", |rows| rows.insert(1, rows[1].clone())),
            ("two events changed places", |rows| rows.swap(1, 2)),
            ("an entry is another event's", |rows| rows[1].entry = rows[0].entry.clone()),
            ("a record has other words", |rows| rows[1].record = rows[1].record.replace("offer/1", "offer/2")),
            ("a record has another salt", |rows| rows[1].record_salt[0] ^= 1),
            ("a text has other words", |rows| rows[1].text.as_mut().expect("one").0.push(' ')),
            ("a text has another salt", |rows| rows[1].text.as_mut().expect("one").1[0] ^= 1),
            ("time goes back", |rows| {
                let record = rows[2].record.clone();
                rows[2] = committing(2, "2026-11-29T12:00:00.000000Z".to_owned(), record, "{}");
            }),
            ("a version is left out", |rows| rows[2] = row(2, "b", json!("digest"), 3)),
            ("a command is in two halves", |rows| rows.push(row(3, "a", Value::Null, 3))),
            ("a command has no first event", |rows| rows[0] = row(0, "a", Value::Null, 0)),
        ];
        for (fault, plant) in faults {
            let mut rows = whole();
            plant(&mut rows);
            assert!(std::panic::catch_unwind(|| Audit::of_rows(&rows)).is_err(), "{fault}");
        }
    }

    #[test]
    fn the_root_is_that_of_rfc_6962() {
        // The empty tree's root and that of one empty leaf, as the certificate-transparency reference implementation has them.
        assert_eq!(base64(&root(&[])), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        assert_eq!(base64(&root(&[hash(&[&[0]])])), "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=");
        let leaves = [[1; 32], [2; 32], [3; 32]];
        assert_eq!(root(&leaves), hash(&[&[1], &hash(&[&[1], &leaves[0], &leaves[1]]), &leaves[2]]));
    }

    #[test]
    fn a_row_of_a_view_that_differs_is_found() {
        let view = ViewName::ALL[0];
        compare(view, &["a", "b"], &["a", "b"]);
        for other in [&["a"][..], &["a", "c"], &["b", "a"], &["a", "b", "c"]] {
            assert!(std::panic::catch_unwind(|| compare(view, &["a", "b"], other)).is_err(), "{other:?}");
        }
    }
}
