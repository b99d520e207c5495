//! What a caller would rather have, by its `Accept` (RFC 9110 12.5.1). It makes no answer.

use axum::http::{HeaderMap, header};

/// Whether the caller would rather have `wanted` than what it gets without saying so. Names are compared without case; of two that
/// it likes equally, it gets the one that it names, and of two that it names the first.
pub(crate) fn prefers(headers: &HeaderMap, wanted: &str, usual: &str) -> bool {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let accepted: Vec<Range> = values.flat_map(|value| value.split(',')).filter_map(Range::read).collect();
    let (ours, theirs) = (liking(&accepted, wanted), liking(&accepted, usual));
    ours.quality > 0.0 && (ours.quality, ours.exact, theirs.place) > (theirs.quality, theirs.exact, ours.place)
}

/// How much a caller likes a media type.
struct Liking {
    quality: f32,
    /// Whether it names it, in place of a range that it falls in.
    exact: bool,
    /// Where in the list.
    place: usize,
}

fn liking(accepted: &[Range<'_>], media: &str) -> Liking {
    let fitting = accepted.iter().enumerate().filter_map(|(place, range)| Some((range.fits(media)?, place, range)));
    // The most specific range that fits says how much; of equals the first.
    let best = fitting.max_by_key(|(specific, place, _)| (*specific, std::cmp::Reverse(*place)));
    match best {
        Some((specific, place, range)) => Liking { quality: range.quality, exact: specific == 2, place },
        None => Liking { quality: 0.0, exact: false, place: usize::MAX },
    }
}

struct Range<'a> {
    media: &'a str,
    quality: f32,
}

impl<'a> Range<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let media = parts.next().filter(|media| media.contains('/'))?;
        let mut weights = parts.filter_map(|part| part.split_once('='));
        let weight = weights.find(|(name, _)| name.trim().eq_ignore_ascii_case("q")).map(|(_, weight)| weight.trim());
        // A weight that is none says nothing.
        let quality = weight.and_then(|weight| weight.parse().ok()).unwrap_or(1.0_f32);
        Some(Self { media, quality: quality.clamp(0.0, 1.0) })
    }

    /// How exactly it fits: 2 by name, 1 by the first half, 0 because everything does.
    fn fits(&self, media: &str) -> Option<u8> {
        if self.media.eq_ignore_ascii_case(media) {
            return Some(2);
        }
        let kind = self.media.strip_suffix("/*")?;
        let first = media.split('/').next().unwrap_or_default();
        if kind.eq_ignore_ascii_case(first) { Some(1) } else { (kind == "*").then_some(0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn what_is_named_and_liked_most_is_given() {
        let table = [
            ("", false),
            ("text/event-stream", true),
            ("TEXT/Event-Stream", true),
            ("text/event-stream; charset=utf-8", true),
            ("text/event-stream;q=0", false),
            ("text/event-stream, */*", true),
            ("*/*", false),
            ("text/*", true),
            ("application/json, text/event-stream", false),
            ("text/event-stream, application/json", true),
            ("application/json;q=0.5, text/event-stream;q=0.9", true),
            ("application/json, text/event-stream; Q=0.9", false),
            ("text/event-stream-of-ours", false),
        ];
        for (accept, stream) in table {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_str(accept).expect("ASCII"));
            assert_eq!(prefers(&headers, "text/event-stream", "application/json"), stream, "{accept}");
        }
        assert!(!prefers(&HeaderMap::new(), "text/event-stream", "application/json"));
    }
}
