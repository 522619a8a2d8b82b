//! The kinds of fields, and what each makes of a value: the HTML standard's value sanitization.

use jiff::civil::{Date, Time};
use scraper::ElementRef;

/// What a control is: an input's type (`text` where it is missing or unknown), a button's
/// type, else the element's name.
pub(crate) fn kind(element: ElementRef<'_>) -> &'static str {
    const INPUTS: [&str; 22] = [
        "hidden",
        "checkbox",
        "radio",
        "file",
        "submit",
        "image",
        "reset",
        "button",
        "password",
        "email",
        "url",
        "number",
        "date",
        "text",
        "search",
        "tel",
        "color",
        "range",
        "month",
        "week",
        "time",
        "datetime-local",
    ];
    let given = element.attr("type").unwrap_or_default();
    match element.value().name() {
        "input" => INPUTS
            .into_iter()
            .find(|kind| given.eq_ignore_ascii_case(kind))
            .unwrap_or("text"),
        "button" if given.eq_ignore_ascii_case("reset") => "reset",
        "button" if given.eq_ignore_ascii_case("button") => "button",
        "button" => "submit",
        "select" => "select",
        "textarea" => "textarea",
        _ => "other",
    }
}

/// Whether somebody can write a value into it.
pub(super) fn is_fillable(element: ElementRef<'_>) -> bool {
    !matches!(
        kind(element),
        "hidden"
            | "checkbox"
            | "radio"
            | "file"
            | "submit"
            | "image"
            | "reset"
            | "button"
            | "select"
            | "other"
    )
}

/// What a field makes of a value.
pub(super) fn sanitized(control: ElementRef<'_>, value: String) -> String {
    let kind = kind(control);
    let line = || value.replace(['\r', '\n'], "");
    let only_if = |right: bool| if right { value.clone() } else { String::new() };
    match kind {
        "hidden" | "textarea" | "select" | "other" => value,
        "url" => trimmed(&line()).to_owned(),
        "email" if control.attr("multiple").is_some() => {
            let line = line();
            line.split(',').map(trimmed).collect::<Vec<_>>().join(",")
        }
        "email" => trimmed(&line()).to_owned(),
        "number" => only_if(number(&value).is_some()),
        "range" => in_range(control, &value),
        "color" => color(&value).unwrap_or_else(|| "#000000".to_owned()),
        "date" | "month" | "week" | "time" => only_if(moment(kind, &value).is_some()),
        "datetime-local" => local(&value).unwrap_or_default(),
        _ => line(),
    }
}

fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\n', '\x0c', '\r'])
}

/// A floating-point number as HTML writes them.
pub(super) fn number(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let starts = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let (mantissa, _) = digits.split_once(['e', 'E']).unwrap_or((digits, ""));
    let right = starts && !mantissa.ends_with('.');
    text.parse()
        .ok()
        .filter(|number: &f64| right && number.is_finite())
}

/// How a number is written where the browser made it.
fn written(number: f64) -> String {
    format!("{number}")
}

fn in_range(control: ElementRef<'_>, value: &str) -> String {
    let given = |name: &str| number(control.attr(name)?);
    let (min, max) = (given("min").unwrap_or(0.0), given("max").unwrap_or(100.0));
    let wanted = number(value);
    let middle = if max < min {
        min
    } else {
        min + (max - min) / 2.0
    };
    let clamped = wanted.unwrap_or(middle).min(max).max(min);
    let any = control
        .attr("step")
        .is_some_and(|step| step.eq_ignore_ascii_case("any"));
    let step = given("step").filter(|step| *step > 0.0).unwrap_or(1.0);
    let base = given("min").or_else(|| given("value")).unwrap_or(0.0);
    let mut snapped = clamped;
    if !any {
        let steps = (clamped - base) / step;
        // Half a step goes up.
        snapped = base + (steps + 0.5).floor() * step;
        if snapped > max {
            snapped -= step;
        }
        if snapped < min {
            snapped += step;
        }
    }
    match wanted {
        Some(wanted) if wanted == snapped => value.to_owned(),
        // The arithmetic of fractions leaves traces that browsers, which count in decimals, do not.
        _ => written((snapped * 1e9).round() / 1e9),
    }
}

/// A colour by its name or its digits, as `#rrggbb`. The functions of style sheets are not known.
fn color(value: &str) -> Option<String> {
    let value = trimmed(value);
    let (red, green, blue) = match value.strip_prefix('#') {
        Some(digits) => {
            let (red, green, blue, _) =
                cssparser::color::parse_hash_color(digits.as_bytes()).ok()?;
            (red, green, blue)
        }
        None => cssparser::color::parse_named_color(value).ok()?,
    };
    Some(format!("#{red:02x}{green:02x}{blue:02x}"))
}

/// A moment as a number that its `min`, `max` and `step` count in: milliseconds, of months the
/// months. `None` where it is not written as it must be.
pub(super) fn moment(kind: &str, value: &str) -> Option<f64> {
    const DAY: f64 = 86_400_000.0;
    match kind {
        "date" => Some(days(value)? * DAY),
        "month" => {
            let (year, month) = year_and(value, "-")?;
            (1..=12)
                .contains(&month)
                .then(|| f64::from(year - 1970) * 12.0 + f64::from(month - 1))
        }
        "week" => {
            let (year, week) = year_and(value, "-W")?;
            let week = i8::try_from(week).ok()?;
            let monday = jiff::civil::ISOWeekDate::new(
                i16::try_from(year).ok()?,
                week,
                jiff::civil::Weekday::Monday,
            );
            Some(day_number(monday.ok()?.date()) * DAY)
        }
        "time" => time(value),
        "datetime-local" => {
            let (date, time_of_day) = value.split_once(['T', ' '])?;
            Some(days(date)? * DAY + time(time_of_day)?)
        }
        _ => None,
    }
}

fn days(value: &str) -> Option<f64> {
    let is_written = value.len() == 10 && value.is_ascii();
    let date: Date = value.parse().ok().filter(|_| is_written)?;
    (date.year() > 0).then(|| day_number(date))
}

fn day_number(date: Date) -> f64 {
    let epoch = jiff::civil::date(1970, 1, 1);
    date.since((jiff::Unit::Day, epoch))
        .map_or(0.0, |span| f64::from(span.get_days()))
}

fn year_and(value: &str, between: &str) -> Option<(i32, i32)> {
    let (year, rest) = value.split_once(between)?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let right = year.len() == 4 && rest.len() == 2 && digits(year) && digits(rest);
    let year: i32 = year.parse().ok().filter(|year| right && *year > 0)?;
    Some((year, rest.parse().ok()?))
}

/// Milliseconds since midnight.
fn time(value: &str) -> Option<f64> {
    let written = value.as_bytes();
    let digits = |from: usize| {
        let digits = written.get(from..from + 2)?;
        digits.iter().all(u8::is_ascii_digit).then_some(())
    };
    digits(0)?;
    digits(3)?;
    let has_fraction = value.len() > 8;
    let fraction_is_right = !has_fraction
        || written[8] == b'.'
            && (1..=3).contains(&(value.len() - 9))
            && written[9..].iter().all(u8::is_ascii_digit);
    let right = written[2] == b':'
        && (value.len() == 5 || value.len() >= 8 && written[5] == b':')
        && fraction_is_right;
    let parsed: Time = value.parse().ok().filter(|_| right)?;
    let seconds = f64::from(parsed.hour()) * 3600.0
        + f64::from(parsed.minute()) * 60.0
        + f64::from(parsed.second());
    Some(seconds * 1000.0 + f64::from(parsed.millisecond()))
}

/// A local date and time as browsers write it: with `T`, and no more of the time than needed.
fn local(value: &str) -> Option<String> {
    moment("datetime-local", value)?;
    let (date, time_of_day) = value.split_once(['T', ' '])?;
    let (time_of_day, fraction) = time_of_day.split_once('.').unwrap_or((time_of_day, ""));
    let fraction = fraction.trim_end_matches('0');
    let time_of_day = match (time_of_day.strip_suffix(":00"), fraction) {
        (Some(short), "") if time_of_day.len() == 8 => short.to_owned(),
        (_, "") => time_of_day.to_owned(),
        _ => format!("{time_of_day}.{fraction}"),
    };
    Some(format!("{date}T{time_of_day}"))
}
