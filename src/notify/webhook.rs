//! Alerts to programs: one JSON document a message, posted to an address, signed.
//!
//! ```json
//! { "id": "0198…/1/webhook:ops",          // the same at every try: drop what you have seen
//!   "event": "outage.opened",              // opened, worsened, eased, overran, closed
//!   "sent_at": "2026-08-06T07:05:03.120Z", // of this try
//!   "outage": {
//!     "id": "0198…", "url": "https://…/outages/0198…",
//!     "version": 1,                        // counts up: of two documents, the higher is newer
//!     "component": "upload", "name_id": "Unggah dokumen", "name_en": "Document upload",
//!     "severity": "down",                  // degraded, partial, down
//!     "began_at": "2026-08-06T07:04:58.000Z", "ended_at": null,
//!     "planned": false, "fault": "error_page", "step": "Upload the passport page",
//!     "step_key": "passport",               // what stays where the names are improved
//!     "step_name_id": "Unggah halaman paspor", "step_name_en": "Upload the passport page",
//!     "message": "expected status 200, got 503",
//!     "diagnosis": {                       // where the fault lies; null while nothing is known
//!       "is": "front_end",                 // server, network, plain_refused, one_engine, unclear
//!       "step": "Upload the passport page",
//!       "cause": "missing_asset",          // script_error, null
//!       "detail": "/assets/app.5b0c7d12.js: 404", // in the site's own words
//!       "text_id": "…", "text_en": "…" } } }
//! ```
//!
//! Of our own disk there is a document without `outage`; its event is `disk.low`, `disk.critical`
//! or `disk.ample`:
//!
//! ```json
//! { "id": "disk/main/…/webhook:ops", "event": "disk.low", "sent_at": "…",
//!   "disk": {
//!     "vantage": "main", "since": "…",
//!     "free_bytes": { "files": 1400000000, "database": 1400000000 }, // database: null where it
//!     "reserve_bytes": { "files": 2000000000, "database": 500000000 }, // is a server's
//!     "text_id": "…", "text_en": "…" } }
//! ```
//!
//! Of a flow that a check for robots keeps out there is a document without `outage`, too; its event
//! is `flow.blocked` or `flow.through`:
//!
//! ```json
//! { "id": "blocked:main:extension/…/webhook:ops", "event": "flow.blocked", "sent_at": "…",
//!   "flow": {
//!     "key": "extension", "name": "Stay-permit extension", "vantage": "main",
//!     "name_id": "Perpanjangan izin tinggal", "name_en": "Stay-permit extension",
//!     "since": "…", "over_at": null, "message": "a challenge of …",
//!     "text_id": "…", "text_en": "…" } }
//! ```
//!
//! `Siaga-Signature: t=1786000000,v1=6c3f…`: `v1` is the HMAC-SHA256, in lower-case hex, of
//! `t`, a full stop, and the body's bytes. A receiver compares it in constant time and
//! refuses a `t` that is older than some minutes.
//!
//! Any 2xx means received. Redirects are not followed: where they lead is not what the
//! operator configured.

use std::time::Duration;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use serde::Serialize;
use serde_json::json;
use sha2::Sha256;
use url::Url;

use super::backoff::{Again, Failure};
use super::notice::Notice;
use super::words::{Subject, blocked, disk, one_line, sentences};
use crate::domain::blocked::BlockedAlert;
use crate::domain::diagnosis::{Cause, Diagnosis};
use crate::domain::disk::DiskAlert;
use crate::domain::names::StepNames;
use crate::domain::{BilingualName, Clock, Moment, Secret};
use crate::http_client::InwardName;

/// The name of the header with the signature.
pub const SIGNATURE: &str = "Siaga-Signature";

#[derive(Serialize)]
struct Document<'a> {
    id: &'a str,
    event: String,
    sent_at: String,
    outage: OutageDocument<'a>,
}

#[derive(Serialize)]
struct OutageDocument<'a> {
    id: &'a str,
    url: &'a str,
    version: i64,
    component: &'a str,
    name_id: &'a str,
    name_en: &'a str,
    severity: &'static str,
    began_at: String,
    ended_at: Option<String>,
    planned: bool,
    fault: Option<&'static str>,
    step: String,
    step_key: String,
    step_name_id: String,
    step_name_en: String,
    message: Option<String>,
    diagnosis: Option<DiagnosisDocument>,
}

/// Where the fault lies: a word, what belongs to it, and in words.
#[derive(Serialize)]
struct DiagnosisDocument {
    is: &'static str,
    step: Option<String>,
    cause: Option<&'static str>,
    detail: Option<String>,
    text_id: String,
    text_en: String,
}

fn diagnosis(found: &Diagnosis, names: StepNames<'_>) -> DiagnosisDocument {
    let (text_id, text_en) = sentences(found, names);
    DiagnosisDocument {
        is: found.as_str(),
        step: found.step().map(|step| names.step(step).en().to_owned()),
        cause: found.cause().map(Cause::as_str),
        detail: found.cause().map(|cause| one_line(&cause.to_string(), 500)),
        text_id,
        text_en,
    }
}

/// The document of a message, as it is sent at `now`.
fn body(notice: &Notice, now: Moment) -> Result<Vec<u8>, serde_json::Error> {
    match notice {
        Notice::Outage(subject) => of_outage(subject, now),
        Notice::Disk { once_key, alert } => of_disk(once_key, alert, now),
        Notice::Blocked {
            once_key,
            name,
            alert,
        } => of_blocked(once_key, name, alert, now),
    }
}

fn of_blocked(
    once_key: &str,
    name: &BilingualName,
    alert: &BlockedAlert,
    now: Moment,
) -> Result<Vec<u8>, serde_json::Error> {
    let (text_id, text_en) = blocked::meaning(alert);
    serde_json::to_vec(&json!({
        "id": once_key,
        "event": if alert.over_at.is_none() { "flow.blocked" } else { "flow.through" },
        "sent_at": now.to_string(),
        "flow": {
            "key": alert.flow,
            "name": name.en(),
            "name_id": name.id(),
            "name_en": name.en(),
            "vantage": alert.vantage,
            "since": alert.since.to_string(),
            "over_at": alert.over_at.map(|at| at.to_string()),
            "message": alert.message.as_ref().map(|message| one_line(message, 500)),
            "text_id": text_id,
            "text_en": text_en,
        },
    }))
}

fn of_disk(once_key: &str, alert: &DiskAlert, now: Moment) -> Result<Vec<u8>, serde_json::Error> {
    let (text_id, text_en) = disk::meaning(alert.disk);
    serde_json::to_vec(&json!({
        "id": once_key,
        "event": format!("disk.{}", alert.disk.as_str()),
        "sent_at": now.to_string(),
        "disk": {
            "vantage": alert.vantage,
            "since": alert.at.to_string(),
            "free_bytes": alert.free,
            "reserve_bytes": alert.reserve,
            "text_id": text_id,
            "text_en": text_en,
        },
    }))
}

fn of_outage(subject: &Subject, now: Moment) -> Result<Vec<u8>, serde_json::Error> {
    let outage = &subject.alert.outage;
    let names = subject.names.of(&outage.flow);
    let step = names.step(&outage.step);
    serde_json::to_vec(&Document {
        id: &subject.once_key,
        event: format!("outage.{}", subject.alert.effect.as_str()),
        sent_at: now.to_string(),
        outage: OutageDocument {
            id: &outage.id,
            url: &subject.url,
            version: outage.version,
            component: outage.component.as_str(),
            name_id: &subject.name.id,
            name_en: &subject.name.en,
            severity: outage.severity.as_str(),
            began_at: outage.began_at.to_string(),
            ended_at: outage.ended_at.map(|at| at.to_string()),
            planned: outage.planned,
            fault: outage.fault.map(|fault| fault.as_str()),
            step: step.en().to_owned(),
            step_key: step.key().to_owned(),
            step_name_id: step.id().to_owned(),
            step_name_en: step.en().to_owned(),
            message: subject.alert.message.as_ref().map(|m| one_line(m, 500)),
            diagnosis: (outage.diagnosis.as_ref()).map(|found| diagnosis(found, names)),
        },
    })
}

/// The value of the signature's header. HMAC takes keys of any length.
pub fn signature(secret: &Secret, now: Moment, body: &[u8]) -> Option<String> {
    let seconds = now.0.div_euclid(1000).to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes()).ok()?;
    mac.update(seconds.as_bytes());
    mac.update(b".");
    mac.update(body);
    let tag = HEXLOWER.encode(&mac.finalize().into_bytes());
    Some(format!("t={seconds},v1={tag}"))
}

/// Posts a message. The client bounds the time and follows no redirects.
pub(super) async fn send(
    http: &reqwest::Client,
    url: &Url,
    secret: Option<&Secret>,
    notice: &Notice,
    clock: &dyn Clock,
) -> Result<(), Failure> {
    let now = clock.now();
    let body = body(notice, now).map_err(|e| Failure::late(e.to_string()))?;
    let mut request = http
        .post(url.clone())
        .header(CONTENT_TYPE, "application/json");
    if let Some(signature) = secret.and_then(|secret| signature(secret, now, &body)) {
        request = request.header(SIGNATURE, signature);
    }
    // The address may hold a secret, so it is kept out of the error.
    let answer = request
        .body(body)
        .send()
        .await
        .map_err(|error| why(&error))?;
    judge(answer.status(), answer.headers(), clock.now())
}

fn why(error: &reqwest::Error) -> Failure {
    if let Some(inward) = InwardName::behind(error) {
        return Failure::late(inward.to_string());
    }
    Failure::soon(if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke"
    })
}

fn judge(status: StatusCode, headers: &HeaderMap, now: Moment) -> Result<(), Failure> {
    if status.is_success() {
        return Ok(());
    }
    let reason = format!("HTTP {}", status.as_u16());
    let in_trouble = status.is_server_error()
        || status == StatusCode::REQUEST_TIMEOUT
        || status == StatusCode::TOO_MANY_REQUESTS;
    let again = match (in_trouble, retry_after(headers, now)) {
        (true, Some(span)) => Again::After(span),
        (true, None) => Again::Soon,
        (false, _) => Again::Late,
    };
    Err(Failure { reason, again })
}

/// `Retry-After`: seconds or a date.
fn retry_after(headers: &HeaderMap, now: Moment) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(Moment::from(date.timestamp()).since(now))
}
