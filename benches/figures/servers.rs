//! The servers that the figures need: nginx, Debian's exporter, Siaga itself, and the page
//! that is checked.

use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};
use siaga::domain::Clock as _;
use siaga::http_client::HttpClients;
use siaga::rehearsal::{self, Rehearsal};
use siaga::system::{SystemClock, SystemRandom};

use crate::process::Process;

/// What the checked page says.
pub(crate) const TEXT: &str = "Perpanjang izin tinggal";

/// An address that was free a moment ago.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// A client for what drives and looks, not for what is measured.
pub(crate) fn client() -> anyhow::Result<reqwest::Client> {
    Ok(HttpClients::new(None, &[])?.plain(Duration::from_secs(30))?)
}

/// The rehearsal site on free ports.
pub(crate) async fn rehearsal() -> anyhow::Result<Rehearsal> {
    let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let settings = rehearsal::Settings {
        listen: free,
        control_listen: Some(free),
        smtp_listen: free,
        imap_listen: free,
        ..rehearsal::Settings::default()
    };
    Ok(rehearsal::start(settings, Arc::new(SystemClock), Arc::new(SystemRandom)).await?)
}

/// The rehearsal's home page: what a permit site shows.
pub(crate) async fn home_page() -> anyhow::Result<String> {
    let rehearsal = rehearsal().await?;
    let url = format!("http://{}/", rehearsal.site());
    let page = client()?.get(url).send().await?.error_for_status()?;
    let page = page.text().await?;
    rehearsal.stop().await;
    anyhow::ensure!(page.contains(TEXT), "the home page has changed");
    Ok(page)
}

/// How an nginx is set up.
#[derive(Clone, Copy)]
pub(crate) struct Nginx {
    /// A name for its files.
    pub(crate) name: &'static str,
    /// What stands in `http { }` besides the least.
    pub(crate) http: &'static str,
    /// `worker_processes`.
    pub(crate) workers: &'static str,
    /// Whether each request is noted, in `NAME.access` below the folder.
    pub(crate) notes: bool,
}

impl Nginx {
    /// Serves `folder/www`.
    pub(crate) async fn start(self, folder: &Path) -> anyhow::Result<(Process, SocketAddr)> {
        let address = free_address()?;
        let home = folder.display();
        let Nginx {
            name,
            http,
            workers,
            notes,
        } = self;
        let access = if notes {
            format!("{home}/{name}.access")
        } else {
            "off".to_owned()
        };
        // Of the paths for temporary files only those below our folder may be written.
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|kind| format!("  {kind}_temp_path {home}/{name}.{kind};\n"))
            .collect();
        // Workers must be able to read our private folder.
        let text = format!(
            "daemon off;\nuser root;\nworker_processes {workers};\npid {home}/{name}.pid;\n\
             error_log {home}/{name}.error;\nevents {{ worker_connections 1024; }}\nhttp {{\n\
             {temporary}  access_log {access};\n  default_type text/html;\n  {http}\n\
             server {{ listen {address}; root {home}/www; }}\n}}\n"
        );
        let file = folder.join(format!("{name}.conf"));
        fs::write(&file, text)?;
        let mut process = Process::start(
            Command::new("nginx")
                .arg("-e")
                .arg(folder.join("nginx.first"))
                .arg("-c")
                .arg(file),
            &folder.join(format!("{name}.log")),
        )?;
        process.listens(address).await?;
        Ok((process, address))
    }
}

/// Debian's blackbox exporter with a module that checks what Siaga's flow checks.
pub(crate) async fn blackbox(folder: &Path) -> anyhow::Result<(Process, SocketAddr)> {
    let file = folder.join("blackbox.yml");
    fs::write(
        &file,
        format!(
            "modules:\n  http_2xx:\n    prober: http\n    timeout: 5s\n    http:\n      \
             method: GET\n      preferred_ip_protocol: ip4\n      valid_status_codes: [200]\n      \
             fail_if_body_not_matches_regexp: [\"{TEXT}\"]\n"
        ),
    )?;
    let address = free_address()?;
    let mut process = Process::start(
        Command::new("prometheus-blackbox-exporter")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--web.listen-address={address}")),
        &folder.join("blackbox.log"),
    )?;
    process.listens(address).await?;
    Ok((process, address))
}

/// The text of a flow of one step: one page, its status and its text.
pub(crate) fn flow(name: &str, component: &str, every: &str) -> String {
    format!(
        "name = \"{name}\"\nevery = \"{every}\"\n\n[[step]]\nname = \"Page of {name}\"\n\
         component = \"{component}\"\nvisit = \"/\"\n\
         expect = {{ status = 200, text = \"{TEXT}\" }}\n"
    )
}

/// What every configuration here has; `more` is put over it.
pub(crate) fn config(
    folder: &Path,
    listen: SocketAddr,
    site: SocketAddr,
    more: Value,
) -> anyhow::Result<String> {
    let database = folder.join("data").join("siaga.db");
    let mut config = json!({
        "server": { "listen": listen.to_string(), "public_url": format!("http://{listen}") },
        "data": {
            "folder": folder.join("data"),
            "database": format!("sqlite:{}", database.display()),
        },
        "site": {
            "name_id": "Izin Tinggal Online",
            "name_en": "Stay Permit Online",
            "url": format!("http://{site}"),
            "probes": folder.join("probes"),
        },
        "probe": { "vantage": "bench", "contact": "bench@siaga.example" },
        "control": { "urls": [] },
    });
    if let (Some(config), Value::Object(more)) = (config.as_object_mut(), more) {
        for (section, keys) in more {
            match (config.get_mut(&section), keys) {
                (Some(Value::Object(there)), Value::Object(keys)) => there.extend(keys),
                (_, keys) => {
                    config.insert(section, keys);
                }
            }
        }
    }
    Ok(toml::to_string(&config)?)
}

/// `siaga run` in a process of its own, with its configuration and flows below `folder`.
pub(crate) async fn siaga(
    folder: &Path,
    site: SocketAddr,
    flows: usize,
    more: Value,
) -> anyhow::Result<(Process, SocketAddr)> {
    const COMPONENTS: [&str; 7] = [
        "website",
        "sign-in",
        "application",
        "upload",
        "payment",
        "notification",
        "tracking",
    ];
    let probes = folder.join("probes");
    fs::create_dir_all(&probes)?;
    for index in 0..flows {
        let name = format!("flow-{index:04}");
        let text = flow(&name, COMPONENTS[index % COMPONENTS.len()], "1m");
        fs::write(probes.join(format!("{name}.toml")), text)?;
    }
    let listen = free_address()?;
    let file = folder.join("siaga.toml");
    fs::write(&file, config(folder, listen, site, more)?)?;
    let log = folder.join("siaga.log");
    let mut process = Process::start(
        Command::new(env!("CARGO_BIN_EXE_siaga"))
            .args(["run", "--config"])
            .arg(&file)
            .current_dir(folder),
        &log,
    )?;
    if let Err(error) = process.listens(listen).await {
        let said = fs::read_to_string(&log).unwrap_or_default();
        return Err(error.context(said));
    }
    Ok((process, listen))
}

/// Waits until the address answers 200 and its text is as wanted; gives the text.
pub(crate) async fn until(
    client: &reqwest::Client,
    url: &str,
    within: Duration,
    mut wanted: impl FnMut(&str) -> bool,
) -> anyhow::Result<String> {
    let deadline = SystemClock.monotonic() + within;
    loop {
        let response = client.get(url).send().await;
        if let Ok(response) = response
            && response.status() == 200
        {
            let text = response.text().await?;
            if wanted(&text) {
                return Ok(text);
            }
        }
        if SystemClock.monotonic() > deadline {
            bail!("{url} is not as awaited after {within:?}");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A folder that goes away.
pub(crate) fn folder() -> anyhow::Result<tempfile::TempDir> {
    tempfile::Builder::new()
        .prefix("siaga-bench-")
        // As root, browsers run as a user of their own.
        .permissions(Permissions::from_mode(0o711))
        .tempdir()
        .context("no temporary folder")
}
