//! One request and its answer: sending it, once more where a kept connection ended unseen, and
//! reading what comes, within the limits.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{self, HeaderMap};
use url::{Host, Url};

use super::coding::{self, CodingError};
use super::going::Going;
use super::heard::{Beginning, Heard};
use super::sending::{Count, Counted};
use super::{AHEAD, HttpPage, UnderWay, failure};
use crate::domain::Fault;
use crate::domain::run::Phases;
use crate::probe::delivery::{Answer, Delivery};
use crate::probe::har::MOST_ENTRIES;
use crate::probe::page::{
    Exchange, Snapshot, Trouble, download, is_sniffed_download, milliseconds, no_page,
};

impl HttpPage {
    /// Sends a request; gives the answer and its headers, which are taken out of it.
    pub(super) async fn send(
        &mut self,
        going: &Going,
    ) -> Result<(reqwest::Response, Arc<HeaderMap>), Trouble> {
        let headers = going.browser_headers();
        let count = going.body.as_ref().map(|(_, bytes)| {
            let count = Count::new(Arc::clone(&self.clock));
            (bytes.len() as u64, count)
        });
        self.under_way = Some(UnderWay {
            heard: Heard {
                exchange: Exchange {
                    method: going.method.clone(),
                    url: going.url.clone(),
                    status: None,
                    phases: Phases::default(),
                    is_sent: true,
                },
                started_at: self.clock.now(),
                took: Duration::ZERO,
                navigation: going.navigation,
                headers: headers.clone(),
                body: count.clone(),
                answer: None,
                failed: None,
            },
            since: self.clock.monotonic(),
            first_byte_at: None,
        });
        if going.has_file {
            self.delivery = Delivery::UnderWay;
        }
        let count = count.map(|(_, count)| count);
        let connections = self.applicant.timeline.connections();
        let mut sent = self.prepared(going, &headers, count.as_ref()).send().await;
        // A kept connection may have ended unseen: browsers then send anything anew, as long as
        // nothing of an answer has come.
        if let Err(error) = &sent
            && self.applicant.timeline.connections() == connections
            && failure::is_unanswered(error)
        {
            if let Some(count) = &count {
                count.restart();
            }
            sent = self.prepared(going, &headers, count.as_ref()).send().await;
        }
        match sent {
            Ok(mut response) => {
                if going.has_file {
                    self.delivery = Delivery::Answered(Answer {
                        status: response.status().as_u16(),
                        request: going.line(),
                        is_page: true,
                        text: String::new(),
                    });
                }
                self.note_reached(&going.url, response.remote_addr());
                let now = self.clock.monotonic();
                let headers = Arc::new(std::mem::take(response.headers_mut()));
                if let Some(under_way) = &mut self.under_way {
                    under_way.first_byte_at = Some(now);
                    under_way.heard.exchange.status = Some(response.status().as_u16());
                    under_way.heard.answer = Some(Beginning {
                        status: response.status(),
                        version: response.version(),
                        headers: Arc::clone(&headers),
                        remote: response.remote_addr(),
                        length: response.content_length(),
                    });
                }
                Ok((response, headers))
            }
            Err(error) => {
                let trouble = failure::trouble(&error);
                if going.has_file {
                    self.delivery = self.not_delivered(going, &error, &trouble);
                }
                if let Some(under_way) = &mut self.under_way {
                    under_way.heard.exchange.is_sent = !error.is_connect();
                    under_way.heard.failed = Some(trouble.message().to_owned());
                }
                self.settle(None);
                Err(trouble)
            }
        }
    }

    /// Notes where a host was first reached, to hold its other addresses against that.
    fn note_reached(&mut self, url: &Url, remote: Option<SocketAddr>) {
        let (Some(Host::Domain(name)), Some(remote)) = (url.host(), remote) else {
            return;
        };
        let key = (name.to_owned(), remote.port());
        self.reached.entry(key).or_insert(Some(remote.ip()));
    }

    /// What became of a document whose request has no answer.
    fn not_delivered(&self, going: &Going, error: &reqwest::Error, trouble: &Trouble) -> Delivery {
        let body = self
            .under_way
            .as_ref()
            .and_then(|under_way| under_way.heard.body.as_ref());
        let is_cut = body.is_some_and(|(size, count)| count.so_far().taken < *size);
        match trouble {
            Trouble::Site(Fault::Connect, _) if failure::is_reset(error, is_cut) => Delivery::Reset,
            _ => Delivery::Broken {
                request: going.line(),
                why: trouble.message().to_owned(),
            },
        }
    }

    fn prepared(
        &self,
        going: &Going,
        headers: &HeaderMap,
        count: Option<&Arc<Count>>,
    ) -> reqwest::RequestBuilder {
        let client = &self.applicant.client;
        let request = client
            .request(going.method.clone(), going.url.clone())
            .header(header::ACCEPT_ENCODING, coding::accepted(&going.url))
            .headers(headers.clone());
        let Some(((media_type, bytes), count)) = going.body.as_ref().zip(count) else {
            return request;
        };
        let request = match going.headers.contains_key(header::CONTENT_TYPE) {
            true => request,
            false => request.header(header::CONTENT_TYPE, media_type),
        };
        let counted = Counted::new(bytes.clone(), Arc::clone(count));
        request.body(reqwest::Body::wrap(counted))
    }

    /// Reads the body, within the limit, and shows what came of it also where it broke off.
    pub(super) async fn receive(
        &mut self,
        mut response: reqwest::Response,
        headers: Arc<HeaderMap>,
        going: &Going,
    ) -> Result<(), Trouble> {
        let limit = self.body_limit;
        let too_long = || {
            let message = format!("the answer is longer than {limit} bytes");
            Err(Trouble::Site(Fault::Content, message))
        };
        let status = response.status().as_u16();
        let mut show = |body: Vec<u8>, complete: bool| {
            let (body, error) = coding::decoded(&headers, body, limit);
            let complete = complete && error.is_none();
            let (method, url) = (going.method.clone(), going.url.clone());
            let headers = Arc::clone(&headers);
            let snapshot = Snapshot::new(Some(status), method, url, headers, body, complete);
            self.shown = Some(Arc::new(snapshot));
            error
        };
        // Shown before the body is read, so that a run broken off meanwhile has the headers.
        show(Vec::new(), false);
        if let Some(name) = going.navigation.then(|| download(&headers)).flatten() {
            return Err(no_page(&name));
        }
        if response
            .content_length()
            .is_some_and(|length| length > limit)
        {
            return too_long();
        }
        // As much as is announced, but no more on the word of a site than a page may well have.
        let announced = response.content_length().unwrap_or_default();
        let mut body = Vec::with_capacity(announced.min(AHEAD) as usize);
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if (body.len() + chunk.len()) as u64 > limit => {
                    show(body, false);
                    return too_long();
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => {
                    let error = show(body, true);
                    let is_saved =
                        |page: &Arc<Snapshot>| is_sniffed_download(&page.headers, &page.body);
                    return match error {
                        None if going.navigation && self.shown.as_ref().is_some_and(is_saved) => {
                            Err(no_page(""))
                        }
                        None => Ok(()),
                        Some(CodingError::TooLong) => too_long(),
                        Some(CodingError::Broken(what)) => {
                            let message = format!("the answer is wrongly encoded: {what}");
                            Err(Trouble::Site(Fault::Content, message))
                        }
                    };
                }
                Err(error) => {
                    show(body, false);
                    return Err(failure::trouble(&error));
                }
            }
        }
    }

    /// Adds the time of the request under way to what the step has spent.
    pub(super) fn settle(&mut self, status: Option<u16>) {
        let Some(under_way) = self.under_way.take() else {
            return;
        };
        let now = self.clock.monotonic();
        let connecting = self.applicant.timeline.take();
        let first_byte_at = under_way.first_byte_at.unwrap_or(now);
        let waiting = first_byte_at.saturating_sub(under_way.since);
        let phases = Phases {
            resolve: milliseconds(connecting.resolve),
            connect: milliseconds(connecting.connect),
            tls: milliseconds(connecting.tls),
            first_byte: milliseconds(waiting.saturating_sub(connecting.total())),
            transfer: milliseconds(now.saturating_sub(first_byte_at)),
        };
        let mut heard = under_way.heard;
        heard.exchange.status = heard.exchange.status.or(status);
        heard.exchange.phases = phases;
        heard.exchange.is_sent &= !heard.is_kept_back();
        heard.took = now.saturating_sub(under_way.since);
        self.spent.phases += phases;
        self.spent.exchanges.push(heard.exchange.clone());
        if self.log.len() < MOST_ENTRIES {
            self.log.push(heard);
        }
    }
}
