//! HTTP/1.1 on one connection, from its first byte to its last. What is answered is the router's business; HTTP/2 is left to
//! the proxy that stands before a node.

use super::{
    BUFFER_BYTES_LIMIT, LINGER_BYTES_LIMIT, LINGER_TIMEOUT,
    listen::stopped,
    places::{Line, Place},
    socket::Socket,
};
use axum::{
    Router,
    body::{Body, Bytes, HttpBody},
    extract::ConnectInfo,
    http::Request,
    response::Response,
};
use hyper::{
    body::{Frame, Incoming, SizeHint},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use std::{
    convert::Infallible,
    future::poll_fn,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::watch,
};
use tower::ServiceExt as _;

/// Serves one connection until it ends, is cut, or the node stops.
pub(super) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    place: Place,
    router: Router,
    stop: watch::Receiver<bool>,
) {
    let line = place.line.clone();
    let answering = line.clone();
    // Boxed: what is polled without its own end must not move.
    let service = service_fn(move |request| Box::pin(answer(router.clone(), request, peer, answering.clone())));
    let mut http = http1::Builder::new();
    http.max_buf_size(BUFFER_BYTES_LIMIT).half_close(false);
    let mut connection = http.serve_connection(TokioIo::new(Socket::new(stream, line.clone())), service);
    let ended = {
        let (mut cut, mut stopping) = (pin!(line.is_cut()), pin!(stopped(stop)));
        let mut told = false;
        loop {
            tokio::select! {
                biased;
                () = &mut cut => break Ended::Cut,
                () = &mut stopping, if !told => {
                    told = true;
                    if line.waits() {
                        break Ended::Done;
                    }
                    Pin::new(&mut connection).graceful_shutdown();
                }
                // However it ended, there is nobody to tell.
                _ = poll_fn(|context| connection.poll_without_shutdown(context)) => break Ended::Done,
            }
        }
    };
    let socket = connection.into_parts().io.into_inner();
    match ended {
        Ended::Cut => socket.reset(),
        Ended::Done => linger(socket, &line).await,
    }
    drop(place);
}

/// How a connection ended.
enum Ended {
    /// By itself.
    Done,
    /// It had its time, or gave way.
    Cut,
}

/// Reads on for a moment: a connection that is closed while its other side sends would lose the answer.
async fn linger(mut socket: Socket, line: &Line) {
    line.is_idle();
    let reading = async {
        socket.shutdown().await?;
        let (mut buffer, mut left) = (vec![0; 4_096], LINGER_BYTES_LIMIT);
        loop {
            match socket.read(&mut buffer).await? {
                0 => return std::io::Result::Ok(()),
                read => left = left.saturating_sub(read),
            }
            if left == 0 {
                return Ok(());
            }
        }
    };
    tokio::select! {
        // It ends here, one way or the other.
        _ = tokio::time::timeout(LINGER_TIMEOUT, reading) => {}
        () = line.is_cut() => {}
    }
}

async fn answer(
    router: Router,
    request: Request<Incoming>,
    peer: SocketAddr,
    line: Arc<Line>,
) -> Result<Response<Answer>, Infallible> {
    let busy = Busy::new(line.clone());
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    request.extensions_mut().insert(line);
    Ok(router.oneshot(request).await?.map(|body| Answer { body, _busy: busy }))
}

/// Marks a connection as busy for as long as it lives.
struct Busy(Arc<Line>);

impl Busy {
    fn new(line: Arc<Line>) -> Self {
        line.is_busy();
        Self(line)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.is_idle();
    }
}

/// The body of an answer.
struct Answer {
    body: Body,
    _busy: Busy,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
