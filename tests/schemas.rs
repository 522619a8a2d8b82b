//! The reference and the schemas of the files that people write are those of the reader.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use siaga::config;
use siaga::probe::flow_file::keys;
use siaga::toml_reader::keys::Table;

use crate::harness::probing::probes;

/// Asks a validator of schemas: each instance that does not fit, and why.
const ASK: &str = r#"
import json, sys, jsonschema
schema, instances = json.load(sys.stdin)
jsonschema.Draft7Validator.check_schema(schema)
validator = jsonschema.Draft7Validator(schema)
print(json.dumps([[error.message for error in validator.iter_errors(i)] for i in instances]))
"#;

fn judged(schema: &Value, texts: &[String]) -> Vec<Vec<String>> {
    let instance = |text: &String| {
        let table: toml::Table = text
            .parse()
            .unwrap_or_else(|error| panic!("{error}: {text}"));
        serde_json::to_value(table).unwrap()
    };
    let instances: Vec<Value> = texts.iter().map(instance).collect();
    let mut asked = Command::new("/usr/bin/python3")
        .args(["-W", "ignore", "-c", ASK])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("/usr/bin/python3 starts");
    let input = json!([schema, instances]).to_string();
    asked
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let answer = asked.wait_with_output().unwrap();
    assert!(
        answer.status.success(),
        "python3-jsonschema is missing, or the schema is wrong"
    );
    serde_json::from_slice(&answer.stdout).unwrap()
}

#[test]
fn the_reference_is_the_one_of_the_table_of_keys() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/flows.md");
    let written = fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == keys::reference(),
        "docs/flows.md is another: siaga schema flow --reference > docs/flows.md"
    );
}

#[test]
fn every_key_of_the_reference_has_an_example_that_can_be_read() {
    let mut wrong = Vec::new();
    for table in keys::FLOW.all() {
        for key in table.keys {
            let is_entry = key.example.starts_with('{');
            let text = match is_entry {
                true => format!("x = {}", key.example),
                false => key.example.to_owned(),
            };
            let names_it = key.example.contains(key.name);
            if text.parse::<toml::Table>().is_err() || !names_it || key.says.is_empty() {
                wrong.push(format!("{}.{}: {}", table.name, key.name, key.example));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let names = |tables: Vec<&'static Table>| -> Vec<_> { tables.iter().map(|t| t.name).collect() };
    assert!(names(keys::FLOW.all()).contains(&"target-table"));
}

#[test]
fn every_shipped_flow_fits_the_schema() {
    let mut texts = Vec::new();
    for entry in fs::read_dir(probes()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "toml") && !path.ends_with("error-pages.toml") {
            texts.push(fs::read_to_string(path).unwrap());
        }
    }
    assert!(texts.len() >= 5);
    let head = "name = \"F\"\nevery = \"1m\"\n[[step]]\nname = \"a\"\ncomponent = \"web\"\n";
    texts.push(format!(
        "{head}do = [{{ visit = \"/\" }}, {{ click = {{ text = \"x\", nth = 2, in = \"#d\" }}, optional = true }}, \
         {{ fill = {{ label = \"x\" }}, value = \"y\" }}, {{ upload = \"#f\", document = \"photo\", kind = \"jpeg\", \
         size = \"100KB\" }}, {{ press = \"Enter\", on = \"#q\" }}, {{ request = {{ path = \"/\", json = [1] }} }}]\n\
         capture = {{ a = {{ cookie = \"c\" }}, b = 'x(.)' }}\n"
    ));
    let right = texts.len();
    for wrong in [
        "visti = \"/\"",
        "visit = 3",
        "do = [{ clik = \"#a\" }]",
        "do = [{ click = { text = \"a\", nth = 0 } }]",
        "do = [{ fill = \"#a\" }]",
        "wait = \"soon\"",
        "upload = { \"#a\" = { document = \"passport\", kind = \"gif\", size = \"1MB\" } }",
        "engine = \"http\"",
    ] {
        texts.push(format!("{head}{wrong}\n"));
    }
    let judged = judged(&keys::schema(), &texts);
    for (text, errors) in texts.iter().zip(&judged).take(right) {
        assert!(errors.is_empty(), "{errors:?}\n{text}");
    }
    for (text, errors) in texts.iter().zip(&judged).skip(right) {
        assert!(!errors.is_empty(), "fits all the same:\n{text}");
    }
}

#[test]
fn the_example_of_the_configuration_fits_the_schema() {
    let on: String = config::EXAMPLE
        .lines()
        .map(|line| {
            let is_off = line.strip_prefix('#').is_some_and(|rest| {
                rest.starts_with(|c: char| c == '[' || c.is_ascii_alphabetic())
            });
            format!("{}\n", if is_off { &line[1..] } else { line })
        })
        .collect();
    let texts = [
        config::EXAMPLE.to_owned(),
        on,
        config::EXAMPLE
            .replace("majority", "x")
            .replace("quorum = \"x\"", "quorum = 2"),
        config::EXAMPLE.replace("slots = 2", "slotz = 2"),
        config::EXAMPLE.replace("slots = 2", "slots = \"two\""),
        config::EXAMPLE.replace("patience = \"60s\"", "patience = \"soon\""),
    ];
    let judged = judged(&config::schema(), &texts);
    for errors in &judged[..3] {
        assert_eq!(errors, &[""; 0]);
    }
    for errors in &judged[3..] {
        assert_eq!(errors.len(), 1, "{errors:?}");
    }
}

#[test]
fn the_command_prints_both_schemas() {
    for (arguments, begins) in [
        (vec!["schema", "flow"], "{"),
        (vec!["schema", "config"], "{"),
        (
            vec!["schema", "flow", "--reference"],
            "# The format of flow files",
        ),
        (
            vec!["schema", "config", "--reference"],
            "# Siaga's configuration",
        ),
    ] {
        let run = Command::new(env!("CARGO_BIN_EXE_siaga"))
            .args(&arguments)
            .output()
            .unwrap();
        let text = String::from_utf8(run.stdout).unwrap();
        assert!(
            run.status.success() && text.starts_with(begins),
            "{arguments:?}: {text}"
        );
        if begins == "{" {
            let schema: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
        }
    }
}
