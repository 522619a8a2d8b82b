//! New files of a folder, written once and made durable.
//!
//! What is read days later, if ever, goes past the page cache where the file system can: in the
//! cache it would take the place of what is read all the time, and most of the processor's time
//! that a write costs goes into filling pages of it. The names of files that are new at the same
//! time share one fsync of the folder.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{OFlags, fcntl_setfl};

/// Addresses and lengths of what goes past the cache are multiples of this many bytes: enough
/// for every usual device.
const BLOCK: usize = 4096;
/// Bytes that are written at once.
const AT_ONCE: usize = 512 * 1024;
/// Buffers that wait for the next file; who finds none makes one.
const SPARE: usize = 8;

/// A folder that gets new files.
#[derive(Debug)]
pub struct NewFiles {
    folder: PathBuf,
    spare: Mutex<Vec<Vec<u8>>>,
    asked: AtomicU64,
    done: Mutex<Done>,
}

/// Numbers of those who asked, up to which the folder was synced, and could not be.
#[derive(Debug, Default)]
struct Done {
    synced: u64,
    failed: Option<(u64, io::ErrorKind)>,
}

impl NewFiles {
    /// Of this folder.
    pub fn new(folder: PathBuf) -> Self {
        NewFiles {
            folder,
            spare: Mutex::default(),
            asked: AtomicU64::new(0),
            done: Mutex::default(),
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a file of these parts. When this gives `Ok`, its bytes are durable; its name is so
    /// after [`sync`](Self::sync). Blocking.
    ///
    /// # Errors
    /// When there is such a file already, or it cannot be written; it may then be there in part.
    pub fn write(&self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        let path = self.folder.join(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        let past_cache = OFlags::DIRECT.bits().cast_signed();
        let opened = options.clone().custom_flags(past_cache).open(&path);
        let mut file = match opened {
            Ok(mut file) => match self.past_cache(&mut file, parts) {
                // The device wants larger blocks, or its file system thinks better of it.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                    fcntl_setfl(&file, OFlags::empty())?;
                    file.set_len(0)?;
                    file.rewind()?;
                    file
                }
                written => return written.and_then(|()| file.sync_all()),
            },
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                // Some make the file before they refuse.
                options.create_new(false).create(true).truncate(true);
                options.open(&path)?
            }
            Err(error) => return Err(error),
        };
        for part in parts {
            file.write_all(part)?;
        }
        file.sync_all()
    }

    fn past_cache(&self, file: &mut File, parts: &[&[u8]]) -> io::Result<()> {
        let spare = lock(&self.spare).pop();
        let mut buffer = spare.unwrap_or_else(|| vec![0; BLOCK + AT_ONCE]);
        let aligned = buffer.as_ptr().align_offset(BLOCK);
        let room = &mut buffer[aligned..aligned + AT_ONCE];
        let mut held = 0;
        for mut part in parts.iter().copied() {
            while !part.is_empty() {
                let (now, later) = part.split_at(part.len().min(AT_ONCE - held));
                room[held..held + now.len()].copy_from_slice(now);
                (held, part) = (held + now.len(), later);
                if held == AT_ONCE {
                    file.write_all(room)?;
                    held = 0;
                }
            }
        }
        let whole = held.next_multiple_of(BLOCK);
        room[held..whole].fill(0);
        file.write_all(&room[..whole])?;
        if whole > held {
            let length: usize = parts.iter().map(|part| part.len()).sum();
            file.set_len(length as u64)?;
        }
        let mut spare = lock(&self.spare);
        if spare.len() < SPARE {
            spare.push(buffer);
        }
        Ok(())
    }

    /// When this gives `Ok`, all that the caller created in the folder before is durable, as
    /// far as its name goes. Blocking.
    ///
    /// # Errors
    /// When the folder cannot be synced: everyone who waited for that gets the error, since
    /// the kernel tells it only once.
    pub fn sync(&self) -> io::Result<()> {
        let own = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let mut done = lock(&self.done);
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
