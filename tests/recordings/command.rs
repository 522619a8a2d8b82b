//! `siaga import` as a program: what it prints, what it writes and how it ends.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::EXTENSION;

fn siaga(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_siaga"))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn it_writes_a_flow_that_validates() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("r.json"), EXTENSION).unwrap();
    let printed = siaga(folder, &["import", "r.json"]);
    assert_eq!(printed.status.code(), Some(0), "{}", text(&printed.stderr));
    let notes = text(&printed.stderr);
    assert!(
        notes.contains("recorded step 75: a click on `#declaration`"),
        "{notes}"
    );
    assert!(
        notes.contains("Set these before it runs: PROBE_EMAIL, PROBE_PASSWORD, PROBE_PHONE, "),
        "{notes}"
    );
    assert!(!notes.contains("rehearsal-only"), "{notes}");

    let written = siaga(
        folder,
        &["import", "r.json", "--output", "extension-2.toml"],
    );
    assert_eq!(written.status.code(), Some(0), "{}", text(&written.stderr));
    assert!(written.stdout.is_empty());
    let flow = fs::read_to_string(folder.join("extension-2.toml")).unwrap();
    assert_eq!(flow, text(&printed.stdout));
    let validated = siaga(folder, &["validate", "extension-2.toml"]);
    assert_eq!(text(&validated.stdout), "1 file checked, no problems\n");

    fs::write(folder.join("extension-2.toml"), "mine").unwrap();
    let again = siaga(
        folder,
        &["import", "r.json", "--output", "extension-2.toml"],
    );
    assert_eq!(again.status.code(), Some(2));
    assert!(text(&again.stderr).contains("--force writes over it"));
    assert_eq!(
        fs::read_to_string(folder.join("extension-2.toml")).unwrap(),
        "mine"
    );
    let forced = [
        "import",
        "r.json",
        "--output",
        "extension-2.toml",
        "--force",
        "--component",
        "website",
    ];
    assert_eq!(siaga(folder, &forced).status.code(), Some(0));
    let flow = fs::read_to_string(folder.join("extension-2.toml")).unwrap();
    assert!(!flow.contains("component = \"sign-in\""), "{flow}");
}

#[test]
fn a_bad_file_or_name_ends_with_2() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("good.json"), EXTENSION).unwrap();
    fs::write(folder.join("bad.json"), "{\n \"steps\": [,]\n}").unwrap();
    fs::write(folder.join("latin.json"), b"{\n \"title\": \"caf\xe9\"}").unwrap();
    fs::write(
        folder.join("script.js"),
        "const puppeteer = require('puppeteer');",
    )
    .unwrap();
    fs::write(folder.join("huge.json"), vec![b' '; 10_000_001]).unwrap();
    for (arguments, said) in [
        (
            vec!["bad.json"],
            "bad.json:2:12: no JSON: expected value; in Chrome's DevTools open Recorder",
        ),
        (vec!["latin.json"], "latin.json:2:15: no UTF-8 text"),
        (vec!["script.js"], "this is a script, not a recording"),
        (vec!["huge.json"], "at most 10000000 bytes"),
        (vec!["none.json"], "none.json:1:1: cannot be read"),
        (
            vec!["good.json", "--output", "My Flow.toml"],
            "use lower-case letters",
        ),
        (
            vec!["good.json", "--output", "error-pages.toml"],
            "use lower-case letters",
        ),
        (vec!["good.json", "--output", "flow.json"], "end with .toml"),
        (
            vec!["good.json", "--output", "no/such/flow.toml"],
            "cannot be written",
        ),
        (
            vec!["good.json", "--component", "Sign In"],
            "lower-case letters",
        ),
        (vec!["good.json", "--site", "file:///x"], "whole address"),
        (vec!["good.json", "--force"], "--output"),
    ] {
        let ended = siaga(folder, &[&["import"], arguments.as_slice()].concat());
        let error = text(&ended.stderr);
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains(said), "{arguments:?}: {error}");
        assert!(ended.stdout.is_empty());
    }
}
