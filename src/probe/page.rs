//! The page that a step acts on, whatever engine shows it.
//!
//! Owns the seam between the runner and its engines, and what an engine shows: a
//! [`Snapshot`]. Must not know flows.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::charset;
use super::definition::Query;
use super::delivery::Delivery;
use super::dom::{self, folded};
use super::form::{Body, Change};
use super::har::Entry;
use super::key::Key;
use super::redact::Redactor;
use super::visible_text::VisibleText;
use super::wall;
use crate::domain::run::{CertificateExpiry, FrontEnd, Phases};
use crate::domain::{Fault, Moment, Why};

/// A page with less text than this, in bytes, is quoted besides its title.
const SHORT_PAGE: usize = 160;
/// The most bytes that a message quotes of a page. The record shortens it further, once
/// secrets are masked: half a secret would not be recognised.
const MOST_QUOTED: usize = 100_000;

/// Why a step could not be carried through.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// The site is at fault.
    Site(Fault, String),
    /// We are: the run says nothing of the site.
    Ours(Why, String),
}

impl Trouble {
    /// The sentence for operators.
    pub fn message(&self) -> &str {
        match self {
            Trouble::Site(_, message) | Trouble::Ours(_, message) => message,
        }
    }
}

/// A request that no form makes.
#[derive(Clone, Debug)]
pub struct PlainRequest {
    /// The method.
    pub method: Method,
    /// A path of the site, or a whole address.
    pub address: String,
    /// Headers besides the usual ones.
    pub headers: Vec<(HeaderName, String)>,
    /// What is sent along.
    pub body: Body,
}

/// What an engine spent on a step.
#[derive(Clone, Debug, Default)]
pub struct Spent {
    /// Where the time went.
    pub phases: Phases,
    /// Redirects followed.
    pub redirects: u32,
    /// When the first certificate that was shown expires.
    pub certificate_expires_at: Option<Moment>,
    /// When the certificates expire that were sent since the last call.
    pub certificates: Vec<CertificateExpiry>,
    /// Every request in order, for the evidence: method, address, status, times.
    pub exchanges: Vec<Exchange>,
}

/// One request and its answer.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The method.
    pub method: Method,
    /// The address.
    pub url: Url,
    /// The answer's status, if one came.
    pub status: Option<u16>,
    /// Where the time went.
    pub phases: Phases,
    /// Whether any of it may have reached the server.
    pub is_sent: bool,
}

/// A piece of evidence, masked already.
#[derive(Clone, Debug)]
pub struct Piece {
    /// `screenshot`, `console`, `certificates` …
    pub kind: &'static str,
    /// Media type.
    pub media_type: &'static str,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Of a screenshot: whether the page had nothing to mask and nothing filled in.
    pub is_bare: bool,
}

impl Piece {
    /// A piece that is not bare.
    pub fn new(kind: &'static str, media_type: &'static str, bytes: impl Into<Vec<u8>>) -> Self {
        Piece {
            kind,
            media_type,
            bytes: bytes.into(),
            is_bare: false,
        }
    }
}

/// How long an engine's page may take to become what a step expects without being asked again.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// The time that every step has for it, besides its own `wait`.
    pub grace: Duration,
    /// Whether the page can change without being loaded anew.
    pub is_live: bool,
    /// How long until the page is looked at again for the first time; then twice as long …
    pub first_after: Duration,
    /// … up to this.
    pub again_after: Duration,
}

/// A page that leads on to another one by itself within this time is waited for.
pub const LEADS_ON_WITHIN: Duration = Duration::from_secs(5);

/// Whether an answer is one that browsers save rather than show; then the name to save it
/// under, which may be empty.
pub fn download(headers: &HeaderMap) -> Option<String> {
    let text = |name: HeaderName| {
        let value = headers.get(name).map(|value| value.as_bytes());
        String::from_utf8_lossy(value.unwrap_or_default()).into_owned()
    };
    let disposition = text(header::CONTENT_DISPOSITION);
    let saved = disposition
        .split(';')
        .next()
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("attachment"));
    let media_type = text(header::CONTENT_TYPE).to_ascii_lowercase();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    let shown = media_type.is_empty()
        || ["text/", "image/", "audio/", "video/"]
            .iter()
            .any(|kind| media_type.starts_with(kind))
        || ["html", "xml", "json", "javascript", "pdf"]
            .iter()
            .any(|kind| media_type.ends_with(kind));
    let name = disposition
        .split_once("filename=")
        .map(|(_, name)| name.split(';').next().unwrap_or_default());
    let name = name.unwrap_or_default().trim().trim_matches('"');
    (saved || !shown).then(|| name.to_owned())
}

/// Whether a body is one that browsers save although nothing says so: where it has no type, or one
/// that servers give to whatever they do not know, and is by its first bytes (MIME Sniffing Standard,
/// 7.1 and 7.2) neither text nor a picture.
pub fn is_sniffed_download(headers: &HeaderMap, body: &[u8]) -> bool {
    const SHOWN: [&[u8]; 9] = [
        b"\xef\xbb\xbf",
        b"\xfe\xff",
        b"\xff\xfe",
        b"%PDF-",
        b"\x89PNG",
        b"GIF8",
        b"\xff\xd8\xff",
        b"RIFF",
        b"BM",
    ];
    let is_binary = |byte: &u8| matches!(byte, 0..=0x08 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f);
    let head = body.get(..512).unwrap_or(body);
    let declared = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let declared = String::from_utf8_lossy(declared.unwrap_or_default());
    let media_type = declared.split(';').next().unwrap_or_default().trim();
    (media_type.is_empty() || media_type.eq_ignore_ascii_case("text/plain"))
        && head.iter().any(is_binary)
        && !SHOWN.iter().any(|mark| head.starts_with(mark))
}

/// The most characters of a header's value in a note.
const MAX_NOTED: usize = 80;

/// That a page came from a cache, by what caches say; `None` where none says so. Then it tells of
/// the cache, and of the site only as it was.
pub fn cached(page: &Snapshot) -> Option<String> {
    let values = |name: &'static str| page.headers.get_all(name).into_iter();
    let says_hit = |value: &&HeaderValue| {
        let words = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
        words
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(|word| matches!(word, "hit" | "stale" | "updating"))
    };
    let hit = CACHE_HEADERS
        .iter()
        .find_map(|name| Some((name, values(name).find(says_hit)?)));
    let age = values("age").find_map(|age| age.to_str().ok()?.trim().parse::<u64>().ok());
    let hit = hit.map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        let value: String = value
            .chars()
            .filter(|c| !c.is_control())
            .take(MAX_NOTED)
            .collect();
        format!("{name}: {value}")
    });
    let age = age
        .filter(|age| *age > 0)
        .map(|age| format!("age: {age} s"));
    let signs: Vec<String> = hit.into_iter().chain(age).collect();
    (!signs.is_empty()).then(|| format!("the page came from a cache ({})", signs.join(", ")))
}

/// Where caches say whether they had what was asked for.
const CACHE_HEADERS: [&str; 6] = [
    "x-cache",
    "cache-status",
    "cf-cache-status",
    "x-cache-status",
    "x-proxy-cache",
    "x-varnish-cache",
];

/// What is said of a site that asks who we are, and does not accept what it is told.
pub const NEEDS_CERTIFICATE: &str = "the site asks for a client certificate and does not accept what it \
    is shown; over plain HTTP it is `client_certificate` and `client_key` of `[probe]`, and the browser has \
    none";

/// Whether a page says that a client certificate is missing, as nginx does: without TLS's own words.
pub fn asks_for_certificate(page: &Snapshot) -> bool {
    const NONE_WAS_SENT: &[u8] = b"No required SSL certificate was sent";
    page.status == Some(400) && memchr::memmem::find(page.searchable(), NONE_WAS_SENT).is_some()
}

/// What a flow is told whose page turns out to be a download.
pub fn no_page(name: &str) -> Trouble {
    let named = match name {
        "" => String::new(),
        name => format!(" (`{name}`)"),
    };
    let message =
        format!("the address leads to a download{named} and not to a page; `request` fetches one");
    Trouble::Site(Fault::Content, message)
}

/// An engine's side of a run. Each method ends when the page that it led to is complete;
/// the runner sets the limits of time and may drop any of these futures.
pub trait Page: Send {
    /// Whether changes of fields reach the page at once, and its scripts with them.
    const IS_LIVE: bool;

    /// How long expectations may take to come true, as the page stands.
    fn patience(&self) -> Patience;

    /// Opens a path of the site or a whole address.
    fn visit(&mut self, address: &str) -> impl Future<Output = Result<(), Trouble>> + Send;
    /// Changes a field of the page.
    fn change(
        &mut self,
        query: Query,
        change: Change,
    ) -> impl Future<Output = Result<(), Trouble>> + Send;
    /// Submits a form, or presses one of its buttons.
    fn submit(&mut self, query: &Query) -> impl Future<Output = Result<(), Trouble>> + Send;
    /// Follows a link or presses a button.
    fn click(&mut self, query: &Query) -> impl Future<Output = Result<(), Trouble>> + Send;
    /// Moves the mouse over an element.
    fn hover(&mut self, query: &Query) -> impl Future<Output = Result<(), Trouble>> + Send;
    /// Presses a key on an element, or on what has the keyboard.
    fn press(
        &mut self,
        key: Key,
        query: Option<&Query>,
    ) -> impl Future<Output = Result<(), Trouble>> + Send;
    /// Sends a request without a form; its answer becomes the page.
    fn request(
        &mut self,
        request: PlainRequest,
    ) -> impl Future<Output = Result<(), Trouble>> + Send;
    /// Looks at the page again, as it may have changed by itself.
    fn look_again(&mut self) -> impl Future<Output = Result<(), Trouble>> + Send;
    /// Loads the page's address anew.
    fn reload(&mut self) -> impl Future<Output = Result<(), Trouble>> + Send;
    /// Makes sure that what is shown is what the page has become by now.
    fn settle(&mut self) -> impl Future<Output = Result<(), Trouble>> + Send;
    /// Goes back to a page shown before, as far as the engine can.
    fn back_to(
        &mut self,
        snapshot: Arc<Snapshot>,
    ) -> impl Future<Output = Result<(), Trouble>> + Send;
    /// Sets the most bytes, decoded, that an answer may have from now on.
    fn limit_body(&mut self, bytes: u64);
    /// Sets how long the next step may take.
    fn limit_time(&mut self, limit: Duration) -> impl Future<Output = Result<(), Trouble>> + Send;
    /// What it really is that a step took too long: the site's fault, as given, or the
    /// engine's own.
    fn overdue(&mut self, trouble: Trouble) -> impl Future<Output = Trouble> + Send;
    /// What there is to be seen of the page's own front end, once a step has failed on it;
    /// texts are the site's, not yet masked.
    fn front_end(&mut self) -> impl Future<Output = Option<FrontEnd>> + Send {
        async { None }
    }
    /// The cookies that go with requests for the page that is shown.
    fn cookies(&mut self)
    -> impl Future<Output = Result<BTreeMap<String, String>, Trouble>> + Send;
    /// What is shown now; `None` before the first answer.
    fn shown(&self) -> Option<Arc<Snapshot>>;
    /// What was spent since the last call.
    fn spent(&mut self) -> Spent;
    /// Every request of the run so far, for the evidence of a failure.
    fn requests(&mut self) -> impl Future<Output = Vec<Entry>> + Send;
    /// Adds to `pieces` what only the engine can show of a failure, masked. The page is
    /// afterwards as it was. The future may be dropped: what was added by then counts.
    fn evidence(
        &mut self,
        redactor: &Redactor,
        pieces: &mut Vec<Piece>,
    ) -> impl Future<Output = ()> + Send;
    /// What became of the documents that were put on pages, or sent, since they were last
    /// forgotten: of several requests the one that went worst.
    fn delivery(&mut self) -> impl Future<Output = Delivery> + Send;
    /// Forgets them: a later request is another document's.
    fn forget_documents(&mut self);
    /// Whether a request of the page's scripts met a wall for robots since the last call of
    /// [`spent`](Self::spent): in whose words.
    fn walled_request(&self) -> Option<&'static str> {
        None
    }
    /// What operators should know of the network although it decides nothing, once a run, a sentence
    /// each. The step's time is over by then.
    fn network_notes(&mut self) -> impl Future<Output = Vec<String>> + Send {
        async { Vec::new() }
    }
    /// What else happened in this step that explains a failure, in half sentences.
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A page as it was received.
#[derive(Debug)]
pub struct Snapshot {
    /// Status of the answer, where the engine learns it.
    pub status: Option<u16>,
    /// The method that asked for it.
    pub method: Method,
    /// Its address, after redirects.
    pub url: Url,
    /// The answer's headers.
    pub headers: Arc<HeaderMap>,
    /// Its bytes, decompressed.
    pub body: Vec<u8>,
    /// Whether it is all there.
    pub complete: bool,
    /// Whether the engine decoded it, and wrote its markup anew.
    is_told: bool,
    encoding: OnceLock<&'static encoding_rs::Encoding>,
    text: OnceLock<String>,
    visible: OnceLock<Arc<VisibleText>>,
    has_wall_sign: OnceLock<bool>,
}

impl Snapshot {
    /// An answer.
    pub fn new(
        status: Option<u16>,
        method: Method,
        url: Url,
        headers: impl Into<Arc<HeaderMap>>,
        body: Vec<u8>,
        complete: bool,
    ) -> Self {
        let headers = headers.into();
        Snapshot {
            status,
            method,
            url,
            headers,
            body,
            complete,
            is_told: false,
            encoding: OnceLock::new(),
            text: OnceLock::new(),
            visible: OnceLock::new(),
            has_wall_sign: OnceLock::new(),
        }
    }

    /// The same, where the engine knows better than the markup what a person reads.
    pub fn with_visible(self, visible: VisibleText) -> Self {
        let visible = OnceLock::from(Arc::new(visible));
        Snapshot { visible, ..self }
    }

    /// Whether a browser told what it shows, rather than bytes that came.
    pub fn is_told(&self) -> bool {
        self.is_told
    }

    /// Whether what a person reads was taken out of it.
    pub fn is_read(&self) -> bool {
        self.visible.get().is_some()
    }

    /// Takes over what was read on a page of the same bytes, where this one was not read yet.
    pub fn reads_as(&self, visible: Arc<VisibleText>, has_wall_sign: bool) {
        let _ = self.visible.set(visible);
        let _ = self.has_wall_sign.set(has_wall_sign);
    }

    /// The same, where the engine decoded the body already.
    pub fn with_text(self, text: String) -> Self {
        let text = OnceLock::from(text);
        Snapshot {
            text,
            is_told: true,
            ..self
        }
    }

    /// The encoding that the page was sent in, and that its forms and links are sent in.
    pub fn encoding(&self) -> &'static encoding_rs::Encoding {
        self.encoding.get_or_init(|| {
            let (_, charset) = charset::content_type(&self.headers);
            match self.is_xml() {
                true => charset::of_xml(&charset, &self.body),
                false => charset::of_page(&charset, &self.body),
            }
        })
    }

    /// The media type as the header gives it, without parameters, in lower case.
    pub fn media_type(&self) -> String {
        charset::content_type(&self.headers).0
    }

    /// The media type as the header gives it, with its parameters; empty where there is none.
    pub fn content_type(&self) -> &str {
        let value = self.headers.get(header::CONTENT_TYPE);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// Whether it is a page rather than data.
    pub fn is_html(&self) -> bool {
        let media_type = self.media_type();
        media_type.contains("html") || media_type.is_empty() && charset::begins_as_html(&self.body)
    }

    /// Whether it is a page in XML, which has rules of its own. What a browser shows is told as
    /// HTML.
    pub fn is_xml(&self) -> bool {
        !self.is_told && self.media_type() == "application/xhtml+xml"
    }

    /// The page's tree.
    pub fn dom(&self) -> scraper::Html {
        match self.is_xml() {
            true => dom::parse_xml(self.text()),
            false => dom::parse(self.text()),
        }
    }

    /// The body as text, in the encoding of [`encoding`](Self::encoding); what cannot be decoded
    /// becomes U+FFFD.
    pub fn text(&self) -> &str {
        self.text
            .get_or_init(|| self.encoding().decode(&self.body).0.into_owned())
    }

    /// The body as it may be searched for markup: where its encoding writes that as ASCII does,
    /// as it came.
    pub fn searchable(&self) -> &[u8] {
        if self.encoding().is_ascii_compatible() {
            &self.body
        } else {
            self.text().as_bytes()
        }
    }

    /// Whether anything in the markup may be a wall's.
    pub fn has_wall_sign(&self) -> bool {
        let has_sign = || wall::has_sign(self.searchable());
        *self.has_wall_sign.get_or_init(has_sign)
    }

    /// What a person reads.
    pub fn visible(&self) -> &Arc<VisibleText> {
        self.visible.get_or_init(|| {
            Arc::new(if self.is_xml() {
                VisibleText::of_tree(&self.dom())
            } else if self.is_html() {
                VisibleText::of(self.text())
            } else {
                VisibleText {
                    text: self.text().to_owned(),
                    ..VisibleText::default()
                }
            })
        })
    }

    /// What the page is, in a few words for a message: its title, and of an error page or a
    /// short page its text too.
    pub fn gist(&self) -> String {
        let VisibleText { title, text, .. } = &**self.visible();
        let is_error = self.status.is_some_and(|status| status >= 400);
        let says = match (title.is_empty(), text.is_empty()) {
            (true, true) => return "the page is blank".to_owned(),
            (true, false) => text.clone(),
            (false, false) if text.starts_with(title.as_str()) => text.clone(),
            (false, false) if is_error || text.len() < SHORT_PAGE => format!("{title}: {text}"),
            (false, _) => title.clone(),
        };
        format!("the page says {}", quoted(&says))
    }

    /// Whether a person reads this text on the page or in its title.
    pub fn says(&self, text: &str) -> bool {
        let visible = self.visible();
        if !self.is_html() {
            return visible.text.contains(text);
        }
        let folded = folded(text);
        visible.text.contains(&folded) || visible.title.contains(&folded)
    }
}

/// A text of the site's, for the end of a message.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", bounded(text))
}

/// As much of a text of the site's as a message may hold before it is shortened.
pub fn bounded(text: &str) -> &str {
    &text[..text.floor_char_boundary(MOST_QUOTED)]
}

/// Milliseconds, rounded.
pub fn milliseconds(duration: Duration) -> u64 {
    u64::try_from((duration.as_micros() + 500) / 1000).unwrap_or(u64::MAX)
}
