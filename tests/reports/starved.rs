//! What a stranger costs by what they announce, and by how they cut it into pieces.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use siaga::web::reports::Settings;
use siaga::web::throttle::Rate;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::desk::{Running, errors, fields, file, form, png, start, start_with};
use crate::harness::on_sqlite;

const LONG: Duration = Duration::from_secs(20);

/// A connection from an address of this machine.
async fn connect_from(source: &str, desk: &Running) -> TcpStream {
    let to: SocketAddr = desk.url.strip_prefix("http://").unwrap().parse().unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{source}:0").parse().unwrap()).unwrap();
    let stream = socket.connect(to).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// The head of a report that announces so many bytes.
fn head(path: &str, length: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
         content-type: multipart/form-data; boundary=x\r\ncontent-length: {length}\r\n\r\n"
    )
}

/// The beginning of a part.
fn part(name: &str, file: Option<&str>) -> String {
    let file = file.map_or(String::new(), |file| format!("; filename=\"{file}\""));
    format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n")
}

async fn answer(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // Whoever is refused while sending may meet a reset behind the answer.
    let _ = timeout(LONG, stream.read_to_end(&mut bytes))
        .await
        .expect("an answer in time");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn what_is_announced_takes_nothing_from_anybody() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        let mut held = Vec::new();
        let mut length = 40_000_000;
        while length > 1000 {
            for path in ["/report", "/api/v1/reports", "/report"] {
                let mut stream = connect_from("127.0.0.2", &desk).await;
                let start = head(path, length) + &part("role", None) + "hol";
                stream.write_all(start.as_bytes()).await.unwrap();
                held.push(stream);
            }
            length /= 2;
        }
        let shot = form(&fields()).part("screenshot", file("a.png", png(300, 300)));
        assert_eq!(desk.report(shot).await.status(), 201);
    })
    .await;
}

#[tokio::test]
async fn one_address_holds_no_more_than_half_of_the_memory() {
    on_sqlite(|database| async move {
        let settings = Settings {
            memory: 1024 * 1024,
            ..Settings::default()
        };
        let desk = start_with(&database.store, settings, None).await;
        // Two pictures that come by more than half of what there is, and never end.
        let mut picture = png(9, 9);
        picture.resize(300 * 1024, 7);
        let mut streams = Vec::new();
        for _ in 0..2 {
            let mut stream = connect_from("127.0.0.2", &desk).await;
            let start = head("/api/v1/reports", 400_000) + &part("screenshot", Some("a.png"));
            stream.write_all(start.as_bytes()).await.unwrap();
            stream.write_all(&picture).await.unwrap();
            streams.push(stream);
        }
        let [mut one, mut two] = <[TcpStream; 2]>::try_from(streams).unwrap();
        let (refused, _held) = tokio::select! {
            refused = answer(&mut one) => (refused, two),
            refused = answer(&mut two) => (refused, one),
        };
        assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
        assert!(refused.contains("retry-after"), "{refused}");
        let mut own = png(9, 9);
        own.resize(200 * 1024, 0);
        let shot = form(&fields()).part("screenshot", file("a.png", own));
        assert_eq!(desk.report(shot).await.status(), 201);
    })
    .await;
}

#[tokio::test]
async fn who_comes_too_often_is_counted_before_anything_is_read() {
    on_sqlite(|database| async move {
        let settings = Settings {
            per_client: Rate {
                burst: 1,
                every: Duration::from_secs(60),
            },
            arrive_within: Duration::from_millis(500),
            ..Settings::default()
        };
        let desk = start_with(&database.store, settings, None).await;
        desk.report_right(&fields()).await;
        for path in ["/report", "/api/v1/reports"] {
            let mut stream = connect_from("127.0.0.1", &desk).await;
            let start = head(path, 20_000_000) + &part("name", None) + "Zhang";
            stream.write_all(start.as_bytes()).await.unwrap();
            let answer = answer(&mut stream).await;
            assert!(answer.starts_with("HTTP/1.1 429"), "{path}: {answer}");
        }
        // What came in time is given back.
        let page = desk.client.post(format!("{}/en/report", desk.url));
        let shot = form(&fields()).part("screenshot", file("a.png", png(9, 9)));
        let page = page.multipart(shot).send().await.unwrap();
        assert_eq!(page.status(), 429);
        let page = page.text().await.unwrap();
        assert!(page.contains("value=\"Zhang Wei\""), "{page}");
    })
    .await;
}

#[tokio::test]
async fn a_hundred_thousand_parts_cost_no_more_than_the_first_hundred() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        for file in [None, Some("a.txt")] {
            let mut body = String::new();
            for n in 0..100_000 {
                let _ = write!(body, "{}1\r\n", part(&format!("f{n}"), file));
            }
            body.push_str("--x--\r\n");
            let kind = "multipart/form-data; boundary=x";
            let send = |path: &str| {
                let request = desk.client.post(format!("{}{path}", desk.url));
                request
                    .header("content-type", kind)
                    .body(body.clone())
                    .send()
            };
            let answer = send("/api/v1/reports").await.unwrap();
            assert_eq!(answer.status(), 413);
            let problem: Value = answer.json().await.unwrap();
            // Twice as many as there are fields are told, and no more are remembered.
            assert!(errors(&problem).len() <= 40, "{}", errors(&problem).len());
            let page = send("/en/report").await.unwrap();
            assert_eq!(page.status(), 413);
            let page = page.text().await.unwrap();
            assert!(page.len() < 100_000, "{} bytes", page.len());
        }
        assert_eq!(desk.count().await, 0);
    })
    .await;
}

#[tokio::test]
async fn json_without_end_of_mistakes_is_told_a_few() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        let members = (0..15_000).map(|n| format!("\"f{n}\":[[]]"));
        let body = format!("{{{}}}", members.collect::<Vec<_>>().join(","));
        assert!(body.len() < 256 * 1024, "all of it is read");
        let request = desk.client.post(format!("{}/api/v1/reports", desk.url));
        let request = request.header("content-type", "application/json");
        let answer = request.body(body).send().await.unwrap();
        assert_eq!(answer.status(), 422);
        let problem: Value = answer.json().await.unwrap();
        assert!(errors(&problem).len() <= 60, "{}", errors(&problem).len());
    })
    .await;
}

#[tokio::test]
async fn a_head_without_end_is_given_up_after_a_few_kib() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        // Behind a boundary, and before the first one.
        for start in ["--x\r\nx-head: ", "x"] {
            let mut stream = connect_from("127.0.0.1", &desk).await;
            let start = head("/api/v1/reports", 20_000_000) + start + &"y".repeat(200_000);
            stream.write_all(start.as_bytes()).await.unwrap();
            let answer = answer(&mut stream).await;
            assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_report_that_comes_byte_by_byte_is_the_same_report() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        let mut body = Vec::new();
        for (name, value) in fields() {
            body.extend(format!("{}{value}\r\n", part(name, None)).bytes());
        }
        body.extend(part("screenshot", Some("a.png")).bytes());
        body.extend(png(9, 9));
        body.extend(b"\r\n--x--\r\n");
        let mut stream = connect_from("127.0.0.1", &desk).await;
        let head = head("/api/v1/reports", body.len());
        stream.write_all(head.as_bytes()).await.unwrap();
        for byte in body {
            stream.write_all(&[byte]).await.unwrap();
        }
        let answer = answer(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        assert_eq!((desk.count().await, desk.files().len()), (1, 1));
    })
    .await;
}

#[tokio::test]
async fn what_another_sites_page_sends_is_refused() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        for (path, right) in [("/en/report", 303), ("/api/v1/reports", 201)] {
            for (name, value, status) in [
                ("sec-fetch-site", "cross-site", 403),
                ("sec-fetch-site", "same-site", 403),
                ("origin", "https://elsewhere.example", 403),
                ("origin", "null", 403),
                ("sec-fetch-site", "same-origin", right),
                ("origin", desk.url.as_str(), right),
                // Programs say nothing of pages.
                ("x-nothing", "1", right),
            ] {
                let before = desk.count().await;
                let answer = desk
                    .client
                    .post(format!("{}{path}", desk.url))
                    .header(name, value)
                    .multipart(form(&fields()))
                    .send()
                    .await
                    .unwrap();
                assert_eq!(answer.status(), status, "{path} {name}: {value}");
                let kept = i64::from(status == right);
                assert_eq!(desk.count().await, before + kept, "{path} {name}: {value}");
            }
        }
    })
    .await;
}
