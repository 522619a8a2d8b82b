//! The demonstration: the rehearsal site and the whole of Siaga in one process, with
//! ninety days behind it and two outages before it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use serde_json::json;

use super::life::Life;
use super::past;
use super::service::Service;
use crate::config::{Config, Environment, Sandbox};
use crate::domain::case::Role;
use crate::domain::{Clock, Moment, Random, random};
use crate::rehearsal::{self, Fault, Rehearsal, ScriptedFault};
use crate::store::staff::{self, Member};
use crate::store::{Store, runs};
use crate::toml_reader::Source;
use crate::web::passwords;

/// Intervals of flows are this share of what is written, so that things happen soon.
const PACE: f64 = 0.15;

/// How the demonstration is set up.
pub struct Settings {
    /// Where Siaga serves.
    pub listen: SocketAddr,
    /// The rehearsal site.
    pub rehearsal: rehearsal::Settings,
    /// The folder of flows.
    pub probes: PathBuf,
    /// Where everything is kept while it lasts.
    pub data: PathBuf,
}

/// A demonstration under way.
pub struct Demo {
    /// Where Siaga serves.
    pub siaga: SocketAddr,
    /// The rehearsal site and its post office.
    pub rehearsal: Rehearsal,
    /// The service's database.
    pub store: Store,
    /// E-mail address and password of a supervisor.
    pub staff: (String, String),
    /// Whether flows run in a browser too.
    pub has_browser: bool,
}

/// The two outages of the demonstration: sign-in fails after a minute, for 75 seconds; two
/// minutes later larger documents are refused, for two minutes. Then all is well.
pub fn script() -> Vec<ScriptedFault> {
    let seconds = Duration::from_secs;
    let faults = [
        (
            seconds(60),
            seconds(75),
            json!({"kind": "error", "status": 500, "path": "/front/login"}),
        ),
        (
            seconds(240),
            seconds(150),
            json!({"kind": "upload_refused", "above_bytes": 50_000}),
        ),
    ];
    faults
        .into_iter()
        .filter_map(|(after, for_, fault)| {
            let fault = Fault::from_json(fault).ok()?;
            Some(ScriptedFault { after, for_, fault })
        })
        .collect()
}

/// Starts the rehearsal site, writes the past where the database has none, and starts the
/// service. `told` hears what is being done, and of the past how much is done (0.0 to 1.0).
///
/// # Errors
/// When an address is taken, or the flows have mistakes.
pub async fn start(
    settings: Settings,
    life: &mut Life,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    told: impl Fn(&str, Option<f64>),
) -> anyhow::Result<Demo> {
    told("Starting the rehearsal site", None);
    let account = settings.rehearsal.account.clone();
    let rehearsal =
        rehearsal::start(settings.rehearsal, Arc::clone(&clock), Arc::clone(&random)).await?;
    let config = config(
        &settings.data,
        &settings.probes,
        settings.listen,
        &rehearsal,
        &account,
    )?;
    told("Opening the database", None);
    let service = Service::open(config, PACE, Arc::clone(&clock), Arc::clone(&random)).await?;
    let is_new = service
        .store
        .read(|mut conn| {
            Box::pin(async move { Ok(runs::first_observation(&mut conn).await?.is_none()) })
        })
        .await?;
    if is_new {
        past::write(
            &service.store,
            &service.detector.without_alerts(),
            &service.outlines(),
            &service.config.probe.vantage,
            clock.now(),
            &service.config.site.zone,
            &*random,
            |done| told("Simulating the ninety days before", Some(done)),
        )
        .await?;
    }
    let staff = supervisor(&service.store, clock.now(), &*random).await?;
    let store = service.store.clone();
    let has_browser = service.has_browsers();
    let siaga = service.start(life).await?;
    rehearsal.faults().begin_script();
    Ok(Demo {
        siaga,
        rehearsal,
        store,
        staff,
        has_browser,
    })
}

/// An account that sees the cases of all offices, with a new password at each start.
async fn supervisor(
    store: &Store,
    now: Moment,
    random: &dyn Random,
) -> anyhow::Result<(String, String)> {
    let password = passwords::generate(random);
    let member = Member {
        id: random::id(now, random),
        email: "officer@siaga.example".to_owned(),
        password_hash: passwords::hash(&password, random)?,
        role: Role::Supervisor,
        office: None,
    };
    let email = member.email.clone();
    store
        .write(move |mut conn| {
            Box::pin(async move {
                if !staff::replace(&mut conn, &member).await? {
                    staff::add(&mut conn, &member, now).await?;
                }
                Ok(())
            })
        })
        .await?;
    Ok((email, password))
}

/// The configuration of a demonstration: what an operator would write, with the rehearsal's
/// addresses in the place of the real site's.
fn config(
    data: &Path,
    probes: &Path,
    listen: SocketAddr,
    rehearsal: &Rehearsal,
    (email, password): &(String, String),
) -> anyhow::Result<Config> {
    let site = rehearsal.site();
    let control = rehearsal.control().unwrap_or(site);
    let text = toml::to_string(&json!({
        "server": { "listen": listen.to_string(), "public_url": format!("http://{listen}") },
        "data": { "folder": data, "database": format!("sqlite:{}", data.join("siaga.db").display()) },
        "site": {
            "name": {
                "id": "Izin Tinggal Online (latihan)",
                "en": "Izin Tinggal Online (rehearsal)",
            },
            "url": format!("http://{site}"),
            "probes": probes,
        },
        "probe": {
            "vantage": "demo",
            "contact": format!("http://{listen}"),
            "retry_after": "1s",
            "host_rate": 50.0,
            "host_concurrency": 4,
        },
        "control": { "urls": [format!("http://{control}/generate_204")] },
        "smtp": {
            "server": rehearsal.smtp().ip().to_string(),
            "port": rehearsal.smtp().port(),
            "tls": "none",
            "from": "siaga@siaga.example",
        },
        "alert": { "mail": [{ "to": "duty@siaga.example" }] },
        "rehearsal": { "marked": true },
    }))?;
    let user = email.replace('@', "%40");
    let environment = Environment::from_iter([
        ("PROBE_EMAIL", email.clone()),
        ("PROBE_PASSWORD", password.clone()),
        (
            "SIAGA_MAILBOX",
            format!("imap://{user}:{password}@{}", rehearsal.imap()),
        ),
    ]);
    let mut config = Config::read(&Source::new("demo", text), &environment)
        .map_err(|problems| {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            anyhow::anyhow!(lines.join("\n"))
        })
        .context("the demonstration's own configuration is wrong")?;
    // The pages are our own.
    config.browser.sandbox = Some(Sandbox::Preferred);
    Ok(config)
}
