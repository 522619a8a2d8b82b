//! A page's elements, as selectors of flow files mean them.
//!
//! Owns: which elements are part of the page. Must not know: what is looked for.

use scraper::{ElementRef, Html, Node, Selector};

/// The elements that fit, in the page's order. What stands within a `<template>` is no part
/// of the page until a script copies it there, so it never fits.
pub fn select<'h, 's>(
    html: &'h Html,
    selector: &'s Selector,
) -> impl Iterator<Item = ElementRef<'h>> + use<'h, 's> {
    html.select(selector)
        .filter(|element| !in_template(*element))
}

fn in_template(element: ElementRef<'_>) -> bool {
    element
        .ancestors()
        .any(|ancestor| matches!(ancestor.value(), Node::Fragment))
}

/// Marks of the sentence in which a page says what is wrong, in the forms of usual frameworks.
const COMPLAINTS: &str = "[role=alert], .error, .errors, .errorlist, .error-message, .errornote, \
    .alert-danger, .alert-error, .invalid-feedback, .field-validation-error, \
    .validation-summary-errors";

/// What the page says is wrong, where it marks that as pages usually do.
pub fn complaint(html: &Html) -> Option<String> {
    let selector = Selector::parse(COMPLAINTS).ok()?;
    select(html, &selector)
        .filter(|element| element.attr("hidden").is_none())
        .map(text_of)
        .find(|text| !text.is_empty())
}

/// The element's text, white space folded.
pub fn text_of(element: ElementRef<'_>) -> String {
    let text: String = element.text().collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
