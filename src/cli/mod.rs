//! The command line: one file a command.

pub mod audit;
pub mod check;
pub mod demo;
pub mod draw_picture;
pub mod import;
pub mod keys;
pub mod maintenance;
pub mod offices;
pub mod rehearse;
pub mod run;
pub mod schema;
pub mod staff;
mod table;
mod terminal;
pub mod validate;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use rustix::fs::Mode;
use rustix::process::{DumpableBehavior, set_dumpable_behavior, umask};

use terminal::eprintln;

use crate::app;
use crate::config::{self, Config, Environment};
use crate::store::Store;
use crate::store::audit::AuditWriter;
use crate::store::seal::MasterKeys;
use crate::system::{SystemClock, SystemRandom};

/// Siaga watches an online permit site as an applicant meets it, records its outages, and
/// gives the people affected something that an office can act on by hand.
#[derive(Debug, Parser)]
#[command(name = "siaga", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Args),
    Run(run::Args),
    Check(check::Args),
    Validate(validate::Args),
    Import(import::Args),
    Schema(schema::Args),
    Rehearse(rehearse::Args),
    Staff(staff::Args),
    Keys(keys::Args),
    Maintenance(maintenance::Args),
    Offices(offices::Args),
    Audit(audit::Args),
    #[command(hide = true)]
    DrawPicture(draw_picture::Args),
}

/// Reads the command line and does what it says. Exit codes: 0 done, 1 failed, 2 wrong
/// input, 3 inconclusive.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Command::DrawPicture(args) = &cli.command {
        return draw_picture::run(args);
    }
    // The environment and the memory hold keys, passwords and what applicants wrote. No other
    // process of this user shall read them, and no dump of a crash keep them.
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        return fail(&anyhow::Error::new(error).context("this process cannot be closed to others"));
    }
    if !makes_files_for_others(&cli.command) {
        umask(Mode::RWXG | Mode::RWXO);
    }
    // Two libraries bring a provider of their own; the first to be installed is used by all.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(&anyhow::Error::new(error).context("no runtime could start")),
    };
    let result = runtime.block_on(async {
        match cli.command {
            Command::Demo(args) => Box::pin(demo::run(args)).await,
            Command::Run(args) => Box::pin(run::run(args)).await,
            Command::Check(args) => Box::pin(check::run(args)).await,
            Command::Validate(args) => validate::run(args).await,
            Command::Import(args) => import::run(args).await,
            Command::Schema(args) => Ok(schema::run(&args)),
            Command::Staff(args) => Box::pin(staff::run(args)).await,
            Command::Audit(args) => Box::pin(audit::run(args)).await,
            Command::Maintenance(args) => Box::pin(maintenance::run(args)).await,
            Command::Keys(args) => Box::pin(keys::run(args)).await,
            Command::Offices(args) => Ok(offices::run(&args)),
            Command::DrawPicture(args) => Ok(draw_picture::run(&args)),
            Command::Rehearse(args) => Box::pin(rehearse::run(args)).await,
        }
    });
    result.unwrap_or_else(|error| fail(&error))
}

/// Whether what a command writes is meant to be read by whoever may: flow files, and the folder
/// of a single run. All else is of the service, and for its user alone.
fn makes_files_for_others(command: &Command) -> bool {
    matches!(
        command,
        Command::Check(_)
            | Command::Import(_)
            | Command::Schema(_)
            | Command::Validate(_)
            | Command::Rehearse(_)
    )
}

/// The master keys as they are, for a command that changes nothing with them: none is made.
fn read_keys(config: &Config) -> anyhow::Result<MasterKeys> {
    let (keys, _) = config::MasterKeys::read(config)?;
    let keys = keys.iter().map(|(id, key)| (id.to_owned(), *key)).collect();
    MasterKeys::new(keys).context("there is no master key")
}

/// Reads the configuration; where it has mistakes, prints them and gives the exit code.
fn open_config(path: &Path) -> Result<Config, ExitCode> {
    Config::open(path, &Environment::of_process()).map_err(|problems| {
        for problem in &problems {
            eprintln!("{problem}");
        }
        ExitCode::from(2)
    })
}

/// Opens the database that the service uses, for a command that runs beside it.
async fn open_store(config: &Config) -> anyhow::Result<Store> {
    config.data.open_folder()?;
    Ok(Store::open(config.data.database.reveal()).await?)
}

/// What adds to the audit trail, for a command that changes something beside the service.
async fn audit_writer(config: &Config, store: &Store) -> anyhow::Result<AuditWriter> {
    let random = Arc::new(SystemRandom);
    let ring = app::keys::open(config, store, &SystemClock, &*random).await?;
    Ok(AuditWriter {
        keys: ring.get(),
        random,
    })
}

fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("siaga: {error:#}");
    ExitCode::FAILURE
}
