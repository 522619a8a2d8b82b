//! Reading lines from a client of the post office: bounded in length and in time.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// The longest line, without its end.
const LONGEST: usize = 16 * 1024;
/// How long a client may stay silent.
const PATIENCE: Duration = Duration::from_secs(120);

/// The next line without CR LF (or LF); `None` where the client is gone.
///
/// # Errors
/// `InvalidData` for a line that is too long, `TimedOut` for a silent client.
pub(super) async fn read(
    stream: &mut (impl AsyncBufRead + Unpin + Send),
) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let mut limited = stream.take(LONGEST as u64 + 2);
    let reading = limited.read_until(b'\n', &mut line);
    let length = tokio::time::timeout(PATIENCE, reading).await??;
    if length == 0 {
        return Ok(None);
    }
    if line.pop_if(|last| *last == b'\n').is_none() {
        return match length > LONGEST {
            true => Err(io::Error::new(io::ErrorKind::InvalidData, "line too long")),
            false => Ok(None),
        };
    }
    line.pop_if(|last| *last == b'\r');
    Ok(Some(line))
}

/// Exactly so many bytes.
pub(super) async fn read_exactly(
    stream: &mut (impl AsyncBufRead + Unpin + Send),
    length: usize,
) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut bytes)).await??;
    Ok(bytes)
}
