//! Pages that are made to take long: each is read in a time that grows with its length alone.
//!
//! The sizes are such that work which grows with the square of a page's length does not end.

use std::fmt::Write as _;
use std::sync::mpsc;
use std::time::Duration;

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, Method};
use siaga::probe::complaints::{complaints, new_complaint_about};
use siaga::probe::definition::Query;
use siaga::probe::dom::{self, named};
use siaga::probe::form::{Change, Dom, submit};
use siaga::probe::page::Snapshot;
use siaga::probe::target::{Sort, Sought};
use siaga::probe::visible_text::VisibleText;
use url::Url;

/// Far more than any of it takes, on a busy machine too.
const ENOUGH: Duration = Duration::from_secs(120);
const MANY: usize = 40_000;

/// What this gives, which must come.
fn ends<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(work()));
    let come = receiver.recv_timeout(ENOUGH);
    come.unwrap_or_else(|error| panic!("{what}: {error}"))
}

/// What becomes of a form with these fields.
fn submitted(fields: &str, changes: Vec<(&'static str, Change)>) -> Result<(), String> {
    let page = format!("<form method=post id=f>{fields}<button>Go</button></form>");
    let url = Url::parse("http://host/").unwrap();
    let dom = Dom::parse(&page, &url);
    let query = |css| Query::new(css).unwrap();
    let changes: Vec<_> = changes
        .into_iter()
        .map(|(css, change)| (query(css), change))
        .collect();
    let sent = submit(&dom, &changes, &query("#f"));
    sent.map(drop).map_err(|error| error.to_string())
}

/// This text for each of many numbers.
fn many(text: impl Fn(usize) -> String) -> String {
    (0..MANY).fold(String::new(), |mut all, n| {
        all.push_str(&text(n));
        all
    })
}

#[test]
fn a_group_of_many_radio_buttons() {
    let radios = many(|n| format!("<input type=radio name=r value={n} required>"));
    let missing = ends("none is checked", {
        let radios = radios.clone();
        move || submitted(&radios, Vec::new())
    });
    assert!(missing.unwrap_err().contains("select one"));
    let last = (MANY - 1).to_string();
    let chosen = vec![("[name=r]", Change::Choose(vec![last]))];
    ends("one is chosen", move || submitted(&radios, chosen)).unwrap();
}

#[test]
fn many_labels() {
    let labelled = many(|n| {
        format!("<label for=r{n}>Office {n}</label><input type=radio id=r{n} name=r value=v{n}>")
    });
    let chosen = vec![(
        "[name=r]",
        Change::Choose(vec![format!("Office {}", MANY - 1)]),
    )];
    ends("by its label", move || submitted(&labelled, chosen)).unwrap();
}

#[test]
fn many_names_of_one_text() {
    let text = "Nama ".repeat(200_000);
    for naming in [
        text.clone(),
        format!("<svg><title>{text}</title></svg>"),
        format!("<img alt='{text}'>"),
        format!("<i aria-label='{text}'></i>"),
        format!("<i aria-label='{}'></i>", " ".repeat(text.len())),
        format!("<i aria-label='{text}' hidden></i>"),
    ] {
        let buttons = many(|n| format!("<button aria-labelledby=all name=b{n}>x</button>"));
        let page = format!("<p id=all>{naming}</p>{buttons}<button>Simpan</button>");
        let found = ends("names", move || {
            let query = Query {
                sought: Sought::Words(Sort::Button, "Simpan".to_owned()),
                ..Query::new("button").unwrap()
            };
            named::find(&dom::parse(&page), &query).len()
        });
        assert!(found <= 1, "{found}");
    }
}

#[test]
fn many_patterns() {
    let patterned = many(|n| format!("<input name=p{n} pattern='[a-z]{{1,200}}{n}' value=a{n}>"));
    ends("a pattern each", move || submitted(&patterned, Vec::new())).unwrap();
    let addresses = many(|n| format!("a{n}@b.example,"));
    let field =
        format!("<input type=email multiple pattern='.{{1,900}}' name=m value='{addresses}'>");
    // The comma at the end makes the last address an empty one.
    let wrong = ends("many addresses", move || submitted(&field, Vec::new()));
    assert!(wrong.unwrap_err().contains("email address"));
    // A pattern that is reached holds.
    let reached = submitted("<input name=p pattern='[0-9]+' value=x>", Vec::new());
    assert!(reached.unwrap_err().contains("requested format"));
}

#[test]
fn many_fields_behind_many_children_of_a_fieldset() {
    let children = many(|n| format!("<p><input name=i{n} required></p>"));
    let fieldset = format!("<fieldset disabled>{children}<legend>Late</legend></fieldset>");
    ends("a late legend", move || submitted(&fieldset, Vec::new())).unwrap();
}

fn snapshot(page: &str) -> Snapshot {
    let url = Url::parse("http://host/").unwrap();
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("text/html"))]);
    let body = page.as_bytes().to_vec();
    Snapshot::new(Some(200), Method::POST, url, headers, body, true)
}

#[test]
fn many_complaints_about_many_fields() {
    let deep = "<div>".repeat(900);
    let fields =
        many(|n| format!("<label for=x{n}>L</label><input id=x{n} aria-describedby=e{n}>"));
    let alerts = (0..50).fold(String::new(), |mut all, n| {
        let _ = write!(all, "<p role=alert>Number {n} is no good</p>");
        all
    });
    let page = format!("{deep}<form>{fields}</form>{alerts}<input type=file id=doc>");
    let said = ends("complaints", move || {
        let before = complaints(&snapshot(""));
        let page = snapshot(&page);
        new_complaint_about(&page, &before, &Query::new("#doc").unwrap())
    });
    assert_eq!(said, None);
}

#[test]
fn rules_that_look_around() {
    let around = |rules: &str, elements: &str| {
        let page = format!("<style>{rules}</style><p>Shown</p>{elements}");
        ends(rules.get(..40).unwrap_or(rules), move || {
            VisibleText::of(&page).text
        })
    };
    let rule = "q .x { display: none }";
    for text in [
        around(&rule.repeat(1000), &"<div class=x>".repeat(1000)),
        around("q ~ .x { display: none }", &"<p class=x>".repeat(100_000)),
        around(
            "q + .x ~ p > .x .x { display: none }",
            &"<p class=x><i class=x></i>".repeat(50_000),
        ),
        around(
            ":not(q ~ .x, .y .z) { visibility: visible }",
            &"<p class=x>".repeat(100_000),
        ),
        around(
            &format!("{} {{ display: none }}", ":is(".repeat(50_000)),
            "<p>a",
        ),
        around(
            &format!("p {{ display: {} none }}", "(".repeat(100_000)),
            "<p>a",
        ),
        around(&"@media screen {".repeat(100_000), "<p>a"),
        around(
            &format!("p{} {{ display: none }}", ".x".repeat(100_000)),
            "<p>a",
        ),
    ] {
        assert!(text.contains("Shown"), "{}", text.len());
    }
}
