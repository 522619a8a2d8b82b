//! Clocks that are set, machines that sleep: the order of runs is not the clock's, and what the clock
//! showed meanwhile is a gap.

use std::time::Duration;

use jiff::tz::TimeZone;
use proptest::prelude::*;
use siaga::app::clock;
use siaga::app::jobs::{note_alive, note_gap_after_stop};
use siaga::detect::{ASLEEP, CLOCK, Detector, STOPPED};
use siaga::domain::clock_watch::{ClockFinding, ClockWatch};
use siaga::domain::history::Gap;
use siaga::domain::outage::{Effect, Rules, Watch};
use siaga::domain::stopwatch::Stopwatch;
use siaga::domain::{Clock, Moment, Observation, Outcome, RunNumber, RunReport};
use siaga::store::{Store, migrations, monitor, outages, outbox, runs, vantages};
use siaga::telemetry::Metrics;
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use tokio::sync::watch;

use crate::harness::{
    FAILED, NOON, Schema, SeededRandom, TestClock, at, component, each_store, eventually, folder,
    observation, sqlite_address, upload_run,
};

const HOUR: i64 = 3600;

fn after(moment: Moment, seconds: i64) -> Moment {
    Moment(moment.0 + seconds * 1000)
}

// ---- the detector ----------------------------------------------------------------------------

/// Observations a minute apart, numbered in their order, by a clock that is set by so many seconds
/// before each.
fn by_a_clock(story: &[(Outcome, i64)]) -> Vec<Observation> {
    let mut set = 0;
    (0..)
        .zip(story)
        .map(|(minute, (outcome, by))| {
            set += by;
            Observation {
                number: RunNumber(minute + 1),
                ..observation(at(minute * 60 + set), *outcome)
            }
        })
        .collect()
}

fn fold(story: &[Observation]) -> Vec<(Observation, Effect)> {
    let (mut watch, rules) = (Watch::new(component("upload")), Rules::default());
    let mut all = Vec::new();
    for seen in story {
        let effects = watch.see(seen, &[], &rules);
        all.extend(effects.into_iter().map(|effect| (seen.clone(), effect)));
    }
    all
}

fn stories() -> impl Strategy<Value = Vec<(Outcome, i64)>> {
    let outcome = prop_oneof![
        4 => Just(Outcome::Passed),
        3 => Just(FAILED),
        1 => Just(Outcome::Slow),
        1 => Just(Outcome::NotReached),
    ];
    let set = prop_oneof![
        6 => Just(0),
        1 => -10..10_i64,
        1 => -24 * HOUR..24 * HOUR,
    ];
    prop::collection::vec((outcome, set), 1..80)
}

proptest! {
    /// What is told of one vantage is the same whatever its clock does, and lies at no time that
    /// it has not seen.
    #[test]
    fn what_is_told_depends_on_no_clock(story in stories()) {
        let steady: Vec<(Outcome, i64)> = story.iter().map(|(outcome, _)| (*outcome, 0)).collect();
        let (told, told_steady) = (fold(&by_a_clock(&story)), fold(&by_a_clock(&steady)));
        let kinds = |told: &[(Observation, Effect)]| -> Vec<(RunNumber, &'static str)> {
            told.iter().map(|(seen, effect)| (seen.number, effect.as_str())).collect()
        };
        prop_assert_eq!(kinds(&told), kinds(&told_steady));
        for (seen, effect) in &told {
            prop_assert!(effect.at() <= seen.ended_at, "{:?} at {:?}", effect, seen);
        }
    }

    /// Whatever two clocks show, what is found is the difference between them.
    #[test]
    fn what_jumped_is_found(set in -100_000_000..100_000_000_i64, passed in 0..200_000_u64) {
        let mut state = ClockWatch::new(NOON, Duration::from_secs(1000));
        let wall = Moment(NOON.0 + i64::try_from(passed).unwrap() + set);
        let found = state.see(wall, Duration::from_millis(1_000_000 + passed));
        let is_set = found.iter().any(|found| matches!(found, ClockFinding::Set { .. }));
        let is_asleep = found.iter().any(|found| matches!(found, ClockFinding::Asleep { .. }));
        prop_assert_eq!(is_set, set.abs() > 1000);
        prop_assert_eq!(is_asleep, passed > 30_000);
        for finding in found {
            let (from, until) = finding.span();
            prop_assert!(from <= until);
            let length = u64::try_from(until.0 - from.0).unwrap();
            match finding {
                ClockFinding::Set { .. } => prop_assert_eq!(length, set.unsigned_abs()),
                ClockFinding::Asleep { .. } => {
                    prop_assert_eq!(until, wall);
                    prop_assert!(length.abs_diff(passed) <= 1000);
                }
            }
        }
        // The next look finds nothing more.
        prop_assert_eq!(state.see(after(wall, 1), Duration::from_millis(1_001_000 + passed)), []);
    }
}

#[test]
fn a_run_in_which_the_clock_is_set_ends_after_it_began() {
    for set in [-7 * HOUR, -5, 5, 7 * HOUR] {
        let clock = TestClock::at(NOON);
        let stopwatch = Stopwatch::start(&clock);
        clock.advance(Duration::from_secs(2));
        clock.set(after(clock.now(), set));
        clock.advance(Duration::from_secs(2));
        let (started_at, ended_at) = stopwatch.stop(&clock);
        assert_eq!(ended_at, after(NOON, 4 + set));
        assert_eq!(ended_at.since(started_at), Duration::from_secs(4), "{set}");
    }
    // A clock that is only disciplined moves no begin.
    let clock = TestClock::at(NOON);
    let stopwatch = Stopwatch::start(&clock);
    clock.advance(Duration::from_secs(60));
    clock.set(Moment(clock.now().0 - 300));
    assert_eq!(stopwatch.stop(&clock).0, NOON);
}

// ---- the record ------------------------------------------------------------------------------

fn detector(store: &Store, clock: &TestClock) -> Detector {
    let zone = TimeZone::fixed(jiff::tz::offset(7));
    let targets = vec!["webhook:ops".to_owned()];
    let random = SeededRandom::shared(3);
    let rules = Rules::default();
    Detector::new(store.clone(), rules, zone, targets, clock.shared(), random)
}

fn numbered(number: i64, started_at: Moment, outcome: Outcome) -> RunReport {
    RunReport {
        number: RunNumber(number),
        ..upload_run(started_at, outcome)
    }
}

#[tokio::test]
async fn an_outage_under_a_clock_that_was_set_back_is_seen() {
    each_store(|db| async move {
        let clock = TestClock::at(NOON);
        let detector = detector(&db.store, &clock);
        // Seven hours ahead, and put right.
        let wrong = after(NOON, 7 * HOUR);
        let story = [
            (wrong, Outcome::Passed),
            (after(wrong, 60), FAILED),
            (after(NOON, 120), FAILED),
            (after(NOON, 180), FAILED),
            (after(NOON, 240), Outcome::Passed),
            (after(NOON, 300), Outcome::Passed),
        ];
        for (number, (started_at, outcome)) in (1..).zip(story) {
            let run = numbered(number, started_at, outcome);
            detector.record(run.clone()).await.unwrap();
            // Delivered again, also after others, it counts once.
            detector.record(run).await.unwrap();
        }
        let found = db.store.read(|mut conn| {
            Box::pin(async move {
                let found = outages::touching(&mut conn, Moment(0), Moment(i64::MAX), 10).await?;
                let newest = runs::newest_end(&mut conn).await?;
                let since = Moment(0);
                let all = runs::observations(&mut conn, &component("upload"), since, 100).await?;
                Ok((found, newest, all))
            })
        });
        let (found, newest, all) = found.await.unwrap();
        let spans: Vec<_> = found.iter().map(|o| (o.began_at, o.ended_at)).collect();
        assert_eq!(
            spans,
            [(after(NOON, 120), Some(after(NOON, 240)))],
            "{}",
            db.name
        );
        assert_eq!(newest, Some(after(NOON, 302)));
        let numbers: Vec<i64> = all.iter().map(|seen| seen.number.0).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
    })
    .await;
}

#[tokio::test]
async fn an_outage_that_began_under_a_wrong_clock_ends_after_it_began() {
    each_store(|db| async move {
        let clock = TestClock::at(NOON);
        let detector = detector(&db.store, &clock);
        let wrong = after(NOON, 7 * HOUR);
        let story = [
            (wrong, FAILED),
            (after(wrong, 60), FAILED),
            (after(NOON, 120), FAILED),
            (after(NOON, 180), Outcome::Passed),
            (after(NOON, 240), Outcome::Passed),
        ];
        for (number, (started_at, outcome)) in (1..).zip(story) {
            let run = numbered(number, started_at, outcome);
            detector.record(run).await.unwrap();
            let found = db.store.read(|mut conn| {
                let every = (Moment(0), Moment(i64::MAX));
                Box::pin(async move { outages::touching(&mut conn, every.0, every.1, 10).await })
            });
            for outage in found.await.unwrap() {
                let now = after(started_at, 2);
                assert!(outage.began_at <= outage.confirmed_at, "{outage:?}");
                assert!(outage.confirmed_at <= now, "{outage:?}");
                assert!(outage.ended_at.is_none_or(|ended| outage.began_at <= ended));
                let lasted = outage.ended_at.unwrap_or(now).0 - outage.began_at.0;
                assert!(outage.down_ms <= lasted, "{outage:?}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn each_start_of_a_vantage_comes_after_those_before() {
    each_store(|db| async move {
        let clock = TestClock::at(NOON);
        let detector = detector(&db.store, &clock);
        let first = vantages::claim_start(&db.store, "jakarta").await.unwrap();
        let of = |number: RunNumber, from: i64, outcome| RunReport {
            number: number.next(),
            ..upload_run(at(from), outcome)
        };
        let recorded = detector.record(of(first, 0, Outcome::Passed)).await;
        assert!(!recorded.unwrap().is_overtaken);
        let elsewhere = vantages::claim_start(&db.store, "surabaya").await.unwrap();
        assert_eq!(elsewhere.start(), 1);
        let second = vantages::claim_start(&db.store, "jakarta").await.unwrap();
        assert!(second > RunNumber(first.0 + (1 << 31)));
        let recorded = detector.record(of(second, 60, Outcome::Passed)).await;
        assert!(!recorded.unwrap().is_overtaken);
        // One that was stopped and goes on is told that it is not believed.
        for _ in 0..3 {
            let late = of(RunNumber(first.0 + 7), 120, FAILED);
            assert!(detector.record(late).await.unwrap().is_overtaken);
        }
        let open = db.store.read(|mut conn| {
            Box::pin(async move { outages::open_of(&mut conn, &component("upload")).await })
        });
        assert_eq!(open.await.unwrap(), None);
    })
    .await;
}

async fn gaps(store: &Store) -> Vec<Gap> {
    let (from, until) = (Moment(i64::MIN), Moment(i64::MAX));
    let mut gaps = store
        .read(move |mut conn| Box::pin(async move { monitor::gaps(&mut conn, from, until).await }))
        .await
        .unwrap();
    gaps.reverse();
    gaps
}

#[tokio::test]
async fn a_gap_never_ends_before_it_began() {
    each_store(|db| async move {
        let write = |open: bool, moment: Moment| {
            db.store.write(move |mut conn| {
                Box::pin(async move {
                    match open {
                        true => monitor::open_gap(&mut conn, "jakarta", "cut_off", moment).await,
                        false => monitor::close_gap(&mut conn, "jakarta", "cut_off", moment).await,
                    }
                })
            })
        };
        write(true, at(7 * HOUR)).await.unwrap();
        write(false, at(60)).await.unwrap();
        let [gap] = &gaps(&db.store).await[..] else {
            panic!("one gap");
        };
        assert_eq!(gap.began_at, at(7 * HOUR));
        assert_eq!(gap.ended_at, Some(at(7 * HOUR)));
    })
    .await;
}

#[tokio::test]
async fn what_the_clock_showed_while_it_was_wrong_is_a_gap() {
    each_store(|db| async move {
        let clock = TestClock::at(NOON);
        let metrics = Metrics::new().unwrap();
        let (stop, stopped) = watch::channel(false);
        let (store, shared) = (db.store.clone(), clock.shared());
        let task = clock::run(
            store,
            "jakarta".to_owned(),
            shared,
            metrics.clone(),
            stopped,
        );
        let task = tokio::spawn(task);
        let seen = |metrics: &Metrics, line: &str| metrics.render().contains(line);
        // It has looked once when something is set, or the first look finds nothing.
        tokio::time::sleep(Duration::from_millis(100)).await;
        clock.set(after(NOON, 7 * HOUR));
        eventually("it is found", Duration::from_secs(30), || {
            let found = seen(&metrics, "siaga_clock_findings_total{finding=\"set\"} 1");
            async move { found }
        })
        .await;
        clock.advance(Duration::from_secs(3600));
        eventually("it slept", Duration::from_secs(30), || {
            let found = seen(&metrics, "siaga_clock_findings_total{finding=\"asleep\"} 1");
            async move { found }
        })
        .await;
        clock.set(after(NOON, HOUR));
        eventually("it is written", Duration::from_secs(30), || async {
            gaps(&db.store).await.len() == 3
        })
        .await;
        stop.send_replace(true);
        task.await.unwrap().unwrap();
        let mut spans: Vec<_> = gaps(&db.store)
            .await
            .into_iter()
            .map(|gap| (gap.began_at, gap.ended_at.unwrap(), gap.why))
            .collect();
        spans.sort();
        assert_eq!(
            spans,
            [
                (NOON, after(NOON, 7 * HOUR), CLOCK.to_owned()),
                (after(NOON, HOUR), after(NOON, 8 * HOUR), CLOCK.to_owned()),
                (
                    after(NOON, 7 * HOUR),
                    after(NOON, 8 * HOUR),
                    ASLEEP.to_owned()
                ),
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn a_clock_that_was_set_while_nobody_watched_is_a_gap() {
    each_store(|db| async move {
        let note = |now| note_gap_after_stop(&db.store, "jakarta", now);
        assert_eq!(note(NOON).await.unwrap(), None);
        note_alive(&db.store, "jakarta", after(NOON, 7 * HOUR))
            .await
            .unwrap();
        let gap = note(NOON).await.unwrap().unwrap();
        assert_eq!((gap.why.as_str(), gap.began_at), (CLOCK, NOON));
        assert_eq!(gap.ended_at, Some(after(NOON, 7 * HOUR)));
        assert_eq!(note(after(NOON, 60)).await.unwrap(), None, "a restart");
        let gap = note(after(NOON, 600)).await.unwrap().unwrap();
        assert_eq!((gap.why.as_str(), gap.began_at), (STOPPED, after(NOON, 60)));
    })
    .await;
}

#[tokio::test]
async fn what_a_wrong_clock_put_off_is_due() {
    each_store(|db| async move {
        let ahead = after(NOON, 7 * HOUR);
        db.store
            .write(move |mut conn| {
                Box::pin(async move {
                    outbox::put(&mut conn, "later", "webhook:ops", "{}", ahead).await?;
                    let message = outbox::claim(&mut conn, ahead, Duration::from_secs(90)).await?;
                    let message = message.expect("it is due");
                    outbox::later(&mut conn, &message, after(ahead, 60), "refused").await?;
                    outbox::put(&mut conn, "claimed", "webhook:ops", "{}", ahead).await?;
                    let claimed = outbox::claim(&mut conn, ahead, Duration::from_secs(90)).await?;
                    assert_eq!(claimed.expect("it is due").once_key, "claimed");
                    Ok(())
                })
            })
            .await
            .unwrap();
        let due = db
            .store
            .read(move |mut conn| Box::pin(async move { outbox::next_due(&mut conn, NOON).await }));
        assert!(due.await.unwrap().is_some_and(|due| due <= NOON));
        let claimed = db.store.write(move |mut conn| {
            Box::pin(async move {
                let mut claimed = Vec::new();
                while let Some(message) =
                    outbox::claim(&mut conn, NOON, Duration::from_secs(90)).await?
                {
                    claimed.push(message.once_key);
                }
                Ok(claimed)
            })
        });
        assert_eq!(claimed.await.unwrap(), ["claimed", "later"]);
    })
    .await;
}

#[tokio::test]
async fn a_gap_that_may_have_been_written_is_written_once() {
    each_store(|db| async move {
        let set = ClockFinding::Set {
            from: at(60),
            to: NOON,
        };
        for _ in 0..2 {
            let gap = clock::gap("jakarta", set);
            db.store
                .write(move |mut conn| {
                    Box::pin(async move { monitor::add_gap(&mut conn, &gap).await })
                })
                .await
                .unwrap();
        }
        assert_eq!(gaps(&db.store).await, [clock::gap("jakarta", set)]);
    })
    .await;
}

// ---- a database of before --------------------------------------------------------------------

/// What the version before runs had numbers has written: a component that fails.
fn old_rows() -> Vec<String> {
    let mut watch = Watch::new(component("upload"));
    let mut sql = Vec::new();
    for (id, outcome) in [(3, Outcome::Passed), (5, FAILED), (9, FAILED)] {
        let seen = Observation {
            number: RunNumber(id),
            ..observation(at(id * 60), outcome)
        };
        watch.see(&seen, &[], &Rules::default());
        let (started_at, ended_at) = (seen.started_at.0, seen.ended_at.0);
        let word = outcome.as_str();
        let detail = outcome
            .detail()
            .map_or("NULL".to_owned(), |d| format!("'{d}'"));
        sql.push(format!(
            "INSERT INTO runs (id, flow, engine, vantage, started_at, ended_at, outcome, detail)
             OVERRIDING SYSTEM VALUE VALUES
             ({id}, 'extension', 'http', 'jakarta', {started_at}, {ended_at}, '{word}', {detail})"
        ));
        sql.push(format!(
            "INSERT INTO observations (run_id, component, flow, engine, vantage, started_at,
                ended_at, outcome, detail) VALUES ({id}, 'upload', 'extension', 'http', 'jakarta',
                {started_at}, {ended_at}, '{word}', {detail})"
        ));
    }
    let mut state = serde_json::to_value(&watch).unwrap();
    let fields = state.as_object_mut().unwrap();
    assert!(fields.remove("turn").is_some());
    for voice in fields["voices"].as_array_mut().unwrap() {
        let voice = voice.as_object_mut().unwrap();
        for new in ["newest_run", "newest_end", "turn"] {
            assert!(voice.remove(new).is_some(), "{new}");
        }
        voice.insert("newest".to_owned(), at(540).0.into());
    }
    sql.push(format!(
        "INSERT INTO watches (component, state, updated_at) VALUES ('upload', '{state}', 0)"
    ));
    sql.push(
        "INSERT INTO maintenance (id, from_at, until_at, title_id, title_en, created_at, created_by)
         VALUES ('m-1', 1, 2, 'Pembaruan', 'Update', 0, 'ani')"
            .to_owned(),
    );
    sql
}

/// Nothing of it is lost, and what goes on goes on.
async fn is_all_there(store: &Store) {
    let read = store.write(|mut conn| {
        Box::pin(async move {
            let seen = runs::observations(&mut conn, &component("upload"), Moment(0), 10).await?;
            let watch = outages::lock_watch(&mut conn, &component("upload")).await?;
            let announced = monitor::maintenance(&mut conn, Moment(0)).await?;
            Ok((seen, watch, announced))
        })
    });
    let (seen, watch, announced) = read.await.unwrap();
    let numbers: Vec<i64> = seen.iter().map(|seen| seen.number.0).collect();
    assert_eq!(numbers, [3, 5, 9]);
    assert_eq!(watch.open().map(|open| open.began), Some(at(300)));
    assert_eq!(announced[0].series, "m-1");
    // A new run counts, whatever its clock says, and what belongs to a run goes with it.
    let number = vantages::claim_start(store, "jakarta").await.unwrap();
    let clock = TestClock::at(NOON);
    for (number, seconds) in [(number.next(), 30), (number.next().next(), 90)] {
        let run = numbered(number.0, at(seconds), Outcome::Passed);
        detector(store, &clock).record(run).await.unwrap();
    }
    let left = store.write(|mut conn| {
        Box::pin(async move {
            let watch = outages::lock_watch(&mut conn, &component("upload")).await?;
            conn.execute("DELETE FROM runs WHERE number = 5", vec![])
                .await?;
            let left = conn
                .number("SELECT COUNT(*) FROM observations", vec![])
                .await?;
            Ok((watch.open().is_none(), left))
        })
    });
    assert_eq!(left.await.unwrap(), (true, 4));
}

fn before_numbers(all: &Migrator) -> Migrator {
    let before = all.iter().filter(|one| one.version < 7).cloned();
    Migrator::with_migrations(before.collect())
}

#[tokio::test]
async fn a_database_of_before_goes_on_on_sqlite() {
    let folder = folder();
    let address = sqlite_address(&folder.path().join("siaga.db"));
    let mut conn = SqliteConnection::connect(&format!("{address}?mode=rwc"))
        .await
        .unwrap();
    let before = before_numbers(&migrations::sqlite());
    before.run_direct(None, &mut conn, false).await.unwrap();
    for sql in old_rows() {
        let sql = sql.replace("OVERRIDING SYSTEM VALUE", "");
        sqlx::query(AssertSqlSafe(sql))
            .execute(&mut conn)
            .await
            .unwrap();
    }
    conn.close().await.unwrap();
    let store = Store::open(&address).await.unwrap();
    is_all_there(&store).await;
    store.close().await;
}

#[tokio::test]
async fn a_database_of_before_goes_on_on_postgres() {
    let schema = Schema::create().await;
    let mut conn = PgConnection::connect(&schema.address).await.unwrap();
    let before = before_numbers(&migrations::postgres());
    before.run_direct(None, &mut conn, false).await.unwrap();
    for sql in old_rows() {
        sqlx::query(AssertSqlSafe(sql))
            .execute(&mut conn)
            .await
            .unwrap();
    }
    let sql = "SELECT setval(pg_get_serial_sequence('runs', 'id'), 9)";
    sqlx::query(sql).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
    let store = Store::open(&schema.address).await.unwrap();
    is_all_there(&store).await;
    store.close().await;
    schema.drop().await;
}
