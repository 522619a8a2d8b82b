//! From what runs observed to outages: reads the detectors, lets them judge, and writes
//! the run, the outages, their timelines and the alerts in one transaction.
//!
//! It knows the rules and the store; not who probed, nor who sends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::domain::blocked::{BlockedAlert, BlockedChange, BlockedFlow};
use crate::domain::diagnosis::{self, Diagnosis};
pub use crate::domain::history::Alert;
use crate::domain::history::{Outage, Update, date_of};
use crate::domain::names::FlowNames;
use crate::domain::outage::{self, Effect, Maintenance, Rules, Watch};
use crate::domain::run::StepReport;
use crate::domain::{
    Clock, ComponentId, Moment, Outcome, Random, RunNumber, RunReport, Why, random,
};
use crate::store::{self, Conn, Store, monitor, names, outages, outbox, runs, vantages};

/// Judges runs, one transaction at a time.
#[derive(Clone)]
pub struct Detector {
    store: Store,
    rules: Arc<Rules>,
    zone: TimeZone,
    /// Where alerts go: keys of the configured targets.
    targets: Arc<[String]>,
    quiet: bool,
    /// How long a flow is blocked before operators are told.
    blocked_alert_after: Duration,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

/// What came of runs, once they are recorded.
#[derive(Default)]
struct Judged {
    turns: Vec<Turn>,
    blocked: Vec<BlockedAlert>,
    is_overtaken: bool,
}

/// What became of runs that are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Another start of their vantage came after the one that they belong to, so that their numbers
    /// count for less than its.
    pub is_overtaken: bool,
}

/// An outage as it stood after an effect.
struct Turn {
    outage: Outage,
    effect: Effect,
}

/// How long a flow is blocked before operators are told, where nothing else is configured.
pub const BLOCKED_ALERT_AFTER: Duration = Duration::from_secs(15 * 60);

/// The most entries on where the fault lies in one timeline: what keeps changing its face
/// says nothing more by the next change.
const MOST_DIAGNOSES: usize = 6;
/// The most runs that a diagnosis looks at.
const MOST_SIGHTS: i64 = 1_000;

/// Why the gap of a vantage that is cut off was opened, in the database's words.
pub const CUT_OFF: &str = "cut_off";
/// Why the gap of a monitor that did not run was written, in the database's words.
pub const STOPPED: &str = "stopped";
/// The same of a machine that slept, or of a process that was stopped and went on.
pub const ASLEEP: &str = "asleep";
/// The same of times that a clock showed which was set: nobody knows what they were.
pub const CLOCK: &str = "clock";

impl Detector {
    /// A detector over `store`. Days are counted in `zone`; alerts go to `targets`.
    pub fn new(
        store: Store,
        rules: Rules,
        zone: TimeZone,
        targets: Vec<String>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Detector {
            store,
            rules: Arc::new(rules),
            zone,
            targets: targets.into(),
            quiet: false,
            blocked_alert_after: BLOCKED_ALERT_AFTER,
            clock,
            random,
        }
    }

    /// The same detector, telling operators of a flow that has been blocked for so long.
    #[must_use]
    pub fn alerting_of_blocked_flows(self, after: Duration) -> Self {
        Detector {
            blocked_alert_after: after,
            ..self
        }
    }

    /// The same detector, telling nobody: for a past that is only written down.
    #[must_use]
    pub fn without_alerts(&self) -> Self {
        Detector {
            quiet: true,
            targets: Vec::new().into(),
            ..self.clone()
        }
    }

    /// The rules in force.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Records one run and what follows from it. A run that is recorded already changes
    /// nothing.
    pub async fn record(&self, run: RunReport) -> Result<Recorded, store::Error> {
        self.record_all(vec![run]).await
    }

    /// Records several runs, in the order given, in one transaction.
    ///
    /// # Errors
    /// When the database fails, or a run has no number.
    pub async fn record_all(&self, runs: Vec<RunReport>) -> Result<Recorded, store::Error> {
        if runs.iter().any(|run| run.number == RunNumber::default()) {
            return Err(store::Error::Refused("a run without a number has no order"));
        }
        let this = self.clone();
        let judged = self
            .store
            .write(move |mut conn| Box::pin(async move { this.judge_all(&mut conn, &runs).await }))
            .await?;
        self.tell(&judged);
        self.store.announce_change();
        Ok(Recorded {
            is_overtaken: judged.is_overtaken,
        })
    }

    /// Logs what changed, once it is committed.
    fn tell(&self, judged: &Judged) {
        if self.quiet {
            return;
        }
        for alert in &judged.blocked {
            let (flow, vantage) = (&alert.flow, &alert.vantage);
            match alert.over_at {
                None => tracing::warn!(
                    flow,
                    vantage,
                    message = alert.message,
                    "a check for robots keeps a flow out: it watches nothing"
                ),
                Some(_) => tracing::info!(flow, vantage, "a flow is not kept out any more"),
            }
        }
        for turn in &judged.turns {
            let Turn { outage, effect } = turn;
            let (component, id, step) = (&outage.component, &outage.id, &outage.step);
            match effect {
                Effect::Opened { severity, .. } => {
                    let (severity, planned) = (severity.as_str(), outage.planned);
                    tracing::warn!(%component, severity, step, planned, id, "an outage began");
                }
                Effect::Worsened { severity, .. } => {
                    tracing::warn!(%component, severity = severity.as_str(), id, "an outage got worse");
                }
                Effect::Eased { severity, .. } => {
                    tracing::info!(%component, severity = severity.as_str(), id, "an outage eased");
                }
                Effect::Overran { .. } => {
                    tracing::warn!(%component, id, "an outage outlasted its maintenance");
                }
                Effect::Diagnosed { diagnosis, .. } => {
                    tracing::info!(%component, fault = diagnosis.as_str(), id, "an outage's fault is placed");
                }
                Effect::Closed { ended, .. } => {
                    let lasted = ended.since(outage.began_at);
                    tracing::info!(%component, ?lasted, id, "an outage ended");
                }
            }
        }
    }

    async fn judge_all(
        &self,
        conn: &mut Conn<'_>,
        runs: &[RunReport],
    ) -> Result<Judged, store::Error> {
        let Some(earliest) = runs.iter().map(|run| run.started_at).min() else {
            return Ok(Judged::default());
        };
        let mut turns = Vec::new();
        let mut blocked = Vec::new();
        let maintenance: Vec<Maintenance> = monitor::maintenance(conn, earliest)
            .await?
            .into_iter()
            .map(|a| a.window)
            .collect();
        // Locked in one order, before anything else, so that others who judge the same
        // components wait, and none waits for another in a circle.
        let components: BTreeSet<ComponentId> = runs
            .iter()
            .flat_map(RunReport::observations)
            .map(|observation| observation.component)
            .collect();
        let mut watches: BTreeMap<ComponentId, Watch> = BTreeMap::new();
        for component in components {
            let watch = outages::lock_watch(conn, &component).await?;
            watches.insert(component, watch);
        }
        let flows: Vec<FlowNames> = runs.iter().map(RunReport::names).collect();
        names::remember(conn, &flows).await?;
        let mut heard: BTreeSet<ComponentId> = BTreeSet::new();
        for run in runs {
            let day = date_of(run.started_at, &self.zone);
            if runs::insert(conn, run, day).await?.is_none() {
                continue;
            }
            self.note_gap(conn, run).await?;
            blocked.extend(self.note_blocked(conn, run).await?);
            for observation in run.observations() {
                let Some(watch) = watches.get_mut(&observation.component) else {
                    continue;
                };
                let before = watch.open().cloned();
                let effects = watch.see(&observation, &maintenance, &self.rules);
                if effects.is_empty() && watch.open().is_some() {
                    let differs = differs(before.as_ref(), watch.open());
                    turns.extend(self.keep_up(conn, run, watch, differs).await?);
                }
                for effect in effects {
                    let planned = maintenance
                        .iter()
                        .any(|window| window.covers(watch.component(), observation.decided_at));
                    turns.push(self.apply(conn, run, watch, effect, planned).await?);
                }
                heard.insert(observation.component);
            }
        }
        let now = self.clock.now();
        for watch in heard.iter().filter_map(|component| watches.get(component)) {
            outages::save_watch(conn, watch, now).await?;
        }
        let newest: BTreeMap<&str, RunNumber> = runs
            .iter()
            .map(|run| (run.vantage.as_str(), run.number))
            .collect();
        let mut is_overtaken = false;
        for (vantage, number) in newest {
            is_overtaken |= vantages::is_overtaken(conn, vantage, number).await?;
        }
        Ok(Judged {
            turns,
            blocked,
            is_overtaken,
        })
    }

    /// Notes whether the flow is blocked, and puts an alert to each target into the outbox where
    /// operators are to be told: once when it has lasted, once when it is over.
    async fn note_blocked(
        &self,
        conn: &mut Conn<'_>,
        run: &RunReport,
    ) -> Result<Option<BlockedAlert>, store::Error> {
        let name = format!("blocked:{}:{}", run.vantage, run.flow);
        let kept = monitor::setting(conn, &name).await?;
        let kept = kept.and_then(|text| serde_json::from_str::<BlockedFlow>(&text).ok());
        let before = kept.unwrap_or_default();
        let mut state = before.clone();
        let span = (run.started_at, run.ended_at);
        let change = state.see(run.engine, run.outcome, span, self.blocked_alert_after);
        if state == before {
            return Ok(None);
        }
        monitor::set(conn, &name, &serde_json::to_string(&state)?).await?;
        let (since, over_at) = match change {
            None => return Ok(None),
            Some(BlockedChange::Blocked { since }) => (since, None),
            Some(BlockedChange::Over { since }) => (since, Some(run.ended_at)),
        };
        let is_blocked = |step: &&StepReport| step.outcome == run.outcome && over_at.is_none();
        let met = run.steps.iter().find(is_blocked);
        let alert = BlockedAlert {
            blocked_flow: run.name.en().to_owned(),
            flow: run.flow.clone(),
            vantage: run.vantage.clone(),
            since,
            over_at,
            message: met.and_then(|step| step.message.clone()),
        };
        let payload = serde_json::to_string(&alert)?;
        for target in self.targets.iter() {
            let once = format!("{name}/{}/{target}", run.ended_at.0);
            outbox::put(conn, &once, target, &payload, self.clock.now()).await?;
        }
        Ok(Some(alert))
    }

    /// A run that the control probes declare cut off opens a gap in our own watch; the
    /// next one that says anything of the site closes it.
    async fn note_gap(&self, conn: &mut Conn<'_>, run: &RunReport) -> Result<(), store::Error> {
        match run.outcome {
            Outcome::Inconclusive(Why::CutOff) => {
                monitor::open_gap(conn, &run.vantage, CUT_OFF, run.started_at).await?;
            }
            Outcome::Passed | Outcome::Slow | Outcome::Failed(_) => {
                monitor::close_gap(conn, &run.vantage, CUT_OFF, run.started_at).await?;
            }
            Outcome::NotReached | Outcome::Inconclusive(_) => {}
        }
        Ok(())
    }

    async fn apply(
        &self,
        conn: &mut Conn<'_>,
        run: &RunReport,
        watch: &Watch,
        effect: Effect,
        in_maintenance: bool,
    ) -> Result<Turn, store::Error> {
        let component = watch.component();
        let step = run.steps.iter().find(|step| {
            !step.cleanup
                && step.component == *component
                && matches!(step.outcome, Outcome::Failed(_) | Outcome::Slow)
        });
        let now = run.ended_at;
        let (mut record, is_new) = match outages::open_of(conn, component).await? {
            Some(record) => (record, false),
            None => {
                let id = random::id(now, &*self.random);
                (
                    new_outage(
                        id,
                        component,
                        run,
                        step.map_or("", |s| s.name.key()),
                        &effect,
                    ),
                    true,
                )
            }
        };
        change(&mut record, Some(&effect), watch, now);
        let found = self.diagnosed(conn, run, watch, &mut record).await?;
        if is_new {
            outages::insert(conn, &record).await?;
        } else {
            outages::update(conn, &record).await?;
            record.version += 1;
        }
        let update = Update {
            at: effect.at(),
            recorded_at: now,
            effect: effect.clone(),
        };
        outages::add_update(conn, &record.id, &update).await?;
        if let Some(found) = found {
            outages::add_update(conn, &record.id, &found).await?;
        }

        if outage::pages(&effect, record.planned, in_maintenance) {
            let alert = Alert {
                effect: effect.clone(),
                message: step.and_then(|s| s.message.clone()),
                outage: record.clone(),
            };
            let payload = serde_json::to_string(&alert)?;
            for target in self.targets.iter() {
                let once = format!("{}/{}/{target}", alert.outage.id, alert.outage.version);
                outbox::put(conn, &once, target, &payload, self.clock.now()).await?;
            }
        }
        Ok(Turn {
            outage: record,
            effect,
        })
    }

    /// Writes what changed of an outage while it lasts: where the fault lies, and, where it
    /// `differs`, what is not worth an entry in its timeline.
    async fn keep_up(
        &self,
        conn: &mut Conn<'_>,
        run: &RunReport,
        watch: &Watch,
        differs: bool,
    ) -> Result<Option<Turn>, store::Error> {
        let Some(mut record) = outages::open_of(conn, watch.component()).await? else {
            return Ok(None);
        };
        let was = record.diagnosis.clone();
        let found = self.diagnosed(conn, run, watch, &mut record).await?;
        if differs || record.diagnosis != was {
            change(&mut record, None, watch, run.ended_at);
            outages::update(conn, &record).await?;
        }
        let Some(update) = found else {
            return Ok(None);
        };
        outages::add_update(conn, &record.id, &update).await?;
        Ok(Some(Turn {
            outage: record,
            effect: update.effect,
        }))
    }

    /// Writes into an outage that lasts where its fault lies, by the runs that are stored.
    /// Gives the entry for its timeline, where one is due.
    async fn diagnosed(
        &self,
        conn: &mut Conn<'_>,
        run: &RunReport,
        watch: &Watch,
        record: &mut Outage,
    ) -> Result<Option<Update>, store::Error> {
        if watch.open().is_none() {
            return Ok(None);
        }
        let now = run.ended_at;
        let rules = &self.rules;
        let fresh_for = |flow: &str, engine| {
            let fresh_for = rules.fresh_for.get(&(flow.to_owned(), engine));
            fresh_for.copied().unwrap_or(rules.fresh_for_default)
        };
        let longest = rules.fresh_for.values().copied().max();
        let since = now - longest.unwrap_or_default().max(rules.fresh_for_default) * 2;
        let sights = runs::sights(conn, watch.component(), since, MOST_SIGHTS).await?;
        let mut elsewhere = Vec::new();
        for flow in diagnosis::asks_elsewhere(&sights) {
            elsewhere.extend(runs::plain_runs(conn, &flow, since, MOST_SIGHTS).await?);
        }
        let found = diagnosis::diagnose(&sights, &elsewhere, now, fresh_for);
        let before = match &record.diagnosis {
            Some(before) => Some(current(conn, record, before).await?),
            None => None,
        };
        let Some(found) = diagnosis::next(before.as_ref(), found) else {
            return Ok(None);
        };
        let was_told = record.diagnosis.as_ref().is_some_and(Diagnosis::is_told);
        let is_told = found.is_told();
        record.diagnosis = Some(found.clone());
        if !was_told && !is_told {
            return Ok(None);
        }
        let told = outages::updates(conn, &record.id).await?;
        let told = told
            .iter()
            .filter(|update| matches!(update.effect, Effect::Diagnosed { .. }));
        let at = run.started_at.max(record.began_at);
        Ok((told.count() < MOST_DIAGNOSES).then_some(Update {
            at,
            recorded_at: now,
            effect: Effect::Diagnosed {
                at,
                diagnosis: found,
            },
        }))
    }
}

/// A diagnosis with the key that its step has now: one that was found before the step had a key
/// says nothing else than one that is found with it.
async fn current(
    conn: &mut Conn<'_>,
    outage: &Outage,
    found: &Diagnosis,
) -> Result<Diagnosis, store::Error> {
    let Some(step) = found.step() else {
        return Ok(found.clone());
    };
    let table = names::all(conn).await?;
    let step = table.of(&outage.flow).step(step);
    Ok(found.clone().with_step(step.key()))
}

fn new_outage(
    id: String,
    component: &ComponentId,
    run: &RunReport,
    step: &str,
    effect: &Effect,
) -> Outage {
    let (began, severity, fault, planned) = match effect {
        Effect::Opened {
            began,
            severity,
            fault,
            planned,
        } => (*began, *severity, *fault, *planned),
        // Only reached where the row of an open outage was removed by hand.
        Effect::Worsened {
            at,
            severity,
            fault,
        } => (*at, *severity, *fault, false),
        Effect::Eased { at, severity } | Effect::Overran { at, severity } => {
            (*at, *severity, None, false)
        }
        Effect::Diagnosed { at, .. } => (*at, outage::Severity::Down, None, false),
        Effect::Closed { ended, .. } => (*ended, outage::Severity::Degraded, None, false),
    };
    Outage {
        id,
        component: component.clone(),
        severity,
        worst: severity,
        intermittent: false,
        planned,
        began_at: began,
        confirmed_at: run.ended_at,
        ended_at: None,
        closed_at: None,
        down_ms: 0,
        fault,
        diagnosis: None,
        flow: run.flow.clone(),
        step: step.to_owned(),
        version: 1,
    }
}

/// Whether an outage has changed in what people are shown of it while it lasts.
fn differs(before: Option<&outage::Open>, after: Option<&outage::Open>) -> bool {
    let remembered = |open: &outage::Open| (open.severity, open.intermittent, open.began);
    before.map(remembered) != after.map(remembered)
}

fn change(record: &mut Outage, effect: Option<&Effect>, watch: &Watch, now: Moment) {
    // A clock that was set back since leaves nothing in the future.
    record.confirmed_at = record.confirmed_at.min(now);
    if let Some(open) = watch.open() {
        record.began_at = record.began_at.min(open.began);
        record.severity = open.severity;
        record.worst = record.worst.max(open.worst);
        record.intermittent |= open.intermittent;
        record.planned = open.planned;
        record.down_ms = i64::try_from(open.down.as_millis()).unwrap_or(i64::MAX);
    }
    match effect {
        Some(Effect::Worsened {
            fault: Some(fault), ..
        }) => record.fault = Some(*fault),
        Some(Effect::Closed { ended, down }) => {
            record.began_at = record.began_at.min(*ended);
            record.ended_at = Some(*ended);
            record.closed_at = Some(now);
            record.down_ms = i64::try_from(down.as_millis()).unwrap_or(i64::MAX);
        }
        _ => {}
    }
}
