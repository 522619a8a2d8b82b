//! Evidence as browsers get it. Only pictures that we made are shown; whatever else was
//! captured leaves as plain text to be saved, so that nothing of a captured page ever runs at
//! our address.
//!
//! Owns the headers of these answers, and the one public picture. Must not know who may see
//! the others.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::body::Bytes;

use crate::evidence::EvidenceStore;
use crate::store::{Store, pieces};

/// Nothing is loaded, run or framed; a drawing may colour its own shapes.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";
/// Pictures kept in memory, and their bytes together.
const PICTURES: usize = 32;
const MEMORY: usize = 16 << 20;

/// Where the public picture of an outage is.
pub fn public_address(sha256: &str) -> String {
    format!("/evidence/{sha256}.png")
}

/// Whether this may be the address of a piece: what it cannot be is not worth a query.
pub fn is_hash(text: &str) -> bool {
    let is_digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    text.len() == 64 && text.bytes().all(is_digit)
}

/// A piece as staff get it.
pub fn answer(kind: &str, sha256: &str, media_type: &str, bytes: impl Into<Bytes>) -> Response {
    let bytes: Bytes = bytes.into();
    let (shown, extension) = match (kind, media_type) {
        ("screenshot" | pieces::PUBLIC_SCREENSHOT, "image/png") => (Some("image/png"), "png"),
        ("waterfall", "image/svg+xml") => (Some("image/svg+xml"), "svg"),
        ("har", _) => (None, "har"),
        (_, "application/json") => (None, "json"),
        (_, media_type) if media_type.contains("html") => (None, "html.txt"),
        _ => (None, "txt"),
    };
    let place = if shown.is_some() {
        "inline"
    } else {
        "attachment"
    };
    let kind: String = kind
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .collect();
    let start = sha256.get(..12).unwrap_or_default();
    let disposition = format!("{place}; filename=\"siaga-{kind}-{start}.{extension}\"");
    let headers = [
        (
            CONTENT_TYPE,
            HeaderValue::from_static(shown.unwrap_or("text/plain; charset=utf-8")),
        ),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    let mut response = (headers, bytes).into_response();
    if let Ok(disposition) = HeaderValue::try_from(disposition) {
        response
            .headers_mut()
            .insert(CONTENT_DISPOSITION, disposition);
    }
    response
}

/// The pictures that everybody may see.
#[derive(Clone)]
struct Pictures {
    store: Store,
    evidence: EvidenceStore,
    /// The newest last. A picture never changes: its address is its hash.
    seen: Arc<Mutex<VecDeque<(String, Bytes)>>>,
}

/// The route of the pictures that public pages show.
pub fn router(store: Store, evidence: EvidenceStore) -> Router {
    Router::new()
        .route("/evidence/{file}", get(show))
        .with_state(Pictures {
            store,
            evidence,
            seen: Arc::default(),
        })
}

async fn show(State(pictures): State<Pictures>, Path(file): Path<String>) -> Response {
    let Some(sha256) = file.strip_suffix(".png").filter(|hash| is_hash(hash)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let bytes = match pictures.remembered(sha256) {
        Some(bytes) => bytes,
        None => match pictures.read(sha256).await {
            Ok(bytes) => bytes,
            Err(status) => return status.into_response(),
        },
    };
    let mut response = answer(pieces::PUBLIC_SCREENSHOT, sha256, "image/png", bytes);
    let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
    response.headers_mut().insert(CACHE_CONTROL, forever);
    response
}

impl Pictures {
    fn remembered(&self, sha256: &str) -> Option<Bytes> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, bytes) = seen.iter().find(|(hash, _)| hash == sha256)?;
        Some(bytes.clone())
    }

    async fn read(&self, sha256: &str) -> Result<Bytes, StatusCode> {
        let hash = sha256.to_owned();
        let known = self.store.read(|mut conn| {
            Box::pin(async move {
                pieces::media_type(&mut conn, &hash, pieces::PUBLIC_SCREENSHOT).await
            })
        });
        let known = known.await.map_err(|error| {
            tracing::warn!(%error, "a public picture could not be looked up");
            StatusCode::SERVICE_UNAVAILABLE
        })?;
        if known.is_none() {
            return Err(StatusCode::NOT_FOUND);
        }
        let bytes = read(&self.evidence, sha256).await?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let held = |seen: &VecDeque<(String, Bytes)>| -> usize {
            seen.iter().map(|(_, bytes)| bytes.len()).sum()
        };
        seen.push_back((sha256.to_owned(), bytes.clone()));
        while seen.len() > PICTURES || held(&seen) > MEMORY {
            seen.pop_front();
        }
        Ok(bytes)
    }
}

/// The bytes of a piece, or the answer where there are none.
pub async fn read(evidence: &EvidenceStore, sha256: &str) -> Result<Bytes, StatusCode> {
    match evidence.read(sha256).await {
        Ok(Some(bytes)) => Ok(bytes.into()),
        Ok(None) => Err(StatusCode::NOT_FOUND),
        Err(error) => {
            tracing::error!(%error, "a piece of evidence could not be read");
            Err(StatusCode::SERVICE_UNAVAILABLE)
        }
    }
}
