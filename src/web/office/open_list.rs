//! What stands on a page of the open cases: in the order of `domain::queue`, the reports of one
//! passport together, and beside each what else its network sent.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use super::rows::{Note, Row, natural};
use crate::domain::office;
use crate::domain::queue::{self, Entry, Group, MAX_OF_NETWORK, OpenReport};
use crate::store::reports::{self, Case, Open};
use crate::store::{self, Conn};
use crate::web::desk::{Desk, zone_of};
use crate::web::layout::Layout;

/// Groups on a page.
pub(super) const A_PAGE: usize = 50;
/// Reports of one passport that a list shows.
const MAX_OF_PASSPORT: usize = 3;
/// How far back the reports of a network are counted.
const NETWORK_WITHIN: Duration = Duration::from_secs(24 * 3600);
/// From so many others on a list tells of them: a family or a hotel is nothing to tell.
const MANY_FROM_NETWORK: i64 = 5;

/// A page of open cases.
pub(super) struct OpenPage {
    /// All that are open.
    pub(super) cases: usize,
    /// Of those, how many are folded behind others.
    pub(super) folded: usize,
    /// Pages that there are; at least one.
    pub(super) pages: usize,
    entries: Vec<Shown>,
    cases_of: BTreeMap<String, Case>,
    from_network: std::collections::HashMap<Vec<u8>, i64>,
}

/// An entry of the page.
struct Shown {
    /// Ids of its reports, the oldest first, as many as are shown.
    ids: Vec<String>,
    /// Those of them whose date cannot be.
    doubtful: HashSet<String>,
    /// How many reports of the passport there are more.
    more: usize,
    /// Of the report by whose date it stands there.
    placed_by: Option<String>,
    /// How many reports are folded behind it, of the network of that one.
    folded: usize,
}

/// Reads the page `number` (from 1) of the open cases of an office, or of all; only those that came
/// from `network`, with all reports of the same passports, where that is given: then nothing is
/// folded.
pub(super) async fn read(
    desk: &Desk,
    office: Option<&'static str>,
    network: Option<Vec<u8>>,
    number: usize,
) -> Result<OpenPage, store::Error> {
    let now = desk.clock.now();
    let site_zone = desk.site.zone;
    let since = now - NETWORK_WITHIN;
    desk.store
        .read(move |mut conn| {
            Box::pin(async move {
                let mut open = reports::open(&mut conn, office).await?;
                if let Some(network) = &network {
                    only_of(&mut open, network);
                }
                let in_queue: Vec<OpenReport> = open
                    .iter()
                    .map(|one| {
                        let at = office::by_code(&one.office);
                        let zone = at.map_or(site_zone, zone_of);
                        OpenReport {
                            passport: one.passport_hash.clone(),
                            network: one.network_hash.clone(),
                            expires_on: one.permit_expires_on,
                            received_on: zone.at(one.received_at).date(),
                            received_at: one.received_at,
                            is_matched: one.is_matched,
                            today: zone.at(now).date(),
                        }
                    })
                    .collect();
                let page = network.is_none().then_some(A_PAGE);
                let list = queue::arrange(&in_queue, page);
                let folded = list.iter().map(|entry| reports_in(&entry.folded)).sum();
                let pages = list.len().div_ceil(A_PAGE).max(1);
                let entries: Vec<Shown> = list
                    .iter()
                    .skip((number.clamp(1, pages) - 1) * A_PAGE)
                    .take(A_PAGE)
                    .map(|entry| shown(entry, &open, &in_queue))
                    .collect();
                page_of(&mut conn, entries, open.len(), folded, pages, since).await
            })
        })
        .await
}

/// Leaves the reports of passports that any report from this network is of.
fn only_of(open: &mut Vec<Open>, network: &[u8]) {
    let passports: HashSet<Vec<u8>> = open
        .iter()
        .filter(|one| one.network_hash.as_deref() == Some(network))
        .map(|one| one.passport_hash.clone())
        .collect();
    open.retain(|one| passports.contains(&one.passport_hash));
}

fn reports_in(groups: &[Group]) -> usize {
    groups.iter().map(Vec::len).sum()
}

/// The oldest reports of an entry, and in any case the one by whose date it stands there.
fn shown(entry: &Entry, open: &[Open], in_queue: &[OpenReport]) -> Shown {
    let mut places: Vec<usize> = entry.group.iter().take(MAX_OF_PASSPORT).copied().collect();
    if !places.contains(&entry.placed_by)
        && let Some(last) = places.last_mut()
    {
        *last = entry.placed_by;
    }
    let id = |place: &usize| open.get(*place).map(|one| one.id.clone());
    let is_doubtful = |place: &&usize| {
        in_queue
            .get(**place)
            .is_some_and(OpenReport::has_doubtful_date)
    };
    Shown {
        ids: places.iter().filter_map(id).collect(),
        doubtful: places.iter().filter(is_doubtful).filter_map(id).collect(),
        more: entry.group.len().saturating_sub(places.len()),
        placed_by: id(&entry.placed_by),
        folded: reports_in(&entry.folded),
    }
}

async fn page_of(
    conn: &mut Conn<'_>,
    entries: Vec<Shown>,
    cases: usize,
    folded: usize,
    pages: usize,
    since: crate::domain::Moment,
) -> Result<OpenPage, store::Error> {
    let ids: Vec<String> = entries.iter().flat_map(|entry| entry.ids.clone()).collect();
    let read = reports::by_ids(conn, &ids).await?;
    let networks: BTreeSet<Vec<u8>> = read
        .iter()
        .filter_map(|case| case.network_hash.clone())
        .collect();
    Ok(OpenPage {
        cases,
        folded,
        pages,
        entries,
        cases_of: read
            .into_iter()
            .map(|case| (case.id.clone(), case))
            .collect(),
        from_network: reports::of_networks_since(conn, &networks, since).await?,
    })
}

/// How many others came from the network of a case within 24 hours.
pub(super) async fn others_from_network(
    conn: &mut Conn<'_>,
    case: &Case,
    now: crate::domain::Moment,
) -> Result<u64, store::Error> {
    let Some(network) = &case.network_hash else {
        return Ok(0);
    };
    let networks = BTreeSet::from([network.clone()]);
    let since = now - NETWORK_WITHIN;
    let counts = reports::of_networks_since(conn, &networks, since).await?;
    let all = counts.get(network).copied().unwrap_or(0);
    let others = all - i64::from(case.received_at >= since);
    Ok(u64::try_from(others).unwrap_or(0))
}

impl OpenPage {
    /// The ids of all cases on it, in their order.
    pub(super) fn ids(&self) -> Vec<String> {
        let ids = self.entries.iter().flat_map(|entry| &entry.ids);
        ids.filter(|id| self.cases_of.contains_key(*id))
            .cloned()
            .collect()
    }

    /// Its rows.
    pub(super) fn rows(&self, desk: &Desk, layout: &Layout<'_>) -> Vec<Row> {
        let keys = desk.keys.get();
        let t = layout.t;
        let to =
            |what: &str, reference: &str| Some(layout.to(&format!("/office/?{what}={reference}")));
        let mut rows = Vec::new();
        for entry in &self.entries {
            // A case may have been erased since the list was made.
            let cases = entry.ids.iter().filter_map(|id| self.cases_of.get(id));
            let from = rows.len();
            for case in cases {
                let mut row = Row::of(desk, layout, &keys, case);
                row.goes_on = rows.len() > from;
                if entry.doubtful.contains(&case.id) {
                    row.notes.push(Note {
                        text: t.get("row-doubtful"),
                        href: None,
                    });
                }
                let network = case.network_hash.as_ref();
                let others = network.and_then(|network| self.from_network.get(network));
                let others = others.map_or(0, |all| all - 1);
                if others >= MANY_FROM_NETWORK {
                    let count = u64::try_from(others).unwrap_or(0);
                    row.notes.push(Note {
                        text: t.with("row-network", [("count", count.into())]),
                        href: to("network", &case.reference),
                    });
                }
                rows.push(row);
            }
            let Some(last) = rows.get_mut(from..).and_then(<[Row]>::last_mut) else {
                continue;
            };
            if entry.more > 0 {
                last.below.push(Note {
                    text: t.with("row-more", [("count", natural(entry.more).into())]),
                    href: to("passport", &last.reference),
                });
            }
            let placed_by = entry.placed_by.as_ref();
            let placed_by = placed_by.and_then(|id| self.cases_of.get(id));
            if let Some(case) = placed_by.filter(|_| entry.folded > 0) {
                last.below.push(Note {
                    text: t.with("row-folded", [("count", natural(entry.folded).into())]),
                    href: to("network", &case.reference),
                });
            }
        }
        rows
    }

    /// That some are folded, and why; `None` where none is.
    pub(super) fn folded_sentence(&self, layout: &Layout<'_>) -> Option<String> {
        let most = MAX_OF_NETWORK.to_string();
        (self.folded > 0).then(|| {
            layout.t.with(
                "list-folded",
                [
                    ("count", natural(self.folded).into()),
                    ("most", most.into()),
                ],
            )
        })
    }
}
