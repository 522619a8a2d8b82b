//! Whether the clock was set, or the machine slept: both are gaps in our own watch.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use crate::detect::{ASLEEP, CLOCK};
use crate::domain::clock_watch::{ClockFinding, ClockWatch};
use crate::domain::history::Gap;
use crate::domain::{Clock, Moment};
use crate::store::{self, Store, monitor};
use crate::telemetry::Metrics;

/// How often the clocks are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Both clocks are read again where something came between the readings for so long.
const READ_WITHIN: Duration = Duration::from_millis(50);
/// How often, at most.
const MAX_READINGS: usize = 5;
/// Gaps that may wait for the database.
const MAX_WAITING: usize = 100;

/// Looks at the clocks until told to stop, and writes what it finds as gaps. A database that is away
/// is waited for.
///
/// # Errors
/// None: it has the form of a task.
pub async fn run(
    store: Store,
    vantage: String,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    mut stop: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let (wall, monotonic) = read(&*clock);
    let mut state = ClockWatch::new(wall, monotonic);
    let mut waiting: Vec<Gap> = Vec::new();
    loop {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
            () = sleep(LOOK_EVERY) => {}
        }
        let (wall, monotonic) = read(&*clock);
        for finding in state.see(wall, monotonic) {
            tell(finding);
            metrics.observe_clock(finding);
            if waiting.len() < MAX_WAITING {
                waiting.push(gap(&vantage, finding));
            }
        }
        if !waiting.is_empty() {
            match write(&store, waiting.clone()).await {
                Ok(()) => waiting.clear(),
                Err(error) if error.is_passing() => {
                    tracing::warn!(%error, "a gap in our watch waits for the database");
                }
                Err(error) => {
                    tracing::error!(%error, "the database does not take a gap in our watch");
                    waiting.clear();
                }
            }
        }
    }
}

/// Both clocks at one moment.
fn read(clock: &dyn Clock) -> (Moment, Duration) {
    let mut reading = (clock.now(), clock.monotonic());
    for _ in 0..MAX_READINGS {
        let before = clock.monotonic();
        reading = (clock.now(), clock.monotonic());
        if reading.1.saturating_sub(before) < READ_WITHIN {
            break;
        }
    }
    reading
}

fn tell(finding: ClockFinding) {
    match finding {
        ClockFinding::Asleep { from, until } => tracing::warn!(
            %from,
            %until,
            "the machine slept, or this process stood still: recorded as a gap"
        ),
        ClockFinding::Set { from, to } => {
            let (by, direction) = match to > from {
                true => (to.since(from), "forward"),
                false => (from.since(to), "back"),
            };
            tracing::warn!(
                ?by,
                shown = %from,
                shows = %to,
                "the clock was set {direction}: what it showed between is recorded as a gap"
            );
        }
    }
}

/// The gap in the watch of a vantage that a finding is.
pub fn gap(vantage: &str, finding: ClockFinding) -> Gap {
    let (began_at, ended_at) = finding.span();
    let why = match finding {
        ClockFinding::Asleep { .. } => ASLEEP,
        ClockFinding::Set { .. } => CLOCK,
    };
    Gap {
        vantage: vantage.to_owned(),
        why: why.to_owned(),
        began_at,
        ended_at: Some(ended_at),
    }
}

async fn write(store: &Store, gaps: Vec<Gap>) -> Result<(), store::Error> {
    store
        .write(move |mut conn| {
            Box::pin(async move {
                for gap in &gaps {
                    monitor::add_gap(&mut conn, gap).await?;
                }
                Ok(())
            })
        })
        .await?;
    store.announce_change();
    Ok(())
}
