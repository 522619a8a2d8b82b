//! The finding of a report from what the store knows: outages of the reported component
//! and of those before it, gaps in our own watch, and whether we saw the component working.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, watch};

use crate::domain::finding::{self, Finding, REACH, TOLERANCE};
use crate::domain::history::{Gap, Outage};
use crate::domain::{ComponentId, Moment};
use crate::store::reevaluation::{
    BATCH, Candidate, Replacement, due, go_on, marked, replace, set_due,
};
use crate::store::{self, Store, monitor, outages, reports, runs};
use crate::web::desk::Desk;

/// How far around a try we look for the component working.
const AROUND: Duration = Duration::from_secs(30 * 60);
/// How long after a report came everything is recorded that says whether we saw the component
/// working around its tries: the time around the last, and the longest run.
const SETTLED_AFTER: Duration = Duration::from_secs(AROUND.as_secs() + 10 * 60);

/// How far back a reading goes that is shared.
const SHARED: Duration = Duration::from_secs(36 * 3600);

/// What judging again came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// Reports that were looked at.
    pub looked_at: usize,
    /// Findings that say something else now.
    pub changed: usize,
    /// Reports that could not be judged, because they or an outage of that time cannot be read;
    /// their findings stay as they are.
    pub unreadable: usize,
}

/// Judges again all reports that may have to say something else now: those with tries in spans
/// of which we know more than before, however long ago, and those that came so shortly ago that
/// not everything was recorded yet. Goes on until none is left or it is told to stop, a portion
/// at a time; broken off, it goes on from there at the next call.
///
/// # Errors
/// When the database fails.
pub async fn judge_again(
    desk: &Desk,
    stop: &watch::Receiver<bool>,
) -> Result<Judged, store::Error> {
    let store = &desk.store;
    let mut judged = Judged::default();
    while !*stop.borrow() {
        let marked = store.read(|mut conn| Box::pin(async move { marked(&mut conn).await }));
        let Some((mark, reports)) = marked.await? else {
            break;
        };
        let findings = again(desk, &reports, &mut judged).await?;
        store
            .write(move |mut conn| {
                Box::pin(async move {
                    replace(&mut conn, &findings).await?;
                    let last = reports.last().filter(|_| reports.len() == BATCH);
                    go_on(&mut conn, &mark, last).await
                })
            })
            .await?;
    }
    while !*stop.borrow() {
        let now = desk.clock.now();
        let due = store.read(move |mut conn| Box::pin(async move { due(&mut conn, now).await }));
        let reports = due.await?;
        if reports.is_empty() {
            break;
        }
        let findings = again(desk, &reports, &mut judged).await?;
        store
            .write(move |mut conn| {
                Box::pin(async move {
                    replace(&mut conn, &findings).await?;
                    for report in reports {
                        // Also of one that cannot be read: it must not come round for ever.
                        set_due(&mut conn, &report.id, next_look(&report, now)).await?;
                    }
                    Ok(())
                })
            })
            .await?;
    }
    Ok(judged)
}

fn next_look(report: &Candidate, now: Moment) -> Option<Moment> {
    let settled = report.received_at.max(report.last_tried_at) + SETTLED_AFTER;
    (now < settled).then_some(settled)
}

/// Judges these reports by what is known now. Gives the findings that differ.
async fn again(
    desk: &Desk,
    reports: &[Candidate],
    judged: &mut Judged,
) -> Result<Vec<Replacement>, store::Error> {
    judged.looked_at += reports.len();
    let ids: Vec<String> = reports.iter().map(|report| report.id.clone()).collect();
    let tries = desk
        .store
        .read(|mut conn| {
            Box::pin(async move {
                let mut all = Vec::with_capacity(ids.len());
                for id in ids {
                    all.push(reports::attempts(&mut conn, &id).await?);
                }
                Ok(all)
            })
        })
        .await?;
    let now = desk.clock.now();
    let first = tries.iter().flatten().min().copied();
    let last = tries.iter().flatten().max().copied();
    let (Some(first), Some(last)) = (first, last) else {
        judged.unreadable += reports.len();
        return Ok(Vec::new());
    };
    let until = last + TOLERANCE + Duration::from_millis(1);
    let observed = Observed::between(&desk.store, first - REACH, until).await?;
    let mut findings = Vec::new();
    for (report, tries) in reports.iter().zip(tries) {
        let component = ComponentId::parse(&report.component);
        let before: Option<Finding> = serde_json::from_str(&report.finding).ok();
        let (Some(component), Some(before), true) = (component, before, observed.is_whole(&tries))
        else {
            judged.unreadable += 1;
            continue;
        };
        let upstream = desk.upstream(&component);
        let of = (component, tries.as_slice(), Some(&before));
        match judge(&desk.store, &observed, of, &upstream, now).await {
            Ok(finding) if finding == before => {}
            Ok(finding) => {
                judged.changed += 1;
                findings.push(Replacement {
                    id: report.id.clone(),
                    finding: serde_json::to_string(&finding)?,
                    outage_id: finding.outage,
                });
            }
            Err(error) if error.is_passing() => return Err(error),
            Err(_) => judged.unreadable += 1,
        }
    }
    Ok(findings)
}

/// Outages and gaps in our watch.
pub struct Observed {
    /// All that touched the time from here on.
    pub since: Moment,
    /// The newest first.
    pub outages: Vec<Outage>,
    /// Begin and end of outages that cannot be read.
    unreadable: Vec<(Moment, Option<Moment>)>,
    /// Of every vantage.
    pub gaps: Vec<Gap>,
}

impl Observed {
    async fn between(
        store: &Store,
        since: Moment,
        until: Moment,
    ) -> Result<Observed, store::Error> {
        let observed = store
            .read(move |mut conn| {
                Box::pin(async move {
                    let touching = outages::all_touching(&mut conn, since, until).await?;
                    Ok(Observed {
                        since,
                        outages: touching.outages,
                        unreadable: touching.unreadable,
                        gaps: monitor::all_gaps(&mut conn, since, until).await?,
                    })
                })
            })
            .await?;
        if !observed.unreadable.is_empty() {
            let count = observed.unreadable.len();
            tracing::error!(count, "outages cannot be read, and say nothing of reports");
        }
        Ok(observed)
    }

    /// Whether everything can be read that may explain these tries.
    fn is_whole(&self, tries: &[Moment]) -> bool {
        let mut unreadable = self.unreadable.iter();
        !unreadable.any(|(began, ended)| touches(*began, *ended, tries))
    }
}

/// Whether an outage may matter to these tries.
fn touches(began: Moment, ended: Option<Moment>, tries: &[Moment]) -> bool {
    let (Some(first), Some(last)) = (tries.first(), tries.last()) else {
        return false;
    };
    let from = (*first - TOLERANCE).min(*last - REACH);
    began <= *last + TOLERANCE && ended.is_none_or(|ended| ended >= from)
}

/// What was observed lately. Those who ask while it is being read share the next reading: in an
/// outage, many report within the same second.
#[derive(Default)]
pub struct Lately {
    asked: AtomicU64,
    /// The last reading, and the number of the last who had asked before it.
    read: Mutex<Option<(u64, Arc<Observed>)>>,
}

impl Lately {
    /// What matters for these tries, the first first: as it stands, or stood after the call.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn around(
        &self,
        store: &Store,
        tries: &[Moment],
        now: Moment,
    ) -> Result<Arc<Observed>, store::Error> {
        let since = first_of(tries, now) - REACH;
        let own = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let mut read = self.read.lock().await;
        if let Some((all, observed)) = &*read
            && *all >= own
            && observed.since <= since
        {
            return Ok(Arc::clone(observed));
        }
        let all = self.asked.load(Ordering::SeqCst);
        // As far back as most of those ask who share it.
        let since = since.min(now - SHARED);
        let observed = Arc::new(Observed::between(store, since, now).await?);
        *read = Some((all, Arc::clone(&observed)));
        Ok(observed)
    }
}

fn first_of(tries: &[Moment], now: Moment) -> Moment {
    tries.first().copied().unwrap_or(now)
}

/// Holds a report against what was observed: the component that it names, its tries, the first
/// first, and the finding that it has, which knows what we saw at times of which no run is
/// remembered any more. `upstream`: the component and those that an applicant passes before it.
pub(super) async fn judge(
    store: &Store,
    observed: &Observed,
    (component, tries, before): (ComponentId, &[Moment], Option<&Finding>),
    upstream: &[ComponentId],
    now: Moment,
) -> Result<Finding, store::Error> {
    let matters = |outage: &&Outage| {
        upstream.contains(&outage.component) && touches(outage.began_at, outage.ended_at, tries)
    };
    let outages: Vec<Outage> = (observed.outages.iter()).filter(matters).cloned().collect();
    let unseen: Vec<(Moment, bool)> = tries.iter().map(|at| (*at, false)).collect();
    let finding = finding::judge(&unseen, &outages, &observed.gaps, now);
    if finding.tries.iter().all(|one| one.outage.is_some()) {
        return Ok(finding);
    }
    let known: Vec<(Moment, bool)> = before.map_or_else(Vec::new, |before| {
        let tries = before.tries.iter();
        tries.map(|one| (one.at, one.seen_working)).collect()
    });
    // Whether we saw it working matters only beside an outage, and asking costs.
    let seen = store
        .read(move |mut conn| {
            Box::pin(async move {
                let mut seen = Vec::with_capacity(finding.tries.len());
                for one in &finding.tries {
                    let (from, until) = (one.at - AROUND, one.at + AROUND);
                    let working = match one.outage {
                        Some(_) => Some(false),
                        None => runs::seen_working(&mut conn, &component, from, until).await?,
                    };
                    let was = || known.contains(&(one.at, true));
                    seen.push((one.at, working.unwrap_or_else(was)));
                }
                Ok(seen)
            })
        })
        .await?;
    Ok(finding::judge(&seen, &outages, &observed.gaps, now))
}
