//! One request as it was heard: kept as cheaply as may be, since most runs pass and nobody
//! asks for it. What an archive says of it is made when a failure asks.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{StatusCode, Version};

use super::sending::Count;
use crate::domain::Moment;
use crate::probe::har::{Answer, Entry};
use crate::probe::page::{Exchange, milliseconds};

/// One request, as far as it went.
pub(super) struct Heard {
    pub(super) exchange: Exchange,
    pub(super) started_at: Moment,
    /// Until it ended.
    pub(super) took: Duration,
    /// Whether it asks for a page rather than for data.
    pub(super) navigation: bool,
    pub(super) headers: HeaderMap,
    /// Bytes of its body, and how far they went.
    pub(super) body: Option<(u64, Arc<Count>)>,
    pub(super) answer: Option<Beginning>,
    /// Why it failed.
    pub(super) failed: Option<String>,
}

/// The beginning of an answer.
pub(super) struct Beginning {
    pub(super) status: StatusCode,
    pub(super) version: Version,
    pub(super) headers: Arc<HeaderMap>,
    pub(super) remote: Option<SocketAddr>,
    pub(super) length: Option<u64>,
}

impl Heard {
    /// Whether nothing of its body has gone: a connection that stands asks for it first.
    pub(super) fn is_kept_back(&self) -> bool {
        let body = self.body.as_ref();
        body.is_some_and(|(size, count)| *size > 0 && count.so_far().taken == 0)
    }

    /// What an archive says of it.
    pub(super) fn entry(&self) -> Entry {
        let kind = if self.navigation { "Document" } else { "Fetch" };
        Entry {
            started_at: self.started_at,
            took_ms: milliseconds(self.took),
            phases: self.exchange.phases,
            method: self.exchange.method.as_str().to_owned(),
            url: self.exchange.url.to_string(),
            kind: kind.to_owned(),
            request_headers: listed(&self.headers),
            request_size: self.body.as_ref().map(|(size, _)| *size),
            sending: self.body.as_ref().map(|(_, count)| count.so_far()),
            answer: self.answer.as_ref().map(Beginning::answer),
            received: self.answer.as_ref().and_then(|answer| answer.length),
            failed: self.failed.clone(),
        }
    }
}

impl Beginning {
    fn answer(&self) -> Answer {
        let media_type = self.headers.get(header::CONTENT_TYPE);
        let reason = self.status.canonical_reason();
        Answer {
            status: self.status.as_u16(),
            status_text: reason.unwrap_or_default().to_owned(),
            headers: listed(&self.headers),
            media_type: media_type.map_or(String::new(), text_of),
            protocol: format!("{:?}", self.version),
            remote: self.remote.map(|address| address.to_string()),
            from_cache: false,
        }
    }
}

fn listed(headers: &HeaderMap) -> Vec<(String, String)> {
    let headers = headers.iter();
    headers
        .map(|(name, value)| (name.as_str().to_owned(), text_of(value)))
        .collect()
}

fn text_of(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}
