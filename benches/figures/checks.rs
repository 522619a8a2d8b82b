//! Figure 1: the processor time of one HTTP check. Siaga's flow of one step (visit, status,
//! text), a bare reqwest loop, and Debian's blackbox exporter all fetch the same page, the
//! rehearsal site's home page, from an nginx in another process. One check after the other.
//!
//! The bare loop is one client for all checks without kept connections: each check opens
//! its own connection, as monitors do, reads the body, compares the status and searches the
//! text in it. Of the exporter only its own time counts, not that of who asks it.
//!
//! The page is the same each time, as most that are watched every minute are; what Siaga
//! remembers of pages that came before counts. Of a page that is new each time it is told too.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use anyhow::{Context, ensure};
use siaga::domain::Outcome;
use siaga::http_client::HttpClients;
use siaga::pictures::Drawer;
use siaga::probe::applicants::Applicants;
use siaga::probe::definition::Flow;
use siaga::probe::error_pages::ErrorPages;
use siaga::probe::flow_file;
use siaga::probe::politeness::{Politeness, Rate};
use siaga::probe::runner::{Occasion, Target, Tools, run_flow};
use siaga::system::{SystemClock, SystemRandom};
use siaga::toml_reader::Source;
use url::Url;

use crate::process::{self, Process, is_installed};
use crate::servers::{self, Nginx, TEXT};
use crate::table::{Row, median};

/// Rounds, each with every variant in turn: many short ones, as machines change their pace.
const ROUNDS: usize = 45;
/// Checks of a variant in one round; the exporter gets a quarter, it takes longer.
const CHECKS: usize = 1000;

pub(crate) async fn measure() -> anyhow::Result<Vec<Row>> {
    if !is_installed("nginx") {
        return Ok(vec![Row::failed("checks", "nginx is not installed")]);
    }
    let folder = servers::folder()?;
    let page = servers::home_page().await?;
    fs::create_dir(folder.path().join("www"))?;
    fs::write(folder.path().join("www/index.html"), &page)?;
    let nginx = |name, http| Nginx {
        name,
        http,
        workers: "1",
        notes: false,
    };
    let same = nginx("target", "keepalive_requests 100000000;");
    let (_same, address) = same.start(folder.path()).await?;
    let url = Url::parse(&format!("http://{address}/"))?;
    // One of 4,096, drawn for each request; so many are not remembered.
    let new = nginx(
        "new",
        "map $request_id $drawn { ~^(?<three>...) $three; } index $drawn.html;",
    );
    for number in 0..0x1000 {
        let name = format!("www/{number:03x}.html");
        fs::write(
            folder.path().join(name),
            format!("{page}<!-- {number:03x} -->"),
        )?;
    }
    let (_new, address) = new.start(folder.path()).await?;
    let new_url = Url::parse(&format!("http://{address}/"))?;
    println!("the page has {} bytes", page.len());

    let siaga = Arc::new(Siaga::new(&url)?);
    let of_new = Arc::new(Siaga::new(&new_url)?);
    let fresh = bare_client(0)?;
    let kept = bare_client(1)?;
    let blackbox = if is_installed("prometheus-blackbox-exporter") {
        Some(servers::blackbox(folder.path()).await?)
    } else {
        println!("prometheus-blackbox-exporter is not installed: not compared");
        None
    };
    let driver = servers::client()?;

    let (mut of_siaga, mut of_fresh) = (Vec::new(), Vec::new());
    let (mut of_kept, mut of_blackbox) = (Vec::new(), Vec::new());
    let (mut of_siaga_new, mut of_fresh_new) = (Vec::new(), Vec::new());
    // The first round only warms up.
    for round in 0..=ROUNDS {
        let flow = Arc::clone(&siaga);
        let siaga = own(async move { flow.checks(CHECKS).await }).await?;
        let bare_same = own(bare(fresh.clone(), url.clone(), CHECKS)).await?;
        let flow = Arc::clone(&of_new);
        let siaga_new = own(async move { flow.checks(CHECKS).await }).await?;
        let fresh_new = own(bare(fresh.clone(), new_url.clone(), CHECKS)).await?;
        let kept = own(bare(kept.clone(), url.clone(), CHECKS)).await?;
        let blackbox = match &blackbox {
            Some((process, address)) => asked(&driver, process, *address, &url).await?,
            None => f64::NAN,
        };
        if round == 0 {
            continue;
        }
        println!(
            "round {round}: siaga {siaga:.0} µs, bare {bare_same:.0} µs, \
             bare with a kept connection {kept:.0} µs, exporter {blackbox:.0} µs; \
             of a new page siaga {siaga_new:.0} µs, bare {fresh_new:.0} µs"
        );
        of_siaga.push(siaga);
        of_fresh.push(bare_same);
        of_kept.push(kept);
        of_siaga_new.push(siaga_new);
        of_fresh_new.push(fresh_new);
        of_blackbox.push(blackbox);
    }
    let siaga = (median(&of_siaga), "µs");
    let mut rows = vec![
        Row::at_most(
            "CPU per check, against bare reqwest (own connection each)",
            1.3,
            siaga,
            median(&of_fresh),
        ),
        Row::told(
            "CPU per check, against bare reqwest (one kept connection)",
            siaga,
            median(&of_kept),
        ),
    ];
    rows.push(Row::told(
        "the same of a page that is new each time, against bare reqwest (own connection)",
        (median(&of_siaga_new), "µs"),
        median(&of_fresh_new),
    ));
    if blackbox.is_some() {
        rows.push(Row::at_most(
            "CPU per check, against the blackbox exporter",
            0.25,
            siaga,
            median(&of_blackbox),
        ));
    }
    Ok(rows)
}

/// Microseconds of our own processor time that one check of `CHECKS` takes.
async fn own<F>(checks: F) -> anyhow::Result<f64>
where
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let before = process::own_cpu();
    // In a task, as the service runs its flows.
    tokio::spawn(checks).await??;
    Ok((process::own_cpu() - before) * 1e6 / CHECKS as f64)
}

struct Siaga {
    flow: Flow,
    target: Target,
    tools: Tools,
}

impl Siaga {
    fn new(url: &Url) -> anyhow::Result<Siaga> {
        let text = servers::flow("check", "website", "1m");
        let flow = flow_file::read(&Source::new("check.toml", text), "check", None)
            .map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
        let target = Target {
            site: url.clone(),
            hosts: Default::default(),
            private_networks: Vec::new(),
            controls: Vec::new(),
            variables: BTreeMap::new(),
            secrets: BTreeMap::new(),
            vantage: "bench".to_owned(),
            time_zone: jiff::tz::TimeZone::UTC,
        };
        let known = "probes/error-pages.toml";
        let error_pages = ErrorPages::load(&fs::read_to_string(known)?, known)
            .map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
        // As fast as it goes: what is measured is work, not waiting.
        let rate = Rate {
            at_once: 64,
            per_second: 1e6,
        };
        let tools = Tools {
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            applicants: Arc::new(Applicants::new(HttpClients::new(
                Some("bench@siaga.example"),
                &[],
            )?)),
            mailbox: None,
            browsers: None,
            evidence: None,
            drawer: Drawer::new(env!("CARGO_BIN_EXE_siaga")),
            error_pages: Arc::new(error_pages),
            readings: Arc::default(),
            politeness: Arc::new(Politeness::new(rate, rate)),
        };
        Ok(Siaga {
            flow,
            target,
            tools,
        })
    }

    async fn checks(&self, count: usize) -> anyhow::Result<()> {
        for turn in 0..count {
            let occasion = Occasion {
                turn,
                stop: None,
                on_step: &mut |_| {},
            };
            let report = Box::pin(run_flow(&self.flow, &self.target, &self.tools, occasion)).await;
            ensure!(report.outcome == Outcome::Passed, "not passed: {report:?}");
        }
        Ok(())
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "the reference is reqwest without anything of ours"
)]
fn bare_client(kept: usize) -> anyhow::Result<reqwest::Client> {
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls()?)
        .no_proxy()
        .pool_max_idle_per_host(kept)
        .build()?;
    Ok(client)
}

fn tls() -> anyhow::Result<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

async fn bare(client: reqwest::Client, url: Url, count: usize) -> anyhow::Result<()> {
    for _ in 0..count {
        let response = client.get(url.clone()).send().await?;
        ensure!(response.status() == 200, "status {}", response.status());
        let body = response.text().await?;
        ensure!(body.contains(TEXT), "the text is missing");
    }
    Ok(())
}

/// Microseconds of the exporter's processor time for one check.
async fn asked(
    driver: &reqwest::Client,
    exporter: &Process,
    address: std::net::SocketAddr,
    target: &Url,
) -> anyhow::Result<f64> {
    let count = CHECKS / 4;
    let url = Url::parse_with_params(
        &format!("http://{address}/probe"),
        [("module", "http_2xx"), ("target", target.as_str())],
    )?;
    let before = exporter.cpu()?;
    for _ in 0..count {
        let answer = driver.get(url.clone()).send().await?.text().await?;
        answer
            .lines()
            .find(|line| *line == "probe_success 1")
            .context("the exporter's check did not succeed")?;
    }
    Ok((exporter.cpu()? - before) * 1e6 / count as f64)
}
