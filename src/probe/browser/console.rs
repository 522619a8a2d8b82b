//! What the browser's console says, line by line.
//!
//! Owns: reading the driver's log of it, within bounds. Reading empties that log, so it is
//! read in one place and the lines are kept. Must not know what they are for.

use serde_json::Value;

/// The most lines that are remembered of a run; later ones are counted only.
const MOST_LINES: usize = 500;
/// The most bytes that are remembered of a line.
const MOST_TEXT: usize = 2_000;

/// One line of the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it was written, in milliseconds since 1970, on the browser's clock.
    pub at: i64,
    /// `SEVERE`, `WARNING`, `INFO` or `DEBUG`.
    pub level: String,
    /// Who wrote it: `javascript` for what no script caught, `console-api`, `network` …
    pub source: String,
    /// The address of the page or script that it is of, if it says so.
    pub url: Option<String>,
    /// Line and column there, from 1.
    pub place: Option<(u64, u64)>,
    /// What it says, without address and place.
    pub text: String,
}

impl Line {
    /// Whether it is of an error that no script caught.
    pub fn is_uncaught(&self) -> bool {
        self.source == "javascript" && self.level == "SEVERE"
    }
}

/// Everything that the console has said so far.
#[derive(Clone, Debug, Default)]
pub struct Console {
    /// In the order in which they were written.
    pub lines: Vec<Line>,
    /// How many more there were than are remembered.
    pub forgotten: usize,
}

impl Console {
    /// Takes what the log has gathered since the last time.
    pub fn read(&mut self, entries: &[Value]) {
        for entry in entries {
            if self.lines.len() >= MOST_LINES {
                self.forgotten += 1;
                continue;
            }
            self.lines.push(line(entry));
        }
    }
}

/// `http://host/app.js 12:34 Uncaught TypeError: …`, or
/// `http://host/app.js - Failed to load resource: …`.
fn line(entry: &Value) -> Line {
    let word = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
    let message = entry["message"].as_str().unwrap_or_default();
    let (url, rest) = match message.split_once(' ') {
        Some((url, rest)) if url.contains("://") => (Some(url.to_owned()), rest),
        _ => (None, message),
    };
    let (place, text) = match rest.split_once(' ') {
        Some(("-", text)) => (None, text),
        Some((place, text)) => match numbers(place) {
            Some(place) => (Some(place), text),
            None => (None, rest),
        },
        None => (None, rest),
    };
    Line {
        at: entry["timestamp"].as_i64().unwrap_or_default(),
        level: word("level"),
        source: word("source"),
        url,
        place,
        text: text[..text.floor_char_boundary(MOST_TEXT)].to_owned(),
    }
}

/// Chromium counts from 0.
fn numbers(place: &str) -> Option<(u64, u64)> {
    let (line, column) = place.split_once(':')?;
    Some((
        u64::from(line.parse::<u32>().ok()?) + 1,
        u64::from(column.parse::<u32>().ok()?) + 1,
    ))
}
