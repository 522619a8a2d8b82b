//! Whatever a recording holds, the flow is valid and keeps the secret.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{carried, change, click};
use siaga::probe::flow_file;
use siaga::probe::recording::{Options, translate};
use siaga::toml_reader::Source;

const TYPES: [&str; 16] = [
    "setViewport",
    "navigate",
    "click",
    "doubleClick",
    "change",
    "keyDown",
    "keyUp",
    "scroll",
    "hover",
    "close",
    "waitForElement",
    "waitForExpression",
    "customStep",
    "emulateNetworkConditions",
    "",
    "unheardOf",
];

/// Texts that are hard to write down, and a secret among them.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~]{0,20}",
        r#"["'\\\n\r\t\x00-\x1f\x7f\u{85}\u{2028}\u{202e}]{0,8}"#,
        Just("${PROBE_X} $${ ${run} }${".to_owned()),
        Just("$kjx-Hemmelig.77".to_owned()),
        Just("kjx-Hemmelig.77".to_owned()),
        Just("a KJX-hemmelig.77 b".to_owned()),
    ]
}

fn url() -> impl Strategy<Value = String> {
    prop_oneof![
        text(),
        text().prop_map(|t| format!("https://permits.example/{t}")),
        text().prop_map(|t| format!("https://permits.example/a?q={t}#{t}")),
        text().prop_map(|t| format!("https://{t}/x")),
        text().prop_map(|t| format!("https://other.example:81//{t}/12345")),
        text().prop_map(|t| format!("https://u:{t}@other.example/?token={t}&passport={t}9876")),
        Just("chrome://newtab/".to_owned()),
        Just("javascript:1".to_owned()),
    ]
}

fn selector() -> impl Strategy<Value = String> {
    prop_oneof![
        text(),
        "#[a-z][a-z0-9_-]{0,6}",
        "[a-z]{1,6}( > |, | )[a-z]{1,6}:nth-of-type\\([1-9]\\)",
        text().prop_map(|t| format!("aria/{t}")),
        text().prop_map(|t| format!("aria/{t}[role=\"button\"]")),
        text().prop_map(|t| format!("text/{t}")),
        text().prop_map(|t| format!("pierce/#{t}")),
        text().prop_map(|t| format!("xpath///*[@id={}]/p[2]/a", Value::from(t))),
        text().prop_map(|t| format!("[title='{t}']")),
        Just("input[type='checkbox']".to_owned()),
        Just("#password".to_owned()),
        Just("label".to_owned()),
        Just("select".to_owned()),
    ]
}

fn step() -> impl Strategy<Value = Value> {
    let navigation = proptest::option::of((proptest::option::of(url()), text()));
    (
        0..TYPES.len(),
        vec(vec(selector(), 0..3), 0..4),
        prop_oneof![4 => text(), 1 => Just("C:\\fakepath\\a.pdf".to_owned()), 1 => Just("C:\\fakepath\\b".to_owned())],
        prop_oneof![Just("Enter".to_owned()), Just(" ".to_owned()), text()],
        url(),
        navigation,
        any::<u8>(),
    )
        .prop_map(|(kind, selectors, value, key, url, navigation, rest)| {
            let mut step = json!({
                "type": TYPES[kind], "selectors": selectors, "value": value, "key": key,
                "url": url, "name": value,
            });
            if let Some((url, title)) = navigation {
                step["assertedEvents"] = json!([{"type": "navigation", "url": url, "title": title}]);
            }
            match rest {
                0..8 => step["frame"] = json!([0]),
                8..16 => step["target"] = json!("https://other.example/"),
                16..24 => step["button"] = json!("secondary"),
                24..32 => step["count"] = json!(0),
                32..36 => step["selectors"] = json!({"a": 1}),
                36..40 => step = json!([1]),
                _ => {}
            }
            step
        })
}

proptest! {
    #[test]
    fn the_flow_is_valid_and_keeps_the_secret(
        title in text(),
        mut steps in vec(step(), 1..25),
        before in any::<bool>(),
        at in any::<proptest::sample::Index>(),
    ) {
        const SECRET: &str = "kjx-Hemmelig.77";
        let typed = json!({"type": "change", "selectors": [["#password"]], "value": SECRET});
        steps.insert(at.index(steps.len()), typed);
        if before {
            steps.insert(0, json!({"type": "navigate", "url": "https://permits.example/"}));
        }
        let text = json!({"title": title, "steps": steps}).to_string();
        let Ok(translation) = translate(&text, &Options::default()) else {
            prop_assert!(!before, "the first page alone can be carried: {text}");
            return Ok(());
        };
        let source = Source::new("recorded.toml", translation.toml.as_str());
        let flow = flow_file::read(&source, "recorded", None);
        prop_assert!(flow.is_ok(), "{:#?}\n{}", flow.unwrap_err(), translation.toml);
        let flow = flow.unwrap();
        prop_assert_eq!(&flow.needs, &translation.needs);
        prop_assert!(flow.variables.is_empty(), "{:?}", flow.variables);
        for text in translation.notes.iter().map(|note| &note.text).chain([&translation.toml]) {
            prop_assert!(!text.to_lowercase().contains(&SECRET.to_lowercase()), "{}", text);
            prop_assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
        }
    }

    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        let _ = translate(&text, &Options::default());
        let _ = translate(&format!("{{\"steps\": [{text}]}}"), &Options::default());
    }
}

/// What a person does on a page that a script answers.
#[derive(Clone, Debug)]
enum Deed {
    Label,
    Checkbox,
    Elsewhere,
    Button,
    Enter,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        2 => Just(Deed::Label),
        1 => Just(Deed::Checkbox),
        1 => Just(Deed::Elsewhere),
        1 => Just(Deed::Button),
        1 => Just(Deed::Enter),
    ]
}

proptest! {
    /// What is clicked stands in the flow or in a note. A label's click is that of what it is for, which
    /// is recorded next, or puts the cursor there.
    #[test]
    fn no_click_is_lost_without_a_word(deeds in vec(deed(), 1..8)) {
        let recorded = deeds.iter().enumerate().map(|(n, deed)| match deed {
            Deed::Label => click(&json!([[format!("label#l{n}x")]]), None),
            Deed::Checkbox => click(&json!([[format!("#l{n}x")], ["aria/A[role=\"checkbox\"]"]]), None),
            Deed::Elsewhere => click(&json!([[format!("div#l{n}x")]]), None),
            Deed::Button => click(&json!([[format!("button#l{n}x")]]), None),
            Deed::Enter => change(&json!([[format!("input#l{n}x")]]), "some words"),
        });
        let translation = carried(recorded.collect());
        for (n, deed) in deeds.iter().enumerate() {
            let is_told = matches!(deed, Deed::Label)
                && matches!(deeds.get(n + 1), Some(Deed::Checkbox | Deed::Enter));
            let stands = translation.toml.contains(&format!("#l{n}x"));
            prop_assert!(stands || is_told, "{n} of {deeds:?}:\n{}", translation.toml);
        }
    }
}
