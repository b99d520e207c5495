//! What the body of a command may hold: members named once, lists and texts within their limits, codes named once in a list and
//! looked up, and texts without characters that nobody sees. What a command then does is decided with its record.
//!
//! Commands are held to the schemas that the contract shows: a limit that stands there is enforced, and no other. Events are
//! never read with this file: what older versions recorded stays readable.

mod json;
mod shape;

pub use json::Twice;
pub use shape::{Form, Shape};

use crate::{
    commands::Command,
    rejection::{Reason, Rejection},
};
use schemars::generate::SchemaSettings;
use serde_json::Value;
use std::{collections::HashMap, sync::LazyLock};

/// The shape of every command's data, by the command's name.
pub static SHAPES: LazyLock<HashMap<&'static str, Shape>> = LazyLock::new(|| {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let schemas = Command::schemas(&mut settings.into_generator());
    schemas.into_iter().map(|command| (command.name, Shape::of(command.data.as_value()))).collect()
});

/// A body as it was read, before it is a command.
#[derive(Debug)]
pub(crate) struct Read {
    /// The value in its one spelling: language tags as BCP 47 writes them. Of members that are named twice it has the last.
    pub(crate) value: Value,
    /// Whether it was written in another spelling, or with members that say nothing.
    pub(crate) respelt: bool,
    /// Why the command is refused, if it was not recorded before under other rules.
    pub(crate) objection: Option<Rejection>,
}

/// Reads a body and holds it to the shape of its command.
///
/// # Errors
/// When it is not JSON.
pub(crate) fn read(name: &str, data: &[u8]) -> Result<Read, serde_json::Error> {
    let (mut value, twice) = json::read(data)?;
    let mut respelt = drop_unsaid(&mut value);
    let fits = SHAPES.get(name).map_or(Ok(()), |shape| shape.fit(&mut value, &mut respelt));
    Ok(Read { value, respelt, objection: twice.map(member_twice).or(fits.err()) })
}

/// The value as it was written.
///
/// # Errors
/// When it is not JSON.
pub(crate) fn written(data: &[u8]) -> Result<Value, serde_json::Error> {
    json::read(data).map(|(value, _)| value)
}

fn member_twice(Twice(path): Twice) -> Rejection {
    let mut rejection = Rejection::from(Reason::InvalidField)
        .field(path)
        .detail("a member of an object is named once (RFC 7493 section 2.3)");
    rejection.code = MEMBER_TWICE.into();
    rejection
}

/// The code of a body that names a member twice.
pub(crate) const MEMBER_TWICE: &str = "member-twice";

/// Takes away the members of objects that are `null`: they say the same as members that are left out. Says whether there
/// were any.
fn drop_unsaid(value: &mut Value) -> bool {
    match value {
        Value::Object(members) => {
            let before = members.len();
            members.retain(|_, member| !member.is_null());
            let dropped = members.len() < before;
            members.values_mut().fold(dropped, |dropped, member| drop_unsaid(member) | dropped)
        }
        Value::Array(items) => items.iter_mut().fold(false, |dropped, item| drop_unsaid(item) | dropped),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
