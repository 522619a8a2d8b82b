//! One request that reaches two instances at once while the master key changes.

use reqwest::Response;
use serde_json::Value;
use siaga::store::seal::MasterKeys;
use sqlx::{Connection as _, Executor as _, PgConnection};
use tokio::sync::Mutex;

use super::desk::{Running, fields, form, start};
use crate::harness::processes::SOON;
use crate::harness::{eventually, on_postgres};
use crate::office::unreadable::make_current;

async fn send(desk: &Running) -> Response {
    desk.client
        .post(format!("{}/api/v1/reports", desk.url))
        .header("accept", "application/json")
        .header("idempotency-key", "the same")
        .multipart(form(&fields()))
        .send()
        .await
        .unwrap()
}

/// Backends that wait for the asking one, or for one that does.
const WAITING: &str = "WITH RECURSIVE held (pid) AS (
        SELECT pg_backend_pid()
        UNION
        SELECT a.pid FROM pg_stat_activity a, held WHERE held.pid = ANY (pg_blocking_pids(a.pid))
    )
    SELECT COUNT(*) - 1 FROM held";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_of_which_one_uses_the_new_key_keep_a_request_once() {
    on_postgres(|database| async move {
        let store = database.open_again().await;
        let (before, after) = (start(&database.store).await, start(&store).await);
        let keys = vec![("k2".to_owned(), [8; 32]), ("k1".to_owned(), [7; 32])];
        let keys = MasterKeys::new(keys).unwrap();
        make_current(&store, &keys).await;
        let old = keys.clone().with_current("k1").unwrap();
        before.desk.keys.replace(old);
        after.desk.keys.replace(keys);

        // Nobody inserts before both have looked for a report that is there already.
        let mut conn = PgConnection::connect(&database.address).await.unwrap();
        conn.execute("BEGIN; LOCK TABLE reports IN SHARE MODE")
            .await
            .unwrap();
        let conn = Mutex::new(conn);
        let release = async {
            eventually("both wait", SOON, || async {
                let mut conn = conn.lock().await;
                let count = sqlx::query_scalar(WAITING).fetch_one(&mut *conn).await;
                count.is_ok_and(|count: i64| count == 2)
            })
            .await;
            conn.lock().await.execute("COMMIT").await.unwrap();
        };
        let (one, other, ()) = tokio::join!(send(&before), send(&after), release);
        let mut told = Vec::new();
        for answer in [one, other] {
            assert_eq!(answer.status(), 201);
            let body: Value = answer.json().await.unwrap();
            told.push((body["reference"].clone(), body["secret"].clone()));
        }
        assert_eq!(told[0], told[1]);
        assert_eq!(before.count().await, 1);
        store.close().await;
    })
    .await;
}
