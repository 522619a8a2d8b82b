//! The queue, the search, a case and its way.

use std::time::Duration;

use serde_json::Value;
use siaga::domain::case::Role;
use siaga::domain::{Moment, Outcome};
use siaga::store::{case_steps, reports, runs};

use super::staff::{add, between, officer, sign_in};
use super::trail::trail;
use crate::harness::{NOON, each_store, on_sqlite, upload_run};
use crate::reports::desk::{Running, fields, fields_with, file, form, png, start};

pub(super) async fn report(desk: &Running, name: &str, expires: &str, passport: &str) -> String {
    report_from(desk, "198.51.100.9", name, expires, passport).await
}

async fn report_from(
    desk: &Running,
    address: &str,
    name: &str,
    expires: &str,
    passport: &str,
) -> String {
    let mut fields = fields_with("permit_expires_on", expires);
    fields.retain(|(field, _)| !["name", "passport_number"].contains(field));
    fields.push(("name", name.to_owned()));
    fields.push(("passport_number", passport.to_owned()));
    let body = desk.report_from(address, &fields).await;
    body["reference"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_queue_stands_by_deadline_and_turns_its_pages() {
    each_store(|database| async move {
        let desk = start(&database.store).await;
        report(&desk, "Later", "2026-12-01", "P0000001").await;
        report(&desk, "Undated", "", "P0000002").await;
        report(&desk, "Overdue", "2026-08-03", "P0000003").await;
        report(&desk, "Today", "2026-08-06", "P0000004").await;
        report(&desk, "Soon", "2026-08-12", "P0000005").await;
        let made = officer(&desk, "made@imigrasi.example", "ngurah-rai").await;
        let page = made.text("/office/").await;
        let places: Vec<usize> = ["Overdue", "Today", "Soon", "Undated", "Later"]
            .iter()
            .map(|name| page.find(&format!("<bdi>{name}</bdi>")).unwrap())
            .collect();
        assert!(places.is_sorted(), "{places:?}");
        for words in [
            "expired 3 days ago",
            "Last day today",
            "6 days left",
            "No date given",
        ] {
            assert!(page.contains(words), "{words}");
        }
        assert!(page.contains("5 cases"));
        assert!(page.contains("P•••••03"), "masked");
        assert!(!page.contains("P0000003"));
        for n in 0..50 {
            report_from(
                &desk,
                &format!("203.0.{n}.9"),
                &format!("Many{n}"),
                "2026-09-01",
                &format!("Q{n:07}"),
            )
            .await;
        }
        let page = made.text("/office/").await;
        assert_eq!(page.matches("<th scope=\"row\">").count(), 50);
        assert!(page.contains("Page 1 of 2"));
        let page = made.text("/office/?which=open&page=2").await;
        assert_eq!(page.matches("<th scope=\"row\">").count(), 5);
        let page = made.text("/office/?which=done").await;
        assert!(page.contains("No cases here"));
    })
    .await;
}

#[tokio::test]
async fn officers_see_their_own_office_and_supervisors_all() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        let reference = report(&desk, "Zhang Wei", "2026-08-09", "E12345678").await;
        let elsewhere = officer(&desk, "budi@imigrasi.example", "jakarta-pusat").await;
        assert!(!elsewhere.text("/office/").await.contains("Zhang"));
        let answer = elsewhere.get(&format!("/office/cases/{reference}")).await;
        assert_eq!(answer.status(), 403);
        let page = answer.text().await.unwrap();
        assert!(page.contains("Ngurah Rai"));
        assert!(!page.contains("Zhang"));
        let step = elsewhere
            .step(&reference, "received", "in_review", "")
            .await;
        assert_eq!(step.status(), 403);
        let shot = elsewhere
            .get(&format!("/office/cases/{reference}/screenshots/1"))
            .await;
        assert_eq!(shot.status(), 403);
        // The filter is for supervisors.
        let page = elsewhere.text("/office/?office=ngurah-rai").await;
        assert!(!page.contains("Zhang"));

        add(&desk, "chief@imigrasi.example", Role::Supervisor, None).await;
        let chief = sign_in(&desk, "chief@imigrasi.example").await;
        assert!(chief.text("/office/").await.contains("Zhang Wei"));
        assert!(
            chief
                .text("/office/?office=ngurah-rai")
                .await
                .contains("Zhang Wei")
        );
        assert!(
            !chief
                .text("/office/?office=jayapura")
                .await
                .contains("Zhang Wei")
        );
        assert!(
            chief
                .text(&format!("/office/cases/{reference}"))
                .await
                .contains("E12345678")
        );
    })
    .await;
}

#[tokio::test]
async fn one_box_finds_by_reference_and_by_passport() {
    each_store(|database| async move {
        let desk = start(&database.store).await;
        let one = report(&desk, "Zhang Wei", "2026-08-09", "E12345678").await;
        let made = officer(&desk, "made@imigrasi.example", "ngurah-rai").await;
        let sloppy = one.replace('-', " ").to_lowercase();
        for typed in [&*one, &*sloppy, "E12345678", " e 1234-5678 "] {
            let answer = made.post("/office/search", &[("q", typed)]).await;
            assert_eq!(answer.status(), 303, "{typed}");
            let location = answer.headers()["location"].to_str().unwrap();
            assert_eq!(location, format!("/en/office/cases/{one}"));
        }
        let two = report(&desk, "Zhang Wei again", "2026-08-09", "E12345678").await;
        let answer = made.post("/office/search", &[("q", "E12345678")]).await;
        assert_eq!(answer.status(), 303);
        let location = answer.headers()["location"].to_str().unwrap();
        assert_eq!(location, format!("/en/office/?passport={one}"));
        let page = made.text(location.trim_start_matches("/en")).await;
        assert!(page.contains(&one) && page.contains(&two) && page.contains("2 cases found"));
        // One character mistyped.
        let mut mistyped = one.clone().into_bytes();
        mistyped[0] = if mistyped[0] == b'7' { b'8' } else { b'7' };
        let mistyped = String::from_utf8(mistyped).unwrap();
        for (typed, words) in [
            (&*mistyped, "one character is mistyped"),
            (&one[..14], "it has 13 characters"),
            ("Z9999999", "no case with this passport number"),
            ("???", "neither a reference"),
            ("", "neither a reference"),
        ] {
            let answer = made.post("/office/search", &[("q", typed)]).await;
            assert_eq!(answer.status(), 404, "{typed}");
            assert!(answer.text().await.unwrap().contains(words), "{typed}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_case_shows_all_that_is_needed_and_every_look_is_in_the_trail() {
    each_store(|database| async move {
        let desk = start(&database.store).await;
        let began = Moment(NOON.0 - 3 * 3_600_000);
        desk.outage("o-1", "upload", began, Some(Moment(NOON.0 - 1_000_000)))
            .await;
        let run = upload_run(
            Moment(began.0 + 60_000),
            Outcome::Failed(siaga::domain::Fault::Status),
        );
        let day = jiff::civil::date(2026, 8, 6);
        desk.store
            .write(move |mut conn| {
                Box::pin(async move { runs::insert(&mut conn, &run, day).await })
            })
            .await
            .unwrap();
        let shot = form(&fields()).part("screenshot", file("a.png", png(30, 20)));
        let body: Value = desk.report(shot).await.json().await.unwrap();
        let reference = body["reference"].as_str().unwrap();
        let made = officer(&desk, "made@imigrasi.example", "ngurah-rai").await;
        let page = made.text(&format!("/office/cases/{reference}")).await;
        for words in [
            "Zhang Wei",
            "E12345678",
            "zhang@example.org",
            "China",
            "Your attempt was during an outage we recorded",
            "12:00 WITA",
            "UTC",
            "Upload: The site answered with an error",
            "500 • KENDALA SERVER",
            "the page itself failed in the browser: a script stopped with an error",
            "In the browser: TypeError: &#60;b&#62;x&#60;/b&#62; is undefined (/assets/app.js:82)",
            "30 × 20 pixels",
            "3 days left",
            "Start work",
        ] {
            assert!(page.contains(words), "{words} is not in {page}");
        }
        let src = format!("/en/office/cases/{reference}/screenshots/1");
        assert!(page.contains(&src));
        let picture = made.get(src.trim_start_matches("/en")).await;
        assert_eq!(picture.status(), 200);
        let headers = picture.headers();
        assert_eq!(headers["content-type"], "image/png");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["cache-control"], "no-store");
        assert!(
            headers["content-security-policy"]
                .to_str()
                .unwrap()
                .contains("sandbox")
        );
        assert!(headers.contains_key("content-disposition"));
        assert!(image::load_from_memory(&picture.bytes().await.unwrap()).is_ok());
        assert_eq!(
            made.get(&format!("/office/cases/{reference}/screenshots/2"))
                .await
                .status(),
            404
        );

        // The trail: the account, the sign-in, the list, the case, two looks at pictures.
        assert_eq!(trail(&desk).await, 6);
    })
    .await;
}

#[tokio::test]
async fn a_picture_that_cannot_be_drawn_is_told_as_that() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        let mut cut = png(300, 200);
        cut.truncate(70);
        let form = form(&fields()).part("screenshot", file("shot.png", cut));
        let body: Value = desk.report(form).await.json().await.unwrap();
        let reference = body["reference"].as_str().unwrap();
        let made = officer(&desk, "made@imigrasi.example", "ngurah-rai").await;
        let answer = made
            .get(&format!("/office/cases/{reference}/screenshots/1"))
            .await;
        assert_eq!(answer.status(), 422);
        let page = answer.text().await.unwrap();
        assert!(page.contains("This picture cannot be opened"), "{page}");
        assert!(page.contains("the report is complete"), "{page}");
        assert!(!page.contains("decoded"), "{page}");
    })
    .await;
}

#[tokio::test]
async fn a_case_goes_its_way_once_whoever_clicks_twice() {
    each_store(|database| async move {
        let desk = start(&database.store).await;
        let body = desk.report_right(&fields()).await;
        let reference = body["reference"].as_str().unwrap();
        let made = officer(&desk, "made@imigrasi.example", "ngurah-rai").await;
        let ketut = officer(&desk, "ketut@imigrasi.example", "ngurah-rai").await;
        let (one, other) = tokio::join!(
            made.step(reference, "received", "in_review", ""),
            ketut.step(reference, "received", "in_review", ""),
        );
        let mut statuses = [one.status().as_u16(), other.status().as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [303, 409]);
        let late = if one.status() == 409 { one } else { other };
        assert!(late.text().await.unwrap().contains("Someone was faster"));

        let empty = made.step(reference, "in_review", "returned", "  ").await;
        assert_eq!(empty.status(), 422);
        assert!(
            empty
                .text()
                .await
                .unwrap()
                .contains("Please write the reason")
        );
        let first = made
            .step(
                reference,
                "in_review",
                "returned",
                "The ITAS page is missing",
            )
            .await;
        assert_eq!(first.status(), 303);
        let second = made
            .step(
                reference,
                "in_review",
                "returned",
                "The ITAS page is missing",
            )
            .await;
        assert_eq!(second.status(), 409);
        let second = second.text().await.unwrap();
        assert!(
            second.contains("You have already set this case"),
            "{second}"
        );
        // The applicant reads the reason, and not the officer's name.
        let path = format!(
            "/en/receipts/{reference}?key={}",
            body["secret"].as_str().unwrap()
        );
        let receipt = desk.get(&path).await.text().await.unwrap();
        assert!(receipt.contains("The ITAS page is missing"));
        assert!(!receipt.contains("made@"));

        let jump = made.step(reference, "returned", "processed", "").await;
        assert_eq!(jump.status(), 409, "not in one step");
        assert_eq!(
            made.step(reference, "nonsense", "processed", "")
                .await
                .status(),
            400
        );
        assert_eq!(
            made.step(reference, "returned", "in_review", "")
                .await
                .status(),
            303
        );
        assert_eq!(
            ketut
                .step(reference, "in_review", "processed", "")
                .await
                .status(),
            303
        );
        let page = made.text(&format!("/office/cases/{reference}")).await;
        assert!(page.contains("This case is finished"));
        assert!(
            between(&page, "class=\"timeline\"", "</ol>").contains("by ketut@imigrasi.example")
        );
        let reference = reference.to_owned();
        let steps = desk
            .store
            .read(move |mut conn| {
                Box::pin(async move {
                    let case = reports::by_reference(&mut conn, &reference).await?.unwrap();
                    case_steps::steps(&mut conn, &case.id).await
                })
            })
            .await
            .unwrap();
        let way: Vec<&str> = steps.iter().map(|step| step.to_state.as_str()).collect();
        assert_eq!(way, ["in_review", "returned", "in_review", "processed"]);
    })
    .await;
}

#[tokio::test]
async fn a_screenshot_that_is_only_a_head_does_not_break_the_case() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        let mut half = png(300, 200);
        half.truncate(60);
        let shot = form(&fields()).part("screenshot", file("a.png", half));
        let answer = desk.report(shot).await;
        assert_eq!(
            answer.status(),
            201,
            "what it is good for, the office decides"
        );
        let body: Value = answer.json().await.unwrap();
        let reference = body["reference"].as_str().unwrap();
        let made = officer(&desk, "made@imigrasi.example", "ngurah-rai").await;
        desk.clock.advance(Duration::from_secs(60));
        made.text(&format!("/office/cases/{reference}")).await;
        let picture = made
            .get(&format!("/office/cases/{reference}/screenshots/1"))
            .await;
        assert_eq!(picture.status(), 422);
    })
    .await;
}
