//! What answers may hold in memory until they are taken: so much for each caller, so much for strangers, so much in all. It reads
//! none of them.

use crate::{
    caller,
    door::Line,
    limits::{
        ANSWER_BYTES_FREE, ANSWER_GRACE, ANSWER_PIECE_BYTES, ANSWERS_BYTES_EACH_LIMIT, ANSWERS_BYTES_LIMIT,
        ANSWERS_BYTES_OF_STRANGERS_LIMIT,
    },
    problem::{Code, Problem},
    rate::Caller,
    slots::{Full, Slot, SlotLimits, Slots},
    state::PortalState,
};
use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use hyper::body::{Frame, SizeHint};
use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll, ready},
    time::Instant,
};

/// The memory of answers that are being sent; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Answers {
    slots: Slots,
    /// Those of strangers, oldest first.
    strangers: Arc<Mutex<Strangers>>,
}

#[derive(Debug, Default)]
struct Strangers {
    next: u64,
    held: BTreeMap<u64, (Instant, Weak<Line>)>,
}

/// Memory that an answer holds, until this is dropped.
#[derive(Debug)]
pub(crate) struct Holding {
    answers: Answers,
    number: Option<u64>,
    _slot: Slot,
}

impl Default for Answers {
    fn default() -> Self {
        let limits = SlotLimits {
            all: ANSWERS_BYTES_LIMIT,
            strangers: ANSWERS_BYTES_OF_STRANGERS_LIMIT,
            each: ANSWERS_BYTES_EACH_LIMIT,
        };
        Self { slots: Slots::new(limits), strangers: Arc::default() }
    }
}

impl Answers {
    fn strangers(&self) -> MutexGuard<'_, Strangers> {
        // Every statement that changes it leaves it whole.
        self.strangers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Room for so many bytes. Where all have too little left, the stranger is cut off that has held its answer longest, so that
    /// there is room when the caller comes again.
    pub(crate) fn hold(&self, caller: Caller, bytes: usize, line: Option<&Arc<Line>>) -> Option<Holding> {
        match self.slots.take_or_why(caller, bytes) {
            Ok(slot) => {
                let number = caller.is_stranger().then(|| {
                    let mut strangers = self.strangers();
                    strangers.next += 1;
                    let number = strangers.next;
                    strangers.held.insert(number, (Instant::now(), line.map_or_else(Weak::new, Arc::downgrade)));
                    number
                });
                Some(Holding { answers: self.clone(), number, _slot: slot })
            }
            Err(Full::Own) => None,
            Err(Full::All) => {
                let strangers = self.strangers();
                let late = strangers.held.values().find(|(since, _)| since.elapsed() > ANSWER_GRACE);
                if let Some(line) = late.and_then(|(_, line)| line.upgrade()) {
                    line.cut();
                }
                None
            }
        }
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.answers.strangers().held.remove(&number);
        }
    }
}

/// Counts what an answer holds, and sends it by pieces, so that it is counted until the last of it is under way.
pub(crate) async fn hold(State(state): State<PortalState>, request: Request, next: Next) -> Response {
    let caller = caller::of(request.extensions());
    let line = request.extensions().get::<Arc<Line>>().cloned();
    let response = next.run(request).await;
    let size = response.body().size_hint().exact().and_then(|size| usize::try_from(size).ok());
    let Some(size) = size.filter(|size| *size > ANSWER_BYTES_FREE) else { return response };
    match state.answers().hold(caller, size, line.as_ref()) {
        Some(holding) => {
            response.map(|body| Body::new(Pieces { body, rest: Bytes::new(), left: size as u64, _holding: holding }))
        }
        None => {
            Problem::from(Code::Overloaded).detail("too many answers wait to be read; read those first").into_response()
        }
    }
}

/// A body that is there whole, sent by copies of its pieces: what is sent does not keep all of it.
struct Pieces {
    body: Body,
    rest: Bytes,
    left: u64,
    _holding: Holding,
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        while self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                ended => return Poll::Ready(ended),
            }
        }
        let most = self.rest.len().min(ANSWER_PIECE_BYTES);
        let piece = Bytes::copy_from_slice(&self.rest.split_to(most));
        self.left = self.left.saturating_sub(piece.len() as u64);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rate::Member;

    #[tokio::test]
    async fn an_answer_is_whole_and_counted_until_its_last_piece() {
        let answers = Answers::default();
        let member =
            Caller::Member(Member { token: convenio_events::commitment::Digest([1; 32]), holder: uuid::Uuid::nil() });
        let whole: Vec<u8> = (0..200_000_u32).map(|number| number.to_le_bytes()[0]).collect();
        let holding = answers.hold(member, ANSWERS_BYTES_EACH_LIMIT, None).expect("room");
        let left = whole.len() as u64;
        let body = Body::new(Pieces { body: Body::from(whole.clone()), rest: Bytes::new(), left, _holding: holding });
        assert_eq!(body.size_hint().exact(), Some(left));
        assert!(answers.hold(member, 1, None).is_none(), "the caller has its share");
        let pieces: Vec<Bytes> =
            futures::TryStreamExt::try_collect(body.into_data_stream()).await.expect("it is whole");
        assert!(pieces.iter().all(|piece| piece.len() <= ANSWER_PIECE_BYTES), "what is under way keeps more");
        assert_eq!(pieces.concat(), whole);
        assert!(answers.hold(member, 1, None).is_some());
    }
}
