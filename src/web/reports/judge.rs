//! The finding of a report from what the store knows: outages of the reported component
//! and of those before it, gaps in our own watch, and whether we saw the component working.

use std::time::Duration;

use crate::domain::finding::{self, Finding, TOLERANCE};
use crate::domain::report::Report;
use crate::domain::{ComponentId, Moment};
use crate::store::{self, Store, monitor, outages, runs};

/// Outages around the tries that are looked at, the newest first.
const MOST_OUTAGES: i64 = 500;
/// How far around a try we look for the component working.
const AROUND: Duration = Duration::from_secs(30 * 60);
/// The finding speaks of the twelve hours before the last try.
const BEFORE: Duration = Duration::from_secs(12 * 3600);

/// Holds the tries of a report against what was observed. `upstream`: the reported
/// component and those that an applicant passes before it.
pub(super) async fn judge(
    store: &Store,
    report: &Report,
    upstream: Vec<ComponentId>,
    now: Moment,
) -> Result<Finding, store::Error> {
    let tries = report.tried_at.clone();
    let component = report.component.clone();
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
