//! Reading what the public pages are made of from the store.

use std::sync::Arc;
use std::time::Duration;

use super::site::Site;
use super::snapshot::{
    Component, DAYS, ErrorPage, LadderRung, Maintenance, Month, Outage, Screenshot, Snapshot,
};
use crate::domain::history::{self, Gap, Outage as Record, Tally};
use crate::domain::names::NameTable;
use crate::domain::outage::{Rules, Watch};
use crate::domain::{ComponentId, Moment};
use crate::store::runs::FailureSummary;
use crate::store::{self, Conn, Store, monitor, names, outages, pieces, runs};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Outages in one reading at most. With more than that, the oldest have no place on the
/// pages of the last 90 days, but keep their own page.
const OUTAGES: i64 = 500;

/// What the ladder said longer ago than this says nothing of "right now".
const LADDER_FRESH: Duration = Duration::from_secs(24 * 3600);

/// Reads snapshots. Cheap to clone.
#[derive(Clone)]
pub struct Reader {
    /// Where from.
    pub store: Store,
    /// The watched site.
    pub site: Arc<Site>,
    /// The components in the order of the status page: what flows speak for, whether it
    /// has been observed yet or not. Others that the store knows come after them.
    pub components: Arc<[ComponentId]>,
    /// When an observation counts as fresh.
    pub rules: Arc<Rules>,
}

impl Reader {
    /// Everything that the public pages tell, as of `now`. What is known of closed outages
    /// is taken over from `previous` where it cannot have changed.
    pub async fn read(
        &self,
        now: Moment,
        previous: Option<Arc<Snapshot>>,
    ) -> Result<Snapshot, store::Error> {
        let this = self.clone();
        self.store
            .read(move |mut conn| {
                Box::pin(async move { this.read_all(&mut conn, now, previous.as_deref()).await })
            })
            .await
    }

    async fn read_all(
        &self,
        conn: &mut Conn<'_>,
        now: Moment,
        previous: Option<&Snapshot>,
    ) -> Result<Snapshot, store::Error> {
        let zone = self.site.zone.time_zone();
        let from = now - DAY * u32::try_from(DAYS).unwrap_or(0);
        let until = now + Duration::from_millis(1);
        let watches = outages::watches(conn).await?;
        let announced = monitor::maintenance(conn, now).await?;
        let windows: Vec<_> = announced.iter().map(|a| a.window.clone()).collect();
        let records = outages::touching(conn, from, until, OUTAGES).await?;
        let gaps = monitor::gaps(conn, from, until).await?;
        let tallies = runs::days(conn, history::date_of(from, &zone)).await?;
        let rungs = runs::rungs(conn, now - LADDER_FRESH).await?;
        let watched_since = runs::first_observation(conn).await?;
        let recorded_at = runs::newest_end(conn).await?;
        let names = Arc::new(names::all(conn).await?);

        let components = self
            .in_order(watches)
            .into_iter()
            .map(|watch| {
                let id = watch.component().clone();
                let (state, since) = watch.state(now, &windows, &self.rules);
                let of_it: Vec<(jiff::civil::Date, Tally)> = tallies
                    .iter()
                    .filter(|(of, ..)| *of == id)
                    .map(|(_, date, tally)| (*date, *tally))
                    .collect();
                let troubles: Vec<Record> = records
                    .iter()
                    .filter(|record| record.component == id)
                    .cloned()
                    .collect();
                Component {
                    state,
                    since,
                    observed_at: watch.last_heard(),
                    days: history::days(DAYS, now, &zone, &of_it, &troubles),
                    id,
                }
            })
            .collect();
        let mut read = Vec::with_capacity(records.len());
        for record in records {
            let known = previous.and_then(|previous| {
                previous
                    .outages
                    .iter()
                    .find(|known| known.record == record && !known.is_open())
            });
            read.push(match known {
                Some(known) => Outage {
                    names: Arc::clone(&names),
                    ..known.clone()
                },
                None => outage(conn, record, &gaps, &names, now).await?,
            });
        }
        let mut ladder: Vec<LadderRung> = Vec::new();
        for rung in rungs {
            let size = u64::try_from(rung.size).unwrap_or(0);
            // The newest of several vantages comes last and counts.
            ladder.retain(|other| (&other.kind, other.size) != (&rung.kind, size));
            ladder.push(LadderRung {
                kind: rung.kind,
                size,
                accepted: rung.accepted,
                allowed: rung.allowed,
                tried_at: rung.seen_at,
            });
        }
        ladder.sort_by(|a, b| (a.size, &a.kind).cmp(&(b.size, &b.kind)));
        Ok(Snapshot {
            as_of: now,
            watched_since,
            recorded_at,
            components,
            outages: read,
            ladder,
            maintenance: announced
                .into_iter()
                .map(|announced| Maintenance {
                    id: announced.id,
                    component: announced.window.component,
                    from: announced.window.from,
                    until: announced.window.until,
                    titles: [announced.title_id, announced.title_en],
                    notice_url: announced.notice_url,
                })
                .collect(),
            gaps,
        })
    }

    /// The detectors in the order of the page; a component that was never observed gets a
    /// detector that has heard nothing, and so reads as unknown.
    fn in_order(&self, mut watches: Vec<Watch>) -> Vec<Watch> {
        let mut ordered: Vec<Watch> = self
            .components
            .iter()
            .map(
                |id| match watches.iter().position(|watch| watch.component() == id) {
                    Some(position) => watches.remove(position),
                    None => Watch::new(id.clone()),
                },
            )
            .collect();
        ordered.append(&mut watches);
        ordered
    }

    /// One outage, however old; `None` where there is none of this id.
    pub async fn outage(&self, id: &str, now: Moment) -> Result<Option<Outage>, store::Error> {
        let id = id.to_owned();
        self.store
            .read(|mut conn| {
                Box::pin(async move {
                    let Some(record) = outages::by_id(&mut conn, &id).await? else {
                        return Ok(None);
                    };
                    let until = record.ended_at.unwrap_or(now);
                    let gaps = monitor::gaps(&mut conn, record.began_at, until).await?;
                    let names = Arc::new(names::all(&mut conn).await?);
                    outage(&mut conn, record, &gaps, &names, now)
                        .await
                        .map(Some)
                })
            })
            .await
    }

    /// The outages that began in a month, newest first, and when anything was first
    /// observed.
    pub async fn month(
        &self,
        month: Month,
        now: Moment,
    ) -> Result<(Vec<Outage>, Option<Moment>), store::Error> {
        let zone = self.site.zone.time_zone();
        let from = history::start_of(month.first_day(), &zone);
        let until = history::start_of(month.next().first_day(), &zone);
        self.store
            .read(|mut conn| {
                Box::pin(async move {
                    let conn = &mut conn;
                    let records = outages::touching(conn, from, until, OUTAGES).await?;
                    let names = Arc::new(names::all(conn).await?);
                    let mut read = Vec::with_capacity(records.len());
                    for record in records {
                        read.push(outage(conn, record, &[], &names, now).await?);
                    }
                    Ok((read, runs::first_observation(conn).await?))
                })
            })
            .await
    }
}

/// What was seen of an outage.
async fn outage(
    conn: &mut Conn<'_>,
    record: Record,
    gaps: &[Gap],
    names: &Arc<NameTable>,
    now: Moment,
) -> Result<Outage, store::Error> {
    let until = record.ended_at.unwrap_or(now + Duration::from_millis(1));
    let updates = outages::updates(conn, &record.id).await?;
    let failures = runs::failures(conn, &record.component, record.began_at, until).await?;
    let vantages = if record.ended_at.is_none() {
        let watch = outages::watch(conn, &record.component).await?;
        watch
            .failing_vantages()
            .into_iter()
            .map(str::to_owned)
            .collect()
    } else {
        Vec::new()
    };
    let screenshot = pieces::public_screenshot(conn, &record.component, record.began_at, until);
    let screenshot = screenshot
        .await?
        .map(|(sha256, taken_at)| Screenshot { sha256, taken_at });
    Ok(Outage {
        screenshot,
        updates,
        failures: failures.iter().map(|failure| counted(failure.times)).sum(),
        vantages,
        vantage_count: failures
            .iter()
            .map(|failure| counted(failure.vantages))
            .max()
            .unwrap_or(0),
        error_pages: error_pages(&failures),
        gaps: gaps
            .iter()
            .filter(|gap| {
                gap.began_at < until && gap.ended_at.is_none_or(|ended| ended > record.began_at)
            })
            .cloned()
            .collect(),
        names: Arc::clone(names),
        record,
    })
}

/// The error pages met, the most frequent first. A page that several steps met counts once.
fn error_pages(failures: &[FailureSummary]) -> Vec<ErrorPage> {
    let mut pages: Vec<ErrorPage> = Vec::new();
    for failure in failures {
        let (Some(title), Some(fingerprint)) = (&failure.title, &failure.fingerprint) else {
            continue;
        };
        match pages
            .iter_mut()
            .find(|page| page.fingerprint == *fingerprint)
        {
            Some(page) => {
                page.count += counted(failure.times);
                page.first_at = page.first_at.min(failure.first_at);
                page.vantages = page.vantages.max(counted(failure.vantages));
            }
            None => pages.push(ErrorPage {
                title: title.clone(),
                fingerprint: fingerprint.clone(),
                count: counted(failure.times),
                first_at: failure.first_at,
                vantages: counted(failure.vantages),
            }),
        }
    }
    pages.sort_by_key(|page| std::cmp::Reverse(page.count));
    pages
}

fn counted(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
