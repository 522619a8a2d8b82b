//! The requests of a run as an HTTP Archive (HAR) 1.2, which browsers and other tools open.
//!
//! Owns: that form, and what is masked in it. What was sent in bodies is left out. Must not
//! know: where the requests come from. Source: <http://www.softwareishard.com/blog/har-12-spec/>.

use serde_json::{Value, json};
use url::Url;

use super::redact::Redactor;
use crate::domain::Moment;
use crate::domain::run::Phases;

/// The most requests that a page remembers of a run; later ones are not told.
pub const MOST_ENTRIES: usize = 2_000;
/// The longest archive, in bytes: of a longer one the earliest requests are left out.
const LONGEST: usize = 2 << 20;
/// The longest value of a header, in bytes.
const LONGEST_HEADER: usize = 4_000;

/// One request, as far as it went.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// When it was sent.
    pub started_at: Moment,
    /// Until it ended, in milliseconds.
    pub took_ms: u64,
    /// Where the time went.
    pub phases: Phases,
    /// The method.
    pub method: String,
    /// The address.
    pub url: String,
    /// What it is to the page, as Chromium says it: `Document`, `Script`, `XHR` …
    pub kind: String,
    /// Headers that were sent.
    pub request_headers: Vec<(String, String)>,
    /// Bytes of the body that was to be sent, where that is known.
    pub request_size: Option<u64>,
    /// How far the body went, where that is known.
    pub sending: Option<Sending>,
    /// The answer, if one began.
    pub answer: Option<Answer>,
    /// Bytes received, where that is known.
    pub received: Option<u64>,
    /// Why it failed.
    pub failed: Option<String>,
}

/// The beginning of an answer.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// The text behind it.
    pub status_text: String,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// Media type.
    pub media_type: String,
    /// Version of HTTP, e.g. `http/1.1`.
    pub protocol: String,
    /// Address and port of the server.
    pub remote: Option<String>,
    /// Whether it came from the browser's cache.
    pub from_cache: bool,
}

/// How far a body went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sending {
    /// Bytes that the connection took.
    pub taken: u64,
    /// When it took the last of them, in milliseconds after the request began.
    pub last_taken_ms: u64,
}

/// The archive of `entries`, grouped by the steps (`steps`: name and start, in order) that
/// they belong to. Everything in it is masked.
pub fn archive(entries: &[Entry], steps: &[(String, Moment)], redactor: &Redactor) -> String {
    let mut left_out = 0;
    loop {
        let kept = &entries[left_out.min(entries.len())..];
        let text = whole(kept, left_out, steps, redactor).to_string();
        if text.len() <= LONGEST || kept.is_empty() {
            return text;
        }
        left_out += kept.len().div_ceil(2);
    }
}

fn whole(
    entries: &[Entry],
    left_out: usize,
    steps: &[(String, Moment)],
    redactor: &Redactor,
) -> Value {
    let pages: Vec<Value> = steps
        .iter()
        .enumerate()
        .map(|(number, (name, at))| {
            json!({
                "startedDateTime": at.to_string(),
                "id": page_id(number),
                "title": name,
                "pageTimings": { "onContentLoad": -1, "onLoad": -1 },
            })
        })
        .collect();
    let entries: Vec<Value> = entries
        .iter()
        .map(|entry| {
            let step = steps.partition_point(|(_, at)| *at <= entry.started_at);
            let mut told = told(entry, redactor);
            if !steps.is_empty() {
                told["pageref"] = page_id(step.saturating_sub(1)).into();
            }
            told
        })
        .collect();
    let mut log = json!({
        "version": "1.2",
        "creator": { "name": "Siaga", "version": env!("CARGO_PKG_VERSION") },
        "pages": pages,
        "entries": entries,
    });
    if left_out > 0 {
        log["comment"] = format!("{left_out} earlier requests are left out").into();
    }
    json!({ "log": log })
}

fn page_id(number: usize) -> String {
    format!("step_{}", number + 1)
}

fn told(entry: &Entry, redactor: &Redactor) -> Value {
    let url = redactor.addresses(&entry.url);
    let query: Vec<Value> = Url::parse(&url)
        .iter()
        .flat_map(Url::query_pairs)
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect();
    // The format has no word for none.
    let none = Answer::default();
    let answer = entry.answer.as_ref().unwrap_or(&none);
    let location = answer
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("location"))
        .filter(|_| (300..400).contains(&answer.status));
    let version = version(&answer.protocol);
    let (timings, time) = timings(entry);
    let received = entry.received.map_or(json!(-1), |bytes| json!(bytes));
    let mut told = json!({
        "startedDateTime": entry.started_at.to_string(),
        "time": time,
        "request": {
            "method": entry.method,
            "url": url,
            "httpVersion": version,
            "cookies": [],
            "headers": headers(&entry.request_headers, redactor),
            "queryString": query,
            "headersSize": -1,
            "bodySize": entry.request_size.map_or(json!(-1), |size| json!(size)),
        },
        "response": {
            "status": answer.status,
            "statusText": answer.status_text,
            "httpVersion": version,
            "cookies": [],
            "headers": headers(&answer.headers, redactor),
            "content": {
                "size": entry.received.unwrap_or_default(),
                "mimeType": if answer.media_type.is_empty() { "x-unknown" } else { &answer.media_type },
            },
            "redirectURL": location.map_or(String::new(), |(_, to)| redactor.addresses(to)),
            "headersSize": -1,
            "bodySize": received,
        },
        "cache": {},
        "timings": timings,
    });
    if let Some((host, _)) = answer.remote.as_deref().and_then(|at| at.rsplit_once(':')) {
        told["serverIPAddress"] = host.trim_matches(['[', ']']).into();
    }
    let mut comment = Vec::new();
    comment.extend((!entry.kind.is_empty()).then(|| entry.kind.clone()));
    comment.extend(
        answer
            .from_cache
            .then(|| "from the browser's cache".to_owned()),
    );
    comment.extend(entry.failed.as_ref().map(|why| redactor.text(why)));
    if !comment.is_empty() {
        told["comment"] = comment.join("; ").into();
    }
    told
}

/// The parts add up to the whole, as the format asks; `ssl` is part of `connect`.
fn timings(entry: &Entry) -> (Value, u64) {
    let Phases {
        resolve,
        connect,
        tls,
        first_byte,
        transfer,
    } = entry.phases;
    let known = resolve + connect + tls + first_byte + transfer;
    let blocked = entry.took_ms.saturating_sub(known);
    let unless_none = |time: u64| if time == 0 { json!(-1) } else { json!(time) };
    let timings = json!({
        "blocked": blocked,
        "dns": unless_none(resolve),
        "connect": unless_none(connect + tls),
        "ssl": unless_none(tls),
        "send": 0,
        "wait": first_byte,
        "receive": transfer,
    });
    (timings, known + blocked)
}

fn headers(headers: &[(String, String)], redactor: &Redactor) -> Vec<Value> {
    let shown = |(name, value): &(String, String)| {
        let value = redactor.header(name, value);
        let value = &value[..value.floor_char_boundary(LONGEST_HEADER)];
        json!({ "name": name, "value": value })
    };
    headers.iter().map(shown).collect()
}

fn version(protocol: &str) -> &str {
    match protocol {
        "http/1.0" | "HTTP/1.0" => "HTTP/1.0",
        "http/1.1" | "HTTP/1.1" | "" => "HTTP/1.1",
        "h2" | "HTTP/2.0" => "HTTP/2",
        other => other,
    }
}

/// How uploads went, for people: of each request with a large body, how much of it left
/// and when it stood still. `None` where no body was large.
pub fn uploads(entries: &[Entry], redactor: &Redactor) -> Option<String> {
    /// What is smaller goes in one piece.
    const LARGE: u64 = 16 * 1024;
    let mut out = String::new();
    for entry in entries {
        let Some(size) = entry.request_size.filter(|size| *size >= LARGE) else {
            continue;
        };
        let url = redactor.addresses(&entry.url);
        out.push_str(&format!(
            "{} {url}\nbegan {}\nbody to be sent: {size} bytes\n",
            entry.method, entry.started_at
        ));
        match entry.sending {
            Some(Sending {
                taken,
                last_taken_ms,
            }) => {
                let percent = taken * 100 / size.max(1);
                out.push_str(&format!(
                    "taken by the connection: {taken} bytes ({percent} %), the last of them \
                     {last_taken_ms} ms after the request began; what the operating system \
                     still holds in its buffers counts as taken\n"
                ));
                let still = entry.took_ms.saturating_sub(last_taken_ms);
                if taken < size {
                    out.push_str(&format!("it then stood still for {still} ms\n"));
                }
            }
            None => out.push_str("how much of it left is not told by the browser\n"),
        }
        out.push_str(&match (&entry.answer, &entry.failed) {
            (None, Some(why)) => format!(
                "no answer: {} (after {} ms)\n\n",
                redactor.text(why),
                entry.took_ms
            ),
            (None, None) => format!("no answer within {} ms\n\n", entry.took_ms),
            (Some(answer), _) => {
                format!("answered {} after {} ms\n\n", answer.status, entry.took_ms)
            }
        });
    }
    (!out.is_empty()).then_some(out)
}
