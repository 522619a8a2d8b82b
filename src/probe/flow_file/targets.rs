//! Which element is meant, as a flow file writes it: a selector, or a table.
//!
//! Owns the keys of that table. Must not know what is done to the element.

use super::actions::only_in_browser;
use super::keys;
use super::parts::Names;
use crate::probe::target::{By, Sort, Target};
use crate::toml_reader::{Item, Reader, nearest};

/// What an element can be known by in a table.
const KNOWN_BY: [&str; 6] = ["css", "text", "label", "button", "link", "role"];
/// Roles that both engines know.
const ROLES: [&str; 66] = [
    "alert",
    "alertdialog",
    "application",
    "article",
    "banner",
    "button",
    "cell",
    "checkbox",
    "columnheader",
    "combobox",
    "complementary",
    "contentinfo",
    "definition",
    "dialog",
    "document",
    "feed",
    "figure",
    "form",
    "grid",
    "gridcell",
    "group",
    "heading",
    "img",
    "link",
    "list",
    "listbox",
    "listitem",
    "log",
    "main",
    "marquee",
    "math",
    "menu",
    "menubar",
    "menuitem",
    "menuitemcheckbox",
    "menuitemradio",
    "meter",
    "navigation",
    "none",
    "note",
    "option",
    "presentation",
    "progressbar",
    "radio",
    "radiogroup",
    "region",
    "row",
    "rowgroup",
    "rowheader",
    "scrollbar",
    "search",
    "searchbox",
    "separator",
    "slider",
    "spinbutton",
    "status",
    "switch",
    "tab",
    "table",
    "tablist",
    "tabpanel",
    "textbox",
    "timer",
    "toolbar",
    "tooltip",
    "tree",
];

/// The element that a value of the file names.
pub(super) fn target(item: &Item<'_>, names: &mut Names<'_>) -> Option<Target> {
    if item.as_str().is_some() {
        return names.css(item).map(Target::from);
    }
    if !item.is_table() {
        item.expected("a CSS selector, or a table such as { button = \"Kirim\" }");
        return None;
    }
    let mut table = item.table()?.with_keys(&keys::TARGET);
    let given: Vec<&'static str> = KNOWN_BY.into_iter().filter(|key| table.has(key)).collect();
    table.has("name");
    let by = match given[..] {
        [key] => known_by(key, &mut table, names),
        [] => {
            let keys = item.entries().unwrap_or_default();
            let near = keys.iter().find_map(|item| nearest(item.key(), KNOWN_BY));
            let hint = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("give one of: {}", KNOWN_BY.join(", ")),
            };
            let message = "the table does not say what the element is known by";
            item.place().problem_with_hint(message, hint);
            return None;
        }
        [one, other, ..] => {
            table.place_of(other).problem_with_hint(
                format!("an element is known by one thing, and this one by `{one}` and `{other}`"),
                "take one out; `in` and `nth` tell several apart",
            );
            None
        }
    };
    let nth = table.optional::<usize>("nth");
    if nth == Some(0) {
        let place = table.place_of("nth");
        place.problem_with_hint("`nth` is counted from 1", "write 1 for the first");
    }
    let within = table.item("in").map(|within| names.css(&within));
    let frame = table.item("frame").map(|frame| {
        only_in_browser(&frame, names, "`frame`");
        names.css(&frame)
    });
    let is_whole = !table.failed();
    table.finish();
    let missing =
        within.as_ref().is_some_and(Option::is_none) || frame.as_ref().is_some_and(Option::is_none);
    if !is_whole || missing || nth == Some(0) {
        return None;
    }
    Some(Target {
        nth,
        within: within.flatten(),
        frame: frame.flatten(),
        ..Target::new(by?, true)
    })
}

fn known_by(key: &'static str, table: &mut Reader<'_>, names: &mut Names<'_>) -> Option<By> {
    let item = table.item(key)?;
    let words = |item: &Item<'_>, names: &mut Names<'_>| {
        let words = names.template(item)?;
        if words.literal().is_some_and(|words| words.trim().is_empty())
            || item.as_str().is_some_and(str::is_empty)
        {
            item.place().problem_with_hint(
                format!("`{}` is empty", item.key()),
                "write the words that a person reads",
            );
            return None;
        }
        Some(words)
    };
    if let Some(name) = table.item("name").filter(|_| key != "role") {
        name.place().problem_with_hint(
            format!("`name` goes with `role`, and not with `{key}`"),
            format!("`{key}` holds the words itself: take `name` out"),
        );
    }
    match key {
        "css" => names.css(&item).map(By::Css),
        "role" => {
            let role: String = item.read()?;
            if !ROLES.contains(&role.as_str()) {
                let hint = match nearest(&role, ROLES) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => {
                        "e.g. `button`, `link`, `textbox`, `checkbox`, `combobox`, `tab`".to_owned()
                    }
                };
                item.place()
                    .problem_with_hint(format!("there is no role `{role}`"), hint);
                return None;
            }
            match table.item("name") {
                Some(name) => Some(By::Role(role, Some(words(&name, names)?))),
                None => Some(By::Role(role, None)),
            }
        }
        _ => {
            let sort = Sort::ALL.into_iter().find(|sort| sort.as_str() == key)?;
            Some(By::Words(sort, words(&item, names)?))
        }
    }
}
