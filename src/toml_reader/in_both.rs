//! Texts that people read, in both languages: `{ id = "…", en = "…" }`.

use super::{FromItem, Item, Reader};

/// How a text in both languages is written.
const IN_BOTH: &str = "{ id = \"…\", en = \"…\" }";

/// A text of one line, not empty, at most 200 characters.
#[derive(Clone)]
pub struct Line(pub String);

impl FromItem for Line {
    fn from_item(item: &Item<'_>) -> Option<Self> {
        let text = item.as_str().map(str::trim).filter(|text| {
            !text.is_empty() && text.chars().count() <= 200 && !text.contains(char::is_control)
        });
        if text.is_none() {
            item.expected("a text of one line, at most 200 characters");
        }
        text.map(|text| Line(text.to_owned()))
    }
}

impl Reader<'_> {
    /// A text in both languages, `key = { id = "…", en = "…" }`, or as the two keys of before.
    pub fn in_both<T: FromItem>(
        &mut self,
        key: &'static str,
        [old_id, old_en]: [&'static str; 2],
    ) -> Option<(T, T)> {
        let old: Vec<&'static str> = [old_id, old_en]
            .into_iter()
            .filter(|old| self.table.contains_key(*old))
            .collect();
        let item = self.item(key);
        let Some(first) = old.first() else {
            let Some(item) = item else {
                self.missing_text(key, format!("add `{key} = {IN_BOTH}` here"));
                return None;
            };
            if !item.is_table() {
                item.expected(&format!("a text in both languages, {IN_BOTH}"));
                self.failed.set(true);
                return None;
            }
            return self.both(&item);
        };
        if item.is_some() {
            for old in &old {
                self.item(old);
                self.place_of(old).problem_with_hint(
                    format!("`{key}` and `{old}` say the same"),
                    format!("take `{old}` out"),
                );
            }
            self.failed.set(true);
            return None;
        }
        let advice = self.place_of(first).advice(
            format!("`{old_id}` and `{old_en}` are one key now"),
            format!("write `{key} = {IN_BOTH}`"),
        );
        self.log.advice.borrow_mut().push(advice);
        let (id, en) = (self.required(old_id), self.required(old_en));
        id.zip(en)
    }

    /// A text in both languages, or one that stands for both, `key = "…"`; it must be there.
    pub fn one_or_both<T: FromItem + Clone>(&mut self, key: &'static str) -> Option<(T, T)> {
        let Some(item) = self.item(key) else {
            let hint = format!("add `{key} = \"…\"` or `{key} = {IN_BOTH}` here");
            self.missing_text(key, hint);
            return None;
        };
        if item.is_table() {
            return self.both(&item);
        }
        if item.as_str().is_none() {
            item.expected(&format!("a text, or one in both languages, {IN_BOTH}"));
            self.failed.set(true);
            return None;
        }
        let text: Option<T> = self.required(key);
        text.map(|text| (text.clone(), text))
    }

    fn both<T: FromItem>(&self, item: &Item<'_>) -> Option<(T, T)> {
        let mut table = item.table()?;
        let both = (table.required("id"), table.required("en"));
        self.failed.set(self.failed() || table.failed());
        table.finish();
        both.0.zip(both.1)
    }

    fn missing_text(&self, key: &str, hint: String) {
        self.failed.set(true);
        self.place()
            .problem_with_hint(format!("`{key}` is missing"), hint);
    }
}
