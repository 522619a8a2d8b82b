//! Every text of the pages, in every language: Fluent files beside this one.

use std::borrow::Cow;
use std::collections::HashMap;

use fluent_templates::fluent_bundle::FluentValue;
use fluent_templates::{LanguageIdentifier, langid, static_loader};

use super::lang::Lang;

static_loader! {
    static FILES = {
        locales: "./src/web/texts",
        fallback_language: "en",
        // Marks around every argument would help where directions mix, but they end up in
        // copied text; templates use `<bdi>` there instead.
        customise: |bundle| bundle.set_use_isolating(false),
    };
}

const IDENTIFIERS: [LanguageIdentifier; Lang::COUNT] = [langid!("id"), langid!("en")];

/// A value put into a text: `"…".into()`, a `String`, or a number, which chooses the plural.
pub type Value = FluentValue<'static>;

/// The texts of one language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Texts {
    lang: Lang,
}

impl Texts {
    /// Of this language.
    pub fn of(lang: Lang) -> Texts {
        Texts { lang }
    }

    /// The language.
    pub fn lang(self) -> Lang {
        self.lang
    }

    /// A text without arguments. A key that does not exist comes back itself; a test
    /// sees to it that there is none.
    pub fn get(self, key: &str) -> String {
        self.look_up(key, None)
    }

    /// A text with arguments.
    pub fn with<const N: usize>(self, key: &str, arguments: [(&'static str, Value); N]) -> String {
        let arguments: HashMap<Cow<'static, str>, Value> = arguments
            .into_iter()
            .map(|(name, value)| (Cow::Borrowed(name), value))
            .collect();
        self.look_up(key, Some(&arguments))
    }

    fn look_up(self, key: &str, arguments: Option<&HashMap<Cow<'static, str>, Value>>) -> String {
        let identifier = &IDENTIFIERS[self.lang.index()];
        FILES
            .lookup_single_language(identifier, key, arguments)
            .unwrap_or_else(|error| {
                tracing::error!(key, lang = self.lang.tag(), %error, "a text is missing");
                key.to_owned()
            })
    }
}
