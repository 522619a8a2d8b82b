//! Browsers that signed in to an account before, by the hash of their token.

use super::conn::{statements, values};
use super::{Conn, Error};
use crate::domain::Moment;

statements! {
    ADD = "INSERT INTO devices (token_hash, staff_id, created_at, seen_at) VALUES ($1, $2, $3, $3)";
    SEEN = "UPDATE devices SET seen_at = $2 WHERE token_hash = $1";
    OF = "SELECT token_hash FROM devices WHERE staff_id = $1 AND seen_at > $2
        ORDER BY seen_at DESC, token_hash LIMIT $3";
    FORGET_BEYOND = "DELETE FROM devices WHERE staff_id = $1 AND token_hash NOT IN
        (SELECT token_hash FROM devices WHERE staff_id = $1
            ORDER BY seen_at DESC, token_hash LIMIT $2)";
    FORGET_OF = "DELETE FROM devices WHERE staff_id = $1";
    FORGET_OLD = "DELETE FROM devices WHERE seen_at <= $1";
}

/// Browsers that an account is known at; a further one takes the place of the one that was
/// not used for longest.
pub const MAX_PER_ACCOUNT: i64 = 20;

/// The hashes of the browsers of a member of staff that signed in after `since`.
pub async fn of(conn: &mut Conn<'_>, staff: &str, since: Moment) -> Result<Vec<Vec<u8>>, Error> {
    let rows: Vec<(Vec<u8>,)> = conn.all(OF, values![staff, since, MAX_PER_ACCOUNT]).await?;
    Ok(rows.into_iter().map(|(hash,)| hash).collect())
}

/// Makes a browser known for an account.
pub async fn add(
    conn: &mut Conn<'_>,
    token_hash: Vec<u8>,
    staff: &str,
    now: Moment,
) -> Result<(), Error> {
    conn.execute(ADD, values![token_hash, staff, now]).await?;
    conn.execute(FORGET_BEYOND, values![staff, MAX_PER_ACCOUNT])
        .await?;
    Ok(())
}

/// Notes that a known browser signed in again.
pub async fn seen(conn: &mut Conn<'_>, token_hash: Vec<u8>, now: Moment) -> Result<(), Error> {
    conn.execute(SEEN, values![token_hash, now]).await?;
    Ok(())
}

/// Makes every browser of an account unknown.
pub async fn forget_all_of(conn: &mut Conn<'_>, staff: &str) -> Result<(), Error> {
    conn.execute(FORGET_OF, values![staff]).await?;
    Ok(())
}

/// Forgets browsers that last signed in at `before` or earlier.
pub async fn forget_old(conn: &mut Conn<'_>, before: Moment) -> Result<(), Error> {
    conn.execute(FORGET_OLD, values![before]).await?;
    Ok(())
}
