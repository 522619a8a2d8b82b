//! Whose request it is: the address of the client, seen through the proxies that
//! the operator trusts, and no others.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;

/// A network in CIDR notation; a bare address is a network of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// Why a text is not a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address or a network such as `10.0.0.0/8` or `::1`")]
pub struct NotANetwork(String);

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let wrong = || NotANetwork(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().map_err(|_| wrong())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            Some(prefix) => prefix.trim().parse().map_err(|_| wrong())?,
        };
        if prefix > longest {
            return Err(wrong());
        }
        Ok(Network { address, prefix })
    }
}

impl Network {
    /// Whether the address lies in it. IPv4 and IPv6 never mix, but an IPv4 address
    /// written as IPv6 (`::ffff:10.0.0.1`) counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => {
                same_prefix(net.to_bits().into(), ip.to_bits().into(), self.prefix, 32)
            }
            (IpAddr::V6(net), IpAddr::V6(ip)) => {
                same_prefix(net.to_bits(), ip.to_bits(), self.prefix, 128)
            }
            _ => false,
        }
    }
}

fn same_prefix(a: u128, b: u128, prefix: u8, width: u8) -> bool {
    let shift = u32::from(width - prefix);
    (a ^ b).checked_shr(shift).unwrap_or(0) == 0
}

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
        .get_all("x-forwarded-for")
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
