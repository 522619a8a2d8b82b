//! The master keys of the running service: loaded at its start, and again when the database says
//! that there is another one, so that a rotation needs no restart.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::watch;

use crate::config::{Config, KeyError, KeySource, MasterKeys};
use crate::domain::{Clock, Moment, Random, random};
use crate::store::keys::{Instance, KeyState, KeysUnfit, KnownKey, Usage};
use crate::store::seal::{self, KeyRing};
use crate::store::{self, Store, case_steps, keys};
use crate::web::sessions::again_if_raced;

/// Reasons that are sealed in one transaction.
const REASONS_AT_ONCE: i64 = 100;
/// How often the database is asked which keys there are. A rotation waits for as long, twice.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often the process says which keys it holds while nothing changes.
const BEAT_EVERY: Duration = Duration::from_secs(20);
/// A process that was silent for so long is forgotten: it ended without a word.
const FORGET_AFTER: Duration = Duration::from_secs(86_400);

/// The master keys that the configuration names, as the store takes them.
pub(crate) fn sealing(keys: &MasterKeys) -> anyhow::Result<seal::MasterKeys> {
    let keys = keys.iter().map(|(id, key)| (id.to_owned(), *key)).collect();
    seal::MasterKeys::new(keys).context("there is no master key")
}

/// Loads the master keys that the configuration names, and tells the database of them.
///
/// # Errors
/// When they cannot be read, or are not those of the database.
pub async fn open(
    config: &Config,
    store: &Store,
    clock: &dyn Clock,
    random: &dyn Random,
) -> anyhow::Result<KeyRing> {
    let (keys, _) = load(config, store, None, random).await?;
    let keys = adopt(store, sealing(&keys)?, clock.now()).await??;
    Ok(keys.into())
}

/// Why there are no master keys to work with.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// They cannot be read or made.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The file of keys is gone, and with it the key of this database.
    #[error(transparent)]
    Unfit(#[from] KeysUnfit),
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Reads the master keys. Where there is no file of keys one is made, but not in the place of one
/// that the database needs, unless that is said to be lost.
pub(super) async fn load(
    config: &Config,
    store: &Store,
    lost: Option<&str>,
    random: &dyn Random,
) -> Result<(MasterKeys, KeySource), LoadError> {
    match MasterKeys::read(config) {
        Err(KeyError::File(_, error)) if error.kind() == ErrorKind::NotFound => {}
        read => return Ok(read?),
    }
    let (known, usage) = store
        .read(|mut c| {
            Box::pin(async move { Ok((keys::all(&mut c).await?, keys::usage(&mut c).await?)) })
        })
        .await?;
    let current = known.iter().find(|key| key.state == KeyState::Current);
    if let Some(id) = current.map(|key| key.id.clone())
        && lost != Some(&id)
        && let Some((_, Usage { data_keys, .. })) = usage.into_iter().find(|(of, _)| *of == id)
    {
        return Err(KeysUnfit::Missing { id, data_keys }.into());
    }
    let (keys, made) = MasterKeys::load(config, &next_id(&known, std::iter::empty()), random)?;
    if made && !config.rehearsal {
        tracing::warn!(
            file = %config.key_file().display(),
            "a master key was made: keep a copy of it, without it reports cannot be read"
        );
    }
    let (_, source) = MasterKeys::read(config)?;
    Ok((keys, source))
}

/// The next number that no key has or had.
pub(crate) fn next_id<'a>(known: &'a [KnownKey], held: impl Iterator<Item = &'a str>) -> String {
    let known = known.iter().map(|key| key.id.as_str());
    let numbers = known.chain(held).filter_map(|id| id.parse::<u32>().ok());
    numbers.max().unwrap_or(0).saturating_add(1).to_string()
}

/// [`keys::adopt`] in a transaction, and once more where another process was at it.
pub(super) async fn adopt(
    store: &Store,
    keys: seal::MasterKeys,
    now: Moment,
) -> Result<Result<seal::MasterKeys, KeysUnfit>, store::Error> {
    again_if_raced(|| {
        let keys = keys.clone();
        store.write(move |mut c| Box::pin(async move { keys::adopt(&mut c, keys, now).await }))
    })
    .await
}

/// Keeps the keys of a running service to what the database says of them.
pub struct KeyKeeper {
    config: Config,
    store: Store,
    ring: KeyRing,
    clock: Arc<dyn Clock>,
    instance: Instance,
    /// What was said of keys that cannot be had, so that it is said once.
    told: BTreeSet<String>,
}

impl KeyKeeper {
    /// For a service with this configuration that uses the keys of `ring`.
    pub fn new(
        config: Config,
        store: Store,
        ring: KeyRing,
        clock: Arc<dyn Clock>,
        random: &dyn Random,
    ) -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let name = format!(
            "{} on {}, process {}",
            config.probe.vantage,
            host.trim(),
            std::process::id()
        );
        let instance = Instance {
            id: random::id(clock.now(), random),
            name,
            key_ids: Vec::new(),
            current_key_id: String::new(),
            seen_at: Moment(0),
        };
        KeyKeeper {
            config,
            store,
            ring,
            clock,
            instance,
            told: BTreeSet::new(),
        }
    }

    /// Loads keys that the database names and that are not held yet, forgets those that were
    /// dropped, takes the current one into use, and says so in the database.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn look(&mut self) -> Result<(), store::Error> {
        let known = self
            .store
            .read(|mut c| Box::pin(async move { keys::all(&mut c).await }))
            .await?;
        self.renew(&known);
        let held = self.ring.get();
        let now = self.clock.now();
        let mut beat = self.instance.clone();
        beat.key_ids = held.ids().map(str::to_owned).collect();
        beat.current_key_id = held.current().to_owned();
        let is_awaited = known.iter().any(|key| key.state == KeyState::Announced);
        let is_due = now.since(beat.seen_at) >= BEAT_EVERY || now < beat.seen_at;
        if is_awaited || is_due || beat != self.instance {
            beat.seen_at = now;
            self.instance = self
                .store
                .write(move |mut c| {
                    Box::pin(async move {
                        keys::forget_instances(&mut c, now - FORGET_AFTER).await?;
                        keys::beat(&mut c, &beat).await?;
                        Ok(beat)
                    })
                })
                .await?;
        }
        Ok(())
    }

    fn renew(&mut self, known: &[KnownKey]) {
        let mut keys = self.ring.get().as_ref().clone();
        let before: Vec<String> = keys.ids().map(str::to_owned).collect();
        let is_used = |key: &&KnownKey| key.state != KeyState::Dropped;
        if known.iter().filter(is_used).any(|key| !keys.holds(&key.id)) {
            match MasterKeys::read(&self.config).map(|(read, _)| sealing(&read)) {
                Ok(Ok(read)) => keys = keys.extended(read),
                Ok(Err(_)) => {}
                Err(error) => self.tell(&format!("master keys cannot be read: {error}")),
            }
        }
        for key in known.iter().filter(is_used) {
            match (keys.check_hash(&key.id), &key.check_hash) {
                (Err(_), _) => self.tell(&format!("the master key `{}` is missing", key.id)),
                (Ok(hash), Some(expected)) if *expected != hash => {
                    let other = "another key stands under the id of the master key";
                    self.tell(&format!("{other} `{}`", key.id));
                    let id = key.id.clone();
                    keys = keys.filtered(|held| held != id);
                }
                _ => {}
            }
        }
        let of_state = |state| move |key: &&KnownKey| key.state == state;
        if let Some(current) = known.iter().find(of_state(KeyState::Current)) {
            match keys.clone().with_current(&current.id) {
                Some(renewed) => keys = renewed,
                None => self.tell(&format!(
                    "the current master key `{}` is missing",
                    current.id
                )),
            }
        }
        let is_dropped = |id: &str| known.iter().any(|key| key.id == id && !is_used(&key));
        let keys = keys.filtered(|id| !is_dropped(id));
        if !keys.ids().eq(before.iter().map(String::as_str)) {
            tracing::info!(
                current = keys.current(),
                held = keys.ids().collect::<Vec<_>>().join(", "),
                "the master keys in use have changed"
            );
            self.ring.replace(keys);
        }
    }

    fn tell(&mut self, what: &str) {
        if self.told.insert(what.to_owned()) {
            tracing::error!("{what}: `siaga keys status` says what would mend it");
        }
    }

    /// Looks again and again until told to stop.
    ///
    /// # Errors
    /// Never: a database that is away is waited for.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) -> anyhow::Result<()> {
        while !*stop.borrow_and_update() {
            if let Err(error) = self.look().await {
                tracing::warn!(%error, "the state of the master keys could not be read");
            }
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
        let id = self.instance.id;
        let left = self
            .store
            .write(move |mut c| Box::pin(async move { keys::leave(&mut c, &id).await }));
        if let Err(error) = left.await {
            tracing::warn!(%error, "the end of this process could not be noted");
        }
        Ok(())
    }
}

/// Seals the reasons of steps that an earlier version wrote in the clear. Gives how many, and how
/// many are left because the key of their report does not open.
///
/// # Errors
/// When the database fails; what is sealed by then is sealed.
pub async fn seal_old_reasons(
    store: &Store,
    ring: &KeyRing,
    random: &Arc<dyn Random>,
) -> Result<(usize, usize), store::Error> {
    let (mut after, mut sealed, mut left) = (0, 0, 0);
    loop {
        let (keys, random) = (ring.get(), Arc::clone(random));
        let done = store
            .write(move |mut c| {
                Box::pin(async move {
                    let most = REASONS_AT_ONCE;
                    case_steps::seal_old_reasons(&mut c, after, most, &keys, &*random).await
                })
            })
            .await?;
        if done.last == 0 {
            return Ok((sealed, left));
        }
        after = done.last;
        sealed += done.sealed;
        left += done.left;
    }
}
