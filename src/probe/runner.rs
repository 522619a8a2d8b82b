//! Carrying out one run of a flow.
//!
//! Owns the order of things: limits of time, what is not reached after a failure, cleanup in
//! any case, secrets kept out of the record. A run is tried once; trying again, controls and
//! intervals are the scheduler's.

mod cleanup;
mod documents;
mod evidence;
mod ladder;
mod mail;
mod record;
mod step;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use url::Url;

use super::applicants::Applicants;
use super::browser::{Browsers, Destinations};
use super::browser_page::BrowserPage;
use super::definition::{Action, Flow, Query, Role, Step};
use super::error_pages::ErrorPages;
use super::evidence::EvidenceStore;
use super::http_page::HttpPage;
use super::mailbox::{ImapMailbox, MailError, MailboxPosition};
use super::page::{Page, Trouble};
use super::pinned::{self, Pinned};
use super::politeness::Politeness;
use super::reach::{Reach, host_of};
use super::readings::Readings;
use super::redact::Redactor;
use super::template::{Lazy, Name, Scope, Template};
use crate::domain::run::{RunNumber, RunReport, Rung, StepReport, gravity};
use crate::domain::stopwatch::Stopwatch;
use crate::domain::{Clock, Engine, Moment, Network, Outcome, Random, StepName, Why, random};
use crate::http_client::ClientError;
use crate::pictures::Drawer;

/// The time that all cleanup of a run has together.
pub const CLEANUP_TIME: Duration = Duration::from_secs(60);

/// What a run says where there is no browser for it.
const NO_BROWSER: &str = "no browser is configured: install chromium-driver, or name a driver \
                          as `webdriver` in `[browser]`";

/// What a flow is run against.
#[derive(Clone, Debug)]
pub struct Target {
    /// The site's address; paths of flows are relative to it.
    pub site: Url,
    /// The hosts that may be reached besides the site's own, with `:port` where the port is
    /// not the scheme's.
    pub hosts: BTreeSet<String>,
    /// Networks whose addresses may be reached where they are written out, although they are not
    /// public. Names that lead there are the clients' to judge.
    pub private_networks: Vec<Network>,
    /// Addresses that are surely up, for control flows.
    pub controls: Vec<Url>,
    /// Variables of the configuration.
    pub variables: BTreeMap<String, String>,
    /// Secrets by name.
    pub secrets: BTreeMap<String, String>,
    /// The place that the run is made from.
    pub vantage: String,
    /// Where the site is, for the dates that flows write.
    pub time_zone: jiff::tz::TimeZone,
}

impl Target {
    fn reach(&self) -> Reach {
        let reach = Reach::new(self.site.clone(), self.hosts.clone());
        reach.allowing(self.private_networks.clone())
    }
}

/// What runs need of the world.
#[derive(Clone)]
pub struct Tools {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Clients.
    pub applicants: Arc<Applicants>,
    /// Where awaited mails arrive.
    pub mailbox: Option<Arc<ImapMailbox>>,
    /// Where evidence of failures is kept; nowhere if `None`.
    pub evidence: Option<EvidenceStore>,
    /// What draws screenshots anew, for the public.
    pub drawer: Drawer,
    /// Real browsers; none: flows run over plain HTTP only.
    pub browsers: Option<Browsers>,
    /// The known error pages.
    pub error_pages: Arc<ErrorPages>,
    /// What was read on pages that came before.
    pub readings: Arc<Readings>,
    /// What may be asked of hosts.
    pub politeness: Arc<Politeness>,
}

/// What belongs to one run alone.
pub struct Occasion<'o> {
    /// Which rung of the ladder's is tried: the number of runs of the flow so far.
    pub turn: usize,
    /// Becomes true when the run is to be broken off; cleanup still runs.
    pub stop: Option<watch::Receiver<bool>>,
    /// Told of each step as soon as it is done, cleanup included.
    pub on_step: &'o mut (dyn FnMut(&StepReport) + Send),
}

/// Runs a flow once over plain HTTP. A flow for controls visits every control address, and
/// passes if any of them is up.
pub async fn run_flow(
    flow: &Flow,
    target: &Target,
    tools: &Tools,
    occasion: Occasion<'_>,
) -> RunReport {
    if flow.role == Role::Control {
        return Box::pin(run_controls(flow, target, tools, occasion)).await;
    }
    let mut page = match plain_page(flow, Arc::new(target.reach()), tools) {
        Ok(page) => page,
        Err(error) => {
            let (now, on_step) = (tools.clock.now(), occasion.on_step);
            let why = (Why::Ourselves, &*error.to_string());
            return inconclusive(flow, target, Engine::Http, now, on_step, why);
        }
    };
    let run = run_on(&mut page, Engine::Http, flow, target, tools, occasion);
    let report = Box::pin(run).await;
    let (applicant, asked_once) = page.leave();
    // A run that failed says nothing of how often the next one asks.
    let asked_once = asked_once && report.outcome == Outcome::Passed;
    tools.applicants.take_back(&flow.key, applicant, asked_once);
    report
}

fn plain_page(flow: &Flow, reach: Arc<Reach>, tools: &Tools) -> Result<HttpPage, ClientError> {
    let applicant = tools.applicants.lend(&flow.key, &tools.clock)?;
    let (clock, random) = (Arc::clone(&tools.clock), Arc::clone(&tools.random));
    Ok(HttpPage::new(applicant, clock, random, reach))
}

/// Runs a flow once in a fresh browser.
pub async fn run_in_browser(
    flow: &Flow,
    target: &Target,
    tools: &Tools,
    occasion: Occasion<'_>,
) -> RunReport {
    let reach = Arc::new(target.reach());
    let clock = || Arc::clone(&tools.clock);
    let Occasion {
        turn,
        stop,
        on_step,
    } = occasion;
    let cannot = |on_step, why: (Why, &str)| {
        let now = tools.clock.now();
        inconclusive(flow, target, Engine::Browser, now, on_step, why)
    };
    let Some(browsers) = &tools.browsers else {
        return cannot(on_step, (Why::NotConfigured, NO_BROWSER));
    };
    let plain = match plain_page(flow, Arc::clone(&reach), tools) {
        Ok(plain) => plain,
        Err(error) => return cannot(on_step, (Why::Ourselves, &error.to_string())),
    };
    let mut asked_to_stop = stop.clone();
    let stopped = async {
        let asked = match &mut asked_to_stop {
            Some(stop) => stop.wait_for(|stop| *stop).await.is_ok(),
            None => false,
        };
        if !asked {
            std::future::pending::<()>().await;
        }
    };
    let https_only = !goes_in_clear(flow, target);
    let start = async {
        let resolver = tools.applicants.resolver();
        let found = match tools.applicants.proxy() {
            None => pinned::addresses(&reach, resolver, tools.clock.monotonic())
                .await
                .map(|pinned| (pinned, None)),
            Some(proxy) => {
                let proxy = pinned::through(proxy, &reach, resolver).await;
                proxy.map(|proxy| (Pinned::default(), Some(proxy)))
            }
        };
        let (pinned, proxy) = match found {
            Ok(found) => found,
            Err(Trouble::Ours(why, message)) => return Err((why, message)),
            Err(Trouble::Site(_, message)) => return Err((Why::Ourselves, message)),
        };
        let Pinned { hosts, notes } = pinned;
        let to = Destinations {
            hosts,
            https_only,
            proxy,
        };
        let started = browsers.start(&to).await;
        let browser = started.map_err(|error| (error.why(), error.to_string()))?;
        Ok((browser, notes))
    };
    // One that is just being started when the run is to stop is taken away in the background.
    let started = tokio::select! {
        biased;
        () = stopped => return cannot(on_step, (Why::Stopped, "the run was stopped")),
        started = start => started,
    };
    let (browser, notes) = match started {
        Ok(started) => started,
        Err((why, message)) => return cannot(on_step, (why, &message)),
    };
    let mut page = BrowserPage::new(browser, plain, clock(), reach, browsers.pause());
    page.note(notes);
    let occasion = Occasion {
        turn,
        stop,
        on_step,
    };
    let report = Box::pin(run_on(
        &mut page,
        Engine::Browser,
        flow,
        target,
        tools,
        occasion,
    ))
    .await;
    page.end().await;
    report
}

/// Runs a flow once on an engine's page.
pub async fn run_on<P: Page>(
    page: &mut P,
    engine: Engine,
    flow: &Flow,
    target: &Target,
    tools: &Tools,
    occasion: Occasion<'_>,
) -> RunReport {
    if !flow.steps.iter().any(|step| step.runs_on(engine)) {
        let why = (Why::NotConfigured, "every step needs a browser");
        let now = tools.clock.now();
        return inconclusive(flow, target, engine, now, occasion.on_step, why);
    }
    let given = match given(flow, target) {
        Ok(given) => given,
        Err(missing) => {
            let (why, now) = ((Why::NotConfigured, missing.as_str()), tools.clock.now());
            return inconclusive(flow, target, engine, now, occasion.on_step, why);
        }
    };
    // Before the run: what it causes comes in behind this.
    let asking = mail::position_before(flow, engine, tools, occasion.stop.as_ref());
    let mailbox_position = Box::pin(asking).await;
    let stopwatch = Stopwatch::start(&*tools.clock);
    let started_at = stopwatch.started_at;
    let mut run = Run {
        redactor: Redactor::new(secrets(target)),
        scope: Scope {
            given,
            captured: BTreeMap::new(),
            run: {
                let random = Arc::clone(&tools.random);
                Lazy::new(Box::new(move || token(&*random)))
            },
            today: started_at
                .timestamp()
                .to_zoned(target.time_zone.clone())
                .date(),
            now: started_at,
            document: BTreeMap::new(),
            cookies: BTreeMap::new(),
        },
        mailbox_position,
        left: flow.timeout,
        sign_in: None,
        rung: None,
        is_acting: false,
        document: None,
        senders: BTreeSet::new(),
        done: Vec::with_capacity(flow.steps.len()),
        filled: Vec::new(),
        kept: 0,
        page,
        engine,
        flow,
        target,
        tools,
        turn: occasion.turn,
        stop: occasion.stop,
    };
    let mut rest = None;
    for step in flow.steps.iter().filter(|step| step.runs_on(engine)) {
        let report = match rest {
            None => run.step(step).await,
            Some(outcome) => record::untouched(step, outcome, tools.clock.now(), None),
        };
        rest = rest.or(match report.outcome {
            Outcome::Failed(_) => Some(Outcome::NotReached),
            Outcome::Inconclusive(why) => Some(Outcome::Inconclusive(why)),
            _ => None,
        });
        (occasion.on_step)(&report);
        run.done.push(report);
    }
    let (started_at, ended_at) = stopwatch.stop(&*tools.clock);
    let may_be_left = run.clean_up(occasion.on_step).await;
    if let Some(left) = &may_be_left {
        tracing::warn!(flow = flow.key, left, "something may be left on the site");
    }
    let steps = run.done;
    RunReport {
        flow: flow.key.clone(),
        name: flow.name.clone(),
        engine,
        vantage: target.vantage.clone(),
        number: RunNumber::default(),
        started_at,
        ended_at,
        outcome: worst(&steps),
        steps,
        rung: run.rung,
        may_be_left,
    }
}

/// How a run tells the page to sign in on from others.
struct SignIn {
    /// Its path.
    path: String,
    /// The first field on it that took a secret.
    field: Query,
    /// Whether the step that signs in has passed.
    done: bool,
}

/// A document that was put on a page, until the site has taken it.
struct PendingDocument {
    /// The field it was put on; a request has none.
    field: Option<Query>,
    /// What the page complained of before, without the document's doing.
    complaints: BTreeSet<String>,
    /// The address of that page.
    url: Option<Url>,
    /// The rung that it tries, where the ladder chose it.
    rung: Option<Rung>,
}

/// One run under way.
struct Run<'r, P> {
    page: &'r mut P,
    engine: Engine,
    flow: &'r Flow,
    target: &'r Target,
    tools: &'r Tools,
    turn: usize,
    stop: Option<watch::Receiver<bool>>,
    scope: Scope,
    redactor: Redactor,
    /// How far the mailbox was filled before the run, where it waits for mail.
    mailbox_position: Option<Result<MailboxPosition, MailError>>,
    /// What is left of the flow's time.
    left: Duration,
    /// Where the run signed in.
    sign_in: Option<SignIn>,
    rung: Option<Rung>,
    /// Whether the step under way is still at its actions, before its expectations.
    is_acting: bool,
    /// The document that is on its way to the site.
    document: Option<PendingDocument>,
    /// The keys of the steps so far that have sent a form; signing in is none.
    senders: BTreeSet<String>,
    /// The record so far.
    done: Vec<StepReport>,
    /// What was filled in so far.
    filled: Vec<String>,
    /// Bytes of evidence that were kept so far.
    kept: usize,
}

async fn run_controls(
    flow: &Flow,
    target: &Target,
    tools: &Tools,
    occasion: Occasion<'_>,
) -> RunReport {
    let stopwatch = Stopwatch::start(&*tools.clock);
    if target.controls.is_empty() {
        let why = (Why::NotConfigured, "no control addresses are configured");
        let now = stopwatch.started_at;
        return inconclusive(flow, target, Engine::Http, now, occasion.on_step, why);
    }
    let mut steps = Vec::new();
    let mut outcome = None;
    for control in &target.controls {
        let host = host_of(control);
        let mut target = target.clone();
        target.site = control.clone();
        target.hosts = BTreeSet::new();
        target
            .variables
            .insert("CONTROL".to_owned(), control.to_string());
        let mut named = flow.clone();
        named.role = Role::Site;
        for step in &mut named.steps {
            let name = step.name.name().with_suffix(&format!(" ({host})"));
            step.name = StepName::new("", name);
        }
        let own = Occasion {
            turn: 0,
            stop: occasion.stop.clone(),
            on_step: occasion.on_step,
        };
        let report = Box::pin(run_flow(&named, &target, tools, own)).await;
        steps.extend(report.steps);
        // One that is up is enough: then it is not us.
        outcome = match outcome {
            Some(before) if gravity(before) <= gravity(report.outcome) => Some(before),
            _ => Some(report.outcome),
        };
    }
    let (started_at, ended_at) = stopwatch.stop(&*tools.clock);
    RunReport {
        flow: flow.key.clone(),
        name: flow.name.clone(),
        engine: Engine::Http,
        vantage: target.vantage.clone(),
        number: RunNumber::default(),
        started_at,
        ended_at,
        outcome: outcome.unwrap_or(Outcome::Inconclusive(Why::NotConfigured)),
        steps,
        rung: None,
        may_be_left: None,
    }
}

/// Whether a flow itself opens addresses without TLS: paths of a site without, or addresses that
/// it or the configuration writes out.
fn goes_in_clear(flow: &Flow, target: &Target) -> bool {
    let in_clear = |address: &str| {
        let scheme = address.get(..5);
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("http:"))
    };
    let value = |name: &String| target.variables.get(name).or(target.secrets.get(name));
    let writes = |address: &Template| match (address.beginning(), address.names().next()) {
        ("", Some(Name::Given(name))) => value(name).is_some_and(|value| in_clear(value)),
        (beginning, _) => in_clear(beginning),
    };
    let steps = flow.steps.iter().chain(&flow.cleanup);
    target.site.scheme() == "http"
        || steps
            .flat_map(|step| &step.actions)
            .any(|action| match action {
                Action::Visit(address) => writes(address),
                _ => false,
            })
}

/// What the names in capitals stand for, or which of them are missing.
fn given(flow: &Flow, target: &Target) -> Result<BTreeMap<String, String>, String> {
    let mut given = BTreeMap::new();
    let mut missing = Vec::new();
    for name in &flow.needs {
        match target.secrets.get(name).filter(|value| !value.is_empty()) {
            Some(value) => {
                given.insert(name.clone(), value.clone());
            }
            None => missing.push(name.as_str()),
        }
    }
    for (name, value) in &target.variables {
        given.entry(name.clone()).or_insert_with(|| value.clone());
    }
    missing.extend(
        flow.variables
            .iter()
            .filter(|name| !given.contains_key(*name))
            .map(String::as_str),
    );
    if missing.is_empty() {
        Ok(given)
    } else {
        Err(format!("not set: {}", missing.join(", ")))
    }
}

fn secrets(target: &Target) -> impl Iterator<Item = (&str, &str)> {
    target
        .secrets
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
}

/// Eight letters and digits, for names that only this run gives.
fn token(random: &dyn Random) -> String {
    let bytes = random::bytes::<5>(random);
    data_encoding::BASE32_NOPAD
        .encode(&bytes)
        .to_ascii_lowercase()
}

/// The worst of the steps; cleanup does not count.
fn worst(steps: &[StepReport]) -> Outcome {
    let outcomes = steps
        .iter()
        .filter(|step| !step.cleanup)
        .map(|step| step.outcome);
    // Of equal ones the first: it is the cause.
    outcomes
        .reduce(|worst, next| {
            if gravity(next) > gravity(worst) {
                next
            } else {
                worst
            }
        })
        .unwrap_or(Outcome::Inconclusive(Why::Ourselves))
}

/// A run that says nothing of the site, for a reason known beforehand.
fn inconclusive(
    flow: &Flow,
    target: &Target,
    engine: Engine,
    now: Moment,
    on_step: &mut (dyn FnMut(&StepReport) + Send),
    (why, message): (Why, &str),
) -> RunReport {
    let outcome = Outcome::Inconclusive(why);
    let report = |step: &Step| {
        let report = record::untouched(step, outcome, now, Some(message.to_owned()));
        on_step(&report);
        report
    };
    RunReport {
        flow: flow.key.clone(),
        name: flow.name.clone(),
        engine,
        vantage: target.vantage.clone(),
        number: RunNumber::default(),
        started_at: now,
        ended_at: now,
        outcome,
        steps: flow
            .steps
            .iter()
            .filter(|step| step.runs_on(engine))
            .map(report)
            .collect(),
        rung: None,
        may_be_left: None,
    }
}
