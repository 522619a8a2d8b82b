//! Real browsers, one for each run.
//!
//! Owns: how many there are at once, that each is fresh and alone in its folder, and that
//! nothing of it is left afterwards, whatever became of the run. Must not know flows.

mod capabilities;
mod driver;
mod folder;
pub mod network;
mod session;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use url::Url;

use crate::domain::{Random, random};
use driver::Driver;
use folder::RunFolder;
pub use session::{CommandError, Session};

/// Where browsers come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebDriver {
    /// A driver of our own for each run: chromedriver or geckodriver, by name or path.
    Own(PathBuf),
    /// A driver or a grid that others run.
    Remote(Url),
}

/// How browsers are started.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where they come from.
    pub webdriver: WebDriver,
    /// How many there are at once.
    pub slots: usize,
    /// A browser is only started while so many bytes of memory are free.
    pub free_memory: u64,
    /// How long a run waits for its turn.
    pub patience: Duration,
    /// The folder that runs have their folders in.
    pub folder: PathBuf,
    /// Whether Chromium's sandbox is on; `None`: unless we are root, who cannot have it.
    pub sandbox: Option<bool>,
    /// Whether the browser is to be seen.
    pub headed: bool,
    /// How long a run pauses before each action, for people to see.
    pub pause: Duration,
    /// What is added to the browser's own name in the User-Agent.
    pub user_agent: String,
    /// SHA-256 of the public keys (base64) of certificates that are trusted besides.
    pub trusted_keys: Vec<String>,
}

impl Settings {
    /// Chromedriver from the path, two at once.
    pub fn new(folder: PathBuf, user_agent: &str) -> Self {
        Settings {
            webdriver: WebDriver::Own(PathBuf::from("chromedriver")),
            slots: 2,
            free_memory: 400 << 20,
            patience: Duration::from_secs(60),
            folder,
            sandbox: None,
            headed: false,
            pause: Duration::ZERO,
            user_agent: user_agent.to_owned(),
            trusted_keys: Vec::new(),
        }
    }
}

/// Why there is no browser: always ours, never the site's.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    /// The driver's program.
    #[error("{} cannot be used: {}", .0.display(), .1)]
    Driver(PathBuf, String),
    /// The browser.
    #[error("no browser starts: {0}")]
    Browser(String),
    /// The run's folder.
    #[error("no folder for a browser can be made in {}: {}", .0.display(), .1)]
    Folder(PathBuf, std::io::Error),
    /// All are in use.
    #[error("no browser became free within {} s: {} are in use", .0.as_secs(), .1)]
    Busy(Duration, usize),
    /// The machine's.
    #[error("{0} MB of memory are free, and a browser is only started from {1} MB on")]
    Memory(u64, u64),
}

/// Browsers, of which a few run at once.
#[derive(Clone)]
pub struct Browsers {
    settings: Arc<Settings>,
    slots: Arc<Semaphore>,
    random: Arc<dyn Random>,
}

impl Browsers {
    /// Clears away what an earlier process left behind. Blocks: for the start of a program.
    ///
    /// # Errors
    /// If the folder for runs cannot be used.
    pub fn open(settings: Settings, random: Arc<dyn Random>) -> Result<Self, BrowserError> {
        // Browsers have children that outlive their parents. They shall come to us and not to
        // a first process that may never reap them, as in many containers.
        if let Err(error) = rustix::process::set_child_subreaper(Some(rustix::process::getpid())) {
            tracing::warn!(%error, "ended browsers may stay in the list of processes");
        }
        match folder::clear(&settings.folder) {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "browsers that were left behind are cleared away"),
            Err(error) => return Err(BrowserError::Folder(settings.folder, error)),
        }
        Ok(Browsers {
            slots: Arc::new(Semaphore::new(settings.slots.max(1))),
            settings: Arc::new(settings),
            random,
        })
    }

    /// How long a run pauses before each action.
    pub fn pause(&self) -> Duration {
        self.settings.pause
    }

    /// Starts a fresh browser as soon as there is a place for it. Whatever its pages want, it
    /// reaches `hosts` only: names, each with `:port` where the port is not the scheme's own.
    pub async fn start(&self, hosts: &BTreeSet<String>) -> Result<Browser, BrowserError> {
        let settings = &self.settings;
        let place = timeout(settings.patience, Arc::clone(&self.slots).acquire_owned()).await;
        let Ok(Ok(place)) = place else {
            return Err(BrowserError::Busy(settings.patience, settings.slots));
        };
        if matches!(settings.webdriver, WebDriver::Own(_)) {
            enough_memory(settings.free_memory)?;
        }
        let token = data_encoding::HEXLOWER.encode(&random::bytes::<8>(&*self.random));
        let folder = RunFolder::make(&settings.folder, &token)
            .map_err(|error| BrowserError::Folder(settings.folder.clone(), error))?;
        let mut browser = Browser {
            session: None,
            driver: None,
            folder,
            _place: place,
        };
        match browser.begin(settings, hosts).await {
            Ok(()) => Ok(browser),
            Err(error) => {
                browser.end().await;
                Err(error)
            }
        }
    }
}

/// One fresh browser. [`Browser::end`] takes it away, with everything that it left.
pub struct Browser {
    session: Option<Session>,
    driver: Option<Driver>,
    folder: RunFolder,
    _place: OwnedSemaphorePermit,
}

impl Browser {
    async fn begin(
        &mut self,
        settings: &Settings,
        hosts: &BTreeSet<String>,
    ) -> Result<(), BrowserError> {
        let (address, kind) = match &settings.webdriver {
            WebDriver::Own(program) => {
                let driver = Driver::start(program, self.folder.path()).await?;
                let address = driver.address.clone();
                self.driver = Some(driver);
                (address, capabilities::Kind::of(program))
            }
            WebDriver::Remote(address) => (address.clone(), capabilities::Kind::Chromium),
        };
        let is_own = self.driver.is_some();
        let wanted = capabilities::of(settings, hosts, kind, is_own.then(|| self.folder.path()));
        let session = Session::begin(&address, wanted, is_own).await?;
        session.introduce(&settings.user_agent).await?;
        self.session = Some(session);
        Ok(())
    }

    /// The commands; `None` only before it began and after it ended.
    pub fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// The folder of the run.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Ends the browser, kills its processes, removes its folder.
    pub async fn end(mut self) {
        let session = self.session.take();
        match self.driver.take() {
            Some(driver) => {
                // Nothing is asked of a session whose processes are killed.
                if let Some(session) = &session {
                    session.abandon().await;
                }
                driver.end().await;
            }
            None => {
                if let Some(session) = session {
                    session.close().await;
                }
            }
        }
        let folder = self.folder;
        let removed = tokio::task::spawn_blocking(move || folder.remove()).await;
        if let Err(error) = removed {
            tracing::warn!(%error, "a browser's folder is left behind");
        }
    }
}

/// An address that nobody listens at.
fn nowhere() -> Url {
    #[allow(clippy::expect_used, reason = "a constant")]
    Url::parse("http://127.0.0.1:1/").expect("a constant")
}

/// Checks that so many bytes are available, by the machine's count and the container's.
fn enough_memory(wanted: u64) -> Result<(), BrowserError> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let number = |path: &str| read(path)?.trim().parse::<u64>().ok();
    let machine = read("/proc/meminfo").and_then(|text| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("MemAvailable:"))?;
        Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
    });
    let container = number("/sys/fs/cgroup/memory.max")
        .zip(number("/sys/fs/cgroup/memory.current"))
        .map(|(most, used)| most.saturating_sub(used));
    match machine.into_iter().chain(container).min() {
        Some(free) if free < wanted => Err(BrowserError::Memory(free >> 20, wanted >> 20)),
        _ => Ok(()),
    }
}
