//! The faults that can be switched on: what they are called and how they are written. Knows
//! nothing of HTTP; what a fault does is in `faulty.rs`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Faults that may be in force at once by hand.
pub(super) const AT_ONCE: usize = 32;
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
    /// The page lacks what its script reads: the script throws at the drop zones, and while
    /// it draws the timeline. Without scripts nothing is amiss.
    Script {},
    /// The page names a script that is not there, as after half a deployment. Without
    /// scripts nothing is amiss.
    MissingBundle {},
    /// The data that the page's script asks for never comes, and it waits with a spinner.
    /// Without scripts nothing is amiss.
    EndlessSpinner {},
    /// A script of the page loops for ever.
    EndlessLoop {},
    /// The page shows one alert box when it is loaded.
    Alert {},
    /// The page shows alert boxes one after the other for ever.
    AlertLoop {},
    /// The page opens windows for ever.
    WindowLoop {},
    /// One gibibyte of page.
    Huge {},
    /// A page that never ends.
    Endless {},
    /// A page that is no valid UTF-8.
    InvalidUtf8 {},
    /// Thirty redirects in a row, more than browsers follow, before the page comes.
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
pub const KINDS: [&str; 27] = [
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
    "endless_loop",
    "alert",
    "alert_loop",
    "window_loop",
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
