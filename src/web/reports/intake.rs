//! Reading a report from a request: fields and pictures, within bounds of size, number and
//! time. Whatever goes wrong, what has arrived so far is kept to be given back in the form.

use axum::body::Body;
use axum::extract::{FromRequest, Multipart};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, Request, StatusCode};
use futures_util::StreamExt;
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;

use super::ReportsState;
use crate::domain::report::Fields;

/// Fields of a report; more are a mistake or an attack.
const MOST_FIELDS: usize = 120;
/// Most bytes of all texts together.
const MOST_TEXT: usize = 256 * 1024;
/// A body that is too large is read on and forgotten up to so many bytes, so that a browser
/// gets to see the answer.
const READ_ON: u64 = 64 * 1024 * 1024;

/// Something wrong with a field: its name, and the key of what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) field: String,
    pub(super) problem: &'static str,
}

/// Why a request as a whole is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Not multipart and not JSON.
    Unsupported,
    /// Broken multipart or JSON.
    Malformed,
    /// The body, or a screenshot, or a text is too large.
    TooLarge,
    /// It did not arrive in time.
    TooSlow,
    /// No memory free, or the client comes too often; after so many seconds again.
    Busy(u64),
    TooOften(u64),
}

impl Refusal {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Refusal::Unsupported => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Refusal::Malformed => StatusCode::BAD_REQUEST,
            Refusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Refusal::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::TooOften(_) => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// Key of the text that says what happened and what to do.
    pub(super) fn key(self) -> &'static str {
        match self {
            Refusal::Unsupported => "refused-unsupported",
            Refusal::Malformed => "refused-malformed",
            Refusal::TooLarge => "refused-too-large",
            Refusal::TooSlow => "refused-too-slow",
            Refusal::Busy(_) => "refused-busy",
            Refusal::TooOften(_) => "refused-too-often",
        }
    }

    pub(super) fn retry_after(self) -> Option<u64> {
        match self {
            Refusal::Busy(seconds) | Refusal::TooOften(seconds) => Some(seconds),
            _ => None,
        }
    }
}

/// What has arrived.
#[derive(Default)]
pub(super) struct Intake {
    pub(super) fields: Fields,
    pub(super) pictures: Vec<Vec<u8>>,
    pub(super) wrong: Vec<Wrong>,
    pub(super) refusal: Option<Refusal>,
    /// The memory that it takes; free again when this is dropped.
    pub(super) memory: Option<OwnedSemaphorePermit>,
    text: usize,
}

impl Intake {
    /// The first value of a field.
    pub(super) fn value(&self, field: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(name, _)| name == field)
            .map(|(_, value)| value.as_str())
    }

    fn wrong(&mut self, field: &str, problem: &'static str) {
        let wrong = Wrong {
            field: field.to_owned(),
            problem,
        };
        if !self.wrong.contains(&wrong) {
            self.wrong.push(wrong);
        }
    }

    fn push(&mut self, field: String, value: String) -> Result<(), Refusal> {
        self.text += field.len() + value.len();
        if self.text > MOST_TEXT || self.fields.len() >= MOST_FIELDS {
            return Err(Refusal::TooLarge);
        }
        self.fields.push((field, value));
        Ok(())
    }
}

/// Reads the whole request. `json` says whether a JSON body is taken too.
pub(super) async fn read(state: &ReportsState, request: Request<Body>, json: bool) -> Intake {
    let mut intake = Intake::default();
    let settings = &state.settings;
    let length = content_length(request.headers());
    // What arrives stands with the parser first and then with us: hence twice.
    let bytes = length.map_or(settings.max_body, |length| length.min(settings.max_body));
    let kib = u32::try_from(bytes / 512 + 1).unwrap_or(u32::MAX);
    match std::sync::Arc::clone(&state.memory).try_acquire_many_owned(kib) {
        Ok(permit) => intake.memory = Some(permit),
        Err(_) => {
            forget(request.into_body()).await;
            intake.refusal = Some(Refusal::Busy(5));
            return intake;
        }
    }
    let kind = media_type(request.headers());
    let reading = async {
        match kind.as_str() {
            "multipart/form-data" => multipart(state, request, length, &mut intake).await,
            "application/json" if json => object(request, &mut intake).await,
            _ => {
                forget(request.into_body()).await;
                Err(Refusal::Unsupported)
            }
        }
    };
    let refusal = match tokio::time::timeout(settings.arrive_within, reading).await {
        Ok(Ok(())) => None,
        Ok(Err(refusal)) => Some(refusal),
        Err(_) => Some(Refusal::TooSlow),
    };
    intake.refusal = refusal;
    intake
}

/// Reads a body and forgets it, within bounds: a browser that is still sending when the
/// answer comes shows a broken connection instead of the answer.
pub(super) async fn forget(body: Body) {
    const WITHIN: std::time::Duration = std::time::Duration::from_secs(5);
    let mut left = READ_ON;
    let mut stream = body.into_data_stream();
    let reading = async {
        while let Some(Ok(chunk)) = stream.next().await {
            left = left.saturating_sub(chunk.len() as u64);
            if left == 0 {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(WITHIN, reading).await;
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn media_type(headers: &HeaderMap) -> String {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|kind| kind.trim().to_ascii_lowercase())
        .unwrap_or_default()
}

async fn multipart(
    state: &ReportsState,
    request: Request<Body>,
    length: Option<u64>,
    intake: &mut Intake,
) -> Result<(), Refusal> {
    let settings = &state.settings;
    let most = settings.max_body.max(READ_ON);
    let request = request.map(|body| Body::new(http_body_util::Limited::new(body, to_usize(most))));
    let mut parts = Multipart::from_request(request, &())
        .await
        .map_err(|_| Refusal::Malformed)?;
    let broken = |error: axum::extract::multipart::MultipartError| {
        if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Refusal::TooLarge
        } else {
            Refusal::Malformed
        }
    };
    let mut held = 0_usize;
    let mut too_large = false;
    while let Some(mut part) = parts.next_field().await.map_err(broken)? {
        let Some(name) = part.name().map(str::to_owned) else {
            return Err(Refusal::Malformed);
        };
        if name.len() > 100 {
            return Err(Refusal::Malformed);
        }
        let is_file = part.file_name().is_some() || name == "screenshot";
        let most = if is_file {
            settings.max_screenshot
        } else {
            MOST_TEXT
        };
        let mut bytes = Vec::new();
        if let (true, Some(length)) = (is_file, length) {
            // Room for the rest of what was announced, so that no picture moves as it grows.
            bytes.reserve_exact(to_usize(length).saturating_sub(held).min(most));
        }
        let mut over = false;
        while let Some(chunk) = part.chunk().await.map_err(broken)? {
            // What is over the limit is read on and forgotten: the fields behind it count.
            over |= bytes.len() + chunk.len() > most
                || (held + bytes.len() + chunk.len()) as u64 > settings.max_body;
            if over {
                bytes = Vec::new();
            } else {
                bytes.extend_from_slice(&chunk);
            }
        }
        if over {
            too_large = true;
            intake.wrong(&name, "too_large");
            continue;
        }
        held += bytes.len();
        if !is_file {
            let text = String::from_utf8(bytes)
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
            intake.push(name, text)?;
        } else if name != "screenshot" {
            intake.wrong(&name, "not_a_file_field");
        } else if bytes.is_empty() {
            // A file field that was left empty.
        } else if intake.pictures.len() == settings.max_screenshots {
            intake.wrong("screenshot", "too_many");
        } else {
            intake.pictures.push(bytes);
        }
    }
    if too_large {
        return Err(Refusal::TooLarge);
    }
    Ok(())
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

async fn object(request: Request<Body>, intake: &mut Intake) -> Result<(), Refusal> {
    // Read on beyond the limit and forget, as above.
    let mut stream = request.into_body().into_data_stream();
    let mut bytes = Vec::new();
    let (mut over, mut read) = (false, 0_u64);
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| Refusal::Malformed)?;
        read += chunk.len() as u64;
        over |= bytes.len() + chunk.len() > MOST_TEXT;
        if over {
            bytes = Vec::new();
        } else {
            bytes.extend_from_slice(&chunk);
        }
        if read > READ_ON {
            break;
        }
    }
    if over {
        return Err(Refusal::TooLarge);
    }
    let Ok(Value::Object(object)) = serde_json::from_slice(&bytes) else {
        return Err(Refusal::Malformed);
    };
    for (name, value) in object {
        flatten(intake, &name, value)?;
    }
    Ok(())
}

/// One JSON member as form fields: lists repeat the field, an object lists what is true.
fn flatten(intake: &mut Intake, name: &str, value: Value) -> Result<(), Refusal> {
    if name == "screenshot" {
        intake.wrong(name, "not_in_json");
        return Ok(());
    }
    match value {
        Value::Null => {}
        Value::Bool(flag) => intake.push(name.to_owned(), flag.to_string())?,
        Value::Number(number) => intake.push(name.to_owned(), number.to_string())?,
        Value::String(text) => intake.push(name.to_owned(), text)?,
        Value::Array(items) => {
            for item in items {
                if item.is_array() || item.is_object() {
                    intake.wrong(name, "not_a_choice");
                } else {
                    flatten(intake, name, item)?;
                }
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                match member {
                    Value::Bool(true) => intake.push(name.to_owned(), key)?,
                    Value::Bool(false) | Value::Null => {}
                    _ => intake.wrong(name, "not_a_choice"),
                }
            }
        }
    }
    Ok(())
}
