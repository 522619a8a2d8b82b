//! Figure 2: the resident memory of `siaga run` on SQLite with a thousand flows at one a
//! minute each, read from /proc once every flow has run twice (the median of 50 looks);
//! beside it the same with one flow, which is what the program takes by itself.

use std::fs;
use std::time::Duration;

use anyhow::ensure;
use serde_json::json;

use crate::process::{is_installed, megabytes};
use crate::servers::{self, Nginx};
use crate::table::{Row, median, number};

const FLOWS: usize = 1000;
/// Flows begin within the first minute and run each minute, with 5 % jitter.
const WATCHED: Duration = Duration::from_secs(125);
const MOST: f64 = 60.0;

pub(crate) async fn measure() -> anyhow::Result<Vec<Row>> {
    if !is_installed("nginx") {
        return Ok(vec![Row::failed("memory", "nginx is not installed")]);
    }
    let folder = servers::folder()?;
    let www = folder.path().join("www");
    fs::create_dir(&www)?;
    fs::write(www.join("index.html"), servers::home_page().await?)?;
    let nginx = Nginx {
        name: "many",
        http: "",
        workers: "1",
        notes: true,
    };
    let (_many, many) = nginx.start(folder.path()).await?;
    let (one_folder, many_folder) = (servers::folder()?, servers::folder()?);
    let (one, _) = servers::siaga(one_folder.path(), many, 1, json!({})).await?;
    let (siaga, address) = servers::siaga(many_folder.path(), many, FLOWS, json!({})).await?;
    println!("watching for {} s", WATCHED.as_secs());
    for part in 1..=4 {
        tokio::time::sleep(WATCHED / 4).await;
        let (now, peak) = (
            megabytes(siaga.id(), "VmRSS")?,
            megabytes(siaga.id(), "VmHWM")?,
        );
        let seconds = WATCHED.as_secs() * part / 4;
        println!("after {seconds} s: {now:.1} MB, at most {peak:.1} MB");
    }
    // Pages are rendered several times a second now; a single look may hit any moment.
    let mut looks = Vec::new();
    for _ in 0..50 {
        looks.push(megabytes(siaga.id(), "VmRSS")?);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let checks = fs::read_to_string(folder.path().join("many.access"))?
        .lines()
        .count();
    let client = servers::client()?;
    let status = client
        .get(format!("http://{address}/api/v1/status"))
        .send()
        .await?
        .text()
        .await?;
    println!(
        "{checks} checks were made; processor time {:.2} s",
        siaga.cpu()?
    );
    ensure!(checks >= 2 * FLOWS, "only {checks} checks in the time");
    ensure!(
        status.contains("\"state\":\"operational\""),
        "not up: {status}"
    );
    let (rss, peak) = (median(&looks), megabytes(siaga.id(), "VmHWM")?);
    let base = megabytes(one.id(), "VmRSS")?;
    let row = |figure: &str, value: f64| Row {
        figure: figure.to_owned(),
        measured: format!("{} MB", number(value)),
        reference: format!("{} MB with 1 flow", number(base)),
        ratio: Some(value / base),
        target: format!("≤ {MOST} MB"),
        met: Some(value <= MOST),
    };
    Ok(vec![
        row("resident memory, 1,000 flows a minute", rss),
        row("the same at its peak", peak),
    ])
}
