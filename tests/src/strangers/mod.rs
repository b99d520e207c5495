//! Strangers and slow peers at the sockets of a real node, and a member who works meanwhile. What is too much is each test's to
//! say.
//!
//! * `kinds`: what each kind of stranger does to its sockets;
//! * `member`: what a member does, and how long it takes.

mod kinds;
mod member;

pub use kinds::{Kind, Stranger, Strangers};
pub use member::{Member, Work};

use crate::{User, users::text};
use serde_json::{Value, json};
use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};
use uuid::Uuid;

/// Loopback addresses of strangers: the first one is the member's.
///
/// # Panics
/// When more are wanted than there are in the last byte.
pub fn addresses(count: usize) -> Vec<Ipv4Addr> {
    (0..count).map(|number| Ipv4Addr::new(127, 0, 0, u8::try_from(number + 2).expect("few"))).collect()
}

/// A node's memory in MiB, as it says itself; probes are answered whatever strangers do.
///
/// # Panics
/// When it is not answered.
pub async fn memory_mib(user: &User) -> u64 {
    let told = user.get("/metrics").await.text;
    let line = told.lines().find_map(|line| line.strip_prefix("process_resident_memory_bytes "));
    let bytes: f64 = line.and_then(|bytes| bytes.trim().parse().ok()).expect("it is told");
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a size in MiB")]
    let mib = (bytes / 1_048_576.0) as u64;
    mib
}

/// Waits until a node's memory is so small, and gives what it is in the end.
///
/// # Panics
/// When it is not answered.
pub async fn memory_back(user: &User, most: u64, patience: Duration) -> u64 {
    let deadline = Instant::now() + patience;
    loop {
        let now = memory_mib(user).await;
        if now <= most || Instant::now() > deadline {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Records learnings that are as large as they may be, nearly: lists of them are what a slow reader holds.
///
/// # Panics
/// When one is refused.
pub async fn record_large_learnings(author: &User, count: usize) {
    let long = |seed: usize| -> Value {
        let words = format!("experiencia{seed} de cooperación entre ministerios ").repeat(380);
        let texts: serde_json::Map<String, Value> =
            ["es", "en", "pt", "fr"].iter().map(|language| ((*language).to_owned(), words.clone().into())).collect();
        json!({"original": "es", "texts": texts})
    };
    for number in 0..count {
        let data = json!({
            "id": Uuid::new_v4(),
            "content": {"kind": "tool", "authors": [author.organisation], "themes": ["sdg:3.3"], "languages": ["es"], "licence": "CC-BY-4.0"},
            "text": {
                "title": text("es", &format!("Aprendizaje {number}")),
                "context": long(number), "done": long(number + 1), "results": long(number + 2), "lessons": long(number + 3),
            },
        });
        author.send("register-learning", &data).await.accepted();
    }
}
