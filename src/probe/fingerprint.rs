//! Owns: telling whether two pages are the same page shown at another time. Must not know:
//! which pages there are.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::visible_text::VisibleText;

/// The longest title that is kept, in characters.
pub const LONGEST_TITLE: usize = 200;

/// Of a page: 16 hex digits over what a person reads on it, and what they read first.
///
/// What changes from one showing to the next (times, dates, request ids, counters) does not
/// count, so that the same page always has the same fingerprint. Status codes in the page's
/// title do count. The second text has at most [`LONGEST_TITLE`] characters and no control
/// characters.
pub fn fingerprint(html: &str) -> (String, String) {
    fingerprint_of(&VisibleText::of(html))
}

/// As [`fingerprint`], of text already taken out of its page.
pub fn fingerprint_of(page: &VisibleText) -> (String, String) {
    let mut hasher = Sha256::new();
    hasher.update(normalised(&page.title, true));
    hasher.update([0]);
    hasher.update(normalised(&page.text, false));
    let digest = HEXLOWER.encode(&hasher.finalize()[..8]);
    let first = if page.title.is_empty() {
        &page.text
    } else {
        &page.title
    };
    let title: String = first
        .chars()
        .filter(|&c| !c.is_control() && !is_direction_mark(c))
        .take(LONGEST_TITLE)
        .collect();
    (digest, title.trim().to_owned())
}

/// Marks that turn the direction of the text around them, and so could make a title lie.
fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Lower-case words, with one `#` for every stretch of what varies.
fn normalised(text: &str, keep_status: bool) -> String {
    let lower = text.to_lowercase();
    let mut out = String::with_capacity(lower.len());
    let mut in_gap = false;
    for token in lower.split_whitespace() {
        let word = token.trim_matches(|c: char| !c.is_alphanumeric());
        let gap = if keep_status && is_status(word) {
            false
        } else {
            varies(word) || (in_gap && (word.is_empty() || UNITS.contains(&word)))
        };
        if gap && in_gap {
            continue;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        if gap {
            out.push('#');
        } else {
            out.push_str(word);
        }
        in_gap = gap;
    }
    out
}

fn is_status(word: &str) -> bool {
    word.len() == 3 && word.starts_with(['4', '5']) && word.bytes().all(|b| b.is_ascii_digit())
}

/// Whether a word is a number, a time, a date, an identifier or a part of one.
fn varies(word: &str) -> bool {
    word.chars().any(char::is_numeric)
        || CALENDAR.contains(&word)
        || (word.len() >= 8 && word.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-'))
}

/// Words that belong to a time or amount when they follow one.
const UNITS: [&str; 12] = [
    "am", "pm", "utc", "gmt", "wib", "wita", "wit", "pukul", "at", "ms", "s", "z",
];

/// Days and months, in English and Indonesian, whole and shortened. `may` and `mar…` alone
/// are words too, but a page that differs in nothing else is the same page all the same.
const CALENDAR: [&str; 60] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "mon",
    "tue",
    "wed",
    "thu",
    "fri",
    "sat",
    "sun",
    "senin",
    "selasa",
    "rabu",
    "kamis",
    "jumat",
    "jum'at",
    "sabtu",
    "minggu",
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "jan",
    "feb",
    "mar",
    "apr",
    "jun",
    "jul",
    "aug",
    "sep",
    "sept",
    "oct",
    "nov",
    "dec",
    "januari",
    "februari",
    "maret",
    "mei",
    "juni",
    "juli",
    "agustus",
    "oktober",
    "desember",
    "agu",
    "agt",
    "okt",
    "des",
    "ahad",
];
