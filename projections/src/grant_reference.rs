//! A grant as everything names it that is not the grant itself: `access/<uuid>`, as in events. It says nothing of the grant.

use convenio_events::{AccessId, RecordKind, Subject};
use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de::Error as _};

pub(crate) fn serialize<S: Serializer>(grant: &Option<AccessId>, serializer: S) -> Result<S::Ok, S::Error> {
    grant.map(|grant| Subject::new(RecordKind::Access, grant.uuid())).serialize(serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<AccessId>, D::Error> {
    match Option::<Subject>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Subject { kind: RecordKind::Access, id }) => Ok(Some(AccessId::new(id))),
        Some(other) => Err(D::Error::custom(format_args!("{other} is no grant"))),
    }
}
