//! The audit trail: who looked at what, and what was refused. Each entry holds the hash of the
//! one before, and its own hash is keyed with a key of the service, which the database holds
//! only wrapped. So whoever can write to the database, but has no master key, can neither change
//! an entry nor take one out or put one in between unseen. That entries were cut off at the end
//! shows only against a hash that was noted elsewhere before.
//!
//! Entries of the first version have a hash without a key. They are kept; the first keyed entry
//! holds the hash of the last of them, so they are fixed as they stood at that time.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use sqlx::FromRow;
use uuid::Uuid;

use super::conn::{statements, values};
use super::seal::{DataKey, MasterKeys};
use super::{Conn, Error, Store, keys};
use crate::domain::{Moment, Random};

statements! {
    LOCK = "INSERT INTO settings (name, value) VALUES ('audit_turn', '')
        ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    LAST = "SELECT id, at, hash FROM audit ORDER BY id DESC LIMIT 1";
    ADD = "INSERT INTO audit (at, staff_id, action, report_id, shown, key_id, previous, hash)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    ENTRIES = "SELECT id, at, staff_id, action, report_id, shown, key_id, previous, hash FROM audit
        WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3";
}

/// The service key that entries are hashed with.
const PURPOSE: &str = "audit";
const LABEL: &str = "siaga/audit/1";
/// Reports that one entry names; a longer list takes several entries.
const MAX_SHOWN: usize = 256;
/// Entries that are read at a time while the trail is verified.
const PAGE: i64 = 500;

/// What an entry says.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// Id of the member of staff.
    pub staff: String,
    /// What they did, or were refused.
    pub action: String,
    /// Id of the report that it was done to.
    pub report: Option<String>,
    /// Ids of the reports that a list showed. They are no personal data, and lead to none once a
    /// report is erased.
    pub shown: Vec<String>,
}

/// What writes entries. Cheap to clone.
#[derive(Clone)]
pub struct AuditWriter {
    /// What opens the key of the trail.
    pub keys: Arc<MasterKeys>,
    /// For the first key.
    pub random: Arc<dyn Random>,
}

impl AuditWriter {
    /// Adds to the trail, in the transaction of what the entry tells of.
    pub async fn note(&self, conn: &mut Conn<'_>, entry: &Entry, now: Moment) -> Result<(), Error> {
        // One after the other: two that read the same last entry would fork the chain.
        conn.execute(LOCK, values![]).await?;
        let last: Option<HeadRow> = conn.optional(LAST, values![]).await?;
        let mut previous = last.map_or_else(String::new, |last| last.hash);
        let (key_id, key) =
            keys::newest_service_key(conn, &self.keys, PURPOSE, &*self.random, now).await?;
        let mut shown = entry.shown.chunks(MAX_SHOWN);
        let mut part = shown.next().unwrap_or_default();
        loop {
            let row = Row {
                id: 0,
                at: now.0,
                staff_id: entry.staff.clone(),
                action: entry.action.clone(),
                report_id: entry.report.clone(),
                shown: packed(part)?,
                key_id: Some(key_id.clone()),
                previous,
                hash: String::new(),
            };
            let hash = row.keyed_hash(&key);
            conn.execute(
                ADD,
                values![
                    row.at,
                    row.staff_id,
                    row.action,
                    row.report_id,
                    row.shown,
                    row.key_id,
                    row.previous,
                    &hash
                ],
            )
            .await?;
            previous = hash;
            let Some(next) = shown.next() else {
                return Ok(());
            };
            part = next;
        }
    }
}

/// Ids as they are kept: 16 bytes each, one behind the other.
fn packed(ids: &[String]) -> Result<Option<Vec<u8>>, Error> {
    if ids.is_empty() {
        return Ok(None);
    }
    let mut out = Vec::with_capacity(ids.len() * 16);
    for id in ids {
        let id = Uuid::parse_str(id).map_err(|_| Error::Unreadable("the id of a report".into()))?;
        out.extend(id.as_bytes());
    }
    Ok(Some(out))
}

#[derive(FromRow)]
struct Row {
    id: i64,
    at: i64,
    staff_id: String,
    action: String,
    report_id: Option<String>,
    shown: Option<Vec<u8>>,
    key_id: Option<String>,
    previous: String,
    hash: String,
}

impl Row {
    fn keyed_hash(&self, key: &DataKey) -> String {
        let shown = self.shown.as_ref().map(|ids| HEXLOWER.encode(ids));
        let text = serde_json::json!([
            self.at,
            self.staff_id,
            self.action,
            self.report_id,
            shown,
            self.key_id,
            self.previous
        ]);
        HEXLOWER.encode(&key.mac(LABEL, text.to_string().as_bytes()))
    }

    /// As the first version made it, which named no reports of lists.
    fn unkeyed_hash(&self) -> String {
        let text = serde_json::json!([
            self.at,
            self.staff_id,
            self.action,
            self.report_id,
            self.previous
        ]);
        HEXLOWER.encode(&Sha256::digest(text.to_string().as_bytes()))
    }

    fn place(&self) -> Place {
        Place {
            entry: self.id,
            at: Moment(self.at),
        }
    }
}

// ---- the head, and verifying ------------------------------------------------------------------

/// The newest entry: whoever keeps its hash elsewhere sees later whether the trail was cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Which entry.
    pub place: Place,
    /// Its hash, in hex.
    pub hash: String,
}

/// An entry, by what people find it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its id.
    pub entry: i64,
    /// When it was written.
    pub at: Moment,
}

#[derive(FromRow)]
struct HeadRow {
    id: i64,
    at: i64,
    hash: String,
}

/// The head; `None` where there is no entry yet.
pub async fn head(conn: &mut Conn<'_>) -> Result<Option<Head>, Error> {
    let row: Option<HeadRow> = conn.optional(LAST, values![]).await?;
    Ok(row.map(|row| Head {
        place: Place {
            entry: row.id,
            at: Moment(row.at),
        },
        hash: row.hash,
    }))
}

/// What a walk along the trail found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Entries that were walked over, up to the first broken one.
    pub entries: u64,
    /// Those of them without a key.
    pub unkeyed: u64,
    /// Those whose key cannot be opened: nobody can say whether they were changed.
    pub unopened: u64,
    /// The first entry with a key.
    pub first_keyed: Option<Place>,
    /// The last entry.
    pub head: Option<Head>,
    /// Where the trail is broken.
    pub broken: Option<(Place, Break)>,
}

/// In what way a trail is broken at an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// It does not follow on the entry before it: one was taken out or put in here.
    Order,
    /// It was changed after it was written, or was not written by the service.
    Changed,
    /// It has no key although entries before it have.
    Unkeyed,
}

impl std::fmt::Display for Break {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Break::Order => {
                "it does not follow on the entry before it: entries were taken out or put in here"
            }
            Break::Changed => "it was changed after it was written, or another program wrote it",
            Break::Unkeyed => {
                "it has no key although entries before it have: another program wrote it"
            }
        })
    }
}

/// Walks along the trail up to the entry that is the last now, a page at a time and in bounded
/// memory, also while the service adds to it. `each` hears every hash that holds.
pub async fn verify(
    store: &Store,
    keys: &MasterKeys,
    mut each: impl FnMut(&str),
) -> Result<Verified, Error> {
    let mut found = Verified::default();
    let last = store
        .read(|mut conn| Box::pin(async move { head(&mut conn).await }))
        .await?;
    let until = last.map_or(0, |head| head.place.entry);
    let mut used = UsedKey::default();
    loop {
        let from = found.head.as_ref().map_or(0, |head| head.place.entry);
        let rows: Vec<Row> = store
            .read(move |mut conn| {
                Box::pin(async move { conn.all(ENTRIES, values![from, until, PAGE]).await })
            })
            .await?;
        if rows.is_empty() {
            return Ok(found);
        }
        for row in rows {
            if let Some(id) = &row.key_id {
                used.load(store, keys, id).await?;
            }
            if let Some(how) = found.take(&row, used.key.as_ref()) {
                found.broken = Some((row.place(), how));
                return Ok(found);
            }
            each(&row.hash);
        }
    }
}

/// The key of the entries that are looked at; neighbours have the same.
#[derive(Default)]
struct UsedKey {
    id: String,
    /// `None` where it cannot be opened.
    key: Option<DataKey>,
}

impl UsedKey {
    async fn load(&mut self, store: &Store, keys: &MasterKeys, id: &str) -> Result<(), Error> {
        if self.id == id {
            return Ok(());
        }
        let (wanted, keys) = (id.to_owned(), keys.clone());
        let opened = store
            .read(move |mut conn| {
                Box::pin(async move { keys::service_key(&mut conn, &keys, &wanted).await })
            })
            .await;
        self.key = match opened {
            Ok(key) => Some(key),
            Err(Error::Sealed(_) | Error::Missing) => None,
            Err(error) => return Err(error),
        };
        id.clone_into(&mut self.id);
        Ok(())
    }
}

impl Verified {
    /// Takes the next entry in; tells how the trail is broken at it.
    fn take(&mut self, row: &Row, key: Option<&DataKey>) -> Option<Break> {
        let previous = self.head.as_ref().map_or("", |head| &head.hash);
        if row.previous != previous {
            return Some(Break::Order);
        }
        match (&row.key_id, key) {
            (None, _) if self.first_keyed.is_some() => return Some(Break::Unkeyed),
            (None, _) if row.shown.is_some() || row.hash != row.unkeyed_hash() => {
                return Some(Break::Changed);
            }
            (None, _) => self.unkeyed += 1,
            (Some(_), Some(key)) if row.hash != row.keyed_hash(key) => {
                return Some(Break::Changed);
            }
            (Some(_), Some(_)) => {}
            (Some(_), None) => self.unopened += 1,
        }
        if row.key_id.is_some() {
            self.first_keyed.get_or_insert(row.place());
        }
        self.entries += 1;
        self.head = Some(Head {
            place: row.place(),
            hash: row.hash.clone(),
        });
        None
    }
}
