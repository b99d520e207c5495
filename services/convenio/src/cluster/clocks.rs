//! What the clocks of the other nodes say. Each is asked for nothing, in the way that commands go: a node that does not write
//! refuses, and tells its time in the refusal. Whose clock is right is not decided here.

use super::{
    NodeUrl, PATH, Secret,
    forward::bounded,
    signature::{self, SignedHead},
};
use reqwest::{Client, header::CONTENT_LENGTH};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant, SystemTime},
};
use tokio::sync::watch;

/// How often each of them is asked.
const ASK_EVERY: Duration = Duration::from_secs(10);
/// How long an answer may take; an older one counts until it is forgotten.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// How long an answer counts.
const COUNTS_FOR: Duration = Duration::from_secs(60);

/// What each node's clock said when it was last asked, and when that was; by its address.
#[derive(Clone, Default, Debug)]
pub(crate) struct Clocks(BTreeMap<String, (SystemTime, Instant)>);

impl Clocks {
    /// What they say now, those that answer.
    pub(crate) fn now(&self) -> impl Iterator<Item = SystemTime> {
        let counting = self.0.values().filter(|(_, asked)| asked.elapsed() < COUNTS_FOR);
        counting.map(|(told, asked)| *told + asked.elapsed())
    }
}

/// Asks the other nodes for as long as somebody listens.
pub(super) async fn ask(client: Client, others: Vec<NodeUrl>, secret: Secret, told: watch::Sender<Clocks>) {
    let mut times = tokio::time::interval(ASK_EVERY);
    times.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while !told.is_closed() {
        times.tick().await;
        let (client, secret) = (&client, &secret);
        let answers = others.iter().map(|node| async move { (node, time_of(client, node, secret).await) });
        for (node, time) in futures::future::join_all(answers).await {
            if let Some(time) = time {
                let told_now = (time, Instant::now());
                told.send_modify(|clocks| {
                    clocks.0.insert(node.as_str().to_owned(), told_now);
                });
            }
        }
    }
}

/// What a node's clock says; nothing where it does not show that it is a node of this ledger.
async fn time_of(client: &Client, node: &NodeUrl, secret: &Secret) -> Option<SystemTime> {
    let head: SignedHead = secret.sign(PATH, &[]);
    let request = client.post(node.join(PATH)).timeout(ANSWER_WITHIN).header(CONTENT_LENGTH, 0);
    let request = request.header(signature::HEADER, &head.signature).header(signature::DIGEST_HEADER, &head.digest);
    let answer = request.send().await.ok()?;
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let body = bounded(answer).await?;
    let time_ms = match headers.get(signature::ANSWER_HEADER) {
        Some(code) => secret.open_refusal(&head, status, &body, code.to_str().ok()?)?,
        None => secret.open_answer(&head, body)?.1,
    };
    Some(SystemTime::UNIX_EPOCH + Duration::from_millis(time_ms))
}
