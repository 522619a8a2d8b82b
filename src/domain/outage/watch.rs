//! The detector of one component: weighs what the voices say by vantage and quorum, and
//! opens, changes and closes the one outage that may be open.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::voice::{Level, Voice};
use super::{Effect, Maintenance, Open, Rules, Severity, State, Unseen};
use crate::domain::{ComponentId, Fault, Moment, Observation, Outcome};

/// The detector of one component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    component: ComponentId,
    voices: Vec<Voice>,
    open: Option<Open>,
    last_end: Option<Moment>,
    /// Since when the component has been what it is; `None` before the first observation.
    since: Option<Moment>,
    /// Observations so far.
    #[serde(default)]
    turn: u64,
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

/// What the vantages together decide of one level, and since when.
#[derive(Clone, Copy, Debug)]
enum Turn {
    Yes(Moment),
    No(Moment),
}

/// What is decided of every level.
#[derive(Clone, Copy, Debug)]
struct Turns {
    slow: Turn,
    flapping: Turn,
    failed: Turn,
    failing: Turn,
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
            turn: 0,
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

    /// The vantages that are failing now, sorted.
    pub fn failing_vantages(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .voices
            .iter()
            .filter(|voice| {
                [Level::Slow, Level::Flapping, Level::Failed]
                    .into_iter()
                    .any(|level| voice.steady(level).on)
            })
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
    /// that one delivered twice counts once. Which one is newer is said by their numbers: clocks
    /// are set, forward and back.
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
        let Some(voice) = self.voices.get(index) else {
            return Vec::new();
        };
        if observation.number <= voice.newest_run {
            return Vec::new();
        }
        if observation.ended_at < voice.newest_end {
            self.set_back(&observation.vantage, observation.started_at);
        }
        self.turn += 1;
        let last_end = self.last_end.unwrap_or(Moment(i64::MIN));
        let Some(voice) = self.voices.get_mut(index) else {
            return Vec::new();
        };
        voice.turn = self.turn;
        voice.see(observation, last_end, rules);
        match observation.outcome {
            Outcome::NotReached | Outcome::Inconclusive(_) => return Vec::new(),
            Outcome::Passed | Outcome::Slow | Outcome::Failed(_) => {}
        }
        self.since.get_or_insert(observation.decided_at);
        let planned = maintenance
            .iter()
            .any(|window| window.covers(&self.component, observation.decided_at));
        match self.open.take() {
            None => self
                .may_open(observation, index, planned, rules)
                .into_iter()
                .collect(),
            Some(open) => self.go_on(open, observation, planned, rules),
        }
    }

    /// The clock of a vantage was set back: what it saw and what came of it must not lie behind
    /// `now`, or outages would begin and end in a future that never comes.
    fn set_back(&mut self, vantage: &str, now: Moment) {
        for voice in self.voices.iter_mut().filter(|v| v.vantage == vantage) {
            voice.set_back(now);
        }
        let open = self.open.iter_mut().flat_map(|open| {
            let down_since = open.down_since.iter_mut();
            std::iter::once(&mut open.began).chain(down_since)
        });
        for at in open.chain(&mut self.last_end).chain(&mut self.since) {
            *at = now.min(*at);
        }
    }

    fn may_open(
        &mut self,
        observation: &Observation,
        voice: usize,
        planned: bool,
        rules: &Rules,
    ) -> Option<Effect> {
        let turns = self.turns(None, observation.ended_at, rules);
        // What is failing is slow too, so `slow` alone tells whether anything is wrong;
        // flapping never lasts long enough in a row to count as slow.
        let severity = turns.severity()?;
        let began = [turns.failed, turns.flapping, turns.slow]
            .into_iter()
            .filter_map(Turn::yes)
            .min()
            .unwrap_or(observation.decided_at)
            .max(self.last_end.unwrap_or(Moment(i64::MIN)));
        let fault = self
            .fault(observation)
            .filter(|_| severity > Severity::Degraded);
        let down_since = turns.failing.yes().map(|at| at.max(began));
        let until = down_since.unwrap_or(observation.decided_at);
        self.open = Some(Open {
            began,
            severity,
            worst: severity,
            intermittent: matches!(turns.flapping, Turn::Yes(_)),
            planned,
            down_since,
            down: self
                .voices
                .get(voice)
                .map_or(Duration::ZERO, |voice| voice.failing_within(began, until)),
        });
        self.since = Some(began);
        Some(Effect::Opened {
            began,
            severity,
            fault,
            planned,
        })
    }

    fn go_on(
        &mut self,
        mut open: Open,
        observation: &Observation,
        planned: bool,
        rules: &Rules,
    ) -> Vec<Effect> {
        let turns = self.turns(Some(&open), observation.ended_at, rules);
        match (open.down_since, turns.failing) {
            (None, Turn::Yes(at)) => open.down_since = Some(at.max(open.began)),
            (Some(since), Turn::No(at)) => {
                open.down += at.since(since);
                open.down_since = None;
            }
            _ => {}
        }
        open.intermittent |= matches!(turns.flapping, Turn::Yes(_));

        let Some(severity) = turns.severity() else {
            let ended = turns.over().max(open.began);
            if let Some(since) = open.down_since {
                open.down += ended.since(since);
            }
            self.last_end = Some(ended);
            self.since = Some(ended);
            return vec![Effect::Closed {
                ended,
                down: open.down.min(ended.since(open.began)),
            }];
        };

        let mut effects = Vec::new();
        // One that comes and goes is told once for each degree, not at every turn.
        let told = !open.intermittent || severity > open.worst;
        if severity > open.severity && told {
            let at = (turns.failed.yes())
                .or(turns.flapping.yes())
                .unwrap_or(observation.decided_at);
            effects.push(Effect::Worsened {
                at: at.max(open.began),
                severity,
                fault: self.fault(observation),
            });
        } else if severity < open.severity && told {
            let at = turns.failed.no().unwrap_or(observation.decided_at);
            effects.push(Effect::Eased {
                at: at.max(open.began),
                severity,
            });
        }
        open.severity = severity;
        open.worst = open.worst.max(severity);
        if open.planned && !planned && observation.outcome != Outcome::Passed {
            open.planned = false;
            effects.push(Effect::Overran {
                at: observation.decided_at.max(open.began),
                severity,
            });
        }
        self.open = Some(open);
        effects
    }

    /// What is decided of every level, where `open` is what was decided before.
    fn turns(&self, open: Option<&Open>, now: Moment, rules: &Rules) -> Turns {
        let was = |on: fn(&Open) -> bool| open.is_some_and(on);
        Turns {
            slow: self.level(Level::Slow, open.is_some(), now, rules),
            flapping: self.level(Level::Flapping, was(|o| o.intermittent), now, rules),
            failed: self.level(
                Level::Failed,
                was(|o| o.severity == Severity::Down),
                now,
                rules,
            ),
            failing: self.level(Level::Failing, was(|o| o.down_since.is_some()), now, rules),
        }
    }

    /// Whether the vantages together say yes or no to `level`, and since when.
    fn level(&self, level: Level, was: bool, now: Moment, rules: &Rules) -> Turn {
        let tally = self.tally(level, was, now, rules);
        let reporting = tally.yes.len() + tally.no.len();
        let quorum = rules.quorum.of(reporting);
        if let Some(at) = tally.yes.get(quorum - 1) {
            return Turn::Yes(*at);
        }
        if !was {
            return Turn::No(Moment(i64::MIN));
        }
        // It ends when as many say no as are needed, and too few are left that say yes.
        let needed = quorum.max((reporting + 1).saturating_sub(quorum));
        match tally.no.get(needed - 1).copied() {
            None => Turn::Yes(now),
            Some(at) => Turn::No(match tally.silent_yes {
                Some(silent) if silent >= at => self.worked_after(silent, now, rules),
                _ => at,
            }),
        }
    }

    /// Deciding moment of the first run after `moment` that worked, of those that are fresh.
    fn worked_after(&self, moment: Moment, now: Moment, rules: &Rules) -> Moment {
        self.voices
            .iter()
            .filter(|voice| voice.is_fresh(now, rules))
            .filter_map(|voice| voice.worked_after(moment))
            .min()
            .unwrap_or(moment)
    }

    fn tally(&self, level: Level, was: bool, now: Moment, rules: &Rules) -> Tally {
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
            if was && !steady.on && !voice.may_end(rules) {
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

    /// The fault of this observation, or else the newest of a voice that is failing.
    fn fault(&self, observation: &Observation) -> Option<Fault> {
        if let Outcome::Failed(fault) = observation.outcome {
            return Some(fault);
        }
        self.voices
            .iter()
            .filter(|voice| voice.steady(Level::Failed).on || voice.steady(Level::Flapping).on)
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
        let speaking = || self.voices.iter().filter(|voice| voice.speaks(now, rules));
        if speaking().next().is_none() {
            let newest = self.voices.iter().max_by_key(|voice| voice.turn);
            let why = match newest {
                None => Unseen::NoData,
                Some(voice) => voice.silent.unwrap_or(Unseen::Stale),
            };
            return (State::Unknown(why), self.last_heard());
        }
        match &self.open {
            Some(open) => (State::Trouble(open.severity), Some(open.began)),
            None if speaking().any(|voice| voice.works(now, rules)) => {
                (State::Operational, self.since)
            }
            None => (State::Unknown(Unseen::Confirming), self.since),
        }
    }
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

impl Turns {
    /// How bad it is; `None` where nothing is wrong.
    fn severity(self) -> Option<Severity> {
        match (self.failed, self.flapping, self.slow) {
            (Turn::Yes(_), _, _) => Some(Severity::Down),
            (_, Turn::Yes(_), _) => Some(Severity::Partial),
            (_, _, Turn::Yes(_)) => Some(Severity::Degraded),
            _ => None,
        }
    }

    /// Since when nothing is wrong, where nothing is.
    fn over(self) -> Moment {
        [self.failed, self.flapping, self.slow]
            .into_iter()
            .filter_map(Turn::no)
            .max()
            .unwrap_or(Moment(i64::MIN))
    }
}
