//! Keeping the finished pages true: reads a snapshot when something changed and at every
//! tick, renders it, puts it in place for as long as it may be believed.
//!
//! Where the store does not answer, nothing is recorded any more, or the rendering fails or
//! hangs, the pages turn to *unknown* instead of telling yesterday's news as today's. That does
//! not depend on this task: what it publishes holds for a time only (see [`PageCache`]).

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use super::page_cache::{PageCache, Pages};
use super::reading::Reader;
use super::render::render_all;
use super::site::Site;
use super::snapshot::Snapshot;
use crate::domain::{Clock, Moment};

/// How often, how long, how soon.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Pages are made anew at least this often: "2 hours ago" grows without any change.
    pub tick: Duration,
    /// Changes that come within this time of the last rendering wait for the rest of it,
    /// so that a storm of them costs one rendering.
    pub rest: Duration,
    /// How long one reading may take, and how long one rendering.
    pub read: Duration,
    /// How long a reading is believed: then everything counts as unknown until the next one
    /// is published.
    pub stale_after: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Pace {
            tick: Duration::from_secs(15),
            rest: Duration::from_millis(200),
            read: Duration::from_secs(10),
            stale_after: Duration::from_secs(120),
        }
    }
}

/// Publishes until `stop` turns true.
pub async fn run(
    reader: Reader,
    cache: Arc<PageCache>,
    clock: Arc<dyn Clock>,
    pace: Pace,
    mut stop: watch::Receiver<bool>,
) {
    let mut changes = reader.store.changes();
    let mut publisher = Publisher {
        last: None,
        recorded: Recorded::default(),
        silence: None,
        rendering: Rendering::default(),
        rendering_stale: Rendering::default(),
        is_ready_for_silence: false,
        reader,
        cache,
        clock,
        pace,
    };
    loop {
        changes.mark_unchanged();
        match publisher.renew().await {
            Ok(()) => publisher.is_ready_for_silence = false,
            Err(cause) => {
                tracing::warn!(%cause, "the pages could not be renewed");
                publisher.prepare_for_silence().await;
            }
        }
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(pace.rest) => {}
        }
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            Ok(()) = changes.changed() => {}
            () = tokio::time::sleep(pace.tick) => {}
        }
    }
}

struct Publisher {
    reader: Reader,
    cache: Arc<PageCache>,
    clock: Arc<dyn Clock>,
    pace: Pace,
    /// What was read last.
    last: Option<Arc<Snapshot>>,
    recorded: Recorded,
    silence: Option<Silence>,
    rendering: Rendering,
    rendering_stale: Rendering,
    /// Whether the cache holds pages that say *unknown* and are otherwise those of `last`.
    is_ready_for_silence: bool,
}

impl Publisher {
    /// Reads, renders and publishes.
    async fn renew(&mut self) -> Result<(), String> {
        let asked_at = self.clock.monotonic();
        let reading = self.reader.read(self.clock.now(), self.last.clone());
        let mut snapshot = match timeout(self.pace.read, reading).await {
            Ok(Ok(snapshot)) => snapshot,
            Ok(Err(error)) => return Err(error.to_string()),
            Err(_) => return Err("the store did not answer in time".to_owned()),
        };
        let (rules, newest) = (&self.reader.rules, snapshot.recorded_at);
        let unchanged = self.recorded.unchanged_for(newest, asked_at);
        let silence = match (
            unchanged > rules.silent_after(),
            rules.is_silent(newest, snapshot.as_of),
        ) {
            (true, _) => Some(Silence::Lasting),
            (false, true) => Some(Silence::Beginning),
            (false, false) => None,
        };
        if silence != self.silence {
            tell(silence, newest);
            self.silence = silence;
        }
        if silence.is_some() {
            snapshot = snapshot.gone_stale();
        }
        let snapshot = Arc::new(snapshot);
        self.last = Some(Arc::clone(&snapshot));
        let rendered =
            (self.rendering).of(&self.reader.site, &self.cache, snapshot, self.pace.read);
        let pages = rendered.await?;
        self.cache.publish(pages, asked_at + self.pace.stale_after);
        Ok(())
    }

    /// Prepares what is shown if it stays like this: all that is known of the past, and
    /// *unknown* for now. Without it the pages of the first moment are shown, where nothing
    /// is known of anything.
    async fn prepare_for_silence(&mut self) {
        let Some(last) = &self.last else { return };
        if self.is_ready_for_silence {
            return;
        }
        let stale = Arc::new(Snapshot::clone(last).gone_stale());
        let rendered =
            (self.rendering_stale).of(&self.reader.site, &self.cache, stale, self.pace.read);
        match rendered.await {
            Ok(pages) => {
                self.cache.set_stale(pages);
                self.is_ready_for_silence = true;
            }
            Err(cause) => tracing::error!(cause, "the pages of the past could not be rendered"),
        }
    }
}

/// That what is recorded is too old to say anything of now.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Silence {
    /// So far only by the wall clock: nothing ran before this process started, or the clock was set.
    Beginning,
    /// Runs were due since, and none was recorded.
    Lasting,
}

/// Says in the log that silence began, or ended.
fn tell(silence: Option<Silence>, newest: Option<Moment>) {
    let recorded_at = newest.map(|newest| newest.to_string());
    match silence {
        Some(Silence::Lasting) => {
            tracing::error!(
                recorded_at,
                "no run is recorded any more: the pages say unknown"
            );
        }
        Some(Silence::Beginning) => tracing::info!(
            recorded_at,
            "the newest run is old: the pages say unknown until the next one is recorded"
        ),
        None => tracing::info!("runs are recorded: the pages say how the site is"),
    }
}

/// The newest run that was found recorded, and since when by the monotonic clock: a clock that
/// was set back makes old runs look fresh, and nothing new be counted.
#[derive(Default)]
struct Recorded {
    newest: Option<Moment>,
    since: Duration,
}

impl Recorded {
    /// For how long no newer run has been found, as of `now`; zero where there is none at all.
    fn unchanged_for(&mut self, newest: Option<Moment>, now: Duration) -> Duration {
        if newest != self.newest || newest.is_none() {
            (self.newest, self.since) = (newest, now);
        }
        now.saturating_sub(self.since)
    }
}

/// Renders in a thread of its own, one rendering at a time: the threads that tokio keeps for
/// blocking work may all be waiting for a disk that does not answer.
#[derive(Default)]
struct Rendering(Option<JoinHandle<()>>);

impl Rendering {
    async fn of(
        &mut self,
        site: &Arc<Site>,
        cache: &PageCache,
        snapshot: Arc<Snapshot>,
        within: Duration,
    ) -> Result<Pages, &'static str> {
        if self.0.as_ref().is_some_and(|last| !last.is_finished()) {
            return Err("an earlier rendering has not come to its end");
        }
        let (site, previous) = (Arc::clone(site), cache.current());
        let (answer, answered) = oneshot::channel();
        let work = move || {
            let _ = answer.send(render_all(&site, &snapshot, &previous));
        };
        let thread = std::thread::Builder::new().name("pages".to_owned());
        let started = thread.spawn(work);
        self.0 = Some(started.map_err(|_| "no thread could be started to render")?);
        match timeout(within, answered).await {
            Ok(Ok(pages)) => {
                // It has nothing left to do: whether it is gone yet does not matter.
                self.0 = None;
                Ok(pages)
            }
            Ok(Err(_)) => Err("the rendering panicked"),
            Err(_) => Err("the rendering took too long"),
        }
    }
}
