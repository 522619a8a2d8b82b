//! Reading flow files: from TOML to a [`Flow`] in which nothing is wrong.
//!
//! Owns the format and what is said about every mistake in it. Must not know how a flow is
//! carried out.

mod actions;
pub mod keys;
mod named;
mod parts;
mod targets;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::definition::{Action, Every, Flow, Ladder, Role, Step};
use super::document::{self, Kind};
use super::template::is_given_name;
use crate::domain::{ComponentId, StepName};
use crate::toml_reader::{FromItem, Item, Place, Problem, Reader, Size, Source, nearest};
use named::{name, step_key};
use parts::Names;

/// The time for a whole run where the file gives none.
pub const FLOW_TIMEOUT: Duration = Duration::from_secs(90);
/// The time for a step where the file gives none.
pub const STEP_TIMEOUT: Duration = Duration::from_secs(30);
/// The most bytes of an answer where the file gives none.
pub const BODY_LIMIT: u64 = 5_000_000;
/// The most bytes of an answer that a file may allow.
pub const BODY_LIMIT_MOST: u64 = 50_000_000;
/// The file of known error pages, beside the flows.
pub const ERROR_PAGES: &str = "error-pages.toml";
/// The component of control flows, which speak for none of the site's.
pub const MONITOR: &str = "monitor";

const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(3600);

/// Reads the flow file at `path`; its key is the file's name without `.toml`.
pub fn open(path: &Path, variables: Option<&BTreeSet<String>>) -> Result<Flow, Vec<Problem>> {
    let source = Source::open(path).map_err(|problem| vec![problem])?;
    let key = path
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned());
    read(&source, &key.unwrap_or_default(), variables)
}

/// Reads every flow of a folder, in the order of their names; `error-pages.toml` beside them
/// is none. The error holds the problems of all files.
pub fn open_all(
    folder: &Path,
    variables: Option<&BTreeSet<String>>,
) -> Result<Vec<Flow>, Vec<Problem>> {
    let paths = paths(folder).map_err(|error| {
        let (file, message) = (
            folder.display().to_string(),
            format!("cannot be read: {error}"),
        );
        vec![Problem {
            file,
            line: 1,
            column: 1,
            message,
            hint: None,
        }]
    })?;
    let (mut flows, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        match open(&path, variables) {
            Ok(flow) => flows.push(flow),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() {
        Ok(flows)
    } else {
        Err(problems)
    }
}

fn paths(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let named = |name: &str| path.file_name().is_some_and(|file| file == name);
        if path.extension().is_some_and(|ending| ending == "toml") && !named(ERROR_PAGES) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Reads a flow. `variables` are the names that the configuration gives; without them any
/// name in capitals that is not in `needs` is taken for one of those.
pub fn read(
    source: &Source,
    key: &str,
    variables: Option<&BTreeSet<String>>,
) -> Result<Flow, Vec<Problem>> {
    source.read(|root| flow(root, key, variables))
}

fn flow(root: &mut Reader<'_>, key: &str, variables: Option<&BTreeSet<String>>) -> Option<Flow> {
    root.expect_keys(&keys::FLOW);
    if !is_key(key) {
        root.place().problem_with_hint(
            format!("a flow file cannot be named `{key}.toml`"),
            "use lower-case letters, digits and hyphens",
        );
    }
    let name = name(root);
    let role = role(root);
    let every = every(root);
    let timeout = limited(root, "timeout", FLOW_TIMEOUT);
    let mut names = Names::new(needs(root), variables);
    let hosts = root.or::<Vec<String>>("hosts", Vec::new());
    let ladder_step = root.item("ladder").filter(Item::is_table);
    let ladder_step = ladder_step.and_then(|ladder| ladder.table()?.item("step")?.as_str());
    names.has_ladder(ladder_step.map(str::to_owned));
    let step_tables = root.tables("step");
    if step_tables.is_empty() && !root.failed() {
        root.place()
            .problem_with_hint("a flow without a step", "add a `[[step]]`");
    }
    let control = role == Some(Role::Control);
    let mut order = Order::default();
    let (mut steps, mut advice) = (Vec::new(), Vec::new());
    for table in step_tables {
        let (place, engine) = (table.place(), table.place_of("engine"));
        let waits = table.place_of("wait");
        let Some(step) = step(table, &mut names, control, false) else {
            continue;
        };
        advice.extend(asks_for_reload(&step, every.unwrap_or_default(), &waits));
        order.follow(&step, &place, &engine, every.unwrap_or_default());
        steps.push(step);
    }
    if order.begun && !order.begun_plain && every.is_some_and(|every| every.http.is_some()) {
        root.place_of("every").problem_with_hint(
            "`every` has an interval for plain HTTP, but every step needs a browser",
            "write `every = { browser = \"10m\" }`, or take `engine = \"browser\"` off a step",
        );
    }
    let mut cleanup = Vec::new();
    for table in root.tables("cleanup") {
        let waits = table.place_of("wait");
        if let Some(step) = step(table, &mut names, control, true) {
            advice.extend(asks_for_reload(&step, every.unwrap_or_default(), &waits));
            cleanup.push(step);
        }
    }
    let ladder = root
        .table("ladder")
        .map(|table| ladder(table, &steps, &names));
    Some(Flow {
        key: key.to_owned(),
        name: name?,
        every: every?,
        timeout,
        needs: names.needs().to_vec(),
        variables: names.into_variables(),
        role: role?,
        hosts,
        steps,
        cleanup,
        ladder: match ladder {
            Some(ladder) => Some(ladder?),
            None => None,
        },
        advice,
    })
}

/// What is to be said of a step that waits, over plain HTTP, for a page that is not loaded anew.
fn asks_for_reload(step: &Step, every: Every, waits: &Place<'_>) -> Option<Problem> {
    let in_vain = every.http.is_some() && !step.needs_browser && step.waits_in_vain();
    in_vain.then(|| {
        waits.advice(
            "over plain HTTP a page does not change by itself, and `wait` does not load it anew",
            "say how often a person would: `reload = \"10s\"`; or give the step `engine = \"browser\"`",
        )
    })
}

/// What the steps so far mean for those that follow, on each engine.
#[derive(Default)]
struct Order {
    begun: bool,
    /// The same over plain HTTP, which leaves steps out.
    begun_plain: bool,
}

impl Order {
    fn follow(&mut self, step: &Step, place: &Place<'_>, engine: &Place<'_>, every: Every) {
        let has_no_page = needs_page(step);
        if !self.begun && has_no_page {
            place.problem_with_hint(
                "the first step has no page to act on",
                "begin with `visit` or `request`",
            );
        } else if !self.begun_plain && !step.needs_browser && has_no_page && every.http.is_some() {
            place.problem_with_hint(
                "over plain HTTP this is the first step, and it has no page to act on",
                "begin it with `visit`, or give it `engine = \"browser\"` too",
            );
        }
        if step.needs_browser && every.http.is_some() && every.browser.is_none() {
            engine.problem_with_hint(
                "the step needs a browser, and the flow is never run in one",
                "add `browser` to `every`, e.g. `every = { http = \"1m\", browser = \"10m\" }`",
            );
        }
        self.begun = true;
        self.begun_plain |= !step.needs_browser;
    }
}

/// Whether a flow file can have this name, without `.toml`.
pub fn is_key(key: &str) -> bool {
    !key.is_empty()
        && key
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn role(root: &mut Reader<'_>) -> Option<Role> {
    let Some(item) = root.item("role") else {
        return Some(Role::Site);
    };
    match item.as_str() {
        Some("site") => Some(Role::Site),
        Some("control") => Some(Role::Control),
        _ => {
            item.expected("\"site\" or \"control\"");
            None
        }
    }
}

fn every(root: &mut Reader<'_>) -> Option<Every> {
    let Some(item) = root.item("every") else {
        root.missing("every");
        return None;
    };
    if !item.is_table() {
        let http = interval(&item);
        return http.map(|http| Every {
            http: Some(http),
            browser: None,
        });
    }
    let mut table = item.table()?.with_keys(&keys::EVERY);
    let mut engine = |name| table.item(name).map(|item| interval(&item));
    let (http, browser) = (engine("http"), engine("browser"));
    let neither = http.is_none() && browser.is_none();
    if neither {
        table.place().problem_with_hint(
            "`every` names no engine",
            "write `every = { http = \"1m\" }`, `browser` beside it if wanted",
        );
    }
    table.finish();
    let wrong = neither || http == Some(None) || browser == Some(None);
    (!wrong).then(|| Every {
        http: http.flatten(),
        browser: browser.flatten(),
    })
}

fn interval(item: &Item<'_>) -> Option<Duration> {
    let interval: Duration = item.read()?;
    if interval < SHORTEST_INTERVAL {
        item.place()
            .problem(format!("`{}` must be at least 1s", item.key()));
        return None;
    }
    Some(interval)
}

fn limited(reader: &mut Reader<'_>, key: &'static str, default: Duration) -> Duration {
    let limit = reader.or(key, default);
    if limit.is_zero() || limit > LONGEST_TIMEOUT {
        reader
            .place_of(key)
            .problem(format!("`{key}` must be more than nothing and at most 1h"));
    }
    limit
}

fn needs(root: &mut Reader<'_>) -> Vec<String> {
    let Some(item) = root.item("needs") else {
        return Vec::new();
    };
    let mut needs = Vec::new();
    for element in item.elements().unwrap_or_default() {
        let Some(name) = element.read::<String>() else {
            continue;
        };
        if !is_given_name(&name) {
            element.place().problem_with_hint(
                format!("`{name}` cannot be the name of a secret"),
                "use capitals, digits and underscores, e.g. `PROBE_PASSWORD`",
            );
        }
        needs.push(name);
    }
    needs
}

fn needs_page(step: &Step) -> bool {
    let opens = matches!(
        step.actions.first(),
        Some(Action::Visit(_) | Action::Request(_))
    );
    let looks = !step.expect.is_empty() || !step.capture.is_empty();
    !opens && (!step.actions.is_empty() || looks)
}

fn step(
    mut table: Reader<'_>,
    names: &mut Names<'_>,
    control: bool,
    cleanup: bool,
) -> Option<Step> {
    table.expect_keys(&keys::STEP);
    let name = name(&mut table);
    let text = name.as_ref().and_then(|name| names.second_of_name(name));
    if let Some(text) = text {
        table.place_of("name").problem_with_hint(
            format!("there are two steps named `{text}`"),
            "give each a name of its own: reports and the ladder tell them apart by it",
        );
    }
    let key = step_key(&mut table, names);
    let name = name.map(|name| StepName::new(key.as_deref().unwrap_or_default(), name));
    let component = match table.item("component") {
        Some(item) => item.read::<ComponentId>().map(Some),
        None if control => Some(ComponentId::parse(MONITOR)),
        None if cleanup => Some(None),
        None => {
            table.place().problem_with_hint(
                "`component` is missing",
                "say which line of the status page the step speaks for, e.g. `component = \"sign-in\"`",
            );
            None
        }
    };
    let needs_browser = needs_browser(&mut table, control);
    let known_as = key.as_deref().or(name.as_ref().map(StepName::key));
    names.enter_step(known_as, needs_browser, cleanup);
    let wait = table.optional::<Duration>("wait");
    let reload = reload(&mut table, wait);
    let mail = parts::mail(&mut table, names);
    let actions = actions::actions(&mut table, names);
    if actions.is_empty()
        && mail.is_none()
        && wait.is_none()
        && !table.failed()
        && !has_verb(&mut table)
        && !table.has("expect")
        && !table.has("capture")
    {
        table.place().problem_with_hint(
            "the step does nothing",
            "give it one of: do, visit, fill, choose, upload, submit, click, request, mail, wait",
        );
    }
    if table.has("mail") {
        for page_key in ["expect", "capture", "wait", "reload"] {
            if table.has(page_key) {
                table.place_of(page_key).problem_with_hint(
                    format!("`{page_key}` does not go with `mail`"),
                    "a mail has `text` and `capture` of its own, inside `mail = { … }`",
                );
            }
        }
    }
    let expect = parts::expect(&mut table, names);
    let capture = parts::captures(&mut table, names);
    let slow = table.optional::<Duration>("slow");
    let timeout = limited(&mut table, "timeout", STEP_TIMEOUT);
    let Size(body_limit) = table.or("body_limit", Size(BODY_LIMIT));
    if body_limit == 0 || body_limit > BODY_LIMIT_MOST {
        table
            .place_of("body_limit")
            .problem("`body_limit` must be from 1B to 50MB");
    }
    if slow.is_some_and(|slow| slow >= timeout + wait.unwrap_or_default() && mail.is_none()) {
        table.place_of("slow").problem_with_hint(
            "`slow` is not below the step's time limit, so the step can never be slow",
            format!(
                "the limit is {}s; set `timeout` on the step to raise it",
                timeout.as_secs()
            ),
        );
    }
    if wait.is_some_and(|wait| wait > LONGEST_TIMEOUT) {
        table.place_of("wait").problem("`wait` must be at most 1h");
    }
    table.finish();
    Some(Step {
        name: name?,
        component: component?,
        needs_browser,
        actions,
        mail,
        wait,
        reload,
        expect,
        capture,
        slow,
        timeout,
        body_limit,
    })
}

/// How often the page is loaded anew while the step waits.
fn reload(table: &mut Reader<'_>, wait: Option<Duration>) -> Option<Duration> {
    let reload = table.optional::<Duration>("reload")?;
    let place = table.place_of("reload");
    if reload < SHORTEST_INTERVAL {
        place.problem("`reload` must be at least 1s");
    }
    match wait {
        None if table.has("wait") => {}
        None => place.problem_with_hint(
            "`reload` is how often the page is loaded anew while the step waits, and it does not wait",
            "add `wait`, e.g. `wait = \"60s\"`",
        ),
        Some(wait) if wait <= reload => place.problem_with_hint(
            "`reload` is not below `wait`, so the page is never loaded anew",
            "make `wait` longer",
        ),
        Some(_) => {}
    }
    Some(reload)
}

/// Whether the step asks for a real browser.
fn needs_browser(table: &mut Reader<'_>, control: bool) -> bool {
    let Some(item) = table.item("engine") else {
        return false;
    };
    match item.as_str() {
        Some("browser") if control => item.place().problem_with_hint(
            "the controls are asked over plain HTTP only",
            "take `engine` out",
        ),
        Some("browser") => return true,
        Some("http") => item.place().problem_with_hint(
            "no step is for plain HTTP only",
            "take `engine` out: without it a step runs on both engines",
        ),
        Some(other) => {
            let message = format!("there is no engine `{other}` that a step can ask for");
            let hint = match nearest(other, ["browser"]) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "write `browser` where the step needs the page's scripts".to_owned(),
            };
            item.place().problem_with_hint(message, hint);
        }
        None => item.expected("\"browser\""),
    }
    false
}

fn has_verb(table: &mut Reader<'_>) -> bool {
    let verbs = [
        "do", "visit", "fill", "choose", "upload", "submit", "click", "request", "mail", "wait",
    ];
    verbs.into_iter().any(|verb| table.has(verb))
}

fn is_named(step: &Step, text: &str) -> bool {
    [step.name.id(), step.name.en()].contains(&text)
}

fn ladder(mut table: Reader<'_>, steps: &[Step], names: &Names<'_>) -> Option<Ladder> {
    table.expect_keys(&keys::LADDER);
    let step = table.required::<String>("step");
    let kinds = table
        .item("kind")
        .map(|item| parts::one_or_many::<Kind>(&item));
    let sizes = table
        .item("size")
        .map(|item| parts::one_or_many::<Size>(&item));
    for (key, absent) in [("kind", kinds.is_none()), ("size", sizes.is_none())] {
        if absent {
            table.missing(key);
        }
    }
    let limit = table.required::<Size>("limit");
    let mut document = None;
    if let Some(name) = &step {
        match steps.iter().find(|candidate| candidate.name.key() == *name) {
            // It is there, but was reported for mistakes of its own.
            None if names.has_step(name) && !steps.iter().any(|step| is_named(step, name)) => {}
            None => {
                let known = steps.iter().map(|step| step.name.key());
                let message = format!("there is no step named `{name}`");
                let by_name = steps.iter().find(|step| is_named(step, name));
                match by_name
                    .map(|step| step.name.key())
                    .or_else(|| nearest(name, known))
                {
                    Some(near) => table
                        .place_of("step")
                        .problem_with_hint(message, format!("did you mean `{near}`?")),
                    None => table.place_of("step").problem(message),
                }
            }
            Some(step) => {
                let mut uploads = step.actions.iter().filter_map(|action| match action {
                    Action::Upload(_, spec) => Some(spec),
                    _ => None,
                });
                match (uploads.next(), uploads.next()) {
                    (Some(spec), None) => document = Some(spec.document),
                    _ => table.place_of("step").problem_with_hint(
                        format!("the step `{name}` does not upload exactly one document"),
                        "a ladder needs a step with one `upload`",
                    ),
                }
            }
        }
    }
    let (kinds, sizes) = (kinds.flatten(), sizes.flatten());
    for (key, empty) in [
        ("kind", kinds.as_ref().is_some_and(Vec::is_empty)),
        ("size", sizes.as_ref().is_some_and(Vec::is_empty)),
    ] {
        if empty {
            table
                .place_of(key)
                .problem(format!("`{key}` is empty: there is nothing to try"));
        }
    }
    if let (Some(document), Some(kinds), Some(sizes)) = (document, &kinds, &sizes) {
        for kind in kinds {
            for Size(size) in sizes {
                actions::check_size(&table.place_of("size"), document, *kind, *size);
            }
        }
    }
    table.finish();
    Some(Ladder {
        step: step?,
        kinds: kinds?,
        sizes: sizes?.into_iter().map(|Size(size)| size).collect(),
        limit: limit?.0,
    })
}

impl FromItem for Kind {
    fn from_item(item: &Item<'_>) -> Option<Self> {
        word(item)
    }
}

impl FromItem for document::DocumentName {
    fn from_item(item: &Item<'_>) -> Option<Self> {
        word(item)
    }
}

fn word<T: std::str::FromStr<Err = document::UnknownName>>(item: &Item<'_>) -> Option<T> {
    match item.read::<String>()?.parse() {
        Ok(word) => Some(word),
        Err(error) => {
            item.place().problem(error.to_string());
            None
        }
    }
}
