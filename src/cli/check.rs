//! `siaga check`: one run of one flow, by hand.
//!
//! Secrets and variables come from the environment under the names that the flow uses;
//! `SIAGA_MAILBOX` (`imaps://user:password@host/`) is where its mails arrive.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use url::Url;

use crate::domain::run::StepReport;
use crate::domain::{Engine, Outcome, RunReport};
use crate::http_client::HttpClients;
use crate::probe::definition::{Flow, Role};
use crate::probe::error_pages::ErrorPages;
use crate::probe::evidence::EvidenceStore;
use crate::probe::flow_file;
use crate::probe::mailbox::ImapMailbox;
use crate::probe::politeness::Politeness;
use crate::probe::runner::{Occasion, Target, Tools, run_flow};
use crate::system::{SystemClock, SystemRandom};
use crate::toml_reader::Problem;

/// Ends of a check, as exit codes.
const PASSED: u8 = 0;
const FAILED: u8 = 1;
const BAD_FILE: u8 = 2;
const INCONCLUSIVE: u8 = 3;

/// Runs one flow once: exit 0 passed, 1 failed, 2 bad file, 3 inconclusive.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The flow file.
    #[arg(value_name = "FLOW.toml")]
    pub flow: PathBuf,
    /// The site's address, e.g. https://permits.example/; of a control flow, the address that is surely up.
    #[arg(long, env = "SIAGA_SITE")]
    pub site: Url,
    /// What runs the flow.
    #[arg(long, default_value = "http", value_parser = engine)]
    pub engine: Engine,
    /// Print the whole record as JSON in place of a line a step.
    #[arg(long)]
    pub json: bool,
    /// Keep evidence of failures in this folder.
    #[arg(long, value_name = "DIR")]
    pub evidence: Option<PathBuf>,
    /// Which rung of the flow's ladder to try, counted from 0.
    #[arg(long, default_value_t = 0)]
    pub rung: usize,
    /// Trust the certificates in this PEM file besides the public ones.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Where the site's owner learns who we are; sent in the User-Agent.
    #[arg(long, env = "SIAGA_CONTACT")]
    pub contact: Option<String>,
}

fn engine(text: &str) -> Result<Engine, String> {
    text.parse()
        .map_err(|_| "there are two engines: http and browser".to_owned())
}

/// Carries out the command.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let flow = flow_file::open(&args.flow, None);
    let error_pages = error_pages(&args.flow);
    let (flow, error_pages) = match (flow, error_pages) {
        (Ok(flow), Ok(error_pages)) => (flow, error_pages),
        (flow, error_pages) => {
            let problems = flow.err().into_iter().chain(error_pages.err()).flatten();
            return bad_file(problems);
        }
    };
    if args.engine == Engine::Browser {
        writeln!(
            io::stderr(),
            "The browser engine is not built in yet; use --engine http."
        )?;
        return Ok(ExitCode::from(INCONCLUSIVE));
    }
    let target = target(&flow, &args.site);
    let tools = tools(&args, error_pages)?;
    let json = args.json;
    let mut on_step = |step: &StepReport| {
        if !json {
            // A reader that went away is no reason to leave drafts on the site.
            let _ = writeln!(io::stdout(), "{}", line(step));
        }
    };
    let occasion = Occasion {
        turn: args.rung,
        stop: None,
        on_step: &mut on_step,
    };
    let report = run_flow(&flow, &target, &tools, occasion).await;
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        writeln!(out, "{}", summary(&report))?;
        for step in &report.steps {
            for piece in &step.evidence {
                let (start, sha256) = (&piece.sha256[..2], &piece.sha256);
                let folder = args.evidence.as_deref().unwrap_or(Path::new("")).display();
                writeln!(
                    out,
                    "  {} of \"{}\": {folder}/{start}/{sha256}",
                    piece.kind, step.name
                )?;
            }
        }
    }
    Ok(ExitCode::from(match report.outcome {
        Outcome::Passed | Outcome::Slow => PASSED,
        Outcome::Failed(_) => FAILED,
        Outcome::NotReached | Outcome::Inconclusive(_) => INCONCLUSIVE,
    }))
}

fn bad_file(problems: impl Iterator<Item = Problem>) -> anyhow::Result<ExitCode> {
    let mut err = io::stderr().lock();
    for problem in problems {
        writeln!(err, "{problem}")?;
    }
    Ok(ExitCode::from(BAD_FILE))
}

/// The patterns beside the flow file, if there are any.
fn error_pages(flow: &Path) -> Result<ErrorPages, Vec<Problem>> {
    let path = flow.with_file_name(flow_file::ERROR_PAGES);
    match std::fs::read_to_string(&path) {
        Ok(text) => ErrorPages::load(&text, &path.display().to_string()),
        Err(_) => Ok(ErrorPages::default()),
    }
}

fn target(flow: &Flow, site: &Url) -> Target {
    let environment = |names: &[String]| -> BTreeMap<String, String> {
        names
            .iter()
            .filter_map(|name| Some((name.clone(), std::env::var(name).ok()?)))
            .collect()
    };
    Target {
        site: site.clone(),
        hosts: flow.hosts.iter().cloned().collect::<BTreeSet<_>>(),
        controls: if flow.role == Role::Control {
            vec![site.clone()]
        } else {
            Vec::new()
        },
        variables: environment(&flow.variables),
        secrets: environment(&flow.needs),
        vantage: "here".to_owned(),
        time_zone: jiff::tz::TimeZone::fixed(jiff::tz::offset(7)),
    }
}

fn tools(args: &Args, error_pages: ErrorPages) -> anyhow::Result<Tools> {
    let mut roots = Vec::new();
    if let Some(path) = &args.ca {
        let pem = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        roots.push(pem);
    }
    let mailbox = match std::env::var("SIAGA_MAILBOX") {
        Ok(url) => Some(Arc::new(ImapMailbox::parse(&url).context("SIAGA_MAILBOX")?)),
        Err(_) => None,
    };
    let evidence = match &args.evidence {
        Some(folder) => Some(EvidenceStore::open(folder)?),
        None => None,
    };
    Ok(Tools {
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        http: Arc::new(HttpClients::new(args.contact.as_deref(), &roots)?),
        mailbox,
        evidence,
        error_pages: Arc::new(error_pages),
        politeness: Arc::new(Politeness::default()),
    })
}

/// One step, one line.
fn line(step: &StepReport) -> String {
    let mark = match step.outcome {
        Outcome::Passed | Outcome::Slow => "✓",
        Outcome::Failed(_) => "✗",
        Outcome::NotReached | Outcome::Inconclusive(_) => "–",
    };
    let component = if step.cleanup {
        "(cleanup)"
    } else {
        step.component.as_str()
    };
    let took = match step.outcome {
        Outcome::NotReached => "not reached".to_owned(),
        Outcome::Slow => format!("{} ms, slow", step.took_ms),
        _ => format!("{} ms", step.took_ms),
    };
    let mut line = format!("{mark} {:<40} {component:<14} {took:>11}", step.name);
    if let Some(message) = &step.message {
        line.push_str("  ");
        if let Some(detail) = step.outcome.detail() {
            line.push_str(&format!("{detail}: "));
        }
        line.push_str(message);
    }
    line.trim_end().to_owned()
}

/// The run in one sentence.
fn summary(report: &RunReport) -> String {
    let steps = || report.steps.iter().filter(|step| !step.cleanup);
    let passed = steps()
        .filter(|s| matches!(s.outcome, Outcome::Passed | Outcome::Slow))
        .count();
    let seconds = report.ended_at.since(report.started_at).as_secs_f64();
    let how = match (
        report.outcome,
        steps().find(|step| step.outcome == report.outcome),
    ) {
        (Outcome::Failed(fault), Some(step)) => {
            format!("failed at \"{}\" ({}): {fault}", step.name, step.component)
        }
        (Outcome::Inconclusive(why), step) => {
            let message = step.and_then(|step| step.message.as_deref());
            format!("inconclusive: {why}: {}", message.unwrap_or_default())
        }
        (outcome, _) => outcome.as_str().to_owned(),
    };
    let mut line = format!(
        "{}: {how}; {passed} of {} steps passed in {seconds:.1} s",
        report.name,
        steps().count()
    );
    let left = report.steps.iter().filter(|step| step.cleanup);
    let left = left.filter(|step| step.outcome.detail().is_some()).count();
    if left > 0 {
        line.push_str("; cleanup failed, so something may be left on the site");
    }
    if let Some(rung) = &report.rung {
        let verb = if rung.accepted { "takes" } else { "refuses" };
        line.push_str(&format!(
            "; the site {verb} a {} of {} bytes",
            rung.kind, rung.size
        ));
        if !rung.accepted && !rung.allowed {
            line.push_str(", rightly");
        }
    }
    line
}
