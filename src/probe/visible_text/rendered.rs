//! What a person reads on a page that hides something: by attributes, closed elements, or its own
//! style. Read from the parsed page, which costs more than the one pass over its text.
//!
//! Must agree with `snapshot` in `browser_page/page.js`.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::LazyLock;

use ego_tree::NodeId;
use ego_tree::iter::Edge;
use memchr::memmem;
use scraper::{ElementRef, Html, Node, Selector};

use super::styles::Styles;
use super::{Folded, VisibleText};

/// Whether the markup has anything by which a page hides what is in it. May be wrong one way only:
/// it says yes too often.
pub(super) fn hides_something(html: &str) -> bool {
    let bytes = html.as_bytes();
    let found = |word: &[u8]| memmem::find(bytes, word).is_some();
    let followed = |word: &'static [u8], fits: fn(&[u8]) -> bool| {
        memmem::find_iter(bytes, word).any(|at| fits(&bytes[at + word.len()..]))
    };
    // An attribute, and not `type=hidden`, `aria-hidden` or `overflow:hidden`.
    memmem::find_iter(bytes, b"hidden").any(|at| {
        let before = at.checked_sub(1).map(|at| bytes[at]);
        before.is_some_and(|byte| byte.is_ascii_whitespace() || b"/\"'".contains(&byte))
    }) || followed(b"display", |rest| {
        let rest = rest.trim_ascii_start();
        let value = rest.strip_prefix(b":").unwrap_or_default();
        value.trim_ascii_start().get(..4).is_some_and(|value| value.eq_ignore_ascii_case(b"none"))
    }) || found(b"visibility")
        || found(b"<details")
        || found(b"<dialog")
        || found(b"popover")
        // A drawing has titles of its own.
        || memmem::find(bytes, b"<svg").is_some_and(|at| {
            memmem::find(&bytes[at..], b"<title").is_some()
        })
        // Written as hardly anybody does: the parser's to judge.
        || found(b"HIDDEN")
        || found(b"Hidden")
        || found(b"DISPLAY")
        || found(b"<DETAILS")
        || found(b"<Details")
        || found(b"<DIALOG")
        || found(b"<Dialog")
}

/// What is to be read inside an element, and where a walk is within it.
struct Level {
    /// Whether text directly in it is seen.
    is_seen: bool,
    /// A closed `details`: only its first summary is shown.
    is_closed: bool,
    /// Where it begins in the text.
    from: usize,
}

#[allow(clippy::expect_used, reason = "a constant")]
static EVERY: LazyLock<Selector> = LazyLock::new(|| Selector::parse("*").expect("a constant"));

/// Whether an element is of a drawing, whose titles are its own.
fn is_drawing(element: ElementRef<'_>) -> bool {
    &*element.value().name.ns == "http://www.w3.org/2000/svg"
}

/// Reads a page from its tree.
pub(super) fn read(page: &Html) -> VisibleText {
    walk(page, |_, _, _| {})
}

/// The elements of a page that are shown, and what is to be read in each.
pub struct Elements {
    text: String,
    /// Of each element with a box, in the order in which they end: where it begins and ends in the
    /// text.
    spans: Vec<(NodeId, Range<usize>)>,
    shown: HashSet<NodeId>,
}

impl Elements {
    /// Reads a page.
    pub fn of(page: &Html) -> Self {
        let (mut spans, mut shown) = (Vec::new(), HashSet::new());
        let read = walk(page, |node, span, is_seen| {
            spans.push((node, span));
            if is_seen {
                shown.insert(node);
            }
        });
        Elements {
            text: read.text,
            spans,
            shown,
        }
    }

    /// Whether an element is shown.
    pub fn is_shown(&self, node: NodeId) -> bool {
        self.shown.contains(&node)
    }

    /// The elements in which exactly this is to be read; its white space is folded.
    pub fn saying(&self, words: &str) -> impl Iterator<Item = NodeId> {
        let says = move |span: &Range<usize>| {
            // Spaces at its ends are those around it.
            span.len() <= words.len() + 2
                && self.text.get(span.clone()).map(str::trim) == Some(words)
        };
        let spans = self.spans.iter();
        spans.filter_map(move |(node, span)| says(span).then_some(*node))
    }
}

/// Reads a page from its tree, telling of each element with a box what is read in it and whether it
/// is seen. One walk without recursion: pages may nest as deep as they like.
fn walk(page: &Html, mut tell: impl FnMut(NodeId, Range<usize>, bool)) -> VisibleText {
    let mut styles = Styles::default();
    let (mut title, mut embeds) = (None, false);
    for element in page.select(&EVERY) {
        match element.value().name() {
            "style" if applies(element) => styles.add(&element.text().collect::<String>()),
            "title" if title.is_none() && !is_drawing(element) => {
                title = Some(element.text().collect::<String>());
            }
            name => embeds |= is_embedding(name),
        }
    }
    let mut text = Folded::with_capacity(0);
    let mut heading = Heading::default();
    let mut levels: Vec<Level> = Vec::new();
    let mut skipped = None;
    for edge in page.tree.root().traverse() {
        match edge {
            Edge::Open(node) if skipped.is_none() => match node.value() {
                Node::Text(words) => {
                    let level = levels.last();
                    if level.is_none_or(|level| level.is_seen && !level.is_closed) {
                        text.push(words);
                    }
                }
                Node::Element(element) => {
                    let name = element.name();
                    let Some(reference) = ElementRef::wrap(node) else {
                        continue;
                    };
                    let parent = levels.last();
                    let is_summary = name == "summary"
                        && !node
                            .prev_siblings()
                            .any(|before| is_element(before.value(), "summary"));
                    let is_behind = parent.is_some_and(|level| level.is_closed) && !is_summary;
                    let shown = styles.of(reference);
                    let inherits = parent.is_none_or(|level| level.is_seen);
                    // An option is read where its select is, although it has no box.
                    let is_option = matches!(name, "option" | "optgroup");
                    let has_box = is_option
                        || shown
                            .display
                            .unwrap_or_else(|| has_box_by_itself(reference));
                    if !is_inline(name) && !is_unread(name) {
                        text.part();
                    }
                    let is_for_search = element
                        .attr("hidden")
                        .is_some_and(|value| value.eq_ignore_ascii_case("until-found"));
                    if is_unread(name) || is_behind || !has_box || is_for_search {
                        skipped = Some(node.id());
                        continue;
                    }
                    heading.open(name, &text);
                    levels.push(Level {
                        is_seen: is_option || shown.visibility.unwrap_or(inherits),
                        is_closed: name == "details" && element.attr("open").is_none(),
                        from: text.text.len(),
                    });
                }
                Node::Fragment
                | Node::Comment(_)
                | Node::Doctype(_)
                | Node::ProcessingInstruction(_)
                | Node::Document => {
                    // The content of a template.
                    if matches!(node.value(), Node::Fragment) {
                        skipped = Some(node.id());
                    }
                }
            },
            Edge::Close(node) => {
                let was_skipped = skipped == Some(node.id());
                if was_skipped {
                    skipped = None;
                }
                if let Node::Element(element) = node.value()
                    && skipped.is_none()
                {
                    if !is_inline(element.name()) && !is_unread(element.name()) {
                        text.part();
                    }
                    if !was_skipped {
                        heading.close(element.name(), &text);
                        if let Some(level) = levels.pop() {
                            tell(node.id(), level.from..text.text.len(), level.is_seen);
                        }
                    }
                }
            }
            Edge::Open(_) => {}
        }
    }
    let mut folded = Folded::with_capacity(0);
    folded.push(&title.unwrap_or_default());
    VisibleText {
        title: folded.text,
        heading: heading.text,
        text: text.text,
        embeds,
    }
}

/// The first heading in which something is to be read.
#[derive(Default)]
pub(super) struct Heading {
    /// Where the open one began in the text.
    begun: Option<usize>,
    pub(super) text: String,
}

impl Heading {
    pub(super) fn open(&mut self, name: &str, text: &Folded) {
        if self.text.is_empty() && self.begun.is_none() && is_heading(name) {
            self.begun = Some(text.text.len());
        }
    }

    pub(super) fn close(&mut self, name: &str, text: &Folded) {
        if is_heading(name)
            && let Some(begun) = self.begun.take()
        {
            self.text = text.text[begun..].trim().to_owned();
        }
    }
}

fn is_heading(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.len() == 2 && bytes[0].eq_ignore_ascii_case(&b'h') && (b'1'..=b'6').contains(&bytes[1])
}

fn is_element(node: &Node, name: &str) -> bool {
    node.as_element()
        .is_some_and(|element| element.name() == name)
}

/// Whether a sheet is for screens.
fn applies(sheet: ElementRef<'_>) -> bool {
    let media = sheet.attr("media").unwrap_or_default().to_ascii_lowercase();
    media
        .split(',')
        .any(|query| super::styles::is_screen(query.trim()))
}

/// Whether the browser's own sheet gives an element a box.
fn has_box_by_itself(element: ElementRef<'_>) -> bool {
    let has = |name| element.attr(name).is_some();
    !has("hidden")
        && !has("popover")
        && !matches!(
            element.value().name(),
            "head" | "area" | "base" | "link" | "meta" | "noembed" | "noframes" | "param" | "rp"
        )
        && (element.value().name() != "dialog" || has("open"))
        && (element.value().name() != "input"
            || !element
                .attr("type")
                .is_some_and(|kind| kind.eq_ignore_ascii_case("hidden")))
}

/// Elements whose text nobody reads.
pub fn is_unread(name: &str) -> bool {
    matches!(
        name,
        "script" | "style" | "template" | "title" | "iframe" | "datalist"
    )
}

/// Elements that do not part words.
pub fn is_inline(name: &str) -> bool {
    matches!(
        name,
        "a" | "abbr"
            | "b"
            | "code"
            | "em"
            | "font"
            | "i"
            | "small"
            | "span"
            | "strong"
            | "sub"
            | "u"
            | "slot"
    )
}

/// Elements that a person sees beside the text, or that may draw the page.
fn is_embedding(name: &str) -> bool {
    matches!(
        name,
        "img"
            | "script"
            | "iframe"
            | "frame"
            | "object"
            | "embed"
            | "svg"
            | "canvas"
            | "video"
            | "input"
            | "picture"
            | "button"
    )
}
