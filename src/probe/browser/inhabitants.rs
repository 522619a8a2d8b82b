//! The processes of one browser's run: those that live in its folder.
//!
//! Owns finding them, killing and reaping them. A browser's helpers leave its process group
//! and outlive their parents, so a group alone does not tell them. Must not know what they do.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{
    Pid, Signal, WaitOptions, getpgrp, getpid, kill_process_group, waitpgid, waitpid,
};

/// How often it is looked again whether somebody is left.
const LOOKS: u32 = 200;
/// The longest pause between two looks.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Kills all that live in `folder` until nobody is left, and reaps those that are our
/// children, those of a group that is `known` among them; whether nobody is left. Blocks, for
/// about 10 s at most.
///
/// To live there is to have the folder's name in one's environment or on one's command line.
pub(super) fn end(folder: &Path, known: Option<Pid>) -> bool {
    let mut groups: HashSet<Pid> = known.into_iter().collect();
    let mut pause = Duration::from_millis(1);
    for _ in 0..LOOKS {
        let found = find(folder);
        for group in &found.groups {
            // An error means that nobody is left.
            let _ = kill_process_group(*group, Signal::KILL);
        }
        for stray in found.strays {
            let _ = waitpid(Some(stray), WaitOptions::NOHANG);
        }
        let is_empty = found.groups.is_empty();
        groups.extend(found.groups);
        // Orphans come to us, the subreaper. An error means that a group has no child of ours.
        groups.retain(|group| {
            while let Ok(Some(_)) = waitpgid(*group, WaitOptions::NOHANG) {}
            waitpgid(*group, WaitOptions::NOHANG).is_ok()
        });
        // One that was born between the look and the blow is found by the next look.
        if is_empty && groups.is_empty() {
            return true;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    false
}

struct Found {
    /// The groups of those who live in the folder.
    groups: HashSet<Pid>,
    /// Dead children of ours that nobody else waits for: what we start stays in our session,
    /// and what a browser's helpers start does not.
    strays: Vec<Pid>,
}

fn find(folder: &Path) -> Found {
    let mut found = Found {
        groups: HashSet::new(),
        strays: Vec::new(),
    };
    let folder = folder.as_os_str().as_encoded_bytes();
    let (us, our_group) = (getpid(), getpgrp());
    let our_session = stat(Path::new("/proc/self")).and_then(|stat| stat.session);
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name();
        let Some(process) = name
            .to_str()
            .and_then(|name| Pid::from_raw(name.parse().ok()?))
        else {
            continue;
        };
        let of_process = entry.path();
        let Some(stat) = stat(&of_process) else {
            continue;
        };
        if stat.is_dead {
            if stat.parent == Some(us) && stat.session != our_session {
                found.strays.push(process);
            }
        } else if let Some(group) = stat.group
            && group != our_group
            && names(&of_process, folder)
        {
            found.groups.insert(group);
        }
    }
    found
}

fn names(of_process: &Path, folder: &[u8]) -> bool {
    ["cmdline", "environ"].into_iter().any(|file| {
        let text = fs::read(of_process.join(file)).unwrap_or_default();
        text.windows(folder.len()).any(|part| part == folder)
    })
}

struct Stat {
    is_dead: bool,
    parent: Option<Pid>,
    group: Option<Pid>,
    session: Option<Pid>,
}

/// See `proc_pid_stat(5)`.
fn stat(of_process: &Path) -> Option<Stat> {
    let text = fs::read_to_string(of_process.join("stat")).ok()?;
    // The name, in parentheses, may hold blanks and parentheses.
    let mut fields = text[text.rfind(')')? + 1..].split_whitespace();
    let is_dead = matches!(fields.next()?, "Z" | "X");
    let mut process = || Pid::from_raw(fields.next()?.parse().ok()?);
    Some(Stat {
        is_dead,
        parent: process(),
        group: process(),
        session: process(),
    })
}

/// [`end`], away from the runtime's own threads.
pub(super) async fn end_all(folder: PathBuf, known: Option<Pid>) -> bool {
    let ended = tokio::task::spawn_blocking(move || end(&folder, known));
    ended.await.unwrap_or_default()
}
