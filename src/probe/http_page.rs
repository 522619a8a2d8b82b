//! The engine without scripts: pages over plain HTTP, forms as a browser sends them.
//!
//! Owns the requests of one run: cookies, redirects, limits on bodies, and the time of every
//! phase. Must not know flows.

mod coding;
mod exchange;
mod failure;
mod going;
mod heard;
mod sending;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use memchr::memchr2_iter;
use reqwest::cookie::CookieStore as _;
use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use url::Url;

use super::certificate;
use super::definition::Query;
use super::delivery::Delivery;
use super::dom::named;
use super::form::{self, Change, Dom, FormError, Submission};
use super::har::Entry;
use super::key::Key;
use super::page::{Page, Patience, Piece, PlainRequest, Snapshot, Spent, Trouble};
use super::reach::{self, Reach};
use super::redact::Redactor;
use crate::domain::{Clock, Fault, Random, Why, random};
use crate::http_client::Applicant;
use going::Going;
use heard::Heard;

/// The most redirects that are followed for one request: as many as Chromium follows.
pub const MOST_REDIRECTS: u32 = 19;

/// The most bytes of a body that room is made for before they come.
const AHEAD: u64 = 64 * 1024;

/// What a form or a link makes of the changes to a page.
type Act = fn(&Dom, &[(Query, Change)], &Query) -> Result<Option<Submission>, FormError>;

/// A run's page over plain HTTP.
pub struct HttpPage {
    applicant: Applicant,
    clock: Arc<dyn Clock>,
    reach: Arc<Reach>,
    random: Arc<dyn Random>,
    body_limit: u64,
    shown: Option<Arc<Snapshot>>,
    changes: Vec<(Query, Change)>,
    spent: Spent,
    /// Every request of the run that has ended.
    log: Vec<Heard>,
    /// The request that is under way, so that its time is known when it is broken off.
    under_way: Option<UnderWay>,
    /// What became of the last document.
    delivery: Delivery,
    /// The names and ports that were reached, and at which address first, until the host's other
    /// addresses were held against that.
    reached: BTreeMap<(String, u16), Option<IpAddr>>,
}

struct UnderWay {
    heard: Heard,
    since: Duration,
    first_byte_at: Option<Duration>,
}

impl HttpPage {
    /// A page that goes where `reach` allows, as `applicant`.
    pub fn new(
        applicant: Applicant,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        reach: Arc<Reach>,
    ) -> Self {
        HttpPage {
            applicant,
            clock,
            reach,
            random,
            body_limit: super::flow_file::BODY_LIMIT,
            shown: None,
            changes: Vec::new(),
            spent: Spent::default(),
            log: Vec::new(),
            under_way: None,
            delivery: Delivery::Pending,
            reached: BTreeMap::new(),
        }
    }

    /// The applicant, and whether it asked for one thing only, redirects included.
    pub fn leave(self) -> (Applicant, bool) {
        (self.applicant, self.log.len() == 1)
    }

    /// Adds a cookie, as a `Set-Cookie` header from `url` would.
    pub fn add_cookie(&self, cookie: &str, url: &Url) {
        self.applicant.cookies.add(cookie, url);
    }

    /// The page and what was changed on it, handed to a plain function: a parsed page cannot
    /// be kept while waiting. `None` where nothing is to be sent.
    fn on_form(&mut self, query: &Query, act: Act) -> Result<Option<Submission>, Trouble> {
        in_no_frame(query)?;
        let page = Arc::clone(self.page()?);
        let dom = dom_of(&page);
        if dom.lacks_optional(query) {
            return Ok(None);
        }
        let acted = act(&dom, &self.changes, query);
        acted.map_err(|error| self.wrong_page(&page, &error))
    }

    /// Holds what was changed and is not sent yet against the page.
    fn check_changes(&mut self) -> Result<(), Trouble> {
        if self.changes.is_empty() {
            return Ok(());
        }
        let page = Arc::clone(self.page()?);
        let checked = form::check(&dom_of(&page), &self.changes);
        checked.map_err(|error| self.wrong_page(&page, &error))
    }

    /// The page is not as the flow expects. What was changed is of no use any more.
    fn wrong_page(&mut self, page: &Snapshot, error: &FormError) -> Trouble {
        self.changes.clear();
        wrong_page(page, error)
    }

    async fn send_form(&mut self, submission: Option<Submission>) -> Result<(), Trouble> {
        match submission {
            Some(submission) if !submission.stays => self.send_submission(submission).await,
            _ => Ok(()),
        }
    }

    fn page(&self) -> Result<&Arc<Snapshot>, Trouble> {
        let nothing = || Trouble::Ours(Why::Ourselves, "there is no page yet".to_owned());
        self.shown.as_ref().ok_or_else(nothing)
    }

    /// Goes to an address as if it were typed into the address bar: from no other page.
    async fn open(&mut self, url: Url) -> Result<(), Trouble> {
        let going = Going {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: None,
            referrer: None,
            navigation: true,
            led: false,
            has_file: false,
        };
        self.go(going).await
    }

    async fn fetch_again(&mut self) -> Result<(), Trouble> {
        let url = self.page()?.url.clone();
        self.open(url).await
    }

    fn boundary(&self) -> String {
        let token = random::bytes::<16>(&*self.random);
        format!("----Siaga{}", data_encoding::HEXLOWER.encode(&token))
    }

    fn referrer(&self) -> Option<Url> {
        self.shown.as_ref().map(|page| page.url.clone())
    }

    async fn send_submission(&mut self, submission: Submission) -> Result<(), Trouble> {
        let going = Going {
            method: submission.method,
            url: submission.url,
            headers: HeaderMap::new(),
            has_file: submission.body.has_file(),
            body: submission.body.write(|| self.boundary()),
            referrer: self.referrer(),
            navigation: true,
            led: true,
        };
        self.go(going).await
    }

    /// Sends a request and follows where it leads, also where the page leads on by itself.
    async fn go(&mut self, mut going: Going) -> Result<(), Trouble> {
        let is_navigation = going.navigation;
        for _ in 0..=MOST_REDIRECTS {
            self.go_to(&mut going).await?;
            let page = self.page()?;
            let header = page.headers.get(header::REFRESH);
            let header = header.and_then(|value| value.to_str().ok());
            let leads_on = is_navigation
                && page.is_html()
                && (header.is_some() || has_http_equiv(page.searchable()));
            let leads_on = leads_on.then(|| dom_of(page).leads_on(header));
            let Some((delay, url)) = leads_on.flatten() else {
                return Ok(());
            };
            going = Going {
                method: Method::GET,
                url,
                headers: HeaderMap::new(),
                body: None,
                referrer: self.referrer(),
                navigation: true,
                led: true,
                has_file: false,
            };
            tokio::time::sleep(delay).await;
        }
        let message = format!("after {MOST_REDIRECTS} pages that lead on came another one");
        Err(Trouble::Site(Fault::Status, message))
    }

    async fn go_to(&mut self, going: &mut Going) -> Result<(), Trouble> {
        self.changes.clear();
        let mut redirects = 0;
        let mut redirected = None;
        let mut from = self.referrer().filter(|_| going.led);
        loop {
            if let Some(trouble) = self.refusal(going, from.as_ref(), redirects) {
                // Not the page before it, but the redirect is what was met.
                self.shown = redirected.or(self.shown.take());
                return Err(trouble);
            }
            let (response, headers) = self.send(going).await?;
            let status = response.status();
            let location = redirect_target(status, &headers, &going.url);
            if let Some(location) = location.filter(|_| redirects < MOST_REDIRECTS) {
                self.settle(Some(status.as_u16()));
                redirects += 1;
                self.spent.redirects += 1;
                redirected = Some(Arc::new(Snapshot::new(
                    Some(status.as_u16()),
                    going.method.clone(),
                    going.url.clone(),
                    headers,
                    Vec::new(),
                    false,
                )));
                from = Some(going.url.clone());
                going.follow(status, location);
                continue;
            }
            let outcome = self.receive(response, headers, going).await;
            self.settle(Some(status.as_u16()));
            outcome?;
            if redirects == MOST_REDIRECTS && status.is_redirection() {
                let message = format!("after {MOST_REDIRECTS} redirects came another one");
                return Err(Trouble::Site(Fault::Status, message));
            }
            return Ok(());
        }
    }

    /// What is said of a request that is not sent: it goes where the flow may not go, or from an
    /// address on https to one in clear.
    fn refusal(&self, going: &Going, from: Option<&Url>, redirects: u32) -> Option<Trouble> {
        if !self.reach.allows(&going.url) {
            return Some(forbidden(going, redirects));
        }
        let is_downgrade = from.is_some_and(|from| reach::is_downgrade(from, &going.url));
        match is_downgrade {
            true => Some(reach::led_in_clear(&going.url)),
            false => self.reach.inward(&going.url),
        }
    }
}

impl Page for HttpPage {
    const IS_LIVE: bool = false;

    /// Without scripts a page stays as it is.
    fn patience(&self) -> Patience {
        Patience {
            grace: Duration::ZERO,
            is_live: false,
            first_after: Duration::from_secs(2),
            again_after: Duration::from_secs(2),
        }
    }

    async fn visit(&mut self, address: &str) -> Result<(), Trouble> {
        self.check_changes()?;
        let url = self.reach.address(address)?;
        self.open(url).await
    }

    async fn change(&mut self, query: Query, change: Change) -> Result<(), Trouble> {
        in_no_frame(&query)?;
        self.page()?;
        self.changes.push((query, change));
        Ok(())
    }

    async fn submit(&mut self, query: &Query) -> Result<(), Trouble> {
        let submission = self.on_form(query, |dom, changes, query| {
            form::submit(dom, changes, query).map(Some)
        })?;
        self.send_form(submission).await
    }

    async fn click(&mut self, query: &Query) -> Result<(), Trouble> {
        let submission = self.on_form(query, |dom, changes, query| {
            form::click(dom, changes, query).map(Some)
        })?;
        self.send_form(submission).await
    }

    async fn hover(&mut self, _: &Query) -> Result<(), Trouble> {
        Err(needs_browser("`hover`"))
    }

    async fn press(&mut self, key: Key, query: Option<&Query>) -> Result<(), Trouble> {
        match query.filter(|_| key.is_enter()) {
            Some(query) => {
                let submission = self.on_form(query, form::enter)?;
                self.send_form(submission).await
            }
            None => Err(needs_browser("this `press`")),
        }
    }

    async fn request(&mut self, request: PlainRequest) -> Result<(), Trouble> {
        self.check_changes()?;
        let mut headers = HeaderMap::new();
        for (name, value) in request.headers {
            let value = HeaderValue::from_str(&value).map_err(|_| {
                let message = format!("the header `{name}` has a value that cannot be sent");
                Trouble::Ours(Why::Ourselves, message)
            })?;
            headers.append(name, value);
        }
        let going = Going {
            method: request.method,
            url: self.reach.address(&request.address)?,
            headers,
            has_file: request.body.has_file(),
            body: request.body.write(|| self.boundary()),
            referrer: self.referrer(),
            navigation: false,
            led: false,
        };
        self.go(going).await
    }

    /// Nothing changes here by itself.
    async fn look_again(&mut self) -> Result<(), Trouble> {
        Ok(())
    }

    async fn reload(&mut self) -> Result<(), Trouble> {
        self.fetch_again().await
    }

    /// A page that was asked for by `GET` is fetched anew, since its tokens may be used up.
    async fn back_to(&mut self, snapshot: Arc<Snapshot>) -> Result<(), Trouble> {
        self.changes.clear();
        let fetch = snapshot.method == Method::GET;
        self.shown = Some(snapshot);
        if fetch {
            self.fetch_again().await
        } else {
            Ok(())
        }
    }

    /// What was changed and not sent yet is held against the page all the same.
    async fn settle(&mut self) -> Result<(), Trouble> {
        self.check_changes()
    }

    async fn limit_time(&mut self, _: Duration) -> Result<(), Trouble> {
        Ok(())
    }

    async fn overdue(&mut self, trouble: Trouble) -> Trouble {
        trouble
    }

    fn limit_body(&mut self, bytes: u64) {
        self.body_limit = bytes;
    }

    async fn cookies(&mut self) -> Result<BTreeMap<String, String>, Trouble> {
        let line = self.applicant.cookies.cookies(&self.page()?.url);
        let line = line.map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned());
        let pairs = line.unwrap_or_default();
        let pairs = pairs.split("; ").filter_map(|pair| pair.split_once('='));
        let mut cookies = BTreeMap::new();
        for (name, value) in pairs {
            // Of several of one name the nearest path's comes first.
            let entry = cookies.entry(name.to_owned());
            entry.or_insert_with(|| value.to_owned());
        }
        Ok(cookies)
    }

    fn shown(&self) -> Option<Arc<Snapshot>> {
        self.shown.clone()
    }

    async fn requests(&mut self) -> Vec<Entry> {
        self.log.iter().map(Heard::entry).collect()
    }

    async fn evidence(&mut self, _: &Redactor, pieces: &mut Vec<Piece>) {
        pieces.extend(certificate::piece(&self.applicant.timeline.chains()));
    }

    async fn delivery(&mut self) -> Delivery {
        self.delivery.clone()
    }

    fn forget_documents(&mut self) {
        self.delivery = Delivery::Pending;
    }

    async fn network_notes(&mut self) -> Vec<String> {
        let Applicant {
            timeline, families, ..
        } = &self.applicant;
        let mut notes = timeline.take_notes();
        for ((host, port), used) in &mut self.reached {
            let Some(used) = used.take() else { continue };
            let addresses = timeline.addresses(host);
            let now = self.clock.monotonic();
            notes.extend(families.dead(host, *port, &addresses, used, now).await);
        }
        notes
    }

    fn spent(&mut self) -> Spent {
        self.settle(None);
        let mut spent = std::mem::take(&mut self.spent);
        spent.certificate_expires_at = self.applicant.timeline.certificate_expires_at();
        spent.certificates = self.applicant.timeline.take_certificates();
        spent
    }
}

/// Whether `http-equiv` occurs, in whatever case; sought by its rarest letter.
fn has_http_equiv(bytes: &[u8]) -> bool {
    const WORD: &[u8] = b"http-equiv";
    const BEFORE_Q: usize = 6;
    memchr2_iter(b'q', b'Q', bytes).any(|at| {
        let from = at.checked_sub(BEFORE_Q);
        let there = from.and_then(|from| bytes.get(from..from + WORD.len()));
        there.is_some_and(|there| there.eq_ignore_ascii_case(WORD))
    })
}

fn redirect_target(status: StatusCode, headers: &HeaderMap, from: &Url) -> Option<Url> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = headers.get(header::LOCATION)?;
    // Bytes beyond ASCII stand for themselves.
    let location: String = location
        .as_bytes()
        .iter()
        .map(|byte| match byte.is_ascii() {
            true => char::from(*byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect();
    let mut url = from.join(&location).ok()?;
    url.set_fragment(None);
    Some(url)
}

/// The page as forms and links see it.
fn dom_of(page: &Snapshot) -> Dom {
    match page.is_xml() {
        true => Dom::of_tree(page.dom(), &page.url),
        false => Dom::parse(page.text(), &page.url),
    }
    .encoded_in(page.encoding())
}

fn forbidden(going: &Going, redirects: u32) -> Trouble {
    match (redirects, going.led) {
        (0, false) => reach::may_not(&going.url),
        (0, true) => reach::led_astray("the page leads", &going.url),
        _ => reach::led_astray("redirected", &going.url),
    }
}

fn in_no_frame(query: &Query) -> Result<(), Trouble> {
    match &query.frame {
        Some(_) => Err(needs_browser("`frame`")),
        None => Ok(()),
    }
}

fn needs_browser(what: &str) -> Trouble {
    let message = format!("{what} needs a browser, and so `engine = \"browser\"`");
    Trouble::Ours(Why::NotConfigured, message)
}

/// The page is not as the flow expects.
fn wrong_page(page: &Snapshot, error: &FormError) -> Trouble {
    let message = match error {
        FormError::Missing(_, hint) => {
            let there = named::listing(&page.dom());
            match hint.is_empty() {
                true => format!("{error}{there}; {}", page.gist()),
                false => format!("{error}{there}"),
            }
        }
        _ => error.to_string(),
    };
    Trouble::Site(Fault::Content, message)
}
