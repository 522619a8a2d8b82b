//! Which master keys there are, what hangs on each, which processes have loaded them; and the
//! service's own keys. The bytes of a master key are never in the database: what stands here is
//! its id, its state, and a hash by which a process sees that it holds the right one.

use sqlx::FromRow;

use super::conn::{statements, values};
use super::seal::{DataKey, MasterKeys, SealError};
use super::{Conn, Error};
use crate::domain::{Moment, Random};

statements! {
    ALL = "SELECT id, state, check_hash, since, completed_at FROM master_keys ORDER BY since, id";
    ADD = "INSERT INTO master_keys (id, state, check_hash, since, completed_at)
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
    SET_CHECK = "UPDATE master_keys SET check_hash = $2 WHERE id = $1";
    RETIRE = "UPDATE master_keys SET state = 'retiring', since = $2
        WHERE state = 'current' AND id <> $1";
    RETIRE_LOST = "UPDATE master_keys SET state = 'retiring', since = $2 WHERE id = $1";
    MAKE_CURRENT = "UPDATE master_keys SET state = 'current', since = $2
        WHERE id = $1 AND state IN ('announced', 'retiring')";
    COMPLETE = "UPDATE master_keys SET completed_at = $2 WHERE id = $1";
    REMOVE = "DELETE FROM master_keys WHERE id = $1";
    REPORTS_OF = "SELECT key_id AS id, COUNT(*) AS data_keys,
            COUNT(*) + COUNT(email_hash) + COUNT(phone_hash) + COUNT(network_hash) AS hashes
        FROM reports WHERE key_id IS NOT NULL GROUP BY key_id";
    SECRETS_OF = "SELECT secret_key_id AS id, COUNT(*) AS secrets, MAX(received_at) AS newest
        FROM reports WHERE secret_key_id IS NOT NULL GROUP BY secret_key_id";
    SERVICE_KEYS_OF = "SELECT key_id AS id, COUNT(*) AS count FROM service_keys GROUP BY key_id";
    NEWEST_SERVICE_KEY = "SELECT id, number, key_id, wrapped_key FROM service_keys
        WHERE purpose = $1 ORDER BY number DESC LIMIT 1";
    SERVICE_KEY = "SELECT id, number, key_id, wrapped_key FROM service_keys WHERE id = $1";
    ADD_SERVICE_KEY = "INSERT INTO service_keys (id, purpose, number, key_id, wrapped_key, made_at)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
    BEAT = "INSERT INTO instances (id, name, key_ids, current_key_id, seen_at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (id) DO UPDATE SET key_ids = excluded.key_ids,
            current_key_id = excluded.current_key_id, seen_at = excluded.seen_at";
    LEAVE = "DELETE FROM instances WHERE id = $1";
    FORGET_INSTANCES = "DELETE FROM instances WHERE seen_at < $1";
    INSTANCES = "SELECT id, name, key_ids, current_key_id, seen_at FROM instances
        ORDER BY name, id LIMIT 1000";
}

/// What a master key is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// For nothing yet: every process that serves is to load it first.
    Announced,
    /// For all that is new.
    Current,
    /// For what was written before a rotation.
    Retiring,
    /// For nothing any more; its id is not used again.
    Dropped,
}

impl KeyState {
    /// As the database writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            KeyState::Announced => "announced",
            KeyState::Current => "current",
            KeyState::Retiring => "retiring",
            KeyState::Dropped => "dropped",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        use KeyState::{Announced, Current, Dropped, Retiring};
        [Announced, Current, Retiring, Dropped]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// What the database knows of a master key.
#[derive(Clone, Debug)]
pub struct KnownKey {
    /// Its id.
    pub id: String,
    /// What it is used for.
    pub state: KeyState,
    /// [`MasterKeys::check_hash`] of it; `None` where no process has written it yet.
    pub check_hash: Option<Vec<u8>>,
    /// Since when it has this state; 0 where that was not recorded.
    pub since: Moment,
    /// When all that could be moved to it had been moved; `None`: a rotation to it is not
    /// finished.
    pub completed_at: Option<Moment>,
}

#[derive(FromRow)]
struct KnownRow {
    id: String,
    state: String,
    check_hash: Option<Vec<u8>>,
    since: i64,
    completed_at: Option<i64>,
}

impl TryFrom<KnownRow> for KnownKey {
    type Error = Error;
    fn try_from(row: KnownRow) -> Result<KnownKey, Error> {
        let state = KeyState::parse(&row.state)
            .ok_or_else(|| Error::Unreadable(format!("state of a key `{}`", row.state)))?;
        Ok(KnownKey {
            id: row.id,
            state,
            check_hash: row.check_hash,
            since: Moment(row.since),
            completed_at: row.completed_at.map(Moment),
        })
    }
}

/// Every master key that the database knows, those that have had their state longest first.
pub async fn all(conn: &mut Conn<'_>) -> Result<Vec<KnownKey>, Error> {
    let rows: Vec<KnownRow> = conn.all(ALL, values![]).await?;
    rows.into_iter().map(KnownKey::try_from).collect()
}

/// What hangs on a master key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Data keys of reports that it wraps.
    pub data_keys: i64,
    /// Hashes by which reports are looked up.
    pub hashes: i64,
    /// Follow-up secrets of requests that may still be repeated.
    pub secrets: i64,
    /// When the newest of those came.
    pub newest_secret: Option<Moment>,
    /// Keys of the service that it wraps.
    pub service_keys: i64,
}

impl Usage {
    /// Whether nothing needs the key.
    pub fn is_none(&self) -> bool {
        *self == Usage::default()
    }
}

/// What hangs on each master key; a key on which nothing hangs is left out.
pub async fn usage(conn: &mut Conn<'_>) -> Result<Vec<(String, Usage)>, Error> {
    #[derive(FromRow)]
    struct Reports {
        id: String,
        data_keys: i64,
        hashes: i64,
    }
    #[derive(FromRow)]
    struct Secrets {
        id: String,
        secrets: i64,
        newest: i64,
    }
    let mut usage: std::collections::BTreeMap<String, Usage> = Default::default();
    let reports: Vec<Reports> = conn.all(REPORTS_OF, values![]).await?;
    for row in reports {
        let of = usage.entry(row.id).or_default();
        (of.data_keys, of.hashes) = (row.data_keys, row.hashes);
    }
    let secrets: Vec<Secrets> = conn.all(SECRETS_OF, values![]).await?;
    for row in secrets {
        let of = usage.entry(row.id).or_default();
        (of.secrets, of.newest_secret) = (row.secrets, Some(Moment(row.newest)));
    }
    let service: Vec<(String, i64)> = conn.all(SERVICE_KEYS_OF, values![]).await?;
    for (id, count) in service {
        usage.entry(id).or_default().service_keys = count;
    }
    Ok(usage.into_iter().collect())
}

// ---- which key is used ----------------------------------------------------------------------

/// Why a process cannot work with the master keys that it was given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysUnfit {
    /// It lacks the key that all that is new is sealed with.
    #[error(
        "the master key `{id}` is missing, with which this database is sealed ({data_keys} reports \
         so far). Put it back from your copy. If it is lost for good, `siaga keys rotate --without \
         {id}` goes on with another key; these reports then stay unreadable"
    )]
    Missing {
        /// The id of the key.
        id: String,
        /// Reports that are sealed with it.
        data_keys: i64,
    },
    /// It holds another key under the same id.
    #[error(
        "the master key `{0}` is not the one that this database was sealed with: another stands \
         under its id. Put the right one back from your copy. If that is lost for good, take this one \
         out, and `siaga keys rotate --without {0}` goes on with another"
    )]
    Other(String),
    /// It holds only a key that was dropped.
    #[error("the master key `{0}` was dropped, and its id is not used again: name it otherwise")]
    Dropped(String),
}

/// Takes note, at the start of a process, of the master keys that it holds, and gives them with
/// the current one in its place. The database says which is current; the first of those held
/// becomes it where there is none yet, or where nothing hangs on one that is missing. On
/// PostgreSQL two that start at once may get an error for which [`Error::is_duplicate`] holds.
pub async fn adopt(
    conn: &mut Conn<'_>,
    keys: MasterKeys,
    now: Moment,
) -> Result<Result<MasterKeys, KeysUnfit>, Error> {
    let known = all(conn).await?;
    for key in known.iter().filter(|key| key.state != KeyState::Dropped) {
        match (keys.check_hash(&key.id), &key.check_hash) {
            (Ok(hash), Some(expected)) if *expected != hash => {
                return Ok(Err(KeysUnfit::Other(key.id.clone())));
            }
            (Ok(hash), None) => {
                conn.execute(SET_CHECK, values![&key.id, hash.to_vec()])
                    .await?;
            }
            _ => {}
        }
    }
    let first = keys.current();
    let mut current = known.iter().find(|key| key.state == KeyState::Current);
    if let Some(KnownKey { id, .. }) = current
        && !keys.holds(id)
    {
        if let Some((_, used)) = usage(conn).await?.into_iter().find(|(of, _)| of == id) {
            let (id, data_keys) = (id.clone(), used.data_keys);
            return Ok(Err(KeysUnfit::Missing { id, data_keys }));
        }
        remove(conn, id, now).await?;
        current = None;
    }
    if let Some(current) = current {
        let id = current.id.clone();
        return Ok(keys
            .with_current(&id)
            .ok_or(KeysUnfit::Missing { id, data_keys: 0 }));
    }
    let is_known = known.iter().find(|key| key.id == first);
    if is_known.is_some_and(|key| key.state == KeyState::Dropped) {
        return Ok(Err(KeysUnfit::Dropped(first.to_owned())));
    }
    add(conn, &keys, first, KeyState::Current, now).await?;
    conn.execute(MAKE_CURRENT, values![first, now]).await?;
    let older = |key: &KnownKey| key.id != first && key.state != KeyState::Dropped;
    if !known.iter().any(older) {
        // Nothing is to be moved to it.
        complete(conn, first, now).await?;
    }
    // Another process may have been first.
    let known = all(conn).await?.into_iter();
    let mut current = known.filter(|key| key.state == KeyState::Current);
    let id = current.next().ok_or(Error::Missing)?.id;
    Ok(keys
        .with_current(&id)
        .ok_or(KeysUnfit::Missing { id, data_keys: 0 }))
}

async fn add(
    conn: &mut Conn<'_>,
    keys: &MasterKeys,
    id: &str,
    state: KeyState,
    now: Moment,
) -> Result<bool, Error> {
    let hash = keys.check_hash(id)?.to_vec();
    let added = conn
        .execute(ADD, values![id, state.as_str(), hash, now, None::<Moment>])
        .await?;
    Ok(added > 0)
}

/// Announces a key to all processes. `false` where another is announced already, or the id is
/// taken.
pub async fn announce(
    conn: &mut Conn<'_>,
    keys: &MasterKeys,
    id: &str,
    now: Moment,
) -> Result<bool, Error> {
    add(conn, keys, id, KeyState::Announced, now).await
}

/// Makes a key the one that all that is new is sealed with; the one before is retiring.
pub async fn make_current(conn: &mut Conn<'_>, id: &str, now: Moment) -> Result<(), Error> {
    conn.execute(RETIRE, values![id, now]).await?;
    conn.execute(MAKE_CURRENT, values![id, now]).await?;
    Ok(())
}

/// Takes the current key out of use although nothing is current after it: it is lost.
pub async fn retire(conn: &mut Conn<'_>, id: &str, now: Moment) -> Result<(), Error> {
    conn.execute(RETIRE_LOST, values![id, now]).await?;
    Ok(())
}

/// Records that all that could be moved to the key has been moved.
pub async fn complete(conn: &mut Conn<'_>, id: &str, now: Moment) -> Result<(), Error> {
    conn.execute(COMPLETE, values![id, now]).await?;
    Ok(())
}

/// Drops a key that is neither current nor announced and that nothing needs; its id stays taken.
/// The database refuses it, also for a write that is under way, while anything refers to the key.
pub async fn remove(conn: &mut Conn<'_>, id: &str, now: Moment) -> Result<(), Error> {
    // Deleting, unlike marking, is what the references of other rows stand against.
    conn.execute(REMOVE, values![id]).await?;
    let (state, hash, completed) = (KeyState::Dropped.as_str(), None::<Vec<u8>>, None::<Moment>);
    conn.execute(ADD, values![id, state, hash, now, completed])
        .await?;
    Ok(())
}

// ---- the service's own keys -------------------------------------------------------------------

#[derive(FromRow)]
struct ServiceKeyRow {
    id: String,
    number: i64,
    key_id: String,
    wrapped_key: Vec<u8>,
}

impl ServiceKeyRow {
    fn open(self, keys: &MasterKeys) -> Result<(String, DataKey), Error> {
        let key = keys.unwrap_of("service_keys", &self.wrapped_key, &self.key_id, &self.id)?;
        Ok((self.id, key))
    }
}

/// The newest key of the service for a purpose, e.g. `audit`, and its id, e.g. `audit/1`; made
/// where there is none, or where its master key is missing. In a writing transaction. What is sealed or hashed with it stands beside
/// the id, and needs no attention at a rotation: the key is wrapped anew then, and a next one
/// made for what is new.
pub async fn newest_service_key(
    conn: &mut Conn<'_>,
    keys: &MasterKeys,
    purpose: &str,
    random: &dyn Random,
    now: Moment,
) -> Result<(String, DataKey), Error> {
    let found: Option<ServiceKeyRow> = conn.optional(NEWEST_SERVICE_KEY, values![purpose]).await?;
    let next = match found {
        None => 1,
        Some(row) => {
            let number = row.number;
            match row.open(keys) {
                Err(Error::Sealed(SealError::UnknownKey(_))) => number + 1,
                opened => return opened,
            }
        }
    };
    add_service_key(conn, keys, purpose, next, random, now).await?;
    // Another process may have been first.
    let made: Option<ServiceKeyRow> = conn.optional(NEWEST_SERVICE_KEY, values![purpose]).await?;
    made.ok_or(Error::Missing)?.open(keys)
}

/// The key of the service with this id.
pub async fn service_key(
    conn: &mut Conn<'_>,
    keys: &MasterKeys,
    id: &str,
) -> Result<DataKey, Error> {
    let found: Option<ServiceKeyRow> = conn.optional(SERVICE_KEY, values![id]).await?;
    Ok(found.ok_or(Error::Missing)?.open(keys)?.1)
}

pub(super) async fn add_service_key(
    conn: &mut Conn<'_>,
    keys: &MasterKeys,
    purpose: &str,
    number: i64,
    random: &dyn Random,
    now: Moment,
) -> Result<(), Error> {
    let id = format!("{purpose}/{number}");
    let (_, wrapped) = keys.new_service_key(&id, random)?;
    conn.execute(
        ADD_SERVICE_KEY,
        values![&id, purpose, number, keys.current(), wrapped, now],
    )
    .await?;
    Ok(())
}

// ---- the processes that serve -------------------------------------------------------------------

/// A process that serves, and what it said of its keys last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Drawn at its start.
    pub id: String,
    /// What people may know it by: its vantage and process id.
    pub name: String,
    /// The master keys that it has loaded.
    pub key_ids: Vec<String>,
    /// The one that it writes with.
    pub current_key_id: String,
    /// When it said so.
    pub seen_at: Moment,
}

#[derive(FromRow)]
struct InstanceRow {
    id: String,
    name: String,
    key_ids: String,
    current_key_id: String,
    seen_at: i64,
}

/// Says which keys a process has loaded, and that it lives.
pub async fn beat(conn: &mut Conn<'_>, instance: &Instance) -> Result<(), Error> {
    conn.execute(
        BEAT,
        values![
            &instance.id,
            &instance.name,
            instance.key_ids.join(" "),
            &instance.current_key_id,
            instance.seen_at
        ],
    )
    .await?;
    Ok(())
}

/// Forgets a process that ends.
pub async fn leave(conn: &mut Conn<'_>, instance: &str) -> Result<(), Error> {
    conn.execute(LEAVE, values![instance]).await?;
    Ok(())
}

/// Forgets processes that were last seen before `before`: they ended without a word.
pub async fn forget_instances(conn: &mut Conn<'_>, before: Moment) -> Result<(), Error> {
    conn.execute(FORGET_INSTANCES, values![before]).await?;
    Ok(())
}

/// The processes that said that they serve, and have not said that they end.
pub async fn instances(conn: &mut Conn<'_>) -> Result<Vec<Instance>, Error> {
    let rows: Vec<InstanceRow> = conn.all(INSTANCES, values![]).await?;
    let instances = rows.into_iter().map(|row| Instance {
        id: row.id,
        name: row.name,
        key_ids: row.key_ids.split(' ').map(str::to_owned).collect(),
        current_key_id: row.current_key_id,
        seen_at: Moment(row.seen_at),
    });
    Ok(instances.collect())
}
