//! What does not open is told as that, and never as erased.

use std::time::Duration;

use serde_json::Value;
use siaga::store::seal::MasterKeys;
use siaga::store::{Store, keys, reports};

use super::staff::{Officer, officer};
use crate::harness::{NOON, each_store, on_sqlite};
use crate::reports::desk::{Running, fields, file, form, png, start};

/// A report with a picture that was given back with a reason: its reference and its secret.
async fn returned(desk: &Running, made: &Officer<'_>) -> (String, String) {
    let shot = form(&fields()).part("screenshot", file("a.png", png(30, 20)));
    let body: Value = desk.report(shot).await.json().await.unwrap();
    let text = |name: &str| body[name].as_str().unwrap().to_owned();
    let (reference, secret) = (text("reference"), text("secret"));
    for (from, to, reason) in [
        ("received", "in_review", ""),
        ("in_review", "returned", "The ITAS page is missing"),
    ] {
        let moved = made.step(&reference, from, to, reason).await;
        assert_eq!(moved.status(), 303);
    }
    (reference, secret)
}

/// Everything that shows the report: the list, the case, the picture, the receipt, its JSON.
async fn shown(
    desk: &Running,
    made: &Officer<'_>,
    reference: &str,
    secret: &str,
) -> ([String; 4], Value) {
    let case = format!("/office/cases/{reference}");
    let picture = made.get(&format!("{case}/screenshots/1")).await;
    let picture = match picture.status().as_u16() {
        200 => "a picture".to_owned(),
        _ => picture.text().await.unwrap(),
    };
    let receipt = desk
        .get(&format!("/en/receipts/{reference}?key={secret}"))
        .await;
    let json = desk
        .get(&format!("/api/v1/reports/{reference}?key={secret}"))
        .await;
    assert_eq!(
        (receipt.status(), json.status()),
        (200.try_into().unwrap(), 200.try_into().unwrap())
    );
    let pages = [
        made.text("/office/?which=done").await,
        made.text(&case).await,
        picture,
        receipt.text().await.unwrap(),
    ];
    (pages, json.json().await.unwrap())
}

/// Makes the key of `keys` the current one.
pub(crate) async fn make_current(store: &Store, keys: &MasterKeys) {
    let keys = keys.clone();
    store
        .write(|mut conn| {
            Box::pin(async move {
                let id = keys.current().to_owned();
                assert!(keys::announce(&mut conn, &keys, &id, NOON).await?);
                keys::make_current(&mut conn, &id, NOON).await
            })
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_missing_master_key_is_named_to_the_office_and_erases_nothing() {
    each_store(|database| async move {
        let desk = start(&database.store).await;
        let made = officer(&desk, "made@imigrasi.example", "ngurah-rai").await;
        let (reference, secret) = returned(&desk, &made).await;
        let other = MasterKeys::new(vec![("k2".to_owned(), [8; 32])]).unwrap();
        make_current(&desk.store, &other).await;
        desk.desk.keys.replace(other);
        let (pages, json) = shown(&desk, &made, &reference, &secret).await;
        let [list, case, picture, receipt] = &pages;
        assert!(list.contains("(cannot be opened)"), "{list}");
        for page in [case, picture] {
            assert!(page.contains("the master key “k1” is missing"), "{page}");
            assert!(page.contains("It is not erased"), "{page}");
        }
        assert!(
            receipt.contains("cannot be opened at the moment"),
            "{receipt}"
        );
        assert!(
            !receipt.contains("k1"),
            "what is inside is not the public's"
        );
        for page in &pages {
            assert!(
                !page.contains("(erased)") && !page.contains("has been erased"),
                "{page}"
            );
        }
        assert_eq!(json["personal_data"], "unreadable");
        assert_eq!(json["personal_data_erased"], false);
        assert_eq!(json["steps"][1]["reason"], Value::Null);
        assert_eq!(json["steps"][1]["reason_unreadable"], true);
        // Nor can the case be moved without its reason being kept.
        let moved = made.step(&reference, "returned", "in_review", "").await;
        assert_eq!(moved.status(), 303, "a step without a reason needs no key");
        let moved = made
            .step(&reference, "in_review", "returned", "Again")
            .await;
        assert_eq!(moved.status(), 503);
        let page = moved.text().await.unwrap();
        assert!(page.contains("the master key “k1” is missing"), "{page}");
        // With the key back, all of it is there.
        desk.desk.keys.replace(desk.keys.clone());
        let page = made.text(&format!("/office/cases/{reference}")).await;
        assert!(page.contains("The ITAS page is missing") && page.contains("Zhang Wei"));
    })
    .await;
}

#[tokio::test]
async fn a_field_that_was_changed_is_told_and_the_others_are_shown() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        let made = officer(&desk, "made@imigrasi.example", "ngurah-rai").await;
        let (reference, secret) = returned(&desk, &made).await;
        for sql in [
            "UPDATE reports SET sealed_name = sealed_email",
            "UPDATE case_steps SET sealed_reason = (SELECT sealed_email FROM reports)
             WHERE sealed_reason IS NOT NULL",
        ] {
            desk.store
                .write(move |mut conn| Box::pin(async move { conn.execute(sql, vec![]).await }))
                .await
                .unwrap();
        }
        let (pages, json) = shown(&desk, &made, &reference, &secret).await;
        let [_, case, picture, receipt] = &pages;
        assert!(
            case.contains("(cannot be opened)") && case.contains("E12345678"),
            "{case}"
        );
        assert!(
            case.contains("it was changed or moved in the database"),
            "{case}"
        );
        assert_eq!(picture, "a picture");
        assert!(
            receipt.contains("It cannot be opened at the moment"),
            "{receipt}"
        );
        assert_eq!(json["personal_data"], "unreadable");
        assert_eq!(json["steps"][1]["reason_unreadable"], true);
    })
    .await;
}

#[tokio::test]
async fn what_is_erased_is_told_as_erased() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        let made = officer(&desk, "made@imigrasi.example", "ngurah-rai").await;
        let (reference, secret) = returned(&desk, &made).await;
        let now = desk.desk.clock.now() + Duration::from_secs(1);
        let erased = reference.clone();
        desk.store
            .write(move |mut conn| {
                Box::pin(async move {
                    let case = reports::by_reference(&mut conn, &erased).await?.unwrap();
                    reports::erase(&mut conn, &case.id, now).await
                })
            })
            .await
            .unwrap();
        let (pages, json) = shown(&desk, &made, &reference, &secret).await;
        let [_, case, picture, receipt] = &pages;
        assert!(
            case.contains("(erased)") && !case.contains("cannot be opened"),
            "{case}"
        );
        assert!(
            !case.contains("<button type=\"submit\">Start work"),
            "{case}"
        );
        assert!(
            picture.contains("was erased with the personal data"),
            "{picture}"
        );
        assert!(receipt.contains("has been erased"), "{receipt}");
        assert_eq!(json["personal_data"], "erased");
        let moved = made.step(&reference, "returned", "in_review", "").await;
        assert_eq!(moved.status(), 409);
        assert!(moved.text().await.unwrap().contains("has been erased"));
    })
    .await;
}
