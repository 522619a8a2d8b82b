//! The flows that come with Siaga, on both engines against the rehearsal site and its faults.

use std::time::Duration;

use siaga::domain::{Engine, Outcome, RunReport};
use siaga::probe::definition::Flow;
use siaga::probe::flow_file;
use siaga::probe::runner::Target;
use siaga::rehearsal::{Fault, Kind, Rehearsal};

use super::{Bench, message, same};
use crate::harness::probing::{probes, rehearsed};

async fn start() -> (Rehearsal, Target, Bench) {
    let (rehearsal, target, tools) = rehearsed().await;
    let mut bench = Bench::new();
    bench.tools.mailbox = tools.mailbox;
    (rehearsal, target, bench)
}

/// A flow of the folder, in which nothing is slow: how busy this machine is says nothing.
fn load(key: &str) -> Flow {
    let mut flow = flow_file::open(&probes().join(format!("{key}.toml")), None).unwrap();
    for step in &mut flow.steps {
        step.slow = None;
    }
    flow
}

/// The flow, but this step waits in vain for a short time only. The others keep their time.
fn in_vain_at(mut flow: Flow, name: &str) -> Flow {
    let mut steps = flow.steps.iter_mut();
    let step = steps.find(|step| step.name.en() == name).unwrap();
    step.timeout = Duration::from_secs(10);
    if let Some(mail) = &mut step.mail {
        mail.within = Duration::from_secs(2);
    }
    flow
}

/// The first step that failed: its outcome, component and name, and what was said.
fn failed(report: &RunReport) -> String {
    let mut steps = report.steps.iter().filter(|step| !step.cleanup);
    let step = steps.find(|step| matches!(step.outcome, Outcome::Failed(_)));
    step.map_or("none".to_owned(), |step| {
        let detail = step.outcome.detail().unwrap_or_default();
        let name = step.name.en();
        format!("{detail} of {}, {name}: {}", step.component, message(step))
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_flow_passes_on_both_engines() {
    let (rehearsal, target, bench) = start().await;
    for (key, turn) in [
        ("public-pages", 0),
        ("tracking", 0),
        ("extension", 0),
        // Over the limit: refused, rightly, and the flow goes on.
        ("extension", 4),
        ("front-end", 0),
    ] {
        let flow = load(key);
        let http = bench.run(Engine::Http, &flow, &target, turn).await;
        let browser = bench.run(Engine::Browser, &flow, &target, turn).await;
        for report in [&http, &browser] {
            assert_eq!(report.outcome, Outcome::Passed, "{report:#?}");
        }
        if key == "front-end" {
            // What needs a browser is left out, and its component with it.
            let names: Vec<&str> = http.steps.iter().map(|step| step.name.en()).collect();
            let plain = ["Sign in", "Begin an extension", "Withdraw the application"];
            assert_eq!(names, plain);
            assert!(
                http.steps
                    .iter()
                    .all(|step| step.component.as_str() != "tracking")
            );
            assert_eq!(browser.steps.len(), 5);
            continue;
        }
        let of = |report: &RunReport| {
            report
                .rung
                .as_ref()
                .map(|rung| (rung.accepted, rung.allowed))
        };
        assert_eq!(of(&http), of(&browser), "{http:#?}\n{browser:#?}");
        if turn == 4 {
            assert_eq!(of(&http), Some((false, false)));
        }
        let words = |report: &RunReport| -> Vec<String> {
            // The page's script sends documents, and follows the redirect unseen.
            let told = report
                .steps
                .iter()
                .map(|step| match step.component.as_str() {
                    "upload" => super::told(step).replace("redirects 1", "redirects 0"),
                    _ => super::told(step),
                });
            told.collect()
        };
        assert_eq!(words(&http), words(&browser));
    }
    rehearsal.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_faults_of_the_site_are_the_same_on_both_engines() {
    let (rehearsal, target, bench) = start().await;
    let session = Fault::from(Kind::SessionLost {}).at("/web/extension/*");
    let above_bytes = 500_000;
    for (key, fault, turn, at, found) in [
        (
            "extension",
            session,
            0,
            "Begin an extension",
            "session_lost of application",
        ),
        (
            "extension",
            Kind::UploadRefused { above_bytes }.into(),
            3,
            "Upload the passport page",
            "upload_refused of upload",
        ),
        (
            "extension",
            Kind::UploadHangs { at_percent: 50 }.into(),
            0,
            "Upload the passport page",
            "timeout of upload",
        ),
        (
            "extension",
            Kind::DraftLost {}.into(),
            0,
            "Hand in",
            "content of application",
        ),
        (
            "extension",
            Kind::MailMissing {}.into(),
            0,
            "The payment notice arrives",
            "mail_missing of notification",
        ),
        (
            "public-pages",
            Kind::ErrorWith200 {}.into(),
            0,
            "Home page",
            "error_page of website",
        ),
    ] {
        rehearsal.faults().set(vec![fault.clone()]);
        let flow = in_vain_at(load(key), at);
        for engine in [Engine::Http, Engine::Browser] {
            let report = bench.run(engine, &flow, &target, turn).await;
            let failed = failed(&report);
            assert!(
                failed.starts_with(&format!("{found}, {at}: ")),
                "{fault:?} on {engine}: {failed}: {report:#?}"
            );
        }
    }
    rehearsal.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_front_end_breaks_only_what_needs_it() {
    let (rehearsal, target, bench) = start().await;
    let front = in_vain_at(load("front-end"), "The timeline is drawn");
    let plain = load("public-pages");
    for (kind, found) in [
        (Kind::Script {}, "script of tracking"),
        (Kind::MissingBundle {}, "script of tracking"),
        // Nothing says why the page waits.
        (Kind::EndlessSpinner {}, "content of tracking"),
    ] {
        rehearsal.faults().set(vec![kind.clone().into()]);
        let http = bench.run(Engine::Http, &front, &target, 0).await;
        assert_eq!(http.outcome, Outcome::Passed, "{kind:?}: {http:#?}");
        let browser = bench.run(Engine::Browser, &front, &target, 0).await;
        let failed = failed(&browser);
        assert!(failed.starts_with(found), "{kind:?}: {failed}");
    }
    let extension = in_vain_at(load("extension"), "Upload the passport page");
    // The scripts still wait, so nothing was sent, and nothing is said of what the site takes.
    let report = bench.run(Engine::Browser, &extension, &target, 0).await;
    let failed = failed(&report);
    assert!(failed.starts_with("content of upload"), "{failed}");
    assert_eq!(report.rung, None);
    rehearsal.faults().clear();
    let (one, other) = (
        bench.run(Engine::Http, &plain, &target, 0).await,
        bench.run(Engine::Browser, &plain, &target, 0).await,
    );
    same(&one, &other);
    rehearsal.stop().await;
}
