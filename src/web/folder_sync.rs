//! Making new files of a folder durable: those who wait at the same time share one fsync of
//! the folder.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// A folder whose entries are made durable together.
#[derive(Debug)]
pub struct FolderSync {
    folder: PathBuf,
    asked: AtomicU64,
    done: Mutex<Done>,
}

/// Numbers of those who asked, up to which the folder was synced, and could not be.
#[derive(Debug, Default)]
struct Done {
    synced: u64,
    failed: Option<(u64, io::ErrorKind)>,
}

impl FolderSync {
    /// Of this folder.
    pub fn new(folder: PathBuf) -> Self {
        FolderSync {
            folder,
            asked: AtomicU64::new(0),
            done: Mutex::default(),
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// When this gives `Ok`, all that the caller created in the folder before is durable, as
    /// far as its name goes. Blocking.
    ///
    /// # Errors
    /// When the folder cannot be synced: everyone who waited for that gets the error, since
    /// the kernel tells it only once.
    pub fn sync(&self) -> io::Result<()> {
        let own = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        if done.synced < own {
            // Who has asked by now has created its files.
            let all = self.asked.load(Ordering::SeqCst);
            let synced = File::open(&self.folder).and_then(|folder| folder.sync_all());
            if let Err(error) = synced {
                done.failed = Some((all, error.kind()));
            }
            done.synced = all;
        }
        match done.failed {
            Some((failed, kind)) if own <= failed => Err(kind.into()),
            _ => Ok(()),
        }
    }
}
