//! The drawing itself, in the process that does nothing else.

use std::io::{self, BufWriter, Cursor, Read as _, Write};

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, GrayAlphaImage, GrayImage, ImageDecoder as _, ImageFormat, ImageReader};
use image::{RgbImage, RgbaImage};
use png::{ColorType, Transformations};
use rustix::process::{Resource, Rlimit, nice, setrlimit};

use super::{Header, Reader, Unfit};

/// The widest picture for the public, in pixels.
const PUBLIC_WIDTH: u32 = 1080;
/// The tallest, in pixels: what an error page says stands at its top.
const PUBLIC_HEIGHT: u32 = 2400;
/// What may stand in a PNG before and between its pixels, in bytes.
const MAX_PNG_CHUNK_BYTES: usize = 4 << 20;
/// CPU time, in seconds: the largest picture takes two or three.
const MAX_CPU_SECONDS: u64 = 30;
/// How far this steps back behind everything else, the probes above all.
const NICENESS: i32 = 10;

/// Why a picture was not drawn.
#[derive(Debug, thiserror::Error)]
pub enum DrawError {
    /// Its limits could not be set, so it was not looked at.
    #[error("no limit could be set: {0}")]
    Limit(#[from] rustix::io::Errno),
    /// It could not be read, or the result not be written.
    #[error("reading and writing: {0}")]
    Io(#[from] io::Error),
    /// It is not taken.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// The decoder's or the encoder's reason.
    #[error(transparent)]
    Picture(#[from] image::ImageError),
    /// The reason of the decoder of PNG.
    #[error(transparent)]
    Png(#[from] png::DecodingError),
}

/// Reads a picture, and writes it anew: upright, 8 bits a channel, without anything beside its
/// pixels. This process then has no more than `memory` bytes; where the picture needs more, it
/// ends.
///
/// # Errors
///
/// If it cannot be limited, or the picture cannot be decoded.
pub fn draw(
    input: &mut dyn io::Read,
    output: &mut dyn Write,
    reader: Reader,
    memory: u64,
) -> Result<(), DrawError> {
    // Where the machine runs out of memory, this is what may go first.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    let _ = nice(NICENESS);
    let limit = |most: u64| Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    setrlimit(Resource::Core, limit(0))?;
    setrlimit(Resource::Cpu, limit(MAX_CPU_SECONDS))?;
    setrlimit(Resource::Data, limit(memory))?;
    let mut bytes = Vec::new();
    input.take(memory).read_to_end(&mut bytes)?;
    let header = Header::read(&bytes)?;
    let (mut picture, orientation) = match header.format {
        ImageFormat::Png => decode_png(&bytes)?,
        format => decode(&bytes, format)?,
    };
    drop(bytes);
    picture.apply_orientation(orientation);
    if reader == Reader::Public {
        picture = for_the_public(picture);
    }
    let mut output = BufWriter::new(output);
    match header.format {
        ImageFormat::Jpeg => picture.write_with_encoder(JpegEncoder::new(&mut output))?,
        _ => picture.write_with_encoder(PngEncoder::new(&mut output))?,
    }
    Ok(output.flush()?)
}

fn decode(
    bytes: &[u8],
    format: ImageFormat,
) -> Result<(DynamicImage, Orientation), image::ImageError> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    // The process has a limit, which counts all.
    reader.no_limits();
    let mut decoder = reader.into_decoder()?;
    let orientation = decoder.orientation()?;
    Ok((DynamicImage::from_decoder(decoder)?, orientation))
}

fn png_decoder(bytes: &[u8]) -> png::Decoder<Cursor<&[u8]>> {
    let limits = png::Limits {
        bytes: MAX_PNG_CHUNK_BYTES,
    };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder
}

/// Width and height in pixels, by the first chunk alone.
pub(super) fn png_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut decoder = png_decoder(bytes);
    decoder.read_header_info().ok().map(png::Info::size)
}

/// Like [`decode`], with 8 bits a channel from the start: the `image` crate would keep 16.
fn decode_png(bytes: &[u8]) -> Result<(DynamicImage, Orientation), DrawError> {
    let broken = || DrawError::Unfit(Unfit::NotAPicture);
    let mut decoder = png_decoder(bytes);
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let mut reader = decoder.read_info()?;
    let (width, height) = reader.info().size();
    let mut pixels = vec![0; reader.output_buffer_size().ok_or_else(broken)?];
    reader.next_frame(&mut pixels)?;
    let exif = reader.info().exif_metadata.as_deref();
    let orientation = exif
        .and_then(Orientation::from_exif_chunk)
        .unwrap_or(Orientation::NoTransforms);
    let picture = match reader.output_color_type().0 {
        ColorType::Grayscale => GrayImage::from_raw(width, height, pixels).map(Into::into),
        ColorType::GrayscaleAlpha => {
            GrayAlphaImage::from_raw(width, height, pixels).map(Into::into)
        }
        ColorType::Rgba => RgbaImage::from_raw(width, height, pixels).map(Into::into),
        ColorType::Rgb | ColorType::Indexed => {
            RgbImage::from_raw(width, height, pixels).map(Into::into)
        }
    };
    Ok((picture.ok_or_else(broken)?, orientation))
}

/// What the scaling of a picture of this width takes beside it, in bytes: four numbers of four
/// bytes for each pixel of what is kept of its height, and the part of it that is kept.
pub(super) fn scaling_bytes(width: u32) -> u64 {
    u64::from(width) * u64::from(PUBLIC_HEIGHT) * 20
}

/// The top of it, no wider than a telephone shows.
fn for_the_public(picture: DynamicImage) -> DynamicImage {
    let (width, height) = (picture.width(), picture.height());
    let shown_width = width.min(PUBLIC_WIDTH);
    // Cut before it is scaled, so that what is cut off costs nothing.
    let kept = u64::from(PUBLIC_HEIGHT) * u64::from(width) / u64::from(shown_width.max(1));
    let kept = u32::try_from(kept).unwrap_or(u32::MAX).min(height);
    let picture = if kept < height {
        picture.crop_imm(0, 0, width, kept)
    } else {
        picture
    };
    if width == shown_width {
        return picture;
    }
    let shown_height = u64::from(kept) * u64::from(shown_width) / u64::from(width);
    let shown_height = u32::try_from(shown_height).unwrap_or(u32::MAX).max(1);
    picture.resize_exact(shown_width, shown_height, FilterType::Triangle)
}
