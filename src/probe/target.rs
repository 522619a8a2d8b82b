//! Which element of a page is meant.
//!
//! Owns how a flow names an element, and that name once nothing in it is left to expand. Must not
//! know how pages are searched, nor what is done to what is found.

use std::sync::Arc;

use scraper::Selector;

use super::template::{Name, Scope, Template};

/// The element that an action is done to.
#[derive(Clone, Debug)]
pub struct Target {
    /// What it fits.
    pub css: Css,
    /// Whether the action is left out where there is no such element. Nothing else is excused.
    pub is_optional: bool,
}

impl Target {
    /// The names in it.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.css.names()
    }

    /// The target with every name replaced.
    pub fn expand(&self, scope: &Scope) -> Result<Query, String> {
        let query = self.css.expand(scope)?;
        Ok(Query {
            is_optional: self.is_optional,
            ..query
        })
    }
}

impl From<Css> for Target {
    fn from(css: Css) -> Self {
        Target {
            css,
            is_optional: false,
        }
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
    pub fn expand(&self, scope: &Scope) -> Result<Query, String> {
        let text = self
            .template
            .expand(scope)
            .map_err(|error| error.to_string())?;
        let selector = match &self.selector {
            Some(selector) => Arc::clone(selector),
            None => compile(&text)?,
        };
        Ok(Query {
            text,
            selector,
            is_optional: false,
        })
    }
}

/// A CSS selector ready for use.
#[derive(Clone, Debug)]
pub struct Query {
    /// As a browser takes it.
    pub text: String,
    /// As our own parser takes it.
    pub selector: Arc<Selector>,
    /// Whether what is done is left out where there is no such element.
    pub is_optional: bool,
}

impl Query {
    /// Compiles a selector; the error says what is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        Ok(Query {
            text: text.to_owned(),
            selector: compile(text)?,
            is_optional: false,
        })
    }
}

fn compile(text: &str) -> Result<Arc<Selector>, String> {
    match Selector::parse(text) {
        Ok(selector) => Ok(Arc::new(selector)),
        Err(error) => Err(format!("`{text}` is no CSS selector: {error}")),
    }
}
