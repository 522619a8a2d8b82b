//! What is said of the site when the monitor itself stops, is cut off, or lacks a secret.

use serde_json::json;

use crate::harness::eventually;
use crate::harness::processes::{
    HOME, Hook, SOON, Setup, Siaga, Site, postgres_address_of_its_own,
};

/// Waits until the open outage has met more failures than before.
async fn until_seen_again(siaga: &Siaga, component: &str, failures: u64) {
    eventually("the site is probed again", SOON, || async {
        let outages = siaga.outages(component).await;
        let seen = outages.first().and_then(|one| one["failures"].as_u64());
        seen > Some(failures)
    })
    .await;
}

/// An outage, a stop of the monitor in the middle of it, and its end.
async fn stopped_in_an_outage(killed: bool, postgres: Option<&str>) {
    let site = Site::start().await;
    let hook = Hook::start().await;
    let setup = match postgres {
        Some(address) => Setup::of(&site).database(address),
        None => Setup::of(&site),
    };
    let setup = setup.flows(&[HOME]).alerts(&hook, "duty@siaga.example");
    let mut siaga = setup.run().await;
    siaga.until("website", "operational", SOON).await;
    site.faults(json!([{ "kind": "error", "status": 503 }]))
        .await;
    siaga.until("website", "outage", SOON).await;
    eventually("the hook hears of it", SOON, || async {
        !hook.all().is_empty()
    })
    .await;
    let before = siaga.outages("website").await;
    let id = before[0]["id"].as_str().expect("an id").to_owned();

    if killed {
        siaga.process.kill();
    } else {
        siaga.process.stop().await;
        // As if it had been away for long.
        setup.age_sign_of_life(30).await;
    }
    let mut siaga = setup.run().await;
    // Everything that was seen before is shown again, and one more failure.
    let failures = before[0]["failures"].as_u64().expect("a count");
    until_seen_again(&siaga, "website", failures).await;
    assert_eq!(siaga.state("website").await, "outage");
    let after = siaga.outages("website").await;
    assert_eq!(after.len(), 1, "not doubled: {after:?}");
    assert_eq!(after[0]["id"], json!(id));
    assert_eq!(after[0]["began_at"], before[0]["began_at"]);
    let gaps = after[0]["monitoring_gaps"].as_array().expect("gaps");
    if killed {
        assert!(gaps.is_empty(), "it was back at once: {gaps:?}");
    } else {
        assert_eq!(gaps.len(), 1, "{gaps:?}");
        assert_eq!(gaps[0]["why"], "stopped");
        let history = siaga.page("/en/history").await;
        assert!(history.contains("Our watch was not running"), "{history}");
    }

    site.heal().await;
    siaga.until("website", "operational", SOON).await;
    eventually("the hook hears of the end", SOON, || async {
        hook.all().len() >= 2
    })
    .await;
    siaga.process.stop().await;
    let told = ["outage.opened", "outage.closed"].map(|event| (event.to_owned(), id.clone()));
    assert_eq!(hook.of("website"), told, "each once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_outlives_an_orderly_stop_and_the_gap_is_told() {
    stopped_in_an_outage(false, None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_outlives_a_kill() {
    stopped_in_an_outage(true, None).await;
    let schema = postgres_address_of_its_own().await;
    stopped_in_an_outage(true, Some(&schema.address)).await;
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_monitor_that_is_cut_off_says_unknown_and_records_the_gap() {
    let mut site = Site::start().await;
    let hook = Hook::start().await;
    let setup = Setup::of(&site)
        .flows(&[HOME])
        .alerts(&hook, "duty@siaga.example");
    let siaga = setup.run().await;
    siaga.until("website", "operational", SOON).await;
    assert!(
        siaga
            .page("/en/history")
            .await
            .contains("None in the last 90 days")
    );

    site.process.kill();
    siaga.until("website", "unknown: cut_off", SOON).await;
    let history = siaga.page("/en/history").await;
    assert!(!history.contains("None in the last 90 days"), "{history}");
    let summary = siaga.json("/api/v2/summary.json").await;
    assert_ne!(
        summary["status"]["indicator"], "none",
        "unknown is not green"
    );

    let _site = site.start_again().await;
    siaga.until("website", "operational", SOON).await;
    assert!(siaga.outages("website").await.is_empty());
    assert!(
        hook.all().is_empty(),
        "nobody was alarmed: {:?}",
        hook.all()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_without_its_secret_is_not_configured() {
    let site = Site::start().await;
    let sign_in = r##"
name = "Sign in"
every = { http = "1s" }
timeout = "2s"
needs = ["PROBE_EMAIL"]
[[step]]
name = "Sign in"
component = "sign-in"
visit = "/front/login"
expect = { status = 200 }
[[step]]
name = "Applications"
component = "application"
visit = "/web/applications"
expect = { status = 200 }
"##;
    let setup = Setup::of(&site)
        .flows(&[HOME, ("sign-in", sign_in)])
        .without("PROBE_EMAIL");
    let siaga = setup.run().await;
    siaga.until("website", "operational", SOON).await;
    siaga
        .until("sign-in", "unknown: not_configured", SOON)
        .await;
    assert_eq!(siaga.state("application").await, "unknown: not_configured");
    assert_eq!(siaga.state("tracking").await, "unknown: no_data");
    let status = siaga.json("/api/v1/status").await;
    assert_eq!(status["state"], "partly_unknown");
    let page = siaga.page("/en/").await;
    assert!(page.contains("a test account is missing"), "{page}");
}
