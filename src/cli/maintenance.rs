//! `siaga maintenance`: announce maintenance of the site, list it, take it back.

use std::path::PathBuf;
use std::process::ExitCode;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde_json::json;
use url::Url;

use super::table::{self, table};
use super::terminal::{eprintln, print, println};
use crate::config::Config;
use crate::domain::outage::Maintenance;
use crate::domain::recurrence::{self, Every};
use crate::domain::{Clock, ComponentId, random};
use crate::store::audit::Entry;
use crate::store::monitor::{self, Announced};
use crate::store::{self, Store};
use crate::system::{SystemClock, SystemRandom};

/// The most windows that are listed.
const MAX_LISTED: i64 = 1000;
/// The longest title, in characters.
const MAX_TITLE: usize = 120;

/// Announce maintenance of the site, list it, take it back; also while the service runs.
///
/// What fails inside an announced window is recorded as planned, and wakes nobody.
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
    Add(Add),
    List(List),
    Cancel(Cancel),
}

/// Announce one window, or with --every those that follow.
#[derive(Debug, clap::Args)]
struct Add {
    /// When it begins, by the clock on the wall: "2026-12-05 22:00".
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: DateTime,
    /// When it ends.
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: DateTime,
    /// Whose clock that is, such as Asia/Makassar; otherwise the site's.
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    zone: Option<TimeZone>,
    /// What does not work meanwhile, by its key; may be given several times. Without it: everything.
    #[arg(long = "component", value_name = "KEY")]
    components: Vec<String>,
    /// What people read, in Indonesian.
    #[arg(long, value_name = "TEXT", value_parser = title)]
    title_id: String,
    /// What people read, in English.
    #[arg(long, value_name = "TEXT", value_parser = title)]
    title_en: String,
    /// Where the site's owner has announced it.
    #[arg(long, value_name = "URL", value_parser = notice)]
    notice: Option<Url>,
    /// It comes again: day or week. By the clock on the wall, also when clocks are set.
    #[arg(long, value_name = "SPAN", value_parser = every, requires = "last")]
    every: Option<Every>,
    /// The last day on which it begins: "2027-03-31".
    #[arg(long, value_name = "DATE", requires = "every")]
    last: Option<Date>,
}

/// List what is announced and not over.
#[derive(Debug, clap::Args)]
struct List {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Take back what was announced: what has not begun is gone, what goes on ends now.
#[derive(Debug, clap::Args)]
struct Cancel {
    /// The id of a window, or of a series for all its windows; `siaga maintenance list` has both.
    id: String,
}

fn time(text: &str) -> Result<DateTime, String> {
    text.parse()
        .map_err(|_| "write it as 2026-12-05 22:00".to_owned())
}

fn zone(text: &str) -> Result<TimeZone, String> {
    TimeZone::get(text).map_err(|_| "there is no such time zone; Asia/Jakarta is one".to_owned())
}

fn every(text: &str) -> Result<Every, String> {
    match text {
        "day" => Ok(Every::Day),
        "week" => Ok(Every::Week),
        _ => Err("write day or week".to_owned()),
    }
}

fn title(text: &str) -> Result<String, String> {
    let text = text.trim();
    match text.chars().count() {
        1..=MAX_TITLE if !text.chars().any(char::is_control) => Ok(text.to_owned()),
        _ => Err(format!(
            "a title has 1 to {MAX_TITLE} characters on one line"
        )),
    }
}

fn notice(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok();
    url.filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or_else(|| "write an address that begins with https://".to_owned())
}

/// Does what the command line says. Exit 2 where what was given is wrong.
///
/// # Errors
/// When the database cannot be used.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = match super::open_config(&args.config) {
        Ok(config) => config,
        Err(exit) => return Ok(exit),
    };
    let store = super::open_store(&config).await?;
    let done = match args.command {
        Command::Add(add) => self::add(&store, &config, add).await,
        Command::List(list) => self::list(&store, &config, &list).await,
        Command::Cancel(Cancel { id }) => cancel(&store, &config, id).await,
    };
    store.close().await;
    done
}

fn entry(action: String) -> Entry {
    Entry {
        staff: "command line".to_owned(),
        action,
        ..Entry::default()
    }
}

async fn add(store: &Store, config: &Config, add: Add) -> anyhow::Result<ExitCode> {
    let wrong = |message: String| {
        eprintln!("siaga: {message}");
        Ok(ExitCode::from(2))
    };
    let mut components = Vec::new();
    for key in &add.components {
        let known = ComponentId::parse(key)
            .filter(|id| config.components.iter().any(|known| known.key == *id));
        match known {
            Some(id) if components.contains(&Some(id.clone())) => {}
            Some(id) => components.push(Some(id)),
            None => {
                let keys = config.components.iter().map(|known| known.key.as_str());
                let keys = keys.collect::<Vec<_>>().join(", ");
                return wrong(format!("there is no component `{key}`; there are {keys}"));
            }
        }
    }
    if components.is_empty() {
        components.push(None);
    }
    let zone = add.zone.unwrap_or_else(|| config.site.zone.clone());
    let windows = match recurrence::windows((add.from, add.until), &zone, add.every.zip(add.last)) {
        Ok(windows) => windows,
        Err(error) => return wrong(error.to_string()),
    };
    let now = SystemClock.now();
    if windows.iter().all(|(_, until)| *until <= now) {
        return wrong("it is over already; nothing is announced".to_owned());
    }
    let series = random::id(now, &SystemRandom);
    let announced: Vec<Announced> = windows
        .iter()
        .flat_map(|window| components.iter().map(move |component| (window, component)))
        .map(|((from, until), component)| Announced {
            id: random::id(now, &SystemRandom),
            series: series.clone(),
            window: Maintenance {
                component: component.clone(),
                from: *from,
                until: *until,
            },
            title_id: add.title_id.clone(),
            title_en: add.title_en.clone(),
            notice_url: add.notice.as_ref().map(Url::to_string),
        })
        .collect();
    let writer = super::audit_writer(config, store).await?;
    let entry = entry(format!("announced maintenance {series}"));
    store
        .write(move |mut conn| {
            Box::pin(async move {
                for one in &announced {
                    monitor::announce(&mut conn, one, "command line", now).await?;
                }
                writer.note(&mut conn, &entry, now).await
            })
        })
        .await?;
    let first = windows.first().map(|(from, _)| table::time(*from, &zone));
    println!(
        "Announced {}, the first from {}; its id is {series}",
        counted(windows.len(), "window"),
        first.unwrap_or_default()
    );
    Ok(ExitCode::SUCCESS)
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}

async fn list(store: &Store, config: &Config, list: &List) -> anyhow::Result<ExitCode> {
    let now = SystemClock.now();
    let announced = store.read(move |mut conn| {
        Box::pin(async move { monitor::maintenance_up_to(&mut conn, now, MAX_LISTED).await })
    });
    let announced = announced.await?;
    let component = |one: &Announced| one.window.component.as_ref().map(|c| c.as_str().to_owned());
    if list.json {
        let all: Vec<serde_json::Value> = announced
            .iter()
            .map(|one| {
                json!({
                    "id": one.id,
                    "series": one.series,
                    "component": component(one),
                    "from": one.window.from.to_string(),
                    "until": one.window.until.to_string(),
                    "title": { "id": one.title_id, "en": one.title_en },
                    "notice": one.notice_url,
                })
            })
            .collect();
        println!("{}", json!(all));
        return Ok(ExitCode::SUCCESS);
    }
    if announced.is_empty() {
        println!("Nothing is announced; `siaga maintenance add` announces maintenance");
        return Ok(ExitCode::SUCCESS);
    }
    let zone = &config.site.zone;
    let rows: Vec<[String; 6]> = announced
        .iter()
        .map(|one| {
            let state = match one.window.from <= now {
                true => " (now)",
                false => "",
            };
            [
                format!("{}{state}", table::time(one.window.from, zone)),
                table::time(one.window.until, zone),
                component(one).unwrap_or_else(|| "everything".to_owned()),
                one.title_en.clone(),
                one.id.clone(),
                one.series.clone(),
            ]
        })
        .collect();
    let headings = ["FROM", "UNTIL", "COMPONENT", "TITLE", "ID", "SERIES"];
    print!("{}", table(headings, &rows));
    Ok(ExitCode::SUCCESS)
}

async fn cancel(store: &Store, config: &Config, id: String) -> anyhow::Result<ExitCode> {
    let writer = super::audit_writer(config, store).await?;
    let now = SystemClock.now();
    let entry = entry(format!("cancelled maintenance {id}"));
    let sought = id.clone();
    let cancelled: Result<(u64, u64), store::Error> = store
        .write(move |mut conn| {
            let (writer, entry, id) = (writer.clone(), entry.clone(), id.clone());
            Box::pin(async move {
                let cancelled = monitor::cancel_maintenance(&mut conn, &id, now).await?;
                if cancelled != (0, 0) {
                    writer.note(&mut conn, &entry, now).await?;
                }
                Ok(cancelled)
            })
        })
        .await;
    match cancelled? {
        (0, 0) => {
            eprintln!(
                "siaga: nothing that is announced and not over has the id `{sought}`; \
                 `siaga maintenance list` lists what has"
            );
            Ok(ExitCode::from(2))
        }
        (dropped, ended) => {
            if dropped > 0 {
                let dropped = usize::try_from(dropped).unwrap_or(usize::MAX);
                println!("Cancelled {}", counted(dropped, "window"));
            }
            if ended > 0 {
                println!("What was going on has ended; what fails from now on counts as an outage");
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}
