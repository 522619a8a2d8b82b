//! Writes of which nobody knows whether they were kept: the database was told to commit, and
//! then something came between.

use std::time::Duration;

use reqwest::Response;
use serde_json::Value;
use siaga::app::files::{Folders, sweep};
use siaga::domain::Clock as _;
use siaga::store::{Error, Store, monitor};
use siaga::system::SystemClock;
use siaga::web::screenshots;

use super::desk::{Running, fields, file, form, kept, png, start};
use crate::harness::cluster::Cluster;
use crate::harness::processes::SOON;
use crate::harness::{eventually, folder};

async fn report(desk: &Running) -> Response {
    let form = form(&fields()).part("screenshot", file("a.png", png(9, 9)));
    desk.client
        .post(format!("{}/api/v1/reports", desk.url))
        .header("accept", "application/json")
        .header("idempotency-key", "the same")
        .multipart(form)
        .send()
        .await
        .unwrap()
}

/// The report that was acknowledged is there with its picture.
async fn assert_whole(desk: &Running, answer: Response) {
    assert_eq!(answer.status(), 201);
    let body: Value = answer.json().await.unwrap();
    let (case, shots) = kept(&desk.store, &body).await;
    let key = case.data_key(&desk.keys).unwrap().unwrap();
    assert_eq!(shots.len(), 1);
    screenshots::open(&desk.screenshots, &case.id, &shots[0], &key).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_takes_too_long_keeps_its_files_and_a_second_try_gets_them() {
    let primary = Cluster::create();
    let store = Store::open(&primary.address()).await.unwrap();
    let desk = start(&store).await;
    primary.wait_for_standby("nobody").await;
    let answer = report(&desk).await;
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    assert_eq!(desk.files().len(), 1, "the row may come");

    // Nor is it swept away while that is so, however long it lasts.
    primary.until_waiting(1).await;
    let place = folder();
    let folders = Folders {
        data: place.path().to_owned(),
        screenshots: desk.screenshots.clone(),
        evidence: desk.evidence.clone(),
    };
    let stop = tokio::sync::watch::channel(false).1;
    let now = SystemClock.now() + Duration::from_secs(86_400);
    assert!(sweep(&store, &folders, now, &stop).await.is_err());
    assert_eq!(desk.files().len(), 1);

    // It does come, once the standby does.
    primary.wait_for_standby("").await;
    eventually("the report is there", SOON, || async {
        desk.count().await == 1
    })
    .await;
    assert_whole(&desk, report(&desk).await).await;
    assert_eq!((desk.count().await, desk.files().len()), (1, 1));
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_for_the_standby_that_somebody_cancels_is_no_yes_and_neither_is_the_repeat() {
    let primary = Cluster::create();
    let store = Store::open(&primary.address()).await.unwrap();
    let desk = start(&store).await;
    primary.wait_for_standby("nobody").await;
    let cancel = async || {
        primary.until_waiting(1).await;
        primary
            .sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
            .await;
    };
    let (answer, ()) = tokio::join!(report(&desk), cancel());
    assert_eq!(answer.status(), 503, "committed, but not on the standby");
    assert_eq!(desk.files().len(), 1);
    // The row can be seen now. That the standby has it cannot be said yet.
    assert_eq!(desk.count().await, 1);
    let (answer, ()) = tokio::join!(report(&desk), cancel());
    assert_eq!(answer.status(), 503);
    primary.wait_for_standby("").await;
    assert_whole(&desk, report(&desk).await).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_waits_for_a_standby_leaves_few_backends_and_goes_on_when_it_comes() {
    let primary = Cluster::create();
    let store = Store::open(&primary.address()).await.unwrap();
    primary.wait_for_standby("nobody").await;
    let write = |number: usize| {
        let store = store.clone();
        async move {
            let name = format!("name {number}");
            let write = store.write(move |mut conn| {
                Box::pin(async move { monitor::set(&mut conn, &name, "value").await })
            });
            // Dropped in the middle of its COMMIT, as by a client that goes away.
            tokio::time::timeout(Duration::from_millis(500), write).await
        }
    };
    let mut refused = 0;
    for round in 0..5 {
        let (a, b, c, d) = tokio::join!(
            write(round * 4),
            write(round * 4 + 1),
            write(round * 4 + 2),
            write(round * 4 + 3)
        );
        for outcome in [a, b, c, d] {
            match outcome {
                Err(_) => {}
                Ok(Err(error @ Error::Overloaded)) => {
                    assert!(error.is_surely_not_kept());
                    refused += 1;
                }
                Ok(other) => panic!("{other:?}"),
            }
        }
    }
    assert!(refused >= 8, "{refused}");
    primary.wait_for_standby("").await;
    eventually("writes are taken again", SOON, || async {
        matches!(write(99).await, Ok(Ok(())))
    })
    .await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_before_the_commit_is_surely_not_kept() {
    let primary = Cluster::create();
    let store = Store::open(&primary.address()).await.unwrap();
    // A transaction that goes on after a statement that failed cannot quietly come to nothing.
    let swallowed = store
        .write(|mut conn| {
            Box::pin(async move {
                let failed = conn.execute("INSERT INTO nowhere VALUES (1)", vec![]);
                assert!(failed.await.is_err());
                Ok(())
            })
        })
        .await;
    let error = swallowed.unwrap_err();
    assert!(matches!(error, Error::Commit(_)), "{error}");
    assert!(error.is_surely_not_kept());
    primary.stop();
    let gone = store
        .write(|mut conn| Box::pin(async move { monitor::set(&mut conn, "name", "value").await }))
        .await
        .unwrap_err();
    assert!(gone.is_surely_not_kept() && gone.is_passing(), "{gone}");
    store.close().await;
}
