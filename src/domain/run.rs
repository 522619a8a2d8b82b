//! The record of one execution of a flow, step by step.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::names::FlowNames;
use super::{BilingualName, ComponentId, Engine, Moment, Observation, Outcome, StepName};

/// How long each phase of a step's requests took, in milliseconds, summed over its
/// requests. A phase that did not happen (a reused connection resolves nothing) is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phases {
    /// Name resolution.
    pub resolve: u64,
    /// TCP connection.
    pub connect: u64,
    /// TLS handshake.
    pub tls: u64,
    /// From the request sent to the first byte of the answer.
    pub first_byte: u64,
    /// From the first byte of the answer to its last.
    pub transfer: u64,
}

impl AddAssign for Phases {
    fn add_assign(&mut self, other: Self) {
        let Phases {
            resolve,
            connect,
            tls,
            first_byte,
            transfer,
        } = other;
        self.resolve += resolve;
        self.connect += connect;
        self.tls += tls;
        self.first_byte += first_byte;
        self.transfer += transfer;
    }
}

/// A piece of evidence, addressed by the SHA-256 of its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceRef {
    /// `page`, `headers`, `timings`, `screenshot`, `console` …
    pub kind: String,
    /// Lower-case hex SHA-256 of the bytes.
    pub sha256: String,
    /// Media type of the bytes.
    pub media_type: String,
    /// Size in bytes.
    pub size: u64,
}

/// A recognised error page, or the page that was met where another was expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorPage {
    /// The pattern's key in `error-pages.toml`; `None` where no pattern fits.
    pub pattern: Option<String>,
    /// 16 hex digits over the page's normalised text: equal for the same page.
    pub fingerprint: String,
    /// What a person reads first on it, at most 200 characters.
    pub title: String,
}

/// What a browser saw of the page's own front end, on the page where a step failed. Texts
/// are the site's: secrets are masked, they are shortened, and hold no control characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FrontEnd {
    /// The first error that a script of the site's own did not catch.
    pub error: Option<ScriptError>,
    /// The first script that did not come; else the first of its other parts.
    pub asset: Option<FailedAsset>,
}

/// An error that nothing in the page caught.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ScriptError {
    /// What the browser calls it.
    pub message: String,
    /// Where it was thrown: path and line.
    pub source: String,
}

/// A part of the page's own that did not come.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FailedAsset {
    /// What it is to the page.
    pub kind: AssetKind,
    /// Its address without host and query.
    pub path: String,
    /// The answer's status, if one came.
    pub status: Option<u16>,
    /// Why none came, in the browser's own word.
    pub error: Option<String>,
}

/// What an asset is to the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssetKind {
    /// What makes it work.
    Script,
    /// What a script asked for.
    Data,
    /// What makes it look right.
    Style,
}

impl AssetKind {
    /// The name used in JSON and as a key of texts.
    pub fn as_str(self) -> &'static str {
        match self {
            AssetKind::Script => "script",
            AssetKind::Data => "data",
            AssetKind::Style => "style",
        }
    }
}

/// Which certificate of those that a server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateRole {
    /// The server's own.
    Leaf,
    /// Of the authorities between it and a root, the one that expires first.
    Chain,
}

impl CertificateRole {
    /// The name used in metrics and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            CertificateRole::Leaf => "leaf",
            CertificateRole::Chain => "chain",
        }
    }
}

/// When a certificate expires that a server sent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CertificateExpiry {
    /// The host that it was sent by.
    pub host: String,
    /// Which one it is.
    pub certificate: CertificateRole,
    /// When it expires.
    pub expires_at: Moment,
}

/// What happened at one step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepReport {
    /// What history knows the step by, and what people call it.
    #[serde(flatten)]
    pub name: StepName,
    /// The component that the step speaks for.
    pub component: ComponentId,
    /// What it found.
    pub outcome: Outcome,
    /// One sentence for operators: what was expected, what came. Secrets are masked.
    pub message: Option<String>,
    /// When the step started.
    pub started_at: Moment,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Where the time went.
    pub phases: Phases,
    /// Status code of the last answer.
    pub status: Option<u16>,
    /// Address of the last answer, after redirects; secrets masked.
    pub final_url: Option<String>,
    /// Redirects followed.
    pub redirects: u32,
    /// When the first certificate of the chain expires.
    pub certificate_expires_at: Option<Moment>,
    /// When the certificates expire that were sent in this step, redirects included; of a server
    /// that sends several, the earliest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<CertificateExpiry>,
    /// The error page met, where the step failed on a page.
    pub error_page: Option<ErrorPage>,
    /// What the browser saw of the page's own front end, where the step failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub front_end: Option<FrontEnd>,
    /// What was kept of a failure.
    pub evidence: Vec<EvidenceRef>,
    /// Whether this step cleans up: it speaks for no component.
    pub cleanup: bool,
    /// Whether all that it expects held on the page that it began on, so that it would have passed
    /// where what it did came to nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub proves_nothing: bool,
    /// What decided nothing and should be known all the same: that a page came from a cache, that
    /// some of a host's addresses are dead. One sentence each, for operators.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// One rung of a ladder: which size and kind was tried, and what the site did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rung {
    /// The key of the step that uploads.
    pub step: String,
    /// `jpeg`, `png` or `pdf`.
    pub kind: String,
    /// Size of the document in bytes.
    pub size: u64,
    /// Whether the site took it.
    pub accepted: bool,
    /// Whether the site's stated limit allows it; a refusal over the limit is right.
    pub allowed: bool,
}

/// The place of a run among those of its vantage: greater than that of every run before it,
/// whatever the clock does. Zero for a run that is kept nowhere.
///
/// Each start of a vantage has four thousand million numbers of its own, so that only starts are
/// counted on disk.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct RunNumber(pub i64);

impl RunNumber {
    /// Bits for the runs of one start.
    const RUN_BITS: u32 = 32;

    /// The number before the first run of a vantage's start, the first of which is 1.
    pub fn before_first_of(start: i64) -> Self {
        RunNumber(start << Self::RUN_BITS)
    }

    /// The number of the next run.
    #[must_use]
    pub fn next(self) -> Self {
        RunNumber(self.0 + 1)
    }

    /// The start that it belongs to; zero for runs that were recorded before starts were counted.
    pub fn start(self) -> i64 {
        self.0 >> Self::RUN_BITS
    }

    fn is_none(&self) -> bool {
        *self == RunNumber::default()
    }
}

/// The record of one execution of a flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunReport {
    /// The flow's key (its file's name without `.toml`).
    pub flow: String,
    /// The flow's name, as people read it.
    #[serde(flatten)]
    pub name: BilingualName,
    /// What ran it.
    pub engine: Engine,
    /// The place it ran from.
    pub vantage: String,
    /// Its place among the runs of its vantage.
    #[serde(default, skip_serializing_if = "RunNumber::is_none")]
    pub number: RunNumber,
    /// When the run started.
    pub started_at: Moment,
    /// When the run ended.
    pub ended_at: Moment,
    /// The run as a whole: the worst of its steps.
    pub outcome: Outcome,
    /// Every step in order, those not reached included, then the cleanup.
    pub steps: Vec<StepReport>,
    /// The ladder's rung of this run, if the flow has one and the run reached it.
    pub rung: Option<Rung>,
    /// What may be left on the site although the run has cleaned up, for operators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub may_be_left: Option<String>,
}

impl RunReport {
    /// What the run says of each component: the worst of the component's steps, in the
    /// order failed, inconclusive, not reached, slow, passed. Cleanup speaks for none.
    ///
    /// A component with a step that passed and a later one that was not reached counts as
    /// not reached: nobody saw all of it.
    ///
    /// The step that decides is the first of the worst; of a component whose steps have all
    /// passed it is the last, since only then was it seen to work.
    pub fn observations(&self) -> Vec<Observation> {
        let mut worst: BTreeMap<&ComponentId, &StepReport> = BTreeMap::new();
        for step in self.steps.iter().filter(|step| !step.cleanup) {
            let decides = |before: &StepReport| {
                let (before, now) = (gravity(before.outcome), gravity(step.outcome));
                now > before || now == before && step.outcome == Outcome::Passed
            };
            worst
                .entry(&step.component)
                .and_modify(|decisive| {
                    if decides(decisive) {
                        *decisive = step;
                    }
                })
                .or_insert(step);
        }
        worst
            .into_iter()
            .map(|(component, decisive)| Observation {
                component: component.clone(),
                flow: self.flow.clone(),
                engine: self.engine,
                vantage: self.vantage.clone(),
                number: self.number,
                started_at: self.started_at,
                decided_at: self.moment_of(decisive),
                ended_at: self.ended_at,
                outcome: decisive.outcome,
            })
            .collect()
    }

    /// What the flow and its steps are called.
    pub fn names(&self) -> FlowNames {
        FlowNames {
            flow: self.flow.clone(),
            name: self.name.clone(),
            steps: self.steps.iter().map(|step| step.name.clone()).collect(),
        }
    }

    /// When a step started, held within the run: the clock may have been set meanwhile.
    pub fn moment_of(&self, step: &StepReport) -> Moment {
        let until = self.ended_at.max(self.started_at);
        step.started_at.clamp(self.started_at, until)
    }
}

/// How much an outcome weighs against others of the same run: the greater wins.
pub fn gravity(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Passed => 0,
        Outcome::Slow => 1,
        Outcome::NotReached => 2,
        Outcome::Inconclusive(_) => 3,
        Outcome::Failed(_) => 4,
    }
}
