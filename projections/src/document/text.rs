//! The words of a record, kept as the JSON that was recorded. They are looked into only for titles and for search.

use convenio_events::Event;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The event's text as raw JSON; `None` when there is none or it was erased.
pub(super) fn raw_text(event: &Event) -> Option<Box<RawValue>> {
    RawValue::from_string(event.text.as_deref()?.to_owned()).ok()
}

/// The part of a text that is its title: `title`, or the `name` of an organisation. A language map.
pub(super) fn title(text: &RawValue) -> Option<&RawValue> {
    #[derive(Deserialize)]
    struct Titled<'a> {
        #[serde(borrow, default)]
        title: Option<&'a RawValue>,
        #[serde(borrow, default)]
        name: Option<&'a RawValue>,
    }
    let titled: Titled<'_> = serde_json::from_str(text.get()).ok()?;
    titled.title.or(titled.name)
}
