//! Names of flows and steps in both languages, and what history knows a step by.

mod file;
mod kept;
mod shown;

use siaga::domain::{BilingualName, Moment, Outcome, RunReport, StepName};

use crate::harness::run;

/// A run of the flow `extension` whose one step speaks for `upload`, called `id` and `en`, and
/// known by a key where one is given.
fn named_run(started_at: Moment, key: &str, [id, en]: [&str; 2], outcome: Outcome) -> RunReport {
    let mut report = run(started_at).step(en, "upload", outcome).done();
    report.name = BilingualName::new("Perpanjangan izin tinggal", "Stay-permit extension");
    for step in &mut report.steps {
        step.name = StepName::new(key, BilingualName::new(id, en));
    }
    report
}
