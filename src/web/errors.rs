//! What the public sees when something went wrong: a friendly page in its language, or
//! problem details for programs. Never a word of what went wrong inside.

use askama::Template;
use axum::body::Body;
use axum::http::header::{
    ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, RETRY_AFTER,
    TRANSFER_ENCODING,
};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;

use super::lang::Lang;
use super::layout::Layout;
use super::problem::Problem;
use super::security;
use super::site::Site;
use super::texts::Texts;

/// After how many seconds someone turned away may come back.
pub const RETRY_AFTER_SECONDS: u16 = 5;

#[derive(Template)]
#[template(path = "web/public/error.html")]
struct ErrorTemplate<'a> {
    layout: Layout<'a>,
    t: Texts,
    status: u16,
    title: String,
    explanation: String,
    next: String,
}

/// The friendly page for a status code.
pub fn page(site: &Site, lang: Lang, status: StatusCode) -> String {
    let t = Texts::of(lang);
    let (title, explanation, next) = match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => (
            "error-not-found-title",
            "error-not-found-explanation",
            "error-not-found-next",
        ),
        StatusCode::METHOD_NOT_ALLOWED => (
            "error-method-title",
            "error-method-explanation",
            "error-not-found-next",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => (
            "error-too-large-title",
            "error-too-large-explanation",
            "error-too-large-next",
        ),
        StatusCode::REQUEST_TIMEOUT => (
            "error-timeout-title",
            "error-timeout-explanation",
            "error-retry-next",
        ),
        StatusCode::TOO_MANY_REQUESTS => (
            "error-too-many-title",
            "error-too-many-explanation",
            "error-retry-next",
        ),
        StatusCode::SERVICE_UNAVAILABLE => (
            "error-busy-title",
            "error-busy-explanation",
            "error-retry-next",
        ),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => (
            "error-forbidden-title",
            "error-forbidden-explanation",
            "error-not-found-next",
        ),
        status if status.is_client_error() => (
            "error-request-title",
            "error-request-explanation",
            "error-request-next",
        ),
        _ => (
            "error-ours-title",
            "error-ours-explanation",
            "error-retry-next",
        ),
    };
    let template = ErrorTemplate {
        layout: Layout::new(site, lang, "/").without_own_address(),
        t,
        status: status.as_u16(),
        title: t.get(title),
        explanation: t.get(explanation),
        next: t.get(next),
    };
    template.render().unwrap_or_else(|error| {
        tracing::error!(%error, "the error page could not be rendered");
        status.canonical_reason().unwrap_or("").to_owned()
    })
}

/// Puts a friendly body on an error that has none, or only the framework's plain text.
/// Pages and JSON that a handler made itself stay as they are.
pub fn dress(response: &mut Response<Body>, site: &Site, lang: Lang, api: bool) {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return;
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        let headers = response.headers_mut();
        headers
            .entry(RETRY_AFTER)
            .or_insert(HeaderValue::from(RETRY_AFTER_SECONDS));
    }
    let plain = response
        .headers()
        .get(CONTENT_TYPE)
        .is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if !plain {
        return;
    }
    let headers = response.headers_mut();
    for name in [CONTENT_LENGTH, CONTENT_ENCODING, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    if api {
        let mut problem = Problem::new(status);
        if status == StatusCode::METHOD_NOT_ALLOWED
            && let Some(allowed) = headers.get(ALLOW).and_then(|allow| allow.to_str().ok())
        {
            problem = problem.detail(format!("This address takes {allowed}."));
        }
        let (parts, body) = problem.into_response().into_parts();
        headers.extend(parts.headers);
        security::allow_every_origin(headers);
        *response.body_mut() = body;
    } else {
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        );
        *response.body_mut() = Body::from(page(site, lang, status));
    }
}
