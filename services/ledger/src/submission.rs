//! A command on its way in, and the handle through which it gets there. Nothing is decided here.

use crate::{
    authorise::Credential,
    body::{self, Read},
    commands::Command,
    counts::Counts,
    parser_words::not_json,
    rejection::{Accepted, Reason, Refusal, Rejection, Unavailable},
};
use convenio_events::{CommandId, OrganisationId, Sequence, StreamVersion, Subject, canonical, commitment::Digest};
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

/// The most commands that wait for the sequencer; beyond it a command is refused as overloaded, before anything is decided.
pub const QUEUE_LIMIT: usize = 16_384;
/// The most bytes of commands that wait for the sequencer, as their canonical forms count; beyond it the same.
pub const QUEUE_BYTES_LIMIT: usize = 64 << 20;
/// In what the room for waiting commands is counted, in bytes; each takes at least one.
const ROOM_UNIT: usize = 1_024;

/// A command as it came in.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Who says to be calling.
    pub credential: Credential,
    /// Which organisation acts, where the grant covers several.
    pub acting_for: Option<OrganisationId>,
    /// The caller's id of the command; scoped to the actor and remembered for ever.
    pub id: CommandId,
    /// What the caller says hangs together.
    pub correlation_id: Option<CommandId>,
    /// The version of the record that was shown to the caller.
    pub expected_version: Option<StreamVersion>,
    /// The command, or why it could not be read: told only to callers that are who they say.
    pub body: Result<Body, Rejection>,
}

/// A command that was read.
#[derive(Clone, Debug)]
pub struct Body {
    /// What is to be done.
    pub command: Command,
    /// The existing record that the expected version is about.
    pub target: Option<Subject>,
    /// RFC 8785 JSON of `{command, data, expected_version}`, languages in their one spelling and without members that are
    /// `null`: what a replay is told from a reused id by.
    pub canonical: Box<str>,
    /// The same of the data as it was written, where that differs: what an older version took the digest of.
    pub written: Option<Box<str>>,
    /// Why the command is refused, unless it was recorded already, under rules that did not say so yet.
    pub objection: Option<Rejection>,
}

#[derive(Serialize)]
struct Digested<'a> {
    command: &'a str,
    data: Value,
    expected_version: Option<StreamVersion>,
}

fn digested(command: &str, data: Value, expected_version: Option<StreamVersion>) -> Box<str> {
    let ordered = canonical::is_ordered(&data);
    let digested = Digested { command, data, expected_version };
    if ordered { canonical::of_ordered(&digested).into() } else { canonical::to_string(&digested).into() }
}

impl Body {
    /// Reads a command's data. What a new command must not hold and an older version recorded is an objection, not an error.
    ///
    /// # Errors
    /// [`Rejection`] naming the field and the rule.
    pub fn parse(name: &str, data: &[u8], expected_version: Option<StreamVersion>) -> Result<Self, Rejection> {
        let malformed = |error: serde_json::Error| Rejection::from(Reason::MalformedJson).detail(not_json(&error));
        let read = match body::read(name, data) {
            Ok(read) => read,
            // Where and why is told as of any other command.
            Err(error) => return Err(Command::parse(name, data).err().unwrap_or_else(|| malformed(error))),
        };
        let Read { value, respelt, objection } = read;
        // It is JSON: where the parser of words says that it is not, the shape knows better.
        let better = |rejection: Rejection| match &objection {
            Some(objection) if objection.code == body::MEMBER_TWICE || rejection.reason == Reason::MalformedJson => {
                objection.clone()
            }
            Some(_) | None => rejection,
        };
        let command =
            if respelt { Command::parse(name, value.to_string().as_bytes()) } else { Command::parse(name, data) };
        let command = command.map_err(better)?;
        let target = if expected_version.is_some() { command.target(data) } else { None };
        let canonical = digested(name, value, expected_version);
        let written = if respelt { Some(body::written(data).map_err(malformed)?) } else { None };
        let written = written.map(|value| digested(name, value, expected_version)).filter(|it| *it != canonical);
        Ok(Self { command, target, canonical, written, objection })
    }

    /// The command, held to what is asked of one that is new.
    ///
    /// # Errors
    /// The objection.
    pub fn checked(self) -> Result<Self, Rejection> {
        match self.objection {
            Some(objection) => Err(objection),
            None => Ok(self),
        }
    }

    /// What another node reads it from again.
    pub fn as_written(&self) -> &str {
        self.written.as_deref().unwrap_or(&self.canonical)
    }

    /// Reads a command again from [`Self::as_written`].
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn reparse(canonical: &str) -> Result<Self, Rejection> {
        #[derive(Deserialize)]
        struct Digested<'a> {
            command: String,
            #[serde(borrow)]
            data: &'a RawValue,
            expected_version: Option<StreamVersion>,
        }
        let Digested { command, data, expected_version } = serde_json::from_str(canonical)
            .map_err(|error| Rejection::from(Reason::MalformedJson).detail(error.to_string()))?;
        Self::parse(&command, data.get().as_bytes(), expected_version)
    }

    /// The digest of the token that a new grant is given; `None` for other commands.
    pub fn token(&self) -> Option<Digest> {
        if let Command::GrantAccess(grant) = &self.command { grant.token_digest } else { None }
    }

    /// Gives a grant the digest of a token that the node made, where the caller brought none; false for other commands.
    pub fn provide_token(&mut self, digest: Digest) -> bool {
        if let Command::GrantAccess(grant) = &mut self.command
            && grant.token_digest.is_none()
        {
            grant.token_digest = Some(digest);
            return true;
        }
        false
    }
}

/// How a command ended.
pub type Answer = Result<Accepted, Refusal>;

/// A command that waits for its outcome.
#[derive(Debug)]
pub struct Waiting {
    /// The command.
    pub submission: Submission,
    /// Where its outcome goes.
    pub answer: oneshot::Sender<Answer>,
    /// Another node sent it, or it is this node's own business: it goes no further.
    pub(crate) only_here: bool,
    /// Its part of the room for waiting commands, until it was decided.
    _room: OwnedSemaphorePermit,
}

impl Waiting {
    /// Says how it ended. Who asked may have gone away, which changes nothing.
    pub fn end(self, answer: Answer) {
        let _ = self.answer.send(answer);
    }
}

/// What a node does for the ledger now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// It is reading the log before it may write.
    Starting,
    /// It decides commands.
    Writer,
    /// Another node does.
    Follower,
    /// It stopped.
    Stopped,
}

/// Where a sequencer stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// What it does now.
    pub role: Role,
    /// How many events are durable, as far as it knows.
    pub durable: Sequence,
    /// Whether its clock jumped and waits for an operator.
    pub clock_jumped: bool,
    /// Whether timers are held back until the clock is known to be right.
    pub timers_held: bool,
    /// How many subjects are in memory.
    pub held: usize,
    /// Whether the log takes nothing for a while already, as on a full disk: commands are refused until it does again.
    pub cannot_write: bool,
}

/// The way to the sequencer; cheap to clone.
#[derive(Clone, Debug)]
pub struct Ledger {
    queue: mpsc::Sender<Waiting>,
    room: Arc<Semaphore>,
    standing: watch::Receiver<Standing>,
    counts: Arc<Counts>,
}

impl Submission {
    /// How many [`ROOM_UNIT`]s it takes while it waits.
    fn room(&self) -> u32 {
        let bytes = |body: &Body| body.canonical.len() + body.written.as_ref().map_or(0, |written| written.len());
        let bytes = self.body.as_ref().map_or(0, bytes).min(QUEUE_BYTES_LIMIT / 2);
        u32::try_from(bytes / ROOM_UNIT + 1).expect("a fraction of the limit")
    }
}

impl Ledger {
    /// A way to the sequencer, and where its commands come out.
    pub(crate) fn new(standing: watch::Receiver<Standing>, counts: Arc<Counts>) -> (Self, mpsc::Receiver<Waiting>) {
        let (queue, waiting) = mpsc::channel(QUEUE_LIMIT);
        let room = Arc::new(Semaphore::new(QUEUE_BYTES_LIMIT / ROOM_UNIT));
        (Self { queue, room, standing, counts }, waiting)
    }

    /// Sends a command and waits for its outcome, which is released only when everything it was decided on is durable.
    ///
    /// # Errors
    /// [`Refusal`]: the rules say no, or the system could not say.
    pub async fn submit(&self, submission: Submission) -> Answer {
        self.enqueue(submission)?.await.unwrap_or(Err(Refusal::Unavailable(Unavailable::OutcomeUnknown)))
    }

    /// Puts a command in the queue; the answer comes through the receiver, which is dropped when the sequencer ends.
    ///
    /// # Errors
    /// `overloaded` when the queue is full, `no-writer` when the sequencer has ended.
    pub fn enqueue(&self, submission: Submission) -> Result<oneshot::Receiver<Answer>, Refusal> {
        let overloaded = Refusal::Unavailable(Unavailable::Overloaded);
        let Ok(room) = self.room.clone().try_acquire_many_owned(submission.room()) else { return Err(overloaded) };
        let (answer, receiver) = oneshot::channel();
        match self.queue.try_send(Waiting { submission, answer, only_here: false, _room: room }) {
            Ok(()) => Ok(receiver),
            Err(mpsc::error::TrySendError::Full(_)) => Err(overloaded),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(Refusal::Unavailable(Unavailable::NoWriter)),
        }
    }

    /// Like [`Self::enqueue`], but waits for room: for batches, whose client is slowed down instead of refused.
    ///
    /// # Errors
    /// `no-writer` when the sequencer has ended.
    pub async fn enqueue_when_free(&self, submission: Submission) -> Result<oneshot::Receiver<Answer>, Refusal> {
        self.send(submission, false).await
    }

    /// Like [`Self::enqueue_when_free`], for what another node sent here: a node that does not write refuses it with
    /// `no-writer` instead of sending it on.
    ///
    /// # Errors
    /// `no-writer` when the sequencer has ended.
    pub async fn enqueue_only_here(&self, submission: Submission) -> Result<oneshot::Receiver<Answer>, Refusal> {
        self.send(submission, true).await
    }

    async fn send(&self, submission: Submission, only_here: bool) -> Result<oneshot::Receiver<Answer>, Refusal> {
        let no_writer = |_| Refusal::Unavailable(Unavailable::NoWriter);
        let room = self.room.clone().acquire_many_owned(submission.room()).await;
        let room = room.expect("the room is never closed");
        let (answer, receiver) = oneshot::channel();
        let sent = self.queue.send(Waiting { submission, answer, only_here, _room: room }).await;
        sent.map(|()| receiver).map_err(no_writer)
    }

    /// Where the sequencer stands.
    pub fn standing(&self) -> Standing {
        *self.standing.borrow()
    }

    /// What the sequencer counted.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Changes of where the sequencer stands.
    pub fn watch(&self) -> watch::Receiver<Standing> {
        self.standing.clone()
    }
}
