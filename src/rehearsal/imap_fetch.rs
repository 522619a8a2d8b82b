//! What an IMAP FETCH gives of one mail: its flags, date, size, and parts.

use super::imap_search::{header_fields, split};
use super::post_office::Kept;
use crate::domain::Moment;

/// A mail's flags, separated by spaces.
pub(super) fn flags_of(kept: &Kept) -> String {
    let flags = [(kept.seen, "\\Seen"), (kept.deleted, "\\Deleted")];
    let set: Vec<_> = flags
        .iter()
        .filter(|(is, _)| *is)
        .map(|(_, name)| *name)
        .collect();
    set.join(" ")
}

fn internal_date(moment: Moment) -> String {
    moment
        .timestamp()
        .strftime("%d-%b-%Y %H:%M:%S +0000")
        .to_string()
}

/// Writes one item of a FETCH answer, and says whether asking for it marks the mail as
/// seen; `None` for an item that is not offered.
pub(super) fn write_item(out: &mut Vec<u8>, item: &str, kept: &Kept) -> Option<bool> {
    let mail = &kept.mail;
    let simple = match item {
        "UID" => Some(format!("UID {}", mail.uid)),
        "FLAGS" => Some(format!("FLAGS ({})", flags_of(kept))),
        "INTERNALDATE" => Some(format!(
            "INTERNALDATE \"{}\"",
            internal_date(mail.received_at)
        )),
        "RFC822.SIZE" => Some(format!("RFC822.SIZE {}", mail.raw.len())),
        _ => None,
    };
    if let Some(simple) = simple {
        out.extend_from_slice(simple.as_bytes());
        return Some(false);
    }
    let (label, bytes, sets_seen) = section(item, &mail.raw)?;
    out.extend_from_slice(format!("{label} {{{}}}\r\n", bytes.len()).as_bytes());
    out.extend_from_slice(&bytes);
    Some(sets_seen)
}

/// The part of the mail that an item such as `BODY.PEEK[HEADER]<0.100>` names, with the
/// label that the answer gives it.
fn section(item: &str, raw: &[u8]) -> Option<(String, Vec<u8>, bool)> {
    let (header, text) = split(raw);
    match item {
        "RFC822" => return Some((item.to_owned(), raw.to_vec(), true)),
        "RFC822.HEADER" => return Some((item.to_owned(), header.to_vec(), false)),
        "RFC822.TEXT" => return Some((item.to_owned(), text.to_vec(), true)),
        _ => {}
    }
    let (sets_seen, rest) = match item.strip_prefix("BODY.PEEK[") {
        Some(rest) => (false, rest),
        None => (true, item.strip_prefix("BODY[")?),
    };
    let (name, partial) = rest.split_once(']')?;
    let whole: Vec<u8> = match name {
        "" => raw.to_vec(),
        "HEADER" => header.to_vec(),
        "TEXT" | "1" => text.to_vec(),
        _ => {
            let fields = name.strip_prefix("HEADER.FIELDS (")?.strip_suffix(')')?;
            header_fields(header, fields)
        }
    };
    if partial.is_empty() {
        return Some((format!("BODY[{name}]"), whole, sets_seen));
    }
    let (from, length) = partial
        .strip_prefix('<')?
        .strip_suffix('>')?
        .split_once('.')?;
    let (from, length): (usize, usize) = (from.parse().ok()?, length.parse().ok()?);
    let begin = from.min(whole.len());
    let end = begin.saturating_add(length).min(whole.len());
    Some((
        format!("BODY[{name}]<{from}>"),
        whole[begin..end].to_vec(),
        sets_seen,
    ))
}
