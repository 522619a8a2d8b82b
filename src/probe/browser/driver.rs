//! A WebDriver of our own as a process: chromedriver or geckodriver.
//!
//! Owns: starting it on a port that it chooses, in a process group of its own, with an environment
//! and a user of its own, and ending the whole group, reaped. Must not know WebDriver's commands.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::watch;
use tokio::time::timeout;
use url::Url;

use super::capabilities::Kind;
use super::folder::RunFolder;
use super::inhabitants;
use super::{BrowserError, Settings};

/// How long a killed driver may take to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(10);
/// The most that is read of what the driver prints before it listens, in bytes.
const MOST_READ: u64 = 64 << 10;
/// The most characters of it that a message quotes.
const MOST_QUOTED: usize = 200;
/// What chromedriver says, and ends, where it drew a port for IPv6 that another holds for IPv4.
const PORT_TAKEN: &str = "port not available";
/// How often it draws one.
const DRAWS: usize = 3;
/// What of our environment a driver and its browser get: where programs are, how people read and
/// count, what fonts there are. Nothing else, for ours holds keys and passwords.
const LET_THROUGH: [&str; 8] = [
    "PATH",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "FONTCONFIG_FILE",
    "FONTCONFIG_PATH",
];
/// What a browser that is to be seen gets besides.
const LET_THROUGH_TO_SCREENS: [&str; 4] = [
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_RUNTIME_DIR",
];
/// What Chromium says, and ends, where there can be no sandbox.
const NO_SANDBOX: [&str; 4] = [
    "No usable sandbox",
    "without --no-sandbox",
    "SUID sandbox helper",
    "Failed to move to new namespace",
];
/// How long a browser's last words may take, which it said before its driver told that it ended.
const LAST_WORDS_WITHIN: Duration = Duration::from_millis(500);
/// Not permitted; not a number of a user here. A program that cannot be run gives other errors.
const CANNOT_BE_USER: [i32; 2] = [1, 22];

/// A driver that runs.
#[derive(Debug)]
pub(super) struct Driver {
    child: Child,
    group: Pid,
    folder: PathBuf,
    /// Becomes true when the browser says that there can be no sandbox.
    misses_sandbox: watch::Receiver<bool>,
}

impl Driver {
    /// Starts `program` with its temporary files and its home in `folder`, as the user who lives
    /// there; it must listen within the settings' time. Gives also the address at which it does.
    pub(super) async fn start(
        program: &Path,
        folder: &RunFolder,
        settings: &Settings,
    ) -> Result<(Self, Url), BrowserError> {
        for _ in 1..DRAWS {
            match Self::start_once(program, folder, settings).await {
                Err(BrowserError::Driver(_, said)) if said.contains(PORT_TAKEN) => {}
                ended => return ended,
            }
        }
        Self::start_once(program, folder, settings).await
    }

    async fn start_once(
        program: &Path,
        folder: &RunFolder,
        settings: &Settings,
    ) -> Result<(Self, Url), BrowserError> {
        let (within, user) = (settings.starts_within, folder.user());
        let folder = folder.path();
        let failed = |what: String| BrowserError::Driver(program.to_owned(), what);
        // Chromium puts sockets there, whose paths may only be a hundred bytes long.
        let (temporary, ports): (_, &[&str]) = match Kind::of(program) {
            // The browser's own words are the only ones that tell of a missing sandbox.
            Kind::Chromium => (PathBuf::from("tmp"), &["--port=0", "--enable-chrome-logs"]),
            Kind::Firefox => (folder.join("tmp"), &["--port=0", "--websocket-port=0"]),
        };
        // A name is looked up on the PATH; a path is not meant from the run's folder.
        let executable = match program.components().count() {
            1 => program.to_owned(),
            _ => std::path::absolute(program).unwrap_or_else(|_| program.to_owned()),
        };
        let mut command = Command::new(executable);
        command
            // Who may not read the environment of another user's processes finds them by this.
            .arg0(folder.join(program.file_name().unwrap_or_default()))
            .args(ports)
            .current_dir(folder)
            .env_clear()
            .envs(environment(settings.headed))
            .env("TMPDIR", temporary)
            .env("HOME", folder.join("home"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        if let Some(user) = user {
            // What other groups we are in is left behind, too.
            command.uid(user.uid).gid(user.gid);
        }
        let mut child = command.spawn().map_err(|error| match user {
            Some(user) if is_about_user(&error) => BrowserError::User(user, error),
            _ => failed(error.to_string()),
        })?;
        let group = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        let (Some(group), Some(stdout), Some(stderr)) =
            (group, child.stdout.take(), child.stderr.take())
        else {
            return Err(failed("it ended at once".to_owned()));
        };
        let driver = Driver {
            child,
            group,
            folder: folder.to_owned(),
            misses_sandbox: listen_for_sandbox(stderr),
        };
        let mut lines = BufReader::new(stdout.take(MOST_READ)).lines();
        let listening = async {
            let mut last = None;
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some(address) = address_in(&line) {
                    return Ok(address);
                }
                last = Some(line);
            }
            Err(last)
        };
        let missing = match timeout(within, listening).await {
            Ok(Ok(address)) => {
                tokio::spawn(drain(lines.into_inner().into_inner().into_inner()));
                return Ok((driver, address));
            }
            Ok(Err(Some(line))) => {
                let line: String = line.chars().take(MOST_QUOTED).collect();
                format!("it does not say where it listens, but \"{line}\"")
            }
            Ok(Err(None)) => "it ended at once".to_owned(),
            Err(_) => format!("it does not listen within {} s", within.as_secs_f64()),
        };
        driver.end().await;
        Err(failed(missing))
    }

    /// Whether the browser, which did not start, said that there can be no sandbox.
    pub(super) async fn misses_sandbox(&mut self) -> bool {
        let told = self.misses_sandbox.wait_for(|told| *told);
        matches!(timeout(LAST_WORDS_WITHIN, told).await, Ok(Ok(_)))
    }

    /// Kills the driver, its browser and all their children, and reaps them.
    pub(super) async fn end(mut self) {
        // An error means that nobody is left.
        let _ = kill_process_group(self.group, Signal::KILL);
        let is_gone = timeout(GONE_WITHIN, self.child.wait()).await.is_ok();
        if !inhabitants::end_all(self.folder, Some(self.group)).await || !is_gone {
            tracing::warn!(group = %self.group, "a browser does not die");
        }
    }
}

/// The variables that a driver gets of ours.
fn environment(headed: bool) -> impl Iterator<Item = (&'static str, OsString)> {
    let to_screens = LET_THROUGH_TO_SCREENS.iter().filter(move |_| headed);
    let names = LET_THROUGH.iter().chain(to_screens);
    names.filter_map(|name| Some((*name, std::env::var_os(name)?)))
}

/// Whether it is the user that a program cannot be started as.
pub(super) fn is_about_user(error: &std::io::Error) -> bool {
    let code = error.raw_os_error();
    code.is_some_and(|code| CANNOT_BE_USER.contains(&code))
}

/// Reads what driver and browser complain of, at first for what they say of a sandbox.
fn listen_for_sandbox(stderr: ChildStderr) -> watch::Receiver<bool> {
    let (tell, told) = watch::channel(false);
    tokio::spawn(async move {
        let mut lines = BufReader::new(stderr.take(MOST_READ)).lines();
        // What is no text is passed over.
        while let Ok(Some(line)) = lines.next_line().await {
            if NO_SANDBOX.iter().any(|words| line.contains(words)) {
                tell.send_replace(true);
            }
        }
        drop(tell);
        drain(lines.into_inner().into_inner().into_inner()).await;
    });
    told
}

/// Reads on and keeps nothing: a full pipe would stop whoever writes into it.
async fn drain(mut pipe: impl tokio::io::AsyncRead + Unpin) {
    let mut sink = [0; 4096];
    while pipe.read(&mut sink).await.is_ok_and(|read| read > 0) {}
}

/// The address in chromedriver's "… started successfully on port 40877." or geckodriver's
/// "… Listening on 127.0.0.1:4444".
fn address_in(line: &str) -> Option<Url> {
    let behind = ["on port ", "Listening on 127.0.0.1:"]
        .into_iter()
        .find_map(|before| Some(&line[line.find(before)? + before.len()..]))?;
    let digits = behind
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(behind.len());
    let port: u16 = behind[..digits].parse().ok().filter(|port| *port != 0)?;
    Url::parse(&format!("http://127.0.0.1:{port}/")).ok()
}
