//! What a browser can show of a failure: its screen, its console, its certificates and its
//! requests.
//!
//! Owns that no picture is taken of a page whose secrets are not masked. Must not know what
//! becomes of the pieces.

use std::time::Duration;

use data_encoding::BASE64;
use serde_json::{Value, json};
use url::Url;

use super::seen::phases;
use super::{BrowserPage, MOST_PROMPTS};
use crate::domain::Moment;
use crate::probe::browser::console::Line;
use crate::probe::browser::network::Request;
use crate::probe::browser::{CommandError, Session};
use crate::probe::certificate;
use crate::probe::har::Entry;
use crate::probe::page::{Page, Piece};
use crate::probe::redact::Redactor;

/// Masks and unmasks a page.
const MASK: &str = concat!(include_str!("mask.js"), include_str!("roots.js"));
/// A page that does not let itself be masked within this is busy with itself.
const MASK_WITHIN: Duration = Duration::from_secs(3);
/// The widest and tallest picture, in CSS pixels.
const WIDEST: f64 = 2_000.0;
const TALLEST: f64 = 10_000.0;
/// The largest picture, in bytes; a larger one is taken again at half the size.
const LARGEST: usize = 4 << 20;
/// How often a page that writes its secrets anew is masked again.
const TRIES: usize = 3;
/// The longest line of the console, in bytes.
const LONGEST_LINE: usize = 2_000;

/// What there was to mask.
struct Masked {
    secrets: u64,
    filled: u64,
    opaque: u64,
}

impl BrowserPage {
    /// Everything that the browser can show, masked.
    pub(super) async fn take_evidence(&mut self, redactor: &Redactor, pieces: &mut Vec<Piece>) {
        self.take_console(redactor, pieces).await;
        // Cleanup may go on where the page takes the browser's time.
        if let Ok(session) = self.session()
            && session.limit(self.limit, MASK_WITHIN).await.is_ok()
        {
            self.limit = Duration::ZERO;
        }
        match self.take_picture(redactor).await {
            Ok(Some(picture)) => pieces.push(picture),
            Ok(None) => tracing::info!("no screenshot: the page cannot be masked"),
            Err(error) => tracing::info!(%error, "no screenshot"),
        }
        let _ = self.in_page("unmask", Vec::new()).await;
        self.take_certificates(pieces).await;
    }

    /// Runs a function of the masking script, answering boxes meanwhile.
    async fn in_page(
        &mut self,
        function: &str,
        arguments: Vec<Value>,
    ) -> Result<Value, CommandError> {
        let body = format!("{MASK}\nreturn {function}(...arguments);");
        let mut answered = 0;
        loop {
            let session = self.session()?;
            match session.script(&body, arguments.clone(), MASK_WITHIN).await {
                Err(CommandError::Prompt) if answered < MOST_PROMPTS => {
                    answered += 1;
                    session.accept_prompt().await?;
                }
                other => return other,
            }
        }
    }

    async fn mask(&mut self, secrets: &Value) -> Result<Masked, CommandError> {
        let told = self.in_page("mask", vec![secrets.clone()]).await?;
        let count = |key: &str| told[key].as_u64().unwrap_or(1);
        Ok(Masked {
            secrets: count("secrets"),
            filled: count("filled"),
            opaque: count("opaque"),
        })
    }

    /// A picture of the page during which nothing secret was on it: it is masked before, and
    /// after it there must be nothing new to mask.
    async fn take_picture(&mut self, redactor: &Redactor) -> Result<Option<Piece>, CommandError> {
        let secrets = json!(redactor.shown());
        let first = self.mask(&secrets).await?;
        for _ in 0..TRIES {
            let session = self.session()?;
            let bytes = match picture(session).await {
                Err(CommandError::Prompt) => {
                    session.accept_prompt().await?;
                    continue;
                }
                taken => taken?,
            };
            if self.mask(&secrets).await?.secrets == 0 {
                return Ok(bytes.map(|bytes| Piece {
                    is_bare: first.secrets == 0 && first.filled == 0 && first.opaque == 0,
                    ..Piece::new("screenshot", "image/png", bytes)
                }));
            }
        }
        Ok(None)
    }

    /// What the console says, and what boxes said.
    async fn take_console(&mut self, redactor: &Redactor, pieces: &mut Vec<Piece>) {
        let console = self.console().await;
        let mut lines: Vec<String> = console.lines.iter().map(line).collect();
        if console.forgotten > 0 {
            lines.push(format!("({} later lines are left out)", console.forgotten));
        }
        lines.extend(self.prompts.iter().map(|said| format!("box: {said}")));
        if lines.is_empty() {
            return;
        }
        let lines: Vec<String> = lines
            .iter()
            .map(|line| {
                let mut line = redactor.addresses(line);
                line.truncate(line.floor_char_boundary(LONGEST_LINE));
                line
            })
            .collect();
        let text = format!("{}\n", lines.join("\n"));
        pieces.push(Piece::new("console", "text/plain;charset=utf-8", text));
    }

    /// The certificates that the page's server showed.
    async fn take_certificates(&mut self, pieces: &mut Vec<Piece>) {
        let page = self.network.page();
        let url = page.and_then(|page| Url::parse(&page.url).ok());
        let Some(url) = url.filter(|url| url.scheme() == "https") else {
            return;
        };
        let origin = json!({ "origin": url.origin().ascii_serialization() });
        let Ok(session) = self.session() else { return };
        if !session.is_chromium() {
            return;
        }
        let Ok(answer) = session.chromium("Network.getCertificate", origin).await else {
            return;
        };
        let names = answer["tableNames"].as_array().into_iter().flatten();
        let chain: Vec<Vec<u8>> = names
            .filter_map(|der| BASE64.decode(der.as_str()?.as_bytes()).ok())
            .collect();
        let host = url.host_str().unwrap_or_default().to_owned();
        pieces.extend(certificate::piece(&[(host, chain)]));
    }

    /// Every request of the run, those included that no form sends.
    pub(super) async fn all_requests(&mut self) -> Vec<Entry> {
        let _ = self.listen().await;
        let own = self.plain.requests().await;
        let now = self.clock.now();
        // The browser asks itself too, for the page that it begins with.
        let is_ours = |request: &&Request| request.url.starts_with("http");
        let seen = self.network.requests.iter().filter(is_ours);
        let mut entries: Vec<Entry> = seen.map(|request| entry(request, now)).collect();
        entries.extend(own);
        entries.sort_by_key(|entry| entry.started_at);
        entries
    }
}

/// The whole page where the browser can show that, else what its window shows; `None` where
/// it would be too large.
async fn picture(session: &Session) -> Result<Option<Vec<u8>>, CommandError> {
    if !session.is_chromium() {
        let bytes = session.screenshot().await?;
        return Ok(Some(bytes).filter(|bytes| bytes.len() <= LARGEST));
    }
    let size = session.chromium("Page.getLayoutMetrics", json!({})).await?;
    let size = &size["cssContentSize"];
    let side = |key: &str, most: f64| size[key].as_f64().unwrap_or(most).clamp(1.0, most);
    let (width, height) = (side("width", WIDEST), side("height", TALLEST));
    for scale in [1.0, 0.5] {
        let wanted = json!({
            "format": "png",
            "captureBeyondViewport": true,
            "clip": { "x": 0, "y": 0, "width": width, "height": height, "scale": scale },
        });
        let taken = session.chromium("Page.captureScreenshot", wanted).await?;
        let data = taken["data"].as_str().unwrap_or_default();
        match BASE64.decode(data.as_bytes()) {
            Ok(bytes) if bytes.is_empty() => return Ok(None),
            Ok(bytes) if bytes.len() <= LARGEST => return Ok(Some(bytes)),
            Ok(_) => {}
            Err(error) => return Err(CommandError::Refused(error.to_string())),
        }
    }
    Ok(None)
}

/// One line of the console: when, how grave, where, what.
fn line(line: &Line) -> String {
    let url = line.url.as_deref().unwrap_or("-");
    let place = line.place.map(|(line, column)| format!(":{line}:{column}"));
    let text = line.text.replace(['\n', '\r'], " ");
    let (at, place) = (Moment(line.at), place.unwrap_or_default());
    format!("{at} {:<7} {url}{place} {text}", line.level)
}

fn entry(request: &Request, now: Moment) -> Entry {
    let started_at = Moment((request.sent_at * 1000.0).round() as i64);
    let took_ms = match request.ended {
        Some(ended) => ((ended - request.sent).max(0.0) * 1000.0).round() as u64,
        // It is still under way.
        None => now.since(started_at).as_millis() as u64,
    };
    Entry {
        started_at,
        took_ms,
        phases: phases(request),
        method: request.method.clone(),
        url: request.url.clone(),
        kind: request.kind.clone(),
        request_headers: request.request_headers.clone(),
        request_size: request.request_size,
        sending: None,
        answer: request.answer.clone(),
        received: request.answer.is_some().then_some(request.received),
        failed: request.failed.clone(),
    }
}
