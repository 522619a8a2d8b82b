//! Elements by what a person knows them by: their text, their label, their name, their role.
//!
//! Owns what the names of a page's elements are, by the part of the accessible name computation that
//! pages use, and which elements are listed where one is missing. Must agree with
//! `browser_page/targets.js`: a flow means the same element on both engines. Must not know what is
//! done to what is found.

use std::cell::{Cell, OnceCell};
use std::collections::{HashMap, HashSet};

use ego_tree::NodeId;
use ego_tree::iter::Edge;
use scraper::{ElementRef, Html, Node, Selector};

use super::{folded, select, text_of};
use crate::probe::form::kind;
use crate::probe::target::{Query, Sort, Sought};
use crate::probe::visible_text::{Elements, is_inline, is_unread};

/// The most nodes and bytes of text that are read for all names of one page: names beyond are taken
/// as none. A text counts each time that something is named by it.
const MAX_READ: usize = 4_000_000;
/// The longest name that is listed, in characters.
const MAX_NAME: usize = 30;
/// The most elements of several that are listed.
const MAX_LISTED: usize = 5;
/// The most buttons, fields and links that are listed.
pub const MAX_THERE: [usize; 3] = [5, 6, 4];
/// Roles whose name is only what their author says, and not what is in them.
const NAMED_BY_AUTHOR: [&str; 20] = [
    "alertdialog",
    "article",
    "banner",
    "complementary",
    "contentinfo",
    "dialog",
    "form",
    "grid",
    "group",
    "list",
    "main",
    "menu",
    "menubar",
    "navigation",
    "radiogroup",
    "region",
    "search",
    "table",
    "tablist",
    "toolbar",
];
/// Roles that take something from a person, and have labels.
const FIELD_ROLES: [&str; 9] = [
    "checkbox",
    "combobox",
    "listbox",
    "radio",
    "searchbox",
    "slider",
    "spinbutton",
    "switch",
    "textbox",
];

/// The elements that are meant, in the page's order.
pub fn find<'h>(html: &'h Html, query: &Query) -> Vec<ElementRef<'h>> {
    if let Some(css) = query.plain_css() {
        return select(html, &css.selector).collect();
    }
    let page = Page::new(html);
    let mut found = match &query.sought {
        Sought::Css(css) => {
            let fitting = select(html, &css.selector);
            fitting.filter(|element| page.counts(*element)).collect()
        }
        Sought::Words(Sort::Text, words) => page.by_text(words),
        Sought::Words(sort, words) => page.by(|element| {
            let is_sort = match sort {
                Sort::Button => is_button(element),
                Sort::Link => role_of(element) == "link",
                Sort::Label | Sort::Text => is_field(element),
            };
            is_sort && page.counts(element) && page.name_of(element) == *words
        }),
        Sought::Role(role, name) => page.by(|element| {
            let is_named = || {
                name.as_ref()
                    .is_none_or(|name| page.name_of(element) == *name)
            };
            role_of(element) == *role && page.counts(element) && is_named()
        }),
    };
    if let Some(within) = &query.within {
        let places: HashSet<NodeId> = select(html, &within.selector).map(|e| e.id()).collect();
        found.retain(|element| element.ancestors().any(|node| places.contains(&node.id())));
    }
    match query.nth {
        Some(nth) => found.into_iter().skip(nth - 1).take(1).collect(),
        None => found,
    }
}

/// Several elements, told apart for a message.
pub fn told_apart(found: &[ElementRef<'_>]) -> String {
    let mut told: Vec<String> = found
        .iter()
        .take(MAX_LISTED)
        .map(|element| {
            let around = element.ancestors().filter_map(ElementRef::wrap);
            let around = around.filter_map(|element| element.attr("id")).next();
            let place = around.map_or(String::new(), |id| format!(" in `#{id}`"));
            let mark = mark_of(*element).map_or(String::new(), |mark| format!(" {mark}"));
            format!("a <{}>{mark}{place}", element.value().name())
        })
        .collect();
    if found.len() > MAX_LISTED {
        told.push("…".to_owned());
    }
    told.join(", ")
}

/// The buttons, fields and links that a person sees on the page, for the end of a message.
pub fn listing(html: &Html) -> String {
    let page = Page::new(html);
    let take = |is_sort: fn(ElementRef<'_>) -> bool, most: usize| {
        let mut told = Vec::new();
        for node in html.tree.nodes() {
            let Some(element) = ElementRef::wrap(node) else {
                continue;
            };
            if is_sort(element) && page.is_shown(element) {
                let name = shortened(&page.name_of(element));
                let name = (!name.is_empty()).then(|| format!("\"{name}\""));
                let told_as = name.or_else(|| mark_of(element));
                told.extend(told_as.filter(|_| !super::in_template(element)));
            }
            if told.len() > most {
                break;
            }
        }
        told
    };
    let [buttons, fields, links] = MAX_THERE;
    listed([
        take(is_button, buttons),
        take(is_field, fields),
        take(|element| role_of(element) == "link", links),
    ])
}

/// Buttons, fields and links in words; of each one more than [`MAX_THERE`] where there are more.
pub fn listed(there: [Vec<String>; 3]) -> String {
    let sorts = ["button", "field", "link"].into_iter().zip(MAX_THERE);
    let parts: Vec<String> = sorts
        .zip(there)
        .filter(|(_, told)| !told.is_empty())
        .map(|((sort, most), mut told)| {
            let plural = if told.len() > 1 { "s" } else { "" };
            if told.len() > most {
                told.truncate(most);
                told.push("…".to_owned());
            }
            format!("the {sort}{plural} {}", told.join(", "))
        })
        .collect();
    match parts.is_empty() {
        true => String::new(),
        false => format!("; it has {}", parts.join("; ")),
    }
}

fn shortened(name: &str) -> String {
    match name.char_indices().nth(MAX_NAME) {
        Some((end, _)) => format!("{}…", name[..end].trim_end()),
        None => name.to_owned(),
    }
}

/// What a selector finds an element by.
fn mark_of(element: ElementRef<'_>) -> Option<String> {
    let given = |name| element.attr(name).filter(|value| !value.is_empty());
    let by_id = given("id").map(|id| format!("`#{id}`"));
    by_id.or_else(|| given("name").map(|name| format!("`[name={name}]`")))
}

/// A page, with what is shown on it and what its fields are labelled with.
struct Page<'h> {
    html: &'h Html,
    read: Elements,
    labels: HashMap<NodeId, Vec<ElementRef<'h>>>,
    ids: OnceCell<HashMap<&'h str, ElementRef<'h>>>,
    left: Cell<usize>,
}

impl<'h> Page<'h> {
    fn new(html: &'h Html) -> Self {
        Page {
            html,
            read: Elements::of(html),
            labels: labels(html),
            ids: OnceCell::new(),
            left: Cell::new(MAX_READ),
        }
    }

    fn by(&self, fits: impl Fn(ElementRef<'h>) -> bool) -> Vec<ElementRef<'h>> {
        let elements = self.html.tree.root().descendants();
        elements
            .filter_map(ElementRef::wrap)
            .filter(|element| fits(*element) && !super::in_template(*element))
            .collect()
    }

    /// The innermost elements whose text is this.
    fn by_text(&self, words: &str) -> Vec<ElementRef<'h>> {
        let is_chosen = |element: &ElementRef<'h>| {
            let name = element.value().name();
            !matches!(name, "option" | "optgroup" | "select" | "textarea")
        };
        let saying = self.read.saying(words);
        let hits: Vec<ElementRef<'h>> = saying
            .filter_map(|id| ElementRef::wrap(self.html.tree.get(id)?))
            .filter(is_chosen)
            .collect();
        let mut around = HashSet::new();
        for hit in &hits {
            for node in hit.ancestors() {
                if !around.insert(node.id()) {
                    break;
                }
            }
        }
        let innermost: HashSet<NodeId> = hits
            .iter()
            .map(|hit| hit.id())
            .filter(|id| !around.contains(id))
            .collect();
        self.by(|element| {
            let is_said = innermost.contains(&element.id());
            let is_button = || {
                element.value().name() == "input"
                    && matches!(kind(element), "submit" | "reset" | "button")
                    && folded(element.attr("value").unwrap_or_default()) == words
            };
            (is_said || is_button()) && self.is_shown(element)
        })
    }

    fn is_shown(&self, element: ElementRef<'_>) -> bool {
        self.read.is_shown(element.id())
    }

    /// Whether an element is shown, or its label is. Pages hide fields for files behind something
    /// prettier.
    fn counts(&self, element: ElementRef<'h>) -> bool {
        let labels = || self.labels.get(&element.id()).into_iter().flatten();
        self.is_shown(element)
            || kind(element) == "file"
            || labels().any(|label| self.is_shown(*label))
    }

    /// What a person, or a screen reader, calls an element.
    fn name_of(&self, element: ElementRef<'h>) -> String {
        let given = |name: &str| {
            let given = folded(element.attr(name).unwrap_or_default());
            (!given.is_empty()).then_some(given)
        };
        self.named_by_ids(element)
            .or_else(|| given("aria-label"))
            .or_else(|| match kind(element) {
                "submit" | "reset" | "button" if element.value().name() == "input" => {
                    given("value")
                }
                "image" => given("alt"),
                _ if is_labelled(element) => {
                    let labels = self.labels.get(&element.id()).into_iter().flatten();
                    let said: Vec<String> = labels
                        .map(|label| self.content(*label, true))
                        .filter(|said| !said.is_empty())
                        .collect();
                    (!said.is_empty()).then(|| said.join(" "))
                }
                _ if matches!(element.value().name(), "img" | "area") => given("alt"),
                _ if NAMED_BY_AUTHOR.contains(&&*role_of(element)) => self.caption(element),
                _ => Some(self.content(element, false)).filter(|said| !said.is_empty()),
            })
            .or_else(|| given("title"))
            .or_else(|| given("placeholder"))
            .unwrap_or_default()
    }

    fn named_by_ids(&self, element: ElementRef<'h>) -> Option<String> {
        let ids = element.attr("aria-labelledby")?;
        let said: Vec<String> = ids
            .split_whitespace()
            .take(MAX_LISTED)
            .filter_map(|id| self.by_id(id))
            .map(|element| self.content(element, false))
            .filter(|said| !said.is_empty())
            .collect();
        (!said.is_empty()).then(|| said.join(" "))
    }

    fn by_id(&self, id: &str) -> Option<ElementRef<'h>> {
        let ids = self.ids.get_or_init(|| {
            let mut ids = HashMap::new();
            for element in self.html.tree.nodes().filter_map(ElementRef::wrap) {
                if let Some(id) = element.attr("id") {
                    ids.entry(id).or_insert(element);
                }
            }
            ids
        });
        ids.get(id).copied()
    }

    /// The legend of a group of fields, or the caption of a table.
    fn caption(&self, element: ElementRef<'h>) -> Option<String> {
        let wanted = match element.value().name() {
            "fieldset" => "legend",
            "table" => "caption",
            _ => return None,
        };
        let mut children = element.child_elements();
        let found = children.find(|child| child.value().name() == wanted)?;
        Some(self.content(found, false)).filter(|said| !said.is_empty())
    }

    /// Whether so much more may be read for names.
    fn spend(&self, amount: usize) -> bool {
        let left = self.left.get().checked_sub(amount);
        self.left.set(left.unwrap_or(0));
        left.is_some()
    }

    /// What is to be read in an element, and on its pictures; `apart_from_fields` for labels.
    fn content(&self, element: ElementRef<'h>, apart_from_fields: bool) -> String {
        // What is hidden as a whole may still name something.
        let only_shown = self.is_shown(element);
        let mut said = String::new();
        let mut skipped: Option<NodeId> = None;
        for edge in element.traverse() {
            if !self.spend(1) {
                return String::new();
            }
            match edge {
                Edge::Open(node) if skipped.is_none() => match node.value() {
                    Node::Text(words) if self.spend(words.len()) => said.push_str(words),
                    Node::Element(inner) if node.id() != element.id() => {
                        let name = inner.name();
                        let label = inner.attr("aria-label").unwrap_or_default();
                        let is_field = matches!(
                            name,
                            "input" | "select" | "textarea" | "button" | "datalist" | "option"
                        );
                        let is_out = is_unread(name)
                            || inner.attr("aria-hidden") == Some("true")
                            || only_shown && !self.read.is_shown(node.id())
                            || apart_from_fields && is_field;
                        if !is_inline(name) {
                            said.push(' ');
                        }
                        let whole = match name {
                            _ if is_out => Some(String::new()),
                            _ if !self.spend(label.len()) => return String::new(),
                            _ if !label.trim().is_empty() => Some(label.to_owned()),
                            "img" => Some(inner.attr("alt").unwrap_or_default().to_owned()),
                            "svg" => {
                                let mut children = node.children().filter_map(ElementRef::wrap);
                                let title = children.find(|child| child.value().name() == "title");
                                Some(title.map(text_of).unwrap_or_default())
                            }
                            _ => None,
                        };
                        if let Some(whole) = whole.filter(|whole| self.spend(whole.len())) {
                            said.push_str(&whole);
                            skipped = Some(node.id());
                        }
                    }
                    Node::Fragment => skipped = Some(node.id()),
                    _ => {}
                },
                Edge::Open(_) => {}
                Edge::Close(node) => {
                    if skipped == Some(node.id()) {
                        skipped = None;
                    }
                    if let Node::Element(inner) = node.value()
                        && skipped.is_none()
                        && !is_inline(inner.name())
                    {
                        said.push(' ');
                    }
                }
            }
        }
        folded(&said)
    }
}

/// Whether a label can be for it.
fn is_labelled(element: ElementRef<'_>) -> bool {
    matches!(element.value().name(), "input" | "select" | "textarea") && kind(element) != "hidden"
}

/// The labels of each control, in the page's order.
fn labels(html: &Html) -> HashMap<NodeId, Vec<ElementRef<'_>>> {
    let mut by_id: HashMap<&str, Vec<ElementRef<'_>>> = HashMap::new();
    let mut found: HashMap<NodeId, Vec<ElementRef<'_>>> = HashMap::new();
    let Ok(all) = Selector::parse("label") else {
        return found;
    };
    let mut around = HashSet::new();
    for label in select(html, &all) {
        match label.attr("for") {
            Some(id) => by_id.entry(id).or_default().push(label),
            None => {
                around.insert(label.id());
            }
        }
    }
    // A label without a name is for the first control in it.
    let mut open: Vec<(ElementRef<'_>, bool)> = Vec::new();
    for edge in html.tree.root().traverse() {
        match edge {
            Edge::Open(node) => {
                let Some(element) = ElementRef::wrap(node) else {
                    continue;
                };
                if around.contains(&node.id()) {
                    open.push((element, false));
                }
                if is_labelled(element) || element.value().name() == "button" {
                    let named = element.attr("id").and_then(|id| by_id.remove(id));
                    let mut its = named.unwrap_or_default();
                    for (label, is_taken) in &mut open {
                        if !*is_taken {
                            *is_taken = true;
                            its.push(*label);
                        }
                    }
                    if !its.is_empty() {
                        found.insert(node.id(), its);
                    }
                }
            }
            Edge::Close(node) => {
                if around.contains(&node.id()) {
                    open.pop();
                }
            }
        }
    }
    found
}

fn is_button(element: ElementRef<'_>) -> bool {
    role_of(element) == "button" || element.value().name() == "summary"
}

fn is_field(element: ElementRef<'_>) -> bool {
    let is_control =
        is_labelled(element) && !matches!(kind(element), "submit" | "reset" | "image" | "button");
    let is_editable = element
        .attr("contenteditable")
        .is_some_and(|value| !value.eq_ignore_ascii_case("false"));
    is_control || is_editable || FIELD_ROLES.contains(&&*role_of(element))
}

/// What an element is, by its `role` or by itself; empty where it is nothing with a name.
fn role_of(element: ElementRef<'_>) -> String {
    let given = element.attr("role").unwrap_or_default();
    if let Some(first) = given.split_whitespace().next() {
        return first.to_ascii_lowercase();
    }
    let has = |name| element.attr(name).is_some();
    let role = match element.value().name() {
        "a" | "area" if has("href") => "link",
        "button" => "button",
        "input" => match kind(element) {
            "submit" | "reset" | "button" | "image" => "button",
            "checkbox" => "checkbox",
            "radio" => "radio",
            "range" => "slider",
            "number" => "spinbutton",
            "text" | "email" | "tel" | "url" | "search" if has("list") => "combobox",
            "search" => "searchbox",
            "text" | "email" | "tel" | "url" => "textbox",
            _ => "",
        },
        "select" => {
            let size = element
                .attr("size")
                .and_then(|size| size.parse::<u32>().ok());
            match has("multiple") || size.is_some_and(|size| size > 1) {
                true => "listbox",
                false => "combobox",
            }
        }
        "textarea" => "textbox",
        "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => "heading",
        "img" => "img",
        "nav" => "navigation",
        "main" => "main",
        "form" => "form",
        "dialog" => "dialog",
        "article" => "article",
        "aside" => "complementary",
        "fieldset" => "group",
        "table" => "table",
        "tr" => "row",
        "td" => "cell",
        "th" => "columnheader",
        "ul" | "ol" => "list",
        "li" => "listitem",
        "progress" => "progressbar",
        "output" => "status",
        _ => "",
    };
    role.to_owned()
}
