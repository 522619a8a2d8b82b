//! What is on disk when it says yes, and that nothing is half when it says no.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::Value;

use super::desk::{fields, fields_with, file, form, kept, png, start, start_with};
use crate::harness::{NOON, SmallDisk, each_store, folder, on_sqlite};
use siaga::domain::Moment;
use siaga::pictures::Reader;
use siaga::store::reports;
use siaga::web::new_files::NewFiles;
use siaga::web::reports::Settings;
use siaga::web::screenshots;

#[tokio::test]
async fn a_screenshot_lies_sealed_and_comes_back_without_its_metadata() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        // A text chunk behind the head: what a camera or a tool may leave in a picture.
        let mut picture = png(50, 40);
        let mut chunk = 14_u32.to_be_bytes().to_vec();
        chunk.extend(b"tEXtComment\0secret");
        chunk.extend([0x12, 0x34, 0x56, 0x78]);
        picture.splice(33..33, chunk);
        let body = desk
            .report(form(&fields()).part("screenshot", file("a.png", picture.clone())))
            .await;
        assert_eq!(body.status(), 201);
        let body: Value = body.json().await.unwrap();
        let files = desk.files();
        let sealed = std::fs::read(desk.screenshots.join(&files[0])).unwrap();
        assert!(!sealed.windows(4).any(|w| w == b"IHDR"), "sealed");
        let (case, shots) = kept(&desk.store, &body).await;
        assert_eq!((shots[0].width, shots[0].height), (50, 40));
        let key = case.data_key(&desk.keys).unwrap().unwrap();
        let picture = screenshots::open(&desk.screenshots, &case.id, &shots[0], &key).unwrap();
        let shown = desk.desk.drawer.draw(picture, Reader::Staff).await.unwrap();
        assert_eq!(shown.media_type, "image/png");
        let shown = shown.bytes;
        assert!(!shown.windows(6).any(|w| w == b"secret"));
        let decoded = image::load_from_memory(&shown).unwrap().into_rgb8();
        assert_eq!(decoded.get_pixel(0, 0).0, [200, 10, 20]);
        // Sealed for its place: it does not open as another report's.
        assert!(screenshots::open(&desk.screenshots, "another", &shots[0], &key).is_err());
    })
    .await;
}

#[tokio::test]
async fn a_database_that_is_gone_keeps_nothing_and_gives_back_what_was_typed() {
    each_store(|database| async move {
        let desk = start(&database.store).await;
        database.store.close().await;
        let shot = || form(&fields()).part("screenshot", file("a.png", png(9, 9)));
        let answer = desk.report(shot()).await;
        assert_eq!(answer.status(), 503);
        assert!(answer.headers().contains_key("retry-after"));
        let text = answer.text().await.unwrap();
        assert!(!text.to_lowercase().contains("sql"), "{text}");
        let page = desk
            .client
            .post(format!("{}/en/report", desk.url))
            .multipart(shot())
            .send()
            .await
            .unwrap();
        assert_eq!(page.status(), 503);
        let page = page.text().await.unwrap();
        assert!(page.contains("value=\"Zhang Wei\""));
        assert!(page.contains("the fault is ours"));
        assert!(desk.files().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_full_disk_keeps_no_picture_half_and_all_is_well_when_there_is_room_again() {
    on_sqlite(|database| async move {
        let place = folder();
        let Some(_disk) = SmallDisk::mount(place.path(), "64k") else {
            return;
        };
        let screenshots = place.path().to_owned();
        let desk = start_with(&database.store, Settings::default(), Some(screenshots)).await;
        let filler = place.path().join("filler");
        std::fs::write(&filler, vec![0; 40 * 1024]).unwrap();
        // The first fits, the second does not: neither may stay.
        let mut large = png(9, 9);
        large.resize(40 * 1024, 0);
        let two = || {
            form(&fields())
                .part("screenshot", file("a.png", png(9, 9)))
                .part("screenshot", file("b.png", large.clone()))
        };
        let send = async || {
            let answer = desk.report(two()).await;
            assert_eq!(answer.status(), 201);
            let body: Value = answer.json().await.unwrap();
            body["screenshots"].clone()
        };
        let told = send().await;
        assert_eq!((&told["kept"], &told["left_out"]), (&0.into(), &2.into()));
        assert_eq!(told["reason"], "disk");
        assert_eq!(desk.files(), ["filler"]);
        assert_eq!(desk.count().await, 1);
        std::fs::remove_file(&filler).unwrap();
        assert_eq!(send().await["kept"], 2);
        assert_eq!(desk.files().len(), 2);
    })
    .await;
}

fn a_report() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    (
        "[A-Za-z0-9]{3,20}",
        "[^\\p{C}\\s][^\\p{C}]{0,80}",
        prop::option::of(0_i64..60),
        1_usize..5,
        prop::sample::select(vec!["website", "sign-in", "upload", "tracking"]),
        prop::sample::select(vec!["jakarta-pusat", "ngurah-rai", "jayapura"]),
    )
        .prop_map(|(passport, name, days, tries, component, office)| {
            let mut fields = fields_with("passport_number", &passport);
            fields.retain(|(field, _)| {
                ![
                    "name",
                    "permit_expires_on",
                    "tried_at",
                    "component",
                    "office",
                ]
                .contains(field)
            });
            fields.push(("name", name));
            fields.push(("component", component.to_owned()));
            fields.push(("office", office.to_owned()));
            if let Some(days) = days {
                let date = Moment(NOON.0 + days * 86_400_000).timestamp();
                fields.push(("permit_expires_on", date.strftime("%Y-%m-%d").to_string()));
            }
            for n in 0..tries {
                let at = Moment(NOON.0 - i64::try_from(n).unwrap() * 3_000_000);
                fields.push(("tried_at", at.to_string()));
            }
            fields
        })
}

/// An acknowledged report is always found, by its reference and by its passport number.
#[test]
fn what_was_acknowledged_is_always_found() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
            cases: 48,
            failure_persistence: None,
            ..ProptestConfig::default()
        });
        let handle = tokio::runtime::Handle::current();
        tokio::task::block_in_place(|| {
            runner
                .run(&a_report(), |fields| {
                    handle.block_on(async {
                        let answer = desk.report(form(&fields)).await;
                        let status = answer.status();
                        let body: Value = answer.json().await.unwrap();
                        if status == 422 {
                            // A name of marks alone is nothing once it is cleaned.
                            prop_assert_eq!(super::desk::errors(&body), ["name:missing"]);
                            return Ok(());
                        }
                        desk.clock.advance(Duration::from_secs(10));
                        prop_assert_eq!(status, 201);
                        let reference = body["reference"].as_str().unwrap().to_owned();
                        let passport = &fields.iter().find(|f| f.0 == "passport_number").unwrap().1;
                        let hashes = desk.keys.lookups("passport", &passport.to_uppercase());
                        let (one, many) = desk
                            .store
                            .read(move |mut conn| {
                                Box::pin(async move {
                                    let one = reports::by_reference(&mut conn, &reference).await?;
                                    Ok((one, reports::of_passport(&mut conn, hashes).await?))
                                })
                            })
                            .await
                            .unwrap();
                        let one = one.unwrap();
                        prop_assert!(many.iter().any(|case| case.id == one.id));
                        Ok(())
                    })
                })
                .unwrap();
        });
    }));
}

/// How many bytes stand in each part: about what is written at once, and about a block.
fn lengths() -> impl Strategy<Value = Vec<usize>> {
    let about = |near: usize| near.saturating_sub(3)..near + 3;
    let length = prop_oneof![
        about(0),
        about(4096),
        about(512 * 1024),
        about(1024 * 1024),
        0..1_300_000_usize,
    ];
    proptest::collection::vec(length, 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn a_new_file_has_all_bytes_of_its_parts(lengths in lengths()) {
        let folder = folder();
        let files = NewFiles::new(folder.path().to_owned());
        let parts: Vec<Vec<u8>> = lengths
            .iter()
            .enumerate()
            .map(|(at, length)| (0..*length).map(|byte| (byte * 7 / 3 + at) as u8).collect())
            .collect();
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        for name in ["one", "two"] {
            files.write(name, &parts).unwrap();
            files.sync().unwrap();
            prop_assert!(std::fs::read(folder.path().join(name)).unwrap() == parts.concat());
        }
        let again = files.write("two", &parts).expect_err("it is there");
        prop_assert_eq!(again.kind(), std::io::ErrorKind::AlreadyExists);
    }
}
