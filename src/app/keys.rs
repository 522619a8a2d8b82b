//! The master keys of the running service.

use std::sync::Arc;

use anyhow::Context;

use crate::config::{Config, MasterKeys};
use crate::domain::{Clock, Random};
use crate::store::seal::{self, KeyRing};
use crate::store::{self, Store, case_steps, keys};
use crate::web::sessions::again_if_raced;

/// Reasons that are sealed in one transaction.
const REASONS_AT_ONCE: i64 = 100;

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
    let (keys, made) = MasterKeys::load(config, random)?;
    if made && !config.rehearsal {
        tracing::warn!(
            file = %config.key_file().display(),
            "a master key was made: keep a copy of it, without it reports cannot be read"
        );
    }
    let keys = keys.iter().map(|(id, key)| (id.to_owned(), *key)).collect();
    let keys = seal::MasterKeys::new(keys).context("there is no master key")?;
    let now = clock.now();
    let keys = again_if_raced(|| {
        let keys = keys.clone();
        store.write(move |mut c| Box::pin(async move { keys::adopt(&mut c, keys, now).await }))
    })
    .await??;
    Ok(keys.into())
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
