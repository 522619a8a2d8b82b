//! The controls of a form: which of them are sent, and with what value.

use std::collections::HashMap;

use ego_tree::NodeId;
use encoding_rs::Encoding;
use hyper::body::Bytes;
use scraper::{ElementRef, Selector};

use super::{
    Change, Dom, Field, FieldValue, File, FormError, ONLY_BY_ANOTHER, Query, too_long, unfit, what,
};
use crate::probe::dom::{select, text_of};

/// A page with changes made to its controls.
pub(super) struct Changed<'c> {
    values: HashMap<NodeId, &'c Change>,
    /// Radio buttons and checkboxes that were set, and what to.
    checked: HashMap<NodeId, bool>,
    /// The options that a select was set to.
    chosen: HashMap<NodeId, Vec<NodeId>>,
}

impl<'c> Changed<'c> {
    pub(super) fn new(dom: &Dom, changes: &'c [(Query, Change)]) -> Result<Self, FormError> {
        let mut changed = Changed {
            values: HashMap::new(),
            checked: HashMap::new(),
            chosen: HashMap::new(),
        };
        for (query, change) in changes {
            match change {
                Change::Choose(options) => changed.choose(dom, query, options)?,
                Change::Check(on) => {
                    let element = dom.only(query)?;
                    if !matches!(kind(element), "checkbox" | "radio") {
                        return Err(unfit(query, &format!("{}, no checkbox", what(element))));
                    }
                    usable(query, element)?;
                    if !on && kind(element) == "radio" {
                        return Err(unfit(query, ONLY_BY_ANOTHER));
                    }
                    changed.check(dom, element, *on);
                }
                Change::Fill(text) => {
                    let element = dom.only(query)?;
                    if !is_fillable(element) {
                        return Err(unfit(
                            query,
                            &format!("{}, which nobody can write into", what(element)),
                        ));
                    }
                    usable(query, element)?;
                    if element.attr("readonly").is_some() {
                        return Err(unfit(query, "read-only"));
                    }
                    takes(query, element, text)?;
                    changed.values.insert(element.id(), change);
                }
                Change::Upload(_) => {
                    let element = dom.only(query)?;
                    if kind(element) != "file" {
                        return Err(unfit(query, &format!("{}, no file field", what(element))));
                    }
                    usable(query, element)?;
                    changed.values.insert(element.id(), change);
                }
            }
        }
        Ok(changed)
    }

    fn check(&mut self, dom: &Dom, element: ElementRef<'_>, on: bool) {
        if on && kind(element) == "radio" {
            for other in radio_group(dom, element) {
                self.checked.insert(other.id(), false);
            }
        }
        self.checked.insert(element.id(), on);
    }

    fn choose(&mut self, dom: &Dom, query: &Query, wanted: &[String]) -> Result<(), FormError> {
        let mut found: Vec<ElementRef<'_>> = select(&dom.html, &query.selector).collect();
        if let [radio] = found[..]
            && kind(radio) == "radio"
            && radio.attr("name").is_some_and(|name| !name.is_empty())
        {
            found = radio_group(dom, radio);
        }
        match found.as_slice() {
            [] => dom.only(query).map(drop),
            [select] if select.value().name() == "select" => {
                usable(query, *select)?;
                self.choose_options(query, *select, wanted)
            }
            buttons
                if buttons
                    .iter()
                    .all(|b| matches!(kind(*b), "radio" | "checkbox")) =>
            {
                for wish in wanted {
                    let button = buttons.iter().find(|button| {
                        button.attr("value").unwrap_or("on") == wish
                            || label_of(dom, **button).is_some_and(|label| label == *wish)
                    });
                    let Some(button) = button else {
                        let has = buttons.iter().map(|b| b.attr("value").unwrap_or("on"));
                        return Err(no_option(query, wish, has));
                    };
                    usable(query, *button)?;
                    self.check(dom, *button, true);
                }
                Ok(())
            }
            [element] => Err(unfit(
                query,
                &format!("{}, which offers no choice", what(*element)),
            )),
            several => Err(FormError::Several(query.text.clone(), several.len())),
        }
    }

    fn choose_options(
        &mut self,
        query: &Query,
        select: ElementRef<'_>,
        wanted: &[String],
    ) -> Result<(), FormError> {
        let options = options(select);
        let mut chosen = Vec::new();
        for wish in wanted {
            let matching = options
                .iter()
                .find(|option| option_value(**option) == *wish)
                .or_else(|| {
                    options
                        .iter()
                        .find(|option| option_label(**option) == *wish)
                });
            let Some(option) = matching else {
                let has: Vec<String> = options.iter().map(|o| option_value(*o)).collect();
                return Err(no_option(query, wish, has.iter().map(String::as_str)));
            };
            if is_disabled_option(*option) {
                return Err(unfit(query, &format!("offering `{wish}` only disabled")));
            }
            chosen.push(option.id());
        }
        if chosen.len() > 1 && select.attr("multiple").is_none() {
            return Err(unfit(query, "a select for one option only"));
        }
        self.chosen.insert(select.id(), chosen);
        Ok(())
    }

    /// The entries of the form, in tree order, `button` being the one that was pressed.
    pub(super) fn fields(
        &self,
        dom: &Dom,
        form: ElementRef<'_>,
        button: Option<ElementRef<'_>>,
        encoding: &'static Encoding,
    ) -> Vec<Field> {
        let mut fields = Vec::new();
        for control in all(dom, "input, select, textarea, button") {
            let mine = form_of(dom, control).is_some_and(|owner| owner.id() == form.id());
            if mine && !is_disabled(control) && !in_datalist(control) {
                self.entries(control, button, encoding, &mut fields);
            }
        }
        fields
    }

    fn entries(
        &self,
        control: ElementRef<'_>,
        button: Option<ElementRef<'_>>,
        encoding: &'static Encoding,
        fields: &mut Vec<Field>,
    ) {
        let name = control.attr("name").unwrap_or_default();
        let pressed = button.is_some_and(|button| button.id() == control.id());
        let mut add = |value: FieldValue| {
            if !name.is_empty() {
                fields.push(Field {
                    name: name.to_owned(),
                    value,
                });
            }
        };
        match kind(control) {
            "image" => {
                if pressed {
                    let prefix = if name.is_empty() {
                        String::new()
                    } else {
                        format!("{name}.")
                    };
                    for axis in ["x", "y"] {
                        fields.push(Field::text(format!("{prefix}{axis}"), "0"));
                    }
                }
            }
            "submit" => {
                if pressed {
                    add(FieldValue::Text(
                        control.attr("value").unwrap_or_default().to_owned(),
                    ));
                }
            }
            "reset" | "button" => {}
            "checkbox" | "radio" => {
                let default = control.attr("checked").is_some();
                if self.checked.get(&control.id()).copied().unwrap_or(default) {
                    add(FieldValue::Text(
                        control.attr("value").unwrap_or("on").to_owned(),
                    ));
                }
            }
            "file" => {
                let file = match self.values.get(&control.id()) {
                    Some(Change::Upload(file)) => file.clone(),
                    _ => File {
                        name: String::new(),
                        media_type: "application/octet-stream".to_owned(),
                        bytes: Bytes::new(),
                    },
                };
                add(FieldValue::File(file));
            }
            "select" => {
                for value in self.selected(control) {
                    add(FieldValue::Text(value));
                }
            }
            "hidden" if name.eq_ignore_ascii_case("_charset_") => {
                add(FieldValue::Text(encoding.name().to_owned()));
            }
            _ => {
                let written = match self.values.get(&control.id()) {
                    Some(Change::Fill(text)) => Some(text.clone()),
                    _ => None,
                };
                let value = written.unwrap_or_else(|| match control.value().name() {
                    "textarea" => control.text().collect(),
                    _ => control.attr("value").unwrap_or_default().to_owned(),
                });
                add(FieldValue::Text(sanitized(control, value)));
            }
        }
    }

    /// The values of a select's selected options.
    fn selected(&self, select: ElementRef<'_>) -> Vec<String> {
        let options = options(select);
        if let Some(chosen) = self.chosen.get(&select.id()) {
            let chosen = options
                .iter()
                .filter(|option| chosen.contains(&option.id()));
            return chosen.map(|option| option_value(*option)).collect();
        }
        let marked: Vec<ElementRef<'_>> = options
            .iter()
            .copied()
            .filter(|o| o.attr("selected").is_some())
            .collect();
        let multiple = select.attr("multiple").is_some();
        let size = select
            .attr("size")
            .and_then(|size| size.parse::<u32>().ok())
            .unwrap_or(1);
        let mut selected = match (multiple, marked.last()) {
            (true, _) => marked,
            // Of several marked ones, a select for one option keeps the last.
            (false, Some(last)) => vec![*last],
            (false, None) if size <= 1 => options
                .into_iter()
                .find(|option| !is_disabled_option(*option))
                .into_iter()
                .collect(),
            (false, None) => Vec::new(),
        };
        selected.retain(|option| !is_disabled_option(*option));
        selected.into_iter().map(option_value).collect()
    }
}

/// What a field makes of a value, by the HTML standard's sanitization.
fn sanitized(control: ElementRef<'_>, value: String) -> String {
    if control.value().name() != "input" || kind(control) == "hidden" {
        return value;
    }
    let line = value.replace(['\r', '\n'], "");
    let only_if = |right: bool| if right { value.clone() } else { String::new() };
    match kind(control) {
        "email" | "url" => line.trim_matches([' ', '\t', '\x0c']).to_owned(),
        "number" => only_if(is_number(&value)),
        "date" => only_if(value.len() == 10 && value.parse::<jiff::civil::Date>().is_ok()),
        _ => line,
    }
}

/// Whether it is a floating-point number as HTML writes them.
fn is_number(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.');
    starts && !text.ends_with('.') && text.parse::<f64>().is_ok_and(f64::is_finite)
}

/// A field takes a text only if it keeps it.
fn takes(query: &Query, element: ElementRef<'_>, text: &str) -> Result<(), FormError> {
    let most = element.attr("maxlength").and_then(|most| most.parse().ok());
    if let Some(most) = most
        && text.encode_utf16().count() > most
    {
        return Err(unfit(query, &too_long(most)));
    }
    if !text.is_empty() && sanitized(element, text.to_owned()).is_empty() {
        return Err(unfit(
            query,
            &format!("{}, which does not take `{text}`", what(element)),
        ));
    }
    Ok(())
}

fn no_option<'o>(query: &Query, wish: &str, has: impl Iterator<Item = &'o str>) -> FormError {
    let mut has: Vec<&str> = has.filter(|value| !value.is_empty()).take(9).collect();
    if has.len() == 9 {
        has[8] = "…";
    }
    FormError::NoOption(query.text.clone(), wish.to_owned(), has.join(", "))
}

fn usable(query: &Query, element: ElementRef<'_>) -> Result<(), FormError> {
    if is_disabled(element) {
        Err(unfit(query, "disabled"))
    } else {
        Ok(())
    }
}

fn all<'d>(dom: &'d Dom, selector: &str) -> Vec<ElementRef<'d>> {
    match Selector::parse(selector) {
        Ok(selector) => select(&dom.html, &selector).collect(),
        Err(_) => Vec::new(),
    }
}

/// What a control is: an input's type (`text` where it is missing or unknown), a button's
/// type, else the element's name.
fn kind(element: ElementRef<'_>) -> &'static str {
    const INPUTS: [&str; 13] = [
        "hidden", "checkbox", "radio", "file", "submit", "image", "reset", "button", "password",
        "email", "url", "number", "date",
    ];
    let given = element.attr("type").unwrap_or_default();
    match element.value().name() {
        "input" => INPUTS
            .into_iter()
            .find(|kind| given.eq_ignore_ascii_case(kind))
            .unwrap_or("text"),
        "button" if given.eq_ignore_ascii_case("reset") => "reset",
        "button" if given.eq_ignore_ascii_case("button") => "button",
        "button" => "submit",
        "select" => "select",
        "textarea" => "textarea",
        _ => "other",
    }
}

fn is_fillable(element: ElementRef<'_>) -> bool {
    match element.value().name() {
        "textarea" => true,
        "input" => matches!(
            kind(element),
            "text" | "password" | "email" | "url" | "number" | "date"
        ),
        _ => false,
    }
}

pub(super) fn is_submit_button(element: ElementRef<'_>) -> bool {
    matches!(kind(element), "submit" | "image")
}

/// The form that a control belongs to: the one its `form` attribute names, else the one that was
/// open when the parser met the control, else the nearest around it.
pub(super) fn form_of<'d>(dom: &'d Dom, control: ElementRef<'d>) -> Option<ElementRef<'d>> {
    let is_form = |element: &ElementRef<'_>| element.value().name() == "form";
    if let Some(id) = control.attr("form") {
        return dom.by_id(id).filter(is_form);
    }
    let parsed = dom.owners.get(&control.id());
    let parsed = parsed.and_then(|owner| ElementRef::wrap(dom.html.tree.get(*owner)?));
    parsed.or_else(|| {
        control
            .ancestors()
            .filter_map(ElementRef::wrap)
            .find(is_form)
    })
}

/// Disabled itself, or in a disabled fieldset outside that fieldset's first legend.
pub(super) fn is_disabled(control: ElementRef<'_>) -> bool {
    if control.attr("disabled").is_some() {
        return true;
    }
    let ancestors = control.ancestors().filter_map(ElementRef::wrap);
    let mut disabled =
        ancestors.filter(|a| a.value().name() == "fieldset" && a.attr("disabled").is_some());
    disabled.any(|fieldset| {
        let legend = fieldset
            .child_elements()
            .find(|child| child.value().name() == "legend");
        !legend.is_some_and(|legend| control.ancestors().any(|a| a.id() == legend.id()))
    })
}

fn in_datalist(control: ElementRef<'_>) -> bool {
    control
        .ancestors()
        .filter_map(ElementRef::wrap)
        .any(|a| a.value().name() == "datalist")
}

fn radio_group<'d>(dom: &'d Dom, radio: ElementRef<'d>) -> Vec<ElementRef<'d>> {
    let owner = form_of(dom, radio).map(|form| form.id());
    let name = radio.attr("name").unwrap_or_default();
    let mut group = all(dom, "input");
    group.retain(|other| {
        kind(*other) == "radio"
            && !name.is_empty()
            && other.attr("name") == Some(name)
            && form_of(dom, *other).map(|form| form.id()) == owner
    });
    group
}

fn label_of(dom: &Dom, control: ElementRef<'_>) -> Option<String> {
    let by_id = control.attr("id").and_then(|id| {
        all(dom, "label")
            .into_iter()
            .find(|label| label.attr("for") == Some(id))
    });
    let around = || {
        control
            .ancestors()
            .filter_map(ElementRef::wrap)
            .find(|a| a.value().name() == "label")
    };
    by_id.or_else(around).map(text_of)
}

fn options(select: ElementRef<'_>) -> Vec<ElementRef<'_>> {
    let elements = select.descendants().filter_map(ElementRef::wrap);
    elements
        .filter(|element| element.value().name() == "option")
        .collect()
}

fn option_value(option: ElementRef<'_>) -> String {
    option
        .attr("value")
        .map_or_else(|| text_of(option), str::to_owned)
}

fn option_label(option: ElementRef<'_>) -> String {
    let label = option.attr("label").filter(|label| !label.is_empty());
    label.map_or_else(|| text_of(option), str::to_owned)
}

fn is_disabled_option(option: ElementRef<'_>) -> bool {
    let group = option.parent().and_then(ElementRef::wrap);
    let group_disabled =
        group.is_some_and(|g| g.value().name() == "optgroup" && g.attr("disabled").is_some());
    option.attr("disabled").is_some() || group_disabled
}
