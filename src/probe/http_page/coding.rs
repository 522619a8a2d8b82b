//! The codings of an answer's body (`Content-Encoding`), undone as browsers do.

use std::io::{self, Read};

use flate2::bufread::{DeflateDecoder, GzDecoder, ZlibDecoder};
use reqwest::header::{self, HeaderMap};
use url::Url;

/// Bytes that the brotli decoder reads at once.
const BROTLI_BUFFER: usize = 4096;
/// The most codings that are undone one after the other.
const MAX_CODINGS: usize = 4;

#[derive(Clone, Copy)]
enum Coding {
    Gzip,
    Deflate,
    Brotli,
}

/// Why a body cannot be decoded.
#[derive(Debug)]
pub(super) enum CodingError {
    /// Decoded, it is longer than the limit.
    TooLong,
    /// It is not what its header says.
    Broken(String),
}

/// What we take from an address: over TLS, browsers also take brotli.
pub(super) fn accepted(url: &Url) -> &'static str {
    match url.scheme() {
        "https" => "gzip, deflate, br",
        _ => "gzip, deflate",
    }
}

/// The body as it was before it was encoded, and why it ends there where it should not. What broke
/// off in the middle gives its beginning.
pub(super) fn decoded(
    headers: &HeaderMap,
    body: Vec<u8>,
    limit: u64,
) -> (Vec<u8>, Option<CodingError>) {
    let mut body = body;
    // What was encoded last is undone first.
    for coding in codings(headers).into_iter().rev() {
        if body.is_empty() {
            break;
        }
        let (decoded, error) = undo(coding, &body, limit);
        if error.is_some() {
            return (decoded, error);
        }
        body = decoded;
    }
    (body, None)
}

/// The codings in the order in which they were done; none where one of them is unknown, since
/// browsers then show the body as it came.
fn codings(headers: &HeaderMap) -> Vec<Coding> {
    let values = headers.get_all(header::CONTENT_ENCODING).iter();
    let values: Vec<String> = values
        .map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase())
        .collect();
    // Between commas nothing is nothing; a line that says nothing is an unknown coding.
    let names = values.iter().flat_map(|value| match value.trim() {
        "" => vec![""],
        value => value
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .collect(),
    });
    let known: Option<Vec<Coding>> = names
        .map(|name| match name {
            "gzip" | "x-gzip" => Some(Coding::Gzip),
            "deflate" => Some(Coding::Deflate),
            "br" => Some(Coding::Brotli),
            _ => None,
        })
        .collect();
    known
        .filter(|known| known.len() <= MAX_CODINGS)
        .unwrap_or_default()
}

fn undo(coding: Coding, body: &[u8], limit: u64) -> (Vec<u8>, Option<CodingError>) {
    match coding {
        Coding::Gzip => read(GzDecoder::new(body), limit),
        Coding::Brotli => read(brotli::Decompressor::new(body, BROTLI_BUFFER), limit),
        // Half of the servers that say so send it without its wrapping.
        Coding::Deflate if is_zlib(body) => read(ZlibDecoder::new(body), limit),
        Coding::Deflate => read(DeflateDecoder::new(body), limit),
    }
}

/// Whether data begins with the two bytes that wrap deflate (RFC 1950).
fn is_zlib(body: &[u8]) -> bool {
    match body {
        [method, flags, ..] => {
            method & 0x0F == 8
                && method >> 4 <= 7
                && u16::from_be_bytes([*method, *flags]).is_multiple_of(31)
        }
        _ => false,
    }
}

fn read(decoder: impl Read, limit: u64) -> (Vec<u8>, Option<CodingError>) {
    let mut out = Vec::new();
    let error = match decoder.take(limit.saturating_add(1)).read_to_end(&mut out) {
        Ok(_) if out.len() as u64 > limit => {
            out.truncate(limit as usize);
            Some(CodingError::TooLong)
        }
        Ok(_) => None,
        // Browsers show what came of it.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => None,
        Err(error) => Some(CodingError::Broken(error.to_string())),
    };
    (out, error)
}
