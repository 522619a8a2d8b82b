//! Multipart bodies, read so that neither memory nor work can be made to grow by how a body is
//! cut into pieces.
//!
//! The parser by itself reads all that has arrived before it looks at it, and looks again at
//! what it did not understand whenever a byte is added: parts without end would pile up in it,
//! and a head without end would cost work that grows with its square. Here it gets the next
//! piece only when it cannot go on without, and a head of a few KiB at most.

use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Request};
use futures_util::Stream;

/// The most bytes that the parser may take without making sense of them: the head of a part, or
/// what stands before the first part.
const MAX_HEAD: usize = 16 * 1024;
/// The longest Content-Type, in bytes: a boundary is 70 at most.
const MAX_CONTENT_TYPE: usize = 200;

/// Why a body is not read on.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("a head of more than {MAX_HEAD} bytes")]
    Head,
    #[error("more bytes than are read of a report")]
    TooLong,
    #[error(transparent)]
    Body(#[from] axum::Error),
}

/// The parts of a body, one after the other.
pub(super) struct Parts {
    parser: Multipart,
    feed: Feed,
}

impl Parts {
    /// `None` where the headers name no usable boundary.
    pub(super) async fn new(headers: &HeaderMap, feed: Feed) -> Option<Parts> {
        let kind = headers.get(CONTENT_TYPE)?;
        if kind.len() > MAX_CONTENT_TYPE {
            return None;
        }
        let mut request = Request::new(Body::from_stream(feed.clone()));
        request.headers_mut().insert(CONTENT_TYPE, kind.clone());
        // How much is read is the feed's to say.
        DefaultBodyLimit::disable().apply(&mut request);
        let parser = Multipart::from_request(request, &()).await.ok()?;
        Some(Parts { parser, feed })
    }

    /// The next part.
    pub(super) async fn next(&mut self) -> Result<Option<Part<'_>>, MultipartError> {
        let field = self.feed.fed(self.parser.next_field()).await?;
        Ok(field.map(|field| Part {
            field,
            feed: self.feed.clone(),
        }))
    }
}

/// One part.
pub(super) struct Part<'a> {
    pub(super) field: Field<'a>,
    feed: Feed,
}

impl Part<'_> {
    /// The next bytes of it.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, MultipartError> {
        self.feed.fed(self.field.chunk()).await
    }
}

/// A body that is handed to the parser piece by piece. Cheap to clone: all clones are the same.
#[derive(Clone)]
pub(super) struct Feed(Arc<Mutex<State>>);

struct State {
    body: Body,
    /// The parser asked for more and was put off.
    was_asked: bool,
    /// It gets the next piece.
    may_give: bool,
    /// Bytes that it got since it last made sense of something.
    given: usize,
    /// Bytes that it may still get.
    left: u64,
}

impl Feed {
    /// Gives up to `limit` bytes of this body.
    pub(super) fn new(body: Body, limit: u64) -> Feed {
        Feed(Arc::new(Mutex::new(State {
            body,
            was_asked: false,
            may_give: false,
            given: 0,
            left: limit,
        })))
    }

    /// Whether all that may be given was given.
    pub(super) fn is_used_up(&self) -> bool {
        self.state().left == 0
    }

    /// What was not read.
    pub(super) fn rest(&self) -> Body {
        std::mem::take(&mut self.state().body)
    }

    /// Takes one step of the parser, and gives it a piece each time that it cannot go on.
    async fn fed<T>(&self, step: impl Future<Output = T>) -> T {
        let mut step = pin!(step);
        self.state().given = 0;
        std::future::poll_fn(|cx| {
            loop {
                self.state().was_asked = false;
                if let Poll::Ready(done) = step.as_mut().poll(cx) {
                    return Poll::Ready(done);
                }
                let mut state = self.state();
                if state.may_give || !state.was_asked {
                    // The body itself has nothing more at this moment, and will wake us.
                    return Poll::Pending;
                }
                state.may_give = true;
            }
        })
        .await
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream for Feed {
    type Item = Result<Bytes, Broken>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut state = self.state();
        state.was_asked = true;
        if !state.may_give {
            return Poll::Pending;
        }
        loop {
            let frame = ready!(Pin::new(&mut state.body).poll_frame(cx));
            let data = match frame.transpose() {
                Ok(Some(frame)) => frame.into_data(),
                Ok(None) => return Poll::Ready(None),
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
            };
            if let Ok(data) = data {
                if state.given >= MAX_HEAD {
                    return Poll::Ready(Some(Err(Broken::Head)));
                }
                if state.left == 0 {
                    return Poll::Ready(Some(Err(Broken::TooLong)));
                }
                state.left = state.left.saturating_sub(data.len() as u64);
                state.given += data.len();
                state.may_give = false;
                return Poll::Ready(Some(Ok(data)));
            }
        }
    }
}
