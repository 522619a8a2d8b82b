//! Reading an export of Chrome's DevTools Recorder: from JSON to events in order.
//!
//! Owns the shape of the export (`UserFlow` in the schema of `@puppeteer/replay`) and what is
//! said about a file that is none. Lenient about single steps: what is not understood becomes
//! an event that cannot be carried. Must not know flows.

use serde_json::Value;

use super::Unreadable;
use super::element::Element;

/// The most bytes of a recording; an hour of clicking makes less than one million.
pub const MOST_BYTES: usize = 10_000_000;
/// The most steps of a recording.
pub const MOST_STEPS: usize = 20_000;

/// A recording in order.
pub(super) struct Export {
    pub(super) title: String,
    pub(super) events: Vec<Event>,
}

/// One recorded step.
pub(super) struct Event {
    /// As the Recorder numbers them, from 1.
    pub(super) number: usize,
    pub(super) deed: Deed,
    /// What it was done to; empty where it was done to the page as a whole.
    pub(super) element: Element,
    /// The page that came of it.
    pub(super) navigation: Option<Navigation>,
}

/// A page that was seen to open.
#[derive(Clone, Default)]
pub(super) struct Navigation {
    pub(super) url: Option<String>,
    pub(super) title: Option<String>,
}

/// What was done.
pub(super) enum Deed {
    Navigate(String),
    Click,
    DoubleClick,
    Change(String),
    KeyDown(String),
    /// The page was to have the element, or not to.
    Present(bool),
    Hover,
    /// Nothing that a flow needs.
    Idle,
    /// What it was and what to do in its place.
    Lost(String, &'static str),
}

/// Reads an export.
pub(super) fn read(text: &str) -> Result<Export, Unreadable> {
    if text.len() > MOST_BYTES {
        return Err(Unreadable::whole(
            format!("a recording can have at most {MOST_BYTES} bytes"),
            "record one journey at a time",
        ));
    }
    let text = text.trim_start_matches('\u{feff}');
    let json: Value = serde_json::from_str(text).map_err(|error| not_json(text, &error))?;
    let steps = json.get("steps").and_then(Value::as_array);
    let Some(steps) = steps else {
        return Err(Unreadable::whole(
            match json {
                Value::Object(ref map) if map.contains_key("log") => {
                    "this is a HAR, a list of requests, without what was clicked and typed"
                }
                Value::Object(_) => "no recording: there is no list `steps`",
                _ => "no recording: a recording is a JSON object with `title` and `steps`",
            },
            EXPORT,
        ));
    };
    if steps.is_empty() {
        return Err(Unreadable::whole(
            "the recording has no steps",
            "record the journey from its first page on, then export it",
        ));
    }
    if steps.len() > MOST_STEPS {
        return Err(Unreadable::whole(
            format!(
                "a recording can have at most {MOST_STEPS} steps, this one has {}",
                steps.len()
            ),
            "record one journey at a time",
        ));
    }
    Ok(Export {
        title: string(&json, "title").unwrap_or_default(),
        events: steps
            .iter()
            .enumerate()
            .map(|(at, step)| event(at + 1, step))
            .collect(),
    })
}

const EXPORT: &str = "in Chrome's DevTools open Recorder, then Export → JSON";

fn not_json(text: &str, error: &serde_json::Error) -> Unreadable {
    let start: String = text.chars().take(20_000).collect();
    let script = [
        "puppeteer",
        "playwright",
        "require(",
        "import ",
        "describe(",
        "async ",
    ];
    let is_script = !start.trim_start().starts_with(['{', '[']);
    if is_script && script.iter().any(|word| start.contains(word)) {
        return Unreadable::whole(
            "this is a script, not a recording",
            "a Puppeteer or Playwright script cannot be read; export the same recording as JSON: \
             in Chrome's DevTools open Recorder, then Export → JSON",
        );
    }
    let said = error.to_string();
    let what = said
        .rsplit_once(" at line ")
        .map_or(said.as_str(), |(what, _)| what);
    Unreadable {
        line: error.line().max(1),
        column: error.column().max(1),
        message: format!("no JSON: {what}"),
        hint: EXPORT,
    }
}

fn string(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().map(str::to_owned)
}

fn event(number: usize, step: &Value) -> Event {
    let kind = string(step, "type").unwrap_or_default();
    let element = Element::new(selectors(step));
    let navigation = step
        .get("assertedEvents")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .find(|event| event.get("type").and_then(Value::as_str) == Some("navigation"))
        .map(|event| Navigation {
            url: string(event, "url"),
            title: string(event, "title"),
        });
    let deed = match elsewhere(step, &kind) {
        Some(lost) => lost,
        None => deed(&kind, step, &element),
    };
    Event {
        number,
        deed,
        element,
        navigation,
    }
}

/// `selectors` holds alternatives, each a string or a chain of strings through shadow roots;
/// older exports have `selector`.
fn selectors(step: &Value) -> Vec<Vec<String>> {
    let chain = |value: &Value| -> Vec<String> {
        match value {
            Value::String(one) => vec![one.clone()],
            Value::Array(parts) => parts
                .iter()
                .filter_map(|part| part.as_str().map(str::to_owned))
                .collect(),
            _ => Vec::new(),
        }
    };
    let many = step.get("selectors").and_then(Value::as_array);
    let all = many.into_iter().flatten().chain(step.get("selector"));
    all.map(chain).filter(|chain| !chain.is_empty()).collect()
}

/// What was done where a flow does not reach.
fn elsewhere(step: &Value, kind: &str) -> Option<Deed> {
    let acts = ["click", "doubleClick", "change", "keyDown", "navigate"].contains(&kind);
    if !acts {
        return None;
    }
    if step
        .get("frame")
        .and_then(Value::as_array)
        .is_some_and(|f| !f.is_empty())
    {
        return Some(Deed::Lost(
            format!("a {kind} inside a frame"),
            "a flow acts on the page itself; if the frame's page may be opened alone, `visit` its \
             address and go on there",
        ));
    }
    if string(step, "target").is_some_and(|target| target != "main") {
        return Some(Deed::Lost(
            format!("a {kind} in another window"),
            "a flow has one window; `visit` the address that opened there and go on",
        ));
    }
    let button = string(step, "button").unwrap_or_default();
    (!matches!(button.as_str(), "" | "primary")).then(|| {
        Deed::Lost(
            format!("a {kind} with another button of the mouse"),
            "a flow knows the primary button only; leave it out, or `visit` what it opened",
        )
    })
}

fn deed(kind: &str, step: &Value, element: &Element) -> Deed {
    let lacks = |what: &str| {
        Deed::Lost(
            format!("a {kind} without {what}"),
            "look at the recording, and write the step by hand",
        )
    };
    let needs_element = ["click", "doubleClick", "change", "waitForElement"].contains(&kind);
    if needs_element && element.is_empty() {
        return lacks("selectors");
    }
    match kind {
        "navigate" => string(step, "url").map_or_else(|| lacks("an address"), Deed::Navigate),
        "click" => Deed::Click,
        "doubleClick" => Deed::DoubleClick,
        "change" => string(step, "value").map_or_else(|| lacks("a value"), Deed::Change),
        "keyDown" => string(step, "key").map_or_else(|| lacks("a key"), Deed::KeyDown),
        "keyUp" | "setViewport" | "scroll" | "close" => Deed::Idle,
        "hover" => Deed::Hover,
        "waitForElement" => awaited(step),
        "waitForExpression" => Deed::Lost(
            "a wait for a script expression".to_owned(),
            "say what is to be seen then: `expect = { text = \"…\" }` or `css = \"…\"`",
        ),
        "emulateNetworkConditions" => Deed::Lost(
            "an emulated network".to_owned(),
            "a flow runs on the network as it is; nothing needs to be done",
        ),
        "customStep" => Deed::Lost(
            "a step of a Recorder extension".to_owned(),
            "write by hand what it did",
        ),
        "" => Deed::Lost(
            "a step without a type".to_owned(),
            "look at the recording, and write the step by hand",
        ),
        other => Deed::Lost(
            format!("a step of the unknown type `{other}`"),
            "write by hand what it did",
        ),
    }
}

fn awaited(step: &Value) -> Deed {
    let count = step.get("count").and_then(Value::as_u64).unwrap_or(1);
    let operator = string(step, "operator").unwrap_or_else(|| "==".to_owned());
    let visible = step.get("visible").and_then(Value::as_bool).unwrap_or(true);
    let more = ["properties", "attributes"].iter().any(|key| {
        step.get(key)
            .and_then(Value::as_object)
            .is_some_and(|map| !map.is_empty())
    });
    match (operator.as_str(), count) {
        _ if more || !visible => {}
        (">=" | "==", 1) => return Deed::Present(true),
        ("<=" | "==", 0) => return Deed::Present(false),
        _ => {}
    }
    Deed::Lost(
        "a wait for a number of elements, or for their looks".to_owned(),
        "write what must be there as `expect = { css = \"…\" }`, or `not_css`",
    )
}

/// Gives a page that opened to the click or key that opened it: the Recorder notes it at
/// whatever happened last, such as the key's release.
pub(super) fn settle(events: &mut [Event]) {
    let mut opener: Option<usize> = None;
    for at in 0..events.len() {
        let acts = match &events[at].deed {
            Deed::Click | Deed::DoubleClick => true,
            Deed::KeyDown(key) => is_enter(key),
            Deed::Idle | Deed::Hover => false,
            _ => {
                opener = None;
                continue;
            }
        };
        if acts {
            opener = events[at].navigation.is_none().then_some(at);
        } else if let Some(opener) = opener.take_if(|_| events[at].navigation.is_some()) {
            events[opener].navigation = events[at].navigation.take();
        }
    }
}

/// Whether a key is the Enter key.
pub(super) fn is_enter(key: &str) -> bool {
    matches!(key, "Enter" | "NumpadEnter" | "\r" | "\n")
}
