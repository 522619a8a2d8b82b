//! What the browser tells of a page's own front end, and what is left out of it.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::get;
use serde_json::{Value, json};
use siaga::domain::run::{AssetKind, RunReport};
use siaga::domain::{Fault, Outcome};
use siaga::probe::browser::Browsers;
use siaga::probe::browser::console::Console;
use siaga::probe::flow_file;
use siaga::probe::runner::{Occasion, run_in_browser};
use siaga::system::SystemRandom;
use siaga::toml_reader::Source;

use crate::harness::folder;
use crate::harness::probing::{browsers_in, target, tools};

fn entry(source: &str, level: &str, message: &str) -> Value {
    json!({ "level": level, "message": message, "source": source, "timestamp": 1_786_000_000_123_i64 })
}

#[test]
fn lines_are_read_for_what_they_are() {
    let mut console = Console::default();
    console.read(&[
        entry(
            "javascript",
            "SEVERE",
            "http://h/app.js 81:12 Uncaught TypeError: a b",
        ),
        entry(
            "network",
            "SEVERE",
            "http://h/x.js - Failed to load resource: 404",
        ),
        entry("console-api", "INFO", "http://h/ 0:8 \"hello\""),
        entry("javascript", "SEVERE", "no address at all"),
        json!({ "level": 3 }),
        json!("nothing"),
    ]);
    let lines: Vec<_> = console
        .lines
        .iter()
        .map(|line| {
            (
                line.url.as_deref(),
                line.place,
                line.text.as_str(),
                line.is_uncaught(),
            )
        })
        .collect();
    assert_eq!(
        lines,
        [
            (
                Some("http://h/app.js"),
                Some((82, 13)),
                "Uncaught TypeError: a b",
                true
            ),
            (
                Some("http://h/x.js"),
                None,
                "Failed to load resource: 404",
                false
            ),
            (Some("http://h/"), Some((1, 9)), "\"hello\"", false),
            (None, None, "no address at all", true),
            (None, None, "", false),
            (None, None, "", false),
        ]
    );
    assert_eq!(console.lines[0].at, 1_786_000_000_123);
}

#[test]
fn a_console_that_never_stops_is_bounded() {
    let mut console = Console::default();
    let long = format!("http://h/ 0:0 {}", "é".repeat(100_000));
    for _ in 0..20 {
        let entries: Vec<Value> = (0..100)
            .map(|_| entry("console-api", "INFO", &long))
            .collect();
        console.read(&entries);
    }
    assert_eq!(console.lines.len(), 500);
    assert_eq!(console.forgotten, 1_500);
    assert!(console.lines.iter().all(|line| line.text.len() <= 2_000));
    let huge = json!([{ "message": format!("http://h/ {0}:{0} x", u64::MAX) }]);
    console = Console::default();
    console.read(huge.as_array().unwrap());
    assert_eq!(console.lines.len(), 1);
}

/// A site whose pages throw; `other` is its own address under another name, as a stranger's.
async fn site(other: impl Fn(u16) -> String) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let page = |body: String| {
        get(move || async move { Html(format!("<title>P</title><h1 id=here>P</h1>{body}")) })
    };
    let script = |text: &'static str| {
        get(move || async move { ([("content-type", "text/javascript")], text) })
    };
    let foreign = other(port);
    let router = Router::new()
        .route("/throws", page("<script>throw new Error('old')</script>".to_owned()))
        .route("/fine", page(String::new()))
        .route(
            "/broken",
            page(format!(
                "<script src='{foreign}/stranger.js'></script><script src='{foreign}/gone.js'></script>\
                 <link rel=stylesheet href=/gone.css><script src=/own.js></script>"
            )),
        )
        .route(
            "/unanswered",
            page(
                "<link rel=stylesheet href=/gone.css><script>addEventListener('load', async () => { \
                 const r = await fetch('/api/permits'); \
                 if (!r.ok) throw new Error('Invalid response') })</script>"
                    .to_owned(),
            ),
        )
        .route("/api/permits", get(|| async { StatusCode::BAD_GATEWAY }))
        .route("/stranger.js", script("throw new Error('a stranger')"))
        .route(
            "/own.js",
            script("\n\nthrow new Error('for s3cret-word\\u202e ' + 'x'.repeat(5000))"),
        );
    tokio::spawn(async move { axum::serve(listener, router).await });
    port
}

async fn run(port: u16, steps: &str) -> RunReport {
    let folder = folder();
    let settings = browsers_in(folder.path());
    let mut tools = tools();
    tools.browsers = Some(Browsers::open(settings, Arc::new(SystemRandom)).unwrap());
    let mut target = target(&format!("http://127.0.0.1:{port}/"));
    let secret = ("WORD".to_owned(), "s3cret-word".to_owned());
    target.secrets.extend([secret]);
    let text = format!("name = \"F\"\nevery = {{ browser = \"10m\" }}\n{steps}");
    let flow = flow_file::read(&Source::new("f.toml", text), "f", None);
    let flow = flow.unwrap_or_else(|problems| panic!("{problems:#?}"));
    let occasion = Occasion {
        turn: 0,
        stop: None,
        on_step: &mut |_| {},
    };
    run_in_browser(&flow, &target, &tools, occasion).await
}

fn step(name: &str, path: &str, css: &str) -> String {
    format!(
        "[[step]]\nname = \"{name}\"\ncomponent = \"website\"\nvisit = \"{path}\"\n\
         timeout = \"10s\"\nexpect = {{ css = \"{css}\" }}\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_site_threw_is_masked_and_cut_and_strangers_are_left_out() {
    let port = site(|port| format!("http://localhost:{port}")).await;
    let report = run(port, &step("Broken", "/broken", "#never")).await;
    let failed = &report.steps[0];
    assert_eq!(
        failed.outcome,
        Outcome::Failed(Fault::Script),
        "{failed:#?}"
    );
    let seen = failed.front_end.as_ref().unwrap();
    let error = seen.error.as_ref().unwrap();
    assert!(
        error.message.starts_with("Error: for •••WORD••• xxx"),
        "{error:?}"
    );
    assert!(error.message.chars().count() <= 161, "{error:?}");
    assert_eq!(error.source, "/own.js:3");
    let asset = seen.asset.as_ref().unwrap();
    assert_eq!(
        (asset.kind, asset.path.as_str()),
        (AssetKind::Style, "/gone.css")
    );
    assert_eq!(asset.status, Some(404));
    let message = failed.message.as_ref().unwrap();
    assert!(
        message.contains("stops with an error: Error: for •••WORD•••"),
        "{message}"
    );
    assert_eq!(failed.error_page, None, "it is the usual page");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_earlier_page_threw_is_no_fault_of_this_one() {
    let port = site(|port| format!("http://localhost:{port}")).await;
    let steps = [
        step("Throws", "/throws", "#here"),
        step("Fine", "/fine", "#never"),
    ];
    let report = run(port, &steps.concat()).await;
    assert_eq!(report.steps[0].outcome, Outcome::Passed, "{report:#?}");
    let failed = &report.steps[1];
    assert_eq!(
        failed.outcome,
        Outcome::Failed(Fault::Content),
        "{failed:#?}"
    );
    assert_eq!(failed.front_end, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_that_the_server_leaves_without_an_answer_is_not_at_fault() {
    let port = site(|port| format!("http://localhost:{port}")).await;
    let report = run(port, &step("Unanswered", "/unanswered", "#never")).await;
    let failed = &report.steps[0];
    let outcome = failed.outcome;
    assert_eq!(outcome, Outcome::Failed(Fault::Status), "{failed:#?}");
    let message = failed.message.as_ref().unwrap();
    for part in ["(`/api/permits`) answers 502", "Invalid response"] {
        assert!(message.contains(part), "{message}");
    }
}
