//! Owns: the master keys that personal data is sealed with: where they come from, and what is
//! written to the file of keys.

use std::fmt;
use std::fs::{self, File, Permissions, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};

use super::{Config, SecretError};
use crate::domain::{Random, random};

/// Where the keys come from unless they are in a file.
const VARIABLE: &str = "SIAGA_MASTER_KEY";
/// How the names of files begin that become the file of keys.
const TEMPORARY: &str = ".master.key-";

/// The master keys by id, the current one first; the others only open what they sealed.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKeys(Vec<(String, [u8; 32])>);

/// Where the master keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// `SIAGA_MASTER_KEY`, a variable or a file in the folder of secrets: others write it.
    Given,
    /// The file of keys, which is ours.
    File(KeyFile),
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeySource::Given => f.write_str(VARIABLE),
            KeySource::File(file) => file.path.display().fmt(f),
        }
    }
}

/// The file of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFile {
    path: PathBuf,
}

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
    /// Another command writes to the file of keys.
    #[error("another `siaga keys` is at work on {0}: wait until it is done")]
    InUse(PathBuf),
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
    /// made with a key `id` where it is missing. Also tells whether it was: whoever started the program then
    /// has to learn that this file must be kept apart from the backups, and safe.
    pub fn load(config: &Config, id: &str, random: &dyn Random) -> Result<(Self, bool), KeyError> {
        if let Some(keys) = Self::given(config)? {
            return Ok((keys, false));
        }
        let file = KeyFile {
            path: config.key_file(),
        };
        let made = match fs::symlink_metadata(&file.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => file.create(id, random)?,
            _ => false,
        };
        Ok((file.read()?, made))
    }

    /// The keys as they are now, with where they come from. Unlike [`load`](Self::load) it makes
    /// none.
    pub fn read(config: &Config) -> Result<(Self, KeySource), KeyError> {
        if let Some(keys) = Self::given(config)? {
            return Ok((keys, KeySource::Given));
        }
        let file = KeyFile {
            path: config.key_file(),
        };
        Ok((file.read()?, KeySource::File(file)))
    }

    fn given(config: &Config) -> Result<Option<Self>, KeyError> {
        let text = config.secrets.own(VARIABLE)?;
        text.map(|text| Self::parse(text.reveal(), VARIABLE))
            .transpose()
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

impl KeyFile {
    fn failed(&self, error: io::Error) -> KeyError {
        KeyError::File(self.path.clone(), error)
    }

    fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        }
    }

    /// Keeps other commands from writing to the file for as long as the value lives.
    pub fn lock(&self) -> Result<File, KeyError> {
        let folder = File::open(self.folder()).map_err(|error| self.failed(error))?;
        match folder.try_lock() {
            Ok(()) => {
                self.sweep().map_err(|error| self.failed(error))?;
                Ok(folder)
            }
            Err(TryLockError::WouldBlock) => Err(KeyError::InUse(self.path.clone())),
            Err(TryLockError::Error(error)) => Err(self.failed(error)),
        }
    }

    /// Removes what was left of a writing that was broken off.
    fn sweep(&self) -> io::Result<()> {
        for entry in fs::read_dir(self.folder())? {
            let entry = entry?;
            let name = entry.file_name();
            if name.as_encoded_bytes().starts_with(TEMPORARY.as_bytes()) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// The keys in the file, which is taken from everybody but its owner.
    fn read(&self) -> Result<MasterKeys, KeyError> {
        let read = || {
            let metadata = fs::metadata(&self.path)?;
            if metadata.mode() & 0o077 != 0 {
                let closed = fs::set_permissions(&self.path, Permissions::from_mode(0o600));
                // A container platform gives files that cannot be changed, to a group of their own.
                closed
                    .or_else(|error| (metadata.mode() & 0o007 == 0).then_some(()).ok_or(error))?;
            }
            fs::read_to_string(&self.path)
        };
        let text = read().map_err(|error| self.failed(error))?;
        MasterKeys::parse(&text, &self.path.display().to_string())
    }

    /// Makes a key of this id, behind those that are there: durable before this returns.
    pub fn add(&self, id: &str, random: &dyn Random) -> Result<MasterKeys, KeyError> {
        let mut keys = self.read()?;
        keys.0.push((id.to_owned(), random::bytes(random)));
        self.write(&keys, true)?;
        Ok(keys)
    }

    /// Takes the key of this id out, where it is there.
    pub fn remove(&self, id: &str) -> Result<(), KeyError> {
        let mut keys = self.read()?;
        if keys.get(id).is_some() {
            keys.0.retain(|(known, _)| known != id);
            self.write(&keys, true)?;
        }
        Ok(())
    }

    /// Writes the first key; whether it was ours that got there first.
    fn create(&self, id: &str, random: &dyn Random) -> Result<bool, KeyError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(self.folder())
            .map_err(|error| self.failed(error))?;
        let first = MasterKeys(vec![(id.to_owned(), random::bytes(random))]);
        self.write(&first, false)
    }

    /// Writes keys, whole and durable or not at all; `false` where `replace` does not hold and
    /// there is such a file.
    fn write(&self, keys: &MasterKeys, replace: bool) -> Result<bool, KeyError> {
        let write = || {
            // A link stays a link.
            let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
            let folder = path.parent().unwrap_or(Path::new("."));
            // Temporary files are for this user alone (0600), and keep that when they are named.
            let mut file = tempfile::Builder::new()
                .prefix(TEMPORARY)
                .tempfile_in(folder)?;
            for (id, key) in keys.iter() {
                writeln!(file, "{id}:{}", BASE64.encode(key))?;
            }
            if let Ok(before) = fs::metadata(&path)
                && (before.uid(), before.gid()) != owner(file.as_file())?
            {
                // Whoever rotates as root does not take the file from the service.
                fchown(file.as_file(), Some(before.uid()), Some(before.gid()))?;
            }
            file.as_file().sync_all()?;
            if replace {
                file.persist(&path)?;
            } else if let Err(refused) = file.persist_noclobber(&path) {
                if refused.error.kind() == ErrorKind::AlreadyExists {
                    return Ok(false);
                }
                return Err(refused.error);
            }
            File::open(folder)?.sync_all()?;
            Ok(true)
        };
        write().map_err(|error: io::Error| self.failed(error))
    }
}

fn owner(file: &File) -> io::Result<(u32, u32)> {
    let metadata = file.metadata()?;
    Ok((metadata.uid(), metadata.gid()))
}
