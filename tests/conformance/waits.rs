//! Waiting is looking, and not loading anew: on both engines, with `reload` and without.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use siaga::domain::{Engine, Fault, Outcome, Why};

use crate::harness::probing::target;
use crate::http_engine::server::{Server, page, plain};

use super::{Bench, flow, message, step};

/// A script draws the answer so long after the page was loaded, without asking for anything.
const LATE: &str = "<button id=open type=button onclick='dialog.hidden = false'>Buka</button>\
    <div id=dialog hidden><input id=x><button id=go type=button onclick='setTimeout(() => { \
    out.textContent = `Tersimpan ${x.value}` }, 6500)'>Simpan</button></div><p id=out></p>";

/// A page that becomes another one when it is loaded for the third time.
async fn site() -> Server {
    let loaded = Arc::new(AtomicUsize::new(0));
    plain(move |request| match request.path() {
        "/late" => page(LATE),
        "/third" => page(match loaded.fetch_add(1, Ordering::SeqCst) % 3 {
            2 => "<h1>Selesai</h1>",
            _ => "<h1>Diproses</h1>",
        }),
        _ => page("<h1>Beranda</h1>"),
    })
    .await
}

fn loads(site: &Server, path: &str) -> usize {
    let lines = site.lines();
    lines
        .iter()
        .filter(|line| **line == format!("GET {path}"))
        .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_script_draws_late_is_awaited_on_the_page_as_it_is() {
    let (bench, site) = (Bench::new(), site().await);
    let flow = flow(
        r##"
        [[step]]
        name = "Open"
        component = "application"
        visit = "/late"
        click = "#open"
        expect = { css = "#dialog:not([hidden])" }
        [[step]]
        name = "Save"
        component = "application"
        fill = { "#x" = "uji" }
        click = "#go"
        wait = "20s"
        expect = { text = "Tersimpan uji" }
        "##,
    );
    let report = bench.in_browser(&flow, &target(&site.url)).await;
    assert_eq!(report.outcome, Outcome::Passed, "{report:#?}");
    assert_eq!(loads(&site, "/late"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_is_loaded_anew_where_the_step_says_how_often() {
    let (bench, site) = (Bench::new(), site().await);
    let third = |keys: &str| {
        flow(&format!(
            "[[step]]\nname = \"a\"\ncomponent = \"payment\"\nvisit = \"/third\"\n{keys}\n\
             expect = {{ text = \"Selesai\" }}\n"
        ))
    };
    let mut before = 0;
    for engine in [Engine::Http, Engine::Browser] {
        let waiting = third("wait = \"20s\"\nreload = \"1s\"");
        assert!(waiting.advice.is_empty(), "{:?}", waiting.advice);
        let report = bench.run(engine, &waiting, &target(&site.url), 0).await;
        assert_eq!(report.outcome, Outcome::Passed, "{report:#?}");
        assert_eq!(loads(&site, "/third") - before, 3, "{engine}");
        before += 3;
    }
    for engine in [Engine::Http, Engine::Browser] {
        let report = bench
            .run(engine, &third("wait = \"7s\""), &target(&site.url), 0)
            .await;
        // Over plain HTTP nothing could come of it: that says nothing of the site.
        let outcome = match engine {
            Engine::Http => Outcome::Inconclusive(Why::NotConfigured),
            Engine::Browser => Outcome::Failed(Fault::Content),
        };
        let step = step(&report, "a");
        assert_eq!(step.outcome, outcome, "{engine}: {report:#?}");
        assert!(
            message(step).contains("`reload = \"10s\"` beside it does"),
            "{}",
            message(step)
        );
        assert_eq!(loads(&site, "/third") - before, 1, "{engine}");
        before += 1;
    }
    // What a site breaks with is told all the same.
    let broken = flow(
        "[[step]]\nname = \"a\"\ncomponent = \"payment\"\nvisit = \"/third\"\nwait = \"5s\"\n\
         expect = { status = 204, text = \"Selesai\" }\n",
    );
    let report = bench
        .run(Engine::Http, &broken, &target(&site.url), 0)
        .await;
    assert_eq!(
        report.outcome,
        Outcome::Failed(Fault::Status),
        "{report:#?}"
    );
}

#[test]
fn a_flow_over_plain_http_is_asked_for_reload() {
    let waits = |every: &str, keys: &str| {
        let text = format!(
            "name = \"F\"\nevery = {every}\n[[step]]\nname = \"0\"\ncomponent = \"web\"\nvisit = \"/\"\n[[step]]\nname = \"a\"\ncomponent = \"web\"\n\
             visit = \"/\"\nwait = \"20s\"\n{keys}\n"
        );
        let source = siaga::toml_reader::Source::new("f.toml", text);
        siaga::probe::flow_file::read(&source, "f", None)
    };
    let asked = |every: &str, keys: &str| waits(every, keys).unwrap().advice;
    let both = "{ http = \"1m\", browser = \"10m\" }";
    let advice = asked(both, "expect = { text = \"x\" }");
    assert_eq!(advice.len(), 1);
    assert_eq!(advice[0].line, 11);
    assert!(
        advice[0].to_string().contains("reload = \"10s\""),
        "{}",
        advice[0]
    );
    assert_eq!(asked("\"1m\"", "capture = { x = 'a' }").len(), 1);
    for (every, keys) in [
        (both, "reload = \"10s\"\nexpect = { text = \"x\" }"),
        (both, "engine = \"browser\"\nexpect = { text = \"x\" }"),
        ("{ browser = \"10m\" }", "expect = { text = \"x\" }"),
        // A pause.
        (both, ""),
    ] {
        assert!(
            asked(every, keys).is_empty() || keys.contains("engine"),
            "{every} {keys}"
        );
    }
    for (keys, words) in [
        (
            "reload = \"30s\"\nexpect = { text = \"x\" }",
            "not below `wait`",
        ),
        (
            "reload = \"10ms\"\nexpect = { text = \"x\" }",
            "at least 1s",
        ),
        ("reload = \"often\"", "reload"),
    ] {
        let problems = waits(both, keys).unwrap_err();
        assert!(problems[0].to_string().contains(words), "{problems:?}");
    }
}
