//! The list of outages, a month a page, and the card that stands for an outage in lists.

use askama::Template;

use super::words::{self, Badge};
use crate::domain::Moment;
use crate::web::format::Format;
use crate::web::lang::Lang;
use crate::web::layout::Layout;
use crate::web::site::Site;
use crate::web::snapshot::{ErrorPage, MonthOfOutages, Outage};
use crate::web::texts::Texts;

/// An outage in a list.
#[derive(Clone, Debug)]
pub struct Card {
    /// Its page.
    pub href: String,
    /// What it hit.
    pub title: String,
    /// How grave it is.
    pub badge: Badge,
    /// When it began, RFC 3339.
    pub started_machine: String,
    /// When it began and ended, or how long it has lasted.
    pub when: String,
    /// What kind of failure, in plain words.
    pub fault: Option<String>,
    /// The error page met most often.
    pub error_page: Option<String>,
}

/// The card of an outage.
pub fn card(layout: &Layout<'_>, outage: &Outage, as_of: Moment) -> Card {
    let t = layout.t;
    let format = Format::new(layout.lang, layout.site.zone);
    Card {
        href: layout.to(&format!("/outages/{}", outage.id)),
        title: words::component(t, &outage.component),
        badge: Badge::of_outage(t, outage),
        started_machine: outage.started_at.to_string(),
        when: span_line(t, format, outage, as_of),
        fault: outage.fault.map(|fault| words::fault(t, fault)),
        error_page: outage
            .error_pages
            .first()
            .map(|page| error_page_line(t, format, page, as_of)),
    }
}

/// "14:00 WIB to 16:05 WIB (2 hours 5 minutes)", or "since 14:00 WIB (2 hours so far)".
pub fn span_line(t: Texts, format: Format, outage: &Outage, as_of: Moment) -> String {
    let from = format.moment(outage.started_at);
    match outage.ended_at {
        Some(ended) => t.with(
            "outage-was",
            [
                ("from", from.into()),
                ("to", format.since(ended, outage.started_at).into()),
                ("span", format.span(ended.since(outage.started_at)).into()),
            ],
        ),
        None => t.with(
            "outage-is",
            [
                ("from", from.into()),
                ("span", format.span(as_of.since(outage.started_at)).into()),
            ],
        ),
    }
}

/// "this page: 214 times since 09:02, from 3 vantages".
pub fn error_page_line(t: Texts, format: Format, page: &ErrorPage, as_of: Moment) -> String {
    t.with(
        "error-page-line",
        [
            ("title", page.title.clone().into()),
            ("count", page.count.into()),
            ("shown", format.count(page.count).into()),
            ("time", format.since(page.first_at, as_of).into()),
            ("vantages", page.vantages.into()),
        ],
    )
}

#[derive(Template)]
#[template(path = "web/public/outages.html")]
struct List<'a> {
    layout: Layout<'a>,
    t: Texts,
    title: String,
    open: Vec<Card>,
    cards: Vec<Card>,
    newer: Option<(String, String)>,
    older: Option<(String, String)>,
}

/// What a page of the list is made of.
#[derive(Clone, Copy, Debug)]
pub struct Month<'a> {
    /// The month shown; `None` for the first page, which shows what is open too.
    pub shown: Option<MonthOfOutages>,
    /// Every month that has outages, newest first.
    pub months: &'a [MonthOfOutages],
    /// The outages that began in the month, newest first, with the open ones for the first
    /// page; others are left out.
    pub outages: &'a [Outage],
    /// When this was read.
    pub as_of: Moment,
}

/// A page of the list.
pub fn page(site: &Site, lang: Lang, month: &Month<'_>) -> String {
    let first = month.shown.is_none();
    let shown = month.shown.or_else(|| month.months.first().copied());
    let path = match month.shown {
        Some(shown) => format!("/outages/{}", shown.key()),
        None => "/outages".to_owned(),
    };
    let layout = Layout::new(site, lang, &path);
    let t = layout.t;
    let format = Format::new(lang, site.zone);
    let link = |to: &MonthOfOutages| {
        (
            layout.to(&format!("/outages/{}", to.key())),
            format.month(to.year, to.month),
        )
    };
    let newer = month
        .months
        .iter()
        .rev()
        .find(|other| shown.is_some_and(|shown| **other > shown))
        .map(link);
    let older = month
        .months
        .iter()
        .find(|other| shown.is_some_and(|shown| **other < shown))
        .map(link);
    let in_month =
        |outage: &Outage| shown == Some(MonthOfOutages::of(site.zone.at(outage.started_at).date()));
    let cards = |wanted: &dyn Fn(&Outage) -> bool| -> Vec<Card> {
        month
            .outages
            .iter()
            .filter(|outage| wanted(outage))
            .map(|outage| card(&layout, outage, month.as_of))
            .collect()
    };
    super::rendered(&List {
        title: match shown {
            Some(shown) => format.month(shown.year, shown.month),
            None => t.get("nav-outages"),
        },
        open: cards(&|outage| first && outage.ended_at.is_none()),
        cards: cards(&|outage| in_month(outage) && !(first && outage.ended_at.is_none())),
        newer,
        older,
        t,
        layout,
    })
}
