//! The faults that can be switched on: what they are called, how they are written, and
//! which of them strike a given request. Knows nothing of HTTP; what a fault then does is
//! in `faulty.rs`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::domain::{Clock, Random, random};

/// Faults that may be in force at once by hand.
const AT_ONCE: usize = 32;
/// The longest delay, in milliseconds: ten minutes.
const LONGEST_DELAY: u64 = 600_000;

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Kind {
    /// Every answer comes this much later.
    Late {
        /// In milliseconds.
        delay_ms: u64,
    },
    /// The site does not listen at all: connections are refused.
    Refuse {},
    /// The connection is reset in the middle of the answer.
    Reset {},
    /// The branded page of a server error.
    Error {
        /// 500, 502 or 503.
        status: u16,
    },
    /// ASP.NET's yellow page, with status 500.
    YellowPage {},
    /// The branded page of a server error, with status 200.
    #[serde(rename = "error_with_200")]
    ErrorWith200 {},
    /// A maintenance page, with status 503 and `Retry-After`.
    Maintenance {},
    /// An empty page, with status 200.
    Blank {},
    /// A captcha wall in front of the page.
    Captcha {},
    /// The session is gone.
    SessionLost {},
    /// Documents above this size are refused, although the stated limit says more.
    UploadRefused {
        /// In bytes.
        above_bytes: u64,
    },
    /// The site stops reading a document's upload there and never answers.
    UploadHangs {
        /// 0 to 100.
        at_percent: u8,
    },
    /// Submitting loses the draft.
    DraftLost {},
    /// The payment notice is never sent.
    MailMissing {},
    /// A script of the page throws, and the page stays blank where scripts run.
    Script {},
    /// The page's script is not there, and the page stays blank where scripts run.
    MissingBundle {},
    /// A script covers the page with a spinner that never ends.
    EndlessSpinner {},
    /// One gibibyte of page.
    Huge {},
    /// A page that never ends.
    Endless {},
    /// A page that is no valid UTF-8.
    InvalidUtf8 {},
    /// Twenty redirects in a row before the page comes.
    Redirects {},
    /// A stated length other than what is sent.
    LyingLength {
        /// Bytes stated beyond (above zero) or short of (below zero) what is sent.
        by: i32,
    },
    /// One gibibyte in a one-megabyte gzip body.
    GzipBomb {},
}

/// The names of all kinds, each with the keys it needs.
pub const KINDS: [&str; 23] = [
    "late (delay_ms)",
    "refuse",
    "reset",
    "error (status: 500, 502 or 503)",
    "yellow_page",
    "error_with_200",
    "maintenance",
    "blank",
    "captcha",
    "session_lost",
    "upload_refused (above_bytes)",
    "upload_hangs (at_percent)",
    "draft_lost",
    "mail_missing",
    "script",
    "missing_bundle",
    "endless_spinner",
    "huge",
    "endless",
    "invalid_utf8",
    "redirects",
    "lying_length (by)",
    "gzip_bomb",
];

/// One switchable fault.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fault {
    /// What goes wrong.
    #[serde(flatten)]
    pub kind: Kind,
    /// Only at paths that fit this pattern, in which `*` stands for any characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Only at every k-th request among those that it could strike.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// Only at this share of the requests that it could strike, 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<f64>,
}

impl From<Kind> for Fault {
    fn from(kind: Kind) -> Self {
        Fault {
            kind,
            path: None,
            every: None,
            percent: None,
        }
    }
}

impl Fault {
    /// The fault limited to paths that fit the pattern.
    #[must_use]
    pub fn at(mut self, path: &str) -> Self {
        self.path = Some(path.to_owned());
        self
    }

    /// Reads a fault as JSON writes it.
    ///
    /// # Errors
    /// One sentence that says what was wrong.
    pub fn from_json(value: Value) -> Result<Self, String> {
        let Value::Object(mut object) = value else {
            return Err(format!("a fault is an object with a `kind`, not `{value}`"));
        };
        let path = taken(
            &mut object,
            "path",
            |v| v.as_str().map(str::to_owned),
            "a text",
        )?;
        let every = taken(&mut object, "every", Value::as_u64, "a whole number")?;
        let percent = taken(&mut object, "percent", Value::as_f64, "a number")?;
        let kind: Kind = serde_json::from_value(Value::Object(object)).map_err(|error| {
            let what = error.to_string();
            // The list of kinds follows anyway.
            let what = what.split(", expected one of").next().unwrap_or_default();
            what.replace("variant", "kind").replace("field", "key")
        })?;
        let fault = Fault {
            kind,
            path,
            every,
            percent,
        };
        fault.check()?;
        Ok(fault)
    }

    fn check(&self) -> Result<(), String> {
        if self.every == Some(0) {
            return Err("`every` counts from 1".to_owned());
        }
        if self
            .percent
            .is_some_and(|percent| !(0.0..=100.0).contains(&percent))
        {
            return Err("`percent` is a number from 0 to 100".to_owned());
        }
        if self
            .path
            .as_ref()
            .is_some_and(|path| path.is_empty() || path.len() > 200)
        {
            return Err("`path` is a pattern of 1 to 200 characters, e.g. `/web/*`".to_owned());
        }
        match self.kind {
            Kind::Late { delay_ms } if delay_ms > LONGEST_DELAY => {
                Err(format!("`delay_ms` is at most {LONGEST_DELAY}"))
            }
            Kind::Error { status } if ![500, 502, 503].contains(&status) => {
                Err(format!("`status` is 500, 502 or 503, not {status}"))
            }
            Kind::UploadHangs { at_percent } if at_percent > 100 => {
                Err("`at_percent` is a whole number from 0 to 100".to_owned())
            }
            Kind::LyingLength { by } if by == 0 || by.unsigned_abs() > 1_000_000 => {
                Err("`by` is a whole number from -1000000 to 1000000 other than 0".to_owned())
            }
            Kind::Refuse {} if self.path.is_some() || self.every.is_some() => {
                Err("`refuse` strikes before any request is read: no `path`, no `every`".to_owned())
            }
            Kind::Refuse {} if self.percent.is_some() => {
                Err("`refuse` closes the door for everyone: no `percent`".to_owned())
            }
            _ => Ok(()),
        }
    }
}

fn taken<T>(
    object: &mut Map<String, Value>,
    key: &str,
    read: impl Fn(&Value) -> Option<T>,
    what: &str,
) -> Result<Option<T>, String> {
    match object.remove(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => read(&value)
            .map(Some)
            .ok_or_else(|| format!("`{key}` is {what}, not `{value}`")),
    }
}

/// Reads one fault, an array of faults, or `{"faults": […]}`.
///
/// # Errors
/// One sentence that says what was wrong, and which kinds there are.
pub(super) fn list_from_json(bytes: &[u8]) -> Result<Vec<Fault>, String> {
    let explain = |what: String| format!("{what}. Kinds: {}", KINDS.join(", "));
    let value: Value =
        serde_json::from_slice(bytes).map_err(|e| explain(format!("this is not JSON: {e}")))?;
    let list = match value {
        Value::Array(list) => list,
        Value::Object(mut object) if object.contains_key("faults") => {
            let list = object.remove("faults");
            if let Some(key) = object.keys().next() {
                return Err(explain(format!("unknown key `{key}` beside `faults`")));
            }
            match list {
                Some(Value::Array(list)) => list,
                _ => return Err(explain("`faults` is an array".to_owned())),
            }
        }
        other => vec![other],
    };
    if list.len() > AT_ONCE {
        return Err(explain(format!(
            "at most {AT_ONCE} faults at once, not {}",
            list.len()
        )));
    }
    list.into_iter()
        .enumerate()
        .map(|(at, value)| {
            Fault::from_json(value).map_err(|e| explain(format!("fault {}: {e}", at + 1)))
        })
        .collect()
}

/// A fault on a timetable.
#[derive(Clone, Debug, PartialEq)]
pub struct ScriptedFault {
    /// Begins this long after the start.
    pub after: Duration,
    /// Ends this long after it began.
    pub for_: Duration,
    /// What goes wrong in between.
    pub fault: Fault,
}

struct Entry {
    fault: Fault,
    /// Requests that it could have struck so far.
    met: AtomicU64,
}

impl Entry {
    fn new(fault: Fault) -> Arc<Self> {
        Arc::new(Entry {
            fault,
            met: AtomicU64::new(0),
        })
    }
}

/// Which faults are in force: those switched by hand, and those of the script whose time
/// it is.
pub struct FaultBoard {
    by_hand: Mutex<Vec<Arc<Entry>>>,
    script: Vec<(Duration, Duration, Arc<Entry>)>,
    started: Duration,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl FaultBoard {
    pub(super) fn new(
        script: Vec<ScriptedFault>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        let script = script
            .into_iter()
            .map(|s| (s.after, s.after.saturating_add(s.for_), Entry::new(s.fault)))
            .collect();
        let started = clock.monotonic();
        FaultBoard {
            by_hand: Mutex::default(),
            script,
            started,
            clock,
            random,
        }
    }

    /// Puts these in place of the faults switched by hand; the script goes on.
    pub fn set(&self, faults: Vec<Fault>) {
        let entries = faults.into_iter().take(AT_ONCE).map(Entry::new).collect();
        *self.by_hand.lock().unwrap_or_else(PoisonError::into_inner) = entries;
    }

    /// Switches off the faults switched by hand; the script goes on.
    pub fn clear(&self) {
        self.set(Vec::new());
    }

    /// The faults switched by hand.
    pub fn by_hand(&self) -> Vec<Fault> {
        let by_hand = self.by_hand.lock().unwrap_or_else(PoisonError::into_inner);
        by_hand.iter().map(|entry| entry.fault.clone()).collect()
    }

    /// The faults of the script whose time it is.
    pub fn by_script(&self) -> Vec<Fault> {
        self.scripted().map(|entry| entry.fault.clone()).collect()
    }

    fn scripted(&self) -> impl Iterator<Item = &Arc<Entry>> {
        let elapsed = self.clock.monotonic().saturating_sub(self.started);
        self.script
            .iter()
            .filter(move |(from, until, _)| (*from..*until).contains(&elapsed))
            .map(|(_, _, entry)| entry)
    }

    fn in_force(&self) -> Vec<Arc<Entry>> {
        let mut entries: Vec<_> = self.scripted().map(Arc::clone).collect();
        let by_hand = self.by_hand.lock().unwrap_or_else(PoisonError::into_inner);
        entries.extend(by_hand.iter().map(Arc::clone));
        entries
    }

    /// Whether the site refuses connections just now.
    pub(super) fn refuses(&self) -> bool {
        self.in_force()
            .iter()
            .any(|entry| entry.fault.kind == Kind::Refuse {})
    }

    /// The faults that strike here and now, among those that `could` strike at all. Counts
    /// the request for `every` and draws for `percent`.
    pub(super) fn strike(&self, path: &str, could: impl Fn(&Kind) -> bool) -> Vec<Kind> {
        self.in_force()
            .into_iter()
            .filter(|entry| could(&entry.fault.kind))
            .filter(|entry| entry.fault.path.as_ref().is_none_or(|p| fits(p, path)))
            .filter(|entry| {
                let met = entry.met.fetch_add(1, Ordering::SeqCst) + 1;
                entry
                    .fault
                    .every
                    .is_none_or(|every| met.is_multiple_of(every))
            })
            .filter(|entry| {
                let percent = entry.fault.percent;
                percent.is_none_or(|p| random::fraction(&*self.random) * 100.0 < p)
            })
            .map(|entry| entry.fault.kind.clone())
            .collect()
    }
}

/// Whether the text fits the pattern, in which `*` stands for any characters.
fn fits(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut pieces = pieces.peekable();
    if pieces.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    true
}
