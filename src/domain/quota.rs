//! So many bytes a day, shared by whoever comes.

use std::collections::HashMap;
use std::time::Duration;

/// How long a day is; it begins with the first byte.
const DAY: Duration = Duration::from_secs(24 * 3600);
/// One may hold at most this part of what is left: whoever comes last still finds something, and
/// one alone gets no more than a twenty-first of the day's bytes.
const SHARES: u64 = 20;
/// How many are told apart on a day. Those who come later share one place.
const MAX_SHARERS: usize = 50_000;

/// What may be written on a day, and how much of it each has taken.
#[derive(Debug)]
pub struct DailyQuota {
    limit: u64,
    began: Option<Duration>,
    taken: u64,
    by: HashMap<Vec<u8>, u64>,
}

impl DailyQuota {
    /// Of so many bytes a day.
    pub fn new(limit: u64) -> Self {
        DailyQuota {
            limit,
            began: None,
            taken: 0,
            by: HashMap::new(),
        }
    }

    /// Takes `bytes` at `now`, a time of the monotonic clock, if so many are left. With a `sharer`
    /// the share of that one counts too. Whether they were taken.
    pub fn take(&mut self, sharer: Option<&[u8]>, bytes: u64, now: Duration) -> bool {
        let is_over = |began: Duration| now.saturating_sub(began) >= DAY;
        if self.began.is_none_or(is_over) {
            *self = DailyQuota {
                began: Some(now),
                ..DailyQuota::new(self.limit)
            };
        }
        let left = self.limit.saturating_sub(self.taken);
        if bytes > left {
            return false;
        }
        if let Some(sharer) = sharer {
            let is_known = self.by.contains_key(sharer) || self.by.len() < MAX_SHARERS;
            let held = self
                .by
                .entry(if is_known {
                    sharer.to_vec()
                } else {
                    Vec::new()
                })
                .or_default();
            // As if what it holds already were free: else the share would shrink by one's own.
            let would_hold = held.saturating_add(bytes);
            if would_hold > (left - bytes) / SHARES {
                return false;
            }
            *held = would_hold;
        }
        self.taken += bytes;
        true
    }

    /// Gives back what was taken and then not written.
    pub fn give_back(&mut self, sharer: Option<&[u8]>, bytes: u64) {
        self.taken = self.taken.saturating_sub(bytes);
        if let Some(held) = sharer.and_then(|sharer| self.by.get_mut(sharer)) {
            *held = held.saturating_sub(bytes);
        }
    }
}
