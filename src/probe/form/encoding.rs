//! How the fields of a form are written on the wire.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};
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
    /// Text of a page that is not in UTF-8, as bytes.
    Encoded(Bytes),
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
    /// `text/plain`.
    Plain(String),
    /// Any other: media type and bytes.
    Other(String, Bytes),
}

impl Body {
    /// Whether a document is in it.
    pub fn has_file(&self) -> bool {
        let Body::Multipart(fields) = self else {
            return false;
        };
        let is_file = |field: &Field| matches!(&field.value, FieldValue::File(file) if !file.bytes.is_empty());
        fields.iter().any(is_file)
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
            Body::Plain(text) => Some(("text/plain".to_owned(), text.clone().into())),
            Body::Other(media_type, bytes) => Some((media_type.clone(), bytes.clone())),
            Body::Multipart(fields) => {
                let boundary = boundary();
                let media_type = format!("multipart/form-data; boundary={boundary}");
                Some((media_type, multipart(fields, &boundary)))
            }
        }
    }
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

/// Fields of a multipart body, in the encoding.
pub(super) fn encoded(fields: Vec<Field>, encoding: &'static Encoding) -> Vec<Field> {
    if encoding == UTF_8 {
        return fields;
    }
    let encode = |field: Field| match field.value {
        FieldValue::Text(text) => Field {
            value: FieldValue::Encoded(encoding.encode(&line_ends(&text)).0.into_owned().into()),
            ..field
        },
        _ => field,
    };
    fields.into_iter().map(encode).collect()
}

pub(super) fn plain(fields: &[Field]) -> String {
    let line = |field: &Field| format!("{}={}\r\n", line_ends(&field.name), text_of(field));
    fields.iter().map(line).collect()
}

fn text_of(field: &Field) -> String {
    match &field.value {
        FieldValue::Text(text) => line_ends(text),
        FieldValue::Encoded(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        FieldValue::File(file) => file.name.clone(),
    }
}

fn multipart(fields: &[Field], boundary: &str) -> Bytes {
    let mut out = Vec::new();
    for Field { name, value } in fields {
        let name = quoted(&line_ends(name));
        let head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"");
        out.extend_from_slice(head.as_bytes());
        match value {
            FieldValue::Text(text) => {
                out.extend_from_slice(b"\r\n\r\n");
                out.extend_from_slice(line_ends(text).as_bytes());
            }
            FieldValue::Encoded(bytes) => {
                out.extend_from_slice(b"\r\n\r\n");
                out.extend_from_slice(bytes);
            }
            FieldValue::File(file) => {
                let (name, kind) = (quoted(&file.name), &file.media_type);
                let head = format!("; filename=\"{name}\"\r\nContent-Type: {kind}\r\n\r\n");
                out.extend_from_slice(head.as_bytes());
                out.extend_from_slice(&file.bytes);
            }
        }
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    out.into()
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
