//! Owns: how much room there is where Siaga writes. Must not know: what is written.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::statvfs;

use crate::domain::disk::{FreeSpace, Reserve};

/// A file system that tells of its inodes and has fewer left is full, however many bytes there
/// are: SQLite needs new files to write at all.
const MIN_FREE_INODES: u64 = 1000;

/// The disks that Siaga writes to. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Disk {
    files: Arc<Path>,
    database: Option<Arc<Path>>,
    reserve: Reserve,
}

impl Disk {
    /// With pictures and evidence below `files`, and the database in `database`, where it is a
    /// file of this machine. Both are folders.
    pub fn new(files: &Path, database: Option<&Path>, reserve: Reserve) -> Disk {
        Disk {
            files: files.into(),
            database: database.map(Into::into),
            reserve,
        }
    }

    /// How much must stay free.
    pub fn reserve(&self) -> Reserve {
        self.reserve
    }

    /// How much is free. Blocks, on a network's file system for long.
    ///
    /// # Errors
    /// Where the system does not tell.
    pub fn free(&self) -> io::Result<FreeSpace> {
        Ok(FreeSpace {
            files: free_in(&self.files)?,
            database: self.database.as_deref().map(free_in).transpose()?,
        })
    }

    /// Whether a picture or evidence of so many bytes may be written: what is kept for the
    /// database stays untouched. Where the system does not tell, writing will. Blocks.
    pub fn has_room(&self, bytes: u64) -> bool {
        let free = free_in(&self.files).unwrap_or(u64::MAX);
        free >= self.reserve.files.saturating_add(bytes)
    }
}

/// What an unprivileged process may still write in a folder, or where it will be made.
fn free_in(folder: &Path) -> io::Result<u64> {
    let absolute: PathBuf = std::path::absolute(folder)?;
    let there = absolute.ancestors().find(|folder| folder.is_dir());
    let told = statvfs(there.unwrap_or(Path::new("/")))?;
    // Some file systems make inodes as they are needed, and tell of none.
    if told.f_files > 0 && told.f_favail < MIN_FREE_INODES {
        return Ok(0);
    }
    Ok(told.f_bavail.saturating_mul(told.f_frsize))
}
