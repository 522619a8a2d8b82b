//! One step language, two engines: the same flows over plain HTTP and in a real browser, with
//! the same outcomes, the same requests at the site, and the same captures.

mod actions;
mod captured;
mod cleaned;
mod downgrade;
mod files;
mod pressed;
mod refused;
mod rehearsed;
mod scripted;
mod shown;
mod site;
mod targets;
mod waits;

use std::sync::Arc;

use siaga::domain::run::StepReport;
use siaga::domain::{Engine, Outcome, RunReport};
use siaga::probe::browser::{Browsers, Settings, WebDriver};
use siaga::probe::definition::Flow;
use siaga::probe::flow_file;
use siaga::probe::runner::{Occasion, Target, Tools, run_flow, run_in_browser};
use siaga::system::SystemRandom;
use siaga::toml_reader::Source;
use url::Url;

use crate::harness::{folder, probing};
use crate::http_engine::server::Server;

/// What became of a step, where that is not this outcome, or not in these words.
fn unlike(report: &RunReport, name: &str, outcome: &str, words: &str) -> Option<String> {
    let step = step(report, name);
    let detail = step.outcome.detail().unwrap_or_default();
    let found = format!("{} {detail}", step.outcome.as_str());
    let message = message(step);
    (found.trim() != outcome || !message.contains(words))
        .then(|| format!("{name} on {}: {found}: {message}", report.engine))
}

/// A flow with this text after its head.
pub(crate) fn flow(steps: &str) -> Flow {
    let head = "name = \"F\"\nevery = { http = \"1m\", browser = \"1m\" }\ntimeout = \"10m\"\n";
    let source = Source::new("f.toml", format!("{head}{steps}"));
    flow_file::read(&source, "f", None).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// What runs need, with browsers in a folder that goes away with the value.
pub(crate) struct Bench {
    tools: Tools,
    folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let (folder, mut tools) = (folder(), probing::tools());
        let mut settings = probing::browsers_in(folder.path());
        settings.user_agent = tools.applicants.user_agent().to_owned();
        change(&mut settings);
        tools.browsers = Some(Browsers::open(settings, Arc::new(SystemRandom)).unwrap());
        tools.error_pages = probing::error_pages();
        Bench { tools, folder }
    }

    pub(crate) async fn run(
        &self,
        engine: Engine,
        flow: &Flow,
        target: &Target,
        turn: usize,
    ) -> RunReport {
        let occasion = Occasion {
            turn,
            stop: None,
            on_step: &mut |_| {},
        };
        match engine {
            Engine::Http => run_flow(flow, target, &self.tools, occasion).await,
            Engine::Browser => run_in_browser(flow, target, &self.tools, occasion).await,
        }
    }

    async fn in_browser(&self, flow: &Flow, target: &Target) -> RunReport {
        self.run(Engine::Browser, flow, target, 0).await
    }
}

/// A remote driver: one that we are not told runs on this machine.
fn remote(settings: &mut Settings, address: &str) {
    settings.webdriver = WebDriver::Remote(Url::parse(address).unwrap());
}

/// A step's name and outcome, and what else both engines must agree on.
fn told(step: &StepReport) -> String {
    let mark = if step.cleanup { "cleanup " } else { "" };
    let detail = step.outcome.detail().unwrap_or_default();
    let outcome = step.outcome.as_str();
    // Of a failed step, a browser's log may come a little late.
    let redirects = matches!(step.outcome, Outcome::Passed).then_some(step.redirects);
    format!(
        "{mark}{}: {outcome} {detail} redirects {}",
        step.name.en(),
        redirects.unwrap_or_default()
    )
}

/// The status and the address that a step ended at, without the port.
fn place(step: &StepReport) -> Option<(Option<u16>, String)> {
    let url = Url::parse(step.final_url.as_deref()?).ok()?;
    let query = url.query().map(|query| format!("?{query}"));
    let place = format!("{}{}", url.path(), query.unwrap_or_default());
    Some((step.status, place))
}

pub(crate) fn message(step: &StepReport) -> &str {
    step.message.as_deref().unwrap_or_default()
}

pub(crate) fn step<'r>(report: &'r RunReport, name: &str) -> &'r StepReport {
    let mut steps = report.steps.iter();
    steps
        .find(|step| step.name.en() == name)
        .unwrap_or_else(|| panic!("no step {name}: {report:#?}"))
}

/// What the site received, as far as both engines must send the same: what a browser asks
/// for besides is left out.
fn received(server: &Server) -> Vec<String> {
    let seen = server.seen();
    let seen = seen.iter().filter(|request| {
        let path = request.path();
        path != "/favicon.ico" && !path.starts_with("/part/")
    });
    seen.map(|request| {
        let kind = request.header("content-type").unwrap_or_default();
        let (kind, boundary) = kind.split_once("; boundary=").unwrap_or((kind, "\0"));
        let body = String::from_utf8_lossy(&request.body).replace(boundary, "BOUNDARY");
        let body = match body.len() {
            0..3000 => body,
            _ => format!(
                "{} bytes, {:?}",
                body.len(),
                body.chars().take(300).collect::<String>()
            ),
        };
        format!("{} {} {kind} {body}", request.method(), request.path())
    })
    .collect()
}

/// Asserts that two runs say the same of every step.
fn same(http: &RunReport, browser: &RunReport) {
    let words = |report: &RunReport| report.steps.iter().map(told).collect::<Vec<_>>();
    assert_eq!(words(http), words(browser), "{http:#?}\n{browser:#?}");
    for (plain, real) in http.steps.iter().zip(&browser.steps) {
        // What only changes fields is no new page over plain HTTP.
        if let Some(place_of) = place(plain) {
            assert_eq!(Some(place_of), place(real), "{plain:#?}\n{real:#?}");
        }
        let pattern = |step: &StepReport| step.error_page.as_ref()?.pattern.clone();
        assert_eq!(pattern(plain), pattern(real), "{plain:#?}\n{real:#?}");
        assert_eq!(
            plain.message.is_some(),
            real.message.is_some(),
            "{plain:#?}\n{real:#?}"
        );
    }
}
