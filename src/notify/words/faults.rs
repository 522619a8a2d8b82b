//! Each class of failure in words, and what whoever is on duty does about it.

use super::Pair;
use crate::domain::Fault;

/// A failure in words.
pub(super) struct Words {
    /// What was met.
    pub(super) what: Pair,
    /// What to do next, in order.
    pub(super) todo: &'static [Pair],
}

const TRY: Pair = (
    "Coba langkah itu sendiri dari perangkat dan jaringan lain.",
    "Try that step yourself from another device and network.",
);
const TELL: Pair = (
    "Beri tahu pengelola situs; sertakan tautan rincian di atas.",
    "Tell whoever runs the site; send the link above along.",
);
const FALLBACK: Pair = (
    "Bila tidak segera pulih, minta penyelia memutuskan layanan manual di kantor.",
    "If it does not recover soon, ask a supervisor to decide on applications by hand.",
);

/// What to do once it is over.
pub(super) const AFTER: &[Pair] = &[
    TRY,
    (
        "Tutup layanan manual bila telah dibuka, dan tulis penutup di halaman gangguan.",
        "End applications by hand if they were allowed, and close the outage's page with a note.",
    ),
];

macro_rules! todo_first {
    ($id:literal, $en:literal) => {
        &[($id, $en), TRY, TELL, FALLBACK]
    };
}

/// The words of a failure; of `None`, of slowness.
pub(super) fn words(fault: Option<Fault>) -> Words {
    let Some(fault) = fault else {
        return Words {
            what: ("jawaban lambat", "answers are slow"),
            todo: todo_first!(
                "Lihat fase mana yang lambat di dasbor (waktu per fase).",
                "See in the dashboard which phase is slow (time by phase)."
            ),
        };
    };
    let (what, todo): (Pair, &'static [Pair]) = match fault {
        Fault::Dns => (
            (
                "nama situs tidak ditemukan (DNS)",
                "the site's name does not resolve (DNS)",
            ),
            todo_first!(
                "Periksa catatan DNS dan masa berlaku nama domain.",
                "Check the DNS records and whether the domain has expired."
            ),
        ),
        Fault::Connect => (
            (
                "sambungan ditolak atau terputus",
                "the connection is refused or breaks",
            ),
            todo_first!(
                "Periksa apakah server, firewall dan penyeimbang beban hidup.",
                "Check that server, firewall and load balancer are alive."
            ),
        ),
        Fault::Tls => (
            ("sertifikat atau TLS gagal", "the certificate or TLS fails"),
            todo_first!(
                "Periksa masa berlaku dan rantai sertifikat.",
                "Check the certificate's expiry and chain."
            ),
        ),
        Fault::Timeout => (
            (
                "tidak ada jawaban dalam batas waktu",
                "no answer within the time limit",
            ),
            todo_first!(
                "Periksa beban server dan basis data situs.",
                "Check the load of the site's servers and database."
            ),
        ),
        Fault::Status => (
            (
                "kode status bukan yang diharapkan",
                "another status code than expected",
            ),
            todo_first!(
                "Lihat kode status pada pesan; cari galat itu di log situs.",
                "See the status code in the message; look for it in the site's logs."
            ),
        ),
        Fault::ErrorPage => (
            (
                "situs menampilkan halaman galat",
                "the site shows an error page",
            ),
            todo_first!(
                "Buka bukti halaman pada rincian; cari galat itu di log situs.",
                "Open the captured page in the details; look for it in the site's logs."
            ),
        ),
        Fault::Content => (
            (
                "isi halaman bukan yang diharapkan",
                "the page is not what is expected",
            ),
            todo_first!(
                "Periksa apakah halaman diubah dengan sengaja; bila ya, perbarui alur.",
                "Check whether the page was changed on purpose; if so, mend the flow."
            ),
        ),
        Fault::UploadRefused => (
            (
                "dokumen dalam batas ditolak",
                "a document within the limits is refused",
            ),
            todo_first!(
                "Lihat ukuran mana yang masih diterima pada halaman status.",
                "See on the status page which sizes are still taken."
            ),
        ),
        Fault::SessionLost => (
            (
                "sesi hilang di tengah pengisian",
                "the session is lost half-way",
            ),
            todo_first!(
                "Periksa penyimpanan sesi situs dan penyeimbang beban.",
                "Check the site's session storage and load balancer."
            ),
        ),
        Fault::MailMissing => (
            (
                "surel yang ditunggu tidak datang",
                "the awaited mail does not arrive",
            ),
            todo_first!(
                "Periksa antrean surel situs dan kotak surat pemantau.",
                "Check the site's mail queue and the monitor's mailbox."
            ),
        ),
        Fault::Script => (
            ("skrip halaman gagal", "a script of the page fails"),
            todo_first!(
                "Periksa rilis terakhir tampilan situs dan berkas skripnya.",
                "Check the front end's last release and its script files."
            ),
        ),
        Fault::Captcha => (
            (
                "dinding captcha yang tidak diharapkan",
                "a captcha wall where none is expected",
            ),
            todo_first!(
                "Minta pengelola situs mengecualikan pemantau dari captcha.",
                "Ask whoever runs the site to exempt the monitor from the captcha."
            ),
        ),
    };
    Words { what, todo }
}
