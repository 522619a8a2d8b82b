//! What a flow file says, once it has been understood.
//!
//! Owns the values only: `flow_file` makes them from TOML and lets nothing wrong through,
//! `runner` carries them out. Must not know either.

use std::time::Duration;

use regex::Regex;
use reqwest::Method;
use reqwest::header::HeaderName;

use super::document::{DocumentName, Kind};
use super::key::Key;
pub use super::target::{Css, CssQuery, Query, Target};
use super::template::{Name, NoValue, Scope, Template};
use crate::domain::names::FlowNames;
use crate::domain::{BilingualName, ComponentId, Engine, StepName};
use crate::toml_reader::Problem;

/// One journey of an applicant on the site.
#[derive(Clone, Debug)]
pub struct Flow {
    /// The file's name without `.toml`.
    pub key: String,
    /// The name that people read.
    pub name: BilingualName,
    /// How often each engine runs it.
    pub every: Every,
    /// The time for the whole run; awaiting mails and `wait` come on top of it.
    pub timeout: Duration,
    /// Secrets without which the flow is not configured.
    pub needs: Vec<String>,
    /// Variables of the configuration that it uses.
    pub variables: Vec<String>,
    /// Whether it watches the site or the monitor's own connection.
    pub role: Role,
    /// Hosts that it reaches besides the site's own, where the configuration allows them too.
    pub hosts: Vec<String>,
    /// The steps, in order; never empty.
    pub steps: Vec<Step>,
    /// What runs in any case, whatever became of the steps.
    pub cleanup: Vec<Step>,
    /// Which sizes and kinds of documents are tried in turn.
    pub ladder: Option<Ladder>,
    /// What the file says in an older way, that does not mean any more what it meant.
    pub advice: Vec<Problem>,
}

impl Flow {
    /// What it and its steps are called.
    pub fn names(&self) -> FlowNames {
        let steps = self.steps.iter().chain(&self.cleanup);
        FlowNames {
            flow: self.key.clone(),
            name: self.name.clone(),
            steps: steps.map(|step| step.name.clone()).collect(),
        }
    }
}

/// How often each engine runs a flow; an engine without an interval does not run it unasked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Every {
    /// The plain engine.
    pub http: Option<Duration>,
    /// A real browser.
    pub browser: Option<Duration>,
}

/// What a flow is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It watches the site.
    Site,
    /// It visits places that are surely up, to learn whether the monitor itself is cut off.
    /// It runs once for each of the control addresses.
    Control,
}

/// One step of a flow.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its key, by which the ladder and history know it, and its name; each unlike any other
    /// step's. Without a key in the file it is the English name.
    pub name: StepName,
    /// The component that it speaks for; cleanup speaks for none.
    pub component: Option<ComponentId>,
    /// Whether it needs the page's scripts, and so a real browser: over plain HTTP it is left
    /// out.
    pub needs_browser: bool,
    /// What it does, in the order in which it is done, whatever form it was written in.
    pub actions: Vec<Action>,
    /// The mail that it awaits.
    pub mail: Option<AwaitedMail>,
    /// How long its expectations may take to come true; a pause where it has none.
    pub wait: Option<Duration>,
    /// How often the page is loaded anew while the step waits; `None`: never.
    pub reload: Option<Duration>,
    /// What must hold afterwards.
    pub expect: Expect,
    /// What it remembers for later steps.
    pub capture: Vec<Capture>,
    /// From when on it counts as slow.
    pub slow: Option<Duration>,
    /// The time for one try of it, without `mail` and `wait`.
    pub timeout: Duration,
    /// The most bytes, decoded, that an answer may have.
    pub body_limit: u64,
}

impl Step {
    /// Whether an engine carries it out or leaves it out.
    pub fn runs_on(&self, engine: Engine) -> bool {
        engine == Engine::Browser || !self.needs_browser
    }

    /// The longest that the step may take.
    pub fn longest(&self) -> Duration {
        self.timeout + self.waiting()
    }

    /// Whether it waits for a page that, over plain HTTP, nobody ever loads anew.
    pub fn waits_in_vain(&self) -> bool {
        let waits_for_page = !self.expect.is_empty() || !self.capture.is_empty();
        self.wait.is_some() && self.reload.is_none() && waits_for_page
    }

    /// The part of it that is spent waiting for something to come about.
    pub fn waiting(&self) -> Duration {
        let mail = self.mail.as_ref().map(|mail| mail.within);
        self.wait.unwrap_or_default() + mail.unwrap_or_default()
    }

    /// Whether it sends a document.
    pub fn uploads(&self) -> bool {
        self.actions.iter().any(|action| match action {
            Action::Upload(..) => true,
            Action::Request(request) => match &request.body {
                RequestBody::Multipart(parts) => parts
                    .iter()
                    .any(|(_, part)| matches!(part, Part::Document(_))),
                _ => false,
            },
            _ => false,
        })
    }
}

/// One thing that a step does to the page.
#[derive(Clone, Debug)]
pub enum Action {
    /// Opens an address: a path of the site, or a whole address.
    Visit(Template),
    /// Writes into a field.
    Fill(Target, Template),
    /// Sets a select, a radio button or a checkbox.
    Choose(Target, Choice),
    /// Puts a made document on a file field.
    Upload(Target, DocumentSpec),
    /// Submits a form, or presses one of its buttons.
    Submit(Target),
    /// Follows a link or presses a button.
    Click(Target),
    /// Moves the mouse over an element.
    Hover(Target),
    /// Presses a key on an element, or on what has the keyboard.
    Press(Key, Option<Target>),
    /// Sends what no form sends.
    Request(Box<Request>),
}

impl Action {
    /// The element that it acts on, where it acts on one.
    pub fn target(&self) -> Option<&Target> {
        match self {
            Action::Visit(_) | Action::Request(_) => None,
            Action::Press(_, target) => target.as_ref(),
            Action::Fill(target, _)
            | Action::Choose(target, _)
            | Action::Upload(target, _)
            | Action::Submit(target)
            | Action::Click(target)
            | Action::Hover(target) => Some(target),
        }
    }

    /// The same, to be changed.
    pub fn target_mut(&mut self) -> Option<&mut Target> {
        match self {
            Action::Visit(_) | Action::Request(_) => None,
            Action::Press(_, target) => target.as_mut(),
            Action::Fill(target, _)
            | Action::Choose(target, _)
            | Action::Upload(target, _)
            | Action::Submit(target)
            | Action::Click(target)
            | Action::Hover(target) => Some(target),
        }
    }

    /// The names in it.
    pub fn names(&self) -> Vec<&Name> {
        let mut names: Vec<&Name> = Vec::new();
        names.extend(self.target().into_iter().flat_map(Target::names));
        match self {
            Action::Visit(address) => names.extend(address.names()),
            Action::Fill(_, text) => names.extend(text.names()),
            Action::Choose(_, Choice::Options(options)) => {
                names.extend(options.iter().flat_map(Template::names));
            }
            Action::Request(request) => {
                names.extend(request.path.names());
                names.extend(request.headers.iter().flat_map(|(_, text)| text.names()));
                names.extend(request.body.names());
            }
            Action::Choose(_, Choice::Checked(_))
            | Action::Upload(..)
            | Action::Submit(_)
            | Action::Click(_)
            | Action::Hover(_)
            | Action::Press(..) => {}
        }
        names
    }

    /// Whether it may send a form.
    pub fn submits(&self) -> bool {
        matches!(self, Action::Submit(_)) || matches!(self, Action::Press(key, _) if key.is_enter())
    }
}

/// What `choose` sets.
#[derive(Clone, Debug)]
pub enum Choice {
    /// Values or visible labels, of a select or of radio buttons.
    Options(Vec<Template>),
    /// A checkbox on or off.
    Checked(bool),
}

/// A document to be made and sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DocumentSpec {
    /// Which document.
    pub document: DocumentName,
    /// In which format.
    pub kind: Kind,
    /// Exact size in bytes.
    pub size: u64,
}

/// A request without a form.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// A path of the site, or a whole address.
    pub path: Template,
    /// Headers besides the usual ones.
    pub headers: Vec<(HeaderName, Template)>,
    /// What is sent along.
    pub body: RequestBody,
}

/// What a request carries.
#[derive(Clone, Debug)]
pub enum RequestBody {
    /// Nothing.
    None,
    /// `application/json`.
    Json(JsonTemplate),
    /// `application/x-www-form-urlencoded`.
    Form(Vec<(String, Template)>),
    /// `multipart/form-data`.
    Multipart(Vec<(String, Part)>),
    /// As it stands; its media type is given by a header.
    Text(Template),
}

impl RequestBody {
    /// The names in it.
    pub fn names(&self) -> Vec<&Name> {
        match self {
            RequestBody::None => Vec::new(),
            RequestBody::Json(json) => json.names(),
            RequestBody::Form(fields) => fields.iter().flat_map(|(_, text)| text.names()).collect(),
            RequestBody::Multipart(parts) => {
                let texts = parts.iter().filter_map(|(_, part)| match part {
                    Part::Text(text) => Some(text),
                    Part::Document(_) => None,
                });
                texts.flat_map(Template::names).collect()
            }
            RequestBody::Text(text) => text.names().collect(),
        }
    }
}

/// One part of a multipart request.
#[derive(Clone, Debug)]
pub enum Part {
    /// A field.
    Text(Template),
    /// A file.
    Document(DocumentSpec),
}

/// A JSON value whose strings are templates.
#[derive(Clone, Debug)]
pub enum JsonTemplate {
    /// A string.
    Text(Template),
    /// A number, a boolean or null.
    Plain(serde_json::Value),
    /// An array.
    Array(Vec<JsonTemplate>),
    /// An object.
    Object(Vec<(String, JsonTemplate)>),
}

impl JsonTemplate {
    /// The names in it.
    pub fn names(&self) -> Vec<&Name> {
        match self {
            JsonTemplate::Text(text) => text.names().collect(),
            JsonTemplate::Plain(_) => Vec::new(),
            JsonTemplate::Array(values) => values.iter().flat_map(Self::names).collect(),
            JsonTemplate::Object(entries) => entries
                .iter()
                .flat_map(|(_, value)| value.names())
                .collect(),
        }
    }

    /// The value with every name replaced.
    pub fn expand(&self, scope: &Scope) -> Result<serde_json::Value, NoValue> {
        Ok(match self {
            JsonTemplate::Text(text) => text.expand(scope)?.into(),
            JsonTemplate::Plain(value) => value.clone(),
            JsonTemplate::Array(values) => values
                .iter()
                .map(|value| value.expand(scope))
                .collect::<Result<Vec<_>, _>>()?
                .into(),
            JsonTemplate::Object(entries) => entries
                .iter()
                .map(|(key, value)| Ok((key.clone(), value.expand(scope)?)))
                .collect::<Result<serde_json::Map<_, _>, _>>()?
                .into(),
        })
    }
}

/// The mail that a step awaits.
#[derive(Clone, Debug)]
pub struct AwaitedMail {
    /// Whom it is sent to.
    pub to: Template,
    /// What its subject contains.
    pub subject: Template,
    /// How long it may take.
    pub within: Duration,
    /// What its text must contain.
    pub text: Vec<Template>,
    /// What is remembered of its text: the first group, or the whole match.
    pub capture: Vec<(String, Regex)>,
}

/// What must hold after a step. What is left out is not looked at, except the status:
/// without `status`, any of 200 to 299.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    /// The status codes that are right.
    pub status: Vec<u16>,
    /// The path of the final address; `*` stands for anything.
    pub path: Option<Template>,
    /// What the visible text contains.
    pub text: Vec<Template>,
    /// What the visible text must not contain.
    pub not_text: Vec<Template>,
    /// What the page has.
    pub css: Vec<Css>,
    /// What the page must not have.
    pub not_css: Vec<Css>,
    /// Headers and their values; `*` stands for anything.
    pub header: Vec<(HeaderName, Template)>,
    /// JSON pointers and what stands there.
    pub json: Vec<(String, JsonTemplate)>,
}

impl Expect {
    /// Whether nothing at all was written.
    pub fn is_empty(&self) -> bool {
        let Expect {
            status,
            path,
            text,
            not_text,
            css,
            not_css,
            header,
            json,
        } = self;
        status.is_empty()
            && path.is_none()
            && text.is_empty()
            && not_text.is_empty()
            && css.is_empty()
            && not_css.is_empty()
            && header.is_empty()
            && json.is_empty()
    }
}

/// What a step remembers under a name.
#[derive(Clone, Debug)]
pub struct Capture {
    /// The name, in lower case.
    pub name: String,
    /// Where it is taken from.
    pub from: CaptureFrom,
    /// What is taken of it: the first group, or the whole match.
    pub regex: Option<Regex>,
}

/// Where a capture is taken from.
#[derive(Clone, Debug)]
pub enum CaptureFrom {
    /// An element's attribute, or its text.
    Css(Css, Option<String>),
    /// A JSON pointer.
    Json(String),
    /// A header of the answer.
    Header(HeaderName),
    /// A cookie that the page has, as its scripts read it: escapes of addresses are undone.
    Cookie(String),
    /// The final address.
    Url,
    /// The visible text; where the pattern is not found there, the page as sent.
    Text,
}

/// Sizes and kinds that one upload tries in turn, one a run.
#[derive(Clone, Debug)]
pub struct Ladder {
    /// The key of the step that uploads.
    pub step: String,
    /// The formats.
    pub kinds: Vec<Kind>,
    /// The sizes in bytes.
    pub sizes: Vec<u64>,
    /// What the site says it takes, in bytes; over it a refusal is right.
    pub limit: u64,
}

impl Ladder {
    /// The rung whose turn it is: every size of the first kind, then of the next.
    pub fn rung(&self, turn: usize) -> (Kind, u64) {
        let turn = turn % (self.kinds.len() * self.sizes.len()).max(1);
        let kind = self.kinds.get(turn / self.sizes.len().max(1));
        let size = self.sizes.get(turn % self.sizes.len().max(1));
        (
            kind.copied().unwrap_or(Kind::Jpeg),
            size.copied().unwrap_or(self.limit),
        )
    }
}
