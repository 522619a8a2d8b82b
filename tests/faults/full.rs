//! A disk that fills, is full, and has room again.

use reqwest::header::SET_COOKIE;
use serde_json::{Value, json};

use crate::harness::processes::{HOME, Hook, SOON, Setup, Siaga, Site, picture, report_body};
use crate::harness::{SmallDisk, eventually, folder};

const OFFICER: &str = "made@imigrasi.example";
/// More bytes than any disk has.
const MOST: u64 = 1_000_000_000_000_000;
const PASSWORD: &str = "correct horse battery";

/// Sends a report with a picture. Gives the status, how many pictures are kept, and whether to
/// come back.
async fn report(siaga: &Siaga, passport: &str) -> (u16, Option<u64>, bool) {
    let (kind, body) = report_body(passport, &picture());
    let answer = siaga
        .client
        .post(format!("{}/api/v1/reports", siaga.url))
        .header("content-type", kind)
        .body(body)
        .send()
        .await
        .expect("an answer");
    let later = answer.headers().contains_key("retry-after");
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.expect("JSON");
    (status, body["screenshots"]["kept"].as_u64(), later)
}

/// Adds an officer, before the disk fills.
fn add_officer(setup: &Setup) {
    let add = ["staff", "add", OFFICER, "--role", "officer"];
    let office = ["--office", "ngurah-rai", "--password-stdin"];
    let typed = format!("{PASSWORD}\n");
    let (code, printed) = setup.command(&[&add[..], &office].concat(), &typed);
    assert_eq!(code, Some(0), "{printed}");
}

/// Whether the officer gets in.
async fn signs_in(siaga: &Siaga) -> bool {
    let answer = siaga
        .client
        .post(format!("{}/en/office/sign-in", siaga.url))
        .form(&[("email", OFFICER), ("password", PASSWORD)])
        .send()
        .await
        .expect("an answer");
    answer.status() == 303 && answer.headers().contains_key(SET_COOKIE)
}

/// What readiness says: the status, and the reason of the disk.
async fn ready(siaga: &Siaga) -> (u16, String) {
    let answer = siaga.get("/readyz").await;
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.expect("JSON");
    let checks = body["checks"].as_array().expect("checks");
    let disk = checks.iter().find(|check| check["name"] == "disk");
    let reason = disk.expect("the disk is told of")["reason"].as_str();
    (status, reason.unwrap_or_default().to_owned())
}

/// Marks above what any disk has, which needs no right to try.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn below_the_marks_pictures_are_given_up_and_all_else_goes_on() {
    let site = Site::start().await;
    let hook = Hook::start().await;
    for (database, ready_status, event) in [(1, 200, "disk.low"), (MOST, 503, "disk.critical")] {
        let setup = Setup::of(&site)
            .flows(&[HOME])
            .alerts(&hook, "duty@example.org")
            .keeping_free(MOST, database);
        let mut siaga = setup.run().await;
        add_officer(&setup);
        siaga.until("website", "operational", SOON).await;
        assert_eq!(report(&siaga, "E0000001").await, (201, Some(0), false));
        assert!(signs_in(&siaga).await);
        let (status, reason) = ready(&siaga).await;
        assert_eq!(status, ready_status, "{reason}");
        assert_eq!(
            reason.contains("less than the 1000000000 MB"),
            status == 503,
            "{reason}"
        );
        let metrics = siaga.page("/metrics").await;
        for line in [
            "siaga_disk_reserve_bytes{of=\"files\"} 1000000000000000",
            "siaga_pictures_left_out_total{reason=\"disk\"} 1",
        ] {
            assert!(metrics.contains(line), "{line} in {metrics}");
        }
        let told = || async {
            hook.all()
                .iter()
                .filter(|one| one["event"] == event)
                .count()
                == 1
        };
        eventually(event, SOON, told).await;

        // A failure is an outage all the same, and leaves no evidence.
        site.faults(json!([{ "kind": "error", "status": 500 }]))
            .await;
        siaga.until("website", "outage", SOON).await;
        let evidence = setup.data.join("evidence");
        let shelves = std::fs::read_dir(evidence).expect("a folder");
        let files = shelves.map(|shelf| {
            let shelf = shelf.expect("a shelf").path();
            std::fs::read_dir(shelf).expect("a shelf").count()
        });
        assert_eq!(files.sum::<usize>(), 0);
        site.heal().await;
        siaga.process.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fills_costs_pictures_first_and_heals() {
    let site = Site::start().await;
    let place = folder();
    let Some(disk) = SmallDisk::mount(place.path(), "16m") else {
        return;
    };
    let setup = Setup::of(&site)
        .flows(&[HOME])
        .keeping_free(6_000_000, 2_000_000)
        .data(&place.path().join("data"));
    let mut siaga = setup.run().await;
    add_officer(&setup);
    siaga.until("website", "operational", SOON).await;
    assert_eq!(report(&siaga, "E0000001").await, (201, Some(1), false));
    assert_eq!(ready(&siaga).await, (200, String::new()));

    // Below the first mark: reports without pictures, sign-in, runs and outages.
    disk.fill_up_to(5_000_000);
    assert_eq!(report(&siaga, "E0000002").await, (201, Some(0), false));
    assert!(signs_in(&siaga).await);
    assert_eq!(ready(&siaga).await, (200, String::new()));
    // Below the second: the same, and whoever runs it is told.
    disk.fill_up_to(1_500_000);
    assert_eq!(report(&siaga, "E0000003").await, (201, Some(0), false));
    assert_eq!(ready(&siaga).await.0, 503);
    assert_eq!(siaga.state("website").await, "operational");

    disk.fill();
    assert_eq!(report(&siaga, "E0000004").await, (503, None, true));
    // The site fails meanwhile: what was seen is written down when there is room again, and
    // until then nobody is told that all is well.
    site.faults(json!([{ "kind": "error", "status": 500 }]))
        .await;
    eventually("runs wait", SOON, || async {
        siaga.process.log().contains("runs wait for the database")
    })
    .await;
    siaga.until("website", "unknown: ourselves", SOON).await;
    for path in ["/en/", "/id/history", "/en/report", "/healthz"] {
        siaga.page(path).await;
    }
    assert!(siaga.process.ended().is_none(), "{}", siaga.process.log());

    disk.make_room();
    eventually("reports are taken again", SOON, || async {
        report(&siaga, "E0000005").await == (201, Some(1), false)
    })
    .await;
    siaga.until("website", "outage", SOON).await;
    site.heal().await;
    siaga.until("website", "operational", SOON).await;
    assert_eq!(siaga.outages("website").await.len(), 1);
    assert_eq!(ready(&siaga).await, (200, String::new()));
    siaga.process.stop().await;
}
