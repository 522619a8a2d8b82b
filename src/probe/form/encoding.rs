//! How the fields of a form are written on the wire.

use std::borrow::Cow;

use encoding_rs::{EncoderResult, Encoding, UTF_8};
use hyper::body::Bytes;
use url::form_urlencoded;

use super::File;

/// One entry of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The control's name.
    pub name: String,
    /// Its value.
    pub value: FieldValue,
}

/// The value of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldValue {
    /// Text.
    Text(String),
    /// A file, possibly an empty one without a name.
    File(File),
}

impl Field {
    /// An entry of text.
    pub fn text(name: impl Into<String>, value: impl Into<String>) -> Self {
        Field {
            name: name.into(),
            value: FieldValue::Text(value.into()),
        }
    }
}

/// What a submission carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Nothing: its fields, if any, are in the address.
    None,
    /// `application/x-www-form-urlencoded`.
    Urlencoded(String),
    /// `multipart/form-data`; written by [`Body::write`].
    Multipart(Vec<Field>),
    /// The same, of a page in another encoding than UTF-8.
    MultipartIn(Vec<Field>, &'static Encoding),
    /// `text/plain`.
    Plain(Bytes),
    /// Any other: media type and bytes.
    Other(String, Bytes),
}

impl Body {
    /// Whether a document is in it.
    pub fn has_file(&self) -> bool {
        let (Body::Multipart(fields) | Body::MultipartIn(fields, _)) = self else {
            return false;
        };
        let is_file = |field: &Field| matches!(&field.value, FieldValue::File(file) if !file.bytes.is_empty());
        fields.iter().any(is_file)
    }

    /// Fields with files, in an encoding.
    pub(super) fn multipart(fields: Vec<Field>, encoding: &'static Encoding) -> Body {
        match encoding == UTF_8 {
            true => Body::Multipart(fields),
            false => Body::MultipartIn(fields, encoding),
        }
    }

    /// Fields as lines of text, in an encoding.
    pub(super) fn plain(fields: &[Field], encoding: &'static Encoding) -> Body {
        let line = |field: &Field| format!("{}={}\r\n", line_ends(&field.name), text_of(field));
        let lines: String = fields.iter().map(line).collect();
        Body::Plain(encoding.encode(&lines).0.into_owned().into())
    }

    /// The content type and the bytes, `None` where there is no body. `boundary` must give
    /// what occurs in no file: random characters.
    pub fn write(&self, boundary: impl FnOnce() -> String) -> Option<(String, Bytes)> {
        match self {
            Body::None => None,
            Body::Urlencoded(text) => Some((
                "application/x-www-form-urlencoded".to_owned(),
                text.clone().into(),
            )),
            Body::Plain(text) => Some(("text/plain".to_owned(), text.clone())),
            Body::Other(media_type, bytes) => Some((media_type.clone(), bytes.clone())),
            Body::Multipart(fields) => Some(multipart(fields, UTF_8, &boundary())),
            Body::MultipartIn(fields, encoding) => Some(multipart(fields, encoding, &boundary())),
        }
    }
}

/// A text in the query of an address: what the encoding lacks is a character reference, itself
/// written as queries are.
pub(super) fn in_query(text: &str, encoding: &'static Encoding) -> Vec<u8> {
    let mut encoder = encoding.new_encoder();
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(room) = encoder.max_buffer_length_from_utf8_without_replacement(rest.len()) {
        let from = out.len();
        out.resize(from + room, 0);
        let (result, read, written) =
            encoder.encode_from_utf8_without_replacement(rest, &mut out[from..], true);
        out.truncate(from + written);
        rest = &rest[read..];
        match result {
            EncoderResult::Unmappable(c) => {
                out.extend_from_slice(format!("%26%23{}%3B", u32::from(c)).as_bytes());
            }
            EncoderResult::InputEmpty | EncoderResult::OutputFull => break,
        }
    }
    out
}

/// Fields as a query or body, file fields by their file's name. What the encoding lacks is
/// written as a character reference, as browsers do.
pub(super) fn urlencoded(fields: &[Field], encoding: &'static Encoding) -> String {
    let mut out = form_urlencoded::Serializer::new(String::new());
    let encode: &dyn Fn(&str) -> Cow<'_, [u8]> = &|text| encoding.encode(text).0;
    out.encoding_override(Some(encode));
    for field in fields {
        out.append_pair(&line_ends(&field.name), &text_of(field));
    }
    out.finish()
}

fn text_of(field: &Field) -> String {
    match &field.value {
        FieldValue::Text(text) => line_ends(text),
        FieldValue::File(file) => file.name.clone(),
    }
}

/// The content type and the bytes; names of fields and files are encoded as values are.
fn multipart(fields: &[Field], encoding: &'static Encoding, boundary: &str) -> (String, Bytes) {
    let mut out = Vec::new();
    let text = |out: &mut Vec<u8>, text: &str| out.extend_from_slice(&encoding.encode(text).0);
    for Field { name, value } in fields {
        let name = quoted(&line_ends(name));
        text(
            &mut out,
            &format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\""),
        );
        match value {
            FieldValue::Text(value) => text(&mut out, &format!("\r\n\r\n{}", line_ends(value))),
            FieldValue::File(file) => {
                let (name, kind) = (quoted(&file.name), &file.media_type);
                text(
                    &mut out,
                    &format!("; filename=\"{name}\"\r\nContent-Type: {kind}\r\n\r\n"),
                );
                out.extend_from_slice(&file.bytes);
            }
        }
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    let media_type = format!("multipart/form-data; boundary={boundary}");
    (media_type, out.into())
}

/// As browsers escape names within quotes.
fn quoted(text: &str) -> String {
    text.replace('\r', "%0D")
        .replace('\n', "%0A")
        .replace('"', "%22")
}

/// Every line ends with CR LF in what a form sends.
fn line_ends(text: &str) -> String {
    text.replace("\r\n", "\n")
        .replace('\r', "\n")
        .replace('\n', "\r\n")
}
