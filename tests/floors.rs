//! The floors of the crate: a lower one never imports a higher one, and some modules must
//! not know of others. Held by reading the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The floor of each module of the crate.
const FLOORS: &[(&str, u8)] = &[
    ("main", 5),
    ("lib", 5),
    ("cli", 5),
    ("app", 5),
    ("config", 5),
    ("telemetry", 5),
    ("web", 4),
    ("rehearsal", 4),
    ("probe", 3),
    ("notify", 3),
    ("detect", 3),
    ("store", 2),
    ("system", 2),
    ("http_client", 2),
    ("disk", 2),
    ("evidence", 2),
    ("pictures", 2),
    ("toml_reader", 2),
    ("domain", 1),
];

/// What a module must not know although its floor would allow it.
const MUST_NOT_KNOW: &[(&str, &[&str])] = &[
    ("probe", &["store", "notify", "detect"]),
    ("notify", &["probe"]),
    ("detect", &["probe", "notify"]),
    ("web", &["probe", "notify", "rehearsal"]),
    (
        "rehearsal",
        &[
            "web",
            "probe",
            "notify",
            "detect",
            "store",
            "http_client",
            "toml_reader",
        ],
    ),
];

/// Paths that nothing in `domain` may name: the world, and libraries that reach it.
const NOT_IN_DOMAIN: &[&str] = &[
    "sqlx::",
    "axum::",
    "reqwest::",
    "tokio::",
    "hyper::",
    "lettre::",
    "tracing::",
    "std::fs",
    "std::env",
    "std::process",
    "std::time::SystemTime",
    "std::time::Instant",
    "SystemTime::now",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
];

/// A file that cannot be read in one go is several files.
const MOST_LINES: usize = 600;
/// Files that may be longer, with the reason.
const LONGER: &[(&str, &str)] = &[(
    "toml_reader.rs",
    "one reader of values with one set of messages; its length is the list of kinds it reads",
)];

struct Source {
    /// Path below `src`.
    path: String,
    /// Path as Rust names it: `["store", "runs"]`; the crate's root is empty.
    module: Vec<String>,
    text: String,
    /// The text without comments and literals.
    code: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 40, "the sources are found");
    files
        .into_iter()
        .map(|file| {
            let below = file.strip_prefix(&root).unwrap();
            let mut module: Vec<String> = below
                .with_extension("")
                .components()
                .map(|part| part.as_os_str().to_str().unwrap().to_owned())
                .collect();
            if module.last().is_some_and(|last| last == "mod") {
                module.pop();
            }
            let text = fs::read_to_string(&file).unwrap();
            Source {
                path: below.to_str().unwrap().to_owned(),
                module,
                code: code_of(&text),
                text,
            }
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

/// The text without comments, and with every literal empty.
pub(crate) fn code_of(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut i = 0;
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    while i < chars.len() {
        let before = i.checked_sub(1).map_or(' ', at);
        match (at(i), at(i + 1)) {
            ('/', '/') => {
                while i < chars.len() && at(i) != '\n' {
                    i += 1;
                }
            }
            ('/', '*') => {
                let mut depth = 0;
                loop {
                    match (at(i), at(i + 1)) {
                        ('/', '*') => (depth, i) = (depth + 1, i + 2),
                        ('*', '/') => (depth, i) = (depth - 1, i + 2),
                        _ => i += 1,
                    }
                    if depth == 0 || i >= chars.len() {
                        break;
                    }
                }
            }
            ('r', '"' | '#') if !before.is_alphanumeric() && before != '_' => {
                let hashes = chars[i + 1..].iter().take_while(|c| **c == '#').count();
                if at(i + 1 + hashes) != '"' {
                    out.push('r');
                    i += 1;
                    continue;
                }
                i += 2 + hashes;
                while i < chars.len() && !(at(i) == '"' && (1..=hashes).all(|k| at(i + k) == '#')) {
                    i += 1;
                }
                i += 1 + hashes;
                out.push_str("\"\"");
            }
            ('"', _) => {
                i += 1;
                while i < chars.len() && at(i) != '"' {
                    i += if at(i) == '\\' { 2 } else { 1 };
                }
                i += 1;
                out.push_str("\"\"");
            }
            // A character, not a lifetime.
            ('\'', '\\') => {
                i += 3;
                while i < chars.len() && at(i) != '\'' {
                    i += 1;
                }
                i += 1;
            }
            ('\'', _) if at(i + 2) == '\'' => i += 3,
            (c, _) => {
                out.push(c);
                i += 1;
            }
        }
    }
    out
}

/// The modules at the crate's root that the code refers to.
fn references(source: &Source) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let code = &source.code;
    for (start, _) in code.match_indices("crate::") {
        if stands_alone(code, start) {
            first_names(&code[start + "crate::".len()..], &mut found);
        }
    }
    // As many `super::` in a row as the module is deep lead to the root.
    let mut rest = code.as_str();
    while let Some(start) = rest.find("super::") {
        let mut after = &rest[start..];
        let mut steps = 0;
        while let Some(next) = after.strip_prefix("super::") {
            steps += 1;
            after = next;
        }
        if steps >= source.module.len() {
            first_names(after, &mut found);
        }
        rest = after;
    }
    found
}

/// Whether the word at `start` stands alone (`crate`, not `mycrate`; `$crate` counts).
fn stands_alone(code: &str, start: usize) -> bool {
    !code[..start].ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// The first names of a path or of a group of paths: `a::b` gives `a`, `{a::{b, c}, d}`
/// gives `a` and `d`.
fn first_names(path: &str, found: &mut BTreeSet<String>) {
    let name = |text: &str| -> String {
        text.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let Some(group) = path.strip_prefix('{') else {
        found.insert(name(path));
        return;
    };
    let mut depth = 0;
    let mut fresh = true;
    for (index, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            c if fresh && (c.is_alphanumeric() || c == '_') => {
                found.insert(name(&group[index..]));
                fresh = false;
            }
            _ => {}
        }
    }
}

#[test]
fn no_floor_imports_a_higher_one() {
    let floors: BTreeMap<&str, u8> = FLOORS.iter().copied().collect();
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for source in sources() {
        let own = source.module.first().expect("a file is a module");
        let Some(floor) = floors.get(own.as_str()) else {
            wrong.push(format!("{}: `{own}` stands on no floor yet", source.path));
            continue;
        };
        for other in references(&source) {
            if other == *own {
                continue;
            }
            // Names that are no modules are items of the root or macros.
            if let Some(higher) = floors.get(other.as_str()) {
                seen.insert((own.clone(), other.clone()));
                if higher > floor {
                    wrong.push(format!(
                        "{}: {own} (floor {floor}) imports {other} (floor {higher})",
                        source.path
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for known in [
        ("detect", "store"),
        ("store", "domain"),
        ("detect", "domain"),
    ] {
        let known = (known.0.to_owned(), known.1.to_owned());
        assert!(
            seen.contains(&known),
            "references are found at all: {known:?}"
        );
    }
}

#[test]
fn modules_do_not_know_what_they_must_not() {
    let forbidden: BTreeMap<&str, &[&str]> = MUST_NOT_KNOW.iter().copied().collect();
    let mut wrong = Vec::new();
    for source in sources() {
        let own = source.module.first().unwrap().as_str();
        let Some(others) = forbidden.get(own) else {
            continue;
        };
        for other in references(&source) {
            if others.contains(&other.as_str()) {
                wrong.push(format!("{}: {own} must not know {other}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_domain_knows_nothing_of_the_world() {
    let mut wrong = Vec::new();
    for source in sources() {
        if source.module.first().unwrap() != "domain" {
            continue;
        }
        // Spelled out, `use std::{time::Instant}` must not hide.
        let code: String = source.code.split_whitespace().collect();
        for path in NOT_IN_DOMAIN {
            if code.contains(path) {
                wrong.push(format!("{}: {path}", source.path));
            }
        }
        for word in ["SystemTime", "Instant"] {
            let stands_alone = source
                .code
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .any(|name| name == word);
            if stands_alone {
                wrong.push(format!("{}: {word}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_owns_and_is_short() {
    let longer: BTreeMap<&str, &str> = LONGER.iter().copied().collect();
    let mut wrong = Vec::new();
    let mut needed = BTreeSet::new();
    for source in sources() {
        if !source.text.starts_with("//!") {
            wrong.push(format!("{}: no word of what it owns", source.path));
        }
        if source.code.contains("cfg(test)") {
            wrong.push(format!("{}: tests belong into tests/", source.path));
        }
        let lines = source.text.lines().count();
        if lines > MOST_LINES && longer.contains_key(source.path.as_str()) {
            needed.insert(source.path);
        } else if lines > MOST_LINES {
            wrong.push(format!(
                "{}: {lines} lines, at most {MOST_LINES}",
                source.path
            ));
        }
    }
    for (path, _) in LONGER {
        if !needed.contains(*path) {
            wrong.push(format!("{path}: is no longer an exception"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn references_are_read_whatever_their_form() {
    let read = |module: &[&str], text: &str| {
        let source = Source {
            path: String::new(),
            module: module.iter().map(|s| (*s).to_owned()).collect(),
            text: String::new(),
            code: code_of(text),
        };
        references(&source).into_iter().collect::<Vec<_>>()
    };
    assert_eq!(read(&["a"], "use crate::web::pages;"), ["web"]);
    assert_eq!(
        read(
            &["a"],
            "use crate::{\n    store::{self, runs},\n    domain::Moment,\n};"
        ),
        ["domain", "store"]
    );
    assert_eq!(read(&["a"], "let x = crate::notify::send();"), ["notify"]);
    assert_eq!(read(&["a"], "$crate::store::Value"), ["store"]);
    assert_eq!(
        read(&["store", "runs"], "use super::super::web::x;"),
        ["web"]
    );
    assert_eq!(read(&["store", "runs"], "use super::conn;"), [""; 0]);
    assert_eq!(read(&["detect"], "use super::web;"), ["web"]);
    assert_eq!(
        read(
            &["a"],
            "// crate::web\n/* crate::web */ let a = \"crate::web\"; let b = r#\"crate::web\"#; \
             let c = '\"'; use crate::domain;"
        ),
        ["domain"]
    );
}
