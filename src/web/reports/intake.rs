//! Reading a report from a request: fields and pictures, within bounds of size, number and
//! time. Whatever goes wrong, what has arrived so far is kept to be given back in the form.
//!
//! The sender is counted before anything is read, and memory is charged for what has arrived,
//! never for what is announced.

use axum::body::{Body, HttpBody as _};
use axum::extract::multipart::MultipartError;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;

use super::parts::{Feed, Parts};
use super::{ReportsState, Settings};
use crate::domain::report::Fields;
use crate::web::client::Client;
use crate::web::drain::{DRAIN_TIMEOUT, drain};
use crate::web::fair_share::Share;
use crate::web::sessions::from_our_own_page;
use crate::web::throttle::key_of;

/// The most fields of a report; more are a mistake or an attack.
const MAX_FIELDS: usize = 120;
/// The most parts of a multipart body: fields, screenshots, and file fields that were left
/// empty.
const MAX_PARTS: usize = MAX_FIELDS + 10;
/// The most bytes of all texts together.
const MAX_TEXT: usize = 256 * 1024;
/// The longest name of a field, in bytes.
const MAX_NAME: usize = 100;
/// The most mistakes that are told back: twice as many as there are fields.
const MAX_WRONG: usize = 40;
/// The most room that is made for bytes of a picture that are announced and have not come, so that
/// it does not move as it grows: moving copies it into fresh pages. Room takes memory only where
/// something has arrived.
const MAX_AHEAD: usize = 512 * 1024;
/// After how many seconds somebody may come back for whom there was no memory.
const BUSY_SECONDS: u64 = 5;

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
    /// A browser says that another site's page sent it.
    Elsewhere,
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
            Refusal::Elsewhere => StatusCode::FORBIDDEN,
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
            Refusal::Elsewhere => "refused-elsewhere",
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
    pub(super) memory: Option<Share>,
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

    /// Notes a mistake, unless it is known or enough are.
    fn wrong(&mut self, field: &str, problem: &'static str) {
        let known = |one: &Wrong| one.field == field && one.problem == problem;
        if self.wrong.len() < MAX_WRONG && !self.wrong.iter().any(known) {
            self.wrong.push(Wrong {
                field: field.to_owned(),
                problem,
            });
        }
    }

    /// Whether a field may have this name.
    fn takes_name(name: &str) -> Result<(), Refusal> {
        let fits = name.len() <= MAX_NAME;
        fits.then_some(()).ok_or(Refusal::Malformed)
    }

    fn push(&mut self, field: String, value: String) -> Result<(), Refusal> {
        self.text += field.len() + value.len();
        if self.text > MAX_TEXT || self.fields.len() >= MAX_FIELDS {
            return Err(Refusal::TooLarge);
        }
        self.fields.push((field, value));
        Ok(())
    }

    /// Charges bytes that have arrived and are kept.
    fn charge(&mut self, bytes: usize) -> Result<(), Refusal> {
        let memory = self.memory.as_mut();
        let charged = memory.is_some_and(|memory| memory.grow(bytes as u64));
        charged.then_some(()).ok_or(Refusal::Busy(BUSY_SECONDS))
    }

    /// Gives back what was charged for bytes that are no longer kept.
    fn discharge(&mut self, bytes: usize) {
        if let Some(memory) = &mut self.memory {
            memory.shrink(bytes as u64);
        }
    }

    /// Frees the pictures of a report that is refused. One empty picture stays, as the sign
    /// that files must be chosen again.
    fn forget_pictures(&mut self) {
        if !self.pictures.is_empty() {
            let bytes = self.pictures.iter().map(Vec::len).sum();
            self.pictures = vec![Vec::new()];
            self.discharge(bytes);
        }
    }
}

/// Counts the sender, then reads the whole request. `takes_json` says whether a JSON body is
/// taken too. Of somebody who comes too often only the texts are read, so that the form can
/// give them back, and only what comes at once.
pub(super) async fn read(
    state: &ReportsState,
    client: Client,
    request: Request<Body>,
    takes_json: bool,
) -> Intake {
    let mut intake = Intake::default();
    let settings = &state.settings;
    let counted = state.per_client.check(&key_of(client));
    let too_often = counted.err().map(Refusal::TooOften);
    let (head, body) = request.into_parts();
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let feed = Feed::new(body, settings.read_limit());
    let reading = async {
        if !from_our_own_page(&head.headers, &state.desk.site.own_url) {
            return Err(Refusal::Elsewhere);
        }
        let memory = state.memory.take(Some(client.0), 0);
        intake.memory = Some(memory.ok_or(Refusal::Busy(BUSY_SECONDS))?);
        match media_type(&head.headers).as_str() {
            "multipart/form-data" => {
                let parts = Parts::new(&head.headers, feed.clone()).await;
                let parts = parts.ok_or(Refusal::Malformed)?;
                let pictures = if too_often.is_some() {
                    0
                } else {
                    settings.max_screenshots
                };
                let read = multipart(settings, (pictures, announced), parts, &mut intake).await;
                read.map_err(|refusal| match refusal {
                    Refusal::Malformed if feed.is_used_up() => Refusal::TooLarge,
                    refusal => refusal,
                })
            }
            "application/json" if takes_json => {
                object(feed.rest(), settings.read_limit(), &mut intake).await
            }
            _ => Err(Refusal::Unsupported),
        }
    };
    let timeout = match too_often {
        Some(_) => DRAIN_TIMEOUT.min(settings.arrive_within),
        None => settings.arrive_within,
    };
    let read = tokio::time::timeout(timeout, reading).await;
    let ended = read.is_ok();
    intake.refusal = too_often.or(read.unwrap_or(Err(Refusal::TooSlow)).err());
    if intake.refusal.is_some() {
        intake.forget_pictures();
        if ended {
            drain(feed.rest(), settings.read_limit()).await;
        }
    }
    intake
}

fn media_type(headers: &HeaderMap) -> String {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|kind| kind.trim().to_ascii_lowercase())
        .unwrap_or_default()
}

/// Reads up to `max_pictures` pictures and all texts of a body of which so many bytes are
/// announced. What is over a limit is read on and forgotten: the fields behind it count.
async fn multipart(
    settings: &Settings,
    (max_pictures, announced): (usize, usize),
    mut parts: Parts,
    intake: &mut Intake,
) -> Result<(), Refusal> {
    let broken = |_: MultipartError| Refusal::Malformed;
    let mut count = 0;
    let mut kept = 0_usize;
    let mut too_large = false;
    while let Some(mut part) = parts.next().await.map_err(broken)? {
        count += 1;
        if count > MAX_PARTS {
            return Err(Refusal::TooLarge);
        }
        let name = part.field.name().ok_or(Refusal::Malformed)?.to_owned();
        Intake::takes_name(&name)?;
        let is_file = part.field.file_name().is_some() || name == "screenshot";
        let wanted = !is_file || (name == "screenshot" && intake.pictures.len() < max_pictures);
        let most = if is_file {
            settings.max_screenshot
        } else {
            MAX_TEXT
        };
        let mut bytes = Vec::new();
        let (mut over, mut empty) = (false, true);
        while let Some(chunk) = part.chunk().await.map_err(broken)? {
            empty &= chunk.is_empty();
            over |= wanted
                && (bytes.len() + chunk.len() > most
                    || (kept + bytes.len() + chunk.len()) as u64 > settings.max_body);
            if over {
                intake.discharge(bytes.len());
                bytes = Vec::new();
            } else if wanted {
                intake.charge(chunk.len())?;
                if is_file && bytes.capacity() - bytes.len() < chunk.len() {
                    let ahead = announced.saturating_sub(kept + bytes.len());
                    bytes.reserve(ahead.min(MAX_AHEAD).max(chunk.len()));
                }
                bytes.extend_from_slice(&chunk);
            }
        }
        if over {
            too_large = true;
            intake.wrong(&name, "too_large");
            continue;
        }
        kept += bytes.len();
        if !is_file {
            let text = String::from_utf8(bytes)
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
            intake.push(name, text)?;
        } else if name != "screenshot" {
            intake.wrong(&name, "not_a_file_field");
        } else if empty {
            // A file field that was left empty.
        } else if wanted {
            intake.pictures.push(bytes);
        } else {
            intake.wrong("screenshot", "too_many");
        }
    }
    if too_large {
        return Err(Refusal::TooLarge);
    }
    Ok(())
}

async fn object(mut body: Body, limit: u64, intake: &mut Intake) -> Result<(), Refusal> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::Malformed)?;
        let Some(chunk) = frame.data_ref() else {
            continue;
        };
        if bytes.len() + chunk.len() > MAX_TEXT {
            drain(body, limit).await;
            return Err(Refusal::TooLarge);
        }
        intake.charge(chunk.len())?;
        bytes.extend_from_slice(chunk);
    }
    let Ok(Value::Object(object)) = serde_json::from_slice(&bytes) else {
        return Err(Refusal::Malformed);
    };
    for (name, value) in object {
        Intake::takes_name(&name)?;
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
