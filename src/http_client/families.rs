//! Addresses of a family that a host announces and that nothing answers at.
//!
//! People get through all the same, by the host's other addresses, and so do we; but each of them
//! waits for it. Owns how that is found out. Must not know what it is found out for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long an address may take to answer before it counts as dead.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The most addresses that are tried, all at once.
const MAX_TRIED: usize = 4;

/// A sentence for operators, where a host was reached at `used` although addresses of the other
/// family were to be preferred, and nothing answers at those. `None` where they answer, or where
/// this machine has no way to them, so that nobody can say.
pub async fn dead_family(
    host: &str,
    port: u16,
    addresses: &[IpAddr],
    used: IpAddr,
) -> Option<String> {
    let preferred = addresses.first()?;
    if preferred.is_ipv6() == used.is_ipv6() {
        return None;
    }
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
