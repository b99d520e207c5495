//! `convenio events`: prints events as CloudEvents, one a line, in order and each once, also over lost connections. It does not
//! check any proof.

use crate::{
    cli::NodeArguments,
    client::{Remote, answered, may_pass},
    verbs::output,
};
use anyhow::{Context as _, ensure};
use reqwest::{Method, RequestBuilder, Response};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::time::Duration;

/// Events of one page.
const PAGE_EVENTS: usize = 1_000;
/// The wait before a lost connection is made again; it doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// So often a page is asked for before the verb fails; a stream comes back for ever.
const PAGE_ATTEMPTS: u32 = 6;

/// So often the verb waits for a node that does not move on to the head of its log.
const LAG_WAITS: u32 = 40;

/// Flags of the verb.
#[derive(clap::Args, Debug)]
pub(crate) struct EventsArguments {
    /// The first sequence
    #[arg(long, value_name = "N", default_value_t = 0)]
    from: u64,
    /// Goes on with what is recorded from now on, until it is stopped
    #[arg(long)]
    follow: bool,
    /// Only events of this type, such as org.convenio.offer.published.v1
    #[arg(long, value_name = "T")]
    r#type: Option<String>,
    /// Only events of this record, such as offer/UUID
    #[arg(long, value_name = "S")]
    subject: Option<String>,
    /// Events are always printed as JSON; this flag is here because every verb has it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    node: NodeArguments,
}

/// Runs the verb.
pub(crate) async fn run(arguments: EventsArguments) -> anyhow::Result<()> {
    let remote = arguments.node.remote()?;
    let mut printer = Printer { next: arguments.from };
    if arguments.follow {
        return follow(&remote, &arguments, &mut printer).await;
    }
    let mut waits = 0;
    loop {
        let page = page(&remote, &arguments, printer.next).await?;
        let before = printer.next;
        for event in &page.events {
            printer.print(event)?;
        }
        printer.next = printer.next.max(page.next_from);
        if page.head_sequence.is_none_or(|head| printer.next > head) {
            return Ok(());
        }
        // A node shows nothing before it has folded who may see it.
        waits = if printer.next > before { 0 } else { waits + 1 };
        ensure!(waits < LAG_WAITS, "the node lags behind its log at {before}: see `convenio status`");
        if waits > 0 {
            tokio::time::sleep(FIRST_WAIT).await;
        }
    }
}

#[derive(Deserialize)]
struct Page {
    events: Vec<Box<RawValue>>,
    next_from: u64,
    head_sequence: Option<u64>,
}

#[derive(Deserialize)]
struct Sequenced {
    ledgersequence: String,
}

/// Prints each sequence once, in order.
struct Printer {
    next: u64,
}

impl Printer {
    fn print(&mut self, event: &RawValue) -> anyhow::Result<()> {
        let Sequenced { ledgersequence } = serde_json::from_str(event.get()).context("an event without a sequence")?;
        let sequence: u64 = ledgersequence.parse().context("a sequence that is no number")?;
        // Delivery is at least once: what came again is not printed again.
        if sequence >= self.next {
            output::json_line(event.get())?;
            self.next = sequence + 1;
        }
        Ok(())
    }
}

fn asking(remote: &Remote, arguments: &EventsArguments, from: u64) -> RequestBuilder {
    let mut query = vec![("from", from.to_string())];
    query.extend(arguments.r#type.as_ref().map(|r#type| ("type", r#type.clone())));
    query.extend(arguments.subject.as_ref().map(|subject| ("subject", subject.clone())));
    if !arguments.follow {
        query.push(("limit", PAGE_EVENTS.to_string()));
    }
    let query: Vec<_> = query.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    remote.request(Method::GET, &format!("/api/v1/events?{}", query.join("&")))
}

/// Percent-encoding of everything but unreserved characters (RFC 3986, 2.3).
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

async fn page(remote: &Remote, arguments: &EventsArguments, from: u64) -> anyhow::Result<Page> {
    let mut wait = FIRST_WAIT;
    for _ in 1..PAGE_ATTEMPTS {
        match page_once(remote, arguments, from).await {
            Err(error) if may_pass(&error) => tracing::warn!(error = format!("{error:#}"), "asking again"),
            answered => return answered,
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
    page_once(remote, arguments, from).await
}

async fn page_once(remote: &Remote, arguments: &EventsArguments, from: u64) -> anyhow::Result<Page> {
    Ok(remote.send(asking(remote, arguments, from)).await?.json().await?)
}

async fn follow(remote: &Remote, arguments: &EventsArguments, printer: &mut Printer) -> anyhow::Result<()> {
    let (mut wait, mut connected) = (FIRST_WAIT, false);
    loop {
        let request = asking(remote, arguments, printer.next).header("Accept", "text/event-stream");
        let ended = match remote.send(request).await {
            Ok(response) => {
                (connected, wait) = (true, FIRST_WAIT);
                print_stream(response, printer).await
            }
            // A node that was never there is more likely a wrong address than one that starts again; one that answers is there.
            Err(error) if !connected && !answered(&error) => return Err(error),
            Err(error) => Err(error),
        };
        if let Err(error) = ended {
            if !may_pass(&error) {
                return Err(error);
            }
            tracing::warn!(error = format!("{error:#}"), next = printer.next, "the stream was lost; going on");
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
}

async fn print_stream(mut response: Response, printer: &mut Printer) -> anyhow::Result<()> {
    let mut fields = Fields::default();
    while let Some(chunk) = response.chunk().await? {
        fields.held.extend_from_slice(&chunk);
        while let Some(message) = fields.next()? {
            match message.event.as_str() {
                // Both say how far the node has looked; neither is an event of the ledger.
                "position" | "caught-up" => {
                    if let Ok(sequence) = message.id.parse::<u64>() {
                        printer.next = printer.next.max(sequence + 1);
                    }
                }
                _ => printer.print(&RawValue::from_string(message.data)?)?,
            }
        }
    }
    Ok(())
}

/// Cuts messages out of an event stream (HTML standard, 9.2.6), as far as this node's go.
#[derive(Default)]
struct Fields {
    held: Vec<u8>,
    message: Message,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Message {
    event: String,
    id: String,
    data: String,
}

impl Fields {
    fn next(&mut self) -> anyhow::Result<Option<Message>> {
        while let Some(end) = self.held.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.held.drain(..=end).collect();
            let line = std::str::from_utf8(&line).context("the stream is not UTF-8")?.trim_end_matches(['\r', '\n']);
            if line.is_empty() {
                let message = std::mem::take(&mut self.message);
                if !message.data.is_empty() {
                    return Ok(Some(message));
                }
                continue;
            }
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match name {
                "event" => value.clone_into(&mut self.message.event),
                "id" => value.clone_into(&mut self.message.id),
                "data" => self.message.data.push_str(value),
                _ => {}
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_cut_wherever_the_bytes_were_split() {
        let stream = b": hello\n\nid: 4\ndata: {\"a\":\ndata: 1}\n\nevent: position\nid:9\ndata: 9\r\n\r\n";
        for at in 0..stream.len() {
            let (mut fields, mut messages) = (Fields::default(), Vec::new());
            for part in [&stream[..at], &stream[at..]] {
                fields.held.extend_from_slice(part);
                while let Some(message) = fields.next().expect("UTF-8") {
                    messages.push((message.event, message.id, message.data));
                }
            }
            let expected = [("", "4", "{\"a\":1}"), ("position", "9", "9")];
            assert_eq!(messages, expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned())));
        }
    }

    #[test]
    fn reserved_characters_are_encoded() {
        assert_eq!(encoded("offer/1 &ü"), "offer%2F1%20%26%C3%BC");
    }
}
