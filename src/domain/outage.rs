//! Outage detection: a machine that takes observations of one component in the order in
//! which they arrive, and says when an outage opens, changes and closes.
//!
//! It is a fold: the same observations give the same outages, whether they come live or
//! from the database. Who runs probes and who stores outages is no concern of this file.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ComponentId, Engine, Fault, Moment, Observation, Outcome, Why};

/// When a failure counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// Failures in a row that confirm.
    pub confirm: u32,
    /// Passes in a row that end.
    pub recover: u32,
    /// How many of the vantages that report must agree.
    pub quorum: Quorum,
    /// How long an observation speaks for its component, by flow.
    pub fresh_for: BTreeMap<String, Duration>,
    /// The same, for a flow that is not in `fresh_for`.
    pub fresh_for_default: Duration,
    /// Over how many of the newest observations flapping is judged; also how many good ones
    /// in a row end it.
    pub flap_window: usize,
    /// Failures among those that make it flapping.
    pub flap_failures: usize,
    /// Turns between good and bad among those that make it flapping.
    pub flap_turns: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            confirm: 2,
            recover: 2,
            quorum: Quorum::Majority,
            fresh_for: BTreeMap::new(),
            fresh_for_default: Duration::from_secs(15 * 60),
            flap_window: 10,
            flap_failures: 3,
            flap_turns: 4,
        }
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
        /// Start of the first failing run.
        began: Moment,
        /// How bad it is.
        severity: Severity,
        /// The class of the failure that confirmed it; `None` where it is only slow.
        fault: Option<Fault>,
        /// Whether it began inside announced maintenance.
        planned: bool,
    },
    /// It is worse than it was.
    Worsened {
        /// Start of the first run that showed it.
        at: Moment,
        /// How bad it is now.
        severity: Severity,
        /// The class of the failure that confirmed it.
        fault: Option<Fault>,
    },
    /// It is less bad than it was.
    Eased {
        /// Start of the first run that showed it.
        at: Moment,
        /// How bad it is now.
        severity: Severity,
    },
    /// It outlasted the maintenance in which it began: no longer planned.
    Overran {
        /// Start of the first failing run after the maintenance.
        at: Moment,
        /// How bad it is.
        severity: Severity,
    },
    /// It ended.
    Closed {
        /// Start of the first passing run.
        ended: Moment,
        /// Of the span from begin to end, the time in which it did not work at all.
        down: Duration,
    },
}

/// Whether operators are woken for this: never for what is planned, and never inside
/// announced maintenance.
pub fn pages(effect: &Effect, planned: bool, in_maintenance: bool) -> bool {
    if planned || in_maintenance {
        return false;
    }
    match effect {
        Effect::Opened { .. } | Effect::Worsened { .. } | Effect::Overran { .. } => true,
        Effect::Closed { .. } => true,
        Effect::Eased { .. } => false,
    }
}

/// The outage that is open now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// Start of the first failing run.
    pub began: Moment,
    /// How bad it is now.
    pub severity: Severity,
    /// The worst that it has been.
    pub worst: Severity,
    /// Whether it comes and goes.
    pub intermittent: bool,
    /// Whether it began inside announced maintenance and has not outlasted it.
    pub planned: bool,
    /// Since when it has not worked at all, if now it does not.
    pub down_since: Option<Moment>,
    /// Time in which it did not work at all, without the current span.
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

/// A yes/no that turns only after several observations in a row say the opposite.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Steady {
    on: bool,
    /// Start of the run that turned it to what it is.
    turned: Moment,
    /// Observations in a row that say the opposite.
    opposing: u32,
    /// Start of the first of those.
    opposing_since: Moment,
}

impl Steady {
    fn see(&mut self, bad: bool, started: Moment, rules: &Rules) {
        if bad == self.on {
            self.opposing = 0;
            return;
        }
        if self.opposing == 0 {
            self.opposing_since = started;
        }
        self.opposing += 1;
        if self.opposing >= if bad { rules.confirm } else { rules.recover } {
            self.on = bad;
            self.turned = self.opposing_since;
            self.opposing = 0;
        }
    }
}

/// One flow on one engine from one vantage, as heard for one component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Voice {
    flow: String,
    engine: Engine,
    vantage: String,
    /// Start of the newest run, conclusive or not.
    newest: Moment,
    /// End of the newest conclusive run.
    heard: Option<Moment>,
    /// The newest conclusive one was good, or one before it.
    ever_passed: bool,
    /// Why the newest run said nothing, if it said nothing.
    silent: Option<Unseen>,
    slow: Steady,
    failed: Steady,
    flapping: Steady,
    /// Start and badness of the newest conclusive runs, oldest first.
    recent: VecDeque<(Moment, bool)>,
    /// Start of the newest failing run.
    last_failure: Moment,
    last_fault: Option<Fault>,
}

impl Voice {
    fn new(observation: &Observation) -> Self {
        Voice {
            flow: observation.flow.clone(),
            engine: observation.engine,
            vantage: observation.vantage.clone(),
            newest: Moment(i64::MIN),
            heard: None,
            ever_passed: false,
            silent: None,
            slow: Steady::default(),
            failed: Steady::default(),
            flapping: Steady::default(),
            recent: VecDeque::new(),
            last_failure: Moment(i64::MIN),
            last_fault: None,
        }
    }

    fn is(&self, observation: &Observation) -> bool {
        self.flow == observation.flow
            && self.engine == observation.engine
            && self.vantage == observation.vantage
    }

    fn see(&mut self, observation: &Observation, rules: &Rules) {
        let started = observation.started_at;
        self.newest = started;
        let (slow, failed) = match observation.outcome {
            Outcome::Passed => (false, false),
            Outcome::Slow => (true, false),
            Outcome::Failed(fault) => {
                self.last_fault = Some(fault);
                self.last_failure = started;
                (true, true)
            }
            Outcome::NotReached => {
                self.silent = Some(Unseen::NotReached);
                return;
            }
            Outcome::Inconclusive(why) => {
                self.silent = Some(match why {
                    Why::NotConfigured => Unseen::NotConfigured,
                    Why::CutOff => Unseen::CutOff,
                    Why::Ourselves | Why::Stopped | Why::Captcha => Unseen::Ourselves,
                });
                return;
            }
        };
        self.silent = None;
        self.heard = Some(observation.ended_at);
        self.ever_passed |= !failed;
        self.slow.see(slow, started, rules);
        self.failed.see(failed, started, rules);
        self.recent.push_back((started, failed));
        while self.recent.len() > rules.flap_window {
            self.recent.pop_front();
        }
        self.judge_flapping(rules);
    }

    fn judge_flapping(&mut self, rules: &Rules) {
        let failures = self.recent.iter().filter(|(_, bad)| *bad).count();
        let turns = self
            .recent
            .iter()
            .zip(self.recent.iter().skip(1))
            .filter(|(a, b)| a.1 != b.1)
            .count();
        if !self.flapping.on && failures >= rules.flap_failures && turns >= rules.flap_turns {
            self.flapping.on = true;
            if let Some((first, _)) = self.recent.iter().find(|(_, bad)| *bad) {
                self.flapping.turned = *first;
            }
        } else if self.flapping.on && failures == 0 {
            self.flapping.on = false;
            if let Some((first, _)) = self.recent.front() {
                self.flapping.turned = *first;
            }
        }
    }

    fn is_fresh(&self, now: Moment, rules: &Rules) -> bool {
        let fresh_for = rules
            .fresh_for
            .get(&self.flow)
            .copied()
            .unwrap_or(rules.fresh_for_default);
        self.heard
            .is_some_and(|heard| now.since(heard) <= fresh_for)
    }

    fn steady(&self, level: Level) -> &Steady {
        match level {
            Level::Slow => &self.slow,
            Level::Flapping => &self.flapping,
            Level::Failed => &self.failed,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Slow,
    Flapping,
    Failed,
}

/// What the vantages together say of one level.
struct Tally {
    /// Since when each fresh vantage that says yes has said it, sorted.
    yes: Vec<Moment>,
    /// Since when each fresh vantage that says no has said it, sorted.
    no: Vec<Moment>,
    /// Newest failing run of vantages that said yes and fell silent.
    silent_yes: Option<Moment>,
}

/// The detector of one component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    component: ComponentId,
    voices: Vec<Voice>,
    open: Option<Open>,
    last_end: Option<Moment>,
    /// Since when the component has been what it is; `None` before the first observation.
    since: Option<Moment>,
}

impl Watch {
    /// A detector that has heard nothing yet.
    pub fn new(component: ComponentId) -> Self {
        Watch {
            component,
            voices: Vec::new(),
            open: None,
            last_end: None,
            since: None,
        }
    }

    /// The component that it watches.
    pub fn component(&self) -> &ComponentId {
        &self.component
    }

    /// The outage that is open now.
    pub fn open(&self) -> Option<&Open> {
        self.open.as_ref()
    }

    /// The vantages that are failing now, and the newest end of a conclusive run.
    pub fn failing_vantages(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .voices
            .iter()
            .filter(|voice| voice.failed.on || voice.flapping.on || voice.slow.on)
            .map(|voice| voice.vantage.as_str())
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// End of the newest conclusive run.
    pub fn last_heard(&self) -> Option<Moment> {
        self.voices.iter().filter_map(|voice| voice.heard).max()
    }

    /// Takes one observation of this component and says what changed. An observation that
    /// is not newer than the last of the same flow, engine and vantage changes nothing, so
    /// that one delivered twice counts once.
    pub fn see(
        &mut self,
        observation: &Observation,
        maintenance: &[Maintenance],
        rules: &Rules,
    ) -> Vec<Effect> {
        let index = match self.voices.iter().position(|voice| voice.is(observation)) {
            Some(index) => index,
            None => {
                self.voices.push(Voice::new(observation));
                self.voices.len() - 1
            }
        };
        let Some(voice) = self.voices.get_mut(index) else {
            return Vec::new();
        };
        if observation.started_at <= voice.newest {
            return Vec::new();
        }
        voice.see(observation, rules);
        let (conclusive, fault) = match observation.outcome {
            Outcome::Passed | Outcome::Slow => (true, None),
            Outcome::Failed(fault) => (true, Some(fault)),
            Outcome::NotReached | Outcome::Inconclusive(_) => (false, None),
        };
        if !conclusive {
            return Vec::new();
        }
        self.since.get_or_insert(observation.started_at);
        self.judge(observation, fault, maintenance, rules)
    }

    fn judge(
        &mut self,
        observation: &Observation,
        fault: Option<Fault>,
        maintenance: &[Maintenance],
        rules: &Rules,
    ) -> Vec<Effect> {
        let now = observation.ended_at;
        let planned_at = |moment| {
            maintenance
                .iter()
                .any(|window| window.covers(&self.component, moment))
        };
        let was = self.open.clone();
        let failed = self.level(
            Level::Failed,
            was.as_ref().is_some_and(|o| o.down_since.is_some()),
            now,
            rules,
        );
        let flapping = self.level(
            Level::Flapping,
            was.as_ref().is_some_and(|o| o.intermittent),
            now,
            rules,
        );
        let slow = self.level(Level::Slow, was.is_some(), now, rules);

        let Some(mut open) = was else {
            // What is failing is slow too, so `slow` alone tells whether anything is wrong;
            // flapping never lasts long enough in a row to count as slow.
            let severity = match (failed, flapping, slow) {
                (Turn::Yes(_), _, _) => Severity::Down,
                (_, Turn::Yes(_), _) => Severity::Partial,
                (_, _, Turn::Yes(_)) => Severity::Degraded,
                _ => return Vec::new(),
            };
            let began = [failed, flapping, slow]
                .into_iter()
                .filter_map(Turn::yes)
                .min();
            let began = began
                .unwrap_or(observation.started_at)
                .max(self.last_end.unwrap_or(Moment(i64::MIN)));
            let fault = fault
                .or_else(|| self.fault())
                .filter(|_| severity > Severity::Degraded);
            let planned = planned_at(began);
            self.open = Some(Open {
                began,
                severity,
                worst: severity,
                intermittent: severity == Severity::Partial,
                planned,
                down_since: failed.yes().map(|at| at.max(began)),
                down: Duration::ZERO,
            });
            self.since = Some(began);
            return vec![Effect::Opened {
                began,
                severity,
                fault,
                planned,
            }];
        };

        let mut effects = Vec::new();
        match (open.down_since, failed) {
            (None, Turn::Yes(at)) => open.down_since = Some(at.max(open.began)),
            (Some(since), Turn::No(at)) => {
                open.down += at.since(since);
                open.down_since = None;
            }
            _ => {}
        }
        open.intermittent |= matches!(flapping, Turn::Yes(_));

        let over = [failed, flapping, slow]
            .into_iter()
            .all(|turn| matches!(turn, Turn::No(_)));
        if over {
            let ended = [failed, flapping, slow]
                .into_iter()
                .filter_map(Turn::no)
                .max()
                .unwrap_or(observation.started_at)
                .max(open.began);
            effects.push(Effect::Closed {
                ended,
                down: open.down,
            });
            self.open = None;
            self.last_end = Some(ended);
            self.since = Some(ended);
            return effects;
        }

        let severity = if open.down_since.is_some() {
            Severity::Down
        } else if matches!(flapping, Turn::Yes(_)) {
            Severity::Partial
        } else {
            Severity::Degraded
        };
        // One that comes and goes is told once for each degree, not at every turn.
        let told = !open.intermittent || severity > open.worst;
        if severity > open.severity && told {
            let at = failed
                .yes()
                .or(flapping.yes())
                .unwrap_or(observation.started_at);
            effects.push(Effect::Worsened {
                at: at.max(open.began),
                severity,
                fault,
            });
        } else if severity < open.severity && told {
            let at = failed
                .no()
                .unwrap_or(observation.started_at)
                .max(open.began);
            effects.push(Effect::Eased { at, severity });
        }
        open.severity = severity;
        open.worst = open.worst.max(severity);
        if open.planned && fault.is_some() && !planned_at(observation.started_at) {
            open.planned = false;
            effects.push(Effect::Overran {
                at: observation.started_at,
                severity,
            });
        }
        self.open = Some(open);
        effects
    }

    /// Whether the vantages together say yes or no to `level`, and since when.
    fn level(&self, level: Level, was: bool, now: Moment, rules: &Rules) -> Turn {
        let tally = self.tally(level, now, rules);
        let quorum = rules.quorum.of(tally.yes.len() + tally.no.len());
        let yes_since = tally.yes.get(quorum - 1).copied();
        let no_since = tally.no.get(quorum - 1).copied();
        match (was, yes_since, no_since) {
            (_, Some(at), _) => Turn::Yes(at),
            (true, None, Some(at)) => Turn::No(at.max(tally.silent_yes.unwrap_or(at))),
            // Neither side has its quorum: it stays what it was.
            (true, None, None) => Turn::Yes(now),
            (false, None, at) => Turn::No(at.unwrap_or(Moment(i64::MIN))),
        }
    }

    fn tally(&self, level: Level, now: Moment, rules: &Rules) -> Tally {
        let mut vantages: BTreeMap<&str, (bool, Moment)> = BTreeMap::new();
        let mut silent_yes = None;
        for voice in &self.voices {
            let steady = voice.steady(level);
            if !voice.is_fresh(now, rules) {
                if steady.on {
                    silent_yes = silent_yes.max(Some(voice.last_failure));
                }
                continue;
            }
            vantages
                .entry(&voice.vantage)
                .and_modify(|(on, since)| {
                    // A vantage says yes as soon as one of its flows does, and no when the last does.
                    match (*on, steady.on) {
                        (true, true) => *since = (*since).min(steady.turned),
                        (false, false) => *since = (*since).max(steady.turned),
                        (false, true) => (*on, *since) = (true, steady.turned),
                        (true, false) => {}
                    }
                })
                .or_insert((steady.on, steady.turned));
        }
        let pick = |wanted: bool| {
            let mut moments: Vec<Moment> = vantages
                .values()
                .filter(|(on, _)| *on == wanted)
                .map(|(_, since)| *since)
                .collect();
            moments.sort_unstable();
            moments
        };
        Tally {
            yes: pick(true),
            no: pick(false),
            silent_yes,
        }
    }

    fn fault(&self) -> Option<Fault> {
        self.voices
            .iter()
            .filter(|voice| voice.failed.on || voice.flapping.on)
            .max_by_key(|voice| voice.last_failure)
            .and_then(|voice| voice.last_fault)
    }

    /// What is to be said of the component at `now`, and since when it is so.
    pub fn state(
        &self,
        now: Moment,
        maintenance: &[Maintenance],
        rules: &Rules,
    ) -> (State, Option<Moment>) {
        if let Some(window) = maintenance
            .iter()
            .filter(|w| w.covers(&self.component, now))
            .min_by_key(|w| w.from)
        {
            return (State::Maintenance, Some(window.from));
        }
        let fresh: Vec<&Voice> = self
            .voices
            .iter()
            .filter(|voice| voice.is_fresh(now, rules))
            .collect();
        if fresh.is_empty() {
            let newest = self.voices.iter().max_by_key(|voice| voice.newest);
            let why = match newest {
                None => Unseen::NoData,
                Some(voice) => voice.silent.unwrap_or(Unseen::Stale),
            };
            return (State::Unknown(why), self.last_heard());
        }
        match &self.open {
            Some(open) => (State::Trouble(open.severity), Some(open.began)),
            None if fresh.iter().any(|voice| voice.ever_passed) => (State::Operational, self.since),
            None => (State::Unknown(Unseen::Confirming), self.since),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Turn {
    Yes(Moment),
    No(Moment),
}

impl Turn {
    fn yes(self) -> Option<Moment> {
        match self {
            Turn::Yes(at) => Some(at),
            Turn::No(_) => None,
        }
    }
    fn no(self) -> Option<Moment> {
        match self {
            Turn::No(at) => Some(at),
            Turn::Yes(_) => None,
        }
    }
}
