//! The drawing of a run, and archives of many requests.

use std::time::Duration;

use siaga::domain::run::Phases;
use siaga::domain::{Fault, Moment, Outcome};
use siaga::probe::har::{Answer, Entry, archive};
use siaga::probe::redact::Redactor;
use siaga::probe::waterfall::svg;

use crate::harness::{NOON, run};

#[test]
fn a_run_is_drawn() {
    let mut report = run(NOON)
        .step("Sign in", "sign-in", Outcome::Passed)
        .step("Begin <b>\"&\u{1}", "application", Outcome::Slow)
        .step("Upload", "upload", Outcome::Failed(Fault::UploadRefused))
        .step("Review", "application", Outcome::NotReached)
        .done();
    for (step, seconds) in report.steps.iter_mut().zip(0..) {
        step.started_at = NOON + Duration::from_secs(seconds);
        step.took_ms = 800;
    }
    report.steps[0].phases = Phases {
        resolve: 50,
        connect: 100,
        tls: 150,
        first_byte: 200,
        transfer: 100,
    };
    report.steps[3].took_ms = 0;
    let drawing = svg("Stay-permit extension", &report.steps);
    let parsed = tags_of(&drawing);
    assert_eq!(parsed, drawing.matches('<').count(), "it is well-formed");
    insta::assert_snapshot!("waterfall", drawing.replace("><", ">\n<"));
    assert!(svg("empty", &[]).starts_with("<svg "));
}

/// Counts tags, each of which must open, close, or do both.
fn tags_of(text: &str) -> usize {
    let (mut open, mut count) = (Vec::new(), 0);
    let mut rest = text;
    while let Some((_, tag)) = rest.split_once('<') {
        let (tag, after) = tag.split_once('>').expect("a tag ends");
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        count += 1;
        let name = tag.trim_matches('/').split(' ').next().unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(name);
        }
        rest = after;
    }
    assert!(open.is_empty());
    count
}

#[test]
fn an_archive_stays_small_and_right() {
    let entry = |number: i64| Entry {
        started_at: NOON + Duration::from_millis(number.unsigned_abs()),
        took_ms: 90,
        phases: Phases {
            first_byte: 40,
            transfer: 60,
            ..Phases::default()
        },
        method: "GET".to_owned(),
        url: format!("https://site.example/{number}?q={}", "x".repeat(1500)),
        answer: Some(Answer {
            status: 302,
            headers: vec![("Location".to_owned(), "/a?token=abc".to_owned())],
            remote: Some("[::1]:443".to_owned()),
            ..Answer::default()
        }),
        ..Entry::default()
    };
    let entries: Vec<Entry> = (0..2000).map(entry).collect();
    let steps = vec![
        ("One".to_owned(), NOON),
        ("Two".to_owned(), NOON + Duration::from_millis(1500)),
    ];
    let text = archive(&entries, &steps, &Redactor::default());
    assert!(text.len() <= 2 << 20);
    let har: serde_json::Value = serde_json::from_str(&text).unwrap();
    let kept = har["log"]["entries"].as_array().unwrap();
    assert!(kept.len() >= 100 && har["log"]["comment"].is_string());
    let last = kept.last().unwrap();
    assert!(
        last["request"]["url"]
            .as_str()
            .unwrap()
            .starts_with("https://site.example/1999"),
        "the last ones are kept"
    );
    assert_eq!(last["pageref"], "step_2");
    assert_eq!(last["response"]["redirectURL"], "/a?token=•••");
    assert_eq!(last["serverIPAddress"], "::1");
    // Parts that are longer than the whole, by rounding or by a clock, make the whole.
    assert_eq!(last["time"], 100);
    let none = archive(&[], &[], &Redactor::default());
    assert!(none.contains("\"entries\":[]"));
    assert_eq!(Moment::default(), Entry::default().started_at);
}
