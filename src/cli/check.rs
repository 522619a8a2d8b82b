//! `siaga check`: one run of one flow, by hand.
//!
//! Site, variables, secrets and mailbox come from the configuration where one is named. Else
//! secrets and variables come from the environment under the names that the flow uses, and
//! `SIAGA_MAILBOX` (`imaps://user:password@host/`) is where its mails arrive.

mod folder;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::watch;
use url::Url;

use super::terminal;
use crate::app::{life, settings};
use crate::config::{self, BROWSER_WITHOUT_CERTIFICATE, Config, Environment};
use crate::domain::printable::one_line;
use crate::domain::run::StepReport;
use crate::domain::{Engine, Network, Outcome, RunReport};
use crate::http_client::HttpClients;
use crate::pictures::Drawer;
use crate::probe::applicants::Applicants;
use crate::probe::browser::{self, Browsers, Sandbox, WebDriver};
use crate::probe::definition::{Flow, Role};
use crate::probe::error_pages::ErrorPages;
use crate::probe::flow_file;
use crate::probe::mailbox::ImapMailbox;
use crate::probe::politeness::{Politeness, is_loopback};
use crate::probe::runner::{Occasion, Target, Tools, run_flow, run_in_browser};
use crate::system::{SystemClock, SystemRandom};
use crate::toml_reader::Problem;
use folder::Folder;

/// Ends of a check, as exit codes.
const PASSED: u8 = 0;
const FAILED: u8 = 1;
const BAD_FILE: u8 = 2;
const INCONCLUSIVE: u8 = 3;
/// As shells tell the end by Ctrl-C.
const ABORTED: i32 = 130;
/// How long a browser may take to be gone after its run.
const BROWSER_GONE_WITHIN: Duration = Duration::from_secs(10);

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
    /// Pause so long before each action in the browser: milliseconds, or a duration such as 2s.
    #[arg(long, value_name = "MS", default_value = "0", value_parser = pause)]
    pub slow_mo: Duration,
    /// Use the browser behind this WebDriver address, e.g. http://grid.example:4444.
    #[arg(long, value_name = "URL")]
    pub webdriver: Option<Url>,
    /// Print the whole record as JSON in place of a line a step.
    #[arg(long)]
    pub json: bool,
    /// Keep the run and evidence of failures in this folder; open its index.html.
    #[arg(long, value_name = "DIR")]
    pub evidence: Option<PathBuf>,
    /// Which rung of the flow's ladder to try, counted from 0.
    #[arg(long, default_value_t = 0)]
    pub rung: usize,
    /// Trust the certificates in this PEM file besides the public ones.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Let names lead to this network although it is not public, e.g. 10.0.0.0/8; may be repeated.
    #[arg(long, value_name = "NETWORK")]
    pub allow_private_network: Vec<Network>,
    /// Where the site's owner learns who we are; sent in the User-Agent.
    #[arg(long, env = "SIAGA_CONTACT")]
    pub contact: Option<String>,
}

fn engine(text: &str) -> Result<Engine, String> {
    text.parse()
        .map_err(|_| "there are two engines: http and browser".to_owned())
}

/// The longest pause before an action.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

fn pause(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.find(|c: char| c.is_ascii_alphabetic()) {
        Some(at) => text.split_at(at),
        None => (text, "ms"),
    };
    let scale = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        _ => f64::NAN,
    };
    let number: f64 = number.trim().parse().unwrap_or(f64::NAN);
    match Duration::try_from_secs_f64(number * scale) {
        Ok(pause) if pause <= LONGEST_PAUSE => Ok(pause),
        _ => Err(format!(
            "give milliseconds (500) or a duration (500ms, 2s) of at most {} s",
            LONGEST_PAUSE.as_secs()
        )),
    }
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
        (Ok(flow), Ok(error_pages)) => (unhurried(flow, args.slow_mo), error_pages),
        (flow, error_pages) => {
            let problems = flow.err().into_iter().chain(error_pages.err()).flatten();
            return bad_file(problems);
        }
    };
    for advice in &flow.advice {
        writeln!(terminal::stderr(), "note: {advice}")?;
    }
    let Some(target) = target(&flow, &args, config.as_ref())? else {
        writeln!(
            terminal::stderr(),
            "Which site? Give --site URL or --config FILE."
        )?;
        return Ok(ExitCode::from(BAD_FILE));
    };
    if let Some(cannot) = no_browser(&args, config.as_ref()) {
        writeln!(terminal::stderr(), "{cannot}")?;
        return Ok(ExitCode::from(INCONCLUSIVE));
    }
    let has_certificate = config
        .as_ref()
        .is_some_and(|config| config.probe.client_certificate.is_some());
    if has_certificate && args.engine == Engine::Browser {
        writeln!(terminal::stderr(), "note: {BROWSER_WITHOUT_CERTIFICATE}")?;
    }
    let folder = args.evidence.as_deref().map(Folder::open).transpose()?;
    let tools = tools(
        &args,
        config.as_ref(),
        &target.site,
        error_pages,
        folder.as_ref(),
    )?;
    let json = args.json;
    let left_out = flow.steps.iter().chain(&flow.cleanup);
    let left_out: Vec<String> = left_out
        .filter(|step| !step.runs_on(args.engine))
        .map(|step| format!("\"{}\"", step.name.en()))
        .collect();
    if !json && !left_out.is_empty() {
        let names = left_out.join(", ");
        writeln!(
            terminal::stdout(),
            "Left out, for they need --engine browser: {names}"
        )?;
    }
    let mut said = None;
    let mut on_step = |step: &StepReport| {
        if !json {
            // Why nothing is known is said once, and not for every step that shares it.
            let is_said = matches!(step.outcome, Outcome::Inconclusive(_)) && said == step.message;
            // A reader that went away is no reason to leave drafts on the site.
            let mut out = terminal::stdout();
            let _ = writeln!(out, "{}", line(step, is_said));
            let _ = out.flush();
            said.clone_from(&step.message);
        }
    };
    let occasion = Occasion {
        turn: args.rung,
        stop: Some(stopped_by_signals()?),
        on_step: &mut on_step,
    };
    let report = match args.engine {
        Engine::Http => run_flow(&flow, &target, &tools, occasion).await,
        Engine::Browser => run_in_browser(&flow, &target, &tools, occasion).await,
    };
    if let Some(browsers) = &tools.browsers {
        browsers.rest(BROWSER_GONE_WITHIN).await;
    }
    let summary = summary(&report);
    let mut kept = Vec::new();
    if let Some(folder) = &folder {
        match folder.finish(&report, &target.site, &summary).await {
            Ok(named) => kept = named,
            // What the run found counts all the same.
            Err(error) => writeln!(terminal::stderr(), "The evidence is not whole: {error:#}")?,
        }
    }
    let mut out = terminal::stdout();
    if json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        writeln!(out, "{}", one_line(&summary))?;
        for (path, step, piece) in &kept {
            writeln!(
                out,
                "  {} of \"{}\": {}",
                piece.kind,
                one_line(step.name.en()),
                path.display()
            )?;
        }
        if let Some(folder) = &folder
            && folder.index().is_file()
        {
            writeln!(out, "  open {}", folder.index().display())?;
        }
    }
    Ok(ExitCode::from(match report.outcome {
        Outcome::Passed | Outcome::Slow => PASSED,
        Outcome::Failed(_) => FAILED,
        Outcome::NotReached | Outcome::Inconclusive(_) => INCONCLUSIVE,
    }))
}

/// Actions of a step that pauses leave time for; more than any form has fields.
const ACTIONS: u32 = 100;

/// The flow with time for the pauses before its actions, which are no slowness of the site's.
fn unhurried(mut flow: Flow, pause: Duration) -> Flow {
    if pause.is_zero() {
        return flow;
    }
    let more = pause.saturating_mul(ACTIONS);
    for step in flow.steps.iter_mut().chain(&mut flow.cleanup) {
        step.slow = None;
        step.timeout = step.timeout.saturating_add(more);
        flow.timeout = flow.timeout.saturating_add(more);
    }
    flow
}

/// Becomes true at the first signal to end: the run is broken off, and cleans up. The second
/// ends the process as it stands.
fn stopped_by_signals() -> anyhow::Result<watch::Receiver<bool>> {
    let mut signals = life::signals().context("signals cannot be watched")?;
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        signals.next().await;
        let _ = writeln!(
            terminal::stderr(),
            "Stopping: the run cleans up. Once more aborts."
        );
        let _ = stop.send(true);
        signals.next().await;
        std::process::exit(ABORTED);
    });
    Ok(stopped)
}

fn bad_file(problems: impl Iterator<Item = Problem>) -> anyhow::Result<ExitCode> {
    let mut err = terminal::stderr();
    for problem in problems {
        writeln!(err, "{problem}")?;
    }
    Ok(ExitCode::from(BAD_FILE))
}

/// The patterns beside the flow file, else those that come with Siaga.
fn error_pages(flow: &Path) -> Result<ErrorPages, Vec<Problem>> {
    let path = flow.with_file_name(flow_file::ERROR_PAGES);
    match std::fs::read_to_string(&path) {
        Ok(text) => ErrorPages::load(&text, &path.display().to_string()),
        Err(_) => Ok(ErrorPages::built_in()),
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
    let allowed = config.map(Config::private_networks).unwrap_or_default();
    Ok(Some(Target {
        site,
        hosts: match config {
            Some(config) => config.site.hosts.iter().cloned().collect(),
            None => flow.hosts.iter().cloned().collect(),
        },
        private_networks: [&allowed[..], &args.allow_private_network].concat(),
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

/// Where browsers come from: the command's own word counts before the configuration's.
fn browsers(args: &Args, config: Option<&Config>) -> config::Browser {
    let mut written = config.map_or_else(config::Browser::default, |c| c.browser.clone());
    if let Some(address) = &args.webdriver {
        written.webdriver = Some(WebDriver::Remote(address.clone()));
    }
    written
}

/// What a person must do before a browser can run the flow; `None`: it can be tried.
fn no_browser(args: &Args, config: Option<&Config>) -> Option<String> {
    if args.engine != Engine::Browser {
        return None;
    }
    let program = match browsers(args, config).webdriver {
        Some(WebDriver::Remote(_)) => return None,
        Some(WebDriver::Own(program)) => program,
        None => PathBuf::from("chromedriver"),
    };
    if browser::find(&program).is_none() {
        return Some(format!(
            "The browser engine needs a browser and its driver, and `{}` is not installed. On \
             Debian: apt-get install chromium chromium-driver. Or name a driver as `webdriver` in \
             `[browser]` of the configuration, or a running one with `--webdriver URL`, or use \
             `--engine http`.",
            program.display()
        ));
    }
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if args.headed && !is_set("DISPLAY") && !is_set("WAYLAND_DISPLAY") {
        return Some(
            "There is no display to show the browser on: neither DISPLAY nor WAYLAND_DISPLAY is \
             set. Leave `--headed` out, or run it in a graphical session (or under xvfb-run)."
                .to_owned(),
        );
    }
    None
}

fn tools(
    args: &Args,
    config: Option<&Config>,
    site: &Url,
    error_pages: ErrorPages,
    folder: Option<&Folder>,
) -> anyhow::Result<Tools> {
    let mut roots = Vec::new();
    let certificates = config.map_or(&[][..], |config| &config.probe.certificates);
    for path in args.ca.iter().chain(certificates) {
        let pem = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        roots.push(pem);
    }
    let evidence = folder.map(Folder::store).transpose()?;
    let contact = args.contact.as_deref();
    let contact = contact.or_else(|| config.map(|config| config.probe.contact.as_str()));
    let allowed = config.map_or(&[][..], |config| &config.probe.allow_private_networks);
    let allowed = [allowed, &args.allow_private_network].concat();
    let clients = HttpClients::new(contact, &roots)?.allowing(&allowed);
    let clients = match config {
        Some(config) => settings::equipped(config, clients)?,
        None => clients,
    };
    let mailbox = match (config, std::env::var("SIAGA_MAILBOX")) {
        (Some(config), _) => settings::mailbox(config, &clients, Arc::new(SystemClock))?,
        (None, Ok(url)) => Some(Arc::new(ImapMailbox::parse(&url)?)),
        (None, Err(_)) => None,
    };
    let applicants = Applicants::new(clients);
    let browsers = match args.engine {
        Engine::Http => None,
        Engine::Browser => {
            let mut written = browsers(args, config);
            // Pages of this very machine are not what the sandbox is for.
            if is_loopback(site) && written.user.is_none() {
                written.sandbox = written.sandbox.or(Some(Sandbox::Preferred));
            }
            let folder = match config {
                Some(config) => config.data.folder.join("browsers"),
                None => browser::shared_folder(),
            };
            match written.settings(&folder, applicants.user_agent(), &roots) {
                None => None,
                Some(settings) => {
                    let settings = browser::Settings {
                        headed: args.headed,
                        pause: args.slow_mo,
                        ..settings
                    };
                    Some(Browsers::open(settings, Arc::new(SystemRandom))?)
                }
            }
        }
    };
    Ok(Tools {
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        applicants: Arc::new(applicants),
        browsers,
        mailbox,
        evidence,
        drawer: Drawer::default(),
        error_pages: Arc::new(error_pages),
        readings: Arc::default(),
        politeness: Arc::new(Politeness::default()),
    })
}

fn mark(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed | Outcome::Slow => "✓",
        Outcome::Failed(_) => "✗",
        Outcome::NotReached | Outcome::Inconclusive(_) => "–",
    }
}

fn component(step: &StepReport) -> &str {
    if step.cleanup {
        "(cleanup)"
    } else {
        step.component.as_str()
    }
}

fn took(step: &StepReport) -> String {
    match step.outcome {
        Outcome::NotReached => "not reached".to_owned(),
        Outcome::Slow => format!("{} ms, slow", step.took_ms),
        _ => format!("{} ms", step.took_ms),
    }
}

/// Below the line of a step that passes whatever becomes of what it does.
const PROVES_NOTHING: &str = "\n  this proves nothing: all that the step expects was there before it \
    acted; expect what only comes of it";

/// One step, one line.
fn line(step: &StepReport, is_said: bool) -> String {
    let (mark, component, took) = (mark(step.outcome), component(step), took(step));
    let name = one_line(step.name.en());
    let mut line = format!("{mark} {name:<40} {component:<14} {took:>11}");
    if let Some(message) = step.message.as_ref().filter(|_| !is_said) {
        line.push_str("  ");
        if let Some(detail) = step.outcome.detail() {
            line.push_str(&format!("{detail}: "));
        }
        line.push_str(&one_line(message));
    }
    let mut line = line.trim_end().to_owned();
    if step.proves_nothing {
        line.push_str(PROVES_NOTHING);
    }
    for note in &step.notes {
        line.push_str(&format!("\n  {}", one_line(note)));
    }
    line
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
            format!(
                "failed at \"{}\" ({}): {fault}",
                step.name.en(),
                step.component
            )
        }
        (Outcome::Inconclusive(why), step) => {
            let message = step.and_then(|step| step.message.as_deref());
            format!("inconclusive: {why}: {}", message.unwrap_or_default())
        }
        (outcome, _) => outcome.as_str().to_owned(),
    };
    let mut line = format!(
        "{}: {how}; {passed} of {} steps passed in {seconds:.1} s",
        report.name.en(),
        steps().count()
    );
    if let Some(left) = &report.may_be_left {
        line.push_str(&format!("; something may be left on the site: {left}"));
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
