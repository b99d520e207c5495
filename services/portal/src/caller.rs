//! Who a request is from, and whether it may ask now: by its token where a grant has it, else by where it comes from. What it may
//! see and do is judged later, by its grant.

use crate::{
    authentication::Bearer,
    client,
    rate::{Allowance, Caller},
    state::PortalState,
    token::bearer,
};
use axum::{
    extract::{ConnectInfo, Request},
    http::Extensions,
};
use std::{net::SocketAddr, time::Instant};

/// What monitoring asks: it is not counted, so that a balancer learns how a node is also while others ask too much.
const PROBES: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// Counts a request, and notes on it who it is from.
///
/// A token that no grant has counts to the address: whoever makes tokens up is one caller. Where the address has asked too much,
/// a token that a grant has still lets its bearer in.
pub(crate) async fn admit(state: &PortalState, request: &mut Request, now: Instant) -> Option<Allowance> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    let address = Caller::Address(client::address(peer.unwrap_or(client::NOWHERE), request.headers(), state.proxies()));
    request.extensions_mut().insert(address);
    if PROBES.contains(&request.uri().path()) {
        return None;
    }
    let take = |caller| state.rate().map(|rate| rate.take(caller, now));
    let Ok(Some(token)) = bearer(request.headers()) else {
        // Where there is neither a socket nor a token, nobody is there to be counted.
        return peer.and_then(|_| take(address));
    };
    if let Some(member) = state.member(token) {
        request.extensions_mut().insert(Caller::Member(member));
        return take(Caller::Member(member));
    }
    let spent = state.rate().is_some_and(|rate| rate.is_spent(address, now));
    let bearer = if spent { state.bearer_if_idle(token).await } else { state.bearer(token).await };
    match bearer {
        Bearer::Granted(member) => {
            request.extensions_mut().insert(Caller::Member(member));
            take(Caller::Member(member))
        }
        Bearer::Unknown | Bearer::Unclear => take(address),
    }
}

/// Who [`admit`] said that it is from.
pub(crate) fn of(extensions: &Extensions) -> Caller {
    extensions.get().copied().unwrap_or(Caller::Address(client::NOWHERE))
}
