//! `siaga import`: a flow file from a recording of Chrome's DevTools Recorder.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use url::Url;

use super::terminal;
use crate::domain::ComponentId;
use crate::probe::flow_file::{self, ERROR_PAGES};
use crate::probe::recording::{self, MOST_BYTES, Options, Translation};
use crate::toml_reader::Source;

/// The recording cannot be used, or the file not be written as asked.
const BAD_FILE: u8 = 2;

/// Make a flow file of a recording: Chrome's DevTools, Recorder, Export, JSON.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The exported recording.
    #[arg(value_name = "RECORDING.json")]
    pub recording: PathBuf,
    /// Where to write the flow; without it, it is printed.
    #[arg(long, value_name = "FILE.toml")]
    pub output: Option<PathBuf>,
    /// Write over a file that is there.
    #[arg(long, requires = "output")]
    pub force: bool,
    /// The site, where it is not the one that the recording begins on.
    #[arg(long, value_parser = site)]
    pub site: Option<Url>,
    /// The component that every step speaks for, in place of guesses.
    #[arg(long, value_name = "ID", value_parser = component)]
    pub component: Option<String>,
}

fn site(text: &str) -> Result<Url, String> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url),
        _ => Err("write a whole address, e.g. https://permits.example/".to_owned()),
    }
}

fn component(text: &str) -> Result<String, String> {
    match ComponentId::parse(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err("use lower-case letters, digits and single hyphens, at most 40".to_owned()),
    }
}

/// Translates the recording; exit code 0, or 2 where a file is not as it must be.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    tokio::task::spawn_blocking(move || import(&args)).await?
}

fn import(args: &Args) -> anyhow::Result<ExitCode> {
    if let Some(refusal) = args
        .output
        .as_deref()
        .and_then(|to| refusal(to, args.force))
    {
        return bad(&refusal);
    }
    let name = args.recording.display();
    let text = match read(&args.recording) {
        Ok(text) => text,
        Err(problem) => return bad(&format!("{name}:{problem}")),
    };
    let options = Options {
        site: args.site.clone(),
        component: args.component.clone(),
    };
    let translation = match recording::translate(&text, &options) {
        Ok(translation) => translation,
        Err(problem) => return bad(&format!("{name}:{problem}")),
    };
    let source = Source::new("flow", translation.toml.as_str());
    if let Err(problems) = flow_file::read(&source, "flow", None) {
        let first = problems.first().map(ToString::to_string);
        anyhow::bail!(
            "the recording makes a flow that is not valid, which is a mistake of Siaga's: {}",
            first.unwrap_or_default()
        );
    }
    match &args.output {
        Some(path) => {
            if let Err(error) = write(path, &translation.toml, args.force) {
                return bad(&format!("{}: cannot be written: {error}", path.display()));
            }
        }
        None => terminal::stdout().write_all(translation.toml.as_bytes())?,
    }
    tell(args, &translation).context("cannot print")?;
    Ok(ExitCode::SUCCESS)
}

/// Why the flow cannot be written to this place.
fn refusal(path: &Path, force: bool) -> Option<String> {
    let shown = path.display();
    let stem = path.file_stem()?.to_str().unwrap_or_default();
    let is_flow = path.extension().is_some_and(|ending| ending == "toml")
        && flow_file::is_key(stem)
        && path.file_name().is_none_or(|file| file != ERROR_PAGES);
    if !is_flow {
        return Some(format!(
            "{shown}: a flow file cannot be named so; use lower-case letters, digits and hyphens, \
             and end with .toml"
        ));
    }
    (!force && path.exists()).then(|| format!("{shown}: is there already; --force writes over it"))
}

/// The file's text, or where and why it cannot be read: `line:column: message`.
fn read(path: &Path) -> Result<String, String> {
    let unreadable = |error: io::Error| format!("1:1: cannot be read: {error}");
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if bytes.len() > MOST_BYTES {
        return Err(format!(
            "1:1: a recording can have at most {MOST_BYTES} bytes; record one journey at a time"
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
        let start = good
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let column = String::from_utf8_lossy(&good[start..]).chars().count() + 1;
        format!("{line}:{column}: no UTF-8 text; export the recording again, as JSON")
    })
}

fn write(path: &Path, text: &str, force: bool) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true);
    } else {
        // Looked at before, but another may have written it meanwhile.
        options.create_new(true);
    }
    options.open(path)?.write_all(text.as_bytes())
}

fn bad(message: &str) -> anyhow::Result<ExitCode> {
    writeln!(terminal::stderr(), "{message}")?;
    Ok(ExitCode::from(BAD_FILE))
}

/// What is to be known, apart from the flow itself.
fn tell(args: &Args, translation: &Translation) -> io::Result<()> {
    let mut out = terminal::stderr();
    for note in &translation.notes {
        writeln!(out, "{note}")?;
    }
    if !translation.needs.is_empty() {
        writeln!(
            out,
            "Secrets were left out of the flow. Set these before it runs: {}",
            translation.needs.join(", ")
        )?;
    }
    match &args.output {
        Some(path) => writeln!(
            out,
            "Written to {path}. Next: siaga check {path} --site URL",
            path = path.display()
        ),
        None => Ok(()),
    }
}
