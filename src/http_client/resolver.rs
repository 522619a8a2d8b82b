//! Names to addresses, and which of them may be connected to.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::families::Families;
use super::name_servers::{Answered, NameServers};
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

/// Asks the system's resolver, or those that are configured, and gives only addresses that may be
/// connected to.
#[derive(Clone, Debug, Default)]
pub struct Resolver {
    allowed: Arc<[Network]>,
    /// In place of the system's.
    servers: Option<NameServers>,
    /// The proxy's name, which may lead anywhere: the operator wrote it.
    trusted: Option<Arc<str>>,
    families: Arc<Families>,
}

/// The addresses of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Those that may be connected to, at least one, the best one first.
    pub addresses: Vec<IpAddr>,
    /// For operators, where a resolver knew none and another one did.
    pub note: Option<String>,
}

impl Resolver {
    /// The same, giving besides public addresses those of the networks.
    pub(super) fn allowing(self, allowed: &[Network]) -> Self {
        let allowed = allowed.into();
        Resolver { allowed, ..self }
    }

    /// The same, asking these resolvers in their order in place of the system's, where there are
    /// any.
    pub(super) fn asking(self, servers: &[SocketAddr]) -> Self {
        Resolver {
            servers: NameServers::new(servers),
            ..self
        }
    }

    /// The same, with a name that may lead anywhere.
    pub(super) fn trusting(self, name: Option<String>) -> Self {
        let trusted = name.map(Arc::from);
        Resolver { trusted, ..self }
    }

    /// What was found of the families of addresses that it gave.
    pub fn families(&self) -> &Arc<Families> {
        &self.families
    }

    /// The addresses of a name that may be connected to.
    ///
    /// # Errors
    /// If there is none.
    pub async fn lookup(&self, name: &str) -> Result<Resolved, LookupError> {
        // Names below `localhost` are this machine's in every browser (RFC 6761); most systems'
        // resolvers ask a server for them.
        if is_localhost(name) && name.contains('.') {
            return Ok(Resolved {
                addresses: vec![Ipv4Addr::LOCALHOST.into()],
                note: None,
            });
        }
        let Answered {
            addresses: found,
            passed_over,
        } = match &self.servers {
            // No resolver elsewhere knows what this machine calls itself.
            Some(servers) if !is_localhost(name) => servers.lookup(name).await?,
            _ => Answered {
                addresses: tokio::net::lookup_host((name, 0))
                    .await?
                    .map(|found| found.ip())
                    .collect(),
                passed_over: Vec::new(),
            },
        };
        let mut addresses = Vec::new();
        let mut refused = None;
        for address in found {
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
            _ => {
                let note = (!passed_over.is_empty()).then(|| {
                    let said = passed_over.join("; ");
                    format!("`{name}` was resolved by another resolver: {said}")
                });
                Ok(Resolved { addresses, note })
            }
        }
    }

    /// Why an address of this name may not be connected to.
    fn refusal(&self, name: &str, address: IpAddr) -> Option<Inward> {
        if self.trusted.as_deref() == Some(name) {
            return None;
        }
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
            connectable(found.map(|found| found.addresses))
        })
    }
}

/// What a lookup gives, as reqwest takes it.
pub(super) fn connectable(
    found: Result<Vec<IpAddr>, LookupError>,
) -> Result<Addrs, Box<dyn Error + Send + Sync>> {
    match found {
        Ok(found) => {
            let found = found.into_iter();
            Ok(Box::new(found.map(|address| SocketAddr::new(address, 0))) as Addrs)
        }
        Err(LookupError::Inward(error)) => Err(error.into()),
        Err(LookupError::Unresolved(error)) => Err(error.into()),
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
