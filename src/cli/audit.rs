//! `siaga audit`: whether the audit trail was changed, and where sign-ins failed.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use serde_json::json;

use super::table::table;
use super::terminal::{print, println};
use crate::app::audit_head::hash_of_line;
use crate::domain::{Clock, Moment};
use crate::store::audit::{self, Place, Verified};
use crate::store::seal::MasterKeys;
use crate::store::sign_ins::{self, Counted, Origin};
use crate::store::{self, Store};
use crate::system::SystemClock;

/// Verify the audit trail, and list failed sign-ins; also while the service runs.
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
    Verify(Verify),
    SignIns(SignIns),
}

/// Walk along the audit trail and say what it proves, or where it is broken. Exit 0 where it
/// holds, 1 where it is broken, 3 where that is open: no entry has a key, or a key is missing.
#[derive(Debug, clap::Args)]
struct Verify {
    /// The hash of a head that was logged before: it must be in the trail. Several are allowed;
    /// those in `head_file` of `[audit]` are asked for too.
    #[arg(long, value_name = "HASH", value_parser = hash)]
    head: Vec<String>,
}

/// List failed sign-ins by hour, network and account. Tries that were refused for coming too
/// often are not among them.
#[derive(Debug, clap::Args)]
struct SignIns {
    /// How many hours back.
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=87_600))]
    hours: u32,
    /// Print JSON, one object a line.
    #[arg(long)]
    json: bool,
}

fn hash(text: &str) -> Result<String, String> {
    let text = text.trim().to_lowercase();
    let fits = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    fits.then_some(text)
        .ok_or_else(|| "a head is 64 characters, 0 to 9 and a to f".to_owned())
}

/// Does what the command line says.
///
/// # Errors
/// When the database, the keys or the file of heads cannot be read.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = match super::open_config(&args.config) {
        Ok(config) => config,
        Err(exit) => return Ok(exit),
    };
    let keys = super::read_keys(&config)?;
    let store = super::open_store(&config).await?;
    let done = match args.command {
        Command::Verify(verify) => {
            let file = config.audit.head_file.as_deref();
            let zone = &config.site.zone;
            verify_trail(&store, &keys, verify.head, file, zone).await
        }
        Command::SignIns(args) => list_sign_ins(&store, &keys, &args, &config.site.zone).await,
    };
    store.close().await;
    done
}

// ── The trail ────────────────────────────────────────────────────────────────────────────

async fn verify_trail(
    store: &Store,
    keys: &MasterKeys,
    mut heads: Vec<String>,
    file: Option<&Path>,
    zone: &jiff::tz::TimeZone,
) -> anyhow::Result<ExitCode> {
    let mut noted = HeadFile::open(file)?;
    let mut met: u64 = 0;
    let verified = audit::verify(store, keys, |hash| {
        let asked = heads.len();
        heads.retain(|head| head != hash);
        met += u64::from(heads.len() < asked || noted.pass(hash));
    })
    .await?;
    let missing = heads.into_iter().next().or(noted.next);
    let (text, code) = verdict(&verified, met, missing.as_deref(), |place| {
        tell(place, zone)
    });
    print!("{text}");
    Ok(code)
}

/// The heads of a file, in the order in which they were appended, of which one is held in memory
/// at a time.
struct HeadFile {
    lines: Option<Lines<BufReader<File>>>,
    /// The next that must come.
    next: Option<String>,
}

impl HeadFile {
    fn open(path: Option<&Path>) -> anyhow::Result<HeadFile> {
        let file = match path {
            Some(path) if path.exists() => {
                let shown = path.display();
                Some(File::open(path).with_context(|| format!("{shown} cannot be read"))?)
            }
            _ => None,
        };
        let lines = file.map(|file| BufReader::new(file).lines());
        let mut heads = HeadFile { lines, next: None };
        heads.advance();
        Ok(heads)
    }

    fn advance(&mut self) {
        let lines = self.lines.iter_mut().flatten();
        self.next = lines
            .map_while(Result::ok)
            .find_map(|line| hash_of_line(&line).map(str::to_owned));
    }

    /// Takes note that this hash is in the trail; whether it is one that must come.
    fn pass(&mut self, hash: &str) -> bool {
        let must_come = self.next.as_deref() == Some(hash);
        while self.next.as_deref() == Some(hash) {
            self.advance();
        }
        must_come
    }
}

fn tell(place: &Place, zone: &jiff::tz::TimeZone) -> String {
    format!("{} of {}", place.entry, time(place.at, zone))
}

fn time(at: Moment, zone: &jiff::tz::TimeZone) -> String {
    let at = at.timestamp().to_zoned(zone.clone());
    at.strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}

/// What is said of a walk, and the exit code. `met` counts the heads that were asked for and
/// found; `missing` is one that was not.
fn verdict(
    verified: &Verified,
    met: u64,
    missing: Option<&str>,
    tell: impl Fn(&Place) -> String,
) -> (String, ExitCode) {
    if let Some((place, how)) = &verified.broken {
        let held = verified.entries;
        let text = format!(
            "BROKEN at entry {}: {how}. The {held} entries before it hold together.\n",
            tell(place)
        );
        return (text, ExitCode::FAILURE);
    }
    if let Some(head) = missing {
        let text = format!(
            "BROKEN: the head {head} was noted and is not in the trail. Its end was cut off after \
             that, or it was written anew.\n"
        );
        return (text, ExitCode::FAILURE);
    }
    let Some(head) = &verified.head else {
        return (
            "The trail has no entry yet.\n".to_owned(),
            ExitCode::SUCCESS,
        );
    };
    let mut text = format!("{} entries hold together.\n", verified.entries);
    match &verified.first_keyed {
        Some(first) => text.push_str(&format!(
            "From entry {} on none was changed, taken out or put in by anybody without the master \
             key.\n",
            tell(first)
        )),
        None => text.push_str(
            "None of them has a key: whoever can write to the database could have written them.\n",
        ),
    }
    if verified.unkeyed > 0 && verified.first_keyed.is_some() {
        text.push_str(&format!(
            "The {} entries before were written without a key: they are as they were when the \
             first entry with one was written; what was done to them before that does not show.\n",
            verified.unkeyed
        ));
    }
    if verified.unopened > 0 {
        text.push_str(&format!(
            "Of {} entries nobody can say whether they were changed: the master key that opens \
             their key is missing.\n",
            verified.unopened
        ));
    }
    text.push_str(&match met {
        0 => "Whether entries were cut off at the end shows only by a head that was noted before.\n"
            .to_owned(),
        met => format!(
            "Heads that were noted before: {met}, all in the trail. Up to the newest of them nothing \
             was cut off.\n"
        ),
    });
    text.push_str(&format!(
        "Head: {} (entry {})\n",
        head.hash,
        tell(&head.place)
    ));
    let code = match (&verified.first_keyed, verified.unopened) {
        (Some(_), 0) => ExitCode::SUCCESS,
        _ => ExitCode::from(3),
    };
    (text, code)
}

// ── Failed sign-ins ──────────────────────────────────────────────────────────────────────

async fn list_sign_ins(
    store: &Store,
    keys: &MasterKeys,
    args: &SignIns,
    zone: &jiff::tz::TimeZone,
) -> anyhow::Result<ExitCode> {
    let since = SystemClock.now() - Duration::from_secs(3600) * args.hours;
    let hours = store
        .read(move |mut conn| Box::pin(async move { sign_ins::hours(&mut conn, since).await }))
        .await?;
    if hours.is_empty() && !args.json {
        println!("No sign-in failed");
    }
    for hour in hours {
        let counted = of_hour(store, keys, hour).await?;
        if args.json {
            counted.iter().for_each(|one| println!("{}", entry(one)));
            continue;
        }
        println!("{}", time(hour, zone));
        let rows: Vec<[String; 3]> = counted.iter().map(row).collect();
        print!("{}", table(["TIMES", "NETWORK", "ACCOUNT"], &rows));
    }
    Ok(ExitCode::SUCCESS)
}

async fn of_hour(
    store: &Store,
    keys: &MasterKeys,
    hour: Moment,
) -> Result<Vec<Counted>, store::Error> {
    let keys = keys.clone();
    store
        .read(move |mut conn| {
            Box::pin(async move { sign_ins::of_hour(&mut conn, &keys, hour).await })
        })
        .await
}

fn row(one: &Counted) -> [String; 3] {
    let network = match &one.from {
        Origin::Network(network) => network.clone(),
        Origin::Others => "(others)".to_owned(),
        Origin::Unreadable => "(its key is missing)".to_owned(),
    };
    let account = one
        .email
        .clone()
        .unwrap_or_else(|| "(none has that address)".to_owned());
    [one.times.to_string(), network, account]
}

fn entry(one: &Counted) -> serde_json::Value {
    let network = match &one.from {
        Origin::Network(network) => Some(network),
        _ => None,
    };
    json!({
        "hour": one.hour.to_string(),
        "network": network,
        "account": one.email,
        "times": one.times,
        "last_at": one.last_at.to_string(),
    })
}
