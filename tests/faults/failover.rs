//! A standby takes over: what was acknowledged is there, and reports are taken again soon.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use siaga::store::{Error, Store, monitor};
use tokio::sync::Mutex;

use crate::harness::cluster::{Cluster, Proxy};
use crate::harness::eventually;
use crate::harness::processes::{
    HOME, SOON, Setup, Siaga, Site, picture, post_report, report_body,
};

/// How soon reports must be taken again once the address leads to the new primary.
const SECONDS: Duration = Duration::from_secs(10);
/// The same where the old primary says nothing any more: nobody can tell at once that it is gone.
const SILENT: Duration = Duration::from_secs(40);

/// Two servers of which one follows the other synchronously, and the address of the pair.
async fn pair() -> (Cluster, Cluster, Proxy) {
    let primary = Cluster::create();
    let standby = primary.standby("second");
    primary.wait_for_standby("second").await;
    let proxy = Proxy::to(&primary).await;
    (primary, standby, proxy)
}

type Acknowledged = Arc<Mutex<BTreeMap<String, Value>>>;

/// Reports without end; what is acknowledged is noted under its passport number.
fn send(siaga: &Siaga, acknowledged: &Acknowledged) -> tokio::task::JoinHandle<()> {
    let (client, url) = (siaga.client.clone(), siaga.url.clone());
    let acknowledged = Arc::clone(acknowledged);
    tokio::spawn(async move {
        for number in 0.. {
            let passport = format!("P{number:07}");
            let report = report_body(&passport, &picture());
            let (status, body) = post_report(&client, &url, &passport, &report)
                .await
                .expect("an answer");
            if status == 201 {
                acknowledged.lock().await.insert(passport, body);
            } else {
                assert_eq!(status, 503);
            }
        }
    })
}

async fn until_more(acknowledged: &Acknowledged, within: Duration, what: &str) {
    let before = acknowledged.lock().await.len();
    eventually(what, within, || async {
        acknowledged.lock().await.len() >= before + 5
    })
    .await;
}

enum Old {
    /// Stays up and takes no writes.
    ReadOnly,
    /// Is stopped.
    Stopped,
    /// Keeps its connections and says nothing.
    Silent,
}

async fn fail_over(old: Old) {
    let (primary, standby, proxy) = pair().await;
    let site = Site::start().await;
    let setup = Setup::of(&site)
        .flows(&[HOME])
        .database(&proxy.address())
        .and("[reports]\nper_address_hour = 100000\n");
    let mut siaga = setup.run().await;
    siaga.until("website", "operational", SOON).await;
    assert_eq!(siaga.get("/readyz").await.status(), 200);
    let acknowledged = Acknowledged::default();
    let sender = send(&siaga, &acknowledged);
    until_more(&acknowledged, SOON, "reports are taken").await;

    let within = match old {
        Old::ReadOnly => {
            primary.read_only().await;
            SECONDS
        }
        Old::Stopped => {
            primary.stop();
            SECONDS
        }
        Old::Silent => {
            primary.signal_all("STOP");
            SILENT
        }
    };
    eventually("it is not ready", SOON, || async {
        siaga.get("/readyz").await.status() == 503
    })
    .await;
    standby.promote().await;
    proxy.lead_to(&standby);
    until_more(&acknowledged, within, "reports are taken again").await;
    eventually("it is ready", SOON, || async {
        siaga.get("/readyz").await.status() == 200
    })
    .await;
    sender.abort();
    siaga.until("website", "operational", SOON).await;

    let acknowledged = acknowledged.lock().await;
    let references = standby.ask("SELECT reference FROM reports").await;
    for body in acknowledged.values() {
        let reference = body["reference"].as_str().expect("a reference");
        assert!(references.iter().any(|one| one == reference), "{reference}");
    }
    siaga.process.stop().await;
    drop(primary);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_stays_up_read_only_is_given_up() {
    fail_over(Old::ReadOnly).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_is_gone_is_given_up() {
    fail_over(Old::Stopped).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_falls_silent_is_given_up() {
    fail_over(Old::Silent).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_is_refused_at_the_start() {
    let (primary, standby, _) = pair().await;
    let refused = Store::open(&standby.address())
        .await
        .err()
        .expect("refused");
    assert!(matches!(refused, Error::ReadOnly), "{refused}");
    drop(primary);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_is_used_where_the_address_demands_it_and_nothing_else_is() {
    let cluster = Cluster::create();
    let demanded = format!("{}?sslmode=require", cluster.address());
    assert!(Store::open(&demanded).await.is_err(), "it speaks no TLS");
    let certificate = cluster.speak_tls();
    let verified = format!(
        "{}?sslmode=verify-full&sslrootcert={}",
        cluster.address(),
        certificate.display()
    );
    let unverified = format!("{}?sslmode=verify-full", cluster.address());
    assert!(
        Store::open(&unverified).await.is_err(),
        "nobody known signed it"
    );
    for address in [&demanded, &verified] {
        let store = Store::open(address).await.expect("it opens");
        let in_clear = "SELECT COUNT(*) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
            WHERE a.application_name = 'siaga' AND NOT s.ssl";
        store
            .write(|mut conn| Box::pin(async move { monitor::set(&mut conn, "name", "").await }))
            .await
            .expect("written");
        let read = store
            .read(move |mut conn| Box::pin(async move { conn.number(in_clear, vec![]).await }));
        assert_eq!(read.await.expect("read"), 0);
        store.close().await;
    }
}
