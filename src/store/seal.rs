//! Encryption of personal data by field, and keyed hashes to look it up.
//!
//! Each report has a data key of its own; the data key stands in the database wrapped by a
//! master key. Every ciphertext is bound to its table, column and row, so that none can be
//! moved. Rotation wraps data keys anew and computes hashes anew under a new master key
//! (`store::rewrap`); erasure forgets the data key. What the service itself seals or signs, and
//! what belongs to no report, has service keys, wrapped alike (`store::keys`).
//!
//! The cipher is XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03, section 2): by its definition
//! ChaCha20-Poly1305 under a subkey of `HChaCha20`. ring's is several times as fast as those in
//! Rust alone, which counts with pictures.

use std::sync::{Arc, PoisonError, RwLock};

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

/// The master keys by id. The current one wraps what is new; all open what is old.
#[derive(Clone)]
pub struct MasterKeys {
    keys: Vec<(String, [u8; 32])>,
}

/// The master keys of a running process, replaced as a whole when a key is added, dropped or
/// becomes the current one. Clones share them. Whoever seals takes [`get`](Self::get) once for
/// all that belongs together, so that it is of one set.
#[derive(Clone, Debug)]
pub struct KeyRing(Arc<RwLock<Arc<MasterKeys>>>);

impl From<MasterKeys> for KeyRing {
    fn from(keys: MasterKeys) -> Self {
        KeyRing(Arc::new(RwLock::new(Arc::new(keys))))
    }
}

impl KeyRing {
    /// The keys as they are now.
    pub fn get(&self) -> Arc<MasterKeys> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts these keys in the place of the others.
    pub fn replace(&self, keys: MasterKeys) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }
}

impl std::fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.keys.iter().map(|(id, _)| id))
            .finish()
    }
}

/// A report's own key, or a service key. Never logged.
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

    /// The same keys with this one as the current. `None` where it is not among them.
    pub fn with_current(mut self, id: &str) -> Option<Self> {
        let place = self.keys.iter().position(|(known, _)| known == id)?;
        self.keys[..=place].rotate_right(1);
        Some(self)
    }

    /// The same keys, with those of `others` behind them whose ids are not taken.
    pub fn extended(mut self, others: MasterKeys) -> Self {
        for (id, key) in others.keys {
            if !self.holds(&id) {
                self.keys.push((id, key));
            }
        }
        self
    }

    /// The same keys without those that `keep` gives `false` for; the current one always stays.
    pub fn filtered(mut self, keep: impl Fn(&str) -> bool) -> Self {
        let current = self.current().to_owned();
        self.keys.retain(|(id, _)| *id == current || keep(id));
        self
    }

    /// The id of the key that wraps what is new.
    pub fn current(&self) -> &str {
        self.keys.first().map_or("", |(id, _)| id)
    }

    /// The ids of all keys, the current one first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|(id, _)| id.as_str())
    }

    /// Whether there is a key of this id.
    pub fn holds(&self, id: &str) -> bool {
        self.ids().any(|known| known == id)
    }

    /// What tells whether two keys of one id are the same, and nothing else of the key.
    pub fn check_hash(&self, id: &str) -> Result<[u8; 32], SealError> {
        Ok(derive(self.key(id)?, "siaga/check/1", id.as_bytes()))
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
        let wrapped = self.wrap(&key, "reports", row, random)?;
        Ok((key, wrapped))
    }

    /// Opens a wrapped data key of the report `row`.
    pub fn unwrap(&self, wrapped: &[u8], key_id: &str, row: &str) -> Result<DataKey, SealError> {
        self.unwrap_of("reports", wrapped, key_id, row)
    }

    /// A new service key for the row of `service_keys`, and the same wrapped by the current
    /// master key.
    pub fn new_service_key(
        &self,
        row: &str,
        random: &dyn Random,
    ) -> Result<(DataKey, Vec<u8>), SealError> {
        let key = DataKey(random::bytes(random));
        let wrapped = self.wrap(&key, "service_keys", row, random)?;
        Ok((key, wrapped))
    }

    /// Wraps the key of a row of `table` by the current master key.
    pub(super) fn wrap(
        &self,
        key: &DataKey,
        table: &str,
        row: &str,
        random: &dyn Random,
    ) -> Result<Vec<u8>, SealError> {
        let wrapping = self.wrapping(self.current())?;
        wrapping.seal(table, "wrapped_key", row, &key.0, random)
    }

    /// Opens the wrapped key of a row of `table`.
    pub(super) fn unwrap_of(
        &self,
        table: &str,
        wrapped: &[u8],
        key_id: &str,
        row: &str,
    ) -> Result<DataKey, SealError> {
        let bytes = self
            .wrapping(key_id)?
            .open(table, "wrapped_key", row, wrapped)?;
        let key = bytes
            .try_into()
            .map_err(|_| SealError::Broken("a data key".to_owned()))?;
        Ok(DataKey(key))
    }

    fn wrapping(&self, key_id: &str) -> Result<DataKey, SealError> {
        Ok(DataKey(derive(self.key(key_id)?, "siaga/wrap/1", b"")))
    }

    /// The keyed hash of `value` for looking up, under the current key. `kind` keeps a
    /// passport number from matching a telephone number.
    pub fn lookup(&self, kind: &str, value: &str) -> Vec<u8> {
        self.lookups(kind, value).pop().unwrap_or_default()
    }

    /// The keyed hashes of `value` under every key, the current one **last**: what was written
    /// before a rotation is found too. A rotation moves rows from the others to the current one;
    /// whoever asks for one hash after the other in this order misses none that moves meanwhile,
    /// and may find it twice.
    pub fn lookups(&self, kind: &str, value: &str) -> Vec<Vec<u8>> {
        self.keys
            .iter()
            .rev()
            .map(|(_, key)| derive(key, &lookup_label(kind), value.as_bytes()).to_vec())
            .collect()
    }

    /// The keyed hash of `value` for looking up, under the key `key_id`.
    pub fn lookup_under(
        &self,
        key_id: &str,
        kind: &str,
        value: &str,
    ) -> Result<[u8; 32], SealError> {
        let key = self.key(key_id)?;
        Ok(derive(key, &lookup_label(kind), value.as_bytes()))
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
    /// The keyed hash (HMAC-SHA-256) of `value`. `label` keeps apart what the same key is used
    /// for.
    pub fn mac(&self, label: &str, value: &[u8]) -> [u8; 32] {
        derive(&self.0, label, value)
    }

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

fn lookup_label(kind: &str) -> String {
    format!("siaga/lookup/1/{kind}")
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
