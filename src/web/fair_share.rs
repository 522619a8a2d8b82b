//! Who gets how much of something that there is not enough of for everyone: connections,
//! places in the router, memory. What strangers hold is counted by network, so that nobody
//! needs an account to be told apart, and nobody gets more by opening more connections.
//!
//! The rule: **a network may take more only while it then holds no more than is left.** Alone,
//! it gets half of everything, and so a hotel or a mobile network behind one address is slowed
//! only when there is a crowd. Whatever it does, the next network finds half of everything
//! free, the one after that a quarter.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A network that counts as one holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Prefix {
    address: IpAddr,
    length: u8,
}

/// The networks that an address is counted in. An IPv4 address is a network of its own. An
/// IPv6 address is counted in its /48, the most that one customer usually gets, and within it
/// in its /64, the least: one of the many telephones in a carrier's /48.
fn prefixes(address: IpAddr) -> (Prefix, Option<Prefix>) {
    match address.to_canonical() {
        address @ IpAddr::V4(_) => (
            Prefix {
                address,
                length: 32,
            },
            None,
        ),
        IpAddr::V6(address) => {
            let prefix = |length: u8| Prefix {
                address: IpAddr::V6(Ipv6Addr::from_bits(
                    address.to_bits() & (u128::MAX << (128 - length)),
                )),
                length,
            };
            (prefix(48), Some(prefix(64)))
        }
    }
}

/// What there is of something, and which network holds how much of it. A plain value: see
/// [`Shares`] for one that many tasks take from.
#[derive(Clone, Debug)]
pub struct FairShare {
    capacity: u64,
    taken: u64,
    held: HashMap<Prefix, u64>,
}

impl FairShare {
    /// Nothing of `capacity` is taken yet.
    pub fn new(capacity: u64) -> Self {
        FairShare {
            capacity,
            taken: 0,
            held: HashMap::new(),
        }
    }

    /// What nobody holds.
    pub fn free(&self) -> u64 {
        self.capacity - self.taken
    }

    /// How many networks are remembered: those that hold something.
    pub fn holders(&self) -> usize {
        self.held.len()
    }

    /// Takes `amount` for an address, if the rule lets it. Within a /48, a /64 may take more
    /// only while it then holds no more than the /48 may still get: alone it gets a third, and
    /// leaves as much to its neighbours. `None` is somebody who stands for many, such as a
    /// trusted proxy: only what is free bounds them.
    pub fn try_take(&mut self, address: Option<IpAddr>, amount: u64) -> bool {
        let free = self.free();
        if amount > free {
            return false;
        }
        if let Some((outer, inner)) = address.map(prefixes) {
            let by_outer = self.of(outer);
            if by_outer.saturating_add(amount) > free {
                return false;
            }
            if let Some(inner) = inner
                && self.of(inner).saturating_add(amount) > free - by_outer
            {
                return false;
            }
            for prefix in [Some(outer), inner].into_iter().flatten() {
                *self.held.entry(prefix).or_default() += amount;
            }
        }
        self.taken += amount;
        true
    }

    /// Gives back `amount` of what was taken for this address.
    pub fn give_back(&mut self, address: Option<IpAddr>, amount: u64) {
        self.taken = self.taken.saturating_sub(amount);
        let Some((outer, inner)) = address.map(prefixes) else {
            return;
        };
        for prefix in [Some(outer), inner].into_iter().flatten() {
            if let Some(held) = self.held.get_mut(&prefix) {
                *held = held.saturating_sub(amount);
                if *held == 0 {
                    self.held.remove(&prefix);
                }
            }
        }
    }

    fn of(&self, prefix: Prefix) -> u64 {
        self.held.get(&prefix).copied().unwrap_or(0)
    }
}

/// A [`FairShare`] that many tasks take from. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shares(Arc<Mutex<FairShare>>);

impl Shares {
    /// Nothing of `capacity` is taken yet.
    pub fn new(capacity: u64) -> Self {
        Shares(Arc::new(Mutex::new(FairShare::new(capacity))))
    }

    /// Takes `amount` for an address, as [`FairShare::try_take`]; `None` where it gets none.
    /// What is taken is free again when the share is dropped.
    pub fn take(&self, address: Option<IpAddr>, amount: u64) -> Option<Share> {
        self.lock().try_take(address, amount).then(|| Share {
            shares: self.clone(),
            address,
            amount,
        })
    }

    fn lock(&self) -> MutexGuard<'_, FairShare> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What somebody holds.
#[derive(Debug)]
pub struct Share {
    shares: Shares,
    address: Option<IpAddr>,
    amount: u64,
}

impl Share {
    /// Takes `more`; false, and nothing changed, where there is not enough.
    pub fn grow(&mut self, more: u64) -> bool {
        let taken = self.shares.lock().try_take(self.address, more);
        if taken {
            self.amount += more;
        }
        taken
    }

    /// Gives back `less`.
    pub fn shrink(&mut self, less: u64) {
        let less = less.min(self.amount);
        self.shares.lock().give_back(self.address, less);
        self.amount -= less;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shares.lock().give_back(self.address, self.amount);
    }
}
