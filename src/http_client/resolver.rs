//! Names to addresses, and which of them may be connected to.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::domain::inward::is_allowed;
use crate::domain::{Inward, Network};

/// A name that leads to this machine or its own network: somebody who can set a name must not
/// make us look around there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{name}` resolves to {address}, {inward}; if it is to be reached, list it in \
     `allow_private_networks` of `[probe]`"
)]
pub struct InwardName {
    /// The name.
    pub name: String,
    /// Its first address.
    pub address: IpAddr,
    /// What kind of address that is.
    pub inward: Inward,
}

impl InwardName {
    /// What an error of a client comes from, if it is this.
    pub fn behind(error: &reqwest::Error) -> Option<&InwardName> {
        let mut cause = error.source();
        while let Some(error) = cause {
            if let Some(inward) = error.downcast_ref() {
                return Some(inward);
            }
            cause = error.source();
        }
        None
    }
}

/// Why a name has no address to connect to.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// It leads inward.
    #[error(transparent)]
    Inward(#[from] InwardName),
    /// It has none, or nobody tells.
    #[error(transparent)]
    Unresolved(#[from] std::io::Error),
}

/// Asks the system's resolver, and gives only addresses that may be connected to.
#[derive(Clone, Debug)]
pub struct Resolver {
    allowed: Arc<[Network]>,
}

impl Resolver {
    /// Gives public addresses, and those of the networks.
    pub(super) fn new(allowed: Arc<[Network]>) -> Self {
        Resolver { allowed }
    }

    /// The addresses of a name that may be connected to, at least one, the best one first.
    ///
    /// # Errors
    /// If there is none.
    pub async fn lookup(&self, name: &str) -> Result<Vec<IpAddr>, LookupError> {
        // Names below `localhost` are this machine's in every browser (RFC 6761); most systems'
        // resolvers ask a server for them.
        if is_localhost(name) && name.contains('.') {
            return Ok(vec![Ipv4Addr::LOCALHOST.into()]);
        }
        let found = tokio::net::lookup_host((name, 0)).await?;
        let mut addresses = Vec::new();
        let mut refused = None;
        for address in found.map(|found| found.ip()) {
            match self.refusal(name, address) {
                None => addresses.push(address),
                Some(inward) => refused = refused.or(Some((address, inward))),
            }
        }
        match refused {
            Some((address, inward)) if addresses.is_empty() => {
                let name = name.to_owned();
                Err(LookupError::Inward(InwardName {
                    name,
                    address,
                    inward,
                }))
            }
            _ => Ok(addresses),
        }
    }

    /// Why an address of this name may not be connected to.
    fn refusal(&self, name: &str, address: IpAddr) -> Option<Inward> {
        // Whoever writes this name means this machine; whether they may is not asked here.
        if is_localhost(name) && address.is_loopback() || is_allowed(address, &self.allowed) {
            return None;
        }
        Inward::of(address).or_else(|| is_this_host(address).then_some(Inward::ThisHost))
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let found = resolver.lookup(name.as_str()).await;
            let addresses = found.map_err(|error| -> Box<dyn Error + Send + Sync> {
                match error {
                    LookupError::Inward(error) => error.into(),
                    LookupError::Unresolved(error) => error.into(),
                }
            })?;
            let addresses = addresses.into_iter();
            Ok(Box::new(addresses.map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}

/// Whether a name is one of this machine's own by the rules of names (RFC 6761).
pub fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let last = name.rsplit('.').next();
    last.is_some_and(|last| last.eq_ignore_ascii_case("localhost"))
}

/// Whether an address is one of this machine's interfaces: then it is also what packets to it
/// would come from. Sends nothing.
pub fn is_this_host(address: IpAddr) -> bool {
    const ANY_PORT: u16 = 9;
    let any: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let from = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect((address, ANY_PORT))?;
        socket.local_addr()
    });
    // Where there is no way to it, it is not here.
    from.is_ok_and(|from| from.ip() == address)
}
