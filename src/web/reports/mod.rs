//! The reporting endpoint: the form and the API that take reports, and the receipts that
//! show them to those who reported. A report is acknowledged once its row and its
//! screenshots are on disk.

mod answer;
mod form;
mod intake;
mod judge;
mod keep;
pub mod receipt;
pub mod told;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use tokio::sync::Semaphore;

pub use judge::{Lately, Observed, judge_again};

use super::desk::Desk;
use super::new_files::NewFiles;
use super::throttle::{Rate, Throttle};

/// What the endpoint allows.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Most bytes of a whole report.
    pub max_body: u64,
    /// Most bytes of one screenshot.
    pub max_screenshot: usize,
    /// Most screenshots of a report.
    pub max_screenshots: usize,
    /// How long a report may take to arrive. Keep it below the server's own limit, which
    /// has no kind words.
    pub arrive_within: Duration,
    /// Memory for reports on their way, in bytes; who finds none free is told to come back.
    pub memory: u64,
    /// Reports of one client address.
    pub per_client: Rate,
    /// How long personal data is kept.
    pub keep_for: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            max_body: 12 * 1024 * 1024,
            max_screenshot: 5 * 1024 * 1024,
            max_screenshots: 3,
            arrive_within: Duration::from_secs(55),
            memory: 96 * 1024 * 1024,
            // Whole mobile networks and hotels share one address.
            per_client: Rate {
                burst: 60,
                every: Duration::from_secs(5),
            },
            keep_for: Duration::from_secs(365 * 86_400),
        }
    }
}

/// What the handlers share.
#[derive(Clone)]
pub struct ReportsState {
    desk: Desk,
    settings: Arc<Settings>,
    per_client: Arc<Throttle<IpAddr>>,
    /// Free memory for reports on their way, in KiB.
    memory: Arc<Semaphore>,
    screenshots: Arc<NewFiles>,
    lately: Arc<Lately>,
    on_kept: Arc<dyn Fn() + Send + Sync>,
}

impl ReportsState {
    /// For this desk, with these settings.
    pub fn new(desk: Desk, settings: Settings) -> Self {
        let memory = usize::try_from(settings.memory / 1024).unwrap_or(usize::MAX);
        ReportsState {
            per_client: Arc::new(Throttle::new(settings.per_client, Arc::clone(&desk.clock))),
            memory: Arc::new(Semaphore::new(memory.min(Semaphore::MAX_PERMITS))),
            settings: Arc::new(settings),
            screenshots: Arc::new(NewFiles::new(desk.screenshots.to_path_buf())),
            lately: Arc::default(),
            on_kept: Arc::new(|| ()),
            desk,
        }
    }

    /// Tells `observer` of each report that is kept; one sent again counts once.
    #[must_use]
    pub fn observed_by(self, observer: Arc<dyn Fn() + Send + Sync>) -> Self {
        ReportsState {
            on_kept: observer,
            ..self
        }
    }
}

/// `/report`, `/receipts/{reference}`, `/api/v1/reports` and `/api/v1/reports/{reference}`.
pub fn router(state: ReportsState) -> Router {
    Router::new()
        .route("/report", get(form::show).post(form::take))
        .route("/receipts/{reference}", get(receipt::page))
        .route("/api/v1/reports", post(answer::take))
        .route("/api/v1/reports.json", post(answer::take_json))
        .route("/api/v1/reports/{reference}", get(receipt::json))
        // The limits are ours, in `intake`: they answer with what was typed.
        .layer(DefaultBodyLimit::disable())
        .with_state(state)
}
