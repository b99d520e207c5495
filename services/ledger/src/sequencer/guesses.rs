//! How often one organisation is told that an identifier is in use. Each such answer says that somebody has it, whoever may see whom:
//! nobody shall read a register out of this ledger by asking for one number after the other. It is kept in memory, and for
//! this node alone.

use crate::{
    commands::Command,
    context::Acting,
    rejection::{Reason, Rejection},
};
use convenio_events::{Actor, Timestamp, codes::AccessRole};
use std::collections::HashMap;

/// How many such answers an organisation has at once, whichever of its grants asks; the next command of it that names an identifier is refused as `too-many-refusals`.
pub(super) const GUESSES_LIMIT: u32 = 100;
/// After how many seconds it has one more.
pub(super) const SECONDS_A_GUESS: i64 = 36;
/// The most organisations that are remembered; beyond it, one that is not remembered waits as if it had used up its own.
const ASKING_LIMIT: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Guesses(HashMap<Actor, Used>);

#[derive(Debug, Clone, Copy)]
struct Used {
    guesses: u32,
    at: Timestamp,
}

impl Used {
    /// What is used of it still, after the time that passed.
    fn now(self, now: Timestamp) -> Self {
        let seconds = (now.micros() - self.at.micros()).max(0) / 1_000_000;
        let back = seconds / SECONDS_A_GUESS;
        let guesses = self.guesses.saturating_sub(u32::try_from(back).unwrap_or(u32::MAX));
        Self { guesses, at: self.at.plus_seconds(back * SECONDS_A_GUESS) }
    }
}

impl Guesses {
    /// Refuses a command that may tell of an identifier, once its organisation has been told too much. Admins see all there is.
    pub(super) fn check(&mut self, acting: &Acting, command: &Command, now: Timestamp) -> Result<(), Rejection> {
        let Some(actor) = guesser(acting).filter(|_| names_identifier(command)) else { return Ok(()) };
        let full = match self.0.get(&actor) {
            Some(used) => used.now(now).guesses >= GUESSES_LIMIT,
            None => self.is_full(now),
        };
        if !full {
            return Ok(());
        }
        let detail =
            format!("{GUESSES_LIMIT} were told to this organisation, and one more is every {SECONDS_A_GUESS} seconds");
        Err(Rejection::from(Reason::TooManyRefusals).detail(detail))
    }

    /// Counts what an organisation was told.
    pub(super) fn count(&mut self, acting: &Acting, rejection: &Rejection, now: Timestamp) {
        let Some(actor) = guesser(acting).filter(|_| rejection.reason == Reason::IdentifierInUse) else { return };
        let used = self.0.entry(actor).or_insert(Used { guesses: 0, at: now });
        *used = used.now(now);
        if used.guesses == 0 {
            used.at = now;
        }
        used.guesses += 1;
    }

    fn is_full(&mut self, now: Timestamp) -> bool {
        if self.0.len() >= ASKING_LIMIT {
            self.0.retain(|_, used| used.now(now).guesses > 0);
        }
        self.0.len() >= ASKING_LIMIT
    }
}

fn guesser(acting: &Acting) -> Option<Actor> {
    (acting.role != AccessRole::Admin).then_some(acting.actor)
}

fn names_identifier(command: &Command) -> bool {
    let registers = matches!(command, Command::RegisterOrganisation(data) if !data.identifiers.is_empty());
    registers || matches!(command, Command::AddIdentifier(_))
}
