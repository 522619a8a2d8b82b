//! The flows that come with Siaga, against the rehearsal site and its faults.

use std::time::Duration;

use siaga::domain::Outcome;
use siaga::probe::definition::Flow;
use siaga::probe::flow_file;
use siaga::probe::recording;
use siaga::rehearsal::{Fault, Kind};
use siaga::toml_reader::Source;

use super::{run, run_turn, word};
use crate::harness::probing::{probes, rehearsed};

fn load(key: &str) -> Flow {
    flow_file::open(&probes().join(format!("{key}.toml")), None).unwrap()
}

#[tokio::test]
async fn every_flow_passes() {
    let (rehearsal, mut target, tools) = rehearsed().await;
    target.controls = vec![target.site.clone()];
    for key in ["public-pages", "tracking", "controls", "extension"] {
        let report = run(&load(key), &target, &tools).await;
        assert_eq!(report.outcome, Outcome::Passed, "{report:#?}");
        assert!(
            report
                .steps
                .iter()
                .all(|step| step.outcome == Outcome::Passed),
            "{report:#?}"
        );
    }
    // Over the limit a refusal is right, and the flow goes on.
    let report = run_turn(&load("extension"), &target, &tools, 4).await;
    assert_eq!(report.outcome, Outcome::Passed, "{report:#?}");
    let rung = report.rung.unwrap();
    assert!(!rung.accepted && !rung.allowed, "{rung:?}");
    rehearsal.stop().await;
}

#[tokio::test]
async fn what_only_breaks_scripts_breaks_no_flow_without_them() {
    let (rehearsal, target, tools) = rehearsed().await;
    for kind in [
        Kind::Script {},
        Kind::MissingBundle {},
        Kind::EndlessSpinner {},
        Kind::EndlessLoop {},
        Kind::Alert {},
        Kind::AlertLoop {},
        Kind::WindowLoop {},
    ] {
        rehearsal.faults().set(vec![Fault::from(kind.clone())]);
        let report = run(&load("extension"), &target, &tools).await;
        assert_eq!(report.outcome, Outcome::Passed, "{kind:?}: {report:#?}");
    }
    rehearsal.stop().await;
}

#[tokio::test]
async fn a_recorded_journey_passes_once_imported() {
    let (rehearsal, mut target, tools) = rehearsed().await;
    // What the recording was made with was left out of the flow.
    for (name, value) in [
        ("PROBE_NIK", "3174000000000001"),
        ("PROBE_PHONE", "+62 812 0000 0000"),
        ("PROBE_PHONE_2", "021 5550 1234"),
        ("PROBE_PASSPORT", "UTO0000000"),
    ] {
        target.secrets.insert(name.to_owned(), value.to_owned());
    }
    let recording = include_str!("../recordings/extension.json");
    let translation = recording::translate(recording, &recording::Options::default()).unwrap();
    let source = Source::new("recorded.toml", translation.toml);
    let flow = flow_file::read(&source, "recorded", None).unwrap();
    assert_eq!(flow.needs, translation.needs);
    let report = run(&flow, &target, &tools).await;
    assert_eq!(report.outcome, Outcome::Passed, "{report:#?}");
    assert_eq!(report.steps.len(), flow.steps.len());

    // It is the site that it watches: where uploads are refused, it fails at the upload.
    let refused = Kind::UploadRefused { above_bytes: 1000 };
    rehearsal.faults().set(vec![Fault::from(refused)]);
    let report = run(&flow, &target, &tools).await;
    let failed = report
        .steps
        .iter()
        .find(|step| step.outcome != Outcome::Passed);
    let failed = failed.expect("a step fails");
    assert_eq!(failed.component.as_str(), "upload", "{failed:#?}");
    rehearsal.stop().await;
}

#[tokio::test]
async fn every_fault_of_the_site_is_told_for_what_it_is() {
    let (rehearsal, target, tools) = rehearsed().await;
    let mut pages = load("public-pages");
    for kind in [Kind::Huge {}, Kind::Endless {}, Kind::GzipBomb {}] {
        rehearsal.faults().set(vec![Fault::from(kind.clone())]);
        let report = run(&pages, &target, &tools).await;
        let step = &report.steps[0];
        assert_eq!(
            word(step.outcome),
            "failed content",
            "{kind:?}: {:?}",
            step.message
        );
    }
    pages.steps[0].timeout = Duration::from_secs(2);
    for (kind, found) in [
        (Kind::Late { delay_ms: 5_000 }, "failed timeout"),
        (Kind::Reset {}, "failed connect"),
        (Kind::Error { status: 500 }, "failed error_page"),
        (Kind::Error { status: 502 }, "failed error_page"),
        (Kind::Error { status: 503 }, "failed error_page"),
        (Kind::YellowPage {}, "failed error_page"),
        (Kind::ErrorWith200 {}, "failed error_page"),
        (Kind::Maintenance {}, "failed error_page"),
        (Kind::Blank {}, "failed error_page"),
        (Kind::Captcha {}, "inconclusive blocked"),
        (Kind::Redirects {}, "failed status"),
        (Kind::LyingLength { by: 100 }, "failed connect"),
    ] {
        rehearsal.faults().set(vec![Fault::from(kind.clone())]);
        let report = run(&pages, &target, &tools).await;
        let step = &report.steps[0];
        assert_eq!(word(step.outcome), found, "{kind:?}: {:?}", step.message);
    }
    // A site takes a moment to stop listening, and to listen again.
    rehearsal.faults().set(vec![Kind::Refuse {}.into()]);
    crate::harness::eventually("the site refuses", Duration::from_secs(5), || async {
        word(run(&pages, &target, &tools).await.outcome) == "failed connect"
    })
    .await;
    rehearsal.faults().clear();
    crate::harness::eventually("the site is back", Duration::from_secs(5), || async {
        run(&pages, &target, &tools).await.outcome == Outcome::Passed
    })
    .await;
    rehearsal.stop().await;
}

#[tokio::test]
async fn faults_in_the_middle_of_the_flow_are_told_of_their_component() {
    let (rehearsal, target, tools) = rehearsed().await;
    let mut extension = load("extension");
    for step in &mut extension.steps {
        // The one that hangs is the only one that is to wait in vain.
        if step.name.en() == "Upload the passport page" {
            step.timeout = Duration::from_secs(10);
        }
        if let Some(mail) = &mut step.mail {
            mail.within = Duration::from_millis(500);
        }
    }
    let session = Fault::from(Kind::SessionLost {}).at("/web/extension/*");
    for (fault, turn, component, found) in [
        (session, 0, "application", "failed session_lost"),
        (
            Kind::UploadRefused {
                above_bytes: 500_000,
            }
            .into(),
            3,
            "upload",
            "failed upload_refused",
        ),
        (
            Kind::UploadHangs { at_percent: 50 }.into(),
            0,
            "upload",
            "failed timeout",
        ),
        (
            Kind::DraftLost {}.into(),
            0,
            "application",
            "failed content",
        ),
        (
            Kind::MailMissing {}.into(),
            0,
            "notification",
            "failed mail_missing",
        ),
    ] {
        rehearsal.faults().set(vec![fault.clone()]);
        let report = run_turn(&extension, &target, &tools, turn).await;
        let failed = report
            .steps
            .iter()
            .find(|step| matches!(step.outcome, Outcome::Failed(_)));
        let failed = failed.unwrap_or_else(|| panic!("{fault:?} was not seen"));
        assert_eq!(
            word(failed.outcome),
            found,
            "{fault:?}: {:?}",
            failed.message
        );
        assert_eq!(failed.component.as_str(), component, "{fault:?}");
    }
    rehearsal.stop().await;
}
