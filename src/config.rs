//! Owns: what `siaga.toml` and the environment say, understood and checked, and what holds
//! where they say nothing. Must not know: what the parts of the program do with it.
//!
//! `siaga.example.toml` documents every key; a test holds it equal to the defaults here.

mod folder;
mod keys;
mod reading;
mod schema;
mod secrets;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;

use crate::detect;
use crate::domain::disk::Reserve;
pub use crate::domain::outage::Quorum;
use crate::domain::outage::Rules;
use crate::domain::{ComponentId, Network, Secret};
use crate::http_client::{Proxy, is_localhost};
use crate::probe::browser;
pub use crate::probe::browser::{Sandbox, User, WebDriver};
use crate::toml_reader::{Problem, Source};
use crate::web::office;

pub use folder::FolderError;
pub use keys::{KeyError, KeyFile, KeySource, MasterKeys};
pub use schema::{EXAMPLE, schema};
pub use secrets::{Environment, SecretError, Secrets};

/// The whole configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// `[server]`
    pub server: Server,
    /// `[data]`
    pub data: Data,
    /// `[site]`
    pub site: Site,
    /// `[probe]`
    pub probe: Probe,
    /// `[browser]`
    pub browser: Browser,
    /// `[control] urls`: places that are surely up.
    pub controls: Vec<Url>,
    /// `[variables]`: what flows may use beside secrets.
    pub variables: BTreeMap<String, String>,
    /// Where secrets are looked up by name.
    pub secrets: Secrets,
    /// `[mailbox]`
    pub mailbox: Mailbox,
    /// `[detector]`
    pub detector: Detector,
    /// `[[component]]`: the lines of the status page, in order.
    pub components: Vec<Component>,
    /// `[retention]`
    pub retention: Retention,
    /// `[smtp]`
    pub smtp: Option<Smtp>,
    /// `[alert]`
    pub alert: Alert,
    /// `[reports]`
    pub reports: Reports,
    /// `[office]`
    pub office: office::Settings,
    /// `[audit]`
    pub audit: Audit,
    /// `[rehearsal] marked`: every page says that it is a rehearsal.
    pub rehearsal: bool,
    /// `[overstay] per_day_idr`: the charge a day, in rupiah; not mentioned where it is unknown.
    pub overstay_per_day_idr: Option<u64>,
}

/// Where pages are served.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Where the public, the offices and the operators reach it.
    pub listen: SocketAddr,
    /// A listener of its own for metrics and health; without it they are on `listen`.
    pub operations_listen: Option<SocketAddr>,
    /// What links begin with: scheme, host and port, without a slash behind.
    pub public_url: String,
    /// Proxies whose word on a client's address is believed.
    pub trusted_proxies: Vec<Network>,
    /// The most connections at once.
    pub connections: usize,
    /// The most requests of the public at once that no finished page answers.
    pub requests: usize,
}

/// Where what must last is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Data {
    /// The folder of evidence, attachments and keys.
    pub folder: PathBuf,
    /// The database's address; it may hold a password.
    pub database: Secret,
    /// What of the disk may be used.
    pub disk: DiskLimits,
}

/// What of the disk may be used. All in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskLimits {
    /// How much must stay free.
    pub reserve: Reserve,
    /// The most of applicants' pictures that is kept on a day.
    pub pictures_a_day: u64,
    /// The most evidence that is kept on a day.
    pub evidence_a_day: u64,
}

/// The site that is watched.
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    /// Its name in Indonesian.
    pub name_id: String,
    /// Its name in English.
    pub name_en: String,
    /// Where flows begin.
    pub url: Url,
    /// Hosts that flows may reach beside that of `url`.
    pub hosts: Vec<String>,
    /// The folder of flow files.
    pub probes: PathBuf,
    /// The time zone that people read times in.
    pub zone: jiff::tz::TimeZone,
    /// Domains that are the government's own, for the warning against false ones.
    pub official_domains: Vec<String>,
    /// Where applicants get help from the site's owner.
    pub helpdesk: Option<String>,
}

/// How probes behave.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// The name of the place that they run from.
    pub vantage: String,
    /// Where someone who sees our requests can ask: goes into the User-Agent.
    pub contact: String,
    /// How long after a first failure the flow is tried again.
    pub retry_after: Duration,
    /// The most requests a second to one host.
    pub host_rate: f64,
    /// The most requests at once to one host.
    pub host_concurrency: usize,
    /// The most flows that run at once.
    pub concurrency: usize,
    /// PEM files with certificates to trust beside the public ones.
    pub certificates: Vec<PathBuf>,
    /// What names are resolved by, in the order in which they are asked; none: by the system's
    /// resolver.
    pub resolver: Vec<SocketAddr>,
    /// The proxy that flows go through.
    pub proxy: Option<Proxy>,
    /// The names of the secrets with the certificate and the key that are shown to a site that asks
    /// for them.
    pub client_certificate: Option<(String, String)>,
    /// Networks that names of flows and webhooks may lead to although they are not public.
    pub allow_private_networks: Vec<Network>,
}

/// The browsers that flows run in.
#[derive(Clone, Debug, PartialEq)]
pub struct Browser {
    /// Where they come from; nowhere: browser runs are not configured.
    pub webdriver: Option<WebDriver>,
    /// How many there are at once.
    pub slots: usize,
    /// A browser is only started while so many bytes of memory are free.
    pub free_memory: u64,
    /// How long a run waits for its turn before it is left out.
    pub patience: Duration,
    /// Chromium's sandbox; `None`: nothing is said of it, and so it is required.
    pub sandbox: Option<Sandbox>,
    /// The user that a driver of our own and its browser run as; `None`: if we are root, one of
    /// their own.
    pub user: Option<User>,
}

/// The mailbox that payment notices arrive in.
#[derive(Clone, Debug, PartialEq)]
pub struct Mailbox {
    /// Its address with the password, from `SIAGA_MAILBOX`; without it flows that wait for
    /// mail are not configured.
    pub url: Option<Secret>,
    /// How long between two looks.
    pub look_every: Duration,
    /// How access tokens are fetched, where the mailbox takes no password.
    pub tokens: Option<MailTokens>,
}

/// Where access tokens for the mailbox come from.
#[derive(Clone, Debug, PartialEq)]
pub struct MailTokens {
    /// The token endpoint.
    pub url: Url,
    /// Who we are to it.
    pub client_id: String,
    /// The name of the secret that proves that, where it asks for one.
    pub client_secret: Option<String>,
    /// The name of the secret with the refresh token.
    pub refresh_token: String,
}

/// When an outage begins and ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Detector {
    /// Failures in a row that confirm an outage.
    pub confirm: u32,
    /// Passes in a row that end it.
    pub recover: u32,
    /// How many vantages must agree.
    pub quorum: Quorum,
    /// For how many of its intervals a flow's word on a component holds.
    pub stale_after: f64,
    /// Over how many of the newest observations flapping is judged.
    pub flap_window: usize,
    /// Failures among those that make an outage intermittent.
    pub flap_failures: usize,
    /// Turns between good and bad among those that make an outage intermittent.
    pub flap_turns: usize,
    /// How long a check for robots keeps a flow out before operators are told.
    pub blocked_alert_after: Duration,
}

/// One line of the status page.
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
    /// The key that flow files use.
    pub key: ComponentId,
    /// Its name in Indonesian.
    pub name_id: String,
    /// Its name in English.
    pub name_en: String,
}

/// How many days things are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Retention {
    /// Single runs; what is counted from them stays for years.
    pub runs_days: u32,
    /// Files of evidence.
    pub evidence_days: u32,
    /// Applicants' reports, with all personal data.
    pub reports_days: u32,
    /// Alerts and mails that were sent.
    pub messages_days: u32,
    /// What is counted by the hour; what is counted by the day stays.
    pub hours_days: u32,
    /// From which networks sign-ins failed.
    pub sign_ins_days: u32,
}

/// Where the head of the audit trail is noted, beside the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Audit {
    /// A file to which it is appended once a day.
    pub head_file: Option<PathBuf>,
}

/// The server that takes our mails.
#[derive(Clone, Debug, PartialEq)]
pub struct Smtp {
    /// Its host; certificates are checked against it.
    pub server: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: SmtpTls,
    /// Who our mails are from.
    pub from: String,
    /// The name to sign in with; none: without signing in.
    pub user: Option<String>,
    /// The name of the secret that holds the password.
    pub password: Option<String>,
}

/// How a connection to a mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    /// From the first byte (port 465).
    Implicit,
    /// By STARTTLS, and not otherwise (port 587).
    StartTls,
    /// Not at all (port 25): only to this machine or without a password.
    None,
}

/// Who is told of outages.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alert {
    /// `[[alert.webhook]]`
    pub webhooks: Vec<Webhook>,
    /// `[[alert.mail]]`: addresses.
    pub mails: Vec<String>,
    /// The proxy that webhooks are called through.
    pub proxy: Option<Proxy>,
}

/// An address that is told of outages by POST.
#[derive(Clone, PartialEq)]
pub struct Webhook {
    /// What the outbox and the logs call it.
    pub name: String,
    /// The address. Some services put a secret into it, and so `Debug` does not show it.
    pub url: Url,
    /// The name of the secret that messages are signed with; none: unsigned.
    pub secret: Option<String>,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Webhook { name, secret, .. } = self;
        write!(f, "Webhook({name}, secret {secret:?})")
    }
}

/// What applicants may send.
#[derive(Clone, Debug, PartialEq)]
pub struct Reports {
    /// The most bytes of one report, screenshots included. The memory for reports, the
    /// largest screenshot and what the server reads of a body follow from it.
    pub max_body: u64,
    /// The most reports an hour from one client address; many people share one.
    pub per_address_hour: u32,
}

impl Default for Server {
    fn default() -> Self {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
        Server {
            listen,
            operations_listen: None,
            public_url: reading::origin(listen),
            trusted_proxies: Vec::new(),
            connections: 10_000,
            requests: 256,
        }
    }
}

impl Default for DiskLimits {
    fn default() -> Self {
        DiskLimits {
            reserve: Reserve {
                files: 2_000_000_000,
                database: 500_000_000,
            },
            pictures_a_day: 10_000_000_000,
            evidence_a_day: 1_000_000_000,
        }
    }
}

impl Default for Browser {
    fn default() -> Self {
        let settings = browser::Settings::new(PathBuf::new(), "");
        Browser {
            webdriver: Some(settings.webdriver),
            slots: settings.slots,
            free_memory: settings.free_memory,
            patience: settings.patience,
            sandbox: None,
            user: None,
        }
    }
}

/// What is said of a flow that runs in the browser where a client certificate is configured.
pub const BROWSER_WITHOUT_CERTIFICATE: &str = "the browser has no client certificate: where the site \
    asks for one, browser runs say nothing of it";

/// What is said where the driver is not installed.
pub const NO_DRIVER: &str = "the driver that `webdriver` in `[browser]` names is not installed: \
                             browser runs are recorded as not configured";

impl Browser {
    /// How browsers are started, with their folders in `folder` where their user can reach it;
    /// `None` where there are none. `roots` are certificates to trust, in PEM.
    pub fn settings(
        &self,
        folder: &Path,
        user_agent: &str,
        roots: &[Vec<u8>],
    ) -> Option<browser::Settings> {
        let webdriver = match self.webdriver.as_ref()? {
            WebDriver::Own(program) => WebDriver::Own(browser::find(program)?),
            remote @ WebDriver::Remote(_) => remote.clone(),
        };
        let user = match self.user {
            Some(user) => user.if_another(),
            None => User::of_browsers(),
        };
        // The data folder is closed to all others.
        let folder = match user {
            Some(user) if user.can_be_had() => browser::shared_folder(),
            _ => folder.to_owned(),
        };
        // Chromium wants its folders by their whole path.
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        Some(browser::Settings {
            webdriver,
            slots: self.slots,
            free_memory: self.free_memory,
            patience: self.patience,
            sandbox: self.sandbox.unwrap_or(Sandbox::Required),
            user,
            trusted_keys: roots
                .iter()
                .flat_map(|pem| browser::key_hashes(pem))
                .collect(),
            ..browser::Settings::new(folder, user_agent)
        })
    }
}

impl Default for Detector {
    fn default() -> Self {
        let rules = Rules::default();
        Detector {
            confirm: rules.confirm,
            recover: rules.recover,
            quorum: rules.quorum,
            stale_after: 3.0,
            flap_window: rules.flap_window,
            flap_failures: rules.flap_failures,
            flap_turns: rules.flap_turns,
            blocked_alert_after: detect::BLOCKED_ALERT_AFTER,
        }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Retention {
            runs_days: 90,
            evidence_days: 90,
            reports_days: 365,
            messages_days: 30,
            hours_days: 730,
            sign_ins_days: 30,
        }
    }
}

impl Default for Reports {
    fn default() -> Self {
        Reports {
            max_body: 20_000_000,
            per_address_hour: 60,
        }
    }
}

/// The components where the file names none, in the order of the applicant's journey.
pub fn default_components() -> Vec<Component> {
    [
        ("website", "Situs web", "Website"),
        ("sign-in", "Masuk ke akun", "Sign-in"),
        ("application", "Pengisian permohonan", "Application form"),
        ("upload", "Unggah dokumen", "Document upload"),
        ("payment", "Pembayaran", "Payment"),
        ("notification", "Pemberitahuan surel", "E-mail notices"),
        ("tracking", "Pelacakan permohonan", "Application tracking"),
    ]
    .into_iter()
    .filter_map(|(key, name_id, name_en)| {
        Some(Component {
            key: ComponentId::parse(key)?,
            name_id: name_id.to_owned(),
            name_en: name_en.to_owned(),
        })
    })
    .collect()
}

/// Places that are surely up, where the file names none.
pub fn default_controls() -> Vec<Url> {
    [
        "https://one.one.one.one/",
        "https://www.gstatic.com/generate_204",
    ]
    .into_iter()
    .filter_map(|url| Url::parse(url).ok())
    .collect()
}

impl Config {
    /// Reads the file at `path`, and what the environment overrides. Every mistake at once.
    pub fn open(path: &Path, environment: &Environment) -> Result<Config, Vec<Problem>> {
        let source = Source::open(path).map_err(|problem| vec![problem])?;
        Config::read(&source, environment)
    }

    /// As [`open`](Self::open), of a text.
    pub fn read(source: &Source, environment: &Environment) -> Result<Config, Vec<Problem>> {
        source.read(|root| reading::config(root, environment))
    }

    /// As [`open`](Self::open), with what the file says in an older way.
    pub fn open_with_advice(
        path: &Path,
        environment: &Environment,
    ) -> Result<(Config, Vec<Problem>), Vec<Problem>> {
        let source = Source::open(path).map_err(|problem| vec![problem])?;
        source.read_with_advice(|root| reading::config(root, environment))
    }

    /// The names that flows may use beside their own secrets.
    pub fn variable_names(&self) -> BTreeSet<String> {
        self.variables.keys().cloned().collect()
    }

    /// Every host that flows may reach: the site's, and those allowed beside it.
    pub fn allowed_hosts(&self) -> BTreeSet<String> {
        let own = self.site.url.host_str().map(str::to_owned);
        own.into_iter().chain(self.site.hosts.clone()).collect()
    }

    /// Networks whose addresses flows may reach where they are written out: those that are
    /// allowed, and what stands in `hosts` itself.
    pub fn private_networks(&self) -> Vec<Network> {
        let hosts = self.site.hosts.iter().flat_map(|host| {
            let written: &[&str] = match is_localhost(host) {
                true => &["127.0.0.0/8", "::1"],
                false => &[host.trim_matches(['[', ']'])],
            };
            let networks = written.iter().filter_map(|text| text.parse().ok());
            networks.collect::<Vec<Network>>()
        });
        let allowed = self.probe.allow_private_networks.iter().copied();
        allowed.chain(hosts).collect()
    }

    /// Names of secrets that the configuration names and that are not set.
    pub fn missing_secrets(&self) -> Vec<String> {
        let password = self.smtp.as_ref().and_then(|smtp| smtp.password.as_ref());
        let webhooks = self
            .alert
            .webhooks
            .iter()
            .filter_map(|hook| hook.secret.as_ref());
        let certificate = self.probe.client_certificate.as_ref();
        let certificate = certificate
            .into_iter()
            .flat_map(|(chain, key)| [chain, key]);
        let tokens = self.mailbox.tokens.as_ref();
        let tokens = tokens.into_iter().flat_map(|tokens| {
            let client = tokens.client_secret.iter();
            client.chain([&tokens.refresh_token])
        });
        webhooks
            .chain(password)
            .chain(certificate)
            .chain(tokens)
            .filter(|name| matches!(self.secrets.get(name), Ok(None)))
            .cloned()
            .collect()
    }

    /// The file that holds the master key where the environment does not.
    pub fn key_file(&self) -> PathBuf {
        self.data.folder.join("master.key")
    }
}
