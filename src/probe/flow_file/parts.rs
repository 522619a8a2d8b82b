//! The parts of a step: expectations, captures, and the names used in them.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use regex::{Regex, RegexBuilder};
use reqwest::header::HeaderName;

use super::keys;
use crate::domain::BilingualName;
use crate::probe::definition::{AwaitedMail, Capture, CaptureFrom, Css, Expect, JsonTemplate};
use crate::probe::template::{BUILT_IN, Name, OF_DOCUMENT, Template, is_captured_name};
use crate::toml_reader::{FromItem, Item, Place, Reader, nearest};

const LONGEST_MAIL: Duration = Duration::from_secs(3600);

/// The names that are known at some place of the file.
pub(super) struct Names<'v> {
    needs: Vec<String>,
    configured: Option<&'v BTreeSet<String>>,
    variables: BTreeSet<String>,
    captured: BTreeSet<String>,
    /// Those of them that only steps which need a browser capture.
    in_browser: BTreeSet<String>,
    /// Keys of steps, and their names in English.
    steps: BTreeSet<String>,
    steps_in_indonesian: BTreeSet<String>,
    needs_browser: bool,
    is_cleanup: bool,
    /// The step of the ladder, and whether what follows is of it.
    ladder: Option<String>,
    is_ladder: bool,
}

impl<'v> Names<'v> {
    pub(super) fn new(needs: Vec<String>, configured: Option<&'v BTreeSet<String>>) -> Self {
        Names {
            needs,
            configured,
            variables: BTreeSet::new(),
            captured: BTreeSet::new(),
            in_browser: BTreeSet::new(),
            steps: BTreeSet::new(),
            steps_in_indonesian: BTreeSet::new(),
            needs_browser: false,
            is_cleanup: false,
            ladder: None,
            is_ladder: false,
        }
    }

    pub(super) fn needs(&self) -> &[String] {
        &self.needs
    }

    pub(super) fn into_variables(self) -> Vec<String> {
        self.variables.into_iter().collect()
    }

    /// The flow tries documents in this step in turn.
    pub(super) fn has_ladder(&mut self, step: Option<String>) {
        self.ladder = step;
    }

    /// What follows is of this step, which needs a browser or not.
    pub(super) fn enter_step(&mut self, name: Option<&str>, needs_browser: bool, is_cleanup: bool) {
        self.is_ladder = name.is_some() && self.ladder.as_deref() == name;
        self.needs_browser = needs_browser;
        self.is_cleanup = is_cleanup;
    }

    /// Whether what follows is of a step that needs a browser.
    pub(super) fn needs_browser(&self) -> bool {
        self.needs_browser
    }

    pub(super) fn is_first_step(&mut self, key: &str) -> bool {
        self.steps.insert(key.to_owned())
    }

    /// The part of a step's name that another step has already. The English one may be its key.
    pub(super) fn second_of_name<'n>(&mut self, name: &'n BilingualName) -> Option<&'n str> {
        let is_first_id = self.steps_in_indonesian.insert(name.id().to_owned());
        match (self.is_first_step(name.en()), is_first_id) {
            (false, _) => Some(name.en()),
            (true, false) => Some(name.id()),
            (true, true) => None,
        }
    }

    pub(super) fn has_step(&self, name: &str) -> bool {
        self.steps.contains(name)
    }

    fn check<'n>(&mut self, place: &Place<'_>, names: impl Iterator<Item = &'n Name>) {
        for name in names {
            match name {
                Name::Run | Name::Today(_) => {}
                Name::Totp(name) => self.check_secret(place, name),
                Name::Captured(name) => self.check_captured(place, name),
                Name::Given(name) => self.check_given(place, name),
            }
        }
    }

    fn check_captured(&self, place: &Place<'_>, name: &str) {
        let is_of_document = OF_DOCUMENT.contains(&name);
        if is_of_document && self.is_ladder {
            return;
        }
        if self.captured.contains(name) {
            // Cleanup without its capture has nothing to clean up, on either engine.
            if self.in_browser.contains(name) && !self.needs_browser && !self.is_cleanup {
                place.problem_with_hint(
                    format!(
                        "`{name}` is captured only where there is a browser, and this step also \
                         runs without one"
                    ),
                    "give this step `engine = \"browser\"` too",
                );
            }
            return;
        }
        let known = self.captured.iter().map(String::as_str).chain(BUILT_IN);
        let hint = match nearest(name, known) {
            Some(near) => format!("did you mean `${{{near}}}`?"),
            None if is_of_document => {
                format!("in the ladder's own step `${{{name}}}` is the document's")
            }
            None => "names in lower case are captured by an earlier step".to_owned(),
        };
        place.problem_with_hint(format!("nothing before this step captures `{name}`"), hint);
    }

    fn check_secret(&self, place: &Place<'_>, name: &str) {
        if self.needs.iter().any(|need| need == name) {
            return;
        }
        let hint = match nearest(name, self.needs.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `${{totp:{near}}}`?"),
            None => format!("add \"{name}\" to `needs`"),
        };
        place.problem_with_hint(format!("`{name}` is no secret that the flow needs"), hint);
    }

    fn check_given(&mut self, place: &Place<'_>, name: &str) {
        if self.needs.iter().any(|need| need == name) || name == "CONTROL" {
            return;
        }
        self.variables.insert(name.to_owned());
        let Some(configured) = self.configured else {
            return;
        };
        if configured.contains(name) {
            return;
        }
        let known = self.needs.iter().chain(configured).map(String::as_str);
        let hint = match nearest(name, known) {
            Some(near) => format!("did you mean `${{{near}}}`?"),
            None => format!(
                "if it is a secret, add \"{name}\" to `needs`; if not, to `[variables]` in siaga.toml"
            ),
        };
        place.problem_with_hint(
            format!("`${{{name}}}` is neither needed nor a variable"),
            hint,
        );
    }

    pub(super) fn template(&mut self, item: &Item<'_>) -> Option<Template> {
        let template: Template = item.read()?;
        self.check(item.place(), template.names());
        Some(template)
    }

    pub(super) fn templates(&mut self, item: &Item<'_>) -> Vec<Template> {
        if !item.is_array() {
            return self.template(item).into_iter().collect();
        }
        let elements = item.elements().unwrap_or_default();
        elements
            .iter()
            .filter_map(|element| self.template(element))
            .collect()
    }

    pub(super) fn css(&mut self, item: &Item<'_>) -> Option<Css> {
        let template = self.template(item)?;
        css(item.place(), template)
    }

    pub(super) fn css_key(&mut self, item: &Item<'_>) -> Option<Css> {
        match Template::parse(item.key()) {
            Ok(template) => {
                self.check(item.place(), template.names());
                css(item.place(), template)
            }
            Err(message) => {
                item.place().problem(message);
                None
            }
        }
    }
}

fn css(place: &Place<'_>, template: Template) -> Option<Css> {
    match Css::new(template) {
        Ok(css) => Some(css),
        Err(message) => {
            place.problem_with_hint(message, "e.g. `#email`, `input[name=email]`, `form.login`");
            None
        }
    }
}

/// A value, or an array of them.
pub(super) fn one_or_many<T: FromItem>(item: &Item<'_>) -> Option<Vec<T>> {
    if item.is_array() {
        item.read()
    } else {
        Some(vec![item.read()?])
    }
}

pub(super) fn headers(
    table: &mut Reader<'_>,
    key: &'static str,
    names: &mut Names<'_>,
) -> Vec<(HeaderName, Template)> {
    let mut headers = Vec::new();
    for item in table.entries(key) {
        match item.key().parse::<HeaderName>() {
            Ok(name) => headers.extend(names.template(&item).map(|value| (name, value))),
            Err(_) => item
                .place()
                .problem(format!("`{}` is no name of a header", item.key())),
        }
    }
    headers
}

pub(super) fn json(item: &Item<'_>, names: &mut Names<'_>) -> Option<JsonTemplate> {
    if item.as_str().is_some() {
        return names.template(item).map(JsonTemplate::Text);
    }
    if item.is_array() {
        let elements = item.elements()?;
        let values: Vec<_> = elements
            .iter()
            .map(|element| json(element, names))
            .collect();
        return values
            .into_iter()
            .collect::<Option<_>>()
            .map(JsonTemplate::Array);
    }
    if item.is_table() {
        let entries = item.entries()?;
        let entry = |item: &Item<'_>| Some((item.key().to_owned(), json(item, names)?));
        let values: Vec<_> = entries.iter().map(entry).collect();
        return values
            .into_iter()
            .collect::<Option<_>>()
            .map(JsonTemplate::Object);
    }
    if let Some(truth) = item.as_bool() {
        return Some(JsonTemplate::Plain(truth.into()));
    }
    if item.is_integer() {
        return item
            .read::<i64>()
            .map(|number| JsonTemplate::Plain(number.into()));
    }
    item.read::<f64>()
        .map(|number| JsonTemplate::Plain(number.into()))
}

/// The mail that the step awaits.
pub(super) fn mail(table: &mut Reader<'_>, names: &mut Names<'_>) -> Option<AwaitedMail> {
    let mut table = table.table("mail")?.with_keys(&keys::MAIL);
    let mut text_of = |table: &mut Reader<'_>, key| match table.item(key) {
        Some(item) => names.template(&item),
        None => {
            table.missing(key);
            None
        }
    };
    let to = text_of(&mut table, "to");
    let subject = text_of(&mut table, "subject");
    let text = table
        .item("text")
        .map(|item| names.templates(&item))
        .unwrap_or_default();
    let within = table.required::<Duration>("within");
    if within.is_some_and(|within| within.is_zero() || within > LONGEST_MAIL) {
        table
            .place_of("within")
            .problem("`within` must be more than nothing and at most 1h");
    }
    let mut capture = Vec::new();
    for item in table.entries("capture") {
        let regex = regex(&item);
        if let (true, Some(regex)) = (capture_name(&item, names), regex) {
            capture.push((item.key().to_owned(), regex));
        }
    }
    table.finish();
    Some(AwaitedMail {
        to: to?,
        subject: subject?,
        within: within?,
        text,
        capture,
    })
}

fn capture_name(item: &Item<'_>, names: &mut Names<'_>) -> bool {
    let name = item.key();
    if !is_captured_name(name) {
        item.place().problem_with_hint(
            format!("`{name}` cannot be the name of a capture"),
            "use lower-case letters, digits and underscores; `run` and `today` are built in",
        );
        return false;
    }
    let is_new = names.captured.insert(name.to_owned());
    if !names.needs_browser {
        names.in_browser.remove(name);
    } else if is_new {
        names.in_browser.insert(name.to_owned());
    }
    true
}

/// Whether a text is a selector with an id, a class or an attribute. Read as a regular expression, it
/// would only ever find itself.
fn looks_like_selector(text: &str) -> bool {
    const MARK: &str = r"(?:[#.][a-zA-Z_][\w-]*|\[[a-zA-Z][\w-]*[~|^$*]?=[^\]]+\])";
    static LIKE: LazyLock<Option<[Regex; 2]>> = LazyLock::new(|| {
        let part = format!(r"(?:[a-zA-Z][\w-]*)?{MARK}*");
        let whole = format!(r"^{part}(?:\s*[\s>+~]\s*{part})*$");
        Some([Regex::new(&whole).ok()?, Regex::new(MARK).ok()?])
    });
    let like = LIKE.as_ref();
    like.is_some_and(|like| like.iter().all(|like| like.is_match(text)))
}

fn regex(item: &Item<'_>) -> Option<Regex> {
    let text: String = item.read()?;
    if looks_like_selector(&text) {
        item.place().problem_with_hint(
            format!("`{text}` is a selector, and a regular expression is meant here"),
            format!("write `{{ css = \"{text}\" }}`; as a regular expression, write `({text})`"),
        );
        return None;
    }
    match RegexBuilder::new(&text).size_limit(1 << 20).build() {
        Ok(regex) => Some(regex),
        Err(error) => {
            let error = error.to_string();
            let last = error
                .lines()
                .last()
                .unwrap_or_default()
                .trim_start_matches("error: ");
            item.place()
                .problem(format!("`{text}` is no regular expression: {last}"));
            None
        }
    }
}

/// What must hold after the step.
pub(super) fn expect(table: &mut Reader<'_>, names: &mut Names<'_>) -> Expect {
    let Some(table) = table.table("expect") else {
        return Expect::default();
    };
    let mut table = table.with_keys(&keys::EXPECT);
    let mut status = Vec::new();
    if let Some(item) = table.item("status") {
        status = one_or_many::<u16>(&item).unwrap_or_default();
        if status.iter().any(|code| !(100..=599).contains(code)) {
            item.place()
                .problem("a status code is a number from 100 to 599");
        }
    }
    let path = table.item("path").and_then(|item| {
        let path = names.template(&item)?;
        if !path.beginning().starts_with(['/', '*']) && path.names().next().is_none() {
            item.place().problem_with_hint(
                "`path` must begin with `/`",
                "`*` stands for anything, e.g. `/web/applications/*`",
            );
        }
        Some(path)
    });
    let mut texts = |key| {
        table
            .item(key)
            .map(|item| names.templates(&item))
            .unwrap_or_default()
    };
    let (text, not_text) = (texts("text"), texts("not_text"));
    let mut selectors = |key| {
        let Some(item) = table.item(key) else {
            return Vec::new();
        };
        if !item.is_array() {
            return names.css(&item).into_iter().collect();
        }
        let elements = item.elements().unwrap_or_default();
        elements
            .iter()
            .filter_map(|element| names.css(element))
            .collect()
    };
    let (css, not_css) = (selectors("css"), selectors("not_css"));
    let header = headers(&mut table, "header", names);
    let mut json_values = Vec::new();
    for item in table.entries("json") {
        if pointer(&item, item.key()) {
            json_values.extend(json(&item, names).map(|value| (item.key().to_owned(), value)));
        }
    }
    table.finish();
    Expect {
        status,
        path,
        text,
        not_text,
        css,
        not_css,
        header,
        json: json_values,
    }
}

fn pointer(item: &Item<'_>, text: &str) -> bool {
    let right = text.is_empty() || text.starts_with('/');
    if !right {
        item.place().problem_with_hint(
            format!("`{text}` is no JSON pointer"),
            format!("write `/{}`", text.replace('.', "/")),
        );
    }
    right
}

/// What the step remembers.
pub(super) fn captures(table: &mut Reader<'_>, names: &mut Names<'_>) -> Vec<Capture> {
    let mut captures = Vec::new();
    for item in table.entries("capture") {
        let found = if item.is_table() {
            captured_from(&item, names)
        } else {
            regex(&item).map(|regex| (CaptureFrom::Text, Some(regex)))
        };
        if let (true, Some((from, regex))) = (capture_name(&item, names), found) {
            captures.push(Capture {
                name: item.key().to_owned(),
                from,
                regex,
            });
        }
    }
    captures
}

fn captured_from(item: &Item<'_>, names: &mut Names<'_>) -> Option<(CaptureFrom, Option<Regex>)> {
    let mut table = item.table()?.with_keys(&keys::CAPTURE);
    let attribute = table.optional::<String>("attribute");
    let mut from = Vec::new();
    let css_item = table.item("css");
    if let Some(css_item) = &css_item {
        from.extend(
            names
                .css(css_item)
                .map(|css| CaptureFrom::Css(css, attribute.clone())),
        );
    } else if attribute.is_some() {
        table.place_of("attribute").problem_with_hint(
            "`attribute` without `css`",
            "say of which element: `{ css = \"…\", attribute = \"…\" }`",
        );
    }
    if let Some(json) = table.item("json") {
        let text = json.read::<String>().filter(|text| pointer(&json, text));
        from.extend(text.map(CaptureFrom::Json));
    }
    if let Some(header) = table.item("header") {
        let name = header
            .read::<String>()
            .and_then(|name| name.parse::<HeaderName>().ok());
        if name.is_none() {
            header.place().problem("no name of a header");
        }
        from.extend(name.map(CaptureFrom::Header));
    }
    if let Some(cookie) = table.item("cookie") {
        let name = cookie.read::<String>();
        let is_name = |name: &String| {
            let is_token = |b: u8| b.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&b);
            !name.is_empty() && name.bytes().all(is_token)
        };
        if name.as_ref().is_some_and(|name| !is_name(name)) {
            cookie.place().problem("no name of a cookie");
        }
        from.extend(name.map(CaptureFrom::Cookie));
    }
    if let Some(item) = table.item("url") {
        let wanted = item.read::<bool>();
        if wanted == Some(false) {
            item.expected("true");
        }
        from.extend(wanted.map(|_| CaptureFrom::Url));
    }
    let regex_item = table.item("regex");
    let pattern = regex_item.as_ref().map(regex);
    if from.len() > 1 {
        table.place().problem_with_hint(
            "a capture is taken from one place",
            "give one of: css, json, header, cookie, url; `regex` may go with each or stand alone",
        );
    }
    let given = ["css", "json", "header", "cookie", "url", "regex"]
        .into_iter()
        .any(|key| table.has(key));
    if !given {
        table.place().problem_with_hint(
            "the capture does not say where it is taken from",
            "give one of: css, json, header, cookie, url, regex",
        );
    }
    let alone = pattern.is_some() && from.is_empty();
    table.finish();
    let pattern = match pattern {
        Some(pattern) => Some(pattern?),
        None => None,
    };
    Some((
        if alone {
            CaptureFrom::Text
        } else {
            from.pop()?
        },
        pattern,
    ))
}
