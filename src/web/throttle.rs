//! How often one client, or one account, may try something.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter, clock};

use super::client::Client;
use crate::domain;

/// So many at once, then one more each `every`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many may come at once.
    pub burst: u32,
    /// How long it takes until one more may come. Zero: no limit.
    pub every: Duration,
}

/// The process's own clock, as the limiter wants it.
#[derive(Clone)]
struct Monotonic(Arc<dyn domain::Clock>);

impl clock::Clock for Monotonic {
    type Instant = Duration;
    fn now(&self) -> Duration {
        self.0.monotonic()
    }
}

type Limiter<K> = RateLimiter<K, DashMapStateStore<K>, Monotonic, NoOpMiddleware<Duration>>;

/// Counts tries by key.
pub struct Throttle<K: Hash + Eq + Clone> {
    limiter: Option<Limiter<K>>,
    clock: Monotonic,
    checks: AtomicU32,
}

/// Keys that have been quiet are forgotten after so many checks, so that memory stays bounded.
const FORGET_EVERY: u32 = 4096;

impl<K: Hash + Eq + Clone> Throttle<K> {
    /// With this rate for each key.
    pub fn new(rate: Rate, clock: Arc<dyn domain::Clock>) -> Self {
        let clock = Monotonic(clock);
        let burst = NonZeroU32::new(rate.burst).unwrap_or(NonZeroU32::MIN);
        let limiter = Quota::with_period(rate.every).map(|quota| {
            RateLimiter::new(
                quota.allow_burst(burst),
                DashMapStateStore::default(),
                clock.clone(),
            )
        });
        Throttle {
            limiter,
            clock,
            checks: AtomicU32::new(0),
        }
    }

    /// Counts a try; an error says after how many seconds the next may come.
    pub fn check(&self, key: &K) -> Result<(), u64> {
        let Some(limiter) = &self.limiter else {
            return Ok(());
        };
        if self.checks.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            limiter.retain_recent();
        }
        limiter.check_key(key).map_err(|not_until| {
            let now = clock::Clock::now(&self.clock);
            not_until.wait_time_from(now).as_secs() + 1
        })
    }
}

/// What stands for a client: its address, or its network where one client has a whole /64.
pub fn key_of(client: Client) -> IpAddr {
    match client.0 {
        IpAddr::V6(address) => {
            let network = address.to_bits() >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}
