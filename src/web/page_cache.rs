//! Finished public pages in memory: rendered when something changes, compressed once,
//! with every header prepared. What readers see is swapped as a whole, so that no two
//! pages ever tell of different moments. Knows nothing of what the pages say.

use std::collections::HashMap;
use std::fmt;
use std::io::Write;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderValue,
    IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, Response, StatusCode};
use http_body_util::Full;
use sha2::{Digest, Sha256};

use super::lang::Lang;
use super::security;
use crate::domain::Clock;
use crate::system::SystemClock;

/// How a page is answered besides its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The media type.
    pub content_type: &'static str,
    /// The Cache-Control header.
    pub cache_control: &'static str,
    /// Whether scripts of other origins may read it.
    pub every_origin: bool,
}

impl Kind {
    /// A page for people: fresh for a few seconds, which is enough for a cache in front
    /// of us to take a rush, and little enough that nobody reads old news.
    pub const HTML: Kind = Kind {
        content_type: "text/html; charset=utf-8",
        cache_control: "public, max-age=10",
        every_origin: false,
    };
    /// Public JSON.
    pub const JSON: Kind = Kind {
        content_type: "application/json",
        cache_control: "public, max-age=10",
        every_origin: true,
    };
    /// The stylesheet, whose address holds its hash.
    pub const CSS: Kind = Kind {
        content_type: "text/css; charset=utf-8",
        cache_control: "public, max-age=31536000, immutable",
        every_origin: false,
    };
    /// Small pictures.
    pub const SVG: Kind = Kind {
        content_type: "image/svg+xml",
        cache_control: "public, max-age=86400",
        every_origin: false,
    };
    /// `robots.txt` and its like.
    pub const TEXT: Kind = Kind {
        content_type: "text/plain; charset=utf-8",
        cache_control: "public, max-age=3600",
        every_origin: false,
    };
}

/// One page in one language, ready to be sent in three encodings.
#[derive(Clone, Debug)]
pub struct Page {
    kind: Kind,
    identity: Variant,
    gzip: Option<Variant>,
    brotli: Option<Variant>,
}

/// One encoding of a page with the headers of its 200 answer.
#[derive(Clone, Debug)]
struct Variant {
    bytes: Bytes,
    etag: HeaderValue,
    headers: HeaderMap,
}

impl Page {
    /// Compresses the bytes and prepares the headers. `by_language` says whether the same
    /// address gives other languages too; `https` whether the public comes by HTTPS.
    pub fn new(kind: Kind, bytes: Vec<u8>, by_language: bool, https: bool) -> Page {
        let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(&bytes)[..12]);
        let vary = if by_language {
            "accept-encoding, accept-language"
        } else {
            "accept-encoding"
        };
        let variant = |bytes: Vec<u8>, encoding: Option<&'static str>| {
            let mut headers = HeaderMap::with_capacity(16);
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind.content_type));
            headers.insert(CACHE_CONTROL, HeaderValue::from_static(kind.cache_control));
            headers.insert(VARY, HeaderValue::from_static(vary));
            if let Some(encoding) = encoding {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
            }
            // Every encoding is a representation of its own and needs a tag of its own.
            let etag = format!("\"{hash}{}\"", encoding.map_or("", |e| &e[..1]));
            let etag = HeaderValue::from_str(&etag)
                .unwrap_or_else(|_| HeaderValue::from_static("\"siaga\""));
            headers.insert(ETAG, etag.clone());
            if kind.every_origin {
                security::allow_every_origin(&mut headers);
            }
            security::apply(&mut headers, https);
            Variant {
                bytes: bytes.into(),
                etag,
                headers,
            }
        };
        // An encoding that saves nothing is not offered.
        let smaller = |packed: Option<Vec<u8>>| packed.filter(|packed| packed.len() < bytes.len());
        let gzip = smaller(gzip(&bytes)).map(|packed| variant(packed, Some("gzip")));
        let brotli = smaller(brotli(&bytes)).map(|packed| variant(packed, Some("br")));
        Page {
            kind,
            identity: variant(bytes, None),
            gzip,
            brotli,
        }
    }

    /// The bytes before compression.
    pub fn bytes(&self) -> &[u8] {
        &self.identity.bytes
    }

    /// The answer to a GET or HEAD with these headers: 200, or 304 where the client has it.
    fn answer(&self, request: &HeaderMap) -> Response<Full<Bytes>> {
        let variant = self.choose(request);
        let known = request
            .get(IF_NONE_MATCH)
            .is_some_and(|tags| names(tags, &variant.etag));
        let mut response = if known {
            let mut response = Response::new(Full::default());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        } else {
            Response::new(Full::new(variant.bytes.clone()))
        };
        *response.headers_mut() = variant.headers.clone();
        if known {
            response.headers_mut().remove(CONTENT_TYPE);
            response.headers_mut().remove(CONTENT_ENCODING);
        }
        response
    }

    fn choose(&self, request: &HeaderMap) -> &Variant {
        let Some(accepted) = request
            .get(ACCEPT_ENCODING)
            .and_then(|value| value.to_str().ok())
        else {
            return &self.identity;
        };
        let offered = [("br", &self.brotli), ("gzip", &self.gzip)];
        offered
            .into_iter()
            .find_map(|(name, variant)| variant.as_ref().filter(|_| accepts(accepted, name)))
            .unwrap_or(&self.identity)
    }
}

/// Whether an Accept-Encoding header takes this coding. `q=0` is a refusal.
fn accepts(header: &str, coding: &str) -> bool {
    header.split(',').any(|part| {
        let (name, parameters) = part.split_once(';').unwrap_or((part, ""));
        name.trim().eq_ignore_ascii_case(coding)
            && !parameters
                .trim()
                .strip_prefix("q=")
                .is_some_and(|q| q.parse::<f32>().is_ok_and(|q| q == 0.0))
    })
}

/// Whether an If-None-Match header names the tag, or any (`*`). A proxy that compresses
/// anew weakens our tags to `W/"…"`; they compare equal here, as RFC 9110 wants.
fn names(header: &HeaderValue, etag: &HeaderValue) -> bool {
    let Ok(header) = header.to_str() else {
        return false;
    };
    header.split(',').map(str::trim).any(|tag| {
        tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).as_bytes() == etag.as_bytes()
    })
}

fn gzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder =
        flate2::write::GzEncoder::new(Vec::with_capacity(1024), flate2::Compression::new(7));
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}

fn brotli(bytes: &[u8]) -> Option<Vec<u8>> {
    // From quality 7 on the encoder clears tables of 8 MB for each page, at 9 of 32 MB: at a
    // page a change that costs more processor time and memory than the last percent of
    // bytes is worth.
    let parameters = brotli::enc::BrotliEncoderParams {
        quality: 6,
        lgwin: 18,
        size_hint: bytes.len(),
        ..Default::default()
    };
    let mut packed = Vec::with_capacity(1024);
    brotli::BrotliCompress(&mut &bytes[..], &mut packed, &parameters).ok()?;
    Some(packed)
}

#[derive(Clone, Debug)]
enum Entry {
    Same(Arc<Page>),
    ByLanguage([Arc<Page>; Lang::COUNT]),
}

/// Every finished page, by path without a language prefix.
#[derive(Clone, Debug, Default)]
pub struct Pages {
    by_path: HashMap<Box<str>, Entry>,
    https: bool,
}

impl Pages {
    /// No pages yet. `https` says whether the public comes by HTTPS.
    pub fn new(https: bool) -> Self {
        Pages {
            by_path: HashMap::new(),
            https,
        }
    }

    /// Adds a page that is the same in every language. Takes over the compressed bytes
    /// of `previous` where nothing changed.
    pub fn add(&mut self, path: &str, kind: Kind, bytes: Vec<u8>, previous: &Pages) {
        let old = match previous.by_path.get(path) {
            Some(Entry::Same(page)) => Some(page),
            _ => None,
        };
        let page = reuse(old, kind, bytes, false, self.https);
        self.by_path.insert(path.into(), Entry::Same(page));
    }

    /// Adds a page with a text for each language, in the order of [`Lang::ALL`].
    pub fn add_by_language(
        &mut self,
        path: &str,
        kind: Kind,
        texts: [Vec<u8>; Lang::COUNT],
        previous: &Pages,
    ) {
        let mut old = match previous.by_path.get(path) {
            Some(Entry::ByLanguage(pages)) => pages.each_ref().map(Some),
            _ => [None; Lang::COUNT],
        }
        .into_iter();
        let https = self.https;
        let pages = texts.map(|bytes| reuse(old.next().flatten(), kind, bytes, true, https));
        self.by_path.insert(path.into(), Entry::ByLanguage(pages));
    }

    /// The page at a path without language prefix, in this language.
    pub fn get(&self, path: &str, lang: Lang) -> Option<&Page> {
        match self.by_path.get(path)? {
            Entry::Same(page) => Some(page),
            Entry::ByLanguage(pages) => pages.get(lang.index()).map(AsRef::as_ref),
        }
    }

    /// Every path, in no order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.by_path.keys().map(AsRef::as_ref)
    }
}

fn reuse(
    old: Option<&Arc<Page>>,
    kind: Kind,
    bytes: Vec<u8>,
    by_language: bool,
    https: bool,
) -> Arc<Page> {
    match old {
        Some(page) if page.kind == kind && page.bytes() == bytes => Arc::clone(page),
        _ => Arc::new(Page::new(kind, bytes, by_language, https)),
    }
}

/// Where the current pages are. Readers never wait for a rendering: the new pages are
/// made beside the old ones and put in their place in one step.
///
/// What is published may hold for a time only. Whether it still does is judged as each answer
/// is given, by a clock that nobody sets: so a page turns *unknown* in time also where its
/// publisher hangs or is gone, or the whole process was stopped for a while.
pub struct PageCache {
    shown: RwLock<Shown>,
    clock: Arc<dyn Clock>,
}

#[derive(Clone)]
struct Shown {
    pages: Arc<Pages>,
    /// By the monotonic clock.
    until: Duration,
    /// What is shown from then on. A page that is not among these is none of the cache's.
    stale: Arc<Pages>,
}

impl PageCache {
    /// A cache that starts with these pages, by the machine's clock.
    pub fn new(pages: Pages) -> Self {
        PageCache::by(Arc::new(SystemClock), pages)
    }

    /// A cache that starts with these pages, which say nothing of now: they hold for ever, and
    /// are shown again when what is published later holds no more.
    pub fn by(clock: Arc<dyn Clock>, pages: Pages) -> Self {
        let pages = Arc::new(pages);
        PageCache {
            shown: RwLock::new(Shown {
                stale: Arc::clone(&pages),
                pages,
                until: Duration::MAX,
            }),
            clock,
        }
    }

    /// Puts new pages in place of the old ones. They hold until this time of the monotonic
    /// clock.
    pub fn publish(&self, pages: Pages, until: Duration) {
        self.change(|shown| {
            shown.until = until;
            std::mem::replace(&mut shown.pages, Arc::new(pages))
        });
    }

    /// Says what is shown once the current pages hold no more.
    pub fn set_stale(&self, pages: Pages) {
        self.change(|shown| std::mem::replace(&mut shown.stale, Arc::new(pages)));
    }

    fn change(&self, change: impl FnOnce(&mut Shown) -> Arc<Pages>) {
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        let old = change(&mut shown);
        // What was replaced is freed after the lock: readers do not wait for it.
        drop(shown);
        drop(old);
    }

    /// The pages as they are now.
    pub fn current(&self) -> Arc<Pages> {
        self.look(Arc::clone)
    }

    fn look<T>(&self, at: impl FnOnce(&Arc<Pages>) -> T) -> T {
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
        at(if self.clock.monotonic() < shown.until {
            &shown.pages
        } else {
            &shown.stale
        })
    }

    /// The answer to a GET or HEAD of this path (without language prefix), if it is a
    /// finished page. `lang` is asked only where the page has several languages.
    pub fn answer(
        &self,
        path: &str,
        headers: &HeaderMap,
        lang: impl FnOnce() -> Lang,
    ) -> Option<Response<Full<Bytes>>> {
        self.look(|pages| {
            let page = match pages.by_path.get(path)? {
                Entry::Same(page) => page,
                Entry::ByLanguage(pages) => pages.get(lang().index())?,
            };
            Some(page.answer(headers))
        })
    }

    /// Whether a path (without language prefix) is a finished page.
    pub fn has(&self, path: &str) -> bool {
        self.look(|pages| pages.by_path.contains_key(path))
    }
}

impl Default for PageCache {
    fn default() -> Self {
        PageCache::new(Pages::default())
    }
}

impl fmt::Debug for PageCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageCache").finish_non_exhaustive()
    }
}
