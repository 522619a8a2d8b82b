//! Figure 4: reports acknowledged a second, each with one screenshot of 300 KB, by
//! `siaga run` on SQLite to 32 clients over HTTP; against the bare rate of what an
//! acknowledgement stands for: the same bytes written to a file, fsync, and one row
//! committed with `synchronous=FULL`. That is done by one thread, one after the other, and by as
//! many threads as there are clients, which share one connection (the files in parallel, the
//! commits in turn). Same disk, rounds in turn, medians. The reference has the machine for
//! itself; Siaga shares it with its clients, whose processor time is told.

use std::fs;
use std::io::{Cursor, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, ensure};
use axum::body::Bytes;
use image::{GrayImage, ImageFormat};
use serde_json::json;
use siaga::domain::{Clock as _, Random as _};
use siaga::system::{SystemClock, SystemRandom};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, SqliteConnection};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::table::{Row, median, number};
use crate::{process, servers};

const CLIENTS: usize = 32;
/// Reports of one client in a round.
const EACH: usize = 20;
const ROUNDS: usize = 5;
/// Pixels of a screenshot: in grey and of noise, they take 300 KB.
const SIZE: (u32, u32) = (600, 499);
const BOUNDARY: &str = "siaga-bench-boundary";

pub(crate) async fn measure() -> anyhow::Result<Vec<Row>> {
    let folder = servers::folder()?;
    let (_rehearsal, site) = {
        let rehearsal = servers::rehearsal().await?;
        let site = rehearsal.site();
        (rehearsal, site)
    };
    // All of them come from one network, which has a twenty-first of a day's pictures.
    let more = json!({
        "reports": { "per_address_hour": 4_000_000_u32 },
        "data": { "pictures_a_day": "100GB" },
    });
    let (siaga, address) = servers::siaga(folder.path(), site, 1, more).await?;
    let screenshot = screenshot()?;
    let request = request(address, &multipart(&screenshot));

    let (mut of_siaga, mut of_one, mut of_many) = (Vec::new(), Vec::new(), Vec::new());
    let (mut of_server, mut of_clients) = (Vec::new(), Vec::new());
    // The first round only warms up.
    for round in 0..=ROUNDS {
        let before = (siaga.cpu()?, process::own_cpu());
        let ours = reported(address, &request).await?;
        let each = |cpu: f64| cpu * 1e3 / (CLIENTS * EACH) as f64;
        let server = each(siaga.cpu()? - before.0);
        let clients = each(process::own_cpu() - before.1);
        let own = |threads: usize| folder.path().join(format!("bare-{round}-{threads}"));
        let one = bare(&own(1), &screenshot, 1).await?;
        let many = bare(&own(CLIENTS), &screenshot, CLIENTS).await?;
        if round == 0 {
            continue;
        }
        println!(
            "round {round}: siaga {ours:.0}/s ({server:.2} ms of CPU each, and {clients:.2} ms of \
             its clients), bare {one:.0}/s by one thread, {many:.0}/s by {CLIENTS}"
        );
        of_server.push(server);
        of_clients.push(clients);
        of_siaga.push(ours);
        of_one.push(one);
        of_many.push(many);
    }
    let kept = fs::read_dir(folder.path().join("data/screenshots"))?.count();
    ensure!(
        kept == CLIENTS * EACH * (ROUNDS + 1),
        "{kept} screenshots are kept"
    );
    let ours = (median(&of_siaga), "/s");
    let bare = "reports acknowledged, against bare write + fsync + commit";
    Ok(vec![
        Row::at_least(&format!("{bare} by one thread"), 1.0, ours, median(&of_one)),
        Row::at_least(
            &format!(
                "{bare} by {CLIENTS} threads; CPU each: server {} ms, clients {} ms",
                number(median(&of_server)),
                number(median(&of_clients))
            ),
            1.0,
            ours,
            median(&of_many),
        ),
    ])
}

fn screenshot() -> anyhow::Result<Vec<u8>> {
    let mut pixels = vec![0; (SIZE.0 * SIZE.1) as usize];
    SystemRandom.fill(&mut pixels);
    let picture = GrayImage::from_raw(SIZE.0, SIZE.1, pixels).context("as many as there are")?;
    let mut png = Cursor::new(Vec::new());
    picture.write_to(&mut png, ImageFormat::Png)?;
    let png = png.into_inner();
    println!("the screenshot has {} bytes", png.len());
    Ok(png)
}

/// A report that is right, with one screenshot.
fn multipart(screenshot: &[u8]) -> Vec<u8> {
    let now = SystemClock.now().timestamp();
    let tried = now - jiff::SignedDuration::from_hours(1);
    let expires = now + jiff::SignedDuration::from_hours(240);
    let expires = expires.to_zoned(jiff::tz::TimeZone::UTC).date().to_string();
    let tried = tried.to_string();
    let fields = [
        ("role", "holder"),
        ("name", "Zhang Wei"),
        ("nationality", "China"),
        ("passport_number", "E12345678"),
        ("permit_type", "itas"),
        ("permit_expires_on", &expires),
        ("office", "ngurah-rai"),
        ("email", "zhang@example.org"),
        ("component", "upload"),
        ("tried_at", &tried),
        ("tries", "3"),
        ("message", "500 • KENDALA SERVER"),
        ("checked", "connection"),
        ("submitted", "no"),
        ("consent", "yes"),
    ];
    let mut body = Vec::with_capacity(screenshot.len() + 4096);
    for (name, value) in fields {
        let part = format!(
            "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
        body.extend(part.as_bytes());
    }
    let head = format!(
        "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"screenshot\"; \
         filename=\"a.png\"\r\ncontent-type: image/png\r\n\r\n"
    );
    body.extend(head.as_bytes());
    body.extend(screenshot);
    body.extend(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    body
}

/// The request as it goes over the wire: what it costs to make it is not to be measured.
fn request(address: SocketAddr, body: &[u8]) -> Bytes {
    let head = format!(
        "POST /api/v1/reports HTTP/1.1\r\nhost: {address}\r\naccept: application/json\r\n\
         content-type: multipart/form-data; boundary={BOUNDARY}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat().into()
}

/// Acknowledgements a second.
async fn reported(address: SocketAddr, request: &Bytes) -> anyhow::Result<f64> {
    let began = SystemClock.monotonic();
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        let request = request.clone();
        clients.spawn(async move {
            let mut stream = BufReader::new(TcpStream::connect(address).await?);
            for _ in 0..EACH {
                stream.write_all(&request).await?;
                let said = answer(&mut stream).await?;
                ensure!(said.starts_with("HTTP/1.1 201 "), "{said}");
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended??;
    }
    let took = SystemClock.monotonic() - began;
    Ok((CLIENTS * EACH) as f64 / took.as_secs_f64())
}

/// Reads an answer to its end, and gives all of it.
async fn answer(stream: &mut BufReader<TcpStream>) -> anyhow::Result<String> {
    let (mut said, mut length) = (String::new(), 0);
    loop {
        let before = said.len();
        ensure!(stream.read_line(&mut said).await? > 0, "no answer: {said}");
        let line = said[before..].to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(said + &String::from_utf8_lossy(&body))
}

/// Bare writes a second by so many threads into a new folder. What they write stays until the
/// figure is done: for some seconds ext4 steps over every inode that was freed just before, one
/// by one, which would cost whoever creates files next most of its time.
async fn bare(folder: &Path, bytes: &[u8], threads: usize) -> anyhow::Result<f64> {
    fs::create_dir(folder)?;
    let options = SqliteConnectOptions::new()
        .filename(folder.join("bare.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let mut conn = options.connect().await?;
    sqlx::query("CREATE TABLE reports (id TEXT PRIMARY KEY, told BLOB NOT NULL)")
        .execute(&mut conn)
        .await?;
    let conn = Arc::new(Mutex::new(conn));
    let bytes: Arc<[u8]> = bytes.into();
    let total = CLIENTS * EACH;
    let began = SystemClock.monotonic();
    let workers: Vec<_> = (0..threads)
        .map(|thread| {
            let (conn, bytes, folder) = (Arc::clone(&conn), Arc::clone(&bytes), folder.to_owned());
            let handle = tokio::runtime::Handle::current();
            tokio::task::spawn_blocking(move || {
                (0..total / threads).try_for_each(|number| {
                    let id = format!("{thread}-{number}");
                    write(&folder.join(&id), &bytes)?;
                    let mut conn = conn.lock().unwrap_or_else(PoisonError::into_inner);
                    handle.block_on(insert(&mut conn, &id))
                })
            })
        })
        .collect();
    for worker in workers {
        worker.await??;
    }
    let took = SystemClock.monotonic() - began;
    Ok(total as f64 / took.as_secs_f64())
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut file = fs::File::create_new(path)?;
    file.write_all(bytes)?;
    Ok(file.sync_all()?)
}

async fn insert(conn: &mut SqliteConnection, id: &str) -> anyhow::Result<()> {
    sqlx::query("INSERT INTO reports (id, told) VALUES ($1, $2)")
        .bind(id)
        .bind([7_u8; 600].as_slice())
        .execute(conn)
        .await?;
    Ok(())
}
