//! The page of one outage: what, where, how often, since when, and how we know.

use std::time::Duration;

use askama::Template;

use super::outages::{error_page_line, read_alike, span_line};
use super::words::{self, Badge};
use crate::domain::Moment;
use crate::web::evidence;
use crate::web::format::Format;
use crate::web::lang::Lang;
use crate::web::layout::Layout;
use crate::web::site::Site;
use crate::web::snapshot::Outage;
use crate::web::texts::Texts;

#[derive(Template)]
#[template(path = "web/public/outage.html")]
struct OutagePage<'a> {
    layout: Layout<'a>,
    t: Texts,
    title: String,
    badge: Badge,
    open: bool,
    recovered: Badge,
    span: String,
    fault: Option<String>,
    diagnosis: Option<String>,
    facts: Vec<Fact>,
    error_pages: Vec<Page>,
    screenshot: Option<Screenshot>,
    timeline: Vec<Entry>,
    gaps: Vec<String>,
    json: String,
}

/// A line of the table of facts.
pub(in crate::web) struct Fact {
    pub(in crate::web) name: String,
    pub(in crate::web) value: String,
}

/// The error page as our browser met it.
struct Screenshot {
    href: String,
    alt: String,
    note: String,
}

struct Page {
    line: String,
    fingerprints: String,
}

/// A line of the timeline.
pub(in crate::web) struct Entry {
    pub(in crate::web) at: String,
    pub(in crate::web) at_machine: String,
    pub(in crate::web) text: String,
}

/// The page of one outage. `as_of` is shown only while the outage is open, so that the
/// page of a closed one never changes.
pub fn page(site: &Site, lang: Lang, outage: &Outage, as_of: Moment) -> String {
    let record = &outage.record;
    let layout = Layout::new(site, lang, &format!("/outages/{}", record.id));
    let t = layout.t;
    let format = Format::new(lang, site.zone);
    let reference = record.ended_at.unwrap_or(as_of);
    super::rendered(&OutagePage {
        title: site.component(t, &record.component),
        badge: Badge::of_outage(t, outage),
        open: outage.is_open(),
        recovered: Badge::recovered(t),
        span: span_line(t, format, outage, as_of),
        fault: record.fault.map(|fault| words::fault(t, fault)),
        diagnosis: (record.diagnosis.as_ref())
            .map(|found| words::diagnosis(t, outage.names(), found)),
        facts: facts(site, lang, outage),
        error_pages: read_alike(&outage.error_pages)
            .into_iter()
            .map(|(page, fingerprints)| Page {
                line: error_page_line(t, format, &page, reference),
                fingerprints: fingerprints.join(", "),
            })
            .collect(),
        screenshot: outage.screenshot.as_ref().map(|shot| {
            let told = |key: &str| t.with(key, [("time", format.moment(shot.taken_at).into())]);
            Screenshot {
                href: evidence::public_address(&shot.sha256),
                alt: told("screenshot-alt"),
                note: told("screenshot-note"),
            }
        }),
        timeline: timeline(t, format, outage),
        gaps: words::gaps(t, format, &outage.gaps),
        json: format!("/api/v1/outages/{}", record.id),
        t,
        layout,
    })
}

/// Newest first. The confirmation is no change of the outage, but readers ask for it.
pub(in crate::web) fn timeline(t: Texts, format: Format, outage: &Outage) -> Vec<Entry> {
    let mut entries: Vec<(Moment, String)> = outage
        .updates
        .iter()
        .map(|update| (update.at, words::effect(t, outage.names(), &update.effect)))
        .collect();
    let confirmed = outage.record.confirmed_at;
    let after = entries.partition_point(|(at, _)| *at <= confirmed);
    entries.insert(after, (confirmed, t.get("effect-confirmed")));
    entries
        .into_iter()
        .rev()
        .map(|(at, text)| Entry {
            at: format.day_time(at),
            at_machine: at.to_string(),
            text,
        })
        .collect()
}

/// The table of facts.
pub(in crate::web) fn facts(site: &Site, lang: Lang, outage: &Outage) -> Vec<Fact> {
    let t = Texts::of(lang);
    let format = Format::new(lang, site.zone);
    let record = &outage.record;
    let mut facts = Vec::new();
    let mut fact = |key: &str, value: String| {
        facts.push(Fact {
            name: t.get(key),
            value,
        });
    };
    // Both clocks: an office reads its own zone, a foreigner's lawyer reads UTC.
    let both = |moment: Moment| {
        let utc = moment.timestamp().strftime("%Y-%m-%d %H:%M:%S").to_string();
        t.with(
            "moment-and-utc",
            [("local", format.moment(moment).into()), ("utc", utc.into())],
        )
    };
    let yes_or_no = |yes: bool, if_yes: &str, if_no: &str| t.get(if yes { if_yes } else { if_no });
    fact("fact-component", site.component(t, &record.component));
    if !record.step.is_empty() {
        fact("fact-step", words::step(t, outage.names(), &record.step));
    }
    fact("fact-host", site.url.clone());
    fact("fact-began", both(record.began_at));
    fact("fact-confirmed", both(record.confirmed_at));
    fact(
        "fact-ended",
        record
            .ended_at
            .map_or_else(|| t.get("fact-not-ended"), both),
    );
    fact("fact-planned", yes_or_no(record.planned, "yes", "no"));
    fact(
        "fact-course",
        yes_or_no(
            record.intermittent,
            "course-intermittent",
            "course-continuous",
        ),
    );
    if record.ended_at.is_some() && record.intermittent {
        let down = u64::try_from(record.down_ms).unwrap_or(0);
        fact("fact-down", format.span(Duration::from_millis(down)));
    }
    if outage.failures > 0 {
        fact(
            "fact-failures",
            t.with(
                "failures-counted",
                [
                    ("count", outage.failures.into()),
                    ("shown", format.count(outage.failures).into()),
                ],
            ),
        );
    }
    if !outage.vantages.is_empty() {
        fact("fact-vantages", outage.vantages.join(", "));
    } else if outage.vantage_count > 0 {
        fact(
            "fact-vantages",
            t.with("vantages-counted", [("count", outage.vantage_count.into())]),
        );
    }
    fact(
        "fact-version",
        format!("{} / {}", record.id, record.version),
    );
    facts
}
