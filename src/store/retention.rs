//! What is kept for how long.

use super::conn::{statements, values};
use super::{Conn, Error};
use crate::domain::Moment;

statements! {
    OLD_RUNS = "DELETE FROM runs WHERE id IN
        (SELECT id FROM runs WHERE started_at < $1 ORDER BY started_at LIMIT $2)";
    OLD_EVIDENCE = "SELECT DISTINCT sha256 FROM evidence WHERE kept_at < $1 LIMIT $2";
    STILL_USED = "SELECT COUNT(*) FROM evidence WHERE sha256 = $1 AND kept_at >= $2";
    FORGET_EVIDENCE = "DELETE FROM evidence WHERE sha256 = $1 AND kept_at < $2";
    OLD_OUTBOX = "DELETE FROM outbox
        WHERE created_at < $1 AND (sent_at IS NOT NULL OR given_up_at IS NOT NULL)";
    OLD_HOURS = "DELETE FROM rollup_hours WHERE hour_at < $1";
}

/// Rows removed in one transaction, so that none lasts long.
pub const AT_ONCE: i64 = 2_000;

/// Removes runs that started before `before`, with their observations; failures, outages
/// and rollups stay. Gives how many: fewer than [`AT_ONCE`] when done.
pub async fn old_runs(conn: &mut Conn<'_>, before: Moment) -> Result<u64, Error> {
    conn.execute(OLD_RUNS, values![before, AT_ONCE]).await
}

/// Forgets evidence kept before `before`. Gives the hashes whose files nothing refers to
/// any more: fewer than [`AT_ONCE`] rows were looked at when done.
pub async fn old_evidence(conn: &mut Conn<'_>, before: Moment) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> = conn.all(OLD_EVIDENCE, values![before, AT_ONCE]).await?;
    let mut free = Vec::new();
    for (sha256,) in rows {
        conn.execute(FORGET_EVIDENCE, values![&sha256, before])
            .await?;
        if conn.number(STILL_USED, values![&sha256, before]).await? == 0 {
            free.push(sha256);
        }
    }
    Ok(free)
}

/// Removes messages that were sent or given up, put in before `before`.
pub async fn old_messages(conn: &mut Conn<'_>, before: Moment) -> Result<u64, Error> {
    conn.execute(OLD_OUTBOX, values![before]).await
}

/// Removes hourly rollups before `before`; the daily ones stay.
pub async fn old_hours(conn: &mut Conn<'_>, before: Moment) -> Result<u64, Error> {
    conn.execute(OLD_HOURS, values![before]).await
}
