//! Takes finished runs from the scheduler to the detector, numbered. A database that is away is
//! waited for: the queue is bounded, so the scheduler waits too, and nothing is lost. A run that the
//! database does not take is set aside, and the others go on.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;

use super::set_aside::SetAside;
use crate::detect::Detector;
use crate::domain::{Clock, Moment, RunNumber, RunReport};
use crate::probe::definition::Role;
use crate::probe::scheduler::Finished;
use crate::store::{self, Store, vantages};

/// Runs that may wait for the database.
pub const QUEUE: usize = 256;
/// Runs recorded in one transaction.
const TOGETHER: usize = 64;
const SHORTEST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// A process whose numbers were overtaken by another one's of the same vantage takes new ones, so
/// that it is believed should that one have ended; not more often than this, should it not.
const NUMBERS_APART: Duration = Duration::from_secs(60);

/// What runs are recorded with.
pub struct Recorder<O, R> {
    /// Judges and writes.
    pub detector: Detector,
    /// Where starts are counted.
    pub store: Store,
    /// Where the runs are made.
    pub vantage: String,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Where runs go that the database does not take.
    pub set_aside: SetAside,
    /// Is told of each run as it comes.
    pub observe: O,
    /// Is told of the end of the newest that is on disk.
    pub recorded: R,
}

/// The newest number, and when its start was counted, on the monotonic clock.
#[derive(Clone, Copy)]
struct Numbers {
    newest: RunNumber,
    claimed_at: Duration,
}

impl<O: Fn(&RunReport) + Send, R: Fn(Moment) + Send> Recorder<O, R> {
    /// Records runs until the scheduler is gone and the queue is empty.
    ///
    /// # Errors
    /// None: it has the form of a task.
    pub async fn run(self, mut finished: mpsc::Receiver<Finished>) -> anyhow::Result<()> {
        let mut batch = Vec::with_capacity(TOGETHER);
        let mut numbers: Option<Numbers> = None;
        while finished.recv_many(&mut batch, TOGETHER).await > 0 {
            batch.iter().for_each(|one| (self.observe)(&one.report));
            // Controls watch the monitor, and speak for no component.
            let mut runs: Vec<RunReport> = batch
                .drain(..)
                .filter(|one: &Finished| one.role == Role::Site)
                .map(|one| one.report)
                .collect();
            let mut current = match numbers {
                Some(numbers) => numbers,
                None => self.claim().await,
            };
            for run in &mut runs {
                current.newest = current.newest.next();
                run.number = current.newest;
            }
            numbers = Some(current);
            let is_overtaken = self.record(runs).await;
            let now = self.clock.monotonic();
            if is_overtaken && now.saturating_sub(current.claimed_at) >= NUMBERS_APART {
                tracing::warn!(
                    vantage = self.vantage,
                    "another process runs probes under this vantage's name"
                );
                numbers = None;
            }
        }
        Ok(())
    }

    /// Counts a start of the vantage. Waits for a database that is away.
    async fn claim(&self) -> Numbers {
        let mut wait = SHORTEST_WAIT;
        loop {
            match vantages::claim_start(&self.store, &self.vantage).await {
                Ok(newest) => {
                    return Numbers {
                        newest,
                        claimed_at: self.clock.monotonic(),
                    };
                }
                Err(error) => tracing::warn!(%error, "runs wait for the database"),
            }
            sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Records runs in their order; whether their numbers were overtaken. Where they are not taken
    /// together they are tried by halves, until those are found that are not taken at all.
    async fn record(&self, runs: Vec<RunReport>) -> bool {
        let mut waiting = vec![runs];
        let mut is_overtaken = false;
        while let Some(mut runs) = waiting.pop() {
            let Some(newest) = runs.iter().map(|run| run.ended_at).max() else {
                continue;
            };
            match self.when_it_can(&runs).await {
                Ok(overtaken) => {
                    is_overtaken |= overtaken;
                    (self.recorded)(newest);
                }
                Err(error) if runs.len() == 1 => {
                    for run in runs {
                        self.set_aside.put(&run, &error.to_string());
                    }
                }
                Err(_) => {
                    let second_half = runs.split_off(runs.len() / 2);
                    waiting.extend([second_half, runs]);
                }
            }
        }
        is_overtaken
    }

    /// Waits for a database that is away, however long; another failure is final.
    async fn when_it_can(&self, runs: &[RunReport]) -> Result<bool, store::Error> {
        let mut wait = SHORTEST_WAIT;
        loop {
            match self.detector.record_all(runs.to_vec()).await {
                Ok(recorded) => return Ok(recorded.is_overtaken),
                Err(error) if error.is_passing() => {
                    tracing::warn!(%error, runs = runs.len(), "runs wait for the database");
                    sleep(wait).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
                Err(error) => return Err(error),
            }
        }
    }
}
