//! The JSON schema of `siaga.toml`, made of the documented example: every key that is read stands
//! there with a value and what is to be known of it.

use serde_json::{Map, Value, json};

use crate::toml_reader::reference::{DURATION, SIZE};
use crate::toml_reader::{parse_duration, parse_size};

/// Every key of the configuration with its default, and what it does.
pub const EXAMPLE: &str = include_str!("../../siaga.example.toml");

/// Keys of which the example shows one kind of several.
const OF_MORE_KINDS: [&str; 2] = ["detector.quorum", "probe.resolver"];
/// The table in which every name is the writer's.
const FREE: &str = "variables";

/// The JSON schema of the configuration, draft 7.
pub fn schema() -> Value {
    let mut sections = Map::new();
    let (mut path, mut is_list) = (String::new(), false);
    let mut says: Vec<&str> = Vec::new();
    for line in EXAMPLE.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            says.push(comment);
            continue;
        }
        let line = line.strip_prefix('#').unwrap_or(line);
        if let Some(header) = line.strip_prefix('[') {
            is_list = header.starts_with('[');
            path = header.trim_matches(['[', ']']).to_owned();
            section(&mut sections, &path, is_list);
        } else if let Some((key, _)) = line.split_once(" = ")
            && let Ok(parsed) = line.parse::<toml::Table>()
            && let Some(value) = parsed.get(key)
        {
            let mut kind = match OF_MORE_KINDS.contains(&format!("{path}.{key}").as_str()) {
                true => json!({}),
                false => of_value(value),
            };
            kind["description"] = json!(says.join(" "));
            if let Some(properties) = section(&mut sections, &path, is_list) {
                properties.insert(key.to_owned(), kind);
            }
        }
        says.clear();
    }
    if let Some(free) = sections.get_mut(FREE) {
        *free = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    }
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "The configuration of Siaga",
        "type": "object",
        "properties": sections,
        "required": ["site", "probe"],
        "additionalProperties": false,
    })
}

/// The keys of a section, which is made where it is not there.
fn section<'s>(
    sections: &'s mut Map<String, Value>,
    path: &str,
    is_list: bool,
) -> Option<&'s mut Map<String, Value>> {
    let (first, rest) = match path.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (path, None),
    };
    let table = || json!({ "type": "object", "properties": {}, "additionalProperties": false });
    let entry =
        sections
            .entry(first.to_owned())
            .or_insert_with(|| match is_list && rest.is_none() {
                true => json!({ "type": "array", "items": table() }),
                false => table(),
            });
    let table = match entry.get("items").is_some() {
        true => entry.get_mut("items")?,
        false => entry,
    };
    let properties = table.get_mut("properties")?.as_object_mut()?;
    match rest {
        Some(rest) => section(properties, rest, is_list),
        None => Some(properties),
    }
}

/// What a value of the example says of its key's kind.
fn of_value(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) if parse_duration(text).is_some() => {
            json!({ "type": "string", "pattern": DURATION })
        }
        toml::Value::String(text) if parse_size(text).is_some() => json!({ "anyOf": [
            { "type": "integer", "minimum": 0 },
            { "type": "string", "pattern": SIZE },
        ] }),
        toml::Value::Integer(_) => json!({ "type": "integer" }),
        toml::Value::Float(_) => json!({ "type": "number" }),
        toml::Value::Boolean(_) => json!({ "type": "boolean" }),
        toml::Value::Array(_) => json!({ "type": "array", "items": { "type": "string" } }),
        toml::Value::Table(table) => {
            let keys: Map<String, Value> = table
                .iter()
                .map(|(key, value)| (key.clone(), of_value(value)))
                .collect();
            let required: Vec<&String> = table.keys().collect();
            json!({
                "type": "object", "properties": keys, "required": required,
                "additionalProperties": false,
            })
        }
        toml::Value::String(_) | toml::Value::Datetime(_) => json!({ "type": "string" }),
    }
}
