//! When a message that could not be sent is tried again. Plain functions; they know neither
//! databases nor networks.

use std::time::Duration;

use crate::domain::{Moment, Random, random};
use crate::store::outbox;

/// The shortest wait between two tries.
pub const SHORTEST: Duration = Duration::from_secs(2);
/// The longest wait between two tries.
pub const LONGEST: Duration = Duration::from_secs(10 * 60);
const _: () = assert!(LONGEST.as_secs() < outbox::MAX_AHEAD.as_secs());
/// How long a message is tried, from when it was put into the outbox.
pub const GIVE_UP_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// Why a message could not be sent, in a sentence for operators, and how soon another try
/// makes sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Without addresses that hold secrets, and without what the other side said in full.
    pub reason: String,
    /// How soon.
    pub again: Again,
}

/// How soon another try makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// The other side is in trouble: soon at first, then ever later.
    Soon,
    /// The other side says that the message or the address is wrong. Somebody must mend a
    /// setting first, so it is tried at the longest interval; not given up at once, because
    /// the setting that is mended may be ours, and the alert still matters then.
    Late,
    /// The other side named a span (`Retry-After`); it is kept within the bounds.
    After(Duration),
}

impl Failure {
    /// Worth trying again soon.
    pub fn soon(reason: impl Into<String>) -> Self {
        Failure {
            reason: reason.into(),
            again: Again::Soon,
        }
    }

    /// Worth trying again when somebody may have mended a setting.
    pub fn late(reason: impl Into<String>) -> Self {
        Failure {
            reason: reason.into(),
            again: Again::Late,
        }
    }
}

/// How long to wait after the `attempts`-th try (from 1) has failed: evenly drawn from the
/// upper half of a span that doubles from 4 s, and never outside [`SHORTEST`]..=[`LONGEST`].
pub fn wait(attempts: i64, again: Again, random: &dyn Random) -> Duration {
    let doublings = u32::try_from(attempts.clamp(1, 16)).unwrap_or(16);
    let upper = match again {
        Again::Soon => (SHORTEST * 2_u32.pow(doublings)).min(LONGEST),
        Again::Late => LONGEST,
        Again::After(span) => return span.clamp(SHORTEST, LONGEST),
    };
    upper / 2 + (upper / 2).mul_f64(random::fraction(random))
}

/// When a message put in at `created_at` is tried again after a try that failed at `now`,
/// or `None` where it is given up. The last try is made when the time is up.
pub fn next_try(created_at: Moment, now: Moment, wait: Duration) -> Option<Moment> {
    let last = created_at + GIVE_UP_AFTER;
    (now < last).then(|| (now + wait).min(last))
}
