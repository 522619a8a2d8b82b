//! Connections to a driver that take in only so much for one answer: what a page makes the
//! browser say must not fill our memory.
//!
//! Owns the count of what was read since something was last written. Must not know what is
//! asked.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::Uri;
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use tower::Service;

/// The most bytes of one answer: several times the largest page that is looked at.
const MOST: usize = 64 << 20;
/// How much is read at once.
const PIECE: usize = 16 << 10;

/// A connector with bounded connections.
#[derive(Clone, Debug)]
pub(super) struct Bounded<C>(pub(super) C);

impl<C> Service<Uri> for Bounded<C>
where
    C: Service<Uri>,
    C::Future: Send + 'static,
{
    type Response = Measured<C::Response>;
    type Error = C::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, C::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), C::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let connecting = self.0.call(target);
        Box::pin(async move {
            let inner = connecting.await?;
            Ok(Measured { inner, read: 0 })
        })
    }
}

/// A connection that counts.
#[derive(Debug)]
pub(super) struct Measured<T> {
    inner: T,
    /// Bytes since something was last written.
    read: usize,
}

impl<T: Connection> Connection for Measured<T> {
    fn connected(&self) -> Connected {
        self.inner.connected()
    }
}

impl<T: Read + Unpin> Read for Measured<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut piece = [0; PIECE];
        let length = into.remaining().min(PIECE);
        let mut piece = ReadBuf::new(&mut piece[..length]);
        ready!(Pin::new(&mut self.inner).poll_read(context, piece.unfilled()))?;
        self.read += piece.filled().len();
        if self.read > MOST {
            let message = format!("the driver's answer is longer than {} MB", MOST >> 20);
            return Poll::Ready(Err(io::Error::other(message)));
        }
        into.put_slice(piece.filled());
        Poll::Ready(Ok(()))
    }
}

impl<T: Write + Unpin> Write for Measured<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.read = 0;
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.read = 0;
        Pin::new(&mut self.inner).poll_write_vectored(context, pieces)
    }
}
