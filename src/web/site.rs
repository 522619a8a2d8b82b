//! What the pages say of the watched site and of ourselves, from the configuration.

use super::format::Zone;

/// The watched site, and this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// What people call the watched site: `Izin Tinggal Online`.
    pub name: String,
    /// Its address, `https://…`.
    pub url: String,
    /// The only hosts that are really the government's.
    pub official_domains: Vec<String>,
    /// Where the public reaches us, `https://…` without a slash at the end.
    pub own_url: String,
    /// The zone that times are shown in.
    pub zone: Zone,
    /// Whether all of this is a rehearsal; every page says so then.
    pub rehearsal: bool,
    /// Whom to write to about this site.
    pub contact: Option<String>,
}

impl Site {
    /// Whether the public comes by HTTPS.
    pub fn is_https(&self) -> bool {
        self.own_url.starts_with("https://")
    }
}
