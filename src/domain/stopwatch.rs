//! Begin and end of something by a wall clock that may be set meanwhile.

use std::time::Duration;

use super::{Clock, Moment};

/// By how much the two clocks may differ over a run until the wall clock counts as set: more than
/// what disciplining it gently does in minutes.
pub const CLOCK_TOLERANCE: Duration = Duration::from_secs(1);

/// Measures one thing.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    /// When it began, by the wall clock of then.
    pub started_at: Moment,
    start: Duration,
}

impl Stopwatch {
    /// It begins now.
    pub fn start(clock: &dyn Clock) -> Self {
        Stopwatch {
            started_at: clock.now(),
            start: clock.monotonic(),
        }
    }

    /// When it began and ended. Where the wall clock was set meanwhile, both are by the clock as it
    /// is now, so that an end never precedes its begin, and the time between them is what it took.
    pub fn stop(self, clock: &dyn Clock) -> (Moment, Moment) {
        let ended_at = clock.now();
        let begin = ended_at - clock.monotonic().saturating_sub(self.start);
        match begin.abs_diff(self.started_at) > CLOCK_TOLERANCE {
            true => (begin, ended_at),
            false => (self.started_at.min(ended_at), ended_at),
        }
    }
}
