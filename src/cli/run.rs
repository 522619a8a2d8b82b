//! `siaga run`: the service, until a signal comes.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use super::terminal::{eprintln, println};
use crate::app::life::{self, Life, Signals};
use crate::app::service::Service;
use crate::config::{Config, Environment};
use crate::system::{SystemClock, SystemRandom};
use crate::telemetry::{self, Format};

/// Run the service.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration.
    #[arg(long, default_value = "siaga.toml", value_name = "FILE")]
    pub config: PathBuf,
    /// Write logs as JSON, one object a line.
    #[arg(long)]
    pub json_logs: bool,
}

/// Runs until the first signal, then finishes what is under way; a second signal aborts.
/// Exit 2 where the configuration has mistakes, or secrets are missing.
///
/// # Errors
/// When something cannot be opened, or a task of the service crashes.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = match Config::open(&args.config, &Environment::of_process()) {
        Ok(config) => config,
        Err(problems) => {
            for problem in &problems {
                eprintln!("{problem}");
            }
            let count = problems.len();
            let mistakes = if count == 1 { "mistake" } else { "mistakes" };
            eprintln!("{count} {mistakes}; nothing was started");
            return Ok(ExitCode::from(2));
        }
    };
    let missing = config.missing_secrets();
    if !missing.is_empty() {
        eprintln!(
            "Secrets that the configuration names are not set: {}. Set each as a variable of the \
             environment, or as a file in `data.secrets_folder`; nothing was started",
            missing.join(", ")
        );
        return Ok(ExitCode::from(2));
    }
    telemetry::init(if args.json_logs {
        Format::Json
    } else {
        Format::Human
    })?;
    // Before anything serves: a signal that comes then is not to end the process at once.
    let signals = [life::signals()?, life::signals()?];
    let mut life = Life::default();
    let service = Service::open(config, 1.0, Arc::new(SystemClock), Arc::new(SystemRandom)).await?;
    let store = service.store.clone();
    let public_url = service.config.server.public_url.clone();
    let address = service.start(&mut life).await?;
    println!("Siaga serves {public_url} on {address}. Ctrl-C ends it.");
    let result = until_signals(life, signals).await;
    store.close().await;
    result.map(|()| ExitCode::SUCCESS)
}

/// Runs all tasks until the first signal, drains until they are done or the second.
pub(super) async fn until_signals(life: Life, signals: [Signals; 2]) -> anyhow::Result<()> {
    let [mut first, mut second] = signals;
    life.run(
        async {
            first.next().await;
            println!("Stopping: what is under way is finished. Once more aborts.");
        },
        async {
            // The first signal reaches both; only the next one aborts.
            second.next().await;
            second.next().await;
        },
    )
    .await
}
