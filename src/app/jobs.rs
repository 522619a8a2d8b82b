//! What goes on beside probing and serving: the sign of life, gaps after a stop, and
//! retention.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::detect::STOPPED;
use crate::domain::history::Gap;
use crate::domain::{Clock, Moment};
use crate::store::{self, Store, monitor, retention, staff};
use crate::web::desk::Desk;
use crate::web::reports;

/// How often the monitor writes that it lives.
const HEARTBEAT: Duration = Duration::from_secs(20);
/// A silence longer than this was a gap in our watch.
const GAP_AFTER: Duration = Duration::from_secs(90);

fn heartbeat_name(vantage: &str) -> String {
    format!("alive:{vantage}")
}

/// Records that the monitor lives.
pub async fn note_alive(store: &Store, vantage: &str, now: Moment) -> Result<(), store::Error> {
    let name = heartbeat_name(vantage);
    store
        .write(move |mut conn| {
            Box::pin(async move { monitor::set(&mut conn, &name, &now.0.to_string()).await })
        })
        .await
}

/// At start: if the last sign of life is old, the time since is a gap in our own watch.
pub async fn note_gap_after_stop(
    store: &Store,
    vantage: &str,
    now: Moment,
) -> Result<Option<Duration>, store::Error> {
    let name = heartbeat_name(vantage);
    let vantage = vantage.to_owned();
    store
        .write(move |mut conn| {
            Box::pin(async move {
                let last = monitor::setting(&mut conn, &name).await?;
                monitor::set(&mut conn, &name, &now.0.to_string()).await?;
                let Some(last) = last.and_then(|text| text.parse().ok()).map(Moment) else {
                    return Ok(None);
                };
                let silence = now.since(last);
                if silence <= GAP_AFTER {
                    return Ok(None);
                }
                let gap = Gap {
                    vantage,
                    why: STOPPED.to_owned(),
                    began_at: last,
                    ended_at: Some(now),
                };
                monitor::add_gap(&mut conn, &gap).await?;
                Ok(Some(silence))
            })
        })
        .await
}

/// Writes the sign of life until told to stop. A database that is away is waited for.
pub async fn heartbeat(
    store: Store,
    vantage: String,
    clock: Arc<dyn Clock>,
    mut stop: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    while !*stop.borrow_and_update() {
        if let Err(error) = note_alive(&store, &vantage, clock.now()).await {
            tracing::warn!(%error, "the sign of life could not be written");
        }
        tokio::select! {
            _ = stop.changed() => {}
            () = tokio::time::sleep(HEARTBEAT) => {}
        }
    }
    Ok(())
}

/// How long things are kept.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Raw runs.
    pub runs: Duration,
    /// Evidence.
    pub evidence: Duration,
    /// Messages that were sent.
    pub messages: Duration,
    /// Hourly rollups.
    pub hours: Duration,
}

/// What one round of retention removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Raw runs.
    pub runs: u64,
    /// Hashes of evidence whose files nothing refers to.
    pub evidence: Vec<String>,
    /// Files of screenshots of erased reports.
    pub screenshots: Vec<String>,
    /// Reports whose personal data was erased.
    pub reports: usize,
}

/// One round: removes what is older than it may be, in small transactions. The caller
/// removes the files named in the result.
pub async fn retain(store: &Store, kept: Retention, now: Moment) -> Result<Removed, store::Error> {
    let mut removed = Removed::default();
    loop {
        let runs = store
            .write(move |mut c| {
                Box::pin(async move { retention::old_runs(&mut c, now - kept.runs).await })
            })
            .await?;
        removed.runs += runs;
        if runs < retention::AT_ONCE as u64 {
            break;
        }
    }
    removed.evidence = store
        .write(move |mut c| {
            Box::pin(async move { retention::old_evidence(&mut c, now - kept.evidence).await })
        })
        .await?;
    store
        .write(move |mut c| {
            Box::pin(async move {
                retention::old_messages(&mut c, now - kept.messages).await?;
                retention::old_hours(&mut c, now - kept.hours).await?;
                staff::close_expired(&mut c, now).await
            })
        })
        .await?;
    end_repeats(store, now).await?;
    let due = store
        .read(move |mut c| {
            Box::pin(async move { store::reports::due_for_erasure(&mut c, now).await })
        })
        .await?;
    for id in due {
        let files = store
            .write(move |mut c| {
                Box::pin(async move { store::reports::erase(&mut c, &id, now).await })
            })
            .await?;
        removed.screenshots.extend(files);
        removed.reports += 1;
    }
    Ok(removed)
}

/// Forgets what requests that can no longer be repeated are answered from.
pub async fn end_repeats(store: &Store, now: Moment) -> Result<(), store::Error> {
    let before = now - store::reports::REPEATABLE;
    loop {
        let ended = store
            .write(move |mut c| {
                Box::pin(async move {
                    store::reports::end_repeats(&mut c, before, retention::AT_ONCE).await
                })
            })
            .await?;
        if ended < retention::AT_ONCE.unsigned_abs() {
            return Ok(());
        }
    }
}

/// How often retention goes round.
const RETENTION_EVERY: Duration = Duration::from_secs(3600);

/// Goes round until told to stop. `remove` takes what a round freed, to remove the files.
pub async fn retention(
    store: Store,
    kept: Retention,
    clock: Arc<dyn Clock>,
    mut stop: watch::Receiver<bool>,
    remove: impl AsyncFn(Removed) + Send,
) -> anyhow::Result<()> {
    while !*stop.borrow_and_update() {
        match retain(&store, kept, clock.now()).await {
            Ok(removed) => {
                if removed != Removed::default() {
                    tracing::info!(
                        runs = removed.runs,
                        reports = removed.reports,
                        evidence = removed.evidence.len(),
                        "retention removed what was old"
                    );
                }
                remove(removed).await;
            }
            Err(error) => tracing::warn!(%error, "retention could not go round"),
        }
        tokio::select! {
            _ = stop.changed() => {}
            () = tokio::time::sleep(RETENTION_EVERY) => {}
        }
    }
    Ok(())
}

/// How often reports are held against the newest outages.
const JUDGE_EVERY: Duration = Duration::from_secs(15);

/// Judges recent reports again until told to stop.
pub async fn judge_again(desk: Desk, mut stop: watch::Receiver<bool>) -> anyhow::Result<()> {
    while !*stop.borrow_and_update() {
        match reports::judge_again(&desk, desk.clock.now()).await {
            Ok(0) => {}
            Ok(changed) => tracing::info!(changed, "findings of reports changed"),
            Err(error) => tracing::warn!(%error, "reports could not be judged again"),
        }
        tokio::select! {
            _ = stop.changed() => {}
            () = tokio::time::sleep(JUDGE_EVERY) => {}
        }
    }
    Ok(())
}
