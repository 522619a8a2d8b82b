//! The sentences in which a page says that something is wrong.
//!
//! Owns: which sentences those are, which of them are new, and which speak of a document. A
//! complaint counts only where a person can read it, and only where it was not there before the
//! page was acted on: a notice that every page shows complains of nothing. Must not know: what
//! follows from a complaint.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;
use scraper::{ElementRef, Html, Selector};

use super::definition::Query;
use super::dom::{self, select, text_of};
use super::page::{Snapshot, bounded};

/// Marks of such a sentence, in the forms of usual frameworks. A box of Bootstrap's that reports
/// a success is an alert too.
const MARKS: &str = "[role=alert], [aria-live=assertive], .error, .errors, .errorlist, \
    .error-message, .errornote, .alert-danger, .alert-error, .invalid-feedback, \
    .field-validation-error, .validation-summary-errors, .text-danger, .help-block";
/// Marks of a sentence that complains of nothing.
const NO_MARKS: [&str; 4] = ["success", "info", "primary", "valid-feedback"];
/// The most marked elements that are looked at on one page.
const MAX_MARKED: usize = 50;
/// The most complaints that a message quotes.
const MAX_QUOTED: usize = 3;
/// How many elements around a complaint are searched for the field that it stands beside, where
/// no form is around them.
const MAX_LEVELS: usize = 3;
/// Controls that take something from a person.
const FIELDS: &str = "input:not([type=hidden]):not([type=submit]):not([type=button])\
    :not([type=reset]):not([type=image]), select, textarea";

/// Words that name a document, what it is made of, or how large it is.
static DOCUMENT_WORDS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let words = r"(?i)\b(files?|documents?|dokumen(nya)?|berkas(nya)?|(di)?unggah(an)?|uploads?|uploaded|uploading|lampiran|attachments?|images?|gambar(nya)?|photos?|foto(nya)?|pictures?|scan|pdf|jpe?g|png|[km]i?b|megabytes?|ukuran(nya)?|too (large|big)|terlalu besar)\b|\d[km]i?b\b";
    Regex::new(words).ok()
});

/// Whether a text speaks of a document.
pub fn names_document(text: &str) -> bool {
    let words = DOCUMENT_WORDS.as_ref();
    words.is_some_and(|words| words.is_match(bounded(text)))
}

/// Every complaint that a person reads on the page.
pub fn complaints(page: &Snapshot) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    each(page, |_, _, text| {
        found.insert(text);
    });
    found
}

/// What the page complains of and did not complain of before, for a message.
pub fn new_complaint(page: &Snapshot, before: &BTreeSet<String>) -> Option<String> {
    joined(page, before, |_, _, _| true)
}

/// The same, of those complaints alone that speak of the document on this field.
pub fn new_complaint_about(
    page: &Snapshot,
    before: &BTreeSet<String>,
    field: &Query,
) -> Option<String> {
    joined(page, before, |html, element, text| {
        match beside(html, element, field) {
            Beside::Document => true,
            Beside::Another => false,
            Beside::Unclear => names_document(text) || names_label(html, text, field),
        }
    })
}

/// Whether the page has the field.
pub fn has_field(page: &Snapshot, field: &Query) -> bool {
    let html = dom::parse(page.text());
    page.is_html() && select(&html, &field.selector).next().is_some()
}

fn joined(
    page: &Snapshot,
    before: &BTreeSet<String>,
    fits: impl Fn(&Html, ElementRef<'_>, &str) -> bool,
) -> Option<String> {
    let mut found: Vec<String> = Vec::new();
    each(page, |html, element, text| {
        // One mark often stands within another, around the same words.
        let is_told = found.iter().any(|told| told.contains(&text));
        let is_new = found.len() < MAX_QUOTED && !is_told && !before.contains(&text);
        if is_new && fits(html, element, &text) {
            found.push(text);
        }
    });
    (!found.is_empty()).then(|| found.join(" / "))
}

/// Calls `take` with every complaint that a person can read.
fn each(page: &Snapshot, mut take: impl FnMut(&Html, ElementRef<'_>, String)) {
    let Some(marks) = Selector::parse(MARKS).ok().filter(|_| page.is_html()) else {
        return;
    };
    let html = dom::parse(page.text());
    let squeezed = |text: &str| text.split_whitespace().collect::<String>();
    let mut read = None;
    for element in select(&html, &marks).take(MAX_MARKED) {
        let text = text_of(element);
        let classes = element.attr("class").unwrap_or_default();
        let is_mark = |class: &str| {
            let last = class.rsplit('-').next().unwrap_or_default();
            NO_MARKS.contains(&class) || NO_MARKS.contains(&last)
        };
        let complains = !classes.split_whitespace().any(is_mark);
        if text.is_empty() || !complains || element.attr("hidden").is_some() {
            continue;
        }
        // Words are parted otherwise in what a person reads.
        let read = read.get_or_insert_with(|| squeezed(&page.visible().text));
        if read.contains(&squeezed(&text)) {
            take(&html, element, text);
        }
    }
}

/// What a complaint stands beside.
#[derive(PartialEq, Eq)]
enum Beside {
    /// The document's field, and no other.
    Document,
    /// Another field, and not the document's.
    Another,
    /// Both, or none.
    Unclear,
}

fn beside(html: &Html, complaint: ElementRef<'_>, field: &Query) -> Beside {
    let (Some(fields), Some(forms)) = (Selector::parse(FIELDS).ok(), Selector::parse("form").ok())
    else {
        return Beside::Unclear;
    };
    let targets: Vec<_> = select(html, &field.selector).map(|e| e.id()).collect();
    if let Some(id) = complaint.attr("id") {
        let describes = |field: ElementRef<'_>| {
            let named = |name| field.attr(name).unwrap_or_default().split_whitespace();
            named("aria-describedby")
                .chain(named("aria-errormessage"))
                .any(|named| named == id)
        };
        let described = select(html, &fields).find(|field| describes(*field));
        if let Some(described) = described {
            return match targets.contains(&described.id()) {
                true => Beside::Document,
                false => Beside::Another,
            };
        }
    }
    let in_form = complaint
        .ancestors()
        .filter_map(ElementRef::wrap)
        .any(|e| e.value().name() == "form");
    let around = complaint.ancestors().filter_map(ElementRef::wrap);
    for (level, around) in around.enumerate() {
        let name = around.value().name();
        let is_page = matches!(name, "body" | "main" | "html");
        if is_page || !in_form && (level >= MAX_LEVELS || around.select(&forms).next().is_some()) {
            break;
        }
        let is_target = |element: ElementRef<'_>| targets.contains(&element.id());
        let has_target = around
            .descendants()
            .any(|node| targets.contains(&node.id()));
        let has_other = around.select(&fields).any(|field| !is_target(field));
        match (has_target, has_other) {
            (true, false) => return Beside::Document,
            (false, true) => return Beside::Another,
            (true, true) => return Beside::Unclear,
            (false, false) if name == "form" => return Beside::Unclear,
            (false, false) => {}
        }
    }
    Beside::Unclear
}

/// Whether a text names the field's own label.
fn names_label(html: &Html, text: &str, field: &Query) -> bool {
    let Some(labels) = Selector::parse("label").ok() else {
        return false;
    };
    let text = text.to_lowercase();
    select(html, &field.selector).any(|target| {
        let id = target.attr("id");
        let is_its = |label: &ElementRef<'_>| {
            id.is_some() && label.attr("for") == id
                || label.descendants().any(|node| node.id() == target.id())
        };
        let label = select(html, &labels).find(is_its).map(text_of);
        let label = label.unwrap_or_default().to_lowercase();
        let label = label.trim_matches([' ', '*', ':']);
        !label.is_empty() && text.contains(label)
    })
}
