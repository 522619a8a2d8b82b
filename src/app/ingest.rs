//! Takes finished runs from the scheduler to the detector. A database that is away is
//! waited for: the queue is bounded, so the scheduler waits too, and nothing is lost.

use std::time::Duration;

use tokio::sync::mpsc;

use crate::detect::Detector;
use crate::domain::{Moment, RunReport};
use crate::probe::definition::Role;
use crate::probe::scheduler::Finished;

/// Runs that may wait for the database.
pub const QUEUE: usize = 256;
/// Runs recorded in one transaction.
const TOGETHER: usize = 64;
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// Records runs until the scheduler is gone and the queue is empty. `observe` is told of each as
/// it comes, `recorded` of the end of the newest that is on disk.
pub async fn run(
    detector: Detector,
    mut finished: mpsc::Receiver<Finished>,
    observe: impl Fn(&RunReport) + Send,
    recorded: impl Fn(Moment) + Send,
) -> anyhow::Result<()> {
    let mut batch = Vec::with_capacity(TOGETHER);
    while finished.recv_many(&mut batch, TOGETHER).await > 0 {
        batch.iter().for_each(|one| observe(&one.report));
        // Controls watch the monitor, and speak for no component.
        let runs: Vec<RunReport> = batch
            .drain(..)
            .filter(|one: &Finished| one.role == Role::Site)
            .map(|one| one.report)
            .collect();
        let newest = runs.iter().map(|run| run.ended_at).max();
        if let Some(newest) = newest
            && record(&detector, runs).await
        {
            recorded(newest);
        }
    }
    Ok(())
}

/// Whether they are recorded; without that they are lost.
async fn record(detector: &Detector, runs: Vec<RunReport>) -> bool {
    let mut wait = Duration::from_millis(250);
    loop {
        match detector.record_all(runs.clone()).await {
            Ok(()) => return true,
            Err(error) if error.is_passing() => {
                tracing::warn!(%error, runs = runs.len(), "runs wait for the database");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
            Err(error) => {
                tracing::error!(%error, runs = runs.len(), "runs could not be recorded and are lost");
                return false;
            }
        }
    }
}
