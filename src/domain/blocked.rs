//! Since when a flow meets a wall for robots in place of the site, and when operators are told.
//!
//! A flow that is blocked watches nothing, which no outage says: those who run the monitor must
//! have it let through.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Engine, Moment, Outcome, Why};

/// What is known of one flow from one vantage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockedFlow {
    /// When the first of the blocked runs in a row started, of each engine that is blocked: the
    /// flow is blocked since the earliest.
    since: BTreeMap<Engine, Moment>,
    /// Since when it was blocked by what operators were told; `None`: they know of nothing.
    told: Option<Moment>,
}

/// What operators are to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockedChange {
    /// The flow has been blocked for long enough.
    Blocked {
        /// Since when.
        since: Moment,
    },
    /// It gets through again on every engine.
    Over {
        /// Since when it was blocked.
        since: Moment,
    },
}

impl BlockedFlow {
    /// Takes one run, from its start `at` until `ended_at`; operators are told of what has lasted
    /// `alert_after`. A run that says nothing for another reason changes nothing.
    pub fn see(
        &mut self,
        engine: Engine,
        outcome: Outcome,
        (at, ended_at): (Moment, Moment),
        alert_after: Duration,
    ) -> Option<BlockedChange> {
        match outcome {
            Outcome::Inconclusive(Why::Blocked) => {
                self.since.entry(engine).or_insert(at);
                let since = self.since.values().copied().min().unwrap_or(at);
                if self.told.is_some() || ended_at.since(since) < alert_after {
                    return None;
                }
                self.told = Some(since);
                Some(BlockedChange::Blocked { since })
            }
            Outcome::Passed | Outcome::Slow | Outcome::Failed(_) => {
                self.since.remove(&engine)?;
                if !self.since.is_empty() {
                    return None;
                }
                let since = self.told.take()?;
                Some(BlockedChange::Over { since })
            }
            Outcome::NotReached | Outcome::Inconclusive(_) => None,
        }
    }
}

/// What operators are told once when a flow is blocked, and once when it is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockedAlert {
    /// The flow's name.
    pub blocked_flow: String,
    /// The flow's key.
    pub flow: String,
    /// The place that it runs from.
    pub vantage: String,
    /// Since when it is, or was, blocked.
    pub since: Moment,
    /// When it got through again; `None` while it is blocked.
    pub over_at: Option<Moment>,
    /// What the newest blocked run met, for operators.
    pub message: Option<String>,
}
