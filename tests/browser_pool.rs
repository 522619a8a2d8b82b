//! Real browsers that are killed, stopped, never start, or meet pages made to break them:
//! each costs one run, says nothing false of the site, leaves nothing behind, and the next
//! run passes.

mod broken;
mod drivers;
mod firefox;
mod hostile;
mod isolation;
mod outside;
mod places;
mod service;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::response::Html;
use axum::routing::get;
use jiff::tz::TimeZone;
use siaga::detect::Detector;
use siaga::domain::outage::Rules;
use siaga::domain::{Clock, Engine, Moment, Outcome, RunNumber, RunReport, Why};
use siaga::probe::browser::{Browsers, Event, Settings, WebDriver};
use siaga::probe::definition::Flow;
use siaga::probe::flow_file;
use siaga::probe::runner::{Occasion, Target, Tools, run_in_browser};
use siaga::store::outages;
use siaga::system::{SystemClock, SystemRandom};
use siaga::toml_reader::Source;
use tokio::sync::{Notify, watch};

use crate::harness::probing::{browsers_in, target, tools};
use crate::harness::{eventually, folder, on_sqlite};

/// How long a browser may take to be gone.
const GONE: Duration = Duration::from_secs(15);
/// One page that comes, and one that never does.
const STALLS: &str = r#"
[[step]]
name = "a"
component = "website"
visit = "/"
expect = { text = "Beranda" }
[[step]]
name = "b"
component = "website"
visit = "/slow"
timeout = "4s"
"#;
/// One page that comes.
const PASSES: &str = r#"
[[step]]
name = "a"
component = "website"
visit = "/"
timeout = "8s"
expect = { status = 200, text = "Beranda" }
"#;
/// How long a run of [`STALLS`] may take from its end on: the step's limit, and ours.
const BOUND: Duration = Duration::from_secs(12);

fn flow(steps: &str) -> Flow {
    let text = format!("name = \"F\"\nevery = {{ browser = \"1m\" }}\ntimeout = \"30s\"\n{steps}");
    flow_file::read(&Source::new("f.toml", text), "f", None).unwrap_or_else(|p| panic!("{p:#?}"))
}

/// A site, and browsers for it.
struct World {
    browsers: Browsers,
    target: Target,
    tools: Tools,
    /// Told when the page that never comes was asked for.
    asked: Arc<Notify>,
    events: Arc<Mutex<Vec<Event>>>,
    parent: PathBuf,
    _home: tempfile::TempDir,
}

impl World {
    async fn new() -> World {
        World::with(|_| {}).await
    }

    /// With other settings.
    async fn with(change: impl FnOnce(&mut Settings)) -> World {
        let asked = Arc::new(Notify::new());
        let tell = Arc::clone(&asked);
        let router = axum::Router::new()
            .route(
                "/",
                get(|| async { Html("<title>Beranda</title><p>Beranda") }),
            )
            .route(
                "/slow",
                get(move || async move {
                    tell.notify_one();
                    std::future::pending::<()>().await;
                }),
            );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let site = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        World::of(&site, asked, change)
    }

    /// Of a site that is there.
    fn of(site: &str, asked: Arc<Notify>, change: impl FnOnce(&mut Settings)) -> World {
        let home = folder();
        let mut settings = browsers_in(home.path());
        settings.slots = 1;
        change(&mut settings);
        let parent = settings.folder.clone();
        let events: Arc<Mutex<Vec<Event>>> = Arc::default();
        let keep = Arc::clone(&events);
        let browsers = Browsers::open(settings, Arc::new(SystemRandom))
            .unwrap()
            .observed_by(
                Arc::new(SystemClock),
                Arc::new(move |event| keep.lock().unwrap().push(event)),
            );
        let mut tools = tools();
        tools.browsers = Some(browsers.clone());
        World {
            browsers,
            target: target(site),
            tools,
            asked,
            events,
            parent,
            _home: home,
        }
    }

    async fn run(&self, steps: &str) -> RunReport {
        self.run_until(steps, None).await
    }

    async fn run_until(&self, steps: &str, stop: Option<watch::Receiver<bool>>) -> RunReport {
        let occasion = Occasion {
            turn: 0,
            stop,
            on_step: &mut |_| {},
        };
        run_in_browser(&flow(steps), &self.target, &self.tools, occasion).await
    }

    /// Runs [`STALLS`] and does something to its browser while the page does not come. Gives
    /// the report, how long it took from then on, and who was there.
    async fn meanwhile(&self, act: impl FnOnce(&[Inhabitant])) -> (RunReport, Duration, Vec<u32>) {
        let acting = async {
            self.asked.notified().await;
            let there = inhabitants(&self.parent);
            act(&there);
            let ids = there.iter().map(|one| one.id).collect::<Vec<_>>();
            (SystemClock.monotonic(), ids)
        };
        let (report, (since, there)) = tokio::join!(self.run(STALLS), acting);
        (report, SystemClock.monotonic() - since, there)
    }

    /// Nobody and nothing is left, and the next run passes.
    async fn recovers(&self, was_there: &[u32]) -> RunReport {
        self.is_clean(was_there).await;
        let next = self.run(PASSES).await;
        assert_eq!(next.outcome, Outcome::Passed, "{next:#?}");
        self.is_clean(&[]).await;
        next
    }

    async fn is_clean(&self, was_there: &[u32]) {
        eventually("nobody is left", GONE, || async {
            inhabitants(&self.parent).is_empty()
        })
        .await;
        for id in was_there {
            let path = format!("/proc/{id}/stat");
            let stat = std::fs::read_to_string(path).unwrap_or_default();
            assert!(stat.is_empty(), "it is not reaped: {stat}");
        }
        assert_eq!(folders(&self.parent), Vec::<String>::new());
    }
}

fn folders(parent: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().into_string().unwrap())
        .filter(|name| name.starts_with("browser-"))
        .collect()
}

/// A process that has to do with a folder.
#[derive(Debug)]
struct Inhabitant {
    id: u32,
    name: String,
    line: String,
}

impl Inhabitant {
    fn is_driver(&self) -> bool {
        self.name == "chromedriver"
    }

    /// The browser itself, not one of its helpers.
    fn is_browser(&self) -> bool {
        self.name == "chromium" && !self.line.contains("--type=")
    }

    fn signal(&self, signal: &str) {
        send(signal, self.id);
    }
}

fn send(signal: &str, id: u32) {
    let sent = Command::new("kill")
        .args([format!("-{signal}"), id.to_string()])
        .status();
    assert!(
        sent.is_ok_and(|status| status.success()),
        "{signal} to {id}"
    );
}

fn inhabitants(folder: &Path) -> Vec<Inhabitant> {
    let folder = format!("{}/browser-", folder.display());
    let read = |id: u32, file: &str| {
        let bytes = std::fs::read(format!("/proc/{id}/{file}")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).replace('\0', " ")
    };
    let ids = std::fs::read_dir("/proc").unwrap().flatten();
    ids.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|id| {
            ["cmdline", "environ"]
                .iter()
                .any(|file| read(*id, file).contains(&folder))
        })
        .map(|id| Inhabitant {
            id,
            name: read(id, "comm").trim().to_owned(),
            line: read(id, "cmdline"),
        })
        .collect()
}

/// Why a run says nothing of the site; fails where it does.
fn ours(report: &RunReport) -> &str {
    assert_eq!(
        report.outcome,
        Outcome::Inconclusive(Why::Ourselves),
        "{report:#?}"
    );
    let step = report
        .steps
        .iter()
        .find(|step| step.outcome == report.outcome);
    step.unwrap().message.as_deref().unwrap()
}

/// The real detector, told of these runs, each of them three times in a row, opens nothing.
async fn opens_nothing(reports: Vec<RunReport>) {
    on_sqlite(|database| {
        let reports = reports.clone();
        async move {
            let store = database.store;
            let detector = Detector::new(
                store.clone(),
                Rules::default(),
                TimeZone::UTC,
                vec!["webhook:ops".to_owned()],
                Arc::new(SystemClock),
                Arc::new(SystemRandom),
            );
            let start = SystemClock.now();
            let mut after = 0;
            for report in reports {
                assert_eq!(report.engine, Engine::Browser);
                for _ in 0..3 {
                    after += 1000;
                    let mut report = report.clone();
                    report.number = RunNumber(after);
                    report.started_at = Moment(start.0 + after);
                    report.ended_at = Moment(start.0 + after + 500);
                    detector.record(report).await.unwrap();
                }
            }
            let all = store
                .read(|mut conn| {
                    Box::pin(async move {
                        outages::touching(&mut conn, Moment(0), Moment(i64::MAX), 10).await
                    })
                })
                .await
                .unwrap();
            assert!(all.is_empty(), "{all:#?}");
        }
    })
    .await;
}

/// Writes a program. Not by ourselves: whoever is started meanwhile would hold it open, and
/// what is open for writing cannot be run.
fn program(path: &Path, text: &str) -> PathBuf {
    let script = "printf '#!/bin/sh\\n%s\\n' \"$1\" > \"$0\" && chmod 755 \"$0\"";
    let written = Command::new("sh")
        .args(["-c", script, path.to_str().unwrap(), text])
        .status();
    assert!(written.is_ok_and(|status| status.success()));
    path.to_owned()
}

fn own(program: &Path) -> WebDriver {
    WebDriver::Own(program.to_owned())
}
