//! Whose request it is: the address of the client, seen through the proxies that
//! the operator trusts, and no others.

use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::domain::Clock;
pub use crate::domain::Network;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address of whoever sent the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client(pub IpAddr);

/// Finds the client: the connection's peer, unless that is a trusted proxy; then the
/// last address of `X-Forwarded-For` that is not itself a trusted proxy. What stands
/// left of it is the client's own claim and counts for nothing.
pub fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> Client {
    let is_trusted = |ip: IpAddr| trusted.iter().any(|network| network.contains(ip));
    let mut seen = peer.to_canonical();
    if !is_trusted(seen) {
        return Client(seen);
    }
    let lines: Vec<&str> = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .collect();
    for hop in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
        let Some(address) = hop_address(hop.trim()) else {
            break;
        };
        seen = address;
        if !is_trusted(seen) {
            break;
        }
    }
    Client(seen)
}

/// `203.0.113.9`, `203.0.113.9:4711`, `2001:db8::1`, `[2001:db8::1]:4711`.
fn hop_address(text: &str) -> Option<IpAddr> {
    text.parse()
        .or_else(|_| {
            text.parse::<std::net::SocketAddr>()
                .map(|address| address.ip())
        })
        .ok()
        .map(|ip: IpAddr| ip.to_canonical())
}

/// Says in the log, once a day, that somebody forwards requests whose word is not believed: all
/// who come through that proxy then share one budget.
pub struct UnknownProxies {
    clock: Arc<dyn Clock>,
    said_at: Mutex<Option<Duration>>,
}

const DAY: Duration = Duration::from_secs(24 * 3600);

impl UnknownProxies {
    /// By the monotonic clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        UnknownProxies {
            clock,
            said_at: Mutex::default(),
        }
    }

    /// Whether it is a day since this was true.
    pub fn is_due(&self) -> bool {
        let now = self.clock.monotonic();
        let mut said_at = self.said_at.lock().unwrap_or_else(PoisonError::into_inner);
        let due = said_at.is_none_or(|at| now.saturating_sub(at) >= DAY);
        if due {
            *said_at = Some(now);
        }
        due
    }

    /// Notes a request from a peer that is not trusted, with these headers.
    pub(super) fn note(&self, peer: IpAddr, headers: &HeaderMap) {
        if headers.contains_key(FORWARDED_FOR) && self.is_due() {
            tracing::warn!(
                %peer,
                "a request came with X-Forwarded-For from a peer that `trusted_proxies` does not \
                 name. If that is your proxy, name it: until then all readers behind it share one \
                 budget. This is said once a day"
            );
        }
    }
}

impl fmt::Debug for UnknownProxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnknownProxies").finish_non_exhaustive()
    }
}

/// Handlers take it as an argument: the serving layer has put it there. A request that
/// came another way (a test's) has the unspecified address.
impl<S: Sync> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts
            .extensions
            .get::<Client>()
            .copied()
            .unwrap_or(Client(IpAddr::V4(Ipv4Addr::UNSPECIFIED))))
    }
}
