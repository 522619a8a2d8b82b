//! The evidence of one run as a folder that opens in a browser: `index.html`, the waterfall,
//! and every piece under a name that people understand.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use askama::Template;
use url::Url;

use crate::domain::run::{EvidenceRef, StepReport};
use crate::domain::{Outcome, RunReport};
use crate::evidence::EvidenceStore;
use crate::probe::waterfall;

/// The page that shows the others.
const INDEX: &str = "index.html";
/// The drawing of the whole run.
const WATERFALL: &str = "waterfall.svg";
/// The longest part of a step's name in a file's name, in characters.
const NAME: usize = 40;

/// Where a run's evidence goes: pieces are gathered aside until the run is over.
pub(super) struct Folder {
    path: PathBuf,
    aside: tempfile::TempDir,
}

impl Folder {
    /// Makes the folder where it is missing.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let cannot = || format!("cannot keep evidence in {}", path.display());
        std::fs::create_dir_all(path).with_context(cannot)?;
        let aside = tempfile::Builder::new()
            .prefix(".under-way-")
            .tempdir_in(path)
            .with_context(cannot)?;
        Ok(Folder {
            path: path.to_owned(),
            aside,
        })
    }

    /// Where pieces are gathered during the run.
    pub(super) fn store(&self) -> anyhow::Result<EvidenceStore> {
        Ok(EvidenceStore::open(self.aside.path())?)
    }

    /// Gives every piece its name and writes the index. Gives each piece with its file and
    /// its step.
    pub(super) async fn finish<'r>(
        &self,
        report: &'r RunReport,
        site: &Url,
        summary: &str,
    ) -> anyhow::Result<Vec<(PathBuf, &'r StepReport, &'r EvidenceRef)>> {
        let store = self.store()?;
        let mut named = Vec::new();
        let mut steps = Vec::new();
        for (number, step) in (1..).zip(&report.steps) {
            let mut shown = Shown::of(number, step);
            for piece in &step.evidence {
                let Some(bytes) = store.read(&piece.sha256).await? else {
                    continue;
                };
                let file = file_name(number, step, piece);
                let path = self.path.join(&file);
                write(&path, &bytes)?;
                let listed = Piece {
                    file,
                    what: what(&piece.kind),
                    size: size(piece.size),
                };
                if piece.kind == "screenshot" {
                    shown.pictures.push(listed);
                } else {
                    shown.pieces.push(listed);
                }
                named.push((path, step, piece));
            }
            steps.push(shown);
        }
        let drawing = waterfall::svg(report.name.en(), &report.steps);
        write(&self.path.join(WATERFALL), drawing.as_bytes())?;
        let index = Index {
            name: report.name.en(),
            look: look(report.outcome),
            outcome: spoken(report.outcome),
            summary,
            site: site.as_str(),
            engine: report.engine.as_str(),
            vantage: &report.vantage,
            started_at: report.started_at.to_string(),
            version: env!("CARGO_PKG_VERSION"),
            waterfall: WATERFALL,
            steps,
        };
        write(&self.index(), index.render()?.as_bytes())?;
        Ok(named)
    }

    /// The page to open.
    pub(super) fn index(&self) -> PathBuf {
        self.path.join(INDEX)
    }
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

#[derive(Template)]
#[template(path = "cli/check/index.html")]
struct Index<'a> {
    name: &'a str,
    look: &'static str,
    outcome: String,
    summary: &'a str,
    site: &'a str,
    engine: &'a str,
    vantage: &'a str,
    started_at: String,
    version: &'static str,
    waterfall: &'static str,
    steps: Vec<Shown>,
}

struct Shown {
    number: usize,
    name: String,
    component: String,
    look: &'static str,
    mark: &'static str,
    outcome: String,
    message: Option<String>,
    url: Option<String>,
    took: String,
    pictures: Vec<Piece>,
    pieces: Vec<Piece>,
}

struct Piece {
    file: String,
    what: &'static str,
    size: String,
}

impl Shown {
    fn of(number: usize, step: &StepReport) -> Self {
        Shown {
            number,
            name: step.name.en().to_owned(),
            component: super::component(step).to_owned(),
            look: look(step.outcome),
            mark: super::mark(step.outcome),
            outcome: spoken(step.outcome),
            message: step.message.clone(),
            url: step.final_url.clone(),
            took: super::took(step),
            pictures: Vec::new(),
            pieces: Vec::new(),
        }
    }

    /// Whether there is more to tell than its line.
    fn is_told(&self) -> bool {
        !self.pictures.is_empty() || !self.pieces.is_empty()
    }
}

fn look(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Slow => "slow",
        Outcome::Failed(_) => "failed",
        Outcome::NotReached | Outcome::Inconclusive(_) => "other",
    }
}

fn spoken(outcome: Outcome) -> String {
    let word = outcome.as_str().replace('_', " ");
    match outcome.detail() {
        Some(detail) => format!("{word} ({})", detail.replace('_', " ")),
        None => word,
    }
}

/// `05-sign-in-screenshot.png`.
fn file_name(number: usize, step: &StepReport, piece: &EvidenceRef) -> String {
    let mut name = String::new();
    for c in step.name.en().chars().take(NAME) {
        if c.is_ascii_alphanumeric() {
            name.push(c.to_ascii_lowercase());
        } else if !name.ends_with('-') && !name.is_empty() {
            name.push('-');
        }
    }
    let name = name.trim_end_matches('-');
    let separator = if name.is_empty() { "" } else { "-" };
    // A captured page shall be read and not run, so its name is that of a text.
    let extension = match (piece.kind.as_str(), piece.media_type.as_str()) {
        ("har", _) => "har",
        (_, "image/png") => "png",
        (_, "image/svg+xml") => "svg",
        (_, "application/json") => "json",
        (_, media_type) if media_type.contains("html") => "html.txt",
        _ => "txt",
    };
    let kind = match piece.kind.as_str() {
        "har" => "requests",
        kind => kind,
    };
    format!("{number:02}-{name}{separator}{kind}.{extension}")
}

fn what(kind: &str) -> &'static str {
    match kind {
        "page" => "the page's markup, as text",
        "headers" => "the answer's headers",
        "har" => "every request of the run, for a HAR viewer",
        "console" => "the browser's console",
        "certificates" => "the server's certificates",
        "upload" => "how the upload went",
        "waterfall" => "the run up to this step",
        "timings" => "times of the step's requests",
        "public-screenshot" => "the screen as the public may see it",
        _ => "evidence",
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} bytes"),
        1000..1_000_000 => format!("{} kB", bytes.div_ceil(1000)),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
