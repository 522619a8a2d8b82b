//! From a snapshot to every finished page: what is rendered when something changes.

use super::api::{statuspage, v1};
use super::lang::Lang;
use super::layout::{FAVICON, STYLE, STYLE_PATH};
use super::page_cache::{Kind, Pages};
use super::public::outages::Month;
use super::public::{check, history, home, outage, outages};
use super::site::Site;
use super::snapshot::{MonthOfOutages, Snapshot};

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
    let month = Month {
        shown: None,
        months: &snapshot.months,
        outages: &snapshot.outages,
        as_of: snapshot.as_of,
    };
    page("/outages", &|lang| outages::page(site, lang, &month));
    for shown in whole_months(site, snapshot) {
        let month = Month {
            shown: Some(shown),
            ..month
        };
        let path = format!("/outages/{}", shown.key());
        page(&path, &|lang| outages::page(site, lang, &month));
    }
    for one in snapshot.outages.iter().take(OUTAGE_PAGES) {
        let path = format!("/outages/{}", one.id);
        page(&path, &|lang| outage::page(site, lang, one, snapshot.as_of));
    }
    let mut data = |path: &str, bytes: Vec<u8>| pages.add(path, Kind::JSON, bytes, previous);
    data("/api/v1/status", v1::status(site, snapshot));
    data("/api/v1/components", v1::components(snapshot));
    data("/api/v1/outages", v1::outages(site, snapshot));
    for one in snapshot.outages.iter().take(OUTAGE_PAGES) {
        let path = format!("/api/v1/outages/{}", one.id);
        data(&path, v1::outage(site, one));
    }
    for (path, bytes) in statuspage::files(site, snapshot) {
        data(path, bytes);
    }
    pages
}

/// The months that the snapshot holds completely, so that their pages lack nothing.
fn whole_months(site: &Site, snapshot: &Snapshot) -> Vec<MonthOfOutages> {
    let day = std::time::Duration::from_secs(24 * 3600);
    let oldest = site.zone.at(snapshot.as_of - day * 90).date();
    let partly_held = MonthOfOutages::of(oldest);
    snapshot
        .months
        .iter()
        .copied()
        .filter(|month| *month > partly_held)
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
