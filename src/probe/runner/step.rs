//! Carrying out one step: its actions, then its expectations, then what it remembers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::ladder::TriedRung;
use super::record::{known_page, signed_out, walled};
use super::{Run, SignIn};
use crate::domain::run::StepReport;
use crate::domain::{Engine, Fault, Outcome, Why};
use crate::http_client::ProxyFinding;
use crate::probe::definition::{
    Action, Capture, CaptureFrom, Choice, DocumentSpec, Part, Request, RequestBody, Step,
};
use crate::probe::document;
use crate::probe::error_pages::PageClass;
use crate::probe::expect;
use crate::probe::form::{Body, Change, Field, FieldValue, File};
use crate::probe::page::{NEEDS_CERTIFICATE, Page, PlainRequest, Snapshot, Trouble};
use crate::probe::reach;
use crate::probe::template::{Name, NoValue, Scope, Template};
use crate::probe::wall;

impl<P: Page> Run<'_, P> {
    /// Carries out a step within its time and reports on it.
    pub(super) async fn step(&mut self, step: &Step) -> StepReport {
        // Waiting for a turn is not the site's slowness. The turn is held while the step
        // lasts, unless it mostly waits: others may act meanwhile.
        let turn = if step.actions.is_empty() {
            None
        } else {
            self.tools.politeness.enter(&self.target.site).await
        };
        let _turn = turn.filter(|_| step.waiting().is_zero());
        let before = self.page.shown();
        self.scope.document.clear();
        self.page.spent();
        self.page.limit_body(step.body_limit);
        self.leave_complaints(before.as_ref());
        let started_at = self.tools.clock.now();
        let start = self.tools.clock.monotonic();
        let is_rung = self
            .flow
            .ladder
            .as_ref()
            .is_some_and(|ladder| ladder.step == step.name.key());
        let held_before = self.holds_already(step, before.as_deref());
        let carried_out = if is_rung {
            Box::pin(self.climb(step, before.clone())).await
        } else {
            Box::pin(self.attempt(step, before.as_ref(), None)).await
        };
        let took = self.tools.clock.monotonic().saturating_sub(start);
        self.left = self
            .left
            .saturating_sub(took.saturating_sub(step.waiting()));
        let mut report = self
            .record(step, carried_out, before.as_ref(), started_at, took)
            .await;
        let passed = matches!(report.outcome, Outcome::Passed | Outcome::Slow);
        report.proves_nothing = passed && held_before;
        if passed && self.document.is_some() {
            self.settle_document().await;
        }
        if let Some(sign_in) = &mut self.sign_in {
            sign_in.done |= passed && signs_in(step, &self.flow.needs);
        }
        report
    }

    /// Whether what a step expects of what it presses is there before it does. What is visited or
    /// requested is a page of its own, and a step that only waits may begin where it ends.
    fn holds_already(&self, step: &Step, before: Option<&Snapshot>) -> bool {
        let loads = |action: &Action| matches!(action, Action::Visit(_) | Action::Request(_));
        let presses = !step.actions.is_empty() && !step.actions.iter().any(loads);
        presses
            && step.mail.is_none()
            && !step.expect.is_empty()
            && before
                .is_some_and(|page| expect::check(&step.expect, page, None, &self.scope).is_ok())
    }

    /// One try of a step, with `rung` in place of the document that it uploads. `before` is the
    /// page that it begins on.
    pub(super) async fn attempt(
        &mut self,
        step: &Step,
        before: Option<&Arc<Snapshot>>,
        rung: Option<&TriedRung>,
    ) -> Result<(), Trouble> {
        let limit = step.timeout.min(self.left);
        if limit.is_zero() {
            let message = format!("the run is over its {}", in_seconds(self.flow.timeout));
            return Err(Trouble::Site(Fault::Timeout, message));
        }
        let mut stop = self.stop.clone();
        let stopped = async {
            let asked = match &mut stop {
                Some(stop) => stop.wait_for(|stop| *stop).await.is_ok(),
                None => false,
            };
            if !asked {
                std::future::pending::<()>().await;
            }
        };
        self.page.limit_time(limit).await?;
        let carrying_out = timeout(limit + step.waiting(), self.carry_out(step, before, rung));
        let done = tokio::select! {
            biased;
            done = carrying_out => done,
            () = stopped => {
                let message = "the run was stopped".to_owned();
                return Err(Trouble::Ours(Why::Stopped, message));
            }
        };
        match done {
            Ok(Ok(())) => Ok(()),
            Ok(Err(trouble)) => Err(self.explained(trouble).await),
            Err(_) => {
                let message = format!("no complete answer within {}", in_seconds(limit));
                let trouble = Trouble::Site(Fault::Timeout, message);
                let trouble = self.page.overdue(trouble).await;
                Err(self.explained(trouble).await)
            }
        }
    }

    /// What it is that nothing came, where that may be the proxy's doing, or ours who have no
    /// certificate to show: a server's word for it can be lost with the connection that it closes.
    async fn explained(&self, trouble: Trouble) -> Trouble {
        let applicants = &self.tools.applicants;
        let site = &self.target.site;
        let Trouble::Site(fault, message) = &trouble else {
            return trouble;
        };
        let Some(proxy) = applicants.proxy() else {
            let shows_none = self.engine == Engine::Browser || !applicants.have_certificate();
            let may_be = shows_none
                && site.scheme() == "https"
                && matches!(fault, Fault::Connect | Fault::Tls);
            return match may_be && applicants.is_asked_for_certificate(site).await {
                true => {
                    let message = format!("{NEEDS_CERTIFICATE}; {message}");
                    Trouble::Ours(Why::NotConfigured, message)
                }
                false => trouble,
            };
        };
        if !matches!(
            fault,
            Fault::Connect | Fault::Dns | Fault::Tls | Fault::Timeout
        ) {
            return trouble;
        }
        match proxy.ask(applicants.resolver(), site).await {
            ProxyFinding::Unreachable(why) => {
                let message = format!("the proxy cannot be reached: {why}");
                Trouble::Ours(Why::Ourselves, message)
            }
            ProxyFinding::Refuses(status) => {
                let message =
                    format!("the proxy does not lead to the site for us: status {status}");
                Trouble::Ours(Why::NotConfigured, message)
            }
            ProxyFinding::SiteUnreachable(status) => {
                let message =
                    format!("the proxy does not reach the site: status {status}; {message}");
                Trouble::Site(Fault::Connect, message)
            }
            ProxyFinding::Leads => trouble,
        }
    }

    async fn carry_out(
        &mut self,
        step: &Step,
        before: Option<&Arc<Snapshot>>,
        rung: Option<&TriedRung>,
    ) -> Result<(), Trouble> {
        self.is_acting = true;
        for (number, action) in step.actions.iter().enumerate() {
            self.act(action, rung).await?;
            if let Action::Visit(address) = action
                && number + 1 < step.actions.len()
            {
                self.not_sent_to_sign_in(step, address)?;
            }
        }
        if let Some(mail) = &step.mail {
            return self.await_mail(mail).await;
        }
        self.is_acting = false;
        self.meet_expectations(step, before.map(|page| &**page))
            .await?;
        let Some(page) = self.page.shown() else {
            return Ok(());
        };
        let captured = expect::capture(&step.capture, &page, &self.scope)?;
        self.scope.captured.extend(captured);
        Ok(())
    }

    /// What a step does to the page that it visits must not be done to the sign-in page that
    /// the site shows in its place.
    fn not_sent_to_sign_in(&self, step: &Step, asked: &Template) -> Result<(), Trouble> {
        let asked = self.target.site.join(&self.expand(asked)?);
        match self.page.shown() {
            Some(page)
                if asked.is_ok_and(|asked| asked.path() != page.url.path())
                    && self.is_signed_out(step, &page) =>
            {
                Err(Trouble::Site(Fault::SessionLost, signed_out(&page)))
            }
            _ => Ok(()),
        }
    }

    async fn act(&mut self, action: &Action, rung: Option<&TriedRung>) -> Result<(), Trouble> {
        self.scope.now = self.tools.clock.now();
        match action {
            Action::Visit(address) => {
                let address = self.address(address)?;
                // What lay on the page before goes with it.
                self.forget_document();
                self.page.visit(&address).await
            }
            Action::Fill(css, text) => {
                let query = css.expand(&self.scope).map_err(ours)?;
                if self.sign_in.is_none() && is_secret(text, &self.flow.needs) {
                    self.sign_in = self.page.shown().map(|page| SignIn {
                        path: page.url.path().to_owned(),
                        field: query.clone(),
                        done: false,
                    });
                }
                let text = self.expand(text)?;
                self.filled.push(text.clone());
                self.page.change(query, Change::Fill(text)).await
            }
            Action::Choose(css, choice) => {
                let change = match choice {
                    Choice::Checked(on) => Change::Check(*on),
                    Choice::Options(options) => {
                        let options = options.iter().map(|option| self.expand(option));
                        Change::Choose(options.collect::<Result<_, _>>()?)
                    }
                };
                let query = css.expand(&self.scope).map_err(ours)?;
                self.page.change(query, change).await
            }
            Action::Upload(css, spec) => {
                let file = make(rung.map_or(*spec, |rung| rung.document)).await?;
                let query = css.expand(&self.scope).map_err(ours)?;
                self.follow_document(Some(query.clone()), rung).await?;
                self.page.change(query, Change::Upload(file)).await
            }
            Action::Submit(css) => {
                let query = css.expand(&self.scope).map_err(ours)?;
                self.page.submit(&query).await
            }
            Action::Click(css) => {
                let query = css.expand(&self.scope).map_err(ours)?;
                self.page.click(&query).await
            }
            Action::Hover(target) => {
                let query = target.expand(&self.scope).map_err(ours)?;
                self.page.hover(&query).await
            }
            Action::Press(key, on) => {
                let query = on.as_ref().map(|on| on.expand(&self.scope));
                let query = query.transpose().map_err(ours)?;
                self.page.press(*key, query.as_ref()).await
            }
            Action::Request(request) => {
                let plain = self.plain(request, rung.map(|rung| rung.document)).await?;
                if plain.body.has_file() {
                    self.follow_document(None, rung).await?;
                }
                self.page.request(plain).await
            }
        }
    }

    /// An address of the flow. One that the site gave leads where the site leads.
    fn address(&self, template: &Template) -> Result<String, Trouble> {
        let address = self.expand(template)?;
        let is_captured = template.beginning().is_empty()
            && matches!(template.names().next(), Some(Name::Captured(_)));
        match self.target.site.join(&address) {
            Ok(url) if is_captured && reach::is_downgrade(&self.target.site, &url) => {
                Err(reach::led_in_clear(&url))
            }
            _ => Ok(address),
        }
    }

    async fn plain(
        &self,
        request: &Request,
        document: Option<DocumentSpec>,
    ) -> Result<PlainRequest, Trouble> {
        let mut headers = Vec::new();
        for (name, value) in &request.headers {
            headers.push((name.clone(), self.expand(value)?));
        }
        let body = match &request.body {
            RequestBody::None => Body::None,
            RequestBody::Json(json) => {
                let json = json.expand(&self.scope).map_err(|error| no_value(&error))?;
                Body::Other("application/json".to_owned(), json.to_string().into())
            }
            RequestBody::Form(fields) => {
                let mut form = url::form_urlencoded::Serializer::new(String::new());
                for (name, value) in fields {
                    form.append_pair(name, &self.expand(value)?);
                }
                Body::Urlencoded(form.finish())
            }
            RequestBody::Multipart(parts) => {
                let mut fields = Vec::new();
                for (name, part) in parts {
                    let value = match part {
                        Part::Text(text) => FieldValue::Text(self.expand(text)?),
                        Part::Document(spec) => {
                            FieldValue::File(make(document.unwrap_or(*spec)).await?)
                        }
                    };
                    fields.push(Field {
                        name: name.clone(),
                        value,
                    });
                }
                Body::Multipart(fields)
            }
            RequestBody::Text(text) => {
                let text = self.expand(text)?;
                Body::Other("text/plain;charset=UTF-8".to_owned(), text.into())
            }
        };
        let address = self.address(&request.path)?;
        Ok(PlainRequest {
            method: request.method.clone(),
            address,
            headers,
            body,
        })
    }

    /// Checks the page, and looks again as long as the step may wait.
    async fn meet_expectations(
        &mut self,
        step: &Step,
        before: Option<&Snapshot>,
    ) -> Result<(), Trouble> {
        if let Some(wait) = step.wait
            && step.expect.is_empty()
            && step.capture.is_empty()
        {
            sleep(wait).await;
            return Ok(());
        }
        self.page.settle().await?;
        let now = || self.tools.clock.monotonic();
        let start = now();
        let mut loaded_at = start;
        let mut pause = self.page.patience().first_after;
        loop {
            self.read_cookies(step).await?;
            let patience = self.page.patience();
            let wait = step.wait.unwrap_or(patience.grace);
            let met = self.meets(step, before).and_then(|()| {
                let Some(page) = self.page.shown() else {
                    return Ok(());
                };
                expect::capture(&step.capture, &page, &self.scope).map(drop)
            });
            let waited = now().saturating_sub(start);
            if met.is_ok() || waited >= wait || step.wait.is_none() && self.is_at_its_end() {
                return met.map_err(|trouble| not_reloaded(step, patience.is_live, trouble));
            }
            let until_reload = match step.reload {
                Some(reload) => reload.saturating_sub(now().saturating_sub(loaded_at)),
                None if patience.is_live => Duration::MAX,
                // Nothing else is going to come of it.
                None => return met.map_err(|trouble| not_reloaded(step, false, trouble)),
            };
            let pause_now = if patience.is_live {
                pause
            } else {
                until_reload
            };
            sleep(pause_now.min(until_reload).min(wait.saturating_sub(waited))).await;
            pause = (2 * pause).min(patience.again_after);
            if step
                .reload
                .is_some_and(|reload| now().saturating_sub(loaded_at) >= reload)
            {
                loaded_at = now();
                self.page.reload().await?;
            } else {
                self.page.look_again().await?;
            }
        }
    }

    /// Reads the page's cookies, where a step captures any.
    async fn read_cookies(&mut self, step: &Step) -> Result<(), Trouble> {
        let is_cookie = |capture: &Capture| matches!(capture.from, CaptureFrom::Cookie(_));
        if step.capture.iter().any(is_cookie) {
            self.scope.cookies = self.page.cookies().await?;
        }
        Ok(())
    }

    /// Whether the site shows a page that nothing else comes of, unless asked again.
    fn is_at_its_end(&self) -> bool {
        let page = self.page.shown();
        let known = page.and_then(|page| self.final_page(&page));
        known.is_some_and(|known| !matches!(known.class, PageClass::Captcha | PageClass::Blank))
    }

    fn meets(&self, step: &Step, before: Option<&Snapshot>) -> Result<(), Trouble> {
        // A step that only changes fields shows no new page, whose status was checked before.
        let Some(page) = self.page.shown() else {
            return Ok(());
        };
        self.tools.readings.recall(&page);
        expect::check(&step.expect, &page, before, &self.scope)?;
        if let Some(wall) = wall::unmistakable(&page) {
            return Err(Trouble::Site(Fault::Captcha, walled(wall, "")));
        }
        match self.error_page(step, &page, false) {
            Some(known) => Err(Trouble::Site(known.fault(), known_page(&known, &page))),
            None => Ok(()),
        }
    }

    pub(super) fn expand(&self, template: &Template) -> Result<String, Trouble> {
        template
            .expand(&self.scope)
            .map_err(|error| no_value(&error))
    }
}

/// What it is that a step waited for a page that was never loaded anew. Over plain HTTP it is the
/// flow's own fault: the page could not become what is expected of it.
fn not_reloaded(step: &Step, is_live: bool, trouble: Trouble) -> Trouble {
    match trouble {
        Trouble::Site(Fault::Content, message) if step.waits_in_vain() => {
            let hint = "`wait` does not load the page anew; `reload = \"10s\"` beside it does";
            match is_live {
                true => Trouble::Site(Fault::Content, format!("{message}; {hint}")),
                false => Trouble::Ours(Why::NotConfigured, format!("{hint}; {message}")),
            }
        }
        trouble => trouble,
    }
}

/// Whether a step fills in a secret.
pub(super) fn signs_in(step: &Step, secrets: &[String]) -> bool {
    step.actions.iter().any(|action| match action {
        Action::Fill(_, text) => is_secret(text, secrets),
        _ => false,
    })
}

fn is_secret(template: &Template, secrets: &[String]) -> bool {
    template
        .names()
        .any(|name| matches!(name, Name::Given(name) | Name::Totp(name) if secrets.contains(name)))
}

/// The names without a value that the step's actions use.
pub(super) fn unknown_names(step: &Step, scope: &Scope) -> BTreeSet<String> {
    let names = step.actions.iter().flat_map(Action::names);
    let is_unknown = |name: &&Name| match name {
        Name::Given(name) => !scope.given.contains_key(name),
        Name::Captured(name) => !scope.captured.contains_key(name),
        Name::Run | Name::Today(_) | Name::Totp(_) => false,
    };
    let unknown = names.filter(is_unknown);
    unknown
        .filter_map(|name| match name {
            Name::Given(name) | Name::Captured(name) => Some(name.clone()),
            Name::Run | Name::Today(_) | Name::Totp(_) => None,
        })
        .collect()
}

/// Drawing a document takes a while the first time, so it is not done on the runtime's threads.
async fn make(spec: DocumentSpec) -> Result<File, Trouble> {
    let DocumentSpec {
        document,
        kind,
        size,
    } = spec;
    let making = tokio::task::spawn_blocking(move || document::make(document, kind, size)).await;
    let bytes = match making {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) => return Err(ours(error.to_string())),
        Err(error) => return Err(ours(error.to_string())),
    };
    Ok(File {
        name: file_name(spec),
        media_type: kind.media_type().to_owned(),
        bytes: bytes.into(),
    })
}

/// The name under which a document is sent.
pub(super) fn file_name(spec: DocumentSpec) -> String {
    format!("{}.{}", spec.document, spec.kind.extension())
}

fn ours(message: String) -> Trouble {
    Trouble::Ours(Why::Ourselves, message)
}

fn no_value(error: &NoValue) -> Trouble {
    Trouble::Ours(Why::NotConfigured, error.to_string())
}

fn in_seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}
