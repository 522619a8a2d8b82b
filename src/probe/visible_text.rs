//! Owns: what a person reads on a page, taken from its HTML in one cheap pass (a whole
//! document tree costs more than the request did). Must not know: what the words mean.

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

const EMBEDDING: [&str; 12] = [
    "img", "script", "iframe", "frame", "object", "embed", "svg", "canvas", "video", "input",
    "picture", "button",
];

impl VisibleText {
    /// Reads HTML or plain text; broken markup gives broken text, never an error.
    pub fn of(html: &str) -> Self {
        let (mut title, mut text) = (String::new(), String::new());
        let mut embeds = false;
        let mut rest = html;
        while let Some(at) = rest.find('<') {
            text.push_str(&rest[..at]);
            rest = &rest[at..];
            let name = tag_name(rest[1..].trim_start_matches('/'));
            embeds |= EMBEDDING
                .into_iter()
                .any(|it| name.eq_ignore_ascii_case(it));
            if rest.starts_with("<!--") {
                rest = after(rest, "-->");
            } else if INLINE.into_iter().any(|it| name.eq_ignore_ascii_case(it)) {
                rest = after_tag(rest);
                continue;
            } else if let Some(raw) = RAW
                .into_iter()
                .find(|raw| !rest.starts_with("</") && name.eq_ignore_ascii_case(raw))
            {
                let (inside, behind) = raw_element(after_tag(rest), raw);
                if raw == "title" && title.is_empty() {
                    title.push_str(inside);
                }
                rest = behind;
            } else if name.is_empty() && !rest[1..].starts_with(['/', '!', '?']) {
                text.push('<');
                rest = &rest[1..];
            } else {
                rest = after_tag(rest);
            }
            text.push(' ');
        }
        text.push_str(rest);
        VisibleText {
            title: folded(&unescaped(&title)),
            text: folded(&unescaped(&text)),
            embeds,
        }
    }
}

/// Elements whose content is not text of the page.
const RAW: [&str; 4] = ["script", "style", "template", "title"];

/// Elements that do not part words.
const INLINE: [&str; 12] = [
    "a", "abbr", "b", "code", "em", "font", "i", "small", "span", "strong", "sub", "u",
];

fn tag_name(after_bracket: &str) -> &str {
    let end = after_bracket
        .find(|c: char| !c.is_ascii_alphanumeric())
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
    let mut quote = None;
    let mut before = b' ';
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return &text[at + 1..],
            // Elsewhere than behind `=` a quote is a slip of the author's, not a quotation.
            (None, b'"' | b'\'') if before == b'=' => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
        if !byte.is_ascii_whitespace() {
            before = byte;
        }
    }
    ""
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

fn unescaped(text: &str) -> String {
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
    out
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
