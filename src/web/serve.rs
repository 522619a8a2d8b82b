//! Taking connections and answering them: the accept loop with its limits, finished
//! pages before everything else, and the router for the rest, wrapped so that whatever
//! happens in it the public gets a friendly answer and learns nothing internal.

use std::any::Any;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::{ALLOW, CONNECTION, CONTENT_TYPE, HOST, HeaderValue, LOCATION};
use axum::http::uri::{PathAndQuery, Uri};
use axum::http::{Method, Request, Response, StatusCode};
use futures_util::FutureExt;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt;

use super::client::{Network, UnknownProxies, client};
use super::drain::drain;
use super::errors::{self, RETRY_AFTER_SECONDS};
use super::fair_share::{Share, Shares};
use super::lang::Lang;
use super::operations::route_class;
use super::page_cache::{Kind, PageCache};
use super::security;
use super::site::Site;
use super::slow_body::SteadyBody;

/// What the server allows. [`Default`] suits two cores and a thousand readers at once.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at one time, shared by networks as [`FairShare`](super::fair_share::FairShare)
    /// says; one more is told 503 and when to come back. A trusted proxy stands for many and
    /// may have them all.
    pub connections: usize,
    /// Requests of the public in the router at one time, shared alike (finished pages need no
    /// place here); one more is told 503 and when to come back. The staff's pages have a
    /// quarter as many beside them, health and metrics a sixteenth.
    pub requests: usize,
    /// How long a request's head may take to arrive. Also closes idle connections.
    pub header_read: Duration,
    /// How long the router may take over a request, reading its body included.
    pub request: Duration,
    /// How long a request's body may stall; slow connections earn more time with every byte.
    pub body_stall: Duration,
    /// Longest body announced by Content-Length that is let through to the router, in
    /// bytes. Handlers set their own, lower limits; what comes without a length is theirs to
    /// bound.
    pub body: u64,
    /// After how long a connection is closed once its request, if it has one, is answered
    /// or `request` has passed: nobody holds a place by reading slowly.
    pub connection: Duration,
    /// How long open requests may take to finish once the server is told to stop.
    pub drain: Duration,
    /// Proxies whose X-Forwarded-For is believed.
    pub trusted_proxies: Vec<Network>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 2048,
            requests: 256,
            header_read: Duration::from_secs(10),
            // Three screenshots over a poor mobile connection take minutes.
            request: Duration::from_secs(180),
            body_stall: Duration::from_secs(20),
            body: 64 * 1024 * 1024,
            connection: Duration::from_secs(5 * 60),
            drain: Duration::from_secs(10),
            trusted_proxies: Vec::new(),
        }
    }
}

/// Connections beyond the cap that are told so at one time; beyond that they are closed
/// without a word, for saying it costs too.
pub const MAX_REFUSALS: usize = 64;
/// Requests without a place whose bodies are read away at one time, so that a browser gets to
/// see why; beyond that they are answered at once.
const MAX_DRAINS: usize = 64;
/// Connections that the kernel may hold until they are taken.
const MAX_BACKLOG: u32 = 65_535;

/// The places in the router. Those for health and metrics and those for staff are kept free of
/// everything else, so that both go on while the public's pages are attacked.
#[derive(Debug)]
struct Places {
    operations: Shares,
    staff: Shares,
    public: Shares,
}

/// Places of staff's pages and of health and metrics, beside so many of the public's.
fn beside(requests: usize) -> [usize; 2] {
    [requests.div_ceil(4), requests.div_ceil(16)]
}

/// The most requests in the router at one time, where [`Limits::requests`] are the public's.
pub fn all_requests(requests: usize) -> usize {
    requests + beside(requests).iter().sum::<usize>()
}

impl Places {
    fn new(requests: usize) -> Self {
        let [staff, operations] = beside(requests).map(|places| Shares::new(places as u64));
        Places {
            operations,
            staff,
            public: Shares::new(requests as u64),
        }
    }

    fn take(&self, path: &str, address: Option<IpAddr>) -> Option<Share> {
        let shares = match route_class(path) {
            "operations" => &self.operations,
            "office" | "duty" => &self.staff,
            _ => &self.public,
        };
        shares.take(address, 1)
    }
}

type Reply = Either<Full<Bytes>, Body>;

/// A web server: finished pages, a router for the rest, limits.
#[derive(Debug)]
pub struct Server {
    pages: Arc<PageCache>,
    router: Router,
    site: Arc<Site>,
    connections: Shares,
    places: Places,
    drains: Semaphore,
    limits: Limits,
    unknown_proxies: Option<UnknownProxies>,
    /// The page for who finds no place, in each language: a crowd must not cost a rendering
    /// each.
    busy: [Bytes; Lang::COUNT],
}

/// Listens on an address. Connections that are not taken yet wait in a queue of the kernel, as long as
/// `net.core.somaxconn` allows: where it is full, whoever comes tries again a whole second later.
///
/// # Errors
/// When the address is taken, not ours, or not allowed.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(MAX_BACKLOG)
}

impl Server {
    /// A server that is not listening yet.
    pub fn new(pages: Arc<PageCache>, router: Router, site: Arc<Site>, limits: Limits) -> Self {
        Server {
            connections: Shares::new(limits.connections as u64),
            places: Places::new(limits.requests),
            drains: Semaphore::new(MAX_DRAINS),
            pages,
            busy: Lang::ALL
                .map(|lang| errors::page(&site, lang, StatusCode::SERVICE_UNAVAILABLE).into()),
            router,
            site,
            limits,
            unknown_proxies: None,
        }
    }

    /// Says in the log where a proxy forwards requests that is not trusted.
    #[must_use]
    pub fn watching_for(self, unknown_proxies: UnknownProxies) -> Self {
        Server {
            unknown_proxies: Some(unknown_proxies),
            ..self
        }
    }

    /// Serves until `stop` turns true (or its sender is gone), then takes no more
    /// connections, lets open requests finish within `limits.drain`, and returns.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, mut stop: watch::Receiver<bool>) {
        let mut connections = JoinSet::new();
        let mut refusals = JoinSet::new();
        let (drain, _) = watch::channel(false);
        loop {
            let accepted = tokio::select! {
                () = turned(&mut stop) => break,
                accepted = listener.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, most likely: trying again at once would
                    // only burn the processor.
                    tracing::warn!(%error, "could not take a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            while connections.try_join_next().is_some() {}
            while refusals.try_join_next().is_some() {}
            let peer = peer.ip();
            if let Some(share) = self.connections.take(self.counted(peer), 1) {
                let connection = Arc::clone(&self).connection(stream, peer, drain.subscribe());
                connections.spawn(async move {
                    connection.await;
                    drop(share);
                });
            } else if refusals.len() < MAX_REFUSALS {
                refusals.spawn(refuse(stream));
            }
        }
        drop(listener);
        drain.send_replace(true);
        let all_done = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(self.limits.drain, all_done)
            .await
            .is_err()
        {
            tracing::warn!("some requests did not finish in time and were cut off");
        }
    }

    /// The address by which somebody's share is counted: none for a trusted proxy, which
    /// stands for many.
    fn counted(&self, address: IpAddr) -> Option<IpAddr> {
        let trusted = &self.limits.trusted_proxies;
        let is_proxy = trusted.iter().any(|network| network.contains(address));
        (!is_proxy).then_some(address)
    }

    async fn connection(
        self: Arc<Self>,
        stream: TcpStream,
        peer: IpAddr,
        mut drain: watch::Receiver<bool>,
    ) {
        // Answers are one write each; waiting for more would only delay them.
        let _ = stream.set_nodelay(true);
        let life = self.limits.connection;
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.header_read)
            .max_buf_size(32 * 1024);
        let service = service_fn(|request| self.answer(request, peer));
        let mut connection =
            std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
        let end = tokio::select! {
            end = connection.as_mut() => end,
            () = turned(&mut drain) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
            () = tokio::time::sleep(life) => {
                connection.as_mut().graceful_shutdown();
                match tokio::time::timeout(self.limits.request, connection).await {
                    Ok(end) => end,
                    Err(_) => return,
                }
            }
        };
        if let Err(error) = end {
            tracing::debug!(%error, "a connection ended early");
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        peer: IpAddr,
    ) -> Result<Response<Reply>, Infallible> {
        if names_one_host(&request) && matches!(*request.method(), Method::GET | Method::HEAD) {
            let (prefix, path) = Lang::split(request.uri().path());
            let finished = self
                .pages
                .answer(path, request.headers(), || language(prefix, &request));
            if let Some(response) = finished {
                return Ok(response.map(Either::Left));
            }
        }
        // Boxed, so that the path above does not carry the router's large future.
        Ok(Box::pin(self.through_router(request, peer))
            .await
            .map(Either::Right))
    }

    async fn through_router(&self, request: Request<Incoming>, peer: IpAddr) -> Response<Body> {
        let (prefix, path) = Lang::split(request.uri().path());
        let lang = language(prefix, &request);
        let api = path == "/api" || path.starts_with("/api/");
        let mut response = match self.early(&request, path) {
            Some(response) => response,
            None => self.routed(request, peer, lang, api).await,
        };
        errors::dress(&mut response, &self.site, lang, api);
        security::apply(response.headers_mut(), self.site.is_https());
        response
    }

    /// Answers that need no handler: a request for no host or for several, a slash too many,
    /// and other methods on a finished page.
    fn early(&self, request: &Request<Incoming>, path: &str) -> Option<Response<Body>> {
        if !names_one_host(request) {
            return Some(closing(StatusCode::BAD_REQUEST));
        }
        let reading = matches!(*request.method(), Method::GET | Method::HEAD);
        let trimmed = path.trim_end_matches('/');
        if reading && trimmed != path && self.pages.has(trimmed) {
            let whole = request.uri().path().trim_end_matches('/');
            let query = request.uri().query().map(|query| format!("?{query}"));
            let location = format!("{whole}{}", query.unwrap_or_default());
            let mut response = status(StatusCode::PERMANENT_REDIRECT);
            response
                .headers_mut()
                .insert(LOCATION, HeaderValue::from_str(&location).ok()?);
            return Some(response);
        }
        if request.method() == Method::OPTIONS && self.pages.has(path) {
            let mut response = status(StatusCode::NO_CONTENT);
            response
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
            return Some(response);
        }
        None
    }

    async fn routed(
        &self,
        request: Request<Incoming>,
        peer: IpAddr,
        lang: Lang,
        api: bool,
    ) -> Response<Body> {
        if let Some(unknown) = &self.unknown_proxies
            && self.counted(peer).is_some()
        {
            unknown.note(peer, request.headers());
        }
        let client = client(peer, request.headers(), &self.limits.trusted_proxies);
        let path = Lang::split(request.uri().path()).1;
        let finished_page = self.pages.has(path);
        let place = self.places.take(path, self.counted(client.0));
        let (mut parts, body) = request.into_parts();
        let body = SteadyBody::new(body, self.limits.body_stall);
        if place.is_none() {
            if let Ok(_turn) = self.drains.try_acquire() {
                drain(Body::new(body), self.limits.body).await;
            }
            let mut response = closing(StatusCode::SERVICE_UNAVAILABLE);
            if !api && let Some(page) = self.busy.get(lang.index()) {
                let html = HeaderValue::from_static(Kind::HTML.content_type);
                response.headers_mut().insert(CONTENT_TYPE, html);
                *response.body_mut() = page.clone().into();
            }
            return response;
        }
        if body.size_hint().lower() > self.limits.body {
            drain(Body::new(body), u64::MAX).await;
            return closing(StatusCode::PAYLOAD_TOO_LARGE);
        }
        if let Some(uri) = without_prefix(&parts.uri) {
            parts.uri = uri;
        }
        parts.extensions.insert(lang);
        parts.extensions.insert(client);
        let request = Request::from_parts(parts, Body::new(body));
        let handled = AssertUnwindSafe(self.router.clone().oneshot(request)).catch_unwind();
        match tokio::time::timeout(self.limits.request, handled).await {
            Ok(Ok(Ok(response))) if response.status() == StatusCode::NOT_FOUND && finished_page => {
                let mut response = status(StatusCode::METHOD_NOT_ALLOWED);
                response
                    .headers_mut()
                    .insert(ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
                response
            }
            Ok(Ok(Ok(response))) => response,
            Ok(Ok(Err(never))) => match never {},
            Ok(Err(panic)) => {
                tracing::error!(message = message(panic.as_ref()), "a handler panicked");
                status(StatusCode::INTERNAL_SERVER_ERROR)
            }
            Err(_) => closing(StatusCode::REQUEST_TIMEOUT),
        }
    }
}

/// Waits until the signal is true or can no longer become so.
async fn turned(signal: &mut watch::Receiver<bool>) {
    let _ = signal.wait_for(|on| *on).await;
}

fn language(prefix: Option<Lang>, request: &Request<Incoming>) -> Lang {
    prefix
        .or_else(|| request.uri().query().and_then(Lang::of_query))
        .unwrap_or_else(|| Lang::of_headers(request.headers()))
}

/// Whether a request says for which host it is, and only once: a proxy might have read another
/// of two. Balancers ask after our health without one.
fn names_one_host(request: &Request<Incoming>) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => !host.is_empty(),
        (None, None) => matches!(request.uri().path(), "/healthz" | "/readyz"),
        _ => false,
    }
}

/// The address without its language prefix, so that routes are written once.
fn without_prefix(uri: &Uri) -> Option<Uri> {
    let (Some(_), path) = Lang::split(uri.path()) else {
        return None;
    };
    let whole = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(whole).ok()?);
    Uri::from_parts(parts).ok()
}

fn status(code: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = code;
    response
}

/// The same, and nothing more is read from this connection.
fn closing(code: StatusCode) -> Response<Body> {
    let mut response = status(code);
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("")
}

/// Tells one connection too many when to come back. What the client has sent is read
/// before closing: closing over unread bytes would reset the connection and the answer
/// with it.
async fn refuse(mut stream: TcpStream) {
    const BODY: &str = "Too many readers at this moment. Please try again in a few seconds.\n\
        Terlalu banyak pembaca saat ini. Silakan coba lagi beberapa detik lagi.\n";
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\nretry-after: {RETRY_AFTER_SECONDS}\r\n\
         content-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\n\
         cache-control: no-store\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n{BODY}",
        BODY.len()
    );
    let say = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        let mut unread = [0; 4096];
        let mut left = 64 * 1024_usize;
        while left > 0 {
            match stream.read(&mut unread).await? {
                0 => break,
                read => left = left.saturating_sub(read),
            }
        }
        io::Result::Ok(())
    };
    let _ = tokio::time::timeout(Duration::from_secs(2), say).await;
}
