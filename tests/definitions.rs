//! Files that people write: every mistake is found at once, at its place, with a hint.

use std::time::Duration;

use siaga::toml_reader::{Size, Source, parse_duration, parse_size};

fn lines(problems: &[siaga::toml_reader::Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn the_reader_reports_every_mistake_with_its_place() {
    let text = "
title = 7
retry = \"soon\"
lmit = \"2MB\"

[[thing]]
naem = \"é\"

[[thing]]
name = \"ok\"
size = \"2 apples\"
";
    let problems = Source::new("a.toml", text)
        .read(|root| {
            root.required::<String>("title");
            root.optional::<Duration>("retry");
            root.optional::<Size>("limit");
            root.required::<bool>("on");
            for mut thing in root.tables("thing") {
                thing.required::<String>("name");
                thing.optional::<Size>("size");
                thing.finish();
            }
            Some(())
        })
        .unwrap_err();
    assert_eq!(
        lines(&problems),
        [
            "a.toml:1:1: `on` is missing; add `on = …` here",
            "a.toml:2:9: `title` must be a string, found the integer 7",
            "a.toml:3:9: `retry` must be a duration such as \"90s\", \"250ms\", \"5m\", \"1h\" or \"7d\", found the string \"soon\"",
            "a.toml:4:1: unknown key `lmit`; did you mean `limit`?",
            "a.toml:6:1: `name` is missing; add `name = …` here",
            "a.toml:7:1: unknown key `naem`; did you mean `name`?",
            "a.toml:11:8: `size` must be a size such as \"1900KB\", \"2MB\", \"10KiB\" or a number of bytes, found the string \"2 apples\"",
        ]
    );
}

#[test]
fn mistakes_of_toml_itself_have_their_place() {
    let problems = Source::new("a.toml", "a = 1\nb = = 2\nc = \"x\na = 2\n").read(|_| Some(()));
    let problems = lines(&problems.unwrap_err());
    assert!(problems.len() >= 2, "{problems:#?}");
    assert!(problems[0].starts_with("a.toml:2:"), "{problems:#?}");
}

#[test]
fn durations_and_sizes() {
    assert_eq!(parse_duration("250ms"), Some(Duration::from_millis(250)));
    assert_eq!(parse_duration("1.5s"), Some(Duration::from_millis(1500)));
    assert_eq!(parse_duration("7d"), Some(Duration::from_secs(7 * 86_400)));
    for wrong in ["", "90", "s", "-1s", "1.s", "1h30m", "1e3s", "99999d"] {
        assert_eq!(parse_duration(wrong), None, "{wrong:?}");
    }
    assert_eq!(parse_size("1900KB"), Some(1_900_000));
    assert_eq!(parse_size("10KiB"), Some(10_240));
    assert_eq!(parse_size("2MB"), Some(2_000_000));
    for wrong in ["", "2", "MB", "-2MB", "2mb", "2 XB"] {
        assert_eq!(parse_size(wrong), None, "{wrong:?}");
    }
}
