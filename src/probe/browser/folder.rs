//! The folder of one browser's run: profile, temporary files, documents to upload.
//!
//! Owns: making it, giving it to the browser's user, removing it, and clearing away what a killed
//! process of ours left behind, its browsers included. Must not know what runs in it.
//!
//! Where browsers run as another user, only what they write into is theirs. The rest stays ours,
//! so that no link of theirs can lead what we write, and they can enter and read it as its group.

use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, chown, fchown};
use std::path::{Path, PathBuf};

use hyper::body::Bytes;

use super::driver::is_about_user;
use super::{BrowserError, User, inhabitants};

/// What each folder is called, before its random part.
const PREFIX: &str = "browser-";
/// The file that is locked for as long as its process lives.
const OWNER: &str = "owner";
/// The folders that the browser writes into.
const OF_BROWSER: [&str; 3] = ["profile", "tmp", "home"];
/// The folder of documents that it reads.
const UPLOADS: &str = "uploads";
/// The file that is locked while folders are made and cleared away, in the folder of folders.
const DOOR: &str = ".door";

/// A run's folder. [`RunFolder::remove`] takes it away; where that is not reached, the next
/// start does.
#[derive(Debug)]
pub(super) struct RunFolder {
    path: PathBuf,
    /// Who lives in it, if it is not the user that we are.
    user: Option<User>,
    /// The lock ends with the process, however that ends, and whatever number it had.
    owner: Option<File>,
}

impl RunFolder {
    /// Makes the folder `browser-{token}` and those in it, for the browser's user alone.
    ///
    /// # Errors
    /// What the operating system refused, a full disk included.
    pub(super) fn make(
        parent: &Path,
        token: &str,
        user: Option<User>,
    ) -> Result<Self, BrowserError> {
        let failed = |error: io::Error| BrowserError::Folder(parent.to_owned(), error);
        let _door = door(parent, user).map_err(failed)?;
        let mut folder = RunFolder {
            path: parent.join(format!("{PREFIX}{token}")),
            user,
            owner: None,
        };
        let made = folder.fill();
        if made.is_err() {
            folder.remove();
        }
        match (made, user) {
            (Ok(()), _) => Ok(folder),
            (Err(error), Some(user)) if is_about_user(&error) => {
                Err(BrowserError::User(user, error))
            }
            (Err(error), _) => Err(failed(error)),
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        make_private(&self.path)?;
        for name in OF_BROWSER.into_iter().chain([UPLOADS]) {
            make_private(&self.path.join(name))?;
        }
        if let Some(User { uid, gid }) = self.user {
            for name in OF_BROWSER {
                chown(self.path.join(name), Some(uid), Some(gid))?;
            }
            let uploads = self.path.join(UPLOADS);
            for folder in [&self.path, &uploads] {
                chown(folder, None, Some(gid))?;
                fs::set_permissions(folder, Permissions::from_mode(0o710))?;
            }
        }
        let owner = File::create(self.path.join(OWNER))?;
        owner.try_lock()?;
        self.owner = Some(owner);
        Ok(())
    }

    /// Who lives in it, if it is not the user that we are.
    pub(super) fn user(&self) -> Option<User> {
        self.user
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts a document into it, which the browser can read. `number` tells those of one name from
    /// each other: the browser may still read what was put before. Gives its path.
    ///
    /// # Errors
    /// What the operating system refused, a full disk included. It blocks.
    pub(super) fn put(
        &self,
        number: usize,
        name: String,
        bytes: Bytes,
    ) -> impl FnOnce() -> io::Result<PathBuf> + Send + 'static {
        let folder = self.path.join(UPLOADS).join(number.to_string());
        let user = self.user;
        move || {
            make_private(&folder)?;
            let path = folder.join(name);
            let mut file = File::create(&path)?;
            if let Some(User { gid, .. }) = user {
                chown(&folder, None, Some(gid))?;
                fs::set_permissions(&folder, Permissions::from_mode(0o710))?;
                fchown(&file, None, Some(gid))?;
                file.set_permissions(Permissions::from_mode(0o640))?;
            }
            file.write_all(&bytes)?;
            Ok(path)
        }
    }

    /// Removes the folder and everything in it; whether that could be done.
    pub(super) fn remove(&self) -> bool {
        remove(&self.path)
    }
}

fn make(folder: &Path, mode: u32) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(mode).create(folder)
}

fn make_private(folder: &Path) -> io::Result<()> {
    make(folder, 0o700)
}

/// Held while folders are made and cleared away, so that nobody takes one that is only just
/// being made for one that was left behind.
fn door(parent: &Path, user: Option<User>) -> io::Result<File> {
    // Another user goes through it, and does not look into it.
    make(parent, if user.is_some() { 0o711 } else { 0o700 })?;
    // Where everybody may write, somebody may have been there first.
    let metadata = fs::symlink_metadata(parent)?;
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(denied("it belongs to another user".to_owned()));
    }
    if let Some(user) = user {
        fs::set_permissions(parent, Permissions::from_mode(0o711))?;
        if let Some(closed) = parent.ancestors().find(|above| !lets_through(above, user)) {
            let closed = closed.display();
            return Err(denied(format!(
                "the user {user} cannot go through {closed}"
            )));
        }
    }
    let door = File::create(parent.join(DOOR))?;
    door.lock()?;
    Ok(door)
}

fn denied(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, message)
}

/// Whether a user can reach what lies in a folder.
fn lets_through(folder: &Path, user: User) -> bool {
    let Ok(metadata) = fs::metadata(folder) else {
        // The empty beginning of a path that is not whole.
        return true;
    };
    let bit = match metadata {
        _ if metadata.uid() == user.uid => 0o100,
        _ if metadata.gid() == user.gid => 0o010,
        _ => 0o001,
    };
    metadata.mode() & bit != 0
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
pub(super) fn clear(parent: &Path, user: Option<User>) -> io::Result<usize> {
    let _door = door(parent, user)?;
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
