//! Running every flow again and again.
//!
//! Owns when a flow runs, that a failure is tried again at once, and that the monitor doubts
//! itself first: before a failure is believed, the controls are asked. Must not know what
//! becomes of the reports.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::definition::{Flow, Role};
use super::runner::{Occasion, Target, Tools, run_flow, run_in_browser};
use crate::domain::run::RunReport;
use crate::domain::{Engine, Outcome, Why, random};

/// How far apart the first runs are.
const APART: Duration = Duration::from_millis(50);
/// The same in browsers, which are dear to start.
const BROWSERS_APART: Duration = Duration::from_secs(5);
/// How long until the next run of a flow whose newest run failed, if it is not due before.
const WHILE_FAILING: Duration = Duration::from_secs(120);
/// How long browsers may take to be gone when all is over.
const BROWSERS_REST_WITHIN: Duration = Duration::from_secs(10);

/// How flows are scheduled.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// A failure is tried again after this time.
    pub retry_after: Duration,
    /// How far an interval is stretched or shortened by chance, as a part of it: 0.05 means
    /// by at most 5 %.
    pub jitter: f64,
    /// How long an answer of the controls holds for other failures.
    pub controls_hold: Duration,
    /// Intervals are multiplied by this: 1.0 as the flows say, less in a demonstration.
    pub pace: f64,
    /// Runs at the same time at most; others wait for their turn. Runs in browsers wait for
    /// a browser instead.
    pub at_once: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            retry_after: Duration::from_secs(2),
            jitter: 0.05,
            controls_hold: Duration::from_secs(10),
            pace: 1.0,
            at_once: 64,
        }
    }
}

/// A run that came to its end. Runs that were broken off are not told of.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Whether it watched the site or the monitor itself; only the former speaks for
    /// components.
    pub role: Role,
    /// Its record.
    pub report: RunReport,
    /// Whether it repeated one that had failed just before.
    pub retry: bool,
}

/// Everything that the flows of one site need.
pub struct Plan {
    /// The flows, those for controls among them.
    pub flows: Vec<Arc<Flow>>,
    /// What they run against.
    pub target: Arc<Target>,
    /// What they need of the world.
    pub tools: Tools,
    /// How they are scheduled.
    pub settings: Settings,
}

/// A task of the scheduler ended by a mistake of ours.
#[derive(Debug, thiserror::Error)]
#[error("a flow's task ended: {0}")]
pub struct Broken(#[from] tokio::task::JoinError);

/// Runs every flow in a task of its own for each engine until `stop` becomes true; runs under way are then
/// broken off, and clean up. Ends early, in order, when nobody takes the reports any more.
pub async fn run(
    plan: Plan,
    finished: mpsc::Sender<Finished>,
    stop: watch::Receiver<bool>,
) -> Result<(), Broken> {
    let Plan {
        flows,
        target,
        tools,
        settings,
    } = plan;
    let browsers = tools.browsers.clone();
    let controls = flows
        .iter()
        .filter(|flow| flow.role == Role::Control)
        .cloned()
        .collect();
    let shared = Arc::new(Shared {
        controls,
        target,
        tools,
        settings,
        asked: Mutex::new(None),
        places: Semaphore::new(settings.at_once.max(1)),
        finished,
    });
    let mut tasks = JoinSet::new();
    let count = flows.len();
    for advice in flows.iter().flat_map(|flow| &flow.advice) {
        tracing::warn!(%advice, "a flow is written in an older way");
    }
    for (index, flow) in flows.into_iter().enumerate() {
        let of_browser = flow.every.browser.filter(|_| flow.role == Role::Site);
        for (engine, interval, apart) in [
            (Engine::Http, flow.every.http, APART),
            (Engine::Browser, of_browser, BROWSERS_APART),
        ] {
            let Some(interval) = interval else {
                continue;
            };
            let interval = interval.mul_f64(settings.pace);
            // The first runs come soon, yet not all in one moment.
            let spread =
                interval.min(apart.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX)));
            let delay = spread.mul_f64(index as f64 / count.max(1) as f64);
            let watch = Watch {
                flow: Arc::clone(&flow),
                engine,
                interval,
                turn: 0,
                failing: false,
                shared: Arc::clone(&shared),
                stop: stop.clone(),
            };
            tasks.spawn(watch.run(delay));
        }
    }
    drop(shared);
    while let Some(ended) = tasks.join_next().await {
        ended?;
    }
    if let Some(browsers) = browsers {
        browsers.rest(BROWSERS_REST_WITHIN).await;
    }
    Ok(())
}

/// What all flows share.
struct Shared {
    controls: Vec<Arc<Flow>>,
    target: Arc<Target>,
    tools: Tools,
    settings: Settings,
    /// When the controls were last asked, and whether the monitor was cut off.
    asked: Mutex<Option<(Duration, bool)>>,
    places: Semaphore,
    finished: mpsc::Sender<Finished>,
}

/// One flow on one engine.
struct Watch {
    flow: Arc<Flow>,
    engine: Engine,
    interval: Duration,
    turn: usize,
    /// Whether the newest run failed.
    failing: bool,
    shared: Arc<Shared>,
    stop: watch::Receiver<bool>,
}

/// Nobody takes reports any more, or the scheduler is to stop.
struct Over;

impl Watch {
    async fn run(mut self, delay: Duration) {
        let mut next = delay;
        loop {
            if !self.pause(next).await {
                return;
            }
            let clock = Arc::clone(&self.shared.tools.clock);
            let start = clock.monotonic();
            if self.observe().await.is_err() {
                return;
            }
            self.turn += 1;
            let took = clock.monotonic().saturating_sub(start);
            next = self.with_jitter(self.next_interval()).saturating_sub(took);
        }
    }

    /// While a flow fails, applicants wait for the word that it is over: a flow that runs
    /// rarely runs more often then.
    fn next_interval(&self) -> Duration {
        let soon = WHILE_FAILING.mul_f64(self.shared.settings.pace);
        if self.failing {
            self.interval.min(soon)
        } else {
            self.interval
        }
    }

    /// Waits; false where the scheduler is to stop.
    async fn pause(&mut self, duration: Duration) -> bool {
        tokio::select! {
            biased;
            _ = self.stop.wait_for(|stop| *stop) => false,
            () = sleep(duration) => true,
        }
    }

    fn with_jitter(&self, interval: Duration) -> Duration {
        let Shared {
            tools, settings, ..
        } = &*self.shared;
        let chance = random::fraction(&*tools.random) * 2.0 - 1.0;
        interval.mul_f64((1.0 + settings.jitter * chance).max(0.0))
    }

    /// One run, and another if it failed; where the next one is far, also if it is the first
    /// that passes again.
    async fn observe(&mut self) -> Result<(), Over> {
        let report = self.run_once().await;
        let mut outcome = report.outcome;
        let mut again = self.tell(report, false).await?;
        let recovers = self.failing && matches!(outcome, Outcome::Passed | Outcome::Slow);
        let retry = again;
        again |= recovers && self.interval > self.next_interval();
        if again {
            if !self.pause(self.shared.settings.retry_after).await {
                return Err(Over);
            }
            let report = self.run_once().await;
            outcome = report.outcome;
            self.tell(report, retry).await?;
        }
        self.failing = match outcome {
            Outcome::Failed(_) => true,
            Outcome::Passed | Outcome::Slow => false,
            // It says nothing of the site, so what was last seen stands.
            Outcome::NotReached | Outcome::Inconclusive(_) => self.failing,
        };
        Ok(())
    }

    async fn run_once(&self) -> RunReport {
        let Shared {
            target,
            tools,
            places,
            ..
        } = &*self.shared;
        let occasion = Occasion {
            turn: self.turn,
            stop: Some(self.stop.clone()),
            on_step: &mut |_| {},
        };
        match self.engine {
            Engine::Http => {
                // It is never closed, so this only waits.
                let _place = places.acquire().await;
                Box::pin(run_flow(&self.flow, target, tools, occasion)).await
            }
            Engine::Browser => Box::pin(run_in_browser(&self.flow, target, tools, occasion)).await,
        }
    }

    /// Passes a report on, after asking the controls; whether the run is to be repeated.
    async fn tell(&self, mut report: RunReport, retry: bool) -> Result<bool, Over> {
        if report.outcome == Outcome::Inconclusive(Why::Stopped) {
            return Err(Over);
        }
        let failed = matches!(report.outcome, Outcome::Failed(_)) && self.flow.role == Role::Site;
        let cut_off = failed && self.shared.is_cut_off().await;
        if cut_off {
            withdraw(&mut report);
        }
        let finished = Finished {
            role: self.flow.role,
            report,
            retry,
        };
        self.shared
            .finished
            .send(finished)
            .await
            .map_err(|_| Over)?;
        Ok(failed && !cut_off && !retry)
    }
}

impl Shared {
    /// Whether every control fails. Asked once for failures that come close together.
    async fn is_cut_off(&self) -> bool {
        let mut asked = self.asked.lock().await;
        let now = self.tools.clock.monotonic();
        if let Some((when, cut_off)) = *asked
            && now.saturating_sub(when) < self.settings.controls_hold
        {
            return cut_off;
        }
        let mut outcomes = Vec::new();
        for flow in &self.controls {
            let occasion = Occasion {
                turn: 0,
                stop: None,
                on_step: &mut |_| {},
            };
            let report = Box::pin(run_flow(flow, &self.target, &self.tools, occasion)).await;
            outcomes.push(report.outcome);
        }
        // Without controls nothing speaks against a failure.
        let cut_off = !outcomes.is_empty()
            && outcomes
                .iter()
                .all(|outcome| matches!(outcome, Outcome::Failed(_)));
        *asked = Some((self.tools.clock.monotonic(), cut_off));
        cut_off
    }
}

/// Takes back what a report says of the site: the monitor itself was cut off.
fn withdraw(report: &mut RunReport) {
    let cut_off = Outcome::Inconclusive(Why::CutOff);
    for step in report.steps.iter_mut().filter(|step| !step.cleanup) {
        if matches!(step.outcome, Outcome::Failed(_) | Outcome::NotReached) {
            step.outcome = cut_off;
        }
    }
    report.outcome = cut_off;
}
