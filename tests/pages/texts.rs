//! The texts: the same keys in every language, all of them used, none missing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;
use siaga::web::Lang;

fn files(folder: &Path, ending: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path
            .extension()
            .is_some_and(|is| ending.iter().any(|wanted| is == *wanted))
        {
            found.push(path);
        }
    }
    found
}

fn web() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web")
}

/// Each key with the arguments that its text uses.
fn texts(lang: Lang) -> BTreeMap<String, BTreeSet<String>> {
    let key = Regex::new(r"^([a-z][a-z0-9_-]*) =").unwrap();
    let argument = Regex::new(r"\$([a-z_]+)").unwrap();
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files(&web().join("texts").join(lang.tag()), &["ftl"]) {
        let mut current = String::new();
        for line in fs::read_to_string(&file).unwrap().lines() {
            if line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            if let Some(found) = key.captures(line) {
                current = found[1].to_owned();
                let new = texts.insert(current.clone(), BTreeSet::new()).is_none();
                assert!(new, "{current} stands twice in {}", lang.tag());
            } else {
                assert!(line.starts_with([' ', '}']), "{}: {line}", file.display());
            }
            let arguments = argument
                .captures_iter(line)
                .map(|found| found[1].to_owned());
            texts.get_mut(&current).unwrap().extend(arguments);
        }
    }
    texts
}

fn sources() -> String {
    files(&web(), &["rs", "html"])
        .iter()
        .map(|file| fs::read_to_string(file).unwrap())
        .collect()
}

#[test]
fn every_language_has_the_same_keys() {
    let english: Vec<String> = texts(Lang::En).into_keys().collect();
    for lang in Lang::ALL {
        let keys: Vec<String> = texts(lang).into_keys().collect();
        let missing: Vec<_> = english.iter().filter(|key| !keys.contains(key)).collect();
        let more: Vec<_> = keys.iter().filter(|key| !english.contains(key)).collect();
        assert!(
            missing.is_empty() && more.is_empty(),
            "{}: missing {missing:?}, not in English {more:?}",
            lang.tag()
        );
    }
}

/// A language may leave out a number that only chose the English plural, but never invent.
#[test]
fn no_language_uses_an_argument_that_the_others_do_not_know() {
    let english = texts(Lang::En);
    for lang in Lang::ALL {
        for (key, arguments) in texts(lang) {
            assert!(
                arguments.is_subset(&english[&key]),
                "{key} in {}",
                lang.tag()
            );
        }
    }
}

#[test]
fn every_key_in_use_exists_and_every_key_is_used() {
    let sources = sources();
    let known = texts(Lang::En);
    let call = Regex::new(r#"\bt\s*\.(?:get|with)\(\s*"([^"]+)""#).unwrap();
    for found in call.captures_iter(&sources) {
        assert!(known.contains_key(&found[1]), "no text for {}", &found[1]);
    }
    assert!(
        call.captures_iter(&sources).count() > 50,
        "the search finds nothing"
    );
    // Keys that are put together from a prefix and a word: `format!("case-state-{word}")`.
    let made = Regex::new(r#""([a-z_-]+-)\{"#).unwrap();
    let prefixes: BTreeSet<String> = made
        .captures_iter(&sources)
        .map(|found| found[1].to_owned())
        .collect();
    let unused: Vec<_> = known
        .keys()
        .filter(|key| !sources.contains(&format!("\"{key}\"")))
        .filter(|key| !prefixes.iter().any(|prefix| key.starts_with(prefix)))
        .collect();
    assert!(unused.is_empty(), "unused: {unused:?}");
}

#[test]
fn every_text_can_be_written_without_a_missing_argument() {
    // A text whose argument is missing, or that Fluent cannot read, comes back as its own
    // key; the pages in their states use nearly all of them.
    let known = texts(Lang::En);
    let alone = Regex::new(r#"(?:>|aria-label=")\s*([a-z][a-z0-9_-]*)\s*[<"]"#).unwrap();
    for snapshot in [
        super::fixture::all_up(),
        super::fixture::partial_outage(),
        super::fixture::outage(),
        super::fixture::no_data(),
        super::fixture::maintenance(),
    ] {
        let site = super::fixture::site();
        let pages = siaga::web::render::render_all(&site, &snapshot, &siaga::web::Pages::default());
        for path in pages.paths().filter(|path| !path.starts_with("/style")) {
            for lang in Lang::ALL {
                let page = String::from_utf8_lossy(pages.get(path, lang).unwrap().bytes());
                for found in alone.captures_iter(&page) {
                    let key = found[1].contains('-') && known.contains_key(&found[1]);
                    assert!(!key, "{} on {path}", &found[1]);
                }
                assert!(!page.contains("{$") && !page.contains("{ $"), "{path}");
            }
        }
    }
}

/// The texts of a page between its tags, of three words and more.
fn sentences(page: &str) -> BTreeSet<String> {
    let unread =
        Regex::new(r"(?s)<(script|style|title|head)\b.*?</(?:script|style|title|head)>").unwrap();
    let tag = Regex::new(r"<[^>]*>").unwrap();
    let page = unread.replace_all(page, "<br>");
    let parts = tag
        .split(&page)
        .map(|part| part.split_whitespace().collect::<Vec<_>>());
    let is_word = |word: &&str| word.chars().any(char::is_alphabetic);
    parts
        .filter(|words| words.iter().filter(|word| is_word(word)).count() >= 3)
        .map(|words| words.join(" "))
        .collect()
}

/// What is the same in every language: the site's own name.
const OF_NO_LANGUAGE: [&str; 1] = ["Izin Tinggal Online"];

#[test]
fn no_text_of_three_words_stands_in_the_other_language() {
    let is_for_people = |path: &&str| {
        let others = ["/style", "/api/", "/robots.txt"];
        !others.iter().any(|other| path.starts_with(other))
    };
    let mut both = BTreeSet::new();
    for snapshot in [
        super::fixture::all_up(),
        super::fixture::partial_outage(),
        super::fixture::outage(),
        super::fixture::no_data(),
        super::fixture::maintenance(),
        super::fixture::outage().gone_stale(),
    ] {
        let site = super::fixture::site();
        let pages = siaga::web::render::render_all(&site, &snapshot, &siaga::web::Pages::default());
        for path in pages.paths().filter(is_for_people) {
            let of = |lang| {
                let page = pages.get(path, lang).unwrap();
                sentences(&String::from_utf8_lossy(page.bytes()))
            };
            let (id, en) = (of(Lang::Id), of(Lang::En));
            both.extend(id.intersection(&en).map(|text| format!("{path}: {text}")));
        }
    }
    both.retain(|text| !OF_NO_LANGUAGE.iter().any(|known| text.contains(known)));
    assert!(both.is_empty(), "{both:#?}");
}
