//! The way behind the scenes answers to its own address only.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::start;

/// Sends a request with these header lines; gives the status.
async fn ask(address: SocketAddr, line: &str, headers: &str) -> u16 {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{line} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn it_answers_to_its_own_host_only() {
    let rehearsal = start().await;
    for address in [rehearsal.site(), rehearsal.control().unwrap()] {
        let port = address.port();
        for line in [
            "GET /_rehearsal/",
            "GET /_rehearsal/faults",
            "GET /_rehearsal/mailbox",
            "GET /_rehearsal/mails.json",
            "DELETE /_rehearsal/faults",
        ] {
            for own in [
                format!("127.0.0.1:{port}"),
                format!("localhost:{port}"),
                "127.0.0.1:9000".to_owned(),
            ] {
                let status = ask(address, line, &format!("Host: {own}\r\n")).await;
                assert_eq!(status, 200, "{line} {own}");
            }
            // A name that somebody leads here, as a page of theirs does to read what we answer.
            for other in [
                format!("evil.example:{port}"),
                "evil.example".to_owned(),
                format!("127.0.0.1.evil.example:{port}"),
                format!("localhost.evil.example:{port}"),
                format!("10.0.0.1:{port}"),
                format!("evil.example@127.0.0.1/:{port}"),
                "[::1".to_owned(),
                String::new(),
            ] {
                let status = ask(address, line, &format!("Host: {other}\r\n")).await;
                assert!(status == 421 || status == 400, "{line} {other}: {status}");
            }
            let two = format!("Host: 127.0.0.1:{port}\r\nHost: evil.example\r\n");
            assert_ne!(ask(address, line, &two).await, 200, "{line}");
            assert_ne!(ask(address, line, "").await, 200, "{line}");
        }
    }
    // What is surely up is for everybody.
    let control = rehearsal.control().unwrap();
    let up = ask(control, "GET /generate_204", "Host: control.example\r\n").await;
    assert_eq!(up, 204);
    rehearsal.stop().await;
}

#[tokio::test]
async fn pages_of_others_switch_nothing() {
    let rehearsal = start().await;
    for address in [rehearsal.site(), rehearsal.control().unwrap()] {
        let host = format!("127.0.0.1:{}", address.port());
        let own = format!("Host: {host}\r\nContent-Length: 0\r\n");
        for line in [
            "POST /_rehearsal/switch",
            "POST /_rehearsal/faults",
            "PUT /_rehearsal/faults",
            "DELETE /_rehearsal/faults",
        ] {
            for foreign in [
                "Origin: http://evil.example\r\n".to_owned(),
                "Origin: null\r\n".to_owned(),
                format!("Origin: https://{host}\r\n"),
                "Origin: http://127.0.0.1:1\r\n".to_owned(),
                format!("Origin: http://{host}\r\nOrigin: http://evil.example\r\n"),
                "Sec-Fetch-Site: cross-site\r\n".to_owned(),
                "Sec-Fetch-Site: same-site\r\n".to_owned(),
            ] {
                let status = ask(address, line, &format!("{own}{foreign}")).await;
                assert_eq!(status, 403, "{line} {foreign}");
            }
        }
        let switch = "POST /_rehearsal/switch";
        for own_page in [
            String::new(),
            format!("Origin: http://{host}\r\nSec-Fetch-Site: same-origin\r\n"),
            "Sec-Fetch-Site: none\r\n".to_owned(),
        ] {
            let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
            let status = ask(address, switch, &format!("{own}{kind}{own_page}")).await;
            assert_eq!(status, 303, "{own_page}");
        }
    }
    // Somebody follows a link to it: there is nothing in that.
    let followed = "Sec-Fetch-Site: cross-site\r\n";
    let host = format!("Host: {}\r\n{followed}", rehearsal.site());
    assert_eq!(ask(rehearsal.site(), "GET /_rehearsal/", &host).await, 200);
    rehearsal.stop().await;
}
