//! A page's elements, as selectors of flow files mean them.
//!
//! Owns: which elements are part of the page. Must not know: what is looked for.

pub mod named;
mod sink;

use scraper::{ElementRef, Html, Node, Selector};

pub use sink::Owners;

use crate::toml_reader::nearest;

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

/// The most frames that a hint names.
const MOST_FRAMES: usize = 3;
/// The most ids that are looked through for a hint.
const MOST_IDS: usize = 1000;

/// A hint where a selector fits nothing: of an id alone, the page's own id that is nearest;
/// else the frames that it may be in.
pub fn similar(html: &Html, selector: &str) -> Option<String> {
    let id = selector.strip_prefix('#').unwrap_or_default();
    let all = Selector::parse("[id]").ok()?;
    let ids = select(html, &all).filter_map(|element| element.attr("id"));
    if let Some(near) = nearest(id, ids.filter(|id| id.len() < 100).take(MOST_IDS)) {
        return Some(format!("; it has `#{near}`"));
    }
    let frames = Selector::parse("iframe[src], frame[src]").ok()?;
    let frames = select(html, &frames).filter_map(|frame| frame.attr("src"));
    in_frames(&frames.take(MOST_FRAMES).collect::<Vec<_>>())
}

/// A hint that what is missing may be in one of these frames, if there are any.
pub fn in_frames(addresses: &[&str]) -> Option<String> {
    let named: Vec<String> = addresses
        .iter()
        .map(|address| format!("`{address}`"))
        .collect();
    (!named.is_empty()).then(|| {
        let named = named.join(", ");
        format!("; what is in a frame of it ({named}) is a page of its own: visit that address")
    })
}

/// The element's text, white space folded.
pub fn text_of(element: ElementRef<'_>) -> String {
    folded(&element.text().collect::<String>())
}

/// A text with each run of white space as one space, and none at its ends.
pub fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Parses a page as a client without scripts does, to which what stands in a `noscript` is part of
/// the page. Broken markup gives a tree all the same, as in browsers.
pub fn parse(text: &str) -> Html {
    sink::parse(text).0
}

/// Parses a page that is XML. Where it is not as it must be, what can be read of it is.
pub fn parse_xml(text: &str) -> Html {
    sink::parse_xml(text)
}

/// As [`parse`], with the form that each control belongs to by the parser's word.
pub fn parse_with_owners(text: &str) -> (Html, Owners) {
    sink::parse(text)
}
