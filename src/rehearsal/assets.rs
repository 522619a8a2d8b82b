//! The front end's script: its address, and the words that it shows. Owns nothing else of
//! the pages, which work without it.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::language::Language;

const SCRIPT: &str = include_str!("app.js");

/// The script's name changes with its content, so that it can be cached for ever.
static ADDRESS: LazyLock<String> = LazyLock::new(|| {
    let hash = Sha256::digest(SCRIPT);
    format!("/assets/app.{}.js", HEXLOWER.encode(&hash[..4]))
});

/// Where the script is.
pub(super) fn address() -> &'static str {
    &ADDRESS
}

pub(super) async fn serve(Path(name): Path<String>) -> Response {
    if ADDRESS.strip_prefix("/assets/") != Some(name.as_str()) {
        return (StatusCode::NOT_FOUND, "404 page not found\n").into_response();
    }
    let headers = [
        (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (header::CACHE_CONTROL, "max-age=31536000, immutable"),
    ];
    (headers, SCRIPT).into_response()
}

/// The words that the script shows, as JSON that can stand in a page: they hold no `<`.
pub(super) fn words(language: Language) -> &'static str {
    match language {
        Language::Indonesian => &INDONESIAN,
        Language::English => &ENGLISH,
    }
}

static INDONESIAN: LazyLock<String> = LazyLock::new(|| {
    json!({
        "loading": "Memuat…",
        "failed": "Data tidak dapat dimuat. Muat ulang halaman ini.",
        "withdraw": "Cabut permohonan ini?",
        "form": {
            "required": "Wajib diisi.",
            "date": "Tanggal tidak sah.",
            "future": "Tanggal ini di masa depan.",
            "email": "Alamat surel tidak sah.",
        },
        "upload": {
            "loading": "Menyiapkan unggahan…",
            "chosen": "Siap diunggah",
            "sending": "Mengunggah",
            "too_large": "Ukuran dokumen melebihi 2 MB.",
            "wrong_kind": "Jenis berkas ini tidak diterima.",
            "nothing": "Pilih paling sedikit satu dokumen.",
            "broken": "Unggahan gagal. Coba lagi.",
        },
        "timeline": { "status": "Status" },
        "help": {
            "open": "Butuh bantuan?",
            "text": "Layanan bantuan latihan: Senin sampai Jumat, 08.00–16.00 WIB.",
        },
    })
    .to_string()
});

static ENGLISH: LazyLock<String> = LazyLock::new(|| {
    json!({
        "loading": "Loading…",
        "failed": "The data could not be loaded. Reload this page.",
        "withdraw": "Withdraw this application?",
        "form": {
            "required": "This field is required.",
            "date": "This is not a date.",
            "future": "This date is in the future.",
            "email": "This is not an e-mail address.",
        },
        "upload": {
            "loading": "Preparing the upload…",
            "chosen": "Ready to upload",
            "sending": "Uploading",
            "too_large": "The document is larger than 2 MB.",
            "wrong_kind": "This kind of file is not accepted.",
            "nothing": "Choose at least one document.",
            "broken": "The upload failed. Please try again.",
        },
        "timeline": { "status": "Status" },
        "help": {
            "open": "Need help?",
            "text": "Rehearsal help desk: Monday to Friday, 08.00–16.00 WIB.",
        },
    })
    .to_string()
});
