//! Which IP addresses lead inward: to this machine, to its own network, or nowhere that a public
//! site can be. By the IANA's registries of special-purpose addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Network;

/// Why an address is none of a public site's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inward {
    /// An address of a machine on its own public network interface: whoever knows the interfaces
    /// says so, [`Inward::of`] cannot.
    ThisHost,
    /// `0.0.0.0/8`, `::`: some network, this machine among them.
    Unspecified,
    /// `127.0.0.0/8`, `::1`.
    Loopback,
    /// `10.0.0.0/8`, `172.16.0.0/12`, `192.168.0.0/16`; `fec0::/10`, which was meant for the same.
    Private,
    /// `169.254.0.0/16`, `fe80::/10`: also where clouds tell machines their secrets.
    LinkLocal,
    /// `100.64.0.0/10`: shared by the customers of one provider.
    Shared,
    /// `fc00::/7`.
    UniqueLocal,
    /// `224.0.0.0/4`, `ff00::/8`.
    Multicast,
    /// For protocols, documentation, measuring, or nothing yet.
    Reserved,
}

impl Inward {
    /// Why an address is none of a public site's; `None` where it may be one. An IPv4 address
    /// within an IPv6 address (mapped, compatible, translated, NAT64, 6to4, Teredo) is judged as
    /// what it is.
    pub fn of(address: IpAddr) -> Option<Inward> {
        match address {
            IpAddr::V4(address) => of_v4(address),
            IpAddr::V6(address) => match embedded(address) {
                Some(address) => of_v4(address),
                None => of_v6(address),
            },
        }
    }

    /// The same, but for networks that somebody allows.
    pub fn unless_allowed(address: IpAddr, allowed: &[Network]) -> Option<Inward> {
        Self::of(address).filter(|_| !is_allowed(address, allowed))
    }
}

/// Whether one of the networks has this address, or the IPv4 address within it.
pub fn is_allowed(address: IpAddr, allowed: &[Network]) -> bool {
    let within = match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(address) => embedded(address).map(IpAddr::V4),
    };
    let mut meant = [Some(address), within].into_iter().flatten();
    meant.any(|address| allowed.iter().any(|network| network.contains(address)))
}

fn of_v4(address: Ipv4Addr) -> Option<Inward> {
    let inward = match address.octets() {
        [0, ..] => Inward::Unspecified,
        [127, ..] => Inward::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Inward::Private,
        [169, 254, ..] => Inward::LinkLocal,
        [100, 64..=127, ..] => Inward::Shared,
        [224..=239, ..] => Inward::Multicast,
        [240..=255, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => Inward::Reserved,
        _ => return None,
    };
    Some(inward)
}

fn of_v6(address: Ipv6Addr) -> Option<Inward> {
    let inward = match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Inward::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => Inward::Loopback,
        // NAT64 within one's own network, which may lie anywhere in it.
        [0x64, 0xff9b, 1, ..] | [0xfec0..=0xfeff, ..] => Inward::Private,
        [0xfe80..=0xfebf, ..] => Inward::LinkLocal,
        [0xfc00..=0xfdff, ..] => Inward::UniqueLocal,
        [0xff00..=0xffff, ..] => Inward::Multicast,
        // For protocols and documentation; the rest of 2000::/3 is everybody's.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Inward::Reserved,
        [0x2000..=0x3fff, ..] => return None,
        _ => Inward::Reserved,
    };
    Some(inward)
}

/// The IPv4 address that a packet to this address comes to in the end.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let two = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        // Two addresses of IPv6 itself that look like compatible ones.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        // Compatible, mapped, translated.
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => {
            Some(two(high, low))
        }
        // NAT64.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(two(high, low)),
        // 6to4.
        [0x2002, high, low, ..] => Some(two(high, low)),
        // Teredo writes the client's address inverted.
        [0x2001, 0, .., high, low] => Some(two(!high, !low)),
        _ => None,
    }
}

impl fmt::Display for Inward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Inward::ThisHost => "an address of this machine",
            Inward::Unspecified => "an unspecified address",
            Inward::Loopback => "a loopback address",
            Inward::Private => "a private address",
            Inward::LinkLocal => "a link-local address",
            Inward::Shared => "a provider's shared address",
            Inward::UniqueLocal => "a unique local address",
            Inward::Multicast => "a multicast address",
            Inward::Reserved => "a reserved address",
        })
    }
}
