//! `siaga validate`: every mistake in the files that people write, at once.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

use super::terminal;
use crate::config::{BROWSER_WITHOUT_CERTIFICATE, Config, Environment, NO_DRIVER, WebDriver};
use crate::domain::printable::one_line;
use crate::probe::browser;
use crate::probe::definition::Flow;
use crate::probe::error_pages::ErrorPages;
use crate::probe::flow_file::{self, ERROR_PAGES, MONITOR};
use crate::toml_reader::{Problem, nearest};

/// Check configuration and flows: every mistake at once, with its place and a hint.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Files to look at; none: siaga.toml and every file in its folder of flows.
    pub files: Vec<PathBuf>,
}

/// The configuration where no other is named.
const CONFIGURATION: &str = "siaga.toml";

/// Looks at the files and prints what is wrong; exit code 0 or 2.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let environment = Environment::of_process();
    let verdict =
        tokio::task::spawn_blocking(move || judge(&args.files, Path::new(""), &environment))
            .await?;
    let mut out = terminal::stdout();
    verdict.print(&mut out).context("cannot print")?;
    Ok(if verdict.problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(2)
    })
}

/// What was looked at and found.
#[derive(Debug, Default)]
pub struct Verdict {
    /// How many files were looked at.
    pub files: usize,
    /// Everything that is wrong, file by file.
    pub problems: Vec<Problem>,
    /// What is not wrong, but may surprise.
    pub notes: Vec<String>,
}

impl Verdict {
    /// `file:line:column: message` for each problem, its hint below it, and a count.
    pub fn print(&self, out: &mut impl Write) -> io::Result<()> {
        for problem in &self.problems {
            let Problem {
                file,
                line,
                column,
                message,
                hint,
            } = problem;
            let (file, message) = (one_line(file), one_line(message));
            writeln!(out, "{file}:{line}:{column}: {message}")?;
            if let Some(hint) = hint {
                writeln!(out, "    {}", one_line(hint))?;
            }
        }
        for note in &self.notes {
            writeln!(out, "note: {}", one_line(note))?;
        }
        let files = counted(self.files, "file");
        match self.problems.len() {
            0 => writeln!(out, "{files} checked, no problems"),
            found => writeln!(
                out,
                "{files} looked at, {} found",
                counted(found, "problem")
            ),
        }
    }

    /// What is written in an older way is no mistake.
    fn take_with_advice<T>(
        &mut self,
        result: Result<(T, Vec<Problem>), Vec<Problem>>,
    ) -> Option<T> {
        let (value, advice) = self.take(result)?;
        self.notes.extend(advice.iter().map(Problem::to_string));
        Some(value)
    }

    fn take<T>(&mut self, result: Result<T, Vec<Problem>>) -> Option<T> {
        self.files += 1;
        result
            .map_err(|problems| self.problems.extend(problems))
            .ok()
    }
}

fn counted(number: usize, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {what}{s}")
}

/// What a file is, by its name and its keys.
enum Sort {
    Configuration,
    ErrorPages,
    Flow,
}

/// Looks at the files, or at all in `folder` where none is named. Flows are held against the
/// configuration, where there is one: their variables, components and hosts.
pub fn judge(files: &[PathBuf], folder: &Path, environment: &Environment) -> Verdict {
    let mut verdict = Verdict::default();
    let usual = folder.join(CONFIGURATION);
    let mut named: Vec<(PathBuf, Sort)> = files.iter().map(|f| (f.clone(), sort(f))).collect();
    let configuration = match named
        .iter()
        .find(|(_, sort)| matches!(sort, Sort::Configuration))
    {
        Some((path, _)) => Some(path.clone()),
        None => usual.is_file().then_some(usual),
    };
    let config = configuration.and_then(|path| {
        let read = Config::open_with_advice(&path, environment);
        // Where only flows were asked for, what is wrong in the configuration is not the matter.
        if files.is_empty() || files.contains(&path) {
            verdict.take_with_advice(read)
        } else {
            read.ok().map(|(config, _)| config)
        }
    });
    if files.is_empty() {
        let probes = config
            .as_ref()
            .map_or(Path::new("probes"), |c| &c.site.probes);
        match flows_in(&folder.join(probes)) {
            Ok(found) => named.extend(found.into_iter().map(|f| (f.clone(), sort(&f)))),
            Err(problem) => verdict.problems.push(problem),
        }
    }

    let mut wants_browser = false;
    let mut configurations = 0;
    for (path, sort) in &named {
        match sort {
            Sort::Configuration => {
                configurations += 1;
                if configurations > 1 {
                    verdict.take_with_advice(Config::open_with_advice(path, environment));
                }
            }
            Sort::ErrorPages => {
                let name = path.display().to_string();
                let read = std::fs::read_to_string(path)
                    .map_err(|error| vec![whole(path, format!("cannot be read: {error}"))])
                    .and_then(|text| ErrorPages::load_with_advice(&text, &name));
                verdict.take_with_advice(read);
            }
            Sort::Flow => {
                let variables = config.as_ref().map(Config::variable_names);
                if let Some(flow) = verdict.take(flow_file::open(path, variables.as_ref())) {
                    verdict.problems.extend(flow.advice.iter().cloned());
                    let Some(config) = &config else { continue };
                    verdict.problems.extend(against(path, &flow, config));
                    let in_browser = flow.every.browser.is_some();
                    wants_browser |= in_browser;
                    if in_browser && config.probe.client_certificate.is_some() {
                        let note = format!("{}: {BROWSER_WITHOUT_CERTIFICATE}", path.display());
                        verdict.notes.push(note);
                    }
                }
            }
        }
    }
    let webdriver = config
        .as_ref()
        .and_then(|config| config.browser.webdriver.as_ref());
    if wants_browser
        && let Some(WebDriver::Own(program)) = webdriver
        && browser::find(program).is_none()
    {
        let note = format!("{}: {NO_DRIVER}", program.display());
        verdict.notes.push(note);
    }
    verdict
}

fn sort(path: &Path) -> Sort {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name == ERROR_PAGES {
        return Sort::ErrorPages;
    }
    // A file of another name is told by its sections.
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let has = |start: &str| {
        text.lines()
            .any(|line| line.trim_start().starts_with(start))
    };
    if has("[[step]]") {
        Sort::Flow
    } else if has("[[page]]") {
        Sort::ErrorPages
    } else if name.starts_with("siaga") || (has("[") && !has("name")) {
        Sort::Configuration
    } else {
        Sort::Flow
    }
}

fn flows_in(folder: &Path) -> Result<Vec<PathBuf>, Problem> {
    let listed = std::fs::read_dir(folder).and_then(|entries| {
        entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<Vec<_>>>()
    });
    let mut files = listed.map_err(|error| whole(folder, format!("cannot be read: {error}")))?;
    files.retain(|file| {
        file.extension()
            .is_some_and(|extension| extension == "toml")
    });
    files.sort();
    if files.is_empty() {
        return Err(whole(folder, "there is no flow in this folder".to_owned()));
    }
    Ok(files)
}

/// What of a flow does not fit the configuration.
fn against(path: &Path, flow: &Flow, config: &Config) -> Vec<Problem> {
    let mut problems = BTreeMap::new();
    let known: BTreeSet<&str> = config.components.iter().map(|c| c.key.as_str()).collect();
    for component in flow.steps.iter().filter_map(|step| step.component.as_ref()) {
        let component = component.as_str();
        if component != MONITOR && !known.contains(component) {
            let hint = match nearest(component, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "add a `[[component]]` to the configuration".to_owned(),
            };
            let message = format!("the configuration has no component `{component}`");
            problems.insert(message, hint);
        }
    }
    let allowed = config.allowed_hosts();
    for host in flow.hosts.iter().filter(|host| !allowed.contains(*host)) {
        let message = format!("the configuration does not allow the host `{host}`");
        problems.insert(message, "add it to `hosts` in `[site]`".to_owned());
    }
    problems
        .into_iter()
        .map(|(message, hint)| Problem {
            hint: Some(hint),
            ..whole(path, message)
        })
        .collect()
}

/// A problem of a file as a whole.
fn whole(path: &Path, message: String) -> Problem {
    Problem {
        file: path.display().to_string(),
        line: 1,
        column: 1,
        message,
        hint: None,
    }
}
