//! Takes connections in until the node stops, and ends those that have had their time.

use super::{DoorLimits, connection, places::Places};
use crate::{
    metrics::Counted,
    problem::{Code, Problem},
    state::PortalState,
};
use axum::Router;
use std::{io::Write as _, net::SocketAddr, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    time::{MissedTickBehavior, interval},
};

/// How often connections are looked at: so much later than they should they end.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// How long it waits where no connection can be taken in, for want of memory or files.
const ACCEPT_RETRY: Duration = Duration::from_millis(200);

/// Serves until the portal is told to stop, and every connection has ended then.
pub async fn serve(listener: TcpListener, router: Router, state: PortalState, limits: DoorLimits) {
    keep(Door { router, stop: state.shutdown(), counts: Some(state), places: Places::new(limits) }, listener).await;
}

/// The same before there is a portal that counts, until `stop` says true.
pub async fn serve_uncounted(listener: TcpListener, router: Router, stop: watch::Receiver<bool>, limits: DoorLimits) {
    keep(Door { router, stop, counts: None, places: Places::new(limits) }, listener).await;
}

/// What a connection needs that is taken in.
struct Door {
    router: Router,
    stop: watch::Receiver<bool>,
    /// Who counts connections.
    counts: Option<PortalState>,
    places: Places,
}

async fn keep(door: Door, listener: TcpListener) {
    let places = &door.places;
    let mut stopping = std::pin::pin!(stopped(door.stop.clone()));
    let mut sweeps = interval(SWEEP_INTERVAL);
    sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = &mut stopping => break,
            _ = sweeps.tick() => places.cut_overdue(),
            taken = listener.accept() => match taken {
                Ok((stream, peer)) => take_in(stream, peer, &door),
                // The one that it was about has gone.
                Err(error) if is_of_the_connection(&error) => {}
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "no connection can be taken in");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            },
        }
    }
    drop(listener);
    loop {
        tokio::select! {
            () = places.are_free() => return,
            _ = sweeps.tick() => places.cut_overdue(),
        }
    }
}

/// Completes when the node stops.
pub(super) async fn stopped(mut stop: watch::Receiver<bool>) {
    // The sender is gone only when the node is.
    let _ = stop.wait_for(|stop| *stop).await;
}

fn take_in(stream: TcpStream, peer: SocketAddr, door: &Door) {
    let Some(place) = door.places.take(peer.ip()) else {
        if let Some(state) = &door.counts {
            state.metrics().turned_away();
        }
        return turn_away(stream);
    };
    let counted = door.counts.as_ref().map(|state| Counted::new(state, |metrics| &metrics.connections));
    let serving = connection::serve(stream, peer, place, door.router.clone(), door.stop.clone());
    tokio::spawn(async move {
        serving.await;
        drop(counted);
    });
}

/// Tells a newcomer that there is no room, if that can be done without waiting for it.
fn turn_away(stream: TcpStream) {
    let problem = Problem::from(Code::Overloaded).detail("every connection that this node takes is in use");
    let body = serde_json::to_string(&problem).expect("our types have string keys");
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nretry-after: 5\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    // Who does not take it at once is not told.
    let _ = stream.into_std().and_then(|mut stream| stream.write_all(answer.as_bytes()));
}

fn is_of_the_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
