//! Who is calling, for whom, and whether that role may send that command. It comes before any look-up of what the command names.

use crate::{
    commands::Command,
    context::Acting,
    rejection::{Reason, Rejection, require},
    state::access::{Access, token_name},
    world::World,
};
use convenio_events::{
    AccessId, Actor, OrganisationId, Timestamp,
    codes::AccessRole,
    commitment::Digest,
    types::{access::Scope, organisation::Standing},
};

/// How a caller says who it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Credential {
    /// The digest of a bearer token.
    Token(Digest),
    /// A grant that another node, or this program itself, has authenticated already.
    Grant(AccessId),
    /// The operator at the machine, under the data lock.
    Operator,
}

/// Finds the grant of a credential and who acts under it.
///
/// # Errors
/// `token-invalid`, `acting-for-required`, `acting-for-not-granted`.
pub fn authenticate(
    world: &World,
    credential: Credential,
    acting_for: Option<OrganisationId>,
    now: Timestamp,
) -> Result<Acting, Rejection> {
    let id = match credential {
        Credential::Operator => return Ok(Acting::operator()),
        Credential::Grant(id) => id,
        Credential::Token(digest) => AccessId::new(world.holder(&token_name(&digest)).ok_or(Reason::TokenInvalid)?),
    };
    let access = world.access(id).filter(|access| access.is_in_force(now)).ok_or(Reason::TokenInvalid)?;
    let granted = &access.granted;
    Ok(Acting {
        actor: actor(world, id, &access, acting_for)?,
        grant: Some(id),
        role: granted.role,
        may_sign: granted.may_sign,
        on_behalf: granted.on_behalf,
        mandate: granted.mandate,
        sample: granted.scope == Scope::Sample,
    })
}

fn actor(world: &World, id: AccessId, access: &Access, acting_for: Option<OrganisationId>) -> Result<Actor, Rejection> {
    match (&access.granted.scope, acting_for) {
        (Scope::Operator | Scope::Sample, None) => Ok(Actor::Operator),
        (Scope::Operator, Some(_)) => Err(Reason::ActingForNotGranted.into()),
        (Scope::Sample, Some(organisation)) => {
            // The sample acts only for the holders that it registered itself.
            let own =
                world.organisation(organisation).is_some_and(|o| o.under == Some(id) && o.standing == Standing::Holder);
            require(own, Reason::ActingForNotGranted)?;
            Ok(Actor::Organisation(organisation))
        }
        (Scope::Organisations { organisations }, Some(organisation)) => {
            require(organisations.contains(&organisation), Reason::ActingForNotGranted)?;
            Ok(Actor::Organisation(organisation))
        }
        (Scope::Organisations { organisations }, None) => match organisations[..] {
            // Named twice, it is one.
            [organisation, ref others @ ..] if others.iter().all(|other| *other == organisation) => {
                Ok(Actor::Organisation(organisation))
            }
            _ => Err(Reason::ActingForRequired.into()),
        },
    }
}

/// Refuses a command that the grant's role, or the acting organisation's standing, does not allow.
///
/// # Errors
/// `role-required`, `organisation-required`, `organisation-suspended`.
pub fn authorise(world: &World, acting: &Acting, command: &Command) -> Result<(), Rejection> {
    let may = command.right().belongs_to(acting.role) || (acting.sample && acting.role == AccessRole::Admin);
    require(may, Reason::RoleRequired).map_err(|rejection| {
        let roles = AccessRole::ALL.iter().filter(|role| command.right().belongs_to(**role));
        let roles: Vec<_> = roles.map(ToString::to_string).collect();
        rejection.detail(format!("{} is for {}, and not for {}", command.name(), roles.join(", "), acting.role))
    })?;
    match acting.actor {
        Actor::Organisation(id) => {
            let suspended = world.organisation(id).is_none_or(|organisation| organisation.suspended);
            require(!suspended || command.is_open_to_suspended(), Reason::OrganisationSuspended)
        }
        Actor::Operator => require(command.is_open_to_operator(), Reason::OrganisationRequired),
        Actor::Clock => Err(Reason::RoleRequired.into()),
    }
}
