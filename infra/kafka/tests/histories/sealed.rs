//! What readers of the topics see of a text, and what is left when its key is destroyed. It repeats the cipher from its
//! specification, so that others know how to open a text.

use crate::support::{Broker, events::event, raw};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use std::sync::Arc;

const SECRET: &str = r#"{"reason":"vacunación de la hija de Ana"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn no_text_is_in_the_topics_in_clear_and_its_key_opens_it() {
    let broker = Broker::shared();
    let node = broker.node("one").await;
    let events = vec![event(7, 1, 0, SECRET), event(7, 1, 1, ""), event(7, 1, 2, SECRET)];
    node.writer().await.writer.append(Arc::new(events.clone())).await.expect("appends");
    let topics = ["log", "keys"].map(|what| raw::read(&broker.client(), &broker.topic(what), "read_uncommitted"));
    for message in topics.iter().flatten() {
        let bytes = message.value.clone().unwrap_or_default();
        for part in ["vacunaci".as_bytes(), "reason".as_bytes(), "Ana".as_bytes(), &[2; 32]] {
            assert!(!bytes.windows(part.len()).any(|window| window == part), "a text or its salt: {message:?}");
        }
    }
    let [log, keys] = topics;
    for (event, expected) in events.iter().zip([SECRET, "", SECRET]) {
        let name = event.sequence.to_string();
        let of = |messages: &[raw::Raw]| {
            let found = messages.iter().find(|message| message.key.as_deref() == Some(name.as_bytes()));
            found.and_then(|message| message.value.clone()).expect("a message with the sequence as its key")
        };
        let (value, key) = (of(&log), of(&keys));
        let sealed = value.splitn(4, |byte| *byte == b'\n').nth(3).expect("the fourth line");
        let (nonce, sealed) = sealed.split_first_chunk::<24>().expect("a nonce");
        let key: [u8; 32] = key.try_into().expect("32 bytes");
        let aad = format!("urn:convenio:00000000-0000-0000-0000-000000000007\n{name}");
        let opened = XChaCha20Poly1305::new(&key.into())
            .decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: aad.as_bytes() })
            .expect("the key opens it");
        assert_eq!(opened, [&[2; 32], expected.as_bytes()].concat(), "the salt, then the text");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_was_erased_before_it_came_here_is_missing_in_every_copy() {
    let broker = Broker::shared();
    let node = broker.node("one").await;
    let mut events: Vec<_> = (0..4).map(|sequence| event(7, 1, sequence, SECRET)).collect();
    for erased in [1, 3] {
        (events[erased].text, events[erased].text_salt) = (None, None);
    }
    node.writer().await.writer.append(Arc::new(events.clone())).await.expect("appends");
    assert_eq!(node.all(4).await, events);
    assert_eq!(broker.node("two").await.all(4).await, events, "without the salt nobody can test a guess");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_with_another_events_key_halts_the_copy() {
    let broker = Broker::shared();
    let source = Broker::shared();
    for ledger in [&broker, &source] {
        let node = ledger.node("one").await;
        node.writer().await.writer.append(Arc::new(vec![event(7, 1, 0, SECRET)])).await.expect("appends");
    }
    let of_event = |broker: &Broker, what: &str| {
        let all = broker.committed(&broker.topic(what));
        all.into_iter().find(|message| message.key.as_deref() == Some(b"0")).and_then(|raw| raw.value).expect("event 0")
    };
    // As a topic is of which Kafka has kept the last key only.
    let changed = Broker::shared();
    changed.node("maker").await.stop();
    raw::produce(&changed, &changed.topic("log"), &[(Some(b"0"), &of_event(&broker, "log"))]);
    raw::produce(&changed, &changed.topic("keys"), &[(Some(b"0"), &of_event(&source, "keys"))]);
    let why = changed.node("two").await.halted().await;
    assert!(why.contains("the text of event 0 does not open with its key"), "{why}");
}
