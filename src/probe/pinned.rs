//! The addresses that a browser is given for the hosts of a run.
//!
//! A browser resolves names itself, again and again, and nobody judges what it finds. So each host
//! is resolved and judged here once, and the browser connects to what was judged. Must not know
//! how it is told.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::{Host, Url};

use super::browser::ProxyDestination;
use super::page::Trouble;
use super::reach::Reach;
use crate::domain::Why;
use crate::http_client::{LookupError, Proxy, Resolved, Resolver};

/// How long a name may take to be resolved, before it counts as one that is not.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);
/// How long each of several addresses may take to answer: a little more than the longest way
/// around the world.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(400);
/// The most addresses of one name that are tried.
const MAX_TRIED: usize = 4;

/// The addresses that a browser is given.
#[derive(Debug, Default)]
pub struct Pinned {
    /// An address for each host of a run, as [`Reach::hosts`] writes them; none for one that does
    /// not resolve, which the browser will find, too.
    pub hosts: BTreeMap<String, IpAddr>,
    /// What operators should know of how they were found.
    pub notes: Vec<String>,
}

/// One host's address.
#[derive(Default)]
struct Found {
    address: Option<IpAddr>,
    notes: Vec<String>,
}

/// Resolves and judges each host of a run, `now` on the monotonic clock.
///
/// # Errors
/// If a host leads inward and is not to: a page without it would look like a broken one, so the
/// run can say nothing.
pub async fn addresses(
    reach: &Reach,
    resolver: &Resolver,
    now: Duration,
) -> Result<Pinned, Trouble> {
    let found = join_all(reach.hosts().iter().map(|host| async move {
        // A host that is no address is never reached.
        let url = match Url::parse(&format!("{}://{host}/", reach.site().scheme())) {
            Ok(url) => url,
            Err(_) => return Ok((host, Found::default())),
        };
        Ok((host, address(&url, reach, resolver, now).await?))
    }));
    let found: Result<Vec<_>, Trouble> = found.await.into_iter().collect();
    let mut pinned = Pinned::default();
    for (host, found) in found? {
        let address = found.address.map(|address| (host.clone(), address));
        pinned.hosts.extend(address);
        pinned.notes.extend(found.notes);
    }
    Ok(pinned)
}

/// As [`addresses`], where a proxy leads to the hosts: they are resolved by it, and what is written
/// out is judged here.
///
/// # Errors
/// If a host is written out and leads inward, or the proxy's own name does not resolve.
pub async fn through(
    proxy: &Proxy,
    reach: &Reach,
    resolver: &Resolver,
) -> Result<ProxyDestination, Trouble> {
    for host in reach.hosts() {
        let url = Url::parse(&format!("{}://{host}/", reach.site().scheme()));
        if let Some(trouble) = url.ok().and_then(|url| reach.inward(&url)) {
            return Err(trouble);
        }
    }
    let found = timeout(LOOKUP_TIMEOUT, proxy.address(resolver)).await;
    let why = match found {
        Ok(Ok(address)) => {
            return Ok(ProxyDestination {
                host: proxy.host().to_owned(),
                address,
                hosts: reach.hosts().clone(),
            });
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer in time".to_owned(),
    };
    let message = format!("the proxy's name does not resolve: {why}");
    Err(Trouble::Ours(Why::Ourselves, message))
}

async fn address(
    url: &Url,
    reach: &Reach,
    resolver: &Resolver,
    now: Duration,
) -> Result<Found, Trouble> {
    let written = |address: IpAddr| Found {
        address: Some(address),
        notes: Vec::new(),
    };
    if let Some(trouble) = reach.inward(url) {
        return Err(trouble);
    }
    let name = match url.host() {
        Some(Host::Ipv4(address)) => return Ok(written(address.into())),
        Some(Host::Ipv6(address)) => return Ok(written(address.into())),
        Some(Host::Domain(name)) => name,
        None => return Ok(Found::default()),
    };
    match timeout(LOOKUP_TIMEOUT, resolver.lookup(name)).await {
        Ok(Ok(Resolved { addresses, note })) => {
            let port = url.port_or_known_default().unwrap_or_default();
            let address = best(&addresses, port).await;
            let dead = match address {
                Some(used) => {
                    let families = resolver.families();
                    families.dead(name, port, &addresses, used, now).await
                }
                None => None,
            };
            Ok(Found {
                address,
                notes: note.into_iter().chain(dead).collect(),
            })
        }
        Ok(Err(error @ LookupError::Inward(_))) => {
            Err(Trouble::Ours(Why::NotConfigured, error.to_string()))
        }
        Ok(Err(LookupError::Unresolved(_))) | Err(_) => Ok(Found::default()),
    }
}

/// The first of several addresses that answers: a browser would try one after the other, and can
/// be given one only. The first of all, if none does.
async fn best(addresses: &[IpAddr], port: u16) -> Option<IpAddr> {
    if let [_, _, ..] = addresses {
        for address in by_turns(addresses).take(MAX_TRIED) {
            let connected = timeout(CONNECT_TIMEOUT, TcpStream::connect((address, port)));
            if matches!(connected.await, Ok(Ok(_))) {
                return Some(address);
            }
        }
    }
    addresses.first().copied()
}

/// The addresses of the two families by turns, beginning with the first: a family that is dead
/// leaves room for the other.
fn by_turns(addresses: &[IpAddr]) -> impl Iterator<Item = IpAddr> {
    let is_v6 = addresses.first().is_some_and(IpAddr::is_ipv6);
    let (preferred, other): (Vec<IpAddr>, Vec<IpAddr>) = addresses
        .iter()
        .partition(|address| address.is_ipv6() == is_v6);
    let turns = 0..addresses.len();
    turns
        .flat_map(move |turn| [preferred.get(turn).copied(), other.get(turn).copied()])
        .flatten()
}
