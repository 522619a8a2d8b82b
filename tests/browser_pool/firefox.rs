//! Firefox, where it and its driver are installed (Debian has no package of the driver).

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::response::Html;
use axum::routing::get;
use siaga::domain::Outcome;
use siaga::probe::browser::{WebDriver, find};
use siaga::probe::flow_file;
use siaga::probe::runner::{Occasion, run_in_browser};

use super::{BOUND, Inhabitant, World};
use crate::harness::probing::{probes, rehearsed};

/// Where the driver is; `None` where it or Firefox is not installed.
#[allow(clippy::print_stderr, reason = "what is left out is said")]
fn installed() -> Option<PathBuf> {
    let programs = ["geckodriver", "firefox"].map(|name| find(name.as_ref()));
    let [Some(driver), Some(_)] = programs else {
        eprintln!("left out: geckodriver or firefox is not installed");
        return None;
    };
    Some(driver)
}

fn world(site: &str) -> Option<World> {
    let driver = installed()?;
    Some(World::of(site, Arc::default(), |settings| {
        settings.webdriver = WebDriver::Own(driver);
    }))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_flows_that_come_with_siaga_pass_in_firefox() {
    let (_rehearsal, target, mut tools) = rehearsed().await;
    let Some(world) = world(target.site.as_str()) else {
        return;
    };
    tools.browsers = Some(world.browsers.clone());
    for name in ["extension.toml", "front-end.toml"] {
        let flow = flow_file::open(&probes().join(name), None).unwrap();
        let occasion = Occasion {
            turn: 0,
            stop: None,
            on_step: &mut |_| {},
        };
        let report = run_in_browser(&flow, &target, &tools, occasion).await;
        let passed = matches!(report.outcome, Outcome::Passed | Outcome::Slow);
        assert!(passed, "{report:#?}");
    }
    world.is_clean(&[]).await;
}

/// A page tries to reach another server of this machine.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_firefox_reaches_no_host_but_the_flows() {
    let serve = async |router: axum::Router| {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    };
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let other = serve(axum::Router::new().fallback(move || {
        count.fetch_add(1, Ordering::SeqCst);
        async { "here" }
    }))
    .await;
    let page = format!(
        "<title>Beranda</title><p id=said></p><img src='http://{other}/a'>\
         <img src='http://localhost:{}/b'><script>fetch('http://{other}/c', {{mode: 'no-cors'}})\
         .then(() => said.textContent = 'reached', () => said.textContent = 'walled')</script>",
        other.port()
    );
    let site = serve(axum::Router::new().route("/", get(|| async { Html(page) }))).await;
    let Some(world) = world(&format!("http://{site}/")) else {
        return;
    };
    let steps = "[[step]]\nname = \"a\"\ncomponent = \"website\"\nvisit = \"/\"\nwait = \"10s\"\n\
        expect = { text = \"walled\" }\n";
    let report = world.run(steps).await;
    assert_eq!(report.outcome, Outcome::Passed, "{report:#?}");
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    world.is_clean(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_firefox_that_is_killed_costs_one_run() {
    let Some(driver) = installed() else {
        return;
    };
    let world = World::with(|settings| settings.webdriver = WebDriver::Own(driver)).await;
    let (report, took, there) = world
        .meanwhile(|there| {
            let is_browser = |one: &&Inhabitant| {
                one.name.starts_with("firefox") && !one.line.contains("-contentproc")
            };
            let browsers: Vec<_> = there.iter().filter(is_browser).collect();
            assert_eq!(browsers.len(), 1, "{there:#?}");
            browsers[0].signal("KILL");
        })
        .await;
    assert!(
        matches!(report.outcome, Outcome::Inconclusive(_)),
        "{report:#?}"
    );
    assert!(took < BOUND, "{took:?}");
    world.recovers(&there).await;
}
