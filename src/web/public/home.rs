//! The status page: what works, since when, and what to do now.

use std::time::Duration;

use askama::Template;

use super::advice::{Advice, advice};
use super::bars::{Bar, bar};
use super::outages::{Card, card};
use super::words::{self, Badge};
use crate::domain::outage::State;
use crate::web::format::Format;
use crate::web::lang::Lang;
use crate::web::layout::Layout;
use crate::web::site::Site;
use crate::web::snapshot::{Maintenance, Overall, Snapshot};
use crate::web::texts::Texts;

#[derive(Template)]
#[template(path = "web/public/home.html")]
struct Home<'a> {
    layout: Layout<'a>,
    t: Texts,
    headline: Headline,
    components: Vec<Line>,
    open: Vec<Card>,
    planned: Vec<Announced>,
    advice: Advice,
    uploads: Option<Uploads>,
    recent: Vec<Card>,
}

/// What a reader sees first. The self-check shows it too.
#[derive(Clone, Debug)]
pub struct Headline {
    /// Of the site as a whole.
    pub badge: Badge,
    /// In one sentence.
    pub title: String,
    /// Since when, and how long that is.
    pub since: Option<String>,
    /// What it means, where that needs a sentence.
    pub meaning: Option<String>,
    /// When this was written.
    pub as_of: String,
    /// The same for programs, RFC 3339.
    pub as_of_machine: String,
    /// When anything was last observed.
    pub observed: String,
}

struct Line {
    name: String,
    badge: Badge,
    detail: Option<String>,
    bar: Bar,
}

struct Announced {
    title: String,
    components: String,
    when: String,
    notice: Option<String>,
}

/// How far ahead maintenance is told, and how much of it at most: what comes again every week is not
/// told for a year.
const TOLD_AHEAD: Duration = Duration::from_secs(30 * 24 * 3600);
const MAX_TOLD: usize = 6;

/// What is announced soon, each window once with all that it touches.
fn announced(layout: &Layout<'_>, snapshot: &Snapshot) -> Vec<Announced> {
    let (t, format) = (layout.t, Format::new(layout.lang, layout.site.zone));
    let mut told: Vec<Announced> = Vec::new();
    let soon = |planned: &&Maintenance| planned.from <= snapshot.as_of + TOLD_AHEAD;
    for planned in snapshot.maintenance.iter().filter(soon) {
        let title = planned.titles[layout.lang.index()].clone();
        let component = match &planned.component {
            Some(component) => layout.site.component(t, component),
            None => t.get("every-component"),
        };
        let when = t.with(
            "from-to",
            [
                ("from", format.moment(planned.from).into()),
                ("to", format.moment(planned.until).into()),
            ],
        );
        let known = told
            .iter_mut()
            .find(|one| one.title == title && one.when == when);
        if let Some(known) = known {
            known.components.push_str(", ");
            known.components.push_str(&component);
            continue;
        }
        if told.len() >= MAX_TOLD {
            break;
        }
        told.push(Announced {
            title,
            components: component,
            when,
            notice: planned.notice_url.clone(),
        });
    }
    told
}

/// What the ladder found. The self-check shows it too.
#[derive(Clone, Debug)]
pub struct Uploads {
    /// Smallest first.
    pub rungs: Vec<Rung>,
    /// What it means for someone with a document to send.
    pub summary: String,
    /// Whether the summary is bad news.
    pub bad: bool,
}

/// One size and kind.
#[derive(Clone, Debug)]
pub struct Rung {
    /// `JPEG`.
    pub kind: String,
    /// "1900 KB".
    pub size: String,
    /// Taken, refused, refused as it should be.
    pub badge: Badge,
    /// When it was tried.
    pub tried: String,
}

/// The status page.
pub fn page(site: &Site, lang: Lang, snapshot: &Snapshot) -> String {
    let layout = Layout::new(site, lang, "/");
    let t = layout.t;
    let format = Format::new(lang, site.zone);
    let components = snapshot
        .components
        .iter()
        .map(|component| Line {
            name: site.component(t, &component.id),
            badge: Badge::of_state(t, component.state),
            detail: match component.state {
                State::Unknown(reason) => Some(words::reason(t, reason)),
                _ => component.since.map(|since| {
                    t.with(
                        "since",
                        [("time", format.since(since, snapshot.as_of).into())],
                    )
                }),
            },
            bar: bar(t, format, &component.days),
        })
        .collect();
    super::rendered(&Home {
        headline: headline(&layout, snapshot),
        components,
        open: snapshot
            .open()
            .map(|outage| card(&layout, outage, snapshot.as_of))
            .collect(),
        planned: announced(&layout, snapshot),
        advice: advice(&layout, snapshot),
        uploads: uploads(t, format, snapshot),
        recent: snapshot
            .outages
            .iter()
            .filter(|outage| !outage.is_open())
            .take(3)
            .map(|outage| card(&layout, outage, snapshot.as_of))
            .collect(),
        layout,
        t,
    })
}

/// The headline for the state that the snapshot shows.
pub fn headline(layout: &Layout<'_>, snapshot: &Snapshot) -> Headline {
    let t = layout.t;
    let format = Format::new(layout.lang, layout.site.zone);
    let overall = snapshot.overall();
    let failing = || layout.site.component_list(t, snapshot.failing());
    let (title, meaning) = match overall {
        Overall::Operational => (t.get("headline-operational"), None),
        Overall::PartlyUnknown => (
            t.get("headline-partly-unknown"),
            Some(t.get("meaning-partly-unknown")),
        ),
        Overall::Unknown => (t.get("headline-unknown"), Some(t.get("meaning-unknown"))),
        Overall::Maintenance => (
            t.get("headline-maintenance"),
            snapshot.maintenance_until().map(|until| {
                let until = format.since(until, snapshot.as_of);
                t.with("meaning-maintenance", [("until", until.into())])
            }),
        ),
        Overall::Degraded => (t.get("headline-degraded"), Some(t.get("meaning-degraded"))),
        Overall::PartialOutage => (
            t.with(
                "headline-partial-outage",
                [("components", failing().into())],
            ),
            Some(t.get("meaning-partial-outage")),
        ),
        Overall::Outage => (t.get("headline-outage"), Some(t.get("meaning-outage"))),
    };
    let since = snapshot.since();
    Headline {
        badge: Badge::of_overall(t, overall),
        title,
        since: since.map(|since| {
            t.with(
                "since-for",
                [
                    ("time", format.since(since, snapshot.as_of).into()),
                    ("span", format.span(snapshot.as_of.since(since)).into()),
                ],
            )
        }),
        meaning,
        as_of: format.moment(snapshot.as_of),
        as_of_machine: snapshot.as_of.to_string(),
        observed: match snapshot.observed_at() {
            Some(at) => t.with(
                "last-observed",
                [("time", format.since(at, snapshot.as_of).into())],
            ),
            None => t.get("never-observed"),
        },
    }
}

/// Which sizes work right now.
pub fn uploads(t: Texts, format: Format, snapshot: &Snapshot) -> Option<Uploads> {
    let ladder = &snapshot.ladder;
    if ladder.is_empty() {
        return None;
    }
    let refused_though_allowed = ladder
        .iter()
        .filter(|rung| rung.allowed && !rung.accepted)
        .map(|rung| rung.size)
        .min();
    let taken_below = |bound: u64| {
        ladder
            .iter()
            .filter(|rung| rung.accepted && rung.size < bound)
            .map(|rung| rung.size)
            .max()
    };
    let (summary, bad) = match refused_though_allowed {
        None => match taken_below(u64::MAX) {
            Some(size) => (
                t.with("upload-all-work", [("size", format.size(size).into())]),
                false,
            ),
            None => (t.get("upload-none-tried"), true),
        },
        Some(refused) => match taken_below(refused) {
            Some(size) => (
                t.with(
                    "upload-some-fail",
                    [
                        ("works", format.size(size).into()),
                        ("fails", format.size(refused).into()),
                    ],
                ),
                true,
            ),
            None => (t.get("upload-all-fail"), true),
        },
    };
    let rungs = ladder
        .iter()
        .map(|rung| Rung {
            kind: rung.kind.to_uppercase(),
            size: format.size(rung.size),
            badge: Badge::of_upload(t, rung.accepted, rung.allowed),
            tried: format.since(rung.tried_at, snapshot.as_of),
        })
        .collect();
    Some(Uploads {
        rungs,
        summary,
        bad,
    })
}
