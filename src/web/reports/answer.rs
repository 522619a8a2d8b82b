//! The reporting endpoint for programs: 201 with the reference and the secret, or problem
//! details that name every field.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Value, json};

use super::intake::{self, Intake, Refusal, Wrong};
use super::keep::{self, Acknowledged, LONGEST_KEY, NotKept};
use super::{ReportsState, form, told};
use crate::domain::report::LeftOut;
use crate::web::client::Client;
use crate::web::lang::Lang;
use crate::web::texts::Texts;

/// `POST /api/v1/reports`.
pub(super) async fn take(
    State(state): State<ReportsState>,
    client: Client,
    lang: Lang,
    request: Request<Body>,
) -> Response {
    let html = wants_html(request.headers());
    answer(&state, client, lang, request, html).await
}

/// `POST /api/v1/reports.json`.
pub(super) async fn take_json(
    State(state): State<ReportsState>,
    client: Client,
    lang: Lang,
    request: Request<Body>,
) -> Response {
    answer(&state, client, lang, request, false).await
}

async fn answer(
    state: &ReportsState,
    client: Client,
    lang: Lang,
    request: Request<Body>,
    html: bool,
) -> Response {
    let t = Texts::of(lang);
    let key = idempotency_key(request.headers());
    let mut intake = intake::read(state, client, request, true).await;
    if let Some(refusal) = intake.refusal {
        return refused(t, refusal, &intake);
    }
    let Ok(key) = key else {
        return problem(t, StatusCode::BAD_REQUEST, "refused-key", &[]);
    };
    match keep::keep(state, &mut intake, key, lang, client).await {
        Ok(done) if html => Redirect::to(&form::receipt_address(lang, &done, true)).into_response(),
        Ok(done) => acknowledged(state, lang, &done),
        Err(NotKept::Wrong(wrong)) => {
            problem(t, StatusCode::UNPROCESSABLE_ENTITY, "refused-wrong", &wrong)
        }
        Err(NotKept::KeyUsed) => problem(t, StatusCode::CONFLICT, "refused-key-used", &[]),
        Err(NotKept::Storage) => {
            let mut response = problem(t, StatusCode::SERVICE_UNAVAILABLE, "refused-storage", &[]);
            response.headers_mut().insert(RETRY_AFTER, 30.into());
            response
        }
    }
}

/// Whether the answer should be a page: only who names HTML, and JSON not, gets one.
fn wants_html(headers: &HeaderMap) -> bool {
    let accept = headers
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    accept.contains("text/html") && !accept.contains("application/json")
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ()> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let text = value.to_str().map_err(|_| ())?.trim();
    if text.is_empty() || text.len() > LONGEST_KEY {
        return Err(());
    }
    Ok(Some(text.to_owned()))
}

fn acknowledged(state: &ReportsState, lang: Lang, done: &Acknowledged) -> Response {
    let own = state.desk.site.own_url.trim_end_matches('/');
    let receipt_url = format!("{own}{}", form::receipt_address(lang, done, false));
    let location = format!("/api/v1/reports/{}", done.reference);
    let body = json!({
        "reference": done.reference,
        "secret": done.secret,
        "receipt_url": receipt_url,
        "received_at": done.received_at.to_string(),
        "finding": super::receipt::finding_json(&done.finding),
        "screenshots": screenshots_json(Texts::of(lang), done.pictures, done.left_out),
    });
    let mut response = (StatusCode::CREATED, Json(body)).into_response();
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// What became of the pictures of a report: how many are kept, and, where they are not, why and
/// what to do.
pub(super) fn screenshots_json(t: Texts, kept: usize, left_out: Option<LeftOut>) -> Value {
    match left_out {
        None => json!({ "kept": kept, "left_out": 0 }),
        Some(left_out) => json!({
            "kept": kept,
            "left_out": left_out.count,
            "reason": left_out.why.as_str(),
            "message": told::left_out(t, left_out),
        }),
    }
}

fn refused(t: Texts, refusal: Refusal, intake: &Intake) -> Response {
    let mut response = problem(t, refusal.status(), refusal.key(), &intake.wrong);
    if let Some(seconds) = refusal.retry_after() {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// RFC 9457 problem details with everything that is wrong, field by field.
pub(super) fn problem(t: Texts, status: StatusCode, key: &str, wrong: &[Wrong]) -> Response {
    let mut body = json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "detail": t.get(key),
    });
    if !wrong.is_empty() {
        let errors: Vec<Value> = wrong
            .iter()
            .map(|one| {
                json!({
                    "field": one.field,
                    "problem": one.problem,
                    "message": form::message(t, one),
                })
            })
            .collect();
        body["errors"] = errors.into();
    }
    let kind = HeaderValue::from_static("application/problem+json");
    (status, [(CONTENT_TYPE, kind)], body.to_string()).into_response()
}
