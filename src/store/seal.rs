//! Encryption of personal data by field, and keyed hashes to look it up.
//!
//! Each report has a data key of its own; the data key stands in the database wrapped by a
//! master key. Every ciphertext is bound to its table, column and row, so that none can be
//! moved. Rotation wraps anew under a new master key; erasure forgets the data key.
//!
//! The cipher is XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03, section 2): by its definition
//! ChaCha20-Poly1305 under a subkey of `HChaCha20`. ring's is several times as fast as those in
//! Rust alone, which counts with pictures.

use chacha20::{R20, hchacha};
use hmac::{Hmac, KeyInit, Mac};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use sha2::Sha256;

use crate::domain::{Random, random};

const NONCE: usize = 24;

/// Why something could not be opened.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SealError {
    /// The master key that wrapped it is not configured.
    #[error("the master key `{0}` is not configured")]
    UnknownKey(String),
    /// Changed, moved, or sealed with another key.
    #[error("{0} does not open: it was changed, moved, or sealed with another key")]
    Broken(String),
}

/// The master keys by id. The first wraps what is new; all open what is old.
#[derive(Clone)]
pub struct MasterKeys {
    keys: Vec<(String, [u8; 32])>,
}

impl std::fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.keys.iter().map(|(id, _)| id))
            .finish()
    }
}

/// A report's own key. Forgotten when dropped from memory; never logged.
#[derive(Clone)]
pub struct DataKey([u8; 32]);

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DataKey(…)")
    }
}

impl MasterKeys {
    /// The keys by id, the current one first. `None` where there is none.
    pub fn new(keys: Vec<(String, [u8; 32])>) -> Option<Self> {
        (!keys.is_empty()).then_some(MasterKeys { keys })
    }

    /// The id of the key that wraps what is new.
    pub fn current(&self) -> &str {
        self.keys.first().map_or("", |(id, _)| id)
    }

    fn key(&self, id: &str) -> Result<&[u8; 32], SealError> {
        self.keys
            .iter()
            .find(|(known, _)| known == id)
            .map(|(_, key)| key)
            .ok_or_else(|| SealError::UnknownKey(id.to_owned()))
    }

    /// A new data key for the report `row`, and the same wrapped by the current master key.
    pub fn new_data_key(
        &self,
        row: &str,
        random: &dyn Random,
    ) -> Result<(DataKey, Vec<u8>), SealError> {
        let key = DataKey(random::bytes(random));
        let wrapped = self.wrap(&key, self.current(), row, random)?;
        Ok((key, wrapped))
    }

    /// Wraps a data key anew.
    pub fn wrap(
        &self,
        key: &DataKey,
        key_id: &str,
        row: &str,
        random: &dyn Random,
    ) -> Result<Vec<u8>, SealError> {
        let wrapping = DataKey(derive(self.key(key_id)?, "siaga/wrap/1", b""));
        wrapping.seal("reports", "wrapped_key", row, &key.0, random)
    }

    /// Opens a wrapped data key of the report `row`.
    pub fn unwrap(&self, wrapped: &[u8], key_id: &str, row: &str) -> Result<DataKey, SealError> {
        let wrapping = DataKey(derive(self.key(key_id)?, "siaga/wrap/1", b""));
        let bytes = wrapping.open("reports", "wrapped_key", row, wrapped)?;
        let key = bytes
            .try_into()
            .map_err(|_| SealError::Broken("a data key".to_owned()))?;
        Ok(DataKey(key))
    }

    /// The keyed hash of `value` for looking up, under the current key. `kind` keeps a
    /// passport number from matching a telephone number.
    pub fn lookup(&self, kind: &str, value: &str) -> Vec<u8> {
        self.lookups(kind, value)
            .into_iter()
            .next()
            .unwrap_or_default()
    }

    /// The keyed hashes of `value` under every key, the current one first: what was written
    /// before a rotation is found too.
    pub fn lookups(&self, kind: &str, value: &str) -> Vec<Vec<u8>> {
        let label = format!("siaga/lookup/1/{kind}");
        self.keys
            .iter()
            .map(|(_, key)| derive(key, &label, value.as_bytes()).to_vec())
            .collect()
    }

    /// The secret with which a reporter follows the report `row`: 128 bits, the same each
    /// time, so that a repeated request gets the same answer.
    pub fn follow_up_secret(&self, key_id: &str, row: &str) -> Result<[u8; 16], SealError> {
        let full = derive(self.key(key_id)?, "siaga/secret/1", row.as_bytes());
        let mut secret = [0; 16];
        secret.copy_from_slice(&full[..16]);
        Ok(secret)
    }
}

impl DataKey {
    /// Encrypts `plain` for one place in the database.
    pub fn seal(
        &self,
        table: &str,
        column: &str,
        row: &str,
        plain: &[u8],
        random: &dyn Random,
    ) -> Result<Vec<u8>, SealError> {
        let mut sealed = plain.to_vec();
        let nonce = self.seal_in_place(table, column, row, &mut sealed, random)?;
        sealed.splice(0..0, nonce);
        Ok(sealed)
    }

    /// As [`seal`](Self::seal), of bytes that are too many to copy: they are encrypted where they
    /// stand. What is given stands before them in what [`open`](Self::open) takes.
    pub fn seal_in_place(
        &self,
        table: &str,
        column: &str,
        row: &str,
        bytes: &mut Vec<u8>,
        random: &dyn Random,
    ) -> Result<[u8; NONCE], SealError> {
        let nonce: [u8; NONCE] = random::bytes(random);
        let place = place(table, column, row);
        let sealed = self.cipher(&nonce).and_then(|(cipher, nonce)| {
            cipher.seal_in_place_append_tag(nonce, Aad::from(&place), bytes)
        });
        match sealed {
            Ok(()) => Ok(nonce),
            Err(_) => Err(SealError::Broken(place)),
        }
    }

    /// Decrypts what was sealed for the same place.
    pub fn open(
        &self,
        table: &str,
        column: &str,
        row: &str,
        sealed: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        let place = place(table, column, row);
        let Some((nonce, body)) = sealed.split_first_chunk::<NONCE>() else {
            return Err(SealError::Broken(place));
        };
        let mut bytes = body.to_vec();
        let opened = self.cipher(nonce).and_then(|(cipher, nonce)| {
            let plain = cipher.open_in_place(nonce, Aad::from(&place), &mut bytes)?;
            Ok(plain.len())
        });
        match opened {
            Ok(length) => {
                bytes.truncate(length);
                Ok(bytes)
            }
            Err(_) => Err(SealError::Broken(place)),
        }
    }

    /// The cipher and what is left of the nonce for it.
    fn cipher(
        &self,
        nonce: &[u8; NONCE],
    ) -> Result<(LessSafeKey, Nonce), ring::error::Unspecified> {
        let (of_key, rest) = nonce.split_at(16);
        let of_key = of_key.try_into().map_err(|_| ring::error::Unspecified)?;
        let subkey = hchacha::<R20>(&self.0.into(), of_key);
        let key = LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &subkey)?);
        let mut short = [0; 12];
        short[4..].copy_from_slice(rest);
        Ok((key, Nonce::assume_unique_for_key(short)))
    }
}

fn place(table: &str, column: &str, row: &str) -> String {
    format!("{table}/{column}/{row}")
}

#[allow(clippy::expect_used, reason = "HMAC takes a key of any length")]
fn derive(key: &[u8; 32], label: &str, value: &[u8]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("a key of 32 bytes");
    mac.update(label.as_bytes());
    mac.update(&[0]);
    mac.update(value);
    mac.finalize().into_bytes().into()
}
