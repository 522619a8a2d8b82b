//! How names are written and read, in flow files and in the record of a run.

use std::path::Path;

use serde_json::{Value, json};
use siaga::domain::{BilingualName, Outcome, RunReport, StepName};
use siaga::probe::definition::Flow;
use siaga::probe::flow_file;
use siaga::toml_reader::Source;

use crate::harness::NOON;

fn read(text: &str) -> Result<Flow, Vec<String>> {
    let read = flow_file::read(&Source::new("f.toml", text), "f", None);
    read.map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

fn flow(name: &str, step: &str) -> String {
    format!(
        "name = {name}\nevery = \"1m\"\n\n[[step]]\n{step}\ncomponent = \"website\"\nvisit = \"/\"\n\
         \n[[cleanup]]\nname = {{ id = \"Cabut\", en = \"Withdraw\" }}\nvisit = \"/w\"\n"
    )
}

#[test]
fn a_name_is_one_text_or_one_in_each_language() {
    let both = flow(
        "{ id = \"Alur\", en = \"Flow\" }",
        "name = { id = \" Masuk  akun \", en = \"Sign in\" }",
    );
    let read_both = read(&both).unwrap();
    assert_eq!(read_both.name, BilingualName::new("Alur", "Flow"));
    let step = &read_both.steps[0].name;
    assert_eq!((step.id(), step.en()), ("Masuk akun", "Sign in"));
    assert_eq!(step.key(), "Sign in", "without a key: its English name");
    let cleanup = &read_both.cleanup[0].name;
    assert_eq!((cleanup.id(), cleanup.en()), ("Cabut", "Withdraw"));

    let one = read(&flow("\"Flow\"", "name = \"Sign in\"\nkey = \"sign-in\"")).unwrap();
    assert_eq!(one.name, BilingualName::same("Flow"));
    let step = &one.steps[0].name;
    assert_eq!(
        (step.key(), step.id(), step.en()),
        ("sign-in", "Sign in", "Sign in")
    );
}

#[test]
fn what_is_no_name_is_told_with_its_line_and_what_to_write() {
    let name = |name: &str| format!("name = {name}");
    for (step, problem) in [
        (
            name("3"),
            "f.toml:5:8: `name` must be a text, or one in both languages, { id = \"…\", en = \"…\" }, \
             found the integer 3",
        ),
        (
            name("[\"a\", \"b\"]"),
            "f.toml:5:8: `name` must be a text, or one in both languages, { id = \"…\", en = \"…\" }, \
             found an array",
        ),
        (
            String::new(),
            "f.toml:4:1: `name` is missing; add `name = \"…\"` or \
             `name = { id = \"…\", en = \"…\" }` here",
        ),
        (
            name("{ id = \"Masuk\" }"),
            "f.toml:5:8: `en` is missing; add `en = …` here",
        ),
        (
            name("{ id = \"Masuk\", en = \"Sign in\", de = \"Anmelden\" }"),
            "f.toml:5:40: unknown key `de`; known here: `id`, `en`",
        ),
        (
            name("{ id = \"\", en = \"Sign in\" }"),
            "f.toml:5:15: `id` must be a text of one line, at most 200 characters, found the string \"\"",
        ),
        (
            name("\"a\\u0000b\""),
            "f.toml:5:8: `name` must be a text of one line, at most 200 characters, found the string \
             \"a\\\\0b\"",
        ),
        (
            name("\"\\u202e\\u200b\""),
            "f.toml:5:1: `name` has nothing in it that can be seen",
        ),
        (
            name("{ id = \"Cabut\", en = \"Sign in\" }"),
            "f.toml:10:1: there are two steps named `Cabut`; give each a name of its own: reports and \
             the ladder tell them apart by it",
        ),
    ] {
        let problem = problem.replace("\\\\0", "\\0");
        let found = read(&flow("\"Flow\"", &step)).expect_err(&step);
        assert_eq!(found, [problem], "{step}");
    }
    let long = name(&format!("\"{}\"", "n".repeat(201)));
    let found = read(&flow("\"Flow\"", &long)).unwrap_err();
    assert!(found[0].contains("at most 200 characters"), "{found:?}");
}

#[test]
fn shipped_flows_are_named_in_both_languages() {
    let flows = flow_file::open_all(Path::new("probes"), None).unwrap();
    assert!(flows.len() >= 5);
    for flow in flows {
        let steps = flow.steps.iter().chain(&flow.cleanup);
        let names = steps.map(|step| step.name.name()).chain([&flow.name]);
        for name in names {
            assert_ne!(name.id(), name.en(), "{}: only one language", flow.key);
        }
    }
}

#[test]
fn a_record_tells_the_key_and_both_names_and_reads_those_of_before() {
    let named = super::named_run(
        NOON,
        "passport",
        ["Unggah paspor", "Upload"],
        Outcome::Passed,
    );
    let json = serde_json::to_value(&named).unwrap();
    assert_eq!(json["name"], "Stay-permit extension");
    assert_eq!(
        json["names"],
        json!({ "id": "Perpanjangan izin tinggal", "en": "Stay-permit extension" })
    );
    let step = &json["steps"][0];
    assert_eq!(
        (&step["key"], &step["name"]),
        (&json!("passport"), &json!("Upload"))
    );
    assert_eq!(
        step["names"],
        json!({ "id": "Unggah paspor", "en": "Upload" })
    );
    let same: RunReport = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(same, named);

    // Of a version that knew one text only.
    let mut before = json;
    before.as_object_mut().unwrap().remove("names");
    let step = before["steps"][0].as_object_mut().unwrap();
    step.remove("names");
    step.remove("key");
    let read: RunReport = serde_json::from_value(before).unwrap();
    assert_eq!(read.name, BilingualName::same("Stay-permit extension"));
    assert_eq!(read.steps[0].name, StepName::from("Upload"));
}

#[test]
fn names_from_elsewhere_are_made_clean_and_never_empty() {
    let step = |json: Value| serde_json::from_value::<StepName>(json).unwrap();
    let evil = format!("\u{0}\u{1b}[2J\u{202e}a\n\tb{}", "x".repeat(100_000));
    let read = step(json!({ "key": evil, "name": "", "names": { "id": evil, "en": "" } }));
    for text in [read.key(), read.id(), read.en()] {
        assert!(text.starts_with("[2Ja b"), "{text:?}");
        assert_eq!(text.chars().count(), 200);
        assert!(!text.contains(char::is_control) && !text.contains('\u{202e}'));
    }
    assert_eq!(step(json!({})).en(), "?");
    assert_eq!(step(json!({ "key": "upload" })).id(), "upload");
    assert_eq!(step(json!({ "name": "\u{0}" })).key(), "?");
    assert_eq!(step(json!({ "names": { "id": "Unggah" } })).key(), "Unggah");
}
