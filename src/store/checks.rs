//! Trying whether the database takes writes, once for all who ask.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// How long an answer holds.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);

type Outcome = watch::Receiver<Option<bool>>;

/// The try that is under way, or ended lately.
#[derive(Clone, Default)]
pub(super) struct Checks(Arc<Mutex<Option<Outcome>>>);

impl Checks {
    /// What a try that is under way or ended lately comes to. Where there is none, `work` is
    /// begun; it goes on when nobody waits any more, so that it is not broken off in its COMMIT.
    pub(super) fn outcome<F>(&self, work: impl FnOnce() -> F) -> Outcome
    where
        F: Future<Output = bool> + Send + 'static,
    {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(outcome) = &*current {
            return outcome.clone();
        }
        let (tell, outcome) = watch::channel(None);
        *current = Some(outcome.clone());
        let (work, checks) = (work(), self.clone());
        tokio::spawn(async move {
            // Also where the work panics, the next who asks begins anew.
            let done = tokio::spawn(work).await.unwrap_or(false);
            let _ = tell.send(Some(done));
            tokio::time::sleep(CHECK_INTERVAL).await;
            *checks.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
        });
        outcome
    }
}
