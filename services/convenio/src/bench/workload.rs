//! What the benches record: offers of realistic size that are published, revised, paused and withdrawn. No text repeats exactly.

use crate::node::Node;
use anyhow::{Context as _, anyhow};
use convenio_events::{CommandId, OrganisationId};
use convenio_ledger::{
    authorise::Credential,
    rejection::Accepted,
    submission::{Body, Ledger, Submission},
};
use convenio_portal::Token;
use uuid::Uuid;

/// The organisation that the benches act for, and its bearer token.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    pub(crate) token: String,
    digest: convenio_events::commitment::Digest,
}

const WORDS: [&str; 24] = [
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

/// Free words that differ with `n`.
pub(crate) fn words(n: u64, count: u64) -> String {
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

/// The data of `publish-offer` number `n`.
pub(crate) fn publish(n: u64) -> String {
    let id = offer_id(n);
    let (terms, text) = (terms(n), text(n));
    format!(r#"{{"id":"{id}","terms":{terms},"text":{text}}}"#)
}

/// The data of `revise-offer` for offer number `n`.
pub(crate) fn revise(n: u64) -> String {
    let id = offer_id(n);
    let (terms, text) = (terms(n), text(n + 1_000_000_007));
    format!(r#"{{"id":"{id}","terms":{terms},"text":{text}}}"#)
}

/// The id of offer number `n`.
pub(crate) fn offer_id(n: u64) -> Uuid {
    Uuid::new_v5(&Uuid::from_u128(42), &n.to_be_bytes())
}

fn terms(n: u64) -> String {
    let place = ["PE", "MX", "HT", "US-AZ", "BR", "CO", "BO", "RW"][(n % 8) as usize];
    let theme = ["sdg:3.8", "sdg:3.3", "dac:12220", "dac:12250", "sdg:3.1", "dac:12281"][(n % 6) as usize];
    let mechanism = ["training", "study-visit", "expert-mission", "accompaniment", "workshop"][(n % 5) as usize];
    format!(
        r#"{{"themes":["{theme}","mesh:D014611"],"mechanisms":["{mechanism}"],"modalities":["bilateral"],"places":["{place}"],"languages":["es","en"],"quantity":{{"amount":"{}","unit":"expert-days"}}}}"#,
        n % 90 + 10
    )
}

fn text(n: u64) -> String {
    format!(
        r#"{{"title":{{"original":"es","texts":{{"es":"{}","en":"{}"}}}},"summary":{{"texts":{{"es":"{}"}}}}}}"#,
        words(n, 5),
        words(n + 7, 5),
        words(n + 13, 20)
    )
}

/// Command number `n` of a history that keeps one record in five open: `(name, data)`.
pub(crate) fn command(n: u64) -> (&'static str, String) {
    let offer = n / 5;
    let id = offer_id(offer);
    match n % 5 {
        0 => ("publish-offer", publish(offer)),
        1 => ("revise-offer", revise(offer)),
        2 => ("pause-offer", format!(r#"{{"id":"{id}"}}"#)),
        3 => ("resume-offer", format!(r#"{{"id":"{id}"}}"#)),
        _ => ("revise-offer", revise(offer)),
    }
}

/// The id of command number `n`.
pub(crate) fn command_id(n: u64) -> CommandId {
    CommandId::new(Uuid::new_v5(&Uuid::from_u128(43), &n.to_be_bytes()))
}

fn submission(credential: Credential, id: CommandId, name: &str, data: &str) -> Submission {
    let body = Body::parse(name, data.as_bytes(), None);
    Submission { credential, acting_for: None, id, correlation_id: None, expected_version: None, body }
}

impl Recorder {
    /// A command of this recorder.
    pub(crate) fn submission(&self, id: CommandId, name: &str, data: &str) -> Submission {
        submission(Credential::Token(self.digest), id, name, data)
    }
}

async fn as_operator(ledger: &Ledger, n: u64, name: &str, data: &str) -> anyhow::Result<Accepted> {
    let id = CommandId::new(Uuid::new_v5(&Uuid::from_u128(44), &n.to_be_bytes()));
    let answer = ledger.submit(submission(Credential::Operator, id, name, data)).await;
    answer.map_err(|refusal| anyhow!("{name} was refused: {refusal:?}"))
}

/// Registers the benches' organisation and gives it a recorder's grant; the same again on a ledger that has it.
pub(crate) async fn recorder(node: &Node) -> anyhow::Result<Recorder> {
    recorder_of(&node.ledger).await
}

/// The same, of a sequencer alone.
pub(crate) async fn recorder_of(ledger: &Ledger) -> anyhow::Result<Recorder> {
    let organisation = OrganisationId::new(Uuid::from_u128(0x0f0f));
    let register = format!(
        r#"{{"id":"{organisation}","standing":"holder","profile":{{"kind":"ngo","place":"PE"}},"text":{{"name":{{"texts":{{"en":"Example Bench"}}}}}}}}"#
    );
    as_operator(ledger, 0, "register-organisation", &register).await?;
    let token = Token::random();
    let digest = token.digest();
    let grant = format!(r#"{{"organisations":["{organisation}"],"role":"recorder","token_digest":"{digest}"}}"#);
    as_operator(ledger, 1, "grant-access", &grant).await?;
    Ok(Recorder { token: token.reveal(), digest })
}

/// Records commands `from..to` of the history straight into the sequencer's queue, many at a time.
pub(crate) async fn fill(node: &Node, recorder: &Recorder, from: u64, to: u64) -> anyhow::Result<()> {
    const WINDOW: usize = 4_096;
    let mut answers = std::collections::VecDeque::with_capacity(WINDOW);
    for n in from..to {
        let (name, data) = command(n);
        answers.push_back(
            node.ledger
                .enqueue_when_free(recorder.submission(command_id(n), name, &data))
                .await
                .map_err(|refusal| anyhow!("{refusal:?}"))?,
        );
        if answers.len() == WINDOW {
            let answer = answers.pop_front().context("the window is full")?.await?;
            answer.map_err(|refusal| anyhow!("command {n} was refused: {refusal:?}"))?;
        }
    }
    for answer in answers {
        answer.await?.map_err(|refusal| anyhow!("a command was refused: {refusal:?}"))?;
    }
    Ok(())
}
