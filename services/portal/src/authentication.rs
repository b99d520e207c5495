//! Whether a token is one that a grant has, before anything is done for its bearer. What the grant allows is judged elsewhere,
//! each time.

use crate::{
    asking::Reading,
    limits::{TOKEN_LOOKUPS_LIMIT, TOKENS_KEPT, WAIT_FOR_LIMIT},
    problem::{Code, Problem},
    rate::Member,
    state::PortalState,
};
use convenio_events::commitment::Digest;
use convenio_ledger::submission::Role;
use convenio_projections::{NotYetVisible, ViewName};
use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};
use tokio::sync::Semaphore;
use uuid::Uuid;

/// Tokens for which a grant in force was found, and for whom each acts. One that is in it may have been revoked since: it says whom
/// to count, not whom to trust.
#[derive(Debug)]
pub(crate) struct Authentication {
    found: RwLock<HashMap<Digest, Uuid>>,
    lookups: Semaphore,
}

/// What is known of a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Bearer {
    /// A grant in force has it.
    Granted(Member),
    /// No grant has it, or none that is in force.
    Unknown,
    /// The view of grants cannot say now.
    Unclear,
}

impl Default for Authentication {
    fn default() -> Self {
        Self { found: RwLock::default(), lookups: Semaphore::new(TOKEN_LOOKUPS_LIMIT) }
    }
}

impl Authentication {
    fn member(&self, token: Digest) -> Option<Member> {
        let holder = self.found.read().unwrap_or_else(PoisonError::into_inner).get(&token).copied()?;
        Some(Member { token, holder })
    }

    fn remember(&self, Member { token, holder }: Member) {
        let mut found = self.found.write().unwrap_or_else(PoisonError::into_inner);
        if found.len() >= TOKENS_KEPT {
            found.clear();
        }
        found.insert(token, holder);
    }

    /// Its bearer was just told that it is not valid.
    pub(crate) fn forget(&self, token: &Digest) {
        self.found.write().unwrap_or_else(PoisonError::into_inner).remove(token);
    }
}

impl PortalState {
    /// Whose token it is, if a grant was found for it, lately or long ago.
    pub(crate) fn member(&self, token: Digest) -> Option<Member> {
        self.authentication().member(token)
    }

    /// What is known of a token: remembered, or looked up.
    pub(crate) async fn bearer(&self, token: Digest) -> Bearer {
        if let Some(member) = self.member(token) {
            return Bearer::Granted(member);
        }
        let Ok(_permit) = self.authentication().lookups.acquire().await else { return Bearer::Unclear };
        self.look_up(token).await
    }

    /// The same for somebody who has used up the address's allowance: no others wait for it.
    pub(crate) async fn bearer_if_idle(&self, token: Digest) -> Bearer {
        let Ok(_permit) = self.authentication().lookups.try_acquire() else { return Bearer::Unclear };
        self.look_up(token).await
    }

    async fn look_up(&self, token: Digest) -> Bearer {
        let holder = |reading: &mut Reading| {
            let organisation = reading.identity.organisations.iter().min().map(|organisation| organisation.uuid());
            Ok(organisation.or(reading.grant.as_ref().map(|grant| grant.id.uuid())))
        };
        let found = match self.grants_are_read().await {
            // It may be a member's, who does not wait behind strangers; how many look-ups there are at a time is limited.
            Ok(()) => self.ask_in_turn(true, Some(token), holder).await,
            Err(late) => Err(late),
        };
        match found {
            Ok(holder) => {
                let member = Member { token, holder: holder.unwrap_or_default() };
                self.authentication().remember(member);
                Bearer::Granted(member)
            }
            Err(problem) if problem.code() == Code::TokenInvalid.code() => Bearer::Unknown,
            Err(_) => Bearer::Unclear,
        }
    }

    /// Waits until the view of grants has folded all that this node knows to be recorded: only then is a token that it lacks
    /// nobody's. A grant counts from the moment its command was accepted, also while the view is behind or made anew.
    ///
    /// # Errors
    /// 503 `not-ready` where the view does not come up in time.
    pub(crate) async fn grants_are_read(&self) -> Result<(), Problem> {
        let recorded = self.ledger().standing().durable.max(*self.log().head().borrow());
        let late = |late: NotYetVisible| Problem::from(Code::NotReady).detail(late.to_string());
        self.views().wait_for(&[ViewName::Access], recorded, WAIT_FOR_LIMIT).await.map_err(late)
    }

    /// Turns away whose token no grant has, before a body is read for it. Where this node does not decide, it lets the ledger
    /// judge: the node that does may know of more grants.
    ///
    /// # Errors
    /// 401 `token-invalid`.
    pub(crate) async fn authenticate(&self, token: Digest) -> Result<Bearer, Problem> {
        match (self.bearer(token).await, self.ledger().standing().role) {
            (Bearer::Unknown, Role::Writer) => Err(Code::TokenInvalid.into()),
            (Bearer::Unknown, Role::Starting | Role::Follower | Role::Stopped) => Ok(Bearer::Unclear),
            (bearer @ (Bearer::Granted(_) | Bearer::Unclear), _) => Ok(bearer),
        }
    }
}
