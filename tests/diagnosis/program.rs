//! The program itself: both engines on their own schedules, to the public page.

use serde_json::{Value, json};

use crate::harness::eventually;
use crate::harness::processes::{SOON, Setup, Siaga, Site};

/// The way of an applicant as far as the first document, at a quick pace on both engines.
fn flow() -> String {
    let whole = include_str!("../../probes/extension.toml");
    let steps = whole.match_indices("[[step]]").map(|(at, _)| at);
    let after = whole.find("Upload photo and guarantee");
    let after = after.expect("a step after the first document");
    let end = steps
        .take_while(|at| *at < after)
        .last()
        .expect("its begin");
    let quick = "every   = { http = \"2s\", browser = \"8s\" }\ntimeout = \"20s\"";
    let usual = "every   = { http = \"1m\", browser = \"10m\" }\ntimeout = \"90s\"";
    assert!(whole.contains(usual));
    whole[..end].replace(usual, quick)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_lost_its_script_is_told_from_a_server_that_fails() {
    let site = Site::start().await;
    // Chromium's sockets lie below it, and the path of a socket is short.
    let data = tempfile::Builder::new().prefix("s").tempdir();
    let data = data.expect("a folder");
    let setup = Setup::of(&site)
        .flows(&[("extension", flow().as_str())])
        .data(&data.path().join("d"));
    let mut siaga = setup.run().await;
    siaga.until("upload", "operational", SOON * 2).await;

    site.faults(json!([{ "kind": "missing_bundle" }])).await;
    siaga.until("upload", "outage", SOON * 2).await;
    let newest = || async {
        let outages = siaga.outages("upload").await;
        outages.into_iter().next().unwrap_or(Value::Null)
    };
    eventually("the front end is named", SOON * 2, || async {
        newest().await["diagnosis"]["is"] == "front_end"
    })
    .await;
    let outage = newest().await;
    let cause = &outage["diagnosis"]["cause"];
    assert_eq!(cause["path"], "/assets/app.5b0c7d12.js", "{outage}");
    assert_eq!(outage["fault"], "script", "{outage}");
    let id = outage["id"].as_str().expect("an id");
    let said = "/assets/app.5b0c7d12.js answered 404";
    let page = siaga.page(&format!("/en/outages/{id}")).await;
    assert!(page.contains(said), "{page}");
    let page = siaga.page(&format!("/id/outages/{id}")).await;
    assert!(page.contains("menjawab 404"), "{page}");
    let page = at_the_desk(&setup, &siaga, &format!("/en/duty/outages/{id}")).await;
    assert!(page.contains(said), "{page}");
    let detail = "In the browser: /assets/app.5b0c7d12.js: 404";
    assert!(page.contains(detail), "{page}");
    // Only what the script is for is down.
    assert_eq!(siaga.state("application").await, "operational");
    siaga.process.stop().await;
}

/// A page for staff, as a supervisor reads it.
async fn at_the_desk(setup: &Setup, siaga: &Siaga, path: &str) -> String {
    let (email, password) = ("duty@siaga.example", "a long enough password");
    let add = [
        "staff",
        "add",
        email,
        "--role",
        "supervisor",
        "--password-stdin",
    ];
    let (code, printed) = setup.command(&add, password);
    assert_eq!(code, Some(0), "{printed}");
    let signed_in = siaga
        .client
        .post(format!("{}/en/office/sign-in", siaga.url))
        .header("origin", &siaga.url)
        .form(&[("email", email), ("password", password)])
        .send()
        .await
        .expect("an answer");
    assert_eq!(signed_in.status(), 303);
    let cookie = signed_in.headers()["set-cookie"].to_str().expect("a text");
    let cookie = cookie.split(';').next().expect("a cookie").to_owned();
    let asked = siaga.client.get(format!("{}{path}", siaga.url));
    let answer = asked.header("cookie", cookie).send().await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status(), 200);
    answer.text().await.expect("a text")
}
