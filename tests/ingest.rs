//! From the scheduler's queue into the record: nothing that the database refuses stops what is
//! behind it, and nothing that may pass is given up.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::tz::TimeZone;
use siaga::app::ingest::{QUEUE, Recorder};
use siaga::app::set_aside::SetAside;
use siaga::detect::Detector;
use siaga::domain::outage::Rules;
use siaga::domain::{Moment, Outcome, RunReport};
use siaga::probe::definition::Role;
use siaga::probe::scheduler::Finished;
use siaga::store::{Error, Store, runs};
use siaga::telemetry::Metrics;
use tokio::sync::mpsc;

use crate::harness::{
    Database, FAILED, NOON, SeededRandom, TestClock, at, component, each_store, folder,
    on_postgres, on_sqlite, upload_run,
};

/// Does to the database what is written.
async fn execute(store: &Store, sql: &'static str) -> Result<u64, Error> {
    store
        .write(move |mut conn| Box::pin(async move { conn.execute(sql, vec![]).await }))
        .await
}

/// What becomes of these runs: how many are set aside.
async fn record(db: &Database, runs: Vec<RunReport>) -> (Vec<String>, u64) {
    let folder = folder();
    let clock = TestClock::at(NOON);
    let metrics = Metrics::new().unwrap();
    let newest = Arc::new(AtomicI64::new(0));
    let recorded = Arc::clone(&newest);
    let kept = folder.path().join("set-aside");
    let recorder = Recorder {
        detector: Detector::new(
            db.store.clone(),
            Rules::default(),
            TimeZone::UTC,
            vec![],
            clock.shared(),
            SeededRandom::shared(1),
        ),
        store: db.store.clone(),
        vantage: "jakarta".to_owned(),
        clock: clock.shared(),
        set_aside: SetAside::new(kept.clone(), metrics.clone()),
        observe: |_: &RunReport| {},
        recorded: move |at: Moment| recorded.store(at.0, Ordering::SeqCst),
    };
    let (sender, receiver) = mpsc::channel(QUEUE);
    for report in runs {
        let one = Finished {
            role: Role::Site,
            report,
            retry: false,
        };
        sender.send(one).await.unwrap();
    }
    drop(sender);
    recorder.run(receiver).await.unwrap();
    let files = std::fs::read_dir(&kept).into_iter().flatten();
    let mut texts: Vec<String> = files
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    texts.sort();
    let counted = metrics.render();
    let counted = counted.lines().find_map(|line| {
        line.strip_prefix("siaga_runs_set_aside_total ")?
            .parse()
            .ok()
    });
    (texts, counted.expect("it is counted"))
}

#[tokio::test]
async fn a_run_that_the_database_refuses_is_set_aside_and_the_others_go_on() {
    let refusing = |db: Database| async move {
        let refusals = match db.name {
            "sqlite" => vec![
                "CREATE TRIGGER refusing BEFORE INSERT ON runs WHEN NEW.flow = 'poison'
                    BEGIN SELECT RAISE(ABORT, 'poison'); END",
            ],
            _ => vec![
                "CREATE FUNCTION refuse() RETURNS trigger AS $$ BEGIN
                    RAISE EXCEPTION 'poison' USING ERRCODE = '22021'; END $$ LANGUAGE plpgsql",
                "CREATE TRIGGER refusing BEFORE INSERT ON runs FOR EACH ROW
                    WHEN (NEW.flow = 'poison') EXECUTE FUNCTION refuse()",
            ],
        };
        for sql in refusals {
            execute(&db.store, sql).await.unwrap();
        }
        let mut story: Vec<RunReport> = (0..200)
            .map(|minute| upload_run(at(minute * 60), Outcome::Passed))
            .collect();
        for place in [0, 7, 63, 64, 199] {
            story[place].flow = "poison".to_owned();
        }
        let (texts, counted) = record(&db, story).await;
        assert_eq!((texts.len(), counted), (5, 5), "{}", db.name);
        for text in &texts {
            assert!(
                text.contains("poison") && text.contains("\"reason\""),
                "{text}"
            );
        }
        let all = db.store.read(|mut conn| {
            Box::pin(async move {
                runs::observations(&mut conn, &component("upload"), Moment(0), 1000).await
            })
        });
        let all = all.await.unwrap();
        assert_eq!(all.len(), 195);
        assert!(all.is_sorted_by_key(|seen| (seen.number, seen.started_at)));
    };
    each_store(refusing).await;
}

#[tokio::test]
async fn what_a_page_says_is_recorded_with_a_nul_in_it() {
    each_store(|db| async move {
        let mut run = upload_run(NOON, FAILED);
        let step = &mut run.steps[0];
        step.message = Some("the page says \"a\0b\"".to_owned());
        step.final_url = Some("http://site.example/\0".to_owned());
        step.notes = vec!["\0".to_owned()];
        let (texts, counted) = record(&db, vec![run.clone(), run]).await;
        assert_eq!((texts, counted), (vec![], 0), "{}", db.name);
        let failures = db.store.read(|mut conn| {
            Box::pin(async move {
                runs::failures(&mut conn, &component("upload"), Moment(0), Moment(i64::MAX)).await
            })
        });
        assert_eq!(failures.await.unwrap()[0].times, 2);
    })
    .await;
}

#[tokio::test]
async fn what_may_pass_on_postgres_is_a_list() {
    on_postgres(|db| async move {
        let raise = "CREATE FUNCTION fail(code text) RETURNS bigint AS $$ BEGIN
            RAISE EXCEPTION 'failed' USING ERRCODE = code; END $$ LANGUAGE plpgsql";
        execute(&db.store, raise).await.unwrap();
        for (sql, passes) in [
            ("SELECT fail('08006')", true),
            ("SELECT fail('40001')", true),
            ("SELECT fail('40P01')", true),
            ("SELECT fail('53100')", true),
            ("SELECT fail('53300')", true),
            ("SELECT fail('57P01')", true),
            ("SELECT fail('57P03')", true),
            ("SELECT fail('58030')", true),
            ("SELECT fail('55P03')", true),
            ("SELECT fail('22021')", false),
            ("SELECT fail('22003')", false),
            ("SELECT fail('23505')", false),
            ("SELECT fail('42P01')", false),
            ("SELECT fail('54000')", false),
            ("SELECT fail('55006')", false),
            ("SELECT fail('P0001')", false),
            ("SELECT fail('XX000')", false),
        ] {
            let error = execute(&db.store, sql).await.unwrap_err();
            assert_eq!(error.is_passing(), passes, "{sql}: {error:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_may_pass_on_sqlite_is_a_list() {
    on_sqlite(|db| async move {
        for (sql, passes) in [
            (
                "INSERT INTO settings (name, value) VALUES ('a', 'b'), ('a', 'c')",
                false,
            ),
            ("INSERT INTO nowhere VALUES (1)", false),
            (
                "INSERT INTO settings (name, value) VALUES (NULL, NULL)",
                false,
            ),
        ] {
            let error = execute(&db.store, sql).await.unwrap_err();
            assert_eq!(error.is_passing(), passes, "{sql}: {error:?}");
        }
        // A database that may not grow any more is full.
        let full = db.store.write(|mut conn| {
            Box::pin(async move {
                conn.execute("PRAGMA max_page_count = 1", vec![]).await?;
                let grow = "INSERT INTO settings (name, value)
                    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
                    SELECT 'full' || i, hex(randomblob(500)) FROM n";
                let grown = conn.execute(grow, vec![]).await;
                conn.execute("PRAGMA max_page_count = 1073741823", vec![])
                    .await?;
                grown
            })
        });
        let error = full.await.unwrap_err();
        assert!(error.is_passing(), "{error:?}");
    })
    .await;
}
