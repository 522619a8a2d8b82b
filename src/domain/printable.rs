//! Text from elsewhere, made safe for whoever reads it on a terminal or in a log.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a character controls what is around it: the terminal (C0, DEL, C1), lines (U+2028 and
/// U+2029), the direction of other text (embeddings, overrides, isolates), or is a tag, which nobody
/// sees. Joiners, marks of direction and blanks without a width are none: emoji, Arabic, Thai and
/// Khmer are written with them, and they turn nothing around.
pub fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{e0000}'..='\u{e007f}'
        )
}

/// The text on one line, with controls written as JSON writes them: `\n`, `\u001b`. JSON stays
/// the same JSON.
pub fn one_line(text: &str) -> Cow<'_, str> {
    escaped(text, is_control)
}

/// The same, with line breaks and tabs as they are.
pub fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| is_control(c) && c != '\n' && c != '\t')
}

fn escaped(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            c if !is_escaped(c) => out.push(c),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a string cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    Cow::Owned(out)
}
