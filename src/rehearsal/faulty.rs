//! What a switched-on fault does to a request and its answer. Stands in front of every
//! page of the site but the stylesheet and the script; reads each request's body, within limits.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;

use super::faults::Kind;
use super::faulty_pages;
use super::hostile;
use super::site::{SESSION_COOKIE, Site, Struck, Visit};
use super::wire::Grip;

/// What the site keeps of a request's body: three documents and some more.
const BODY: usize = 8 * 1024 * 1024;
/// What it reads past before it answers that this was too much.
const BODY_READ_PAST: usize = 64 * 1024 * 1024;
/// Bodies up to this size are read without waiting for one of the few slots.
const SMALL_BODY: u64 = 64 * 1024;
const BODY_WITHIN: Duration = Duration::from_secs(60);
/// A request that hangs is cut off at last.
const HANG: Duration = Duration::from_secs(600);

pub(super) async fn meddle(
    State(site): State<Arc<Site>>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path().to_owned();
    if path == "/style.css" || path.starts_with("/assets/") {
        return next.run(request).await;
    }
    let grip = request
        .extensions()
        .get::<Grip>()
        .cloned()
        .unwrap_or_default();
    if site.board.refuses() {
        grip.reset();
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let struck = strike(&site, &path, request.method());

    let delay = struck.iter().map(|kind| match kind {
        Kind::Late { delay_ms } => Duration::from_millis(*delay_ms),
        _ => Duration::ZERO,
    });
    tokio::time::sleep(delay.sum()).await;

    let (mut parts, body) = request.into_parts();
    if struck.contains(&Kind::SessionLost {}) {
        let cookies = axum_extra::extract::CookieJar::from_headers(&parts.headers);
        if let Some(cookie) = cookies.get(SESSION_COOKIE) {
            site.world().close_session(cookie.value());
        }
    }
    if let Some(at_percent) = struck.iter().find_map(hanging) {
        return hang(body, &parts.headers, at_percent, &grip).await;
    }
    let visit = Visit::read(&parts, &site);
    let body = match read(&site, &parts.headers, body).await {
        Ok(body) => body,
        Err(status) => return visit.error(status, &faulty_pages::BODY_REFUSED),
    };
    if let Some(page) = struck.iter().find_map(|kind| replaced(kind, &visit)) {
        return finish(page, &struck, &grip).await;
    }
    if let Some(page) = struck
        .iter()
        .find_map(|kind| hostile::page(kind, &parts.uri))
    {
        return page;
    }
    parts.extensions.insert(Struck(struck.clone()));
    let answer = next.run(Request::from_parts(parts, Body::from(body))).await;
    finish(answer, &struck, &grip).await
}

/// Which faults strike a request to this path, each only where it means something.
fn strike(site: &Site, path: &str, method: &Method) -> Vec<Kind> {
    let posts = method == Method::POST;
    site.board.strike(path, |kind| match kind {
        Kind::Refuse {} | Kind::MailMissing {} => false,
        Kind::UploadRefused { .. } | Kind::UploadHangs { .. } => {
            posts && path.ends_with("/documents")
        }
        Kind::DraftLost {} => posts && path.ends_with("/review"),
        Kind::SessionLost {} => path.starts_with("/web/"),
        Kind::EndlessSpinner {} => path.starts_with("/web/") && path.ends_with(".json"),
        _ => true,
    })
}

fn hanging(kind: &Kind) -> Option<u8> {
    match kind {
        Kind::UploadHangs { at_percent } => Some(*at_percent),
        Kind::EndlessSpinner {} => Some(0),
        _ => None,
    }
}

/// Reads that share of the body, then nothing more, and never answers.
async fn hang(mut body: Body, headers: &HeaderMap, at_percent: u8, grip: &Grip) -> Response {
    let stop_at = length(headers)
        .unwrap_or(1_000_000)
        .saturating_mul(u64::from(at_percent))
        / 100;
    let mut read = 0;
    let reading = async {
        while read < stop_at {
            match body.frame().await {
                Some(Ok(frame)) => read += frame.data_ref().map_or(0, |data| data.len() as u64),
                _ => break,
            }
        }
        std::future::pending::<()>().await;
    };
    let _ = tokio::time::timeout(HANG, reading).await;
    grip.reset();
    StatusCode::GATEWAY_TIMEOUT.into_response()
}

/// How long the body is stated to be.
fn length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

async fn read(site: &Site, headers: &HeaderMap, mut body: Body) -> Result<Bytes, StatusCode> {
    let is_small = match length(headers) {
        Some(length) => length <= SMALL_BODY,
        None => !headers.contains_key(header::TRANSFER_ENCODING),
    };
    let _slot = match is_small {
        true => None,
        false => Some(site.large_bodies.acquire().await),
    };
    let mut kept = Vec::new();
    let mut length = 0;
    let reading = async {
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(drop)?.into_data() else {
                continue;
            };
            length += data.len();
            if length <= BODY {
                kept.extend_from_slice(&data);
            } else if length > BODY_READ_PAST {
                break;
            }
        }
        Ok::<_, ()>(())
    };
    match tokio::time::timeout(BODY_WITHIN, reading).await {
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
        Ok(Err(())) => Err(StatusCode::BAD_REQUEST),
        Ok(Ok(())) if length > BODY => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Ok(Ok(())) => Ok(Bytes::from(kept)),
    }
}

/// The page that stands in place of the real one.
fn replaced(kind: &Kind, visit: &Visit) -> Option<Response> {
    match kind {
        Kind::Error { status } => Some(faulty_pages::server_error(visit, *status, *status)),
        Kind::ErrorWith200 {} => Some(faulty_pages::server_error(visit, 500, 200)),
        Kind::YellowPage {} => Some(faulty_pages::yellow()),
        Kind::Maintenance {} => Some(faulty_pages::maintenance(visit)),
        Kind::Captcha {} => Some(faulty_pages::captcha(visit)),
        Kind::Blank {} => Some(axum::response::Html("").into_response()),
        _ => None,
    }
}

/// What is done to an answer that is otherwise whole.
async fn finish(answer: Response, struck: &[Kind], grip: &Grip) -> Response {
    let mut answer = answer;
    for kind in struck {
        match kind {
            Kind::Script {}
            | Kind::MissingBundle {}
            | Kind::EndlessLoop {}
            | Kind::Alert {}
            | Kind::AlertLoop {}
            | Kind::WindowLoop {} => answer = scripted(answer, kind).await,
            Kind::Reset {} => return hostile::reset(answer, grip).await,
            Kind::LyingLength { by } => return hostile::lying_length(answer, *by, grip).await,
            _ => {}
        }
    }
    answer
}

/// A page as the fault makes it; other answers as they are.
async fn scripted(answer: Response, kind: &Kind) -> Response {
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    if answer.headers().get(header::CONTENT_TYPE) != Some(&html) {
        return answer;
    }
    let (mut parts, body) = answer.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, BODY).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let page = String::from_utf8_lossy(&bytes);
    let page = faulty_pages::scripted(kind, &page).unwrap_or_else(|| page.into_owned());
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(page))
}
