//! Pictures of strangers, drawn anew. A picture is decoded in a process of its own, which has no
//! keys, cannot take more memory than its size accounts for, and lets everything else run first.
//!
//! Owns: what is a picture, how much memory it may take, and the sum of all. Must not know: whose
//! pictures they are, and where they are kept.

mod draw;

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use image::{ImageFormat, ImageReader};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

pub use draw::{DrawError, draw};

/// Longest side taken, in pixels: a whole long page fits.
const MAX_SIDE: u32 = 20_000;
/// Most pixels taken: a telephone's photograph of a screen at its finest.
const MAX_PIXELS: u64 = 50_000_000;
/// What large pictures that are drawn at one time may take together, in KiB: the largest of the
/// dearest format.
const LARGE_KIB: u32 = 768 * 1024;
/// What small ones may take, which never wait for large ones, in KiB. A telephone's screen is
/// charged about 50 MB, and a wide screen of a desk 120 MB.
const SMALL_KIB: u32 = 128 * 1024;
/// What a decoder takes for a picture of any size, in bytes: its tables, its buffers, and an
/// animation as small as a moving picture of a screen is.
const DECODER_BYTES: u64 = 16 << 20;
/// How long a picture waits until there is memory for it.
const MEMORY_TIMEOUT: Duration = Duration::from_secs(45);
/// How long drawing may take. The process has a limit of CPU time beside it.
const DRAW_TIMEOUT: Duration = Duration::from_secs(60);
/// What is read of the process's reason for a failure, in bytes.
const MAX_REASON_BYTES: u64 = 500;
/// The program that runs, also where its file was replaced by a newer one.
const THIS_PROGRAM: &str = "/proc/self/exe";

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

/// What a picture's first bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    format: ImageFormat,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

impl Header {
    /// Reads what stands at the head of a picture; nothing is decoded.
    pub fn read(picture: &[u8]) -> Result<Header, Unfit> {
        let format = match infer::get(picture).map(|kind| kind.mime_type()) {
            Some("image/png") => ImageFormat::Png,
            Some("image/jpeg") => ImageFormat::Jpeg,
            Some("image/webp") => ImageFormat::WebP,
            _ => return Err(Unfit::NotAPicture),
        };
        let (width, height) = match format {
            // The `image` crate would decompress the colour profile that comes before the pixels.
            ImageFormat::Png => draw::png_size(picture),
            _ => ImageReader::with_format(std::io::Cursor::new(picture), format)
                .into_dimensions()
                .ok(),
        }
        .ok_or(Unfit::NotAPicture)?;
        let pixels = u64::from(width) * u64::from(height);
        if pixels == 0 {
            return Err(Unfit::NotAPicture);
        }
        if width > MAX_SIDE || height > MAX_SIDE || pixels > MAX_PIXELS {
            return Err(Unfit::TooManyPixels);
        }
        Ok(Header {
            format,
            width,
            height,
        })
    }

    /// `image/png`, `image/jpeg` or `image/webp`.
    pub fn media_type(&self) -> &'static str {
        self.format.to_mime_type()
    }

    fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Bytes that the process which draws this picture may take.
    fn drawing_bytes(&self, drawn_for: Reader, file_bytes: u64) -> u64 {
        let per_pixel = match self.format {
            // Four bytes, and as many where it is turned.
            ImageFormat::Png => 8,
            // Three, and two for each of three coefficients of a progressive one.
            ImageFormat::Jpeg => 9,
            // Four, as many for the transparency, and three planes of a lossy one.
            _ => 12,
        };
        let scaling = match drawn_for {
            Reader::Staff => 0,
            Reader::Public => draw::scaling_bytes(self.width),
        };
        DECODER_BYTES + file_bytes + self.pixels() * per_pixel + scaling
    }

    /// The most bytes that the drawn picture may have.
    fn drawn_bytes(&self) -> u64 {
        let per_pixel = match self.format {
            ImageFormat::Jpeg => 2,
            ImageFormat::Png => 4,
            // Packed, it is less than its four bytes.
            _ => 3,
        };
        self.pixels() * per_pixel + (1 << 20)
    }

    /// All that is charged for it, in KiB: what the process takes, and the picture before and
    /// after in ours.
    fn charged_kib(&self, drawn_for: Reader, file_bytes: u64) -> u32 {
        let bytes = self.drawing_bytes(drawn_for, file_bytes) + self.drawn_bytes() + file_bytes;
        u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX)
    }
}

/// For whom a picture is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Reader {
    /// Those who decide on it: every pixel.
    Staff,
    /// Anybody, on a telephone: the top of it, and no wider than that.
    Public,
}

impl Reader {
    fn as_str(self) -> &'static str {
        match self {
            Reader::Staff => "staff",
            Reader::Public => "public",
        }
    }
}

/// A picture that holds nothing but what is seen on it.
#[derive(Debug)]
pub struct Drawn {
    /// `image/jpeg` for what was one, else `image/png`.
    pub media_type: &'static str,
    /// The file.
    pub bytes: Vec<u8>,
}

/// Why a picture was not drawn.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// It is no picture, or one that is not taken.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// Others take all the memory there is for pictures.
    #[error("the memory for pictures is taken")]
    Busy,
    /// Its head is a picture's, and the rest is not, or it needs more memory or time than its
    /// size accounts for.
    #[error("the picture cannot be decoded: {0}")]
    Broken(String),
    /// The process could not be started, or not be spoken with.
    #[error("the process that draws pictures failed: {0}")]
    Process(#[from] std::io::Error),
}

/// What draws pictures anew, within one amount of memory for all. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Drawer {
    program: Arc<Path>,
    large: Arc<Semaphore>,
    small: Arc<Semaphore>,
}

impl Default for Drawer {
    fn default() -> Self {
        Drawer::new(THIS_PROGRAM)
    }
}

impl Drawer {
    /// By a program, which is `siaga`.
    pub fn new(program: impl AsRef<Path>) -> Self {
        Drawer {
            program: program.as_ref().into(),
            large: Arc::new(Semaphore::new(LARGE_KIB as usize)),
            small: Arc::new(Semaphore::new(SMALL_KIB as usize)),
        }
    }

    /// Draws a picture anew, upright and without anything beside its pixels, as PNG, or as JPEG
    /// where it was one. Waits up to 45 seconds for memory.
    ///
    /// # Errors
    ///
    /// If it cannot be drawn, also where it would take more memory than a picture of its size
    /// does.
    pub async fn draw(&self, picture: Vec<u8>, reader: Reader) -> Result<Drawn, PictureError> {
        let header = Header::read(&picture)?;
        let charged = header.charged_kib(reader, picture.len() as u64);
        let memory = if charged <= SMALL_KIB {
            &self.small
        } else if charged <= LARGE_KIB {
            &self.large
        } else {
            return Err(Unfit::TooManyPixels.into());
        };
        let taking = Arc::clone(memory).acquire_many_owned(charged);
        let Ok(Ok(memory)) = timeout(MEMORY_TIMEOUT, taking).await else {
            return Err(PictureError::Busy);
        };
        let program = Arc::clone(&self.program);
        // Whoever waits for it may go away; the memory is given back when the process has ended.
        tokio::spawn(run(program, picture, header, reader, memory))
            .await
            .unwrap_or_else(|error| Err(std::io::Error::other(error).into()))
    }
}

async fn run(
    program: Arc<Path>,
    picture: Vec<u8>,
    header: Header,
    reader: Reader,
    memory: OwnedSemaphorePermit,
) -> Result<Drawn, PictureError> {
    let limit = header.drawing_bytes(reader, picture.len() as u64);
    let mut process = Command::new(&*program)
        .args(["draw-picture", "--for", reader.as_str(), "--memory"])
        .arg(limit.to_string())
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let (stdin, stdout, stderr) = (
        process.stdin.take(),
        process.stdout.take(),
        process.stderr.take(),
    );
    let write = async {
        if let Some(mut stdin) = stdin {
            // A process that has seen enough closes it.
            let _ = stdin.write_all(&picture).await;
        }
    };
    let read = async {
        let mut drawn = Vec::new();
        if let Some(stdout) = stdout {
            let mut stdout = stdout.take(header.drawn_bytes() + 1);
            stdout.read_to_end(&mut drawn).await?;
        }
        Ok::<_, std::io::Error>(drawn)
    };
    let explain = async {
        let mut reason = String::new();
        if let Some(stderr) = stderr {
            let _ = stderr
                .take(MAX_REASON_BYTES)
                .read_to_string(&mut reason)
                .await;
        }
        reason.trim().to_owned()
    };
    let talk = async { tokio::join!(write, read, explain) };
    let Ok(((), drawn, reason)) = timeout(DRAW_TIMEOUT, talk).await else {
        process.kill().await?;
        return Err(PictureError::Broken("it takes too long".to_owned()));
    };
    let bytes = drawn?;
    if bytes.len() as u64 > header.drawn_bytes() {
        process.kill().await?;
        return Err(PictureError::Broken(
            "it is larger than its size accounts for".to_owned(),
        ));
    }
    let status = process.wait().await?;
    drop(memory);
    if !status.success() {
        return Err(PictureError::Broken(format!("{reason} ({status})")));
    }
    Ok(Drawn {
        media_type: match header.format {
            ImageFormat::Jpeg => "image/jpeg",
            _ => "image/png",
        },
        bytes,
    })
}
