//! What the browser and its network tell of a page, as the runner takes it. Plain functions.

use reqwest::Method;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use url::Url;

use crate::domain::run::Phases;
use crate::probe::browser::network::Request;
use crate::probe::har::Answer;
use crate::probe::page::Snapshot;
use crate::probe::visible_text::VisibleText;

pub(super) fn method(request: &Request) -> Method {
    Method::from_bytes(request.method.as_bytes()).unwrap_or_default()
}

pub(super) fn headers(answer: &Answer) -> HeaderMap {
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
pub(super) fn snapshot(shown: &Value, url: Url, asked: Option<&Request>) -> Snapshot {
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
        heading: text("heading"),
        text: text("text"),
        embeds: shown["embeds"] == true,
    };
    let html = text("html");
    Snapshot::new(
        status,
        method,
        url,
        headers,
        html.clone().into_bytes(),
        complete,
    )
    .with_text(html)
    .with_visible(visible)
}

/// The beginning of an answer that is no page, or not a whole one.
pub(super) fn begun(request: &Request, complete: bool) -> Option<Snapshot> {
    let answer = request.answer.as_ref()?;
    let url = Url::parse(&request.url).ok()?;
    let (status, headers) = (Some(answer.status), headers(answer));
    Some(Snapshot::new(
        status,
        method(request),
        url,
        headers,
        Vec::new(),
        complete,
    ))
}

/// Whether any of a request may have reached the server.
pub(super) fn is_sent(request: &Request) -> bool {
    const UNSENT: [&str; 10] = [
        "ERR_ADDRESS_",
        "ERR_BLOCKED_BY_",
        "ERR_CERT_",
        "ERR_CONNECTION_FAILED",
        "ERR_CONNECTION_REFUSED",
        "ERR_CONNECTION_TIMED_OUT",
        "ERR_NAME_",
        "ERR_PROXY_",
        "ERR_SSL_",
        "ERR_UNSAFE_PORT",
    ];
    let why = request.failed.as_deref().unwrap_or_default();
    request.answer.is_some() || !UNSENT.iter().any(|word| why.contains(word))
}

/// Where a request's time went, by Chromium's `ResourceTiming`.
pub(super) fn phases(request: &Request) -> Phases {
    if request.answer.is_none() {
        return Phases::default();
    }
    let timing = &request.timing;
    let at = |key: &str| timing[key].as_f64().filter(|at| *at >= 0.0);
    let between = |from: &str, to: &str| match (at(from), at(to)) {
        (Some(from), Some(to)) if to > from => (to - from).round() as u64,
        _ => 0,
    };
    let tls = between("sslStart", "sslEnd");
    let began = timing["requestTime"].as_f64().unwrap_or(request.sent);
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
