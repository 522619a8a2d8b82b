//! The proxy that requests go through, and what it is that one fails behind it.
//!
//! A proxy resolves names and connects in our place, so what fails there may be its own, its
//! rules', or the site's. Owns how that is told. Must not know what was asked for.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::{Host, Url};

use super::resolver::{LookupError, Resolver};

/// How long the proxy may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long it may take to say whether it leads to a site; it connects there meanwhile.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// The most bytes of its answer that are read for the status.
const MAX_STATUS_LINE: usize = 256;

/// A proxy for HTTP, without TLS to it and without credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    url: Url,
}

/// What a proxy does when it is asked for a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyFinding {
    /// It cannot be reached itself, for this reason.
    Unreachable(String),
    /// It does not lead there for us, and answers with this status.
    Refuses(u16),
    /// It does not reach the site, and answers with this status.
    SiteUnreachable(u16),
    /// It leads there, or says nothing in time: what failed is not its doing.
    Leads,
}

impl Proxy {
    /// The proxy at an address such as `http://proxy.example:3128`.
    pub fn new(url: Url) -> Self {
        Proxy { url }
    }

    /// Its address.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or_default()
    }

    /// Its host, as addresses write it.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Where it is, by `resolver`, which is to trust its name.
    ///
    /// # Errors
    /// If its name does not resolve.
    pub async fn address(&self, resolver: &Resolver) -> Result<SocketAddr, LookupError> {
        let address: IpAddr = match self.url.host() {
            Some(Host::Ipv4(address)) => address.into(),
            Some(Host::Ipv6(address)) => address.into(),
            Some(Host::Domain(name)) => {
                let found = resolver.lookup(name).await?.addresses;
                let none = || io::Error::other("no address");
                found.first().copied().ok_or_else(none)?
            }
            None => return Err(io::Error::other("no host").into()),
        };
        Ok(SocketAddr::new(address, self.port()))
    }

    /// Asks it for a site, after something failed behind it.
    pub async fn ask(&self, resolver: &Resolver, site: &Url) -> ProxyFinding {
        let connecting = async {
            let address = self
                .address(resolver)
                .await
                .map_err(|error| error.to_string())?;
            let connected = TcpStream::connect(address).await;
            connected.map_err(|error| error.to_string())
        };
        let mut stream = match timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(why)) => return ProxyFinding::Unreachable(why),
            Err(_) => return ProxyFinding::Unreachable("no answer in time".to_owned()),
        };
        // Without TLS it is asked for a page, and its answer is what was met.
        if site.scheme() != "https" {
            return ProxyFinding::Leads;
        }
        let host = site.host_str().unwrap_or_default();
        let port = site.port_or_known_default().unwrap_or_default();
        let asked = timeout(ANSWER_TIMEOUT, status(&mut stream, host, port)).await;
        match asked {
            Ok(Ok(Some(status @ 400..=499))) => ProxyFinding::Refuses(status),
            Ok(Ok(Some(status @ 500..=599))) => ProxyFinding::SiteUnreachable(status),
            Ok(Ok(_)) | Err(_) => ProxyFinding::Leads,
            Ok(Err(error)) => ProxyFinding::Unreachable(error.to_string()),
        }
    }
}

/// The status with which a proxy answers to being asked for a tunnel.
async fn status(stream: &mut TcpStream, host: &str, port: u16) -> io::Result<Option<u16>> {
    let request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut line = Vec::new();
    while line.len() < MAX_STATUS_LINE && !line.contains(&b'\n') {
        let mut chunk = [0; 64];
        match stream.read(&mut chunk).await? {
            0 => break,
            length => line.extend_from_slice(&chunk[..length]),
        }
    }
    let line = String::from_utf8_lossy(&line);
    let code = line.split(' ').nth(1).and_then(|code| code.get(..3));
    Ok(code.and_then(|code| code.parse().ok()))
}
