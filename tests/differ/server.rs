//! The server that both engines ask, and what it notes of each run, by the host that was asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::generator::Case;

/// The cases under way, by the number of their run.
#[derive(Default)]
pub(super) struct Cases(Mutex<HashMap<u64, Arc<Case>>>);

impl Cases {
    pub(super) fn put(&self, run: u64, case: Case) {
        self.0.lock().unwrap().insert(run, Arc::new(case));
    }

    fn get(&self, run: u64) -> Option<Arc<Case>> {
        self.0.lock().unwrap().get(&run).cloned()
    }
}

pub(super) struct Server {
    pub(super) port: u16,
    log: Arc<Mutex<HashMap<u64, Vec<String>>>>,
}

impl Server {
    pub(super) async fn start(cases: Arc<Cases>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let log = Arc::new(Mutex::new(HashMap::new()));
        let server = Server {
            port,
            log: Arc::clone(&log),
        };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (cases, log) = (Arc::clone(&cases), Arc::clone(&log));
                tokio::spawn(async move { serve(stream, &cases, &log, port).await });
            }
        });
        server
    }

    /// What was asked in a run, in order, without the port.
    pub(super) fn log(&self, run: u64) -> Vec<String> {
        self.log.lock().unwrap().remove(&run).unwrap_or_default()
    }
}

/// An address as it is the same in every run and at either server.
pub(super) fn without_host(text: &str, run: u64, port: u16) -> String {
    text.replace(&format!("r{run}.localhost:{port}"), "HOST")
        .replace(&format!("r{run}.localhost"), "HOST")
}

/// Long runs of one letter by their length.
fn short(text: &str) -> String {
    let run = text.find("xxxx").map(|from| {
        let rest = &text[from..];
        let length = rest.find(|c| c != 'x').unwrap_or(rest.len());
        format!("{}x*{length}{}", &text[..from], &rest[length..])
    });
    run.unwrap_or_else(|| text.to_owned())
}

async fn serve(
    mut stream: TcpStream,
    cases: &Cases,
    log: &Mutex<HashMap<u64, Vec<String>>>,
    port: u16,
) -> Option<()> {
    let mut buffer = Vec::new();
    let mut number = 0;
    loop {
        let end = loop {
            if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            let mut chunk = [0; 8192];
            match stream.read(&mut chunk).await {
                Ok(count) if count > 0 => buffer.extend_from_slice(&chunk[..count]),
                _ => return None,
            }
        };
        let head: String = buffer[..end].iter().map(|byte| char::from(*byte)).collect();
        let header = |name: &str| {
            let lines = head
                .split("\r\n")
                .skip(1)
                .filter_map(|line| line.split_once(':'));
            let mut lines = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name));
            lines.next().map(|(_, value)| value.trim().to_owned())
        };
        let length = header("content-length").and_then(|length| length.parse().ok());
        let length: usize = length.unwrap_or_default();
        while buffer.len() < end + 4 + length {
            let mut chunk = [0; 8192];
            match stream.read(&mut chunk).await {
                Ok(count) if count > 0 => buffer.extend_from_slice(&chunk[..count]),
                _ => return None,
            }
        }
        let body = buffer[end + 4..end + 4 + length].to_vec();
        buffer.drain(..end + 4 + length);
        number += 1;
        let line = head.split("\r\n").next()?.to_owned();
        let target = line.split(' ').nth(1)?.to_owned();
        let host = header("host").unwrap_or_default();
        let label = host
            .split('.')
            .find_map(|label| label.strip_prefix('r')?.parse().ok());
        let run: u64 = label.unwrap_or(u64::MAX);
        let Some(case) = cases.get(run) else {
            let _ = stream
                .write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                .await;
            continue;
        };
        // A kept connection that ends when it is used again.
        if number > 1 && case.drops_kept {
            return None;
        }
        let destination = header("sec-fetch-dest").unwrap_or_else(|| "document".to_owned());
        let is_page = destination == "document" && target != "/favicon.ico";
        if is_page {
            let kind = header("content-type").unwrap_or_default();
            let (kind, boundary) = kind.split_once("; boundary=").unwrap_or((&kind, "\0"));
            let body: String = body.iter().map(|byte| char::from(*byte)).collect();
            let body = body.replace(boundary, "BOUNDARY").replace('\r', "\\r");
            let method = line.split(' ').next()?;
            let cookies = header("cookie").map(|cookies| format!(" cookies <{}>", short(&cookies)));
            let noted = format!(
                "{method} {} {target} {kind}{} {}",
                without_host(&host, run, port),
                cookies.unwrap_or_default(),
                body.replace('\n', "\\n")
            );
            let mut log = log.lock().unwrap();
            log.entry(run)
                .or_default()
                .push(without_host(&noted, run, port));
        }
        let answer = case.answer(&target, &format!("r{run}.localhost:{port}"));
        stream.write_all(&answer).await.ok()?;
        if !case.keeps {
            let _ = stream.shutdown().await;
            return None;
        }
    }
}
