//! In which order an office works on open reports.
//!
//! The order is by dates that strangers choose. What bounds a lie: a date before the report came
//! counts as the day on which it came, so that nobody gets before those who came earlier; dates
//! that cannot be are no dates; and of one network only so many, as urgent as each other, stand in
//! the list at once, the rest being folded behind the last of them. All reports of one passport
//! stand together, in the best place that any of them has: what somebody else writes in a person's
//! name can lift that person's reports, and never lower them.

use std::collections::HashMap;

use jiff::civil::Date;

use super::Moment;

/// Groups of one network that stand in one band of the list: a fifth of a page.
pub const MAX_OF_NETWORK: usize = 10;
/// A permit that ended longer ago than this before the report came is no case for a waiting list:
/// after 60 days of overstay the law knows no extension. The date is mistyped, or worse.
const MAX_DAYS_PASSED: i32 = 60;
/// No stay permit is given for longer than ten years.
const MAX_DAYS_AHEAD: i32 = 3660;

/// An open report, as far as its place in the list depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenReport {
    /// Equal for reports of one passport.
    pub passport: Vec<u8>,
    /// Equal for reports from one network; `None` where that is not known.
    pub network: Option<Vec<u8>>,
    /// Last day of the permit, as reported.
    pub expires_on: Option<Date>,
    /// The day on which it came, in the office's calendar.
    pub received_on: Date,
    /// When it came.
    pub received_at: Moment,
    /// Whether it falls into an outage that we observed.
    pub is_matched: bool,
    /// Today, in the office's calendar.
    pub today: Date,
}

/// How soon something must be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Band {
    /// The last day is over, or within three days.
    Days3,
    /// Within a week.
    Days7,
    /// Within thirty days.
    Days30,
    /// No date, or one that cannot be.
    Undated,
    /// Later.
    Later,
}

impl OpenReport {
    /// The day by which it counts; `None` where there is no date that can be.
    pub fn due_on(&self) -> Option<Date> {
        let expires_on = self.expires_on?;
        let from_receipt = days(self.received_on, expires_on);
        (-MAX_DAYS_PASSED..=MAX_DAYS_AHEAD)
            .contains(&from_receipt)
            .then(|| expires_on.max(self.received_on))
    }

    /// Whether there is a date that cannot be.
    pub fn has_doubtful_date(&self) -> bool {
        self.expires_on.is_some() && self.due_on().is_none()
    }

    /// How soon something must be done.
    pub fn band(&self) -> Band {
        match self.due_on().map(|due_on| days(self.today, due_on)) {
            Some(..=3) => Band::Days3,
            Some(4..=7) => Band::Days7,
            Some(8..=30) => Band::Days30,
            Some(_) => Band::Later,
            None => Band::Undated,
        }
    }
}

fn days(from: Date, until: Date) -> i32 {
    // Of two civil dates the difference in days always exists.
    from.until(until).map_or(0, |span| span.get_days())
}

/// The reports of one passport, by their places in what [`arrange`] was given, the oldest first.
pub type Group = Vec<usize>;

/// One entry of the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// What stands there.
    pub group: Group,
    /// The report of it by whose date it stands there, and whose network it counts for.
    pub placed_by: usize,
    /// Groups that are folded behind it: of the same network, and not more urgent.
    pub folded: Vec<Group>,
}

/// The list of an office. Where there are more than `page` groups, only [`MAX_OF_NETWORK`] of one
/// network stand in each band; with no `page` nothing is folded. Every report is in exactly one
/// group, and every group stands in the list or is folded behind one that does. Takes the time of
/// one sorting.
pub fn arrange(reports: &[OpenReport], page: Option<usize>) -> Vec<Entry> {
    let mut groups: HashMap<&[u8], Group> = HashMap::new();
    for (place, report) in reports.iter().enumerate() {
        groups.entry(&report.passport).or_default().push(place);
    }
    for group in groups.values_mut() {
        group.sort_by_key(|place| reports.get(*place).map(|one| (one.received_at, *place)));
    }
    let has_limit = page.is_some_and(|page| groups.len() > page);
    let mut sorted: Vec<(usize, &OpenReport)> = reports.iter().enumerate().collect();
    sorted.sort_by_key(|(place, report)| {
        (
            report.band(),
            report.due_on(),
            !report.is_matched,
            report.received_at,
            *place,
        )
    });

    let mut entries: Vec<Entry> = Vec::new();
    let mut held: HashMap<(Band, &[u8]), Held> = HashMap::new();
    let mut waiting: Vec<(&[u8], usize)> = Vec::new();
    for (place, report) in sorted {
        let passport = report.passport.as_slice();
        if !groups.contains_key(passport) {
            continue;
        }
        let network = report.network.as_deref().filter(|_| has_limit);
        if let Some(network) = network {
            let held = held.entry((report.band(), network)).or_default();
            if held.count >= MAX_OF_NETWORK {
                // Another report of the passport may yet find a place; else it waits here.
                waiting.push((passport, held.last));
                continue;
            }
            held.count += 1;
            held.last = entries.len();
        }
        entries.push(Entry {
            group: groups.remove(passport).unwrap_or_default(),
            placed_by: place,
            folded: Vec::new(),
        });
    }
    for (passport, behind) in waiting {
        if let (Some(group), Some(entry)) = (groups.remove(passport), entries.get_mut(behind)) {
            entry.folded.push(group);
        }
    }
    entries
}

/// How many groups of a network stand in a band, and at which entry the last of them.
#[derive(Default)]
struct Held {
    count: usize,
    last: usize,
}
