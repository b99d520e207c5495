//! Recorded events as readers get them: pages, one event, and the live stream. It shows what was stored, never upcast.

pub(crate) mod one;
pub(crate) mod page;
pub(crate) mod render;
pub(crate) mod stream;
pub(crate) mod tail;
