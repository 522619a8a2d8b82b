//! The folder of one browser's run: profile, temporary files, documents to upload.
//!
//! Owns: making it, removing it, and clearing away what a killed process of ours left behind,
//! its browsers included. Must not know what runs in it.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::inhabitants;

/// What each folder is called, before its random part.
const PREFIX: &str = "browser-";
/// The file that is locked for as long as its process lives.
const OWNER: &str = "owner";
/// The file that is locked while folders are made and cleared away, in the folder of folders.
const DOOR: &str = ".door";

/// A run's folder. [`RunFolder::remove`] takes it away; where that is not reached, the next
/// start does.
#[derive(Debug)]
pub(super) struct RunFolder {
    path: PathBuf,
    /// The lock ends with the process, however that ends, and whatever number it had.
    owner: Option<File>,
}

impl RunFolder {
    /// Makes the folder `browser-{token}` and those in it, for this user alone.
    ///
    /// # Errors
    /// What the operating system refused, a full disk included.
    pub(super) fn make(parent: &Path, token: &str) -> io::Result<Self> {
        let _door = door(parent)?;
        let mut folder = RunFolder {
            path: parent.join(format!("{PREFIX}{token}")),
            owner: None,
        };
        let made = folder.fill();
        if made.is_err() {
            folder.remove();
        }
        made.map(|()| folder)
    }

    fn fill(&mut self) -> io::Result<()> {
        for name in ["profile", "tmp", "home", "uploads"] {
            make_private(&self.path.join(name))?;
        }
        let owner = File::create(self.path.join(OWNER))?;
        owner.try_lock()?;
        self.owner = Some(owner);
        Ok(())
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the folder and everything in it; whether that could be done.
    pub(super) fn remove(&self) -> bool {
        remove(&self.path)
    }
}

fn make_private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Held while folders are made and cleared away, so that nobody takes one that is only just
/// being made for one that was left behind.
fn door(parent: &Path) -> io::Result<File> {
    make_private(parent)?;
    // Where everybody may write, somebody may have been there first.
    if fs::metadata(parent)?.uid() != rustix::process::geteuid().as_raw() {
        let message = "it belongs to another user";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
    }
    let door = File::create(parent.join(DOOR))?;
    door.lock()?;
    Ok(door)
}

fn remove(path: &Path) -> bool {
    match fs::remove_dir_all(path) {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => {
            tracing::warn!(%error, folder = %path.display(), "a browser's folder is left behind");
            false
        }
    }
}

/// Removes the folders in `parent` whose process is gone, and kills the browsers that still
/// live in them. Gives how many folders were removed.
///
/// # Errors
/// If `parent` cannot be made or read.
pub(super) fn clear(parent: &Path) -> io::Result<usize> {
    let _door = door(parent)?;
    let mut cleared = 0;
    for entry in fs::read_dir(parent)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with(PREFIX) || is_owned(&path) {
            continue;
        }
        inhabitants::end(&path, None);
        cleared += usize::from(remove(&path));
    }
    Ok(cleared)
}

fn is_owned(folder: &Path) -> bool {
    match File::open(folder.join(OWNER)) {
        Ok(owner) => !matches!(owner.try_lock(), Ok(()) | Err(TryLockError::Error(_))),
        Err(_) => false,
    }
}
