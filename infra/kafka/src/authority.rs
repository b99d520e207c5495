//! What shows that a node of the ledger wrote a control record: HMAC-SHA256 (RFC 2104) under the secret that its nodes hold, in a
//! header. It does not authenticate events: an event is whole in itself, and what it commits to is checked.
//!
//! Records say in which order they were written, so that none counts when somebody writes it again: each but `writer-started` names the
//! offset of the `writer-started` of its term, and its number in that term; both only grow. A `writer-started` names the term
//! that it follows; where another has come in between it ends nothing, and the next record says who writes.
//!
//! A log of an earlier version has records without a code. They count as they did then, until the first record whose code is of
//! the present secret; so a log that outlives its secret opens too. From that record on, what has no such code is ignored, and told.

use crate::announcement::STARTED;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::{
    fmt,
    sync::{Arc, OnceLock},
};

/// The header with a record's code, in base64.
pub(crate) const CODE: &str = "convenio-control-code";
/// The header that says where a record stands: `<term> <number>`, or `follows <term>`.
pub(crate) const ORDER: &str = "convenio-control-order";

/// The secret of a node, which may become known after it has begun to read; clones share it.
#[derive(Clone, Default)]
pub struct Authority(Arc<OnceLock<Box<[u8]>>>);

/// Where a control record stands among those of its topic.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct ControlOrder {
    /// The offset of the `writer-started` of its term.
    pub term: i64,
    /// Its number in that term, from 1.
    pub number: u64,
}

/// The last record that was authentic, as a node remembers it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Authentic {
    /// What the secret is known by.
    pub(crate) secret: String,
    pub(crate) order: ControlOrder,
    /// Its offset: what a node that starts reads again up to there it has judged before.
    pub(crate) offset: i64,
}

/// What a control record counts for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// It says what is so.
    Counts,
    /// It says nothing new: another term has come in between, or it was judged before and is read again.
    Overtaken,
    /// Somebody else wrote it, or wrote it again.
    Foreign,
}

/// A control record, as it was read.
#[derive(Clone, Copy)]
pub(crate) struct Record<'a> {
    pub(crate) offset: i64,
    pub(crate) kind: &'a [u8],
    pub(crate) value: &'a [u8],
    /// The header [`CODE`].
    pub(crate) code: Option<&'a [u8]>,
    /// The header [`ORDER`].
    pub(crate) order: &'a [u8],
}

impl fmt::Display for ControlOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.term, self.number)
    }
}

impl ControlOrder {
    fn parse(text: &[u8]) -> Option<Self> {
        let (term, number) = std::str::from_utf8(text).ok()?.split_once(' ')?;
        Some(Self { term: term.parse().ok()?, number: number.parse().ok()? })
    }
}

/// What a `writer-started` says of the term before it, as this node knows it.
pub(crate) fn follows(term: Option<i64>) -> String {
    format!("follows {}", term.unwrap_or(-1))
}

impl Authority {
    /// Takes the secret; the first one stays.
    pub fn hold(&self, secret: &[u8]) {
        // A node has one secret.
        let _ = self.0.set(secret.into());
    }

    /// Whether there is a secret.
    pub fn is_held(&self) -> bool {
        self.0.get().is_some()
    }

    /// The header's value; `None` without a secret.
    pub(crate) fn code(&self, topic: &str, kind: &str, order: &str, value: &[u8]) -> Option<String> {
        let mac = self.mac(topic, kind.as_bytes(), order.as_bytes(), value);
        mac.map(|mac| STANDARD.encode(mac.finalize().into_bytes()))
    }

    /// Judges a record at an offset, and notes it where it is authentic.
    pub(crate) fn judge(&self, last: &mut Option<Authentic>, topic: &str, record: Record<'_>) -> Verdict {
        let Record { offset, kind, value, code, order } = record;
        let Some(secret) = self.name() else { return Verdict::Counts };
        let same = last.as_ref().filter(|last| last.secret == secret);
        if same.is_some_and(|last| offset <= last.offset) {
            return Verdict::Overtaken;
        }
        let known = same.map(|last| last.order);
        let is_ours = code
            .and_then(|code| STANDARD.decode(code).ok())
            .is_some_and(|code| self.mac(topic, kind, order, value).is_some_and(|mac| mac.verify_slice(&code).is_ok()));
        if !is_ours {
            return if known.is_some() { Verdict::Foreign } else { Verdict::Counts };
        }
        if kind == STARTED.as_bytes() {
            let last = follows(known.map(|known| known.term));
            return if order == last.as_bytes() { Verdict::Counts } else { Verdict::Overtaken };
        }
        match ControlOrder::parse(order).filter(|order| order.term < offset && known.is_none_or(|known| *order > known))
        {
            Some(order) => {
                *last = Some(Authentic { secret, order, offset });
                Verdict::Counts
            }
            None => Verdict::Foreign,
        }
    }

    /// The term of the last record that is authentic under this secret.
    pub(crate) fn term(&self, last: Option<&Authentic>) -> Option<i64> {
        let secret = self.name()?;
        last.filter(|last| last.secret == secret).map(|last| last.order.term)
    }

    /// What the secret is known by, and not found out.
    fn name(&self) -> Option<String> {
        let mac = self.mac("", b"name", b"", b"")?;
        STANDARD.encode(mac.finalize().into_bytes()).get(..16).map(str::to_owned)
    }

    /// Over `convenio-control/v1`, topic, kind and order, a line each, and the value.
    fn mac(&self, topic: &str, kind: &[u8], order: &[u8], value: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.get()?).expect("HMAC takes keys of every length");
        for part in [b"convenio-control/v1\n", topic.as_bytes(), b"\n", kind, b"\n", order, b"\n", value] {
            mac.update(part);
        }
        Some(mac)
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("is_held", &self.is_held()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority(secret: &str) -> Authority {
        let authority = Authority::default();
        authority.hold(secret.as_bytes());
        authority
    }

    const READY: &[u8] = b"writer-ready";
    const VALUE: &[u8] = b"{}";

    /// Judges a record of an order, with this code.
    fn judge(by: &Authority, last: &mut Option<Authentic>, order: &str, code: Option<&str>, offset: i64) -> Verdict {
        let code = code.map(str::as_bytes);
        by.judge(last, "t", Record { offset, kind: READY, value: VALUE, code, order: order.as_bytes() })
    }

    #[test]
    fn a_record_counts_once_and_only_with_a_code_of_the_secret() {
        let (ours, last) = (authority("a secret"), &mut None);
        assert_eq!(judge(&ours, last, "", None, 1), Verdict::Counts, "a log of an earlier version");
        let code = |order: &str| ours.code("t", "writer-ready", order, VALUE).expect("there is a secret");
        let (first, second) = (code("5 1"), code("9 1"));
        assert_eq!(judge(&ours, last, "5 1", Some(&first), 6), Verdict::Counts);
        assert_eq!(judge(&ours, last, "9 1", None, 7), Verdict::Foreign, "no code any more");
        assert_eq!(judge(&ours, last, "9 1", Some(&first), 10), Verdict::Foreign, "the code of another");
        let theirs = authority("another").code("t", "writer-ready", "9 1", VALUE);
        assert_eq!(judge(&ours, last, "9 1", theirs.as_deref(), 10), Verdict::Foreign, "another secret");
        assert_eq!(judge(&ours, last, "5 1", Some(&first), 8), Verdict::Foreign, "written again");
        assert_eq!(judge(&ours, last, "9 1", Some(&second), 10), Verdict::Counts);
        assert_eq!(judge(&ours, last, "9 1", Some(&second), 11), Verdict::Foreign, "written again");
        assert_eq!(judge(&ours, last, "9 1", Some(&second), 10), Verdict::Overtaken, "read again");
        assert_eq!(judge(&ours, last, "", None, 1), Verdict::Overtaken, "read again");
        // The secret is replaced: what it had authenticated is a log of an earlier version.
        assert_eq!(judge(&authority("a new secret"), last, "9 1", Some(&second), 12), Verdict::Counts);
        assert_eq!(judge(&Authority::default(), last, "", None, 12), Verdict::Counts, "no secret");
    }

    #[test]
    fn a_beginning_that_is_written_again_ends_no_term() {
        let (ours, last) = (authority("a secret"), &mut None);
        let begins = |last: &mut Option<Authentic>, order: &str, signed: bool, offset| {
            let code = ours.code("t", STARTED, order, VALUE).filter(|_| signed);
            let code = code.as_deref().map(str::as_bytes);
            ours.judge(
                last,
                "t",
                Record { offset, kind: STARTED.as_bytes(), value: VALUE, code, order: order.as_bytes() },
            )
        };
        assert_eq!(begins(last, &follows(None), true, 3), Verdict::Counts);
        let ready = ours.code("t", "writer-ready", "3 1", VALUE);
        assert_eq!(judge(&ours, last, "3 1", ready.as_deref(), 4), Verdict::Counts);
        assert_eq!(begins(last, &follows(None), true, 5), Verdict::Overtaken, "the first one, written again");
        assert_eq!(begins(last, &follows(Some(3)), true, 6), Verdict::Counts);
        assert_eq!(begins(last, &follows(Some(3)), false, 7), Verdict::Foreign);
    }
}
