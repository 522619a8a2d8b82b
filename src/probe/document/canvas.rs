//! Owns: drawing rectangles, discs and letters in a few colours. Knows nothing of what is drawn.

use font8x8::legacy::{BASIC_LEGACY, LATIN_LEGACY};

/// The colours, by index: red, green, blue.
pub(super) const PALETTE: [[u8; 3]; 8] = [
    [255, 255, 255],
    [28, 32, 44],
    [232, 238, 230],
    [116, 30, 48],
    [150, 156, 160],
    [200, 24, 32],
    [226, 196, 170],
    [70, 88, 120],
];

/// A colour of [`PALETTE`].
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum Colour {
    White,
    Ink,
    Paper,
    Maroon,
    Grey,
    Red,
    Skin,
    Blue,
}

/// A picture in the palette's colours, row by row, one byte a pixel.
pub(super) struct Canvas {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) pixels: Vec<u8>,
}

/// The side of a letter's square at scale 1, in pixels.
pub(super) const LETTER: usize = 8;

impl Canvas {
    pub(super) fn new(width: usize, height: usize, ground: Colour) -> Self {
        Canvas {
            width,
            height,
            pixels: vec![ground as u8; width * height],
        }
    }

    /// A filled rectangle; what lies outside the canvas is cut off.
    pub(super) fn rectangle(&mut self, x: usize, y: usize, w: usize, h: usize, colour: Colour) {
        let (left, right) = (x.min(self.width), (x + w).min(self.width));
        for row in y.min(self.height)..(y + h).min(self.height) {
            let start = row * self.width;
            self.pixels[start + left..start + right].fill(colour as u8);
        }
    }

    /// A filled ellipse within the given rectangle.
    pub(super) fn ellipse(&mut self, x: usize, y: usize, w: usize, h: usize, colour: Colour) {
        for row in 0..h {
            // With s = 2·row + 1 - h the half width at a row is (w/2)·sqrt(1 - (s/h)²).
            let s = (2.0 * row as f64 + 1.0 - h as f64) / h as f64;
            let half = (w as f64 / 2.0 * (1.0 - s * s).max(0.0).sqrt()) as usize;
            self.rectangle(x + w / 2 - half.min(w / 2), y + row, 2 * half, 1, colour);
        }
    }

    /// Letters from left to right, each a square of 8 × `scale` pixels.
    pub(super) fn text(&mut self, x: usize, y: usize, scale: usize, text: &str, colour: Colour) {
        for (column, c) in text.chars().enumerate() {
            for (row, bits) in glyph(c).into_iter().enumerate() {
                for bit in (0..LETTER).filter(|bit| bits >> bit & 1 == 1) {
                    let left = x + (column * LETTER + bit) * scale;
                    self.rectangle(left, y + row * scale, scale, scale, colour);
                }
            }
        }
    }

    /// As [`text`](Self::text), centred on the canvas.
    pub(super) fn centred(&mut self, y: usize, scale: usize, text: &str, colour: Colour) {
        let width = text.chars().count() * LETTER * scale;
        self.text(self.width.saturating_sub(width) / 2, y, scale, text, colour);
    }
}

fn glyph(c: char) -> [u8; 8] {
    let code = u32::from(c) as usize;
    match c {
        // The font has no en dash; its hyphen stands in.
        '–' => BASIC_LEGACY[usize::from(b'-')],
        _ if code < BASIC_LEGACY.len() => BASIC_LEGACY[code],
        '\u{a0}'..='\u{ff}' => LATIN_LEGACY[code - 0xa0],
        _ => BASIC_LEGACY[usize::from(b'?')],
    }
}
