//! Outages older than the finished pages reach: read and rendered when asked for, by the
//! same functions.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;

use super::api::v1;
use super::lang::Lang;
use super::page_cache::Kind;
use super::public::outages::Shown;
use super::public::{outage, outages};
use super::reading::Reader;
use super::security;
use super::snapshot::{Month, Outage};
use crate::domain::Clock;
use crate::store;

#[derive(Clone)]
struct Archive {
    reader: Reader,
    clock: Arc<dyn Clock>,
}

impl Archive {
    async fn find(&self, id: &str) -> Result<Outage, Failure> {
        // What no id can be is not worth a query; PostgreSQL even refuses some of it.
        let possible = id.len() == 36 && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
        if !possible {
            return Err(Failure::Missing);
        }
        let found = self.reader.outage(id, self.clock.now()).await?;
        found.ok_or(Failure::Missing)
    }
}

/// The routes of what the finished pages do not hold.
pub fn router(reader: Reader, clock: Arc<dyn Clock>) -> Router {
    Router::new()
        .route("/outages/{which}", get(page))
        .route("/api/v1/outages/{id}", get(json))
        .with_state(Archive { reader, clock })
}

async fn page(
    State(archive): State<Archive>,
    lang: Lang,
    Path(which): Path<String>,
) -> Result<Response<Body>, Failure> {
    let now = archive.clock.now();
    let site = &archive.reader.site;
    let html = match Month::parse(&which) {
        Some(month) => {
            let current = Month::of(site.zone.at(now).date());
            if month > current {
                return Err(Failure::Missing);
            }
            let (found, watched_since) = archive.reader.month(month, now).await?;
            let began = watched_since.map(|moment| Month::of(site.zone.at(moment).date()));
            if began.is_none_or(|began| month < began) {
                return Err(Failure::Missing);
            }
            let shown = Shown {
                month: Some(month),
                watched_since,
                outages: &found,
                as_of: now,
            };
            outages::page(site, lang, &shown)
        }
        None => {
            let found = archive.find(&which).await?;
            outage::page(site, lang, &found, now)
        }
    };
    Ok(answer(Kind::HTML, html.into_bytes()))
}

async fn json(
    State(archive): State<Archive>,
    Path(id): Path<String>,
) -> Result<Response<Body>, Failure> {
    let found = archive.find(&id).await?;
    let bytes = v1::outage(&archive.reader.site, &found);
    let mut response = answer(Kind::JSON, bytes);
    security::allow_every_origin(response.headers_mut());
    Ok(response)
}

fn answer(kind: Kind, bytes: Vec<u8>) -> Response<Body> {
    let headers = [
        (CONTENT_TYPE, kind.content_type),
        (CACHE_CONTROL, kind.cache_control),
    ];
    (headers, bytes).into_response()
}

enum Failure {
    Missing,
    Store(store::Error),
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        Failure::Store(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response<Body> {
        match self {
            Failure::Missing => StatusCode::NOT_FOUND.into_response(),
            Failure::Store(error) => {
                tracing::warn!(%error, "an old outage could not be read");
                StatusCode::SERVICE_UNAVAILABLE.into_response()
            }
        }
    }
}
