//! Going easy on the hosts that are visited: how many runs act on one at a time, and how
//! many pages a second they ask of it together. Must not know flows.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::{Host, Url};

use crate::http_client::is_localhost;

/// How much may be asked of one host.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Steps at the same time.
    pub at_once: u32,
    /// Steps a second, on average.
    pub per_second: f64,
}

/// What a site that never asked to be watched can well bear.
pub const GENTLE: Rate = Rate {
    at_once: 2,
    per_second: 2.0,
};
/// For what runs on this very machine.
pub const LOOPBACK: Rate = Rate {
    at_once: 64,
    per_second: 1000.0,
};

/// The limits of every host, shared by all runs of a process.
pub struct Politeness {
    rate: Rate,
    loopback: Rate,
    hosts: Mutex<HashMap<String, Arc<Gate>>>,
}

struct Gate {
    at_once: Arc<Semaphore>,
    rate: DefaultDirectRateLimiter,
}

impl Default for Politeness {
    fn default() -> Self {
        Politeness::new(GENTLE, LOOPBACK)
    }
}

impl Politeness {
    /// Limits for hosts in general, and for this machine.
    pub fn new(rate: Rate, loopback: Rate) -> Self {
        Politeness {
            rate,
            loopback,
            hosts: Mutex::default(),
        }
    }

    /// Waits until a step may be taken on the address's host; the permit is held while it
    /// lasts.
    pub async fn enter(&self, url: &Url) -> Option<OwnedSemaphorePermit> {
        let gate = self.gate(url);
        let permit = Arc::clone(&gate.at_once).acquire_owned().await;
        gate.rate.until_ready().await;
        permit.ok()
    }

    fn gate(&self, url: &Url) -> Arc<Gate> {
        let name = url.host_str().unwrap_or_default();
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gate) = hosts.get(name) {
            return Arc::clone(gate);
        }
        let rate = if is_loopback(url) {
            self.loopback
        } else {
            self.rate
        };
        let gate = Arc::new(Gate::new(rate));
        hosts.insert(name.to_owned(), Arc::clone(&gate));
        gate
    }
}

impl Gate {
    fn new(rate: Rate) -> Self {
        let at_once = NonZeroU32::new(rate.at_once).unwrap_or(NonZeroU32::MIN);
        let period = Duration::from_secs_f64(1.0 / rate.per_second.clamp(0.001, 1e6));
        let quota = Quota::with_period(period)
            .unwrap_or_else(|| Quota::per_second(NonZeroU32::MIN))
            .allow_burst(at_once);
        Gate {
            at_once: Arc::new(Semaphore::new(at_once.get() as usize)),
            rate: RateLimiter::direct(quota),
        }
    }
}

/// Whether an address is one of this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => is_localhost(name),
        None => false,
    }
}
