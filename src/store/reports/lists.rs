//! Cases as the lists of an office need them before they are shown: what orders and groups them,
//! and nothing that is sealed.

use std::collections::{BTreeSet, HashMap};

use jiff::civil::Date;
use sqlx::FromRow;

use super::super::conn::{statements, values};
use super::super::{Conn, Error, Value};
use super::Which;
use crate::domain::Moment;

statements! {
    LINES_OF_PASSPORT = "SELECT id, reference, office, received_at FROM reports
        WHERE passport_hash = $1 AND erased_at IS NULL ORDER BY received_at, id";
    OTHERS_OF_PASSPORT = "SELECT COUNT(*) FROM reports
        WHERE passport_hash = (SELECT passport_hash FROM reports WHERE id = $1)
            AND erased_at IS NULL AND id <> $1";
    OPEN = "SELECT id, passport_hash, network_hash, office, permit_expires_on, received_at,
            outage_id IS NOT NULL AS is_matched
        FROM reports
        WHERE erased_at IS NULL AND ($1 = '' OR office = $1) AND (state = $2 OR state = $3)
        ORDER BY id";
    OF_NETWORKS_SINCE = "SELECT network_hash, COUNT(*) FROM reports
        WHERE received_at >= $1 AND network_hash IN ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
            $13, $14, $15, $16, $17, $18, $19, $20, $21)
        GROUP BY network_hash";
}

/// A case as far as a list of one passport needs it before it is shown.
#[derive(Clone, Debug, FromRow)]
pub struct Line {
    /// UUIDv7.
    pub id: String,
    /// As people read it.
    pub reference: String,
    /// Code of the office.
    pub office: String,
    /// When it came.
    #[sqlx(try_from = "i64")]
    pub received_at: Moment,
}

/// The cases of a passport number, all of them, the oldest first; `hashes` are its keyed hashes
/// under every master key, in the order of [`MasterKeys::lookups`]: a case that a rotation moves
/// meanwhile is found.
pub async fn of_passport(conn: &mut Conn<'_>, hashes: Vec<Vec<u8>>) -> Result<Vec<Line>, Error> {
    let mut lines: Vec<Line> = Vec::new();
    // And back again: who asks may hold the keys as they were before the rotation, when the key
    // that rows move to did not stand last.
    let back = hashes.iter().rev().skip(1);
    for hash in hashes.iter().chain(back) {
        let found = conn.all::<Line>(LINES_OF_PASSPORT, values![hash.as_slice()]);
        lines.extend(found.await?);
    }
    lines.sort_by(|a, b| (a.received_at, &a.id).cmp(&(b.received_at, &b.id)));
    lines.dedup_by(|a, b| a.id == b.id);
    Ok(lines)
}

/// How many other reports there are of the passport of this one, as far as they are hashed with the
/// same master key; during a rotation some may be missing.
pub async fn others_of_passport(conn: &mut Conn<'_>, id: &str) -> Result<i64, Error> {
    conn.number(OTHERS_OF_PASSPORT, values![id]).await
}

/// An open case as far as its place in the list of an office depends on it.
#[derive(Clone, Debug)]
pub struct Open {
    /// UUIDv7.
    pub id: String,
    /// Keyed hash of the passport number.
    pub passport_hash: Vec<u8>,
    /// Keyed hash of the network that it came from, where that is known.
    pub network_hash: Option<Vec<u8>>,
    /// Code of the office.
    pub office: String,
    /// Last day of the permit.
    pub permit_expires_on: Option<Date>,
    /// When it came.
    pub received_at: Moment,
    /// Whether it falls into an outage.
    pub is_matched: bool,
}

#[derive(FromRow)]
struct OpenRow {
    id: String,
    passport_hash: Vec<u8>,
    network_hash: Option<Vec<u8>>,
    office: String,
    permit_expires_on: Option<String>,
    received_at: i64,
    is_matched: bool,
}

/// Every open case of an office (`None`: of all), by id.
pub async fn open(conn: &mut Conn<'_>, office: Option<&str>) -> Result<Vec<Open>, Error> {
    let (one, other) = Which::Open.states();
    let rows: Vec<OpenRow> = conn
        .all(OPEN, values![office.unwrap_or(""), one, other])
        .await?;
    let open = rows.into_iter().map(|row| Open {
        id: row.id,
        passport_hash: row.passport_hash,
        network_hash: row.network_hash,
        office: row.office,
        permit_expires_on: row.permit_expires_on.and_then(|text| text.parse().ok()),
        received_at: Moment(row.received_at),
        is_matched: row.is_matched,
    });
    Ok(open.collect())
}

/// How many reports came from each of these networks since `since`, to whichever office. A network
/// that none came from is left out.
pub async fn of_networks_since(
    conn: &mut Conn<'_>,
    networks: &BTreeSet<Vec<u8>>,
    since: Moment,
) -> Result<HashMap<Vec<u8>, i64>, Error> {
    /// Networks that the statement has parameters for.
    const AT_ONCE: usize = 20;
    let networks: Vec<&Vec<u8>> = networks.iter().collect();
    let mut counts = HashMap::new();
    for some in networks.chunks(AT_ONCE) {
        let mut values = values![since];
        values.extend(some.iter().map(|hash| Value::from((*hash).clone())));
        // No hash is empty.
        values.resize_with(1 + AT_ONCE, || Value::from(Vec::new()));
        let rows: Vec<(Vec<u8>, i64)> = conn.all(OF_NETWORKS_SINCE, values).await?;
        counts.extend(rows);
    }
    Ok(counts)
}
