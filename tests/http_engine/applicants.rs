//! Each run is a first visit, whether its client is new or served another run before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use siaga::domain::Outcome;

use super::server::{Request, Server, answer, keeping, redirect};
use super::{flow, run};
use crate::harness::probing::{target, tools};

const STEP: &str = "[[step]]\nname = \"a\"\ncomponent = \"web\"\nvisit = \"/\"\n";

/// A server that gives everybody a cookie; its home page has moved where `moved` says so.
async fn server(moved: &Arc<AtomicBool>) -> Server {
    let moved = Arc::clone(moved);
    keeping(move |request| match request.path() {
        "/" if moved.load(Ordering::Relaxed) => redirect("/new"),
        _ => answer(
            "200 OK",
            "Content-Type: text/html\r\nSet-Cookie: s=1\r\n",
            "hello",
        ),
    })
    .await
}

/// Of each request its path, its cookie, and whether it came on the connection of the one
/// before it.
fn told(requests: &[Request]) -> Vec<String> {
    let mut last = 0;
    let told = requests.iter().map(|request| {
        let kept = request.connection == std::mem::replace(&mut last, request.connection);
        let cookie = request.header("cookie").unwrap_or("-");
        let connection = if kept { "kept" } else { "new" };
        format!("{} {cookie} {connection}", request.path())
    });
    told.collect()
}

#[tokio::test]
async fn runs_share_neither_cookies_nor_connections() {
    let (moved, tools) = (Arc::default(), tools());
    let server = server(&moved).await;
    let (once, twice) = (
        flow(STEP),
        flow(&format!("{STEP}{}", STEP.replace("\"a", "\"b"))),
    );
    for _ in 0..4 {
        let report = run(&once, &target(&server.url), &tools).await;
        assert_eq!(report.outcome, Outcome::Passed);
    }
    assert_eq!(told(&server.seen()), vec!["/ - new"; 4]);

    // From the second such run on it is known that connections are worth keeping.
    for _ in 0..3 {
        let report = run(&twice, &target(&server.url), &tools).await;
        assert_eq!(report.outcome, Outcome::Passed);
    }
    let seen = told(&server.seen()).split_off(4);
    let (first, others) = (["/ - new", "/ s=1 new"], ["/ - new", "/ s=1 kept"]);
    assert_eq!(seen, [first, others, others].concat());
}

#[tokio::test]
async fn a_page_that_moves_is_asked_for_over_one_connection_again() {
    let (moved, tools) = (Arc::<AtomicBool>::default(), tools());
    let (server, once) = (server(&moved).await, flow(STEP));
    let target = target(&server.url);
    for moves in [false, false, true, true, false, false] {
        moved.store(moves, Ordering::Relaxed);
        let report = run(&once, &target, &tools).await;
        assert_eq!(report.outcome, Outcome::Passed);
    }
    let asked = ["/ - new", "/ - new"];
    let moved = ["/ - new", "/new - new", "/ - new", "/new - kept"];
    assert_eq!(told(&server.seen()), [&asked[..], &moved, &asked].concat());
}

#[tokio::test]
async fn a_run_that_failed_says_nothing_of_the_next() {
    let (moved, tools) = (Arc::default(), tools());
    let server = server(&moved).await;
    let text = format!("{STEP}expect = {{ text = \"bye\" }}\n");
    let (fails, twice) = (
        flow(&text),
        flow(&format!("{STEP}{}", STEP.replace("\"a", "\"b"))),
    );
    run(&fails, &target(&server.url), &tools).await;
    run(&twice, &target(&server.url), &tools).await;
    assert_eq!(told(&server.seen()), ["/ - new", "/ - new", "/ s=1 kept"]);
}
