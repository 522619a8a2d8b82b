//! In which order an office works, whatever strangers write into their reports.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use proptest::prelude::*;
use siaga::domain::Moment;
use siaga::domain::queue::{Band, Entry, MAX_OF_NETWORK, OpenReport, arrange};

const PAGE: usize = 50;

fn today() -> Date {
    jiff::civil::date(2026, 8, 6)
}

fn in_days(days: i32) -> Date {
    today().checked_add(jiff::Span::new().days(days)).unwrap()
}

/// A report of a passport from a network, that came `ago` minutes ago, with a permit that ends in
/// so many days.
fn report(passport: u32, network: u32, ago: i64, expires: Option<i32>) -> OpenReport {
    OpenReport {
        passport: passport.to_be_bytes().to_vec(),
        network: Some(network.to_be_bytes().to_vec()),
        expires_on: expires.map(in_days),
        received_on: in_days(i32::try_from(-ago / 1440).unwrap()),
        received_at: Moment(1_000_000_000_000 - ago * 60_000),
        is_matched: false,
        today: today(),
    }
}

prop_compose! {
    fn any_report(passports: u32, networks: u32)(
        passport in 0..passports, network in proptest::option::weighted(0.9, 0..networks),
        ago in 0..40_000_i64, expires in proptest::option::weighted(0.9, -100..500_i32),
        is_matched in any::<bool>()
    ) -> OpenReport {
        OpenReport {
            is_matched,
            network: network.map(|network| network.to_be_bytes().to_vec()),
            ..report(passport, 0, ago, expires)
        }
    }
}

fn reports() -> impl Strategy<Value = Vec<OpenReport>> {
    proptest::collection::vec(any_report(150, 6), 0..300)
}

/// Where the passport stands in the list, or behind which entry it is folded.
fn place(list: &[Entry], reports: &[OpenReport], passport: u32) -> Result<usize, usize> {
    let is = |group: &Vec<usize>| reports[group[0]].passport == passport.to_be_bytes();
    list.iter()
        .enumerate()
        .find_map(|(place, entry)| {
            if is(&entry.group) {
                Some(Ok(place))
            } else {
                entry.folded.iter().any(is).then_some(Err(place))
            }
        })
        .expect("every passport is somewhere")
}

proptest! {
    #[test]
    fn every_report_is_in_one_place_with_those_of_its_passport_the_oldest_first(
        reports in reports(), page in proptest::option::of(0..60_usize)
    ) {
        let list = arrange(&reports, page);
        let groups = || list.iter().flat_map(|entry| std::iter::once(&entry.group).chain(&entry.folded));
        let mut seen: Vec<usize> = groups().flatten().copied().collect();
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..reports.len()).collect::<Vec<_>>());
        let mut passports = BTreeSet::new();
        for group in groups() {
            let first = &reports[group[0]];
            prop_assert!(passports.insert(&first.passport), "one passport, one group");
            prop_assert!(group.iter().all(|place| reports[*place].passport == first.passport));
            let came: Vec<_> = group.iter().map(|place| reports[*place].received_at).collect();
            prop_assert!(came.is_sorted());
        }
        if page.is_none() {
            prop_assert!(list.iter().all(|entry| entry.folded.is_empty()));
        }
    }

    #[test]
    fn the_list_is_in_bands_and_within_them_by_date(reports in reports()) {
        let list = arrange(&reports, Some(PAGE));
        let keys: Vec<_> = list
            .iter()
            .map(|entry| {
                let by = &reports[entry.placed_by];
                (by.band(), by.due_on(), !by.is_matched, by.received_at)
            })
            .collect();
        prop_assert!(keys.is_sorted());
        for entry in &list {
            prop_assert!(entry.group.contains(&entry.placed_by));
        }
    }

    #[test]
    fn of_one_network_no_more_than_its_share_stands_in_a_band(reports in reports()) {
        let list = arrange(&reports, Some(PAGE));
        let mut held: BTreeMap<_, usize> = BTreeMap::new();
        for entry in &list {
            let by = &reports[entry.placed_by];
            if let Some(network) = &by.network {
                *held.entry((by.band(), network)).or_default() += 1;
            }
        }
        let passports: BTreeSet<_> = reports.iter().map(|report| &report.passport).collect();
        if passports.len() > PAGE {
            prop_assert!(held.values().all(|count| *count <= MAX_OF_NETWORK), "{:?}", held);
        }
        for entry in list.iter().filter(|entry| !entry.folded.is_empty()) {
            let by = &reports[entry.placed_by];
            prop_assert_eq!(held[&(by.band(), by.network.as_ref().unwrap())], MAX_OF_NETWORK);
            // Whoever is folded is found in the list of that network, and is no more urgent.
            for group in &entry.folded {
                let of_it: Vec<_> = group.iter().map(|place| &reports[*place]).collect();
                prop_assert!(of_it.iter().any(|report| report.network == by.network));
                prop_assert!(of_it.iter().all(|report| report.band() >= by.band()));
            }
        }
    }

    /// Strangers with new passports, from networks that nobody else is in: each costs at most its
    /// share in each band.
    #[test]
    fn fakes_push_nobody_further_than_the_shares_of_their_networks(
        honest in proptest::collection::vec(any_report(100, 5), 1..120),
        fakes in proptest::collection::vec((0..3_u32, 0..60_i64, -200..40_i32), 0..400)
    ) {
        let before = arrange(&honest, Some(0));
        let mut all = honest.clone();
        for (number, (network, ago, expires)) in (0..).zip(&fakes) {
            all.push(report(10_000 + number, 100 + network, *ago, Some(*expires)));
        }
        let after = arrange(&all, Some(0));
        let networks: BTreeSet<u32> = fakes.iter().map(|(network, ..)| *network).collect();
        for one in &honest {
            let passport = u32::from_be_bytes(one.passport.clone().try_into().unwrap());
            match (place(&before, &honest, passport), place(&after, &all, passport)) {
                (Ok(before), Ok(after)) => {
                    let bands = 1 + one_band(&all, passport) as usize;
                    let most = networks.len() * MAX_OF_NETWORK * bands;
                    prop_assert!(after <= before + most, "{before} {after} {most}");
                }
                (Err(_), Err(_)) => {}
                (before, after) => prop_assert!(false, "{before:?} {after:?}"),
            }
        }
    }

    /// Whoever knows a passport number and writes in its holder's name lifts the holder, and never
    /// lowers them: the holder's own report stays, and stays the first where it was.
    #[test]
    fn nobody_is_lowered_by_reports_in_their_name(
        others in proptest::collection::vec(any_report(100, 3), 60..120),
        ago in 60..40_000_i64, expires in proptest::option::of(-50..400_i32),
        fakes in proptest::collection::vec((0..3_u32, 0..59_i64, proptest::option::of(-500..5000_i32)), 1..60)
    ) {
        let mut before = others;
        let own = before.len();
        before.push(report(500, 7, ago, expires));
        let mut after = before.clone();
        for (network, ago, expires) in &fakes {
            after.push(report(500, *network, *ago, *expires));
        }
        let (was, is) = (arrange(&before, Some(0)), arrange(&after, Some(0)));
        let was = place(&was, &before, 500).expect("alone in its network, it is shown");
        let at = place(&is, &after, 500).expect("it is shown");
        prop_assert!(at <= was, "{} {}", at, was);
        let entry = &is[at];
        prop_assert_eq!(entry.group[0], own, "the oldest comes first");
        prop_assert_eq!(entry.group.len(), 1 + fakes.len());
    }

    /// Who claims an older date gains nothing over whoever came before with the same urgency.
    #[test]
    fn an_earlier_date_than_today_gains_nothing(passed in 0..400_i32, ago in 0..600_i64) {
        let victim = report(1, 1, ago + 1, Some(0));
        let liar = report(2, 2, ago, Some(-passed));
        let list = arrange(&[liar.clone(), victim], Some(PAGE));
        prop_assert_eq!(list[0].group.clone(), vec![1]);
        prop_assert_eq!(liar.has_doubtful_date(), passed > 60);
    }
}

fn one_band(reports: &[OpenReport], passport: u32) -> Band {
    let of_it = reports
        .iter()
        .filter(|report| report.passport == passport.to_be_bytes());
    of_it.map(OpenReport::band).max().expect("it is there")
}

/// Two hundred and fifty people wait; fifty fakes come from one network, all of them "today".
#[test]
fn fifty_fakes_do_not_bury_a_victim_among_250_people() {
    let mut reports: Vec<OpenReport> = (0..250)
        .map(|n| {
            let days = i32::try_from(n % 40).unwrap();
            report(n, n % 60, 3000 + i64::from(n), Some(days))
        })
        .collect();
    // The permit ends tomorrow.
    reports.push(report(9000, 77, 600, Some(1)));
    let place_of = |reports: &[OpenReport]| place(&arrange(reports, Some(PAGE)), reports, 9000);
    let before = place_of(&reports).unwrap();
    reports.extend((0..50).map(|n| report(10_000 + n, 99, i64::from(n), Some(-30))));
    let after = place_of(&reports).unwrap();
    assert_eq!(after, before + MAX_OF_NETWORK);
    assert!(after < PAGE, "the victim is on the first page: {after}");
}

#[test]
fn bands_and_dates() {
    use Band::{Days3, Days7, Days30, Later, Undated};
    for (expires, band) in [
        (Some(-60), Days3),
        (Some(0), Days3),
        (Some(3), Days3),
        (Some(4), Days7),
        (Some(7), Days7),
        (Some(8), Days30),
        (Some(30), Days30),
        (Some(31), Later),
        (Some(3660), Later),
        (Some(3661), Undated),
        (Some(-61), Undated),
        (None, Undated),
    ] {
        let one = report(1, 1, 0, expires);
        assert_eq!(one.band(), band, "{expires:?}");
        let is_doubtful = expires.is_some() && band == Undated;
        assert_eq!(one.has_doubtful_date(), is_doubtful, "{expires:?}");
    }
    // A date that was right when it came stays right however long the report waits.
    let waiting = report(1, 1, 100 * 1440, Some(-70));
    assert_eq!(waiting.band(), Days3);
}
