//! Answers that no decent server gives: for testing that the monitor survives them. Every
//! body here is streamed from a few kilobytes.

use std::convert::Infallible;
use std::io::{self, Write};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use futures_util::stream;

use super::faults::Kind;
use super::wire::Grip;

const MEBIBYTE: usize = 1024 * 1024;
const GIBIBYTE: u64 = 1024 * 1024 * 1024;
const HOPS: u32 = 30;
/// Between the pieces of the page that never ends.
const DRIP: Duration = Duration::from_millis(10);
/// For the first part of a page to get through before the connection breaks.
const BEFORE_BREAKING: Duration = Duration::from_millis(50);
/// The largest page that is cut or lied about.
const PAGE: usize = 4 * MEBIBYTE;
const HTML: (header::HeaderName, &str) = (header::CONTENT_TYPE, "text/html; charset=utf-8");

/// The hostile page that this fault puts in place of the real one, if it is such a fault.
pub(super) fn page(kind: &Kind, uri: &Uri) -> Option<Response> {
    match kind {
        Kind::Huge {} => Some(huge()),
        Kind::Endless {} => Some(endless()),
        Kind::InvalidUtf8 {} => Some(invalid_utf8()),
        Kind::Redirects {} => redirects(uri),
        Kind::GzipBomb {} => gzip_bomb().ok(),
        _ => None,
    }
}

fn filler() -> Bytes {
    Bytes::from("<p>Permohonan sedang diproses, mohon tunggu.</p>\n".repeat(1_400))
}

fn huge() -> Response {
    let filler = filler();
    let body = stream::unfold(GIBIBYTE, move |left| {
        let piece = filler.slice(
            ..filler
                .len()
                .min(usize::try_from(left).unwrap_or(usize::MAX)),
        );
        async move {
            let next = left - piece.len() as u64;
            (!piece.is_empty()).then_some((Ok::<_, Infallible>(piece), next))
        }
    });
    let length = (header::CONTENT_LENGTH, GIBIBYTE.to_string());
    ([HTML], [length], Body::from_stream(body)).into_response()
}

fn endless() -> Response {
    let filler = filler();
    let body = stream::unfold((), move |()| {
        let piece = filler.clone();
        async move {
            tokio::time::sleep(DRIP).await;
            Some((Ok::<_, Infallible>(piece), ()))
        }
    });
    ([HTML], Body::from_stream(body)).into_response()
}

fn invalid_utf8() -> Response {
    let page: &[u8] = b"<!doctype html><html lang=\"id\"><head><meta charset=\"utf-8\">\
        <title>Daftar \xff\xfe\xc3\x28 permohonan</title></head>\
        <body><h1>Daftar permohonan \xf0\x28\x8c\xbc</h1></body></html>";
    ([HTML], page).into_response()
}

fn redirects(uri: &Uri) -> Option<Response> {
    let query = uri.query().unwrap_or_default();
    let pairs = || url::form_urlencoded::parse(query.as_bytes());
    let hop = pairs().find(|(name, _)| name == "hop");
    let hop: u32 = hop.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    if hop >= HOPS {
        return None;
    }
    let others = pairs().filter(|(name, _)| name != "hop");
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(others)
        .append_pair("hop", &(hop + 1).to_string())
        .finish();
    Some(Redirect::to(&format!("{}?{query}", uri.path())).into_response())
}

/// One gibibyte of spaces: the same deflated mebibyte over and over.
fn gzip_bomb() -> io::Result<Response> {
    let spaces = vec![b' '; MEBIBYTE];
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&spaces)?;
    // A flush ends on a whole byte without ending the stream, so that pieces can follow.
    encoder.flush()?;
    let piece = Bytes::from(encoder.get_ref().clone());
    let mut sum = Crc::new();
    sum.update(&spaces);
    for _ in 0..10 {
        let mut half = Crc::new();
        half.combine(&sum);
        sum.combine(&half);
    }
    let begin = Bytes::from_static(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
    // The last block, empty; then checksum and length modulo 2^32.
    let mut end = vec![0x03, 0x00];
    end.extend(sum.sum().to_le_bytes());
    end.extend(u32::try_from(GIBIBYTE).unwrap_or_default().to_le_bytes());
    let pieces = std::iter::once(begin)
        .chain(std::iter::repeat_n(piece, 1024))
        .chain(std::iter::once(Bytes::from(end)))
        .map(Ok::<_, Infallible>);
    let body = Body::from_stream(stream::iter(pieces));
    Ok(([HTML, (header::CONTENT_ENCODING, "gzip")], body).into_response())
}

/// Half of the answer, then a reset. A redirect becomes a page, so that nobody follows it.
pub(super) async fn reset(answer: Response, grip: &Grip) -> Response {
    let (mut parts, body) = answer.into_parts();
    let whole = axum::body::to_bytes(body, PAGE).await.unwrap_or_default();
    if parts.status.is_redirection() {
        parts.status = StatusCode::OK;
        parts.headers.remove(header::LOCATION);
    }
    let length = whole.len().max(1_000);
    parts
        .headers
        .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    let grip = grip.clone();
    let half = whole.slice(..whole.len() / 2);
    Response::from_parts(parts, broken_off(half, move || grip.reset()))
}

/// A body that gets so far, and then fails.
fn broken_off(sent: Bytes, then: impl Fn() + Clone + Send + 'static) -> Body {
    let body = stream::unfold(Some(sent), move |sent| {
        let then = then.clone();
        async move {
            if let Some(sent) = sent {
                return Some((Ok(sent), None));
            }
            tokio::time::sleep(BEFORE_BREAKING).await;
            then();
            Some((Err(io::Error::from(io::ErrorKind::ConnectionReset)), None))
        }
    });
    Body::from_stream(body)
}

/// An answer whose stated length is off by so many bytes.
pub(super) async fn lying_length(answer: Response, by: i32, grip: &Grip) -> Response {
    let (mut parts, body) = answer.into_parts();
    let whole = axum::body::to_bytes(body, PAGE).await.unwrap_or_default();
    let off = usize::try_from(by.unsigned_abs()).unwrap_or(usize::MAX);
    let stated = match by > 0 {
        true => whole.len() + off,
        false => whole.len().saturating_sub(off),
    };
    parts
        .headers
        .insert(header::CONTENT_LENGTH, HeaderValue::from(stated));
    parts
        .headers
        .insert(header::CONNECTION, HeaderValue::from_static("close"));
    if stated > whole.len() {
        return Response::from_parts(parts, broken_off(whole, || {}));
    }
    // The library would not send a byte too many: the rest goes out behind its back.
    grip.send_surplus(whole[stated..].to_vec());
    Response::from_parts(parts, Body::from(whole.slice(..stated)))
}
