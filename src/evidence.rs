//! Owns: the files of evidence, each under the SHA-256 of its bytes. A file is there whole
//! and durable, or not at all. Must not know: what the bytes mean, or the database.

mod limits;

use std::collections::{HashMap, HashSet};
use std::fs::{self, DirBuilder, File, Metadata};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::domain::Moment;
use crate::domain::run::EvidenceRef;
pub use limits::Limits;

/// The largest piece that is kept, in bytes.
pub const LARGEST: usize = 16 << 20;

/// What keeps a piece of evidence from being kept, read or removed.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// The disk, the quota or the process's limit is used up.
    #[error("no room left in {0} to keep evidence")]
    Full(PathBuf),
    /// The disk has room left, but none for evidence.
    #[error(
        "the disk has no room left that evidence may take: `free_for_files` sets how much stays free"
    )]
    Reserved,
    /// As much evidence as is kept on a day.
    #[error("no more evidence is kept today: `evidence_a_day` sets how much")]
    OfTheDay,
    /// Larger than [`LARGEST`].
    #[error("a piece of evidence of {0} bytes is not kept: {LARGEST} is the most")]
    TooLarge(usize),
    /// Not 64 lower-case hex digits.
    #[error("`{0}` is not the address of a piece of evidence")]
    Address(String),
    /// The bytes on disk are no longer those that were kept.
    #[error("the evidence in {0} is damaged: its bytes do not have its hash")]
    Damaged(PathBuf),
    /// Anything else that the operating system refused.
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// What was tried, e.g. `write`.
        what: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// A folder of evidence: `ab/abcdef…`, readable to the process's user alone.
#[derive(Clone, Debug)]
pub struct EvidenceStore {
    folder: Arc<Path>,
    /// When the hour of each sort of failure began, and how often it was met since.
    met: Arc<Mutex<HashMap<String, (Moment, u32)>>>,
    limits: Option<Limits>,
    claims: Arc<Mutex<Claims>>,
}

/// Who is about to list or to remove which addresses, so that none is removed that is kept
/// again in the same moment.
#[derive(Debug, Default)]
struct Claims {
    /// Kept, and not settled yet: how often.
    kept: HashMap<String, u32>,
    /// To be removed, unless they are kept again before.
    doomed: HashSet<String>,
}

/// How often an hour the same failure leaves all of its evidence.
const AN_HOUR: u32 = 3;
const HOUR: Duration = Duration::from_secs(3600);
/// The most sorts of failure that are remembered.
const SORTS: usize = 500;

const UNFINISHED: &str = ".unfinished-";

impl EvidenceStore {
    /// Opens the folder, making it where it is missing, and removes what a crash left
    /// unfinished. One process uses a folder at a time. Blocks: for the start of a program.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, EvidenceError> {
        let folder: Arc<Path> = folder.into().into();
        make_folder(&folder)?;
        for shelf in listed(&folder)? {
            if !shelf.is_dir() {
                continue;
            }
            for file in listed(&shelf)? {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                if name.starts_with(UNFINISHED) {
                    gone(fs::remove_file(&file)).map_err(failure("remove", &file))?;
                }
            }
        }
        Ok(EvidenceStore {
            folder,
            met: Arc::default(),
            limits: None,
            claims: Arc::default(),
        })
    }

    /// The same within these limits.
    #[must_use]
    pub fn within(self, limits: Limits) -> Self {
        EvidenceStore {
            limits: Some(limits),
            ..self
        }
    }

    /// Whether all of the evidence of a failure is wanted, by the sort of failure: during a
    /// long outage the same one is met again and again, and the first few of each hour tell
    /// as much as all. Counts the failure.
    pub fn is_wanted(&self, sort: &str, now: Moment) -> bool {
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        met.retain(|_, (began, _)| now.since(*began) < HOUR && *began <= now);
        if met.len() >= SORTS && !met.contains_key(sort) {
            return false;
        }
        let (_, count) = met.entry(sort.to_owned()).or_insert((now, 0));
        *count = count.saturating_add(1);
        *count <= AN_HOUR
    }

    /// Keeps the bytes; they are durable when this answers `Ok`. The same bytes are kept once.
    /// Nothing removes them before the reference is [settled](Self::settle).
    pub async fn keep(
        &self,
        kind: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<EvidenceRef, EvidenceError> {
        if bytes.len() > LARGEST {
            return Err(EvidenceError::TooLarge(bytes.len()));
        }
        let (this, owned) = (self.clone(), bytes.to_vec());
        let claim = blocking(&self.folder, move || {
            // Before it is looked whether the file is there.
            let claim = this.claim(address(&owned));
            write(&this.folder, &claim.sha256, &owned, this.limits.as_ref())?;
            Ok(claim)
        })
        .await?;
        Ok(EvidenceRef {
            kind: kind.to_owned(),
            sha256: claim.hand_over(),
            media_type: media_type.to_owned(),
            size: bytes.len() as u64,
        })
    }

    /// The bytes at an address, checked against it; `None` where there are none.
    pub async fn read(&self, sha256: &str) -> Result<Option<Vec<u8>>, EvidenceError> {
        let path = self.path(sha256)?;
        let expected = sha256.to_owned();
        blocking(&self.folder, move || match fs::read(&path) {
            Ok(bytes) if address(&bytes) == expected => Ok(Some(bytes)),
            Ok(_) => Err(EvidenceError::Damaged(path)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failure("read", &path)(error)),
        })
        .await
    }

    fn claims(&self) -> MutexGuard<'_, Claims> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn claim(&self, sha256: String) -> Claim {
        let mut claims = self.claims();
        *claims.kept.entry(sha256.clone()).or_default() += 1;
        claims.doomed.remove(&sha256);
        let store = self.clone();
        Claim { store, sha256 }
    }

    /// Tells of an address that was given by [`keep`](Self::keep): the database lists it now, or
    /// never will.
    pub fn settle(&self, sha256: &str) {
        let mut claims = self.claims();
        if let Some(count) = claims.kept.get_mut(sha256) {
            *count -= 1;
            if *count == 0 {
                claims.kept.remove(sha256);
            }
        }
    }

    /// Announces that these addresses are to be removed, and gives those of them that may be: the
    /// others are kept by somebody right now. Whether the database lists any is to be asked
    /// after this, and before [`remove`](Self::remove).
    pub fn doom(&self, addresses: impl IntoIterator<Item = String>) -> Vec<String> {
        let mut claims = self.claims();
        let free = |address: &String| !claims.kept.contains_key(address);
        let doomed: Vec<String> = addresses.into_iter().filter(free).collect();
        claims.doomed.extend(doomed.iter().cloned());
        doomed
    }

    /// Removes what is at an address that was doomed, unless it was kept again since; also where
    /// there is nothing any more.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub async fn remove(&self, sha256: &str) -> Result<(), EvidenceError> {
        let path = self.path(sha256)?;
        let (this, sha256) = (self.clone(), sha256.to_owned());
        blocking(&self.folder, move || {
            // Who keeps it meanwhile waits for the lock, and finds no file.
            let mut claims = this.claims();
            if !claims.doomed.remove(&sha256) {
                return Ok(());
            }
            let removed = gone(fs::remove_file(&path)).map_err(failure("remove", &path));
            removed.map(|_| ())
        })
        .await
    }

    /// Spares an address that was doomed.
    pub fn spare(&self, sha256: &str) {
        self.claims().doomed.remove(sha256);
    }

    /// Hands over the addresses of all pieces that were written before `before`, until `take`
    /// gives `false`. Blocking.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn written_before(
        &self,
        before: Moment,
        take: &mut dyn FnMut(String) -> bool,
    ) -> Result<(), EvidenceError> {
        for shelf in listed(&self.folder)? {
            if !shelf.is_dir() {
                continue;
            }
            for file in fs::read_dir(&shelf).map_err(failure("read the folder", &shelf))? {
                let file = file.map_err(failure("read the folder", &shelf))?;
                let Ok(name) = file.file_name().into_string() else {
                    continue;
                };
                // One that has gone meanwhile is nobody's any more.
                let is_old = file.metadata().is_ok_and(|file| is_older(&file, before));
                if is_old && self.path(&name).is_ok() && !take(name) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn path(&self, sha256: &str) -> Result<PathBuf, EvidenceError> {
        let well_formed = sha256.len() == 64
            && sha256
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if well_formed {
            Ok(self.folder.join(&sha256[..2]).join(sha256))
        } else {
            let shown = sha256.chars().take(80).collect();
            Err(EvidenceError::Address(shown))
        }
    }
}

/// That an address is kept, until whoever asked has the answer; settles it where that was dropped.
struct Claim {
    store: EvidenceStore,
    sha256: String,
}

impl Claim {
    /// The address, for whoever settles it from now on.
    fn hand_over(mut self) -> String {
        std::mem::take(&mut self.sha256)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.store.settle(&self.sha256);
    }
}

fn address(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

/// Whether a file was written before `before`, by the time that stands on it.
pub fn is_older(file: &Metadata, before: Moment) -> bool {
    let since_1970 = |written: SystemTime| written.duration_since(SystemTime::UNIX_EPOCH);
    file.modified().is_ok_and(|written| {
        let written = since_1970(written).unwrap_or_default().as_millis();
        i64::try_from(written).is_ok_and(|written| Moment(written) < before)
    })
}

fn write(
    folder: &Path,
    sha256: &str,
    bytes: &[u8],
    limits: Option<&Limits>,
) -> Result<(), EvidenceError> {
    let shelf = folder.join(&sha256[..2]);
    if make_folder(&shelf)? {
        sync_folder(folder)?;
    }
    let path = shelf.join(sha256);
    let there = fs::metadata(&path).is_ok_and(|found| found.len() == bytes.len() as u64);
    if !there {
        let taken = limits
            .map(|limits| limits.take(bytes.len() as u64))
            .transpose()?;
        // Dropping the temporary file on the way out removes it.
        let mut file = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .tempfile_in(&shelf)
            .map_err(failure("write in", &shelf))?;
        file.write_all(bytes).map_err(failure("write", &path))?;
        file.as_file().sync_all().map_err(failure("write", &path))?;
        file.persist(&path)
            .map_err(|refused| failure("write", &path)(refused.error))?;
        if let Some(taken) = taken {
            taken.written();
        }
    }
    // Also where the file was there: whoever put it there may not have come so far yet.
    sync_folder(&shelf)
}

/// Makes a folder, and those above it, for this user alone; whether it was missing.
fn make_folder(folder: &Path) -> Result<bool, EvidenceError> {
    if folder.is_dir() {
        return Ok(false);
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(failure("make the folder", folder))?;
    Ok(true)
}

fn sync_folder(folder: &Path) -> Result<(), EvidenceError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failure("write in", folder))
}

fn listed(folder: &Path) -> Result<Vec<PathBuf>, EvidenceError> {
    fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(failure("read the folder", folder))
}

/// Whether something was removed: that it was gone already is no failure.
fn gone(removed: io::Result<()>) -> io::Result<bool> {
    match removed {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn failure(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> EvidenceError {
    let path = path.to_owned();
    move |source| match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            EvidenceError::Full(path)
        }
        _ => EvidenceError::Io { what, path, source },
    }
}

async fn blocking<T: Send + 'static>(
    folder: &Path,
    work: impl FnOnce() -> Result<T, EvidenceError> + Send + 'static,
) -> Result<T, EvidenceError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(failure("work in", folder)(io::Error::other(error))),
    }
}
