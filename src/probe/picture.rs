//! Screenshots as the public may see them: drawn anew, small enough for a telephone.
//!
//! Owns the bytes of pictures. Must not know what is in them, nor who may see them.

use std::io::Cursor;

use image::imageops::FilterType;
use image::{DynamicImage, ImageFormat, ImageReader, Limits};

/// The widest picture for the public, in pixels.
const WIDEST: u32 = 1080;
/// The tallest, in pixels: what an error page says stands at its top.
const TALLEST: u32 = 2400;
/// Memory that decoding may take, in bytes.
const DECODING: u64 = 160 << 20;

/// The same picture as a new PNG without metadata, at most so wide and tall; `None` where
/// it is no picture, or too large a one. Blocking.
pub fn for_the_public(png: &[u8]) -> Option<Vec<u8>> {
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODING);
    let mut reader = ImageReader::with_format(Cursor::new(png), ImageFormat::Png);
    reader.limits(limits);
    let mut picture = reader.decode().ok()?;
    if picture.width() > WIDEST {
        let height = u64::from(picture.height()) * u64::from(WIDEST) / u64::from(picture.width());
        let height = u32::try_from(height).ok()?.max(1);
        picture = picture.resize_exact(WIDEST, height, FilterType::Triangle);
    }
    if picture.height() > TALLEST {
        picture = picture.crop_imm(0, 0, picture.width(), TALLEST);
    }
    let picture: DynamicImage = picture.into_rgb8().into();
    let mut out = Cursor::new(Vec::new());
    picture.write_to(&mut out, ImageFormat::Png).ok()?;
    Some(out.into_inner())
}
