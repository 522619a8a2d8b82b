//! What is taken, and what it is answered with.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{Barrier, Semaphore};

use super::desk::{fields, fields_with, file, form, png, start, start_with};
use crate::harness::{each_store, on_sqlite, upload_run};
use siaga::domain::{Moment, Outcome};
use siaga::store::{reports, runs};
use siaga::web::reports::{Lately, Settings};

/// So many can read from SQLite at the same time.
const READERS: usize = 4;

/// When the report of `fields()` was tried: noon of Jakarta.
fn tried() -> Moment {
    "2026-08-06T12:00:00+07:00"
        .parse::<jiff::Timestamp>()
        .unwrap()
        .into()
}

#[tokio::test]
async fn a_report_is_found_by_its_reference_its_link_and_its_passport() {
    each_store(|database| async move {
        let desk = start(&database.store).await;
        let body = desk
            .report(form(&fields()).part("screenshot", file("a.png", png(40, 30))))
            .await;
        assert_eq!(body.status(), 201);
        let location = body.headers()["location"].to_str().unwrap().to_owned();
        let body: Value = body.json().await.unwrap();
        let reference = body["reference"].as_str().unwrap().to_owned();
        let secret = body["secret"].as_str().unwrap().to_owned();
        assert_eq!(location, format!("/api/v1/reports/{reference}"));
        assert!(
            reference
                .parse::<siaga::domain::reference::Reference>()
                .is_ok()
        );
        assert_eq!(secret.len(), 26);
        assert!(body["received_at"].as_str().unwrap().ends_with('Z'));

        let receipt = desk
            .client
            .get(body["receipt_url"].as_str().unwrap())
            .send()
            .await
            .unwrap();
        assert_eq!(receipt.status(), 200);
        assert_eq!(receipt.headers()["referrer-policy"], "no-referrer");
        assert_eq!(receipt.headers()["cache-control"], "no-store");
        let page = receipt.text().await.unwrap();
        assert!(page.contains(&reference));
        assert!(!page.contains("E12345678"), "the passport number is masked");
        assert!(!page.contains("Zhang Wei"), "the name is masked");
        assert!(!page.contains("zhang@example.org"), "the address is masked");

        let read: Value = desk
            .get(&format!("{location}?key={secret}"))
            .await
            .json()
            .await
            .unwrap();
        assert_eq!(read["state"], "received");
        assert_eq!(read["office"]["code"], "ngurah-rai");
        assert_eq!(read["days_left"], 3);

        let hashes = desk.keys.lookups("passport", "E12345678");
        let found = desk
            .store
            .read(|mut conn| {
                Box::pin(async move {
                    let lines = reports::of_passport(&mut conn, hashes).await?;
                    let ids: Vec<String> = lines.into_iter().map(|line| line.id).collect();
                    reports::by_ids(&mut conn, &ids).await
                })
            })
            .await
            .unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].reference, reference);
        let personal = found[0].open(&desk.keys).unwrap().unwrap();
        assert_eq!(personal.name, "Zhang Wei");
        assert_eq!(personal.email.as_deref(), Some("zhang@example.org"));
        assert_eq!(desk.files().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn json_says_the_same_as_multipart() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        let body = json!({
            "role": "guarantor", "name": "Budi", "passport_number": "X1234567",
            "permit_type": "itap", "office": "jayapura", "phone": "0812 3456 7890",
            "component": "sign-in", "tried_at": ["2026-08-06T08:00", "2026-08-06T09:30"],
            "tries": 5, "checked": {"connection": true, "size": false, "device": true},
            "submitted": "paid", "billing_code": "820210806123456", "consent": true,
            "nationality": null,
        });
        let answer = desk
            .client
            .post(format!("{}/api/v1/reports.json", desk.url))
            .json(&body)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 201);
        let answer: Value = answer.json().await.unwrap();
        let reference = answer["reference"].as_str().unwrap().to_owned();
        let case = desk
            .store
            .read(move |mut conn| {
                Box::pin(async move { reports::by_reference(&mut conn, &reference).await })
            })
            .await
            .unwrap()
            .unwrap();
        assert!(case.checked_connection && case.checked_device && !case.checked_size);
        assert_eq!(case.tries, 5);
        // Times without an offset are those of the office: Jayapura is nine hours ahead.
        assert_eq!(case.first_tried_at.to_string(), "2026-08-05T23:00:00.000Z");
        let page = desk
            .client
            .get(answer["receipt_url"].as_str().unwrap())
            .header("accept-language", "en")
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        assert!(page.contains("Do not pay a second time"));
    })
    .await;
}

#[tokio::test]
async fn the_finding_names_the_outage_of_the_step_or_of_one_before_it() {
    each_store(|database| async move {
        let desk = start(&database.store).await;
        let began = Moment(tried().0 - 600_000);
        desk.outage("o-sign-in", "sign-in", began, None).await;
        desk.outage("o-tracking", "tracking", began, None).await;
        let body = desk.report_right(&fields()).await;
        assert_eq!(body["finding"]["verdict"], "matched");
        assert_eq!(body["finding"]["outage"], "o-sign-in", "not that behind it");
        let secret = body["secret"].as_str().unwrap();
        let reference = body["reference"].as_str().unwrap();
        let page = desk
            .get(&format!("/en/receipts/{reference}?key={secret}"))
            .await
            .text()
            .await
            .unwrap();
        assert!(page.contains("/en/outages/o-sign-in"));
        assert!(page.contains("a script stopped with an error"));
        assert!(
            !page.contains("TypeError"),
            "the site's words are for staff"
        );
        assert!(page.contains("WITA"), "in the zone of the office");
        assert!(page.contains("tanda bukti pemantauan"));
        assert!(page.contains("not yet signed"));
    })
    .await;
}

#[tokio::test]
async fn reports_at_the_same_time_are_each_judged_by_their_own_tries() {
    each_store(|database| async move {
        const HOUR: i64 = 3_600_000;
        let mut settings = Settings::default();
        settings.per_client.every = Duration::ZERO;
        let desk = start_with(&database.store, settings, None).await;
        let began = Moment(tried().0 - HOUR);
        desk.outage("o-now", "upload", began, None).await;
        let days = 24 * HOUR;
        let (began, ended) = (tried().0 - 5 * days, tried().0 - 5 * days + 2 * HOUR);
        desk.outage("o-before", "upload", Moment(began), Some(Moment(ended)))
            .await;
        let reports = [
            ("2026-08-06T12:00:00+07:00", json!("o-now")),
            ("2026-08-01T13:00:00+07:00", json!("o-before")),
            ("2026-08-04T12:00:00+07:00", Value::Null),
        ];
        let reports = reports.iter().cycle().take(90);
        let judged = futures_util::future::join_all(reports.map(async |(at, outage)| {
            let body = desk.report_right(&fields_with("tried_at", at)).await;
            assert_eq!(body["finding"]["outage"], *outage, "{at}");
        }));
        assert_eq!(judged.await.len(), 90);
        // Whoever asks later is told what came about meanwhile.
        let began = Moment(tried().0 - 2 * days - HOUR);
        desk.outage("o-found", "upload", began, Some(tried())).await;
        let fields = fields_with("tried_at", "2026-08-04T12:00:00+07:00");
        let body = desk.report_right(&fields).await;
        assert_eq!(body["finding"]["outage"], "o-found");
    })
    .await;
}

#[tokio::test]
async fn a_reading_is_shared_by_those_who_asked_before_it_and_whom_it_serves() {
    on_sqlite(|database| async move {
        const HOUR: i64 = 3_600_000;
        let (lately, now, store) = (Lately::default(), tried(), &database.store);
        let around = async |hours: i64| {
            let tried = [Moment(now.0 - hours * HOUR)];
            lately.around(store, &tried, now).await.unwrap()
        };
        // Nobody can read before everybody has asked.
        let busy = Arc::new(Barrier::new(READERS + 1));
        let asked = Arc::new(Semaphore::new(0));
        let hold = async || {
            let (busy, asked) = (Arc::clone(&busy), Arc::clone(&asked));
            let held = store.read(move |_| {
                Box::pin(async move {
                    busy.wait().await;
                    let _ = asked.acquire().await;
                    Ok(())
                })
            });
            held.await.unwrap();
        };
        let all = async {
            busy.wait().await;
            tokio::join!(
                around(0),
                around(1),
                around(2),
                around(300),
                around(299),
                async { asked.close() }
            )
        };
        let ((first, second, like, older, like_older, ()), ..) =
            tokio::join!(all, hold(), hold(), hold(), hold());
        assert!(!Arc::ptr_eq(&first, &second), "read before it was asked");
        assert!(Arc::ptr_eq(&second, &like));
        assert!(!Arc::ptr_eq(&second, &older), "it does not go back as far");
        assert!(older.since <= Moment(now.0 - 312 * HOUR));
        assert!(Arc::ptr_eq(&older, &like_older));
        let later = around(299).await;
        assert!(!Arc::ptr_eq(&older, &later), "read before it was asked");
    })
    .await;
}

#[tokio::test]
async fn a_report_that_comes_before_its_outage_is_confirmed_is_judged_again() {
    each_store(|database| async move {
        let desk = start(&database.store).await;
        let body = desk.report_right(&fields()).await;
        assert_eq!(body["finding"]["verdict"], "not_corroborated");
        let again = async || desk.judge_again().await.changed;
        assert_eq!(again().await, 0);
        let began = Moment(tried().0 - 10_000);
        desk.outage("o-upload", "upload", began, None).await;
        assert_eq!(again().await, 1);
        assert_eq!(again().await, 0, "settled");
        let reference = body["reference"].as_str().unwrap().to_owned();
        let case = database
            .store
            .read(move |mut conn| {
                Box::pin(async move { reports::by_reference(&mut conn, &reference).await })
            })
            .await
            .unwrap()
            .unwrap();
        assert_eq!(case.finding.verdict.as_str(), "matched");
        assert_eq!(case.outage_id.as_deref(), Some("o-upload"));
    })
    .await;
}

#[tokio::test]
async fn a_site_that_we_saw_working_is_told_from_one_that_we_did_not_see() {
    each_store(|database| async move {
        let desk = start(&database.store).await;
        let first = desk.report_right(&fields()).await;
        assert_eq!(first["finding"]["verdict"], "not_corroborated");
        let day = jiff::civil::date(2026, 8, 6);
        let run = upload_run(Moment(tried().0 + 60_000), Outcome::Passed);
        desk.store
            .write(move |mut conn| {
                Box::pin(async move { runs::insert(&mut conn, &run, day).await })
            })
            .await
            .unwrap();
        let second = desk.report_right(&fields()).await;
        assert_eq!(second["finding"]["verdict"], "likely_user_side");
        assert_eq!(second["finding"]["tries"][0]["seen_working"], true);
    })
    .await;
}

#[tokio::test]
async fn a_wrong_secret_and_a_missing_reference_look_the_same() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        let body = desk.report_right(&fields()).await;
        let there = body["reference"].as_str().unwrap();
        let wrong = "aaaaaaaaaaaaaaaaaaaaaaaaaa";
        let missing = "7K3M-9QXR-2TWA-5";
        for prefix in ["/en/receipts", "/id/receipts", "/api/v1/reports"] {
            let mut answers = Vec::new();
            for (reference, key) in [
                (there, wrong),
                (there, ""),
                (there, "not base 32!"),
                (missing, wrong),
                ("0000-0000-0000-0", body["secret"].as_str().unwrap()),
                ("nonsense", wrong),
            ] {
                let answer = desk.get(&format!("{prefix}/{reference}?key={key}")).await;
                let status = answer.status();
                let mut headers: Vec<String> = answer
                    .headers()
                    .iter()
                    .filter(|(name, _)| *name != "date")
                    .map(|(name, value)| format!("{name}: {value:?}"))
                    .collect();
                headers.sort();
                answers.push((status, headers, answer.text().await.unwrap()));
            }
            assert_eq!(answers[0].0, 404);
            for other in &answers[1..] {
                assert_eq!(answers[0], *other);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn whoever_has_submitted_is_told_to_stay_at_home() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        let mut fields = fields_with("submitted", "yes");
        fields.push(("arrived_on", "2026-07-20".to_owned()));
        let body = desk.report_right(&fields).await;
        let (reference, secret) = (&body["reference"], &body["secret"]);
        let path = format!(
            "/en/receipts/{}?key={}",
            reference.as_str().unwrap(),
            secret.as_str().unwrap()
        );
        let page = desk.get(&path).await.text().await.unwrap();
        assert!(page.contains("You are done for now"));
        assert!(!page.contains("Contact your immigration office, well before"));
        assert!(page.contains("19 August 2026"), "thirty days after arrival");
        assert!(page.contains("13 days are left"));
        assert!(page.contains("kanim_ngurahrai@imigrasi.go.id"));
        assert!(page.contains("unconfirmed"));
    })
    .await;
}
