//! The page of one outage: what, where, how often, since when, and how we know.

use askama::Template;

use super::outages::{error_page_line, span_line};
use super::words::{self, Badge};
use crate::domain::Moment;
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
    span: String,
    fault: Option<String>,
    facts: Vec<Fact>,
    error_pages: Vec<Page>,
    timeline: Vec<Entry>,
    gaps: Vec<String>,
    json: String,
}

/// A line of the table of facts.
struct Fact {
    name: String,
    value: String,
}

struct Page {
    line: String,
    fingerprint: String,
}

struct Entry {
    at: String,
    at_machine: String,
    text: String,
}

/// The page of one outage. `as_of` is shown only while the outage is open, so that the
/// page of a closed one never changes.
pub fn page(site: &Site, lang: Lang, outage: &Outage, as_of: Moment) -> String {
    let layout = Layout::new(site, lang, &format!("/outages/{}", outage.id));
    let t = layout.t;
    let format = Format::new(lang, site.zone);
    let reference = outage.ended_at.unwrap_or(as_of);
    super::rendered(&OutagePage {
        title: words::component(t, &outage.component),
        badge: Badge::of_outage(t, outage),
        open: outage.ended_at.is_none(),
        span: span_line(t, format, outage, as_of),
        fault: outage.fault.map(|fault| words::fault(t, fault)),
        facts: facts(site, lang, outage),
        error_pages: outage
            .error_pages
            .iter()
            .map(|page| Page {
                line: error_page_line(t, format, page, reference),
                fingerprint: page.fingerprint.clone(),
            })
            .collect(),
        timeline: outage
            .updates
            .iter()
            .rev()
            .map(|update| Entry {
                at: format.day_time(update.at),
                at_machine: update.at.to_string(),
                text: words::change(t, &update.what),
            })
            .collect(),
        gaps: outage
            .gaps
            .iter()
            .map(|gap| words::gap(t, format, gap))
            .collect(),
        json: format!("/api/v1/outages/{}", outage.id),
        t,
        layout,
    })
}

fn facts(site: &Site, lang: Lang, outage: &Outage) -> Vec<Fact> {
    let t = Texts::of(lang);
    let format = Format::new(lang, site.zone);
    let mut facts = Vec::new();
    let mut fact = |key: &str, value: String| {
        facts.push(Fact {
            name: t.get(key),
            value,
        });
    };
    // Both clocks: an office reads its own zone, a foreigner's lawyer reads UTC.
    let both = |moment: Moment| {
        t.with(
            "moment-and-utc",
            [
                ("local", format.moment(moment).into()),
                (
                    "utc",
                    moment
                        .timestamp()
                        .strftime("%Y-%m-%d %H:%M:%S")
                        .to_string()
                        .into(),
                ),
            ],
        )
    };
    fact("fact-component", words::component(t, &outage.component));
    if let Some(step) = &outage.step {
        fact("fact-step", step.clone());
    }
    fact(
        "fact-host",
        outage.host.clone().unwrap_or_else(|| site.url.clone()),
    );
    fact("fact-began", both(outage.started_at));
    if let Some(confirmed) = outage.confirmed_at {
        fact("fact-confirmed", both(confirmed));
    }
    fact(
        "fact-ended",
        match outage.ended_at {
            Some(ended) => both(ended),
            None => t.get("fact-not-ended"),
        },
    );
    if let Some(official) = &outage.official {
        let mut told: Vec<String> = Vec::new();
        if let Some(from) = official.started_at {
            told.push(t.with("official-from", [("time", format.moment(from).into())]));
        }
        if let Some(to) = official.ended_at {
            told.push(t.with("official-to", [("time", format.moment(to).into())]));
        }
        if let Some(source) = &official.source {
            told.push(t.with("official-source", [("source", source.clone().into())]));
        }
        fact("fact-official", told.join(" "));
    }
    fact(
        "fact-planned",
        t.get(if outage.planned { "yes" } else { "no" }),
    );
    fact(
        "fact-course",
        t.get(if outage.intermittent {
            "course-intermittent"
        } else {
            "course-continuous"
        }),
    );
    if let Some(down) = outage.down {
        fact("fact-down", format.span(down));
    }
    if outage.runs > 0 {
        fact(
            "fact-runs",
            t.with(
                "runs-failed",
                [
                    ("failures", format.count(outage.failures).into()),
                    ("runs", format.count(outage.runs).into()),
                ],
            ),
        );
    }
    if !outage.vantages.is_empty() {
        fact("fact-vantages", outage.vantages.join(", "));
    }
    facts
}
