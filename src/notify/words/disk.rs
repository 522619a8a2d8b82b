//! That our own disk fills, in Indonesian and English.

use super::{Pair, SUBJECT_CHARS, full_en, full_id, one_line, shorten};
use crate::domain::disk::{DiskAlert, DiskState};

/// The subject line.
pub(in crate::notify) fn headline(alert: &DiskAlert) -> String {
    let (id, en) = match alert.disk {
        DiskState::Ample => ("ruang disk cukup lagi", "enough disk space again"),
        DiskState::Low => ("RUANG DISK MENIPIS", "DISK SPACE LOW"),
        DiskState::Critical => ("RUANG DISK HAMPIR HABIS", "DISK ALMOST FULL"),
    };
    let vantage = one_line(&alert.vantage, SUBJECT_CHARS);
    shorten(&format!("[Siaga] {id} / {en} ({vantage})"), SUBJECT_CHARS)
}

/// What it means.
pub(in crate::notify) fn meaning(state: DiskState) -> Pair {
    match state {
        DiskState::Ample => (
            "Tangkapan layar pelapor dan bukti kegagalan disimpan lagi.",
            "Applicants' pictures and evidence of failures are kept again.",
        ),
        DiskState::Low => (
            "Tangkapan layar pelapor dan bukti kegagalan tidak disimpan lagi; pelapor diberi tahu. \
             Laporan tanpa gambar, gangguan, dan halaman status tetap dicatat.",
            "Applicants' pictures and evidence of failures are not kept any more; applicants are \
             told so. Reports without pictures, outages and the status page go on.",
        ),
        DiskState::Critical => (
            "Basis data memakai ruang cadangannya. Bila habis, laporan ditolak, gangguan tidak \
             dicatat, dan halaman status menjadi \"tidak diketahui\".",
            "The database lives on its reserve. When that is gone, reports are refused, outages \
             are not recorded, and the status page says \"unknown\".",
        ),
    }
}

/// The text of the mail.
pub(in crate::notify) fn text(alert: &DiskAlert) -> String {
    let (id, en) = meaning(alert.disk);
    let (free, reserve) = (alert.free, alert.reserve);
    let database = free.database.map_or_else(|| "–".to_owned(), size);
    let (files, of_files) = (size(free.files), size(reserve.files));
    let of_database = size(reserve.database);
    let numbers_id = format!(
        "Berkas: sisa {files}, batas {of_files}\nBasis data: sisa {database}, batas {of_database}\n"
    );
    let numbers_en = format!(
        "Files: {files} free, at least {of_files}\n\
         Database: {database} free, at least {of_database}\n"
    );
    let (todo_id, todo_en) = match alert.disk {
        DiskState::Ample => ("", ""),
        DiskState::Low | DiskState::Critical => (
            "Yang perlu dilakukan: kosongkan atau perbesar disk. Siaga melanjutkan sendiri.\n",
            "What to do: free or enlarge the disk. Siaga goes on by itself.\n",
        ),
    };
    format!(
        "{id}\n{en}\n\n--- Bahasa Indonesia ---\nLokasi pemantau: {vantage}\nSejak: {since_id}\n{numbers_id}\
         {todo_id}\n--- English ---\nVantage: {vantage}\nSince: {since_en}\n{numbers_en}{todo_en}",
        vantage = one_line(&alert.vantage, 120),
        since_id = full_id(alert.at),
        since_en = full_en(alert.at),
    )
}

/// A size as operators read it: `1.4 GB`, `380 MB`.
fn size(bytes: u64) -> String {
    let megabytes = bytes / 1_000_000;
    if megabytes < 1000 {
        format!("{megabytes} MB")
    } else {
        format!("{}.{} GB", megabytes / 1000, megabytes % 1000 / 100)
    }
}
