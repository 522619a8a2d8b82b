//! The last 90 days, component by component, and the gaps in our own watch.

use askama::Template;

use super::bars::{Bar, bar};
use super::words::{self, Badge};
use crate::web::format::Format;
use crate::web::lang::Lang;
use crate::web::layout::Layout;
use crate::web::site::Site;
use crate::web::snapshot::{DayKind, Snapshot};
use crate::web::texts::Texts;

#[derive(Template)]
#[template(path = "web/public/history.html")]
struct History<'a> {
    layout: Layout<'a>,
    t: Texts,
    components: Vec<Row>,
    legend: Vec<Badge>,
    gaps: Vec<String>,
    as_of: String,
}

struct Row {
    key: String,
    name: String,
    bar: Bar,
}

/// Bad days and gaps listed at most; the bar and the numbers hold all of them.
const LISTED: usize = 30;

/// The page of the last 90 days.
pub fn page(site: &Site, lang: Lang, snapshot: &Snapshot) -> String {
    let layout = Layout::new(site, lang, "/history");
    let t = layout.t;
    let format = Format::new(lang, site.zone);
    super::rendered(&History {
        components: snapshot
            .components
            .iter()
            .map(|component| {
                let mut bar = bar(t, format, &component.days);
                bar.bad_days.truncate(LISTED);
                Row {
                    key: component.id.to_string(),
                    name: site.component(t, &component.id),
                    bar,
                }
            })
            .collect(),
        legend: [
            DayKind::Operational,
            DayKind::Degraded,
            DayKind::Partial,
            DayKind::Outage,
            DayKind::Maintenance,
            DayKind::NoData,
        ]
        .into_iter()
        .map(|kind| Badge::of_day(t, kind))
        .collect(),
        gaps: words::gaps(t, format, snapshot.gaps.iter().take(LISTED)),
        as_of: format.moment(snapshot.as_of),
        t,
        layout,
    })
}
