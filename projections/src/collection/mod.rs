//! Collections: records of one kind with row versions, filters, search and facets. One engine for all kinds; it does not know
//! what their documents mean.

mod list;
mod query;
mod record;

pub use list::list;
pub use query::{
    COUNT_LIMIT, Count, FILTER_VALUES_LIMIT, FacetCount, Filters, Item, ListQuery, PAGE_LIMIT, Page, SEARCH_CHARACTERS_LIMIT,
    SEARCH_WORDS_LIMIT, Sort, VersionSummary,
};
pub use record::{record, version, versions};
