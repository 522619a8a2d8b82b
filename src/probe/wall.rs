//! Walls: what somebody in front of a site shows to whom he takes for a robot, in place of the
//! page. A wall tells of the monitor and not of the site, which people reach.
//!
//! Owns how one is told, a plain function of what came. Must not know what a step expects.

use std::sync::LazyLock;

use memchr::memmem;
use regex::bytes::Regex;
use reqwest::header::HeaderMap;
use scraper::{ElementRef, Selector};

use super::dom;
use super::page::Snapshot;

/// A page with more text than this, in bytes, is more than a wall: the longest known, a block page
/// of Cloudflare's, has some 1,500.
const MAX_WALL_TEXT: usize = 3_000;
/// The most bytes of a page that are searched: challenges bring their scripts along.
const MAX_SEARCHED: usize = 256 * 1024;

/// What headers say: the name, the words that its value has one of (none: any value), and who
/// sends it.
const HEADERS: [(&str, &[&str], &str); 4] = [
    ("cf-mitigated", &[], "a challenge of Cloudflare's"),
    (
        "x-amzn-waf-action",
        &["challenge", "captcha"],
        "a challenge of AWS WAF",
    ),
    (
        "x-vercel-mitigated",
        &["challenge", "deny"],
        "a challenge of Vercel's",
    ),
    ("x-sucuri-block", &[], "Sucuri's firewall"),
];

/// What stands in the markup of walls alone, not of pages that their makers protect: all of the
/// words must be there, and the status must be one of these (none: any).
const MARKS: [(&[&str], &[u16], &str); 12] = [
    (&["_cf_chl_opt"], &[], "a challenge of Cloudflare's"),
    (
        &["cf-browser-verification"],
        &[],
        "a challenge of Cloudflare's",
    ),
    (
        &["cf-error-details"],
        &[403, 429],
        "a block page of Cloudflare's",
    ),
    (&["gokuProps"], &[], "a challenge of AWS WAF"),
    (
        &["The request could not be satisfied", "Request blocked"],
        &[403],
        "a block page of CloudFront's",
    ),
    (&["sec-if-cpt-container"], &[], "a challenge of Akamai's"),
    (&["captcha-delivery.com"], &[403], "a captcha of DataDome's"),
    (
        &["px-captcha"],
        &[403, 429],
        "a captcha of HUMAN's (PerimeterX)",
    ),
    (
        &["Incapsula incident ID"],
        &[],
        "a block page of Imperva's (Incapsula)",
    ),
    (
        &[
            "Please enable JavaScript to view the page content",
            "support ID is",
        ],
        &[],
        "a challenge of F5's",
    ),
    (&["anubis_challenge"], &[], "a challenge of Anubis"),
    (
        &["ddos-guard/js-challenge"],
        &[],
        "a challenge of DDoS-Guard",
    ),
];

/// Imperva's challenge: its script also stands in the pages that it protects, so what counts is
/// that there is nothing else.
const INCAPSULA: &str = "_Incapsula_Resource";

/// The number that Akamai gives to a refusal, under which its customers find it.
static AKAMAI_REFERENCE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let expression = r"(?i)Reference(?:&#32;|\s)*(?:&#35;|#)[0-9a-f]{1,3}(?:\.|&#46;)[0-9a-f]{4,}(?:\.|&#46;)[0-9]{8,}(?:\.|&#46;)[0-9a-f]+";
    Regex::new(expression).ok()
});

/// Bodies without markup in which Cloudflare refuses: blocked, refused by a rule, too often.
const CLOUDFLARE_REFUSES: [&str; 7] = [
    "error code: 1005",
    "error code: 1006",
    "error code: 1007",
    "error code: 1009",
    "error code: 1010",
    "error code: 1015",
    "error code: 1020",
];

/// Whatever one of the above begins with: most pages have none of it, which one pass tells.
static ANY_SIGN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let marks = MARKS
        .iter()
        .filter_map(|(words, ..)| words.first().copied());
    let others = [
        "error code: 10",
        "Access Denied",
        "Access denied",
        INCAPSULA,
    ];
    let words: Vec<String> = marks.chain(others).map(regex::escape).collect();
    Regex::new(&words.join("|")).ok()
});

/// The widgets of captchas that people see.
static WIDGETS: LazyLock<Option<Selector>> = LazyLock::new(|| {
    Selector::parse(
        ".g-recaptcha:not([data-size=invisible]), .h-captcha:not([data-size=invisible]), \
         .cf-turnstile, .frc-captcha, #px-captcha, altcha-widget, \
         iframe[src*='/recaptcha/'][src*='bframe'], iframe[src*='/recaptcha/'][src*='size=normal'], \
         iframe[src*='hcaptcha.com/'], iframe[src*='challenges.cloudflare.com/'], \
         iframe[src*='captcha-delivery.com/'], iframe[src*='captcha.awswaf.com/']",
    )
    .ok()
});

/// The controls of a form that asks for something else than a proof.
static CONTROLS: LazyLock<Option<Selector>> =
    LazyLock::new(|| Selector::parse("input, select, textarea").ok());

/// What answers say who are not the site, in their headers.
pub fn in_headers(headers: &HeaderMap) -> Option<&'static str> {
    let (_, _, who) = HEADERS.iter().find(|(name, words, _)| {
        let value = headers.get(*name).and_then(|value| value.to_str().ok());
        value.is_some_and(|value| {
            let is = |word: &&str| value.trim().eq_ignore_ascii_case(word);
            words.is_empty() || words.iter().any(is)
        })
    })?;
    Some(who)
}

/// Whether an answer is a wall, whatever a step expects of it: by what only walls have.
pub fn unmistakable(page: &Snapshot) -> Option<&'static str> {
    in_headers(&page.headers).or_else(|| {
        // What says more is no wall, and most pages do.
        let says_more = match page.is_html() {
            true => page.status == Some(200) && page.visible().text.len() > MAX_WALL_TEXT,
            false => page.body.len() > MAX_WALL_TEXT,
        };
        (!says_more).then(|| by_markup(page)).flatten()
    })
}

/// Whether a page that is not what it should be is a wall: also one that is nothing but a captcha.
pub fn in_place_of_the_page(page: &Snapshot) -> Option<&'static str> {
    unmistakable(page).or_else(|| is_nothing_but_a_captcha(page).then_some("a captcha"))
}

/// Whether a page asks for something else than a proof of being human: fields of a person's own,
/// or more than the one that takes the letters of a picture.
pub fn has_a_form_of_its_own(page: &Snapshot) -> bool {
    let Some(controls) = CONTROLS.as_ref() else {
        return false;
    };
    let html = page.dom();
    let mut plain = 0;
    for control in dom::select(&html, controls) {
        match kind_of(control) {
            Control::Proof => {}
            Control::Plain => plain += 1,
            Control::OfAPerson => return true,
        }
    }
    plain > 1
}

enum Control {
    /// It takes no words, or belongs to a captcha.
    Proof,
    /// It takes words of any kind.
    Plain,
    /// It takes what no captcha asks for.
    OfAPerson,
}

fn kind_of(control: ElementRef<'_>) -> Control {
    let name = control
        .attr("name")
        .unwrap_or_default()
        .to_ascii_lowercase();
    if ["captcha", "turnstile", "robot"]
        .iter()
        .any(|word| name.contains(word))
    {
        return Control::Proof;
    }
    let kind = control.attr("type").unwrap_or("text").to_ascii_lowercase();
    match (control.value().name(), kind.as_str()) {
        ("select" | "textarea", _) => Control::OfAPerson,
        (_, "hidden" | "submit" | "button" | "image" | "reset" | "checkbox") => Control::Proof,
        (_, "password" | "file" | "email" | "tel" | "date" | "radio" | "number") => {
            Control::OfAPerson
        }
        _ => Control::Plain,
    }
}

fn is_nothing_but_a_captcha(page: &Snapshot) -> bool {
    let Some(widgets) = WIDGETS.as_ref().filter(|_| page.is_html()) else {
        return false;
    };
    // A server that fails may show what it can, and a page that says nothing waits for its script.
    let may_be = page.status.is_none_or(|status| status < 500);
    let length = page.visible().text.len();
    may_be
        && (1..=MAX_WALL_TEXT / 2).contains(&length)
        && dom::select(&page.dom(), widgets).next().is_some()
        && !has_a_form_of_its_own(page)
}

/// Whether anything that walls are told by stands in this markup, so that it must be looked at.
pub fn has_sign(markup: &[u8]) -> bool {
    let sign = ANY_SIGN.as_ref();
    sign.is_some_and(|sign| sign.is_match(searched(markup)))
}

fn searched(markup: &[u8]) -> &[u8] {
    &markup[..markup.len().min(MAX_SEARCHED)]
}

fn by_markup(page: &Snapshot) -> Option<&'static str> {
    if !page.has_wall_sign() {
        return None;
    }
    let body = searched(page.searchable());
    let has = |word: &str| memmem::find(body, word.as_bytes()).is_some();
    let status = page.status;
    let marked = MARKS.iter().find(|(words, statuses, _)| {
        let fits = statuses.is_empty() || status.is_some_and(|status| statuses.contains(&status));
        fits && words.iter().all(|word| has(word))
    });
    if let Some((_, _, who)) = marked {
        return Some(who);
    }
    let is_refused = matches!(status, Some(403 | 429));
    let server = page.headers.get("server").map(|value| value.as_bytes());
    if is_refused
        && server == Some(b"cloudflare")
        && CLOUDFLARE_REFUSES.iter().any(|word| has(word))
    {
        return Some("a block page of Cloudflare's");
    }
    let is_akamai = || {
        let reference = AKAMAI_REFERENCE.as_ref();
        reference.is_some_and(|reference| reference.is_match(body))
    };
    if is_refused && (has("Access Denied") || has("Access denied")) && is_akamai() {
        return Some("a block page of Akamai's");
    }
    if has(INCAPSULA) && is_bare(page, body) {
        return Some("a challenge of Imperva's (Incapsula)");
    }
    None
}

/// Whether there is nothing to read and no other script.
fn is_bare(page: &Snapshot, body: &[u8]) -> bool {
    let visible = page.visible();
    let is_empty = visible.text.is_empty() && visible.title.is_empty();
    is_empty && memmem::find_iter(body, b"<script").count() <= 1
}
