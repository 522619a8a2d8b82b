//! What the public pages are made of: one consistent reading of the store, as values.
//! The rules that turn it into words are here too, because they decide what a reader
//! believes: above all that nothing unknown ever reads as working.

use std::time::Duration;

use jiff::civil::Date;

use crate::domain::{ComponentId, Fault, Moment, Why};

/// Everything that the public pages tell, as of one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// When it was read.
    pub as_of: Moment,
    /// In the order of the status page.
    pub components: Vec<Component>,
    /// The open ones and the closed ones of the last 90 days, newest first. Older ones are
    /// rendered when asked for.
    pub outages: Vec<Outage>,
    /// The months that have outages, newest first, for the pages of the list.
    pub months: Vec<MonthOfOutages>,
    /// What the ladder found, smallest first; empty where no flow has one.
    pub ladder: Vec<LadderRung>,
    /// Announced maintenance that is not over, soonest first.
    pub maintenance: Vec<Maintenance>,
    /// Gaps in our own watch in the last 90 days, newest first.
    pub gaps: Vec<Gap>,
}

/// How a component is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Fresh observations say that it works.
    Operational,
    /// It works, but slowly.
    Degraded,
    /// It fails for some or again and again.
    PartialOutage,
    /// It does not work.
    Outage,
    /// Nobody can say.
    Unknown(Reason),
    /// Down or shaky as announced.
    Maintenance,
}

/// Why nothing is known of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// It has never been observed.
    NoData,
    /// The last observation is too old to say anything of now.
    Stale,
    /// Something before it fails, so that nobody gets this far.
    NotReached,
    /// The last run said nothing of the site.
    Inconclusive(Why),
    /// Our own records cannot be read.
    RecordsUnreadable,
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
    /// When it was first watched.
    pub watched_since: Option<Moment>,
    /// The last 90 days, oldest first, today last. A day without a record may be left out.
    pub days: Vec<Day>,
}

/// One day of one component, by the calendar of the site's zone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Day {
    /// The day.
    pub date: Date,
    /// How long it was watched.
    pub observed: Duration,
    /// How long it was down, planned maintenance left out.
    pub down: Duration,
    /// How long it was slow or intermittent.
    pub degraded: Duration,
    /// How long it was in maintenance.
    pub maintenance: Duration,
}

/// What kind of day it was: the worst that is worth telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DayKind {
    /// Watched for less than an hour: nothing can be said.
    NoData,
    /// No outage seen.
    Operational,
    /// Maintenance, and nothing worse.
    Maintenance,
    /// Slow or intermittent.
    Degraded,
    /// Down for less than an hour.
    Partial,
    /// Down for an hour or longer.
    Outage,
}

impl Day {
    /// A day of which nothing is recorded.
    pub fn unobserved(date: Date) -> Day {
        Day {
            date,
            observed: Duration::ZERO,
            down: Duration::ZERO,
            degraded: Duration::ZERO,
            maintenance: Duration::ZERO,
        }
    }

    /// The kind of day it was. What was seen failing counts however short the watch.
    pub fn kind(&self) -> DayKind {
        const HOUR: Duration = Duration::from_secs(3600);
        if self.down >= HOUR {
            DayKind::Outage
        } else if !self.down.is_zero() {
            DayKind::Partial
        } else if !self.degraded.is_zero() {
            DayKind::Degraded
        } else if !self.maintenance.is_zero() {
            DayKind::Maintenance
        } else if self.observed < HOUR {
            DayKind::NoData
        } else {
            DayKind::Operational
        }
    }
}

/// How grave an outage is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Slow.
    Degraded,
    /// Intermittent, or from some vantages only.
    Partial,
    /// Down.
    Outage,
}

/// A span of time in which a component was down, slow or intermittent.
#[derive(Clone, Debug, PartialEq)]
pub struct Outage {
    /// Its id, as the address has it.
    pub id: String,
    /// What it hit.
    pub component: ComponentId,
    /// How grave it is, or was at its worst.
    pub severity: Severity,
    /// Announced maintenance.
    pub planned: bool,
    /// It kept coming and going.
    pub intermittent: bool,
    /// Start of the first failing run.
    pub started_at: Moment,
    /// When it counted as confirmed.
    pub confirmed_at: Option<Moment>,
    /// Start of the first passing run after it.
    pub ended_at: Option<Moment>,
    /// What the site's owner says of its start and end.
    pub official: Option<Official>,
    /// How long it was down in all, where that is not the whole span.
    pub down: Option<Duration>,
    /// What kind of failure it is.
    pub fault: Option<Fault>,
    /// The host that was asked.
    pub host: Option<String>,
    /// The flow and the step that failed, as the flow file names them.
    pub step: Option<String>,
    /// Runs within it that failed.
    pub failures: u64,
    /// Runs within it in all.
    pub runs: u64,
    /// The places it was seen from.
    pub vantages: Vec<String>,
    /// The error pages met, the most frequent first.
    pub error_pages: Vec<ErrorPage>,
    /// Its timeline, oldest first.
    pub updates: Vec<Update>,
    /// The gaps in our own watch that touch it.
    pub gaps: Vec<Gap>,
}

/// What the owner of the site announced; the observed times stand beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Official {
    /// The announced start.
    pub started_at: Option<Moment>,
    /// The announced end.
    pub ended_at: Option<Moment>,
    /// Where it was announced.
    pub source: Option<String>,
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

/// One entry of an outage's timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// When.
    pub at: Moment,
    /// What happened.
    pub what: Change,
}

/// What an entry of a timeline says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The first failing run.
    Began(Option<Fault>),
    /// Enough runs failed in a row to be sure.
    Confirmed,
    /// It turned into this severity.
    Became(Severity),
    /// It comes and goes.
    Intermittent,
    /// Another kind of failure than before.
    Fault(Fault),
    /// First runs pass again.
    Recovering,
    /// It is over.
    Ended,
    /// A word of the people on call, shown as they wrote it.
    Note(String),
}

/// A time in which we ourselves did not watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// From.
    pub from: Moment,
    /// To; `None` while it lasts.
    pub to: Option<Moment>,
    /// Why.
    pub why: Why,
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
    /// What it touches.
    pub components: Vec<ComponentId>,
    /// Announced start.
    pub from: Moment,
    /// Announced end.
    pub to: Moment,
    /// What was announced, as written.
    pub title: String,
    /// When it was announced.
    pub announced_at: Moment,
}

/// A page of the list of outages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MonthOfOutages {
    /// The year.
    pub year: i16,
    /// The month, 1 to 12.
    pub month: i8,
}

impl MonthOfOutages {
    /// The month of a moment, by a zone's calendar.
    pub fn of(date: Date) -> Self {
        MonthOfOutages {
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
    /// Something fails, or some components are down while others work.
    PartialOutage,
    /// Nothing that can be reached works, or what everybody has to pass first is down.
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
        let all = self.components.len();
        let down = count(|state| state == State::Outage);
        let partial = count(|state| state == State::PartialOutage);
        let unknown = count(|state| matches!(state, State::Unknown(_)));
        let working = count(|state| matches!(state, State::Operational | State::Degraded));
        let degraded = count(|state| state == State::Degraded);
        let maintenance = count(|state| state == State::Maintenance);
        if down > 0 && working == 0 && partial == 0 {
            Overall::Outage
        } else if down + partial > 0 {
            Overall::PartialOutage
        } else if unknown == all {
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

    /// The outages that are not over.
    pub fn open(&self) -> impl Iterator<Item = &Outage> {
        self.outages
            .iter()
            .filter(|outage| outage.ended_at.is_none())
    }

    /// When the earliest of the open outages began.
    pub fn down_since(&self) -> Option<Moment> {
        self.open()
            .filter(|outage| !outage.planned)
            .map(|outage| outage.started_at)
            .min()
    }

    /// When anything was last observed.
    pub fn observed_at(&self) -> Option<Moment> {
        self.components
            .iter()
            .filter_map(|component| component.observed_at)
            .max()
    }

    /// The same with every component unknown: what is shown when the store has not
    /// answered for so long that what was read last says nothing of now. `as_of` stays
    /// the moment of the last reading.
    #[must_use]
    pub fn gone_stale(mut self) -> Snapshot {
        for component in &mut self.components {
            component.state = State::Unknown(Reason::RecordsUnreadable);
            component.since = Some(self.as_of);
        }
        self
    }
}
