//! The list of outages, a month a page, and the card that stands for an outage in lists.

use askama::Template;

use super::words::{self, Badge};
use crate::domain::Moment;
use crate::web::format::Format;
use crate::web::lang::Lang;
use crate::web::layout::Layout;
use crate::web::site::Site;
use crate::web::snapshot::{ErrorPage, Month, Outage};
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
    /// Where the fault lies, in few words.
    pub diagnosis: Option<String>,
    /// The error page met most often.
    pub error_page: Option<String>,
}

/// The card of an outage.
pub fn card(layout: &Layout<'_>, outage: &Outage, as_of: Moment) -> Card {
    let t = layout.t;
    let format = Format::new(layout.lang, layout.site.zone);
    Card {
        href: layout.to(&format!("/outages/{}", outage.record.id)),
        title: layout.site.component(t, &outage.record.component),
        badge: Badge::of_outage(t, outage),
        started_machine: outage.record.began_at.to_string(),
        when: span_line(t, format, outage, as_of),
        fault: outage.record.fault.map(|fault| words::fault(t, fault)),
        diagnosis: (outage.record.diagnosis.as_ref())
            .and_then(|found| words::diagnosis_short(t, found)),
        error_page: read_alike(&outage.error_pages)
            .first()
            .map(|(page, _)| error_page_line(t, format, page, as_of)),
    }
}

/// "14:00 WIB to 16:05 WIB (2 hours 5 minutes)", or "since 14:00 WIB (2 hours so far)".
pub fn span_line(t: Texts, format: Format, outage: &Outage, as_of: Moment) -> String {
    let from = format.moment(outage.record.began_at);
    match outage.record.ended_at {
        Some(ended) => t.with(
            "outage-was",
            [
                ("from", from.into()),
                ("to", format.since(ended, outage.record.began_at).into()),
                ("span", format.span(outage.record.lasted(as_of)).into()),
            ],
        ),
        None => t.with(
            "outage-is",
            [
                ("from", from.into()),
                ("span", format.span(outage.record.lasted(as_of)).into()),
            ],
        ),
    }
}

/// Pages of the same title are one to a reader, with the fingerprints of all: a browser reads
/// another text on a page than is in its markup. The most frequent first.
pub fn read_alike(pages: &[ErrorPage]) -> Vec<(ErrorPage, Vec<&str>)> {
    let mut alike: Vec<(ErrorPage, Vec<&str>)> = Vec::new();
    for page in pages {
        match alike.iter_mut().find(|(one, _)| one.title == page.title) {
            Some((one, fingerprints)) => {
                one.count += page.count;
                one.first_at = one.first_at.min(page.first_at);
                one.vantages = one.vantages.max(page.vantages);
                fingerprints.push(&page.fingerprint);
            }
            None => alike.push((page.clone(), vec![&page.fingerprint])),
        }
    }
    alike.sort_by_key(|(page, _)| std::cmp::Reverse(page.count));
    alike
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
pub struct Shown<'a> {
    /// The month; `None` for the first page, which shows the current month and what is open.
    pub month: Option<Month>,
    /// When anything was first observed: no page goes back behind it.
    pub watched_since: Option<Moment>,
    /// The outages that began in the month, newest first, with the open ones for the first
    /// page; others are left out.
    pub outages: &'a [Outage],
    /// When this was read.
    pub as_of: Moment,
}

/// A page of the list.
pub fn page(site: &Site, lang: Lang, shown: &Shown<'_>) -> String {
    let first_page = shown.month.is_none();
    let now = Month::of(site.zone.at(shown.as_of).date());
    let month = shown.month.unwrap_or(now);
    let path = match shown.month {
        Some(month) => format!("/outages/{}", month.key()),
        None => "/outages".to_owned(),
    };
    let layout = Layout::new(site, lang, &path);
    let t = layout.t;
    let format = Format::new(lang, site.zone);
    let began_in = |outage: &Outage| Month::of(site.zone.at(outage.record.began_at).date());
    let cards = |wanted: &dyn Fn(&Outage) -> bool| -> Vec<Card> {
        shown
            .outages
            .iter()
            .filter(|outage| wanted(outage))
            .map(|outage| card(&layout, outage, shown.as_of))
            .collect()
    };
    let link = |to: Month| {
        let path = format!("/outages/{}", to.key());
        (layout.to(&path), format.month(to.year, to.month))
    };
    let oldest = shown
        .watched_since
        .map(|moment| Month::of(site.zone.at(moment).date()));
    super::rendered(&List {
        title: format.month(month.year, month.month),
        open: cards(&|outage| first_page && outage.is_open()),
        cards: cards(&|outage| began_in(outage) == month && !(first_page && outage.is_open())),
        newer: (month < now).then(|| link(month.next())),
        older: oldest
            .is_some_and(|oldest| oldest < month)
            .then(|| link(month.previous())),
        t,
        layout,
    })
}
