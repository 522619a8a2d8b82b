//! One mail: what the server sent of it, whether it is the one that is awaited, and what it says.

use async_imap::imap_proto::AttributeValue;
use mail_parser::decoders::html::html_to_text;
use mail_parser::{Address, Message, MessageParser, PartType};

use super::MailQuery;

/// A mail that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Its subject.
    pub subject: String,
    /// The sender's address.
    pub from: String,
    /// What each of its parts says that is text, in their order; of HTML, the text of it. A
    /// plain part may say nothing but that the other one is to be read.
    pub texts: Vec<String>,
}

/// Where servers write whom a mail was handed to, beside `To` and `Cc`: a mail that is sent to
/// a hidden recipient, or forwarded, names them nowhere else.
const ENVELOPE_HEADERS: &[&str] = &[
    "Delivered-To",
    "Envelope-To",
    "X-Original-To",
    "X-Envelope-To",
    "X-Delivered-To",
];

impl Mail {
    /// Reads a mail as it was sent, as much as there is of it.
    pub(super) fn parse(bytes: &[u8]) -> Option<Mail> {
        let message = MessageParser::default().parse(bytes)?;
        let from = message.from().and_then(|from| from.first());
        Some(Mail {
            subject: message.subject().unwrap_or_default().to_owned(),
            from: from
                .and_then(|from| from.address())
                .unwrap_or_default()
                .to_owned(),
            texts: texts(&message),
        })
    }
}

/// Whether this is an address that can be compared with those in headers.
pub(super) fn is_address(text: &str) -> bool {
    text.contains('@') && text.len() <= 254 && text.bytes().all(|b| b.is_ascii_graphic())
}

/// The number of the mail that an answer to FETCH is about.
pub(super) fn uid(attributes: &[AttributeValue<'_>]) -> Option<u32> {
    attributes.iter().find_map(|attribute| match attribute {
        AttributeValue::Uid(uid) => Some(*uid),
        _ => None,
    })
}

/// The number of the mail that an answer to FETCH is about, and the part that was asked for.
pub(super) fn fetched<'a>(attributes: &'a [AttributeValue<'_>]) -> Option<(u32, &'a [u8])> {
    let bytes = attributes.iter().find_map(|attribute| match attribute {
        AttributeValue::BodySection { data, .. } => data.as_deref(),
        _ => None,
    });
    Some((uid(attributes)?, bytes?))
}

/// Whether the mail with this header is the one that is awaited.
pub(super) fn is_wanted(header: &[u8], query: &MailQuery) -> bool {
    let Some(message) = MessageParser::default().parse(header) else {
        return false;
    };
    let subject = message.subject().unwrap_or_default().to_lowercase();
    subject.contains(&query.subject.to_lowercase()) && is_addressed_to(&message, &query.to)
}

fn is_addressed_to(message: &Message<'_>, to: &str) -> bool {
    let named = message
        .all_to()
        .chain(message.all_cc())
        .flat_map(Address::iter)
        .filter_map(|address| address.address())
        .any(|address| address.eq_ignore_ascii_case(to));
    let is_envelope = |name: &str| {
        let mut names = ENVELOPE_HEADERS.iter();
        names.any(|known| known.eq_ignore_ascii_case(name))
    };
    named
        || message
            .headers_raw()
            .filter(|(name, _)| is_envelope(name))
            .flat_map(|(_, value)| value.split([',', ';', ' ', '\t', '\r', '\n']))
            .any(|address| {
                let address = address.trim_matches(['<', '>']);
                address.eq_ignore_ascii_case(to)
            })
}

fn texts(message: &Message<'_>) -> Vec<String> {
    let mut parts: Vec<u32> = [&message.text_body, &message.html_body]
        .into_iter()
        .flatten()
        .copied()
        .collect();
    parts.sort_unstable();
    parts.dedup();
    let text = |part: u32| match &message.part(part)?.body {
        PartType::Text(text) => Some(text.clone().into_owned()),
        PartType::Html(html) => Some(html_to_text(&spaced(html))),
        _ => None,
    };
    parts.into_iter().filter_map(text).collect()
}

/// HTML in which words stay apart that stand in different cells or blocks: the library's
/// reader of HTML joins them.
fn spaced(html: &str) -> String {
    let mut out = String::with_capacity(html.len() * 5 / 4);
    let mut pieces = html.split('<');
    out.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let name = piece.trim_start_matches('/');
        let end = name.find(|c: char| !c.is_ascii_alphanumeric());
        let name = name.get(..end.unwrap_or(name.len())).unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "td" | "th" => out.push(' '),
            "tr" | "table" | "div" | "li" | "ul" | "ol" | "dt" | "dd" | "h1" | "h2" | "h3"
            | "h4" | "h5" | "h6" => out.push_str("<br>"),
            _ => {}
        }
        out.push('<');
        out.push_str(piece);
    }
    out
}
