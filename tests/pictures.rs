//! Pictures of strangers are drawn anew, within the memory that their size accounts for.

use std::fs;
use std::io::{Cursor, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::read::GzDecoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageReader};
use siaga::pictures::{Drawer, Drawn, Header, PictureError, Reader, Unfit};

use crate::harness::eventually;

const SIAGA: &str = env!("CARGO_BIN_EXE_siaga");
/// A telephone's photograph.
const PHOTOGRAPH: (u32, u32) = (4000, 3000);
/// Nearly as many pixels as are taken.
const LARGE: (u32, u32) = (7060, 7060);

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new("tests/pictures").join(format!("{name}.gz"));
    let mut bytes = Vec::new();
    GzDecoder::new(fs::File::open(path).unwrap())
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

/// The whole of the metadata that turns a picture.
fn exif(orientation: u8) -> Vec<u8> {
    let mut exif = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    exif
}

fn encoded(
    mut encoder: impl ImageEncoder,
    (width, height): (u32, u32),
    color: ExtendedColorType,
    turned: Option<u8>,
) {
    if let Some(turned) = turned {
        encoder.set_exif_metadata(exif(turned)).unwrap();
    }
    let bytes = usize::from(color.bits_per_pixel() / 8) * (width * height) as usize;
    encoder
        .write_image(&vec![0x5a; bytes], width, height, color)
        .unwrap();
}

fn png(size: (u32, u32), color: ExtendedColorType, turned: Option<u8>) -> Vec<u8> {
    let mut out = Vec::new();
    encoded(PngEncoder::new(&mut out), size, color, turned);
    out
}

fn jpeg(size: (u32, u32), color: ExtendedColorType, turned: Option<u8>) -> Vec<u8> {
    let mut out = Vec::new();
    encoded(JpegEncoder::new(&mut out), size, color, turned);
    out
}

fn webp(size: (u32, u32), color: ExtendedColorType, turned: Option<u8>) -> Vec<u8> {
    let mut out = Vec::new();
    encoded(WebPEncoder::new_lossless(&mut out), size, color, turned);
    out
}

/// A JPEG with the metadata that turns it.
fn turned(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let exif = exif(orientation);
    let mut out = jpeg[..2].to_vec();
    out.extend([0xff, 0xe1]);
    out.extend((exif.len() as u16 + 8).to_be_bytes());
    out.extend(b"Exif\0\0");
    out.extend(exif);
    out.extend(&jpeg[2..]);
    out
}

fn size_of(drawn: &Drawn) -> (u32, u32) {
    let header = Header::read(&drawn.bytes).unwrap();
    assert_eq!(header.media_type(), drawn.media_type);
    (header.width, header.height)
}

/// The process that draws has a limit, which is what is charged for the picture. So each of
/// these shows that the charge is no less than what the picture takes.
#[tokio::test]
async fn every_picture_that_is_taken_can_be_drawn_within_its_charge() {
    use ExtendedColorType::{L8, L16, La8, La16, Rgb8, Rgb16, Rgba8, Rgba16};
    let drawer = Drawer::new(SIAGA);
    let mut pictures: Vec<(String, Vec<u8>)> = Vec::new();
    for (color, turned) in [
        (L8, None),
        (La8, None),
        (Rgb8, None),
        (Rgba8, None),
        (L16, None),
        (La16, None),
        (Rgb16, None),
        (Rgba16, None),
        (L8, Some(6)),
        (Rgba8, Some(6)),
    ] {
        let name = format!("PNG {color:?}, turned {turned:?}");
        pictures.push((name, png(PHOTOGRAPH, color, turned)));
    }
    for (color, turned) in [(L8, None), (Rgb8, None), (Rgb8, Some(6))] {
        let name = format!("JPEG {color:?}, turned {turned:?}");
        pictures.push((name, jpeg(PHOTOGRAPH, color, turned)));
    }
    for (color, turned) in [(Rgb8, None), (Rgba8, None), (Rgba8, Some(6))] {
        let name = format!("WebP without loss {color:?}, turned {turned:?}");
        pictures.push((name, webp(PHOTOGRAPH, color, turned)));
    }
    let name = "PNG of the largest size, turned".to_owned();
    pictures.push((name, png(LARGE, Rgba16, Some(6))));
    let progressive = fixture("progressive-444.jpg");
    pictures.push((
        "JPEG, progressive, turned".to_owned(),
        turned(&progressive, 6),
    ));
    pictures.push(("JPEG, progressive".to_owned(), progressive));
    for name in [
        "lossy.webp",
        "lossy-alpha.webp",
        "animated.webp",
        "animated-large.webp",
    ] {
        pictures.push((name.to_owned(), fixture(name)));
    }
    for (name, picture) in pictures {
        let header = Header::read(&picture).unwrap();
        let drawn = drawer
            .draw(picture, Reader::Staff)
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let (width, height) = (header.width, header.height);
        let expected = if name.ends_with("turned Some(6)") || name.ends_with(", turned") {
            (height, width)
        } else {
            (width, height)
        };
        assert_eq!(size_of(&drawn), expected, "{name}");
    }
}

#[tokio::test]
async fn what_needs_more_than_its_size_accounts_for_is_not_drawn() {
    let drawer = Drawer::new(SIAGA);
    // A canvas of 64 × 64, and on it a frame of 16000 × 3100.
    let mut lying = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x3f\0\0\x3f\0\0".to_vec();
    lying.extend(&fixture("lossy.webp")[12..]);
    let size = (lying.len() - 8) as u32;
    lying[4..8].copy_from_slice(&size.to_le_bytes());
    // Coefficients of four colours, where three are usual.
    for (name, picture) in [("lying", lying), ("cmyk.jpg", fixture("cmyk.jpg"))] {
        let error = drawer.draw(picture, Reader::Staff).await.err();
        assert!(
            matches!(error, Some(PictureError::Broken(_))),
            "{name}: {error:?}"
        );
    }
}

/// What stands in a file beside the picture is neither decompressed nor passed on.
#[tokio::test]
async fn nothing_but_the_picture_is_left() {
    let mut profile = Vec::new();
    let mut encoder = PngEncoder::new(&mut profile);
    encoder.set_icc_profile(vec![0; 200 << 20]).unwrap();
    encoder.set_exif_metadata(exif(1)).unwrap();
    encoder
        .write_image(&[7; 12], 2, 2, ExtendedColorType::Rgb8)
        .unwrap();
    assert!(profile.len() < 1 << 20, "{}", profile.len());
    let drawn = Drawer::new(SIAGA)
        .draw(profile, Reader::Staff)
        .await
        .unwrap();
    assert!(drawn.bytes.len() < 200, "{}", drawn.bytes.len());
    let mut decoder = ImageReader::with_format(Cursor::new(&drawn.bytes), image::ImageFormat::Png)
        .into_decoder()
        .unwrap();
    assert_eq!(decoder.icc_profile().unwrap(), None);
    assert_eq!(decoder.exif_metadata().unwrap(), None);
}

#[tokio::test]
async fn pictures_stand_upright_as_they_are_meant_to() {
    let drawer = Drawer::new(SIAGA);
    for orientation in 1..=8 {
        let mut source = image::RgbImage::new(5, 3);
        for (x, y, pixel) in source.enumerate_pixels_mut() {
            *pixel = image::Rgb([x as u8 * 50, y as u8 * 80, 9]);
        }
        let mut file = Vec::new();
        let mut encoder = PngEncoder::new(&mut file);
        encoder.set_exif_metadata(exif(orientation)).unwrap();
        source.write_with_encoder(encoder).unwrap();
        let drawn = drawer.draw(file, Reader::Staff).await.unwrap();
        let mut expected = DynamicImage::from(source);
        expected.apply_orientation(Orientation::from_exif(orientation).unwrap());
        let drawn = image::load_from_memory(&drawn.bytes).unwrap();
        assert_eq!(drawn, expected, "{orientation}");
    }
}

#[tokio::test]
async fn the_public_sees_the_top_as_wide_as_a_telephone() {
    let drawer = Drawer::new(SIAGA);
    for (sent, shown) in [
        ((300, 200), (300, 200)),
        ((1280, 800), (1080, 675)),
        ((2160, 6000), (1080, 2400)),
        ((800, 5000), (800, 2400)),
        ((6000, 2000), (1080, 360)),
    ] {
        let picture = png(sent, ExtendedColorType::Rgba8, None);
        let drawn = drawer.draw(picture, Reader::Public).await.unwrap();
        assert_eq!(size_of(&drawn), shown, "{sent:?}");
    }
}

#[tokio::test]
async fn what_is_no_picture_is_told_as_that() {
    let drawer = Drawer::new(SIAGA);
    let cut = {
        let mut picture = png((200, 100), ExtendedColorType::Rgb8, None);
        picture.truncate(60);
        picture
    };
    let error = drawer.draw(cut, Reader::Staff).await.err().unwrap();
    assert!(matches!(error, PictureError::Broken(_)), "{error:?}");
    let error = drawer.draw(b"GIF89a".to_vec(), Reader::Staff).await;
    let error = error.err().unwrap();
    assert!(
        matches!(error, PictureError::Unfit(Unfit::NotAPicture)),
        "{error:?}"
    );
}

/// A program in the place of `siaga` that notes each start, and lets large pictures wait.
struct Gate {
    folder: tempfile::TempDir,
}

impl Gate {
    fn new() -> Gate {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        let script = format!(
            "#!/bin/sh\necho \"$5\" >> {path}/started\n\
             if [ \"$5\" -gt 300000000 ]; then\n\
             while [ ! -e {path}/open ]; do /bin/sleep 0.05; done; fi\n\
             exec {SIAGA} \"$@\"\n"
        );
        fs::write(folder.path().join("siaga"), script).unwrap();
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder.path().join("siaga"), mode).unwrap();
        Gate { folder }
    }

    fn program(&self) -> PathBuf {
        self.folder.path().join("siaga")
    }

    fn open(&self) {
        fs::write(self.folder.path().join("open"), "").unwrap();
    }

    fn started(&self) -> usize {
        fs::read_to_string(self.folder.path().join("started"))
            .map_or(0, |text| text.lines().count())
    }
}

#[tokio::test]
async fn small_pictures_pass_by_and_large_ones_wait_for_memory() {
    let gate = Gate::new();
    let drawer = Drawer::new(gate.program());
    let large = fixture("lossy.webp");
    let screen = png((1080, 2400), ExtendedColorType::Rgba8, None);
    let draw = |picture: &[u8]| {
        let (drawer, picture) = (drawer.clone(), picture.to_vec());
        tokio::spawn(async move { drawer.draw(picture, Reader::Staff).await })
    };
    let leaves = draw(&large);
    let started = async || gate.started() == 1;
    eventually("the first is drawn", Duration::from_secs(60), started).await;
    // Who leaves does not free what is still in use.
    leaves.abort();
    let stays = draw(&large);
    // A second officer is let in, also where large ones wait.
    draw(&screen).await.unwrap().unwrap();
    assert_eq!(gate.started(), 2);
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(gate.started(), 2);
    }
    gate.open();
    stays.await.unwrap().unwrap();
    assert_eq!(gate.started(), 3);
}
