//! Windows of time that come again, by the clock on a wall of some zone.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan as _};

use super::Moment;

/// The most windows of one announcement.
pub const MAX_WINDOWS: usize = 400;
/// The longest window, in hours.
pub const MAX_HOURS: i64 = 31 * 24;

/// How often a window comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    /// At the same time each day.
    Day,
    /// At the same time on the same day of each week.
    Week,
}

impl Every {
    fn span(self, times: i64) -> Span {
        match self {
            Every::Day => times.days(),
            Every::Week => times.weeks(),
        }
    }
}

/// Why there are no such windows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecurrenceError {
    /// It ends before it begins.
    #[error("it must end after it begins")]
    EndsFirst,
    /// It is longer than any maintenance.
    #[error("it lasts longer than {} days; is the date right?", MAX_HOURS / 24)]
    TooLong,
    /// The next one would begin before the last has ended.
    #[error("the next window would begin before this one has ended")]
    Overlaps,
    /// Too many.
    #[error("these are more than {MAX_WINDOWS} windows; announce them up to an earlier date")]
    TooMany,
    /// The last day is before the first.
    #[error("the last day is before the first window")]
    NoDay,
    /// Beyond the calendar.
    #[error("there is no such date")]
    NoDate,
}

/// The windows from `first` (begin and end, as clocks in `zone` show them) on: that one alone, or with
/// `again` those that follow, as long as they begin on a day up to the given last one. A time that
/// clocks skip when they are set forward counts as the one that they show instead.
pub fn windows(
    first: (DateTime, DateTime),
    zone: &TimeZone,
    again: Option<(Every, Date)>,
) -> Result<Vec<(Moment, Moment)>, RecurrenceError> {
    let (begin, end) = first;
    if end <= begin {
        return Err(RecurrenceError::EndsFirst);
    }
    let length = end.duration_since(begin);
    if length.as_hours() > MAX_HOURS {
        return Err(RecurrenceError::TooLong);
    }
    if let Some((every, last)) = again {
        if last < begin.date() {
            return Err(RecurrenceError::NoDay);
        }
        let next = begin
            .checked_add(every.span(1))
            .map_err(|_| RecurrenceError::NoDate)?;
        if next < end {
            return Err(RecurrenceError::Overlaps);
        }
    }
    let mut windows: Vec<(Moment, Moment)> = Vec::new();
    for times in 0.. {
        let by = again.map_or(Span::new(), |(every, _)| every.span(times));
        let shifted = |time: DateTime| time.checked_add(by).map_err(|_| RecurrenceError::NoDate);
        let (from, until) = (shifted(begin)?, shifted(end)?);
        if again.is_some_and(|(_, last)| from.date() > last) {
            break;
        }
        if windows.len() >= MAX_WINDOWS {
            return Err(RecurrenceError::TooMany);
        }
        let moment = |time: DateTime| {
            let zoned = time.to_zoned(zone.clone());
            zoned
                .map(|zoned| Moment::from(zoned.timestamp()))
                .map_err(|_| RecurrenceError::NoDate)
        };
        let window = (moment(from)?, moment(until)?);
        // Of a window that lies in the hour that clocks skip nothing is left.
        if window.0 < window.1 {
            windows.push(window);
        }
        if again.is_none() {
            break;
        }
    }
    match windows.is_empty() {
        true => Err(RecurrenceError::EndsFirst),
        false => Ok(windows),
    }
}
