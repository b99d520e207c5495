//! One row of the log, as it lies in a page. It copies nothing until it is asked to.

use super::error::{Defect, RowError};
use convenio_events::{RecordedEvent, Sequence, commitment::Salt};
use rusqlite::Row;

/// The columns that [`StoredEvent`] reads, in its order.
pub(crate) const COLUMNS: &str = "sequence, entry, record, record_salt, text, text_salt";

/// A borrowed [`RecordedEvent`], for folds that look at many and keep few.
#[derive(Clone, Copy, Debug)]
pub struct StoredEvent<'a> {
    /// Its position.
    pub sequence: Sequence,
    /// RFC 8785 bytes of the entry.
    pub entry: &'a str,
    /// RFC 8785 bytes of the record.
    pub record: &'a str,
    /// Salt of the record commitment.
    pub record_salt: &'a [u8; 32],
    /// RFC 8785 bytes of the text; `None` when the event has none, or when it was erased.
    pub text: Option<&'a str>,
    /// Salt of the text commitment; `None` once the text was erased.
    pub text_salt: Option<&'a [u8; 32]>,
}

impl<'a> StoredEvent<'a> {
    /// Reads a row of [`COLUMNS`] that must be the event at `expected`.
    pub(crate) fn read(row: &'a Row<'_>, expected: Sequence) -> Result<Self, RowError> {
        let sequence = sequence(row, expected)?;
        let salt = |bytes: &'a [u8]| bytes.try_into().map_err(|_| Defect::Salt(sequence));
        Ok(Self {
            sequence,
            entry: text(row, 1)?,
            record: text(row, 2)?,
            record_salt: salt(blob(row, 3)?)?,
            text: row.get_ref(4)?.as_str_or_null().map_err(rusqlite::Error::from)?,
            text_salt: row.get_ref(5)?.as_blob_or_null().map_err(rusqlite::Error::from)?.map(salt).transpose()?,
        })
    }

    /// A copy that outlives the row.
    pub fn to_recorded(&self) -> RecordedEvent {
        RecordedEvent {
            sequence: self.sequence,
            entry: self.entry.into(),
            record: self.record.into(),
            record_salt: Salt(*self.record_salt),
            text: self.text.map(Into::into),
            text_salt: self.text_salt.copied().map(Salt),
        }
    }
}

/// Reads column 0, which must be `expected`.
pub(crate) fn sequence(row: &Row<'_>, expected: Sequence) -> Result<Sequence, RowError> {
    // Below zero, a key of somebody else's making: no sequence at all.
    let found = Sequence(u64::try_from(row.get::<_, i64>(0)?).unwrap_or(u64::MAX));
    if found == expected { Ok(found) } else { Err(Defect::Gap { expected, found }.into()) }
}

pub(crate) fn text<'a>(row: &'a Row<'_>, column: usize) -> Result<&'a str, RowError> {
    Ok(row.get_ref(column)?.as_str().map_err(rusqlite::Error::from)?)
}

fn blob<'a>(row: &'a Row<'_>, column: usize) -> Result<&'a [u8], RowError> {
    Ok(row.get_ref(column)?.as_blob().map_err(rusqlite::Error::from)?)
}
