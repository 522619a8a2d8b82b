//! Maintenance that is announced from the command line, once or again and again.

use std::time::Duration;

use jiff::civil::{Date, DateTime, Weekday, date};
use jiff::tz::TimeZone;
use jiff::{ToSpan as _, Zoned};
use proptest::prelude::*;
use serde_json::{Value, json};
use siaga::domain::Clock as _;
use siaga::domain::recurrence::{Every, MAX_WINDOWS, RecurrenceError, windows};

use siaga::system::SystemClock;

use crate::harness::processes::{HOME, SOON, Setup, Site};

fn zoned(at: siaga::domain::Moment, zone: &TimeZone) -> Zoned {
    at.timestamp().to_zoned(zone.clone())
}

proptest! {
    /// Each window is at the same time by the clock on the wall, on its own day, whatever was done to
    /// that clock in between.
    #[test]
    fn a_window_comes_again_by_the_clock_on_the_wall(
        day in 0..700_i64,
        hour in 0..24_i8,
        minutes in 1..1440_i64,
        days in 0..60_i64,
        is_weekly: bool,
        zone in prop::sample::select(vec!["Asia/Jakarta", "Europe/Berlin", "America/New_York", "UTC"]),
    ) {
        let zone = TimeZone::get(zone).unwrap();
        let begin = date(2026, 1, 1).checked_add(day.days()).unwrap().at(hour, 30, 0, 0);
        let end = begin.checked_add(minutes.minutes()).unwrap();
        let last = begin.date().checked_add(days.days()).unwrap();
        let (every, apart) = match is_weekly { true => (Every::Week, 7), false => (Every::Day, 1) };
        let found = windows((begin, end), &zone, Some((every, last))).unwrap();
        let expected = usize::try_from(days / apart + 1).unwrap();
        // One that lies in an hour that is skipped may be missing.
        prop_assert!(found.len() == expected || found.len() + 1 == expected, "{}", found.len());
        for (from, until) in &found {
            prop_assert!(from < until);
            let (from, until) = (zoned(*from, &zone), zoned(*until, &zone));
            let skipped = |at: &Zoned, time: DateTime| {
                at.time() != time.time() && zone.to_ambiguous_timestamp(at.date().to_datetime(time.time())).is_ambiguous()
            };
            prop_assert!(from.time() == begin.time() || skipped(&from, begin), "{from}");
            prop_assert!(until.time() == end.time() || skipped(&until, end), "{until}");
            prop_assert_eq!(from.date().since(begin.date()).unwrap().get_days() % i32::try_from(apart).unwrap(), 0);
        }
        prop_assert!(found.is_sorted());
    }
}

#[test]
fn what_is_no_window_is_refused() {
    let at = |text: &str| -> DateTime { text.parse().unwrap() };
    let day = |text: &str| -> Date { text.parse().unwrap() };
    let utc = TimeZone::UTC;
    let find = |from: &str, until: &str, again| windows((at(from), at(until)), &utc, again);
    let daily = |last: &str| Some((Every::Day, day(last)));
    for (found, error) in [
        (
            find("2026-12-05 22:00", "2026-12-05 22:00", None),
            RecurrenceError::EndsFirst,
        ),
        (
            find("2026-12-05 22:00", "2027-12-05 22:00", None),
            RecurrenceError::TooLong,
        ),
        (
            find("2026-12-05 22:00", "2026-12-07 02:00", daily("2026-12-31")),
            RecurrenceError::Overlaps,
        ),
        (
            find("2026-12-05 22:00", "2026-12-06 02:00", daily("2026-12-04")),
            RecurrenceError::NoDay,
        ),
        (
            find("2026-12-05 22:00", "2026-12-06 02:00", daily("2030-12-04")),
            RecurrenceError::TooMany,
        ),
        (
            find("9999-12-30 22:00", "9999-12-30 23:00", daily("9999-12-31")),
            RecurrenceError::NoDate,
        ),
    ] {
        assert_eq!(found, Err(error));
    }
    const { assert!(MAX_WINDOWS > 366, "a year of days") };
    // Each Saturday night, from ten to two.
    let weekly = Some((Every::Week, day("2026-12-31")));
    let found = find("2026-12-05 22:00", "2026-12-06 02:00", weekly).unwrap();
    assert_eq!(found.len(), 4);
    assert!(
        found
            .iter()
            .all(|(from, _)| zoned(*from, &utc).weekday() == Weekday::Saturday)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_announced_and_taken_back_while_the_service_runs() {
    let site = Site::start().await;
    let setup = Setup::of(&site).flows(&[HOME]);
    let siaga = setup.run().await;
    siaga.until("website", "operational", SOON).await;
    let utc = |hours: i64| {
        let at = SystemClock
            .now()
            .timestamp()
            .checked_add(hours.hours())
            .unwrap();
        at.to_zoned(TimeZone::UTC)
            .strftime("%Y-%m-%d %H:%M")
            .to_string()
    };
    let (from, until) = (utc(-1), utc(2));
    let add = |more: &[&str]| {
        let window = [
            "maintenance",
            "add",
            "--zone",
            "UTC",
            "--from",
            &from,
            "--until",
            &until,
        ];
        let titles = [
            "--title-id",
            "Pembaruan <sistem>",
            "--title-en",
            "Update <of> it",
        ];
        setup.command(&[&window[..], &titles[..], more].concat(), "")
    };
    let notice = "https://www.imigrasi.go.id/berita?a=1&b=2";
    let (code, printed) = add(&["--component", "website", "--notice", notice]);
    assert_eq!(code, Some(0), "{printed}");
    siaga.until("website", "maintenance", SOON).await;
    for (language, title, link) in [
        ("id", "Pembaruan &#60;sistem&#62;", "Pengumuman resmi"),
        ("en", "Update &#60;of&#62; it", "The official notice"),
    ] {
        let page = siaga.page(&format!("/{language}/")).await;
        assert!(page.contains(title) && page.contains(link), "{page}");
        assert!(
            page.contains("href=\"https://www.imigrasi.go.id/berita?a=1&#38;b=2\""),
            "{page}"
        );
    }
    // What fails meanwhile is planned.
    site.faults(json!([{ "kind": "error", "status": 503 }]))
        .await;
    let planned = async || {
        siaga
            .outages("website")
            .await
            .iter()
            .any(|o| o["planned"] == true)
    };
    crate::harness::eventually("an outage that is planned", SOON * 2, planned).await;
    site.heal().await;

    // A second one comes again every day.
    let last = utc(24 * 9);
    let (code, printed) = add(&["--every", "day", "--last", &last[..10]]);
    assert_eq!(code, Some(0), "{printed}");
    let (code, listed) = setup.command(&["maintenance", "list", "--json"], "");
    assert_eq!(code, Some(0), "{listed}");
    let listed: Vec<Value> = serde_json::from_str(&listed).unwrap();
    assert!((10..=12).contains(&listed.len()), "{listed:?}");
    assert_eq!(listed[0]["notice"], notice);
    let daily = listed
        .iter()
        .find(|one| one["component"].is_null())
        .unwrap();
    let series = daily["series"].as_str().unwrap().to_owned();
    let (code, table) = setup.command(&["maintenance", "list"], "");
    assert_eq!(code, Some(0));
    assert!(
        table.contains("Update <of> it") && table.contains("(now)"),
        "{table}"
    );

    for id in [series.as_str(), listed[0]["series"].as_str().unwrap()] {
        let (code, printed) = setup.command(&["maintenance", "cancel", id], "");
        assert_eq!(code, Some(0), "{printed}");
        assert!(printed.contains("has ended"), "{printed}");
        let (code, printed) = setup.command(&["maintenance", "cancel", id], "");
        assert_eq!(code, Some(2), "{printed}");
    }
    siaga
        .until("website", "operational", Duration::from_secs(60))
        .await;
    let (_, printed) = setup.command(&["maintenance", "list"], "");
    assert!(printed.contains("Nothing is announced"), "{printed}");

    for (more, words) in [
        (
            ["--component", "webseit"].as_slice(),
            "there is no component `webseit`",
        ),
        (&["--every", "day"], "--last"),
        (
            &["--every", "month", "--last", "2030-01-01"],
            "write day or week",
        ),
        (&["--notice", "javascript:alert(1)"], "https://"),
    ] {
        let (code, printed) = add(more);
        assert_eq!(code, Some(2), "{more:?}: {printed}");
        assert!(printed.contains(words), "{more:?}: {printed}");
    }
}
