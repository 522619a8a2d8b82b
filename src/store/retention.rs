//! What is kept for how long.

use std::collections::BTreeSet;

use super::conn::{statements, values};
use super::{Conn, Error, files};
use crate::domain::Moment;

statements! {
    OLD_RUNS = "DELETE FROM runs WHERE id IN
        (SELECT id FROM runs WHERE started_at < $1 ORDER BY started_at LIMIT $2)";
    OLD_EVIDENCE = "SELECT sha256 FROM evidence WHERE kept_at < $1 ORDER BY kept_at LIMIT $2";
    FORGET_EVIDENCE = "DELETE FROM evidence WHERE sha256 = $1 AND kept_at < $2";
    OLD_OUTBOX = "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox
        WHERE created_at < $1 AND (sent_at IS NOT NULL OR given_up_at IS NOT NULL)
        ORDER BY created_at LIMIT $2)";
    NOTE_FIRST_HOUR = "INSERT INTO settings (name, value)
        SELECT 'watched_since', CAST(MIN(hour_at) AS TEXT) FROM rollup_hours
        WHERE hour_at < $1 HAVING MIN(hour_at) IS NOT NULL
        ON CONFLICT (name) DO UPDATE SET value = excluded.value
        WHERE CAST(excluded.value AS BIGINT) < CAST(settings.value AS BIGINT)";
    OLD_HOURS = "DELETE FROM rollup_hours WHERE hour_at < $1";
}

/// Rows removed in one transaction, so that none lasts long and others write in between.
pub const AT_ONCE: u64 = 200;

fn limit() -> i64 {
    i64::try_from(AT_ONCE).unwrap_or(i64::MAX)
}

/// Removes runs that started before `before`, with their observations; failures, outages
/// and rollups stay. Gives how many: fewer than [`AT_ONCE`] when done.
pub async fn old_runs(conn: &mut Conn<'_>, before: Moment) -> Result<u64, Error> {
    conn.execute(OLD_RUNS, values![before, limit()]).await
}

/// Forgets evidence kept before `before`, and puts the files that no row lists any more on the
/// list of what is to be removed. Gives how many rows: fewer than [`AT_ONCE`] when done.
pub async fn old_evidence(conn: &mut Conn<'_>, before: Moment) -> Result<u64, Error> {
    let rows: Vec<(String,)> = conn.all(OLD_EVIDENCE, values![before, limit()]).await?;
    let found = rows.len() as u64;
    let hashes: BTreeSet<String> = rows.into_iter().map(|(sha256,)| sha256).collect();
    for sha256 in hashes {
        conn.execute(FORGET_EVIDENCE, values![&sha256, before])
            .await?;
        files::queue_evidence(conn, &sha256).await?;
    }
    Ok(found)
}

/// Removes messages that were sent or given up, put in before `before`. Gives how many: fewer
/// than [`AT_ONCE`] when done.
pub async fn old_messages(conn: &mut Conn<'_>, before: Moment) -> Result<u64, Error> {
    conn.execute(OLD_OUTBOX, values![before, limit()]).await
}

/// Removes hourly rollups before `before`; the daily ones stay, and so does what is known of
/// since when the site is watched.
pub async fn old_hours(conn: &mut Conn<'_>, before: Moment) -> Result<u64, Error> {
    conn.execute(NOTE_FIRST_HOUR, values![before]).await?;
    conn.execute(OLD_HOURS, values![before]).await
}
