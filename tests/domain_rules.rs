//! The rules of `domain` that stand alone: findings, days, reports as they are read,
//! references, addresses and numbers, deadlines.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::{TimeZone, offset};
use proptest::prelude::*;
use siaga::domain::case::{CaseState, Urgency, urgency};
use siaga::domain::finding::{self, TOLERANCE, Verdict};
use siaga::domain::history::{self, Gap, Outage, Tally};
use siaga::domain::outage::Severity;
use siaga::domain::reference::{Reference, ReferenceError};
use siaga::domain::report::{self, Fields, Problem};
use siaga::domain::{Moment, Random, office, random};

use crate::harness::{SeededRandom, at, component};

fn outage(id: &str, began: i64, ended: Option<i64>) -> Outage {
    Outage {
        id: id.to_owned(),
        component: component("upload"),
        severity: Severity::Down,
        worst: Severity::Down,
        intermittent: false,
        planned: false,
        began_at: at(began),
        confirmed_at: at(began + 60),
        ended_at: ended.map(at),
        closed_at: ended.map(|end| at(end + 60)),
        down_ms: 0,
        fault: None,
        diagnosis: None,
        flow: "extension".to_owned(),
        step: "Upload".to_owned(),
        version: 1,
    }
}

// ---- findings -------------------------------------------------------------------------------

#[test]
fn findings_by_example() {
    let hour = 3600;
    let outages = [outage("a", 0, Some(hour)), outage("b", 5 * hour, None)];
    let gaps = [Gap {
        vantage: "jakarta".to_owned(),
        why: "stopped".to_owned(),
        began_at: at(2 * hour),
        ended_at: Some(at(3 * hour)),
    }];
    // The tries in minutes, whether it was seen working then, and the verdict.
    type Example<'a> = (&'a [(i64, bool)], Verdict, Option<&'a str>);
    let table: &[Example<'_>] = &[
        (&[(30, false)], Verdict::Matched, Some("a")),
        (&[(-10, false)], Verdict::Matched, Some("a")),
        (&[(-11, false)], Verdict::NotCorroborated, None),
        (&[(70, false)], Verdict::Matched, Some("a")),
        (&[(71, true)], Verdict::LikelyUserSide, None),
        (&[(30, false), (100, true)], Verdict::Partly, Some("a")),
        (&[(100, true), (110, true)], Verdict::LikelyUserSide, None),
        (&[(100, true), (110, false)], Verdict::NotCorroborated, None),
        // In a gap of ours nobody can say that the site worked.
        (&[(150, true)], Verdict::NotCorroborated, None),
        (
            &[(10, false), (301, false), (310, false)],
            Verdict::Matched,
            Some("b"),
        ),
        (&[], Verdict::NotCorroborated, None),
    ];
    for (tries, verdict, expected) in table {
        let moments: Vec<(Moment, bool)> = tries.iter().map(|(m, w)| (at(m * 60), *w)).collect();
        let found = finding::judge(&moments, &outages, &gaps, at(6 * hour));
        assert_eq!(found.verdict, *verdict, "{tries:?}");
        assert_eq!(found.outage.as_deref(), *expected, "{tries:?}");
    }
    // 05.30, half an hour into `b`; `a` lasted an hour within the twelve before.
    let found = finding::judge(&[(at(5 * hour + 1800), false)], &outages, &[], at(6 * hour));
    assert_eq!(found.last_hour_ms, 30 * 60_000);
    assert_eq!(found.last_12_hours_ms, 90 * 60_000);
}

fn spans() -> impl Strategy<Value = Vec<Outage>> {
    proptest::collection::vec((0_i64..100_000, 0_i64..20_000, any::<bool>()), 0..6).prop_map(
        |list| {
            list.into_iter()
                .enumerate()
                .map(|(n, (began, lasted, open))| {
                    outage(&n.to_string(), began, (!open).then_some(began + lasted))
                })
                .collect()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn matched_means_that_every_try_falls_into_an_outage(
        outages in spans(),
        tries in proptest::collection::vec((-5_000_i64..130_000, any::<bool>()), 0..6),
        now in 100_000_i64..200_000,
    ) {
        let moments: Vec<(Moment, bool)> = tries.iter().map(|(s, w)| (at(*s), *w)).collect();
        let found = finding::judge(&moments, &outages, &[], at(now));
        let inside = |moment: Moment| outages.iter().any(|o| {
            moment >= o.began_at - TOLERANCE && o.ended_at.is_none_or(|end| moment <= end + TOLERANCE)
        });
        let hits = moments.iter().filter(|(moment, _)| inside(*moment)).count();
        let all = hits == moments.len() && hits > 0;
        prop_assert_eq!(found.verdict == Verdict::Matched, all);
        prop_assert_eq!(found.verdict == Verdict::Partly, hits > 0 && !all);
        let user_side = hits == 0 && !moments.is_empty() && moments.iter().all(|(_, works)| *works);
        prop_assert_eq!(found.verdict == Verdict::LikelyUserSide, user_side);
        prop_assert_eq!(found.outage.is_some(), hits > 0);
        prop_assert!((0..=3_600_000).contains(&found.last_hour_ms));
        prop_assert!((found.last_hour_ms..=12 * 3_600_000).contains(&found.last_12_hours_ms));
        prop_assert!(found.tries.windows(2).all(|pair| pair[0].at <= pair[1].at));
        // Against counting second by second.
        let last = moments.iter().map(|(moment, _)| *moment).max().unwrap_or(at(now));
        let seconds = (1..=3600).filter(|ago| {
            let moment = Moment(last.0 - ago * 1000);
            outages.iter().any(|o| o.began_at <= moment && moment < o.ended_at.unwrap_or(at(now)))
        }).count();
        prop_assert_eq!(found.last_hour_ms, i64::try_from(seconds).unwrap() * 1000);
    }

    #[test]
    fn the_days_of_an_outage_add_up(began in -900_000_i64..0, lasted in 0_i64..400_000, hours in 7_i8..10) {
        let zone = TimeZone::fixed(offset(hours));
        let one = outage("a", began, Some((began + lasted).min(0)));
        let days = history::days(20, at(0), &zone, &[], std::slice::from_ref(&one));
        let sum: Duration = days.iter().map(|day| day.trouble).sum();
        prop_assert_eq!(sum, one.lasted(at(0)));
        for day in &days {
            prop_assert!(day.trouble <= Duration::from_secs(86_400));
            prop_assert_eq!(day.worst.is_some(), !day.trouble.is_zero());
        }
    }

    #[test]
    fn a_date_and_its_midnight_agree(second in -10_000_000_i64..10_000_000, hours in 7_i8..10) {
        let zone = TimeZone::fixed(offset(hours));
        let date = history::date_of(at(second), &zone);
        let start = history::start_of(date, &zone);
        prop_assert!(start <= at(second) && at(second).since(start) < Duration::from_secs(86_400));
        prop_assert_eq!(history::date_of(start, &zone), date);
        prop_assert!(history::date_of(Moment(start.0 - 1), &zone) < date);
    }
}

// ---- days -----------------------------------------------------------------------------------

#[test]
fn days_end_at_midnight_of_the_zone() {
    // 14.00 in Jakarta on the 6th; midnight is ten hours away.
    let wib = TimeZone::fixed(offset(7));
    let midnight = 10 * 3600;
    let outages = [
        outage("a", midnight - 600, Some(midnight + 1200)),
        Outage {
            planned: true,
            ..outage("b", midnight + 5000, Some(midnight + 6000))
        },
    ];
    let tally = Tally {
        passed: 3,
        ..Tally::default()
    };
    let sixth: Date = "2026-08-06".parse().unwrap();
    let days = history::days(3, at(midnight + 7000), &wib, &[(sixth, tally)], &outages);
    let dates: Vec<String> = days.iter().map(|day| day.date.to_string()).collect();
    assert_eq!(
        dates,
        ["2026-08-05", "2026-08-06", "2026-08-07"],
        "oldest first"
    );
    assert_eq!(days[0].tally, None, "nobody looked");
    assert_eq!(days[1].tally, Some(tally));
    let trouble: Vec<u64> = days.iter().map(|day| day.trouble.as_secs()).collect();
    assert_eq!(trouble, [0, 600, 1200], "what is planned is no trouble");
    let planned: Vec<bool> = days.iter().map(|day| day.planned).collect();
    assert_eq!(planned, [false, false, true]);
    // In Makassar the same moment is on the next day already.
    let wita = TimeZone::fixed(offset(8));
    assert_eq!(history::date_of(at(midnight - 1), &wib), sixth);
    assert_ne!(history::date_of(at(midnight - 1), &wita), sixth);
}

#[test]
fn an_outage_that_lasts_counts_up_to_now_and_no_further() {
    let wib = TimeZone::fixed(offset(7));
    let days = history::days(2, at(100), &wib, &[], &[outage("a", 0, None)]);
    assert_eq!(days[1].trouble, Duration::from_secs(100));
    assert_eq!(days[0].worst, None);
}

// ---- reports as they are read -----------------------------------------------------------------

fn good() -> Fields {
    [
        ("role", "holder"),
        ("name", "Saoirse Ní Bhriain"),
        ("passport_number", "px 7654-321"),
        ("permit_type", "voa"),
        ("office", "ngurah-rai"),
        ("email", "Saoirse@Example.IE"),
        ("component", "upload"),
        ("tried_at", "2026-08-06T14:00"),
        ("consent", "on"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// The good fields with these instead; an empty value takes the field away.
fn with(changed: &[(&str, &str)]) -> Fields {
    let mut fields = good();
    for (name, _) in changed {
        fields.retain(|(field, _)| field != name);
    }
    fields.extend(
        changed
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned())),
    );
    fields
}

fn read(fields: &Fields) -> Result<report::Report, Vec<report::Mistake>> {
    report::parse(fields, &[component("upload"), component("sign-in")], at(0))
}

#[test]
fn a_good_report_is_normalised() {
    let report = read(&good()).unwrap();
    assert_eq!(report.passport_number.as_str(), "PX7654321");
    assert_eq!(report.email.as_deref(), Some("saoirse@example.ie"));
    // 14.00 in Bali (WITA) is 06.00 UTC, an hour before now.
    assert_eq!(report.tried_at, [at(-3600)]);
    assert_eq!((report.tries, report.submitted), (1, report::Submitted::No));
    let twice = with(&[
        ("tried_at", "2026-08-06T06:00:00Z"),
        ("tried_at", "2026-08-06 13:30"),
    ]);
    let report = read(&twice).unwrap();
    assert_eq!(report.tried_at, [at(-5400), at(-3600)], "oldest first");
    assert_eq!(report.tries, 2);
    let ahead = read(&with(&[("tried_at", "2026-08-06T07:10:00Z")])).unwrap();
    assert_eq!(
        ahead.tried_at,
        [at(0)],
        "a clock somewhat ahead is forgiven"
    );
    let lines = with(&[
        ("name", "Anne\nMarie"),
        ("message", "one\r\n\r\n two  three "),
    ]);
    let report = read(&lines).unwrap();
    assert_eq!(report.name, "Anne Marie", "a name has no lines");
    assert_eq!(report.message.as_deref(), Some("one\n\ntwo three"));
}

#[test]
fn every_mistake_is_reached_and_told_at_its_field() {
    let long = "x".repeat(10_000);
    let many = vec![("tried_at", "2026-08-06T14:00"); 21];
    type Example<'a> = (Vec<(&'a str, &'a str)>, &'a str, Problem);
    let table: Vec<Example<'_>> = vec![
        (vec![("name", "")], "name", Problem::Missing),
        (
            vec![("name", "\u{202e}\u{200b} \u{7}")],
            "name",
            Problem::Missing,
        ),
        (
            vec![("passport_number", "")],
            "passport_number",
            Problem::Missing,
        ),
        (vec![("tried_at", "")], "tried_at", Problem::Missing),
        (vec![("name", &long)], "name", Problem::TooLong),
        (vec![("message", &long)], "message", Problem::TooLong),
        (vec![("email", &long)], "email", Problem::TooLong),
        (vec![("role", "king")], "role", Problem::NotAChoice),
        (vec![("office", "atlantis")], "office", Problem::NotAChoice),
        (
            vec![("component", "payroll")],
            "component",
            Problem::NotAChoice,
        ),
        (
            vec![("permit_type", "x")],
            "permit_type",
            Problem::NotAChoice,
        ),
        (
            vec![("submitted", "maybe")],
            "submitted",
            Problem::NotAChoice,
        ),
        (
            vec![("permit_expires_on", "soon")],
            "permit_expires_on",
            Problem::NotADate,
        ),
        (
            vec![("permit_expires_on", "2026-02-30")],
            "permit_expires_on",
            Problem::NotADate,
        ),
        (
            vec![("arrived_on", "0026-08-06")],
            "arrived_on",
            Problem::NotADate,
        ),
        (
            vec![("tried_at", "yesterday")],
            "tried_at",
            Problem::NotATime,
        ),
        (
            vec![("tried_at", "2026-08-06T08:00:00Z")],
            "tried_at",
            Problem::InFuture,
        ),
        (
            vec![("tried_at", "2026-05-01T14:00")],
            "tried_at",
            Problem::TooLongAgo,
        ),
        (many, "tried_at", Problem::TooMany),
        (vec![("tries", "-1")], "tries", Problem::NotANumber),
        (vec![("tries", "99999")], "tries", Problem::NotANumber),
        (vec![("email", "nobody")], "email", Problem::NotAnEmail),
        (vec![("phone", "12")], "phone", Problem::NotAPhone),
        (
            vec![("passport_number", "ab/ß")],
            "passport_number",
            Problem::NotAPassport,
        ),
        (
            vec![("billing_code", "123")],
            "billing_code",
            Problem::NotABillingCode,
        ),
        (vec![("email", "")], "email", Problem::NoContact),
        (vec![("consent", "no")], "consent", Problem::NoConsent),
    ];
    let mut reached = BTreeSet::new();
    for (changed, field, problem) in table {
        let mistakes = read(&with(&changed)).expect_err("it is wrong");
        let told: Vec<(&str, &str)> = mistakes
            .iter()
            .map(|m| (m.field, m.problem.as_str()))
            .collect();
        assert_eq!(told, [(field, problem.as_str())], "exactly this");
        reached.insert(problem.as_str());
    }
    assert_eq!(reached.len(), 15, "every problem: {reached:?}");
}

#[test]
fn all_mistakes_are_told_at_once_and_none_that_follows_from_another() {
    let mistakes = read(&Vec::new()).expect_err("everything is missing");
    let fields: Vec<&str> = mistakes.iter().map(|mistake| mistake.field).collect();
    let expected = [
        "role",
        "name",
        "passport_number",
        "permit_type",
        "office",
        "email",
        "component",
        "tried_at",
        "consent",
    ];
    assert_eq!(fields, expected);
    // Without an office nobody knows in which zone 15.50 was: it may be past in Papua.
    let mistakes = read(&with(&[("office", ""), ("tried_at", "2026-08-06T15:50")]));
    let fields: Vec<&str> = mistakes.unwrap_err().iter().map(|m| m.field).collect();
    assert_eq!(fields, ["office"]);
}

/// Whether a character is not seen but changes what others look like, or steers a terminal.
fn is_unseen(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn any_text() -> impl Strategy<Value = String> {
    let odd = proptest::sample::select(vec![
        '\u{0}',
        '\u{7}',
        '\u{1b}',
        '\r',
        '\n',
        '\t',
        '\u{85}',
        '\u{a0}',
        '\u{61c}',
        '\u{200b}',
        '\u{200e}',
        '\u{202e}',
        '\u{2028}',
        '\u{2066}',
        '\u{feff}',
        '0',
        '+',
        '@',
        '.',
        '-',
        'é',
        '中',
        '\u{1f600}',
    ]);
    proptest::collection::vec(prop_oneof![any::<char>(), odd], 0..40)
        .prop_map(|characters| characters.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_reader_panic_and_none_comes_through_unclean(
        values in proptest::collection::vec((0_usize..20, any_text()), 0..25),
    ) {
        const NAMES: [&str; 20] = [
            "role", "name", "nationality", "passport_number", "permit_type", "permit_expires_on",
            "arrived_on", "office", "email", "phone", "component", "tried_at", "tries", "message",
            "checked", "submitted", "billing_code", "consent", "screenshot", "nobody-knows",
        ];
        let mut fields = good();
        for (name, value) in values {
            let name = NAMES[name];
            fields.retain(|(field, _)| field != name);
            fields.push((name.to_owned(), value));
        }
        if let Ok(report) = read(&fields) {
            let texts = [Some(report.name), report.nationality, report.email, report.phone, report.billing_code];
            for text in texts.into_iter().flatten() {
                prop_assert!(!text.chars().any(|c| is_unseen(c) || c == '\n'), "{text:?}");
                prop_assert!(!text.trim().is_empty());
            }
            let unseen = report.message.is_some_and(|text| text.chars().any(is_unseen));
            prop_assert!(!unseen);
        }
    }

    #[test]
    fn cleaning_twice_is_cleaning_once(text in any_text()) {
        let once = report::clean(&text);
        prop_assert!(!once.chars().any(is_unseen), "{once:?}");
        prop_assert_eq!(report::clean(&once), once);
    }
}

#[test]
fn phones_and_addresses() {
    for (typed, read) in [
        ("081234567890", Some("+6281234567890")),
        ("0812-3456-7890", Some("+6281234567890")),
        ("+62 812 3456 7890", Some("+6281234567890")),
        ("+62 (0)812 3456 7890", Some("+6281234567890")),
        ("6281234567890", Some("+6281234567890")),
        ("0031 20 123 4567", Some("+31201234567")),
        ("+1 (202) 555-0123", Some("+12025550123")),
        ("(021) 5225035", Some("+62215225035")),
        ("12345678", None),
        ("+0812345678", None),
        ("+62", None),
        ("+6281234567890123456", None),
        ("+62 812 abc", None),
        ("+٦٢٨١٢٣٤٥٦٧", None),
        ("", None),
    ] {
        assert_eq!(report::phone(typed).as_deref(), read, "{typed}");
    }
    for (typed, read) in [
        ("Ada@Example.ORG ", Some("ada@example.org")),
        ("a.b+c@sub.example.co.id", Some("a.b+c@sub.example.co.id")),
        ("用户@例子.广告", Some("用户@例子.广告")),
        ("ada", None),
        ("ada@localhost", None),
        ("@example.org", None),
        ("ada@", None),
        ("ada@example..org", None),
        ("ada@.example.org", None),
        ("ada@example.org.", None),
        ("ada@b@example.org", None),
        ("ada @example.org", None),
        ("ada@example.org\nbcc: all@example.org", None),
        ("<ada@example.org>", None),
        ("ada@example.org, bob@example.org", None),
    ] {
        assert_eq!(report::email(typed).as_deref(), read, "{typed}");
    }
}

// ---- references -----------------------------------------------------------------------------

fn reference() -> impl Strategy<Value = Reference> {
    any::<u64>().prop_map(|seed| Reference::draw(&SeededRandom::new(seed)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_reference_reads_back_however_it_is_typed(reference in reference()) {
        let text = reference.to_string();
        prop_assert_eq!(text.len(), 16);
        prop_assert!(text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase() || b == b'-'), "{text}");
        let typed = [
            text.clone(),
            text.to_lowercase(),
            text.replace('-', ""),
            text.replace('-', " "),
            text.replace('0', "O").replace('1', "I"),
            text.replace('0', "o").replace('1', "l"),
            format!("  {text}\n"),
        ];
        for typed in typed {
            prop_assert_eq!(typed.parse::<Reference>(), Ok(reference), "{}", typed);
        }
    }

    #[test]
    fn every_mistyped_character_and_every_swap_of_neighbours_is_noticed(reference in reference()) {
        let right: Vec<char> = reference.to_string().replace('-', "").chars().collect();
        let read = |characters: &[char]| characters.iter().collect::<String>().parse::<Reference>();
        for place in 0..right.len() {
            for other in "0123456789ABCDEFGHJKMNPQRSTVWXYZ".chars().filter(|c| *c != right[place]) {
                let mut typed = right.clone();
                typed[place] = other;
                prop_assert_eq!(read(&typed), Err(ReferenceError::Check));
            }
            if place > 0 && right[place] != right[place - 1] {
                let mut typed = right.clone();
                typed.swap(place, place - 1);
                prop_assert_eq!(read(&typed), Err(ReferenceError::Check));
            }
        }
    }

    #[test]
    fn what_is_no_reference_is_told_so(text in any_text()) {
        prop_assert!(text.parse::<Reference>().is_err() || text.chars().count() >= 13);
    }
}

#[test]
fn mistakes_in_references_have_names() {
    for (text, error) in [
        ("", ReferenceError::Length),
        ("7K3M-9QXR-2TWA", ReferenceError::Length),
        ("7K3M-9QXR-2TWA-55", ReferenceError::Length),
        ("7K3M-9QXU-2TWA-5", ReferenceError::Character),
        ("7K3M-9QXÉ-2TWA-5", ReferenceError::Character),
    ] {
        assert_eq!(text.parse::<Reference>(), Err(error), "{text}");
    }
}

// ---- deadlines, cases, offices, ids -----------------------------------------------------------

#[test]
fn the_last_day_of_a_permit_is_no_overstay() {
    let today: Date = "2026-08-06".parse().unwrap();
    for (expires, expected) in [
        ("2026-08-05", (Urgency::Overdue, Some(-1))),
        ("2026-08-06", (Urgency::Days3, Some(0))),
        ("2026-08-09", (Urgency::Days3, Some(3))),
        ("2026-08-10", (Urgency::Days7, Some(4))),
        ("2026-08-13", (Urgency::Days7, Some(7))),
        ("2026-08-14", (Urgency::Later, Some(8))),
        ("2027-08-06", (Urgency::Later, Some(365))),
    ] {
        assert_eq!(
            urgency(Some(expires.parse().unwrap()), today),
            expected,
            "{expires}"
        );
    }
    assert_eq!(urgency(None, today), (Urgency::Later, None));
}

#[test]
fn cases_move_along_the_work_and_end_when_processed() {
    for state in CaseState::ALL {
        assert_eq!(CaseState::parse(state.as_str()), Some(state));
        assert!(!state.next().contains(&state));
        assert!(
            !state.next().contains(&CaseState::Received),
            "nobody can unsee a case"
        );
    }
    assert!(CaseState::Processed.next().is_empty());
    assert!(CaseState::needs_reason(CaseState::Returned));
    assert!(!CaseState::needs_reason(CaseState::Processed));
}

#[test]
fn offices_have_codes_and_zones() {
    let all = office::all();
    assert!(all.len() >= 130, "all rows are read: {}", all.len());
    let codes: BTreeSet<&str> = all.iter().map(|office| office.code.as_str()).collect();
    assert_eq!(codes.len(), all.len(), "each code once");
    let hours = |code: &str| {
        let zone = office::by_code(code).unwrap().zone();
        zone.to_offset(at(0).timestamp()).seconds() / 3600
    };
    assert_eq!((hours("ngurah-rai"), hours("jayapura")), (8, 9));
    assert!(
        all.iter()
            .all(|office| office.time_zone.starts_with("Asia/"))
    );
    assert!(office::by_code("atlantis").is_none());
}

#[test]
fn ids_sort_by_time_and_fractions_stay_below_one() {
    let random = SeededRandom::new(5);
    let ids: Vec<String> = (0..200)
        .map(|second| random::id(at(second), &random))
        .collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(
        ids.iter()
            .all(|id| id.len() == 36 && id.as_bytes()[14] == b'7'),
        "{}",
        ids[0]
    );
    struct Ones;
    impl Random for Ones {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0xff);
        }
    }
    assert!(random::fraction(&Ones) < 1.0);
}
