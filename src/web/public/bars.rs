//! The 90-day bar of a component: a drawing, and the same in words.

use std::collections::HashMap;
use std::fmt::Write;
use std::time::Duration;

use jiff::ToSpan;
use jiff::civil::Date;

use super::words::Badge;
use crate::web::format::Format;
use crate::web::snapshot::{Component, Day, DayKind};
use crate::web::texts::Texts;

/// How many days a bar shows.
pub const DAYS: usize = 90;

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
    /// How long it was down, where it was.
    pub down: Option<String>,
}

/// The bar of one component.
#[derive(Clone, Debug)]
pub struct Bar {
    /// The drawing.
    pub strips: Vec<Strip>,
    /// The same in words.
    pub alternative: String,
    /// The share of the watched time in which it was not down; `None` where it was watched
    /// for less than an hour in all.
    pub uptime: Option<String>,
    /// Days on which something was wrong, newest first.
    pub bad_days: Vec<BadDay>,
}

/// The bar that ends on `today`. Days without a record count as not watched.
pub fn bar(t: Texts, format: Format, component: &Component, today: Date) -> Bar {
    let recorded: HashMap<Date, Day> = component.days.iter().map(|day| (day.date, *day)).collect();
    let days: Vec<Day> = (0..DAYS)
        .rev()
        .filter_map(|back| {
            let date = today.checked_sub(i64::try_from(back).ok()?.days()).ok()?;
            Some(
                recorded
                    .get(&date)
                    .copied()
                    .unwrap_or(Day::unobserved(date)),
            )
        })
        .collect();
    let kinds: Vec<DayKind> = days.iter().map(Day::kind).collect();
    let uptime = uptime(&days).map(|fraction| format.percent(fraction));
    Bar {
        strips: strips(t, &kinds),
        alternative: alternative(t, &kinds, uptime.as_deref()),
        uptime,
        bad_days: days
            .iter()
            .rev()
            .filter(|day| !matches!(day.kind(), DayKind::Operational | DayKind::NoData))
            .map(|day| BadDay {
                date: format.date(day.date),
                month: format!("{:04}-{:02}", day.date.year(), day.date.month()),
                badge: Badge::of_day(t, day.kind()),
                down: (!day.down.is_zero()).then(|| format.span(day.down)),
            })
            .collect(),
    }
}

/// The share of the watched time in which it was not down.
fn uptime(days: &[Day]) -> Option<f64> {
    let observed: Duration = days.iter().map(|day| day.observed).sum();
    let down: Duration = days.iter().map(|day| day.down.min(day.observed)).sum();
    (observed >= Duration::from_secs(3600))
        .then(|| 1.0 - down.as_secs_f64() / observed.as_secs_f64())
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
