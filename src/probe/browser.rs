//! Real browsers, one for each run.
//!
//! Owns: how many there are at once, that each is fresh and alone in its folder, and that
//! nothing of it is left afterwards, whatever became of the run. Must not know flows.

mod bounded;
mod capabilities;
pub mod console;
mod driver;
mod folder;
mod inhabitants;
pub mod network;
mod proxy_script;
mod session;
mod user;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::body::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use url::Url;

use crate::domain::{Clock, Random, Why, random};
pub use capabilities::key_hashes;
use driver::Driver;
use folder::RunFolder;
pub use session::{CommandError, Session};
pub use user::{NoUser, User, shared_folder};

/// Where browsers come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebDriver {
    /// A driver of our own for each run: chromedriver or geckodriver, by name or path.
    Own(PathBuf),
    /// A driver or a grid that others run.
    Remote(Url),
}

impl WebDriver {
    /// Whether the driver is ours, and its browser on this machine.
    pub fn is_own(&self) -> bool {
        matches!(self, WebDriver::Own(_))
    }
}

/// Whether Chromium runs in its sandbox, which keeps a page that breaks out of its renderer from
/// this machine's files and processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sandbox {
    /// It does, and where it cannot, no browser is started.
    Required,
    /// It does wherever it can, and as another user wherever that can be: for pages that come
    /// from this machine itself.
    Preferred,
    /// It does not.
    Disabled,
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
    /// How long the driver may take to start, and then the browser.
    pub starts_within: Duration,
    /// The folder that runs have their folders in.
    pub folder: PathBuf,
    /// Whether Chromium's sandbox is on.
    pub sandbox: Sandbox,
    /// The user that a driver of our own and its browser run as; `None`: the one that we are.
    pub user: Option<User>,
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
            free_memory: 400_000_000,
            patience: Duration::from_secs(60),
            starts_within: Duration::from_secs(30),
            folder,
            sandbox: Sandbox::Required,
            user: User::of_browsers(),
            headed: false,
            pause: Duration::ZERO,
            user_agent: user_agent.to_owned(),
            trusted_keys: Vec::new(),
        }
    }
}

/// Where the pages of a browser may go.
#[derive(Clone, Debug, Default)]
pub struct Destinations {
    /// Hosts, each with `:port` where the port is not the scheme's own, and the address that is
    /// connected to for it.
    pub hosts: BTreeMap<String, IpAddr>,
    /// Whether nothing may go there without TLS.
    pub https_only: bool,
    /// What leads there, in place of connections of the browser's own.
    pub proxy: Option<ProxyDestination>,
}

/// A proxy, and where it leads to.
#[derive(Clone, Debug)]
pub struct ProxyDestination {
    /// Its host, as addresses write it.
    pub host: String,
    /// Its address and port.
    pub address: SocketAddr,
    /// The hosts that it is asked for, as in [`Destinations::hosts`], which are then none.
    pub hosts: BTreeSet<String>,
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
    /// Chromium's sandbox is wanted, and cannot be had here. What to do about it.
    #[error("Chromium cannot have its sandbox here: {0}")]
    Sandbox(&'static str),
    /// Browsers are to run as another user, and we cannot start them so.
    #[error(
        "no browser can be started as the user {0} ({1}): Siaga has to be root, with the \
         capabilities CHOWN, SETUID and SETGID, or `user` in `[browser]` the user that it runs as"
    )]
    User(User, std::io::Error),
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

impl BrowserError {
    /// The class, for metrics: `driver`, `browser`, `sandbox`, `user`, `folder`, `busy`, `memory`.
    pub fn kind(&self) -> &'static str {
        match self {
            BrowserError::Driver(..) => "driver",
            BrowserError::Browser(_) => "browser",
            BrowserError::Sandbox(_) => "sandbox",
            BrowserError::User(..) => "user",
            BrowserError::Folder(..) => "folder",
            BrowserError::Busy(..) => "busy",
            BrowserError::Memory(..) => "memory",
        }
    }

    /// What a run says for which there is no browser.
    pub fn why(&self) -> Why {
        match self {
            BrowserError::Sandbox(_) | BrowserError::User(..) => Why::NotConfigured,
            _ => Why::Ourselves,
        }
    }
}

/// What happens to browsers, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// One started, after this time.
    Started(Duration),
    /// None started, for a reason of [`BrowserError::kind`].
    NotStarted(&'static str),
    /// One is gone, that began so long ago.
    Ended(Duration),
}

/// Who is told of events.
pub type Observer = Arc<dyn Fn(Event) + Send + Sync>;
/// By whose clock, and who.
type Observed = (Arc<dyn Clock>, Observer);

/// Browsers, of which a few run at once.
#[derive(Clone)]
pub struct Browsers {
    settings: Arc<Settings>,
    slots: Arc<Semaphore>,
    random: Arc<dyn Random>,
    /// Folders that could not be removed: it is tried again with the next browser.
    left: Arc<Mutex<Vec<RunFolder>>>,
    /// Where a sandbox is only preferred: whether it turned out that there can be none …
    has_no_sandbox: Arc<AtomicBool>,
    /// … and that there can be no other user.
    has_no_user: Arc<AtomicBool>,
    observed: Option<Observed>,
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
        match folder::clear(&settings.folder, settings.user.filter(User::can_be_had)) {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "browsers that were left behind are cleared away"),
            Err(error) => return Err(BrowserError::Folder(settings.folder, error)),
        }
        Ok(Browsers {
            slots: Arc::new(Semaphore::new(settings.slots.max(1))),
            settings: Arc::new(settings),
            random,
            left: Arc::default(),
            has_no_sandbox: Arc::default(),
            has_no_user: Arc::default(),
            observed: None,
        })
    }

    /// The same, with somebody who is told what happens.
    #[must_use]
    pub fn observed_by(self, clock: Arc<dyn Clock>, observer: Observer) -> Self {
        Browsers {
            observed: Some((clock, observer)),
            ..self
        }
    }

    /// How long a run pauses before each action.
    pub fn pause(&self) -> Duration {
        self.settings.pause
    }

    /// Starts a fresh browser as soon as there is a place for it. Whatever its pages want, it
    /// goes nowhere else.
    pub async fn start(&self, to: &Destinations) -> Result<Browser, BrowserError> {
        let mut started = self.try_start(to).await;
        while let Err(error) = &started
            && self.can_do_without(error)
        {
            started = self.try_start(to).await;
        }
        if let Some((clock, observe)) = &self.observed {
            observe(match &started {
                Ok(browser) => Event::Started(clock.monotonic().saturating_sub(browser.since())),
                Err(error) => Event::NotStarted(error.kind()),
            });
        }
        started
    }

    /// Whether it is only now that we do without what could not be had.
    fn can_do_without(&self, error: &BrowserError) -> bool {
        let missing = match error {
            BrowserError::Sandbox(_) => &self.has_no_sandbox,
            BrowserError::User(..) => &self.has_no_user,
            _ => return false,
        };
        self.settings.sandbox == Sandbox::Preferred && !missing.swap(true, Ordering::Relaxed)
    }

    /// The user that the next browser runs as, if it is not the one that we are.
    fn user(&self) -> Option<User> {
        let has_none = self.has_no_user.load(Ordering::Relaxed);
        self.settings.user.filter(|_| !has_none)
    }

    async fn try_start(&self, to: &Destinations) -> Result<Browser, BrowserError> {
        let settings = &self.settings;
        if let Some(user) = self.user().filter(|user| !user.can_be_had()) {
            let forbidden = std::io::ErrorKind::PermissionDenied.into();
            return Err(BrowserError::User(user, forbidden));
        }
        let place = timeout(settings.patience, Arc::clone(&self.slots).acquire_owned()).await;
        let Ok(Ok(place)) = place else {
            return Err(BrowserError::Busy(settings.patience, settings.slots));
        };
        if settings.webdriver.is_own() {
            enough_memory(settings.free_memory)?;
        }
        let began = self.observed.as_ref().map(|(clock, _)| clock.monotonic());
        let folder = self.folder().await?;
        let mut browser = Browser(Some(Parts {
            session: None,
            driver: None,
            folder,
            is_https_only: to.https_only,
            left: Arc::clone(&self.left),
            observed: self.observed.clone().zip(began),
            place,
        }));
        let is_sandboxed = match settings.sandbox {
            Sandbox::Required => true,
            Sandbox::Preferred => !self.has_no_sandbox.load(Ordering::Relaxed),
            Sandbox::Disabled => false,
        };
        let begun = match &mut browser.0 {
            Some(parts) => parts.begin(settings, to, is_sandboxed).await,
            None => Ok(()),
        };
        match begun {
            Ok(()) => Ok(browser),
            Err(error) => {
                if let Some(parts) = &mut browser.0 {
                    // It never was.
                    parts.observed = None;
                }
                browser.end().await;
                Err(error)
            }
        }
    }

    /// A fresh folder; those that could not be removed before are tried again.
    async fn folder(&self) -> Result<RunFolder, BrowserError> {
        let token = data_encoding::HEXLOWER.encode(&random::bytes::<8>(&*self.random));
        let (parent, user) = (self.settings.folder.clone(), self.user());
        let left = Arc::clone(&self.left);
        let made = spawn_blocking(move || {
            let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
            left.retain(|folder| !folder.remove());
            drop(left);
            RunFolder::make(&parent, &token, user)
        });
        made.await.unwrap_or_else(|error| {
            let folder = self.settings.folder.clone();
            Err(BrowserError::Folder(folder, error.into()))
        })
    }

    /// Waits until no browser is left, those of runs that were dropped included; at most that
    /// long.
    pub async fn rest(&self, within: Duration) {
        let all = u32::try_from(self.settings.slots.max(1)).unwrap_or(u32::MAX);
        if timeout(within, self.slots.acquire_many(all)).await.is_err() {
            tracing::warn!("browsers are left behind; the next start clears them away");
        }
    }
}

/// One fresh browser. [`Browser::end`] takes it away, with everything that it left. One that
/// is dropped, with the run that it belongs to, is taken away in the background.
pub struct Browser(Option<Parts>);

struct Parts {
    session: Option<Session>,
    driver: Option<Driver>,
    folder: RunFolder,
    is_https_only: bool,
    left: Arc<Mutex<Vec<RunFolder>>>,
    /// Who is told of the end, and when it began.
    observed: Option<(Observed, Duration)>,
    /// Given back when nothing is left.
    place: OwnedSemaphorePermit,
}

impl Browser {
    /// Whether nothing goes anywhere without TLS, whatever pages want.
    pub fn is_https_only(&self) -> bool {
        self.0.as_ref().is_some_and(|parts| parts.is_https_only)
    }

    /// The commands; `None` only before it began and after it ended.
    pub fn session(&self) -> Option<&Session> {
        self.0.as_ref()?.session.as_ref()
    }

    /// Puts a file where the browser can read it, and cannot change it. `number` tells files of
    /// one name from each other. Gives the file's path.
    ///
    /// # Errors
    /// What the operating system refused, a full disk included.
    pub async fn put(&self, number: usize, name: &str, bytes: Bytes) -> std::io::Result<PathBuf> {
        let Some(parts) = &self.0 else {
            return Err(std::io::ErrorKind::NotFound.into());
        };
        let put = parts.folder.put(number, name.to_owned(), bytes);
        spawn_blocking(put).await.map_err(std::io::Error::from)?
    }

    fn since(&self) -> Duration {
        let observed = self.0.as_ref().and_then(|parts| parts.observed.as_ref());
        observed.map_or(Duration::ZERO, |(_, began)| *began)
    }

    /// Ends the browser, kills its processes, removes its folder.
    pub async fn end(mut self) {
        if let Some(parts) = self.0.take() {
            parts.end().await;
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Without a runtime the program is ending, and its next start clears away.
        if let Some(parts) = self.0.take()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(parts.end());
        }
    }
}

impl Parts {
    async fn begin(
        &mut self,
        settings: &Settings,
        to: &Destinations,
        is_sandboxed: bool,
    ) -> Result<(), BrowserError> {
        let within = settings.starts_within;
        let (address, kind) = match &settings.webdriver {
            WebDriver::Own(program) => {
                let started = Driver::start(program, &self.folder, settings).await;
                let (driver, address) = started?;
                self.driver = Some(driver);
                (address, capabilities::Kind::of(program))
            }
            WebDriver::Remote(address) => (address.clone(), capabilities::Kind::Chromium),
        };
        let is_own = self.driver.is_some();
        let folder = is_own.then(|| self.folder.path());
        let wanted = capabilities::of(settings, to, kind, folder, is_sandboxed);
        let session = match Session::begin(&address, wanted, is_own, within).await {
            Ok(session) => session,
            Err(error) => {
                let misses_sandbox = match &mut self.driver {
                    Some(driver) if is_sandboxed => driver.misses_sandbox().await,
                    _ => false,
                };
                return Err(match misses_sandbox {
                    true => BrowserError::Sandbox(user::about_sandbox(self.folder.user())),
                    false => error,
                });
            }
        };
        let session = self.session.insert(session);
        session.introduce(&settings.user_agent).await
    }

    async fn end(self) {
        let Parts {
            session,
            driver,
            folder,
            left,
            observed,
            place,
            ..
        } = self;
        match driver {
            Some(driver) => {
                // Nothing is asked of a session whose processes are killed.
                if let Some(session) = &session {
                    session.abandon().await;
                }
                driver.end().await;
            }
            None => match session {
                Some(session) => session.close().await,
                // The driver may have been starting when the run was dropped.
                None => {
                    inhabitants::end_all(folder.path().to_owned(), None).await;
                }
            },
        }
        let removed = spawn_blocking(move || {
            if !folder.remove() {
                let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
                left.push(folder);
            }
        });
        if let Err(error) = removed.await {
            tracing::warn!(%error, "a browser's folder is left behind");
        }
        if let Some(((clock, observe), began)) = observed {
            observe(Event::Ended(clock.monotonic().saturating_sub(began)));
        }
        drop(place);
    }
}

/// Where a driver's program is: a path as it stands, a name on the `PATH`.
pub fn find(program: &Path) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return program.is_file().then(|| program.to_owned());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// Checks that so many bytes are available, by the machine's count and the container's.
fn enough_memory(wanted: u64) -> Result<(), BrowserError> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let number = |path: &str| read(path)?.trim().parse::<u64>().ok();
    let line = |path: &str, key: &str| {
        let text = read(path)?;
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let machine = line("/proc/meminfo", "MemAvailable:").map(|kib| kib * 1024);
    let most = number("/sys/fs/cgroup/memory.max");
    let container = most
        .zip(number("/sys/fs/cgroup/memory.current"))
        .map(|(most, used)| {
            // What files lie in memory for gives way.
            let idle = line("/sys/fs/cgroup/memory.stat", "inactive_file ").unwrap_or(0);
            most.saturating_sub(used.saturating_sub(idle))
        });
    match machine.into_iter().chain(container).min() {
        Some(free) if free < wanted => {
            Err(BrowserError::Memory(free / 1_000_000, wanted / 1_000_000))
        }
        _ => Ok(()),
    }
}
