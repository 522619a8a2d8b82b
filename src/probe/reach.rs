//! Where a flow may go: addresses of its site, and hosts that it names.
//!
//! Owns what an address in a flow means, which hosts may be reached, and what is said of one
//! that may not. Must not know how anything is reached.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use url::{Host, Url};

use super::page::Trouble;
use crate::domain::{Fault, Inward, Network, Why};
use crate::http_client::is_localhost;

/// What to do about a host that is not reached.
pub const ALLOWING: &str = "; if it should, name that host in the flow's `hosts`";

/// The site and the hosts of one run.
#[derive(Clone, Debug)]
pub struct Reach {
    site: Url,
    hosts: BTreeSet<String>,
    private_networks: Vec<Network>,
}

impl Reach {
    /// Of `site` and, besides its own host, `hosts`: names in lower case, each with `:port`
    /// where the port is not the scheme's own.
    pub fn new(site: Url, mut hosts: BTreeSet<String>) -> Self {
        hosts.insert(host_of(&site));
        Reach {
            site,
            hosts,
            private_networks: Vec::new(),
        }
    }

    /// The same, with addresses of these networks although they are not public.
    #[must_use]
    pub fn allowing(self, private_networks: Vec<Network>) -> Self {
        Reach {
            private_networks,
            ..self
        }
    }

    /// The site.
    pub fn site(&self) -> &Url {
        &self.site
    }

    /// Every host that may be reached, the site's own included, as [`host_of`] writes them.
    pub fn hosts(&self) -> &BTreeSet<String> {
        &self.hosts
    }

    /// Whether the host of an address may be reached.
    pub fn allows(&self, url: &Url) -> bool {
        let is_own = url.host() == self.site.host() && url.port() == self.site.port();
        is_own || self.hosts.contains(&host_of(url))
    }

    /// What is said of an address, or of `localhost`, that is written out and leads inward. The
    /// site's own is its own permission; other names are judged when they are resolved.
    pub fn inward(&self, url: &Url) -> Option<Trouble> {
        if url.host() == self.site.host() {
            return None;
        }
        let address: IpAddr = match url.host()? {
            Host::Ipv4(address) => address.into(),
            Host::Ipv6(address) => address.into(),
            Host::Domain(name) if is_localhost(name) => Ipv4Addr::LOCALHOST.into(),
            Host::Domain(_) => return None,
        };
        let inward = Inward::unless_allowed(address, &self.private_networks)?;
        let message = format!(
            "`{}` is {inward}; if it is to be reached, list it in `allow_private_networks` of \
             `[probe]`",
            host_of(url)
        );
        Some(Trouble::Ours(Why::NotConfigured, message))
    }

    /// What a path of the site, or a whole address, means.
    ///
    /// # Errors
    /// If it is no address of the web. Whether it may be reached is not asked.
    pub fn address(&self, address: &str) -> Result<Url, Trouble> {
        let url = self.site.join(address);
        url.ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| {
                let message = format!("`{address}` is no address of the web");
                Trouble::Ours(Why::Ourselves, message)
            })
    }
}

/// The host as lists of allowed hosts write it: with the port where it is not the scheme's.
pub fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host,
    }
}

/// The flow itself goes where it may not.
pub fn may_not(url: &Url) -> Trouble {
    let host = host_of(url);
    let message = format!("this flow may not reach `{host}`{ALLOWING}");
    Trouble::Ours(Why::NotConfigured, message)
}

/// The site leads the flow where it may not go; `leads` says how, as in `the page leads`.
pub fn led_astray(leads: &str, url: &Url) -> Trouble {
    let host = host_of(url);
    let message = format!("{leads} to `{host}`, which this flow may not reach{ALLOWING}");
    Trouble::Site(Fault::Content, message)
}

/// Whether a way from one address to another leaves TLS.
pub fn is_downgrade(from: &Url, to: &Url) -> bool {
    from.scheme() == "https" && to.scheme() == "http"
}

/// The site leads the flow from https to an address in clear.
pub fn led_in_clear(url: &Url) -> Trouble {
    let host = host_of(url);
    let message = format!(
        "the site leads from https to `http://{host}`, where everybody on the way can read what is \
         sent"
    );
    Trouble::Site(Fault::Tls, message)
}
