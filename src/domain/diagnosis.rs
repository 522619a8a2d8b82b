//! Differential diagnosis: what failed, by what fails. The same flow runs over plain HTTP
//! and in a real browser; which of the two fails, and at which step, tells the page in the
//! browser from the server behind it, and both from the network in between.
//!
//! A pure rule over runs. It rather says "cannot be told" than what the runs do not show.

mod cause;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::run::{AssetKind, FrontEnd};
use super::{Engine, Fault, Moment, Outcome};

pub use cause::Cause;

/// So many failures in a row are no slip, where the same engine passed just before.
const IN_A_ROW: usize = 2;

/// What one run of one flow saw of the component.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sight {
    /// When the run started.
    pub started_at: Moment,
    /// The flow's key.
    pub flow: String,
    /// The place it ran from.
    pub vantage: String,
    /// What ran it.
    pub engine: Engine,
    /// What it found; what says nothing of the site is left out of account.
    pub outcome: Outcome,
    /// The key of the step that failed; empty where none did.
    pub step: String,
    /// What the browser saw of the page's own front end, at the step that failed.
    pub front_end: Option<FrontEnd>,
}

/// Where the fault lies, as far as it can be told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Diagnosis {
    /// The server answers plain requests; the page itself fails in a browser.
    FrontEnd {
        /// The step that fails.
        step: String,
        /// What stops the page, where the browser saw it.
        cause: Option<Cause>,
    },
    /// A plain request and a real browser fail alike at this step.
    Server {
        /// The step that fails.
        step: String,
    },
    /// Nothing that fails gets as far as the server.
    Network {
        /// How far it gets.
        layer: Layer,
    },
    /// A plain request fails where a real browser passes: requests without a browser are
    /// turned away, or need what only a script gives.
    PlainRefused {
        /// The step that fails.
        step: String,
    },
    /// One engine fails, and there is no fresh run of the other one to hold against it.
    OneEngine {
        /// The engine that fails.
        engine: Engine,
        /// The step that fails.
        step: String,
    },
    /// The runs do not agree on anything that names a place.
    Unclear {
        /// Why not.
        why: Unclear,
    },
}

/// How far a connection gets: what the site's name, its port, its certificate are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// The name does not resolve.
    Dns,
    /// No connection, or it breaks.
    Connect,
    /// The connection is not secure.
    Tls,
}

/// Why it cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unclear {
    /// A captcha stands in our way, and perhaps in nobody else's.
    Captcha,
    /// Both engines fail, each at another step.
    OtherSteps,
    /// One engine fails, and the other one at times.
    AtTimes,
    /// What they meet does not fit together.
    Disagree,
}

impl Layer {
    /// The layer of a failure below HTTP.
    fn of(fault: Fault) -> Option<Self> {
        match fault {
            Fault::Dns => Some(Layer::Dns),
            Fault::Connect => Some(Layer::Connect),
            Fault::Tls => Some(Layer::Tls),
            _ => None,
        }
    }

    /// The name used in JSON and as a key of texts.
    pub fn as_str(self) -> &'static str {
        match self {
            Layer::Dns => "dns",
            Layer::Connect => "connect",
            Layer::Tls => "tls",
        }
    }
}

impl Diagnosis {
    /// The name used in JSON.
    pub fn as_str(&self) -> &'static str {
        match self {
            Diagnosis::FrontEnd { .. } => "front_end",
            Diagnosis::Server { .. } => "server",
            Diagnosis::Network { .. } => "network",
            Diagnosis::PlainRefused { .. } => "plain_refused",
            Diagnosis::OneEngine { .. } => "one_engine",
            Diagnosis::Unclear { .. } => "unclear",
        }
    }

    /// What history knows the step by that fails, where it is of one.
    pub fn step(&self) -> Option<&str> {
        match self {
            Diagnosis::FrontEnd { step, .. }
            | Diagnosis::Server { step }
            | Diagnosis::PlainRefused { step }
            | Diagnosis::OneEngine { step, .. } => Some(step),
            Diagnosis::Network { .. } | Diagnosis::Unclear { .. } => None,
        }
    }

    /// The same of a step that history knows by another key by now.
    #[must_use]
    pub fn with_step(mut self, key: &str) -> Self {
        match &mut self {
            Diagnosis::FrontEnd { step, .. }
            | Diagnosis::Server { step }
            | Diagnosis::PlainRefused { step }
            | Diagnosis::OneEngine { step, .. } => key.clone_into(step),
            Diagnosis::Network { .. } | Diagnosis::Unclear { .. } => {}
        }
        self
    }

    /// What stops the page in the browser, where that is known.
    pub fn cause(&self) -> Option<&Cause> {
        match self {
            Diagnosis::FrontEnd { cause, .. } => cause.as_ref(),
            _ => None,
        }
    }

    /// Whether it names a place.
    pub fn is_told(&self) -> bool {
        !matches!(
            self,
            Diagnosis::OneEngine { .. } | Diagnosis::Unclear { .. }
        )
    }

    /// Whether it is the want of runs to hold against each other rather than a finding.
    fn is_weak(&self) -> bool {
        matches!(
            self,
            Diagnosis::OneEngine { .. }
                | Diagnosis::Unclear {
                    why: Unclear::AtTimes
                }
        )
    }

    /// Whether it says the same to whoever reads it: not each run's own wording of it.
    fn is_like(&self, other: &Diagnosis) -> bool {
        match (self, other) {
            (
                Diagnosis::FrontEnd { step: a, cause: x },
                Diagnosis::FrontEnd { step: b, cause: y },
            ) => {
                a == b
                    && match (x, y) {
                        (Some(Cause::MissingAsset(x)), Some(Cause::MissingAsset(y))) => {
                            x.path == y.path
                        }
                        (Some(Cause::ScriptError(_)), Some(Cause::ScriptError(_)))
                        | (None, None) => true,
                        _ => false,
                    }
            }
            _ => self == other,
        }
    }

    /// Whether a failure that only this engine is known to meet speaks against it.
    fn is_refuted_by(&self, failing: Engine) -> bool {
        match self {
            Diagnosis::FrontEnd { .. } => failing == Engine::Http,
            Diagnosis::PlainRefused { .. } => failing == Engine::Browser,
            Diagnosis::Server { .. } => false,
            Diagnosis::Network { .. } | Diagnosis::OneEngine { .. } | Diagnosis::Unclear { .. } => {
                true
            }
        }
    }
}

/// What is to be said of an outage of which `before` was said, now that `found` is what the
/// runs show; `None` where there is nothing new to say. A place that was found stays found
/// until runs contradict it: that no fresh run confirms it any more is no contradiction.
pub fn next(before: Option<&Diagnosis>, found: Option<Diagnosis>) -> Option<Diagnosis> {
    let found = found?;
    let Some(before) = before else {
        return Some(found);
    };
    if found.is_like(before) {
        return None;
    }
    if let (
        Diagnosis::FrontEnd {
            step,
            cause: Some(_),
        },
        Diagnosis::FrontEnd {
            step: now,
            cause: None,
        },
    ) = (before, &found)
        && step == now
    {
        return None;
    }
    match &found {
        Diagnosis::OneEngine { engine, .. } if before.is_told() => {
            before.is_refuted_by(*engine).then_some(found)
        }
        // That both fail is what it says already.
        Diagnosis::Unclear {
            why: Unclear::OtherSteps,
        } if matches!(before, Diagnosis::Server { .. }) => None,
        _ if found.is_weak() && before.is_told() => None,
        _ => Some(found),
    }
}

/// Where the fault lies, by what was seen of one component, in any order, as of `now`.
/// `fresh_for` tells how long a run of a flow on an engine speaks for the site. `None` where
/// nothing fails.
///
/// Runs are held against each other only where flow and vantage are the same, and a pass
/// against a failure only where it is of the same time: it started no earlier than the
/// failures in a row began, is near their newest, and no failure of its own engine is.
///
/// `elsewhere` are whole runs over plain HTTP of the same flows. Where these have no step of the
/// component at all, and a script that is missing or breaks stops the browser, their passes show
/// that the server is well.
pub fn diagnose(
    sights: &[Sight],
    elsewhere: &[Sight],
    now: Moment,
    fresh_for: impl Fn(&str, Engine) -> Duration,
) -> Option<Diagnosis> {
    let mut pairs: BTreeMap<(&str, &str), Vec<&Sight>> = BTreeMap::new();
    for sight in sights {
        if matches!(
            sight.outcome,
            Outcome::Passed | Outcome::Slow | Outcome::Failed(_)
        ) && sight.started_at <= now
        {
            let key = (sight.flow.as_str(), sight.vantage.as_str());
            pairs.entry(key).or_default().push(sight);
        }
    }
    // Newest verdict last, so that of several alike the newest is given.
    let mut verdicts: Vec<(Moment, Diagnosis)> = Vec::new();
    for ((flow, vantage), mut seen) in pairs {
        let beside = elsewhere
            .iter()
            .filter(|run| run.flow == flow && run.vantage == vantage);
        let beside: Vec<&Sight> = beside.collect();
        seen.sort_unstable();
        let limits = Limits {
            http: fresh_for(flow, Engine::Http),
            browser: fresh_for(flow, Engine::Browser),
        };
        verdicts.extend(of_pair(&seen, &beside, now, limits));
    }
    verdicts.sort_unstable();
    together(&verdicts)
}

/// The flows whose runs over plain HTTP have no step of the component, and which are to be asked
/// for as a whole: those that a script stops in the browser.
pub fn asks_elsewhere(sights: &[Sight]) -> BTreeSet<String> {
    let plain: BTreeSet<&str> = (sights.iter())
        .filter(|sight| sight.engine == Engine::Http)
        .map(|sight| sight.flow.as_str())
        .collect();
    let stopped = sights.iter().filter(|sight| {
        fault(sight).is_some_and(|met| is_stopped(sight, met))
            && !plain.contains(sight.flow.as_str())
    });
    stopped.map(|sight| sight.flow.clone()).collect()
}

/// How long a run speaks for the site.
#[derive(Clone, Copy)]
struct Limits {
    http: Duration,
    browser: Duration,
}

impl Limits {
    fn of(self, engine: Engine) -> Duration {
        match engine {
            Engine::Http => self.http,
            Engine::Browser => self.browser,
        }
    }
}

/// What the runs of one flow from one vantage show, sorted by time.
fn of_pair(
    seen: &[&Sight],
    beside: &[&Sight],
    now: Moment,
    limits: Limits,
) -> Option<(Moment, Diagnosis)> {
    let failing = |engine: Engine| {
        let newest = seen.iter().rev().find(|sight| sight.engine == engine)?;
        let fresh = now.since(newest.started_at) <= limits.of(engine);
        Some((*newest, fault(newest)?)).filter(|_| fresh)
    };
    // The browser runs more rarely: what it met is what the others are held against.
    let (anchor, met, other) = match (failing(Engine::Browser), failing(Engine::Http)) {
        (Some((browser, met)), _) => (browser, met, Engine::Http),
        (None, Some((http, met))) => (http, met, Engine::Browser),
        (None, None) => return None,
    };
    let since = streak(seen, anchor).1;
    let others: Vec<&Sight> = seen
        .iter()
        .copied()
        .filter(|sight| sight.engine == other)
        .collect();
    // Of before the failures began, only a failure that no pass had ended by then counts.
    let before = others.partition_point(|sight| sight.started_at < since);
    let carried = others.get(..before).and_then(<[_]>::last);
    let of_the_time = others.get(before..).unwrap_or_default().iter();
    let newest = failing(other);
    let near = |sight: &&&Sight| {
        apart(sight, anchor) <= limits.of(other)
            || newest.is_some_and(|(newest, _)| newest == **sight)
    };
    let (failed, passed): (Vec<&Sight>, Vec<&Sight>) = carried
        .filter(|sight| fault(sight).is_some())
        .into_iter()
        .chain(of_the_time)
        .filter(near)
        .partition(|sight| fault(sight).is_some());
    let nearest = failed
        .iter()
        .min_by_key(|sight| (apart(sight, anchor), std::cmp::Reverse(**sight)))
        .and_then(|sight| Some((*sight, fault(sight)?)));
    let diagnosis = match (nearest, newest) {
        (None, _) if passed.is_empty() => {
            let is_well = || {
                let of_the_time = beside.iter().filter(|run| {
                    run.started_at >= since
                        && run.started_at <= now
                        && apart(run, anchor) <= limits.http
                });
                let nearest = of_the_time.min_by_key(|run| apart(run, anchor));
                nearest.is_some_and(|run| matches!(run.outcome, Outcome::Passed | Outcome::Slow))
            };
            match others.is_empty() && is_stopped(anchor, met) && is_well() {
                true => only(anchor, met),
                false => alone(anchor, met),
            }
        }
        (None, _) => only(anchor, met),
        (Some((failed, fault)), _) if passed.is_empty() => both(anchor, met, failed, fault),
        (Some(_), Some((newest, fault))) if streak(seen, newest).0 >= IN_A_ROW => {
            both(anchor, met, newest, fault)
        }
        _ => Diagnosis::Unclear {
            why: Unclear::AtTimes,
        },
    };
    // What fails by now gets further than the network.
    let is_beyond = newest.is_some_and(|(_, fault)| Layer::of(fault).is_none());
    let diagnosis = match diagnosis {
        Diagnosis::Network { .. } if is_beyond => Diagnosis::Unclear {
            why: Unclear::Disagree,
        },
        diagnosis => diagnosis,
    };
    Some((anchor.started_at, diagnosis))
}

fn fault(sight: &Sight) -> Option<Fault> {
    match sight.outcome {
        Outcome::Failed(fault) => Some(fault),
        _ => None,
    }
}

fn apart(a: &Sight, b: &Sight) -> Duration {
    a.started_at.abs_diff(b.started_at)
}

/// How many failures in a row end with `last`, and the start of the first of them.
fn streak(seen: &[&Sight], last: &Sight) -> (usize, Moment) {
    seen.iter()
        .rev()
        .filter(|sight| sight.engine == last.engine)
        .take_while(|sight| fault(sight).is_some())
        .fold((0, last.started_at), |(count, _), sight| {
            (count + 1, sight.started_at)
        })
}

/// Both engines fail.
fn both(one: &Sight, a: Fault, other: &Sight, b: Fault) -> Diagnosis {
    match (Layer::of(a), Layer::of(b)) {
        // The lower layer is what is missing to both.
        (Some(a), Some(b)) => Diagnosis::Network { layer: a.min(b) },
        (None, None) if a == Fault::Captcha || b == Fault::Captcha => Diagnosis::Unclear {
            why: Unclear::Captcha,
        },
        (None, None) if one.step != other.step => Diagnosis::Unclear {
            why: Unclear::OtherSteps,
        },
        (None, None) => Diagnosis::Server {
            step: one.step.clone(),
        },
        _ => Diagnosis::Unclear {
            why: Unclear::Disagree,
        },
    }
}

/// One engine fails, and the other one passes at the same time.
fn only(failing: &Sight, met: Fault) -> Diagnosis {
    let step = failing.step.clone();
    match (failing.engine, met) {
        (Engine::Browser, Fault::Script | Fault::Content | Fault::Timeout) => Diagnosis::FrontEnd {
            step,
            cause: failing.front_end.as_ref().and_then(cause),
        },
        (
            Engine::Http,
            Fault::Status
            | Fault::ErrorPage
            | Fault::Content
            | Fault::Captcha
            | Fault::SessionLost
            | Fault::Timeout,
        ) => Diagnosis::PlainRefused { step },
        (Engine::Browser, Fault::Captcha) => Diagnosis::Unclear {
            why: Unclear::Captcha,
        },
        // An error page, a lost session, a broken connection that only one of them meets is
        // chance as likely as anything: the server has several faces, or fails at times.
        _ => Diagnosis::Unclear {
            why: Unclear::Disagree,
        },
    }
}

/// Whether what stops the browser is a part of the page that is missing or breaks.
fn is_stopped(failing: &Sight, met: Fault) -> bool {
    let cause = failing.front_end.as_ref().and_then(cause);
    failing.engine == Engine::Browser && met == Fault::Script && cause.is_some()
}

/// One engine fails, and nothing is known of the other.
fn alone(failing: &Sight, met: Fault) -> Diagnosis {
    match Layer::of(met) {
        Some(layer) => Diagnosis::Network { layer },
        None => Diagnosis::OneEngine {
            engine: failing.engine,
            step: failing.step.clone(),
        },
    }
}

/// What stops the page, of all that the browser saw: a script that is missing takes others
/// down with it, and a style that is missing stops nothing.
fn cause(seen: &FrontEnd) -> Option<Cause> {
    let asset = seen.asset.clone().map(Cause::MissingAsset);
    let error = seen.error.clone().map(Cause::ScriptError);
    let asset_first = seen
        .asset
        .as_ref()
        .is_some_and(|asset| asset.kind == AssetKind::Script);
    if asset_first {
        asset.or(error)
    } else {
        error.or(asset)
    }
}

/// What several flows and vantages show together: what one engine alone shows counts for
/// what others know better, unless it contradicts them.
fn together(verdicts: &[(Moment, Diagnosis)]) -> Option<Diagnosis> {
    let of_one_engine = |diagnosis: &Diagnosis| match diagnosis {
        Diagnosis::OneEngine { engine, .. } => Some(*engine),
        _ => None,
    };
    let alone: BTreeSet<Engine> = verdicts
        .iter()
        .filter_map(|(_, diagnosis)| of_one_engine(diagnosis))
        .collect();
    let rest: Vec<&Diagnosis> = verdicts
        .iter()
        .map(|(_, diagnosis)| diagnosis)
        .filter(|diagnosis| !diagnosis.is_weak())
        .collect();
    let disagree = Diagnosis::Unclear {
        why: Unclear::Disagree,
    };
    let Some(newest) = rest.last() else {
        // Different flows fail on different engines: nothing can be held against anything.
        return match alone.len() {
            0 | 1 => verdicts.last().map(|(_, diagnosis)| diagnosis.clone()),
            _ => Some(Diagnosis::Unclear {
                why: Unclear::OtherSteps,
            }),
        };
    };
    // The network is it only where everything that fails says so.
    let says_else = matches!(newest, Diagnosis::Network { .. }) && verdicts.len() > rest.len();
    let agree = rest.iter().all(|one| one.as_str() == newest.as_str())
        && !says_else
        && !alone.iter().any(|engine| newest.is_refuted_by(*engine));
    if !agree {
        return Some(disagree);
    }
    Some(match newest {
        Diagnosis::Network { .. } => rest.iter().min().map_or(disagree, |one| (*one).clone()),
        Diagnosis::FrontEnd { cause: None, .. } => {
            let named = |one: &&&Diagnosis| matches!(one, Diagnosis::FrontEnd { cause, .. } if cause.is_some());
            rest.iter()
                .rev()
                .find(named)
                .map_or_else(|| (*newest).clone(), |one| (*one).clone())
        }
        _ => (*newest).clone(),
    })
}
