//! Watching the disk: metrics, and one alert when its state changes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::disk::Disk;
use crate::domain::disk::{DiskAlert, DiskState, FreeSpace, Reserve};
use crate::domain::{Clock, Moment};
use crate::store::{self, Store, monitor, outbox};
use crate::telemetry::Metrics;

/// How often the disk is looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);
/// How long a file system may take to tell what is free.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);

/// Looks at the disk until told to stop. `targets` are the outbox's names of where alerts go.
pub async fn run(
    disk: Disk,
    store: Store,
    vantage: String,
    targets: Arc<[String]>,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    mut stop: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    while !*stop.borrow_and_update() {
        let asked = disk.clone();
        let told = tokio::task::spawn_blocking(move || asked.free());
        match tokio::time::timeout(LOOK_TIMEOUT, told).await {
            Ok(Ok(Ok(free))) => {
                metrics.set_disk(free, disk.reserve());
                let now = clock.now();
                if let Err(error) =
                    note(&store, &vantage, &targets, free, disk.reserve(), now).await
                {
                    tracing::warn!(%error, "the state of the disk could not be noted");
                }
            }
            Ok(Ok(Err(error))) => tracing::warn!(%error, "the disk does not tell what is free"),
            Ok(Err(error)) => tracing::error!(%error, "looking at the disk crashed"),
            Err(_) => tracing::warn!("the disk does not tell in time what is free"),
        }
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => {}
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
        }
    }
    Ok(())
}

/// Takes what was found free. Where the state of the disk changes by it, the new state is kept and
/// an alert to each target put into the outbox, in one transaction: a state that cannot be written
/// down is told at a later look, and none is told twice. Gives the state.
///
/// # Errors
/// When the database fails.
pub async fn note(
    store: &Store,
    vantage: &str,
    targets: &Arc<[String]>,
    free: FreeSpace,
    reserve: Reserve,
    now: Moment,
) -> Result<DiskState, store::Error> {
    let name = format!("disk:{vantage}");
    let kept = {
        let name = name.clone();
        let read = store
            .read(|mut conn| Box::pin(async move { monitor::setting(&mut conn, &name).await }));
        read.await?
    };
    let was = kept.as_deref().and_then(DiskState::parse);
    let was = was.unwrap_or(DiskState::Ample);
    let state = was.next(free, reserve);
    if state == was {
        return Ok(state);
    }
    match state {
        DiskState::Ample => tracing::info!("there is enough room on the disk again"),
        DiskState::Low => {
            tracing::warn!(
                ?free,
                "the disk fills: pictures and evidence are not kept any more"
            );
        }
        DiskState::Critical => {
            tracing::error!(
                ?free,
                "the disk is almost full: the database lives on its reserve"
            );
        }
    }
    let alert = DiskAlert {
        disk: state,
        at: now,
        vantage: vantage.to_owned(),
        free,
        reserve,
    };
    let (payload, targets) = (serde_json::to_string(&alert)?, Arc::clone(targets));
    store
        .write(move |mut conn| {
            Box::pin(async move {
                monitor::set(&mut conn, &name, state.as_str()).await?;
                for target in targets.iter() {
                    let once = format!("{name}/{}/{target}", now.0);
                    outbox::put(&mut conn, &once, target, &payload, now).await?;
                }
                Ok(())
            })
        })
        .await?;
    store.announce_change();
    Ok(state)
}
