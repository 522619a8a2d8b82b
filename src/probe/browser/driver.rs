//! A WebDriver of our own as a process: chromedriver or geckodriver.
//!
//! Owns: starting it on a port that it chooses, in a process group of its own, and ending the
//! whole group, reaped. Must not know WebDriver's commands.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use url::Url;

use super::BrowserError;
use super::capabilities::Kind;
use super::inhabitants;

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

/// A driver that runs.
#[derive(Debug)]
pub(super) struct Driver {
    child: Child,
    group: Pid,
    folder: PathBuf,
}

impl Driver {
    /// Starts `program` with its temporary files and its home in `folder`; it must listen
    /// within that time. Gives also the address at which it does.
    pub(super) async fn start(
        program: &Path,
        folder: &Path,
        within: Duration,
    ) -> Result<(Self, Url), BrowserError> {
        for _ in 1..DRAWS {
            match Self::start_once(program, folder, within).await {
                Err(BrowserError::Driver(_, said)) if said.contains(PORT_TAKEN) => {}
                ended => return ended,
            }
        }
        Self::start_once(program, folder, within).await
    }

    async fn start_once(
        program: &Path,
        folder: &Path,
        within: Duration,
    ) -> Result<(Self, Url), BrowserError> {
        let failed = |what: String| BrowserError::Driver(program.to_owned(), what);
        // Chromium puts sockets there, whose paths may only be a hundred bytes long.
        let (temporary, ports): (_, &[&str]) = match Kind::of(program) {
            Kind::Chromium => (PathBuf::from("tmp"), &["--port=0"]),
            Kind::Firefox => (folder.join("tmp"), &["--port=0", "--websocket-port=0"]),
        };
        // A name is looked up on the PATH; a path is not meant from the run's folder.
        let executable = match program.components().count() {
            1 => program.to_owned(),
            _ => std::path::absolute(program).unwrap_or_else(|_| program.to_owned()),
        };
        let mut child = Command::new(executable)
            .args(ports)
            .current_dir(folder)
            .env("TMPDIR", temporary)
            .env("HOME", folder.join("home"))
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_CACHE_HOME")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let group = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        let (Some(group), Some(stdout)) = (group, child.stdout.take()) else {
            return Err(failed("it ended at once".to_owned()));
        };
        let driver = Driver {
            child,
            group,
            folder: folder.to_owned(),
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
                // What it prints from now on is not wanted, but a full pipe would stop it.
                let mut rest = lines.into_inner().into_inner().into_inner();
                tokio::spawn(async move {
                    let mut sink = [0; 4096];
                    while rest.read(&mut sink).await.is_ok_and(|read| read > 0) {}
                });
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
