//! The engine with scripts: pages in a real browser, acted on as a person does.
//!
//! Owns one run's page: looking at it, waiting until something can be acted on, and what a
//! browser's complaint says of the site. Must not know flows, nor how browsers are started.

mod act;
mod evidence;
mod front_end;
mod trouble;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use url::Url;

use super::browser::console::Console;
use super::browser::network::{Network, Request};
use super::browser::{Browser, CommandError, Session};
use super::definition::Query;
use super::form::Change;
use super::har::Entry;
use super::http_page::{HttpPage, host_of};
use super::page::{Exchange, Page, Patience, Piece, PlainRequest, Snapshot, Spent, Trouble};
use super::redact::Redactor;
use super::visible_text::VisibleText;
use crate::domain::run::{FrontEnd, Phases};
use crate::domain::{Clock, Fault, Why};

/// The functions that are called in the page.
const SCRIPT: &str = include_str!("browser_page/page.js");
/// How long something may take to appear, or to come to rest, before it is missing.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long until the page is looked at again meanwhile.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// A function of ours that takes longer finds the page busy with itself.
const SCRIPT_WITHIN: Duration = Duration::from_secs(10);
/// How long the browser may take to tell what it saw, once a step has failed.
const TELLS_WITHIN: Duration = Duration::from_secs(3);
/// The most boxes that are answered in one step.
const MOST_PROMPTS: usize = 10;

/// A run's page in a browser.
pub struct BrowserPage {
    browser: Browser,
    clock: Arc<dyn Clock>,
    site: Url,
    hosts: Arc<BTreeSet<String>>,
    /// Sends what no form sends.
    plain: HttpPage,
    limit: Duration,
    body_limit: u64,
    shown: Option<Arc<Snapshot>>,
    /// Whether the page was changed since it was looked at.
    is_stale: bool,
    /// Whether what is shown is the answer to a request, which the browser does not show.
    is_elsewhere: bool,
    network: Network,
    console: Console,
    /// How many of the network's requests were spent before this step.
    spent: usize,
    /// What boxes said in this step.
    prompts: Vec<String>,
    /// When the page was last asked for, on the monotonic clock.
    loaded_at: Duration,
    pause: Duration,
}

/// Where the page stands.
#[derive(Debug, PartialEq)]
struct State {
    is_ready: bool,
    document: f64,
}

impl BrowserPage {
    /// A page of `site` in a fresh browser, reaching only `hosts`; `plain` sends requests
    /// that no form sends. Before each action it pauses so long as told, for people to see.
    pub fn new(
        browser: Browser,
        plain: HttpPage,
        clock: Arc<dyn Clock>,
        site: Url,
        hosts: Arc<BTreeSet<String>>,
        pause: Duration,
    ) -> Self {
        BrowserPage {
            browser,
            clock,
            site,
            hosts,
            plain,
            limit: SCRIPT_WITHIN,
            body_limit: super::flow_file::BODY_LIMIT,
            shown: None,
            is_stale: false,
            is_elsewhere: false,
            network: Network::default(),
            console: Console::default(),
            spent: 0,
            prompts: Vec::new(),
            loaded_at: Duration::ZERO,
            pause,
        }
    }

    /// Takes the browser away.
    pub async fn end(self) {
        self.browser.end().await;
    }

    fn session(&self) -> Result<&Session, Trouble> {
        let gone = || Trouble::Ours(Why::Ourselves, "there is no browser".to_owned());
        self.browser.session().ok_or_else(gone)
    }

    /// Calls a function of the page's script. A box in the way is read and answered first.
    async fn call(&mut self, function: &str, arguments: Vec<Value>) -> Result<Value, Trouble> {
        let body = format!("{SCRIPT}\nreturn {function}(...arguments);");
        loop {
            let session = self.session()?;
            match session
                .script(&body, arguments.clone(), SCRIPT_WITHIN)
                .await
            {
                Ok(value) => return Ok(value),
                Err(CommandError::Prompt) => self.answer_prompt().await?,
                Err(error) => return Err(trouble::of(&error)),
            }
        }
    }

    /// Reads the page's box, remembers it, and agrees to it, as the applicant would who has
    /// just asked for what it asks about.
    async fn answer_prompt(&mut self) -> Result<(), Trouble> {
        let session = self.session()?;
        let Some(text) = session.prompt().await else {
            return Ok(());
        };
        let answered = session.accept_prompt().await;
        if self.prompts.len() >= MOST_PROMPTS {
            let message = format!("the page shows one box after the other, the last: \"{text}\"");
            return Err(Trouble::Site(Fault::Script, message));
        }
        self.prompts.push(text);
        answered.map_err(|error| trouble::of(&error))
    }

    async fn state(&mut self) -> Result<State, Trouble> {
        let state = self.call("state", Vec::new()).await?;
        Ok(State {
            is_ready: state["ready"] == "complete",
            document: state["document"].as_f64().unwrap_or_default(),
        })
    }

    /// Waits until the page is complete. One that never is, is looked at as it stands.
    async fn rest(&mut self) -> Result<(), Trouble> {
        let start = self.clock.monotonic();
        while !self.state().await?.is_ready {
            if self.clock.monotonic().saturating_sub(start) > PATIENCE {
                break;
            }
            sleep(LOOK_AGAIN_AFTER).await;
        }
        Ok(())
    }

    /// Loads an address and looks at it.
    async fn open(&mut self, url: &Url) -> Result<(), Trouble> {
        self.loaded_at = self.clock.monotonic();
        let opened = match self.session()?.open(url, self.limit).await {
            Err(CommandError::Prompt) => self.answer_prompt().await,
            Err(error) => Err(trouble::of(&error)),
            Ok(()) => Ok(()),
        };
        if let Err(trouble) = opened {
            // What was sent belongs to the record of the failure.
            let _ = self.listen().await;
            return Err(trouble);
        }
        self.look().await
    }

    /// Looks at the page once it is at rest.
    async fn look(&mut self) -> Result<(), Trouble> {
        self.rest().await?;
        self.listen().await?;
        let shown = self.call("snapshot", vec![json!(self.body_limit)]).await?;
        let url = shown["url"].as_str().and_then(|url| Url::parse(url).ok());
        let Some(url) = url else {
            return Err(Trouble::Ours(
                Why::Ourselves,
                "the page has no address".to_owned(),
            ));
        };
        if url.scheme() == "chrome-error" || url.scheme() == "about" && self.shown.is_some() {
            return Err(self.unreachable());
        }
        if !matches!(url.scheme(), "http" | "https") {
            let message = format!(
                "the page leads to an address of another kind, `{}:`",
                url.scheme()
            );
            return Err(Trouble::Site(Fault::Content, message));
        }
        let host = host_of(&url);
        let snapshot = self.snapshot(&shown, url);
        self.shown = Some(Arc::new(snapshot));
        self.is_elsewhere = false;
        self.is_stale = false;
        if !self.hosts.contains(&host) {
            let message = format!(
                "the page leads to `{host}`, which this flow may not reach; if it should, name \
                 that host in the flow's `hosts`"
            );
            return Err(Trouble::Site(Fault::Content, message));
        }
        if shown["long"] == true {
            let message = format!("the page is longer than {} bytes", self.body_limit);
            return Err(Trouble::Site(Fault::Content, message));
        }
        Ok(())
    }

    fn snapshot(&self, shown: &Value, url: Url) -> Snapshot {
        let text = |key: &str| shown[key].as_str().unwrap_or_default().to_owned();
        let asked = self.network.page();
        let answer = asked.and_then(|request| request.answer.as_ref());
        let mut headers = HeaderMap::new();
        for (name, value) in answer.iter().flat_map(|answer| &answer.headers) {
            if let (Ok(name), Ok(value)) = (
                HeaderName::try_from(name.as_str()),
                HeaderValue::try_from(value.as_str()),
            ) {
                headers.append(name, value);
            }
        }
        // The bytes are those of a text by now, and in UTF-8.
        let media_type = format!("{};charset=utf-8", text("type"));
        if let Ok(media_type) = HeaderValue::try_from(media_type) {
            headers.insert(header::CONTENT_TYPE, media_type);
        }
        let status = answer.map(|answer| answer.status).or_else(|| {
            let status = shown["status"].as_u64()?;
            u16::try_from(status).ok()
        });
        let method = asked.and_then(|request| Method::from_bytes(request.method.as_bytes()).ok());
        let method = method.unwrap_or(Method::GET);
        let complete = shown["long"] != true;
        if let Some(bare) = shown["bare"].as_str() {
            let body = bare.as_bytes().to_vec();
            return Snapshot::new(status, method, url, headers, body, complete);
        }
        let visible = VisibleText {
            title: text("title"),
            text: text("text"),
            embeds: shown["embeds"] == true,
        };
        let body = text("html").into_bytes();
        Snapshot::new(status, method, url, headers, body, complete).with_visible(visible)
    }

    /// Reads what the network did meanwhile.
    async fn listen(&mut self) -> Result<(), Trouble> {
        let session = self.session()?;
        if !session.is_chromium() {
            return Ok(());
        }
        match session.log("performance").await {
            Ok(entries) => self.network.read(&entries),
            Err(error @ CommandError::Lost(_)) => return Err(trouble::of(&error)),
            // A grid may keep the log to itself; status and headers are then unknown.
            Err(error) => tracing::debug!(%error, "the browser tells no log"),
        }
        Ok(())
    }

    /// What the console has said so far. What it says now is asked for once in a while only:
    /// the driver gathers it meanwhile.
    pub async fn console(&mut self) -> &Console {
        if let Ok(session) = self.session()
            && session.is_chromium()
        {
            match session.log("browser").await {
                Ok(entries) => self.console.read(&entries),
                Err(error) => tracing::debug!(%error, "the browser tells no console"),
            }
        }
        &self.console
    }

    /// Whether an address is the site's own: of a host that the flow may reach, or below
    /// the site's.
    fn is_own(&self, url: &Url) -> bool {
        let site = self.site.host_str().unwrap_or_default();
        let site = site.strip_prefix("www.").unwrap_or(site);
        let below = |host: &str| host == site || host.ends_with(&format!(".{site}"));
        self.hosts.contains(&host_of(url)) || url.host_str().is_some_and(below)
    }

    /// The page did not come: why, by the network's own word.
    fn unreachable(&self) -> Trouble {
        let failed = self.network.requests.iter().rev().find_map(|request| {
            let failed = request.failed.as_ref()?;
            (request.kind == "Document").then_some(failed)
        });
        let failed = failed.map_or("no connection", String::as_str);
        trouble::of(&CommandError::Refused(failed.to_owned()))
    }

    fn address(&self, address: &str) -> Result<Url, Trouble> {
        let url = self.site.join(address);
        url.ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| {
                let message = format!("`{address}` is no address of the web");
                Trouble::Ours(Why::Ourselves, message)
            })
    }
}

impl Page for BrowserPage {
    const PATIENCE: Patience = Patience {
        grace: PATIENCE,
        again_after: LOOK_AGAIN_AFTER,
    };

    async fn visit(&mut self, address: &str) -> Result<(), Trouble> {
        let url = self.address(address)?;
        let host = host_of(&url);
        if !self.hosts.contains(&host) {
            let message = format!(
                "this flow may not reach `{host}`; if it should, name that host in the flow's \
                 `hosts`"
            );
            return Err(Trouble::Ours(Why::NotConfigured, message));
        }
        sleep(self.pause).await;
        self.open(&url).await
    }

    async fn change(&mut self, query: Query, change: Change) -> Result<(), Trouble> {
        self.here(&query)?;
        sleep(self.pause).await;
        self.is_stale = true;
        match change {
            Change::Fill(text) => self.fill(&query, &text).await,
            Change::Choose(options) => self.choose(&query, &options).await,
            Change::Check(on) => self.check(&query, on).await,
            Change::Upload(file) => self.upload(&query, &file).await,
        }
    }

    async fn submit(&mut self, query: &Query) -> Result<(), Trouble> {
        self.here(query)?;
        sleep(self.pause).await;
        self.loaded_at = self.clock.monotonic();
        self.press(query, true).await?;
        self.look().await
    }

    async fn click(&mut self, query: &Query) -> Result<(), Trouble> {
        self.here(query)?;
        sleep(self.pause).await;
        self.loaded_at = self.clock.monotonic();
        self.press(query, false).await?;
        self.look().await
    }

    async fn request(&mut self, request: PlainRequest) -> Result<(), Trouble> {
        self.lend_cookies().await?;
        let answered = self.plain.request(request).await;
        self.take_cookies_back().await?;
        if let Some(shown) = self.plain.shown() {
            self.shown = Some(shown);
            self.is_elsewhere = true;
        }
        answered
    }

    async fn look_again(&mut self) -> Result<(), Trouble> {
        if self.is_elsewhere {
            return self.plain.look_again().await;
        }
        // A page that has had its time is loaded anew, as people do who wait for something.
        let waited = self.clock.monotonic().saturating_sub(self.loaded_at);
        match &self.shown {
            Some(shown) if waited >= PATIENCE && shown.method == Method::GET => {
                let url = shown.url.clone();
                self.open(&url).await
            }
            _ => self.look().await,
        }
    }

    async fn settle(&mut self) -> Result<(), Trouble> {
        if self.is_stale && !self.is_elsewhere {
            return self.look().await;
        }
        Ok(())
    }

    async fn back_to(&mut self, snapshot: Arc<Snapshot>) -> Result<(), Trouble> {
        let url = snapshot.url.clone();
        self.visit(url.as_str()).await
    }

    fn limit_body(&mut self, bytes: u64) {
        self.body_limit = bytes;
        self.plain.limit_body(bytes);
    }

    async fn limit_time(&mut self, limit: Duration) -> Result<(), Trouble> {
        self.prompts.clear();
        if limit == self.limit {
            return Ok(());
        }
        self.limit = limit;
        // The driver's limit comes before the step's own, so that it can say what it waited for.
        let page = limit.mul_f64(0.9);
        let limited = self.session()?.limit(page, SCRIPT_WITHIN.min(page)).await;
        limited.map_err(|error| trouble::of(&error))
    }

    async fn overdue(&mut self, trouble: Trouble) -> Trouble {
        match self.session() {
            Ok(session) if session.is_there().await => trouble,
            Ok(_) => Trouble::Ours(
                Why::Ourselves,
                "the browser does not answer any more".to_owned(),
            ),
            Err(ours) => ours,
        }
    }

    async fn front_end(&mut self) -> Option<FrontEnd> {
        if self.is_elsewhere {
            return None;
        }
        let asked = timeout(TELLS_WITHIN, async {
            self.listen().await.is_ok() && {
                self.console().await;
                true
            }
        });
        if !matches!(asked.await, Ok(true)) {
            tracing::debug!("the browser does not tell what it saw");
        }
        front_end::found(&self.network, &self.console, |url| self.is_own(url))
    }

    fn shown(&self) -> Option<Arc<Snapshot>> {
        self.shown.clone()
    }

    async fn requests(&mut self) -> Vec<Entry> {
        self.all_requests().await
    }

    async fn evidence(&mut self, redactor: &Redactor, pieces: &mut Vec<Piece>) {
        self.take_evidence(redactor, pieces).await;
    }

    fn spent(&mut self) -> Spent {
        let mut spent = self.plain.spent();
        let requests = self.network.requests.get(self.spent..).unwrap_or_default();
        for request in requests {
            let Ok(url) = Url::parse(&request.url) else {
                continue;
            };
            let phases = phases(request);
            let status = request.answer.as_ref().map(|answer| answer.status);
            if request.is_page {
                spent.redirects += u32::from(status.is_some_and(|s| (300..400).contains(&s)));
                spent.phases.resolve += phases.resolve;
                spent.phases.connect += phases.connect;
                spent.phases.tls += phases.tls;
                spent.phases.first_byte += phases.first_byte;
                spent.phases.transfer += phases.transfer;
            }
            if matches!(request.kind.as_str(), "Document" | "XHR" | "Fetch") {
                spent.exchanges.push(Exchange {
                    method: Method::from_bytes(request.method.as_bytes()).unwrap_or_default(),
                    url,
                    status,
                    phases,
                });
            }
        }
        self.spent = self.network.requests.len();
        spent
    }
}

/// Where a request's time went, by Chromium's `ResourceTiming`.
fn phases(request: &Request) -> Phases {
    let Some(answer) = &request.answer else {
        return Phases::default();
    };
    let at = |key: &str| answer.timing[key].as_f64().filter(|at| *at >= 0.0);
    let between = |from: &str, to: &str| match (at(from), at(to)) {
        (Some(from), Some(to)) if to > from => (to - from).round() as u64,
        _ => 0,
    };
    let tls = between("sslStart", "sslEnd");
    let began = answer.timing["requestTime"]
        .as_f64()
        .unwrap_or(request.sent);
    let headers = at("receiveHeadersEnd").unwrap_or_default() / 1000.0;
    let transfer = request.ended.map_or(0.0, |ended| ended - began - headers);
    Phases {
        resolve: between("dnsStart", "dnsEnd"),
        connect: between("connectStart", "connectEnd").saturating_sub(tls),
        tls,
        first_byte: between("sendStart", "receiveHeadersEnd"),
        transfer: (transfer.max(0.0) * 1000.0).round() as u64,
    }
}
