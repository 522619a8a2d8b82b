//! The rule by which strangers share what there is not enough of.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use siaga::web::fair_share::{FairShare, Shares};

/// Few networks, so that they meet: IPv4 addresses, and /64s in a few /48s.
fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        (0_u8..4).prop_map(|n| IpAddr::V4(Ipv4Addr::new(203, 0, 113, n))),
        (0_u16..3, 0_u16..3, 0_u16..9)
            .prop_map(|(site, net, host)| IpAddr::V6(v6(site, net, host))),
    ]
}

fn v6(site: u16, net: u16, host: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, site, net, 0, 0, 0, host)
}

fn same_48(a: IpAddr, b: IpAddr) -> bool {
    match (a, b) {
        (IpAddr::V6(a), IpAddr::V6(b)) => a.segments()[..3] == b.segments()[..3],
        _ => a == b,
    }
}

/// Takes single places until there are no more; says how many.
fn fill(share: &mut FairShare, mut next: impl FnMut() -> IpAddr) -> u64 {
    let mut got = 0;
    while share.try_take(Some(next()), 1) {
        got += 1;
    }
    got
}

proptest! {
    /// Whatever is taken and given back, in whatever order: no more than there is, nobody is
    /// remembered who holds nothing, and a refusal means that there is a crowd or that this
    /// network holds much itself.
    #[test]
    fn nothing_is_lost_and_nobody_is_refused_without_a_reason(
        capacity in 0_u64..200,
        moves in prop::collection::vec((address(), 1_u64..40, any::<prop::sample::Index>(), any::<bool>()), 0..80),
    ) {
        let mut share = FairShare::new(capacity);
        let mut held: Vec<(IpAddr, u64)> = Vec::new();
        for (address, amount, which, back) in moves {
            if back && !held.is_empty() {
                let (address, amount) = held.swap_remove(which.index(held.len()));
                share.give_back(Some(address), amount);
                continue;
            }
            let free = share.free();
            let own: u64 = held.iter().filter(|(other, _)| same_48(*other, address)).map(|(_, n)| n).sum();
            if share.try_take(Some(address), amount) {
                held.push((address, amount));
                prop_assert!(own + amount <= free);
            } else {
                // The /48 together with any one /64 in it holds at most twice `own`.
                prop_assert!(2 * own + amount > free);
            }
            let taken: u64 = held.iter().map(|(_, n)| n).sum();
            prop_assert_eq!(share.free(), capacity - taken);
        }
        for (address, amount) in held {
            share.give_back(Some(address), amount);
        }
        prop_assert_eq!((share.free(), share.holders()), (capacity, 0));
    }

    /// However many networks attack, each leaves half of what it finds: who holds nothing gets
    /// a place as long as there is one.
    #[test]
    fn every_attacking_network_leaves_half_of_what_it_found(capacity in 1_u64..5000, attackers in 0_u8..12) {
        let mut share = FairShare::new(capacity);
        for n in 0..attackers {
            let found = share.free();
            let attacker = IpAddr::V4(Ipv4Addr::new(198, 51, 100, n));
            prop_assert_eq!(fill(&mut share, || attacker), found.div_ceil(2));
        }
        let free = share.free();
        let stranger = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1));
        prop_assert_eq!(share.try_take(Some(stranger), 1), free > 0);
    }

    /// One customer's /48 gets no more than half, however many addresses it uses; a single
    /// telephone's /64 gets a third, so that its neighbours in the carrier's /48 get in.
    #[test]
    fn a_48_gets_half_and_a_64_in_it_a_third(capacity in 8_u64..5000) {
        let mut share = FairShare::new(capacity);
        let mut host = 0;
        let third = fill(&mut share, || { host += 1; IpAddr::V6(v6(1, 1, host)) });
        prop_assert_eq!(third, capacity.div_ceil(3));
        prop_assert!(share.try_take(Some(IpAddr::V6(v6(1, 2, 1))), 1), "a neighbour");
        prop_assert!(share.try_take(Some(IpAddr::V6(v6(2, 1, 1))), 1), "another /48");
        let mut share = FairShare::new(capacity);
        let mut net = 0;
        let half = fill(&mut share, || { net += 1; IpAddr::V6(v6(1, net, 1)) });
        prop_assert_eq!(half, capacity.div_ceil(2));
    }
}

#[test]
fn an_ipv4_address_is_the_same_however_it_is_written() {
    let mut share = FairShare::new(4);
    let plain: IpAddr = "203.0.113.9".parse().unwrap();
    let mapped: IpAddr = "::ffff:203.0.113.9".parse().unwrap();
    assert!(share.try_take(Some(plain), 1) && share.try_take(Some(mapped), 1));
    assert!(!share.try_take(Some(plain), 1));
    // A proxy that stands for many is bounded by what is there only.
    assert!(share.try_take(None, 2));
    assert!(!share.try_take(None, 1));
}

#[test]
fn a_share_grows_and_is_free_again_when_it_is_dropped() {
    let shares = Shares::new(100);
    let who: Option<IpAddr> = Some("203.0.113.9".parse().unwrap());
    let mut share = shares.take(who, 0).unwrap();
    assert!(share.grow(30) && share.grow(20));
    assert!(!share.grow(1), "half of everything is theirs");
    share.shrink(10);
    assert!(share.grow(10));
    let other = shares.take(Some("203.0.113.10".parse().unwrap()), 25);
    assert!(other.is_some());
    drop(share);
    drop(other);
    assert!(shares.take(None, 100).is_some());
}
