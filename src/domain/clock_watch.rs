//! Whether the wall clock was set, and whether the machine slept: told by a clock that nobody sets.

use std::time::Duration;

use super::Moment;
use super::stopwatch::CLOCK_TOLERANCE;

/// A look at the clocks that comes so late was one of a machine that slept, or of a process that
/// was stopped.
pub const ASLEEP_AFTER: Duration = Duration::from_secs(30);

/// What was found of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockFinding {
    /// Nobody watched meanwhile. Both by the clock as it is now.
    Asleep {
        /// The last look before.
        from: Moment,
        /// The first look after.
        until: Moment,
    },
    /// The clock was set.
    Set {
        /// What it would show had nobody set it.
        from: Moment,
        /// What it shows.
        to: Moment,
    },
}

impl ClockFinding {
    /// The span of the record in which nothing can be believed, first and last moment. Where the
    /// clock is set back a span comes twice, where it is set forward one never comes.
    pub fn span(self) -> (Moment, Moment) {
        match self {
            ClockFinding::Asleep { from, until } => (from, until),
            ClockFinding::Set { from, to } => (from.min(to), from.max(to)),
        }
    }
}

/// Both clocks at the last look.
#[derive(Clone, Copy, Debug)]
pub struct ClockWatch {
    wall: Moment,
    monotonic: Duration,
}

impl ClockWatch {
    /// Begins with a first look.
    pub fn new(wall: Moment, monotonic: Duration) -> Self {
        ClockWatch { wall, monotonic }
    }

    /// Takes the next look: the wall clock, and one that goes on while the machine sleeps and is
    /// never set.
    pub fn see(&mut self, wall: Moment, monotonic: Duration) -> Vec<ClockFinding> {
        let passed = monotonic.saturating_sub(self.monotonic);
        let expected = self.wall + passed;
        let before = std::mem::replace(self, ClockWatch { wall, monotonic });
        let mut found = Vec::new();
        let is_set = wall.abs_diff(expected) > CLOCK_TOLERANCE;
        if passed > ASLEEP_AFTER {
            let (from, until) = match is_set {
                true => (wall - passed, wall),
                false => (before.wall, wall),
            };
            found.push(ClockFinding::Asleep { from, until });
        }
        if is_set {
            found.push(ClockFinding::Set {
                from: expected,
                to: wall,
            });
        }
        found
    }
}
