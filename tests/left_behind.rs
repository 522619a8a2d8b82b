//! What failures leave behind: that it is taken, that nothing of anybody's is in it, and
//! that those who may see it do.

mod drawn;
mod folder;
mod masked;
mod shown;
mod taken;

use std::sync::Arc;

use axum::Router;
use axum::response::Html;
use siaga::domain::RunReport;
use siaga::domain::run::{EvidenceRef, StepReport};
use siaga::evidence::EvidenceStore;
use siaga::probe::browser::Browsers;
use siaga::probe::definition::Flow;
use siaga::probe::flow_file;
use siaga::probe::runner::{Occasion, Target, Tools, run_flow, run_in_browser};
use siaga::rehearsal::{Fault, Rehearsal};
use siaga::system::SystemRandom;
use siaga::toml_reader::Source;

use crate::harness::folder;
use crate::harness::probing::{self, error_pages, probes, target, tools};

/// A site, what runs over it need, and a folder for what they leave.
struct Scene {
    target: Target,
    tools: Tools,
    store: EvidenceStore,
    folder: tempfile::TempDir,
}

impl Scene {
    fn of(site: &str) -> Scene {
        let folder = folder();
        let store = EvidenceStore::open(folder.path().join("evidence")).unwrap();
        let mut tools = tools();
        let browsers = probing::browsers_in(folder.path());
        tools.browsers = Some(Browsers::open(browsers, Arc::new(SystemRandom)).unwrap());
        tools.evidence = Some(store.clone());
        tools.error_pages = error_pages();
        Scene {
            target: target(site),
            tools,
            store,
            folder,
        }
    }

    async fn in_browser(&self, flow: &Flow) -> RunReport {
        let mut on_step = |_: &StepReport| {};
        run_in_browser(flow, &self.target, &self.tools, occasion(&mut on_step)).await
    }

    async fn over_http(&self, flow: &Flow) -> RunReport {
        let mut on_step = |_: &StepReport| {};
        run_flow(flow, &self.target, &self.tools, occasion(&mut on_step)).await
    }

    async fn bytes(&self, piece: &EvidenceRef) -> Vec<u8> {
        self.store.read(&piece.sha256).await.unwrap().unwrap()
    }

    /// The piece of this kind that the run's failed step left.
    async fn piece(&self, report: &RunReport, kind: &str) -> Vec<u8> {
        let pieces = report.steps.iter().flat_map(|step| &step.evidence);
        let piece = pieces.clone().find(|piece| piece.kind == kind);
        self.bytes(piece.unwrap_or_else(|| panic!("no {kind} in {report:#?}")))
            .await
    }

    async fn text(&self, report: &RunReport, kind: &str) -> String {
        String::from_utf8(self.piece(report, kind).await).unwrap()
    }
}

fn occasion(on_step: &mut (dyn FnMut(&StepReport) + Send)) -> Occasion<'_> {
    Occasion {
        turn: 3,
        stop: None,
        on_step,
    }
}

/// The kinds of what the run's failed step left.
fn kinds(report: &RunReport) -> Vec<&str> {
    let pieces = report.steps.iter().flat_map(|step| &step.evidence);
    pieces.map(|piece| piece.kind.as_str()).collect()
}

fn flow(steps: &str) -> Flow {
    let text = format!("name = \"F\"\nevery = \"1s\"\n{steps}");
    flow_file::read(&Source::new("f.toml", text), "f", None).unwrap_or_else(|p| panic!("{p:#?}"))
}

/// The rehearsal site with these faults, and the test account.
async fn rehearsed(faults: Vec<Fault>) -> (Rehearsal, Scene) {
    let (rehearsal, target, _) = probing::rehearsed().await;
    rehearsal.faults().set(faults);
    let mut scene = Scene::of(target.site.as_str());
    scene.target = target;
    (rehearsal, scene)
}

/// The journey up to the upload.
fn journey() -> Flow {
    let mut flow = flow_file::open(&probes().join("extension.toml"), None).unwrap();
    flow.steps.truncate(6);
    flow
}

/// A site that shows one page, whatever is asked for.
async fn one_page(html: &'static str) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let router = Router::new().fallback(move || async move { Html(html) });
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}
