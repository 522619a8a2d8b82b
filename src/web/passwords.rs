//! Passwords of staff: argon2id, with the same work whether or not the account exists, and a
//! bound on how much of it goes on at one time.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::domain::{Random, random};

/// Fewest characters of a password.
pub const SHORTEST: usize = 12;
/// Most bytes of a password: more is somebody trying to keep us busy.
pub const LONGEST: usize = 1024;

/// A password could not be hashed.
#[derive(Debug, thiserror::Error)]
#[error("the password could not be hashed: {0}")]
pub struct HashError(String);

/// Why a password cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LengthError {
    /// It has fewer characters than [`SHORTEST`].
    TooShort,
    /// It has more bytes than [`LONGEST`].
    TooLong,
}

/// Whether a new password is long enough, and not too long. Nothing else is asked of it.
pub fn check_length(password: &str) -> Result<(), LengthError> {
    if password.len() > LONGEST {
        return Err(LengthError::TooLong);
    }
    if password.chars().count() < SHORTEST {
        return Err(LengthError::TooShort);
    }
    Ok(())
}

/// The hash of a password in PHC form. Blocking: tens of milliseconds and 19 MB.
pub fn hash(password: &str, random: &dyn Random) -> Result<String, HashError> {
    let salt: [u8; 16] = random::bytes(random);
    let hash: PasswordHash = Argon2::default()
        .hash_password_with_salt(password.as_bytes(), &salt)
        .map_err(|error| HashError(error.to_string()))?;
    Ok(hash.to_string())
}

/// Whether the password is right. `None` for an account that does not exist takes as long
/// and is never right. Blocking.
pub fn verify(password: &str, hash: Option<&str>) -> bool {
    // Made on the first call, whoever it is for.
    let nobodys = nobodys();
    let stored = hash.and_then(|hash| PasswordHash::new(hash).ok());
    let known = stored.is_some();
    let Some(against) = stored.or_else(|| PasswordHash::new(nobodys).ok()) else {
        return false;
    };
    let right = Argon2::default()
        .verify_password(password.as_bytes(), &against)
        .is_ok();
    known && right
}

/// A hash of the present cost that belongs to nobody.
fn nobodys() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| {
        let hash: Result<PasswordHash, _> =
            Argon2::default().hash_password_with_salt(b"belongs to nobody", b"sixteen bytes...");
        hash.map_or_else(|_| String::new(), |hash| hash.to_string())
    })
}

/// A new password that can be read out: five groups of four, 100 bits.
pub fn generate(random: &dyn Random) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
    let bytes: [u8; 20] = random::bytes(random);
    let mut out = String::with_capacity(24);
    for (place, byte) in bytes.iter().enumerate() {
        if place > 0 && place % 4 == 0 {
            out.push('-');
        }
        let letter = LETTERS.get(usize::from(byte & 31)).copied().unwrap_or(b'a');
        out.push(char::from(letter));
    }
    out
}

/// How long somebody waits for a place to have a password hashed.
const PLACE_TIMEOUT: Duration = Duration::from_secs(10);
/// How many may wait for a place of each kind. On a slow machine a hash takes 0.3 s: two places
/// serve about so many within [`PLACE_TIMEOUT`].
const MAX_WAITING: usize = 64;

/// Whom a password is hashed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Somebody of whom nothing is known.
    Stranger,
    /// Somebody signed in, or at a browser that signed in to the account before.
    Known,
}

/// Too many are waiting, or waited too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are waiting to be hashed")]
pub struct Busy;

/// The places in which passwords are hashed: each takes 19 MB of memory and a core while it
/// lasts. One place is for [`Caller::Known`] alone, so that strangers cannot take all of them.
/// Cheap to clone.
#[derive(Clone)]
pub struct HashingPlaces {
    shared: Arc<Semaphore>,
    reserved: Arc<Semaphore>,
    strangers_waiting: Arc<Semaphore>,
    known_waiting: Arc<Semaphore>,
}

impl HashingPlaces {
    /// So many places for everyone, and one more for those who are known.
    pub fn new(shared: usize) -> Self {
        let places = |count| Arc::new(Semaphore::new(count));
        HashingPlaces {
            shared: places(shared.max(1)),
            reserved: places(1),
            strangers_waiting: places(MAX_WAITING),
            known_waiting: places(MAX_WAITING),
        }
    }

    /// Runs `work` in a place, on a thread where it may block. The place is held by the work
    /// itself: a client that leaves frees nothing before the work is done.
    ///
    /// # Errors
    /// When no place is free in time, or the work panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        caller: Caller,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let waiting = match caller {
            Caller::Stranger => &self.strangers_waiting,
            Caller::Known => &self.known_waiting,
        };
        let place = {
            let _waiting = waiting.try_acquire().map_err(|_| Busy)?;
            let place = timeout(PLACE_TIMEOUT, self.place(caller)).await;
            place.map_err(|_| Busy)??
        };
        let done = tokio::task::spawn_blocking(move || {
            let value = work();
            drop(place);
            value
        });
        done.await.map_err(|_| Busy)
    }

    async fn place(&self, caller: Caller) -> Result<OwnedSemaphorePermit, Busy> {
        let shared = Arc::clone(&self.shared).acquire_owned();
        let place = match caller {
            Caller::Stranger => shared.await,
            Caller::Known => tokio::select! {
                biased;
                place = shared => place,
                place = Arc::clone(&self.reserved).acquire_owned() => place,
            },
        };
        place.map_err(|_| Busy)
    }
}
