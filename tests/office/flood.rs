//! An office that strangers flood with reports.

use super::staff::{Officer, officer};
use crate::harness::{NOON, each_store, on_sqlite};
use crate::reports::desk::{Running, fields, start_with};
use siaga::web::reports::Settings;
use siaga::web::throttle::Rate;

/// A desk that takes as many reports as come.
async fn start(store: &siaga::store::Store) -> Running {
    let settings = Settings {
        per_client: Rate {
            burst: 10_000,
            every: std::time::Duration::ZERO,
        },
        ..Settings::default()
    };
    start_with(store, settings, None).await
}

async fn report(desk: &Running, from: &str, name: &str, expires: &str, passport: &str) -> String {
    let mut fields = fields();
    let own = ["name", "passport_number", "permit_expires_on"];
    fields.retain(|(field, _)| !own.contains(field));
    for (field, value) in own.into_iter().zip([name, passport, expires]) {
        fields.push((field, value.to_owned()));
    }
    let body = desk.report_from(from, &fields).await;
    body["reference"].as_str().unwrap().to_owned()
}

/// What stands in the rows of a page: the names in their order.
fn names(page: &str) -> Vec<&str> {
    let rows = page.split("<th scope=\"row\">").skip(1);
    rows.map(|row| {
        let (_, rest) = row.split_once("<bdi>").unwrap();
        rest.split_once("</bdi>").unwrap().0
    })
    .collect()
}

/// Where a link with this text goes, without the language.
fn link<'a>(page: &'a str, text: &str) -> &'a str {
    let (before, _) = page
        .split_once(text)
        .unwrap_or_else(|| panic!("no {text} in {page}"));
    let (_, href) = before.rsplit_once("href=\"/en").unwrap();
    href.split_once('"').unwrap().0
}

/// Every name on every page from here on.
async fn all_pages(made: &Officer<'_>, path: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut next = Some(path.to_owned());
    while let Some(path) = next {
        let page = made.text(&path).await;
        all.extend(names(&page).into_iter().map(str::to_owned));
        next = page.contains("rel=\"next\"").then(|| {
            let (before, _) = page.split_once("\" rel=\"next\"").unwrap();
            let (_, href) = before.rsplit_once("href=\"/en").unwrap();
            href.replace("&#38;", "&")
        });
    }
    all
}

#[tokio::test]
async fn fifty_fakes_from_one_network_are_folded_and_the_victim_is_on_the_first_page() {
    each_store(|database| async move {
        let desk = start(&database.store).await;
        report(&desk, "198.51.100.9", "Victim", "2026-08-08", "V1000001").await;
        for n in 0..55 {
            let from = format!("203.0.113.{n}");
            let passport = format!("F{:07}", 1000 + n);
            report(&desk, &from, &format!("Fake{n}"), "2026-08-06", &passport).await;
        }
        let made = officer(&desk, "made@imigrasi.example", "ngurah-rai").await;
        let page = made.text("/office/").await;
        let shown = names(&page);
        assert_eq!(shown.len(), 11, "{shown:?}");
        assert_eq!(*shown.last().unwrap(), "Victim");
        assert!(page.contains("56 cases."), "{page}");
        assert!(page.contains("45 of them are folded"), "{page}");
        assert!(page.contains("54 others from the same network in 24 hours"));
        let folded = link(&page, "45 more from the same network").to_owned();
        let all = all_pages(&made, &folded).await;
        assert_eq!(all.len(), 55);
        assert!(!all.contains(&"Victim".to_owned()));
        assert!(folded.starts_with("/office/?network="), "{folded}");

        // Of another office's case, the network is not told.
        let other = officer(&desk, "budi@imigrasi.example", "jakarta-pusat").await;
        assert_eq!(other.get(&folded).await.status(), 403);
    })
    .await;
}

#[tokio::test]
async fn reports_of_one_passport_stand_together_and_the_oldest_first() {
    each_store(|database| async move {
        let desk = start(&database.store).await;
        let first = report(&desk, "198.51.100.9", "Victim", "2026-12-01", "V1000001").await;
        report(&desk, "198.51.101.9", "Between", "2026-08-20", "B1000001").await;
        for n in 0..120 {
            let from = format!("203.0.{n}.9");
            let name = format!("Fake{n}");
            report(&desk, &from, &name, "2026-08-07", "V1000001").await;
        }
        let made = officer(&desk, "made@imigrasi.example", "ngurah-rai").await;
        let page = made.text("/office/").await;
        assert_eq!(names(&page), ["Victim", "Fake0", "Fake1", "Between"]);
        let list = link(&page, "118 more reports of this passport").to_owned();

        // The search finds all of them too, page by page, and the first on each.
        let answer = made.post("/office/search", &[("q", "V1000001")]).await;
        assert_eq!(answer.status(), 303);
        let found = answer.headers()["location"].to_str().unwrap();
        assert_eq!(found, format!("/en/office/?passport={first}"));
        for list in [&list, found.trim_start_matches("/en")] {
            let page = made.text(list).await;
            assert!(page.contains("121 cases found"), "{page}");
            assert_eq!(names(&page)[0], "Victim");
            assert!(page.contains("The first report of this passport"));
            let second = made.text(&format!("{list}&page=2")).await;
            assert_eq!(names(&second).len(), 51);
            assert_eq!(names(&second)[0], "Victim");
            let all = all_pages(&made, list).await;
            let different: std::collections::BTreeSet<_> = all.iter().collect();
            assert_eq!(different.len(), 121);
        }
        // The case itself says so too.
        let case = made.text(&format!("/office/cases/{first}")).await;
        assert!(case.contains("120 more reports of this passport"), "{case}");
    })
    .await;
}

#[tokio::test]
async fn many_pages_of_open_cases_hold_each_of_them_once() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        for n in 0..130 {
            let from = format!("203.0.{n}.9");
            let expires = format!("2026-{:02}-{:02}", 8 + n % 4, 10 + n % 18);
            let passport = format!("P{:07}", 1000 + n);
            report(&desk, &from, &format!("Person{n}"), &expires, &passport).await;
        }
        let made = officer(&desk, "made@imigrasi.example", "ngurah-rai").await;
        let all = all_pages(&made, "/office/").await;
        assert_eq!(all.len(), 130);
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), 130);
        let page = made.text("/office/?page=999").await;
        assert!(page.contains("Page 3 of 3"), "{page}");
    })
    .await;
}

/// An erased report has no network any more.
#[tokio::test]
async fn the_network_is_erased_with_the_report() {
    each_store(|database| async move {
        let desk = start(&database.store).await;
        let one = report(&desk, "203.0.113.9", "Zhang", "2026-08-08", "V1000001").await;
        let case = desk
            .store
            .read(|mut conn| {
                let one = one.clone();
                Box::pin(async move { siaga::store::reports::by_reference(&mut conn, &one).await })
            })
            .await
            .unwrap()
            .unwrap();
        let hash = case.network_hash.expect("it is known");
        assert_eq!(hash, desk.keys.lookup("network", "203.0.113.0/24"));
        crate::personal_data::erase(&desk.store, &case.id, NOON).await;
        let erased = desk
            .store
            .read(|mut conn| {
                Box::pin(async move { siaga::store::reports::by_reference(&mut conn, &one).await })
            })
            .await
            .unwrap()
            .unwrap();
        assert!(erased.erased_at.is_some());
        assert_eq!(erased.network_hash, None);
    })
    .await;
}
