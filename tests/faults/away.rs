//! A database that goes away and comes back.

use serde_json::json;

use crate::harness::cluster::Cluster;
use crate::harness::eventually;
use crate::harness::processes::{HOME, SOON, Setup, Site, picture, report_body};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_goes_away_and_comes_back_costs_nothing_but_time() {
    let cluster = Cluster::create();
    let site = Site::start().await;
    let setup = Setup::of(&site).flows(&[HOME]).database(&cluster.address());
    let mut siaga = setup.run().await;
    siaga.until("website", "operational", SOON).await;

    cluster.stop();
    // Reports are refused, and told when to come again; nothing internal is shown.
    let (kind, body) = report_body("E12345678", &picture());
    let report = async || {
        siaga
            .client
            .post(format!("{}/api/v1/reports", siaga.url))
            .header("content-type", &kind)
            .header("idempotency-key", "the same")
            .body(body.clone())
            .send()
            .await
            .expect("an answer")
    };
    let refused = report().await;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    let text = refused.text().await.expect("a text").to_lowercase();
    assert!(
        !text.contains("sql") && !text.contains("connection"),
        "{text}"
    );
    // An outage of the site begins and ends while nobody can write it down.
    site.faults(json!([{ "kind": "error", "status": 500 }]))
        .await;
    siaga.until("website", "unknown: ourselves", SOON).await;
    for path in [
        "/en/",
        "/id/outages",
        "/en/report",
        "/api/v2/summary.json",
        "/healthz",
    ] {
        siaga.page(path).await;
    }
    assert_ne!(siaga.get("/readyz").await.status(), 200);
    site.heal().await;

    cluster.start();
    siaga.until("website", "operational", SOON).await;
    eventually("reports are taken again", SOON, || async {
        report().await.status() == 201
    })
    .await;
    let outages = siaga.outages("website").await;
    assert_eq!(
        outages.len(),
        1,
        "it was seen and not forgotten: {outages:?}"
    );
    assert!(outages[0]["ended_at"].is_string(), "{}", outages[0]);
    assert!(siaga.process.ended().is_none());
    siaga.process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_falls_silent_is_waited_for() {
    let cluster = Cluster::create();
    let site = Site::start().await;
    let setup = Setup::of(&site).flows(&[HOME]).database(&cluster.address());
    let mut siaga = setup.run().await;
    siaga.until("website", "operational", SOON).await;

    cluster.signal_all("STOP");
    site.faults(json!([{ "kind": "error", "status": 500 }]))
        .await;
    siaga.until("website", "unknown: ourselves", SOON).await;
    eventually("runs wait", SOON, || async {
        siaga.process.log().contains("runs wait for the database")
    })
    .await;
    site.heal().await;
    siaga.page("/en/").await;

    cluster.signal_all("CONT");
    siaga.until("website", "operational", SOON * 2).await;
    let outages = siaga.outages("website").await;
    assert_eq!(
        outages.len(),
        1,
        "it was seen and not forgotten: {outages:?}"
    );
    siaga.process.stop().await;
}
