//! Moving what hangs on older master keys to the current one: data keys are wrapped anew, and
//! hashes computed anew from what is sealed. In portions, each of which stands by itself, so that
//! a rotation can be broken off anywhere. Follow-up secrets stay on their key until their request
//! can no longer be repeated.

use data_encoding::HEXLOWER;
use sqlx::FromRow;

use super::conn::{statements, values};
use super::keys::{self, KeyState};
use super::reports::Sealed;
use super::seal::{MasterKeys, SealError};
use super::{Conn, Error};
use crate::domain::{Moment, Random};

statements! {
    COUNT = "SELECT COUNT(*) FROM reports WHERE key_id IS NOT NULL AND key_id <> $1";
    OTHERS = "SELECT id, reference, key_id, wrapped_key, sealed_passport, sealed_email,
            sealed_phone, network_hash
        FROM reports WHERE key_id IS NOT NULL AND key_id <> $1 AND id > $2
        ORDER BY id LIMIT $3";
    MOVE = "UPDATE reports SET key_id = $2, wrapped_key = $3, passport_hash = $4,
            email_hash = $5, phone_hash = $6, network_hash = $7
        WHERE id = $1 AND wrapped_key = $8";
    SERVICE_KEYS = "SELECT id, key_id, wrapped_key FROM service_keys WHERE key_id <> $1
        ORDER BY id LIMIT 1000";
    MOVE_SERVICE_KEY = "UPDATE service_keys SET key_id = $2, wrapped_key = $3
        WHERE id = $1 AND wrapped_key = $4";
    NEWEST_OF_EACH = "SELECT purpose, MAX(number) AS number FROM service_keys GROUP BY purpose";
}

/// Reports that are looked at for one portion.
pub const AT_ONCE: i64 = 100;

/// How many reports hang on another master key than the current one.
pub async fn left(conn: &mut Conn<'_>, keys: &MasterKeys) -> Result<i64, Error> {
    conn.number(COUNT, values![keys.current()]).await
}

/// What one portion found.
#[derive(Debug, Default)]
pub struct Portion {
    /// The last report that was looked at, where the next portion begins; `None`: there was
    /// nothing behind the one before.
    pub last: Option<String>,
    /// What is to be written by [`write`].
    pub moves: Vec<Move>,
    /// Reports that stay on their key, because something of theirs does not open.
    pub unreadable: Vec<Unreadable>,
}

/// A report that does not open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Its reference.
    pub reference: String,
    /// Why.
    pub why: String,
}

/// A report as it is after it was moved.
#[derive(Debug)]
pub struct Move {
    id: String,
    wrapped_key: Vec<u8>,
    passport_hash: Vec<u8>,
    email_hash: Option<Vec<u8>>,
    phone_hash: Option<Vec<u8>>,
    network_hash: Option<Vec<u8>>,
    /// The wrapped key as it was read: another process may be moving the same, or erasing it.
    before: Vec<u8>,
}

#[derive(FromRow)]
struct Row {
    id: String,
    reference: String,
    key_id: Option<String>,
    wrapped_key: Option<Vec<u8>>,
    sealed_passport: Option<Vec<u8>>,
    sealed_email: Option<Vec<u8>>,
    sealed_phone: Option<Vec<u8>>,
    network_hash: Option<Vec<u8>>,
}

/// Reads the next reports behind `after` (at first `""`) that hang on another key than the
/// current one, and makes of them what they become.
pub async fn read(
    conn: &mut Conn<'_>,
    keys: &MasterKeys,
    after: &str,
    random: &dyn Random,
) -> Result<Portion, Error> {
    let rows: Vec<Row> = conn
        .all(OTHERS, values![keys.current(), after, AT_ONCE])
        .await?;
    let mut portion = Portion::default();
    for row in rows {
        let (id, reference) = (row.id.clone(), row.reference.clone());
        match moved(row, keys, random) {
            Ok(Some(moved)) => portion.moves.push(moved),
            Ok(None) => {}
            Err(error) => portion.unreadable.push(Unreadable {
                reference,
                why: error.to_string(),
            }),
        }
        portion.last = Some(id);
    }
    Ok(portion)
}

fn moved(row: Row, keys: &MasterKeys, random: &dyn Random) -> Result<Option<Move>, SealError> {
    let Some(before) = row.wrapped_key.clone() else {
        return Ok(None);
    };
    let sealed = Sealed {
        id: row.id,
        key_id: row.key_id,
        wrapped_key: row.wrapped_key,
        columns: [
            ("passport", row.sealed_passport),
            ("email", row.sealed_email),
            ("phone", row.sealed_phone),
        ],
    };
    let Some((key, [passport, email, phone])) = sealed.texts(keys)? else {
        return Ok(None);
    };
    let hash = |kind: &str, text: Option<String>| text.map(|text| keys.lookup(kind, &text));
    let broken = || SealError::Broken(format!("reports/passport/{}", sealed.id));
    Ok(Some(Move {
        wrapped_key: keys.wrap(&key, "reports", &sealed.id, random)?,
        passport_hash: hash("passport", passport?).ok_or_else(broken)?,
        email_hash: hash("email", email?),
        phone_hash: hash("phone", phone?),
        // The network itself is not kept. The hash of its hash still tells which reports came from
        // one network among those that are moved together, and nothing to who has the old key.
        network_hash: row
            .network_hash
            .map(|before| keys.lookup("network-before", &HEXLOWER.encode(&before))),
        id: sealed.id,
        before,
    }))
}

/// Writes what [`read`] made, in a transaction. Gives how many were moved: what was erased or
/// moved by another process meanwhile is left out. Refused where another key has become current.
pub async fn write(conn: &mut Conn<'_>, current: &str, moves: Vec<Move>) -> Result<u64, Error> {
    still_current(conn, current).await?;
    let mut moved = 0;
    for one in moves {
        moved += conn
            .execute(
                MOVE,
                values![
                    one.id,
                    current,
                    one.wrapped_key,
                    one.passport_hash,
                    one.email_hash,
                    one.phone_hash,
                    one.network_hash,
                    one.before
                ],
            )
            .await?;
    }
    Ok(moved)
}

async fn still_current(conn: &mut Conn<'_>, id: &str) -> Result<(), Error> {
    let known = keys::all(conn).await?;
    let is_current = |key: &keys::KnownKey| key.id == id && key.state == KeyState::Current;
    if known.iter().any(is_current) {
        return Ok(());
    }
    Err(Error::Refused("another rotation has begun meanwhile"))
}

/// Wraps the service's own keys by the current master key, in a transaction. Gives how many do
/// not open and stay.
pub async fn service_keys(
    conn: &mut Conn<'_>,
    keys: &MasterKeys,
    random: &dyn Random,
) -> Result<usize, Error> {
    still_current(conn, keys.current()).await?;
    let rows: Vec<(String, String, Vec<u8>)> =
        conn.all(SERVICE_KEYS, values![keys.current()]).await?;
    let mut unreadable = 0;
    for (id, key_id, before) in rows {
        let Ok(key) = keys.unwrap_of("service_keys", &before, &key_id, &id) else {
            unreadable += 1;
            continue;
        };
        let wrapped = keys.wrap(&key, "service_keys", &id, random)?;
        conn.execute(
            MOVE_SERVICE_KEY,
            values![id, keys.current(), wrapped, before],
        )
        .await?;
    }
    Ok(unreadable)
}

/// Makes a next key of the service for each purpose, wrapped by the current master key: what is
/// new is not sealed with what the key before may have given away.
pub async fn renew_service_keys(
    conn: &mut Conn<'_>,
    keys: &MasterKeys,
    random: &dyn Random,
    now: Moment,
) -> Result<(), Error> {
    let newest: Vec<(String, i64)> = conn.all(NEWEST_OF_EACH, values![]).await?;
    for (purpose, number) in newest {
        keys::add_service_key(conn, keys, &purpose, number + 1, random, now).await?;
    }
    Ok(())
}
