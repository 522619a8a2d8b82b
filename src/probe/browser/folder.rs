//! The folder of one browser's run: profile, temporary files, documents to upload.
//!
//! Owns: making it, removing it, and clearing away what a killed process of ours left behind,
//! its browsers included. Must not know what runs in it.

use std::collections::HashSet;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process_group};

/// What each folder is called, before its random part.
const PREFIX: &str = "browser-";
/// The file that names the process that the folder belongs to.
const OWNER: &str = "owner";

/// A run's folder. [`RunFolder::remove`] takes it away; where that is not reached, the next
/// start does.
#[derive(Debug)]
pub(super) struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Makes the folder `browser-{token}` and those in it, for this user alone.
    ///
    /// # Errors
    /// What the operating system refused, a full disk included.
    pub(super) fn make(parent: &Path, token: &str) -> io::Result<Self> {
        let path = parent.join(format!("{PREFIX}{token}"));
        let folder = RunFolder { path };
        let made = folder.fill();
        if made.is_err() {
            folder.remove();
        }
        made.map(|()| folder)
    }

    fn fill(&self) -> io::Result<()> {
        for name in ["profile", "tmp", "home", "uploads"] {
            let inner = self.path.join(name);
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(inner)?;
        }
        fs::write(self.path.join(OWNER), me()?)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the folder and everything in it. What cannot be removed is left to the next
    /// start, and told in the log.
    pub(super) fn remove(&self) {
        remove(&self.path);
    }
}

fn remove(path: &Path) {
    match fs::remove_dir_all(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            tracing::warn!(%error, folder = %path.display(), "a browser's folder is left behind");
        }
    }
}

/// Removes the folders in `parent` whose process is gone, and kills the browsers that still
/// live in them. Gives how many folders were removed.
///
/// # Errors
/// If `parent` cannot be made or read.
pub(super) fn clear(parent: &Path) -> io::Result<usize> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(parent)?;
    let mut cleared = 0;
    for entry in fs::read_dir(parent)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let owner = fs::read_to_string(path.join(OWNER)).unwrap_or_default();
        if !name.starts_with(PREFIX) || lives(&owner) {
            continue;
        }
        for group in groups_in(&path) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        remove(&path);
        cleared += 1;
    }
    Ok(cleared)
}

/// The process groups of those who live in the folder, which is to say that it is named in
/// their environment or on their command line. A browser's helpers leave its group.
pub(super) fn groups_in(folder: &Path) -> HashSet<Pid> {
    let folder = folder.to_string_lossy();
    let lives_there = |process: &u32| {
        ["cmdline", "environ"].into_iter().any(|file| {
            let text = fs::read(format!("/proc/{process}/{file}")).unwrap_or_default();
            String::from_utf8_lossy(&text).contains(&*folder)
        })
    };
    let inhabitants = processes().filter(lives_there);
    let groups = inhabitants.filter_map(|process| Pid::from_raw(stat(process)?.group));
    groups.collect()
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

struct Stat {
    group: i32,
    started: u64,
}

/// Group and start (clock ticks since the machine's start) of a process; see `proc(5)`.
fn stat(process: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name, in parentheses, may hold blanks and parentheses.
    let fields: Vec<&str> = text[text.rfind(')')? + 1..].split_whitespace().collect();
    Some(Stat {
        group: fields.get(2)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
    })
}

/// This process, told apart from a later one with the same number.
fn me() -> io::Result<String> {
    let process = std::process::id();
    let stat = stat(process).ok_or_else(|| io::Error::other("/proc cannot be read"))?;
    Ok(format!("{process} {}", stat.started))
}

fn lives(owner: &str) -> bool {
    let mut words = owner.split_whitespace();
    let (Some(process), Some(started)) = (words.next(), words.next()) else {
        return false;
    };
    let stat = process.parse().ok().and_then(stat);
    stat.is_some_and(|stat| Ok(stat.started) == started.parse())
}
