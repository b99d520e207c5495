//! What time alone changes in a record, where it is shown as it is: views are folds of events, and no event says that a day is over.

use crate::problem::{Problem, internal};
use chrono::NaiveDate;
use convenio_events::RecordKind;
use convenio_projections::{collection::Item, document::Document};
use serde_json::value::RawValue;

/// Makes a record what it is on a day.
///
/// # Errors
/// A fault of ours, where the view holds no record.
pub(crate) fn turn(item: &mut Item, today: NaiveDate) -> Result<(), Problem> {
    // Only a verification that has a last day can be over; most have none.
    if item.gone || item.kind != RecordKind::Organisation || !item.document.get().contains("\"valid_through\":") {
        return Ok(());
    }
    let mut document = Document::from_json(item.kind, item.document.get()).map_err(|error| internal(&error))?;
    if document.turn_to(today) {
        item.document = RawValue::from_string(document.to_json()).expect("it was just written");
    }
    Ok(())
}
