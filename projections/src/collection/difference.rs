//! What changed from one JSON object to another, as text: a record's versions are kept so. What the members mean is not known
//! here.
//!
//! An object is its members in their order. A difference goes through those of the base: `=n;` keeps the next n, `-n;` leaves
//! the next n out, `+n:` puts in a member of n bytes, and `~p,s,n:` keeps the first p and the last s bytes of the next member
//! with n others between them. A list that grows by an item, and a text of which a word is mended, then take the item and the word.

use std::{fmt::Write as _, ops::Range};

/// How [`apply`] makes `new` from `base`. Either is an object as we write them: without spaces between its parts.
pub(super) fn difference(base: &str, new: &str) -> String {
    let (before, after) = (members(base), members(new));
    let mut out = Writer { text: String::new(), kept: 0 };
    let mut at = 0;
    for member in &after {
        let member = &new[member.clone()];
        let found = before[at..].iter().position(|one| name(&base[one.clone()]) == name(member));
        let Some(skipped) = found else {
            out.insert(member);
            continue;
        };
        out.leave_out(skipped);
        out.change(&base[before[at + skipped].clone()], member);
        at += skipped + 1;
    }
    out.leave_out(before.len() - at);
    out.end_kept();
    out.text
}

/// Whether a stored text is an object itself and no difference.
pub(super) fn is_whole(text: &str) -> bool {
    text.starts_with('{')
}

/// The object that a difference makes of its base; `None` where it is none of this base.
pub(super) fn apply(base: &str, difference: &str) -> Option<String> {
    let members = members(base);
    let mut base_members = members.iter().map(|member| &base[member.clone()]);
    let mut out = String::with_capacity(base.len() + difference.len());
    out.push('{');
    let mut add = |parts: [&str; 3]| {
        if out.len() > 1 {
            out.push(',');
        }
        parts.iter().for_each(|part| out.push_str(part));
    };
    let mut rest = difference;
    while !rest.is_empty() {
        let (what, after) = rest.split_at_checked(1)?;
        let end = after.find([';', ':'])?;
        let (numbers, after) = (&after[..end], &after[end + 1..]);
        let mut numbers = numbers.split(',').map(|number| number.parse::<usize>().ok());
        let first = numbers.next()??;
        rest = match what {
            "=" => {
                for _ in 0..first {
                    add([base_members.next()?, "", ""]);
                }
                after
            }
            "-" => {
                for _ in 0..first {
                    base_members.next()?;
                }
                after
            }
            "+" => {
                let (member, after) = after.split_at_checked(first)?;
                add([member, "", ""]);
                after
            }
            "~" => {
                let (suffix, length) = (numbers.next()??, numbers.next()??);
                let (middle, after) = after.split_at_checked(length)?;
                let member = base_members.next()?;
                let tail = member.len().checked_sub(suffix).filter(|tail| *tail >= first)?;
                add([member.get(..first)?, middle, member.get(tail..)?]);
                after
            }
            _ => return None,
        };
    }
    if base_members.next().is_some() {
        return None;
    }
    out.push('}');
    Some(out)
}

struct Writer {
    text: String,
    /// Members of the base that are kept and not written yet.
    kept: usize,
}

impl Writer {
    fn write(&mut self, part: std::fmt::Arguments<'_>) {
        self.text.write_fmt(part).expect("writing to a string");
    }

    fn end_kept(&mut self) {
        let kept = std::mem::take(&mut self.kept);
        if kept > 0 {
            self.write(format_args!("={kept};"));
        }
    }

    fn leave_out(&mut self, members: usize) {
        if members > 0 {
            self.end_kept();
            self.write(format_args!("-{members};"));
        }
    }

    fn insert(&mut self, member: &str) {
        self.end_kept();
        self.write(format_args!("+{}:{member}", member.len()));
    }

    fn change(&mut self, before: &str, after: &str) {
        if before == after {
            self.kept += 1;
            return;
        }
        self.end_kept();
        let prefix = boundary(after, same(before.bytes(), after.bytes()));
        let suffix = same(before[prefix..].bytes().rev(), after[prefix..].bytes().rev());
        // A difference is text: it is not cut within a character.
        let suffix = after.len() - boundary_from(after, after.len() - suffix);
        let middle = &after[prefix..after.len() - suffix];
        self.write(format_args!("~{prefix},{suffix},{}:{middle}", middle.len()));
    }
}

fn same(one: impl Iterator<Item = u8>, other: impl Iterator<Item = u8>) -> usize {
    one.zip(other).take_while(|(one, other)| one == other).count()
}

fn boundary(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

fn boundary_from(text: &str, at: usize) -> usize {
    (at..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

/// The name of a member, with its quotes: up to the first colon behind it. Our names hold neither quotes nor colons.
fn name(member: &str) -> &str {
    member.split(':').next().unwrap_or_default()
}

/// Where the members of an object are, without what parts them.
fn members(object: &str) -> Vec<Range<usize>> {
    let (mut members, mut depth, mut start, mut in_text, mut escaped) = (Vec::new(), 0_usize, 1, false, false);
    for (at, byte) in object.bytes().enumerate() {
        if in_text {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_text = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if (byte == b',' && depth == 1) || (byte == b'}' && depth == 0) {
            if start < at {
                members.push(start..at);
            }
            start = at + 1;
        }
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(base: &str, new: &str) -> usize {
        let difference = difference(base, new);
        assert!(!is_whole(&difference), "{difference}");
        assert_eq!(apply(base, &difference).as_deref(), Some(new), "{base} by {difference}");
        difference.len()
    }

    #[test]
    fn a_difference_makes_the_new_object_of_the_old_one() {
        let objects = [
            "{}",
            r#"{"a":1}"#,
            r#"{"a":2}"#,
            r#"{"b":{"a":[1,2,"}"]},"a":1}"#,
            r#"{"a":1,"b":"x,y\"}z","c":[]}"#,
            r#"{"a":1,"c":[{"d":1}]}"#,
            r#"{"a":1,"c":[{"d":1},{"d":2}]}"#,
            r#"{"a":"é","c":null}"#,
            r#"{"a":"è","c":null}"#,
            r#"{"a":"ê€","c":null,"z":0}"#,
        ];
        for base in objects {
            for new in objects {
                check(base, new);
            }
        }
    }

    #[test]
    fn what_is_added_to_a_long_list_takes_what_was_added() {
        let list = |items: u32| {
            let items: Vec<_> = (0..items).map(|item| format!("{{\"id\":{item}}}")).collect();
            format!(
                "{{\"version\":{},\"text\":\"{}\",\"items\":[{}]}}",
                items.len(),
                "x".repeat(5_000),
                items.join(",")
            )
        };
        assert!(check(&list(1_000), &list(1_001)) < 100);
        assert!(check(&list(1_001), &list(1_000)) < 100);
    }

    #[test]
    fn a_difference_of_another_object_makes_none() {
        let (base, new) = (r#"{"a":1,"b":2}"#, r#"{"a":1,"b":3}"#);
        let difference = difference(base, new);
        for other in ["{}", r#"{"a":1}"#, r#"{"a":1,"b":2,"c":3}"#] {
            assert_eq!(apply(other, &difference), None, "{other}");
        }
        for damaged in ["=9;", "+9:x", "~1,900,0:", "?1;", "=x;", "=", "~1:", "-1;"] {
            assert_eq!(apply(base, damaged), None, "{damaged}");
        }
    }

    proptest! {
        #[test]
        fn any_two_objects_have_a_difference(
            before in proptest::collection::btree_map("[a-e]", "[ab\"\\\\é€,{}]{0,6}", 0..6),
            after in proptest::collection::btree_map("[a-e]", "[ab\"\\\\é€,{}]{0,6}", 0..6),
        ) {
            let json = |map| serde_json::to_string(map).expect("JSON");
            check(&json(&before), &json(&after));
        }
    }
}
