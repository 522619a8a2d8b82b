//! What became of the documents that were put on pages: by the network's word.

use std::collections::BTreeMap;

use serde_json::json;
use tokio::time::timeout;
use url::Url;

use super::{BrowserPage, TELLS_WITHIN};
use crate::probe::browser::network::Request;
use crate::probe::delivery::{Answer, Delivery};
use crate::probe::page::{Page as _, bounded};

/// Media types of bodies that are a document, or a piece of one.
const DOCUMENTS: [&str; 5] = [
    "application/octet-stream",
    "application/offset+octet-stream",
    "application/pdf",
    "image/",
    "multipart/form-data",
];
/// The most bytes of an answer's text that are read for what it says of the document.
const MAX_ANSWER_TEXT: usize = 20_000;

/// Documents that were put on pages and not taken yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Documents {
    /// How many requests there were before the first was put on a page.
    pub(super) begun: usize,
    /// Bytes of the smallest.
    pub(super) size: u64,
}

impl BrowserPage {
    /// A document is put on the page.
    pub(super) fn follow(&mut self, size: usize) {
        let size = size as u64;
        let begun = self.network.requests.len();
        let known = self.documents.get_or_insert(Documents { begun, size });
        known.size = known.size.min(size);
    }

    pub(super) async fn delivered(&mut self) -> Delivery {
        let requested = self.plain.delivery().await;
        if requested != Delivery::Pending {
            return requested;
        }
        let Some(documents) = self.documents else {
            return Delivery::Pending;
        };
        if !self.session().is_ok_and(|session| session.is_chromium()) {
            return Delivery::Unknown;
        }
        if !matches!(timeout(TELLS_WITHIN, self.listen()).await, Ok(Ok(()))) {
            tracing::debug!("the browser does not tell what it sent");
        }
        let requests = self.network.requests.get(documents.begun..);
        let Some(carrier) = worst(requests.unwrap_or_default(), documents.size).cloned() else {
            return Delivery::Pending;
        };
        let path = Url::parse(&carrier.url).map_or(String::new(), |url| url.path().to_owned());
        let request = format!("{} {path}", carrier.method);
        match (&carrier.answer, &carrier.failed) {
            (Some(answer), _) => Delivery::Answered(Answer {
                status: answer.status,
                request,
                is_page: carrier.is_page,
                text: self.text_of(&carrier).await,
            }),
            // The page itself gave it up.
            (None, Some(_)) if carrier.canceled => Delivery::UnderWay,
            (None, Some(why)) if is_reset(why) => Delivery::Reset,
            (None, Some(why)) => Delivery::Broken {
                request,
                why: why.clone(),
            },
            (None, None) => Delivery::UnderWay,
        }
    }

    /// What an error that the page's script got says, where the browser still has it.
    async fn text_of(&mut self, request: &Request) -> String {
        let status = request.answer.as_ref().map_or(0, |answer| answer.status);
        if request.is_page || !matches!(status, 400..500) {
            return String::new();
        }
        let Ok(session) = self.session() else {
            return String::new();
        };
        let asked = json!({ "requestId": request.id });
        let asked = session.chromium("Network.getResponseBody", asked);
        match timeout(TELLS_WITHIN, asked).await {
            Ok(Ok(body)) => {
                let text = bounded(body["body"].as_str().unwrap_or_default());
                text[..text.floor_char_boundary(MAX_ANSWER_TEXT)].to_owned()
            }
            _ => String::new(),
        }
    }
}

/// Of the requests that carried a document the one that went worst. What was sent again to the
/// same address is judged by its last try.
fn worst(requests: &[Request], size: u64) -> Option<&Request> {
    let mut last: BTreeMap<&str, (usize, &Request)> = BTreeMap::new();
    for (number, request) in requests.iter().enumerate() {
        if carries(request, size) {
            last.insert(&request.url, (number, request));
        }
    }
    let gravity = |request: &Request| match &request.answer {
        Some(answer) if answer.status >= 400 => 3,
        None if request.failed.is_some() && !request.canceled => 2,
        None => 1,
        Some(_) => 0,
    };
    let worst = last.into_values();
    let worst = worst.max_by_key(|(number, request)| (gravity(request), *number));
    worst.map(|(_, request)| request)
}

/// Whether a request has a document in its body: by its size, or, where that is not known or in
/// pieces, by its media type. Of a server that refuses a body before it was sent the size is not
/// known, and its status says that it was too large, or not of a kind that it takes.
fn carries(request: &Request, size: u64) -> bool {
    if !matches!(request.method.as_str(), "POST" | "PUT" | "PATCH") {
        return false;
    }
    let mut headers = request.request_headers.iter();
    let media_type = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let media_type = media_type.map_or(String::new(), |(_, value)| value.to_ascii_lowercase());
    let is_document = DOCUMENTS.iter().any(|kind| media_type.starts_with(kind));
    let is_form = media_type.starts_with("multipart/");
    match request.request_size {
        Some(sent) if sent >= size => true,
        Some(_) => is_document && !is_form,
        None => {
            let status = request.answer.as_ref().map(|answer| answer.status);
            is_document || matches!(status, Some(413 | 415))
        }
    }
}

/// Chromium's words for a server that closes a connection on what it did not read.
fn is_reset(why: &str) -> bool {
    [
        "ERR_CONNECTION_RESET",
        "ERR_CONNECTION_ABORTED",
        "ERR_HTTP2_PROTOCOL_ERROR",
    ]
    .iter()
    .any(|word| why.contains(word))
}
