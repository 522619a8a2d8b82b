//! How far a request's body went: counted as the connection takes it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};

use crate::domain::Clock;
use crate::probe::har::Sending;
use crate::probe::page::milliseconds;

/// Bytes given to the connection at once.
const PIECE: usize = 16 * 1024;

/// What the connection took so far.
pub(super) struct Count {
    clock: Arc<dyn Clock>,
    since: Duration,
    taken: AtomicU64,
    last_ms: AtomicU64,
}

impl Count {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Count {
            since: clock.monotonic(),
            clock,
            taken: AtomicU64::new(0),
            last_ms: AtomicU64::new(0),
        })
    }

    pub(super) fn so_far(&self) -> Sending {
        Sending {
            taken: self.taken.load(Ordering::Relaxed),
            last_taken_ms: self.last_ms.load(Ordering::Relaxed),
        }
    }

    /// What was taken is sent once more.
    pub(super) fn restart(&self) {
        self.taken.store(0, Ordering::Relaxed);
    }

    fn took(&self, bytes: usize) {
        let now = self.clock.monotonic().saturating_sub(self.since);
        self.taken.fetch_add(bytes as u64, Ordering::Relaxed);
        self.last_ms.store(milliseconds(now), Ordering::Relaxed);
    }
}

/// A body that tells how much of it was taken.
pub(super) struct Counted {
    left: Bytes,
    count: Arc<Count>,
}

impl Counted {
    pub(super) fn new(bytes: Bytes, count: Arc<Count>) -> Self {
        Counted { left: bytes, count }
    }
}

impl Body for Counted {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let size = self.left.len().min(PIECE);
        if size == 0 {
            return Poll::Ready(None);
        }
        let piece = self.left.split_to(size);
        self.count.took(size);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}
