//! Flows over plain HTTP: against servers written by hand that misbehave, and against the
//! rehearsal site.

mod command;
mod forms;
mod hostile;
mod rehearsed;
mod runs;
mod scheduled;
mod secrets;
pub(crate) mod server;
mod strangers;

use std::collections::BTreeMap;
use std::sync::Arc;

use siaga::domain::{Outcome, RunReport};
use siaga::http_client::HttpClients;
use siaga::probe::definition::Flow;
use siaga::probe::error_pages::ErrorPages;
use siaga::probe::flow_file;
use siaga::probe::politeness::Politeness;
use siaga::probe::runner::{Occasion, Target, Tools, run_flow};
use siaga::system::{SystemClock, SystemRandom};
use siaga::toml_reader::Source;
use url::Url;

/// A flow with this text after its head.
fn flow(steps: &str) -> Flow {
    let text = format!("name = \"F\"\nevery = \"1s\"\n{steps}");
    flow_file::read(&Source::new("f.toml", text), "f", None).unwrap_or_else(|p| panic!("{p:#?}"))
}

fn target(site: &str) -> Target {
    Target {
        site: Url::parse(site).unwrap(),
        hosts: Default::default(),
        controls: Vec::new(),
        variables: BTreeMap::new(),
        secrets: BTreeMap::new(),
        vantage: "test".to_owned(),
        time_zone: jiff::tz::TimeZone::UTC,
    }
}

fn tools() -> Tools {
    Tools {
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        http: Arc::new(HttpClients::new(Some("https://watch.example/"), &[]).unwrap()),
        mailbox: None,
        browsers: None,
        evidence: None,
        error_pages: Arc::new(ErrorPages::default()),
        politeness: Arc::new(Politeness::default()),
    }
}

async fn run(flow: &Flow, target: &Target, tools: &Tools) -> RunReport {
    run_turn(flow, target, tools, 0).await
}

async fn run_turn(flow: &Flow, target: &Target, tools: &Tools, turn: usize) -> RunReport {
    let occasion = Occasion {
        turn,
        stop: None,
        on_step: &mut |_| {},
    };
    run_flow(flow, target, tools, occasion).await
}

/// Each step's outcome, cleanup marked.
fn outcomes(report: &RunReport) -> Vec<String> {
    let steps = report.steps.iter().map(|step| {
        let mark = if step.cleanup { "cleanup " } else { "" };
        format!("{mark}{}: {}", step.name, word(step.outcome))
    });
    steps.collect()
}

fn word(outcome: Outcome) -> String {
    match outcome.detail() {
        Some(detail) => format!("{} {detail}", outcome.as_str()),
        None => outcome.as_str().to_owned(),
    }
}
