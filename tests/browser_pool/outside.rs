//! Drivers that others run, by their address.

use axum::Json;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::{Value, json};
use siaga::domain::Outcome;
use siaga::probe::browser::{Sandbox, WebDriver};

use super::{PASSES, STALLS, World, opens_nothing, ours};
use crate::harness::browser::Driver;
use crate::harness::eventually;
use crate::harness::processes::{SOON, client};

async fn sessions(driver: &Driver) -> Vec<Value> {
    let asked = client()
        .get(format!("{}/sessions", driver.url))
        .send()
        .await;
    let answer: Value = asked.unwrap().json().await.unwrap();
    answer["value"].as_array().unwrap().clone()
}

async fn has_no_session(driver: &Driver) {
    eventually("the session is closed", SOON, || async {
        sessions(driver).await.is_empty()
    })
    .await;
}

async fn world(url: &str) -> World {
    World::with(|settings| {
        settings.webdriver = WebDriver::Remote(url.parse().unwrap());
        // What runs elsewhere runs as root too, here.
        settings.sandbox = Sandbox::Disabled;
    })
    .await
}

#[tokio::test]
async fn a_session_elsewhere_is_closed_whatever_became_of_the_run() {
    let driver = Driver::start().await;
    let world = world(&driver.url).await;
    let report = world.run(PASSES).await;
    assert_eq!(report.outcome, Outcome::Passed, "{report:#?}");
    has_no_session(&driver).await;
    let report = world.run(STALLS).await;
    assert!(matches!(report.outcome, Outcome::Failed(_)), "{report:#?}");
    has_no_session(&driver).await;
    world.asked.notified().await;
    // Dropped in the middle.
    tokio::select! {
        report = world.run(STALLS) => panic!("it stalls: {report:#?}"),
        () = world.asked.notified() => assert_eq!(sessions(&driver).await.len(), 1),
    }
    world.browsers.rest(SOON).await;
    has_no_session(&driver).await;
    assert_eq!(world.run(PASSES).await.outcome, Outcome::Passed);
    has_no_session(&driver).await;
    world.is_clean(&[]).await;
}

#[tokio::test]
async fn a_driver_elsewhere_that_is_gone_costs_one_run() {
    let driver = Driver::start().await;
    let url = driver.url.clone();
    drop(driver);
    let world = world(&url).await;
    let report = world.run(PASSES).await;
    assert!(ours(&report).contains("no browser starts"));
    opens_nothing(vec![report]).await;
    world.is_clean(&[]).await;
}

#[tokio::test]
async fn a_session_that_is_refused_is_told_with_its_reason() {
    let refuse = || async {
        let why = json!({ "error": "session not created", "message": "no slot is free" });
        (
            StatusCode::INTERNAL_SERVER_ERROR,
            Json(json!({ "value": why })),
        )
    };
    let router = axum::Router::new().route("/wd/hub/session", post(refuse));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/wd/hub/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let world = world(&url).await;
    let report = world.run(PASSES).await;
    let message = ours(&report);
    assert!(message.contains("no slot is free"), "{message}");
    world.is_clean(&[]).await;
}
