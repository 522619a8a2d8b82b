//! The words of outage detection: rules, severities, maintenance, effects, states. The
//! machine itself is [`Watch`]: it takes observations of one component in the order in
//! which they arrive, and says when an outage opens, changes and closes.
//!
//! It is a fold: the same observations give the same outages, whether they come live or
//! from the database. Who runs probes and who stores outages is no concern of this module.

mod voice;
mod watch;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::diagnosis::Diagnosis;
use super::{ComponentId, Engine, Fault, Moment};

pub use watch::Watch;

/// When a failure counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// Failures in a row that confirm.
    pub confirm: u32,
    /// Passes in a row that end.
    pub recover: u32,
    /// How many of the vantages that report must agree.
    pub quorum: Quorum,
    /// How long an observation speaks for its component, by flow and engine.
    pub fresh_for: BTreeMap<(String, Engine), Duration>,
    /// The same, for a flow that is not in `fresh_for`.
    pub fresh_for_default: Duration,
    /// Over how many of the newest observations flapping is judged.
    pub flap_window: usize,
    /// Failures among those that make it flapping.
    pub flap_failures: usize,
    /// Turns between good and bad among those that make it flapping.
    pub flap_turns: usize,
    /// Good observations in a row that end it.
    pub flap_calm: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            confirm: 2,
            recover: 2,
            quorum: Quorum::Majority,
            fresh_for: BTreeMap::new(),
            fresh_for_default: Duration::from_secs(15 * 60),
            flap_window: 20,
            flap_failures: 3,
            // One slip within an outage makes four turns, and is no flapping yet.
            flap_turns: 5,
            flap_calm: 10,
        }
    }
}

impl Rules {
    /// After how long without any recorded run the monitor itself counts as silent: as long as
    /// the word of the quickest flow holds, since at least that one should have been heard.
    pub fn silent_after(&self) -> Duration {
        let quickest = self.fresh_for.values().min();
        quickest.copied().unwrap_or(self.fresh_for_default)
    }

    /// Whether nothing has been recorded for longer than that, where `recorded_at` is the end of
    /// the newest recorded run. Then what is known of any component is old news, however long the
    /// word of a rare flow may hold: the monitor has stopped, or cannot write down what it finds.
    /// A run that lies as far in the future was recorded before the clock was set back.
    pub fn is_silent(&self, recorded_at: Option<Moment>, now: Moment) -> bool {
        recorded_at.is_some_and(|at| now.abs_diff(at) > self.silent_after())
    }
}

/// How many of the vantages that report must agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quorum {
    /// More than half.
    Majority,
    /// This many, or all where fewer report.
    AtLeast(u32),
}

impl Quorum {
    /// The number needed among `reporting` vantages; at least one.
    pub fn of(self, reporting: usize) -> usize {
        match self {
            Quorum::Majority => reporting / 2 + 1,
            Quorum::AtLeast(n) => usize::try_from(n)
                .unwrap_or(usize::MAX)
                .clamp(1, reporting.max(1)),
        }
    }
}

/// How bad an outage is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It works, but slowly.
    Degraded,
    /// It works at times and fails at times.
    Partial,
    /// It does not work.
    Down,
}

impl Severity {
    /// The name used in databases, metrics and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Degraded => "degraded",
            Severity::Partial => "partial",
            Severity::Down => "down",
        }
    }

    /// The inverse of [`as_str`](Self::as_str).
    pub fn parse(text: &str) -> Option<Self> {
        [Severity::Degraded, Severity::Partial, Severity::Down]
            .into_iter()
            .find(|severity| severity.as_str() == text)
    }
}

/// A span in which trouble is announced beforehand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maintenance {
    /// The component; `None` for all.
    pub component: Option<ComponentId>,
    /// First moment.
    pub from: Moment,
    /// First moment after.
    pub until: Moment,
}

impl Maintenance {
    /// Whether `moment` of `component` falls into it.
    pub fn covers(&self, component: &ComponentId, moment: Moment) -> bool {
        self.component.as_ref().is_none_or(|c| c == component)
            && self.from <= moment
            && moment < self.until
    }
}

/// What changed at an observation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    /// An outage began.
    Opened {
        /// Start of the deciding step of the first failing run.
        began: Moment,
        /// How bad it is.
        severity: Severity,
        /// The class of the failure that confirmed it; `None` where it is only slow.
        fault: Option<Fault>,
        /// Whether it was confirmed inside announced maintenance.
        planned: bool,
    },
    /// It is worse than it was.
    Worsened {
        /// Start of the deciding step of the first run that showed it.
        at: Moment,
        /// How bad it is now.
        severity: Severity,
        /// The class of the failure that confirmed it.
        fault: Option<Fault>,
    },
    /// It is less bad than it was.
    Eased {
        /// Start of the deciding step of the first run that showed it.
        at: Moment,
        /// How bad it is now.
        severity: Severity,
    },
    /// It outlasted the maintenance in which it was confirmed: no longer planned.
    Overran {
        /// Start of the deciding step of the first run after the maintenance that did not pass.
        at: Moment,
        /// How bad it is.
        severity: Severity,
    },
    /// It became known where the fault lies, or that it lies elsewhere.
    Diagnosed {
        /// Start of the run that showed it.
        at: Moment,
        /// Where it lies.
        diagnosis: Diagnosis,
    },
    /// It ended.
    Closed {
        /// Start of the deciding step of the first passing run.
        ended: Moment,
        /// Of the span from begin to end, the time in which it did not work at all.
        down: Duration,
    },
}

impl Effect {
    /// The name used in webhooks and JSON.
    pub fn as_str(&self) -> &'static str {
        match self {
            Effect::Opened { .. } => "opened",
            Effect::Worsened { .. } => "worsened",
            Effect::Eased { .. } => "eased",
            Effect::Overran { .. } => "overran",
            Effect::Diagnosed { .. } => "diagnosed",
            Effect::Closed { .. } => "closed",
        }
    }

    /// When it was so at the site, as opposed to when it was told.
    pub fn at(&self) -> Moment {
        match self {
            Effect::Opened { began: at, .. }
            | Effect::Worsened { at, .. }
            | Effect::Eased { at, .. }
            | Effect::Overran { at, .. }
            | Effect::Diagnosed { at, .. }
            | Effect::Closed { ended: at, .. } => *at,
        }
    }
}

/// Whether operators are told of this: never of what is planned, and of nothing bad inside
/// announced maintenance. The end of what they were told of is told, whenever it comes.
pub fn pages(effect: &Effect, planned: bool, in_maintenance: bool) -> bool {
    match effect {
        _ if planned => false,
        Effect::Opened { .. } | Effect::Worsened { .. } | Effect::Overran { .. } => !in_maintenance,
        Effect::Closed { .. } => true,
        Effect::Eased { .. } | Effect::Diagnosed { .. } => false,
    }
}

/// The outage that is open now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// Start of the deciding step of the first failing run.
    pub began: Moment,
    /// How bad it is now.
    pub severity: Severity,
    /// The worst that it has been.
    pub worst: Severity,
    /// Whether it comes and goes.
    pub intermittent: bool,
    /// Whether it was confirmed inside announced maintenance and has not outlasted it.
    pub planned: bool,
    /// Start of the deciding step of the first of the newest failing runs, while runs fail.
    pub down_since: Option<Moment>,
    /// Time from failing runs to the next ones that worked, without the current span.
    pub down: Duration,
}

/// Why nothing is known of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unseen {
    /// Nothing has ever been observed.
    NoData,
    /// The newest observation is too old.
    Stale,
    /// An earlier step fails, so the component cannot be tried.
    NotReached,
    /// A secret that the flow needs is not set.
    NotConfigured,
    /// The monitor itself is cut off from the network.
    CutOff,
    /// The monitor is at fault.
    Ourselves,
    /// Something in front of the site takes the monitor for a robot.
    Blocked,
    /// The first observation failed and is not confirmed yet.
    Confirming,
}

impl Unseen {
    /// The name used in JSON and as a key of texts.
    pub fn as_str(self) -> &'static str {
        match self {
            Unseen::NoData => "no_data",
            Unseen::Stale => "stale",
            Unseen::NotReached => "not_reached",
            Unseen::NotConfigured => "not_configured",
            Unseen::CutOff => "cut_off",
            Unseen::Ourselves => "ourselves",
            Unseen::Blocked => "blocked",
            Unseen::Confirming => "confirming",
        }
    }
}

/// What is said of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "is", content = "of", rename_all = "snake_case")]
pub enum State {
    /// Fresh observations say that it works.
    Operational,
    /// Something is wrong.
    Trouble(Severity),
    /// Announced maintenance.
    Maintenance,
    /// Nobody can tell.
    Unknown(Unseen),
}

impl State {
    /// The name used in JSON, metrics and as a key of texts.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Operational => "operational",
            State::Trouble(Severity::Degraded) => "degraded",
            State::Trouble(Severity::Partial) => "partial_outage",
            State::Trouble(Severity::Down) => "outage",
            State::Maintenance => "maintenance",
            State::Unknown(_) => "unknown",
        }
    }
}
