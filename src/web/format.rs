//! Times, spans, amounts and sizes as people write them in each language.

use std::time::Duration;

use jiff::Zoned;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};

use super::lang::Lang;
use super::texts::Texts;
use crate::domain::Moment;

/// The three zones of Indonesia. None has daylight saving time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Zone {
    /// Western, UTC+7: Jakarta.
    Wib,
    /// Central, UTC+8: Denpasar, Makassar.
    Wita,
    /// Eastern, UTC+9: Jayapura.
    Wit,
}

impl Zone {
    /// The abbreviation that everyone in Indonesia uses.
    pub fn label(self) -> &'static str {
        match self {
            Zone::Wib => "WIB",
            Zone::Wita => "WITA",
            Zone::Wit => "WIT",
        }
    }

    /// The name in the tz database, which JSON readers want.
    pub fn iana(self) -> &'static str {
        match self {
            Zone::Wib => "Asia/Jakarta",
            Zone::Wita => "Asia/Makassar",
            Zone::Wit => "Asia/Jayapura",
        }
    }

    /// From the abbreviation, in any case.
    pub fn parse(label: &str) -> Option<Zone> {
        [Zone::Wib, Zone::Wita, Zone::Wit]
            .into_iter()
            .find(|zone| zone.label().eq_ignore_ascii_case(label))
    }

    /// A moment on the clocks of this zone.
    pub fn at(self, moment: Moment) -> Zoned {
        moment.timestamp().to_zoned(self.time_zone())
    }

    /// As jiff's type.
    pub fn time_zone(self) -> TimeZone {
        let hours = match self {
            Zone::Wib => 7,
            Zone::Wita => 8,
            Zone::Wit => 9,
        };
        TimeZone::fixed(Offset::constant(hours))
    }
}

const WEEKDAYS: [&str; 7] = [
    "weekday-1",
    "weekday-2",
    "weekday-3",
    "weekday-4",
    "weekday-5",
    "weekday-6",
    "weekday-7",
];

const MONTHS: [&str; 12] = [
    "month-1", "month-2", "month-3", "month-4", "month-5", "month-6", "month-7", "month-8",
    "month-9", "month-10", "month-11", "month-12",
];

/// Formats for one language and one zone.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    t: Texts,
    zone: Zone,
}

impl Format {
    /// For this language, on this zone's clocks.
    pub fn new(lang: Lang, zone: Zone) -> Self {
        Format {
            t: Texts::of(lang),
            zone,
        }
    }

    /// "Jumat, 6 Agustus 2021 pukul 14.00 WIB", "Friday, 6 August 2021, 14:00 WIB".
    pub fn moment(self, moment: Moment) -> String {
        let local = self.zone.at(moment);
        let weekday = usize::try_from(local.weekday().to_monday_zero_offset()).unwrap_or(0);
        self.t.with(
            "format-moment",
            [
                ("weekday", self.t.get(WEEKDAYS[weekday % 7]).into()),
                ("date", self.date(local.date()).into()),
                ("time", self.time(moment).into()),
            ],
        )
    }

    /// "14.00 WIB", "14:00 WIB".
    pub fn time(self, moment: Moment) -> String {
        let local = self.zone.at(moment);
        self.t.with(
            "format-time",
            [
                ("hour", format!("{:02}", local.hour()).into()),
                ("minute", format!("{:02}", local.minute()).into()),
                ("zone", self.zone.label().into()),
            ],
        )
    }

    /// The time of day alone where `moment` is on the same day as `today`, else with the
    /// date: what stands after "since".
    pub fn since(self, moment: Moment, today: Moment) -> String {
        if self.zone.at(moment).date() == self.zone.at(today).date() {
            self.time(moment)
        } else {
            self.day_time(moment)
        }
    }

    /// "6 Agustus 2021 pukul 14.00 WIB", "6 August 2021, 14:00 WIB".
    pub fn day_time(self, moment: Moment) -> String {
        self.t.with(
            "format-day-time",
            [
                ("date", self.date(self.zone.at(moment).date()).into()),
                ("time", self.time(moment).into()),
            ],
        )
    }

    /// "6 Agustus 2021", "6 August 2021".
    pub fn date(self, date: Date) -> String {
        self.t.with(
            "format-date",
            [
                ("day", date.day().to_string().into()),
                ("month", self.month_name(date.month()).into()),
                ("year", date.year().to_string().into()),
            ],
        )
    }

    /// "Agustus 2021", "August 2021".
    pub fn month(self, year: i16, month: i8) -> String {
        self.t.with(
            "format-month",
            [
                ("month", self.month_name(month).into()),
                ("year", year.to_string().into()),
            ],
        )
    }

    fn month_name(self, month: i8) -> String {
        let index = usize::try_from(month).unwrap_or(1).clamp(1, 12) - 1;
        self.t.get(MONTHS[index])
    }

    /// The two largest units: "2 jam 5 menit", "3 days 4 hours", "less than a minute".
    pub fn span(self, span: Duration) -> String {
        let minutes = span.as_secs() / 60;
        let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
        let parts = if days > 0 {
            [("span-days", days), ("span-hours", hours)]
        } else {
            [("span-hours", hours), ("span-minutes", minutes)]
        };
        let parts: Vec<String> = parts
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(key, count)| self.t.with(key, [("count", count.into())]))
            .collect();
        if parts.is_empty() {
            self.t.get("span-under-a-minute")
        } else {
            parts.join(" ")
        }
    }

    /// "1.234", "1,234".
    pub fn count(self, count: u64) -> String {
        grouped(count, &self.t.get("format-group-separator"))
    }

    /// "99,98%", "99.98%": cut, never rounded up, so that 100 means all of it.
    pub fn percent(self, fraction: f64) -> String {
        let hundredths = (fraction.clamp(0.0, 1.0) * 10_000.0).floor();
        let text = if hundredths >= 10_000.0 {
            "100".to_owned()
        } else {
            format!("{:.2}", hundredths / 100.0)
                .replace('.', &self.t.get("format-decimal-separator"))
        };
        self.t.with("format-percent", [("number", text.into())])
    }

    /// "1 MB", "1900 KB": whole units of 1024 bytes where the size is made of them, else
    /// of 1000.
    pub fn size(self, bytes: u64) -> String {
        let base = if bytes.is_multiple_of(1024) {
            1024
        } else {
            1000
        };
        if bytes >= base * base && bytes.is_multiple_of(base * base) {
            format!("{} MB", bytes / (base * base))
        } else if bytes >= base {
            format!("{} KB", bytes / base)
        } else {
            format!("{bytes} B")
        }
    }

    /// "Rp1.000.000", which is written so in both languages.
    pub fn rupiah(self, amount: u64) -> String {
        format!("Rp{}", grouped(amount, "."))
    }
}

fn grouped(number: u64, separator: &str) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.char_indices() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push_str(separator);
        }
        out.push(digit);
    }
    out
}
