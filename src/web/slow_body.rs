//! Request bodies that must keep coming: whoever sends a few bytes a minute would hold
//! one of the router's places for as long as a whole report may take.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::Sleep;

/// Bytes a second below which a body counts as stalled: slower than the worst mobile
/// connection on which a report could be finished in time.
const LEAST_RATE: u32 = 2048;

/// A body whose time grows with what has arrived.
pub(super) struct SteadyBody {
    body: Incoming,
    deadline: Pin<Box<Sleep>>,
}

/// The body came too slowly.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("the request's body stalled")]
    Stalled,
    #[error(transparent)]
    Connection(#[from] hyper::Error),
}

impl SteadyBody {
    /// `grace` is how long may pass without a byte; what arrives adds to it at
    /// [`LEAST_RATE`].
    pub(super) fn new(body: Incoming, grace: Duration) -> Self {
        SteadyBody {
            body,
            deadline: Box::pin(tokio::time::sleep(grace)),
        }
    }
}

impl HttpBody for SteadyBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            if let Some(Ok(frame)) = &frame
                && let Some(data) = frame.data_ref()
            {
                let size = u32::try_from(data.len()).unwrap_or(u32::MAX);
                let earned = Duration::from_secs(1) * size / LEAST_RATE;
                let deadline = this.deadline.deadline() + earned;
                this.deadline.as_mut().reset(deadline);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Broken::Connection)));
        }
        ready!(this.deadline.as_mut().poll(cx));
        Poll::Ready(Some(Err(Broken::Stalled)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
