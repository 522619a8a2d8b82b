//! From a snapshot to every finished page: what is rendered when something changes.

use std::time::Duration;

use super::api::{statuspage, v1};
use super::lang::Lang;
use super::layout::{FAVICON, STYLE, STYLE_PATH};
use super::page_cache::{Kind, Pages};
use super::public::outages::Shown;
use super::public::{check, history, home, outage, outages};
use super::site::Site;
use super::snapshot::{DAYS, Month, Snapshot};

/// Outages with a finished page; with more than that in 90 days, the oldest are rendered
/// when asked for.
const OUTAGE_PAGES: usize = 400;

/// Every public page of this moment. What did not change since `previous` keeps its
/// compressed bytes and its tag.
pub fn render_all(site: &Site, snapshot: &Snapshot, previous: &Pages) -> Pages {
    let mut pages = fixed(site, previous);
    let texts = |render: &dyn Fn(Lang) -> String| Lang::ALL.map(|lang| render(lang).into_bytes());
    let mut page = |path: &str, render: &dyn Fn(Lang) -> String| {
        pages.add_by_language(path, Kind::HTML, texts(render), previous);
    };
    page("/", &|lang| home::page(site, lang, snapshot));
    page("/history", &|lang| history::page(site, lang, snapshot));
    page("/check", &|lang| check::page(site, lang, snapshot));
    let list = Shown {
        month: None,
        watched_since: snapshot.watched_since,
        outages: &snapshot.outages,
        as_of: snapshot.as_of,
    };
    page("/outages", &|lang| outages::page(site, lang, &list));
    for month in whole_months(site, snapshot) {
        let list = Shown {
            month: Some(month),
            ..list
        };
        let path = format!("/outages/{}", month.key());
        page(&path, &|lang| outages::page(site, lang, &list));
    }
    for one in snapshot.outages.iter().take(OUTAGE_PAGES) {
        let path = format!("/outages/{}", one.record.id);
        page(&path, &|lang| outage::page(site, lang, one, snapshot.as_of));
    }
    let mut data = |path: &str, bytes: Vec<u8>| pages.add(path, Kind::JSON, bytes, previous);
    data("/api/v1/status", v1::status(site, snapshot));
    data("/api/v1/components", v1::components(site, snapshot));
    data("/api/v1/outages", v1::outages(site, snapshot));
    for one in snapshot.outages.iter().take(OUTAGE_PAGES) {
        let path = format!("/api/v1/outages/{}", one.record.id);
        data(&path, v1::outage(site, one));
    }
    for (path, bytes) in statuspage::files(site, snapshot) {
        data(path, bytes);
    }
    pages
}

/// The months that the snapshot holds completely, the current one included.
pub fn whole_months(site: &Site, snapshot: &Snapshot) -> Vec<Month> {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    let oldest = snapshot.as_of - DAY * u32::try_from(DAYS).unwrap_or(0);
    let now = Month::of(site.zone.at(snapshot.as_of).date());
    let partly_held = Month::of(site.zone.at(oldest).date());
    std::iter::successors(Some(now), |month| Some(month.previous()))
        .take_while(|month| *month > partly_held)
        .collect()
}

/// What does not depend on the watch: stylesheet, icon, robots.
fn fixed(site: &Site, previous: &Pages) -> Pages {
    let mut pages = Pages::new(site.is_https());
    pages.add(&STYLE_PATH, Kind::CSS, STYLE.into(), previous);
    pages.add("/favicon.svg", Kind::SVG, FAVICON.into(), previous);
    pages.add("/robots.txt", Kind::TEXT, robots(site).into(), previous);
    pages
}

/// A rehearsal is listed nowhere: somebody would take it for news.
fn robots(site: &Site) -> &'static str {
    if site.rehearsal {
        "User-agent: *\nDisallow: /\n"
    } else {
        "User-agent: *\nDisallow: /office/\nDisallow: /duty/\nDisallow: /receipts/\nDisallow: /api/\n"
    }
}

/// The pages before the first snapshot is read: everything unknown, nothing green.
pub fn before_the_first_snapshot(site: &Site, as_of: crate::domain::Moment) -> Pages {
    let nothing = Snapshot {
        as_of,
        ..Snapshot::default()
    };
    render_all(site, &nothing, &Pages::default())
}
