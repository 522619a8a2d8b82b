//! The engine with scripts: pages in a real browser, acted on as a person does.
//!
//! Owns one run's page: looking at it, waiting until something can be acted on, and what a
//! browser's complaint says of the site. Must not know flows, nor how browsers are started.

mod act;
mod delivery;
mod downgrade;
mod evidence;
mod frames;
mod front_end;
mod looking;
mod pointer;
mod seen;
mod trouble;
mod upload;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use tokio::time::{sleep, timeout};
use url::Url;

use super::browser::console::Console;
use super::browser::network::Network;
use super::browser::{Browser, CommandError, Session};
use super::definition::Query;
use super::delivery::Delivery;
use super::form::Change;
use super::har::Entry;
use super::http_page::HttpPage;
use super::key::Key;
use super::page::{
    Exchange, Page, Patience, Piece, PlainRequest, Snapshot, Spent, Trouble, quoted,
};
use super::reach::{self, ALLOWING, Reach};
use super::redact::Redactor;
use super::wall;
use crate::domain::run::FrontEnd;
use crate::domain::{Clock, Fault, Why};
use delivery::Documents;

/// The functions that are called in the page.
const SCRIPT: &str = concat!(
    include_str!("browser_page/page.js"),
    include_str!("browser_page/targets.js"),
    include_str!("browser_page/pointer.js"),
    include_str!("browser_page/upload.js"),
    include_str!("browser_page/roots.js")
);
/// How long something may take to appear, or to come to rest, before it is missing.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long an element may take to appear without which the step goes on all the same.
const OPTIONAL_GRACE: Duration = Duration::from_secs(1);
/// How long until the page is looked at again for the first time; then twice as long …
const FIRST_LOOK_AFTER: Duration = Duration::from_millis(10);
/// … up to this.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// Between the last key and a button, people take longer than this; pages that check or copy what
/// was typed count on it.
const FROM_KEY_TO_BUTTON: Duration = Duration::from_millis(150);
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
    reach: Arc<Reach>,
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
    /// The hosts that pages of this step wanted and did not get.
    refused: BTreeSet<String>,
    /// What operators should know of how the hosts' addresses were found, until it was told.
    notes: Vec<String>,
    /// When the page's scripts were last seen sending something, on the monotonic clock.
    sent_at: Option<Duration>,
    /// When a field was last changed, until something is pressed.
    changed_at: Option<Duration>,
    /// When the page was last asked for, on the monotonic clock.
    loaded_at: Duration,
    /// The document that is never complete, by the moment at which it began.
    endless: f64,
    /// How many documents have been put on fields.
    uploads: usize,
    /// Those of them that the site has not taken yet.
    documents: Option<Documents>,
    /// How many requests there were before something was last opened or pressed.
    begun: usize,
    /// The document that was last looked at, by the moment at which it began.
    document: f64,
    /// Whether something was last pressed on a page that came with TLS.
    pressed_on_https: bool,
    /// Whether requests without TLS are held back in this window.
    holds_back: bool,
    pause: Duration,
}

/// Waiting for something to come about, looking ever less often.
struct Wait {
    clock: Arc<dyn Clock>,
    start: Duration,
    most: Duration,
    pause: Duration,
}

impl Wait {
    fn is_over(&self) -> bool {
        self.clock.monotonic().saturating_sub(self.start) > self.most
    }

    async fn pause(&mut self) {
        sleep(self.pause).await;
        self.pause = (2 * self.pause).min(LOOK_AGAIN_AFTER);
    }
}

impl BrowserPage {
    /// Takes what operators should know of how the hosts' addresses were found.
    pub fn note(&mut self, notes: Vec<String>) {
        self.notes.extend(notes);
    }

    /// A page in a fresh browser that goes where `reach` allows; `plain` sends requests that
    /// no form sends. Before each action it pauses so long as told, for people to see.
    pub fn new(
        browser: Browser,
        plain: HttpPage,
        clock: Arc<dyn Clock>,
        reach: Arc<Reach>,
        pause: Duration,
    ) -> Self {
        BrowserPage {
            browser,
            clock,
            reach,
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
            refused: BTreeSet::new(),
            notes: Vec::new(),
            sent_at: None,
            changed_at: None,
            loaded_at: Duration::ZERO,
            endless: 0.0,
            uploads: 0,
            documents: None,
            begun: 0,
            document: 0.0,
            pressed_on_https: false,
            holds_back: false,
            pause,
        }
    }

    /// Takes the browser away.
    pub async fn end(self) {
        self.browser.end().await;
    }

    fn session(&self) -> Result<&Session, CommandError> {
        let gone = || CommandError::Lost("there is no browser".to_owned());
        self.browser.session().ok_or_else(gone)
    }

    /// Calls a function of the page's script. A box in the way is read and answered first.
    async fn call(&mut self, function: &str, arguments: Vec<Value>) -> Result<Value, Trouble> {
        loop {
            match self.try_call(function, arguments.clone()).await {
                Ok(value) => return Ok(value),
                Err(error) => self.get_past(error).await?,
            }
        }
    }

    /// Calls a function of the page's script once.
    async fn try_call(&self, function: &str, arguments: Vec<Value>) -> Result<Value, CommandError> {
        let body = format!("{SCRIPT}\nreturn {function}(...arguments);");
        let session = self.session()?;
        session.script(&body, arguments, SCRIPT_WITHIN).await
    }

    /// A command of Chromium's own. A box in the way is read and answered first.
    async fn chromium(&mut self, command: &str, parameters: Value) -> Result<Value, Trouble> {
        loop {
            match self.session()?.chromium(command, parameters.clone()).await {
                Ok(value) => return Ok(value),
                Err(error) => self.get_past(error).await?,
            }
        }
    }

    /// What a command stopped at: a box is read and answered, all else is the step's trouble.
    async fn get_past(&mut self, error: CommandError) -> Result<(), Trouble> {
        match error {
            CommandError::Prompt => self.answer_prompt().await,
            error => Err(error.into()),
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
        Ok(answered?)
    }

    /// How long something may take to come about: what is missing is to be told before the
    /// step's own time is over.
    fn grace(&self) -> Duration {
        PATIENCE.min(self.limit / 3)
    }

    fn waiting(&self) -> Wait {
        Wait {
            clock: Arc::clone(&self.clock),
            start: self.clock.monotonic(),
            most: self.grace(),
            pause: FIRST_LOOK_AFTER,
        }
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
        let site = self.reach.site().host_str().unwrap_or_default();
        let site = site.strip_prefix("www.").unwrap_or(site);
        let below = |host: &str| host == site || host.ends_with(&format!(".{site}"));
        self.reach.allows(url) || url.host_str().is_some_and(below)
    }
}

impl Page for BrowserPage {
    const IS_LIVE: bool = true;

    fn patience(&self) -> Patience {
        let grace = match self.is_elsewhere {
            true => self.plain.patience().grace,
            // A document on its way takes as long as it takes.
            false if self.has_just_sent() => Duration::MAX,
            false => self.grace(),
        };
        Patience {
            grace,
            is_live: !self.is_elsewhere,
            first_after: FIRST_LOOK_AFTER,
            again_after: LOOK_AGAIN_AFTER,
        }
    }

    async fn visit(&mut self, address: &str) -> Result<(), Trouble> {
        let url = self.reach.address(address)?;
        if !self.reach.allows(&url) {
            return Err(reach::may_not(&url));
        }
        if let Some(trouble) = self.reach.inward(&url) {
            return Err(trouble);
        }
        sleep(self.pause).await;
        self.open(&url).await
    }

    async fn change(&mut self, query: Query, change: Change) -> Result<(), Trouble> {
        if self.is_elsewhere {
            return self.plain.change(query, change).await;
        }
        self.here()?;
        if self.is_left_out(&query).await? {
            return self.leave_frame(&query).await;
        }
        sleep(self.pause).await;
        self.is_stale = true;
        let changed = match change {
            Change::Fill(text) => self.fill(&query, &text).await,
            Change::Choose(options) => self.choose(&query, &options).await,
            Change::Check(on) => self.check(&query, on).await,
            Change::Upload(file) => {
                self.follow(file.bytes.len());
                self.upload(&query, &file).await
            }
        };
        self.changed_at = Some(self.clock.monotonic());
        self.leave_frame(&query).await?;
        changed
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

    async fn hover(&mut self, query: &Query) -> Result<(), Trouble> {
        if self.is_elsewhere {
            return self.plain.hover(query).await;
        }
        self.move_over(query).await
    }

    async fn press(&mut self, key: Key, query: Option<&Query>) -> Result<(), Trouble> {
        if self.is_elsewhere {
            self.lend_cookies().await?;
            let pressed = self.plain.press(key, query).await;
            return self.answered(pressed).await;
        }
        self.press_key(key, query).await
    }

    async fn request(&mut self, request: PlainRequest) -> Result<(), Trouble> {
        self.lend_cookies().await?;
        let answered = self.plain.request(request).await;
        self.answered(answered).await
    }

    async fn look_again(&mut self) -> Result<(), Trouble> {
        if self.is_elsewhere {
            return Ok(());
        }
        self.follow_windows().await?;
        self.look().await
    }

    async fn reload(&mut self) -> Result<(), Trouble> {
        if self.is_elsewhere {
            self.lend_cookies().await?;
            let loaded = self.plain.reload().await;
            return self.answered(loaded).await;
        }
        self.here()?;
        match self.shown.as_ref().map(|shown| shown.url.clone()) {
            Some(url) => self.open(&url).await,
            None => Ok(()),
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
        self.sent_at = None;
        // Scripts may have gone on drawing since the step before.
        self.is_stale = !self.is_elsewhere && self.shown.is_some();
        if limit == self.limit {
            return Ok(());
        }
        self.limit = limit;
        // The driver's limit comes before the step's own, so that it can say what it waited for.
        let page = limit.mul_f64(0.9);
        let session = self.session()?;
        Ok(session.limit(page, SCRIPT_WITHIN.min(page)).await?)
    }

    async fn overdue(&mut self, trouble: Trouble) -> Trouble {
        match self.session() {
            Ok(session) if session.is_there().await => trouble,
            Ok(_) => Trouble::Ours(
                Why::Ourselves,
                "the browser does not answer any more".to_owned(),
            ),
            Err(error) => error.into(),
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

    async fn cookies(&mut self) -> Result<BTreeMap<String, String>, Trouble> {
        if self.is_elsewhere {
            return self.plain.cookies().await;
        }
        loop {
            match self.session()?.cookies().await {
                Ok(cookies) => return Ok(cookies.into_iter().rev().collect()),
                Err(error) => self.get_past(error).await?,
            }
        }
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
            let phases = seen::phases(request);
            let status = request.answer.as_ref().map(|answer| answer.status);
            if request.is_page {
                spent.redirects += u32::from(status.is_some_and(|s| (300..400).contains(&s)));
                spent.phases += phases;
            }
            if matches!(request.kind.as_str(), "Document" | "XHR" | "Fetch") {
                spent.exchanges.push(Exchange {
                    method: Method::from_bytes(request.method.as_bytes()).unwrap_or_default(),
                    url,
                    status,
                    phases,
                    is_sent: seen::is_sent(request),
                });
            }
        }
        self.spent = self.network.requests.len();
        spent
    }

    async fn delivery(&mut self) -> Delivery {
        self.delivered().await
    }

    fn forget_documents(&mut self) {
        self.documents = None;
        self.plain.forget_documents();
    }

    fn walled_request(&self) -> Option<&'static str> {
        let requests = self.network.requests.get(self.spent..).unwrap_or_default();
        let of_scripts = requests
            .iter()
            .filter(|request| matches!(request.kind.as_str(), "XHR" | "Fetch"));
        let answers = of_scripts.filter_map(|request| request.answer.as_ref());
        let mut walls = answers.map(|answer| wall::in_headers(&seen::headers(answer)));
        walls.find_map(|wall| wall)
    }

    async fn network_notes(&mut self) -> Vec<String> {
        let mut notes = std::mem::take(&mut self.notes);
        notes.extend(self.plain.network_notes().await);
        notes
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if !self.prompts.is_empty() {
            let asked: Vec<String> = self.prompts.iter().map(|text| quoted(text)).collect();
            remarks.push(format!("a box of the page's said {}", asked.join(", ")));
        }
        if !self.refused.is_empty() {
            let hosts: Vec<String> = self
                .refused
                .iter()
                .map(|host| format!("`{host}`"))
                .collect();
            let hosts = hosts.join(", ");
            remarks.push(format!(
                "the page wanted {hosts}, which this flow may not reach{ALLOWING}"
            ));
        }
        remarks
    }
}

fn leads_astray(url: &Url) -> Trouble {
    reach::led_astray("the page leads", url)
}
