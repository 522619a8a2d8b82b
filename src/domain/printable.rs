//! Text from elsewhere, made safe for whoever reads it on a terminal or in a log.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a character does something where it is printed, other than to be seen: controls of the
/// terminal (C0, DEL, C1), of the direction of writing, of lines, and tags that nobody sees.
pub fn is_active(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// The text on one line, with every active character written as JSON writes it: `\n`, `\u001b`.
/// JSON stays the same JSON.
pub fn one_line(text: &str) -> Cow<'_, str> {
    escaped(text, is_active)
}

/// The same, with line breaks and tabs as they are.
pub fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| is_active(c) && c != '\n' && c != '\t')
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
