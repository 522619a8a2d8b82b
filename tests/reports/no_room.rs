//! Reports whose pictures find no room: taken without them, and everybody is told.

use std::path::Path;

use reqwest::Response;
use serde_json::{Value, json};
use siaga::disk::Disk;
use siaga::domain::disk::Reserve;
use siaga::web::reports::Settings;

use super::desk::{Running, fields_with, file, form, png, start_with};
use crate::harness::{each_store, on_sqlite};
use crate::office::staff::officer;

/// A disk, all of which must stay free.
fn reserved() -> Disk {
    let all = Reserve {
        files: u64::MAX,
        database: u64::MAX,
    };
    Disk::new(Path::new("/"), None, all)
}

/// Sends a report with one picture from an address, with an idempotency key.
async fn send(desk: &Running, passport: &str, from: &str, key: &str, picture: &[u8]) -> Response {
    let form = form(&fields_with("passport_number", passport));
    desk.client
        .post(format!("{}/api/v1/reports", desk.url))
        .header("accept", "application/json")
        .header("x-forwarded-for", from)
        .header("idempotency-key", key)
        .multipart(form.part("screenshot", file("a.png", picture.to_vec())))
        .send()
        .await
        .unwrap()
}

#[tokio::test]
async fn below_the_mark_a_report_is_taken_without_its_pictures_and_says_so() {
    each_store(|database| async move {
        let settings = Settings {
            disk: Some(reserved()),
            ..Settings::default()
        };
        let desk = start_with(&database.store, settings, None).await;
        let picture = png(40, 30);
        let answer = send(&desk, "E1000001", "203.0.113.9", "once", &picture).await;
        assert_eq!(answer.status(), 201);
        let body: Value = answer.json().await.unwrap();
        let told = &body["screenshots"];
        assert_eq!(told["kept"], 0);
        assert_eq!(told["left_out"], 1);
        assert_eq!(told["reason"], "disk");
        let sentence = told["message"].as_str().unwrap();
        assert!(sentence.contains("bring it to the office"), "{sentence}");
        assert!(desk.files().is_empty());

        // Again with the same key: the same answer, and no second report.
        let again = send(&desk, "E1000001", "203.0.113.9", "once", &picture).await;
        assert_eq!(again.status(), 201);
        assert_eq!(again.json::<Value>().await.unwrap(), body);
        let other = send(&desk, "E1000001", "203.0.113.9", "once", &png(41, 30)).await;
        assert_eq!(other.status(), 409, "another picture is another report");
        assert_eq!(desk.count().await, 1);

        // Whoever reported and whoever decides read it later too.
        let address = body["receipt_url"].as_str().unwrap();
        let page = desk
            .client
            .get(address.replace("/en/", "/id/"))
            .send()
            .await;
        let page = page.unwrap().text().await.unwrap();
        assert!(
            page.contains("Simpan gambarnya dan bawa ke kantor imigrasi"),
            "{page}"
        );
        let reference = body["reference"].as_str().unwrap();
        let secret = body["secret"].as_str().unwrap();
        let path = format!("/api/v1/reports/{reference}?key={secret}");
        let read: Value = desk.get(&path).await.json().await.unwrap();
        assert_eq!(&read["screenshots"], told);
        let officer = officer(&desk, "made@imigrasi.example", "ngurah-rai").await;
        let case = officer.text(&format!("/office/cases/{reference}")).await;
        assert!(
            case.contains("1 was sent and not kept: there was no room on the disk."),
            "{case}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_pictureless_report_and_a_wrong_picture_are_told_as_ever() {
    on_sqlite(|database| async move {
        let settings = Settings {
            disk: Some(reserved()),
            ..Settings::default()
        };
        let desk = start_with(&database.store, settings, None).await;
        let body = desk.report_right(&super::desk::fields()).await;
        assert_eq!(body["screenshots"], json!({ "kept": 0, "left_out": 0 }));
        let answer = send(&desk, "E1000001", "203.0.113.9", "k", b"no picture").await;
        assert_eq!(answer.status(), 422);
    })
    .await;
}

/// One network uses up its share; the pictures of others are still kept, and its own again on the
/// next day.
#[tokio::test]
async fn a_network_has_a_share_of_a_days_pictures() {
    on_sqlite(|database| async move {
        let picture = png(40, 30);
        let bytes = picture.len() as u64;
        let settings = Settings {
            // A twentieth of what is left: two pictures at first.
            pictures_a_day: bytes * 60,
            ..Settings::default()
        };
        let desk = start_with(&database.store, settings, None).await;
        let kept = async |from: &str, key: &str| {
            let answer = send(&desk, &format!("E000000{key}"), from, key, &picture).await;
            assert_eq!(answer.status(), 201);
            let body: Value = answer.json().await.unwrap();
            let told = &body["screenshots"];
            assert_eq!(told["left_out"], json!(u8::from(told["kept"] == 0)));
            if told["kept"] == 0 {
                assert_eq!(told["reason"], "day");
            }
            told["kept"] == 1
        };
        assert!(kept("203.0.113.9", "1").await);
        assert!(kept("203.0.113.77", "2").await);
        assert!(!kept("203.0.113.200", "3").await, "the third of one /24");
        assert!(kept("203.0.114.9", "4").await, "the next network");
        assert!(kept("2001:db8:1:1::1", "5").await);
        assert!(kept("2001:db8:1:ffff::1", "6").await);
        assert!(!kept("2001:db8:1::2", "7").await, "the third of one /48");
        assert_eq!(desk.files().len(), 5);
        desk.clock
            .advance(std::time::Duration::from_secs(24 * 3600));
        assert!(kept("203.0.113.9", "8").await, "tomorrow");
        assert_eq!(desk.count().await, 8);
    })
    .await;
}
