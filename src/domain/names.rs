//! What flows and their steps are called, in both languages, and the key that history knows a
//! step by.
//!
//! Names come from flow files, also from those of another machine that sends its runs. What is
//! made here is therefore clean: one line without control characters, and of bounded length.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::report;

/// The longest name and the longest key of a step, in characters.
pub const MAX_NAME_CHARS: usize = 200;

/// What a step is called of which neither key nor name came.
const UNNAMED: &str = "?";

/// A name in Indonesian and English.
///
/// In JSON the English text stands under `name`, for programs that know one text only, and both
/// stand under `names`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "NameJson", into = "NameJson")]
pub struct BilingualName {
    id: String,
    en: String,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct NameJson {
    name: String,
    names: Option<Both>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Both {
    id: String,
    en: String,
}

impl From<NameJson> for BilingualName {
    fn from(json: NameJson) -> Self {
        let both = json.names.unwrap_or_default();
        match BilingualName::new(&both.id, &both.en) {
            name if name.is_empty() => BilingualName::same(&json.name),
            name => name,
        }
    }
}

impl From<BilingualName> for NameJson {
    fn from(BilingualName { id, en }: BilingualName) -> Self {
        NameJson {
            name: en.clone(),
            names: Some(Both { id, en }),
        }
    }
}

impl BilingualName {
    /// A name in both languages. Where one of them is empty, the other one stands for it.
    pub fn new(id: &str, en: &str) -> Self {
        let (id, en) = (clean(id), clean(en));
        match (id.is_empty(), en.is_empty()) {
            (true, _) => BilingualName { id: en.clone(), en },
            (_, true) => BilingualName { en: id.clone(), id },
            _ => BilingualName { id, en },
        }
    }

    /// One text for both languages.
    pub fn same(text: &str) -> Self {
        BilingualName::new(text, text)
    }

    /// In Indonesian.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// In English.
    pub fn en(&self) -> &str {
        &self.en
    }

    /// Whether nothing of it was left.
    pub fn is_empty(&self) -> bool {
        self.en.is_empty()
    }

    /// The same name with something behind it.
    #[must_use]
    pub fn with_suffix(&self, suffix: &str) -> Self {
        BilingualName::new(
            &format!("{}{suffix}", self.id),
            &format!("{}{suffix}", self.en),
        )
    }
}

/// As [`BilingualName::same`].
impl From<&str> for BilingualName {
    fn from(text: &str) -> Self {
        BilingualName::same(text)
    }
}

/// A step's key, by which rows of the database are the same step's, and its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "StepJson", into = "StepJson")]
pub struct StepName {
    key: String,
    name: BilingualName,
}

#[derive(Serialize, Deserialize)]
struct StepJson {
    #[serde(default)]
    key: String,
    #[serde(flatten)]
    name: BilingualName,
}

impl From<StepJson> for StepName {
    fn from(json: StepJson) -> Self {
        StepName::new(&json.key, json.name)
    }
}

impl From<StepName> for StepJson {
    fn from(StepName { key, name }: StepName) -> Self {
        StepJson { key, name }
    }
}

impl StepName {
    /// A step by its key and name. Without a key it is known by its English name, without a name
    /// it is called by its key; neither is ever empty.
    pub fn new(key: &str, name: BilingualName) -> Self {
        let mut key = clean(key);
        if key.is_empty() {
            key = name.en.clone();
        }
        if key.is_empty() {
            key = UNNAMED.to_owned();
        }
        let name = match name.is_empty() {
            true => BilingualName::same(&key),
            false => name,
        };
        StepName { key, name }
    }

    /// What history knows the step by.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What people call it.
    pub fn name(&self) -> &BilingualName {
        &self.name
    }

    /// Its name in Indonesian.
    pub fn id(&self) -> &str {
        &self.name.id
    }

    /// Its name in English.
    pub fn en(&self) -> &str {
        &self.name.en
    }
}

/// A step whose name is one text and its key.
impl From<&str> for StepName {
    fn from(text: &str) -> Self {
        StepName::new("", text.into())
    }
}

/// One line without what turns or hides text, of bounded length.
fn clean(text: &str) -> String {
    // What is cut off first is never looked at: cleaning may shorten, but not by so much.
    let begin: String = text.chars().take(10 * MAX_NAME_CHARS).collect();
    let line = report::clean(&begin).replace('\n', " ");
    let kept: String = line.chars().take(MAX_NAME_CHARS).collect();
    kept.trim_end().to_owned()
}

/// A flow's key and name, and its steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowNames {
    /// The flow's key.
    pub flow: String,
    /// What people call it.
    pub name: BilingualName,
    /// Its steps, cleanup included.
    pub steps: Vec<StepName>,
}

impl FlowNames {
    /// By which texts rows may know a step of this flow, and which step that is. Besides the keys
    /// these are the names: rows that were written before a step had a key, or before its name was
    /// translated, have the name in its place. A text that is a key of the flow means that step.
    pub fn known_as(&self) -> BTreeMap<&str, &StepName> {
        let mut known = BTreeMap::new();
        for step in &self.steps {
            known.entry(step.id()).or_insert(step);
            known.entry(step.en()).or_insert(step);
        }
        known.extend(self.steps.iter().map(|step| (step.key(), step)));
        known
    }
}

/// What is known of all flows and steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameTable {
    flows: BTreeMap<String, BilingualName>,
    steps: BTreeMap<String, BTreeMap<String, StepName>>,
}

impl NameTable {
    /// Notes what a flow is called.
    pub fn set_flow(&mut self, flow: &str, name: BilingualName) {
        self.flows.insert(flow.to_owned(), name);
    }

    /// Notes which step the rows mean that know it as `known_as`.
    pub fn set_step(&mut self, flow: &str, known_as: &str, step: StepName) {
        let steps = self.steps.entry(flow.to_owned()).or_default();
        steps.insert(known_as.to_owned(), step);
    }

    /// What a flow is called, where anybody said.
    pub fn flow(&self, flow: &str) -> Option<&BilingualName> {
        self.flows.get(flow)
    }

    /// The names of one flow and its steps.
    pub fn of<'n>(&'n self, flow: &'n str) -> StepNames<'n> {
        StepNames { table: self, flow }
    }
}

/// The names of a flow and its steps.
#[derive(Clone, Copy, Debug)]
pub struct StepNames<'n> {
    table: &'n NameTable,
    flow: &'n str,
}

impl StepNames<'_> {
    /// What the flow is called; its key, where nobody said.
    pub fn flow(&self) -> BilingualName {
        let known = self.table.flow(self.flow).cloned();
        known.unwrap_or_else(|| self.flow.into())
    }

    /// The step that rows know as `known_as`. A diagnosis may be of a step of another flow, which
    /// it does not say, so any flow that has one is asked where this one has none. A step that
    /// nobody named is called by what it is known as.
    pub fn step(&self, known_as: &str) -> StepName {
        let steps = &self.table.steps;
        let own = steps.get(self.flow).and_then(|own| own.get(known_as));
        let found = own.or_else(|| steps.values().find_map(|other| other.get(known_as)));
        found.cloned().unwrap_or_else(|| known_as.into())
    }
}
