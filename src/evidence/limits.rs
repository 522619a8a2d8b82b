//! How much evidence may be written: while the disk has room, and so much a day.

use std::sync::{Arc, Mutex, PoisonError};

use super::EvidenceError;
use crate::disk::Disk;
use crate::domain::Clock;
use crate::domain::quota::DailyQuota;

/// The limits of a folder of evidence. Cheap to clone.
#[derive(Clone)]
pub struct Limits {
    disk: Disk,
    quota: Arc<Mutex<DailyQuota>>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Limits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limits").finish_non_exhaustive()
    }
}

impl Limits {
    /// While `disk` has room, and at most `a_day` bytes a day.
    pub fn new(disk: Disk, a_day: u64, clock: Arc<dyn Clock>) -> Limits {
        Limits {
            disk,
            quota: Arc::new(Mutex::new(DailyQuota::new(a_day))),
            clock,
        }
    }

    /// Takes room for a file. What is not written after all is given back. Blocks.
    pub(super) fn take(&self, bytes: u64) -> Result<Taken<'_>, EvidenceError> {
        if !self.disk.has_room(bytes) {
            return Err(EvidenceError::Reserved);
        }
        let now = self.clock.monotonic();
        if !self.quota().take(None, bytes, now) {
            return Err(EvidenceError::OfTheDay);
        }
        Ok(Taken {
            limits: self,
            bytes,
            is_written: false,
        })
    }

    fn quota(&self) -> std::sync::MutexGuard<'_, DailyQuota> {
        self.quota.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Room that was taken for a file.
pub(super) struct Taken<'a> {
    limits: &'a Limits,
    bytes: u64,
    is_written: bool,
}

impl Taken<'_> {
    /// The file is there: the room stays taken.
    pub(super) fn written(mut self) {
        self.is_written = true;
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if !self.is_written {
            self.limits.quota().give_back(None, self.bytes);
        }
    }
}
