//! One flow on one engine from one vantage, as heard for one component: what its newest
//! runs say, steadied against single slips. It knows nothing of other voices.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Rules, Unseen};
use crate::domain::{Engine, Fault, Moment, Observation, Outcome, RunNumber, Why};

/// A yes/no that turns only after several observations in a row say the opposite.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Steady {
    pub(super) on: bool,
    /// Start of the step that turned it to what it is.
    pub(super) turned: Moment,
    /// Observations in a row that say the opposite.
    opposing: u32,
    /// Deciding moment of the first of those.
    opposing_since: Moment,
}

impl Steady {
    /// Hears one observation, decided at this moment; `confirm` and `recover` of them in a row turn it.
    fn see(&mut self, bad: bool, decided: Moment, confirm: u32, recover: u32) {
        if bad == self.on {
            self.opposing = 0;
            return;
        }
        if self.opposing == 0 {
            self.opposing_since = decided;
        }
        self.opposing += 1;
        if self.opposing >= if bad { confirm } else { recover } {
            self.on = bad;
            self.turned = self.opposing_since;
            self.opposing = 0;
        }
    }
}

/// What is asked of a voice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// Slow or failing, confirmed.
    Slow,
    /// Failing now and then.
    Flapping,
    /// Failing, confirmed.
    Failed,
    /// Failing in the newest run, confirmed or not.
    Failing,
}

/// One flow on one engine from one vantage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Voice {
    flow: String,
    engine: Engine,
    pub(super) vantage: String,
    /// The newest run, conclusive or not.
    #[serde(default)]
    pub(super) newest_run: RunNumber,
    /// Which of all observations of the component that was.
    #[serde(default)]
    pub(super) turn: u64,
    /// End of the newest run, conclusive or not.
    #[serde(default)]
    pub(super) newest_end: Moment,
    /// End of the newest conclusive run.
    pub(super) heard: Option<Moment>,
    /// End of the newest run that worked.
    worked: Option<Moment>,
    /// Why the newest run said nothing, if it said nothing.
    pub(super) silent: Option<Unseen>,
    /// Runs in a row that said nothing.
    unheard: u32,
    slow: Steady,
    flapping: Steady,
    failed: Steady,
    failing: Steady,
    /// Deciding moment and badness of the newest conclusive runs, oldest first.
    recent: VecDeque<(Moment, bool)>,
    /// Conclusive runs in all, up to what is needed to be sure of a recovery.
    runs: u32,
    /// Deciding moment of the newest failing run.
    pub(super) last_failure: Moment,
    pub(super) last_fault: Option<Fault>,
}

impl Voice {
    pub(super) fn new(observation: &Observation) -> Self {
        Voice {
            flow: observation.flow.clone(),
            engine: observation.engine,
            vantage: observation.vantage.clone(),
            newest_run: RunNumber(i64::MIN),
            turn: 0,
            newest_end: Moment(i64::MIN),
            heard: None,
            worked: None,
            silent: None,
            unheard: 0,
            slow: Steady::default(),
            flapping: Steady::default(),
            failed: Steady::default(),
            failing: Steady::default(),
            recent: VecDeque::new(),
            runs: 0,
            last_failure: Moment(i64::MIN),
            last_fault: None,
        }
    }

    pub(super) fn is(&self, observation: &Observation) -> bool {
        self.flow == observation.flow
            && self.engine == observation.engine
            && self.vantage == observation.vantage
    }

    /// Hears one run. Runs before `last_end`, the end of the last outage, belong to that
    /// one: no later outage begins with them.
    pub(super) fn see(&mut self, observation: &Observation, last_end: Moment, rules: &Rules) {
        let decided = observation.decided_at;
        self.newest_run = observation.number;
        self.newest_end = observation.ended_at;
        let (slow, failed) = match observation.outcome {
            Outcome::Passed => (false, false),
            Outcome::Slow => (true, false),
            Outcome::Failed(fault) => {
                self.last_fault = Some(fault);
                self.last_failure = decided;
                (true, true)
            }
            Outcome::NotReached => {
                self.silent = Some(Unseen::NotReached);
                self.unheard = self.unheard.saturating_add(1);
                return;
            }
            Outcome::Inconclusive(why) => {
                self.silent = Some(match why {
                    Why::NotConfigured => Unseen::NotConfigured,
                    Why::CutOff => Unseen::CutOff,
                    Why::Blocked => Unseen::Blocked,
                    Why::Ourselves | Why::Stopped => Unseen::Ourselves,
                });
                self.unheard = self.unheard.saturating_add(1);
                return;
            }
        };
        self.silent = None;
        self.unheard = 0;
        self.heard = Some(observation.ended_at);
        if !failed {
            self.worked = Some(observation.ended_at);
        }
        self.slow.see(slow, decided, rules.confirm, rules.recover);
        self.failed
            .see(failed, decided, rules.confirm, rules.recover);
        self.failing.see(failed, decided, 1, 1);
        self.runs = self.runs.saturating_add(1).min(rules.recover);
        self.recent.push_back((decided, failed));
        while self.recent.len() > rules.flap_window.max(rules.flap_calm) {
            self.recent.pop_front();
        }
        if !self.flapping.on && failed {
            self.may_flap(decided, last_end, rules);
        } else if self.flapping.on && !failed {
            self.may_be_calm(rules);
        }
    }

    /// The clock of its vantage was set back: nothing that was seen before may lie behind `now`.
    pub(super) fn set_back(&mut self, now: Moment) {
        let Voice {
            newest_end,
            heard,
            worked,
            slow,
            flapping,
            failed,
            failing,
            recent,
            last_failure,
            ..
        } = self;
        let steady = [slow, flapping, failed, failing];
        let steady = steady
            .into_iter()
            .flat_map(|steady| [&mut steady.turned, &mut steady.opposing_since]);
        let recent = recent.iter_mut().map(|(at, _)| at);
        let single = [newest_end, last_failure].into_iter();
        for at in (single.chain(heard).chain(worked).chain(steady)).chain(recent) {
            *at = now.min(*at);
        }
    }

    fn may_flap(&mut self, decided: Moment, last_end: Moment, rules: &Rules) {
        let outside = self.recent.len().saturating_sub(rules.flap_window);
        let judged = || self.recent.iter().skip(outside);
        let failures = judged().filter(|(_, bad)| *bad).count();
        let turns = judged().zip(judged().skip(1)).filter(|(a, b)| a.1 != b.1);
        if failures < rules.flap_failures || turns.count() < rules.flap_turns {
            return;
        }
        let first = judged().find(|(start, bad)| *bad && *start >= last_end);
        self.flapping.turned = first.map_or(decided, |(start, _)| *start);
        self.flapping.on = true;
    }

    fn may_be_calm(&mut self, rules: &Rules) {
        let good = self.recent.iter().rev().take_while(|(_, bad)| !*bad);
        if let Some((first, _)) = good.take(rules.flap_calm).nth(rules.flap_calm.max(1) - 1) {
            self.flapping.turned = *first;
            self.flapping.on = false;
        }
    }

    /// Time from failing runs to the next ones, of those between `from` and `until`.
    pub(super) fn failing_within(&self, from: Moment, until: Moment) -> Duration {
        self.recent
            .iter()
            .zip(self.recent.iter().skip(1))
            .filter(|((start, bad), (next, _))| *bad && *start >= from && *next <= until)
            .map(|((start, _), (next, _))| next.since(*start))
            .sum()
    }

    /// Deciding moment of the first run after `moment` that worked, among the newest.
    pub(super) fn worked_after(&self, moment: Moment) -> Option<Moment> {
        self.recent
            .iter()
            .find(|(start, bad)| !*bad && *start > moment)
            .map(|(start, _)| *start)
    }

    /// Whether it has been heard often enough that its word may end an outage.
    pub(super) fn may_end(&self, rules: &Rules) -> bool {
        self.runs >= rules.recover
    }

    pub(super) fn is_fresh(&self, now: Moment, rules: &Rules) -> bool {
        self.is_within(self.heard, now, rules)
    }

    /// Whether it speaks for the component now: what it said is fresh, and the runs since
    /// have not kept silent as often as confirms a failure.
    pub(super) fn speaks(&self, now: Moment, rules: &Rules) -> bool {
        self.is_fresh(now, rules) && self.unheard < rules.confirm
    }

    /// Whether a run that worked is fresh.
    pub(super) fn works(&self, now: Moment, rules: &Rules) -> bool {
        self.is_within(self.worked, now, rules)
    }

    fn is_within(&self, moment: Option<Moment>, now: Moment, rules: &Rules) -> bool {
        let fresh_for = rules
            .fresh_for
            .get(&(self.flow.clone(), self.engine))
            .copied()
            .unwrap_or(rules.fresh_for_default);
        // What lies far in the future was written by a clock that has been set back since.
        moment.is_some_and(|at| now.since(at) <= fresh_for && at.since(now) <= fresh_for)
    }

    pub(super) fn steady(&self, level: Level) -> &Steady {
        match level {
            Level::Slow => &self.slow,
            Level::Flapping => &self.flapping,
            Level::Failed => &self.failed,
            Level::Failing => &self.failing,
        }
    }
}
