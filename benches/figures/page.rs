//! Figure 3: `GET /` over 64 connections, against nginx serving the same compressed bytes
//! as a static file (`gzip_static`, no log). Siaga sends its security headers with them,
//! nginx does not. `wrk` asks in turn, with one thread; medians of the rounds.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::json;

use crate::process::{Process, is_installed};
use crate::servers::{self, Nginx};
use crate::table::{Row, median};

const ROUNDS: usize = 7;
const SECONDS: u32 = 2;

/// What is asked, and what the rounds gave.
struct Server {
    name: &'static str,
    process: Process,
    address: SocketAddr,
    rates: Vec<f64>,
    /// Microseconds of processor time an answer.
    cpu: Vec<f64>,
}

pub(crate) async fn measure() -> anyhow::Result<Vec<Row>> {
    for program in ["nginx", "wrk"] {
        if !is_installed(program) {
            return Ok(vec![Row::failed(
                "page",
                &format!("{program} is not installed"),
            )]);
        }
    }
    let folder = servers::folder()?;
    let www = folder.path().join("www");
    fs::create_dir(&www)?;
    fs::write(www.join("index.html"), servers::home_page().await?)?;
    // Tuned for this: connections are kept however many requests they carry.
    let tuned = Nginx {
        name: "nginx, two workers",
        http: "sendfile on; tcp_nopush on; gzip_static on; keepalive_requests 100000000;",
        workers: "2",
        notes: false,
    };
    // What Debian's nginx.conf has; a connection is closed after 1,000 requests.
    let usual = Nginx {
        name: "nginx, as by default",
        http: "sendfile on; tcp_nopush on; gzip_static on;",
        workers: "auto",
        notes: false,
    };
    let tuned_server = file_named(tuned).start(folder.path()).await?;
    let usual_server = file_named(usual).start(folder.path()).await?;
    let (siaga, address) = servers::siaga(folder.path(), tuned_server.1, 7, json!({})).await?;
    let client = servers::client()?;
    let url = format!("http://{address}/api/v1/status");
    servers::until(&client, &url, Duration::from_secs(30), |text| {
        text.contains("\"state\":\"operational\"") && !text.contains("\"state\":\"unknown\"")
    })
    .await
    .context("seven flows, and not everything is known")?;

    // nginx answers `/` with the bytes that Siaga answers it with.
    let gzip = raw(address).await?;
    fs::write(www.join("index.html.gz"), body(&gzip))?;
    let status = head(&gzip);
    ensure!(
        status.contains("content-encoding: gzip"),
        "not compressed: {status}"
    );
    for (_, other) in [&tuned_server, &usual_server] {
        ensure!(
            body(&raw(*other).await?) == body(&gzip),
            "nginx serves other bytes"
        );
    }
    println!(
        "{} bytes of gzip; Siaga's head has {} bytes",
        body(&gzip).len(),
        status.len()
    );
    let server = |name, (process, address)| Server {
        name,
        process,
        address,
        rates: Vec::new(),
        cpu: Vec::new(),
    };
    let mut servers = [
        server("siaga", (siaga, address)),
        server(tuned.name, tuned_server),
        server(usual.name, usual_server),
    ];
    // The first round only warms up.
    for round in 0..=ROUNDS {
        for server in &mut servers {
            let before = server.process.cpu()?;
            let (rate, answers) = wrk(server.address).await?;
            let cpu = (server.process.cpu()? - before) * 1e6 / answers;
            if round > 0 {
                println!(
                    "round {round}: {:21} {rate:7.0}/s, {cpu:.1} µs of CPU each",
                    server.name
                );
                server.rates.push(rate);
                server.cpu.push(cpu);
            }
        }
    }
    let [siaga, tuned, usual] = servers.map(|server| (median(&server.rates), median(&server.cpu)));
    Ok(vec![
        Row::at_least(
            "GET / over 64 connections, against nginx with 2 workers",
            1.0,
            (siaga.0, "/s"),
            tuned.0,
        ),
        Row::at_least(
            "GET / over 64 connections, against nginx by default",
            1.0,
            (siaga.0, "/s"),
            usual.0,
        ),
        Row::told(
            "the server's CPU per GET /, against nginx with 2 workers",
            (siaga.1, "µs"),
            tuned.1,
        ),
    ])
}

/// Files are named without blanks.
fn file_named(nginx: Nginx) -> Nginx {
    Nginx {
        name: if nginx.workers == "auto" {
            "usual"
        } else {
            "tuned"
        },
        ..nginx
    }
}

/// One answer to `GET /`, as it comes over the wire.
async fn raw(address: SocketAddr) -> anyhow::Result<Vec<u8>> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    stream
        .write_all(
            b"GET / HTTP/1.1\r\nhost: siaga\r\naccept-encoding: gzip\r\nconnection: close\r\n\r\n",
        )
        .await?;
    let mut answer = Vec::new();
    tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await??;
    Ok(answer)
}

fn end_of_head(answer: &[u8]) -> usize {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    end.map_or(answer.len(), |end| end + 4)
}

fn head(answer: &[u8]) -> String {
    String::from_utf8_lossy(&answer[..end_of_head(answer)]).into_owned()
}

fn body(answer: &[u8]) -> &[u8] {
    &answer[end_of_head(answer)..]
}

/// Answers a second, and answers in all.
async fn wrk(address: SocketAddr) -> anyhow::Result<(f64, f64)> {
    let output = tokio::task::spawn_blocking(move || {
        Command::new("wrk")
            .args(["-t1", "-c64", "-H", "Accept-Encoding: gzip"])
            .arg(format!("-d{SECONDS}s"))
            .arg(format!("http://{address}/"))
            .output()
    })
    .await??;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        output.status.success() && !said.contains("Non-2xx") && !said.contains("Socket errors"),
        "wrk: {said}"
    );
    let rate = said
        .lines()
        .find_map(|line| line.strip_prefix("Requests/sec:"));
    let rate = rate.context("wrk tells no rate")?.trim().parse()?;
    let answers = said
        .lines()
        .find_map(|line| line.trim().split_once(" requests in "));
    let answers = answers.context("wrk tells no number")?.0.parse()?;
    Ok((rate, answers))
}
