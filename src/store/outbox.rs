//! What is to be sent. Rows are written in the transaction of what caused them, claimed
//! for a while by whoever sends, and kept until sent or given up.

use std::time::Duration;

use sqlx::FromRow;

use super::conn::{statements, values};
use super::{Conn, Error};
use crate::domain::Moment;

statements! {
    PUT = "INSERT INTO outbox
        (once_key, target, payload, created_at, due_at, attempts, claimed_until)
        VALUES ($1, $2, $3, $4, $5, 0, 0) ON CONFLICT (once_key) DO NOTHING";
    CLAIM = "UPDATE outbox SET claimed_until = $2, attempts = attempts + 1
        WHERE id = (SELECT id FROM outbox
            WHERE sent_at IS NULL AND given_up_at IS NULL AND (due_at <= $1 OR due_at > $3)
                AND (claimed_until <= $1 OR claimed_until > $3)
            ORDER BY due_at, id LIMIT 1) AND (claimed_until <= $1 OR claimed_until > $3)
        RETURNING id, once_key, target, payload, created_at, attempts";
    SENT = "UPDATE outbox SET sent_at = $2, last_error = NULL
        WHERE id = $1 AND attempts = $3 AND sent_at IS NULL";
    LATER = "UPDATE outbox SET due_at = $2, claimed_until = 0, last_error = $3
        WHERE id = $1 AND attempts = $4 AND sent_at IS NULL";
    GIVE_UP = "UPDATE outbox SET given_up_at = $2, last_error = $3
        WHERE id = $1 AND attempts = $4 AND sent_at IS NULL";
    WAITING = "SELECT COUNT(*) FROM outbox
        WHERE sent_at IS NULL AND given_up_at IS NULL AND created_at <= $1";
    OLDEST = "SELECT MIN(created_at) FROM outbox WHERE sent_at IS NULL AND given_up_at IS NULL";
    NEXT_DUE = "SELECT MIN(CASE
            WHEN due_at > $1 OR claimed_until > $1 THEN 0
            WHEN claimed_until > due_at THEN claimed_until
            ELSE due_at END)
        FROM outbox WHERE sent_at IS NULL AND given_up_at IS NULL";
}

/// Nothing is put off, or claimed, for longer: what seems to be was by a clock that has been set back
/// since, and is due.
pub const MAX_AHEAD: Duration = Duration::from_secs(20 * 60);

/// A message claimed for sending.
#[derive(Clone, Debug, FromRow)]
pub struct Message {
    /// Row.
    pub id: i64,
    /// What must be sent once only.
    pub once_key: String,
    /// Where to: `webhook:…`, `mail:…`.
    pub target: String,
    /// JSON.
    pub payload: String,
    /// When it was put in.
    #[sqlx(try_from = "i64")]
    pub created_at: Moment,
    /// Attempts, this one included.
    pub attempts: i64,
}

/// Puts a message in, unless one with the same `once_key` is there.
pub async fn put(
    conn: &mut Conn<'_>,
    once_key: &str,
    target: &str,
    payload: &str,
    now: Moment,
) -> Result<(), Error> {
    conn.execute(PUT, values![once_key, target, payload, now, now])
        .await?;
    Ok(())
}

/// Claims the message that is longest due, for `claim_for`: who dies with it leaves it to
/// the next.
pub async fn claim(
    conn: &mut Conn<'_>,
    now: Moment,
    claim_for: Duration,
) -> Result<Option<Message>, Error> {
    let ahead = claim_for.max(MAX_AHEAD);
    conn.optional(CLAIM, values![now, now + claim_for, now + ahead])
        .await
}

/// Records that a claimed message is sent.
pub async fn sent(conn: &mut Conn<'_>, message: &Message, now: Moment) -> Result<(), Error> {
    conn.execute(SENT, values![message.id, now, message.attempts])
        .await?;
    Ok(())
}

/// Gives a claimed message back, to be tried again at `due`.
pub async fn later(
    conn: &mut Conn<'_>,
    message: &Message,
    due: Moment,
    error: &str,
) -> Result<(), Error> {
    conn.execute(LATER, values![message.id, due, error, message.attempts])
        .await?;
    Ok(())
}

/// Records that a claimed message will not be tried again.
pub async fn give_up(
    conn: &mut Conn<'_>,
    message: &Message,
    now: Moment,
    error: &str,
) -> Result<(), Error> {
    conn.execute(GIVE_UP, values![message.id, now, error, message.attempts])
        .await?;
    Ok(())
}

/// Messages that still wait and were put in at or before `until`.
pub async fn waiting(conn: &mut Conn<'_>, until: Moment) -> Result<i64, Error> {
    conn.number(WAITING, values![until]).await
}

/// When the oldest message that still waits was put in.
pub async fn oldest_waiting(conn: &mut Conn<'_>) -> Result<Option<Moment>, Error> {
    let row: Option<(Option<i64>,)> = conn.optional(OLDEST, values![]).await?;
    Ok(row.and_then(|(at,)| at).map(Moment))
}

/// When the next message becomes due; long ago, where a clock that was set back has put it off.
pub async fn next_due(conn: &mut Conn<'_>, now: Moment) -> Result<Option<Moment>, Error> {
    let row: Option<(Option<i64>,)> = conn.optional(NEXT_DUE, values![now + MAX_AHEAD]).await?;
    Ok(row.and_then(|(at,)| at).map(Moment))
}
