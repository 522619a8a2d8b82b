//! The reporting endpoint: the form and the API that take reports, and the receipts that
//! show them to those who reported. A report is acknowledged once its row and its
//! screenshots are on disk.

mod answer;
mod form;
mod intake;
mod judge;
mod keep;
mod parts;
mod pictures;
pub mod receipt;
pub mod told;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

pub use judge::{Judged, Lately, Observed, judge_again};

use self::pictures::PictureRoom;
use super::desk::Desk;
use super::fair_share::Shares;
use super::new_files::NewFiles;
use super::throttle::{Rate, Throttle};
use crate::disk::Disk;
use crate::domain::report::LeftOut;

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
    /// Memory for reports on their way, in bytes: charged as they arrive, and shared by
    /// networks as [`FairShare`](super::fair_share::FairShare) says; who finds none free is
    /// told to come back.
    pub memory: u64,
    /// The disk that pictures are written to, with what of it must stay free; `None`: no marks.
    pub disk: Option<Disk>,
    /// The most bytes of pictures that are kept on a day.
    pub pictures_a_day: u64,
    /// Reports of one client address.
    pub per_client: Rate,
    /// How long personal data is kept.
    pub keep_for: Duration,
}

/// What the configuration takes for [`Settings::max_body`], in bytes: less would not hold a
/// report's texts and three screenshots of a telephone, and more would not arrive in time from
/// most places.
pub const MAX_BODY_RANGE: std::ops::RangeInclusive<u64> = 2_000_000..=50_000_000;

impl Settings {
    /// For reports of up to `max_body` bytes, and with all that depends on it.
    pub fn for_bodies_of(max_body: u64) -> Self {
        Settings {
            max_body,
            // Three of them, and a quarter for the texts and what multipart adds.
            max_screenshot: usize::try_from(max_body / 4).unwrap_or(usize::MAX),
            max_screenshots: 3,
            arrive_within: Duration::from_secs(55),
            // A network that is alone gets a third at least, and that is more than one report.
            memory: max_body * 5,
            disk: None,
            pictures_a_day: u64::MAX,
            // Whole mobile networks and hotels share one address.
            per_client: Rate {
                burst: 60,
                every: Duration::from_secs(5),
            },
            keep_for: Duration::from_secs(365 * 86_400),
        }
    }

    /// Up to how many bytes a report that is too large is read on and forgotten: what was
    /// typed comes back in the form, and a browser gets to see the answer.
    pub fn read_limit(&self) -> u64 {
        self.max_body.saturating_mul(4)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings::for_bodies_of(20_000_000)
    }
}

/// Told of each report that is kept, and of its pictures that are not.
pub type Observer = Arc<dyn Fn(Option<LeftOut>) + Send + Sync>;

/// What the handlers share.
#[derive(Clone)]
pub struct ReportsState {
    desk: Desk,
    settings: Arc<Settings>,
    per_client: Arc<Throttle<IpAddr>>,
    /// Memory for reports on their way, in bytes.
    memory: Shares,
    screenshots: Arc<NewFiles>,
    picture_room: Arc<PictureRoom>,
    lately: Arc<Lately>,
    on_kept: Observer,
}

impl ReportsState {
    /// For this desk, with these settings.
    pub fn new(desk: Desk, settings: Settings) -> Self {
        ReportsState {
            per_client: Arc::new(Throttle::new(settings.per_client, Arc::clone(&desk.clock))),
            memory: Shares::new(settings.memory),
            picture_room: Arc::new(PictureRoom::new(
                settings.disk.clone(),
                settings.pictures_a_day,
                Arc::clone(&desk.clock),
            )),
            settings: Arc::new(settings),
            screenshots: Arc::new(NewFiles::new(desk.screenshots.to_path_buf())),
            lately: Arc::default(),
            on_kept: Arc::new(|_| ()),
            desk,
        }
    }

    /// Tells `observer` of each report that is kept; one sent again counts once.
    #[must_use]
    pub fn observed_by(self, observer: Observer) -> Self {
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
