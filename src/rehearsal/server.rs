//! The accept loop under the site and under its control server. Owns listening (and, when
//! told to refuse, really not listening), the cap on connections, time limits on headers
//! and the orderly end. Knows nothing of pages.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt;

use super::wire::{Grip, Wire};

/// Connections served at once; further ones wait in the system's queue.
const CONNECTIONS: usize = 1_024;
/// From the first byte of a connection, or from the last answer, to the end of the headers.
const HEADERS_WITHIN: Duration = Duration::from_secs(30);
/// For answers under way when the server stops.
const DRAIN_WITHIN: Duration = Duration::from_secs(2);
/// How often the listener looks whether it should refuse.
const LOOK_EVERY: Duration = Duration::from_millis(25);
const LOOKS_BEFORE_ABORTING: u32 = 8;
/// Pause after a failed accept, so that a lack of file descriptors does not spin.
const PAUSE: Duration = Duration::from_millis(50);

/// An address held for as long as this value lives, whether or not anything listens on it.
pub(super) struct Place {
    /// Bound and never listening: keeps the port ours while connections are refused.
    _held: TcpSocket,
    address: SocketAddr,
}

impl Place {
    pub(super) fn take(address: SocketAddr) -> io::Result<Self> {
        let held = bound(address)?;
        let address = held.local_addr()?;
        Ok(Place {
            _held: held,
            address,
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn listen(&self) -> io::Result<TcpListener> {
        bound(self.address)?.listen(1_024)
    }
}

fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Whether connections are to be refused just now.
pub(super) type Refusing = Arc<dyn Fn() -> bool + Send + Sync>;

/// Serves until `stopping` turns true or its sender is gone.
///
/// # Errors
/// When listening again after a time of refusing fails.
pub(super) async fn serve(
    place: Place,
    first: TcpListener,
    router: Router,
    refusing: Refusing,
    mut stopping: watch::Receiver<bool>,
) -> io::Result<()> {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    let mut listener = Some(first);
    let mut look = tokio::time::interval(LOOK_EVERY);
    let mut looks_refused = 0_u32;
    loop {
        let accepted = tokio::select! {
            () = stopped(&mut stopping) => break,
            _ = look.tick() => {
                let refuse = refusing();
                looks_refused = if refuse { looks_refused.saturating_add(1) } else { 0 };
                match (refuse, listener.is_some()) {
                    (true, true) => listener = None,
                    (false, false) => listener = Some(place.listen()?),
                    _ => {}
                }
                // Open connections die too, once whoever switched this on has the answer.
                if looks_refused == LOOKS_BEFORE_ABORTING {
                    connections.abort_all();
                }
                continue;
            }
            Some(_) = connections.join_next() => continue,
            accepted = accept(listener.as_ref(), &slots) => accepted,
        };
        match accepted {
            Ok((stream, slot)) => {
                let answering = answer(stream, router.clone(), stopping.clone());
                connections.spawn(async move {
                    answering.await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN_WITHIN, drained).await.is_err() {
        connections.shutdown().await;
    }
    Ok(())
}

/// Waits until everything is to stop.
pub(super) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error means that whoever could say so is gone: that stops everything too.
    let _ = stopping.wait_for(|stop| *stop).await;
}

type Accepted = (TcpStream, tokio::sync::OwnedSemaphorePermit);

/// Waits for ever where nothing listens.
async fn accept(listener: Option<&TcpListener>, slots: &Arc<Semaphore>) -> io::Result<Accepted> {
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    let slot = Arc::clone(slots)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, slot))
}

async fn answer(stream: TcpStream, router: Router, mut stopping: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    let grip = Grip::default();
    let wire = Wire::new(stream, grip.clone());
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let router = router.clone();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(grip.clone());
        router.oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .serve_connection(TokioIo::new(wire), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stopping) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}
