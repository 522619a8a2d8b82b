//! Recordings of Chrome's DevTools Recorder become flow files: what of them is carried, what
//! is said of the rest, and what must never stand in one. `extension.json` was recorded in
//! Chromium on the rehearsal site with the Recorder's own scripts.

mod arbitrary;
mod command;
mod secrets;

use serde_json::{Value, json};
use siaga::probe::definition::Flow;
use siaga::probe::flow_file;
use siaga::probe::recording::{Options, Translation, translate};
use siaga::toml_reader::Source;

const EXTENSION: &str = include_str!("recordings/extension.json");
const ODD: &str = include_str!("recordings/odd.json");

fn translated(text: &str) -> Translation {
    translate(text, &Options::default()).unwrap()
}

/// The flow, which must be valid.
fn flow(translation: &Translation) -> Flow {
    let source = Source::new("recorded.toml", translation.toml.as_str());
    flow_file::read(&source, "recorded", None)
        .unwrap_or_else(|problems| panic!("{problems:#?}\n{}", translation.toml))
}

/// A recording that opens a page of the site and then does this.
fn recording(steps: Vec<Value>) -> String {
    let mut all = vec![json!({
        "type": "navigate",
        "url": "https://permits.example/form",
        "assertedEvents": [{"type": "navigation", "url": "https://permits.example/form", "title": "Form"}],
    })];
    all.extend(steps);
    json!({"title": "T", "steps": all}).to_string()
}

fn carried(steps: Vec<Value>) -> Translation {
    let translation = translated(&recording(steps));
    flow(&translation);
    translation
}

fn change(selectors: &Value, value: &str) -> Value {
    json!({"type": "change", "target": "main", "selectors": selectors, "value": value})
}

fn click(selectors: &Value, to: Option<&str>) -> Value {
    let mut step = json!({"type": "click", "target": "main", "selectors": selectors, "offsetX": 1, "offsetY": 2});
    if let Some(to) = to {
        let url = format!("https://permits.example{to}");
        step["assertedEvents"] = json!([{"type": "navigation", "url": url, "title": "Next"}]);
    }
    step
}

/// The file with its notes, without the head that is always the same.
fn shown(translation: &Translation) -> String {
    flow(translation);
    let notes: Vec<String> = translation.notes.iter().map(ToString::to_string).collect();
    // A note stands in the file, at its step, and in the list.
    let comments = translation.toml.matches("# note:").count();
    assert_eq!(comments, notes.len(), "{}", translation.toml);
    translation.toml.clone()
}

#[test]
fn the_recorded_extension() {
    insta::assert_snapshot!("extension", shown(&translated(EXTENSION)));
}

#[test]
fn every_type_of_step() {
    insta::assert_snapshot!("odd", shown(&translated(ODD)));
}

#[test]
fn the_steadiest_selector_is_taken() {
    for (selectors, taken) in [
        (
            json!([["aria/A"], ["main > div:nth-of-type(3) > a"], ["#go"]]),
            "#go",
        ),
        (
            json!([["main > div:nth-of-type(3) > a"], ["[data-testid='go']"]]),
            "[data-testid='go']",
        ),
        (
            json!([["button"], ["xpath///*[@id=\"login\"]/p[2]/button"]]),
            "#login > p:nth-of-type(2) > button",
        ),
        (
            json!([["xpath///*[@data-testid=\"a \\\"b\\\"\"]"]]),
            "[data-testid=\"a \\\"b\\\"\"]",
        ),
        (json!(["main > a"]), "main > a"),
        // An id that a framework made up is no better than the place.
        (json!([["#ember1234"], ["main a"]]), "main a"),
        (json!([["a:has-text('x')"], ["main a"]]), "main a"),
        (json!([["my-app", "#inner"], ["pierce/#inner"]]), "#inner"),
    ] {
        let translation = carried(vec![click(&selectors, Some("/next"))]);
        let line = format!("click = {}", Value::from(taken));
        assert!(
            translation.toml.contains(&line),
            "{selectors}: {}",
            translation.toml
        );
    }
    // What is known by words alone, or better by them than by its place.
    let place = "main > div:nth-of-type(3) > a";
    for (selectors, target) in [
        (
            json!([["aria/Go on[role=\"button\"]"]]),
            "{ button = \"Go on\" }",
        ),
        (
            json!([[place], ["aria/Go on[role=\"link\"]"]]),
            "{ link = \"Go on\" }",
        ),
        (
            json!([["aria/Third[role=\"tab\"]"]]),
            "{ role = \"tab\", name = \"Third\" }",
        ),
        (
            json!([["text/Go on"], ["xpath///a[text()='Go']"]]),
            "{ text = \"Go on\" }",
        ),
        (json!([["aria/Go on"]]), "{ text = \"Go on\" }"),
    ] {
        let translation = carried(vec![click(&selectors, Some("/next"))]);
        let line = format!("{{ click = {target} }},");
        assert!(translation.toml.contains(&line), "{}", translation.toml);
        assert!(translation.notes.is_empty(), "{:?}", translation.notes);
    }
    let translation = carried(vec![
        change(&json!([["aria/Place of birth"], ["text/Zen"]]), "Zenith"),
        click(&json!([["aria/I agree[role=\"checkbox\"]"]]), None),
        change(&json!([["aria/Scan"]]), "C:\\fakepath\\scan.pdf"),
        change(&json!([["aria/Find[role=\"searchbox\"]"]]), "a word"),
        json!({"type": "keyDown", "key": "Enter", "assertedEvents": [
            {"type": "navigation", "url": "https://permits.example/found", "title": "Found"},
        ]}),
    ]);
    for line in [
        "{ fill = { label = \"Place of birth\" }, value = \"Zenith\" },",
        "{ choose = { label = \"I agree\" }, value = true },",
        "{ upload = { label = \"Scan\" }, document = ",
        "{ fill = { label = \"Find\" }, value = \"a word\" },",
        "{ press = \"Enter\", on = { label = \"Find\" } },",
    ] {
        assert!(
            translation.toml.contains(line),
            "{line}: {}",
            translation.toml
        );
    }
    // What is known by nothing is opened by its address.
    let translation = carried(vec![click(
        &json!([["xpath///a[text()='Go']"]]),
        Some("/next"),
    )]);
    assert!(
        translation.toml.contains("visit = \"/next\""),
        "{}",
        translation.toml
    );
    assert!(
        translation.notes[0]
            .text
            .contains("nothing for it that a flow can know it by"),
        "{:?}",
        translation.notes
    );
}

#[test]
fn addresses_are_the_sites_own_or_named() {
    let go = |url: &str| json!({"type": "navigate", "url": url});
    let translation = carried(vec![
        go("https://permits.example/a?b=c d#part"),
        go("http://permits.example/#/page"),
        go("https://pay.example:8443/bill"),
        go("https://permits.example//evil.example/x"),
        go("file:///etc/passwd"),
        go("javascript:alert(1)"),
        go("chrome://newtab/"),
        go("nonsense"),
    ]);
    let visits: Vec<&str> = translation
        .toml
        .lines()
        .filter(|line| line.starts_with("visit"))
        .collect();
    assert_eq!(
        visits,
        [
            "visit = \"/form\"",
            "visit = \"/a?b=c%20d\"",
            "visit = \"/#/page\"",
            "visit = \"https://pay.example:8443/bill\"",
            "visit = \"https://permits.example//evil.example/x\"",
        ]
    );
    assert!(
        translation
            .toml
            .contains("hosts   = [\"pay.example:8443\"]"),
        "{}",
        translation.toml
    );
    assert_eq!(translation.notes.len(), 4, "{:#?}", translation.notes);
    let site = Options {
        site: Some("https://pay.example:8443/".parse().unwrap()),
        component: Some("payment".to_owned()),
    };
    let translation =
        translate(&recording(vec![go("https://pay.example:8443/bill")]), &site).unwrap();
    assert!(
        translation.toml.contains("visit = \"/bill\""),
        "{}",
        translation.toml
    );
    assert!(
        translation.toml.contains("hosts   = [\"permits.example\"]"),
        "{}",
        translation.toml
    );
    let components = flow(&translation)
        .steps
        .into_iter()
        .map(|step| step.component);
    assert!(
        components
            .flatten()
            .all(|component| component.as_str() == "payment")
    );
}

#[test]
fn what_is_no_recording_is_told_with_its_place() {
    let deep = "[".repeat(100_000);
    let many = json!({"steps": vec![json!({"type": "scroll"}); 20_001]}).to_string();
    let long = format!("\"{}\"", " ".repeat(10_000_001));
    for (text, said) in [
        ("", "1:1: no JSON: EOF while parsing a value"),
        (
            "{\n  \"title\": \"x\",\n  \"steps\": [}\n",
            "3:13: no JSON: expected value",
        ),
        (deep.as_str(), "no JSON: recursion limit exceeded"),
        (long.as_str(), "at most 10000000 bytes"),
        (many.as_str(), "at most 20000 steps, this one has 20001"),
        ("[1]", "a recording is a JSON object"),
        ("{\"title\": \"x\"}", "there is no list `steps`"),
        ("{\"steps\": 3}", "there is no list `steps`"),
        ("{\"log\": {\"entries\": []}}", "this is a HAR"),
        ("{\"steps\": []}", "the recording has no steps"),
        (
            "{\"steps\": [{\"type\": \"scroll\"}, 7]}",
            "nothing of the recording can be carried",
        ),
        (
            "const puppeteer = require('puppeteer'); // v22",
            "export the same recording as JSON",
        ),
        (
            "import { test, expect } from '@playwright/test';\n",
            "export the same recording as JSON",
        ),
    ] {
        let error = translate(text, &Options::default())
            .unwrap_err()
            .to_string();
        assert!(error.contains(said), "{error}");
    }
}
