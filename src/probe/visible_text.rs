//! Owns: what a person reads on a page, taken from its HTML in one cheap pass (a whole
//! document tree costs more than the request did). Must not know: what the words mean.

use std::borrow::Cow;

/// What a person reads on a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VisibleText {
    /// The text of `<title>`, white space folded.
    pub title: String,
    /// The text of everything else but scripts, styles and comments, white space folded.
    pub text: String,
    /// Whether it embeds something that a person or a browser sees beside the text: a
    /// picture, a frame, a field, a script that may draw the page.
    pub embeds: bool,
}

/// What a tag means for the text around it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Parts no words.
    Inline,
    /// Its content is not text of the page.
    Raw,
    /// A raw element that may draw the page.
    Script,
    /// The page's title.
    Title,
    /// Shows something beside the text.
    Embedding,
    Other,
}

/// The longest of the names below.
const LONGEST_NAME: usize = 8;

fn kind_of(name: &str) -> Kind {
    let mut lower = [0; LONGEST_NAME];
    let Some(lower) = lower.get_mut(..name.len()) else {
        return Kind::Other;
    };
    lower.copy_from_slice(name.as_bytes());
    lower.make_ascii_lowercase();
    match &*lower {
        b"a" | b"abbr" | b"b" | b"code" | b"em" | b"font" | b"i" | b"small" | b"span"
        | b"strong" | b"sub" | b"u" => Kind::Inline,
        b"style" | b"template" => Kind::Raw,
        b"script" => Kind::Script,
        b"title" => Kind::Title,
        b"img" | b"iframe" | b"frame" | b"object" | b"embed" | b"svg" | b"canvas" | b"video"
        | b"input" | b"picture" | b"button" => Kind::Embedding,
        _ => Kind::Other,
    }
}

impl VisibleText {
    /// Reads HTML or plain text; broken markup gives broken text, never an error.
    pub fn of(html: &str) -> Self {
        let (mut title, mut text) = ("", String::with_capacity(html.len() / 2));
        let mut embeds = false;
        let mut rest = html;
        while let Some(at) = rest.find('<') {
            text.push_str(&rest[..at]);
            rest = &rest[at..];
            let opens = !rest.starts_with("</");
            let name = tag_name(rest[1..].trim_start_matches('/'));
            let kind = kind_of(name);
            embeds |= matches!(kind, Kind::Embedding | Kind::Script);
            match kind {
                Kind::Inline => {
                    rest = after_tag(rest);
                    continue;
                }
                Kind::Raw | Kind::Script | Kind::Title if opens => {
                    let (inside, behind) = raw_element(after_tag(rest), name);
                    if kind == Kind::Title && title.is_empty() {
                        title = inside;
                    }
                    rest = behind;
                }
                _ if rest.starts_with("<!--") => rest = after(rest, "-->"),
                _ if name.is_empty() && !rest[1..].starts_with(['/', '!', '?']) => {
                    text.push('<');
                    rest = &rest[1..];
                }
                _ => rest = after_tag(rest),
            }
            text.push(' ');
        }
        text.push_str(rest);
        VisibleText {
            title: folded(&unescaped(title)),
            text: folded(&unescaped(&text)),
            embeds,
        }
    }
}

fn tag_name(after_bracket: &str) -> &str {
    let end = after_bracket
        .bytes()
        .position(|byte| !byte.is_ascii_alphanumeric())
        .unwrap_or(after_bracket.len());
    match after_bracket.as_bytes().first() {
        Some(first) if first.is_ascii_alphabetic() => &after_bracket[..end],
        _ => "",
    }
}

fn after<'a>(text: &'a str, end: &str) -> &'a str {
    text.find(end).map_or("", |at| &text[at + end.len()..])
}

/// What follows the tag that `text` starts with; a `>` within quotes does not end it.
fn after_tag(text: &str) -> &str {
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(at) = position(bytes, from, |byte| matches!(byte, b'>' | b'"' | b'\'')) {
        from = at + 1;
        if bytes[at] == b'>' {
            return &text[from..];
        }
        // Elsewhere than behind `=` a quote is a slip of the author's, not a quotation.
        if bytes[..at].trim_ascii_end().ends_with(b"=") {
            match position(bytes, from, |byte| byte == bytes[at]) {
                Some(end) => from = end + 1,
                None => break,
            }
        }
    }
    ""
}

fn position(bytes: &[u8], from: usize, wanted: impl Fn(u8) -> bool) -> Option<usize> {
    let found = bytes[from..].iter().position(|byte| wanted(*byte));
    found.map(|at| from + at)
}

/// The content of a raw element, and what follows its end tag.
fn raw_element<'a>(text: &'a str, name: &str) -> (&'a str, &'a str) {
    let mut from = 0;
    while let Some(at) = text[from..].find("</").map(|at| from + at) {
        if tag_name(&text[at + 2..]).eq_ignore_ascii_case(name) {
            return (&text[..at], after_tag(&text[at..]));
        }
        from = at + 2;
    }
    (text, "")
}

fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(12).position(|byte| byte == b';');
        match end.and_then(|end| Some((character(&rest[1..end])?, end))) {
            Some((c, end)) => {
                out.push(c);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The references that occur in error pages; others stay as they are written.
fn character(reference: &str) -> Option<char> {
    if let Some(number) = reference.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number.parse(),
        };
        return char::from_u32(code.ok()?);
    }
    Some(match reference {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        "bull" => '•',
        "middot" => '·',
        "ndash" => '–',
        "mdash" => '—',
        "lsquo" => '‘',
        "rsquo" => '’',
        "ldquo" => '“',
        "rdquo" => '”',
        "hellip" => '…',
        "copy" => '©',
        _ => return None,
    })
}
