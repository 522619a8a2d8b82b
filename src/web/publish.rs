//! Keeping the finished pages true: reads a snapshot when something changed and at every
//! tick, renders it, puts it in place. When the store does not answer for too long, the
//! pages turn to *unknown* instead of telling yesterday's news as today's.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::page_cache::PageCache;
use super::reading::Reader;
use super::render::render_all;
use super::site::Site;
use super::snapshot::Snapshot;
use crate::domain::Clock;

/// How often, how long, how soon.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Pages are made anew at least this often: "2 hours ago" grows without any change.
    pub tick: Duration,
    /// Changes that come within this time of the last rendering wait for the rest of it,
    /// so that a storm of them costs one rendering.
    pub rest: Duration,
    /// How long one reading may take.
    pub read: Duration,
    /// After how long without a successful reading everything counts as unknown.
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
    let mut last: Option<Arc<Snapshot>> = None;
    let mut read_at = clock.monotonic();
    let mut told_stale = false;
    loop {
        changes.mark_unchanged();
        let reading = reader.read(clock.now(), last.clone());
        match tokio::time::timeout(pace.read, reading).await {
            Ok(Ok(snapshot)) => {
                read_at = clock.monotonic();
                told_stale = false;
                let snapshot = Arc::new(snapshot);
                publish(&reader.site, &cache, Arc::clone(&snapshot)).await;
                last = Some(snapshot);
            }
            Ok(Err(error)) => tracing::warn!(%error, "the pages' snapshot could not be read"),
            Err(_) => tracing::warn!("the pages' snapshot took too long to read"),
        }
        let silent = clock.monotonic().saturating_sub(read_at);
        if silent >= pace.stale_after
            && !told_stale
            && let Some(snapshot) = &last
        {
            tracing::error!(?silent, "the store is silent: the pages say unknown now");
            let stale = Arc::new(Snapshot::clone(snapshot).gone_stale());
            publish(&reader.site, &cache, stale).await;
            told_stale = true;
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

/// Renders away from the tasks that answer readers, and puts the pages in place.
async fn publish(site: &Arc<Site>, cache: &Arc<PageCache>, snapshot: Arc<Snapshot>) {
    let (site, cache) = (Arc::clone(site), Arc::clone(cache));
    let rendering = tokio::task::spawn_blocking(move || {
        let pages = render_all(&site, &snapshot, &cache.current());
        cache.publish(pages);
    });
    if let Err(error) = rendering.await {
        tracing::error!(%error, "the pages could not be rendered");
    }
}
