//! What each organisation took part in: the partnership passport. It counts claimed apart from confirmed, and judges neither.

mod query;
mod read;
mod writer;

pub use query::{Affiliate, AttestedCount, Involvement, LIST_BYTES_LIMIT, LIST_LIMIT, Partner, Passport};
pub use read::passport;
pub(crate) use writer::spec;
