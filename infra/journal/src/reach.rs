//! How far the files derived from a journal were, before anything is done with them: whether the journal has lost events can be
//! seen by what they knew. It throws nothing away.

use crate::{index::INDEX_FILE, state::STATE_FILE};
use convenio_events::Sequence;
use rusqlite::{Connection, OpenFlags, config::DbConfig};
use std::path::Path;

/// What a derived file says of the journal that it was made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reach {
    /// The file's name.
    pub file: &'static str,
    /// How many events it was made of.
    pub events: Sequence,
    /// The entry of the last one.
    pub last_entry: String,
}

/// Of `index.db` and `state.db` in a data directory, as far as they are there and can be read.
pub fn reach(data: &Path) -> Vec<Reach> {
    let read = |file: &'static str| {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(data.join(file), flags).ok()?;
        // Whoever opens it next to write moves its WAL; nobody waits for that here.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).ok()?;
        let meta = "SELECT folded, last_entry FROM meta WHERE folded > 0";
        let meta = connection.query_row(meta, [], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)));
        let (folded, last_entry) = meta.ok()?;
        Some(Reach { file, events: Sequence(u64::try_from(folded).ok()?), last_entry })
    };
    [INDEX_FILE, STATE_FILE].into_iter().filter_map(read).collect()
}
