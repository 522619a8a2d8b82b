//! The life of the process: tasks by name, one signal to stop them all, and a crash of
//! any that fails the whole with its cause.

use std::future::Future;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long tasks may take to finish what they have begun after the first signal.
pub const DRAIN_WITHIN: Duration = Duration::from_secs(30);

/// The tasks of the process.
pub struct Life {
    stop: watch::Sender<bool>,
    tasks: JoinSet<(&'static str, anyhow::Result<()>)>,
}

impl Default for Life {
    fn default() -> Self {
        Life {
            stop: watch::Sender::new(false),
            tasks: JoinSet::new(),
        }
    }
}

impl Life {
    /// What a task watches to learn that it is to end: `true`.
    pub fn stop(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Starts a task. One that ends before it is told to, with or without an error, ends
    /// the process.
    pub fn spawn(
        &mut self,
        name: &'static str,
        task: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.tasks.spawn(async move { (name, task.await) });
    }

    /// Runs until `signal` resolves or a task fails; then tells all to stop, and waits for
    /// them at most [`DRAIN_WITHIN`], or until `second_signal`.
    pub async fn run(
        mut self,
        signal: impl Future<Output = ()>,
        second_signal: impl Future<Output = ()>,
    ) -> anyhow::Result<()> {
        let first_end = tokio::select! {
            () = signal => None,
            ended = self.tasks.join_next() => ended,
        };
        let cause = first_end.map(|ended| match ended {
            Ok((name, Ok(()))) => anyhow::anyhow!("the task `{name}` ended by itself"),
            Ok((name, Err(error))) => error.context(format!("the task `{name}` failed")),
            Err(panic) => anyhow::anyhow!("a task crashed: {panic}"),
        });
        let _ = self.stop.send(true);
        let drained = tokio::select! {
            drained = tokio::time::timeout(DRAIN_WITHIN, drain(&mut self.tasks)) => drained,
            () = second_signal => bail!("aborted by a second signal"),
        };
        match (cause, drained) {
            (Some(cause), _) => Err(cause),
            (None, Ok(result)) => result,
            (None, Err(_)) => bail!("not everything finished within {DRAIN_WITHIN:?}"),
        }
    }
}

async fn drain(tasks: &mut JoinSet<(&'static str, anyhow::Result<()>)>) -> anyhow::Result<()> {
    let mut first_error = Ok(());
    while let Some(ended) = tasks.join_next().await {
        let result = match ended {
            Ok((name, result)) => result.with_context(|| format!("the task `{name}` failed")),
            Err(panic) => Err(anyhow::anyhow!("a task crashed: {panic}")),
        };
        if first_error.is_ok() {
            first_error = result;
        }
    }
    first_error
}

/// Resolves at the next SIGINT or SIGTERM.
///
/// # Errors
/// Where the system does not let signals be watched.
pub fn signals() -> std::io::Result<Signals> {
    use tokio::signal::unix::{SignalKind, signal};
    Ok(Signals {
        interrupt: signal(SignalKind::interrupt())?,
        terminate: signal(SignalKind::terminate())?,
    })
}

/// The two signals that ask a process to end.
pub struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    /// Waits for the next of either.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
