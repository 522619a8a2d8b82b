//! Owns: finding a secret by its name: in the environment, else in a folder of files.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::PathBuf;

use crate::domain::Secret;
use crate::probe::template::is_given_name;

/// The process's environment, or a test's. Its `Debug` shows names only.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// That of this process; what is not UTF-8 is left out.
    pub fn of_process() -> Self {
        let pairs = std::env::vars_os();
        Environment(
            pairs
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .collect(),
        )
    }

    /// The value of a variable that is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name)?;
        (!value.is_empty()).then_some(value)
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let pairs = pairs.into_iter();
        Environment(pairs.map(|(n, v)| (n.into(), v.into())).collect())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Why a secret cannot be had although there may be one.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Its file cannot be read.
    #[error("the secret in {0} cannot be read: {1}")]
    Unreadable(PathBuf, io::Error),
    /// Its file is no secret: too large.
    #[error("{0} is too large for a secret")]
    TooLarge(PathBuf),
}

/// The most bytes of a file that is a secret.
const LARGEST: u64 = 64 * 1024;

/// Secrets by name.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    environment: Environment,
    folder: Option<PathBuf>,
}

impl Secrets {
    /// Looks in the environment first, then in the folder, if there is one.
    pub fn new(environment: Environment, folder: Option<PathBuf>) -> Self {
        Secrets {
            environment,
            folder,
        }
    }

    /// The secret of a name in capitals: the variable `SIAGA_SECRET_<NAME>`, else `<NAME>`,
    /// else the file of that name in the folder, without the line break at its end. `None`
    /// where it is not set, or the name is not one that flows may ask for: what configures
    /// the program itself (`SIAGA_…`) is not theirs.
    pub fn get(&self, name: &str) -> Result<Option<Secret>, SecretError> {
        if !is_given_name(name) || name.starts_with("SIAGA_") {
            return Ok(None);
        }
        let own = self.environment.get(&format!("SIAGA_SECRET_{name}"));
        match own.or_else(|| self.environment.get(name)) {
            Some(value) => Ok(Some(Secret::new(value))),
            None => self.file(name),
        }
    }

    /// A setting of the program's own that is secret: the variable, else the file.
    pub(super) fn own(&self, name: &str) -> Result<Option<Secret>, SecretError> {
        match self.environment.get(name) {
            Some(value) => Ok(Some(Secret::new(value))),
            None => self.file(name),
        }
    }

    fn file(&self, name: &str) -> Result<Option<Secret>, SecretError> {
        let Some(folder) = &self.folder else {
            return Ok(None);
        };
        let path = folder.join(name);
        let mut text = String::new();
        match File::open(&path).and_then(|file| file.take(LARGEST + 1).read_to_string(&mut text)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(SecretError::Unreadable(path, error)),
            Ok(_) if text.len() as u64 > LARGEST => return Err(SecretError::TooLarge(path)),
            Ok(_) => {}
        }
        let text = text.trim_end_matches(['\r', '\n']);
        Ok((!text.is_empty()).then(|| Secret::new(text)))
    }
}
