//! What of the disk may be used: the keys of `[data]` for it.

use super::super::DiskLimits;
use crate::domain::disk::Reserve;
use crate::toml_reader::{Reader, Size};

pub(super) fn limits(table: &mut Reader<'_>) -> DiskLimits {
    let default = DiskLimits::default();
    let mut size = |key: &'static str, default: u64| {
        let Size(bytes) = table.or(key, Size(default));
        bytes
    };
    let reserve = Reserve {
        files: size("free_for_files", default.reserve.files),
        database: size("free_for_database", default.reserve.database),
    };
    let limits = DiskLimits {
        reserve,
        pictures_a_day: size("pictures_a_day", default.pictures_a_day),
        evidence_a_day: size("evidence_a_day", default.evidence_a_day),
    };
    if reserve.files < reserve.database {
        table.place_of("free_for_files").problem_with_hint(
            "`free_for_files` is less than `free_for_database`",
            "pictures and evidence would take the room that is kept for the database; \
             let `free_for_files` be the larger of the two",
        );
    }
    limits
}
