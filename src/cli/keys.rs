//! `siaga keys`: the master keys that personal data is sealed with.

mod status;

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use super::terminal::{eprintln, print, println};
use crate::app::rotation::{Progress, Rotated, Rotation, RotationError};
use crate::config::{Config, KeySource, MasterKeys};
use crate::domain::printable::one_line;
use crate::system::{SystemClock, SystemRandom};
use status::Facts;

/// Show, rotate and drop the master keys that personal data is sealed with; also while the
/// service runs.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration.
    #[arg(long, global = true, default_value = "siaga.toml", value_name = "FILE")]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show which keys there are, what needs each of them, and what is to be done. Exit 1 where
    /// something cannot be opened.
    Status,
    /// Replace the current key by a new one. Running services load it first; then everything is
    /// moved to it. Broken off anywhere, the next `rotate` goes on.
    Rotate(Rotate),
    /// Remove an old key that nothing needs any more.
    Drop(Drop),
}

#[derive(Debug, clap::Args)]
struct Rotate {
    /// Go on without the current key, which is lost for good: what is sealed with it stays
    /// unreadable.
    #[arg(long, value_name = "ID")]
    without: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Drop {
    /// The id of the key, as `siaga keys status` shows it.
    id: String,
}

/// Does what the command line says. Exit 1 where it could not, or something needs the operator;
/// exit 2 where the configuration has mistakes.
///
/// # Errors
/// When the keys or the database cannot be used.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = match super::open_config(&args.config) {
        Ok(config) => config,
        Err(exit) => return Ok(exit),
    };
    let store = super::open_store(&config).await?;
    let rotation = Rotation {
        config: config.clone(),
        store: store.clone(),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
    };
    let done = match args.command {
        Command::Status => show(&rotation).await,
        Command::Rotate(Rotate { without }) => rotate(&rotation, without.as_deref()).await,
        Command::Drop(Drop { id }) => drop_key(&rotation, &id).await,
    };
    store.close().await;
    match done {
        Err(error) => match error.downcast::<RotationError>() {
            Ok(RotationError::Needed(id, usage)) => {
                let needs = status::needs(&usage, &config.site.zone);
                eprintln!("siaga: the master key `{id}` is needed {needs}");
                Ok(ExitCode::FAILURE)
            }
            Ok(error) => Err(error.into()),
            Err(error) => Err(error),
        },
        done => done,
    }
}

async fn show(rotation: &Rotation) -> anyhow::Result<ExitCode> {
    let facts = Facts::gather(rotation).await?;
    let zone = &rotation.config.site.zone;
    print!("{}", facts.text(zone));
    Ok(if facts.is_whole() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn rotate(rotation: &Rotation, without: Option<&str>) -> anyhow::Result<ExitCode> {
    let place = place(&rotation.config);
    let told = |progress| tell(&progress, &place);
    let rotated = rotation.rotate(without, &told).await?;
    let facts = Facts::gather(rotation).await?;
    let Rotated {
        current,
        unreadable,
        unreadable_count,
        ..
    } = &rotated;
    if *unreadable_count > 0 {
        eprintln!("{unreadable_count} reports do not open, and stay as they are:");
        for one in unreadable {
            eprintln!("  {}: {}", one.reference, one.why);
        }
        let more = unreadable_count - unreadable.len() as u64;
        if more > 0 {
            eprintln!("  and {more} more");
        }
    }
    if rotated.is_new {
        println!("Everything that can be is on `{current}` now.");
        for line in facts.advice(&rotation.config.site.zone) {
            println!("{line}");
        }
        println!(
            "Backups of the database from before still need the older keys: keep a copy of those for \
             as long as you keep the backups."
        );
    } else {
        print!("{}", how_to_rotate_what_is_given(current, &facts.next_id()));
    }
    Ok(if rotated.is_new && *unreadable_count == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Where the keys are, for people.
fn place(config: &Config) -> String {
    let read = MasterKeys::read(config).map(|(_, source)| source.to_string());
    read.unwrap_or_else(|_| config.key_file().display().to_string())
}

fn how_to_rotate_what_is_given(current: &str, next: &str) -> String {
    format!(
        "\
The master key comes from SIAGA_MASTER_KEY, which this command cannot write, and holds no new one.
All goes on with `{current}`. To rotate:
  1. Make a key:             openssl rand -base64 32
  2. Add it to the others:   SIAGA_MASTER_KEY={next}:NEW_KEY,{current}:…
     for every process of Siaga, and restart each. It is not used yet.
  3. With the same SIAGA_MASTER_KEY, run `siaga keys rotate` again.
"
    )
}

/// Says what is going on. What changes often is one line that is written over on a terminal, and
/// told once, at its end, elsewhere.
fn tell(progress: &Progress, place: &str) {
    let mut err = std::io::stderr().lock();
    let _ = match progress {
        Progress::Made(id) => writeln!(
            err,
            "Made the master key `{id}` in {place}. Keep a copy of this file, apart from the backups."
        ),
        Progress::Resumed(id) => writeln!(err, "Going on with the rotation to `{id}`."),
        Progress::Loading(id, names) => {
            writeln!(
                err,
                "Waiting until `{id}` is loaded by: {}",
                one_line(&names.join("; "))
            )
        }
        Progress::Current(id) => {
            writeln!(err, "All that is new is sealed with `{id}` from now on.")
        }
        Progress::Moved(moved, total) => {
            let is_done = moved >= total;
            let line = format!("Moved {moved} of {total} reports");
            match (err.is_terminal(), is_done) {
                (true, true) => writeln!(err, "\r\x1b[K{line}."),
                (true, false) => write!(err, "\r\x1b[K{line} …"),
                (false, true) => writeln!(err, "{line}."),
                (false, false) => Ok(()),
            }
        }
    };
    let _ = err.flush();
}

async fn drop_key(rotation: &Rotation, id: &str) -> anyhow::Result<ExitCode> {
    let (_, source) = MasterKeys::read(&rotation.config)?;
    rotation.drop_key(id).await?;
    match source {
        KeySource::File(_) => println!("`{id}` is dropped, and taken out of {source}."),
        KeySource::Given => {
            println!("`{id}` is dropped. Take it out of {source} before the next restart.");
        }
    }
    println!(
        "Backups of the database from before still need it: keep a copy of it for as long as you keep \
         them, and then destroy that too."
    );
    Ok(ExitCode::SUCCESS)
}
