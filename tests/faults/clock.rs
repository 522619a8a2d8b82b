//! The machine's clock is set while the service runs, by a library that lies to it.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::harness::processes::{HOME, SOON, Setup, Site};

/// Where Debian has the library, by the kind of machine.
const LIBRARIES: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_is_seen_though_the_clock_was_hours_ahead_and_is_put_right() {
    let library = LIBRARIES.into_iter().find(|path| Path::new(path).exists());
    let library = library.expect("Debian's package libfaketime, which `make test` installs");
    let site = Site::start().await;
    let folder = crate::harness::folder();
    let shown = folder.path().join("clock");
    let set = |offset: &str| std::fs::write(&shown, format!("{offset}\n")).expect("a clock");
    set("+7h");
    // Runs that are never late, however busy this machine is: only what is broken fails them.
    let unhurried = HOME.1.replace("timeout = \"2s\"", "timeout = \"60s\"");
    assert_ne!(unhurried, HOME.1);
    let setup = Setup::of(&site)
        .flows(&[(HOME.0, unhurried.as_str())])
        .with("LD_PRELOAD", library)
        .with("FAKETIME_TIMESTAMP_FILE", shown.to_str().expect("a path"))
        .with("FAKETIME_NO_CACHE", "1")
        // Nobody sets that one.
        .with("DONT_FAKE_MONOTONIC", "1")
        .with("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let siaga = setup.run().await;
    siaga.until("website", "operational", SOON).await;
    // Put right, and at once something fails.
    set("+0");
    site.faults(json!([{ "kind": "error", "status": 503 }]))
        .await;
    siaga.until("website", "outage", SOON).await;
    site.heal().await;
    siaga.until("website", "operational", SOON).await;
    let outages = siaga.outages("website").await;
    assert_eq!(outages.len(), 1, "{outages:?}");
    let time = |name: &str| {
        let text = outages[0][name].as_str().expect("a time");
        text.parse::<jiff::Timestamp>().expect("a time")
    };
    let (began, ended) = (time("began_at"), time("ended_at"));
    assert!(began <= ended, "{outages:?}");
    let metrics = siaga.page("/metrics").await;
    assert!(
        metrics.contains("siaga_clock_findings_total{finding=\"set\"} 1"),
        "{metrics}"
    );
    let log = siaga.process.log();
    assert!(log.contains("the clock was set back"), "{log}");
    // Ahead by a day, and back again.
    set("+24h");
    site.faults(json!([{ "kind": "error", "status": 503 }]))
        .await;
    siaga.until("website", "outage", SOON).await;
    set("+0");
    site.heal().await;
    siaga.until("website", "operational", SOON).await;
    assert_eq!(siaga.outages("website").await.len(), 2);
    tokio::time::timeout(Duration::from_secs(1), siaga.get("/healthz"))
        .await
        .expect("it answers");
}
