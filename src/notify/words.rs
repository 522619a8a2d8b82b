//! What alerts say, in Indonesian and English. Whoever reads one was woken by it: the first
//! line says all. Plain functions; nothing here sends.

pub(super) mod blocked;
mod diagnosis;
pub(super) mod disk;
mod faults;

use std::fmt::Write as _;
use std::time::Duration;

use jiff::tz::{self, TimeZone};

pub(super) use self::diagnosis::sentences;
use super::ComponentName;
use crate::domain::history::Alert;
use crate::domain::names::NameTable;
use crate::domain::outage::{Effect, Severity};
use crate::domain::{Moment, report};

/// What a message is about.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The message's own id, the same at every try.
    pub once_key: String,
    /// When it was written.
    pub created_at: Moment,
    /// What happened.
    pub alert: Alert,
    /// What the component is called.
    pub name: ComponentName,
    /// What flows and steps are called.
    pub names: NameTable,
    /// The outage's public page.
    pub url: String,
}

/// The longest subject line.
const SUBJECT_CHARS: usize = 78;
/// A mail that waited longer says so.
const LATE_AFTER: Duration = Duration::from_secs(5 * 60);

/// Any text as one line: without control characters and those that turn the direction of
/// reading, at most `max` characters.
pub fn one_line(text: &str, max: usize) -> String {
    shorten(&report::clean(text).replace('\n', " "), max)
}

fn shorten(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let kept: String = text.chars().take(max.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// Indonesian and English.
type Pair = (&'static str, &'static str);

fn severity(severity: Severity) -> Pair {
    match severity {
        Severity::Degraded => ("layanan menurun", "degraded"),
        Severity::Partial => ("gangguan sebagian", "partial outage"),
        Severity::Down => ("gangguan total", "outage"),
    }
}

fn how_it_works(severity: Severity) -> Pair {
    match severity {
        Severity::Degraded => ("lambat", "is slow"),
        Severity::Partial => ("kadang gagal", "fails at times"),
        Severity::Down => ("tidak berfungsi", "does not work"),
    }
}

/// What happened, in capitals, and the moment that it counts from.
fn headline_words(subject: &Subject) -> (String, String, Moment) {
    let outage = &subject.alert.outage;
    let (id, en) = severity(outage.severity);
    let (id, en) = (id.to_uppercase(), en.to_uppercase());
    match &subject.alert.effect {
        Effect::Opened { began, .. } => (id, en, *began),
        Effect::Worsened { at, .. } => (format!("MEMBURUK, {id}"), format!("WORSE, {en}"), *at),
        Effect::Eased { at, .. } => (format!("MEMBAIK, {id}"), format!("BETTER, {en}"), *at),
        Effect::Overran { at, .. } => {
            (format!("LEWAT JADWAL, {id}"), format!("OVERRAN, {en}"), *at)
        }
        Effect::Diagnosed { at, .. } => (id, en, *at),
        Effect::Closed { ended, .. } => ("PULIH".to_owned(), "RECOVERED".to_owned(), *ended),
    }
}

/// The subject line: what, how bad, since when; at most 78 characters. What does not fit is
/// left out in this order: the English name, the time, the end of the name.
pub fn headline(subject: &Subject) -> String {
    let (what_id, what_en, at) = headline_words(subject);
    let name_id = one_line(&subject.name.id, SUBJECT_CHARS);
    let name_en = one_line(&subject.name.en, SUBJECT_CHARS);
    let time = clock_time(at, &wib(), '.');
    let since = format!("sejak {time} WIB");
    let candidates = [
        format!("[Siaga] {name_id}: {what_id} {since} / {name_en}: {what_en}"),
        format!("[Siaga] {name_id}: {what_id} {since} / {what_en}"),
        format!("[Siaga] {name_id}: {what_id} / {what_en}"),
    ];
    for line in candidates {
        if line.chars().count() <= SUBJECT_CHARS {
            return line;
        }
    }
    let rest = format!(": {what_id} / {what_en}");
    let room = SUBJECT_CHARS.saturating_sub("[Siaga] ".len() + rest.chars().count());
    format!("[Siaga] {}{rest}", shorten(&name_id, room))
}

/// The mail's text, as it is sent at `now`.
pub fn body(subject: &Subject, now: Moment) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_body(&mut out, subject, now);
    out
}

fn write_body(out: &mut String, subject: &Subject, now: Moment) -> std::fmt::Result {
    let outage = &subject.alert.outage;
    let (what_id, what_en, at) = headline_words(subject);
    let closed = matches!(subject.alert.effect, Effect::Closed { .. });
    let name_id = one_line(&subject.name.id, 120);
    let name_en = one_line(&subject.name.en, 120);
    let names = subject.names.of(&outage.flow);
    let (step, flow) = (names.step(&outage.step), names.flow());
    let (step_id, step_en) = (step.id(), step.en());
    let flow_key = one_line(&outage.flow, 80);
    let message = subject.alert.message.as_ref().map(|m| one_line(m, 500));
    let fault = faults::words(outage.fault);
    let place = (outage.diagnosis.as_ref()).map(|found| sentences(found, names));
    let lasted = outage.lasted(now);
    let time_id = format!(
        "{} WIB ({} UTC)",
        clock_time(at, &wib(), '.'),
        clock_time(at, &TimeZone::UTC, '.')
    );
    let time_en = format!(
        "{} WIB ({} UTC)",
        clock_time(at, &wib(), ':'),
        clock_time(at, &TimeZone::UTC, ':')
    );

    if closed {
        let (long_id, long_en) = span(lasted);
        writeln!(
            out,
            "{what_id}: {name_id} berfungsi lagi sejak {time_id}, setelah {long_id}."
        )?;
        writeln!(
            out,
            "{what_en}: {name_en} works again since {time_en}, after {long_en}."
        )?;
    } else {
        let (works_id, works_en) = how_it_works(outage.severity);
        writeln!(
            out,
            "{what_id}: {name_id} {works_id} sejak {time_id}, di langkah \"{step_id}\": {}.",
            fault.what.0
        )?;
        writeln!(
            out,
            "{what_en}: {name_en} {works_en} since {time_en}, at step \"{step_en}\": {}.",
            fault.what.1
        )?;
    }
    if now.since(subject.created_at) > LATE_AFTER {
        writeln!(
            out,
            "\nPesan ini TERTUNDA; ditulis {}. Keadaan kini: lihat tautan.",
            full_id(subject.created_at)
        )?;
        writeln!(
            out,
            "This message is LATE; it was written {}. See the link for what is true now.",
            full_en(subject.created_at)
        )?;
    }

    let (severity_id, severity_en) = severity(outage.severity);
    writeln!(out, "\n--- Bahasa Indonesia ---")?;
    writeln!(out, "Layanan : {name_id} ({})", outage.component)?;
    writeln!(
        out,
        "Keadaan : {}",
        if closed { "pulih" } else { severity_id }
    )?;
    writeln!(out, "Mulai   : {}", full_id(outage.began_at))?;
    if let Some(ended) = outage.ended_at {
        let down = Duration::from_millis(u64::try_from(outage.down_ms).unwrap_or(0));
        writeln!(out, "Selesai : {}", full_id(ended))?;
        writeln!(
            out,
            "Lama    : {}, tidak berfungsi {}",
            span(lasted).0,
            span(down).0
        )?;
    }
    writeln!(out, "Langkah : {step_id}")?;
    writeln!(out, "Alur    : {} ({flow_key})", flow.id())?;
    writeln!(out, "Sebab   : {}", fault.what.0)?;
    if let Some((place, _)) = &place {
        writeln!(out, "Letak   : {place}")?;
    }
    if let Some(message) = &message {
        writeln!(out, "Pesan   : {message}")?;
    }
    writeln!(out, "Rincian : {}", subject.url)?;
    writeln!(out, "\nYang perlu dilakukan:")?;
    let todo = if closed { faults::AFTER } else { fault.todo };
    for (number, line) in (1..).zip(todo) {
        writeln!(out, "{number}. {}", line.0)?;
    }

    writeln!(out, "\n--- English ---")?;
    writeln!(out, "Service : {name_en} ({})", outage.component)?;
    writeln!(
        out,
        "State   : {}",
        if closed { "recovered" } else { severity_en }
    )?;
    writeln!(out, "Began   : {}", full_en(outage.began_at))?;
    if let Some(ended) = outage.ended_at {
        let down = Duration::from_millis(u64::try_from(outage.down_ms).unwrap_or(0));
        writeln!(out, "Ended   : {}", full_en(ended))?;
        writeln!(
            out,
            "Lasted  : {}, wholly down {}",
            span(lasted).1,
            span(down).1
        )?;
    }
    writeln!(out, "Step    : {step_en}")?;
    writeln!(out, "Flow    : {} ({flow_key})", flow.en())?;
    writeln!(out, "Cause   : {}", fault.what.1)?;
    if let Some((_, place)) = &place {
        writeln!(out, "Where   : {place}")?;
    }
    if let Some(message) = &message {
        writeln!(out, "Message : {message}")?;
    }
    writeln!(out, "Details : {}", subject.url)?;
    writeln!(out, "\nWhat to do next:")?;
    for (number, line) in (1..).zip(todo) {
        writeln!(out, "{number}. {}", line.1)?;
    }
    writeln!(out, "\n-- \nSiaga · {} · v{}", outage.id, outage.version)
}

/// Western Indonesia Time: seven hours ahead, never any daylight saving.
fn wib() -> TimeZone {
    TimeZone::fixed(tz::offset(7))
}

fn clock_time(moment: Moment, zone: &TimeZone, between: char) -> String {
    let time = zone.to_datetime(moment.timestamp());
    format!("{:02}{between}{:02}", time.hour(), time.minute())
}

const DAYS: [Pair; 7] = [
    ("Senin", "Monday"),
    ("Selasa", "Tuesday"),
    ("Rabu", "Wednesday"),
    ("Kamis", "Thursday"),
    ("Jumat", "Friday"),
    ("Sabtu", "Saturday"),
    ("Minggu", "Sunday"),
];
const MONTHS: [Pair; 12] = [
    ("Januari", "January"),
    ("Februari", "February"),
    ("Maret", "March"),
    ("April", "April"),
    ("Mei", "May"),
    ("Juni", "June"),
    ("Juli", "July"),
    ("Agustus", "August"),
    ("September", "September"),
    ("Oktober", "October"),
    ("November", "November"),
    ("Desember", "December"),
];

/// Day, month and year of `moment` in `zone`, with the names of day and month.
fn date(moment: Moment, zone: &TimeZone) -> (Pair, i8, Pair, i16) {
    let date = zone.to_datetime(moment.timestamp()).date();
    let nth = |number: i8| usize::try_from(number - 1).unwrap_or(0);
    let day = DAYS.get(nth(date.weekday().to_monday_one_offset()));
    let month = MONTHS.get(nth(date.month()));
    (
        day.copied().unwrap_or_default(),
        date.day(),
        month.copied().unwrap_or_default(),
        date.year(),
    )
}

/// `Kamis, 6 Agustus 2026 pukul 14.00 WIB (6 Agustus 07.00 UTC)`
fn full_id(moment: Moment) -> String {
    let (day, number, month, year) = date(moment, &wib());
    let (_, utc_number, utc_month, _) = date(moment, &TimeZone::UTC);
    format!(
        "{}, {number} {} {year} pukul {} WIB ({utc_number} {} {} UTC)",
        day.0,
        month.0,
        clock_time(moment, &wib(), '.'),
        utc_month.0,
        clock_time(moment, &TimeZone::UTC, '.'),
    )
}

/// `Thursday, 6 August 2026, 14:00 WIB (6 August 07:00 UTC)`
fn full_en(moment: Moment) -> String {
    let (day, number, month, year) = date(moment, &wib());
    let (_, utc_number, utc_month, _) = date(moment, &TimeZone::UTC);
    format!(
        "{}, {number} {} {year}, {} WIB ({utc_number} {} {} UTC)",
        day.1,
        month.1,
        clock_time(moment, &wib(), ':'),
        utc_month.1,
        clock_time(moment, &TimeZone::UTC, ':'),
    )
}

/// A span in hours and minutes, rounded down; under a minute in seconds.
fn span(span: Duration) -> (String, String) {
    let seconds = span.as_secs();
    let (hours, minutes) = (seconds / 3600, seconds % 3600 / 60);
    match (hours, minutes) {
        (0, 0) => (format!("{seconds} detik"), format!("{seconds} s")),
        (0, _) => (format!("{minutes} menit"), format!("{minutes} min")),
        _ => (
            format!("{hours} jam {minutes} menit"),
            format!("{hours} h {minutes} min"),
        ),
    }
}
