//! Owns: what a person reads on a page, taken from its HTML in one cheap pass (a whole
//! document tree costs more than the request did), or from the parsed page where something on it
//! may be hidden. Must not know: what the words mean.

mod rendered;
mod styles;

use std::borrow::Cow;

use std::collections::HashMap;

use memchr::{memchr, memchr_iter};
use scraper::Html;

use super::dom;
use rendered::Heading;
pub use rendered::{Elements, is_inline, is_unread};

/// What a person reads on a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VisibleText {
    /// The text of `<title>`, white space folded.
    pub title: String,
    /// The text of the first heading that says anything, as it stands in `text`.
    pub heading: String,
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
    /// Another page within this one.
    Frame,
    /// The page's title.
    Title,
    /// Its content is text, whatever it looks like.
    Plain,
    /// Shows something beside the text.
    Embedding,
    /// A table, or part of one, that has no text of its own.
    Rows,
    /// What has the text of a table.
    Cell,
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
        b"style" | b"template" | b"datalist" => Kind::Raw,
        b"textarea" => Kind::Plain,
        b"iframe" => Kind::Frame,
        b"script" => Kind::Script,
        b"title" => Kind::Title,
        b"img" | b"frame" | b"object" | b"embed" | b"svg" | b"canvas" | b"video" | b"input"
        | b"picture" | b"button" => Kind::Embedding,
        b"table" | b"tbody" | b"thead" | b"tfoot" | b"tr" => Kind::Rows,
        b"td" | b"th" | b"caption" => Kind::Cell,
        _ => Kind::Other,
    }
}

impl VisibleText {
    /// Reads a page that is parsed already.
    pub fn of_tree(page: &Html) -> Self {
        rendered::read(page)
    }

    /// Reads HTML or plain text; broken markup gives broken text, never an error.
    pub fn of(html: &str) -> Self {
        if rendered::hides_something(html) {
            return rendered::read(&dom::parse(html));
        }
        let mut found = Found {
            title: "",
            text: Folded::with_capacity(html.len() / 2),
            heading: Heading::default(),
            embeds: false,
            is_in_rows: false,
        };
        if !found.read(html) {
            return rendered::read(&dom::parse(html));
        }
        let mut title = Folded::with_capacity(found.title.len());
        title.push(&unescaped(found.title));
        VisibleText {
            title: title.text,
            heading: found.heading.text,
            text: found.text.text,
            embeds: found.embeds,
        }
    }
}

/// What is found on a page.
struct Found<'h> {
    /// As it is written there.
    title: &'h str,
    text: Folded,
    heading: Heading,
    embeds: bool,
    /// Whether it is in a table, and in no cell of it.
    is_in_rows: bool,
}

impl<'h> Found<'h> {
    /// Reads all of it; false where parsers move what is read: text of a table outside its cells
    /// stands before the table.
    fn read(&mut self, html: &'h str) -> bool {
        let mut rest = html;
        while let Some(at) = memchr(b'<', rest.as_bytes()) {
            if self.is_in_rows && !rest[..at].trim().is_empty() {
                return false;
            }
            self.text.push(&unescaped(&rest[..at]));
            rest = &rest[at..];
            if rest.starts_with("<!--") {
                rest = after(rest, "-->");
                continue;
            }
            // Other markup that says nothing is a comment to browsers.
            let is_bogus = rest[1..].starts_with(['!', '?'])
                || rest.starts_with("</")
                    && !rest[2..].starts_with(|c: char| c.is_ascii_alphabetic());
            if is_bogus {
                rest = after(rest, ">");
                continue;
            }
            let opens = !rest.starts_with("</");
            let name = tag_name(rest[1..].trim_start_matches('/'));
            if name.is_empty() && !rest[1..].starts_with(['/', '!', '?']) {
                self.text.push("<");
                rest = &rest[1..];
                continue;
            }
            let kind = kind_of(name);
            let behind = after_tag(rest);
            self.embeds |= matches!(kind, Kind::Embedding | Kind::Script | Kind::Frame);
            match opens {
                true => self.heading.open(name, &self.text),
                false => self.heading.close(name, &self.text),
            }
            match kind {
                Kind::Inline => {
                    rest = behind;
                    continue;
                }
                Kind::Plain if opens => {
                    let (inside, behind) = raw_element(behind, name);
                    self.text.part();
                    self.text.push(&unescaped(inside));
                    rest = behind;
                }
                Kind::Rows | Kind::Cell => {
                    let is_table = name.eq_ignore_ascii_case("table");
                    self.is_in_rows = match kind {
                        Kind::Rows => opens || !is_table,
                        _ => !opens,
                    };
                    rest = behind;
                }
                Kind::Raw | Kind::Script | Kind::Title | Kind::Frame if opens => {
                    let (inside, behind) = raw_element(behind, name);
                    if kind == Kind::Title && self.title.is_empty() {
                        self.title = inside;
                    }
                    // What has no box parts no words.
                    rest = behind;
                    continue;
                }
                _ => rest = behind,
            }
            self.text.part();
        }
        self.text.push(&unescaped(rest));
        true
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
    let mut at = 1;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'>' => return &text[at..],
            // Elsewhere than behind `=` a quote is a slip of the author's, not a quotation.
            b'"' | b'\'' if bytes[..at - 1].trim_ascii_end().ends_with(b"=") => {
                match memchr(byte, &bytes[at..]) {
                    Some(end) => at += end + 1,
                    None => break,
                }
            }
            _ => {}
        }
    }
    ""
}

/// The content of a raw element, and what follows its end tag.
fn raw_element<'a>(text: &'a str, name: &str) -> (&'a str, &'a str) {
    for at in memchr_iter(b'<', text.as_bytes()) {
        let tag = &text[at..];
        if tag.starts_with("</") && tag_name(&tag[2..]).eq_ignore_ascii_case(name) {
            return (&text[..at], after_tag(tag));
        }
    }
    (text, "")
}

/// Text whose white space is folded: every run of it is one space, and none is at the ends.
struct Folded {
    text: String,
    /// Whether what comes next is parted from what is there.
    apart: bool,
}

impl Folded {
    fn with_capacity(bytes: usize) -> Self {
        let text = String::with_capacity(bytes);
        Folded { text, apart: false }
    }

    /// Parts what comes next from what is there.
    fn part(&mut self) {
        self.apart = true;
    }

    fn push(&mut self, text: &str) {
        let bytes = text.as_bytes();
        // Words that single spaces part are copied together.
        let (mut from, mut at) = (0, 0);
        while let Some(&byte) = bytes.get(at) {
            let width = match byte {
                b' ' | b'\t'..=b'\r' => 1,
                // The bytes that white space beyond ASCII begins with.
                0xC2 | 0xE1..=0xE3 => wide_space(&text[at..]),
                _ => 0,
            };
            let next = bytes.get(at + 1);
            let is_single = byte == b' ' && next.is_some_and(|next| (b'!'..=b'~').contains(next));
            if width > 0 && (!is_single || at == from) {
                self.copy(&text[from..at]);
                self.part();
                from = at + width;
            }
            at += width.max(1);
        }
        self.copy(&text[from..]);
    }

    fn copy(&mut self, words: &str) {
        if words.is_empty() {
            return;
        }
        if self.apart && !self.text.is_empty() {
            self.text.push(' ');
        }
        self.apart = false;
        self.text.push_str(words);
    }
}

/// The bytes of the first character if it is white space.
fn wide_space(text: &str) -> usize {
    let first = text.chars().next().filter(|c| c.is_whitespace());
    first.map_or(0, char::len_utf8)
}

fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut rare = HashMap::new();
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(34).position(|byte| byte == b';');
        match end.and_then(|end| Some((meaning(&rest[1..end], &mut rare)?, end))) {
            Some((meant, end)) => {
                out.push_str(&meant);
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

/// The most different references of a page that are looked up.
const MOST_RARE: usize = 100;

/// What a reference stands for; one that is none stays as it is written.
fn meaning<'t>(reference: &'t str, rare: &mut HashMap<&'t str, Option<String>>) -> Option<String> {
    if let Some(c) = character(reference) {
        return Some(c.to_string());
    }
    let is_name = reference.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_name || rare.len() >= MOST_RARE && !rare.contains_key(reference) {
        return None;
    }
    let look_up = || {
        // The parser knows all two thousand.
        let written = format!("&{reference};");
        let html = Html::parse_fragment(&written);
        let meant: String = html.root_element().text().collect();
        (meant != written).then_some(meant)
    };
    rare.entry(reference).or_insert_with(look_up).clone()
}

/// The references that occur most.
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
