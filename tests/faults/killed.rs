//! SIGKILL in the middle of uploads: what was acknowledged is all there, what was not is
//! absent or whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use siaga::domain::Clock as _;
use siaga::system::SystemClock;
use sqlx::Connection as _;

use crate::harness::processes::{
    HOME, SOON, Setup, Site, picture, post_acknowledged, postgres_address_of_its_own, report_body,
};
use crate::harness::{eventually, sqlite_address};

/// Who sends at one time, and how many must be acknowledged before the kill.
const SENDERS: usize = 32;
const ENOUGH: usize = 48;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_during_uploads_loses_nothing_acknowledged_and_leaves_nothing_half_on_sqlite() {
    let site = Site::start().await;
    killed(Setup::of(&site), None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_during_uploads_loses_nothing_acknowledged_and_leaves_nothing_half_on_postgres() {
    let schema = postgres_address_of_its_own().await;
    let site = Site::start().await;
    let setup = Setup::of(&site).database(&schema.address);
    killed(setup, Some(&schema.address)).await;
    schema.drop().await;
}

/// What is sent under a key: its type and its bytes.
fn report(key: &str) -> (String, Vec<u8>) {
    // 300 KB: a picture, and bytes behind it.
    let mut screenshot = picture();
    screenshot.resize(300_000, 7);
    report_body(key, &screenshot)
}

async fn killed(setup: Setup, postgres: Option<&str>) {
    let setup = setup
        .flows(&[HOME])
        .and("[reports]\nper_address_hour = 100000\n");
    let mut siaga = setup.run().await;
    let acknowledged: Arc<Mutex<BTreeMap<String, Value>>> = Arc::default();
    let count = Arc::new(AtomicUsize::new(0));
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let (client, url) = (siaga.client.clone(), siaga.url.clone());
            let (acknowledged, count) = (Arc::clone(&acknowledged), Arc::clone(&count));
            tokio::spawn(async move {
                for n in 0.. {
                    let key = format!("P{sender:02}X{n:04}");
                    let report = report(&key);
                    let Some(body) = post_acknowledged(&client, &url, &key, &report).await else {
                        return (key, report);
                    };
                    acknowledged.lock().expect("a list").insert(key, body);
                    count.fetch_add(1, Ordering::SeqCst);
                }
                unreachable!("it is killed before")
            })
        })
        .collect();
    eventually("many are acknowledged", SOON * 2, || {
        let enough = count.load(Ordering::SeqCst) >= ENOUGH;
        async move { enough }
    })
    .await;
    siaga.process.kill();
    let mut open = Vec::new();
    for sender in senders {
        open.push(sender.await.expect("it ends when nobody answers"));
    }
    let acknowledged = acknowledged.lock().expect("a list").clone();

    // The sweep spares what is young: it may be on its way.
    let screenshots = setup.data.join("screenshots");
    let old = std::time::UNIX_EPOCH
        + Duration::from_millis(u64::try_from(SystemClock.now().0).expect("after 1970"))
        - Duration::from_secs(7200);
    let left: Vec<_> = fs::read_dir(&screenshots).expect("a folder").collect();
    for entry in left {
        let path = entry.expect("a file").path();
        let file = File::options().write(true).open(path).expect("it opens");
        file.set_modified(old).expect("its time is set");
    }

    let mut siaga = setup.run().await;
    let rows = rows(&setup, postgres).await;
    let listed: BTreeSet<String> = rows.iter().map(|row| row.file.clone()).collect();
    let there = || -> BTreeSet<String> {
        let entries = fs::read_dir(&screenshots).expect("a folder");
        entries
            .map(|entry| entry.expect("a file").file_name())
            .map(|name| name.into_string().expect("a name"))
            .collect()
    };
    eventually("files without rows are gone", SOON, || {
        let gone = there().len() <= listed.len();
        async move { gone }
    })
    .await;
    assert_eq!(
        listed,
        there(),
        "each row has its file and each file its row"
    );
    assert_eq!(listed.len(), rows.len());
    for row in &rows {
        let length = fs::metadata(screenshots.join(&row.file)).expect("it").len();
        let sealed = length.checked_sub(u64::try_from(row.size).expect("a size"));
        assert!(
            sealed.is_some_and(|more| more < 200),
            "{} is whole",
            row.file
        );
    }
    for (key, body) in &acknowledged {
        let receipt = body["receipt_url"].as_str().expect("an address");
        let receipt = siaga.page(receipt.trim_start_matches(&siaga.url)).await;
        let reference = body["reference"].as_str().expect("a reference");
        assert!(receipt.contains(reference), "{key}");
    }
    // Who was not answered sends the same again, and has one report in the end.
    for (key, report) in open.clone() {
        let body = post_acknowledged(&siaga.client, &siaga.url, &key, &report)
            .await
            .expect("an answer");
        assert!(body["reference"].is_string());
    }
    let total = acknowledged.len() + open.len();
    assert_eq!(self::rows(&setup, postgres).await.len(), total);
    siaga.process.stop().await;
}

struct Row {
    file: String,
    size: i64,
}

/// Every report with its screenshot; fails where one has none.
async fn rows(setup: &Setup, postgres: Option<&str>) -> Vec<Row> {
    let sql = "SELECT s.file, s.size FROM reports r LEFT JOIN screenshots s ON s.report_id = r.id";
    let rows: Vec<(Option<String>, Option<i64>)> = match postgres {
        Some(address) => {
            let mut conn = sqlx::PgConnection::connect(address).await.expect("open");
            sqlx::query_as(sql)
                .fetch_all(&mut conn)
                .await
                .expect("rows")
        }
        None => {
            let address = sqlite_address(&setup.data.join("siaga.db"));
            let mut conn = sqlx::SqliteConnection::connect(&address)
                .await
                .expect("open");
            let rows = sqlx::query_as(sql)
                .fetch_all(&mut conn)
                .await
                .expect("rows");
            conn.close().await.expect("closed");
            rows
        }
    };
    rows.into_iter()
        .map(|(file, size)| Row {
            file: file.expect("no report without its screenshot"),
            size: size.expect("a size"),
        })
        .collect()
}
