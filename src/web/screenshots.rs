//! Screenshots as they come in, lie on disk, and are shown. On disk they are sealed with
//! their report's key; nobody ever sees the bytes that were sent, only the picture in them.

use std::fs;
use std::io;
use std::path::Path;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::new_files::NewFiles;
use crate::domain::Random;
use crate::pictures::{Header, Unfit};
use crate::store::reports::Screenshot;
use crate::store::seal::{DataKey, SealError};

/// What a picture's first bytes tell, and the hash of all.
#[derive(Clone, Debug)]
pub struct Looked {
    /// Its kind and size.
    pub header: Header,
    /// Lower-case hex, of the bytes as they were sent.
    pub sha256: String,
}

/// Looks at a picture without decoding it. Blocking, for the hash.
fn look(bytes: &[u8]) -> Result<Looked, Unfit> {
    Ok(Looked {
        header: Header::read(bytes)?,
        sha256: HEXLOWER.encode(&Sha256::digest(bytes)),
    })
}

/// Why screenshots could not be kept or shown.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk.
    #[error("a screenshot could not be written or read: {0}")]
    Disk(#[from] io::Error),
    /// The key.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// They are not taken.
    #[error("a screenshot is not taken")]
    Unfit(Vec<Unfit>),
}

fn place(report: &str, number: i64) -> String {
    format!("{report}/{number}")
}

/// Seals pictures that were looked at, and writes them to disk: when this gives `Ok`, they are
/// durable; when it gives an error, nothing is left. Blocking.
pub fn keep(
    folder: &NewFiles,
    report: &str,
    pictures: Vec<Vec<u8>>,
    looked: &[Looked],
    key: &DataKey,
    random: &dyn Random,
) -> Result<Vec<Screenshot>, Error> {
    let kept: Vec<Screenshot> = (1..)
        .zip(&pictures)
        .zip(looked)
        .map(|((number, bytes), looked)| Screenshot {
            number,
            sha256: looked.sha256.clone(),
            file: format!("{report}-{number}"),
            media_type: looked.header.media_type().to_owned(),
            width: i64::from(looked.header.width),
            height: i64::from(looked.header.height),
            size: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
        })
        .collect();
    let write_all = || -> Result<(), Error> {
        for (shot, mut bytes) in kept.iter().zip(pictures) {
            let place = place(report, shot.number);
            let nonce = key.seal_in_place("screenshots", "file", &place, &mut bytes, random)?;
            folder.write(&shot.file, &[&nonce, &bytes])?;
        }
        Ok(folder.sync()?)
    };
    match write_all() {
        Ok(()) => Ok(kept),
        Err(error) => {
            remove(folder.folder(), &kept);
            Err(error)
        }
    }
}

/// Looks at every picture; the error tells of each that is not taken.
pub fn look_at_all(pictures: &[Vec<u8>]) -> Result<Vec<Looked>, Vec<Unfit>> {
    let (mut looked, mut unfit) = (Vec::new(), Vec::new());
    for bytes in pictures {
        match look(bytes) {
            Ok(one) => looked.push(one),
            Err(one) => unfit.push(one),
        }
    }
    if unfit.is_empty() {
        Ok(looked)
    } else {
        Err(unfit)
    }
}

/// Removes files; those that are not there count as removed. Blocking.
pub fn remove(folder: &Path, shots: &[Screenshot]) {
    for shot in shots {
        if let Err(error) = fs::remove_file(folder.join(&shot.file))
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, file = shot.file, "a screenshot's file could not be removed");
        }
    }
}

/// A picture as it was sent, which nobody may be shown. Blocking.
pub fn open(
    folder: &Path,
    report: &str,
    shot: &Screenshot,
    key: &DataKey,
) -> Result<Vec<u8>, Error> {
    let sealed = fs::read(folder.join(&shot.file))?;
    let place = place(report, shot.number);
    Ok(key.open("screenshots", "file", &place, &sealed)?)
}
