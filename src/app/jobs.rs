//! What goes on beside probing and serving: the sign of life, gaps after a stop, and
//! retention.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::clock;
use super::files::{self, Folders};
use crate::detect::STOPPED;
use crate::domain::clock_watch::ClockFinding;
use crate::domain::history::Gap;
use crate::domain::stopwatch::CLOCK_TOLERANCE;
use crate::domain::{Clock, Moment};
use crate::store::reports::{REPEATABLE, due_for_erasure, end_repeats};
use crate::store::{self, Conn, Store, monitor, retention, sign_ins, staff};
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

/// At start: if the last sign of life is old, the time since is a gap in our own watch. If it lies
/// in the future, the clock was set back meanwhile, and nobody knows what came between.
pub async fn note_gap_after_stop(
    store: &Store,
    vantage: &str,
    now: Moment,
) -> Result<Option<Gap>, store::Error> {
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
                let gap = if now.since(last) > GAP_AFTER {
                    Gap {
                        vantage,
                        why: STOPPED.to_owned(),
                        began_at: last,
                        ended_at: Some(now),
                    }
                } else if last.since(now) > CLOCK_TOLERANCE {
                    clock::gap(
                        &vantage,
                        ClockFinding::Set {
                            from: last,
                            to: now,
                        },
                    )
                } else {
                    return Ok(None);
                };
                monitor::add_gap(&mut conn, &gap).await?;
                Ok(Some(gap))
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
            _ = stop.wait_for(|stop| *stop) => {}
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
    /// Counts of failed sign-ins.
    pub sign_ins: Duration,
}

/// What one round of retention removed from the database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Raw runs.
    pub runs: u64,
    /// Pieces of evidence.
    pub evidence: u64,
    /// Reports whose personal data was erased.
    pub reports: u64,
    /// Reports that could not be erased.
    pub failed: u64,
}

/// One round: removes what is older than it may be until nothing is left, in small transactions,
/// between which others write. The files of what it removed are on the list of
/// [`files::remove_queued`].
///
/// # Errors
/// When the database fails: what was done until then is done.
pub async fn retain(
    store: &Store,
    kept: Retention,
    now: Moment,
    stop: &watch::Receiver<bool>,
) -> Result<Removed, store::Error> {
    let mut removed = Removed::default();
    // First, because it is what people were promised.
    erase(store, now, stop, &mut removed).await?;
    removed.runs = until_done(store, stop, now - kept.runs, |c, before| {
        Box::pin(retention::old_runs(c, before))
    })
    .await?;
    removed.evidence = until_done(store, stop, now - kept.evidence, |c, before| {
        Box::pin(retention::old_evidence(c, before))
    })
    .await?;
    until_done(store, stop, now - kept.messages, |c, before| {
        Box::pin(retention::old_messages(c, before))
    })
    .await?;
    until_done(store, stop, now - REPEATABLE, END_REPEATS).await?;
    store
        .write(move |mut c| {
            Box::pin(async move {
                retention::old_hours(&mut c, now - kept.hours).await?;
                sign_ins::forget(&mut c, now - kept.sign_ins).await?;
                staff::close_expired(&mut c, now).await
            })
        })
        .await?;
    Ok(removed)
}

/// Forgets what requests that can no longer be repeated would be answered from.
///
/// # Errors
/// When the database fails: what was done until then is done.
pub(super) async fn end_all_repeats(store: &Store, now: Moment) -> Result<u64, store::Error> {
    let (_running, stop) = watch::channel(false);
    until_done(store, &stop, now - REPEATABLE, END_REPEATS).await
}

const END_REPEATS: Portion =
    |c, before| Box::pin(end_repeats(c, before, retention::AT_ONCE.cast_signed()));

/// Removes a portion of what is older than a moment; gives how much that was.
type Portion = for<'a> fn(&'a mut Conn<'_>, Moment) -> BoxFuture<'a, Result<u64, store::Error>>;

/// Removes one portion after the other, until one is not full. Gives how much that was in all.
async fn until_done(
    store: &Store,
    stop: &watch::Receiver<bool>,
    before: Moment,
    portion: Portion,
) -> Result<u64, store::Error> {
    let mut all = 0;
    while !*stop.borrow() {
        let removed = store
            .write(move |mut c| Box::pin(async move { portion(&mut c, before).await }))
            .await?;
        all += removed;
        if removed < retention::AT_ONCE {
            break;
        }
    }
    Ok(all)
}

/// Erases every report whose retention has ended. One that cannot be erased is counted, and left
/// for the next round.
async fn erase(
    store: &Store,
    now: Moment,
    stop: &watch::Receiver<bool>,
    removed: &mut Removed,
) -> Result<(), store::Error> {
    let mut after = None;
    while !*stop.borrow() {
        let due = store
            .read(move |mut c| {
                Box::pin(async move { due_for_erasure(&mut c, now, after.as_ref()).await })
            })
            .await?;
        let Some(last) = due.last() else { break };
        after = Some(last.clone());
        let ids: Vec<String> = due.into_iter().map(|due| due.id).collect();
        match erase_together(store, ids.clone(), now).await {
            Ok(()) => removed.reports += ids.len() as u64,
            Err(error) if error.is_passing() => return Err(error),
            Err(_) => {
                for id in ids {
                    match erase_together(store, vec![id.clone()], now).await {
                        Ok(()) => removed.reports += 1,
                        Err(error) => {
                            tracing::error!(%error, id, "a report could not be erased");
                            removed.failed += 1;
                        }
                    }
                }
            }
        }
    }
    Ok(())
}

async fn erase_together(store: &Store, ids: Vec<String>, now: Moment) -> Result<(), store::Error> {
    store
        .write(move |mut c| {
            Box::pin(async move {
                for id in &ids {
                    store::reports::erase(&mut c, id, now).await?;
                }
                Ok(())
            })
        })
        .await
}

/// How often retention goes round.
const RETENTION_EVERY: Duration = Duration::from_secs(3600);
/// How often files are looked through for those that no row lists, and how soon again after that
/// failed.
const SWEEP_EVERY: Duration = Duration::from_secs(24 * 3600);
const SWEEP_AGAIN: Duration = Duration::from_secs(600);

/// How long until the log of the database is emptied again, where a reading stood in the way.
const LOG_EVERY: Duration = Duration::from_secs(2);

/// Empties the log of the database of what was erased; tries until it went through, or it is
/// told to stop.
async fn empty_log(store: &Store, stop: &mut watch::Receiver<bool>) {
    loop {
        match store.truncate_log().await {
            Ok(true) => return,
            Ok(false) => tracing::debug!("a reading keeps what was erased in the database's log"),
            Err(error) => tracing::warn!(%error, "the database's log could not be emptied"),
        }
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(LOG_EVERY) => {}
        }
    }
}

/// Goes round until told to stop.
pub async fn retention(
    store: Store,
    kept: Retention,
    folders: Folders,
    clock: Arc<dyn Clock>,
    mut stop: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    // What an earlier process erased may be in the log still.
    let mut erased = true;
    while !*stop.borrow_and_update() {
        match retain(&store, kept, clock.now(), &stop).await {
            Ok(removed) if removed == Removed::default() => {}
            Ok(removed) => {
                erased |= removed.reports > 0;
                tracing::info!(?removed, "retention removed what was old");
            }
            Err(error) => {
                tracing::warn!(%error, "retention could not go round");
                erased = true;
            }
        }
        if std::mem::take(&mut erased) {
            empty_log(&store, &mut stop).await;
        }
        match files::remove_queued(&store, &folders, &stop).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "files of what was removed are gone"),
            Err(error) => tracing::warn!(%error, "files could not be removed"),
        }
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => {}
            () = tokio::time::sleep(RETENTION_EVERY) => {}
        }
    }
    Ok(())
}

/// Removes what crashes left, at the start and once a day, until told to stop.
pub async fn sweep(
    store: Store,
    folders: Folders,
    clock: Arc<dyn Clock>,
    mut stop: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    while !*stop.borrow_and_update() {
        let pause = match files::sweep(&store, &folders, clock.now(), &stop).await {
            Ok(removed) => {
                if removed > 0 {
                    tracing::info!(removed, "files that nothing refers to were removed");
                }
                SWEEP_EVERY
            }
            Err(error) => {
                tracing::warn!(error = %format!("{error:#}"), "files could not be swept");
                SWEEP_AGAIN
            }
        };
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    Ok(())
}

/// How often reports are held against the newest outages.
const JUDGE_EVERY: Duration = Duration::from_secs(15);

/// Judges reports again until told to stop.
pub async fn judge_again(desk: Desk, mut stop: watch::Receiver<bool>) -> anyhow::Result<()> {
    while !*stop.borrow_and_update() {
        match reports::judge_again(&desk, &stop).await {
            Ok(judged) => {
                if judged.changed > 0 {
                    tracing::info!(changed = judged.changed, "findings of reports changed");
                }
                if judged.unreadable > 0 {
                    let unreadable = judged.unreadable;
                    tracing::error!(unreadable, "reports could not be judged again");
                }
            }
            Err(error) => tracing::warn!(%error, "reports could not be judged again"),
        }
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => {}
            () = tokio::time::sleep(JUDGE_EVERY) => {}
        }
    }
    Ok(())
}
