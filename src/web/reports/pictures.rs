//! The pictures of a report on their way to the disk: looked at, and kept where there is room
//! for them. A report whose pictures find no room is taken without them, and says so.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::disk::Disk;
use crate::domain::disk::NoRoom;
use crate::domain::quota::DailyQuota;
use crate::domain::report::LeftOut;
use crate::domain::{Clock, Network, Random};
use crate::store::reports::Screenshot;
use crate::store::seal::DataKey;
use crate::web::new_files::NewFiles;
use crate::web::screenshots::{self, Error, Looked};

/// How much room applicants' pictures may take.
pub(super) struct PictureRoom {
    disk: Option<Disk>,
    quota: Mutex<DailyQuota>,
    clock: Arc<dyn Clock>,
}

/// What became of the pictures of a report.
#[derive(Default)]
pub(super) struct Pictures {
    /// What each was, in the order sent.
    pub(super) looked: Vec<Looked>,
    /// Those that are on disk: all of them, or none.
    pub(super) kept: Vec<Screenshot>,
    /// Why none is.
    pub(super) left_out: Option<LeftOut>,
}

impl PictureRoom {
    /// While `disk` has room, where there are marks, and at most so many bytes a day.
    pub(super) fn new(disk: Option<Disk>, bytes_a_day: u64, clock: Arc<dyn Clock>) -> Self {
        PictureRoom {
            disk,
            quota: Mutex::new(DailyQuota::new(bytes_a_day)),
            clock,
        }
    }

    fn take(&self, network: &[u8], bytes: u64) -> Result<(), NoRoom> {
        if self.disk.as_ref().is_some_and(|disk| !disk.has_room(bytes)) {
            return Err(NoRoom::Disk);
        }
        let now = self.clock.monotonic();
        let is_taken = self.quota().take(Some(network), bytes, now);
        is_taken.then_some(()).ok_or(NoRoom::Day)
    }

    fn quota(&self) -> MutexGuard<'_, DailyQuota> {
        self.quota.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at pictures and keeps them if there is room. An error tells of pictures that are none,
    /// or of a disk that fails otherwise than by being full. Blocks.
    pub(super) fn keep(
        &self,
        folder: &NewFiles,
        report: &str,
        pictures: Vec<Vec<u8>>,
        key: &DataKey,
        network: Network,
        random: &dyn Random,
    ) -> Result<Pictures, Error> {
        let looked = screenshots::look_at_all(&pictures).map_err(Error::Unfit)?;
        let without = |looked: Vec<Looked>, why: NoRoom| {
            let count = u32::try_from(looked.len()).unwrap_or(u32::MAX);
            tracing::warn!(
                count,
                why = why.as_str(),
                "the pictures of a report were not kept"
            );
            Ok(Pictures {
                looked,
                kept: Vec::new(),
                left_out: Some(LeftOut { count, why }),
            })
        };
        let network = network.to_string().into_bytes();
        let bytes = pictures.iter().map(|picture| picture.len() as u64).sum();
        if let Err(why) = self.take(&network, bytes) {
            return without(looked, why);
        }
        match screenshots::keep(folder, report, pictures, &looked, key, random) {
            Ok(kept) => Ok(Pictures {
                looked,
                kept,
                left_out: None,
            }),
            Err(error) => {
                self.quota().give_back(Some(&network), bytes);
                match error {
                    Error::Disk(error) if is_full(&error) => without(looked, NoRoom::Disk),
                    error => Err(error),
                }
            }
        }
    }
}

fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}
