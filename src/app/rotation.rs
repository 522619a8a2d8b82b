//! Replacing the master key while the service runs, and removing the old one. A rotation is
//! announced first, and every process that serves loads the new key before anything is sealed
//! with it; then what hangs on older keys is moved, in portions. Broken off anywhere, the next
//! rotation goes on from what it finds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::jobs::end_all_repeats;
use super::keys::{LoadError, adopt, load, next_id, sealing};
use crate::config::{Config, KeyError, KeySource, MasterKeys};
use crate::domain::{Clock, Moment, Random};
use crate::store::keys::{self, Instance, KeyState, KeysUnfit, KnownKey, Usage};
use crate::store::rewrap::{self, Unreadable};
use crate::store::seal;
use crate::store::{self, Store};

/// How long a process that serves may take to load a key; it looks every two seconds.
const LOAD_TIMEOUT: Duration = Duration::from_secs(60);
/// A process that says nothing for so long while a key is announced has ended without a word.
const SILENCE_LIMIT: Duration = Duration::from_secs(12);
/// A process that was last seen so long ago is not waited for at all.
const LONG_GONE: Duration = Duration::from_secs(3600);
/// How often it is asked who has loaded the key.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// The most unreadable reports that are named.
pub const MAX_NAMED: usize = 20;

/// What a rotation works with.
#[derive(Clone)]
pub struct Rotation {
    /// Says where the keys are.
    pub config: Config,
    /// The database.
    pub store: Store,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
}

/// What is going on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A key was made.
    Made(String),
    /// A rotation to this key, which was begun before, goes on.
    Resumed(String),
    /// These processes are waited for: they are to load the key.
    Loading(String, Vec<String>),
    /// The key is the current one now.
    Current(String),
    /// So many reports of so many have been moved.
    Moved(u64, u64),
}

/// How a rotation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// The current key.
    pub current: String,
    /// Whether it became that by this rotation, or by one that this one finished; `false` where
    /// others write the keys and there is none that is new.
    pub is_new: bool,
    /// Reports that were moved to it.
    pub moved: u64,
    /// Reports that stay on their key because they do not open, at most [`MAX_NAMED`] of them.
    pub unreadable: Vec<Unreadable>,
    /// How many those are in all.
    pub unreadable_count: u64,
}

/// Why keys are not rotated or dropped.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// The keys cannot be read or written.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// They are not those of the database.
    #[error(transparent)]
    Unfit(#[from] KeysUnfit),
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// There is no key.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
    /// A rotation to a key was begun that is not here.
    #[error(
        "a rotation to the master key `{id}` was begun, and {place} does not hold it: put it there, \
         and rotate again"
    )]
    NotHeld {
        /// The id of the key.
        id: String,
        /// Where it should be.
        place: String,
    },
    /// Processes that serve have not loaded it.
    #[error(
        "the master key `{id}` was not loaded within {} seconds by: {}. See that it can be read there, \
         and rotate again",
        LOAD_TIMEOUT.as_secs(), names.join("; ")
    )]
    NotLoaded {
        /// The id of the key.
        id: String,
        /// The processes.
        names: Vec<String>,
    },
    /// The key said to be lost is held.
    #[error("the master key `{0}` is not lost: it is in {1}")]
    NotLost(String, String),
    /// Another process changed the keys again and again.
    #[error("another process is changing the master keys: try again when it is done")]
    Raced,
    /// The key cannot be dropped.
    #[error("the master key `{0}` {1}")]
    NotDropped(String, &'static str),
    /// Something needs the key.
    #[error("the master key `{0}` is needed")]
    Needed(String, Usage),
}

/// What is to be rotated to, and how far that is.
enum Plan {
    /// Nothing: the keys are written by others, and there is none that is new.
    Nothing,
    /// This key is the current one already.
    Finish(String),
    /// This key is announced already.
    Take(String),
    /// This key is held, and nobody knows of it.
    Announce(String),
    /// A key is to be made.
    Make,
}

impl From<LoadError> for RotationError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Keys(error) => error.into(),
            LoadError::Unfit(error) => error.into(),
            LoadError::Store(error) => error.into(),
        }
    }
}

impl Rotation {
    /// Rotates to a new key, or finishes a rotation that was broken off. `without` names a key
    /// that is lost: what hangs on it stays, and is not waited for.
    ///
    /// # Errors
    /// When keys or database do not allow it; what is done by then is done, and the next
    /// rotation goes on from there.
    pub async fn rotate(
        &self,
        without: Option<&str>,
        told: &(dyn Fn(Progress) + Sync),
    ) -> Result<Rotated, RotationError> {
        let now = self.clock.now();
        let (_, source) = load(&self.config, &self.store, without, &*self.random).await?;
        let _lock = match &source {
            KeySource::File(file) => Some(file.lock()?),
            KeySource::Given => None,
        };
        let (read, _) = MasterKeys::read(&self.config)?;
        let mut keys = self.adopted(sealing(&read)?, &source, without, now).await?;
        let mut dead = BTreeMap::new();
        let mut made = false;
        for _ in 0..5 {
            let known = self.known().await?;
            let id = match plan(&keys, &known, &source) {
                Plan::Nothing => {
                    return self.moved(keys, false, told).await;
                }
                Plan::Finish(id) => {
                    keys = held(keys, &id, &source)?;
                    if !made {
                        told(Progress::Resumed(id.clone()));
                    }
                    self.loaded(&id, &mut dead, true, told).await?;
                    return self.moved(keys, true, told).await;
                }
                Plan::Take(id) => {
                    keys = held(keys, &id, &source)?;
                    if !made {
                        told(Progress::Resumed(id.clone()));
                    }
                    id
                }
                Plan::Announce(id) => {
                    self.announce(&keys, &id).await?;
                    made = true;
                    continue;
                }
                Plan::Make => {
                    let KeySource::File(file) = &source else {
                        return Err(RotationError::Raced);
                    };
                    let id = next_id(&known, keys.ids());
                    keys = keys.extended(sealing(&file.add(&id, &*self.random)?)?);
                    made = true;
                    told(Progress::Made(id));
                    continue;
                }
            };
            self.loaded(&id, &mut dead, false, told).await?;
            self.make_current(&keys).await?;
            made = true;
            told(Progress::Current(id));
        }
        Err(RotationError::Raced)
    }

    /// The keys that are here, the current one in its place.
    async fn adopted(
        &self,
        keys: seal::MasterKeys,
        source: &KeySource,
        without: Option<&str>,
        now: Moment,
    ) -> Result<seal::MasterKeys, RotationError> {
        if let Some(lost) = without.filter(|lost| keys.holds(lost)) {
            return Err(RotationError::NotLost(lost.to_owned(), source.to_string()));
        }
        match (adopt(&self.store, keys.clone(), now).await?, without) {
            (Err(KeysUnfit::Missing { id, .. }), Some(lost)) if id == lost => {
                self.store
                    .write(move |mut c| {
                        Box::pin(async move { keys::retire(&mut c, &id, now).await })
                    })
                    .await?;
                Ok(adopt(&self.store, keys, now).await??)
            }
            (adopted, _) => Ok(adopted?),
        }
    }

    async fn known(&self) -> Result<Vec<KnownKey>, store::Error> {
        // By a write, so that on PostgreSQL it is the server that writes go to.
        self.store
            .write(|mut c| Box::pin(async move { keys::all(&mut c).await }))
            .await
    }

    async fn announce(&self, keys: &seal::MasterKeys, id: &str) -> Result<(), store::Error> {
        let (keys, id, now) = (keys.clone(), id.to_owned(), self.clock.now());
        self.store
            .write(move |mut c| {
                Box::pin(async move { keys::announce(&mut c, &keys, &id, now).await })
            })
            .await?;
        Ok(())
    }

    async fn make_current(&self, keys: &seal::MasterKeys) -> Result<(), store::Error> {
        let (keys, now, random) = (keys.clone(), self.clock.now(), Arc::clone(&self.random));
        self.store
            .write(move |mut c| {
                Box::pin(async move {
                    keys::make_current(&mut c, keys.current(), now).await?;
                    rewrap::renew_service_keys(&mut c, &keys, &*random, now).await
                })
            })
            .await
    }

    /// Waits until every process that serves holds the key, and where `to_write` also writes
    /// with it. Those that say nothing any more are left out, and stay so in `dead`.
    async fn loaded(
        &self,
        id: &str,
        dead: &mut BTreeMap<String, Moment>,
        to_write: bool,
        told: &(dyn Fn(Progress) + Sync),
    ) -> Result<(), RotationError> {
        let begun = self.clock.monotonic();
        // When each was seen to say something else than before.
        let mut heard: BTreeMap<String, (Moment, Duration)> = BTreeMap::new();
        let mut said = Vec::new();
        loop {
            let instances = self
                .store
                .read(|mut c| Box::pin(async move { keys::instances(&mut c).await }))
                .await?;
            let now = self.clock.monotonic();
            let mut names = Vec::new();
            for instance in instances {
                let done = if to_write {
                    instance.current_key_id == id
                } else {
                    instance.key_ids.iter().any(|held| held == id)
                };
                if done || self.is_gone(&instance, dead) {
                    continue;
                }
                let last = heard.entry(instance.id.clone());
                let (seen_at, since) = last.or_insert((instance.seen_at, now));
                if *seen_at != instance.seen_at {
                    (*seen_at, *since) = (instance.seen_at, now);
                }
                if now.saturating_sub(*since) > SILENCE_LIMIT {
                    dead.insert(instance.id, instance.seen_at);
                } else {
                    names.push(instance.name);
                }
            }
            if names.is_empty() {
                return Ok(());
            }
            if now.saturating_sub(begun) > LOAD_TIMEOUT {
                let id = id.to_owned();
                return Err(RotationError::NotLoaded { id, names });
            }
            if names != said {
                told(Progress::Loading(id.to_owned(), names.clone()));
                said = names;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    fn is_gone(&self, instance: &Instance, dead: &BTreeMap<String, Moment>) -> bool {
        dead.get(&instance.id) == Some(&instance.seen_at)
            || self.clock.now().since(instance.seen_at) > LONG_GONE
    }

    /// Moves what hangs on other keys to the current one, until nothing is left that can be moved.
    async fn moved(
        &self,
        keys: seal::MasterKeys,
        is_new: bool,
        told: &(dyn Fn(Progress) + Sync),
    ) -> Result<Rotated, RotationError> {
        let keys = Arc::new(keys);
        let held = Arc::clone(&keys);
        let left = self
            .store
            .read(move |mut c| Box::pin(async move { rewrap::left(&mut c, &held).await }))
            .await?;
        let mut rotated = Rotated {
            current: keys.current().to_owned(),
            is_new,
            moved: 0,
            unreadable: Vec::new(),
            unreadable_count: 0,
        };
        let mut total = left.unsigned_abs();
        // What others wrote with an older key meanwhile is found by another pass.
        while self.pass(&keys, &mut rotated, &mut total, told).await? > 0 {}
        let (now, random) = (self.clock.now(), Arc::clone(&self.random));
        self.store
            .write(move |mut c| {
                Box::pin(async move {
                    rewrap::service_keys(&mut c, &keys, &*random).await?;
                    keys::complete(&mut c, keys.current(), now).await
                })
            })
            .await?;
        end_all_repeats(&self.store, now).await?;
        Ok(rotated)
    }

    /// One pass over all reports that hang on other keys. Gives how many were moved in it.
    async fn pass(
        &self,
        keys: &Arc<seal::MasterKeys>,
        rotated: &mut Rotated,
        total: &mut u64,
        told: &(dyn Fn(Progress) + Sync),
    ) -> Result<u64, RotationError> {
        let (mut after, mut moved) = (String::new(), 0);
        (rotated.unreadable, rotated.unreadable_count) = (Vec::new(), 0);
        loop {
            let begun = self.clock.monotonic();
            let (held, random) = (Arc::clone(keys), Arc::clone(&self.random));
            let portion = self
                .store
                .read(move |mut c| {
                    Box::pin(async move { rewrap::read(&mut c, &held, &after, &*random).await })
                })
                .await?;
            rotated.unreadable_count += portion.unreadable.len() as u64;
            let room = MAX_NAMED - rotated.unreadable.len();
            rotated
                .unreadable
                .extend(portion.unreadable.into_iter().take(room));
            let Some(last) = portion.last else {
                return Ok(moved);
            };
            after = last;
            if portion.moves.is_empty() {
                continue;
            }
            let current = keys.current().to_owned();
            let now = self
                .store
                .write(move |mut c| {
                    Box::pin(async move { rewrap::write(&mut c, &current, portion.moves).await })
                })
                .await?;
            moved += now;
            rotated.moved += now;
            *total = (*total).max(rotated.moved);
            told(Progress::Moved(rotated.moved, *total));
            // As long again, so that on SQLite the service gets its turns to write.
            let took = self.clock.monotonic().saturating_sub(begun);
            tokio::time::sleep(took.min(POLL_INTERVAL)).await;
        }
    }

    /// Removes a key that nothing needs: from the database, and from the file of keys where that
    /// is ours.
    ///
    /// # Errors
    /// Where something needs it, or may come to.
    pub async fn drop_key(&self, id: &str) -> Result<(), RotationError> {
        let (read, source) = MasterKeys::read(&self.config)?;
        let _lock = match &source {
            KeySource::File(file) => Some(file.lock()?),
            KeySource::Given => None,
        };
        let refused = |why| Err(RotationError::NotDropped(id.to_owned(), why));
        let known = self.known().await?;
        let Some(key) = known.iter().find(|key| key.id == id) else {
            return refused(match read.get(id) {
                Some(_) => "is not in use yet: the next rotation takes it",
                None => "is not known here",
            });
        };
        match key.state {
            KeyState::Current => {
                return refused("is the current one: `siaga keys rotate` makes another");
            }
            KeyState::Announced => {
                return refused("is being rotated to: `siaga keys rotate` goes on");
            }
            KeyState::Retiring => {
                let now = self.clock.now();
                end_all_repeats(&self.store, now).await?;
                let dropped = id.to_owned();
                let removed = self
                    .store
                    .write(move |mut c| {
                        Box::pin(async move {
                            let usage = keys::usage(&mut c).await?;
                            let needs = usage.into_iter().find(|(of, _)| *of == dropped);
                            if needs.is_none() {
                                keys::remove(&mut c, &dropped, now).await?;
                            }
                            Ok(needs)
                        })
                    })
                    .await;
                match removed {
                    Ok(None) => {}
                    Ok(Some((id, usage))) => return Err(RotationError::Needed(id, usage)),
                    Err(error) if error.is_still_referred_to() => {
                        return refused("is needed by a write that is under way: try again");
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            KeyState::Dropped if read.get(id).is_none() => {
                return refused("was dropped before");
            }
            KeyState::Dropped => {}
        }
        if let KeySource::File(file) = source {
            file.remove(id)?;
        }
        Ok(())
    }
}

/// The keys with this one as the current.
fn held(
    keys: seal::MasterKeys,
    id: &str,
    source: &KeySource,
) -> Result<seal::MasterKeys, RotationError> {
    keys.with_current(id).ok_or_else(|| RotationError::NotHeld {
        id: id.to_owned(),
        place: source.to_string(),
    })
}

fn plan(keys: &seal::MasterKeys, known: &[KnownKey], source: &KeySource) -> Plan {
    let of = |state| known.iter().find(move |key| key.state == state);
    if let Some(announced) = of(KeyState::Announced) {
        return Plan::Take(announced.id.clone());
    }
    if let Some(current) = of(KeyState::Current)
        && current.completed_at.is_none()
    {
        return Plan::Finish(current.id.clone());
    }
    // Made by a rotation that was broken off, or put there by whoever makes keys.
    let is_new = |id: &&str| !known.iter().any(|key| key.id == *id);
    match (keys.ids().find(is_new), source) {
        (Some(id), _) => Plan::Announce(id.to_owned()),
        (None, KeySource::File(_)) => Plan::Make,
        (None, KeySource::Given) => Plan::Nothing,
    }
}
