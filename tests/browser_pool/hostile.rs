//! Pages that are made to break browsers.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use siaga::domain::{Clock as _, Fault, Outcome};
use siaga::system::SystemClock;
use tokio::sync::Notify;

use super::World;
use crate::harness::processes::Site;

const STEPS: &str = r#"
[[step]]
name = "a"
component = "website"
visit = "/"
timeout = "5s"
expect = { status = 200, text = "Perpanjang izin tinggal" }
"#;
/// The step's limit, starting and ending a browser, and ours.
const BOUND: Duration = Duration::from_secs(25);

async fn meets(kind: &str, expected: impl Fn(Outcome) -> bool) {
    let site = Site::start().await;
    let world = World::of(&site.url(), Arc::new(Notify::new()), |_| {});
    site.faults(json!([{ "kind": kind, "path": "/" }])).await;
    let start = SystemClock.monotonic();
    let report = world.run(STEPS).await;
    let took = SystemClock.monotonic() - start;
    assert!(expected(report.outcome), "{report:#?}");
    assert!(took < BOUND, "{took:?}");
    world.is_clean(&[]).await;
    site.heal().await;
    let next = world.run(STEPS).await;
    assert_eq!(next.outcome, Outcome::Passed, "{next:#?}");
    world.is_clean(&[]).await;
}

fn is(outcome: Outcome, faults: &[Fault]) -> bool {
    matches!(outcome, Outcome::Failed(fault) if faults.contains(&fault))
}

#[tokio::test]
async fn an_endless_loop_is_the_pages_fault() {
    meets("endless_loop", |outcome| {
        is(outcome, &[Fault::Timeout, Fault::Script])
    })
    .await;
}

#[tokio::test]
async fn boxes_one_after_the_other_are_the_pages_fault() {
    meets("alert_loop", |outcome| is(outcome, &[Fault::Script])).await;
}

#[tokio::test]
async fn windows_one_after_the_other_are_the_pages_fault_or_blocked() {
    meets("window_loop", |outcome| {
        outcome == Outcome::Passed || is(outcome, &[Fault::Script])
    })
    .await;
}

#[tokio::test]
async fn a_page_of_a_gibibyte_is_the_pages_fault() {
    meets("huge", |outcome| {
        is(outcome, &[Fault::Content, Fault::Timeout])
    })
    .await;
}

#[tokio::test]
async fn a_page_that_never_ends_is_the_pages_fault() {
    meets("endless", |outcome| {
        is(outcome, &[Fault::Content, Fault::Timeout])
    })
    .await;
}
