//! What a step does: the verbs of its short form, and the list in which they stand in any order.
//!
//! Owns both forms, which become one list of actions. Must not know how that is carried out.

use reqwest::Method;

use super::keys;
use super::parts::{Names, headers, json};
use super::targets::target;
use crate::probe::definition::{Action, Choice, DocumentSpec, Part, Request, RequestBody, Target};
use crate::probe::document::{self, DocumentName, Kind};
use crate::probe::key::Key;
use crate::probe::template::Template;
use crate::toml_reader::keys::Table;
use crate::toml_reader::{Item, Place, Reader, Size, list, nearest};

/// The verbs of the short form, in the order in which they are done.
const SHORT: [&str; 7] = [
    "visit", "fill", "choose", "upload", "submit", "click", "request",
];

/// What the step does to the page, in the order in which it is done.
pub(super) fn actions(table: &mut Reader<'_>, names: &mut Names<'_>) -> Vec<Action> {
    let mut actions = short(table, names);
    let Some(item) = table.item("do") else {
        apart(table);
        return actions;
    };
    for verb in SHORT.into_iter().chain(["mail"]) {
        if table.has(verb) {
            let hint = match verb {
                "mail" => "make two steps of it",
                _ => "write all that the step does into `do`, in the order in which it is done",
            };
            let message = format!("`do` and `{verb}` cannot stand in one step");
            table.place_of(verb).problem_with_hint(message, hint);
        }
    }
    let entries = item.elements().unwrap_or_default();
    if entries.is_empty() && item.is_array() {
        item.place()
            .problem_with_hint("`do` is empty", "e.g. `do = [{ click = \"#next\" }]`");
    }
    actions.extend(entries.iter().filter_map(|entry| action(entry, names)));
    actions
}

/// The verbs that stand as keys of the step.
fn short(table: &mut Reader<'_>, names: &mut Names<'_>) -> Vec<Action> {
    let mut actions = Vec::new();
    if let Some(item) = table.item("visit") {
        actions.extend(address(&item, names).map(Action::Visit));
    }
    for item in table.entries("fill") {
        if let (Some(target), Some(text)) = (keyed(&item, names), names.template(&item)) {
            actions.push(Action::Fill(target, text));
        }
    }
    for item in table.entries("choose") {
        if let (Some(target), Some(choice)) = (keyed(&item, names), choice(&item, names)) {
            actions.push(Action::Choose(target, choice));
        }
    }
    for item in table.entries("upload") {
        let spec = item.table().and_then(|table| {
            let mut table = table.with_keys(&keys::DOCUMENT);
            let spec = document(&mut table);
            table.finish();
            spec
        });
        if let (Some(target), Some(spec)) = (keyed(&item, names), spec) {
            actions.push(Action::Upload(target, spec));
        }
    }
    if let Some(item) = table.item("submit") {
        actions.extend(target(&item, names).map(Action::Submit));
    }
    if let Some(item) = table.item("click") {
        actions.extend(target(&item, names).map(Action::Click));
    }
    if let Some(item) = table.item("request") {
        actions.extend(request(&item, names).map(Box::new).map(Action::Request));
    }
    actions
}

/// One entry of the list: a verb and its options.
fn action(entry: &Item<'_>, names: &mut Names<'_>) -> Option<Action> {
    let (verb, keys) = verb(entry)?;
    let mut table = entry.table()?.with_keys(keys);
    if !keys.has("optional") {
        no_optional(entry, verb)?;
    }
    let item = table.item(verb)?;
    let action = match verb {
        "visit" => address(&item, names).map(Action::Visit),
        "fill" => {
            let value = needed(&mut table, "value");
            let (target, value) = (
                target(&item, names),
                value.and_then(|value| names.template(&value)),
            );
            target
                .zip(value)
                .map(|(target, value)| Action::Fill(target, value))
        }
        "choose" => {
            let value = needed(&mut table, "value");
            let (target, value) = (
                target(&item, names),
                value.and_then(|value| choice(&value, names)),
            );
            target
                .zip(value)
                .map(|(target, value)| Action::Choose(target, value))
        }
        "upload" => {
            let (target, spec) = (target(&item, names), document(&mut table));
            target
                .zip(spec)
                .map(|(target, spec)| Action::Upload(target, spec))
        }
        "submit" => target(&item, names).map(Action::Submit),
        "click" => target(&item, names).map(Action::Click),
        "hover" => {
            only_in_browser(&item, names, "`hover`");
            target(&item, names).map(Action::Hover)
        }
        "press" => press(&item, &mut table, names),
        _ => request(&item, names).map(Box::new).map(Action::Request),
    };
    let mut is_optional = None;
    if keys.has("optional") {
        is_optional = table.optional::<bool>("optional");
        let has_target = action
            .as_ref()
            .is_none_or(|action| action.target().is_some());
        if !has_target {
            no_optional(entry, verb)?;
        }
    }
    table.finish();
    let mut action = action?;
    if let Some(target) = action.target_mut() {
        target.is_optional = is_optional.unwrap_or_default();
    }
    Some(action)
}

/// Reports what excuses a missing element of an action that is done to none.
fn no_optional(entry: &Item<'_>, verb: &str) -> Option<()> {
    let keys = entry.entries()?;
    let Some(optional) = keys.iter().find(|item| item.key() == "optional") else {
        return Some(());
    };
    optional.place().problem_with_hint(
        format!("`optional` excuses a missing element, and `{verb}` is done to none here"),
        "take it out",
    );
    None
}

/// The one verb of an entry, and the keys that it may have.
fn verb(entry: &Item<'_>) -> Option<(&'static str, &'static Table)> {
    let mut table = entry.table()?;
    let verbs = || {
        let first = |table: &&'static Table| Some((table.keys.first()?.name, *table));
        keys::VERBS.iter().filter_map(first)
    };
    let mut found = verbs().filter(|(verb, _)| table.has(verb));
    match (found.next(), found.next()) {
        (Some(verb), None) => Some(verb),
        (Some((one, _)), Some((other, _))) => {
            entry.place().problem_with_hint(
                format!("`{one}` and `{other}` cannot stand in one action"),
                "make two actions of it, in the order in which they are done",
            );
            None
        }
        (None, _) => {
            let keys = entry.entries().unwrap_or_default();
            let verbs: Vec<&str> = verbs().map(|(verb, _)| verb).collect();
            let verbs_of = || verbs.iter().copied();
            let near = keys.iter().find_map(|item| nearest(item.key(), verbs_of()));
            let hint = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("give it one of: {}", verbs.join(", ")),
            };
            entry
                .place()
                .problem_with_hint("the action has no verb", hint);
            None
        }
    }
}

fn press(item: &Item<'_>, table: &mut Reader<'_>, names: &mut Names<'_>) -> Option<Action> {
    let text: Option<String> = item.read();
    let key = text.and_then(|text| match Key::parse(&text) {
        Ok(key) => Some(key),
        Err(hint) => {
            let message = format!("there is no key `{text}`");
            item.place().problem_with_hint(message, hint);
            None
        }
    });
    let on = table.item("on");
    match key {
        Some(key) if !key.is_enter() => only_in_browser(item, names, "a key other than Enter"),
        Some(_) if on.is_none() && !names.needs_browser() => item.place().problem_with_hint(
            "over plain HTTP no field has the keyboard, so `press` must say where",
            "add the field: `{ press = \"Enter\", on = \"#q\" }`",
        ),
        _ => {}
    }
    let target = on.map(|on| target(&on, names));
    match target {
        Some(target) => Some(Action::Press(key?, Some(target?))),
        None => Some(Action::Press(key?, None)),
    }
}

/// Reports what plain HTTP cannot do in a step that also runs there.
pub(super) fn only_in_browser(item: &Item<'_>, names: &Names<'_>, what: &str) {
    if !names.needs_browser() {
        item.place().problem_with_hint(
            format!("{what} needs a browser, and the step also runs without one"),
            "give the step `engine = \"browser\"`",
        );
    }
}

fn needed<'a>(table: &mut Reader<'a>, key: &'static str) -> Option<Item<'a>> {
    let item = table.item(key);
    if item.is_none() {
        table.missing(key);
    }
    item
}

/// The element that a key of the file names.
fn keyed(item: &Item<'_>, names: &mut Names<'_>) -> Option<Target> {
    names.css_key(item).map(Target::from)
}

/// Verbs that cannot stand in one step of the short form.
fn apart(table: &mut Reader<'_>) {
    let mut clash = |one: &'static str, other: &'static str| {
        if table.has(one) && table.has(other) {
            let hint = match (one, other) {
                ("mail", _) | (_, "mail") => "make two steps of it",
                _ => "make two steps of it, or write both into `do = [ … ]`",
            };
            table.place_of(other).problem_with_hint(
                format!("`{one}` and `{other}` cannot stand in one step"),
                hint,
            );
        }
    };
    clash("submit", "click");
    clash("request", "mail");
    for verb in SHORT.into_iter().filter(|verb| *verb != "request") {
        clash("request", verb);
        clash("mail", verb);
    }
}

fn address(item: &Item<'_>, names: &mut Names<'_>) -> Option<Template> {
    let template = names.template(item)?;
    let beginning = template.beginning();
    let begins_with_name = beginning.is_empty() && template.names().next().is_some();
    let known = beginning.starts_with('/') && !beginning.starts_with("//")
        || beginning.starts_with("http://")
        || beginning.starts_with("https://")
        || begins_with_name;
    if known {
        return Some(template);
    }
    let scheme = beginning.split_once(':').map(|(scheme, _)| scheme);
    match scheme {
        Some(scheme)
            if scheme
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'+') =>
        {
            item.place().problem_with_hint(
                format!("`{scheme}:` addresses cannot be reached from a flow"),
                "only http and https can",
            );
        }
        _ => item.place().problem_with_hint(
            format!("`{}` must begin with `/` or be a whole address", item.key()),
            match beginning.strip_prefix("//") {
                Some(host) => format!("write `https://{host}`"),
                None => format!("write `/{beginning}`"),
            },
        ),
    }
    None
}

fn choice(item: &Item<'_>, names: &mut Names<'_>) -> Option<Choice> {
    if item.as_str().is_some() || item.is_array() {
        return Some(Choice::Options(names.templates(item)));
    }
    if let Some(checked) = item.as_bool() {
        return Some(Choice::Checked(checked));
    }
    item.expected("a value or visible label, an array of them, or true or false for a checkbox");
    None
}

/// The document that a table describes.
fn document(table: &mut Reader<'_>) -> Option<DocumentSpec> {
    let document = table.required::<DocumentName>("document");
    let kind = table.required::<Kind>("kind");
    let size = table.required::<Size>("size");
    let place = table.place_of("size");
    let spec = DocumentSpec {
        document: document?,
        kind: kind?,
        size: size?.0,
    };
    check_size(&place, spec.document, spec.kind, spec.size);
    Some(spec)
}

/// Reports a document that cannot be made in that size.
pub(super) fn check_size(place: &Place<'_>, document: DocumentName, kind: Kind, size: u64) {
    if size > document::LARGEST {
        place.problem(format!(
            "a document can have at most {} bytes",
            document::LARGEST
        ));
        return;
    }
    match document::smallest(document, kind) {
        Ok(smallest) if size < smallest => place.problem_with_hint(
            format!("the document `{document}` as {kind} cannot be made in {size} bytes"),
            format!("the smallest possible are {smallest}"),
        ),
        _ => {}
    }
}

fn request(item: &Item<'_>, names: &mut Names<'_>) -> Option<Request> {
    let mut table = item.table()?.with_keys(&keys::REQUEST);
    let path = match table.item("path") {
        Some(item) => address(&item, names),
        None => {
            table.missing("path");
            None
        }
    };
    let method = method(&mut table);
    let headers = headers(&mut table, "headers", names);
    let mut bodies = Vec::new();
    if let Some(item) = table.item("json") {
        bodies.extend(json(&item, names).map(RequestBody::Json));
    }
    if let Some(item) = table.item("form") {
        let entries = item.entries().unwrap_or_default();
        let field = |item: &Item<'_>| Some((item.key().to_owned(), names.template(item)?));
        bodies.push(RequestBody::Form(
            entries.iter().filter_map(field).collect(),
        ));
    }
    if let Some(item) = table.item("multipart") {
        let entries = item.entries().unwrap_or_default();
        let part = |item: &Item<'_>| {
            let part = if item.is_table() {
                let mut table = item.table()?.with_keys(&keys::DOCUMENT);
                let spec = document(&mut table);
                table.finish();
                Part::Document(spec?)
            } else {
                Part::Text(names.template(item)?)
            };
            Some((item.key().to_owned(), part))
        };
        bodies.push(RequestBody::Multipart(
            entries.iter().filter_map(part).collect(),
        ));
    }
    if let Some(item) = table.item("body") {
        bodies.extend(names.template(&item).map(RequestBody::Text));
    }
    if bodies.len() > 1 {
        table.place().problem_with_hint(
            "a request has one body",
            "give one of: json, form, multipart, body",
        );
    }
    table.finish();
    Some(Request {
        method: method?,
        path: path?,
        headers,
        body: bodies.pop().unwrap_or(RequestBody::None),
    })
}

fn method(table: &mut Reader<'_>) -> Option<Method> {
    const KNOWN: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    let Some(item) = table.item("method") else {
        return Some(Method::GET);
    };
    let known = item.as_str().filter(|method| KNOWN.contains(method));
    if known.is_none() {
        item.expected(&format!("one of {}", list(&KNOWN)));
    }
    known?.parse().ok()
}
