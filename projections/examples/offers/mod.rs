//! Offers with the words of `convenio bench`, told to a ledger in memory: what the examples measure with.

#![allow(dead_code, missing_docs, unreachable_pub)]

use crate::support::{
    Ledger, by, id,
    story::{Dice, listing_terms, listing_text},
};
use convenio_events::{
    LanguageMap, OrganisationId, RecordKind, Subject, codes::Visibility, entry::Audience, types::listing,
};

/// What its texts are made of.
pub const WORDS: [&str; 24] = [
    "vacunación",
    "formação",
    "laboratoire",
    "community",
    "health",
    "workers",
    "atención",
    "primaria",
    "accompaniment",
    "tuberculosis",
    "materna",
    "cadena",
    "frío",
    "vigilância",
    "epidémiologie",
    "rural",
    "clinic",
    "guideline",
    "hospital",
    "nutrición",
    "saúde",
    "mental",
    "district",
    "training",
];

fn words(n: u64, count: u64) -> String {
    let mut state = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut out = String::new();
    for _ in 0..count {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.push_str(WORDS[(state % WORDS.len() as u64) as usize]);
        out.push(' ');
    }
    out.push_str(&n.to_string());
    out
}

fn languages(texts: &[(&str, String)]) -> LanguageMap {
    let texts: Vec<String> = texts.iter().map(|(tag, text)| format!(r#""{tag}":"{text}""#)).collect();
    let json = format!(r#"{{"original":"es","texts":{{{}}}}}"#, texts.join(","));
    serde_json::from_str(&json).expect("a language map")
}

fn text(n: u64) -> listing::ListingText {
    let title = languages(&[("es", words(n, 5)), ("en", words(n + 7, 5))]);
    listing::ListingText { summary: Some(languages(&[("es", words(n + 13, 20))])), ..listing_text(title) }
}

/// Event number `step` of offer `n`: published, revised, paused, resumed, revised.
pub fn tell(ledger: &mut Ledger, n: u64, step: u64) {
    let owner: OrganisationId = id(1);
    // In no order, as ids are that others chose.
    let spread = (u128::from(n) + 2).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
    let subject = Subject::new(RecordKind::Offer, id::<()>(spread).uuid());
    let terms = listing_terms(&mut Dice(n.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
    let (by, public) = (by(owner), Audience::Public);
    match step {
        0 => {
            let facts = listing::Published { organisation: owner, terms, visibility: Visibility::Public };
            ledger.put(subject, by, public, facts, Some(text(n)));
        }
        2 => drop(ledger.put(subject, by, public, listing::Paused {}, None)),
        3 => drop(ledger.put(subject, by, public, listing::Resumed {}, None)),
        _ => drop(ledger.put(subject, by, public, listing::Revised { terms }, Some(text(n + 1_000_000_007)))),
    }
}

/// `offers` offers with the first `each` events of each.
pub async fn fill(ledger: &mut Ledger, offers: u64, each: u64) {
    for n in 0..offers {
        for step in 0..each {
            tell(ledger, n, step);
        }
        if n % 1_000 == 0 {
            ledger.commit().await;
        }
    }
    ledger.commit().await;
}
