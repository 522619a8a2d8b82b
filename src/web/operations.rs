//! For whoever runs Siaga: is it alive, is it ready, what does it count.
//!
//! Must not know where metrics come from: it is handed a function that renders them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::future::BoxFuture;
use serde::Serialize;
use tokio::sync::Mutex;

use crate::disk::Disk;
use crate::domain::{Clock, Moment};
use crate::store::Store;

/// The database must answer within this to be ready.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// The text format that Prometheus reads.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the addresses of this file need.
#[derive(Clone)]
pub struct Operations {
    /// The database.
    pub store: Store,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// When the process started: until the first run is due, none is missed.
    pub started_at: Moment,
    /// End of the newest run that is recorded.
    pub newest_run: Arc<dyn Fn() -> Option<Moment> + Send + Sync>,
    /// How old that may be.
    pub run_within: Duration,
    /// Where the database lives, if it is a file of this machine.
    pub disk: Option<Disk>,
    /// Whether something broke after which the process must end.
    pub is_broken: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Asks the database for what the metrics tell of it.
    pub refresh: Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>,
    /// Renders the metrics.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

/// The metrics ask the database no more often than this, whoever reads them: they may be open
/// to the public.
const REFRESH_INTERVAL: Duration = Duration::from_secs(5);

/// `/healthz`, `/readyz` and `/metrics`.
pub fn router(operations: Operations) -> Router {
    let metrics = Metrics {
        operations: operations.clone(),
        refreshed_at: Arc::default(),
    };
    Router::new()
        .route("/healthz", get(|| async { no_store("ok\n") }))
        .route("/readyz", get(readyz))
        .with_state(operations)
        .route("/metrics", get(metrics_text).with_state(metrics))
}

#[derive(Clone)]
struct Metrics {
    operations: Operations,
    /// When the database was last asked, by the monotonic clock. Who comes while it answers
    /// waits for the same answer.
    refreshed_at: Arc<Mutex<Option<Duration>>>,
}

/// One thing that must be so.
#[derive(Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    /// What is wrong, and nothing of how it is built inside.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    checks: [Check; 4],
}

async fn readyz(State(operations): State<Operations>) -> Response {
    let asked = operations.store.takes_writes();
    let database = match tokio::time::timeout(ANSWER_WITHIN, asked).await {
        Ok(true) => None,
        Ok(false) => Some("the database takes no writes".to_owned()),
        Err(_) => Some(format!(
            "the database did not answer within {ANSWER_WITHIN:?}"
        )),
    };
    let now = operations.clock.now();
    let newest = (operations.newest_run)();
    let limit = operations.run_within;
    let silent = now.since(
        newest
            .unwrap_or(operations.started_at)
            .max(operations.started_at),
    );
    let runs = (silent > limit).then(|| match newest {
        Some(at) => format!("the newest recorded run ended {at}, more than {limit:?} ago"),
        None => format!("no run was recorded in {limit:?} since the start"),
    });
    let process = (operations.is_broken)().then(|| "it must be started again".to_owned());
    let check = |name, reason: Option<String>| Check {
        name,
        ok: reason.is_none(),
        reason,
    };
    let checks = [
        check("database", database),
        check("runs", runs),
        check("process", process),
        check("disk", disk_trouble(operations.disk).await),
    ];
    let ready = checks.iter().all(|check| check.ok);
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let answer = axum::Json(Readiness { ready, checks });
    (status, no_store(answer)).into_response()
}

/// What is wrong with the disk that the database writes to.
async fn disk_trouble(disk: Option<Disk>) -> Option<String> {
    let disk = disk?;
    let least = disk.reserve().database;
    let asked = tokio::task::spawn_blocking(move || disk.free());
    match tokio::time::timeout(ANSWER_WITHIN, asked).await {
        Ok(Ok(Ok(free))) => {
            let free = free.database.filter(|free| *free < least)?;
            let megabytes = |bytes: u64| bytes / 1_000_000;
            Some(format!(
                "{} MB are free, less than the {} MB that the database needs to go on",
                megabytes(free),
                megabytes(least)
            ))
        }
        Ok(_) => Some("it does not tell what is free".to_owned()),
        Err(_) => Some(format!("it did not answer within {ANSWER_WITHIN:?}")),
    }
}

async fn metrics_text(State(metrics): State<Metrics>) -> Response {
    let operations = &metrics.operations;
    {
        let mut refreshed_at = metrics.refreshed_at.lock().await;
        let now = operations.clock.monotonic();
        if refreshed_at.is_none_or(|at| now.saturating_sub(at) >= REFRESH_INTERVAL) {
            // Noted before it is asked: who leaves at once does not make the next ask again.
            *refreshed_at = Some(now);
            (operations.refresh)().await;
        }
    }
    let text = (operations.metrics)();
    no_store(([(header::CONTENT_TYPE, METRICS_TYPE)], text))
}

fn no_store(answer: impl IntoResponse) -> Response {
    let mut answer = answer.into_response();
    let never = HeaderValue::from_static("no-store");
    answer.headers_mut().insert(header::CACHE_CONTROL, never);
    answer
}

/// Told of every request: class of the route, status code, time to the answer's head.
pub type RequestObserver = Arc<dyn Fn(&'static str, u16, Duration) + Send + Sync>;

/// The same routes, each request counted.
pub fn measured(routes: Router, clock: Arc<dyn Clock>, observer: RequestObserver) -> Router {
    routes.layer(middleware::from_fn(move |request: Request, next: Next| {
        let (clock, observer) = (Arc::clone(&clock), Arc::clone(&observer));
        async move {
            let class = route_class(request.uri().path());
            let started = clock.monotonic();
            let answer = next.run(request).await;
            let took = clock.monotonic().saturating_sub(started);
            observer(class, answer.status().as_u16(), took);
            answer
        }
    }))
}

/// The class of a path: a small set, whatever visitors ask for.
pub fn route_class(path: &str) -> &'static str {
    let path = ["/id", "/en"]
        .into_iter()
        .find_map(|language| path.strip_prefix(language).filter(|r| r.starts_with('/')))
        .unwrap_or(path);
    let mut parts = path.trim_start_matches('/').split('/');
    match (parts.next().unwrap_or_default(), parts.next(), parts.next()) {
        ("api", Some("v1"), Some("reports")) | ("report", ..) => "report",
        ("api", ..) => "api",
        ("office", ..) => "office",
        ("duty", ..) => "duty",
        ("healthz" | "readyz" | "metrics", ..) => "operations",
        ("assets", ..) => "asset",
        ("", ..) => "home",
        ("outages" | "history" | "check" | "receipts" | "verify" | "subscribe", ..) => "page",
        ("feed.atom" | "calendar.ics" | "badge.svg", ..) => "feed",
        _ => "other",
    }
}
