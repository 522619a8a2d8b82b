//! Both engines against the rehearsal site and its faults, through the detector to the page.

use std::sync::Arc;

use siaga::detect::Detector;
use siaga::domain::diagnosis::{Cause, Diagnosis, Layer};
use siaga::domain::history::Outage;
use siaga::domain::outage::Rules;
use siaga::domain::run::AssetKind;
use siaga::domain::{Fault as Class, Moment, Outcome, RunReport};
use siaga::probe::browser::Browsers;
use siaga::probe::definition::Flow;
use siaga::probe::flow_file;
use siaga::probe::runner::{Occasion, Target, Tools, run_flow, run_in_browser};
use siaga::rehearsal::{Fault, Kind, Rehearsal};
use siaga::store::{Store, outages, vantages};
use siaga::system::{SystemClock, SystemRandom};

use crate::harness::probing::{browsers_in, probes, rehearsed};
use crate::harness::{SeededRandom, folder, on_sqlite};

/// Everything that both engines need against a rehearsal site of their own.
struct Stage {
    site: Rehearsal,
    target: Target,
    tools: Tools,
    flow: Flow,
    _folder: tempfile::TempDir,
}

async fn stage() -> Stage {
    let (site, target, mut tools) = rehearsed().await;
    let folder = folder();
    let browsers = browsers_in(folder.path());
    tools.browsers = Some(Browsers::open(browsers, Arc::new(SystemRandom)).unwrap());
    let mut flow = flow_file::open(&probes().join("extension.toml"), None).unwrap();
    // Of what comes after the documents nothing is asked here.
    let documents = flow.steps.iter().position(|step| step.name.en() == UPLOAD);
    flow.steps.truncate(documents.unwrap() + 1);
    Stage {
        site,
        target,
        tools,
        flow,
        _folder: folder,
    }
}

const UPLOAD: &str = "Upload the passport page";

impl Stage {
    async fn run(&self, in_browser: bool) -> RunReport {
        let occasion = Occasion {
            turn: 0,
            stop: None,
            on_step: &mut |_| {},
        };
        if in_browser {
            run_in_browser(&self.flow, &self.target, &self.tools, occasion).await
        } else {
            run_flow(&self.flow, &self.target, &self.tools, occasion).await
        }
    }

    /// Both engines, each twice, as the scheduler tries again; gives the newest browser run
    /// and the outages.
    async fn judged(&self, store: &Store) -> (RunReport, Vec<Outage>) {
        let detector = Detector::new(
            store.clone(),
            Rules::default(),
            jiff::tz::TimeZone::UTC,
            Vec::new(),
            Arc::new(SystemClock),
            SeededRandom::shared(7),
        );
        let mut newest = None;
        let mut number = vantages::claim_start(store, "test").await.unwrap();
        for in_browser in [true, false, true, false] {
            let mut report = self.run(in_browser).await;
            // A browser that does not start on a busy machine costs a run, here as everywhere.
            for _ in 0..3 {
                if !matches!(report.outcome, Outcome::Inconclusive(_)) {
                    break;
                }
                report = self.run(in_browser).await;
            }
            number = number.next();
            report.number = number;
            detector.record(report.clone()).await.unwrap();
            if in_browser {
                newest = Some(report);
            }
        }
        let found = store.read(|mut conn| {
            Box::pin(
                async move { outages::touching(&mut conn, Moment(0), Moment(i64::MAX), 100).await },
            )
        });
        (newest.unwrap(), found.await.unwrap())
    }
}

fn of<'o>(outages: &'o [Outage], component: &str) -> &'o Outage {
    let found = outages
        .iter()
        .find(|one| one.component.as_str() == component);
    found.unwrap_or_else(|| panic!("no outage of {component}: {outages:#?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_bundle_is_named_as_the_front_ends_fault() {
    on_sqlite(|db| async move {
        let stage = stage().await;
        stage
            .site
            .faults()
            .set(vec![Fault::from(Kind::MissingBundle {})]);
        let (report, outages) = stage.judged(&db.store).await;
        assert_eq!(
            report.outcome,
            Outcome::Failed(Class::Script),
            "{report:#?}"
        );
        assert_eq!(report.rung, None, "nothing was refused");
        let outage = of(&outages, "upload");
        assert_eq!(outages.len(), 1, "{outages:#?}");
        let Some(Diagnosis::FrontEnd { step, cause }) = &outage.diagnosis else {
            panic!("{outage:#?}");
        };
        assert_eq!(step, UPLOAD);
        let Some(Cause::MissingAsset(asset)) = cause else {
            panic!("{cause:?}");
        };
        assert_eq!(asset.kind, AssetKind::Script);
        assert_eq!(asset.path, "/assets/app.5b0c7d12.js");
        assert_eq!(asset.status, Some(404));
        let failed = report.steps.iter().find(|step| step.name.en() == UPLOAD);
        let message = failed.and_then(|step| step.message.clone()).unwrap();
        assert!(
            message.contains("/assets/app.5b0c7d12.js` answers 404"),
            "{message}"
        );
        stage.site.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_that_throws_is_quoted_to_staff() {
    on_sqlite(|db| async move {
        let stage = stage().await;
        stage.site.faults().set(vec![Fault::from(Kind::Script {})]);
        let (report, outages) = stage.judged(&db.store).await;
        assert_eq!(
            report.outcome,
            Outcome::Failed(Class::Script),
            "{report:#?}"
        );
        let outage = of(&outages, "upload");
        let Some(Diagnosis::FrontEnd {
            cause: Some(Cause::ScriptError(error)),
            ..
        }) = &outage.diagnosis
        else {
            panic!("{outage:#?}");
        };
        assert!(error.message.starts_with("TypeError: "), "{error:?}");
        let (path, line) = error.source.rsplit_once(':').unwrap();
        assert!(path.starts_with("/assets/app."), "{error:?}");
        // The line is that of the script where it throws.
        let script = include_str!("../../src/rehearsal/app.js");
        let line = script.lines().nth(line.parse::<usize>().unwrap() - 1);
        assert!(line.unwrap().contains("texts."), "{error:?}: {line:?}");
        stage.site.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_page_for_both_engines_is_the_servers_fault() {
    on_sqlite(|db| async move {
        let stage = stage().await;
        let mut fault = Fault::from(Kind::Error { status: 500 });
        fault.path = Some("/web/extension/*/documents".to_owned());
        stage.site.faults().set(vec![fault]);
        let (report, outages) = stage.judged(&db.store).await;
        assert_eq!(
            report.outcome,
            Outcome::Failed(Class::ErrorPage),
            "{report:#?}"
        );
        assert_eq!(outages.len(), 1, "{outages:#?}");
        let diagnosis = outages[0].diagnosis.as_ref();
        let Some(Diagnosis::Server { step }) = diagnosis else {
            panic!("{outages:#?}");
        };
        assert_eq!(*step, outages[0].step);
        stage.site.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_that_is_gone_is_the_networks_fault() {
    on_sqlite(|db| async move {
        let mut stage = stage().await;
        let address = stage.target.site.clone();
        stage.site.stop().await;
        stage.site = self::stage().await.site;
        stage.target.site = address;
        let (report, outages) = stage.judged(&db.store).await;
        assert_eq!(
            report.outcome,
            Outcome::Failed(Class::Connect),
            "{report:#?}"
        );
        let found = of(&outages, "sign-in").diagnosis.clone();
        let layer = Layer::Connect;
        assert_eq!(found, Some(Diagnosis::Network { layer }));
        stage.site.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_front_end_that_works_leaves_nothing_to_be_told() {
    on_sqlite(|db| async move {
        let stage = stage().await;
        let (report, outages) = stage.judged(&db.store).await;
        assert_eq!(report.outcome, Outcome::Passed, "{report:#?}");
        assert!(outages.is_empty(), "{outages:#?}");
        stage.site.stop().await;
    })
    .await;
}
