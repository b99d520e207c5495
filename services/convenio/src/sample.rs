//! The sample cooperation: commands that ship with the program, played once under a grant of their own. They are ordinary commands.

use crate::node::{Node, opened};
use anyhow::{Context as _, bail};
use convenio_events::{CommandId, Event, Id, OrganisationId, Sequence, StreamVersion, Subject, types::Facts};
use convenio_ledger::{
    authorise::Credential,
    genesis::sample_grant,
    rejection::{Reason, Refusal, Unavailable},
    submission::{Answer, Body, Role, Submission},
};
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

/// The commands, one a line. Placeholders: `${date:+90}` and `${terms_digest:agreement/<uuid>}`.
const SAMPLE: &str = include_str!("../sample/sample.ndjson");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    command: &'a str,
    id: Uuid,
    acting_for: Option<Subject>,
    expected_version: Option<StreamVersion>,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// Plays the sample where the ledger was opened with it, and goes on where a crash interrupted it. The last thing it
/// does is to end its own grant. Returns how many commands it played; `None` where there is nothing to play.
pub(crate) async fn play(node: &Node) -> anyhow::Result<Option<usize>> {
    let opening = opened(&*node.log).await?;
    let day = opening.time.to_utc().date_naive();
    let mut count = 0;
    for (number, line) in SAMPLE.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let line = fill_in(line, day, node).await.with_context(|| format!("line {} of the sample", number + 1))?;
        match play_line(&line, node).await? {
            Ok(_) => count += 1,
            // Without the grant, or once it is ended, there is nothing to play.
            Err(Refusal::Rejected(rejection)) if rejection.reason == Reason::TokenInvalid => return Ok(None),
            Err(Refusal::Rejected(rejection)) => bail!("line {} of the sample was refused: {rejection}", number + 1),
            Err(Refusal::Unavailable(unavailable)) => bail!("{}", unavailable.title()),
        }
    }
    let grant = sample_grant(node.ledger_id);
    let end = format!(r#"{{"id":"{grant}"}}"#);
    let id = CommandId::new(Uuid::new_v5(&node.ledger_id.uuid(), b"end of the sample"));
    let submission = submission(node, id, None, Body::parse("revoke-access", end.as_bytes(), None), None);
    match submit(node, submission).await {
        Ok(_) => Ok(Some(count)),
        Err(refusal) => bail!("the sample's grant could not be ended: {refusal:?}"),
    }
}

async fn play_line(line: &str, node: &Node) -> anyhow::Result<Answer> {
    let line: Line<'_> = serde_json::from_str(line).context("reading a line of the sample")?;
    let body = Body::parse(line.command, line.data.get().as_bytes(), line.expected_version);
    let acting_for = line.acting_for.map(|subject| OrganisationId::new(subject.id));
    Ok(submit(node, submission(node, Id::new(line.id), acting_for, body, line.expected_version)).await)
}

fn submission(
    node: &Node,
    id: CommandId,
    acting_for: Option<OrganisationId>,
    body: Result<Body, convenio_ledger::rejection::Rejection>,
    expected_version: Option<StreamVersion>,
) -> Submission {
    let credential = Credential::Grant(sample_grant(node.ledger_id));
    Submission { credential, acting_for, id, correlation_id: None, expected_version, body }
}

/// Sends it again with the same id while its outcome is not known.
async fn submit(node: &Node, submission: Submission) -> Answer {
    let mut standing = node.ledger.watch();
    for _ in 0..20 {
        // Where other nodes are, whoever writes plays it; this one may come to.
        if standing.wait_for(|standing| matches!(standing.role, Role::Writer | Role::Stopped)).await.is_err() {
            break;
        }
        match node.ledger.submit(submission.clone()).await {
            Err(Refusal::Unavailable(
                Unavailable::OutcomeUnknown
                | Unavailable::Overloaded
                | Unavailable::NoWriter
                | Unavailable::LogUnwritable,
            )) => {
                tokio::time::sleep(std::time::Duration::from_millis(250)).await;
            }
            answer => return answer,
        }
    }
    Err(Refusal::Unavailable(Unavailable::OutcomeUnknown))
}

/// Replaces the placeholders of a line.
async fn fill_in(line: &str, opened_on: chrono::NaiveDate, node: &Node) -> anyhow::Result<String> {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').context("a placeholder is not closed")?;
        out.push_str(before);
        match name.split_once(':') {
            Some(("date", days)) => {
                let days: i64 = days.parse().with_context(|| format!("the placeholder {name}"))?;
                out.push_str(&(opened_on + chrono::Duration::days(days)).format("%Y-%m-%d").to_string());
            }
            Some(("terms_digest", subject)) => out.push_str(&terms_digest(subject.parse()?, node).await?),
            _ => bail!("the placeholder {name} is not known"),
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// The digest of an agreement's terms as they are now.
async fn terms_digest(subject: Subject, node: &Node) -> anyhow::Result<String> {
    let sequences = node.index.subject(subject, StreamVersion(0), 1_000)?;
    let mut digest = None;
    for sequence in sequences {
        digest = digest_in(sequence, node).await?.or(digest);
    }
    digest.with_context(|| format!("{subject} has no terms"))
}

async fn digest_in(sequence: Sequence, node: &Node) -> anyhow::Result<Option<String>> {
    let page = node.log.read(sequence, 1).await?;
    let event = Event::decode(page.first().context("the index names an event that is not there")?)?;
    let Facts::Agreement(facts) = event.facts else { return Ok(None) };
    Ok(facts.terms_digest().map(|digest| digest.to_string()))
}
