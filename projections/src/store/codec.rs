//! How ids, lists and codes are written in the views' columns. Only this version of the program reads them.

use crate::Circle;
use convenio_events::{OrganisationId, RecordKind, Subject};
use uuid::Uuid;

/// A subject in a column: the byte of its kind and its UUID.
pub(crate) fn subject_bytes(subject: Subject) -> [u8; 17] {
    let mut bytes = [0; 17];
    bytes[0] = subject.kind.number();
    bytes[1..].copy_from_slice(subject.id.as_bytes());
    bytes
}

/// Reads [`subject_bytes`].
pub(crate) fn subject_from(bytes: &[u8]) -> Option<Subject> {
    let (first, rest) = bytes.split_first()?;
    let kind = RecordKind::from_number(*first)?;
    Some(Subject::new(kind, Uuid::from_slice(rest).ok()?))
}

/// Organisations in a column: their UUIDs, one after the other.
pub(crate) fn organisations_bytes(organisations: &[OrganisationId]) -> Vec<u8> {
    organisations.iter().flat_map(|organisation| organisation.uuid().into_bytes()).collect()
}

/// Reads [`organisations_bytes`].
pub(crate) fn organisations_from(bytes: &[u8]) -> Vec<OrganisationId> {
    bytes.chunks_exact(16).filter_map(|chunk| Uuid::from_slice(chunk).ok()).map(OrganisationId::new).collect()
}

/// Those who may see a record, in a column; NULL where they are not known.
pub(crate) const fn circle_number(circle: Option<Circle>) -> Option<i64> {
    match circle {
        Some(Circle::Public) => Some(0),
        Some(Circle::Members) => Some(1),
        Some(Circle::Parties) => Some(2),
        Some(Circle::Review) => Some(3),
        None => None,
    }
}

/// Reads [`circle_number`]; whatever else stands there is not known.
pub(crate) const fn circle_from(number: Option<i64>) -> Option<Circle> {
    match number {
        Some(0) => Some(Circle::Public),
        Some(1) => Some(Circle::Members),
        Some(2) => Some(Circle::Parties),
        Some(3) => Some(Circle::Review),
        _ => None,
    }
}

/// Tags in a column: their numbers, sorted, four bytes each.
pub(crate) fn tags_bytes(tags: &[u32]) -> Vec<u8> {
    tags.iter().flat_map(|tag| tag.to_le_bytes()).collect()
}

/// Reads [`tags_bytes`].
pub(crate) fn tags_from(bytes: &[u8]) -> impl Iterator<Item = u32> + '_ {
    bytes.chunks_exact(4).map(|chunk| u32::from_le_bytes(chunk.try_into().expect("chunks of four")))
}
