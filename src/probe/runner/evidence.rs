//! What is kept of a failed step. Taking it never changes what the run found: what cannot be
//! had or kept is told in the log.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use super::{Run, record};
use crate::domain::run::{EvidenceRef, StepReport};
use crate::evidence::{EvidenceError, EvidenceStore};
use crate::pictures::Reader;
use crate::probe::document;
use crate::probe::har;
use crate::probe::page::{Page, Piece, Snapshot, Spent};
use crate::probe::redact::Redactor;
use crate::probe::waterfall;

/// How long the engine may take to show what it can of a failure.
const WITHIN: Duration = Duration::from_secs(20);
/// The most of a page that is kept, in bytes.
const PAGE_KEPT: usize = 1_000_000;
/// The largest piece, in bytes.
const LARGEST: usize = 4 << 20;
/// The most that a run keeps, in bytes.
pub(super) const MOST_OF_A_RUN: usize = 12 << 20;
/// What a step fills in and is longer than this, in bytes, is taken for somebody's data.
const SHORTEST_FILLED: usize = 6;

const TEXT: &str = "text/plain;charset=utf-8";

impl<P: Page> Run<'_, P> {
    /// Takes and keeps the evidence of the failure that `report` tells, with `met` as the
    /// page that it was met on.
    pub(super) async fn keep(
        &mut self,
        report: &StepReport,
        met: Option<&Arc<Snapshot>>,
        spent: &Spent,
    ) -> Vec<EvidenceRef> {
        let Some(store) = self.tools.evidence.clone() else {
            return Vec::new();
        };
        let redactor = self.strict();
        let timings = timings(report, spent, &redactor);
        let mut pieces = Vec::new();
        // Of the same failure again and again, a few an hour tell as much as all.
        if store.is_wanted(&self.sort_of(report), report.started_at) {
            // Dropped where it takes too long; what there is by then is kept.
            if timeout(WITHIN, self.take(report, met, redactor, &mut pieces))
                .await
                .is_err()
            {
                tracing::warn!(step = report.name.key(), "evidence took too long to take");
            }
        }
        pieces.push(Piece::new("timings", "application/json", timings));
        self.put_away(&store, pieces).await
    }

    /// What makes two failures the same. Nothing of it is the site's own word: one that shows
    /// another error page each time would fill the disk.
    fn sort_of(&self, report: &StepReport) -> String {
        format!(
            "{}\n{}\n{}\n{}\n{:?}",
            self.flow.key,
            self.target.vantage,
            self.engine,
            report.name.key(),
            report.outcome
        )
    }

    /// Masks besides the run's secrets whatever else may be somebody's data.
    fn strict(&self) -> Redactor {
        let mut redactor = self.redactor.clone();
        for (name, value) in document::personal() {
            redactor.add(name, value);
        }
        for value in &self.filled {
            if value.len() >= SHORTEST_FILLED {
                redactor.add("filled", value);
            }
        }
        redactor
    }

    async fn take(
        &mut self,
        report: &StepReport,
        met: Option<&Arc<Snapshot>>,
        mut redactor: Redactor,
        pieces: &mut Vec<Piece>,
    ) {
        let entries = self.page.requests().await;
        for entry in &entries {
            if let Some(answer) = &entry.answer {
                redactor.learn_cookies(&answer.headers);
            }
        }
        let page = met.filter(|page| !page.body.is_empty() && is_text(page));
        if let Some(page) = page {
            redactor.learn_tokens(page.text());
            pieces.push(self.page_piece(page, &redactor));
        }
        if let Some(page) = met {
            let status = page
                .status
                .map_or(String::new(), |status| format!("HTTP {status}\n"));
            let headers = format!("{status}{}", redactor.headers(&page.headers));
            let remote = entries
                .iter()
                .rev()
                .find(|entry| entry.url == page.url.as_str())
                .and_then(|entry| entry.answer.as_ref()?.remote.as_deref());
            let remote = remote.map_or(String::new(), |at| format!("(answered by {at})\n"));
            pieces.push(Piece::new("headers", TEXT, format!("{remote}{headers}")));
        }
        let mut steps: Vec<(String, _)> = self
            .done
            .iter()
            .map(|step| (step.name.en().to_owned(), step.started_at))
            .collect();
        steps.push((report.name.en().to_owned(), report.started_at));
        let archive = har::archive(&entries, &steps, &redactor);
        pieces.push(Piece::new("har", "application/json", archive));
        let of_step: Vec<har::Entry> = entries
            .into_iter()
            .filter(|entry| entry.started_at >= report.started_at)
            .collect();
        if let Some(uploads) = har::uploads(&of_step, &redactor) {
            pieces.push(Piece::new("upload", TEXT, uploads));
        }
        pieces.push(Piece::new("waterfall", "image/svg+xml", self.drawn(report)));
        self.page.evidence(&redactor, pieces).await;
        let shown = pieces
            .iter()
            .find(|piece| piece.kind == "screenshot" && piece.is_bare && is_public(report));
        if let Some(screenshot) = shown {
            let png = screenshot.bytes.clone();
            match self.tools.drawer.draw(png, Reader::Public).await {
                Ok(drawn) => {
                    pieces.push(Piece::new(
                        "public-screenshot",
                        drawn.media_type,
                        drawn.bytes,
                    ));
                }
                Err(error) => tracing::warn!(%error, "no picture for the public was drawn"),
            }
        }
    }

    fn page_piece(&self, page: &Snapshot, redactor: &Redactor) -> Piece {
        let text = page.text();
        // Masked before it is cut, so that no half of a secret is left at the end.
        let most = text.floor_char_boundary(2 * PAGE_KEPT);
        let mut masked = redactor.addresses(&text[..most]);
        masked.truncate(masked.floor_char_boundary(PAGE_KEPT));
        let kind = if page.is_html() {
            "text/html;charset=utf-8"
        } else {
            TEXT
        };
        Piece::new("page", kind, masked)
    }

    /// The run up to here, and what it did not reach.
    fn drawn(&self, report: &StepReport) -> String {
        let mut steps = self.done.clone();
        steps.push(report.clone());
        let is_cleanup = self.done.len() >= self.flow.steps.len();
        let rest = self.flow.steps.iter().skip(steps.len());
        if !is_cleanup {
            let now = self.tools.clock.now();
            let outcome = crate::domain::Outcome::NotReached;
            steps.extend(rest.map(|step| record::untouched(step, outcome, now, None)));
        }
        waterfall::svg(self.flow.name.en(), &steps)
    }

    async fn put_away(&mut self, store: &EvidenceStore, pieces: Vec<Piece>) -> Vec<EvidenceRef> {
        let mut kept = Vec::new();
        for piece in pieces {
            let kind = piece.kind;
            let size = piece.bytes.len();
            if size > LARGEST || self.kept + size > MOST_OF_A_RUN {
                tracing::warn!(kind, size, "a piece of evidence is too large to keep");
                continue;
            }
            match store.keep(kind, piece.media_type, &piece.bytes).await {
                Ok(reference) => {
                    self.kept += size;
                    kept.push(reference);
                }
                Err(
                    error @ (EvidenceError::Full(_)
                    | EvidenceError::Reserved
                    | EvidenceError::OfTheDay),
                ) => {
                    tracing::warn!(%error, "no more evidence is kept of this failure");
                    break;
                }
                Err(error) => tracing::warn!(%error, kind, "evidence was not kept"),
            }
        }
        kept
    }
}

/// Whether everybody may see the picture of the page that a step failed on, if there is
/// nothing on it that was masked or filled in: a known error page, or the server's own
/// admission that it failed.
fn is_public(report: &StepReport) -> bool {
    let Some(page) = &report.error_page else {
        return false;
    };
    page.pattern.is_some() || report.status.is_some_and(|status| status >= 500)
}

fn timings(report: &StepReport, spent: &Spent, redactor: &Redactor) -> String {
    let exchanges: Vec<_> = spent
        .exchanges
        .iter()
        .map(|exchange| {
            json!({
                "method": exchange.method.as_str(),
                "url": redactor.addresses(exchange.url.as_str()),
                "status": exchange.status,
                "phases_ms": exchange.phases,
            })
        })
        .collect();
    json!({
        "step": report.name.en(),
        "started_at": report.started_at.to_string(),
        "took_ms": report.took_ms,
        "outcome": report.outcome,
        "message": report.message,
        "requests": exchanges,
    })
    .to_string()
}

fn is_text(page: &Snapshot) -> bool {
    let media_type = page.media_type();
    page.is_html()
        || media_type.is_empty()
        || media_type.starts_with("text/")
        || ["json", "xml", "javascript"]
            .into_iter()
            .any(|kind| media_type.contains(kind))
}
