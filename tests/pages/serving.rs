//! The serving layer: limits, caching, compression, languages, errors.

use std::io::Read;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::{get, post};
use siaga::web::client::{Client, Network, UnknownProxies, client};
use siaga::web::{Kind, Lang, Limits, PageCache, Pages, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub(super) const LONG: Duration = Duration::from_secs(20);

fn body(lang: &str) -> Vec<u8> {
    format!("<p>{lang}</p>").repeat(500).into_bytes()
}

fn pages() -> Pages {
    let none = Pages::default();
    let mut pages = Pages::new(true);
    pages.add_by_language("/", Kind::HTML, [body("id"), body("en")], &none);
    pages.add_by_language("/outages", Kind::HTML, [body("id"), body("en")], &none);
    pages.add("/api/v1/status", Kind::JSON, b"{\"a\": 1}".to_vec(), &none);
    pages
}

fn router() -> Router {
    Router::new()
        .route(
            "/form",
            get(|lang: Lang, Client(ip): Client| async move { format!("{} {ip}", lang.tag()) })
                .post(|body: Bytes| async move { format!("{} bytes", body.len()) }),
        )
        .route("/panic", get(panics))
        .route("/slow", get(std::future::pending::<String>))
        .route(
            "/secret-error",
            get(|| async { (StatusCode::INTERNAL_SERVER_ERROR, "db password is hunter2") }),
        )
        .route(
            "/api/v1/reports",
            post(|| async { StatusCode::BAD_REQUEST }),
        )
}

#[allow(clippy::unused_async)]
async fn panics() -> String {
    panic!("on purpose")
}

pub(super) struct Running {
    pub(super) address: SocketAddr,
    cache: Arc<PageCache>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

async fn start(limits: Limits) -> Running {
    serve(limits, router(), pages()).await
}

/// A server over this router with these limits, and the finished pages of these tests.
pub(super) async fn start_limited(limits: Limits, router: Router) -> Running {
    serve(limits, router, pages()).await
}

/// A server over this router, with no finished page.
pub(super) async fn start_with(router: Router) -> Running {
    serve(Limits::default(), router, Pages::default()).await
}

async fn serve(limits: Limits, router: Router, pages: Pages) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let cache = Arc::new(PageCache::new(pages));
    let site = Arc::new(super::fixture::site());
    let server = Server::new(Arc::clone(&cache), router, site, limits);
    let (stop, stopped) = watch::channel(false);
    let task = tokio::spawn(Arc::new(server).serve(listener, stopped));
    Running {
        address,
        cache,
        stop,
        task,
    }
}

impl Running {
    pub(super) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes and reads until the server closes.
    pub(super) async fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        Answer::parse(&read_all(&mut stream).await)
    }

    pub(super) async fn ask(&self, method: &str, target: &str, headers: &str) -> Answer {
        let request =
            format!("{method} {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n");
        self.raw(request.as_bytes()).await
    }

    pub(super) async fn get(&self, target: &str) -> Answer {
        self.ask("GET", target, "").await
    }
}

pub(super) async fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    timeout(LONG, stream.read_to_end(&mut bytes))
        .await
        .expect("the server never closed the connection")
        .unwrap();
    bytes
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    head: String,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn parse(bytes: &[u8]) -> Answer {
        let end = bytes
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .unwrap_or_else(|| panic!("no head in {:?}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        Answer {
            status: head[9..12].parse().unwrap(),
            head,
            body: bytes[end + 4..].to_vec(),
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

#[tokio::test]
async fn every_encoding_gives_the_same_page_with_a_tag_of_its_own() {
    let server = start(Limits::default()).await;
    let plain = server.get("/en/").await;
    assert_eq!(plain.body, body("en"));
    assert_eq!(plain.header("content-encoding"), None);

    let gzip = server.ask("GET", "/en/", "accept-encoding: gzip\r\n").await;
    assert_eq!(gzip.header("content-encoding"), Some("gzip"));
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&gzip.body[..])
        .read_to_end(&mut unpacked)
        .unwrap();
    assert_eq!(unpacked, plain.body);

    let br = server
        .ask("GET", "/en/", "accept-encoding: gzip, deflate, br\r\n")
        .await;
    assert_eq!(br.header("content-encoding"), Some("br"));
    let mut unpacked = Vec::new();
    brotli::BrotliDecompress(&mut &br.body[..], &mut unpacked).unwrap();
    assert_eq!(unpacked, plain.body);

    let tags = [&plain, &gzip, &br].map(|answer| answer.header("etag").unwrap().to_owned());
    assert!(tags[0] != tags[1] && tags[1] != tags[2] && tags[0] != tags[2]);
    assert!(plain.header("vary").unwrap().contains("accept-encoding"));

    let refused = server
        .ask("GET", "/en/", "accept-encoding: gzip;q=0, br;q=0\r\n")
        .await;
    assert_eq!(refused.header("content-encoding"), None);
}

#[tokio::test]
async fn a_page_the_client_has_is_answered_304_without_a_body() {
    let server = start(Limits::default()).await;
    let first = server.ask("GET", "/", "accept-encoding: br\r\n").await;
    let tag = first.header("etag").unwrap();
    for tags in [
        tag.to_owned(),
        format!("\"other\", {tag}"),
        format!("W/{tag}"),
        "*".to_owned(),
    ] {
        let headers = format!("accept-encoding: br\r\nif-none-match: {tags}\r\n");
        let again = server.ask("GET", "/", &headers).await;
        assert_eq!(again.status, 304, "{tags}");
        assert!(again.body.is_empty());
        assert_eq!(again.header("etag"), Some(tag));
        assert_eq!(again.header("vary"), first.header("vary"));
        assert_eq!(again.header("cache-control"), first.header("cache-control"));
    }
    let headers = "accept-encoding: br\r\nif-none-match: \"other\"\r\n";
    assert_eq!(server.ask("GET", "/", headers).await.status, 200);

    // A changed page has another tag, and the old one is no longer known.
    let mut changed = Pages::new(true);
    changed.add_by_language(
        "/",
        Kind::HTML,
        [body("id2"), body("en2")],
        &server.cache.current(),
    );
    server.cache.publish(changed, Duration::MAX);
    let headers = format!("accept-encoding: br\r\nif-none-match: {tag}\r\n");
    assert_eq!(server.ask("GET", "/", &headers).await.status, 200);
}

#[tokio::test]
async fn head_gives_the_headers_of_get_and_no_body() {
    let server = start(Limits::default()).await;
    let get = server.get("/outages").await;
    let head = server.ask("HEAD", "/outages", "").await;
    assert_eq!(head.status, 200);
    assert!(head.body.is_empty());
    assert_eq!(head.header("content-length"), get.header("content-length"));
    assert_eq!(
        head.header("content-length"),
        Some(get.body.len().to_string().as_str())
    );
    assert_eq!(head.header("etag"), get.header("etag"));
}

#[tokio::test]
async fn the_language_comes_from_the_path_then_the_query_then_the_browser() {
    let server = start(Limits::default()).await;
    for (target, accept, expected) in [
        ("/", "", "en"),
        ("/", "accept-language: id-ID,id;q=0.9,en;q=0.8\r\n", "id"),
        ("/", "accept-language: in\r\n", "id"),
        ("/", "accept-language: zh-CN, en;q=0.5, id;q=0.7\r\n", "id"),
        ("/", "accept-language: id;q=0, fr\r\n", "en"),
        ("/", "accept-language: ;;;q=x,,\r\n", "en"),
        ("/?lang=id", "accept-language: en\r\n", "id"),
        ("/?x=1&lang=id", "", "id"),
        ("/?lang=xx", "", "en"),
        ("/id", "accept-language: en\r\n", "id"),
        ("/id/", "", "id"),
        ("/id/outages", "", "id"),
        ("/en/outages?lang=id", "", "en"),
    ] {
        let answer = server.ask("GET", target, accept).await;
        assert_eq!(answer.status, 200, "{target}");
        assert_eq!(answer.body, body(expected), "{target} {accept}");
    }
    let vary = server.get("/").await;
    assert!(vary.header("vary").unwrap().contains("accept-language"));
    // Handlers behind the router get the same language, at the same addresses.
    assert_eq!(server.get("/id/form").await.text(), "id 127.0.0.1");
    assert_eq!(server.get("/form?lang=id").await.text(), "id 127.0.0.1");
    assert_eq!(server.get("/form").await.text(), "en 127.0.0.1");
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let server = start(Limits::default()).await;
    for target in ["/", "/form", "/nowhere", "/api/v1/status", "/panic"] {
        let answer = server.get(target).await;
        let policy = answer.header("content-security-policy").expect(target);
        assert!(policy.contains("default-src 'none'"), "{target}");
        assert!(policy.contains("frame-ancestors 'none'"), "{target}");
        assert!(!policy.contains("unsafe") && !policy.contains("script"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("same-origin"));
        assert!(answer.header("permissions-policy").is_some());
        assert!(answer.header("strict-transport-security").is_some());
        assert!(answer.header("cache-control").is_some(), "{target}");
        assert_eq!(answer.header("server"), None);
    }
}

#[tokio::test]
async fn public_json_may_be_read_by_every_origin_and_pages_may_not() {
    let server = start(Limits::default()).await;
    let json = server.get("/api/v1/status").await;
    assert_eq!(json.header("access-control-allow-origin"), Some("*"));
    assert_eq!(json.header("content-type"), Some("application/json"));
    let page = server.get("/").await;
    assert_eq!(page.header("access-control-allow-origin"), None);
    let dynamic = server.get("/form").await;
    assert_eq!(dynamic.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn errors_are_friendly_in_both_languages_and_say_nothing_internal() {
    let server = start(Limits::default()).await;
    let missing = server.get("/en/nowhere").await;
    assert_eq!(missing.status, 404);
    assert!(missing.text().contains("There is no page here"));
    assert!(missing.text().contains("noindex"));
    let missing = server.get("/id/nowhere").await;
    assert!(missing.text().contains("Tidak ada halaman di sini"));

    for target in ["/secret-error", "/panic"] {
        let broken = server.get(target).await;
        assert_eq!(broken.status, 500, "{target}");
        assert!(broken.text().contains("Something broke on our side"));
        assert!(!broken.text().contains("hunter2"));
        assert!(!broken.text().contains("on purpose"));
    }

    let method = server.ask("DELETE", "/form", "").await;
    assert_eq!(method.status, 405);
    assert!(method.header("allow").unwrap().contains("POST"));
    let method = server
        .ask("POST", "/outages", "content-length: 0\r\n")
        .await;
    assert_eq!(method.status, 405);
    assert_eq!(method.header("allow"), Some("GET, HEAD, OPTIONS"));
}

#[tokio::test]
async fn errors_of_the_api_are_problem_details() {
    let server = start(Limits::default()).await;
    for (method, target, status) in [
        ("GET", "/api/v1/nothing", 404),
        ("DELETE", "/api/v1/status", 405),
        ("GET", "/api/v1/reports", 405),
        ("POST", "/api/v1/reports", 400),
    ] {
        let answer = server.ask(method, target, "content-length: 0\r\n").await;
        assert_eq!(answer.status, status, "{method} {target}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
        let problem: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], "about:blank");
        assert!(problem["title"].is_string());
    }
}

#[tokio::test]
async fn odd_paths_are_answered_and_reach_no_file() {
    let server = start(Limits::default()).await;
    let long = format!("/{}", "a".repeat(8000));
    for target in [
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/en/../../Cargo.toml",
        "//evil.example/",
        "/\\evil",
        "/%00",
        "/%ff%fe",
        "/%",
        "/en/en/outages",
        "/.git/config",
        "/outages%2f",
        long.as_str(),
    ] {
        let answer = server.get(target).await;
        assert!(
            answer.status == 404 || answer.status == 400,
            "{target}: {}",
            answer.status
        );
        assert!(!answer.text().contains("root:"));
        assert!(answer.header("location").is_none(), "{target}");
    }
    let redirect = server.get("/en/outages/?a=b").await;
    assert_eq!(redirect.status, 308);
    assert_eq!(redirect.header("location"), Some("/en/outages?a=b"));
}

#[tokio::test]
async fn a_request_names_one_host() {
    let routes = router()
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(|| async { "ready" }))
        .route("/metrics", get(|| async { "metrics" }));
    let server = start_limited(Limits::default(), routes).await;
    for (target, hosts, status) in [
        ("/", "host: x\r\n", 200),
        ("/form", "host: x\r\n", 200),
        ("/", "host: x\r\nhost: y\r\n", 400),
        ("/form", "host: x\r\nHost: x\r\n", 400),
        ("/healthz", "host: x\r\nhost: y\r\n", 400),
        ("/", "", 400),
        ("/", "host:\r\n", 400),
        ("/form", "", 400),
        ("/api/v1/status", "", 400),
        ("/metrics", "", 400),
        // Balancers ask after these without one.
        ("/healthz", "", 200),
        ("/readyz", "", 200),
        ("/healthz", "host: 10.0.0.7\r\n", 200),
    ] {
        for version in ["1.0", "1.1"] {
            let request =
                format!("GET {target} HTTP/{version}\r\n{hosts}connection: close\r\n\r\n");
            let answer = server.raw(request.as_bytes()).await;
            assert_eq!(answer.status, status, "{target} {hosts:?} {version}");
        }
    }
}

#[tokio::test]
async fn a_head_sent_by_half_is_closed_in_time() {
    let server = start(Limits {
        header_read: Duration::from_millis(300),
        ..Limits::default()
    })
    .await;
    let mut half = server.connect().await;
    half.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: ")
        .await
        .unwrap();
    read_all(&mut half).await;
    // One that says nothing at all, and one that is idle after an answer, go as well.
    read_all(&mut server.connect().await).await;
    let mut idle = server.connect().await;
    idle.write_all(b"GET /api/v1/status HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let answer = Answer::parse(&read_all(&mut idle).await);
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_connection_over_the_cap_is_told_when_to_come_back() {
    let server = start(Limits {
        // One address gets half of them.
        connections: 4,
        ..Limits::default()
    })
    .await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = server.connect().await;
        stream
            .write_all(b"GET /api/v1/status HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        stream.read_exact(&mut [0; 1]).await.unwrap();
        held.push(stream);
    }
    for _ in 0..3 {
        let refused = server.get("/").await;
        assert_eq!(refused.status, 503);
        assert!(refused.header("retry-after").is_some());
    }
    drop(held);
    let again = async {
        while server.get("/").await.status != 200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONG, again)
        .await
        .expect("the place was never freed");
}

#[tokio::test]
async fn a_full_router_answers_503_while_finished_pages_go_on() {
    let server = start(Limits {
        requests: 1,
        ..Limits::default()
    })
    .await;
    let mut slow = server.connect().await;
    slow.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let full = async {
        loop {
            let answer = server.get("/form").await;
            if answer.status == 503 {
                break answer;
            }
        }
    };
    let busy = timeout(LONG, full).await.expect("never full");
    assert!(busy.header("retry-after").is_some());
    assert!(busy.text().contains("We are very busy"));
    assert_eq!(server.get("/").await.status, 200);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_ended() {
    let server = start(Limits {
        request: Duration::from_millis(200),
        ..Limits::default()
    })
    .await;
    assert_eq!(server.get("/slow").await.status, 408);
    // A body that never comes, too.
    let half = server
        .raw(b"POST /form HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nabc")
        .await;
    assert_eq!(half.status, 408);
    assert!(half.text().contains("took too long"));
}

#[tokio::test]
async fn a_body_that_stalls_is_given_up_long_before_the_request_limit() {
    let server = start(Limits {
        body_stall: Duration::from_millis(200),
        request: LONG * 10,
        ..Limits::default()
    })
    .await;
    let half = server
        .raw(b"POST /form HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nabc")
        .await;
    assert_eq!(half.status, 400);
    assert!(half.text().contains("could not be understood"));
}

#[tokio::test]
async fn a_body_that_is_too_large_gets_an_answer_and_not_a_broken_connection() {
    let server = start(Limits {
        body: 100_000,
        ..Limits::default()
    })
    .await;
    let mut request = b"POST /form HTTP/1.1\r\nhost: x\r\ncontent-length: 350000\r\n\r\n".to_vec();
    request.resize(request.len() + 350_000, b'x');
    let answer = server.raw(&request).await;
    assert_eq!(answer.status, 413);
    assert!(answer.text().contains("That was too large"));
    let fine = server.ask("POST", "/form", "content-length: 0\r\n").await;
    assert_eq!(fine.text(), "0 bytes");
}

#[tokio::test]
async fn open_requests_finish_when_the_server_stops() {
    let server = start(Limits::default()).await;
    let mut open = server.connect().await;
    open.write_all(b"POST /form HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nab")
        .await
        .unwrap();
    // The request is in the handler once another one, sent later, has been answered.
    assert_eq!(server.get("/form").await.status, 200);
    server.stop.send_replace(true);
    let gone = async {
        while TcpStream::connect(server.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONG, gone).await.expect("still listening");
    open.write_all(b"cd").await.unwrap();
    let answer = Answer::parse(&read_all(&mut open).await);
    assert_eq!(answer.text(), "4 bytes");
    timeout(LONG, server.task)
        .await
        .expect("never ended")
        .unwrap();
}

#[test]
fn a_proxy_that_is_not_named_is_told_of_once_a_day() {
    let clock = crate::harness::TestClock::at(crate::harness::NOON);
    let unknown = UnknownProxies::new(clock.shared());
    assert!(unknown.is_due());
    assert!(!unknown.is_due());
    clock.advance(Duration::from_secs(24 * 3600 - 1));
    assert!(!unknown.is_due());
    clock.advance(Duration::from_secs(1));
    assert!(unknown.is_due());
}

#[test]
fn only_trusted_proxies_are_believed() {
    let trusted: Vec<Network> = ["10.0.0.0/8", "::1"]
        .iter()
        .map(|network| network.parse().unwrap())
        .collect();
    let see = |peer: &str, forwarded: &[&str]| {
        let mut headers = axum::http::HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        client(peer.parse().unwrap(), &headers, &trusted)
            .0
            .to_string()
    };
    assert_eq!(see("203.0.113.7", &["1.1.1.1"]), "203.0.113.7");
    assert_eq!(see("10.0.0.1", &["203.0.113.9"]), "203.0.113.9");
    assert_eq!(see("10.0.0.1", &["9.9.9.9, 203.0.113.9"]), "203.0.113.9");
    assert_eq!(see("10.0.0.1", &["203.0.113.9, 10.0.0.2"]), "203.0.113.9");
    assert_eq!(see("10.0.0.1", &["1.1.1.1", "203.0.113.9"]), "203.0.113.9");
    assert_eq!(see("::ffff:10.0.0.1", &["203.0.113.9:4711"]), "203.0.113.9");
    assert_eq!(see("::1", &["[2001:db8::7]:99"]), "2001:db8::7");
    assert_eq!(see("10.0.0.1", &["nonsense"]), "10.0.0.1");
    assert_eq!(see("10.0.0.1", &[]), "10.0.0.1");
    for wrong in ["10.0.0.0/33", "::/129", "10.0.0", "", "10.0.0.0/x"] {
        assert!(wrong.parse::<Network>().is_err(), "{wrong}");
    }
    let everyone: Network = "0.0.0.0/0".parse().unwrap();
    assert!(everyone.contains("198.51.100.1".parse().unwrap()));
}
