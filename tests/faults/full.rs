//! A disk that is full, and has room again.

use serde_json::json;

use crate::harness::processes::{HOME, SOON, Setup, Siaga, Site, picture, report_body};
use crate::harness::{SmallDisk, eventually, folder};

async fn report(siaga: &Siaga, passport: &str) -> (u16, bool) {
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
    (answer.status().as_u16(), later)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_reports_serves_pages_and_heals() {
    let site = Site::start().await;
    let place = folder();
    let disk = SmallDisk::mount(place.path());
    let setup = Setup::of(&site)
        .flows(&[HOME])
        .data(&place.path().join("data"));
    let mut siaga = setup.run().await;
    siaga.until("website", "operational", SOON).await;
    assert_eq!(report(&siaga, "E0000001").await, (201, false));

    disk.fill();
    assert_eq!(report(&siaga, "E0000002").await, (503, true));
    // The site fails meanwhile: what was seen is written down when there is room again.
    site.faults(json!([{ "kind": "error", "status": 500 }]))
        .await;
    eventually("runs wait", SOON, || async {
        siaga.process.log().contains("runs wait for the database")
    })
    .await;
    for path in [
        "/en/",
        "/id/history",
        "/en/report",
        "/api/v1/status",
        "/healthz",
    ] {
        siaga.page(path).await;
    }
    assert!(siaga.process.ended().is_none(), "{}", siaga.process.log());

    disk.make_room();
    eventually("reports are taken again", SOON, || async {
        report(&siaga, "E0000003").await.0 == 201
    })
    .await;
    siaga.until("website", "outage", SOON).await;
    site.heal().await;
    siaga.until("website", "operational", SOON).await;
    assert_eq!(siaga.outages("website").await.len(), 1);
    siaga.process.stop().await;
}
