//! What others wrote, where it is printed: nothing in it controls the terminal of whoever reads it.

use std::fs;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use siaga::domain::RunReport;
use siaga::domain::printable::{lines, one_line};
use siaga::probe::recording::{Options, translate};
use siaga::store::Store;

use crate::harness::eventually;
use crate::harness::processes::{SOON, Setup, Siaga, Site};
use crate::harness::{folder, sqlite_address};
use crate::http_engine::server::{page, plain};

/// Clears the screen, sets the title, colours (also by C1), turns the direction, breaks the line, and
/// writes in tags.
const HOSTILE: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{85}a\u{8}\u{7f}\u{202e}elif\u{2066}\
                       b\u{2028}c\u{2029}\u{e0041}\u{e007f}";

fn controls(c: char) -> bool {
    let bidi = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let line = matches!(c, '\u{2028}' | '\u{2029}');
    let tag = matches!(c, '\u{e0000}'..='\u{e007f}');
    c.is_control() || bidi || line || tag
}

/// Nothing but line breaks controls anything in what was printed.
#[track_caller]
fn assert_tame(printed: &str) {
    let found = printed.find(|c| controls(c) && c != '\n');
    assert_eq!(found, None, "{printed:?}");
}

// ── Rules ────────────────────────────────────────────────────────────────────────────────

/// Any text, and texts that are mostly controls and what is escaped.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        r#"[\x00-\x1f\x7f-\u{9f}\u{200b}-\u{200f}\u{2028}-\u{202e}\u{2060}-\u{206f}\u{e0000}-\u{e007f}"\\un0 a]{0,12}"#,
        "(\\\\|\u{1b}|\u{202e}|\"|\u{e0041}){0,6}",
    ]
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        text().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(Value::Null),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let object = proptest::collection::vec((text(), inner.clone()), 0..4);
        prop_oneof![
            proptest::collection::vec(inner, 0..4).prop_map(Value::from),
            object.prop_map(|pairs| Value::from(pairs.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_that_controls_is_left_and_all_else_stays(text in text()) {
        let line = one_line(&text);
        prop_assert!(!line.contains(controls), "{line:?}");
        prop_assert!(!lines(&text).contains(|c| controls(c) && c != '\n' && c != '\t'));
        let tame: String = text.chars().filter(|c| !controls(*c)).collect();
        let same = one_line(&tame).chars().filter(|c| !controls(*c)).collect::<String>() == tame;
        prop_assert!(same);
        let before = one_line(&line);
        prop_assert_eq!(&before, &line, "once is enough");
    }

    #[test]
    fn json_stays_the_same_json(value in json_value()) {
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        for printed in [one_line(&value.to_string()), lines(&pretty)] {
            prop_assert!(!printed.contains(|c| controls(c) && c != '\n'));
            let read: Value = serde_json::from_str(&printed).unwrap();
            prop_assert_eq!(&read, &value);
        }
    }

    #[test]
    fn an_imported_flow_needs_no_escape_and_keeps_its_texts(value in text()) {
        // What would be a variable of a flow is written otherwise.
        let value = value.replace('$', "");
        let recording = json!({"title": value, "steps": [
            {"type": "navigate", "url": "https://permits.example/"},
            {"type": "change", "selectors": [["#city"]], "value": value},
        ]});
        let translation = translate(&recording.to_string(), &Options::default()).unwrap();
        // An address of mail or a telephone number is a variable of the flow.
        prop_assume!(translation.needs.is_empty());
        prop_assert!(!translation.toml.contains(|c| controls(c) && c != '\n'));
        let flow: toml::Table = translation.toml.parse().unwrap();
        let filled = flow["step"].as_array().unwrap().iter().find_map(|step| step.get("fill"));
        prop_assert_eq!(filled.unwrap()["#city"].as_str(), Some(value.as_str()));
    }
}

#[test]
fn people_read_what_people_write() {
    for readable in [
        "👩‍👩‍👧‍👦 👩🏽‍⚕️ 🏳️‍🌈",
        "\u{200f}محمد\u{200f} (Mohammed) می‌خواهم",
        "ประเทศ\u{200b}ไทย ភាសា\u{200b}ខ្មែរ",
        "क्‍ष ශ්‍රී Nguyễn Đặng 张伟",
    ] {
        assert_eq!(one_line(readable), readable);
    }
    assert_eq!(
        one_line("a\u{1b}[2J\n\t\u{9b}\u{202e}\u{e0041}"),
        r"a\u001b[2J\n\t\u009b\u202e\udb40\udc41"
    );
    assert_eq!(lines("a\n\tb\r"), "a\n\tb\\r");
}

// ── Commands ─────────────────────────────────────────────────────────────────────────────

/// A flow that is well, of a site that is not.
const FLOW: &str = "name = \"Plain\"\nevery = { http = \"1s\" }\n[[step]]\nname = \"Look\"\n\
    component = \"website\"\nvisit = \"/\"\nexpect = { status = 200, text = \"welcome\" }\n";

/// The same with hostile names, as a file whose TOML is right.
fn hostile_flow() -> String {
    let name = Value::from(HOSTILE).to_string();
    // JSON writes a tag as a pair, which TOML does not know.
    let name: String = name
        .chars()
        .map(|c| match c {
            c if controls(c) => format!("\\U{:08x}", u32::from(c)),
            c => c.to_string(),
        })
        .collect();
    FLOW.replace("\"Plain\"", &name).replace("\"Look\"", &name)
}

async fn hostile_site() -> crate::http_engine::server::Server {
    plain(|_| {
        page(&format!(
            "<html><head><title>{HOSTILE}</title></head><body><h1>Error {HOSTILE}</h1>{HOSTILE}"
        ))
    })
    .await
}

/// The setup without a word of its own about the hostile site, and its flow's file.
async fn hostile_setup(site: &Site) -> (Setup, std::path::PathBuf) {
    let server = hostile_site().await;
    let setup = Setup::of(site)
        .site(&server.url)
        .flows(&[("hostile", FLOW)]);
    let probes = setup.config().with_file_name("probes");
    (setup, probes.join("hostile.toml"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checking_a_hostile_site_prints_text() {
    let site = Site::start().await;
    let (setup, flow) = hostile_setup(&site).await;
    let flow = flow.to_str().unwrap();
    let evidence = folder();
    let kept = evidence.path().to_str().unwrap();
    let (code, printed) = setup.command(&["check", flow, "--evidence", kept], "");
    assert_eq!(code, Some(1), "{printed:?}");
    assert_tame(&printed);
    for shown in ["✗ Look", "the page says \"", "Error \\u001b[2J"] {
        assert!(printed.contains(shown), "{shown} in {printed}");
    }
    let (code, printed) = setup.command(&["check", flow, "--json"], "");
    assert_eq!(code, Some(1), "{printed:?}");
    assert_tame(&printed);
    let report: RunReport = serde_json::from_str(&printed).unwrap();
    assert_eq!(report.steps[0].name.en(), "Look");
    let same: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(same, serde_json::to_value(&report).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn validating_and_importing_hostile_files_prints_text() {
    let site = Site::start().await;
    let folder = folder();
    let setup = Setup::of(&site);
    let wrong = hostile_flow().replace("visit =", "\"\\u001b[2J\\u202evist\" =");
    let raw = format!("name = \"{HOSTILE}\"\n[[{HOSTILE}]]\n");
    let named = format!("\u{1b}[2J\n{HOSTILE}.toml");
    for (name, text) in [("wrong.toml", &wrong), ("raw.toml", &raw), (&named, &wrong)] {
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        let file = file.to_str().unwrap();
        let program = |arguments: &[&str]| {
            let output = std::process::Command::new(env!("CARGO_BIN_EXE_siaga"))
                .args(arguments)
                .current_dir(folder.path())
                .output()
                .unwrap();
            let text = [output.stdout, output.stderr].concat();
            (output.status.code(), String::from_utf8(text).unwrap())
        };
        for command in [vec!["validate", file], vec!["check", file]] {
            let (code, printed) = program(&command);
            assert_eq!(code, Some(2), "{printed:?}");
            assert_tame(&printed);
            let places = printed.lines().filter(|line| line.contains(".toml:"));
            assert!(places.count() > 0, "{printed}");
            assert_eq!(printed.contains("\\u"), name != "raw.toml", "{printed}");
        }
    }
    let recording = json!({"title": HOSTILE, "steps": [
        {"type": "navigate", "url": "https://permits.example/"},
        {"type": "change", "selectors": [["#city"]], "value": HOSTILE},
        {"type": HOSTILE, "selectors": [[HOSTILE]]},
    ]});
    let file = folder.path().join("recording.json");
    fs::write(&file, recording.to_string()).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_siaga"))
        .arg("import")
        .arg(file)
        .output()
        .unwrap();
    assert!(output.status.success());
    let toml = String::from_utf8(output.stdout).unwrap();
    assert_tame(&toml);
    assert_tame(&String::from_utf8(output.stderr).unwrap());
    let flow: toml::Table = toml.parse().unwrap();
    assert!(flow["step"].to_string().contains("elif"), "{toml}");
    drop(setup);
}

async fn execute(store: &Store, sql: &'static str) {
    let values = vec![HOSTILE.to_owned().into()];
    let written =
        store.write(move |mut conn| Box::pin(async move { conn.execute(sql, values).await }));
    written.await.unwrap();
}

async fn fails_to_sign_in(siaga: &Siaga, email: &str) {
    let answer = siaga
        .client
        .post(format!("{}/en/office/sign-in", siaga.url))
        .form(&[("email", email), ("password", "wrong horse")])
        .send()
        .await
        .unwrap();
    assert_ne!(answer.status(), 303);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_and_what_is_listed_of_the_database_is_text() {
    const OFFICER: &str = "made@imigrasi.example";
    let site = Site::start().await;
    let (setup, _) = hostile_setup(&site).await;
    let setup = setup.with("SIAGA_LOG", "trace");
    let add = ["staff", "add", OFFICER, "--role", "operator"];
    let (code, printed) = setup.command(&add, "");
    assert_eq!(code, Some(0), "{printed}");
    let mut siaga = setup.run().await;
    siaga.until("website", "outage", SOON).await;
    fails_to_sign_in(&siaga, OFFICER).await;
    eventually("the outage is logged", SOON, || async {
        siaga.process.log().contains("an outage began")
    })
    .await;
    siaga.process.stop().await;
    let log = siaga.process.log();
    assert_tame(&log);
    assert!(log.contains("elif"), "what came is in it");

    let store = Store::open(&sqlite_address(&setup.data.join("siaga.db")))
        .await
        .unwrap();
    execute(&store, "UPDATE staff SET email = $1, office = $1").await;
    let instance = "INSERT INTO instances (id, name, key_ids, current_key_id, seen_at)
        VALUES ('1', $1, $1, $1, 0)";
    execute(&store, instance).await;
    store.close().await;
    for command in [
        ["staff", "list"].as_slice(),
        &["staff", "list", "--json"],
        &["audit", "sign-ins"],
        &["audit", "sign-ins", "--json"],
        &["keys", "status"],
    ] {
        let (code, printed) = setup.command(command, "");
        assert_eq!(code, Some(0), "{command:?}: {printed:?}");
        assert_tame(&printed);
        assert!(printed.contains("\\u001b[2J"), "{command:?}: {printed}");
    }
    let (_, printed) = setup.command(&["staff", "list", "--json"], "");
    let list: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(list[0]["email"], HOSTILE);
}
