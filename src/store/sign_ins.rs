//! Failed sign-ins, counted by hour, network and account: a row for each such three, however
//! many tries there were. Networks are sealed. What was typed is not kept: an address that no
//! account has leaves the network only.

use data_encoding::HEXLOWER;
use sqlx::FromRow;

use super::conn::{statements, values};
use super::seal::{DataKey, MasterKeys};
use super::{Conn, Error, keys};
use crate::domain::{Moment, Random};

statements! {
    AGAIN = "UPDATE failed_sign_ins SET times = times + 1, last_at = $4
        WHERE hour_at = $1 AND staff_id = $2 AND network_hash = $3";
    ROWS = "SELECT COUNT(*) FROM failed_sign_ins
        WHERE hour_at = $1 AND (staff_id = '') = $2";
    ADD = "INSERT INTO failed_sign_ins
        (hour_at, staff_id, network_hash, times, last_at, key_id, sealed_network)
        VALUES ($1, $2, $3, 1, $4, $5, $6)
        ON CONFLICT (hour_at, staff_id, network_hash)
            DO UPDATE SET times = failed_sign_ins.times + 1, last_at = excluded.last_at";
    OF_HOUR = "SELECT f.hour_at, f.staff_id, f.network_hash, f.times, f.last_at, f.key_id,
            f.sealed_network, s.email
        FROM failed_sign_ins f LEFT JOIN staff s ON s.id = f.staff_id
        WHERE f.hour_at = $1 ORDER BY f.times DESC, f.last_at DESC, f.network_hash LIMIT 10000";
    HOURS = "SELECT DISTINCT hour_at FROM failed_sign_ins WHERE hour_at >= $1 ORDER BY hour_at";
    FORGET = "DELETE FROM failed_sign_ins WHERE hour_at < $1";
}

/// The service key that networks are sealed and hashed with.
const PURPOSE: &str = "sign-ins";
const LABEL: &str = "siaga/sign-ins/network/1";
const HOUR: i64 = 3_600_000;

/// A sign-in that failed.
#[derive(Clone, Debug)]
pub struct Failed {
    /// Where it came from: `203.0.113.7` or `2001:db8::/64`.
    pub network: String,
    /// Id of the member of staff; `None` for an address that no account has.
    pub staff: Option<String>,
}

/// Counts a failed sign-in. `max_rows` bounds the rows of an hour: half of them are for known
/// accounts and half for all else. When they are taken, what is counted for an account, or for
/// no account, is counted in one further row without the network.
pub async fn count_failed(
    conn: &mut Conn<'_>,
    keys: &MasterKeys,
    random: &dyn Random,
    failed: &Failed,
    max_rows: u32,
    now: Moment,
) -> Result<(), Error> {
    let (key_id, key) = keys::newest_service_key(conn, keys, PURPOSE, random, now).await?;
    let hour = now.0.div_euclid(HOUR) * HOUR;
    let staff = failed.staff.as_deref().unwrap_or("");
    let hash = key.mac(LABEL, failed.network.as_bytes()).to_vec();
    let again = values![hour, staff, hash.clone(), now];
    if conn.execute(AGAIN, again).await? > 0 {
        return Ok(());
    }
    let rows = conn
        .number(ROWS, values![hour, failed.staff.is_none()])
        .await?;
    let (hash, sealed) = if rows < i64::from(max_rows / 2) {
        let row = row_name(hour, staff, &hash);
        let network = failed.network.as_bytes();
        let sealed = key.seal("failed_sign_ins", "sealed_network", &row, network, random)?;
        (hash, Some(sealed))
    } else {
        (Vec::new(), None)
    };
    conn.execute(ADD, values![hour, staff, hash, now, key_id, sealed])
        .await?;
    Ok(())
}

fn row_name(hour: i64, staff: &str, network_hash: &[u8]) -> String {
    format!("{hour}/{staff}/{}", HEXLOWER.encode(network_hash))
}

/// Failed sign-ins of one hour from one network at one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// When the hour began.
    pub hour: Moment,
    /// Where they came from.
    pub from: Origin,
    /// Address of the account; `None`: no account has the address that was typed.
    pub email: Option<String>,
    /// How many.
    pub times: i64,
    /// The last of them.
    pub last_at: Moment,
}

/// Where failed sign-ins came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From this network.
    Network(String),
    /// From networks for which no row was left.
    Others,
    /// The key that the network is sealed with cannot be opened.
    Unreadable,
}

#[derive(FromRow)]
struct Row {
    hour_at: i64,
    staff_id: String,
    network_hash: Vec<u8>,
    times: i64,
    last_at: i64,
    key_id: String,
    sealed_network: Option<Vec<u8>>,
    email: Option<String>,
}

/// The hours since `since` in which sign-ins failed, the oldest first.
pub async fn hours(conn: &mut Conn<'_>, since: Moment) -> Result<Vec<Moment>, Error> {
    let rows: Vec<(i64,)> = conn.all(HOURS, values![since]).await?;
    Ok(rows.into_iter().map(|(hour,)| Moment(hour)).collect())
}

/// The failed sign-ins of the hour that began at `hour`, those that were most first.
pub async fn of_hour(
    conn: &mut Conn<'_>,
    keys: &MasterKeys,
    hour: Moment,
) -> Result<Vec<Counted>, Error> {
    let rows: Vec<Row> = conn.all(OF_HOUR, values![hour]).await?;
    let mut counted = Vec::with_capacity(rows.len());
    let mut used: Option<(String, Option<DataKey>)> = None;
    for row in rows {
        let key = match used.take_if(|(id, _)| *id == row.key_id) {
            Some((_, key)) => key,
            None => match keys::service_key(conn, keys, &row.key_id).await {
                Ok(key) => Some(key),
                Err(Error::Sealed(_) | Error::Missing) => None,
                Err(error) => return Err(error),
            },
        };
        let from = match &row.sealed_network {
            None => Origin::Others,
            Some(sealed) => {
                let name = row_name(row.hour_at, &row.staff_id, &row.network_hash);
                let plain = key.as_ref().and_then(|key| {
                    key.open("failed_sign_ins", "sealed_network", &name, sealed)
                        .ok()
                });
                plain.map_or(Origin::Unreadable, |plain| {
                    Origin::Network(String::from_utf8_lossy(&plain).into_owned())
                })
            }
        };
        counted.push(Counted {
            hour: Moment(row.hour_at),
            from,
            email: row.email,
            times: row.times,
            last_at: Moment(row.last_at),
        });
        used = Some((row.key_id, key));
    }
    Ok(counted)
}

/// Forgets what was counted in hours that began before `before`.
pub async fn forget(conn: &mut Conn<'_>, before: Moment) -> Result<u64, Error> {
    conn.execute(FORGET, values![before]).await
}
