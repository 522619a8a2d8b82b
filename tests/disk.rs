//! What of the disk may be used: the marks, the quotas of a day, and what is given up first.

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use siaga::disk::Disk;
use siaga::domain::disk::{DiskState, FreeSpace, Reserve};
use siaga::domain::quota::DailyQuota;
use siaga::evidence::{EvidenceError, EvidenceStore, Limits};

use crate::harness::{NOON, TestClock, folder};

/// Nothing needs to stay free.
const NOTHING: Reserve = Reserve {
    files: 0,
    database: 0,
};
/// More than any disk has.
const EVERYTHING: Reserve = Reserve {
    files: u64::MAX,
    database: u64::MAX,
};

// ── Marks ────────────────────────────────────────────────────────────────────────────────

fn state() -> impl Strategy<Value = DiskState> {
    prop_oneof![
        Just(DiskState::Ample),
        Just(DiskState::Low),
        Just(DiskState::Critical)
    ]
}

proptest! {
    #[test]
    fn below_a_mark_the_state_is_told_at_once_and_above_it_by_a_tenth_it_is_over(
        was in state(), files in 0..4_000_u64, database in proptest::option::of(0..4_000_u64),
        of_files in 1_000..2_000_u64, of_database in 1..1_000_u64
    ) {
        let free = FreeSpace { files, database };
        let reserve = Reserve { files: of_files, database: of_database };
        let now = was.next(free, reserve);
        let critical = database.is_some_and(|free| free < of_database);
        if critical {
            prop_assert_eq!(now, DiskState::Critical);
        } else if files < of_files {
            prop_assert!(now >= DiskState::Low);
        }
        let over = |free: u64, mark: u64| free * 100 >= mark * 110;
        if over(files, of_files) && database.is_none_or(|free| over(free, of_database)) {
            prop_assert_eq!(now, DiskState::Ample);
        }
        // The same again changes nothing: nobody is told twice.
        prop_assert_eq!(now.next(free, reserve), now);
        prop_assert_eq!(DiskState::parse(now.as_str()), Some(now));
    }

    // ── Quotas ───────────────────────────────────────────────────────────────────────────

    #[test]
    fn a_day_never_takes_more_than_its_bytes_and_nobody_more_than_a_share(
        limit in 0..100_000_u64,
        takes in proptest::collection::vec((0..9_u8, 0..9_000_u64, 0..4_000_u64, any::<bool>()), 0..200)
    ) {
        let mut quota = DailyQuota::new(limit);
        let (mut now, mut began) = (0_u64, None);
        let mut held = [0_u64; 9];
        for (who, bytes, seconds, is_written) in takes {
            now += seconds;
            if began.is_none_or(|began| now - began >= 86_400) {
                began = Some(now);
                held = [0; 9];
            }
            let sharer = [who];
            let place = &mut held[usize::from(who)];
            if quota.take(Some(&sharer), bytes, Duration::from_secs(now)) {
                *place += bytes;
                prop_assert!(*place <= limit / 21 + 1, "{} of {}", place, limit);
                if !is_written {
                    quota.give_back(Some(&sharer), bytes);
                    *place -= bytes;
                }
            }
            prop_assert!(held.iter().sum::<u64>() <= limit);
        }
    }

    /// However many others have come, who comes new still finds a part of what is left.
    #[test]
    fn whoever_comes_last_finds_something(others in 0..200_u32, bytes in 1..1_000_u64) {
        let mut quota = DailyQuota::new(1_000_000);
        let now = Duration::ZERO;
        let mut taken = 0;
        for other in 0..others {
            while quota.take(Some(&other.to_be_bytes()), bytes, now) {
                taken += bytes;
            }
        }
        let left = 1_000_000 - taken;
        let share = left / 21;
        prop_assert!(share == 0 || quota.take(Some(b"new"), share, now));
    }
}

// ── Evidence ─────────────────────────────────────────────────────────────────────────────

fn evidence(folder: &Path, reserve: Reserve, a_day: u64, clock: &TestClock) -> EvidenceStore {
    let disk = Disk::new(folder, None, reserve);
    let store = EvidenceStore::open(folder).unwrap();
    store.within(Limits::new(disk, a_day, clock.shared()))
}

#[tokio::test]
async fn below_the_mark_no_evidence_is_written_and_what_is_there_is_read() {
    let folder = folder();
    let clock = TestClock::at(NOON);
    let roomy = evidence(folder.path(), NOTHING, u64::MAX, &clock);
    let kept = roomy.keep("page", "text/html", b"hello").await.unwrap();
    let full = evidence(folder.path(), EVERYTHING, u64::MAX, &clock);
    let refused = full.keep("page", "text/html", b"other").await.unwrap_err();
    assert!(matches!(refused, EvidenceError::Reserved), "{refused}");
    // What is there already takes no room.
    full.keep("page", "text/html", b"hello").await.unwrap();
    assert_eq!(full.read(&kept.sha256).await.unwrap().unwrap(), b"hello");
    full.settle(&kept.sha256);
    let doomed = full.doom(vec![kept.sha256.clone()]);
    assert_eq!(doomed, std::slice::from_ref(&kept.sha256));
    full.remove(&kept.sha256).await.unwrap();
    assert!(full.read(&kept.sha256).await.unwrap().is_none());
}

#[tokio::test]
async fn a_day_keeps_so_much_evidence_and_the_next_one_again() {
    let folder = folder();
    let clock = TestClock::at(NOON);
    let store = evidence(folder.path(), NOTHING, 10_000, &clock);
    for byte in 0..9 {
        store
            .keep("page", "text/html", &[byte; 1000])
            .await
            .unwrap();
    }
    let too_much = store.keep("page", "text/html", &[9; 1001]).await;
    let refused = too_much.unwrap_err();
    assert!(matches!(refused, EvidenceError::OfTheDay), "{refused}");
    store.keep("page", "text/html", &[0; 1000]).await.unwrap();
    store.keep("page", "text/html", &[9; 1000]).await.unwrap();
    assert!(store.keep("page", "text/html", b"!").await.is_err());
    clock.advance(Duration::from_secs(24 * 3600));
    store.keep("page", "text/html", b"!").await.unwrap();
}

#[test]
fn free_space_is_told_of_a_folder_that_is_not_there_yet() {
    let folder = folder();
    let missing = folder.path().join("not/yet");
    let disk = Disk::new(&missing, Some(folder.path()), NOTHING);
    let free = disk.free().unwrap();
    assert!(free.files > 0 && free.database.is_some());
    assert!(disk.has_room(1) && !disk.has_room(u64::MAX));
}
