//! Whether a token is one that a grant has, before anything is done for its bearer. What the grant allows is judged elsewhere,
//! each time.

use crate::{
    limits::{TOKEN_LOOKUPS_LIMIT, TOKENS_KEPT, WAIT_FOR_LIMIT},
    problem::{Code, Problem},
    state::PortalState,
};
use convenio_events::commitment::Digest;
use convenio_ledger::submission::Role;
use convenio_projections::{NotYetVisible, ViewName};
use std::{
    collections::HashSet,
    sync::{PoisonError, RwLock},
};
use tokio::sync::Semaphore;

/// Tokens for which a grant in force was found. One that is in it may have been revoked since: it says whom to count, not whom
/// to trust.
#[derive(Debug)]
pub(crate) struct Authentication {
    found: RwLock<HashSet<Digest>>,
    lookups: Semaphore,
}

/// What is known of a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Bearer {
    /// A grant in force has it.
    Granted,
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
    fn holds(&self, token: &Digest) -> bool {
        self.found.read().unwrap_or_else(PoisonError::into_inner).contains(token)
    }

    fn remember(&self, token: Digest) {
        let mut found = self.found.write().unwrap_or_else(PoisonError::into_inner);
        if found.len() >= TOKENS_KEPT {
            found.clear();
        }
        found.insert(token);
    }

    /// Its bearer was just told that it is not valid.
    pub(crate) fn forget(&self, token: &Digest) {
        self.found.write().unwrap_or_else(PoisonError::into_inner).remove(token);
    }
}

impl PortalState {
    /// Whether a grant was found for a token, lately or long ago.
    pub(crate) fn has_found(&self, token: &Digest) -> bool {
        self.authentication().holds(token)
    }

    /// What is known of a token: remembered, or looked up.
    pub(crate) async fn bearer(&self, token: Digest) -> Bearer {
        if self.has_found(&token) {
            return Bearer::Granted;
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
        match self.ask(Some(token), |_| Ok(())).await {
            Ok(()) => {
                self.authentication().remember(token);
                Bearer::Granted
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
            (bearer @ (Bearer::Granted | Bearer::Unclear), _) => Ok(bearer),
        }
    }
}
