//! Nobody takes the place of everybody: what one network, or many, can hold of the server.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};
use siaga::web::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::serving::{Answer, LONG, Running, read_all, start_limited};

fn router() -> Router {
    let taken = |body: Bytes| async move { format!("{} bytes", body.len()) };
    Router::new()
        .route("/form", post(taken).get(|| async { "form" }))
        .route("/office/sign-in", post(taken).get(|| async { "office" }))
        .route("/duty/outages", get(|| async { "duty" }))
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(|| async { "ready" }))
        .route("/metrics", get(|| async { "metrics" }))
}

/// Behind a proxy on this machine, so that tests can come from anywhere.
async fn behind_a_proxy(requests: usize) -> Running {
    let limits = Limits {
        requests,
        trusted_proxies: vec!["127.0.0.1".parse().unwrap()],
        body_stall: LONG * 10,
        request: LONG * 10,
        ..Limits::default()
    };
    start_limited(limits, router()).await
}

/// A request from `address` whose body never comes.
async fn stall(server: &Running, path: &str, address: &str) -> TcpStream {
    let mut stream = server.connect().await;
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-forwarded-for: {address}\r\n\
         content-length: 100\r\n\r\nabc"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

async fn from(server: &Running, path: &str, address: &str) -> u16 {
    let headers = format!("x-forwarded-for: {address}\r\n");
    server.ask("GET", path, &headers).await.status
}

/// Stalls requests from `address` until it is refused; gives the ones that are held.
async fn take_all(server: &Running, path: &str, address: &str) -> Vec<TcpStream> {
    let mut held = Vec::new();
    let full = async {
        while from(server, path, address).await != 503 {
            held.push(stall(server, path, address).await);
        }
    };
    timeout(LONG, full).await.expect("it is never refused");
    held
}

#[tokio::test]
async fn one_address_that_stalls_keeps_nobody_else_out() {
    let server = behind_a_proxy(8).await;
    let held = take_all(&server, "/form", "198.51.100.1").await;
    assert!(held.len() >= 4, "half is anybody's");
    for address in ["203.0.113.7", "2001:db8::1"] {
        assert_eq!(from(&server, "/form", address).await, 200, "{address}");
    }
    assert_eq!(from(&server, "/form", "198.51.100.1").await, 503);
    drop(held);
    let again = async { while from(&server, "/form", "198.51.100.1").await != 200 {} };
    timeout(LONG, again).await.expect("no place is freed");
}

#[tokio::test]
async fn one_telephone_of_a_carrier_does_not_keep_the_others_out() {
    let server = behind_a_proxy(9).await;
    let _held = take_all(&server, "/form", "2001:db8:1:1::1").await;
    assert_eq!(
        from(&server, "/form", "2001:db8:1:1:9::9").await,
        503,
        "the same /64"
    );
    assert_eq!(
        from(&server, "/form", "2001:db8:1:2::1").await,
        200,
        "a neighbour"
    );
    assert_eq!(
        from(&server, "/form", "2001:db8:2::1").await,
        200,
        "another /48"
    );
}

#[tokio::test]
async fn health_and_staff_go_on_while_the_public_pages_are_attacked() {
    let server = behind_a_proxy(16).await;
    let mut held = Vec::new();
    for n in 0..16 {
        held.extend(take_all(&server, "/form", &format!("198.51.100.{n}")).await);
    }
    assert_eq!(
        from(&server, "/form", "203.0.113.7").await,
        503,
        "it is full"
    );
    for path in [
        "/office/sign-in",
        "/id/office/sign-in",
        "/duty/outages",
        "/healthz",
        "/readyz",
        "/metrics",
    ] {
        assert_eq!(from(&server, path, "203.0.113.7").await, 200, "{path}");
    }
}

#[tokio::test]
async fn an_office_signs_in_while_one_address_stalls_sign_ins() {
    let server = behind_a_proxy(16).await;
    let _held = take_all(&server, "/office/sign-in", "198.51.100.1").await;
    assert_eq!(from(&server, "/office/sign-in", "203.0.113.7").await, 200);
    assert_eq!(from(&server, "/form", "198.51.100.1").await, 200);
}

/// A connection from another address of this machine.
async fn connect_from(source: &str, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{source}:0").parse().unwrap()).unwrap();
    socket.connect(to).await.unwrap()
}

/// Whether the server answers on this connection with a page.
async fn is_served(stream: &mut TcpStream) -> bool {
    let request = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut start = [0; 12];
    let asked = async {
        stream.write_all(request).await?;
        stream.read_exact(&mut start).await
    };
    timeout(LONG, asked).await.unwrap().is_ok() && start == *b"HTTP/1.1 200"
}

#[tokio::test]
async fn idle_connections_of_one_address_leave_half_to_the_others() {
    let limits = Limits {
        connections: 8,
        header_read: LONG,
        ..Limits::default()
    };
    let server = start_limited(limits, router()).await;
    let mut held = Vec::new();
    for _ in 0..4 {
        let mut stream = connect_from("127.0.0.2", server.address).await;
        assert!(is_served(&mut stream).await);
        held.push(stream);
    }
    let mut fifth = connect_from("127.0.0.2", server.address).await;
    assert!(!is_served(&mut fifth).await);
    for source in ["127.0.0.3", "127.0.0.4"] {
        let mut other = connect_from(source, server.address).await;
        assert!(is_served(&mut other).await, "{source}");
        held.push(other);
    }
}

#[tokio::test]
async fn a_trusted_proxy_may_have_every_connection() {
    let limits = Limits {
        connections: 4,
        trusted_proxies: vec!["127.0.0.2".parse().unwrap()],
        ..Limits::default()
    };
    let server = start_limited(limits, router()).await;
    let mut held = Vec::new();
    for _ in 0..4 {
        let mut stream = connect_from("127.0.0.2", server.address).await;
        assert!(is_served(&mut stream).await);
        held.push(stream);
    }
    let mut fifth = connect_from("127.0.0.2", server.address).await;
    assert!(!is_served(&mut fifth).await);
}

#[tokio::test]
async fn a_body_that_is_too_large_and_never_comes_holds_its_place_no_longer_than_others() {
    let server = start_limited(
        Limits {
            body: 1000,
            body_stall: Duration::from_millis(200),
            request: LONG * 10,
            ..Limits::default()
        },
        router(),
    )
    .await;
    let mut stream = server.connect().await;
    stream
        .write_all(b"POST /form HTTP/1.1\r\nhost: x\r\ncontent-length: 70000000\r\n\r\nabc")
        .await
        .unwrap();
    let answer = Answer::parse(&read_all(&mut stream).await);
    assert_eq!(answer.status, 413);
}
