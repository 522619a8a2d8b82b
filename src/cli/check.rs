//! `siaga check`: one run of one flow, by hand.
//!
//! Site, variables, secrets and mailbox come from the configuration where one is named. Else
//! secrets and variables come from the environment under the names that the flow uses, and
//! `SIAGA_MAILBOX` (`imaps://user:password@host/`) is where its mails arrive.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use url::Url;

use crate::config::{Config, Environment};
use crate::domain::run::StepReport;
use crate::domain::{Engine, Outcome, RunReport};
use crate::http_client::HttpClients;
use crate::probe::browser::{self, Browsers};
use crate::probe::definition::{Flow, Role};
use crate::probe::error_pages::ErrorPages;
use crate::probe::evidence::EvidenceStore;
use crate::probe::flow_file;
use crate::probe::mailbox::ImapMailbox;
use crate::probe::politeness::Politeness;
use crate::probe::runner::{Occasion, Target, Tools, run_flow, run_in_browser};
use crate::system::{SystemClock, SystemRandom};
use crate::toml_reader::Problem;

/// Ends of a check, as exit codes.
const PASSED: u8 = 0;
const FAILED: u8 = 1;
const BAD_FILE: u8 = 2;
const INCONCLUSIVE: u8 = 3;

/// Run one flow once: exit 0 passed, 1 failed, 2 bad file, 3 inconclusive.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The flow file.
    #[arg(value_name = "FLOW.toml")]
    pub flow: PathBuf,
    /// The site's address, e.g. https://permits.example/; of a control flow, the address that is surely up.
    #[arg(long)]
    pub site: Option<Url>,
    /// The configuration; without it, `--site` must be given.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What runs the flow.
    #[arg(long, default_value = "http", value_parser = engine)]
    pub engine: Engine,
    /// Show the browser.
    #[arg(long)]
    pub headed: bool,
    /// Pause so many milliseconds before each action in the browser.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub slow_mo: u64,
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
    let environment = Environment::of_process();
    let config = match args
        .config
        .as_deref()
        .map(|path| Config::open(path, &environment))
    {
        Some(Ok(config)) => Some(config),
        Some(Err(problems)) => return bad_file(problems.into_iter()),
        None => None,
    };
    let variables = config.as_ref().map(Config::variable_names);
    let flow = flow_file::open(&args.flow, variables.as_ref());
    let error_pages = error_pages(&args.flow);
    let (flow, error_pages) = match (flow, error_pages) {
        (Ok(flow), Ok(error_pages)) => (flow, error_pages),
        (flow, error_pages) => {
            let problems = flow.err().into_iter().chain(error_pages.err()).flatten();
            return bad_file(problems);
        }
    };
    let Some(target) = target(&flow, &args, config.as_ref())? else {
        writeln!(
            io::stderr(),
            "Which site? Give --site URL or --config FILE."
        )?;
        return Ok(ExitCode::from(BAD_FILE));
    };
    let tools = tools(&args, config.as_ref(), error_pages)?;
    let json = args.json;
    let left_out = flow.steps.iter().chain(&flow.cleanup);
    let left_out: Vec<String> = left_out
        .filter(|step| !step.runs_on(args.engine))
        .map(|step| format!("\"{}\"", step.name))
        .collect();
    if !json && !left_out.is_empty() {
        let names = left_out.join(", ");
        writeln!(
            io::stdout(),
            "Left out, for they need --engine browser: {names}"
        )?;
    }
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
    let report = match args.engine {
        Engine::Http => run_flow(&flow, &target, &tools, occasion).await,
        Engine::Browser => run_in_browser(&flow, &target, &tools, occasion).await,
    };
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

/// What the flow is run against; `None` where nothing names a site.
fn target(flow: &Flow, args: &Args, config: Option<&Config>) -> anyhow::Result<Option<Target>> {
    let Some(site) = args.site.clone().or_else(|| Some(config?.site.url.clone())) else {
        return Ok(None);
    };
    let mut secrets = BTreeMap::new();
    for name in &flow.needs {
        let value = match config {
            Some(config) => config
                .secrets
                .get(name)?
                .map(|secret| secret.reveal().to_owned()),
            None => std::env::var(name).ok(),
        };
        secrets.extend(value.map(|value| (name.clone(), value)));
    }
    let from_environment = || {
        let variable = |name: &String| Some((name.clone(), std::env::var(name).ok()?));
        flow.variables.iter().filter_map(variable).collect()
    };
    let controls = match (&args.site, config) {
        (None, Some(config)) => config.controls.clone(),
        _ if flow.role == Role::Control => vec![site.clone()],
        _ => Vec::new(),
    };
    Ok(Some(Target {
        site,
        hosts: match config {
            Some(config) => config.site.hosts.iter().cloned().collect(),
            None => flow.hosts.iter().cloned().collect(),
        },
        controls,
        variables: config.map_or_else(from_environment, |config| config.variables.clone()),
        secrets,
        vantage: config
            .map_or("here", |config| &config.probe.vantage)
            .to_owned(),
        // Where nothing else is said: western Indonesia.
        time_zone: config.map_or_else(
            || jiff::tz::TimeZone::fixed(jiff::tz::offset(7)),
            |config| config.site.zone.clone(),
        ),
    }))
}

fn tools(args: &Args, config: Option<&Config>, error_pages: ErrorPages) -> anyhow::Result<Tools> {
    let mut roots = Vec::new();
    let certificates = config.map_or(&[][..], |config| &config.probe.certificates);
    for path in args.ca.iter().chain(certificates) {
        let pem = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        roots.push(pem);
    }
    let mailbox = match config {
        Some(config) => config
            .mailbox
            .url
            .as_ref()
            .map(|url| url.reveal().to_owned()),
        None => std::env::var("SIAGA_MAILBOX").ok(),
    };
    let mailbox = match mailbox {
        Some(url) => Some(Arc::new(ImapMailbox::parse(&url)?)),
        None => None,
    };
    let evidence = match &args.evidence {
        Some(folder) => Some(EvidenceStore::open(folder)?),
        None => None,
    };
    let contact = args.contact.as_deref();
    let contact = contact.or_else(|| config.map(|config| config.probe.contact.as_str()));
    let http = Arc::new(HttpClients::new(contact, &roots)?);
    let browsers = match args.engine {
        Engine::Http => None,
        Engine::Browser => {
            let folder = std::env::temp_dir().join("siaga-browsers");
            let mut settings = browser::Settings::new(folder, http.user_agent());
            settings.headed = args.headed;
            settings.pause = Duration::from_millis(args.slow_mo);
            Some(Browsers::open(settings, Arc::new(SystemRandom))?)
        }
    };
    Ok(Tools {
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        http,
        browsers,
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
    if left > 0 && passed > 0 {
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
