//! The reference and the schema of a file, made of its table of keys.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::keys::{Key, Kind, Table};

/// How durations are written.
pub const DURATION: &str = r"^[0-9]+(\.[0-9]+)? ?(ms|s|m|h|d)$";
/// How sizes are written, unless as a number of bytes.
pub const SIZE: &str = r"^[0-9]+(\.[0-9]+)? ?(B|KB|kB|MB|GB|KiB|MiB|GiB)$";

/// The schema of a file whose root is this table: JSON schema, draft 7.
pub fn schema(root: &'static Table, title: &str) -> Value {
    let mut definitions = Map::new();
    for table in root.all().into_iter().skip(1) {
        definitions.insert(table.name.to_owned(), object(table));
    }
    let mut schema = object(root);
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    schema["title"] = json!(title);
    schema["definitions"] = Value::Object(definitions);
    schema
}

fn object(table: &Table) -> Value {
    let mut properties = Map::new();
    for key in table.keys {
        let mut value = of_kind(&key.kind);
        // What stands beside a `$ref` is not looked at.
        if value.get("$ref").is_none() {
            value["description"] = json!(key.says);
        }
        properties.insert(key.name.to_owned(), value);
    }
    let required: Vec<&str> = table
        .keys
        .iter()
        .filter(|key| key.is_required)
        .map(|key| key.name)
        .collect();
    json!({
        "type": "object",
        "description": table.says,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn of_kind(kind: &Kind) -> Value {
    match kind {
        Kind::Text | Kind::Template | Kind::Css => json!({ "type": "string" }),
        Kind::Regex => json!({ "type": "string" }),
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Number(least) => json!({ "type": "integer", "minimum": least }),
        Kind::Duration => json!({ "type": "string", "pattern": DURATION }),
        Kind::Size => json!({ "anyOf": [
            { "type": "integer", "minimum": 0 },
            { "type": "string", "pattern": SIZE },
        ] }),
        Kind::OneOf(words) => json!({ "enum": words }),
        Kind::List(kind) => json!({ "type": "array", "items": of_kind(kind) }),
        Kind::OneOrMany(kind) => json!({ "anyOf": [
            of_kind(kind),
            { "type": "array", "items": of_kind(kind) },
        ] }),
        Kind::Map(kind) => json!({ "type": "object", "additionalProperties": of_kind(kind) }),
        Kind::Table(table) => reference_to(table),
        Kind::Tables(table) => json!({ "type": "array", "items": reference_to(table) }),
        Kind::Any(kinds) => {
            json!({ "anyOf": kinds.iter().map(of_kind).collect::<Vec<_>>() })
        }
        Kind::Json => json!({}),
    }
}

fn reference_to(table: &Table) -> Value {
    json!({ "$ref": format!("#/definitions/{}", table.name) })
}

/// The reference of a file whose root is this table, as Markdown, behind what introduces it.
pub fn markdown(root: &'static Table, introduction: &str) -> String {
    let mut out = format!("{introduction}\n");
    let tables = root.all();
    for table in &tables {
        let keys: Vec<String> = table
            .keys
            .iter()
            .map(|key| format!("`{}`", key.name))
            .collect();
        let _ = writeln!(out, "- {}: {}", link_to(table), keys.join(", "));
    }
    for table in tables {
        let _ = write!(out, "\n## {}\n\n{}\n", title(table), table.says);
        for key in table.keys {
            write_key(&mut out, key);
        }
    }
    out
}

fn write_key(out: &mut String, key: &Key) {
    let default = match (key.is_required, key.default) {
        (true, _) => "required".to_owned(),
        (false, Some(default)) => format!("default `{default}`"),
        (false, None) => "may be left out".to_owned(),
    };
    let _ = write!(
        out,
        "\n### `{}`\n\n{} · {default} · `{}`\n\n{}\n",
        key.name,
        in_words(&key.kind),
        key.example,
        key.says
    );
    let engines = [
        ("Over plain HTTP", key.over_http),
        ("In a browser", key.in_browser),
    ];
    let told: Vec<String> = engines
        .iter()
        .filter_map(|(engine, does)| does.map(|does| format!("- {engine}: {does}\n")))
        .collect();
    match told.is_empty() {
        true => out.push_str("\nThe same on both engines.\n"),
        false => {
            let _ = write!(out, "\n{}", told.concat());
        }
    }
}

/// A table's name as a heading.
fn title(table: &Table) -> String {
    let words = table.name.replace('-', " ");
    match words.split_at_checked(1) {
        Some((first, rest)) => format!("{}{rest}", first.to_uppercase()),
        None => words,
    }
}

fn link_to(table: &Table) -> String {
    format!("[{}](#{})", title(table), table.name)
}

fn in_words(kind: &Kind) -> String {
    match kind {
        Kind::Text => "text".to_owned(),
        Kind::Template => "text with `${…}`".to_owned(),
        Kind::Css => "CSS selector".to_owned(),
        Kind::Regex => "regular expression".to_owned(),
        Kind::Bool => "`true` or `false`".to_owned(),
        Kind::Number(least) => format!("whole number from {least}"),
        Kind::Duration => "duration".to_owned(),
        Kind::Size => "size".to_owned(),
        Kind::OneOf(words) => {
            let words: Vec<String> = words.iter().map(|word| format!("`\"{word}\"`")).collect();
            format!("one of {}", words.join(", "))
        }
        Kind::List(kind) => format!("array of: {}", in_words(kind)),
        Kind::OneOrMany(kind) => format!("{}, or an array of it", in_words(kind)),
        Kind::Map(kind) => format!("table of names and, under each, {}", in_words(kind)),
        Kind::Table(table) => format!("table: {}", link_to(table)),
        Kind::Tables(table) => format!("array of tables: {}", link_to(table)),
        Kind::Any(kinds) => {
            let kinds: Vec<String> = kinds.iter().map(in_words).collect();
            kinds.join("; or ")
        }
        Kind::Json => "any value".to_owned(),
    }
}
