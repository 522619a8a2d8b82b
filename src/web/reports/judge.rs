//! The finding of a report from what the store knows: outages of the reported component
//! and of those before it, gaps in our own watch, and whether we saw the component working.

use std::time::Duration;

use crate::domain::finding::{self, Finding, TOLERANCE, Verdict};
use crate::domain::{ComponentId, Moment};
use crate::store::{self, Store, monitor, outages, reports, runs};
use crate::web::desk::Desk;

/// Outages around the tries that are looked at, the newest first.
const MOST_OUTAGES: i64 = 500;
/// How far around a try we look for the component working.
const AROUND: Duration = Duration::from_secs(30 * 60);
/// The finding speaks of the twelve hours before the last try.
const BEFORE: Duration = Duration::from_secs(12 * 3600);

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
    let mut changed = 0;
    for (case, tries) in recent {
        let upstream = desk.upstream(&case.component);
        let finding = judge(&desk.store, case.component, tries, upstream, now).await?;
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

/// Holds the tries of a report against what was observed. `upstream`: the reported
/// component and those that an applicant passes before it.
pub(super) async fn judge(
    store: &Store,
    component: ComponentId,
    tries: Vec<Moment>,
    upstream: Vec<ComponentId>,
    now: Moment,
) -> Result<Finding, store::Error> {
    let first = tries.first().copied().unwrap_or(now);
    let from = first - BEFORE.max(TOLERANCE);
    store
        .read(move |mut conn| {
            Box::pin(async move {
                let mut outages = outages::touching(&mut conn, from, now, MOST_OUTAGES).await?;
                outages.retain(|outage| upstream.contains(&outage.component));
                let gaps = monitor::gaps(&mut conn, from, now).await?;
                let unseen: Vec<(Moment, bool)> = tries.iter().map(|at| (*at, false)).collect();
                let finding = finding::judge(&unseen, &outages, &gaps, now);
                if finding.tries.iter().all(|one| one.outage.is_some()) {
                    return Ok(finding);
                }
                // Whether we saw it working matters only beside an outage, and asking costs.
                let mut seen = Vec::with_capacity(unseen.len());
                for one in &finding.tries {
                    let working = one.outage.is_none()
                        && runs::seen_working(
                            &mut conn,
                            &component,
                            one.at - AROUND,
                            one.at + AROUND,
                        )
                        .await?;
                    seen.push((one.at, working));
                }
                Ok(finding::judge(&seen, &outages, &gaps, now))
            })
        })
        .await
}
