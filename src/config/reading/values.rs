//! Owns: the kinds of values that only the configuration has.

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::Hash;
use std::net::{IpAddr, SocketAddr};

use url::Url;

use crate::config::{Quorum, SmtpTls, User, WebDriver};
use crate::domain::Network;
use crate::http_client::Proxy;
use crate::probe::template::is_given_name;
use crate::toml_reader::{FromItem, Item, Reader};

/// A host's name or IP address, without scheme, port or path.
pub(super) struct Host(pub(super) String);

impl FromItem for Host {
    fn from_item(item: &Item<'_>) -> Option<Self> {
        let host = item.as_str().and_then(|text| url::Host::parse(text).ok());
        if host.is_none() {
            item.expected("a host such as \"evisa.example.org\", without https:// and path");
        }
        host.map(|host| Host(host.to_string()))
    }
}

/// A web address without path, query or fragment; kept without a slash behind.
pub(super) struct Origin(pub(super) String);

impl FromItem for Origin {
    fn from_item(item: &Item<'_>) -> Option<Self> {
        let url: Url = item.read()?;
        let bare = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty();
        if !bare {
            item.expected("an address without a path, such as \"https://siaga.example.org\"");
        }
        bare.then(|| Origin(url.origin().ascii_serialization()))
    }
}

/// An e-mail address.
pub(super) struct Mail(pub(super) String);

impl FromItem for Mail {
    fn from_item(item: &Item<'_>) -> Option<Self> {
        let address = item
            .as_str()
            .filter(|text| text.parse::<lettre::message::Mailbox>().is_ok());
        if address.is_none() {
            item.expected("an e-mail address");
        }
        address.map(|address| Mail(address.to_owned()))
    }
}

/// The name of a secret; the secret itself is never in the file.
pub(super) struct SecretName(pub(super) String);

impl FromItem for SecretName {
    fn from_item(item: &Item<'_>) -> Option<Self> {
        let name = item
            .as_str()
            .filter(|text| is_given_name(text) && !text.starts_with("SIAGA_"));
        if name.is_none() {
            // What stands there may be the secret itself: it is not repeated.
            item.place().problem_with_hint(
                format!("`{}` is not the name of a secret", item.key()),
                "write a name in capitals, e.g. \"HOOK_SECRET\", and set that variable in the environment",
            );
        }
        name.map(|name| SecretName(name.to_owned()))
    }
}

/// The most resolvers: each is waited for before the next one is asked, and a name has ten seconds.
const MAX_RESOLVERS: usize = 3;
/// Where resolvers listen, if nothing else is said.
const DNS_PORT: u16 = 53;

/// Resolvers: an address or several, with or without a port.
#[derive(Default)]
pub(super) struct NameServers(pub(super) Vec<SocketAddr>);

impl FromItem for NameServers {
    fn from_item(item: &Item<'_>) -> Option<Self> {
        let address = |item: &Item<'_>| {
            let text = item.as_str()?;
            let of_ip = |ip: IpAddr| SocketAddr::new(ip, DNS_PORT);
            text.parse().or_else(|_| text.parse().map(of_ip)).ok()
        };
        let servers: Option<Vec<SocketAddr>> = match item.is_array() {
            true => item.elements()?.iter().map(address).collect(),
            false => address(item).map(|one| vec![one]),
        };
        let servers = servers.filter(|servers| servers.len() <= MAX_RESOLVERS);
        if servers.is_none() {
            item.expected(
                "a resolver's address, such as \"192.0.2.53\" or \"[2001:db8::53]:5353\", or a list of \
                 at most 3 of them",
            );
        }
        servers.map(NameServers)
    }
}

impl FromItem for Proxy {
    fn from_item(item: &Item<'_>) -> Option<Self> {
        let url: Url = item.read()?;
        let is_plain = url.scheme() == "http"
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none();
        let has_credentials = !url.username().is_empty() || url.password().is_some();
        if has_credentials {
            // They are a secret, and not repeated.
            item.place().problem_with_hint(
                format!("`{}` has a user or a password in it", item.key()),
                "browsers cannot be given them: let the proxy know this machine by its address",
            );
        } else if !is_plain {
            item.expected("a proxy's address, such as \"http://proxy.example.org:3128\"");
        }
        (is_plain && !has_credentials).then(|| Proxy::new(url))
    }
}

/// A number of days, 1 to 3660.
pub(super) struct Days(pub(super) u32);

impl FromItem for Days {
    fn from_item(item: &Item<'_>) -> Option<Self> {
        let days: u32 = item.read()?;
        let fits = (1..=3660).contains(&days);
        if !fits {
            item.expected("a number of days from 1 to 3660");
        }
        fits.then_some(Days(days))
    }
}

/// A number that is not zero.
pub(super) struct OneOrMore<T>(pub(super) T);

impl<T: FromItem + Default + PartialEq> FromItem for OneOrMore<T> {
    fn from_item(item: &Item<'_>) -> Option<Self> {
        let number: T = item.read()?;
        let fits = number != T::default();
        if !fits {
            item.expected("at least 1");
        }
        fits.then_some(OneOrMore(number))
    }
}

/// The number of a key that must not be zero.
pub(super) fn positive<T: FromItem + Default + PartialEq>(
    table: &mut Reader<'_>,
    key: &'static str,
    default: T,
) -> T {
    table.or(key, OneOrMore(default)).0
}

/// Reports a list that has something twice.
pub(super) fn unique<T: Eq + Hash + Debug>(table: &Reader<'_>, key: &str, list: &[T]) {
    let mut seen = HashSet::new();
    if !list.iter().all(|element| seen.insert(element)) {
        table
            .place_of(key)
            .problem(format!("`{key}` has something twice"));
    }
}

impl FromItem for SocketAddr {
    fn from_item(item: &Item<'_>) -> Option<Self> {
        let address = item.as_str().and_then(|text| text.parse().ok());
        if address.is_none() {
            item.expected("an IP address and a port, such as \"127.0.0.1:8080\" or \"[::]:8080\"");
        }
        address
    }
}

impl FromItem for Network {
    fn from_item(item: &Item<'_>) -> Option<Self> {
        let network = item.as_str().and_then(|text| text.parse().ok());
        if network.is_none() {
            item.expected("an IP address or a network such as \"10.0.0.0/8\"");
        }
        network
    }
}

impl FromItem for jiff::tz::TimeZone {
    fn from_item(item: &Item<'_>) -> Option<Self> {
        let zone = item
            .as_str()
            .and_then(|name| jiff::tz::TimeZone::get(name).ok());
        if zone.is_none() {
            item.expected("a time zone that this machine knows, such as \"Asia/Jakarta\"");
        }
        zone
    }
}

impl FromItem for Quorum {
    fn from_item(item: &Item<'_>) -> Option<Self> {
        if item.as_str() == Some("majority") {
            return Some(Quorum::Majority);
        }
        if item.as_str().is_some() {
            item.expected("\"majority\" or a number");
            return None;
        }
        item.read().map(Quorum::AtLeast)
    }
}

/// A driver's name or path, the address of one that others run, or nothing.
pub(super) struct Driver(pub(super) Option<WebDriver>);

impl FromItem for Driver {
    fn from_item(item: &Item<'_>) -> Option<Self> {
        let text = item.read::<String>()?;
        if text.is_empty() {
            return Some(Driver(None));
        }
        if !text.contains("://") {
            return Some(Driver(Some(WebDriver::Own(text.into()))));
        }
        // Paths are joined to it, below its last slash.
        let url = Url::parse(&format!("{}/", text.trim_end_matches('/'))).ok();
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let Some(url) = url else {
            item.expected(
                "the name of a driver such as \"chromedriver\", the address of one such as \
                 \"http://grid.example.org:4444\", or \"\" for no browser",
            );
            return None;
        };
        if !url.username().is_empty() || url.password().is_some() {
            item.place().problem_with_hint(
                "a password does not belong into this file",
                "let a proxy in front of the driver add it, or open the driver to this machine only",
            );
            return None;
        }
        Some(Driver(Some(WebDriver::Remote(url))))
    }
}

impl FromItem for User {
    fn from_item(item: &Item<'_>) -> Option<Self> {
        let user = item.read::<String>()?.parse::<User>();
        if let Err(error) = &user {
            item.place().problem_with_hint(
                error.to_string(),
                "write the name of a user of this machine, or numbers such as \"997\" or \"997:997\"",
            );
        }
        user.ok()
    }
}

impl FromItem for SmtpTls {
    fn from_item(item: &Item<'_>) -> Option<Self> {
        let tls = match item.as_str() {
            Some("implicit") => Some(SmtpTls::Implicit),
            Some("starttls") => Some(SmtpTls::StartTls),
            Some("none") => Some(SmtpTls::None),
            _ => None,
        };
        if tls.is_none() {
            item.expected("\"implicit\", \"starttls\" or \"none\"");
        }
        tls
    }
}
