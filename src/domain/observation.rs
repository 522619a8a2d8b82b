//! What a run of a flow says of each component.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::fault::UnknownWord;
use super::{ComponentId, Fault, Moment, RunNumber};

/// What runs a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// Plain HTTP, without scripts: cheap, often.
    Http,
    /// A real browser: dear, rarely.
    Browser,
}

impl Engine {
    /// The name used in files, databases, metrics and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Engine::Http => "http",
            Engine::Browser => "browser",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Engine {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        match text {
            "http" => Ok(Engine::Http),
            "browser" => Ok(Engine::Browser),
            _ => Err(UnknownWord(text.to_owned())),
        }
    }
}

/// Why a run says nothing of the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The flow needs a secret that is not set.
    NotConfigured,
    /// The control probes failed too: the monitor itself is cut off.
    CutOff,
    /// Something of ours broke: no browser, no mailbox, a full disk.
    Ourselves,
    /// The run was stopped before it could finish.
    Stopped,
    /// A wall stands in the way that is meant for robots: a captcha, a challenge, a block page of
    /// somebody in front of the site. People may well get through.
    Blocked,
}

impl Why {
    /// Every reason, in the order in which they are declared.
    pub const ALL: [Why; 5] = [
        Why::NotConfigured,
        Why::CutOff,
        Why::Ourselves,
        Why::Stopped,
        Why::Blocked,
    ];

    /// The name used in databases, metrics and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Why::NotConfigured => "not_configured",
            Why::CutOff => "cut_off",
            Why::Ourselves => "ourselves",
            Why::Stopped => "stopped",
            Why::Blocked => "blocked",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Why {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Why::ALL
            .into_iter()
            .find(|why| why.as_str() == text)
            .ok_or_else(|| UnknownWord(text.to_owned()))
    }
}

/// What one run says of one component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "is", content = "of", rename_all = "snake_case")]
pub enum Outcome {
    /// Every step of the component did what it should, in time.
    Passed,
    /// It did what it should, but took longer than the step's `slow`.
    Slow,
    /// A step of the component failed.
    Failed(Fault),
    /// An earlier step failed, so this component was never tried: neither up nor down.
    NotReached,
    /// The run says nothing of the site.
    Inconclusive(Why),
}

impl Outcome {
    /// The word for databases, metrics and JSON, without the fault or the reason.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Passed => "passed",
            Outcome::Slow => "slow",
            Outcome::Failed(_) => "failed",
            Outcome::NotReached => "not_reached",
            Outcome::Inconclusive(_) => "inconclusive",
        }
    }

    /// The fault or the reason, where there is one.
    pub fn detail(self) -> Option<&'static str> {
        match self {
            Outcome::Failed(fault) => Some(fault.as_str()),
            Outcome::Inconclusive(why) => Some(why.as_str()),
            _ => None,
        }
    }

    /// The inverse of [`as_str`](Self::as_str) and [`detail`](Self::detail).
    pub fn parse(word: &str, detail: Option<&str>) -> Result<Self, UnknownWord> {
        match (word, detail) {
            ("passed", _) => Ok(Outcome::Passed),
            ("slow", _) => Ok(Outcome::Slow),
            ("not_reached", _) => Ok(Outcome::NotReached),
            ("failed", Some(fault)) => fault.parse().map(Outcome::Failed),
            ("inconclusive", Some(why)) => why.parse().map(Outcome::Inconclusive),
            _ => Err(UnknownWord(word.to_owned())),
        }
    }
}

/// What one run of one flow says of one component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// The component spoken of.
    pub component: ComponentId,
    /// The flow's key (its file's name without `.toml`).
    pub flow: String,
    /// What ran it.
    pub engine: Engine,
    /// The place it ran from.
    pub vantage: String,
    /// The run's place among those of its vantage: runs are told apart and ordered by it.
    pub number: RunNumber,
    /// When the run started.
    pub started_at: Moment,
    /// When the step started that decided what the run says of the component, never outside the
    /// run: outages begin and end at it.
    pub decided_at: Moment,
    /// When the run ended.
    pub ended_at: Moment,
    /// What it found.
    pub outcome: Outcome,
}
