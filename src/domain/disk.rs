//! How much room must stay on the disk, and what follows where it does not.
//!
//! Pictures and evidence are given up first, so that runs, outages and reports without pictures
//! can be recorded for as long as possible.

use serde::{Deserialize, Serialize};

use super::Moment;

/// How much must stay free, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reserve {
    /// Below this no picture of a report and no evidence is written.
    pub files: u64,
    /// Below this the monitor says that it is not ready.
    pub database: u64,
}

/// How much is free where Siaga writes, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreeSpace {
    /// In the folder of pictures and evidence.
    pub files: u64,
    /// Beside the database; `None` where it is a server's.
    pub database: Option<u64>,
}

/// What the free space allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiskState {
    /// Everything.
    Ample,
    /// No pictures and no evidence.
    Low,
    /// The database lives on what was kept for it.
    Critical,
}

/// Who has come below a mark is above it again with a tenth more than that: what hovers at the
/// mark changes nothing.
const RECOVERED_PERCENT: u64 = 110;

impl DiskState {
    /// Every state, the best first.
    pub const ALL: [DiskState; 3] = [DiskState::Ample, DiskState::Low, DiskState::Critical];

    /// The name used in the database, metrics and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            DiskState::Ample => "ample",
            DiskState::Low => "low",
            DiskState::Critical => "critical",
        }
    }

    /// The inverse of [`as_str`](Self::as_str).
    pub fn parse(text: &str) -> Option<Self> {
        DiskState::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
    }

    /// The state at this much free space, where it was `self` before.
    #[must_use]
    pub fn next(self, free: FreeSpace, reserve: Reserve) -> DiskState {
        let is_below = |free: u64, mark: u64, was_below: bool| {
            let percent = if was_below { RECOVERED_PERCENT } else { 100 };
            u128::from(free) * 100 < u128::from(mark) * u128::from(percent)
        };
        let of_database = free
            .database
            .is_some_and(|free| is_below(free, reserve.database, self == DiskState::Critical));
        if of_database {
            DiskState::Critical
        } else if is_below(free.files, reserve.files, self > DiskState::Ample) {
            DiskState::Low
        } else {
            DiskState::Ample
        }
    }
}

/// Why something found no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRoom {
    /// The disk fills.
    Disk,
    /// What may be kept in a day is used up, by all or by one network.
    Day,
}

impl NoRoom {
    /// Every reason.
    pub const ALL: [NoRoom; 2] = [NoRoom::Disk, NoRoom::Day];

    /// The name used in the database, metrics and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            NoRoom::Disk => "disk",
            NoRoom::Day => "day",
        }
    }

    /// The inverse of [`as_str`](Self::as_str).
    pub fn parse(text: &str) -> Option<Self> {
        NoRoom::ALL.into_iter().find(|why| why.as_str() == text)
    }
}

/// What operators are told once when the state changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskAlert {
    /// What it is now.
    pub disk: DiskState,
    /// Since when.
    pub at: Moment,
    /// The place that probes run from, which names the machine.
    pub vantage: String,
    /// How much was free then.
    pub free: FreeSpace,
    /// How much must stay free.
    pub reserve: Reserve,
}
