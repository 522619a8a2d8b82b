//! Loading a page and looking at it: when it is complete, and what it is where none came.

use std::sync::Arc;

use serde_json::{Value, json};
use url::Url;

use super::{BrowserPage, MOST_PROMPTS, SCRIPT_WITHIN, leads_astray, seen};
use crate::domain::{Fault, Why};
use crate::probe::browser::CommandError;
use crate::probe::browser::network::Request;
use crate::probe::page::{Trouble, download, no_page};
use crate::probe::reach::{host_of, led_in_clear};

/// The most hosts that are told of which pages wanted and did not get.
const MOST_REFUSED: usize = 3;
/// How often the log is looked at for the end of a request that failed.
const LAST_LOOKS: usize = 5;
/// Chromium's word for an error status without a body, for which it shows a page of its own.
const NO_ERROR_PAGE: &str = "ERR_HTTP_RESPONSE_CODE_FAILURE";

impl BrowserPage {
    /// Loads an address and looks at it.
    pub(super) async fn open(&mut self, url: &Url) -> Result<(), Trouble> {
        self.loaded_at = self.clock.monotonic();
        self.begun = self.network.requests.len();
        self.pressed_on_https = false;
        self.let_through(url).await?;
        let before = self.document;
        for _ in 0..MOST_PROMPTS {
            match self.session()?.open(url, self.limit).await {
                // Was it a box of the page before, or does this page begin with one?
                Err(CommandError::Prompt) => {
                    self.answer_prompt().await?;
                    let stands = self.call("snapshot", vec![json!(0)]).await?;
                    if stands["document"] != json!(before) {
                        break;
                    }
                }
                // An error without a page of its own; the browser shows one of its.
                Err(CommandError::Refused(message)) if message.contains(NO_ERROR_PAGE) => break,
                Err(error) => return Err(self.not_opened(error.into()).await?),
                Ok(()) => break,
            }
        }
        let is_anew = url.fragment().is_none();
        self.look_from(is_anew.then_some(before)).await?;
        self.refuse_download()
    }

    /// What it is that an address cannot be opened.
    pub(super) async fn not_opened(&mut self, trouble: Trouble) -> Result<Trouble, Trouble> {
        let is_late = matches!(trouble, Trouble::Site(Fault::Timeout, _));
        self.hear_the_end(if is_late { 1 } else { LAST_LOOKS })
            .await?;
        self.refuse_download()?;
        self.show_redirect();
        self.refuse_host()?;
        self.refuse_downgrade()?;
        Ok(trouble)
    }

    /// Where no page came, what did come is what was met, and not the page before.
    pub(super) fn show_redirect(&mut self) {
        let answered = self.sent().filter(|asked| asked.answer.is_some()).last();
        if let Some(answer) = answered.and_then(|asked| seen::begun(asked, false)) {
            self.shown = Some(Arc::new(answer));
        }
    }

    /// The requests for the page itself since something was last opened or pressed.
    pub(super) fn sent(&self) -> impl Iterator<Item = &Request> {
        let sent = self.network.requests.get(self.begun..).unwrap_or_default();
        sent.iter().filter(|request| request.is_page)
    }

    /// What was sent belongs to the record of a failure, and the log comes a little late.
    pub(super) async fn hear_the_end(&mut self, looks: usize) -> Result<(), Trouble> {
        let mut wait = self.waiting();
        for look in 0..looks {
            if look > 0 {
                wait.pause().await;
                // The driver takes in what the browser told it while it carries out a command.
                let session = self.session()?;
                let _ = session.script("", Vec::new(), SCRIPT_WITHIN).await;
            }
            self.listen().await?;
            if self
                .sent()
                .last()
                .is_some_and(|asked| asked.ended.is_some())
            {
                break;
            }
        }
        Ok(())
    }

    /// The page once it is complete, or as it stands where it never is. A page `before` is
    /// about to go.
    pub(super) async fn complete(&mut self, before: Option<f64>) -> Result<Value, Trouble> {
        let mut wait = self.waiting();
        loop {
            let forced = wait.is_over();
            let arguments = vec![json!(self.body_limit), json!(forced), json!(self.endless)];
            let shown = self.call("snapshot", arguments).await?;
            let document = shown["document"].as_f64().unwrap_or_default();
            let goes = before == Some(document) || shown["leaves"] == true;
            if forced {
                self.endless = document;
            }
            if shown["html"].is_string() && (forced || !goes) {
                self.document = document;
                return Ok(shown);
            }
            if goes {
                // Where it leads to a download, the page stays.
                self.listen().await?;
                self.refuse_download()?;
            }
            wait.pause().await;
        }
    }

    /// Looks at the page once it is at rest.
    pub(super) async fn look(&mut self) -> Result<(), Trouble> {
        self.look_from(None).await
    }

    pub(super) async fn look_from(&mut self, before: Option<f64>) -> Result<(), Trouble> {
        let shown = self.complete(before).await?;
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
            "chrome-error" => return self.not_come().await,
            "about" if url.path() == "neterror" => return self.not_come().await,
            scheme => {
                let message = format!("the page leads to an address of another kind, `{scheme}:`");
                return Err(Trouble::Site(Fault::Content, message));
            }
        }
        let name = shown["name"].as_str().unwrap_or_default();
        let asked = self.network.document(name).or(self.network.page());
        let broke = asked.and_then(|asked| asked.failed.clone());
        let snapshot = Arc::new(seen::snapshot(&shown, url, asked));
        self.shown = Some(Arc::clone(&snapshot));
        self.refuse_url(&snapshot.url)?;
        self.refuse_downgrade()?;
        if snapshot.url.scheme() == "https" {
            self.hold_back().await?;
        }
        if shown["long"] == true {
            let message = format!("the page is longer than {} bytes", self.body_limit);
            return Err(Trouble::Site(Fault::Content, message));
        }
        match broke {
            Some(broke) if !broke.contains("ERR_ABORTED") => {
                Err(CommandError::Refused(broke).into())
            }
            _ => Ok(()),
        }
    }

    /// A navigation that ended in a download leaves the page as it was.
    pub(super) fn refuse_download(&mut self) -> Result<(), Trouble> {
        let answer = self.sent().last();
        let answer = answer.and_then(|asked| seen::begun(asked, false));
        let name = answer.as_ref().and_then(|answer| download(&answer.headers));
        match (answer, name) {
            (Some(answer), Some(name)) => {
                self.shown = Some(Arc::new(answer));
                self.is_stale = true;
                Err(no_page(&name))
            }
            _ => Ok(()),
        }
    }

    /// A page that wanted to go where this flow may not.
    pub(super) fn refuse_host(&self) -> Result<(), Trouble> {
        let asked = self.sent().last();
        match asked.and_then(|asked| Url::parse(&asked.url).ok()) {
            Some(url) if !self.reach.allows(&url) => Err(leads_astray(&url)),
            _ => Ok(()),
        }
    }

    /// A page that went where it may not; of another window, nobody may have seen it going.
    fn refuse_url(&self, url: &Url) -> Result<(), Trouble> {
        if !self.reach.allows(url) {
            return Err(leads_astray(url));
        }
        match self.pressed_on_https && url.scheme() == "http" {
            true => Err(led_in_clear(url)),
            false => Ok(()),
        }
    }

    /// The browser shows a page of its own: why, by the network's word.
    pub(super) async fn not_come(&mut self) -> Result<(), Trouble> {
        self.hear_the_end(LAST_LOOKS).await?;
        let failed = self.sent().filter(|asked| asked.failed.is_some()).last();
        let Some((request, why)) = failed.and_then(|asked| Some((asked, asked.failed.clone()?)))
        else {
            // A window that a page opened asked before anybody listened.
            self.refuse_url(&self.session()?.url().await?)?;
            let message = "no connection".to_owned();
            return Err(Trouble::Site(Fault::Connect, message));
        };
        // An answer without a body, and of a kind that browsers have a page for.
        if why.contains(NO_ERROR_PAGE)
            && let Some(empty) = seen::begun(request, true)
        {
            self.shown = Some(Arc::new(empty));
            return Ok(());
        }
        self.show_redirect();
        self.refuse_host()?;
        self.refuse_downgrade()?;
        Err(CommandError::Refused(why).into())
    }

    /// Reads what the network did meanwhile.
    pub(super) async fn listen(&mut self) -> Result<(), Trouble> {
        let session = self.session()?;
        if !session.is_chromium() {
            return Ok(());
        }
        match session.log("performance").await {
            Ok(entries) => self.network.read(&entries),
            Err(error @ CommandError::Lost(_)) => return Err(error.into()),
            // A grid may keep the log to itself; status and headers are then unknown.
            Err(error) => tracing::debug!(%error, "the browser tells no log"),
        }
        let requests = self.network.requests.get(self.spent..).unwrap_or_default();
        let failed = requests.iter().filter(|request| request.failed.is_some());
        let hosts = failed.filter_map(|request| Some(host_of(&Url::parse(&request.url).ok()?)));
        let refused = hosts.filter(|host| !host.is_empty() && !self.reach.hosts().contains(host));
        self.refused.extend(refused.take(MOST_REFUSED));
        if self.is_sending() {
            self.sent_at = Some(self.clock.monotonic());
        }
        Ok(())
    }

    /// Whether the page's scripts are sending something, or have not had the time yet to show
    /// what came of it.
    pub(super) fn has_just_sent(&self) -> bool {
        let now = self.clock.monotonic();
        self.sent_at
            .is_some_and(|sent_at| now.saturating_sub(sent_at) < self.grace())
    }

    /// Whether the page's scripts are sending something of this step.
    pub(super) fn is_sending(&self) -> bool {
        self.sendings().any(|request| {
            matches!(request.kind.as_str(), "XHR" | "Fetch") && request.ended.is_none()
        })
    }

    /// What was sent in this step, by forms and by scripts.
    pub(super) fn sendings(&self) -> impl Iterator<Item = &Request> {
        let requests = self.network.requests.get(self.spent..).unwrap_or_default();
        requests
            .iter()
            .filter(|request| matches!(request.method.as_str(), "POST" | "PUT" | "PATCH"))
    }
}
