//! What is asked of a new session, for each kind of browser.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::proxy_script;
use super::{Destinations, Settings};

/// Width and height of the window: what many applicants have, in CSS pixels.
const WINDOW: &str = "1366,768";
/// What Firefox calls itself; its own name is only known when it is too late to add to it.
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
/// What the web is asked for in the first place.
pub(super) const LANGUAGES: &str = "id,en";
/// Whatever is not for TLS goes to a proxy whose name nobody has, also on the loopback interface.
/// This holds for every redirect, frame and window, before anything is sent.
const NOTHING_IN_CLEAR: [&str; 2] = [
    "--proxy-server=http=http://in-clear.invalid;https=direct://",
    "--proxy-bypass-list=<-loopback>",
];
/// Below this, in bytes, Chromium's pages crash for want of shared memory.
const SHARED_MEMORY: u64 = 512 << 20;

/// The kinds of browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Chromium and Chrome.
    Chromium,
    /// Firefox.
    Firefox,
}

impl Kind {
    /// By the driver's name.
    pub(super) fn of(program: &Path) -> Self {
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        if name.contains("gecko") {
            Kind::Firefox
        } else {
            Kind::Chromium
        }
    }
}

/// The capabilities to ask for. `folder` is the run's, where the browser is our own.
pub(super) fn of(
    settings: &Settings,
    to: &Destinations,
    kind: Kind,
    folder: Option<&Path>,
    is_sandboxed: bool,
) -> serde_json::Map<String, Value> {
    let mut wanted = serde_json::Map::new();
    // A page is looked at as soon as it is there; whether it ever becomes idle is not waited for.
    wanted.insert("pageLoadStrategy".to_owned(), "eager".into());
    // What a box says is read before it is answered.
    wanted.insert("unhandledPromptBehavior".to_owned(), "ignore".into());
    match kind {
        Kind::Chromium => {
            wanted.insert("browserName".to_owned(), "chrome".into());
            wanted.insert(
                "goog:loggingPrefs".to_owned(),
                json!({ "performance": "ALL", "browser": "ALL" }),
            );
            wanted.insert(
                "goog:chromeOptions".to_owned(),
                json!({
                    "args": arguments(settings, to, folder, is_sandboxed),
                    // Applicants' browsers block windows that nobody asked for.
                    "excludeSwitches": ["disable-popup-blocking"],
                }),
            );
        }
        Kind::Firefox => {
            let mut arguments = Vec::new();
            if !settings.headed {
                arguments.push("-headless");
            }
            wanted.insert("browserName".to_owned(), "firefox".into());
            wanted.insert(
                "moz:firefoxOptions".to_owned(),
                json!({ "args": arguments, "prefs": preferences(settings, to) }),
            );
        }
    }
    wanted
}

/// Chromium asks no resolver at all: it connects to the addresses that were judged, and for other
/// hosts, addresses written as numbers included, to none. A page could otherwise look around in the
/// monitor's own network.
fn only(to: &Destinations) -> String {
    let mut rules = Vec::new();
    for (host, address) in &to.hosts {
        let port = host
            .rsplit_once(':')
            .and_then(|(_, port)| port.parse().ok());
        let (pattern, ports) = match port {
            Some(port) => (
                host.rsplit_once(':').map_or("", |(name, _)| name),
                vec![port],
            ),
            None => (host.as_str(), vec![80, 443]),
        };
        rules.extend(ports.into_iter().map(|port: u16| {
            let address = SocketAddr::new(*address, port);
            format!("MAP {pattern}:{port} {address}")
        }));
    }
    // Of a proxy's hosts the browser resolves none, and none otherwise.
    if let Some(proxy) = &to.proxy {
        let (host, address) = (&proxy.host, proxy.address);
        rules.push(format!("MAP {host}:{} {address}", address.port()));
    }
    rules.push("MAP * ~NOTFOUND".to_owned());
    format!("--host-resolver-rules={}", rules.join(", "))
}

/// Firefox has no rules for its resolver: what is not for these hosts goes to a proxy that is
/// not there.
fn preferences(settings: &Settings, to: &Destinations) -> Value {
    const NOWHERE: &str = "127.0.0.1";
    const DISCARD: u16 = 9;
    let mut wanted = serde_json::Map::new();
    let mut set = |name: &str, value: Value| wanted.insert(name.to_owned(), value);
    if let Some(proxy) = &to.proxy {
        let script = proxy_script::address(proxy, to.https_only);
        set("network.proxy.autoconfig_url", script.into());
    }
    set(
        "network.proxy.type",
        if to.proxy.is_some() { 2 } else { 1 }.into(),
    );
    for scheme in ["http", "ssl", "socks"] {
        set(&format!("network.proxy.{scheme}"), NOWHERE.into());
        set(&format!("network.proxy.{scheme}_port"), DISCARD.into());
    }
    let hosts: Vec<&str> = to.hosts.keys().map(String::as_str).collect();
    set("network.proxy.no_proxies_on", hosts.join(",").into());
    // Or this machine is asked past the proxy.
    set("network.proxy.allow_hijacking_localhost", true.into());
    set("network.proxy.failover_direct", false.into());
    // Firefox goes there with TLS, or not at all.
    set("dom.security.https_only_mode", to.https_only.into());
    set(
        "dom.security.https_only_mode.upgrade_local",
        to.https_only.into(),
    );
    set("ui.prefersReducedMotion", 1.into());
    set("network.dns.disablePrefetch", true.into());
    set("media.peerconnection.enabled", false.into());
    set("intl.accept_languages", LANGUAGES.into());
    let user_agent = format!("{FIREFOX} {}", settings.user_agent);
    set("general.useragent.override", user_agent.into());
    Value::Object(wanted)
}

fn arguments(
    settings: &Settings,
    to: &Destinations,
    folder: Option<&Path>,
    is_sandboxed: bool,
) -> Vec<String> {
    let mut arguments: Vec<String> = [
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--no-default-browser-check",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-extensions",
        "--disable-breakpad",
        // What moves is pressed where it was a moment ago.
        "--force-prefers-reduced-motion",
        // Calls between browsers go around the rules on hosts.
        "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
        "--lang=id",
    ]
    .map(str::to_owned)
    .into();
    arguments.push(only(to));
    if let Some(proxy) = &to.proxy {
        let script = proxy_script::address(proxy, to.https_only);
        arguments.push(format!("--proxy-pac-url={script}"));
    } else if to.https_only {
        arguments.extend(NOTHING_IN_CLEAR.map(str::to_owned));
    }
    arguments.push(format!("--window-size={WINDOW}"));
    if !settings.headed {
        arguments.push("--headless=new".to_owned());
    }
    if !is_sandboxed {
        arguments.push("--no-sandbox".to_owned());
    }
    if let Some(folder) = folder {
        arguments.push(format!(
            "--user-data-dir={}",
            folder.join("profile").display()
        ));
        let shared = rustix::fs::statvfs("/dev/shm");
        if shared.map_or(true, |shared| {
            shared.f_bavail * shared.f_frsize < SHARED_MEMORY
        }) {
            arguments.push("--disable-dev-shm-usage".to_owned());
        }
    }
    if !settings.trusted_keys.is_empty() {
        let keys = settings.trusted_keys.join(",");
        arguments.push(format!("--ignore-certificate-errors-spki-list={keys}"));
    }
    arguments
}

/// SHA-256 of the public keys (base64) of certificates in PEM, as
/// [`Settings::trusted_keys`] takes them. What is no certificate is left out.
pub fn key_hashes(pem: &[u8]) -> Vec<String> {
    let blocks = x509_parser::pem::Pem::iter_from_buffer(pem);
    let hash = |block: Result<x509_parser::pem::Pem, _>| {
        let block = block.ok()?;
        let certificate = block.parse_x509().ok()?;
        let key = Sha256::digest(certificate.public_key().raw);
        Some(data_encoding::BASE64.encode(&key))
    };
    blocks.filter_map(hash).collect()
}
