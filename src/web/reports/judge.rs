//! The finding of a report from what the store knows: outages of the reported component
//! and of those before it, gaps in our own watch, and whether we saw the component working.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;

use crate::domain::finding::{self, Finding, TOLERANCE, Verdict};
use crate::domain::history::{Gap, Outage};
use crate::domain::{ComponentId, Moment};
use crate::store::{self, Store, monitor, outages, reports, runs};
use crate::web::desk::Desk;

/// Outages around the tries that are looked at, the newest first.
const MOST_OUTAGES: i64 = 500;
/// How far around a try we look for the component working.
const AROUND: Duration = Duration::from_secs(30 * 60);
/// The finding speaks of the twelve hours before the last try, and takes what ended shortly
/// before a try for its cause.
const BEFORE: Duration = Duration::from_secs(12 * 3600);
const _: () = assert!(BEFORE.as_secs() >= TOLERANCE.as_secs());

/// How far back a reading goes that is shared.
const SHARED: Duration = Duration::from_secs(36 * 3600);

/// A report may come before the outage is confirmed; it is judged again this long.
const UNSETTLED: Duration = Duration::from_secs(24 * 3600);
/// Reports judged again in one round, the newest first.
const MOST_REPORTS: i64 = 500;

/// Judges again what came in the last 24 hours and is not matched yet: an outage may have
/// been confirmed, or its begin been found, after the report. Gives how many findings
/// changed.
///
/// # Errors
/// When the database fails.
pub async fn judge_again(desk: &Desk, now: Moment) -> Result<usize, store::Error> {
    let recent = desk
        .store
        .read(move |mut conn| {
            Box::pin(async move {
                let mut recent = Vec::new();
                for case in reports::recent(&mut conn, now - UNSETTLED, MOST_REPORTS).await? {
                    if case.finding.verdict != Verdict::Matched {
                        let tries = reports::attempts(&mut conn, &case.id).await?;
                        recent.push((case, tries));
                    }
                }
                Ok(recent)
            })
        })
        .await?;
    let Some(first) = recent.iter().map(|(_, tries)| first_of(tries, now)).min() else {
        return Ok(0);
    };
    let observed = Observed::since(&desk.store, first - BEFORE, now).await?;
    let mut changed = 0;
    for (case, tries) in recent {
        let upstream = desk.upstream(&case.component);
        let finding = judge(
            &desk.store,
            &observed,
            case.component,
            &tries,
            &upstream,
            now,
        )
        .await?;
        if finding != case.finding {
            let id = case.id;
            desk.store
                .write(move |mut conn| {
                    Box::pin(async move { reports::set_finding(&mut conn, &id, &finding).await })
                })
                .await?;
            changed += 1;
        }
    }
    Ok(changed)
}

/// Outages and gaps in our watch.
pub struct Observed {
    /// All that touched the time from here on.
    pub since: Moment,
    /// The newest 500, the newest first.
    pub outages: Vec<Outage>,
    /// Of every vantage.
    pub gaps: Vec<Gap>,
}

impl Observed {
    async fn since(store: &Store, since: Moment, now: Moment) -> Result<Observed, store::Error> {
        store
            .read(move |mut conn| {
                Box::pin(async move {
                    let outages = outages::touching(&mut conn, since, now, MOST_OUTAGES).await?;
                    let gaps = monitor::gaps(&mut conn, since, now).await?;
                    Ok(Observed {
                        since,
                        outages,
                        gaps,
                    })
                })
            })
            .await
    }
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
        let since = first_of(tries, now) - BEFORE;
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
        let observed = Arc::new(Observed::since(store, since, now).await?);
        *read = Some((all, Arc::clone(&observed)));
        Ok(observed)
    }
}

fn first_of(tries: &[Moment], now: Moment) -> Moment {
    tries.first().copied().unwrap_or(now)
}

/// Holds the tries of a report against what was observed. `upstream`: the reported
/// component and those that an applicant passes before it.
pub(super) async fn judge(
    store: &Store,
    observed: &Observed,
    component: ComponentId,
    tries: &[Moment],
    upstream: &[ComponentId],
    now: Moment,
) -> Result<Finding, store::Error> {
    let outages: Vec<Outage> = (observed.outages.iter())
        .filter(|outage| upstream.contains(&outage.component))
        .cloned()
        .collect();
    let unseen: Vec<(Moment, bool)> = tries.iter().map(|at| (*at, false)).collect();
    let finding = finding::judge(&unseen, &outages, &observed.gaps, now);
    if finding.tries.iter().all(|one| one.outage.is_some()) {
        return Ok(finding);
    }
    // Whether we saw it working matters only beside an outage, and asking costs.
    let seen = store
        .read(move |mut conn| {
            Box::pin(async move {
                let mut seen = Vec::with_capacity(finding.tries.len());
                for one in &finding.tries {
                    let (from, until) = (one.at - AROUND, one.at + AROUND);
                    let working = one.outage.is_none()
                        && runs::seen_working(&mut conn, &component, from, until).await?;
                    seen.push((one.at, working));
                }
                Ok(seen)
            })
        })
        .await?;
    Ok(finding::judge(&seen, &outages, &observed.gaps, now))
}
