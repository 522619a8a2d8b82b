//! Owns: putting a drawing into a JPEG, PNG or PDF, and padding that file to a size by
//! what its format lets decoders skip: comment segments, an ancillary chunk, comment lines.

use std::io::Write as _;

use flate2::{Compression, Crc, write::ZlibEncoder};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder as _};

use super::Kind;
use super::canvas::{Canvas, PALETTE};
use super::specimen::MARK;

/// A document without padding, cut in two where the padding goes.
pub(super) struct Base {
    kind: Kind,
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl Base {
    pub(super) fn encode(kind: Kind, drawing: &Canvas, title: &str) -> Result<Base, String> {
        let (head, tail) = match kind {
            Kind::Jpeg => jpeg(drawing)?,
            Kind::Png => png(drawing)?,
            Kind::Pdf => pdf(drawing, title).map_err(|e| e.to_string())?,
        };
        Ok(Base { kind, head, tail })
    }

    pub(super) fn smallest(&self) -> u64 {
        let least = match self.kind {
            Kind::Jpeg => JPEG_SEGMENT.overhead,
            Kind::Png => PNG_CHUNK.overhead,
            Kind::Pdf => PDF_START.len() + PDF_OFFSET_DIGITS + PDF_END.len(),
        };
        (self.head.len() + least + self.tail.len()) as u64
    }

    /// The document in exactly `size` bytes; `None` where it is larger without padding.
    pub(super) fn padded_to(&self, size: u64) -> Option<Vec<u8>> {
        let padding = usize::try_from(size.checked_sub(self.smallest())?).ok()?;
        let mut out = Vec::with_capacity(usize::try_from(size).ok()?);
        out.extend_from_slice(&self.head);
        match self.kind {
            Kind::Jpeg => {
                for length in JPEG_SEGMENT.lengths(padding) {
                    jpeg_comment(&mut out, length);
                }
                out.extend_from_slice(&self.tail);
            }
            Kind::Png => {
                for length in PNG_CHUNK.lengths(padding) {
                    png_chunk(&mut out, length);
                }
                out.extend_from_slice(&self.tail);
            }
            Kind::Pdf => {
                pdf_comment(&mut out, padding);
                let table_at = out.len();
                out.extend_from_slice(&self.tail);
                out.extend_from_slice(PDF_START);
                out.extend_from_slice(format!("{table_at:0PDF_OFFSET_DIGITS$}").as_bytes());
                out.extend_from_slice(PDF_END);
            }
        }
        Some(out)
    }
}

/// A unit that decoders skip: so many bytes around its payload, and at most so large a payload.
struct Filler {
    overhead: usize,
    most: usize,
}

const JPEG_SEGMENT: Filler = Filler {
    overhead: 4,
    most: 65_533,
};
// Decoders refuse chunks of several megabytes, so many smaller ones are used.
const PNG_CHUNK: Filler = Filler {
    overhead: 12,
    most: 1 << 20,
};

impl Filler {
    /// Payload lengths of one or more units that together take `overhead + padding` bytes.
    fn lengths(&self, padding: usize) -> Vec<usize> {
        let units = (self.overhead + padding).div_ceil(self.overhead + self.most);
        let payload = self.overhead + padding - units * self.overhead;
        (0..units)
            .map(|unit| payload / units + usize::from(unit < payload % units))
            .collect()
    }
}

/// The mark, over and over, to exactly `length` bytes.
fn fill(out: &mut Vec<u8>, length: usize) {
    let text = MARK.replace('–', "-") + "\n";
    out.extend(text.bytes().cycle().take(length));
}

fn rgb(drawing: &Canvas) -> Vec<u8> {
    drawing
        .pixels
        .iter()
        .flat_map(|&index| PALETTE[usize::from(index)])
        .collect()
}

fn side(pixels: usize) -> Result<u32, String> {
    u32::try_from(pixels).map_err(|e| e.to_string())
}

fn jpeg(drawing: &Canvas) -> Result<(Vec<u8>, Vec<u8>), String> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 35)
        .write_image(
            &rgb(drawing),
            side(drawing.width)?,
            side(drawing.height)?,
            ExtendedColorType::Rgb8,
        )
        .map_err(|e| e.to_string())?;
    // SOI, then APP0, which has to come first: its length is in the bytes after its marker.
    let app0 = match bytes[..] {
        [0xff, 0xd8, 0xff, 0xe0, high, low, ..] => usize::from(u16::from_be_bytes([high, low])),
        _ => return Err("the JPEG does not start with APP0".to_owned()),
    };
    let tail = bytes.split_off(4 + app0);
    Ok((bytes, tail))
}

fn jpeg_comment(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(&[0xff, 0xfe]);
    // At most 65,533 by the filler's limit; the field counts its own two bytes.
    out.extend_from_slice(&(length as u16 + 2).to_be_bytes());
    fill(out, length);
}

fn png(drawing: &Canvas) -> Result<(Vec<u8>, Vec<u8>), String> {
    let mut bytes = Vec::new();
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Best, FilterType::Up)
        .write_image(
            &rgb(drawing),
            side(drawing.width)?,
            side(drawing.height)?,
            ExtendedColorType::Rgb8,
        )
        .map_err(|e| e.to_string())?;
    // The signature and IHDR are 8 + 25 bytes.
    let tail = bytes.split_off(33);
    Ok((bytes, tail))
}

fn png_chunk(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(&(length as u32).to_be_bytes());
    let start = out.len();
    // Ancillary, private, safe to copy.
    out.extend_from_slice(b"tsTp");
    fill(out, length);
    let mut crc = Crc::new();
    crc.update(&out[start..]);
    out.extend_from_slice(&crc.sum().to_be_bytes());
}

const PDF_START: &[u8] = b"startxref\n";
const PDF_OFFSET_DIGITS: usize = 10;
const PDF_END: &[u8] = b"\n%%EOF\n";

/// Everything up to the cross-reference table, and that table with the trailer.
fn pdf(drawing: &Canvas, title: &str) -> std::io::Result<(Vec<u8>, Vec<u8>)> {
    let (w, h) = (drawing.width, drawing.height);
    let mut deflated = ZlibEncoder::new(Vec::new(), Compression::best());
    deflated.write_all(&drawing.pixels)?;
    let picture = deflated.finish()?;
    let palette: String = PALETTE
        .iter()
        .flatten()
        .map(|v| format!("{v:02x}"))
        .collect();
    // 1240 pixels across make 595 points, the width of A4.
    let (across, down) = (595, 595 * h / w);
    let content = format!("q {across} 0 0 {down} 0 0 cm /Page Do Q");
    let mark = MARK.replace('–', "-");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {across} {down}] /Contents 4 0 R \
             /Resources << /XObject << /Page 5 0 R >> >> >>"
        ),
        format!(
            "<< /Length {} >>\nstream\n{content}\nendstream",
            content.len()
        ),
        format!(
            "<< /Type /XObject /Subtype /Image /Width {w} /Height {h} /BitsPerComponent 8 \
             /ColorSpace [/Indexed /DeviceRGB {} <{palette}>] /Filter /FlateDecode /Length {} >>",
            PALETTE.len() - 1,
            picture.len()
        ),
        format!("<< /Title ({title}) /Subject ({mark}) /Producer (Siaga) >>"),
    ];

    let mut out = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (number, object) in (1..).zip(&objects) {
        table += &format!("{:010} 00000 n \n", out.len());
        write!(out, "{number} 0 obj\n{object}\n")?;
        if object.contains("/FlateDecode") {
            out.extend_from_slice(b"stream\n");
            out.extend_from_slice(&picture);
            out.extend_from_slice(b"\nendstream\n");
        }
        out.extend_from_slice(b"endobj\n");
    }
    table += &format!(
        "trailer\n<< /Size {} /Root 1 0 R /Info 6 0 R >>\n",
        objects.len() + 1
    );
    Ok((out, table.into_bytes()))
}

/// Comment lines of at most 80 bytes, the last one ended whatever its length.
fn pdf_comment(out: &mut Vec<u8>, length: usize) {
    const LINE: usize = 80;
    let text = MARK.replace('–', "-");
    let text = text.as_bytes();
    for i in 0..length {
        let column = i % LINE;
        out.push(if i + 1 == length || column == LINE - 1 {
            b'\n'
        } else if column == 0 {
            b'%'
        } else {
            text[column % text.len()]
        });
    }
}
