//! The sentences in which a page says that something is wrong.
//!
//! Owns: which sentences those are, which of them are new, and which speak of a document. A
//! complaint counts only where a person can read it, and only where it was not there before the
//! page was acted on: a notice that every page shows complains of nothing. Must not know: what
//! follows from a complaint.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::LazyLock;

use ego_tree::NodeId;
use regex::Regex;
use scraper::{ElementRef, Html, Selector};

use super::definition::Query;
use super::dom::named::find;
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
    let mut surroundings = None;
    joined(page, before, |html, element, text| {
        let around = surroundings.get_or_insert_with(|| Surroundings::new(html, field));
        match around.of(element) {
            Beside::Document => true,
            Beside::Another => false,
            Beside::Unclear => names_document(text) || around.is_named_in(text),
        }
    })
}

/// Whether the page has the field.
pub fn has_field(page: &Snapshot, field: &Query) -> bool {
    let html = dom::parse(page.text());
    page.is_html() && !find(&html, field).is_empty()
}

fn joined(
    page: &Snapshot,
    before: &BTreeSet<String>,
    mut fits: impl FnMut(&Html, ElementRef<'_>, &str) -> bool,
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

/// Where a page has the document's field and others, gathered once for all complaints of it: pages may
/// nest deep and be long.
struct Surroundings {
    /// The elements that the document's field is, or stands in.
    of_document: HashSet<NodeId>,
    /// Those that another field is, or stands in.
    of_others: HashSet<NodeId>,
    /// Whether an id describes the document's field, or another; the first that names it counts.
    described: HashMap<String, bool>,
    /// The words on the labels of the document's field, in lower case.
    labels: Vec<String>,
}

impl Surroundings {
    fn new(html: &Html, field: &Query) -> Self {
        let mut new = Surroundings {
            of_document: HashSet::new(),
            of_others: HashSet::new(),
            described: HashMap::new(),
            labels: Vec::new(),
        };
        let targets = find(html, field);
        let is_target: HashSet<NodeId> = targets.iter().map(|target| target.id()).collect();
        for target in &targets {
            gather(&mut new.of_document, *target);
        }
        let fields = Selector::parse(FIELDS).ok();
        for other in fields.iter().flat_map(|fields| select(html, fields)) {
            let is_document = is_target.contains(&other.id());
            if !is_document {
                gather(&mut new.of_others, other);
            }
            for name in ["aria-describedby", "aria-errormessage"] {
                let ids = other.attr(name).unwrap_or_default().split_whitespace();
                for id in ids {
                    new.described.entry(id.to_owned()).or_insert(is_document);
                }
            }
        }
        let target_ids: HashSet<&str> = targets.iter().filter_map(|e| e.attr("id")).collect();
        let labels = Selector::parse("label").ok();
        let labels = labels.iter().flat_map(|labels| select(html, labels));
        new.labels = labels
            .filter(|label| {
                label.attr("for").is_some_and(|id| target_ids.contains(id))
                    || new.of_document.contains(&label.id())
            })
            .take(MAX_MARKED)
            .map(|label| {
                let text = text_of(label).to_lowercase();
                text.trim_matches([' ', '*', ':']).to_owned()
            })
            .filter(|label| !label.is_empty())
            .collect();
        new
    }

    fn of(&self, complaint: ElementRef<'_>) -> Beside {
        let described = complaint.attr("id").and_then(|id| self.described.get(id));
        match described {
            Some(true) => return Beside::Document,
            Some(false) => return Beside::Another,
            None => {}
        }
        let around = || complaint.ancestors().filter_map(ElementRef::wrap);
        let in_form = around().any(|element| element.value().name() == "form");
        let forms = Selector::parse("form").ok();
        for (level, around) in around().enumerate() {
            let name = around.value().name();
            let has_form = || {
                forms
                    .as_ref()
                    .is_some_and(|forms| around.select(forms).next().is_some())
            };
            let is_page = matches!(name, "body" | "main" | "html");
            if is_page || !in_form && (level >= MAX_LEVELS || has_form()) {
                break;
            }
            let has_target = self.of_document.contains(&around.id());
            let has_other = self.of_others.contains(&around.id());
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

    /// Whether a text names the document's field by its label.
    fn is_named_in(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.labels.iter().any(|label| text.contains(label))
    }
}

/// Adds an element and all that it stands in.
fn gather(into: &mut HashSet<NodeId>, element: ElementRef<'_>) {
    // What is known already has its own surroundings in.
    into.insert(element.id());
    for around in element.ancestors() {
        if !into.insert(around.id()) {
            break;
        }
    }
}
