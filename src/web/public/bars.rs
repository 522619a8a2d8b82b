//! The 90-day bar of a component: a drawing, and the same in words.

use std::fmt::Write;

use super::words::Badge;
use crate::domain::history::Day;
use crate::web::format::Format;
use crate::web::snapshot::{DayKind, Month};
use crate::web::texts::Texts;

/// One colour of the bar: all its days as one path, which keeps a page of six bars small.
#[derive(Clone, Debug)]
pub struct Strip {
    /// The class suffix of the kind of day.
    pub look: &'static str,
    /// The path, in a box of 450 × 32.
    pub path: String,
}

/// A day on which something was wrong.
#[derive(Clone, Debug)]
pub struct BadDay {
    /// The date in words.
    pub date: String,
    /// The month of the list of outages that it is in.
    pub month: String,
    /// What kind of day.
    pub badge: Badge,
    /// How long there was trouble, where it was not planned.
    pub trouble: Option<String>,
}

/// The bar of one component.
#[derive(Clone, Debug)]
pub struct Bar {
    /// The drawing.
    pub strips: Vec<Strip>,
    /// The same in words.
    pub alternative: String,
    /// The share of checks that passed; `None` where no check said anything.
    pub uptime: Option<String>,
    /// Days on which something was wrong, newest first.
    pub bad_days: Vec<BadDay>,
}

/// The bar of these days.
pub fn bar(t: Texts, format: Format, days: &[Day]) -> Bar {
    let kinds: Vec<DayKind> = days.iter().map(DayKind::of).collect();
    let uptime = uptime(days).map(|fraction| format.percent(fraction));
    Bar {
        strips: strips(t, &kinds),
        alternative: alternative(t, &kinds, uptime.as_deref()),
        uptime,
        bad_days: days
            .iter()
            .zip(&kinds)
            .rev()
            .filter(|(_, kind)| !matches!(kind, DayKind::Operational | DayKind::NoData))
            .map(|(day, kind)| BadDay {
                date: format.date(day.date),
                month: Month::of(day.date).key(),
                badge: Badge::of_day(t, *kind),
                trouble: (!day.trouble.is_zero()).then(|| format.span(day.trouble)),
            })
            .collect(),
    }
}

/// The share of conclusive checks that passed; `None` where there was none.
fn uptime(days: &[Day]) -> Option<f64> {
    let tallies = || days.iter().filter_map(|day| day.tally);
    let all: i64 = tallies().map(|tally| tally.conclusive()).sum();
    let passed: i64 = tallies().map(|tally| tally.passed + tally.slow).sum();
    (all > 0).then(|| passed as f64 / all as f64)
}

/// Heights differ by kind, so that the bar can be read without its colours.
fn strips(t: Texts, kinds: &[DayKind]) -> Vec<Strip> {
    let order = [
        (DayKind::NoData, 6),
        (DayKind::Operational, 20),
        (DayKind::Maintenance, 24),
        (DayKind::Degraded, 24),
        (DayKind::Partial, 28),
        (DayKind::Outage, 32),
    ];
    order
        .into_iter()
        .filter_map(|(kind, height)| {
            let mut path = String::new();
            for (position, _) in kinds.iter().enumerate().filter(|(_, day)| **day == kind) {
                let _ = write!(path, "M{} {}h4v{height}h-4z", position * 5, 32 - height);
            }
            (!path.is_empty()).then(|| Strip {
                look: Badge::of_day(t, kind).look,
                path,
            })
        })
        .collect()
}

fn alternative(t: Texts, kinds: &[DayKind], uptime: Option<&str>) -> String {
    let mut parts = vec![t.with("bar-days", [("count", kinds.len().into())])];
    for kind in [
        DayKind::Outage,
        DayKind::Partial,
        DayKind::Degraded,
        DayKind::Maintenance,
        DayKind::Operational,
        DayKind::NoData,
    ] {
        let count = kinds.iter().filter(|day| **day == kind).count();
        if count > 0 {
            let word = Badge::of_day(t, kind).word;
            parts.push(t.with("bar-part", [("word", word.into()), ("count", count.into())]));
        }
    }
    if let Some(uptime) = uptime {
        parts.push(t.with("bar-uptime", [("percent", uptime.to_owned().into())]));
    }
    parts.join(" ")
}
