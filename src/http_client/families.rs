//! Addresses of a family that a host announces and that nothing answers at.
//!
//! People get through all the same, by the host's other addresses, and so do we; but each of them
//! waits for it. Owns how that is found out and for how long it is believed. Must not know what it is
//! found out for.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long an address may take to answer before it counts as dead.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The most addresses that are tried, all at once.
const MAX_TRIED: usize = 4;
/// How long a finding is believed: runs a minute apart do not all wait for the same dead address.
const BELIEVED_FOR: Duration = Duration::from_secs(600);
/// The most hosts of which a finding is kept.
const MAX_KEPT: usize = 256;

/// What was found of hosts' families of addresses lately.
#[derive(Debug, Default)]
pub struct Families {
    found: Mutex<HashMap<Way, Finding>>,
}

/// A host, a port, and whether it was reached over IPv6.
type Way = (String, u16, bool);

#[derive(Clone, Debug)]
struct Finding {
    /// On the monotonic clock.
    found_at: Duration,
    dead: Option<String>,
}

impl Families {
    /// A sentence for operators, where a host was reached at `used` although addresses of the other
    /// family were to be preferred, and nothing answers at those. `None` where they answer, or where
    /// this machine has no way to them, so that nobody can say. `now` is on the monotonic clock.
    pub async fn dead(
        &self,
        host: &str,
        port: u16,
        addresses: &[IpAddr],
        used: IpAddr,
        now: Duration,
    ) -> Option<String> {
        let preferred = addresses.first()?;
        if preferred.is_ipv6() == used.is_ipv6() {
            return None;
        }
        let way = (host.to_owned(), port, used.is_ipv6());
        if let Some(finding) = self.found().get(&way)
            && now.saturating_sub(finding.found_at) < BELIEVED_FOR
        {
            return finding.dead.clone();
        }
        let dead = tried(host, port, addresses, used).await;
        let mut found = self.found();
        found.retain(|_, finding| now.saturating_sub(finding.found_at) < BELIEVED_FOR);
        if found.len() < MAX_KEPT {
            let finding = Finding {
                found_at: now,
                dead: dead.clone(),
            };
            found.insert(way, finding);
        }
        dead
    }

    fn found(&self) -> MutexGuard<'_, HashMap<Way, Finding>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn tried(host: &str, port: u16, addresses: &[IpAddr], used: IpAddr) -> Option<String> {
    let others: Vec<IpAddr> = addresses
        .iter()
        .copied()
        .filter(|address| address.is_ipv6() != used.is_ipv6() && has_route(*address))
        .take(MAX_TRIED)
        .collect();
    let first = others.first()?;
    let tried = others.iter().map(|address| async move {
        let connected = timeout(CONNECT_TIMEOUT, TcpStream::connect((*address, port))).await;
        matches!(connected, Ok(Ok(_)))
    });
    if join_all(tried).await.contains(&true) {
        return None;
    }
    let family = if first.is_ipv6() { "IPv6" } else { "IPv4" };
    let more = match others.len() {
        1 => String::new(),
        count => format!(" and {} more", count - 1),
    };
    Some(format!(
        "nothing answers at the {family} address of `{host}` ({first}{more}); it was reached at {used}"
    ))
}

/// Whether this machine knows a way to an address. Sends nothing.
fn has_route(address: IpAddr) -> bool {
    const ANY_PORT: u16 = 9;
    let any: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    UdpSocket::bind((any, 0)).is_ok_and(|socket| socket.connect((address, ANY_PORT)).is_ok())
}
