//! Sites that break, lie and never end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use siaga::domain::{Fault, Moment, Outcome};
use siaga::http_client::HttpClients;
use siaga::probe::applicants::Applicants;
use std::io::Write as _;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::server::{Server, acceptor, answer, page, plain, raw, redirect};
use super::{flow, run};
use crate::harness::probing::{target, tools};
use crate::harness::processes::free_port;

const VISIT: &str = "[[step]]\nname = \"a\"\ncomponent = \"web\"\nvisit = \"/\"\n";

/// Visits the site's front page with this in the step; the outcome and its message.
async fn visit(site: &str, more: &str) -> (Outcome, String) {
    let report = run(&flow(&format!("{VISIT}{more}")), &target(site), &tools()).await;
    let step = &report.steps[0];
    (step.outcome, step.message.clone().unwrap_or_default())
}

async fn fails(server: &Server, more: &str, fault: Fault, says: &str) {
    let (outcome, message) = visit(&server.url, more).await;
    assert_eq!(outcome, Outcome::Failed(fault), "{message}");
    assert!(message.contains(says), "{message}");
}

async fn endlessly(mut stream: TcpStream, head: &str, piece: &[u8], pause: Duration) -> u64 {
    let mut sent = 0;
    let _ = stream.write_all(head.as_bytes()).await;
    while stream.write_all(piece).await.is_ok() {
        sent += piece.len() as u64;
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
    sent
}

#[tokio::test]
async fn a_body_of_a_gigabyte_is_not_read() {
    let sent = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&sent);
    let server = raw(move |_, stream| {
        let counted = Arc::clone(&counted);
        async move {
            let head = "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n";
            let count = endlessly(stream, head, &[b'x'; 65536], Duration::ZERO).await;
            counted.fetch_add(count, Ordering::SeqCst);
        }
    })
    .await;
    fails(&server, "", Fault::Content, "longer than 5000000 bytes").await;
    // The rest is what lay in the sockets' buffers.
    assert!(sent.load(Ordering::SeqCst) < 20_000_000);
}

#[tokio::test]
async fn an_endless_body_stops_at_the_limit_of_its_size() {
    let server = raw(|_, stream| async move {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let piece = [b"1000\r\n".as_slice(), &[b'x'; 4096], b"\r\n"].concat();
        endlessly(stream, head, &piece, Duration::ZERO).await;
    })
    .await;
    fails(
        &server,
        "body_limit = \"1MB\"",
        Fault::Content,
        "longer than 1000000 bytes",
    )
    .await;
}

#[tokio::test]
async fn an_endless_body_stops_at_the_limit_of_time() {
    let server = raw(|_, stream| async move {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        endlessly(stream, head, b"1\r\nx\r\n", Duration::from_millis(20)).await;
    })
    .await;
    fails(
        &server,
        "timeout = \"300ms\"",
        Fault::Timeout,
        "within 0.3 s",
    )
    .await;
}

#[tokio::test]
async fn headers_that_never_end_time_out() {
    let server = raw(|_, stream| async move {
        endlessly(
            stream,
            "HTTP/1.1 200 OK\r\n",
            b"X-A: b\r\n",
            Duration::from_millis(50),
        )
        .await;
    })
    .await;
    fails(
        &server,
        "timeout = \"300ms\"",
        Fault::Timeout,
        "within 0.3 s",
    )
    .await;
}

#[tokio::test]
async fn a_gzip_bomb_stops_at_the_limit() {
    let server = raw(|_, mut stream| async move {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        for _ in 0..64 {
            gzip.write_all(&vec![0; 1 << 20]).unwrap();
        }
        let body = gzip.finish().unwrap();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
    })
    .await;
    fails(&server, "", Fault::Content, "longer than 5000000 bytes").await;
}

#[tokio::test]
async fn what_is_no_gzip_is_wrong_content() {
    let server = plain(|_| answer("200 OK", "Content-Encoding: gzip\r\n", "plainly not")).await;
    fails(&server, "", Fault::Content, "wrongly encoded").await;
}

#[tokio::test]
async fn a_body_shorter_than_stated_is_a_broken_connection() {
    let server = raw(|_, mut stream| async move {
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
            .await;
    })
    .await;
    fails(&server, "", Fault::Connect, "broke").await;
}

#[tokio::test]
async fn a_reset_in_the_middle_of_the_answer_is_a_broken_connection() {
    let server = raw(|_, mut stream| async move {
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsh")
            .await;
        let _ = stream.flush().await;
        stream.set_zero_linger().unwrap();
    })
    .await;
    fails(&server, "", Fault::Connect, "broke").await;
}

#[tokio::test]
async fn what_is_no_http_is_a_broken_connection() {
    let server = plain(|_| "SSH-2.0-OpenSSH_9.2\r\n\r\n".to_owned()).await;
    fails(&server, "", Fault::Connect, "not HTTP").await;
}

#[tokio::test]
async fn invalid_utf8_is_read_all_the_same() {
    let server = raw(|_, mut stream| async move {
        let body = b"<p>before \xff\xfe\x80 after</p>";
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all(&[head.as_bytes(), body].concat()).await;
    })
    .await;
    let more = "expect = { text = [\"before\", \"after\"] }";
    assert_eq!(
        visit(&server.url, more).await,
        (Outcome::Passed, String::new())
    );
}

#[tokio::test]
async fn the_charset_of_the_header_or_of_the_page_is_honoured() {
    for (header, start) in [
        ("Content-Type: text/html; charset=ISO-8859-1\r\n", ""),
        ("Content-Type: text/html\r\n", "<meta charset='iso-8859-1'>"),
    ] {
        let server = raw(move |_, mut stream| async move {
            let body = [start.as_bytes(), b"<p>caf\xe9</p>"].concat();
            let length = body.len();
            let head = format!("HTTP/1.1 200 OK\r\n{header}Content-Length: {length}\r\n\r\n");
            let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
        })
        .await;
        let seen = visit(&server.url, "expect = { text = \"café\" }").await;
        assert_eq!(seen, (Outcome::Passed, String::new()), "{header}{start}");
    }
}

#[tokio::test]
async fn as_many_redirects_are_followed_as_in_browsers() {
    for (count, passes) in [(19, true), (30, false)] {
        let server = plain(move |request| {
            let at: u32 = request.path().trim_start_matches("/r").parse().unwrap_or(0);
            if at < count {
                redirect(&format!("/r{}", at + 1))
            } else {
                page("there")
            }
        })
        .await;
        if passes {
            let seen = visit(
                &server.url,
                "expect = { text = \"there\", path = \"/r19\" }",
            )
            .await;
            assert_eq!(seen, (Outcome::Passed, String::new()));
        } else {
            fails(&server, "", Fault::Status, "after 19 redirects").await;
            assert_eq!(server.seen().len(), 20);
        }
    }
}

#[tokio::test]
async fn a_redirect_to_another_host_is_not_followed() {
    let other = plain(|_| page("not for you")).await;
    let location = other.url.clone();
    let server = plain(move |_| redirect(&location)).await;
    fails(&server, "", Fault::Content, "may not reach").await;
    assert!(other.seen().is_empty());

    let mut target = target(&server.url);
    target.hosts.insert(
        other
            .url
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .to_owned(),
    );
    let report = run(&flow(VISIT), &target, &tools()).await;
    assert_eq!(report.outcome, Outcome::Passed);
    assert_eq!(report.steps[0].redirects, 1);
}

#[tokio::test]
async fn redirects_change_the_method_as_in_browsers() {
    for (status, then) in [
        ("301 Moved", "GET /there"),
        ("302 Found", "GET /there"),
        ("303 See Other", "GET /there"),
        ("307 Temporary", "POST /there"),
        ("308 Permanent", "POST /there"),
    ] {
        let server = plain(move |request| match request.path() {
            "/there" => page("there"),
            _ => answer(status, "Location: /there\r\n", ""),
        })
        .await;
        let step = "[[step]]\nname = \"a\"\ncomponent = \"web\"\n\
                    request = { method = \"POST\", path = \"/\", form = { a = \"b c\" } }\n";
        let report = run(&flow(step), &target(&server.url), &tools()).await;
        assert_eq!(report.outcome, Outcome::Passed);
        assert_eq!(server.lines(), ["POST /", then]);
        let kept = if then.starts_with("POST") {
            "a=b+c"
        } else {
            ""
        };
        assert_eq!(server.seen()[1].text(), kept, "{status}");
    }
}

#[tokio::test]
async fn connections_that_cannot_be_made_have_their_faults() {
    let free = free_port();
    let (outcome, message) = visit(&format!("http://127.0.0.1:{free}/"), "").await;
    assert_eq!(outcome, Outcome::Failed(Fault::Connect), "{message}");

    let (outcome, message) = visit("http://no-such-host.invalid/", "").await;
    assert_eq!(outcome, Outcome::Failed(Fault::Dns), "{message}");

    let plaintext = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let site = format!("https://{}/", plaintext.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = plaintext.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let (outcome, message) = visit(&site, "").await;
    assert_eq!(outcome, Outcome::Failed(Fault::Tls), "{message}");

    // The listener's queue takes the connection, but nobody ever answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let site = format!("http://{}/", silent.local_addr().unwrap());
    let (outcome, message) = visit(&site, "timeout = \"200ms\"").await;
    assert_eq!(outcome, Outcome::Failed(Fault::Timeout), "{message}");
}

/// A TLS server whose certificate only `ca.pem` vouches for; it answers after a while.
async fn tls_server() -> String {
    let acceptor = acceptor();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // The handshake, the first byte and the last each take their time.
                tokio::time::sleep(Duration::from_millis(60)).await;
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                tokio::time::sleep(Duration::from_millis(80)).await;
                let _ = stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
                    .await;
                let _ = stream.flush().await;
                tokio::time::sleep(Duration::from_millis(40)).await;
                let _ = stream.write_all(b"cd").await;
                let _ = stream.shutdown().await;
            });
        }
    });
    format!("https://localhost:{port}/")
}

#[tokio::test]
async fn the_phases_and_the_certificate_are_seen() {
    let site = tls_server().await;
    let (outcome, message) = visit(&site, "").await;
    assert_eq!(outcome, Outcome::Failed(Fault::Tls), "{message}");

    let mut tools = tools();
    let ca = include_bytes!("../tls/ca.pem").to_vec();
    tools.applicants = Arc::new(Applicants::new(HttpClients::new(None, &[ca]).unwrap()));
    // Also where one run takes over the client of the one before it.
    for _ in 0..3 {
        let report = run(&flow(VISIT), &target(&site), &tools).await;
        let step = &report.steps[0];
        assert_eq!(step.outcome, Outcome::Passed, "{:?}", step.message);
        let phases = step.phases;
        assert!(phases.tls >= 50, "{phases:?}");
        assert!(phases.connect < phases.tls, "{phases:?}");
        assert!(phases.first_byte >= 70, "{phases:?}");
        assert!(phases.transfer >= 30, "{phases:?}");
        let sum =
            phases.resolve + phases.connect + phases.tls + phases.first_byte + phases.transfer;
        assert!(sum <= step.took_ms + 3, "{phases:?} of {}", step.took_ms);
        // Jun 16 09:17:44 2125 GMT, as openssl reads it from the file.
        let expires: jiff::Timestamp = "2125-06-16T09:17:44Z".parse().unwrap();
        assert_eq!(step.certificate_expires_at, Some(Moment::from(expires)));
    }
    let plain = plain(|_| page("hello")).await;
    let report = run(&flow(VISIT), &target(&plain.url), &tools).await;
    assert_eq!(report.outcome, Outcome::Passed);
    assert_eq!(report.steps[0].certificate_expires_at, None);
}
