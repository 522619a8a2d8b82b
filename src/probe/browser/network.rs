//! What the browser says its network did, request by request.
//!
//! Owns: reading Chromium's performance log, within bounds. Must not know what it is for.

use std::collections::HashMap;

use serde_json::Value;

use crate::probe::har::{Answer, MOST_ENTRIES};

/// One request of the page's, as far as it went.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The browser's own name for it, under which it tells the answer's body; redirects share it.
    pub id: String,
    /// The method.
    pub method: String,
    /// The address; of data within an address, only its beginning.
    pub url: String,
    /// What it is to the page: `Document`, `Script`, `XHR` …
    pub kind: String,
    /// Whether it is for the page itself and not for a frame in it or a part of it.
    pub is_page: bool,
    /// When it was sent, in seconds since 1970.
    pub sent_at: f64,
    /// The same moment in seconds on the browser's own clock, which the others are on too.
    pub sent: f64,
    /// Headers that were sent.
    pub request_headers: Vec<(String, String)>,
    /// Bytes of the body that was to be sent, where a header says how many.
    pub request_size: Option<u64>,
    /// The answer, if one began.
    pub answer: Option<Answer>,
    /// Chromium's `ResourceTiming` of the answer: milliseconds since `requestTime`.
    pub timing: Value,
    /// When it ended, in seconds.
    pub ended: Option<f64>,
    /// Bytes received.
    pub received: u64,
    /// Why it failed, e.g. `net::ERR_CONNECTION_REFUSED`.
    pub failed: Option<String>,
    /// Whether the page itself gave it up.
    pub canceled: bool,
}

/// Everything that the log has told so far.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// In the order in which they were sent, up to [`MOST_ENTRIES`].
    pub requests: Vec<Request>,
    under_way: HashMap<String, usize>,
    page: Option<String>,
    /// The field whose box for files was opened last, by the browser's own number.
    chooser: Option<u64>,
}

impl Network {
    /// Reads what the log has gathered since the last time.
    pub fn read(&mut self, entries: &[Value]) {
        for entry in entries {
            let text = entry["message"].as_str().unwrap_or_default();
            let Ok(mut event) = serde_json::from_str::<Value>(text) else {
                continue;
            };
            let mut event = event["message"].take();
            let parameters = event["params"].take();
            match event["method"].as_str().unwrap_or_default() {
                "Page.fileChooserOpened" => self.chooser = parameters["backendNodeId"].as_u64(),
                "Page.frameNavigated" => self.navigated(&parameters["frame"]),
                "Network.requestWillBeSent" => self.sent(parameters),
                // Only here the size of a body that is sent is told.
                "Network.requestWillBeSentExtraInfo" => {
                    let size = body_size(&headers(&parameters["headers"]));
                    if let Some(request) = self.find(&parameters) {
                        request.request_size = request.request_size.or(size);
                    }
                }
                "Network.responseReceived" => {
                    let is_page = self.is_page(&parameters);
                    if let Some(request) = self.find(&parameters) {
                        request.begins(&parameters["response"]);
                        request.is_page |= is_page;
                    }
                }
                "Network.loadingFinished" => {
                    let ended = parameters["timestamp"].as_f64();
                    let size = parameters["encodedDataLength"].as_f64();
                    if let Some(request) = self.find(&parameters) {
                        request.ended = ended;
                        request.received = size.unwrap_or_default() as u64;
                    }
                }
                "Network.loadingFailed" => {
                    let ended = parameters["timestamp"].as_f64();
                    if let Some(request) = self.find(&parameters) {
                        request.ended = ended;
                        request.failed = Some(word(&parameters["errorText"]));
                        request.canceled = parameters["canceled"] == true;
                    }
                }
                _ => {}
            }
        }
    }

    /// The field whose box for files was opened last, since that was last forgotten.
    pub fn chooser(&self) -> Option<u64> {
        self.chooser
    }

    /// Forgets it.
    pub fn forget_chooser(&mut self) {
        self.chooser = None;
    }

    /// The last request for the page itself.
    pub fn page(&self) -> Option<&Request> {
        self.requests.iter().rev().find(|request| request.is_page)
    }

    /// The frame that the page itself is in, which is the window's handle, too.
    pub fn frame(&self) -> Option<&str> {
        self.page.as_deref()
    }

    /// Goes on with the page in another window.
    pub fn move_to(&mut self, frame: &str) {
        self.page = Some(frame.to_owned());
    }

    /// The last request that was answered with the document of this address.
    pub fn document(&self, url: &str) -> Option<&Request> {
        let mut last = self.requests.iter().rev();
        last.find(|request| {
            request.kind == "Document" && request.url == url && request.answer.is_some()
        })
    }

    fn navigated(&mut self, frame: &Value) {
        if frame["parentId"].is_null() {
            self.page = frame["id"].as_str().map(str::to_owned);
        }
    }

    /// A request for the page itself bears the loader's own number.
    fn is_page(&self, parameters: &Value) -> bool {
        parameters["type"] == "Document"
            && parameters["requestId"] == parameters["loaderId"]
            && (self.page.is_none() || parameters["frameId"].as_str() == self.page.as_deref())
    }

    fn sent(&mut self, mut parameters: Value) {
        let id = word(&parameters["requestId"]);
        // A redirect goes on under the number of what was redirected.
        let redirect = parameters["redirectResponse"].take();
        if !redirect.is_null() {
            let ended = parameters["timestamp"].as_f64();
            if let Some(request) = self.find(&parameters) {
                request.begins(&redirect);
                request.ended = ended;
            }
        }
        if self.requests.len() >= MOST_ENTRIES {
            self.under_way.remove(&id);
            return;
        }
        let is_page = self.is_page(&parameters);
        let request = &parameters["request"];
        let headers = headers(&request["headers"]);
        let size = body_size(&headers);
        let mut url = word(&request["url"]);
        if !url.starts_with("http") {
            url.truncate(url.floor_char_boundary(100));
        }
        self.under_way.insert(id.clone(), self.requests.len());
        self.requests.push(Request {
            id,
            method: word(&request["method"]),
            url,
            kind: word(&parameters["type"]),
            is_page,
            sent_at: parameters["wallTime"].as_f64().unwrap_or_default(),
            sent: parameters["timestamp"].as_f64().unwrap_or_default(),
            request_headers: headers,
            request_size: size,
            ..Request::default()
        });
    }

    fn find(&mut self, parameters: &Value) -> Option<&mut Request> {
        let index = self.under_way.get(parameters["requestId"].as_str()?)?;
        self.requests.get_mut(*index)
    }
}

impl Request {
    /// An answer to it begins.
    fn begins(&mut self, response: &Value) {
        let host = response["remoteIPAddress"].as_str();
        let remote = host.filter(|host| !host.is_empty()).map(|host| {
            let port = response["remotePort"].as_u64().unwrap_or_default();
            format!("{host}:{port}")
        });
        let status = response["status"].as_u64().unwrap_or_default();
        self.answer = Some(Answer {
            status: u16::try_from(status).unwrap_or_default(),
            status_text: word(&response["statusText"]),
            headers: headers(&response["headers"]),
            media_type: word(&response["mimeType"]),
            protocol: word(&response["protocol"]),
            remote,
            from_cache: response["fromDiskCache"] == true || response["fromServiceWorker"] == true,
        });
        self.timing = response["timing"].clone();
    }
}

fn body_size(headers: &[(String, String)]) -> Option<u64> {
    let mut named = headers.iter();
    let (_, size) = named.find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?;
    size.parse().ok()
}

/// Chromium joins the values of headers that come several times by line ends.
fn headers(given: &Value) -> Vec<(String, String)> {
    let entries = given.as_object().into_iter().flatten();
    entries
        .flat_map(|(name, value)| {
            let value = value.as_str().unwrap_or_default();
            value.lines().map(|line| (name.clone(), line.to_owned()))
        })
        .collect()
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
