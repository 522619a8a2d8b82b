//! The controls of a form: which of them are sent, and with what value.

use std::collections::HashMap;

use ego_tree::NodeId;
use encoding_rs::Encoding;
use hyper::body::Bytes;
use scraper::{ElementRef, Selector};

use super::disabled::is_disabled;
use super::kinds::{is_fillable, kind, sanitized};
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
        changed.settle_radio_buttons(dom);
        for (query, change) in changes {
            if dom.lacks_optional(query) {
                continue;
            }
            match change {
                Change::Choose(options) => changed.choose(dom, query, options)?,
                Change::Check(on) => {
                    let element = dom.only(query)?;
                    if !matches!(kind(element), "checkbox" | "radio") {
                        return Err(unfit(query, &format!("{}, no checkbox", what(element))));
                    }
                    usable(dom, query, element)?;
                    if !on && kind(element) == "radio" {
                        return Err(unfit(query, ONLY_BY_ANOTHER));
                    }
                    changed.check(dom, element, *on);
                }
                Change::Fill(text) => {
                    let element = dom.only(query)?;
                    if kind(element) == "select" {
                        changed.choose(dom, query, std::slice::from_ref(text))?;
                        continue;
                    }
                    if !is_fillable(element) {
                        return Err(unfit(
                            query,
                            &format!("{}, which nobody can write into", what(element)),
                        ));
                    }
                    usable(dom, query, element)?;
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
                    usable(dom, query, element)?;
                    changed.values.insert(element.id(), change);
                }
            }
        }
        Ok(changed)
    }

    /// Of a group of which several are marked, the last stays so.
    fn settle_radio_buttons(&mut self, dom: &Dom) {
        let mut last: HashMap<_, NodeId> = HashMap::new();
        for radio in all(dom, "input[type=radio i][checked][name]") {
            let name = radio.attr("name").unwrap_or_default();
            let owner = form_of(dom, radio).map(|form| form.id());
            if let Some(before) = last.insert((owner, name), radio.id()) {
                self.checked.insert(before, false);
            }
        }
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
        let mut found = dom.find(query);
        if let [radio] = found[..]
            && kind(radio) == "radio"
            && radio.attr("name").is_some_and(|name| !name.is_empty())
        {
            found = radio_group(dom, radio);
        }
        match found.as_slice() {
            [] => dom.only(query).map(drop),
            [select] if select.value().name() == "select" => {
                usable(dom, query, *select)?;
                self.choose_options(query, *select, wanted)
            }
            buttons
                if buttons
                    .iter()
                    .all(|b| matches!(kind(*b), "radio" | "checkbox")) =>
            {
                let labels = labels(dom);
                for wish in wanted {
                    let button = buttons.iter().find(|button| {
                        button.attr("value").unwrap_or("on") == wish
                            || label_of(&labels, **button).is_some_and(|label| label == *wish)
                    });
                    let Some(button) = button else {
                        let has = buttons.iter().map(|b| b.attr("value").unwrap_or("on"));
                        return Err(no_option(query, wish, has));
                    };
                    usable(dom, query, *button)?;
                    self.check(dom, *button, true);
                }
                Ok(())
            }
            [element] => Err(unfit(
                query,
                &format!("{}, which offers no choice", what(*element)),
            )),
            several => Err(dom.several(query, several)),
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
        for control in listed(dom) {
            let mine = form_of(dom, control).is_some_and(|owner| owner.id() == form.id());
            if mine && !is_disabled(dom, control) {
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
                if self.is_checked(control) {
                    add(FieldValue::Text(
                        control.attr("value").unwrap_or("on").to_owned(),
                    ));
                }
            }
            "file" => {
                let file = self.file(control).cloned().unwrap_or_else(|| File {
                    name: String::new(),
                    media_type: "application/octet-stream".to_owned(),
                    bytes: Bytes::new(),
                });
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
            kind => {
                add(FieldValue::Text(self.value(control)));
                let direction = control.attr("dirname").unwrap_or_default();
                let has_direction = !matches!(
                    kind,
                    "number"
                        | "range"
                        | "color"
                        | "date"
                        | "month"
                        | "week"
                        | "time"
                        | "datetime-local"
                );
                if has_direction && !direction.is_empty() && !name.is_empty() {
                    let is = self.direction(control);
                    fields.push(Field::text(direction, is));
                }
            }
        }
    }

    /// Whether a radio button or checkbox is set. Of a group marked more than once the last is.
    pub(super) fn is_checked(&self, control: ElementRef<'_>) -> bool {
        let default = control.attr("checked").is_some();
        self.checked.get(&control.id()).copied().unwrap_or(default)
    }

    /// The file that was put on a field.
    pub(super) fn file(&self, control: ElementRef<'_>) -> Option<&File> {
        match self.values.get(&control.id()) {
            Some(Change::Upload(file)) => Some(file),
            _ => None,
        }
    }

    /// Whether something was written into a field.
    pub(super) fn is_filled(&self, control: ElementRef<'_>) -> bool {
        matches!(self.values.get(&control.id()), Some(Change::Fill(_)))
    }

    /// What stands in a field.
    pub(super) fn value(&self, control: ElementRef<'_>) -> String {
        let value = match self.values.get(&control.id()) {
            Some(Change::Fill(text)) => text.clone(),
            _ if control.value().name() == "textarea" => control.text().collect(),
            _ => control.attr("value").unwrap_or_default().to_owned(),
        };
        sanitized(control, value)
    }

    /// Whether nothing but the placeholder of a select is chosen.
    pub(super) fn lacks_choice(&self, select: ElementRef<'_>) -> bool {
        let options = options(select);
        let chosen = self.selected_options(select);
        let Some(first) = chosen.first() else {
            return true;
        };
        let is_single = select.attr("multiple").is_none() && size_of(select) <= 1;
        is_single
            && options
                .first()
                .is_some_and(|option| option.id() == first.id())
            && option_value(*first).is_empty()
            && first
                .parent()
                .is_some_and(|parent| parent.id() == select.id())
    }

    /// The direction in which a field's text runs.
    fn direction(&self, control: ElementRef<'_>) -> &'static str {
        let around = std::iter::once(control)
            .chain(control.ancestors().filter_map(ElementRef::wrap))
            .find_map(|element| {
                let given = element.attr("dir")?.to_ascii_lowercase();
                matches!(&*given, "ltr" | "rtl" | "auto").then_some((given, element))
            });
        match around {
            Some((given, _)) if given == "rtl" => "rtl",
            // Only the field's own text counts here.
            Some((given, element)) if given == "auto" && element.id() == control.id() => {
                let first = self.value(control).chars().find_map(|c| match c {
                    '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}' => {
                        Some("rtl")
                    }
                    c => c.is_alphabetic().then_some("ltr"),
                });
                first.unwrap_or("ltr")
            }
            _ => "ltr",
        }
    }

    /// The values of a select's selected options, as far as they are sent.
    fn selected(&self, select: ElementRef<'_>) -> Vec<String> {
        let mut selected = self.selected_options(select);
        selected.retain(|option| !is_disabled_option(*option));
        selected.into_iter().map(option_value).collect()
    }

    fn selected_options<'d>(&self, select: ElementRef<'d>) -> Vec<ElementRef<'d>> {
        let options = options(select);
        if let Some(chosen) = self.chosen.get(&select.id()) {
            let options = options.into_iter();
            return options
                .filter(|option| chosen.contains(&option.id()))
                .collect();
        }
        let marked: Vec<ElementRef<'_>> = options
            .iter()
            .copied()
            .filter(|o| o.attr("selected").is_some())
            .collect();
        match (select.attr("multiple").is_some(), marked.last()) {
            (true, _) => marked,
            // Of several marked ones, a select for one option keeps the last.
            (false, Some(last)) => vec![*last],
            (false, None) if size_of(select) <= 1 => options
                .into_iter()
                .find(|option| !is_disabled_option(*option))
                .into_iter()
                .collect(),
            (false, None) => Vec::new(),
        }
    }
}

/// How many options a select shows.
fn size_of(select: ElementRef<'_>) -> u32 {
    let size = select.attr("size").and_then(|size| size.parse().ok());
    size.filter(|size| *size > 0).unwrap_or(1)
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

fn usable(dom: &Dom, query: &Query, element: ElementRef<'_>) -> Result<(), FormError> {
    if is_disabled(dom, element) {
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

pub(super) fn is_submit_button(element: ElementRef<'_>) -> bool {
    matches!(kind(element), "submit" | "image")
}

/// Whether Enter in a field sends its form, as browsers do it.
pub(super) fn submits_by_enter(element: ElementRef<'_>) -> bool {
    let is_input = element.value().name() == "input";
    is_input
        && !matches!(
            kind(element),
            "hidden" | "file" | "button" | "reset" | "color"
        )
}

/// The button that Enter in one of a form's fields presses.
pub(super) fn default_button<'d>(dom: &'d Dom, form: ElementRef<'d>) -> Option<ElementRef<'d>> {
    let mut controls = listed(dom).into_iter();
    controls.find(|control| {
        is_submit_button(*control)
            && form_of(dom, *control).is_some_and(|owner| owner.id() == form.id())
    })
}

/// Whether a form without a button has too many fields to be sent by Enter.
pub(super) fn needs_button(dom: &Dom, form: ElementRef<'_>) -> bool {
    let texts = listed(dom).into_iter().filter(|control| {
        let is_text =
            !matches!(kind(*control), "checkbox" | "radio" | "range") && submits_by_enter(*control);
        is_text && form_of(dom, *control).is_some_and(|owner| owner.id() == form.id())
    });
    texts.take(2).count() > 1
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

/// The controls that forms have, in the page's order.
pub(super) fn listed(dom: &Dom) -> Vec<ElementRef<'_>> {
    all(dom, "input, select, textarea, button")
}

pub(super) fn in_datalist(control: ElementRef<'_>) -> bool {
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

/// The labels of a page by the id that they are for; the first of each.
fn labels(dom: &Dom) -> HashMap<&str, ElementRef<'_>> {
    let mut labels = HashMap::new();
    for label in all(dom, "label[for]") {
        labels
            .entry(label.attr("for").unwrap_or_default())
            .or_insert(label);
    }
    labels
}

fn label_of(labels: &HashMap<&str, ElementRef<'_>>, control: ElementRef<'_>) -> Option<String> {
    let by_id = control.attr("id").and_then(|id| labels.get(id).copied());
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

/// An option's text as browsers take it: only white space of ASCII is folded.
fn words_of(option: ElementRef<'_>) -> String {
    let text: String = option.text().collect();
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

fn option_value(option: ElementRef<'_>) -> String {
    option
        .attr("value")
        .map_or_else(|| words_of(option), str::to_owned)
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
