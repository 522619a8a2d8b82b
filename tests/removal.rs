//! Files go when their rows are gone, and only then; what is broken off goes on.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use siaga::app::files::{Folders, remove_queued, sweep};
use siaga::app::jobs::{Removed, Retention, retain};
use siaga::domain::{Clock as _, Moment};
use siaga::store::{Store, files, runs};
use siaga::system::SystemClock;
use sqlx::Connection as _;
use tokio::sync::watch;

use crate::harness::{
    Database, FAILED, NOON, at, each_store, folder, on_sqlite, run, sqlite_address,
};
use crate::reports::desk::{Running, fields, file, form, png, start};

const KEPT: Retention = Retention {
    runs: Duration::from_secs(90 * 86_400),
    evidence: Duration::from_secs(90 * 86_400),
    messages: Duration::from_secs(30 * 86_400),
    hours: Duration::from_secs(730 * 86_400),
    sign_ins: Duration::from_secs(30 * 86_400),
};

fn running() -> watch::Receiver<bool> {
    watch::channel(false).1
}

fn folders(desk: &Running, data: &Path) -> Folders {
    Folders {
        data: data.to_owned(),
        screenshots: desk.screenshots.clone(),
        evidence: desk.evidence.clone(),
    }
}

/// Two hours old, as what a crash left is.
fn make_old(path: &Path, now: Moment) {
    let now = Duration::from_millis(u64::try_from(now.0).unwrap());
    let old = std::time::UNIX_EPOCH + now - Duration::from_secs(7200);
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(old).unwrap();
}

async fn report(desk: &Running) {
    let form = form(&fields()).part("screenshot", file("a.png", png(9, 9)));
    assert_eq!(desk.report(form).await.status(), 201);
}

/// A failing run that lists this evidence.
async fn listing(store: &Store, second: i64, sha256: &str) {
    let report = run(at(second))
        .step("Upload", "upload", FAILED)
        .evidence("page", sha256)
        .done();
    let day = jiff::civil::date(2026, 8, 6);
    store
        .write(move |mut conn| Box::pin(async move { runs::insert(&mut conn, &report, day).await }))
        .await
        .unwrap();
}

async fn queued(store: &Store, kind: files::Kind) -> usize {
    store
        .read(move |mut conn| Box::pin(async move { files::queued(&mut conn, kind, 0).await }))
        .await
        .unwrap()
        .len()
}

#[tokio::test]
async fn an_erasure_that_is_broken_off_before_its_files_are_gone_goes_on_later() {
    each_store(|database| async move {
        let desk = start(&database.store).await;
        for _ in 0..3 {
            report(&desk).await;
        }
        let later = NOON + Duration::from_secs(400 * 86_400);
        let removed = retain(&database.store, KEPT, later, &running())
            .await
            .unwrap();
        assert_eq!(removed.reports, 3);
        assert_eq!(desk.files().len(), 3, "the process ends here");

        let store = database.open_again().await;
        let place = folder();
        let folders = folders(&desk, place.path());
        // One file cannot be removed: the others are, and it is tried again.
        let stubborn = desk.screenshots.join(&desk.files()[0]);
        fs::remove_file(&stubborn).unwrap();
        fs::create_dir(&stubborn).unwrap();
        assert_eq!(
            remove_queued(&store, &folders, &running()).await.unwrap(),
            2
        );
        assert_eq!(
            remove_queued(&store, &folders, &running()).await.unwrap(),
            0
        );
        assert_eq!(queued(&store, files::Kind::Screenshot).await, 1);
        fs::remove_dir(&stubborn).unwrap();
        assert_eq!(
            remove_queued(&store, &folders, &running()).await.unwrap(),
            1
        );
        assert_eq!(queued(&store, files::Kind::Screenshot).await, 0);
        assert!(desk.files().is_empty());
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn all_that_is_due_is_erased_in_one_round_and_a_stop_is_heeded() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        report(&desk).await;
        // As many as a bad hour brings, made of the first.
        multiply(&database, 5_000).await;
        let later = NOON + Duration::from_secs(400 * 86_400);
        let (tell, stop) = watch::channel(true);
        let none = retain(&database.store, KEPT, later, &stop).await.unwrap();
        assert_eq!(none, Removed::default());
        tell.send(false).unwrap();
        let removed = retain(&database.store, KEPT, later, &stop).await.unwrap();
        assert_eq!(removed.reports, 5_001);
        let again = retain(&database.store, KEPT, later, &stop).await.unwrap();
        assert_eq!(again, Removed::default());
    })
    .await;
}

/// Copies the only report.
async fn multiply(database: &Database, times: usize) {
    let address = sqlite_address(database.file.as_deref().unwrap());
    let mut conn = sqlx::SqliteConnection::connect(&address).await.unwrap();
    let sql = "CREATE TEMP TABLE copies AS SELECT * FROM reports;
        UPDATE copies SET idempotency_key = NULL;";
    sqlx::raw_sql(sql).execute(&mut conn).await.unwrap();
    let mut conn = conn.begin().await.unwrap();
    for number in 0..times {
        sqlx::query("UPDATE copies SET id = 'copy-' || $1, reference = 'COPY-' || $1")
            .bind(i64::try_from(number).unwrap())
            .execute(&mut *conn)
            .await
            .unwrap();
        sqlx::query("INSERT INTO reports SELECT * FROM copies")
            .execute(&mut *conn)
            .await
            .unwrap();
    }
    conn.commit().await.unwrap();
}

#[tokio::test]
async fn evidence_goes_when_nothing_lists_it_and_stays_while_somebody_keeps_it_again() {
    each_store(|database| async move {
        let desk = start(&database.store).await;
        let place = folder();
        let folders = folders(&desk, place.path());
        let keep = async |text: &str| {
            let kept = desk.evidence.keep("page", "text/plain", text.as_bytes());
            kept.await.unwrap().sha256
        };
        let [gone, again, listed] = [keep("a").await, keep("b").await, keep("c").await];
        for (second, sha256) in [(0, &gone), (1, &again), (2, &listed)] {
            listing(&database.store, second, sha256).await;
            desk.evidence.settle(sha256);
        }
        let later = at(100 * 86_400);
        retain(&database.store, KEPT, later, &running())
            .await
            .unwrap();
        assert_eq!(queued(&database.store, files::Kind::Evidence).await, 3);
        // One is kept again and on its way into the database, one is there already.
        keep("b").await;
        keep("c").await;
        listing(&database.store, 100 * 86_400, &listed).await;
        desk.evidence.settle(&listed);
        let removed = remove_queued(&database.store, &folders, &running()).await;
        assert_eq!(removed.unwrap(), 1);
        assert_eq!(queued(&database.store, files::Kind::Evidence).await, 0);
        assert!(desk.evidence.read(&gone).await.unwrap().is_none());
        for sha256 in [&again, &listed] {
            assert!(desk.evidence.read(sha256).await.unwrap().is_some());
        }
        // The run that kept it was lost: the sweep finds it.
        desk.evidence.settle(&again);
        let now = SystemClock.now() + Duration::from_secs(86_400);
        let swept = sweep(&database.store, &folders, now, &running()).await;
        assert_eq!(swept.unwrap(), 1);
        assert!(desk.evidence.read(&again).await.unwrap().is_none());
        assert!(desk.evidence.read(&listed).await.unwrap().is_some());
    })
    .await;
}

/// Whoever keeps evidence while other rows of it grow old finds it afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeping_and_removing_the_same_evidence_at_once_leaves_no_row_without_its_file() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        let place = folder();
        let folders = folders(&desk, place.path());
        let store = &database.store;
        let keeping = async {
            for round in 0..150_i64 {
                let text = format!("page {}", round % 3);
                let kept = desk.evidence.keep("page", "text/plain", text.as_bytes());
                let kept = kept.await.unwrap();
                listing(store, round, &kept.sha256).await;
                desk.evidence.settle(&kept.sha256);
                assert!(
                    // Listed since, and not old yet: nobody may take it away.
                    desk.evidence.read(&kept.sha256).await.unwrap().is_some(),
                    "{round}"
                );
            }
        };
        let removing = async {
            // All but what was kept in the last second is old.
            for round in 0..150_i64 {
                let kept = Retention {
                    evidence: Duration::from_secs(1),
                    ..KEPT
                };
                retain(store, kept, at(round), &running()).await.unwrap();
                remove_queued(store, &folders, &running()).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        tokio::join!(keeping, removing);
    })
    .await;
}

#[tokio::test]
async fn the_sweep_removes_old_files_that_no_row_lists_and_no_others() {
    each_store(|database| async move {
        let desk = start(&database.store).await;
        let place = folder();
        let folders = folders(&desk, place.path());
        report(&desk).await;
        let listed = desk.files();
        for number in 0..250 {
            let orphan = desk.screenshots.join(format!("orphan-{number}"));
            fs::write(&orphan, b"x").unwrap();
            make_old(&orphan, NOON);
        }
        make_old(&desk.screenshots.join(&listed[0]), NOON);
        let young = desk.screenshots.join("young-1");
        fs::write(&young, b"x").unwrap();
        let swept = sweep(&database.store, &folders, NOON, &running()).await;
        assert_eq!(swept.unwrap(), 250);
        assert_eq!(
            desk.files(),
            [&listed[..], &["young-1".to_owned()]].concat()
        );
    })
    .await;
}

#[tokio::test]
async fn a_folder_of_another_database_is_not_swept() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        let place = folder();
        let folders = folders(&desk, place.path());
        report(&desk).await;
        make_old(&desk.screenshots.join(&desk.files()[0]), NOON);
        assert_eq!(
            sweep(&database.store, &folders, NOON, &running())
                .await
                .unwrap(),
            0
        );
        // A name mistyped in the configuration, say: an empty database, and a folder that is not.
        let other = Store::open(&sqlite_address(&place.path().join("other.db")))
            .await
            .unwrap();
        assert_eq!(sweep(&other, &folders, NOON, &running()).await.unwrap(), 0);
        assert_eq!(desk.files().len(), 1);
        fs::remove_file(place.path().join("database.id")).unwrap();
        assert_eq!(
            sweep(&other, &folders, NOON, &running()).await.unwrap(),
            1,
            "as told"
        );
        other.close().await;
    })
    .await;
}

/// A file is looked for by an index: the sweep of many takes no longer for each than of few.
#[tokio::test]
async fn no_file_costs_more_than_a_look_into_an_index() {
    on_sqlite(|database| async move {
        let address = sqlite_address(database.file.as_deref().unwrap());
        let mut conn = sqlx::SqliteConnection::connect(&address).await.unwrap();
        let wanted = [
            "LISTED_SCREENSHOTS",
            "LISTED_EVIDENCE",
            "OLD_EVIDENCE",
            "QUEUED",
        ];
        let mut seen = 0;
        for (name, sql) in siaga::store::statements() {
            if !wanted.contains(&name) {
                continue;
            }
            seen += 1;
            let plan = format!("EXPLAIN QUERY PLAN {sql}");
            let rows: Vec<(i64, i64, i64, String)> = sqlx::query_as(sqlx::AssertSqlSafe(plan))
                .fetch_all(&mut conn)
                .await
                .unwrap();
            let steps: Vec<&str> = rows.iter().map(|row| row.3.as_str()).collect();
            assert!(steps[0].starts_with("SEARCH"), "{name}: {steps:?}");
        }
        assert_eq!(seen, wanted.len());
        conn.close().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_whose_files_may_have_been_swept_away_is_not_listed() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        // The one who writes is held up, and the machine sleeps for an hour.
        let (entered, is_in) = tokio::sync::oneshot::channel();
        let (release, released) = tokio::sync::oneshot::channel::<()>();
        let store = database.store.clone();
        let held = tokio::spawn(async move {
            let hold = store.write(move |_| {
                Box::pin(async move {
                    let _ = entered.send(());
                    let _ = released.await;
                    Ok(())
                })
            });
            hold.await
        });
        is_in.await.unwrap();
        let form = form(&fields()).part("screenshot", file("a.png", png(9, 9)));
        let sleep = async {
            crate::harness::eventually("its file is there", Duration::from_secs(30), || async {
                desk.files().len() == 1
            })
            .await;
            desk.clock.advance(Duration::from_secs(3600));
            release.send(()).unwrap();
        };
        let (answer, ()) = tokio::join!(desk.report(form), sleep);
        held.await.unwrap().unwrap();
        assert_eq!(answer.status(), 503);
        assert_eq!((desk.count().await, desk.files().len()), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn since_when_the_site_is_watched_outlasts_the_hours_that_tell_it() {
    each_store(|database| async move {
        listing(&database.store, 0, "aa").await;
        let first = async || {
            let read = database
                .store
                .read(|mut conn| Box::pin(async move { runs::first_observation(&mut conn).await }));
            read.await.unwrap()
        };
        let known = first().await;
        assert!(known.is_some());
        for years in [3, 4] {
            let later = at(years * 366 * 86_400);
            listing(&database.store, later.0 / 1000 - NOON.0 / 1000, "aa").await;
            retain(&database.store, KEPT, later, &running())
                .await
                .unwrap();
            assert_eq!(first().await, known);
        }
    })
    .await;
}
