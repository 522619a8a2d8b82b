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

use super::page::Trouble;
use super::reach::Reach;
use crate::domain::Why;
use crate::http_client::{LookupError, Resolver};

/// How long a name may take to be resolved, before it counts as one that is not.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);
/// How long each of several addresses may take to answer: a little more than the longest way
/// around the world.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(400);
/// The most addresses of one name that are tried.
const MAX_TRIED: usize = 4;

/// An address for each host of a run, as [`Reach::hosts`] writes them; none for one that does not
/// resolve, which the browser will find, too.
///
/// # Errors
/// If a host leads inward and is not to: a page without it would look like a broken one, so the
/// run can say nothing.
pub async fn addresses(
    reach: &Reach,
    resolver: &Resolver,
) -> Result<BTreeMap<String, IpAddr>, Trouble> {
    let found = join_all(reach.hosts().iter().map(|host| async move {
        // A host that is no address is never reached.
        let url = match Url::parse(&format!("{}://{host}/", reach.site().scheme())) {
            Ok(url) => url,
            Err(_) => return Ok(None),
        };
        let address = address(&url, reach, resolver).await?;
        Ok(address.map(|address| (host.clone(), address)))
    }));
    let found: Result<Vec<_>, Trouble> = found.await.into_iter().collect();
    Ok(found?.into_iter().flatten().collect())
}

async fn address(url: &Url, reach: &Reach, resolver: &Resolver) -> Result<Option<IpAddr>, Trouble> {
    if let Some(trouble) = reach.inward(url) {
        return Err(trouble);
    }
    let name = match url.host() {
        Some(Host::Ipv4(address)) => return Ok(Some(address.into())),
        Some(Host::Ipv6(address)) => return Ok(Some(address.into())),
        Some(Host::Domain(name)) => name,
        None => return Ok(None),
    };
    match timeout(LOOKUP_TIMEOUT, resolver.lookup(name)).await {
        Ok(Ok(addresses)) => {
            let port = url.port_or_known_default().unwrap_or_default();
            Ok(best(&addresses, port).await)
        }
        Ok(Err(error @ LookupError::Inward(_))) => {
            Err(Trouble::Ours(Why::NotConfigured, error.to_string()))
        }
        Ok(Err(LookupError::Unresolved(_))) | Err(_) => Ok(None),
    }
}

/// The first of several addresses that answers: a browser would try one after the other, and can
/// be given one only. The first of all, if none does.
async fn best(addresses: &[IpAddr], port: u16) -> Option<IpAddr> {
    if let [_, _, ..] = addresses {
        for address in addresses.iter().take(MAX_TRIED) {
            let connected = timeout(CONNECT_TIMEOUT, TcpStream::connect((*address, port)));
            if matches!(connected.await, Ok(Ok(_))) {
                return Some(*address);
            }
        }
    }
    addresses.first().copied()
}
