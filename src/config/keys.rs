//! Owns: the master keys that personal data is sealed with: reading them, and making the
//! first one.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};

use super::{Config, SecretError};
use crate::domain::{Random, random};

/// Where the keys come from unless they are in a file.
const VARIABLE: &str = "SIAGA_MASTER_KEY";

/// The master keys by id, the current one first; the others only open what they sealed.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKeys(Vec<(String, [u8; 32])>);

/// Why there are no master keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The text holds none, or something else.
    #[error(
        "{place} is wrong: {what}; write `id:key` with 32 bytes in base64 or hex, the current key first"
    )]
    Format {
        /// Where the text came from.
        place: String,
        /// What is wrong with it; never the text itself.
        what: String,
    },
    /// The file of keys cannot be read or written.
    #[error("the master key in {0} cannot be used: {1}")]
    File(PathBuf, io::Error),
    /// The secret itself cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

impl MasterKeys {
    /// Reads `id:key` pairs parted by commas or white space; `place` stands in errors. A key
    /// alone gets the id `1`.
    pub fn parse(text: &str, place: &str) -> Result<Self, KeyError> {
        let wrong = |what: String| KeyError::Format {
            place: place.to_owned(),
            what,
        };
        let mut keys: Vec<(String, [u8; 32])> = Vec::new();
        let pairs = text.split(|c: char| c == ',' || c.is_whitespace());
        for (number, pair) in (1..).zip(pairs.filter(|pair| !pair.is_empty())) {
            let (id, key) = pair.split_once(':').unwrap_or(("1", pair));
            let fits = (1..=32).contains(&id.len())
                && id
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
            if !fits {
                return Err(wrong(format!("the id of key {number} is not a short word")));
            }
            if keys.iter().any(|(other, _)| other == id) {
                return Err(wrong(format!("the id of key {number} is taken")));
            }
            let key = bytes(key).ok_or_else(|| wrong(format!("key {number} is not 32 bytes")))?;
            keys.push((id.to_owned(), key));
        }
        if keys.is_empty() {
            return Err(wrong("it holds no key".to_owned()));
        }
        Ok(MasterKeys(keys))
    }

    /// The keys of `SIAGA_MASTER_KEY` (variable or secret file), else of the key file, which is
    /// made where it is missing. Also tells whether it was: whoever started the program then
    /// has to learn that this file must be kept apart from the backups, and safe.
    pub fn load(config: &Config, random: &dyn Random) -> Result<(Self, bool), KeyError> {
        if let Some(text) = config.secrets.own(VARIABLE)? {
            return Ok((Self::parse(text.reveal(), VARIABLE)?, false));
        }
        let path = config.key_file();
        let made = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                create(&path, random).map_err(|error| KeyError::File(path.clone(), error))?
            }
            _ => false,
        };
        let text =
            fs::read_to_string(&path).map_err(|error| KeyError::File(path.clone(), error))?;
        Ok((Self::parse(&text, &path.display().to_string())?, made))
    }

    /// The id and bytes of the key to seal with.
    pub fn current(&self) -> (&str, &[u8; 32]) {
        let (id, key) = &self.0[0];
        (id, key)
    }

    /// The key of an id.
    pub fn get(&self, id: &str) -> Option<&[u8; 32]> {
        self.iter()
            .find(|(known, _)| *known == id)
            .map(|(_, key)| key)
    }

    /// Every key with its id, the current one first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8; 32])> {
        self.0.iter().map(|(id, key)| (id.as_str(), key))
    }
}

impl fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(id, _)| id))
            .finish()
    }
}

fn bytes(key: &str) -> Option<[u8; 32]> {
    [
        HEXLOWER_PERMISSIVE,
        BASE64,
        BASE64_NOPAD,
        BASE64URL,
        BASE64URL_NOPAD,
    ]
    .iter()
    .find_map(|encoding| encoding.decode(key.as_bytes()).ok()?.try_into().ok())
}

/// Writes a new key, whole and durable or not at all; whether it was ours that got there first.
fn create(path: &Path, random: &dyn Random) -> io::Result<bool> {
    use std::os::unix::fs::DirBuilderExt as _;
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    // Temporary files are for this user alone (0600), and keep that when they are named.
    let mut file = tempfile::Builder::new()
        .prefix(".master.key-")
        .tempfile_in(folder)?;
    let key = BASE64.encode(&random::bytes::<32>(random));
    writeln!(file, "1:{key}")?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => {
            fs::File::open(folder)?.sync_all()?;
            Ok(true)
        }
        Err(refused) if refused.error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(refused) => Err(refused.error),
    }
}
