//! One command: who sends it, whether it is known, what the rules say. Answers are made here and released elsewhere.

use super::{COMMAND_EVENTS_LIMIT, writing::Writing};
use crate::{
    authorise::{authenticate, authorise},
    commands::Command,
    context::{Acting, Context, Decision},
    rejection::{Accepted, Reason, RecordedRef, Refusal, Rejection, Unavailable, require, stale},
    submission::{Answer, Body, Submission},
};
use convenio_events::{
    AccessId, Actor, CommandId, RecordedEvent, Sequence,
    codes::AccessRole,
    commitment::{Digest, Salt, command_digest},
    record::RawRecord,
    types::access::RevocationCause,
};
use uuid::Uuid;

/// The command's answer, or where to find that of the same id.
pub(super) enum Judged {
    Answer(Answer),
    Known(Sequence, Spellings),
}

/// The forms of a command of which any may have been digested when it was recorded.
pub(super) struct Spellings {
    canonical: Box<str>,
    written: Option<Box<str>>,
}

impl Spellings {
    fn have(&self, salt: &Salt, digest: Digest) -> bool {
        let written = self.written.iter();
        written.chain([&self.canonical]).any(|form| command_digest(salt, form.as_bytes()) == digest)
    }
}

impl Writing<'_> {
    /// Decides a command in the order: who is it, may it, is its id known, what do the rules say.
    pub(super) fn judge(&mut self, submission: Submission) -> Judged {
        self.run_timers();
        match self.try_judge(submission) {
            Ok(judged) => judged,
            Err(refusal) => Judged::Answer(Err(refusal)),
        }
    }

    fn try_judge(&mut self, submission: Submission) -> Result<Judged, Refusal> {
        let Submission { credential, acting_for, id, correlation_id, expected_version, body } = submission;
        let now = self.now();
        let acting = authenticate(&self.world, credential, acting_for, now)?;
        let Body { command, target, canonical, written, objection } = body?;
        authorise(&self.world, &acting, &command).map_err(|rejection| objection.clone().unwrap_or(rejection))?;
        if let Some(sequence) = self.known(acting.actor, id)? {
            return Ok(Judged::Known(sequence, Spellings { canonical, written }));
        }
        if let Some(objection) = objection {
            return Err(objection.into());
        }
        let confirms_clock = matches!(command, Command::ConfirmClock(_));
        if self.guard.jumped() && !confirms_clock {
            return Err(Refusal::Unavailable(Unavailable::ClockJumped));
        }
        let version = check_version(&command, expected_version, target.and_then(|target| self.world.version(target)));
        let decided = self.guesses.check(&acting, &command, now).and_then(|()| self.decide(command, &acting, id));
        if let Err(rejection) = &decided {
            self.guesses.count(&acting, rejection, now);
        }
        // Where several rules refuse, the first in the order of precedence is told.
        let decision = match (decided, version) {
            (Ok(decision), Ok(())) => decision,
            (Ok(_), Err(rejection)) | (Err(rejection), Ok(())) => return Err(rejection.into()),
            (Err(a), Err(b)) => return Err(if a.reason <= b.reason { a } else { b }.into()),
        };
        if confirms_clock {
            let reading = self.parts.clock.read();
            self.guard.confirm(reading);
        }
        let subject = decision.subject;
        let events = self.place(acting.actor, acting.grant, id, correlation_id, Some(&canonical), decision.events);
        let first = events.first().map_or(self.world.next(), |event| event.sequence);
        self.undurable.insert((acting.actor, id), first);
        let stream_version = self.world.version(subject).unwrap_or_default();
        Ok(Judged::Answer(Ok(Accepted {
            subject,
            sequence: first,
            stream_version,
            events,
            command_id: id,
            replay: false,
        })))
    }

    fn decide(&mut self, command: Command, acting: &Acting, id: CommandId) -> Result<Decision, Rejection> {
        let now = self.now();
        let context = Context {
            world: &self.world,
            now,
            acting,
            new_id: Uuid::new_v5(&acting.actor.scope(), id.uuid().as_bytes()),
            salt: self.parts.entropy.salt(),
        };
        let mut decision = command.decide(&context)?;
        let real_admin = acting.role == AccessRole::Admin && acting.actor.organisation().is_some() && !acting.sample;
        let ended = |bootstrap: AccessId| decision.events.iter().any(|event| event.subject == bootstrap.into());
        if real_admin && let Some(bootstrap) = self.world.bootstrap().filter(|bootstrap| !ended(*bootstrap)) {
            decision.events.push(crate::commands::revocation(bootstrap, RevocationCause::BootstrapOver, None));
        }
        require(decision.events.len() <= COMMAND_EVENTS_LIMIT, Reason::TooManyEvents)?;
        Ok(decision)
    }

    /// The first event of a command that was accepted before, durable or not.
    fn known(&mut self, actor: Actor, id: CommandId) -> Result<Option<Sequence>, Refusal> {
        if let Some(sequence) = self.undurable.get(&(actor, id)) {
            return Ok(Some(*sequence));
        }
        self.parts.index.command(actor, id).map_err(|fault| {
            tracing::error!(error = &fault as &dyn std::error::Error, "the index of command ids failed");
            self.broken = true;
            Refusal::Unavailable(Unavailable::OutcomeUnknown)
        })
    }
}

fn check_version(
    command: &Command,
    expected: Option<convenio_events::StreamVersion>,
    actual: Option<convenio_events::StreamVersion>,
) -> Result<(), Rejection> {
    match expected {
        None if command.confirms() => {
            let how = "send the record's streamversion: `If-Match: \"3\"`, or `expected_version` in a batch";
            Err(Rejection::from(Reason::VersionRequired).detail(how))
        }
        None => Ok(()),
        Some(expected) if actual == Some(expected) => Ok(()),
        Some(expected) => Err(stale(expected, actual)),
    }
}

/// Whether the last event is another command's than the first, so that all of the first one's are there.
pub(super) fn goes_on_to_another(events: &[RecordedEvent]) -> bool {
    let command = |event: &RecordedEvent| RawRecord::parse(&event.record).ok().map(|raw| (raw.actor, raw.commandid));
    events.first().and_then(command) != events.last().and_then(command)
}

/// The answer of a command that was accepted before, from its events: the same content, or that its id was reused.
pub(super) fn replay(events: &[RecordedEvent], spellings: &Spellings) -> Answer {
    let unreadable = || Refusal::Unavailable(Unavailable::OutcomeUnknown);
    let first = events.first().ok_or_else(unreadable)?;
    let raw = RawRecord::parse(&first.record).map_err(|_| unreadable())?;
    if let (Some(salt), Some(digest)) = (&first.text_salt, raw.commanddigest)
        && !spellings.have(salt, digest)
    {
        return Err(Rejection::from(Reason::CommandIdReused).into());
    }
    let mut refs = Vec::new();
    let mut stream_version = raw.streamversion;
    for event in events {
        let other = RawRecord::parse(&event.record).map_err(|_| unreadable())?;
        if other.commandid != raw.commandid || other.actor != raw.actor {
            break;
        }
        if other.subject == raw.subject {
            stream_version = other.streamversion;
        }
        refs.push(RecordedRef { id: other.id, type_name: other.r#type.to_owned(), sequence: event.sequence });
    }
    Ok(Accepted {
        subject: raw.subject,
        sequence: first.sequence,
        stream_version,
        events: refs,
        command_id: raw.commandid,
        replay: true,
    })
}
