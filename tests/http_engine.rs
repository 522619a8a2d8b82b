//! Flows over plain HTTP: against servers written by hand that misbehave, and against the
//! rehearsal site.

mod applicants;
mod as_browsers;
mod command;
mod forms;
mod hostile;
mod large_pages;
mod rehearsed;
mod runs;
mod scheduled;
mod secrets;
pub(crate) mod server;
mod strangers;

use siaga::domain::{Outcome, RunReport};
use siaga::probe::definition::Flow;
use siaga::probe::flow_file;
use siaga::probe::runner::{Occasion, Target, Tools, run_flow};
use siaga::toml_reader::Source;

/// A flow with this text after its head.
fn flow(steps: &str) -> Flow {
    let text = format!("name = \"F\"\nevery = \"1s\"\n{steps}");
    flow_file::read(&Source::new("f.toml", text), "f", None).unwrap_or_else(|p| panic!("{p:#?}"))
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
        format!("{mark}{}: {}", step.name.en(), word(step.outcome))
    });
    steps.collect()
}

fn word(outcome: Outcome) -> String {
    match outcome.detail() {
        Some(detail) => format!("{} {detail}", outcome.as_str()),
        None => outcome.as_str().to_owned(),
    }
}
