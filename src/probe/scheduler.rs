//! When flows run: each at its interval, at once again after a failure, and never counted
//! against the site while the control flows fail too. Owns pace and order; must not know
//! what becomes of the reports.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use super::definition::{Flow, Role};
use super::runner::{Occasion, Target, Tools, run_flow};
use crate::domain::{Outcome, RunReport, Why, random};

/// First runs of several flows start this far apart.
const STAGGER: Duration = Duration::from_millis(400);
/// A flow that takes longer than its interval rests this long before the next run.
const LEAST_REST: Duration = Duration::from_millis(500);
/// Each interval is drawn from this share of it, up or down, so that runs of many flows and
/// vantages do not fall on the same second.
const JITTER: f64 = 0.1;

/// What runs, and how often.
#[derive(Clone)]
pub struct Plan {
    /// All flows, those for controls among them.
    pub flows: Vec<Arc<Flow>>,
    /// How long after a first failure a flow is tried again.
    pub retry_after: Duration,
    /// Flows that run at the same time at most.
    pub concurrency: usize,
    /// Intervals are multiplied by this: 1.0 as written; less in a demonstration.
    pub pace: f64,
}

#[derive(Clone)]
struct Scheduler {
    plan: Arc<Plan>,
    controls: Arc<[Arc<Flow>]>,
    target: Arc<Target>,
    tools: Tools,
    places: Arc<Semaphore>,
    finished: mpsc::Sender<RunReport>,
    stop: watch::Receiver<bool>,
}

/// Runs flows until told to stop; then breaks off what runs, lets its cleanup finish, and
/// returns. Reports go to `finished`; where that is full, flows wait.
///
/// # Errors
/// When a flow's task crashed.
pub async fn run(
    plan: Plan,
    target: Target,
    tools: Tools,
    finished: mpsc::Sender<RunReport>,
    stop: watch::Receiver<bool>,
) -> Result<(), tokio::task::JoinError> {
    let (controls, site): (Vec<_>, Vec<_>) = plan
        .flows
        .iter()
        .cloned()
        .partition(|flow| flow.role == Role::Control);
    let scheduler = Scheduler {
        controls: controls.into(),
        target: Arc::new(target),
        tools,
        places: Arc::new(Semaphore::new(plan.concurrency.max(1))),
        plan: Arc::new(plan),
        finished,
        stop,
    };
    let mut tasks = JoinSet::new();
    for (index, flow) in site.into_iter().enumerate() {
        let Some(every) = flow.every.http else {
            continue;
        };
        let first = STAGGER * u32::try_from(index).unwrap_or(u32::MAX);
        tasks.spawn(scheduler.clone().repeat(flow, every, first));
    }
    drop(scheduler);
    while let Some(ended) = tasks.join_next().await {
        ended?;
    }
    Ok(())
}

impl Scheduler {
    async fn repeat(mut self, flow: Arc<Flow>, every: Duration, first: Duration) {
        let every = every.mul_f64(self.plan.pace);
        // With many flows the first round is spread over one interval, however many there are.
        let mut rest = first.min(every);
        let mut turn = 0;
        while self.rest(rest).await {
            let began = self.tools.clock.monotonic();
            if !self.once(&flow, turn).await {
                return;
            }
            turn += 1;
            let took = self.tools.clock.monotonic().saturating_sub(began);
            let jitter = 1.0 + JITTER * (2.0 * random::fraction(&*self.tools.random) - 1.0);
            rest = every.mul_f64(jitter).saturating_sub(took).max(LEAST_REST);
        }
    }

    /// Waits; `false` when told to stop.
    async fn rest(&mut self, rest: Duration) -> bool {
        tokio::select! {
            _ = self.stop.wait_for(|stop| *stop) => false,
            () = tokio::time::sleep(rest) => true,
        }
    }

    /// One run, and a second at once where the first failed and the controls did not.
    /// `false` when nobody takes reports any more.
    async fn once(&mut self, flow: &Flow, turn: usize) -> bool {
        let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
            return false;
        };
        let first = self.run(flow, turn).await;
        if !matches!(first.outcome, Outcome::Failed(_)) {
            return self.finished.send(first).await.is_ok();
        }
        if !self.controls_are_up().await {
            return self.finished.send(cut_off(first)).await.is_ok();
        }
        if self.finished.send(first).await.is_err() {
            return false;
        }
        if !self.rest(self.plan.retry_after).await {
            return true;
        }
        let second = self.run(flow, turn).await;
        drop(place);
        let still_failing = matches!(second.outcome, Outcome::Failed(_));
        let second = if still_failing && !self.controls_are_up().await {
            cut_off(second)
        } else {
            second
        };
        self.finished.send(second).await.is_ok()
    }

    /// Whether any control flow passes. Without control flows the monitor cannot doubt
    /// itself, and the failure is the site's.
    async fn controls_are_up(&self) -> bool {
        if self.controls.is_empty() {
            return true;
        }
        for control in self.controls.iter() {
            let report = self.run(control, 0).await;
            // A control that cannot run says nothing against the monitor.
            if !matches!(report.outcome, Outcome::Failed(_)) {
                return true;
            }
        }
        false
    }

    async fn run(&self, flow: &Flow, turn: usize) -> RunReport {
        let occasion = Occasion {
            turn,
            stop: Some(self.stop.clone()),
            on_step: &mut |_| (),
        };
        Box::pin(run_flow(flow, &self.target, &self.tools, occasion)).await
    }
}

/// The same run as one that says nothing of the site.
fn cut_off(mut report: RunReport) -> RunReport {
    for step in &mut report.steps {
        if matches!(step.outcome, Outcome::Failed(_)) {
            step.outcome = Outcome::Inconclusive(Why::CutOff);
        }
    }
    report.outcome = Outcome::Inconclusive(Why::CutOff);
    report
}
