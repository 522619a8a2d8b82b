//! Reading what flows and steps are called, and what history knows a step by.

use super::is_key;
use super::parts::Names;
use crate::domain::BilingualName;
use crate::domain::names::MAX_NAME_CHARS;
use crate::toml_reader::{Line, Reader};

/// The name of the flow or of a step.
pub(super) fn name(table: &mut Reader<'_>) -> Option<BilingualName> {
    let (Line(id), Line(en)) = table.one_or_both("name")?;
    let name = BilingualName::new(&id, &en);
    if name.is_empty() {
        let place = table.place_of("name");
        place.problem("`name` has nothing in it that can be seen");
        return None;
    }
    Some(name)
}

/// What the ladder and history know the step by.
pub(super) fn step_key(table: &mut Reader<'_>, names: &mut Names<'_>) -> Option<String> {
    let key = table.optional::<String>("key")?;
    let place = table.place_of("key");
    if !is_key(&key) || key.len() > MAX_NAME_CHARS {
        place.problem_with_hint(
            format!("`{key}` cannot be the key of a step"),
            "use lower-case letters, digits and hyphens",
        );
    } else if !names.is_first_step(&key) {
        place.problem_with_hint(
            format!("there are two steps with the key or name `{key}`"),
            "give each a key of its own",
        );
    }
    Some(key)
}
