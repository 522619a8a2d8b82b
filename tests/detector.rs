//! From runs to outages over both databases: what is written, at once and only once.

use std::time::Duration;

use jiff::tz::TimeZone;
use siaga::detect::{Alert, CUT_OFF as GAP_CUT_OFF, Detector};
use siaga::domain::history::{Outage, Update};
use siaga::domain::outage::{Effect, Maintenance, Rules, Severity, Watch};
use siaga::domain::{Moment, Outcome, RunReport};
use siaga::store::monitor::{self, Announced};
use siaga::store::outbox::Message;
use siaga::store::{self, Store, outages, outbox, runs};

use crate::harness::{
    CUT_OFF, Database, FAILED, SeededRandom, TestClock, at, component, each_store, observation,
    run, upload_run,
};

fn detector(store: &Store) -> Detector {
    detector_of(store, 7)
}

/// One whose ids are those of `seed`.
fn detector_of(store: &Store, seed: u64) -> Detector {
    Detector::new(
        store.clone(),
        Rules::default(),
        TimeZone::fixed(jiff::tz::offset(7)),
        vec!["webhook:ops".to_owned(), "mail:ops".to_owned()],
        TestClock::at(at(100_000)).shared(),
        SeededRandom::shared(seed),
    )
}

fn outcome(letter: char) -> Outcome {
    match letter {
        'P' => Outcome::Passed,
        'S' => Outcome::Slow,
        'F' => FAILED,
        'C' => CUT_OFF,
        other => panic!("no outcome is written {other}"),
    }
}

/// A run a minute from minute `first` on, a letter each.
fn story(first: i64, letters: &str) -> Vec<RunReport> {
    (first..)
        .zip(letters.chars())
        .map(|(minute, letter)| upload_run(at(minute * 60), outcome(letter)))
        .collect()
}

async fn all_outages(store: &Store) -> Vec<Outage> {
    let mut found = store
        .read(|mut conn| {
            Box::pin(async move {
                outages::touching(&mut conn, Moment(0), Moment(i64::MAX), 1000).await
            })
        })
        .await
        .unwrap();
    found.reverse();
    found
}

async fn timeline(store: &Store, id: &str) -> Vec<Update> {
    let id = id.to_owned();
    store
        .write(move |mut conn| Box::pin(async move { outages::updates(&mut conn, &id).await }))
        .await
        .unwrap()
}

/// Claims everything that waits in the outbox.
async fn messages(store: &Store) -> Vec<Message> {
    let mut found = Vec::new();
    loop {
        let claimed = store
            .write(|mut conn| {
                Box::pin(async move {
                    outbox::claim(&mut conn, at(1_000_000), Duration::from_secs(3600)).await
                })
            })
            .await
            .unwrap();
        match claimed {
            Some(message) => found.push(message),
            None => return found,
        }
    }
}

async fn count(store: &Store, sql: &'static str) -> i64 {
    store
        .read(move |mut conn| Box::pin(async move { conn.number(sql, vec![]).await }))
        .await
        .unwrap()
}

fn words(updates: &[Update]) -> Vec<&'static str> {
    updates
        .iter()
        .map(|update| update.effect.as_str())
        .collect()
}

#[tokio::test]
async fn an_outage_its_timeline_and_its_alerts_appear_together() {
    each_store(|db| async move {
        let detector = detector(&db.store);
        let mut changes = db.store.changes();
        changes.mark_unchanged();
        for report in story(0, "PF") {
            detector.record(report).await.unwrap();
        }
        assert!(changes.has_changed().unwrap(), "pages are told");
        assert!(all_outages(&db.store).await.is_empty(), "once is a slip");
        assert!(messages(&db.store).await.is_empty());

        detector.record(story(2, "F").remove(0)).await.unwrap();
        let open = all_outages(&db.store).await.remove(0);
        assert_eq!(open.began_at, at(60), "start of the first failing run");
        assert_eq!(open.confirmed_at, at(122), "end of the confirming one");
        assert_eq!(open.ended_at, None);
        assert_eq!((open.severity, open.version), (Severity::Down, 1));
        assert_eq!(
            (open.flow.as_str(), open.step.as_str()),
            ("extension", "Upload")
        );
        assert_eq!(words(&timeline(&db.store, &open.id).await), ["opened"]);

        let told = messages(&db.store).await;
        let targets: Vec<&str> = told.iter().map(|m| m.target.as_str()).collect();
        assert_eq!(targets, ["webhook:ops", "mail:ops"]);
        let alert: Alert = serde_json::from_str(&told[0].payload).unwrap();
        assert_eq!(
            alert.outage, open,
            "the alert holds the outage as it stands"
        );
        let message = alert.message.expect("the failing step's word");
        assert!(message.contains("503"), "{message}");

        for report in story(3, "FPP") {
            detector.record(report).await.unwrap();
        }
        let closed = all_outages(&db.store).await.remove(0);
        assert_eq!(closed.id, open.id);
        assert_eq!(closed.ended_at, Some(at(240)), "start of the first pass");
        assert_eq!(
            closed.closed_at,
            Some(at(302)),
            "end of the confirming pass"
        );
        assert_eq!(closed.down_ms, 180_000);
        assert_eq!(closed.version, 2);
        let updates = timeline(&db.store, &open.id).await;
        assert_eq!(words(&updates), ["opened", "closed"]);
        assert_eq!((updates[1].at, updates[1].recorded_at), (at(240), at(302)));
        assert_eq!(messages(&db.store).await.len(), 2, "one for each target");
    })
    .await;
}

#[tokio::test]
async fn what_is_recorded_again_changes_nothing() {
    each_store(|db| async move {
        let detector = detector(&db.store);
        let story = story(0, "PFFPPFF");
        for report in &story {
            detector.record(report.clone()).await.unwrap();
            detector.record(report.clone()).await.unwrap();
        }
        let outages_before = all_outages(&db.store).await;
        let rows = "SELECT COUNT(*) + (SELECT COUNT(*) FROM observations)
            + (SELECT COUNT(*) FROM failures) + (SELECT COUNT(*) FROM outage_updates)
            + (SELECT COUNT(*) FROM outbox) + (SELECT CAST(SUM(passed + failed) AS BIGINT) FROM rollup_days)
            FROM runs";
        let before = count(&db.store, rows).await;
        detector.record_all(story).await.unwrap();
        assert_eq!(count(&db.store, rows).await, before);
        assert_eq!(all_outages(&db.store).await, outages_before);
        assert_eq!(outages_before.len(), 2);
        assert_eq!(count(&db.store, "SELECT COUNT(*) FROM runs").await, 7);
    })
    .await;
}

#[tokio::test]
async fn a_restart_in_the_middle_neither_loses_nor_doubles() {
    each_store(|db| async move {
        // A restart after every single run.
        for report in story(0, "PFFFSPFPPPFFPP") {
            let store = db.open_again().await;
            detector(&store).record(report).await.unwrap();
            store.close().await;
        }
        let found = all_outages(&db.store).await;
        let spans: Vec<(Moment, Option<Moment>)> =
            found.iter().map(|o| (o.began_at, o.ended_at)).collect();
        // As the machine itself says over the same observations.
        let mut watch = Watch::new(component("upload"));
        let mut expected: Vec<(Moment, Option<Moment>)> = Vec::new();
        for report in story(0, "PFFFSPFPPPFFPP") {
            let seen = observation(report.started_at, report.outcome);
            for effect in watch.see(&seen, &[], &Rules::default()) {
                match effect {
                    Effect::Opened { began, .. } => expected.push((began, None)),
                    Effect::Closed { ended, .. } => expected.last_mut().unwrap().1 = Some(ended),
                    _ => {}
                }
            }
        }
        assert_eq!(spans, expected);
        assert!(!spans.is_empty());
    })
    .await;
}

/// A run of five minutes whose upload comes at the end of it.
fn long_run(minute: i64, upload: Outcome) -> RunReport {
    run(at(minute * 60))
        .took(Duration::from_secs(300))
        .step("Sign in", "sign-in", Outcome::Passed)
        .step("First upload", "upload", Outcome::Passed)
        .begun_after(Duration::from_secs(100))
        .step("Second upload", "upload", upload)
        .begun_after(Duration::from_secs(240))
        .done()
}

#[tokio::test]
async fn an_outage_of_long_runs_begins_and_ends_at_the_deciding_step() {
    each_store(|db| async move {
        let detector = detector(&db.store);
        for (minute, letter) in [(0, 'P'), (10, 'F'), (20, 'F'), (30, 'P'), (40, 'P')] {
            detector
                .record(long_run(minute, outcome(letter)))
                .await
                .unwrap();
        }
        let found = all_outages(&db.store).await.remove(0);
        assert_eq!(found.began_at, at(600 + 240));
        assert_eq!(found.ended_at, Some(at(1800 + 240)));
        assert_eq!(found.down_ms, 1_200_000);
        // What failed lies within it.
        let (from, until) = (found.began_at, found.ended_at.unwrap());
        let failures = db
            .store
            .read(move |mut conn| {
                Box::pin(async move {
                    runs::failures(&mut conn, &component("upload"), from, until).await
                })
            })
            .await
            .unwrap();
        assert_eq!((failures.len(), failures[0].times), (1, 2));
        // Runs are told apart by their own start.
        detector.record(long_run(10, FAILED)).await.unwrap();
        assert_eq!(count(&db.store, "SELECT COUNT(*) FROM runs").await, 5);
    })
    .await;
}

#[tokio::test]
async fn observations_of_before_were_decided_when_their_run_started() {
    each_store(|db| async move {
        detector(&db.store)
            .record(long_run(10, FAILED))
            .await
            .unwrap();
        let observations = || async {
            let read = db.store.read(|mut conn| {
                Box::pin(async move {
                    runs::observations(&mut conn, &component("upload"), Moment(0), 10).await
                })
            });
            read.await.unwrap().remove(0)
        };
        let seen = observations().await;
        assert_eq!((seen.started_at, seen.decided_at), (at(600), at(840)));
        db.store
            .write(|mut conn| {
                Box::pin(async move {
                    conn.execute("UPDATE observations SET decided_at = NULL", vec![])
                        .await
                })
            })
            .await
            .unwrap();
        assert_eq!(observations().await.decided_at, at(600));
    })
    .await;
}

#[tokio::test]
async fn replay_of_what_is_stored_gives_the_same_outages() {
    each_store(|db| async move {
        let detector = detector(&db.store);
        let letters = "PPFFPFFPPSSPPFFFFPFPFPFPFPPPPPPPPPPPPFFSSPPFF";
        let mut story = story(0, letters);
        for (number, report) in story.iter_mut().enumerate() {
            // The deciding step begins anywhere within the run.
            let after = Duration::from_millis(u64::try_from(number * 977 % 2000).unwrap());
            report.steps[0].started_at = report.started_at + after;
        }
        detector.record_all(story).await.unwrap();
        let stored = db
            .store
            .read(|mut conn| {
                Box::pin(async move {
                    runs::observations(&mut conn, &component("upload"), Moment(0), 1000).await
                })
            })
            .await
            .unwrap();
        assert_eq!(stored.len(), letters.len());
        let mut watch = Watch::new(component("upload"));
        let mut replayed: Vec<(Moment, Option<Moment>, i64, bool)> = Vec::new();
        for seen in &stored {
            let was = watch.open().is_some_and(|open| open.intermittent);
            for effect in watch.see(seen, &[], detector.rules()) {
                match effect {
                    Effect::Opened { began, .. } => replayed.push((began, None, 0, false)),
                    Effect::Closed { ended, down } => {
                        let last = replayed.last_mut().unwrap();
                        last.1 = Some(ended);
                        last.2 = i64::try_from(down.as_millis()).unwrap();
                        last.3 = was;
                    }
                    _ => {}
                }
            }
        }
        // The last is still open.
        let found = all_outages(&db.store).await;
        assert!(
            found.iter().any(|outage| outage.intermittent),
            "one came and went"
        );
        let mut recorded: Vec<(Moment, Option<Moment>, i64, bool)> = found
            .iter()
            .map(|o| (o.began_at, o.ended_at, o.down_ms, o.intermittent))
            .collect();
        assert_eq!(recorded.pop().unwrap().1, None);
        assert_eq!(replayed.pop().unwrap().1, None);
        assert_eq!(recorded, replayed);
        // And the detector that is kept is the one that a replay ends with.
        let kept = db
            .store
            .read(|mut conn| {
                Box::pin(async move { outages::watch(&mut conn, &component("upload")).await })
            })
            .await
            .unwrap();
        assert_eq!(kept, watch);
    })
    .await;
}

#[tokio::test]
async fn two_open_outages_of_a_component_are_refused() {
    each_store(|db| async move {
        detector(&db.store)
            .record_all(story(0, "FF"))
            .await
            .unwrap();
        let mut second = all_outages(&db.store).await.remove(0);
        second.id = "another".to_owned();
        let error = db
            .store
            .write(move |mut conn| {
                Box::pin(async move { outages::insert(&mut conn, &second).await })
            })
            .await
            .expect_err("one open outage a component");
        assert!(error.is_duplicate(), "{error}");
    })
    .await;
}

#[tokio::test]
async fn an_error_inside_a_transaction_leaves_nothing() {
    each_store(|db| async move {
        let detector = detector(&db.store);
        detector.record_all(story(0, "PF")).await.unwrap();
        // The row that the next run must write cannot be written: the id is taken.
        break_outbox(&db).await;
        let error = detector.record_all(story(2, "FF")).await;
        assert!(matches!(error, Err(store::Error::Database(_))), "{error:?}");
        assert!(all_outages(&db.store).await.is_empty(), "no outage");
        assert_eq!(count(&db.store, "SELECT COUNT(*) FROM runs").await, 2);
        assert_eq!(
            count(&db.store, "SELECT COUNT(*) FROM observations").await,
            2
        );
        mend_outbox(&db).await;
        // The same runs again: nothing was lost, nothing is doubled.
        detector.record_all(story(2, "FF")).await.unwrap();
        let found = all_outages(&db.store).await;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].began_at, at(60));
        assert_eq!(messages(&db.store).await.len(), 2);
    })
    .await;
}

async fn ddl(db: &Database, sql: &'static str) {
    db.store
        .write(move |mut conn| Box::pin(async move { conn.execute(sql, vec![]).await }))
        .await
        .unwrap();
}

/// The outbox is what is written last: without it the transaction fails at its very end.
async fn break_outbox(db: &Database) {
    ddl(db, "ALTER TABLE outbox RENAME TO outbox_gone").await;
}

async fn mend_outbox(db: &Database) {
    ddl(db, "ALTER TABLE outbox_gone RENAME TO outbox").await;
}

#[tokio::test]
async fn being_cut_off_opens_a_gap_and_seeing_again_closes_it() {
    each_store(|db| async move {
        let detector = detector(&db.store);
        let gaps = |store: Store| async move {
            store
                .read(|mut conn| {
                    Box::pin(
                        async move { monitor::gaps(&mut conn, Moment(0), Moment(i64::MAX)).await },
                    )
                })
                .await
                .unwrap()
        };
        detector.record_all(story(0, "PCCC")).await.unwrap();
        let found = gaps(db.store.clone()).await;
        assert_eq!(found.len(), 1, "one gap, however long");
        assert_eq!((found[0].began_at, found[0].ended_at), (at(60), None));
        assert_eq!(found[0].why, GAP_CUT_OFF);
        // Another vantage that sees does not end the blindness of this one.
        let elsewhere = run(at(200))
            .vantage("denpasar")
            .step("Upload", "upload", FAILED);
        detector.record(elsewhere.done()).await.unwrap();
        assert_eq!(gaps(db.store.clone()).await[0].ended_at, None);
        // A failing answer is seeing, too.
        detector.record_all(story(5, "FCP")).await.unwrap();
        let found = gaps(db.store.clone()).await;
        let spans: Vec<(Moment, Option<Moment>)> = found
            .iter()
            .map(|gap| (gap.began_at, gap.ended_at))
            .collect();
        assert_eq!(
            spans,
            [(at(360), Some(at(420))), (at(60), Some(at(300)))],
            "newest first"
        );
        assert!(all_outages(&db.store).await.is_empty(), "blind is not down");
    })
    .await;
}

#[tokio::test]
async fn failures_and_evidence_are_counted() {
    each_store(|db| async move {
        let detector = detector(&db.store);
        let failing = |minute: i64, vantage: &str, fingerprint: &str| {
            run(at(minute * 60))
                .vantage(vantage)
                .step("Sign in", "sign-in", Outcome::Passed)
                .step("Upload", "upload", FAILED)
                .error_page("server-trouble", fingerprint)
                .evidence("page", "aa11")
                .evidence("headers", &format!("{minute:04}{vantage}"))
                .step("Track", "tracking", Outcome::NotReached)
                .step("Withdraw", "upload", FAILED)
                .cleanup()
                .done()
        };
        for minute in 0..5 {
            detector
                .record(failing(minute, "jakarta", "f1"))
                .await
                .unwrap();
        }
        detector.record(failing(5, "denpasar", "f1")).await.unwrap();
        detector.record(failing(6, "denpasar", "f2")).await.unwrap();
        let (failures, evidence, tracking) = db
            .store
            .read(|mut conn| {
                Box::pin(async move {
                    let of = component("upload");
                    let failures = runs::failures(&mut conn, &of, at(0), at(3600)).await?;
                    let evidence = runs::evidence(&mut conn, &of, at(0), at(3600)).await?;
                    let of = component("tracking");
                    let tracking = runs::failures(&mut conn, &of, at(0), at(3600)).await?;
                    Ok((failures, evidence, tracking))
                })
            })
            .await
            .unwrap();
        assert_eq!(failures.len(), 2, "by page; cleanup speaks for nothing");
        let often = &failures[0];
        assert_eq!((often.times, often.vantages), (6, 2));
        assert_eq!((often.first_at, often.last_at), (at(0), at(300)));
        assert_eq!(often.fault, "status");
        assert_eq!(often.status, Some(503));
        assert_eq!(often.pattern.as_deref(), Some("server-trouble"));
        assert_eq!(often.fingerprint.as_deref(), Some("f1"));
        assert_eq!(often.title.as_deref(), Some("500 • KENDALA SERVER"));
        assert_eq!(failures[1].times, 1);
        assert_eq!(
            (evidence[0].sha256.as_str(), evidence[0].times),
            ("aa11", 7)
        );
        assert_eq!(evidence.len(), 8, "the same page once, headers each");
        assert!(tracking.is_empty(), "what was not reached did not fail");
        let found = all_outages(&db.store).await;
        let of: Vec<&str> = found.iter().map(|o| o.component.as_str()).collect();
        assert_eq!(of, ["upload"]);
    })
    .await;
}

#[tokio::test]
async fn planned_outages_tell_nobody_until_they_overrun() {
    each_store(|db| async move {
        let announced = Announced {
            id: "m1".to_owned(),
            window: Maintenance {
                component: None,
                from: at(0),
                until: at(240),
            },
            title_id: "Pemeliharaan".to_owned(),
            title_en: "Maintenance".to_owned(),
            series: "m1".to_owned(),
            notice_url: None,
        };
        db.store
            .write(move |mut conn| {
                Box::pin(async move {
                    monitor::announce(&mut conn, &announced, "ops@example.org", at(-60)).await
                })
            })
            .await
            .unwrap();
        let detector = detector(&db.store);
        for report in story(1, "FFF") {
            detector.record(report).await.unwrap();
        }
        assert!(all_outages(&db.store).await[0].planned);
        assert!(messages(&db.store).await.is_empty(), "nobody is told");
        detector.record(story(4, "F").remove(0)).await.unwrap();
        let outage = all_outages(&db.store).await.remove(0);
        assert!(!outage.planned);
        assert_eq!(
            words(&timeline(&db.store, &outage.id).await),
            ["opened", "overran"]
        );
        assert_eq!(messages(&db.store).await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn several_processes_judge_one_component_without_losing_a_word() {
    each_store(|db| async move {
        // Two stores over one database, as two instances are; each hears half of it.
        let other = if db.name == "postgres" {
            db.open_again().await
        } else {
            db.store.clone()
        };
        let vantages = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let mut tasks = Vec::new();
        for (index, vantage) in vantages.into_iter().enumerate() {
            let store = if index % 2 == 0 { &db.store } else { &other };
            let detector = detector_of(store, index as u64);
            tasks.push(tokio::spawn(async move {
                for minute in 0..6 {
                    let outcome = if minute < 3 { FAILED } else { Outcome::Passed };
                    let report = run(at(minute * 60))
                        .vantage(vantage)
                        .step("Sign in", "sign-in", outcome)
                        .step("Upload", "upload", outcome)
                        .done();
                    detector.record(report).await.expect("it is recorded");
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        let watch = db
            .store
            .read(|mut conn| {
                Box::pin(async move { outages::watch(&mut conn, &component("upload")).await })
            })
            .await
            .unwrap();
        // Every vantage's every run is in the detector: all have passed twice.
        assert_eq!(watch.failing_vantages(), [""; 0]);
        let kept = serde_json::to_value(&watch).unwrap();
        assert_eq!(kept["voices"].as_array().unwrap().len(), vantages.len());
        assert_eq!(
            count(&db.store, "SELECT COUNT(*) FROM observations").await,
            96
        );
        assert!(watch.open().is_none());
        assert!(
            all_outages(&db.store)
                .await
                .iter()
                .all(|o| o.ended_at.is_some())
        );
        if db.name == "postgres" {
            other.close().await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_an_intermittent_outage_is_reaches_its_row() {
    each_store(|db| async move {
        let detector = detector(&db.store);
        // Opened as down, then it begins to come and go: no news, yet it is remembered.
        for report in story(0, "PFFPFPFPF") {
            detector.record(report).await.unwrap();
        }
        let open = all_outages(&db.store).await.remove(0);
        assert!(open.intermittent, "the row says so while it lasts");
        assert!(open.down_ms > 0, "minutes down: {}", open.down_ms);
        let told = messages(&db.store).await.len();
        for report in story(9, "PPPPPPPPPP") {
            detector.record(report).await.unwrap();
        }
        let closed = all_outages(&db.store).await.remove(0);
        assert!(closed.intermittent && closed.ended_at == Some(at(540)));
        assert_eq!(closed.down_ms, 5 * 60_000);
        assert_eq!(messages(&db.store).await.len(), 2, "closed, to two targets");
        assert_eq!(told, 2, "opened, to two targets");
    })
    .await;
}
