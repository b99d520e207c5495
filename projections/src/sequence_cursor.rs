//! The cursor of lists that stand in the order of the log: the last sequence of a page, opaque to whoever carries it on. It holds
//! no question: the same cursor goes with the same parameters.

use convenio_events::Sequence;
use serde::{Serialize, Serializer};
use std::{fmt, str::FromStr};

/// Where a page ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequenceCursor(pub Sequence);

/// What is not the `next_cursor` of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a cursor is the next_cursor of the page before, unchanged")]
pub struct NotACursor;

impl fmt::Display for SequenceCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}", self.0)
    }
}

impl FromStr for SequenceCursor {
    type Err = NotACursor;
    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let digits = text.strip_prefix('s').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        digits.and_then(|digits| digits.parse().ok()).map(|number| Self(Sequence(number))).ok_or(NotACursor)
    }
}

impl Serialize for SequenceCursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_from_its_text() {
        let cursor = SequenceCursor(Sequence(17));
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for wrong in ["", "17", "s", "s-1", "s+1", "sx"] {
            assert_eq!(wrong.parse::<SequenceCursor>(), Err(NotACursor), "{wrong}");
        }
    }
}
