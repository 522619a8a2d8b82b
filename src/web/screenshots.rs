//! Screenshots as they come in, lie on disk, and are shown. On disk they are sealed with
//! their report's key; nobody ever sees the bytes that were sent, only the picture in them.

use std::fs;
use std::io::{self, Cursor};
use std::path::Path;

use data_encoding::HEXLOWER;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use sha2::{Digest, Sha256};

use super::new_files::NewFiles;
use crate::domain::Random;
use crate::store::reports::Screenshot;
use crate::store::seal::{DataKey, SealError};

/// Longest side taken, in pixels: a whole long page fits.
const LONGEST_SIDE: u32 = 20_000;
/// Most pixels taken.
const MOST_PIXELS: u64 = 50_000_000;
/// Memory that decoding one picture may take, in bytes: 50 megapixels of four bytes, and
/// the decoder's own.
const DECODING: u64 = 320 * 1024 * 1024;

/// Why a file is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Not PNG, JPEG or WebP, whatever its name says.
    #[error("not a PNG, JPEG or WebP picture")]
    NotAPicture,
    /// Too many pixels.
    #[error("more than 50 megapixels, or a side of more than 20,000 pixels")]
    TooManyPixels,
}

impl Unfit {
    /// The name used in JSON and as a key of texts.
    pub fn as_str(self) -> &'static str {
        match self {
            Unfit::NotAPicture => "not_a_picture",
            Unfit::TooManyPixels => "too_many_pixels",
        }
    }
}

/// What a picture's first bytes tell, and the hash of all.
#[derive(Clone, Debug)]
pub struct Looked {
    /// As sniffed: `image/png`, `image/jpeg`, `image/webp`.
    pub media_type: &'static str,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Lower-case hex, of the bytes as they were sent.
    pub sha256: String,
}

/// Looks at a picture without decoding it. Blocking, for the hash.
pub fn look(bytes: &[u8]) -> Result<Looked, Unfit> {
    let (media_type, format) = sniff(bytes).ok_or(Unfit::NotAPicture)?;
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits());
    let (width, height) = reader.into_dimensions().map_err(|error| match error {
        image::ImageError::Limits(_) => Unfit::TooManyPixels,
        _ => Unfit::NotAPicture,
    })?;
    let pixels = u64::from(width) * u64::from(height);
    if width > LONGEST_SIDE || height > LONGEST_SIDE || pixels > MOST_PIXELS {
        return Err(Unfit::TooManyPixels);
    }
    if pixels == 0 {
        return Err(Unfit::NotAPicture);
    }
    Ok(Looked {
        media_type,
        width,
        height,
        sha256: HEXLOWER.encode(&Sha256::digest(bytes)),
    })
}

fn sniff(bytes: &[u8]) -> Option<(&'static str, ImageFormat)> {
    match infer::get(bytes)?.mime_type() {
        "image/png" => Some(("image/png", ImageFormat::Png)),
        "image/jpeg" => Some(("image/jpeg", ImageFormat::Jpeg)),
        "image/webp" => Some(("image/webp", ImageFormat::WebP)),
        _ => None,
    }
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    limits.max_alloc = Some(DECODING);
    limits
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
    /// What was sent holds a picture's head, but no picture.
    #[error("the picture cannot be decoded: {0}")]
    Broken(String),
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
            media_type: looked.media_type.to_owned(),
            width: i64::from(looked.width),
            height: i64::from(looked.height),
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

/// A picture as it may be shown: decoded and encoded anew, so that nothing but the picture
/// is left. Gives the media type and the bytes. Blocking, and heavy.
pub fn show(
    folder: &Path,
    report: &str,
    shot: &Screenshot,
    key: &DataKey,
) -> Result<(&'static str, Vec<u8>), Error> {
    let sealed = fs::read(folder.join(&shot.file))?;
    let place = place(report, shot.number);
    let bytes = key.open("screenshots", "file", &place, &sealed)?;
    drop(sealed);
    let broken = |error: image::ImageError| Error::Broken(error.to_string());
    let (_, format) =
        sniff(&bytes).ok_or_else(|| Error::Broken("not a picture any more".to_owned()))?;
    let mut reader = ImageReader::with_format(Cursor::new(&bytes), format);
    reader.limits(limits());
    let mut decoder = reader.into_decoder().map_err(broken)?;
    // What turns a photograph upright stands in the metadata, which is dropped below.
    let orientation = decoder.orientation().map_err(broken)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(broken)?;
    picture.apply_orientation(orientation);
    let (media_type, format, picture) = match format {
        ImageFormat::Jpeg => ("image/jpeg", ImageFormat::Jpeg, picture.into_rgb8().into()),
        _ => ("image/png", ImageFormat::Png, with_eight_bits(picture)),
    };
    let mut out = Cursor::new(Vec::new());
    picture.write_to(&mut out, format).map_err(broken)?;
    Ok((media_type, out.into_inner()))
}

fn with_eight_bits(picture: DynamicImage) -> DynamicImage {
    if picture.color().has_alpha() {
        picture.into_rgba8().into()
    } else {
        picture.into_rgb8().into()
    }
}
