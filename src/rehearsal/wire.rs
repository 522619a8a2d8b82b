//! One TCP connection of the site, with the two things that no HTTP library does on
//! purpose: closing with a reset, and sending bytes beyond the stated length.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What a request's handler may do to the connection that it came in on.
#[derive(Clone, Default)]
pub(super) struct Grip(Arc<Hold>);

#[derive(Default)]
struct Hold {
    reset: AtomicBool,
    surplus: Mutex<Vec<u8>>,
}

impl Grip {
    /// From now on the connection only fails, and closes with a reset.
    pub(super) fn reset(&self) {
        self.0.reset.store(true, Ordering::SeqCst);
    }

    /// Sends these bytes after the last answer, just before the connection closes.
    pub(super) fn send_surplus(&self, bytes: Vec<u8>) {
        *self
            .0
            .surplus
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = bytes;
    }

    fn is_reset(&self) -> bool {
        self.0.reset.load(Ordering::SeqCst)
    }

    fn take_surplus(&self) -> Vec<u8> {
        let mut surplus = self
            .0
            .surplus
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut surplus)
    }
}

/// The connection itself.
pub(super) struct Wire {
    stream: TcpStream,
    grip: Grip,
    surplus: Vec<u8>,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, grip: Grip) -> Self {
        Wire {
            stream,
            grip,
            surplus: Vec::new(),
        }
    }

    fn check(&self) -> io::Result<()> {
        if self.grip.is_reset() {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.grip.is_reset() {
            // Where the option cannot be set the connection closes in the ordinary way.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        let this = &mut *self;
        let more = this.grip.take_surplus();
        this.surplus.extend(more);
        while !this.surplus.is_empty() {
            let sent = ready!(Pin::new(&mut this.stream).poll_write(context, &this.surplus))?;
            this.surplus.drain(..sent);
        }
        Pin::new(&mut this.stream).poll_shutdown(context)
    }
}
