//! Collections: records of one kind with row versions, filters, search and facets. One engine for all kinds; it does not know
//! what their documents mean.

mod counted;
mod cursor;
mod difference;
mod facets;
mod index;
mod list;
mod names;
mod order;
mod parts;
mod past;
mod plan;
mod query;
mod record;
mod renumber;
mod row_filter;
mod rows;
mod schema;
mod search;
mod tally;
mod versions;
mod words;
mod writer;

pub use crate::fold::fold;
pub(crate) use counted::Counted;
pub use list::list;
pub use parts::{PartPage, parts};
pub use query::{
    COUNT_LIMIT, Count, FILTER_VALUES_LIMIT, FacetCount, Filters, Item, ListQuery, PAGE_BYTES_LIMIT, PAGE_LIMIT, Page,
    SEARCH_CHARACTERS_LIMIT, SEARCH_WORDS_LIMIT, Sort, VersionSummary,
};
pub use record::{record, record_as_of, version, versions};
pub(crate) use schema::spec;
