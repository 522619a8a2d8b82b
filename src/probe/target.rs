//! Which element of a page is meant.
//!
//! Owns how a flow names an element, and that name once nothing in it is left to expand. Must not
//! know how pages are searched, nor what is done to what is found.

use std::sync::Arc;

use scraper::Selector;
use serde_json::{Value, json};

use super::dom::folded;
use super::template::{Name, Scope, Template};

/// The element that an action is done to.
#[derive(Clone, Debug)]
pub struct Target {
    /// What it is known by.
    pub by: By,
    /// Whether it was written as a table: then only what is shown counts.
    pub is_table: bool,
    /// Which of several it is, counted from 1.
    pub nth: Option<usize>,
    /// What it stands in.
    pub within: Option<Css>,
    /// The frame of the page that it stands in.
    pub frame: Option<Css>,
    /// Whether the action is left out where there is no such element. Nothing else is excused.
    pub is_optional: bool,
}

/// What an element is known by.
#[derive(Clone, Debug)]
pub enum By {
    /// What it fits.
    Css(Css),
    /// What a person reads on it or beside it, word for word.
    Words(Sort, Template),
    /// What it is, by the words of WAI-ARIA, and its name.
    Role(String, Option<Template>),
}

/// What a person knows an element as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// The innermost element with this text.
    Text,
    /// The field with this label.
    Label,
    /// The button with this name.
    Button,
    /// The link with this name.
    Link,
}

impl Sort {
    /// All of them.
    pub const ALL: [Sort; 4] = [Sort::Text, Sort::Label, Sort::Button, Sort::Link];

    /// The key that stands for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Sort::Text => "text",
            Sort::Label => "label",
            Sort::Button => "button",
            Sort::Link => "link",
        }
    }
}

impl Target {
    /// An element known by something, and nothing else.
    pub fn new(by: By, is_table: bool) -> Self {
        Target {
            by,
            is_table,
            nth: None,
            within: None,
            frame: None,
            is_optional: false,
        }
    }

    /// The names in it.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        let (css, words) = match &self.by {
            By::Css(css) => (Some(css), None),
            By::Words(_, words) => (None, Some(words)),
            By::Role(_, name) => (None, name.as_ref()),
        };
        let css = css.into_iter().chain(&self.within).chain(&self.frame);
        css.flat_map(Css::names)
            .chain(words.into_iter().flat_map(Template::names))
    }

    /// The target with every name replaced.
    pub fn expand(&self, scope: &Scope) -> Result<Query, String> {
        let expand = |text: &Template| match text.expand(scope) {
            Ok(text) => Ok(folded(&text)),
            Err(error) => Err(error.to_string()),
        };
        let sought = match &self.by {
            By::Css(css) => Sought::Css(css.expand(scope)?),
            By::Words(sort, words) => Sought::Words(*sort, expand(words)?),
            By::Role(role, name) => {
                Sought::Role(role.clone(), name.as_ref().map(expand).transpose()?)
            }
        };
        let css = |css: &Option<Css>| css.as_ref().map(|css| css.expand(scope)).transpose();
        let mut query = Query {
            text: String::new(),
            sought,
            is_table: self.is_table,
            nth: self.nth,
            within: css(&self.within)?,
            frame: css(&self.frame)?,
            is_optional: self.is_optional,
        };
        query.text = query.written();
        Ok(query)
    }
}

impl From<Css> for Target {
    fn from(css: Css) -> Self {
        Target::new(By::Css(css), false)
    }
}

/// A CSS selector, possibly with names in it.
#[derive(Clone, Debug)]
pub struct Css {
    template: Template,
    selector: Option<Arc<Selector>>,
}

impl Css {
    /// Compiles the selector, unless it has names to expand; the error says what is wrong.
    pub fn new(template: Template) -> Result<Self, String> {
        let selector = match template.literal() {
            Some(text) => Some(compile(text)?),
            None => None,
        };
        Ok(Css { template, selector })
    }

    /// The names in it.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.template.names()
    }

    /// The selector with every name replaced.
    pub fn expand(&self, scope: &Scope) -> Result<CssQuery, String> {
        let text = self
            .template
            .expand(scope)
            .map_err(|error| error.to_string())?;
        let selector = match &self.selector {
            Some(selector) => Arc::clone(selector),
            None => compile(&text)?,
        };
        Ok(CssQuery { text, selector })
    }
}

/// A CSS selector ready for use.
#[derive(Clone, Debug)]
pub struct CssQuery {
    /// As a browser takes it.
    pub text: String,
    /// As our own parser takes it.
    pub selector: Arc<Selector>,
}

/// What is looked for on a page.
#[derive(Clone, Debug)]
pub enum Sought {
    /// What fits a selector.
    Css(CssQuery),
    /// What a person knows by these words; white space is folded.
    Words(Sort, String),
    /// What has this role, and this name where one is given.
    Role(String, Option<String>),
}

/// An element that is meant, ready to be looked for.
#[derive(Clone, Debug)]
pub struct Query {
    /// As messages name it: a selector, or a table as in a flow file.
    pub text: String,
    /// What is looked for.
    pub sought: Sought,
    /// Whether only what is shown counts.
    pub is_table: bool,
    /// Which of several it is, counted from 1.
    pub nth: Option<usize>,
    /// What it stands in.
    pub within: Option<CssQuery>,
    /// The frame of the page that it stands in.
    pub frame: Option<CssQuery>,
    /// Whether what is done is left out where there is no such element.
    pub is_optional: bool,
}

impl Query {
    /// Compiles a selector; the error says what is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        let selector = compile(text)?;
        Ok(Query::from(CssQuery {
            text: text.to_owned(),
            selector,
        }))
    }

    /// The selector, where it is nothing else.
    pub fn plain_css(&self) -> Option<&CssQuery> {
        match &self.sought {
            Sought::Css(css) if !self.is_table => Some(css),
            _ => None,
        }
    }

    /// What the functions in the page take: a selector, or a table.
    pub fn to_json(&self) -> Value {
        if let Some(css) = self.plain_css() {
            return json!(css.text);
        }
        let mut table = match &self.sought {
            Sought::Css(css) => json!({ "css": css.text }),
            Sought::Words(sort, words) => json!({ sort.as_str(): words }),
            Sought::Role(role, name) => json!({ "role": role, "name": name }),
        };
        table["nth"] = json!(self.nth);
        table["in"] = json!(self.within.as_ref().map(|css| &css.text));
        table
    }

    /// How a flow file writes it.
    fn written(&self) -> String {
        if let Some(css) = self.plain_css() {
            return css.text.clone();
        }
        let mut keys = match &self.sought {
            Sought::Css(css) => vec![format!("css = \"{}\"", css.text)],
            Sought::Words(sort, words) => vec![format!("{} = \"{words}\"", sort.as_str())],
            Sought::Role(role, name) => {
                let name = name.iter().map(|name| format!("name = \"{name}\""));
                std::iter::once(format!("role = \"{role}\""))
                    .chain(name)
                    .collect()
            }
        };
        keys.extend(self.nth.map(|nth| format!("nth = {nth}")));
        let css = |key, css: &Option<CssQuery>| {
            css.as_ref().map(|css| format!("{key} = \"{}\"", css.text))
        };
        keys.extend(css("in", &self.within));
        keys.extend(css("frame", &self.frame));
        format!("{{ {} }}", keys.join(", "))
    }
}

impl From<CssQuery> for Query {
    fn from(css: CssQuery) -> Self {
        Query {
            text: css.text.clone(),
            sought: Sought::Css(css),
            is_table: false,
            nth: None,
            within: None,
            frame: None,
            is_optional: false,
        }
    }
}

fn compile(text: &str) -> Result<Arc<Selector>, String> {
    match Selector::parse(text) {
        Ok(selector) => Ok(Arc::new(selector)),
        Err(error) => Err(format!("`{text}` is no CSS selector: {error}")),
    }
}
