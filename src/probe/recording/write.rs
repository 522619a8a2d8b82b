//! The text of a flow file, from the steps of a recording.
//!
//! Owns how they are named and written down. Must not know how they came about.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::carried::{Carried, Change, Step};
use super::element::Target;
use super::secrets::Secrets;
use super::{Note, Options, Translation, words};

/// The longest name of a step or flow, in characters.
const LONGEST_NAME: usize = 60;

/// How large made documents are at first.
const SIZE: &str = "500KB";

/// Where lines of comments are broken, in characters.
const WIDTH: usize = 98;

/// Writes the flow.
pub(super) fn flow(
    title: &str,
    carried: &Carried,
    secrets: &Secrets,
    options: &Options,
) -> Translation {
    let mut names = Names::new(carried, secrets);
    let mut steps = String::new();
    let mut notes = Vec::new();
    for step in &carried.steps {
        let name = names.of(step);
        notes.extend(step.notes.iter().cloned());
        write_step(&mut steps, step, &name, secrets, options);
    }
    write_notes(&mut steps, &carried.rest);
    notes.extend(carried.rest.iter().cloned());
    notes.sort_by_key(|note| note.step);
    let mut needs = secrets.names();
    needs.retain(|name| steps.contains(&format!("${{{name}}}")));
    let title = words::one_line(&secrets.blotted(title), LONGEST_NAME);
    let mut toml = head(&title, carried, &needs, options);
    toml.push_str(&steps);
    Translation { toml, needs, notes }
}

fn head(title: &str, carried: &Carried, needs: &[String], options: &Options) -> String {
    let mut out = String::from(
        "# Made by `siaga import` from a recording of Chrome's DevTools Recorder. Before it is\n\
         # used: read each `note:`, run it once with `siaga check`, and say in `expect` what\n\
         # must be on each page. A flow that writes to the site also wants a [[cleanup]].\n",
    );
    if options.component.is_none() {
        out.push_str("# The components are guessed from words: put right what is wrong.\n");
    }
    let name = if title.is_empty() { "Recording" } else { title };
    let every = if carried.needs_browser {
        "{ browser = \"15m\" }"
    } else {
        "{ http = \"5m\", browser = \"15m\" }"
    };
    // Five seconds a step, within what a flow may have.
    let timeout = (carried.steps.len() * 5).clamp(90, 3600);
    let mut line = |key: &str, value: &str| {
        let _ = writeln!(out, "{key:7} = {value}");
    };
    line("name", &quoted(name));
    line("every", every);
    line("timeout", &quoted(&format!("{timeout}s")));
    if !needs.is_empty() {
        line("needs", &array(needs.iter().map(String::as_str)));
    }
    if !carried.hosts.is_empty() {
        line("hosts", &array(carried.hosts.iter().map(String::as_str)));
    }
    out
}

fn write_notes(out: &mut String, notes: &[Note]) {
    if !notes.is_empty() {
        out.push('\n');
    }
    for note in notes {
        let mut line = String::from("# note:");
        for word in note.to_string().split(' ') {
            if line.chars().count() + word.chars().count() > WIDTH {
                let _ = writeln!(out, "{line}");
                line = String::from("#  ");
            }
            line.push(' ');
            line.push_str(word);
        }
        let _ = writeln!(out, "{line}");
    }
}

fn write_step(out: &mut String, step: &Step, name: &str, secrets: &Secrets, options: &Options) {
    write_notes(out, &step.notes);
    if step.notes.is_empty() {
        out.push('\n');
    }
    let guessed = words::component(&step.words, step.uploads(), step.signs_in);
    let component = options.component.as_deref().unwrap_or(guessed);
    out.push_str("[[step]]\n");
    let mut line = |key: &str, value: &str| {
        let _ = writeln!(out, "{key} = {value}");
    };
    line("name", &quoted(name));
    line("component", &quoted(component));
    let is_list = step.needs_list();
    if let Some(address) = step.visit.as_ref().filter(|_| !is_list) {
        line("visit", &quoted(address));
    }
    if is_list {
        line("do", &actions(step, secrets));
    } else {
        write_changes(&mut line, step, secrets);
        if let Some((verb, target)) = &step.end {
            line(verb, &written(target, secrets));
        }
    }
    if let Some(path) = &step.path {
        line("expect.path", &quoted(path));
    }
    for (key, list) in [
        ("expect.css", &step.present),
        ("expect.not_css", &step.absent),
    ] {
        if !list.is_empty() {
            let list: Vec<String> = list.iter().map(|css| secrets.template(css)).collect();
            line(key, &array(list.iter().map(String::as_str)));
        }
    }
}

/// What is done to fields, in the order of the short form: whatever the order in the file, it fills
/// in, chooses, uploads.
fn write_changes(line: &mut impl FnMut(&str, &str), step: &Step, secrets: &Secrets) {
    let mut changes: Vec<_> = step.changes.iter().collect();
    changes.sort_by_key(|(_, change)| match change {
        Change::Fill(_) => 0,
        Change::Choose(_) | Change::Check(_) => 1,
        Change::Upload(..) => 2,
    });
    for (target, change) in changes {
        let target = written(target, secrets);
        match change {
            Change::Upload(document, kind) => line(
                &format!("upload.{target}"),
                &format!("{{ document = \"{document}\", kind = \"{kind}\", size = \"{SIZE}\" }}"),
            ),
            _ => line(
                &format!("{}.{target}", verb(change)),
                &value(change, secrets),
            ),
        }
    }
}

/// All that a step does, as a list in the order of the recording.
fn actions(step: &Step, secrets: &Secrets) -> String {
    let mut list = Vec::new();
    list.extend(
        step.visit
            .as_ref()
            .map(|address| format!("visit = {}", quoted(address))),
    );
    for (target, change) in &step.changes {
        let (verb, target) = (verb(change), written(target, secrets));
        list.push(match change {
            Change::Upload(document, kind) => format!(
                "{verb} = {target}, document = \"{document}\", kind = \"{kind}\", size = \"{SIZE}\""
            ),
            _ => format!("{verb} = {target}, value = {}", value(change, secrets)),
        });
    }
    list.extend(step.end.as_ref().map(|(verb, target)| {
        let target = written(target, secrets);
        match *verb {
            "press" => format!("press = \"Enter\", on = {target}"),
            verb => format!("{verb} = {target}"),
        }
    }));
    let list: Vec<String> = list
        .iter()
        .map(|action| format!("  {{ {action} }},\n"))
        .collect();
    format!("[\n{}]", list.concat())
}

fn verb(change: &Change) -> &'static str {
    match change {
        Change::Fill(_) => "fill",
        Change::Choose(_) | Change::Check(_) => "choose",
        Change::Upload(..) => "upload",
    }
}

/// What a field is set to.
fn value(change: &Change, secrets: &Secrets) -> String {
    match change {
        Change::Fill(text) | Change::Choose(text) => quoted(&secrets.template(text)),
        Change::Check(on) => on.to_string(),
        Change::Upload(..) => String::new(),
    }
}

fn written(target: &Target, secrets: &Secrets) -> String {
    let template = |text: &str| quoted(&secrets.template(text));
    match target {
        Target::Css(css) => template(css),
        Target::Words(kind, words) => format!("{{ {kind} = {} }}", template(words)),
        Target::Role(role, name) => format!("{{ role = \"{role}\", name = {} }}", template(name)),
    }
}

/// A basic string of TOML, which is that of JSON; what cannot be seen is escaped besides.
fn quoted(text: &str) -> String {
    let mut out = String::new();
    for c in serde_json::Value::from(text).to_string().chars() {
        if words::is_unseen(c) {
            let _ = match u32::from(c) {
                c @ 0..=0xffff => write!(out, "\\u{c:04x}"),
                c => write!(out, "\\U{c:08x}"),
            };
        } else {
            out.push(c);
        }
    }
    out
}

fn array<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    let texts: Vec<String> = texts.map(quoted).collect();
    format!("[{}]", texts.join(", "))
}

/// Names for steps, each once.
struct Names<'s> {
    secrets: &'s Secrets,
    taken: BTreeSet<String>,
    /// The last number given to each name that would stand twice.
    numbers: BTreeMap<String, usize>,
    /// What every title begins with, where it is the site's name.
    site_first: bool,
}

impl<'s> Names<'s> {
    fn new(carried: &Carried, secrets: &'s Secrets) -> Self {
        let titles: BTreeSet<&str> = carried.steps.iter().map(|step| step.to.as_str()).collect();
        let long: Vec<Vec<&str>> = titles
            .into_iter()
            .map(words::title_parts)
            .filter(|parts| parts.len() > 1)
            .collect();
        let mut first = long.iter().filter_map(|parts| parts.first());
        let one = first.next();
        Names {
            secrets,
            taken: BTreeSet::new(),
            numbers: BTreeMap::new(),
            site_first: long.len() > 1 && first.all(|other| Some(other) == one),
        }
    }

    fn title(&self, title: &str) -> String {
        let parts = words::title_parts(title);
        let own = if self.site_first {
            parts.last()
        } else {
            parts.first()
        };
        self.clean(own.copied().unwrap_or_default())
    }

    fn clean(&self, text: &str) -> String {
        words::one_line(&self.secrets.blotted(text), LONGEST_NAME)
    }

    /// A step is called after the page whose fields it fills, else after what it clicks or
    /// opens.
    fn of(&mut self, step: &Step) -> String {
        let (on, to, called) = (
            self.title(&step.on),
            self.title(&step.to),
            self.clean(&step.called),
        );
        let mut names = if step.changes.is_empty() && step.visit.is_none() {
            vec![called.clone(), to.clone()]
        } else if step.changes.is_empty() {
            vec![to.clone()]
        } else {
            vec![on.clone(), format!("{on}: {called}"), called.clone()]
        };
        names.push(format!("{called}: {to}"));
        names.retain(|name| !name.is_empty() && !name.starts_with(": ") && !name.ends_with(": "));
        let free = names.iter().find(|name| !self.taken.contains(*name));
        let name = match free {
            Some(name) => name.clone(),
            None => {
                let stem = names
                    .into_iter()
                    .next()
                    .unwrap_or_else(|| "Step".to_owned());
                let last = self.numbers.entry(stem.clone()).or_insert(1);
                loop {
                    *last += 1;
                    let name = format!("{stem} {last}");
                    if !self.taken.contains(&name) {
                        break name;
                    }
                }
            }
        };
        self.taken.insert(name.clone());
        name
    }
}
