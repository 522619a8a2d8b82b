//! Owns: that the data folder is for the user who runs Siaga, and for nobody else.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::PathBuf;

use super::Data;

/// Why the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It is not there and cannot be made, or cannot be looked at.
    #[error("the data folder {0} cannot be used: {1}")]
    Unusable(PathBuf, io::Error),
    /// Every user of the machine may look into it.
    #[error(
        "the data folder is open to every user of this machine, and it holds personal data and its \
         key. This closes it: chmod o-rwx {0}"
    )]
    Open(String),
}

impl Data {
    /// Makes the data folder, for its owner alone, or looks at what is there. One that is open to
    /// others is refused. What its group may do is the operator's word: files in it are for their
    /// owner alone, so a group that may enter sees names only, and one that may write can
    /// replace them, of which there is a warning.
    pub fn open_folder(&self) -> Result<(), FolderError> {
        let unusable = |error| FolderError::Unusable(self.folder.clone(), error);
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)
            .map_err(unusable)?;
        let mode = fs::metadata(&self.folder)
            .map_err(unusable)?
            .permissions()
            .mode();
        if mode & 0o007 != 0 {
            let folder = std::path::absolute(&self.folder).unwrap_or_else(|_| self.folder.clone());
            return Err(FolderError::Open(quoted(&folder.display().to_string())));
        }
        if mode & 0o020 != 0 {
            tracing::warn!(
                folder = %self.folder.display(),
                "the group of the data folder may replace the database and the master key"
            );
        }
        Ok(())
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if !word.starts_with('-') && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}
