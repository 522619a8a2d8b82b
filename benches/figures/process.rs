//! Other processes: started, read through /proc, and stopped by their id.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::time::{ClockId, clock_gettime};
use siaga::domain::Clock as _;
use siaga::system::SystemClock;

/// What /proc counts processor time in, a second. The kernel shows programs 100 on every
/// machine that Siaga is built for.
const TICKS: f64 = 100.0;
/// How long a process may take to come up, and to go.
const PATIENCE: Duration = Duration::from_secs(20);

/// A process of ours; stopped when this goes.
pub(crate) struct Process {
    child: std::process::Child,
    name: String,
}

impl Process {
    /// Starts it, with all that it says in `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> anyhow::Result<Process> {
        let name = command.get_program().to_string_lossy().into_owned();
        let out = File::create(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        Ok(Process { child, name })
    }

    /// Its id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Processor time of it and of the processes that it has, in seconds.
    pub(crate) fn cpu(&self) -> anyhow::Result<f64> {
        let mut sum = cpu(&self.id().to_string())?;
        for child in children(self.id()) {
            sum += cpu(&child)?;
        }
        Ok(sum)
    }

    /// Waits until something listens there.
    pub(crate) async fn listens(&mut self, address: std::net::SocketAddr) -> anyhow::Result<()> {
        let until = SystemClock.monotonic() + PATIENCE;
        while tokio::net::TcpStream::connect(address).await.is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended: {status}", self.name);
            }
            if SystemClock.monotonic() > until {
                bail!("{} does not listen on {address}", self.name);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let mut family = vec![self.id().to_string()];
        family.extend(children(self.id()));
        let _ = Command::new("kill").args(["-TERM", &family[0]]).status();
        let until = SystemClock.monotonic() + PATIENCE;
        while let Ok(None) = self.child.try_wait() {
            if SystemClock.monotonic() > until {
                let _ = Command::new("kill").arg("-KILL").args(&family).status();
                let _ = self.child.wait();
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn children(id: u32) -> Vec<String> {
    let listed = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
    let listed = listed.unwrap_or_default();
    listed.split_whitespace().map(str::to_owned).collect()
}

/// Processor time of this process, user and system, in seconds. Far finer than [`cpu`].
pub(crate) fn own_cpu() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Processor time of a process, user and system, in seconds: to a hundredth of one.
fn cpu(id: &str) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
    // The name in parentheses may hold anything; the numbers stand behind it.
    let (_, numbers) = stat.rsplit_once(')').context("/proc/…/stat is odd")?;
    let mut numbers = numbers.split_whitespace().skip(11);
    let mut next = || -> anyhow::Result<f64> { Ok(numbers.next().context("no time")?.parse()?) };
    Ok((next()? + next()?) / TICKS)
}

/// Processor time of this process and of all children that it waited for, theirs included,
/// user and system, in seconds.
pub(crate) fn cpu_with_children() -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, numbers) = stat.rsplit_once(')').context("/proc/…/stat is odd")?;
    let times = numbers.split_whitespace().skip(11).take(4);
    let ticks: f64 = times.filter_map(|time| time.parse::<f64>().ok()).sum();
    Ok(ticks / TICKS)
}

/// A line of /proc/…/status, in megabytes (of 1,000,000 bytes): `VmRSS`, `VmHWM`.
pub(crate) fn megabytes(id: u32, key: &str) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    let kib: f64 = line
        .and_then(|line| line.trim_start_matches(':').split_whitespace().next())
        .with_context(|| format!("no {key}"))?
        .parse()?;
    Ok(kib * 1024.0 / 1e6)
}

/// The machine's load in the last minute.
pub(crate) fn load() -> f64 {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let first = load.split(' ').next().unwrap_or_default();
    first.parse().unwrap_or(f64::NAN)
}

/// Whether a program is installed.
pub(crate) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([Path::new("/usr/sbin").to_owned()])
        .any(|folder| folder.join(program).is_file())
}
