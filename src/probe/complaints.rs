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
use super::dom::{self, folded, select, text_of};
use super::page::{Snapshot, bounded};

/// Attributes that mark such a sentence by themselves.
const MARKED: &str = "[role=alert], [aria-live=assertive]";
/// Words that mark it, where they stand in a class or an id: `alert-danger`, `MuiAlert-standardError`,
/// `cdx-message--error`, `errorlist`.
const MARKS: [&str; 16] = [
    "alert",
    "danger",
    "error",
    "errorlist",
    "errormessage",
    "errornote",
    "errors",
    "fail",
    "failed",
    "failure",
    "galat",
    "invalid",
    "kesalahan",
    "negative",
    "peringatan",
    "warning",
];
/// Class names of help beside a field, which some frameworks write the complaint into.
const HELP: [&str; 2] = ["help-block", "validation-summary-errors"];
/// Words that mark a sentence that complains of nothing: a box that reports a success is an alert too.
/// So does a label in a colour of warning.
const NO_MARKS: [&str; 11] = [
    "success", "info", "primary", "valid", "no", "badge", "btn", "button", "chip", "pill", "tag",
];
/// The longest text that is taken for a complaint, in bytes; what is longer is a part of the page.
const MAX_COMPLAINT_BYTES: usize = 2000;
/// The most marked elements that are looked at on one page; many are places that are empty so far.
const MAX_MARKED: usize = 300;
/// The most of them that say something.
const MAX_COMPLAINTS: usize = 50;
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
    let candidates = format!("{MARKED}, [class], [id]");
    let selectors = [&candidates, MARKED, FIELDS].map(|text| Selector::parse(text).ok());
    let ([Some(candidates), Some(marked), Some(fields)], true) = (selectors, page.is_html()) else {
        return;
    };
    let html = dom::parse(page.text());
    let squeezed = |text: &str| text.split_whitespace().collect::<String>();
    let complains = |element: &ElementRef<'_>| match by_words(*element) {
        Some(complains) => complains,
        None => marked.matches(element),
    };
    let (mut read, mut taken) = (None, 0);
    for element in select(&html, &candidates)
        .filter(complains)
        .take(MAX_MARKED)
    {
        // What has a field in it is a part of a form that is marked as wrong, not what is wrong.
        let is_group = element.select(&fields).next().is_some();
        if is_group || element.attr("hidden").is_some() {
            continue;
        }
        let Some(text) = short_text(element).filter(|text| !text.is_empty()) else {
            continue;
        };
        if taken == MAX_COMPLAINTS {
            return;
        }
        taken += 1;
        // Words are parted otherwise in what a person reads.
        let read = read.get_or_insert_with(|| squeezed(&page.visible().text));
        if read.contains(&squeezed(&text)) {
            take(&html, element, text);
        }
    }
}

/// The text of an element, white space folded; `None` where it is too long for a complaint.
fn short_text(element: ElementRef<'_>) -> Option<String> {
    let mut raw = String::new();
    for part in element.text() {
        // Markup is indented.
        if raw.len() + part.len() > 4 * MAX_COMPLAINT_BYTES {
            return None;
        }
        raw.push_str(part);
    }
    let text = folded(&raw);
    (text.len() <= MAX_COMPLAINT_BYTES).then_some(text)
}

/// Whether an element complains by the words in its classes and its id; `None`: they do not say.
fn by_words(element: ElementRef<'_>) -> Option<bool> {
    // What is there to be clicked may be red as well.
    if matches!(element.value().name(), "a" | "button") {
        return Some(false);
    }
    let names = ["class", "id"].map(|name| element.attr(name).unwrap_or_default());
    let mut complains = None;
    for word in names.into_iter().flat_map(words) {
        if NO_MARKS.contains(&&*word) {
            return Some(false);
        }
        if MARKS.contains(&&*word) {
            complains = Some(true);
        }
    }
    let mut classes = names[0].split_whitespace();
    complains.or_else(|| classes.any(|class| HELP.contains(&class)).then_some(true))
}

/// The words of a name, in lower case: of `field--error`, `field_error` and `fieldError` alike.
fn words(name: &str) -> impl Iterator<Item = String> + use<'_> {
    name.split(|c: char| !c.is_ascii_alphanumeric())
        .flat_map(|part| {
            let mut words = vec![String::new()];
            let mut before = ' ';
            for c in part.chars() {
                if c.is_ascii_uppercase() && before.is_ascii_lowercase() {
                    words.push(String::new());
                }
                if let Some(word) = words.last_mut() {
                    word.push(c.to_ascii_lowercase());
                }
                before = c;
            }
            words
        })
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
