//! What the public pages are made of: one consistent reading of the store, as values.
//! The rules that turn it into headlines are here too, because they decide what a reader
//! believes: above all that nothing unknown ever reads as working.

use std::sync::Arc;

use jiff::civil::Date;

use super::lang::Lang;
use crate::domain::history::{Day, Gap, Outage as Record, Update};
use crate::domain::names::{NameTable, StepNames};
use crate::domain::outage::{Severity, State, Unseen};
use crate::domain::{ComponentId, Moment};

/// How many days the pages look back.
pub const DAYS: usize = 90;

/// Everything that the public pages tell, as of one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// When it was read.
    pub as_of: Moment,
    /// When anything was first observed.
    pub watched_since: Option<Moment>,
    /// When the newest run ended that is recorded, whatever it found.
    pub recorded_at: Option<Moment>,
    /// In the order of the status page.
    pub components: Vec<Component>,
    /// The open ones and those of the last 90 days, newest first. Older ones are rendered
    /// when asked for.
    pub outages: Vec<Outage>,
    /// What the ladder found, smallest first; empty where no flow has one.
    pub ladder: Vec<LadderRung>,
    /// Announced maintenance that is not over, soonest first.
    pub maintenance: Vec<Maintenance>,
    /// Gaps in our own watch in the last 90 days, newest first.
    pub gaps: Vec<Gap>,
}

/// One line of the status page.
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
    /// Its key.
    pub id: ComponentId,
    /// How it is.
    pub state: State,
    /// Since when it is so, if anyone knows.
    pub since: Option<Moment>,
    /// When it was last observed.
    pub observed_at: Option<Moment>,
    /// The last 90 days, oldest first, today last; empty where it was never watched.
    pub days: Vec<Day>,
}

/// An outage with what was seen of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Outage {
    /// The outage as it is remembered.
    pub record: Record,
    /// Its timeline, oldest first.
    pub updates: Vec<Update>,
    /// Failing steps within it, counted over all vantages.
    pub failures: u64,
    /// The places it is seen from now; empty once it is over.
    pub vantages: Vec<String>,
    /// From how many places it was seen.
    pub vantage_count: u64,
    /// The error pages met, the most frequent first.
    pub error_pages: Vec<ErrorPage>,
    /// The error page as our browser met it, where everybody may see that.
    pub screenshot: Option<Screenshot>,
    /// The gaps in our own watch that touch it, newest first.
    pub gaps: Vec<Gap>,
    /// What flows and steps are called.
    pub names: Arc<NameTable>,
}

impl Outage {
    /// What its flow and the steps in it are called.
    pub fn names(&self) -> StepNames<'_> {
        self.names.of(&self.record.flow)
    }

    /// Whether it lasts.
    pub fn is_open(&self) -> bool {
        self.record.ended_at.is_none()
    }

    /// How grave it is while it lasts, or was at its worst once it is over.
    pub fn severity(&self) -> Severity {
        if self.is_open() {
            self.record.severity
        } else {
            self.record.worst
        }
    }
}

/// A picture of an error page without anybody's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Screenshot {
    /// Lower-case hex of its bytes.
    pub sha256: String,
    /// When it was taken.
    pub taken_at: Moment,
}

/// An error page that was met during an outage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorPage {
    /// What a person reads first on it.
    pub title: String,
    /// Equal for the same page: 16 hex digits.
    pub fingerprint: String,
    /// How often it was met.
    pub count: u64,
    /// When it was met first.
    pub first_at: Moment,
    /// From how many vantages.
    pub vantages: u64,
}

/// What the site did with a document of this kind and size when last tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LadderRung {
    /// `jpeg`, `png` or `pdf`.
    pub kind: String,
    /// In bytes.
    pub size: u64,
    /// Whether the site took it.
    pub accepted: bool,
    /// Whether the site's stated limit allows it.
    pub allowed: bool,
    /// When it was tried.
    pub tried_at: Moment,
}

/// Announced maintenance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maintenance {
    /// Its id.
    pub id: String,
    /// What it touches; `None` for everything.
    pub component: Option<ComponentId>,
    /// Announced start.
    pub from: Moment,
    /// Announced end.
    pub until: Moment,
    /// Its title in every language, in the order of [`Lang::ALL`].
    pub titles: [String; Lang::COUNT],
    /// Where the site's owner announced it.
    pub notice_url: Option<String>,
}

/// What kind of day it was for a component: the worst that is worth telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DayKind {
    /// Hardly anything was observed: nothing can be said.
    NoData,
    /// No outage seen.
    Operational,
    /// Maintenance, and nothing worse.
    Maintenance,
    /// Slow at times.
    Degraded,
    /// Failing at times.
    Partial,
    /// Down.
    Outage,
}

impl DayKind {
    /// The kind of a day. What was seen failing counts however short the watch; that it
    /// worked is believed only where at least half of the runs could say anything.
    pub fn of(day: &Day) -> DayKind {
        match day.worst {
            Some(Severity::Down) => DayKind::Outage,
            Some(Severity::Partial) => DayKind::Partial,
            Some(Severity::Degraded) => DayKind::Degraded,
            None if day.planned => DayKind::Maintenance,
            None => match &day.tally {
                Some(tally)
                    if tally.conclusive() > 0
                        && tally.conclusive() >= tally.inconclusive + tally.not_reached =>
                {
                    DayKind::Operational
                }
                _ => DayKind::NoData,
            },
        }
    }
}

/// A page of the list of outages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Month {
    /// The year.
    pub year: i16,
    /// The month, 1 to 12.
    pub month: i8,
}

impl Month {
    /// The month of a day.
    pub fn of(date: Date) -> Self {
        Month {
            year: date.year(),
            month: date.month(),
        }
    }

    /// From an address: `2021-08`.
    pub fn parse(text: &str) -> Option<Self> {
        let (year, month) = text.split_once('-')?;
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if year.len() != 4 || month.len() != 2 || !digits(year) || !digits(month) {
            return None;
        }
        let month: i8 = month.parse().ok()?;
        let year = year.parse().ok()?;
        (1..=12).contains(&month).then_some(Self { year, month })
    }

    /// As addresses have it: `2021-08`.
    pub fn key(self) -> String {
        format!("{:04}-{:02}", self.year, self.month)
    }

    /// The month after.
    #[must_use]
    pub fn next(self) -> Month {
        match self.month {
            12 => Month {
                year: self.year.saturating_add(1),
                month: 1,
            },
            _ => Month {
                month: self.month + 1,
                ..self
            },
        }
    }

    /// The month before.
    #[must_use]
    pub fn previous(self) -> Month {
        match self.month {
            1 => Month {
                year: self.year.saturating_sub(1),
                month: 12,
            },
            _ => Month {
                month: self.month - 1,
                ..self
            },
        }
    }

    /// Its first day.
    pub fn first_day(self) -> Date {
        Date::new(self.year, self.month, 1).unwrap_or(Date::ZERO)
    }
}

/// The site as a whole, in the words of the headline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Overall {
    /// Every component is known to work.
    Operational,
    /// What is known works, but not everything is known.
    PartlyUnknown,
    /// Nothing is known of any component.
    Unknown,
    /// Maintenance, and nothing worse.
    Maintenance,
    /// Something is slow, and nothing worse.
    Degraded,
    /// Something fails while other components work.
    PartialOutage,
    /// Something is down, and nothing that can be reached works.
    Outage,
}

impl Snapshot {
    /// The headline. Never [`Overall::Operational`] while any component is unknown, and
    /// with no component at all nothing is known.
    pub fn overall(&self) -> Overall {
        let count = |wanted: fn(State) -> bool| {
            self.components
                .iter()
                .filter(|component| wanted(component.state))
                .count()
        };
        let down = count(|state| state == State::Trouble(Severity::Down));
        let partial = count(|state| state == State::Trouble(Severity::Partial));
        let degraded = count(|state| state == State::Trouble(Severity::Degraded));
        let working = count(|state| state == State::Operational) + degraded;
        let maintenance = count(|state| state == State::Maintenance);
        let unknown = count(|state| matches!(state, State::Unknown(_)));
        if down > 0 && working == 0 && partial == 0 {
            Overall::Outage
        } else if down + partial > 0 {
            Overall::PartialOutage
        } else if unknown == self.components.len() {
            Overall::Unknown
        } else if degraded > 0 {
            Overall::Degraded
        } else if maintenance > 0 {
            Overall::Maintenance
        } else if unknown > 0 {
            Overall::PartlyUnknown
        } else {
            Overall::Operational
        }
    }

    /// The components that fail, wholly or at times.
    pub fn failing(&self) -> impl Iterator<Item = &ComponentId> {
        self.components
            .iter()
            .filter(|component| {
                matches!(
                    component.state,
                    State::Trouble(Severity::Down | Severity::Partial)
                )
            })
            .map(|component| &component.id)
    }

    /// Since when the state that the headline tells has held, where anyone knows: the
    /// first trouble that lasts, or the last end of trouble.
    pub fn since(&self) -> Option<Moment> {
        let of = |wanted: &dyn Fn(State) -> bool| {
            self.components
                .iter()
                .filter(|component| wanted(component.state))
                .filter_map(|component| component.since)
                .collect::<Vec<_>>()
        };
        match self.overall() {
            Overall::Operational => of(&|_| true).into_iter().max(),
            Overall::Maintenance => of(&|state| state == State::Maintenance).into_iter().min(),
            Overall::Degraded | Overall::PartialOutage | Overall::Outage => {
                of(&|state| matches!(state, State::Trouble(_)))
                    .into_iter()
                    .min()
            }
            Overall::PartlyUnknown | Overall::Unknown => None,
        }
    }

    /// When the announced maintenance that is going on shall end.
    pub fn maintenance_until(&self) -> Option<Moment> {
        self.maintenance
            .iter()
            .filter(|announced| announced.from <= self.as_of)
            .map(|announced| announced.until)
            .max()
    }

    /// The outages that are not over.
    pub fn open(&self) -> impl Iterator<Item = &Outage> {
        self.outages.iter().filter(|outage| outage.is_open())
    }

    /// When anything was last observed.
    pub fn observed_at(&self) -> Option<Moment> {
        self.components
            .iter()
            .filter_map(|component| component.observed_at)
            .max()
    }

    /// The same with every component unknown, and no word on which uploads work right
    /// now: what is shown when nothing has been recorded or read for so long that the
    /// snapshot says nothing of now. `as_of` stays the moment of the last reading.
    #[must_use]
    pub fn gone_stale(mut self) -> Snapshot {
        for component in &mut self.components {
            component.state = State::Unknown(Unseen::Ourselves);
            component.since = Some(self.as_of);
        }
        self.ladder.clear();
        self
    }
}
