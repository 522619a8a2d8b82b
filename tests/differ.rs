//! Differential testing of the plain engine against a real browser: what a seed makes of pages,
//! forms, headers, cookies and encodings is run on both, against one recording server, and both must
//! have sent the same and ended at the same. 300 seeds here; `make differ SEEDS=5000` for more, and
//! `SEEDS=1200..1300` for some of them again.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "real time is told to whoever runs it, with what differs"
)]

mod allowed;
mod generator;
mod pages;
mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use siaga::domain::{Engine, Network, RunReport};
use siaga::http_client::HttpClients;
use siaga::probe::applicants::Applicants;
use siaga::probe::browser::{Browsers, Destinations};
use siaga::probe::browser_page::BrowserPage;
use siaga::probe::definition::Flow;
use siaga::probe::flow_file;
use siaga::probe::http_page::HttpPage;
use siaga::probe::page::Page;
use siaga::probe::reach::Reach;
use siaga::probe::runner::{Occasion, Target, Tools, run_on};
use siaga::system::{SystemClock, SystemRandom};
use siaga::toml_reader::Source;

use crate::harness::{folder, probing};
use generator::{Case, generate};
use server::{Cases, Server};

/// Seeds that are run in every `make test`.
const USUAL_SEEDS: u64 = 300;
/// Runs that share a browser: each has a host of its own in it, and so neither cookies nor a cache
/// of another's.
const RUNS_OF_A_BROWSER: u64 = 150;
/// Browsers at once.
const BROWSERS: u64 = 2;
/// The most runs that are spent on making a case smaller.
const SHRINKING: usize = 60;
/// The most differences that are shrunk.
const SHRUNK: usize = 6;

/// What one engine made of a case.
#[derive(Clone, Debug, Default, PartialEq)]
struct Made {
    /// Each step's outcome.
    told: Vec<String>,
    /// Every request for a page: method, address, kind, cookies, body.
    requests: Vec<String>,
    /// Where it ended, without a fragment.
    ends: String,
    /// What a person reads there.
    text: String,
    /// For whoever looks at a difference; not compared.
    messages: Vec<String>,
}

/// One way in which the engines differ.
#[derive(Clone, Debug)]
struct Difference {
    seed: u64,
    kind: &'static str,
    what: String,
    case: Case,
}

/// Both engines, and the server that they share.
struct Rig {
    tools: Tools,
    cases: Arc<Cases>,
    plain: Server,
    real: Server,
    runs: AtomicU64,
    _folder: tempfile::TempDir,
}

impl Rig {
    async fn new() -> Arc<Self> {
        let cases = Arc::new(Cases::default());
        let loopback: Network = "127.0.0.0/8".parse().unwrap();
        let clients = HttpClients::new(None, &[]).unwrap().allowing(&[loopback]);
        let mut tools = probing::tools();
        tools.applicants = Arc::new(Applicants::new(clients));
        let folder = folder();
        let mut settings = probing::browsers_in(folder.path());
        // Each worker's, and the one in which it repeats what differs.
        settings.slots = 2 * BROWSERS as usize;
        tools.browsers = Some(Browsers::open(settings, Arc::new(SystemRandom)).unwrap());
        Arc::new(Rig {
            tools,
            plain: Server::start(Arc::clone(&cases)).await,
            real: Server::start(Arc::clone(&cases)).await,
            cases,
            runs: AtomicU64::new(0),
            _folder: folder,
        })
    }

    fn reach(&self, server: &Server, runs: impl Iterator<Item = u64>) -> Arc<Reach> {
        let site = format!("http://localhost:{}/", server.port)
            .parse()
            .unwrap();
        let hosts = runs.flat_map(|run| {
            [format!("r{run}.localhost"), format!("x.r{run}.localhost")]
                .map(|host| format!("{host}:{}", server.port))
        });
        let loopback: Network = "127.0.0.0/8".parse().unwrap();
        Arc::new(Reach::new(site, hosts.collect()).allowing(vec![loopback]))
    }

    fn plain_page(&self, reach: Arc<Reach>) -> HttpPage {
        let clock: Arc<dyn siaga::domain::Clock> = Arc::new(SystemClock);
        let applicant = self.tools.applicants.lend("differ", &clock).unwrap();
        HttpPage::new(applicant, clock, Arc::new(SystemRandom), reach)
    }

    /// A browser for the next runs.
    async fn browser(&self) -> Shared {
        let from = self.runs.fetch_add(RUNS_OF_A_BROWSER, Ordering::Relaxed);
        let runs = from..from + RUNS_OF_A_BROWSER;
        let reach = self.reach(&self.real, runs.clone());
        let hosts = ["*.localhost", "localhost"].map(|host| {
            let host = format!("{host}:{}", self.real.port);
            (host, std::net::Ipv4Addr::LOCALHOST.into())
        });
        let to = Destinations {
            hosts: hosts.into_iter().collect(),
            https_only: false,
            proxy: None,
        };
        let browsers = self.tools.browsers.as_ref().unwrap();
        let browser = browsers.start(&to).await.unwrap();
        let plain = self.plain_page(Arc::clone(&reach));
        let clock = Arc::new(SystemClock);
        let page = BrowserPage::new(browser, plain, clock, reach, Duration::ZERO);
        Shared { page, runs }
    }

    /// What both engines make of a case; `None` where the browser itself failed.
    async fn both(&self, case: &Case, shared: &mut Shared) -> Option<(Made, Made)> {
        let run = match shared.runs.next() {
            Some(run) => run,
            None => {
                let old = std::mem::replace(shared, self.browser().await);
                old.page.end().await;
                shared.runs.next()?
            }
        };
        self.cases.put(run, case.clone());
        let mut page = self.plain_page(self.reach(&self.plain, run..run + 1));
        let plain = self
            .made(&mut page, Engine::Http, case, run, &self.plain)
            .await;
        let (page, server) = (&mut shared.page, &self.real);
        let real = self.made(page, Engine::Browser, case, run, server).await;
        let is_ours = real.told.iter().any(|told| told.contains("inconclusive"));
        (!is_ours).then_some((plain, real))
    }

    async fn made<P: Page>(
        &self,
        page: &mut P,
        engine: Engine,
        case: &Case,
        run: u64,
        server: &Server,
    ) -> Made {
        let site = format!("http://r{run}.localhost:{}", server.port);
        let flow = flow(&case.flow(&site));
        let target: Target = probing::target(&site);
        let occasion = Occasion {
            turn: 0,
            stop: None,
            on_step: &mut |_| {},
        };
        let before = page.shown();
        let report: RunReport =
            Box::pin(run_on(page, engine, &flow, &target, &self.tools, occasion)).await;
        let shown = page
            .shown()
            .filter(|shown| before.is_none_or(|before| !Arc::ptr_eq(&before, shown)));
        let told = report.steps.iter().map(|step| {
            let detail = step.outcome.detail().unwrap_or_default();
            format!("{}: {} {detail}", step.name.en(), step.outcome.as_str())
        });
        let messages = report.steps.iter().filter_map(|step| step.message.clone());
        Made {
            told: told.collect(),
            messages: messages.collect(),
            requests: server.log(run),
            ends: shown.as_ref().map_or(String::new(), |shown| {
                let url = shown.url.as_str().split('#').next().unwrap_or_default();
                server::without_host(url, run, server.port)
            }),
            text: shown.map_or(String::new(), |shown| {
                let visible = shown.visible();
                format!("[{}] {}", visible.title, visible.text)
            }),
        }
    }
}

/// A browser that several runs share.
struct Shared {
    page: BrowserPage,
    runs: std::ops::Range<u64>,
}

fn flow(steps: &str) -> Flow {
    let head = "name = \"F\"\nevery = { http = \"1m\", browser = \"1m\" }\ntimeout = \"10m\"\n";
    let source = Source::new("f.toml", format!("{head}{steps}"));
    flow_file::read(&source, "f", None).unwrap_or_else(|problems| panic!("{steps}\n{problems:#?}"))
}

/// In what the two differ; empty: in nothing that is not allowed.
fn difference(case: &Case, plain: &Made, real: &Made) -> String {
    let compare = |what: &str, plain: &str, real: &str| {
        let differs = plain != real && !allowed::is_allowed(case, what, plain, real);
        differs.then(|| format!("{what}\n    plain: {plain}\n    real:  {real}"))
    };
    let lines = |made: &Made| made.requests.join("\n           ");
    let sent = compare("requests", &lines(plain), &lines(real));
    let told = compare("steps", &plain.told.join("; "), &real.told.join("; "));
    let ends = compare("end", &plain.ends, &real.ends);
    let mut found: Vec<String> = sent.into_iter().chain(told).chain(ends).collect();
    if found.is_empty() {
        found.extend(compare("text", &plain.text, &real.text));
    } else {
        let (plain, real) = (&plain.messages, &real.messages);
        found.push(format!("messages {plain:?}\n             {real:?}"));
    }
    found.join("\n  ")
}

/// Which seeds are asked for.
fn seeds() -> std::ops::Range<u64> {
    let asked = std::env::var("SIAGA_SEEDS").unwrap_or_default();
    let number = |text: &str| text.trim().parse::<u64>().ok();
    match asked.split_once("..") {
        Some((from, to)) => number(from).unwrap_or(0)..number(to).unwrap_or(USUAL_SEEDS),
        None => 0..number(&asked).unwrap_or(USUAL_SEEDS),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_plain_engine_is_a_browser_without_scripts() {
    let (rig, seeds) = (Rig::new().await, seeds());
    let begun = Instant::now();
    let next = Arc::new(AtomicU64::new(seeds.start));
    let workers = (0..BROWSERS).map(|_| {
        let (rig, next, end) = (Arc::clone(&rig), Arc::clone(&next), seeds.end);
        tokio::spawn(async move {
            let mut shared = rig.browser().await;
            let mut found = Vec::new();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= end {
                    shared.page.end().await;
                    return found;
                }
                found.extend(differs(&rig, seed, &mut shared).await);
            }
        })
    });
    let mut found = Vec::new();
    for worker in workers.collect::<Vec<_>>() {
        found.extend(worker.await.unwrap());
    }
    let took = begun.elapsed();
    let count = seeds.end - seeds.start;
    println!("{count} seeds in {took:.0?}, {} differ", found.len());
    found.sort_by_key(|found| found.seed);
    for (number, found) in found.iter().enumerate() {
        if number < SHRUNK {
            let (seed, kind) = (found.seed, found.kind);
            println!(
                "── seed {seed} ({kind})\n{}",
                shrunk(&rig, found.clone()).await
            );
        }
    }
    assert!(found.is_empty(), "{} of {count} seeds differ", found.len());
}

/// What is said of a seed on which the browser itself failed.
const FAILED: &str = "the browser failed";

/// Runs a seed; what differs is repeated in a fresh browser before it counts.
async fn differs(rig: &Rig, seed: u64, shared: &mut Shared) -> Option<Difference> {
    let case = generate(seed);
    let what = match rig.both(&case, shared).await {
        Some((plain, real)) => difference(&case, &plain, &real),
        None => FAILED.to_owned(),
    };
    if what.is_empty() {
        return None;
    }
    let mut fresh = rig.browser().await;
    let again = rig.both(&case, &mut fresh).await;
    // One that has failed would fail every seed that comes.
    match what == FAILED {
        true => std::mem::replace(shared, fresh).page.end().await,
        false => fresh.page.end().await,
    };
    let what = match again {
        Some((plain, real)) => difference(&case, &plain, &real),
        None => what,
    };
    let kind = case.kind;
    if !what.is_empty() {
        println!("seed {seed} ({kind}) {what}");
    }
    (!what.is_empty()).then_some(Difference {
        seed,
        kind,
        what,
        case,
    })
}

/// The same difference by less: parts are left out as long as the engines still differ.
async fn shrunk(rig: &Rig, found: Difference) -> String {
    let mut shared = rig.browser().await;
    let (mut case, mut what) = (found.case, found.what);
    let mut tries = 0;
    let mut at = 0;
    while tries < SHRINKING {
        let Some(smaller) = case.without(at) else {
            break;
        };
        tries += 1;
        let differs = match rig.both(&smaller, &mut shared).await {
            Some((plain, real)) => difference(&smaller, &plain, &real),
            None => String::new(),
        };
        // Another difference is not this one.
        let is_same = differs.lines().next() == what.lines().next();
        if differs.is_empty() || !is_same {
            at += 1;
        } else {
            (case, what) = (smaller, differs);
        }
    }
    shared.page.end().await;
    format!("   shrunk: {what}\n{case}")
}
