//! Removing files: those whose rows are gone, and those that never got a row. Both can be broken
//! off anywhere and go on at the next round.

use std::collections::HashSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;

use crate::domain::Moment;
use crate::evidence::{EvidenceStore, is_older};
use crate::store::files::{self, AT_ONCE, Kind};
use crate::store::{self, Store, monitor};

/// A file that no row lists may belong to something on its way while it is younger.
const SWEEP_AFTER: Duration = Duration::from_secs(3600);
/// The name under which a database knows itself, see migration 0004.
const DATABASE_ID: &str = "database_id";
/// The file in the data folder that says whose files lie beside it.
const ID_FILE: &str = "database.id";

/// Where files lie.
#[derive(Clone, Debug)]
pub struct Folders {
    /// The data folder.
    pub data: PathBuf,
    /// Screenshots.
    pub screenshots: PathBuf,
    /// Evidence.
    pub evidence: EvidenceStore,
}

/// Removes the files whose rows were removed. Gives how many. One that cannot be removed stays
/// on the list, and the others go on.
///
/// # Errors
/// When the database fails.
pub async fn remove_queued(
    store: &Store,
    folders: &Folders,
    stop: &watch::Receiver<bool>,
) -> Result<usize, store::Error> {
    let mut removed = 0;
    for kind in Kind::ALL {
        let mut after = 0;
        while !*stop.borrow() {
            let queued = store
                .read(move |mut c| {
                    Box::pin(async move { files::queued(&mut c, kind, after).await })
                })
                .await?;
            let Some(last) = queued.last() else { break };
            after = last.id;
            let names = queued.iter().map(|file| file.name.clone()).collect();
            let outcome = remove(store, folders, kind, names).await?;
            removed += outcome.removed;
            let done: Vec<i64> = (queued.iter())
                .filter(|file| !outcome.failed.contains(&file.name))
                .map(|file| file.id)
                .collect();
            store
                .write(move |mut c| Box::pin(async move { files::unqueue(&mut c, &done).await }))
                .await?;
        }
    }
    Ok(removed)
}

/// Removes files that no row lists and that are older than an hour: what a crash left of what was
/// never acknowledged. Gives how many. Memory and the database's work grow with the number of
/// files and no faster.
///
/// # Errors
/// When a folder cannot be read, or the database fails, also where somebody writes rows right now.
pub async fn sweep(
    store: &Store,
    folders: &Folders,
    now: Moment,
    stop: &watch::Receiver<bool>,
) -> anyhow::Result<usize> {
    if !belong_together(store, &folders.data).await? {
        tracing::warn!(
            folder = %folders.data.display(),
            "the files in the data folder belong to another database, so none is swept away; where \
             this is the right one, remove the file `{ID_FILE}` there"
        );
        return Ok(0);
    }
    let mut removed = 0;
    for kind in Kind::ALL {
        let (found, mut chunks) = mpsc::channel(1);
        let listed = folders.clone();
        let listing = spawn_blocking(move || list(kind, &listed, now - SWEEP_AFTER, &found));
        while let Some(names) = chunks.recv().await {
            if *stop.borrow() {
                break;
            }
            removed += remove(store, folders, kind, names).await?.removed;
        }
        // Whoever lists ends when nobody takes any more.
        drop(chunks);
        listing.await??;
    }
    Ok(removed)
}

/// Whether the data folder is this database's. A folder that says nothing is taken for it, and
/// says so from then on.
async fn belong_together(store: &Store, data: &Path) -> anyhow::Result<bool> {
    let id = store
        .read(|mut c| Box::pin(async move { monitor::setting(&mut c, DATABASE_ID).await }))
        .await?
        .context("the database does not know its own name")?;
    let path = data.join(ID_FILE);
    let known = match tokio::fs::read_to_string(&path).await {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        known => Some(known.with_context(|| format!("{} cannot be read", path.display()))?),
    };
    if let Some(known) = known {
        return Ok(known.trim() == id);
    }
    let written = tokio::fs::write(&path, format!("{id}\n")).await;
    written.with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(true)
}

/// Hands over the names of old files, some at a time, until nobody takes them. Blocking.
fn list(
    kind: Kind,
    folders: &Folders,
    before: Moment,
    found: &mpsc::Sender<Vec<String>>,
) -> anyhow::Result<()> {
    let mut chunk = Vec::with_capacity(AT_ONCE);
    let mut take = |name: String| {
        chunk.push(name);
        chunk.len() < AT_ONCE || found.blocking_send(std::mem::take(&mut chunk)).is_ok()
    };
    match kind {
        Kind::Evidence => folders.evidence.written_before(before, &mut take)?,
        Kind::Screenshot => written_before(&folders.screenshots, before, &mut take)
            .context("the folder of screenshots cannot be read")?,
    }
    if !chunk.is_empty() {
        let _ = found.blocking_send(chunk);
    }
    Ok(())
}

fn written_before(
    folder: &Path,
    before: Moment,
    take: &mut dyn FnMut(String) -> bool,
) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // One that has gone meanwhile is nobody's any more.
        let metadata = entry.metadata();
        let is_old = metadata.is_ok_and(|file| file.is_file() && is_older(&file, before));
        if let (true, Ok(name)) = (is_old, entry.file_name().into_string())
            && !take(name)
        {
            break;
        }
    }
    Ok(())
}

#[derive(Default)]
struct Outcome {
    removed: usize,
    failed: HashSet<String>,
}

/// Removes those of these files that no row lists.
async fn remove(
    store: &Store,
    folders: &Folders,
    kind: Kind,
    names: Vec<String>,
) -> Result<Outcome, store::Error> {
    let names = match kind {
        Kind::Evidence => folders.evidence.doom(names),
        Kind::Screenshot => names,
    };
    let asked = names.clone();
    let listed = store
        .write(move |mut c| Box::pin(async move { files::listed(&mut c, kind, &asked).await }))
        .await;
    let spare_all = || names.iter().for_each(|name| folders.evidence.spare(name));
    let listed = listed.inspect_err(|_| spare_all())?;
    let mut outcome = Outcome::default();
    for name in names {
        if listed.contains(&name) {
            folders.evidence.spare(&name);
            continue;
        }
        let removed = match kind {
            Kind::Evidence => folders
                .evidence
                .remove(&name)
                .await
                .map_err(|e| e.to_string()),
            Kind::Screenshot => unlink(&folders.screenshots.join(&name)).await,
        };
        match removed {
            Ok(()) => outcome.removed += 1,
            Err(error) => {
                tracing::warn!(error, kind = kind.as_str(), "a file could not be removed");
                outcome.failed.insert(name);
            }
        }
    }
    Ok(outcome)
}

async fn unlink(path: &Path) -> Result<(), String> {
    match tokio::fs::remove_file(path).await {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.to_string()),
        _ => Ok(()),
    }
}
