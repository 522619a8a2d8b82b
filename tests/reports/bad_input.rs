//! What is refused, and whether it is said clearly.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::desk::{errors, fields, fields_with, file, form, png, start, start_with};
use crate::harness::{each_store, on_sqlite};
use siaga::web::reports::Settings;
use siaga::web::throttle::Rate;

#[tokio::test]
async fn every_missing_field_is_named_at_once() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        let answer = desk.report(form(&[("nationality", "x".to_owned())])).await;
        assert_eq!(answer.status(), 422);
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(
            errors(&problem),
            [
                "role:missing",
                "name:missing",
                "passport_number:missing",
                "permit_type:missing",
                "office:missing",
                "email:no_contact",
                "component:missing",
                "tried_at:missing",
                "consent:no_consent",
            ]
        );
        assert_eq!(desk.count().await, 0);
    })
    .await;
}

#[tokio::test]
async fn wrong_values_are_named_with_what_is_wrong() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        for (field, value, expected) in [
            ("name", &*"n".repeat(10_000), "name:too_long"),
            ("passport_number", "Ж№", "passport_number:not_a_passport"),
            (
                "permit_expires_on",
                "31.08.2026",
                "permit_expires_on:not_a_date",
            ),
            ("office", "atlantis", "office:not_a_choice"),
            ("email", "nobody", "email:not_an_email"),
            ("component", "payroll", "component:not_a_choice"),
            ("tried_at", "yesterday", "tried_at:not_a_time"),
            ("tried_at", "2026-08-07T12:00", "tried_at:in_future"),
            ("tried_at", "2026-01-01T12:00", "tried_at:too_long_ago"),
            ("tries", "0", "tries:not_a_number"),
            ("billing_code", "abc", "billing_code:not_a_billing_code"),
        ] {
            let answer = desk.report(form(&fields_with(field, value))).await;
            assert_eq!(answer.status(), 422, "{field}");
            let problem: Value = answer.json().await.unwrap();
            assert_eq!(errors(&problem), [expected]);
        }
        assert_eq!(desk.count().await, 0);
    })
    .await;
}

#[tokio::test]
async fn control_characters_and_turned_directions_are_gone_from_what_is_kept() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        let fields = fields_with("name", "Zhang\u{0}\u{7}\u{202E}\u{2066} Wei\u{200B}");
        let body = desk.report_right(&fields).await;
        let reference = body["reference"].as_str().unwrap().to_owned();
        let case = desk
            .store
            .read(move |mut conn| {
                Box::pin(
                    async move { siaga::store::reports::by_reference(&mut conn, &reference).await },
                )
            })
            .await
            .unwrap()
            .unwrap();
        let personal = case.open(&desk.keys).unwrap().unwrap();
        assert_eq!(personal.name, "Zhang Wei");
    })
    .await;
}

/// A PNG's head that claims this size, and no picture behind it.
fn png_head(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = png(1, 1);
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let mut crc = !0_u32;
    for byte in &bytes[12..29] {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & (0_u32.wrapping_sub(crc & 1)));
        }
    }
    bytes[29..33].copy_from_slice(&(!crc).to_be_bytes());
    bytes
}

#[tokio::test]
async fn what_is_no_screenshot_is_refused_and_nothing_is_left() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        let html = b"<!doctype html><script>alert(1)</script>".to_vec();
        for (bytes, expected) in [
            (b"%PDF-1.7\n1 0 obj".to_vec(), "screenshot:not_a_picture"),
            (html, "screenshot:not_a_picture"),
            (b"\x89PNG\r\n\x1a\n".to_vec(), "screenshot:not_a_picture"),
            (
                b"GIF89a\x01\x00\x01\x00".to_vec(),
                "screenshot:not_a_picture",
            ),
            (png_head(60_000, 60_000), "screenshot:too_many_pixels"),
            (png_head(19_000, 19_000), "screenshot:too_many_pixels"),
        ] {
            let form = form(&fields())
                .part("screenshot", file("good.png", png(9, 9)))
                .part("screenshot", file("shot.png", bytes));
            let answer = desk.report(form).await;
            assert_eq!(answer.status(), 422, "{expected}");
            let problem: Value = answer.json().await.unwrap();
            assert_eq!(errors(&problem), [expected]);
        }
        assert!(desk.files().is_empty());
        let four = (0..4).fold(form(&fields()), |form, n| {
            form.part("screenshot", file("s.png", png(9 + n, 9)))
        });
        let answer = desk.report(four).await;
        assert_eq!(answer.status(), 422);
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(errors(&problem), ["screenshot:too_many"]);
        assert_eq!((desk.count().await, desk.files().len()), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn too_much_is_refused_and_the_form_keeps_what_was_typed() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        let mut large = png(9, 9);
        large.resize(6 * 1024 * 1024, 0);
        let one = || form(&fields()).part("screenshot", file("large.png", large.clone()));
        let answer = desk.report(one()).await;
        assert_eq!(answer.status(), 413);
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(errors(&problem), ["screenshot:too_large"]);

        let page = desk
            .client
            .post(format!("{}/en/report", desk.url))
            .multipart(one())
            .send()
            .await
            .unwrap();
        assert_eq!(page.status(), 413);
        let page = page.text().await.unwrap();
        assert!(page.contains("value=\"Zhang Wei\""));
        assert!(page.contains("choose your screenshots again"));

        let mut huge = png(9, 9);
        huge.resize(50 * 1024 * 1024, 0);
        let answer = desk
            .report(form(&fields()).part("screenshot", file("huge.png", huge)))
            .await;
        assert_eq!(answer.status(), 413, "50 MB");
        assert_eq!((desk.count().await, desk.files().len()), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_read_is_said_so() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        let send = |kind: &'static str, body: &'static str| {
            desk.client
                .post(format!("{}/api/v1/reports", desk.url))
                .header("content-type", kind)
                .body(body)
                .send()
        };
        for (kind, body, status) in [
            ("text/plain", "hello", 415),
            ("application/x-www-form-urlencoded", "role=holder", 415),
            ("application/json", "{\"role\":", 400),
            ("application/json", "[1, 2]", 400),
            ("application/json", "{}", 422),
            ("application/json", "{\"screenshot\": \"aGVsbG8=\"}", 422),
            (
                "application/json",
                "{\"role\": {\"a\": [1]}, \"tries\": [[1]]}",
                422,
            ),
            ("multipart/form-data", "x", 400),
            ("multipart/form-data; boundary=x", "--x\r\nbroken", 400),
            (
                "multipart/form-data; boundary=x",
                "--x\r\ncontent-disposition: form-data; name=\"role\"\r\n\r\nhol",
                400,
            ),
        ] {
            let answer = send(kind, body).await.unwrap();
            assert_eq!(answer.status(), status, "{kind} {body}");
            assert_eq!(answer.headers()["content-type"], "application/problem+json");
            let problem: Value = answer.json().await.unwrap();
            assert_eq!(problem["status"], status);
            assert!(problem["detail"].as_str().unwrap().len() > 20);
        }
        let answer = desk
            .client
            .post(format!("{}/api/v1/reports", desk.url))
            .header("idempotency-key", "k".repeat(300))
            .json(&json!({}))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 400);
    })
    .await;
}

#[tokio::test]
async fn a_key_gives_the_same_answer_again_and_refuses_another_body() {
    each_store(|database| async move {
        let desk = start(&database.store).await;
        let send = |fields: Vec<(&'static str, String)>, picture: Vec<u8>| {
            let form = form(&fields).part("screenshot", file("a.png", picture));
            desk.client
                .post(format!("{}/api/v1/reports", desk.url))
                .header("idempotency-key", "8e03978e-40d5-43dd-bc93-6894a57f9324")
                .multipart(form)
                .send()
        };
        // Eight at once, then one later: one report.
        let together =
            futures_util::future::join_all((0..8).map(|_| send(fields(), png(20, 20)))).await;
        let mut answers = Vec::new();
        for answer in together {
            let answer = answer.unwrap();
            assert_eq!(answer.status(), 201);
            answers.push(answer.json::<Value>().await.unwrap());
        }
        desk.clock.advance(Duration::from_secs(3600));
        let later = send(fields(), png(20, 20)).await.unwrap();
        assert_eq!(later.status(), 201);
        answers.push(later.json().await.unwrap());
        for answer in &answers {
            assert_eq!(*answer, answers[0]);
        }
        assert_eq!((desk.count().await, desk.files().len()), (1, 1));
        for (fields, picture) in [
            (fields_with("name", "Somebody Else"), png(20, 20)),
            (fields(), png(21, 20)),
        ] {
            let other = send(fields, picture).await.unwrap();
            assert_eq!(other.status(), 409);
            let problem: Value = other.json().await.unwrap();
            assert!(
                problem["detail"]
                    .as_str()
                    .unwrap()
                    .contains("different report")
            );
        }
        assert_eq!((desk.count().await, desk.files().len()), (1, 1));
    })
    .await;
}

#[tokio::test]
async fn a_key_counts_within_the_passport_that_it_came_with() {
    each_store(|database| async move {
        let desk = start(&database.store).await;
        let send = async |passport: &str| {
            let answer = desk
                .client
                .post(format!("{}/api/v1/reports", desk.url))
                .header("idempotency-key", "1")
                .multipart(form(&fields_with("passport_number", passport)))
                .send()
                .await
                .unwrap();
            (answer.status(), answer.json::<Value>().await.unwrap())
        };
        // Two people whose programs number their requests alike are two reports, and neither
        // learns that there is another.
        let (status, first) = send("E12345678").await;
        assert_eq!(status, 201);
        let (status, second) = send("X7654321").await;
        assert_eq!(status, 201, "{second}");
        assert_ne!(first["reference"], second["reference"]);
        let (status, again) = send("E12345678").await;
        assert_eq!((status.as_u16(), again), (201, first));
        assert_eq!(desk.count().await, 2);
    })
    .await;
}

#[tokio::test]
async fn who_comes_too_often_is_told_when_to_come_back() {
    on_sqlite(|database| async move {
        let settings = Settings {
            per_client: Rate {
                burst: 2,
                every: Duration::from_secs(60),
            },
            ..Settings::default()
        };
        let desk = start_with(&database.store, settings, None).await;
        desk.report_right(&fields()).await;
        desk.report_right(&fields()).await;
        let third = desk.report(form(&fields())).await;
        assert_eq!(third.status(), 429);
        let seconds: u64 = third.headers()["retry-after"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!((1..=61).contains(&seconds));
        let page = desk
            .client
            .post(format!("{}/id/report", desk.url))
            .multipart(form(&fields()))
            .send()
            .await
            .unwrap();
        assert_eq!(page.status(), 429);
        assert!(page.text().await.unwrap().contains("value=\"Zhang Wei\""));
        desk.clock.advance(Duration::from_secs(61));
        desk.report_right(&fields()).await;
    })
    .await;
}

#[tokio::test]
async fn memory_for_reports_on_their_way_is_bounded() {
    on_sqlite(|database| async move {
        let settings = Settings {
            memory: 1024 * 1024,
            ..Settings::default()
        };
        let desk = start_with(&database.store, settings, None).await;
        let mut large = png(9, 9);
        large.resize(700 * 1024, 0);
        let answer = desk
            .report(form(&fields()).part("screenshot", file("a.png", large)))
            .await;
        assert_eq!(answer.status(), 503);
        assert!(answer.headers().contains_key("retry-after"));
        desk.report_right(&fields()).await;
    })
    .await;
}

#[tokio::test]
async fn an_upload_that_does_not_arrive_in_time_is_cut() {
    on_sqlite(|database| async move {
        let settings = Settings {
            arrive_within: Duration::from_millis(300),
            ..Settings::default()
        };
        let desk = start_with(&database.store, settings, None).await;
        let address = desk.url.strip_prefix("http://").unwrap();
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let head = "POST /api/v1/reports HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
            content-type: multipart/form-data; boundary=x\r\ncontent-length: 5000\r\n\r\n\
            --x\r\ncontent-disposition: form-data; name=\"role\"\r\n\r\nholder\r\n--x";
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let reading = stream.read_to_end(&mut answer);
        tokio::time::timeout(Duration::from_secs(20), reading)
            .await
            .unwrap()
            .unwrap();
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
        assert!(answer.contains("did not arrive in time"));
        assert_eq!(desk.count().await, 0);
    })
    .await;
}
