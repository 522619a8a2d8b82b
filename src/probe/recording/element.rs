//! The element that something was done to: of its recorded selectors the steadiest that a
//! flow can use.
//!
//! The Recorder gives alternatives: plain CSS, `pierce/` (CSS that reaches through shadow
//! roots), `xpath/`, `aria/` (accessible name and role) and `text/`. CSS is taken as it is,
//! an XPath of steps is rewritten as CSS. Must not know flows.

use std::fmt;

use super::secrets::Secrets;
use super::words;
use crate::probe::definition::Query;

/// The longest selector that is taken.
const MAX_SELECTOR_BYTES: usize = 500;
/// Texts of so many characters may be the beginning of longer ones: the Recorder writes no more than
/// it takes to tell elements apart.
const RECORDED_WHOLE: usize = 12;

/// Alternatives of selectors, each a chain through shadow roots.
pub(super) struct Element {
    selectors: Vec<Vec<String>>,
}

/// How the flow is to name the element.
pub(super) struct Chosen {
    pub(super) target: Target,
    /// What is to be said about it.
    pub(super) doubt: Option<Doubt>,
}

/// A name of an element, as flow files know them.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Target {
    Css(String),
    /// One of `label`, `button`, `link`, `text`, and the words.
    Words(&'static str, String),
    /// A role and the accessible name.
    Role(String, String),
}

impl Target {
    /// The selector, where it is one.
    pub(super) fn css(&self) -> Option<&str> {
        match self {
            Target::Css(css) => Some(css),
            _ => None,
        }
    }
}

/// For notes.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Css(css) => write!(f, "`{}`", words::one_line(css, 200)),
            Target::Words("text", text) => write!(f, "\"{}\"", words::one_line(text, 100)),
            Target::Words(kind, name) => write!(f, "the {kind} \"{}\"", words::one_line(name, 100)),
            Target::Role(role, name) => write!(f, "the {role} \"{}\"", words::one_line(name, 100)),
        }
    }
}

/// Why a chosen selector may not hold.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// It stands on the element's place in the page.
    Place,
    /// It reaches into a shadow root.
    Shadow,
    /// Of a long text the recording has the beginning only.
    Text,
}

impl Element {
    pub(super) fn new(selectors: Vec<Vec<String>>) -> Self {
        Element { selectors }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.selectors.is_empty()
    }

    fn single(&self) -> impl Iterator<Item = &str> {
        self.selectors.iter().filter_map(|chain| match &chain[..] {
            [one] => Some(one.as_str()),
            _ => None,
        })
    }

    fn with(&self, prefix: &str) -> Option<&str> {
        self.single().find_map(|one| one.strip_prefix(prefix))
    }

    fn last_aria(&self) -> Option<&str> {
        let chains = self.selectors.iter().filter_map(|chain| chain.last());
        chains
            .filter_map(|last| last.strip_prefix("aria/"))
            .find(|aria| !aria.is_empty())
    }

    /// The name that assistive technology reads.
    pub(super) fn name(&self) -> Option<&str> {
        let name = self.last_aria()?.split("[role=").next()?.trim();
        (!name.is_empty()).then_some(name)
    }

    /// What is to be read on it; of a field, what is written in it.
    pub(super) fn text(&self) -> Option<&str> {
        self.with("text/").map(str::trim).filter(|t| !t.is_empty())
    }

    fn role(&self) -> Option<&str> {
        let (_, role) = self.last_aria()?.split_once("[role=\"")?;
        role.split('"').next()
    }

    /// The element's tag, where a selector tells it.
    pub(super) fn tag(&self) -> Option<String> {
        let ends = self.single().filter_map(|one| {
            if let Some(xpath) = one.strip_prefix("xpath/") {
                return xpath.rsplit('/').next();
            }
            if one.starts_with("aria/") || one.starts_with("text/") {
                return None;
            }
            let css = one.strip_prefix("pierce/").unwrap_or(one);
            css.rsplit([' ', '>']).next()
        });
        ends.filter_map(|end| {
            let tag: String = end
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '-')
                .collect();
            tag.starts_with(|c: char| c.is_ascii_lowercase())
                .then_some(tag)
        })
        .next()
    }

    /// The words of its names and selectors, without what is written in it.
    pub(super) fn words(&self) -> Vec<String> {
        let parts = self.selectors.iter().flatten();
        let told: Vec<&str> = parts
            .filter(|part| !part.starts_with("text/"))
            .map(|part| part.split_once('/').map_or(part.as_str(), |(_, rest)| rest))
            .collect();
        // The attribute's own name says nothing of the field.
        words::words(&told.join(" ").replace("[name", "["))
    }

    pub(super) fn is_toggle(&self) -> bool {
        let typed = |kind: &str| {
            self.selectors.iter().flatten().any(|part| {
                part.contains(&format!("type='{kind}'"))
                    || part.contains(&format!("type=\"{kind}\""))
                    || part.contains(&format!("type={kind}]"))
            })
        };
        matches!(
            self.role(),
            Some("checkbox" | "radio" | "switch" | "menuitemcheckbox")
        ) || typed("checkbox")
            || typed("radio")
    }

    /// Whether it may be a checkbox or a radio button, by what the recording tells of it.
    pub(super) fn may_be_toggle(&self) -> bool {
        self.is_toggle()
            || self.role().is_none()
                && self.text().is_none()
                && matches!(self.tag().as_deref(), None | Some("input"))
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self.role(), Some("combobox" | "listbox"))
            || self.tag().as_deref() == Some("select")
    }

    pub(super) fn is_button_or_link(&self) -> bool {
        matches!(self.role(), Some("button" | "link" | "tab" | "menuitem"))
            || matches!(self.tag().as_deref(), Some("button" | "a"))
    }

    pub(super) fn is_label(&self) -> bool {
        self.tag().as_deref() == Some("label")
    }

    /// The selectors that hold whatever is written into it: names and texts change with it.
    pub(super) fn places(&self) -> impl Iterator<Item = &str> {
        self.single()
            .filter(|one| !one.starts_with("aria/") && !one.starts_with("text/"))
    }

    /// Whether both are the same element.
    pub(super) fn is(&self, other: &Element) -> bool {
        self.places()
            .any(|place| other.places().any(|its| its == place))
    }

    /// The steadiest name that flows know and that gives no secret away. `is_entered`: something
    /// was entered there.
    pub(super) fn choose(&self, secrets: &Secrets, is_entered: bool) -> Option<Chosen> {
        let usable = |css: &String| {
            css.len() <= MAX_SELECTOR_BYTES
                && !secrets.are_in(&unescaped(css))
                && Query::new(css).is_ok()
        };
        let plain = self.single().filter_map(|one| {
            if let Some(xpath) = one.strip_prefix("xpath/") {
                return css_of(xpath);
            }
            let other = ["aria/", "text/", "pierce/"];
            (!other.iter().any(|prefix| one.starts_with(prefix))).then(|| one.trim().to_owned())
        });
        let plain = plain.filter(usable).min_by_key(|css| cost(css));
        let is_steady = plain.as_ref().is_some_and(|css| cost(css) < UNSTEADY);
        let speakable = |words: &&str| {
            words.len() <= MAX_SELECTOR_BYTES
                && !secrets.are_in(words)
                && !words.contains(words::is_unseen)
        };
        let name = self.name().filter(speakable).map(str::to_owned);
        if !is_steady
            && let (Some(role), Some(name)) = (self.role(), &name)
            && let Some(target) = by_role(role, name)
        {
            let doubt = None;
            return Some(Chosen { target, doubt });
        }
        if let Some(css) = plain {
            let doubt = (!is_steady).then_some(Doubt::Place);
            let target = Target::Css(css);
            return Some(Chosen { target, doubt });
        }
        let pierced = self.with("pierce/").map(str::to_owned).filter(usable);
        let inside = || {
            // Through shadow roots, the last part alone says which element is meant.
            let chains = self.selectors.iter().filter(|chain| chain.len() > 1);
            let css = chains.filter(|chain| chain.iter().all(|part| !is_prefixed(part)));
            css.filter_map(|chain| chain.last().cloned()).find(usable)
        };
        if let Some(css) = pierced.or_else(inside) {
            let (target, doubt) = (Target::Css(css), Some(Doubt::Shadow));
            return Some(Chosen { target, doubt });
        }
        // What is to be read on a field is what was typed into it.
        let text = self.text().filter(speakable).filter(|_| !is_entered);
        let (kind, words) = match (name, text) {
            (Some(name), _) if is_entered => ("label", name),
            (_, Some(text)) => ("text", text.to_owned()),
            (Some(name), None) => ("text", name),
            (None, None) => return None,
        };
        let is_part = kind == "text" && words.chars().count() >= RECORDED_WHOLE;
        Some(Chosen {
            target: Target::Words(kind, words),
            doubt: is_part.then_some(Doubt::Text),
        })
    }
}

/// The element of this role and name, where flows know the role.
fn by_role(role: &str, name: &str) -> Option<Target> {
    let name = name.to_owned();
    match role {
        "button" => Some(Target::Words("button", name)),
        "link" => Some(Target::Words("link", name)),
        "textbox" | "searchbox" | "combobox" | "listbox" | "spinbutton" | "slider" | "checkbox"
        | "radio" | "switch" => Some(Target::Words("label", name)),
        "tab" | "menuitem" | "menuitemcheckbox" | "menuitemradio" | "option" | "cell"
        | "gridcell" | "row" | "listitem" | "heading" | "img" => {
            Some(Target::Role(role.to_owned(), name))
        }
        _ => None,
    }
}

fn is_prefixed(part: &str) -> bool {
    ["aria/", "text/", "pierce/", "xpath/"]
        .iter()
        .any(|prefix| part.starts_with(prefix))
}

const UNSTEADY: usize = 25;

/// How likely a selector is to fail when the page changes; an id or a name is steadiest.
fn cost(css: &str) -> usize {
    let last = css.rsplit([' ', '>']).next().unwrap_or_default();
    let anchored = |part: &str| {
        part.contains('#') || ["[name", "[data-", "[id="].iter().any(|a| part.contains(a))
    };
    let base = if last.starts_with('#') {
        0
    } else if anchored(last) {
        2
    } else if anchored(css) {
        8
    } else {
        UNSTEADY
    };
    let made_up = css
        .split('#')
        .skip(1)
        .filter_map(|rest| rest.split([' ', '>', '.', ':', '[']).next())
        .any(|id| words::is_id(id) || id.is_empty() || id.contains('\\'));
    let steps = css
        .split([' ', '>'])
        .filter(|part| !part.is_empty())
        .count();
    let nth = css.matches(":nth").count();
    base + steps.saturating_sub(1) * 2 + nth * 3 + if made_up { 2 * UNSTEADY } else { 0 }
}

/// An XPath of plain steps as CSS: `//*[@id="login"]/p[2]/button`.
fn css_of(xpath: &str) -> Option<String> {
    let (mut css, rest) = match xpath.strip_prefix("//*[@") {
        Some(rest) => {
            let (name, rest) = rest.split_once('=')?;
            let mut values = serde_json::Deserializer::from_str(rest).into_iter::<String>();
            let value = values.next()?.ok()?;
            let rest = rest.get(values.byte_offset()..)?.strip_prefix(']')?;
            let plain = value.starts_with(|c: char| c.is_ascii_alphabetic())
                && value
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
            let head = match name {
                "id" if plain => format!("#{value}"),
                _ => format!("[{name}={}]", quoted(&value)),
            };
            (head, rest)
        }
        None => (String::new(), xpath.strip_prefix('/')?),
    };
    for step in rest.split('/').filter(|step| !step.is_empty()) {
        let (tag, index) = match step.split_once('[') {
            Some((tag, index)) => (tag, Some(index.strip_suffix(']')?.parse::<u32>().ok()?)),
            None => (step, None),
        };
        let plain = tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !plain || tag.is_empty() {
            return None;
        }
        if !css.is_empty() {
            css.push_str(" > ");
        }
        css.push_str(tag);
        if let Some(index) = index {
            css.push_str(&format!(":nth-of-type({index})"));
        }
    }
    (!css.is_empty()).then_some(css)
}

/// A string of CSS.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\{:x} ", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// What a selector says once its escapes are read.
fn unescaped(css: &str) -> String {
    let mut out = String::new();
    let mut chars = css.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let mut hex = String::new();
        while hex.len() < 6
            && let Some(digit) = chars.next_if(char::is_ascii_hexdigit)
        {
            hex.push(digit);
        }
        if hex.is_empty() {
            out.extend(chars.next());
        } else {
            let code = u32::from_str_radix(&hex, 16).ok();
            out.extend(code.and_then(char::from_u32));
            chars.next_if(|c| c.is_whitespace());
        }
    }
    out
}
