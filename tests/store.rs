//! The store on both databases: what is acknowledged is there, what failed is not, and
//! nothing is lost by a kill, a full disk, or a server that goes away.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use siaga::domain::history::{Gap, Tally};
use siaga::domain::{Moment, Outcome, history};
use siaga::store::outbox::Message;
use siaga::store::{self, Error, Store, files, monitor, outbox, retention, runs};
use sqlx::AssertSqlSafe;

use crate::harness::{
    FAILED, SmallDisk, at, each_store, eventually, folder, on_postgres, on_sqlite,
    postgres_address, postgres_connection, run, sqlite_address, upload_run,
};

async fn set(store: &Store, name: &str, value: &str) -> Result<(), Error> {
    let (name, value) = (name.to_owned(), value.to_owned());
    store
        .write(move |mut conn| {
            Box::pin(async move { monitor::set(&mut conn, &name, &value).await })
        })
        .await
}

async fn get(store: &Store, name: &str) -> Option<String> {
    let name = name.to_owned();
    store
        .read(move |mut conn| Box::pin(async move { monitor::setting(&mut conn, &name).await }))
        .await
        .unwrap()
}

async fn count(store: &Store, sql: &'static str) -> i64 {
    store
        .read(move |mut conn| Box::pin(async move { conn.number(sql, vec![]).await }))
        .await
        .unwrap()
}

// ---- schema ---------------------------------------------------------------------------------

#[tokio::test]
async fn every_statement_prepares_on_both_engines() {
    each_store(|db| async move {
        let statements = store::statements();
        assert!(statements.len() > 60, "the list is complete");
        for (name, sql) in statements {
            if let Err(error) = db.store.prepare(sql).await {
                panic!("{name} does not prepare on {}: {error}\n{sql}", db.name);
            }
        }
        assert!(db.store.takes_writes().await);
    })
    .await;
}

/// (table, column, kind, may be null), and (index, unique).
type Shape = (
    BTreeSet<(String, String, String, i64)>,
    BTreeSet<(String, i64)>,
);

async fn shape(store: &Store, columns: &'static str, indexes: &'static str) -> Shape {
    store
        .read(move |mut conn| {
            Box::pin(async move {
                let columns: Vec<(String, String, String, i64)> = conn.all(columns, vec![]).await?;
                let indexes: Vec<(String, i64)> = conn.all(indexes, vec![]).await?;
                Ok((columns.into_iter().collect(), indexes.into_iter().collect()))
            })
        })
        .await
        .unwrap()
}

#[tokio::test]
async fn both_databases_have_the_same_tables_and_indexes() {
    let shapes = std::sync::Mutex::new(Vec::new());
    each_store(|db| {
        let shapes = &shapes;
        async move {
            let found = if db.name == "sqlite" {
                shape(
                    &db.store,
                    "SELECT m.name, c.name, CASE c.type WHEN 'INTEGER' THEN 'BIGINT' ELSE c.type END,
                        CASE WHEN c.\"notnull\" = 0 AND c.pk = 0 THEN 1 ELSE 0 END
                     FROM sqlite_master m JOIN pragma_table_info(m.name) c
                     WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND m.name NOT LIKE '\\_sqlx%' ESCAPE '\\'",
                    "SELECT name, CASE WHEN sql LIKE 'CREATE UNIQUE%' THEN 1 ELSE 0 END
                     FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
                )
                .await
            } else {
                shape(
                    &db.store,
                    "SELECT c.table_name::text, c.column_name::text,
                        CASE c.data_type WHEN 'bytea' THEN 'BLOB' ELSE UPPER(c.data_type) END,
                        CASE c.is_nullable WHEN 'YES' THEN 1::bigint ELSE 0 END
                     FROM information_schema.columns c
                     JOIN information_schema.tables t USING (table_schema, table_name)
                     WHERE table_schema = current_schema() AND t.table_type = 'BASE TABLE'
                        AND c.table_name NOT LIKE '\\_sqlx%'",
                    "SELECT indexname::text, CASE WHEN indexdef LIKE 'CREATE UNIQUE%' THEN 1::bigint ELSE 0 END
                     FROM pg_indexes WHERE schemaname = current_schema()
                        AND indexname NOT LIKE '%\\_pkey' AND indexname NOT LIKE '%\\_key'",
                )
                .await
            };
            assert!(found.0.len() > 100 && found.1.len() > 10, "{found:?}");
            shapes.lock().unwrap().push(found);
        }
    })
    .await;
    let shapes = shapes.into_inner().unwrap();
    let of = |a: usize, b: usize| {
        let columns: Vec<_> = shapes[a].0.difference(&shapes[b].0).collect();
        let indexes: Vec<_> = shapes[a].1.difference(&shapes[b].1).collect();
        format!("{columns:?} {indexes:?}")
    };
    assert_eq!(of(0, 1), "[] []", "only in SQLite");
    assert_eq!(of(1, 0), "[] []", "only in PostgreSQL");
}

#[tokio::test]
async fn opening_again_keeps_everything() {
    each_store(|db| async move {
        set(&db.store, "kept", "yes").await.unwrap();
        for _ in 0..2 {
            let again = db.open_again().await;
            assert_eq!(get(&again, "kept").await.as_deref(), Some("yes"));
            again.close().await;
        }
    })
    .await;
}

#[tokio::test]
async fn an_address_that_is_none_is_told_without_its_password() {
    for address in ["mysql://ada:geheim@db/siaga", "siaga.db", "postgres//x"] {
        let Err(error) = Store::open(address).await else {
            panic!("{address} opened");
        };
        let text = error.to_string();
        assert!(text.contains("sqlite:FILE"), "{text}");
        assert!(!text.contains("geheim"), "{text}");
    }
    // Nobody listens there, and a folder is no database.
    let Err(error) = Store::open("postgres://ada:geheim@127.0.0.1:1/x").await else {
        panic!("it opened");
    };
    assert!(!error.to_string().contains("geheim"), "{error}");
    let folder = folder();
    assert!(Store::open(&sqlite_address(folder.path())).await.is_err());
    let text = folder.path().join("text.db");
    std::fs::write(
        &text,
        "this is no database at all, although it is a file ".repeat(20),
    )
    .unwrap();
    assert!(Store::open(&sqlite_address(&text)).await.is_err());
}

// ---- writing --------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_share_commits_and_bad_neighbours_harm_none() {
    each_store(|db| async move {
        let tasks: Vec<_> = (0..64)
            .map(|writer| {
                let store = db.store.clone();
                tokio::spawn(async move {
                    for turn in 0..10 {
                        let name = format!("w{writer}-{turn}");
                        let wrong = (writer + turn) % 7;
                        let done = store
                            .write(move |mut conn| {
                                Box::pin(async move {
                                    monitor::set(&mut conn, &name, "written").await?;
                                    match wrong {
                                        // Its own rules forbid it, after it has written.
                                        0 => Err(Error::Refused("no")),
                                        // The database forbids it, after it has written.
                                        1 => {
                                            let sql = "INSERT INTO gaps (vantage, why, began_at) VALUES (NULL, 'x', 0)";
                                            conn.execute(sql, vec![]).await.map(|_| ())
                                        }
                                        _ => Ok(()),
                                    }
                                })
                            })
                            .await;
                        match wrong {
                            0 => assert!(matches!(done, Err(Error::Refused("no"))), "{done:?}"),
                            1 => assert!(matches!(done, Err(Error::Database(_))), "{done:?}"),
                            _ => done.expect("a good write is kept"),
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let mut expected = 0;
        for writer in 0..64 {
            for turn in 0..10 {
                let kept = get(&db.store, &format!("w{writer}-{turn}")).await.is_some();
                let good = (writer + turn) % 7 > 1;
                assert_eq!(kept, good, "w{writer}-{turn}");
                expected += i64::from(good);
            }
        }
        assert_eq!(count(&db.store, "SELECT COUNT(*) FROM settings WHERE name <> 'database_id'").await, expected);
        assert_eq!(count(&db.store, "SELECT COUNT(*) FROM gaps").await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_waiting_writes_are_refused_at_once_and_the_others_kept() {
    on_sqlite(|db| async move {
        let (go, gate) = tokio::sync::oneshot::channel::<()>();
        let (begun, has_begun) = tokio::sync::oneshot::channel::<()>();
        let slow = tokio::spawn({
            let store = db.store.clone();
            async move {
                store
                    .write(move |_| {
                        Box::pin(async move {
                            let _ = begun.send(());
                            let _ = gate.await;
                            Ok(())
                        })
                    })
                    .await
            }
        });
        has_begun.await.unwrap();
        let waiting: Vec<_> = (0..1200)
            .map(|n| {
                let store = db.store.clone();
                tokio::spawn(async move { set(&store, &format!("n{n}"), "x").await })
            })
            .collect();
        // Those over the bound are answered although nothing can be written now.
        eventually("some are refused", Duration::from_secs(10), || async {
            waiting.iter().filter(|task| task.is_finished()).count() == 1200 - 1024
        })
        .await;
        go.send(()).unwrap();
        slow.await.unwrap().unwrap();
        let mut kept = 0;
        for task in waiting {
            match task.await.unwrap() {
                Ok(()) => kept += 1,
                Err(error) => assert!(matches!(error, Error::Overloaded), "{error}"),
            }
        }
        assert_eq!(kept, 1024);
        assert_eq!(
            count(
                &db.store,
                "SELECT COUNT(*) FROM settings WHERE name <> 'database_id'"
            )
            .await,
            1024
        );
    })
    .await;
}

#[tokio::test]
async fn a_write_after_the_end_is_refused() {
    each_store(|db| async move {
        let store = db.open_again().await;
        set(&store, "before", "x").await.unwrap();
        store.close().await;
        let error = set(&store, "after", "x").await.expect_err("it is closed");
        if db.name == "sqlite" {
            assert!(matches!(error, Error::Closed), "{error}");
        }
        assert_eq!(get(&db.store, "after").await, None);
    })
    .await;
}

#[tokio::test]
async fn a_writer_that_crashes_says_so() {
    on_sqlite(|db| async move {
        let crash = db
            .store
            .write(|_| Box::pin(async move { panic!("a defect inside a write") as Result<(), _> }))
            .await;
        assert!(crash.is_err());
        let cause = tokio::time::timeout(Duration::from_secs(5), db.store.failed())
            .await
            .expect("the process is told to end");
        assert!(cause.contains("crashed"), "{cause}");
    })
    .await;
}

#[tokio::test]
async fn a_database_that_another_process_holds_is_told_as_such() {
    on_sqlite(|db| async move {
        use sqlx::{Connection, SqliteConnection};
        let mut other = SqliteConnection::connect(&db.address).await.unwrap();
        sqlx::query("BEGIN IMMEDIATE")
            .execute(&mut other)
            .await
            .unwrap();
        let error = set(&db.store, "a", "b").await.expect_err("it is locked");
        assert!(error.to_string().contains("locked"), "{error}");
        sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
        set(&db.store, "a", "b").await.expect("it is free again");
    })
    .await;
}

// ---- kill, full disk, server gone -----------------------------------------------------------

const CHILD: &str = "SIAGA_TEST_CHILD_WRITES_TO";

/// Not a test: what the killed process runs. Prints the name of each row once its write is
/// acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the child of `what_was_acknowledged_outlives_a_kill`"]
async fn child_that_writes_until_it_is_killed() {
    let Ok(address) = std::env::var(CHILD) else {
        return;
    };
    let store = Store::open(&address).await.unwrap();
    let writers: Vec<_> = (0..16)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                for turn in 0..1_000_000 {
                    let name = format!("k{writer}-{turn}");
                    set(&store, &name, "acknowledged").await.unwrap();
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "row {name}").unwrap();
                    out.flush().unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
}

#[tokio::test]
async fn what_was_acknowledged_outlives_a_kill() {
    each_store(|db| async move {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture", "--test-threads=1"])
            .arg("store::child_that_writes_until_it_is_killed")
            .env(CHILD, &db.address)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut acknowledged = Vec::new();
        for line in lines {
            let Ok(line) = line else { break };
            // The first may stand behind words of the test runner.
            if let Some((_, name)) = line.split_once("row ") {
                acknowledged.push(name.to_owned());
            }
            if acknowledged.len() == 300 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(acknowledged.len() >= 300, "it was killed in the middle");
        let again = db.open_again().await;
        for name in &acknowledged {
            assert!(get(&again, name).await.is_some(), "{name} is lost");
        }
        set(&again, "after", "x").await.expect("it goes on");
        again.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_loses_nothing_and_heals() {
    let place = folder();
    let Some(disk) = SmallDisk::mount(place.path(), "6m") else {
        return;
    };
    let filler = disk.path().join("filler");
    std::fs::write(&filler, vec![1; 2_000_000]).unwrap();
    let address = sqlite_address(&disk.path().join("siaga.db"));
    let store = Store::open(&address).await.unwrap();
    let value = "x".repeat(20_000);
    let mut kept = BTreeSet::new();
    let mut refused = BTreeSet::new();
    // Eight at a time, so that a refused write has neighbours in its commit.
    for round in 0..100 {
        let tasks: Vec<_> = (0..8)
            .map(|n| {
                let (store, value) = (store.clone(), value.clone());
                let name = format!("r{round}-{n}");
                tokio::spawn(async move { (set(&store, &name, &value).await, name) })
            })
            .collect();
        for task in tasks {
            match task.await.unwrap() {
                (Ok(()), name) => kept.insert(name),
                (Err(error), name) => {
                    assert!(error.to_string().contains("full"), "{error}");
                    refused.insert(name)
                }
            };
        }
        if refused.len() > 20 {
            break;
        }
    }
    assert!(
        !kept.is_empty() && refused.len() > 20,
        "{} {}",
        kept.len(),
        refused.len()
    );
    let check = async |store: &Store| {
        for name in &kept {
            assert_eq!(
                get(store, name).await.as_deref(),
                Some(value.as_str()),
                "{name}"
            );
        }
        for name in &refused {
            assert_eq!(get(store, name).await, None, "{name} was refused");
        }
    };
    check(&store).await;
    std::fs::remove_file(&filler).unwrap();
    set(&store, "healed", "yes")
        .await
        .expect("there is space again");
    check(&store).await;
    store.close().await;
    let store = Store::open(&address).await.unwrap();
    check(&store).await;
    assert_eq!(get(&store, "healed").await.as_deref(), Some("yes"));
    let intact = store
        .read(|mut conn| {
            Box::pin(async move {
                let rows: Vec<(String,)> = conn.all("PRAGMA integrity_check", vec![]).await?;
                Ok(rows)
            })
        })
        .await
        .unwrap();
    assert_eq!(intact, [("ok".to_owned(),)]);
    store.close().await;
}

#[tokio::test]
async fn a_server_that_goes_away_and_comes_back_needs_no_restart() {
    // A database of its own: others must not notice.
    let name = format!("t_away_{}", std::process::id());
    let mut admin = postgres_connection().await;
    let mut order = async |sql: String| {
        sqlx::query(AssertSqlSafe(sql))
            .execute(&mut admin)
            .await
            .unwrap();
    };
    order(format!("CREATE DATABASE {name}")).await;
    let base = postgres_address();
    let address = format!("{}/{name}", &base[..base.rfind('/').unwrap()]);
    let store = Store::open(&address).await.unwrap();
    set(&store, "before", "x").await.unwrap();

    // Connections break, the server still takes new ones: at most the first try fails.
    let end =
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
    order(end.clone()).await;
    eventually(
        "a write after broken connections",
        Duration::from_secs(10),
        || async { set(&store, "broken", "x").await.is_ok() },
    )
    .await;

    // It goes away altogether.
    order(format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")).await;
    order(end.clone()).await;
    for _ in 0..3 {
        let error = set(&store, "away", "x").await.expect_err("nobody is there");
        assert!(matches!(error, Error::Database(_)), "{error}");
        assert!(!store.takes_writes().await, "readiness says so");
    }
    order(format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true")).await;
    eventually(
        "a write after it came back",
        Duration::from_secs(10),
        || async { set(&store, "back", "x").await.is_ok() },
    )
    .await;
    assert!(get(&store, "before").await.is_some());
    assert!(get(&store, "away").await.is_none());
    store.close().await;
    order(format!("DROP DATABASE {name} WITH (FORCE)")).await;
}

// ---- outbox ---------------------------------------------------------------------------------

async fn put(store: &Store, once: &str) {
    let once = once.to_owned();
    store
        .write(move |mut conn| {
            Box::pin(async move { outbox::put(&mut conn, &once, "mail:ops", "{}", at(0)).await })
        })
        .await
        .unwrap();
}

async fn claim(store: &Store, now: Moment) -> Option<Message> {
    store
        .write(move |mut conn| {
            Box::pin(async move { outbox::claim(&mut conn, now, Duration::from_secs(60)).await })
        })
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_message_is_claimed_by_two() {
    each_store(|db| async move {
        for n in 0..40 {
            put(&db.store, &format!("m{n}")).await;
            put(&db.store, &format!("m{n}")).await;
        }
        let claimers: Vec<_> = (0..6)
            .map(|_| {
                let store = db.store.clone();
                tokio::spawn(async move {
                    let mut claimed = Vec::new();
                    while let Some(message) = claim(&store, at(1)).await {
                        claimed.push(message.once_key);
                    }
                    claimed
                })
            })
            .collect();
        let mut claimed = Vec::new();
        for claimer in claimers {
            claimed.extend(claimer.await.unwrap());
        }
        let distinct: BTreeSet<&String> = claimed.iter().collect();
        assert_eq!(distinct.len(), claimed.len(), "none twice");
        // Who met another on PostgreSQL may have gone away with empty hands; nothing is lost.
        while let Some(message) = claim(&db.store, at(1)).await {
            claimed.push(message.once_key);
        }
        assert_eq!(claimed.len(), 40, "each once, however often it was put in");
    })
    .await;
}

#[tokio::test]
async fn who_dies_with_a_message_leaves_it_to_the_next() {
    each_store(|db| async move {
        put(&db.store, "m").await;
        let first = claim(&db.store, at(1)).await.unwrap();
        assert_eq!(first.attempts, 1);
        assert!(claim(&db.store, at(60)).await.is_none(), "it is claimed");
        let second = claim(&db.store, at(61)).await.unwrap();
        assert_eq!((second.id, second.attempts), (first.id, 2));
        // The first comes back from the dead: its word counts no more.
        let waiting = async || {
            db.store
                .read(|mut conn| Box::pin(async move { outbox::waiting(&mut conn, at(100)).await }))
                .await
                .unwrap()
        };
        let say_sent = async |message: Message| {
            db.store
                .write(move |mut conn| {
                    Box::pin(async move { outbox::sent(&mut conn, &message, at(62)).await })
                })
                .await
                .unwrap();
        };
        say_sent(first).await;
        assert_eq!(waiting().await, 1);
        // Given back, it is due later; sent, it is done.
        let given = second.clone();
        db.store
            .write(move |mut conn| {
                Box::pin(async move { outbox::later(&mut conn, &given, at(300), "refused").await })
            })
            .await
            .unwrap();
        assert!(claim(&db.store, at(299)).await.is_none());
        let due = db
            .store
            .read(|mut conn| Box::pin(async move { outbox::next_due(&mut conn, at(0)).await }))
            .await
            .unwrap();
        assert_eq!(due, Some(at(300)));
        let third = claim(&db.store, at(300)).await.unwrap();
        say_sent(third).await;
        assert_eq!(waiting().await, 0);
        assert!(claim(&db.store, at(10_000)).await.is_none());

        put(&db.store, "hopeless").await;
        let message = claim(&db.store, at(1)).await.unwrap();
        db.store
            .write(move |mut conn| {
                Box::pin(async move {
                    outbox::give_up(&mut conn, &message, at(2), "no such host").await
                })
            })
            .await
            .unwrap();
        assert!(claim(&db.store, at(10_000)).await.is_none(), "never again");
    })
    .await;
}

// ---- runs, days, retention ------------------------------------------------------------------

async fn insert(store: &Store, report: siaga::domain::RunReport) {
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(7));
    store
        .write(move |mut conn| {
            Box::pin(async move {
                let day = history::date_of(report.started_at, &zone);
                runs::insert(&mut conn, &report, day).await
            })
        })
        .await
        .unwrap()
        .expect("it is new");
}

#[tokio::test]
async fn days_are_counted_in_the_sites_zone() {
    each_store(|db| async move {
        // 14.00 WIB is the beginning; midnight in Jakarta is ten hours later, in UTC at 17.00.
        let midnight = 10 * 3600;
        let moments = [
            (midnight - 1, FAILED),
            (midnight, Outcome::Passed),
            (midnight + 1, Outcome::Passed),
            (midnight + 2, Outcome::Slow),
            (midnight + 3, Outcome::NotReached),
            (midnight + 86_400, crate::harness::CUT_OFF),
        ];
        for (second, outcome) in moments {
            insert(&db.store, upload_run(at(second), outcome)).await;
        }
        let days = db
            .store
            .read(|mut conn| {
                Box::pin(async move { runs::days(&mut conn, "2026-08-06".parse().unwrap()).await })
            })
            .await
            .unwrap();
        let found: Vec<(String, Tally)> = days
            .into_iter()
            .map(|(_, day, tally)| (day.to_string(), tally))
            .collect();
        let none = Tally::default();
        let expected = [
            ("2026-08-06", Tally { failed: 1, ..none }),
            (
                "2026-08-07",
                Tally {
                    passed: 2,
                    slow: 1,
                    not_reached: 1,
                    ..none
                },
            ),
            (
                "2026-08-08",
                Tally {
                    inconclusive: 1,
                    ..none
                },
            ),
        ];
        let expected: Vec<(String, Tally)> =
            expected.map(|(day, tally)| (day.to_owned(), tally)).into();
        assert_eq!(found, expected);
    })
    .await;
}

#[tokio::test]
async fn the_newest_rung_of_each_size_is_kept() {
    each_store(|db| async move {
        for (second, accepted) in [(0, true), (60, false)] {
            let report = run(at(second))
                .step("Upload", "upload", Outcome::Passed)
                .rung("jpeg", 1_000_000, accepted, true);
            insert(&db.store, report.done()).await;
        }
        let report = run(at(120))
            .step("Upload", "upload", Outcome::Passed)
            .rung("pdf", 2_100_000, false, false);
        insert(&db.store, report.done()).await;
        let rungs = db
            .store
            .read(|mut conn| Box::pin(async move { runs::rungs(&mut conn, at(0)).await }))
            .await
            .unwrap();
        let found: Vec<(&str, i64, bool, bool)> = rungs
            .iter()
            .map(|r| (r.kind.as_str(), r.size, r.accepted, r.allowed))
            .collect();
        assert_eq!(
            found,
            [
                ("jpeg", 1_000_000, false, true),
                ("pdf", 2_100_000, false, false)
            ]
        );
        assert_eq!(rungs[0].seen_at, at(62));
    })
    .await;
}

#[tokio::test]
async fn retention_removes_only_what_is_old() {
    each_store(|db| async move {
        let failing = |second: i64, sha256: &str| {
            run(at(second))
                .step("Upload", "upload", FAILED)
                .evidence("page", "same")
                .evidence("headers", sha256)
                .done()
        };
        insert(&db.store, failing(0, "old")).await;
        insert(&db.store, failing(10 * 3600, "new")).await;
        put(&db.store, "waiting").await;
        put(&db.store, "sent").await;
        let message = claim(&db.store, at(1)).await.unwrap();
        let once = message.once_key.clone();
        let free = db
            .store
            .write(move |mut conn| {
                Box::pin(async move {
                    outbox::sent(&mut conn, &message, at(2)).await?;
                    let border = at(5 * 3600);
                    assert_eq!(retention::old_runs(&mut conn, border).await?, 1);
                    assert_eq!(retention::old_messages(&mut conn, border).await?, 1);
                    assert_eq!(retention::old_hours(&mut conn, border).await?, 1);
                    assert_eq!(retention::old_evidence(&mut conn, border).await?, 2);
                    files::queued(&mut conn, files::Kind::Evidence, 0).await
                })
            })
            .await
            .unwrap();
        let free: Vec<&str> = free.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(free, ["old"], "the file that nothing refers to any more");
        assert_eq!(once, "waiting", "the first put in was sent");
        for (sql, left) in [
            ("SELECT COUNT(*) FROM runs", 1),
            ("SELECT COUNT(*) FROM observations", 1),
            ("SELECT COUNT(*) FROM evidence", 2),
            ("SELECT COUNT(*) FROM failures", 2),
            ("SELECT COUNT(*) FROM outbox", 1),
            ("SELECT COUNT(*) FROM rollup_hours", 1),
            ("SELECT COUNT(*) FROM rollup_days", 2),
        ] {
            assert_eq!(count(&db.store, sql).await, left, "{sql}");
        }
    })
    .await;
}

#[tokio::test]
async fn gaps_that_touch_a_span_are_found() {
    each_store(|db| async move {
        let gap = |began: i64, ended: Option<i64>| Gap {
            vantage: "jakarta".to_owned(),
            why: "stopped".to_owned(),
            began_at: at(began),
            ended_at: ended.map(at),
        };
        let all = [gap(0, Some(10)), gap(20, Some(30)), gap(40, None)];
        let put = all.clone();
        db.store
            .write(move |mut conn| {
                Box::pin(async move {
                    for gap in &put {
                        monitor::add_gap(&mut conn, gap).await?;
                    }
                    Ok(())
                })
            })
            .await
            .unwrap();
        let touching = async |from: i64, until: i64| {
            let mut found = db
                .store
                .read(move |mut conn| {
                    Box::pin(async move { monitor::gaps(&mut conn, at(from), at(until)).await })
                })
                .await
                .unwrap();
            found.reverse();
            found
        };
        assert_eq!(touching(0, 100).await, all);
        assert_eq!(touching(10, 20).await, [], "ends do not touch");
        assert_eq!(touching(25, 26).await, all[1..2]);
        assert_eq!(touching(1000, 1001).await, all[2..3], "it lasts");
    })
    .await;
}

/// PostgreSQL's views for people read.
#[tokio::test]
async fn views_for_people_show_times() {
    on_postgres(|db| async move {
        insert(&db.store, upload_run(at(0), Outcome::Passed)).await;
        let sql = "SELECT COUNT(*) FROM runs_readable WHERE started_at = timestamptz '2026-08-06 07:00:00+00'";
        assert_eq!(count(&db.store, sql).await, 1);
    })
    .await;
}
