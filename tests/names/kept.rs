//! What the store keeps of names, and that rows of before stay the same step's.

use siaga::detect::Detector;
use siaga::domain::diagnosis::Diagnosis;
use siaga::domain::history::{Outage, Update};
use siaga::domain::names::NameTable;
use siaga::domain::outage::{Effect, Rules};
use siaga::domain::{BilingualName, Engine, Moment, Outcome, RunReport, StepName};
use siaga::store::names::MAX_NAMES;
use siaga::store::runs::FailureSummary;
use siaga::store::{Store, names, outages, runs};

use super::named_run;
use crate::harness::{Database, FAILED, SeededRandom, TestClock, at, component, each_store};

const PASSED: Outcome = Outcome::Passed;
const PLAIN: [&str; 2] = ["Upload", "Upload"];
const BOTH: [&str; 2] = ["Unggah paspor", "Upload"];

fn detector(store: &Store) -> Detector {
    Detector::new(
        store.clone(),
        Rules::default(),
        jiff::tz::TimeZone::UTC,
        Vec::new(),
        TestClock::at(at(0)).shared(),
        SeededRandom::shared(1),
    )
}

async fn table(store: &Store) -> NameTable {
    let read = store.read(|mut conn| Box::pin(async move { names::all(&mut conn).await }));
    read.await.unwrap()
}

fn step(table: &NameTable, known_as: &str) -> StepName {
    table.of("extension").step(known_as)
}

async fn failures(store: &Store) -> Vec<FailureSummary> {
    let read = store.read(|mut conn| {
        Box::pin(async move {
            runs::failures(&mut conn, &component("upload"), Moment(0), Moment(i64::MAX)).await
        })
    });
    read.await.unwrap()
}

async fn the_outage(store: &Store) -> (Outage, Vec<Update>) {
    let read = store.read(|mut conn| {
        Box::pin(async move {
            let mut found = outages::touching(&mut conn, Moment(0), Moment(i64::MAX), 10).await?;
            assert_eq!(found.len(), 1, "one outage: {found:?}");
            let outage = found.remove(0);
            let updates = outages::updates(&mut conn, &outage.id).await?;
            Ok((outage, updates))
        })
    });
    read.await.unwrap()
}

/// As the database was before it kept names.
async fn as_before(db: &Database) {
    let drop = match db.name {
        "postgres" => "DROP TABLE names CASCADE",
        _ => "DROP TABLE names",
    };
    db.store
        .write(move |mut conn| {
            Box::pin(async move {
                conn.execute(drop, vec![]).await?;
                let sql = "DELETE FROM _sqlx_migrations WHERE version = 7";
                conn.execute(sql, vec![]).await
            })
        })
        .await
        .unwrap();
}

fn in_browser(mut run: RunReport) -> RunReport {
    run.engine = Engine::Browser;
    run
}

#[tokio::test]
async fn names_come_with_runs_and_the_newest_holds() {
    each_store(|db| async move {
        let detector = detector(&db.store);
        let first = named_run(at(0), "passport", BOTH, PASSED);
        detector.record(first).await.unwrap();
        let known = table(&db.store).await;
        assert_eq!(
            known.flow("extension").map(BilingualName::id),
            Some("Perpanjangan izin tinggal")
        );
        for known_as in ["passport", "Upload", "Unggah paspor"] {
            let step = step(&known, known_as);
            assert_eq!((step.key(), step.id()), ("passport", "Unggah paspor"));
        }
        let names = ["Unggah halaman paspor", "Upload the passport page"];
        detector
            .record(named_run(at(60), "passport", names, PASSED))
            .await
            .unwrap();
        let known = table(&db.store).await;
        for known_as in ["passport", "Upload", "Upload the passport page"] {
            assert_eq!(step(&known, known_as).id(), names[0], "{known_as}");
        }
        // What nobody named is called by what it is known as.
        assert_eq!(step(&known, "elsewhere").en(), "elsewhere");
        assert_eq!(known.flow("elsewhere"), None);
        assert_eq!(known.of("elsewhere").flow().en(), "elsewhere");
        // A diagnosis may be of another flow's step.
        assert_eq!(known.of("elsewhere").step("passport").id(), names[0]);
    })
    .await;
}

#[tokio::test]
async fn a_key_written_beside_an_unchanged_name_goes_on_with_its_history() {
    each_store(|db| async move {
        for second in [0, 60] {
            let run = named_run(at(second), "", PLAIN, FAILED);
            detector(&db.store).record(run).await.unwrap();
        }
        let browser = in_browser(named_run(at(70), "", PLAIN, FAILED));
        detector(&db.store).record(browser).await.unwrap();
        let (before, _) = the_outage(&db.store).await;
        assert_eq!(before.step, "Upload");
        let server = |step: &str| Diagnosis::Server {
            step: step.to_owned(),
        };
        assert_eq!(before.diagnosis, Some(server("Upload")));
        as_before(&db).await;

        // The new version, with a key and a translation in the file.
        let store = db.open_again().await;
        assert_eq!(
            failures(&store).await[0].step,
            "Upload",
            "nothing is known yet"
        );
        for second in [120, 180] {
            let run = named_run(at(second), "passport", BOTH, FAILED);
            detector(&store).record(run).await.unwrap();
        }
        let failed = failures(&store).await;
        assert_eq!((failed.len(), failed[0].times), (1, 5), "{failed:?}");
        assert_eq!(
            (&*failed[0].flow, &*failed[0].step),
            ("extension", "passport")
        );
        let (outage, updates) = the_outage(&store).await;
        assert_eq!((&outage.id, outage.ended_at), (&before.id, None));
        let told = updates
            .iter()
            .filter(|update| matches!(update.effect, Effect::Diagnosed { .. }));
        assert_eq!(told.count(), 1, "the same is not said anew: {updates:?}");
        let known = table(&store).await;
        assert_eq!(step(&known, &outage.step).id(), "Unggah paspor");

        // Now that it has a key, its names may change.
        let names = ["Unggah halaman paspor", "Upload the passport page"];
        for second in [240, 300] {
            let run = named_run(at(second), "passport", names, FAILED);
            detector(&store).record(run).await.unwrap();
        }
        let failed = failures(&store).await;
        assert_eq!((failed.len(), failed[0].times), (1, 7), "{failed:?}");
        assert_eq!(step(&table(&store).await, &outage.step).en(), names[1]);
        if db.name == "postgres" {
            let read = store.read(|mut conn| {
                Box::pin(async move {
                    let sql = "SELECT step_name FROM outages_readable";
                    conn.all::<(String,)>(sql, vec![]).await
                })
            });
            assert_eq!(read.await.unwrap(), [(names[1].to_owned(),)]);
        }
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn without_a_key_a_translation_goes_on_and_another_name_begins_anew() {
    each_store(|db| async move {
        let detector = detector(&db.store);
        // A file whose one text was Indonesian.
        let single = ["Unggah paspor", "Unggah paspor"];
        let run = named_run(at(0), "", single, FAILED);
        detector.record(run).await.unwrap();
        detector
            .record(named_run(at(60), "", BOTH, FAILED))
            .await
            .unwrap();
        let failed = failures(&db.store).await;
        assert_eq!((failed.len(), failed[0].times), (1, 2), "{failed:?}");
        assert_eq!(failed[0].step, "Upload");
        let run = named_run(at(120), "", ["Kirim", "Send"], FAILED);
        detector.record(run).await.unwrap();
        assert_eq!(failures(&db.store).await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_name_that_is_the_key_of_another_step_is_that_steps() {
    each_store(|db| async move {
        let mut run = crate::harness::run(at(0))
            .step("first", "upload", FAILED)
            .step("second", "upload", PASSED)
            .done();
        run.steps[1].name = StepName::new("second", BilingualName::new("first", "Second"));
        detector(&db.store).record(run).await.unwrap();
        assert_eq!(step(&table(&db.store).await, "first").key(), "first");
    })
    .await;
}

#[tokio::test]
async fn names_of_a_run_from_elsewhere_harm_neither_database() {
    each_store(|db| async move {
        let run = named_run(at(0), "passport", BOTH, FAILED);
        let mut json = serde_json::to_value(&run).unwrap();
        let evil = format!("\u{0}\u{202e}{}", "y".repeat(50_000));
        json["name"] = evil.clone().into();
        json["names"] = serde_json::json!({ "id": "\u{0}", "en": evil });
        let step_json = &mut json["steps"][0];
        step_json["key"] = evil.clone().into();
        step_json["names"] = serde_json::json!({ "id": evil, "en": "" });
        let from_elsewhere: RunReport = serde_json::from_value(json).unwrap();
        detector(&db.store).record(from_elsewhere).await.unwrap();
        let failed = failures(&db.store).await;
        assert_eq!(failed[0].step, "y".repeat(200));
        let known = step(&table(&db.store).await, &failed[0].step);
        assert_eq!(known.id(), "y".repeat(200));

        // One that names its steps anew each time fills nothing.
        let all: Vec<RunReport> = (1..300)
            .map(|n| {
                let (id, en) = (format!("i{n}"), format!("e{n}"));
                named_run(at(60 * n), &format!("k{n}"), [&id, &en], PASSED)
            })
            .collect();
        detector(&db.store).record_all(all).await.unwrap();
        let read = db.store.read(|mut conn| {
            Box::pin(async move { conn.number("SELECT COUNT(*) FROM names", vec![]).await })
        });
        let kept = read.await.unwrap();
        assert_eq!(kept, i64::try_from(MAX_NAMES).unwrap());
    })
    .await;
}

#[tokio::test]
async fn of_two_results_for_one_document_the_newest_counts_whatever_the_step_was_called() {
    each_store(|db| async move {
        let rung = |second, key: &str, accepted| {
            let mut run = named_run(at(second), key, PLAIN, PASSED);
            run.rung = Some(siaga::domain::run::Rung {
                step: run.steps[0].name.key().to_owned(),
                kind: "jpeg".to_owned(),
                size: 1_000,
                accepted,
                allowed: true,
            });
            run
        };
        let detector = detector(&db.store);
        // By their names alone the older one would come last.
        detector.record(rung(0, "z", true)).await.unwrap();
        detector.record(rung(60, "a", false)).await.unwrap();
        let read = db
            .store
            .read(|mut conn| Box::pin(async move { runs::rungs(&mut conn, Moment(0)).await }));
        let rungs = read.await.unwrap();
        assert_eq!(rungs.last().map(|rung| rung.accepted), Some(false));
    })
    .await;
}
