//! The engine with scripts: pages in a real browser, acted on as a person does.
//!
//! Owns one run's page: looking at it, waiting until something can be acted on, and what a
//! browser's complaint says of the site. Must not know flows, nor how browsers are started.

mod act;
mod trouble;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use tokio::time::sleep;
use url::Url;

use super::browser::network::{Answer, Network, Request};
use super::browser::{Browser, CommandError, Session};
use super::definition::Query;
use super::form::Change;
use super::http_page::{ALLOWING, HttpPage, host_of};
use super::page::{
    Exchange, Page, Patience, PlainRequest, Snapshot, Spent, Trouble, download, no_page, quoted,
};
use super::visible_text::VisibleText;
use crate::domain::run::Phases;
use crate::domain::{Clock, Fault, Why};

/// The functions that are called in the page.
const SCRIPT: &str = include_str!("browser_page/page.js");
/// How long something may take to appear, or to come to rest, before it is missing.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long until the page is looked at again for the first time; then twice as long …
const FIRST_LOOK_AFTER: Duration = Duration::from_millis(10);
/// … up to this.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// A function of ours that takes longer finds the page busy with itself.
const SCRIPT_WITHIN: Duration = Duration::from_secs(10);
/// The most boxes that are answered in one step.
const MOST_PROMPTS: usize = 10;
/// The most hosts that are told of which pages wanted and did not get.
const MOST_REFUSED: usize = 3;
/// Chromium's word for an error status without a body, for which it shows a page of its own.
const NO_ERROR_PAGE: &str = "ERR_HTTP_RESPONSE_CODE_FAILURE";

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
    /// How many of the network's requests were spent before this step.
    spent: usize,
    /// What boxes said in this step.
    prompts: Vec<String>,
    /// The hosts that pages of this step wanted and did not get.
    refused: BTreeSet<String>,
    /// When the page was last asked for, on the monotonic clock.
    loaded_at: Duration,
    /// The document that is never complete, by the moment at which it began.
    endless: f64,
    /// How many documents have been put on fields.
    uploads: usize,
    pause: Duration,
}

/// Waiting for something to come about, looking ever less often.
struct Wait {
    clock: Arc<dyn Clock>,
    start: Duration,
    pause: Duration,
}

impl Wait {
    fn is_over(&self) -> bool {
        self.clock.monotonic().saturating_sub(self.start) > PATIENCE
    }

    async fn pause(&mut self) {
        sleep(self.pause).await;
        self.pause = (2 * self.pause).min(LOOK_AGAIN_AFTER);
    }
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
            spent: 0,
            prompts: Vec::new(),
            refused: BTreeSet::new(),
            loaded_at: Duration::ZERO,
            endless: 0.0,
            uploads: 0,
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

    fn waiting(&self) -> Wait {
        Wait {
            clock: Arc::clone(&self.clock),
            start: self.clock.monotonic(),
            pause: FIRST_LOOK_AFTER,
        }
    }

    /// Loads an address and looks at it.
    async fn open(&mut self, url: &Url) -> Result<(), Trouble> {
        self.loaded_at = self.clock.monotonic();
        let opened = match self.session()?.open(url, self.limit).await {
            Err(CommandError::Prompt) => self.answer_prompt().await,
            // An error without a page of its own; the browser shows one of its.
            Err(CommandError::Refused(message)) if message.contains(NO_ERROR_PAGE) => Ok(()),
            Err(error) => Err(trouble::of(&error)),
            Ok(()) => Ok(()),
        };
        if let Err(trouble) = opened {
            // What was sent belongs to the record of the failure.
            let begun = self.network.requests.len();
            let _ = self.listen().await;
            self.refuse_download(begun)?;
            self.refuse_host()?;
            return Err(trouble);
        }
        self.look().await
    }

    /// The page once it is complete, or as it stands where it never is.
    async fn complete(&mut self) -> Result<Value, Trouble> {
        let mut wait = self.waiting();
        loop {
            let forced = wait.is_over();
            let arguments = vec![json!(self.body_limit), json!(forced), json!(self.endless)];
            let shown = self.call("snapshot", arguments).await?;
            if forced && let Some(document) = shown["document"].as_f64() {
                self.endless = document;
            }
            if shown["html"].is_string() {
                return Ok(shown);
            }
            wait.pause().await;
        }
    }

    /// Looks at the page once it is at rest.
    async fn look(&mut self) -> Result<(), Trouble> {
        let shown = self.complete().await?;
        self.listen().await?;
        let url = shown["url"].as_str().and_then(|url| Url::parse(url).ok());
        let Some(url) = url else {
            let message = "the page has no address".to_owned();
            return Err(Trouble::Ours(Why::Ourselves, message));
        };
        self.is_elsewhere = false;
        self.is_stale = false;
        match url.scheme() {
            "http" | "https" => {}
            "chrome-error" => return self.not_come(),
            "about" if url.path() == "neterror" => return self.not_come(),
            scheme => {
                let message = format!("the page leads to an address of another kind, `{scheme}:`");
                return Err(Trouble::Site(Fault::Content, message));
            }
        }
        let host = host_of(&url);
        let name = shown["name"].as_str().unwrap_or_default();
        let asked = self.network.document(name).or(self.network.page());
        let broke = asked.and_then(|asked| asked.failed.clone());
        let snapshot = snapshot(&shown, url, asked);
        self.shown = Some(Arc::new(snapshot));
        if !self.hosts.contains(&host) {
            return Err(leads_to(&host));
        }
        if shown["long"] == true {
            let message = format!("the page is longer than {} bytes", self.body_limit);
            return Err(Trouble::Site(Fault::Content, message));
        }
        match broke {
            Some(broke) if !broke.contains("ERR_ABORTED") => {
                Err(trouble::of(&CommandError::Refused(broke)))
            }
            _ => Ok(()),
        }
    }

    /// A navigation that ended in a download leaves the page as it was. `begun` is how many
    /// requests there were before it.
    fn refuse_download(&mut self, begun: usize) -> Result<(), Trouble> {
        let sent = self.network.requests.get(begun..).unwrap_or_default();
        let last = sent.iter().rev().find(|request| request.is_page);
        let Some((request, answer)) = last.and_then(|last| Some((last, last.answer.as_ref()?)))
        else {
            return Ok(());
        };
        let headers = headers(answer);
        let Some(name) = download(&headers) else {
            return Ok(());
        };
        if let Ok(url) = Url::parse(&request.url) {
            let shown = Snapshot::new(
                Some(answer.status),
                method(request),
                url,
                headers,
                Vec::new(),
                false,
            );
            self.shown = Some(Arc::new(shown));
            self.is_stale = true;
        }
        Err(no_page(&name))
    }

    /// A page that wanted to go where this flow may not.
    fn refuse_host(&self) -> Result<(), Trouble> {
        let failed = self.network.requests.iter().rev();
        let mut failed = failed.filter(|request| request.is_page && request.failed.is_some());
        let host = failed.next().and_then(|request| Url::parse(&request.url).ok());
        match host.map(|url| host_of(&url)) {
            Some(host) if !self.hosts.contains(&host) => Err(leads_to(&host)),
            _ => Ok(()),
        }
    }

    /// The browser shows a page of its own: why, by the network's word.
    fn not_come(&mut self) -> Result<(), Trouble> {
        self.refuse_host()?;
        let failed = self.network.requests.iter().rev();
        let failed = failed
            .filter(|request| request.kind == "Document")
            .find_map(|request| Some((request, request.failed.clone()?)));
        let Some((request, why)) = failed else {
            let message = "no connection".to_owned();
            return Err(Trouble::Site(Fault::Connect, message));
        };
        // An answer without a body, and of a kind that browsers have a page for.
        if let (Some(answer), true, Ok(url)) = (
            &request.answer,
            why.contains(NO_ERROR_PAGE),
            Url::parse(&request.url),
        ) {
            let (status, headers) = (Some(answer.status), headers(answer));
            let empty = Snapshot::new(status, method(request), url, headers, Vec::new(), true);
            self.shown = Some(Arc::new(empty));
            return Ok(());
        }
        Err(trouble::of(&CommandError::Refused(why)))
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
        let requests = self.network.requests.get(self.spent..).unwrap_or_default();
        let failed = requests.iter().filter(|request| request.failed.is_some());
        let hosts = failed.filter_map(|request| Some(host_of(&Url::parse(&request.url).ok()?)));
        let refused = hosts.filter(|host| !host.is_empty() && !self.hosts.contains(host));
        self.refused.extend(refused.take(MOST_REFUSED));
        Ok(())
    }

    /// Whether the page's scripts are sending something of this step.
    fn is_sending(&self) -> bool {
        let requests = self.network.requests.get(self.spent..).unwrap_or_default();
        requests.iter().any(|request| {
            matches!(request.kind.as_str(), "XHR" | "Fetch")
                && matches!(request.method.as_str(), "POST" | "PUT" | "PATCH")
                && request.ended.is_none()
        })
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
    const IS_LIVE: bool = true;

    fn patience(&self) -> Patience {
        let grace = match self.is_elsewhere {
            true => self.plain.patience().grace,
            // A document on its way takes as long as it takes.
            false if self.is_sending() => Duration::MAX,
            false => PATIENCE,
        };
        Patience {
            grace,
            first_after: FIRST_LOOK_AFTER,
            again_after: LOOK_AGAIN_AFTER,
        }
    }

    async fn visit(&mut self, address: &str) -> Result<(), Trouble> {
        let url = self.address(address)?;
        let host = host_of(&url);
        if !self.hosts.contains(&host) {
            let message = format!("this flow may not reach `{host}`{ALLOWING}");
            return Err(Trouble::Ours(Why::NotConfigured, message));
        }
        sleep(self.pause).await;
        self.open(&url).await
    }

    async fn change(&mut self, query: Query, change: Change) -> Result<(), Trouble> {
        if self.is_elsewhere {
            return self.plain.change(query, change).await;
        }
        self.here()?;
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
        if self.is_elsewhere {
            self.lend_cookies().await?;
            let submitted = self.plain.submit(query).await;
            return self.answered(submitted).await;
        }
        self.act(query, true).await
    }

    async fn click(&mut self, query: &Query) -> Result<(), Trouble> {
        if self.is_elsewhere {
            self.lend_cookies().await?;
            let clicked = self.plain.click(query).await;
            return self.answered(clicked).await;
        }
        self.act(query, false).await
    }

    async fn request(&mut self, request: PlainRequest) -> Result<(), Trouble> {
        self.lend_cookies().await?;
        let answered = self.plain.request(request).await;
        self.answered(answered).await
    }

    async fn look_again(&mut self) -> Result<(), Trouble> {
        if self.is_elsewhere {
            return self.plain.look_again().await;
        }
        self.follow_windows().await?;
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
        if self.is_elsewhere {
            return self.plain.settle().await;
        }
        if self.is_stale {
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
        self.refused.clear();
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

    fn shown(&self) -> Option<Arc<Snapshot>> {
        self.shown.clone()
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

    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if !self.prompts.is_empty() {
            let asked: Vec<String> = self.prompts.iter().map(|text| quoted(text)).collect();
            remarks.push(format!("a box of the page's said {}", asked.join(", ")));
        }
        if !self.refused.is_empty() {
            let hosts: Vec<String> = self.refused.iter().map(|host| format!("`{host}`")).collect();
            let hosts = hosts.join(", ");
            remarks.push(format!(
                "the page wanted {hosts}, which this flow may not reach{ALLOWING}"
            ));
        }
        remarks
    }
}

fn leads_to(host: &str) -> Trouble {
    let message = format!("the page leads to `{host}`, which this flow may not reach{ALLOWING}");
    Trouble::Site(Fault::Content, message)
}

fn method(request: &Request) -> Method {
    Method::from_bytes(request.method.as_bytes()).unwrap_or_default()
}

fn headers(answer: &Answer) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in &answer.headers {
        if let (Ok(name), Ok(value)) = (
            HeaderName::try_from(name.as_str()),
            HeaderValue::try_from(value.as_str()),
        ) {
            headers.append(name, value);
        }
    }
    headers
}

/// What the page's script told of it, and the network of the request for it.
fn snapshot(shown: &Value, url: Url, asked: Option<&Request>) -> Snapshot {
    let text = |key: &str| shown[key].as_str().unwrap_or_default().to_owned();
    let answer = asked.and_then(|request| request.answer.as_ref());
    let mut headers = answer.map(headers).unwrap_or_default();
    if !headers.contains_key(header::CONTENT_TYPE)
        && let Ok(media_type) = HeaderValue::try_from(text("type"))
    {
        headers.insert(header::CONTENT_TYPE, media_type);
    }
    let status = answer.map(|answer| answer.status).or_else(|| {
        let status = shown["status"].as_u64()?;
        u16::try_from(status).ok()
    });
    let method = asked.map(method).unwrap_or_default();
    let complete = shown["long"] != true;
    if let Some(bare) = shown["bare"].as_str() {
        let body = bare.as_bytes().to_vec();
        return Snapshot::new(status, method, url, headers, body, complete)
            .with_text(bare.to_owned());
    }
    let visible = VisibleText {
        title: text("title"),
        text: text("text"),
        embeds: shown["embeds"] == true,
    };
    let html = text("html");
    Snapshot::new(status, method, url, headers, html.clone().into_bytes(), complete)
        .with_text(html)
        .with_visible(visible)
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
