//! The pages of a site in trouble, worded as applicants have met them.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use super::assets;
use super::faults::Kind;
use super::language::Text;
use super::site::{ErrorPage, ErrorWords, Page, Visit};

pub(super) const BODY_REFUSED: ErrorWords = ErrorWords {
    label: Text::new("KIRIMAN DITOLAK", "SUBMISSION REFUSED"),
    title: Text::new(
        "Kiriman Terlalu Besar atau Terputus",
        "The Submission Was Too Large or Broke Off",
    ),
    body: Text::new(
        "Setiap dokumen paling besar 2 MB. Periksa ukuran dokumen dan sambungan Anda.",
        "Each document may be at most 2 MB. Check your documents' sizes and your connection.",
    ),
};

const INTERNAL: ErrorWords = ErrorWords {
    label: Text::new("KENDALA SERVER", "SERVER ERROR"),
    title: Text::new(
        "Maaf, Terjadi Kendala di Sisi Kami",
        "Sorry, Something Went Wrong on Our Side",
    ),
    body: Text::new(
        "Sistem sedang mengalami kendala. Silakan coba beberapa saat lagi.",
        "The system has run into a problem. Please try again in a while.",
    ),
};

const GATEWAY: ErrorWords = ErrorWords {
    label: Text::new("GANGGUAN KONEKSI SERVER", "BAD GATEWAY"),
    title: Text::new(
        "Maaf, Terjadi Kendala di Sisi Kami",
        "Sorry, Something Went Wrong on Our Side",
    ),
    body: Text::new(
        "Server tidak mendapat jawaban yang benar dari layanan di belakangnya.",
        "The server got no proper answer from the service behind it.",
    ),
};

const UNAVAILABLE: ErrorWords = ErrorWords {
    label: Text::new("LAYANAN TIDAK TERSEDIA", "SERVICE UNAVAILABLE"),
    title: Text::new(
        "Maaf, Terjadi Kendala di Sisi Kami",
        "Sorry, Something Went Wrong on Our Side",
    ),
    body: Text::new(
        "Layanan sedang tidak dapat melayani permintaan Anda.",
        "The service cannot handle your request at the moment.",
    ),
};

/// The branded page of one error, served under a status of its own.
pub(super) fn server_error(visit: &Visit, shown: u16, served: u16) -> Response {
    let words = match shown {
        502 => &GATEWAY,
        503 => &UNAVAILABLE,
        _ => &INTERNAL,
    };
    let status = StatusCode::from_u16(served).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    visit.render(
        status,
        &ErrorPage {
            page: visit.page(),
            code: shown,
            words,
        },
    )
}

/// ASP.NET's own error page.
pub(super) fn yellow() -> Response {
    let page = include_str!("templates/yellow.html");
    (StatusCode::INTERNAL_SERVER_ERROR, Html(page)).into_response()
}

#[derive(Template)]
#[template(path = "rehearsal/templates/maintenance.html")]
struct Maintenance {
    page: Page,
}

pub(super) fn maintenance(visit: &Visit) -> Response {
    let template = Maintenance { page: visit.page() };
    let mut response = visit.render(StatusCode::SERVICE_UNAVAILABLE, &template);
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from_static("3600"));
    response
}

#[derive(Template)]
#[template(path = "rehearsal/templates/captcha.html")]
struct Captcha {
    page: Page,
}

pub(super) fn captcha(visit: &Visit) -> Response {
    visit.ok(&Captcha { page: visit.page() })
}

/// A build of the script that was never deployed.
const MISSING: &str = "/assets/app.5b0c7d12.js";

/// The page as a fault makes it that only those meet whose browser runs scripts.
pub(super) fn scripted(kind: &Kind, page: &str) -> Option<String> {
    let with =
        |script: &str| page.replacen("</head>", &format!("<script>{script}</script></head>"), 1);
    match kind {
        // Renamed on the server, and not in the script.
        Kind::Script {} => Some(
            page.replace(r#""upload":{"#, r#""uploads":{"#)
                .replace(r#""timeline":{"#, r#""timelines":{"#),
        ),
        Kind::MissingBundle {} => Some(page.replace(assets::address(), MISSING)),
        Kind::EndlessLoop {} => Some(with("for (;;) {}")),
        Kind::Alert {} => Some(with(
            "addEventListener('load', () => alert('Sesi Anda segera berakhir.'));",
        )),
        Kind::AlertLoop {} => Some(with("for (;;) alert('Sesi Anda segera berakhir.');")),
        Kind::WindowLoop {} => Some(with("setInterval(() => open('about:blank'), 50);")),
        _ => None,
    }
}
