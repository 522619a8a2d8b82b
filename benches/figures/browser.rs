//! Figures of the browser engine, on the rehearsal site in another process.
//!
//! `browser`: a flow of five steps in Siaga beside the same clicks in a bare fantoccini script
//! that starts and ends a chromedriver and a browser itself, with the same arguments for the
//! browser, and beside the same flow with a store for evidence; in turns. Wall time from
//! nothing to nothing, and the processor time of everything that was started: ours and that
//! of all children that were waited for.
//!
//! `browser-memory`: `siaga run` with browser runs one after the other, its memory after the
//! first and after many, and what is left of them.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use siaga::domain::{Clock as _, Outcome};
use siaga::http_client::HttpClients;
use siaga::pictures::Drawer;
use siaga::probe::applicants::Applicants;
use siaga::probe::browser::{Browsers, Destinations, Sandbox, Settings, User, shared_folder};
use siaga::probe::definition::Flow;
use siaga::probe::error_pages::ErrorPages;
use siaga::probe::evidence::EvidenceStore;
use siaga::probe::flow_file;
use siaga::probe::politeness::{Politeness, Rate};
use siaga::probe::runner::{Occasion, Target, Tools, run_in_browser};
use siaga::system::{SystemClock, SystemRandom};
use siaga::toml_reader::Source;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::process::{self, Process, is_installed, megabytes};
use crate::servers;
use crate::table::{Row, median, number};

/// Rounds, each with every variant in turn; `SIAGA_BENCH_ROUNDS` says another number.
const ROUNDS: usize = 9;
/// Browser runs whose memory is looked at; `SIAGA_BENCH_RUNS` says another number.
const RUNS: u64 = 500;
/// After so many runs memory is looked at for the first time.
const FIRST: u64 = 20;
/// The longest that one run may take on average, before it is given up.
const LONGEST_RUN: Duration = Duration::from_secs(10);
/// How long helpers may outlive their browser.
const LATER: Duration = Duration::from_millis(500);
const EMAIL: &str = "probe@siaga.example";
const PASSWORD: &str = "rehearsal-only";
/// The site itself takes only so many sign-ins at a time; `${run}` keeps texts apart.
const FLOW: &str = r##"
name    = "Five steps"
every   = { browser = "10m" }
needs   = ["PROBE_EMAIL", "PROBE_PASSWORD"]
[[step]]
name      = "Home page"
component = "website"
visit     = "/"
expect    = { status = 200, text = "Perpanjang izin tinggal" }
[[step]]
name      = "Sign in"
component = "sign-in"
visit     = "/front/login"
fill      = { "#email" = "${PROBE_EMAIL}", "#password" = "${PROBE_PASSWORD}" }
submit    = "#login"
expect    = { css = "#permits" }
[[step]]
name      = "Begin an extension"
component = "application"
submit    = "#extend"
expect    = { css = "#step_1" }
capture   = { draft = { css = "meta[name=draft]", attribute = "content" } }
[[step]]
name      = "The permit"
component = "application"
choose    = { "input[name=role]" = "holder", "#permit_type" = "itas", "#duration" = "180", "#province" = "dki-jakarta", "#office" = "jakarta-selatan" }
fill      = { "#arrived_on" = "${today-200d}" }
submit    = "#step_1"
expect    = { css = "#step_2", not_css = ".error" }
[[step]]
name      = "Withdraw"
component = "application"
visit     = "/web/applications/${draft}/withdraw"
submit    = "#withdraw"
expect    = { path = "/web/applications" }
"##;

fn asked(name: &str, usual: u64) -> u64 {
    let said = std::env::var(name).ok();
    said.and_then(|text| text.parse().ok()).unwrap_or(usual)
}

fn is_missing() -> Option<&'static str> {
    ["chromedriver", "chromium"]
        .into_iter()
        .find(|program| !is_installed(program))
}

// ---- one run -------------------------------------------------------------------------------------

pub(crate) async fn measure() -> anyhow::Result<Vec<Row>> {
    if let Some(program) = is_missing() {
        let cause = format!("{program} is not installed");
        return Ok(vec![Row::failed("browser", &cause)]);
    }
    let folder = servers::folder()?;
    let (_site, address) = site(folder.path()).await?;
    let plain = Siaga::new(&address, folder.path(), None)?;
    let store = EvidenceStore::open(folder.path().join("evidence"))?;
    let keeping = Siaga::new(&address, folder.path(), Some(store))?;
    let arguments = arguments_of(&plain).await?;
    let rounds = usize::try_from(asked("SIAGA_BENCH_ROUNDS", ROUNDS as u64))?;
    let mut of = [const { (Vec::new(), Vec::new()) }; 3];
    // The first round only warms up.
    for round in 0..=rounds {
        let mut line = format!("round {round}:");
        // Each begins in turn, so that none always comes after the same other.
        for variant in (0..3).map(|one| (one + round) % 3) {
            let (wall, cpu) = match variant {
                0 => timed(plain.run()).await?,
                1 => timed(bare(&address, folder.path(), &arguments)).await?,
                _ => timed(keeping.run()).await?,
            };
            let name = ["siaga", "bare", "with evidence"][variant];
            line += &format!(" {name} {wall:.2} s, {cpu:.2} CPU s;");
            if round > 0 {
                of[variant].0.push(wall);
                of[variant].1.push(cpu);
            }
        }
        println!("{line}");
    }
    let of = of.map(|(wall, cpu)| (median(&wall), median(&cpu)));
    let [siaga, bare, keeping] = of;
    Ok(vec![
        Row::at_most(
            "browser flow, wall, against bare fantoccini",
            1.1,
            (siaga.0, "s"),
            bare.0,
        ),
        Row::at_most(
            "browser flow, CPU, against bare fantoccini",
            1.1,
            (siaga.1, "s"),
            bare.1,
        ),
        Row::at_most(
            "passing run with evidence, wall, against without",
            1.05,
            (keeping.0, "s"),
            siaga.0,
        ),
        Row::at_most(
            "passing run with evidence, CPU, against without",
            1.05,
            (keeping.1, "s"),
            siaga.1,
        ),
    ])
}

/// The rehearsal site as a process, whose time does not count.
async fn site(folder: &Path) -> anyhow::Result<(Process, String)> {
    let [listen, control, smtp, imap] = [(); 4].map(|()| servers::free_address());
    let listen = listen?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_siaga"));
    command.arg("rehearse");
    for (name, address) in [
        ("--listen", listen),
        ("--control", control?),
        ("--smtp", smtp?),
        ("--imap", imap?),
    ] {
        command.arg(name).arg(address.to_string());
    }
    let mut site = Process::start(&mut command, &folder.join("site.log"))?;
    site.listens(listen).await?;
    Ok((site, format!("http://{listen}")))
}

/// Wall and processor seconds. Whoever outlives the run for a moment, as a browser's helpers
/// do, is waited for, so that his time counts as well.
async fn timed(run: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<(f64, f64)> {
    let (start, before) = (SystemClock.monotonic(), process::cpu_with_children()?);
    run.await?;
    let wall = (SystemClock.monotonic() - start).as_secs_f64();
    tokio::time::sleep(LATER).await;
    while let Ok(Some(_)) = rustix::process::wait(rustix::process::WaitOptions::NOHANG) {}
    Ok((wall, process::cpu_with_children()? - before))
}

struct Siaga {
    flow: Flow,
    target: Target,
    tools: Tools,
    browsers: Browsers,
    /// What its browsers' folders are in.
    folder: PathBuf,
}

impl Siaga {
    fn new(site: &str, folder: &Path, evidence: Option<EvidenceStore>) -> anyhow::Result<Siaga> {
        let flow = flow_file::read(&Source::new("five.toml", FLOW), "five", None)
            .map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
        let secrets = [("PROBE_EMAIL", EMAIL), ("PROBE_PASSWORD", PASSWORD)];
        let target = Target {
            site: site.parse()?,
            hosts: Default::default(),
            private_networks: Vec::new(),
            controls: Vec::new(),
            variables: BTreeMap::new(),
            secrets: secrets
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            vantage: "bench".to_owned(),
            time_zone: jiff::tz::TimeZone::UTC,
        };
        let known = "probes/error-pages.toml";
        let error_pages = ErrorPages::load(&fs::read_to_string(known)?, known)
            .map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
        let rate = Rate {
            at_once: 64,
            per_second: 1e6,
        };
        let clients = HttpClients::new(Some("bench@siaga.example"), &[])?;
        let settings = Settings {
            // As what it is measured against.
            sandbox: Sandbox::Disabled,
            ..Settings::new(folder.join("browsers"), clients.user_agent())
        };
        let browsers = Browsers::open(settings, Arc::new(SystemRandom))?;
        let tools = Tools {
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            applicants: Arc::new(Applicants::new(clients)),
            mailbox: None,
            browsers: Some(browsers.clone()),
            evidence,
            drawer: Drawer::new(env!("CARGO_BIN_EXE_siaga")),
            error_pages: Arc::new(error_pages),
            readings: Arc::default(),
            politeness: Arc::new(Politeness::new(rate, rate)),
        };
        Ok(Siaga {
            flow,
            target,
            tools,
            browsers,
            folder: folder.join("browsers"),
        })
    }

    async fn run(&self) -> anyhow::Result<()> {
        let occasion = Occasion {
            turn: 0,
            stop: None,
            on_step: &mut |_| {},
        };
        let report = Box::pin(run_in_browser(
            &self.flow,
            &self.target,
            &self.tools,
            occasion,
        ));
        let report = report.await;
        ensure!(report.outcome == Outcome::Passed, "not passed: {report:#?}");
        Ok(())
    }
}

/// What Siaga tells its browser at its start, as it stands in the list of processes; without
/// the names of folders, and what the driver adds for each browser.
async fn arguments_of(siaga: &Siaga) -> anyhow::Result<Vec<String>> {
    let browser = siaga.browsers.start(&Destinations::default()).await?;
    let folder = siaga.folder.display().to_string();
    let lines = fs::read_dir("/proc")?.flatten().filter_map(|entry| {
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).into_owned())
    });
    let own = lines
        .filter(|line| line.contains(&folder) && line.contains("--headless=new"))
        .find(|line| !line.contains("--type="));
    browser.end().await;
    let own = own.context("no browser with a folder of ours")?;
    let ours = [
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--no-default-browser-check",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-extensions",
        "--disable-breakpad",
        "--lang=",
        "--window-size=",
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
    ];
    let given = own.split('\0');
    let given = given.filter(|one| ours.iter().any(|ours| one.starts_with(ours)));
    Ok(given.map(str::to_owned).collect())
}

// ---- the reference -------------------------------------------------------------------------------

/// The same clicks by hand.
async fn bare(site: &str, folder: &Path, arguments: &[String]) -> anyhow::Result<()> {
    let profile = tempfile::Builder::new()
        .prefix("bare-")
        .tempdir_in(folder)?;
    let mut driver = tokio::process::Command::from(Command::new("chromedriver"))
        .arg("--port=0")
        .env("TMPDIR", profile.path())
        .env("HOME", profile.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let stdout = driver.stdout.take().context("no output")?;
    let mut lines = BufReader::new(stdout).lines();
    let port = loop {
        let line = lines.next_line().await?.context("chromedriver ended")?;
        if let Some((_, port)) = line.split_once("successfully on port ") {
            break port.trim_end_matches('.').to_owned();
        }
    };
    let reading = tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    let mut arguments = arguments.to_vec();
    arguments.push(format!(
        "--user-data-dir={}",
        profile.path().join("profile").display()
    ));
    let mut wanted = serde_json::Map::<String, Value>::new();
    wanted.insert(
        "goog:chromeOptions".to_owned(),
        json!({ "args": arguments }),
    );
    let client = ClientBuilder::new(HttpConnector::new())
        .capabilities(wanted)
        .connect(&format!("http://127.0.0.1:{port}"))
        .await?;
    let clicked = Box::pin(clicks(&client, site)).await;
    client.close().await?;
    driver.start_kill()?;
    driver.wait().await?;
    reading.abort();
    clicked
}

async fn clicks(client: &Client, site: &str) -> anyhow::Result<()> {
    // Usually it is there at the first look, as the driver waits for pages by itself.
    let soon = || client.wait().every(Duration::from_millis(10));
    let there = async |css: &str| soon().for_element(Locator::Css(css)).await;
    let option = async |css: &str, value: &str| {
        client
            .find(Locator::Css(css))
            .await?
            .select_by_value(value)
            .await
    };
    client.goto(site).await?;
    let body = there("body").await?.text().await?;
    ensure!(body.contains("Perpanjang izin tinggal"), "another page");
    client.goto(&format!("{site}/front/login")).await?;
    there("#email").await?.send_keys(EMAIL).await?;
    there("#password").await?.send_keys(PASSWORD).await?;
    there("#login button").await?.click().await?;
    there("#permits").await?;
    there("#extend button").await?.click().await?;
    there("#step_1").await?;
    let draft = there("meta[name=draft]").await?.attr("content").await?;
    let draft = draft.context("no draft")?;
    there("input[name=role][value=holder]")
        .await?
        .click()
        .await?;
    option("#permit_type", "itas").await?;
    option("#duration", "180").await?;
    option("#province", "dki-jakarta").await?;
    there("#office option[value=jakarta-selatan]").await?;
    option("#office", "jakarta-selatan").await?;
    let arrived = "const field = arguments[0]; \
                   field.value = new Date(Date.now() - 200 * 86400e3).toISOString().slice(0, 10); \
                   field.dispatchEvent(new Event('change', {bubbles: true}))";
    let field = there("#arrived_on").await?;
    client
        .execute(arrived, vec![serde_json::to_value(field)?])
        .await?;
    there("#step_1 button").await?.click().await?;
    there("#step_2").await?;
    client
        .goto(&format!("{site}/web/applications/{draft}/withdraw"))
        .await?;
    there("#withdraw button").await?.click().await?;
    there("#permits").await?;
    Ok(())
}

// ---- many runs -----------------------------------------------------------------------------------

pub(crate) async fn memory() -> anyhow::Result<Vec<Row>> {
    if let Some(program) = is_missing() {
        let cause = format!("{program} is not installed");
        return Ok(vec![Row::failed("browser-memory", &cause)]);
    }
    let runs = asked("SIAGA_BENCH_RUNS", RUNS);
    println!("{runs} browser runs, two at a time: about a second each");
    let folder = servers::folder()?;
    let (_site, address) = site(folder.path()).await?;
    let site = address.trim_start_matches("http://").parse()?;
    let probes = folder.path().join("probes");
    fs::create_dir_all(&probes)?;
    for name in ["a", "b", "c"] {
        let text = servers::flow(name, "website", "1s");
        let text = text.replace("every = \"1s\"", "every = { browser = \"1s\" }");
        fs::write(probes.join(format!("{name}.toml")), text)?;
    }
    let more = json!({
        "browser": { "patience": "10m", "sandbox": false },
        "probe": { "host_rate": 500.0, "host_concurrency": 8 },
    });
    let (siaga, listen) = servers::siaga(folder.path(), site, 0, more).await?;
    let client = servers::client()?;
    let mut first = None;
    let mut told = 0;
    let deadline = SystemClock.monotonic() + LONGEST_RUN.saturating_mul(u32::try_from(runs)?);
    let last = loop {
        tokio::time::sleep(Duration::from_millis(250)).await;
        let metrics = client
            .get(format!("http://{listen}/metrics"))
            .send()
            .await?;
        let metrics = metrics.text().await?;
        let done = sum(&metrics, |_| true);
        if done >= FIRST && first.is_none() {
            first = Some(look(&siaga).await?);
        }
        if done >= told + 100 {
            told = done - done % 100;
            let (now, sockets) = look(&siaga).await?;
            println!("after {done} runs: {now:.1} MB, {sockets} sockets");
        }
        if done >= runs {
            let not = sum(&metrics, |line| !line.contains("\"passed\""));
            println!("{not} runs did not pass, as may be on a busy machine");
            ensure!(not * 20 <= runs, "too many runs did not pass:\n{metrics}");
            break look(&siaga).await?;
        }
        ensure!(
            SystemClock.monotonic() < deadline,
            "only {done} runs in the time"
        );
    };
    let first = first.context("memory was never looked at")?;
    let data = match User::of_browsers() {
        Some(_) => shared_folder(),
        None => folder.path().join("data/browsers"),
    };
    let zombies = zombies_of(siaga.id());
    drop(siaga);
    let folders = fs::read_dir(&data)?.flatten();
    let folders = folders.filter(|entry| entry.path().is_dir()).count();
    let processes = inhabitants(&data);
    let told = |figure: &str, value: usize| Row {
        figure: figure.to_owned(),
        measured: value.to_string(),
        reference: "–".to_owned(),
        ratio: None,
        target: "0".to_owned(),
        met: Some(value == 0),
    };
    let figure = format!(
        "memory after {} runs, against after {FIRST}",
        number(runs as f64)
    );
    Ok(vec![
        Row::at_most(&figure, 1.2, (last.0, "MB"), first.0),
        told(
            "processes left, the dead that nobody waited for too",
            processes + zombies,
        ),
        told("folders left", folders),
        told("sockets more than at first", last.1.saturating_sub(first.1)),
    ])
}

/// How many runs there were of a kind.
fn sum(metrics: &str, of: impl Fn(&str) -> bool) -> u64 {
    let lines = metrics
        .lines()
        .filter(|line| line.starts_with("siaga_runs_total"));
    lines
        .filter(|line| of(line))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        .sum()
}

/// Memory in MB, and sockets: the least of several looks, as some belong to runs under way.
async fn look(siaga: &Process) -> anyhow::Result<(f64, usize)> {
    let (mut memory, mut sockets) = (Vec::new(), usize::MAX);
    for _ in 0..40 {
        memory.push(megabytes(siaga.id(), "VmRSS")?);
        let open = fs::read_dir(format!("/proc/{}/fd", siaga.id()))?.flatten();
        let open = open.filter_map(|entry| fs::read_link(entry.path()).ok());
        let open = open.filter(|to| to.to_string_lossy().starts_with("socket:"));
        sockets = sockets.min(open.count());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok((median(&memory), sockets))
}

/// Dead children of a process that stay dead.
fn zombies_of(parent: u32) -> usize {
    let dead = || -> BTreeSet<String> {
        let all = fs::read_dir("/proc").into_iter().flatten().flatten();
        all.filter(|entry| {
            let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            let behind = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
            let mut words = behind.split_whitespace();
            words.next() == Some("Z") && words.next() == Some(&parent.to_string())
        })
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
    };
    let before = dead();
    std::thread::sleep(Duration::from_secs(5));
    dead().intersection(&before).count()
}

fn inhabitants(folder: &Path) -> usize {
    let folder = folder.display().to_string();
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    all.filter(|entry| {
        ["cmdline", "environ"].iter().any(|file| {
            let text = fs::read(entry.path().join(file)).unwrap_or_default();
            String::from_utf8_lossy(&text).contains(&folder)
        })
    })
    .count()
}
