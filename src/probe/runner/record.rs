//! What is written down of a step, and the fault that it really was.

use std::sync::Arc;
use std::time::Duration;

use super::step::signs_in;
use super::{Run, Tools};
use crate::domain::run::{
    AssetKind, CertificateExpiry, CertificateRole, ErrorPage, FrontEnd, Phases, ScriptError,
    StepReport,
};
use crate::domain::{ComponentId, Fault, Moment, Outcome, Why, report};
use crate::probe::definition::Step;
use crate::probe::delivery::Verdict;
use crate::probe::dom::named;
use crate::probe::error_pages::{Content, Extent, Found, Met, PageClass, Recognised};
use crate::probe::expect;
use crate::probe::fingerprint::fingerprint_of;
use crate::probe::flow_file::MONITOR;
use crate::probe::page::{
    NEEDS_CERTIFICATE, Page, Snapshot, Trouble, asks_for_certificate, cached, milliseconds, quoted,
};
use crate::probe::wall;

/// The most characters of a message.
const MESSAGE_KEPT: usize = 300;
/// The most characters of a text of the front end's.
const FRONT_END_KEPT: usize = 160;

impl<P: Page> Run<'_, P> {
    pub(super) async fn record(
        &mut self,
        step: &Step,
        carried_out: Result<(), Trouble>,
        before: Option<&Arc<Snapshot>>,
        started_at: Moment,
        took: Duration,
    ) -> StepReport {
        let walled_request = match &carried_out {
            Err(Trouble::Site(..)) if step.mail.is_none() => self.page.walled_request(),
            _ => None,
        };
        let front_end = match &carried_out {
            Err(Trouble::Site(..)) if step.mail.is_none() => self.page.front_end().await,
            _ => None,
        };
        let spent = self.page.spent();
        let has_failed = carried_out.is_err();
        self.remember_for_cleanup(step, has_failed, before, &spent.exchanges);
        let shown = self.page.shown();
        let is_new = match (&shown, before) {
            (Some(shown), Some(before)) => !Arc::ptr_eq(shown, before),
            (shown, _) => shown.is_some(),
        };
        let answer = shown.as_ref().filter(|_| is_new);
        let mut report = untouched(step, Outcome::Passed, started_at, None);
        report.took_ms = milliseconds(took);
        report.phases = spent.phases;
        report.redirects = spent.redirects;
        report.certificates.clone_from(&spent.certificates);
        report.certificate_expires_at = spent.certificate_expires_at;
        report.status = answer.and_then(|page| page.status);
        report.final_url = answer.map(|page| self.redactor.addresses(page.url.as_str()));
        if let Some(slow) = step.slow.filter(|slow| took > *slow) {
            report.outcome = Outcome::Slow;
            report.message = Some(format!("it should take {} s at most", slow.as_secs_f64()));
        }
        report.notes = self.page.network_notes().await;
        report
            .notes
            .extend(expires_soon(&spent.certificates, started_at));
        let Err(trouble) = carried_out else {
            report.notes.extend(answer.and_then(|page| cached(page)));
            return report;
        };
        let verdict = match &trouble {
            Trouble::Site(..) if step.mail.is_none() => self.verdict(shown.as_ref()).await,
            _ => Verdict::Open,
        };
        let on_page = matches!(
            trouble,
            Trouble::Site(
                Fault::Status
                    | Fault::Content
                    | Fault::ErrorPage
                    | Fault::Captcha
                    | Fault::SessionLost,
                _
            )
        );
        // A page of an earlier step is no evidence of a connection that failed.
        let met = if on_page && step.mail.is_none() {
            shown.as_ref()
        } else {
            answer
        };
        let front_end = front_end.map(|seen| self.masked(seen));
        // A page whose script is broken shows less than it is.
        let is_whole = front_end.as_ref().and_then(broken_script).is_none();
        let wall = met.and_then(|page| match is_whole {
            true => wall::in_place_of_the_page(page),
            false => wall::unmistakable(page),
        });
        let (trouble, known) = match (trouble, wall.or(walled_request)) {
            (Trouble::Site(fault, message), Some(wall)) if step.mail.is_none() => {
                let message = match fault {
                    Fault::Captcha => message,
                    _ => walled(wall, &message),
                };
                (Trouble::Site(Fault::Captcha, message), None)
            }
            (trouble, _) => self.judge(step, trouble, met, verdict, front_end.as_ref()),
        };
        let trouble = match self.rightly_refused(trouble) {
            Trouble::Site(_, message) if met.is_some_and(|page| asks_for_certificate(page)) => {
                let message = format!("{NEEDS_CERTIFICATE}; {message}");
                Trouble::Ours(Why::NotConfigured, message)
            }
            // What is there for robots tells nothing of what people meet.
            Trouble::Site(Fault::Captcha, message) => Trouble::Ours(Why::Blocked, message),
            trouble => trouble,
        };
        let (outcome, message) = match trouble {
            Trouble::Site(fault, message) => {
                let request = spent
                    .exchanges
                    .last()
                    .filter(|_| !on_page && step.mail.is_none());
                let message = match request.map(|last| (&last.method, last.url.path())) {
                    Some((method, path)) => format!("{message} ({method} {path})"),
                    None => message,
                };
                (Outcome::Failed(fault), message)
            }
            Trouble::Ours(why, message) => (Outcome::Inconclusive(why), message),
        };
        report.outcome = outcome;
        // What no script could send says nothing of what the site takes.
        if outcome == Outcome::Failed(Fault::Script) {
            self.rung.take_if(|rung| rung.step == step.name.key());
        }
        let remarks = self.page.remarks();
        let message = [vec![message], remarks].concat().join("; ");
        report.message = Some(shortened(&self.redactor.text(&message)));
        // The page that a script leaves unfinished is the usual one.
        let is_usual = outcome == Outcome::Failed(Fault::Script);
        let is_blocked = outcome == Outcome::Inconclusive(Why::Blocked);
        if let Some(page) = met.filter(|page| page.complete && (on_page && !is_usual || is_blocked))
        {
            let (fingerprint, title) = fingerprint_of(page.visible());
            report.error_page = Some(ErrorPage {
                pattern: known.map(|known| known.key),
                fingerprint,
                title: self.redactor.text(&title),
            });
        }
        if matches!(outcome, Outcome::Failed(_)) {
            report.front_end = front_end;
            report.evidence = self.keep(&report, met, &spent).await;
        }
        report
    }

    /// What the trouble really is, seen on the page that it was met on.
    fn judge(
        &self,
        step: &Step,
        trouble: Trouble,
        page: Option<&Arc<Snapshot>>,
        verdict: Verdict,
        front_end: Option<&FrontEnd>,
    ) -> (Trouble, Option<Recognised>) {
        if let (Trouble::Site(_, message), Verdict::Refused(why)) = (&trouble, &verdict) {
            let message = format!("the document is refused: {why}; {message}");
            return (Trouble::Site(Fault::UploadRefused, message), None);
        }
        let (Trouble::Site(fault, message), Some(page)) = (&trouble, page) else {
            return (trouble, None);
        };
        if !matches!(
            fault,
            Fault::Status | Fault::Content | Fault::ErrorPage | Fault::Captcha | Fault::SessionLost
        ) {
            return (trouble, None);
        }
        if let Some(known) = self.error_page(step, page, true) {
            let message = known_page(&known, page);
            return (Trouble::Site(known.fault(), message), Some(known));
        }
        if self.is_signed_out(step, page) {
            let trouble = Trouble::Site(Fault::SessionLost, signed_out(page));
            return (trouble, None);
        }
        if let Verdict::Failed(fault, what) = verdict {
            return (Trouble::Site(fault, format!("{what}; {message}")), None);
        }
        // Before a refusal: what no script could send nobody has refused.
        if let (Fault::Content, Some((fault, broken))) = (fault, front_end.and_then(broken_script))
            && page.status.is_none_or(|status| status < 300)
        {
            let message = format!("{broken}; {message}");
            return (Trouble::Site(fault, message), None);
        }
        if let (Fault::Status | Fault::Content, Verdict::Complained(complaint)) = (fault, verdict) {
            let complaint = quoted(&complaint);
            let message = match message.contains(&complaint) {
                true => format!("the document is refused: {message}"),
                false => format!("the document is refused: the page says {complaint}; {message}"),
            };
            return (Trouble::Site(Fault::UploadRefused, message), None);
        }
        if let (Fault::Content, Some(status)) = (fault, page.status)
            && status >= 400
            && !step.expect.status.contains(&status)
        {
            let message = format!("the status is {status}, and {message}");
            return (Trouble::Site(Fault::Status, message), None);
        }
        (trouble, None)
    }

    /// A document over the site's own limit is refused by right. Where its refusal comes only
    /// after the step that put it on the page, there is no way back to try an ordinary one.
    fn rightly_refused(&mut self, trouble: Trouble) -> Trouble {
        let Trouble::Site(Fault::UploadRefused, message) = trouble else {
            return trouble;
        };
        match self.refused_rung() {
            Some(rung) if !rung.allowed => {
                let hint = "it is over the ladder's limit, so that is right; send it in the ladder's own step";
                Trouble::Ours(Why::Ourselves, format!("{message}; {hint}"))
            }
            _ => Trouble::Site(Fault::UploadRefused, message),
        }
    }

    /// What was seen of the front end, as it may be written down.
    fn masked(&self, mut seen: FrontEnd) -> FrontEnd {
        let mask = |text: &mut String| {
            let clean = report::clean(&self.redactor.text(text)).replace('\n', " ");
            *text = cut(&clean, FRONT_END_KEPT);
        };
        if let Some(error) = &mut seen.error {
            mask(&mut error.message);
            mask(&mut error.source);
        }
        if let Some(asset) = &mut seen.asset {
            mask(&mut asset.path);
            asset.error.iter_mut().for_each(mask);
        }
        seen
    }

    /// Whether a step that needs a session met the page to sign in on.
    pub(super) fn is_signed_out(&self, step: &Step, page: &Snapshot) -> bool {
        let done = self.sign_in.as_ref().is_some_and(|sign_in| sign_in.done);
        done && !signs_in(step, &self.flow.needs) && self.is_sign_in(page)
    }

    /// Whether a page is the one where the run signed in: other pages may have its address.
    pub(super) fn is_sign_in(&self, page: &Snapshot) -> bool {
        self.sign_in.as_ref().is_some_and(|sign_in| {
            page.url.path() == sign_in.path && !named::find(&page.dom(), &sign_in.field).is_empty()
        })
    }

    /// The known error page that a step met, if it is one; `failed` where the step has failed.
    pub(super) fn error_page(
        &self,
        step: &Step,
        page: &Snapshot,
        failed: bool,
    ) -> Option<Recognised> {
        let found = self.patterns_on(page);
        if found.is_empty() {
            return None;
        }
        // What a step acts on or captures is as much a part of the page as what it expects.
        let is_missing = failed
            && (self.is_acting || expect::capture(&step.capture, page, &self.scope).is_err());
        let content = match is_missing {
            true => Content::Missing,
            false => expect::content(&step.expect, page, &self.scope),
        };
        let met = Met {
            status: page.status,
            is_status_meant: page
                .status
                .is_some_and(|status| status >= 400 && step.expect.status.contains(&status)),
            content,
        };
        // A captcha in a form that asks for more is a part of the form.
        let is_wall = |found: &Found| {
            found.page.class != PageClass::Captcha
                || found.extent == Extent::Whole
                || !wall::has_a_form_of_its_own(page)
        };
        let is_met =
            |found: &Found| met.is_error_page(found.page.class, found.extent) && is_wall(found);
        found.into_iter().find(is_met).map(|found| found.page)
    }

    /// The known error page that a page is and nothing else, whatever a step expects.
    pub(super) fn final_page(&self, page: &Snapshot) -> Option<Recognised> {
        let is_final = |found: &Found| found.extent.is_final(page.status);
        let found = self.patterns_on(page).into_iter().find(is_final);
        found.map(|found| found.page)
    }

    /// The patterns of known error pages that a page fits.
    pub(super) fn patterns_on(&self, page: &Snapshot) -> Vec<Found> {
        if self.tools.error_pages.is_empty() || !page.is_html() || !page.complete {
            return Vec::new();
        }
        let Tools {
            readings,
            error_pages,
            ..
        } = self.tools;
        readings.found_on(page, error_pages)
    }
}

/// What operators read of a step that met a wall for robots; `met` is what else it met, if
/// anything.
pub(super) fn walled(wall: &str, met: &str) -> String {
    let parting = if met.is_empty() { "" } else { "; " };
    format!("{wall} keeps the monitor out, though perhaps not people{parting}{met}")
}

/// So long before a certificate expires it is noted; the rules of the dashboards tell it, too.
const NOTED_BEFORE: Duration = Duration::from_secs(14 * 86_400);

/// What operators read of certificates that expire soon.
fn expires_soon(certificates: &[CertificateExpiry], now: Moment) -> Vec<String> {
    let soon = certificates
        .iter()
        .filter(|certificate| certificate.expires_at.since(now) < NOTED_BEFORE);
    let note = |certificate: &CertificateExpiry| {
        let (host, at) = (&certificate.host, certificate.expires_at);
        let which = match certificate.certificate {
            CertificateRole::Leaf => "the certificate",
            CertificateRole::Chain => "a certificate of an authority, as sent,",
        };
        format!("{which} of `{host}` expires at {at}")
    };
    soon.map(note).collect()
}

/// What operators read of a known error page.
pub(super) fn known_page(known: &Recognised, page: &Snapshot) -> String {
    let Recognised { key, name_en, .. } = known;
    match page.status {
        Some(status) => {
            format!("the site shows an error page, with status {status}: {name_en} (`{key}`)")
        }
        None => format!("the site shows an error page: {name_en} (`{key}`)"),
    }
}

/// A message of a length that people read; only what is masked already may be cut.
fn shortened(message: &str) -> String {
    cut(message, MESSAGE_KEPT)
}

fn cut(message: &str, most: usize) -> String {
    match message.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", message[..end].trim_end()),
        None => message.to_owned(),
    }
}

/// What operators read of a page whose script is missing or stops; `None` where neither is so. One
/// that stops because the server breaks on what it asks for is as it should be.
fn broken_script(seen: &FrontEnd) -> Option<(Fault, String)> {
    let asset = seen.asset.as_ref();
    if let Some(asset) = asset.filter(|asset| asset.kind == AssetKind::Script) {
        let path = &asset.path;
        let how = match asset.status {
            Some(status) => format!("answers {status}"),
            None => "does not come".to_owned(),
        };
        let message = format!("a script of the page is missing: `{path}` {how}");
        return Some((Fault::Script, message));
    }
    let ScriptError { message, source } = seen.error.as_ref()?;
    let stops = format!("a script of the page stops with an error: {message} (`{source}`)");
    let unanswered = asset.and_then(|asset| Some((&asset.path, asset.status?)));
    match unanswered {
        Some((path, status)) if status >= 500 => {
            let message =
                format!("what a script asks for (`{path}`) answers {status}, and {stops}");
            Some((Fault::Status, message))
        }
        _ => Some((Fault::Script, stops)),
    }
}

/// What operators read of a session that was lost.
pub(super) fn signed_out(page: &Snapshot) -> String {
    let path = page.url.path();
    format!("signed out in the middle: the site asks to sign in again (`{path}`)")
}

/// The record of a step that did nothing.
pub(super) fn untouched(
    step: &Step,
    outcome: Outcome,
    now: Moment,
    message: Option<String>,
) -> StepReport {
    StepReport {
        name: step.name.clone(),
        component: step.component.clone().unwrap_or_else(monitor),
        outcome,
        message,
        started_at: now,
        took_ms: 0,
        phases: Phases::default(),
        status: None,
        final_url: None,
        redirects: 0,
        certificate_expires_at: None,
        certificates: Vec::new(),
        error_page: None,
        front_end: None,
        evidence: Vec::new(),
        cleanup: false,
        proves_nothing: false,
        notes: Vec::new(),
    }
}

/// Cleanup speaks for no component; the record needs one all the same.
#[allow(clippy::expect_used, reason = "a constant")]
fn monitor() -> ComponentId {
    ComponentId::parse(MONITOR).expect("a constant")
}
