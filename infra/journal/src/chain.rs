//! A table of keys in which nothing can be missing without a word: each row is sealed with a digest and names the next key, so that
//! whoever finds no row finds the proof that there was none. It knows nothing of what its keys and values mean.
//!
//! A changed bit would else be a look-up that finds nothing, and "not known" becomes an event. Looking up costs what it did: the one
//! row at or below the key. The first row has the empty key.

use rusqlite::{Connection, OptionalExtension as _, Row, types::Type};
use sha2::{Digest as _, Sha256};

/// A linked table; its rows are `key`, `value`, `next`, `seal`.
#[derive(Debug)]
pub(crate) struct Chain {
    /// Its name.
    pub(crate) table: &'static str,
}

/// The sum of the seals of all rows of a file, in whatever order: a row of an earlier day is as well sealed as the one that took its
/// place, and makes another sum. So does one that is missing, or there twice.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Sum(pub(crate) i64);

impl Sum {
    /// Of what a table holds now, by the seals that its rows have; whether they fit their rows is seen when those are read.
    pub(crate) fn of(connection: &Connection, table: &str) -> rusqlite::Result<Self> {
        // By halves: SQLite takes a sum that is too large for a failure.
        let sql = format!("SELECT coalesce(sum(seal & 4294967295), 0), coalesce(sum(seal >> 32), 0) FROM {table}");
        let halves = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
        let (low, high) = connection.query_row(&sql, [], halves)?;
        Ok(Self(low.wrapping_add(high.wrapping_shl(32))))
    }

    pub(crate) fn add(&mut self, seal: i64) {
        self.0 = self.0.wrapping_add(seal);
    }

    pub(crate) fn take(&mut self, seal: i64) {
        self.0 = self.0.wrapping_sub(seal);
    }
}

/// What a key that is there already comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Known {
    /// The first value counts.
    Keep,
    /// The last one does.
    Replace,
    /// It is told: nobody has the key twice.
    Refuse,
}

/// A row whose seal was looked at.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
    next: Option<Vec<u8>>,
}

#[derive(Debug, thiserror::Error)]
#[error("a row of {table} was changed, or is missing")]
struct Broken {
    table: &'static str,
}

impl Chain {
    /// Makes the table, or makes an empty one in its place, whose rows are no part of the sum any more.
    pub(crate) fn begin(&self, connection: &Connection, sum: &mut Sum) -> rusqlite::Result<()> {
        let table = self.table;
        connection.execute_batch(&format!(
            "DROP TABLE IF EXISTS {table};
            CREATE TABLE {table} (key BLOB PRIMARY KEY, value BLOB NOT NULL, next BLOB, seal INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
        ))?;
        self.add(connection, &Link { key: Vec::new(), value: Vec::new(), next: None }, sum)
    }

    /// The value of a key; `None` where it is shown that there is none.
    pub(crate) fn get(&self, connection: &Connection, key: &[u8]) -> rusqlite::Result<Option<Vec<u8>>> {
        let link = self.at_or_below(connection, key)?;
        Ok((link.key == key).then_some(link.value))
    }

    /// The row of a key, or the last one before it.
    pub(crate) fn at_or_below(&self, connection: &Connection, key: &[u8]) -> rusqlite::Result<Link> {
        let sql =
            format!("SELECT key, value, next, seal FROM {} WHERE key <= ?1 ORDER BY key DESC LIMIT 1", self.table);
        let link = connection.prepare_cached(&sql)?.query_row([key], |row| self.read(row)).optional()?;
        let link = link.ok_or_else(|| self.broken())?;
        let is_last = link.next.as_deref().is_none_or(|next| next > key);
        if is_last { Ok(link) } else { Err(self.broken()) }
    }

    /// Adds a key, or does what is said with one that is there; false where that is refused.
    pub(crate) fn put(
        &self,
        connection: &Connection,
        key: &[u8],
        value: &[u8],
        known: Known,
        sum: &mut Sum,
    ) -> rusqlite::Result<bool> {
        let before = self.at_or_below(connection, key)?;
        if before.key == key {
            match known {
                Known::Keep => {}
                Known::Refuse => return Ok(false),
                Known::Replace => {
                    let after = Link { value: value.to_owned(), ..before.clone() };
                    self.change(connection, &before, &after, sum)?;
                }
            }
            return Ok(true);
        }
        self.add(connection, &Link { key: key.to_owned(), value: value.to_owned(), next: before.next.clone() }, sum)?;
        let after = Link { next: Some(key.to_owned()), ..before.clone() };
        self.change(connection, &before, &after, sum)?;
        Ok(true)
    }

    /// Takes a key out, if it is there.
    pub(crate) fn remove(&self, connection: &Connection, key: &[u8], sum: &mut Sum) -> rusqlite::Result<()> {
        let link = self.at_or_below(connection, key)?;
        if link.key != key {
            return Ok(());
        }
        let sql = format!("SELECT key, value, next, seal FROM {} WHERE key < ?1 ORDER BY key DESC LIMIT 1", self.table);
        let before = connection.prepare_cached(&sql)?.query_row([key], |row| self.read(row)).optional()?;
        let before = before.filter(|it| it.next.as_deref() == Some(key)).ok_or_else(|| self.broken())?;
        connection.prepare_cached(&format!("DELETE FROM {} WHERE key = ?1", self.table))?.execute([key])?;
        sum.take(self.seal(&link));
        let after = Link { next: link.next, ..before.clone() };
        self.change(connection, &before, &after, sum)
    }

    fn add(&self, connection: &Connection, link: &Link, sum: &mut Sum) -> rusqlite::Result<()> {
        let sql = format!("INSERT INTO {} (key, value, next, seal) VALUES (?1, ?2, ?3, ?4)", self.table);
        let seal = self.seal(link);
        connection.prepare_cached(&sql)?.execute((&link.key, &link.value, &link.next, seal))?;
        sum.add(seal);
        Ok(())
    }

    fn change(&self, connection: &Connection, before: &Link, after: &Link, sum: &mut Sum) -> rusqlite::Result<()> {
        let sql = format!("UPDATE {} SET value = ?2, next = ?3, seal = ?4 WHERE key = ?1", self.table);
        let seal = self.seal(after);
        let changed = connection.prepare_cached(&sql)?.execute((&after.key, &after.value, &after.next, seal))?;
        sum.take(self.seal(before));
        sum.add(seal);
        if changed == 1 { Ok(()) } else { Err(self.broken()) }
    }

    fn read(&self, row: &Row<'_>) -> rusqlite::Result<Link> {
        let link = Link { key: row.get(0)?, value: row.get(1)?, next: row.get(2)? };
        if row.get::<_, i64>(3)? == self.seal(&link) { Ok(link) } else { Err(self.broken()) }
    }

    fn seal(&self, link: &Link) -> i64 {
        let next = link.next.as_deref().unwrap_or_default();
        seal(&[self.table.as_bytes(), &link.key, &link.value, next])
    }

    fn broken(&self) -> rusqlite::Error {
        broken(self.table)
    }
}

/// A row of a table that is not what was written; [`crate::journal::is_damage`] tells it.
pub(crate) fn broken(table: &'static str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Blob, Box::new(Broken { table }))
}

/// The first eight bytes of SHA-256 over parts, each after its length.
pub(crate) fn seal(parts: &[&[u8]]) -> i64 {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    let digest = digest.finalize();
    i64::from_le_bytes(std::array::from_fn(|at| digest[at]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const CHAIN: Chain = Chain { table: "numbers" };

    fn connection() -> Connection {
        let connection = Connection::open_in_memory().expect("opens");
        CHAIN.begin(&connection, &mut Sum::default()).expect("made");
        connection
    }

    /// Numbers in an order that jumps about.
    fn key(number: u64) -> Vec<u8> {
        number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes().to_vec()
    }

    #[test]
    fn it_holds_what_a_map_holds() {
        let (connection, mut map) = (connection(), BTreeMap::new());
        let mut sum = Sum::of(&connection, CHAIN.table).expect("summed");
        for number in 0..300 {
            let (key, value) = (key(number), number.to_be_bytes().to_vec());
            CHAIN.put(&connection, &key, &value, Known::Keep, &mut sum).expect("put");
            map.insert(key, value);
        }
        for number in (0..300).step_by(7) {
            CHAIN.put(&connection, &key(number), b"kept", Known::Keep, &mut sum).expect("put");
            CHAIN.put(&connection, &key(number + 1), b"changed", Known::Replace, &mut sum).expect("put");
            map.insert(key(number + 1), b"changed".to_vec());
            CHAIN.remove(&connection, &key(number + 2), &mut sum).expect("removed");
            map.remove(&key(number + 2));
        }
        for number in 0..600 {
            let found = CHAIN.get(&connection, &key(number)).expect("looked up");
            assert_eq!(found.as_ref(), map.get(&key(number)), "{number}");
        }
        assert_eq!(sum, Sum::of(&connection, CHAIN.table).expect("summed"), "what was kept up is what is there");
        assert!(!CHAIN.put(&connection, &key(1), b"again", Known::Refuse, &mut sum).expect("looked up"));
        CHAIN.begin(&connection, &mut sum).expect("emptied");
        assert_eq!(CHAIN.get(&connection, &key(1)).expect("looked up"), None);
    }

    #[test]
    fn a_row_that_was_changed_or_is_missing_is_never_a_key_that_is_not_known() {
        for number in 0..40 {
            for spoil in [
                "DELETE FROM numbers WHERE key = ?1",
                "UPDATE numbers SET key = CAST(key || x'00' AS BLOB) WHERE key = ?1",
                "UPDATE numbers SET value = x'01' WHERE key = ?1",
                "UPDATE numbers SET next = NULL WHERE key = ?1",
                "UPDATE numbers SET seal = seal + 1 WHERE key = ?1",
            ] {
                let connection = connection();
                for number in 0..40 {
                    CHAIN.put(&connection, &key(number), b"value", Known::Keep, &mut Sum::default()).expect("put");
                }
                let key = key(number);
                connection.execute(spoil, [&key]).expect("spoiled");
                if spoil.contains("next = NULL") && CHAIN.get(&connection, &key).is_ok() {
                    // The last one has no next.
                    continue;
                }
                let error = CHAIN.get(&connection, &key).expect_err(spoil);
                assert!(crate::journal::is_damage(&error), "{spoil}: {error}");
            }
        }
    }
}
