//! Outages as they are remembered, and the days of a component as they are drawn.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::diagnosis::Diagnosis;
use super::outage::{Effect, Severity};
use super::{ComponentId, Fault, Moment};

/// An outage as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// UUIDv7.
    pub id: String,
    /// The component that it is of.
    pub component: ComponentId,
    /// How bad it is, or was at the end.
    pub severity: Severity,
    /// The worst that it has been.
    pub worst: Severity,
    /// Whether it came and went.
    pub intermittent: bool,
    /// Whether it lay in announced maintenance.
    pub planned: bool,
    /// Start of the deciding step of the first failing run.
    pub began_at: Moment,
    /// When it was confirmed.
    pub confirmed_at: Moment,
    /// Start of the deciding step of the first passing run; `None` while it lasts.
    pub ended_at: Option<Moment>,
    /// When the end was confirmed.
    pub closed_at: Option<Moment>,
    /// Milliseconds in which it did not work at all; complete once it has ended.
    pub down_ms: i64,
    /// The class of the failure that confirmed it.
    pub fault: Option<Fault>,
    /// Where the fault lies, as far as the engines together tell.
    #[serde(default)]
    pub diagnosis: Option<Diagnosis>,
    /// The flow that confirmed it.
    pub flow: String,
    /// What history knows the step by that failed; empty where it is not known.
    pub step: String,
    /// Counts the changes of this record, from 1.
    pub version: i64,
}

impl Outage {
    /// From begin to end, or to `now` while it lasts.
    pub fn lasted(&self, now: Moment) -> Duration {
        self.ended_at.unwrap_or(now).since(self.began_at)
    }

    /// The part of `from .. until` that it covers, at `now`.
    pub fn overlap(&self, from: Moment, until: Moment, now: Moment) -> Duration {
        let end = self.ended_at.unwrap_or(now).min(until);
        end.since(self.began_at.max(from))
    }
}

/// One entry of an outage's timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Update {
    /// When it was so.
    pub at: Moment,
    /// When it became known.
    pub recorded_at: Moment,
    /// What changed.
    pub effect: Effect,
}

/// What is sent to operators, as the outbox keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// What happened.
    pub effect: Effect,
    /// The outage as it stood after that.
    pub outage: Outage,
    /// One sentence from the failing step, secrets masked.
    pub message: Option<String>,
}

/// A span in which the monitor itself was blind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Where.
    pub vantage: String,
    /// `cut_off`, `stopped`, `asleep` or `clock`.
    pub why: String,
    /// First blind moment.
    pub began_at: Moment,
    /// First seeing moment; `None` while it lasts.
    pub ended_at: Option<Moment>,
}

/// How many runs said what of a component in some span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Runs that passed in time.
    pub passed: i64,
    /// Runs that passed slowly.
    pub slow: i64,
    /// Runs that failed.
    pub failed: i64,
    /// Runs that did not reach it.
    pub not_reached: i64,
    /// Runs that said nothing.
    pub inconclusive: i64,
}

impl Tally {
    /// Runs that said something of the site.
    pub fn conclusive(&self) -> i64 {
        self.passed + self.slow + self.failed
    }
}

/// What is drawn for one day of one component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day {
    /// The calendar day in the site's zone.
    pub date: Date,
    /// What runs said; `None` where nobody looked.
    pub tally: Option<Tally>,
    /// The worst unplanned outage of the day.
    pub worst: Option<Severity>,
    /// Time in unplanned outages of any severity.
    pub trouble: Duration,
    /// Whether an announced maintenance touched it.
    pub planned: bool,
}

/// The calendar day of `moment` in `zone`.
pub fn date_of(moment: Moment, zone: &TimeZone) -> Date {
    zone.to_datetime(moment.timestamp()).date()
}

/// Midnight at the start of `date` in `zone`.
pub fn start_of(date: Date, zone: &TimeZone) -> Moment {
    match date.to_zoned(zone.clone()) {
        Ok(zoned) => Moment::from(zoned.timestamp()),
        Err(_) => Moment(0),
    }
}

/// The `count` days that end with the day of `now`, oldest first, of one component:
/// `tallies` by day (any order), `outages` that touch the span.
pub fn days(
    count: usize,
    now: Moment,
    zone: &TimeZone,
    tallies: &[(Date, Tally)],
    outages: &[Outage],
) -> Vec<Day> {
    let today = date_of(now, zone);
    let mut days: Vec<Day> = std::iter::successors(Some(today), |date| date.yesterday().ok())
        .take(count)
        .map(|date| {
            let from = start_of(date, zone);
            let until = date.tomorrow().map_or(now, |next| start_of(next, zone));
            let mut day = Day {
                date,
                tally: tallies
                    .iter()
                    .find(|(of, _)| *of == date)
                    .map(|(_, tally)| *tally),
                worst: None,
                trouble: Duration::ZERO,
                planned: false,
            };
            for outage in outages {
                let overlap = outage.overlap(from, until, now);
                if overlap.is_zero() {
                    continue;
                }
                if outage.planned {
                    day.planned = true;
                } else {
                    day.worst = day.worst.max(Some(outage.worst));
                    day.trouble += overlap;
                }
            }
            day
        })
        .collect();
    days.reverse();
    days
}
