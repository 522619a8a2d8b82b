//! What is left on disk of what was erased, and what an earlier version left in the clear.

use std::time::Duration;

use siaga::app::files::Folders;
use siaga::app::{jobs, keys as app_keys};
use siaga::domain::case::CaseState;
use siaga::evidence::EvidenceStore;
use siaga::store::seal::KeyRing;
use siaga::store::{Error, Store, case_steps, migrations};
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use tokio::sync::watch;

use super::{add_member, advance, by_reference, execute, file, holds, insert, keys};
use crate::harness::{
    Database, Schema, SeededRandom, TestClock, adopt, at, eventually, folder, on_sqlite,
    sqlite_address,
};

const REASON: &str = "Saoirse Ni Bhriain must bring PX7654321";

/// The bytes of the database and of its log.
fn bytes(database: &std::path::Path) -> Vec<u8> {
    let log = format!("{}-wal", database.display());
    let log = std::fs::read(log).unwrap_or_default();
    [std::fs::read(database).unwrap(), log].concat()
}

#[tokio::test]
async fn a_reason_never_stands_in_the_file_in_the_clear() {
    on_sqlite(|db| async move {
        returned(&db).await;
        assert!(!holds(&bytes(file(&db)), REASON.as_bytes()));
        assert!(holds(&bytes(file(&db)), b"in_review"), "the right file");
    })
    .await;
}

/// A report whose case was given back with [`REASON`].
async fn returned(db: &Database) -> String {
    let keys = keys(&["k1"]);
    let dates = [
        ("permit_expires_on", "2031-12-24"),
        ("arrived_on", "2026-03-17"),
    ];
    let id = insert(&db.store, &keys, 1, &dates).await;
    add_member(&db.store).await;
    use CaseState::{InReview, Received, Returned};
    for (step, reason) in [
        ((Received, InReview), None),
        ((InReview, Returned), Some(REASON)),
    ] {
        advance(&db.store, &keys, &id, step, reason).await.unwrap();
    }
    id
}

const KEPT: jobs::Retention = jobs::Retention {
    runs: Duration::from_secs(1_000_000),
    evidence: Duration::from_secs(1_000_000),
    messages: Duration::from_secs(1_000_000),
    hours: Duration::from_secs(1_000_000),
    sign_ins: Duration::from_secs(30 * 86_400),
};

#[tokio::test]
async fn what_is_erased_is_in_neither_the_database_nor_its_log_once_no_reading_stands_in_the_way() {
    on_sqlite(|db| async move {
        returned(&db).await;
        let wrapped = super::wrapped_key(&db.store).await;
        let markers: [&[u8]; 3] = [b"2031-12-24", b"2026-03-17", &wrapped];
        for marker in markers {
            assert!(holds(&bytes(file(&db)), marker), "it was there");
        }
        // Someone reads, and is not done: the log has to stay.
        let mut reader = SqliteConnection::connect(&db.address).await.unwrap();
        for sql in ["BEGIN", "SELECT COUNT(*) FROM reports"] {
            sqlx::query(sql).execute(&mut reader).await.unwrap();
        }
        let (stop, stopped) = watch::channel(false);
        let clock = TestClock::at(at(1001));
        let store = db.store.clone();
        let place = folder();
        let folders = Folders {
            data: place.path().to_owned(),
            screenshots: place.path().to_owned(),
            evidence: EvidenceStore::open(place.path().join("evidence")).unwrap(),
        };
        let clock = clock.shared();
        let task = tokio::spawn(jobs::retention(store, KEPT, folders, clock, stopped));
        eventually("it is erased", Duration::from_secs(20), || async {
            by_reference(&db.store, 1).await.erased_at.is_some()
        })
        .await;
        assert!(!db.store.truncate_log().await.unwrap(), "not yet");
        // Others write meanwhile, and wait for nobody.
        execute(&db.store, "UPDATE reports SET tries = tries + 1")
            .await
            .unwrap();
        sqlx::query("COMMIT").execute(&mut reader).await.unwrap();
        eventually("nothing is left", Duration::from_secs(20), || async {
            let bytes = bytes(file(&db));
            markers.iter().all(|marker| !holds(&bytes, marker))
        })
        .await;
        reader.close().await.unwrap();
        stop.send(true).unwrap();
        task.await.unwrap().unwrap();
    })
    .await;
}

// ---- a database of the first version --------------------------------------------------------

/// The first migration alone.
fn first(all: &Migrator) -> Migrator {
    Migrator::with_migrations(all.iter().take(1).cloned().collect())
}

/// What the first version wrote: a case given back, one whose report is erased, and one whose
/// master key is lost.
async fn old_rows() -> Vec<String> {
    let keys = keys(&["k1", "lost"]);
    let random = SeededRandom::new(5);
    let mut sql = vec![
        "INSERT INTO staff (id, email, password_hash, role, created_at)
         VALUES ('s1', 'budi@example.go.id', '', 'supervisor', 0)"
            .to_owned(),
    ];
    for (id, key) in [("r-1", "k1"), ("r-2", ""), ("r-3", "lost")] {
        let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
        let (wrapped, erased) = match keys.clone().with_current(key) {
            Some(keys) => (
                hex(&keys.new_data_key(id, &random).unwrap().1),
                "NULL".to_owned(),
            ),
            None => (String::new(), at(0).0.to_string()),
        };
        let wrapped = match &*wrapped {
            "" => "NULL".to_owned(),
            hex => format!("x'{hex}'"),
        };
        sql.push(format!(
            "INSERT INTO reports (id, reference, secret_hash, idempotency_key, received_at, key_id,
                wrapped_key, role, office, component, permit_type, permit_expires_on,
                first_tried_at, last_tried_at, tries, checked_connection, checked_size,
                checked_device, submitted, state, finding, passport_hash, language, erase_at,
                erased_at)
            VALUES ('{id}', 'REF-{n}', x'00', 'key-{n}', 1, '{key_id}', {wrapped}, 'holder',
                'ngurah-rai', 'upload', 'voa', '2031-12-24', 1, 1, 1, TRUE, TRUE, TRUE, 'no',
                'returned', '{{}}', x'00', 'id', 5, {erased})",
            n = &id[2..],
            key_id = if key.is_empty() { "k1" } else { key },
        ));
        sql.push(format!(
            "INSERT INTO case_steps (report_id, from_state, to_state, at, staff_id, reason)
             VALUES ('{id}', 'in_review', 'returned', 3, 's1', '{REASON}')"
        ));
    }
    sql
}

#[tokio::test]
async fn reasons_in_the_clear_are_sealed_at_the_next_start_on_sqlite() {
    let folder = folder();
    let file = folder.path().join("siaga.db");
    let address = sqlite_address(&file);
    let mut conn = SqliteConnection::connect(&format!("{address}?mode=rwc"))
        .await
        .unwrap();
    first(&migrations::sqlite())
        .run_direct(None, &mut conn, false)
        .await
        .unwrap();
    for sql in old_rows().await {
        sqlx::query(AssertSqlSafe(sql))
            .execute(&mut conn)
            .await
            .unwrap();
    }
    conn.close().await.unwrap();
    assert!(holds(&bytes(&file), REASON.as_bytes()));
    let store = Store::open(&address).await.unwrap();
    sealed(&store).await;
    // The lost key's reason is the only one left; without it nothing is.
    let sql = "DELETE FROM case_steps WHERE report_id = 'r-3'";
    execute(&store, sql).await.unwrap();
    assert!(store.truncate_log().await.unwrap());
    assert!(!holds(&bytes(&file), REASON.as_bytes()));
    store.close().await;
}

#[tokio::test]
async fn reasons_in_the_clear_are_sealed_at_the_next_start_on_postgres() {
    let schema = Schema::create().await;
    let mut conn = PgConnection::connect(&schema.address).await.unwrap();
    first(&migrations::postgres())
        .run_direct(None, &mut conn, false)
        .await
        .unwrap();
    for sql in old_rows().await {
        let sql = sql.replace("x'", "'\\x");
        sqlx::query(AssertSqlSafe(sql))
            .execute(&mut conn)
            .await
            .unwrap();
    }
    conn.close().await.unwrap();
    let store = Store::open(&schema.address).await.unwrap();
    sealed(&store).await;
    store.close().await;
    schema.drop().await;
}

async fn sealed(store: &Store) {
    let keys = adopt(store, &keys(&["k1"])).await;
    // Broken off after the first, and begun again.
    let one = {
        let keys = keys.clone();
        store
            .write(move |mut conn| {
                Box::pin(async move {
                    let random = SeededRandom::new(1);
                    case_steps::seal_old_reasons(&mut conn, 0, 1, &keys, &random).await
                })
            })
            .await
            .unwrap()
    };
    assert_eq!((one.sealed, one.left), (1, 0));
    let (ring, random) = (KeyRing::from(keys.clone()), SeededRandom::shared(2));
    let rest = app_keys::seal_old_reasons(store, &ring, &random).await;
    assert_eq!(
        rest.unwrap(),
        (1, 1),
        "of the erased one, and of the lost key"
    );
    let again = app_keys::seal_old_reasons(store, &ring, &random).await;
    assert_eq!(again.unwrap(), (0, 1));
    let (reasons, keys_of): (Vec<_>, Vec<_>) = store
        .read(|mut conn| {
            Box::pin(async move {
                let mut reasons = Vec::new();
                for id in ["r-1", "r-2"] {
                    reasons.extend(case_steps::steps(&mut conn, id).await?);
                }
                let sql = "SELECT key_id, secret_key_id FROM reports ORDER BY id";
                let keys: Vec<(Option<String>, Option<String>)> = conn.all(sql, vec![]).await?;
                Ok::<_, Error>((reasons, keys))
            })
        })
        .await
        .unwrap();
    let key = |id: &'static str| {
        let keys = keys.clone();
        async move {
            store
                .read(move |mut conn| {
                    Box::pin(async move {
                        let sql = "SELECT wrapped_key FROM reports WHERE id = $1";
                        let row: Option<(Option<Vec<u8>>,)> =
                            conn.optional(sql, vec![id.into()]).await?;
                        let wrapped = row.unwrap().0;
                        Ok(wrapped.map(|wrapped| keys.unwrap(&wrapped, "k1", id).unwrap()))
                    })
                })
                .await
                .unwrap()
        }
    };
    let reason = reasons[0].reason(&Ok(key("r-1").await)).unwrap();
    assert_eq!(reason.as_deref(), Some(REASON));
    assert_eq!(reasons[1].reason(&Ok(key("r-2").await)).unwrap(), None);
    let of = |id: &str| Some(id.to_owned());
    assert_eq!(
        keys_of,
        [(of("k1"), of("k1")), (None, None), (of("lost"), of("lost")),]
    );
}
