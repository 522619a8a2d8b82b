//! Passwords of staff: argon2id, with the same work whether or not the account exists.

use std::sync::OnceLock;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};

use crate::domain::{Random, random};

/// Fewest characters of a password.
pub const SHORTEST: usize = 12;
/// Most bytes of a password: more is somebody trying to keep us busy.
pub const LONGEST: usize = 1024;

/// A password could not be hashed.
#[derive(Debug, thiserror::Error)]
#[error("the password could not be hashed: {0}")]
pub struct HashError(String);

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
