//! What is kept of it with an outage: at once, the same after a restart and in a replay, and
//! told no more often than it is news.

use std::time::Duration;

use siaga::detect::{Alert, Detector};
use siaga::domain::diagnosis::{Cause, Diagnosis, Unclear};
use siaga::domain::history::{Outage, Update};
use siaga::domain::outage::{Effect, Rules};
use siaga::domain::run::FrontEnd;
use siaga::domain::{Engine, Fault, Moment, Outcome, RunReport};
use siaga::store::{Store, outages, outbox};

use super::{missing_bundle, throwing};
use crate::harness::{SeededRandom, TestClock, at, component, each_store, run, upload_run};

fn detector(store: &Store) -> Detector {
    Detector::new(
        store.clone(),
        Rules::default(),
        jiff::tz::TimeZone::UTC,
        vec!["webhook:ops".to_owned()],
        TestClock::at(at(100_000)).shared(),
        SeededRandom::shared(7),
    )
}

fn http(second: i64, outcome: Outcome) -> RunReport {
    upload_run(at(second), outcome)
}

fn browser(second: i64, outcome: Outcome, seen: Option<FrontEnd>) -> RunReport {
    let run = run(at(second)).engine(Engine::Browser);
    let mut report = run.step("Upload", "upload", outcome).done();
    report.steps[0].front_end = seen;
    report
}

const PASSED: Outcome = Outcome::Passed;
const SCRIPT: Outcome = Outcome::Failed(Fault::Script);
const PAGE: Outcome = Outcome::Failed(Fault::ErrorPage);

/// A front end that breaks, is repaired, and a server that breaks after it.
fn story() -> Vec<RunReport> {
    let bundle = || Some(missing_bundle());
    vec![
        http(0, PASSED),
        browser(5, PASSED, None),
        browser(60, SCRIPT, bundle()),
        browser(65, SCRIPT, bundle()),
        http(70, PASSED),
        http(130, PASSED),
        browser(200, PASSED, None),
        browser(210, PASSED, None),
        http(300, PAGE),
        http(305, PAGE),
        browser(320, PAGE, None),
        http(360, PAGE),
        http(420, PASSED),
        http(425, PASSED),
        browser(430, PASSED, None),
        browser(435, PASSED, None),
    ]
}

async fn all(store: &Store) -> Vec<(Outage, Vec<Update>)> {
    let read = store.read(|mut conn| {
        Box::pin(async move {
            let conn = &mut conn;
            let mut found = Vec::new();
            for outage in outages::touching(conn, Moment(0), Moment(i64::MAX), 100).await? {
                let updates = outages::updates(conn, &outage.id).await?;
                found.push((outage, updates));
            }
            found.reverse();
            Ok(found)
        })
    });
    read.await.unwrap()
}

fn diagnoses(updates: &[Update]) -> Vec<(Moment, &Diagnosis)> {
    let told = updates.iter().filter_map(|update| match &update.effect {
        Effect::Diagnosed { diagnosis, .. } => Some((update.at, diagnosis)),
        _ => None,
    });
    told.collect()
}

#[tokio::test]
async fn it_gets_better_as_runs_come_and_stays_when_all_is_over() {
    each_store(|db| async move {
        let detector = detector(&db.store);
        let mut said = Vec::new();
        for report in story() {
            detector.record(report).await.unwrap();
            let newest = all(&db.store).await.pop();
            let word = newest.and_then(|(outage, _)| outage.diagnosis);
            said.push(word.map_or("-", |diagnosis| match diagnosis {
                Diagnosis::OneEngine {
                    engine: Engine::Http,
                    ..
                } => "http only",
                Diagnosis::OneEngine { .. } => "browser only",
                other => match other.as_str() {
                    "front_end" => "front end",
                    "server" => "server",
                    other => panic!("{other}"),
                },
            }));
        }
        assert_eq!(
            said,
            [
                "-",
                "-",
                "-",
                "browser only",
                "front end",
                "front end",
                "front end",
                "front end",
                "front end",
                "http only",
                "server",
                "server",
                "server",
                "server",
                "server",
                "server"
            ]
        );
        let found = all(&db.store).await;
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|(outage, _)| outage.ended_at.is_some()));
        let (outage, updates) = &found[0];
        let Some(Diagnosis::FrontEnd {
            step,
            cause: Some(Cause::MissingAsset(asset)),
        }) = &outage.diagnosis
        else {
            panic!("{outage:#?}");
        };
        assert_eq!(step, "Upload");
        assert_eq!(Some(asset), missing_bundle().asset.as_ref());
        let told = diagnoses(updates);
        assert_eq!(told, [(at(70), outage.diagnosis.as_ref().unwrap())]);
        assert_eq!(diagnoses(&found[1].1).len(), 1);
        // Opened, diagnosed, closed: every change of the record counts.
        assert_eq!(outage.version, 3);
    })
    .await;
}

#[tokio::test]
async fn a_replay_and_restarts_give_the_same() {
    let mut kept: Vec<Vec<(Option<Diagnosis>, Vec<Update>)>> = Vec::new();
    let gathered = std::sync::Mutex::new(&mut kept);
    each_store(|db| {
        let gathered = &gathered;
        async move {
            for report in story() {
                let store = db.open_again().await;
                detector(&store).record(report).await.unwrap();
                store.close().await;
            }
            let live = all(&db.store).await;
            let live = live.into_iter().map(|(o, u)| (o.diagnosis, u)).collect();
            gathered.lock().unwrap().push(live);
        }
    })
    .await;
    each_store(|db| {
        let gathered = &gathered;
        async move {
            detector(&db.store).record_all(story()).await.unwrap();
            // What is delivered twice changes nothing.
            detector(&db.store).record_all(story()).await.unwrap();
            let replayed = all(&db.store).await;
            let replayed = replayed
                .into_iter()
                .map(|(o, u)| (o.diagnosis, u))
                .collect();
            gathered.lock().unwrap().push(replayed);
        }
    })
    .await;
    assert_eq!(kept.len(), 4);
    assert_eq!(kept[0].len(), 2);
    assert!(kept.iter().all(|one| *one == kept[0]), "{kept:#?}");
}

#[tokio::test]
async fn a_front_end_that_changes_its_face_fills_no_timeline() {
    each_store(|db| async move {
        let detector = detector(&db.store);
        let mut reports = Vec::new();
        for round in 0..40 {
            let second = round * 30;
            let seen = match round % 3 {
                0 => Some(missing_bundle()),
                1 => Some(throwing()),
                _ => None,
            };
            reports.push(browser(second, SCRIPT, seen));
            reports.push(http(second + 10, PASSED));
        }
        detector.record_all(reports).await.unwrap();
        let (outage, updates) = all(&db.store).await.remove(0);
        assert_eq!(diagnoses(&updates).len(), 6, "{updates:#?}");
        assert_eq!(updates.len(), 7);
        // What is known now is kept all the same: the last cause that was seen.
        let Some(Diagnosis::FrontEnd { cause: Some(_), .. }) = &outage.diagnosis else {
            panic!("{outage:#?}");
        };
    })
    .await;
}

#[tokio::test]
async fn alerts_say_it_as_soon_as_it_is_known() {
    each_store(|db| async move {
        let detector = detector(&db.store);
        let bundle = Some(missing_bundle());
        detector
            .record_all(vec![
                browser(0, SCRIPT, bundle.clone()),
                http(2, PASSED),
                browser(5, SCRIPT, bundle),
            ])
            .await
            .unwrap();
        let message = db
            .store
            .write(|mut conn| {
                Box::pin(async move {
                    outbox::claim(&mut conn, at(1_000_000), Duration::from_secs(60)).await
                })
            })
            .await
            .unwrap()
            .expect("an alert");
        let alert: Alert = serde_json::from_str(&message.payload).unwrap();
        let found = alert.outage.diagnosis.unwrap();
        assert_eq!(found.as_str(), "front_end");
        assert_eq!(alert.outage.component, component("upload"));
    })
    .await;
}

#[tokio::test]
async fn an_alert_of_before_there_were_diagnoses_is_still_read() {
    each_store(|db| async move {
        detector(&db.store)
            .record_all(vec![http(0, PAGE), http(5, PAGE)])
            .await
            .unwrap();
        let (outage, _) = all(&db.store).await.remove(0);
        let mut old = serde_json::to_value(&outage).unwrap();
        old.as_object_mut().unwrap().remove("diagnosis").unwrap();
        let read: Outage = serde_json::from_value(old).unwrap();
        assert_eq!(read.diagnosis, None);
        assert_ne!(outage.diagnosis, None);
    })
    .await;
}

#[tokio::test]
async fn what_contradicts_it_takes_it_back() {
    each_store(|db| async move {
        let detector = detector(&db.store);
        let bundle = || Some(missing_bundle());
        detector
            .record_all(vec![
                browser(0, SCRIPT, bundle()),
                browser(5, SCRIPT, bundle()),
                http(10, PASSED),
                // Plain requests fail now too, and not as the browser does.
                http(70, Outcome::Failed(Fault::Connect)),
                http(75, Outcome::Failed(Fault::Connect)),
            ])
            .await
            .unwrap();
        let (outage, updates) = all(&db.store).await.remove(0);
        let why = Unclear::Disagree;
        assert_eq!(outage.diagnosis, Some(Diagnosis::Unclear { why }));
        assert_eq!(diagnoses(&updates).len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_component_of_the_browser_alone_has_a_front_end_too() {
    each_store(|db| async move {
        let detector = detector(&db.store);
        let plain = |second: i64| run(at(second)).step("Sign in", "sign-in", PASSED).done();
        let real = |second: i64| {
            let run = run(at(second)).engine(Engine::Browser);
            let run = run.step("Sign in", "sign-in", PASSED);
            let mut report = run.step("Timeline", "tracking", SCRIPT).done();
            report.steps[1].front_end = Some(missing_bundle());
            report
        };
        for report in [plain(0), real(60), plain(65), real(70), plain(75)] {
            detector.record(report).await.unwrap();
        }
        let found = db.store.read(|mut conn| {
            Box::pin(async move {
                outages::touching(&mut conn, Moment(0), Moment(i64::MAX), 10).await
            })
        });
        let found = found.await.unwrap().remove(0);
        assert_eq!(found.component, component("tracking"));
        assert!(
            matches!(
                &found.diagnosis,
                Some(Diagnosis::FrontEnd { step, cause: Some(Cause::MissingAsset(_)) }) if step == "Timeline"
            ),
            "{found:#?}"
        );
    })
    .await;
}
