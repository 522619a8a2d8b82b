//! A WebDriver of our own as a process: chromedriver or geckodriver.
//!
//! Owns: starting it on a port that it chooses, in a process group of its own, and ending the
//! whole group, reaped. Must not know WebDriver's commands.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, waitpgid};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};
use url::Url;

use super::BrowserError;
use super::folder::groups_in;

/// How long the driver may take until it listens.
const STARTS_WITHIN: Duration = Duration::from_secs(15);
/// How long a killed group may take to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(10);
/// The most that is read of what the driver prints before it listens, in bytes.
const MOST_READ: u64 = 64 << 10;

/// A driver that runs.
#[derive(Debug)]
pub(super) struct Driver {
    child: Child,
    group: Pid,
    folder: PathBuf,
    /// Where it listens.
    pub(super) address: Url,
}

impl Driver {
    /// Starts `program` with its temporary files and its home in `folder`.
    pub(super) async fn start(program: &Path, folder: &Path) -> Result<Self, BrowserError> {
        let failed = |error: io::Error| BrowserError::Driver(program.to_owned(), error.to_string());
        let mut child = Command::new(program)
            .arg("--port=0")
            .env("TMPDIR", folder.join("tmp"))
            .env("HOME", folder.join("home"))
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_CACHE_HOME")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let gone = || BrowserError::Driver(program.to_owned(), "it ended at once".to_owned());
        let group = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        let (Some(group), Some(stdout)) = (group, child.stdout.take()) else {
            return Err(gone());
        };
        let mut lines = BufReader::new(stdout.take(MOST_READ)).lines();
        let listening = async {
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some(port) = port_in(&line) {
                    return Some(port);
                }
            }
            None
        };
        let port = timeout(STARTS_WITHIN, listening).await;
        let address = match &port {
            Ok(Some(port)) => Url::parse(&format!("http://127.0.0.1:{port}/")).ok(),
            _ => None,
        };
        let driver = Driver {
            child,
            group,
            folder: folder.to_owned(),
            address: address.clone().unwrap_or_else(super::nowhere),
        };
        if address.is_some() {
            // What it prints from now on is not wanted, but a full pipe would stop it.
            let mut rest = lines.into_inner().into_inner().into_inner();
            tokio::spawn(async move {
                let mut sink = [0; 4096];
                while rest.read(&mut sink).await.is_ok_and(|read| read > 0) {}
            });
            return Ok(driver);
        }
        driver.end().await;
        Err(match port {
            Ok(_) => gone(),
            Err(_) => BrowserError::Driver(
                program.to_owned(),
                format!("it does not listen within {} s", STARTS_WITHIN.as_secs()),
            ),
        })
    }

    /// Kills the driver, its browser and all their children, and reaps them.
    pub(super) async fn end(mut self) {
        let folder = self.folder.clone();
        let found = tokio::task::spawn_blocking(move || groups_in(&folder)).await;
        let mut groups = found.unwrap_or_default();
        groups.insert(self.group);
        for group in &groups {
            // An error means that nobody is left.
            let _ = kill_process_group(*group, Signal::KILL);
        }
        let reaped = timeout(GONE_WITHIN, async {
            let _ = self.child.wait().await;
            for group in groups {
                // Orphans come to us, the subreaper; as long as any is left, this says so.
                while waitpgid(group, WaitOptions::NOHANG).is_ok() {
                    sleep(Duration::from_millis(2)).await;
                }
            }
        });
        if reaped.await.is_err() {
            tracing::warn!(group = %self.group, "a browser does not die");
        }
    }
}

/// The port in chromedriver's "… started successfully on port 40877." or geckodriver's
/// "… Listening on 127.0.0.1:4444".
fn port_in(line: &str) -> Option<u16> {
    let behind = ["on port ", "Listening on 127.0.0.1:"]
        .into_iter()
        .find_map(|before| Some(&line[line.find(before)? + before.len()..]))?;
    let digits = behind
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(behind.len());
    behind[..digits].parse().ok().filter(|port| *port != 0)
}
