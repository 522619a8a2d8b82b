//! The head of the audit trail, told once a day to where the database's owner cannot change it:
//! the log, and a file that only grows.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::domain::{Clock, Moment};
use crate::store::audit::{self, Head};
use crate::store::{self, Store};

const INTERVAL: Duration = Duration::from_secs(86_400);

/// Tells the head at once and then once a day, until told to stop.
///
/// # Errors
/// Never: what could not be written is logged, and tried again a day later.
pub async fn run(
    store: Store,
    file: Option<PathBuf>,
    clock: Arc<dyn Clock>,
    mut stop: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    while !*stop.borrow_and_update() {
        if let Err(error) = publish(&store, file.as_deref(), clock.now()).await {
            tracing::warn!(%error, "the head of the audit trail could not be written down");
        }
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => {}
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
    Ok(())
}

/// Why the head is not written down.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The file.
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
}

/// Logs the head of the trail, and appends it to the file unless it stands there already.
///
/// # Errors
/// When the database or the file fails.
pub async fn publish(
    store: &Store,
    file: Option<&Path>,
    now: Moment,
) -> Result<Option<Head>, PublishError> {
    let read = store.read(|mut conn| Box::pin(async move { audit::head(&mut conn).await }));
    let Some(head) = read.await? else {
        return Ok(None);
    };
    tracing::info!(
        entry = head.place.entry,
        head = head.hash,
        "the audit trail ends here"
    );
    if let Some(file) = file {
        let (path, line) = (file.to_owned(), line(&head, now));
        let hash = head.hash.clone();
        tokio::task::spawn_blocking(move || append(&path, &line, &hash))
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error)))
            .map_err(|error| PublishError::File(file.to_owned(), error))?;
    }
    Ok(Some(head))
}

/// A line of the file: when it was written, which entry, and its hash.
fn line(head: &Head, now: Moment) -> String {
    format!("{now} {} {}\n", head.place.entry, head.hash)
}

/// The hash in a line of the file; `None` where the line is something else.
pub fn hash_of_line(line: &str) -> Option<&str> {
    let hash = line.split_whitespace().nth(2)?;
    (hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(hash)
}

fn append(path: &Path, line: &str, hash: &str) -> io::Result<()> {
    let last = match File::open(path) {
        Ok(mut file) => last_bytes(&mut file)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        // A file that may be written and not read is as good.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => String::new(),
        Err(error) => return Err(error),
    };
    if last.lines().last().and_then(hash_of_line) == Some(hash) {
        return Ok(());
    }
    let mut file = File::options().append(true).create(true).open(path)?;
    // A line that was broken off stays a line of its own.
    let begin = if last.is_empty() || last.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    file.write_all(format!("{begin}{line}").as_bytes())?;
    file.sync_data()
}

/// As much of the end as a line and a half take.
fn last_bytes(file: &mut File) -> io::Result<String> {
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(200)))?;
    let mut bytes = Vec::new();
    file.take(200).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
